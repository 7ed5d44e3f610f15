/*
 * identity.c - the user that the daemon becomes, and acting as that one.
 *
 * SPDX-License-Identifier: ISC
 */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "settings/settings.h"

static bool
cannot_be(char *error, const char *what, const char *name, const char *why)
{
	(void)snprintf(error, IDENTITY_ERROR_MAX, "%s %s: %s", what, name, why);
	return false;
}

static bool
find_group(const char *name, const char *setting, gid_t *gid, char *error)
{
	const struct group *group;

	errno = 0;
	group = getgrnam(name);
	if (group == NULL && errno != 0)
		return cannot_be(error, "group", name, strerror(errno));
	if (group == NULL) {
		(void)snprintf(error, IDENTITY_ERROR_MAX, "group %.60s: there is no such group: "
		    "make it (groupadd --system %.60s), or name another in \"%s\"", name, name,
		    setting);
		return false;
	}
	*gid = group->gr_gid;
	return true;
}

static bool
find_user(const struct settings *settings, struct identity *identity, char *error)
{
	const struct passwd *user;

	errno = 0;
	user = getpwnam(settings->user);
	if (user == NULL && errno != 0)
		return cannot_be(error, "user", settings->user, strerror(errno));
	if (user == NULL) {
		(void)snprintf(error, IDENTITY_ERROR_MAX, "user %.60s: there is no such user: make "
		    "it (useradd --system --user-group %.60s), or name another in \"user\"",
		    settings->user, settings->user);
		return false;
	}
	identity->uid = user->pw_uid;
	identity->gid = user->pw_gid;
	return settings->group == NULL ||
	    find_group(settings->group, "group", &identity->gid, error);
}

bool
identity_resolve(const struct settings *settings, struct identity *identity,
    char *error)
{
	const struct passwd *user;

	memset(identity, 0, sizeof(*identity));
	identity->user = settings->user;
	identity->uid = geteuid();
	identity->gid = getegid();
	if (geteuid() == 0) {
		identity->change = true;
		if (!find_user(settings, identity, error))
			return false;
	} else {
		errno = 0;
		user = getpwnam(settings->user);
		if (user == NULL && errno == ENOMEM)
			return cannot_be(error, "user", settings->user, strerror(ENOMEM));
		identity->other = user == NULL || user->pw_uid != geteuid();
	}
	identity->socket_gid = identity->gid;
	return settings->socket_group == NULL ||
	    find_group(settings->socket_group, "socket-group", &identity->socket_gid, error);
}

bool
identity_assume(const struct identity *identity, char *error)
{
	if (!identity->change)
		return true;
	if (initgroups(identity->user, identity->gid) != 0 ||
	    setegid(identity->gid) != 0 || seteuid(identity->uid) != 0)
		return cannot_be(error, "cannot become user", identity->user,
		    strerror(errno));
	return true;
}

bool
identity_resume(const struct identity *identity, char *error)
{
	if (!identity->change)
		return true;
	if (seteuid(0) != 0 || setegid(0) != 0)
		return cannot_be(error, "cannot become", "root again", strerror(errno));
	return true;
}

/* ------------------------------------------------------------------ *
 * The host
 * ------------------------------------------------------------------ */

/* The name with its domain, of a name without one; where it cannot be told, as it is. */
static void
node_complete(char node[SETTINGS_NODE_MAX])
{
	const struct addrinfo wanted = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;

	if (getaddrinfo(node, NULL, &wanted, &found) != 0)
		return;
	if (found->ai_canonname != NULL && strchr(found->ai_canonname, '.') != NULL &&
	    strlen(found->ai_canonname) < SETTINGS_NODE_MAX)
		(void)snprintf(node, SETTINGS_NODE_MAX, "%s", found->ai_canonname);
	freeaddrinfo(found);
}

void
settings_node(const struct settings *settings, char node[SETTINGS_NODE_MAX])
{
	if (settings->node != NULL) {
		(void)snprintf(node, SETTINGS_NODE_MAX, "%s", settings->node);
		return;
	}
	if (gethostname(node, SETTINGS_NODE_MAX - 1) != 0 || node[0] == '\0')
		(void)snprintf(node, SETTINGS_NODE_MAX, "localhost");
	node[SETTINGS_NODE_MAX - 1] = '\0';
	if (strchr(node, '.') == NULL)
		node_complete(node);
	for (char *c = node; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
}
