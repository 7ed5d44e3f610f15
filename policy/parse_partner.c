/*
 * parse_partner.c - agreements: what was agreed with one partner, in one place.
 *
 * Each of its blocks is a rule for its domains. These may stand before or behind the
 * blocks, so that they are taken in at the end.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>
#include <strings.h>

#include "policy/parse.h"
#include "base/text.h"

#define PARTNER_NAME_MAX 80

enum item { ITEM_DOMAIN, ITEM_INCOMING, ITEM_OUTGOING, ITEM_CONTACT, ITEM_NOTE, ITEM_COUNT };

static const char *const item_names[ITEM_COUNT] = {
	"domain", "incoming", "outgoing", "contact", "note"
};

/* A name, an address or a list of a "domain" line. */
struct partner_who {
	struct partner_who *next;
	struct who_spec spec;
	const char *path;		/* of a list; NULL: it is none */
	struct source_node *file;	/* in which it stands */
};

/* The block of one direction, of whichever client; no source: there is none. */
struct main_block {
	struct place place;
	size_t rule;
};

/* An agreement while it is read. */
struct reading {
	struct agreement *partner;
	struct place place;		/* of its name */
	struct partner_who *whos, **last;
	struct who_written **last_written;
	size_t first;			/* of its rules */
	struct main_block incoming, outgoing;
	bool domains;			/* there was such a line */
	bool unsure;			/* what was reported may have hidden a line */
};

bool
parse_at_partner_line(const struct parser *p)
{
	return parse_word(p, item_names, ITEM_COUNT) < ITEM_COUNT;
}

bool
parse_at_partner_block(const struct parser *p)
{
	return parse_is(p, "incoming") || parse_is(p, "outgoing");
}

/* ------------------------------------------------------------------ *
 * Its domains
 * ------------------------------------------------------------------ */

static struct partner_who *
add_who(struct parser *p, struct reading *reading)
{
	struct partner_who *who = parse_scratch(p, sizeof(*who));

	if (who == NULL)
		return NULL;
	who->spec = (struct who_spec){
		.text = p->token.text, .length = p->token.length,
		.word = p->token.type == TOKEN_WORD,
		.string = p->token.type == TOKEN_STRING, .below = true, .of_partner = true,
		.file = p->current->file, .place = p->token.place
	};
	who->file = p->current;
	*reading->last = who;
	reading->last = &who->next;
	return who;
}

/* How it is written, for printing the policy. */
static struct who_written *
add_written(struct parser *p, const char *text)
{
	struct who_written *written = parse_keep(p, sizeof(*written));

	if (written == NULL)
		return NULL;
	written->form = p->token.type == TOKEN_STRING ? WRITTEN_STRING : WRITTEN_WORD;
	written->text = text;
	*p->last_who = written;
	p->last_who = &written->next;
	return written;
}

static void
domain_list(struct parser *p, struct reading *reading)
{
	struct partner_who *who;
	struct who_written *written;

	parse_next(p);
	if (p->token.type != TOKEN_STRING) {
		parse_expected(p, MSG_WHO_FILE);
		return;
	}
	if ((who = add_who(p, reading)) == NULL)
		return;
	who->path = parse_named_file(p, p->token.text);
	if (p->no_memory || (written = add_written(p, NULL)) == NULL)
		return;
	written->form = WRITTEN_FILE;
	written->text = parse_absolute(p, who->path);
}

static void
domain_name(struct parser *p, struct reading *reading)
{
	struct partner_who *who = add_who(p, reading);

	if (who == NULL)
		return;
	who->spec.kept = parse_keep_text(p, p->token.text, p->token.length);
	if (who->spec.kept != NULL)
		(void)add_written(p, who->spec.kept);
}

/* From behind "domain" to the line's end. */
static void
parse_domains(struct parser *p, struct reading *reading)
{
	bool any = false;

	reading->domains = true;
	p->last_who = reading->last_written;
	for (; !parse_at_end(p) && !p->no_memory; parse_next_pattern(p)) {
		enum token_type type = p->token.type;

		any = true;
		if (parse_is(p, "file"))
			domain_list(p, reading);
		else if (parse_swallowed(p)) {
			reading->unsure = true;
			parse_skip_setting(p);
			return;
		} else if (type == TOKEN_WORD || type == TOKEN_STRING)
			domain_name(p, reading);
		else if (type == TOKEN_REGEX || type == TOKEN_NULL_SENDER)
			parse_error(p, &p->token.place, "%s", MSG_PARTNER_WHO);
		else if (type == TOKEN_OPEN) {
			parse_expected(p, MSG_PARTNER_DOMAIN);
			parse_skip_setting(p);
			return;
		}
	}
	if (!any)
		parse_expected(p, MSG_PARTNER_DOMAIN);
	reading->last_written = p->last_who;
}

/* ------------------------------------------------------------------ *
 * Its blocks
 * ------------------------------------------------------------------ */

static void
parse_rule_block(struct parser *p, struct reading *reading, enum item item,
    const struct place *place)
{
	struct main_block *main = item == ITEM_INCOMING ? &reading->incoming :
	    &reading->outgoing;
	size_t rule = parse_add_rule(p, item == ITEM_INCOMING ? RULE_FROM : RULE_DELIVER,
	    place);
	static const char *const words[] = { "via" };
	struct block block = { 0 };
	bool whole = true, via;

	if (rule == SIZE_MAX)
		return;
	via = parse_is(p, "via");
	if (via && item == ITEM_OUTGOING)
		parse_error(p, &p->token.place, "%s", MSG_VIA_OUTGOING);
	if (via)
		parse_via(p, rule, &block, &whole);
	via &= item == ITEM_INCOMING;
	if (!via && main->place.source != NULL)
		parse_error(p, place, MSG_PARTNER_TWICE, item_names[item],
		    item == ITEM_INCOMING ? " without \"via\"" : "", main->place.line);
	else if (!via)
		*main = (struct main_block){ *place, rule };
	if (whole && !parse_at_block(p) && p->token.type != TOKEN_NEWLINE) {
		parse_unexpected(p, MSG_OPEN_EXPECTED, parse_found_for(p, words, 1));
		parse_skip_setting(p);
	} else if (whole) {
		parse_its_block(p, &block);
	}
	p->written->rules[rule].block = block;
}

static void
parse_partner_item(struct parser *p, struct reading *reading)
{
	size_t item = parse_word(p, item_names, ITEM_COUNT);
	struct place place = p->token.place;

	if (item == ITEM_COUNT) {
		parse_no_such(p, MSG_PARTNER_ITEM, parse_hint_item(p, item_names, ITEM_COUNT),
		    MSG_PARTNER_ITEM_EXPECTED);
		reading->unsure = true;
		parse_skip_setting(p);
		return;
	}
	parse_next_pattern(p);
	if (item == ITEM_DOMAIN)
		parse_domains(p, reading);
	else if (item == ITEM_CONTACT)
		reading->partner->contact = parse_contact(p);
	else if (item == ITEM_NOTE)
		reading->partner->note = parse_note(p);
	else {
		parse_rule_block(p, reading, (enum item)item, &place);
		return;
	}
	/* A block on the same line goes with what is skipped. */
	reading->unsure |= p->panic || !parse_at_end(p);
	parse_end(p, "setting");
}

/* From the "{" on; where that is missing, which was reported, from the first line on. */
static void
parse_partner_block(struct parser *p, struct reading *reading)
{
	struct place open = p->token.place;
	bool is_open = p->token.type == TOKEN_OPEN;

	parse_resync(p);
	if (parse_at_block(p))
		parse_next(p);
	p->lexer.opened = p->lexer.closed = 0;
	while (!p->no_memory && p->token.type != TOKEN_CLOSE) {
		if (p->token.type == TOKEN_END) {
			if (is_open)
				parse_error(p, &open, "%s", MSG_BLOCK_OPEN);
			reading->unsure = true;
			return;
		}
		if (parse_at_end(p)) {
			parse_resync(p);
			parse_next(p);
		} else if (parse_at_statement(p) && !parse_at_partner_block(p)) {
			if (is_open)
				parse_unexpected(p, MSG_BLOCK_STATEMENT, p->token.text,
				    open.line);
			reading->unsure = true;
			p->owed++;
			return;
		} else {
			parse_partner_item(p, reading);
			/* An unclosed string may have taken the "}" along. */
			if (p->lexer.closed > p->lexer.opened) {
				reading->unsure = true;
				return;
			}
		}
	}
	parse_next(p);
}

/* ------------------------------------------------------------------ *
 * Its rules
 * ------------------------------------------------------------------ */

/* Names one of its rules' domains. Where mail goes no address is meant. */
static bool
name_who(struct parser *p, const struct partner_who *who, size_t rule)
{
	enum policy_rule_kind kind = p->policy->rules[rule].kind;
	struct source_node *current = p->current;
	struct who_spec spec = who->spec;

	spec.rule = rule;
	spec.kind = kind;
	spec.table = &p->policy->tables[kind];
	if (who->path != NULL) {
		p->current = who->file;
		parse_list(p, &spec, who->path);
		p->current = current;
		return true;
	}
	if (kind == RULE_DELIVER && strchr(spec.text, '@') != NULL)
		return false;
	parse_who(p, &spec);
	return true;
}

static void
name_whos(struct parser *p, const struct reading *reading, size_t rule)
{
	bool any = reading->whos == NULL;

	if (p->policy->rules[rule].via == NULL && rule != reading->incoming.rule &&
	    rule != reading->outgoing.rule)
		return;
	p->policy->rules[rule].written = reading->partner->written;
	for (const struct partner_who *who = reading->whos; who != NULL && !p->no_memory;
	    who = who->next)
		any |= name_who(p, who, rule);
	if (!any)
		parse_error(p, &reading->outgoing.place, "%s", MSG_PARTNER_NO_DOMAIN);
	parse_end_whos(p, &p->policy->tables[p->policy->rules[rule].kind]);
}

static void
finish_partner(struct parser *p, const struct reading *reading)
{
	if (!reading->domains && !reading->unsure)
		parse_error(p, &reading->place, MSG_PARTNER_LACKS, "domain");
	if (reading->first == p->policy->rule_count && !reading->unsure)
		parse_error(p, &reading->place, MSG_PARTNER_LACKS,
		    "incoming or outgoing block");
	for (size_t i = reading->first; i < p->policy->rule_count && !p->no_memory; i++)
		name_whos(p, reading, i);
}

/* ------------------------------------------------------------------ *
 * Its name
 * ------------------------------------------------------------------ */

static bool
is_printable(const char *name)
{
	size_t count = 0;

	for (const char *c = name; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
		count += text_begins(*c);
	}
	return count >= 1 && count <= PARTNER_NAME_MAX;
}

/* Takes the name, and reports one that cannot be. */
static void
take_name(struct parser *p, const struct token *name)
{
	struct written_partner *written = parse_scratch(p, sizeof(*written)), *other;
	char *lower = parse_scratch(p, name->length + 1);
	void **named;

	if (written == NULL || lower == NULL)
		return;
	*written = (struct written_partner){ name->text, name->place };
	p->written_partner = written;
	for (size_t i = 0; i <= name->length; i++)
		lower[i] = text_lower(name->text[i]);
	if (!is_printable(name->text))
		parse_error(p, &name->place, MSG_PARTNER_LENGTH, PARTNER_NAME_MAX);
	named = parse_named(p, &p->partners, lower);
	other = named != NULL ? *named : NULL;
	if (other != NULL)
		parse_error(p, &name->place, MSG_PARTNER_NAME_TWICE, name->text,
		    other->place.source->path, other->place.line, other->place.column);
	else if (named != NULL)
		*named = written;
}

static bool
read_name(struct parser *p, struct reading *reading)
{
	struct token name = p->token;

	if (name.type != TOKEN_WORD && name.type != TOKEN_STRING) {
		parse_expected(p, MSG_PARTNER_NAME);
		return true;
	}
	if (parse_at_keyword(p))
		parse_error(p, &name.place, MSG_PARTNER_KEYWORD, name.text);
	take_name(p, &name);
	reading->partner->name = parse_keep_text(p, name.text, name.length);
	parse_next(p);
	return reading->partner->name != NULL;
}

/* The "{", or a line of the block without it. False: there is no block. */
static bool
open_partner(struct parser *p)
{
	if (p->token.type == TOKEN_WORD && !parse_at_partner_line(p)) {
		parse_unexpected(p, "%s", MSG_PARTNER_WORDS);
		while (!parse_at_end(p) && !parse_at_block(p))
			parse_next(p);
	}
	while (p->token.type == TOKEN_NEWLINE)
		parse_next(p);
	if (parse_at_block(p))
		return true;
	parse_expected(p, MSG_OPEN_EXPECTED);
	if (!parse_at_partner_line(p) && !parse_at_statement(p))
		parse_skip_setting(p);
	return parse_at_partner_line(p);
}

void
parse_partner(struct parser *p)
{
	struct reading reading = {
		.partner = parse_keep(p, sizeof(*reading.partner)),
		.place = p->token.place, .first = p->policy->rule_count
	};

	if (reading.partner == NULL)
		return;
	reading.last = &reading.whos;
	reading.last_written = &reading.partner->written;
	reading.partner->name = "";
	if (!read_name(p, &reading))
		return;
	if (!open_partner(p))
		return;
	p->partner = reading.partner;
	parse_partner_block(p, &reading);
	p->partner = NULL;
	finish_partner(p, &reading);
}
