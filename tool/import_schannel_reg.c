/*
 * import_schannel_reg.c - reads exports of the registry.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_schannel_reg.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/tool.h"
#include "base/array.h"
#include "base/text.h"

#define VALUES_MAX 4096
#define NUMBERS_MAX ((size_t)2 * VALUES_MAX)	/* each under its own key, and a current one */
#define LINE_MAX_BYTES ((size_t)1 << 20)

/* Of keys with these words, in lower case, the values are kept. */
static const char *const kept[] = {
	"\\schannel", "\\cryptography\\configuration\\", "\\.netframework\\v",
	"\\microsoft\\windows nt\\currentversion", "\\control\\lsa", "system\\select"
};

struct reg_reader {
	struct import *import;
	struct reg *reg;
	const char *file;
	const char *at, *end;
	unsigned line;		/* of the line that was read last */
	unsigned begins;	/* of its first one, where lines were joined */
	bool wide;		/* hexadecimal strings are UTF-16 */
	const char *key, *shown;	/* NULL: one that is not kept */
};

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

#define PASTED '\001'		/* stands for a blank that is none */

/* Appends text with what web pages make of quotes undone, and their blanks as PASTED. */
static void
reg_plain(struct buffer *out, const char *text, size_t length)
{
	for (size_t at = 0; at < length;) {
		uint32_t code;
		size_t took = text_next(text + at, length - at, &code);

		if (code == 0xA0 || code == 0x202F)
			buffer_add(out, (char[]){ PASTED }, 1);
		else if (code == '\t')
			buffer_add(out, " ", 1);
		else if (code == 0x201C || code == 0x201D)
			buffer_add(out, "\"", 1);
		else if (code != 0x200B && code != 0xFEFF && code != '\r')
			buffer_add(out, text + at, took);
		at += took;
	}
}

static bool
reg_is_blank(char c)
{
	return c == ' ' || c == PASTED;
}

static void
reg_trim(struct buffer *line)
{
	while (line->length > 0 && reg_is_blank(line->text[line->length - 1]))
		line->text[--line->length] = '\0';
}

/* Appends the next line without the blanks around it. */
static void
reg_add_line(struct reg_reader *r, struct buffer *line)
{
	const char *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
	size_t length = (size_t)((stop != NULL ? stop : r->end) - r->at);
	struct buffer plain = BUFFER_INIT;
	size_t blanks = 0;

	reg_plain(&plain, r->at, length);
	r->at = stop != NULL ? stop + 1 : r->end;
	r->line++;
	line->failed |= plain.failed;
	if (plain.length > 0) {
		reg_trim(&plain);
		while (reg_is_blank(plain.text[blanks]))
			blanks++;
		if (line->length < LINE_MAX_BYTES)
			buffer_add(line, plain.text + blanks, plain.length - blanks);
	}
	buffer_free(&plain);
}

/* Whether the line goes on: data in hexadecimal that ends in a backslash. */
static bool
reg_goes_on(const struct buffer *line)
{
	const char *equals = line->length > 0 ? strstr(line->text, "=hex") : NULL;

	return equals != NULL && line->text[line->length - 1] == '\\';
}

/* The next line that says something, with those that go on with it. False: the end. */
static bool
reg_next_line(struct reg_reader *r, struct buffer *line)
{
	while (r->at < r->end) {
		buffer_clear(line);
		reg_add_line(r, line);
		r->begins = r->line;
		while (reg_goes_on(line) && r->at < r->end) {
			line->text[--line->length] = '\0';
			reg_add_line(r, line);
		}
		tool_need(!line->failed);
		if (line->length > 0 && line->text[0] != ';')
			return true;
	}
	return false;
}

static void
reg_lost(struct reg_reader *r, const char *why)
{
	import_lost(r->import, NULL, "%s, line %u: %s", r->file, r->begins, why);
}

/*
 * Makes blanks of what was pasted for them. In a name, which is up to "end", that is told:
 * to Windows it is another name.
 */
static void
reg_unpaste(struct reg_reader *r, char *line, const char *end)
{
	bool named = false;

	for (char *each = line; *each != '\0'; each++)
		if (*each == PASTED) {
			named |= end != NULL && each < end;
			*each = ' ';
		}
	if (named)
		reg_lost(r, "a no-break space (U+00A0), pasted from a web page, was read as a "
		    "blank; to Windows it is another name: make sure of the key there");
}

/* ------------------------------------------------------------------ *
 * What is kept
 * ------------------------------------------------------------------ */

static const char *
reg_lower(struct import *import, const char *text, size_t length)
{
	char *lower = import_memory(import, length + 1);

	for (size_t i = 0; i < length; i++)
		lower[i] = text_lower(text[i]);
	return lower;
}

static bool
reg_is_kept(const char *key)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strstr(key, kept[i]) != NULL)
			return true;
	return false;
}

/* The number of a value by its key and name, INTERN_NONE where there is none; made so. */
static uint32_t
reg_number(struct reg *reg, const char *key, const char *name, bool make)
{
	struct buffer both = BUFFER_INIT;
	bool added;
	uint32_t number;

	buffer_format(&both, "%s\n%s", key, name != NULL ? name : "\n");
	tool_need(!both.failed);
	number = make ? intern_add(&reg->names, both.text, both.length, &added) :
	    intern_find(&reg->names, both.text, both.length);
	tool_need(!make || number != INTERN_NONE);
	buffer_free(&both);
	return number;
}

static struct reg_value *
reg_find(struct reg *reg, const char *key, const char *name)
{
	uint32_t number = reg_number(reg, key, name, false);

	return number != INTERN_NONE ? reg->values[number] : NULL;
}

/* The value of that name, made where it is not there. NULL: it cannot be. */
static struct reg_value *
reg_make(struct reg_reader *r, const char *name)
{
	struct reg *reg = r->reg;
	struct reg_value *value = reg_find(reg, r->key, name);

	if (value == NULL && reg->count == VALUES_MAX) {
		reg->full = true;
		return NULL;
	}
	if (value == NULL) {
		if (reg->values == NULL)
			reg->values = import_memory(r->import, NUMBERS_MAX * sizeof(value));
		value = import_memory(r->import, sizeof(*value));
		reg->values[reg_number(reg, r->key, name, true)] = value;
		*reg->last = value;
		reg->last = &value->next;
		reg->count++;
		value->key = r->key;
		value->name = name;
	}
	value->order = ++reg->lines;
	value->shown = r->shown;
	value->gone = false;
	value->file = r->file;
	value->line = r->begins;
	return value;
}

/* Whether "key" is "top" or below it. */
static bool
reg_is_below(const char *key, const char *top)
{
	size_t length = strlen(top);

	return strncmp(key, top, length) == 0 && (key[length] == '\0' || key[length] == '\\');
}

static void
reg_remove_key(struct reg *reg, const char *key)
{
	bool added;
	uint32_t number = intern_add(&reg->removed, key, strlen(key), &added);

	tool_need(number != INTERN_NONE &&
	    array_reserve(reg->removals, number + 1, &reg->removal_room));
	reg->removals[number] = ++reg->lines;
}

/* Whether a value's key, or one that it is below, was removed after it was set. */
static bool
reg_is_removed(const struct reg *reg, const struct reg_value *value)
{
	for (size_t length = 0; value->key[length] != '\0';) {
		uint32_t number;

		length += 1 + strcspn(value->key + length + 1, "\\");
		number = intern_find(&reg->removed, value->key, length);
		if (number != INTERN_NONE && reg->removals[number] > value->order)
			return true;
	}
	return false;
}

/* "[KEY]" and "[-KEY]". */
static void
reg_take_key(struct reg_reader *r, const char *line)
{
	static const char *const roots[] = { "HKEY_LOCAL_MACHINE\\", "HKLM\\" };
	const char *end = strrchr(line, ']');
	bool removes = line[1] == '-';
	const char *path = line + 1 + removes;
	const char *key;
	size_t root = 0;

	r->key = NULL;
	if (end == NULL) {
		reg_lost(r, "the name of a key does not end: there is no ]");
		return;
	}
	for (size_t i = 0; i < 2 && root == 0; i++)
		if (strncasecmp(path, roots[i], strlen(roots[i])) == 0)
			root = strlen(roots[i]);
	if (root == 0 || path + root > end)
		return;		/* of a user, or of nothing */
	while (end > path + root && (end[-1] == '\\' || end[-1] == ' '))
		end--;
	key = reg_lower(r->import, path + root, (size_t)(end - path) - root);
	if (removes) {
		reg_remove_key(r->reg, key);
	} else if (reg_is_kept(key)) {
		r->shown = import_text(r->import, "%.*s", (int)(end - path - (ptrdiff_t)root),
		    path + root);
		r->key = key;
		(void)reg_make(r, NULL);
	}
}

/* ------------------------------------------------------------------ *
 * Data
 * ------------------------------------------------------------------ */

/* Reads a string in quotes with its escapes. Returns what is behind it, or NULL. */
static const char *
reg_string(const char *at, struct buffer *text)
{
	for (at++; *at != '"'; at++) {
		if (*at == '\0' || (*at == '\\' && at[1] == '\0'))
			return NULL;
		at += *at == '\\';
		buffer_add(text, at, 1);
	}
	buffer_add(text, "", 0);
	return at + 1;
}

/* Reads bytes "01,00,..." up to the end. False where they are not such. */
static bool
reg_bytes(const char *at, struct buffer *bytes)
{
	while (*at != '\0') {
		char byte;

		if (*at == ',' || *at == ' ') {
			at++;
			continue;
		}
		if (*at == ';')
			break;		/* a comment */
		if (text_hex(at[0]) < 0 || text_hex(at[1]) < 0)
			return false;
		byte = (char)(text_hex(at[0]) << 4 | text_hex(at[1]));
		buffer_add(bytes, &byte, 1);
		at += 2;
	}
	return true;
}

/* Appends a character, the end of a string as LF. */
static void
reg_add_character(struct buffer *text, unsigned code)
{
	char byte = (char)(code == 0 ? '\n' : code < 0x80 ? code : '?');

	buffer_add(text, &byte, 1);
}

/*
 * Strings, each with its NUL, as the file's version has them. Names of suites are ASCII:
 * of what is not, there is a question mark.
 */
static const char *
reg_strings(struct reg_reader *r, const struct buffer *bytes)
{
	struct buffer text = BUFFER_INIT;
	const unsigned char *at = (const unsigned char *)bytes->text;

	for (size_t i = 0; i + (r->wide ? 1 : 0) < bytes->length; i += r->wide ? 2 : 1)
		reg_add_character(&text, r->wide ? at[i] | (unsigned)at[i + 1] << 8 : at[i]);
	while (text.length > 0 && text.text[text.length - 1] == '\n')
		text.text[--text.length] = '\0';
	return import_take(r->import, &text);
}

/* "hex:", "hex(7):" and so on. */
static bool
reg_take_hex(struct reg_reader *r, const char *data, struct reg_value *value)
{
	unsigned type = 3;
	struct buffer bytes = BUFFER_INIT;
	const char *colon = strchr(data, ':');
	bool good;

	if (colon == NULL || (data[3] == '(' && sscanf(data + 4, "%8x)", &type) != 1))
		return false;
	good = reg_bytes(colon + 1, &bytes);
	tool_need(!bytes.failed);
	value->kind = REG_OTHER;
	if (good && type == 4 && bytes.length >= 4) {
		const unsigned char *at = (const unsigned char *)bytes.text;

		value->kind = REG_NUMBER;
		value->number = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
		    (uint32_t)at[3] << 24;
	} else if (good && (type == 1 || type == 2 || type == 7)) {
		value->kind = REG_TEXT;
		value->text = reg_strings(r, &bytes);
	}
	buffer_free(&bytes);
	return good;
}

static bool
reg_take_number(const char *data, struct reg_value *value)
{
	size_t digits = 0;
	uint32_t number = 0;

	data += strspn(data, " ");
	for (; text_hex(data[digits]) >= 0; digits++)
		number = number << 4 | (uint32_t)text_hex(data[digits]);
	data += digits;
	data += strspn(data, " ");
	if (digits == 0 || digits > 8 || (*data != '\0' && *data != ';'))
		return false;
	value->kind = REG_NUMBER;
	value->number = number;
	return true;
}

static bool
reg_take_data(struct reg_reader *r, const char *data, struct reg_value *value)
{
	value->kind = REG_OTHER;
	value->text = "";
	if (strncasecmp(data, "dword:", 6) == 0)
		return reg_take_number(data + 6, value);
	if (strncasecmp(data, "hex", 3) == 0)
		return reg_take_hex(r, data, value);
	if (data[0] == '"') {
		struct buffer text = BUFFER_INIT;
		bool good = reg_string(data, &text) != NULL;

		value->kind = REG_TEXT;
		value->text = import_take(r->import, &text);
		return good;
	}
	return false;
}

/* "NAME"=DATA and @=DATA. */
static void
reg_take_value(struct reg_reader *r, const char *line)
{
	struct buffer name = BUFFER_INIT;
	const char *at = line[0] == '@' ? line + 1 : reg_string(line, &name);
	struct reg_value *value;
	const char *lower = import_take(r->import, &name);

	lower = reg_lower(r->import, lower, strlen(lower));
	if (at != NULL)
		at += strspn(at, " ");
	if (at == NULL || *at != '=') {
		reg_lost(r, "this is no value: \"NAME\"=DATA was expected");
		return;
	}
	at++;
	at += strspn(at, " ");
	if (at[0] == '-' && at[1] == '\0') {
		value = reg_find(r->reg, r->key, lower);
		if (value != NULL)
			value->gone = true;
		return;
	}
	value = reg_make(r, lower);
	if (value != NULL && !reg_take_data(r, at, value)) {
		value->kind = REG_OTHER;
		reg_lost(r, "the data of this value cannot be read");
	}
}

/* ------------------------------------------------------------------ *
 * Files
 * ------------------------------------------------------------------ */

bool
reg_read(struct import *import, const struct import_source *source, struct reg *reg)
{
	struct reg_reader r = {
		.import = import, .reg = reg, .file = source->name, .at = source->text,
		.end = source->text + source->length, .wide = true
	};
	struct buffer line = BUFFER_INIT;
	bool first = true, known = true;

	if (reg->last == NULL)
		reg->last = &reg->first;
	while (known && reg_next_line(&r, &line)) {
		if (first) {
			r.wide = strncasecmp(line.text, "REGEDIT4", 8) != 0;
			known = !r.wide || line.text[0] == '[' ||
			    strncasecmp(line.text, "Windows Registry Editor", 23) == 0;
		} else if (strncasecmp(line.text, "Windows Registry Editor", 23) == 0) {
			r.wide = true;	/* several exports in one file */
		}
		first = false;
		reg_unpaste(&r, line.text, line.text[0] == '[' ? strrchr(line.text, ']') :
		    line.text[0] == '"' ? strchr(line.text + 1, '"') : NULL);
		if (line.text[0] == '[')
			reg_take_key(&r, line.text);
		else if (r.key != NULL && (line.text[0] == '"' || line.text[0] == '@'))
			reg_take_value(&r, line.text);
	}
	buffer_free(&line);
	return known && !first;
}

/* The control set that stands for the current one, as "system\controlset001"; "": none. */
static void
reg_current_set(struct reg *reg, char name[32])
{
	const struct reg_value *select = reg_find(reg, "system\\select", "current");

	name[0] = '\0';
	if (select != NULL && !select->gone && select->kind == REG_NUMBER) {
		(void)snprintf(name, 32, "system\\controlset%03u", (unsigned)select->number);
		if (reg_has(reg, name))
			return;
	}
	name[0] = '\0';
	for (const struct reg_value *each = reg->first; each != NULL; each = each->next)
		if (!each->gone && strncmp(each->key, "system\\controlset", 17) == 0 &&
		    strcspn(each->key + 7, "\\") < 24 &&
		    (name[0] == '\0' || strncmp(each->key, name, strlen(name)) < 0))
			(void)snprintf(name, 32, "system\\%.*s",
			    (int)strcspn(each->key + 7, "\\"), each->key + 7);
}

void
reg_settle(struct import *import, struct reg *reg)
{
	char name[32];

	for (struct reg_value *each = reg->first; each != NULL; each = each->next)
		each->gone |= reg_is_removed(reg, each);
	if (reg_has(reg, "system\\currentcontrolset"))
		return;
	reg_current_set(reg, name);
	if (name[0] == '\0')
		return;
	import_comment(import, NULL, "There is no CurrentControlSet: %s is taken for it.",
	    name + strlen("system\\"));
	for (struct reg_value *each = reg->first; each != NULL; each = each->next)
		if (reg_is_below(each->key, name)) {
			each->key = import_text(import, "system\\currentcontrolset%s",
			    each->key + strlen(name));
			reg->values[reg_number(reg, each->key, each->name, true)] = each;
		}
}

const struct reg_value *
reg_get(struct reg *reg, const char *key, const char *name)
{
	struct reg_value *value = reg_find(reg, key, name);
	struct reg_value *there = reg_find(reg, key, NULL);

	if (there != NULL)
		there->used = true;
	if (value == NULL || value->gone)
		return NULL;
	value->used = true;
	return value;
}

bool
reg_has(struct reg *reg, const char *key)
{
	for (const struct reg_value *each = reg->first; each != NULL; each = each->next)
		if (!each->gone && reg_is_below(each->key, key))
			return true;
	return false;
}

void
reg_free(struct reg *reg)
{
	intern_free(&reg->names);
	intern_free(&reg->removed);
	free(reg->removals);
	*reg = (struct reg){ .first = NULL };
}
