/*
 * doctor.h - what tlsward doctor finds: a point for each thing that it looked at.
 *
 * A part looks at one side (Postfix, Sendmail, the daemon) and says its points, those
 * that are well too. An id is what the manual, tlsward(1), explains; it never changes.
 * Used by one thread. Where memory is short, struct doctor has failed, and its points
 * are not all.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_DOCTOR_H
#define TLSWARD_TOOL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool/tool.h"
#include "policy/policy.h"

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_WARNING,		/* mail is held to the policy, but not all of it, or not safely */
	DOCTOR_FAULT		/* mail is not held to the policy, or not taken at all */
};

struct doctor_point {
	enum doctor_level level;
	const char *id;		/* static */
	char *message;
	char *fix;		/* NULL: there is nothing to change */
};

struct doctor {
	const char *config;		/* -c; NULL: not given */
	struct tool_files postfix;	/* --postfix: folders with a main.cf */
	const char *sendmail;		/* --sendmail: a sendmail.cf; NULL: not given */
	bool json;
	bool saw_postfix, saw_sendmail;	/* its configuration was looked at */
	int64_t now;			/* seconds since the epoch */

	/* The settings are there; the policy is NULL where it has errors, which are said. */
	struct loaded loaded;
	struct policy_summary summary;	/* all zero without a policy */

	struct doctor_point *points;	/* in the order they were said */
	size_t count, room;
	bool repeated;		/* the last one had been said before */
	bool failed;
};

/*
 * Says a point: one line that tells what is so and, where it is not well, what comes of
 * it. Without a capital at its beginning or a full stop at its end. What was said before
 * in the same words is not said again.
 */
void doctor_say(struct doctor *doctor, enum doctor_level level, const char *id,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * What to write instead, of the point that was said last: "FILE:LINE: the whole line as
 * it should be", or what to do. One that is well has none.
 */
void doctor_fix(struct doctor *doctor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How many there are of that level. */
size_t doctor_count(const struct doctor *doctor, enum doctor_level level);

/* Writes all of them to standard output, faults first. Returns the exit status of that. */
int doctor_write(const struct doctor *doctor);

void doctor_free_points(struct doctor *doctor);

/*
 * The parts. The first two return whether there is such a mail server to look at. In
 * what is said, whatever was read is as it is: control characters are escaped where the
 * points are written.
 */
bool doctor_postfix(struct doctor *doctor);
bool doctor_sendmail(struct doctor *doctor);
void doctor_daemon(struct doctor *doctor);
void doctor_session(struct doctor *doctor);	/* one session with the daemon */

#endif
