/*
 * postconf.c - what Postfix's configuration has to do with a policy: whether clients are
 * asked for certificates, and what it delivers with.
 *
 * postconf(1) is run without a shell. It leaves out the line of a parameter that its
 * Postfix does not have.
 *
 * SPDX-License-Identifier: ISC
 */

#include "settings/settings.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/tls_policy.h"
#include "base/buffer.h"

#define TIMEOUT_MS 5000
#define OUTPUT_MAX 65536
#define ARGUMENTS_MAX 12
#define ARGUMENT_SIZE 1024

/* Where it is when PATH, of a user other than root, does not lead to it. */
#define POSTCONF_PATH "/usr/sbin/postconf"

/* In the child. Does not return. */
static void
become_postconf(int out, const char *const *arguments)
{
	char *argv[ARGUMENTS_MAX + 2] = { (char[]){ "postconf" } };
	char words[ARGUMENTS_MAX][ARGUMENT_SIZE];
	int null = open("/dev/null", O_RDWR);

	for (size_t i = 0; arguments[i] != NULL && i < ARGUMENTS_MAX; i++) {
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
read_postconf(int fd, char *text, size_t size, int64_t deadline)
{
	size_t used = 0;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - clock_ms();
		ssize_t got;

		if (left <= 0 || left > TIMEOUT_MS || poll(&poll_fd, 1, (int)left) <= 0)
			return false;
		got = read(fd, text + used, size - used);
		if (got <= 0 || used + (size_t)got >= size) {
			text[used] = '\0';
			return got == 0;
		}
		used += (size_t)got;
	}
}

/* Waits for its end, which it may not come to by itself. */
static bool
ended_well(pid_t child, bool read_all, int64_t deadline)
{
	pid_t ended = 0;
	int status;

	while (read_all && (ended = waitpid(child, &status, WNOHANG)) == 0 &&
	    clock_ms() < deadline)
		(void)poll(NULL, 0, 1);
	if (ended == 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, &status, 0);
	}
	return ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
settings_run_postconf(const char *const *arguments, char *text, size_t size)
{
	int64_t deadline = clock_ms() + TIMEOUT_MS;
	bool read_all;
	int pipe_fds[2];
	pid_t child;

	if (pipe(pipe_fds) == -1)
		return false;
	(void)fcntl(pipe_fds[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(pipe_fds[1], F_SETFD, FD_CLOEXEC);
	if ((child = fork()) == 0)
		become_postconf(pipe_fds[1], arguments);
	(void)close(pipe_fds[1]);
	read_all = child != -1 && read_postconf(pipe_fds[0], text, size, deadline);
	(void)close(pipe_fds[0]);
	return child != -1 && ended_well(child, read_all, deadline);
}

static bool
run_postconf(const char *const *arguments, char text[OUTPUT_MAX])
{
	return settings_run_postconf(arguments, text, OUTPUT_MAX);
}

/*
 * The first line that postconf writes of a parameter: what it is in main.cf or by
 * default, with "-x" what that comes to where it hangs on others.
 */
static bool
ask_postconf(const char *name, const char *option, char text[OUTPUT_MAX])
{
	const char *const arguments[] = { "-h", option != NULL ? option : name,
	    option != NULL ? name : NULL, NULL };

	if (!run_postconf(arguments, text))
		return false;
	text[strcspn(text, "\r\n")] = '\0';
	return true;
}

static bool
postconf_says(const char *name, const char *option, const char *wanted)
{
	char text[OUTPUT_MAX];

	return ask_postconf(name, option, text) && strcmp(text, wanted) == 0;
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

/* ------------------------------------------------------------------ *
 * The Postfix that delivers
 * ------------------------------------------------------------------ */

/* What separates elements of Postfix's lists. */
#define ELEMENT_ENDS ", \t\r\n:"

/* Cuts the next element off. NULL: there is none. */
static char *
next_element(char **list)
{
	char *element = *list + strspn(*list, ELEMENT_ENDS);
	size_t length = strcspn(element, ELEMENT_ENDS);

	*list = element + length;
	if (**list != '\0')
		*(*list)++ = '\0';
	return length > 0 ? element : NULL;
}

/*
 * Adds the elements of a list of exclusions to the others. One that Postfix does not
 * take, or OpenSSL would not read, stays behind: it must not spoil a value.
 */
static void
add_exclusions(struct settings *settings, char *list)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_.+";
	char *to = settings->postfix_excluded;
	char *element;

	while ((element = next_element(&list)) != NULL) {
		size_t used = strlen(to);

		if (strchr("+-", element[0]) == NULL &&
		    element[strspn(element, letters)] == '\0' &&
		    used + strlen(element) + 2 <= sizeof(settings->postfix_excluded))
			(void)sprintf(to + used, "%s%s", used > 0 ? ":" : "", element);
	}
}

static const char *
known_digest(const char *name)
{
	static const char *const digests[] = { "md5", "sha1", "sha256", "sha384", "sha512" };

	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		if (strcasecmp(name, digests[i]) == 0)
			return digests[i];
	return NULL;
}

/* Bits of the protocols that smtp_tls_mandatory_protocols leaves out. */
static unsigned
refused_by(const char *list)
{
	unsigned left;

	/* What Postfix would not read it does not run with. */
	(void)policy_tls_protocols_left(list, &left);
	return ((1u << PROTOCOL_COUNT) - (1u << PROTOCOL_SSL)) & ~left;
}

/* What the mandatory ciphers are made of. */
struct grades {
	bool high;
	const char *high_list, *medium_list;
};

static void
take_parameter(struct settings *settings, struct grades *grades, const char *name,
    char *value)
{
	struct policy_postfix *postfix = &settings->postfix;

	if (strcmp(name, "mail_version") == 0)
		postfix->version = policy_postfix_version(value);
	else if (strcmp(name, "smtp_tls_fingerprint_digest") == 0)
		postfix->digest = known_digest(value);
	else if (strcmp(name, "smtp_tls_mandatory_protocols") == 0)
		postfix->refused = refused_by(value);
	else if (strcmp(name, "smtp_tls_mandatory_ciphers") == 0) {
		postfix->null_grade = strcasecmp(value, "null") == 0;
		grades->high = strcasecmp(value, "high") == 0;
	} else if (strcmp(name, "tls_high_cipherlist") == 0)
		grades->high_list = value;
	else if (strcmp(name, "tls_medium_cipherlist") == 0)
		grades->medium_list = value;
	else
		add_exclusions(settings, value);
}

/* Which suites are offered. Other grades than high and medium have at least as many. */
static void
take_grade(struct settings *settings, const struct grades *grades)
{
	struct buffer list = { .failed = false };
	char excluded[POSTFIX_EXCLUDED_MAX], *rest = excluded, *element;

	memcpy(excluded, settings->postfix_excluded, sizeof(excluded));
	buffer_string(&list, grades->high ? grades->high_list : grades->medium_list);
	while ((element = next_element(&rest)) != NULL)
		buffer_format(&list, ":!%s", element);
	if (list.length > 0 && !list.failed)
		policy_postfix_suites(&settings->postfix, list.text);
	buffer_free(&list);
}

struct policy_postfix
settings_ask_postfix(void *data)
{
	static const char *const arguments[] = { "-x", "mail_version",
	    "smtp_tls_fingerprint_digest", "smtp_tls_mandatory_protocols",
	    "smtp_tls_mandatory_ciphers", "smtp_tls_exclude_ciphers",
	    "smtp_tls_mandatory_exclude_ciphers", "tls_high_cipherlist",
	    "tls_medium_cipherlist", NULL };
	struct grades grades = { .high_list = "ALL", .medium_list = "ALL" };
	struct settings *settings = data;
	char text[OUTPUT_MAX], *rest = text, *line;
	bool asked = settings->mta != SETTINGS_MTA_SENDMAIL &&
	    run_postconf(arguments, text);

	settings->postfix = (struct policy_postfix){ .excluded = settings->postfix_excluded };
	settings->postfix_excluded[0] = '\0';
	while (asked && (line = strsep(&rest, "\n")) != NULL) {
		char *value = strchr(line, '=');

		if (value == NULL)
			continue;
		line[strcspn(line, " =")] = '\0';
		value++;
		take_parameter(settings, &grades, line, value + strspn(value, " "));
	}
	if (asked)
		take_grade(settings, &grades);
	return settings_policy_options(settings, 0).postfix;
}

/* What Postfix knows servers by, where outgoing rules pin them by something else. */
static void
check_digest(const struct settings *settings, const char *path,
    const struct policy_summary *summary, struct diags *diags)
{
	const struct policy_postfix postfix = settings_policy_options(settings, 0).postfix;

	if (postfix.digest != NULL && settings->mta != SETTINGS_MTA_SENDMAIL &&
	    ((summary->delivers_by_sha1 && strcmp(postfix.digest, "sha1") != 0) ||
	    (summary->delivers_by_sha256 && strcmp(postfix.digest, "sha256") != 0)))
		diags_add(diags, SEVERITY_WARNING, "postfix-settings", path, 0, 0, NULL, 0,
		    "Postfix knows servers by their %s digest (smtp_tls_fingerprint_digest), "
		    "which pins of outgoing rules by another digest never fit: set the one to "
		    "the other", postfix.digest);
}

/* Where mail goes that no server took as agreed: by the rule on that next hop, or none. */
static void
check_fallback(const struct settings *settings, const char *path,
    const struct policy *policy, struct diags *diags)
{
	const struct policy_options options = settings_policy_options(settings, 0);
	struct facts facts = FACTS_INIT;
	char text[OUTPUT_MAX], *rest = text;
	struct verdict verdict;

	if (settings->mta == SETTINGS_MTA_SENDMAIL ||
	    !ask_postconf("smtp_fallback_relay", "-x", text))
		return;
	facts.direction = "out";
	while ((facts.next_hop = strsep(&rest, ", \t")) != NULL)
		if (facts.next_hop[0] != '\0' &&
		    policy_decide(policy, &facts, &options, &verdict) == 0 &&
		    verdict.outcome[OUTCOME_FROM].rule == NULL)
			diags_add(diags, SEVERITY_WARNING, "postfix-settings", path, 0, 0, NULL,
			    0, "postconf says smtp_fallback_relay = %s: mail that a partner's "
			    "server does not take as agreed goes there, which has no rule: write "
			    "one on it (deliver), or set smtp_fallback_relay to nothing in main.cf",
			    facts.next_hop);
}

void
settings_check_postconf(const struct settings *settings, const char *path,
    const struct policy *policy, struct diags *diags)
{
	const char *said = NULL;
	struct policy_summary summary;

	policy_summarize(policy, &summary);
	check_digest(settings, path, &summary, diags);
	if (summary.deliver_rules > 0)
		check_fallback(settings, path, policy, diags);
	if (!summary.needs_certificate || settings->mta == SETTINGS_MTA_SENDMAIL)
		return;
	if (never_asks())
		said = "postconf says smtpd_tls_ask_ccert = no: Postfix asks no client for its "
		    "certificate, so that no session meets what the policy requires of "
		    "certificates; set it to yes in main.cf";
	else if (summary.needs_fingerprint &&
	    postconf_says("smtpd_tls_fingerprint_digest", "-x", "md5"))
		said = "postconf says smtpd_tls_fingerprint_digest = md5: Postfix reports "
		    "fingerprints that no pin can fit; set it to sha256 in main.cf";
	if (said != NULL)
		diags_add(diags, SEVERITY_WARNING, "postfix-settings", path, 0, 0, NULL, 0,
		    "%s", said);
}
