/*
 * cipher.c - what is known of cipher suites: OpenSSL's names, and a table of our own
 * for what they are worth.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/cipher.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "policy/cipher_legacy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct cipher_table {
	OSSL_LIB_CTX *library;
	SSL_CTX *context;
	size_t count;
	struct cipher ciphers[CIPHERS_MAX];
	char legacy[sizeof(cipher_legacy)];	/* their names */
};

/* ------------------------------------------------------------------ *
 * What a name says
 * ------------------------------------------------------------------ */

/*
 * The ciphers by what their suites' names have in them, in the spelling of OpenSSL and,
 * for TLS 1.3, of IANA's registry "TLS Cipher Suites", and the secret bits of the RFCs
 * that it refers to: RFC 5246 and 8446 (AES), 7905 (ChaCha20), 5932 and 6367
 * (Camellia), 6209 (ARIA), 4162 (SEED), 5469 (IDEA, DES), 2246 (RC4, RC2, and the
 * EXPORT ones, of 40 bits; of 56 in draft-ietf-tls-56-bit-ciphersuites), 4357 and 9189
 * (GOST 28147-89, Magma, Kuznyechik). Triple DES has three keys and the strength of two
 * (NIST SP 800-67). The first that fits counts.
 */
static const struct {
	const char *part;
	int bits;
} cipher_keys[] = {
	{ "EXP1024-", 56 }, { "EXP-", 40 },
	{ "AES128", 128 }, { "AES-128", 128 }, { "AES_128", 128 },
	{ "AES256", 256 }, { "AES-256", 256 }, { "AES_256", 256 },
	{ "CHACHA20", 256 },
	{ "CAMELLIA128", 128 }, { "CAMELLIA256", 256 },
	{ "ARIA128", 128 }, { "ARIA256", 256 },
	{ "3DES", 112 }, { "DES-CBC3", 112 }, { "DES-CBC-", 56 },
	{ "SEED", 128 }, { "IDEA", 128 }, { "RC4", 128 }, { "RC2", 128 },
	{ "GOST89", 256 }, { "MAGMA", 256 }, { "KUZNYECHIK", 256 }
};

/* Its secret bits; -1: the table does not have it. */
static int
key_bits(const char *name)
{
	if (cipher_name_is_null(name))
		return 0;
	for (size_t i = 0; i < COUNT(cipher_keys); i++)
		if (strstr(name, cipher_keys[i].part) != NULL)
			return cipher_keys[i].bits;
	return -1;
}

/* Ephemeral, by a certificate's key or nobody's; not by a shared key. */
static bool
is_ephemeral(const char *name)
{
	static const char *const exchanges[] = {
		"ECDHE-", "DHE-", "EDH-", "AECDH-", "ADH-"
	};

	if (strncmp(name, "EXP", 3) == 0)
		name += strcspn(name, "-") + 1;
	for (size_t i = 0; i < COUNT(exchanges); i++) {
		size_t length = strlen(exchanges[i]);

		if (strncmp(name, exchanges[i], length) == 0)
			return strncmp(name + length, "PSK-", 4) != 0;
	}
	return false;
}

/* Describes a suite by its name. False where the table does not have its cipher. */
static bool
describe_suite(const char *name, struct cipher *cipher)
{
	cipher->name = name;
	cipher->built = false;
	cipher->tls12 = false;
	cipher->bits = key_bits(name);
	cipher->short_tag = strstr(name, "CCM8") != NULL || strstr(name, "CCM_8") != NULL;
	cipher->aead = strstr(name, "GCM") != NULL || strstr(name, "CCM") != NULL ||
	    strstr(name, "CHACHA20") != NULL;
	cipher->forward_secrecy = is_ephemeral(name);
	cipher->tls13 = strncmp(name, "TLS_", 4) == 0 && strstr(name, "_WITH_") == NULL;
	cipher->standard = NULL;
	return cipher->bits >= 0;
}

/* ------------------------------------------------------------------ *
 * The table
 * ------------------------------------------------------------------ */

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct cipher *)a)->name, ((const struct cipher *)b)->name);
}

static void
add(struct cipher_table *table, const struct cipher *cipher)
{
	if (table->count < CIPHERS_MAX)
		table->ciphers[table->count++] = *cipher;
}

/* What OpenSSL is of the opinion that a suite is worth. */
static void
ask_openssl(const SSL_CIPHER *suite, struct cipher *cipher)
{
	int exchange = SSL_CIPHER_get_kx_nid(suite);

	cipher->bits = SSL_CIPHER_get_bits(suite, NULL);
	cipher->forward_secrecy = exchange == NID_kx_dhe || exchange == NID_kx_ecdhe;
	cipher->aead = SSL_CIPHER_is_aead(suite) == 1;
	cipher->tls13 = exchange == NID_kx_any;
}

static void
add_openssl(struct cipher_table *table, const SSL_CIPHER *suite)
{
	struct cipher cipher;

	if (!describe_suite(SSL_CIPHER_get_name(suite), &cipher))
		ask_openssl(suite, &cipher);
	cipher.standard = SSL_CIPHER_standard_name(suite);
	cipher.built = true;
	cipher.tls12 = strcmp(SSL_CIPHER_get_version(suite), "TLSv1.2") == 0;
	/* Signalling values (RFC 5746, RFC 7507) are in the table, but no suites. */
	if (strstr(cipher.name, "SCSV") == NULL)
		add(table, &cipher);
}

/* Asks OpenSSL for the suite of every number there can be. */
static bool
read_openssl(struct cipher_table *table)
{
	SSL *ssl = SSL_new(table->context);

	if (ssl == NULL)
		return false;
	for (unsigned number = 0; number <= 0xffff; number++) {
		unsigned char id[2] = {
			(unsigned char)(number >> 8), (unsigned char)(number & 0xff)
		};
		const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, id);

		if (suite != NULL)
			add_openssl(table, suite);
	}
	SSL_free(ssl);
	return true;
}

/* Adds the old suites that OpenSSL has not. */
static void
add_legacy(struct cipher_table *table)
{
	size_t known = table->count;
	char *names = memcpy(table->legacy, cipher_legacy, sizeof(cipher_legacy));
	struct cipher cipher;

	qsort(table->ciphers, known, sizeof(table->ciphers[0]), by_name);
	for (char *name; (name = strsep(&names, " ")) != NULL; )
		if (describe_suite(name, &cipher) && bsearch(&cipher, table->ciphers,
		    known, sizeof(cipher), by_name) == NULL)
			add(table, &cipher);
	qsort(table->ciphers, table->count, sizeof(table->ciphers[0]), by_name);
}

static struct cipher_table *
make_cipher_table(void)
{
	struct cipher_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	/* First come, first served: nobody after this loads openssl.cnf. */
	(void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	table->library = OSSL_LIB_CTX_new();
	if (table->library != NULL)
		table->context = SSL_CTX_new_ex(table->library, NULL, TLS_method());
	if (table->context == NULL)
		goto fail;
	SSL_CTX_set_security_level(table->context, 0);
	if (!read_openssl(table))
		goto fail;
	add_legacy(table);
	return table;
fail:
	ERR_clear_error();
	cipher_table_free(&table);
	return NULL;
}

/*
 * OpenSSL leaves out the suites for whose algorithms there was no memory; see
 * certificate_reader_new().
 */
struct cipher_table *
cipher_table_new(void)
{
	struct cipher_table *table = NULL;

	for (int tries = 0; table == NULL && tries < 2; tries++) {
		errno = 0;
		table = make_cipher_table();
		if (errno == ENOMEM)
			cipher_table_free(&table);
	}
	return table;
}

void
cipher_table_close(struct cipher_table *table)
{
	SSL_CTX_free(table->context);
	OSSL_LIB_CTX_free(table->library);
	table->context = NULL;
	table->library = NULL;
}

void
cipher_table_free(struct cipher_table **table)
{
	if (table == NULL || *table == NULL)
		return;
	cipher_table_close(*table);
	free(*table);
	*table = NULL;
}

const struct cipher *
cipher_find(const struct cipher_table *table, const char *name)
{
	struct cipher key = { .name = name };

	return bsearch(&key, table->ciphers, table->count, sizeof(key), by_name);
}

struct ssl_ctx_st *
cipher_context(const struct cipher_table *table)
{
	return table->context;
}

const struct cipher *
cipher_at(const struct cipher_table *table, size_t index)
{
	return index < table->count ? &table->ciphers[index] : NULL;
}

bool
cipher_name_is_null(const char *name)
{
	/* SSL_CIPHER_get_name() of no cipher at all, and RFC 9150's suites. */
	static const char *const others[] = {
		"(NONE)", "TLS_SHA256_SHA256", "TLS_SHA384_SHA384"
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	for (const char *c = name; (c = strstr(c, "NULL")) != NULL; c++) {
		bool starts = c == name || c[-1] == '-' || c[-1] == '_';

		if (starts && (c[4] == '\0' || c[4] == '-' || c[4] == '_'))
			return true;
	}
	return false;
}
