/*
 * unit-map.c - the TLS policy map: what is answered, and to whom.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "allocation.h"
#include "milter/tls_policy_map.h"
#include "milter/tls_policy_next.h"
#include "served.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char policy_text[] =
    "default { require tls }\n"
    "deliver acme.example {\n"
    "	require tls >= 1.2; require certificate name mx.acme.example\n}\n"
    "deliver .acme.example { require dane }\n"
    "deliver \"acme.example:26\" { require tls }\n"
    "deliver \"[mx.acme.example]\" { require tls }\n"
    "deliver \"[mx.acme.example]:587\" { require certificate }\n"
    "deliver \"[192.0.2.7]\" \"[ipv6:2001:db8::7]\" { require tls }\n"
    "deliver b\xC3\xBC" "cher.example { require tls }\n"
    "deliver watched.example { require tls; monitor }\n"
    "deliver free.example { require tls; exempt \"old\" }\n"
    "deliver then.example { require tls from 2020-01-01 until 2020-02-01 }\n"
    "deliver since.example { require tls from 2020-01-01 }\n";

#define SECURE "OK secure match=mx.acme.example protocols=>=TLSv1.2"
#define NONE "NOTFOUND "
#define NO_MAP "PERM no such map: it is called tlsward"

static const struct lookup {
	const char *request, *reply;
} lookups[] = {
	{ "tlsward acme.example", SECURE },
	{ "tlsward ACME.Example", SECURE },
	{ "tlsward acme.example.", SECURE },
	{ "tlsward acme.example:25", SECURE },
	{ "tlsward acme.example:26", "OK encrypt" },
	{ "tlsward .acme.example", NONE },
	{ "tlsward mx.acme.example", "OK dane-only" },
	{ "tlsward a.b.acme.example:2525", "OK dane-only" },
	{ "tlsward .b.acme.example", NONE },
	{ "tlsward [mx.acme.example]", "OK encrypt" },
	{ "tlsward [MX.acme.example]", "OK encrypt" },
	{ "tlsward [mx.acme.example]:587", "OK verify" },
	{ "tlsward [mx.acme.example]:25", NONE },
	{ "tlsward [other.acme.example]", NONE },
	{ "tlsward [acme.example]", NONE },
	{ "tlsward [192.0.2.7]", "OK encrypt" },
	{ "tlsward [192.0.2.8]", NONE },
	{ "tlsward 192.0.2.7", NONE },
	{ "tlsward [IPv6:2001:db8::7]", "OK encrypt" },
	{ "tlsward [ipv6:2001:db8::8]", NONE },
	{ "tlsward b\xC3\xBC" "cher.example", "OK encrypt" },
	{ "tlsward B\xC3\x9C" "CHER.example", "OK encrypt" },
	{ "tlsward xn--bcher-kva.example", "OK encrypt" },
	{ "tlsward b\xFC" "cher.example", NONE },
	{ "tlsward watched.example", NONE },
	{ "tlsward free.example", "OK may" },
	{ "tlsward then.example", NONE },
	{ "tlsward since.example", "OK encrypt" },
	{ "tlsward other.example", NONE },
	{ "tlsward example", NONE },
	{ "tlsward ", NONE },
	{ "tlsward  acme.example", NONE },
	{ "tlsward acme.example ", NONE },
	{ "tlsward acme example", NONE },
	{ "tlsward [acme.example", NONE },
	{ "tlsward []", NONE },
	{ "tlsward [", NONE },
	{ "tlsward :25", NONE },
	{ "tlsward .", NONE },
	{ "tlsward %s%n", NONE },
	{ "tlsward \r\n", NONE },
	{ "tlsward", NO_MAP },
	{ "", NO_MAP },
	{ " acme.example", NO_MAP },
	{ "acme.example", NO_MAP },
	{ "tlsward2 acme.example", NO_MAP },
	{ "TLSWARD acme.example", NO_MAP },
	{ "tlswar acme.example", NO_MAP },
	{ "QUERY acme.example", NO_MAP },
};

static void
ask(int fd, const char *request, size_t length)
{
	struct buffer text = BUFFER_INIT;

	netstring_append(&text, request, length);
	assert_int_equal(send(fd, text.text, text.length, MSG_NOSIGNAL), text.length);
	buffer_free(&text);
}

/* Reads one reply, a byte after the other. */
static void
read_reply(int fd, struct netstring *reply)
{
	char byte;

	netstring_clear(reply);
	while (reply->state <= NETSTRING_PARTIAL) {
		assert_int_equal(read(fd, &byte, 1), 1);
		(void)netstring_feed(reply, 100000, &byte, 1);
	}
	assert_int_equal(reply->state, NETSTRING_COMPLETE);
}

static void
expect_reply(int fd, const char *wanted)
{
	struct netstring reply = { .state = NETSTRING_EMPTY };

	read_reply(fd, &reply);
	assert_string_equal(reply.string.text, wanted);
	netstring_clear(&reply);
}

static unsigned long
count_of(const struct served *served, enum counter counter)
{
	return atomic_load(&served->service.counters.counts[counter]);
}

static void
test_replies(void **state)
{
	struct served served;
	int fd;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, NULL);
	fd = served_dial(&served);
	for (size_t i = 0; i < COUNT(lookups); i++) {
		ask(fd, lookups[i].request, strlen(lookups[i].request));
		expect_reply(fd, lookups[i].reply);
	}
	assert_int_equal(count_of(&served, COUNTER_LOOKUPS_OK) +
	    count_of(&served, COUNTER_LOOKUPS_NOTFOUND) +
	    count_of(&served, COUNTER_LOOKUPS_PERM), COUNT(lookups));
	assert_int_equal(count_of(&served, COUNTER_LOOKUPS_TEMP), 0);
	assert_int_equal(count_of(&served, COUNTER_MAP_CLIENTS), 1);
	(void)close(fd);
	served_end(&served);
}

/* Names that no domain has, and bytes that no name has. */
static void
test_strange_keys(void **state)
{
	static char long_key[TLS_POLICY_REQUEST_MAX + 1];
	static const size_t sizes[] = { 255, 256, 1024, 1200, TLS_POLICY_REQUEST_MAX };
	struct served served;
	int fd;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, NULL);
	fd = served_dial(&served);
	ask(fd, "tlsward acme.example\0.evil.example", 34);
	expect_reply(fd, NONE);
	ask(fd, "tlsward \0", 9);
	expect_reply(fd, NONE);
	memset(long_key, 'a', sizeof(long_key));
	memcpy(long_key, "tlsward ", 8);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		ask(fd, long_key, sizes[i]);
		expect_reply(fd, NONE);
		memcpy(long_key + sizes[i] - 13, ".acme.example", 13);
		ask(fd, long_key, sizes[i]);
		/* No domain is that long, and the rule for what is above it holds. */
		expect_reply(fd, "OK dane-only");
		memset(long_key + sizes[i] - 13, 'a', 13);
	}
	ask(fd, long_key, sizeof(long_key));
	served_expect_end(fd);
	served_end(&served);
}

/* However they come, all are answered, in their order. */
static void
test_pipelining(void **state)
{
	struct buffer text = BUFFER_INIT;
	struct served served;
	int fd;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, NULL);
	fd = served_dial(&served);
	for (size_t i = 0; i < COUNT(lookups); i++)
		netstring_append(&text, lookups[i].request, strlen(lookups[i].request));
	assert_int_equal(send(fd, text.text, text.length, MSG_NOSIGNAL), text.length);
	for (size_t i = 0; i < text.length; i++)
		assert_int_equal(send(fd, text.text + i, 1, MSG_NOSIGNAL), 1);
	for (size_t i = 0; i < 2 * COUNT(lookups); i++)
		expect_reply(fd, lookups[i % COUNT(lookups)].reply);
	buffer_free(&text);
	(void)close(fd);
	served_end(&served);
}

/* What came before it is answered; then the connection ends. */
static void
test_garbage(void **state)
{
	static const char *const garbage[] = { "\n", "GET / HTTP/1.1\r\n", "5:hello;",
	    "007:tlsward,", "99999999:", "99999999999999999999999:", "-1:,", ":,", ",",
	    "12:tlsward x.y.z,", "\xFF" };
	struct served served;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, NULL);
	for (size_t i = 0; i < COUNT(garbage); i++) {
		int fd = served_dial(&served);
		struct buffer text = BUFFER_INIT;

		netstring_append(&text, lookups[0].request, strlen(lookups[0].request));
		buffer_string(&text, garbage[i]);
		served_say(fd, text.text);
		expect_reply(fd, lookups[0].reply);
		served_expect_end(fd);
		buffer_free(&text);
	}
	assert_int_equal(count_of(&served, COUNTER_MAP_CLIENTS_CLOSED), COUNT(garbage));
	served_end(&served);
}

#define CROWD 300

/* With one more than there is room for, the one goes that was silent longest. */
static void
test_crowd(void **state)
{
	static const struct service_limits limits = { .clients = CROWD, .first_ms = 600000,
	    .request_ms = 600000, .answer_ms = 600000, .idle_ms = 600000 };
	struct served served;
	int fds[CROWD], one_more;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, &limits);
	for (size_t i = 0; i < CROWD; i++)
		fds[i] = served_dial(&served);
	for (size_t i = 0; i < CROWD; i++)
		ask(fds[i], lookups[i % COUNT(lookups)].request,
		    strlen(lookups[i % COUNT(lookups)].request));
	for (size_t i = 0; i < CROWD; i++)
		expect_reply(fds[i], lookups[i % COUNT(lookups)].reply);
	/* By its clock, which counts milliseconds, it is the only one of that time. */
	(void)usleep(20000);
	for (size_t i = 1; i < CROWD; i++) {
		ask(fds[i], lookups[0].request, strlen(lookups[0].request));
		expect_reply(fds[i], lookups[0].reply);
	}
	one_more = served_dial(&served);
	served_expect_end(fds[0]);
	ask(one_more, lookups[0].request, strlen(lookups[0].request));
	expect_reply(one_more, lookups[0].reply);
	assert_int_equal(count_of(&served, COUNTER_MAP_CLIENTS), CROWD);
	for (size_t i = 1; i < CROWD; i++)
		(void)close(fds[i]);
	(void)close(one_more);
	served_end(&served);
}

/* Whoever takes too long, at whatever, is not waited for. */
static void
test_times(void **state)
{
	static const struct service_limits limits = { .clients = 10, .first_ms = 10,
	    .request_ms = 10, .answer_ms = 10, .idle_ms = 10 };
	struct served served;
	int silent, slow, idle;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, &limits);
	silent = served_dial(&served);
	slow = served_dial(&served);
	served_say(slow, "20:tls");
	idle = served_dial(&served);
	ask(idle, lookups[0].request, strlen(lookups[0].request));
	expect_reply(idle, lookups[0].reply);
	served_expect_end(silent);
	served_expect_end(slow);
	served_expect_end(idle);
	served_end(&served);
}

#define FLOOD 20000

/* Whoever asks and does not read is not asked on; and has every reply in the end. */
static void
test_slow_reader(void **state)
{
	struct buffer text = BUFFER_INIT;
	struct served served;
	size_t asked = 0, sent = 0;
	int fd;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, NULL);
	fd = served_dial(&served);
	for (size_t i = 0; i < FLOOD; i++)
		netstring_append(&text, lookups[0].request, strlen(lookups[0].request));
	while (sent < text.length) {
		ssize_t more = send(fd, text.text + sent, text.length - sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (more > 0) {
			sent += (size_t)more;
			continue;
		}
		/* It takes no more before its replies are read. */
		expect_reply(fd, lookups[0].reply);
		asked++;
	}
	for (; asked < FLOOD; asked++)
		expect_reply(fd, lookups[0].reply);
	assert_int_equal(count_of(&served, COUNTER_LOOKUPS_OK), FLOOD);
	buffer_free(&text);
	(void)close(fd);
	served_end(&served);
}

/* Whoever has shut down its own half is answered; who is gone costs nothing. */
static void
test_clients_that_go(void **state)
{
	struct served served;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, NULL);
	for (size_t i = 0; i < 100; i++) {
		int fd = served_dial(&served);

		ask(fd, lookups[0].request, strlen(lookups[0].request));
		if (i % 2 == 0) {
			(void)shutdown(fd, SHUT_WR);
			expect_reply(fd, lookups[0].reply);
			served_expect_end(fd);
		} else {
			(void)close(fd);
		}
	}
	while (count_of(&served, COUNTER_MAP_CLIENTS) > 0)
		(void)usleep(1000);
	served_end(&served);
}

/* Mail that goes out while the daemon ends is kept. */
static void
test_ending(void **state)
{
	struct served served;
	int fd;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, NULL);
	fd = served_dial(&served);
	atomic_store(&served.service.stage, SERVICE_ENDING);
	ask(fd, lookups[0].request, strlen(lookups[0].request));
	expect_reply(fd, "TEMP the daemon is ending");
	atomic_store(&served.service.stage, SERVICE_OVER);
	ask(fd, lookups[0].request, strlen(lookups[0].request));
	served_expect_end(fd);
	served_end(&served);
}

/* The next look-up is by the new policy, whoever asks meanwhile. */
static void
test_reload(void **state)
{
	static const char *const texts[] = { policy_text,
	    "default { require tls }\ndeliver acme.example { require dane }\n" };
	static const char *const replies[] = { SECURE, "OK dane-only" };
	struct served served;
	int busy, calm;

	(void)state;
	served_begin(&served, policy_text, &tls_policy_map, NULL);
	busy = served_dial(&served);
	calm = served_dial(&served);
	for (size_t i = 1; i < 40; i++) {
		struct policy *policy = served_policy(texts[i % 2]);
		struct netstring reply = { .state = NETSTRING_EMPTY };

		for (size_t j = 0; j < 50; j++)
			ask(busy, lookups[0].request, strlen(lookups[0].request));
		assert_int_equal(snapshots_replace(served.service.snapshots, &policy), 0);
		ask(calm, lookups[0].request, strlen(lookups[0].request));
		expect_reply(calm, replies[i % 2]);
		for (size_t j = 0; j < 50; j++) {
			read_reply(busy, &reply);
			assert_true(strcmp(reply.string.text, replies[0]) == 0 ||
			    strcmp(reply.string.text, replies[1]) == 0);
		}
		netstring_clear(&reply);
		(void)snapshots_collect(served.service.snapshots);
	}
	(void)close(busy);
	(void)close(calm);
	served_end(&served);
}

/* ------------------------------------------------------------------ *
 * With a service behind
 * ------------------------------------------------------------------ */

#define BEHIND_CLIENTS 64

/* It answers by the key; what begins with "slow" waits for "released". */
static struct {
	char path[108];
	int listener;
	pthread_t thread;
	atomic_bool released, ending;
	atomic_int asked;
	struct pollfd waiting[BEHIND_CLIENTS];
	struct netstring requests[BEHIND_CLIENTS];
	nfds_t count;
} behind;

static const char *
behind_reply(const char *request)
{
	static const struct {
		const char *key, *reply;
	} replies[] = {
		{ "QUERY acme.example", "OK may" },
		{ "QUERY dane.example", "OK dane-only" },
		{ "QUERY plain.example", "OK dane-only" },
		{ "QUERY slow.example", "OK secure match=mx.slow.example" },
		{ "QUERY broken.example", "TEMP it is broken" },
		{ "QUERY odd.example", "WHAT" },
	};

	for (size_t i = 0; i < COUNT(replies); i++)
		if (strcmp(replies[i].key, request) == 0)
			return replies[i].reply;
	return NONE;
}

/* Whether one whose request is complete has its answer. */
static bool
behind_answers(int fd, struct netstring *request)
{
	const char *reply = behind_reply(request->string.text);

	if (strncmp(request->string.text, "QUERY slow", 10) == 0 &&
	    !atomic_load(&behind.released))
		return false;
	ask(fd, reply, strlen(reply));
	netstring_clear(request);
	return true;
}

static void
behind_hear(nfds_t i)
{
	char piece[512];
	ssize_t got = read(behind.waiting[i].fd, piece, sizeof(piece));

	if (got <= 0) {
		(void)close(behind.waiting[i].fd);
		behind.waiting[i].fd = -1;
		netstring_clear(&behind.requests[i]);
		return;
	}
	assert_int_equal(netstring_feed(&behind.requests[i], 2000, piece, (size_t)got), got);
	if (behind.requests[i].state == NETSTRING_COMPLETE)
		atomic_fetch_add(&behind.asked, 1);
}

static void *
behind_run(void *unused)
{
	while (!atomic_load(&behind.ending)) {
		(void)poll(behind.waiting, behind.count, 5);
		for (nfds_t i = 1; i < behind.count; i++) {
			if ((behind.waiting[i].revents & (POLLIN | POLLHUP)) != 0)
				behind_hear(i);
			if (behind.waiting[i].fd != -1 &&
			    behind.requests[i].state == NETSTRING_COMPLETE)
				(void)behind_answers(behind.waiting[i].fd, &behind.requests[i]);
		}
		if (behind.waiting[0].revents != 0 && behind.count < BEHIND_CLIENTS)
			behind.waiting[behind.count++] = (struct pollfd){ .events = POLLIN,
			    .fd = accept(behind.listener, NULL, NULL) };
	}
	return unused;
}

/* "there": it runs. */
static void
begin_behind(struct served *served, bool there)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	served_listen(served, policy_text, &tls_policy_map, NULL);
	memset(&behind, 0, sizeof(behind));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s.next", served->path);
	(void)snprintf(behind.path, sizeof(behind.path), "%.100s", address.sun_path);
	behind.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(behind.listener, (struct sockaddr *)&address,
	    sizeof(address)), 0);
	behind.waiting[0] = (struct pollfd){ .fd = behind.listener, .events = POLLIN };
	behind.count = 1;
	if (there) {
		assert_int_equal(listen(behind.listener, 100), 0);
		assert_int_equal(pthread_create(&behind.thread, NULL, behind_run, NULL), 0);
	}
	served->service.next = tls_policy_next_new((struct sockaddr *)&address,
	    sizeof(address), "QUERY", service_listener_epoll(served->listener),
	    &tls_policy_next_limits, served->service.log);
	assert_non_null(served->service.next);
	served_run(served);
}

static void
end_behind(struct served *served, bool there)
{
	struct tls_policy_next *next = served->service.next;

	atomic_store(&behind.ending, true);
	if (there)
		(void)pthread_join(behind.thread, NULL);
	for (nfds_t i = 0; i < behind.count; i++) {
		if (behind.waiting[i].fd != -1)
			(void)close(behind.waiting[i].fd);
		netstring_clear(&behind.requests[i]);
	}
	(void)unlink(behind.path);
	served_end(served);
	tls_policy_next_free(&next);
}

static void
await_asked(int wanted)
{
	while (atomic_load(&behind.asked) < wanted)
		(void)usleep(1000);
}

static void
ask_key(int fd, const char *key)
{
	char request[128];

	(void)snprintf(request, sizeof(request), "tlsward %s", key);
	ask(fd, request, strlen(request));
}

static void
test_next(void **state)
{
	static const struct lookup asked[] = {
		{ "dane.example", "OK dane-only" }, { "other.example", NONE },
		{ "broken.example", "TEMP it is broken" }, { "acme.example", SECURE },
		{ ".dane.example", NONE }, { "free.example", "OK may" },
		{ "since.example", "OK encrypt" }, { "[192.0.2.7]", "OK encrypt" },
		{ "watched.example", NONE },
	};
	struct netstring odd = { .state = NETSTRING_EMPTY };
	struct served served;
	int fd;

	(void)state;
	begin_behind(&served, true);
	fd = served_dial(&served);
	for (size_t i = 0; i < COUNT(asked); i++) {
		ask_key(fd, asked[i].request);
		expect_reply(fd, asked[i].reply);
	}
	ask_key(fd, "odd.example");
	read_reply(fd, &odd);
	assert_int_equal(strncmp(odd.string.text, "TEMP ", 5), 0);
	netstring_clear(&odd);
	(void)close(fd);
	end_behind(&served, true);
}

/* Who waits for the service holds nobody up, and has the replies in their order. */
static void
test_next_is_slow(void **state)
{
	struct served served;
	int slow, quick;

	(void)state;
	begin_behind(&served, true);
	slow = served_dial(&served);
	quick = served_dial(&served);
	ask_key(slow, "slow.example");
	ask_key(slow, "acme.example");
	ask_key(slow, "slow.example");
	await_asked(1);
	for (size_t i = 0; i < 100; i++) {
		ask_key(quick, i % 2 == 0 ? "dane.example" : "acme.example");
		expect_reply(quick, i % 2 == 0 ? "OK dane-only" : SECURE);
	}
	atomic_store(&behind.released, true);
	expect_reply(slow, "OK secure match=mx.slow.example");
	expect_reply(slow, SECURE);
	expect_reply(slow, "OK secure match=mx.slow.example");
	(void)close(slow);
	(void)close(quick);
	end_behind(&served, true);
}

/* Who goes meanwhile is forgotten; whoever shut down its half alone is not gone. */
static void
test_gone_while_waiting(void **state)
{
	struct served served;
	int gone[20], half;

	(void)state;
	begin_behind(&served, true);
	for (size_t i = 0; i < COUNT(gone); i++) {
		gone[i] = served_dial(&served);
		ask_key(gone[i], "slow.example");
		ask_key(gone[i], "slow.example");
	}
	half = served_dial(&served);
	ask_key(half, "slow.example");
	(void)shutdown(half, SHUT_WR);
	await_asked((int)COUNT(gone) + 1);
	for (size_t i = 0; i < COUNT(gone); i++)
		(void)close(gone[i]);
	while (count_of(&served, COUNTER_MAP_CLIENTS) > 1)
		(void)usleep(1000);
	atomic_store(&behind.released, true);
	expect_reply(half, "OK secure match=mx.slow.example");
	served_expect_end(half);
	end_behind(&served, true);
}

/* The answer is joined with the policy that is in force by then. */
static void
test_reload_while_waiting(void **state)
{
	struct served served;
	struct policy *policy;
	int fd, other;

	(void)state;
	begin_behind(&served, true);
	fd = served_dial(&served);
	other = served_dial(&served);
	ask_key(fd, "slow.example");
	ask_key(other, "slow2.example");
	await_asked(2);
	policy = served_policy("default { require tls }\n"
	    "deliver slow.example { require dane }\n"
	    "deliver slow2.example { require tls; exempt }\n");
	assert_int_equal(snapshots_replace(served.service.snapshots, &policy), 0);
	atomic_store(&behind.released, true);
	expect_reply(fd, "OK dane-only");
	expect_reply(other, "OK may");
	(void)close(fd);
	(void)close(other);
	end_behind(&served, true);
}

static void
test_end_while_waiting(void **state)
{
	struct served served;
	int fd;

	(void)state;
	begin_behind(&served, true);
	fd = served_dial(&served);
	ask_key(fd, "slow.example");
	await_asked(1);
	atomic_store(&served.service.stage, SERVICE_ENDING);
	atomic_store(&behind.released, true);
	expect_reply(fd, "TEMP the daemon is ending");
	(void)close(fd);
	end_behind(&served, true);
}

/* Where it has a say mail waits; where it has none mail goes on. */
static void
test_next_is_down(void **state)
{
	struct netstring reply = { .state = NETSTRING_EMPTY };
	struct served served;
	int fd;

	(void)state;
	begin_behind(&served, false);
	fd = served_dial(&served);
	ask_key(fd, "acme.example");
	expect_reply(fd, SECURE);
	ask_key(fd, "free.example");
	expect_reply(fd, "OK may");
	ask_key(fd, "dane.example");
	read_reply(fd, &reply);
	assert_int_equal(strncmp(reply.string.text, "TEMP ", 5), 0);
	ask_key(fd, "since.example");
	read_reply(fd, &reply);
	assert_int_equal(strncmp(reply.string.text, "TEMP ", 5), 0);
	assert_int_equal(count_of(&served, COUNTER_NEXT_TEMP), 2);
	netstring_clear(&reply);
	(void)close(fd);
	end_behind(&served, false);
}

/* ------------------------------------------------------------------ *
 * Without memory
 * ------------------------------------------------------------------ */

/* The reply with an allocation failing; "": none. Whether no allocation was left to. */
static bool
reply_short(struct served *served, const struct lookup *lookup, long failing,
    char reply[512])
{
	struct service_client client = { .fd = -1 };
	struct buffer request = BUFFER_INIT;
	enum client_end end;
	size_t taken;
	bool last;

	allocation_fail(0);
	netstring_append(&request, lookup->request, strlen(lookup->request));
	allocation_fail(failing);
	end = tls_policy_map.take(&served->service, &client, request.text, request.length,
	    &taken);
	last = allocation_count() < failing;
	allocation_fail(0);
	(void)snprintf(reply, 512, "%s", end == CLIENT_GOES_ON && !client.answers.failed ?
	    client.answers.text : "");
	service_client_close(&client);
	buffer_free(&request);
	return last;
}

/* Whatever allocation fails, the reply is the right one, TEMP or none. */
static void
test_memory_is_short(void **state)
{
	struct served served;
	size_t temps = 0;
	char reply[512], wanted[512];

	(void)state;
	served_prepare(&served, policy_text);
	allocation_watch();
	for (size_t i = 0; i < COUNT(lookups); i++) {
		bool last = false;

		(void)snprintf(wanted, sizeof(wanted), "%zu:%s,", strlen(lookups[i].reply),
		    lookups[i].reply);
		for (long failing = 1; !last; failing++) {
			last = reply_short(&served, &lookups[i], failing, reply);
			if (strstr(reply, "TEMP ") != NULL)
				temps++;
			else if (reply[0] != '\0' || last)
				assert_string_equal(reply, wanted);
		}
	}
	assert_true(temps > 0);
	assert_int_equal(allocation_live(), 0);
	served_release(&served);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_strange_keys),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_clients_that_go),
		cmocka_unit_test(test_ending),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_next_is_slow),
		cmocka_unit_test(test_gone_while_waiting),
		cmocka_unit_test(test_reload_while_waiting),
		cmocka_unit_test(test_end_while_waiting),
		cmocka_unit_test(test_next_is_down),
		cmocka_unit_test(test_memory_is_short),
	};
	int status;

	if (!served_make_folder())
		return 1;
	status = UNIT_RUN(argc, argv, tests);
	served_remove_folder();
	return status;
}
