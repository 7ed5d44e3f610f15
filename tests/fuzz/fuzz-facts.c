/*
 * fuzz-facts.c - lines of facts, judged by a policy with something of everything.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#define HEX64 "9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c"

/* A policy, and the same with one more requirement in each block. */
#define POLICY_TEXT(more) \
	"default { require tls >= 1.2; require bits >= 128; require aead\n" \
	"  require forward-secrecy; otherwise reject; " more " }\n" \
	"from .acme.example { require cipher \"HIGH\" otherwise quarantine\n" \
	"  require ciphersuites \"TLS_AES_256_GCM_SHA384\" otherwise tempfail; " more \
	" }\n" \
	"from a@acme.example { require certificate name mx.acme.example" \
	" *.acme.example " \
	"  /mx[0-9]+/ \"b\xC3\xBC" "cher\"; require certificate issuer \"CA\" /ca/i\n" \
	"  otherwise reject 550 5.7.1 \"{domain} {reason} {required} {tls_version} " \
	"{cipher} {bits} {{\"; " more " }\n" \
	"from /(a+)+b/ { require certificate fingerprint sha256:" HEX64 "; monitor; " \
	more " }\n" \
	"from <> { require certificate; otherwise reject; " more " }\n" \
	"to postmaster hr@ours.example .ours.example /r/i { require tls\n" \
	"  otherwise reject; " more " }\n" \
	"to open@ours.example { exempt \"why\"; " more " }\n" \
	"client authenticated local { exempt; " more " }\n" \
	"client 192.0.2.0/24 2001:db8::/32 .acme.example b\xC3\xBC" "cher.example \\\n" \
	" /mx/ { require tls >= 1.3; otherwise tempfail; " more " }\n" \
	"from domain v.example via domain mx.v.example 192.0.2.0/24 authenticated {\n" \
	"  require tls >= 1.2 until 2026-12-24; otherwise reject; " more " }\n" \
	"from /^[^@]+@([a-z]+\\.)*w\\.example$/ { require tls from 2026-12-24\n" \
	"  require tls >= 1.2 otherwise reject \"{session}: {required}\"; " more " }\n" \
	"partner P { domain p.example; incoming { require tls >= 1.3\n" \
	"  require client domain v.example /^mx[0-9]+\\.p$/ local 2001:db8::/32\n" \
	"  otherwise reject 550 5.7.1 \"{reason}\"; " more " }\n" \
	"  incoming via /^mx(a|a)+$/ { require tls; " more " } }\n"

static const char policy_text[] = POLICY_TEXT("");
static const char *const more_texts[] = {
	POLICY_TEXT("require certificate key >= 2048 otherwise reject"),
	POLICY_TEXT("require certificate valid-for >= 7 days otherwise tempfail"),
	POLICY_TEXT("require certificate signature >= sha256 otherwise quarantine"),
};
#define MORE (sizeof(more_texts) / sizeof(more_texts[0]))

/* 2026-11-30 */
#define NOW 1795996800

static void
check_reply(const struct verdict *verdict, const struct facts *facts)
{
	struct policy_reply reply;
	bool refused = verdict->action >= POLICY_TEMPFAIL;

	check(policy_reply(verdict, facts, &reply) == refused);
	check(strlen(reply.code) == (refused ? 3 : 0));
	check(strlen(reply.code) + strlen(reply.enhanced) + strlen(reply.text) + 2 <=
	    POLICY_REPLY_MAX + (refused ? 0 : 2));
	for (const char *c = reply.text; *c != '\0'; c++)
		check(*c >= 0x20 && *c <= 0x7e);
}

static void
check_verdict(const struct verdict *verdict)
{
	check(verdict->reason != REASON_UNKNOWN_FACT ||
	    verdict->action != POLICY_REJECT);
	check(verdict->action == POLICY_ACCEPT || verdict->reported >= 0);
	check(verdict->action == POLICY_ACCEPT || verdict->reason != REASON_NONE);
	check(!verdict->exempt || verdict->action == POLICY_ACCEPT);
	check(strlen(verdict->from_domain) < sizeof(verdict->from_domain));
}

static void
decide(const struct policy *policy, const struct facts *facts, bool soft,
    struct verdict *verdict)
{
	const struct policy_options options = {
		.now = NOW, .recipient_delimiter = "+-", .soft_bounce = soft
	};

	check(policy_decide(policy, facts, &options, verdict) == 0);
}

/* What a record says, read as facts, is judged alike. */
static void
check_read_back(const struct policy *policy, const struct journal_record *record,
    bool soft)
{
	struct journal_facts *again = journal_facts_new();
	struct buffer line = BUFFER_INIT;
	char error[JOURNAL_ERROR_MAX];
	struct verdict verdict;

	journal_record_write(record, JOURNAL_JSON, 0, &line);
	check(again != NULL && !line.failed);
	check(journal_facts_read(again, line.text, line.length, error));
	decide(policy, journal_facts_get(again), soft, &verdict);
	check(verdict.action == record->verdict->action);
	check(verdict.reason == record->verdict->reason);
	check(verdict.failed == record->verdict->failed);
	check(verdict.would == record->verdict->would);
	check(verdict.exempt == record->verdict->exempt);
	check(journal_action(journal_facts_result(again, "action")) == verdict.action);
	journal_facts_free(&again);
	buffer_free(&line);
}

static void
judge(const struct policy *policy, const struct facts *facts, bool soft)
{
	struct verdict verdict;
	struct journal_record record = { .time_ms = NOW * INT64_C(1000), .facts = facts,
	    .verdict = &verdict };

	decide(policy, facts, soft, &verdict);
	check_verdict(&verdict);
	check_reply(&verdict, facts);
	fuzz_check_record(&record);
	check_read_back(policy, &record, soft);
}

/* One more requirement never lets more through. */
static void
check_more(const struct policy *policy, const struct policy *const *more,
    const struct facts *facts)
{
	struct verdict verdict, other;

	decide(policy, facts, false, &verdict);
	for (size_t i = 0; i < MORE; i++) {
		decide(more[i], facts, false, &other);
		check(other.action >= verdict.action && other.exempt == verdict.exempt);
	}
}

/*
 * Whether the cipher and the protocol contradict each other: then knowing less of them
 * is no less.
 */
static bool
contradicts(const struct facts *facts)
{
	if (facts->cipher == NULL || facts->tls_version == NULL)
		return false;
	return policy_encrypted(facts) != POLICY_YES ||
	    (strcmp(facts->tls_version, "TLSv1.3") == 0) !=
	    (strncmp(facts->cipher, "TLS_", 4) == 0);
}

/* Not to know what is known of the session never lets more through. */
static void
check_unknown(const struct policy *policy, const struct facts *facts)
{
	const struct facts nothing = FACTS_INIT;
	struct verdict verdict, other;
	enum policy_action least;
	struct facts less;

	if (contradicts(facts))
		return;
	decide(policy, facts, false, &verdict);
	/* What is refused on a guess is not refused for good. */
	least = verdict.action == POLICY_REJECT ? POLICY_TEMPFAIL : verdict.action;
#define CHECK_LESS(name, ...) \
	less = *facts; \
	less.name = nothing.name; \
	if (strcmp(#name, "bits") != 0 || facts->cipher == NULL) { \
		decide(policy, &less, false, &other); \
		check(other.action >= least); \
	}
	POLICY_TLS_FACTS(CHECK_LESS)
	CHECK_LESS(mta)
#undef CHECK_LESS
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct policy *policy, *more[MORE];
	struct journal_facts *owned = journal_facts_new();
	char error[JOURNAL_ERROR_MAX];

	for (size_t i = 0; policy == NULL && i < MORE; i++)
		more[i] = fuzz_policy(more_texts[i]);
	if (policy == NULL)
		policy = fuzz_policy(policy_text);
	check(owned != NULL);
	if (journal_facts_read(owned, (const char *)data, size, error)) {
		judge(policy, journal_facts_get(owned), false);
		judge(policy, journal_facts_get(owned), true);
		check_more(policy, more, journal_facts_get(owned));
		check_unknown(policy, journal_facts_get(owned));
	}
	journal_facts_free(&owned);
	return 0;
}
