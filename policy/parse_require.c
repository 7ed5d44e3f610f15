/*
 * parse_require.c - requirements, and what happens when they are not met.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"
#include "policy/requirement.h"
#include "policy/template.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const action_names[] = { "accept", "quarantine", "tempfail", "reject" };

/* Reports that the token is none of the words; "nothing" can stand there too. */
static void
unknown_requirement(struct parser *p, const char *words[], size_t count)
{
	char all[256] = "";

	for (size_t i = 0; i < count; i++)
		requirement_append(all, sizeof(all), "%s%s", i > 0 ? ", " : "", words[i]);
	words[count++] = "nothing";
	if (p->token.type == TOKEN_WORD)
		parse_unknown(p, MSG_REQUIREMENT, words, count);
	else
		parse_unexpected(p, MSG_REQUIREMENT_EXPECTED, all,
		    parse_found(p, &p->token));
}

static void
unknown_of_certificate(struct parser *p, const char *const *words, size_t count)
{
	if (p->token.type == TOKEN_WORD)
		parse_unknown(p, MSG_CERTIFICATE, words, count);
	else
		parse_expected(p, MSG_END_EXPECTED_SETTING);
}

/*
 * The kind whose name is there; the token is behind its first word then. NULL: there
 * is none, which has been reported.
 */
static const struct requirement_kind *
parse_kind(struct parser *p)
{
	const char *words[REQUIREMENT_WORDS_MAX + 1];
	const struct requirement_kind *row;
	size_t count;

	row = requirement_find("", p->token.type == TOKEN_WORD ? p->token.text : NULL,
	    words, &count);
	if (row == NULL) {
		unknown_requirement(p, words, count);
		return NULL;
	}
	parse_next(p);
	if (row->kind != REASON_CERTIFICATE || parse_at_end(p) || parse_is(p, "otherwise"))
		return row;
	row = requirement_find("certificate ",
	    p->token.type == TOKEN_WORD ? p->token.text : NULL, words, &count);
	if (row == NULL)
		unknown_of_certificate(p, words, count);
	return row;
}

void
parse_require(struct parser *p, struct setting *setting)
{
	struct policy_requirement *requirement =
	    parse_keep(p, sizeof(*requirement));
	const struct place place = p->token.place;

	if (requirement == NULL) {
		parse_skip_setting(p);
		return;
	}
	if (parse_is(p, "nothing")) {
		parse_next(p);
		setting->type = SET_NOTHING;
		return;
	}
	requirement->row = parse_kind(p);
	setting->value = p->token.place;
	if (requirement->row == NULL) {
		parse_skip_setting(p);
		return;
	}
	requirement->kind = requirement->row->kind;
	requirement->file = p->current->source.name;
	requirement->line = place.line;
	if (!requirement->row->parse(p, requirement)) {
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
	size_t action = parse_word(p, action_names, COUNT(action_names));
	bool code_is_good;

	if (otherwise == NULL || action == COUNT(action_names)) {
		if (p->token.type == TOKEN_WORD)
			parse_unknown(p, MSG_ACTION, action_names, COUNT(action_names));
		else
			parse_expected(p, MSG_ACTION_EXPECTED);
		parse_skip_setting(p);
		return NULL;
	}
	otherwise->action = (enum policy_action)action;
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
