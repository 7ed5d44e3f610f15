/*
 * parse_hint.c - what was probably meant by a word that cannot stand where it does.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/parse.h"

#include <string.h>

#include "base/suggest.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define HINT_WORDS_MAX 10

/* Of more errors than that nobody reads the hints. */
#define HINTS_MAX 10000

/* The words of the language, and what is probably meant where a name is expected. */
static const struct keyword_hint {
	const char *word;
	const char *meant;
} keyword_hints[] = {
	{ "and", MSG_KEYWORD_OR }, { "or", MSG_KEYWORD_OR },
	{ "except", MSG_KEYWORD_EXCEPT },
	{ "from", MSG_KEYWORD_BOTH }, { "to", MSG_KEYWORD_BOTH },
	{ "deliver", MSG_KEYWORD_STATEMENT }, { "partner", MSG_KEYWORD_STATEMENT },
	{ "default", MSG_KEYWORD_STATEMENT }, { "profile", MSG_KEYWORD_STATEMENT },
	{ "include", MSG_KEYWORD_STATEMENT }, { "client", MSG_KEYWORD_CLIENT },
	{ "incoming", MSG_KEYWORD_END }, { "outgoing", MSG_KEYWORD_END },
	{ "use", MSG_KEYWORD_END }, { "require", MSG_KEYWORD_END },
	{ "otherwise", MSG_KEYWORD_END }, { "monitor", MSG_KEYWORD_END },
	{ "exempt", MSG_KEYWORD_END }, { "enforce", MSG_KEYWORD_END },
	{ "until", MSG_KEYWORD_END }, { "contact", MSG_KEYWORD_END },
	{ "note", MSG_KEYWORD_END }, { "via", MSG_KEYWORD_NAME },
	{ "domain", MSG_KEYWORD_NAME }, { "file", MSG_KEYWORD_NAME },
};

/* The same of words that are some in lists of what a requirement demands alone. */
static const struct keyword_hint demand_hints[] = {
	{ "tls", MSG_KEYWORD_REQUIRE }, { "bits", MSG_KEYWORD_REQUIRE },
	{ "cipher", MSG_KEYWORD_REQUIRE }, { "ciphersuites", MSG_KEYWORD_REQUIRE },
	{ "forward-secrecy", MSG_KEYWORD_REQUIRE }, { "aead", MSG_KEYWORD_REQUIRE },
	{ "certificate", MSG_KEYWORD_REQUIRE }, { "dane", MSG_KEYWORD_REQUIRE },
	{ "nothing", MSG_KEYWORD_REQUIRE }, { "name", MSG_KEYWORD_REQUIRE },
	{ "issuer", MSG_KEYWORD_REQUIRE }, { "fingerprint", MSG_KEYWORD_REQUIRE },
	{ "key", MSG_KEYWORD_REQUIRE }, { "signature", MSG_KEYWORD_REQUIRE },
	{ "valid-for", MSG_KEYWORD_REQUIRE },
	{ "accept", MSG_KEYWORD_ACTION }, { "quarantine", MSG_KEYWORD_ACTION },
	{ "tempfail", MSG_KEYWORD_ACTION }, { "reject", MSG_KEYWORD_ACTION }
};

static const char *
find_hint(const struct keyword_hint *hints, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, hints[i].word) == 0)
			return hints[i].meant;
	return NULL;
}

const char *
parse_keyword_meant(const char *word)
{
	return find_hint(keyword_hints, COUNT(keyword_hints), word);
}

bool
parse_at_keyword(const struct parser *p)
{
	return p->token.type == TOKEN_WORD && parse_keyword_meant(p->token.text) != NULL;
}

bool
parse_swallowed(struct parser *p)
{
	if (!parse_at_keyword(p))
		return false;
	parse_unexpected(p, MSG_KEYWORD, p->token.text, parse_keyword_meant(p->token.text));
	return true;
}

bool
parse_swallowed_demand(struct parser *p)
{
	const char *meant = p->token.type != TOKEN_WORD ? NULL :
	    find_hint(demand_hints, COUNT(demand_hints), p->token.text);

	if (meant != NULL)
		parse_unexpected(p, MSG_KEYWORD, p->token.text, meant);
	return meant != NULL;
}

/* ": expected A, B or C" */
static const char *
expected_words(struct parser *p, const char *const *candidates, size_t count)
{
	const char *text = ": expected ";

	if (count == 0 || count > HINT_WORDS_MAX)
		return "";
	for (size_t i = 0; i < count; i++)
		text = parse_print(p, "%s%s%s", text,
		    i == 0 ? "" : i + 1 == count ? " or " : ", ", candidates[i]);
	return text;
}

const char *
parse_found_for(struct parser *p, const char *const *words, size_t count)
{
	const char *found = parse_found(p, &p->token), *meant = NULL;

	if (parse_is(p, "and") || parse_is(p, "or"))
		return parse_print(p, "%s: %s", found, MSG_KEYWORD_OR);
	if (p->token.type == TOKEN_WORD && parse_word(p, words, count) == count)
		meant = suggest_word(p->token.text, p->token.length, words, count);
	return meant == NULL ? found :
	    parse_print(p, "%s: did you mean \"%s\"?", found, meant);
}

const char *
parse_hint(struct parser *p, const char *word, size_t length,
    const char *const *candidates, size_t count)
{
	const char *meant;

	if (diags_errors(p->diags) > HINTS_MAX)
		return "";
	meant = suggest_word(word, length, candidates, count);
	return meant == NULL ? expected_words(p, candidates, count) :
	    parse_print(p, ": did you mean \"%s\"?", meant);
}

const char *
parse_hint_version(struct parser *p, const char *before)
{
	static const char *const versions[] = { "1.0", "1.1", "1.2", "1.3" };
	char digits[3] = "";
	size_t count = 0;

	/* "TLS1.2", "tlsv1_2", "12" */
	for (const char *c = p->token.text; *c != '\0'; c++)
		if (*c >= '0' && *c <= '9' && count++ < 2)
			digits[count - 1] = *c;
	for (size_t i = 0; i < 4; i++)
		if (count == 2 && digits[0] == '1' && digits[1] == versions[i][2])
			return parse_print(p, ": did you mean \"%s%s\"?", before,
			    versions[i]);
	return expected_words(p, versions, 4);
}

/* What requires or is done, as it stands in a block; NULL: the token is none. */
static const char *
demand_hint(struct parser *p)
{
	static const char *const of_certificate[] = {
		"name", "issuer", "fingerprint", "key", "signature", "valid-for"
	};
	const char *meant = find_hint(demand_hints, COUNT(demand_hints), p->token.text);

	if (meant == NULL)
		return NULL;
	if (strcmp(meant, MSG_KEYWORD_ACTION) == 0)
		return parse_print(p, ": did you mean \"otherwise %s\"?", p->token.text);
	return parse_print(p, ": did you mean \"require %s%s\"?",
	    parse_word(p, of_certificate, COUNT(of_certificate)) <
	    COUNT(of_certificate) ? "certificate " : "", p->token.text);
}

/* Whether the token begins a setting or, at the top, a block of an agreement. */
static bool
is_of_block(const struct parser *p)
{
	const char *meant = parse_keyword_meant(p->token.text);

	return meant != NULL && strcmp(meant, MSG_KEYWORD_END) == 0;
}

const char *
parse_hint_setting(struct parser *p, const char *const *names, size_t count)
{
	const char *hint = demand_hint(p);

	if (hint != NULL)
		return hint;
	return parse_is(p, "until") ? MSG_HINT_UNTIL :
	    parse_hint(p, p->token.text, p->token.length, names, count);
}

const char *
parse_hint_item(struct parser *p, const char *const *names, size_t count)
{
	if (parse_is(p, "via"))
		return MSG_HINT_VIA;
	return !parse_is(p, "name") && (is_of_block(p) || demand_hint(p) != NULL) ?
	    MSG_HINT_BLOCK :
	    parse_hint(p, p->token.text, p->token.length, names, count);
}

const char *
parse_hint_statement(struct parser *p, const char *const *names, size_t count)
{
	if (parse_is(p, "domain"))
		return ": did you mean \"from domain\"?";
	return is_of_block(p) || demand_hint(p) != NULL ? MSG_HINT_RULE :
	    parse_hint(p, p->token.text, p->token.length, names, count);
}

/* The same behind a setting that should have ended. */
static const char *
end_hint(struct parser *p)
{
	const char *demand = p->token.type == TOKEN_WORD ? demand_hint(p) : NULL;

	if (parse_is(p, "from") || parse_is(p, "since") || parse_is(p, "after"))
		return MSG_HINT_FROM;
	return demand != NULL && strstr(demand, "otherwise") == NULL ? MSG_HINT_REQUIRE :
	    demand != NULL ? demand : p->token.type == TOKEN_WORD && strncmp(p->token.text, "//", 2) == 0 ?
	    MSG_HINT_COMMENT : "";
}

void
parse_end(struct parser *p, const char *what)
{
	static const char *const words[] = { "until", "otherwise" };

	if (parse_at_end(p))
		return;
	parse_unexpected(p, MSG_END_EXPECTED, what, parse_print(p, "%s%s",
	    parse_found_for(p, words, 2), end_hint(p)));
	parse_skip_setting(p);
}
