/*
 * descriptors.h - how many connections there is room for.
 *
 * A connection is an open file, and there is a limit of them (RLIMIT_NOFILE). Some are
 * kept for what must go on whoever connects: a reload, the log, the journal, /healthz.
 * So connections are taken as long as that many are left; those that are not wait to
 * be accepted. Any thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_DESCRIPTORS_H
#define TLSWARD_MILTER_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/* A limit below this is told at the start: an MTA may well have more processes. */
#define DESCRIPTORS_LOW 1024

/* How long those wait who were refused one: trying again at once would be for nothing. */
#define DESCRIPTORS_PAUSE_MS 200

#define DESCRIPTORS_SHORT "no more files may be opened (the limit is %zu): connections" \
    " have to wait; raise it (LimitNOFILE=, ulimit -n)"

/* Raises the limit as far as is of use and allowed. */
void descriptors_raise(void);

/* No more are of use: an MTA has fewer processes. */
#define DESCRIPTORS_MAX 65536

size_t descriptors_limit(void);

/* How many are left for others where the reserve and "aside" more are kept; maybe 0. */
size_t descriptors_room(size_t aside);

/* How many connections the policy service has at most: a quarter of the limit. */
size_t descriptors_share(void);

/* Whether an error of accept(2) says that files or memory are short. */
bool descriptors_short(int error);

/*
 * Whether one more connection can be taken, so that the reserve is left and "aside"
 * more. "fd" is any open file. Another thread may take what is left meanwhile: the
 * reserve is larger than there are such threads.
 */
bool descriptors_left(int fd, size_t aside);

#endif
