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
#include <stddef.h>
#include <libmilter/mfapi.h>

#include "settings/settings.h"

#define MACROS(X) \
	X(VERSION, "v") /* which MTA this is */ \
	X(QUEUE_ID, "i") \
	X(MAIL_ADDR, "{mail_addr}") \
	X(RCPT_ADDR, "{rcpt_addr}") \
	X(AUTH_AUTHEN, "{auth_authen}") \
	X(CLIENT_NAME, "{client_name}") \
	X(CLIENT_PTR, "{client_ptr}") \
	X(CLIENT_RESOLVE, "{client_resolve}") \
	X(TLS_VERSION, "{tls_version}") \
	X(CIPHER, "{cipher}") \
	X(CIPHER_BITS, "{cipher_bits}") \
	X(CERT_SUBJECT, "{cert_subject}") \
	X(CERT_ISSUER, "{cert_issuer}") \
	X(VERIFY, "{verify}") \
	X(CN_SUBJECT, "{cn_subject}") \
	X(CN_ISSUER, "{cn_issuer}") \
	X(CERT_FP, "{cert_fp}") /* with CertFingerprintAlgorithm, */ \
	X(CERT_MD5, "{cert_md5}") /* and without it */ \
	X(DAEMON_ADDR, "{daemon_addr}") /* asked for beside a policy service, */ \
	X(DAEMON_PORT, "{daemon_port}") /* likewise */

enum macro {
#define ENUMERATOR(name, text) MACRO_##name,
	MACROS(ENUMERATOR)
#undef ENUMERATOR
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
