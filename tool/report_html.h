/*
 * report_html.h - what the parts of a report's page share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REPORT_HTML_H
#define TLSWARD_REPORT_HTML_H

#include "tool/html.h"
#include "tool/report.h"
#include "base/buffer.h"

/* So many rows of a table, and so many domains in detail. */
#define REPORT_HTML_ROWS 500
#define REPORT_HTML_DETAILS 100

/* Sections of the page, in their order. Charts and tables in files of their own. */
void report_html_charts(struct buffer *page, const struct report_view *view);
void report_html_partners(struct buffer *page, const struct report_view *view);
void report_html_details(struct buffer *page, const struct report_view *view);
void report_html_domains(struct buffer *page, const struct report_view *view);

/* A table that scrolls on its own where it is too wide: up to its first row. */
struct report_html_column {
	const char *name;
	bool number;
};
void report_html_table(struct buffer *page, const char *id, const char *caption,
    const struct report_html_column *columns, size_t count);
void report_html_table_end(struct buffer *page, size_t left);

/* A cell with a count, a date or a share, which is what it is sorted by. */
void report_html_count(struct buffer *page, int64_t count);
void report_html_date(struct buffer *page, int64_t ms);
void report_html_part(struct buffer *page, int64_t part, int64_t whole);

/* Transactions that met what their rule asks: neither exempted nor only monitored. */
int64_t report_html_complied(const struct review_counts *counts);

#endif
