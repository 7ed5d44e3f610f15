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

/* Adds the comparable form of a domain to what is in "name" already. */
static int
append_domain(struct name *name, const char *text, size_t length, bool *valid)
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

int
name_domain(const char *text, size_t length, struct name *name, bool *valid)
{
	start_name(name);
	return append_domain(name, text, length, valid);
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
strip(const char **text, size_t *length)
{
	const char *colon;

	if (*length >= 2 && (*text)[0] == '<' && (*text)[*length - 1] == '>') {
		(*text)++;
		*length -= 2;
	}
	if (*length > 0 && **text == '@' &&
	    (colon = memchr(*text, ':', *length)) != NULL) {
		*length -= (size_t)(colon + 1 - *text);
		*text = colon + 1;
	}
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
