/*
 * requirement_cipher.c - requirements on the cipher suite.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/requirement.h"

#include <string.h>

#include "policy/parse.h"
#include "policy/session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ------------------------------------------------------------------ *
 * cipher LIST, ciphersuites LIST
 * ------------------------------------------------------------------ */

/* A list may be written in several strings: "A" "B"... */
struct list_string {
	struct list_string *next;	/* the one before it */
	struct token token;
	size_t at;			/* where it begins in the list */
};

struct list_reading {
	const char *list;
	struct list_string *last;
	bool bad;
};

/* Appends the string of the token. False: no memory. */
static bool
list_append(struct parser *p, struct list_reading *reading)
{
	struct list_string *string = parse_scratch(p, sizeof(*string));

	if (string == NULL)
		return false;
	*string = (struct list_string){ reading->last, p->token, 0 };
	if (reading->last != NULL) {
		string->at = strlen(reading->list) + 1;
		reading->list = parse_print(p, "%s:%s", reading->list, p->token.text);
	} else
		reading->list = p->token.text;
	reading->last = string;
	return true;
}

/* The place of what begins at an offset in the list. */
static struct place
list_place(const struct list_reading *reading, size_t at)
{
	const struct list_string *string = reading->last;

	while (string->at > at)
		string = string->next;
	return parse_inside(&string->token, at - string->at);
}

/* Keeps what lint says of an element that is known. */
static void
keep_odd(struct parser *p, const struct list_reading *reading,
    const struct cipher_element *element)
{
	struct arena *arena = &p->written->blocks;
	struct odd_cipher *odd = arena_alloc(arena, sizeof(*odd));

	p->no_memory |= odd == NULL;
	if (odd == NULL)
		return;
	*odd = (struct odd_cipher){
		p->written->ciphers, list_place(reading, element->at),
		arena_text(arena, reading->list + element->at, element->length),
		element->what == ELEMENT_TLS13
	};
	p->no_memory |= odd->text == NULL;
	p->written->ciphers = odd;
}

/* Reports the name that is unknown at "at". */
static void
unknown_name(struct parser *p, struct list_reading *reading, bool tls13, size_t place,
    size_t at, size_t length)
{
	const char *known[CIPHERS_MAX], *name = reading->list + at;
	struct place error = list_place(reading, place);
	struct cipher_table *table = p->policy->ciphers;
	const char *hint = parse_hint(p, name, length, known,
	    cipher_names(table, tls13, known, COUNT(known)));

	if (tls13 && cipher_find(table, parse_print(p, "%.*s", (int)length, name)) != NULL)
		hint = MSG_SUITE_OLD;
	reading->bad = true;
	if (tls13)
		parse_error(p, &error, MSG_SUITE, (int)length, name, hint);
	else
		parse_error(p, &error, MSG_CIPHER_UNKNOWN, (int)length, name, hint);
}

static void
ciphers_read(struct parser *p, struct list_reading *reading, const struct place *place,
    struct cipher_set *set)
{
	struct cipher_table *table = p->policy->ciphers;
	struct cipher_element element = { .at = 0 };
	bool no_memory = false;

	for (; cipher_list_element(table, reading->list, &element, &no_memory);
	    element.at += element.length)
		if (element.what == ELEMENT_UNKNOWN)
			unknown_name(p, reading, false, element.at, element.part,
			    element.part_length);
		else if (element.what != ELEMENT_GOOD)
			keep_odd(p, reading, &element);
	if (!no_memory && !reading->bad &&
	    !cipher_list_read(table, reading->list, set, &no_memory) && !no_memory)
		parse_error(p, place, "%s", strncmp(reading->list, "TLS_", 4) == 0 ?
		    MSG_CIPHER_SUITES : MSG_CIPHER);
	p->no_memory |= no_memory;
}

/* The names of TLS 1.3 suites. */
static void
suites_read(struct parser *p, struct list_reading *reading, struct cipher_set *set)
{
	size_t at = 0, length;

	for (;; at += length + 1) {
		const char *name = reading->list + at;

		length = strcspn(name, ":");
		if (!cipher_suite_add(p->policy->ciphers, name, length, set))
			unknown_name(p, reading, true, at, at, length);
		if (name[length] == '\0')
			return;
	}
}

static bool
list_parse(struct parser *p, struct policy_requirement *requirement)
{
	struct cipher_set *set = &requirement->u.suites;
	struct list_reading reading = { .list = NULL };
	struct place place = p->token.place;

	if (p->token.type != TOKEN_STRING) {
		parse_expected(p, MSG_CIPHER_EXPECTED);
		return false;
	}
	for (; p->token.type == TOKEN_STRING; parse_next(p))
		if (!list_append(p, &reading))
			return false;
	requirement->text = parse_keep_text(p, reading.list, strlen(reading.list));
	if (requirement->kind == REASON_CIPHERSUITES)
		suites_read(p, &reading, set);
	else
		ciphers_read(p, &reading, &place, set);
	return true;
}

/* TLS 1.3 has its own suites: each list is of one of the two. */
static enum policy_tri
list_meets(const struct session *session, const struct policy_requirement *requirement)
{
	if (session->tls13 != (requirement->kind == REASON_CIPHERSUITES))
		return POLICY_YES;
	if (session->facts->cipher == NULL)
		return POLICY_UNKNOWN;
	return session_answer(session->cipher != NULL &&
	    cipher_in_set(session->policy->ciphers, session->cipher,
	    &requirement->u.suites));
}

static void
list_print(const struct policy_requirement *requirement, FILE *out)
{
	requirement_print_name(requirement, out);
	requirement_print_string(requirement->text, out);
}

static size_t
count_elements(const char *list)
{
	size_t count = 0;

	while (*(list += strspn(list, CIPHER_SEPARATORS)) != '\0') {
		list += strcspn(list, CIPHER_SEPARATORS);
		count++;
	}
	return count;
}

/* As many elements of the list as fit, each whole, and the number of the others. */
static void
append_elements(const char *list, char *text, size_t size)
{
	size_t rest = count_elements(list), length;
	bool any = false;

	for (; rest > 0; rest--, list += length, any = true) {
		size_t room = size - strlen(text);

		list += strspn(list, CIPHER_SEPARATORS);
		length = strcspn(list, CIPHER_SEPARATORS);
		if (any && length + 1 + (rest > 1 ? strlen(" and 999 more") : 0) >= room)
			break;
		text_append(text, size, "%s%.*s", any ? ":" : "", (int)length, list);
	}
	if (rest > 0)
		text_append(text, size, " and %zu more", rest);
}

/* What a list is called, or else what is in it. */
static void
list_value(const struct policy_requirement *requirement, char *text, size_t size)
{
	bool tls13 = requirement->kind == REASON_CIPHERSUITES;

	if (requirement->title != NULL) {
		text_append(text, size, tls13 ? "a TLS 1.3 cipher of %s" :
		    "a cipher of %s", requirement->title);
		return;
	}
	text_append(text, size, "%s ", tls13 ? "one of the TLS 1.3 cipher suites" :
	    "one of the ciphers");
	append_elements(requirement->text, text, size);
}

static bool
list_includes(const struct policy_requirement *all, const struct policy_requirement *some)
{
	for (size_t i = 0; i < CIPHERS_MAX / 64; i++)
		if ((some->u.suites.bits[i] & ~all->u.suites.bits[i]) != 0)
			return false;
	return true;
}

/* ------------------------------------------------------------------ *
 * forward-secrecy, aead
 * ------------------------------------------------------------------ */

static enum policy_tri
secrecy_meets(const struct session *session, const struct policy_requirement *requirement)
{
	(void)requirement;
	if (session->tls13)
		return POLICY_YES;
	if (session->facts->cipher == NULL)
		return POLICY_UNKNOWN;
	return session_answer(session->cipher != NULL &&
	    session->cipher->forward_secrecy);
}

static enum policy_tri
aead_meets(const struct session *session, const struct policy_requirement *requirement)
{
	(void)requirement;
	if (session->facts->cipher == NULL)
		return POLICY_UNKNOWN;
	return session_answer(session->cipher != NULL && session->cipher->aead);
}

#define OTHER_CIPHER \
    "{domain} must reach us with {required}; this session used {cipher}"

const struct requirement_kind requirements_cipher[] = {
	{
		.kind = REASON_CIPHER, .reason = REASON_CIPHER,
		.name = "cipher", .other_name = "cipher",
		.why = {
			"cipher", "554", "7.0", OTHER_CIPHER,
			"enable one of these ciphers on it"
		},
		.presumes = PRESUMES_NOTHING, .facts = { "tls_version", "cipher" },
		.outbound = LEVEL_ENCRYPT, .sendmail = access_nothing,
		.parse = list_parse, .meets = list_meets,
		.print = list_print,
		.demands = "%s", .value = list_value,
		.covers = list_includes, .implied = requirement_implied_by_tls13
	}, {
		.kind = REASON_CIPHERSUITES, .reason = REASON_CIPHER,
		.name = "ciphersuites", .other_name = "ciphersuites",
		.why = {
			"cipher", "554", "7.0", OTHER_CIPHER,
			"enable one of these cipher suites on it"
		},
		.presumes = PRESUMES_NOTHING, .facts = { "tls_version", "cipher" },
		.outbound = LEVEL_ENCRYPT, .sendmail = access_nothing,
		.parse = list_parse, .meets = list_meets,
		.print = list_print,
		.demands = "%s", .value = list_value,
		.covers = list_includes, .implied = requirement_never_implied
	}, {
		.kind = REASON_FORWARD_SECRECY, .reason = REASON_FORWARD_SECRECY,
		.name = "forward-secrecy", .other_name = "forward-secrecy",
		.why = {
			"forward-secrecy", "554", "7.0", OTHER_CIPHER,
			"enable cipher suites with an ephemeral key exchange (ECDHE) "
			"on it"
		},
		.presumes = PRESUMES_NOTHING, .facts = { "tls_version", "cipher" },
		.outbound = LEVEL_ENCRYPT, .sendmail = access_nothing,
		.parse = requirement_parse_nothing, .meets = secrecy_meets,
		.print = requirement_print_name,
		.demands = "a key exchange that gives forward secrecy",
		.value = requirement_no_value, .covers = requirement_covers_least,
		.implied = requirement_implied_by_tls13
	}, {
		.kind = REASON_AEAD, .reason = REASON_AEAD,
		.name = "aead", .other_name = "aead",
		.why = {
			"aead", "554", "7.0", OTHER_CIPHER,
			"enable cipher suites with AES-GCM or ChaCha20-Poly1305 on it"
		},
		.presumes = PRESUMES_NOTHING, .facts = { "cipher" },
		.outbound = LEVEL_ENCRYPT, .sendmail = access_nothing,
		.parse = requirement_parse_nothing, .meets = aead_meets,
		.print = requirement_print_name,
		.demands = "authenticated encryption (AEAD)",
		.value = requirement_no_value, .covers = requirement_covers_least,
		.implied = requirement_implied_by_tls13
	},
	{ .name = NULL }
};
