/*
 * doctor_pf_ccert.c - tlsward doctor: whether Postfix tells what the policy requires of
 * certificates.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf_milter.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/pem.h>

#include "tool/doctor_pf_reach.h"

static bool
asks_for_one(const struct pf *pf, const struct pf_service *service)
{
	return pf_is(pf, service, "smtpd_tls_ask_ccert", "yes") ||
	    (pf_is(pf, service, "smtpd_tls_req_ccert", "yes") &&
	    (pf_is(pf, service, "smtpd_tls_security_level", "encrypt") ||
	    pf_is(pf, service, "smtpd_enforce_tls", "yes")));
}

static void
check_asking(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtpd_tls_ask_ccert";
	const struct pf_service *owner = pf_owner(pf, service, name);

	if (asks_for_one(pf, service)) {
		pf_say(pf, NULL, DOCTOR_OK, "tls-ask-ccert", "clients are asked for their "
		    "certificates, of which the policy requires something");
		return;
	}
	pf_say(pf, owner, DOCTOR_FAULT, "tls-ask-ccert", "%s = %s: no client is asked for its "
	    "certificate, and no session meets what the policy requires of certificates", name,
	    pf_get(pf, service, name));
	pf_fix(pf, owner, name, "yes");
}

static void
check_fingerprint_digest(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtpd_tls_fingerprint_digest";
	const struct pf_service *owner = pf_owner(pf, service, name);
	const char *digest = pf_get(pf, service, name);

	if (!pf->doctor->summary.uses_fingerprint || strcasecmp(digest, "sha256") == 0)
		return;
	pf_say(pf, owner, strcasecmp(digest, "sha1") == 0 ? DOCTOR_WARNING : DOCTOR_FAULT,
	    "tls-digest", "%s = %s: the policy service is told fingerprints by that digest, which "
	    "pins by sha256 never fit", name, digest);
	pf_fix(pf, owner, name, "sha256");
}

/* ------------------------------------------------------------------ *
 * Authorities
 * ------------------------------------------------------------------ */

/* NULL, or why no authority is read from the file. */
static const char *
why_no_authority(const char *path)
{
	FILE *file = fopen(path, "re");
	X509 *certificate;

	if (file == NULL)
		return strerror(errno);
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	(void)fclose(file);
	if (certificate == NULL)
		return "no certificate is in it";
	X509_free(certificate);
	return NULL;
}

/* Whether a folder has what c_rehash(1) makes: HASH.0. */
static bool
is_hashed(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	bool hashed = false;

	while (folder != NULL && !hashed && (entry = readdir(folder)) != NULL)
		hashed = strlen(entry->d_name) == 10 && entry->d_name[8] == '.' &&
		    strspn(entry->d_name, "0123456789abcdef") == 8;
	if (folder != NULL)
		(void)closedir(folder);
	return hashed;
}

/* What is set in vain: a file that is not there switches TLS off. */
static void
check_ca_file(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtpd_tls_CAfile";
	const struct pf_service *owner = pf_owner(pf, service, name);
	const char *path = pf_get(pf, service, name);
	const char *why = path[0] != '\0' ? why_no_authority(path) : NULL;

	if (why == NULL)
		return;
	pf_say(pf, owner, DOCTOR_FAULT, "tls-ca", "%s = %s: %s, and Postfix offers no TLS until "
	    "there is", name, path, why);
	doctor_fix(pf->doctor, "put your partners' authorities into %s, or take %s out of %s",
	    path, name, owner != NULL ? pf->master_path : pf->main_path);
}

/* A folder is read later, by a smtpd in its chroot. */
static void
check_ca_folder(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtpd_tls_CApath";
	const struct pf_service *owner = pf_owner(pf, service, name);
	const char *path = pf_get(pf, service, name);
	char real[PF_PATH_MAX];

	if (path[0] == '\0')
		return;
	pf_real_path(pf, service->chroot, path, real);
	if (is_hashed(real))
		return;
	pf_say(pf, owner, DOCTOR_WARNING, "tls-ca", "%s = %s: there are no authorities in %s, "
	    "where smtpd looks for them", name, path, real);
	doctor_fix(pf->doctor, "copy them there and run c_rehash %s, or name a file, which is "
	    "read before the chroot: smtpd_tls_CAfile in %s", real, pf->main_path);
}

static void
check_authorities(const struct pf *pf, const struct pf_service *service)
{
	const struct policy_summary *summary = &pf->doctor->summary;

	if (pf_get(pf, service, "smtpd_tls_CAfile")[0] != '\0' ||
	    pf_get(pf, service, "smtpd_tls_CApath")[0] != '\0' ||
	    pf_is(pf, service, "tls_append_default_CA", "yes") || summary->uses_fingerprint)
		return;
	pf_say(pf, pf_owner(pf, service, "smtpd_tls_CAfile"), DOCTOR_FAULT, "tls-ca",
	    "smtpd_tls_CAfile and smtpd_tls_CApath are not set: no client's certificate is "
	    "verified, and of one that is not a milter is told nothing");
	pf_fix(pf, pf_owner(pf, service, "smtpd_tls_CAfile"), "smtpd_tls_CAfile",
	    "%s/partner-cas.pem (your partners' authorities)", pf->folder);
}

void
pf_check_certificates(const struct pf *pf)
{
	const struct policy_summary *summary = &pf->doctor->summary;

	for (size_t i = 0; i < pf->service_count; i++) {
		const struct pf_service *service = &pf->services[i];

		if (service->side != PF_OUTSIDE || !pf_offers_tls(pf, service))
			continue;
		check_ca_file(pf, service);
		if (!summary->needs_certificate || pf_takes_users(pf, service))
			continue;
		check_asking(pf, service);
		check_fingerprint_digest(pf, service);
		check_authorities(pf, service);
		check_ca_folder(pf, service);
	}
}
