/*
 * floor.c - a milter that decides nothing: what libmilter itself costs.
 *
 *	floor SOCKET mail|rcpt|end
 *
 * It asks for the same macros as the daemon. "mail" wants to give no replies to
 * connect and helo and accepts at MAIL: the least that can be done; "rcpt" replies to
 * all four and accepts at RCPT; "end" wants all but the body, gives no replies that it
 * need not give, and accepts at the end of the message.
 *
 * SPDX-License-Identifier: ISC
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>

#include "milter/macros.h"

static int at_rcpt, at_end;

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long unused1, unsigned long unused2, unsigned long *wanted_actions,
    unsigned long *wanted_steps, unsigned long *out1, unsigned long *out2)
{
	(void)unused1;
	(void)unused2;
	(void)macros_choose(ctx, SETTINGS_MTA_AUTO, false);
	*wanted_actions = actions & SMFIF_SETSYMLIST;
	*wanted_steps = steps & (SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY |
	    SMFIP_NOUNKNOWN | SMFIP_NODATA);
	if (!at_rcpt)
		*wanted_steps |= steps & (SMFIP_NR_CONN | SMFIP_NR_HELO);
	if (at_end)
		*wanted_steps = steps & (SMFIP_NOBODY | SMFIP_NOUNKNOWN |
		    SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT |
		    SMFIP_NR_DATA | SMFIP_NR_HDR | SMFIP_NR_EOH);
	*out1 = *out2 = 0;
	return SMFIS_CONTINUE;
}

static sfsistat
on_connect(SMFICTX *ctx, char *host, struct sockaddr *address)
{
	(void)ctx;
	(void)host;
	(void)address;
	return at_rcpt ? SMFIS_CONTINUE : SMFIS_NOREPLY;
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	(void)ctx;
	(void)name;
	return at_rcpt ? SMFIS_CONTINUE : SMFIS_NOREPLY;
}

static sfsistat
on_mail(SMFICTX *ctx, char **arguments)
{
	(void)ctx;
	(void)arguments;
	return at_end ? SMFIS_NOREPLY : at_rcpt ? SMFIS_CONTINUE : SMFIS_ACCEPT;
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **arguments)
{
	(void)ctx;
	(void)arguments;
	return at_end ? SMFIS_NOREPLY : SMFIS_ACCEPT;
}

static sfsistat
on_data(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_NOREPLY;
}

static sfsistat
on_header(SMFICTX *ctx, char *field, char *value)
{
	(void)ctx;
	(void)field;
	(void)value;
	return SMFIS_NOREPLY;
}

static sfsistat
on_end(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_ACCEPT;
}

int
main(int argc, char **argv)
{
	static char name[] = "floor";
	const struct smfiDesc description = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_data = on_data,
		.xxfi_header = on_header,
		.xxfi_eoh = on_data,
		.xxfi_eom = on_end,
		.xxfi_negotiate = on_negotiate,
	};

	if (argc != 3)
		return 2;
	at_rcpt = strcmp(argv[2], "rcpt") == 0;
	at_end = strcmp(argv[2], "end") == 0;
	if (smfi_register(description) != MI_SUCCESS ||
	    smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_setbacklog(4096) != MI_SUCCESS || smfi_main() != MI_SUCCESS)
		return 1;
	return 0;
}
