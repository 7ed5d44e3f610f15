/*
 * snapshot.c - the policy in force, and those that older messages still use.
 *
 * The count is only ever touched under the lock, also when it goes up: between
 * reading the pointer and raising the count the policy could be gone.
 *
 * The last user of an old policy does not free it: a large one takes its time, which
 * is a message's.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/snapshot.h"

#include <pthread.h>
#include <stdlib.h>		/* defines __GLIBC__ where it is that library */
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Larger blocks are mapped on their own. In bytes. */
#define MAPPED_FROM (128 * 1024)

/*
 * The GNU C library raises the size from which on a block is mapped on its own each
 * time that such a block is freed: a second policy would then lie in the heap, and
 * what comes to lie behind it would keep all of it. Others need no such care.
 */
void
snapshots_prepare_memory(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
	(void)mallopt(M_TRIM_THRESHOLD, MAPPED_FROM);
#endif
}

void
snapshots_return_memory(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

struct snapshots {
	pthread_mutex_t lock;
	struct snapshot *current;
	struct snapshot *retired;	/* a list of those that nobody uses */
	unsigned old;			/* how many there are beside the current one */
};

struct snapshot *
snapshot_prepare(struct policy **policy)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (snapshot == NULL)
		return NULL;
	snapshot->policy = *policy;
	snapshot->references = 1;
	policy_summarize(snapshot->policy, &snapshot->summary);
	*policy = NULL;
	return snapshot;
}

static void
snapshot_free(struct snapshot *snapshot)
{
	policy_free(&snapshot->policy);
	free(snapshot);
}

void
snapshot_give_up(struct snapshot **prepared)
{
	if (*prepared != NULL)
		snapshot_free(*prepared);
	*prepared = NULL;
}

struct snapshots *
snapshots_new(struct policy **policy)
{
	struct snapshots *snapshots = calloc(1, sizeof(*snapshots));

	if (snapshots == NULL)
		return NULL;
	snapshots->current = snapshot_prepare(policy);
	if (snapshots->current == NULL) {
		free(snapshots);
		return NULL;
	}
	(void)pthread_mutex_init(&snapshots->lock, NULL);
	return snapshots;
}

void
snapshots_free(struct snapshots **snapshots)
{
	if (*snapshots == NULL)
		return;
	(void)snapshots_collect(*snapshots);
	snapshot_free((*snapshots)->current);
	(void)pthread_mutex_destroy(&(*snapshots)->lock);
	free(*snapshots);
	*snapshots = NULL;
}

struct snapshot *
snapshots_acquire(struct snapshots *snapshots)
{
	struct snapshot *snapshot;

	(void)pthread_mutex_lock(&snapshots->lock);
	snapshot = snapshots->current;
	snapshot->references++;
	(void)pthread_mutex_unlock(&snapshots->lock);
	return snapshot;
}

void
snapshots_release(struct snapshots *snapshots, struct snapshot **snapshot)
{
	struct snapshot *given = *snapshot;

	if (given == NULL)
		return;
	*snapshot = NULL;
	(void)pthread_mutex_lock(&snapshots->lock);
	if (--given->references == 0) {
		given->next = snapshots->retired;
		snapshots->retired = given;
	}
	(void)pthread_mutex_unlock(&snapshots->lock);
}

bool
snapshots_collect(struct snapshots *snapshots)
{
	struct snapshot *retired, *next;
	bool more, any;

	(void)pthread_mutex_lock(&snapshots->lock);
	retired = snapshots->retired;
	snapshots->retired = NULL;
	for (next = retired; next != NULL; next = next->next)
		snapshots->old--;
	more = snapshots->old > 0;
	any = retired != NULL;
	(void)pthread_mutex_unlock(&snapshots->lock);
	for (; retired != NULL; retired = next) {
		next = retired->next;
		snapshot_free(retired);
	}
	if (any)
		snapshots_return_memory();
	return more;
}

void
snapshots_install(struct snapshots *snapshots, struct snapshot **prepared)
{
	struct snapshot *old;

	(void)pthread_mutex_lock(&snapshots->lock);
	old = snapshots->current;
	snapshots->current = *prepared;
	snapshots->old++;
	(void)pthread_mutex_unlock(&snapshots->lock);
	*prepared = NULL;
	snapshots_release(snapshots, &old);
}

int
snapshots_replace(struct snapshots *snapshots, struct policy **policy)
{
	struct snapshot *fresh = snapshot_prepare(policy);

	if (fresh == NULL)
		return -1;
	snapshots_install(snapshots, &fresh);
	return 0;
}

unsigned
snapshots_references(struct snapshots *snapshots)
{
	unsigned references;

	(void)pthread_mutex_lock(&snapshots->lock);
	references = snapshots->current->references;
	(void)pthread_mutex_unlock(&snapshots->lock);
	return references;
}
