/*
 * probe.c - tlsward probe: what a server offers, and whether it would keep our agreement.
 *
 * A program of its own, which tlsward starts (probe_exec.c).
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <jansson.h>

#include "tool/probe_dns.h"
#include "tool/probe_result.h"
#include "base/file.h"
#include "base/text.h"

#define PATIENCE 30			/* seconds for an answer */
#define DEADLINE_PATIENCES 10		/* of all of it */
#define PAUSE_MS 1000
#define HELD_MAX ((size_t)16 << 20)	/* of a file that is read as root */
#define NOBODY 65534			/* where no user has that name */

/* Set by a signal: no more is asked, and what is known is said. */
static volatile sig_atomic_t probe_stopped;

static void
stop_probe(int number)
{
	(void)number;
	probe_stopped = 1;
}

struct probe_run {
	struct judge judge;
	struct probe_names names;
	struct probe_budget budget;
	int patience;
	bool json, terminal;
	bool has_policy;
	struct probe_wish wish;
	char asked[PROBE_NAME];
	char ehlo[PROBE_NAME];
	char anchor[TOOL_PATH_SIZE], authorities[TOOL_PATH_SIZE];	/* copies, of root's */
};

/* ------------------------------------------------------------------ *
 * What is asked
 * ------------------------------------------------------------------ */

static bool
take_patience(const char *argument, void *run)
{
	size_t digits = strspn(argument, "0123456789");
	int seconds = digits > 0 && digits < 4 ? atoi(argument) : 0;

	if (argument[digits] != '\0' || seconds < 1 || seconds > PATIENCE) {
		(void)tool_trouble("--patience is a number of seconds from 1 to %d, and not "
		    "\"%s\"", PATIENCE, argument);
		return false;
	}
	((struct probe_run *)run)->patience = seconds;
	return true;
}

static bool
read_port(const char *text, unsigned short *port)
{
	size_t digits = strspn(text, "0123456789");
	int number = digits > 0 && digits < 6 ? atoi(text) : 0;

	*port = (unsigned short)number;
	return text[digits] == '\0' && number > 0 && number <= 65535;
}

/* Cuts the port off, if there is one; an IPv6 address has one behind brackets alone. */
static bool
cut_port(char *text, unsigned short *port)
{
	char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	char *colon = end != NULL ? end + 1 : strchr(text, ':');

	*port = 0;
	if (end != NULL) {
		*end = '\0';
		memmove(text, text + 1, strlen(text));
		colon = *colon == '\0' ? NULL : colon;
	} else if (colon != NULL && strchr(colon + 1, ':') != NULL)
		colon = NULL;
	if (colon == NULL)
		return true;
	if (*colon != ':' || !read_port(colon + 1, port))
		return false;
	if (end == NULL)
		*colon = '\0';
	return true;
}

/* What is wrong with an operand, and what to write in its place. */
static void
say_wrong_operand(const char *operand)
{
	const char *colon = strchr(operand, ':');
	struct buffer shown = BUFFER_INIT;

	/* What is "" stays so: the buffer has a text then, too. */
	buffer_string(&shown, "");
	text_escape(&shown, operand, strlen(operand), TEXT_PLAIN);
	if (shown.failed)
		(void)tool_no_memory();
	else if (strlen(operand) >= PROBE_NAME)
		(void)tool_trouble("a name of %zu bytes is too long: a domain has 253 at most",
		    strlen(operand));
	else if (strstr(operand, "://") != NULL)
		(void)tool_trouble("\"%s\" is a URL: write its host alone, as acme.example",
		    shown.text);
	else if (strchr(operand, '@') != NULL)
		(void)tool_trouble("\"%s\" is an address of mail: write what is behind the @ "
		    "alone, as acme.example", shown.text);
	else if (colon != NULL && colon != operand && strchr(operand, ' ') == NULL)
		(void)tool_trouble("\"%s\" has no port behind the colon that is a number from 1 "
		    "to 65535, as mx.acme.example:25 or [2001:db8::7]:25", shown.text);
	else
		(void)tool_trouble("\"%s\" is neither a host nor a domain: write acme.example, "
		    "mx.acme.example:25 or [2001:db8::7]:25", shown.text);
	buffer_free(&shown);
}

/*
 * Reads HOST[:PORT] or DOMAIN: an address stays, a name becomes that in A-labels, in
 * brackets where it had them and no port: as a next hop it is a host, and no domain.
 */
static bool
read_operand(const char *operand, char asked[PROBE_NAME], unsigned short *port)
{
	char text[2 * PROBE_NAME];

	if (strlen(operand) < sizeof(text)) {
		(void)strcpy(text, operand);
		if (cut_port(text, port) && strlen(text) < PROBE_NAME) {
			(void)strcpy(asked, text);
			if (text_is_address(text))
				return true;
			if (text[0] != '.' && policy_domain(text, text, PROBE_NAME - 2)) {
				(void)snprintf(asked, PROBE_NAME, operand[0] == '[' &&
				    *port == 0 ? "[%s]" : "%s", text);
				return true;
			}
		}
	}
	say_wrong_operand(operand);
	return false;
}

/* ------------------------------------------------------------------ *
 * The policy
 * ------------------------------------------------------------------ */

/* Whether there is a policy where none was named: a site may have none yet. */
static bool
has_default_policy(const char *config)
{
	struct settings *settings = NULL;
	struct diags *diags;
	bool has = true;

	if (config == NULL && access(settings_default_path(), F_OK) != 0)
		return errno != ENOENT && errno != ENOTDIR;
	diags = diags_new();
	/* What is wrong with the settings is said when they are loaded. */
	if (diags != NULL && settings_load(config != NULL ? config : settings_default_path(),
	    &settings, diags) == SETTINGS_LOADED)
		has = access(settings->policy, F_OK) == 0 || errno != ENOENT;
	settings_free(&settings);
	diags_free(&diags);
	return has;
}

static int
load_probe_policy(struct probe_run *run)
{
	run->has_policy = run->judge.policy != NULL || has_default_policy(run->judge.config);
	return run->has_policy ? judge_load(&run->judge) : STATUS_FINE;
}

/* ------------------------------------------------------------------ *
 * Asking
 * ------------------------------------------------------------------ */

static void
show_progress(const char *host, const char *what, void *data)
{
	(void)data;
	(void)fprintf(stderr, "\r\033[K%.40s: %.36s", host, what);
}

static void
end_progress(const struct probe_run *run)
{
	if (run->terminal)
		(void)fputs("\r\033[K", stderr);
}

/* By what name we greet, as Postfix does by default. */
static void
find_ehlo(char ehlo[PROBE_NAME])
{
	if (gethostname(ehlo, PROBE_NAME - 1) != 0 || ehlo[0] == '\0' ||
	    !policy_domain(ehlo, ehlo, PROBE_NAME))
		(void)strcpy(ehlo, "localhost");
}

static void
set_budget(struct probe_run *run)
{
	struct probe_budget *budget = &run->budget;

	run->terminal = isatty(STDERR_FILENO) == 1;
	find_ehlo(run->ehlo);
	budget->patience_ms = run->patience * 1000;
	budget->deadline = probe_clock_ms() + DEADLINE_PATIENCES * budget->patience_ms;
	budget->pause_ms = PAUSE_MS;
	budget->ehlo = run->ehlo;
	budget->stopped = &probe_stopped;
	budget->progress = run->terminal ? show_progress : NULL;
}

/* Asks all that was found. False where memory is short. */
static bool
ask_all(struct probe_run *run, struct probe_result *result)
{
	struct probe_target *target = &result->target;
	struct probe_each each = { .host = NULL };
	struct sigaction stop = { .sa_handler = stop_probe, .sa_flags = (int)SA_RESETHAND };
	bool ok = probe_target_find(&run->names, &run->budget, run->asked, result->port,
	    target) && probe_find_rule(result, run->has_policy ? &run->judge.loaded : NULL,
	    &run->wish);

	/* Before this nothing is known that could be said; the second one ends it. */
	(void)sigaction(SIGINT, &stop, NULL);
	if (run->wish.protocols != 0)
		run->budget.wish = &run->wish;
	while (ok && probe_next(result, &each)) {
		ok = probe_address_ask(&run->budget, each.host->name, each.address);
		if (ok && sk_X509_num(each.address->chain) > 0)
			ok = probe_chain_look(each.address->chain, each.host,
			    target->is_domain ? target->asked : NULL, run->names.authorities,
			    result->now, &each.seen->chain);
	}
	result->stopped = probe_stopped != 0;
	end_progress(run);
	return ok;
}

static bool
is_reached(struct probe_result *result)
{
	struct probe_each each = { .host = NULL };

	while (probe_next(result, &each))
		if (each.address->reached != REACHED_NOTHING)
			return true;
	return result->target.null_mx;
}

static int
status_of(struct probe_result *result)
{
	if (!is_reached(result) || result->stopped)
		return STATUS_TROUBLE;
	return probe_count(result, PROBE_FAULT) > 0 || result->met == POLICY_NO ?
	    STATUS_NO : STATUS_FINE;
}

static int
ask_and_tell(struct probe_run *run, struct probe_result *result)
{
	int status;

	if (!ask_all(run, result) ||
	    !probe_judge(result, &run->judge.loaded) ||
	    !probe_find(result))
		return tool_no_memory();
	probe_answer(result);
	status = run->json ? probe_print_json(result) : probe_print_text(result);
	return status != STATUS_FINE ? status : status_of(result);
}

/* ------------------------------------------------------------------ *
 * Root's rights
 * ------------------------------------------------------------------ */

/* A copy of a file for when it cannot be read any more. False, having said why. */
static bool
hold_file(const char *path, char held[TOOL_PATH_SIZE])
{
	struct file file = { .text = NULL };
	bool good;

	if (path == NULL)
		return true;
	good = file_read(path, HELD_MAX, false, &file) == FILE_READ;
	if (!good)
		(void)tool_trouble("cannot read %s", path);
	good = good && tool_text_file(file.text, file.length, held) != -1;
	free(file.text);
	return good;
}

/* Becomes a user who may nothing, before a stranger's server is talked to. */
static bool
become_nobody(void)
{
	const struct passwd *user = getpwnam("nobody");
	uid_t uid = user != NULL ? user->pw_uid : NOBODY;
	gid_t gid = user != NULL ? user->pw_gid : NOBODY;

	/* Else it is no dumpable process, which sanitizers cannot look at. */
	return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	    setresuid(uid, uid, uid) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0 &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Root's rights are for reading what was named, and end then. */
static bool
drop_root(struct probe_names *names, char anchor[TOOL_PATH_SIZE],
    char authorities[TOOL_PATH_SIZE])
{
	if (geteuid() != 0)
		return true;
	if (!hold_file(names->anchor, anchor) || !hold_file(names->authorities, authorities))
		return false;
	/* In a container root may have no rights that could be given up. */
	if (!become_nobody())
		(void)tool_trouble("going on as root: cannot become nobody: %s",
		    strerror(errno));
	if (names->anchor != NULL && access(names->anchor, R_OK) != 0)
		names->anchor = anchor;
	if (names->authorities != NULL && access(names->authorities, R_OK) != 0)
		names->authorities = authorities;
	return true;
}

/* What the options name, and the policy: after that nothing of ours is read. */
static int
prepare_probe(struct probe_run *run)
{
	char why[PROBE_TEXT];
	int status;

	set_budget(run);
	if (!probe_authorities_there(run->names.authorities))
		return tool_trouble("--ca: %s cannot be read, or has no certificates in PEM",
		    run->names.authorities);
	if ((run->names.anchor != NULL || run->names.resolver != NULL) &&
	    !dns_check(&run->names, &run->budget, why))
		return why[0] == '\0' ? tool_no_memory() : tool_trouble("%s", why);
	status = load_probe_policy(run);
	return status != STATUS_FINE || drop_root(&run->names, run->anchor,
	    run->authorities) ? status : STATUS_TROUBLE;
}

static int
run_probe(const struct command *command, int argc, char **argv)
{
	struct probe_run run = { .patience = PATIENCE };
	struct probe_result *result;
	unsigned short port;
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (argc - optind > 1)
		(void)tool_trouble("one host or domain at a time");
	if (argc - optind != 1)
		return tool_usage(command);
	if (!read_operand(argv[optind], run.asked, &port))
		return STATUS_TROUBLE;
	status = prepare_probe(&run);
	result = calloc(1, sizeof(*result));
	if (status == STATUS_FINE && result != NULL) {
		result->port = port;
		result->authorities = run.names.authorities;
		result->now = judge_time_ms(&run.judge) / 1000;
		status = ask_and_tell(&run, result);
	} else if (result == NULL)
		status = tool_no_memory();
	probe_result_free(result);
	free(result);
	judge_free(&run.judge);
	return status;
}

static const struct tool_option probe_options[] = {
	OPTION("anchor", 0, OPTION_TEXT, struct probe_run, names.anchor),
	OPTION("ca", 0, OPTION_TEXT, struct probe_run, names.authorities),
	OPTION("full", 0, OPTION_FLAG, struct probe_run, budget.full),
	OPTION("json", 0, OPTION_FLAG, struct probe_run, json),
	OPTION_CALL("patience", 0, take_patience),
	OPTION("resolver", 0, OPTION_TEXT, struct probe_run, names.resolver),
	JUDGE_OPTIONS(struct probe_run),
	OPTION_END
};

static const struct command probe_itself = {
	.name = "probe",
	.run = run_probe,
	.options = probe_options,
	.arguments = "[--policy FILE] [-c FILE] [--at DATE] [--full] [--json]\n"
	    "           [--resolver ADDRESS] [--anchor FILE] [--ca FILE]\n"
	    "           [--patience SECONDS] HOST[:PORT] | DOMAIN",
	.about = "what a server offers, and whether it would keep our agreement",
	.help =
	    JUDGE_HELP
	    "  --full                  ask for all protocols and suites; some minutes,\n"
	    "                          where it is about ten seconds without\n"
	    "  --json                  one object for scripts, in place of text\n"
	    "  --resolver ADDRESS      ask that resolver (ADDRESS@PORT); else those of\n"
	    "                          /etc/resolv.conf\n"
	    "  --anchor FILE           the root keys of DNSSEC; else the system's\n"
	    "  --ca FILE               verify by the authorities in that file, and not\n"
	    "                          by the system's\n"
	    "  --patience SECONDS      wait so long for each answer, 30 or less; all of\n"
	    "                          it ends after ten times that\n",
	.examples =
	    "  tlsward probe acme.example\n"
	    "  tlsward probe --full mx.acme.example:25\n"
	    "  tlsward probe localhost\n"
};

int
main(int argc, char **argv)
{
	char name[] = "tlsward probe";
	int status;

	/* A reader or a server that goes away is an error of ours to report. */
	(void)signal(SIGPIPE, SIG_IGN);
	json_set_alloc_funcs(tool_json_allocate, free);
	if (argc > 0)
		argv[0] = name;
	status = probe_itself.run(&probe_itself, argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout))
		status = tool_trouble("cannot write to standard output: %s",
		    strerror(errno));
	return status;
}
