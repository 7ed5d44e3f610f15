/*
 * filter.c - what tlsward log is asked for: words, networks, addresses.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ *
 * Words and networks
 * ------------------------------------------------------------------ */

struct review_words
review_action_words(void)
{
	struct review_words words = { .count = 0 };

	for (int i = POLICY_ACCEPT; i <= POLICY_REJECT; i++)
		words.list[words.count++] = policy_action_name((enum policy_action)i);
	return words;
}

struct review_words
review_kind_words(void)
{
	return (struct review_words){ { "decision", "handshake", "delivery" }, 3 };
}

struct review_words
review_reason_words(void)
{
	struct review_words words = { .count = 0 };

	for (enum policy_reason reason = policy_reason_next(REASON_NONE);
	    reason < REASON_COUNT; reason = policy_reason_next(reason))
		words.list[words.count++] = policy_reason_name(reason);
	return words;
}

size_t
review_words_find(const struct review_words *words, const char *text, size_t length)
{
	size_t i = 0;

	while (i < words->count && (strlen(words->list[i]) != length ||
	    memcmp(words->list[i], text, length) != 0))
		i++;
	return i;
}

bool
review_network_read(const char *text, struct review_network *network, bool *has_prefix)
{
	size_t length = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN], *end;
	unsigned long prefix, most;

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	network->is_v4 = inet_pton(AF_INET, address, network->bytes) == 1;
	if (!network->is_v4 && inet_pton(AF_INET6, address, network->bytes) != 1)
		return false;
	most = network->is_v4 ? 32 : 128;
	network->prefix = (unsigned)most;
	*has_prefix = text[length] == '/';
	if (!*has_prefix)
		return true;
	if (text[length + 1] < '0' || text[length + 1] > '9')
		return false;
	prefix = strtoul(text + length + 1, &end, 10);
	network->prefix = (unsigned)prefix;
	return *end == '\0' && prefix <= most;
}

bool
review_filter_client(struct review_filter *filter, const char *text)
{
	bool has_prefix;

	if (!review_network_read(text, &filter->network, &has_prefix)) {
		filter->client = CLIENT_NAME;
		return strchr(text, '/') == NULL && policy_domain(text, filter->client_text,
		    sizeof(filter->client_text));
	}
	filter->client = has_prefix ? CLIENT_NETWORK : CLIENT_ADDR;
	(void)inet_ntop(filter->network.is_v4 ? AF_INET : AF_INET6, filter->network.bytes,
	    filter->client_text, sizeof(filter->client_text));
	return true;
}

/* Are the first "prefix" bits the same? */
static bool
same_bits(const unsigned char *one, const unsigned char *other, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	return memcmp(one, other, whole) == 0 && (rest == 0 ||
	    (one[whole] ^ other[whole]) >> (8 - rest) == 0);
}

bool
review_network_has(const struct review_network *wanted, const char *text)
{
	struct review_network found;
	bool has_prefix;

	return text != NULL && review_network_read(text, &found, &has_prefix) &&
	    found.is_v4 == wanted->is_v4 && same_bits(found.bytes, wanted->bytes,
	    wanted->prefix < found.prefix ? wanted->prefix : found.prefix);
}

bool
review_filter_address(struct review_address *address, const char *text)
{
	size_t length = strlen(text);
	const char *at;

	if (length > 2 && text[0] == '<' && text[length - 1] == '>') {
		text++;
		length -= 2;
	}
	*address = (struct review_address){ .given = true };
	if (length == 0 || length >= sizeof(address->text))
		return false;
	memcpy(address->text, text, length);
	if (strcmp(address->text, "<>") == 0)
		return strcpy(address->domain, "<>") != NULL;
	at = strrchr(address->text, '@');
	if (at != NULL)
		address->local = (size_t)(at - address->text) + 1;
	else if (strchr(address->text, '.') == NULL)
		address->local = length;
	return (at == NULL && address->local > 0) || policy_domain(at != NULL ? at + 1 :
	    address->text, address->domain, sizeof(address->domain));
}

bool
review_filter_host(const struct review_filter *filter, const struct review_host *host)
{
	const char *wanted = filter->client_text;
	size_t length = strlen(wanted), had = host->name != NULL ? strlen(host->name) : 0;

	if (filter->client != CLIENT_NAME)
		return review_network_has(&filter->network, host->address != NULL ? host->address :
		    host->network);
	return had >= length && strcmp(host->name + had - length, wanted) == 0 &&
	    (had == length || wanted[0] == '.');
}
