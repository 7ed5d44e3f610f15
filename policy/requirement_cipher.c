/*
 * requirement_cipher.c - requirements on the cipher suite.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/requirement.h"

#include <string.h>

#include "policy/parse.h"
#include "policy/session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the session used must fit behind the list. */
#define LIST_SHOWN 200

/* ------------------------------------------------------------------ *
 * cipher LIST, ciphersuites LIST
 * ------------------------------------------------------------------ */

/* "A" "B"…: one list, written in several strings. NULL when memory is short. */
static const char *
list_read(struct parser *p)
{
	const char *list = p->token.text;

	for (parse_next(p); p->token.type == TOKEN_STRING; parse_next(p)) {
		size_t before = strlen(list) + 1;
		char *joined = parse_scratch(p, before + p->token.length + 1);

		if (joined == NULL)
			return NULL;
		(void)strcpy(joined, list);
		joined[before - 1] = ':';
		(void)strcpy(joined + before, p->token.text);
		list = joined;
	}
	return list;
}

/* The names of TLS 1.3 suites. */
static void
suites_read(struct parser *p, const char *list, const struct place *place,
    struct cipher_set *set)
{
	const struct cipher_table *table = p->policy->ciphers;
	const char *known[32], *unknown;
	size_t length;

	unknown = cipher_suites_read(table, list, set, &length);
	if (unknown != NULL)
		parse_error(p, place, MSG_SUITE, (int)length, unknown,
		    parse_hint(p, unknown, length, known,
		    cipher_suite_names(table, known, COUNT(known))));
}

static bool
list_parse(struct parser *p, struct policy_requirement *requirement)
{
	struct cipher_set *set = &requirement->u.suites;
	struct place place = p->token.place;
	bool no_memory = false;
	const char *list;

	if (p->token.type != TOKEN_STRING) {
		parse_expected(p, MSG_CIPHER_EXPECTED);
		return false;
	}
	if ((list = list_read(p)) == NULL)
		return false;
	requirement->text = parse_keep_text(p, list, strlen(list));
	if (requirement->kind == REASON_CIPHERSUITES)
		suites_read(p, list, &place, set);
	else if (!cipher_list_read(p->policy->ciphers, list, set, &no_memory) && !no_memory)
		parse_error(p, &place, "%s", MSG_CIPHER);
	p->no_memory |= no_memory;
	return true;
}

/* TLS 1.3 has its own suites: each list is of one of the two. */
static enum policy_tri
list_meets(const struct session *session, const struct policy_requirement *requirement)
{
	if (session->tls13 != (requirement->kind == REASON_CIPHERSUITES))
		return POLICY_YES;
	if (session->facts->cipher == NULL)
		return POLICY_UNKNOWN;
	return session_answer(session->cipher != NULL &&
	    cipher_in_set(session->policy->ciphers, session->cipher,
	    &requirement->u.suites));
}

static void
list_print(const struct policy_requirement *requirement, FILE *out)
{
	requirement_print_name(requirement, out);
	requirement_print_string(requirement->text, out);
}

static void
list_value(const struct policy_requirement *requirement, char *text, size_t size)
{
	const char *list = requirement->text;
	size_t shown = strlen(list);

	if (shown > LIST_SHOWN)
		for (shown = LIST_SHOWN; shown > 0 && list[shown] != ':'; shown--)
			continue;
	requirement_append(text, size, "%.*s%s", (int)shown, list,
	    list[shown] != '\0' ? ":..." : "");
}

static bool
list_looser(const struct policy_requirement *a, const struct policy_requirement *b)
{
	bool more = false;

	for (size_t i = 0; i < CIPHERS_MAX / 64; i++) {
		uint64_t in_a = a->u.suites.bits[i];
		uint64_t in_b = b->u.suites.bits[i];

		if ((in_b & ~in_a) != 0)
			return false;
		more |= (in_a & ~in_b) != 0;
	}
	return more;
}

static bool
list_same(const struct policy_requirement *a, const struct policy_requirement *b)
{
	return memcmp(&a->u.suites, &b->u.suites,
	    sizeof(a->u.suites)) == 0;
}

/* ------------------------------------------------------------------ *
 * forward-secrecy, aead
 * ------------------------------------------------------------------ */

static enum policy_tri
secrecy_meets(const struct session *session, const struct policy_requirement *requirement)
{
	(void)requirement;
	if (session->tls13)
		return POLICY_YES;
	if (session->facts->cipher == NULL)
		return POLICY_UNKNOWN;
	return session_answer(session->cipher != NULL &&
	    session->cipher->forward_secrecy);
}

static enum policy_tri
aead_meets(const struct session *session, const struct policy_requirement *requirement)
{
	(void)requirement;
	if (session->facts->cipher == NULL)
		return POLICY_UNKNOWN;
	return session_answer(session->cipher != NULL && session->cipher->aead);
}

#define OTHER_CIPHER \
    "{domain} must reach us with {required}; this session used {cipher}"

const struct requirement_kind requirements_cipher[] = {
	{
		.kind = REASON_CIPHER, .reason = REASON_CIPHER,
		.name = "cipher", .other_name = "cipher",
		.why = {
			"cipher", "554", "7.0", OTHER_CIPHER,
			"enable one of these ciphers on it", ""
		},
		.presumes = PRESUMES_NOTHING, .facts = { "tls_version", "cipher" },
		.parse = list_parse, .meets = list_meets,
		.print = list_print,
		.demands = "one of the ciphers %s", .value = list_value,
		.looser = list_looser, .same = list_same,
		.implied = requirement_implied_by_tls13
	}, {
		.kind = REASON_CIPHERSUITES, .reason = REASON_CIPHER,
		.name = "ciphersuites", .other_name = "ciphersuites",
		.why = {
			"cipher", "554", "7.0", OTHER_CIPHER,
			"enable one of these cipher suites on it", ""
		},
		.presumes = PRESUMES_NOTHING, .facts = { "tls_version", "cipher" },
		.parse = list_parse, .meets = list_meets,
		.print = list_print,
		.demands = "one of the TLS 1.3 cipher suites %s", .value = list_value,
		.looser = list_looser, .same = list_same,
		.implied = requirement_never_implied
	}, {
		.kind = REASON_FORWARD_SECRECY, .reason = REASON_FORWARD_SECRECY,
		.name = "forward-secrecy", .other_name = "forward-secrecy",
		.why = {
			"forward-secrecy", "554", "7.0", OTHER_CIPHER,
			"enable cipher suites with an ephemeral key exchange (ECDHE) "
			"on it", ""
		},
		.presumes = PRESUMES_NOTHING, .facts = { "tls_version", "cipher" },
		.parse = requirement_parse_nothing, .meets = secrecy_meets,
		.print = requirement_print_name,
		.demands = "a key exchange that gives forward secrecy",
		.value = requirement_no_value,
		.looser = requirement_less, .same = requirement_same_value,
		.implied = requirement_implied_by_tls13
	}, {
		.kind = REASON_AEAD, .reason = REASON_AEAD,
		.name = "aead", .other_name = "aead",
		.why = {
			"aead", "554", "7.0", OTHER_CIPHER,
			"enable cipher suites with AES-GCM or ChaCha20-Poly1305 on it", ""
		},
		.presumes = PRESUMES_NOTHING, .facts = { "cipher" },
		.parse = requirement_parse_nothing, .meets = aead_meets,
		.print = requirement_print_name,
		.demands = "authenticated encryption (AEAD)",
		.value = requirement_no_value,
		.looser = requirement_less, .same = requirement_same_value,
		.implied = requirement_implied_by_tls13
	},
	{ .name = NULL }
};
