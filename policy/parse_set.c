/*
 * parse_set.c - the settings in a block.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "policy/parse.h"
#include "base/arena.h"

#define SETTINGS "use, require, otherwise, monitor, exempt, enforce, contact or note"

#define SETTING_COUNT SET_NOTHING

static const char *const setting_names[SETTING_COUNT] = {
	"use", "require", "otherwise", "monitor", "exempt", "enforce", "contact", "note"
};

bool
parse_at_setting(const struct parser *p)
{
	return parse_word(p, setting_names, SETTING_COUNT) < SETTING_COUNT;
}

static struct setting *
add_setting(struct parser *p, struct block *block, enum setting_type type,
    const struct place *place)
{
	struct setting *setting = arena_alloc(&p->written->blocks, sizeof(*setting));

	p->no_memory |= setting == NULL;
	if (setting == NULL)
		return NULL;
	*setting = (struct setting){ .type = type, .place = *place,
	    .span = { INT64_MIN, INT64_MAX } };
	if (block->last == NULL)
		block->last = &block->first;
	*block->last = setting;
	block->last = &setting->next;
	return setting;
}

static void
parse_use(struct parser *p, struct block *block)
{
	bool any = false;

	/* Behind an error it may be a name that the rule is for. */
	if (p->panic) {
		parse_skip_setting(p);
		return;
	}
	while (p->token.type == TOKEN_WORD || p->token.type == TOKEN_STRING) {
		struct setting *setting =
		    add_setting(p, block, SET_USE, &p->token.place);

		if (setting == NULL)
			return;
		setting->text = arena_text(&p->written->blocks, p->token.text,
		    p->token.length);
		p->no_memory |= setting->text == NULL;
		setting->use_default = parse_is(p, "default");
		any = true;
		parse_next(p);
	}
	if (!any) {
		parse_expected(p, MSG_USE_EXPECTED);
		parse_skip_setting(p);
	}
}

/* [until DATE]. False: there is an error in it. */
static bool
parse_until(struct parser *p, struct period *period, const char *what)
{
	period->set = true;
	period->limited = parse_is(p, "until");
	return parse_date(p, "until", &period->until, what);
}

static void
parse_period(struct parser *p, struct setting *setting)
{
	bool exempt = setting->type == SET_EXEMPT;

	if (!parse_until(p, &setting->period, exempt ? "exempt" : "monitor")) {
		parse_skip_setting(p);
		return;
	}
	if (exempt && p->token.type == TOKEN_STRING) {
		setting->text = parse_keep_text(p, p->token.text, p->token.length);
		parse_next(p);
		if (parse_is(p, "until"))
			parse_unexpected(p, MSG_END_EXPECTED, "setting",
			    "\"until\"" MSG_HINT_REASON);
	}
}

/* The words up to the end, with a space between two. */
const char *
parse_contact(struct parser *p)
{
	const char *text = NULL;

	while (p->token.type == TOKEN_STRING ||
	    (p->token.type == TOKEN_WORD && !parse_swallowed(p))) {
		text = text == NULL ? p->token.text :
		    parse_print(p, "%s %s", text, p->token.text);
		parse_next(p);
	}
	if (text != NULL)
		return parse_keep_text(p, text, strlen(text));
	parse_expected(p, MSG_CONTACT_EXPECTED);
	parse_skip_setting(p);
	return NULL;
}

const char *
parse_note(struct parser *p)
{
	const char *text = NULL;

	if (p->token.type == TOKEN_STRING) {
		text = parse_keep_text(p, p->token.text, p->token.length);
		parse_next(p);
	} else {
		parse_expected(p, MSG_NOTE_EXPECTED);
		parse_skip_setting(p);
	}
	return text;
}

static void
unknown_setting(struct parser *p)
{
	if (p->token.type == TOKEN_WORD)
		parse_unexpected(p, MSG_SETTING, p->token.text,
		    parse_hint_setting(p, setting_names, SETTING_COUNT));
	else
		parse_unexpected(p, MSG_SETTING_EXPECTED, SETTINGS,
		    parse_found(p, &p->token));
	parse_skip_setting(p);
}

static void
parse_setting(struct parser *p, struct block *block)
{
	size_t type = parse_word(p, setting_names, SETTING_COUNT);
	struct place place = p->token.place;
	struct setting *setting;

	if (type == SETTING_COUNT) {
		unknown_setting(p);
		return;
	}
	parse_next(p);
	if (type == SET_USE) {
		parse_use(p, block);
		return;
	}
	setting = add_setting(p, block, (enum setting_type)type, &place);
	if (setting == NULL)
		return;
	if (type == SET_REQUIRE)
		parse_require(p, setting);
	else if (type == SET_OTHERWISE)
		setting->otherwise = parse_otherwise(p);
	else if (type == SET_CONTACT)
		setting->text = parse_contact(p);
	else if (type == SET_NOTE)
		setting->text = parse_note(p);
	else if (type != SET_ENFORCE)
		parse_period(p, setting);
}

/* The next setting, or the gap before it. False: the block is at its end. */
static bool
parse_item(struct parser *p, struct block *block, const struct place *open)
{
	enum token_type type = p->token.type;
	bool ends;

	if (type == TOKEN_END) {
		if (open != NULL)
			parse_error(p, open, "%s", MSG_BLOCK_OPEN);
		return false;
	}
	if (parse_at_end(p)) {
		if (type != TOKEN_CLOSE)
			parse_resync(p);
		parse_next(p);
		return type != TOKEN_CLOSE;
	}
	if (parse_at_statement(p)) {
		/* The "}" is missing. */
		if (open != NULL)
			parse_unexpected(p, MSG_BLOCK_STATEMENT, p->token.text,
			    open->line);
		p->owed++;
		return false;
	}
	parse_setting(p, block);
	parse_end(p, "setting");
	/* An unclosed string may have taken the "}" along. */
	ends = p->lexer.closed > p->lexer.opened;
	/* That of the agreement around it, too. */
	p->lexer.closed = ends ? p->lexer.closed - p->lexer.opened - 1 : 0;
	p->lexer.opened = 0;
	return !ends;
}

void
parse_settings(struct parser *p, struct block *block, const struct place *open)
{
	while (!p->no_memory && parse_item(p, block, open))
		continue;
}

void
parse_block(struct parser *p, struct block *block)
{
	struct place open = p->token.place;
	bool taken_along = p->token.type != TOKEN_OPEN;

	/* The "{" of an unclosed string was reported with the string. */
	p->lexer.opened = p->lexer.closed = 0;
	parse_resync(p);
	parse_next(p);
	parse_settings(p, block, taken_along ? NULL : &open);
}
