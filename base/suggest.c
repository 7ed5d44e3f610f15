/*
 * suggest.c - what a mistyped word was probably meant to be.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/suggest.h"

#include <string.h>

#include "base/text.h"

#define WORD_MAX 40

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
