/*
 * probe_smtp.h - SMTP up to STARTTLS (RFC 5321, RFC 3207).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_SMTP_H
#define TLSWARD_TOOL_PROBE_SMTP_H

#include "tool/probe.h"
#include "tool/probe_wire.h"

#define REPLY_LINES_MAX 128
#define REPLY_LINE_MAX 1024	/* twice what RFC 5321 section 4.5.3.1.5 has */

enum reply_state {
	REPLY_MORE,		/* it goes on */
	REPLY_WHOLE,
	REPLY_NONSENSE		/* no reply of SMTP, or one that has no end */
};

/* A reply, as it comes; begins as zeros. */
struct reply {
	int code;
	unsigned lines;
	bool starttls;		/* a line announces it */
	char text[PROBE_TEXT];	/* its first line with the code, escaped */
	uint8_t line[REPLY_LINE_MAX];	/* the one that is not whole */
	size_t length;
};

/* Takes bytes, until the reply is whole: *taken are then those that belong to it. */
enum reply_state reply_take(struct reply *reply, const uint8_t *bytes, size_t length,
    size_t *taken);

/* How a conversation went. */
enum smtp_result {
	SMTP_FINE,		/* the reply was 2xx; in the end: TLS begins */
	SMTP_NO_STARTTLS,	/* it is not announced */
	SMTP_REFUSED,		/* 4xx or 5xx, or nothing, where there should be a reply */
	SMTP_LEAVE,		/* 421 */
	SMTP_NONSENSE,
	SMTP_UNREACHED,		/* no connection */
	SMTP_DEADLINE
};

/* What one conversation showed; the members are those of struct probe_address. */
struct smtp_told {
	enum probe_reached reached;	/* REACHED_STARTTLS at most */
	int error;
	char said[PROBE_TEXT];
	char banner[PROBE_TEXT];
	bool starttls;
};

/*
 * Connects to an address and gets so far that TLS can begin on "wire", which the caller
 * closes in any case. *told is written anew.
 */
enum smtp_result smtp_begin(struct wire *wire, struct probe_budget *budget,
    const struct probe_address *address, const char *host, const char *what,
    struct smtp_told *told);

#endif
