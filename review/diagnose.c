/*
 * diagnose.c - what an error of TLS means, by the entries of the file "diagnoses".
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/diagnose.h"

#include <string.h>
#include <strings.h>

/* What the logs that `tlsward watch` reads can have. */
#define WATCHED (1u << SYSTEM_POSTFIX | 1u << SYSTEM_SENDMAIL | 1u << SYSTEM_OPENSSL)

static const struct review_words system_names = {
	{ [SYSTEM_DOMINO] = "Domino", [SYSTEM_SCHANNEL] = "Schannel",
	  [SYSTEM_EXCHANGE] = "Exchange", [SYSTEM_EXCHANGE_ONLINE] = "Exchange Online",
	  [SYSTEM_POSTFIX] = "Postfix", [SYSTEM_SENDMAIL] = "Sendmail",
	  [SYSTEM_EXIM] = "Exim", [SYSTEM_OPENSSL] = "OpenSSL", [SYSTEM_GNUTLS] = "GnuTLS",
	  [SYSTEM_DOTNET] = ".NET", [SYSTEM_JAVA] = "Java", [SYSTEM_QMAIL] = "qmail",
	  [SYSTEM_GMAIL] = "Gmail", [SYSTEM_TLSRPT] = "TLSRPT" }, SYSTEM_COUNT
};

static const struct diagnosis unknown = {
	.id = "unknown", .side = "either",
	.meaning = "a reason that is not known to tlsward"
};

struct review_words
diagnoses_systems(void)
{
	return system_names;
}

size_t
diagnoses_system_find(const char *name, size_t length)
{
	size_t i = 0;

	while (i < SYSTEM_COUNT && (strlen(system_names.list[i]) != length ||
	    strncasecmp(system_names.list[i], name, length) != 0))
		i++;
	return i;
}

bool
diagnoses_pattern_matches(struct diagnoses *diagnoses, struct known *pattern,
    const char *text, size_t length)
{
	int result;

	/* Most commands match nothing, and compiling is what costs. */
	if (!pattern->compiled)
		(void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	pattern->compiled = true;
	result = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, 0, 0,
	    diagnoses->found, diagnoses->limits);
	if (result < PCRE2_ERROR_PARTIAL)
		pattern->costly++;
	return result >= 0;
}

const struct diagnosis *
diagnoses_find(struct diagnoses *diagnoses, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < diagnoses->pattern_count; i++) {
		struct known *pattern = &diagnoses->patterns[i];
		const struct diagnosis *entry = &diagnoses->entries[pattern->entry];

		if (entry->rank != DIAGNOSIS_INFORMATION &&
		    (entry->systems == 0 || (entry->systems & WATCHED) != 0) &&
		    diagnoses_pattern_matches(diagnoses, pattern, text, length))
			return entry;
	}
	return &unknown;
}

bool
diagnoses_match(struct diagnoses *diagnoses, const struct diagnosis *entry,
    const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < diagnoses->pattern_count; i++)
		if (&diagnoses->entries[diagnoses->patterns[i].entry] == entry &&
		    diagnoses_pattern_matches(diagnoses, &diagnoses->patterns[i], text, length))
			return true;
	return false;
}

const struct diagnosis *
diagnoses_entry(const struct diagnoses *diagnoses, const char *id)
{
	for (size_t i = 0; i < diagnoses->count; i++)
		if (strcmp(diagnoses->entries[i].id, id) == 0)
			return &diagnoses->entries[i];
	return &unknown;
}

struct diagnosis_example
diagnoses_example(const struct diagnoses *diagnoses, size_t number)
{
	const struct known_example *example;

	if (number >= diagnoses->example_count)
		return (struct diagnosis_example){ .text = NULL };
	example = &diagnoses->examples[number];
	return (struct diagnosis_example){ example->text,
		&diagnoses->entries[example->entry], example->unlike };
}
