/*
 * probe_hello.c - a hello written by hand.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_hello.h"

#include <string.h>

enum {
	EXTENSION_NAME = 0, EXTENSION_GROUPS = 10, EXTENSION_POINTS = 11,
	EXTENSION_SIGNATURES = 13, EXTENSION_PADDING = 21, EXTENSION_KEYS = 51
};

#define SUITE_RENEGOTIATION 0x00ff	/* RFC 5746 section 3.3 */

struct hello_room {
	uint8_t *bytes;
	size_t size;		/* over HELLO_SIZE: it did not fit */
};

static void
hello_put(struct hello_room *room, const void *bytes, size_t length)
{
	if (room->size <= HELLO_SIZE && length <= HELLO_SIZE - room->size) {
		memcpy(room->bytes + room->size, bytes, length);
		room->size += length;
	} else {
		room->size = HELLO_SIZE + 1;
	}
}

static void
hello_put8(struct hello_room *room, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	hello_put(room, &byte, 1);
}

static void
hello_put16(struct hello_room *room, unsigned value)
{
	hello_put8(room, value >> 8);
	hello_put8(room, value & 0xff);
}

static void
hello_put_list(struct hello_room *room, const uint16_t *values, size_t count)
{
	hello_put16(room, (unsigned)(count * 2));
	for (size_t i = 0; i < count; i++)
		hello_put16(room, values[i]);
}

/* Two bytes for a length that is known later; hello_close() writes it. */
static size_t
hello_open(struct hello_room *room)
{
	hello_put16(room, 0);
	return room->size;
}

static void
hello_close(struct hello_room *room, size_t from)
{
	size_t length = room->size - from;

	if (room->size > HELLO_SIZE)
		return;
	room->bytes[from - 2] = (uint8_t)(length >> 8);
	room->bytes[from - 1] = (uint8_t)(length & 0xff);
}

static void
hello_put_name(struct hello_room *room, const char *name)
{
	size_t length = strlen(name);

	hello_put16(room, EXTENSION_NAME);
	hello_put16(room, (unsigned)length + 5);
	hello_put16(room, (unsigned)length + 3);
	hello_put8(room, 0);
	hello_put16(room, (unsigned)length);
	hello_put(room, name, length);
}

/* Curves alone: with a group of RFC 7919 a server would not show its own. */
static void
hello_put_groups(struct hello_room *room)
{
	/* x25519, P-256, P-384, P-521, x448 */
	static const uint16_t groups[] = { 29, 23, 24, 25, 30 };
	static const uint8_t points[] = { 1, 0 };
	size_t from;

	hello_put16(room, EXTENSION_GROUPS);
	from = hello_open(room);
	hello_put_list(room, groups, sizeof(groups) / sizeof(groups[0]));
	hello_close(room, from);
	hello_put16(room, EXTENSION_POINTS);
	from = hello_open(room);
	hello_put(room, points, sizeof(points));
	hello_close(room, from);
}

/* All: what a certificate is signed with is to hide no suite. */
static void
hello_put_signatures(struct hello_room *room)
{
	/* ECDSA, Ed25519, Ed448, RSA-PSS, RSA and DSA, with SHA-2, then SHA-1 and MD5. */
	static const uint16_t signatures[] = {
		0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804,
		0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0203, 0x0201,
		0x0402, 0x0502, 0x0602, 0x0202, 0x0101
	};
	size_t from;

	hello_put16(room, EXTENSION_SIGNATURES);
	from = hello_open(room);
	hello_put_list(room, signatures, sizeof(signatures) / sizeof(signatures[0]));
	hello_close(room, from);
}

/* TLS 1.3 alone, with a key of x25519: any 32 bytes are one. */
static void
hello_put_tls13(struct hello_room *room, const uint8_t *key)
{
	static const uint8_t versions[] = { 2, 3, 4 };
	size_t from;

	hello_put16(room, EXTENSION_VERSIONS);
	from = hello_open(room);
	hello_put(room, versions, sizeof(versions));
	hello_close(room, from);
	hello_put16(room, EXTENSION_KEYS);
	hello_put16(room, 38);
	hello_put16(room, 36);
	hello_put16(room, 29);
	hello_put16(room, 32);
	hello_put(room, key, 32);
}

static void
hello_put_padding(struct hello_room *room, size_t message)
{
	size_t length = room->size - message;

	if (length < 256 || length >= 512)
		return;
	length = length + 4 < 512 ? 512 - length - 4 : 0;
	hello_put16(room, EXTENSION_PADDING);
	hello_put16(room, (unsigned)length);
	for (; length > 0; length--)
		hello_put8(room, 0);
}

static void
hello_put_extensions(struct hello_room *room, const struct hello_ask *ask, size_t message)
{
	size_t from = hello_open(room);

	if (ask->name != NULL)
		hello_put_name(room, ask->name);
	hello_put_groups(room);
	if (ask->version >= PROBE_TLS_1_2)
		hello_put_signatures(room);
	if (ask->version == PROBE_TLS_1_3)
		hello_put_tls13(room, ask->random + 64);
	hello_put_padding(room, message);
	hello_close(room, from);
}

static void
hello_put_suites(struct hello_room *room, const struct hello_ask *ask)
{
	size_t from = hello_open(room);

	if (ask->version <= PROBE_TLS_1_2)
		hello_put16(room, SUITE_RENEGOTIATION);
	for (size_t i = 0; i < ask->count && i < SUITES_MAX; i++)
		hello_put16(room, ask->suites[i]);
	hello_close(room, from);
}

size_t
hello_write(const struct hello_ask *ask, uint8_t bytes[HELLO_SIZE])
{
	struct hello_room room = { bytes, 0 };
	unsigned version = ask->version < PROBE_TLS_1_2 ? ask->version : PROBE_TLS_1_2;
	size_t record, message;

	hello_put8(&room, RECORD_HANDSHAKE);
	hello_put16(&room, ask->version == PROBE_SSL_3 ? 0x0300 : 0x0301);
	record = hello_open(&room);
	hello_put16(&room, 0x0100);	/* a ClientHello, and the first byte of its length */
	message = hello_open(&room);
	hello_put16(&room, 0x0300 + version);
	hello_put(&room, ask->random, 32);
	/* TLS 1.3 looks like a session that is resumed (RFC 8446 section D.4). */
	hello_put8(&room, ask->version == PROBE_TLS_1_3 ? 32 : 0);
	if (ask->version == PROBE_TLS_1_3)
		hello_put(&room, ask->random + 32, 32);
	hello_put_suites(&room, ask);
	hello_put16(&room, 0x0100);	/* no compression */
	if (ask->version > PROBE_SSL_3)
		hello_put_extensions(&room, ask, record);
	hello_close(&room, message);
	hello_close(&room, record);
	return room.size <= HELLO_SIZE ? room.size : 0;
}
