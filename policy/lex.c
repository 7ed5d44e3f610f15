/*
 * lex.c - from the text of a policy file to tokens.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/lex.h"

#include <stdarg.h>
#include <string.h>

#include "policy/messages.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/text.h"

void
lexer_start(struct lexer *lexer, const struct source *source, struct arena *arena,
    struct diags *diags)
{
	struct place place = { source, source->text, 1, 1 };

	*lexer = (struct lexer){
		.arena = arena, .diags = diags, .next = source->text,
		.end = source->text + source->length, .place = place, .after = place,
		.joined = 1
	};
}

__attribute__((format(printf, 3, 4)))
static void
lex_report(struct lexer *lexer, const struct place *place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (!lexer->quiet)
		source_verror(lexer->diags, place, format, arguments);
	va_end(arguments);
}

/* Steps over one byte, keeping the place. */
static void
step(struct lexer *lexer)
{
	unsigned char c = (unsigned char)*lexer->next++;

	if (c == '\n') {
		lexer->place.line++;
		lexer->place.column = 1;
		lexer->place.start = lexer->next;
		lexer->joined = lexer->place.line;
	} else if (text_begins(*lexer->next))
		lexer->place.column++;
}

static bool
at(const struct lexer *lexer, const char *text)
{
	return strncmp(lexer->next, text, strlen(text)) == 0;
}

static bool
at_line_end(const struct lexer *lexer)
{
	return lexer->next == lexer->end || at(lexer, "\n") || at(lexer, "\r\n");
}

static void
step_to_line_end(struct lexer *lexer)
{
	while (!at_line_end(lexer))
		step(lexer);
}

/* White space and controls beyond ASCII, which no word may hold. */
static bool
is_wide_space(const struct lexer *lexer, const char *text)
{
	uint32_t code;

	if (text == lexer->end)
		return false;
	(void)text_next(text, (size_t)(lexer->end - text), &code);
	return (code >= 0x80 && code <= 0xa0) || code == 0x1680 ||
	    (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
	    code == 0x202f || code == 0x205f || code == 0x3000;
}

static bool
in_word(const struct lexer *lexer)
{
	unsigned char c;

	if (lexer->next == lexer->end)
		return false;
	c = (unsigned char)*lexer->next;
	if (c >= 0x80)
		return !is_wide_space(lexer, lexer->next);
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c != '\0' && strchr("._-:/@*+=", c) != NULL);
}

/* Counts the braces of a token that has no end. */
static void
count_braces(struct lexer *lexer, const char *start)
{
	for (; start < lexer->next; start++) {
		lexer->opened += *start == '{';
		lexer->closed += *start == '}';
	}
}

static void
set_text(struct lexer *lexer, struct token *token, enum token_type type,
    const char *text, size_t length)
{
	token->length = length;
	token->text = arena_text(lexer->arena, text, length);
	token->type = token->text != NULL ? type : TOKEN_BAD;
}

static struct token
word(struct lexer *lexer, struct token token)
{
	const char *start = lexer->next;

	while (in_word(lexer))
		step(lexer);
	set_text(lexer, &token, TOKEN_WORD, start, (size_t)(lexer->next - start));
	return token;
}

/* Undoes \" and \\. */
static void
undo_escapes(struct token *token)
{
	char *text = token->text;
	size_t out = 0;

	for (size_t i = 0; i < token->length; i++) {
		if (text[i] == '\\')
			i++;
		text[out++] = text[i];
	}
	text[out] = '\0';
	token->length = out;
}

/* Steps over a backslash of a string. False, and reported: it escapes nothing. */
static bool
escape(struct lexer *lexer, bool damaged)
{
	struct place place = lexer->place;

	step(lexer);
	if (at(lexer, "\"") || at(lexer, "\\") || damaged)
		return true;
	lex_report(lexer, &place, "%s", MSG_ESCAPE);
	return false;
}

/* What follows a regular expression's last slash. */
static bool
regex_flags(struct lexer *lexer, struct token *token)
{
	struct place place = lexer->place;
	const char *start = lexer->next;
	size_t length;

	while (in_word(lexer))
		step(lexer);
	length = (size_t)(lexer->next - start);
	token->caseless = length == 1 && *start == 'i';
	if (length == 0 || token->caseless)
		return true;
	lex_report(lexer, &place, MSG_REGEX_FLAG, (int)length, start);
	return false;
}

/* A string, or with slashes for its quotes a regular expression. */
static struct token
quoted(struct lexer *lexer, struct token token, bool is_string)
{
	char quote = *lexer->next;
	bool damaged = false;
	const char *start;
	size_t length;

	step(lexer);
	start = lexer->next;
	while (!at_line_end(lexer) && (*lexer->next != quote ||
	    (!is_string && lexer->next[-1] == '\\'))) {
		damaged |= *lexer->next == SOURCE_BAD;
		if (is_string && *lexer->next == '\\')
			damaged |= !escape(lexer, damaged);
		if (!at_line_end(lexer))
			step(lexer);
	}
	length = (size_t)(lexer->next - start);
	if (at_line_end(lexer)) {
		if (!damaged)
			lex_report(lexer, &token.place, "%s",
			    is_string ? MSG_STRING_OPEN : MSG_REGEX_OPEN);
		count_braces(lexer, start);
		return token;
	}
	step(lexer);
	damaged |= !is_string && !regex_flags(lexer, &token);
	if (damaged)
		return token;
	set_text(lexer, &token, is_string ? TOKEN_STRING : TOKEN_REGEX, start, length);
	if (token.type == TOKEN_STRING)
		undo_escapes(&token);
	return token;
}

/* Steps over blanks, comments and joined lines. False: a stray backslash. */
static bool
skip_blanks(struct lexer *lexer)
{
	while (lexer->next < lexer->end) {
		if (*lexer->next == '#') {
			lexer->comment = lexer->place;
			lexer->comment_text = lexer->next;
			lexer->comment_joined = lexer->joined;
			step_to_line_end(lexer);
		} else if (at(lexer, "\\\n") || at(lexer, "\\\r\n")) {
			unsigned joined = lexer->joined;

			step_to_line_end(lexer);
			while (*lexer->next != '\n')
				step(lexer);
			step(lexer);
			lexer->joined = joined;
		} else if (*lexer->next == ' ' || *lexer->next == '\t' ||
		    at(lexer, "\r\n"))
			step(lexer);
		else
			return *lexer->next != '\\';
	}
	return true;
}

static struct token
symbol(struct lexer *lexer, struct token token, enum token_type type, const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++)
		step(lexer);
	token.type = type;
	if (type == TOKEN_WORD || type == TOKEN_NULL_SENDER)
		set_text(lexer, &token, type, text, strlen(text));
	return token;
}

/* Whether a word or a run of stray characters ends here. */
static bool
at_delimiter(const struct lexer *lexer)
{
	return lexer->next == lexer->end || at_line_end(lexer) ||
	    strchr(" \t{};\"#", *lexer->next) != NULL || at(lexer, ">=");
}

/*
 * A character that no token has. With the words that hang on it, and the stray
 * characters among them, it is one error, at the first.
 */
static struct token
stray(struct lexer *lexer, struct token token)
{
	struct place place = lexer->place;
	const char *start = lexer->next;
	bool control = (unsigned char)*start < 0x20 || *start == 0x7f;
	int length;

	do
		step(lexer);
	while (lexer->next < lexer->end && !text_begins(*lexer->next));
	length = (int)(lexer->next - start);
	if (*start == '\\')
		lex_report(lexer, &place, "%s", MSG_JOIN);
	else if (control && *start != SOURCE_BAD)
		lex_report(lexer, &place, "%s", MSG_CONTROL);
	else if (is_wide_space(lexer, start))
		lex_report(lexer, &place, "%s", MSG_SPACE);
	else if (*start == ',' || *start == '<' || *start == '\'')
		lex_report(lexer, &place, "%s", *start == ',' ? MSG_COMMA :
		    *start == '<' ? MSG_ANGLE : MSG_QUOTE);
	else if (!control)
		lex_report(lexer, &place, MSG_CHARACTER, length, start);
	while (!at_delimiter(lexer) && !is_wide_space(lexer, start))
		step(lexer);
	token.type = TOKEN_BAD;
	return token;
}

/* "=", ":", ">", "<" and "<=", which stand for themselves: of other programs. */
static bool
is_comparison(const struct lexer *lexer)
{
	const char *next = lexer->next;
	size_t length = next[0] == '<' && next[1] == '=' ? 2 : 1;

	return strchr("=:><", *next) != NULL && next + length <= lexer->end &&
	    strchr(" \t\r\n", next[length]) != NULL;
}

static struct token
compared(struct lexer *lexer, struct token token)
{
	const char *start = lexer->next;

	while (strchr("=:><", *lexer->next) != NULL && *lexer->next != '\0')
		step(lexer);
	lex_report(lexer, &token.place, MSG_EQUALS, (int)(lexer->next - start), start);
	return token;
}

static struct token
scan(struct lexer *lexer, bool with_regex)
{
	static const struct {
		const char *text;
		enum token_type type;
	} symbols[] = {
		{ "\n", TOKEN_NEWLINE }, { ";", TOKEN_SEMICOLON }, { "{", TOKEN_OPEN },
		{ "}", TOKEN_CLOSE }, { ">=", TOKEN_AT_LEAST },
		{ "<>", TOKEN_NULL_SENDER },
		/* Meant as >=, and easier to say so of a word. */
		{ "=>", TOKEN_WORD }
	};
	struct token token = { .type = TOKEN_END };
	bool clean;

	lexer->comment.source = NULL;
	clean = skip_blanks(lexer);
	token.place = lexer->place;
	if (lexer->next == lexer->end)
		return token;
	token.type = TOKEN_BAD;
	if (!clean)
		return stray(lexer, token);
	if (*lexer->next == '"' || (*lexer->next == '/' && with_regex))
		return quoted(lexer, token, *lexer->next == '"');
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if (at(lexer, symbols[i].text))
			return symbol(lexer, token, symbols[i].type, symbols[i].text);
	if (is_comparison(lexer))
		return compared(lexer, token);
	if (in_word(lexer))
		token = word(lexer, token);
	return at_delimiter(lexer) || (token.type == TOKEN_WORD &&
	    is_wide_space(lexer, lexer->next)) ? token : stray(lexer, token);
}

struct token
lexer_next(struct lexer *lexer, bool with_regex)
{
	struct token token = scan(lexer, with_regex);
	bool end = token.type == TOKEN_NEWLINE || token.type == TOKEN_END;

	/* What is missing is missing before the comment, not after it. */
	if (end && token.place.line == lexer->after.line)
		token.place = lexer->after;
	lexer->after = lexer->place;
	return token;
}

const char *
token_name(const struct token *token)
{
	static const char *const names[] = {
		[TOKEN_END] = "the end of the file",
		[TOKEN_NEWLINE] = "the end of the line",
		[TOKEN_SEMICOLON] = "\";\"",
		[TOKEN_OPEN] = "\"{\"",
		[TOKEN_CLOSE] = "\"}\"",
		[TOKEN_AT_LEAST] = "\">=\"",
		[TOKEN_NULL_SENDER] = "\"<>\"",
		[TOKEN_WORD] = "a word",
		[TOKEN_STRING] = "a string",
		[TOKEN_REGEX] = "a regular expression",
		[TOKEN_BAD] = "a word"
	};

	return names[token->type];
}
