/*
 * doctor_sendmail_tls.c - doctor's look at Sendmail: whether it offers TLS, what it tells
 * of a session, and the map for mail that goes out.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_sendmail.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tool/doctor_export.h"
#include "base/text.h"

/* Lines "STARTTLS=server, ..." are logged at this level and above, which is the default. */
#define LOG_LEVEL_TLS 9

/* ------------------------------------------------------------------ *
 * STARTTLS
 * ------------------------------------------------------------------ */

/* What Sendmail must have to offer it. */
static const struct tls_option {
	const char *name, *mc, *example;
	bool is_file, is_key;
} tls_options[] = {
	{ "ServerCertFile", "confSERVER_CERT", "/etc/mail/tls/server.pem", true, false },
	{ "ServerKeyFile", "confSERVER_KEY", "/etc/mail/tls/server.key", true, true },
	{ "CACertFile", "confCACERT", "/etc/mail/tls/partner-cas.pem", true, false },
	{ "CACertPath", "confCACERT_PATH", "/etc/mail/tls", false, false },
};
#define TLS_OPTIONS (sizeof(tls_options) / sizeof(tls_options[0]))

static void
fix_option(const struct sendmail_look *look, unsigned line, const char *name,
    const char *mc, const char *value)
{
	char lines[PATH_MAX + 64], macro[PATH_MAX + 64];

	(void)snprintf(lines, sizeof(lines), "O %s=%s", name, value);
	(void)snprintf(macro, sizeof(macro), "define(`%s', `%s')", mc, value);
	sendmail_fix(look, line, lines, macro);
}

static void
say_no_option(const struct sendmail_look *look, const struct tls_option *option)
{
	doctor_say(look->doctor, DOCTOR_FAULT, "sendmail-tls", "%s has no %s: Sendmail offers "
	    "no STARTTLS, and all mail comes in clear text", look->cf.path, option->name);
	fix_option(look, 0, option->name, option->mc, option->example);
}

/* One file of an option, which may name two. False: there is a fault, and it is said. */
static bool
check_tls_file(const struct sendmail_look *look, const struct tls_option *option,
    unsigned line, const char *path)
{
	struct doctor *doctor = look->doctor;
	char why[PATH_MAX + 64];

	if (access(path, F_OK) != 0) {
		if (errno == EACCES)
			return true;
		doctor_say(doctor, DOCTOR_FAULT, "sendmail-tls", "%s:%u: %s is %s, which is not "
		    "there (%s): Sendmail offers no STARTTLS", look->cf.path, line, option->name,
		    path, strerror(errno));
		doctor_fix(doctor, "put the file there, or name another (in sendmail.mc: %s)",
		    option->mc);
		return false;
	}
	if (option->is_key && sendmail_key_is_open(look, path)) {
		doctor_say(doctor, DOCTOR_FAULT, "sendmail-tls-key", "%s:%u: others than its owner "
		    "may read the key %s: Sendmail does not trust it, and offers no STARTTLS",
		    look->cf.path, line, path);
		doctor_fix(doctor, "chmod 600 %s", path);
		return false;
	}
	if (!sendmail_is_unsafe(look, path, false, why, sizeof(why)))
		return true;
	doctor_say(doctor, DOCTOR_FAULT, "sendmail-tls", "%s:%u: Sendmail does not trust %s (%s), "
	    "and offers no STARTTLS: %s", look->cf.path, line, path, option->name, why);
	doctor_fix(doctor, "have the file in a folder in which only its owner may write");
	return false;
}

static bool
check_tls_option(const struct sendmail_look *look, const struct tls_option *option)
{
	unsigned line = 0;
	const char *value = cf_option(&look->cf, option->name, &line);
	bool fine = true;
	char path[PATH_MAX];

	if (value == NULL || value[0] == '\0') {
		say_no_option(look, option);
		return false;
	}
	while (option->is_file && fine && *value != '\0') {
		size_t length = strcspn(value, ",");

		(void)snprintf(path, sizeof(path), "%.*s", (int)length, value);
		fine = check_tls_file(look, option, line, path);
		value += length + strspn(value + length, ", ");
	}
	return fine;
}

static void
say_tls(struct sendmail_look *look)
{
	bool fine = true;

	for (size_t i = 0; i < TLS_OPTIONS; i++)
		fine = check_tls_option(look, &tls_options[i]) && fine;
	if (fine)
		doctor_say(look->doctor, DOCTOR_OK, "sendmail-tls", "%s has all that Sendmail "
		    "needs to offer STARTTLS", look->cf.path);
}

/* ------------------------------------------------------------------ *
 * What it tells of a client
 * ------------------------------------------------------------------ */

static void
say_client_certificate(struct sendmail_look *look)
{
	const struct policy_summary *summary = &look->doctor->summary;
	unsigned line = 0;
	const char *value = cf_option(&look->cf, "TLSSrvOptions", &line);
	char others[64] = "";

	if (value == NULL || strchr(value, 'V') == NULL ||
	    (!summary->needs_certificate && !summary->needs_fingerprint))
		return;
	doctor_say(look->doctor, DOCTOR_FAULT, "sendmail-client-certificate", "%s:%u: "
	    "TLSSrvOptions has V: Sendmail asks no client for a certificate, and the policy "
	    "requires some", look->cf.path, line);
	for (; *value != '\0'; value++)
		if (*value != 'V')
			text_append(others, sizeof(others), "%c", *value);
	fix_option(look, line, "TLSSrvOptions", "confTLS_SRV_OPTIONS",
	    others[strspn(others, ", ")] != '\0' ? others : "");
}

static void
say_digest(struct sendmail_look *look)
{
	unsigned line = 0;
	const char *value = cf_option(&look->cf, "CertFingerprintAlgorithm", &line);
	char place[PATH_MAX + 16] = "";

	if (!look->doctor->summary.needs_fingerprint ||
	    (value != NULL && strcasecmp(value, "sha256") == 0))
		return;
	if (line > 0)
		(void)snprintf(place, sizeof(place), "%s:%u: ", look->cf.path, line);
	doctor_say(look->doctor, DOCTOR_FAULT, "sendmail-digest", "%sSendmail tells of a "
	    "certificate its %s digest, and not the SHA-256 that the policy's fingerprints are "
	    "of: none of them is ever met", place, value != NULL ? value : "MD5");
	fix_option(look, line, "CertFingerprintAlgorithm", "confCERT_FINGERPRINT_ALGORITHM",
	    "sha256");
}

/* Whether the policy lets clients in for their authentication alone. */
static bool
exempts_authenticated(const struct doctor *doctor)
{
	const struct policy *policy = doctor->loaded.policy;
	size_t count = policy != NULL ? policy_rule_count(policy) : 0;
	struct policy_place place;

	for (size_t i = 0; i < count; i++) {
		policy_rule_place(policy, i, &place);
		if (place.kind == RULE_CLIENT && place.name != NULL &&
		    strcmp(place.name, "authenticated") == 0)
			return true;
	}
	return false;
}

static void
say_external(struct sendmail_look *look)
{
	unsigned line = 0;
	const char *value = cf_option(&look->cf, "AuthMechanisms", &line);

	if (value == NULL || !cf_has_word(value, "EXTERNAL") ||
	    !exempts_authenticated(look->doctor))
		return;
	doctor_say(look->doctor, DOCTOR_WARNING, "sendmail-external", "%s:%u: AuthMechanisms has "
	    "EXTERNAL: whoever has a certificate of one of the authorities in CACertFile counts "
	    "as authenticated, and the policy has a rule for such clients", look->cf.path, line);
	doctor_fix(look->doctor, "%s:%u: take EXTERNAL away (in sendmail.mc: of "
	    "confAUTH_MECHANISMS)", look->cf.path, line);
}

/* ------------------------------------------------------------------ *
 * Its log, and mail that goes out
 * ------------------------------------------------------------------ */

static void
say_log_level(struct sendmail_look *look)
{
	const struct doctor *doctor = look->doctor;
	unsigned line = 0;
	const char *value = cf_option(&look->cf, "LogLevel", &line);

	if (value == NULL || atoi(value) >= LOG_LEVEL_TLS ||
	    (doctor->loaded.settings->maillog == NULL && doctor->summary.deliver_rules == 0))
		return;
	doctor_say(look->doctor, DOCTOR_WARNING, "sendmail-log-level", "%s:%u: LogLevel is %s: "
	    "Sendmail does not log TLS, and tlsward watch learns nothing of handshakes and of "
	    "mail that goes out", look->cf.path, line, value);
	fix_option(look, line, "LogLevel", "confLOG_LEVEL", "9");
}

/* The path of the access map: of "Kaccess hash -T<TMPF> /etc/mail/access". */
static bool
find_access_map(const struct cf *cf, char *path, size_t size, bool *is_text)
{
	for (size_t i = 0; i < cf->count; i++) {
		const char *text = cf->lines[i].text, *last;

		if (cf->lines[i].kind != 'K' || strncmp(text, "access ", 7) != 0)
			continue;
		last = strrchr(text, ' ') + 1;
		*is_text = strncmp(text + 7, "text ", 5) == 0;
		(void)snprintf(path, size, "%s", last);
		return path[0] == '/';
	}
	return false;
}

/* What a line "Srv_Features:CLIENT FLAGS" of the access map takes from some clients. */
static void
say_features(struct sendmail_look *look, const char *path, unsigned number, const char *line)
{
	const struct policy_summary *summary = &look->doctor->summary;
	size_t client = strcspn(line, " \t"), rest = strcspn(line, "\n");
	const char *flags = line + client;
	bool no_tls = memchr(flags, 'S', rest > client ? rest - client : 0) != NULL;
	bool asks_none = memchr(flags, 'V', rest > client ? rest - client : 0) != NULL;

	if (!no_tls && !(asks_none && (summary->needs_certificate || summary->needs_fingerprint)))
		return;
	doctor_say(look->doctor, client == 0 ? DOCTOR_FAULT : DOCTOR_WARNING,
	    "sendmail-features", "%s:%u: Srv_Features with %s: %s %s%.*s", path, number,
	    no_tls ? "S" : "V", no_tls ? "no STARTTLS is offered to" :
	    "no certificate is asked of", client == 0 ? "any client" : "", (int)client, line);
	doctor_fix(look->doctor, "%s:%u: take the %s away; then makemap hash %s < %s", path,
	    number, no_tls ? "S" : "V", path, path);
}

static void
look_at_features(struct sendmail_look *look, const char *path)
{
	static const char tag[] = "Srv_Features:";
	struct file file;
	unsigned number = 1;

	if (file_read(path, CF_FILE_MAX, true, &file) != FILE_READ)
		return;
	for (const char *line = file.text; line != NULL; number++) {
		if (strncasecmp(line, tag, sizeof(tag) - 1) == 0)
			say_features(look, path, number, line + sizeof(tag) - 1);
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	free(file.text);
}

static void
say_no_map(struct sendmail_look *look, const char *path)
{
	doctor_say(look->doctor, DOCTOR_FAULT, "sendmail-access-map", "the policy has rules on "
	    "mail that goes out, and %s%s: Sendmail is not told of them",
	    path != NULL ? "what tlsward export sendmail writes is not in " :
	    "Sendmail has no access map", path != NULL ? path : "");
	if (path != NULL)
		doctor_fix(look->doctor, "tlsward export sendmail >> %s; then makemap hash %s < %s",
		    path, path, path);
	else
		doctor_fix(look->doctor, "in sendmail.mc: FEATURE(`access_db'); then tlsward export "
		    "sendmail >> /etc/mail/access, and makemap hash /etc/mail/access < "
		    "/etc/mail/access");
}

void
sendmail_outgoing_points(struct sendmail_look *look)
{
	bool wanted = look->doctor->summary.deliver_rules > 0, is_text = false;
	char path[PATH_MAX];

	if (!find_access_map(&look->cf, path, sizeof(path), &is_text)) {
		if (wanted)
			say_no_map(look, NULL);
		return;
	}
	look_at_features(look, path);
	switch (doctor_exported(look->doctor, "sendmail", path, is_text ? NULL :
	    "makemap hash")) {
	case EXPORTED_HERE:
		break;
	case EXPORTED_NOT:
		if (wanted)
			say_no_map(look, path);
		break;
	case EXPORTED_UNREADABLE:
		if (!wanted)
			break;
		doctor_say(look->doctor, DOCTOR_WARNING, "sendmail-access-map", "%s cannot be read "
		    "(%s): whether the rules on mail that goes out are in it is not known", path,
		    strerror(errno));
		doctor_fix(look->doctor, "keep the access map's text beside its database, and run "
		    "tlsward doctor as root");
	}
}

void
sendmail_tls_points(struct sendmail_look *look)
{
	say_tls(look);
	say_client_certificate(look);
	say_digest(look);
	say_external(look);
	say_log_level(look);
}
