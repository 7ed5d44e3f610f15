/*
 * unit-prefilter.c - the prefilter of regular expressions changes no answer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include "policy/literal.h"
#include "policy/pattern.h"
#include "policy/prefilter.h"

#define REGEX_MAX 512
#define SUBJECT_MAX 300

/* What is needed of an expression, "a|b c": (a or b) and c; "" for nothing. */
static const struct {
	const char *regex;
	const char *literals;
} cases[] = {
	{ "(^|\\.)partner123\\.example$", "partner123.example" },
	{ "^mx[0-9]+\\.bank42\\.example$", "mx .bank42.example" },
	{ "bank-[a-z]+17\\.", "bank- 17." },
	{ "^a\\.example$|^bc\\.example$", "a.example|bc.example" },
	{ "^(?:www|mail)\\.acme\\.", "www|mail .acme." },
	{ "^(www|mail|.*)\\.acme\\.", ".acme." },
	{ "acme|x", "" },		/* one letter is too little */
	{ "a[b]c[.]d", "abc.d" },
	{ "a[^b]c[.]d", "c.d" },
	{ "ab[[:alpha:]]cd", "ab cd" },
	{ "ab[[:^alpha:]x]cd", "ab cd" },
	{ "ab[]x]cd", "ab cd" },
	{ "ab[^]x]cd", "ab cd" },
	{ "ab[\\]x]cd", "ab cd" },
	{ "ab[x\\d]cd", "ab cd" },
	{ "ab[\\x41]cd", "" },
	{ "ab[\\Qcd]ef\\E]gh", "" },
	{ "ab[[]cd", "" },
	{ "abc?de", "ab de" },
	{ "abc*de", "ab de" },
	{ "abc+de", "abc cde" },
	{ "abc+?de", "abc cde" },
	{ "abc{0}de", "ab de" },
	{ "abc{0,3}de", "ab de" },
	{ "abc{1}de", "abc cde" },
	{ "abc{2,}+de", "abc cde" },
	{ "abc{,3}de", "" },		/* means either, by version */
	{ "abc{x}de", "" },
	{ "ab(cd)?ef", "ab ef" },
	{ "ab(cd)+ef", "ab cd ef" },
	{ "ab(cd|ef)gh", "ab cd|ef gh" },
	{ "ab(?=cd)ef", "ab ef" },
	{ "ab(?!cd)ef", "ab ef" },
	{ "ab(?<=cd)ef", "ab ef" },
	{ "ab(?<!cd)ef", "ab ef" },
	{ "ab(?>cd)ef", "ab cd ef" },
	{ "(?i)ABcd", "abcd" },
	{ "x(?i:ABcd)", "abcd" },
	{ "(?x)ab cd", "" },
	{ "(?<n>ab)cd", "" },
	{ "(?P<n>ab)cd", "" },
	{ "(ab)\\1cd", "" },
	{ "(ab)(?1)cd", "" },
	{ "(?R)?ab", "" },
	{ "(?(?=ab)cd|ef)gh", "" },
	{ "(*UTF)abc", "" },
	{ "ab(?#cd)ef", "" },
	{ "ab\\Q.*\\Ecd", "" },
	{ "ab\\Kcd", "" },
	{ "ab\\x{41}cd", "" },
	{ "ab\\ncd", "" },
	{ "ab\\dcd\\.ef\\-", "ab cd.ef-" },
	{ "ab\\bcd", "ab cd" },
	{ "ab\xc3\xa9?cd", "ab cd" },
	{ ".*", "" },
	{ "", "" },
	{ "()", "" },
	{ "((((((((((((((abc))))))))))))))", "" },	/* too deep */
	{ "abcdefghijklmnopqrstuvwxyz0123456789",
	    "abcdefghijklmnopqrstuvwxyz012345 6789" },
};

static void
literals_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024] = "";
		struct literals found;

		literal_find(cases[i].regex, strlen(cases[i].regex), &found);
		for (size_t j = 0; j < found.count; j++)
			for (size_t k = 0; k < found.sets[j].count; k++)
				(void)snprintf(text + strlen(text),
				    sizeof(text) - strlen(text), "%s%.*s",
				    k > 0 ? "|" : j > 0 ? " " : "",
				    found.sets[j].literals[k].length,
				    found.sets[j].literals[k].text);
		if (strcmp(text, cases[i].literals) != 0)
			fail_msg("/%s/ needs \"%s\", not \"%s\"", cases[i].regex,
			    cases[i].literals, text);
	}
}

/* A policy's regular expressions. */
struct many {
	char texts[REGEX_MAX][256];
	pcre2_code *codes[REGEX_MAX];
	size_t count;
	struct prefilter *prefilter;
	pcre2_match_context *limits;
};

/* Those that do not compile are left out. */
static void
add(struct many *many, const char *text, bool caseless)
{
	bool no_memory = false;
	pcre2_code *code;
	char error[128];
	size_t at;

	code = pattern_compile(text, caseless, PATTERN_FOR_WHO, error, sizeof(error),
	    &at, &no_memory);
	if (code == NULL)
		return;
	(void)snprintf(many->texts[many->count], sizeof(many->texts[0]), "%s", text);
	many->codes[many->count++] = code;
}

static void
finish(struct many *many)
{
	struct prefilter_text texts[REGEX_MAX];

	for (size_t i = 0; i < many->count; i++)
		texts[i] = (struct prefilter_text){ many->texts[i],
		    strlen(many->texts[i]) };
	many->limits = pattern_limits();
	many->prefilter = prefilter_new(texts, many->count);
	assert_non_null(many->limits);
	assert_non_null(many->prefilter);
}

static void
end(struct many *many)
{
	for (size_t i = 0; i < many->count; i++)
		pcre2_code_free(many->codes[i]);
	pcre2_match_context_free(many->limits);
	prefilter_free(&many->prefilter);
	many->count = 0;
}

/*
 * Both ways have the same answer. One that ran into its limit without its literal
 * being there cannot match: the prefilter knows better, and then goes on.
 * Returns how many candidates there were.
 */
static size_t
compare(struct many *many, const char *subject)
{
	uint64_t candidates[PREFILTER_WORDS];
	size_t length = strlen(subject), first, filtered_first, tried = 0;
	bool filtered = prefilter_candidates(many->prefilter, subject, length,
	    candidates);
	enum policy_tri plain, answer;

	if (!filtered)
		memset(candidates, 0xff, sizeof(candidates));
	for (size_t i = 0; i < many->count; i++) {
		bool candidate = (candidates[i / 64] >> i % 64 & 1) != 0;

		tried += candidate;
		plain = pattern_regex(many->codes[i], many->limits, subject, length);
		if (!candidate && plain == POLICY_YES)
			fail_msg("/%s/ matches \"%s\" and is no candidate",
			    many->texts[i], subject);
	}
	plain = POLICY_NO;
	for (first = 0; first < many->count; first++) {
		plain = pattern_regex(many->codes[first], many->limits, subject, length);
		if (plain == POLICY_UNKNOWN && !(candidates[first / 64] >> first % 64 & 1))
			plain = POLICY_NO;
		if (plain != POLICY_NO)
			break;
	}
	answer = pattern_first(many->codes, many->count, filtered ? candidates : NULL,
	    many->limits, subject, length, &filtered_first);
	assert_int_equal(answer, plain);
	if (answer != POLICY_NO)
		assert_int_equal(filtered_first, first);
	return tried;
}

/* xorshift, so that a failure comes again. */
static uint32_t
roll(uint32_t below)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x % below;
}

#define PICK(list) (list)[roll(sizeof(list) / sizeof((list)[0]))]

static void
append(char *text, size_t size, const char *more)
{
	size_t length = strlen(text);

	(void)snprintf(text + length, size - length, "%s", more);
}

static void random_branches(char *text, size_t size, int depth);

static void
random_atom(char *text, size_t size, int depth)
{
	static const char *const atoms[] = {
		"a", "b", "k", "S", "ab", "bank", "mx", "7", "\\.", "-", "_", ".", "\\d",
		"\\w", "[ab]", "[^a]", "[.]", "[a-z]", "[[:alpha:]]", "[]a]", "[\\]b]",
		"^", "$", "\\b", "\\B", "\\A", "\\z", "\xc3\xa9", "\xe2\x84\xaa", "\\x61",
		"\\Qa.b\\E", "\\Q", "\\E", "\\K", "(?i)", "(?x)", "(?s)", "(?-i)", "#", " ",
		"\\1", "\\g1", "(?R)", "(?1)", "(?#a)", "\\/", "]", "}", "[[]", "\\N", "\\R",
		"{", "{2}", "(*ACCEPT)", "(*FAIL)", "(*SKIP)", "\\C", "\\p{L}", "[\\Qa]\\E]"
	};
	static const char *const groups[] = {
		"(", "(?:", "(?i:", "(?>", "(?|", "(?=", "(?!", "(?<=", "(?<!", "(?<n>",
		"(?-i:", "(?(1)", "(?(DEFINE)", "(?x:", "(*atomic:", "(?*"
	};

	if (depth > 0 && roll(4) == 0) {
		append(text, size, PICK(groups));
		random_branches(text, size, depth - 1);
		append(text, size, ")");
	} else if (roll(3) != 0)
		append(text, size, atoms[roll(12)]);
	else
		append(text, size, PICK(atoms));
}

static void
random_branches(char *text, size_t size, int depth)
{
	static const char *const quantifiers[] = {
		"?", "*", "+", "+?", "*+", "{0}", "{1}", "{2}", "{0,2}", "{1,}", "{,2}", "??",
		"{2}{0}", "{ 1}", "{1,2}?"
	};

	do {
		for (uint32_t n = roll(5) + (depth == 3); n > 0; n--) {
			random_atom(text, size, depth);
			if (roll(4) == 0)
				append(text, size, PICK(quantifiers));
		}
	} while (roll(4) == 0 && (append(text, size, "|"), true));
}

static void
random_subject(char *text, size_t size)
{
	static const char *const parts[] = {
		"a", "b", "k", "s", "S", "ab", "bank", "mx", "7", ".", "-", "_", "aab", "a.b",
		"ba", "bb", " ", "#", "A", "BANK", "]", "{", "/"
	};
	static const char *const wild[] = {
		"\xc3\xa9", "\xe2\x84\xaa", "\xc5\xbf", "\xff", "\n"
	};
	bool ascii = roll(8) != 0;

	text[0] = '\0';
	for (uint32_t n = roll(12); n > 0; n--)
		append(text, size, ascii || roll(3) != 0 ? PICK(parts) : PICK(wild));
}

static void
random_expressions_match_the_same(void **state)
{
	static struct many many;
	char subject[SUBJECT_MAX];
	size_t tried = 0, all = 0, compiled = 0;

	(void)state;
	for (int round = 0; round < 150; round++) {
		for (int i = 0; i < 100; i++) {
			char text[200] = "";

			random_branches(text, sizeof(text) - 60, 3);
			add(&many, text, roll(3) == 0);
		}
		finish(&many);
		compiled += many.count;
		for (int i = 0; i < 60; i++) {
			random_subject(subject, sizeof(subject));
			tried += compare(&many, subject);
			all += many.count;
		}
		end(&many);
	}
	/* The test is of something: many compile, and many are not tried. */
	assert_true(compiled > 4000);
	assert_true(tried < all * 9 / 10);
}

/* Hosts, their shared ends among them. */
static void
names_match_the_same(void **state)
{
	static struct many many;
	char text[128];
	size_t tried;

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "(^|\\.)partner%d\\.example$", i);
		add(&many, text, false);
		(void)snprintf(text, sizeof(text), "^mx[0-9]+\\.bank%d\\.example$", i);
		add(&many, text, false);
		(void)snprintf(text, sizeof(text), "Bank-[a-z]+%d\\.", i);
		add(&many, text, true);
		(void)snprintf(text, sizeof(text), "^cust%d-[a-z]+\\.provider\\.example$", i);
		add(&many, text, false);
	}
	add(&many, "^[a-z]+$", false);
	finish(&many);
	assert_int_equal(many.count, 401);
	assert_int_equal(prefilter_unfiltered(many.prefilter), 1);
	for (int i = 0; i < 110; i++) {
		(void)snprintf(text, sizeof(text), "mail.partner%d.example", i);
		assert_true(compare(&many, text) <= 6);
		(void)snprintf(text, sizeof(text), "mx%d.bank%d.example", i, i);
		assert_true(compare(&many, text) <= 6);
		(void)snprintf(text, sizeof(text), "bank-abc%d.de", i);
		(void)compare(&many, text);
		(void)snprintf(text, sizeof(text), "cust%d-abc.provider.example", i);
		assert_true(compare(&many, text) <= 6);
	}
	tried = compare(&many, "mx1.somewhere.else.example");
	assert_true(tried <= 3);
	end(&many);
}

/* What would run into its limit is not tried where it cannot match. */
static void
limits_are_met_by_candidates_only(void **state)
{
	static struct many many;
	char subject[SUBJECT_MAX] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	uint64_t candidates[PREFILTER_WORDS];
	size_t first;

	(void)state;
	add(&many, "^(a+)+[b-c]$", false);
	add(&many, "^(a|aa)+(bcx|dey)$", false);
	finish(&many);
	assert_int_equal(compare(&many, subject), 1);
	assert_true(prefilter_candidates(many.prefilter, subject, strlen(subject),
	    candidates));
	assert_int_equal(pattern_first(many.codes, 2, candidates, many.limits, subject,
	    strlen(subject), &first), POLICY_UNKNOWN);
	assert_int_equal(first, 0);
	assert_int_equal(pattern_first(many.codes + 1, 1, NULL, many.limits, subject,
	    strlen(subject), &first), POLICY_UNKNOWN);
	append(subject, sizeof(subject), "dey.example");
	assert_int_equal(compare(&many, subject), 2);
	end(&many);
}

static void
nothing_and_everything(void **state)
{
	static struct many many;

	(void)state;
	finish(&many);
	assert_int_equal(compare(&many, "acme.example"), 0);
	end(&many);
	for (int i = 0; i < 65; i++)
		add(&many, ".", false);
	add(&many, "acme", false);
	finish(&many);
	assert_int_equal(compare(&many, "acme.example"), 66);
	assert_int_equal(compare(&many, "other.example"), 65);
	assert_int_equal(compare(&many, ""), 65);
	end(&many);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_are_found),
		cmocka_unit_test(random_expressions_match_the_same),
		cmocka_unit_test(names_match_the_same),
		cmocka_unit_test(limits_are_met_by_candidates_only),
		cmocka_unit_test(nothing_and_everything),
	};

	return UNIT_RUN(argc, argv, tests);
}
