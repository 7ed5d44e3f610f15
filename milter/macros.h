/*
 * macros.h - the MTA's macros that the daemon reads, and at which stage.
 *
 * What is asked for and what is read is the same table, so that neither can be
 * forgotten. Thread-safe.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_MACROS_H
#define TLSWARD_MILTER_MACROS_H

#include <stdbool.h>
#include <libmilter/mfapi.h>

#include "settings/settings.h"

enum macro {
	MACRO_VERSION, MACRO_QUEUE_ID, MACRO_MAIL_ADDR, MACRO_RCPT_ADDR,
	MACRO_AUTH_AUTHEN, MACRO_CLIENT_ADDR, MACRO_CLIENT_PORT, MACRO_CLIENT_NAME,
	MACRO_CLIENT_PTR, MACRO_CLIENT_RESOLVE,
	MACRO_TLS_VERSION, MACRO_CIPHER, MACRO_CIPHER_BITS, MACRO_CERT_SUBJECT,
	MACRO_CERT_ISSUER, MACRO_VERIFY, MACRO_CN_SUBJECT, MACRO_CN_ISSUER,
	MACRO_CERT_FP,			/* with CertFingerprintAlgorithm, */
	MACRO_CERT_MD5,			/* and without it */
	MACRO_DAEMON_NAME, MACRO_DAEMON_ADDR, MACRO_DAEMON_PORT,
	MACRO_NONCE,			/* of tlsward doctor: no MTA is asked for it */
	MACRO_COUNT
};

/* Sendmail breaks off every SMTP session when a stage has more than this. */
#define MACROS_PER_STAGE_MAX 50

/* The longest list of one stage, as text. */
#define MACROS_LIST_MAX 512

/*
 * Asks, within the negotiation, for the macros of every stage: those that the MTA of
 * the setting can have, or, where which one it is will be told later, of both;
 * "correlated": with those that tell which connection of the MTA's it is. False when
 * that could not be said: then a macro that is absent is unknown, and not unset.
 */
bool macros_choose(SMFICTX *ctx, enum settings_mta mta, bool correlated);

/* The value in the newest stage that has the macro, or NULL; libmilter's. */
const char *macros_get(SMFICTX *ctx, enum macro macro);

/*
 * Writes the list asked for at "stage" (SMFIM_...) of "mta" into "list" of
 * MACROS_LIST_MAX bytes; returns how many macros are in it, or -1 where the stage has
 * no list.
 */
int macros_list(int stage, enum settings_mta mta, char *list);

#endif
