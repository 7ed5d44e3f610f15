/*
 * fuzz-addresses.c - addresses and domains: all spellings of one are the same one.
 *
 * The first line, its first bytes as choices, makes a spelling of a partner's domain;
 * the second and third are any texts.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include "milter/facts.h"

static const char policy_text[] =
    "from acme.example { require tls; otherwise reject }\n"
    "from b\xC3\xBC" "cher.example { require tls; otherwise reject }\n"
    "from .below.example { require tls; otherwise reject }\n"
    "from \"[192.0.2.1]\" { require tls; otherwise reject }\n"
    "to hr@ours.example { require tls; otherwise reject }\n";

#define TEXT_MAX 900

/* ------------------------------------------------------------------ *
 * Any texts
 * ------------------------------------------------------------------ */

static void
check_domain(const char *text)
{
	char out[256], again[256];

	if (!policy_domain(text, out, sizeof(out)))
		return;
	check(policy_domain(out, again, sizeof(again)) && strcmp(out, again) == 0);
	for (const char *at = out; *at != '\0'; at++)
		check((unsigned char)*at > ' ' && (unsigned char)*at < 0x7f &&
		    !(*at >= 'A' && *at <= 'Z'));
}

static void
check_trim(const char *text)
{
	char room[TEXT_MAX], again[TEXT_MAX + 8];
	const char *trimmed;

	(void)snprintf(room, sizeof(room), "%s", text);
	trimmed = address_trim(room);
	check(strlen(trimmed) <= strlen(text) + 2);
	(void)snprintf(again, sizeof(again), "<%s>", trimmed);
	if (trimmed[0] != '\0' && strcmp(trimmed, "<>") != 0)
		check(strcmp(address_trim(again), trimmed) == 0);
}

/* The null sender is that in both, or in neither. */
static void
check_pair(const char *a, const char *b)
{
	const char *first = a + strspn(a, " \t");
	bool same = policy_same_address(a, b);
	char route[TEXT_MAX + 32];

	check(policy_same_address(a, a) && policy_same_address(b, b));
	check(policy_same_address(b, a) == same);
	if (same)
		check(policy_same_address(a, "<>") == policy_same_address(b, "<>"));
	if (*first == '<' || *first == '@')
		return;
	(void)snprintf(route, sizeof(route), "<%s>", a);
	check(policy_same_address(route, a));
	(void)snprintf(route, sizeof(route), "<@relay.example,@b.example:%s>", a);
	check(policy_same_address(route, a));
}

/* ------------------------------------------------------------------ *
 * Spellings of a domain that the policy names
 * ------------------------------------------------------------------ */

static const char *const spellings[][4] = {
	{ "acme.example", "ACME.example", "acme.example.",
	    "Acme\xE3\x80\x82" "example" },
	{ "b\xC3\xBC" "cher.example", "xn--bcher-kva.example",
	    "B\xC3\x9C" "CHER.EXAMPLE.", "XN--BCHER-KVA.example" },
	{ "a.below.example", "x.y.Below.example.", "b\xC3\xBC.below.example",
	    "xn--b-xga.BELOW.example" },
	{ "[192.0.2.1]", "[192.0.2.1]", "[192.0.2.1]", "[192.0.2.1]" },
};

/* Whatever is before the last "@", the domain is the sender's. */
static void
check_sender(unsigned how, const char *local)
{
	static struct policy *policy;
	static const struct policy_options options = { .recipient_delimiter = "+" };
	struct facts facts = FACTS_INIT;
	struct verdict verdict;
	char sender[TEXT_MAX + 128], domain[64];
	bool quoted = how / 16 % 2 != 0;

	if (policy == NULL)
		policy = fuzz_policy(policy_text);
	(void)snprintf(domain, sizeof(domain), "%s", spellings[how % 4][how / 4 % 4]);
	(void)snprintf(sender, sizeof(sender), "%s%s%s%s@%s%s", how / 32 % 2 ? "<" : "",
	    how / 64 % 2 ? "@relay.example:" : "", quoted ? "x" : "", local, domain,
	    how / 32 % 2 ? ">" : "");
	facts.from = sender;
	facts.to = "hr+detail@Ours.example.";
	facts.tls_version = "none";
	check(policy_decide(policy, &facts, &options, &verdict) == 0);
	check(verdict.action == POLICY_REJECT);
	check(verdict.outcome[OUTCOME_TO].rule != NULL);
	check(verdict.outcome[OUTCOME_FROM].rule != NULL);
	check(verdict.outcome[OUTCOME_FROM].place.kind == RULE_FROM);
	check(verdict.outcome[OUTCOME_FROM].place.line == 1 + how % 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	char local[TEXT_MAX], a[TEXT_MAX], b[TEXT_MAX];
	unsigned how = fuzz_byte(&input);

	if (!fuzz_line(&input, local, sizeof(local)))
		return 0;
	check_sender(how, local);
	if (!fuzz_line(&input, a, sizeof(a)))
		return 0;
	if (!fuzz_line(&input, b, sizeof(b)))
		b[0] = '\0';
	check_domain(a);
	check_domain(b);
	check_trim(a);
	check_pair(a, b);
	check_pair(b, a);
	return 0;
}
