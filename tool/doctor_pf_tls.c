/*
 * doctor_pf_tls.c - tlsward doctor: whether Postfix offers TLS, and which.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf_milter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "policy/tls_policy.h"

/* Whether a service is that, by the port it listens on. */
static bool
is_on_port(const struct pf_service *service, const char *const *names)
{
	const char *colon = strrchr(service->name, ':');
	const char *port = colon != NULL ? colon + 1 : service->name;

	while (*names != NULL && strcmp(*names, port) != 0)
		names++;
	return *names != NULL;
}

static bool
is_wrapped(const struct pf_service *service)
{
	static const char *const names[] = { "smtps", "submissions", "465", NULL };

	return is_on_port(service, names);
}

static bool
is_plain_first(const struct pf_service *service)
{
	static const char *const names[] = { "smtp", "25", "submission", "587", NULL };

	return is_on_port(service, names);
}

/* What offers TLS, or would; an old name counts where the new one is not set. */
static const char *
level_of(const struct pf *pf, const struct pf_service *service)
{
	const char *level = pf_get(pf, service, "smtpd_tls_security_level");

	if (level[0] != '\0')
		return level;
	return pf_is(pf, service, "smtpd_enforce_tls", "yes") ? "encrypt" :
	    pf_is(pf, service, "smtpd_use_tls", "yes") ||
	    pf_is(pf, service, "smtpd_tls_wrappermode", "yes") ? "may" : "none";
}

bool
pf_offers_tls(const struct pf *pf, const struct pf_service *service)
{
	return strcasecmp(level_of(pf, service), "none") != 0;
}

static void
check_offered(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtpd_tls_security_level";
	const struct pf_service *owner = pf_owner(pf, service, name);
	const char *level = level_of(pf, service);

	if (!pf_offers_tls(pf, service)) {
		pf_say(pf, owner, DOCTOR_FAULT, "tls", "%s%s%s: TLS is not offered there, and no "
		    "session meets what the policy requires", name,
		    pf_get(pf, service, name)[0] != '\0' ? " = " : " is not set",
		    pf_get(pf, service, name));
		pf_fix(pf, owner, name, "%s", pf_takes_users(pf, service) ? "encrypt" : "may");
	} else if (pf_is_smtp(service) && strcasecmp(level, "may") != 0) {
		pf_say(pf, owner, DOCTOR_WARNING, "tls-encrypt", "TLS is demanded of everybody on "
		    "port 25 (%s), which RFC 3207 forbids a public mail server: who has none "
		    "cannot send, and the policy is not asked", level);
		pf_fix(pf, owner, name, "may");
	} else {
		pf_say(pf, NULL, DOCTOR_OK, "tls", "TLS is offered to those who send");
	}
}

static void
check_wrapper(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtpd_tls_wrappermode";
	bool wraps = pf_is(pf, service, name, "yes");

	if (wraps && is_plain_first(service)) {
		pf_say(pf, service, DOCTOR_FAULT, "tls-wrappermode", "%s = yes: those who come "
		    "there speak SMTP first, and hear nothing", name);
		pf_fix(pf, pf_owner(pf, service, name), name, "no");
	} else if (!wraps && is_wrapped(service)) {
		pf_say(pf, service, DOCTOR_FAULT, "tls-wrappermode", "%s = no: those who come "
		    "there speak TLS from the first byte, and get nowhere", name);
		pf_fix(pf, service, name, "yes");
	}
}

static void
check_protocols(const struct pf *pf, const struct pf_service *service)
{
	const char *name = strcasecmp(level_of(pf, service), "may") == 0 ?
	    "smtpd_tls_protocols" : "smtpd_tls_mandatory_protocols";
	const char *list = pf_get(pf, service, name);
	unsigned left = 0, newest = (1u << PROTOCOL_TLS_1_2) | (1u << PROTOCOL_TLS_1_3);

	if (!policy_tls_protocols_left(list, &left) || (left & newest) == newest)
		return;
	pf_say(pf, pf_owner(pf, service, name), (left & newest) == 0 ? DOCTOR_FAULT :
	    DOCTOR_WARNING, "tls-protocols", "%s = %s leaves %s out, which partners agree on",
	    name, list, (left & newest) == 0 ? "TLS 1.2 and TLS 1.3" :
	    (left & (1u << PROTOCOL_TLS_1_2)) == 0 ? "TLS 1.2" : "TLS 1.3");
	pf_fix(pf, pf_owner(pf, service, name), name, "%s",
	    pf->version >= 306 ? ">=TLSv1" : "!SSLv2, !SSLv3");
}

/* ------------------------------------------------------------------ *
 * The server's own certificate
 * ------------------------------------------------------------------ */

/* A key that asks for a passphrase is one that Postfix cannot use either. */
static int
no_passphrase(char *text, int size, int writing, void *data)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)data;
	return 0;
}

/* NULL, or why Postfix cannot use that certificate with that key. */
static const char *
why_unusable(const char *chain, const char *key)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	const char *why = NULL;

	if (context == NULL)
		return NULL;
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(context, chain) != 1)
		why = "no certificate can be read from it";
	else if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(context) != 1)
		why = "no key that fits it can be read";
	SSL_CTX_free(context);
	ERR_clear_error();
	return why;
}

static void
check_pair(const struct pf *pf, const struct pf_service *service, const char *name,
    const char *chain, const char *key)
{
	const struct pf_service *owner = pf_owner(pf, service, name);
	bool readable = access(chain, R_OK) == 0 && access(key, R_OK) == 0;
	const char *why = readable ? why_unusable(chain, key) : NULL;
	int error = errno;

	if (readable && why == NULL) {
		pf_say(pf, owner, DOCTOR_OK, "tls-certificate", "the certificate in %s has its key",
		    chain);
		return;
	}
	if (!readable && error == EACCES && geteuid() != 0)
		return;
	pf_say(pf, owner, DOCTOR_FAULT, "tls-certificate", "%s = %s: %s, and Postfix offers no "
	    "TLS without it", name, chain, why != NULL ? why : strerror(error));
	if (strcmp(chain, key) == 0)
		doctor_fix(pf->doctor, "put the key and the certificate into %s, or name another "
		    "file: %s in %s", chain, name, pf->main_path);
	else
		doctor_fix(pf->doctor, "put the certificate into %s and its key into %s, or name "
		    "other files in %s", chain, key, pf->main_path);
}

/* Whether a file has a key and no certificate: that may be in the file after it. */
static bool
is_key_alone(const char *file)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	bool alone = false;

	if (context == NULL)
		return false;
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	alone = SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_use_certificate_chain_file(context, file) != 1;
	SSL_CTX_free(context);
	ERR_clear_error();
	return alone;
}

/* Returns how many are named. */
static size_t
check_chains(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtpd_tls_chain_files";
	const char *files = pf_get(pf, service, name);
	char file[PF_PATH_MAX], key[PF_PATH_MAX] = "";
	size_t count = 0;

	for (; pf_word(&files, file, sizeof(file)); count++) {
		if (key[0] == '\0' && is_key_alone(file)) {
			(void)snprintf(key, sizeof(key), "%s", file);
			continue;
		}
		check_pair(pf, service, name, file, key[0] != '\0' ? key : file);
		key[0] = '\0';
	}
	if (key[0] != '\0')
		check_pair(pf, service, name, key, key);
	return count;
}

static void
check_certificate(const struct pf *pf, const struct pf_service *service)
{
	static const char *const names[][2] = {
		{ "smtpd_tls_cert_file", "smtpd_tls_key_file" },
		{ "smtpd_tls_eccert_file", "smtpd_tls_eckey_file" },
		{ "smtpd_tls_dcert_file", "smtpd_tls_dkey_file" },
	};
	size_t count = check_chains(pf, service);

	/* Where that is set, the others are not looked at. */
	for (size_t i = 0; count == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		const char *chain = pf_get(pf, service, names[i][0]);
		const char *key = pf_get(pf, service, names[i][1]);

		if (strcasecmp(chain, "none") == 0)
			return;
		if (chain[0] == '\0')
			continue;
		check_pair(pf, service, names[i][0], chain, key[0] != '\0' ? key : chain);
		for (i++; i < sizeof(names) / sizeof(names[0]); i++)
			if (pf_get(pf, service, names[i][0])[0] != '\0')
				check_pair(pf, service, names[i][0],
				    pf_get(pf, service, names[i][0]),
				    pf_get(pf, service, names[i][1]));
		return;
	}
	if (count > 0)
		return;
	pf_say(pf, NULL, DOCTOR_FAULT, "tls-certificate", "smtpd_tls_chain_files and "
	    "smtpd_tls_cert_file are not set: without a certificate Postfix offers no TLS");
	pf_fix(pf, NULL, "smtpd_tls_chain_files", "the file with your key and its certificate");
}

/* ------------------------------------------------------------------ *
 * The log
 * ------------------------------------------------------------------ */

/* What tlsward watch reads, where it is used. */
static void
check_log(const struct pf *pf, const struct pf_service *service)
{
	static const char level[] = "smtpd_tls_loglevel", ports[] = "smtpd_client_port_logging";

	if (pf->doctor->loaded.settings->maillog == NULL)
		return;
	if (pf_is(pf, service, level, "0")) {
		pf_say(pf, pf_owner(pf, service, level), DOCTOR_WARNING, "tls-loglevel", "%s = 0: "
		    "the log that tlsward watch reads does not tell of TLS", level);
		pf_fix(pf, pf_owner(pf, service, level), level, "1");
	}
	if (pf_is(pf, service, ports, "no")) {
		pf_say(pf, pf_owner(pf, service, ports), DOCTOR_WARNING, "tls-port-logging",
		    "%s = no: the log that tlsward watch reads does not tell one session of a "
		    "client from another", ports);
		pf_fix(pf, pf_owner(pf, service, ports), ports, "yes");
	}
}

void
pf_check_tls(const struct pf *pf)
{
	for (size_t i = 0; i < pf->service_count; i++) {
		const struct pf_service *service = &pf->services[i];

		if (service->side != PF_OUTSIDE)
			continue;
		check_offered(pf, service);
		check_wrapper(pf, service);
		if (!pf_offers_tls(pf, service))
			continue;
		check_protocols(pf, service);
		check_certificate(pf, service);
		check_log(pf, service);
	}
}
