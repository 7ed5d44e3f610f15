/*
 * unit-service.c - the policy service's parts: the protocol, the table, the server.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "allocation.h"
#include "served.h"
#include "milter/delegation.h"
#include "milter/correlation.h"
#include "milter/load.h"
#include "base/buffer.h"
#include "base/diag.h"

/* ------------------------------------------------------------------ *
 * The protocol
 * ------------------------------------------------------------------ */

static const char request_text[] = "request=smtpd_access_policy\n"
    "protocol_state=RCPT\nclient_address=192.0.2.7\nclient_port=4711\n"
    "sender=a@acme.example\nrecipient=u@ours.example\nhelo_name=\n"
    "instance=1f.2.3.4\nunknown_name=x=y\nencryption_protocol=\n\n";

static void
check_request(const struct delegation *request)
{
	assert_int_equal(request->state, DELEGATION_COMPLETE);
	assert_string_equal(delegation_get(request, ATTRIBUTE_SENDER), "a@acme.example");
	assert_string_equal(delegation_get(request, ATTRIBUTE_CLIENT_PORT), "4711");
	assert_string_equal(delegation_get(request, ATTRIBUTE_HELO_NAME), "");
	assert_null(delegation_find(request, ATTRIBUTE_HELO_NAME));
	assert_null(delegation_get(request, ATTRIBUTE_QUEUE_ID));
	assert_string_equal(delegation_find(request, ATTRIBUTE_INSTANCE), "1f.2.3.4");
}

/* In two pieces, cut at each place; what follows is left alone. */
static void
test_split_reads(void **state)
{
	char text[sizeof(request_text) + 16];
	size_t length = sizeof(request_text) - 1;

	(void)state;
	(void)snprintf(text, sizeof(text), "%srequest=x\n", request_text);
	for (size_t cut = 0; cut < length; cut++) {
		struct delegation request = { .state = DELEGATION_EMPTY };

		assert_int_equal(delegation_feed(&request, text, cut), cut);
		assert_int_equal(request.state, cut == 0 ? DELEGATION_EMPTY :
		    DELEGATION_PARTIAL);
		assert_int_equal(delegation_feed(&request, text + cut, strlen(text) - cut),
		    length - cut);
		check_request(&request);
		delegation_clear(&request);
		assert_int_equal(request.state, DELEGATION_EMPTY);
	}
}

static void
test_crlf(void **state)
{
	struct delegation request = { .state = DELEGATION_EMPTY };

	(void)state;
	for (const char *at = request_text; *at != '\0'; at++) {
		if (*at == '\n')
			(void)delegation_feed(&request, "\r", 1);
		(void)delegation_feed(&request, at, 1);
	}
	check_request(&request);
	delegation_clear(&request);
}

static void
test_garbage(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} cases[] = {
#define CASE(text) { text, sizeof(text) - 1 }
		CASE("\n"), CASE("\r\n"), CASE("EHLO x\n"), CASE("=\n"), CASE("=x\n"),
		CASE("a b=c\n"), CASE(" a=c\n"), CASE("a\0=c\n"), CASE("sender=a\0b\n"),
		CASE("sender=a\nsender=a\n"), CASE("sender=\nsender=\n"),
		CASE("sender=a\n\n"), CASE("request=\n\n"), CASE("request=other\n\n"),
		CASE("request=smtpd_access_policyx\n\n"), CASE("\xc3\xa5=b\n"),
		CASE("request=smtpd_access_policy\r\r\n\n"),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct delegation request = { .state = DELEGATION_EMPTY };

		(void)delegation_feed(&request, cases[i].text, cases[i].length);
		assert_int_equal(request.state, DELEGATION_GARBAGE);
		/* Nothing is taken any more. */
		assert_int_equal(delegation_feed(&request, "x", 1), 0);
		delegation_clear(&request);
	}
}

static void
test_sizes(void **state)
{
	static const char first[] = "request=smtpd_access_policy\nsender=";
	struct delegation request = { .state = DELEGATION_EMPTY };

	(void)state;
	(void)delegation_feed(&request, first, sizeof(first) - 1);
	for (size_t i = sizeof(first) - 1; i < DELEGATION_BYTES_MAX - 2; i++)
		(void)delegation_feed(&request, "x", 1);
	assert_int_equal(request.state, DELEGATION_PARTIAL);
	(void)delegation_feed(&request, "\n\n", 2);
	assert_int_equal(request.state, DELEGATION_COMPLETE);
	assert_int_equal(request.room, DELEGATION_BYTES_MAX);
	delegation_clear(&request);

	(void)delegation_feed(&request, first, sizeof(first) - 1);
	for (size_t i = sizeof(first) - 1; i < DELEGATION_BYTES_MAX + 1; i++)
		(void)delegation_feed(&request, "x", 1);
	assert_int_equal(request.state, DELEGATION_TOO_LARGE);
	delegation_clear(&request);

	for (size_t i = 0; i < DELEGATION_LINES_MAX; i++)
		(void)delegation_feed(&request, "x=y\n", 4);
	assert_int_equal(request.state, DELEGATION_PARTIAL);
	(void)delegation_feed(&request, "x=y\n", 4);
	assert_int_equal(request.state, DELEGATION_TOO_LARGE);
	delegation_clear(&request);
}

/* ------------------------------------------------------------------ *
 * The table
 * ------------------------------------------------------------------ */

static struct connection
connection_of(const char *client, const char *port, const char *server)
{
	struct connection connection;

	endpoint_read(&connection.client, client, port);
	endpoint_read(&connection.server, server, "25");
	return connection;
}

static struct connection
usual_connection(void)
{
	return connection_of("192.0.2.7", "4711", "192.0.2.25");
}

static const struct correlation_tls tls13 = { "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256,
    false };
static const struct correlation_tls tls12 = { "TLSv1.2",
    "ECDHE-RSA-AES256-GCM-SHA384", 256, false };

static void
put_as(struct correlation *table, const struct connection *connection, uint64_t process,
    const struct correlation_tls *tls, const char *digest, const char *sender)
{
	struct correlation_request request = { .connection = *connection,
	    .process = process, .tls = *tls, .sender = sender,
	    .recipient = "u@ours.example" };

	correlation_text(request.digests.certificate, CORRELATION_DIGEST_SIZE, digest);
	correlation_text(request.digests.pubkey, CORRELATION_DIGEST_SIZE, "key");
	correlation_add(table, &request, 1000);
}

static void
put(struct correlation *table, const struct connection *connection, uint64_t process,
    const char *digest, const char *sender)
{
	put_as(table, connection, process, &tls13, digest, sender);
}

/* The certificate's digest as the session gets it; "": unknown. */
static const char *
take_as(struct correlation *table, const struct correlation_session *session,
    const struct correlation_tls *tls, const char *from, int64_t now_ms)
{
	static struct correlation_digests digests;
	const struct correlation_question question = { .tls = *tls, .from = from,
	    .to = "u@ours.example" };

	bool known = correlation_find(table, session, &question, now_ms, &digests);

	assert_int_equal(known, digests.certificate[0] != '\0');
	return digests.certificate;
}

static const char *
take(struct correlation *table, const struct correlation_session *session)
{
	return take_as(table, session, &tls13, "a@acme.example", 2000);
}

static void
begin(struct correlation *table, struct correlation_session *session,
    const struct connection *connection)
{
	correlation_begin(table, session, connection);
	correlation_mail(table, session);
}

static int
new_table(void **state)
{
	*state = correlation_new();
	return *state != NULL ? 0 : -1;
}

static int
free_table(void **state)
{
	struct correlation *table = *state;

	correlation_free(&table);
	assert_null(table);
	return 0;
}

static void
test_ends(void **state)
{
	static const struct {
		const char *a, *b;
	} same[] = {
		{ "192.0.2.7", "::ffff:192.0.2.7" }, { "2001:db8::1", "IPv6:2001:db8:0::1" },
		{ "[::1]", "::1" },
	};
	struct endpoint a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		endpoint_read(&a, same[i].a, "25");
		endpoint_read(&b, same[i].b, "25");
		assert_true(a.known && b.known);
		assert_memory_equal(a.address, b.address, sizeof(a.address));
	}
	endpoint_read(&a, "unknown", "unknown");
	assert_false(a.known);
	assert_int_equal(a.port, 0);
	endpoint_read(&a, NULL, NULL);
	assert_false(a.known);
	endpoint_read(&a, "[192.0.2.7", NULL);
	assert_false(a.known);
	endpoint_read(&a, "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", NULL);
	assert_false(a.known);
	endpoint_read(&a, "::1", "65536");
	assert_int_equal(a.port, 0);
	endpoint_read(&a, "::1", "65535");
	assert_int_equal(a.port, 65535);
}

static void
test_usual_order(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };

	begin(table, &session, &connection);
	assert_true(correlation_has(table, &connection));
	assert_string_equal(take(table, &session), "");
	put(table, &connection, 1, "one", "a@acme.example");
	assert_string_equal(take(table, &session), "one");
	assert_string_equal(take(table, &session), "one");
	/* The newest counts; the next message has a window of its own. */
	put(table, &connection, 1, "two", "a@acme.example");
	assert_string_equal(take(table, &session), "two");
	correlation_mail(table, &session);
	assert_string_equal(take(table, &session), "");
	correlation_end(table, &session);
	correlation_end(table, &session);
	assert_false(correlation_has(table, &connection));
}

static void
test_request_before_the_session(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };

	put(table, &connection, 1, "old", "a@acme.example");
	begin(table, &session, &connection);
	assert_string_equal(take(table, &session), "");
	correlation_end(table, &session);
}

static void
test_other_names(void **state)
{
	const struct connection connection = usual_connection();
	const struct connection others[] = {
		connection_of("192.0.2.8", "4711", "192.0.2.25"),
		connection_of("192.0.2.7", "4712", "192.0.2.25"),
		connection_of("192.0.2.7", "4711", "192.0.2.26"),
		connection_of("192.0.2.7", NULL, "192.0.2.25"),
		connection_of(NULL, "4711", "192.0.2.25"),
	};
	const struct connection unknown_server = connection_of("192.0.2.7", "4711", NULL);
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };

	begin(table, &session, &connection);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_false(correlation_has(table, &others[i]));
		put(table, &others[i], i, "other", "a@acme.example");
	}
	assert_string_equal(take(table, &session), "");
	assert_true(correlation_has(table, &unknown_server));
	put(table, &unknown_server, 1, "one", "a@acme.example");
	assert_string_equal(take(table, &session), "one");
	correlation_end(table, &session);
}

static void
test_tls_must_agree(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };
	struct correlation_tls other;

	begin(table, &session, &connection);
	put(table, &connection, 1, "one", "a@acme.example");
	assert_string_equal(take_as(table, &session, &tls12, "a@acme.example", 2000), "");
	other = tls13;
	other.bits = 128;
	assert_string_equal(take_as(table, &session, &other, "a@acme.example", 2000), "");
	other = tls13;
	other.verified = true;
	assert_string_equal(take_as(table, &session, &other, "a@acme.example", 2000), "");
	other = tls13;
	other.protocol[0] = '\0';
	assert_string_equal(take_as(table, &session, &other, "a@acme.example", 2000), "");
	/* Nor for ever. */
	assert_string_equal(take_as(table, &session, &tls13, "a@acme.example",
	    1000 + CORRELATION_LIFE_MS + 1), "");
	assert_string_equal(take_as(table, &session, &tls13, "a@acme.example",
	    1000 + CORRELATION_LIFE_MS), "one");
	assert_string_equal(take(table, &session), "one");
	correlation_end(table, &session);
}

/* What says that there was none cannot be of a session that verified one. */
static void
test_verified_means_presented(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };
	struct correlation_tls verified = tls13;

	verified.verified = true;
	begin(table, &session, &connection);
	put_as(table, &connection, 1, &verified, "none", "a@acme.example");
	assert_string_equal(take_as(table, &session, &verified, "a@acme.example", 2000),
	    "");
	put_as(table, &connection, 2, &verified, "one", "a@acme.example");
	assert_string_equal(take_as(table, &session, &verified, "a@acme.example", 2000),
	    "one");
	put(table, &connection, 3, "none", "a@acme.example");
	assert_string_equal(take(table, &session), "none");
	correlation_end(table, &session);
}

/* The old session is not closed yet when a new one on its port is asked about. */
static void
test_new_session_beside_an_old_one(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session old = { .known = false }, new = { .known = false };

	begin(table, &old, &connection);
	put(table, &connection, 1, "old", "a@acme.example");
	begin(table, &new, &connection);
	assert_string_equal(take(table, &new), "");
	put(table, &connection, 2, "new", "a@acme.example");
	assert_string_equal(take(table, &old), "old");
	assert_string_equal(take(table, &new), "new");
	/* Without a request of its own it gets none of the new one's. */
	correlation_mail(table, &old);
	put(table, &connection, 2, "new", "a@acme.example");
	assert_string_equal(take(table, &old), "");
	correlation_end(table, &old);
	assert_string_equal(take(table, &new), "new");
	assert_true(correlation_has(table, &connection));
	correlation_end(table, &new);
	assert_false(correlation_has(table, &connection));
}

/* The same, and a request for the new one never comes. */
static void
test_late_request_of_an_old_session(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session old = { .known = false }, new = { .known = false };

	begin(table, &old, &connection);
	begin(table, &new, &connection);
	put(table, &connection, 1, "old", "someone@else.example");
	assert_string_equal(take(table, &new), "");
	assert_string_equal(take_as(table, &old, &tls13, "someone@else.example", 2000), "");
	correlation_end(table, &old);
	assert_string_equal(take(table, &new), "");
	/* Its own comes: the addresses tell them apart. */
	put(table, &connection, 2, "new", "A@Acme.example.");
	assert_string_equal(take(table, &new), "new");
	/* And where they do not, nothing is known. */
	put(table, &connection, 1, "old", "a@acme.example");
	assert_string_equal(take(table, &new), "");
	put(table, &connection, 1, "new", "a@acme.example");
	assert_string_equal(take(table, &new), "new");
	correlation_end(table, &new);
}

static void
test_port_comes_again(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };
	char digest[16];

	for (int i = 0; i < 1000; i++) {
		(void)snprintf(digest, sizeof(digest), "digest-%d", i);
		begin(table, &session, &connection);
		assert_string_equal(take(table, &session), "");
		if (i % 3 != 0) {
			put(table, &connection, (uint64_t)i % 2, digest, "a@acme.example");
			assert_string_equal(take(table, &session), digest);
		}
		correlation_end(table, &session);
	}
}

/* What is in use is newer than what a flood pushes out. */
static void
test_bounds(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };
	char port[16];

	begin(table, &session, &connection);
	put(table, &connection, 1, "first", "a@acme.example");
	for (int i = 1; i <= 3 * CORRELATION_REQUESTS_MAX; i++) {
		struct connection other;

		(void)snprintf(port, sizeof(port), "%d", i);
		other = connection_of("198.51.100.1", port, "192.0.2.25");
		put(table, &other, 7, "flood", "a@acme.example");
		assert_string_equal(take(table, &session),
		    i < CORRELATION_REQUESTS_MAX ? "first" : "");
	}
	put(table, &connection, 1, "again", "a@acme.example");
	assert_string_equal(take(table, &session), "again");
	correlation_end(table, &session);
}

/* Of a client whose address is not known nothing can be told, and nothing is. */
static void
test_unknown_clients(void **state)
{
	const struct connection unknown = connection_of("unknown", "4711", "192.0.2.25");
	const struct connection no_port = connection_of("192.0.2.7", NULL, "192.0.2.25");
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };

	begin(table, &session, &unknown);
	put(table, &unknown, 1, "digest", "a@acme.example");
	assert_false(session.known);
	assert_false(correlation_has(table, &unknown));
	assert_string_equal(take(table, &session), "");
	correlation_end(table, &session);
	begin(table, &session, &no_port);
	put(table, &no_port, 1, "digest", "a@acme.example");
	assert_string_equal(take(table, &session), "");
	correlation_end(table, &session);
}

/* A server's end that both know must be the same. */
static void
test_server_ends(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };
	struct connection other = connection;

	begin(table, &session, &connection);
	other.server.port = 587;
	put(table, &other, 1, "submission", "a@acme.example");
	assert_string_equal(take(table, &session), "");
	other = connection_of("192.0.2.7", "4711", "192.0.2.26");
	put(table, &other, 1, "elsewhere", "a@acme.example");
	assert_string_equal(take(table, &session), "");
	other.server.known = false;
	other.server.port = 0;
	put(table, &other, 1, "anywhere", "a@acme.example");
	assert_string_equal(take(table, &session), "anywhere");
	correlation_end(table, &session);
}

/* What one side does not know of TLS, the other cannot confirm. */
static void
test_tls_must_be_known(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };
	struct correlation_tls tls[5];

	for (size_t i = 0; i < 5; i++)
		tls[i] = tls13;
	tls[0].protocol[0] = '\0';
	tls[1].cipher[0] = '\0';
	tls[2].bits = 128;
	tls[3].verified = true;
	correlation_text(tls[4].cipher, sizeof(tls[4].cipher), "TLS_AES_128_GCM_SHA256");
	begin(table, &session, &connection);
	for (size_t i = 0; i < 5; i++) {
		put_as(table, &connection, 1, &tls[i], "digest", "a@acme.example");
		assert_string_equal(take(table, &session), "");
		put(table, &connection, 1, "digest", "a@acme.example");
		assert_string_equal(take_as(table, &session, &tls[i], "a@acme.example",
		    2000), "");
		if (i < 2) {
			put_as(table, &connection, 1, &tls[i], "digest", "a@acme.example");
			assert_string_equal(take_as(table, &session, &tls[i],
			    "a@acme.example", 2000), "");
		}
	}
	correlation_end(table, &session);
}

/* What is asked about by an address that was too long to keep is nobody's. */
static void
test_long_addresses(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };
	char sender[400];

	(void)snprintf(sender, sizeof(sender), "%0380d@acme.example", 0);
	begin(table, &session, &connection);
	put(table, &connection, 1, "one", sender);
	assert_string_equal(take_as(table, &session, &tls13, "<>", 2000), "one");
	put(table, &connection, 2, "two", sender);
	assert_string_equal(take_as(table, &session, &tls13, "<>", 2000), "");
	assert_string_equal(take_as(table, &session, &tls13, sender, 2000), "");
	put(table, &connection, 3, "three", "<>");
	assert_string_equal(take_as(table, &session, &tls13, "<>", 2000), "three");
	correlation_end(table, &session);
}

static bool
ask_of(struct correlation *table, const struct correlation_session *session,
    const char *from, const char *from_resolved, const char *to_resolved)
{
	const struct correlation_question question = { .tls = tls13, .from = from,
	    .from_resolved = from_resolved, .to = "other@ours.example",
	    .to_resolved = to_resolved };
	struct correlation_digests digests;

	return correlation_find(table, session, &question, 2000, &digests);
}

/* Of several processes those count that asked about an address or what it resolved to. */
static void
test_resolved_addresses(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };

	begin(table, &session, &connection);
	put(table, &connection, 1, "one", "a@acme.example");
	put(table, &connection, 2, "two", "b@acme.example");
	assert_false(ask_of(table, &session, "a@acme.example", NULL, NULL));
	assert_true(ask_of(table, &session, "a@acme.example", NULL, "u@ours.example"));
	assert_true(ask_of(table, &session, "c@acme.example", "a@acme.example",
	    "u@ours.example"));
	assert_false(ask_of(table, &session, "c@acme.example", "d@acme.example",
	    "u@ours.example"));
	assert_true(ask_of(table, &session, NULL, "b@acme.example", "u@ours.example"));
	assert_false(ask_of(table, &session, NULL, NULL, "u@ours.example"));
	correlation_end(table, &session);
}

/* Of those that asked about the same all must have the same certificate and key. */
static void
test_digests_must_agree(void **state)
{
	const struct connection connection = usual_connection();
	struct correlation *table = *state;
	struct correlation_session session = { .known = false };
	struct correlation_request request = { .connection = connection, .process = 2,
	    .tls = tls13, .sender = "a@acme.example", .recipient = "u@ours.example" };

	begin(table, &session, &connection);
	put(table, &connection, 1, "one", "a@acme.example");
	correlation_text(request.digests.certificate, CORRELATION_DIGEST_SIZE, "one");
	correlation_text(request.digests.pubkey, CORRELATION_DIGEST_SIZE, "key");
	correlation_add(table, &request, 1000);
	assert_string_equal(take(table, &session), "one");
	correlation_text(request.digests.pubkey, CORRELATION_DIGEST_SIZE, "another");
	correlation_add(table, &request, 1000);
	assert_string_equal(take(table, &session), "");
	put(table, &connection, 3, "three", "a@acme.example");
	assert_string_equal(take(table, &session), "");
	correlation_end(table, &session);
}

struct racer {
	struct correlation *table;
	uint64_t number;
};

static void *
race(void *argument)
{
	const struct racer *racer = argument;
	struct correlation_session session = { .known = false };
	struct correlation_digests digests;
	struct correlation_question question = { .tls = tls13, .to = "u@ours.example" };
	char digest[16], sender[32], port[16];

	for (int i = 0; i < 4000; i++) {
		struct connection connection;

		/* Two threads on each port. */
		(void)snprintf(port, sizeof(port), "%d", (int)(racer->number / 2) + 1);
		(void)snprintf(digest, sizeof(digest), "%d", (int)racer->number);
		(void)snprintf(sender, sizeof(sender), "%d@acme.example",
		    (int)racer->number);
		question.from = sender;
		connection = connection_of("192.0.2.7", port, "192.0.2.25");
		begin(racer->table, &session, &connection);
		put(racer->table, &connection, racer->number, digest, sender);
		if (correlation_find(racer->table, &session, &question, 2000, &digests))
			assert_string_equal(digests.certificate, digest);
		correlation_end(racer->table, &session);
	}
	return NULL;
}

static void
test_correlation_of_threads(void **state)
{
	struct racer racers[8];
	pthread_t threads[8];

	for (size_t i = 0; i < 8; i++) {
		racers[i].table = *state;
		racers[i].number = i;
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < 8; i++)
		(void)pthread_join(threads[i], NULL);
}

/* ------------------------------------------------------------------ *
 * The server
 * ------------------------------------------------------------------ */

static const char policy_text[] =
    "from acme.example { require tls; otherwise reject }\n"
    "to watched.example { require tls; otherwise reject; monitor }\n";

static void
expect_answer(int fd, const char *begin_of_it)
{
	char answer[1024];
	size_t length = 0;

	do {
		ssize_t got = read(fd, answer + length, sizeof(answer) - 1 - length);

		assert_true(got > 0);
		length += (size_t)got;
		answer[length] = '\0';
	} while (strstr(answer, "\n\n") == NULL);
	assert_int_equal(strncmp(answer, begin_of_it, strlen(begin_of_it)), 0);
}

static void
test_server(void **state)
{
	struct served served;
	int clients[10];

	(void)state;
	served_begin(&served, policy_text, &policy_service, NULL);
	for (size_t i = 0; i < 10; i++)
		clients[i] = served_dial(&served);
	for (size_t round = 0; round < 3; round++)
		for (size_t i = 0; i < 10; i++)
			served_say(clients[i], request_text);
	for (size_t i = 0; i < 10; i++)
		expect_answer(clients[i], "action=530 5.7.0 Mail from acme.example must");
	for (size_t i = 0; i < 9; i++)
		(void)close(clients[i]);
	served_say(clients[9], "garbage\n");
	(void)shutdown(clients[9], SHUT_WR);
	(void)close(clients[9]);
	served_end(&served);
}

/* Whoever takes too long, at whatever, is not waited for. */
static void
test_server_is_not_kept_waiting(void **state)
{
	static const struct service_limits limits = { .clients = 10, .first_ms = 10,
	    .request_ms = 10, .answer_ms = 10, .idle_ms = 10 };
	struct served served;
	int silent, slow, idle, half;

	(void)state;
	served_begin(&served, policy_text, &policy_service, &limits);
	silent = served_dial(&served);
	slow = served_dial(&served);
	served_say(slow, "request=");
	idle = served_dial(&served);
	served_say(idle, request_text);
	expect_answer(idle, "action=530 5.7.0 ");
	half = served_dial(&served);
	served_say(half, request_text);
	expect_answer(half, "action=530 5.7.0 ");
	served_say(half, "request=");
	served_expect_end(silent);
	served_expect_end(slow);
	served_expect_end(idle);
	served_expect_end(half);
	served_end(&served);
}

/* One too many: the one goes that never asked anything. */
static void
test_server_is_full(void **state)
{
	static const struct service_limits limits = { .clients = 2, .first_ms = 600000,
	    .request_ms = 600000, .answer_ms = 600000, .idle_ms = 600000 };
	struct served served;
	int asks, silent, third;

	(void)state;
	served_begin(&served, policy_text, &policy_service, &limits);
	asks = served_dial(&served);
	served_say(asks, request_text);
	expect_answer(asks, "action=530 5.7.0 ");
	silent = served_dial(&served);
	third = served_dial(&served);
	served_expect_end(silent);
	served_say(third, request_text);
	expect_answer(third, "action=530 5.7.0 ");
	served_say(asks, request_text);
	expect_answer(asks, "action=530 5.7.0 ");
	(void)close(asks);
	(void)close(third);
	served_end(&served);
}

static void
test_times(void **state)
{
	struct service_client client = { .fd = -1, .since_ms = 1000 };
	const struct service_limits *limits = &policy_service.limits;

	(void)state;
	assert_int_equal(service_client_overdue(&client, limits, 1000 + limits->first_ms),
	    CLIENT_GOES_ON);
	assert_int_equal(service_client_overdue(&client, limits,
	    1001 + limits->first_ms), CLIENT_IDLE);
	client.under_way = true;
	assert_int_equal(service_client_overdue(&client, limits,
	    1001 + limits->first_ms), CLIENT_TOO_SLOW);
	client.asked = true;
	assert_int_equal(service_client_overdue(&client, limits,
	    1001 + limits->request_ms), CLIENT_TOO_SLOW);
	client.under_way = false;
	assert_int_equal(service_client_overdue(&client, limits,
	    1001 + limits->request_ms), CLIENT_GOES_ON);
	assert_int_equal(service_client_overdue(&client, limits, 1001 + limits->idle_ms),
	    CLIENT_IDLE);
	client.answers.length = 1;
	assert_int_equal(service_client_overdue(&client, limits,
	    1001 + limits->answer_ms), CLIENT_TOO_SLOW);
	service_client_close(&client);
}

/* How many decisions there are after a request about a recipient of a message. */
static unsigned long
count_after(struct served *served, struct answer_state *state, const char *instance,
    const char *recipient)
{
	struct delegation request = { .state = DELEGATION_EMPTY };
	struct buffer out = BUFFER_INIT;
	unsigned long count = 0;
	char text[512];
	int length = snprintf(text, sizeof(text), "request=smtpd_access_policy\n"
	    "protocol_state=RCPT\nclient_address=192.0.2.7\nclient_port=4711\n"
	    "sender=a@other.example\nrecipient=%s\ninstance=%s\n"
	    "encryption_protocol=\n\n", recipient, instance);

	(void)delegation_feed(&request, text, (size_t)length);
	assert_true(answer_request(&served->service, state, &request, &out));
	assert_string_equal(out.text, "action=DUNNO\n\n");
	for (size_t i = 0; i < REASON_COUNT; i++)
		count += atomic_load(&served->service.counters.decisions[POLICY_ACCEPT][i]);
	delegation_clear(&request);
	buffer_free(&out);
	return count;
}

/* A message has one record, and another where a recipient's has more to say. */
static void
test_records_of_a_message(void **state)
{
	struct answer_state client = { .serial = 1 };
	struct served served;

	(void)state;
	served_prepare(&served, policy_text);
	assert_int_equal(count_after(&served, &client, "1.1.0", "a@ours.example"), 1);
	assert_int_equal(count_after(&served, &client, "1.1.0", "b@ours.example"), 1);
	assert_int_equal(count_after(&served, &client, "1.1.0", "a@watched.example"), 2);
	assert_int_equal(count_after(&served, &client, "1.1.0", "b@watched.example"), 2);
	assert_int_equal(count_after(&served, &client, "1.1.0", "a@ours.example"), 2);
	assert_int_equal(count_after(&served, &client, "1.2.0", "a@ours.example"), 3);
	served_release(&served);
}

/* A request of a session that the milter sees, with a certificate of 64 such digits. */
static void
tell_of(struct served *served, struct answer_state *state, const char *instance,
    char digit)
{
	struct delegation request = { .state = DELEGATION_EMPTY };
	struct buffer out = BUFFER_INIT, text = BUFFER_INIT;

	buffer_format(&text, "request=smtpd_access_policy\nprotocol_state=RCPT\n"
	    "client_address=192.0.2.7\nclient_port=4711\nsender=a@other.example\n"
	    "recipient=u@ours.example\nencryption_protocol=TLSv1.3\n"
	    "encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\n");
	if (instance != NULL)
		buffer_format(&text, "instance=%s\n", instance);
	buffer_string(&text, "ccert_fingerprint=");
	for (int i = 0; i < 64; i++)
		buffer_add(&text, &digit, 1);
	buffer_string(&text, "\n\n");
	(void)delegation_feed(&request, text.text, text.length);
	assert_true(answer_request(&served->service, state, &request, &out));
	assert_string_equal(out.text, "action=DUNNO\n\n");
	delegation_clear(&request);
	buffer_free(&text);
	buffer_free(&out);
}

/* Which certificate's the session's is, by its digit; '\0': unknown. */
static char
known_of(struct served *served, const struct correlation_session *session)
{
	const struct correlation_question question = { .tls = tls13,
	    .from = "a@other.example", .to = "u@ours.example" };
	struct correlation_digests digests;

	(void)correlation_find(served->service.correlation, session, &question, 1,
	    &digests);
	return digests.certificate[0] != '\0' ?
	    digests.certificate[strlen(digests.certificate) - 1] : '\0';
}

/* Requests are of one Postfix process by what its instance begins with, or by client. */
static void
test_processes_of_postfix(void **state)
{
	const struct connection connection = usual_connection();
	struct answer_state one = { .serial = 1 }, two = { .serial = 2 };
	struct correlation_session session = { .known = false };
	struct served served;

	(void)state;
	served_prepare(&served, policy_text);
	atomic_store(&served.service.milter_asked, true);
	begin(served.service.correlation, &session, &connection);
	tell_of(&served, &one, "aa.1.0", '1');
	assert_int_equal(known_of(&served, &session), '1');
	tell_of(&served, &two, "aa.2.0", '2');
	assert_int_equal(known_of(&served, &session), '2');
	tell_of(&served, &two, "ab.1.0", '3');
	assert_int_equal(known_of(&served, &session), '\0');
	correlation_mail(served.service.correlation, &session);
	tell_of(&served, &one, NULL, '4');
	tell_of(&served, &one, NULL, '5');
	assert_int_equal(known_of(&served, &session), '5');
	tell_of(&served, &two, NULL, '6');
	assert_int_equal(known_of(&served, &session), '\0');
	correlation_end(served.service.correlation, &session);
	served_release(&served);
}

/* What Postfix always sends must be there, or there is no answer. */
static void
test_requests_that_lack_something(void **state)
{
	static const char *const lines[] = { "protocol_state=RCPT\n",
	    "client_address=192.0.2.7\n", "sender=\n", "recipient=u@ours.example\n" };
	struct answer_state client = { .serial = 1 };
	struct served served;

	(void)state;
	served_prepare(&served, policy_text);
	for (size_t missing = 0; missing <= 4; missing++) {
		struct delegation request = { .state = DELEGATION_EMPTY };
		struct buffer out = BUFFER_INIT, text = BUFFER_INIT;

		buffer_string(&text, "request=smtpd_access_policy\n");
		for (size_t i = 0; i < 4; i++)
			if (i != missing)
				buffer_string(&text, lines[i]);
		buffer_string(&text, "\n");
		(void)delegation_feed(&request, text.text, text.length);
		assert_int_equal(request.state, DELEGATION_COMPLETE);
		assert_int_equal(answer_request(&served.service, &client, &request, &out),
		    missing == 4);
		assert_int_equal(out.length > 0, missing == 4);
		delegation_clear(&request);
		buffer_free(&text);
		buffer_free(&out);
	}
	served_release(&served);
}

/* At another stage than RCPT nothing is judged, whatever is there. */
static void
test_other_stages(void **state)
{
	static const char *const stages[] = { "CONNECT", "MAIL", "DATA", "" };
	struct answer_state client = { .serial = 1 };
	struct served served;

	(void)state;
	served_prepare(&served, policy_text);
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		struct delegation request = { .state = DELEGATION_EMPTY };
		struct buffer out = BUFFER_INIT, text = BUFFER_INIT;

		buffer_format(&text, "request=smtpd_access_policy\nprotocol_state=%s\n"
		    "client_address=192.0.2.7\nsender=a@acme.example\n"
		    "recipient=u@ours.example\nencryption_protocol=\n\n", stages[i]);
		(void)delegation_feed(&request, text.text, text.length);
		assert_true(answer_request(&served.service, &client, &request, &out));
		assert_string_equal(out.text, "action=DUNNO\n\n");
		delegation_clear(&request);
		buffer_free(&text);
		buffer_free(&out);
	}
	served_release(&served);
}

/* The answer with an allocation failing; "": none. *last: no allocation was left to. */
static void
answer_short(struct served *served, long failing, char answer[64], bool *last)
{
	static const char text[] = "request=smtpd_access_policy\nprotocol_state=RCPT\n"
	    "client_address=192.0.2.7\nsender=a@acme.example\n"
	    "recipient=u@b\xC3\xBC" "cher.example\nencryption_protocol=\n\n";
	struct delegation request = { .state = DELEGATION_EMPTY };
	struct answer_state client = { .serial = 1 };
	struct buffer out = BUFFER_INIT;
	bool answered = false;

	allocation_fail(failing);
	(void)delegation_feed(&request, text, sizeof(text) - 1);
	if (request.state == DELEGATION_COMPLETE)
		answered = answer_request(&served->service, &client, &request, &out);
	*last = allocation_count() < failing;
	allocation_fail(0);
	assert_true(answered || request.state == DELEGATION_NO_MEMORY);
	(void)snprintf(answer, 64, "%s", answered && !out.failed ? out.text : "");
	buffer_free(&out);
	delegation_clear(&request);
}

/*
 * Whatever allocation fails: no answer lets through what the policy refuses, but where
 * the settings say so.
 */
static void
test_memory_is_short(void **state)
{
	struct served served;
	size_t errors = 0, accepts = 0;
	char answer[64];
	bool last = false;

	(void)state;
	served_prepare(&served, policy_text);
	allocation_watch();
	for (long failing = 1; !last; failing++) {
		answer_short(&served, failing, answer, &last);
		assert_true(answer[0] == '\0' || strncmp(answer, "action=530 ", 11) == 0 ||
		    strncmp(answer, "action=451 4.3.0 ", 17) == 0);
		errors += strncmp(answer, "action=451 ", 11) == 0;
	}
	assert_true(strncmp(answer, "action=530 ", 11) == 0);
	assert_true(errors > 0);
	served.settings->on_internal_error = SETTINGS_ON_ERROR_ACCEPT;
	last = false;
	for (long failing = 1; !last; failing++) {
		answer_short(&served, failing, answer, &last);
		accepts += strcmp(answer, "action=DUNNO\n\n") == 0;
	}
	assert_true(strncmp(answer, "action=530 ", 11) == 0);
	assert_int_equal(accepts, errors);
	served_release(&served);
}

/* What the start says of who judges is so. */
static void
test_who_judges(void **state)
{
	static const struct {
		enum settings_answers answers;
		unsigned listen;	/* the line of the setting */
		bool judges;
	} cases[] = {
		{ SETTINGS_ANSWERS_FACTS, 0, false }, { SETTINGS_ANSWERS_FACTS, 1, false },
		{ SETTINGS_ANSWERS_VERDICT, 0, true }, { SETTINGS_ANSWERS_VERDICT, 1, true },
		{ SETTINGS_ANSWERS_AUTO, 0, true }, { SETTINGS_ANSWERS_AUTO, 1, false }
	};
	struct served served;
	char answer[64];
	bool unused;

	(void)state;
	served_prepare(&served, policy_text);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		served.settings->policy_service_answers = cases[i].answers;
		served.settings->set_at[SETTING_listen].line = cases[i].listen;
		answer_short(&served, 0, answer, &unused);
		assert_int_equal(strncmp(answer, "action=530 ", 11) == 0, cases[i].judges);
		assert_int_equal(strncmp(answer_manner(served.settings), "verdicts", 8) == 0,
		    cases[i].judges);
	}
	atomic_store(&served.service.milter_asked, true);
	served.settings->set_at[SETTING_listen].line = 0;
	answer_short(&served, 0, answer, &unused);
	assert_string_equal(answer, "action=DUNNO\n\n");
	served_release(&served);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_reads),
		cmocka_unit_test(test_crlf),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_ends),
#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, new_table, free_table)
		TABLE_TEST(test_usual_order),
		TABLE_TEST(test_request_before_the_session),
		TABLE_TEST(test_other_names),
		TABLE_TEST(test_tls_must_agree),
		TABLE_TEST(test_verified_means_presented),
		TABLE_TEST(test_new_session_beside_an_old_one),
		TABLE_TEST(test_late_request_of_an_old_session),
		TABLE_TEST(test_port_comes_again),
		TABLE_TEST(test_bounds),
		TABLE_TEST(test_correlation_of_threads),
		TABLE_TEST(test_unknown_clients),
		TABLE_TEST(test_server_ends),
		TABLE_TEST(test_tls_must_be_known),
		TABLE_TEST(test_long_addresses),
		TABLE_TEST(test_resolved_addresses),
		TABLE_TEST(test_digests_must_agree),
#undef TABLE_TEST
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_server_is_not_kept_waiting),
		cmocka_unit_test(test_server_is_full),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_requests_that_lack_something),
		cmocka_unit_test(test_other_stages),
		cmocka_unit_test(test_records_of_a_message),
		cmocka_unit_test(test_processes_of_postfix),
		cmocka_unit_test(test_memory_is_short),
		cmocka_unit_test(test_who_judges),
	};
	int status;

	if (!served_make_folder())
		return 1;
	status = UNIT_RUN(argc, argv, tests);
	served_remove_folder();
	return status;
}
