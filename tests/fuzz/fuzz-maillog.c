/*
 * fuzz-maillog.c - any text as a Postfix log.
 *
 * An input whose first byte is a "+" is what Postfix logs alone, from the program's name
 * on, a line each: in all forms that logs have it is the same mail.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include "review/maillog.h"

/* What a line begins with in each form. */
static const char *const forms[] = {
	"Nov 20 10:00:00 mx ",				/* syslog; journalctl's own */
	"2026-11-20T10:00:00+00:00 mx ",		/* RFC 3339; -o short-iso */
	"2026-11-20T10:00:00.123456Z mx ",
	"<22>Nov 20 10:00:00 mx ",			/* a raw syslog */
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

static char *input;

/* In the place of the files: the lines of "input". */
bool
maillog_files_read(const char *const *paths, int count, maillog_line_taker *take,
    void *context, char error[REVIEW_ERROR_MAX])
{
	char *line = input, *end;

	(void)paths;
	(void)count;
	(void)error;
	while (line != NULL) {
		if ((end = strchr(line, '\n')) != NULL)
			*end++ = '\0';
		if (!take(context, line, 1800000000))
			return false;
		line = end;
	}
	return true;
}

/* Notes all that is known of the message. */
static bool
take(void *context, const struct facts *facts, int64_t time_ms)
{
	const char *name;

	check(facts->from != NULL && (facts->tls_version != NULL || !facts->local));
	check(facts->to == NULL);
	(void)time_ms;
	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++) {
		buffer_format(context, " %s=", name);
		(void)journal_fact_text(facts, name, context);
	}
	buffer_add(context, "\n", 1);
	return true;
}

/* Reads a log, and appends the messages that it tells of. */
static void
read_log(const char *text, size_t length, struct buffer *messages)
{
	static const char *const paths[] = { "-" };
	const struct maillog_reading reading = {
		.paths = paths, .count = 1, .since_ms = INT64_MIN, .until_ms = INT64_MAX,
		.take = take, .context = messages
	};
	struct maillog_totals totals;
	char error[REVIEW_ERROR_MAX];

	input = malloc(length + 1);
	check(input != NULL);
	memcpy(input, text, length);
	input[length] = '\0';
	(void)maillog_read(&reading, &totals, error);
	free(input);
	check(!messages->failed);
}

/* The same lines with what a form has before each. */
static void
make_log(struct fuzz_input lines, const char *form, struct buffer *log)
{
	char line[4096];

	while (fuzz_line(&lines, line, sizeof(line)))
		buffer_format(log, "%s%s\n", form, line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer messages[FORMS] = { BUFFER_INIT }, log = BUFFER_INIT;
	bool bare = size > 0 && data[0] == '+';

	for (size_t form = 0; form < FORMS && bare; form++) {
		make_log((struct fuzz_input){ data + 1, size - 1 }, forms[form], &log);
		buffer_string(&messages[form], "");
		read_log(log.length > 0 ? log.text : "", log.length, &messages[form]);
		check(strcmp(messages[form].text, messages[0].text) == 0);
		buffer_clear(&log);
	}
	if (!bare && size > 0)
		read_log((const char *)data, size, &messages[0]);
	for (size_t form = 0; form < FORMS; form++)
		buffer_free(&messages[form]);
	buffer_free(&log);
	return 0;
}
