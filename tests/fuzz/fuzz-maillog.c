/*
 * fuzz-maillog.c - any text as a mail server's log.
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
	"Nov 20 10:00:00 2026 mx mail.info ",		/* busybox, with a year */
	"2026-11-20 10:00:00,123 mx ",
	"mail-1  | Nov 20 10:00:00 mx ",		/* docker compose */
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

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

/* Appends that a handshake failed. */
static bool
fail(void *context, const struct maillog_handshake *handshake)
{
	check(memchr(handshake->why, '\0', sizeof(handshake->why)) != NULL);
	buffer_format(context, " failed %s %s %s %s\n", handshake->name,
	    handshake->address, handshake->next_hop, handshake->why);
	return true;
}

/* Appends a delivery. */
static bool
deliver(void *context, const struct maillog_delivery *delivery)
{
	check(delivery->to != NULL && delivery->result != NULL);
	check(delivery->tls_version == NULL || strcmp(delivery->tls_version, "none") != 0 ||
	    delivery->cipher == NULL);
	buffer_format(context, " to %s %s %s %s\n", delivery->to, delivery->result,
	    delivery->tls_version != NULL ? delivery->tls_version : "",
	    delivery->verification != NULL ? delivery->verification : "");
	return true;
}

/* Reads a log, and appends what it tells of. */
static void
read_log(const char *text, size_t length, struct buffer *events)
{
	const struct maillog_reading reading = {
		.since_ms = INT64_MIN, .until_ms = INT64_MAX, .take = take, .fail = fail,
		.deliver = deliver, .context = events
	};
	struct maillog_clock clock = { .latest = 1800000000 };
	struct maillog_totals totals;
	char error[REVIEW_ERROR_MAX], *input = malloc(length + 1), *line = input, *end;
	struct maillog *log = maillog_new(&reading, &totals, error);
	struct buffer hosts = BUFFER_INIT;
	int64_t place = 0;

	check(input != NULL && log != NULL);
	memcpy(input, text, length);
	input[length] = '\0';
	for (; line != NULL; line = end) {
		if ((end = strchr(line, '\n')) != NULL)
			*end++ = '\0';
		check(maillog_feed(log, line, &clock, ++place));
		check(maillog_oldest(log) > 0);
	}
	check(maillog_settle(log));
	maillog_hosts_write(log, &hosts);
	maillog_hosts_read(log, hosts.text != NULL ? hosts.text : "");
	check(maillog_end(log) && maillog_oldest(log) == INT64_MAX);
	maillog_free(&log);
	buffer_free(&hosts);
	free(input);
	check(!events->failed);
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
