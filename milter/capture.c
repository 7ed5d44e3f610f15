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

#include "base/diag.h"

/* The numbers of RFC 5424, section 6.2.1. */
enum { PRIORITY_MASK = 7, PRIORITY_ERROR = 3, PRIORITY_WARNING = 4 };

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
	int severity = priority & PRIORITY_MASK;
	char text[1024];

	(void)vsnprintf(text, sizeof(text), format, arguments);
	log_message(target, severity <= PRIORITY_ERROR ? SEVERITY_ERROR :
	    severity == PRIORITY_WARNING ? SEVERITY_WARNING : SEVERITY_INFO,
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
