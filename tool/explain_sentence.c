/*
 * explain_sentence.c - one sentence that can be mailed to those who must act.
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
	bool has_cn = facts->cert_cn != NULL && facts->cert_cn[0] != '\0';

	tree_flag(tree, "nameless", count == 0 && !has_cn);
	tree_open_array(tree, "names");
	if (count == 0 && has_cn)
		put_word(tree, NULL, facts->cert_cn);
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
	/* Whether there was one that could not be verified, or none, is not always told. */
	bool shown = policy_presented(facts) == PRESENTED_CERTIFICATE;

	tree_flag(tree, "raw_key", raw_key);
	tree_flag(tree, "unshown", unverified && !shown);
	tree_flag(tree, "unverified", unverified && shown);
	tree_flag(tree, "any", !raw_key && (!unverified || shown));
	if (!unverified && !raw_key && is_unmet(outcome, REASON_CERTIFICATE_NAME))
		put_names(tree, facts);
	if (!unverified && !raw_key && is_unmet(outcome, REASON_CERTIFICATE_ISSUER))
		put_word(tree, "issuer", facts->cert_issuer);
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
		if (is_unmet(outcome, details[i].kind) || (i == 0 && unverified && shown))
			put_word(tree, details[i].name, details[i].value);
}

/* How the session was. */
static void
put_how(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome)
{
	const struct facts *facts = explained->facts;
	bool clear = (outcome->failed & 1u << REASON_TLS) != 0;

	tree_flag(tree, "clear", clear);
	if (clear)
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
	tree_flag(tree, "client", facts->direction == NULL);
	if (policy_presented(facts) == PRESENTED_NOTHING)
		tree_flag(tree, "none", true);
	else
		put_presented(tree, outcome, facts);
	tree_close(tree);
}

/* The template has a line for each part, which are put together. */
static bool
fill_sentence(json_t *values, struct buffer *text)
{
	struct buffer lines = BUFFER_INIT;
	bool made = mustache_fill_file("page/sentence.txt", MUSTACHE_SCREEN, values,
	    &lines);
	const char *at = made && lines.text != NULL ? lines.text : "";

	while (*at != '\0') {
		size_t length = strcspn(at, "\n");

		buffer_add(text, at, length);
		at += length + (at[length] == '\n');
	}
	buffer_free(&lines);
	return made;
}

/* The same in words, and without "with" alone. */
static bool
put_how_words(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome)
{
	struct tree values = { .depth = 0 };
	struct buffer how = BUFFER_INIT;
	bool made;

	tree_open_object(&values, NULL);
	tree_open_object(&values, "how");
	put_how(&values, explained, outcome);
	tree_close(&values);
	made = fill_sentence(tree_take(&values), &how);
	if (made && !how.failed && how.length > 0)
		tree_text(tree, "session", how.text + (strncmp(how.text, " with ", 6) == 0 ?
		    6 : strspn(how.text, " ")));
	tree_buffer(tree, "how", &how);
	return made;
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

	tree_flag(tree, "out", explained->facts->direction != NULL);
	if (explained->facts->direction != NULL)
		put_word(tree, "to", explained->facts->next_hop);
	else if (outcome->place.kind == RULE_CLIENT)
		tree_flag(tree, "any_mail", true);
	else if (domain[0] != '\0')
		put_word(tree, recipient ? "to" : "from", domain);
	else if (recipient)
		tree_flag(tree, "that_recipient", true);
	else
		tree_flag(tree, strcmp(explained->facts->from, "<>") == 0 ?
		    "null_sender" : "that_sender", true);
}

static void
put_wanted(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome, enum policy_reason kind)
{
	char required[EXPLAIN_REQUIRED_MAX];
	struct buffer text = BUFFER_INIT;
	struct policy_place place;
	/* TLS that is only implied has no text. */
	bool is_written = policy_required_text(outcome, kind, required, sizeof(required));

	text_visible(&text, is_written ? required : "TLS");
	tree_open_object(tree, NULL);
	tree_text(tree, "before", kind == REASON_TLS_VERSION ? "over " :
	    kind == REASON_CLIENT ? "from " : "with ");
	tree_buffer(tree, "what", &text);
	if (is_written)
		explain_day(tree, "until", policy_required_until(outcome, kind,
		    explained->time_ms / 1000));
	if (policy_required_place(outcome, kind, &place))
		tree_place(tree, "place", &place);
	tree_close(tree);
}

void
explain_required(const struct explained *explained, const struct policy_outcome *outcome,
    unsigned checks, struct tree *tree)
{
	tree_open_array(tree, "required");
	for (enum policy_reason kind = KIND_FIRST; kind < KIND_END; kind++)
		if ((checks & 1u << outcome->check[kind]) != 0)
			put_wanted(tree, explained, outcome, kind);
	tree_close(tree);
}

/* What to ask for. */
static void
put_asks(struct tree *tree, const struct policy_outcome *outcome,
    const struct facts *facts)
{
	bool clear = (outcome->failed & 1u << REASON_TLS) != 0;
	enum policy_reason last = REASON_NONE;

	tree_open_array(tree, "asks");
	for (enum policy_reason kind = KIND_FIRST; kind < KIND_END; kind++) {
		enum policy_reason asked = clear && kind == REASON_TLS_VERSION ?
		    REASON_TLS : policy_asked_for(outcome, kind);

		if (!is_unmet(outcome, kind) || asked == last)
			continue;
		explain_advice(tree, NULL, asked, outcome, facts);
		last = asked;
	}
	tree_close(tree);
}

const struct policy_outcome *
explain_blamed(const struct verdict *verdict)
{
	const struct policy_outcome *outcome;

	if (verdict->exempt)
		return NULL;
	if (verdict->action == POLICY_ACCEPT && verdict->would != POLICY_ACCEPT)
		return &verdict->outcome[verdict->would_by];
	if (verdict->reason == REASON_NONE || verdict->reported < 0)
		return NULL;
	outcome = &verdict->outcome[verdict->reported];
	/* What goes out is mostly asked about before anything is known of it. */
	return outcome->place.kind == RULE_DELIVER &&
	    outcome->reason == REASON_UNKNOWN_FACT ? NULL : outcome;
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

static bool
any_unknown(const struct policy_outcome *outcome)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (outcome->check[kind] == CHECK_UNKNOWN)
			return true;
	return false;
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
	/* No MTA tells the names in subjectAltName, and a common name need not be there. */
	tree_flag(tree, "nameless", explained->facts->cert_verified == POLICY_YES &&
	    outcome->check[REASON_CERTIFICATE_NAME] == CHECK_UNKNOWN);
	/* A rule with "via" might come before, or the client be one that is required. */
	tree_flag(tree, "unresolved", explained->facts->client_resolve != NULL &&
	    strcmp(explained->facts->client_resolve, "temp") == 0 &&
	    (outcome->check[REASON_CLIENT] == CHECK_UNKNOWN || !any_unknown(outcome)));
	put_missing(tree, explained, outcome);
	explain_required(explained, outcome, 1u << CHECK_UNMET | 1u << CHECK_UNKNOWN, tree);
	tree_close(tree);
}

static bool
put_theirs(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome)
{
	const struct facts *facts = explained->facts;
	bool made;

	tree_open_object(tree, "theirs");
	put_word(tree, "client_name", facts->direction != NULL ? facts->relay :
	    facts->client_name);
	put_word(tree, "client_addr", facts->client_addr);
	put_word(tree, "helo", facts->client_name == NULL ? facts->helo : NULL);
	tree_flag(tree, "unregistered", is_unmet(outcome, REASON_CLIENT));
	put_day(tree, explained);
	made = put_how_words(tree, explained, outcome);
	put_mail(tree, explained, outcome);
	tree_flag(tree, "monitored", outcome->monitored);
	tree_flag(tree, "accepted", outcome->action == POLICY_ACCEPT);
	explain_required(explained, outcome, 1u << CHECK_UNMET, tree);
	put_asks(tree, outcome, facts);
	tree_close(tree);
	return made;
}

bool
explain_blame(const struct explained *explained, struct tree *tree)
{
	const struct policy_outcome *outcome = explain_blamed(explained->verdict);

	if (outcome == NULL)
		return true;
	if (!explain_is_ours(outcome))
		return put_theirs(tree, explained, outcome);
	put_ours(tree, explained, outcome);
	return true;
}

bool
explain_sentence(const struct explained *explained, struct buffer *text)
{
	struct tree tree = { .depth = 0 };
	bool made;

	if (explain_blamed(explained->verdict) == NULL)
		return true;
	tree_open_object(&tree, NULL);
	made = explain_blame(explained, &tree);
	if (made)
		return fill_sentence(tree_take(&tree), text);
	json_decref(tree.open[0]);
	return false;
}
