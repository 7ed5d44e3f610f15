/*
 * parse_certificate.c - requirements on the client's certificate.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Larger keys than this there are none, and longer validity is not meant. */
#define KEY_MAX 16384
#define DAYS_MAX 36500

static bool
beyond_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return true;
	return false;
}

static void
bad_regex(struct parser *p, const char *error, size_t offset)
{
	parse_error(p, &p->token.place, MSG_REGEX, error, offset);
}

/* A name beyond ASCII compares without Unicode's case, and as A-labels too. */
static void
compile_name(struct parser *p, struct pattern *pattern)
{
	size_t star = pattern->type == PATTERN_WILDCARD, offset;
	struct name name;
	char error[256], *labels;
	bool valid;

	pattern->code = policy_compile(p->policy, pattern->text + star, true,
	    PATTERN_LITERAL, error, sizeof(error), &offset);
	if (pattern->code == NULL)
		bad_regex(p, error, offset);
	/* The star's "*." stays as it is. */
	if (name_domain(pattern->text + star * 2, strlen(pattern->text) - star * 2,
	    &name, &valid) == -1) {
		p->no_memory = true;
		return;
	}
	if (valid && name_is_domain(name.text, name.length) &&
	    (labels = parse_keep(p, name.length + 3)) != NULL) {
		(void)strcpy(labels, star != 0 ? "*." : "");
		(void)strcat(labels, name.text);
		pattern->a_labels = labels;
	}
	name_free(&name);
}

/* A certificate's name: exact, with a wildcard, or beyond ASCII. */
static void
name_pattern(struct parser *p, struct pattern *pattern)
{
	const char *star = strchr(pattern->text, '*');

	pattern->type = star == NULL ? PATTERN_NAME : PATTERN_WILDCARD;
	if (star != NULL && (star != pattern->text || star[1] != '.' ||
	    star[2] == '\0' || strchr(star + 1, '*') != NULL))
		parse_error(p, &p->token.place, MSG_PATTERN_WILDCARD, pattern->text);
	else if (beyond_ascii(pattern->text))
		compile_name(p, pattern);
}

static void
one_pattern(struct parser *p, struct pattern *pattern, enum policy_reason kind)
{
	bool name = kind == REASON_CERTIFICATE_NAME;
	char error[256];
	size_t offset;

	pattern->text = parse_keep_text(p, p->token.text, p->token.length);
	pattern->line = p->token.place.line;
	pattern->column = p->token.place.column;
	if (pattern->text == NULL)
		return;
	if (p->token.type == TOKEN_REGEX) {
		pattern->type = PATTERN_REGEX;
		pattern->caseless = p->token.caseless;
		pattern->code = policy_compile(p->policy, pattern->text,
		    pattern->caseless, name ? PATTERN_FOR_NAME : PATTERN_FOR_ISSUER,
		    error, sizeof(error), &offset);
		if (pattern->code == NULL)
			bad_regex(p, error, offset);
	} else if (p->token.length == 0)
		parse_error(p, &p->token.place, "%s", MSG_PATTERN_EMPTY);
	else if (name)
		name_pattern(p, pattern);
	else
		pattern->type = PATTERN_EXACT;
}

/* An array that grows in scratch memory by doubling. */
static void *
grow(struct parser *p, void *list, size_t count, size_t *room, size_t size)
{
	void *moved;

	if (count < *room)
		return list;
	*room = *room == 0 ? 4 : *room * 2;
	moved = parse_scratch(p, *room * size);
	if (moved != NULL && count > 0)
		memcpy(moved, list, count * size);
	return moved;
}

/* Keeps what was gathered in a list that grew. NULL: memory was short. */
static void *
keep(struct parser *p, const void *list, size_t size)
{
	void *kept = parse_keep(p, size);

	if (kept != NULL)
		memcpy(kept, list, size);
	return kept;
}

static bool
require_patterns(struct parser *p, struct policy_requirement *requirement)
{
	struct pattern *list = NULL;
	size_t count = 0, room = 0;

	while (p->token.type == TOKEN_STRING || p->token.type == TOKEN_REGEX ||
	    (p->token.type == TOKEN_WORD && !parse_is(p, "otherwise"))) {
		list = grow(p, list, count, &room, sizeof(*list));
		if (list == NULL)
			return false;
		one_pattern(p, &list[count++], requirement->kind);
		parse_next_pattern(p);
	}
	if (count == 0 || p->token.type == TOKEN_BAD) {
		parse_expected(p, MSG_PATTERN_EXPECTED);
		return false;
	}
	requirement->u.patterns.list = keep(p, list, count * sizeof(*list));
	requirement->u.patterns.count = count;
	return requirement->u.patterns.list != NULL;
}

static void
one_pin(struct parser *p, struct fingerprint *pin)
{
	const struct place *place = &p->token.place;
	const char *text = p->token.text;

	switch (fingerprint_read_pin(text, pin)) {
	case FINGERPRINT_OK:
		break;
	case FINGERPRINT_NO_ALGORITHM:
		parse_error(p, place, MSG_PIN_NAME, text);
		break;
	case FINGERPRINT_ALGORITHM:
		parse_error(p, place, MSG_PIN_ALGORITHM, text);
		break;
	case FINGERPRINT_HEX:
		parse_error(p, place, MSG_PIN_HEX, text);
		break;
	case FINGERPRINT_LENGTH:
		parse_error(p, place, MSG_PIN_LENGTH, text, pin->length);
		break;
	}
}

static bool
require_pins(struct parser *p, struct policy_requirement *requirement)
{
	struct fingerprint *list = NULL;
	size_t count = 0, room = 0;

	while (p->token.type == TOKEN_STRING ||
	    (p->token.type == TOKEN_WORD && !parse_is(p, "otherwise"))) {
		list = grow(p, list, count, &room, sizeof(*list));
		if (list == NULL)
			return false;
		one_pin(p, &list[count++]);
		parse_next(p);
	}
	if (count == 0 || p->token.type == TOKEN_BAD) {
		parse_expected(p, MSG_PIN_EXPECTED);
		return false;
	}
	requirement->u.pins.list = keep(p, list, count * sizeof(*list));
	requirement->u.pins.count = count;
	return requirement->u.pins.list != NULL;
}

/* The certificate of one file. Where there is none, it is reported. */
static void
read_pinned(struct parser *p, struct pinned_file *pinned)
{
	const struct place *place = &p->token.place;
	const char *path = parse_named_file(p, p->token.text);
	enum certificate_result result;

	if (p->reader == NULL)
		p->reader = certificate_reader_new();
	if (path == NULL || p->reader == NULL) {
		p->no_memory = true;
		return;
	}
	pinned->path = parse_absolute(p, path);
	pinned->opened = parse_keep_text(p, path, strlen(path));
	(void)parse_keep_place(p, place, &pinned->place);
	result = certificate_read(p->reader, path, &p->policy->arena,
	    &pinned->certificate, &pinned->found);
	if (result == CERTIFICATE_NO_MEMORY)
		p->no_memory = true;
	else if (result != CERTIFICATE_READ)
		parse_error(p, place, MSG_PIN_FILE, path, certificate_problem(result));
}

/* The digests of all files, one after the other. */
static void
keep_digests(struct parser *p, struct policy_requirement *requirement)
{
	const struct pinned_file *files = requirement->u.pins.files;
	size_t count = requirement->u.pins.file_count;
	struct fingerprint *list = parse_keep(p,
	    count * CERTIFICATE_DIGESTS * sizeof(*list));

	if (list == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		memcpy(list + i * CERTIFICATE_DIGESTS, files[i].certificate.digests,
		    sizeof(files[i].certificate.digests));
	requirement->u.pins.list = list;
	requirement->u.pins.count = count * CERTIFICATE_DIGESTS;
}

static bool
require_files(struct parser *p, struct policy_requirement *requirement)
{
	struct pinned_file *list = NULL;
	size_t count = 0, room = 0;

	while (p->token.type == TOKEN_STRING) {
		list = grow(p, list, count, &room, sizeof(*list));
		if (list == NULL)
			return false;
		read_pinned(p, &list[count++]);
		parse_next(p);
	}
	if (count == 0 || p->token.type == TOKEN_BAD) {
		parse_expected(p, MSG_PIN_FILE_EXPECTED);
		return false;
	}
	if ((list = keep(p, list, count * sizeof(*list))) == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		*p->last_pinned = &list[i];
		p->last_pinned = &list[i].next;
	}
	requirement->u.pins.files = list;
	requirement->u.pins.file_count = count;
	keep_digests(p, requirement);
	return requirement->u.pins.list != NULL;
}

/* The token as a number from "least" to "most", or -1. */
static int
number(const struct parser *p, int least, int most)
{
	size_t length = p->token.length;
	int value;

	if (length == 0 || length > 5 ||
	    strspn(p->token.text, "0123456789") != length)
		return -1;
	value = atoi(p->token.text);
	return value >= least && value <= most ? value : -1;
}

static bool
require_key(struct parser *p, struct policy_requirement *requirement)
{
	if (!parse_at_least(p))
		return false;
	if (p->token.type != TOKEN_WORD) {
		parse_expected(p, MSG_KEY_EXPECTED);
		return false;
	}
	requirement->u.key = number(p, 1, KEY_MAX);
	if (requirement->u.key == -1)
		parse_error(p, &p->token.place, MSG_KEY, p->token.text, KEY_MAX);
	parse_next(p);
	return true;
}

static bool
require_signature(struct parser *p, struct policy_requirement *requirement)
{
	static const char *const names[] = {
		"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "ed25519", "ed448"
	};
	const char *name = p->token.text;

	if (!parse_at_least(p))
		return false;
	if (p->token.type != TOKEN_WORD) {
		parse_expected(p, MSG_SIGNATURE_EXPECTED);
		return false;
	}
	name = parse_keep_text(p, p->token.text, p->token.length);
	requirement->u.signature.name = name;
	if (name != NULL)
		requirement->u.signature.rank = certificate_signature_rank(name);
	if (requirement->u.signature.rank == 0)
		parse_error(p, &p->token.place, MSG_SIGNATURE, p->token.text,
		    parse_hint(p, p->token.text, p->token.length, names, COUNT(names)));
	parse_next(p);
	return true;
}

/* >= N days */
static bool
require_validity(struct parser *p, struct policy_requirement *requirement)
{
	if (!parse_at_least(p))
		return false;
	if (p->token.type != TOKEN_WORD) {
		parse_expected(p, MSG_DAYS_EXPECTED);
		return false;
	}
	requirement->u.days = number(p, 0, DAYS_MAX);
	if (requirement->u.days == -1) {
		parse_unexpected(p, MSG_DAYS, p->token.text, DAYS_MAX);
		return false;
	}
	parse_next(p);
	if (!parse_is(p, "days") && !parse_is(p, "day")) {
		parse_expected(p, MSG_DAYS_WORD);
		return false;
	}
	parse_next(p);
	return true;
}

/* What may stand behind "certificate". */
static const struct {
	const char *name;
	enum policy_reason kind;
	bool patterns;
	bool (*read)(struct parser *p, struct policy_requirement *requirement);
} kinds[] = {
	{ "name", REASON_CERTIFICATE_NAME, true, require_patterns },
	{ "issuer", REASON_CERTIFICATE_ISSUER, true, require_patterns },
	{ "fingerprint", REASON_CERTIFICATE_FINGERPRINT, false, require_pins },
	{ "file", REASON_CERTIFICATE_FINGERPRINT, false, require_files },
	{ "key", REASON_CERTIFICATE_KEY, false, require_key },
	{ "signature", REASON_CERTIFICATE_SIGNATURE, false, require_signature },
	{ "valid-for", REASON_CERTIFICATE_VALIDITY, false, require_validity }
};

static void
unknown_kind(struct parser *p)
{
	const char *names[COUNT(kinds)];

	for (size_t i = 0; i < COUNT(kinds); i++)
		names[i] = kinds[i].name;
	if (p->token.type == TOKEN_WORD)
		parse_unexpected(p, MSG_CERTIFICATE, p->token.text, parse_hint(p,
		    p->token.text, p->token.length, names, COUNT(names)));
	else
		parse_expected(p, MSG_END_EXPECTED_SETTING);
}

bool
parse_require_certificate(struct parser *p, struct policy_requirement *requirement)
{
	size_t i = 0;

	requirement->kind = REASON_CERTIFICATE;
	if (parse_at_end(p) || parse_is(p, "otherwise"))
		return true;
	while (i < COUNT(kinds) && !parse_is(p, kinds[i].name))
		i++;
	if (i == COUNT(kinds)) {
		unknown_kind(p);
		return false;
	}
	requirement->kind = kinds[i].kind;
	if (kinds[i].patterns)
		parse_next_pattern(p);
	else
		parse_next(p);
	return kinds[i].read(p, requirement);
}
