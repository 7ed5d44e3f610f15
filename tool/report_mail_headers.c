/*
 * report_mail_headers.c - the headers of a message to a partner.
 *
 * Lines have at most 78 characters. Of what came from the network a header has nothing but
 * domains (RFC 5322; names that are not ASCII: RFC 2047).
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/text.h"

/* Bytes in one encoded word, whose line then fits behind a field's name. */
#define WORD_BYTES 36
#define WORD_PLAIN 60

/* Whether a text can stand in a header as it is, and be folded. */
static bool
is_plain(const char *text)
{
	size_t word = 0;

	for (; *text != '\0'; text++) {
		word = *text == ' ' ? 0 : word + 1;
		if (*text < ' ' || *text > '~' || word > WORD_PLAIN)
			return false;
	}
	return true;
}

/* As encoded words, of whole characters each. */
static void
put_encoded(struct buffer *mail, const char *text)
{
	unsigned char coded[2 * WORD_BYTES];
	size_t left = strlen(text), size;

	for (; left > 0; left -= size, text += size) {
		size = left < WORD_BYTES ? left : WORD_BYTES;
		while (size > 1 && size < left && (text[size] & 0xC0) == 0x80)
			size--;
		(void)EVP_EncodeBlock(coded, (const unsigned char *)text, (int)size);
		buffer_format(mail, "=?utf-8?B?%s?=%s", (char *)coded,
		    size < left ? "\n " : "");
	}
}

static void
put_subject(struct buffer *mail, const char *subject)
{
	size_t column = strlen("Subject:");

	buffer_string(mail, "Subject:");
	if (!is_plain(subject)) {
		buffer_add(mail, " ", 1);
		put_encoded(mail, subject);
	} else
		while (*(subject += strspn(subject, " ")) != '\0') {
			size_t length = strcspn(subject, " ");

			if (column + 1 + length > MAIL_WIDTH) {
				buffer_add(mail, "\n", 1);
				column = 0;
			}
			buffer_format(mail, " %.*s", (int)length, subject);
			column += 1 + length;
			subject += length;
		}
	buffer_add(mail, "\n", 1);
}

/* An address that cannot end a header, or be two. */
static bool
is_address(const char *text, size_t length)
{
	const char *at = memchr(text, '@', length);

	if (at == NULL || at == text || at == text + length - 1 || length > 320)
		return false;
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr(",;:<>()[]\"\\", text[i]))
			return false;
	return memchr(at + 1, '@', length - (size_t)(at + 1 - text)) == NULL;
}

/* "Name <address>", the name quoted or encoded where it has to be. */
static bool
put_named(struct buffer *mail, const char *before, const char *text, size_t length)
{
	const char *open = memchr(text, '<', length);
	struct buffer name = BUFFER_INIT, safe = BUFFER_INIT;
	size_t size;

	if (open == NULL || text[length - 1] != '>' ||
	    !is_address(open + 1, length - (size_t)(open + 2 - text)))
		return false;
	for (size_t i = 0; text + i < open; i++)
		if (strchr("\"\\", text[i]) == NULL)
			buffer_add(&name, text + i, 1);
	while (name.length > 0 && name.text[name.length - 1] == ' ')
		name.length--;
	size = name.length;
	buffer_add(&name, "", 1);
	buffer_string(&safe, "");
	if (!name.failed)
		text_visible(&safe, name.text);
	mail->failed |= name.failed || safe.failed;
	buffer_string(mail, before);
	if (!safe.failed && size > 0 && is_plain(safe.text))
		buffer_format(mail, "\"%s\"\n ", safe.text);
	else if (!safe.failed && size > 0) {
		put_encoded(mail, safe.text);
		buffer_string(mail, "\n ");
	}
	buffer_add(mail, open, length - (size_t)(open - text));
	buffer_free(&name);
	buffer_free(&safe);
	return true;
}

/* An address among words: also in angles, or written as a link. */
static bool
put_address(struct buffer *mail, const char *before, const char *word, size_t length)
{
	size_t skip = strncmp(word, "mailto:", 7) == 0 ? 7 : *word == '<';

	word += skip;
	length -= skip;
	if (skip == 1 && length > 0 && word[length - 1] == '>')
		length--;
	if (!is_address(word, length))
		return false;
	buffer_format(mail, "%s%.*s", before, (int)length, word);
	return true;
}

/*
 * The addresses of a list, in a header. Returns how many, and of an option's value
 * ("strict") 0 where something is none; a contact may have others, a telephone's.
 */
static size_t
put_addresses(struct buffer *mail, const char *name, const char *text, bool strict)
{
	size_t count = 0;

	while (*(text += strspn(text, " ,")) != '\0') {
		size_t length = strcspn(text, ","), word = strcspn(text, " ,");
		const char *before = count == 0 ? name : ",\n ";

		while (text[length - 1] == ' ')
			length--;
		if (put_named(mail, before, text, length))
			word = length;
		else if (!put_address(mail, before, text, word)) {
			if (strict)
				return 0;
			text += word;
			continue;
		}
		count++;
		text += word;
	}
	if (count > 0)
		buffer_add(mail, "\n", 1);
	return count;
}

static void
put_date(struct buffer *mail, int64_t now_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm = { 0 };
	char date[64];

	/* The locale is that of C, but for the width of characters. */
	if (localtime_r(&now, &tm) == NULL)
		(void)gmtime_r(&now, &tm);
	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S %z", &tm);
	buffer_format(mail, "Date: %s\n", date);
}

int
report_mail_headers(const struct report_mail *request, const char *subject, bool is_ascii,
    struct buffer *mail)
{
	const char *contact = request->agreement->contact;
	enum policy_rule_kind kind = request->agreement->kind;

	if (request->to == NULL && (kind == RULE_TO || kind == RULE_DEFAULT))
		return tool_trouble("%s: who sent what it refused is told by tlsward log "
		    "--rule %s:%u; to write to one of them give an address with --to",
		    kind == RULE_TO ? "a rule on recipients is not about one partner, and its "
		    "contact is yours" : "the default is not about one partner",
		    request->agreement->place.file, request->agreement->place.line);
	if (request->to != NULL) {
		if (put_addresses(mail, "To: ", request->to, true) == 0)
			return tool_trouble("--to \"%s\" is not a mail address", request->to);
	} else if (contact == NULL || put_addresses(mail, "To: ", contact, false) == 0)
		return tool_trouble("the policy has no mail address to write to: set "
		    "\"contact\" in the agreement, or give one with --to");
	if (request->from != NULL && put_addresses(mail, "From: ", request->from,
	    true) != 1)
		return tool_trouble("--from \"%s\" is not a mail address", request->from);
	put_date(mail, request->view->now_ms);
	put_subject(mail, subject);
	buffer_format(mail, "MIME-Version: 1.0\nContent-Type: text/plain; charset=%s\n"
	    "Content-Transfer-Encoding: %s\n\n", is_ascii ? "us-ascii" : "utf-8",
	    is_ascii ? "7bit" : "8bit");
	return STATUS_FINE;
}
