/*
 * report_text.c - a report as text for people, and as CSV: templates of a domain, filled
 * for one after the other.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <stdlib.h>

#include "tool/screen.h"

/* Without a terminal, and without --all. */
#define WIDTH 79
#define OTHERS_SHOWN 20

/* A list of the report, with what comes before its first domain. */
struct text_list {
	const char *heading;
	const char *part;		/* of the template */
	bool (*has)(const struct report_partner *partner);
	bool short_one;			/* without --all */
};

static bool
has_rule(const struct report_partner *partner)
{
	return partner->has_rule && report_is_listed(partner);
}

static bool
has_none(const struct report_partner *partner)
{
	return !partner->has_rule && report_is_listed(partner);
}

static bool
has_passed(const struct report_partner *partner)
{
	return partner->candidate;
}

static const struct text_list lists[] = {
	{ "\nDOMAINS WITH A RULE, the worst first\n", "partner", has_rule, false },
	{ "\nDOMAINS WITHOUT A RULE OF THEIR OWN, the worst first\n", "partner",
	    has_none, true },
	{ "\nWITHOUT A RULE, AND WOULD PASS ONE\nAll of these sessions meet \""
	    REPORT_CANDIDATE_RULE "\":\n", "candidate", has_passed, true },
};

/* Fills one part of a template, whose members are "values". */
static bool
fill_part(const struct mustache *template, const char *part, json_t *values,
    struct buffer *text)
{
	return mustache_fill(template, values == NULL ? NULL :
	    json_pack("{s:o}", part, values), text);
}

static bool
write_text_list(const struct report_view *view, const struct text_list *list,
    const struct mustache *template, struct buffer *text)
{
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < view->partner_count; i++) {
		const struct report_partner *partner = &view->partners[i];

		if (!list->has(partner))
			continue;
		if (list->short_one && !view->all && shown == OTHERS_SHOWN) {
			left++;
			continue;
		}
		buffer_string(text, shown++ == 0 ? list->heading : "");
		if (!fill_part(template, list->part, report_people_partner(view, partner),
		    text))
			return false;
	}
	return left == 0 || fill_part(template, list->part,
	    json_pack("{s:I}", "left", (json_int_t)left), text);
}

static bool
fill_text(const struct report_view *view, const struct mustache *template,
    struct buffer *text)
{
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	report_people_head(&tree, view);
	if (!fill_part(template, "head", tree_take(&tree), text))
		return false;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (!write_text_list(view, &lists[i], template, text))
			return false;
	return true;
}

int
report_text_write(const struct report_view *view, int width, struct buffer *text)
{
	struct buffer whole = BUFFER_INIT;
	struct mustache template;
	bool made = mustache_read("page/report.txt", MUSTACHE_SCREEN, &template) &&
	    fill_text(view, &template, &whole);

	if (made)
		screen_fold(&whole, width == 0 ? WIDTH : width, false, text);
	buffer_free(&whole);
	free(template.text);
	return made ? STATUS_FINE : STATUS_TROUBLE;
}

int
report_csv_write(const struct report_view *view, struct buffer *text)
{
	struct mustache template;
	bool made = mustache_read("page/report.csv", MUSTACHE_CSV, &template) &&
	    fill_part(&template, "head", json_true(), text);

	for (size_t i = 0; i < view->partner_count && made; i++)
		if (report_is_listed(&view->partners[i]))
			made = fill_part(&template, "partner",
			    report_people_partner(view, &view->partners[i]), text);
	free(template.text);
	return made ? STATUS_FINE : STATUS_TROUBLE;
}
