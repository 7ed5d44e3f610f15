/*
 * postconf.c - whether Postfix tells what a policy may require of certificates.
 *
 * Run without a shell, once for each parameter: postconf(1) leaves out the line of
 * one that its Postfix does not have.
 *
 * SPDX-License-Identifier: ISC
 */

#include "review/review.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#define TIMEOUT_MS 5000
#define OUTPUT_MAX 4096

/* Where it is when PATH, of a user other than root, does not lead to it. */
#define POSTCONF_PATH "/usr/sbin/postconf"

/* In the child. Does not return. */
static void
become_postconf(int out, const char *const *arguments)
{
	char *argv[8] = { (char[]){ "postconf" } }, words[7][128];
	int null = open("/dev/null", O_RDWR);

	for (size_t i = 0; arguments[i] != NULL && i + 2 < 8; i++) {
		(void)snprintf(words[i], sizeof(words[i]), "%s", arguments[i]);
		argv[i + 1] = words[i];
	}
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(out, STDOUT_FILENO) == -1 || dup2(null, STDERR_FILENO) == -1)
		_exit(127);
	(void)execvp(argv[0], argv);
	(void)execv(POSTCONF_PATH, argv);
	_exit(127);
}

static int64_t
clock_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads to the end. False: it took too long, or there is too much of it. */
static bool
read_postconf(int fd, char *text, int64_t deadline)
{
	size_t used = 0;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - clock_ms();
		ssize_t got;

		if (left <= 0 || left > TIMEOUT_MS || poll(&poll_fd, 1, (int)left) <= 0)
			return false;
		got = read(fd, text + used, OUTPUT_MAX - used);
		if (got <= 0 || used + (size_t)got >= OUTPUT_MAX) {
			text[used] = '\0';
			return got == 0;
		}
		used += (size_t)got;
	}
}

/* What postconf writes. False: it is not there, or did not do it. */
static bool
run_postconf(const char *const *arguments, char text[OUTPUT_MAX])
{
	int64_t deadline = clock_ms() + TIMEOUT_MS;
	int pipe_fds[2], status;
	bool read_all;
	pid_t child;

	if (pipe(pipe_fds) == -1)
		return false;
	(void)fcntl(pipe_fds[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(pipe_fds[1], F_SETFD, FD_CLOEXEC);
	if ((child = fork()) == 0)
		become_postconf(pipe_fds[1], arguments);
	(void)close(pipe_fds[1]);
	read_all = child != -1 && read_postconf(pipe_fds[0], text, deadline);
	(void)close(pipe_fds[0]);
	if (child == -1)
		return false;
	if (!read_all)
		(void)kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		return false;
	return read_all && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/*
 * Whether the first line that postconf writes is the wanted one: what a parameter is in
 * main.cf or by default, with "-x" what that comes to where it hangs on others.
 */
static bool
postconf_says(const char *name, const char *option, const char *wanted)
{
	const char *const arguments[] = { "-h", option != NULL ? option : name,
	    option != NULL ? name : NULL, NULL };
	char text[OUTPUT_MAX];

	if (!run_postconf(arguments, text))
		return false;
	text[strcspn(text, "\r\n")] = '\0';
	return strcmp(text, wanted) == 0;
}

static bool
is_set_to(const char *name, const char *wanted)
{
	return postconf_says(name, NULL, wanted);
}

/* Whether a service of master.cf has the value of its own: "smtp/inet/NAME = VALUE". */
static bool
is_in_a_service(const char *name, const char *value)
{
	char pattern[128], text[OUTPUT_MAX];
	const char *const arguments[] = { "-P", pattern, NULL };
	const char *at;
	size_t length = strlen(value);

	(void)snprintf(pattern, sizeof(pattern), "*/inet/%s", name);
	if (!run_postconf(arguments, text))
		return false;
	for (at = text; (at = strstr(at, name)) != NULL; at++) {
		const char *c = at + strlen(name);

		c += strspn(c, " ");
		if (*c++ != '=')
			continue;
		c += strspn(c, " ");
		if (strncmp(c, value, length) == 0 &&
		    (c[length] == '\n' || c[length] == '\0'))
			return true;
	}
	return false;
}

/*
 * Whether no client is asked for its certificate. smtpd_tls_req_ccert asks too, but
 * only where TLS is mandatory: else Postfix ignores it.
 */
static bool
never_asks(void)
{
	if (!is_set_to("smtpd_tls_ask_ccert", "no") ||
	    is_in_a_service("smtpd_tls_ask_ccert", "yes") ||
	    is_in_a_service("smtpd_tls_req_ccert", "yes"))
		return false;
	return !is_set_to("smtpd_tls_req_ccert", "yes") ||
	    !(is_set_to("smtpd_tls_security_level", "encrypt") ||
	    is_set_to("smtpd_enforce_tls", "yes"));
}

enum review_postconf
review_postconf(bool fingerprints)
{
	if (never_asks())
		return POSTCONF_NEVER_ASKS;
	if (fingerprints && postconf_says("smtpd_tls_fingerprint_digest", "-x", "md5"))
		return POSTCONF_MD5;
	return POSTCONF_FINE;
}
