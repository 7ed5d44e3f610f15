/*
 * certificate.c - certificates from PEM files.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/certificate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "policy/name.h"
#include "base/arena.h"
#include "base/date.h"
#include "base/tape.h"
#include "base/text.h"

const char certificate_no_memory[] = "memory is short";

struct certificate_reader {
	OSSL_LIB_CTX *library;
	EVP_MD *sha256;
	EVP_MD *sha1;
	struct tape *tape;
};

static struct certificate_reader *
make_reader(struct tape *tape)
{
	struct certificate_reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		return NULL;
	reader->tape = tape;
	reader->library = OSSL_LIB_CTX_new();
	if (reader->library != NULL) {
		reader->sha256 = EVP_MD_fetch(reader->library, "SHA256", NULL);
		reader->sha1 = EVP_MD_fetch(reader->library, "SHA1", NULL);
	}
	if (reader->sha256 == NULL || reader->sha1 == NULL)
		certificate_reader_free(&reader);
	ERR_clear_error();
	return reader;
}

/*
 * OpenSSL goes on without what it had no memory for (a key's algorithm, say), and does
 * not always say so: then errno does. As malloc() leaves it too where it found memory
 * elsewhere, what was done is done once more, with what is free now.
 */
struct certificate_reader *
certificate_reader_new(struct tape *tape)
{
	struct certificate_reader *reader = NULL;

	for (int tries = 0; reader == NULL && tries < 2; tries++) {
		errno = 0;
		reader = make_reader(tape);
		if (errno == ENOMEM)
			certificate_reader_free(&reader);
	}
	return reader;
}

void
certificate_reader_free(struct certificate_reader **reader)
{
	if (*reader == NULL)
		return;
	EVP_MD_free((*reader)->sha256);
	EVP_MD_free((*reader)->sha1);
	OSSL_LIB_CTX_free((*reader)->library);
	free(*reader);
	*reader = NULL;
}

/* What OpenSSL keeps is not whole once it had no memory. */
static bool
renew_reader(struct certificate_reader *reader)
{
	struct certificate_reader old = *reader, *made = certificate_reader_new(old.tape);

	if (made == NULL)
		return false;
	*reader = *made;
	*made = old;
	certificate_reader_free(&made);
	return true;
}

/* An ASN.1 string as UTF-8 in the arena; "" where it is no text or too long. */
static const char *
take_text(const ASN1_STRING *string, struct arena *arena)
{
	unsigned char *utf8 = NULL;
	int length = string != NULL ? ASN1_STRING_to_UTF8(&utf8, string) : -1;
	const char *text = "";

	if (length > 0 && length <= CERTIFICATE_NAME_MAX &&
	    memchr(utf8, '\0', (size_t)length) == NULL)
		text = arena_text(arena, (const char *)utf8, (size_t)length);
	OPENSSL_free(utf8);
	return text;
}

/* The first common name, as Postfix takes it. */
static const char *
take_common_name(const X509_NAME *name, struct arena *arena)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const X509_NAME_ENTRY *entry = at >= 0 ? X509_NAME_get_entry(name, at) : NULL;

	return take_text(entry != NULL ? X509_NAME_ENTRY_get_data(entry) : NULL, arena);
}

/* A DNS name in the form in which names compare. NULL: it is none, or no memory. */
static const char *
take_dns_name(const GENERAL_NAME *general, struct arena *arena)
{
	const ASN1_STRING *string = general->d.dNSName;
	const char *text = (const char *)ASN1_STRING_get0_data(string), *kept;
	size_t length = (size_t)ASN1_STRING_length(string);
	struct name name;
	bool valid;

	if (length == 0 || length > CERTIFICATE_NAME_MAX)
		return NULL;
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return NULL;
	if (name_domain(text, length, &name, &valid) == -1) {
		arena->failed = true;
		return NULL;
	}
	kept = arena_text(arena, name.text, name.length);
	name_free(&name);
	return kept;
}

static void
take_names(X509 *x509, struct arena *arena, struct certificate *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	int count = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
	const char **list;
	size_t kept = 0;

	if (count > CERTIFICATE_NAMES_MAX)
		count = CERTIFICATE_NAMES_MAX;
	list = count > 0 ? arena_alloc(arena, (size_t)count * sizeof(*list)) : NULL;
	for (int i = 0; list != NULL && i < count; i++) {
		const GENERAL_NAME *general = sk_GENERAL_NAME_value(names, i);

		if (general->type == GEN_DNS &&
		    (list[kept] = take_dns_name(general, arena)) != NULL)
			kept++;
	}
	if (kept > 0) {
		certificate->san = list;
		certificate->san_count = kept;
	}
	GENERAL_NAMES_free(names);
}

/* A time that cannot be told is long past. */
static int64_t
take_time(const ASN1_TIME *time)
{
	struct tm tm;

	return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;
}

static void
lower_name(char *name)
{
	for (; *name != '\0'; name++)
		*name = text_lower(*name);
}

static void
take_curve(const EVP_PKEY *key, struct certificate *certificate)
{
	char group[64] = "";
	const char *nist = NULL;
	size_t length;

	if (EVP_PKEY_get_group_name(key, group, sizeof(group), &length) != 1)
		(void)strcpy(group, "unknown");
	else
		nist = EC_curve_nid2nist(OBJ_txt2nid(group));
	(void)snprintf(certificate->key, sizeof(certificate->key), "ec:%.30s",
	    nist != NULL ? nist : group);
}

static void
take_key(const X509 *x509, struct certificate *certificate)
{
	const EVP_PKEY *key = X509_get0_pubkey(x509);
	int type = key != NULL ? EVP_PKEY_get_base_id(key) : NID_undef;
	const char *sized = type == EVP_PKEY_RSA ? "rsa" : type == EVP_PKEY_DSA ? "dsa" :
	    type == EVP_PKEY_RSA_PSS ? "rsa-pss" : NULL;
	const char *name = type > 0 ? OBJ_nid2sn(type) :
	    key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;
	size_t size = sizeof(certificate->key);

	if (type == EVP_PKEY_EC)
		take_curve(key, certificate);
	else if (sized != NULL)
		(void)snprintf(certificate->key, size, "%s:%d", sized,
		    EVP_PKEY_get_bits(key));
	else {
		(void)snprintf(certificate->key, size, "%.30s",
		    name != NULL ? name : "unknown");
		lower_name(certificate->key);
	}
}

static void
take_signature(X509 *x509, struct certificate *certificate)
{
	int digest = NID_undef, key = NID_undef, nid;
	const char *name, *sha3;

	(void)X509_get_signature_info(x509, &digest, &key, NULL, NULL);
	nid = digest != NID_undef ? digest : key != NID_undef ? key :
	    X509_get_signature_nid(x509);
	name = nid != NID_undef ? OBJ_nid2sn(nid) : NULL;
	/* OpenSSL 3.0 does not take these apart. */
	sha3 = name != NULL ? strcasestr(name, "sha3-") : NULL;
	(void)snprintf(certificate->signature, sizeof(certificate->signature), "%.20s",
	    sha3 != NULL ? sha3 : name != NULL ? name : "unknown");
	lower_name(certificate->signature);
}

/* Both digests of some DER, of sha256 and of sha1, which it frees. */
static bool
take_digests(const struct certificate_reader *reader, unsigned char *der, int size,
    struct fingerprint digests[2])
{
	const EVP_MD *const md[] = { reader->sha256, reader->sha1 };
	bool ok = size > 0;

	for (size_t i = 0; ok && i < 2; i++) {
		unsigned length = 0;

		ok = EVP_Digest(der, (size_t)size, digests[i].digest, &length, md[i],
		    NULL) == 1;
		digests[i].algorithm = i == 0 ? DIGEST_SHA256 : DIGEST_SHA1;
		digests[i].length = length;
	}
	OPENSSL_free(der);
	return ok;
}

bool
certificate_take(const struct certificate_reader *reader, X509 *x509,
    struct arena *arena, struct certificate *certificate)
{
	unsigned char *whole = NULL, *key = NULL;
	int size = i2d_X509(x509, &whole);

	if (!take_digests(reader, whole, size,
	    &certificate->digests[OF_CERTIFICATE_SHA256]))
		return false;
	size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &key);
	if (!take_digests(reader, key, size, &certificate->digests[OF_KEY_SHA256]))
		return false;
	certificate->cn = take_common_name(X509_get_subject_name(x509), arena);
	certificate->issuer = take_common_name(X509_get_issuer_name(x509), arena);
	certificate->not_before = take_time(X509_get0_notBefore(x509));
	certificate->not_after = take_time(X509_get0_notAfter(x509));
	date_write_time(certificate->not_after, certificate->not_after_text);
	certificate->for_clients =
	    X509_check_purpose(x509, X509_PURPOSE_SSL_CLIENT, 0) == 1;
	take_names(x509, arena, certificate);
	take_key(x509, certificate);
	take_signature(x509, certificate);
	return true;
}

static bool
is_certificate(const char *name)
{
	return strcmp(name, PEM_STRING_X509) == 0 ||
	    strcmp(name, PEM_STRING_X509_OLD) == 0 ||
	    strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
}

/* The certificate in one block of the file, or NULL where it is broken. */
static X509 *
read_block(const struct certificate_reader *reader, const char *name,
    const unsigned char *data, long length)
{
	X509 *x509 = X509_new_ex(reader->library, NULL);
	bool trusted = strcmp(name, PEM_STRING_X509_TRUSTED) == 0;

	if (x509 == NULL)
		return NULL;
	/* On failure they free it and clear the pointer. */
	if (trusted)
		(void)d2i_X509_AUX(&x509, &data, length);
	else
		(void)d2i_X509(&x509, &data, length);
	return x509;
}

/* What the blocks of a file were so far. */
struct found {
	bool key;
	bool broken;		/* the first certificate is */
};

static void
take_block(const struct certificate_reader *reader, const char *name,
    const unsigned char *data, long length, struct arena *arena,
    struct certificate *certificate, struct found *found)
{
	X509 *x509;

	certificate->private_key |= strstr(name, "PRIVATE KEY") != NULL;
	found->key |= strstr(name, "KEY") != NULL;
	if (!is_certificate(name) || certificate->certificates++ > 0)
		return;
	x509 = read_block(reader, name, data, length);
	found->broken = x509 == NULL ||
	    !certificate_take(reader, x509, arena, certificate);
	X509_free(x509);
}

/* All blocks of a file, also those behind one that is broken. */
static void
take_blocks(const struct certificate_reader *reader, BIO *bio, struct arena *arena,
    struct certificate *certificate, struct found *found)
{
	char *name, *header;
	unsigned char *data;
	long length;
	int left = BIO_pending(bio);

	while (left > 0) {
		name = header = NULL;
		data = NULL;
		if (PEM_read_bio(bio, &name, &header, &data, &length) == 1) {
			take_block(reader, name, data, length, arena, certificate, found);
			OPENSSL_clear_free(data, (size_t)length);
			OPENSSL_free(name);
			OPENSSL_free(header);
		}
		ERR_clear_error();
		if (BIO_pending(bio) >= left)
			break;
		left = BIO_pending(bio);
	}
}

/* What is wrong with a file's text; NULL: nothing. */
static const char *
read_pem(const struct certificate_reader *reader, const struct file *file,
    struct arena *arena, struct certificate *certificate)
{
	struct found found = { .key = false };
	BIO *bio;

	errno = 0;
	bio = BIO_new_mem_buf(file->text, (int)file->length);
	if (bio != NULL)
		take_blocks(reader, bio, arena, certificate, &found);
	BIO_free(bio);
	if (errno == ENOMEM || arena->failed)
		return certificate_no_memory;
	if (certificate->certificates > 0 && !found.broken)
		return NULL;
	return found.key && certificate->certificates == 0 ?
	    "it holds a key and no certificate" :
	    "there is no certificate in it (PEM is expected)";
}

const char *
certificate_read(struct certificate_reader *reader, const char *path,
    struct arena *arena, struct certificate *certificate)
{
	const char *problem = NULL;
	struct file file;

	memset(certificate, 0, sizeof(*certificate));
	switch (tape_ask(reader->tape, TAPE_PEM, path, &file)) {
	case FILE_READ:
		problem = read_pem(reader, &file, arena, certificate);
		if (problem == certificate_no_memory && renew_reader(reader)) {
			memset(certificate, 0, sizeof(*certificate));
			problem = read_pem(reader, &file, arena, certificate);
		}
		break;
	case FILE_UNREADABLE:
		return strerror(errno);
	case FILE_IRREGULAR:
		return "it is not a file";
	case FILE_LARGE:
		return "it is larger than 1 MiB";
	case FILE_NO_MEMORY:
		return certificate_no_memory;
	}
	OPENSSL_cleanse(file.text, file.length);
	free(file.text);
	return problem;
}
