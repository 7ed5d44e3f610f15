/*
 * advice.c - what to ask of a partner whose sessions do not meet a requirement.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/advice.h"

#include <string.h>

#include "base/text.h"

#define REQUIRED_MAX 1024

/* %s is what is required. */
static const struct {
	const char *ask;
	const char *hint;
} advice[REASON_COUNT] = {
	[REASON_NONE] = { "see our replies in its log", NULL },
	[REASON_TLS] = { "let it use STARTTLS%s",
	    "Postfix: smtp_tls_security_level = encrypt for our domain" },
	[REASON_TLS_VERSION] = { "enable %s on it", NULL },
	[REASON_BITS] = { "enable such ciphers on it", NULL },
	[REASON_CIPHER] = { "enable one of these ciphers on it", NULL },
	[REASON_CIPHERSUITES] = { "enable one of these cipher suites on it", NULL },
	[REASON_FORWARD_SECRECY] = { "enable cipher suites with an ephemeral key exchange "
	    "(ECDHE) on it", NULL },
	[REASON_AEAD] = { "enable cipher suites with AES-GCM or ChaCha20-Poly1305 on it",
	    NULL },
	[REASON_CERTIFICATE] = { "let it present its certificate, with the intermediate "
	    "ones, when our server asks for it", "Postfix: smtp_tls_chain_files" },
	[REASON_CERTIFICATE_NAME] = { "let it present a certificate with that name, with "
	    "the intermediate ones, when our server asks for it", NULL },
	[REASON_CERTIFICATE_ISSUER] = { "let it present a certificate of that issuer, with "
	    "the intermediate ones, or tell us of the change", NULL },
	[REASON_CERTIFICATE_FINGERPRINT] = { "let it present that certificate when our "
	    "server asks for it, or give us its new one in person", NULL },
	[REASON_CERTIFICATE_KEY] = { "replace its certificate by one with such a key",
	    NULL },
	[REASON_CERTIFICATE_SIGNATURE] = { "replace its certificate by one with such a "
	    "signature", NULL },
	[REASON_CERTIFICATE_VALIDITY] = { "renew its certificate", NULL },
	[REASON_UNKNOWN_FACT] = { "nothing: we could not see what we needed, and look into "
	    "that ourselves", NULL },
};

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
	const char *ask = advice[reason].ask;
	size_t plain = strcspn(ask, "%");

	buffer_add(text, ask, plain);
	if (ask[plain] == '\0')
		return;
	add_required_words(reason, rule, text);
	buffer_string(text, ask + plain + 2);
}

const char *
advice_hint(enum policy_reason reason)
{
	return advice[reason].hint;
}
