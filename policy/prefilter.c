/*
 * prefilter.c - which of many regular expressions can match at all.
 *
 * Of each expression one set of literals is chosen of which a match must contain one. All
 * of them together are looked for at once, by the automaton of Aho and Corasick
 * (Communications of the ACM 18, 1975, pages 333 to 340). Its edges are in one table with
 * open addressing: they are few, and a table of 256 for each state is large.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/prefilter.h"

#include <stdlib.h>
#include <string.h>

#include "policy/literal.h"
#include "base/arena.h"
#include "base/array.h"

#define STATES_MAX ((size_t)1 << 24)

struct state {
	uint32_t parent;
	uint32_t fail;		/* the state of the longest suffix that has one */
	uint32_t shorter;	/* the next state along "fail" with finds; 0: none */
	uint32_t finds;		/* an index of finds + 1; 0: none */
	unsigned char byte;
	unsigned char depth;
};

/* An edge from state "from >> 8" for the byte "from & 0xff"; to 0: a free one. */
struct edge {
	uint32_t from;
	uint32_t to;
};

/* That a literal of a regular expression ends in a state. */
struct find {
	uint32_t regex;
	uint32_t next;		/* an index + 1; 0: none */
};

struct prefilter {
	size_t words;
	uint64_t *always;	/* expressions without literals */
	size_t unfiltered;
	struct state *states;	/* the first is the root */
	size_t state_count;
	size_t state_room;
	struct edge *edges;
	size_t edge_count;	/* a power of two */
	struct find *finds;
	size_t find_count;
	size_t find_room;
	uint32_t first[256];	/* the root's edges */
};

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t
edge_slot(const struct prefilter *f, uint32_t from)
{
	size_t mask = f->edge_count - 1;
	size_t at = (size_t)((from * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;

	while (f->edges[at].to != 0 && f->edges[at].from != from)
		at = (at + 1) & mask;
	return at;
}

/* The state that follows, or 0. */
static uint32_t
follow(const struct prefilter *f, uint32_t state, unsigned char byte)
{
	if (state == 0)
		return f->first[byte];
	return f->edges[edge_slot(f, state << 8 | byte)].to;
}

static bool
grow_edges(struct prefilter *f)
{
	struct edge *old = f->edges;
	size_t count = f->edge_count;

	if (f->state_count * 2 < count)
		return true;
	f->edge_count = count == 0 ? 256 : count * 2;
	f->edges = calloc(f->edge_count, sizeof(*f->edges));
	if (f->edges == NULL) {
		f->edges = old;
		f->edge_count = count;
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (old[i].to != 0)
			f->edges[edge_slot(f, old[i].from)] = old[i];
	free(old);
	return true;
}

/* The state behind "state" for a byte, made if need be; 0 when memory is short. */
static uint32_t
add_state(struct prefilter *f, uint32_t state, unsigned char byte)
{
	uint32_t next = follow(f, state, byte);
	struct state *states;

	if (next != 0)
		return next;
	states = array_reserve(f->states, f->state_count + 1, &f->state_room) ? f->states :
	    NULL;
	if (states == NULL)
		return 0;
	f->states = states;
	if (!grow_edges(f))
		return 0;
	next = (uint32_t)f->state_count++;
	states[next] = (struct state){ .parent = state, .byte = byte,
	    .depth = (unsigned char)(states[state].depth + 1) };
	if (state == 0)
		f->first[byte] = next;
	else
		f->edges[edge_slot(f, state << 8 | byte)] =
		    (struct edge){ state << 8 | byte, next };
	return next;
}

static bool
add_literal(struct prefilter *f, const struct literal *literal, size_t regex)
{
	struct find *finds;
	uint32_t state = 0;

	for (size_t i = 0; i < literal->length; i++)
		if ((state = add_state(f, state, (unsigned char)literal->text[i])) == 0)
			return false;
	finds = array_reserve(f->finds, f->find_count + 1, &f->find_room) ? f->finds : NULL;
	if (finds == NULL)
		return false;
	f->finds = finds;
	finds[f->find_count++] = (struct find){ (uint32_t)regex, f->states[state].finds };
	f->states[state].finds = (uint32_t)f->find_count;
	return true;
}

/* Where a literal is counted; that two may share a place does no harm. */
static uint32_t *
counter(uint32_t *counts, size_t mask, const struct literal *literal)
{
	uint64_t h = literal->length;

	for (size_t i = 0; i < literal->length; i++)
		h = (h ^ (unsigned char)literal->text[i]) * UINT64_C(0x100000001b3);
	return &counts[(h ^ h >> 32) & mask];
}

/* What a set costs: how many expressions its literals stand for. Short ones hit often. */
static size_t
cost(const struct literal_set *set, uint32_t *counts, size_t mask)
{
	size_t shortest = literal_shortest(set), sum = 0;

	for (size_t i = 0; i < set->count; i++)
		sum += *counter(counts, mask, &set->literals[i]);
	return sum * (shortest == 2 ? 8 : shortest == 3 ? 3 : 1);
}

static const struct literal_set *
cheapest(const struct literals *literals, uint32_t *counts, size_t mask)
{
	const struct literal_set *best = NULL;
	size_t least = 0;

	for (size_t i = 0; i < literals->count; i++) {
		const struct literal_set *set = &literals->sets[i];
		size_t its = cost(set, counts, mask);

		if (best == NULL || its < least || (its == least &&
		    literal_shortest(set) > literal_shortest(best))) {
			best = set;
			least = its;
		}
	}
	return best;
}

static bool
add_regex(struct prefilter *f, const struct prefilter_text *regex, size_t number,
    uint32_t *counts, size_t mask)
{
	const struct literal_set *set;
	struct literals literals;

	literal_find(regex->text, regex->length, &literals);
	set = cheapest(&literals, counts, mask);
	if (set == NULL ||
	    f->state_count + (size_t)LITERAL_MAX * LITERAL_ALTERNATIVES > STATES_MAX) {
		f->always[number / 64] |= UINT64_C(1) << number % 64;
		f->unfiltered++;
		return true;
	}
	for (size_t i = 0; i < set->count; i++)
		if (!add_literal(f, &set->literals[i], number))
			return false;
	return true;
}

/* Adds all; before that each literal is counted, so that a rare one can be chosen. */
static bool
add_all(struct prefilter *f, const struct prefilter_text *regexes, size_t count)
{
	size_t mask = 1023;
	struct literals literals;
	uint32_t *counts;
	bool done = true;

	while (mask < count * 8)
		mask = mask * 2 + 1;
	if ((counts = calloc(mask + 1, sizeof(*counts))) == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		literal_find(regexes[i].text, regexes[i].length, &literals);
		for (size_t j = 0; j < literals.count; j++)
			for (size_t k = 0; k < literals.sets[j].count; k++)
				++*counter(counts, mask, &literals.sets[j].literals[k]);
	}
	for (size_t i = 0; i < count && done; i++)
		done = add_regex(f, &regexes[i], i, counts, mask);
	free(counts);
	return done;
}

static void
link_state(struct prefilter *f, uint32_t number)
{
	struct state *state = &f->states[number];
	uint32_t at = f->states[state->parent].fail, next;

	if (state->parent == 0)
		return;
	while ((next = follow(f, at, state->byte)) == 0 && at != 0)
		at = f->states[at].fail;
	state->fail = next;
	state->shorter = f->states[next].finds != 0 ? next : f->states[next].shorter;
}

/* By depth, for a state's "fail" is found by that of a shorter one. */
static void
link_states(struct prefilter *f)
{
	for (unsigned depth = 2; depth <= LITERAL_MAX; depth++)
		for (size_t i = 1; i < f->state_count; i++)
			if (f->states[i].depth == depth)
				link_state(f, (uint32_t)i);
}

struct prefilter *
prefilter_new(const struct prefilter_text *regexes, size_t count)
{
	struct prefilter *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->words = (count + 63) / 64;
	f->always = calloc(f->words + 1, sizeof(*f->always));
	(void)array_reserve(f->states, 1, &f->state_room);
	if (f->always == NULL || f->states == NULL)
		goto fail;
	f->states[0] = (struct state){ 0 };
	f->state_count = 1;
	if (!grow_edges(f) || !add_all(f, regexes, count))
		goto fail;
	link_states(f);
	return f;
fail:
	prefilter_free(&f);
	return NULL;
}

void
prefilter_free(struct prefilter **prefilter)
{
	struct prefilter *f = *prefilter;

	if (f == NULL)
		return;
	free(f->always);
	free(f->states);
	free(f->edges);
	free(f->finds);
	free(f);
	*prefilter = NULL;
}

static void
note_finds(const struct prefilter *f, uint32_t state, uint64_t *candidates)
{
	for (; state != 0; state = f->states[state].shorter)
		for (uint32_t at = f->states[state].finds; at != 0;
		    at = f->finds[at - 1].next) {
			uint32_t regex = f->finds[at - 1].regex;

			candidates[regex / 64] |= UINT64_C(1) << regex % 64;
		}
}

bool
prefilter_candidates(const struct prefilter *f, const char *subject, size_t length,
    uint64_t candidates[PREFILTER_WORDS])
{
	uint32_t state = 0, next;

	memcpy(candidates, f->always, f->words * sizeof(*candidates));
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = lower(subject[i]);

		if (byte >= 0x80)
			return false;
		while ((next = follow(f, state, byte)) == 0 && state != 0)
			state = f->states[state].fail;
		state = next;
		if (f->states[state].finds != 0 || f->states[state].shorter != 0)
			note_finds(f, state, candidates);
	}
	return true;
}

size_t
prefilter_unfiltered(const struct prefilter *f)
{
	return f->unfiltered;
}
