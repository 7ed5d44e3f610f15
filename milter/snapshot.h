/*
 * snapshot.h - the policy in force, and those that older messages still use.
 *
 * A message pins the snapshot that was in force at its MAIL command and gives it
 * back at its end, so that one message is judged by one policy. A reload puts a
 * new snapshot in place; the old one can be collected when its last user is done.
 * All functions are safe to call from any thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SNAPSHOT_H
#define TLSWARD_MILTER_SNAPSHOT_H

#include "policy/policy.h"

/* One loaded policy. Read-only but for its count, which the holder owns. */
struct snapshot {
	struct policy *policy;
	struct policy_summary summary;
	unsigned references;		/* under the lock of struct snapshots */
	struct snapshot *next;		/* likewise, in its list */
};

struct snapshots;

/*
 * Takes *policy over (and clears the pointer) as the policy in force. NULL when
 * memory is short: then *policy is still the caller's.
 */
struct snapshots *snapshots_new(struct policy **policy);

/* Frees *snapshots and clears the pointer. Nothing may be pinned any more. */
void snapshots_free(struct snapshots **snapshots);

/* Pins the snapshot in force. Never NULL. */
struct snapshot *snapshots_acquire(struct snapshots *snapshots);

/* Gives a pinned snapshot back and clears the pointer. NULL-safe. */
void snapshots_release(struct snapshots *snapshots, struct snapshot **snapshot);

/*
 * Takes *policy over (and clears the pointer) as one that can be put in force without
 * failing, or be given up. NULL when memory is short: then *policy is the caller's.
 */
struct snapshot *snapshot_prepare(struct policy **policy);

/* Frees one that was prepared and not put in force, and clears the pointer. NULL-safe. */
void snapshot_give_up(struct snapshot **prepared);

/* Puts what was prepared in force, takes it over and clears the pointer. */
void snapshots_install(struct snapshots *snapshots, struct snapshot **prepared);

/*
 * Puts *policy in force, takes it over and clears the pointer. Returns 0, or -1
 * when memory is short: then nothing has changed and *policy is the caller's.
 */
int snapshots_replace(struct snapshots *snapshots, struct policy **policy);

/*
 * Frees the old policies that nobody uses any more. Returns whether there are others
 * that somebody does. For the thread that loads policies.
 */
bool snapshots_collect(struct snapshots *snapshots);

/* How many hold the snapshot in force: 1 where no message does. For tests. */
unsigned snapshots_references(struct snapshots *snapshots);

/*
 * Has the C library take large blocks from the system one by one, however often some
 * were freed, so that an old policy's memory goes back to it at once. To be called
 * before the first policy is loaded.
 */
void snapshots_prepare_memory(void);

/* Gives memory that is free back to the system: after a policy was freed. */
void snapshots_return_memory(void);

#endif
