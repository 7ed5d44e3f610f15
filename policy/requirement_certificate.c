/*
 * requirement_certificate.c - requirements on what the client's certificate says.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/requirement.h"

#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "policy/parse.h"
#include "policy/session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Larger keys than this there are none, and longer validity is not meant. */
#define KEY_MAX 16384
#define DAYS_MAX 36500

/* ------------------------------------------------------------------ *
 * certificate
 * ------------------------------------------------------------------ */

static enum policy_tri
verified_meets(const struct session *session, const struct policy_requirement *requirement)
{
	(void)requirement;
	return session->verified;
}

static bool
verified_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	return requirement_implied_by_pin(settings, lacking) ||
	    settings->require[REASON_CERTIFICATE_NAME] != NULL ||
	    settings->require[REASON_CERTIFICATE_ISSUER] != NULL;
}

/* ------------------------------------------------------------------ *
 * certificate name PATTERN..., certificate issuer PATTERN...
 * ------------------------------------------------------------------ */

static bool
pattern_beyond_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return true;
	return false;
}

/* A name beyond ASCII compares without Unicode's case, and as A-labels too. */
static void
pattern_compile_name(struct parser *p, struct pattern *pattern)
{
	size_t star = pattern->type == PATTERN_WILDCARD;
	struct name name;
	char *labels;
	bool valid;

	pattern->code = parse_pattern(p, pattern->text + star, true, PATTERN_LITERAL);
	/* The star's "*." stays as it is. */
	if (name_domain(pattern->text + star * 2, strlen(pattern->text) - star * 2,
	    &name, &valid) == -1) {
		p->no_memory = true;
		return;
	}
	if (valid && name_is_domain(name.text, name.length) &&
	    (labels = parse_keep(p, name.length + 3)) != NULL) {
		(void)strcpy(labels, star != 0 ? "*." : "");
		(void)strcat(labels, name.text);
		pattern->a_labels = labels;
	}
	name_free(&name);
}

/*
 * A certificate's name: exact, with a wildcard, or beyond ASCII. One that is reported
 * is PATTERN_EXACT, which no name is.
 */
static void
pattern_of_name(struct parser *p, struct pattern *pattern)
{
	const char *star = strchr(pattern->text, '*');

	pattern->type = star == NULL ? PATTERN_NAME : PATTERN_WILDCARD;
	if (star != NULL && (star != pattern->text || star[1] != '.' ||
	    star[2] == '\0' || strchr(star + 1, '*') != NULL)) {
		parse_error(p, &p->token.place, MSG_PATTERN_WILDCARD, pattern->text);
		pattern->type = PATTERN_EXACT;
	} else if (p->token.type == TOKEN_WORD && strchr(pattern->text, '.') == NULL) {
		parse_error(p, &p->token.place, MSG_PATTERN_ONE_LABEL, pattern->text);
		pattern->type = PATTERN_EXACT;
	} else if (pattern_beyond_ascii(pattern->text))
		pattern_compile_name(p, pattern);
}

static bool
pattern_parse(struct parser *p, struct policy_requirement *requirement, void *element)
{
	bool name = requirement->kind == REASON_CERTIFICATE_NAME;
	struct pattern *pattern = element;

	if (p->token.type != TOKEN_STRING && p->token.type != TOKEN_REGEX &&
	    (p->token.type != TOKEN_WORD || parse_at_demand_end(p) ||
	    parse_swallowed(p) || parse_swallowed_demand(p)))
		return false;
	pattern->text = parse_keep_text(p, p->token.text, p->token.length);
	pattern->line = p->token.place.line;
	pattern->column = p->token.place.column;
	if (pattern->text == NULL)
		return false;
	if (p->token.type == TOKEN_REGEX) {
		pattern->type = PATTERN_REGEX;
		pattern->caseless = p->token.caseless;
		pattern->code = parse_pattern(p, pattern->text, pattern->caseless,
		    name ? PATTERN_FOR_NAME : PATTERN_FOR_ISSUER);
	} else if (p->token.length == 0)
		parse_error(p, &p->token.place, "%s", MSG_PATTERN_EMPTY);
	else if (name)
		pattern_of_name(p, pattern);
	else
		pattern->type = PATTERN_EXACT;
	return true;
}

static bool
patterns_parse(struct parser *p, struct policy_requirement *requirement)
{
	parse_next_pattern(p);
	requirement->u.patterns.list = requirement_list(p, sizeof(struct pattern),
	    &requirement->u.patterns.count, pattern_parse, parse_next_pattern,
	    requirement);
	if (requirement->u.patterns.list == NULL)
		parse_expected(p, MSG_PATTERN_EXPECTED);
	return requirement->u.patterns.list != NULL;
}

enum policy_tri
requirement_match(const struct policy *policy,
    const struct policy_requirement *requirement, const char *const *names, size_t count)
{
	enum policy_tri result = POLICY_NO;

	for (size_t i = 0; i < requirement->u.patterns.count * count; i++) {
		enum policy_tri match = pattern_match(
		    &requirement->u.patterns.list[i / count], policy->limits,
		    names[i % count]);

		if (match == POLICY_YES)
			return POLICY_YES;
		if (match == POLICY_UNKNOWN)
			result = POLICY_UNKNOWN;
	}
	return result;
}

static enum policy_tri
name_meets(const struct session *session, const struct policy_requirement *requirement)
{
	const struct facts *facts = session->facts;

	if (facts->cert_san != NULL && facts->cert_san_count > 0)
		return requirement_match(session->policy, requirement, facts->cert_san,
		    facts->cert_san_count);
	if (facts->cert_cn == NULL)
		return POLICY_UNKNOWN;
	return requirement_match(session->policy, requirement, &facts->cert_cn, 1);
}

static enum policy_tri
issuer_meets(const struct session *session, const struct policy_requirement *requirement)
{
	if (session->facts->cert_issuer == NULL)
		return POLICY_UNKNOWN;
	return requirement_match(session->policy, requirement, &session->facts->cert_issuer, 1);
}

static void
patterns_print(const struct policy_requirement *requirement, FILE *out)
{
	requirement_print_name(requirement, out);
	for (size_t i = 0; i < requirement->u.patterns.count; i++) {
		const struct pattern *pattern = &requirement->u.patterns.list[i];

		if (pattern->type == PATTERN_REGEX)
			requirement_print_regex(pattern->text, pattern->caseless, out);
		else
			requirement_print_string(pattern->text, out);
	}
}

static void
patterns_value(const struct policy_requirement *requirement, char *text, size_t size)
{
	for (size_t i = 0; i < requirement->u.patterns.count; i++) {
		const struct pattern *pattern = &requirement->u.patterns.list[i];
		bool regex = pattern->type == PATTERN_REGEX;

		text_append(text, size, "%s%s%s%s", i > 0 ? " or " : "",
		    regex ? "/" : "", pattern->text, regex ? "/" : "");
	}
}

static bool
pattern_same(const struct pattern *a, const struct pattern *b)
{
	return a->type == b->type && a->caseless == b->caseless &&
	    strcmp(a->text, b->text) == 0;
}

/* Compares the words of both, not what they match. */
static bool
patterns_include(const struct policy_requirement *all,
    const struct policy_requirement *some)
{
	for (size_t i = 0; i < some->u.patterns.count; i++) {
		size_t j = 0;

		while (j < all->u.patterns.count && !pattern_same(&all->u.patterns.list[j],
		    &some->u.patterns.list[i]))
			j++;
		if (j == all->u.patterns.count)
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * certificate key >= N, certificate signature >= NAME
 * ------------------------------------------------------------------ */

/* NIST SP 800-57 Part 1 Rev. 5, table 2: by the size of the curve's order. */
static const struct {
	const char *key;
	int strength;
} curves[] = {
	{ "ec:P-192", 1024 }, { "ec:P-224", 2048 }, { "ec:P-256", 3072 },
	{ "ec:P-384", 7680 }, { "ec:P-521", 15360 },
	{ "ec:secp256k1", 3072 },
	{ "ec:brainpoolP256r1", 3072 }, { "ec:brainpoolP256t1", 3072 },
	{ "ec:brainpoolP384r1", 7680 }, { "ec:brainpoolP384t1", 7680 },
	{ "ec:brainpoolP512r1", 15360 }, { "ec:brainpoolP512t1", 15360 },
	{ "ed25519", 3072 }, { "x25519", 3072 }, { "ed448", 7680 }, { "x448", 7680 }
};

static const struct {
	const char *signature;
	int rank;
} signatures[] = {
	{ "md5", 1 }, { "sha1", 2 }, { "sha224", 3 }, { "sha256", 4 }, { "sha384", 5 },
	{ "sha512", 6 }, { "ed25519", 7 }, { "ed448", 7 },
	{ "md5-sha1", 1 }, { "sha512-224", 3 }, { "sha512-256", 4 },
	{ "sha3-224", 3 }, { "sha3-256", 4 }, { "sha3-384", 5 }, { "sha3-512", 6 }
};

/* The size behind the colon of "rsa:2048"; 0 where it is none. */
static int
key_size(const char *key)
{
	const char *colon = strchr(key, ':');
	size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;

	if (digits == 0 || digits > 5 || colon[1 + digits] != '\0')
		return 0;
	return atoi(colon + 1);
}

int
certificate_key_strength(const char *key)
{
	if (strncmp(key, "rsa:", 4) == 0 || strncmp(key, "rsa-pss:", 8) == 0 ||
	    strncmp(key, "dsa:", 4) == 0)
		return key_size(key);
	for (size_t i = 0; i < COUNT(curves); i++)
		if (strcmp(curves[i].key, key) == 0)
			return curves[i].strength;
	return 0;
}

int
certificate_signature_rank(const char *signature)
{
	for (size_t i = 0; i < COUNT(signatures); i++)
		if (strcmp(signatures[i].signature, signature) == 0)
			return signatures[i].rank;
	return 0;
}

static bool
key_parse(struct parser *p, struct policy_requirement *requirement)
{
	parse_next(p);
	if (!parse_at_least_word(p, MSG_KEY_EXPECTED))
		return false;
	requirement->least = requirement_read_number(p, KEY_MAX);
	if (requirement->least < 1)
		parse_error(p, &p->token.place, MSG_KEY, p->token.text, KEY_MAX);
	parse_next(p);
	return true;
}

static enum policy_tri
key_meets(const struct session *session, const struct policy_requirement *requirement)
{
	const char *key = session->facts->cert_key;

	if (key == NULL)
		return POLICY_UNKNOWN;
	/* A kind of key that is not known is weaker than all. */
	return session_answer(certificate_key_strength(key) >= requirement->least);
}

static bool
signature_parse(struct parser *p, struct policy_requirement *requirement)
{
	static const char *const signature_names[] = {
		"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "ed25519", "ed448"
	};

	parse_next(p);
	if (!parse_at_least_word(p, MSG_SIGNATURE_EXPECTED))
		return false;
	requirement->text = parse_keep_text(p, p->token.text, p->token.length);
	requirement->least = certificate_signature_rank(p->token.text);
	if (requirement->least == 0)
		parse_error(p, &p->token.place, MSG_SIGNATURE, p->token.text,
		    parse_hint(p, p->token.text, p->token.length, signature_names,
		    COUNT(signature_names)));
	parse_next(p);
	return true;
}

static enum policy_tri
signature_meets(const struct session *session,
    const struct policy_requirement *requirement)
{
	const char *signature = session->facts->cert_signature;

	if (signature == NULL)
		return POLICY_UNKNOWN;
	return session_answer(certificate_signature_rank(signature) >=
	    requirement->least);
}

static void
signature_print(const struct policy_requirement *requirement, FILE *out)
{
	(void)fprintf(out, "certificate signature >= %s", requirement->text);
}

static void
signature_value(const struct policy_requirement *requirement, char *text, size_t size)
{
	text_append(text, size, "%s", requirement->text);
}

/* ------------------------------------------------------------------ *
 * certificate valid-for >= N days
 * ------------------------------------------------------------------ */

static bool
validity_parse(struct parser *p, struct policy_requirement *requirement)
{
	parse_next(p);
	if (!parse_at_least_word(p, MSG_DAYS_EXPECTED))
		return false;
	requirement->least = requirement_read_number(p, DAYS_MAX);
	if (requirement->least == -1) {
		parse_unexpected(p, MSG_DAYS, p->token.text, DAYS_MAX);
		return false;
	}
	parse_next(p);
	if (!parse_is(p, "days") && !parse_is(p, "day")) {
		parse_expected(p, MSG_DAYS_WORD);
		return false;
	}
	parse_next(p);
	return true;
}

static enum policy_tri
validity_meets(const struct session *session, const struct policy_requirement *requirement)
{
	const char *text = session->facts->cert_not_after;
	int64_t not_after;

	if (text == NULL || !date_read_time(text, &not_after))
		return POLICY_UNKNOWN;
	return session_answer(not_after - session->now >=
	    (int64_t)requirement->least * 86400);
}

static void
validity_print(const struct policy_requirement *requirement, FILE *out)
{
	(void)fprintf(out, "certificate valid-for >= %d days", requirement->least);
}

static void
validity_value(const struct policy_requirement *requirement, char *text, size_t size)
{
	text_append(text, size, "%d day%s", requirement->least,
	    requirement->least == 1 ? "" : "s");
}

const struct requirement_kind requirements_certificate[] = {
	{
		.kind = REASON_CERTIFICATE, .reason = REASON_CERTIFICATE,
		.name = "certificate", .other_name = "certificate",
		.why = {
			"certificate", "550", "7.1",
			"{domain} must reach us with {required}; this session "
			"presented {presented}",
			"let it present its certificate, with the intermediate ones, "
			"when our server asks for it"
		},
		.presumes = PRESUMES_NOTHING, .facts = { "cert_verified" },
		.outbound = LEVEL_VERIFY, .sendmail = access_verify,
		.parse = requirement_parse_nothing, .meets = verified_meets,
		.print = requirement_print_name,
		.demands = "a verified client certificate",
		.value = requirement_no_value, .covers = requirement_covers_least,
		.implied = verified_implied
	}, {
		.kind = REASON_CERTIFICATE_NAME, .reason = REASON_CERTIFICATE_NAME,
		.name = "certificate name", .other_name = "certificate name",
		.why = {
			"certificate-name", "550", "7.1",
			"{domain} must reach us with {required}; this session's "
			"certificate {named}",
			"let it present a certificate with that name, with the "
			"intermediate ones, when our server asks for it"
		},
		.presumes = PRESUMES_VERIFIED,
		.facts = { "cert_verified", "cert_san", "cert_cn" },
		.outbound = LEVEL_SECURE, .sendmail = access_name,
		.parse = patterns_parse, .meets = name_meets,
		.print = patterns_print,
		.demands = "a verified client certificate for %s",
		.value = patterns_value, .covers = patterns_include,
		.implied = requirement_implied_by_pin
	}, {
		.kind = REASON_CERTIFICATE_ISSUER, .reason = REASON_CERTIFICATE_ISSUER,
		.name = "certificate issuer", .other_name = "certificate issuer",
		.why = {
			"certificate-issuer", "550", "7.1",
			"{domain} must reach us with {required}; this session's "
			"certificate has another issuer",
			"let it present a certificate of that issuer, with the "
			"intermediate ones, or tell us of the change"
		},
		.presumes = PRESUMES_VERIFIED,
		.facts = { "cert_verified", "cert_issuer" },
		.outbound = LEVEL_UNTOLD, .untold = MSG_OUTGOING_UNSEEN,
		.sendmail = access_nothing,
		.parse = patterns_parse, .meets = issuer_meets,
		.print = patterns_print,
		.demands = "a verified client certificate issued by %s",
		.value = patterns_value, .covers = patterns_include,
		.implied = requirement_implied_by_pin
	}, {
		.kind = REASON_CERTIFICATE_KEY, .reason = REASON_CERTIFICATE_KEY,
		.name = "certificate key", .other_name = "certificate key",
		.why = {
			"certificate-key", "550", "7.1",
			"{domain} must reach us with {required}; the key of this "
			"session's certificate is weaker",
			"replace its certificate by one with such a key"
		},
		.presumes = PRESUMES_PRESENTED, .facts = { "cert_key" },
		.outbound = LEVEL_UNTOLD, .untold = MSG_OUTGOING_UNSEEN,
		.sendmail = access_nothing,
		.parse = key_parse, .meets = key_meets,
		.print = requirement_print_number,
		.demands = "a client certificate whose key is as strong as RSA with "
		    "%s bits",
		.value = requirement_number, .covers = requirement_covers_least,
		.implied = requirement_implied_by_pin
	}, {
		.kind = REASON_CERTIFICATE_SIGNATURE,
		.reason = REASON_CERTIFICATE_SIGNATURE,
		.name = "certificate signature", .other_name = "certificate signature",
		.why = {
			"certificate-signature", "550", "7.1",
			"{domain} must reach us with {required}; the signature of this "
			"session's certificate is weaker",
			"replace its certificate by one with such a signature"
		},
		.presumes = PRESUMES_PRESENTED, .facts = { "cert_signature" },
		.outbound = LEVEL_UNTOLD, .untold = MSG_OUTGOING_UNSEEN,
		.sendmail = access_nothing,
		.parse = signature_parse, .meets = signature_meets,
		.print = signature_print,
		.demands = "a client certificate signed with %s or better",
		.value = signature_value, .covers = requirement_covers_least,
		.implied = requirement_implied_by_pin
	}, {
		.kind = REASON_CERTIFICATE_VALIDITY, .reason = REASON_CERTIFICATE_VALIDITY,
		.name = "certificate valid-for", .other_name = "certificate valid-for",
		.why = {
			"certificate-validity", "550", "7.1",
			"{domain} must reach us with {required}; this session's "
			"certificate has expired or is about to",
			"renew its certificate"
		},
		.presumes = PRESUMES_PRESENTED, .facts = { "cert_not_after" },
		.outbound = LEVEL_UNTOLD, .untold = MSG_OUTGOING_UNSEEN,
		.sendmail = access_nothing,
		.parse = validity_parse, .meets = validity_meets,
		.print = validity_print,
		.demands = "a client certificate that is valid for another %s",
		.value = validity_value, .covers = requirement_covers_least,
		.implied = requirement_never_implied
	},
	{ .name = NULL }
};
