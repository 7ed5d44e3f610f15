/*
 * import_exchange_list.c - what Format-List shows: "Name : value" lines.
 *
 * A value that is too wide goes on in lines that are indented to where it began. Lists
 * stand in braces, and are cut behind some elements with "..." or an ellipsis.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_exchange.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

#define CUT_LIST "the list was cut when it was shown: set $FormatEnumerationLimit = -1 " \
	"before Format-List, or " EXCHANGE_AGAIN

/* The value of a property while it is read. */
struct list_reader {
	json_t *objects;
	json_t *object;		/* NULL: none has begun */
	char *name;		/* of the property; NULL: none has begun */
	size_t column;		/* where its value begins */
	struct buffer value;
};

/* Where a property's value begins in a line, from its first letter on; 0: it has none. */
static size_t
value_column(const char *line, size_t *name_length)
{
	size_t length = 0;

	while (isalnum((unsigned char)line[length]) || line[length] == '_')
		length++;
	*name_length = length;
	if (length == 0 || isdigit((unsigned char)line[0]))
		return 0;
	length += strspn(line + length, " ");
	if (line[length] != ':' || (line[length + 1] != ' ' && line[length + 1] != '\0'))
		return 0;
	return length + (line[length + 1] == ' ' ? 2 : 1);
}

static bool
ends_in(const char *text, size_t length, const char *end)
{
	size_t size = strlen(end);

	return length >= size && memcmp(text + length - size, end, size) == 0;
}

/* The elements of a list in braces, of which that is what is inside. */
static json_t *
list_elements(const char *text, size_t length)
{
	json_t *list = json_array();

	if (ends_in(text, length, "...") || ends_in(text, length, "\xE2\x80\xA6")) {
		json_decref(list);
		return exchange_unusable(CUT_LIST);
	}
	while (length > 0) {
		const char *end = memmem(text, length, ", ", 2);
		size_t element = end != NULL ? (size_t)(end - text) : length;

		(void)json_array_append_new(list, json_stringn(text, element));
		text += end != NULL ? element + 2 : element;
		length -= end != NULL ? element + 2 : element;
	}
	return list;
}

/* Gives the property that was read to its object. */
static void
end_property(struct list_reader *reader)
{
	const char *text = reader->value.text != NULL ? reader->value.text : "";
	size_t length = reader->value.length;

	tool_need(!reader->value.failed);
	if (reader->name == NULL)
		return;
	while (length > 0 && text[length - 1] == ' ')
		length--;
	(void)json_object_set_new(reader->object, reader->name,
	    length >= 2 && text[0] == '{' && text[length - 1] == '}' ?
	    list_elements(text + 1, length - 2) :
	    text[0] == '{' ? exchange_unusable(CUT_LIST) : json_stringn(text, length));
	free(reader->name);
	reader->name = NULL;
	buffer_clear(&reader->value);
}

static void
end_object(struct list_reader *reader)
{
	end_property(reader);
	if (reader->object != NULL)
		(void)json_array_append_new(reader->objects, reader->object);
	reader->object = NULL;
}

static void
begin_property(struct list_reader *reader, const char *line, size_t indent,
    size_t name_length, size_t column)
{
	char *name = strndup(line, name_length);

	tool_need(name != NULL);
	end_property(reader);
	/* What comes a second time is another object's. */
	if (reader->object != NULL && json_object_get(reader->object, name) != NULL)
		end_object(reader);
	if (reader->object == NULL)
		reader->object = json_object();
	reader->name = name;
	reader->column = indent + column;
	buffer_string(&reader->value, line + column);
}

/*
 * Between the lines of a value there was a blank, but where a word was wider than the
 * column, and in a list, whose elements have none, where no comma stands before.
 */
static void
go_on_value(struct list_reader *reader, const char *text)
{
	const char *value = reader->value.text != NULL ? reader->value.text : "";
	size_t length = reader->value.length;
	bool apart = value[0] == '{' ? ends_in(value, length, ",") :
	    length > 0 && strchr(value, ' ') != NULL && value[length - 1] != ' ';

	if (length == 0 || value[length - 1] == ' ')
		apart = false;
	buffer_format(&reader->value, "%s%s", apart ? " " : "", text);
}

static void
read_list_line(struct list_reader *reader, const char *line)
{
	size_t indent = strspn(line, " "), name_length, column;

	if (line[indent] == '\0') {
		/* Behind an open brace a blank line is a value's own. */
		if (reader->value.length == 0 || reader->value.text[0] != '{' ||
		    strchr(reader->value.text, '}') != NULL)
			end_object(reader);
		return;
	}
	if (reader->name != NULL && indent > 0 && indent >= reader->column) {
		go_on_value(reader, line + indent);
		return;
	}
	column = value_column(line + indent, &name_length);
	if (column > 0)
		begin_property(reader, line + indent, indent, name_length, column);
	else if (reader->name != NULL && indent > 0)
		go_on_value(reader, line + indent);
	else
		end_object(reader);
}

json_t *
exchange_read_list(const struct import_source *source)
{
	struct list_reader reader = { .objects = json_array() };
	char *rest = source->text, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		read_list_line(&reader, line);
	end_object(&reader);
	buffer_free(&reader.value);
	return reader.objects;
}
