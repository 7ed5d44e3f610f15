/*
 * passage.c - what the errors in a passage of a log mean, and which is the root.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/passage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "review/log_input.h"
#include "base/array.h"
#include "base/file.h"
#include "base/intern.h"

/* Of a longer text, a log, the lines alone that look like errors are matched. */
#define PASSAGE_SHORT ((size_t)1024 * 1024)
/* A pattern that ran into its limit so often is left out. */
#define COSTLY_MOST 50
#define NO_PATTERN SIZE_MAX
#define KEY_MOST 200
/* So many different lines of a log are kept, for those that come again. */
#define LINES_MOST 50000
/* So many pieces are looked at for whose log it is. */
#define SYSTEM_PIECES 500

/* What was logged together. */
struct group {
	size_t root;		/* the least pattern of it; NO_PATTERN: none is known */
	struct passage_part peer;
};

/* What an entry, or none, comes to in the passage. */
struct tell {
	size_t pattern;		/* the least of it that matched */
	struct passage_finding finding;
	size_t first;		/* piece */
	struct passage_part peer;
	bool other_peers;
};

struct diagnosing {
	struct diagnoses *diagnoses;
	struct passage_rules rules;
	struct passage_pieces pieces;
	uint32_t allowed;	/* systems that count before others; 0: all do */
	bool is_log;
	struct buffer text;
	struct intern keys;
	struct intern lines;	/* of a log, that were matched, */
	size_t *known;		/* and their patterns, or NO_PATTERN */
	size_t known_room;
	size_t *open;		/* by key: its last group, and one more */
	size_t open_room;
	struct group *groups;
	size_t group_count, group_room;
	size_t *matches;	/* by piece: the least pattern, or NO_PATTERN; */
	size_t *belongs;	/* its group */
	struct tell *tells;	/* by entry, and behind them of what is not known */
	struct passage *passage;
};

/* Whose texts may stand in the log of a system. */
static const uint32_t related[SYSTEM_COUNT] = {
	[SYSTEM_DOMINO] = 1u << SYSTEM_OPENSSL | 1u << SYSTEM_JAVA,
	[SYSTEM_EXCHANGE] = 1u << SYSTEM_SCHANNEL | 1u << SYSTEM_DOTNET |
	    1u << SYSTEM_EXCHANGE_ONLINE,
	[SYSTEM_EXCHANGE_ONLINE] = 1u << SYSTEM_EXCHANGE | 1u << SYSTEM_SCHANNEL,
	[SYSTEM_POSTFIX] = 1u << SYSTEM_OPENSSL, [SYSTEM_SENDMAIL] = 1u << SYSTEM_OPENSSL,
	[SYSTEM_EXIM] = 1u << SYSTEM_OPENSSL | 1u << SYSTEM_GNUTLS,
	[SYSTEM_DOTNET] = 1u << SYSTEM_SCHANNEL, [SYSTEM_QMAIL] = 1u << SYSTEM_OPENSSL,
};

/* ------------------------------------------------------------------ *
 * What a piece means
 * ------------------------------------------------------------------ */

/* The pattern's number that counts of those that match, or "least" where none before does. */
static size_t
best_pattern(const struct diagnosing *run, bool others, size_t least)
{
	struct diagnoses *all = run->diagnoses;

	for (size_t i = 0; i < least; i++) {
		uint32_t systems = all->entries[all->patterns[i].entry].systems;
		bool allowed = run->allowed == 0 || systems == 0 ||
		    (systems & run->allowed) != 0;

		if (allowed != others && all->patterns[i].costly < COSTLY_MOST &&
		    diagnoses_pattern_matches(all, &all->patterns[i], run->text.text,
		    run->text.length))
			return i;
	}
	return least;
}

/* Makes one blank of several: what was copied out of a table, or set with tabs. */
static void
squeeze_blanks(struct buffer *text)
{
	size_t to = 0;

	for (size_t from = 0; from < text->length; from++)
		if (text->text[from] != ' ' || to == 0 || text->text[to - 1] != ' ')
			text->text[to++] = text->text[from];
	text->length = to;
}

/* The least pattern that matches a piece, in whatever way that is read. */
static size_t
piece_pattern(struct diagnosing *run, const struct passage_piece *piece)
{
	size_t none = run->diagnoses->pattern_count, best = none;

	for (int others = 0; others < 2 && best == none; others++)
		for (size_t i = 0; passage_text(&run->pieces, piece, i, &run->text); i++) {
			if (run->text.failed)
				return NO_PATTERN;
			squeeze_blanks(&run->text);
			best = best_pattern(run, others, best);
		}
	return best == none ? NO_PATTERN : best;
}

/* Whether the piece, all of its lines joined, is as a rule says. */
static bool
piece_meets(struct diagnosing *run, const struct passage_piece *piece,
    enum passage_rule rule)
{
	return passage_text(&run->pieces, piece, 0, &run->text) && !run->text.failed &&
	    passage_rule_meets(&run->rules, rule, run->text.text, run->text.length, NULL);
}

/* Of a log, what nobody would look at is not matched. */
static bool
is_worth(struct diagnosing *run, const struct passage_piece *piece)
{
	return piece_meets(run, piece, RULE_ERROR) || piece_meets(run, piece, RULE_HINT);
}

/* ------------------------------------------------------------------ *
 * What belongs together
 * ------------------------------------------------------------------ */

/*
 * Who logged the piece; else in which paragraph it is. *added: it is the first of those.
 * INTERN_NONE: memory is short.
 */
static uint32_t
piece_key(struct diagnosing *run, const struct passage_piece *piece, bool *added)
{
	const struct passage_line *line = &run->pieces.lines[piece->first];
	char paragraph[32];

	for (enum passage_rule rule = RULE_THREAD; rule <= RULE_MESSAGE; rule++) {
		struct passage_part part;

		if (passage_rule_meets(&run->rules, rule, line->text, line->length, &part))
			return intern_add(&run->keys, part.text, part.length < KEY_MOST ?
			    part.length : KEY_MOST, added);
	}
	(void)snprintf(paragraph, sizeof(paragraph), "\n%zu", piece->paragraph);
	return intern_add(&run->keys, paragraph, strlen(paragraph), added);
}

/* Whether a line is of another session than the lines before it that have its key. */
static bool
begins_session(const struct diagnosing *run, const struct group *group,
    const struct passage_line *line, const struct passage_part *peer)
{
	return passage_rule_meets(&run->rules, RULE_EVENT, line->text, line->length, NULL) ||
	    passage_rule_meets(&run->rules, RULE_CONNECT, line->text, line->length, NULL) ||
	    (peer->length > 0 && group->peer.length > 0 &&
	    (peer->length != group->peer.length ||
	    memcmp(peer->text, group->peer.text, peer->length) != 0));
}

/* The group of a piece; NULL: memory is short. */
static struct group *
piece_group(struct diagnosing *run, const struct passage_piece *piece)
{
	const struct passage_line *line = &run->pieces.lines[piece->first];
	struct passage_part peer = { NULL, 0 };
	bool added;
	uint32_t key = piece_key(run, piece, &added);
	struct group *group;

	if (key == INTERN_NONE || !array_reserve(run->open, (size_t)key + 1, &run->open_room))
		return NULL;
	if (added)
		run->open[key] = 0;
	(void)passage_rule_meets(&run->rules, RULE_PEER, line->text, line->length, &peer);
	group = run->open[key] == 0 ? NULL : &run->groups[run->open[key] - 1];
	if (group == NULL || begins_session(run, group, line, &peer)) {
		if (!array_reserve(run->groups, run->group_count + 1, &run->group_room))
			return NULL;
		group = &run->groups[run->group_count++];
		*group = (struct group){ .root = NO_PATTERN };
		run->open[key] = run->group_count;
	}
	if (peer.length > 0)
		group->peer = peer;
	return group;
}

/*
 * The same of a log, in which most lines come again and again: those that differ in the
 * figures of their time and their process alone are matched once.
 */
static size_t
log_pattern(struct diagnosing *run, const struct passage_piece *piece)
{
	const struct passage_line *line = &run->pieces.lines[piece->first];
	struct passage_part process = { NULL, 0 };
	size_t head = 0;
	uint32_t number;
	bool added = false;

	if (!is_worth(run, piece))
		return NO_PATTERN;
	if (passage_rule_meets(&run->rules, RULE_PROCESS, line->text, line->length, &process))
		head = (size_t)(process.text + process.length - line->text);
	for (size_t i = 0; i < head && i < run->text.length; i++)
		if (run->text.text[i] >= '0' && run->text.text[i] <= '9')
			run->text.text[i] = '0';
	number = run->lines.count < LINES_MOST ?
	    intern_add(&run->lines, run->text.text, run->text.length, &added) :
	    intern_find(&run->lines, run->text.text, run->text.length);
	if (number == INTERN_NONE)
		return piece_pattern(run, piece);
	if (!array_reserve(run->known, (size_t)number + 1, &run->known_room)) {
		run->text.failed = true;
		return NO_PATTERN;
	}
	if (added)
		run->known[number] = piece_pattern(run, piece);
	return run->known[number];
}

/* Matches all pieces and puts them into groups. False: memory is short. */
static bool
match_pieces(struct diagnosing *run)
{
	for (size_t i = 0; i < run->pieces.count; i++) {
		const struct passage_piece *piece = &run->pieces.pieces[i];
		struct group *group = piece_group(run, piece);

		if (group == NULL)
			return false;
		run->belongs[i] = (size_t)(group - run->groups);
		run->matches[i] = run->is_log ? log_pattern(run, piece) :
		    piece_pattern(run, piece);
		if (run->matches[i] < group->root)
			group->root = run->matches[i];
		if (run->text.failed)
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * What is told
 * ------------------------------------------------------------------ */

/* A text of the passage's own; NULL: memory is short. */
static const char *
keep_said(struct diagnosing *run, const char *text, size_t length)
{
	return arena_text(&run->passage->arena, text, length);
}

static void
tell_piece(struct diagnosing *run, struct tell *tell, size_t number)
{
	const struct passage_piece *piece = &run->pieces.pieces[number];
	struct passage_finding *finding = &tell->finding;

	if (finding->count++ == 0)
		tell->first = number;
	if (finding->line_count == PASSAGE_LINES_MAX ||
	    !passage_text(&run->pieces, piece, 0, &run->text) || run->text.failed)
		return;
	finding->lines[finding->line_count++] = (struct passage_said){
		keep_said(run, run->text.text, run->text.length),
		run->pieces.lines[piece->first].number
	};
}

static struct tell *
entry_tell(struct diagnosing *run, size_t pattern)
{
	struct tell *tell = &run->tells[run->diagnoses->patterns[pattern].entry];

	if (tell->finding.entry == NULL || pattern < tell->pattern)
		tell->pattern = pattern;
	tell->finding.entry = &run->diagnoses->entries[run->diagnoses->patterns[pattern].entry];
	return tell;
}

static void
tell_groups(struct diagnosing *run)
{
	for (size_t i = 0; i < run->group_count; i++) {
		const struct group *group = &run->groups[i];
		struct tell *tell;

		if (group->root == NO_PATTERN)
			continue;
		tell = entry_tell(run, group->root);
		if (tell->finding.groups++ > 0 && (tell->peer.length != group->peer.length ||
		    (group->peer.length > 0 && memcmp(tell->peer.text, group->peer.text,
		    group->peer.length) != 0)))
			tell->other_peers = true;
		tell->peer = group->peer;
	}
}

/* Whether a piece is of the root of its group, or of an entry that is the root of none. */
static bool
is_told_here(struct diagnosing *run, size_t piece)
{
	const struct known *patterns = run->diagnoses->patterns;
	size_t entry = patterns[run->matches[piece]].entry;
	size_t root = run->groups[run->belongs[piece]].root;

	return run->tells[entry].finding.groups == 0 || patterns[root].entry == entry;
}

/* All pieces; where nothing of a passage is known, none is, else what looks like an error. */
static void
tell_pieces(struct diagnosing *run)
{
	struct tell *unknown = &run->tells[run->diagnoses->count];
	bool known = false;

	for (size_t i = 0; i < run->pieces.count; i++)
		if (run->matches[i] != NO_PATTERN) {
			if (is_told_here(run, i))
				tell_piece(run, entry_tell(run, run->matches[i]), i);
			known = true;
		}
	for (size_t i = 0; i < run->pieces.count; i++)
		if (run->matches[i] == NO_PATTERN &&
		    ((!known && !run->is_log) || piece_meets(run, &run->pieces.pieces[i], RULE_ERROR)))
			tell_piece(run, unknown, i);
	run->passage->unknown = unknown->finding;
}

/* The first of the systems that a piece tells of; SYSTEM_COUNT: none. */
static size_t
piece_system(struct diagnosing *run, size_t piece, uint32_t systems)
{
	size_t i = 0;

	while (i < SYSTEM_COUNT && ((systems >> i & 1) == 0 ||
	    !piece_meets(run, &run->pieces.pieces[piece], RULE_SYSTEM + (enum passage_rule)i)))
		i++;
	return i;
}

/* Whose log it is: by the entry, by its line, or else by others. */
static const char *
find_system(struct diagnosing *run, const struct tell *tell)
{
	uint32_t systems = tell->finding.entry->systems;
	struct review_words names = diagnoses_systems();
	size_t found = SYSTEM_COUNT;

	if (systems == 0)
		systems = (1u << SYSTEM_COUNT) - 1;
	for (size_t i = 0; i < SYSTEM_COUNT; i++)
		if (systems == 1u << i)
			return names.list[i];
	found = piece_system(run, tell->first, systems);
	for (size_t i = 0; found == SYSTEM_COUNT && i < run->pieces.count &&
	    i < SYSTEM_PIECES; i++)
		found = piece_system(run, i, systems);
	return found < SYSTEM_COUNT ? names.list[found] : NULL;
}

/* The nearest to the root, then what happened most often, then as the file has it. */
static int
compare_tells(const void *a, const void *b)
{
	const struct tell *const *left = a, *const *right = b;
	const struct passage_finding *one = &(*left)->finding, *other = &(*right)->finding;

	if ((one->groups > 0) != (other->groups > 0))
		return one->groups > 0 ? -1 : 1;
	if (one->entry->rank != other->entry->rank)
		return one->entry->rank < other->entry->rank ? -1 : 1;
	if (one->groups != other->groups)
		return one->groups > other->groups ? -1 : 1;
	return (*left)->pattern < (*right)->pattern ? -1 : 1;
}

/* The findings, the root first. False: memory is short. */
static bool
list_findings(struct diagnosing *run)
{
	struct passage *passage = run->passage;
	size_t entries = run->diagnoses->count;
	struct tell **sorted = arena_alloc(&passage->arena, (entries + 1) * sizeof(*sorted));

	if (sorted == NULL)
		return false;
	for (size_t i = 0; i < entries; i++)
		if (run->tells[i].finding.entry != NULL)
			sorted[passage->count++] = &run->tells[i];
	qsort(sorted, passage->count, sizeof(*sorted), compare_tells);
	passage->findings = arena_alloc(&passage->arena,
	    (passage->count + 1) * sizeof(*passage->findings));
	for (size_t i = 0; passage->findings != NULL && i < passage->count; i++) {
		struct passage_finding *finding = &passage->findings[i];

		*finding = sorted[i]->finding;
		finding->root = i == 0 && finding->entry->rank != DIAGNOSIS_INFORMATION;
		finding->system = find_system(run, sorted[i]);
		if (sorted[i]->peer.length > 0 && !sorted[i]->other_peers)
			finding->peer = keep_said(run, sorted[i]->peer.text,
			    sorted[i]->peer.length);
	}
	return !run->text.failed && !passage->arena.failed;
}

static const char *
costly_entry(const struct diagnoses *diagnoses)
{
	for (size_t i = 0; i < diagnoses->pattern_count; i++)
		if (diagnoses->patterns[i].costly >= COSTLY_MOST)
			return diagnoses->entries[diagnoses->patterns[i].entry].id;
	return NULL;
}

/* False: memory is short. */
static bool
diagnose(struct diagnosing *run, const char *text, size_t length)
{
	if (!passage_rules_make(&run->rules) ||
	    !passage_cut(&run->rules, text, length, &run->pieces))
		return false;
	run->is_log = length > PASSAGE_SHORT;
	run->matches = calloc(run->pieces.count + 1, sizeof(*run->matches));
	run->belongs = calloc(run->pieces.count + 1, sizeof(*run->belongs));
	run->tells = calloc(run->diagnoses->count + 1, sizeof(*run->tells));
	if (run->matches == NULL || run->belongs == NULL || run->tells == NULL || !match_pieces(run))
		return false;
	tell_groups(run);
	tell_pieces(run);
	run->passage->pieces = run->pieces.count;
	run->passage->costly = costly_entry(run->diagnoses);
	return list_findings(run);
}

struct passage *
passage_read(struct diagnoses *diagnoses, const char *system, const char *text,
    size_t length)
{
	struct diagnosing run = { .diagnoses = diagnoses, .text = BUFFER_INIT };
	size_t number = system == NULL ? SYSTEM_COUNT :
	    diagnoses_system_find(system, strlen(system));

	if (number < SYSTEM_COUNT)
		run.allowed = 1u << number | related[number];
	run.passage = calloc(1, sizeof(*run.passage));
	if (run.passage != NULL && !diagnose(&run, text, length))
		passage_free(&run.passage);
	passage_rules_free(&run.rules);
	passage_pieces_free(&run.pieces);
	intern_free(&run.keys);
	intern_free(&run.lines);
	free(run.known);
	buffer_free(&run.text);
	free(run.open);
	free(run.groups);
	free(run.matches);
	free(run.belongs);
	free(run.tells);
	return run.passage;
}

const char *
passage_load(const char *path, size_t most, struct buffer *bytes)
{
	struct log_input input = LOG_INPUT_INIT;
	const char *why = NULL;
	char block[16384];
	size_t size;

	if (!log_input_open(&input, path, true))
		return file_why(errno);
	while (why == NULL && (size = log_input_read(&input, block, sizeof(block))) > 0) {
		buffer_add(bytes, block, size);
		if (bytes->failed)
			why = "not enough memory";
		else if (bytes->length > most)
			why = "it has more than 64 MiB: give the part around the error";
	}
	if (why == NULL && input.damaged)
		why = log_input_problem(&input);
	buffer_string(bytes, "");
	log_input_close(&input);
	return why;
}

void
passage_free(struct passage **passage)
{
	if (*passage == NULL)
		return;
	arena_release(&(*passage)->arena);
	free(*passage);
	*passage = NULL;
}
