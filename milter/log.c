/*
 * log.c - where the daemon's lines go: a file, syslog or standard error.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "milter/sink.h"

/* What one syslog message holds for sure; a longer record is written shorter. */
#define SYSLOG_LINE_MAX 8000

/* A line of the daemon's own, and what is kept of it for how many were held back. */
#define MESSAGE_SIZE 2048
#define HELD_SIZE 64

struct log {
	struct sink sink;		/* /dev/log is the queue's thread's, once that runs */
	enum journal_format format;
	bool foreground;
	struct queue *queue;		/* NULL: lines are written at once */
	atomic_bool failing;
	atomic_ulong lost;
	atomic_ulong said;		/* how many of them were told */
};

static const int level_priorities[] = {
	[SEVERITY_INFO] = LOG_INFO, [SEVERITY_WARNING] = LOG_WARNING,
	[SEVERITY_ERROR] = LOG_ERR,
};

int64_t
log_time_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct log *
log_open(const struct settings *settings, bool foreground)
{
	struct log *log = calloc(1, sizeof(*log));
	int saved;

	if (log == NULL)
		return NULL;
	log->format = settings->log_format;
	log->foreground = foreground;
	if (sink_open(&log->sink, settings))
		return log;
	saved = errno;
	free(log);
	errno = saved;
	return NULL;
}

bool
log_is_heard(struct log *log)
{
	bool heard = sink_is_heard(&log->sink);

	atomic_store(&log->failing, !heard);
	return heard;
}

/* The log itself does not work: say so where somebody may see it, once. */
static void
say_failing(struct log *log, int error)
{
	bool file = log->sink.kind == SETTINGS_LOG_FILE;
	struct sink other = { .kind = log->foreground ? SETTINGS_LOG_STDERR :
	    SETTINGS_LOG_SYSLOG, .facility = log->sink.facility, .fd = -1 };
	char text[256];
	int length;

	if (atomic_exchange(&log->failing, true) ||
	    log->sink.kind == SETTINGS_LOG_STDERR || (!log->foreground && !file))
		return;
	length = snprintf(text, sizeof(text),
	    "tlsward-milter: cannot write to the log %s: %s\n",
	    file ? log->sink.path : "(syslog)", strerror(error));
	if (length < 0 || (size_t)length >= sizeof(text))
		return;
	(void)sink_write(&other, LOG_ERR, text, (size_t)length, 0);
	sink_close(&other);
}

/* The line for a message of the daemon, with its newline. */
static void
format_message(const struct log *log, enum severity level, const char *text,
    struct buffer *line)
{
	journal_message_write(log_time_ms(), level, text, log->format, 0, line);
	buffer_add(line, "\n", 1);
}

/* Lines flow (again): tell how many did not. */
static void
say_lost(struct log *log)
{
	unsigned long lost = atomic_load(&log->lost);
	unsigned long said = atomic_load(&log->said);
	struct buffer line = BUFFER_INIT;
	char text[64];

	atomic_store(&log->failing, false);
	if (lost == said || !atomic_compare_exchange_strong(&log->said, &said, lost))
		return;
	(void)snprintf(text, sizeof(text), "%lu log lines were lost", lost - said);
	format_message(log, SEVERITY_WARNING, text, &line);
	if (line.failed || !sink_write(&log->sink, LOG_WARNING, line.text,
	    line.length, 0))
		atomic_store(&log->said, said);
	buffer_free(&line);
}

static void
deliver(struct log *log, int priority, const char *line, size_t length,
    int milliseconds)
{
	if (!sink_write(&log->sink, priority, line, length, milliseconds)) {
		atomic_fetch_add(&log->lost, 1);
		say_failing(log, errno);
	} else if (atomic_load_explicit(&log->lost, memory_order_relaxed) !=
	    atomic_load_explicit(&log->said, memory_order_relaxed)) {
		say_lost(log);
	}
}

static void
deliver_queued(void *context, int priority, const char *line, size_t length)
{
	deliver(context, priority, line, length, -1);
}

static void
put_line(struct log *log, int priority, const char *line, size_t length)
{
	if (log->queue == NULL)
		deliver(log, priority, line, length, 0);
	else if (!queue_put(log->queue, priority, line, length))
		atomic_fetch_add(&log->lost, 1);
}

int
log_start(struct log *log)
{
	if (log->sink.kind == SETTINGS_LOG_FILE)
		return 0;
	log->queue = queue_new(deliver_queued, log);
	return log->queue != NULL ? 0 : -1;
}

/*
 * A thread that is stuck keeps its queue and the log, which then are not freed.
 */
void
log_stop(struct log *log, int milliseconds)
{
	struct queue *queue = log->queue;

	if (queue != NULL && queue_stop(&queue, milliseconds))
		log->queue = NULL;
}

void
log_free(struct log **log)
{
	if (*log == NULL)
		return;
	sink_close(&(*log)->sink);
	free(*log);
	*log = NULL;
}

void
log_reopen(struct log *log)
{
	if (!sink_reopen(&log->sink))
		log_message(log, SEVERITY_ERROR,
		    "cannot open the log %s anew, the old file goes on: %s",
		    log->sink.path, strerror(errno));
}

void
log_leave_stderr(const struct log *log)
{
	int null = log->foreground ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1)
		return;
	(void)dup2(null, STDERR_FILENO);
	(void)close(null);
}

void
log_record(struct log *log, const struct journal_record *record)
{
	static const size_t limits[] = { 0, 512, 64 };
	struct buffer line = BUFFER_INIT;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		buffer_clear(&line);
		journal_record_write(record, log->format, limits[i], &line);
		buffer_add(&line, "\n", 1);
		if (log->sink.kind != SETTINGS_LOG_SYSLOG || line.length <= SYSLOG_LINE_MAX)
			break;
	}
	if (line.failed)
		atomic_fetch_add(&log->lost, 1);
	else
		put_line(log, LOG_INFO, line.text, line.length);
	buffer_free(&line);
}

static void
put_message(struct log *log, enum severity severity, const char *text)
{
	struct buffer line = BUFFER_INIT;

	if (log == NULL) {
		(void)fprintf(stderr, "tlsward-milter: %s\n", text);
		return;
	}
	format_message(log, severity, text, &line);
	if (line.failed)
		atomic_fetch_add(&log->lost, 1);
	else
		put_line(log, level_priorities[severity], line.text, line.length);
	buffer_free(&line);
}

void
log_message(struct log *log, enum severity severity, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put_message(log, severity, text);
}

void
log_limited(struct log *log, struct limiter *limiter, enum severity severity,
    const char *format, ...)
{
	char text[MESSAGE_SIZE];
	unsigned long held = 0;
	va_list arguments;
	size_t length;

	if (!limiter_allows(limiter, log_time_ms(), &held))
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text) - HELD_SIZE, format, arguments);
	va_end(arguments);
	length = strlen(text);
	(void)snprintf(text + length, sizeof(text) - length,
	    " (%lu more since the last such line)", held);
	put_message(log, severity, text);
}

unsigned long
log_lost(const struct log *log)
{
	return atomic_load(&log->lost);
}
