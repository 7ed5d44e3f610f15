/*
 * index.c - finding the WHO that names a sender, a recipient or a client.
 *
 * One table of keys for each kind of rule.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/index.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/table.h"

/* Whether a WHO has that key. */
static bool
who_is(const void *owner, uint32_t number, const void *key, size_t length)
{
	const char *there = ((const struct who_table *)owner)->whos[number].key;

	return strncmp(there, key, length) == 0 && there[length] == '\0';
}

bool
index_reserve(struct who_table *table, size_t more)
{
	size_t wanted = table->count + more;

	/* Where few are to come they are left to the growth by doubling. */
	if (wanted <= table->room || more < table->count / 2)
		return true;
	return array_reserve(table->whos, wanted, &table->room) &&
	    table_reserve(&table->keys, more);
}

static bool
append(struct who_table *table, const struct who *who)
{
	if (table->count >= TABLE_NONE ||
	    !array_reserve(table->whos, table->count + 1, &table->room))
		return false;
	table->whos[table->count++] = *who;
	return true;
}

unsigned
network_key_prefix(const char *key)
{
	return (unsigned)(key[2] - '!') * 2 + (key[3] == '1');
}

static void
note_type(struct who_table *table, const struct who *who)
{
	table->has_addresses |= who->type == WHO_ADDRESS || who->type == WHO_NEXT_HOP;
	table->has_subdomains |= who->type == WHO_SUBDOMAINS;
	table->has_names |= who->type == WHO_DOMAIN || who->type == WHO_SUBDOMAINS;
	if (who->type == WHO_NETWORK) {
		int family = who->key[0] == '6';

		table->prefixes[family][network_key_prefix(who->key)] = 1;
		table->has_networks[family] = true;
	}
}

size_t
index_add(struct who_table *table, const struct who *who, size_t length)
{
	uint32_t number;
	uint64_t hash;

	if (!table_reserve(&table->keys, 1))
		return SIZE_MAX;
	hash = table_hash(&table->keys, who->key, length);
	number = table_find(&table->keys, hash, who->key, length, who_is, table);
	if (number != TABLE_NONE)
		return number;
	if (!append(table, who))
		return SIZE_MAX;
	table_add(&table->keys, hash, (uint32_t)(table->count - 1));
	note_type(table, who);
	return table->count - 1;
}

bool
index_add_regex(struct regexes *regexes, size_t who, pcre2_code *code, bool anchored)
{
	size_t wanted = regexes->count + 1;

	if (!array_reserve(regexes->list, wanted, &regexes->room) ||
	    !array_reserve(regexes->codes, wanted, &regexes->code_room))
		return false;
	regexes->list[regexes->count] = (struct who_regex){ (uint32_t)who, anchored };
	regexes->codes[regexes->count++] = code;
	return true;
}

/* Makes every WHO that there is the last one of its key that is not yet another. */
static bool
reserve_next(struct who_table *table)
{
	if (!array_reserve(table->next, table->count, &table->next_room))
		return false;
	while (table->next_count < table->count)
		table->next[table->next_count++] = TABLE_NONE;
	return true;
}

size_t
index_chain(struct who_table *table, size_t first, const struct who *who)
{
	if (!append(table, who) || !reserve_next(table))
		return SIZE_MAX;
	while (table->next[first] != TABLE_NONE)
		first = table->next[first];
	table->next[first] = (uint32_t)(table->count - 1);
	return table->count - 1;
}

const struct who *
index_next(const struct who_table *table, const struct who *who)
{
	size_t index = (size_t)(who - table->whos);

	if (index >= table->next_count || table->next[index] == TABLE_NONE)
		return NULL;
	return &table->whos[table->next[index]];
}

const struct who *
index_find(const struct who_table *table, const char *key, size_t length)
{
	uint32_t number;

	if (table->keys.count == 0 || length > WHO_KEY_MAX)
		return NULL;
	number = table_find(&table->keys, table_hash(&table->keys, key, length), key,
	    length, who_is, table);
	return number == TABLE_NONE ? NULL : &table->whos[number];
}

const struct who *
index_find_above(const struct who_table *table, const char *domain, size_t length)
{
	/* Longer than any key, a domain can still be below one. */
	size_t first = length > WHO_KEY_MAX ? length - WHO_KEY_MAX : 1;

	if (!table->has_subdomains)
		return NULL;
	for (size_t i = first; i < length; i++) {
		const struct who *who;

		if (domain[i] == '.' &&
		    (who = index_find(table, domain + i, length - i)) != NULL)
			return who;
	}
	return NULL;
}

enum policy_tri
index_find_regex(const struct regexes *regexes, pcre2_match_context *limits,
    const char *text, size_t length, size_t *number)
{
	/* Where memory was short for all of them the first stands for all. */
	size_t first = 0;
	enum policy_tri match;

	if (*number >= regexes->count)
		return POLICY_NO;
	match = pattern_first(regexes->codes + *number, regexes->count - *number,
	    limits, text, length, &first);
	*number += first;
	return match;
}

/* The digits after the slash; false for anything but a number up to "most". */
static bool
read_prefix(const char *text, unsigned most, unsigned *prefix)
{
	size_t length = strlen(text);

	*prefix = 0;
	if (length == 0 || length > 3 || strspn(text, "0123456789") != length)
		return false;
	for (; *text != '\0'; text++)
		*prefix = *prefix * 10 + (unsigned)(*text - '0');
	return *prefix <= most;
}

static bool
has_host_bits(const struct network *network)
{
	for (unsigned bit = network->prefix; bit < (network->family ? 128u : 32u); bit++)
		if (network->bytes[bit / 8] >> (7 - bit % 8) & 1)
			return true;
	return false;
}

static void
unmap(struct network *network)
{
	static const unsigned char mapped[12] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
	};

	if (network->family == 0 || network->prefix < 96 ||
	    memcmp(network->bytes, mapped, sizeof(mapped)) != 0)
		return;
	network->family = 0;
	network->prefix -= 96;
	memmove(network->bytes, network->bytes + 12, 4);
	memset(network->bytes + 4, 0, 12);
}

enum network_error
network_read(const char *text, struct network *network)
{
	const char *slash = strchr(text, '/');
	size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char address[64];
	unsigned most;

	memset(network, 0, sizeof(*network));
	if (length >= sizeof(address))
		return NETWORK_NONE;
	memcpy(address, text, length);
	address[length] = '\0';
	if (inet_pton(AF_INET, address, network->bytes) == 1)
		network->family = 0;
	else if (inet_pton(AF_INET6, address, network->bytes) == 1)
		network->family = 1;
	else
		return NETWORK_NONE;
	most = network->family == 0 ? 32 : 128;
	network->prefix = most;
	if (slash != NULL && !read_prefix(slash + 1, most, &network->prefix))
		return NETWORK_PREFIX;
	if (has_host_bits(network))
		return NETWORK_HOST_BITS;
	unmap(network);
	return NETWORK_OK;
}

size_t
network_key(const struct network *network, unsigned prefix, char key[NETWORK_KEY_MAX])
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	key[used++] = network->family == 0 ? '4' : '6';
	key[used++] = '/';
	key[used++] = (char)('!' + prefix / 2);
	key[used++] = prefix % 2 == 0 ? '0' : '1';
	for (unsigned bit = 0; bit < prefix; bit += 8) {
		unsigned byte = network->bytes[bit / 8];

		if (prefix - bit < 8)
			byte &= 0xffu << (8 - (prefix - bit));
		key[used++] = digits[byte >> 4 & 0xf];
		key[used++] = digits[byte & 0xf];
	}
	key[used] = '\0';
	return used;
}

const struct who *
index_find_network(const struct who_table *table, const struct network *address,
    unsigned below)
{
	char key[NETWORK_KEY_MAX];

	if (!table->has_networks[address->family])
		return NULL;
	for (unsigned prefix = below; prefix-- > 0;) {
		const struct who *who;

		if (table->prefixes[address->family][prefix] == 0)
			continue;
		who = index_find(table, key, network_key(address, prefix, key));
		if (who != NULL)
			return who;
	}
	return NULL;
}

const struct who *
index_find_around(const struct who_table *table, const struct who *who)
{
	size_t length = strlen(who->key);
	const struct who *found = index_find(table, who->key, length);
	struct network network;

	if (found != NULL)
		return found;
	if (who->type == WHO_DOMAIN || who->type == WHO_SUBDOMAINS)
		return index_find_above(table, who->key, length);
	return who->type == WHO_NETWORK &&
	    network_read(who->name, &network) == NETWORK_OK ?
	    index_find_network(table, &network, network.prefix) : NULL;
}

void
index_free(struct who_table *table)
{
	free(table->whos);
	table_free(&table->keys);
	free(table->regexes.list);
	free(table->regexes.codes);
	free(table->address_regexes.list);
	free(table->address_regexes.codes);
	free(table->next);
	memset(table, 0, sizeof(*table));
}
