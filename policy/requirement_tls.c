/*
 * requirement_tls.c - requirements on the protocol and the strength of the session.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/requirement.h"

#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"
#include "policy/session.h"

/* ------------------------------------------------------------------ *
 * tls [>= VERSION]
 * ------------------------------------------------------------------ */

static bool
version_parse(struct parser *p, struct policy_requirement *requirement)
{
	requirement->u.version = PROTOCOL_UNKNOWN;
	if (p->token.type != TOKEN_AT_LEAST) {
		/* "tls 1.2" or "tls = 1.2": the ">=" was forgotten. */
		if (parse_at_end(p) || parse_is(p, "otherwise"))
			return true;
		parse_expected(p, MSG_AT_LEAST);
		return false;
	}
	parse_next(p);
	if (p->token.type != TOKEN_WORD) {
		parse_expected(p, MSG_VERSION_EXPECTED);
		return false;
	}
	requirement->u.version = protocol_from_policy(p->token.text);
	if (requirement->u.version == PROTOCOL_UNKNOWN)
		parse_error(p, &p->token.place, MSG_VERSION, p->token.text);
	parse_next(p);
	return true;
}

static enum policy_tri
version_meets(const struct session *session, const struct policy_requirement *requirement)
{
	if (requirement->u.version == PROTOCOL_UNKNOWN)
		return POLICY_YES;
	if (!session->version_given)
		return POLICY_UNKNOWN;
	/* A protocol's name that is not known is below all. */
	return session_answer(session->version >= requirement->u.version);
}

static void
version_print(const struct policy_requirement *requirement, FILE *out)
{
	requirement_print_name(requirement, out);
	if (requirement->u.version != PROTOCOL_UNKNOWN)
		(void)fprintf(out, " >= %s", protocol_version(requirement->u.version));
}

static void
version_describe(const struct policy_requirement *requirement, char *text, size_t size)
{
	if (requirement->u.version == PROTOCOL_UNKNOWN)
		requirement_append(text, size, "TLS");
	else
		requirement_append(text, size, "TLS %s or newer",
		    protocol_version(requirement->u.version));
}

static bool
version_looser(const struct policy_requirement *a, const struct policy_requirement *b)
{
	return a->u.version < b->u.version;
}

/* Each requirement implies TLS, of any version. */
static bool
version_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (settings->require[kind] != NULL)
			return lacking->u.version == PROTOCOL_UNKNOWN;
	return false;
}

/* ------------------------------------------------------------------ *
 * bits >= N
 * ------------------------------------------------------------------ */

static bool
bits_parse(struct parser *p, struct policy_requirement *requirement)
{
	size_t length;
	int bits = 0;

	if (!parse_at_least(p))
		return false;
	if (p->token.type != TOKEN_WORD) {
		parse_expected(p, MSG_BITS_EXPECTED);
		return false;
	}
	length = p->token.length;
	if (length <= 3 && strspn(p->token.text, "0123456789") == length)
		bits = atoi(p->token.text);
	if (bits < 1 || bits > 256)
		parse_error(p, &p->token.place, MSG_BITS, p->token.text);
	requirement->u.bits = bits;
	parse_next(p);
	return true;
}

static enum policy_tri
bits_meets(const struct session *session, const struct policy_requirement *requirement)
{
	if (session->bits < 0)
		return POLICY_UNKNOWN;
	return session_answer(session->bits >= requirement->u.bits);
}

static void
bits_print(const struct policy_requirement *requirement, FILE *out)
{
	(void)fprintf(out, "bits >= %d", requirement->u.bits);
}

static void
bits_describe(const struct policy_requirement *requirement, char *text, size_t size)
{
	requirement_append(text, size, "a cipher of at least %d bits",
	    requirement->u.bits);
}

static bool
bits_looser(const struct policy_requirement *a, const struct policy_requirement *b)
{
	return a->u.bits < b->u.bits;
}

/* Every TLS 1.3 suite has 128 at least. */
static bool
bits_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	return lacking->u.bits <= 128 && requirement_implied_by_tls13(settings, lacking);
}

const struct requirement_kind requirements_tls[] = {
	{
		.kind = REASON_TLS_VERSION, .reason = REASON_TLS_VERSION,
		.name = "tls", .other_name = "tls",
		.why = {
			"tls-version", "554", "7.0",
			"{domain} must reach us over {required}; this session used "
			"{tls_version}",
			"enable %s on it", ""
		},
		.presumes = PRESUMES_NOTHING,
		.facts = { "tls_version" },
		.parse = version_parse, .meets = version_meets,
		.print = version_print, .describe = version_describe,
		.looser = version_looser, .same = requirement_same_value,
		.implied = version_implied
	}, {
		.kind = REASON_BITS, .reason = REASON_BITS,
		.name = "bits", .other_name = "bits",
		.why = {
			"bits", "554", "7.0",
			"{domain} must reach us with {required}; this session used "
			"{cipher} with {bits} bits",
			"enable such ciphers on it", ""
		},
		.presumes = PRESUMES_NOTHING,
		.facts = { "bits", "cipher" },
		.parse = bits_parse, .meets = bits_meets,
		.print = bits_print, .describe = bits_describe,
		.looser = bits_looser, .same = requirement_same_value,
		.implied = bits_implied
	},
	{ .name = NULL }
};
