/*
 * written.c - facts as people write them: on a command line, in a test case.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/record.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"

/* What is written, in any case, for a value of the record; those of a kind together. */
static const struct {
	enum field_kind kind;
	const char *written, *value;
} forms[] = {
	{ FIELD_PROTOCOL, "1.3", "TLSv1.3" }, { FIELD_PROTOCOL, "1.2", "TLSv1.2" },
	{ FIELD_PROTOCOL, "1.1", "TLSv1.1" }, { FIELD_PROTOCOL, "1", "TLSv1" },
	{ FIELD_PROTOCOL, "1.0", "TLSv1" }, { FIELD_PROTOCOL, "sslv3", "SSLv3" },
	{ FIELD_PROTOCOL, "sslv2", "SSLv2" }, { FIELD_PROTOCOL, "none", "none" },
	{ FIELD_PROTOCOL, "no", "none" }, { FIELD_PROTOCOL, "clear", "none" },
	{ FIELD_PROTOCOL, "cleartext", "none" }, { FIELD_PROTOCOL, "clear-text", "none" },
	{ FIELD_PROTOCOL, "clear text", "none" }, { FIELD_PROTOCOL, "plain", "none" },
	{ FIELD_PROTOCOL, "plaintext", "none" },
	{ FIELD_MTA, "postfix", "postfix" }, { FIELD_MTA, "sendmail", "sendmail" },
	{ FIELD_DIRECTION, "out", "out" }, { FIELD_DIRECTION, "outgoing", "out" },
	{ FIELD_DIRECTION, "in", "" }, { FIELD_DIRECTION, "incoming", "" },
	{ FIELD_RESOLVE, "ok", "ok" }, { FIELD_RESOLVE, "fail", "fail" },
	{ FIELD_RESOLVE, "forged", "forged" }, { FIELD_RESOLVE, "temp", "temp" },
	{ FIELD_RESOLVE, "tempfail", "temp" },
	{ FIELD_VERIFICATION, "none", "none" },
	{ FIELD_VERIFICATION, "anonymous", "anonymous" },
	{ FIELD_VERIFICATION, "untrusted", "untrusted" },
	{ FIELD_VERIFICATION, "trusted", "trusted" },
	{ FIELD_VERIFICATION, "verified", "verified" }, { FIELD_VERIFICATION, "dane", "dane" },
	{ FIELD_VERIFIED, "yes", "yes" }, { FIELD_VERIFIED, "true", "yes" },
	{ FIELD_VERIFIED, "1", "yes" }, { FIELD_VERIFIED, "no", "no" },
	{ FIELD_VERIFIED, "false", "no" }, { FIELD_VERIFIED, "0", "no" },
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* Other names that a fact goes by. */
static const char *const names[][2] = {
	{ "sender", "from" }, { "mail_from", "from" }, { "recipient", "to" },
	{ "rcpt", "to" }, { "rcpt_to", "to" }, { "tls", "tls_version" },
	{ "version", "tls_version" }, { "protocol", "tls_version" },
	{ "suite", "cipher" }, { "ip", "client_addr" }, { "addr", "client_addr" },
	{ "address", "client_addr" }, { "client", "client_addr" },
	{ "host", "client_name" }, { "name", "client_name" },
	{ "user", "sasl_username" }, { "nexthop", "next_hop" }, { "cn", "cert_cn" },
	{ "san", "cert_san" }, { "issuer", "cert_issuer" },
	{ "fingerprint", "cert_fingerprint" }, { "queue", "queue_id" },
	{ "id", "queue_id" },
};

/* "TLSv1.2", "TLS 1.2" and "tls1.2" are 1.2. */
static const char *
behind_tls(const char *text)
{
	if (strncasecmp(text, "tls", 3) != 0)
		return text;
	text += 3 + strspn(text + 3, " ");
	return *text == 'v' || *text == 'V' ? text + 1 : text;
}

/* One of the words of a field's kind. NULL, with why in "error", where it is none. */
static const char *
one_of_forms(const struct record_field *field, const char *text,
    char error[JOURNAL_ERROR_MAX])
{
	enum field_kind kind = field->kind == FIELD_LOCAL ? FIELD_VERIFIED : field->kind;
	const char *form = field->kind == FIELD_PROTOCOL ? behind_tls(text) : text;
	const char *values[FORMS], *meant;
	char whole[64];
	size_t count = 0;
	int length;

	for (size_t i = 0; i < FORMS; i++) {
		if (forms[i].kind != kind)
			continue;
		if (strcasecmp(forms[i].written, form) == 0)
			return forms[i].value;
		if (forms[i].value[0] != '\0' &&
		    (count == 0 || strcmp(values[count - 1], forms[i].value) != 0))
			values[count++] = forms[i].value;
	}
	/* "1.4" is closer to them so. */
	(void)snprintf(whole, sizeof(whole), "%s%.50s",
	    field->kind == FIELD_PROTOCOL && form[0] >= '0' && form[0] <= '9' ? "TLSv" : "",
	    form);
	meant = suggest_word(whole, strlen(whole), values, count);
	if (meant != NULL) {
		(void)snprintf(error, JOURNAL_ERROR_MAX,
		    "%s cannot be \"%.40s\": did you mean \"%s\"?", field->name, text, meant);
		return NULL;
	}
	length = snprintf(error, JOURNAL_ERROR_MAX, "%s must be ", field->name);
	for (size_t i = 0; i < count && length < JOURNAL_ERROR_MAX; i++)
		length += snprintf(error + length, (size_t)(JOURNAL_ERROR_MAX - length),
		    "%s\"%s\"", i == 0 ? "" : i + 1 < count ? ", " : " or ", values[i]);
	return NULL;
}

/* What is in the brackets of "[192.0.2.1]", "[IPv6:2001:db8::1]" or "<a@b.example>". */
static void
add_inner(const char *text, char open, char closing, struct buffer *value)
{
	size_t length = strlen(text);

	if (length > 2 && text[0] == open && text[length - 1] == closing) {
		text++;
		length -= 2;
	}
	if (open == '[' && strncasecmp(text, "IPv6:", 5) == 0) {
		text += 5;
		length -= 5;
	}
	buffer_add(value, text, length);
}

/*
 * Whether an address can be meant so. "acme.example" is one without a domain, to which
 * no rule on acme.example applies, and a comma is one of a list.
 */
static bool
address_meant(const struct record_field *field, const char *text,
    char error[JOURNAL_ERROR_MAX])
{
	bool mail = strcmp(field->name, "from") == 0 || strcmp(field->name, "to") == 0;
	size_t length = strlen(text);

	if (mail && length > 1 && text[length - 1] == ',')
		(void)snprintf(error, JOURNAL_ERROR_MAX, "%s cannot be \"%.80s\": facts are "
		    "separated by spaces, without commas", field->name, text);
	else if (mail && strchr(text, '.') != NULL && strchr(text, '@') == NULL)
		(void)snprintf(error, JOURNAL_ERROR_MAX, "%s cannot be \"%.80s\", which has no "
		    "\"@\": did you mean \"user@%.80s\"?", field->name, text, text);
	else if (strcmp(field->name, "next_hop") == 0 && strchr(text, '@') != NULL)
		(void)snprintf(error, JOURNAL_ERROR_MAX, "next_hop cannot be \"%.80s\": did you "
		    "mean \"%.80s\"?", text, strrchr(text, '@') + 1);
	else
		return true;
	return false;
}

/* Appends the value as records have it; nothing: it is as good as not given. */
static bool
written_value(const struct record_field *field, const char *text, struct buffer *value,
    char error[JOURNAL_ERROR_MAX])
{
	switch (field->kind) {
	case FIELD_PROTOCOL:
	case FIELD_MTA:
	case FIELD_DIRECTION:
	case FIELD_VERIFICATION:
	case FIELD_RESOLVE:
	case FIELD_LOCAL:
	case FIELD_VERIFIED:
		text = one_of_forms(field, text, error);
		if (text == NULL)
			return false;
		buffer_string(value, text);
		return true;
	case FIELD_ADDRESS:
		add_inner(text, '[', ']', value);
		return true;
	case FIELD_NAME:
	case FIELD_SENDER:
		add_inner(text, '<', '>', value);
		return true;
	default:
		buffer_string(value, text);
		return true;
	}
}

bool
journal_facts_set_written(struct journal_facts *owned, const char *name,
    const char *text, char error[JOURNAL_ERROR_MAX])
{
	const struct record_field *field = record_field_find(name, NULL);
	struct buffer value = BUFFER_INIT;
	bool ok;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && field == NULL; i++)
		if (strcasecmp(names[i][0], name) == 0) {
			(void)snprintf(error, JOURNAL_ERROR_MAX, "unknown fact \"%s\": did "
			    "you mean \"%s\"?", name, names[i][1]);
			return false;
		}
	if (field == NULL)
		return journal_facts_set(owned, name, text, error);
	buffer_string(&value, "");
	ok = address_meant(field, text, error) && written_value(field, text, &value, error);
	if (ok && value.failed)
		(void)snprintf(error, JOURNAL_ERROR_MAX, "not enough memory");
	if (ok && (value.length > 0 || field->kind != FIELD_DIRECTION))
		ok = !value.failed && journal_facts_set(owned, name, value.text, error);
	buffer_free(&value);
	return ok;
}
