/*
 * fuzz-facts.c - lines of facts, judged by a policy with something of everything.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/journal.h"
#include "base/buffer.h"
#include "base/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEX64 "9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c"

static const char policy_text[] =
    "default { require tls >= 1.2; require bits >= 128; require aead\n"
    "  require forward-secrecy; otherwise reject }\n"
    "from .acme.example { require cipher \"HIGH\" otherwise quarantine\n"
    "  require ciphersuites \"TLS_AES_256_GCM_SHA384\" otherwise tempfail }\n"
    "from a@acme.example { require certificate name mx.acme.example *.acme.example \\\n"
    "  /mx[0-9]+/ \"b\xC3\xBC" "cher\"; require certificate issuer \"CA\" /ca/i; otherwise \\\n"
    "  reject 550 5.7.1 \"{domain} {reason} {required} {tls_version} {cipher} {bits} {{\" }\n"
    "from /(a+)+b/ { require certificate fingerprint sha256:" HEX64 "; monitor }\n"
    "from <> { require certificate; otherwise reject }\n"
    "to postmaster hr@ours.example .ours.example /r/i { require tls; otherwise reject }\n"
    "to open@ours.example { exempt \"why\" }\n"
    "client authenticated local { exempt }\n"
    "client 192.0.2.0/24 2001:db8::/32 .acme.example b\xC3\xBC" "cher.example /mx/\n"
    "  { require tls >= 1.3; otherwise tempfail }\n";

static void
check(bool good)
{
	if (!good)
		abort();
}

static struct policy *
load(void)
{
	struct diags *diags = diags_new();
	int fd = memfd_create("policy", MFD_CLOEXEC);
	struct policy *policy;
	char path[32];

	check(diags != NULL && fd >= 0);
	check(write(fd, policy_text, strlen(policy_text)) == (ssize_t)strlen(policy_text));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (policy_load(path, &policy, diags) != POLICY_LOADED)
		diags_print(diags, stderr);
	check(policy != NULL);
	diags_free(&diags);
	(void)close(fd);
	return policy;
}

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
	check(verdict->reason != REASON_UNKNOWN_FACT || verdict->action != POLICY_REJECT);
	check(verdict->action == POLICY_ACCEPT || verdict->reported >= 0);
	check(verdict->action == POLICY_ACCEPT || verdict->reason != REASON_NONE);
	check(!verdict->exempt || verdict->action == POLICY_ACCEPT);
	check(strlen(verdict->from_domain) < sizeof(verdict->from_domain));
}

static void
judge(const struct policy *policy, const struct facts *facts, bool soft)
{
	const struct policy_options options = {
		.recipient_delimiter = "+-", .soft_bounce = soft
	};
	struct verdict verdict;
	struct journal_record record = { .facts = facts, .verdict = &verdict };
	struct buffer line = BUFFER_INIT;

	check(policy_decide(policy, facts, &options, &verdict) == 0);
	check_verdict(&verdict);
	check_reply(&verdict, facts);
	journal_record_write(&record, JOURNAL_JSON, 0, &line);
	journal_record_write(&record, JOURNAL_LOGFMT, 64, &line);
	check(!line.failed && strchr(line.text, '\n') == NULL);
	buffer_free(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy *policy;
	struct journal_facts *owned = journal_facts_new();
	char error[JOURNAL_ERROR_MAX];

	if (policy == NULL)
		policy = load();
	check(owned != NULL);
	if (journal_facts_read(owned, (const char *)data, size, error)) {
		judge(policy, journal_facts_get(owned), false);
		judge(policy, journal_facts_get(owned), true);
	}
	journal_facts_free(&owned);
	return 0;
}
