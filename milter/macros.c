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

/* Not const only because libmilter's prototypes are not. */
static char names[MACRO_COUNT][20] = {
#define NAME(name, text) text,
	MACROS(NAME)
#undef NAME
};

#define BIT(macro) (1ul << (macro))
/* What Postfix never has. */
#define SENDMAIL_ONLY \
	(BIT(MACRO_VERIFY) | BIT(MACRO_CN_SUBJECT) | BIT(MACRO_CN_ISSUER) | \
	BIT(MACRO_CERT_FP) | BIT(MACRO_CERT_MD5))
#define AT_MAIL \
	(BIT(MACRO_QUEUE_ID) | BIT(MACRO_MAIL_ADDR) | BIT(MACRO_AUTH_AUTHEN) | \
	BIT(MACRO_CLIENT_NAME) | BIT(MACRO_CLIENT_PTR) | BIT(MACRO_CLIENT_RESOLVE) | \
	BIT(MACRO_TLS_VERSION) | BIT(MACRO_CIPHER) | BIT(MACRO_CIPHER_BITS) | \
	BIT(MACRO_CERT_SUBJECT) | BIT(MACRO_CERT_ISSUER) | SENDMAIL_ONLY)

#define FOR_CORRELATION (BIT(MACRO_DAEMON_ADDR) | BIT(MACRO_DAEMON_PORT))

static const struct {
	int stage;
	unsigned long macros;
} stages[] = {
	/* First: without this one the MTA's own HELO list must stay. */
	{ SMFIM_ENVFROM, AT_MAIL },
	{ SMFIM_HELO, 0 },
	{ SMFIM_CONNECT, BIT(MACRO_VERSION) | FOR_CORRELATION },
	{ SMFIM_ENVRCPT, BIT(MACRO_QUEUE_ID) | BIT(MACRO_RCPT_ADDR) },
	{ SMFIM_DATA, BIT(MACRO_QUEUE_ID) },
	{ SMFIM_EOH, 0 },
	{ SMFIM_EOM, BIT(MACRO_QUEUE_ID) },
};

static int
write_list(unsigned long wanted, char *list)
{
	size_t length = 0;
	int count = 0;

	list[0] = '\0';
	for (int i = 0; i < MACRO_COUNT; i++) {
		if ((wanted & BIT(i)) == 0)
			continue;
		length += (size_t)snprintf(list + length, MACROS_LIST_MAX - length,
		    "%s%s", count > 0 ? " " : "", names[i]);
		count++;
	}
	return count;
}

/* The MTA says which one it is only after it was told what to send. */
static unsigned long
left_out(enum settings_mta mta)
{
	return mta == SETTINGS_MTA_POSTFIX ? SENDMAIL_ONLY : 0;
}

int
macros_list(int stage, enum settings_mta mta, char *list)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (stages[i].stage == stage)
			return write_list(stages[i].macros & ~left_out(mta), list);
	return -1;
}

bool
macros_choose(SMFICTX *ctx, enum settings_mta mta, bool correlated)
{
	const unsigned long unwanted = correlated ? 0 : FOR_CORRELATION;
	char list[MACROS_LIST_MAX];

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		(void)write_list(stages[i].macros & ~left_out(mta) & ~unwanted, list);
		if (smfi_setsymlist(ctx, stages[i].stage, list) != MI_SUCCESS)
			return false;
	}
	return true;
}

const char *
macros_get(SMFICTX *ctx, enum macro macro)
{
	return smfi_getsymval(ctx, names[macro]);
}
