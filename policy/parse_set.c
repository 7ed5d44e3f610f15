/*
 * parse_set.c - the settings in a block.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "policy/parse.h"
#include "policy/template.h"
#include "base/arena.h"
#include "base/date.h"

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
	*setting = (struct setting){ .type = type, .place = *place };
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

/* Keeps the date for those who are to be told that it is near. */
static void
keep_date(struct parser *p, const struct token *date, int64_t until, const char *what)
{
	struct dated *dated = parse_keep(p, sizeof(*dated));

	if (dated == NULL || !parse_keep_place(p, &date->place, &dated->place))
		return;
	dated->what = what;
	dated->date = parse_keep_text(p, date->text, date->length);
	dated->until = until;
	*p->last_dated = dated;
	p->last_dated = &dated->next;
}

/* [until DATE]. False: there is an error in it. */
static bool
parse_until(struct parser *p, struct period *period, const char *what)
{
	struct token date;

	period->set = true;
	if (!parse_is(p, "until"))
		return true;
	parse_next(p);
	date = p->token;
	if (date.type != TOKEN_WORD) {
		parse_expected(p, MSG_DATE_EXPECTED);
		return false;
	}
	parse_next(p);
	if (!date_read_day(date.text, &period->until)) {
		parse_error(p, &date.place, MSG_DATE, date.text);
		return false;
	}
	period->limited = true;
	keep_date(p, &date, period->until, what);
	return true;
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
	}
}

/* The words up to the end, with a space between two. */
static void
parse_contact(struct parser *p, struct setting *setting)
{
	const char *text = NULL;

	while (p->token.type == TOKEN_WORD || p->token.type == TOKEN_STRING) {
		text = text == NULL ? p->token.text :
		    parse_print(p, "%s %s", text, p->token.text);
		parse_next(p);
	}
	if (text != NULL)
		setting->text = parse_keep_text(p, text, strlen(text));
	else {
		parse_expected(p, MSG_CONTACT_EXPECTED);
		parse_skip_setting(p);
	}
}

static void
parse_note(struct parser *p, struct setting *setting)
{
	if (p->token.type == TOKEN_STRING) {
		setting->text = parse_keep_text(p, p->token.text, p->token.length);
		parse_next(p);
	} else {
		parse_expected(p, MSG_NOTE_EXPECTED);
		parse_skip_setting(p);
	}
}

static void
parse_otherwise_setting(struct parser *p, struct setting *setting)
{
	setting->otherwise = parse_otherwise(p);
}

static void
unknown_setting(struct parser *p)
{
	if (p->token.type == TOKEN_WORD)
		parse_unknown(p, MSG_SETTING, setting_names, SETTING_COUNT);
	else
		parse_unexpected(p, MSG_SETTING_EXPECTED, SETTINGS,
		    parse_found(p, &p->token));
	parse_skip_setting(p);
}

static void
parse_setting(struct parser *p, struct block *block)
{
	static void (*const readers[])(struct parser *, struct setting *) = {
		[SET_REQUIRE] = parse_require,
		[SET_OTHERWISE] = parse_otherwise_setting,
		[SET_MONITOR] = parse_period, [SET_EXEMPT] = parse_period,
		[SET_CONTACT] = parse_contact, [SET_NOTE] = parse_note
	};
	size_t type = parse_word(p, setting_names, SETTING_COUNT);
	struct place place = p->token.place;
	struct setting *setting;

	if (type == SETTING_COUNT) {
		unknown_setting(p);
		return;
	}
	parse_next(p);
	if (type == SET_USE)
		parse_use(p, block);
	else if ((setting = add_setting(p, block, (enum setting_type)type, &place)) !=
	    NULL && readers[type] != NULL)
		readers[type](p, setting);
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
	p->lexer.opened = p->lexer.closed = 0;
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
