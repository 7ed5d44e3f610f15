/*
 * tls_policy_next.c - asks the service for DANE and MTA-STS behind the policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/tls_policy_next.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/netstring.h"

#define PIECE 4096

/*
 * As many connections as Postfix's smtp(8) has processes by default. postfix-tlspol
 * answers within some 7 seconds; Postfix itself would wait for 100.
 */
const struct tls_policy_next_limits tls_policy_next_limits = {
	.connections = 100,
	.waiting = 4096,
	.answer_max = 100000,
	.connect_ms = 5000,
	.answer_ms = 30000,
	.idle_ms = 60000,
};

enum trouble {
	TROUBLE_NONE, TROUBLE_CONNECT, TROUBLE_CLOSED, TROUBLE_GARBAGE, TROUBLE_TOO_LARGE,
	TROUBLE_TOO_SLOW, TROUBLE_TOO_MANY, TROUBLE_MEMORY,
	TROUBLE_COUNT
};

static const char *const troubles[TROUBLE_COUNT] = {
	[TROUBLE_CONNECT] = "it cannot be connected to",
	[TROUBLE_CLOSED] = "it closed the connection",
	[TROUBLE_GARBAGE] = "what it sent is not a socketmap's answer",
	[TROUBLE_TOO_LARGE] = "its answer is too large",
	[TROUBLE_TOO_SLOW] = "it takes too long",
	[TROUBLE_TOO_MANY] = "too many questions wait for it",
	[TROUBLE_MEMORY] = "not enough memory",
};

/* A question: on a connection, or waiting for one. */
struct question {
	struct question *after;		/* waits behind it */
	uint64_t token;
	bool forgotten;			/* its answer is for nobody */
	bool again;			/* asked for the second time */
	int64_t until_ms;
	struct buffer request;
};

struct connection {
	int fd;				/* -1: there is none */
	uint32_t events;		/* what is waited for */
	bool kept;			/* it has answered before */
	bool over;			/* it said more than it was asked */
	int64_t since_ms;		/* the last change of what it does */
	struct question *question;	/* NULL: it is free */
	size_t written;			/* of the request */
	struct netstring answer;
};

struct tls_policy_next {
	struct sockaddr_storage address;
	socklen_t length;
	char *map;
	int epoll;
	const struct tls_policy_next_limits *limits;
	struct log *log;
	struct limiter limiters[TROUBLE_COUNT];
	struct question *first;		/* of those that wait */
	size_t waiting;
	struct connection connections[];
};

/* Who is told. */
struct listener {
	tls_policy_next_taker *taker;
	void *context;
};

/* ------------------------------------------------------------------ *
 * Questions
 * ------------------------------------------------------------------ */

static void
question_free(struct question *question)
{
	buffer_free(&question->request);
	free(question);
}

static struct question *
question_new(const struct tls_policy_next *next, uint64_t token, const char *key)
{
	struct question *question = calloc(1, sizeof(*question));
	struct buffer text = BUFFER_INIT;

	if (question == NULL)
		return NULL;
	question->token = token;
	buffer_format(&text, "%s %s", next->map, key);
	if (!text.failed)
		netstring_append(&question->request, text.text, text.length);
	if (text.failed || question->request.failed) {
		question_free(question);
		question = NULL;
	}
	buffer_free(&text);
	return question;
}

static void
report_trouble(struct tls_policy_next *next, enum trouble trouble)
{
	bool known = trouble == TROUBLE_CONNECT && errno != 0;

	log_limited(next->log, &next->limiters[trouble], SEVERITY_WARNING,
	    "tls-policy-next: %s%s%s: mail that this service has a say in waits",
	    troubles[trouble], known ? ": " : "", known ? strerror(errno) : "");
}

/* The question is over. */
static void
answer_question(struct question *question, const char *reply, size_t length,
    const struct listener *listener)
{
	uint64_t token = question->token;
	bool forgotten = question->forgotten;

	question_free(question);
	if (!forgotten)
		listener->taker(listener->context, token, reply, length);
}

static void
fail_question(struct question *question, enum trouble trouble,
    const struct listener *listener)
{
	char reply[100];
	int length = snprintf(reply, sizeof(reply), "TEMP tls-policy-next: %s",
	    troubles[trouble]);

	answer_question(question, reply, (size_t)length, listener);
}

/* Waits, before all others or behind them. */
static void
queue_question(struct tls_policy_next *next, struct question *question, bool at_once)
{
	struct question **place = &next->first;

	while (!at_once && *place != NULL)
		place = &(*place)->after;
	question->after = *place;
	*place = question;
	next->waiting++;
}

static struct question *
take_waiting(struct tls_policy_next *next, struct question **place)
{
	struct question *question = *place;

	*place = question->after;
	question->after = NULL;
	next->waiting--;
	return question;
}

/* ------------------------------------------------------------------ *
 * Connections
 * ------------------------------------------------------------------ */

static void
connection_close(struct connection *connection)
{
	if (connection->fd != -1)
		(void)close(connection->fd);
	netstring_clear(&connection->answer);
	memset(connection, 0, sizeof(*connection));
	connection->fd = -1;
}

static bool
connection_open(const struct tls_policy_next *next, struct connection *connection)
{
	const struct sockaddr *address = (const void *)&next->address;
	int one = 1;

	connection->fd = socket(address->sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd == -1)
		return false;
	if (address->sa_family != AF_UNIX)
		(void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return connect(connection->fd, address, next->length) == 0 || errno == EINPROGRESS;
}

/* Waits until more can be written, where there is more, and else read. */
static bool
connection_watch(const struct tls_policy_next *next, struct connection *connection)
{
	const struct question *question = connection->question;
	uint32_t events = question != NULL &&
	    connection->written < question->request.length ? EPOLLOUT : EPOLLIN;
	struct epoll_event event = {
		.events = events, .data.u64 = TLS_POLICY_NEXT_EVENT |
		    (uint64_t)(connection - next->connections)
	};
	int operation = connection->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (events != connection->events &&
	    epoll_ctl(next->epoll, operation, connection->fd, &event) != 0)
		return false;
	connection->events = events;
	return true;
}

/* Writes what the service takes. While it is being connected to that is nothing. */
static enum trouble
write_request(struct connection *connection)
{
	const struct buffer *request = &connection->question->request;

	while (connection->written < request->length) {
		ssize_t sent = send(connection->fd, request->text + connection->written,
		    request->length - connection->written, MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return TROUBLE_NONE;
		if (sent == -1)
			return connection->kept || connection->written > 0 ?
			    TROUBLE_CLOSED : TROUBLE_CONNECT;
		connection->written += (size_t)sent;
	}
	return TROUBLE_NONE;
}

static enum trouble
take_piece_of_answer(struct connection *connection, size_t most, const char *piece,
    size_t length)
{
	static const enum trouble results[] = {
		[NETSTRING_EMPTY] = TROUBLE_NONE, [NETSTRING_PARTIAL] = TROUBLE_NONE,
		[NETSTRING_COMPLETE] = TROUBLE_NONE, [NETSTRING_GARBAGE] = TROUBLE_GARBAGE,
		[NETSTRING_TOO_LARGE] = TROUBLE_TOO_LARGE,
		[NETSTRING_NO_MEMORY] = TROUBLE_MEMORY,
	};
	struct netstring *answer = &connection->answer;
	size_t taken = netstring_feed(answer, most, piece, length);

	/* What comes behind it would be taken for the answer to the next question. */
	connection->over = taken < length;
	if (answer->state == NETSTRING_COMPLETE &&
	    memchr(answer->string.text, '\0', answer->string.length) != NULL)
		return TROUBLE_GARBAGE;
	return results[answer->state];
}

/* Reads a piece, once all is written. */
static enum trouble
read_answer(struct connection *connection, size_t most)
{
	char piece[PIECE];
	ssize_t got;

	if (connection->written < connection->question->request.length)
		return TROUBLE_NONE;
	got = recv(connection->fd, piece, sizeof(piece), 0);
	if (got == -1)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ?
		    TROUBLE_NONE : TROUBLE_CLOSED;
	if (got == 0)
		return TROUBLE_CLOSED;
	return take_piece_of_answer(connection, most, piece, (size_t)got);
}

/* Puts a question on a connection that is free, or to be made: then false where it fails. */
static bool
connection_ask(struct tls_policy_next *next, struct connection *connection,
    struct question *question, int64_t now_ms)
{
	if (connection->fd == -1 && !connection_open(next, connection))
		goto fail;
	connection->question = question;
	connection->written = 0;
	connection->since_ms = now_ms;
	/* That a kept one is closed is an event; the reason why another fails is told once. */
	if (write_request(connection) != TROUBLE_CONNECT &&
	    connection_watch(next, connection))
		return true;
fail:
	report_trouble(next, TROUBLE_CONNECT);
	connection_close(connection);
	return false;
}

/* One that is kept and free; else a place for a new one; or NULL. */
static struct connection *
free_connection(struct tls_policy_next *next)
{
	struct connection *place = NULL;

	for (size_t i = 0; i < next->limits->connections; i++) {
		struct connection *each = &next->connections[i];

		if (each->fd != -1 && each->question == NULL)
			return each;
		if (each->fd == -1 && place == NULL)
			place = each;
	}
	return place;
}

/* Whether the service has answered on a connection that it still has. */
static bool
has_answered(const struct tls_policy_next *next)
{
	for (size_t i = 0; i < next->limits->connections; i++)
		if (next->connections[i].kept)
			return true;
	return false;
}

/* Asks what waits, as far as there are connections. */
static void
ask_waiting(struct tls_policy_next *next, int64_t now_ms, const struct listener *listener)
{
	struct connection *connection;

	while (next->first != NULL && (connection = free_connection(next)) != NULL) {
		struct question *question = take_waiting(next, &next->first);

		if (connection_ask(next, connection, question, now_ms))
			continue;
		if (has_answered(next)) {
			queue_question(next, question, true);
			return;
		}
		fail_question(question, TROUBLE_CONNECT, listener);
	}
}

/* ------------------------------------------------------------------ *
 * Ends
 * ------------------------------------------------------------------ */

static void
end_with_answer(struct tls_policy_next *next, struct connection *connection,
    int64_t now_ms, const struct listener *listener)
{
	struct question *question = connection->question;
	struct buffer answer = connection->answer.string;

	/* Whoever is told may ask at once. */
	connection->answer = (struct netstring){ .state = NETSTRING_EMPTY };
	connection->question = NULL;
	connection->kept = true;
	connection->since_ms = now_ms;
	if (connection->over) {
		report_trouble(next, TROUBLE_GARBAGE);
		connection_close(connection);
	}
	answer_question(question, answer.text, answer.length, listener);
	buffer_free(&answer);
}

/*
 * Closes a connection. Its question is asked once more where it was kept and is closed
 * now, and waits for another one where a new one cannot be had.
 */
static void
end_with_trouble(struct tls_policy_next *next, struct connection *connection,
    enum trouble trouble, int64_t now_ms, const struct listener *listener)
{
	struct question *question = connection->question;
	bool again = trouble == TROUBLE_CLOSED && connection->kept && !question->again &&
	    !question->forgotten && connection->answer.state == NETSTRING_EMPTY;

	if (!again)
		report_trouble(next, trouble);
	connection_close(connection);
	if (again) {
		question->again = true;
		if (connection_ask(next, connection, question, now_ms))
			return;
		trouble = TROUBLE_CONNECT;
	}
	if (trouble == TROUBLE_CONNECT && !question->forgotten && has_answered(next))
		queue_question(next, question, true);
	else
		fail_question(question, trouble, listener);
}

/* It is closed, or says something that nobody asked. */
static void
end_kept(struct tls_policy_next *next, struct connection *connection)
{
	char byte;
	ssize_t got = recv(connection->fd, &byte, 1, 0);

	if (got == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (got == 1)
		report_trouble(next, TROUBLE_GARBAGE);
	connection_close(connection);
}

/* ------------------------------------------------------------------ *
 * What the loop calls
 * ------------------------------------------------------------------ */

void
tls_policy_next_event(struct tls_policy_next *next, uint64_t which, int64_t now_ms,
    tls_policy_next_taker *taker, void *context)
{
	const struct listener listener = { taker, context };
	struct connection *connection = &next->connections[which & ~TLS_POLICY_NEXT_EVENT];
	enum trouble trouble;

	/* It was closed by what came before in the same turn. */
	if (connection->fd == -1)
		return;
	if (connection->question == NULL) {
		end_kept(next, connection);
		return;
	}
	trouble = write_request(connection);
	if (trouble == TROUBLE_NONE)
		trouble = read_answer(connection, next->limits->answer_max);
	if (trouble == TROUBLE_NONE && !connection_watch(next, connection))
		trouble = TROUBLE_MEMORY;
	if (trouble != TROUBLE_NONE)
		end_with_trouble(next, connection, trouble, now_ms, &listener);
	else if (connection->answer.state == NETSTRING_COMPLETE)
		end_with_answer(next, connection, now_ms, &listener);
	else
		return;
	/* Not where a new one was just refused: who waits gets one that is there. */
	if (trouble != TROUBLE_CONNECT || !has_answered(next))
		ask_waiting(next, now_ms, &listener);
}

static void
look_at_connection(struct tls_policy_next *next, struct connection *connection,
    int64_t now_ms, const struct listener *listener)
{
	int64_t passed = now_ms - connection->since_ms;
	const struct question *question = connection->question;

	if (connection->fd == -1)
		return;
	if (question == NULL && passed > next->limits->idle_ms) {
		connection_close(connection);
	} else if (question != NULL && !connection->kept && connection->written == 0 &&
	    passed > next->limits->connect_ms) {
		errno = ETIMEDOUT;
		end_with_trouble(next, connection, TROUBLE_CONNECT, now_ms, listener);
	} else if (question != NULL && now_ms > question->until_ms) {
		end_with_trouble(next, connection, TROUBLE_TOO_SLOW, now_ms, listener);
	}
}

void
tls_policy_next_tick(struct tls_policy_next *next, int64_t now_ms,
    tls_policy_next_taker *taker, void *context)
{
	const struct listener listener = { taker, context };

	for (size_t i = 0; i < next->limits->connections; i++)
		look_at_connection(next, &next->connections[i], now_ms, &listener);
	while (next->first != NULL && now_ms > next->first->until_ms) {
		report_trouble(next, TROUBLE_TOO_SLOW);
		fail_question(take_waiting(next, &next->first), TROUBLE_TOO_SLOW, &listener);
	}
	ask_waiting(next, now_ms, &listener);
}

bool
tls_policy_next_ask(struct tls_policy_next *next, uint64_t token, const char *key,
    int64_t now_ms)
{
	struct connection *connection;
	struct question *question;

	if (strlen(key) > TLS_POLICY_NEXT_KEY_MAX)
		return false;
	question = question_new(next, token, key);
	if (question == NULL) {
		report_trouble(next, TROUBLE_MEMORY);
		return false;
	}
	question->until_ms = now_ms + next->limits->answer_ms;
	/* Who waits already comes first. */
	connection = next->first == NULL ? free_connection(next) : NULL;
	if (connection != NULL && connection_ask(next, connection, question, now_ms))
		return true;
	if ((connection == NULL || has_answered(next)) &&
	    next->waiting < next->limits->waiting) {
		queue_question(next, question, false);
		return true;
	}
	if (connection == NULL)
		report_trouble(next, TROUBLE_TOO_MANY);
	question_free(question);
	return false;
}

void
tls_policy_next_forget(struct tls_policy_next *next, uint64_t token)
{
	struct question **place = &next->first;

	for (size_t i = 0; i < next->limits->connections; i++)
		if (next->connections[i].question != NULL &&
		    next->connections[i].question->token == token)
			next->connections[i].question->forgotten = true;
	while (*place != NULL)
		if ((*place)->token == token)
			question_free(take_waiting(next, place));
		else
			place = &(*place)->after;
}

struct tls_policy_next *
tls_policy_next_new(const struct sockaddr *address, socklen_t length, const char *map,
    int epoll, const struct tls_policy_next_limits *limits, struct log *log)
{
	struct tls_policy_next *next = calloc(1, sizeof(*next) +
	    limits->connections * sizeof(next->connections[0]));

	if (next == NULL)
		return NULL;
	for (size_t i = 0; i < limits->connections; i++)
		next->connections[i].fd = -1;
	memcpy(&next->address, address, length);
	next->length = length;
	next->epoll = epoll;
	next->limits = limits;
	next->log = log;
	next->map = strdup(map);
	if (next->map == NULL)
		tls_policy_next_free(&next);
	return next;
}

void
tls_policy_next_free(struct tls_policy_next **next)
{
	struct tls_policy_next *old = *next;

	if (old == NULL)
		return;
	while (old->first != NULL)
		question_free(take_waiting(old, &old->first));
	for (size_t i = 0; i < old->limits->connections; i++) {
		if (old->connections[i].question != NULL)
			question_free(old->connections[i].question);
		connection_close(&old->connections[i]);
	}
	free(old->map);
	free(old);
	*next = NULL;
}
