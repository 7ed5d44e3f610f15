/*
 * unit-control.c - the control socket's server, with answers of our own, and what is
 * noted of the last hour.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "milter/control.h"
#include "milter/lately.h"

#define NOBODY 65534

#define STATUS "{\"command\":\"status\"}\n"
#define RELOAD "{\"command\":\"reload\"}\n"

struct bench {
	char folder[32];
	struct sockaddr_un address;
	int listener;
	struct control *control;
	pthread_t thread;
	struct control_service service;
	atomic_int reloads;		/* that were asked for */
	atomic_bool deaf;		/* none can be */
	atomic_bool poor;		/* there is no memory for an answer */
};

static bool
give_status(void *context, struct buffer *answer)
{
	const struct bench *bench = context;

	buffer_string(answer, "{\"serving\":true}");
	return !atomic_load(&bench->poor);
}

static bool
give_nonce(void *context, struct buffer *answer)
{
	(void)context;
	buffer_string(answer, "{\"nonce\":\"0\"}");
	return true;
}

static bool
give_reload(void *context, const struct ucred *client)
{
	struct bench *bench = context;

	assert_int_equal(client->pid, getpid());
	if (atomic_load(&bench->deaf))
		return false;
	atomic_fetch_add(&bench->reloads, 1);
	return true;
}

static int
set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	(void)strcpy(bench->folder, "/tmp/tlsward-control-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	bench->address.sun_family = AF_UNIX;
	(void)snprintf(bench->address.sun_path, sizeof(bench->address.sun_path),
	    "%s/socket", bench->folder);
	bench->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(bench->listener, (struct sockaddr *)&bench->address,
	    sizeof(bench->address)), 0);
	assert_int_equal(listen(bench->listener, 4096), 0);
	bench->service = (struct control_service){
		.status = give_status, .nonce = give_nonce, .reload = give_reload,
		.context = bench, .user = getuid(), .group = getgid(),
		.client_ms = 600000, .reload_ms = 600000,
	};
	*state = bench;
	return 0;
}

static void
start(struct bench *bench)
{
	bench->control = control_new(bench->listener, &bench->service);
	assert_non_null(bench->control);
	assert_int_equal(pthread_create(&bench->thread, NULL, control_run, bench->control),
	    0);
}

static void
stop_bench(struct bench *bench)
{
	assert_true(control_stop(bench->control, 60000));
	assert_int_equal(pthread_join(bench->thread, NULL), 0);
	control_free(&bench->control);
}

static int
tear_down(void **state)
{
	struct bench *bench = *state;

	if (bench->control != NULL)
		stop_bench(bench);
	(void)close(bench->listener);
	(void)unlink(bench->address.sun_path);
	(void)rmdir(bench->folder);
	free(bench);
	return 0;
}

/* ------------------------------------------------------------------ *
 * A client
 * ------------------------------------------------------------------ */

static int
dial(const struct bench *bench)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&bench->address,
	    sizeof(bench->address)), 0);
	return fd;
}

static void
say(int fd, const char *bytes, size_t length)
{
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* The next line, "" at the end of the connection. */
static const char *
hear(int fd)
{
	static char line[4096];
	size_t length = 0;

	while (length < sizeof(line) - 1 && recv(fd, line + length, 1, 0) == 1 &&
	    line[length] != '\n')
		length++;
	line[length] = '\0';
	return line;
}

static const char *
ask(int fd, const char *line)
{
	say(fd, line, strlen(line));
	return hear(fd);
}

static void
hang_up(int *fd)
{
	(void)close(*fd);
	*fd = -1;
}

/* ------------------------------------------------------------------ *
 * Requests
 * ------------------------------------------------------------------ */

static void
test_requests(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ STATUS, "{\"serving\":true}" },
		{ " {\t\"command\" : \"status\" } \r\n", "{\"serving\":true}" },
		{ "{\"command\":\"nonce\"}\n", "{\"nonce\":\"0\"}" },
		{ "{\"command\":\"stop\"}\n", "no such command" },
		{ "{\"command\":\"\"}\n", "a request is one line" },
		{ "{\"command\":\"statusstatusstatusstatus\"}\n", "a request is one line" },
		{ "{\"command\":\"status\"} {}\n", "a request is one line" },
		{ "{\"command\":\"status\"\n", "a request is one line" },
		{ "{\"command\":1}\n", "a request is one line" },
		{ "{\"order\":\"status\"}\n", "a request is one line" },
		{ "{}\n", "a request is one line" }, { "[]\n", "a request is one line" },
		{ "\n", "a request is one line" }, { "GET / HTTP/1.1\r\n", "a request is" },
		{ "\xff\xfe%s%n\n", "a request is one line" },
	};
	struct bench *bench = *state;
	int fd;

	start(bench);
	fd = dial(bench);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_non_null(strstr(ask(fd, cases[i].request), cases[i].answer));
	hang_up(&fd);
}

static void
test_ways_to_send(void **state)
{
	struct bench *bench = *state;
	static const char nul[] = "{\"command\":\"status\"}\0\n";
	int fd;

	start(bench);
	fd = dial(bench);
	/* Two at once are answered in order; then one in pieces. */
	assert_string_equal(ask(fd, STATUS "{\"command\":\"nonce\"}\n"),
	    "{\"serving\":true}");
	assert_string_equal(hear(fd), "{\"nonce\":\"0\"}");
	say(fd, "{\"comm", 6);
	say(fd, "and\":", 5);
	assert_string_equal(ask(fd, "\"status\"}\n"), "{\"serving\":true}");
	say(fd, nul, sizeof(nul) - 1);
	assert_non_null(strstr(hear(fd), "a request is one line"));
	/* The end of what is sent ends a line, too. */
	say(fd, STATUS, strlen(STATUS) - 1);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_string_equal(hear(fd), "{\"serving\":true}");
	assert_string_equal(hear(fd), "");
	hang_up(&fd);
}

static void
test_endless_line(void **state)
{
	struct bench *bench = *state;
	char line[CONTROL_LINE_MAX];
	int fd;

	memset(line, '{', sizeof(line));
	start(bench);
	fd = dial(bench);
	say(fd, line, sizeof(line));
	assert_non_null(strstr(hear(fd), "at most 1023 bytes"));
	assert_string_equal(hear(fd), "");
	hang_up(&fd);
}

static void
test_slow_client(void **state)
{
	struct bench *bench = *state;
	int fd;

	bench->service.client_ms = 1;
	start(bench);
	fd = dial(bench);
	(void)send(fd, "{", 1, MSG_NOSIGNAL);
	assert_string_equal(hear(fd), "");
	hang_up(&fd);
}

static void
test_no_memory(void **state)
{
	struct bench *bench = *state;
	int fd;

	atomic_store(&bench->poor, true);
	start(bench);
	fd = dial(bench);
	assert_non_null(strstr(ask(fd, STATUS), "not enough memory"));
	atomic_store(&bench->poor, false);
	assert_string_equal(ask(fd, STATUS), "{\"serving\":true}");
	hang_up(&fd);
}

/* Whoever says nothing makes room; who waits for a reload does not. */
static void
test_crowd(void **state)
{
	struct bench *bench = *state;
	int silent[100], waits, fd;

	start(bench);
	waits = dial(bench);
	say(waits, RELOAD, strlen(RELOAD));
	while (atomic_load(&bench->reloads) == 0)
		(void)poll(NULL, 0, 1);
	for (int i = 0; i < 100; i++)
		silent[i] = dial(bench);
	fd = dial(bench);
	assert_string_equal(ask(fd, STATUS), "{\"serving\":true}");
	control_reload_begins(bench->control);
	control_reload_ended(bench->control, "{\"taken\":true}");
	assert_string_equal(hear(waits), "{\"taken\":true}");
	for (int i = 0; i < 100; i++)
		hang_up(&silent[i]);
	assert_string_equal(ask(fd, STATUS), "{\"serving\":true}");
	hang_up(&waits);
	hang_up(&fd);
}

/* What somebody who is neither root nor the daemon's user nor of its group hears. */
static void
ask_as_stranger(const struct bench *bench)
{
	int fd;

	if (getuid() == 0 && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 ||
	    setuid(NOBODY) != 0))
		_exit(2);
	fd = dial(bench);
	_exit(strstr(hear(fd), "only root") != NULL && hear(fd)[0] == '\0' ? 0 : 1);
}

/* Also where somebody has opened the socket's mode for all. */
static void
test_only_those_who_may(void **state)
{
	struct bench *bench = *state;
	int status;
	pid_t child;

	if (getuid() != 0)
		bench->service.user = getuid() + 1;
	bench->service.group = (gid_t)NOBODY + 1;
	assert_int_equal(chmod(bench->folder, 0711), 0);
	assert_int_equal(chmod(bench->address.sun_path, 0777), 0);
	child = fork();
	if (child == 0)
		ask_as_stranger(bench);
	start(bench);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ------------------------------------------------------------------ *
 * Reloads
 * ------------------------------------------------------------------ */

static void
await_reloads(struct bench *bench, int count)
{
	while (atomic_load(&bench->reloads) < count)
		(void)poll(NULL, 0, 1);
}

/* What was said behind a reload is obeyed after it, without another word. */
static void
test_request_behind_a_reload(void **state)
{
	struct bench *bench = *state;
	int fd;

	/* Where it is not, that is the end of the wait for the answer. */
	bench->service.client_ms = 10000;
	start(bench);
	fd = dial(bench);
	say(fd, RELOAD STATUS, strlen(RELOAD STATUS));
	await_reloads(bench, 1);
	control_reload_begins(bench->control);
	control_reload_ended(bench->control, "{\"taken\":true}");
	assert_string_equal(hear(fd), "{\"taken\":true}");
	assert_string_equal(hear(fd), "{\"serving\":true}");
	hang_up(&fd);
}

/* One that began before does not do for who asks after that. */
static void
test_reload_that_began_before(void **state)
{
	struct bench *bench = *state;
	struct pollfd early = { .events = POLLIN };
	int fd;

	start(bench);
	control_reload_begins(bench->control);
	fd = early.fd = dial(bench);
	say(fd, RELOAD, strlen(RELOAD));
	await_reloads(bench, 1);
	control_reload_ended(bench->control, "{\"taken\":false}");
	/* The thread has turned since: it answers somebody else. */
	for (int i = 0; i < 3; i++) {
		int other = dial(bench);

		assert_string_equal(ask(other, STATUS), "{\"serving\":true}");
		hang_up(&other);
	}
	assert_int_equal(poll(&early, 1, 0), 0);
	control_reload_begins(bench->control);
	control_reload_ended(bench->control, "{\"taken\":true}");
	assert_string_equal(hear(fd), "{\"taken\":true}");
	hang_up(&fd);
}

static void
test_reload_of_many(void **state)
{
	struct bench *bench = *state;
	int fds[8];

	start(bench);
	for (int i = 0; i < 8; i++) {
		fds[i] = dial(bench);
		say(fds[i], STATUS RELOAD, strlen(STATUS RELOAD));
		/* It is taken, and what is behind it is next. */
		assert_string_equal(hear(fds[i]), "{\"serving\":true}");
	}
	await_reloads(bench, 1);
	for (int i = 0; i < 8; i++) {
		int other = dial(bench);

		assert_string_equal(ask(other, STATUS), "{\"serving\":true}");
		hang_up(&other);
	}
	/* One request does for all that came before it began. */
	assert_int_equal(atomic_load(&bench->reloads), 1);
	hang_up(&fds[7]);
	control_reload_begins(bench->control);
	control_reload_ended(bench->control, "{\"taken\":true}");
	for (int i = 0; i < 7; i++) {
		assert_string_equal(hear(fds[i]), "{\"taken\":true}");
		assert_string_equal(ask(fds[i], STATUS), "{\"serving\":true}");
		hang_up(&fds[i]);
	}
}

static void
test_reload_that_cannot_be(void **state)
{
	struct bench *bench = *state;
	int fd;

	atomic_store(&bench->deaf, true);
	bench->service.reload_ms = 1;
	start(bench);
	fd = dial(bench);
	assert_non_null(strstr(ask(fd, RELOAD), "try again"));
	atomic_store(&bench->deaf, false);
	assert_non_null(strstr(ask(fd, RELOAD), "still under way"));
	assert_string_equal(hear(fd), "");
	hang_up(&fd);
	bench->service.reload_ms = 600000;
	control_reload_begins(NULL);
	control_reload_ended(NULL, NULL);
	assert_true(control_stop(NULL, 0));
}

static void
test_reload_without_memory(void **state)
{
	struct bench *bench = *state;
	int fd;

	start(bench);
	fd = dial(bench);
	say(fd, RELOAD, strlen(RELOAD));
	await_reloads(bench, 1);
	control_reload_begins(bench->control);
	control_reload_ended(bench->control, NULL);
	assert_non_null(strstr(hear(fd), "not enough memory"));
	hang_up(&fd);
}

static void
test_end(void **state)
{
	struct bench *bench = *state;
	int silent, waits;

	start(bench);
	silent = dial(bench);
	waits = dial(bench);
	say(waits, RELOAD, strlen(RELOAD));
	await_reloads(bench, 1);
	stop_bench(bench);
	assert_non_null(strstr(hear(waits), "ending"));
	assert_string_equal(hear(waits), "");
	hang_up(&silent);
	hang_up(&waits);
}

/* ------------------------------------------------------------------ *
 * The last hour
 * ------------------------------------------------------------------ */

static void
test_hour(void **state)
{
	static struct lately lately;
	uint32_t begin = 1000;

	(void)state;
	assert_int_equal(lately_count(&lately, POLICY_ACCEPT, begin), 0);
	assert_int_equal(lately_count(&lately, POLICY_ACCEPT, 3), 0);
	for (uint32_t minute = begin; minute < begin + 200; minute++) {
		for (uint32_t i = 0; i < 10; i++)
			lately_decision(&lately, POLICY_ACCEPT, minute);
		lately_decision(&lately, POLICY_REJECT, minute);
		assert_int_equal(lately_count(&lately, POLICY_ACCEPT, minute),
		    10 * (minute - begin < 60 ? minute - begin + 1 : 60));
	}
	assert_int_equal(lately_count(&lately, POLICY_REJECT, begin + 199), 60);
	assert_int_equal(lately_count(&lately, POLICY_TEMPFAIL, begin + 199), 0);
	assert_int_equal(lately_count(&lately, POLICY_REJECT, begin + 199 + 30), 30);
	assert_int_equal(lately_count(&lately, POLICY_REJECT, begin + 199 + 60), 0);
	/* After a night without mail. */
	lately_decision(&lately, POLICY_REJECT, begin + 2000);
	assert_int_equal(lately_count(&lately, POLICY_REJECT, begin + 2000), 1);
}

static void *
decide_much(void *lately)
{
	for (uint32_t i = 0; i < 100000; i++)
		lately_decision(lately, POLICY_ACCEPT, 5000 + i / 2000);
	return NULL;
}

static void
test_hour_of_threads(void **state)
{
	static struct lately lately;
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, decide_much, &lately), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(lately_count(&lately, POLICY_ACCEPT, 5049), 400000);
}

static void
test_mta(void **state)
{
	static struct lately lately;
	char name[LATELY_MTA_SIZE], longer[200] = "";

	(void)state;
	assert_int_equal(lately_mta(&lately, name), 0);
	assert_string_equal(name, "");
	lately_asked(&lately, "postfix", "Postfix 3.7.11", 5);
	assert_int_equal(lately_mta(&lately, name), 5);
	assert_string_equal(name, "Postfix 3.7.11");
	lately_asked(&lately, "sendmail", "8.17.1", 6);
	assert_int_equal(lately_mta(&lately, name), 6);
	assert_string_equal(name, "Sendmail 8.17.1");
	lately_asked(&lately, "postfix", NULL, 7);
	(void)lately_mta(&lately, name);
	assert_string_equal(name, "postfix");
	lately_asked(&lately, NULL, NULL, 8);
	(void)lately_mta(&lately, name);
	assert_string_equal(name, "");
	memset(longer, 'x', sizeof(longer) - 1);
	lately_asked(&lately, NULL, longer, 9);
	assert_int_equal(lately_mta(&lately, name), 9);
	assert_int_equal(strlen(name), LATELY_MTA_SIZE - 1);
}

int
main(int argc, char **argv)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_requests),
		TEST(test_ways_to_send),
		TEST(test_endless_line),
		TEST(test_slow_client),
		TEST(test_no_memory),
		TEST(test_crowd),
		TEST(test_only_those_who_may),
		TEST(test_request_behind_a_reload),
		TEST(test_reload_that_began_before),
		TEST(test_reload_of_many),
		TEST(test_reload_that_cannot_be),
		TEST(test_reload_without_memory),
		TEST(test_end),
		cmocka_unit_test(test_hour),
		cmocka_unit_test(test_hour_of_threads),
		cmocka_unit_test(test_mta),
	};

	return UNIT_RUN(argc, argv, tests);
}
