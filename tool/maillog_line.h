/*
 * maillog_line.h - one line of a Postfix log in its parts.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MAILLOG_LINE_H
#define TLSWARD_MAILLOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* All point into the line, which is cut up. */
struct maillog_line {
	int64_t time_ms;	/* 0: not understood */
	char *host;
	char *instance;		/* "postfix", of "postfix/submission/smtpd" */
	char *program;		/* "smtpd" */
	char *pid;
	char *queue_id;		/* "": the text has none */
	char *text;		/* without the queue id */
};

/*
 * Takes a line without its newline apart. False where it is none of Postfix. A time
 * without a year (syslog's) is local, and the last such time that is not after
 * "latest"; others are RFC 3339.
 */
bool maillog_line_read(char *line, time_t latest, struct maillog_line *parts);

/* "name[address]" or "name[address]:port" at "text", cut up in place. */
struct maillog_client {
	char *name;		/* NULL: "unknown" */
	char *address;
	char *rest;		/* what follows */
};
bool maillog_client_read(char *text, struct maillog_client *client);

/*
 * The value of "name" in "text" up to "end" behind it, cut off in place ("from=<",
 * ">, "); NULL where there is none.
 */
char *maillog_value(char *text, const char *name, const char *end);

#endif
