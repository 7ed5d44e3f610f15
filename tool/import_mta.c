/*
 * import_mta.c - lines of tables, as Postfix and Sendmail read them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_mta.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/tool.h"
#include "policy/policy.h"
#include "base/text.h"

#define BLANKS " \t\r"
#define TEXT_MOST 120		/* of a line, in what is said of it */

/* ------------------------------------------------------------------ *
 * Lines and words
 * ------------------------------------------------------------------ */

char *
mta_copy(struct import *import, const char *text)
{
	return strcpy(import_memory(import, strlen(text) + 1), text);
}

static bool
says_something(const char *line)
{
	line += strspn(line, BLANKS);
	return *line != '\0' && *line != '\n' && *line != '#';
}

static char *
without_end(char *line, char *end)
{
	while (end > line && strchr(BLANKS, end[-1]) != NULL)
		end--;
	*end = '\0';
	return line + strspn(line, BLANKS);
}

char *
mta_next_line(struct mta_reader *reader, bool continued, unsigned *number)
{
	char *line = NULL, *end = NULL;

	while (*reader->at != '\0') {
		char *here = reader->at;
		size_t length = strcspn(here, "\n");

		if (line != NULL && says_something(here) &&
		    (!continued || strchr(BLANKS, *here) == NULL))
			break;
		reader->at += length + (here[length] == '\n');
		reader->line++;
		if (!says_something(here))
			continue;
		if (line == NULL) {
			line = end = here;
			*number = reader->line;
		} else {
			memmove(end, here, length);
		}
		end += length;
	}
	return line != NULL ? without_end(line, end) : NULL;
}

char *
mta_cut_word(char *text)
{
	char *end = text + strcspn(text, BLANKS);

	if (*end != '\0')
		*end++ = '\0';
	return end + strspn(end, BLANKS);
}

char *
mta_next_word(char **list)
{
	static const char separators[] = BLANKS ",\n";
	char *word = *list + strspn(*list, separators), *end = word;
	int braces = 0;

	while (*end != '\0' && (braces > 0 || strchr(separators, *end) == NULL)) {
		braces += *end == '{' ? 1 : *end == '}' ? -1 : 0;
		end++;
	}
	*list = end + (*end != '\0');
	*end = '\0';
	return *word != '\0' ? word : NULL;
}

/* ------------------------------------------------------------------ *
 * What becomes of them
 * ------------------------------------------------------------------ */

void
mta_lost(const struct mta_line *line, const char *format, ...)
{
	char why[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	import_lost(line->import, NULL, "%s:%u: \"%s%.*s%s%.*s\": %s", line->file,
	    line->number, line->tag != NULL ? line->tag : "", TEXT_MOST, line->key, line->value[0] != '\0' ? " " : "",
	    TEXT_MOST, line->value, why);
}

struct import_rule *
mta_rule(const struct mta_line *line, enum import_target target, const char *partner)
{
	struct import_rule *rule = import_rule(line->import, target, partner);

	import_note(line->import, rule, "%s, line %u", line->file, line->number);
	return rule;
}

const char *
mta_network(struct import *import, const char *key)
{
	const char *at = key + (strncasecmp(key, "IPv6:", 5) == 0 ? 5 : 0);
	unsigned char address[16];
	unsigned parts = 0;

	if (text_is_address(at))
		return at;
	if (strchr(at, ':') != NULL && at[0] != ':' && at[strlen(at) - 1] != ':' &&
	    strstr(at, "::") == NULL) {
		for (const char *c = at; *c != '\0'; c++)
			parts += *c == ':';
		at = import_text(import, "%s::", at);
		return inet_pton(AF_INET6, at, address) == 1 ?
		    import_text(import, "%s/%u", at, 16 * (parts + 1)) : NULL;
	}
	for (const char *part = at; parts < 3 && *part >= '0' && *part <= '9'; parts++) {
		char *end;
		unsigned long number = strtoul(part, &end, 10);

		if (number > 255 || end - part > 3)
			return NULL;
		if (*end == '\0')
			return import_text(import, "%s%s/%u", at, parts == 0 ? ".0.0.0" :
			    parts == 1 ? ".0.0" : ".0", 8 * (parts + 1));
		if (*end != '.')
			return NULL;
		part = end + 1;
	}
	return NULL;
}

const char *
mta_digest(struct import *import, const char *text, const char **why)
{
	char digest[80];
	size_t digits = 0;

	for (const char *c = text; *c != '\0'; c++)
		digits += *c != ':';
	if (policy_fingerprint_normalize(text, digest, sizeof(digest)))
		return import_text(import, "%s", digest);
	*why = digits == 32 ? "32 hex digits are of MD5, which cannot be taken: \"openssl x509 "
	    "-in their.pem -noout -fingerprint -sha256\" gives one that can" :
	    "this is no digest of a certificate or its key";
	return NULL;
}
