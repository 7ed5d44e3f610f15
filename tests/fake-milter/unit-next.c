/*
 * unit-next.c - the client of the service behind the policy, against one that misbehaves.
 *
 * Client and service take turns in one thread, so that nothing hangs on time but by the
 * clock that the client is given.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "allocation.h"
#include "base/buffer.h"
#include "milter/tls_policy_next.h"

#define TOKENS 16

static const struct tls_policy_next_limits small_limits = {
	.connections = 2, .waiting = 3, .answer_max = 1000, .connect_ms = 100,
	.answer_ms = 1000, .idle_ms = 5000
};

/* A client, and its service. */
struct bed {
	struct tls_policy_next *next;
	struct log *log;
	int epoll;
	int service;			/* that listens */
	int64_t now_ms;
	char answers[TOKENS][200];	/* by their tokens */
	int count;
	uint64_t asks_again;		/* the token of what is asked when one is answered */
};

static struct log *
quiet_log(void)
{
	static struct settings settings;
	static char path[] = "/dev/null";
	struct log *log;

	settings.log = SETTINGS_LOG_FILE;
	settings.log_path = path;
	log = log_open(&settings, false);
	assert_non_null(log);
	return log;
}

static void
take_answer(void *context, uint64_t token, const char *reply, size_t length)
{
	struct bed *bed = context;
	uint64_t again = bed->asks_again;

	assert_int_in_range(token, 0, TOKENS - 1);
	assert_int_equal(strlen(reply), length);
	assert_string_equal(bed->answers[token], "");
	(void)snprintf(bed->answers[token], sizeof(bed->answers[token]), "%s", reply);
	bed->count++;
	bed->asks_again = 0;
	if (again != 0)
		assert_true(tls_policy_next_ask(bed->next, again, "again", bed->now_ms));
}

static void
bed_open_at(struct bed *bed, int service, const struct tls_policy_next_limits *limits)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	memset(bed, 0, sizeof(*bed));
	bed->service = service;
	bed->epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_true(bed->epoll >= 0);
	assert_int_equal(getsockname(service, (struct sockaddr *)&address, &length), 0);
	bed->log = quiet_log();
	bed->next = tls_policy_next_new((struct sockaddr *)&address, length, "QUERY",
	    bed->epoll, limits, bed->log);
	assert_non_null(bed->next);
}

/* At an address that the system chooses. */
static int
listen_locally(int backlog)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&address,
	    sizeof(address.sun_family)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static int
listen_at_port(int backlog)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void
bed_open(struct bed *bed)
{
	bed_open_at(bed, listen_locally(64), &small_limits);
}

static void
bed_close(struct bed *bed)
{
	tls_policy_next_free(&bed->next);
	assert_null(bed->next);
	log_free(&bed->log);
	(void)close(bed->epoll);
	if (bed->service != -1)
		(void)close(bed->service);
}

static bool
ask(struct bed *bed, uint64_t token, const char *key)
{
	return tls_policy_next_ask(bed->next, token, key, bed->now_ms);
}

/* Hands the client what happens within so many milliseconds. */
static void
turn_within(struct bed *bed, int patience_ms)
{
	struct epoll_event events[8];
	int count = epoll_wait(bed->epoll, events, 8, patience_ms);

	for (int i = 0; i < count; i++) {
		assert_true((events[i].data.u64 & TLS_POLICY_NEXT_EVENT) != 0);
		tls_policy_next_event(bed->next, events[i].data.u64, bed->now_ms,
		    take_answer, bed);
	}
}

/* What has happened; of UNIX sockets that is all that was done. */
static void
turn(struct bed *bed)
{
	turn_within(bed, 0);
}

/* Until there are so many answers; TCP may take its time. */
static void
turn_until(struct bed *bed, int count)
{
	for (int i = 0; i < 100 && bed->count < count; i++)
		turn_within(bed, 10000);
	assert_int_equal(bed->count, count);
}

static void
pass_time(struct bed *bed, int64_t ms)
{
	bed->now_ms += ms;
	tls_policy_next_tick(bed->next, bed->now_ms, take_answer, bed);
}

/* -- The service ------------------------------------------------------ */

/* The next connection; -1: there is none. */
static int
serve(const struct bed *bed)
{
	return accept4(bed->service, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* The same, where there will be one. */
static int
serve_soon(const struct bed *bed)
{
	struct pollfd waiting = { .fd = bed->service, .events = POLLIN };

	assert_int_equal(poll(&waiting, 1, 60000), 1);
	return serve(bed);
}

/* What was asked there must be that. */
static void
expect(int fd, const char *key)
{
	char text[200], expected[200];
	ssize_t got = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(got > 0);
	text[got] = '\0';
	(void)snprintf(expected, sizeof(expected), "%zu:QUERY %s,", strlen(key) + 6, key);
	assert_string_equal(text, expected);
}

static bool
is_closed(int fd)
{
	char byte;

	ssize_t got = recv(fd, &byte, 1, 0);

	/* Reset: not all that was said was read. */
	return got == 0 || (got == -1 && errno == ECONNRESET);
}

static void
say_bytes(struct bed *bed, int fd, const char *text, size_t length)
{
	assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
	turn(bed);
}

static void
say(struct bed *bed, int fd, const char *text)
{
	say_bytes(bed, fd, text, strlen(text));
}

/* -- Questions and answers -------------------------------------------- */

static void
answers_come_in_pieces(void **state)
{
	static const char answer[] = "12:OK dane-only,";
	struct bed bed;
	int fd;

	(void)state;
	bed_open(&bed);
	for (uint64_t token = 1; token < 4; token++) {
		assert_true(ask(&bed, token, "[mx.example]:25"));
		if (token == 1)
			fd = serve(&bed);
		expect(fd, "[mx.example]:25");
		for (const char *c = answer; *c != '\0'; c++) {
			assert_string_equal(bed.answers[token], "");
			say_bytes(&bed, fd, c, 1);
		}
	}
	assert_int_equal(bed.count, 3);
	assert_int_equal(serve(&bed), -1);
	bed_close(&bed);
}

static void
each_gets_its_own(void **state)
{
	static const char *const keys[] = { "a.example", "b.example", "c.example",
	    "d.example", "e.example" };
	struct bed bed;
	int first, second;

	(void)state;
	bed_open(&bed);
	for (uint64_t i = 0; i < 5; i++)
		assert_true(ask(&bed, i, keys[i]));
	/* There is room for three that wait. */
	assert_false(ask(&bed, 5, "f.example"));
	first = serve(&bed);
	second = serve(&bed);
	assert_int_equal(serve(&bed), -1);
	expect(first, "a.example");
	expect(second, "b.example");
	say(&bed, second, "6:OK bbb,");
	assert_string_equal(bed.answers[1], "OK bbb");
	expect(second, "c.example");
	assert_true(ask(&bed, 6, "g.example"));
	say(&bed, first, "6:OK aaa,");
	expect(first, "d.example");
	say(&bed, first, "6:OK ddd,");
	expect(first, "e.example");
	say(&bed, first, "6:OK eee,");
	expect(first, "g.example");
	say(&bed, second, "9:NOTFOUND ,");
	say(&bed, first, "6:OK ggg,");
	assert_string_equal(bed.answers[0], "OK aaa");
	assert_string_equal(bed.answers[2], "NOTFOUND ");
	assert_string_equal(bed.answers[3], "OK ddd");
	assert_string_equal(bed.answers[4], "OK eee");
	assert_string_equal(bed.answers[6], "OK ggg");
	bed_close(&bed);
}

static void
whoever_is_told_may_ask(void **state)
{
	struct bed bed;
	int fd;

	(void)state;
	bed_open(&bed);
	bed.asks_again = 2;
	assert_true(ask(&bed, 1, "a.example"));
	fd = serve(&bed);
	expect(fd, "a.example");
	say(&bed, fd, "6:OK aaa,");
	expect(fd, "again");
	say(&bed, fd, "6:OK bbb,");
	assert_string_equal(bed.answers[1], "OK aaa");
	assert_string_equal(bed.answers[2], "OK bbb");
	bed_close(&bed);
}

static void
what_is_forgotten_is_for_nobody(void **state)
{
	struct bed bed;
	int first, second;

	(void)state;
	bed_open(&bed);
	for (uint64_t i = 0; i < 4; i++)
		assert_true(ask(&bed, i, "a.example"));
	tls_policy_next_forget(bed.next, 0);
	tls_policy_next_forget(bed.next, 2);
	tls_policy_next_forget(bed.next, 9);
	first = serve(&bed);
	second = serve(&bed);
	expect(first, "a.example");
	expect(second, "a.example");
	say(&bed, first, "6:OK aaa,");
	assert_int_equal(bed.count, 0);
	/* The connection is used on, for the one that still waits. */
	expect(first, "a.example");
	say(&bed, first, "6:OK ddd,");
	say(&bed, second, "6:OK bbb,");
	assert_int_equal(bed.count, 2);
	assert_string_equal(bed.answers[1], "OK bbb");
	assert_string_equal(bed.answers[3], "OK ddd");
	/* Nor is it asked again, or told of trouble. */
	assert_true(ask(&bed, 4, "a.example"));
	tls_policy_next_forget(bed.next, 4);
	(void)close(first);
	(void)close(second);
	turn(&bed);
	assert_int_equal(serve(&bed), -1);
	assert_int_equal(bed.count, 2);
	bed_close(&bed);
}

static void
keys_are_bounded(void **state)
{
	char key[TLS_POLICY_NEXT_KEY_MAX + 2];
	struct bed bed;

	(void)state;
	bed_open(&bed);
	memset(key, 'a', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	assert_false(ask(&bed, 1, key));
	key[sizeof(key) - 2] = '\0';
	/* One is on its way, and others wait, when all ends. */
	for (uint64_t i = 0; i < 4; i++)
		assert_true(ask(&bed, i, key));
	bed_close(&bed);
}

/* -- Trouble ---------------------------------------------------------- */

#define TOO_SLOW "TEMP tls-policy-next: it takes too long"
#define CLOSED "TEMP tls-policy-next: it closed the connection"
#define GARBAGE "TEMP tls-policy-next: what it sent is not a socketmap's answer"
#define NO_CONNECTION "TEMP tls-policy-next: it cannot be connected to"

static void
a_slow_answer_is_not_waited_for(void **state)
{
	struct bed bed;
	int first, second, late;

	(void)state;
	bed_open(&bed);
	for (uint64_t i = 0; i < 3; i++)
		assert_true(ask(&bed, i, "a.example"));
	first = serve(&bed);
	second = serve(&bed);
	say(&bed, first, "12:OK dane");
	pass_time(&bed, 1000);
	assert_int_equal(bed.count, 0);
	assert_true(ask(&bed, 3, "late.example"));
	pass_time(&bed, 1);
	assert_int_equal(bed.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(bed.answers[i], TOO_SLOW);
	/* What comes late is not taken for the answer to what is asked next. */
	assert_int_equal(send(first, "-only,", 6, MSG_NOSIGNAL), -1);
	assert_int_equal(send(second, "6:OK aaa,", 9, MSG_NOSIGNAL), -1);
	late = serve(&bed);
	expect(late, "late.example");
	say(&bed, late, "6:OK bbb,");
	assert_string_equal(bed.answers[3], "OK bbb");
	bed_close(&bed);
}

static void
what_is_closed_is_asked_once_more(void **state)
{
	struct bed bed;
	int fd;

	(void)state;
	bed_open(&bed);
	assert_true(ask(&bed, 1, "a.example"));
	fd = serve(&bed);
	say(&bed, fd, "6:OK aaa,");
	/* While nothing is asked. */
	(void)close(fd);
	turn(&bed);
	assert_true(ask(&bed, 2, "b.example"));
	fd = serve(&bed);
	expect(fd, "b.example");
	say(&bed, fd, "6:OK bbb,");
	/* At the moment in which something is. */
	(void)close(fd);
	assert_true(ask(&bed, 3, "c.example"));
	turn(&bed);
	fd = serve(&bed);
	expect(fd, "c.example");
	say(&bed, fd, "6:OK ccc,");
	assert_string_equal(bed.answers[3], "OK ccc");
	/* It is, but on a new connection too. */
	assert_true(ask(&bed, 4, "d.example"));
	(void)close(fd);
	turn(&bed);
	fd = serve(&bed);
	expect(fd, "d.example");
	assert_string_equal(bed.answers[4], "");
	(void)close(fd);
	turn(&bed);
	assert_string_equal(bed.answers[4], CLOSED);
	assert_int_equal(serve(&bed), -1);
	bed_close(&bed);
}

static void
half_an_answer_is_none(void **state)
{
	struct bed bed;
	int fd;

	(void)state;
	bed_open(&bed);
	assert_true(ask(&bed, 1, "a.example"));
	fd = serve(&bed);
	say(&bed, fd, "6:OK aaa,");
	assert_true(ask(&bed, 2, "b.example"));
	say(&bed, fd, "12:OK dane");
	(void)close(fd);
	turn(&bed);
	assert_string_equal(bed.answers[2], CLOSED);
	assert_int_equal(serve(&bed), -1);
	bed_close(&bed);
}

static void
garbage_is_no_answer(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *answer;
	} rows[] = {
		{ "x", 1, GARBAGE }, { ":", 1, GARBAGE }, { "02:OK,", 6, GARBAGE },
		{ "3:OK aaa,", 9, GARBAGE }, { "6:OK\0aaa,", 9, GARBAGE },
		{ "HTTP/1.0 400 Bad Request\r\n", 26, GARBAGE },
		{ "1001:", 5, "TEMP tls-policy-next: its answer is too large" },
		{ "99999999999999999999999:", 24,
		    "TEMP tls-policy-next: its answer is too large" },
	};
	struct bed bed;

	(void)state;
	bed_open(&bed);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd;

		assert_true(ask(&bed, i, "a.example"));
		fd = serve(&bed);
		expect(fd, "a.example");
		say_bytes(&bed, fd, rows[i].text, rows[i].length);
		assert_string_equal(bed.answers[i], rows[i].answer);
		(void)close(fd);
	}
	bed_close(&bed);
}

static void
nobody_asked_for_more(void **state)
{
	struct bed bed;
	int fd;

	(void)state;
	bed_open(&bed);
	assert_true(ask(&bed, 1, "a.example"));
	fd = serve(&bed);
	expect(fd, "a.example");
	say(&bed, fd, "6:OK aaa,6:OK bbb,");
	assert_string_equal(bed.answers[1], "OK aaa");
	assert_true(is_closed(fd));
	assert_true(ask(&bed, 2, "b.example"));
	fd = serve(&bed);
	expect(fd, "b.example");
	say(&bed, fd, "6:OK bbb,");
	say(&bed, fd, "6:OK ccc,");
	assert_true(is_closed(fd));
	assert_true(ask(&bed, 3, "c.example"));
	fd = serve(&bed);
	expect(fd, "c.example");
	say(&bed, fd, "0:,");
	assert_int_equal(bed.count, 3);
	assert_string_equal(bed.answers[2], "OK bbb");
	bed_close(&bed);
}

static void
connections_do_not_stay_for_ever(void **state)
{
	struct bed bed;
	int fd;

	(void)state;
	bed_open(&bed);
	assert_true(ask(&bed, 1, "a.example"));
	fd = serve(&bed);
	expect(fd, "a.example");
	say(&bed, fd, "6:OK aaa,");
	pass_time(&bed, 5000);
	assert_false(is_closed(fd));
	pass_time(&bed, 1);
	assert_true(is_closed(fd));
	bed_close(&bed);
}

static void
who_is_not_there_is_a_temp(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct bed bed;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	bed_open(&bed);
	(void)close(bed.service);
	bed.service = -1;
	assert_false(ask(&bed, 1, "a.example"));
	bed_close(&bed);
	/* Bound, but nobody listens: this is told at once, or by an event. */
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	bed_open_at(&bed, fd, &small_limits);
	if (ask(&bed, 1, "a.example")) {
		turn_until(&bed, 1);
		assert_string_equal(bed.answers[1], NO_CONNECTION);
	}
	bed_close(&bed);
}

static void
refuse_new_connections(int service)
{
	struct bed bed;
	int fd;

	bed_open_at(&bed, service, &small_limits);
	assert_true(ask(&bed, 1, "a.example"));
	fd = serve_soon(&bed);
	say(&bed, fd, "6:OK aaa,");
	turn_until(&bed, 1);
	(void)close(bed.service);
	bed.service = -1;
	/* The one that there is serves both, one after the other. */
	assert_true(ask(&bed, 2, "b.example"));
	assert_true(ask(&bed, 3, "c.example"));
	pass_time(&bed, 10);
	assert_int_equal(bed.count, 1);
	say(&bed, fd, "6:OK bbb,");
	turn_until(&bed, 2);
	say(&bed, fd, "6:OK ccc,");
	turn_until(&bed, 3);
	assert_string_equal(bed.answers[2], "OK bbb");
	assert_string_equal(bed.answers[3], "OK ccc");
	/* When that one goes, too, nobody is left. */
	assert_true(ask(&bed, 4, "d.example"));
	assert_true(ask(&bed, 5, "e.example"));
	(void)close(fd);
	turn_until(&bed, 5);
	assert_string_equal(bed.answers[4], NO_CONNECTION);
	assert_string_equal(bed.answers[5], NO_CONNECTION);
	assert_false(ask(&bed, 6, "f.example"));
	bed_close(&bed);
}

static void
a_new_connection_may_be_refused(void **state)
{
	(void)state;
	refuse_new_connections(listen_locally(64));
	refuse_new_connections(listen_at_port(64));
}

static void
who_does_not_take_calls_is_a_temp(void **state)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = listen_at_port(0), calls[8];
	struct bed bed;

	(void)state;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	for (size_t i = 0; i < 8; i++) {
		calls[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(calls[i], (struct sockaddr *)&address, sizeof(address));
	}
	bed_open_at(&bed, fd, &small_limits);
	assert_true(ask(&bed, 1, "a.example"));
	turn(&bed);
	pass_time(&bed, 100);
	assert_int_equal(bed.count, 0);
	pass_time(&bed, 1);
	assert_string_equal(bed.answers[1], NO_CONNECTION);
	for (size_t i = 0; i < 8; i++)
		(void)close(calls[i]);
	bed_close(&bed);
}

/* Each allocation fails, one after the other: what is answered is right, or a TEMP. */
static void
short_memory_is_a_temp(void **state)
{
	long failing = 1;

	(void)state;
	allocation_watch();
	for (bool done = false; !done; failing++) {
		struct bed bed;
		int fd;

		bed_open(&bed);
		allocation_fail(failing);
		if (ask(&bed, 1, "a.example") && (fd = serve(&bed)) != -1) {
			say(&bed, fd, "12:OK dane");
			if (bed.count == 0)
				say(&bed, fd, "-only,");
			assert_int_equal(bed.count, 1);
			if (strcmp(bed.answers[1], "OK dane-only") != 0)
				assert_string_equal(bed.answers[1],
				    "TEMP tls-policy-next: not enough memory");
			(void)close(fd);
		}
		done = allocation_count() < failing;
		allocation_fail(0);
		bed_close(&bed);
		assert_int_equal(allocation_live(), 0);
	}
	assert_true(failing > 4);
}

static void
no_client_without_memory(void **state)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct tls_policy_next *next = NULL;

	(void)state;
	allocation_watch();
	for (long failing = 1; failing < 3; failing++) {
		allocation_fail(failing);
		assert_null(tls_policy_next_new((const struct sockaddr *)&address,
		    sizeof(address), "QUERY", -1, &tls_policy_next_limits, NULL));
	}
	allocation_fail(0);
	assert_int_equal(allocation_live(), 0);
	tls_policy_next_free(&next);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_pieces),
		cmocka_unit_test(each_gets_its_own),
		cmocka_unit_test(whoever_is_told_may_ask),
		cmocka_unit_test(what_is_forgotten_is_for_nobody),
		cmocka_unit_test(keys_are_bounded),
		cmocka_unit_test(a_slow_answer_is_not_waited_for),
		cmocka_unit_test(what_is_closed_is_asked_once_more),
		cmocka_unit_test(half_an_answer_is_none),
		cmocka_unit_test(garbage_is_no_answer),
		cmocka_unit_test(nobody_asked_for_more),
		cmocka_unit_test(connections_do_not_stay_for_ever),
		cmocka_unit_test(who_is_not_there_is_a_temp),
		cmocka_unit_test(a_new_connection_may_be_refused),
		cmocka_unit_test(who_does_not_take_calls_is_a_temp),
		cmocka_unit_test(short_memory_is_a_temp),
		cmocka_unit_test(no_client_without_memory)
	};

	return UNIT_RUN(argc, argv, tests);
}
