/*
 * netstring.c - strings that say their length.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/netstring.h"

/* One byte of the length, or the colon after it. */
static void
take_length(struct netstring *netstring, size_t most, char c)
{
	bool first = netstring->state == NETSTRING_EMPTY;

	netstring->state = NETSTRING_PARTIAL;
	if (c == ':' && !first) {
		netstring->begun = true;
	} else if (c < '0' || c > '9' || (!first && netstring->length == 0)) {
		netstring->state = NETSTRING_GARBAGE;
	} else {
		netstring->length = netstring->length * 10 + (size_t)(c - '0');
		if (netstring->length > most)
			netstring->state = NETSTRING_TOO_LARGE;
	}
}

/* Of the string what there is, or the comma after it. */
static size_t
take_string(struct netstring *netstring, const char *bytes, size_t length)
{
	size_t left = netstring->length - netstring->string.length;

	if (left == 0 && *bytes != ',') {
		netstring->state = NETSTRING_GARBAGE;
		return 1;
	}
	if (left < length)
		length = left;
	buffer_add(&netstring->string, bytes, length);
	if (netstring->string.failed)
		netstring->state = NETSTRING_NO_MEMORY;
	else if (left == 0)
		netstring->state = NETSTRING_COMPLETE;
	return left == 0 ? 1 : length;
}

size_t
netstring_feed(struct netstring *netstring, size_t most, const char *bytes,
    size_t length)
{
	size_t taken = 0;

	while (taken < length && netstring->state <= NETSTRING_PARTIAL) {
		if (netstring->begun)
			taken += take_string(netstring, bytes + taken, length - taken);
		else
			take_length(netstring, most, bytes[taken++]);
	}
	return taken;
}

void
netstring_clear(struct netstring *netstring)
{
	buffer_free(&netstring->string);
	*netstring = (struct netstring){ .state = NETSTRING_EMPTY };
}

void
netstring_append(struct buffer *buffer, const char *bytes, size_t length)
{
	buffer_format(buffer, "%zu:", length);
	buffer_add(buffer, bytes, length);
	buffer_add(buffer, ",", 1);
}
