/*
 * report_table.c - the tables of a report's text: as many columns as there is room for.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/screen.h"

/* Without --all: lines of a screen, of these so many behind a table, and at least in it. */
#define LINES_OF_SCREEN 50
#define LINES_BEHIND 8
#define LINES_LEAST 17

/* Columns of a table that need not be as wide as what is in them. */
#define LABEL_LEAST 12
#define CONTACT_LEAST 16

/* What a line is about. */
struct text_row {
	const char *label, *state, *contact;
	const struct review_side *in, *out;
	int64_t handshakes;
};

enum text_value { LABEL, STATE, IN, IN_TLS, MET, REFUSED, WOULD, OUT, OUT_TLS, WAITED,
	HANDSHAKES, CONTACT };

struct text_column {
	const char *heading;
	enum text_value value;
	bool right;		/* a number */
	int from_width;		/* shown where lines are as wide as that */
	enum screen_colour colour;	/* of what is not nothing */
	int width;		/* found when the rows are known */
};

static const struct text_column agreement_columns[] = {
	{ "AGREEMENT", LABEL, false, 0, COLOUR_NONE, 0 },
	{ "STATE", STATE, false, 0, COLOUR_NONE, 0 },
	{ "IN", IN, true, 0, COLOUR_NONE, 0 },
	{ "MET", MET, true, 72, COLOUR_NONE, 0 },
	{ "REFUSED", REFUSED, true, 0, COLOUR_RED, 0 },
	{ "WOULD", WOULD, true, 0, COLOUR_YELLOW, 0 },
	{ "OUT", OUT, true, 0, COLOUR_NONE, 0 },
	{ "TLS", OUT_TLS, true, 72, COLOUR_NONE, 0 },
	{ "WAITED", WAITED, true, 0, COLOUR_RED, 0 },
	{ "FAILED", HANDSHAKES, true, 100, COLOUR_RED, 0 },
	{ "CONTACT", CONTACT, false, 100, COLOUR_NONE, 0 },
	{ .heading = NULL }
};

static const struct text_column domain_columns[] = {
	{ "DOMAIN", LABEL, false, 0, COLOUR_NONE, 0 },
	{ "IN", IN, true, 0, COLOUR_NONE, 0 },
	{ "TLS", IN_TLS, true, 0, COLOUR_NONE, 0 },
	{ "REFUSED", REFUSED, true, 0, COLOUR_RED, 0 },
	{ "WOULD", WOULD, true, 0, COLOUR_YELLOW, 0 },
	{ "OUT", OUT, true, 0, COLOUR_NONE, 0 },
	{ "TLS", OUT_TLS, true, 0, COLOUR_NONE, 0 },
	{ "WAITED", WAITED, true, 0, COLOUR_RED, 0 },
	{ .heading = NULL }
};

static const char *
cell_of(const struct text_row *row, enum text_value value, char *text, size_t size)
{
	const int64_t numbers[] = {
		[IN] = row->in->messages, [REFUSED] = row->in->refused,
		[WOULD] = row->in->would_be_refused, [OUT] = row->out->messages,
		[WAITED] = row->out->deferred_for_tls, [HANDSHAKES] = row->handshakes
	};

	switch (value) {
	case LABEL:
		return row->label;
	case STATE:
		return row->state;
	case CONTACT:
		return row->contact == NULL ? "" : row->contact;
	case MET:
		report_percent(row->in->met, row->in->messages, text, size);
		break;
	case IN_TLS:
		report_percent(row->in->encrypted, row->in->messages, text, size);
		break;
	case OUT_TLS:
		report_percent(row->out->went.encrypted, row->out->went.encrypted +
		    row->out->went.protocol[PROTOCOL_CLEAR], text, size);
		break;
	case IN:
	case REFUSED:
	case WOULD:
	case OUT:
	case WAITED:
	case HANDSHAKES:
		(void)snprintf(text, size, "%s", numbers[value] == 0 ? "-" :
		    screen_digits(numbers[value]).text);
	}
	return text;
}

/* How wide a column has to be; 0: it is not shown. */
static int
column_needs(const struct text_column *column, const struct text_row *rows, size_t count,
    int width, struct buffer *line)
{
	int needs = column->from_width > width ? 0 : (int)strlen(column->heading);
	char text[64];

	for (size_t i = 0; i < count && needs > 0; i++) {
		int wide = screen_width(line, cell_of(&rows[i], column->value,
		    text, sizeof(text)));

		needs = wide > needs ? wide : needs;
	}
	return needs;
}

/*
 * Finds the widths: the first column has what the others leave of the line, and contacts
 * what it leaves of that.
 */
static void
fit_columns(struct text_column *columns, const struct text_row *rows, size_t count,
    int width, struct buffer *line)
{
	struct text_column *column, *contact = NULL;
	int left = width, spare;

	for (column = columns; column->heading != NULL; column++) {
		column->width = column_needs(column, rows, count, width, line);
		if (column->value == CONTACT && column->width > 0)
			contact = column;
		else if (column != columns && column->width > 0)
			left -= column->width + 1;
	}
	if (columns->width > left)
		columns->width = left < LABEL_LEAST ? LABEL_LEAST : left;
	spare = left - columns->width - 1;
	if (contact != NULL && contact->width > spare)
		contact->width = spare < CONTACT_LEAST ? 0 : spare;
}

/* A row, or the headings where it is NULL. */
static void
write_row(const struct screen *screen, const struct text_column *columns,
    const struct text_row *row, struct buffer *line)
{
	char text[64];

	for (const struct text_column *column = columns; column->heading != NULL; column++) {
		const char *cell = row == NULL ? column->heading :
		    cell_of(row, column->value, text, sizeof(text));
		bool coloured = row == NULL || (column->colour != COLOUR_NONE &&
		    strcmp(cell, "-") != 0);
		int blanks = column->right ? column->width - screen_width(line, cell) : 0;

		if (column->width == 0)
			continue;
		buffer_format(line, "%s%*s", column == columns ? "" : " ", blanks, "");
		if (coloured)
			screen_colour(screen, line, row == NULL ? COLOUR_BOLD : column->colour);
		screen_cell(line, cell, column->width - blanks, screen->width > 0);
		if (coloured)
			screen_plain(screen, line);
	}
	while (line->length > 0 && line->text[line->length - 1] == ' ')
		line->length--;
	buffer_add(line, "\n", 1);
}

/* How many of the rows have a place behind what is written already. */
static size_t
rows_shown(const struct report_view *view, const struct screen *screen, size_t count,
    const struct buffer *text)
{
	size_t shown = screen->height > LINES_OF_SCREEN ? (size_t)screen->height :
	    LINES_OF_SCREEN;

	shown -= LINES_BEHIND;

	for (size_t i = 0; i < text->length && shown > LINES_LEAST; i++)
		shown -= text->text[i] == '\n';
	return view->all || count <= shown + 1 ? count : shown;
}

/* A table of "shown" of the rows. */
static void
write_table(const struct screen *screen, int width, const struct text_column *table,
    const struct text_row *rows, size_t count, size_t shown, struct buffer *text)
{
	struct text_column columns[CONTACT + 2];
	size_t used = 0;

	do
		columns[used] = table[used];
	while (table[used++].heading != NULL);
	fit_columns(columns, rows, shown, width, text);
	write_row(screen, columns, NULL, text);
	for (size_t i = 0; i < shown; i++)
		write_row(screen, columns, &rows[i], text);
	if (shown < count)
		buffer_format(text, "... and %s more: --all lists them\n",
		    screen_digits((int64_t)(count - shown)).text);
}

bool
report_is_shown(const struct report_view *view, const struct review_agreement *agreement)
{
	if (view->only != NULL)
		return agreement == view->only;
	return view->report->domain == NULL || agreement->in.messages > 0 ||
	    agreement->out.messages > 0 || agreement->handshakes_failed > 0;
}

static const char *
state_word(const struct review_agreement *agreement)
{
	static const char *const words[] = {
		[STATE_NO_RULE] = "no rule", [STATE_ENFORCED] = "enforced",
		[STATE_MONITORED] = "monitored", [STATE_EXEMPT] = "exempt"
	};

	if (agreement->state == STATE_ENFORCED && !agreement->demands)
		return "none";
	return agreement->ready ? "ready" : words[agreement->state];
}

void
report_table_agreements(const struct report_view *view, const struct screen *screen,
    int width, struct buffer *text)
{
	const struct review *review = view->report;
	struct text_row *rows = calloc(review->agreement_count + 1, sizeof(*rows));
	struct buffer *labels = calloc(review->agreement_count + 1, sizeof(*labels));
	size_t count = 0, i;

	for (i = 0; rows != NULL && labels != NULL && i < review->agreement_count; i++) {
		const struct review_agreement *agreement = &review->agreements[i];

		if (!report_is_shown(view, agreement))
			continue;
		report_agreement_label(agreement, &labels[count]);
		text->failed |= labels[count].failed;
		rows[count] = (struct text_row){
			labels[count].failed ? "" : labels[count].text,
			state_word(agreement), agreement->contact, &agreement->in,
			&agreement->out, agreement->handshakes_failed
		};
		count++;
	}
	if (count > 0)
		write_table(screen, width, agreement_columns, rows, count,
		    rows_shown(view, screen, count, text), text);
	text->failed |= rows == NULL || labels == NULL;
	for (i = 0; labels != NULL && i < count; i++)
		buffer_free(&labels[i]);
	free(labels);
	free(rows);
}

void
report_table_domains(const struct report_view *view, const struct screen *screen,
    int width, struct buffer *text)
{
	const struct review *review = view->report;
	struct text_row *rows = calloc(review->domain_count + 1, sizeof(*rows));

	for (size_t i = 0; rows != NULL && i < review->domain_count; i++)
		rows[i] = (struct text_row){
			.label = report_domain_label(&review->domains[i]),
			.in = &review->domains[i].in, .out = &review->domains[i].out
		};
	if (review->domain_count > 0)
		buffer_add(text, "\n", 1);
	if (rows != NULL && review->domain_count > 0)
		write_table(screen, width, domain_columns, rows, review->domain_count,
		    rows_shown(view, screen, review->domain_count, text), text);
	text->failed |= rows == NULL;
	free(rows);
}
