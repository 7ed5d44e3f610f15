/*
 * health.c - whether the worker serves.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/health.h"

#include <stdio.h>

/* Why it does not, but for a socket that is gone; or NULL. */
static const char *
trouble(const struct health *health)
{
	if (atomic_load(&health->ending))
		return "the daemon is ending";
	if (!atomic_load(&health->policy))
		return "no policy is loaded";
	if (!atomic_load(&health->milter))
		return "the milter does not run";
	if (health->daemon->settings->policy_service != NULL &&
	    !atomic_load(&health->policy_service))
		return "the policy service does not run";
	return NULL;
}

bool
health_ok(const struct health *health, char why[HEALTH_WHY_SIZE])
{
	const char *reason = trouble(health);
	const char *lost = daemon_lost_socket(health->daemon);

	if (reason == NULL && lost == NULL)
		return true;
	if (reason != NULL)
		(void)snprintf(why, HEALTH_WHY_SIZE, "%s", reason);
	else
		(void)snprintf(why, HEALTH_WHY_SIZE, "the socket %s is gone", lost);
	return false;
}
