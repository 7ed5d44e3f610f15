/*
 * confine.c - what a process of the daemon may still ask of the kernel.
 *
 * Calls are named, not numbered: libseccomp knows which of them a machine has, and
 * passes over those that it has not.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/confine.h"

#ifndef TLSWARD_SECCOMP

bool
confine_is_built(void)
{
	return false;
}

bool
confine_process(enum confine_role role, const struct sockaddr *service, char *error)
{
	(void)role;
	(void)service;
	error[0] = '\0';
	return true;
}

#else
#include <errno.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * A call that nobody thought of must not lose mail: the next C library may make one,
 * and does without it where the kernel says that it does not know it. EPERM it would
 * believe. -DCONFINE_OTHERWISE=SCMP_ACT_KILL_PROCESS finds such calls, in tests.
 */
#ifndef CONFINE_OTHERWISE
#define CONFINE_OTHERWISE SCMP_ACT_ERRNO(ENOSYS)
#endif

/* clone(2) has its flags first, but for this machine. */
#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif
#define CLONE_NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
    CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/*
 * What the worker needs. Memory may become code, for PCRE2 compiles expressions.
 */
static const char *const needed[] = {
	/* memory; two machines must be told of code that was written there */
	"brk", "cacheflush", "madvise", "memfd_create", "mmap", "mmap2", "mprotect",
	"mremap", "munmap", "riscv_flush_icache",
	/* threads, their signals, the end */
	"exit", "exit_group", "futex", "futex_time64", "getpid", "gettid", "membarrier",
	"restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
	"sched_getaffinity", "sched_yield", "set_robust_list", "sigaltstack", "sigreturn",
	/* who one is, and when */
	"clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "getcpu", "getegid", "getegid32",
	"geteuid", "geteuid32", "getgid", "getgid32", "getppid", "getpriority",
	"getrandom", "getrlimit", "getrusage", "gettimeofday", "getuid", "getuid32",
	"nanosleep", "sysinfo", "time", "times", "ugetrlimit", "uname",
	/* files: the policy, the log, SQLite's */
	"_llseek", "access", "close", "close_range", "dup", "dup2", "dup3", "faccessat",
	"faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fchmod", "fchown",
	"fchown32", "fcntl", "fcntl64", "fdatasync", "fstat", "fstat64", "fstatat64",
	"fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "getcwd", "getdents",
	"getdents64", "lseek", "lstat", "lstat64", "newfstatat", "open", "openat",
	"pread64", "preadv", "pwrite64", "pwritev", "read", "readlink", "readlinkat",
	"readv", "rename", "renameat", "renameat2", "stat", "stat64", "statfs",
	"statfs64", "statx", "truncate", "truncate64", "umask", "unlink", "unlinkat",
	"write", "writev",
	/* waiting */
	"_newselect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "eventfd2", "pipe", "pipe2", "poll", "ppoll",
	"ppoll_time64", "pselect6", "pselect6_time64", "select",
	/* sockets: those that are there, and the system's log */
	"accept", "accept4", "connect", "getpeername", "getsockname", "getsockopt",
	"recv", "recvfrom", "recvmsg", "send", "sendfile", "sendfile64", "setsockopt",
	"shutdown",
};

/* What the supervisor needs beside: workers. They confine themselves to less. */
static const char *const supervising[] = {
	"kill", "prctl", "seccomp", "setsid", "signalfd4", "socketpair", "tgkill",
	"wait4", "waitid", "waitpid",
};

static const char *const sanitizing[] = {
	"clone", "mkdir", "prctl", "process_vm_readv", "ptrace", "tgkill", "wait4",
};

/* What only somebody asks for who has taken a process over. */
static const char *const fatal[] = {
	"execve", "execveat", "process_vm_readv", "process_vm_writev", "ptrace",
};

/* An argument that is so, and one of whose bits those of "mask" are so. */
#define IS(number, value) \
    { .arg = (number), .op = SCMP_CMP_EQ, .datum_a = (value) }
#define HAS(number, mask, value) \
    { .arg = (number), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value) }

/* What is allowed with such arguments alone. */
struct limited {
	const char *name;
	struct scmp_arg_cmp where[2];
	unsigned count;
};

static const struct limited limited[] = {
	{ "socket", { IS(0, AF_UNIX) }, CONFINE_SEES_SOCKETS },
	/* With this flag they connect, too. */
	{ "sendto", { HAS(3, MSG_FASTOPEN, 0) }, CONFINE_SEES_SOCKETS },
	{ "sendmsg", { HAS(2, MSG_FASTOPEN, 0) }, CONFINE_SEES_SOCKETS },
	{ "ioctl", { IS(1, TCGETS) }, 1 },
	{ "ioctl", { IS(1, FIONREAD) }, 1 },
	{ "ioctl", { IS(1, FIONBIO) }, 1 },
	{ "setpriority", { IS(0, PRIO_PROCESS), IS(1, 0) }, 2 },
	/* One's own limits are read, not set. */
	{ "prlimit64", { IS(0, 0), IS(2, 0) }, 2 },
};

static const struct limited supervising_limited[] = {
	{ "clone", { HAS(CLONE_FLAGS, CLONE_NAMESPACES, 0) }, 1 },
};

static const struct limited working_limited[] = {
	{ "clone", { HAS(CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD) }, 1 },
	{ "prctl", { IS(0, PR_SET_NAME) }, 1 },
};

/* What is being put together. "error" is the first one, as libseccomp returns it. */
struct filter {
	scmp_filter_ctx context;
	int error;
};

/*
 * A name that libseccomp has not heard of is passed over: the call stays forbidden.
 * What happens otherwise it does not take as a rule.
 */
static void
filter_add(struct filter *filter, uint32_t action, const char *name, unsigned count,
    const struct scmp_arg_cmp *where)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number != __NR_SCMP_ERROR && action != CONFINE_OTHERWISE && filter->error == 0)
		filter->error = seccomp_rule_add_array(filter->context, action, number,
		    count, where);
}

static void
filter_add_all(struct filter *filter, uint32_t action, const char *const *names,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		filter_add(filter, action, names[i], 0, NULL);
}
#define FILTER_ADD_ALL(filter, action, names) \
    filter_add_all(filter, action, names, sizeof(names) / sizeof((names)[0]))

static void
filter_limit(struct filter *filter, const struct limited *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		filter_add(filter, SCMP_ACT_ALLOW, calls[i].name, calls[i].count,
		    calls[i].where);
}
#define FILTER_LIMIT(filter, calls) \
    filter_limit(filter, calls, sizeof(calls) / sizeof((calls)[0]))

/* Of the worker's. */
static void
filter_add_own_signals(struct filter *filter)
{
	const struct scmp_arg_cmp own = IS(0, (scmp_datum_t)getpid());

	filter_add(filter, SCMP_ACT_ALLOW, "kill", 1, &own);
	filter_add(filter, SCMP_ACT_ALLOW, "tgkill", 1, &own);
}

/* On TCP: others are found by their path. */
static bool
is_on_tcp(const struct sockaddr *service)
{
	return service != NULL && service->sa_family != AF_UNIX;
}

/* libseccomp takes no rule for all families but two. */
static void
filter_families(struct filter *filter, const struct sockaddr *service)
{
	const struct scmp_arg_cmp other = {
		.arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX
	};
	const struct scmp_arg_cmp stream[] = {
		IS(0, is_on_tcp(service) ? service->sa_family : AF_UNIX),
		HAS(1, 0xF, SOCK_STREAM)
	};

	if (is_on_tcp(service))
		filter_add(filter, SCMP_ACT_ALLOW, "socket", 2, stream);
	else
		filter_add(filter, SCMP_ACT_ERRNO(EPERM), "socket", 1, &other);
}

static void
filter_deny(struct filter *filter)
{
	/* Its flags cannot be seen; libraries take clone(2) then. */
	filter_add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
	if (CONFINE_SANITIZED)
		FILTER_ADD_ALL(filter, SCMP_ACT_ALLOW, sanitizing);
	else
		FILTER_ADD_ALL(filter, SCMP_ACT_KILL_PROCESS, fatal);
}

static void
filter_load(struct filter *filter, enum confine_role role,
    const struct sockaddr *service)
{
	FILTER_ADD_ALL(filter, SCMP_ACT_ALLOW, needed);
	FILTER_LIMIT(filter, limited);
	if (role == CONFINE_SUPERVISOR) {
		FILTER_ADD_ALL(filter, SCMP_ACT_ALLOW, supervising);
		FILTER_LIMIT(filter, supervising_limited);
	} else {
		FILTER_LIMIT(filter, working_limited);
		filter_add_own_signals(filter);
	}
	if (CONFINE_SEES_SOCKETS)
		filter_families(filter, service);
	filter_deny(filter);
	/* As a tree: a call is looked up in a few steps. */
	if (filter->error == 0)
		filter->error = seccomp_attr_set(filter->context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* This sets no_new_privs, too. */
	if (filter->error == 0)
		filter->error = seccomp_load(filter->context);
}

/*
 * seccomp cannot see whether a connection that is there already is let go, and made
 * anew to elsewhere. Linux 6.7 can, by Landlock; an older one does without that.
 */
static void
forbid_tcp(const struct sockaddr *service)
{
#ifdef SYS_landlock_create_ruleset
	/* struct landlock_ruleset_attr, of which older headers have the first member. */
	enum { BIND = 1 << 0, CONNECT = 1 << 1, RULE_NET_PORT = 2 };
	const struct {
		uint64_t access_fs, access_net;
	} ruleset = { 0, BIND | CONNECT };
	struct {
		uint64_t allowed, port;
	} rule = { CONNECT, 0 };
	int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);

	if (fd == -1)
		return;
	if (is_on_tcp(service)) {
		/* At the same place in both families. */
		rule.port = ntohs(((const struct sockaddr_in *)(const void *)service)->sin_port);
		(void)syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &rule, 0);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		(void)syscall(SYS_landlock_restrict_self, fd, 0);
	(void)close(fd);
#endif
}

bool
confine_is_built(void)
{
	return true;
}

bool
confine_process(enum confine_role role, const struct sockaddr *service, char *error)
{
	struct filter filter = { .context = seccomp_init(CONFINE_OTHERWISE) };

	/* A worker has this from its supervisor. */
	if (role == CONFINE_SUPERVISOR)
		forbid_tcp(service);
	if (filter.context == NULL)
		filter.error = -ENOMEM;
	else
		filter_load(&filter, role, service);
	seccomp_release(filter.context);
	if (filter.error == 0)
		return true;
	(void)snprintf(error, CONFINE_ERROR_MAX, "seccomp: the process cannot be confined:"
	    " %s; \"confine no\" does without", strerror(-filter.error));
	return false;
}

#endif
