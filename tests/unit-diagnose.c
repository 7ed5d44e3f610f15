/*
 * unit-diagnose.c - what errors of TLS mean, and files of entries that are not in order.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "review/diagnose.h"

static char folder[] = "/tmp/unit-diagnose.XXXXXX";

static char *
path_of(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void
write_own(const char *text)
{
	FILE *file = fopen(path_of("diagnoses"), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* With one's own entries in a file beside the settings. */
static struct diagnoses *
read_all(struct diags *diags)
{
	struct diagnoses *diagnoses;

	assert_non_null(diags);
	diagnoses = diagnoses_read(path_of("tlsward.conf"), diags);
	assert_non_null(diagnoses);
	return diagnoses;
}

static void
meant_as_listed(void **state)
{
	struct diags *diags = diags_new();
	struct diagnoses *diagnoses = read_all(diags);
	const char *source = getenv("srcdir");
	char path[512], line[2048];
	FILE *file;
	int cases = 0, wrong = 0;

	(void)state;
	assert_int_equal(diags_count(diags), 0);
	(void)snprintf(path, sizeof(path), "%s/tests/cases/diagnoses.tsv",
	    source != NULL ? source : ".");
	assert_non_null(file = fopen(path, "r"));
	while (fgets(line, sizeof(line), file) != NULL) {
		char *text = strchr(line, '\t');
		const struct diagnosis *found;

		if (*line == '#')
			continue;
		assert_non_null(text);
		*text++ = '\0';
		text[strcspn(text, "\n")] = '\0';
		for (char *at = text; (at = strstr(at, "\\n")) != NULL; )
			memcpy(at, " \n", 2);
		found = diagnoses_find(diagnoses, text);
		cases++;
		if (strcmp(found->id, line) == 0)
			continue;
		wrong++;
		print_error("%s, not %s: %s\n", found->id, line, text);
	}
	(void)fclose(file);
	assert_true(cases > 50);
	assert_int_equal(wrong, 0);
	diagnoses_free(&diagnoses);
	assert_null(diagnoses);
	diags_free(&diags);
}

static void
own_entries_come_first(void **state)
{
	struct diags *diags = diags_new();
	struct diagnoses *diagnoses;
	const struct diagnosis *found;

	(void)state;
	write_own("# Ours.\n\nentry unknown-ca\npattern the odd box says no\n"
	    "side network\nmeaning our box is odd  \n \t\nentry ours\n"
	    "pattern ^x+$\npattern ODD protocol\nmeaning odd");
	diagnoses = read_all(diags);
	assert_int_equal(diags_count(diags), 0);
	found = diagnoses_find(diagnoses, "tlsv1 alert unknown ca");
	assert_string_equal(found->id, "unknown-ca");
	assert_string_equal(found->meaning, "our box is odd");
	assert_string_equal(found->side, "network");
	assert_null(found->cause);
	assert_ptr_equal(found, diagnoses_find(diagnoses, "The odd box says NO."));
	assert_ptr_equal(found, diagnoses_entry(diagnoses, "unknown-ca"));
	found = diagnoses_find(diagnoses, "unsupported protocol, odd protocol");
	assert_string_equal(found->id, "ours");
	assert_string_equal(found->side, "either");
	assert_string_equal(diagnoses_entry(diagnoses, "gone")->id, "unknown");
	assert_string_equal(diagnoses_find(diagnoses, "\xFF\xFE")->id, "unknown");
	diagnoses_free(&diagnoses);
	diags_free(&diags);
}

static void
examples_are_met(void **state)
{
	struct diags *diags = diags_new();
	struct diagnoses *diagnoses;
	struct diagnosis_example example;
	int wrong = 0;

	(void)state;
	(void)unlink(path_of("diagnoses"));
	diagnoses = read_all(diags);
	for (size_t i = 0; (example = diagnoses_example(diagnoses, i)).text != NULL; i++) {
		if (diagnoses_match(diagnoses, example.entry, example.text) !=
		    example.unlike)
			continue;
		wrong++;
		print_error("%s: %s: %s\n", example.entry->id,
		    example.unlike ? "matches" : "does not match", example.text);
	}
	assert_int_equal(wrong, 0);
	diagnoses_free(&diagnoses);
	diags_free(&diags);
}

#define WELL "Nov 30 10:00:01 mx x[1]: all is well here and there\n\n"

static size_t
count_found(struct diagnoses *diagnoses, const struct buffer *text)
{
	struct passage *passage = passage_read(diagnoses, NULL, text->text, text->length);
	size_t found = 0;

	assert_non_null(passage);
	for (size_t i = 0; i < passage->count; i++)
		found += passage->findings[i].count;
	passage_free(&passage);
	return found;
}

/* All examples of errors are found in a long text, of which not all is looked at. */
static void
nothing_is_missed_in_a_log(void **state)
{
	struct diags *diags = diags_new();
	struct diagnoses *diagnoses = read_all(diags);
	struct diagnosis_example example;
	struct buffer text = BUFFER_INIT;
	size_t found;

	(void)state;
	for (size_t i = 0; (example = diagnoses_example(diagnoses, i)).text != NULL; i++)
		if (!example.unlike && example.entry->rank != DIAGNOSIS_INFORMATION)
			buffer_format(&text, "%s\n\n" WELL, example.text);
	found = count_found(diagnoses, &text);
	assert_true(found > 100);
	while (text.length < 1100000)
		buffer_string(&text, WELL);
	assert_int_equal(count_found(diagnoses, &text), found);
	buffer_free(&text);
	diagnoses_free(&diagnoses);
	diags_free(&diags);
}

/* Whether an entry has examples of both sorts. */
static bool
has_both(const struct diagnoses *diagnoses, const struct diagnosis *entry)
{
	struct diagnosis_example example;
	bool has[2] = { false, false };

	for (size_t i = 0; (example = diagnoses_example(diagnoses, i)).text != NULL; i++)
		if (example.entry == entry)
			has[example.unlike] = true;
	return has[0] && has[1];
}

static void
entries_have_examples(void **state)
{
	struct diags *diags = diags_new();
	struct diagnoses *diagnoses;
	int wrong = 0;

	(void)state;
	(void)unlink(path_of("diagnoses"));
	diagnoses = read_all(diags);
	assert_true(diagnoses->count > 100);
	for (size_t i = 0; i < diagnoses->count; i++)
		if (!has_both(diagnoses, &diagnoses->entries[i])) {
			print_error("%s: has not both \"like\" and \"unlike\"\n",
			    diagnoses->entries[i].id);
			wrong++;
		}
	assert_int_equal(wrong, 0);
	diagnoses_free(&diagnoses);
	diags_free(&diags);
}

/* Every entry is the root of what it is to match. */
static void
entries_are_roots(void **state)
{
	struct diags *diags = diags_new();
	struct diagnoses *diagnoses = read_all(diags);
	struct diagnosis_example example;
	struct passage *passage;
	int wrong = 0;

	(void)state;
	for (size_t i = 0; (example = diagnoses_example(diagnoses, i)).text != NULL; i++) {
		if (example.unlike)
			continue;
		passage = passage_read(diagnoses, NULL, example.text, strlen(example.text));
		assert_non_null(passage);
		if (passage->count != 1 || passage->findings[0].entry != example.entry) {
			print_error("%s: another is the root: %s: %s\n", example.entry->id,
			    passage->count > 0 ? passage->findings[0].entry->id : "none",
			    example.text);
			wrong++;
		}
		passage_free(&passage);
	}
	assert_int_equal(wrong, 0);
	diagnoses_free(&diagnoses);
	diags_free(&diags);
}

static void
words_of_entries(void **state)
{
	struct diags *diags = diags_new();
	struct diagnoses *diagnoses;
	const struct diagnosis *found;

	(void)state;
	write_own("entry late\npattern ODD\nrank consequence\nmeaning late\n\n"
	    "entry domino\nsystem domino ,  exchange online\npattern ODD\nmeaning d\n\n"
	    "entry heard\npattern ODD\nrank information\nmeaning h\n\n"
	    "entry soon\nsystem Postfix, Exim\npattern ODD TWO\nmeaning s\ncheck run it\n"
	    "like the odd two\nunlike odd\nsource a book\n\n"
	    "entry lost-connection\npattern ODD THREE\nmeaning l\n");
	diagnoses = read_all(diags);
	assert_int_equal(diags_count(diags), 0);
	assert_string_equal(diagnoses_find(diagnoses, "odd")->id, "late");
	found = diagnoses_find(diagnoses, "odd two");
	assert_string_equal(found->id, "soon");
	assert_string_equal(found->check, "run it");
	assert_string_equal(found->source, "a book");
	assert_string_equal(diagnoses_example(diagnoses, 0).text, "the odd two");
	assert_false(diagnoses_example(diagnoses, 0).unlike);
	assert_ptr_equal(diagnoses_example(diagnoses, 0).entry, found);
	assert_true(diagnoses_example(diagnoses, 1).unlike);
	assert_true(diagnoses_match(diagnoses, found, "odd two"));
	assert_false(diagnoses_match(diagnoses, found, "odd"));
	found = diagnoses_entry(diagnoses, "domino");
	for (size_t i = 0; i < diagnoses_systems().count; i++)
		assert_int_equal(found->systems >> i & 1,
		    strcmp(diagnoses_systems().list[i], "Domino") == 0 ||
		    strcmp(diagnoses_systems().list[i], "Exchange Online") == 0);
	diagnoses_free(&diagnoses);
	diags_free(&diags);
}

static const struct {
	const char *text;
	unsigned line, column;
	const char *message;
} bad[] = {
	{ "entry a\npattern (\nmeaning m\n", 2, 10, "missing closing parenthesis" },
	{ "entry a\nmeaning m\n", 1, 0, "expected \"entry\", \"meaning\" and" },
	{ "\n\npattern a\nmeaning m\n", 3, 0, "expected \"entry\", \"meaning\" and" },
	{ "entry a\npatern a\nmeaning m\n", 2, 1, "expected \"pattern\";" },
	{ "entry a\npattern a\nside left\nmeaning m\n", 3, 6, "expected \"local\"" },
	{ "entry a\npattern a\nmeaning m\nmeaning n\n", 4, 1, "is there already" },
	{ "entry a\npattern a\nmeaning\n", 3, 1, "expected a value" },
	{ "entry a\npattern a\nmeaning m\n more\n", 4, 1, "expected \"entry\"" },
	{ "entry a\npattern a\nrank first\nmeaning m\n", 3, 6, "expected \"cause\"" },
	{ "entry a\npattern a\nmeaning m\nsystem Exim, Ours\nlike a\n", 4, 14,
	  "expected the name of a system" },
};

static void
bad_entries_are_left_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct diags *diags = diags_new();
		struct diagnoses *diagnoses;
		char text[512];

		(void)snprintf(text, sizeof(text),
		    "%s\nentry good\npattern good one\nmeaning m\n", bad[i].text);
		write_own(text);
		diagnoses = read_all(diags);
		assert_int_equal(diags_count(diags), 1);
		assert_int_equal(diags_at(diags, 0)->line, bad[i].line);
		assert_int_equal(diags_at(diags, 0)->column, bad[i].column);
		assert_string_equal(diags_at(diags, 0)->file, path_of("diagnoses"));
		assert_non_null(strstr(diags_at(diags, 0)->message, bad[i].message));
		assert_string_equal(diagnoses_find(diagnoses, "a")->id, "unknown");
		assert_string_equal(diagnoses_find(diagnoses, "good one")->id, "good");
		assert_string_equal(diagnoses_find(diagnoses, "unknown ca")->id, "unknown");
		diagnoses_free(&diagnoses);
		diags_free(&diags);
	}
}

static void
files_that_cannot_be_read(void **state)
{
	struct diags *diags = diags_new();
	struct diagnoses *diagnoses;
	char *kept = strdup(getenv("TLSWARD_DATADIR"));

	(void)state;
	assert_int_equal(unlink(path_of("diagnoses")), 0);
	assert_int_equal(mkdir(path_of("diagnoses"), 0700), 0);
	assert_int_equal(setenv("TLSWARD_DATADIR", "/nonexistent", 1), 0);
	diagnoses = read_all(diags);
	assert_int_equal(diags_count(diags), 2);
	assert_non_null(strstr(diags_at(diags, 0)->message, "is not a text"));
	assert_string_equal(diags_at(diags, 1)->file, "/nonexistent/diagnoses");
	assert_string_equal(diagnoses_find(diagnoses, "unsupported protocol")->id,
	    "unknown");
	diagnoses_free(&diagnoses);
	diags_free(&diags);
	assert_int_equal(setenv("TLSWARD_DATADIR", kept, 1), 0);
	free(kept);
	assert_int_equal(rmdir(path_of("diagnoses")), 0);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meant_as_listed),
		cmocka_unit_test(examples_are_met),
		cmocka_unit_test(own_entries_come_first),
		cmocka_unit_test(entries_have_examples),
		cmocka_unit_test(entries_are_roots),
		cmocka_unit_test(nothing_is_missed_in_a_log),
		cmocka_unit_test(words_of_entries),
		cmocka_unit_test(bad_entries_are_left_out),
		cmocka_unit_test(files_that_cannot_be_read),
	};
	int failed;

	if (mkdtemp(folder) == NULL)
		return 1;
	failed = UNIT_RUN(argc, argv, tests);
	return rmdir(folder) == 0 ? failed : 1;
}
