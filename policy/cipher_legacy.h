/*
 * cipher_legacy.h - suites that this OpenSSL may no longer build, so that an old
 * partner's session is judged and not guessed.
 *
 * Names, secret bits and key exchange are those of OpenSSL 1.0.2's and 1.0.1's
 * tables (ssl/s3_lib.c, ssl/s2_lib.c; openssl-ciphers(1) of those releases):
 * single DES 56, triple DES 112, EXPORT 40 or 56 bits; "DH-" and "ECDH-" without
 * E are the static key exchanges, which are not ephemeral. An entry that OpenSSL
 * has itself is not used.
 *
 * The last two are the integrity-only suites of RFC 9150 for TLS 1.3, which do
 * not encrypt.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_CIPHER_LEGACY_H
#define TLSWARD_POLICY_CIPHER_LEGACY_H

#include <stdbool.h>

static const struct {
	int bits;		/* secret ones */
	bool forward_secrecy;
	bool aead;
	bool tls13;
	const char *names;
} cipher_legacy[] = {
	{ 40, false, false, false,
	    "EXP-RC4-MD5 EXP-RC2-CBC-MD5 EXP-DES-CBC-SHA EXP-DH-DSS-DES-CBC-SHA "
	    "EXP-DH-RSA-DES-CBC-SHA" },
	{ 40, true, false, false,
	    "EXP-EDH-DSS-DES-CBC-SHA EXP-EDH-RSA-DES-CBC-SHA EXP-ADH-RC4-MD5 "
	    "EXP-ADH-DES-CBC-SHA" },
	{ 56, false, false, false,
	    "EXP1024-DES-CBC-SHA EXP1024-RC4-SHA EXP1024-RC4-MD5 "
	    "EXP1024-RC2-CBC-MD5 DES-CBC-SHA DH-DSS-DES-CBC-SHA DH-RSA-DES-CBC-SHA" },
	{ 56, true, false, false,
	    "EXP1024-DHE-DSS-DES-CBC-SHA EXP1024-DHE-DSS-RC4-SHA "
	    "EDH-DSS-DES-CBC-SHA EDH-RSA-DES-CBC-SHA DHE-DSS-DES-CBC-SHA "
	    "DHE-RSA-DES-CBC-SHA ADH-DES-CBC-SHA" },
	{ 128, false, false, false,
	    "RC4-MD5 RC4-SHA PSK-RC4-SHA DHE-PSK-RC4-SHA RSA-PSK-RC4-SHA "
	    "ECDHE-PSK-RC4-SHA ECDH-RSA-RC4-SHA ECDH-ECDSA-RC4-SHA RC2-CBC-MD5 "
	    "IDEA-CBC-MD5 IDEA-CBC-SHA SEED-SHA DH-DSS-SEED-SHA DH-RSA-SEED-SHA "
	    "DH-DSS-AES128-SHA DH-DSS-AES128-SHA256 DH-DSS-CAMELLIA128-SHA "
	    "DH-RSA-AES128-SHA DH-RSA-AES128-SHA256 DH-RSA-CAMELLIA128-SHA "
	    "ECDH-RSA-AES128-SHA ECDH-RSA-AES128-SHA256 ECDH-ECDSA-AES128-SHA "
	    "ECDH-ECDSA-AES128-SHA256" },
	{ 128, true, false, false,
	    "ADH-RC4-MD5 DHE-DSS-RC4-SHA ECDHE-RSA-RC4-SHA ECDHE-ECDSA-RC4-SHA "
	    "AECDH-RC4-SHA DHE-DSS-SEED-SHA DHE-RSA-SEED-SHA ADH-SEED-SHA" },
	{ 112, false, false, false,
	    "DES-CBC3-SHA DES-CBC3-MD5 DH-DSS-DES-CBC3-SHA DH-RSA-DES-CBC3-SHA "
	    "ECDH-RSA-DES-CBC3-SHA ECDH-ECDSA-DES-CBC3-SHA PSK-3DES-EDE-CBC-SHA "
	    "DHE-PSK-3DES-EDE-CBC-SHA RSA-PSK-3DES-EDE-CBC-SHA "
	    "ECDHE-PSK-3DES-EDE-CBC-SHA SRP-3DES-EDE-CBC-SHA "
	    "SRP-RSA-3DES-EDE-CBC-SHA SRP-DSS-3DES-EDE-CBC-SHA" },
	{ 112, true, false, false,
	    "EDH-DSS-DES-CBC3-SHA EDH-RSA-DES-CBC3-SHA DHE-DSS-DES-CBC3-SHA "
	    "DHE-RSA-DES-CBC3-SHA ADH-DES-CBC3-SHA ECDHE-RSA-DES-CBC3-SHA "
	    "ECDHE-ECDSA-DES-CBC3-SHA AECDH-DES-CBC3-SHA" },
	{ 128, false, true, false,
	    "DH-DSS-AES128-GCM-SHA256 DH-RSA-AES128-GCM-SHA256 "
	    "ECDH-RSA-AES128-GCM-SHA256 ECDH-ECDSA-AES128-GCM-SHA256" },
	{ 256, false, false, false,
	    "DH-DSS-AES256-SHA DH-DSS-AES256-SHA256 DH-DSS-CAMELLIA256-SHA "
	    "DH-RSA-AES256-SHA DH-RSA-AES256-SHA256 DH-RSA-CAMELLIA256-SHA "
	    "ECDH-RSA-AES256-SHA ECDH-RSA-AES256-SHA384 ECDH-ECDSA-AES256-SHA "
	    "ECDH-ECDSA-AES256-SHA384" },
	{ 256, false, true, false,
	    "DH-DSS-AES256-GCM-SHA384 DH-RSA-AES256-GCM-SHA384 "
	    "ECDH-RSA-AES256-GCM-SHA384 ECDH-ECDSA-AES256-GCM-SHA384" },
	{ 0, false, false, false,
	    "ECDH-RSA-NULL-SHA ECDH-ECDSA-NULL-SHA" },
	{ 0, false, false, true,
	    "TLS_SHA256_SHA256 TLS_SHA384_SHA384" }
};

#endif
