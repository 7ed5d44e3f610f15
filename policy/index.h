/*
 * index.h - finding the WHO that names a sender, a recipient or a client.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_INDEX_H
#define TLSWARD_POLICY_INDEX_H

#include "policy/name.h"
#include "policy/rules.h"

/* Longer than any address or domain that a policy can name. */
#define WHO_KEY_MAX 512

/* The longest key of a network. */
#define NETWORK_KEY_MAX 48

/* The key under which a network of "prefix" bits around "network" stands. */
size_t network_key(const struct network *network, unsigned prefix,
    char key[NETWORK_KEY_MAX]);

/* Makes room for "more" keys at once. False when memory is short. */
bool index_reserve(struct who_table *table, size_t more);

/*
 * Adds a WHO with its key of "length" bytes, which must be terminated before the
 * next one is looked for. Returns the index of one that has the same key already,
 * or of the new one; SIZE_MAX when memory is short.
 */
size_t index_add(struct who_table *table, const struct who *who, size_t length);

/* Adds a regular expression, which has no key. Returns its index or SIZE_MAX. */
size_t index_add_regex(struct who_table *table, const struct who *who,
    pcre2_code *code, bool anchored);

void index_free(struct who_table *table);

#endif
