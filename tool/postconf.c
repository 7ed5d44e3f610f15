/*
 * postconf.c - whether Postfix tells what a policy requires of certificates.
 *
 * Run without a shell, once for each parameter: postconf(1) leaves out the line of
 * one that its Postfix does not have.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/postconf.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/tool.h"
#include "base/diag.h"

#define TIMEOUT_MS 5000
#define OUTPUT_MAX 4096

/* Where it is when PATH, of a user other than root, does not lead to it. */
#define POSTCONF_PATH "/usr/sbin/postconf"

/* In the child. Does not return. */
static void
become_postconf(int out, const char *const *arguments)
{
	char *argv[8] = { (char[]){ "postconf" } };
	int null = open("/dev/null", O_RDWR);

	for (size_t i = 0; arguments[i] != NULL && i + 2 < 8; i++)
		if ((argv[i + 1] = strdup(arguments[i])) == NULL)
			_exit(127);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(out, STDOUT_FILENO) == -1 || dup2(null, STDERR_FILENO) == -1)
		_exit(127);
	(void)execvp(argv[0], argv);
	(void)execv(POSTCONF_PATH, argv);
	_exit(127);
}

/* Reads to the end. False: it took too long, or there is too much of it. */
static bool
read_output(int fd, char *text, int64_t deadline)
{
	size_t used = 0;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - tool_now_ms();
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
	int64_t deadline = tool_now_ms() + TIMEOUT_MS;
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
	read_all = child != -1 && read_output(pipe_fds[0], text, deadline);
	(void)close(pipe_fds[0]);
	if (child == -1)
		return false;
	if (!read_all)
		(void)kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		return false;
	return read_all && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Whether the first line that postconf writes is this one. */
static bool
says(const char *const *arguments, const char *wanted)
{
	char text[OUTPUT_MAX];

	if (!run_postconf(arguments, text))
		return false;
	text[strcspn(text, "\r\n")] = '\0';
	return strcmp(text, wanted) == 0;
}

/* Whether a parameter has that value in main.cf, or by default. */
static bool
is(const char *name, const char *wanted)
{
	const char *const arguments[] = { "-h", name, NULL };

	return says(arguments, wanted);
}

/* The same of what the value comes to: the default hangs on compatibility_level. */
static bool
comes_to(const char *name, const char *wanted)
{
	const char *const arguments[] = { "-h", "-x", name, NULL };

	return says(arguments, wanted);
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
	if (!is("smtpd_tls_ask_ccert", "no") ||
	    is_in_a_service("smtpd_tls_ask_ccert", "yes") ||
	    is_in_a_service("smtpd_tls_req_ccert", "yes"))
		return false;
	return !is("smtpd_tls_req_ccert", "yes") ||
	    !(is("smtpd_tls_security_level", "encrypt") ||
	    is("smtpd_enforce_tls", "yes"));
}

void
postconf_check(const struct settings *settings, const struct policy *policy,
    const char *path, struct diags *diags)
{
	struct policy_summary summary;

	policy_summarize(policy, &summary);
	if (!summary.needs_certificate || settings->mta == SETTINGS_MTA_SENDMAIL)
		return;
	if (never_asks())
		diags_add(diags, SEVERITY_WARNING, NULL, path, 0, 0, NULL, 0,
		    "postconf says smtpd_tls_ask_ccert = no: Postfix asks no client for "
		    "its certificate, so that no session meets what the policy requires "
		    "of certificates; set it to yes in main.cf");
	else if (summary.needs_fingerprint &&
	    comes_to("smtpd_tls_fingerprint_digest", "md5"))
		diags_add(diags, SEVERITY_WARNING, NULL, path, 0, 0, NULL, 0,
		    "postconf says smtpd_tls_fingerprint_digest = md5: Postfix reports "
		    "fingerprints that no pin can fit; set it to sha256 in main.cf");
}
