/*
 * authres.c - whose an Authentication-Results field is, and how ours is written.
 *
 * Reading is a row of substitutions, each of which takes out of the value what does
 * not count. None goes back over what it has passed, and each has its limits: a value
 * that reaches one is taken for ours.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/authres.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"

/* The longest authserv-id that is compared by its A-labels. */
#define LABELS_MAX 480

/* For one step of the reading; the heap's is in kibibytes. */
#define MATCH_LIMIT 1000000
#define HEAP_LIMIT 1024

/* ------------------------------------------------------------------ *
 * The grammar
 * ------------------------------------------------------------------ */

/*
 * What shows nothing: blanks and controls, and in UTF-8 the C1 controls, the blanks of
 * U+2000 to U+202F and U+3000, and the byte order mark.
 */
#define HIDDEN "[\\x01-\\x20\\x7f]|\\xc2[\\x80-\\xa0]|\\xe2\\x80[\\x80-\\xaf]|" \
	"\\xe3\\x80\\x80|\\xef\\xbb\\xbf"

/* A comment (c), CFWS (w) and the inside of a quoted string (q): RFC 5322, 3.2. */
#define GRAMMAR "(?(DEFINE)(?<c>\\((?:[^()\\\\]++|\\\\.|(?&c))*+\\))" \
	"(?<w>(?:[ \\t\\r\\n]++|(?&c))*+)(?<q>(?:[^\"\\\\]++|\\\\.)*+)" \
	"(?<h>" HIDDEN "))"

/* What the group behind these four has matched. */
#define MATCHED "$5"

/* A token (RFC 2045, section 5.1); bytes of UTF-8 too (RFC 8601, section 2.2). */
#define TOKEN "[^\\x01-\\x20\\x7f()<>@,;:\\\\\"/\\[\\]?=]++"

#define OF_NAME "[-_.0-9A-Za-z\\x80-\\xff]"

enum step {
	STEP_ID,		/* leaves the authserv-id, where the grammar is kept */
	STEP_UNQUOTE, STEP_SHOW,
	STEP_PART,		/* leaves the first part, or all of what is not closed */
	STEP_WORD,		/* finds our id as a word of its own */
	STEP_UNCOMMENT,		/* up to a comment that is not closed */
	STEP_OPEN, STEP_BARE,
	STEPS
};

/* What is matched, and what becomes of it; our id stands before "behind". */
static const struct {
	const char *what, *behind, *with;
	uint32_t options;
} steps[STEPS] = {
	[STEP_ID] = { GRAMMAR "\\A(?&w)(?|\"((?&q))\"|(" TOKEN "))(?&w)[0-9]*+(?&w)"
	    "(?:;.*+|\\z)", NULL, MATCHED, 0 },
	[STEP_UNQUOTE] = { "\\\\(.)", NULL, "$1", 0 },
	[STEP_SHOW] = { HIDDEN, NULL, "", 0 },
	/* What is empty before a ";" is no part. */
	[STEP_PART] = { GRAMMAR "\\A((?=(?:[^;(\"]++|(?&c)|\"(?&q)\")*+(?:;|\\z))"
	    "(?:;|(?&h))*+[^;]*+|.*+).*+", NULL, MATCHED, 0 },
	[STEP_WORD] = { "(?<!" OF_NAME ")\\Q", "\\E\\.*+(?!" OF_NAME ")", "",
	    PCRE2_CASELESS },
	[STEP_UNCOMMENT] = { GRAMMAR "([^(]*+)(?&c)", NULL, MATCHED, PCRE2_ANCHORED },
	[STEP_OPEN] = { "\\(", NULL, "", 0 },
	[STEP_BARE] = { "[\"\\\\;]|" HIDDEN, NULL, "", 0 },
};

struct authres {
	const char *id;
	pcre2_match_context *limits;
	pcre2_code *codes[STEPS];
};

static pcre2_code *
compile_step(enum step step, const char *id)
{
	const char *behind = steps[step].behind;
	PCRE2_SIZE offset;
	pcre2_code *code;
	char *pattern;
	int error;

	if (asprintf(&pattern, "%s%s%s", steps[step].what, behind != NULL ? id : "",
	    behind != NULL ? behind : "") == -1)
		return NULL;
	code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	    PCRE2_DOTALL | steps[step].options, &error, &offset, NULL);
	free(pattern);
	return code;
}

struct authres *
authres_new(const char *id)
{
	struct authres *authres = calloc(1, sizeof(*authres));
	bool made;

	if (authres == NULL)
		return NULL;
	authres->id = id;
	authres->limits = pcre2_match_context_create(NULL);
	made = authres->limits != NULL;
	for (int step = 0; step < STEPS && made; step++) {
		authres->codes[step] = compile_step((enum step)step, id);
		made = authres->codes[step] != NULL;
	}
	if (!made) {
		authres_free(&authres);
		return NULL;
	}
	(void)pcre2_set_match_limit(authres->limits, MATCH_LIMIT);
	(void)pcre2_set_heap_limit(authres->limits, HEAP_LIMIT);
	return authres;
}

void
authres_free(struct authres **authres)
{
	if (*authres == NULL)
		return;
	for (int step = 0; step < STEPS; step++)
		pcre2_code_free((*authres)->codes[step]);
	pcre2_match_context_free((*authres)->limits);
	free(*authres);
	*authres = NULL;
}

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

/* What is left of a value. */
struct reading {
	const struct authres *authres;
	char *text, *other;		/* what comes of "text" is written into "other" */
	size_t size;			/* of each */
	bool no_memory, given_up;
};

/* Takes a step. Whether it changed anything; not where it could not be taken. */
static bool
take_reading_step(struct reading *reading, enum step step)
{
	PCRE2_SIZE length = reading->size;
	char *before = reading->text;
	int count = pcre2_substitute(reading->authres->codes[step], (PCRE2_SPTR)before,
	    PCRE2_ZERO_TERMINATED, 0, PCRE2_SUBSTITUTE_GLOBAL, NULL,
	    reading->authres->limits, (PCRE2_SPTR)steps[step].with,
	    PCRE2_ZERO_TERMINATED, (PCRE2_UCHAR *)reading->other, &length);

	reading->no_memory = reading->no_memory || count == PCRE2_ERROR_NOMEMORY;
	reading->given_up = reading->given_up || count < 0;
	if (count <= 0)
		return false;
	reading->text = reading->other;
	reading->other = before;
	return true;
}

/* As domains compare: by their A-labels. */
static bool
same_labels(struct reading *reading, const char *b)
{
	const char *a = reading->text;
	enum policy_tri same;
	char left[LABELS_MAX + 3], right[LABELS_MAX + 3];

	if (strlen(a) > LABELS_MAX || strlen(b) > LABELS_MAX)
		return false;
	(void)snprintf(left, sizeof(left), "x@%s", a);
	(void)snprintf(right, sizeof(right), "x@%s", b);
	same = policy_compare_addresses(left, right);
	reading->no_memory = reading->no_memory || same == POLICY_UNKNOWN;
	return same == POLICY_YES;
}

/* Whether what the grammar has for an authserv-id is ours. */
static bool
is_our_id(struct reading *reading)
{
	const char *id = reading->authres->id;
	size_t length = strlen(id);

	(void)take_reading_step(reading, STEP_UNQUOTE);
	(void)take_reading_step(reading, STEP_SHOW);
	if (strncasecmp(reading->text, id, length) == 0 &&
	    strspn(reading->text + length, ".") == strlen(reading->text + length))
		return true;
	return same_labels(reading, id);
}

/* Whether some reader might take what is no grammar for ours. */
static bool
could_be_ours(struct reading *reading)
{
	(void)take_reading_step(reading, STEP_PART);
	if (strstr(reading->text, "=?") != NULL || take_reading_step(reading, STEP_WORD))
		return true;
	(void)take_reading_step(reading, STEP_UNCOMMENT);
	(void)take_reading_step(reading, STEP_OPEN);
	(void)take_reading_step(reading, STEP_BARE);
	return reading->text[0] == '\0' || take_reading_step(reading, STEP_WORD);
}

enum authres_claim
authres_claims(const struct authres *authres, const char *value)
{
	size_t size = strlen(value) + 1;
	char *room = malloc(2 * size);
	struct reading reading = { .authres = authres, .text = room, .size = size };
	bool ours;

	if (room == NULL)
		return AUTHRES_NO_MEMORY;
	memcpy(room, value, size);
	reading.other = room + size;
	ours = take_reading_step(&reading, STEP_ID) ? is_our_id(&reading) :
	    could_be_ours(&reading);
	free(room);
	if (reading.no_memory)
		return AUTHRES_NO_MEMORY;
	return ours || reading.given_up ? AUTHRES_OURS : AUTHRES_OTHER;
}

bool
authres_is_field(const char *name)
{
	size_t length = sizeof(AUTHRES_FIELD) - 1;

	return strncasecmp(name, AUTHRES_FIELD, length) == 0 &&
	    name[length + strspn(name + length, " \t\r\n")] == '\0';
}

void
forged_look(struct forged *forged, const char *name, const char *value,
    const struct authres *authres)
{
	enum authres_claim claim;

	if (forged->lost || !authres_is_field(name))
		return;
	forged->seen++;
	claim = authres_claims(authres, value);
	if (claim == AUTHRES_OTHER)
		return;
	if (claim == AUTHRES_NO_MEMORY || forged->count >= FORGED_MAX ||
	    !array_reserve(forged->at, forged->count + 1, &forged->room))
		forged->lost = true;
	else
		forged->at[forged->count++] = forged->seen;
}

void
forged_clear(struct forged *forged)
{
	free(forged->at);
	memset(forged, 0, sizeof(*forged));
}
