/*
 * report_mail.c - a message to a partner: what fails, since when, what to change.
 *
 * What came from the network is escaped. The headers are report_mail_headers.c's.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <stdlib.h>
#include <string.h>

#include "tool/explain.h"
#include "tool/screen.h"
#include "base/text.h"

/* ------------------------------------------------------------------ *
 * What the body is filled from
 * ------------------------------------------------------------------ */

enum { IN, OUT };

/* The rules as they are now, for the session that is told of and for mail to them. */
struct mail_rules {
	struct verdict verdict[2];
	const struct policy_outcome *outcome[2];
	bool unmet[2][REASON_COUNT];
	bool failed[2][REASON_COUNT];	/* what handshakes failed for */
	struct buffer sender;
};

/* The session to be told of: the last that was refused, or else would be. */
static const struct review_session *
told_session(const struct review_agreement *agreement)
{
	return agreement->in.refused > 0 && agreement->last_refused.time_ms != 0 ?
	    &agreement->last_refused : &agreement->last_would;
}

/* The domain of theirs that mail waits for, or would. */
static const char *
next_hop_of(const struct review_agreement *agreement)
{
	for (size_t i = 0; i < agreement->sender_count; i++)
		if (agreement->senders[i].out.refused > 0)
			return agreement->senders[i].name;
	for (size_t i = 0; i < agreement->sender_count; i++)
		if (agreement->senders[i].out.would_be_refused > 0)
			return agreement->senders[i].name;
	return agreement->sender_count > 0 ? agreement->senders[0].name : NULL;
}

/* The outcome that is the agreement's; that for the sender where it is no longer there. */
static const struct policy_outcome *
outcome_of(const struct report_mail *request, const struct verdict *verdict)
{
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		const struct policy_outcome *outcome = &verdict->outcome[i];

		if (outcome->rule != NULL && review_agreement_of_rule(request->view->report,
		    policy_outcome_rule(request->loaded->policy, outcome)) ==
		    request->agreement)
			return outcome;
	}
	return &verdict->outcome[OUTCOME_FROM];
}

/* Judges them again, for what the rules require. False: no memory. */
static bool
find_mail_rules(const struct report_mail *request, struct mail_rules *rules)
{
	struct policy_options options = settings_policy_options(
	    request->loaded->settings, request->view->now_ms / 1000);
	const struct review_agreement *agreement = request->agreement;
	const struct review_session *session = told_session(agreement);
	struct facts facts = FACTS_INIT, out = { .direction = "out", .bits = -1 };

	if (session->from != NULL)
		buffer_string(&rules->sender, session->from);
	else
		buffer_format(&rules->sender, "?@%s", agreement->sender_count > 0 ?
		    agreement->senders[0].name : "");
	facts.from = rules->sender.text;
	facts.to = session->to;
	facts.client_addr = session->client_addr;
	if (session->host != NULL && session->client_addr != NULL &&
	    strcmp(session->host, session->client_addr) != 0)
		facts.client_name = session->host;
	facts.tls_version = session->tls_version;
	facts.cipher = session->cipher;
	facts.bits = session->bits;
	out.next_hop = next_hop_of(agreement);
	if (rules->sender.failed || policy_decide(request->loaded->policy, &facts, &options,
	    &rules->verdict[IN]) != 0 || policy_decide(request->loaded->policy, &out,
	    &options, &rules->verdict[OUT]) != 0)
		return false;
	for (int i = IN; i <= OUT; i++)
		rules->outcome[i] = outcome_of(request, &rules->verdict[i]);
	return true;
}

/* Adds what a record says that failed. */
static void
add_failed(const struct review_session *session, bool unmet[REASON_COUNT])
{
	json_t *list = session->failed == NULL ? NULL : json_loads(session->failed, 0, NULL);
	json_t *name;
	size_t i;

	json_array_foreach(list, i, name)
		for (int kind = KIND_FIRST; kind < KIND_END; kind++)
			if (json_is_string(name) && strcmp(json_string_value(name),
			    policy_reason_name((enum policy_reason)kind)) == 0)
				unmet[kind] = true;
	json_decref(list);
}

/*
 * What a failed handshake asks of the partner; REASON_NONE: nothing that can be named,
 * or it is ours to mend.
 */
static enum policy_reason
handshake_reason(const struct review_handshake *handshake)
{
	static const struct { const char *part; enum policy_reason reason; } parts[] = {
		{ "version", REASON_TLS_VERSION }, { "cipher", REASON_CIPHER },
		{ "cert", REASON_CERTIFICATE }, { "issuer", REASON_CERTIFICATE },
		{ "ca", REASON_CERTIFICATE }, { "tls-not", REASON_TLS },
	};

	if (handshake->side != NULL && strcmp(handshake->side, "local") == 0)
		return REASON_NONE;
	for (size_t i = 0; handshake->reason != NULL &&
	    i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(handshake->reason, parts[i].part) != NULL)
			return parts[i].reason;
	return REASON_NONE;
}

/* All that was not met, by whatever session. */
static void
find_unmet(const struct report_mail *request, struct mail_rules *rules)
{
	const struct review_agreement *agreement = request->agreement;
	const struct review_side *sides[] = { &agreement->in, &agreement->out };
	const struct review *review = request->view->report;

	add_failed(&agreement->last_refused, rules->unmet[IN]);
	add_failed(&agreement->last_would, rules->unmet[IN]);
	for (size_t i = 0; i < review->handshake_count; i++)
		if (review->handshakes[i].agreement == agreement)
			rules->failed[review->handshakes[i].out ? OUT : IN]
			    [handshake_reason(&review->handshakes[i])] = true;
	for (int side = IN; side <= OUT; side++) {
		for (int i = KIND_FIRST; i < KIND_END; i++)
			if (sides[side]->refused_for[i] > 0 || sides[side]->would_for[i] > 0)
				rules->unmet[side][i] = true;
	}
}

/* A rule's requirement of a kind in words; of all that need a certificate any will do. */
static bool
agreed_text(const struct report_mail *request, size_t rule, enum policy_reason kind,
    char *text, size_t size)
{
	int last = kind == REASON_CERTIFICATE ? REASON_CERTIFICATE_VALIDITY :
	    kind == REASON_TLS ? REASON_TLS_VERSION : (int)kind;

	text[0] = '\0';
	for (int i = (int)kind; i <= last; i++)
		if (policy_rule_required(request->loaded->policy, rule, (enum policy_reason)i,
		    request->view->now_ms / 1000, text, size))
			return true;
	return false;
}

/* Whether a rule is the agreement's, for mail of that side; "told" is told of in any case. */
static bool
is_rule_of(const struct report_mail *request, size_t rule, int side, size_t told)
{
	struct policy_place place;

	if (rule == told ||
	    review_agreement_of_rule(request->view->report, rule) != request->agreement)
		return rule == told;
	policy_rule_place(request->loaded->policy, rule, &place);
	return (place.kind == RULE_DELIVER) == (side == OUT);
}

/*
 * What was agreed of a kind: by the rule that is told of or, where that has nothing, by
 * another. "text" is the first of them. Where an agreement has several blocks that demand
 * something else each, all, with the clients that each is for.
 */
static void
put_agreed(struct tree *tree, const struct report_mail *request, size_t told, int side,
    enum policy_reason kind, const char *text)
{
	const struct policy *policy = request->loaded->policy;
	char required[512];
	bool same = true;

	for (size_t i = 0; i < policy_rule_count(policy); i++)
		same = same && (!is_rule_of(request, i, side, told) ||
		    (agreed_text(request, i, kind, required, sizeof(required)) &&
		    strcmp(required, text) == 0));
	if (same || text[0] == '\0')
		tree_text(tree, "agreed", text);
	tree_open_array(tree, "by_block");
	for (size_t i = 0; !same && i < policy_rule_count(policy); i++) {
		struct buffer via = BUFFER_INIT;
		const char *name;

		if (!is_rule_of(request, i, side, told) ||
		    !agreed_text(request, i, kind, required, sizeof(required)))
			continue;
		for (size_t n = 0; (name = policy_rule_via(policy, i, n)) != NULL; n++)
			buffer_format(&via, "%s%s", n == 0 ? "" : ", ", name);
		tree_open_object(tree, NULL);
		tree_text(tree, "required", required);
		tree_buffer(tree, "via", &via);
		tree_close(tree);
	}
	tree_close(tree);
}

/* The first of them, of the rule that is told of if it can be. */
static bool
first_agreed(const struct report_mail *request, size_t told, int side,
    enum policy_reason kind, char *text, size_t size)
{
	if (told != SIZE_MAX && agreed_text(request, told, kind, text, size))
		return true;
	for (size_t i = 0; i < policy_rule_count(request->loaded->policy); i++)
		if (is_rule_of(request, i, side, told) &&
		    agreed_text(request, i, kind, text, size))
			return true;
	return false;
}

/* "TLSv1.0 (3)": sessions of protocols that are older than "agreed" says. */
static void
put_older(struct buffer *seen, const struct review_side *in, const char *agreed)
{
	int minor = 3;

	if (strncmp(agreed, "TLS 1.", 6) == 0)
		minor = agreed[6] - '0';
	for (int i = PROTOCOL_SSL; i < PROTOCOL_COUNT && i < PROTOCOL_TLS_1_0 + minor; i++)
		if (in->protocol[i] > 0)
			buffer_format(seen, "%s%s (%s)", seen->length == 0 ? "" : ", ",
			    policy_protocol_name((enum policy_protocol)i),
			    screen_digits(in->protocol[i]).text);
}

/* What was seen of one kind; nothing where that is not known. */
static void
put_seen(struct tree *tree, const struct review_agreement *agreement,
    enum policy_reason kind, const char *agreed)
{
	const struct review_session *session = told_session(agreement);
	const struct review_certificate *certificate = agreement->certificates;
	struct buffer seen = BUFFER_INIT;

	if (kind == REASON_TLS)
		buffer_format(&seen, "clear text (%s)",
		    screen_digits(agreement->in.protocol[PROTOCOL_CLEAR]).text);
	else if (kind == REASON_TLS_VERSION)
		put_older(&seen, &agreement->in, agreed);
	else if (kind == REASON_CLIENT && session->client_addr != NULL)
		buffer_format(&seen, "%s [%s]", session->host == NULL ? "" : session->host,
		    session->client_addr);
	else if (kind == REASON_CERTIFICATE)
		buffer_string(&seen, "no certificate, or none that we could verify");
	else if (kind > REASON_CERTIFICATE && agreement->certificate_count > 0)
		buffer_format(&seen, "%s%s%s", certificate->cn == NULL ? "" : certificate->cn,
		    certificate->cn == NULL ? "" : ", ", certificate->fingerprint != NULL ?
		    certificate->fingerprint : certificate->pubkey_fingerprint != NULL ?
		    certificate->pubkey_fingerprint : "");
	else if (session->cipher != NULL)
		buffer_string(&seen, session->cipher);
	tree_buffer(tree, "seen", &seen);
}

/* Whether that is agreed, and not only TLS of whatever version. */
static bool
is_kind_agreed(enum policy_reason kind, const char *required)
{
	return required[0] != '\0' && (kind != REASON_TLS_VERSION ||
	    strncmp(required, "TLS 1.", 6) == 0);
}

/* The table of what was agreed, what was seen and what is to change. */
static void
put_changes(struct tree *tree, const struct report_mail *request,
    const struct mail_rules *rules, int side)
{
	static const struct facts out = { .direction = "out", .bits = -1 };
	const struct policy_outcome *outcome = rules->outcome[side];
	size_t told = policy_outcome_rule(request->loaded->policy, outcome);
	char required[512];

	tree_open_array(tree, "changes");
	for (int i = KIND_FIRST; i < KIND_END; i++) {
		enum policy_reason kind = (enum policy_reason)i;

		if (!rules->unmet[side][i] && !rules->failed[side][i])
			continue;
		if (!first_agreed(request, told, side, kind, required, sizeof(required)))
			required[0] = '\0';
		if (!rules->unmet[side][i] && !is_kind_agreed(kind, required))
			continue;
		tree_open_object(tree, NULL);
		tree_text(tree, "what", report_reason_words(i));
		put_agreed(tree, request, told, side, kind, required);
		if (side == IN)
			put_seen(tree, request->agreement, kind, required);
		explain_advice(tree, "change", kind, outcome, side == OUT ? &out : NULL);
		tree_close(tree);
	}
	tree_close(tree);
}

/* Whether nothing older than TLS 1.3 will do. */
static bool
is_newest_agreed(const struct report_mail *request, const struct mail_rules *rules, int side)
{
	size_t told = policy_outcome_rule(request->loaded->policy, rules->outcome[side]);
	char required[512];

	return first_agreed(request, told, side, REASON_TLS_VERSION, required,
	    sizeof(required)) && strncmp(required, "TLS 1.3", 7) == 0;
}

/* What is to change where they send, or where they receive; and how. */
static void
put_side_changes(struct tree *tree, const struct report_mail *request,
    const struct mail_rules *rules, int side)
{
	bool unmet[REASON_COUNT], cipher = false, certificate = false, newest;

	for (int i = KIND_FIRST; i < KIND_END; i++)
		unmet[i] = rules->unmet[side][i] || rules->failed[side][i];
	for (int i = REASON_BITS; i <= REASON_AEAD; i++)
		cipher = cipher || unmet[i];
	for (int i = REASON_CERTIFICATE; i <= REASON_CERTIFICATE_VALIDITY; i++)
		certificate = certificate || unmet[i];
	tree_open_object(tree, side == OUT ? "receiving" : "sending");
	put_changes(tree, request, rules, side);
	tree_flag(tree, "tls", unmet[REASON_TLS]);
	newest = is_newest_agreed(request, rules, side);
	tree_flag(tree, "version", unmet[REASON_TLS_VERSION] && !newest);
	tree_flag(tree, "newest", unmet[REASON_TLS_VERSION] && newest);
	tree_flag(tree, "cipher", cipher);
	tree_flag(tree, "certificate", certificate);
	tree_close(tree);
}

/* The domain of ours that mail went to, as a host name may be; NULL: not known. */
static const char *
our_domain(const struct review_agreement *agreement, char domain[256])
{
	const char *to = told_session(agreement)->to;
	const char *at = to == NULL ? NULL : strrchr(to, '@');

	return at != NULL && policy_domain(at + 1, domain, 256) ? domain : NULL;
}

static void
put_mail_handshakes(struct tree *tree, const struct report_mail *request)
{
	const struct review *review = request->view->report;

	tree_open_array(tree, "handshakes");
	for (size_t i = 0; i < review->handshake_count; i++) {
		const struct review_handshake *handshake = &review->handshakes[i];

		if (handshake->agreement == request->agreement)
			tree_value(tree, NULL, report_people_handshake(handshake));
	}
	tree_close(tree);
}

/* What it is about: the first of these that there is. */
static const char *
subject_of(const struct review_agreement *agreement)
{
	return agreement->in.refused > 0 ? "is_refused" :
	    agreement->out.refused > 0 ? "is_waiting" :
	    agreement->handshakes_failed > 0 ? "is_failing" :
	    agreement->in.would_be_refused > 0 ? "is_monitored" :
	    agreement->out.would_be_refused > 0 ? "is_out_monitored" : "is_well";
}

static json_t *
mail_agreement_values(const struct report_mail *request, const struct mail_rules *rules)
{
	const struct review_agreement *agreement = request->agreement;
	const struct policy_outcome *out = rules->outcome[OUT];
	int64_t until = out->rule == NULL || !out->monitored ? INT64_MAX :
	    policy_outcome_until(out);
	struct tree tree = tree_on(report_people_agreement(request->view, agreement));

	tree_time(&tree, "out_until", until == INT64_MAX ? 0 : until * 1000);
	tree_flag(&tree, "all_tempfailed", agreement->in.tempfailed >= agreement->in.refused);
	return tree_take(&tree);
}

/* NULL where memory is short. */
static json_t *
mail_values(const struct report_mail *request, const struct mail_rules *rules)
{
	const struct review_agreement *agreement = request->agreement;
	struct tree tree = { .depth = 0 };
	char domain[256];

	tree_open_object(&tree, NULL);
	tree_time(&tree, "since", request->view->report->since_ms);
	tree_time(&tree, "until", request->view->report->until_ms);
	tree_text(&tree, "ours", our_domain(agreement, domain));
	tree_text(&tree, "next_hop", next_hop_of(agreement));
	tree_text(&tree, "answer_to", request->from);
	tree_flag(&tree, subject_of(agreement), true);
	put_mail_handshakes(&tree, request);
	put_side_changes(&tree, request, rules, IN);
	put_side_changes(&tree, request, rules, OUT);
	tree_value(&tree, "agreement", mail_agreement_values(request, rules));
	return tree_take(&tree);
}

/* Fills the subject and the body. False, having said why, where that fails. */
static bool
fill_mail(const struct report_mail *request, const struct mail_rules *rules,
    struct buffer *subject, struct buffer *body)
{
	json_t *values = mail_values(request, rules);
	struct mustache template;
	bool made = mustache_read("page/mail.txt", MUSTACHE_SCREEN, &template) &&
	    mustache_fill(&template, json_pack("{s:O}", "subject", values), subject) &&
	    mustache_fill(&template, json_pack("{s:O}", "body", values), body);

	json_decref(values);
	free(template.text);
	return made;
}

static bool
all_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80)
		text++;
	return *text == '\0';
}

int
report_mail_write(const struct report_mail *request, struct buffer *mail)
{
	struct mail_rules rules = { .sender = BUFFER_INIT };
	struct buffer subject = BUFFER_INIT, text = BUFFER_INIT, body = BUFFER_INIT;
	int status = STATUS_TROUBLE;

	if (strcmp(subject_of(request->agreement), "is_well") == 0 && !request->force) {
		(void)tool_trouble("nothing of it failed in this time: there is nothing to "
		    "write (--force writes all the same)");
		return STATUS_NO;
	}
	find_unmet(request, &rules);
	if (!find_mail_rules(request, &rules))
		(void)tool_no_memory();
	else if (fill_mail(request, &rules, &subject, &text)) {
		while (subject.length > 0 && subject.text[subject.length - 1] == '\n')
			subject.text[--subject.length] = '\0';
		screen_fold(&text, MAIL_WIDTH, true, &body);
		status = body.failed ? tool_no_memory() :
		    report_mail_headers(request, subject.text, all_ascii(body.text), mail);
		buffer_add(mail, body.text, body.length);
	}
	buffer_free(&rules.sender);
	buffer_free(&subject);
	buffer_free(&text);
	buffer_free(&body);
	return status;
}
