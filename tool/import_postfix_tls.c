/*
 * import_postfix_tls.c - how Postfix is told to deliver: smtp_tls_policy_maps, and
 * smtp_tls_per_site before it. postconf(5), TLS_README and TLS_LEGACY_README.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_postfix.h"

#include <string.h>
#include <strings.h>

#include "policy/tls_policy.h"

#define SEPARATORS " \t,"
#define SETTINGS_MAX 5
#define PROTOCOLS_ALL (1U << PROTOCOL_TLS_1_0 | 1U << PROTOCOL_TLS_1_1 | \
	1U << PROTOCOL_TLS_1_2 | 1U << PROTOCOL_TLS_1_3)

/* What a line demands, as settings of a rule. */
struct tls_terms {
	struct mta_line *line;
	const char *settings[SETTINGS_MAX];
	size_t count;
	bool exempt;
	const char *lost;	/* why it cannot be said; NULL: it can */
	const char *look;	/* what is said otherwise than there; NULL: nothing */
	/* What the line has behind its level; NULL: not there. */
	const char *match, *protocols, *ciphers, *exclude;
};

typedef void terms_of_level(struct tls_terms *terms);

static void
tls_add_setting(struct tls_terms *terms, const char *setting)
{
	if (terms->count < SETTINGS_MAX)
		terms->settings[terms->count++] = setting;
}

/* The host or domain of a key: of "[mx.acme.example]:587" what is in the brackets. */
static const char *
key_name(const struct mta_line *line)
{
	const char *name = line->key + (line->key[0] == '[' || line->key[0] == '.');

	return import_text(line->import, "%.*s", (int)strcspn(name, "]:"), name);
}

/* ------------------------------------------------------------------ *
 * Levels
 * ------------------------------------------------------------------ */

static void
demand_clear(struct tls_terms *terms)
{
	terms->lost = "mail there is sent in clear text; no policy says that. Leave the line "
	    "where it is";
}

static void
demand_may(struct tls_terms *terms)
{
	terms->exempt = true;
}

static void
demand_tls(struct tls_terms *terms)
{
	if (terms->count == 0)
		tls_add_setting(terms, "require tls");
}

static void
demand_dane(struct tls_terms *terms)
{
	tls_add_setting(terms, "require dane");
}

static void
demand_dane_if_any(struct tls_terms *terms)
{
	terms->lost = "whether anything is demanded is DNS's to say. \"require dane\" always "
	    "demands it; without a rule smtp_tls_security_level = dane holds";
}

static void
demand_digests(struct tls_terms *terms)
{
	struct import *import = terms->line->import;
	char *left = mta_copy(import, terms->match != NULL ? terms->match : ""), *each;
	const char *all = "", *digest;

	while (terms->lost == NULL && (each = strsep(&left, "|")) != NULL) {
		if (*each == '\0')
			continue;
		digest = mta_digest(import, each, &terms->lost);
		if (digest != NULL)
			all = import_text(import, "%s %s", all, digest);
	}
	if (terms->lost == NULL && all[0] == '\0')
		terms->lost = "there is no digest in match=";
	tls_add_setting(terms, import_text(import, "require certificate fingerprint%s", all));
}

/*
 * Adds a name that the certificate may have, or says why the names cannot be said. The MX
 * host's own name is demanded by "require certificate"; with others none is said.
 */
static const char *
tls_add_name(struct tls_terms *terms, const char *names, const char *name)
{
	struct import *import = terms->line->import;
	const char *domain = key_name(terms->line);

	if (strcmp(name, "dot-nexthop") == 0) {
		terms->look = import_text(import, "Postfix takes any name below %s, too, which "
		    "a policy does not say: add the names of its MX hosts.", domain);
		return names;
	}
	if (strcmp(name, "nexthop") == 0)
		name = domain;
	if (name[0] == '.')
		terms->lost = import_text(import, "a name below %s at any depth cannot be "
		    "demanded: write the hosts' names with require certificate name", name + 1);
	else if (strcmp(name, "hostname") == 0)
		terms->lost = "the name of the MX host or another cannot be demanded: write "
		    "all names with require certificate name";
	return import_text(import, "%s %s", names, import_word(import, name));
}

static void
demand_names(struct tls_terms *terms, const char *match)
{
	struct import *import = terms->line->import;
	char *left, *each;
	const char *names = "";

	if (terms->match != NULL)
		match = terms->match;
	if (strcmp(match, "hostname") == 0) {
		tls_add_setting(terms, "require certificate");
		return;
	}
	left = mta_copy(import, match);
	while ((each = strsep(&left, ":")) != NULL)
		if (*each != '\0')
			names = tls_add_name(terms, names, each);
	if (names[0] == '\0' && terms->lost == NULL)
		terms->lost = "a name at any depth below the domain cannot be demanded: write "
		    "the hosts' names with require certificate name";
	tls_add_setting(terms, import_text(import, "require certificate name%s", names));
}

static void
demand_host_name(struct tls_terms *terms)
{
	demand_names(terms, "hostname");
}

static void
demand_domain_name(struct tls_terms *terms)
{
	demand_names(terms, "nexthop:dot-nexthop");
}

static const struct { const char *word; terms_of_level *demand; } levels[] = {
	{ "none", demand_clear }, { "may", demand_may }, { "encrypt", demand_tls },
	{ "dane", demand_dane_if_any }, { "half-dane", demand_dane_if_any },
	{ "dane-only", demand_dane }, { "fingerprint", demand_digests },
	{ "verify", demand_host_name }, { "secure", demand_domain_name },
};
#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

/* ------------------------------------------------------------------ *
 * What stands behind a level
 * ------------------------------------------------------------------ */

static void
tls_add_attribute(struct tls_terms *terms, char *word)
{
	struct import *import = terms->line->import;
	char *value = strchr(word, '=');

	if (value == NULL) {
		terms->lost = import_text(import, "\"%s\" is no attribute", word);
		return;
	}
	*value++ = '\0';
	if (strcmp(word, "match") == 0)
		terms->match = terms->match == NULL ? value :
		    import_text(import, "%s%c%s", terms->match,
		    strchr(value, '|') != NULL || strlen(value) > 31 ? '|' : ':', value);
	else if (strcmp(word, "protocols") == 0)
		terms->protocols = value;
	else if (strcmp(word, "ciphers") == 0)
		terms->ciphers = value;
	else if (strcmp(word, "exclude") == 0)
		terms->exclude = value;
	else if (strcmp(word, "tafile") == 0)
		terms->lost = "trust anchors of its own (tafile) cannot be demanded: pin the "
		    "certificate or the key with require certificate file";
	else if (strcmp(word, "servername") != 0 && strcmp(word, "connection_reuse") != 0 &&
	    strcmp(word, "enable_rpk") != 0)
		terms->lost = import_text(import, "the attribute \"%s\" is not known", word);
}

static void
demand_protocols(struct tls_terms *terms, const char *list)
{
	static const char *const versions[] = { "1.1", "1.2", "1.3" };
	struct import *import = terms->line->import;
	unsigned left, lowest = PROTOCOL_TLS_1_0;

	if (!policy_tls_protocols_left(list, &left) || left == 0) {
		terms->lost = import_text(import, "its protocols (%s) are not understood", list);
		return;
	}
	while ((left & 1U << lowest) == 0)
		lowest++;
	if (left != (PROTOCOLS_ALL & ~((1U << lowest) - 1)))
		terms->lost = import_text(import, "protocols that leave out a newer one (%s) "
		    "cannot be demanded", list);
	else if (lowest > PROTOCOL_TLS_1_0)
		tls_add_setting(terms, import_text(import, "require tls >= %s",
		    versions[lowest - PROTOCOL_TLS_1_1]));
}

static void
demand_ciphers(struct tls_terms *terms)
{
	struct import *import = terms->line->import;
	const char *grade = terms->ciphers != NULL ? terms->ciphers : "medium";
	const char *list = "HIGH";	/* the others have no suite more in OpenSSL 3 */
	char *excluded = mta_copy(import, terms->exclude != NULL ? terms->exclude : ""), *word;

	if (strcmp(grade, "high") != 0 && strcmp(grade, "medium") != 0 &&
	    strcmp(grade, "low") != 0 && strcmp(grade, "export") != 0) {
		terms->lost = import_text(import, "the ciphers \"%s\" cannot be demanded",
		    grade);
		return;
	}
	while ((word = strsep(&excluded, SEPARATORS ":")) != NULL)
		if (*word != '\0')
			list = import_text(import, "%s:!%s", list, word);
	if (terms->exclude != NULL || strcmp(grade, "high") == 0)
		tls_add_setting(terms, import_text(import, "require cipher %s",
		    import_word(import, list)));
}

static void
add_attributes(struct tls_terms *terms, const struct postfix *postfix, char *text)
{
	const char *protocols;
	char *word;

	while ((word = strsep(&text, SEPARATORS)) != NULL)
		if (*word != '\0')
			tls_add_attribute(terms, word);
	protocols = terms->protocols != NULL ? terms->protocols :
	    postfix->protocols;
	if (protocols != NULL && terms->lost == NULL)
		demand_protocols(terms, protocols);
	if (terms->lost == NULL)
		demand_ciphers(terms);
}

/* ------------------------------------------------------------------ *
 * Rules
 * ------------------------------------------------------------------ */

/* Whether the line before it says the same of the domain itself, or of all below it. */
static bool
is_other_half(const struct postfix *postfix, const struct mta_line *line)
{
	const char *name = line->key + (line->key[0] == '.');

	return postfix->before.rule != NULL && strcmp(postfix->before.file, line->file) == 0 &&
	    strcmp(postfix->before.value, line->value) == 0 &&
	    strcmp(postfix->before.key, line->key) != 0 &&
	    strcmp(postfix->before.key + (postfix->before.key[0] == '.'), name) == 0;
}

static void
write_terms(struct postfix *postfix, struct tls_terms *terms)
{
	struct mta_line *line = terms->line;
	struct import *import = line->import;
	bool hop = strpbrk(line->key, "[:") != NULL, below = line->key[0] == '.';
	const char *name = line->key + below;
	struct import_rule *rule;

	import->read++;
	if (terms->lost != NULL) {
		mta_lost(line, "%s.", terms->lost);
		return;
	}
	if (is_other_half(postfix, line)) {
		import_who(import, postfix->before.rule, name,
		    below ? IMPORT_BELOW : IMPORT_ITSELF);
		return;
	}
	rule = mta_rule(line, IMPORT_DELIVER, hop ? NULL : name);
	postfix->before.file = line->file;
	postfix->before.key = line->key;
	postfix->before.value = line->value;
	postfix->before.rule = rule;
	import_who(import, rule, name, below ? IMPORT_BELOW : IMPORT_ITSELF);
	for (size_t i = 0; i < terms->count; i++)
		import_set(import, rule, "%s", terms->settings[i]);
	if (terms->exempt)
		import_set(import, rule, "exempt %s", import_word(import,
		    import_text(import, "%s in %s", line->value, line->file)));
	if (terms->look != NULL)
		import_comment(import, rule, "%s:%u: %s", line->file, line->number,
		    terms->look);
}

static terms_of_level *
find_level(const char *text)
{
	size_t length = strcspn(text, SEPARATORS);

	for (size_t i = 0; i < LEVEL_COUNT; i++)
		if (strlen(levels[i].word) == length &&
		    strncmp(text, levels[i].word, length) == 0)
			return levels[i].demand;
	return NULL;
}

bool
postfix_is_policy(const char *value)
{
	return find_level(value) != NULL;
}

void
postfix_policy_line(struct postfix *postfix, struct mta_line *line)
{
	struct tls_terms terms = { .line = line };
	terms_of_level *demand = find_level(line->value);
	char *rest;

	if (demand == NULL) {
		mta_lost(line, "this is no level that Postfix knows.");
		return;
	}
	rest = mta_copy(line->import, line->value);
	rest += strcspn(rest, SEPARATORS);
	if (demand == demand_may || demand == demand_clear)
		demand(&terms);
	else {
		add_attributes(&terms, postfix, rest);
		if (terms.lost == NULL)
			demand(&terms);
	}
	write_terms(postfix, &terms);
}

/* ------------------------------------------------------------------ *
 * smtp_tls_per_site
 * ------------------------------------------------------------------ */

static const struct { const char *word; terms_of_level *demand; } site_levels[] = {
	{ "NONE", demand_clear }, { "MAY", demand_may }, { "MUST", demand_host_name },
	{ "MUST_NOPEERMATCH", demand_tls },
};

bool
postfix_is_site(const char *value)
{
	for (size_t i = 0; i < sizeof(site_levels) / sizeof(site_levels[0]); i++)
		if (strcasecmp(value, site_levels[i].word) == 0)
			return true;
	return false;
}

void
postfix_site_line(struct postfix *postfix, struct mta_line *line)
{
	struct tls_terms terms = { .line = line, .look = "Postfix looks for the name of the MX "
	    "host here, too: if this is one, write the domain whose mail goes there." };

	terms.lost = "this is none of NONE, MAY, MUST and MUST_NOPEERMATCH";
	for (size_t i = 0; i < sizeof(site_levels) / sizeof(site_levels[0]); i++)
		if (strcasecmp(line->value, site_levels[i].word) == 0) {
			terms.lost = NULL;
			site_levels[i].demand(&terms);
		}
	if (terms.lost == NULL && terms.count > 0 && postfix->protocols != NULL)
		demand_protocols(&terms, postfix->protocols);
	write_terms(postfix, &terms);
}
