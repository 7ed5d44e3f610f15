/*
 * queue.c - a bounded queue of lines, with a thread that hands them out in order.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
