/*
 * read-maillog.c - what a log tells of handshakes and deliveries, an event a line.
 *
 * read-maillog [EVERY] <LOG: reads standard input; with EVERY, ends after so many lines
 * each time, and begins anew where the reader says that it must.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "review/maillog.h"

#define LINES_MAX 1000000

struct told {
	int64_t place, from;	/* of the line that is read; told before that place */
};

static void
put(const char *text)
{
	printf("\t%s", text != NULL ? text : "-");
}

static bool
print_failure(void *context, const struct maillog_handshake *handshake)
{
	const struct told *told = context;

	if (told->place < told->from)
		return true;
	printf("%s", handshake->outgoing ? "out" : "in");
	put(handshake->name);
	put(handshake->address);
	put(handshake->next_hop);
	put(handshake->why);
	printf("\n");
	return true;
}

static bool
print_delivery(void *context, const struct maillog_delivery *delivery)
{
	const struct told *told = context;
	const char *const texts[] = {
		delivery->queue_id, delivery->to, delivery->relay, delivery->address,
		delivery->tls_version, delivery->cipher, delivery->verification,
		delivery->result, delivery->dsn, delivery->trouble
	};

	if (told->place < told->from)
		return true;
	printf("to");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		put(texts[i]);
	printf("\t%d\n", delivery->bits);
	return true;
}

int
main(int argc, char **argv)
{
	static char *lines[LINES_MAX];
	int64_t every = argc > 1 ? atoll(argv[1]) : LINES_MAX, count = 0, oldest = 0;
	struct told told = { .place = 0, .from = 0 };
	struct maillog_reading reading = {
		.since_ms = INT64_MIN, .until_ms = INT64_MAX, .fail = print_failure,
		.deliver = print_delivery, .context = &told
	};
	struct maillog_clock clock = { .latest = 1800000000 };
	struct maillog_totals totals;
	struct buffer hosts = BUFFER_INIT;
	char error[REVIEW_ERROR_MAX], *line = NULL, *copy;
	size_t room = 0;

	while (count < LINES_MAX && getline(&line, &room, stdin) != -1) {
		line[strcspn(line, "\r\n")] = '\0';
		lines[count++] = strdup(line);
	}
	while (told.from < count) {
		int64_t until = told.from + every < count ? told.from + every : count;
		struct maillog *log = maillog_new(&reading, &totals, error);

		maillog_hosts_read(log, hosts.text != NULL ? hosts.text : "");
		for (told.place = oldest; told.place < until; told.place++) {
			copy = strdup(lines[told.place]);
			if (!maillog_feed(log, copy, &clock, told.place))
				return 1;
			free(copy);
		}
		oldest = maillog_oldest(log) < until ? maillog_oldest(log) : until;
		fprintf(stderr, "read to %lld, needed from %lld\n", (long long)until,
		    (long long)oldest);
		buffer_clear(&hosts);
		maillog_hosts_write(log, &hosts);
		if (until == count && !maillog_settle(log))
			return 1;
		maillog_free(&log);
		told.from = until;
	}
	for (int64_t i = 0; i < count; i++)
		free(lines[i]);
	buffer_free(&hosts);
	free(line);
	return 0;
}
