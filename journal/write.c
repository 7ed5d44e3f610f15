/*
 * write.c - one line of the log: a record, or a message of the daemon's own.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/record.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "base/text.h"

static const struct record_writer *
writer_of(enum journal_format format)
{
	return format == JOURNAL_JSON ? &record_json : &record_logfmt;
}

static void
write_value(const struct record_writer *writer, const struct record_value *value,
    size_t value_max, struct buffer *buffer)
{
	switch (value->type) {
	case VALUE_TEXT:
		writer->text(buffer, value->text, value_max);
		break;
	case VALUE_NUMBER:
		text_decimal(buffer, value->number);
		break;
	case VALUE_LIST:
		writer->list(buffer, value->list, value->count, value_max);
		break;
	}
}

void
journal_record_write(const struct journal_record *record,
    enum journal_format format, size_t value_max, struct buffer *buffer)
{
	const struct record_writer *writer = writer_of(format);
	struct record_scratch scratch = { .text = BUFFER_INIT };
	struct record_value value = { 0 };
	bool first = true;

	buffer_string(buffer, writer->open);
	for (size_t i = 0; i < record_field_count; i++) {
		const struct record_field *field = &record_fields[i];

		if (!record_field_value(field, record, &scratch, &value))
			continue;
		writer->name(buffer, field->name, first);
		write_value(writer, &value, value_max, buffer);
		first = false;
	}
	buffer_string(buffer, writer->close);
	if (scratch.text.failed)
		buffer->failed = true;
	buffer_free(&scratch.text);
}

void
journal_message_write(int64_t time_ms, enum severity level, const char *message,
    enum journal_format format, size_t value_max, struct buffer *buffer)
{
	const struct record_writer *writer = writer_of(format);
	char time[JOURNAL_TIME_SIZE];

	journal_time(time_ms, time);
	buffer_string(buffer, writer->open);
	writer->name(buffer, "time", true);
	writer->text(buffer, time, value_max);
	writer->name(buffer, "level", false);
	writer->text(buffer, severity_name(level), value_max);
	writer->name(buffer, "msg", false);
	writer->text(buffer, message, value_max);
	buffer_string(buffer, writer->close);
}

const char *
journal_fact_name(size_t index)
{
	for (size_t i = 0; i < record_field_count; i++)
		if (record_fields[i].kind != FIELD_RESULT && index-- == 0)
			return record_fields[i].name;
	return NULL;
}

const char *
journal_result_name(size_t index)
{
	for (size_t i = 0; i < record_field_count; i++)
		if (record_fields[i].kind == FIELD_RESULT && index-- == 0)
			return record_fields[i].name;
	return NULL;
}

static void
show_value(const struct record_value *value, struct buffer *buffer)
{
	switch (value->type) {
	case VALUE_TEXT:
		if (value->text[0] == '\0')
			buffer_string(buffer, "\"\"");
		text_visible(buffer, value->text);
		break;
	case VALUE_NUMBER:
		text_decimal(buffer, value->number);
		break;
	case VALUE_LIST:
		for (size_t i = 0; i < value->count; i++) {
			buffer_string(buffer, i == 0 ? "" : ", ");
			text_visible(buffer, value->list[i]);
		}
		if (value->count == 0)
			buffer_string(buffer, "(none)");
		break;
	}
}

bool
journal_fact_text(const struct facts *facts, const char *name, struct buffer *buffer)
{
	const struct journal_record record = { .facts = facts };
	const struct record_field *field = record_field_find(name, NULL);
	struct record_scratch scratch = { .text = BUFFER_INIT };
	struct record_value value = { 0 };

	if (field == NULL || field->kind == FIELD_RESULT ||
	    !record_field_value(field, &record, &scratch, &value))
		return false;
	show_value(&value, buffer);
	return true;
}

bool
journal_record_text(const struct journal_record *record, const char *name,
    struct buffer *buffer)
{
	const struct record_field *field = record_field_find(name, NULL);
	struct record_scratch scratch = { .text = BUFFER_INIT };
	struct record_value value = { 0 };
	bool known = field != NULL &&
	    record_field_value(field, record, &scratch, &value);

	if (known && value.type == VALUE_TEXT)
		buffer_string(buffer, value.text);
	else if (known && value.type == VALUE_NUMBER)
		text_decimal(buffer, value.number);
	for (size_t i = 0; known && value.type == VALUE_LIST && i < value.count; i++) {
		buffer_string(buffer, i == 0 ? "" : ",");
		buffer_string(buffer, value.list[i]);
	}
	buffer->failed |= scratch.text.failed;
	buffer_free(&scratch.text);
	return known;
}
