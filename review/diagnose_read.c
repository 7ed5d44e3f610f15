/*
 * diagnose_read.c - reads the entries of the file "diagnoses".
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/diagnose.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/file.h"
#include "base/suggest.h"

#define FILE_NAME "diagnoses"
#define FILE_MOST ((size_t)1024 * 1024)
#define BLANKS " \t\r"
#define MATCH_LIMIT 100000	/* PCRE2's unit: what costs more is no match */

/* The words of an entry, and what "side" and "rank" may be. */
enum word {
	WORD_ENTRY, WORD_SYSTEM, WORD_PATTERN, WORD_RANK, WORD_SIDE, WORD_MEANING,
	WORD_CAUSE, WORD_FIX, WORD_CHECK, WORD_LIKE, WORD_UNLIKE, WORD_SOURCE, WORD_COUNT
};

static const struct review_words words = {
	{ "entry", "system", "pattern", "rank", "side", "meaning", "cause", "fix", "check",
	  "like", "unlike", "source" }, WORD_COUNT
}, sides = {
	{ "either", "local", "remote", "network", "none" }, 5
}, ranks = {
	{ [DIAGNOSIS_CAUSE] = "cause", [DIAGNOSIS_VERIFICATION] = "verification",
	  [DIAGNOSIS_CONSEQUENCE] = "consequence", [DIAGNOSIS_INFORMATION] = "information" },
	DIAGNOSIS_RANKS
};

/* A file on its way into the entries, and the paragraph that is being read. */
struct paragraphs {
	struct diagnoses *diagnoses;
	struct diags *diags;
	const char *path;
	unsigned number;	/* of the line */
	const char *line;
	bool last;		/* the file that came with tlsward */
	bool bad, no_memory;
	unsigned first;		/* line of the paragraph; 0: none has begun */
	size_t patterns, examples;	/* that there were before it */
	uint32_t systems;
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
	pcre2_jit_stack_free(old->stack);
	free(old->patterns);
	free(old->examples);
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

/* What has no character but of ASCII is matched as bytes, in half the time. */
static uint32_t
pattern_options(const char *text)
{
	uint32_t options = PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C;

	for (const char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at >= 0x80 || (at[0] == '\\' && strchr("xNpPoX", at[1])))
			return options | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
	return options;
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
	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	    pattern_options(text), &error, &at, NULL);
	if (code == NULL && error == PCRE2_ERROR_HEAP_FAILED) {
		file->no_memory = true;
		return;
	}
	if (code == NULL) {
		(void)pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof(why));
		paragraph_wrong(file, text + at, why);
		return;
	}
	all->patterns[all->pattern_count++] = (struct known){ .code = code,
		.entry = all->count };
}

static void
add_example(struct paragraphs *file, const char *text, bool unlike)
{
	struct diagnoses *all = file->diagnoses;

	if (!array_reserve(all->examples, all->example_count + 1, &all->example_room))
		file->no_memory = true;
	else
		all->examples[all->example_count++] = (struct known_example){
			text, all->count, unlike
		};
}

/* Says what was expected: the nearest of those words, else what is said of all. */
static void
word_wrong(struct paragraphs *file, const char *at, size_t length,
    const struct review_words *those, const char *expected)
{
	const char *near = suggest_word(at, length, those->list, those->count);
	char what[64];

	(void)snprintf(what, sizeof(what), "expected \"%s\"", near != NULL ? near : "");
	paragraph_wrong(file, at, near != NULL ? what : expected);
}

/* Takes "NAME, NAME". */
static void
take_systems(struct paragraphs *file, const char *value)
{
	struct review_words names = diagnoses_systems();
	size_t length, number;

	for (; *value != '\0'; value += strspn(value, "," BLANKS)) {
		size_t whole = strcspn(value, ",");

		for (length = whole; length > 0 && strchr(BLANKS, value[length - 1]); )
			length--;
		number = diagnoses_system_find(value, length);
		if (number == SYSTEM_COUNT) {
			word_wrong(file, value, length, &names, "expected the name of a "
			    "system that tlsward diagnose --system knows");
			return;
		}
		file->systems |= 1u << number;
		value += whole;
	}
}

/* Says what is wrong with the value of a word that is one of a few. */
static void
check_value(struct paragraphs *file, size_t word, const char *value)
{
	if (word == WORD_SIDE &&
	    review_words_find(&sides, value, strlen(value)) == sides.count)
		paragraph_wrong(file, value,
		    "expected \"local\", \"remote\", \"either\", \"network\" or \"none\"");
	else if (word == WORD_RANK &&
	    review_words_find(&ranks, value, strlen(value)) == ranks.count)
		paragraph_wrong(file, value, "expected \"cause\", \"verification\", "
		    "\"consequence\" or \"information\"");
	else if (word == WORD_SYSTEM)
		take_systems(file, value);
}

static void
take_word(struct paragraphs *file, size_t word, const char *line, const char *value)
{
	if (word == WORD_PATTERN)
		add_pattern(file, value);
	else if (word == WORD_LIKE || word == WORD_UNLIKE)
		add_example(file, value, word == WORD_UNLIKE);
	else if (file->values[word] != NULL)
		paragraph_wrong(file, line, "this word is there already");
	else {
		file->values[word] = value;
		check_value(file, word, value);
	}
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
		word_wrong(file, line, length, &words, "expected \"entry\", \"system\", \"pattern\", "
		    "\"rank\", \"side\", \"meaning\", \"cause\", \"fix\", \"check\", "
		    "\"like\", \"unlike\" or \"source\"");
	else if (end == value)
		paragraph_wrong(file, line, "expected a value behind the word");
	else
		take_word(file, word, line, value);
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

static enum diagnosis_rank
rank_in_value(const char *value)
{
	return value == NULL ? DIAGNOSIS_CAUSE :
	    (enum diagnosis_rank)review_words_find(&ranks, value, strlen(value));
}

/* Takes a paragraph as an entry or, where one's own has its name, into that. */
static void
enter_paragraph(struct paragraphs *file, size_t number)
{
	struct diagnoses *all = file->diagnoses;
	const char *const *values = file->values;
	struct diagnosis *entry = &all->entries[number];

	if (number == all->count) {
		*entry = (struct diagnosis){
			.id = values[WORD_ENTRY], .meaning = values[WORD_MEANING],
			.cause = values[WORD_CAUSE], .fix = values[WORD_FIX],
			.check = values[WORD_CHECK], .source = values[WORD_SOURCE],
			.side = values[WORD_SIDE] != NULL ? values[WORD_SIDE] :
			    sides.list[0],
			.rank = DIAGNOSIS_RANKS
		};
		all->count++;
	}
	if (entry->rank == DIAGNOSIS_RANKS && (values[WORD_RANK] != NULL || file->last))
		entry->rank = rank_in_value(values[WORD_RANK]);
	if (entry->systems == 0)
		entry->systems = file->systems;
}

/* Takes back what the paragraph has added. */
static void
drop_paragraph(struct paragraphs *file)
{
	struct diagnoses *all = file->diagnoses;

	while (all->pattern_count > file->patterns)
		pcre2_code_free(all->patterns[--all->pattern_count].code);
	all->example_count = file->examples;
}

static void
end_paragraph(struct paragraphs *file)
{
	struct diagnoses *all = file->diagnoses;
	size_t number;

	if (!file->bad && (file->values[WORD_ENTRY] == NULL ||
	    file->values[WORD_MEANING] == NULL || all->pattern_count == file->patterns))
		paragraph_wrong(file, NULL, "expected \"entry\", \"meaning\" and \"pattern\"");
	if (!array_reserve(all->entries, all->count + 1, &all->room))
		file->no_memory = true;
	if (file->bad || file->no_memory) {
		drop_paragraph(file);
		return;
	}
	number = find_entry(all, file->values[WORD_ENTRY]);
	for (size_t i = file->patterns; i < all->pattern_count; i++)
		all->patterns[i].entry = number;
	for (size_t i = file->examples; i < all->example_count; i++)
		all->examples[i].entry = number;
	enter_paragraph(file, number);
}

static void
begin_paragraph(struct paragraphs *file)
{
	file->first = file->number;
	file->bad = false;
	file->patterns = file->diagnoses->pattern_count;
	file->examples = file->diagnoses->example_count;
	file->systems = 0;
	memset(file->values, 0, sizeof(file->values));
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
			if (file->first == 0)
				begin_paragraph(file);
			read_words(file, line);
		}
	}
	if (file->first != 0)
		end_paragraph(file);
}

/* Reads a file: one's own, which may be absent, or the last. False: memory is short. */
static bool
read_entries(struct diagnoses *diagnoses, const char *path, bool last,
    struct diags *diags)
{
	struct paragraphs reading = { .diagnoses = diagnoses, .diags = diags, .path = path,
		.last = last };
	struct file file;
	enum file_result result = file_read(path, FILE_MOST, true, &file);

	diagnoses->texts[last] = file.text;
	if (result == FILE_READ && strlen(file.text) == file.length)
		read_paragraphs(&reading, file.text);
	else if (result != FILE_UNREADABLE || errno != ENOENT || last)
		diags_add(diags, SEVERITY_ERROR, NULL, path, 0, 0, NULL, 0,
		    "cannot be read: %s", result == FILE_UNREADABLE ? strerror(errno) :
		    "it is not a text of at most 1 MiB");
	return result != FILE_NO_MEMORY && !reading.no_memory;
}

/* Brings the patterns into the order in which they count. False: memory is short. */
static bool
sort_patterns(struct diagnoses *all)
{
	struct known *sorted = malloc((all->pattern_count + 1) * sizeof(*sorted));
	size_t count = 0;

	if (sorted == NULL)
		return false;
	for (size_t i = 0; i < all->count; i++)
		if (all->entries[i].rank == DIAGNOSIS_RANKS)
			all->entries[i].rank = DIAGNOSIS_CAUSE;
	for (enum diagnosis_rank rank = 0; rank < DIAGNOSIS_RANKS; rank++)
		for (size_t i = 0; i < all->pattern_count; i++)
			if (all->entries[all->patterns[i].entry].rank == rank)
				sorted[count++] = all->patterns[i];
	free(all->patterns);
	all->patterns = sorted;
	return true;
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
	new->stack = pcre2_jit_stack_create(32 * 1024, 512 * 1024, NULL);
	if (new->limits == NULL || new->found == NULL || new->stack == NULL ||
	    !read_entries(new, own, false, diags) ||
	    !read_entries(new, shipped, true, diags) || !sort_patterns(new)) {
		diagnoses_free(&new);
		return NULL;
	}
	(void)pcre2_set_match_limit(new->limits, MATCH_LIMIT);
	pcre2_jit_stack_assign(new->limits, NULL, new->stack);
	return new;
}
