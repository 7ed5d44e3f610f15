/*
 * doctor_pf_say.c - points of one instance of Postfix, and the lines that they change.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r"

/* A walk over the lines of a file. */
struct lines {
	const char *at;
	unsigned number;
	const char *start;	/* of this line */
	size_t length;
};

static bool
next_text_line(struct lines *lines)
{
	if (lines->at == NULL || *lines->at == '\0')
		return false;
	lines->start = lines->at;
	lines->length = strcspn(lines->at, "\n");
	lines->at += lines->length + (lines->at[lines->length] == '\n');
	lines->number++;
	return true;
}

/* Whether the text begins with that parameter and an equals sign. */
static bool
sets(const char *text, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(text, name, length) != 0)
		return false;
	text += length;
	return text[strspn(text, BLANKS)] == '=';
}

/* Where main.cf sets it, the last line counting; 0: nowhere. */
static unsigned
line_in_main(const struct pf *pf, const char *name)
{
	struct lines lines = { .at = pf->main.text };
	unsigned found = 0;

	while (next_text_line(&lines))
		if (sets(lines.start, name))
			found = lines.number;
	return found;
}

/* Whether this line begins the service. */
static bool
begins_service(const struct lines *lines, const struct pf_service *service)
{
	const char *rest = lines->start;
	char name[256], type[64];

	return strchr("# \t\r\n", rest[0]) == NULL && pf_word(&rest, name, sizeof(name)) &&
	    pf_word(&rest, type, sizeof(type)) && strcmp(name, service->name) == 0 &&
	    strcmp(type, service->type) == 0;
}

/* Whether it has -o NAME=, or -o { NAME = }. */
static bool
has_option(const struct lines *lines, const char *name)
{
	const char *end = lines->start + lines->length;

	for (const char *at = lines->start; at + 2 < end; at++)
		if (strncmp(at, "-o", 2) == 0 && (at == lines->start ||
		    strchr(BLANKS, at[-1]) != NULL) &&
		    sets(at + 2 + strspn(at + 2, BLANKS "{"), name))
			return true;
	return false;
}

/*
 * Where the service begins and, in *option, where it sets the parameter (0: nowhere). 0
 * where it is not found.
 */
static unsigned
line_in_master(const struct pf *pf, const struct pf_service *service, const char *name,
    unsigned *option)
{
	struct lines lines = { .at = pf->master.text };
	unsigned found = 0;
	bool within = false;

	*option = 0;
	while (next_text_line(&lines)) {
		char first = lines.start[strspn(lines.start, BLANKS)];

		if (first == '\n' || first == '\0' || first == '#')
			continue;
		if (strchr(BLANKS, lines.start[0]) == NULL) {
			within = begins_service(&lines, service);
			found = within ? lines.number : found;
		}
		if (within && has_option(&lines, name))
			*option = lines.number;
	}
	return found;
}

/* "submission inet: ", with its folder before it where there are several. */
static void
add_whose(const struct pf *pf, const struct pf_service *service, struct buffer *text)
{
	if (pf->several)
		buffer_format(text, "%s: ", pf->folder);
	if (service != NULL)
		buffer_format(text, "service %s %s: ", service->name, service->type);
}

static void add_formatted(struct buffer *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void
add_formatted(struct buffer *text, const char *format, va_list arguments)
{
	char *part = NULL;

	if (vasprintf(&part, format, arguments) == -1) {
		text->failed = true;
		return;
	}
	buffer_string(text, part);
	free(part);
}

void
pf_say(const struct pf *pf, const struct pf_service *service, enum doctor_level level,
    const char *id, const char *format, ...)
{
	struct buffer text = BUFFER_INIT;
	va_list arguments;

	add_whose(pf, service, &text);
	va_start(arguments, format);
	add_formatted(&text, format, arguments);
	va_end(arguments);
	if (text.failed)
		pf->doctor->failed = true;
	else
		doctor_say(pf->doctor, level, id, "%s", text.text);
	buffer_free(&text);
}

/* Of a service's: "-o NAME=VALUE", in braces where it has blanks. */
static void
fix_in_master(const struct pf *pf, const struct pf_service *service, const char *name,
    const char *value)
{
	unsigned option, line = line_in_master(pf, service, name, &option);
	bool braces = strpbrk(value, " \t") != NULL;

	doctor_fix(pf->doctor, option > 0 ? "%s:%u: -o %s%s%s%s%s" :
	    "%s:%u: add below this line: -o %s%s%s%s%s", pf->master_path,
	    option > 0 ? option : line, braces ? "{ " : "", name, braces ? " = " : "=", value,
	    braces ? " }" : "");
}

void
pf_fix(const struct pf *pf, const struct pf_service *service, const char *name,
    const char *format, ...)
{
	struct buffer value = BUFFER_INIT;
	va_list arguments;
	unsigned line;

	buffer_string(&value, "");
	va_start(arguments, format);
	add_formatted(&value, format, arguments);
	va_end(arguments);
	if (value.failed)
		pf->doctor->failed = true;
	else if (service != NULL)
		fix_in_master(pf, service, name, value.text);
	else if ((line = line_in_main(pf, name)) > 0)
		doctor_fix(pf->doctor, "%s:%u: %s =%s%s", pf->main_path, line, name,
		    value.text[0] != '\0' ? " " : "", value.text);
	else
		doctor_fix(pf->doctor, "%s: add %s =%s%s", pf->main_path, name,
		    value.text[0] != '\0' ? " " : "", value.text);
	buffer_free(&value);
}
