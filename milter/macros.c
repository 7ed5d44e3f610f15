/*
 * macros.c - the MTA's macros that the daemon reads, and at which stage.
 *
 * The TLS macros are asked for at MAIL, not at HELO: a client may go from
 * STARTTLS straight to MAIL, and the HELO before STARTTLS was in clear text.
 * smfi_setsymlist() replaces a stage's own list, and an empty one saves the MTA
 * a packet for each command or header.
 *
 * The MAIL list must have a macro that is always there ({client_name} in Postfix,
 * i in Sendmail): where a stage brings none at all, libmilter keeps those of the
 * message before.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/macros.h"

#include <stdio.h>
#include <string.h>

/* Where a macro is asked for, and which not always. */
enum {
	AT_CONNECT = 1, AT_MAIL = 2, AT_RCPT = 4, AT_DATA = 8, AT_END = 16,
	SENDMAIL_ONLY = 32, FOR_CORRELATION = 64
};

/* Not const only because libmilter's prototypes are not. */
static struct {
	char name[20];
	unsigned where;
} macros[MACRO_COUNT] = {
	[MACRO_VERSION] = { "v", AT_CONNECT },
	[MACRO_QUEUE_ID] = { "i", AT_MAIL | AT_RCPT | AT_DATA | AT_END },
	[MACRO_MAIL_ADDR] = { "{mail_addr}", AT_MAIL },
	[MACRO_RCPT_ADDR] = { "{rcpt_addr}", AT_RCPT },
	[MACRO_AUTH_AUTHEN] = { "{auth_authen}", AT_MAIL },
	[MACRO_CLIENT_ADDR] = { "{client_addr}", AT_MAIL },
	[MACRO_CLIENT_PORT] = { "{client_port}", AT_MAIL },
	[MACRO_CLIENT_NAME] = { "{client_name}", AT_MAIL },
	[MACRO_CLIENT_PTR] = { "{client_ptr}", AT_MAIL },
	[MACRO_CLIENT_RESOLVE] = { "{client_resolve}", AT_MAIL },
	[MACRO_TLS_VERSION] = { "{tls_version}", AT_MAIL },
	[MACRO_CIPHER] = { "{cipher}", AT_MAIL },
	[MACRO_CIPHER_BITS] = { "{cipher_bits}", AT_MAIL },
	[MACRO_CERT_SUBJECT] = { "{cert_subject}", AT_MAIL },
	[MACRO_CERT_ISSUER] = { "{cert_issuer}", AT_MAIL },
	[MACRO_VERIFY] = { "{verify}", AT_MAIL | SENDMAIL_ONLY },
	[MACRO_CN_SUBJECT] = { "{cn_subject}", AT_MAIL | SENDMAIL_ONLY },
	[MACRO_CN_ISSUER] = { "{cn_issuer}", AT_MAIL | SENDMAIL_ONLY },
	[MACRO_CERT_FP] = { "{cert_fp}", AT_MAIL | SENDMAIL_ONLY },
	[MACRO_CERT_MD5] = { "{cert_md5}", AT_MAIL | SENDMAIL_ONLY },
	[MACRO_DAEMON_NAME] = { "{daemon_name}", AT_CONNECT },
	[MACRO_DAEMON_ADDR] = { "{daemon_addr}", AT_CONNECT | FOR_CORRELATION },
	[MACRO_DAEMON_PORT] = { "{daemon_port}", AT_CONNECT | FOR_CORRELATION },
	[MACRO_NONCE] = { "{tlsward_nonce}", 0 },
};

static const struct {
	int stage;
	unsigned where;
} stages[] = {
	/* First: without this one the MTA's own HELO list must stay. */
	{ SMFIM_ENVFROM, AT_MAIL }, { SMFIM_HELO, 0 }, { SMFIM_CONNECT, AT_CONNECT },
	{ SMFIM_ENVRCPT, AT_RCPT }, { SMFIM_DATA, AT_DATA }, { SMFIM_EOH, 0 },
	{ SMFIM_EOM, AT_END },
};

static int
write_list(unsigned where, unsigned unwanted, char *list)
{
	size_t length = 0;
	int count = 0;

	list[0] = '\0';
	for (int i = 0; i < MACRO_COUNT; i++) {
		if ((macros[i].where & where) == 0 || (macros[i].where & unwanted) != 0)
			continue;
		length += (size_t)snprintf(list + length, MACROS_LIST_MAX - length,
		    "%s%s", count > 0 ? " " : "", macros[i].name);
		count++;
	}
	return count;
}

/* The MTA says which one it is only after it was told what to send. */
static unsigned
left_out(enum settings_mta mta)
{
	return mta == SETTINGS_MTA_POSTFIX ? SENDMAIL_ONLY : 0;
}

int
macros_list(int stage, enum settings_mta mta, char *list)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (stages[i].stage == stage)
			return write_list(stages[i].where, left_out(mta), list);
	return -1;
}

bool
macros_choose(SMFICTX *ctx, enum settings_mta mta, bool correlated)
{
	unsigned unwanted = left_out(mta) | (correlated ? 0 : FOR_CORRELATION);
	char list[MACROS_LIST_MAX];

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		(void)write_list(stages[i].where, unwanted, list);
		if (smfi_setsymlist(ctx, stages[i].stage, list) != MI_SUCCESS)
			return false;
	}
	return true;
}

const char *
macros_get(SMFICTX *ctx, enum macro macro)
{
	return smfi_getsymval(ctx, macros[macro].name);
}
