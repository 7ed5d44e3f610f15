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

#include <openssl/evp.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/tape.h"
#include "base/text.h"

#define TITLE_MAX 80

/* What is behind the next "# tlsward:", perhaps behind another comment; NULL: none is. */
static const char *
comment_said(const char *text)
{
	const char *end = text + strcspn(text, "\r\n"), *said;

	for (; text < end; text++) {
		if (*text != '#')
			continue;
		said = text + 1 + strspn(text + 1, " \t");
		if (strncmp(said, "tlsward:", 8) == 0)
			return said + 8;
	}
	return NULL;
}

/* The text behind " title ", kept; NULL: it is none that a reply can have. */
static const char *
title_said(struct parser *p, const char *said)
{
	const char *title = said + strspn(said, " \t");
	size_t length = strcspn(title, "#\r\n");

	while (length > 0 && title[length - 1] == ' ')
		length--;
	for (size_t i = 0; i < length; i++)
		if (title[i] < ' ' || title[i] > '~')
			return NULL;
	return length == 0 || length > TITLE_MAX ? NULL : parse_keep_text(p, title, length);
}

static void
keep_allow(struct parser *p, const struct place *place, const char *said, unsigned first)
{
	struct allow *allow = parse_keep(p, sizeof(*allow));

	if (allow == NULL || !parse_keep_place(p, place, &allow->place))
		return;
	allow->text = allow->place.text + (said - place->start);
	allow->first = first;
	allow->everywhere = place->line == 1 && p->current->parent == NULL &&
	    place->source == &p->current->source &&
	    place->start[strspn(place->start, " \t")] == '#';
	allow->next = p->policy->allows;
	p->policy->allows = allow;
}

void
parse_comment(struct parser *p, const struct place *place, const char *text,
    unsigned first)
{
	const char *said = text;

	while ((said = comment_said(said)) != NULL) {
		if (strncmp(said, " title ", 7) == 0)
			p->title = title_said(p, said + 7);
		else
			keep_allow(p, place, said, first);
	}
}

static void
next_token(struct parser *p, bool regex)
{
	p->title = NULL;
	p->token = lexer_next(&p->lexer, regex);
	if (p->lexer.comment.source != NULL)
		parse_comment(p, &p->lexer.comment, p->lexer.comment_text,
		    p->lexer.comment_joined);
}

void
parse_next(struct parser *p)
{
	next_token(p, false);
}

void
parse_next_pattern(struct parser *p)
{
	next_token(p, true);
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

struct place
parse_inside(const struct token *string, size_t offset)
{
	struct place place = string->place;

	place.column++;		/* the quote */
	for (size_t i = 0; i < offset; i++) {
		char c = string->text[i];

		/* These have a backslash before them. */
		place.column += c == '"' || c == '\\';
		place.column += text_begins(c);
	}
	return place;
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

bool
parse_is_there(struct parser *p, const char *path)
{
	struct file nothing;
	enum file_result result = tape_ask(p->tape, TAPE_PRESENT, path, &nothing);

	free(nothing.text);
	return result == FILE_READ;
}

const char *
parse_named_file(struct parser *p, const char *path)
{
	const char *joined = parse_print(p, "%s%s", path[0] == '/' ? "" : p->folder, path);

	return parse_is_there(p, joined) ? joined : parse_beside(p, path);
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

bool
parse_at_demand_end(const struct parser *p)
{
	return parse_at_end(p) || parse_is(p, "otherwise") || parse_is(p, "from") ||
	    parse_is(p, "until");
}

/* The path as records name it: relative to the policy's folder where it is below. */
static const char *
relative(struct parser *p, const char *path)
{
	size_t folder = strlen(p->folder);

	if (strncmp(path, p->folder, folder) == 0)
		path += folder;
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return parse_keep_text(p, path, strlen(path));
}

/* Numbers the file for the WHOs that it names. False when memory is short. */
static bool
add_file(struct parser *p, struct source_node *node)
{
	struct policy *policy = p->policy;

	if (policy->file_count > WHO_FILE_MAX ||
	    !array_reserve(policy->files, policy->file_count + 1, &policy->file_room))
		return false;
	node->file = (uint32_t)policy->file_count;
	policy->files[policy->file_count++] = node->source.name;
	return true;
}

void
parse_digest(struct parser *p, const void *bytes, size_t length)
{
	unsigned char both[2 * POLICY_DIGEST_BYTES];
	struct policy *policy = p->policy;

	/* Of what was read before, and of this. */
	memcpy(both, policy->digest, POLICY_DIGEST_BYTES);
	if (EVP_Digest(bytes, length, both + POLICY_DIGEST_BYTES, NULL, EVP_sha256(),
	    NULL) != 1 || EVP_Digest(both, sizeof(both), policy->digest, NULL,
	    EVP_sha256(), NULL) != 1)
		policy->has_no_digest = true;
}

int
parse_open(struct parser *p, const char *path, struct source_node **opened)
{
	struct source_node *node = parse_scratch(p, sizeof(*node));
	int error;

	if (node == NULL)
		return ENOMEM;
	/* The policy alone may be standard input. */
	if (strcmp(path, "-") == 0 && p->written->sources != NULL)
		path = "./-";
	error = source_read(path, p->tape, p->diags, &node->source);
	if (error != 0)
		return error;
	parse_digest(p, node->source.text, node->source.length);
	node->next = p->written->sources;
	p->written->sources = node;
	node->parent = p->current;
	node->source.name = relative(p, path);
	*opened = node;
	return node->source.name != NULL && add_file(p, node) ? 0 : ENOMEM;
}
