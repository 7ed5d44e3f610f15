/*
 * facts.c - facts by the record's names, from text and from JSON.
 *
 * The strings of the facts stay where jansson put them; "kept" holds all those
 * values until the facts are cleared.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "journal/record.h"
#include "base/arena.h"
#include "base/suggest.h"

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

static bool
facts_check_list(const struct record_field *field, const json_t *value,
    char error[JOURNAL_ERROR_MAX])
{
	const json_t *name;
	size_t i;

	if (!json_is_array(value))
		return fact_error(error, "%s must be a list of strings", field->name);
	json_array_foreach(value, i, name) {
		if (!json_is_string(name))
			return fact_error(error, "%s must be a list of strings",
			    field->name);
		if (json_string_length(name) != strlen(json_string_value(name)))
			return fact_error(error, "%s holds a NUL", field->name);
	}
	return true;
}

static bool
facts_take_list(struct journal_facts *owned, const struct record_field *field,
    const json_t *value, char error[JOURNAL_ERROR_MAX])
{
	size_t count = json_array_size(value);
	const char **strings;

	if (!facts_check_list(field, value, error))
		return false;
	/* An empty list is one too. */
	strings = arena_alloc(&owned->lists, (count + 1) * sizeof(*strings));
	if (strings == NULL)
		return facts_no_memory(error);
	for (size_t i = 0; i < count; i++)
		strings[i] = json_string_value(json_array_get(value, i));
	fact_list_set(&owned->facts, field, (struct fact_list){ strings, count });
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
	text = json_string_value(value);
	if (strlen(text) != json_string_length(value))
		return fact_error(error, "%s holds a NUL", field->name);
	return fact_from_text(&owned->facts, field, text, error);
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
	if (json_array_append_new(owned->kept, kept) != 0)
		return facts_no_memory(error);
	return facts_take(owned, field, kept, error);
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
	if (json_array_append_new(owned->kept, kept) != 0)
		return facts_no_memory(error);
	return facts_take(owned, field, kept, error);
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
		if (field == NULL)
			return facts_unknown(name, error);
		if (!facts_take(owned, field, value, error))
			return false;
	}
	if (owned->facts.from == NULL)
		return fact_error(error,
		    "from is missing (the null sender is \"<>\")");
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
	if (json_array_append_new(owned->kept, root) != 0)
		return facts_no_memory(error);
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

	if (field == NULL || record_field_is_fact(field))
		return NULL;
	/* An object is there only where a line was read, and then it is the first. */
	return json_string_value(json_object_get(json_array_get(owned->kept, 0), name));
}
