/*
 * requirement_shared.c - what kinds of requirement have in common.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/requirement.h"

#include <stdarg.h>
#include <string.h>

#include "policy/parse.h"

void
requirement_append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text + used, size - used, format, ap);
	va_end(ap);
}

void
requirement_print_string(const char *text, FILE *out)
{
	(void)putc('"', out);
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
	(void)fprintf(out, "/%s/%s", text, caseless ? "i" : "");
}

void
requirement_print_name(const struct policy_requirement *requirement, FILE *out)
{
	(void)fputs(requirement->row->name, out);
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

void *
requirement_list_grow(struct parser *p, void *list, size_t count, size_t *room,
    size_t size)
{
	void *moved;

	if (count < *room)
		return list;
	*room = *room == 0 ? 4 : *room * 2;
	moved = parse_scratch(p, *room * size);
	if (moved != NULL && count > 0)
		memcpy(moved, list, count * size);
	return moved;
}

void *
requirement_list_keep(struct parser *p, const void *list, size_t size)
{
	void *kept = parse_keep(p, size);

	if (kept != NULL)
		memcpy(kept, list, size);
	return kept;
}

/* ------------------------------------------------------------------ *
 * Comparing
 * ------------------------------------------------------------------ */

bool
requirement_never_looser(const struct policy_requirement *a,
    const struct policy_requirement *b)
{
	(void)a;
	(void)b;
	return false;
}

bool
requirement_same_value(const struct policy_requirement *a,
    const struct policy_requirement *b)
{
	return !a->row->looser(a, b) && !b->row->looser(b, a);
}

bool
requirement_same_list(const struct policy_requirement *a,
    const struct policy_requirement *b)
{
	return a == b;
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
	return tls != NULL && tls->u.version == PROTOCOL_TLS_1_3;
}

bool
requirement_implied_by_pin(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	(void)lacking;
	return settings->require[REASON_CERTIFICATE_FINGERPRINT] != NULL;
}
