/*
 * maillog_bag.c - what is found by its key, in chains, and the words of lines.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog_track.h"

#include <stdlib.h>
#include <string.h>

bool
log_begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

char *
log_value(char *text, const char *name, const char *end)
{
	char *value = strstr(text, name), *stop;

	if (value == NULL)
		return NULL;
	value += strlen(name);
	stop = strstr(value, end);
	if (stop != NULL)
		*stop = '\0';
	return value;
}

bool
log_tls(char *text, struct relayed *session)
{
	char *cipher = strstr(text, " with cipher "), *version, *bits;

	if (cipher == NULL)
		return false;
	*cipher = '\0';
	cipher += strlen(" with cipher ");
	version = strrchr(text, ' ');
	if (version == NULL || version == text || version[-1] != ':')
		return false;
	version[-1] = '\0';
	session->version = version + 1;
	bits = log_value(cipher, " (", "/");
	session->bits = bits != NULL && atoi(bits) > 0 ? atoi(bits) : -1;
	cipher[strcspn(cipher, " ")] = '\0';
	session->cipher = cipher;
	return true;
}

void
chain_add(struct chain *chain, struct link *link)
{
	link->before = chain->last;
	link->behind = NULL;
	*(chain->last != NULL ? &chain->last->behind : &chain->first) = link;
	chain->last = link;
	chain->count++;
}

void
chain_remove(struct chain *chain, struct link *link)
{
	*(link->before != NULL ? &link->before->behind : &chain->first) = link->behind;
	*(link->behind != NULL ? &link->behind->before : &chain->last) = link->before;
	chain->count--;
}

void
track_no_memory(struct maillog *log)
{
	(void)strcpy(log->error, "not enough memory");
	log->stopped = true;
}

void
track_keep(struct maillog *log, char **where, const char *text)
{
	free(*where);
	*where = text != NULL ? strdup(text) : NULL;
	if (text != NULL && *where == NULL)
		track_no_memory(log);
}

void *
bag_find(struct maillog *log, struct bag *bag, const char *host, const char *word,
    size_t size)
{
	size_t length = strlen(host), rest = strlen(word) + 1;
	struct keyed *found, **bucket;
	char room[512];
	uint64_t hash;

	/* Neither is so long; what is would be somebody's joke. */
	if (length + 1 + rest > sizeof(room))
		return NULL;
	memcpy(room, host, length);
	room[length] = ' ';
	memcpy(room + length + 1, word, rest);
	hash = hash_bytes(log->seed, room, length + 1 + rest);
	bucket = &bag->buckets[hash % BUCKETS];
	for (found = *bucket; found != NULL; found = found->next)
		if (found->hash == hash && strcmp(found->key, room) == 0)
			return found;
	if (size == 0)
		return NULL;
	found = calloc(1, size);
	if (found == NULL || (found->key = strdup(room)) == NULL) {
		free(found);
		track_no_memory(log);
		return NULL;
	}
	found->hash = hash;
	found->next = *bucket;
	*bucket = found;
	chain_add(&bag->chain, &found->link);
	return found;
}

void
bag_remove(struct bag *bag, struct keyed *keyed)
{
	struct keyed **each = &bag->buckets[keyed->hash % BUCKETS];

	while (*each != keyed)
		each = &(*each)->next;
	*each = keyed->next;
	chain_remove(&bag->chain, &keyed->link);
}

bool
track_client(char *text, char **name, char **address)
{
	char *open = strchr(text, '['), *close = open != NULL ? strchr(open, ']') : NULL;

	if (close == NULL)
		return false;
	*address = open + 1;
	if (strncmp(*address, "IPv6:", 5) == 0)
		*address += 5;
	*name = open > text && strcmp(close + 1, " (may be forged)") != 0 ? text : NULL;
	*open = *close = '\0';
	if (open > text && open[-1] == ' ')
		open[-1] = '\0';
	if (*name != NULL && (**name == '\0' || strcmp(*name, "unknown") == 0))
		*name = NULL;
	return true;
}

bool
track_is_loopback(const char *address)
{
	return address == NULL || log_begins(address, "127.") || strcmp(address, "::1") == 0;
}

void
track_keep_client(struct maillog *log, char **address, char **name, char *text)
{
	char *own_name, *own_address;

	if (!track_client(text, &own_name, &own_address))
		return;
	track_keep(log, address, own_address);
	track_keep(log, name, own_name);
}
