/*
 * tls_policy_next.h - asks the service for DANE and MTA-STS behind the policy.
 *
 * A client of socketmaps (see socketmap_table(5)), for the loop of a server: nothing here
 * blocks, and whatever goes wrong ends in a TEMP, in time. That service answers one
 * question at a time on a connection, so that there are several, which are kept; what one
 * that was kept and is closed was asked is asked once more on a new one.
 *
 * Of one thread, with times of one clock in milliseconds.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_TLS_POLICY_NEXT_H
#define TLSWARD_MILTER_TLS_POLICY_NEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "milter/log.h"

/* The longest key that is asked for. */
#define TLS_POLICY_NEXT_KEY_MAX 1024

/* Limits; tests set smaller ones. */
struct tls_policy_next_limits {
	size_t connections;
	size_t waiting;		/* questions that there is no connection for */
	size_t answer_max;	/* bytes; Postfix takes 100,000 */
	int64_t connect_ms;
	int64_t answer_ms;	/* from the question to its answer, whatever it waits for */
	int64_t idle_ms;	/* that a connection is kept */
};

extern const struct tls_policy_next_limits tls_policy_next_limits;

struct tls_policy_next;

/*
 * A client that asks the map named "map" at an address. What happens on its connections
 * comes out of "epoll" with this bit set in data.u64. The map's name is copied; the
 * limits must outlive it; "log" (NULL: standard error) hears of trouble now and then.
 * Nothing is connected yet. NULL: memory is short.
 */
#define TLS_POLICY_NEXT_EVENT (UINT64_C(1) << 63)
struct tls_policy_next *tls_policy_next_new(const struct sockaddr *address,
    socklen_t length, const char *map, int epoll,
    const struct tls_policy_next_limits *limits, struct log *log);

/*
 * Gets the answer to the question with that token: what the service replied, without any
 * NUL, or a TEMP that says why there is none. May ask and forget.
 */
typedef void tls_policy_next_taker(void *context, uint64_t token, const char *reply,
    size_t length);

/*
 * Asks for a key, as it is; a token has one question under way at the most. False: it
 * cannot be asked, and nobody will be told; that is a TEMP.
 */
bool tls_policy_next_ask(struct tls_policy_next *next, uint64_t token, const char *key,
    int64_t now_ms);

/* Something happened on a connection: "which" is the event's data.u64. */
void tls_policy_next_event(struct tls_policy_next *next, uint64_t which, int64_t now_ms,
    tls_policy_next_taker *taker, void *context);

/* Ends what takes too long: to be called every second or so while somebody waits. */
void tls_policy_next_tick(struct tls_policy_next *next, int64_t now_ms,
    tls_policy_next_taker *taker, void *context);

/* Nobody wants to know any more: the taker is not called for that token. */
void tls_policy_next_forget(struct tls_policy_next *next, uint64_t token);

/* Closes all connections; who waits is not told. NULL-safe; clears the pointer. */
void tls_policy_next_free(struct tls_policy_next **next);

#endif
