/*
 * remedy.c - why the daemon cannot listen at an address, and what to do.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings/table.h"

/* What is emptied at every start of the host. */
#define RUN "/run/"

/* What a folder of the daemon's own is called. */
#define OWN_FOLDER "/tlsward"

struct remedy {
	const struct identity *identity;
	gid_t group;			/* of the socket */
	const char *address;
	char *why;
	char user[64], folder[PATH_MAX];
};

void
setting_folder(const char *path, char folder[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == path ? 1 : (size_t)(slash - path);

	(void)snprintf(folder, PATH_MAX, "%.*s", (int)length, path);
}

bool
setting_barrier(const char *path, char barrier[PATH_MAX])
{
	for (const char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
		int length = slash == path ? 1 : (int)(slash - path);

		(void)snprintf(barrier, PATH_MAX, "%.*s", length, path);
		if (faccessat(AT_FDCWD, barrier, X_OK, AT_EACCESS) != 0)
			return errno == EACCES;
	}
	return false;
}

static void __attribute__((format(printf, 2, 3)))
write_why(const struct remedy *remedy, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(remedy->why, SETTINGS_WHY_MAX, format, arguments);
	va_end(arguments);
}

static void
name_user(uid_t uid, char *name, size_t size)
{
	const struct passwd *user = getpwuid(uid);

	if (user != NULL)
		(void)snprintf(name, size, "%s", user->pw_name);
	else
		(void)snprintf(name, size, "%lu", (unsigned long)uid);
}

/*
 * A folder is the daemon's, and who may connect as the socket's group comes into it. What
 * makes it gives one that is there to them, too.
 */
static void
explain_folder(const struct remedy *remedy, const char *problem, const char *below)
{
	const struct group *group = getgrgid(remedy->group);
	bool emptied = strncmp(remedy->folder, RUN, strlen(RUN)) == 0;
	char owner[sizeof(remedy->user)];

	name_user(remedy->identity->uid, owner, sizeof(owner));
	write_why(remedy, "%s: make one%s: install -d -o %s -g %s -m %s %s%s", problem,
	    emptied ? " at each boot, as the systemd unit does" : "", owner,
	    group != NULL ? group->gr_name : owner,
	    remedy->group == remedy->identity->gid ? "0750" : "2750", remedy->folder, below);
}

static void
explain_permission(const struct remedy *remedy, const char *path)
{
	char barrier[PATH_MAX], problem[SETTINGS_WHY_MAX / 2];
	const char *name = strrchr(remedy->folder, '/');

	if (setting_barrier(path, barrier)) {
		write_why(remedy, "user %s may not go into the folder %s: chmod a+x %s lets it, "
		    "or name another place", remedy->user, barrier, barrier);
		return;
	}
	(void)snprintf(problem, sizeof(problem), "user %s may not make files in the folder "
	    "%.120s, and needs one of its own", remedy->user, remedy->folder);
	explain_folder(remedy, problem, strcmp(name, OWN_FOLDER) == 0 ? "" : OWN_FOLDER);
}

static void
explain_unix(struct remedy *remedy, const char *path, int error)
{
	setting_folder(path, remedy->folder);
	switch (error) {
	case ENOENT:
		explain_folder(remedy, "its folder is missing", "");
		break;
	case EACCES:
	case EPERM:
		explain_permission(remedy, path);
		break;
	case ENOTDIR:
		write_why(remedy, "%s is not a folder: name another place", remedy->folder);
		break;
	case EROFS:
		write_why(remedy, "the folder %s can only be read from here: under systemd, "
		    "ReadWritePaths=%s in a drop-in of the unit allows it", remedy->folder,
		    remedy->folder);
		break;
	default:
		write_why(remedy, "%s", strerror(error));
		break;
	}
}

static void
explain_inet(const struct remedy *remedy, int error)
{
	const char *host = strchr(remedy->address, '@') + 1;
	long port = strtol(strchr(remedy->address, ':') + 1, NULL, 10);

	switch (error) {
	case EACCES:
	case EPERM:
		write_why(remedy, "user %s may not take port %ld, which is root's: take one from "
		    "1024 on, or start as root", remedy->user, port);
		break;
	case EADDRNOTAVAIL:
		write_why(remedy, "%s is not an address of this host: \"ip address\" shows those "
		    "that are", host);
		break;
	case EAFNOSUPPORT:
		write_why(remedy, "this host has no such addresses (no IPv%d): write one of the "
		    "other kind", strncmp(remedy->address, "inet6", 5) == 0 ? 6 : 4);
		break;
	default:
		write_why(remedy, "%s", strerror(error));
		break;
	}
}

static void
explain_holder(const struct remedy *remedy)
{
	struct holder holder;

	(void)settings_find_holder(remedy->address, &holder);
	if (holder.pid == (long)getpid())
		write_why(remedy, "in use: another line of the settings is the same address");
	else if (holder.pid != 0)
		write_why(remedy, "in use by %s (process %ld): end it, or name another address",
		    holder.name, holder.pid);
	else
		write_why(remedy, "in use by another program: \"ss -lpn\" as root tells which; end "
		    "it, or name another address");
}

void
settings_why_not(const struct identity *identity, gid_t group, const char *address,
    int error, char why[SETTINGS_WHY_MAX])
{
	struct remedy remedy = { .identity = identity, .group = group, .address = address,
	    .why = why };
	const char *path = settings_unix_path(address);

	name_user(geteuid(), remedy.user, sizeof(remedy.user));
	if (error == EADDRINUSE)
		explain_holder(&remedy);
	else if (path != NULL)
		explain_unix(&remedy, path, error);
	else
		explain_inet(&remedy, error);
}
