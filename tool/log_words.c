/*
 * log_words.c - the words by which `tlsward log` is told what to show.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/log.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

/* Says that "word" is not one of "words", and which was meant. */
static bool
no_such_word(const char *what, const char *word, const struct review_words *words)
{
	const char *meant = suggest_word(word, strlen(word), words->list, words->count);
	struct buffer all = BUFFER_INIT;

	for (size_t i = 0; i < words->count; i++)
		buffer_format(&all, "%s%s", i == 0 ? "" : ", ", words->list[i]);
	if (meant != NULL)
		(void)tool_trouble("there is no %s \"%s\": did you mean \"%s\"?", what,
		    word, meant);
	else
		(void)tool_trouble("there is no %s \"%s\": they are %s", what, word,
		    all.failed ? "" : all.text);
	buffer_free(&all);
	return false;
}

bool
log_take_words(const char *what, const char *text, const struct review_words *words,
    struct review_words *chosen)
{
	char word[64];

	for (;; text++) {
		size_t length = strcspn(text, ",");
		size_t found = review_words_find(words, text, length);

		(void)snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ?
		    length : sizeof(word) - 1), text);
		if (found == words->count)
			return no_such_word(what, word, words);
		if (review_words_find(chosen, text, length) == chosen->count)
			chosen->list[chosen->count++] = words->list[found];
		text += length;
		if (*text == '\0')
			return true;
	}
}

bool
log_take_reasons(const char *reasons, const char *config, struct diagnoses **diagnoses,
    struct review_words *chosen)
{
	struct review_words words = review_reason_words();
	struct diags *diags = diags_new();
	char word[64];

	*diagnoses = diags != NULL ? diagnoses_read(config, diags) : NULL;
	diags_free(&diags);
	if (*diagnoses == NULL)
		return tool_no_memory() == STATUS_FINE;
	for (const char *at = reasons; *at != '\0' && words.count < REVIEW_WORDS_MAX; ) {
		size_t length = strcspn(at, ",");
		const struct diagnosis *entry;

		(void)snprintf(word, sizeof(word), "%.*s", (int)length, at);
		entry = diagnoses_entry(*diagnoses, word);
		if (strcmp(entry->id, word) == 0)
			words.list[words.count++] = entry->id;
		at += length + (at[length] == ',');
	}
	return log_take_words("reason", reasons, &words, chosen);
}

bool
log_take_address(const char *text, struct review_address *address)
{
	if (review_filter_address(address, text))
		return true;
	(void)tool_trouble("\"%s\" is neither an address nor a domain", text);
	return false;
}

bool
log_take_client(const char *text, struct review_filter *filter)
{
	if (review_filter_client(filter, text))
		return true;
	if (strchr(text, '/') != NULL)
		(void)tool_trouble("\"%s\" is not a network: write 192.0.2.0/24 or "
		    "2001:db8::/32", text);
	else
		(void)tool_trouble("\"%s\" is neither an address, a network nor a name",
		    text);
	return false;
}
