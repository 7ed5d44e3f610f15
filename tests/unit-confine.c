/*
 * unit-confine.c - what the daemon's processes can still do, tried from inside.
 *
 * Each attempt is made in a child that has become the daemon's user, as far as root
 * runs the tests, and has confined itself as the supervisor, or as a worker of one.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "milter/confine.h"
#include "milter/privileges.h"
#include "base/file.h"

/* How an attempt ends, other than with an errno; 0 is that it succeeds. */
enum { KILLED = 1000, NOT_CONFINED = 200, NOT_SO = 201 };

/* 0, or the errno of what has failed. */
typedef int attempt(void);

static int
outcome(long result)
{
	return result == -1 ? errno : 0;
}

static bool
become_user(void)
{
	char user[] = "nobody", error[PRIVILEGES_ERROR_MAX];
	struct settings settings = { .user = user };
	struct identity identity;

	return identity_resolve(&settings, &identity, error) &&
	    privileges_drop(&identity, error);
}

/* That may be connected to, or NULL. */
static const struct sockaddr *service;

/* A worker is forked by a supervisor that is confined already. */
static bool
become(enum confine_role role)
{
	char error[CONFINE_ERROR_MAX];

	if (!become_user() || !confine_process(CONFINE_SUPERVISOR, service, error))
		return false;
	return role == CONFINE_SUPERVISOR || confine_process(role, service, error);
}

static int
try_as(enum confine_role role, attempt *what)
{
	pid_t child;
	int status;

	(void)fflush(NULL);
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0)
		_exit(become(role) ? what() : NOT_CONFINED);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
	return WEXITSTATUS(status);
}

static void
assert_both(attempt *what, int expected)
{
	assert_int_equal(try_as(CONFINE_SUPERVISOR, what), expected);
	assert_int_equal(try_as(CONFINE_WORKER, what), expected);
}

/* ------------------------------------------------------------------ *
 * Files
 * ------------------------------------------------------------------ */

static int
read_shadow(void)
{
	return outcome(open("/etc/shadow", O_RDONLY | O_CLOEXEC));
}

static int
read_passwd(void)
{
	return outcome(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static void
test_secret_files(void **state)
{
	(void)state;
	assert_both(read_shadow, EACCES);
	assert_both(read_passwd, 0);
}

static char fifo[64];

static int
read_fifo(void)
{
	struct file file;

	return file_read(fifo, 100, false, &file) == FILE_UNREADABLE ? errno : 0;
}

/* A policy that is one: nobody writing to it is an error, not a policy without a rule. */
static void
test_fifo(void **state)
{
	char folder[] = "/tmp/unit-confine.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chmod(folder, 0755), 0);
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	assert_int_equal(mkfifo(fifo, 0644), 0);
	assert_both(read_fifo, ETIMEDOUT);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* ------------------------------------------------------------------ *
 * Programs and processes
 * ------------------------------------------------------------------ */

static int
run_program(void)
{
	char name[] = "/bin/true";
	char *const arguments[] = { name, NULL };

	return outcome(execve(name, arguments, arguments + 1));
}

/* By a descriptor: fexecve(3). */
static int
run_opened_program(void)
{
	char name[] = "/bin/true";
	char *const arguments[] = { name, NULL };
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	return outcome(syscall(SYS_execveat, fd, "", arguments, arguments + 1,
	    AT_EMPTY_PATH));
}

static int
trace(void)
{
	return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
look_into_parent(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &byte, 1 };

	return outcome(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static void
test_programs(void **state)
{
	(void)state;
	assert_both(run_program, CONFINE_SANITIZED ? ENOSYS : KILLED);
	assert_both(run_opened_program, CONFINE_SANITIZED ? ENOSYS : KILLED);
	if (CONFINE_SANITIZED)
		return;
	assert_both(trace, KILLED);
	assert_both(look_into_parent, KILLED);
}

static int
start_process(void)
{
	pid_t child = fork();
	int status;

	if (child == -1)
		return errno;
	if (child == 0)
		_exit(0);
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : NOT_SO;
}

static int
signal_parent(void)
{
	return outcome(kill(getppid(), 0));
}

static int
signal_oneself(void)
{
	return outcome(kill(getpid(), 0));
}

static void
test_processes(void **state)
{
	(void)state;
	/* Where the system forbids it on top: root has made the parent. */
	int parent = geteuid() == 0 ? EPERM : 0;

	assert_int_equal(try_as(CONFINE_SUPERVISOR, start_process), 0);
	assert_int_equal(try_as(CONFINE_SUPERVISOR, signal_parent), parent);
	assert_int_equal(try_as(CONFINE_WORKER, signal_parent), ENOSYS);
	assert_both(signal_oneself, 0);
	if (!CONFINE_SANITIZED)
		assert_int_equal(try_as(CONFINE_WORKER, start_process), ENOSYS);
}

static void *
do_nothing(void *argument)
{
	return argument;
}

static int
start_thread(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, do_nothing, NULL);

	return error != 0 ? error : pthread_join(thread, NULL);
}

/* The whole process has got the filter, not this thread alone. */
static void *
socket_in_thread(void *argument)
{
	*(int *)argument = outcome(socket(AF_INET, SOCK_STREAM, 0));
	return NULL;
}

static int
use_socket_in_thread(void)
{
	pthread_t thread;
	int result = NOT_SO;
	int error = pthread_create(&thread, NULL, socket_in_thread, &result);

	return error != 0 ? error : (error = pthread_join(thread, NULL)) != 0 ? error : result;
}

static void
test_threads(void **state)
{
	(void)state;
	assert_both(start_thread, 0);
	if (CONFINE_SEES_SOCKETS)
		assert_both(use_socket_in_thread, EPERM);
}

/* ------------------------------------------------------------------ *
 * Sockets
 * ------------------------------------------------------------------ */

static const struct sockaddr_in elsewhere = { .sin_family = AF_INET, .sin_port = 0x1900 };

static int
call_elsewhere(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd == -1 ? errno : outcome(connect(fd, (const struct sockaddr *)&elsewhere,
	    sizeof(elsewhere)));
}

static int
send_elsewhere(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd == -1 ? errno : 0;
}

static int
ask_kernel(void)
{
	return outcome(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
open_unix(void)
{
	return outcome(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/* A socket that there is already cannot be made to listen. */
static int
listen_anew(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return outcome(listen(fd, 1));
}

/* Nor can sending connect it. */
static int
send_fast(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return outcome(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
	    (const struct sockaddr *)&elsewhere, sizeof(elsewhere)));
}

/* Made before: a listener, and a connection to it. */
static int listener = -1, connection = -1;

static bool
make_connection(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(here);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return listener != -1 && connection != -1 &&
	    bind(listener, (const struct sockaddr *)&here, size) == 0 &&
	    listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&here, &size) == 0 &&
	    connect(connection, (const struct sockaddr *)&here, size) == 0;
}

/* Lets the connection go, and makes it anew. */
static int
connect_anew(void)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct sockaddr_in here;
	socklen_t size = sizeof(here);

	if (getsockname(listener, (struct sockaddr *)&here, &size) != 0 ||
	    connect(connection, &nobody, sizeof(nobody)) != 0)
		return NOT_SO;
	return outcome(connect(connection, (const struct sockaddr *)&here, size));
}

static void
test_connection(void **state)
{
	(void)state;
	/* This asks for Landlock's version; from 4 on it knows TCP. */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 4)
		skip();
	assert_true(make_connection());
	assert_both(connect_anew, EACCES);
	(void)close(connection);
	(void)close(listener);
}

static int
call_service(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int failed = fd == -1 ? errno : outcome(connect(fd, service,
	    sizeof(struct sockaddr_in)));

	return failed == EINPROGRESS ? 0 : failed;
}

static int
send_somewhere(void)
{
	return outcome(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int
listen_somewhere(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd == -1 ? ENOTSOCK : outcome(listen(fd, 1));
}

/* The one service that is asked, and with Landlock no other. */
static void
test_service(void **state)
{
	struct sockaddr_in here;
	socklen_t size = sizeof(here);

	(void)state;
	assert_true(make_connection());
	assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &size), 0);
	service = (struct sockaddr *)&here;
	assert_both(call_service, 0);
	if (CONFINE_SEES_SOCKETS) {
		assert_both(send_somewhere, ENOSYS);
		assert_both(send_elsewhere, ENOSYS);
		assert_both(ask_kernel, ENOSYS);
	}
	assert_both(listen_somewhere, ENOSYS);
	assert_both(open_unix, 0);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 4)
		assert_both(call_elsewhere, EACCES);
	service = NULL;
	(void)close(connection);
	(void)close(listener);
}

static void
test_sockets(void **state)
{
	(void)state;
	assert_both(open_unix, 0);
	assert_both(listen_anew, ENOSYS);
	if (!CONFINE_SEES_SOCKETS)
		return;
	assert_both(call_elsewhere, EPERM);
	assert_both(send_elsewhere, EPERM);
	assert_both(ask_kernel, EPERM);
	assert_both(send_fast, ENOSYS);
}

/* ------------------------------------------------------------------ *
 * The rest
 * ------------------------------------------------------------------ */

/* What no process of a milter has to do with, by number: 0 where it is denied. */
static int
ask_for_much(void)
{
	static const long numbers[] = { SYS_mount, SYS_umount2, SYS_chroot, SYS_pivot_root,
	    SYS_unshare, SYS_setns, SYS_bpf, SYS_perf_event_open, SYS_keyctl, SYS_add_key,
	    SYS_userfaultfd, SYS_init_module, SYS_finit_module, SYS_kexec_load, SYS_reboot,
	    SYS_setuid, SYS_setresuid, SYS_setgroups, SYS_capset, SYS_personality,
	    SYS_symlinkat, SYS_linkat, SYS_mknodat, SYS_fchmodat, SYS_setrlimit, SYS_quotactl,
	    SYS_clock_settime, SYS_settimeofday, SYS_sethostname, SYS_swapon, SYS_acct,
	    SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_kcmp, SYS_clone3 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (syscall(numbers[i], 0, 0, 0, 0, 0, 0) != -1 || errno != ENOSYS)
			return NOT_SO;
	return 0;
}

static int
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return NOT_SO;
	return outcome(setrlimit(RLIMIT_NOFILE, &limit));
}

/* As PCRE2 does for its expressions. */
static int
make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int
be_nicer(void)
{
	return outcome(setpriority(PRIO_PROCESS, 0, 19));
}

static int
slow_parent(void)
{
	return outcome(setpriority(PRIO_PROCESS, (id_t)getppid(), 10));
}

static void
test_rest(void **state)
{
	(void)state;
	assert_both(ask_for_much, 0);
	assert_both(raise_limit, ENOSYS);
	assert_both(make_code, 0);
	assert_both(be_nicer, 0);
	assert_both(slow_parent, ENOSYS);
}

/* What the kernel says of the process: 0 where all is given up. */
static int
look_at_status(void)
{
	static const char *const lines[] = { "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
	    "CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n",
	    "CapEff:\t0000000000000000\n", "CapAmb:\t0000000000000000\n" };
	char text[8192];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		return NOT_SO;
	text[length] = '\0';
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr(text, lines[i]) == NULL)
			return NOT_SO;
	return 0;
}

static void
test_status(void **state)
{
	(void)state;
	assert_both(look_at_status, 0);
}

/* A confined worker cannot make itself a supervisor again. */
static int
confine_again(void)
{
	char error[CONFINE_ERROR_MAX];

	return confine_process(CONFINE_SUPERVISOR, service, error) ? 0 :
	    strstr(error, "confine no") != NULL ? ECANCELED : NOT_SO;
}

static void
test_filters(void **state)
{
	(void)state;
	if (!CONFINE_SANITIZED)
		assert_int_equal(try_as(CONFINE_WORKER, confine_again), ECANCELED);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret_files),
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_filters),
	};

	if (!confine_is_built()) {
		(void)puts("built without libseccomp");
		return 77;
	}
	return UNIT_RUN(argc, argv, tests);
}
