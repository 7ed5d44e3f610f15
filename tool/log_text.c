/*
 * log_text.c - tlsward log: a row in columns for people.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/log.h"

#include <string.h>

#include "base/date.h"

enum column { TIME, NODE, ACTION, REASON, TLS, SENDER, CLIENT, RULE };

/* So wide is a node's column. */
#define NODE_WIDTH 12

/* The reason stays to the last; the node, if there is one, and the date go first. */
void
log_text_begin(struct log_text *text, bool of_nodes)
{
	int *widths = text->widths, width;
	int time = 17 + (int)strlen(date_local(tool_now_ms()).zone);
	const int wide[] = { time, 0, 12, 20, 10, 24, 24, 24 };
	static const int less[] = { 11, 0, 10, 16, 10, 0, 0, 0 };
	static const int little[] = { 5, 0, 10, 23, 0, 0, 0, 0 };

	screen_open(&text->screen);
	width = text->screen.width;
	of_nodes = of_nodes && (width == 0 || width > 70 + NODE_WIDTH);
	width -= of_nodes && width > 0 ? NODE_WIDTH + 1 : 0;
	memcpy(widths, width == 0 || width >= 100 ? wide : width >= 70 ? less : little,
	    sizeof(wide));
	widths[NODE] = of_nodes ? NODE_WIDTH : 0;
	if (width >= 100)
		widths[SENDER] = widths[CLIENT] = widths[RULE] = (width - time - 48) / 3;
	else if (width >= 70)
		widths[SENDER] = widths[CLIENT] = (width - 52) / 2;
	else if (width >= 50)
		widths[SENDER] = width - 41;
	else if (width > 0)
		widths[REASON] = width - 17;
}

/* The action has a colour, or all where that is bold. */
static void
write_cells(const struct log_text *text, const char *const cells[LOG_COLUMNS],
    enum screen_colour colour, struct buffer *line)
{
	const struct screen *screen = &text->screen;

	if (colour == COLOUR_BOLD)
		screen_colour(screen, line, colour);
	for (int i = 0; i < LOG_COLUMNS; i++) {
		bool coloured = i == ACTION && colour != COLOUR_BOLD;

		if (text->widths[i] == 0)
			continue;
		buffer_string(line, i > 0 ? " " : "");
		if (coloured)
			screen_colour(screen, line, colour);
		screen_cell(line, cells[i], text->widths[i], screen->width > 0);
		if (coloured)
			screen_plain(screen, line);
	}
	if (colour == COLOUR_BOLD)
		screen_plain(screen, line);
	while (line->length > 0 && line->text[line->length - 1] == ' ')
		line->length--;
	buffer_add(line, "\n", 1);
}

/* The first of the fields that the row has; "-" where it has none. */
static const char *
first_of(sqlite3_stmt *row, const char *const *names)
{
	const char *text = NULL;

	for (; text == NULL && *names != NULL; names++)
		text = journal_row_text(row, *names);
	return text != NULL ? text : "-";
}
#define FIRST_OF(row, ...) first_of((row), (const char *const[]){ __VA_ARGS__, NULL })

/* What a rule under monitor would have done, of a message that was let in; else NULL. */
static const char *
log_would(sqlite3_stmt *row)
{
	const char *action = journal_row_text(row, "action");

	return action != NULL && strcmp(action, "accept") == 0 ?
	    journal_row_text(row, "would") : NULL;
}

/*
 * "reject", "(reject)" of a rule under monitor, "accept 120" of a roll-up, "failed 3" of
 * handshakes, "deferred" of a delivery.
 */
static enum screen_colour
log_action(sqlite3_stmt *row, struct buffer *text)
{
	const char *action = FIRST_OF(row, "result", "action");
	const char *would = log_would(row);
	long long count = journal_row_count(row);

	if (strcmp(action, "-") == 0)
		action = "failed";
	if (would != NULL)
		buffer_format(text, "(%s)", would);
	else if (count > 0)
		buffer_format(text, "%s %lld", action, count);
	else
		buffer_string(text, action);
	if (would != NULL)
		return COLOUR_YELLOW;
	return strcmp(action, "accept") == 0 || strcmp(action, "sent") == 0 ? COLOUR_GREEN :
	    strcmp(action, "reject") == 0 || strcmp(action, "failed") == 0 ||
	    strcmp(action, "bounced") == 0 ? COLOUR_RED : COLOUR_YELLOW;
}

/* From whom, or of what goes out to whom; else the host, if that has no column. */
static void
log_sender(const struct log_text *columns, sqlite3_stmt *row, struct buffer *text)
{
	const char *direction = journal_row_text(row, "direction");

	if (direction != NULL && strcmp(direction, "out") == 0)
		buffer_format(text, "to %s", FIRST_OF(row, "to", "next_hop", "host"));
	else if (columns->widths[CLIENT] > 0)
		buffer_string(text, FIRST_OF(row, "from", "domain"));
	else
		buffer_string(text, FIRST_OF(row, "from", "domain", "host", "address"));
}

/* As much of it as there is room for: "01-31 12:00", "12:00". */
static void
log_time(const struct log_text *columns, sqlite3_stmt *row, struct buffer *text)
{
	struct buffer time = BUFFER_INIT;
	int width = columns->widths[TIME];

	screen_time(&time, journal_row_time(row));
	if (time.failed)
		text->failed = true;
	else if (width > 11)
		buffer_string(text, time.text);
	else
		buffer_add(text, time.text + 16 - width, (size_t)width);
	buffer_free(&time);
}

void
log_text_names(const struct log_text *text, struct buffer *line)
{
	static const char *const names[] = {
		"TIME", "NODE", "ACTION", "REASON", "TLS", "FROM", "CLIENT", "RULE"
	};

	write_cells(text, names, COLOUR_BOLD, line);
}

void
log_text_row(const struct log_text *text, sqlite3_stmt *row, struct buffer *line)
{
	bool would = log_would(row) != NULL;
	const char *tls = FIRST_OF(row, "tls_version"), *node = journal_row_node(row);
	struct buffer time = BUFFER_INIT, action = BUFFER_INIT, sender = BUFFER_INIT;
	enum screen_colour colour = log_action(row, &action);

	log_time(text, row, &time);
	log_sender(text, row, &sender);
	if (time.failed || action.failed || sender.failed)
		line->failed = true;
	else
		write_cells(text, (const char *const[LOG_COLUMNS]){
			[TIME] = time.text, [NODE] = node != NULL ? node : "-",
			[ACTION] = action.text,
			[REASON] = would ? FIRST_OF(row, "would_reason", "exempt") :
			    FIRST_OF(row, "tls_reason", "reason", "exempt"),
			[TLS] = strcmp(tls, "none") == 0 ? "clear text" : tls,
			[SENDER] = sender.text,
			[CLIENT] = FIRST_OF(row, "client_name", "client_network",
			    "client_addr", "host", "relay", "address"),
			[RULE] = FIRST_OF(row, would ? "would_rule" : "rule")
		}, colour, line);
	buffer_free(&time);
	buffer_free(&action);
	buffer_free(&sender);
}
