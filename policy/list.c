/*
 * list.c - lists of domains, addresses or networks from files.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <string.h>

#include "policy/parse.h"
#include "base/file.h"
#include "base/text.h"

#define BLANKS " \t\r"

/* The place of "at" in the line from "start": columns count code points. */
static struct place
place_at(const struct source *source, const char *start, unsigned line, const char *at)
{
	struct place place = { source, start, line, 1 };

	for (; start < at; start++)
		place.column += text_begins(start[1]);
	return place;
}

static void
take_entry(struct parser *p, struct who_spec *spec)
{
	const char *meant;
	char text[512];

	if (memchr(spec->kept, SOURCE_BAD, spec->length) != NULL)
		return;
	if (spec->length >= sizeof(text)) {
		parse_error(p, &spec->place, MSG_WHO_DOMAIN, "(too long)", "");
		return;
	}
	memcpy(text, spec->kept, spec->length);
	text[spec->length] = '\0';
	spec->text = text;
	meant = spec->string ? NULL : parse_keyword_meant(text);
	spec->word = spec->kind == RULE_TO && !spec->string &&
	    strcmp(text, "postmaster") == 0;
	if (meant != NULL)
		parse_error(p, &spec->place, MSG_KEYWORD, text, MSG_KEYWORD_NAME);
	else
		parse_who(p, spec);
}

/*
 * The length of an entry, whose start may be in quotes: a list may have millions, too many
 * for strcspn().
 */
static size_t
entry_length(const char *entry)
{
	const char *c = entry;

	if (*c == '"') {
		c += 1 + strcspn(c + 1, "\"\n");
		c += *c == '"';
	}
	while (*c > '#' || (*c != '\0' && strchr(BLANKS "#\n", *c) == NULL))
		c++;
	return (size_t)(c - entry);
}

/* Whether the entry is a word of the language, which is told of first. */
static bool
at_keyword(const char *entry, size_t length)
{
	char text[16];

	if (length >= sizeof(text))
		return false;
	memcpy(text, entry, length);
	text[length] = '\0';
	return parse_keyword_meant(text) != NULL;
}

/* One line: its first word, without comment. A second word is an error. */
static void
read_entry(struct parser *p, struct who_spec *spec, char *start, unsigned line)
{
	const struct source *source = spec->place.source;
	char *word = start + strspn(start, BLANKS);
	size_t length = entry_length(word);
	const char *rest = word + length + strspn(word + length, BLANKS);

	if (*rest == '#') {
		spec->place = place_at(source, start, line, rest);
		parse_comment(p, &spec->place, rest, line);
	}
	if (strchr("#\n", *rest) == NULL && !at_keyword(word, length)) {
		spec->place = place_at(source, start, line, rest);
		parse_error(p, &spec->place, MSG_LIST_ENTRY,
		    (int)strcspn(rest, BLANKS "\n"), rest);
	} else if (length > 0) {
		spec->place = place_at(source, start, line, word);
		/* A quoted local part has its domain behind it. */
		spec->string = length > 2 && word[0] == '"' && word[length - 1] == '"';
		spec->kept = word + spec->string;
		spec->length = length - spec->string * (size_t)2;
		take_entry(p, spec);
	}
}

/* Keeps the text, in which the names stay, with room for them all. */
static bool
keep_list(struct parser *p, struct source *source, struct who_table *table)
{
	struct policy_text *kept = parse_keep(p, sizeof(*kept));
	size_t lines = 1;

	if (kept == NULL)
		return false;
	*kept = (struct policy_text){ p->policy->texts, source_take(source) };
	p->policy->texts = kept;
	for (const char *c = kept->text; (c = strchr(c, '\n')) != NULL; c++)
		lines++;
	return index_reserve(table, lines);
}

void
parse_list(struct parser *p, const struct who_spec *from, const char *path)
{
	struct who_spec spec = {
		.rule = from->rule, .kind = from->kind, .table = from->table,
		.listed = true, .of_partner = from->of_partner, .below = from->of_partner
	};
	struct source_node *node;
	int error = parse_open(p, path, &node);
	char *line, *newline;

	if (error != 0 && error != ENOMEM) {
		parse_error(p, &from->place, MSG_LIST_MISSING, path, file_why(error));
		return;
	}
	if (error != 0 || !keep_list(p, &node->source, spec.table)) {
		p->no_memory = true;
		return;
	}
	spec.file = node->file;
	spec.place.source = &node->source;
	line = node->source.text;
	for (unsigned number = 1; !p->no_memory && line != NULL; number++) {
		newline = strchr(line, '\n');
		read_entry(p, &spec, line, number);
		line = newline != NULL ? newline + 1 : NULL;
	}
}
