/*
 * probe_chain.c - what a chain of certificates is worth.
 *
 * Names are compared by OpenSSL's X509_check_host(), as Postfix does, with the wildcard as
 * one whole label (RFC 6125 section 6.4.3), and TLSA records by its DANE (RFC 7671), as
 * RFC 7672 has it for mail: usages 2 and 3 alone; neither names nor dates count for 3.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tool/probe_say.h"
#include "policy/certificate.h"
#include "policy/policy.h"
#include "base/arena.h"
#include "base/text.h"

/* Of a chain that has more, the rest is not looked at. */
#define CHAIN_MAX 32
#define CHECK_FLAGS X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS

/* ------------------------------------------------------------------ *
 * What certificates say
 * ------------------------------------------------------------------ */

/* Appends one of subjectAltName's names that a server may have. */
static void
append_general_name(struct buffer *buffer, const GENERAL_NAME *name)
{
	const ASN1_STRING *string = name->type == GEN_DNS ? name->d.dNSName :
	    name->type == GEN_IPADD ? name->d.iPAddress : NULL;
	const char *bytes = string != NULL ?
	    (const char *)ASN1_STRING_get0_data(string) : NULL;
	int length = string != NULL ? ASN1_STRING_length(string) : 0;
	char address[INET6_ADDRSTRLEN] = "?";

	if (string == NULL)
		return;
	if (buffer->length > 0)
		buffer_string(buffer, ", ");
	if (name->type == GEN_DNS)
		text_escape(buffer, bytes, (size_t)length, TEXT_PLAIN);
	else if (length == 4 || length == 16)
		buffer_string(buffer, inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes,
		    address, sizeof(address)));
	else
		buffer_string(buffer, address);
}

/* The names for which a certificate is: those of subjectAltName, else the common name. */
static bool
write_names(X509 *x509, const char *common_name, char *out, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	struct buffer buffer = BUFFER_INIT;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && buffer.length < size; i++)
		append_general_name(&buffer, sk_GENERAL_NAME_value(names, i));
	if (buffer.length == 0)
		text_escape(&buffer, common_name, strlen(common_name), TEXT_PLAIN);
	GENERAL_NAMES_free(names);
	return probe_take_text(out, size, &buffer);
}

/* A common name in U-labels, where no subjectAltName is there instead. */
static bool
common_name_is(const struct certificate *certificate, const char *host)
{
	char name[PROBE_NAME];

	return certificate->san_count == 0 &&
	    policy_domain(certificate->cn, name, sizeof(name)) && strcmp(name, host) == 0;
}

static bool
names_it(X509 *leaf, const struct certificate *certificate, const char *host)
{
	return X509_check_host(leaf, host, 0, CHECK_FLAGS, NULL) == 1 ||
	    X509_check_ip_asc(leaf, host, 0) == 1 || common_name_is(certificate, host);
}

static void
take_leaf(X509 *leaf, const struct certificate *certificate, const struct probe_host *host,
    const char *domain, struct probe_chain *chain)
{
	chain->names_host = names_it(leaf, certificate, host->name);
	chain->names_domain = domain != NULL && names_it(leaf, certificate, domain);
	chain->not_before = certificate->not_before;
	chain->not_after = certificate->not_after;
	(void)snprintf(chain->key, sizeof(chain->key), "%.*s",
	    (int)sizeof(chain->key) - 1, certificate->key);
	(void)snprintf(chain->signature, sizeof(chain->signature), "%s",
	    certificate->signature);
	(void)fingerprint_write(&certificate->digests[OF_CERTIFICATE_SHA256], chain->sha256,
	    sizeof(chain->sha256));
	(void)fingerprint_write(&certificate->digests[OF_KEY_SHA256], chain->key_sha256,
	    sizeof(chain->key_sha256));
}

/* What the leaf says of itself. */
static bool
look_at_leaf(X509 *leaf, const struct probe_host *host, const char *domain,
    struct probe_chain *chain)
{
	struct certificate_reader *reader = certificate_reader_new(NULL);
	struct certificate certificate = { .cn = NULL };
	struct arena arena = { .failed = false };
	bool ok = reader != NULL &&
	    certificate_take(reader, leaf, &arena, &certificate) && !arena.failed;

	if (ok) {
		take_leaf(leaf, &certificate, host, domain, chain);
		ok = write_names(leaf, certificate.cn, chain->names, sizeof(chain->names)) &&
		    probe_name_text(chain->issuer, X509_get_issuer_name(leaf));
	}
	arena_release(&arena);
	certificate_reader_free(&reader);
	return ok;
}

/* ------------------------------------------------------------------ *
 * How they are put together
 * ------------------------------------------------------------------ */

/* From the leaf on, each issued by the next: positions in what was sent. */
struct chain_path {
	int links[CHAIN_MAX];
	int length;
};

static bool
is_issued_by(X509 *x509, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	return X509_check_issued(issuer, x509) == X509_V_OK && key != NULL &&
	    X509_verify(x509, key) == 1;
}

static bool
is_in_path(const struct chain_path *path, const STACK_OF(X509) *sent, int at)
{
	for (int i = 0; i < path->length; i++)
		if (path->links[i] == at || X509_cmp(sk_X509_value(sent, path->links[i]),
		    sk_X509_value(sent, at)) == 0)
			return true;
	return false;
}

/* The position of the next link, of those behind "last" rather than before; -1: none. */
static int
find_next_link(const struct chain_path *path, const STACK_OF(X509) *sent, int count)
{
	int last = path->links[path->length - 1];
	X509 *x509 = sk_X509_value(sent, last);

	if (X509_self_signed(x509, 1) == 1)
		return -1;
	for (int i = 1; i < count; i++) {
		int at = (last + i) % count;

		if (!is_in_path(path, sent, at) &&
		    is_issued_by(x509, sk_X509_value(sent, at)))
			return at;
	}
	return -1;
}

static struct chain_path
find_path(const STACK_OF(X509) *sent)
{
	struct chain_path path = { .links = { 0 }, .length = 1 };
	int count = sk_X509_num(sent) < CHAIN_MAX ? sk_X509_num(sent) : CHAIN_MAX;
	int next;

	while ((next = find_next_link(&path, sent, count)) >= 0)
		path.links[path.length++] = next;
	return path;
}

static int64_t
end_of(const X509 *x509)
{
	struct tm tm;

	return ASN1_TIME_to_tm(X509_get0_notAfter(x509), &tm) == 1 ? timegm(&tm) : 0;
}

/* Of what can be forged, as the fact cert_signature has it; of a root nobody looks at it. */
static void
take_weak_signature(X509 *link, struct probe_chain *chain)
{
	int digest = NID_undef;

	if (X509_get_signature_info(link, &digest, NULL, NULL, NULL) == 1 &&
	    (digest == NID_sha1 || digest == NID_md5))
		(void)snprintf(chain->weak_signature, sizeof(chain->weak_signature), "%s",
		    digest == NID_sha1 ? "sha1" : "md5");
}

static void
take_chain_path(const STACK_OF(X509) *sent, const struct chain_path *path,
    struct probe_chain *chain)
{
	chain->self_signed = X509_self_signed(sk_X509_value(sent, 0), 1) == 1;
	chain->ordered = true;
	chain->unneeded = (size_t)(sk_X509_num(sent) - path->length);
	for (int i = 0; i < path->length; i++) {
		X509 *link = sk_X509_value(sent, path->links[i]);
		bool root = i > 0 && X509_self_signed(link, 1) == 1;
		int64_t end = end_of(link);

		if (!root && chain->weak_signature[0] == '\0')
			take_weak_signature(link, chain);
		chain->ordered &= i == 0 || path->links[i] > path->links[i - 1];
		if (!root && (i == 0 || end < chain->first_end))
			chain->first_end = end;
	}
	for (int i = 1; i < sk_X509_num(sent) && i < CHAIN_MAX; i++)
		chain->root_sent |= X509_self_signed(sk_X509_value(sent, i), 1) == 1 &&
		    X509_cmp(sk_X509_value(sent, i), sk_X509_value(sent, 0)) != 0;
}

/* ------------------------------------------------------------------ *
 * By the authorities at hand
 * ------------------------------------------------------------------ */

static X509_STORE *
open_authorities(const char *authorities)
{
	X509_STORE *store = X509_STORE_new();
	int loaded;

	if (store == NULL)
		return NULL;
	loaded = authorities != NULL ? X509_STORE_load_file(store, authorities) :
	    X509_STORE_set_default_paths(store);
	if (loaded == 1)
		return store;
	X509_STORE_free(store);
	return NULL;
}

bool
probe_authorities_there(const char *authorities)
{
	X509_STORE *store = authorities != NULL ? open_authorities(authorities) : NULL;
	bool there = authorities == NULL || store != NULL;

	X509_STORE_free(store);
	ERR_clear_error();
	return there;
}

/* Whether a root is reached: one that was sent, or one at hand. */
static bool
reaches_root(X509_STORE_CTX *context, const STACK_OF(X509) *sent,
    const struct chain_path *path)
{
	for (int i = path->length - 1; i >= 0; i--) {
		X509 *link = sk_X509_value(sent, path->links[i]), *issuer = NULL;

		if (X509_self_signed(link, 1) == 1)
			return true;
		if (X509_STORE_CTX_get1_issuer(&issuer, context, link) == 1) {
			X509_free(issuer);
			return true;
		}
	}
	return false;
}

/* A context to verify a server's chain in at "now"; NULL where memory is short. */
static X509_STORE_CTX *
open_verification(X509_STORE *store, STACK_OF(X509) *sent, int64_t now)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();

	if (context != NULL &&
	    X509_STORE_CTX_init(context, store, sk_X509_value(sent, 0), sent) == 1 &&
	    X509_STORE_CTX_set_default(context, "ssl_server") == 1) {
		X509_STORE_CTX_set_time(context, 0, (time_t)now);
		return context;
	}
	X509_STORE_CTX_free(context);
	return NULL;
}

static bool
verify_chain(STACK_OF(X509) *sent, const struct chain_path *path, const char *authorities,
    int64_t now, struct probe_chain *chain)
{
	X509_STORE *store = open_authorities(authorities);
	X509_STORE_CTX *context = store != NULL ? open_verification(store, sent, now) : NULL;
	const X509 *last = sk_X509_value(sent, path->links[path->length - 1]);
	bool ok = context != NULL;

	if (ok) {
		chain->complete = reaches_root(context, sent, path);
		chain->verified = X509_verify_cert(context) == 1;
		chain->verify_error = X509_STORE_CTX_get_error(context);
		chain->verify_depth = X509_STORE_CTX_get_error_depth(context);
		ok = chain->verify_error != X509_V_ERR_OUT_OF_MEM;
	}
	if (ok && !chain->complete)
		ok = probe_name_text(chain->missing, X509_get_issuer_name(last));
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return ok;
}

/* ------------------------------------------------------------------ *
 * By TLSA records
 * ------------------------------------------------------------------ */

/* Gives OpenSSL the records; it tells which of them are of use. -1: memory is short. */
static int
add_tlsa(SSL *ssl, const struct probe_host *host)
{
	int usable = 0;

	for (size_t i = 0; i < host->tlsa_count; i++) {
		const struct probe_tlsa *tlsa = &host->tlsa[i];
		int added;

		if ((tlsa->usage != 2 && tlsa->usage != 3) || tlsa->size > sizeof(tlsa->data))
			continue;
		added = SSL_dane_tlsa_add(ssl, tlsa->usage, tlsa->selector, tlsa->matching,
		    tlsa->data, tlsa->size);
		if (added < 0)
			return -1;
		usable += added;
	}
	return usable;
}

/* The names that count for usage 2: RFC 7672 section 3.2.2. */
static bool
set_dane_names(SSL *ssl, const struct probe_host *host, const char *domain)
{
	const char *base = host->tlsa_base[0] != '\0' ? host->tlsa_base : host->name;

	SSL_set_hostflags(ssl, CHECK_FLAGS);
	return SSL_dane_enable(ssl, base) == 1 &&
	    (strcmp(base, host->name) == 0 || SSL_add1_host(ssl, host->name) == 1) &&
	    (domain == NULL || SSL_add1_host(ssl, domain) == 1);
}

/* A chain with these faults is still the one that a record is about. */
static int
forgive_for_dane(int ok, X509_STORE_CTX *context)
{
	switch (X509_STORE_CTX_get_error(context)) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_INVALID_PURPOSE:
		return 1;
	default:
		return ok;
	}
}

/* Whether a record matches, and all else that it demands. Authorities do not count. */
static bool
verify_dane(SSL *ssl, STACK_OF(X509) *sent, int64_t now, bool forgiving, bool *matches)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = store != NULL ? open_verification(store, sent, now) : NULL;
	bool ok = context != NULL && X509_VERIFY_PARAM_set1(
	    X509_STORE_CTX_get0_param(context), SSL_get0_param(ssl)) == 1;

	if (ok) {
		X509_STORE_CTX_set0_dane(context, SSL_get0_dane(ssl));
		X509_STORE_CTX_set_time(context, 0, (time_t)now);
		if (forgiving)
			X509_STORE_CTX_set_verify_cb(context, forgive_for_dane);
		*matches = X509_verify_cert(context) == 1;
		ok = X509_STORE_CTX_get_error(context) != X509_V_ERR_OUT_OF_MEM;
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return ok;
}

static bool
look_at_tlsa(STACK_OF(X509) *sent, const struct probe_host *host, const char *domain,
    int64_t now, struct probe_chain *chain)
{
	SSL_CTX *context = host->tlsa_count > 0 ? SSL_CTX_new(TLS_client_method()) : NULL;
	SSL *ssl = NULL;
	int usable = -1;

	if (host->tlsa_count == 0)
		return true;
	if (context != NULL && SSL_CTX_dane_enable(context) == 1) {
		(void)SSL_CTX_dane_set_flags(context, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
		ssl = SSL_new(context);
	}
	if (ssl != NULL && set_dane_names(ssl, host, domain))
		usable = add_tlsa(ssl, host);
	if (usable >= 0)
		chain->tlsa_usable = (size_t)usable;
	if (usable > 0 && (!verify_dane(ssl, sent, now, false, &chain->tlsa_matches) ||
	    !verify_dane(ssl, sent, now, true, &chain->tlsa_of_chain)))
		usable = -1;
	SSL_free(ssl);
	SSL_CTX_free(context);
	return usable >= 0;
}

bool
probe_chain_look(STACK_OF(X509) *sent, const struct probe_host *host, const char *domain,
    const char *authorities, int64_t now, struct probe_chain *chain)
{
	struct chain_path path;
	bool ok;

	memset(chain, 0, sizeof(*chain));
	if (sk_X509_num(sent) < 1)
		return true;
	path = find_path(sent);
	take_chain_path(sent, &path, chain);
	ok = look_at_leaf(sk_X509_value(sent, 0), host, domain, chain) &&
	    verify_chain(sent, &path, authorities, now, chain) &&
	    look_at_tlsa(sent, host, domain, now, chain);
	/* What strangers send leaves errors behind. */
	ERR_clear_error();
	return ok;
}
