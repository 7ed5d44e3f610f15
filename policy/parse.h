/*
 * parse.h - reading policy files: what the parser's files share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_PARSE_H
#define TLSWARD_POLICY_PARSE_H

#include "policy/index.h"
#include "policy/lex.h"
#include "policy/messages.h"
#include "policy/written.h"
#include "base/diag.h"
#include "base/table.h"

struct parser {
	struct policy *policy;
	struct diags *diags;
	struct tape *tape;		/* by which files are read; NULL: from disk */
	struct policy_written *written;
	char *folder;			/* of the policy file, with its slash, or "" */
	struct source_node *current;
	struct lexer lexer;
	struct token token;		/* the one to look at */
	struct table regexes[RULE_DEFAULT];	/* of the tables, by their texts */
	struct profile **last_profile;
	unsigned profile_count;
	struct profile *missing;	/* names of profiles that are not there */
	struct certificate_reader *reader;	/* NULL: not needed so far */
	const struct pinned_file **last_pinned;	/* where the next one goes */
	const struct dated **last_dated;
	struct who_written **last_who;
	unsigned owed;			/* "}" of blocks that were reported as open */
	bool panic;			/* more errors would only follow from one */
	bool incomplete;		/* names may be missing for an error's sake */
	bool no_memory;
};

/* Reports at a place. */
#define parse_error(p, place, ...) \
    source_error((p)->diags, (place), __VA_ARGS__)

/* Goes to the next token. */
void parse_next(struct parser *p);
void parse_next_pattern(struct parser *p);

/* Whether the token is that word. A string is never a keyword. */
bool parse_is(const struct parser *p, const char *word);

/* Which of the words the token is; "count": none of them. */
size_t parse_word(const struct parser *p, const char *const *words, size_t count);

/* The end of a setting or statement: newline, ";", "}" or the end of the file. */
bool parse_at_end(const struct parser *p);

/*
 * Reports and skips what stands behind the end of a "statement" or a "setting": nothing
 * more may but the next, after ";".
 */
void parse_end(struct parser *p, const char *what);

/* Skips a block, from its "{" on, and the rest of a setting, with its blocks. */
void parse_skip_block(struct parser *p);
void parse_skip_setting(struct parser *p);

/* What was found instead of what was expected: a word itself, else what it is. */
const char *parse_found(struct parser *p, const struct token *token);

/*
 * Reports an error of syntax at the token, and none more until parse_resync(): what
 * comes before that would only follow from it. A token that was reported already
 * counts as such an error.
 */
void parse_unexpected(struct parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define parse_expected(p, format) \
    parse_unexpected((p), format, parse_found((p), &(p)->token))
#define parse_unknown(p, format, words, count) \
    parse_unexpected((p), format, (p)->token.text, \
	parse_hint((p), (p)->token.text, (p)->token.length, words, count))
void parse_panic(struct parser *p);

/* Where a statement or a setting ends, errors count again. */
void parse_resync(struct parser *p);

/*
 * What was probably meant, ": did you mean ...?", or else what can stand there,
 * ": expected ...". In the parser's scratch memory.
 */
const char *parse_hint(struct parser *p, const char *word, size_t length,
    const char *const *candidates, size_t count);

/* Formatted text in scratch memory; "" when memory is short. */
const char *parse_print(struct parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Memory of the policy, and of what ends with the parsing or with lint; failure is
 * noted in p->no_memory.
 */
void *parse_keep(struct parser *p, size_t size);
char *parse_keep_text(struct parser *p, const char *text, size_t length);
void *parse_scratch(struct parser *p, size_t size);

/*
 * Compiles the token's pattern, which the policy keeps. NULL: it cannot be, which was
 * reported, or memory is short.
 */
pcre2_code *parse_pattern(struct parser *p, const char *text, bool caseless,
    enum pattern_use use);

/* Keeps a place with its line. False when memory is short. */
bool parse_keep_place(struct parser *p, const struct place *place,
    struct kept_place *kept);

/* Whether the token is a keyword that begins a statement, or a setting. */
bool parse_at_statement(const struct parser *p);
bool parse_at_setting(const struct parser *p);

/* Whether the token is a "{", or an unclosed string that took one along. */
bool parse_at_block(const struct parser *p);

/* From the "{" to behind the "}". */
void parse_block(struct parser *p, struct block *block);

/*
 * From behind the "{" to behind the "}". "open" is the place of the "{", or NULL
 * where it was reported as missing.
 */
void parse_settings(struct parser *p, struct block *block, const struct place *open);

/* From the first WHO to behind the "}"; fills the rule's "written" and the tables. */
void parse_whos(struct parser *p, size_t rule, struct block *block);

/* One WHO from text, for a rule's statement or a list. */
struct who_spec {
	const char *text;
	size_t length;
	bool word;		/* keywords are keywords */
	bool listed;
	/*
	 * Where the text stays for good; NULL: it has to be copied. A list's is part of
	 * the list and terminated when it is taken.
	 */
	char *kept;
	size_t rule;
	enum policy_rule_kind kind;	/* the rule's */
	uint32_t file;		/* an index of policy->files */
	struct place place;
};
void parse_who(struct parser *p, const struct who_spec *spec);

/* The entries of a list file, which "from" names. */
void parse_list(struct parser *p, const struct who_spec *from, const char *path);

/* From behind "require" to its end. */
void parse_require(struct parser *p, struct setting *setting);

/* ">=", or false and reported. */
bool parse_at_least(struct parser *p);

/* From behind "otherwise" to the end of its words, or NULL. */
const struct otherwise *parse_otherwise(struct parser *p);

/* A path in the folder of the file that is being read. In scratch memory. */
const char *parse_beside(struct parser *p, const char *path);

/*
 * The path of a list or a certificate: relative to the policy's folder, or else to
 * that of the file which names it. In scratch memory; "" when memory is short.
 */
const char *parse_named_file(struct parser *p, const char *path);

/* The path for printing: absolute, where it is there at all. Kept. */
const char *parse_absolute(struct parser *p, const char *path);

/* Reads a file for the parser, which keeps it to its end. Returns 0 or an errno. */
int parse_open(struct parser *p, const char *path, struct source_node **node);

/* From behind "include"; reads the files that it names. */
void parse_include(struct parser *p);

/* Reads the statements of a file. */
void parse_file(struct parser *p, struct source_node *node);

/* Takes the profiles in, for every rule, and reports what cannot be. */
void parse_resolve(struct parser *p);

#endif
