/*
 * doctor_milter.h - the mail server's side of the milter protocol, version 6, as far as a
 * session goes that ends before DATA: libmilter/mfdef.h.
 *
 * What comes from the other side is bounded in size and in time, and may be anything. Used
 * by one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_DOCTOR_MILTER_H
#define TLSWARD_TOOL_DOCTOR_MILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Each step takes at most so long. */
#define TALK_MS 5000

#define TALK_WHY_MAX 256

/* A connection to a milter. Start from TALK_INIT. */
struct talk {
	int fd;
	uint32_t silent;		/* the commands that are not answered: SMFIP_NR_... */
	bool asks_tls;			/* it wants {tls_version} at MAIL */
	struct buffer macros;		/* for the next command: names and values */
	struct buffer packet;
	char why[TALK_WHY_MAX];		/* what went wrong, in words */
};
#define TALK_INIT { .fd = -1, .macros = BUFFER_INIT, .packet = BUFFER_INIT }

enum talk_answer {
	TALK_CONTINUES,
	TALK_ACCEPTS,			/* and is to be asked no more of this message */
	TALK_REFUSES,			/* "text" says how, or is empty */
	TALK_BROKEN			/* talk->why: it is gone, slow, or no milter */
};

/* Longer ones are cut. */
#define TALK_TEXT_MAX 1024

/*
 * Connects to an address as settings have it, "unix:/path" or "inet:port@host". False:
 * talk->why, and *error is the errno (0: of another kind). To be closed in any case.
 */
bool talk_open(struct talk *talk, const char *address, int *error);
void talk_close(struct talk *talk);

/* Offers all that an MTA of today can. False where it is no milter. */
bool talk_negotiate(struct talk *talk);

/* A macro of the next command. */
void talk_macro(struct talk *talk, const char *name, const char *value);

/* The client: an IPv4 address. */
enum talk_answer talk_connect(struct talk *talk, const char *name, const char *address,
    uint16_t port);

/* 'H', 'M' or 'R' with its argument, and 'A' and 'Q', which are not answered. */
enum talk_answer talk_say(struct talk *talk, char command, const char *argument,
    char text[TALK_TEXT_MAX]);

#endif
