/*
 * cipher.c - what is known of cipher suites, from OpenSSL's own tables.
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

/* Room for all names of cipher_legacy[]. */
#define LEGACY_SIZE 4096

struct cipher_table {
	OSSL_LIB_CTX *library;
	SSL_CTX *context;
	size_t count;
	struct cipher ciphers[CIPHERS_MAX];
	char legacy[LEGACY_SIZE];	/* their names */
};

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

static void
add_openssl(struct cipher_table *table, const SSL_CIPHER *suite)
{
	int exchange = SSL_CIPHER_get_kx_nid(suite);
	struct cipher cipher = {
		.name = SSL_CIPHER_get_name(suite),
		.bits = SSL_CIPHER_get_bits(suite, NULL),
		.forward_secrecy = exchange == NID_kx_dhe || exchange == NID_kx_ecdhe,
		.aead = SSL_CIPHER_is_aead(suite) == 1,
		.tls13 = exchange == NID_kx_any
	};

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

/* Adds the suites of one row that OpenSSL has not; names are put at "next". */
static char *
add_legacy_row(struct cipher_table *table, size_t row, size_t known, char *next)
{
	struct cipher cipher = {
		.bits = cipher_legacy[row].bits, .aead = cipher_legacy[row].aead,
		.forward_secrecy = cipher_legacy[row].forward_secrecy,
		.tls13 = cipher_legacy[row].tls13
	};
	char *names = next;

	next = stpcpy(next, cipher_legacy[row].names) + 1;
	while ((cipher.name = strsep(&names, " ")) != NULL)
		if (bsearch(&cipher, table->ciphers, known, sizeof(cipher), by_name) == NULL)
			add(table, &cipher);
	return next;
}

static void
add_legacy(struct cipher_table *table)
{
	size_t known = table->count, rows = sizeof(cipher_legacy) / sizeof(cipher_legacy[0]);
	char *next = table->legacy;

	qsort(table->ciphers, known, sizeof(table->ciphers[0]), by_name);
	for (size_t i = 0; i < rows && next + strlen(cipher_legacy[i].names) <
	    table->legacy + sizeof(table->legacy); i++)
		next = add_legacy_row(table, i, known, next);
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

static void
set_add(const struct cipher_table *table, struct cipher_set *set,
    const struct cipher *cipher)
{
	size_t index = (size_t)(cipher - table->ciphers);

	set->bits[index / 64] |= (uint64_t)1 << (index % 64);
}

/* Adds the suite that "length" bytes name. False: there is none of the protocol. */
static bool
set_add_named(const struct cipher_table *table, struct cipher_set *set,
    const char *text, size_t length, bool tls13)
{
	const struct cipher *cipher = NULL;
	char name[64] = "";

	if (length < sizeof(name)) {
		memcpy(name, text, length);
		cipher = cipher_find(table, name);
	}
	if (cipher == NULL || cipher->tls13 != tls13)
		return false;
	set_add(table, set, cipher);
	return true;
}

bool
cipher_in_set(const struct cipher_table *table, const struct cipher *cipher,
    const struct cipher_set *set)
{
	size_t index = (size_t)(cipher - table->ciphers);

	return (set->bits[index / 64] >> (index % 64) & 1) != 0;
}

/* Its items are separated by any of these, see openssl-ciphers(1). */
#define SEPARATORS ": ;,"

static bool
list_excludes(const char *list)
{
	for (list += strspn(list, SEPARATORS); *list != '\0';
	    list += strspn(list, SEPARATORS)) {
		if (*list == '!' || *list == '-')
			return true;
		list += strcspn(list, SEPARATORS);
	}
	return false;
}

/*
 * Adds the suites that the list names in full: OpenSSL knows nothing, in a list, of
 * those that it does not build. Where anything is excluded, none: whether it was
 * meant to be cannot be known.
 */
static bool
add_named(const struct cipher_table *table, const char *list, struct cipher_set *set)
{
	bool any = false;
	size_t length;

	if (list_excludes(list))
		return false;
	for (; *list != '\0'; list += length + strspn(list + length, SEPARATORS)) {
		length = strcspn(list, SEPARATORS);
		any |= set_add_named(table, set, list, length, false);
	}
	return any;
}

/* What OpenSSL makes of the list. */
static bool
add_selected(struct cipher_table *table, struct cipher_set *set)
{
	STACK_OF(SSL_CIPHER) *chosen = SSL_CTX_get_ciphers(table->context);
	bool any = false;

	for (int i = 0; i < sk_SSL_CIPHER_num(chosen); i++) {
		const struct cipher *cipher = cipher_find(table,
		    SSL_CIPHER_get_name(sk_SSL_CIPHER_value(chosen, i)));

		/* TLS 1.3 suites are in every list and belong to none. */
		if (cipher != NULL && !cipher->tls13) {
			set_add(table, set, cipher);
			any = true;
		}
	}
	return any;
}

static bool
read_cipher_list(struct cipher_table *table, const char *list, struct cipher_set *set)
{
	bool any = false, valid = true;

	memset(set, 0, sizeof(*set));
	if (SSL_CTX_set_cipher_list(table->context, list) == 1)
		any = add_selected(table, set);
	else
		valid = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_NO_CIPHER_MATCH;
	ERR_clear_error();
	return (valid && add_named(table, list, set)) || any;
}

bool
cipher_list_read(struct cipher_table *table, const char *list, struct cipher_set *set,
    bool *no_memory)
{
	bool any = false;

	*no_memory = true;
	for (int tries = 0; *no_memory && tries < 2; tries++) {
		errno = 0;
		any = read_cipher_list(table, list, set);
		*no_memory = errno == ENOMEM;
	}
	return any && !*no_memory;
}

const char *
cipher_suites_read(const struct cipher_table *table, const char *list,
    struct cipher_set *set, size_t *length)
{
	memset(set, 0, sizeof(*set));
	for (;;) {
		*length = strcspn(list, ":");
		if (!set_add_named(table, set, list, *length, true))
			return list;
		if (list[*length] == '\0')
			return NULL;
		list += *length + 1;
	}
}

size_t
cipher_suite_names(const struct cipher_table *table, const char **names, size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < table->count && count < room; i++)
		if (table->ciphers[i].tls13)
			names[count++] = table->ciphers[i].name;
	return count;
}
