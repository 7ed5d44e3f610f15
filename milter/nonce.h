/*
 * nonce.h - secrets of one use, by which doctor's own session is known from an MTA's.
 *
 * The control socket gives one to whoever may ask there; the session that shows it, in a
 * macro that no MTA sends, is judged and answered, and nothing is recorded of it.
 * Thread-safe, without a lock.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_NONCE_H
#define TLSWARD_MILTER_NONCE_H

#include <stdatomic.h>
#include <stdbool.h>

/* Of its text: 16 hex digits. */
#define NONCE_SIZE 17

/* How long one is good, and how many are at a time: one more takes the oldest's place. */
#define NONCE_SECONDS 60
#define NONCES_MAX 8

/* All zero is a good start. */
struct nonces {
	struct {
		atomic_ullong value;	/* 0: none */
		atomic_llong until;	/* nanoseconds, as histogram_clock() */
	} list[NONCES_MAX];
	atomic_uint next;		/* whose place is taken next */
	atomic_int open;		/* how many there are */
};

/* Writes a new one. False where the system has no random bytes for it. */
bool nonces_issue(struct nonces *nonces, char text[NONCE_SIZE]);

/* Whether there is any: who never asked for one costs a session no more than this. */
static inline bool
nonces_open(struct nonces *nonces)
{
	return atomic_load_explicit(&nonces->open, memory_order_relaxed) != 0;
}

/* Whether the text (NULL: none) is one that is good; it is used up then. */
bool nonces_take(struct nonces *nonces, const char *text);

#endif
