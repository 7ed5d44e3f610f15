/*
 * import_host.c - tells what a host speaks, and writes an agreement that it can keep.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_host.h"

#include <stdio.h>
#include <string.h>

#define CASES_MAX 8
#define PLACEHOLDER "partner.example"	/* RFC 2606: nobody's */

void
host_add_suite(struct host_side *side, const struct suite *suite)
{
	for (size_t i = 0; i < side->suite_count; i++)
		if (side->suites[i] == suite)
			return;
	if (suite != NULL && side->suite_count < HOST_SUITES_MAX)
		side->suites[side->suite_count++] = suite;
}

void
host_add_names(struct host_side *side, const char *list)
{
	while (*list != '\0') {
		char name[64];
		size_t length = strcspn(list, " ");

		(void)snprintf(name, sizeof(name), "%.*s", (int)length, list);
		host_add_suite(side, suite_of_name(name, strlen(name)));
		list += length + strspn(list + length, " ");
	}
}

void
host_drop_suites(struct host_side *side, bool (*drop)(const struct suite *, const void *),
    const void *data)
{
	size_t kept = 0;

	for (size_t i = 0; i < side->suite_count; i++)
		if (!drop(side->suites[i], data))
			side->suites[kept++] = side->suites[i];
	side->suite_count = kept;
}

/* Whether it may use the suite with that version, and encrypts then. */
static bool
host_uses(const struct host_side *side, const struct suite *suite, enum host_version version)
{
	return side->versions[version] == HOST_ON && suite_class(suite) != CLASS_NULL &&
	    suite_goes_with(suite, version);
}

static bool
host_speaks(const struct host_side *side, enum host_version version)
{
	for (size_t i = 0; i < side->suite_count; i++)
		if (host_uses(side, side->suites[i], version))
			return true;
	return false;
}

/* Whether no version that is on has the suite. */
static bool
is_unused(const struct suite *suite, const void *data)
{
	const struct host_side *side = data;

	for (int version = 0; version < HOST_VERSIONS; version++)
		if (side->versions[version] == HOST_ON &&
		    suite_goes_with(suite, (enum host_version)version))
			return false;
	return true;
}

static void
settle_side(struct host_side *side)
{
	host_drop_suites(side, is_unused, side);
	for (int version = HOST_SSL_3; version < HOST_VERSIONS; version++) {
		size_t suite = 0;

		while (suite < side->suite_count && !suite_goes_with(side->suites[suite],
		    (enum host_version)version))
			suite++;
		if (suite == side->suite_count && side->versions[version] == HOST_ON)
			side->versions[version] = HOST_OFF;
	}
}

void
host_settle(struct host *host)
{
	settle_side(&host->client);
	settle_side(&host->server);
}

/* The newest version with which the side can encrypt; HOST_VERSIONS: none. */
static enum host_version
host_newest(const struct host_side *side)
{
	for (int version = HOST_VERSIONS - 1; version >= 0; version--)
		if (host_speaks(side, (enum host_version)version))
			return (enum host_version)version;
	return HOST_VERSIONS;
}

/* ------------------------------------------------------------------ *
 * In words
 * ------------------------------------------------------------------ */

/* ", " between, " and " before the last. */
static const char *
host_list(struct import *import, const char *const *words, size_t count)
{
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		list = import_text(import, "%s%s%s", list,
		    i == 0 ? "" : i + 1 == count ? " and " : ", ", words[i]);
	return list;
}

/* "SSL 3.0, TLS 1.0 and TLS 1.1": the versions that are offered so; "": none. */
static const char *
host_versions(struct import *import, const struct host_side *side, enum host_offer offer)
{
	const char *words[HOST_VERSIONS];
	size_t count = 0;

	for (int version = 0; version < HOST_VERSIONS; version++)
		if (side->versions[version] == offer)
			words[count++] = host_version_name((enum host_version)version);
	return host_list(import, words, count);
}

/* "AES-128 and RC4": its ciphers, each once, in the order of its suites. */
static const char *
host_ciphers(struct import *import, const struct host_side *side)
{
	const char *words[HOST_SUITES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < side->suite_count; i++) {
		const char *cipher = suite_cipher(side->suites[i]);
		size_t same = 0;

		if (suite_class(side->suites[i]) == CLASS_NULL)
			continue;
		while (same < count && strcmp(words[same], cipher) != 0)
			same++;
		if (same == count)
			words[count++] = cipher;
	}
	return host_list(import, words, count);
}

/* "SSL 3.0 alone, with AES-128 and RC4". */
static const char *
host_words(struct import *import, const struct host_side *side)
{
	const char *versions = host_versions(import, side, HOST_ON);
	const char *ciphers = host_ciphers(import, side);
	bool alone = *versions != '\0' && strstr(versions, " and ") == NULL;

	if (*versions == '\0')
		return "no TLS at all";
	return import_text(import, "%s%s%s%s", versions, alone ? " alone" : "",
	    *ciphers != '\0' ? ", with " : "", ciphers);
}

/* Suites of one kind in their order, as OpenSSL names them. */
static const char *
host_suites(struct import *import, const struct host_side *side)
{
	const char *list = "";

	for (size_t i = 0; i < side->suite_count; i++)
		list = import_text(import, "%s%s%s", list, i == 0 ? "" : " ",
		    side->suites[i]->name);
	return list;
}

/*
 * What it has in common with a mail server of today: OpenSSL 3 as Debian builds it has
 * neither SSL 3.0 nor RC4, triple DES and worse, and TLS 1.0 and 1.1 when told so alone.
 */
static void
host_tell_common(struct import *import, const struct host_side *side, const char *as)
{
	enum host_version newest = host_newest(side);
	enum suite_class best = CLASS_NULL;

	for (size_t i = 0; i < side->suite_count; i++)
		for (int version = HOST_TLS_1_0; version < HOST_VERSIONS; version++)
			if (host_uses(side, side->suites[i], (enum host_version)version) &&
			    suite_class(side->suites[i]) > best)
				best = suite_class(side->suites[i]);
	if (newest == HOST_VERSIONS)
		import_comment(import, NULL, "  nothing from SSL 3.0 on is left: mail goes in clear "
		    "text");
	else if (newest < HOST_TLS_1_0)
		import_comment(import, NULL, "  nothing in common with TLS 1.2: a Postfix or Sendmail "
		    "of today, with OpenSSL 1.1 or 3, never negotiates %s. A handshake with it "
		    "fails, and mail goes in clear text or not at all.",
		    host_version_name(newest));
	else if (best < CLASS_GOOD)
		import_comment(import, NULL, "  no suite in common with OpenSSL 3 as Debian builds "
		    "it, which has no RC4, DES and triple DES: a handshake with that fails");
	else if (newest < HOST_TLS_1_2)
		import_comment(import, NULL, "  nothing in common with TLS 1.2: a Postfix or Sendmail "
		    "with OpenSSL 3 takes %s only where it is told so (Postfix: "
		    "smtp%s_tls_protocols = >=TLSv1, and @SECLEVEL=0 in its list of ciphers)",
		    host_version_name(newest), strcmp(as, "client") == 0 ? "d" : "");
}

static void
host_tell_profiles(struct import *import, const struct host_profiles *profiles,
    const char *as)
{
	if (profiles->strictest == NULL)
		import_comment(import, NULL, "  it can keep none of the shipped profiles as a %s",
		    as);
	else
		import_comment(import, NULL, "  the strictest shipped profile that it can keep as a "
		    "%s: %s%s", as, profiles->strictest,
		    strcmp(profiles->all, profiles->strictest) == 0 ? "" :
		    import_text(import, " (of %s)", profiles->all));
}

static void
host_tell_side(struct import *import, const struct host *host, const struct host_side *side,
    const char *as)
{
	const char *asked = host_versions(import, side, HOST_ASKED);

	import_comment(import, NULL, "As a %s: %s.", as, host_words(import, side));
	if (*asked != '\0')
		import_comment(import, NULL, "  only where a program asks for it: %s", asked);
	if (side->suite_count > 0)
		import_comment(import, NULL, "  suites, in its order: %s",
		    host_suites(import, side));
	for (size_t i = 0; i < side->suite_count; i++)
		if (suite_class(side->suites[i]) == CLASS_NULL) {
			import_comment(import, NULL, "  a hole: %s does not encrypt, and a "
			    "session with it is clear text to tlsward", side->suites[i]->name);
			break;
		}
	if (host->aes_from_tls && host_newest(side) < HOST_TLS_1_0 &&
	    strstr(host_ciphers(import, side), "AES") != NULL)
		import_comment(import, NULL, "  with SSL 3.0 it may not use AES: by its maker's "
		    "lists that is for TLS 1.0 and newer");
	host_tell_common(import, side, as);
}

/* ------------------------------------------------------------------ *
 * The agreement
 * ------------------------------------------------------------------ */

/* What is to be required of one side. */
struct host_demand {
	enum host_version version;	/* HOST_VERSIONS: it cannot encrypt */
	enum suite_class least;		/* of suites up to TLS 1.2 */
};

/*
 * The newest version, but not TLS 1.3 where there is TLS 1.2: programs come to that later
 * than the system they run on. The suites of the best class that go with it for sure, and
 * better ones.
 */
static struct host_demand
host_demand(const struct host *host, const struct host_side *side)
{
	struct host_demand demand = { .version = host_newest(side), .least = CLASS_NULL };

	if (demand.version == HOST_TLS_1_3 && host_speaks(side, HOST_TLS_1_2))
		demand.version = HOST_TLS_1_2;
	for (size_t i = 0; demand.version != HOST_VERSIONS && i < side->suite_count; i++) {
		enum suite_class class = suite_class(side->suites[i]);

		if (host_uses(side, side->suites[i], demand.version) && class > demand.least &&
		    !(host->aes_from_tls && class == CLASS_GOOD &&
		    demand.version < HOST_TLS_1_0))
			demand.least = class;
	}
	return demand;
}

static bool
host_takes(const struct host_side *side, const struct host_demand *demand,
    const struct suite *suite)
{
	return suite_class(suite) != CLASS_NULL && suite_class(suite) >= demand->least &&
	    strstr(suite->standard, "_DSS_") == NULL && demand->version <= HOST_TLS_1_2 &&
	    host_uses(side, suite, demand->version);
}

/* Parts of a cipher list that fit on lines. */
static const char *
host_cipher_list(struct import *import, const struct host_side *side,
    const struct host_demand *demand)
{
	const char *list = "", *part = "";

	for (size_t i = 0; i < side->suite_count; i++) {
		if (!host_takes(side, demand, side->suites[i]))
			continue;
		if (*part != '\0' && strlen(part) + strlen(side->suites[i]->name) > 60) {
			list = import_text(import, "%s\"%s\" ", list, part);
			part = "";
		}
		part = import_text(import, "%s%s%s", part, *part != '\0' ? ":" : "",
		    side->suites[i]->name);
	}
	return *part != '\0' ? import_text(import, "%s\"%s\"", list, part) : list;
}

static struct import_rule *
host_rule(struct import *import, enum import_target target, const struct host *host)
{
	bool known = import->partner != NULL;
	struct import_rule *rule = import_rule(import, target,
	    known ? import->partner : host->what);

	import_who(import, rule, known ? import->domain : PLACEHOLDER, IMPORT_BOTH);
	import_note(import, rule, "%s", host->note);
	return rule;
}

static void
host_require_tls(struct import *import, struct import_rule *rule, enum host_version version)
{
	if (version >= HOST_TLS_1_0)
		import_set(import, rule, "require tls >= %s",
		    host_version_record(version) + strlen("TLSv"));
	else
		import_set(import, rule, "require tls");
}

static void
host_write_incoming(struct import *import, const struct host *host,
    const struct host_demand *demand)
{
	const char *list = host_cipher_list(import, &host->client, demand);
	struct import_rule *rule;

	if (demand->version == HOST_VERSIONS) {
		import_lost(import, NULL, "no agreement for mail from it: as a client it "
		    "speaks nothing from SSL 3.0 on");
		return;
	}
	rule = host_rule(import, IMPORT_FROM, host);
	host_require_tls(import, rule, demand->version);
	if (*list != '\0' && host->suites_sure)
		import_set(import, rule, "require cipher %s", list);
	else if (!host->suites_sure)
		import_comment(import, rule, "No suite is required: %s.", host->unsure);
	import_set(import, rule, "otherwise tempfail");
	if (demand->version == HOST_TLS_1_2 && host_speaks(&host->client, HOST_TLS_1_3))
		import_comment(import, rule, "TLS 1.3 is not required: programs use it later than "
		    "the system has it. Ask, and write require tls >= 1.3.");
}

static void
host_write_outgoing(struct import *import, const struct host *host)
{
	struct host_demand demand = host_demand(host, &host->server);
	struct import_rule *rule;

	if (demand.version == HOST_VERSIONS || demand.version < HOST_TLS_1_0) {
		import_lost(import, NULL, "no agreement for mail to it: as a server it speaks "
		    "nothing newer than SSL 3.0, which no mail server of today can");
		return;
	}
	rule = host_rule(import, IMPORT_DELIVER, host);
	host_require_tls(import, rule, demand.version);
}

/* ------------------------------------------------------------------ *
 * Its cases
 * ------------------------------------------------------------------ */

static void
host_case(struct import *import, const char *version, const char *cipher,
    const char *expected)
{
	import_case(import, "from=a@%s to=b@ours.example tls_version=%s%s%s => accept %s",
	    import->partner != NULL ? import->domain : PLACEHOLDER, version,
	    cipher != NULL ? " cipher=" : "", cipher != NULL ? cipher : "", expected);
}

/*
 * Sessions of its newest version: by the first suites that are taken, and by one of each
 * class that is not.
 */
static void
host_cases_of_suites(struct import *import, const struct host *host,
    const struct host_demand *demand)
{
	const struct host_side *side = &host->client;
	const char *version = host_version_record(demand->version);
	unsigned seen = 0, accepted = 0;

	for (size_t i = 0; i < side->suite_count; i++) {
		const struct suite *suite = side->suites[i];
		bool taken = host_takes(side, demand, suite) ||
		    (!host->suites_sure && suite_class(suite) != CLASS_NULL);
		unsigned kind = 1u << suite_class(suite);

		if (!suite_goes_with(suite, demand->version) ||
		    (taken ? accepted++ >= CASES_MAX : (seen & kind) != 0))
			continue;
		seen |= taken ? 0 : kind;
		host_case(import, version, suite->name, taken ? "reason= would=" :
		    suite_class(suite) == CLASS_NULL ? "would=tempfail would_reason=tls" :
		    "would=tempfail would_reason=cipher");
	}
}

/* A session of each version that it offers beside that. */
static void
host_cases_of_versions(struct import *import, const struct host_side *side,
    const struct host_demand *demand)
{
	for (int each = HOST_VERSIONS - 1; each >= 0; each--) {
		enum host_version version = (enum host_version)each;
		const struct suite *suite = NULL;

		for (size_t i = 0; i < side->suite_count && suite == NULL; i++)
			if (host_uses(side, side->suites[i], version))
				suite = side->suites[i];
		if (suite == NULL || version == demand->version)
			continue;
		if (version > demand->version)
			host_case(import, host_version_record(version), suite->name,
			    "reason= would=");
		else if (demand->version >= HOST_TLS_1_0)
			host_case(import, host_version_record(version), suite->name,
			    "would=tempfail would_reason=tls-version");
	}
}

static void
host_write_cases(struct import *import, const struct host *host,
    const struct host_demand *demand)
{
	if (demand->version == HOST_VERSIONS)
		return;
	host_cases_of_suites(import, host, demand);
	host_cases_of_versions(import, &host->client, demand);
	host_case(import, "none", NULL, "would=tempfail would_reason=tls");
}

void
host_answer(struct import *import, const struct host *host, const char *more)
{
	import_answer(import, "%s: as a client it speaks %s; as a server %s%s", host->what,
	    host_words(import, &host->client), host_words(import, &host->server), more);
}

void
host_tell(struct import *import, const struct host *host)
{
	struct host_profiles client, server;
	bool there = host_profiles(import, host, &client, &server);

	host_tell_side(import, host, &host->client, "client");
	if (there)
		host_tell_profiles(import, &client, "client");
	host_tell_side(import, host, &host->server, "server");
	if (there)
		host_tell_profiles(import, &server, "server");
	else
		import_comment(import, NULL, "Which of the shipped profiles this host can keep is "
		    "not known: they are not installed here.");
}

void
host_agree(struct import *import, const struct host *host)
{
	struct host_demand demand = host_demand(host, &host->client);

	if (import->partner == NULL)
		import_comment(import, NULL, "The agreement is of nobody: name the partner with "
		    "--as-partner NAME DOMAIN, or write its domains in the place of "
		    PLACEHOLDER ".");
	host_write_incoming(import, host, &demand);
	host_write_outgoing(import, host);
	host_write_cases(import, host, &demand);
}
