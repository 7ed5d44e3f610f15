/*
 * queue.h - a bounded queue of lines, with a thread that hands them out in order.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_QUEUE_H
#define TLSWARD_MILTER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

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
