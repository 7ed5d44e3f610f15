/*
 * advice.c - what to ask of a partner whose sessions do not meet a requirement.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/advice.h"

#include <string.h>

#include "base/text.h"

#define REQUIRED_MAX 1024

/* What stands for %s: of clear text, which version STARTTLS is to have, if any. */
static void
add_required_words(enum policy_reason reason, const struct policy_outcome *rule,
    struct buffer *text)
{
	char required[REQUIRED_MAX];
	bool known = rule->rule != NULL && policy_required_text(rule, REASON_TLS_VERSION,
	    required, sizeof(required)) && strcmp(required, "TLS") != 0;

	if (reason == REASON_TLS && known)
		buffer_string(text, " with ");
	if (known)
		text_visible(text, required);
	else if (reason != REASON_TLS)
		buffer_string(text, "TLS");
}

void
advice_write(enum policy_reason reason, const struct policy_outcome *rule,
    struct buffer *text)
{
	const char *ask = policy_advice(reason);
	size_t plain = strcspn(ask, "%");

	buffer_add(text, ask, plain);
	if (ask[plain] == '\0')
		return;
	add_required_words(reason, rule, text);
	buffer_string(text, ask + plain + 2);
}
