/*
 * probe_kinds.h - the kinds of findings of tlsward probe: how each is known, and its words.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_KINDS_H
#define TLSWARD_TOOL_PROBE_KINDS_H

#include "tool/probe_result.h"

/* What is said of a kind. "%s" in the text is the detail that is() wrote. */
struct finding_kind {
	const char *id;		/* NULL: the end of a table */
	enum probe_level level;
	const char *text, *fix;
	/*
	 * Whether it is found there; may write a detail, of PROBE_WORDS bytes, that is ""
	 * before, and change the level.
	 */
	bool (*is)(const struct probe_result *result, const struct probe_each *each,
	    char *detail, enum probe_level *level);
};

/* Of each host: each->address is NULL. */
extern const struct finding_kind probe_kinds_of_host[];

/* Of each address: how far it came and what it speaks; its certificates. */
extern const struct finding_kind probe_kinds_of_server[], probe_kinds_of_chain[];

/* What a function that finds one is written with. */
#define DETAIL(...) text_append(detail, PROBE_WORDS, __VA_ARGS__)
#define MAYBE_UNUSED __attribute__((unused))
#define FINDS(name) \
	static bool \
	name(MAYBE_UNUSED const struct probe_result *result, \
	    MAYBE_UNUSED const struct probe_each *each, \
	    MAYBE_UNUSED char *detail, MAYBE_UNUSED enum probe_level *level)

#endif
