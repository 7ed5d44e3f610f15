/*
 * name.c - domain names and addresses in the form in which they compare.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/name.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "base/buffer.h"
#include "base/text.h"

static void
start_name(struct name *name)
{
	name->heap = NULL;
	name->text = name->room;
	name->length = 0;
}

/* Makes room for "length" bytes and the terminator; what is there stays. */
static int
reserve_name(struct name *name, size_t length)
{
	char *moved;

	if (name->heap == NULL && length < sizeof(name->room))
		return 0;
	if ((moved = realloc(name->heap, length + 1)) == NULL)
		return -1;
	if (name->heap == NULL)
		memcpy(moved, name->room, name->length);
	name->text = name->heap = moved;
	return 0;
}

void
name_free(struct name *name)
{
	free(name->heap);
	name->heap = NULL;
}

static bool
is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}

/* Copies in lower case, without a trailing dot. */
static void
copy_lower(char *out, const char *text, size_t *length)
{
	if (*length > 0 && text[*length - 1] == '.')
		(*length)--;
	for (size_t i = 0; i < *length; i++)
		out[i] = text_lower(text[i]);
	out[*length] = '\0';
}

/* Adds what a domain, or a label, is mapped to; one that cannot be as it is. */
static int
append_mapped(struct name *name, const char *text, size_t length, bool *valid)
{
	uint8_t *ascii = NULL;
	int result = IDN2_OK;
	char *copy;

	if (!is_ascii(text, length)) {
		if ((copy = strndup(text, length)) == NULL)
			return -1;
		result = idn2_lookup_u8((const uint8_t *)copy, &ascii,
		    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
		free(copy);
	}
	*valid = result == IDN2_OK;
	if (result == IDN2_MALLOC)
		return -1;
	if (*valid && ascii != NULL) {
		text = (const char *)ascii;
		length = strlen(text);
	}
	result = reserve_name(name, name->length + length);
	if (result == 0) {
		copy_lower(name->text + name->length, text, &length);
		name->length += length;
	}
	idn2_free(ascii);
	return result;
}

/* How long the dot is that stands there: one of UTS 46 (0: none). */
static size_t
dot_length(const char *text, const char *end)
{
	static const char *const dots[] = {
		".", "\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"
	};

	for (size_t i = 0; i < sizeof(dots) / sizeof(dots[0]); i++) {
		size_t length = strlen(dots[i]);

		if ((size_t)(end - text) >= length && memcmp(text, dots[i], length) == 0)
			return length;
	}
	return 0;
}

/* The same label by label, without a dot at the end. */
static int
append_labels(struct name *name, const char *text, size_t length)
{
	const char *end = text + length, *next;
	int result = 0;
	bool valid;

	for (; result == 0 && text < end; text = next + dot_length(next, end)) {
		for (next = text; next < end && dot_length(next, end) == 0;)
			next++;
		result = append_mapped(name, text, (size_t)(next - text), &valid);
		if (result == 0 && next + dot_length(next, end) < end &&
		    (result = reserve_name(name, name->length + 1)) == 0)
			name->text[name->length++] = '.';
	}
	return result;
}

/*
 * Adds the comparable form of a domain to what is in "name" already. A label that cannot
 * be mapped must not hide what is above it: others map it, and deliver.
 */
static int
append_domain(struct name *name, const char *text, size_t length, bool *valid)
{
	size_t before = name->length;
	int result = append_mapped(name, text, length, valid);

	if (result != 0 || *valid)
		return result;
	name->length = before;
	return append_labels(name, text, length);
}

int
name_domain(const char *text, size_t length, struct name *name, bool *valid)
{
	start_name(name);
	return append_domain(name, text, length, valid);
}

bool
name_unicode(const char *text, size_t length, struct buffer *out)
{
	char *copy = strndup(text, length), *wide = NULL;
	struct name back = { .heap = NULL };
	bool fits = false, valid;

	/* To "ss" and to another sigma: these two change when case is folded. */
	if (copy != NULL && strstr(copy, "xn--") != NULL &&
	    idn2_to_unicode_8z8z(copy, &wide, 0) == IDN2_OK &&
	    strstr(wide, "\xc3\x9f") == NULL && strstr(wide, "\xcf\x82") == NULL &&
	    name_domain(wide, strlen(wide), &back, &valid) == 0)
		fits = valid && back.length == length && !is_ascii(wide, strlen(wide)) &&
		    memcmp(back.text, text, length) == 0;
	else if (copy == NULL)
		out->failed = true;
	if (fits)
		buffer_string(out, wide);
	name_free(&back);
	idn2_free(wide);
	free(copy);
	return fits;
}

/* The last "@" outside quotes, or NULL; with unbalanced quotes the last of all. */
static const char *
find_at(const char *text, size_t length)
{
	const char *at = NULL, *last = NULL;
	bool quoted = false;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '@') {
			last = text + i;
			if (!quoted)
				at = last;
		} else if (text[i] == '"')
			quoted = !quoted;
		else if (text[i] == '\\' && quoted && i + 1 < length &&
		    text[++i] == '@')
			last = text + i;
	}
	return quoted ? last : at;
}

/* Writes the local part in ASCII lower case with its quoting undone. */
static size_t
copy_local(char *out, const char *text, size_t length)
{
	bool quoted = false;
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"') {
			quoted = !quoted;
			continue;
		}
		if (text[i] == '\\' && i + 1 < length)
			i++;
		out[used++] = text_lower(text[i]);
	}
	return used;
}

static void
drop_blanks(const char **text, size_t *length)
{
	size_t before = strspn(*text, " \t");

	before = before < *length ? before : *length;
	*text += before;
	*length -= before;
	while (*length > 0 && strchr(" \t", (*text)[*length - 1]) != NULL)
		(*length)--;
}

/* What stands around an address: blanks, angle brackets, a source route. */
static void
strip(const char **text, size_t *length)
{
	const char *colon;

	drop_blanks(text, length);
	if (*length >= 2 && (*text)[0] == '<' && (*text)[*length - 1] == '>') {
		(*text)++;
		*length -= 2;
	}
	if (*length > 0 && **text == '@' &&
	    (colon = memchr(*text, ':', *length)) != NULL) {
		*length -= (size_t)(colon + 1 - *text);
		*text = colon + 1;
	}
	drop_blanks(text, length);
}

int
address_parse(const char *text, struct address *address)
{
	size_t length = strlen(text);
	const char *at;
	bool valid;

	memset(address, 0, offsetof(struct address, name));
	strip(&text, &length);
	start_name(&address->name);
	if (reserve_name(&address->name, length) == -1)
		return -1;
	address->null = length == 0;
	at = find_at(text, length);
	address->local_length = copy_local(address->name.text, text,
	    at != NULL ? (size_t)(at - text) : length);
	address->name.length = address->local_length;
	address->name.text[address->name.length] = '\0';
	if (at == NULL)
		return 0;
	address->name.text[address->name.length++] = '@';
	if (append_domain(&address->name, at + 1, (size_t)(text + length - at - 1),
	    &valid) == -1) {
		address_free(address);
		return -1;
	}
	address->domain_length = address->name.length - address->local_length - 1;
	if (address->domain_length > 0)
		address->domain = address->name.text + address->local_length + 1;
	return 0;
}

void
address_free(struct address *address)
{
	name_free(&address->name);
}

enum policy_tri
policy_compare_addresses(const char *a, const char *b)
{
	struct address one, other;
	bool same;

	if (address_parse(a, &one) == -1)
		return POLICY_UNKNOWN;
	if (address_parse(b, &other) == -1) {
		address_free(&one);
		return POLICY_UNKNOWN;
	}
	same = one.null == other.null && (one.domain == NULL) == (other.domain == NULL) &&
	    one.local_length == other.local_length &&
	    one.name.length == other.name.length &&
	    memcmp(one.name.text, other.name.text, one.name.length) == 0;
	address_free(&one);
	address_free(&other);
	return same ? POLICY_YES : POLICY_NO;
}

bool
policy_same_address(const char *a, const char *b)
{
	return policy_compare_addresses(a, b) == POLICY_YES;
}

bool
name_is_domain(const char *text, size_t length)
{
	size_t label = 0;
	bool digits = true;

	if (length == 0 || length > 253)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		bool ldh = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_';

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			digits = true;
			continue;
		}
		digits &= c >= '0' && c <= '9';
		if (!ldh || ++label > 63)
			return false;
	}
	/* A last label of digits alone belongs to an IP address (RFC 3696 section 2). */
	return label > 0 && !digits;
}

bool
policy_domain(const char *text, char *out, size_t size)
{
	size_t dot = text[0] == '.';
	struct name name;
	bool valid, fits;

	if (name_domain(text + dot, strlen(text + dot), &name, &valid) != 0)
		return false;
	fits = (size_t)snprintf(out, size, "%s%s", dot != 0 ? "." : "", name.text) < size;
	valid = valid && fits && name_is_domain(name.text, name.length);
	name_free(&name);
	return valid;
}

/* The port behind a next hop, with its colon: digits, or a service's name. */
static bool
is_port(const char *text)
{
	static const char of_name[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	long number;
	char *end;

	if (text[0] == '\0')
		return true;
	if (text[0] != ':' || text[1] == '\0' ||
	    text[1 + strspn(text + 1, of_name)] != '\0')
		return false;
	number = strtol(text + 1, &end, 10);
	return *end != '\0' || (number > 0 && number <= 65535);
}

/*
 * Whether it is an IP address in lower case, as stands in brackets ("ipv6:" may be before
 * it): that is for the MTA to read.
 */
static bool
is_ip(const char *text, size_t length)
{
	size_t prefix = length > 5 && strncmp(text, "ipv6:", 5) == 0 ? 5 : 0;

	text += prefix;
	length -= prefix;
	return length > 0 && strspn(text, "0123456789abcdef:.") >= length &&
	    (memchr(text, ':', length) != NULL || strspn(text, "0123456789.") >= length);
}

int
next_hop_key(const char *text, char key[NEXT_HOP_MAX])
{
	bool brackets = text[0] == '[', valid;
	const char *host = text + brackets;
	size_t length = strcspn(host, brackets ? "]" : ":");
	const char *behind = host + length + (brackets && host[length] == ']');
	struct name name;
	int written = 0;

	if ((brackets && host[length] != ']') || (!brackets && *behind == '\0') ||
	    !is_port(behind))
		return 1;
	if (name_domain(host, length, &name, &valid) == -1)
		return -1;
	if ((valid && name_is_domain(name.text, name.length)) ||
	    (brackets && is_ip(name.text, name.length)))
		written = snprintf(key, NEXT_HOP_MAX, "%s%s%s%s", brackets ? "[" : "",
		    name.text, brackets ? "]" : "", behind);
	name_free(&name);
	for (char *c = key; written > 0 && *c != '\0'; c++)
		*c = text_lower(*c);
	return written > 0 && written < NEXT_HOP_MAX ? 0 : 1;
}
