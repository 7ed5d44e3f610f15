/*
 * daemon.c - from the command line to a process that serves.
 *
 * The order matters: what can be wrong with settings, policy and socket is found
 * out while there is still somebody to tell, and as the user that the daemon will
 * be; root is given up before anything that came from a network is looked at.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/file.h"
#include "lint/lint.h"
#include "milter/confine.h"

#define PID_FILE_MAX 64

static void say_error(const struct daemon *daemon, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says it where a person may be looking, and in the log. */
static void
say_text(const struct daemon *daemon, enum severity severity, const char *text)
{
	log_message(NULL, severity, "%s", text);
	if (daemon->log != NULL && daemon->settings->log != SETTINGS_LOG_STDERR)
		log_message(daemon->log, severity, "%s", text);
}

static void
say_error(const struct daemon *daemon, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	say_text(daemon, SEVERITY_ERROR, text);
}

/* What is done as the user that the daemon will be. "diags" may be NULL. */
typedef void user_function(struct daemon *daemon, struct diags *diags);

/*
 * Does that, so that what only root could read or write is found out now. Keeps errno.
 * False where the process cannot become the user, or root again.
 */
static bool
act_as_user(struct daemon *daemon, user_function *act, struct diags *diags)
{
	char error[PRIVILEGES_ERROR_MAX];
	bool done = false;
	int saved = 0;

	if (identity_assume(&daemon->identity, error)) {
		act(daemon, diags);
		saved = errno;
		done = identity_resume(&daemon->identity, error);
	}
	if (!done)
		say_error(daemon, "%s", error);
	errno = saved;
	return done;
}

/* The same for what finds something, which is said. False where it is an error. */
static bool
look_as_user(struct daemon *daemon, user_function *look)
{
	struct diags *diags = diags_new();
	bool fine;

	if (diags == NULL) {
		say_error(daemon, "not enough memory");
		return false;
	}
	fine = act_as_user(daemon, look, diags) && diags_errors(diags) == 0;
	diags_print(diags, false, stderr);
	if (daemon->log != NULL && daemon->settings->log != SETTINGS_LOG_STDERR)
		load_log_diags(daemon->log, diags);
	diags_free(&diags);
	return fine;
}

/* Before there is a user: as whoever has started it. */
static void
daemon_load_settings(struct daemon *daemon, struct diags *diags)
{
	if (settings_load(daemon->settings_path, &daemon->settings, diags) !=
	    SETTINGS_LOADED && diags_errors(diags) == 0)
		say_error(daemon, "cannot read the settings %s", daemon->settings_path);
}

static bool
read_settings(struct daemon *daemon)
{
	return look_as_user(daemon, daemon_load_settings) && daemon->settings != NULL;
}

static void
read_policy(struct daemon *daemon, struct diags *diags)
{
	(void)load_timed(&daemon->loaded, daemon->settings, daemon->settings_path, -1,
	    diags);
}

/* Gives the user what root has made, and closes it. */
static void
give_to_user(const struct daemon *daemon, int fd, const char *what, const char *path)
{
	if (fd == -1 || fchown(fd, daemon->identity.uid, daemon->identity.gid) != 0)
		say_error(daemon, "cannot give %s %s to user %s: %s", what, path,
		    daemon->identity.user, strerror(errno));
	if (fd != -1)
		(void)close(fd);
}

/*
 * Creates the log file where the user may not, and gives it to the user. What is
 * there already is left alone: root must not be led to a file by somebody's link.
 */
static void
create_log(const struct daemon *daemon)
{
	int fd = open(daemon->settings->log_path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);

	if (fd != -1)
		give_to_user(daemon, fd, "the log", daemon->settings->log_path);
}

static void
try_log(struct daemon *daemon, struct diags *unused)
{
	const char *path = daemon->settings->log_path;

	(void)unused;
	daemon->log = log_open(daemon->settings, daemon->foreground);
	if (daemon->log != NULL && path != NULL && !settings_can_make(path))
		log_message(daemon->log, SEVERITY_WARNING, "user %s cannot write to the"
		    " folder of the log %s: when it is renamed, it must be created anew"
		    " for the user (logrotate's \"create\")",
		    daemon->identity.user, path);
}

/* Opened as the user: the daemon must be able to open it again. */
static bool
open_log_as_user(struct daemon *daemon)
{
	const char *path = daemon->settings->log_path;

	if (daemon->settings->log == SETTINGS_LOG_STDERR && !daemon->foreground) {
		say_error(daemon, "log stderr needs -f: in the background there is none");
		return false;
	}
	if (!act_as_user(daemon, try_log, NULL))
		return false;
	if (daemon->log == NULL && errno == EACCES && daemon->identity.change) {
		create_log(daemon);
		if (!act_as_user(daemon, try_log, NULL))
			return false;
	}
	if (daemon->log == NULL)
		say_error(daemon, "cannot open the log%s%s as user %s: %s",
		    path != NULL ? " " : "", path != NULL ? path : "",
		    daemon->identity.user, strerror(errno));
	return daemon->log != NULL;
}

/* A host without a system's log: mail goes on, and its records are nowhere but in the journal. */
static void
check_syslog(const struct daemon *daemon)
{
	if (!log_is_heard(daemon->log))
		log_message(NULL, SEVERITY_WARNING, "no syslog: nobody listens on /dev/log (%s), "
		    "and what is logged is lost: set \"log file:/var/log/tlsward/tlsward.log\", or "
		    "install rsyslog or start systemd-journald", strerror(errno));
}

/*
 * Makes the folder of the journal where root may and the user may not, and gives it
 * to the user. One that is there is left alone.
 */
static void
make_journal_folder(const struct daemon *daemon)
{
	const char *path = daemon->settings->journal;
	char *folder = path == NULL || !daemon->identity.change ? NULL : strdup(path);

	if (folder == NULL)
		return;
	*strrchr(folder, '/') = '\0';
	if (folder[0] != '\0' && mkdir(folder, 0750) == 0)
		give_to_user(daemon, open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC), "the journal's folder", folder);
	free(folder);
}

/*
 * What must not be written ends the start; what cannot be written does not: mail is
 * worth more than its record. The worker tells of it when it tries.
 */
static void
check_journal(struct daemon *daemon, struct diags *diags)
{
	settings_check_journal(daemon->settings, daemon->settings_path, false, diags);
}

static void
say_who(const struct daemon *daemon)
{
	if (daemon->identity.other)
		log_message(daemon->log, SEVERITY_WARNING, "not started as root: running as"
		    " user id %lu, not as user %s", (unsigned long)daemon->identity.uid,
		    daemon->identity.user);
	if (daemon->identity.change && daemon->identity.uid == 0)
		log_message(daemon->log, SEVERITY_WARNING, "running as root");
	if (daemon->settings->confine && !confine_is_built())
		log_message(daemon->log, SEVERITY_WARNING, "not confined: built without"
		    " libseccomp");
}

/* Root's own folders do not let the user make or remove the file: then it stays. */
static bool
write_pid_file(const struct daemon *daemon)
{
	const char *path = daemon->settings->pid_file;
	bool written = false;
	int fd = -1;

	if (path == NULL)
		return true;
	if (unlink(path) == 0 || errno == ENOENT)
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd != -1) {
		(void)fchmod(fd, 0644);
		written = dprintf(fd, "%ld\n", (long)getpid()) > 0 &&
		    (!daemon->identity.change ||
		    fchown(fd, daemon->identity.uid, daemon->identity.gid) == 0);
	}
	if (!written)
		say_error(daemon, "pid file %s: %s", path, strerror(errno));
	if (fd != -1)
		(void)close(fd);
	return written;
}

/* Whether the pid file is still ours: a new daemon may have been started. */
static bool
has_our_pid(const char *path)
{
	struct file file;
	bool ours;

	if (file_read(path, PID_FILE_MAX, true, &file) != FILE_READ)
		return false;
	ours = strtol(file.text, NULL, 10) == (long)getpid();
	free(file.text);
	return ours;
}

/* The pid file and the sockets, at the end. */
static void
clean_up_files(struct daemon *daemon)
{
	const char *path = daemon->settings->pid_file;

	sockets_remove(&daemon->sockets);
	/* Where the folder does not let us, an empty file says that nobody runs. */
	if (path != NULL && has_our_pid(path) && unlink(path) != 0 &&
	    truncate(path, 0) != 0)
		return;
}

/*
 * What the start needed, and nobody afterwards: root, and most of the kernel. The process
 * that stays is the sockets' owner from then on.
 */
static bool
give_up_rights(const struct daemon *daemon, bool stays)
{
	char error[PRIVILEGES_ERROR_MAX + CONFINE_ERROR_MAX];
	bool done = privileges_drop(&daemon->identity, error);

	if (done && stays)
		sockets_own(&daemon->sockets);
	if (done && daemon->settings->confine)
		done = confine_process(CONFINE_SUPERVISOR, daemon->sockets.next,
		    error);
	if (!done)
		say_error(daemon, "%s", error);
	return done;
}

/* The second half of the start: from here on in the process that stays. */
static int
serve_as_user(struct daemon *daemon)
{
	int status = 1;

	if (write_pid_file(daemon) && give_up_rights(daemon, true)) {
		say_who(daemon);
		status = supervisor_run(daemon);
	}
	clean_up_files(daemon);
	return status;
}

/* The first process: it ends when the daemon serves, or could not. */
static int
await_ready(pid_t child, int ready)
{
	char answer;
	ssize_t got;

	do {
		got = read(ready, &answer, 1);
	} while (got == -1 && errno == EINTR);
	if (got == 1)
		return 0;
	(void)waitpid(child, NULL, 0);
	return 1;
}

/* Standard error goes when the daemon serves: it may yet have to speak. */
static bool
leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	if (null != -1) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		(void)close(null);
	}
	return chdir("/") == 0;
}

/* A reload must find the settings' folder from "/" too. NULL: no memory. */
static char *
absolute_path(const char *path)
{
	char *folder, *absolute = NULL;

	if (path[0] == '/')
		return strdup(path);
	folder = getcwd(NULL, 0);
	if (folder != NULL && asprintf(&absolute, "%s/%s", folder, path) == -1)
		absolute = NULL;
	free(folder);
	return absolute;
}

static int
serve_in_background(struct daemon *daemon)
{
	int ready[2];
	pid_t child;

	if (pipe2(ready, O_CLOEXEC) != 0 || (child = fork()) == -1) {
		say_error(daemon, "cannot go into the background: %s", strerror(errno));
		clean_up_files(daemon);
		return 1;
	}
	if (child > 0) {
		(void)close(ready[1]);
		return give_up_rights(daemon, false) ? await_ready(child, ready[0]) : 1;
	}
	(void)close(ready[0]);
	daemon->ready = ready[1];
	_exit(leave_terminal() ? serve_as_user(daemon) : 1);
}

/* Signals wait for the supervisor from the first moment on. */
static void
hold_signals(void)
{
	sigset_t signals;

	supervisor_signals(&signals);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	/* A limit on the size of files is one on what is kept of the policy, too. */
	(void)signal(SIGXFSZ, SIG_IGN);
}

/* While it can be done: who is confined runs no other program. */
static void
ask_postfix(struct daemon *daemon)
{
	const struct settings *settings = daemon->settings;

	if (settings->tls_policy_map == NULL)
		return;
	(void)settings_ask_postfix(daemon->settings);
	if (settings->postfix.version == 0 && settings->mta != SETTINGS_MTA_SENDMAIL)
		log_message(daemon->log, SEVERITY_WARNING, "postconf cannot be asked: Postfix is"
		    " not told what main.cf leaves out of protocols and ciphers%s",
		    settings->postfix_version == 0 ? ", and nothing newer than 3.4 reads" : "");
}

static bool
prepare_start(struct daemon *daemon)
{
	char error[SOCKETS_ERROR_MAX];
	bool opened;

	if (!read_settings(daemon))
		return false;
	if (!identity_resolve(daemon->settings, &daemon->identity, error)) {
		say_error(daemon, "%s", error);
		return false;
	}
	if (!open_log_as_user(daemon))
		return false;
	check_syslog(daemon);
	make_journal_folder(daemon);
	ask_postfix(daemon);
	if (daemon->settings->journal != NULL)
		settings_node(daemon->settings, daemon->node);
	if (!look_as_user(daemon, check_journal) || !look_as_user(daemon, read_policy))
		return false;
	opened = sockets_open(&daemon->sockets, daemon->settings, &daemon->identity,
	    daemon->log, error);
	if (error[0] != '\0')
		say_text(daemon, opened ? SEVERITY_WARNING : SEVERITY_ERROR, error);
	return opened;
}

static void
release_daemon(struct daemon *daemon)
{
	load_release(&daemon->loaded);
	if (daemon->tape != -1)
		(void)close(daemon->tape);
	sockets_close(&daemon->sockets);
	log_free(&daemon->log);
	settings_free(&daemon->settings);
}

int
daemon_run(const char *settings_path, bool foreground)
{
	char *absolute = absolute_path(settings_path);
	struct daemon daemon = { .settings_path = absolute, .foreground = foreground,
	    .ready = -1, .tape = -1, .sockets = SOCKETS_INIT };
	int status = 1;

	hold_signals();
	(void)umask(027);
	if (absolute == NULL)
		say_error(&daemon, "cannot tell the folder of %s: %s", settings_path,
		    strerror(errno));
	else if (prepare_start(&daemon))
		status = foreground ? serve_as_user(&daemon) : serve_in_background(&daemon);
	release_daemon(&daemon);
	free(absolute);
	return status;
}

/* The policy, as the user that the daemon would be. */
static void
check_policy(struct daemon *daemon, struct diags *diags)
{
	char error[IDENTITY_ERROR_MAX];
	struct policy *policy;

	if (!settings_check_start(daemon->settings, daemon->settings_path,
	    &daemon->identity, diags))
		diags_add(diags, SEVERITY_ERROR, NULL, daemon->settings_path, 0, 0, NULL, 0,
		    "not enough memory");
	settings_act_as_user(&daemon->identity, daemon->settings_path, diags);
	settings_check_journal(daemon->settings, daemon->settings_path,
	    !daemon->identity.other, diags);
	policy = load_checked(daemon->settings, daemon->settings_path, diags);
	(void)identity_resume(&daemon->identity, error);
	if (policy == NULL)
		return;
	policy_summarize(policy, &daemon->loaded.summary);
	settings_check_postconf(daemon->settings, daemon->settings->policy, policy, diags);
	lint_allow(policy, diags, false);
	policy_free(&policy);
}

int
daemon_check(const char *settings_path)
{
	struct daemon daemon = { .settings_path = settings_path, .foreground = true,
	    .ready = -1, .tape = -1, .sockets = SOCKETS_INIT };
	struct diags *diags = diags_new();
	int status = 1;

	if (diags == NULL)
		say_error(&daemon, "not enough memory");
	else if (read_settings(&daemon)) {
		check_policy(&daemon, diags);
		diags_print(diags, false, stderr);
		status = diags_errors(diags) == 0 ? 0 : 1;
		if (status == 0 && !daemon.loaded.summary.has_default)
			say_error(&daemon, "the policy has no default block: senders"
			    " without a rule are accepted, in clear text too");
	}
	diags_free(&diags);
	release_daemon(&daemon);
	return status;
}
