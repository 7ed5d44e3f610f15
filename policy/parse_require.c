/*
 * parse_require.c - requirements, and what happens when they are not met.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"
#include "policy/template.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define REQUIREMENTS "tls, bits, cipher, ciphersuites, forward-secrecy, aead, " \
    "certificate or nothing"

static const char *const requirement_names[] = {
	"tls", "bits", "cipher", "ciphersuites", "forward-secrecy", "aead",
	"certificate", "nothing"
};
static const char *const action_names[] = { "accept", "quarantine", "tempfail", "reject" };

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

static bool
require_tls(struct parser *p, struct policy_requirement *requirement)
{
	requirement->u.version = PROTOCOL_UNKNOWN;
	if (p->token.type != TOKEN_AT_LEAST) {
		/* "tls 1.2" or "tls = 1.2": the ">=" was forgotten. */
		if (parse_at_end(p) || parse_is(p, "otherwise"))
			return true;
		parse_expected(p, MSG_AT_LEAST);
		return false;
	}
	parse_next(p);
	if (p->token.type != TOKEN_WORD) {
		parse_expected(p, MSG_VERSION_EXPECTED);
		return false;
	}
	requirement->u.version = protocol_from_policy(p->token.text);
	if (requirement->u.version == PROTOCOL_UNKNOWN)
		parse_error(p, &p->token.place, MSG_VERSION, p->token.text);
	parse_next(p);
	return true;
}

static bool
require_bits(struct parser *p, struct policy_requirement *requirement)
{
	size_t length;
	int bits = 0;

	if (!parse_at_least(p))
		return false;
	if (p->token.type != TOKEN_WORD) {
		parse_expected(p, MSG_BITS_EXPECTED);
		return false;
	}
	length = p->token.length;
	if (length <= 3 && strspn(p->token.text, "0123456789") == length)
		bits = atoi(p->token.text);
	if (bits < 1 || bits > 256)
		parse_error(p, &p->token.place, MSG_BITS, p->token.text);
	requirement->u.bits = bits;
	parse_next(p);
	return true;
}

/* "A" "B"…: one list, written in several strings. NULL when memory is short. */
static const char *
read_list(struct parser *p)
{
	const char *list = p->token.text;

	for (parse_next(p); p->token.type == TOKEN_STRING; parse_next(p)) {
		size_t before = strlen(list) + 1;
		char *joined = parse_scratch(p, before + p->token.length + 1);

		if (joined == NULL)
			return NULL;
		(void)strcpy(joined, list);
		joined[before - 1] = ':';
		(void)strcpy(joined + before, p->token.text);
		list = joined;
	}
	return list;
}

static bool
require_ciphers(struct parser *p, struct policy_requirement *requirement)
{
	struct cipher_table *table = p->policy->ciphers;
	struct cipher_set *set = &requirement->u.ciphers.set;
	struct place place = p->token.place;
	const char *known[32], *unknown, *list;
	size_t length;

	if (p->token.type != TOKEN_STRING) {
		parse_expected(p, MSG_CIPHER_EXPECTED);
		return false;
	}
	if ((list = read_list(p)) == NULL)
		return false;
	requirement->u.ciphers.text = parse_keep_text(p, list, strlen(list));
	if (requirement->kind == REASON_CIPHER) {
		if (!cipher_list_read(table, list, set))
			parse_error(p, &place, "%s", MSG_CIPHER);
	} else {
		unknown = cipher_suites_read(table, list, set, &length);
		if (unknown != NULL)
			parse_error(p, &place, MSG_SUITE, (int)length, unknown,
			    parse_hint(p, unknown, length, known,
			    cipher_suite_names(table, known, COUNT(known))));
	}
	return true;
}

static const enum policy_reason kind_of_name[] = {
	REASON_TLS_VERSION, REASON_BITS, REASON_CIPHER, REASON_CIPHERSUITES,
	REASON_FORWARD_SECRECY, REASON_AEAD, REASON_CERTIFICATE
};

static bool
require_kind(struct parser *p, struct policy_requirement *requirement)
{
	switch (requirement->kind) {
	case REASON_TLS_VERSION:
		return require_tls(p, requirement);
	case REASON_BITS:
		return require_bits(p, requirement);
	case REASON_CIPHER:
	case REASON_CIPHERSUITES:
		return require_ciphers(p, requirement);
	case REASON_CERTIFICATE:
		return parse_require_certificate(p, requirement);
	default:
		return true;
	}
}

static void
unknown_requirement(struct parser *p)
{
	if (p->token.type == TOKEN_WORD)
		parse_unexpected(p, MSG_REQUIREMENT, p->token.text,
		    parse_hint(p, p->token.text, p->token.length, requirement_names,
		    COUNT(requirement_names)));
	else
		parse_unexpected(p, MSG_REQUIREMENT_EXPECTED, REQUIREMENTS,
		    parse_found(p, &p->token));
	parse_skip_setting(p);
}

void
parse_require(struct parser *p, struct setting *setting)
{
	struct policy_requirement *requirement =
	    parse_keep(p, sizeof(*requirement));
	const struct place place = p->token.place;
	size_t i = 0;

	while (i < COUNT(requirement_names) && !parse_is(p, requirement_names[i]))
		i++;
	if (requirement == NULL || i == COUNT(requirement_names)) {
		unknown_requirement(p);
		return;
	}
	parse_next(p);
	if (i == COUNT(kind_of_name)) {
		setting->type = SET_NOTHING;
		return;
	}
	requirement->kind = kind_of_name[i];
	requirement->file = p->current->source.name;
	requirement->line = place.line;
	setting->value = p->token.place;
	if (!require_kind(p, requirement)) {
		parse_skip_setting(p);
		return;
	}
	if (parse_is(p, "otherwise")) {
		parse_next(p);
		requirement->own = parse_otherwise(p);
	}
	setting->require = requirement;
}

/* CODE: three digits, of the action's class. */
static bool
read_code(struct parser *p, struct otherwise *otherwise)
{
	const char *code = p->token.text, *action = action_names[otherwise->action];
	const struct place *place = &p->token.place;
	char class = otherwise->action == POLICY_REJECT ? '5' : '4';
	bool digits = p->token.length == 3 && strspn(code, "0123456789") == 3;

	if (!digits || code[0] < '2' || code[0] > '5') {
		parse_unexpected(p, MSG_CODE, code);
		return false;
	}
	if (otherwise->action == POLICY_ACCEPT || otherwise->action == POLICY_QUARANTINE) {
		parse_error(p, place, MSG_CODE_ACTION, action);
		return false;
	}
	if (code[0] != class)
		parse_error(p, place, MSG_CODE_CLASS, action, class, code);
	else if (strcmp(code, "421") == 0 || strcmp(code, "521") == 0)
		parse_error(p, place, MSG_CODE_CLOSES, code);
	(void)strcpy(otherwise->code, code);
	return code[0] == class;
}

/* CLASS.SUBJECT.DETAIL (RFC 3463 section 2) */
static bool
is_enhanced(const char *text)
{
	if (strspn(text, "245") < 1 || text[1] != '.')
		return false;
	text += 2;
	for (int part = 0; part < 2; part++) {
		size_t digits = strspn(text, "0123456789");

		if (digits < 1 || digits > 3 || (digits > 1 && text[0] == '0'))
			return false;
		text += digits;
		if (*text++ != (part == 0 ? '.' : '\0'))
			return false;
	}
	return true;
}

static void
read_enhanced(struct parser *p, struct otherwise *otherwise, bool code_is_good)
{
	const char *text = p->token.text;
	char class = otherwise->action == POLICY_REJECT ? '5' : '4';

	if (!is_enhanced(text))
		parse_error(p, &p->token.place, MSG_ENHANCED, text, class);
	else if (text[0] != class) {
		/* With a wrong code before it, it only follows the code. */
		if (code_is_good)
			parse_error(p, &p->token.place, MSG_ENHANCED_CLASS, text,
			    otherwise->code);
	} else
		(void)strcpy(otherwise->enhanced, text);
}

static void
read_text(struct parser *p, struct otherwise *otherwise)
{
	const struct place *place = &p->token.place;
	const char *text = p->token.text, *at;
	size_t length;

	otherwise->text = parse_keep_text(p, text, p->token.length);
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < 0x20 || *c > 0x7e) {
			parse_error(p, place, "%s", MSG_TEXT_ASCII);
			return;
		}
	}
	if (p->token.length == 0)
		parse_error(p, place, "%s", MSG_TEXT_EMPTY);
	else if (p->token.length > TEMPLATE_MAX)
		parse_error(p, place, MSG_TEXT_LONG, p->token.length, TEMPLATE_MAX);
	switch (template_check(text, &at, &length)) {
	case TEMPLATE_OK:
		break;
	case TEMPLATE_BRACE:
		parse_error(p, place, "%s", MSG_TEXT_BRACE);
		break;
	case TEMPLATE_NAME:
		parse_error(p, place, MSG_TEXT_NAME, (int)length, at,
		    parse_hint(p, at, length, template_names, TEMPLATE_COUNT));
		break;
	}
}

const struct otherwise *
parse_otherwise(struct parser *p)
{
	struct otherwise *otherwise = parse_keep(p, sizeof(*otherwise));
	bool code_is_good;
	size_t i = 0;

	while (i < COUNT(action_names) && !parse_is(p, action_names[i]))
		i++;
	if (otherwise == NULL || i == COUNT(action_names)) {
		if (p->token.type == TOKEN_WORD)
			parse_unexpected(p, MSG_ACTION, p->token.text,
			    parse_hint(p, p->token.text, p->token.length, action_names,
			    COUNT(action_names)));
		else
			parse_expected(p, MSG_ACTION_EXPECTED);
		parse_skip_setting(p);
		return NULL;
	}
	otherwise->action = (enum policy_action)i;
	parse_next(p);
	if (p->token.type == TOKEN_WORD) {
		code_is_good = read_code(p, otherwise);
		parse_next(p);
		if (p->token.type == TOKEN_WORD) {
			read_enhanced(p, otherwise, code_is_good);
			parse_next(p);
		}
	}
	if (p->token.type == TOKEN_STRING) {
		read_text(p, otherwise);
		parse_next(p);
	}
	return otherwise;
}
