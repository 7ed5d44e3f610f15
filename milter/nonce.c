/*
 * nonce.c - secrets of one use, by which doctor's own session is known from an MTA's.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/nonce.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "milter/counters.h"

bool
nonces_issue(struct nonces *nonces, char text[NONCE_SIZE])
{
	unsigned place = atomic_fetch_add(&nonces->next, 1) % NONCES_MAX;
	uint64_t value;

	if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != (ssize_t)sizeof(value) ||
	    value == 0)
		return false;
	(void)snprintf(text, NONCE_SIZE, "%016llx", (unsigned long long)value);
	atomic_store(&nonces->list[place].until,
	    histogram_clock() + INT64_C(1000000000) * NONCE_SECONDS);
	if (atomic_exchange(&nonces->list[place].value, value) == 0)
		atomic_fetch_add(&nonces->open, 1);
	return true;
}

/* Whether this call is the one that took it away. */
static bool
nonce_remove(struct nonces *nonces, size_t place, unsigned long long value)
{
	if (!atomic_compare_exchange_strong(&nonces->list[place].value, &value, 0))
		return false;
	atomic_fetch_sub(&nonces->open, 1);
	return true;
}

bool
nonces_take(struct nonces *nonces, const char *text)
{
	int64_t now = histogram_clock();
	bool taken = false;

	for (size_t i = 0; i < NONCES_MAX; i++) {
		unsigned long long value = atomic_load(&nonces->list[i].value);
		bool expired = atomic_load(&nonces->list[i].until) < now;
		char known[NONCE_SIZE];

		(void)snprintf(known, sizeof(known), "%016llx", value);
		if (value != 0 && expired)
			(void)nonce_remove(nonces, i, value);
		else if (value != 0 && text != NULL && strcmp(text, known) == 0)
			taken = nonce_remove(nonces, i, value);
	}
	return taken;
}
