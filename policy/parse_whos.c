/*
 * parse_whos.c - the WHOs of a statement up to its block, and whether another names them.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "policy/parse.h"

/*
 * A keyword at the start of a line shows that the "{" before it is missing: of a
 * statement that of the block, of a setting that before it.
 */
static bool
open_is_missing(const struct parser *p, bool line_start, bool any)
{
	enum token_type type = p->token.type;

	return type == TOKEN_END || type == TOKEN_CLOSE ||
	    (type == TOKEN_SEMICOLON && any) || parse_at_setting(p) ||
	    (line_start && parse_at_statement(p));
}

/* Reports that the "{" is missing; its settings may not be. */
static void
without_open(struct parser *p, enum policy_rule_kind kind, bool any,
    struct block *block)
{
	if (any)
		parse_expected(p, MSG_OPEN_EXPECTED);
	else
		parse_who_expected(p, kind);
	if (p->token.type == TOKEN_CLOSE)
		parse_next(p);
	if (parse_at_setting(p))
		parse_settings(p, block, NULL);
}

/*
 * The WHOs of a list up to the "{", or to "via", which is left. False: the "{" is
 * missing or was taken along, which is dealt with.
 */
static bool
parse_who_list(struct parser *p, struct who_list *list, struct block *block)
{
	bool line_start = false, any = false;

	while (!parse_at_block(p) && !p->no_memory) {
		if (p->lexer.opened > 0) {
			/* An unclosed string took all of a one-line rule along. */
			p->lexer.closed -= p->lexer.opened;
			p->lexer.opened = 0;
			parse_skip_setting(p);
			return false;
		}
		if (p->token.type == TOKEN_NEWLINE) {
			parse_next_pattern(p);
			line_start = true;
			continue;
		}
		if (any && list->may_have_via && parse_is(p, "via"))
			break;
		if (open_is_missing(p, line_start, any)) {
			without_open(p, list->kind, any, block);
			return false;
		}
		any = true;
		line_start = false;
		parse_next_who(p, list);
	}
	if (list->lacks_name)
		parse_error(p, &list->domain, "%s", MSG_WHO_NO_NAME);
	else if (!any && p->token.type == TOKEN_OPEN)
		parse_who_expected(p, list->kind);
	return true;
}

/* ------------------------------------------------------------------ *
 * Clashes
 * ------------------------------------------------------------------ */

/* Whether one of the clients of two rules is the same: that of any rule without. */
static bool
rules_meet(const struct policy_rule *a, const struct policy_rule *b)
{
	const struct who_table *table;

	if (a->via == NULL || b->via == NULL)
		return a->via == b->via;
	table = &a->via->table;
	for (size_t i = 0; i < table->count; i++)
		if (index_find(&b->via->table, table->whos[i].key,
		    strlen(table->whos[i].key)) != NULL)
			return true;
	return false;
}

/* The place of a WHO: records name files relative to the folder, diagnostics as opened. */
static const char *
who_path(const struct parser *p, const struct who *who)
{
	for (const struct source_node *node = p->written->sources; node != NULL;
	    node = node->next)
		if (node->file == who->file)
			return node->source.path;
	return policy_file(p->policy, who);
}

/* Another rule that names what the one under way does, for the same clients. */
struct clash {
	struct clash *next;
	const struct named_who *named;	/* the first such */
	const struct who *other;
	size_t count;
};

/* Counts the clash in, with the others of the two rules. */
static void
add_clash(struct parser *p, struct clash **clashes, const struct named_who *named,
    const struct who *other)
{
	struct clash *clash = *clashes;

	while (clash != NULL && clash->other->rule != other->rule)
		clash = clash->next;
	if (clash == NULL) {
		if ((clash = parse_scratch(p, sizeof(*clash))) == NULL)
			return;
		*clash = (struct clash){ *clashes, named, other, 0 };
		*clashes = clash;
	}
	clash->count++;
}

/*
 * Reports each rule that clashes with the one under way, once for the two. What clashes is
 * not compared with others: a thousand of them have a thousand errors, not a million.
 */
static void
report_clashes(struct parser *p, struct who_table *table)
{
	const struct policy_rule *rules = p->policy->rules;
	struct clash *clashes = NULL;

	for (size_t i = 0; i < p->named_count; i++) {
		const struct who *who = &table->whos[p->named[i].who];
		const struct who *each = &table->whos[p->named[i].first], *before = each;
		bool meets = false;

		for (; each != who; before = each, each = index_next(table, each)) {
			if (!rules_meet(&rules[each->rule], &rules[who->rule]))
				continue;
			meets = true;
			add_clash(p, &clashes, &p->named[i], each);
		}
		if (meets)
			table->next[before - table->whos] = TABLE_NONE;
	}
	for (; clashes != NULL; clashes = clashes->next) {
		const struct who *other = clashes->other;
		/* Behind "domain" the names below one are named without their dot. */
		bool below = other->type == WHO_SUBDOMAINS && other->name[0] != '.';

		parse_error(p, &clashes->named->place, MSG_WHO_TWICE, below ? "." : "",
		    other->name, who_path(p, other), other->line, other->column,
		    clashes->count == 1 ? "" :
		    parse_print(p, " (and %zu more)", clashes->count - 1));
	}
}

void
parse_via(struct parser *p, size_t rule, struct block *block, bool *whole)
{
	struct clients *via = parse_add_clients(p);
	struct who_list list = { .rule = rule, .kind = RULE_CLIENT };

	if (via == NULL)
		return;
	p->policy->rules[rule].via = via;
	list.table = &via->table;
	parse_next_pattern(p);
	*whole = parse_who_list(p, &list, block);
}

void
parse_end_whos(struct parser *p, struct who_table *table)
{
	if (!p->no_memory)
		report_clashes(p, table);
	p->named_count = 0;
}

void
parse_whos(struct parser *p, size_t rule, struct block *block)
{
	enum policy_rule_kind kind = p->policy->rules[rule].kind;
	struct who_list list = {
		.rule = rule, .kind = kind, .table = &p->policy->tables[kind],
		.may_have_via = kind == RULE_FROM || kind == RULE_TO
	};
	bool whole;

	p->last_who = &p->policy->rules[rule].written;
	whole = parse_who_list(p, &list, block);
	if (whole && parse_is(p, "via"))
		parse_via(p, rule, block, &whole);
	parse_end_whos(p, &p->policy->tables[kind]);
	if (whole)
		parse_block(p, block);
}
