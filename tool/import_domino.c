/*
 * import_domino.c - what a Domino speaks, by its notes.ini and its documents.
 *
 * Sources: HCL, "SSL cipher details" of Domino 10, 12 and 14, "Modifying TLS cipher
 * restrictions"; IBM, "Domino Interim Fixes to support TLS 1.0"; descriptions of the
 * settings SSLCipherSpec, DISABLE_SSLV3, SSL_DISABLE_TLS_10 and SSL_ENABLE_TLS_10. That
 * no Domino has TLS 1.1, and which has TLS 1.3, is from memory.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_host.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/tool.h"
#include "base/text.h"

/* Versions as numbers that compare, two digits for each of release, fix pack and fix. */
#define DOMINO_9_0_1_FP3 INT64_C(900010300)
#define DOMINO_9_0_1_FP3_IF2 INT64_C(900010302)
#define DOMINO_10_0_1 INT64_C(1000010000)
#define DOMINO_12 INT64_C(1200000000)
#define DOMINO_14 INT64_C(1400000000)

#define SUITES_14 "ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-GCM-SHA384 " \
    "DHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 " \
    "ECDHE-ECDSA-AES128-GCM-SHA256 DHE-RSA-AES128-GCM-SHA256"
#define SUITES_9_0_1 "ECDHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES256-GCM-SHA384 " \
    "ECDHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-SHA384 " \
    "DHE-RSA-AES256-SHA256 ECDHE-RSA-AES128-SHA256 DHE-RSA-AES128-SHA256 " \
    "AES256-GCM-SHA384 AES128-GCM-SHA256 AES256-SHA256 AES128-SHA256 AES256-SHA AES128-SHA"
#define SUITES_8_5 "AES256-SHA AES128-SHA DES-CBC3-SHA RC4-SHA RC4-MD5"

/* How TLS is set for one direction. */
enum domino_tls { DOMINO_UNSAID, DOMINO_DISABLED, DOMINO_ENABLED, DOMINO_REQUIRED };

enum domino_flag { NO_SSL_3, NO_TLS_10, NO_TLS_12, NO_TLS_13, WITH_TLS_10, WEAK, CLIENT_ORDER,
	INSECURE, FALLBACK, DOMINO_FLAGS };

/* Names without what is no letter or digit, in lower case. */
static const struct {
	const char *name;
	enum domino_flag flag;
} flag_names[] = {
	{ "disablesslv3", NO_SSL_3 }, { "ssldisablesslv3", NO_SSL_3 },
	{ "ssldisabletls10", NO_TLS_10 }, { "ssldisabletls12", NO_TLS_12 },
	{ "ssldisabletls13", NO_TLS_13 }, { "sslenabletls10", WITH_TLS_10 },
	{ "useweaksslciphers", WEAK }, { "ssluseclientcipherorder", CLIENT_ORDER },
	{ "sslenableinsecurerenegotiate", INSECURE }, { "routerfallbacknontls", FALLBACK }
};

/* A flag as it was set last, and where. */
struct flag {
	bool set, on;
	const char *place;
};

struct domino {
	struct import *import;
	struct flag flags[DOMINO_FLAGS];
	enum domino_tls incoming, outgoing;
	int64_t version;
	const char *release;		/* as it was written; NULL: by its settings */
	struct host_side spec, names;	/* suites: of SSLCipherSpec, and of documents */
	const char *spec_place, *names_place;
	bool outbound;			/* the heading that was read last is on mail that goes out */
	const char *file;
	unsigned line;
	struct host host;
};

/* ------------------------------------------------------------------ *
 * Values
 * ------------------------------------------------------------------ */

static const char *
domino_place(struct domino *d)
{
	return import_text(d->import, "%s, line %u", d->file, d->line);
}

static void
take_flag(struct domino *d, enum domino_flag flag, const char *name, const char *value)
{
	bool on = strcmp(value, "1") == 0 || strcasecmp(value, "enabled") == 0 ||
	    strcasecmp(value, "yes") == 0;

	d->import->read++;
	if (!on && strcmp(value, "0") != 0 && strcasecmp(value, "disabled") != 0 &&
	    strcasecmp(value, "no") != 0) {
		import_lost(d->import, NULL, "%s: %s is neither 0 nor 1: %s", domino_place(d), name,
		    value);
		return;
	}
	d->flags[flag] = (struct flag){ .set = true, .on = on, .place = domino_place(d) };
}

/* Suites by codes of "digits" digits each; how many are known, into "side" where not NULL. */
static size_t
spec_suites(const char *spec, size_t digits, struct host_side *side)
{
	size_t known = 0;

	for (size_t at = 0; at < strlen(spec); at += digits) {
		unsigned code = 0;

		for (size_t i = 0; i < digits; i++)
			code = code << 4 | (unsigned)text_hex(spec[at + i]);
		known += host_suite(code) != NULL;
		if (side != NULL)
			host_add_suite(side, host_suite(code));
	}
	return known;
}

static void
tell_unknown_codes(struct domino *d, const char *spec, size_t digits)
{
	for (size_t at = 0; at < strlen(spec); at += digits) {
		const char *code = import_text(d->import, "%.*s", (int)digits, spec + at);

		if (host_suite((unsigned)strtoul(code, NULL, 16)) == NULL)
			import_lost(d->import, NULL, "%s: the suite %s of SSLCipherSpec is not known",
			    domino_place(d), code);
	}
}

/* "C030009D" or, as it was before 9.0.1, "352F0A": by which of them knows more of it. */
static void
take_spec(struct domino *d, const char *value)
{
	char spec[1024] = "";
	size_t length = 0, digits = 2;

	d->import->read++;
	for (; *value != '\0' && length + 1 < sizeof(spec); value++)
		if (text_hex(*value) >= 0)
			spec[length++] = *value;
		else if (*value != ' ' && *value != ',' && *value != ';')
			break;
	if (*value != '\0' || length % 2 != 0) {
		import_lost(d->import, NULL, "%s: SSLCipherSpec is no row of codes of 4 or 2 "
		    "hexadecimal digits", domino_place(d));
		return;
	}
	if (length % 4 == 0 && spec_suites(spec, 4, NULL) * 2 >= spec_suites(spec, 2, NULL))
		digits = 4;
	d->spec.suite_count = 0;
	(void)spec_suites(spec, digits, &d->spec);
	tell_unknown_codes(d, spec, digits);
	d->spec_place = domino_place(d);
}

/* Names as the documents have them: "RSA_WITH_AES_128_CBC_SHA (2F), ...". */
static void
take_suite_names(struct domino *d, const char *value)
{
	struct host_side suites = { .suite_count = 0 };

	while (*value != '\0') {
		size_t length = strcspn(value, ",; ");
		const char *name = import_text(d->import, "%s%.*s",
		    strncasecmp(value, "TLS_", 4) == 0 ? "" : "TLS_", (int)length, value);
		const struct suite *suite = suite_of_standard(name, strlen(name));

		host_add_suite(&suites, suite);
		if (suite == NULL && strstr(name, "_WITH_") != NULL)
			import_lost(d->import, NULL, "%s: the suite %s is not known",
			    domino_place(d), name + strlen("TLS_"));
		value += length + strspn(value + length, ",; ");
	}
	if (suites.suite_count == 0)
		return;
	d->import->read++;
	d->names = suites;
	d->names_place = domino_place(d);
}

/* The next number, and what stands before it is passed over; 0: there is none. */
static int64_t
next_number(const char **at, const char *before)
{
	const char *from = *at + strspn(*at, " .");
	size_t length = strlen(before);
	char *end;
	long number;

	if (strncasecmp(from, before, length) != 0 || from[length] < '0' || from[length] > '9')
		return 0;
	number = strtol(from + length, &end, 10);
	*at = end;
	return number > 99 ? 99 : number;
}

/* "Release 9.0.1FP10 HF123", "Build V1201_03312022": the first number and what follows. */
static void
take_release(struct domino *d, const char *value)
{
	const char *at = value + strcspn(value, "0123456789");
	int64_t version = next_number(&at, "");

	if (version < 4 || version > 50)
		return;
	for (int i = 0; i < 2; i++)
		version = version * 100 + (*at == '.' ? next_number(&at, "") : 0);
	version = version * 100 + next_number(&at, "FP");
	version = version * 100 + next_number(&at, "IF");
	d->import->read++;
	d->version = version;
	d->release = import_text(d->import, "%.*s", (int)(strcspn(value, "|")),
	    value + strcspn(value, "0123456789"));
}

/* "Disabled", "Enabled", "Required", "Negotiated SSL". */
static void
take_negotiation(struct domino *d, const char *name, const char *value, bool outgoing)
{
	enum domino_tls tls = DOMINO_UNSAID;

	if (strncasecmp(value, "disabled", 8) == 0)
		tls = DOMINO_DISABLED;
	else if (strncasecmp(value, "required", 8) == 0)
		tls = DOMINO_REQUIRED;
	else if (strncasecmp(value, "enabled", 7) == 0 ||
	    strncasecmp(value, "negotiated", 10) == 0)
		tls = DOMINO_ENABLED;
	d->import->read++;
	if (tls == DOMINO_UNSAID)
		import_lost(d->import, NULL, "%s: %s is \"%s\", and neither Disabled, Enabled nor "
		    "Required", domino_place(d), name, value);
	else if (outgoing)
		d->outgoing = tls;
	else
		d->incoming = tls;
}

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

static void
take_setting(struct domino *d, const char *shown, const char *name, const char *value)
{
	bool outgoing = strstr(name, "outbound") != NULL ||
	    (d->outbound && strstr(name, "inbound") == NULL);

	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
		if (strcmp(name, flag_names[i].name) == 0) {
			take_flag(d, flag_names[i].flag, shown, value);
			return;
		}
	if (strcmp(name, "sslcipherspec") == 0)
		take_spec(d, value);
	else if (strstr(name, "negotiatedovertcp") != NULL)
		take_negotiation(d, shown, value, outgoing);
	/* Of the port that sends: "Negotiated SSL" there is what "Enabled" is of inbound. */
	else if (outgoing && strstr(name, "tcpipportstatus") != NULL)
		take_negotiation(d, shown, strncasecmp(value, "enabled", 7) == 0 ? "disabled" :
		    value, true);
	else if (strstr(name, "sslciphers") != NULL || strstr(name, "tlsciphers") != NULL)
		take_suite_names(d, value);
	else if (strncasecmp(value, "Release ", 8) == 0 || strcmp(name, "dominoversion") == 0)
		take_release(d, value);
}

/* A line: a setting, or the heading of some. */
static void
take_domino_line(struct domino *d, char *line)
{
	char name[128] = "", *value = line + strcspn(line, "=:"), *end;
	size_t length = 0;

	if (*value != '\0')
		*value++ = '\0';
	for (const char *each = line; *each != '\0' && length + 1 < sizeof(name); each++)
		if ((text_lower(*each) >= 'a' && text_lower(*each) <= 'z') ||
		    (*each >= '0' && *each <= '9'))
			name[length++] = text_lower(*each);
	value += strspn(value, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	if (*value != '\0')
		take_setting(d, line + strspn(line, " \t"), name, value);
	else if (strstr(name, "outbound") != NULL || strstr(name, "inbound") != NULL)
		d->outbound = strstr(name, "outbound") != NULL;
}

static void
read_domino_source(struct domino *d, struct import_source *source)
{
	char *rest = source->text, *line;

	d->file = source->name;
	d->line = 0;
	d->outbound = false;
	while ((line = strsep(&rest, "\n")) != NULL) {
		d->line++;
		take_domino_line(d, line);
	}
}

/* ------------------------------------------------------------------ *
 * What it speaks
 * ------------------------------------------------------------------ */

static bool
is_on(const struct domino *d, enum domino_flag flag)
{
	return d->flags[flag].set && d->flags[flag].on;
}

static bool
has_tls_12_suite(const struct domino *d)
{
	for (size_t i = 0; i < d->spec.suite_count + d->names.suite_count; i++)
		if (suite_oldest(i < d->spec.suite_count ? d->spec.suites[i] :
		    d->names.suites[i - d->spec.suite_count]) == HOST_TLS_1_2)
			return true;
	return false;
}

/* The suites that are set: SSLCipherSpec goes before the documents until 10.0.1. */
static const struct host_side *
set_by(const struct domino *d, const char **place)
{
	bool by_names = d->names.suite_count > 0 && (d->version >= DOMINO_10_0_1 ||
	    d->spec.suite_count == 0);

	*place = by_names ? d->names_place : d->spec_place;
	return by_names ? &d->names : d->spec.suite_count > 0 ? &d->spec : NULL;
}

/* The oldest version that has the settings. */
static void
guess_version(struct domino *d)
{
	/* Its build does not tell of the interim fixes of FP3, the second of which has TLS 1.2. */
	if (d->version == DOMINO_9_0_1_FP3 && has_tls_12_suite(d))
		d->version = DOMINO_9_0_1_FP3_IF2;
	if (d->release != NULL)
		return;
	if (d->flags[WITH_TLS_10].set || d->flags[NO_TLS_13].set)
		d->version = DOMINO_12;
	else if (has_tls_12_suite(d) || d->flags[NO_TLS_10].set || d->flags[NO_TLS_12].set ||
	    d->flags[WEAK].set || d->flags[CLIENT_ORDER].set)
		d->version = DOMINO_9_0_1_FP3_IF2;
	import_comment(d->import, NULL, "The files do not say which Domino it is: %s. Add a line "
	    "\"Server build: Release 9.0.1FP10\", as its server document has it.",
	    d->version == DOMINO_12 ? "it is taken for a Domino 12, which brought one of these "
	    "settings" : d->version != 0 ? "it is taken for a Domino 9.0.1 FP3 IF2, which brought "
	    "some of these settings" : "it is taken for one before 9.0.1 FP3 IF2");
}

/* SSL 3.0, with a fix of 2014 TLS 1.0 too; from 9.0.1 FP3 IF2 TLS 1.2, from 12 TLS 1.3. */
static void
set_versions(struct domino *d, struct host_side *side)
{
	bool fixed = d->version >= DOMINO_9_0_1_FP3 || d->flags[NO_SSL_3].set;

	side->versions[HOST_SSL_3] = d->version < DOMINO_12 && !is_on(d, NO_SSL_3) ? HOST_ON :
	    HOST_OFF;
	side->versions[HOST_TLS_1_0] = (d->version >= DOMINO_12 ? is_on(d, WITH_TLS_10) :
	    fixed && !is_on(d, NO_TLS_10)) ? HOST_ON : HOST_OFF;
	side->versions[HOST_TLS_1_2] = d->version >= DOMINO_9_0_1_FP3_IF2 &&
	    !is_on(d, NO_TLS_12) ? HOST_ON : HOST_OFF;
	side->versions[HOST_TLS_1_3] = d->version >= DOMINO_12 && !is_on(d, NO_TLS_13) ?
	    HOST_ON : HOST_OFF;
}

/* What it takes with USE_WEAK_SSL_CIPHERS=1 alone. */
static bool
is_weak(const struct suite *suite, const void *data)
{
	int64_t version = *(const int64_t *)data;

	if (suite_oldest(suite) == HOST_TLS_1_3)
		return false;
	if (version >= DOMINO_14)
		return strstr(suite->standard, "_GCM_") == NULL ||
		    strstr(suite->standard, "DHE_") == NULL;
	return suite_class(suite) < (version >= DOMINO_12 ? CLASS_GOOD : CLASS_RC4) ||
	    strstr(suite->standard, "_MD5") != NULL;
}

/* Where a suite stands among Domino's: forward secrecy first, then GCM, and so on. */
static unsigned
suite_rank(const struct suite *suite)
{
	const char *name = suite->standard;

	return (suite_oldest(suite) == HOST_TLS_1_3 ? 0u : 64u) +
	    (strstr(name, "DHE_") != NULL ? 0 : 32u) + (strstr(name, "_GCM_") != NULL ? 0 : 16u) +
	    (suite_class(suite) == CLASS_GOOD ? 0 : 8u) +
	    (strstr(name, "_256_") != NULL ? 0 : 4u) +
	    (strstr(name, "_SHA256") != NULL || strstr(name, "_SHA384") != NULL ? 0 : 2u) +
	    (strstr(name, "_ECDHE_") != NULL ? 0 : 1u);
}

static int
by_rank(const void *a, const void *b)
{
	unsigned one = suite_rank(*(const struct suite *const *)a);
	unsigned other = suite_rank(*(const struct suite *const *)b);

	return (one > other) - (one < other);
}

static void
set_suites(struct domino *d, struct host_side *side)
{
	const char *place;
	const struct host_side *set = set_by(d, &place);
	size_t before;

	if (side->versions[HOST_TLS_1_3] == HOST_ON)
		host_add_names(side, "TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256");
	for (size_t i = 0; set != NULL && i < set->suite_count; i++)
		host_add_suite(side, set->suites[i]);
	if (set == NULL)
		host_add_names(side, d->version >= DOMINO_14 ? SUITES_14 :
		    d->version >= DOMINO_9_0_1_FP3_IF2 ? SUITES_9_0_1 : SUITES_8_5);
	before = side->suite_count;
	if (d->version >= DOMINO_9_0_1_FP3_IF2 && !is_on(d, WEAK))
		host_drop_suites(side, is_weak, &d->version);
	if (side == &d->host.client && side->suite_count < before)
		import_comment(d->import, NULL, "Suites that it has, and uses with "
		    "USE_WEAK_SSL_CIPHERS=1 alone, which is not set: %zu.",
		    before - side->suite_count);
	if (d->version >= DOMINO_9_0_1_FP3_IF2)
		qsort(side->suites, side->suite_count, sizeof(side->suites[0]), by_rank);
}

static void
set_side(struct domino *d, struct host_side *side, enum domino_tls tls)
{
	if (tls == DOMINO_DISABLED)
		return;
	set_versions(d, side);
	set_suites(d, side);
}

static void
set_host(struct domino *d)
{
	const char *place;

	d->host.what = d->release != NULL ? import_text(d->import, "Domino %s", d->release) :
	    "Domino";
	d->host.note = import_text(d->import, "by Domino's settings in %s",
	    d->import->sources[0].name);
	d->host.suites_sure = set_by(d, &place) != NULL || d->version >= DOMINO_14;
	d->host.unsure = "SSLCipherSpec is not set, and its defaults depend on the version";
	set_side(d, &d->host.client, d->outgoing);
	set_side(d, &d->host.server, d->incoming);
}

/* ------------------------------------------------------------------ *
 * What is written
 * ------------------------------------------------------------------ */

static const char *
negotiation_words(const struct domino *d)
{
	static const char *const words[] = {
		[DOMINO_UNSAID] = "", [DOMINO_DISABLED] = "; it offers no TLS to who sends to it",
		[DOMINO_ENABLED] = "; who sends to it may use TLS",
		[DOMINO_REQUIRED] = "; who sends to it must use TLS"
	};

	return words[d->incoming];
}

static void
tell_settings(struct domino *d)
{
	struct import *import = d->import;
	const char *place;
	const struct host_side *set = set_by(d, &place);

	if (set == NULL)
		import_comment(import, NULL, "Its suites are not set: they are what such a Domino "
		    "has by default, as far as that is known.");
	else
		import_comment(import, NULL, "Its suites are those of %s.", place);
	if (set == &d->spec && d->version >= DOMINO_10_0_1)
		import_comment(import, NULL, "From Domino 10.0.1 on SSLCipherSpec is taken into the "
		    "documents once, and not read any more: look there.");
	if (d->version >= DOMINO_9_0_1_FP3_IF2)
		import_comment(import, NULL, "Their order is Domino's own (forward secrecy first, "
		    "then GCM)%s.", is_on(d, CLIENT_ORDER) ? ", but as a server it takes the "
		    "client's: SSL_USE_CLIENT_CIPHER_ORDER" : "");
	if (d->outgoing == DOMINO_DISABLED)
		import_comment(import, NULL, "It sends without TLS: its outgoing port is not "
		    "\"Negotiated SSL\".");
	if (is_on(d, FALLBACK))
		import_comment(import, NULL, "A hole: with RouterFallbackNonTLS=1 (%s) it sends in "
		    "clear text where a handshake fails.", d->flags[FALLBACK].place);
	if (is_on(d, INSECURE))
		import_comment(import, NULL, "A hole: SSL_ENABLE_INSECURE_RENEGOTIATE=1 (%s) lets "
		    "others put text into its sessions.", d->flags[INSECURE].place);
	if (d->version < DOMINO_9_0_1_FP3 && !d->flags[NO_SSL_3].set)
		import_comment(import, NULL, "Before 9.0.1 FP3 it has TLS 1.0 with one of the "
		    "interim fixes of November 2014 alone, of which no setting tells: it is taken "
		    "to have none.");
}

/* What it demands of everybody: there is nothing per partner in a Domino. */
static void
write_default(struct domino *d)
{
	enum host_version oldest = HOST_SSL_3;
	struct import_rule *rule = import_rule(d->import, IMPORT_DEFAULT, NULL);

	while (oldest < HOST_VERSIONS && d->host.server.versions[oldest] != HOST_ON)
		oldest = (enum host_version)(oldest + 1);
	import_comment(d->import, rule, "A Domino has no rules per partner. %s.",
	    d->incoming == DOMINO_REQUIRED ? "This is what it demands of everybody; clear text "
	    "it refuses" : d->incoming == DOMINO_DISABLED ? "This one demands nothing, and offers "
	    "no TLS: who would use it is worth looking at" : "This is what it demands of "
	    "everybody who uses TLS; clear text it takes, too");
	if (oldest >= HOST_TLS_1_0 && oldest < HOST_VERSIONS)
		import_set(d->import, rule, "require tls >= %s",
		    host_version_record(oldest) + strlen("TLSv"));
	else
		import_set(d->import, rule, "require tls");
	import_note(d->import, rule, "%s", d->host.note);
}

int
import_domino(struct import *import)
{
	struct domino d = { .import = import };

	for (size_t i = 0; i < import->source_count; i++)
		read_domino_source(&d, &import->sources[i]);
	if (import->read == 0)
		return STATUS_FINE;
	guess_version(&d);
	set_host(&d);
	host_settle(&d.host);
	tell_settings(&d);
	host_answer(import, &d.host, negotiation_words(&d));
	host_tell(import, &d.host);
	write_default(&d);
	if (import->partner != NULL)
		host_agree(import, &d.host);
	return STATUS_FINE;
}
