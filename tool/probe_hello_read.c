/*
 * probe_hello_read.c - a reader of what comes back for a hello.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_hello.h"

#include <string.h>

#define RECORD_MAX (16384 + 2048)

enum {
	MESSAGE_SERVER_HELLO = 2, MESSAGE_CERTIFICATE = 11, MESSAGE_SERVER_KEY = 12,
	MESSAGE_REQUEST = 13, MESSAGE_DONE = 14
};

/* ------------------------------------------------------------------ *
 * What is left of a message
 * ------------------------------------------------------------------ */

struct hello_rest {
	const uint8_t *bytes;
	size_t left;
	bool short_of;		/* more was asked for than there was */
};

/* "length" bytes, or NULL. */
static const uint8_t *
hello_get(struct hello_rest *rest, size_t length)
{
	const uint8_t *bytes = rest->bytes;

	if (rest->short_of || length > rest->left) {
		rest->short_of = true;
		return NULL;
	}
	rest->bytes += length;
	rest->left -= length;
	return bytes;
}

/* A number of so many bytes; 0 where they are not there. */
static size_t
hello_get_number(struct hello_rest *rest, size_t size)
{
	const uint8_t *bytes = hello_get(rest, size);
	size_t number = 0;

	for (size_t i = 0; bytes != NULL && i < size; i++)
		number = number << 8 | bytes[i];
	return number;
}

/* What stands behind its length, of "size" bytes. */
static struct hello_rest
hello_get_part(struct hello_rest *rest, size_t size)
{
	size_t length = hello_get_number(rest, size);
	const uint8_t *bytes = hello_get(rest, length);

	return (struct hello_rest){ bytes, bytes != NULL ? length : 0, bytes == NULL };
}

/* ------------------------------------------------------------------ *
 * Their messages
 * ------------------------------------------------------------------ */

static void
hello_take_version(struct hello_answer *answer, size_t version)
{
	answer->known = version >= 0x0300 && version <= 0x0304;
	if (answer->known)
		answer->version = (enum probe_protocol)(version - 0x0300);
}

static bool
hello_read_extensions(struct hello_answer *answer, struct hello_rest *rest)
{
	struct hello_rest all = hello_get_part(rest, 2);

	while (all.left > 0) {
		size_t type = hello_get_number(&all, 2);
		struct hello_rest body = hello_get_part(&all, 2);

		if (all.short_of)
			return false;
		if (type == EXTENSION_RENEGOTIATION)
			answer->renegotiation = true;
		else if (type == EXTENSION_VERSIONS && body.left == 2)
			hello_take_version(answer, hello_get_number(&body, 2));
	}
	return !all.short_of && !rest->short_of;
}

static bool
hello_read_server(struct hello_answer *answer, const uint8_t *body, size_t length)
{
	struct hello_rest rest = { body, length, false };
	struct hello_rest session;
	size_t version = hello_get_number(&rest, 2);

	(void)hello_get(&rest, 32);
	session = hello_get_part(&rest, 1);
	answer->suite = (uint16_t)hello_get_number(&rest, 2);
	/* Compression was not offered. */
	if (hello_get_number(&rest, 1) != 0 || rest.short_of || session.left > 32)
		return false;
	hello_take_version(answer, version);
	if (rest.left > 0 && !hello_read_extensions(answer, &rest))
		return false;
	answer->said = HELLO_SERVER;
	return true;
}

static struct hello_part
hello_part_of(const struct hello_answer *answer, const struct hello_rest *rest)
{
	if (rest->short_of)
		return (struct hello_part){ 0, 0 };
	return (struct hello_part){ (size_t)(rest->bytes - answer->flight), rest->left };
}

static void
hello_read_request(struct hello_answer *answer, struct hello_rest rest)
{
	struct hello_rest names;

	answer->wants_certificate = true;
	(void)hello_get_part(&rest, 1);
	if (answer->version == PROBE_TLS_1_2)
		(void)hello_get_part(&rest, 2);
	names = hello_get_part(&rest, 2);
	answer->authorities = hello_part_of(answer, &names);
}

/* Of a number that is written big end first. */
static int
hello_bits(struct hello_rest number)
{
	int bits = 0;

	while (number.left > 0 && number.bytes[0] == 0)
		(void)hello_get(&number, 1);
	if (number.left == 0)
		return 0;
	for (unsigned first = number.bytes[0]; first > 0; first >>= 1)
		bits++;
	return bits + (int)(number.left - 1) * 8;
}

static void
hello_read_key(struct hello_answer *answer, struct hello_rest rest)
{
	const struct suite *suite = suite_of_code(answer->suite);
	enum suite_exchange exchange = suite != NULL ? suite_exchange(suite) :
	    EXCHANGE_OTHER;

	if (exchange == EXCHANGE_DHE)
		answer->dh_bits = hello_bits(hello_get_part(&rest, 2));
	else if (exchange == EXCHANGE_ECDHE && hello_get_number(&rest, 1) == 3)
		answer->group = (uint16_t)hello_get_number(&rest, 2);
}

/* What cannot be read any more ends it; what was read before stays. */
static void
hello_stop(struct hello_answer *answer, enum hello_said said)
{
	answer->whole = true;
	if (answer->said == HELLO_NOTHING)
		answer->said = said;
}

static void
hello_read_message(struct hello_answer *answer, unsigned type, struct hello_rest body)
{
	struct hello_rest part;

	if (answer->said == HELLO_NOTHING) {
		if (type != MESSAGE_SERVER_HELLO ||
		    !hello_read_server(answer, body.bytes, body.left))
			hello_stop(answer, HELLO_GARBAGE);
		else if (!answer->known || answer->version == PROBE_TLS_1_3)
			answer->whole = true;
	} else if (type == MESSAGE_CERTIFICATE) {
		part = hello_get_part(&body, 3);
		answer->chain = hello_part_of(answer, &part);
	} else if (type == MESSAGE_SERVER_KEY) {
		hello_read_key(answer, body);
	} else if (type == MESSAGE_REQUEST) {
		hello_read_request(answer, body);
	} else if (type == MESSAGE_DONE) {
		answer->whole = true;
	}
}

/* All messages that have come whole. */
static void
hello_read_flight(struct hello_answer *answer)
{
	while (!answer->whole && answer->size - answer->at >= 4) {
		struct hello_rest rest = { answer->flight + answer->at,
			answer->size - answer->at, false };
		unsigned type = (unsigned)hello_get_number(&rest, 1);
		struct hello_rest body = hello_get_part(&rest, 3);

		if (body.short_of)
			break;
		answer->at = answer->size - rest.left;
		hello_read_message(answer, type, body);
	}
}

/* ------------------------------------------------------------------ *
 * Their records
 * ------------------------------------------------------------------ */

static void
hello_read_alert(struct hello_answer *answer)
{
	const uint8_t *alert = answer->flight + answer->at;

	/* A warning that is not the end, as of a name that is not known, is none to us. */
	if (alert[0] == 1 && alert[1] != 0) {
		answer->size = answer->at;
		return;
	}
	answer->alert = alert[1];
	hello_stop(answer, HELLO_ALERT);
}

/* A record has begun: whether it is one that belongs here. */
static bool
hello_begin_record(struct hello_answer *answer)
{
	const uint8_t *header = answer->header;

	answer->left = (size_t)header[3] << 8 | header[4];
	if (header[1] != 3 || answer->left > RECORD_MAX ||
	    answer->left > sizeof(answer->flight) - answer->size ||
	    ++answer->records > HELLO_RECORDS_MAX)
		return false;
	/* An alert is not put into the middle of a message. */
	return header[0] == RECORD_HANDSHAKE || (header[0] == RECORD_ALERT &&
	    answer->left == 2 && answer->size == answer->at);
}

static size_t
hello_take_body(struct hello_answer *answer, const uint8_t *bytes, size_t length)
{
	if (length > answer->left)
		length = answer->left;
	memcpy(answer->flight + answer->size, bytes, length);
	answer->size += length;
	answer->left -= length;
	if (answer->left > 0)
		return length;
	answer->header_size = 0;
	if (answer->header[0] == RECORD_ALERT)
		hello_read_alert(answer);
	else
		hello_read_flight(answer);
	return length;
}

bool
hello_take(struct hello_answer *answer, const uint8_t *bytes, size_t length)
{
	while (length > 0 && !answer->whole) {
		size_t took = 1;

		if (answer->header_size == sizeof(answer->header)) {
			took = hello_take_body(answer, bytes, length);
		} else {
			answer->header[answer->header_size++] = *bytes;
			if (answer->header_size == sizeof(answer->header) &&
			    !hello_begin_record(answer))
				hello_stop(answer, HELLO_GARBAGE);
			else if (answer->header_size == sizeof(answer->header) &&
			    answer->left == 0)
				answer->header_size = 0;
		}
		bytes += took;
		length -= took;
	}
	return !answer->whole;
}

/* ------------------------------------------------------------------ *
 * Lists in their messages
 * ------------------------------------------------------------------ */

static const uint8_t *
hello_next(const struct hello_answer *answer, struct hello_part *part, size_t size,
    size_t *length)
{
	struct hello_rest rest = { answer->flight + part->at, part->length, false };
	struct hello_rest one;

	if (part->length == 0)
		return NULL;
	one = hello_get_part(&rest, size);
	*part = hello_part_of(answer, &rest);
	*length = one.left;
	return one.bytes;
}

const uint8_t *
hello_next_certificate(const struct hello_answer *answer, struct hello_part *part,
    size_t *length)
{
	return hello_next(answer, part, 3, length);
}

const uint8_t *
hello_next_authority(const struct hello_answer *answer, struct hello_part *part,
    size_t *length)
{
	return hello_next(answer, part, 2, length);
}
