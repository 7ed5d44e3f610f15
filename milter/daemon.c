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

#include "milter/capture.h"
#include "milter/histogram.h"
#include "milter/listener.h"
#include "milter/load.h"
#include "milter/service_socket.h"
#include "milter/stream_socket.h"
#include "milter/supervisor.h"
#include "base/diag.h"

/* Connections to the listener for metrics that wait to be accepted. */
#define METRICS_BACKLOG 64

static void complain(const struct daemon *daemon, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says it where a person may be looking, and in the log. */
static void
complain(const struct daemon *daemon, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_message(NULL, SEVERITY_ERROR, "%s", text);
	if (daemon->log != NULL && daemon->settings->log != SETTINGS_LOG_STDERR)
		log_message(daemon->log, SEVERITY_ERROR, "%s", text);
}

static bool
read_settings(struct daemon *daemon)
{
	struct diags *diags = diags_new();
	enum settings_load_result result;

	if (diags == NULL) {
		complain(daemon, "not enough memory");
		return false;
	}
	result = settings_load(daemon->settings_path, &daemon->settings, diags);
	diags_print(diags, stderr);
	if (result != SETTINGS_LOADED && diags_errors(diags) == 0)
		complain(daemon, "cannot read the settings %s", daemon->settings_path);
	diags_free(&diags);
	return result == SETTINGS_LOADED;
}

bool
daemon_load(struct daemon *daemon, struct diags *diags)
{
	int64_t began = histogram_clock();

	if (diags != NULL)
		daemon->policy = load_policy(daemon->settings, daemon->settings_path,
		    diags);
	daemon->loaded_ms = log_time_ms();
	daemon->loading_ns = histogram_clock() - began;
	return daemon->policy != NULL;
}

/* As the user, so that what only root could read is found out now. */
static bool
read_policy(struct daemon *daemon)
{
	struct diags *diags = diags_new();
	char error[PRIVILEGES_ERROR_MAX];

	if (diags == NULL || !privileges_assume(&daemon->identity, error)) {
		complain(daemon, "%s", diags != NULL ? error : "not enough memory");
		diags_free(&diags);
		return false;
	}
	(void)daemon_load(daemon, diags);
	if (!privileges_resume(&daemon->identity, error)) {
		complain(daemon, "%s", error);
		policy_free(&daemon->policy);
	}
	diags_print(diags, stderr);
	if (daemon->log != NULL && daemon->settings->log != SETTINGS_LOG_STDERR)
		load_log_diags(daemon->log, diags);
	diags_free(&diags);
	return daemon->policy != NULL;
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

	if (fd == -1)
		return;
	if (fchown(fd, daemon->identity.uid, daemon->identity.gid) != 0)
		complain(daemon, "cannot give the log %s to user %s: %s",
		    daemon->settings->log_path, daemon->identity.user, strerror(errno));
	(void)close(fd);
}

/* Whether the user can make the log anew after it was renamed. */
static bool
can_make_log(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = strndup(path, slash > path ? (size_t)(slash - path) : 1);
	bool can = folder != NULL &&
	    faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;

	free(folder);
	return can;
}

static void
warn_of_log(const struct daemon *daemon)
{
	log_message(daemon->log, SEVERITY_WARNING, "user %s cannot write to the folder of "
	    "the log %s: when it is renamed, whoever renames it must create it anew for "
	    "the user (logrotate's \"create\")", daemon->identity.user,
	    daemon->settings->log_path);
}

/* Opened as the user: the daemon must be able to open it again. */
static bool
open_log(struct daemon *daemon)
{
	char error[PRIVILEGES_ERROR_MAX];
	bool lasting = true;
	int saved = 0;

	if (daemon->settings->log == SETTINGS_LOG_STDERR && !daemon->foreground) {
		complain(daemon, "log stderr needs -f: in the background there is none");
		return false;
	}
	for (int attempt = 0; attempt < 2 && daemon->log == NULL; attempt++) {
		if (attempt == 1) {
			if (!daemon->identity.change || saved != EACCES)
				break;
			create_log(daemon);
		}
		if (!privileges_assume(&daemon->identity, error)) {
			complain(daemon, "%s", error);
			return false;
		}
		daemon->log = log_open(daemon->settings, daemon->foreground);
		saved = errno;
		if (daemon->settings->log_path != NULL)
			lasting = can_make_log(daemon->settings->log_path);
		if (!privileges_resume(&daemon->identity, error)) {
			complain(daemon, "%s", error);
			return false;
		}
	}
	if (daemon->log == NULL)
		complain(daemon, "cannot open the log%s%s as user %s: %s",
		    daemon->settings->log_path != NULL ? " " : "",
		    daemon->settings->log_path != NULL ? daemon->settings->log_path : "",
		    daemon->identity.user, strerror(saved));
	else if (!lasting)
		warn_of_log(daemon);
	return daemon->log != NULL;
}

/*
 * Makes the folder of the journal where root may and the user may not, and gives it
 * to the user. One that is there is left alone.
 */
static void
make_journal_folder(const struct daemon *daemon)
{
	const char *path = daemon->settings->journal;
	char *folder = path == NULL ? NULL : strdup(path);
	int fd = -1;

	if (folder == NULL || !daemon->identity.change)
		goto done;
	*strrchr(folder, '/') = '\0';
	if (folder[0] == '\0' || mkdir(folder, 0750) != 0)
		goto done;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fchown(fd, daemon->identity.uid, daemon->identity.gid) != 0)
		complain(daemon, "cannot give the journal's folder %s to user %s: %s",
		    folder, daemon->identity.user, strerror(errno));
	if (fd != -1)
		(void)close(fd);
done:
	free(folder);
}

/*
 * As the user. What must not be written ends the start; what cannot be written does
 * not: mail is worth more than its record. The worker tells of it when it tries.
 */
static bool
check_journal(const struct daemon *daemon, bool with_warnings)
{
	struct diags *diags = diags_new();
	char error[PRIVILEGES_ERROR_MAX];
	bool fine = false;

	if (diags == NULL || !privileges_assume(&daemon->identity, error)) {
		complain(daemon, "%s", diags != NULL ? error : "not enough memory");
		diags_free(&diags);
		return false;
	}
	settings_check_journal(daemon->settings, daemon->settings_path,
	    with_warnings && !daemon->identity.other, diags);
	if (privileges_resume(&daemon->identity, error))
		fine = diags_errors(diags) == 0;
	else
		complain(daemon, "%s", error);
	diags_print(diags, stderr);
	if (daemon->log != NULL && daemon->settings->log != SETTINGS_LOG_STDERR)
		load_log_diags(daemon->log, diags);
	diags_free(&diags);
	return fine;
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
}

/* Root's own folders do not let the user make or remove the file: then it stays. */
static bool
write_pid_file(const struct daemon *daemon)
{
	const char *path = daemon->settings->pid_file;
	int fd;
	bool written;

	if (path == NULL)
		return true;
	if (unlink(path) != 0 && errno != ENOENT) {
		complain(daemon, "pid file %s: %s", path, strerror(errno));
		return false;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1) {
		complain(daemon, "pid file %s: %s", path, strerror(errno));
		return false;
	}
	(void)fchmod(fd, 0644);
	written = dprintf(fd, "%ld\n", (long)getpid()) > 0;
	if (written && daemon->identity.change)
		written = fchown(fd, daemon->identity.uid, daemon->identity.gid) == 0;
	if (!written)
		complain(daemon, "pid file %s: %s", path, strerror(errno));
	(void)close(fd);
	return written;
}

const char *
daemon_lost_socket(const struct daemon *daemon)
{
	const char *milter = daemon->settings->listen_path;
	const char *service = daemon->settings->policy_service_path;

	if (milter != NULL && !unix_socket_is(milter, &daemon->socket))
		return milter;
	if (service != NULL && !unix_socket_is(service, &daemon->service_socket))
		return service;
	return NULL;
}

static void
remove_sockets(const struct daemon *daemon)
{
	const char *milter = daemon->settings->listen_path;
	const char *service = daemon->settings->policy_service_path;

	if (milter != NULL && unix_socket_is(milter, &daemon->socket))
		(void)unlink(milter);
	if (service != NULL && unix_socket_is(service, &daemon->service_socket))
		(void)unlink(service);
}

void
daemon_clean_up(const struct daemon *daemon)
{
	remove_sockets(daemon);
	/* Where the folder does not let us, an empty file says that nobody runs. */
	if (daemon->settings->pid_file != NULL &&
	    unlink(daemon->settings->pid_file) != 0 &&
	    truncate(daemon->settings->pid_file, 0) != 0)
		return;
}

/* The second half of the start: from here on in the process that stays. */
static int
serve(struct daemon *daemon)
{
	char error[PRIVILEGES_ERROR_MAX];
	int status = 1;

	if (!write_pid_file(daemon))
		goto done;
	if (!privileges_drop(&daemon->identity, error)) {
		complain(daemon, "%s", error);
		goto done;
	}
	say_who(daemon);
	status = supervisor_run(daemon);
done:
	daemon_clean_up(daemon);
	return status;
}

/* The first process: it ends when the daemon serves, or could not. */
static int
await(pid_t child, int ready)
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

static void
replace_by_null(int descriptor)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1)
		return;
	(void)dup2(null, descriptor);
	(void)close(null);
}

void
daemon_leave_stderr(const struct daemon *daemon)
{
	if (!daemon->foreground)
		replace_by_null(STDERR_FILENO);
}

/* Standard error goes when the daemon serves: it may yet have to speak. */
static bool
leave_terminal(void)
{
	(void)setsid();
	replace_by_null(STDIN_FILENO);
	replace_by_null(STDOUT_FILENO);
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
		complain(daemon, "cannot go into the background: %s", strerror(errno));
		daemon_clean_up(daemon);
		return 1;
	}
	if (child > 0) {
		(void)close(ready[1]);
		return await(child, ready[0]);
	}
	(void)close(ready[0]);
	daemon->ready = ready[1];
	_exit(leave_terminal() ? serve(daemon) : 1);
}

/* Signals wait for the supervisor from the first moment on. */
static void
hold_signals(void)
{
	sigset_t signals;

	supervisor_signals(&signals);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static bool
open_sockets(struct daemon *daemon)
{
	char error[LISTENER_ERROR_MAX];
	bool opened;

	/* What libmilter has to say of its socket is for who starts the daemon. */
	capture_syslog(NULL);
	opened = listener_open(daemon->settings, &daemon->identity, &daemon->socket,
	    error);
	capture_syslog(daemon->log);
	if (opened && daemon->settings->policy_service != NULL) {
		daemon->service_fd = service_socket_open(daemon->settings,
		    &daemon->identity, &daemon->service_socket, error);
		opened = daemon->service_fd != -1;
		if (!opened)
			remove_sockets(daemon);
	}
	if (opened && daemon->settings->metrics != NULL) {
		daemon->metrics_fd = stream_socket_open_inet(daemon->settings->metrics,
		    METRICS_BACKLOG, "cannot listen for metrics on", error);
		opened = daemon->metrics_fd != -1;
		if (!opened)
			remove_sockets(daemon);
	}
	if (!opened)
		complain(daemon, "%s", error);
	return opened;
}

static bool
prepare(struct daemon *daemon)
{
	char error[PRIVILEGES_ERROR_MAX];

	if (!read_settings(daemon))
		return false;
	if (!privileges_resolve(daemon->settings, &daemon->identity, error)) {
		complain(daemon, "%s", error);
		return false;
	}
	if (!open_log(daemon))
		return false;
	make_journal_folder(daemon);
	return check_journal(daemon, false) && read_policy(daemon) &&
	    open_sockets(daemon);
}

static void
release(struct daemon *daemon)
{
	policy_free(&daemon->policy);
	capture_syslog(NULL);
	if (daemon->service_fd != -1)
		(void)close(daemon->service_fd);
	if (daemon->metrics_fd != -1)
		(void)close(daemon->metrics_fd);
	log_free(&daemon->log);
	settings_free(&daemon->settings);
}

int
daemon_run(const char *settings_path, bool foreground)
{
	char *absolute = absolute_path(settings_path);
	struct daemon daemon = { .settings_path = absolute, .foreground = foreground,
	    .ready = -1, .service_fd = -1, .metrics_fd = -1 };
	int status = 1;

	hold_signals();
	(void)umask(027);
	if (absolute == NULL)
		complain(&daemon, "cannot tell the folder of %s: %s", settings_path,
		    strerror(errno));
	else if (prepare(&daemon))
		status = foreground ? serve(&daemon) : serve_in_background(&daemon);
	release(&daemon);
	free(absolute);
	return status;
}

int
daemon_check(const char *settings_path)
{
	struct daemon daemon = { .settings_path = settings_path, .foreground = true,
	    .ready = -1, .service_fd = -1, .metrics_fd = -1 };
	char error[PRIVILEGES_ERROR_MAX];
	struct policy_summary summary;
	bool startable;
	int status = 1;

	if (!read_settings(&daemon))
		return 1;
	/*
	 * A user that the settings name must be there; the default one may yet have to
	 * be made. Whoever is not root may check them for another host than this.
	 */
	startable = privileges_resolve(daemon.settings, &daemon.identity, error);
	if (!startable) {
		complain(&daemon, "%s: the daemon would not start here", error);
		daemon.identity.change = false;
		startable = settings_user_is_default(daemon.settings);
	}
	if (check_journal(&daemon, startable) && read_policy(&daemon)) {
		status = startable || geteuid() != 0 ? 0 : 1;
		policy_summarize(daemon.policy, &summary);
		if (!summary.has_default)
			complain(&daemon, "the policy has no default block: senders"
			    " without a rule are accepted, in clear text too");
	}
	release(&daemon);
	return status;
}
