/*
 * cipher_list.c - lists of cipher suites: OpenSSL's language, and what it says nothing of.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/cipher.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A suite's name, OpenSSL's or IANA's, is shorter. */
#define SUITE_NAME_MAX 64

/*
 * The keywords of openssl-ciphers(1), from 1.0.2 to 3.5, each of which some OpenSSL knows
 * and another does not.
 */
static const char *const cipher_keywords[] = {
	"DEFAULT", "COMPLEMENTOFDEFAULT", "ALL", "COMPLEMENTOFALL", "HIGH", "MEDIUM",
	"LOW", "EXP", "EXPORT", "EXPORT40", "EXPORT56", "eNULL", "NULL", "aNULL",
	"kRSA", "aRSA", "RSA", "kDHr", "kDHd", "kDH", "kDHE", "kEDH", "DHE", "EDH",
	"DH", "ADH", "kECDHr", "kECDHe", "kECDH", "kEECDH", "kECDHE", "ECDHE", "EECDH",
	"ECDH", "AECDH", "aDSS", "DSS", "aDH", "aECDH", "aECDSA", "ECDSA",
	"kFZA", "aFZA", "eFZA", "FZA", "kKRB5", "aKRB5", "KRB5",
	"SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1", "TLSv1.2",
	"AES128", "AES256", "AES", "AESGCM", "AESCCM", "AESCCM8",
	"ARIA128", "ARIA256", "ARIA", "ARIAGCM", "CAMELLIA128", "CAMELLIA256", "CAMELLIA",
	"CHACHA20", "3DES", "DES", "RC4", "RC2", "IDEA", "SEED", "CBC",
	"MD5", "SHA1", "SHA", "SHA256", "SHA384",
	"aGOST", "aGOST01", "aGOST12", "aGOST94", "kGOST", "kGOST18", "GOST94", "GOST12",
	"GOST89", "GOST89MAC", "GOST89MAC12",
	"PSK", "kPSK", "aPSK", "kECDHEPSK", "kDHEPSK", "kRSAPSK", "SRP", "kSRP", "aSRP",
	"FIPS", "SUITEB128", "SUITEB128ONLY", "SUITEB128C2", "SUITEB192"
};

/* ------------------------------------------------------------------ *
 * Sets
 * ------------------------------------------------------------------ */

static void
set_add(const struct cipher_table *table, struct cipher_set *set,
    const struct cipher *cipher)
{
	size_t index = (size_t)(cipher - cipher_at(table, 0));

	set->bits[index / 64] |= (uint64_t)1 << (index % 64);
}

bool
cipher_in_set(const struct cipher_table *table, const struct cipher *cipher,
    const struct cipher_set *set)
{
	size_t index = (size_t)(cipher - cipher_at(table, 0));

	return (set->bits[index / 64] >> (index % 64) & 1) != 0;
}

/* The suite that "length" bytes name, as OpenSSL does. NULL: there is none. */
static const struct cipher *
find_named(const struct cipher_table *table, const char *text, size_t length)
{
	char name[SUITE_NAME_MAX] = "";

	if (length >= sizeof(name))
		return NULL;
	memcpy(name, text, length);
	return cipher_find(table, name);
}

/* The suite up to TLS 1.2 that has this name with IANA. NULL: there is none. */
static const struct cipher *
find_standard(const struct cipher_table *table, const char *text, size_t length)
{
	const struct cipher *cipher;

	for (size_t i = 0; (cipher = cipher_at(table, i)) != NULL; i++)
		if (cipher->standard != NULL && !cipher->tls13 &&
		    strlen(cipher->standard) == length &&
		    memcmp(cipher->standard, text, length) == 0)
			return cipher;
	return NULL;
}

bool
cipher_suite_add(const struct cipher_table *table, const char *name, size_t length,
    struct cipher_set *set)
{
	const struct cipher *cipher = find_named(table, name, length);

	if (cipher == NULL || !cipher->tls13)
		return false;
	set_add(table, set, cipher);
	return true;
}

size_t
cipher_names(const struct cipher_table *table, bool tls13, const char **names, size_t room)
{
	const struct cipher *cipher;
	size_t count = 0;

	for (size_t i = 0; (cipher = cipher_at(table, i)) != NULL && count < room; i++)
		if (cipher->tls13 == tls13)
			names[count++] = cipher->name;
	for (size_t i = 0; !tls13 && i < COUNT(cipher_keywords) && count < room; i++)
		names[count++] = cipher_keywords[i];
	return count;
}

/* ------------------------------------------------------------------ *
 * What a list selects
 * ------------------------------------------------------------------ */

static bool
list_excludes(const char *list)
{
	for (list += strspn(list, CIPHER_SEPARATORS); *list != '\0';
	    list += strspn(list, CIPHER_SEPARATORS)) {
		if (*list == '!' || *list == '-')
			return true;
		list += strcspn(list, CIPHER_SEPARATORS);
	}
	return false;
}

/*
 * Adds the suites that the list names in full: OpenSSL knows nothing, in a list, of
 * those that it does not build.
 */
static bool
add_named(const struct cipher_table *table, const char *list, struct cipher_set *set)
{
	const struct cipher *cipher;
	bool any = false;
	size_t length;

	for (; *list != '\0'; list += length + strspn(list + length, CIPHER_SEPARATORS)) {
		length = strcspn(list, CIPHER_SEPARATORS);
		cipher = find_named(table, list, length);
		if (cipher == NULL || cipher->tls13)
			continue;
		set_add(table, set, cipher);
		any = true;
	}
	return any;
}

/* What OpenSSL makes of the list. */
static bool
add_selected(struct cipher_table *table, struct cipher_set *set)
{
	STACK_OF(SSL_CIPHER) *chosen = SSL_CTX_get_ciphers(cipher_context(table));
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

/*
 * The list with OpenSSL's names, which are shorter, in the place of IANA's, which it knows
 * from 3.2 on. The caller's to free; NULL when memory is short.
 */
static char *
translate(const struct cipher_table *table, const char *list)
{
	char *out = malloc(strlen(list) + 1), *end = out;
	size_t length;

	for (; out != NULL && *list != '\0'; list += length) {
		const struct cipher *cipher = NULL;

		length = strcspn(list, CIPHER_SEPARATORS "+@!");
		if (length == 0 || *list == '-')
			length = 1;
		if (strncmp(list, "TLS_", 4) == 0)
			cipher = find_standard(table, list, length);
		if (cipher != NULL) {
			end = stpcpy(end, cipher->name);
			continue;
		}
		memcpy(end, list, length);
		end += length;
	}
	if (out != NULL)
		*end = '\0';
	return out;
}

/* As "named" says with suites that OpenSSL does not build, too. */
static bool
read_translated(struct cipher_table *table, const char *list, bool named,
    struct cipher_set *set)
{
	bool any = false, valid = true;
	SSL_CTX *context = cipher_context(table);

	memset(set, 0, sizeof(*set));
	/* "SUITEB128" in a list stays in force for the next. */
	(void)SSL_CTX_clear_cert_flags(context, SSL_CERT_FLAG_SUITEB_128_LOS);
	if (SSL_CTX_set_cipher_list(context, list) == 1)
		any = add_selected(table, set);
	else
		valid = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_NO_CIPHER_MATCH;
	ERR_clear_error();
	return (named && valid && add_named(table, list, set)) || any;
}

static bool
read_cipher_list(struct cipher_table *table, const char *list, bool named,
    struct cipher_set *set, bool *no_memory)
{
	char *translated = translate(table, list);
	bool any = false;

	*no_memory = true;
	for (int tries = 0; translated != NULL && *no_memory && tries < 2; tries++) {
		errno = 0;
		any = read_translated(table, translated, named, set);
		*no_memory = errno == ENOMEM;
	}
	free(translated);
	return any && !*no_memory;
}

bool
cipher_list_read(struct cipher_table *table, const char *list, struct cipher_set *set,
    bool *no_memory)
{
	/*
	 * Where anything is excluded, whether a suite that OpenSSL does not build was meant
	 * to be cannot be known.
	 */
	return read_cipher_list(table, list, !list_excludes(list), set, no_memory);
}

/* ------------------------------------------------------------------ *
 * A list's elements
 * ------------------------------------------------------------------ */

static bool
is_keyword(const char *text, size_t length)
{
	for (size_t i = 0; i < COUNT(cipher_keywords); i++)
		if (strlen(cipher_keywords[i]) == length &&
		    memcmp(cipher_keywords[i], text, length) == 0)
			return true;
	return false;
}

/* What is read at the start of a list alone. */
static bool
must_be_first(const char *text, size_t length)
{
	return is_keyword(text, length) &&
	    (strncmp(text, "DEFAULT", 7) == 0 || strncmp(text, "SUITEB", 6) == 0);
}

/* Whether that of "length" bytes, read by itself, selects a suite; "named" as above. */
static bool
selects(struct cipher_table *table, const char *text, size_t length, bool named,
    bool *no_memory)
{
	struct cipher_set set;
	char *list = strndup(text, length);
	bool any = false;

	*no_memory |= list == NULL;
	if (!*no_memory)
		any = read_cipher_list(table, list, named, &set, no_memory);
	free(list);
	return any;
}

static bool
part_is_known(struct cipher_table *table, const char *part, size_t length, bool *no_memory)
{
	return length > 0 && (is_keyword(part, length) ||
	    find_named(table, part, length) != NULL ||
	    find_standard(table, part, length) != NULL ||
	    selects(table, part, length, false, no_memory));
}

/* Whether each of its parts, from "name" on, is known; else the first that is not. */
static bool
parts_are_known(struct cipher_table *table, const char *list, size_t name,
    struct cipher_element *element, bool *no_memory)
{
	size_t end = element->at + element->length;

	for (element->part = name;; element->part += element->part_length + 1) {
		element->part_length = strcspn(list + element->part, "+" CIPHER_SEPARATORS "@");
		if (!part_is_known(table, list + element->part, element->part_length,
		    no_memory))
			return false;
		if (element->part + element->part_length >= end)
			return true;
	}
}

/* What is to be said of an element that is known. */
static void
judge_known(struct cipher_table *table, const char *list, size_t name,
    struct cipher_element *element, bool *no_memory)
{
	const char *text = list + name, first = list[element->at];
	size_t length = element->at + element->length - name;
	const struct cipher *cipher = find_named(table, text, length);
	bool named = first != '+' && !list_excludes(list);

	if (cipher != NULL && cipher->tls13)
		element->what = ELEMENT_TLS13;
	else if (first != '!' && first != '-' &&
	    ((name > 0 && must_be_first(text, length)) ||
	    !selects(table, text, length, named, no_memory)))
		element->what = ELEMENT_NOTHING;
}

bool
cipher_list_element(struct cipher_table *table, const char *list,
    struct cipher_element *element, bool *no_memory)
{
	size_t name;

	element->at += strspn(list + element->at, CIPHER_SEPARATORS);
	if (list[element->at] == '\0' || *no_memory)
		return false;
	element->what = ELEMENT_GOOD;
	/* "DEFAULT@SECLEVEL=0" are two. */
	element->length = 1 + strcspn(list + element->at + 1, CIPHER_SEPARATORS "@");
	if (list[element->at] == '@')
		return true;
	name = element->at + (strchr("!-+", list[element->at]) != NULL);
	if (parts_are_known(table, list, name, element, no_memory)) {
		judge_known(table, list, name, element, no_memory);
		return !*no_memory;
	}
	element->what = ELEMENT_UNKNOWN;
	if (element->part_length == 0) {
		element->part = element->at;
		element->part_length = element->length;
	}
	return !*no_memory;
}
