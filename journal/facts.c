/*
 * facts.c - facts by the record's names: from text and from JSON, and copies.
 *
 * The strings of the facts stay where jansson put them; "kept" holds all those
 * values until the facts are cleared.
 *
 * SPDX-License-Identifier: ISC
 */
#include <ctype.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "journal/record.h"
#include "base/arena.h"
#include "base/date.h"
#include "base/suggest.h"
#include "base/text.h"

/* ------------------------------------------------------------------ *
 * One fact
 * ------------------------------------------------------------------ */

/* MD5 has the shortest digest that an MTA is known to report, SHA-512 the longest. */
#define DIGEST_MIN 32
#define DIGEST_MAX 128

static void *
fact_slot(struct facts *facts, const struct record_field *field)
{
	return (char *)facts + field->offset;
}

static bool __attribute__((format(printf, 2, 3)))
fact_error(char error[JOURNAL_ERROR_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, JOURNAL_ERROR_MAX, format, args);
	va_end(args);
	return false;
}

static int
fact_most(const struct record_field *field)
{
	return field->kind == FIELD_NUMBER ? INT_MAX : 65535;
}

static bool
fact_wrong_type(const struct record_field *field, char error[JOURNAL_ERROR_MAX])
{
	if (record_field_is_number(field))
		return fact_error(error, "%s must be an integer from 0 to %d",
		    field->name, fact_most(field));
	if (field->kind == FIELD_LOCAL || field->kind == FIELD_VERIFIED)
		return fact_error(error, "%s must be \"yes\" or \"no\"", field->name);
	return fact_error(error, "%s must be a string", field->name);
}

static bool
fact_from_number(struct facts *facts, const struct record_field *field,
    long long number, char error[JOURNAL_ERROR_MAX])
{
	if (number < 0 || number > fact_most(field))
		return fact_wrong_type(field, error);
	*(int *)fact_slot(facts, field) = (int)number;
	return true;
}

static bool
fact_from_digits(struct facts *facts, const struct record_field *field,
    const char *text, char error[JOURNAL_ERROR_MAX])
{
	size_t digits = strspn(text, "0123456789");

	/* Eighteen digits always fit. */
	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return fact_wrong_type(field, error);
	return fact_from_number(facts, field, strtoll(text, NULL, 10), error);
}

static bool
fact_from_yes_or_no(struct facts *facts, const struct record_field *field,
    const char *text, char error[JOURNAL_ERROR_MAX])
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return fact_wrong_type(field, error);
	if (field->kind == FIELD_LOCAL)
		*(bool *)fact_slot(facts, field) = yes;
	else
		*(enum policy_tri *)fact_slot(facts, field) =
		    yes ? POLICY_YES : POLICY_NO;
	return true;
}

/* An algorithm's name and its colon: "sha512:"; 0 where there is none. */
static size_t
fact_algorithm_length(const char *text)
{
	size_t length = strcspn(text, ":");

	/* Two digits before a colon are a digest's first byte. */
	if (text[length] == '\0' || length <= 2)
		return 0;
	return length + 1;
}

/* A digest of another algorithm than the two that pins can name. */
static bool
fact_is_other_digest(const char *text)
{
	size_t digits = 0;

	if (strncasecmp(text, "sha1:", 5) == 0 || strncasecmp(text, "sha256:", 7) == 0)
		return false;
	for (text += fact_algorithm_length(text); *text != '\0'; text++) {
		if (isxdigit((unsigned char)*text))
			digits++;
		else if (*text != ':' || digits == 0 || digits % 2 != 0 ||
		    !isxdigit((unsigned char)text[1]))
			return false;
	}
	return digits % 2 == 0 && digits >= DIGEST_MIN && digits <= DIGEST_MAX;
}

static bool
fact_is_time(const char *text)
{
	int64_t when;

	return date_read_time(text, &when);
}

static bool
fact_is_digest(const char *text)
{
	char normal[128];

	return strcmp(text, "none") == 0 ||
	    policy_fingerprint_normalize(text, normal, sizeof(normal)) ||
	    fact_is_other_digest(text);
}

static bool
fact_is_something(const char *text)
{
	return text[0] != '\0';
}

#define ONE_OF(...) .words = (const char *const[]){ __VA_ARGS__, NULL }

/* What a text must be, and what is said of one that is not. */
static const struct {
	bool (*is)(const char *text);
	const char *objection;
	const char *const *words;	/* or one of these */
} fact_kinds[] = {
	[FIELD_NAME] = { fact_is_something,
	    "is empty: leave it out when it is unknown or does not apply", NULL },
	[FIELD_PROTOCOL] = { fact_is_something,
	    "is empty: clear text is \"none\"; leave it out when it is unknown", NULL },
	[FIELD_MTA] = { ONE_OF("postfix", "sendmail"),
	    .objection = "must be \"postfix\" or \"sendmail\"" },
	[FIELD_DIRECTION] = { ONE_OF("out"),
	    .objection = "must be \"out\", for mail that goes out" },
	[FIELD_RESOLVE] = { ONE_OF("ok", "fail", "forged", "temp"),
	    .objection = "must be \"ok\", \"fail\", \"forged\" or \"temp\"" },
	[FIELD_VERIFICATION] = { ONE_OF("none", "anonymous", "untrusted", "trusted",
	    "verified", "dane"), .objection = "must be \"none\", \"anonymous\", "
	    "\"untrusted\", \"trusted\", \"verified\" or \"dane\"" },
	[FIELD_ADDRESS] = { text_is_address, "must be an IPv4 or IPv6 address", NULL },
	[FIELD_DIGEST] = { fact_is_digest,
	    "must be a digest (\"sha256:\" and 64 hex digits) or \"none\"", NULL },
	[FIELD_TIME] = { fact_is_time,
	    "must be a time of the form 2026-01-31T12:00:00Z", NULL },
};

static bool
fact_fits(enum field_kind kind, const char *text)
{
	const char *const *word = fact_kinds[kind].words;

	if (word == NULL)
		return fact_kinds[kind].is == NULL || fact_kinds[kind].is(text);
	while (*word != NULL && strcmp(text, *word) != 0)
		word++;
	return *word != NULL;
}

static bool
fact_from_text(struct facts *facts, const struct record_field *field,
    const char *text, char error[JOURNAL_ERROR_MAX])
{
	if (record_field_is_number(field))
		return fact_from_digits(facts, field, text, error);
	if (field->kind == FIELD_LOCAL || field->kind == FIELD_VERIFIED)
		return fact_from_yes_or_no(facts, field, text, error);
	if (!fact_fits(field->kind, text))
		return fact_error(error, "%s %s", field->name,
		    fact_kinds[field->kind].objection);
	if (field->kind == FIELD_SENDER && policy_same_address(text, "<>"))
		text = "<>";
	*(const char **)fact_slot(facts, field) = text;
	return true;
}

/* ------------------------------------------------------------------ *
 * Copies
 * ------------------------------------------------------------------ */

/* Where copies go; where there is no room, what they take is counted. */
struct fact_room {
	char *at;
	size_t size;
};

static void *
fact_copy_bytes(struct fact_room *room, const void *bytes, size_t size, size_t align)
{
	char *copy;

	room->size += size + align - 1;
	if (room->at == NULL)
		return NULL;
	copy = room->at + (align - (uintptr_t)room->at % align) % align;
	room->at = copy + size;
	return memcpy(copy, bytes, size);
}

static void
fact_copy_string(struct fact_room *room, const char **string)
{
	if (*string != NULL)
		*string = fact_copy_bytes(room, *string, strlen(*string) + 1, 1);
}

static void
fact_copy_list(struct fact_room *room, struct fact_list *list)
{
	const char *const *strings = list->strings;
	const char **copies, *string;

	if (strings == NULL)
		return;
	copies = fact_copy_bytes(room, strings, list->count * sizeof(*strings),
	    alignof(char *));
	for (size_t i = 0; i < list->count; i++) {
		string = strings[i];
		fact_copy_string(room, &string);
		if (copies != NULL)
			copies[i] = string;
	}
	list->strings = copies;
}

static void
fact_copy_all(struct fact_room *room, struct facts *facts)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, IN_LINE)) != NULL)
		if (field->kind == FIELD_LIST)
			fact_copy_list(room, fact_slot(facts, field));
		else if (field->kind <= FIELD_TIME)
			fact_copy_string(room, fact_slot(facts, field));
}

size_t
facts_copy_size(const struct facts *facts)
{
	struct fact_room room = { NULL, 0 };
	struct facts counted = *facts;

	fact_copy_all(&room, &counted);
	return room.size;
}

void
facts_copy(struct facts *copy, const struct facts *facts, char *room)
{
	*copy = *facts;
	fact_copy_all(&(struct fact_room){ room, 0 }, copy);
}

/* ------------------------------------------------------------------ *
 * Facts with strings of their own
 * ------------------------------------------------------------------ */

struct journal_facts {
	struct facts facts;
	json_t *kept;			/* an array */
	struct arena lists;		/* what the strings of lists stand in */
};

/* Longer names are shown by their beginning. */
#define NAME_SHOWN 60

struct journal_facts *
journal_facts_new(void)
{
	struct journal_facts *owned = calloc(1, sizeof(*owned));

	if (owned == NULL)
		return NULL;
	owned->facts = (struct facts)FACTS_INIT;
	owned->kept = json_array();
	if (owned->kept == NULL)
		journal_facts_free(&owned);
	return owned;
}

void
journal_facts_free(struct journal_facts **owned)
{
	if (*owned == NULL)
		return;
	json_decref((*owned)->kept);
	arena_release(&(*owned)->lists);
	free(*owned);
	*owned = NULL;
}

void
journal_facts_clear(struct journal_facts *owned)
{
	owned->facts = (struct facts)FACTS_INIT;
	(void)json_array_clear(owned->kept);
	arena_rewind(&owned->lists, (struct arena_mark){ NULL, 0 });
}

const struct facts *
journal_facts_get(const struct journal_facts *owned)
{
	return &owned->facts;
}

static bool
facts_no_memory(char error[JOURNAL_ERROR_MAX])
{
	return fact_error(error, "not enough memory");
}

/* Takes the value over, which is NULL where memory was short. */
static bool
facts_keep(struct journal_facts *owned, json_t *value, char error[JOURNAL_ERROR_MAX])
{
	return json_array_append_new(owned->kept, value) == 0 || facts_no_memory(error);
}

static bool
facts_take_string(const struct record_field *field, const json_t *value,
    const char **string, char error[JOURNAL_ERROR_MAX])
{
	*string = json_string_value(value);
	if (strlen(*string) != json_string_length(value))
		return fact_error(error, "%s holds a NUL", field->name);
	return true;
}

static bool
facts_take_list(struct journal_facts *owned, const struct record_field *field,
    const json_t *value, char error[JOURNAL_ERROR_MAX])
{
	struct fact_list *list = fact_slot(&owned->facts, field);
	const char **strings;
	const json_t *name;
	size_t i;

	if (!json_is_array(value))
		return fact_error(error, "%s must be a list of strings", field->name);
	/* An empty list is one too. */
	strings = arena_alloc(&owned->lists,
	    (json_array_size(value) + 1) * sizeof(*strings));
	if (strings == NULL)
		return facts_no_memory(error);
	json_array_foreach(value, i, name) {
		if (!json_is_string(name))
			return fact_error(error, "%s must be a list of strings",
			    field->name);
		if (!facts_take_string(field, name, &strings[i], error))
			return false;
	}
	*list = (struct fact_list){ strings, json_array_size(value) };
	return true;
}

/* Takes over a value that is kept. */
static bool
facts_take(struct journal_facts *owned, const struct record_field *field,
    const json_t *value, char error[JOURNAL_ERROR_MAX])
{
	const char *text;

	if (json_is_null(value) || !record_field_is_fact(field))
		return true;
	if (field->kind == FIELD_LIST)
		return facts_take_list(owned, field, value, error);
	if (json_is_integer(value) && record_field_is_number(field))
		return fact_from_number(&owned->facts, field, json_integer_value(value),
		    error);
	if (!json_is_string(value))
		return fact_wrong_type(field, error);
	return facts_take_string(field, value, &text, error) &&
	    fact_from_text(&owned->facts, field, text, error);
}

static bool
facts_unknown(const char *name, char error[JOURNAL_ERROR_MAX])
{
	const char **names = calloc((size_t)record_field_count(IN_LINE),
	    sizeof(*names));
	const struct record_field *field = NULL;
	const char *meant;
	size_t count = 0;

	if (names == NULL)
		return facts_no_memory(error);
	while ((field = record_field_next(field, IN_LINE)) != NULL)
		names[count++] = field->name;
	meant = suggest_word(name, strlen(name), names, count);
	free(names);
	if (meant == NULL)
		return fact_error(error, "unknown fact \"%.*s\"", NAME_SHOWN, name);
	return fact_error(error, "unknown fact \"%.*s\": did you mean \"%s\"?",
	    NAME_SHOWN, name, meant);
}

/* Copies the element at "text" and returns where it ends: a comma or the end. */
static const char *
facts_next_element(const char *text, char *element, size_t *length)
{
	*length = 0;
	while (*text != '\0' && *text != ',') {
		if (*text == '\\' && (text[1] == ',' || text[1] == '\\'))
			text++;
		element[(*length)++] = *text++;
	}
	return text;
}

/* As the logfmt writer joins them: a backslash takes the next character as it is. */
static json_t *
facts_split_list(const char *text)
{
	json_t *list = json_array();
	char *element = malloc(strlen(text) + 1);
	size_t length;

	if (list == NULL || element == NULL)
		goto fail;
	while (*text != '\0') {
		text = facts_next_element(text, element, &length);
		if (json_array_append_new(list,
		    json_stringn_nocheck(element, length)) != 0)
			goto fail;
		if (*text == ',')
			text++;
	}
	free(element);
	return list;
fail:
	free(element);
	json_decref(list);
	return NULL;
}

bool
journal_facts_set(struct journal_facts *owned, const char *name, const char *value,
    char error[JOURNAL_ERROR_MAX])
{
	const struct record_field *field = record_field_find(name, NULL);
	json_t *kept;

	if (field == NULL)
		return facts_unknown(name, error);
	kept = field->kind == FIELD_LIST ? facts_split_list(value) :
	    json_string_nocheck(value);
	return facts_keep(owned, kept, error) && facts_take(owned, field, kept, error);
}

bool
journal_facts_set_json(struct journal_facts *owned, const char *name, const char *json,
    char error[JOURNAL_ERROR_MAX])
{
	const struct record_field *field = record_field_find(name, NULL);
	json_t *kept;

	if (field == NULL)
		return facts_unknown(name, error);
	kept = json_loads(json, JSON_DECODE_ANY, NULL);
	if (kept == NULL)
		return fact_error(error, "%s is not valid JSON", field->name);
	return facts_keep(owned, kept, error) && facts_take(owned, field, kept, error);
}

/*
 * What "tlsward log" has of rows but no facts: of a decision "kind" and the node, of a
 * delivery more.
 */
static bool
facts_of_row(const json_t *object, const char *name)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	const struct record_field *field = NULL;

	if (kind == NULL || (strcmp(kind, "decision") != 0 && strcmp(kind, "delivery") != 0))
		return false;
	if (strcmp(name, "node") == 0)
		return true;
	do
		field = record_field_next(field, IN_ROWS);
	while (field != NULL && strcmp(field->name, name) != 0);
	return field != NULL && (kind[2] == 'l' || strcmp(name, "kind") == 0);
}

static bool
facts_read_object(struct journal_facts *owned, json_t *object,
    char error[JOURNAL_ERROR_MAX])
{
	const struct record_field *field = NULL;
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		field = record_field_find(name, field);
		if (field == NULL && facts_of_row(object, name))
			continue;
		if (field == NULL)
			return facts_unknown(name, error);
		if (!facts_take(owned, field, value, error))
			return false;
	}
	return journal_facts_whole(&owned->facts, error);
}

bool
journal_facts_whole(const struct facts *facts, char error[JOURNAL_ERROR_MAX])
{
	if (facts->direction != NULL && facts->next_hop == NULL)
		return fact_error(error, "next_hop is missing: where the mail goes");
	if (facts->direction == NULL && facts->from == NULL && facts->next_hop != NULL)
		return fact_error(error, "direction=out is missing: next_hop is of mail that "
		    "goes out");
	if (facts->direction == NULL && facts->from == NULL)
		return fact_error(error, "from is missing (the null sender is \"<>\")");
	return true;
}

bool
journal_facts_read(struct journal_facts *owned, const char *line, size_t length,
    char error[JOURNAL_ERROR_MAX])
{
	json_error_t problem;
	json_t *root;

	journal_facts_clear(owned);
	root = json_loadb(line, length,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &problem);
	/* Where memory was short, jansson often has nothing to say. */
	if (root == NULL && problem.text[0] == '\0')
		return facts_no_memory(error);
	if (root == NULL)
		return fact_error(error, "not valid JSON at column %d: %s",
		    problem.column, problem.text);
	if (!facts_keep(owned, root, error))
		return false;
	if (!json_is_object(root))
		return fact_error(error, "not a JSON object");
	if (!facts_read_object(owned, root, error)) {
		journal_facts_clear(owned);
		return false;
	}
	return true;
}

const char *
journal_facts_result(const struct journal_facts *owned, const char *name)
{
	const struct record_field *field = record_field_find(name, NULL);

	if (field != NULL && record_field_is_fact(field))
		return NULL;
	/* An object is there only where a line was read, and then it is the first. */
	return json_string_value(json_object_get(json_array_get(owned->kept, 0), name));
}
