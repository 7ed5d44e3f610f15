/*
 * fuzz-policy.c - policy files: loaded, printed, loaded again.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lint/lint.h"
#include "policy/policy.h"
#include "base/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

static struct policy *
load(const void *data, size_t size, enum policy_load_result *result)
{
	struct diags *diags = diags_new();
	int fd = memfd_create("policy", MFD_CLOEXEC);
	struct policy *policy;
	FILE *null = fopen("/dev/null", "w");
	char path[32];

	check(diags != NULL && null != NULL && fd >= 0);
	check(write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*result = lint_load(path, 0, &policy, diags);
	check((policy != NULL) == (*result == POLICY_LOADED));
	check((diags_errors(diags) > 0) == (*result == POLICY_INVALID));
	diags_print(diags, null);
	(void)fclose(null);
	(void)close(fd);
	diags_free(&diags);
	return policy;
}

static void
print(const struct policy *policy, char **text, size_t *length)
{
	FILE *out = open_memstream(text, length);

	check(out != NULL && policy_print(policy, out) == 0 && fclose(out) == 0);
}

static void
judge(const struct policy *policy, struct verdict *verdict, struct policy_reply *reply)
{
	static const struct policy_options options = { .recipient_delimiter = "+" };
	static const struct facts facts = {
		.bits = -1, .client_name = "mx.acme.example", .client_addr = "192.0.2.1",
		.from = "a@acme.example", .to = "hr+x@ours.example",
		.tls_version = "TLSv1.2", .cipher = "AES128-SHA",
		.cert_verified = POLICY_YES, .cert_cn = "mx.acme.example",
		.cert_issuer = "CA"
	};

	check(policy_decide(policy, &facts, &options, verdict) == 0);
	(void)policy_reply(verdict, &facts, reply);
}

static void
compare(const struct policy *a, const struct policy *b)
{
	struct verdict verdicts[2];
	struct policy_reply replies[2];

	judge(a, &verdicts[0], &replies[0]);
	judge(b, &verdicts[1], &replies[1]);
	check(verdicts[0].action == verdicts[1].action);
	check(verdicts[0].reason == verdicts[1].reason);
	check(verdicts[0].failed == verdicts[1].failed);
	check(verdicts[0].would == verdicts[1].would);
	check(strcmp(replies[0].text, replies[1].text) == 0);
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
		policy_free(&again);
		free(text_again);
	}
	free(text);
	policy_free(&policy);
	return 0;
}
