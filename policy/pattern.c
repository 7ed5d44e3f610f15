/*
 * pattern.c - regular expressions and the patterns for certificate names.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/pattern.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Memory for one match on the caller's stack, so that a decision allocates
 * nothing; what does not fit comes from malloc.
 */
struct match_memory {
	size_t used;
	alignas(max_align_t) unsigned char room[1024];
};

static void *
match_alloc(size_t size, void *data)
{
	struct match_memory *memory = data;
	size_t align = alignof(max_align_t);
	size_t start = (memory->used + align - 1) & ~(align - 1);

	if (start > sizeof(memory->room) || size > sizeof(memory->room) - start)
		return malloc(size);
	memory->used = start + size;
	return memory->room + start;
}

static void
match_release(void *block, void *data)
{
	struct match_memory *memory = data;
	uintptr_t at = (uintptr_t)block, start = (uintptr_t)memory->room;

	if (at < start || at >= start + sizeof(memory->room))
		free(block);
}

pcre2_code *
pattern_compile(const char *text, bool caseless, enum pattern_use use, char *error,
    size_t error_size, size_t *offset, bool *no_memory)
{
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
	    PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
	pcre2_code *code;
	PCRE2_SIZE at;
	int number;

	if (use == PATTERN_LITERAL)
		options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_LITERAL;
	if (use != PATTERN_FOR_WHO)
		options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
	if (caseless || use == PATTERN_FOR_NAME || use == PATTERN_LITERAL)
		options |= PCRE2_CASELESS;
	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &number,
	    &at, NULL);
	if (code == NULL) {
		(void)pcre2_get_error_message(number, (PCRE2_UCHAR *)error, error_size);
		*offset = at;
		*no_memory |= number == PCRE2_ERROR_HEAP_FAILED;
		return NULL;
	}
	/* Without JIT the interpreter does the same, only slower. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	return code;
}

pcre2_match_context *
pattern_limits(void)
{
	pcre2_match_context *limits = pcre2_match_context_create(NULL);

	if (limits == NULL)
		return NULL;
	(void)pcre2_set_match_limit(limits, PATTERN_MATCH_LIMIT);
	(void)pcre2_set_depth_limit(limits, PATTERN_MATCH_LIMIT);
	(void)pcre2_set_heap_limit(limits, 1024);
	return limits;
}

enum policy_tri
pattern_first(pcre2_code *const *codes, size_t count, pcre2_match_context *limits,
    const char *subject, size_t length, size_t *first)
{
	struct match_memory memory = { .used = 0 };
	pcre2_general_context *context;
	pcre2_match_data *data = NULL;
	int result = PCRE2_ERROR_NOMATCH;

	*first = 0;
	context = pcre2_general_context_create(match_alloc, match_release, &memory);
	if (context != NULL)
		data = pcre2_match_data_create(1, context);
	if (data == NULL)
		result = PCRE2_ERROR_NOMEMORY;
	while (data != NULL && *first < count) {
		result = pcre2_match(codes[*first], (PCRE2_SPTR)subject, length, 0, 0,
		    data, limits);
		if (result != PCRE2_ERROR_NOMATCH)
			break;
		++*first;
	}
	pcre2_match_data_free(data);
	pcre2_general_context_free(context);
	if (result == PCRE2_ERROR_NOMATCH)
		return POLICY_NO;
	return result >= 0 ? POLICY_YES : POLICY_UNKNOWN;
}

enum policy_tri
pattern_regex(pcre2_code *code, pcre2_match_context *limits, const char *subject,
    size_t length)
{
	size_t first;

	return pattern_first(&code, 1, limits, subject, length, &first);
}

/* One label, and then what follows the pattern's star (RFC 6125 section 6.4.3). */
static enum policy_tri
wildcard(const struct pattern *pattern, pcre2_match_context *limits, const char *name)
{
	const char *rest = strchr(name, '.');

	if (rest == NULL || rest == name)
		return POLICY_NO;
	if (strcasecmp(pattern->text + 1, rest) == 0 ||
	    (pattern->a_labels != NULL && strcasecmp(pattern->a_labels + 1, rest) == 0))
		return POLICY_YES;
	return pattern->code == NULL ? POLICY_NO :
	    pattern_regex(pattern->code, limits, rest, strlen(rest));
}

bool
pattern_host(const struct pattern *pattern, char name[256])
{
	/* What is ASCII needs no mapping. */
	return policy_domain(pattern->a_labels != NULL ? pattern->a_labels : pattern->text,
	    name, 256);
}

enum policy_tri
pattern_match(const struct pattern *pattern, pcre2_match_context *limits,
    const char *name)
{
	const char *labels = pattern->a_labels;

	if (*name == '\0')
		return POLICY_NO;
	switch (pattern->type) {
	case PATTERN_EXACT:
		return strcmp(pattern->text, name) == 0 ? POLICY_YES : POLICY_NO;
	case PATTERN_WILDCARD:
		return wildcard(pattern, limits, name);
	case PATTERN_NAME:
		if (strcasecmp(pattern->text, name) == 0 ||
		    (labels != NULL && strcasecmp(labels, name) == 0))
			return POLICY_YES;
		if (pattern->code == NULL)
			return POLICY_NO;
		break;
	case PATTERN_REGEX:
		break;
	}
	return pattern_regex(pattern->code, limits, name, strlen(name));
}

/* How long the item at "c" is that cannot end or split a pattern. */
static size_t
item_length(const char *c)
{
	const char *end;

	if (*c == '\\')
		return c[1] != '\0' ? 2 : 1;
	if (*c != '[')
		return 1;
	end = c + 1;
	if (*end == '^')
		end++;
	if (*end == ']')
		end++;
	while (*end != '\0' && *end != ']')
		end += *end == '\\' && end[1] != '\0' ? 2 : 1;
	return (size_t)(end - c) + (*end == ']');
}

static bool
branch_anchored(const char *start, const char *end, const char *last)
{
	bool from_start = *start == '^' ||
	    (end - start >= 2 && memcmp(start, "\\A", 2) == 0);
	bool to_end = (end - last == 1 && *last == '$') ||
	    (end - last == 2 && (memcmp(last, "\\z", 2) == 0 ||
	    memcmp(last, "\\Z", 2) == 0));

	return from_start && to_end;
}

bool
pattern_anchored(const char *text)
{
	const char *start = text, *last = text, *c = text;
	int depth = 0;

	while (*c != '\0') {
		if (*c == '(')
			depth++;
		else if (*c == ')')
			depth--;
		else if (*c == '|' && depth == 0) {
			if (!branch_anchored(start, c, last))
				return false;
			start = c + 1;
		}
		last = c;
		c += item_length(c);
	}
	return branch_anchored(start, c, last);
}

/* The length of what stands for a set within a class, "[:space:]"; 0: it is none. */
static size_t
set_length(const char *text)
{
	size_t name = strncmp(text, "[:", 2) != 0 ? 0 :
	    strspn(text + 2, "^abcdefghijklmnopqrstuvwxyz");

	return name > 0 && strncmp(text + 2 + name, ":]", 2) == 0 ? name + 4 : 0;
}

/* The length of a class from its "[" on; *has_at: there is an "@" in it. */
static size_t
class_length(const char *text, bool *has_at)
{
	const char *c = text + 1 + (text[1] == '^');

	/* A "]" that comes first stands for itself. */
	if (*c == ']')
		c++;
	for (; *c != '\0' && *c != ']'; c++) {
		size_t set = set_length(c);

		if (set > 0)
			c += set - 1;
		else if (*c == '\\' && c[1] != '\0')
			c++;
		*has_at |= *c == '@';
	}
	return (size_t)(c - text) + (*c == ']');
}

bool
pattern_on_address(const char *text)
{
	while (*text != '\0') {
		bool in_class = false;

		if (*text == '\\' && text[1] != '\0')
			text++;
		else if (*text == '[') {
			bool negated = text[1] == '^';

			text += class_length(text, &in_class);
			if (in_class && !negated)
				return true;
			continue;
		}
		if (*text == '@')
			return true;
		text++;
	}
	return false;
}
