/*
 * confine.h - what a process of the daemon may still ask of the kernel.
 *
 * seccomp(2), by libseccomp: no other program is run, no socket made but for the
 * system's log and one service that is asked, nobody's memory looked into. Which files
 * can be opened is for the user to say that the daemon has become: a filter sees no
 * names. From Linux 6.7 on Landlock keeps TCP sockets that are there
 * from connecting anew.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_CONFINE_H
#define TLSWARD_MILTER_CONFINE_H

#include <stdbool.h>
#include <sys/syscall.h>

#define CONFINE_ERROR_MAX 256

/*
 * Whether this build has sanitizers, which look for leaks by a process that traces the
 * others: that is allowed then.
 */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONFINE_SANITIZED true
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_SANITIZED true
#endif
#ifndef CONFINE_SANITIZED
#define CONFINE_SANITIZED false
#endif

/*
 * Whether a filter sees the arguments of sockets' calls: their family, and flags. Where a C
 * library makes them by socketcall(2), as on i386, they are in memory, and all sockets may
 * be made.
 */
#ifdef SYS_socketcall
#define CONFINE_SEES_SOCKETS 0
#else
#define CONFINE_SEES_SOCKETS 1
#endif

/*
 * A worker inherits what its supervisor is confined to, and is confined to less: it
 * starts threads, and no process; it sends signals to nobody but itself.
 */
enum confine_role { CONFINE_SUPERVISOR, CONFINE_WORKER };

struct sockaddr;

/* Whether this build can confine at all. */
bool confine_is_built(void);

/*
 * Confines the calling process, which has one thread, for good, with all that it forks,
 * and sees to it that it gains no privileges by running a program. What is not allowed
 * fails with ENOSYS, as on a kernel that has no such call; a socket of another family with
 * EPERM; running a program and looking into another process end the process by SIGSYS.
 * To "service" (NULL: there is none; the same for both roles) it may connect: where that is
 * on TCP, to others of that family too, or, with Landlock, to that port alone. False with
 * the reason in "error", of CONFINE_ERROR_MAX bytes; true without doing anything where
 * confine_is_built() is false.
 */
bool confine_process(enum confine_role role, const struct sockaddr *service, char *error);

#endif
