/*
 * probe_order.c - in whose order suites are taken, and all of them.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "tool/probe_ask.h"

/* Takes a suite out of a list. */
static size_t
order_without(uint16_t *suites, size_t count, uint16_t suite)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (suites[i] != suite)
			suites[kept++] = suites[i];
	return kept;
}

/* The first suite that was seen with that version; 0: none. */
static uint16_t
order_first(const struct probe_address *address, enum probe_protocol version)
{
	for (size_t i = 0; i < address->suite_count; i++)
		if (address->suites[i].protocol == version)
			return address->suites[i].code;
	return 0;
}

/* Whether more than one suite was seen with that version. */
static bool
order_has_two(const struct probe_address *address, enum probe_protocol version)
{
	size_t count = 0;

	for (size_t i = 0; i < address->suite_count; i++)
		count += address->suites[i].protocol == version;
	return count > 1;
}

/* Of which version the suites are looked at: TLS 1.3 has too few to differ. */
static enum probe_protocol
order_version(const struct probe_address *address)
{
	enum probe_protocol version = ask_newest(address, PROBE_TLS_1_2);

	return version != PROBE_PROTOCOLS ? version :
	    ask_newest(address, PROBE_TLS_1_3);
}

/*
 * What it took once is offered last: a server that takes it again has an order, if there
 * is anything else that it could have taken.
 */
void
ask_order(struct ask_run *run)
{
	enum probe_protocol version = order_version(run->address);
	uint16_t suites[SUITES_MAX], first;
	size_t count;

	if (version == PROBE_PROTOCOLS || (first = order_first(run->address, version)) == 0)
		return;
	count = ask_suites(version, SUITE_ALL_KINDS, suites);
	count = order_without(suites, count, first);
	suites[count] = first;
	if (ask_hello(run, version, suites, count + 1, "whose order of suites counts") !=
	    ASK_TAKEN || run->answer->version != version)
		return;
	if (run->answer->suite != first) {
		run->address->ordered = OFFER_NO;
		return;
	}
	if (!order_has_two(run->address, version))
		(void)ask_hello(run, version, suites, count, "another suite");
	if (order_has_two(run->address, version))
		run->address->ordered = OFFER_YES;
}

/* ------------------------------------------------------------------ *
 * All
 * ------------------------------------------------------------------ */

struct order_old {
	struct probe_suite suites[PROBE_SUITES_MAX];
	size_t count;
};

static bool
order_knows(const struct probe_address *address, uint16_t code)
{
	for (size_t i = 0; i < address->suite_count; i++)
		if (address->suites[i].code == code)
			return true;
	return false;
}

/* Takes away what is known, so that new ones are found in their order. */
static void
order_forget(struct probe_address *address, struct order_old *old)
{
	memcpy(old->suites, address->suites, sizeof(old->suites));
	old->count = address->suite_count;
	address->suite_count = 0;
}

/* What was known and was not found again. */
static void
order_remember(struct probe_address *address, const struct order_old *old)
{
	for (size_t i = 0; i < old->count; i++)
		if (!order_knows(address, old->suites[i].code) &&
		    address->suite_count < PROBE_SUITES_MAX)
			address->suites[address->suite_count++] = old->suites[i];
}

/* What a version takes that no newer one did, a suite at a time. False: not all of it. */
static bool
order_enumerate(struct ask_run *run, enum probe_protocol version)
{
	uint16_t suites[SUITES_MAX], left[SUITES_MAX];
	size_t count = ask_suites(version, SUITE_ALL_KINDS, suites), left_count = 0;

	for (size_t i = 0; i < count; i++)
		if (!order_knows(run->address, suites[i]))
			left[left_count++] = suites[i];
	while (left_count > 0) {
		enum ask_result result = ask_hello(run, version, left, left_count,
		    "the next suite");

		if (result != ASK_TAKEN)
			return result == ASK_REFUSED;
		left_count = order_without(left, left_count, run->answer->suite);
	}
	return true;
}

/* All that were found, the last one first: a server with an order takes the first one. */
static void
order_turn(struct ask_run *run)
{
	const struct probe_address *address = run->address;
	enum probe_protocol version = order_version(address);
	uint16_t suites[SUITES_MAX];
	size_t count = 0;

	if (version == PROBE_PROTOCOLS || !order_has_two(address, version))
		return;
	for (size_t i = address->suite_count; i > 0; i--)
		if (address->suites[i - 1].protocol == version && count < SUITES_MAX)
			suites[count++] = address->suites[i - 1].code;
	if (ask_hello(run, version, suites, count, "whose order of suites counts") ==
	    ASK_TAKEN)
		run->address->ordered = run->answer->suite == suites[count - 1] ?
		    OFFER_YES : OFFER_NO;
}

void
ask_all_suites(struct ask_run *run)
{
	struct probe_address *address = run->address;
	struct order_old old;
	bool whole = true;

	order_forget(address, &old);
	for (int i = PROBE_TLS_1_3; i >= PROBE_SSL_3 && !run->stop; i--)
		if (address->offers[i] == OFFER_YES)
			whole &= order_enumerate(run, (enum probe_protocol)i);
	address->suites_whole = whole && !run->stop;
	order_turn(run);
	order_remember(address, &old);
	for (int i = SUITE_SOUND + 1; i < SUITE_KINDS && address->suites_whole; i++)
		if (*ask_takes(address, (enum suite_kind)i) == OFFER_UNKNOWN)
			*ask_takes(address, (enum suite_kind)i) = OFFER_NO;
}
