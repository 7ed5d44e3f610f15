/*
 * parse_token.c - what all that reads policies does with tokens, texts and paths.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/suggest.h"
#include "base/tape.h"

#define HINT_WORDS_MAX 10

void
parse_next(struct parser *p)
{
	p->token = lexer_next(&p->lexer, false);
}

void
parse_next_pattern(struct parser *p)
{
	p->token = lexer_next(&p->lexer, true);
}

void
parse_panic(struct parser *p)
{
	p->panic = true;
	p->lexer.quiet = true;
}

void
parse_unexpected(struct parser *p, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (p->token.type != TOKEN_BAD && !p->panic)
		source_verror(p->diags, &p->token.place, format, arguments);
	va_end(arguments);
	parse_panic(p);
}

void
parse_resync(struct parser *p)
{
	p->panic = false;
	p->lexer.quiet = false;
}

bool
parse_is(const struct parser *p, const char *word)
{
	return p->token.type == TOKEN_WORD && strcmp(p->token.text, word) == 0;
}

size_t
parse_word(const struct parser *p, const char *const *words, size_t count)
{
	size_t i = 0;

	while (i < count && !parse_is(p, words[i]))
		i++;
	return i;
}

bool
parse_at_end(const struct parser *p)
{
	enum token_type type = p->token.type;

	return type == TOKEN_NEWLINE || type == TOKEN_SEMICOLON ||
	    type == TOKEN_CLOSE || type == TOKEN_END;
}

const char *
parse_print(struct parser *p, const char *format, ...)
{
	va_list arguments, again;
	char *text;
	int length;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	text = length < 0 ? NULL : parse_scratch(p, (size_t)length + 1);
	if (text != NULL)
		(void)vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	va_end(arguments);
	return text != NULL ? text : "";
}

const char *
parse_found(struct parser *p, const struct token *token)
{
	return token->type == TOKEN_WORD ? parse_print(p, "\"%s\"", token->text) :
	    token_name(token);
}

void
parse_skip_block(struct parser *p)
{
	int depth = 0;

	do {
		if (p->token.type == TOKEN_OPEN)
			depth++;
		else if (p->token.type == TOKEN_CLOSE)
			depth--;
		parse_next(p);
	} while (depth > 0 && p->token.type != TOKEN_END);
}

void
parse_skip_setting(struct parser *p)
{
	while (!parse_at_end(p)) {
		if (p->token.type == TOKEN_OPEN)
			parse_skip_block(p);
		else
			parse_next(p);
	}
}

void
parse_end(struct parser *p, const char *what)
{
	if (parse_at_end(p))
		return;
	parse_unexpected(p, MSG_END_EXPECTED, what, parse_found(p, &p->token));
	parse_skip_setting(p);
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
parse_hint(struct parser *p, const char *word, size_t length,
    const char *const *candidates, size_t count)
{
	const char *meant = suggest_word(word, length, candidates, count);

	return meant == NULL ? expected_words(p, candidates, count) :
	    parse_print(p, ": did you mean \"%s\"?", meant);
}

void *
parse_keep(struct parser *p, size_t size)
{
	void *memory = arena_alloc(&p->policy->arena, size);

	p->no_memory |= memory == NULL;
	return memory;
}

char *
parse_keep_text(struct parser *p, const char *text, size_t length)
{
	char *copy = arena_text(&p->policy->arena, text, length);

	p->no_memory |= copy == NULL;
	return copy;
}

void *
parse_scratch(struct parser *p, size_t size)
{
	void *memory = arena_alloc(&p->written->words, size);

	p->no_memory |= memory == NULL;
	return memory;
}

bool
parse_keep_place(struct parser *p, const struct place *place, struct kept_place *kept)
{
	const char *path = place->source->path;

	*kept = (struct kept_place){
		parse_keep_text(p, path, strlen(path)),
		parse_keep_text(p, place->start, strcspn(place->start, "\r\n")),
		place->line, place->column
	};
	return kept->file != NULL && kept->text != NULL;
}

bool
parse_at_block(const struct parser *p)
{
	return p->token.type == TOKEN_OPEN || p->lexer.opened > p->lexer.closed;
}

bool
parse_at_least(struct parser *p)
{
	if (p->token.type != TOKEN_AT_LEAST) {
		parse_expected(p, MSG_AT_LEAST);
		return false;
	}
	parse_next(p);
	return true;
}

/* A path in the including file's folder, or as it is when it is absolute. */
const char *
parse_beside(struct parser *p, const char *path)
{
	const char *from = p->current->source.path;
	const char *slash = strrchr(from, '/');
	int folder = slash == NULL || path[0] == '/' ? 0 : (int)(slash + 1 - from);

	return parse_print(p, "%.*s%s", folder, from, path);
}

const char *
parse_named_file(struct parser *p, const char *path)
{
	const char *joined = parse_print(p, "%s%s", path[0] == '/' ? "" : p->folder, path);
	enum file_result result;
	struct file nothing;

	if (joined == NULL)
		return NULL;
	result = tape_ask(p->tape, TAPE_PRESENT, joined, &nothing);
	free(nothing.text);
	return result == FILE_READ ? joined : parse_beside(p, path);
}

const char *
parse_absolute(struct parser *p, const char *path)
{
	struct file absolute;
	const char *kept;

	if (tape_ask(p->tape, TAPE_ABSOLUTE, path, &absolute) == FILE_NO_MEMORY)
		p->no_memory = true;
	if (absolute.text != NULL)
		path = absolute.text;
	kept = parse_keep_text(p, path, strlen(path));
	free(absolute.text);
	return kept;
}

pcre2_code *
parse_pattern(struct parser *p, const char *text, bool caseless, enum pattern_use use)
{
	struct policy *policy = p->policy;
	pcre2_code *code;
	char error[256];
	size_t offset;

	if (!array_reserve(policy->codes, policy->code_count + 1, &policy->code_room)) {
		p->no_memory = true;
		return NULL;
	}
	code = pattern_compile(text, caseless, use, error, sizeof(error), &offset,
	    &p->no_memory);
	if (code != NULL)
		policy->codes[policy->code_count++] = code;
	else
		parse_error(p, &p->token.place, MSG_REGEX, error, offset);
	return code;
}
