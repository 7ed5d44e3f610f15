/*
 * report_html_charts.c - the charts of a report's page, each with its numbers.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report_html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/chart.h"
#include "base/buffer.h"

#define COLUMNS_MAX 62
#define BARS_MAX 12
#define DAY_MS (INT64_C(86400) * 1000)

/* From the bottom up: what is weak stands on top, where it is seen. */
static const enum policy_protocol order[PROTOCOL_COUNT] = {
	PROTOCOL_TLS_1_3, PROTOCOL_TLS_1_2, PROTOCOL_TLS_1_1, PROTOCOL_TLS_1_0,
	PROTOCOL_SSL, PROTOCOL_UNKNOWN, PROTOCOL_CLEAR
};
static const struct chart_series protocol_series[PROTOCOL_COUNT] = {
	{ "TLSv1.3", "tls13" }, { "TLSv1.2", "tls12" }, { "TLSv1.1", "tls11" },
	{ "TLSv1.0", "tls10" }, { "SSL", "ssl" }, { "unknown", "unclear" },
	{ "clear text", "clear" }
};
#define STRONG_SERIES 2		/* so many of them are left out for the weak ones */

static const struct chart_series reason_series[] = {
	{ "refused", "bad" }, { "would be refused", "warn" }
};
static const struct chart_series compliance_series[] = {
	{ "complied", "complied" }, { "exempted, held, would be refused", "warn" },
	{ "refused", "bad" }
};

static void
begin_figure(struct buffer *page, const char *id, const char *heading)
{
	html_format(page, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n",
	    id, id, heading);
}

static void
write_legend(struct buffer *page, const struct chart_series *series, size_t count,
    const int64_t *totals)
{
	buffer_string(page, "<ul class=\"legend\">\n");
	for (size_t i = 0; i < count; i++) {
		if (totals != NULL && totals[i] == 0)
			continue;
		buffer_string(page, "<li>");
		chart_swatch_write(page, &series[i]);
		html_format(page, "<span>%s</span>", series[i].name);
		if (totals != NULL)
			html_format(page, " <span class=\"n\">%s</span>",
			    html_count(totals[i]).text);
		buffer_string(page, "</li>\n");
	}
	buffer_string(page, "</ul>\n");
}

static void
begin_data(struct buffer *page)
{
	buffer_string(page, "<details><summary>The numbers of this chart</summary>\n");
}

/* ------------------------------------------------------------------ *
 * Over time
 * ------------------------------------------------------------------ */

struct times {
	int64_t values[COLUMNS_MAX * PROTOCOL_COUNT];
	int64_t weak[COLUMNS_MAX * PROTOCOL_COUNT];
	int64_t totals[PROTOCOL_COUNT];
	struct html_number labels[COLUMNS_MAX], ticks[COLUMNS_MAX];
	size_t count;
	int64_t length_ms;	/* of a column */
};

static void
label(const struct review *report, size_t bucket, struct times *times, size_t at)
{
	int64_t start_ms = report->buckets[bucket].start_ms;

	times->labels[at] = times->length_ms % DAY_MS == 0 ? html_day(start_ms) :
	    html_minute(start_ms);
	/* MM-DD, or MM-DD hh:mm */
	memcpy(times->ticks[at].text, times->labels[at].text + 5,
	    sizeof times->ticks[at].text - 5);
}

/* Puts so many hours or days together that the columns can be told apart. */
static void
gather(const struct review *report, struct times *times)
{
	size_t together = (report->bucket_count + COLUMNS_MAX - 1) / COLUMNS_MAX;

	if (together > 1 && report->bucket_ms == DAY_MS)
		together = (together + 6) / 7 * 7;
	times->length_ms = report->bucket_ms * (int64_t)together;
	for (size_t i = 0; i < report->bucket_count; i++) {
		size_t at = i / together;

		if (i % together == 0) {
			label(report, i, times, at);
			times->count = at + 1;
		}
		for (size_t j = 0; j < PROTOCOL_COUNT; j++) {
			int64_t count = report->buckets[i].protocol[order[j]];

			times->values[at * PROTOCOL_COUNT + j] += count;
			times->totals[j] += count;
			if (j >= STRONG_SERIES)
				times->weak[at * PROTOCOL_COUNT + j] += count;
		}
	}
}

static void
write_times_data(struct buffer *page, const struct times *times)
{
	struct report_html_column columns[PROTOCOL_COUNT + 1] = { { "From", false } };

	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		columns[i + 1] = (struct report_html_column){ protocol_series[i].name,
			true };
	begin_data(page);
	report_html_table(page, "times-data", "Transactions by protocol over time",
	    columns, PROTOCOL_COUNT + 1);
	for (size_t at = 0; at < times->count; at++) {
		html_format(page, "<tr><th scope=\"row\">%s</th>", times->labels[at].text);
		for (size_t i = 0; i < PROTOCOL_COUNT; i++)
			report_html_count(page, times->values[at * PROTOCOL_COUNT + i]);
		buffer_string(page, "</tr>\n");
	}
	report_html_table_end(page, 0);
	buffer_string(page, "</details>\n");
}

static void
write_times_charts(struct buffer *page, const struct times *times)
{
	struct chart_columns columns = {
		.chart = { "times-chart", "Transactions by protocol over time",
		    "Stacked columns, one for each part of the period. The table "
		    "of this chart has their numbers.", protocol_series,
		    PROTOCOL_COUNT },
		.values = times->values, .labels = times->labels, .ticks = times->ticks,
		.count = times->count, .height = 260
	};
	int64_t weak = 0;

	chart_columns_write(page, &columns);
	buffer_string(page, "</figure>\n");
	for (size_t i = STRONG_SERIES; i < PROTOCOL_COUNT; i++)
		weak += times->totals[i];
	if (weak == 0)
		return;
	buffer_string(page, "<h3>Clear text and old protocols, by their own scale</h3>\n"
	    "<figure>\n");
	columns.chart.id = "weak-chart";
	columns.chart.title = "Clear text and protocols older than TLS 1.2 over time";
	columns.values = times->weak;
	columns.height = 150;
	chart_columns_write(page, &columns);
	buffer_string(page, "</figure>\n");
}

static void
write_length(struct buffer *page, int64_t length_ms)
{
	bool days = length_ms % DAY_MS == 0;
	int64_t count = length_ms / (days ? DAY_MS : 3600000);

	html_format(page, "<p class=\"note\">Each column is %s %s%s.</p>\n",
	    html_count(count).text, days ? "day" : "hour", count == 1 ? "" : "s");
}

static void
write_times(struct buffer *page, const struct review *report)
{
	struct times *times = calloc(1, sizeof *times);

	if (times == NULL) {
		page->failed = true;
		return;
	}
	begin_figure(page, "charts", "Transactions by protocol");
	if (report->bucket_count == 0 || report->totals.transactions == 0)
		buffer_string(page, "<p>There were none in this period.</p>\n");
	else {
		gather(report, times);
		write_length(page, times->length_ms);
		write_legend(page, protocol_series, PROTOCOL_COUNT, times->totals);
		buffer_string(page, "<figure>\n");
		write_times_charts(page, times);
		write_times_data(page, times);
	}
	buffer_string(page, "</section>\n");
	free(times);
}

/* ------------------------------------------------------------------ *
 * By reason
 * ------------------------------------------------------------------ */

static int
most_first(const void *a, const void *b)
{
	const struct chart_bar *one = a, *other = b;
	int64_t first = one->parts[0] + one->parts[1];
	int64_t second = other->parts[0] + other->parts[1];

	if (first != second)
		return first > second ? -1 : 1;
	return strcmp(one->name, other->name);
}

static size_t
gather_reasons(const struct review *report, struct chart_bar bars[REASON_COUNT])
{
	int64_t most = 0;
	size_t count = 0;

	for (int i = 0; i < REASON_COUNT; i++) {
		struct chart_bar *bar = &bars[count];

		if (report->refused[i] + report->would[i] == 0)
			continue;
		*bar = (struct chart_bar){ .name = i == REASON_NONE ? "other" :
			policy_reason_name((enum policy_reason)i),
			.parts = { report->refused[i], report->would[i] } };
		bar->value = html_count(bar->parts[0] + bar->parts[1]);
		if (bar->parts[0] + bar->parts[1] > most)
			most = bar->parts[0] + bar->parts[1];
		count++;
	}
	for (size_t i = 0; i < count; i++)
		bars[i].whole = most;
	qsort(bars, count, sizeof bars[0], most_first);
	return count;
}

static void
write_reasons(struct buffer *page, const struct review *report)
{
	static const struct report_html_column columns[] = {
		{ "Reason", false }, { "Refused", true }, { "Would be refused", true }
	};
	static const struct chart chart = {
		"reasons-chart", "Refusals by reason",
		"Bars of refusals, and of transactions that rules under monitor would "
		"refuse. The table of this chart has their numbers.", reason_series, 2
	};
	struct chart_bar bars[REASON_COUNT];
	size_t count = gather_reasons(report, bars);

	begin_figure(page, "reasons", "Refusals by reason");
	if (count == 0) {
		buffer_string(page, "<p>Nothing was refused, or would be.</p>\n</section>\n");
		return;
	}
	write_legend(page, reason_series, 2, NULL);
	buffer_string(page, "<figure>\n");
	chart_bars_write(page, &chart, bars, count);
	buffer_string(page, "</figure>\n");
	begin_data(page);
	report_html_table(page, "reasons-data", "Refusals by reason", columns, 3);
	for (size_t i = 0; i < count; i++) {
		html_format(page, "<tr><th scope=\"row\">%s</th>", bars[i].name);
		report_html_count(page, bars[i].parts[0]);
		report_html_count(page, bars[i].parts[1]);
		buffer_string(page, "</tr>\n");
	}
	report_html_table_end(page, 0);
	buffer_string(page, "</details>\n</section>\n");
}

/* ------------------------------------------------------------------ *
 * By partner
 * ------------------------------------------------------------------ */

static struct chart_bar
bar_of(const struct review_domain *seen)
{
	const struct review_counts *counts = &seen->counts;
	int64_t complied = report_html_complied(counts);
	int64_t between = counts->accepted + counts->held - complied;
	struct chart_bar bar = {
		.name = report_domain_name(seen), .whole = counts->transactions,
		.parts = { complied, between, counts->transactions - complied - between },
		.value = html_share(complied, counts->transactions)
	};
	size_t length = strlen(bar.value.text);

	(void)snprintf(bar.value.text + length, sizeof bar.value.text - length,
	    " of %.18s", html_count(counts->transactions).text);
	return bar;
}

static void
write_compliance(struct buffer *page, const struct report_view *view)
{
	static const struct chart chart = {
		"compliance-chart", "Compliance of partners",
		"A bar for each partner: the share of transactions that met its rule. The "
		"table of partners has the numbers.", compliance_series, 3
	};
	struct chart_bar bars[BARS_MAX];
	size_t count = 0, left = 0;

	for (size_t i = 0; i < view->partner_count; i++) {
		if (!view->partners[i].has_rule ||
		    view->partners[i].seen->counts.transactions == 0)
			continue;
		if (count == BARS_MAX)
			left++;
		else
			bars[count++] = bar_of(view->partners[i].seen);
	}
	begin_figure(page, "compliance", "Compliance of partners");
	if (count == 0) {
		buffer_string(page, "<p>No domain with a rule sent any of these.</p>\n"
		    "</section>\n");
		return;
	}
	write_legend(page, compliance_series, 3, NULL);
	buffer_string(page, "<figure>\n");
	chart_bars_write(page, &chart, bars, count);
	buffer_string(page, "</figure>\n<p class=\"note\">The share of transactions that "
	    "met the rule, those first that want attention. ");
	if (left > 0)
		html_format(page, "%s more partners are in the table. ",
		    html_count((int64_t)left).text);
	buffer_string(page, "<a href=\"#partners\">All numbers</a></p>\n</section>\n");
}

void
report_html_charts(struct buffer *page, const struct report_view *view)
{
	write_times(page, view->report);
	buffer_string(page, "<div class=\"pair\">\n");
	write_reasons(page, view->report);
	write_compliance(page, view);
	buffer_string(page, "</div>\n");
}
