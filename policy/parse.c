/*
 * parse.c - statements and the files they stand in.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/parse.h"

#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "base/suggest.h"

#define STATEMENTS "include, profile, default, from, to, client, deliver or partner"

enum statement {
	STATEMENT_INCLUDE, STATEMENT_PROFILE, STATEMENT_DEFAULT,
	STATEMENT_FROM, STATEMENT_TO, STATEMENT_CLIENT, STATEMENT_DELIVER,
	STATEMENT_PARTNER, STATEMENT_COUNT
};

static const char *const statement_names[STATEMENT_COUNT] = {
	"include", "profile", "default", "from", "to", "client", "deliver", "partner"
};

bool
parse_at_statement(const struct parser *p)
{
	return parse_word(p, statement_names, STATEMENT_COUNT) < STATEMENT_COUNT ||
	    (p->partner != NULL && parse_at_partner_block(p));
}

/* The "{", on the statement's line or below it. False: it is not there. */
static bool
open_block(struct parser *p)
{
	bool at_newline = p->token.type == TOKEN_NEWLINE;
	struct token first = p->token;

	if (parse_at_block(p))
		return true;
	while (p->token.type == TOKEN_NEWLINE)
		parse_next(p);
	if (p->token.type == TOKEN_OPEN)
		return true;
	if (first.type != TOKEN_BAD && !p->panic)
		parse_error(p, &first.place, MSG_OPEN_EXPECTED, parse_found(p, &first));
	parse_panic(p);
	/* Without its "{" the block may follow all the same. */
	if (at_newline)
		return false;
	parse_skip_setting(p);
	if (p->token.type == TOKEN_CLOSE)
		parse_next(p);
	return false;
}

void
parse_its_block(struct parser *p, struct block *block)
{
	if (open_block(p))
		parse_block(p, block);
	else if (parse_at_setting(p))
		parse_settings(p, block, NULL);
}

void **
parse_named(struct parser *p, struct named_things *things, const char *name)
{
	bool added = false;
	uint32_t number = INTERN_NONE;

	if (array_reserve(things->things, things->names.count + 1, &things->room))
		number = intern_add(&things->names, name, strlen(name), &added);
	p->no_memory |= number == INTERN_NONE;
	if (added)
		things->things[number] = NULL;
	return number == INTERN_NONE ? NULL : &things->things[number];
}

/* Adds the profile, unless its name cannot be. Its block is read in any case. */
static struct profile *
add_profile(struct parser *p, const struct token *name, bool misspelt)
{
	struct profile *profile = parse_scratch(p, sizeof(*profile)), *other;
	void **named = parse_named(p, &p->profiles, name->text);

	if (profile == NULL)
		return NULL;
	profile->name = name->text;
	profile->place = name->place;
	profile->misspelt = misspelt;
	profile->order = p->profile_count++;
	if (strcmp(name->text, "default") == 0)
		parse_error(p, &name->place, "%s", MSG_PROFILE_DEFAULT);
	else if (named != NULL && (other = *named) != NULL) {
		if (misspelt || other->misspelt)
			return profile;
		parse_error(p, &name->place, MSG_PROFILE_TWICE, name->text,
		    other->place.source->path, other->place.line, other->place.column);
	} else {
		*p->last_profile = profile;
		p->last_profile = &profile->next;
		if (named != NULL)
			*named = profile;
	}
	return profile;
}

static void
parse_profile(struct parser *p, bool misspelt)
{
	struct token name = p->token;
	struct block nameless = { 0 };
	struct profile *profile;

	if (name.type != TOKEN_WORD && name.type != TOKEN_STRING) {
		parse_expected(p, MSG_PROFILE_NAME);
		p->incomplete = true;
		while (!parse_at_end(p) && !parse_at_block(p))
			parse_next(p);
		parse_its_block(p, &nameless);
		return;
	}
	parse_next(p);
	if ((profile = add_profile(p, &name, misspelt)) == NULL)
		return;
	parse_its_block(p, &profile->block);
}

size_t
parse_add_rule(struct parser *p, enum policy_rule_kind kind, const struct place *place)
{
	struct policy *policy = p->policy;
	size_t wanted = policy->rule_count + 1;

	if (!array_reserve(policy->rules, wanted, &policy->rule_room) ||
	    !array_reserve(p->written->rules, wanted, &p->written->rule_room)) {
		p->no_memory = true;
		return SIZE_MAX;
	}
	policy->rules[policy->rule_count] = (struct policy_rule){
		.kind = kind, .file = p->current->source.name, .line = place->line
	};
	p->written->rules[policy->rule_count] = (struct written_rule){
		.place = *place, .partner = p->partner != NULL ? p->written_partner : NULL
	};
	p->policy->rules[policy->rule_count].partner = p->partner;
	p->current->has_rules = true;
	return policy->rule_count++;
}

static void
parse_default(struct parser *p, const struct place *place, bool misspelt)
{
	struct profile *block = parse_scratch(p, sizeof(*block));

	if (block == NULL)
		return;
	block->name = "default";
	block->misspelt = misspelt;
	block->place = *place;
	if (p->written->default_block != NULL) {
		const struct place *first = &p->written->default_block->place;

		if (!misspelt && !p->written->default_block->misspelt)
			parse_error(p, place, MSG_DEFAULT_TWICE, first->source->path,
			    first->line, first->column);
	} else {
		if (parse_add_rule(p, RULE_DEFAULT, place) == SIZE_MAX)
			return;
		p->written->default_block = block;
	}
	parse_its_block(p, &block->block);
}

static void
parse_rule(struct parser *p, enum policy_rule_kind kind, const struct place *place)
{
	struct arena_mark words = arena_mark(&p->written->words);
	const struct source_node *sources = p->written->sources;
	size_t diags = diags_count(p->diags);
	size_t rule = parse_add_rule(p, kind, place);
	struct block block = { 0 };

	if (rule == SIZE_MAX)
		return;
	parse_whos(p, rule, &block);
	p->written->rules[rule].block = block;
	/*
	 * There may be many rules, and their words are of no more use, but where files
	 * were opened, where a word comes next, and after an error.
	 */
	if (p->written->sources == sources && p->token.text == NULL &&
	    diags_count(p->diags) == diags)
		arena_rewind(&p->written->words, words);
}

/* A statement from behind its keyword, which stands at "place". */
static void
parse_rest(struct parser *p, enum statement statement, const struct place *place,
    bool misspelt)
{
	static const enum policy_rule_kind kinds[] = {
		[STATEMENT_FROM] = RULE_FROM, [STATEMENT_TO] = RULE_TO,
		[STATEMENT_CLIENT] = RULE_CLIENT, [STATEMENT_DELIVER] = RULE_DELIVER
	};

	if (statement == STATEMENT_INCLUDE)
		parse_include(p);
	else if (statement == STATEMENT_PROFILE)
		parse_profile(p, misspelt);
	else if (statement == STATEMENT_DEFAULT)
		parse_default(p, place, misspelt);
	else if (statement == STATEMENT_PARTNER)
		parse_partner(p);
	else
		parse_rule(p, kinds[statement], place);
}

/* A word that begins no statement. What it would have defined is not known. */
static void
misspelt_statement(struct parser *p)
{
	struct place place = p->token.place;
	const char *meant = suggest_word(p->token.text, p->token.length,
	    statement_names, STATEMENT_COUNT);

	parse_unexpected(p, MSG_STATEMENT, p->token.text,
	    parse_hint_statement(p, statement_names, STATEMENT_COUNT));
	/* What others use is read all the same, lest they be blamed for using it. */
	for (size_t i = STATEMENT_PROFILE; i <= STATEMENT_DEFAULT; i++) {
		if (meant == statement_names[i]) {
			parse_next(p);
			parse_rest(p, (enum statement)i, &place, true);
			return;
		}
	}
	p->incomplete = true;
}

static void
unknown_statement(struct parser *p)
{
	if (p->token.type == TOKEN_CLOSE) {
		if (p->owed > 0)
			p->owed--;
		else
			parse_unexpected(p, "%s", MSG_CLOSE_STRAY);
		parse_next(p);
		return;
	}
	/* It belongs to a block that was reported as open. */
	if (p->owed > 0 && (parse_at_setting(p) || parse_at_partner_line(p)))
		parse_panic(p);
	if (p->token.type == TOKEN_WORD)
		misspelt_statement(p);
	else
		parse_unexpected(p, MSG_STATEMENT_EXPECTED, STATEMENTS,
		    parse_found(p, &p->token));
	parse_skip_setting(p);
	parse_resync(p);
	while (p->token.type == TOKEN_NEWLINE)
		parse_next(p);
	if (p->token.type == TOKEN_OPEN)
		parse_skip_block(p);
}

static void
parse_statement(struct parser *p)
{
	size_t which = parse_word(p, statement_names, STATEMENT_COUNT);
	struct place place = p->token.place;

	if (which == STATEMENT_COUNT) {
		unknown_statement(p);
		return;
	}
	parse_resync(p);
	p->lexer.opened = p->lexer.closed = 0;
	if (which >= STATEMENT_FROM)
		parse_next_pattern(p);
	else
		parse_next(p);
	parse_rest(p, (enum statement)which, &place, false);
}

void
parse_file(struct parser *p, struct source_node *node)
{
	struct source_node *above = p->current;
	struct lexer lexer = p->lexer;
	struct token token = p->token;

	p->current = node;
	lexer_start(&p->lexer, &node->source, &p->written->words, p->diags);
	parse_next(p);
	while (p->token.type != TOKEN_END && !p->no_memory && !p->written->words.failed) {
		if (p->token.type == TOKEN_NEWLINE ||
		    p->token.type == TOKEN_SEMICOLON) {
			parse_resync(p);
			parse_next(p);
		} else
			parse_statement(p);
	}
	p->current = above;
	p->lexer = lexer;
	p->token = token;
}
