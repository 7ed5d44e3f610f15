/*
 * parse_require.c - requirements, their dates, and what happens when they are not met.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>
#include <strings.h>

#include "policy/parse.h"
#include "policy/requirement.h"
#include "policy/template.h"
#include "base/date.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const action_names[] = { "accept", "quarantine", "tempfail", "reject" };

/* What was meant by a word that begins no requirement. */
static const char *
requirement_hint(struct parser *p, const char *const *words, size_t count)
{
	const char *of_certificate[REQUIREMENT_WORDS_MAX], *word = p->token.text;
	size_t many;

	if (requirement_find("certificate ", word, of_certificate, &many) != NULL)
		return parse_print(p, ": did you mean \"certificate %s\"?", word);
	if (strncasecmp(word, "tls", 3) == 0 && strpbrk(word, "0123456789") != NULL)
		return parse_hint_version(p, "tls >= ");
	return parse_hint(p, word, p->token.length, words, count);
}

/* Reports that the token is none of the words; "nothing" can stand there too. */
static void
unknown_requirement(struct parser *p, const char *words[], size_t count)
{
	char all[256] = "";

	for (size_t i = 0; i < count; i++)
		text_append(all, sizeof(all), "%s%s", i > 0 ? ", " : "", words[i]);
	words[count++] = "nothing";
	if (p->token.type == TOKEN_WORD)
		parse_unexpected(p, MSG_REQUIREMENT, p->token.text,
		    requirement_hint(p, words, count));
	else
		parse_unexpected(p, MSG_REQUIREMENT_EXPECTED, all,
		    parse_found(p, &p->token));
}

static void
unknown_of_certificate(struct parser *p, const char *const *words, size_t count)
{
	if (p->token.type == TOKEN_WORD && strchr(p->token.text, '.') != NULL)
		parse_unexpected(p, MSG_CERTIFICATE, p->token.text, parse_print(p,
		    ": did you mean \"name %s\"?", p->token.text));
	else if (p->token.type == TOKEN_WORD)
		parse_unknown(p, MSG_CERTIFICATE, words, count);
	else
		parse_unexpected(p, MSG_END_EXPECTED_SETTING, parse_print(p, "%s%s",
		    parse_found(p, &p->token), p->token.type == TOKEN_STRING ?
		    MSG_HINT_CERTIFICATE : ""));
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
	/* A client may be an expression. */
	parse_next_pattern(p);
	if (row->kind != REASON_CERTIFICATE || parse_at_demand_end(p))
		return row;
	row = requirement_find("certificate ",
	    p->token.type == TOKEN_WORD ? p->token.text : NULL, words, &count);
	if (row == NULL)
		unknown_of_certificate(p, words, count);
	return row;
}

/* Keeps the date for those who are to be told that it is near. */
static void
keep_date(struct parser *p, const struct token *date, int64_t until, const char *what)
{
	struct dated *dated = parse_keep(p, sizeof(*dated));

	if (dated == NULL || !parse_keep_place(p, &date->place, &dated->place))
		return;
	dated->what = what;
	dated->date = parse_keep_text(p, date->text, date->length);
	dated->until = until;
	*p->last_dated = dated;
	p->last_dated = &dated->next;
}

bool
parse_date(struct parser *p, const char *word, int64_t *date, const char *what)
{
	struct token token;

	if (!parse_is(p, word))
		return true;
	parse_next(p);
	token = p->token;
	if (token.type != TOKEN_WORD) {
		parse_expected(p, MSG_DATE_EXPECTED);
		return false;
	}
	parse_next(p);
	if (!date_read_day(token.text, date)) {
		parse_error(p, &token.place, MSG_DATE, token.text);
		return false;
	}
	if (what != NULL)
		keep_date(p, &token, *date, what);
	return true;
}

/* [from DATE] [until DATE]; without them *span is always. False: as with a date. */
static bool
parse_span(struct parser *p, struct span *span)
{
	struct place until;

	*span = (struct span){ INT64_MIN, INT64_MAX };
	if (!parse_date(p, "from", &span->from, NULL))
		return false;
	until = p->token.place;
	if (!parse_date(p, "until", &span->until, "require"))
		return false;
	if (span->until > span->from)
		return true;
	parse_error(p, &until, "%s", MSG_SPAN);
	return false;
}

void
parse_require(struct parser *p, struct setting *setting)
{
	struct policy_requirement *requirement =
	    parse_keep(p, sizeof(*requirement));

	setting->kind = p->token.place;
	if (requirement == NULL) {
		parse_skip_setting(p);
		return;
	}
	if (parse_is(p, "nothing")) {
		parse_next(p);
		setting->type = SET_NOTHING;
		if (!parse_span(p, &setting->span))
			parse_skip_setting(p);
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
	requirement->line = setting->kind.line;
	if (!requirement->row->parse(p, requirement) || !parse_span(p, &setting->span)) {
		parse_skip_setting(p);
		return;
	}
	if (parse_is(p, "otherwise")) {
		setting->own = p->token.place;
		parse_next(p);
		requirement->own = parse_otherwise(p);
	}
	if (requirement->kind == REASON_CIPHER || requirement->kind == REASON_CIPHERSUITES)
		requirement->title = p->title;
	setting->require = requirement;
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

/* CODE: three digits, of the action's class. */
static bool
read_code(struct parser *p, struct otherwise *otherwise)
{
	const char *code = p->token.text, *action = action_names[otherwise->action];
	const struct place *place = &p->token.place;
	char class = otherwise->action == POLICY_REJECT ? '5' : '4';
	bool digits = p->token.length == 3 && strspn(code, "0123456789") == 3;

	if (!digits || code[0] < '2' || code[0] > '5') {
		parse_unexpected(p, MSG_CODE, code, is_enhanced(code) ? MSG_CODE_SWAPPED :
		    strspn(code, "0123456789.") == 0 ? MSG_HINT_TEXT : "");
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
		    parse_hint(p, at, length, template_names, TEMPLATE_NAMES));
		break;
	}
}

/* What was meant by a word that is no action: perhaps a code, without one. */
static const char *
action_hint(struct parser *p)
{
	const char *text = p->token.text;

	if (p->token.length == 3 && strspn(text, "0123456789") == 3 &&
	    (text[0] == '4' || text[0] == '5'))
		return parse_print(p, ": did you mean \"%s %s\"?",
		    text[0] == '5' ? "reject" : "tempfail", text);
	return parse_hint(p, text, p->token.length, action_names, COUNT(action_names));
}

const struct otherwise *
parse_otherwise(struct parser *p)
{
	struct otherwise *otherwise = parse_keep(p, sizeof(*otherwise));
	size_t action = parse_word(p, action_names, COUNT(action_names));
	bool code_is_good, swapped;

	if (otherwise == NULL || action == COUNT(action_names)) {
		parse_no_such(p, MSG_ACTION, action_hint(p), MSG_ACTION_EXPECTED);
		parse_skip_setting(p);
		return NULL;
	}
	otherwise->action = (enum policy_action)action;
	parse_next(p);
	if (parse_is(p, "from") || parse_is(p, "until"))
		parse_unexpected(p, MSG_OTHERWISE_DATE, p->token.text);
	if (p->token.type == TOKEN_WORD && !parse_at_keyword(p)) {
		swapped = is_enhanced(p->token.text);
		code_is_good = read_code(p, otherwise);
		parse_next(p);
		if (p->token.type == TOKEN_WORD && !parse_at_keyword(p)) {
			if (!swapped && !p->panic)
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
