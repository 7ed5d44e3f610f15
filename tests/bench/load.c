/*
 * load.c - the MTA's side of the milter protocol, for measuring.
 *
 *	load [-t] [-r RATE] SOCKET MESSAGES PARALLEL SENDER [RECIPIENT...]
 *
 * A connection for each message, PARALLEL of them at a time. As an MTA it sends the
 * macros that it was asked for, sends twelve header fields and no body, waits for
 * the replies that were not declined, and goes on as far as the milter wants. A "#" in
 * SENDER is the connection's number, and each has a client of its own then. Prints how
 * many replies of each kind came; with -t, too, how long a message took, in microseconds.
 * With -r RATE a second are due, whether or not others have ended, and how long one took
 * counts from when it was due: so the time for which the milter stands still is counted
 * for all that come in it.
 *
 * SPDX-License-Identifier: ISC
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NR_CONN 0x1000u
#define NR_HELO 0x2000u
#define NR_MAIL 0x4000u
#define NR_RCPT 0x8000u
#define NR_DATA 0x10000u
#define NO_DATA 0x200u
#define NO_HEADERS 0x20u
#define NO_EOH 0x40u
#define HEADERS 12

struct text {
	char bytes[8192];
	size_t length;
};

enum step { NEGOTIATE, CONNECT, HELO, MAIL, RCPT, DATA, END };

struct connection {
	int fd;
	enum step step;
	uint32_t flags;
	int recipient;
	int accepted;
	long number;
	int64_t since;
	char in[2048];
	size_t got;
};

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static const char *sender;
static char **recipients;
static long started, wanted, ended;
static int64_t *took;		/* NULL: nobody asks; of each message, as they ended */
static unsigned long replies[256];
static char lists[7][1024];		/* as asked for; the same for everybody */
static int epoll;
static struct connection *connections;
static long parallel;
static int64_t pace, begun;	/* microseconds between two, 0: none; when the first was due */
static int timer;

static const char *const values[][2] = {
	{ "v", "Postfix 3.7.11" }, { "i", "4ABCDE1234" },
	{ "{client_name}", "mx.acme.example" }, { "{client_ptr}", "mx.acme.example" },
	{ "{client_resolve}", "OK" }, { "{tls_version}", "TLSv1.3" },
	{ "{cipher}", "TLS_AES_256_GCM_SHA384" }, { "{cipher_bits}", "256" },
};

static void
begin(struct text *out, char command)
{
	out->length += 4;
	out->bytes[out->length++] = command;
}

static void
string(struct text *out, const char *bytes)
{
	size_t size = strlen(bytes) + 1;

	memcpy(out->bytes + out->length, bytes, size);
	out->length += size;
}

static void
finish(struct text *out, size_t start)
{
	uint32_t size = htonl((uint32_t)(out->length - start - 4));

	memcpy(out->bytes + start, &size, 4);
}

static const char *
value_of(const char *name, const char *who)
{
	if (strcmp(name, "{mail_addr}") == 0 || strcmp(name, "{rcpt_addr}") == 0)
		return who;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (strcmp(values[i][0], name) == 0)
			return values[i][1];
	return NULL;
}

static void
macros(struct text *out, char command, int stage, const char *who)
{
	char list[1024], *rest = NULL;
	size_t start = out->length;
	char what[2] = { command, '\0' };

	begin(out, 'D');
	out->bytes[out->length++] = what[0];
	(void)snprintf(list, sizeof(list), "%s", lists[stage]);
	for (char *name = strtok_r(list, " ", &rest); name != NULL;
	    name = strtok_r(NULL, " ", &rest)) {
		const char *value = value_of(name, who);

		if (value == NULL)
			continue;
		string(out, name);
		string(out, value);
	}
	finish(out, start);
}

static void
command(struct text *out, char name, const char *argument)
{
	size_t start = out->length;
	char bracketed[512];

	begin(out, name);
	if (argument != NULL && (name == 'M' || name == 'R')) {
		(void)snprintf(bracketed, sizeof(bracketed), "<%s>", argument);
		string(out, bracketed);
	} else if (argument != NULL) {
		string(out, argument);
	}
	finish(out, start);
}

/* Header fields as a message has them; the replies to them have to be declined. */
static void
header(struct text *out, uint32_t flags)
{
	char name[] = "X-Field-A";

	for (int i = 0; i < HEADERS && (flags & NO_HEADERS) == 0; i++) {
		size_t start = out->length;

		name[sizeof(name) - 2] = (char)('A' + i);
		macros(out, 'L', 6, NULL);
		start = out->length;
		begin(out, 'L');
		string(out, name);
		string(out, "a value of some length, as the fields of a message have it");
		finish(out, start);
	}
	if ((flags & NO_EOH) == 0)
		command(out, 'N', NULL);
}

static void
send_all(const struct connection *c, const struct text *out)
{
	if (send(c->fd, out->bytes, out->length, MSG_NOSIGNAL) != (ssize_t)out->length) {
		perror("send");
		exit(1);
	}
}

/* In microseconds. */
static int64_t
now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int
by_time(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

	return one < other ? -1 : one > other;
}

static void
print_times(void)
{
	qsort(took, (size_t)wanted, sizeof(*took), by_time);
	(void)printf("median=%ld p99=%ld most=%ld ", (long)took[wanted / 2],
	    (long)took[wanted * 99 / 100], (long)took[wanted - 1]);
}

static void
open_connection(struct connection *c)
{
	uint32_t offer[3] = { htonl(6), htonl(0x1ff), htonl(0x1fffff) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	struct text out = { .length = 0 };

	memset(c, 0, sizeof(*c));
	c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
		perror("connect");
		exit(1);
	}
	c->number = ++started;
	c->since = pace > 0 ? begun + (started - 1) * pace : now();
	begin(&out, 'O');
	memcpy(out.bytes + out.length, offer, sizeof(offer));
	out.length += sizeof(offer);
	finish(&out, 0);
	send_all(c, &out);
}

/* As many as are due and as there are places for. */
static void
open_due(void)
{
	for (long i = 0; i < parallel && started < wanted; i++) {
		if (pace > 0 && begun + started * pace > now())
			return;
		if (connections[i].fd == -1)
			open_connection(&connections[i]);
	}
}

static void
close_connection(struct connection *c)
{
	struct text out = { .length = 0 };

	command(&out, 'Q', NULL);
	send_all(c, &out);
	(void)close(c->fd);
	c->fd = -1;
	if (took != NULL)
		took[ended] = now() - c->since;
	ended++;
	open_due();
}

/* The sender of a connection. */
static const char *
sender_of(const struct connection *c, char text[512])
{
	const char *place = strchr(sender, '#');

	if (place == NULL)
		return sender;
	(void)snprintf(text, 512, "%.*s%ld%s", (int)(place - sender), sender, c->number,
	    place + 1);
	return text;
}

/* An address of the network that is for measuring, of a connection if it has its own. */
static const char *
client_of(const struct connection *c, char text[32])
{
	if (strchr(sender, '#') == NULL)
		return "192.0.2.1";
	(void)snprintf(text, 32, "198.%ld.%ld.%ld", 18 + (c->number >> 16 & 1),
	    c->number >> 8 & 255, c->number & 255);
	return text;
}

/* The same within a message. Where RCPT is not answered there is one recipient. */
static void
advance_message(struct connection *c, struct text *out)
{
	char text[512];

	if (c->step == MAIL) {
		macros(out, 'M', 2, sender_of(c, text));
		command(out, 'M', sender_of(c, text));
		if ((c->flags & NR_MAIL) == 0)
			return;
		c->step = RCPT;
	}
	if (c->step == RCPT) {
		macros(out, 'R', 3, recipients[c->recipient]);
		command(out, 'R', recipients[c->recipient]);
		if ((c->flags & NR_RCPT) == 0)
			return;
		c->step = (c->flags & NO_DATA) != 0 ? END : DATA;
	}
	if (c->step == DATA) {
		macros(out, 'T', 4, NULL);
		command(out, 'T', NULL);
		if ((c->flags & NR_DATA) == 0)
			return;
		c->step = END;
	}
	header(out, c->flags);
	macros(out, 'E', 5, NULL);
	command(out, 'E', NULL);
}

/* Sends what comes next, up to the first thing that is answered. */
static void
advance(struct connection *c)
{
	struct text out = { .length = 0 };
	char client[32];
	size_t start;

	if (c->step == CONNECT) {
		macros(&out, 'C', 0, NULL);
		start = out.length;
		begin(&out, 'C');
		string(&out, "mx.acme.example");
		memcpy(out.bytes + out.length, "4\x61\xa8", 3);
		out.length += 3;
		string(&out, client_of(c, client));
		finish(&out, start);
		if ((c->flags & NR_CONN) != 0)
			c->step = HELO;
	}
	if (c->step == HELO) {
		macros(&out, 'H', 1, NULL);
		command(&out, 'H', "mx.acme.example");
		if ((c->flags & NR_HELO) != 0)
			c->step = MAIL;
	}
	if (c->step >= MAIL)
		advance_message(c, &out);
	send_all(c, &out);
}

static void
negotiated(struct connection *c, const char *bytes, size_t length)
{
	uint32_t number;

	memcpy(&number, bytes + 8, 4);
	c->flags = ntohl(number);
	for (size_t at = 12; at + 4 < length; ) {
		memcpy(&number, bytes + at, 4);
		number = ntohl(number);
		if (number < 7)
			(void)snprintf(lists[number], sizeof(lists[0]), "%s",
			    bytes + at + 4);
		at += 4 + strlen(bytes + at + 4) + 1;
	}
}

/* Takes one reply. */
static void
take(struct connection *c, char reply, const char *bytes, size_t length)
{
	replies[(unsigned char)reply]++;
	if (c->step == NEGOTIATE) {
		negotiated(c, bytes, length);
		c->step = CONNECT;
	} else if (reply == 'a' || c->step == END || (reply != 'c' && c->step != RCPT)) {
		close_connection(c);
		return;
	} else if (c->step == RCPT) {
		c->accepted += reply == 'c';
		if (recipients[++c->recipient] == NULL) {
			if (c->accepted == 0) {
				close_connection(c);
				return;
			}
			c->step = (c->flags & NO_DATA) != 0 ? END : DATA;
		}
	} else {
		c->step++;
		if (c->step == RCPT && recipients[0] == NULL) {
			close_connection(c);
			return;
		}
	}
	advance(c);
}

static void
receive(struct connection *c)
{
	ssize_t got = recv(c->fd, c->in + c->got, sizeof(c->in) - c->got, 0);
	uint32_t size;

	if (got <= 0) {
		(void)fprintf(stderr, "the milter hung up\n");
		exit(1);
	}
	c->got += (size_t)got;
	for (;;) {
		if (c->got < 4)
			return;
		memcpy(&size, c->in, 4);
		size = ntohl(size);
		if (c->got < 4 + size)
			return;
		if (c->in[4] != 'i')
			break;
		/* A header field is added; the reply comes behind. */
		replies['i']++;
		c->got -= 4 + size;
		memmove(c->in, c->in + 4 + size, c->got);
	}
	c->got = 0;
	take(c, c->in[4], c->in + 5, size - 1);
}

/* A tick each time that one is due. */
static bool
start_pace(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &timer };
	struct timespec each = { .tv_sec = pace / 1000000, .tv_nsec = pace % 1000000 * 1000 };
	struct itimerspec ticks = { .it_interval = each, .it_value = each };

	begun = now();
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	return timer != -1 && timerfd_settime(timer, 0, &ticks, NULL) == 0 &&
	    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0;
}

static void
tick(void)
{
	uint64_t ticks;

	(void)!read(timer, &ticks, sizeof(ticks));
	open_due();
}

/* False: nothing came for ten seconds. */
static bool
run_all(void)
{
	struct epoll_event events[64];

	open_due();
	while (ended < wanted) {
		int count = epoll_wait(epoll, events, 64, 10000);

		if (count == 0)
			return false;
		for (int i = 0; i < count; i++)
			if (events[i].data.ptr == &timer)
				tick();
			else
				receive(events[i].data.ptr);
	}
	return true;
}

int
main(int argc, char **argv)
{
	bool times = false;
	double rate = 0;

	for (int option; (option = getopt(argc, argv, "r:t")) != -1; ) {
		times |= option == 't';
		rate = option == 'r' ? atof(optarg) : rate;
		if (option == '?' || rate < 0)
			return 2;
	}
	argv += optind;
	if (argc - optind < 4)
		return 2;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[0]);
	wanted = atol(argv[1]);
	parallel = atol(argv[2]);
	sender = argv[3];
	recipients = argv + 4;
	pace = rate > 0 ? (int64_t)(1e6 / rate) : 0;
	took = times ? calloc((size_t)wanted + 1, sizeof(*took)) : NULL;
	epoll = epoll_create1(0);
	connections = calloc((size_t)parallel, sizeof(*connections));
	if (connections == NULL || epoll == -1 || (times && took == NULL) ||
	    (pace > 0 && !start_pace()))
		return 1;
	for (long i = 0; i < parallel; i++)
		connections[i].fd = -1;
	if (!run_all())
		return 1;
	if (took != NULL)
		print_times();
	for (int i = 0; i < 256; i++)
		if (replies[i] > 0 && i != 'O')
			(void)printf("%c=%lu ", i, replies[i]);
	(void)putchar('\n');
	free(connections);
	free(took);
	return 0;
}
