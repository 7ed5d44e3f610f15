/*
 * sendmail_cf.c - Sendmail's configuration, sendmail.cf.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/sendmail_cf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/text.h"

#define BLANKS " \t\r"
#define SEPARATORS ",; \t"

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

/* Takes the end of a line off; a line behind it that begins with a blank goes on with it. */
static char *
cut_cf_line(char *line, unsigned *number)
{
	char *end = strchr(line, '\n');

	while (end != NULL && (end[1] == ' ' || end[1] == '\t')) {
		*end = ' ';
		++*number;
		end = strchr(end, '\n');
	}
	if (end == NULL)
		return NULL;
	*end = '\0';
	return end + 1;
}

static void
trim_value(char *line)
{
	size_t length = strlen(line);

	while (length > 0 && strchr(BLANKS, line[length - 1]) != NULL)
		line[--length] = '\0';
}

static bool
cut_cf_lines(struct cf *cf)
{
	unsigned number = 1;

	for (char *line = cf->text, *next; line != NULL; line = next, number++) {
		unsigned first = number;

		next = cut_cf_line(line, &number);
		if (*line == '\0' || *line == '#' || strchr(BLANKS, *line) != NULL)
			continue;
		trim_value(line);
		if (!array_reserve(cf->lines, cf->count + 1, &cf->room))
			return false;
		cf->lines[cf->count++] = (struct cf_line){ first, line[0], line + 1 };
	}
	return true;
}

enum file_result
cf_read(const char *path, struct cf *cf)
{
	struct file file;
	enum file_result result;

	*cf = (struct cf){ .path = path };
	result = file_read(path, CF_FILE_MAX, true, &file);
	cf->text = file.text;
	return result == FILE_READ && !cut_cf_lines(cf) ? FILE_NO_MEMORY : result;
}

void
cf_free(struct cf *cf)
{
	free(cf->lines);
	free(cf->text);
	*cf = (struct cf){ 0 };
}

/* ------------------------------------------------------------------ *
 * Options
 * ------------------------------------------------------------------ */

/* The value, where the line is "O NAME=VALUE"; NULL: it is another. */
static const char *
value_of(const struct cf_line *line, const char *name)
{
	const char *at = line->text + strspn(line->text, BLANKS);
	size_t length = strlen(name);

	if (line->kind != 'O' || at == line->text || strncasecmp(at, name, length) != 0)
		return NULL;
	at += length + strspn(at + length, BLANKS);
	return *at == '=' ? at + 1 + strspn(at + 1, BLANKS) : NULL;
}

const char *
cf_next_option(const struct cf *cf, const char *name, size_t *at, unsigned *line)
{
	while (*at < cf->count) {
		const struct cf_line *here = &cf->lines[(*at)++];
		const char *value = value_of(here, name);

		if (value == NULL)
			continue;
		if (line != NULL)
			*line = here->number;
		return value;
	}
	return NULL;
}

const char *
cf_option(const struct cf *cf, const char *name, unsigned *line)
{
	const char *value, *last = NULL;
	size_t at = 0;

	while ((value = cf_next_option(cf, name, &at, line)) != NULL)
		last = value;
	return last;
}

bool
cf_has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (list += strspn(list, SEPARATORS); *list != '\0';
	    list += strspn(list, SEPARATORS)) {
		size_t here = strcspn(list, SEPARATORS);

		if (here == length && strncasecmp(list, word, length) == 0)
			return true;
		list += here;
	}
	return false;
}

bool
cf_field(const char *list, char letter, char *out, size_t size)
{
	bool found = false;

	while (*list != '\0') {
		const char *name = list + strspn(list, ", \t");
		size_t length = strcspn(name, ",");
		const char *equals = memchr(name, '=', length);

		list = name + length;
		if (equals == NULL || text_lower(name[0]) != text_lower(letter))
			continue;
		equals += 1 + strspn(equals + 1, BLANKS);
		(void)snprintf(out, size, "%.*s", (int)(list > equals ? list - equals : 0),
		    equals);
		trim_value(out);
		found = true;
	}
	return found;
}

/* ------------------------------------------------------------------ *
 * Filters
 * ------------------------------------------------------------------ */

/* Without the brackets of a host's address; a path alone is a UNIX socket's. */
static void
write_socket(const char *given, char *out, size_t size)
{
	const char *host = strstr(given, "@["), *path = NULL;

	if (given[0] == '/')
		path = given;
	else if (strncmp(given, "local:", 6) == 0)
		path = given + 6;
	if (path != NULL)
		(void)snprintf(out, size, "unix:%s", path);
	else if (host != NULL)
		(void)snprintf(out, size, "%.*s@%.*s", (int)(host - given), given,
		    (int)strcspn(host + 2, "]"), host + 2);
	else
		(void)snprintf(out, size, "%s", given);
}

bool
cf_next_filter(const struct cf *cf, size_t *at, struct cf_filter *filter)
{
	char given[256] = "";

	while (*at < cf->count && cf->lines[*at].kind != 'X')
		++*at;
	if (*at == cf->count)
		return false;
	*filter = (struct cf_filter){ .text = cf->lines[*at].text,
	    .line = cf->lines[*at].number };
	++*at;
	(void)snprintf(filter->name, sizeof(filter->name), "%.*s",
	    (int)strcspn(filter->text, ", \t"), filter->text);
	(void)cf_field(filter->text + strlen(filter->name), 'S', given, sizeof(given));
	write_socket(given, filter->socket, sizeof(filter->socket));
	(void)cf_field(filter->text + strlen(filter->name), 'F', filter->flags,
	    sizeof(filter->flags));
	(void)cf_field(filter->text + strlen(filter->name), 'T', filter->timeouts,
	    sizeof(filter->timeouts));
	return true;
}

int
cf_timeout(const struct cf_filter *filter, char letter)
{
	static const struct { char unit; int seconds; } units[] = { { 's', 1 }, { 'm', 60 },
	    { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };

	for (const char *at = filter->timeouts; *at != '\0';) {
		const char *name = at + strspn(at, "; \t");
		char *end;
		long number;

		at = name + strcspn(name, ";");
		if (name[0] != letter || strcspn(name, ":") >= (size_t)(at - name))
			continue;
		number = strtol(name + strcspn(name, ":") + 1, &end, 10);

		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (*end == units[i].unit)
				number *= units[i].seconds;
		return number < 0 || number > 86400 * 7 ? 86400 * 7 : (int)number;
	}
	return -1;
}
