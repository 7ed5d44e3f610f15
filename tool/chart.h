/*
 * chart.h - charts as inline SVG, which need no script and no network.
 *
 * Positions across are shares of the width and text has its own size, so that a chart
 * fits a phone and a page of paper alike. Each is one image to a screen reader, with a
 * title and a description; its numbers are to stand in a table beside it. Colours are
 * the classes of the style sheet, each with a pattern of its own.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_CHART_H
#define TLSWARD_CHART_H

#include "tool/html.h"
#include "base/buffer.h"

struct chart_series {
	const char *name;	/* for people */
	const char *colour;	/* of the palette: class "f-NAME", pattern "p-NAME" */
};

/* What all charts have. The texts are escaped where they are written. */
struct chart {
	const char *id;		/* unique in the page, of a-z and - */
	const char *title, *description;
	const struct chart_series *series;
	size_t series_count;
};

/*
 * Columns over time, the first series at the bottom. "values" are those of the first
 * column, one a series, then those of the second, and so on; "labels" name the
 * columns: "ticks" has what stands below one where there is room.
 */
struct chart_columns {
	struct chart chart;
	const int64_t *values;
	const struct html_number *labels, *ticks;
	size_t count;
	int height;		/* pixels */
};
void chart_columns_write(struct buffer *page, const struct chart_columns *columns);

/* Bars across, each with its name and its value in words above it. */
struct chart_bar {
	const char *name;
	struct html_number value;
	int64_t parts[4];	/* as many as series */
	int64_t whole;		/* what the full width stands for */
};
void chart_bars_write(struct buffer *page, const struct chart *chart,
    const struct chart_bar *bars, size_t count);

/* The patterns that all charts of a page use: once, at its start. */
void chart_patterns_write(struct buffer *page);

/* A sample of a series' colour and pattern, for a legend. Says nothing to readers. */
void chart_swatch_write(struct buffer *page, const struct chart_series *series);

/* The end of an axis: the least 1, 2 or 5 times a power of ten that is not below. */
int64_t chart_axis_end(int64_t value);

#endif
