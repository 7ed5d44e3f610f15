/*
 * descriptors.c - how many connections there is room for.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "milter/metrics.h"

/* One in so many, of a low limit: the policy service's, and what is kept. */
#define SHARE 4

/* All clients of the metrics, and what a reload opens at a time. */
#define RESERVE (METRICS_HTTP_CLIENTS + 32)

void
descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS_MAX)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

size_t
descriptors_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > DESCRIPTORS_MAX)
		return DESCRIPTORS_MAX;
	return (size_t)limit.rlim_cur;
}

size_t
descriptors_share(void)
{
	size_t share = descriptors_limit() / SHARE;

	return share > 0 ? share : 1;
}

bool
descriptors_short(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

size_t
descriptors_room(size_t aside)
{
	size_t limit = descriptors_limit();
	size_t kept = (limit / SHARE < RESERVE ? limit / SHARE : RESERVE) + aside;

	return kept < limit ? limit - kept : 0;
}

bool
descriptors_left(int fd, size_t aside)
{
	/* The kernel gives the lowest number that is free. */
	int next = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (next == -1)
		return false;
	(void)close(next);
	return (size_t)next < descriptors_room(aside);
}
