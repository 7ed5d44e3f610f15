/*
 * import_exchange_csv.c - what Export-Csv writes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

#define COLUMNS_MAX 1000

struct csv {
	const char *at;			/* what is not read yet */
	char delimiter;
	struct buffer cell;
	char *header[COLUMNS_MAX];
	size_t columns;			/* 0: the next line is a header */
	json_t *rows;
};

/* The line behind those that say a type or a delimiter. */
static const char *
csv_header(const char *text, char *delimiter)
{
	for (;;) {
		if (strncmp(text, "sep=", 4) == 0 && text[4] != '\0' && text[4] != '\n')
			*delimiter = text[4];
		else if (strncmp(text, "#TYPE", 5) != 0 && *text != '\n')
			return text;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
}

/* How many cells a header has with this between them, where all are names; 0: none. */
static size_t
csv_names(const char *header, char delimiter)
{
	size_t count = 1;
	bool quoted = false;

	for (; *header != '\0' && (*header != '\n' || quoted); header++) {
		if (*header == '"')
			quoted = !quoted;
		else if (*header == delimiter && !quoted)
			count++;
		else if (strchr(" .:{}[]<>=", *header) != NULL && !quoted)
			return 0;
	}
	return quoted ? 0 : count;
}

/* The one that makes the most cells; '\0': none makes two. */
static char
csv_delimiter(const char *header)
{
	size_t most = 1, count;
	char best = '\0';

	for (const char *each = ",;\t"; *each != '\0'; each++)
		if ((count = csv_names(header, *each)) > most) {
			most = count;
			best = *each;
		}
	return best;
}

bool
exchange_is_csv(const char *text)
{
	char delimiter = '\0';
	const char *header = csv_header(text, &delimiter);

	return header != text || csv_delimiter(header) != '\0';
}

/* Reads a cell into csv->cell. Returns whether the line goes on. */
static bool
csv_cell(struct csv *csv)
{
	bool quoted = *csv->at == '"';

	buffer_clear(&csv->cell);
	buffer_string(&csv->cell, "");
	csv->at += quoted;
	for (; *csv->at != '\0'; csv->at++) {
		if (quoted && *csv->at == '"' && csv->at[1] != '"') {
			quoted = false;
			continue;
		}
		if (!quoted && (*csv->at == csv->delimiter || *csv->at == '\n'))
			break;
		csv->at += quoted && *csv->at == '"';
		buffer_add(&csv->cell, csv->at, 1);
	}
	tool_need(!csv->cell.failed);
	if (*csv->at == '\0')
		return false;
	return *csv->at++ == csv->delimiter;
}

static void
csv_read_header(struct csv *csv)
{
	bool more;

	while (csv->columns > 0)
		free(csv->header[--csv->columns]);
	csv->at = csv_header(csv->at, &csv->delimiter);
	if (csv_delimiter(csv->at) != '\0')
		csv->delimiter = csv_delimiter(csv->at);
	do {
		more = csv_cell(csv);
		if (csv->columns == COLUMNS_MAX)
			continue;
		csv->header[csv->columns] = strdup(csv->cell.text);
		tool_need(csv->header[csv->columns++] != NULL);
	} while (more);
}

static void
csv_read_row(struct csv *csv)
{
	json_t *row = json_object();
	size_t column = 0;
	bool more;

	do {
		more = csv_cell(csv);
		if (column < csv->columns)
			(void)json_object_set_new(row, csv->header[column],
			    json_string(csv->cell.text));
		column++;
	} while (more);
	(void)json_array_append_new(csv->rows, row);
}

json_t *
exchange_read_csv(const struct import_source *source)
{
	struct csv csv = { .at = source->text, .delimiter = ',', .rows = json_array() };

	while (*csv.at != '\0') {
		/* Several of them may be in a file, each behind its type. */
		if (csv.columns == 0 || strncmp(csv.at, "#TYPE", 5) == 0)
			csv_read_header(&csv);
		else if (*csv.at == '\n')
			csv.at++;
		else
			csv_read_row(&csv);
	}
	while (csv.columns > 0)
		free(csv.header[--csv.columns]);
	buffer_free(&csv.cell);
	return csv.rows;
}
