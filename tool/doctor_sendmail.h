/*
 * doctor_sendmail.h - what the parts of doctor's look at Sendmail share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_DOCTOR_SENDMAIL_H
#define TLSWARD_TOOL_DOCTOR_SENDMAIL_H

#include "tool/doctor.h"
#include "tool/sendmail_cf.h"

struct sendmail_look {
	struct doctor *doctor;
	struct cf cf;
	struct cf_filter filter;	/* ours */
	const char *listen;		/* what it leads to, of the settings */
};

/*
 * Says what to write: "lines" as sendmail.cf has it, at "line" (0: nowhere yet), and "mc",
 * the same in sendmail.mc, from which that file is made.
 */
void sendmail_fix(const struct sendmail_look *look, unsigned line, const char *lines,
    const char *mc);

/*
 * Why Sendmail would not trust a file: what is wrong with a folder on its way, as
 * DontBlameSendmail is, or a symbolic link in its place. False: nothing is.
 */
bool sendmail_is_unsafe(const struct sendmail_look *look, const char *path, bool is_socket,
    char *why, size_t size);

/* Whether others than its owner can read a key, which is not excused either. */
bool sendmail_key_is_open(const struct sendmail_look *look, const char *path);

/* The parts. */
void sendmail_tls_points(struct sendmail_look *look);
void sendmail_socket_points(struct sendmail_look *look);
void sendmail_outgoing_points(struct sendmail_look *look);

#endif
