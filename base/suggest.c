/*
 * suggest.c - what a mistyped word was probably meant to be.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/suggest.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define WORD_MAX 40

/* Words of other programs and of everyday, which no typing error makes. */
static const struct {
	const char *word;
	const char *meant;
} other_words[] = {
	{ "sender", "from" }, { "recipient", "to" }, { "rcpt", "to" },
	{ "host", "client" }, { "nexthop", "deliver" }, { "next-hop", "deliver" },
	{ "agreement", "partner" },
	{ "in", "incoming" }, { "inbound", "incoming" },
	{ "out", "outgoing" }, { "outbound", "outgoing" },
	{ "demand", "require" }, { "must", "require" }, { "else", "otherwise" },
	{ "allow", "exempt" }, { "skip", "exempt" }, { "ignore", "exempt" },
	{ "allow", "accept" }, { "permit", "accept" }, { "pass", "accept" },
	{ "deny", "reject" }, { "refuse", "reject" }, { "drop", "reject" },
	{ "bounce", "reject" }, { "block", "reject" }, { "defer", "tempfail" },
	{ "hold", "quarantine" }, { "none", "nothing" },
	{ "ssl", "tls" }, { "starttls", "tls" }, { "encryption", "tls" },
	{ "encrypt", "tls" }, { "tlsa", "dane" }, { "dane-only", "dane" },
	{ "ip", "client" }, { "network", "client" }, { "mx", "client" },
	{ "for", "until" }, { "verified", "certificate" },
	{ "forward", "forward-secrecy" }, { "perfect", "forward-secrecy" },
	{ "valid", "valid-for" }, { "expires", "valid-for" }, { "expiry", "valid-for" },
	{ "comment", "note" }, { "description", "note" }, { "remark", "note" },
	{ "mail", "contact" }, { "email", "contact" }, { "admin", "contact" },
	{ "action", "otherwise" },
	{ "pfs", "forward-secrecy" }, { "fs", "forward-secrecy" },
	{ "cert", "certificate" }, { "cn", "name" }, { "subject", "name" },
	{ "ca", "issuer" }, { "pin", "fingerprint" }, { "digest", "fingerprint" },
	{ "hash", "fingerprint" }, { "sha2", "sha256" }, { "till", "until" },
	{ "sasl", "authenticated" }, { "loopback", "localhost" },
	{ "from", "via" }, { "client", "via" }
};

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Edits between two words: insertions, deletions, replacements and exchanges of
 * neighbours (optimal string alignment). Both are at most WORD_MAX long.
 */
static size_t
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[3][WORD_MAX + 1];
	size_t *before = row[0], *last = row[1], *now = row[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t differs = text_lower(a[i - 1]) != text_lower(b[j - 1]);

			now[j] = least(last[j - 1] + differs,
			    least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && text_lower(a[i - 1]) == text_lower(b[j - 2]) &&
			    text_lower(a[i - 2]) == text_lower(b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_len];
}

/* Whether "word" of "length" bytes is that one, or another word for it. */
static bool
is_other_word(const char *word, size_t length, const char *meant)
{
	for (size_t i = 0; i < sizeof(other_words) / sizeof(other_words[0]); i++)
		if (strcmp(other_words[i].meant, meant) == 0 &&
		    strlen(other_words[i].word) == length &&
		    strncasecmp(other_words[i].word, word, length) == 0)
			return true;
	return false;
}

const char *
suggest_word(const char *word, size_t length, const char *const *candidates,
    size_t count)
{
	const char *best = NULL;
	size_t best_distance = (length + 1) / 3;

	if (length == 0 || length > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t candidate_len = strlen(candidates[i]), d;

		if (is_other_word(word, length, candidates[i]))
			return candidates[i];
		if (candidate_len > WORD_MAX)
			continue;
		d = distance(word, length, candidates[i], candidate_len);
		if (d < candidate_len &&
		    (d < best_distance || (d == best_distance && best == NULL))) {
			best = candidates[i];
			best_distance = d;
		}
	}
	return best;
}
