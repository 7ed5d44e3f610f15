/*
 * chart.c - charts as inline SVG, which need no script and no network.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/chart.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"

#define AXIS_BELOW 24		/* pixels for what stands below the columns */
#define AXIS_ABOVE 14
#define TICKS_MAX 6

#define BAR_STEP 44		/* from one bar to the next */
#define BAR_TOP 21		/* from its name's line */
#define BAR_HEIGHT 13
#define BAR_NAME_MAX 34		/* bytes of a name: the table has all of it */

/* Patterns tell apart what colours may not: no two series in doubt share one. */
static const struct {
	const char *colour;
	const char *lines;	/* what is left open in a square of 8 pixels */
} patterns[] = {
	{ "tls11", "M0 0L8 8M-2 6L2 10M6 -2L10 2" },
	{ "tls10", "M0 8L8 0M-2 2L2 -2M6 10L10 6" },
	{ "ssl", "M0 0L8 8M0 8L8 0" },
	{ "clear", "M0 2H8M0 6H8" },
	{ "unclear", "M2 0V8M6 0V8" },
	{ "warn", "M0 0L8 8M-2 6L2 10M6 -2L10 2" },
};

void
chart_patterns_write(struct buffer *page)
{
	buffer_string(page, "<svg class=\"patterns\" width=\"0\" height=\"0\" "
	    "aria-hidden=\"true\" focusable=\"false\"><defs>\n");
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		html_format(page, "<pattern id=\"p-%s\" width=\"8\" height=\"8\" "
		    "patternUnits=\"userSpaceOnUse\"><rect class=\"p-%s\" "
		    "width=\"8\" height=\"8\"/>", patterns[i].colour,
		    patterns[i].colour);
		html_format(page, "<path class=\"gap\" d=\"%s\"/></pattern>\n",
		    patterns[i].lines);
	}
	buffer_string(page, "</defs></svg>\n");
}

/*
 * Which colours have a pattern is the style sheet's affair: on paper none has, for
 * each of them would make a printed page larger by a megabyte.
 */
static void
begin_filled(struct buffer *page, const char *class, const char *colour)
{
	html_format(page, "<rect class=\"%s f-%s\"", class, colour);
}

void
chart_swatch_write(struct buffer *page, const struct chart_series *series)
{
	html_format(page, "<svg class=\"swatch\" width=\"16\" height=\"16\" "
	    "aria-hidden=\"true\" focusable=\"false\">");
	begin_filled(page, "filled", series->colour);
	buffer_string(page, " width=\"16\" height=\"16\"/></svg>");
}

int64_t
chart_axis_end(int64_t value)
{
	static const int steps[] = { 1, 2, 5 };
	int64_t power = 1;

	for (;;) {
		for (size_t i = 0; i < 3; i++)
			if (value <= steps[i] * power)
				return steps[i] * power;
		if (power > INT64_MAX / 50)
			return INT64_MAX;
		power *= 10;
	}
}

/* A share of "whole" in hundredths of a percent, for coordinates. */
static int
hundredths(int64_t part, int64_t whole)
{
	if (whole <= 0 || part <= 0)
		return 0;
	return part >= whole ? 10000 : (int)((double)part / (double)whole * 10000 + 0.5);
}

static void
add_percent(struct buffer *page, const char *name, int share)
{
	buffer_format(page, " %s=\"%d.%02d%%\"", name, share / 100, share % 100);
}

static void
begin(struct buffer *page, const struct chart *chart, const char *class, int height)
{
	html_format(page, "<svg class=\"chart %s\" role=\"img\" height=\"%d\" "
	    "aria-labelledby=\"%s-title %s-about\">\n", class, height, chart->id,
	    chart->id);
	html_format(page, "<title id=\"%s-title\">%s</title>"
	    "<desc id=\"%s-about\">%s</desc>\n", chart->id, chart->title, chart->id,
	    chart->description);
}

/* ------------------------------------------------------------------ *
 * Columns
 * ------------------------------------------------------------------ */

static int64_t
column_total(const struct chart_columns *columns, size_t at)
{
	size_t series = columns->chart.series_count;
	int64_t total = 0;

	for (size_t i = 0; i < series; i++)
		total += columns->values[at * series + i];
	return total;
}

/* Pixels from the base, in tenths. */
static int
rise(const struct chart_columns *columns, int64_t value, int64_t end)
{
	int plot = columns->height - AXIS_ABOVE - AXIS_BELOW;

	return (int)((double)value / (double)end * plot * 10 + 0.5);
}

static void
add_height(struct buffer *page, const char *name, int tenths)
{
	buffer_format(page, " %s=\"%d.%d\"", name, tenths / 10, tenths % 10);
}

/* Lines across at parts of the axis, with their values at its left. */
static void
write_grid(struct buffer *page, const struct chart_columns *columns, int64_t end)
{
	/* 2 is parted into 4, for whole numbers; 1 and 5 into 5. */
	int64_t first = end;

	while (first >= 10)
		first /= 10;
	int parts = end < 5 ? (int)end : first == 2 ? 4 : 5;

	for (int i = 0; i <= parts; i++) {
		int64_t value = end / parts * i;
		int y = (columns->height - AXIS_BELOW) * 10 - rise(columns, value, end);

		buffer_string(page, "<line class=\"grid\" x1=\"0\" x2=\"100%\"");
		add_height(page, "y1", y);
		add_height(page, "y2", y);
		buffer_string(page, "/><text class=\"scale\" x=\"-8\" dy=\"4\"");
		add_height(page, "y", y);
		html_format(page, ">%s</text>\n", html_count(value).text);
	}
}

static void
write_column_title(struct buffer *page, const struct chart_columns *columns, size_t at)
{
	size_t series = columns->chart.series_count;

	html_format(page, "<title>%s: %s", columns->labels[at].text,
	    html_count(column_total(columns, at)).text);
	for (size_t i = series; i-- > 0;)
		if (columns->values[at * series + i] != 0)
			html_format(page, "; %s %s", columns->chart.series[i].name,
			    html_count(columns->values[at * series + i]).text);
	buffer_string(page, "</title>");
}

static void
write_column(struct buffer *page, const struct chart_columns *columns, size_t at,
    int64_t end)
{
	size_t series = columns->chart.series_count;
	int base = (columns->height - AXIS_BELOW) * 10, below = 0;
	int step = 10000 / (int)columns->count, gap = step / 6;
	int64_t sum = 0;

	buffer_string(page, "<g>");
	write_column_title(page, columns, at);
	for (size_t i = 0; i < series; i++) {
		int64_t value = columns->values[at * series + i];
		int top;

		if (value == 0)
			continue;
		sum += value;
		top = rise(columns, sum, end);
		/* What is there is seen, be it ever so little. */
		if (top - below < 15)
			top = below + 15;
		begin_filled(page, "column", columns->chart.series[i].colour);
		add_percent(page, "x", (int)(at * 10000 / columns->count) + gap / 2);
		add_percent(page, "width", step - gap);
		add_height(page, "y", base - top);
		add_height(page, "height", top - below);
		buffer_string(page, "/>");
		below = top;
	}
	buffer_string(page, "</g>\n");
}

static void
write_ticks(struct buffer *page, const struct chart_columns *columns)
{
	size_t step = (columns->count + TICKS_MAX - 1) / TICKS_MAX;

	for (size_t at = 0, shown = 0; at < columns->count; at += step, shown++) {
		if (at * 12 > columns->count * 11)
			break;
		html_format(page, "<text class=\"tick%s\" y=\"%d\"",
		    shown % 2 == 0 ? "" : " minor", columns->height - 6);
		add_percent(page, "x",
		    (int)((at * 10000 + 5000) / columns->count));
		html_format(page, ">%s</text>\n", columns->ticks[at].text);
	}
}

void
chart_columns_write(struct buffer *page, const struct chart_columns *columns)
{
	int64_t most = 1, end;

	for (size_t at = 0; at < columns->count; at++)
		if (column_total(columns, at) > most)
			most = column_total(columns, at);
	end = chart_axis_end(most);
	begin(page, &columns->chart, "columns", columns->height);
	write_grid(page, columns, end);
	for (size_t at = 0; at < columns->count; at++)
		write_column(page, columns, at, end);
	write_ticks(page, columns);
	buffer_string(page, "</svg>\n");
}

/* ------------------------------------------------------------------ *
 * Bars
 * ------------------------------------------------------------------ */

static void
write_bar_parts(struct buffer *page, const struct chart *chart,
    const struct chart_bar *bar, int top)
{
	int from = 0;
	int64_t sum = 0;

	for (size_t i = 0; i < chart->series_count; i++) {
		int to;

		if (bar->parts[i] <= 0)
			continue;
		sum += bar->parts[i];
		to = hundredths(sum, bar->whole);
		/* What is there is seen, be it ever so little. */
		if (to - from < 80)
			to = from + 80;
		begin_filled(page, "part", chart->series[i].colour);
		add_percent(page, "x", from);
		add_percent(page, "width", (to > 10000 ? 10000 : to) - from);
		buffer_format(page, " y=\"%d\" height=\"%d\"/>", top, BAR_HEIGHT);
		from = to > 9920 ? 9920 : to;
	}
}

static void
write_bar(struct buffer *page, const struct chart *chart, const struct chart_bar *bar,
    int top)
{
	buffer_string(page, "<g><title>");
	html_format(page, "%s: %s</title>", bar->name, bar->value.text);
	buffer_format(page, "<text class=\"name\" x=\"0\" y=\"%d\">", top + 14);
	html_text(page, bar->name, BAR_NAME_MAX);
	html_format(page, "</text><text class=\"value\" x=\"100%%\" y=\"%d\">%s</text>",
	    top + 14, bar->value.text);
	html_format(page, "<rect class=\"track\" width=\"100%%\" y=\"%d\" "
	    "height=\"%d\"/>", top + BAR_TOP, BAR_HEIGHT);
	write_bar_parts(page, chart, bar, top + BAR_TOP);
	buffer_string(page, "</g>\n");
}

void
chart_bars_write(struct buffer *page, const struct chart *chart,
    const struct chart_bar *bars, size_t count)
{
	begin(page, chart, "bars", (int)count * BAR_STEP);
	for (size_t i = 0; i < count; i++)
		write_bar(page, chart, &bars[i], (int)i * BAR_STEP);
	buffer_string(page, "</svg>\n");
}
