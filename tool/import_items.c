/*
 * import_items.c - what importers say, kept until it is written.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_items.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/tool.h"
#include "policy/policy.h"
#include "base/text.h"

#define DOMAIN_SIZE 256
#define BLANKS " \t\r\n"

/* ------------------------------------------------------------------ *
 * Memory and text
 * ------------------------------------------------------------------ */

void *
import_memory(struct import *import, size_t size)
{
	void *memory = arena_alloc(&import->arena, size);

	tool_need(memory != NULL);
	return memory;
}

static const char *import_vtext(struct import *import, const char *format,
    va_list arguments) __attribute__((format(printf, 2, 0)));

static const char *
import_vtext(struct import *import, const char *format, va_list arguments)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	tool_need(length >= 0);
	text = import_memory(import, (size_t)length + 1);
	(void)vsnprintf(text, (size_t)length + 1, format, arguments);
	return text;
}

const char *
import_text(struct import *import, const char *format, ...)
{
	const char *text;
	va_list arguments;

	va_start(arguments, format);
	text = import_vtext(import, format, arguments);
	va_end(arguments);
	return text;
}

const char *
import_take(struct import *import, struct buffer *text)
{
	const char *kept;

	tool_need(!text->failed);
	kept = import_text(import, "%s", text->text != NULL ? text->text : "");
	buffer_free(text);
	return kept;
}

/* What a policy's word may be of, but for stars at its start. */
static bool
is_word(const char *text)
{
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;

	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "._:/@-") == strlen(name) && name[0] != '/' && strpbrk(name, ".:@") != NULL;
}

const char *
import_word(struct import *import, const char *text)
{
	struct buffer visible = BUFFER_INIT, string = BUFFER_INIT;

	if (is_word(text))
		return import_text(import, "%s", text);
	text_visible(&visible, text);
	buffer_string(&string, "\"");
	for (size_t i = 0; i < visible.length; i++)
		buffer_format(&string, "%s%c",
		    strchr("\"\\", visible.text[i]) != NULL ? "\\" : "", visible.text[i]);
	buffer_string(&string, "\"");
	string.failed |= visible.failed;
	buffer_free(&visible);
	return import_take(import, &string);
}

/* ------------------------------------------------------------------ *
 * Lines and items
 * ------------------------------------------------------------------ */

void
import_add_line(struct import *import, struct import_lines *lines, const char *text,
    bool lost)
{
	struct import_line *line = import_memory(import, sizeof(*line));

	line->text = text;
	line->lost = lost;
	if (lines->last == NULL)
		lines->last = &lines->first;
	*lines->last = line;
	lines->last = &line->next;
}

static struct import_item *
add_item(struct import *import)
{
	struct import_item *item = import_memory(import, sizeof(*item));

	if (import->last == NULL)
		import->last = &import->first;
	*import->last = item;
	import->last = &item->next;
	import->newest = item;
	return item;
}

struct import_rule *
import_rule(struct import *import, enum import_target target, const char *partner)
{
	struct import_rule *rule = import_memory(import, sizeof(*rule));

	rule->item = add_item(import);
	rule->item->rule = rule;
	rule->target = target;
	rule->last_who = &rule->whos;
	if (partner != NULL)
		rule->partner = import_text(import, "%s", partner);
	return rule;
}

/* Where a comment goes that begins with a blank: below the one before it. */
static struct import_lines *
lines_before(struct import *import)
{
	struct import_item *item = import->newest;

	if (item == NULL || item->rule != NULL)
		item = add_item(import);
	return &item->comments;
}

static struct import_lines *
lines_of(struct import *import, struct import_rule *rule)
{
	return rule != NULL ? &rule->item->comments : &add_item(import)->comments;
}

void
import_comment(struct import *import, struct import_rule *rule, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	import_add_line(import, rule == NULL && format[0] == ' ' ? lines_before(import) :
	    lines_of(import, rule), import_vtext(import, format, arguments), false);
	va_end(arguments);
}

void
import_lost(struct import *import, struct import_rule *rule, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	import_add_line(import, lines_of(import, rule),
	    import_vtext(import, format, arguments), true);
	va_end(arguments);
	import->lost++;
}

void
import_answer(struct import *import, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	import->answer = import_vtext(import, format, arguments);
	va_end(arguments);
}

void
import_case(struct import *import, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	import_add_line(import, &import->cases, import_vtext(import, format, arguments), false);
	va_end(arguments);
}

void
import_set(struct import *import, struct import_rule *rule, const char *format, ...)
{
	va_list arguments;
	const char *text;

	va_start(arguments, format);
	text = import_vtext(import, format, arguments);
	va_end(arguments);
	rule->exempt |= strncmp(text, "exempt", strlen("exempt")) == 0;
	import_add_line(import, &rule->settings, text, false);
}

void
import_note(struct import *import, struct import_rule *rule, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	import_add_line(import, &rule->notes, import_vtext(import, format, arguments), false);
	va_end(arguments);
}

/* ------------------------------------------------------------------ *
 * Whom a rule is for
 * ------------------------------------------------------------------ */

/* A network without the bits that its prefix does not cover; NULL: it is none. */
static const char *
network_as_compared(struct import *import, const char *text)
{
	unsigned char address[16];
	char host[INET6_ADDRSTRLEN], *end;
	size_t length = strcspn(text, "/");
	bool six = strchr(text, ':') != NULL;
	unsigned long most = six ? 128 : 32, bits = most;

	if (length >= sizeof(host))
		return NULL;
	(void)snprintf(host, sizeof(host), "%.*s", (int)length, text);
	if (inet_pton(six ? AF_INET6 : AF_INET, host, address) != 1)
		return NULL;
	if (text[length] == '/') {
		bits = strtoul(text + length + 1, &end, 10);
		if (strchr("0123456789", text[length + 1]) == NULL || *end != '\0' ||
		    text[length + 1] == '\0' || bits > most)
			return NULL;
	}
	for (unsigned long i = bits; i < most; i++)
		address[i / 8] &= (unsigned char)~(0x80U >> i % 8);
	(void)inet_ntop(six ? AF_INET6 : AF_INET, address, host, sizeof(host));
	return bits == most ? import_text(import, "%s", host) :
	    import_text(import, "%s/%lu", host, bits);
}

/* A domain as it compares; NULL: it is none. */
static const char *
domain_as_compared(struct import *import, const char *text)
{
	char domain[DOMAIN_SIZE];

	return text[0] != '.' && strchr(text, '*') == NULL &&
	    policy_domain(text, domain, sizeof(domain)) ?
	    import_text(import, "%s", domain) : NULL;
}

static const char *
client_as_compared(struct import *import, const char *text)
{
	const char *found = network_as_compared(import, text);

	return found != NULL ? found : domain_as_compared(import, text);
}

static const char *
address_as_compared(struct import *import, const char *text)
{
	const char *at = strrchr(text, '@');
	const char *domain = domain_as_compared(import, at + 1);

	return domain == NULL || at == text ? NULL :
	    import_text(import, "%.*s@%s", (int)(at - text), text, domain);
}

/* The brackets or the port that make it a next hop stay. */
static const char *
hop_as_compared(struct import *import, const char *text)
{
	const char *inner = text + (text[0] == '[');
	size_t length = strcspn(inner, text[0] == '[' ? "]" : ":");
	const char *host = client_as_compared(import, import_text(import, "%.*s", (int)length, inner));

	if (host == NULL || (text[0] == '[' && inner[length] != ']'))
		return NULL;
	return import_text(import, "%s%s%s", text[0] == '[' ? "[" : "", host, inner + length);
}

/* As it compares; NULL: it is no such thing. */
static const char *
who_as_compared(struct import *import, enum import_target target, const char *text,
    enum import_scope scope)
{
	if (target == IMPORT_CLIENT)
		return client_as_compared(import, text);
	if (target == IMPORT_DELIVER && strpbrk(text, "[:") != NULL)
		return hop_as_compared(import, text);
	if (target == IMPORT_FROM && strcmp(text, "<>") == 0)
		return text;
	if (target != IMPORT_DELIVER && strchr(text, '@') != NULL)
		return address_as_compared(import, text);
	/* A name of one label is nobody's; all that is below it may be meant. */
	if (scope == IMPORT_ITSELF && strchr(text, '.') == NULL &&
	    (target != IMPORT_TO || strcasecmp(text, "postmaster") != 0))
		return NULL;
	return domain_as_compared(import, text);
}

static const char *
import_trimmed(struct import *import, const char *text)
{
	size_t length;

	text += strspn(text, BLANKS);
	length = strlen(text);
	while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
		length--;
	return import_text(import, "%.*s", (int)length, text);
}

void
import_who(struct import *import, struct import_rule *rule, const char *who,
    enum import_scope scope)
{
	static const char *const meant[] = {
		[IMPORT_FROM] = "a domain or an address", [IMPORT_TO] = "a domain or an address",
		[IMPORT_CLIENT] = "a host name, an address or a network",
		[IMPORT_DELIVER] = "a domain or a next hop", [IMPORT_DEFAULT] = "expected here",
	};
	const char *text = import_trimmed(import, who);
	bool below = text[0] == '.';
	struct import_who *added;

	text = who_as_compared(import, rule->target, text + below,
	    below ? IMPORT_BELOW : scope);
	if (text == NULL) {
		import_lost(import, rule, "\"%s\" is not %s.", who, meant[rule->target]);
		return;
	}
	if (below)
		scope = IMPORT_BELOW;
	else if (strpbrk(text, "@[:/<") != NULL || network_as_compared(import, text) != NULL)
		scope = IMPORT_ITSELF;
	/* The same a second time becomes one where rules are joined. */
	added = import_memory(import, sizeof(*added));
	added->text = text;
	added->scope = scope;
	*rule->last_who = added;
	rule->last_who = &added->next;
}
