/*
 * import_exchange_value.c - what an object of Exchange's has, whoever wrote it down.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_exchange.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/tool.h"

#define BLANKS " \t\r\n"

json_t *
exchange_unusable(const char *why)
{
	json_t *value = json_object();

	(void)json_object_set_new(value, EXCHANGE_UNUSABLE, json_string(why));
	return value;
}

json_t *
exchange_property(const struct exchange_object *object, const char *name)
{
	const char *key;
	json_t *value;

	json_object_foreach(object->properties, key, value)
		if (strcasecmp(key, name) == 0)
			return value;
	return NULL;
}

static void
say_unusable(struct exchange_object *object, const char *name, const char *why)
{
	object->failed = true;
	(void)tool_trouble("%s: %s of %s \"%s\": %s", object->file, name, object->what,
	    object->name, why);
}

/* What an object stands for as text; NULL: nothing that is known. */
static json_t *
shown_member(json_t *value)
{
	static const char *const members[] = {
		EXCHANGE_SHOWN, "Address", "Expression", "Value", "value", "Domain", "Name"
	};
	json_t *found = NULL;

	for (size_t i = 0; found == NULL && i < sizeof(members) / sizeof(members[0]); i++)
		found = json_object_get(value, members[i]);
	return found;
}

/* A text that is the name of a .NET type, or what became of an object too deep. */
static bool
is_type_name(const char *text)
{
	static const char *const begins[] = {
		"System.", "Microsoft.Exchange.", "Deserialized.", "@{"
	};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (strncmp(text, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

/* An address space is an object with more than its address; NULL: it is none. */
static const char *
address_space(struct import *import, const json_t *value)
{
	const char *type = json_string_value(json_object_get(value, "Type"));
	const char *address = json_string_value(json_object_get(value, "Address"));

	if (address == NULL || (type == NULL &&
	    json_object_get(value, "IncludeSubDomains") == NULL))
		return NULL;
	return import_text(import, "%s%s%s%s", type != NULL ? type : "", type != NULL ? ":" : "",
	    json_is_true(json_object_get(value, "IncludeSubDomains")) &&
	    address[0] != '*' ? "*." : "", address);
}

/* A value as text, the import's; NULL where it cannot be used, which is said. */
static const char *
property_text(struct exchange_object *object, const char *name, json_t *value)
{
	const char *text = address_space(object->import, value), *why;

	if (text != NULL)
		return text;
	text = "";
	for (int deep = 0; json_is_object(value) && deep < 4; deep++) {
		why = json_string_value(json_object_get(value, EXCHANGE_UNUSABLE));
		if (why != NULL) {
			say_unusable(object, name, why);
			return NULL;
		}
		value = shown_member(value);
	}
	if (json_is_string(value))
		text = json_string_value(value);
	else if (json_is_boolean(value))
		return json_is_true(value) ? "True" : "False";
	else if (json_is_integer(value))
		return import_text(object->import, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
	else if (!json_is_null(value))
		text = "System.Object";
	if (!is_type_name(text))
		return import_text(object->import, "%s", text);
	say_unusable(object, name, "it holds the name of a type and not its value: "
	    EXCHANGE_AGAIN);
	return NULL;
}

const char *
exchange_text(struct exchange_object *object, const char *name)
{
	json_t *value = exchange_property(object, name);
	const char *text;
	size_t length;

	if (json_is_array(value))
		value = json_array_get(value, 0);
	text = value != NULL ? property_text(object, name, value) : "";
	if (text == NULL || strcasecmp(text, "$null") == 0)
		return "";
	text += strspn(text, BLANKS);
	length = strlen(text);
	while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
		length--;
	return import_text(object->import, "%.*s", (int)length, text);
}

enum exchange_answer
exchange_flag(struct exchange_object *object, const char *name)
{
	const char *text = exchange_text(object, name);

	if (text[0] == '\0')
		return EXCHANGE_ABSENT;
	if (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0)
		return EXCHANGE_YES;
	if (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0)
		return EXCHANGE_NO;
	import_lost(object->import, object->rule, "%s \"%s\": %s is \"%s\", which is neither True nor "
	    "False.", object->what, object->name, name, text);
	return EXCHANGE_BAD;
}

/* The elements of a text: between commas, blanks, and semicolons before no number. */
static size_t
split_list(struct exchange_object *object, const char *text,
    void (*take)(struct exchange_object *object, const char *text, void *context),
    void *context)
{
	size_t count = 0;

	/* "X400:c=us;a= ;p=contoso;1" is one. */
	if (strncasecmp(text, "X400:", 5) == 0) {
		take(object, text, context);
		return 1;
	}
	for (;;) {
		size_t length;
		const char *end;

		text += strspn(text, ",; \t\r\n{}");
		length = strcspn(text, ",; \t\r\n{}");
		if (length == 0)
			return count;
		/* "smtp:contoso.com;1": the number is a cost. */
		end = text + length;
		if (*end == ';' && strspn(end + 1, "0123456789") > 0)
			end += 1 + strspn(end + 1, "0123456789");
		take(object, import_text(object->import, "%.*s", (int)(end - text), text),
		    context);
		count++;
		text = end;
	}
}

size_t
exchange_each(struct exchange_object *object, const char *name,
    void (*take)(struct exchange_object *object, const char *text, void *context),
    void *context)
{
	json_t *value = exchange_property(object, name), *inner;
	size_t count = 0;

	/* PowerShell 5.1 writes some lists as { "value": [...], "Count": 1 }. */
	inner = json_is_object(value) ? json_object_get(value, "value") : NULL;
	if (json_is_array(inner))
		value = inner;
	if (value == NULL || json_is_null(value))
		return 0;
	for (size_t i = 0; i == 0 || i < json_array_size(value); i++) {
		json_t *each = json_is_array(value) ? json_array_get(value, i) : value;
		const char *text = each != NULL ? property_text(object, name, each) : NULL;

		if (text == NULL || strcasecmp(text, "$null") == 0)
			continue;
		/* What is one text here were the elements of a list for its writer. */
		if (!json_is_array(value))
			count += split_list(object, text, take, context);
		else {
			take(object, text, context);
			count++;
		}
	}
	return count;
}

/* ------------------------------------------------------------------ *
 * Addresses
 * ------------------------------------------------------------------ */

#define ADDRESS_BYTES 16

/* Two addresses of a family, the last ones of a range or a network. */
struct address_range {
	int family;
	size_t bytes;
	unsigned char low[ADDRESS_BYTES], high[ADDRESS_BYTES];
};

static bool
read_address(const char *text, struct address_range *range, unsigned char *address)
{
	range->family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	range->bytes = range->family == AF_INET6 ? 16 : 4;
	return inet_pton(range->family, text, address) == 1;
}

/* Sets the last bits of the higher end, and clears those of the lower one. */
static void
widen(struct address_range *range, size_t bits)
{
	for (size_t i = bits; i < range->bytes * 8; i++) {
		range->low[i / 8] &= (unsigned char)~(0x80U >> i % 8);
		range->high[i / 8] |= (unsigned char)(0x80U >> i % 8);
	}
}

/* As Exchange writes them: ADDRESS, LOW-HIGH, ADDRESS/BITS, ADDRESS(MASK). */
static bool
read_range(struct import *import, const char *text, struct address_range *range)
{
	const char *first = import_text(import, "%.*s", (int)strcspn(text, "-/("), text);
	const char *rest = text + strlen(first);
	unsigned char mask[ADDRESS_BYTES];
	size_t bits;
	char *end;

	*range = (struct address_range){ .family = 0 };
	if (!read_address(first, range, range->low))
		return false;
	memcpy(range->high, range->low, sizeof(range->high));
	if (*rest == '\0')
		return true;
	if (*rest == '-') {
		size_t bytes = range->bytes;

		return read_address(rest + 1, range, range->high) && range->bytes == bytes &&
		    memcmp(range->low, range->high, bytes) <= 0;
	}
	if (*rest == '(') {
		if (range->family != AF_INET || inet_pton(AF_INET, import_text(import, "%.*s",
		    (int)strcspn(rest + 1, ")"), rest + 1), mask) != 1)
			return false;
		for (bits = 0; bits < 32 && (mask[bits / 8] & 0x80U >> bits % 8) != 0; bits++)
			continue;
		for (size_t i = bits; i < 32; i++)
			if ((mask[i / 8] & 0x80U >> i % 8) != 0)
				return false;
	} else {
		bits = strtoul(rest + 1, &end, 10);
		if (rest[1] < '0' || rest[1] > '9' || *end != '\0' || bits > range->bytes * 8)
			return false;
	}
	widen(range, bits);
	return true;
}

/* The fewest bits of a network that begins at the lower end and is in the range. */
static size_t
fewest_bits(const struct address_range *range)
{
	size_t bits = range->bytes * 8;

	while (bits > 0) {
		struct address_range wider = *range;

		memcpy(wider.high, wider.low, sizeof(wider.high));
		widen(&wider, bits - 1);
		if (memcmp(wider.low, range->low, range->bytes) != 0 ||
		    memcmp(wider.high, range->high, range->bytes) > 0)
			break;
		bits--;
	}
	return bits;
}

/* The address behind a network that begins at the lower end; false: there is none. */
static bool
step_behind(struct address_range *range, size_t bits)
{
	struct address_range network = *range;

	memcpy(network.high, network.low, sizeof(network.high));
	widen(&network, bits);
	memcpy(range->low, network.high, sizeof(range->low));
	for (size_t i = range->bytes; i-- > 0;)
		if (++range->low[i] != 0)
			return memcmp(range->low, range->high, range->bytes) <= 0;
	return false;
}

bool
exchange_range(struct exchange_object *object, const char *text, bool *all,
    void (*take)(struct exchange_object *object, const char *text, void *context),
    void *context)
{
	struct address_range range;
	char address[INET6_ADDRSTRLEN];
	size_t bits;

	*all = false;
	if (!read_range(object->import, text, &range))
		return false;
	if (fewest_bits(&range) == 0) {
		*all = true;
		return true;
	}
	do {
		bits = fewest_bits(&range);
		(void)inet_ntop(range.family, range.low, address, sizeof(address));
		take(object, bits == range.bytes * 8 ?
		    import_text(object->import, "%s", address) :
		    import_text(object->import, "%s/%zu", address, bits), context);
	} while (step_behind(&range, bits));
	return true;
}
