/*
 * requirement_shared.c - what kinds of requirement have in common.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/requirement.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "policy/map.h"
#include "policy/parse.h"

void
requirement_describe(const struct policy_requirement *requirement, char *text, size_t size)
{
	const char *demands = requirement->row->demands;
	const char *value = strstr(demands, "%s");

	if (value == NULL) {
		text_append(text, size, "%s", demands);
		return;
	}
	text_append(text, size, "%.*s", (int)(value - demands), demands);
	requirement->row->value(requirement, text, size);
	text_append(text, size, "%s", value + 2);
}

void
requirement_no_value(const struct policy_requirement *requirement, char *text, size_t size)
{
	(void)requirement;
	(void)text;
	(void)size;
}

void
requirement_number(const struct policy_requirement *requirement, char *text, size_t size)
{
	text_append(text, size, "%d", requirement->least);
}

void
requirement_print_string(const char *text, FILE *out)
{
	(void)fputs(" \"", out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)putc('\\', out);
		(void)putc(*text, out);
	}
	(void)putc('"', out);
}

void
requirement_print_regex(const char *text, bool caseless, FILE *out)
{
	(void)fprintf(out, " /%s/%s", text, caseless ? "i" : "");
}

void
requirement_print_name(const struct policy_requirement *requirement, FILE *out)
{
	(void)fputs(requirement->row->name, out);
}

void
requirement_print_number(const struct policy_requirement *requirement, FILE *out)
{
	(void)fprintf(out, "%s >= %d", requirement->row->name, requirement->least);
}

/* ------------------------------------------------------------------ *
 * Parsing
 * ------------------------------------------------------------------ */

bool
requirement_parse_nothing(struct parser *p, struct policy_requirement *requirement)
{
	(void)p;
	(void)requirement;
	return true;
}

int
requirement_read_number(const struct parser *p, int most)
{
	size_t length = p->token.length;
	int number;

	if (length == 0 || length > 5 || strspn(p->token.text, "0123456789") != length)
		return -1;
	number = atoi(p->token.text);
	return number <= most ? number : -1;
}

void *
requirement_list(struct parser *p, size_t size, size_t *count,
    requirement_element *element, void (*next)(struct parser *p),
    struct policy_requirement *requirement)
{
	size_t room = 0;
	char *list = NULL, *larger;

	for (*count = 0;; ++*count) {
		if (*count == room) {
			room = room == 0 ? 4 : room * 2;
			if ((larger = parse_scratch(p, room * size)) == NULL)
				return NULL;
			if (*count > 0)
				memcpy(larger, list, *count * size);
			list = larger;
		}
		if (!element(p, requirement, list + *count * size))
			break;
		next(p);
	}
	if (*count == 0 || p->token.type == TOKEN_BAD ||
	    (larger = parse_keep(p, *count * size)) == NULL)
		return NULL;
	return memcpy(larger, list, *count * size);
}

/* ------------------------------------------------------------------ *
 * Comparing
 * ------------------------------------------------------------------ */

bool
requirement_covers_least(const struct policy_requirement *a,
    const struct policy_requirement *b)
{
	return a->least <= b->least;
}

bool
requirement_never_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	(void)settings;
	(void)lacking;
	return false;
}

bool
requirement_implied_by_tls13(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	const struct policy_requirement *tls = settings->require[REASON_TLS_VERSION];

	(void)lacking;
	return tls != NULL && tls->least == PROTOCOL_TLS_1_3;
}

bool
requirement_implied_by_pin(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	(void)lacking;
	return settings->require[REASON_CERTIFICATE_FINGERPRINT] != NULL;
}

/* ------------------------------------------------------------------ *
 * Sendmail's column
 * ------------------------------------------------------------------ */

bool
access_tls(const struct policy_requirement *requirement, struct access *access)
{
	(void)access;
	return requirement->least == PROTOCOL_UNKNOWN;
}

bool
access_bits(const struct policy_requirement *requirement, struct access *access)
{
	access->bits = requirement->least;
	return true;
}

bool
access_verify(const struct policy_requirement *requirement, struct access *access)
{
	(void)requirement;
	access->verify = true;
	return true;
}

/* Of several names all would have to be there. */
bool
access_name(const struct policy_requirement *requirement, struct access *access)
{
	bool one = requirement->u.patterns.count == 1;

	access->verify = true;
	access->name = one ? requirement : NULL;
	return one;
}

/* What DANE verifies is verified, where it is on; what else is cannot be told apart. */
bool
access_dane(const struct policy_requirement *requirement, struct access *access)
{
	(void)access_verify(requirement, access);
	return false;
}

bool
access_nothing(const struct policy_requirement *requirement, struct access *access)
{
	(void)requirement;
	(void)access;
	return false;
}
