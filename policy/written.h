/*
 * written.h - a policy as it is written: what its reading leaves for lint/.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_WRITTEN_H
#define TLSWARD_POLICY_WRITTEN_H

#include "policy/rules.h"
#include "policy/source.h"
#include "base/arena.h"
#include "base/diag.h"

enum setting_type {
	SET_USE, SET_REQUIRE, SET_OTHERWISE, SET_MONITOR, SET_EXEMPT, SET_ENFORCE,
	SET_CONTACT, SET_NOTE,
	SET_NOTHING		/* "require nothing" */
};

/* The dates between which a line counts; from the first on, up to the second. */
struct span {
	int64_t from;		/* INT64_MIN: ever */
	int64_t until;		/* INT64_MAX: for ever */
};

static inline bool
span_has(const struct span *span, int64_t at)
{
	return at >= span->from && at < span->until;
}

/* One setting as written, before profiles are taken in. */
struct setting {
	struct setting *next;
	enum setting_type type;
	struct place place;	/* of its keyword; of "use" the profile's name */
	struct place kind;	/* of a requirement's kind */
	union {
		struct place value;	/* of what a requirement demands, where it does */
		struct period period;	/* of what is no requirement */
	};
	union {
		struct place own;	/* of a requirement's "otherwise"; no source: none */
		const char *text;	/* profile, reason, contact, note */
	};
	bool use_default;
	const struct profile *profile;	/* that "use" takes in; NULL: not resolved */
	union {
		const struct policy_requirement *require;
		const struct otherwise *otherwise;
	};
	struct span span;	/* of a requirement, or of "nothing" */
};

struct block {
	struct setting *first;
	struct setting **last;
};

/* A profile, or the default block. */
struct profile {
	struct profile *next;
	const char *name;
	struct place place;
	struct block block;
	struct stretches settings;	/* once resolved: what it comes to by itself */
	struct effect *effects;		/* for those who use it, by stretch */
	enum { PROFILE_NEW, PROFILE_BUSY, PROFILE_DONE } state;
	unsigned order;
	bool misspelt;			/* by a statement that was reported */
	bool used;
	bool drops;			/* what was required before it is used */
};

/* A rule and the block from which its settings come. */
struct written_rule {
	struct block block;
	struct place place;
	const struct written_partner *partner;	/* NULL: none */
};

/* A file of the policy, or a list. */
struct source_node {
	struct source source;
	uint32_t file;			/* an index of policy->files */
	struct source_node *next;
	struct source_node *parent;	/* the file that includes this one */
	struct place included;		/* where; without a source: no include */
	bool has_rules;			/* and not profiles alone */
};

/* An include whose pattern matches no file. */
struct empty_include {
	struct empty_include *next;
	struct place place;
	const char *pattern;
};

/* An element of a cipher list that is known and does nothing there. */
struct odd_cipher {
	struct odd_cipher *next;
	struct place place;
	const char *text;
	bool tls13;		/* it is a suite of TLS 1.3 */
};

/* The name of an agreement. */
struct written_partner {
	const char *name;
	struct place place;
};

/* It borrows from its policy, where there is one, and must not outlive it. */
struct policy_written {
	struct arena words;		/* of all that is here, but for the settings */
	struct arena blocks;		/* the settings, and "ciphers" */
	struct source_node *sources;	/* the last one first */
	struct profile *profiles;	/* in reading order */
	struct profile *default_block;	/* the default block */
	struct written_rule *rules;	/* by index of policy->rules */
	size_t rule_room;
	struct empty_include *empty;
	struct odd_cipher *ciphers;	/* the last one first */
};

/*
 * policy_load(), and what was written, also where that is POLICY_INVALID: then nothing
 * of it but "sources" and "empty" may be used. *written is the caller's for
 * policy_written_free(); NULL with the other results.
 */
enum policy_load_result policy_load_written(const char *path, struct tape *tape,
    struct policy **policy, struct policy_written **written, struct diags *diags);

/* Frees *written and clears the pointer. NULL-safe. */
void policy_written_free(struct policy_written **written);

/*
 * Sorts the diagnostics from "first" on in the order of the policy's files, then by
 * line and column, and drops what was said twice. False: memory is short, and they are
 * as they were.
 */
bool policy_written_sort(const struct policy_written *written,
    struct diags *diags, size_t first);

#endif
