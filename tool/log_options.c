/*
 * log_options.c - the values of the options of tlsward log.
 *
 * SPDX-License-Identifier: ISC
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/log.h"
#include "base/buffer.h"
#include "base/suggest.h"

/* Says that "word" is not one of "words", and which was meant. */
static bool
no_such_word(const char *what, const char *word, const char *const *words, size_t count)
{
	const char *meant = suggest_word(word, strlen(word), words, count);
	struct buffer all = BUFFER_INIT;

	for (size_t i = 0; i < count; i++)
		buffer_format(&all, "%s%s", i == 0 ? "" : ", ", words[i]);
	if (meant != NULL)
		(void)tool_trouble("there is no %s \"%s\": did you mean \"%s\"?", what,
		    word, meant);
	else
		(void)tool_trouble("there is no %s \"%s\": they are %s", what, word,
		    all.failed ? "" : all.text);
	buffer_free(&all);
	return false;
}

/* Sets chosen[N] for each word of a list separated by commas. */
static bool
take_words(const char *what, const char *text, const char *const *words, size_t count,
    bool *chosen)
{
	char word[64];

	for (;;) {
		size_t length = strcspn(text, ","), i = 0;

		(void)snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ?
		    length : sizeof word - 1), text);
		while (i < count && strcmp(word, words[i]) != 0)
			i++;
		if (i == count)
			return no_such_word(what, word, words, count);
		chosen[i] = true;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

bool
log_take_actions(const char *text, void *run)
{
	struct log_options *options = run;

	const char *words[POLICY_REJECT + 1];

	for (int i = 0; i <= POLICY_REJECT; i++)
		words[i] = policy_action_name((enum policy_action)i);
	options->has_actions = true;
	return take_words("action", text, words, POLICY_REJECT + 1, options->actions);
}

bool
log_take_reasons(const char *text, void *run)
{
	struct log_options *options = run;
	const char *words[REASON_COUNT];
	enum policy_reason reasons[REASON_COUNT];
	bool chosen[REASON_COUNT] = { false };
	size_t count = 0;

	for (enum policy_reason reason = policy_reason_next(REASON_NONE);
	    reason < REASON_COUNT; reason = policy_reason_next(reason)) {
		words[count] = policy_reason_name(reason);
		reasons[count++] = reason;
	}
	options->has_reasons = true;
	if (!take_words("reason", text, words, count, chosen))
		return false;
	for (size_t i = 0; i < count; i++)
		options->reasons[reasons[i]] |= chosen[i];
	return true;
}

bool
log_take_domain(const char *text, void *run)
{
	struct log_options *options = run;

	if (strcmp(text, "<>") == 0) {
		(void)strcpy(options->domain, text);
		return true;
	}
	if (policy_domain(text, options->domain, sizeof options->domain))
		return true;
	(void)tool_trouble("\"%s\" is no domain", text);
	return false;
}

static bool
read_address(const char *text, struct log_options *options)
{
	struct in6_addr v6;

	options->network_is_v4 = inet_pton(AF_INET, text, options->network) == 1;
	if (options->network_is_v4)
		return true;
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return false;
	memcpy(options->network, v6.s6_addr, sizeof v6.s6_addr);
	return true;
}

static bool
take_network(const char *text, struct log_options *options)
{
	size_t length = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN], *end;
	unsigned long prefix;

	options->client = LOG_CLIENT_NETWORK;
	if (length < sizeof address) {
		memcpy(address, text, length);
		address[length] = '\0';
		prefix = strtoul(text + length + 1, &end, 10);
		if (text[length + 1] >= '0' && text[length + 1] <= '9' && *end == '\0' &&
		    read_address(address, options) &&
		    prefix <= (options->network_is_v4 ? 32u : 128u)) {
			options->prefix = (unsigned)prefix;
			return true;
		}
	}
	(void)tool_trouble("\"%s\" is no network: write 192.0.2.0/24 or 2001:db8::/32",
	    text);
	return false;
}

bool
log_take_client(const char *text, void *run)
{
	struct log_options *options = run;

	if (strchr(text, '/') != NULL)
		return take_network(text, options);
	if (read_address(text, options)) {
		options->client = LOG_CLIENT_ADDR;
		options->prefix = options->network_is_v4 ? 32 : 128;
		(void)inet_ntop(options->network_is_v4 ? AF_INET : AF_INET6,
		    options->network, options->client_text, sizeof options->client_text);
		return true;
	}
	options->client = LOG_CLIENT_NAME;
	if (policy_domain(text, options->client_text, sizeof options->client_text))
		return true;
	(void)tool_trouble("\"%s\" is neither an address, a network nor a name", text);
	return false;
}

bool
log_take_limit(const char *text, void *run)
{
	struct log_options *options = run;

	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && digits < 18 && text[digits] == '\0') {
		options->limit = strtoll(text, NULL, 10);
		if (options->limit > 0)
			return true;
	}
	(void)tool_trouble("\"%s\" is no number of records", text);
	return false;
}

/* Are the first "prefix" bits the same? */
static bool
same_bits(const unsigned char *one, const unsigned char *other, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	return memcmp(one, other, whole) == 0 && (rest == 0 ||
	    (one[whole] ^ other[whole]) >> (8 - rest) == 0);
}

static bool
meets(const struct log_options *options, const char *address, unsigned most)
{
	unsigned char bytes[16];
	bool is_v4 = inet_pton(AF_INET, address, bytes) == 1;

	if (!is_v4 && inet_pton(AF_INET6, address, bytes) != 1)
		return false;
	return is_v4 == options->network_is_v4 && same_bits(bytes, options->network,
	    options->prefix < most ? options->prefix : most);
}

bool
log_in_network(const struct log_options *options, const char *address)
{
	return address != NULL && meets(options, address, 128);
}

bool
log_meets_network(const struct log_options *options, const char *network)
{
	size_t length = network == NULL ? 0 : strcspn(network, "/");
	char address[INET6_ADDRSTRLEN];

	if (length == 0 || length >= sizeof address)
		return false;
	memcpy(address, network, length);
	address[length] = '\0';
	return meets(options, address, (unsigned)strtoul(network + length + 1, NULL, 10));
}
