/*
 * policy-text.h - policies from text, for the unit tests of policy/.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_TEXT_H
#define TLSWARD_POLICY_TEXT_H

#include "tests/unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "policy/policy.h"
#include "base/diag.h"

#define JUNE_2026 INT64_C(1781481600)	/* 2026-06-15T00:00:00Z */

#define TLS12 .tls_version = "TLSv1.2", .cipher = "ECDHE-RSA-AES256-GCM-SHA384"

static const struct policy_options policy_text_options = {
	.now = JUNE_2026, .recipient_delimiter = "+"
};

/* The path of a file in memory, open as "fd", that holds "text". */
static inline void
policy_text_file(const char *text, size_t length, int *fd, char path[32])
{
	*fd = memfd_create("policy", MFD_CLOEXEC);
	assert_true(*fd >= 0);
	while (length > 0) {
		ssize_t written = write(*fd, text, length);

		assert_true(written > 0);
		text += written;
		length -= (size_t)written;
	}
	(void)snprintf(path, 32, "/proc/self/fd/%d", *fd);
}

/* Loads a policy that must be valid. */
static inline struct policy *
policy_text_load(const char *text)
{
	struct diags *diags = diags_new();
	struct policy *policy = NULL;
	char path[32];
	int fd;

	assert_non_null(diags);
	policy_text_file(text, strlen(text), &fd, path);
	if (policy_load(path, &policy, diags) != POLICY_LOADED)
		diags_print(diags, true, stderr);
	assert_non_null(policy);
	diags_free(&diags);
	(void)close(fd);
	return policy;
}

static inline void
policy_text_decide(const struct policy *policy, const struct facts *facts,
    struct verdict *verdict)
{
	assert_int_equal(policy_decide(policy, facts, &policy_text_options, verdict), 0);
}

#endif
