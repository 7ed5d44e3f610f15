/*
 * unit-probe.c - what a probe says to a server, and what it makes of any answer.
 *
 * Every answer is given whole, a byte at a time, cut at every byte and with every byte
 * changed; each time from memory that ends where it ends, so that a sanitizer sees who
 * reads on.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <openssl/ssl.h>

#include "tool/probe_hello.h"
#include "tool/probe_smtp.h"

/* ------------------------------------------------------------------ *
 * Replies of SMTP
 * ------------------------------------------------------------------ */

static const struct {
	const char *text;
	enum reply_state state;
	int code;
	bool starttls;
	size_t left;		/* behind it */
} replies[] = {
	{ "220 mx.example ESMTP\r\n", REPLY_WHOLE, 220, false, 0 },
	{ "220\r\n", REPLY_WHOLE, 220, false, 0 },
	{ "220 bare\n", REPLY_WHOLE, 220, false, 0 },
	{ "220-one\r\n220-two\r\n220 three\r\n", REPLY_WHOLE, 220, false, 0 },
	{ "250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n", REPLY_WHOLE, 250, true, 0 },
	{ "250-mx\r\n250-starttls\r\n250 8BITMIME\r\n", REPLY_WHOLE, 250, true, 0 },
	{ "250-mx\r\n250 STARTTLS now\r\n", REPLY_WHOLE, 250, true, 0 },
	{ "250-mx\r\n250 XSTARTTLS\r\n", REPLY_WHOLE, 250, false, 0 },
	{ "250-mx\r\n250 STARTTLSX\r\n", REPLY_WHOLE, 250, false, 0 },
	/* The first line is the server's name. */
	{ "250 STARTTLS\r\n", REPLY_WHOLE, 250, false, 0 },
	/* What the line before left is no part of this one. */
	{ "250-STARTTLS x\n250 STARTTL\n", REPLY_WHOLE, 250, false, 0 },
	{ "421 busy\r\nmore", REPLY_WHOLE, 421, false, 4 },
	{ "220 go\r\n\x16\x03\x01", REPLY_WHOLE, 220, false, 3 },
	{ "554-no\r\n554-no\r\n", REPLY_MORE, 554, false, 0 },
	{ "250-mx\r\n220 other\r\n", REPLY_NONSENSE, 250, false, 0 },
	{ "hello\r\n", REPLY_NONSENSE, 0, false, 0 },
	{ "22\r\n", REPLY_NONSENSE, 0, false, 0 },
	{ "220_\r\n", REPLY_NONSENSE, 0, false, 0 },
	{ "120 x\r\n", REPLY_NONSENSE, 0, false, 0 },
	{ "620 x\r\n", REPLY_NONSENSE, 0, false, 0 },
	{ "\r\n", REPLY_NONSENSE, 0, false, 0 },
	{ "\x15\x03\x01\n", REPLY_NONSENSE, 0, false, 0 },
};

/* Gives "length" bytes, in pieces, out of memory of just that size. */
static enum reply_state
take_reply(struct reply *reply, const char *text, size_t length, size_t piece,
    size_t *left)
{
	enum reply_state state = REPLY_MORE;
	size_t at = 0;

	memset(reply, 0, sizeof(*reply));
	while (at < length && state == REPLY_MORE) {
		size_t size = length - at < piece ? length - at : piece, taken = 0;
		uint8_t *bytes = malloc(size);

		assert_non_null(bytes);
		memcpy(bytes, text + at, size);
		state = reply_take(reply, bytes, size, &taken);
		assert_int_in_range(taken, 1, size);
		free(bytes);
		at += taken;
	}
	*left = length - at;
	return state;
}

static void
replies_are_read(void **context)
{
	struct reply reply;
	size_t left;

	(void)context;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		size_t length = strlen(replies[i].text);

		for (size_t piece = 1; piece <= length; piece++) {
			assert_int_equal(take_reply(&reply, replies[i].text, length, piece,
			    &left), replies[i].state);
			assert_int_equal(reply.code, replies[i].code);
			assert_int_equal(reply.starttls, replies[i].starttls);
			if (replies[i].state == REPLY_WHOLE)
				assert_int_equal(left, replies[i].left);
		}
	}
}

/* A reply that is cut is not whole yet, or was not whole any more. */
static void
replies_are_cut(void **context)
{
	struct reply reply;
	size_t left;

	(void)context;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		size_t length = strlen(replies[i].text) - replies[i].left;

		for (size_t cut = 0; cut < length; cut++)
			assert_int_not_equal(take_reply(&reply, replies[i].text, cut,
			    cut + 1, &left), REPLY_WHOLE);
	}
}

static void
replies_have_an_end(void **context)
{
	static char text[200000];
	struct reply reply;
	size_t length = 0, left;

	(void)context;
	memset(text, 'x', sizeof(text));
	memcpy(text, "220 ", 4);
	assert_int_equal(take_reply(&reply, text, sizeof(text), 4096, &left),
	    REPLY_NONSENSE);
	assert_int_equal(reply.length, REPLY_LINE_MAX);
	for (int i = 0; i < 10000; i++)
		length += (size_t)sprintf(text + length, "250-line %d\r\n", i);
	assert_int_equal(take_reply(&reply, text, length, 4096, &left), REPLY_NONSENSE);
	assert_int_equal(reply.lines, REPLY_LINES_MAX + 1);
}

/* What they say is one visible line. */
static void
replies_are_escaped(void **context)
{
	static const char text[] = "220 \x1b[31m \xff \xe2\x80\xae\r\n";
	struct reply reply;
	size_t left;

	(void)context;
	assert_int_equal(take_reply(&reply, text, sizeof(text) - 1, 99, &left),
	    REPLY_WHOLE);
	assert_string_equal(reply.text, "220 \\u001B[31m \xef\xbf\xbd \\u202E");
}

/* ------------------------------------------------------------------ *
 * Answers of TLS
 * ------------------------------------------------------------------ */

struct bytes {
	uint8_t at[16384];
	size_t size;
};

static void
put(struct bytes *bytes, size_t number, size_t size)
{
	for (size_t i = size; i > 0; i--)
		bytes->at[bytes->size++] = (uint8_t)(number >> (i - 1) * 8 & 0xff);
}

static void
put_fill(struct bytes *bytes, uint8_t byte, size_t count)
{
	memset(bytes->at + bytes->size, byte, count);
	bytes->size += count;
}

static void
put_bytes(struct bytes *bytes, const struct bytes *more)
{
	memcpy(bytes->at + bytes->size, more->at, more->size);
	bytes->size += more->size;
}

/* A message behind its type and length. */
static void
put_message(struct bytes *flight, unsigned type, const struct bytes *body)
{
	put(flight, type, 1);
	put(flight, body->size, 3);
	put_bytes(flight, body);
}

/* A flight in records of so many bytes. */
static void
put_records(struct bytes *wire, unsigned version, const struct bytes *flight, size_t most)
{
	for (size_t at = 0; at < flight->size; at += most) {
		struct bytes piece = { .size = 0 };

		piece.size = flight->size - at < most ? flight->size - at : most;
		memcpy(piece.at, flight->at + at, piece.size);
		put(wire, 22, 1);
		put(wire, version, 2);
		put(wire, piece.size, 2);
		put_bytes(wire, &piece);
	}
}

/* extended: 0 nothing, 1 RFC 5746, 2 TLS 1.3. */
static void
put_server_hello(struct bytes *flight, unsigned version, unsigned suite, int extended)
{
	struct bytes body = { .size = 0 };

	put(&body, version, 2);
	put_fill(&body, 0x77, 32);
	put(&body, 4, 1);
	put_fill(&body, 0x55, 4);
	put(&body, suite, 2);
	put(&body, 0, 1);
	if (extended == 1) {
		put(&body, 9, 2);
		put(&body, 0xff010001, 4);
		put(&body, 0, 1);
		put(&body, 0x000b0000, 4);
	} else if (extended == 2) {
		put(&body, 6, 2);
		put(&body, 0x002b0002, 4);
		put(&body, 0x0304, 2);
	}
	put_message(flight, 2, &body);
}

static void
put_certificates(struct bytes *flight)
{
	struct bytes body = { .size = 0 };

	put(&body, 3 + 40 + 3 + 7, 3);
	put(&body, 40, 3);
	put_fill(&body, 'a', 40);
	put(&body, 7, 3);
	put_fill(&body, 'b', 7);
	put_message(flight, 11, &body);
}

/* A prime of 1023 bits, with a zero in front. */
static void
put_dh_key(struct bytes *flight)
{
	struct bytes body = { .size = 0 };

	put(&body, 129, 2);
	put(&body, 0x007f, 2);
	put_fill(&body, 0xff, 127);
	put(&body, 1, 2);
	put(&body, 2, 1);
	put(&body, 2, 2);
	put(&body, 0x1234, 2);
	put_message(flight, 12, &body);
}

static void
put_request(struct bytes *flight, bool tls12)
{
	struct bytes body = { .size = 0 };

	put(&body, 2, 1);
	put(&body, 0x0140, 2);
	if (tls12) {
		put(&body, 2, 2);
		put(&body, 0x0401, 2);
	}
	put(&body, 9, 2);
	put(&body, 3, 2);
	put_fill(&body, 'x', 3);
	put(&body, 2, 2);
	put_fill(&body, 'y', 2);
	put_message(flight, 13, &body);
}

/* All that a server says before it is our turn. */
static struct bytes
whole_flight(unsigned version, unsigned suite, size_t record)
{
	struct bytes flight = { .size = 0 }, wire = { .size = 0 }, none = { .size = 0 };

	put_server_hello(&flight, version, suite, version > 0x300);
	put_certificates(&flight);
	put_dh_key(&flight);
	put_request(&flight, version == 0x303);
	put_message(&flight, 14, &none);
	put_records(&wire, version, &flight, record);
	return wire;
}

static struct bytes
only_hello(unsigned version, unsigned suite, int extended)
{
	struct bytes flight = { .size = 0 }, wire = { .size = 0 };

	put_server_hello(&flight, version, suite, extended);
	put_records(&wire, version, &flight, flight.size);
	return wire;
}

/* Gives bytes, in pieces, out of memory of just that size. The caller's to free. */
static struct hello_answer *
take(const uint8_t *wire, size_t size, size_t piece)
{
	struct hello_answer *answer = calloc(1, sizeof(*answer));
	bool more = true;

	assert_non_null(answer);
	for (size_t at = 0; at < size && more; at += piece) {
		size_t length = size - at < piece ? size - at : piece;
		uint8_t *bytes = malloc(length);

		assert_non_null(bytes);
		memcpy(bytes, wire + at, length);
		more = hello_take(answer, bytes, length);
		assert_int_equal(more, !answer->whole);
		free(bytes);
	}
	return answer;
}

/* What must be so whatever came. */
static void
check_answer(const struct hello_answer *answer)
{
	const struct hello_part parts[] = { answer->chain, answer->authorities };

	assert_int_in_range(answer->at, 0, answer->size);
	assert_int_in_range(answer->size, 0, HELLO_FLIGHT_MAX);
	assert_int_in_range(answer->dh_bits, 0, 65535 * 8);
	for (int i = 0; i < 2; i++) {
		struct hello_part part = parts[i];
		const uint8_t *at;
		size_t length;

		assert_int_in_range(part.at + part.length, 0, answer->at);
		while ((at = i == 0 ? hello_next_certificate(answer, &part, &length) :
		    hello_next_authority(answer, &part, &length)) != NULL) {
			assert_int_in_range(at - answer->flight, parts[i].at,
			    parts[i].at + parts[i].length);
			assert_int_in_range(length, 0, parts[i].length);
		}
		assert_int_equal(part.length, 0);
	}
	if (answer->said != HELLO_SERVER)
		assert_false(answer->wants_certificate);
	if (answer->said == HELLO_GARBAGE || answer->said == HELLO_ALERT)
		assert_true(answer->whole);
}

static void
check_lists(const struct hello_answer *answer)
{
	struct hello_part part = answer->chain;
	size_t length;

	assert_int_equal(*hello_next_certificate(answer, &part, &length), 'a');
	assert_int_equal(length, 40);
	assert_int_equal(*hello_next_certificate(answer, &part, &length), 'b');
	assert_int_equal(length, 7);
	assert_null(hello_next_certificate(answer, &part, &length));
	part = answer->authorities;
	assert_int_equal(*hello_next_authority(answer, &part, &length), 'x');
	assert_int_equal(length, 3);
	assert_int_equal(*hello_next_authority(answer, &part, &length), 'y');
	assert_int_equal(length, 2);
	assert_null(hello_next_authority(answer, &part, &length));
}

static void
flights_are_read(void **context)
{
	static const size_t records[] = { 16384, 100, 5, 1 };

	(void)context;
	for (unsigned version = 0x300; version <= 0x303; version++)
		for (size_t i = 0; i < 4; i++) {
			struct bytes wire = whole_flight(version, 0x0016, records[i]);

			for (size_t piece = 1; piece < 2000; piece = piece * 3 + 1) {
				struct hello_answer *answer = take(wire.at, wire.size,
				    piece);

				check_answer(answer);
				assert_int_equal(answer->said, HELLO_SERVER);
				assert_true(answer->whole);
				assert_int_equal(answer->version, version - 0x300);
				assert_int_equal(answer->suite, 0x0016);
				assert_int_equal(answer->renegotiation, version > 0x300);
				assert_int_equal(answer->dh_bits, 1023);
				assert_true(answer->wants_certificate);
				check_lists(answer);
				free(answer);
			}
		}
}

static void
flights_are_cut(void **context)
{
	struct bytes wire = whole_flight(0x303, 0x009f, 60);

	(void)context;
	for (size_t cut = 0; cut < wire.size; cut++) {
		struct hello_answer *answer = take(wire.at, cut, cut + 1);

		check_answer(answer);
		assert_false(answer->whole);
		assert_int_not_equal(answer->said, HELLO_GARBAGE);
		assert_int_not_equal(answer->said, HELLO_ALERT);
		free(answer);
	}
}

/* Pieces make no difference, whatever was sent. */
static void
check_alike(const struct bytes *wire)
{
	struct hello_answer *whole = take(wire->at, wire->size, wire->size);
	struct hello_answer *single = take(wire->at, wire->size, 1);

	check_answer(whole);
	check_answer(single);
	assert_int_equal(whole->said, single->said);
	assert_int_equal(whole->whole, single->whole);
	assert_int_equal(whole->alert, single->alert);
	assert_int_equal(whole->suite, single->suite);
	assert_int_equal(whole->version, single->version);
	assert_int_equal(whole->dh_bits, single->dh_bits);
	assert_memory_equal(&whole->chain, &single->chain, sizeof(whole->chain));
	free(whole);
	free(single);
}

static void
flights_are_changed(void **context)
{
	static const uint8_t changes[] = { 0x01, 0x80, 0xff, 0x10 };
	struct bytes wires[3] = { whole_flight(0x303, 0xc02f, 77),
		whole_flight(0x300, 0x0016, 16384), only_hello(0x303, 0x1301, 2) };

	(void)context;
	for (size_t i = 0; i < 3; i++)
		for (size_t at = 0; at < wires[i].size; at++)
			for (size_t j = 0; j < sizeof(changes); j++) {
				wires[i].at[at] ^= changes[j];
				check_alike(&wires[i]);
				wires[i].at[at] ^= changes[j];
			}
}

static void
tls13_is_known_by_its_extension(void **context)
{
	struct bytes wire = only_hello(0x303, 0x1302, 2);
	struct hello_answer *answer = take(wire.at, wire.size, wire.size);

	(void)context;
	assert_int_equal(answer->said, HELLO_SERVER);
	assert_int_equal(answer->version, PROBE_TLS_1_3);
	assert_int_equal(answer->suite, 0x1302);
	assert_true(answer->whole);
	free(answer);
	wire = only_hello(0x305, 0x1302, 0);
	answer = take(wire.at, wire.size, wire.size);
	assert_false(answer->known);
	assert_true(answer->whole);
	free(answer);
}

/* What else there may be, in bytes. */
static const struct {
	const char *bytes;
	size_t size;
	enum hello_said said;
	bool whole;
	int alert;
} answers[] = {
#define ANSWER(text) (text), sizeof(text) - 1
	{ ANSWER(""), HELLO_NOTHING, false, 0 },
	{ ANSWER("\x15\x03\x00\0\2\2\x28"), HELLO_ALERT, true, 40 },
	{ ANSWER("\x15\x03\x01\0\2\2\x46"), HELLO_ALERT, true, 70 },
	{ ANSWER("\x15\x03\x01\0\2\1\0"), HELLO_ALERT, true, 0 },
	{ ANSWER("\x15\x03\x01\0\2\1\x70"), HELLO_NOTHING, false, 0 },
	{ ANSWER("\x15\x03\x01\0\2\1\x70\x15\x03\x01\0\2\2\x28"), HELLO_ALERT, true, 40 },
	{ ANSWER("\x15\x03\x01\0\3\2\x28\0"), HELLO_GARBAGE, true, 0 },
	{ ANSWER("\x15\x03\x01\0\1\2"), HELLO_GARBAGE, true, 0 },
	{ ANSWER("\x16\x03\x03\0\2\2\0\x15\x03\x03\0\2\2\x28"), HELLO_GARBAGE, true, 0 },
	{ ANSWER("\x16\x03\x01\0\0"), HELLO_NOTHING, false, 0 },
	{ ANSWER("\x16\x03\x01\xff\xff"), HELLO_GARBAGE, true, 0 },
	{ ANSWER("\x16\x02\x01\0\4"), HELLO_GARBAGE, true, 0 },
	{ ANSWER("\x17\x03\x03\0\4"), HELLO_GARBAGE, true, 0 },
	{ ANSWER("\x14\x03\x03\0\1\1"), HELLO_GARBAGE, true, 0 },
	{ ANSWER("500 what?\r\n"), HELLO_GARBAGE, true, 0 },
	/* HelloRequest in place of a ServerHello, and one that is too short. */
	{ ANSWER("\x16\x03\x03\0\4\0\0\0\0"), HELLO_GARBAGE, true, 0 },
	{ ANSWER("\x16\x03\x03\0\6\2\0\0\2\3\3"), HELLO_GARBAGE, true, 0 },
};

static void
other_answers_are_told_apart(void **context)
{
	(void)context;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		for (size_t piece = 1; piece <= 20; piece += 19) {
			struct hello_answer *answer = take((const uint8_t *)answers[i].bytes,
			    answers[i].size, piece);

			check_answer(answer);
			assert_int_equal(answer->said, answers[i].said);
			assert_int_equal(answer->whole, answers[i].whole);
			assert_int_equal(answer->alert, answers[i].alert);
			free(answer);
		}
}

/* What was not offered is no choice. */
static void
compression_is_not_taken(void **context)
{
	struct bytes wire = only_hello(0x303, 0x009c, 1);
	struct hello_answer *answer;

	(void)context;
	/* Behind two headers, the version, the random bytes, the session and the suite. */
	assert_int_equal(wire.at[5 + 4 + 2 + 32 + 5 + 2], 0);
	wire.at[5 + 4 + 2 + 32 + 5 + 2] = 1;
	answer = take(wire.at, wire.size, wire.size);
	assert_int_equal(answer->said, HELLO_GARBAGE);
	free(answer);
}

/* An id of a session has 32 bytes at most (RFC 5246 section 7.4.1.3). */
static void
sessions_have_their_size(void **context)
{
	(void)context;
	for (size_t size = 32; size <= 33; size++) {
		struct bytes body = { .size = 0 }, flight = { .size = 0 };
		struct bytes wire = { .size = 0 };
		struct hello_answer *answer;

		put(&body, 0x301, 2);
		put_fill(&body, 0x77, 32);
		put(&body, size, 1);
		put_fill(&body, 0x55, size);
		put(&body, 0x002f00, 3);
		put_message(&flight, 2, &body);
		put_records(&wire, 0x301, &flight, 16384);
		answer = take(wire.at, wire.size, wire.size);
		assert_int_equal(answer->said, size == 32 ? HELLO_SERVER : HELLO_GARBAGE);
		free(answer);
	}
}

/* An alert behind a ServerHello does not take it back. */
static void
alerts_behind_a_hello_end_it(void **context)
{
	struct bytes wire = only_hello(0x302, 0x002f, 0);
	struct hello_answer *answer;

	(void)context;
	put(&wire, 0x15030100, 4);
	put(&wire, 0x020228, 3);
	answer = take(wire.at, wire.size, wire.size);
	assert_int_equal(answer->said, HELLO_SERVER);
	assert_int_equal(answer->alert, 40);
	assert_true(answer->whole);
	free(answer);
}

/* Feeds the same bytes again and again, until no more are wanted. */
static size_t
repeat(const struct bytes *first, const char *bytes, size_t size)
{
	struct hello_answer *answer = take(first->at, first->size, first->size + 1);
	size_t taken = 0;

	while (hello_take(answer, (const uint8_t *)bytes, size)) {
		taken += size;
		assert_int_in_range(taken, 0, 2 * HELLO_FLIGHT_MAX);
	}
	check_answer(answer);
	free(answer);
	return taken;
}

static void
answers_have_an_end(void **context)
{
	struct bytes none = { .size = 0 }, hello = only_hello(0x303, 0x009e, 1);
	static char record[5 + 16384] = "\x16\x03\x03\x40\x00\x0b\xff\xff\xff";

	(void)context;
	(void)repeat(&none, "\x16\x03\x03\0\0", 5);
	(void)repeat(&none, "\x15\x03\x03\0\2\1\x70", 7);
	(void)repeat(&hello, "\x16\x03\x03\0\0", 5);
	(void)repeat(&hello, "\x16\x03\x03\0\4\x16\0\0\0", 9);
	(void)repeat(&hello, record, sizeof(record));
}

/* ------------------------------------------------------------------ *
 * Ours, to a server of OpenSSL's
 * ------------------------------------------------------------------ */

/* A certificate of its own, and the key that signed it. */
static void
give_certificate(SSL_CTX *server, EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	const unsigned char text[] = "server.example";

	assert_non_null(key);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1,
	    0), 1);
	assert_int_equal(X509_set_issuer_name(certificate, name), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(server, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(server, key), 1);
	assert_int_equal(SSL_CTX_add_client_CA(server, certificate), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static SSL_CTX *
server_new(void)
{
	SSL_CTX *server = SSL_CTX_new(TLS_server_method());

	assert_non_null(server);
	SSL_CTX_set_security_level(server, 0);
	assert_int_equal(SSL_CTX_set_min_proto_version(server, TLS1_VERSION), 1);
	assert_int_equal(SSL_CTX_set_cipher_list(server, "ALL:eNULL:@SECLEVEL=0"), 1);
	assert_int_equal(SSL_CTX_set_dh_auto(server, 2), 1);
	SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
	give_certificate(server, EVP_RSA_gen(2048));
	return server;
}

/* What the server answers to a hello. */
static struct hello_answer *
answer_of(SSL_CTX *context, const struct hello_ask *ask)
{
	uint8_t hello[HELLO_SIZE], bytes[16384];
	size_t size = hello_write(ask, hello);
	SSL *server = SSL_new(context);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	struct hello_answer *answer;
	int length;

	assert_int_in_range(size, 40, HELLO_SIZE);
	SSL_set_bio(server, in, out);
	assert_int_equal(BIO_write(in, hello, (int)size), (int)size);
	(void)SSL_accept(server);
	length = BIO_read(out, bytes, sizeof(bytes));
	assert_int_in_range(length, 1, sizeof(bytes));
	answer = take(bytes, (size_t)length, 1000);
	check_answer(answer);
	SSL_free(server);
	return answer;
}

static struct hello_ask
ask_for(enum probe_protocol version, const uint16_t *suites, size_t count)
{
	struct hello_ask ask = { .version = version, .count = count,
		.name = "server.example" };

	memcpy(ask.suites, suites, count * sizeof(*suites));
	memset(ask.random, 0x42, sizeof(ask.random));
	return ask;
}

static void
openssl_answers(void **context)
{
	static const struct {
		enum probe_protocol version;
		uint16_t suite;
		bool dh;
		uint16_t group;
	} cases[] = {
		{ PROBE_TLS_1_0, 0x002f, false, 0 }, { PROBE_TLS_1_0, 0x0033, true, 0 },
		{ PROBE_TLS_1_1, 0xc014, false, 29 }, { PROBE_TLS_1_2, 0x009e, true, 0 },
		{ PROBE_TLS_1_2, 0xc030, false, 29 }, { PROBE_TLS_1_2, 0x0002, false, 0 },
		{ PROBE_TLS_1_2, 0x0034, true, 0 }, { PROBE_TLS_1_3, 0x1301, false, 0 },
	};
	SSL_CTX *server = server_new();

	(void)context;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hello_ask ask = ask_for(cases[i].version, &cases[i].suite, 1);
		struct hello_answer *answer = answer_of(server, &ask);
		struct hello_part part = answer->chain;
		size_t length = 0;

		assert_int_equal(answer->said, HELLO_SERVER);
		assert_true(answer->whole);
		assert_int_equal(answer->version, cases[i].version);
		assert_int_equal(answer->suite, cases[i].suite);
		assert_int_equal(answer->dh_bits > 0, cases[i].dh);
		assert_int_equal(answer->group, cases[i].group);
		assert_int_equal(answer->renegotiation,
		    cases[i].version != PROBE_TLS_1_3);
		/* An anonymous server has none, and asks for none. */
		if (cases[i].version != PROBE_TLS_1_3 && cases[i].suite != 0x0034) {
			assert_true(answer->wants_certificate);
			assert_non_null(hello_next_certificate(answer, &part, &length));
			part = answer->authorities;
			assert_non_null(hello_next_authority(answer, &part, &length));
		}
		free(answer);
	}
	SSL_CTX_free(server);
}

static void
openssl_refuses(void **context)
{
	const uint16_t rc4 = 0x0005, aes = 0x002f;
	SSL_CTX *server = server_new();
	struct hello_ask asks[2] = { ask_for(PROBE_TLS_1_2, &rc4, 1),
		ask_for(PROBE_SSL_3, &aes, 1) };

	(void)context;
	for (size_t i = 0; i < 2; i++) {
		struct hello_answer *answer = answer_of(server, &asks[i]);

		assert_int_equal(answer->said, HELLO_ALERT);
		assert_int_not_equal(answer->alert, 0);
		free(answer);
	}
	SSL_CTX_free(server);
}

/* No hello has a size that some servers do not stand, and the largest one fits. */
static void
hellos_have_their_size(void **context)
{
	static char name[254];
	uint8_t hello[HELLO_SIZE];
	struct hello_ask ask = { .version = PROBE_TLS_1_2 };

	(void)context;
	memset(name, 'n', sizeof(name) - 1);
	for (int version = PROBE_SSL_3; version < PROBE_PROTOCOLS; version++)
		for (ask.count = 0; ask.count <= SUITES_MAX; ask.count++)
			for (size_t length = 0; length < sizeof(name); length += 23) {
				size_t size;

				ask.version = (enum probe_protocol)version;
				ask.name = length > 0 ? name + sizeof(name) - 1 - length :
				    NULL;
				size = hello_write(&ask, hello);
				assert_int_in_range(size, 1, HELLO_SIZE);
				assert_int_equal(size, 5 + (hello[3] << 8 | hello[4]));
				assert_int_equal(size, 9 + (hello[7] << 8 | hello[8]));
				if (version > PROBE_SSL_3)
					assert_false(size - 5 >= 256 && size - 5 < 512);
			}
}

/* ------------------------------------------------------------------ *
 * Suites
 * ------------------------------------------------------------------ */

/* Windows Server 2003 looks at 64 of them: its own are to be among these. */
static void
old_suites_are_offered_early(void **context)
{
	static const uint16_t windows_2003[] = {
		0x0004, 0x0005, 0x000a, 0x0013, 0x0009, 0x0012, 0x0062, 0x0064, 0x0003,
		0x0006, 0x0001, 0x0002, 0x002f, 0x0035
	};

	(void)context;
	for (size_t i = 0; i < sizeof(windows_2003) / sizeof(windows_2003[0]); i++) {
		size_t at = 0;

		/* Those of TLS 1.3 are not offered to it; RFC 5746 has one place. */
		for (size_t j = 0; suite_at(j)->code != windows_2003[i]; j++)
			at += !suite_is_tls13(suite_at(j));
		assert_int_in_range(at + 1, 1, 63);
	}
}

/* OpenSSL 3.5 counts the short tag of CCM8, of 64 bits, and not the key. */
static bool
is_counted_by_its_tag(const SSL_CIPHER *cipher)
{
	const char *name = SSL_CIPHER_get_name(cipher);

	return SSL_CIPHER_get_bits(cipher, NULL) == 64 &&
	    (strstr(name, "CCM8") != NULL || strstr(name, "CCM_8") != NULL);
}

/* A name and a code belong together as OpenSSL has them, and each is there once. */
static void
suites_are_those_of_openssl(void **context)
{
	SSL_CTX *server = server_new();
	SSL *ssl = SSL_new(server);
	const struct suite *suite;
	size_t known = 0;

	(void)context;
	for (size_t i = 0; (suite = suite_at(i)) != NULL; i++) {
		const unsigned char code[] = { (unsigned char)(suite->code >> 8),
			(unsigned char)(suite->code & 0xff) };
		const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, code);

		assert_ptr_equal(suite_of_code(suite->code), suite);
		if (cipher == NULL)
			continue;
		known++;
		assert_string_equal(SSL_CIPHER_get_name(cipher), suite->name);
		if (!is_counted_by_its_tag(cipher))
			assert_int_equal(SSL_CIPHER_get_bits(cipher, NULL), suite_bits(suite));
		assert_int_equal(SSL_CIPHER_get_kx_nid(cipher) == NID_kx_dhe,
		    suite_exchange(suite) == EXCHANGE_DHE);
		assert_int_equal(SSL_CIPHER_get_kx_nid(cipher) == NID_kx_ecdhe,
		    suite_exchange(suite) == EXCHANGE_ECDHE);
		assert_int_equal(SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null,
		    suite->kind == SUITE_ANONYMOUS || strncmp(suite->name, "AECDH", 5) == 0);
		assert_int_equal(strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.2") == 0,
		    suite_is_tls12(suite));
	}
	assert_int_in_range(known, 60, SUITES_MAX);
	SSL_free(ssl);
	SSL_CTX_free(server);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(replies_are_cut),
		cmocka_unit_test(replies_have_an_end),
		cmocka_unit_test(replies_are_escaped),
		cmocka_unit_test(flights_are_read),
		cmocka_unit_test(flights_are_cut),
		cmocka_unit_test(flights_are_changed),
		cmocka_unit_test(tls13_is_known_by_its_extension),
		cmocka_unit_test(other_answers_are_told_apart),
		cmocka_unit_test(compression_is_not_taken),
		cmocka_unit_test(sessions_have_their_size),
		cmocka_unit_test(alerts_behind_a_hello_end_it),
		cmocka_unit_test(answers_have_an_end),
		cmocka_unit_test(openssl_answers),
		cmocka_unit_test(openssl_refuses),
		cmocka_unit_test(hellos_have_their_size),
		cmocka_unit_test(old_suites_are_offered_early),
		cmocka_unit_test(suites_are_those_of_openssl),
	};

	return UNIT_RUN(argc, argv, tests);
}
