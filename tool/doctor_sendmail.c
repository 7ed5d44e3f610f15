/*
 * doctor_sendmail.c - tlsward doctor's look at Sendmail: is the filter ours, is it in use,
 * and what becomes of mail without it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_sendmail.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/doctor_ours.h"

#define SENDMAIL_CF "/etc/mail/sendmail.cf"

/* What tlsward-milter(8) has of a filter, but for its socket. */
#define FILTER_REST "F=T, T=C:30s;S:10s;R:30s;E:1m"

/* Less than these many seconds may be too little for a host that is busy. */
#define WRITE_LEAST 10
#define READ_LEAST 10
#define END_LEAST 30

/* The line of our filter, as it should be. */
static void
fix_filter(const struct sendmail_look *look, const char *name)
{
	const char *listen = look->listen != NULL ? look->listen :
	    look->doctor->loaded.settings->listen.address[0];
	char line[512], mc[512];

	(void)snprintf(line, sizeof(line), "X%s, S=%s, " FILTER_REST, name, listen);
	(void)snprintf(mc, sizeof(mc), "INPUT_MAIL_FILTER(`%s', `S=%s, " FILTER_REST "')", name,
	    listen);
	sendmail_fix(look, look->filter.line, line, mc);
}

/* ------------------------------------------------------------------ *
 * Which filter is ours
 * ------------------------------------------------------------------ */

/* The one that leads to the daemon; else one that is called like it, with listen NULL. */
static bool
find_filter(struct sendmail_look *look)
{
	struct cf_filter filter;
	bool named = false;

	for (size_t at = 0; cf_next_filter(&look->cf, &at, &filter);) {
		const char *listen = doctor_listen_of(look->doctor->loaded.settings,
		    filter.socket);

		if (listen != NULL) {
			look->filter = filter;
			look->listen = listen;
			return true;
		}
		if (!named && strcasestr(filter.text, "tlsward") != NULL) {
			look->filter = filter;
			named = true;
		}
	}
	return named;
}

static bool
say_filter(struct sendmail_look *look)
{
	struct doctor *doctor = look->doctor;
	bool found = find_filter(look);

	if (found && look->listen != NULL) {
		doctor_say(doctor, DOCTOR_OK, "sendmail-filter", "%s:%u: the filter %s leads to "
		    "the daemon, on %s", look->cf.path, look->filter.line, look->filter.name,
		    look->listen);
		return true;
	}
	if (found)
		doctor_say(doctor, DOCTOR_FAULT, "sendmail-filter", "%s:%u: the filter %s leads to "
		    "%s, where the daemon does not listen: its listen is %s", look->cf.path,
		    look->filter.line, look->filter.name, look->filter.socket[0] != '\0' ?
		    look->filter.socket : "nowhere",
		    doctor->loaded.settings->listen.address[0]);
	else
		doctor_say(doctor, DOCTOR_FAULT, "sendmail-filter", "%s names no filter that leads "
		    "to the daemon: Sendmail asks it about no message", look->cf.path);
	fix_filter(look, found ? look->filter.name : "tlsward");
	return false;
}

/* ------------------------------------------------------------------ *
 * Which lists it is in
 * ------------------------------------------------------------------ */

/* Filters stand in a list by their names, by case or not. */
static bool
is_listed(const struct sendmail_look *look, const char *list)
{
	return list != NULL && cf_has_word(list, look->filter.name);
}

/* A listener of Sendmail's own, of DaemonPortOptions. */
struct cf_daemon {
	const char *value;
	unsigned line;
	char name[64];		/* and the port, for people */
	bool is_smtp;		/* where mail of strangers comes in */
	bool has_list;		/* of its own */
	char list[256];
	char modifiers[32];
};

/* Where a site's own users hand their mail in. */
static bool
is_submission(const char *port)
{
	return cf_has_word("587, 465, submission, submissions, smtps", port);
}

static bool
next_daemon(const struct sendmail_look *look, size_t *at, struct cf_daemon *daemon)
{
	char name[32] = "", port[24] = "smtp";

	*daemon = (struct cf_daemon){ .value = NULL };
	daemon->value = cf_next_option(&look->cf, "DaemonPortOptions", at, &daemon->line);
	if (daemon->value == NULL)
		return false;
	(void)cf_field(daemon->value, 'N', name, sizeof(name));
	(void)cf_field(daemon->value, 'P', port, sizeof(port));
	(void)cf_field(daemon->value, 'M', daemon->modifiers, sizeof(daemon->modifiers));
	daemon->has_list = cf_field(daemon->value, 'I', daemon->list, sizeof(daemon->list));
	daemon->is_smtp = strchr(daemon->modifiers, 'a') == NULL && !is_submission(port);
	(void)snprintf(daemon->name, sizeof(daemon->name), "%s%sport %s", name,
	    name[0] != '\0' ? ", " : "", port);
	return true;
}

/* One that has a list of its own, without our filter. */
static void
say_daemon_list(struct sendmail_look *look, const struct cf_daemon *daemon)
{
	char line[512], mc[512];
	const char *list = strcasestr(daemon->value, "InputMailFilters");
	int before = list != NULL ? (int)(list - daemon->value) : (int)strlen(daemon->value);

	while (before > 0 && strchr(", ", daemon->value[before - 1]) != NULL)
		before--;
	doctor_say(look->doctor, daemon->is_smtp ? DOCTOR_FAULT : DOCTOR_WARNING,
	    "sendmail-daemon-filters", "%s:%u: the daemon %s has InputMailFilters of its own "
	    "(%s), and %s is not among them: its mail is not held to the policy",
	    look->cf.path, daemon->line, daemon->name, daemon->list[0] != '\0' ?
	    daemon->list : "none", look->filter.name);
	(void)snprintf(line, sizeof(line), "O DaemonPortOptions=%.*s, InputMailFilters=%s%s%s",
	    before, daemon->value, look->filter.name, daemon->list[0] != '\0' ? ";" : "",
	    daemon->list);
	(void)snprintf(mc, sizeof(mc), "DAEMON_OPTIONS(`%.*s, InputMailFilters=%s%s%s')", before,
	    daemon->value, look->filter.name, daemon->list[0] != '\0' ? ";" : "", daemon->list);
	sendmail_fix(look, daemon->line, line, mc);
}

/* How many daemons there are, and how many of them have our filter in their own lists. */
struct list_counts {
	size_t daemons, own;
};

static struct list_counts
say_daemon_lists(struct sendmail_look *look)
{
	struct list_counts counts = { 0 };
	struct cf_daemon daemon;

	for (size_t at = 0; next_daemon(look, &at, &daemon); counts.daemons++) {
		if (daemon.has_list && !is_listed(look, daemon.list))
			say_daemon_list(look, &daemon);
		counts.own += daemon.has_list;
	}
	return counts;
}

static void
say_lists(struct sendmail_look *look)
{
	unsigned line = 0;
	const char *list = cf_option(&look->cf, "InputMailFilters", &line);
	struct list_counts counts = say_daemon_lists(look);
	char lines[512], mc[512];

	if (counts.daemons > 0 && counts.own == counts.daemons)
		return;
	if (is_listed(look, list)) {
		doctor_say(look->doctor, DOCTOR_OK, "sendmail-filters", "%s:%u: %s is among the "
		    "InputMailFilters", look->cf.path, line, look->filter.name);
		return;
	}
	doctor_say(look->doctor, DOCTOR_FAULT, "sendmail-filters", "%s:%u: the filter %s is "
	    "defined, and not among the InputMailFilters (%s): Sendmail does not use it",
	    look->cf.path, look->filter.line, look->filter.name,
	    list != NULL && list[0] != '\0' ? list : "none");
	(void)snprintf(lines, sizeof(lines), "O InputMailFilters=%s%s%s", look->filter.name,
	    list != NULL && list[0] != '\0' ? ", " : "", list != NULL ? list : "");
	(void)snprintf(mc, sizeof(mc), "INPUT_MAIL_FILTER in the place of MAIL_FILTER, or "
	    "define(`confINPUT_MAIL_FILTERS', `%s')", strchr(lines, '=') + 1);
	sendmail_fix(look, line, lines, mc);
}

/* What Sendmail does not start with. */
static void
say_undefined(struct sendmail_look *look)
{
	unsigned line = 0;
	const char *list = cf_option(&look->cf, "InputMailFilters", &line);
	struct cf_filter filter;

	for (const char *at = list; at != NULL && *at != '\0';) {
		const char *name = at + strspn(at, ",; \t");
		int length = (int)strcspn(name, ",; \t");
		bool defined = length == 0;

		at = name + length;
		for (size_t i = 0; !defined && cf_next_filter(&look->cf, &i, &filter);)
			defined = strncasecmp(filter.name, name, (size_t)length) == 0 &&
			    filter.name[length] == '\0';
		if (defined)
			continue;
		doctor_say(look->doctor, DOCTOR_FAULT, "sendmail-filters", "%s:%u: a filter %.*s "
		    "is among the InputMailFilters, and defined nowhere: Sendmail does not start",
		    look->cf.path, line, length, name);
		doctor_fix(look->doctor, "%s:%u: take %.*s away, or define it with a line "
		    "X%.*s (in sendmail.mc: INPUT_MAIL_FILTER)", look->cf.path, line, length,
		    name, length, name);
	}
}

/* ------------------------------------------------------------------ *
 * Its order, and what becomes of mail without it
 * ------------------------------------------------------------------ */

/* What filters are called that stamp what they found into the header. */
static bool
is_stamping(const char *name, size_t length)
{
	static const char *const words[] = { "dkim", "dmarc", "arc", "spf", "auth", "rspamd",
	    "sid-filter", "amavis", "spamass" };
	char word[64];

	(void)snprintf(word, sizeof(word), "%.*s", (int)length, name);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(word, words[i]) != NULL)
			return true;
	return false;
}

static void
say_order(struct sendmail_look *look)
{
	unsigned line = 0;
	const char *list = cf_option(&look->cf, "InputMailFilters", &line);
	bool stamps = look->doctor->loaded.settings->authentication_results != NULL;

	for (const char *at = list; at != NULL && *at != '\0';) {
		const char *name = at + strspn(at, ",; \t");
		size_t length = strcspn(name, ",; \t");

		at = name + length;
		if (length == 0 || strncasecmp(name, look->filter.name, length) == 0)
			return;
		if (!stamps && !is_stamping(name, length))
			continue;
		doctor_say(look->doctor, DOCTOR_WARNING, "sendmail-filter-order", "%s:%u: the "
		    "filter %.*s stands before %s: it works on mail that is refused then, and its "
		    "stamp is in a header in which forged fields have not been removed yet",
		    look->cf.path, line, (int)length, name, look->filter.name);
		doctor_fix(look->doctor, "%s:%u: O InputMailFilters=%s, and the others behind it "
		    "(in sendmail.mc: its INPUT_MAIL_FILTER before the others')", look->cf.path,
		    line, look->filter.name);
		return;
	}
}

static void
say_failure(struct sendmail_look *look)
{
	struct doctor *doctor = look->doctor;
	const char *flags = look->filter.flags;

	if (strpbrk(flags, "T4") != NULL) {
		doctor_say(doctor, DOCTOR_OK, "sendmail-filter-failure", "%s:%u: while the daemon "
		    "is down, mail is refused for the time being (F=%s)", look->cf.path,
		    look->filter.line, flags);
		return;
	}
	if (strchr(flags, 'R') != NULL)
		doctor_say(doctor, DOCTOR_WARNING, "sendmail-filter-failure", "%s:%u: F=R: while "
		    "the daemon is down, all mail is refused for good", look->cf.path,
		    look->filter.line);
	else
		doctor_say(doctor, DOCTOR_FAULT, "sendmail-filter-failure", "%s:%u: the filter has "
		    "no F=T: while the daemon is down, mail is taken as if there were no policy",
		    look->cf.path, look->filter.line);
	fix_filter(look, look->filter.name);
}

/* A line that does not go on where it should: the next one has no blank before it. */
static void
say_torn(struct sendmail_look *look)
{
	const char *text = look->filter.text;
	size_t length = strlen(text);

	if (length == 0 || text[length - 1] != ',')
		return;
	doctor_say(look->doctor, DOCTOR_FAULT, "sendmail-filter", "%s:%u: the line of the filter "
	    "%s ends in a comma, and the next one does not go on with it, having no blank before "
	    "it: Sendmail does not start", look->cf.path, look->filter.line, look->filter.name);
	fix_filter(look, look->filter.name);
}

static void
say_timeouts(struct sendmail_look *look)
{
	static const struct { char letter; int least; const char *words; } limits[] = {
		{ 'S', WRITE_LEAST, "to write to the daemon" },
		{ 'R', READ_LEAST, "for its answer" },
		{ 'E', END_LEAST, "for its answer at a message's end" },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int seconds = cf_timeout(&look->filter, limits[i].letter);

		if (seconds < 0 || seconds >= limits[i].least)
			continue;
		doctor_say(look->doctor, DOCTOR_WARNING, "sendmail-filter-timeout", "%s:%u: "
		    "%c:%ds is little time %s: a host that is busy gets no policy", look->cf.path,
		    look->filter.line, limits[i].letter, seconds, limits[i].words);
		fix_filter(look, look->filter.name);
		return;
	}
}

/* ------------------------------------------------------------------ *
 * Whether it is what Sendmail runs by
 * ------------------------------------------------------------------ */

/* When a file was changed; 0: there is none. */
static time_t
changed_at(const char *path)
{
	struct stat status;

	return path != NULL && stat(path, &status) == 0 ? status.st_mtime : 0;
}

/* Of the file it is made from, and by the time when Sendmail wrote its process id. */
static void
say_age(struct sendmail_look *look)
{
	const char *path = look->cf.path, *pid = cf_option(&look->cf, "PidFile", NULL);
	size_t length = strlen(path);
	char mc[PATH_MAX] = "";

	if (length > 3 && strcmp(path + length - 3, ".cf") == 0)
		(void)snprintf(mc, sizeof(mc), "%.*s.mc", (int)length - 3, path);
	if (changed_at(mc) > changed_at(path)) {
		doctor_say(look->doctor, DOCTOR_WARNING, "sendmail-mc", "%s was changed after %s "
		    "was made of it: what is new in it is not in force", mc, path);
		doctor_fix(look->doctor, "m4 %s > %s (on Debian: sendmailconfig), then restart "
		    "Sendmail", mc, path);
	} else if (changed_at(pid) != 0 && changed_at(pid) < changed_at(path)) {
		doctor_say(look->doctor, DOCTOR_WARNING, "sendmail-restart", "%s was changed after "
		    "Sendmail was started (%s): it runs by the file of then", path, pid);
		doctor_fix(look->doctor, "systemctl restart sendmail");
	}
}

/* ------------------------------------------------------------------ *
 * The whole
 * ------------------------------------------------------------------ */

static void
say_daemons_tls(struct sendmail_look *look)
{
	struct cf_daemon daemon;

	for (size_t at = 0; next_daemon(look, &at, &daemon);) {
		if (strchr(daemon.modifiers, 'S') == NULL)
			continue;
		doctor_say(look->doctor, daemon.is_smtp ? DOCTOR_FAULT : DOCTOR_WARNING,
		    "sendmail-daemon-tls", "%s:%u: the daemon %s has the modifier S: it offers no "
		    "STARTTLS", look->cf.path, daemon.line, daemon.name);
		doctor_fix(look->doctor, "%s:%u: take the S out of M=%s (in sendmail.mc: of its "
		    "DAEMON_OPTIONS)", look->cf.path, daemon.line, daemon.modifiers);
	}
}

static void
look_at_cf(struct sendmail_look *look)
{
	if (say_filter(look)) {
		say_torn(look);
		say_lists(look);
		say_order(look);
		say_failure(look);
		say_timeouts(look);
		sendmail_socket_points(look);
	}
	say_age(look);
	say_undefined(look);
	say_daemons_tls(look);
	sendmail_tls_points(look);
	sendmail_outgoing_points(look);
}

/* A sendmail.cf may be left of a Sendmail that is gone. */
static bool
is_installed(void)
{
	static const char *const programs[] = { "/usr/libexec/sendmail/sendmail",
	    "/usr/lib/sm.bin/sendmail", "/usr/sbin/sendmail-mta", "/usr/sbin/sendmail.sendmail",
	    "/usr/libexec/sendmail" };

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (access(programs[i], X_OK) == 0)
			return true;
	return false;
}

static void
say_cf_unreadable(struct doctor *doctor, const char *path)
{
	bool denied = access(path, R_OK) != 0 && errno == EACCES;

	doctor_say(doctor, denied ? DOCTOR_WARNING : DOCTOR_FAULT, "sendmail", "Sendmail's "
	    "configuration %s cannot be read%s", path, denied ? ": permission denied" :
	    access(path, F_OK) != 0 ? ": there is no such file" : "");
	doctor_fix(doctor, "%s", denied ? "run tlsward doctor as root" :
	    "name it with --sendmail FILE");
}

bool
doctor_sendmail(struct doctor *doctor)
{
	struct sendmail_look look = { .doctor = doctor };
	const char *path = doctor->sendmail != NULL ? doctor->sendmail : SENDMAIL_CF;

	if (doctor->sendmail == NULL && !is_installed())
		return false;
	switch (cf_read(path, &look.cf)) {
	case FILE_READ:
		look_at_cf(&look);
		break;
	case FILE_NO_MEMORY:
		doctor->failed = true;
		break;
	default:
		say_cf_unreadable(doctor, path);
	}
	cf_free(&look.cf);
	return true;
}
