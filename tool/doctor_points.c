/*
 * doctor_points.c - the points of tlsward doctor, and how they are written.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/screen.h"
#include "tool/tree.h"
#include "base/array.h"
#include "base/buffer.h"
#include "base/text.h"

static const char *const level_names[] = { "ok", "warning", "fault" };

/* ------------------------------------------------------------------ *
 * Points
 * ------------------------------------------------------------------ */

static char *make_text(struct doctor *doctor, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static char *
make_text(struct doctor *doctor, const char *format, va_list arguments)
{
	char *text = NULL;

	if (vasprintf(&text, format, arguments) == -1) {
		doctor->failed = true;
		return NULL;
	}
	return text;
}

/* What is so for several services, or in two places, is one point. */
static bool
was_said_before(const struct doctor *doctor, const struct doctor_point *point)
{
	for (size_t i = 0; i < doctor->count; i++)
		if (strcmp(doctor->points[i].id, point->id) == 0 && point->message != NULL &&
		    doctor->points[i].message != NULL &&
		    strcmp(doctor->points[i].message, point->message) == 0)
			return true;
	return false;
}

void
doctor_say(struct doctor *doctor, enum doctor_level level, const char *id,
    const char *format, ...)
{
	struct doctor_point point = { .level = level, .id = id };
	va_list arguments;

	va_start(arguments, format);
	point.message = make_text(doctor, format, arguments);
	va_end(arguments);
	doctor->repeated = was_said_before(doctor, &point);
	if (!doctor->repeated &&
	    array_reserve(doctor->points, doctor->count + 1, &doctor->room)) {
		doctor->points[doctor->count++] = point;
		return;
	}
	doctor->failed = doctor->failed || !doctor->repeated;
	free(point.message);
}

void
doctor_fix(struct doctor *doctor, const char *format, ...)
{
	va_list arguments;

	if (doctor->failed || doctor->repeated || doctor->count == 0)
		return;
	va_start(arguments, format);
	doctor->points[doctor->count - 1].fix = make_text(doctor, format, arguments);
	va_end(arguments);
}

void
doctor_free_points(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->count; i++) {
		free(doctor->points[i].message);
		free(doctor->points[i].fix);
	}
	free(doctor->points);
}

size_t
doctor_count(const struct doctor *doctor, enum doctor_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < doctor->count; i++)
		count += doctor->points[i].level == level;
	return count;
}

/* ------------------------------------------------------------------ *
 * What is written
 * ------------------------------------------------------------------ */

static void
write_outcome(const struct doctor *doctor, struct buffer *text)
{
	size_t faults = doctor_count(doctor, DOCTOR_FAULT);
	size_t warnings = doctor_count(doctor, DOCTOR_WARNING);

	if (faults > 0)
		buffer_format(text, "%zu fault%s", faults, faults == 1 ? "" : "s");
	if (warnings > 0)
		buffer_format(text, "%s%zu warning%s", faults > 0 ? ", " : "", warnings,
		    warnings == 1 ? "" : "s");
	if (faults > 0)
		buffer_format(text, ": mail is not held to the policy until %s mended\n",
		    faults == 1 ? "it is" : "they are");
	else if (warnings > 0)
		buffer_format(text, ", no fault: mail is held to the policy, but for what "
		    "%s of\n", warnings == 1 ? "it tells" : "they tell");
	else
		buffer_format(text, "all ok: mail is held to the policy, by all %zu points "
		    "below\n", doctor->count);
}

static void
write_point(const struct screen *screen, const struct doctor_point *point,
    struct buffer *text)
{
	static const enum screen_colour colours[] = { COLOUR_GREEN, COLOUR_YELLOW,
	    COLOUR_RED };

	screen_colour(screen, text, colours[point->level]);
	buffer_string(text, level_names[point->level]);
	screen_plain(screen, text);
	buffer_string(text, ": ");
	text_visible(text, point->message);
	buffer_format(text, " [%s]\n", point->id);
	if (point->fix != NULL) {
		buffer_string(text, "    ");
		text_visible(text, point->fix);
		buffer_string(text, "\n");
	}
}

static void
write_point_json(const struct doctor_point *point, struct buffer *text)
{
	tree_write(json_pack("{s:s, s:s, s:o, s:o}", "level", level_names[point->level],
	    "id", point->id, "message", tree_string(point->message), "fix",
	    tree_string(point->fix)), false, text);
	buffer_string(text, "\n");
}

int
doctor_write(const struct doctor *doctor)
{
	struct buffer text = BUFFER_INIT;
	struct screen screen;
	int status;

	screen_open(&screen);
	if (!doctor->json)
		write_outcome(doctor, &text);
	for (int level = DOCTOR_FAULT; level >= DOCTOR_OK; level--)
		for (size_t i = 0; i < doctor->count; i++) {
			const struct doctor_point *point = &doctor->points[i];

			if ((int)point->level == level && doctor->json)
				write_point_json(point, &text);
			else if ((int)point->level == level)
				write_point(&screen, point, &text);
		}
	status = screen_write(&text) == SCREEN_FAILED ? STATUS_TROUBLE : STATUS_FINE;
	buffer_free(&text);
	return status;
}
