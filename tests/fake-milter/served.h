/*
 * served.h - a server of milter/service_listener.h in a thread, for tests.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TESTS_SERVED_H
#define TLSWARD_TESTS_SERVED_H

#include <pthread.h>
#include <stdbool.h>

#include "milter/service_listener.h"

struct served {
	struct service service;
	struct settings *settings;
	struct service_listener *listener;
	pthread_t thread;
	char path[64];
};

/* For all tests of a program: false where it cannot be made. */
bool served_make_folder(void);
void served_remove_folder(void);

/* A policy of that text; the caller frees it. */
struct policy *served_policy(const char *text);

/* All that a server works with; and its end, when nobody holds the policy any more. */
void served_prepare(struct served *served, const char *policy);
void served_release(struct served *served);

/* The same with a server; it is to be run; or that runs. */
void served_listen(struct served *served, const char *policy,
    const struct service_protocol *protocol, const struct service_limits *limits);
void served_run(struct served *served);
void served_begin(struct served *served, const char *policy,
    const struct service_protocol *protocol, const struct service_limits *limits);
void served_end(struct served *served);

/* A client. Reading waits; its end closes it. */
int served_dial(const struct served *served);
void served_say(int fd, const char *text);
void served_expect_end(int fd);

#endif
