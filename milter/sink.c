/*
 * sink.c - what takes the log's lines: a file, the system's log, or standard error.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SYSLOG_PATH "/dev/log"

/* An iovec points to what may be written to; writev(2) and sendmsg(2) only read. */
static struct iovec
part_of(const char *text, size_t length)
{
	struct iovec part = { .iov_len = length };

	memcpy(&part.iov_base, &text, sizeof(text));
	return part;
}

/* Whether what the descriptor waits for is there within the time. */
static bool
await_room(int fd, int milliseconds)
{
	struct pollfd waiting = { .fd = fd, .events = POLLOUT };

	return poll(&waiting, 1, milliseconds) != 0;
}

void
sink_close(struct sink *sink)
{
	int saved = errno;

	if (sink->fd != -1)
		(void)close(sink->fd);
	sink->fd = -1;
	errno = saved;
}

/* ------------------------------------------------------------------ *
 * A file
 * ------------------------------------------------------------------ */

static int
sink_open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

static bool
write_file(struct sink *sink, const char *line, size_t length)
{
	struct iovec parts[2] = { part_of("\n", 0), part_of(line, length) };
	ssize_t written;

	if (atomic_exchange(&sink->torn, false))
		parts[0].iov_len = 1;
	do {
		written = writev(sink->fd, parts, 2);
	} while (written == -1 && errno == EINTR);
	if (written == (ssize_t)(parts[0].iov_len + length))
		return true;
	if (written >= 0)
		errno = ENOSPC;
	if (written > (ssize_t)parts[0].iov_len || (written <= 0 && parts[0].iov_len == 1))
		atomic_store(&sink->torn, true);
	return false;
}

/* dup3() puts the new file in the place of the old one. */
static bool
reopen_file(struct sink *sink)
{
	int fd = sink_open_file(sink->path);
	int result, saved;

	if (fd == -1)
		return false;
	result = dup3(fd, sink->fd, O_CLOEXEC);
	saved = errno;
	if (result != -1)
		atomic_store(&sink->torn, false);
	(void)close(fd);
	errno = saved;
	return result != -1;
}

/* ------------------------------------------------------------------ *
 * The system's log
 * ------------------------------------------------------------------ */

static bool
dial_syslog(struct sink *sink, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SYSLOG_PATH };

	sink->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sink->fd == -1)
		return false;
	sink->stream = type == SOCK_STREAM;
	if (connect(sink->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return true;
	sink_close(sink);
	return false;
}

/* As a datagram socket or, where it is one, a stream. */
static bool
reach_syslog(struct sink *sink)
{
	return sink->fd != -1 || dial_syslog(sink, SOCK_DGRAM) ||
	    (errno == EPROTOTYPE && dial_syslog(sink, SOCK_STREAM));
}

/* One attempt. A stream's messages end with a NUL; one sent in part ends with it. */
static bool
send_once(struct sink *sink, const char *header, const char *line, size_t length)
{
	struct iovec parts[3] = { part_of(header, strlen(header)), part_of(line, length),
	    part_of("", 1) };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = sink->stream ? 3 : 2 };
	ssize_t sent = sendmsg(sink->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent == -1 || !sink->stream ||
	    (size_t)sent == parts[0].iov_len + parts[1].iov_len + parts[2].iov_len)
		return sent != -1;
	sink_close(sink);
	errno = EMSGSIZE;
	return false;
}

static void
write_header(int priority, char *header, size_t size)
{
	time_t now = time(NULL);
	struct tm parts;
	char stamp[32];

	if (localtime_r(&now, &parts) == NULL ||
	    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &parts) == 0)
		stamp[0] = '\0';
	(void)snprintf(header, size, "<%d>%s tlsward-milter[%ld]: ", priority, stamp,
	    (long)getpid());
}

/* The newline that ends every line is no part of a syslog message. */
static bool
write_syslog(struct sink *sink, int priority, const char *line, size_t length,
    int milliseconds)
{
	char header[64];
	bool renewed = false;

	if (atomic_exchange(&sink->renew, false))
		sink_close(sink);
	write_header(sink->facility | priority, header, sizeof(header));
	for (;;) {
		if (!reach_syslog(sink))
			return false;
		if (send_once(sink, header, line, length - 1))
			return true;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN) {
			if (await_room(sink->fd, milliseconds))
				continue;
			errno = EAGAIN;
			return false;
		}
		/* The system's log was started anew, most likely. */
		if (renewed || errno == EMSGSIZE)
			return false;
		sink_close(sink);
		renewed = true;
	}
}

/* ------------------------------------------------------------------ *
 * Standard error
 * ------------------------------------------------------------------ */

/* Whole lines only: a write of at most PIPE_BUF to a pipe with room never waits. */
static bool
write_stderr(const char *line, size_t length, int milliseconds)
{
	while (length > 0) {
		size_t part = length < PIPE_BUF ? length : PIPE_BUF;
		ssize_t written;

		if (!await_room(STDERR_FILENO, milliseconds))
			return false;
		written = write(STDERR_FILENO, line, part);
		if (written == -1 && errno != EINTR && errno != EAGAIN)
			return false;
		if (written > 0) {
			line += written;
			length -= (size_t)written;
		}
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * Any of them
 * ------------------------------------------------------------------ */

bool
sink_open(struct sink *sink, const struct settings *settings)
{
	const struct sink closed = { .kind = settings->log, .path = settings->log_path,
	    .facility = settings->syslog_facility, .fd = -1 };

	*sink = closed;
	if (sink->kind != SETTINGS_LOG_FILE)
		return true;
	sink->fd = sink_open_file(sink->path);
	return sink->fd != -1;
}

bool
sink_is_heard(struct sink *sink)
{
	return sink->kind != SETTINGS_LOG_SYSLOG || reach_syslog(sink);
}

bool
sink_reopen(struct sink *sink)
{
	if (sink->kind == SETTINGS_LOG_SYSLOG)
		atomic_store(&sink->renew, true);
	return sink->kind != SETTINGS_LOG_FILE || reopen_file(sink);
}

bool
sink_write(struct sink *sink, int priority, const char *line, size_t length,
    int milliseconds)
{
	if (sink->kind == SETTINGS_LOG_FILE)
		return write_file(sink, line, length);
	if (sink->kind == SETTINGS_LOG_SYSLOG)
		return write_syslog(sink, priority, line, length, milliseconds);
	return write_stderr(line, length, milliseconds);
}

/* ------------------------------------------------------------------ *
 * The queue
 * ------------------------------------------------------------------ */

struct line {
	struct line *next;
	int priority;
	size_t length;
	char text[];
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t ended;
	struct line *first;
	struct line **last;
	size_t lines;
	size_t bytes;
	bool stopping;
	bool finished;
	queue_writer *writer;
	void *context;
};

static struct line *
queue_take(struct queue *queue)
{
	struct line *line;

	while (queue->first == NULL && !queue->stopping)
		(void)pthread_cond_wait(&queue->filled, &queue->lock);
	line = queue->first;
	if (line == NULL)
		return NULL;
	queue->first = line->next;
	if (queue->first == NULL)
		queue->last = &queue->first;
	return line;
}

static void *
queue_run(void *argument)
{
	struct queue *queue = argument;
	struct line *line;

	(void)pthread_mutex_lock(&queue->lock);
	while ((line = queue_take(queue)) != NULL) {
		(void)pthread_mutex_unlock(&queue->lock);
		queue->writer(queue->context, line->priority, line->text,
		    line->length);
		(void)pthread_mutex_lock(&queue->lock);
		/* A line counts until it is written: the bound is on what is kept. */
		queue->lines--;
		queue->bytes -= line->length;
		free(line);
	}
	queue->finished = true;
	(void)pthread_cond_signal(&queue->ended);
	(void)pthread_mutex_unlock(&queue->lock);
	return NULL;
}

static void
queue_free(struct queue *queue)
{
	struct line *line;

	while ((line = queue->first) != NULL) {
		queue->first = line->next;
		free(line);
	}
	(void)pthread_cond_destroy(&queue->ended);
	(void)pthread_cond_destroy(&queue->filled);
	(void)pthread_mutex_destroy(&queue->lock);
	free(queue);
}

struct queue *
queue_new(queue_writer *writer, void *context)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	pthread_condattr_t clock;
	pthread_t thread;
	int error;

	if (queue == NULL)
		return NULL;
	queue->last = &queue->first;
	queue->writer = writer;
	queue->context = context;
	(void)pthread_mutex_init(&queue->lock, NULL);
	(void)pthread_cond_init(&queue->filled, NULL);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&queue->ended, &clock);
	(void)pthread_condattr_destroy(&clock);
	error = pthread_create(&thread, NULL, queue_run, queue);
	if (error == 0) {
		(void)pthread_detach(thread);
		return queue;
	}
	queue_free(queue);
	errno = error;
	return NULL;
}

bool
queue_put(struct queue *queue, int priority, const char *text, size_t length)
{
	struct line *line = malloc(sizeof(*line) + length + 1);
	bool room;

	if (line == NULL)
		return false;
	line->next = NULL;
	line->priority = priority;
	line->length = length;
	memcpy(line->text, text, length);
	line->text[length] = '\0';
	(void)pthread_mutex_lock(&queue->lock);
	room = queue->lines < QUEUE_LINES_MAX &&
	    queue->bytes + length <= QUEUE_BYTES_MAX && !queue->stopping;
	if (room) {
		*queue->last = line;
		queue->last = &line->next;
		queue->lines++;
		queue->bytes += length;
		(void)pthread_cond_signal(&queue->filled);
	}
	(void)pthread_mutex_unlock(&queue->lock);
	if (!room)
		free(line);
	return room;
}

bool
queue_stop(struct queue **queue, int milliseconds)
{
	struct queue *stopped = *queue;
	struct timespec until;
	bool finished;

	if (stopped == NULL)
		return true;
	*queue = NULL;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&stopped->lock);
	stopped->stopping = true;
	(void)pthread_cond_signal(&stopped->filled);
	while (!stopped->finished &&
	    pthread_cond_timedwait(&stopped->ended, &stopped->lock, &until) != ETIMEDOUT)
		continue;
	finished = stopped->finished;
	(void)pthread_mutex_unlock(&stopped->lock);
	if (finished)
		queue_free(stopped);
	return finished;
}
