/*
 * sink.h - what takes the log's lines: a file, the system's log, or standard error.
 *
 * Before the two that may block stands a bounded queue of lines, with a thread that
 * hands them out in order. syslog(3) blocks, holding a lock, when the system's log
 * does not read. This speaks the same protocol to /dev/log and gives up when told to.
 * A file takes whole lines
 * from many threads without a lock: O_APPEND keeps the lines of several threads, and
 * of several processes, apart. The system's log is for one thread at a time.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SINK_H
#define TLSWARD_MILTER_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "settings/settings.h"

struct sink {
	enum settings_log kind;
	const char *path;		/* of the file: the settings' */
	int facility;			/* of the system's log */
	int fd;				/* -1: not open */
	bool stream;			/* what /dev/log is */
	atomic_bool torn;		/* the file ends in half a line */
	atomic_bool renew;		/* /dev/log is to be connected to anew */
};

/* Opens a file, creating it where there is none. False with errno set. */
bool sink_open(struct sink *sink, const struct settings *settings);

/* Keeps errno. */
void sink_close(struct sink *sink);

/* Whether anybody takes the lines: of the system's log, whether it runs; else errno. */
bool sink_is_heard(struct sink *sink);

/*
 * Opens the file anew under all writers' hands, or has the next line connect anew. False
 * with errno set where that fails: then the old file goes on.
 */
bool sink_reopen(struct sink *sink);

/*
 * Writes one line, its newline included. "priority" is that of syslog(3). Waits at most
 * "milliseconds" (-1: for ever) for a reader that is slow; a file never waits. False
 * with errno set where the line is not there as a whole: the disk is full, for one.
 * Half a line that such a write left in a file is ended by the next one.
 */
bool sink_write(struct sink *sink, int priority, const char *line, size_t length,
    int milliseconds);

/* At most this many lines and bytes wait; what comes then is refused. */
#define QUEUE_LINES_MAX 8192
#define QUEUE_BYTES_MAX (4u << 20)

/* Writes one line. Runs on the queue's thread and may block. */
typedef void queue_writer(void *context, int priority, const char *line,
    size_t length);

struct queue;

/* Returns a queue whose thread is running, or NULL with errno set. */
struct queue *queue_new(queue_writer *writer, void *context);

/* Appends a copy of the line. False: full, or no memory. Any thread; never waits. */
bool queue_put(struct queue *queue, int priority, const char *line, size_t length);

/*
 * Ends the thread once all is written, or after "milliseconds". True: all was
 * written, and *queue is freed. False: the thread is stuck in its writer; it is
 * left behind, with the queue, for the end of the process.
 */
bool queue_stop(struct queue **queue, int milliseconds);

#endif
