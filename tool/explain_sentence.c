/*
 * explain_sentence.c - one sentence that can be mailed to whoever must act.
 *
 * It speaks of this session and of nothing else: what other sessions of the partner
 * are like is not known. conf/page/sentence.txt has its words.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/explain.h"

#include <string.h>

#include "tool/mustache.h"
#include "base/date.h"
#include "base/text.h"

/* So many names of a certificate are told. */
#define NAMES_SHOWN 3

/* What the network said: in quotes where it is more than a name. NULL is left out. */
static void
put_word(struct tree *tree, const char *name, const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789._-:*@+";
	struct buffer text = BUFFER_INIT;

	if (value == NULL)
		return;
	if (value[0] != '\0' && value[strspn(value, plain)] == '\0')
		buffer_string(&text, value);
	else
		text_json(&text, value);
	tree_buffer(tree, name, &text);
}

/* The day that a record's time begins with, and where it is known the time. */
static void
put_day(struct tree *tree, const struct explained *explained)
{
	char time[DATE_MS_SIZE];

	if (!explained->has_day && !explained->has_time)
		return;
	date_write_ms(explained->time_ms, time);
	time[10] = time[19] = '\0';
	tree_text(tree, "day", time);
	if (explained->has_time)
		tree_text(tree, "time", time + 11);
}

/* Whether what is unmet is judged by a fact of that name, or of names that begin so. */
static bool
any_unmet_by(const struct policy_outcome *outcome, const char *name)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const char *const *fact = policy_kind_facts((enum policy_reason)kind);

		if (outcome->check[kind] != CHECK_UNMET)
			continue;
		for (; *fact != NULL; fact++)
			if (strncmp(*fact, name, strlen(name)) == 0)
				return true;
	}
	return false;
}

static bool
is_unmet(const struct policy_outcome *outcome, enum policy_reason kind)
{
	return outcome->check[kind] == CHECK_UNMET;
}

static void
put_names(struct tree *tree, const struct facts *facts)
{
	size_t count = facts->cert_san != NULL ? facts->cert_san_count : 0;

	tree_open_array(tree, "names");
	if (count == 0)
		put_word(tree, NULL, facts->cert_cn != NULL ? facts->cert_cn : "");
	for (size_t i = 0; i < count && i < NAMES_SHOWN; i++)
		put_word(tree, NULL, facts->cert_san[i]);
	tree_close(tree);
	if (count > NAMES_SHOWN)
		tree_number(tree, "more", (int64_t)(count - NAMES_SHOWN));
}

/* Of a certificate that was presented: what is the matter with it, and what that is. */
static void
put_presented(struct tree *tree, const struct policy_outcome *outcome,
    const struct facts *facts)
{
	bool raw_key = policy_presented(facts) == PRESENTED_RAW_KEY;
	const struct {
		enum policy_reason kind;
		const char *name, *value;
	} details[] = {
		{ REASON_CERTIFICATE_FINGERPRINT, "fingerprint",
		    raw_key ? facts->cert_pubkey_fingerprint :
		    facts->cert_fingerprint },
		{ REASON_CERTIFICATE_FINGERPRINT, "key_fingerprint",
		    facts->cert_fingerprint == NULL ?
		    facts->cert_pubkey_fingerprint : NULL },
		{ REASON_CERTIFICATE_KEY, "key", facts->cert_key },
		{ REASON_CERTIFICATE_SIGNATURE, "signature", facts->cert_signature },
		{ REASON_CERTIFICATE_VALIDITY, "end", facts->cert_not_after },
	};
	bool unverified = !raw_key && facts->cert_verified != POLICY_YES &&
	    any_unmet_by(outcome, "cert_verified");

	tree_flag(tree, "unverified", unverified);
	tree_flag(tree, "raw_key", raw_key);
	tree_flag(tree, "any", !unverified && !raw_key);
	if (!unverified && !raw_key && is_unmet(outcome, REASON_CERTIFICATE_NAME))
		put_names(tree, facts);
	if (!unverified && !raw_key && is_unmet(outcome, REASON_CERTIFICATE_ISSUER))
		put_word(tree, "issuer", facts->cert_issuer);
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
		if (is_unmet(outcome, details[i].kind))
			put_word(tree, details[i].name, details[i].value);
}

/* How the session was. */
static void
put_how(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome)
{
	const struct facts *facts = explained->facts;

	tree_flag(tree, "clear", outcome->reason == REASON_TLS);
	if (outcome->reason == REASON_TLS)
		return;
	put_word(tree, "tls_version", facts->tls_version);
	if (any_unmet_by(outcome, "cipher"))
		put_word(tree, "cipher", facts->cipher);
	tree_flag(tree, "has_bits",
	    is_unmet(outcome, REASON_BITS) && explained->verdict->bits >= 0);
	tree_number(tree, "bits", explained->verdict->bits);
	if (!any_unmet_by(outcome, "cert_"))
		return;
	tree_open_object(tree, "certificate");
	if (policy_presented(facts) == PRESENTED_NOTHING)
		tree_flag(tree, "none", true);
	else
		put_presented(tree, outcome, facts);
	tree_close(tree);
}

/* Whose mail it is about: that is what the rule is for. */
static void
put_mail(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome)
{
	const struct verdict *verdict = explained->verdict;
	bool recipient = outcome->place.kind == RULE_TO;
	const char *domain = !recipient ? verdict->from_domain :
	    outcome == &verdict->outcome[OUTCOME_TO_RESOLVED] ?
	    verdict->to_resolved_domain : verdict->to_domain;

	if (outcome->place.kind == RULE_CLIENT)
		tree_flag(tree, "any_mail", true);
	else if (domain[0] != '\0')
		put_word(tree, recipient ? "to" : "from", domain);
	else if (recipient)
		tree_flag(tree, "that_recipient", true);
	else
		tree_flag(tree, strcmp(explained->facts->from, "<>") == 0 ?
		    "null_sender" : "that_sender", true);
}

/* What is required, and what to ask for. */
static void
put_wishes(struct tree *tree, const struct policy_outcome *outcome)
{
	char required[EXPLAIN_REQUIRED_MAX];
	enum policy_reason last = REASON_NONE;

	tree_open_array(tree, "required");
	for (enum policy_reason kind = KIND_FIRST; kind < KIND_END; kind++) {
		struct buffer text = BUFFER_INIT;

		if (!is_unmet(outcome, kind))
			continue;
		/* TLS that is only implied has no text. */
		if (!policy_required_text(outcome, kind, required, sizeof(required)))
			(void)strcpy(required, "TLS");
		buffer_string(&text, kind == REASON_TLS_VERSION ? "over " : "with ");
		text_visible(&text, required);
		tree_buffer(tree, NULL, &text);
	}
	tree_close(tree);
	tree_open_array(tree, "asks");
	if (outcome->reason == REASON_TLS)
		explain_advice(tree, NULL, REASON_TLS, outcome);
	for (enum policy_reason kind = KIND_FIRST;
	    kind < KIND_END && outcome->reason != REASON_TLS; kind++) {
		enum policy_reason asked = policy_asked_for(outcome, kind);

		if (!is_unmet(outcome, kind) || asked == last)
			continue;
		explain_advice(tree, NULL, asked, outcome);
		last = asked;
	}
	tree_close(tree);
}

const struct policy_outcome *
explain_blamed(const struct verdict *verdict)
{
	if (verdict->exempt)
		return NULL;
	if (verdict->action == POLICY_ACCEPT && verdict->would != POLICY_ACCEPT)
		return &verdict->outcome[verdict->would_by];
	return verdict->reason == REASON_NONE || verdict->reported < 0 ? NULL :
	    &verdict->outcome[verdict->reported];
}

bool
explain_is_ours(const struct policy_outcome *blamed)
{
	return blamed->reason == REASON_UNKNOWN_FACT;
}

/* The facts that a requirement wants and nobody told. */
static void
put_missing(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome)
{
	struct buffer value = BUFFER_INIT;

	tree_open_array(tree, "missing");
	for (enum policy_reason kind = KIND_FIRST; kind < KIND_END; kind++)
		for (const char *const *name = policy_kind_facts(kind);
		    outcome->check[kind] == CHECK_UNKNOWN && *name != NULL; name++)
			if (!journal_fact_text(explained->facts, *name, &value))
				tree_text(tree, NULL, *name);
	tree_close(tree);
	tree->failed |= value.failed;
	buffer_free(&value);
}

static void
put_ours(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome)
{
	struct buffer rule = BUFFER_INIT;

	tree_open_object(tree, "ours");
	explain_place(&outcome->place, &rule);
	tree_buffer(tree, "rule", &rule);
	tree_flag(tree, "undecided", outcome->undecided);
	put_missing(tree, explained, outcome);
	tree_close(tree);
}

static void
put_theirs(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome)
{
	const struct facts *facts = explained->facts;

	tree_open_object(tree, "theirs");
	put_word(tree, "client_name", facts->client_name);
	put_word(tree, "client_addr", facts->client_addr);
	put_word(tree, "helo", facts->client_name == NULL ? facts->helo : NULL);
	put_day(tree, explained);
	put_how(tree, explained, outcome);
	put_mail(tree, explained, outcome);
	tree_flag(tree, "monitored", outcome->monitored);
	tree_flag(tree, "accepted", outcome->action == POLICY_ACCEPT);
	put_wishes(tree, outcome);
	tree_close(tree);
}

/* The template has a line for each part. */
static void
join_lines(const struct buffer *lines, struct buffer *text)
{
	const char *at = lines->text;

	while (*at != '\0') {
		size_t length = strcspn(at, "\n");

		buffer_add(text, at, length);
		at += length + (at[length] == '\n');
	}
}

bool
explain_sentence(const struct explained *explained, struct buffer *text)
{
	const struct policy_outcome *outcome = explain_blamed(explained->verdict);
	struct tree tree = { .depth = 0 };
	struct buffer lines = BUFFER_INIT;
	bool made;

	if (outcome == NULL)
		return true;
	tree_open_object(&tree, NULL);
	if (explain_is_ours(outcome))
		put_ours(&tree, explained, outcome);
	else
		put_theirs(&tree, explained, outcome);
	made = mustache_fill_file("page/sentence.txt", MUSTACHE_SCREEN,
	    tree_take(&tree), &lines);
	if (made)
		join_lines(&lines, text);
	buffer_free(&lines);
	return made;
}
