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

#include "policy/cipher.h"

/* name, secret bits, forward secrecy, AEAD, TLS 1.3 */
static const struct cipher cipher_legacy[] = {
	{ "EXP-RC4-MD5", 40, false, false, false },
	{ "EXP-RC2-CBC-MD5", 40, false, false, false },
	{ "EXP-DES-CBC-SHA", 40, false, false, false },
	{ "EXP-EDH-DSS-DES-CBC-SHA", 40, true, false, false },
	{ "EXP-EDH-RSA-DES-CBC-SHA", 40, true, false, false },
	{ "EXP-DH-DSS-DES-CBC-SHA", 40, false, false, false },
	{ "EXP-DH-RSA-DES-CBC-SHA", 40, false, false, false },
	{ "EXP-ADH-RC4-MD5", 40, true, false, false },
	{ "EXP-ADH-DES-CBC-SHA", 40, true, false, false },
	{ "EXP1024-DES-CBC-SHA", 56, false, false, false },
	{ "EXP1024-RC4-SHA", 56, false, false, false },
	{ "EXP1024-RC4-MD5", 56, false, false, false },
	{ "EXP1024-RC2-CBC-MD5", 56, false, false, false },
	{ "EXP1024-DHE-DSS-DES-CBC-SHA", 56, true, false, false },
	{ "EXP1024-DHE-DSS-RC4-SHA", 56, true, false, false },
	{ "DES-CBC-SHA", 56, false, false, false },
	{ "DH-DSS-DES-CBC-SHA", 56, false, false, false },
	{ "DH-RSA-DES-CBC-SHA", 56, false, false, false },
	{ "EDH-DSS-DES-CBC-SHA", 56, true, false, false },
	{ "EDH-RSA-DES-CBC-SHA", 56, true, false, false },
	{ "DHE-DSS-DES-CBC-SHA", 56, true, false, false },
	{ "DHE-RSA-DES-CBC-SHA", 56, true, false, false },
	{ "ADH-DES-CBC-SHA", 56, true, false, false },
	{ "RC4-MD5", 128, false, false, false },
	{ "RC4-SHA", 128, false, false, false },
	{ "ADH-RC4-MD5", 128, true, false, false },
	{ "DHE-DSS-RC4-SHA", 128, true, false, false },
	{ "PSK-RC4-SHA", 128, false, false, false },
	{ "DHE-PSK-RC4-SHA", 128, false, false, false },
	{ "RSA-PSK-RC4-SHA", 128, false, false, false },
	{ "ECDHE-PSK-RC4-SHA", 128, false, false, false },
	{ "ECDHE-RSA-RC4-SHA", 128, true, false, false },
	{ "ECDHE-ECDSA-RC4-SHA", 128, true, false, false },
	{ "AECDH-RC4-SHA", 128, true, false, false },
	{ "ECDH-RSA-RC4-SHA", 128, false, false, false },
	{ "ECDH-ECDSA-RC4-SHA", 128, false, false, false },
	{ "DES-CBC3-SHA", 112, false, false, false },
	{ "DES-CBC3-MD5", 112, false, false, false },
	{ "DH-DSS-DES-CBC3-SHA", 112, false, false, false },
	{ "DH-RSA-DES-CBC3-SHA", 112, false, false, false },
	{ "EDH-DSS-DES-CBC3-SHA", 112, true, false, false },
	{ "EDH-RSA-DES-CBC3-SHA", 112, true, false, false },
	{ "DHE-DSS-DES-CBC3-SHA", 112, true, false, false },
	{ "DHE-RSA-DES-CBC3-SHA", 112, true, false, false },
	{ "ADH-DES-CBC3-SHA", 112, true, false, false },
	{ "ECDHE-RSA-DES-CBC3-SHA", 112, true, false, false },
	{ "ECDHE-ECDSA-DES-CBC3-SHA", 112, true, false, false },
	{ "AECDH-DES-CBC3-SHA", 112, true, false, false },
	{ "ECDH-RSA-DES-CBC3-SHA", 112, false, false, false },
	{ "ECDH-ECDSA-DES-CBC3-SHA", 112, false, false, false },
	{ "PSK-3DES-EDE-CBC-SHA", 112, false, false, false },
	{ "DHE-PSK-3DES-EDE-CBC-SHA", 112, false, false, false },
	{ "RSA-PSK-3DES-EDE-CBC-SHA", 112, false, false, false },
	{ "ECDHE-PSK-3DES-EDE-CBC-SHA", 112, false, false, false },
	{ "SRP-3DES-EDE-CBC-SHA", 112, false, false, false },
	{ "SRP-RSA-3DES-EDE-CBC-SHA", 112, false, false, false },
	{ "SRP-DSS-3DES-EDE-CBC-SHA", 112, false, false, false },
	{ "RC2-CBC-MD5", 128, false, false, false },
	{ "IDEA-CBC-MD5", 128, false, false, false },
	{ "IDEA-CBC-SHA", 128, false, false, false },
	{ "SEED-SHA", 128, false, false, false },
	{ "DHE-DSS-SEED-SHA", 128, true, false, false },
	{ "DHE-RSA-SEED-SHA", 128, true, false, false },
	{ "ADH-SEED-SHA", 128, true, false, false },
	{ "DH-DSS-SEED-SHA", 128, false, false, false },
	{ "DH-RSA-SEED-SHA", 128, false, false, false },
	{ "DH-DSS-AES128-SHA", 128, false, false, false },
	{ "DH-DSS-AES128-SHA256", 128, false, false, false },
	{ "DH-DSS-CAMELLIA128-SHA", 128, false, false, false },
	{ "DH-DSS-AES128-GCM-SHA256", 128, false, true, false },
	{ "DH-DSS-AES256-SHA", 256, false, false, false },
	{ "DH-DSS-AES256-SHA256", 256, false, false, false },
	{ "DH-DSS-CAMELLIA256-SHA", 256, false, false, false },
	{ "DH-DSS-AES256-GCM-SHA384", 256, false, true, false },
	{ "DH-RSA-AES128-SHA", 128, false, false, false },
	{ "DH-RSA-AES128-SHA256", 128, false, false, false },
	{ "DH-RSA-CAMELLIA128-SHA", 128, false, false, false },
	{ "DH-RSA-AES128-GCM-SHA256", 128, false, true, false },
	{ "DH-RSA-AES256-SHA", 256, false, false, false },
	{ "DH-RSA-AES256-SHA256", 256, false, false, false },
	{ "DH-RSA-CAMELLIA256-SHA", 256, false, false, false },
	{ "DH-RSA-AES256-GCM-SHA384", 256, false, true, false },
	{ "ECDH-RSA-AES128-SHA", 128, false, false, false },
	{ "ECDH-RSA-AES128-SHA256", 128, false, false, false },
	{ "ECDH-RSA-AES128-GCM-SHA256", 128, false, true, false },
	{ "ECDH-RSA-AES256-SHA", 256, false, false, false },
	{ "ECDH-RSA-AES256-SHA384", 256, false, false, false },
	{ "ECDH-RSA-AES256-GCM-SHA384", 256, false, true, false },
	{ "ECDH-RSA-NULL-SHA", 0, false, false, false },
	{ "ECDH-ECDSA-AES128-SHA", 128, false, false, false },
	{ "ECDH-ECDSA-AES128-SHA256", 128, false, false, false },
	{ "ECDH-ECDSA-AES128-GCM-SHA256", 128, false, true, false },
	{ "ECDH-ECDSA-AES256-SHA", 256, false, false, false },
	{ "ECDH-ECDSA-AES256-SHA384", 256, false, false, false },
	{ "ECDH-ECDSA-AES256-GCM-SHA384", 256, false, true, false },
	{ "ECDH-ECDSA-NULL-SHA", 0, false, false, false },
	{ "TLS_SHA256_SHA256", 0, false, false, true },
	{ "TLS_SHA384_SHA384", 0, false, false, true },
};

#endif
