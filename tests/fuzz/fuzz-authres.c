/*
 * fuzz-authres.c - Authentication-Results: fields that claim to be ours are found.
 *
 * The first byte chooses between any value at all, which is held against a reader of
 * the grammar that is written here, and one that is made by the grammar to be ours.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include <strings.h>

#include "milter/authres.h"

#define OUR_ID "mx.ours.example"

/* Longer values may reach a limit of the reading: then they are ours. */
#define CERTAIN_MAX 200

/* ------------------------------------------------------------------ *
 * RFC 8601, section 2.2, by hand
 * ------------------------------------------------------------------ */

/* Behind a comment, or NULL where it is not closed. */
static const char *
oracle_comment(const char *at)
{
	int depth = 0;

	for (; *at != '\0'; at++) {
		if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return at + 1;
		else if (*at == '\\' && *++at == '\0')
			return NULL;
	}
	return NULL;
}

static const char *
oracle_cfws(const char *at)
{
	while (at != NULL && *at != '\0' && strchr(" \t\r\n(", *at) != NULL)
		at = *at == '(' ? oracle_comment(at) : at + 1;
	return at;
}

/* The authserv-id of a token or a quoted string into "id"; NULL: it is neither. */
static const char *
oracle_id(const char *at, char *id)
{
	if (*at != '"') {
		while ((unsigned char)*at > ' ' && (unsigned char)*at != 0x7f &&
		    strchr("()<>@,;:\\\"/[]?=", *at) == NULL)
			*id++ = *at++;
		*id = '\0';
		return at;
	}
	for (at++; *at != '"'; at++) {
		if (*at == '\\')
			at++;
		if (*at == '\0')
			return NULL;
		*id++ = *at;
	}
	*id = '\0';
	return at + 1;
}

/* Whether the value begins by the grammar; its authserv-id is in "id" then. */
static bool
oracle_reads(const char *value, char *id)
{
	const char *at = oracle_cfws(value);

	if (at == NULL || (at = oracle_id(at, id)) == NULL || id[0] == '\0' ||
	    (at = oracle_cfws(at)) == NULL)
		return false;
	while (*at >= '0' && *at <= '9')
		at++;
	at = oracle_cfws(at);
	return at != NULL && (*at == ';' || *at == '\0');
}

/* Letters, digits, dots and hyphens alone, no label of which is encoded. */
static bool
is_plain_id(const char *id)
{
	for (const char *at = id; *at != '\0'; at++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "0123456789.-", *at) == NULL)
			return false;
	return strcasestr(id, "xn--") == NULL;
}

static void
check_any(const struct authres *authres, const char *value)
{
	char *id = malloc(strlen(value) + 1);
	size_t length;

	check(id != NULL);
	if (oracle_reads(value, id)) {
		if (strcasecmp(id, OUR_ID) == 0)
			check(authres_claims(authres, value) == AUTHRES_OURS);
		length = strlen(id);
		while (length > 0 && id[length - 1] == '.')
			id[--length] = '\0';
		if (is_plain_id(id) && strcasecmp(id, OUR_ID) != 0 &&
		    strlen(value) <= CERTAIN_MAX)
			check(authres_claims(authres, value) == AUTHRES_OTHER);
	}
	free(id);
}

/* ------------------------------------------------------------------ *
 * Made to be ours
 * ------------------------------------------------------------------ */

static void
make_cfws(struct fuzz_input *input, char **out)
{
	static const char *const pieces[] = {
		" ", "\t", "\r\n ", "\n\t", "()", "(c)", "(a(b)c)", "(\\))", "(\\()",
		"(\")", "(;)", "(=?)", "(\xc3\xa9)", "(" OUR_ID ")", "(other.example;)"
	};

	for (unsigned count = fuzz_byte(input) % 4; count > 0; count--)
		*out = stpcpy(*out, pieces[fuzz_byte(input) %
		    (sizeof(pieces) / sizeof(pieces[0]))]);
}

static void
make_id(struct fuzz_input *input, char **out)
{
	bool quoted = fuzz_byte(input) % 2 != 0;

	if (quoted)
		*(*out)++ = '"';
	for (const char *at = OUR_ID; *at != '\0'; at++) {
		unsigned how = fuzz_byte(input);

		if (quoted && how % 5 == 1)
			*(*out)++ = '\\';
		**out = *at;
		if (how % 3 == 1 && *at >= 'a' && *at <= 'z')
			**out -= 'a' - 'A';
		(*out)++;
	}
	if (quoted)
		*(*out)++ = '"';
	**out = '\0';
}

static void
check_made(const struct authres *authres, struct fuzz_input *input)
{
	char begins[512], *out = begins, *rest, *value;

	begins[0] = '\0';
	make_cfws(input, &out);
	make_id(input, &out);
	make_cfws(input, &out);
	if (fuzz_byte(input) % 2 != 0)
		out = stpcpy(out, out[-1] == ')' || strchr(" \t", out[-1]) != NULL ?
		    "1" : " 1");
	make_cfws(input, &out);
	rest = fuzz_rest(input);
	check(asprintf(&value, "%s%s%s", begins, rest[0] != '\0' ? ";" : "", rest) > 0);
	check(authres_claims(authres, value) == AUTHRES_OURS);
	free(rest);
	free(value);
}

/* Fields are counted as MTAs count them, and each of ours is noted once. */
static void
check_fields(const struct authres *authres, const char *value)
{
	struct forged forged = { .seen = 0 };
	bool ours = authres_claims(authres, value) == AUTHRES_OURS;

	forged_look(&forged, "Subject", value, authres);
	forged_look(&forged, "authentication-RESULTS ", value, authres);
	forged_look(&forged, AUTHRES_FIELD, OUR_ID, authres);
	forged_look(&forged, value, OUR_ID, authres);
	check(!forged.lost && forged.seen == 2 + authres_is_field(value));
	check(forged.count == 1 + ours + (size_t)authres_is_field(value));
	check(forged.at[ours] == 2 && (!ours || forged.at[0] == 1));
	forged_clear(&forged);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct authres *authres;
	struct fuzz_input input = { data, size };
	char *value;

	if (authres == NULL)
		authres = authres_new(OUR_ID);
	check(authres != NULL);
	if (fuzz_byte(&input) % 2 != 0) {
		check_made(authres, &input);
		return 0;
	}
	value = fuzz_rest(&input);
	check_any(authres, value);
	check_fields(authres, value);
	free(value);
	return 0;
}
