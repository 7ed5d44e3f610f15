/*
 * control.h - the control socket: the daemon is asked how it is, and told to reload.
 *
 * A request is a line, {"command":"status"}, "reload" or "nonce", and so is its answer, a
 * JSON object; {"error":"..."} says what is wrong, and what to do. One thread serves all
 * who ask, one request of each at a time. What they can cost is bounded: so many at a time
 * (of more, who has asked nothing for the longest time has to go), so long a line, so long
 * a wait. Nothing of it is on the way of mail.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_CONTROL_H
#define TLSWARD_MILTER_CONTROL_H

#include <stdbool.h>
#include <sys/types.h>

struct buffer;
struct ucred;

#define CONTROL_CLIENTS 16
#define CONTROL_LINE_MAX 1024

/* Who answers, on the thread of control_run(). The answers have no end of line. */
struct control_service {
	/* Append the answer; false where it cannot be had: memory was short. */
	bool (*status)(void *context, struct buffer *answer);
	bool (*nonce)(void *context, struct buffer *answer);
	/* Has a reload begin, for that client; false: it cannot be asked for now. */
	bool (*reload)(void *context, const struct ucred *client);
	void *context;
	/* Who may ask, beside root. */
	uid_t user;
	gid_t group;
	/* So long may a request take to come, an answer to be taken, a reload. */
	int client_ms, reload_ms;
};

struct control;

/*
 * Serves "fd", which listens, is non-blocking and stays the caller's; "service" is copied.
 * NULL with errno set where that cannot be.
 */
struct control *control_new(int fd, const struct control_service *service);

/* Serves until it is to stop: for a thread, whose argument it is. */
void *control_run(void *control);

/*
 * A reload begins: whoever asked for one before is answered by it. It has ended, and that
 * is the answer (NULL: memory was short). Any thread; NULL-safe.
 */
void control_reload_begins(struct control *control);
void control_reload_ended(struct control *control, const char *answer);

/*
 * Ends the thread: who waits is told that the daemon ends. False where it has not ended
 * within "milliseconds", and is left behind for the end of the process. NULL-safe. A thread
 * must run.
 */
bool control_stop(struct control *control, int milliseconds);

/* Frees what has stopped, or was never run, and clears the pointer. NULL-safe. */
void control_free(struct control **control);

#endif
