/*
 * health.c - whether the worker, once it has a policy, serves.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/health.h"

#include <stdio.h>

/* Why the daemon does not serve, but for a socket that is gone; or NULL. */
static const char *
health_trouble(const struct health *health)
{
	if (atomic_load(&health->ending))
		return "the daemon is ending";
	if (!atomic_load(&health->milter))
		return "the milter does not run";
	if (health->settings->policy_service != NULL &&
	    !atomic_load(&health->policy_service))
		return "the policy service does not run";
	if (health->settings->tls_policy_map != NULL &&
	    !atomic_load(&health->tls_policy_map))
		return "the TLS policy map does not run";
	return NULL;
}

bool
health_look(const struct health *health, char words[HEALTH_SIZE])
{
	const char *trouble = health_trouble(health);
	const char *lost = sockets_lost(health->sockets);

	if (trouble != NULL)
		(void)snprintf(words, HEALTH_SIZE, "%s", trouble);
	else if (lost != NULL)
		(void)snprintf(words, HEALTH_SIZE, "the socket %s is gone", lost);
	else
		words[0] = '\0';
	return words[0] == '\0';
}
