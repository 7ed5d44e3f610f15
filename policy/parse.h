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
#include "base/intern.h"

/* A WHO that another rule names, too. */
struct named_who {
	uint32_t who;			/* an index of its table */
	uint32_t first;			/* of the same name */
	struct place place;
};

/* What has a name, by that. */
struct named_things {
	struct intern names;
	void **things;			/* by number */
	size_t room;
};

struct parser {
	struct policy *policy;
	struct diags *diags;
	struct tape *tape;		/* by which files are read; NULL: from disk */
	struct policy_written *written;
	char *folder;			/* of the policy file, with its slash, or "" */
	struct source_node *current;
	struct lexer lexer;
	struct token token;		/* the one to look at */
	struct named_who *named;	/* WHOs of the rule under way that others name too */
	size_t named_count;
	size_t named_room;
	struct named_things profiles, partners;
	struct profile **last_profile;
	unsigned profile_count;
	struct profile *missing;	/* names of profiles that are not there */
	struct certificate_reader *reader;	/* NULL: not needed so far */
	const struct pinned_file **last_pinned;	/* where the next one goes */
	const struct dated **last_dated;
	struct who_written **last_who;
	struct agreement *partner;	/* whose block is being read; NULL: none */
	const struct written_partner *written_partner;	/* likewise */
	const char *title;		/* that a comment before the token gives; or NULL */
	unsigned owed;			/* "}" of blocks that were reported as open */
	bool panic;			/* more errors would only follow from one */
	bool incomplete;		/* names may be missing for an error's sake */
	bool no_memory;
};

/* Adds what was read to the policy's digest. */
void parse_digest(struct parser *p, const void *bytes, size_t length);

/* Reports at a place. */
#define parse_error(p, place, ...) \
    source_error((p)->diags, (place), __VA_ARGS__)

/*
 * Where the first thing of a name is, or (NULL there) is to be put. NULL: memory is short.
 */
void **parse_named(struct parser *p, struct named_things *things, const char *name);

/* Goes to the next token. */
void parse_next(struct parser *p);
void parse_next_pattern(struct parser *p);

/*
 * Keeps the comment at a place, the text from its "#" on, where it says what is meant so
 * in the lines from "first" on.
 */
void parse_comment(struct parser *p, const struct place *place, const char *text,
    unsigned first);

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

/* The place of what begins at an offset in the text of a string. */
struct place parse_inside(const struct token *string, size_t offset);

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
/* The token, with what was probably meant where that is one of the words. */
const char *parse_found_for(struct parser *p, const char *const *words, size_t count);
#define parse_unknown(p, format, words, count) \
    parse_unexpected((p), format, (p)->token.text, \
	parse_hint((p), (p)->token.text, (p)->token.length, words, count))
/* The one with its hint where it is a word, else the other. */
#define parse_no_such(p, unknown, hint, expected) \
    ((p)->token.type == TOKEN_WORD ? \
	parse_unexpected((p), unknown, (p)->token.text, (hint)) : \
	parse_expected((p), expected))
void parse_panic(struct parser *p);

/* Where a statement or a setting ends, errors count again. */
void parse_resync(struct parser *p);

/*
 * What was probably meant, ": did you mean ...?", or else what can stand there,
 * ": expected ...". In the parser's scratch memory.
 */
const char *parse_hint(struct parser *p, const char *word, size_t length,
    const char *const *candidates, size_t count);

/* The same of the token where a setting, a line of an agreement, a statement begins. */
const char *parse_hint_setting(struct parser *p, const char *const *names, size_t count);
const char *parse_hint_item(struct parser *p, const char *const *names, size_t count);
const char *parse_hint_statement(struct parser *p, const char *const *names,
    size_t count);

/* The same of the token as a version of TLS, which stands behind "before". */
const char *parse_hint_version(struct parser *p, const char *before);

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

/* What is probably meant by a word of the language that is no name; NULL: it is none. */
const char *parse_keyword_meant(const char *word);

/* Whether the token is such a word; and the same, reported as an error of syntax. */
bool parse_at_keyword(const struct parser *p);
bool parse_swallowed(struct parser *p);

/* Whether the token is a keyword that begins a statement, or a setting. */
bool parse_at_statement(const struct parser *p);
bool parse_at_setting(const struct parser *p);

/* Whether the token is a "{", or an unclosed string that took one along. */
bool parse_at_block(const struct parser *p);

/* From the "{" to behind the "}". */
void parse_block(struct parser *p, struct block *block);

/* The same of a block whose "{" may stand below, or be missing: that is reported. */
void parse_its_block(struct parser *p, struct block *block);

/*
 * From behind the "{" to behind the "}". "open" is the place of the "{", or NULL
 * where it was reported as missing.
 */
void parse_settings(struct parser *p, struct block *block, const struct place *open);

/* From the first WHO to behind the "}"; fills the rule's "written" and the tables. */
void parse_whos(struct parser *p, size_t rule, struct block *block);

/*
 * The list of clients that a requirement demands, up to its end. NULL: there is none, or
 * memory is short; the former has been reported.
 */
struct clients *parse_clients(struct parser *p);

/* Adds a rule whose settings are to come. Returns its index; SIZE_MAX: no memory. */
size_t parse_add_rule(struct parser *p, enum policy_rule_kind kind,
    const struct place *place);

/* From behind "partner" to behind the "}" of its block. */
void parse_partner(struct parser *p);

/* Whether the token begins a line of a partner's block; and whether that is a block. */
bool parse_at_partner_line(const struct parser *p);
bool parse_at_partner_block(const struct parser *p);

/* From behind "contact" or "note" to the end of its words. NULL: reported. */
const char *parse_contact(struct parser *p);
const char *parse_note(struct parser *p);

/*
 * The clients of a rule, from behind "via" up to its "{"; *whole is as with WHOs: false
 * where the block is not there or was dealt with, as part of "block".
 */
void parse_via(struct parser *p, size_t rule, struct block *block, bool *whole);

/* Ends the WHOs of a rule: reports those that it has with another. */
void parse_end_whos(struct parser *p, struct who_table *table);

/* One WHO from text, for a rule's statement or a list. */
struct who_spec {
	const char *text;
	size_t length;
	bool word;		/* keywords are keywords */
	bool string;		/* written as a string: it is what it is */
	bool listed;
	bool below;		/* a name is that and all below it */
	bool of_partner;	/* also in lists; and where mail goes, no address is meant */
	/*
	 * Where the text stays for good; NULL: it has to be copied. A list's is part of
	 * the list and terminated when it is taken.
	 */
	char *kept;
	size_t rule;
	enum policy_rule_kind kind;	/* what it may name: a client's with RULE_CLIENT */
	struct who_table *table;	/* to which it is added */
	uint32_t file;		/* an index of policy->files */
	struct place place;
};
void parse_who(struct parser *p, const struct who_spec *spec);

/* Whom a list of WHOs is of, and where they go. */
struct who_list {
	size_t rule;
	enum policy_rule_kind kind;
	struct who_table *table;
	bool may_have_via;
	bool below;			/* behind "domain" */
	bool lacks_name;		/* behind it there was none so far */
	struct place domain;
};

/* One of the list: the token, behind which it goes. */
void parse_next_who(struct parser *p, struct who_list *list);

/* Reports that the token is no WHO, of that kind of rule. */
void parse_who_expected(struct parser *p, enum policy_rule_kind kind);

/* Clients of the policy, without any yet. NULL: no memory. */
struct clients *parse_add_clients(struct parser *p);

/* The entries of a list file, which "from" names. */
void parse_list(struct parser *p, const struct who_spec *from, const char *path);

/* From behind "require" to its end. */
void parse_require(struct parser *p, struct setting *setting);

/*
 * WORD DATE, into *date where the word is there; "what" ends then, NULL: nothing that
 * anybody is told of. False: there is an error in it, which has been reported.
 */
bool parse_date(struct parser *p, const char *word, int64_t *date, const char *what);

/* Whether the token ends what a requirement demands: its dates, or its "otherwise". */
bool parse_at_demand_end(const struct parser *p);

/* ">=", or false and reported; and with a word behind it, which is the token then. */
bool parse_at_least(struct parser *p);
#define parse_at_least_word(p, expected) (parse_at_least(p) && \
    ((p)->token.type == TOKEN_WORD || (parse_expected((p), expected), false)))

/*
 * Whether the token, in a list of what a requirement demands, is a word of requirements or
 * an action: that is reported.
 */
bool parse_swallowed_demand(struct parser *p);

/* From behind "otherwise" to the end of its words, or NULL. */
const struct otherwise *parse_otherwise(struct parser *p);

/* A path in the folder of the file that is being read. In scratch memory. */
const char *parse_beside(struct parser *p, const char *path);

/*
 * The path of a list or a certificate: relative to the policy's folder, or else to
 * that of the file which names it. In scratch memory; "" when memory is short.
 */
const char *parse_named_file(struct parser *p, const char *path);

/* Whether there is such a file. */
bool parse_is_there(struct parser *p, const char *path);

/* The path for printing: absolute, where it is there at all. Kept. */
const char *parse_absolute(struct parser *p, const char *path);

/* Reads a file for the parser, which keeps it to its end. Returns 0 or an errno. */
int parse_open(struct parser *p, const char *path, struct source_node **node);

/* From behind "include"; reads the files that it names. */
void parse_include(struct parser *p);

/* Reads the statements of a file. */
void parse_file(struct parser *p, struct source_node *node);

/*
 * Reports what a rule says that cannot be for the direction of its mail, and leaves out
 * what is for the other one, where that comes from a profile.
 */
void parse_direction(struct parser *p, size_t rule);

/* Takes the profiles in, for every rule, and reports what cannot be. */
void parse_resolve(struct parser *p);

#endif
