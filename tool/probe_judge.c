/*
 * probe_judge.c - whether a server would keep the rule on mail that goes out to it.
 *
 * A server keeps it where some handshake that it offers does, of those that Postfix would
 * come to by what it is told: what else is offered is of no account. The facts of such a
 * handshake are judged as those of a delivery are.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#define NAMES_MAX 64

/* What is judged of one address: its facts are set anew for each handshake. */
struct judging {
	const struct loaded *loaded;
	const struct probe_result *result;
	const struct probe_each *each;
	struct facts facts;
	const char *names[NAMES_MAX];
	char not_after[24];
	enum policy_tri dane;
	struct verdict verdict;
	unsigned allowed;	/* protocols that Postfix may use, 1u << enum policy_protocol */
};

/* A handshake that the server was seen to take. */
struct handshake {
	enum probe_protocol protocol;
	const char *cipher;
	int bits;
};

static const struct policy_outcome *
judged_outcome(const struct judging *judging)
{
	return &judging->verdict.outcome[OUTCOME_FROM];
}

static bool
rule_requires(const struct judging *judging, enum policy_reason kind)
{
	char text[PROBE_WORDS];

	return policy_required_text(judged_outcome(judging), kind, text, sizeof(text));
}

static bool
judge_now(struct judging *judging)
{
	return judge_facts(judging->loaded, judging->result->now, &judging->facts,
	    &judging->verdict);
}

/* ------------------------------------------------------------------ *
 * Facts
 * ------------------------------------------------------------------ */

/* The names in a certificate, which are its own for as long as "keep" is there. */
static size_t
list_names(const GENERAL_NAMES *keep, const char **names)
{
	size_t count = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(keep) && count < NAMES_MAX; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(keep, i);
		const char *text;

		if (name->type != GEN_DNS)
			continue;
		text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
		/* One with a NUL in it is meant to be taken for another. */
		if (strlen(text) == (size_t)ASN1_STRING_length(name->d.dNSName))
			names[count++] = text;
	}
	return count;
}

/* Whether Postfix would take it for verified, by what the rule has it look for. */
static enum policy_tri
verified(const struct judging *judging)
{
	const struct probe_chain *chain = &judging->each->seen->chain;
	bool by_name = rule_requires(judging, REASON_CERTIFICATE_NAME) ||
	    !rule_requires(judging, REASON_CERTIFICATE);

	if (rule_requires(judging, REASON_DANE))
		return judging->dane;
	return chain->verified && (by_name || chain->names_host) ? POLICY_YES : POLICY_NO;
}

static void
set_certificate(struct judging *judging, const GENERAL_NAMES *names)
{
	const struct probe_chain *chain = &judging->each->seen->chain;
	struct facts *facts = &judging->facts;

	facts->cert_verified = verified(judging);
	if (judging->dane == POLICY_YES)
		facts->verification = "dane";
	facts->cert_fingerprint = chain->sha256;
	facts->cert_pubkey_fingerprint = chain->key_sha256;
	facts->cert_key = chain->key;
	facts->cert_signature = chain->signature;
	facts->cert_san_count = list_names(names, judging->names);
	if (facts->cert_san_count > 0)
		facts->cert_san = judging->names;
	/* Of a certificate without such names "names" is its common name. */
	facts->cert_cn = facts->cert_san_count > 0 ? NULL : chain->names;
}

static void
set_session(struct judging *judging, const struct handshake *handshake)
{
	struct facts *facts = &judging->facts;

	*facts = (struct facts)FACTS_INIT;
	facts->direction = "out";
	facts->next_hop = judging->result->rule.next_hop;
	facts->relay = judging->each->host->name;
	facts->tls_version = "none";
	if (handshake == NULL)
		return;
	facts->tls_version = probe_protocol_name(handshake->protocol);
	facts->cipher = handshake->cipher;
	facts->bits = handshake->bits;
}

/* ------------------------------------------------------------------ *
 * The handshake that would come about
 * ------------------------------------------------------------------ */

/* The one at a place: the best as of a client of today, what was wished, each suite. */
static bool
handshake_at(const struct probe_address *address, size_t at, struct handshake *handshake)
{
	const struct probe_suite *suite;

	if (at == 0) {
		*handshake = (struct handshake){ address->protocol, address->cipher,
		    address->bits > 0 ? address->bits : -1 };
		return true;
	}
	if (at == 1 && address->wish.taken == OFFER_YES) {
		*handshake = (struct handshake){ address->wish.protocol, address->wish.cipher,
		    address->wish.bits > 0 ? address->wish.bits : -1 };
		return true;
	}
	at -= address->wish.taken == OFFER_YES;
	if (at > address->suite_count)
		return false;
	suite = &address->suites[at - 1];
	*handshake = (struct handshake){ suite->protocol, suite->name, -1 };
	return true;
}

static size_t
weigh_unmet(const struct policy_outcome *outcome)
{
	size_t unmet = 0;

	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		unmet += outcome->check[kind] == CHECK_UNMET ? 2 :
		    outcome->check[kind] == CHECK_UNKNOWN;
	return unmet;
}

static bool
judge_handshake(struct judging *judging, const struct handshake *handshake,
    const GENERAL_NAMES *names)
{
	set_session(judging, handshake);
	if (handshake != NULL)
		set_certificate(judging, names);
	return judge_now(judging);
}

/*
 * The handshake of those that Postfix may come to which meets the most, or NULL in
 * *found: there is none. False where memory is short.
 */
static bool
find_best(struct judging *judging, const GENERAL_NAMES *names, struct handshake *best,
    bool *found)
{
	const struct probe_address *address = judging->each->address;
	struct handshake handshake;
	size_t least = SIZE_MAX;

	*found = false;
	for (size_t i = 0; address->reached == REACHED_TLS &&
	    handshake_at(address, i, &handshake); i++) {
		size_t unmet;

		if ((judging->allowed >> probe_policy_protocol(handshake.protocol) & 1) == 0)
			continue;
		if (!judge_handshake(judging, &handshake, names))
			return false;
		unmet = weigh_unmet(judged_outcome(judging));
		if (unmet >= least)
			continue;
		least = unmet;
		*best = handshake;
		*found = true;
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * What there is, in words
 * ------------------------------------------------------------------ */

static void
offer_tls(const struct judging *judging, bool found, char *text, size_t size)
{
	const struct probe_address *address = judging->each->address;

	if (address->reached == REACHED_EHLO)
		text_append(text, size, address->starttls ? "STARTTLS is refused" :
		    "clear text alone");
	else if (address->requires_certificate)
		text_append(text, size, "no session without a client certificate");
	else
		probe_offers_text(address, text, size);
	if (found || address->reached == REACHED_EHLO || address->requires_certificate)
		return;
	text_append(text, size, address->reached == REACHED_TLS ?
	    ", none of which Postfix may use by this rule" :
	    ", and no handshake of ours succeeds");
}

static void
offer_certificate(const struct judging *judging, char *text, size_t size)
{
	const struct probe_chain *chain = &judging->each->seen->chain;

	if (!chain->verified)
		text_append(text, size, "%s", chain->self_signed ? "a self-signed one" :
		    X509_verify_cert_error_string(chain->verify_error));
	else if (!chain->names_host && judging->facts.cert_verified == POLICY_NO)
		text_append(text, size, "a verified one, but for %s", chain->names);
	else
		text_append(text, size, "a verified one");
}

static void
offer_dane(const struct judging *judging, char *text, size_t size)
{
	const struct probe_host *host = judging->each->host;
	static const char *const words[] = {
		[POLICY_UNKNOWN] = "cannot be told without DNSSEC validation",
		[POLICY_NO] = "no TLSA record matches", [POLICY_YES] = "a TLSA record matches"
	};

	text_append(text, size, "%s", judging->dane != POLICY_NO ? words[judging->dane] :
	    host->tlsa_secure == SECURE_BOGUS ? "the zone's signatures are wrong" :
	    host->tlsa_count == 0 ? "no TLSA records" :
	    host->tlsa_secure == SECURE_NO ? "TLSA records in a zone that is not signed" :
	    words[POLICY_NO]);
}

static void
offer_of_kind(const struct judging *judging, enum policy_reason kind,
    const struct handshake *best, bool found, char *text, size_t size)
{
	const struct probe_chain *chain = &judging->each->seen->chain;

	text[0] = '\0';
	if (kind == REASON_TLS_VERSION || !found)
		offer_tls(judging, found, text, size);
	else if (kind == REASON_DANE)
		offer_dane(judging, text, size);
	else if (kind == REASON_CERTIFICATE)
		offer_certificate(judging, text, size);
	else if (kind == REASON_CERTIFICATE_NAME && chain->verified)
		text_append(text, size, "%s", chain->names);
	else if (kind == REASON_CERTIFICATE_NAME)
		offer_certificate(judging, text, size);
	else if (kind == REASON_CERTIFICATE_FINGERPRINT)
		text_append(text, size, "%s", chain->sha256);
	else
		text_append(text, size, "%s", best->cipher);
}

/* ------------------------------------------------------------------ *
 * The address
 * ------------------------------------------------------------------ */

static enum policy_tri
met_of(unsigned char check)
{
	return check == CHECK_MET ? POLICY_YES : check == CHECK_UNKNOWN ? POLICY_UNKNOWN :
	    POLICY_NO;
}

static void
keep_requirement(struct judging *judging, enum policy_reason kind,
    const struct handshake *best, bool found)
{
	const struct policy_outcome *outcome = judged_outcome(judging);
	struct probe_judged *judged = &judging->each->seen->judged;
	struct probe_requirement *require = &judged->require[judged->count++];

	require->kind = kind;
	require->met = met_of(outcome->check[kind]);
	require->matters = true;
	if (policy_required_text(outcome, kind, require->required,
	    sizeof(require->required)))
		require->matters = policy_required_action(outcome, kind) != POLICY_ACCEPT;
	else
		text_append(require->required, sizeof(require->required), "TLS");
	offer_of_kind(judging, kind, best, found, require->offered,
	    sizeof(require->offered));
}

/* A suite that was not asked for may be there, unless the wish says that there is none. */
static void
doubt_suites(const struct probe_address *address, struct probe_requirement *require)
{
	bool of_suite = require->kind >= REASON_BITS && require->kind <= REASON_AEAD;

	if (require->met != POLICY_NO || !of_suite || address->suites_whole ||
	    address->wish.taken == OFFER_NO)
		return;
	require->met = POLICY_UNKNOWN;
	text_append(require->offered, sizeof(require->offered),
	    ", and perhaps others: ask with --full");
}

/* Holds another leaf against the pins. False where memory is short. */
static bool
doubt_leaf(struct judging *judging, X509 *leaf, struct probe_requirement *require)
{
	STACK_OF(X509) *alone = sk_X509_new_null();
	const struct facts facts = judging->facts;
	struct probe_chain chain;
	bool ok = alone != NULL && sk_X509_push(alone, leaf) > 0 &&
	    probe_chain_look(alone, judging->each->host, NULL, judging->result->authorities,
	    judging->result->now, &chain);

	sk_X509_free(alone);
	judging->facts.cert_fingerprint = chain.sha256;
	judging->facts.cert_pubkey_fingerprint = chain.key_sha256;
	ok = ok && judge_now(judging);
	judging->facts = facts;
	if (!ok)
		return false;
	if (met_of(judged_outcome(judging)->check[require->kind]) != require->met) {
		require->met = POLICY_UNKNOWN;
		text_append(require->offered, sizeof(require->offered), ", but %s for clients "
		    "that take another kind of key", chain.sha256);
	}
	return true;
}

/* A server with two kinds of keys keeps a pin by both leaves, or it depends on the client. */
static bool
doubt_pins(struct judging *judging)
{
	const struct probe_address *address = judging->each->address;
	struct probe_judged *judged = &judging->each->seen->judged;
	bool ok = true;

	for (size_t i = 0; i < judged->count; i++)
		for (int at = 0; ok && at < sk_X509_num(address->others); at++)
			if (judged->require[i].kind == REASON_CERTIFICATE_FINGERPRINT &&
			    judged->require[i].met != POLICY_UNKNOWN)
				ok = doubt_leaf(judging, sk_X509_value(address->others, at),
				    &judged->require[i]);
	return ok;
}

static bool
keep_judged(struct judging *judging, const struct handshake *best, bool found)
{
	const struct policy_outcome *outcome = judged_outcome(judging);
	struct probe_judged *judged = &judging->each->seen->judged;

	judged->met = POLICY_YES;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (outcome->check[kind] != CHECK_ABSENT)
			keep_requirement(judging, (enum policy_reason)kind, best, found);
	if (found && !doubt_pins(judging))
		return false;
	for (size_t i = 0; i < judged->count; i++) {
		struct probe_requirement *require = &judged->require[i];

		if (found)
			doubt_suites(judging->each->address, require);
		if (!require->matters || judged->met == POLICY_NO)
			continue;
		if (require->met != POLICY_YES)
			judged->met = require->met;
	}
	return true;
}

/*
 * Judges what Postfix comes to. Where that is no handshake it is what it would come to
 * with main.cf alone that tells why, unless that meets all.
 */
static bool
judge_best(struct judging *judging, const GENERAL_NAMES *names, struct handshake *best,
    bool *found)
{
	const struct probe_address *address = judging->each->address;

	if (!find_best(judging, names, best, found))
		return false;
	if (!*found && address->reached == REACHED_TLS) {
		(void)handshake_at(address, 0, best);
		if (!judge_handshake(judging, best, names))
			return false;
		*found = weigh_unmet(judged_outcome(judging)) > 0;
	}
	return judge_handshake(judging, *found ? best : NULL, names);
}

static bool
judge_address(struct judging *judging)
{
	const struct probe_address *address = judging->each->address;
	GENERAL_NAMES *names = NULL;
	struct handshake best = { .cipher = "" };
	bool found, ok;

	/* Which rule it is, and what it asks for. */
	set_session(judging, NULL);
	if (!judge_now(judging))
		return false;
	judging->allowed = probe_rule_protocols(judging->loaded, &judging->verdict);
	judging->dane = probe_dane(&judging->result->target, judging->each);
	if (sk_X509_num(address->chain) > 0)
		names = X509_get_ext_d2i(sk_X509_value(address->chain, 0),
		    NID_subject_alt_name, NULL, NULL);
	ok = judge_best(judging, names, &best, &found);
	ok = ok && keep_judged(judging, &best, found);
	GENERAL_NAMES_free(names);
	return ok;
}

/* One that does not keep it counts; then one of which it cannot be told. */
static void
sum_up(struct probe_result *result)
{
	struct probe_each each = { .host = NULL };
	size_t count[POLICY_YES + 1] = { 0 };

	while (probe_next(result, &each))
		if (each.address->reached >= REACHED_EHLO)
			count[each.seen->judged.met]++;
	result->met = count[POLICY_NO] > 0 ? POLICY_NO :
	    count[POLICY_UNKNOWN] > 0 || count[POLICY_YES] == 0 ? POLICY_UNKNOWN :
	    POLICY_YES;
}

bool
probe_judge(struct probe_result *result, const struct loaded *loaded)
{
	struct probe_each each = { .host = NULL };
	bool ok = true;

	if (!result->rule.found || result->rule.exempt)
		return true;
	while (ok && probe_next(result, &each)) {
		struct judging judging = { .loaded = loaded, .result = result, .each = &each };

		/* What does not answer may keep it all the same. */
		if (each.address->reached >= REACHED_EHLO)
			ok = judge_address(&judging);
	}
	if (ok)
		sum_up(result);
	return ok;
}
