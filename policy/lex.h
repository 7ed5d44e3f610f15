/*
 * lex.h - from the text of a policy file to tokens.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_LEX_H
#define TLSWARD_POLICY_LEX_H

#include "policy/source.h"
#include "base/arena.h"
#include "base/diag.h"

enum token_type {
	TOKEN_END,		/* of the file */
	TOKEN_NEWLINE, TOKEN_SEMICOLON, TOKEN_OPEN, TOKEN_CLOSE,
	TOKEN_AT_LEAST,		/* >= */
	TOKEN_NULL_SENDER,	/* <> */
	TOKEN_WORD, TOKEN_STRING, TOKEN_REGEX,
	TOKEN_BAD		/* reported already */
};

struct token {
	enum token_type type;
	struct place place;
	/*
	 * Of a word, a string (escapes undone) or a regular expression (between
	 * the slashes); terminated, in the lexer's arena.
	 */
	char *text;
	size_t length;
	bool caseless;		/* a regular expression's flag i */
};

struct lexer {
	struct arena *arena;
	struct diags *diags;
	const char *next;
	const char *end;
	struct place place;	/* of "next" */
	struct place after;	/* the end of the last token */
	unsigned joined;	/* the first of the lines that are joined to this one */
	struct place comment;	/* before the last token; no source: there was none */
	const char *comment_text;	/* from its "#" on */
	unsigned comment_joined;	/* "joined", there */
	/*
	 * Braces in what an unclosed string or regular expression took with it, for
	 * the parser to count with the others and to clear.
	 */
	int opened;
	int closed;
	bool quiet;		/* errors follow from one that was reported */
};

void lexer_start(struct lexer *lexer, const struct source *source,
    struct arena *arena, struct diags *diags);

/*
 * The next token; "regex" where a WHO or a pattern may stand, so that a slash
 * begins a regular expression. Errors are reported and give TOKEN_BAD.
 */
struct token lexer_next(struct lexer *lexer, bool regex);

/* What a token is, for messages: "a string", "the end of the line". Static. */
const char *token_name(const struct token *token);

#endif
