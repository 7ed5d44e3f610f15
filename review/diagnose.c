/*
 * diagnose.c - what an error of TLS means: the entries of the file "diagnoses".
 *
 * SPDX-License-Identifier: ISC
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "review/review.h"

#include <errno.h>
#include <limits.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/file.h"

#define FILE_NAME "diagnoses"
#define FILE_MOST ((size_t)1024 * 1024)
#define BLANKS " \t\r"
#define MATCH_LIMIT 100000	/* PCRE2's unit: what costs more is no match */

/* The words of an entry, and what "side" may be. */
enum word {
	WORD_ENTRY, WORD_PATTERN, WORD_SIDE, WORD_MEANING, WORD_CAUSE, WORD_FIX, WORD_COUNT
};

static const struct review_words words = {
	{ "entry", "pattern", "side", "meaning", "cause", "fix" }, WORD_COUNT
}, sides = { { "either", "local", "remote", "network", "none" }, 5 };

static const struct diagnosis unknown = {
	.id = "unknown", .side = "either",
	.meaning = "a reason that is not known to tlsward"
};

struct known {
	pcre2_code *code;
	size_t entry;
};

struct diagnoses {
	char *texts[2];		/* of the files: what the strings are in */
	pcre2_match_context *limits;
	pcre2_match_data *found;
	struct diagnosis *entries;
	size_t count, room;
	struct known *patterns;
	size_t pattern_count, pattern_room;
};

/* A file on its way into the entries, and the paragraph that is being read. */
struct paragraphs {
	struct diagnoses *diagnoses;
	struct diags *diags;
	const char *path;
	unsigned number;	/* of the line */
	const char *line;
	bool bad, no_memory;
	unsigned first;		/* line of the paragraph; 0: none has begun */
	size_t patterns;	/* that there were before it */
	const char *values[WORD_COUNT];
};

void
diagnoses_free(struct diagnoses **diagnoses)
{
	struct diagnoses *old = *diagnoses;

	if (old == NULL)
		return;
	for (size_t i = 0; i < old->pattern_count; i++)
		pcre2_code_free(old->patterns[i].code);
	pcre2_match_data_free(old->found);
	pcre2_match_context_free(old->limits);
	free(old->patterns);
	free(old->entries);
	free(old->texts[0]);
	free(old->texts[1]);
	free(old);
	*diagnoses = NULL;
}

/* ------------------------------------------------------------------ *
 * Reading a file
 * ------------------------------------------------------------------ */

/* Says what is wrong with the line, at a byte of it, or with the paragraph (NULL). */
static void
paragraph_wrong(struct paragraphs *file, const char *at, const char *what)
{
	const char *line = at != NULL ? file->line : "";

	file->bad = true;
	diags_add(file->diags, SEVERITY_ERROR, NULL, file->path,
	    at != NULL ? file->number : file->first,
	    at != NULL ? (unsigned)(at - line) + 1 : 0, at != NULL ? line : NULL,
	    strlen(line), "%s; the entry is left out", what);
}

static void
add_pattern(struct paragraphs *file, const char *text)
{
	struct diagnoses *all = file->diagnoses;
	char why[256];
	PCRE2_SIZE at;
	int error;
	pcre2_code *code;

	if (!array_reserve(all->patterns, all->pattern_count + 1, &all->pattern_room)) {
		file->no_memory = true;
		return;
	}
	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_UTF |
	    PCRE2_CASELESS | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &error,
	    &at, NULL);
	if (code == NULL && error == PCRE2_ERROR_HEAP_FAILED) {
		file->no_memory = true;
		return;
	}
	if (code == NULL) {
		(void)pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof(why));
		paragraph_wrong(file, text + at, why);
		return;
	}
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	all->patterns[all->pattern_count++] = (struct known){ code, all->count };
}

/* A line of a paragraph, which has more than blanks. */
static void
read_words(struct paragraphs *file, char *line)
{
	size_t length = strcspn(line, BLANKS);
	char *value = line + length + strspn(line + length, BLANKS);
	char *end = value + strlen(value);
	size_t word = review_words_find(&words, line, length);

	while (end > value && strchr(BLANKS, end[-1]) != NULL)
		*--end = '\0';
	if (word == WORD_COUNT)
		paragraph_wrong(file, line, "expected \"entry\", \"pattern\", \"side\", "
		    "\"meaning\", \"cause\" or \"fix\"");
	else if (end == value)
		paragraph_wrong(file, line, "expected a value behind the word");
	else if (word == WORD_PATTERN)
		add_pattern(file, value);
	else if (file->values[word] != NULL)
		paragraph_wrong(file, line, "this word is there already");
	else if (word == WORD_SIDE &&
	    review_words_find(&sides, value, strlen(value)) == sides.count)
		paragraph_wrong(file, value,
		    "expected \"local\", \"remote\", \"either\", \"network\" or \"none\"");
	else
		file->values[word] = value;
}

/* The entry of a name, of which there is one. */
static size_t
find_entry(const struct diagnoses *all, const char *id)
{
	size_t i = 0;

	while (i < all->count && strcmp(all->entries[i].id, id) != 0)
		i++;
	return i;
}

/* Takes a paragraph into the entries, or its patterns out of them. */
static void
end_paragraph(struct paragraphs *file)
{
	struct diagnoses *all = file->diagnoses;
	const char *const *values = file->values;
	size_t entry;

	if (!file->bad && (values[WORD_ENTRY] == NULL || values[WORD_MEANING] == NULL ||
	    all->pattern_count == file->patterns))
		paragraph_wrong(file, NULL, "expected \"entry\", \"meaning\" and \"pattern\"");
	if (!array_reserve(all->entries, all->count + 1, &all->room))
		file->no_memory = true;
	if (file->bad || file->no_memory) {
		while (all->pattern_count > file->patterns)
			pcre2_code_free(all->patterns[--all->pattern_count].code);
		return;
	}
	entry = find_entry(all, values[WORD_ENTRY]);
	for (size_t i = file->patterns; i < all->pattern_count; i++)
		all->patterns[i].entry = entry;
	if (entry == all->count)
		all->entries[all->count++] = (struct diagnosis){
			.id = values[WORD_ENTRY], .meaning = values[WORD_MEANING],
			.cause = values[WORD_CAUSE], .fix = values[WORD_FIX],
			.side = values[WORD_SIDE] != NULL ? values[WORD_SIDE] :
			    sides.list[0]
		};
}

static void
read_paragraphs(struct paragraphs *file, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL && !file->no_memory) {
		bool empty = line[strspn(line, BLANKS)] == '\0';

		file->number++;
		file->line = line;
		if (file->first != 0 && empty) {
			end_paragraph(file);
			file->first = 0;
		} else if (!empty && *line != '#') {
			if (file->first == 0) {
				file->first = file->number;
				file->bad = false;
				file->patterns = file->diagnoses->pattern_count;
				memset(file->values, 0, sizeof(file->values));
			}
			read_words(file, line);
		}
	}
	if (file->first != 0)
		end_paragraph(file);
}

/* Reads a file, which may be absent. False: memory is short. */
static bool
read_entries(struct diagnoses *diagnoses, size_t number, const char *path,
    bool may_be_absent, struct diags *diags)
{
	struct paragraphs reading = { .diagnoses = diagnoses, .diags = diags, .path = path };
	struct file file;
	enum file_result result = file_read(path, FILE_MOST, true, &file);

	diagnoses->texts[number] = file.text;
	if (result == FILE_READ && strlen(file.text) == file.length)
		read_paragraphs(&reading, file.text);
	else if (result != FILE_UNREADABLE || errno != ENOENT || !may_be_absent)
		diags_add(diags, SEVERITY_ERROR, NULL, path, 0, 0, NULL, 0,
		    "cannot be read: %s", result == FILE_UNREADABLE ? strerror(errno) :
		    "it is not a text of at most 1 MiB");
	return result != FILE_NO_MEMORY && !reading.no_memory;
}

struct diagnoses *
diagnoses_read(const char *settings, struct diags *diags)
{
	struct diagnoses *new = calloc(1, sizeof(*new));
	const char *beside = settings != NULL ? settings : TLSWARD_SYSCONFDIR "/tlsward/";
	const char *slash = strrchr(beside, '/');
	char own[PATH_MAX], shipped[PATH_MAX];

	if (new == NULL)
		return NULL;
	(void)snprintf(own, sizeof(own), "%.*s" FILE_NAME,
	    slash != NULL ? (int)(slash - beside) + 1 : 0, beside);
	file_data_path(FILE_NAME, shipped, sizeof(shipped));
	new->limits = pcre2_match_context_create(NULL);
	new->found = pcre2_match_data_create(1, NULL);
	if (new->limits == NULL || new->found == NULL ||
	    !read_entries(new, 0, own, true, diags) ||
	    !read_entries(new, 1, shipped, false, diags)) {
		diagnoses_free(&new);
		return NULL;
	}
	(void)pcre2_set_match_limit(new->limits, MATCH_LIMIT);
	return new;
}

/* ------------------------------------------------------------------ *
 * Finding
 * ------------------------------------------------------------------ */

const struct diagnosis *
diagnoses_find(struct diagnoses *diagnoses, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < diagnoses->pattern_count; i++)
		if (pcre2_match(diagnoses->patterns[i].code, (PCRE2_SPTR)text, length, 0,
		    0, diagnoses->found, diagnoses->limits) >= 0)
			return &diagnoses->entries[diagnoses->patterns[i].entry];
	return &unknown;
}

const struct diagnosis *
diagnoses_entry(const struct diagnoses *diagnoses, const char *id)
{
	size_t entry = find_entry(diagnoses, id);

	return entry < diagnoses->count ? &diagnoses->entries[entry] : &unknown;
}
