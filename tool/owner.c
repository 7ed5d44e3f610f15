/*
 * owner.c - a command that root started, as somebody who may do less.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <grp.h>
#include <libgen.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Gives up all rights but, where that is wanted and had, the one to read any file. */
static void
owner_keeps(bool reading)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	if (reading) {
		data[0].effective = data[0].permitted = 1u << CAP_DAC_READ_SEARCH;
		if (syscall(SYS_capset, &header, data) == 0)
			return;
		data[0].effective = data[0].permitted = 0;
	}
	if (syscall(SYS_capset, &header, data) != 0)
		exit(tool_trouble("cannot give up what root may"));
}

void
tool_become_owner(const char *journal, bool reading)
{
	char *folder = strdup(journal);
	const struct passwd *user;
	struct stat status;

	tool_need(folder != NULL);
	if (geteuid() != 0 || (stat(journal, &status) != 0 &&
	    stat(dirname(folder), &status) != 0) || status.st_uid == 0) {
		free(folder);
		return;
	}
	free(folder);
	user = getpwuid(status.st_uid);
	if (user != NULL)
		status.st_gid = user->pw_gid;
	if ((user != NULL ? initgroups(user->pw_name, status.st_gid) :
	    setgroups(0, NULL)) != 0 || prctl(PR_SET_KEEPCAPS, 1) != 0 ||
	    setresgid(status.st_gid, status.st_gid, status.st_gid) != 0 ||
	    setresuid(status.st_uid, status.st_uid, status.st_uid) != 0)
		exit(tool_trouble("cannot become the owner of %s", journal));
	if (user != NULL)
		(void)setenv("HOME", user->pw_dir, 1);
	owner_keeps(reading);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
