/*
 * import_print.c - the lines of the policy that an import becomes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_items.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/screen.h"
#include "tool/tool.h"
#include "base/array.h"
#include "base/intern.h"
#include "base/text.h"

#define NAME_MAX_CODES 80
#define CASES_MAX 20

struct print {
	struct import *import;
	struct import_page *page;
	struct intern names;		/* of partners, in lower case */
	unsigned *numbers;		/* by name: what was tried last behind it */
	size_t number_room;
	size_t cases;			/* that were made of rules */
	size_t head;			/* of the block that is printed */
};

static void
add_printed(struct print *print, struct import_rule *rule, const char *text)
{
	struct import_page *page = print->page;

	tool_need(array_reserve(page->lines, page->count + 1, &page->room));
	page->lines[page->count++] = (struct import_printed){
		.text = text, .rule = rule, .head = print->head };
}

/* ------------------------------------------------------------------ *
 * Comments
 * ------------------------------------------------------------------ */

/*
 * A comment has no word that tlsward would take for itself, which a file could have
 * brought, and no backslash at its end, which would join the next line to it.
 */
static void
add_comment_line(struct import *import, const char *line, size_t length,
    struct buffer *out)
{
	static const char own[] = "tlsward:";
	const char *text = import_text(import, "%.*s", (int)length, line), *found;

	buffer_string(out, *text != '\0' ? "# " : "#");
	while ((found = strstr(text, own)) != NULL) {
		buffer_add(out, text, (size_t)(found - text) + strlen(own) - 1);
		buffer_string(out, " :");
		text = found + strlen(own);
	}
	buffer_string(out, text);
	if (!out->failed && out->text[out->length - 1] == '\\')
		buffer_string(out, ".");
}

void
import_fold_comment(struct import *import, const struct import_line *line, int width,
    struct buffer *out)
{
	struct buffer text = BUFFER_INIT, folded = BUFFER_INIT;
	const char *at, *end;

	buffer_string(&text, line->lost ? "NOT TAKEN OVER: " : "");
	text_visible(&text, line->text);
	buffer_string(&text, "\n");
	screen_fold(&text, width > 0 ? width - 2 : INT_MAX, false, &folded);
	tool_need(!text.failed && !folded.failed);
	for (at = folded.text; at != NULL && *at != '\0'; at = end + 1) {
		end = at + strcspn(at, "\n");
		add_comment_line(import, at, (size_t)(end - at), out);
		buffer_string(out, "\n");
		if (*end == '\0')
			break;
	}
	buffer_free(&text);
	buffer_free(&folded);
}

static void
print_comments(struct print *print, const struct import_lines *comments)
{
	struct buffer all = BUFFER_INIT;
	const char *text;

	for (const struct import_line *line = comments->first; line != NULL;
	    line = line->next)
		import_fold_comment(print->import, line, IMPORT_WIDTH, &all);
	text = import_take(print->import, &all);
	for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
		add_printed(print, NULL, import_text(print->import, "%.*s",
		    (int)(end - text), text));
}

/* ------------------------------------------------------------------ *
 * Blocks
 * ------------------------------------------------------------------ */

/* A setting's line, without what would end it; a wide one is broken at blanks. */
static const char *
fold_setting(struct import *import, const char *indent, const char *text)
{
	struct buffer line = BUFFER_INIT;
	size_t start = 0;
	bool quoted = false;

	buffer_string(&line, indent);
	for (; *text != '\0'; text++) {
		quoted ^= *text == '"' && (line.length == 0 ||
		    line.text[line.length - 1] != '\\');
		if (*text == ' ' && !quoted && line.length - start + 1 +
		    strcspn(text + 1, " ") > IMPORT_WIDTH - strlen(indent) * 8 - 2) {
			buffer_format(&line, " \\\n%s    ", indent);
			start = line.length;
		} else {
			buffer_add(&line, (unsigned char)*text < ' ' ? " " : text, 1);
		}
	}
	return import_take(import, &line);
}

static void
print_rule_settings(struct print *print, struct import_rule *rule, const char *indent)
{
	struct import *import = print->import;
	const char *notes = "";

	for (const struct import_line *line = rule->settings.first; line != NULL;
	    line = line->next)
		add_printed(print, rule, fold_setting(import, indent, line->text));
	if (!rule->exempt)
		add_printed(print, rule, import_text(import, "%smonitor", indent));
	for (const struct import_line *line = rule->notes.first; line != NULL;
	    line = line->next)
		notes = import_text(import, "%s%s%s", notes, notes[0] != '\0' ? "; " : "",
		    line->text);
	if (notes[0] != '\0') {
		notes = import_word(import, notes);
		add_printed(print, rule, import_text(import,
		    notes[0] == '"' ? "%snote %s" : "%snote \"%s\"", indent, notes));
	}
}

/* ------------------------------------------------------------------ *
 * Agreements
 * ------------------------------------------------------------------ */

/* Whether a WHO can stand in an agreement: a domain with what is below, an address. */
static bool
is_of_partner(const struct import_rule *rule, const struct import_who *who)
{
	return rule->partner != NULL && (who->scope == IMPORT_BOTH ||
	    (who->scope != 0 && rule->target == IMPORT_FROM && strchr(who->text, '@') != NULL));
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * The number of what an agreement of this rule is for; INTERN_NONE: it has none. *added:
 * no other has it so far.
 */
static uint32_t
agreement_key(struct intern *keys, const struct import_rule *rule, bool *added)
{
	struct buffer key = BUFFER_INIT;
	const char **names = NULL;
	size_t count = 0, room = 0;
	uint32_t number = INTERN_NONE;

	for (const struct import_who *who = rule->whos; who != NULL; who = who->next)
		if (is_of_partner(rule, who)) {
			tool_need(array_reserve(names, count + 1, &room));
			names[count++] = who->text;
		}
	if (count > 0)
		qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++)
		buffer_format(&key, "%s ", names[i]);
	tool_need(count == 0 || (!key.failed &&
	    (number = intern_add(keys, key.text, key.length, added)) != INTERN_NONE));
	free(names);
	buffer_free(&key);
	return number;
}

/* Links those that are for the same domains. */
static void
link_mates(struct import *import)
{
	struct intern keys = { .count = 0 };
	struct import_rule **latest = NULL;
	size_t room = 0;

	for (struct import_item *item = import->first; item != NULL; item = item->next) {
		struct import_rule *rule = item->rule;
		bool added = false;
		uint32_t key;

		if (rule == NULL)
			continue;
		rule->printed = false;
		rule->mate = NULL;
		key = agreement_key(&keys, rule, &added);
		if (key == INTERN_NONE)
			continue;
		tool_need(array_reserve(latest, key + 1, &room));
		if (!added)
			latest[key]->mate = rule;
		latest[key] = rule;
	}
	intern_free(&keys);
	free(latest);
}

/* At most so many code points of a name, and nothing that is not seen. */
static const char *
short_name(struct import *import, const char *name, size_t codes)
{
	struct buffer visible = BUFFER_INIT;
	size_t length = 0;
	const char *kept;

	text_visible(&visible, name[0] != '\0' ? name : "partner");
	buffer_string(&visible, "");
	tool_need(!visible.failed);
	while (visible.text[length] != '\0' && (codes -= text_begins(visible.text[length])) > 0)
		length++;
	while (visible.text[length] != '\0' && !text_begins(visible.text[length]))
		length++;
	kept = import_text(import, "%.*s", (int)length, visible.text);
	buffer_free(&visible);
	return kept;
}

/* The number of a name, without regard to the case of ASCII letters. *added: it is new. */
static uint32_t
name_number(struct print *print, const char *name, bool *added)
{
	struct buffer lower = BUFFER_INIT;
	uint32_t number;

	for (; *name != '\0'; name++)
		buffer_add(&lower, &(char){ text_lower(*name) }, 1);
	number = lower.failed ? INTERN_NONE :
	    intern_add(&print->names, lower.text, lower.length, added);
	buffer_free(&lower);
	tool_need(number != INTERN_NONE &&
	    array_reserve(print->numbers, number + 1, &print->number_room));
	if (*added)
		print->numbers[number] = 1;
	return number;
}

/* A partner's name that no other has. */
static const char *
unique_name(struct print *print, const char *name)
{
	const char *text = short_name(print->import, name, NAME_MAX_CODES);
	bool added = false;
	uint32_t first = name_number(print, text, &added);

	while (!added) {
		text = import_text(print->import, "%s %u",
		    short_name(print->import, name, NAME_MAX_CODES - 11),
		    ++print->numbers[first]);
		(void)name_number(print, text, &added);
	}
	text = import_word(print->import, text);
	return text[0] == '"' ? text : import_text(print->import, "\"%s\"", text);
}

static void
print_agreement_domains(struct print *print, struct import_rule *rule)
{
	struct buffer line = BUFFER_INIT;

	for (const struct import_who *who = rule->whos; who != NULL; who = who->next) {
		const char *word;

		if (!is_of_partner(rule, who))
			continue;
		word = import_word(print->import, who->text);
		if (line.length > 0 && line.length + strlen(word) + 1 > IMPORT_WIDTH - 7) {
			add_printed(print, rule, import_text(print->import, "%s", line.text));
			buffer_clear(&line);
		}
		buffer_format(&line, "%s %s", line.length == 0 ? "\tdomain" : "", word);
	}
	add_printed(print, rule, import_take(print->import, &line));
}

/* What a rule does with clear text; NULL: nothing, or its importer has cases of its own. */
static const char *
case_action(const struct import_rule *rule)
{
	const char *action = "tempfail";
	bool demands = false;

	for (const struct import_line *line = rule->settings.first; line != NULL;
	    line = line->next) {
		if (strcmp(line->text, "otherwise reject") == 0)
			action = "reject";
		else if (strstr(line->text, "otherwise") != NULL)
			return NULL;
		demands |= strncmp(line->text, "require ", strlen("require ")) == 0 &&
		    strncmp(line->text, "require client", strlen("require client")) != 0;
	}
	return demands && !rule->exempt ? action : NULL;
}

static const char *
client_case_facts(struct import *import, const struct import_who *who, const char *below)
{
	int length = (int)strcspn(who->text, "/");

	return strpbrk(who->text, ":/") == NULL && strspn(who->text, "0123456789.") !=
	    strlen(who->text) ?
	    import_text(import, "client_addr=192.0.2.1 client_name=%s%s from=a@b.example",
	    below, who->text) :
	    import_text(import, "client_addr=%.*s from=a@b.example", length, who->text);
}

/* What a case says of the WHO; NULL: it takes more than this to say it. */
static const char *
rule_case_facts(struct import *import, const struct import_rule *rule,
    const struct import_who *who)
{
	const char *below = who->scope == IMPORT_BELOW ? "x." : "";
	const char *local = strchr(who->text, '@') != NULL ? "" : "a@";

	if (strspn(who->text, "abcdefghijklmnopqrstuvwxyz0123456789.-_:/@[]") !=
	    strlen(who->text))
		return NULL;
	if (rule->target == IMPORT_CLIENT)
		return client_case_facts(import, who, below);
	if (rule->target == IMPORT_DELIVER)
		return import_text(import, "direction=out next_hop=%s%s", below, who->text);
	if (rule->target == IMPORT_FROM)
		return import_text(import, "from=%s%s%s", local, below, who->text);
	if (rule->target == IMPORT_TO)
		return import_text(import, "from=a@b.example to=%s%s%s", strchr(who->text, '.') ==
		    NULL ? "" : local, below, who->text);
	return NULL;
}

/* That a session in clear text is what the rule is against, of the first WHO it has. */
static void
add_rule_case(struct print *print, const struct import_rule *rule)
{
	const struct import_who *who = rule->whos;
	const char *facts, *action = case_action(rule);

	while (who != NULL && who->scope == 0)
		who = who->next;
	if (who == NULL || action == NULL || print->cases++ >= CASES_MAX)
		return;
	facts = rule_case_facts(print->import, rule, who);
	if (facts != NULL)
		import_add_line(print->import, &print->page->cases, import_text(print->import,
		    "%s tls_version=none => accept would=%s", facts, action), false);
}

static void
print_agreement(struct print *print, struct import_rule *rule)
{
	struct import *import = print->import;

	for (struct import_rule *mate = rule->mate; mate != NULL; mate = mate->mate)
		print_comments(print, &mate->item->comments);
	add_printed(print, rule, import_text(import, "partner %s {",
	    unique_name(print, rule->partner)));
	print_agreement_domains(print, rule);
	for (struct import_rule *mate = rule; mate != NULL; mate = mate->mate) {
		add_printed(print, mate, mate->target == IMPORT_FROM ? "\tincoming {" :
		    "\toutgoing {");
		print_rule_settings(print, mate, "\t\t");
		add_printed(print, mate, "\t}");
		add_rule_case(print, mate);
		mate->printed = true;
	}
	add_printed(print, rule, "}");
	print->page->agreements++;
}

/* ------------------------------------------------------------------ *
 * Other rules
 * ------------------------------------------------------------------ */

/* As it stands in a list; a next hop with a port is a string. */
static const char *
printed_who(struct import *import, const struct import_rule *rule,
    const struct import_who *who, enum import_scope scope)
{
	const char *word;

	if (strcmp(who->text, "<>") == 0)
		return who->text;
	word = import_word(import, import_text(import, "%s%s",
	    scope == IMPORT_BELOW ? "." : "", who->text));
	return rule->target == IMPORT_DELIVER && word[0] != '"' && strchr(word, ':') != NULL ?
	    import_text(import, "\"%s\"", word) : word;
}

/* Those of a scope in a list, which for BOTH the word "domain" begins. */
static void
list_whos(struct print *print, struct import_rule *rule, enum import_scope scope,
    struct buffer *line)
{
	bool any = false;

	for (const struct import_who *who = rule->whos; who != NULL; who = who->next) {
		const char *word;

		if (who->scope != (unsigned)scope || is_of_partner(rule, who))
			continue;
		word = printed_who(print->import, rule, who, scope);
		if (line->length + strlen(word) + strlen(" domain") > IMPORT_WIDTH) {
			add_printed(print, rule, import_text(print->import, "%s", line->text));
			buffer_clear(line);
			buffer_string(line, "   ");
		}
		buffer_format(line, "%s %s", scope == IMPORT_BOTH && !any ? " domain" : "", word);
		any = true;
	}
}

static bool
has_agreement(const struct import_rule *rule)
{
	const struct import_who *who = rule->whos;

	while (who != NULL && !is_of_partner(rule, who))
		who = who->next;
	return who != NULL;
}

/* Whether a rule is for something that no agreement can have, or is none. */
static bool
has_rest(const struct import_rule *rule)
{
	const struct import_who *who = rule->whos;

	while (who != NULL && (who->scope == 0 || is_of_partner(rule, who)))
		who = who->next;
	return who != NULL || rule->target == IMPORT_DEFAULT;
}

static void
print_rule(struct print *print, struct import_rule *rule)
{
	static const char *const statements[] = {
		[IMPORT_FROM] = "from", [IMPORT_TO] = "to", [IMPORT_CLIENT] = "client",
		[IMPORT_DELIVER] = "deliver", [IMPORT_DEFAULT] = "default",
	};
	struct buffer line = BUFFER_INIT;

	buffer_string(&line, statements[rule->target]);
	list_whos(print, rule, IMPORT_ITSELF, &line);
	list_whos(print, rule, IMPORT_BELOW, &line);
	list_whos(print, rule, IMPORT_BOTH, &line);
	buffer_string(&line, " {");
	add_printed(print, rule, import_take(print->import, &line));
	print_rule_settings(print, rule, "\t");
	add_printed(print, rule, "}");
	if (!has_agreement(rule))
		add_rule_case(print, rule);
	print->page->others++;
}

static void
print_item(struct print *print, const struct import_item *item)
{
	bool any = item->rule != NULL && (has_rest(item->rule) ||
	    (!item->rule->printed && has_agreement(item->rule)));

	if (!any && (item->comments.first == NULL ||
	    (item->rule != NULL && item->rule->printed)))
		return;
	add_printed(print, NULL, "");
	print->head = print->page->count;
	if (item->rule == NULL || !item->rule->printed)
		print_comments(print, &item->comments);
	if (item->rule == NULL)
		return;
	if (!item->rule->printed && has_agreement(item->rule))
		print_agreement(print, item->rule);
	if (has_rest(item->rule))
		print_rule(print, item->rule);
}

static void
print_cases(struct print *print, const struct import_line *each)
{
	for (; each != NULL; each = each->next) {
		struct buffer line = BUFFER_INIT;

		buffer_string(&line, "#| ");
		text_visible(&line, each->text);
		add_printed(print, NULL, import_take(print->import, &line));
	}
}

void
import_print(struct import *import, struct import_page *page)
{
	struct print print = { .import = import, .page = page };

	link_mates(import);
	for (const struct import_item *item = import->first; item != NULL; item = item->next)
		print_item(&print, item);
	if (import->cases.first != NULL || page->cases.first != NULL) {
		print.head = page->count;
		add_printed(&print, NULL, "");
		add_printed(&print, NULL, "# Cases of what this is to say. With FILE as this "
		    "file\'s name:");
		add_printed(&print, NULL, "#   sed -n \'s/^#| //p\' FILE > FILE.test && "
		    "tlsward test --policy FILE FILE.test");
	}
	print_cases(&print, import->cases.first);
	print_cases(&print, page->cases.first);
	intern_free(&print.names);
	free(print.numbers);
}

void
import_flow(struct import *import, const struct import_page *page, struct buffer *out)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct import_printed *line = &page->lines[i];

		for (const struct import_line *said = line->said.first; said != NULL;
		    said = said->next)
			import_fold_comment(import, said, IMPORT_WIDTH, out);
		buffer_string(out, line->text);
		if (line->allow != NULL)
			buffer_format(out, "  # tlsward: allow%s", line->allow);
		buffer_string(out, "\n");
	}
}
