/*
 * import_suites.c - what the cipher suites are worth that settings of other systems name.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_host.h"

#include <stdint.h>
#include <string.h>

const struct suite *
host_suite(unsigned code)
{
	const struct suite *suite = code <= UINT16_MAX ? suite_of_code((uint16_t)code) : NULL;

	return suite != NULL && suite->standard != NULL ? suite : NULL;
}

/* What the cipher in a suite's IANA name is; the first that fits. */
static const struct {
	const char *part, *words;
	enum suite_class class;
} ciphers[] = {
	{ "_NULL_", "NULL", CLASS_NULL },
	{ "_RC4_40", "RC4 (40 bits)", CLASS_BROKEN },
	{ "_RC4_56", "RC4 (56 bits)", CLASS_BROKEN },
	{ "_RC2_CBC_40", "RC2 (40 bits)", CLASS_BROKEN },
	{ "_DES40", "DES (40 bits)", CLASS_BROKEN },
	{ "_3DES", "triple DES", CLASS_3DES },
	{ "_DES_", "DES", CLASS_BROKEN },
	{ "_RC4_128", "RC4", CLASS_RC4 },
	{ "AES_128", "AES-128", CLASS_GOOD },
	{ "AES_256", "AES-256", CLASS_GOOD },
	{ "CHACHA20", "ChaCha20", CLASS_GOOD }
};

/* The row of a suite: each has one, as the tests hold. */
static size_t
suite_row(const struct suite *suite)
{
	size_t row = 0;

	while (row + 1 < sizeof(ciphers) / sizeof(ciphers[0]) &&
	    strstr(suite->standard, ciphers[row].part) == NULL)
		row++;
	return row;
}

enum suite_class
suite_class(const struct suite *suite)
{
	return ciphers[suite_row(suite)].class;
}

const char *
suite_cipher(const struct suite *suite)
{
	return ciphers[suite_row(suite)].words;
}

enum host_version
suite_oldest(const struct suite *suite)
{
	const char *name = suite->standard;

	if (strstr(name, "_WITH_") == NULL)
		return HOST_TLS_1_3;
	if (strstr(name, "_SHA256") != NULL || strstr(name, "_SHA384") != NULL)
		return HOST_TLS_1_2;	/* RFC 5246 and 5288: by its hash, and GCM's */
	return strstr(name, "_ECDHE_") != NULL ? HOST_TLS_1_0 : HOST_SSL_3;
}

bool
suite_goes_with(const struct suite *suite, enum host_version version)
{
	enum host_version oldest = suite_oldest(suite);

	return (version == HOST_TLS_1_3) == (oldest == HOST_TLS_1_3) && version >= oldest;
}

static const char *const version_names[HOST_VERSIONS][2] = {
	{ "SSL 2.0", "SSLv2" }, { "SSL 3.0", "SSLv3" }, { "TLS 1.0", "TLSv1.0" },
	{ "TLS 1.1", "TLSv1.1" }, { "TLS 1.2", "TLSv1.2" }, { "TLS 1.3", "TLSv1.3" }
};

const char *
host_version_name(enum host_version version)
{
	return version_names[version][0];
}

const char *
host_version_record(enum host_version version)
{
	return version_names[version][1];
}
