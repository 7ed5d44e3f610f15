/*
 * doctor_sendmail_socket.c - doctor's look at Sendmail: how its configuration is mended,
 * files that it trusts, and the way to the daemon's socket.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_sendmail.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/doctor_milter.h"
#include "tool/doctor_ours.h"

void
sendmail_fix(const struct sendmail_look *look, unsigned line, const char *lines,
    const char *mc)
{
	char number[16] = "";

	if (line > 0)
		(void)snprintf(number, sizeof(number), ":%u", line);
	doctor_fix(look->doctor, "%s%s: %s (in sendmail.mc: %s)", look->cf.path, number, lines,
	    mc);
}

/* ------------------------------------------------------------------ *
 * Files that it trusts
 * ------------------------------------------------------------------ */

static bool
is_not_blamed(const struct sendmail_look *look, const char *word)
{
	const char *words = cf_option(&look->cf, "DontBlameSendmail", NULL);

	return words != NULL && cf_has_word(words, word);
}

/* Who may write in the folder besides its owner, where that is not excused; or NULL. */
static const char *
writers_of(const struct sendmail_look *look, const char *folder)
{
	struct stat status;

	if (stat(folder, &status) != 0 || ((status.st_mode & S_ISVTX) != 0 &&
	    is_not_blamed(look, "TrustStickyBit")))
		return NULL;
	if ((status.st_mode & S_IWOTH) != 0)
		return "everybody";
	return (status.st_mode & S_IWGRP) != 0 &&
	    !is_not_blamed(look, "GroupWritableDirPathSafe") ? "its group" : NULL;
}

bool
sendmail_is_unsafe(const struct sendmail_look *look, const char *path, bool is_socket,
    char *why, size_t size)
{
	char folder[PATH_MAX], whole[PATH_MAX];
	char *slash = strrchr(path, '/');
	const char *writers;
	struct stat status;

	if (is_socket && lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
		(void)snprintf(why, size, "%s is a symbolic link", path);
		return true;
	}
	(void)snprintf(folder, sizeof(folder), "%.*s", slash != NULL && slash > path ?
	    (int)(slash - path) : 1, slash != NULL ? path : ".");
	if (realpath(folder, whole) == NULL)
		return false;
	while ((writers = writers_of(look, whole)) == NULL) {
		if (strcmp(whole, "/") == 0)
			return false;
		slash = strrchr(whole, '/');
		slash[slash == whole] = '\0';
	}
	(void)snprintf(why, size, "%s may write in the folder %s", writers, whole);
	return true;
}

bool
sendmail_key_is_open(const struct sendmail_look *look, const char *path)
{
	const mode_t open = S_IWGRP | S_IRWXO |
	    (is_not_blamed(look, "GroupReadableKeyFile") ? 0 : S_IRGRP);
	struct stat status;

	return stat(path, &status) == 0 && (status.st_mode & open & ~(mode_t)S_IXOTH) != 0;
}

/* ------------------------------------------------------------------ *
 * The way to the socket
 * ------------------------------------------------------------------ */

/* Whom Sendmail becomes (RunAsUser, "user:group"), where that is not root. */
static bool
find_run_as(const struct sendmail_look *look, char *name, size_t size,
    struct identity *identity)
{
	const char *given = cf_option(&look->cf, "RunAsUser", NULL);
	const struct passwd *user;

	if (given == NULL || geteuid() != 0)
		return false;
	(void)snprintf(name, size, "%.*s", (int)strcspn(given, ":. \t"), given);
	user = getpwnam(name);
	if (user == NULL || user->pw_uid == 0)
		return false;
	*identity = (struct identity){ .user = name, .uid = user->pw_uid,
	    .gid = user->pw_gid, .change = true };
	return true;
}

/* Whether that user may connect; a socket that nobody answers on is not its fault. */
static bool
user_may_connect(const struct sendmail_look *look, const struct identity *identity)
{
	char error[IDENTITY_ERROR_MAX];
	struct talk talk = TALK_INIT;
	int problem = 0;

	if (identity_assume(identity, error))
		(void)talk_open(&talk, look->listen, &problem);
	(void)identity_resume(identity, error);
	talk_close(&talk);
	return problem != EACCES;
}

static void
say_user(struct sendmail_look *look)
{
	struct identity identity;
	char name[64];

	if (!find_run_as(look, name, sizeof(name), &identity) ||
	    user_may_connect(look, &identity))
		return;
	doctor_say(look->doctor, DOCTOR_FAULT, "sendmail-socket", "Sendmail runs as %s "
	    "(RunAsUser), which may not connect to %s", name, look->listen);
	doctor_fix(look->doctor, "%s: socket-group and socket-mode 0660, with a group that %s "
	    "is in; then systemctl restart tlsward", look->doctor->loaded.settings_path, name);
}

void
sendmail_socket_points(struct sendmail_look *look)
{
	const char *path = doctor_socket_path(look->filter.socket);
	char why[PATH_MAX + 64];

	if (path == NULL)
		return;
	if (sendmail_is_unsafe(look, path, true, why, sizeof(why))) {
		doctor_say(look->doctor, DOCTOR_FAULT, "sendmail-socket", "Sendmail does not use "
		    "the socket %s, and does not start with it: %s", path, why);
		doctor_fix(look->doctor, "chmod go-w that folder, or have the socket in one in "
		    "which only its owner may write, as /run/tlsward is: listen in %s, and S= in "
		    "%s:%u", look->doctor->loaded.settings_path, look->cf.path,
		    look->filter.line);
	}
	say_user(look);
}
