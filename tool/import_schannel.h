/*
 * import_schannel.h - what the files of `tlsward import schannel` share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_IMPORT_SCHANNEL_H
#define TLSWARD_TOOL_IMPORT_SCHANNEL_H

#include "tool/import_host.h"
#include "tool/import_schannel_reg.h"

/*
 * The defaults of a Windows. As a client and as a server, a letter for each of SSL 2.0 to
 * TLS 1.3: "+" on, "a" off unless a program asks for it or a key says so, "-" not there.
 */
struct windows {
	int year;
	const char *name;	/* "Windows 2008 R2" */
	const char *client, *server;
	const char *suites;	/* in its order, by OpenSSL's names */
	const char *more;	/* that it has, and uses where an order of suites names them */
};

/* That of --windows: "2003", "2008R2", "2012 r2"; or NULL. */
const struct windows *windows_of(const char *word);

/* The next newer one, or NULL. */
const struct windows *windows_after(const struct windows *row);

/* The one that a text names, as "Windows Server 2012 R2 Standard"; or NULL. */
const struct windows *windows_named(const char *text);

/* Whether it has the suite at all. */
bool windows_has(const struct windows *row, const struct suite *suite);

#endif
