/*
 * fuzz-policy.c - policy files: loaded, printed, loaded again.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include "lint/lint.h"

static struct policy *
load(const void *data, size_t size, enum policy_load_result *result)
{
	struct diags *diags = diags_new();
	struct fuzz_file file = fuzz_file_new(data, size);
	struct policy *policy;
	FILE *null = fopen("/dev/null", "w");

	check(diags != NULL && null != NULL);
	*result = lint_load(file.path, NULL, 0, NULL, &policy, diags);
	check((policy != NULL) == (*result == POLICY_LOADED));
	check((diags_errors(diags) > 0) == (*result == POLICY_INVALID));
	diags_print(diags, true, null);
	(void)fclose(null);
	(void)close(file.fd);
	diags_free(&diags);
	return policy;
}

static void
print(const struct policy *policy, char **text, size_t *length)
{
	FILE *out = open_memstream(text, length);

	check(out != NULL && policy_print(policy, out) == 0 && fclose(out) == 0);
}

/* Sessions of each sort, for whatever rules there are. */
static const struct facts sessions[] = {
	{ .bits = -1, .client_name = "mx.acme.example", .client_addr = "192.0.2.1",
	    .from = "a@acme.example", .to = "hr+x@ours.example",
	    .tls_version = "TLSv1.2", .cipher = "AES128-SHA",
	    .cert_verified = POLICY_YES, .cert_cn = "mx.acme.example",
	    .cert_issuer = "CA" },
	{ .bits = 256, .client_addr = "2001:db8::1", .from = "<>", .mta = "postfix",
	    .tls_version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384",
	    .to = "postmaster@ours.example" },
	{ .bits = -1, .from = "x@in.acme.example", .to = "u@ours.example",
	    .tls_version = "none", .client_addr = "198.51.100.1" },
	{ .bits = -1, .from = "a@acme.example" },
	{ .bits = -1, .from = "a@b\xC3\xBC" "cher.example", .to = "hr@acme.example",
	    .sasl_username = "u", .tls_version = "SSLv3", .mta = "sendmail" },
	{ .bits = 40, .from = "root@acme.example", .local = true,
	    .to = "hr@ours.example", .tls_version = "TLSv1.2", .cert_verified = POLICY_NO,
	    .cert_fingerprint = "none" },
};
#define SESSIONS (sizeof(sessions) / sizeof(sessions[0]))

static void
judge(const struct policy *policy, const struct facts *facts, struct verdict *verdict,
    struct policy_reply *reply)
{
	static const struct policy_options options = { .recipient_delimiter = "+" };

	check(policy_decide(policy, facts, &options, verdict) == 0);
	(void)policy_reply(verdict, facts, reply);
}

static void
compare(const struct policy *a, const struct policy *b)
{
	struct verdict verdicts[2];
	struct policy_reply replies[2];

	for (size_t i = 0; i < SESSIONS; i++) {
		judge(a, &sessions[i], &verdicts[0], &replies[0]);
		judge(b, &sessions[i], &verdicts[1], &replies[1]);
		check(verdicts[0].action == verdicts[1].action);
		check(verdicts[0].reason == verdicts[1].reason);
		check(verdicts[0].failed == verdicts[1].failed);
		check(verdicts[0].would == verdicts[1].would);
		check(verdicts[0].exempt == verdicts[1].exempt);
		check(strcmp(replies[0].code, replies[1].code) == 0);
		check(strcmp(replies[0].enhanced, replies[1].enhanced) == 0);
		check(strcmp(replies[0].text, replies[1].text) == 0);
	}
}

/* ------------------------------------------------------------------ *
 * One requirement more
 * ------------------------------------------------------------------ */

/* The kind and what it demands. */
static const char *const more[][2] = {
	{ "tls", " >= 1.3" }, { "tls", "" }, { "bits", " >= 256" }, { "aead", "" },
	{ "forward-secrecy", "" }, { "cipher", " \"ECDHE-RSA-AES256-GCM-SHA384\"" },
	{ "ciphersuites", " \"TLS_AES_128_GCM_SHA256\"" }, { "certificate", "" },
	{ "certificate name", " mx.other.example" }, { "certificate issuer", " \"Z\"" },
	{ "certificate fingerprint", " sha1:9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c" },
	{ "certificate key", " >= 4096" }, { "certificate signature", " >= sha512" },
	{ "certificate valid-for", " >= 30 days" },
};

/* Whether a block has a requirement of the kind: then another would replace it. */
static bool
has_kind(const char *block, const char *end, const char *kind)
{
	char line[64];
	size_t length = (size_t)snprintf(line, sizeof(line), "\n\trequire %s", kind);

	while ((block = memmem(block, (size_t)(end - block), line, length)) != NULL) {
		block += length;
		/* "certificate" alone is a kind, too. */
		if (strcmp(kind, "certificate") != 0 || *block == '\n' ||
		    strncmp(block, " otherwise", 10) == 0)
			return true;
	}
	return false;
}

/* The policy's text with a requirement more in one block; NULL: it has that already. */
static char *
add_requirement(const char *text, size_t block, const char *const *requirement)
{
	const char *end = strstr(text, "\n}\n"), *start = text;
	char *added;

	for (; block > 0 && end != NULL; block--) {
		start = end;
		end = strstr(end + 1, "\n}\n");
	}
	if (end == NULL || has_kind(start, end, requirement[0]))
		return NULL;
	check(asprintf(&added, "%.*s\trequire %s%s otherwise reject\n%s",
	    (int)(end + 1 - text), text, requirement[0], requirement[1], end + 1) > 0);
	return added;
}

/* What the text chooses is added to one of its blocks: nothing more is let through. */
static void
check_more(const struct policy *policy, const char *text)
{
	unsigned chosen = (unsigned)strlen(text) * 2654435761u >> 16;
	size_t kind = chosen % (sizeof(more) / sizeof(more[0]));
	char *added = add_requirement(text, chosen / 16 % policy_rule_count(policy),
	    more[kind]);
	enum policy_load_result result;
	struct verdict verdicts[2];
	struct policy_reply reply;
	struct policy *other;

	if (added == NULL)
		return;
	other = load(added, strlen(added), &result);
	for (size_t i = 0; i < SESSIONS && other != NULL; i++) {
		judge(policy, &sessions[i], &verdicts[0], &reply);
		judge(other, &sessions[i], &verdicts[1], &reply);
		check(verdicts[1].action >= verdicts[0].action);
		check(verdicts[1].exempt == verdicts[0].exempt);
	}
	policy_free(&other);
	free(added);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum policy_load_result result;
	struct policy *policy = load(data, size, &result), *again;
	char *text, *text_again;
	size_t length, length_again;

	if (policy == NULL)
		return 0;
	print(policy, &text, &length);
	/* Lists cannot be read from where they were: they are relative. */
	if (memmem(text, length, " file \"", 7) == NULL) {
		again = load(text, length, &result);
		check(again != NULL);
		print(again, &text_again, &length_again);
		check(strcmp(text, text_again) == 0);
		compare(policy, again);
		if (policy_rule_count(policy) > 0)
			check_more(policy, text);
		policy_free(&again);
		free(text_again);
	}
	free(text);
	policy_free(&policy);
	return 0;
}
