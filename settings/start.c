/*
 * start.c - what a start needs of this host, tried without changing any of it.
 *
 * SPDX-License-Identifier: ISC
 */
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

/* Whose the processes of Postfix are that connect. */
#define POSTFIX "postfix"

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

bool
settings_can_make(const char *path)
{
	char folder[PATH_MAX];
	struct stat st;

	setting_folder(path, folder);
	if (stat(folder, &st) != 0)
		return false;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return false;
	}
	return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
}

/* ------------------------------------------------------------------ *
 * Addresses
 * ------------------------------------------------------------------ */

/* An address as a person knows it: itself, or what "shown" holds. */
static const char *
shown_address(const char *address, char shown[SETTINGS_SHOWN_MAX])
{
	const char *path = settings_unix_path(address);

	settings_show_address(address, shown);
	return path != NULL ? path : shown;
}

/* "cannot listen on" it, and what to do. */
static void
complain_of_address(const struct start *start, struct setting_place at,
    enum severity severity, const char *address, gid_t group, int error)
{
	char why[SETTINGS_WHY_MAX], shown[SETTINGS_SHOWN_MAX];

	settings_why_not(start->identity, group, address, error, why);
	setting_complain_at(start, severity, NULL, at, "cannot listen on %s: %s",
	    shown_address(address, shown), why);
}

/* It is in use. A daemon of ours is no reason not to ask whether a reload would do. */
static void
tell_holder(const struct start *start, struct setting_place at, const char *address)
{
	char shown[SETTINGS_SHOWN_MAX];
	struct holder holder;

	*start->no_memory |= !settings_find_holder(address, &holder);
	if (holder.ours == POLICY_NO)
		complain_of_address(start, at, SEVERITY_ERROR, address, 0, EADDRINUSE);
	else
		setting_complain_at(start, SEVERITY_INFO, NULL, at, "%s is in use by %s",
		    shown_address(address, shown), holder.ours == POLICY_YES ?
		    "a " SETTINGS_DAEMON " that runs: it can be reloaded, and a second one would "
		    "not start" : "somebody who cannot be seen from here: where that is not our "
		    "daemon, a start would fail");
}

static void
check_inet(const struct start *start, struct setting_place at, const char *address)
{
	struct addrinfo *found;
	const char *why = settings_look_up(address, &found);
	int fd, error;

	if (why != NULL) {
		setting_complain_at(start, SEVERITY_ERROR, NULL, at, "cannot listen on %s: %s"
		    SETTINGS_NO_HOST, address, why);
		return;
	}
	/* It is bound for a moment, and does not listen. */
	fd = settings_listen_at(found->ai_addr, found->ai_addrlen, 0);
	error = fd == -1 ? errno : 0;
	if (fd != -1)
		(void)close(fd);
	freeaddrinfo(found);
	if (error == EADDRINUSE)
		tell_holder(start, at, address);
	else if (error != 0)
		complain_of_address(start, at, SEVERITY_ERROR, address, 0, error);
}

/* Whom the TLS policy map asks is looked up at the start. */
static void
check_next(const struct start *start)
{
	const char *next = start->settings->tls_policy_next, *why;
	char shown[SETTINGS_SHOWN_MAX];
	struct addrinfo *found;

	if (next == NULL || settings_unix_path(next) != NULL)
		return;
	why = settings_look_up(next, &found);
	if (why == NULL)
		freeaddrinfo(found);
	else
		setting_complain(start, SEVERITY_ERROR, NULL, SETTING_tls_policy_next,
		    "cannot look up %s: %s", shown_address(next, shown), why);
}

/* Whether it is the folder that nobody has named; systemd makes it at the start. */
static bool
is_default_folder(const char *folder)
{
	char usual[PATH_MAX];

	setting_folder(settings_unix_path(settings_table[SETTING_listen].fallback), usual);
	return strcmp(folder, usual) == 0;
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
check_mta_way(const struct start *start, struct setting_place at, const char *path)
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
	barred = setting_barrier(path, barrier);
	allowed = may_connect(start);
	(void)identity_resume(&mta, error);
	if (barred)
		setting_complain_at(start, SEVERITY_WARNING, "mta-way", at, "Postfix's user "
		    POSTFIX " cannot go into the folder %s, on its way to the socket %s",
		    barrier, path);
	if (!allowed)
		setting_complain_at(start, SEVERITY_WARNING, "mta-way", at, "Postfix's user "
		    POSTFIX " may not write to the socket %s (mode %04o): make it a member of "
		    "the socket's group, or name one of its groups in socket-group", path,
		    (unsigned)start->settings->socket_mode);
}

/* The folder of a socket to be made. */
static void
check_folder(const struct start *start, struct setting_place at, const char *address,
    gid_t group)
{
	const char *path = settings_unix_path(address);
	char folder[PATH_MAX];
	struct stat there;
	int error;

	if (!settings_can_make(path)) {
		error = errno;
		setting_folder(path, folder);
		complain_of_address(start, at, error == ENOENT && is_default_folder(folder) ?
		    SEVERITY_INFO : SEVERITY_ERROR, address, group, error);
	} else if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode))
		setting_complain_at(start, SEVERITY_ERROR, NULL, at,
		    "socket %s: something else has that name", path);
}

/* A UNIX socket of that group. */
static void
check_path(const struct start *start, struct setting_place at, const char *address,
    gid_t group)
{
	if (settings_is_held(address, start->no_memory))
		tell_holder(start, at, address);
	else
		check_folder(start, at, address, group);
}

static void
check_address(const struct start *start, struct setting_place at, const char *address)
{
	const char *path = settings_unix_path(address);

	if (path != NULL) {
		check_path(start, at, address, start->identity->socket_gid);
		check_mta_way(start, at, path);
	} else if (address != NULL)
		check_inet(start, at, address);
}

/* Without the one that nobody has set the daemon starts all the same. */
static void
check_control(const struct start *start)
{
	const struct setting_place at = start->settings->set_at[SETTING_control];

	if (start->settings->control != NULL && at.line != 0)
		check_path(start, at, start->settings->control, start->identity->gid);
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
	const struct setting_place *at = settings->set_at;

	find_identity(&start, identity);
	if (identity->other)
		return !no_memory;
	for (size_t i = 0; i < settings->listen.count; i++)
		check_address(&start, settings->listen.at[i], settings->listen.address[i]);
	check_address(&start, at[SETTING_policy_service], settings->policy_service);
	check_address(&start, at[SETTING_tls_policy_map], settings->tls_policy_map);
	check_address(&start, at[SETTING_metrics], settings->metrics);
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
