/*
 * tls_policy.c - what Postfix is told of mail that goes out.
 *
 * The values are those of smtp_tls_policy_maps, see postconf(5) and TLS_README, "Client
 * TLS security levels". One that Postfix cannot read keeps the mail, so that nothing
 * stands in it but what every version from 3.4 on takes, or the one that is told.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/tls_policy.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "policy/requirement.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What has been a protocol's range, ">=TLSv1.2", since then. */
#define SINCE_RANGES 306

/* What of a rule is told. */
struct told {
	const struct policy *policy;
	const struct policy_postfix *postfix;
	struct settings_of_rule settings;	/* without what may be unmet */
	enum tls_level level;
	unsigned protocols;			/* that may be used, bits as BIT() has them */
	unsigned usable;			/* for which a suite is left; or ANY_PROTOCOL */
	bool excludes;				/* some suites do not meet it */
	bool unmet[CIPHERS_MAX];		/* those of the table that do not */
};

#define BIT(protocol) (1u << (protocol))
#define BITS_FROM(protocol) (BIT(PROTOCOL_COUNT) - BIT(protocol))

/* Nothing is said of protocols: main.cf's hold. */
#define ANY_PROTOCOL BITS_FROM(PROTOCOL_SSL)

unsigned
policy_postfix_version(const char *text)
{
	static const char digits[] = "0123456789";
	size_t length = strspn(text, digits);
	unsigned major, minor;
	char behind = '\0';

	if (length == 0 || text[length] != '.' || strspn(text + length + 1, digits) == 0 ||
	    sscanf(text, "%2u.%2u%c", &major, &minor, &behind) < 2 ||
	    (behind != '\0' && behind != '.' && behind != '-'))
		return 0;
	return major * 100 + minor;
}

/* A bit each, as a set of the suites of any table has it: all tables are the same. */
_Static_assert(sizeof(((struct policy_postfix *)NULL)->unoffered) ==
    sizeof(struct cipher_set), "not a set of suites");

void
policy_postfix_suites(struct policy_postfix *postfix, const char *list)
{
	struct cipher_table *table = cipher_table_new();
	struct cipher_set offered;
	bool no_memory = false;

	memset(postfix->unoffered, 0, sizeof(postfix->unoffered));
	if (table == NULL)
		return;
	(void)cipher_list_read(table, list, &offered, &no_memory);
	for (size_t i = 0; !no_memory && i < COUNT(offered.bits); i++)
		postfix->unoffered[i] = ~offered.bits[i];
	cipher_table_free(&table);
}

/* ------------------------------------------------------------------ *
 * What of a rule is told
 * ------------------------------------------------------------------ */

bool
requirement_met_by_tls13(const struct policy *policy,
    const struct policy_requirement *requirement)
{
	/* OpenSSL's default, which Postfix has no parameter for. */
	static const char *const defaults[] = {
		"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
		"TLS_AES_128_GCM_SHA256"
	};
	struct settings_of_rule alone = { .otherwise = NULL };

	alone.require[requirement->kind] = requirement;
	for (size_t i = 0; i < COUNT(defaults); i++) {
		const struct cipher *cipher = cipher_find(policy->ciphers, defaults[i]);

		if (cipher == NULL || !rule_met_by_suite(policy, &alone, cipher))
			return false;
	}
	return true;
}

static void
take_requirement(struct told *told, const struct policy_requirement *requirement)
{
	const struct requirement_kind *row = requirement->row;

	if (row->outbound > told->level)
		told->level = row->outbound;
	if (row->kind == REASON_TLS_VERSION)
		told->protocols &= BITS_FROM(requirement->least);
	else if (requirement_is_of_suite(row->kind) &&
	    !requirement_met_by_tls13(told->policy, requirement))
		told->protocols &= ~(BIT(PROTOCOL_SSL) | BIT(PROTOCOL_TLS_1_3));
}

/* Whether it may be told of: it is built, and of a protocol that has others. */
static bool
is_excludable(const struct cipher *cipher)
{
	return cipher->built && !cipher->tls13;
}

/* Those without a certificate are not offered where one is asked for. */
static bool
is_offered(const struct told *told, size_t index, const char *name)
{
	bool anonymous = strncmp(name, "ADH-", 4) == 0 || strncmp(name, "AECDH-", 6) == 0;

	return (told->level <= LEVEL_ENCRYPT || !anonymous) &&
	    (told->postfix->unoffered[index / 64] >> (index % 64) & 1) == 0;
}

static void
take_suites(struct told *told)
{
	const struct cipher *cipher;

	told->usable = 0;
	for (size_t i = 0; (cipher = cipher_at(told->policy->ciphers, i)) != NULL; i++)
		if (is_excludable(cipher)) {
			bool met = rule_met_by_suite(told->policy, &told->settings, cipher);

			if (met && is_offered(told, i, cipher->name))
				told->usable |= BITS_FROM(cipher->tls12 ?
				    PROTOCOL_TLS_1_2 : PROTOCOL_TLS_1_0);
			told->unmet[i] = !met;
			told->excludes |= !met && cipher->bits > 0;
		}
}

/*
 * What takes the place of main.cf's protocols keeps out what they keep out. Where no suite
 * is left for an older one TLS 1.3 is all there is: OpenSSL does nothing at all without.
 */
static void
take_floor(struct told *told)
{
	unsigned refused = told->postfix->refused | BIT(PROTOCOL_SSL);

	if (told->usable != ANY_PROTOCOL &&
	    (told->usable & told->protocols & ~(refused | BIT(PROTOCOL_TLS_1_3))) == 0)
		told->protocols &= BIT(PROTOCOL_TLS_1_3);
	if (told->protocols != ANY_PROTOCOL)
		told->protocols &= ~refused;
	told->excludes &= (told->protocols & ~BIT(PROTOCOL_TLS_1_3)) != 0;
}

struct settings_of_rule
settings_enforced(const struct settings_of_rule *settings)
{
	struct settings_of_rule enforced = *settings;

	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (settings->require[kind] != NULL &&
		    requirement_action(settings, settings->require[kind]) == POLICY_ACCEPT)
			enforced.require[kind] = NULL;
	return enforced;
}

static void
take_rule(struct told *told, const struct settings_of_rule *settings)
{
	bool suites = false;

	told->settings = settings_enforced(settings);
	told->level = LEVEL_MAY;
	told->protocols = told->usable = ANY_PROTOCOL;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		if (told->settings.require[kind] == NULL)
			continue;
		take_requirement(told, told->settings.require[kind]);
		suites |= kind != REASON_TLS_VERSION &&
		    requirement_is_of_suite((enum policy_reason)kind);
	}
	if (suites)
		take_suites(told);
	take_floor(told);
}

unsigned
settings_protocols_told(const struct policy *policy, const struct policy_postfix *postfix,
    const struct settings_of_rule *settings)
{
	struct told told = { .policy = policy, .postfix = postfix };

	take_rule(&told, settings);
	return told.protocols;
}

/* ------------------------------------------------------------------ *
 * The value
 * ------------------------------------------------------------------ */

static const char *
postfix_protocol(int protocol)
{
	return protocol == PROTOCOL_TLS_1_0 ? "TLSv1" :
	    policy_protocol_name((enum policy_protocol)protocol);
}

void
policy_tls_protocols(const struct policy_postfix *postfix, unsigned protocols,
    struct buffer *value)
{
	int least = PROTOCOL_TLS_1_0, most = PROTOCOL_TLS_1_3;
	bool ranges = protocols != 0 && postfix->version >= SINCE_RANGES;

	buffer_string(value, ranges ? " protocols=>=" : " protocols=!SSLv2:!SSLv3");
	if (ranges) {
		while ((protocols & BIT(least)) == 0)
			least++;
		while ((protocols & BIT(most)) == 0)
			most--;
		buffer_string(value, postfix_protocol(least));
		if (most != PROTOCOL_TLS_1_3)
			buffer_format(value, ":<=%s", postfix_protocol(most));
	}
	for (int each = least; each <= most; each++)
		if ((protocols & BIT(each)) == 0)
			buffer_format(value, ":!%s", postfix_protocol(each));
}

static void
add_excluded(const struct told *told, struct buffer *value)
{
	const char *before = " exclude=", *others = told->postfix->excluded;

	for (size_t i = 0; told->excludes && i < CIPHERS_MAX; i++)
		if (told->unmet[i]) {
			buffer_string(value, before);
			buffer_string(value, cipher_at(told->policy->ciphers, i)->name);
			before = ":";
		}
	if (told->excludes && others != NULL && others[0] != '\0')
		buffer_format(value, ":%s", others);
}

static void
add_names(const struct policy_requirement *names, struct buffer *value)
{
	char name[256];

	for (size_t i = 0; i < names->u.patterns.count; i++)
		if (pattern_host(&names->u.patterns.list[i], name))
			buffer_format(value, "%s%s", i == 0 ? " match=" : ":", name);
}

/* "AB:CD": Postfix before 3.6 knows no other form. */
static void
add_pin(const struct fingerprint *pin, struct buffer *value)
{
	for (size_t i = 0; i < pin->length; i++)
		buffer_format(value, "%s%02X", i == 0 ? "" : ":", pin->digest[i]);
}

static void
add_pins(const struct told *told, struct buffer *value)
{
	const struct policy_requirement *pins =
	    told->settings.require[REASON_CERTIFICATE_FINGERPRINT];
	const char *digest = told->postfix->digest;
	bool sha1 = digest != NULL && strcmp(digest, "sha1") == 0;
	bool files = pins->u.pins.file_count > 0;

	for (size_t i = 0; i < pins->u.pins.count; i += files ? CERTIFICATE_DIGESTS : 1) {
		buffer_string(value, i == 0 ? " match=" : "|");
		add_pin(&pins->u.pins.list[!files ? i :
		    i + (sha1 ? OF_KEY_SHA1 : OF_KEY_SHA256)], value);
	}
}

static void
add_value(const struct told *told, struct buffer *value)
{
	static const char *const names[] = {
		[LEVEL_MAY] = "may", [LEVEL_ENCRYPT] = "encrypt", [LEVEL_VERIFY] = "verify",
		[LEVEL_SECURE] = "secure", [LEVEL_FINGERPRINT] = "fingerprint",
		[LEVEL_DANE_ONLY] = "dane-only"
	};

	buffer_string(value, names[told->level]);
	if (told->level == LEVEL_SECURE)
		add_names(told->settings.require[REASON_CERTIFICATE_NAME], value);
	if (told->level == LEVEL_FINGERPRINT)
		add_pins(told, value);
	if (told->level == LEVEL_MAY)
		return;
	if (told->postfix->null_grade)
		buffer_string(value, " ciphers=medium");
	if (told->protocols != ANY_PROTOCOL)
		policy_tls_protocols(told->postfix, told->protocols, value);
	add_excluded(told, value);
}

bool
rule_is_between_dates(const struct policy_rule *rule, const struct settings_of_rule *today)
{
	if (settings_require_something(today))
		return false;
	for (size_t i = 0; i < rule->settings.count; i++)
		if (settings_require_something(&rule->settings.list[i].settings))
			return true;
	return false;
}

/* Whether its rule is told, and not what the site has otherwise. */
static bool
is_told(const struct verdict *verdict)
{
	const struct policy_outcome *outcome = &verdict->outcome[OUTCOME_FROM];

	if (outcome->rule == NULL || outcome->place.kind != RULE_DELIVER ||
	    verdict->options.monitor)
		return false;
	return outcome->exempt || !(outcome->monitored ||
	    rule_is_between_dates(outcome->rule, outcome->settings));
}

static struct told
told_of(const struct verdict *verdict)
{
	struct told told = {
		.policy = verdict->policy, .postfix = &verdict->options.postfix,
		.level = LEVEL_MAY
	};

	if (!verdict->outcome[OUTCOME_FROM].exempt)
		take_rule(&told, verdict->outcome[OUTCOME_FROM].settings);
	return told;
}

bool
policy_tls_policy_asks_next(const struct verdict *verdict)
{
	return !is_told(verdict) || told_of(verdict).level == LEVEL_ENCRYPT;
}

bool
policy_tls_policy(const struct verdict *verdict, struct buffer *value)
{
	struct told told;

	if (!is_told(verdict))
		return false;
	told = told_of(verdict);
	add_value(&told, value);
	return true;
}
