/*
 * privileges.c - whom the daemon becomes, and giving up root for good.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
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
