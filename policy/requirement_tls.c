/*
 * requirement_tls.c - requirements on the protocol and the strength of the session.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/requirement.h"

#include <string.h>

#include "policy/parse.h"
#include "policy/session.h"

#define BITS_MAX 256

/* ------------------------------------------------------------------ *
 * tls [>= VERSION]
 * ------------------------------------------------------------------ */

/* Whether it cannot be meant as a version. */
static bool
is_plain_word(const struct token *token)
{
	return token->type == TOKEN_WORD &&
	    strspn(token->text, "abcdefghijklmnopqrstuvwxyz-") == token->length;
}

static bool
version_parse(struct parser *p, struct policy_requirement *requirement)
{
	requirement->least = PROTOCOL_UNKNOWN;
	if (p->token.type != TOKEN_AT_LEAST) {
		/* "tls 1.2" or "tls = 1.2": the ">=" was forgotten. */
		if (parse_at_demand_end(p) || is_plain_word(&p->token))
			return true;
		parse_expected(p, MSG_AT_LEAST);
		return false;
	}
	parse_next(p);
	if (p->token.type != TOKEN_WORD) {
		parse_expected(p, MSG_VERSION_EXPECTED);
		return false;
	}
	requirement->least = (int)protocol_from_policy(p->token.text);
	if (requirement->least == PROTOCOL_UNKNOWN)
		parse_error(p, &p->token.place, MSG_VERSION, p->token.text,
		    parse_hint_version(p, ""));
	parse_next(p);
	return true;
}

static enum policy_tri
version_meets(const struct session *session, const struct policy_requirement *requirement)
{
	if (requirement->least == PROTOCOL_UNKNOWN)
		return POLICY_YES;
	if (!session->version_given)
		return POLICY_UNKNOWN;
	/* A protocol's name that is not known is below all. */
	return session_answer((int)session->version >= requirement->least);
}

static void
version_print(const struct policy_requirement *requirement, FILE *out)
{
	requirement_print_name(requirement, out);
	if (requirement->least != PROTOCOL_UNKNOWN)
		(void)fprintf(out, " >= %s",
		    protocol_version((enum policy_protocol)requirement->least));
}

static void
version_value(const struct policy_requirement *requirement, char *text, size_t size)
{
	if (requirement->least != PROTOCOL_UNKNOWN)
		text_append(text, size, " %s or newer",
		    protocol_version((enum policy_protocol)requirement->least));
}

/* Each requirement implies TLS, of any version. */
static bool
version_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	for (int kind = REASON_TLS_VERSION; kind < KIND_END; kind++)
		if (settings->require[kind] != NULL)
			return lacking->least == PROTOCOL_UNKNOWN;
	return false;
}

/* ------------------------------------------------------------------ *
 * bits >= N
 * ------------------------------------------------------------------ */

static bool
bits_parse(struct parser *p, struct policy_requirement *requirement)
{
	if (!parse_at_least_word(p, MSG_BITS_EXPECTED))
		return false;
	requirement->least = requirement_read_number(p, BITS_MAX);
	if (requirement->least < 1)
		parse_error(p, &p->token.place, MSG_BITS, p->token.text);
	parse_next(p);
	return true;
}

static enum policy_tri
bits_meets(const struct session *session, const struct policy_requirement *requirement)
{
	if (session->bits < 0)
		return POLICY_UNKNOWN;
	return session_answer(session->bits >= requirement->least);
}

/* Every TLS 1.3 suite has 128 at least. */
static bool
bits_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	return lacking->least <= 128 && requirement_implied_by_tls13(settings, lacking);
}

/* No fact tells of TLSA records: that a certificate was not verified is all. */
static enum policy_tri
dane_meets(const struct session *session, const struct policy_requirement *requirement)
{
	(void)requirement;
	return session->verified == POLICY_NO ? POLICY_NO : POLICY_UNKNOWN;
}

const struct requirement_kind requirements_tls[] = {
	{
		.kind = REASON_TLS_VERSION, .reason = REASON_TLS_VERSION,
		.name = "tls", .other_name = "tls",
		.why = {
			"tls-version", "554", "7.0",
			"{domain} must reach us over {required}; this session used "
			"{tls_version}",
			"enable %s on it"
		},
		.presumes = PRESUMES_NOTHING, .facts = { "tls_version" },
		.outbound = LEVEL_ENCRYPT, .sendmail = access_tls,
		.parse = version_parse, .meets = version_meets,
		.print = version_print,
		.demands = "TLS%s", .value = version_value,
		.covers = requirement_covers_least, .implied = version_implied
	}, {
		.kind = REASON_BITS, .reason = REASON_BITS,
		.name = "bits", .other_name = "bits",
		.why = {
			"bits", "554", "7.0",
			"{domain} must reach us with {required}; this session used "
			"{cipher} with {bits} bits",
			"enable such ciphers on it"
		},
		.presumes = PRESUMES_NOTHING, .facts = { "bits", "cipher" },
		.outbound = LEVEL_ENCRYPT, .sendmail = access_bits,
		.parse = bits_parse, .meets = bits_meets,
		.print = requirement_print_number,
		.demands = "a cipher of at least %s bits", .value = requirement_number,
		.covers = requirement_covers_least, .implied = bits_implied
	},
	{
		.kind = REASON_DANE, .reason = REASON_DANE,
		.name = "dane", .other_name = "dane",
		.why = { "dane", "550", "7.1", "{domain} must reach us over {required}",
			"publish TLSA records that match its certificate" },
		.presumes = PRESUMES_NOTHING, .facts = { "cert_verified" },
		.outbound = LEVEL_DANE_ONLY, .sendmail = access_dane,
		.parse = requirement_parse_nothing, .meets = dane_meets,
		.print = requirement_print_name,
		.demands = "DANE (TLSA records that match)", .value = requirement_no_value,
		.covers = requirement_covers_least, .implied = requirement_never_implied
	},
	{ .name = NULL }
};
