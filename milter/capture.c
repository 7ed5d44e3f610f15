/*
 * capture.c - what libmilter has to say, in the daemon's own log.
 *
 * <syslog.h> is not included: with _FORTIFY_SOURCE it defines syslog() itself.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/capture.h"

#include <stdarg.h>
#include <stdio.h>

/* The numbers of RFC 5424, section 6.2.1. */
enum { SEVERITY_MASK = 7, SEVERITY_ERROR = 3, SEVERITY_WARNING = 4 };

static struct log *target;

void syslog(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void __syslog_chk(int priority, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void
capture_syslog(struct log *log)
{
	target = log;
}

static void __attribute__((format(printf, 2, 0)))
capture(int priority, const char *format, va_list arguments)
{
	int severity = priority & SEVERITY_MASK;
	char text[1024];

	(void)vsnprintf(text, sizeof(text), format, arguments);
	log_message(target, severity <= SEVERITY_ERROR ? LEVEL_ERROR :
	    severity == SEVERITY_WARNING ? LEVEL_WARNING : LEVEL_INFO,
	    "libmilter: %s", text);
}

void
syslog(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	capture(priority, format, arguments);
	va_end(arguments);
}

void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	va_start(arguments, format);
	capture(priority, format, arguments);
	va_end(arguments);
}
