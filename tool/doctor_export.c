/*
 * doctor_export.c - a map that tlsward export wrote, where a mail server reads it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_export.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/date.h"
#include "base/file.h"

#define EXPORT_FILE_MAX (64u << 20)

/* As policy/map.c writes them. */
#define HEAD "# tlsward export "
#define POLICY ": policy "
#define UNTIL "\n# valid until "

/* What the first two lines of a map say. */
struct map_head {
	const char *digest;		/* up to a blank */
	char until[DATE_DAY_SIZE];	/* "": without an end */
};

/* The head of such a map at the beginning of a line; NULL: there is none. */
static const char *
find_head(const char *text, const char *mta)
{
	char head[64];

	(void)snprintf(head, sizeof(head), HEAD "%s" POLICY, mta);
	for (const char *at = text; (at = strstr(at, head)) != NULL; at++)
		if (at == text || at[-1] == '\n')
			return at + strlen(head);
	return NULL;
}

static void
read_head(const char *at, struct map_head *head)
{
	const char *end = strchr(at, '\n');

	head->digest = at;
	head->until[0] = '\0';
	if (end == NULL || strncmp(end, UNTIL, strlen(UNTIL)) != 0)
		return;
	end += strlen(UNTIL);
	if (*end >= '0' && *end <= '9')
		(void)snprintf(head->until, sizeof(head->until), "%.10s", end);
}

/* Whether the file was written after the database that is made of it. */
static bool
is_newer(const char *path)
{
	char database[PATH_MAX];
	struct stat text, made;

	(void)snprintf(database, sizeof(database), "%s.db", path);
	return stat(path, &text) == 0 && stat(database, &made) == 0 &&
	    text.st_mtime > made.st_mtime;
}

static void
fix_map(struct doctor *doctor, const char *mta, const char *path, const char *maker)
{
	doctor_fix(doctor, "tlsward export %s, into the place of those lines in %s%s%s%s%s%s%s",
	    mta, path, maker != NULL ? "; then " : "", maker != NULL ? maker : "",
	    maker != NULL ? " " : "", maker != NULL ? path : "",
	    maker != NULL && strcmp(mta, "sendmail") == 0 ? " < " : "",
	    maker != NULL && strcmp(mta, "sendmail") == 0 ? path : "");
}

/* Past its date first: what it says of another policy matters less then. */
static void
say_map(struct doctor *doctor, const char *mta, const char *path, const char *maker,
    const struct map_head *head)
{
	const struct policy *policy = doctor->loaded.policy;
	char digest[POLICY_DIGEST_SIZE], today[DATE_DAY_SIZE];

	date_write_day(doctor->now, today);
	if (head->until[0] != '\0' && strcmp(head->until, today) <= 0) {
		doctor_say(doctor, DOCTOR_FAULT, "exported-map", "the map in %s was valid until %s: "
		    "mail that goes out is held to rules of then", path, head->until);
	} else if (policy != NULL && policy_digest(policy, digest) &&
	    strncmp(head->digest, digest, strlen(digest)) != 0) {
		doctor_say(doctor, DOCTOR_WARNING, "exported-map", "the map in %s was made from "
		    "another policy than the one on disk", path);
	} else if (maker != NULL && is_newer(path)) {
		doctor_say(doctor, DOCTOR_FAULT, "exported-map", "%s.db is older than %s: the map "
		    "that is in force is another one", path, path);
	} else {
		doctor_say(doctor, DOCTOR_OK, "exported-map", "the map in %s is of this policy, and "
		    "valid%s%s", path, head->until[0] != '\0' ? " until " : "", head->until);
		return;
	}
	fix_map(doctor, mta, path, maker);
}

enum exported
doctor_exported(struct doctor *doctor, const char *mta, const char *path, const char *maker)
{
	struct map_head head;
	const char *at;
	struct file file;

	if (file_read(path, EXPORT_FILE_MAX, true, &file) != FILE_READ)
		return EXPORTED_UNREADABLE;
	at = find_head(file.text, mta);
	if (at != NULL) {
		read_head(at, &head);
		say_map(doctor, mta, path, maker, &head);
	}
	free(file.text);
	return at != NULL ? EXPORTED_HERE : EXPORTED_NOT;
}
