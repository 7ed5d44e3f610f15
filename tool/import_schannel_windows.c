/*
 * import_schannel_windows.c - what each Windows speaks without a key that says otherwise.
 *
 * Sources: Microsoft, "Protocols in TLS/SSL (Schannel SSP)" and the pages "TLS Cipher
 * Suites in Windows ..."; the suites of Windows 2003 by article 245030, their order by the
 * Platform SDK of 2000, "Schannel supported protocols". That Windows 2025 has TLS 1.0 and
 * 1.1 off is from memory.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_schannel.h"

#include <string.h>
#include <strings.h>

/* AES came to Windows 2003 by the update 948963 alone. */
#define SUITES_2003 "RC4-MD5 RC4-SHA DES-CBC3-SHA DES-CBC-SHA EXP1024-RC4-SHA " \
    "EXP1024-DES-CBC-SHA EXP-RC4-MD5 EXP-RC2-CBC-MD5 EDH-DSS-DES-CBC3-SHA " \
    "EDH-DSS-DES-CBC-SHA EXP1024-DHE-DSS-DES-CBC-SHA"
#define SUITES_2008 "AES128-SHA AES256-SHA RC4-SHA DES-CBC3-SHA ECDHE-ECDSA-AES128-SHA " \
    "ECDHE-ECDSA-AES256-SHA ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA " \
    "DHE-DSS-AES128-SHA DHE-DSS-AES256-SHA EDH-DSS-DES-CBC3-SHA RC4-MD5"
#define SUITES_2012 "ECDHE-RSA-AES256-SHA384 ECDHE-RSA-AES128-SHA256 " \
    "ECDHE-RSA-AES256-SHA ECDHE-RSA-AES128-SHA DHE-RSA-AES256-GCM-SHA384 " \
    "DHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES256-SHA DHE-RSA-AES128-SHA " \
    "AES256-GCM-SHA384 AES128-GCM-SHA256 AES256-SHA256 AES128-SHA256 AES256-SHA " \
    "AES128-SHA ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 " \
    "ECDHE-ECDSA-AES256-SHA384 ECDHE-ECDSA-AES128-SHA256 ECDHE-ECDSA-AES256-SHA " \
    "ECDHE-ECDSA-AES128-SHA DHE-DSS-AES256-SHA256 DHE-DSS-AES128-SHA256 " \
    "DHE-DSS-AES256-SHA DHE-DSS-AES128-SHA DES-CBC3-SHA EDH-DSS-DES-CBC3-SHA RC4-SHA " \
    "RC4-MD5"
#define SUITES_NEW "ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 " \
    "ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 " \
    "DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-SHA384 " \
    "ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES256-SHA384 ECDHE-RSA-AES128-SHA256 " \
    "ECDHE-ECDSA-AES256-SHA ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES256-SHA " \
    "ECDHE-RSA-AES128-SHA"
#define SUITES_RSA "AES256-GCM-SHA384 AES128-GCM-SHA256 AES256-SHA256 AES128-SHA256 " \
    "AES256-SHA AES128-SHA DES-CBC3-SHA"
#define SUITES_2016 SUITES_NEW " DHE-RSA-AES256-SHA DHE-RSA-AES128-SHA " SUITES_RSA \
    " DHE-DSS-AES256-SHA256 DHE-DSS-AES128-SHA256 DHE-DSS-AES256-SHA " \
    "DHE-DSS-AES128-SHA EDH-DSS-DES-CBC3-SHA RC4-SHA RC4-MD5"
#define SUITES_2019 SUITES_NEW " " SUITES_RSA
#define SUITES_2022 "TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 " SUITES_2019
/* What there is beside its defaults, and is used where an order of suites names it. */
#define MORE_OLD "DES-CBC-SHA EXP1024-RC4-SHA EXP1024-DES-CBC-SHA EXP-RC4-MD5 " \
    "EDH-DSS-DES-CBC-SHA EXP1024-DHE-DSS-DES-CBC-SHA NULL-MD5 NULL-SHA NULL-SHA256"
#define MORE_NEW "DHE-RSA-AES256-SHA DHE-RSA-AES128-SHA DHE-DSS-AES256-SHA256 " \
    "DHE-DSS-AES128-SHA256 DHE-DSS-AES256-SHA DHE-DSS-AES128-SHA EDH-DSS-DES-CBC3-SHA " \
    "RC4-SHA RC4-MD5 " MORE_OLD

/* Windows 2008 has TLS 1.1 and 1.2 since an update. */
static const struct windows windows[] = {
	{ 2003, "Windows 2003", "+++---", "+++---", SUITES_2003, "NULL-MD5 NULL-SHA" },
	{ 2003, "Windows 2003 R2", "+++---", "+++---", SUITES_2003, "NULL-MD5 NULL-SHA" },
	{ 2008, "Windows 2008", "a++aa-", "+++aa-", SUITES_2008, MORE_OLD },
	{ 2008, "Windows 2008 R2", "a++aa-", "+++aa-", SUITES_2012, MORE_OLD },
	{ 2012, "Windows 2012", "a++++-", "a++++-", SUITES_2012, MORE_OLD },
	{ 2012, "Windows 2012 R2", "a++++-", "a++++-", SUITES_2012, MORE_OLD },
	{ 2016, "Windows 2016", "-a+++-", "-a+++-", SUITES_2016, MORE_OLD },
	{ 2019, "Windows 2019", "-a+++-", "-a+++-", SUITES_2019, MORE_NEW },
	{ 2022, "Windows 2022", "-a++++", "-a++++", SUITES_2022,
	    MORE_NEW " TLS_CHACHA20_POLY1305_SHA256" },
	{ 2025, "Windows 2025", "-aaa++", "-aaa++", SUITES_2022,
	    MORE_NEW " TLS_CHACHA20_POLY1305_SHA256" }
};
#define WINDOWS_COUNT (sizeof(windows) / sizeof(windows[0]))

/* Behind "Windows ". */
static const char *
windows_word(const struct windows *row)
{
	return row->name + strlen("Windows ");
}

const struct windows *
windows_of(const char *word)
{
	for (size_t row = 0; row < WINDOWS_COUNT; row++) {
		const char *year = windows_word(&windows[row]);

		if (strncmp(word, year, 4) == 0 &&
		    strcasecmp(word + 4 + (word[4] == ' '), year + 4 + (year[4] == ' ')) == 0)
			return &windows[row];
	}
	return NULL;
}

const struct windows *
windows_after(const struct windows *row)
{
	return row + 1 < windows + WINDOWS_COUNT ? row + 1 : NULL;
}

const struct windows *
windows_named(const char *text)
{
	for (size_t row = WINDOWS_COUNT; row-- > 0;)
		if (strstr(text, windows_word(&windows[row])) != NULL)
			return &windows[row];
	return NULL;
}

bool
windows_has(const struct windows *row, const struct suite *suite)
{
	struct host_side all = { .suite_count = 0 };

	host_add_names(&all, row->suites);
	host_add_names(&all, row->more);
	for (size_t i = 0; i < all.suite_count; i++)
		if (all.suites[i] == suite)
			return true;
	return false;
}
