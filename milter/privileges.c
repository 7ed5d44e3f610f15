/*
 * privileges.c - whom the daemon becomes, and giving up root for good.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>


static bool
no_privilege(char *error, const char *what, const char *name, const char *why)
{
	(void)snprintf(error, PRIVILEGES_ERROR_MAX, "%s %s: %s", what, name, why);
	return false;
}

static bool
find_group(const char *name, gid_t *gid, char *error)
{
	const struct group *group;

	errno = 0;
	group = getgrnam(name);
	if (group == NULL)
		return no_privilege(error, "group", name,
		    errno != 0 ? strerror(errno) : "there is no such group");
	*gid = group->gr_gid;
	return true;
}

static bool
find_user(const struct settings *settings, struct identity *identity, char *error)
{
	const struct passwd *user;

	errno = 0;
	user = getpwnam(settings->user);
	if (user == NULL)
		return no_privilege(error, "user", settings->user,
		    errno != 0 ? strerror(errno) : "there is no such user");
	identity->uid = user->pw_uid;
	identity->gid = user->pw_gid;
	return settings->group == NULL ||
	    find_group(settings->group, &identity->gid, error);
}

bool
privileges_resolve(const struct settings *settings, struct identity *identity,
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
		user = getpwnam(settings->user);
		identity->other = user == NULL || user->pw_uid != geteuid();
	}
	identity->socket_gid = identity->gid;
	return settings->socket_group == NULL ||
	    find_group(settings->socket_group, &identity->socket_gid, error);
}

bool
privileges_assume(const struct identity *identity, char *error)
{
	if (!identity->change)
		return true;
	if (initgroups(identity->user, identity->gid) != 0 ||
	    setegid(identity->gid) != 0 || seteuid(identity->uid) != 0)
		return no_privilege(error, "cannot become user", identity->user,
		    strerror(errno));
	return true;
}

bool
privileges_resume(const struct identity *identity, char *error)
{
	if (!identity->change)
		return true;
	if (seteuid(0) != 0 || setegid(0) != 0)
		return no_privilege(error, "cannot become", "root again", strerror(errno));
	return true;
}

static bool
has_capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &header, data) != 0)
		return true;
	return (data[0].effective | data[0].permitted | data[0].inheritable |
	    data[1].effective | data[1].permitted | data[1].inheritable) != 0;
}

static bool
clear_capabilities(char *error)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	memset(data, 0, sizeof(data));
	/* Kernels before 4.3 have no ambient set. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (prctl(PR_SET_KEEPCAPS, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_capset, &header, data) != 0)
		return no_privilege(error, "cannot give up", "capabilities", strerror(errno));
	if (has_capabilities())
		return no_privilege(error, "cannot give up", "capabilities",
		    "some are left all the same");
	return true;
}

/* Nor can a program that is run gain any. Each number that there is, while root. */
static void
empty_bounding_set(void)
{
	for (unsigned long capability = 0; capability < 64; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static bool
is_only(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	return getresuid(&r, &e, &s) == 0 && r == uid && e == uid && s == uid &&
	    getresgid(&rg, &eg, &sg) == 0 && rg == gid && eg == gid && sg == gid;
}

bool
privileges_drop(const struct identity *identity, char *error)
{
	/* The administrator asked for root: then it is a whole root that is left. */
	if (identity->change && identity->uid == 0)
		return true;
	if (identity->change) {
		empty_bounding_set();
		if (initgroups(identity->user, identity->gid) != 0 ||
		    setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
		    setresuid(identity->uid, identity->uid, identity->uid) != 0)
			return no_privilege(error, "cannot become user", identity->user,
			    strerror(errno));
		if (!is_only(identity->uid, identity->gid))
			return no_privilege(error, "cannot become user", identity->user,
			    "other ids are left");
	}
	if (!clear_capabilities(error))
		return false;
	if (setuid(0) == 0 || seteuid(0) == 0)
		return no_privilege(error, "cannot give up", "root", "it can be had back");
	return true;
}
