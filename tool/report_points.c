/*
 * report_points.c - the numbers of the charts of a report's page.
 *
 * Places and lengths are percents of the width or height of the chart, which the
 * template draws in whatever size it likes. A part is never too small to be seen.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/text.h"

#define COLUMNS_MAX 62
#define BARS_MAX 12
#define BAR_STEP 44		/* from one bar to the next, in pixels */
#define BAR_NAME_MAX 34		/* bytes of a name: the table has all of it */
#define BAR_PARTS 3
#define TICKS_MAX 6
#define LEAST 1.2		/* of a part that is there, in percent */
#define DAY_MS (INT64_C(86400) * 1000)

struct series {
	const char *name;
	const char *class;	/* of the style sheet, "f-CLASS" */
};

/* From the bottom up: what is weak stands on top, where it is seen. */
static const enum policy_protocol order[PROTOCOL_COUNT] = {
	PROTOCOL_TLS_1_3, PROTOCOL_TLS_1_2, PROTOCOL_TLS_1_1, PROTOCOL_TLS_1_0,
	PROTOCOL_SSL, PROTOCOL_UNKNOWN, PROTOCOL_CLEAR
};
static const struct series protocol_series[PROTOCOL_COUNT] = {
	{ "TLSv1.3", "tls13" }, { "TLSv1.2", "tls12" }, { "TLSv1.1", "tls11" },
	{ "TLSv1.0", "tls10" }, { "SSL", "ssl" }, { "unknown", "unclear" },
	{ "clear text", "clear" }
};
#define STRONG_SERIES 2		/* so many of them are left out for the weak ones */

/*
 * Values that are put one behind the other: of each that is there where it begins
 * ("from"), how long it is ("size"), and what is left behind it ("rest").
 */
static void
put_parts(struct tree *tree, const struct series *series, const int64_t *values,
    size_t count, int64_t whole)
{
	double from = 0;
	int64_t sum = 0;

	tree_open_array(tree, "parts");
	for (size_t i = 0; i < count; i++) {
		double to;

		if (values[i] <= 0)
			continue;
		sum += values[i];
		to = 100 * (double)sum / (double)whole;
		if (to < from + LEAST)
			to = from + LEAST;
		if (to > 100)
			to = 100;
		tree_value(tree, NULL, json_pack("{s:s, s:s, s:I, s:f, s:f, s:f}",
		    "name", series[i].name, "class", series[i].class,
		    "count", (json_int_t)values[i],
		    "from", from, "size", to - from, "rest", 100 - to));
		from = to > 100 - LEAST ? 100 - LEAST : to;
	}
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * Over time
 * ------------------------------------------------------------------ */

struct column {
	int64_t start_ms;
	int64_t values[PROTOCOL_COUNT];		/* in the order of the series */
};

struct times {
	struct column columns[COLUMNS_MAX];
	size_t count;
	int64_t totals[PROTOCOL_COUNT];
	int64_t length_ms;			/* of a column */
};

/* Puts so many hours or days together that the columns can be told apart. */
static void
gather_times(const struct review *report, struct times *times)
{
	size_t together = (report->bucket_count + COLUMNS_MAX - 1) / COLUMNS_MAX;

	if (together > 1 && report->bucket_ms == DAY_MS)
		together = (together + 6) / 7 * 7;
	times->length_ms = report->bucket_ms * (int64_t)together;
	for (size_t i = 0; i < report->bucket_count; i++) {
		struct column *column = &times->columns[i / together];

		if (i % together == 0) {
			column->start_ms = report->buckets[i].start_ms;
			times->count++;
		}
		for (size_t j = 0; j < PROTOCOL_COUNT; j++) {
			int64_t count = report->buckets[i].protocol[order[j]];

			column->values[j] += count;
			times->totals[j] += count;
		}
	}
}

/* The sum of the series from the first that is shown on. */
static int64_t
column_total(const struct column *column, size_t first)
{
	int64_t total = 0;

	for (size_t i = first; i < PROTOCOL_COUNT; i++)
		total += column->values[i];
	return total;
}

/* The column's day, or the hour of one. */
static void
label_of(const struct times *times, size_t at, char label[21])
{
	date_write_time(times->columns[at].start_ms / 1000, label);
	label[10] = times->length_ms % DAY_MS == 0 ? '\0' : ' ';
	label[16] = '\0';
}

/* The end of an axis: the least 1, 2 or 5 times a power of ten that is not below. */
static int64_t
axis_end(int64_t value)
{
	static const int steps[] = { 1, 2, 5 };

	for (int64_t power = 1; power <= INT64_MAX / 50; power *= 10)
		for (size_t i = 0; i < 3; i++)
			if (value <= steps[i] * power)
				return steps[i] * power;
	return INT64_MAX;
}

static void
put_grid(struct tree *tree, int64_t end)
{
	int64_t first = end;

	while (first >= 10)
		first /= 10;
	/* 2 is parted into 4, for whole numbers; 1 and 5 into 5. */
	int parts = end < 5 ? (int)end : first == 2 ? 4 : 5;

	tree_open_array(tree, "grid");
	for (int i = 0; i <= parts; i++)
		tree_value(tree, NULL, json_pack("{s:I, s:f}",
		    "value", (json_int_t)(end / parts * i), "y", 100 - 100.0 * i / parts));
	tree_close(tree);
}

static void
put_column(struct tree *tree, const struct times *times, size_t at, size_t first,
    int64_t end)
{
	const struct column *column = &times->columns[at];
	double step = 100 / (double)times->count;
	char label[21];

	label_of(times, at, label);
	tree_open_object(tree, NULL);
	tree_text(tree, "label", label);
	tree_number(tree, "total", column_total(column, first));
	tree_value(tree, "x", json_real(step * ((double)at + 1.0 / 12)));
	tree_value(tree, "width", json_real(step * 5 / 6));
	put_parts(tree, protocol_series + first, column->values + first,
	    PROTOCOL_COUNT - first, end);
	tree_open_array(tree, "counts");
	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		tree_number(tree, NULL, column->values[i]);
	tree_close(tree);
	tree_close(tree);
}

static void
put_ticks(struct tree *tree, const struct times *times)
{
	size_t step = (times->count + TICKS_MAX - 1) / TICKS_MAX;
	char label[21];

	tree_open_array(tree, "ticks");
	for (size_t at = 0; at < times->count && at * 12 <= times->count * 11;
	    at += step) {
		label_of(times, at, label);
		/* MM-DD, or MM-DD hh:mm */
		tree_value(tree, NULL, json_pack("{s:s, s:f, s:b}", "label", label + 5,
		    "x", 100 * ((double)at + 0.5) / (double)times->count,
		    "minor", at / step % 2 == 1));
	}
	tree_close(tree);
}

/* Columns of the series from "first" on. */
static void
put_times_chart(struct tree *tree, const struct times *times, size_t first)
{
	int64_t most = 1, end;

	for (size_t at = 0; at < times->count; at++)
		if (column_total(&times->columns[at], first) > most)
			most = column_total(&times->columns[at], first);
	end = axis_end(most);
	tree_open_object(tree, NULL);
	tree_flag(tree, "weak", first > 0);
	put_grid(tree, end);
	tree_open_array(tree, "columns");
	for (size_t at = 0; at < times->count; at++)
		put_column(tree, times, at, first, end);
	tree_close(tree);
	put_ticks(tree, times);
	tree_close(tree);
}

static void
put_legend(struct tree *tree, const struct times *times)
{
	tree_open_array(tree, "series");
	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		tree_value(tree, NULL, json_pack("{s:s, s:s, s:I}",
		    "name", protocol_series[i].name, "class", protocol_series[i].class,
		    "count", (json_int_t)times->totals[i]));
	tree_close(tree);
}

static void
put_times(struct tree *tree, const struct review *report)
{
	struct times *times = calloc(1, sizeof(*times));
	int64_t unit, weak = 0;

	if (times == NULL) {
		tree->failed = true;
		return;
	}
	gather_times(report, times);
	unit = times->length_ms % DAY_MS == 0 ? DAY_MS : DAY_MS / 24;
	for (size_t i = STRONG_SERIES; i < PROTOCOL_COUNT; i++)
		weak += times->totals[i];
	tree_open_object(tree, "times");
	tree_number(tree, "length", times->length_ms / unit);
	tree_flag(tree, "days", unit == DAY_MS);
	put_legend(tree, times);
	tree_open_array(tree, "charts");
	put_times_chart(tree, times, 0);
	if (weak > 0)
		put_times_chart(tree, times, STRONG_SERIES);
	tree_close(tree);
	tree_close(tree);
	free(times);
}

/* ------------------------------------------------------------------ *
 * Bars
 * ------------------------------------------------------------------ */

struct bar {
	const char *name;
	int64_t parts[BAR_PARTS];
	int64_t whole;		/* what the full width stands for */
};

static int64_t
bar_total(const struct bar *bar)
{
	return bar->parts[0] + bar->parts[1] + bar->parts[2];
}

/* The first bytes of a name, which a chart has room for. */
static void
put_short(struct tree *tree, const char *name)
{
	struct buffer text = BUFFER_INIT;
	size_t left = BAR_NAME_MAX;
	struct text_piece piece = text_take(name, &left);

	buffer_add(&text, name, piece.length);
	buffer_string(&text, piece.cut ? "\xE2\x80\xA6" : "");
	tree_buffer(tree, "short", &text);
}

/* A chart of them; so many are "left" out. */
static void
put_bars(struct tree *tree, const char *name, const struct series *series,
    const struct bar *bars, size_t count, size_t left)
{
	tree_open_object(tree, name);
	tree_open_array(tree, "bars");
	for (size_t i = 0; i < count; i++) {
		tree_open_object(tree, NULL);
		tree_text(tree, "name", bars[i].name);
		put_short(tree, bars[i].name);
		tree_number(tree, "y", (int64_t)i * BAR_STEP);
		put_parts(tree, series, bars[i].parts, BAR_PARTS, bars[i].whole);
		tree_number(tree, "first", bars[i].parts[0]);
		tree_number(tree, "second", bars[i].parts[1]);
		tree_number(tree, "total", bar_total(&bars[i]));
		report_share(tree, "share", bars[i].parts[0], bar_total(&bars[i]));
		tree_close(tree);
	}
	tree_close(tree);
	tree_number(tree, "height", (int64_t)count * BAR_STEP);
	tree_number(tree, "left", (int64_t)left);
	tree_close(tree);
}

static int
most_first(const void *a, const void *b)
{
	const struct bar *one = a, *other = b;
	int64_t first = bar_total(one), second = bar_total(other);

	if (first != second)
		return first > second ? -1 : 1;
	return strcmp(one->name, other->name);
}

static void
put_reasons_chart(struct tree *tree, const struct review *report)
{
	static const struct series series[BAR_PARTS] = {
		{ "refused", "bad" }, { "would be refused", "warn" }, { NULL, NULL }
	};
	struct bar bars[REASON_COUNT];
	size_t count = 0;

	for (int i = 0; i < REASON_COUNT; i++)
		if (report->refused[i] + report->would[i] > 0)
			bars[count++] = (struct bar){
				.name = report_reason_name(i),
				.parts = { report->refused[i], report->would[i] }
			};
	qsort(bars, count, sizeof(bars[0]), most_first);
	for (size_t i = 0; i < count; i++)
		bars[i].whole = bar_total(&bars[0]);
	put_bars(tree, "reasons", series, bars, count, 0);
}

static struct bar
compliance_of(const struct review_domain *seen)
{
	const struct review_counts *counts = &seen->counts;
	int64_t complied = report_complied(counts);
	int64_t between = counts->accepted + counts->held - complied;

	return (struct bar){
		.name = report_domain_name(seen), .whole = counts->transactions,
		.parts = { complied, between,
		    counts->transactions - complied - between }
	};
}

static void
put_compliance(struct tree *tree, const struct report_view *view)
{
	static const struct series series[BAR_PARTS] = {
		{ "complied", "complied" },
		{ "exempted, held, would be refused", "warn" }, { "refused", "bad" }
	};
	struct bar bars[BARS_MAX];
	size_t count = 0, left = 0;

	for (size_t i = 0; i < view->partner_count; i++) {
		const struct report_partner *partner = &view->partners[i];

		if (!partner->has_rule || partner->seen->counts.transactions == 0)
			continue;
		if (count == BARS_MAX)
			left++;
		else
			bars[count++] = compliance_of(partner->seen);
	}
	put_bars(tree, "compliance", series, bars, count, left);
}

void
report_points(struct tree *tree, const struct report_view *view)
{
	if (view->report->bucket_count > 0 && view->report->totals.transactions > 0)
		put_times(tree, view->report);
	put_reasons_chart(tree, view->report);
	put_compliance(tree, view);
}
