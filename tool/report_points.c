/*
 * report_points.c - the charts of a report's page: refusals over time by partner, and
 * protocols.
 *
 * Places and lengths are percents of the width or height of the chart, which the
 * template draws in whatever size it likes. A part is never too small to be seen.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#define COLUMNS_MAX 62
#define ROWS_MAX 8
#define LEAST 1.2		/* of a part that is there, in percent */
#define LEAST_HEIGHT 8.0
#define DAY_MS (INT64_C(86400) * 1000)

/* So many hours or days are put together that the columns can be told apart. */
static size_t
buckets_together(const struct review *report)
{
	size_t together = (report->bucket_count + COLUMNS_MAX - 1) / COLUMNS_MAX;

	return together > 1 && report->bucket_ms == DAY_MS ? (together + 6) / 7 * 7 :
	    together;
}

/* Refusals in the buckets from "first" on; of one agreement, or (NULL) all. */
static int64_t
column_sum(const struct review *report, const int64_t *refused, size_t first)
{
	size_t together = buckets_together(report);
	int64_t sum = 0;

	for (size_t i = first; i < first + together && i < report->bucket_count; i++)
		sum += refused == NULL ? report->buckets[i].refused : refused[i];
	return sum;
}

/* Columns by a scale of their own: what is looked for is when it began. */
static void
put_refusals_row(struct tree *tree, const struct report_view *view,
    const struct review_agreement *agreement)
{
	const struct review *report = view->report;
	const int64_t *refused = agreement == NULL ? NULL : agreement->refused_over_time;
	size_t together = buckets_together(report);
	double step = 100.0 * (double)together / (double)report->bucket_count;
	int64_t most = 1, count, total = 0;

	for (size_t i = 0; i < report->bucket_count; i += together)
		if ((count = column_sum(report, refused, i)) > most)
			most = count;
	tree_open_object(tree, NULL);
	if (agreement != NULL)
		report_people_name(tree, view, agreement);
	tree_open_array(tree, "columns");
	for (size_t i = 0; i < report->bucket_count; i += together) {
		double height = 100 * (double)(count = column_sum(report, refused, i)) /
		    (double)most;

		total += count;
		if (count == 0)
			continue;
		height = height < LEAST_HEIGHT ? LEAST_HEIGHT : height;
		tree_open_object(tree, NULL);
		tree_time(tree, "start", report->buckets[i].start_ms);
		tree_number(tree, "count", count);
		tree_value(tree, "x", json_real(step * (double)(i / together)));
		tree_value(tree, "width", json_real(step * 5 / 6));
		tree_value(tree, "y", json_real(100 - height));
		tree_value(tree, "height", json_real(height));
		tree_close(tree);
	}
	tree_close(tree);
	tree_number(tree, "total", total);
	tree_number(tree, "most", most);
	tree_close(tree);
}

static void
put_times(struct tree *tree, const struct report_view *view)
{
	const struct review *report = view->report;
	size_t together = buckets_together(report), shown = 0;
	bool days = report->bucket_ms == DAY_MS;

	tree_open_object(tree, "times");
	tree_number(tree, "length", (int64_t)together);
	tree_flag(tree, "days", days);
	tree_time(tree, "first", report->buckets[0].start_ms);
	tree_time(tree, "last", report->buckets[report->bucket_count - 1].start_ms);
	tree_open_array(tree, "rows");
	if (view->only == NULL)
		put_refusals_row(tree, view, NULL);
	for (size_t i = 0; i < report->agreement_count && shown < ROWS_MAX; i++)
		if (report->agreements[i].refused_over_time != NULL) {
			put_refusals_row(tree, view, &report->agreements[i]);
			shown++;
		}
	tree_close(tree);
	tree_close(tree);
}

/* The shares of protocols one behind the other, the best first. */
static void
put_protocol_shares(struct tree *tree, const char *name, const struct review_side *side)
{
	static const struct {
		enum policy_protocol protocol;
		const char *class;	/* of the style sheet */
	} order[PROTOCOL_COUNT] = {
		{ PROTOCOL_TLS_1_3, "tls13" }, { PROTOCOL_TLS_1_2, "tls12" },
		{ PROTOCOL_TLS_1_1, "tls11" }, { PROTOCOL_TLS_1_0, "tls10" },
		{ PROTOCOL_SSL, "ssl" }, { PROTOCOL_UNKNOWN, "unclear" },
		{ PROTOCOL_CLEAR, "clear" }
	};
	double from = 0, to;
	int64_t all = 0;

	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		all += side->protocol[i];
	tree_open_array(tree, name);
	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		int64_t count = side->protocol[order[i].protocol];

		if (count == 0)
			continue;
		to = from + 100 * (double)count / (double)all;
		to = to < from + LEAST ? from + LEAST : to;
		tree_open_object(tree, NULL);
		tree_text(tree, "name", policy_protocol_name(order[i].protocol));
		tree_text(tree, "class", order[i].class);
		tree_number(tree, "count", count);
		report_share(tree, "share", count, all);
		tree_value(tree, "from", json_real(from));
		tree_value(tree, "size", json_real(to - from));
		tree_close(tree);
		from = to;
	}
	tree_close(tree);
}

void
report_points(struct tree *tree, const struct report_view *view)
{
	if (view->report->bucket_count > 0 && view->report->in.refused > 0)
		put_times(tree, view);
	put_protocol_shares(tree, "in_shares", &view->report->in);
	put_protocol_shares(tree, "out_shares", &view->report->out);
}
