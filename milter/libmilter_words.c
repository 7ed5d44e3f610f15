/*
 * libmilter_words.c - what libmilter has to say.
 *
 * It speaks through syslog(3) alone. That would block its threads, and with them
 * mail, when the system's log does not read; and "cannot bind" would be seen where
 * nobody who starts a daemon looks. So this program has a syslog() of its own,
 * which stands before the C library's. Whoever may connect can make libmilter speak:
 * a line of a kind comes once a minute.
 *
 * <syslog.h> is not included: with _FORTIFY_SOURCE it defines syslog() itself.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/sockets.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/diag.h"

/* The numbers of RFC 5424, section 6.2.1. */
enum { PRIORITY_MASK = 7, PRIORITY_ERROR = 3, PRIORITY_WARNING = 4 };

/* NULL: standard error. Set before threads start. */
static struct log *words_go_to;

/* What libmilter has to say is of some 80 kinds; its formats are constants. */
#define KINDS 128

static struct {
	const char *_Atomic format;
	struct limiter limiter;
} kinds[KINDS + 1];

void
sockets_hear_libmilter(struct log *log)
{
	words_go_to = log;
}

/* The limiter of a kind of line; those that find no place share the last one. */
static struct limiter *
limiter_of(const char *format)
{
	size_t i;

	for (i = 0; i < KINDS; i++) {
		const char *there = NULL;

		if (atomic_compare_exchange_strong(&kinds[i].format, &there, format) ||
		    there == format)
			break;
	}
	return &kinds[i].limiter;
}

void syslog(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void __syslog_chk(int priority, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void __attribute__((format(printf, 2, 0)))
say_words(int priority, const char *format, va_list arguments)
{
	int level = priority & PRIORITY_MASK;
	enum severity severity = level <= PRIORITY_ERROR ? SEVERITY_ERROR :
	    level == PRIORITY_WARNING ? SEVERITY_WARNING : SEVERITY_INFO;
	char text[1024];

	(void)vsnprintf(text, sizeof(text), format, arguments);
	if (words_go_to != NULL)
		log_limited(words_go_to, limiter_of(format), severity, "libmilter: %s",
		    text);
	else
		log_message(NULL, severity, "libmilter: %s", text);
}

void
syslog(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_words(priority, format, arguments);
	va_end(arguments);
}

void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	va_start(arguments, format);
	say_words(priority, format, arguments);
	va_end(arguments);
}
