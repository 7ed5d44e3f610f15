/*
 * requirement_pin.c - the requirement of one of certain certificates or keys.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/requirement.h"

#include <string.h>

#include "policy/parse.h"
#include "policy/session.h"

static bool
digest_parse(struct parser *p, struct policy_requirement *requirement, void *element)
{
	const struct place *place = &p->token.place;
	static const char *const algorithms[] = { "sha256", "sha1" };
	const char *text = p->token.text;
	struct fingerprint *pin = element;

	(void)requirement;
	if (p->token.type != TOKEN_STRING &&
	    (p->token.type != TOKEN_WORD || parse_at_demand_end(p) ||
	    parse_swallowed(p) || parse_swallowed_demand(p)))
		return false;
	switch (fingerprint_read_pin(text, pin)) {
	case FINGERPRINT_OK:
		break;
	case FINGERPRINT_NO_ALGORITHM:
		parse_error(p, place, MSG_PIN_NAME, text);
		break;
	case FINGERPRINT_ALGORITHM:
		parse_error(p, place, MSG_PIN_ALGORITHM, text, parse_hint(p, text,
		    strcspn(text, ":"), algorithms, 2));
		break;
	case FINGERPRINT_HEX:
		parse_error(p, place, MSG_PIN_HEX, text);
		break;
	case FINGERPRINT_LENGTH:
		parse_error(p, place, MSG_PIN_LENGTH, text, pin->length);
		break;
	}
	return true;
}

static bool
digests_parse(struct parser *p, struct policy_requirement *requirement)
{
	requirement->u.pins.list = requirement_list(p, sizeof(struct fingerprint),
	    &requirement->u.pins.count, digest_parse, parse_next, requirement);
	if (requirement->u.pins.list == NULL)
		parse_expected(p, MSG_PIN_EXPECTED);
	return requirement->u.pins.list != NULL;
}

/* The certificate of one file. Where there is none, it is reported. */
static bool
file_parse(struct parser *p, struct policy_requirement *requirement, void *element)
{
	const struct place *place = &p->token.place;
	struct pinned_file *pinned = element;
	const char *path, *problem;

	(void)requirement;
	if (p->token.type != TOKEN_STRING)
		return false;
	path = parse_named_file(p, p->token.text);
	if (p->reader == NULL)
		p->reader = certificate_reader_new(p->tape);
	if (path == NULL || p->reader == NULL) {
		p->no_memory = true;
		return false;
	}
	pinned->path = parse_absolute(p, path);
	pinned->opened = parse_keep_text(p, path, strlen(path));
	(void)parse_keep_place(p, place, &pinned->place);
	problem = certificate_read(p->reader, path, &p->policy->arena,
	    &pinned->certificate);
	if (problem == certificate_no_memory)
		p->no_memory = true;
	else if (problem != NULL)
		parse_error(p, place, MSG_PIN_FILE, path, problem);
	return true;
}

/* The digests of all files, one after the other. */
static void
files_keep_digests(struct parser *p, struct policy_requirement *requirement)
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
files_parse(struct parser *p, struct policy_requirement *requirement)
{
	size_t count;
	struct pinned_file *list = requirement_list(p, sizeof(*list), &count, file_parse,
	    parse_next, requirement);

	if (list == NULL) {
		parse_expected(p, MSG_PIN_FILE_EXPECTED);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		*p->last_pinned = &list[i];
		p->last_pinned = &list[i].next;
	}
	requirement->u.pins.files = list;
	requirement->u.pins.file_count = count;
	files_keep_digests(p, requirement);
	return requirement->u.pins.list != NULL;
}

static bool
pins_parse(struct parser *p, struct policy_requirement *requirement)
{
	bool files = parse_is(p, "file");

	parse_next(p);
	return files ? files_parse(p, requirement) : digests_parse(p, requirement);
}

/* Whether a pin is one of the digests; unknown where none is of its algorithm. */
static enum policy_tri
pin_is_among(const struct fingerprint *pin, const struct fingerprint *digests,
    size_t count)
{
	enum policy_tri result = POLICY_UNKNOWN;

	for (size_t i = 0; i < count; i++) {
		if (fingerprint_equal(pin, &digests[i]))
			return POLICY_YES;
		if (pin->algorithm == digests[i].algorithm)
			result = POLICY_NO;
	}
	return result;
}

/* Whether one of the pins is among the session's digests. */
static enum policy_tri
pins_match(const struct policy_requirement *requirement,
    const struct fingerprint *digests, size_t count)
{
	size_t of_one = requirement->u.pins.file_count > 0 ? CERTIFICATE_DIGESTS : 1;
	enum policy_tri result = POLICY_NO;

	for (size_t i = 0; i < requirement->u.pins.count; i += of_one) {
		bool comparable = false;

		for (size_t j = i; j < i + of_one; j++) {
			enum policy_tri pinned = pin_is_among(
			    &requirement->u.pins.list[j], digests, count);

			if (pinned == POLICY_YES)
				return POLICY_YES;
			comparable |= pinned == POLICY_NO;
		}
		/* The MTA reports no algorithm that this pin has. */
		if (!comparable)
			result = POLICY_UNKNOWN;
	}
	return result;
}

static enum policy_tri
pins_meet(const struct session *session, const struct policy_requirement *requirement)
{
	const char *reported[2] = {
		session->facts->cert_fingerprint,
		session->facts->cert_pubkey_fingerprint
	};
	struct fingerprint digests[2];
	size_t count = 0;

	if (session->presented == PRESENTED_NOTHING)
		return POLICY_NO;
	for (size_t i = 0; i < 2; i++)
		if (reported[i] != NULL && fingerprint_read_fact(reported[i],
		    &digests[count]))
			count++;
	return count == 0 ? POLICY_UNKNOWN : pins_match(requirement, digests, count);
}

static void
pins_print(const struct policy_requirement *requirement, FILE *out)
{
	char text[80];

	(void)fputs("certificate", out);
	for (size_t i = 0; i < requirement->u.pins.file_count; i++) {
		(void)fputs(i == 0 ? " file" : "", out);
		requirement_print_string(requirement->u.pins.files[i].path, out);
	}
	if (requirement->u.pins.file_count > 0)
		return;
	(void)fputs(" fingerprint", out);
	for (size_t i = 0; i < requirement->u.pins.count; i++)
		if (fingerprint_write(&requirement->u.pins.list[i], text, sizeof(text)))
			(void)fprintf(out, " %s", text);
}

/* A pin by file against one by its digest is not compared: it is both digests. */
static bool
pins_include(const struct policy_requirement *all, const struct policy_requirement *some)
{
	if ((all->u.pins.file_count > 0) != (some->u.pins.file_count > 0))
		return false;
	for (size_t i = 0; i < some->u.pins.count; i++) {
		size_t j = 0;

		while (j < all->u.pins.count &&
		    !fingerprint_equal(&all->u.pins.list[j], &some->u.pins.list[i]))
			j++;
		if (j == all->u.pins.count)
			return false;
	}
	return true;
}

const struct requirement_kind requirements_pin[] = {
	{
		.kind = REASON_CERTIFICATE_FINGERPRINT,
		.reason = REASON_CERTIFICATE_FINGERPRINT,
		.name = "certificate fingerprint", .other_name = "certificate file",
		.why = {
			"certificate-fingerprint", "550", "7.1",
			"{domain} must reach us with {required}; this session did not "
			"present it",
			"let it present that certificate when our server asks for "
			"it, or give us its new one in person"
		},
		.presumes = PRESUMES_NOTHING,
		.facts = { "cert_fingerprint", "cert_pubkey_fingerprint" },
		.outbound = LEVEL_FINGERPRINT, .sendmail = access_nothing,
		.parse = pins_parse, .meets = pins_meet,
		.print = pins_print,
		.demands = "the client certificate or key that is registered with us",
		.value = requirement_no_value, .covers = pins_include,
		.implied = requirement_never_implied
	},
	{ .name = NULL }
};
