/*
 * start.c - what a start needs of this host, tried without changing any of it.
 *
 * SPDX-License-Identifier: ISC
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings/table.h"
#include "base/diag.h"

#define DAEMON "tlsward-milter"

/* Whose the processes of Postfix are that connect. */
#define POSTFIX "postfix"

/* More than so many sockets do not listen at one address. */
#define INODES_MAX 8

struct start {
	const struct settings *settings;
	const char *path;
	const struct identity *identity;
	struct diags *diags;
	bool *no_memory;
};

/* After what may have failed for want of memory: that is no answer. */
static void
note_memory(const struct start *start)
{
	*start->no_memory |= errno == ENOMEM;
}

/* The folder of a file, of PATH_MAX bytes. */
static void
folder_of_file(const char *path, char folder[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == path ? 1 : (size_t)(slash - path);

	(void)snprintf(folder, PATH_MAX, "%.*s", (int)length, path);
}

bool
settings_can_make(const char *path)
{
	char folder[PATH_MAX];
	struct stat st;

	folder_of_file(path, folder);
	if (stat(folder, &st) != 0)
		return false;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return false;
	}
	return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
}

/* ------------------------------------------------------------------ *
 * Who listens at an address: Linux tells it without a connection
 * ------------------------------------------------------------------ */

struct listeners {
	unsigned long inodes[INODES_MAX];
	size_t count;
};

/* Whether a line of /proc/self/net/tcp or tcp6 is of a socket that listens at a port. */
static bool
listens_at_port(const char *line, const void *port, unsigned long *inode)
{
	unsigned local, state;

	return sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x "
	    "%*u %*u %lu", &local, &state, inode) == 3 &&
	    local == *(const unsigned *)port && state == 0x0A;
}

/* Whether a line of /proc/self/net/unix is of a socket that listens at a path. */
static bool
listens_at_path(const char *line, const void *path, unsigned long *inode)
{
	unsigned flags;
	int at = 0;

	return sscanf(line, "%*[^:]: %*x %*x %x %*x %*x %lu %n", &flags, inode,
	    &at) == 2 && at > 0 && (flags & 0x10000) != 0 && strcmp(line + at, path) == 0;
}

static void
find_listeners(const struct start *start, const char *list,
    bool (*listens)(const char *line, const void *where, unsigned long *inode),
    const void *where, struct listeners *listeners)
{
	unsigned long inode;
	char line[512];
	FILE *in = fopen(list, "re");

	if (in == NULL)
		note_memory(start);
	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (listens(line, where, &inode) && listeners->count < INODES_MAX)
			listeners->inodes[listeners->count++] = inode;
	}
	if (in != NULL)
		(void)fclose(in);
}

/* Whether the process has one of these open, or does not let us see. */
static bool
may_have(const struct start *start, const char *pid, const struct listeners *listeners)
{
	char folder[64], link[64];
	const struct dirent *entry;
	unsigned long inode;
	bool has = false;
	ssize_t length;
	DIR *fds;

	(void)snprintf(folder, sizeof(folder), "/proc/%.20s/fd", pid);
	if ((fds = opendir(folder)) == NULL) {
		note_memory(start);
		return true;
	}
	while (!has && (entry = readdir(fds)) != NULL) {
		length = readlinkat(dirfd(fds), entry->d_name, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = '\0';
		for (size_t i = 0; sscanf(link, "socket:[%lu]", &inode) == 1 &&
		    i < listeners->count; i++)
			has |= listeners->inodes[i] == inode;
	}
	(void)closedir(fds);
	return has;
}

/* Whether the process is a daemon of ours; *hidden: that cannot be seen. */
static bool
is_daemon(const struct start *start, const char *pid, bool *hidden)
{
	char path[64], name[32] = "";
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	if ((in = fopen(path, "re")) == NULL) {
		*hidden |= errno == EACCES || errno == EPERM;
		note_memory(start);
		return false;
	}
	if (fgets(name, sizeof(name), in) == NULL)
		name[0] = '\0';
	(void)fclose(in);
	return strcmp(name, DAEMON "\n") == 0;
}

/* Whether it is a daemon of ours that listens. */
static enum policy_tri
is_ours(const struct start *start, const struct listeners *listeners)
{
	DIR *processes = listeners->count > 0 ? opendir("/proc") : NULL;
	const struct dirent *entry;
	bool ours = false, hidden = processes == NULL;

	if (listeners->count > 0 && processes == NULL)
		note_memory(start);
	while (processes != NULL && !ours && (entry = readdir(processes)) != NULL)
		ours = entry->d_name[0] >= '0' && entry->d_name[0] <= '9' &&
		    is_daemon(start, entry->d_name, &hidden) &&
		    may_have(start, entry->d_name, listeners);
	if (processes != NULL)
		(void)closedir(processes);
	return ours ? POLICY_YES : hidden ? POLICY_UNKNOWN : POLICY_NO;
}

static void
tell_listeners(const struct start *start, size_t number, const char *address,
    const struct listeners *listeners)
{
	static const char *const by_whom[] = {
		[POLICY_NO] = "another program",
		[POLICY_YES] = "a " DAEMON " that runs: it can be reloaded, and a second one "
		    "would not start",
		[POLICY_UNKNOWN] = "somebody who cannot be seen from here: where that is not "
		    "our daemon, a start would fail"
	};
	enum policy_tri ours = is_ours(start, listeners);

	setting_complain(start, ours == POLICY_NO ? SEVERITY_ERROR : SEVERITY_INFO, NULL,
	    number, "%s is in use by %s", address, by_whom[ours]);
}

/* ------------------------------------------------------------------ *
 * Addresses
 * ------------------------------------------------------------------ */

static void
check_inet(const struct start *start, size_t number, const char *address)
{
	struct listeners listeners = { .count = 0 };
	struct addrinfo *found;
	const char *why = settings_look_up(address, &found);
	int fd, error;

	if (why != NULL) {
		setting_complain(start, SEVERITY_ERROR, NULL, number, "cannot listen on %s: %s",
		    address, why);
		return;
	}
	/* It is bound for a moment, and does not listen. */
	fd = settings_listen_at(found->ai_addr, found->ai_addrlen, 0);
	error = fd == -1 ? errno : 0;
	if (fd != -1)
		(void)close(fd);
	freeaddrinfo(found);
	if (error == EADDRINUSE) {
		unsigned port = (unsigned)strtoul(strchr(address, ':') + 1, NULL, 10);

		find_listeners(start, "/proc/self/net/tcp", listens_at_port, &port,
		    &listeners);
		find_listeners(start, "/proc/self/net/tcp6", listens_at_port, &port,
		    &listeners);
		tell_listeners(start, number, address, &listeners);
	} else if (error != 0)
		setting_complain(start, SEVERITY_ERROR, NULL, number, "cannot listen on %s: %s",
		    address, strerror(error));
}

/* Whom the TLS policy map asks is looked up at the start. */
static void
check_next(const struct start *start)
{
	const char *next = start->settings->tls_policy_next, *why;
	struct addrinfo *found;

	if (next == NULL || settings_unix_path(next) != NULL)
		return;
	why = settings_look_up(next, &found);
	if (why == NULL)
		freeaddrinfo(found);
	else
		setting_complain(start, SEVERITY_ERROR, NULL, SETTING_tls_policy_next,
		    "cannot look up %s: %s", next, why);
}

/* Whether it is the folder that nobody has named; systemd makes it at the start. */
static bool
is_default_folder(const char *folder)
{
	char usual[PATH_MAX];

	folder_of_file(settings_unix_path(settings_table[SETTING_listen].fallback), usual);
	return strcmp(folder, usual) == 0;
}

/*
 * The first folder on the way to a file into which whoever acts now cannot go; false:
 * there is none, or the way ends before.
 */
static bool
find_barrier(const char *path, char barrier[PATH_MAX])
{
	for (const char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
		int length = slash == path ? 1 : (int)(slash - path);

		(void)snprintf(barrier, PATH_MAX, "%.*s", length, path);
		if (faccessat(AT_FDCWD, barrier, X_OK, AT_EACCESS) != 0)
			return errno == EACCES;
	}
	return false;
}

/* Whether whoever acts now may write to the socket as it will be. */
static bool
may_connect(const struct start *start)
{
	mode_t mode = start->settings->socket_mode;

	if (geteuid() == start->identity->uid)
		return (mode & S_IWUSR) != 0;
	if (getegid() == start->identity->socket_gid ||
	    group_member(start->identity->socket_gid))
		return (mode & S_IWGRP) != 0;
	return (mode & S_IWOTH) != 0;
}

/* Whether Postfix's user can come to the socket: root can try. */
static void
check_mta_way(const struct start *start, size_t number, const char *path)
{
	const struct passwd *user;
	char barrier[PATH_MAX], error[IDENTITY_ERROR_MAX];
	bool barred, allowed;
	struct identity mta;

	if (!start->identity->change || start->settings->mta == SETTINGS_MTA_SENDMAIL)
		return;
	errno = 0;
	if ((user = getpwnam(POSTFIX)) == NULL) {
		note_memory(start);
		return;
	}
	mta = (struct identity){ .user = POSTFIX, .uid = user->pw_uid,
	    .gid = user->pw_gid, .change = true };
	if (!identity_assume(&mta, error)) {
		note_memory(start);
		(void)identity_resume(&mta, error);
		return;
	}
	barred = find_barrier(path, barrier);
	allowed = may_connect(start);
	(void)identity_resume(&mta, error);
	if (barred)
		setting_complain(start, SEVERITY_WARNING, "mta-way", number, "Postfix's user "
		    POSTFIX " cannot go into the folder %s, on its way to the socket %s",
		    barrier, path);
	if (!allowed)
		setting_complain(start, SEVERITY_WARNING, "mta-way", number, "Postfix's user "
		    POSTFIX " may not write to the socket %s (mode %04o): make it a member of "
		    "the socket's group, or name one of its groups in socket-group", path,
		    (unsigned)start->settings->socket_mode);
}

/* The folder of a socket to be made. */
static void
check_folder(const struct start *start, size_t number, const char *path)
{
	char folder[PATH_MAX];
	struct stat there;

	folder_of_file(path, folder);
	if (!settings_can_make(path)) {
		bool made = errno == ENOENT && is_default_folder(folder);

		setting_complain(start, made ? SEVERITY_INFO : SEVERITY_ERROR, NULL, number,
		    "cannot make the socket %s: the folder %s: %s%s", path, folder,
		    strerror(errno), made ? " (systemd makes it at the start)" : "");
		return;
	}
	if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode))
		setting_complain(start, SEVERITY_ERROR, NULL, number,
		    "socket %s: something else has that name", path);
}

static void
check_path(const struct start *start, size_t number, const char *path)
{
	struct listeners listeners = { .count = 0 };

	find_listeners(start, "/proc/self/net/unix", listens_at_path, path, &listeners);
	if (listeners.count > 0)
		tell_listeners(start, number, path, &listeners);
	else
		check_folder(start, number, path);
}

static void
check_address(const struct start *start, size_t number, const char *address)
{
	const char *path = settings_unix_path(address);

	if (path != NULL) {
		check_path(start, number, path);
		check_mta_way(start, number, path);
	} else if (address != NULL)
		check_inet(start, number, address);
}

/* Without the one that nobody has set the daemon starts all the same. */
static void
check_control(const struct start *start)
{
	const char *path = settings_unix_path(start->settings->control);

	if (path != NULL && start->settings->set_at[SETTING_control].line != 0)
		check_path(start, SETTING_control, path);
}

/* ------------------------------------------------------------------ *
 * Files
 * ------------------------------------------------------------------ */

/* Whether whoever acts now can write to the file, or make it; else errno says why. */
static bool
can_write(const char *path)
{
	struct stat there;

	if (stat(path, &there) == 0 && S_ISDIR(there.st_mode)) {
		errno = EISDIR;
		return false;
	}
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
		return true;
	return errno == ENOENT && settings_can_make(path);
}

/* Whether root makes the file for the user. */
static bool
is_made_for_user(const struct start *start, const char *path)
{
	struct stat there;

	return start->identity->change && lstat(path, &there) != 0 && can_write(path);
}

static void
check_files(const struct start *start)
{
	const char *log = start->settings->log_path, *pid = start->settings->pid_file;
	char error[IDENTITY_ERROR_MAX];
	int why = 0;

	if (log != NULL && identity_assume(start->identity, error) && !can_write(log))
		why = errno;
	(void)identity_resume(start->identity, error);
	if (why != 0 && !is_made_for_user(start, log))
		setting_complain(start, SEVERITY_ERROR, NULL, SETTING_log,
		    "cannot open the log %s as user %s: %s", log, start->identity->user,
		    strerror(why));
	if (pid != NULL && !can_write(pid))
		setting_complain(start, SEVERITY_ERROR, NULL, SETTING_pid_file,
		    "cannot write the pid file %s: %s", pid, strerror(errno));
}

/* Who the daemon would be. What it would be for, and is not, is not tried. */
static void
find_identity(const struct start *start, struct identity *identity)
{
	char error[IDENTITY_ERROR_MAX];
	bool found = identity_resolve(start->settings, identity, error);

	if (!found) {
		bool elsewhere = geteuid() != 0 || settings_user_is_default(start->settings);

		note_memory(start);
		diags_add(start->diags, elsewhere ? SEVERITY_INFO : SEVERITY_ERROR, NULL,
		    start->path, 0, 0, NULL, 0, "%s: the daemon would not start here, and "
		    "files are read as the user that checks them", error);
		identity->change = false;
		identity->other = true;
	} else if (identity->other)
		diags_add(start->diags, SEVERITY_INFO, NULL, start->path, 0, 0, NULL, 0,
		    "not checked as user %s: what that user cannot read or write is not "
		    "found", identity->user);
}

bool
settings_check_start(const struct settings *settings, const char *path,
    struct identity *identity, struct diags *diags)
{
	bool no_memory = false;
	const struct start start = { settings, path, identity, diags, &no_memory };

	find_identity(&start, identity);
	if (identity->other)
		return !no_memory;
	check_address(&start, SETTING_listen, settings->listen);
	check_address(&start, SETTING_policy_service, settings->policy_service);
	check_address(&start, SETTING_tls_policy_map, settings->tls_policy_map);
	check_address(&start, SETTING_metrics, settings->metrics);
	check_control(&start);
	check_next(&start);
	check_files(&start);
	return !no_memory;
}

void
settings_act_as_user(struct identity *identity, const char *path, struct diags *diags)
{
	char error[IDENTITY_ERROR_MAX];

	if (identity_assume(identity, error))
		return;
	diags_add(diags, SEVERITY_INFO, NULL, path, 0, 0, NULL, 0,
	    "%s: files are read as root", error);
	(void)identity_resume(identity, error);
	identity->change = false;
}
