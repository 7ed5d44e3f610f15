/*
 * import_suites.c - the cipher suites that settings of other systems name.
 *
 * Codes and names: IANA's registry "TLS Cipher Suites"; EXPORT1024 by
 * draft-ietf-tls-56-bit-ciphersuites; OpenSSL's names as openssl-ciphers(1) of 1.0.1 on.
 * No pre-shared keys, and none without authentication: no mail server has these.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_host.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static const struct suite suites[] = {
	{ 0x0001, "TLS_RSA_WITH_NULL_MD5", "NULL-MD5" },
	{ 0x0002, "TLS_RSA_WITH_NULL_SHA", "NULL-SHA" },
	{ 0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5", "EXP-RC4-MD5" },
	{ 0x0004, "TLS_RSA_WITH_RC4_128_MD5", "RC4-MD5" },
	{ 0x0005, "TLS_RSA_WITH_RC4_128_SHA", "RC4-SHA" },
	{ 0x0006, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5", "EXP-RC2-CBC-MD5" },
	{ 0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", "EXP-DES-CBC-SHA" },
	{ 0x0009, "TLS_RSA_WITH_DES_CBC_SHA", "DES-CBC-SHA" },
	{ 0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA" },
	{ 0x0011, "TLS_DHE_DSS_EXPORT_WITH_DES40_CBC_SHA", "EXP-EDH-DSS-DES-CBC-SHA" },
	{ 0x0012, "TLS_DHE_DSS_WITH_DES_CBC_SHA", "EDH-DSS-DES-CBC-SHA" },
	{ 0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA", "EDH-DSS-DES-CBC3-SHA" },
	{ 0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", "EXP-EDH-RSA-DES-CBC-SHA" },
	{ 0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA", "EDH-RSA-DES-CBC-SHA" },
	{ 0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", "EDH-RSA-DES-CBC3-SHA" },
	{ 0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA" },
	{ 0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", "DHE-DSS-AES128-SHA" },
	{ 0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "DHE-RSA-AES128-SHA" },
	{ 0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA" },
	{ 0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", "DHE-DSS-AES256-SHA" },
	{ 0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "DHE-RSA-AES256-SHA" },
	{ 0x003B, "TLS_RSA_WITH_NULL_SHA256", "NULL-SHA256" },
	{ 0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256" },
	{ 0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256", "AES256-SHA256" },
	{ 0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256", "DHE-DSS-AES128-SHA256" },
	{ 0x0062, "TLS_RSA_EXPORT1024_WITH_DES_CBC_SHA", "EXP1024-DES-CBC-SHA" },
	{ 0x0063, "TLS_DHE_DSS_EXPORT1024_WITH_DES_CBC_SHA", "EXP1024-DHE-DSS-DES-CBC-SHA" },
	{ 0x0064, "TLS_RSA_EXPORT1024_WITH_RC4_56_SHA", "EXP1024-RC4-SHA" },
	{ 0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", "DHE-RSA-AES128-SHA256" },
	{ 0x006A, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", "DHE-DSS-AES256-SHA256" },
	{ 0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "DHE-RSA-AES256-SHA256" },
	{ 0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256" },
	{ 0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384" },
	{ 0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE-RSA-AES128-GCM-SHA256" },
	{ 0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384" },
	{ 0x00A2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256", "DHE-DSS-AES128-GCM-SHA256" },
	{ 0x00A3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384", "DHE-DSS-AES256-GCM-SHA384" },
	{ 0x1301, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256" },
	{ 0x1302, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384" },
	{ 0x1303, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256" },
	{ 0xC006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA", "ECDHE-ECDSA-NULL-SHA" },
	{ 0xC007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "ECDHE-ECDSA-RC4-SHA" },
	{ 0xC008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-ECDSA-DES-CBC3-SHA" },
	{ 0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA" },
	{ 0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA" },
	{ 0xC010, "TLS_ECDHE_RSA_WITH_NULL_SHA", "ECDHE-RSA-NULL-SHA" },
	{ 0xC011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA", "ECDHE-RSA-RC4-SHA" },
	{ 0xC012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-RSA-DES-CBC3-SHA" },
	{ 0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA" },
	{ 0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA" },
	{ 0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256" },
	{ 0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "ECDHE-ECDSA-AES256-SHA384" },
	{ 0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256" },
	{ 0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384" },
	{ 0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ 0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ 0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256" },
	{ 0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384" },
	{ 0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305" },
	{ 0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	    "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ 0xCCAA, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "DHE-RSA-CHACHA20-POLY1305" }
};
#define SUITE_COUNT (sizeof(suites) / sizeof(suites[0]))

const struct suite *
suite_at(size_t index)
{
	return index < SUITE_COUNT ? &suites[index] : NULL;
}

const struct suite *
suite_by_standard(const char *name, size_t length)
{
	for (size_t i = 0; i < SUITE_COUNT; i++)
		if (strlen(suites[i].standard) == length &&
		    strncasecmp(suites[i].standard, name, length) == 0)
			return &suites[i];
	return NULL;
}

const struct suite *
suite_by_code(unsigned code)
{
	for (size_t i = 0; i < SUITE_COUNT; i++)
		if (suites[i].code == code)
			return &suites[i];
	return NULL;
}

const struct suite *
suite_by_name(const char *name)
{
	for (size_t i = 0; i < SUITE_COUNT; i++)
		if (strcmp(suites[i].name, name) == 0)
			return &suites[i];
	return NULL;
}

/* What the cipher in a suite's IANA name is; the first that fits. */
static const struct {
	const char *part, *words;
	enum suite_class class;
} ciphers[] = {
	{ "_NULL_", "NULL", SUITE_NULL },
	{ "_RC4_40", "RC4 (40 bits)", SUITE_BROKEN },
	{ "_RC4_56", "RC4 (56 bits)", SUITE_BROKEN },
	{ "_RC2_CBC_40", "RC2 (40 bits)", SUITE_BROKEN },
	{ "_DES40", "DES (40 bits)", SUITE_BROKEN },
	{ "_3DES", "triple DES", SUITE_3DES },
	{ "_DES_", "DES", SUITE_BROKEN },
	{ "_RC4_128", "RC4", SUITE_RC4 },
	{ "AES_128", "AES-128", SUITE_GOOD },
	{ "AES_256", "AES-256", SUITE_GOOD },
	{ "CHACHA20", "ChaCha20", SUITE_GOOD }
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
