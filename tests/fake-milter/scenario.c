/*
 * scenario.c - a session written down, and what must come of it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "scenario.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocation.h"
#include "fake.h"
#include "milter/callbacks.h"
#include "milter/correlation.h"
#include "milter/delegation.h"
#include "milter/load.h"
#include "base/buffer.h"
#include "base/diag.h"

#define LINES_MAX 256
#define PATH_SIZE 512
#define CLIENTS 3

struct line {
	int number;
	char *text;		/* without leading and trailing blanks */
	char *block;		/* of policy, reload, fields and ask; else NULL */
};

struct scenario {
	char *path;
	struct line lines[LINES_MAX];
	size_t count;
};

struct play {
	const struct scenario *scenario;
	const char *folder;
	const struct line *line;
	bool injecting;
	bool ok;
	bool skipping;		/* the message went another way: memory was short */
	struct fake_options options;
	struct settings *settings;
	struct log *log;
	FILE *written;		/* the log, read behind the daemon's back */
	char *messages;		/* the daemon's lines since the last look */
	struct service service;
	struct smfiDesc milter;
	SMFICTX *ctx;
	char *mail_addr, *rcpt_addr;	/* what "macro" said; NULL: follow */
	struct answer_state clients[CLIENTS];	/* of the policy service */
	size_t client;
};

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

static char *
trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

static char *
read_block(FILE *file, int *number)
{
	char *text = NULL, *line = NULL;
	size_t size = 0, room = 0;
	FILE *out = open_memstream(&text, &size);

	while (out != NULL && getline(&line, &room, file) != -1) {
		(*number)++;
		if (strcmp(line, ".\n") == 0)
			break;
		(void)fputs(line, out);
	}
	if (out != NULL)
		(void)fclose(out);
	free(line);
	return text;
}

struct scenario *
scenario_read(const char *path)
{
	struct scenario *scenario = calloc(1, sizeof(*scenario));
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	int number = 0;

	if (scenario == NULL || file == NULL) {
		(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
		scenario_free(&scenario);
		return NULL;
	}
	scenario->path = strdup(path);
	while (getline(&line, &room, file) != -1 && scenario->count < LINES_MAX) {
		struct line *next = &scenario->lines[scenario->count];
		char *text = trim(line);

		number++;
		if (text[0] == '\0' || text[0] == '#')
			continue;
		next->number = number;
		next->text = strdup(text);
		if (strcmp(text, "policy") == 0 || strcmp(text, "reload") == 0 ||
		    strcmp(text, "fields") == 0 || strncmp(text, "ask ", 4) == 0)
			next->block = read_block(file, &number);
		scenario->count++;
	}
	free(line);
	(void)fclose(file);
	return scenario;
}

void
scenario_free(struct scenario **scenario)
{
	if (*scenario == NULL)
		return;
	for (size_t i = 0; i < (*scenario)->count; i++) {
		free((*scenario)->lines[i].text);
		free((*scenario)->lines[i].block);
	}
	free((*scenario)->path);
	free(*scenario);
	*scenario = NULL;
}

/* ------------------------------------------------------------------ *
 * Saying what is wrong
 * ------------------------------------------------------------------ */

static void wrong(struct play *play, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
wrong(struct play *play, const char *format, ...)
{
	va_list arguments;

	play->ok = false;
	(void)fprintf(stderr, "%s:%d: ", play->scenario->path,
	    play->line != NULL ? play->line->number : 0);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
}

/* ------------------------------------------------------------------ *
 * The daemon's lines
 * ------------------------------------------------------------------ */

/* The next record, or NULL; the daemon's own lines on the way are kept aside. */
static char *
next_record(struct play *play)
{
	char *line = NULL, *kept;
	size_t room = 0;

	clearerr(play->written);
	while (getline(&line, &room, play->written) != -1) {
		if (strstr(line, " level=") == NULL)
			return line;
		if (asprintf(&kept, "%s%s",
		    play->messages != NULL ? play->messages : "", line) == -1)
			abort();
		free(play->messages);
		play->messages = kept;
	}
	free(line);
	return NULL;
}

static bool
has_field(const char *record, const char *field)
{
	size_t length = strlen(field);

	for (const char *at = strstr(record, field); at != NULL;
	    at = strstr(at + 1, field))
		if (at > record && at[-1] == ' ' && (field[length - 1] == '=' ||
		    at[length] == ' ' || at[length] == '\n'))
			return true;
	return false;
}

/* Fields stand one after the other; a value with blanks is in quotes. */
static char *
next_field(char **rest)
{
	char *start = *rest, *at;
	bool quoted = false;

	while (*start == ' ')
		start++;
	if (*start == '\0')
		return NULL;
	for (at = start; *at != '\0' && (quoted || *at != ' '); at++)
		if (*at == '"')
			quoted = !quoted;
	*rest = *at != '\0' ? at + 1 : at;
	*at = '\0';
	return start;
}

static void
check_record(struct play *play, char *wanted)
{
	char *record = next_record(play);
	char absent[128];

	if (record == NULL) {
		wrong(play, "there is no record");
		return;
	}
	for (char *field; (field = next_field(&wanted)) != NULL; ) {
		if (field[0] == '!') {
			(void)snprintf(absent, sizeof(absent), "%s=", field + 1);
			if (has_field(record, absent))
				wrong(play, "%s in: %s", absent, record);
		} else if (!has_field(record, field)) {
			wrong(play, "no %s in: %s", field, record);
		}
	}
	free(record);
}

static void
check_no_record(struct play *play)
{
	char *record = next_record(play);

	if (record != NULL)
		wrong(play, "a record that should not be: %s", record);
	free(record);
}

static void
check_log(struct play *play, const char *text, bool wanted)
{
	check_no_record(play);
	if ((play->messages != NULL && strstr(play->messages, text) != NULL) != wanted)
		wrong(play, "%s \"%s\" in the log:\n%s", wanted ? "no" : "a", text,
		    play->messages != NULL ? play->messages : "");
	free(play->messages);
	play->messages = NULL;
}

/* ------------------------------------------------------------------ *
 * The daemon
 * ------------------------------------------------------------------ */

static void
path_in(const struct play *play, const char *name, char path[PATH_SIZE])
{
	(void)snprintf(path, PATH_SIZE, "%s/%s", play->folder, name);
}

static void
write_file(const struct play *play, const char *name, const char *text)
{
	char path[PATH_SIZE];
	FILE *file;

	path_in(play, name, path);
	file = fopen(path, "w");
	if (file == NULL || fputs(text, file) == EOF || fclose(file) != 0)
		abort();
}

static bool
has_line(const struct play *play, const char *text)
{
	for (size_t i = 0; i < play->scenario->count; i++)
		if (strcmp(play->scenario->lines[i].text, text) == 0)
			return true;
	return false;
}

static void
write_settings(const struct play *play)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		abort();
	if (!has_line(play, "unset listen"))
		(void)fprintf(out, "listen unix:%s/s\n", play->folder);
	(void)fprintf(out, "policy policy.conf\nlog file:%s/log\n", play->folder);
	for (size_t i = 0; i < play->scenario->count; i++)
		if (strncmp(play->scenario->lines[i].text, "set ", 4) == 0)
			(void)fprintf(out, "%s\n", play->scenario->lines[i].text + 4);
	(void)fclose(out);
	write_file(play, "tlsward.conf", text);
	free(text);
}

static struct policy *
load(struct play *play, const char *text)
{
	struct diags *diags = diags_new();
	struct policy *policy;
	char path[PATH_SIZE];

	write_file(play, "policy.conf", text);
	path_in(play, "tlsward.conf", path);
	policy = load_policy(play->settings, path, NULL, diags);
	if (policy == NULL) {
		wrong(play, "the policy cannot be used");
		diags_print(diags, true, stderr);
	}
	diags_free(&diags);
	return policy;
}

static bool
start(struct play *play)
{
	struct diags *diags = diags_new();
	char path[PATH_SIZE];

	path_in(play, "log", path);
	(void)unlink(path);
	write_settings(play);
	path_in(play, "tlsward.conf", path);
	if (settings_load(path, &play->settings, diags) != SETTINGS_LOADED)
		diags_print(diags, true, stderr);
	diags_free(&diags);
	if (play->settings == NULL)
		return false;
	play->log = log_open(play->settings, true);
	path_in(play, "log", path);
	play->written = fopen(path, "r");
	play->service.settings = play->settings;
	play->service.log = play->log;
	if (play->settings->policy_service != NULL)
		play->service.correlation = correlation_new();
	if (play->settings->authentication_results != NULL)
		play->service.authres = authres_new(play->settings->authentication_results);
	for (size_t i = 0; i < CLIENTS; i++)
		play->clients[i].serial = i + 1;
	play->milter = callbacks_description();
	callbacks_serve(&play->service);
	return play->log != NULL && play->written != NULL;
}

static void
take_policy(struct play *play, const char *text)
{
	struct policy *policy = load(play, text);

	if (policy == NULL)
		return;
	if (play->service.snapshots == NULL)
		play->service.snapshots = snapshots_new(&policy);
	else if (snapshots_replace(play->service.snapshots, &policy) != 0)
		policy_free(&policy);
}

static void
close_session(struct play *play)
{
	if (play->ctx == NULL)
		return;
	(void)fake_close(play->ctx);
	fake_free(&play->ctx);
	if (snapshots_references(play->service.snapshots) != 1 ||
	    snapshots_collect(play->service.snapshots))
		wrong(play, "a policy is held after the end");
}

static void
stop(struct play *play)
{
	close_session(play);
	if (play->written != NULL && !play->injecting)
		check_no_record(play);
	if (play->written != NULL)
		(void)fclose(play->written);
	correlation_free(&play->service.correlation);
	authres_free(&play->service.authres);
	snapshots_free(&play->service.snapshots);
	log_free(&play->log);
	settings_free(&play->settings);
	free(play->messages);
	free(play->mail_addr);
	free(play->rcpt_addr);
}

/* ------------------------------------------------------------------ *
 * Steps
 * ------------------------------------------------------------------ */

static const struct {
	const char *name;
	sfsistat status;
} statuses[] = {
	{ "continue", SMFIS_CONTINUE }, { "accept", SMFIS_ACCEPT },
	{ "reject", SMFIS_REJECT }, { "tempfail", SMFIS_TEMPFAIL },
};

static const char *
status_name(sfsistat status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return statuses[i].name;
	return "something else";
}

/*
 * Memory was short: then the message may be tempfailed, now or at its end, or (where
 * the settings say so) let through; it goes another way than the scenario's.
 */
static void
check_diverged(struct play *play, sfsistat got, const char *wanted)
{
	bool accepts = play->settings->on_internal_error == SETTINGS_ON_ERROR_ACCEPT;

	if (got == SMFIS_CONTINUE && strcmp(play->line->text, "data -> accept") == 0)
		got = fake_end(play->ctx);
	if (got == SMFIS_ACCEPT && play->settings->authentication_results != NULL &&
	    strncmp(play->line->text, "eom", 3) != 0)
		wrong(play, "accepted before the header was seen");
	if (got != SMFIS_TEMPFAIL && !(accepts &&
	    (got == SMFIS_ACCEPT || got == SMFIS_CONTINUE)))
		wrong(play, "memory was short: %s instead of %s", status_name(got), wanted);
	if (got == SMFIS_CONTINUE || strncmp(play->line->text, "rcpt", 4) == 0)
		(void)fake_abort(play->ctx);
	play->skipping = true;
}

static void
check_status(struct play *play, sfsistat got, char *wanted)
{
	char *reply = strchr(wanted, ' ');

	if (reply != NULL)
		*reply++ = '\0';
	if (strcmp(wanted, status_name(got)) != 0) {
		if (play->injecting)
			check_diverged(play, got, wanted);
		else
			wrong(play, "%s instead of %s: %s", status_name(got), wanted,
			    fake_reply(play->ctx));
	} else if (reply != NULL && !play->injecting &&
	    strncmp(fake_reply(play->ctx), reply, strlen(reply)) != 0) {
		wrong(play, "the reply is \"%s\"", fake_reply(play->ctx));
	}
}

/* The message's header as it is now, folded as it is. */
static char *
header_text(const struct play *play)
{
	char *text = NULL, field[5000];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		abort();
	for (size_t i = 0; fake_field(play->ctx, i, field, sizeof(field)); i++)
		(void)fprintf(out, "%s\n", field);
	(void)fclose(out);
	return text;
}

static void
check_fields(struct play *play, const char *wanted)
{
	char *text = header_text(play);

	if (strcmp(text, wanted) != 0)
		wrong(play, "the header is\n%s", text);
	free(text);
}

/* Memory or not: what is forged does not go on. */
static void
check_forged(struct play *play, sfsistat got)
{
	char *text = header_text(play);

	if ((got == SMFIS_ACCEPT || got == SMFIS_CONTINUE) &&
	    play->settings->authentication_results != NULL &&
	    strstr(text, "forged") != NULL)
		wrong(play, "%s, and the header is\n%s", status_name(got), text);
	free(text);
}

/* Undoes "\n" and "\t". */
static void
unfold(char *text)
{
	char *out = text;

	for (; *text != '\0'; text++) {
		bool escape = *text == '\\' && (text[1] == 'n' || text[1] == 't');

		text += escape;
		*out++ = !escape ? *text : *text == 'n' ? '\n' : '\t';
	}
	*out = '\0';
}

static void
send_header(struct play *play, char *field, bool asked)
{
	char *value = strchr(field, ':');
	sfsistat got;

	if (value == NULL || play->skipping)
		return;
	*value++ = '\0';
	value += *value == ' ';
	unfold(value);
	got = fake_header(play->ctx, field, value);
	if ((got != FAKE_NOT_CALLED) != asked)
		wrong(play, "the milter %s of header fields", asked ? "does not hear" :
		    "hears");
}

static void
begin_session(struct play *play)
{
	if (play->ctx != NULL)
		return;
	play->ctx = fake_new(&play->milter, &play->options);
	if (play->ctx == NULL)
		abort();
	if (play->options.mta == FAKE_POSTFIX) {
		fake_macro(play->ctx, "{client_name}", "unknown");
		fake_macro(play->ctx, "{client_resolve}", "FAIL");
	}
	(void)fake_negotiate(play->ctx);
}

static void
connect_client(struct play *play, char *arguments)
{
	char host[256] = "", address[64] = "";
	int port = 0;

	(void)sscanf(arguments, "%255s %63s %d", host, address, &port);
	(void)fake_connect(play->ctx, host,
	    strcmp(address, "none") == 0 ? NULL : address, port);
}

/* What the MTA makes of an address, in the plain cases. */
static void
follow_address(struct play *play, const char *macro, const char *said,
    const char *address)
{
	char plain[512];
	size_t length;

	(void)snprintf(plain, sizeof(plain), "%s",
	    said != NULL ? said : address + (address[0] == '<'));
	length = strlen(plain);
	if (said == NULL && length > 0 && plain[length - 1] == '>')
		plain[length - 1] = '\0';
	fake_macro(play->ctx, macro, said != NULL ? plain : trim(plain));
}

static void
set_macro(struct play *play, char *arguments)
{
	char *value = strchr(arguments, ' ');
	char **said = NULL;

	if (value != NULL)
		*value++ = '\0';
	if (strcmp(arguments, "{mail_addr}") == 0)
		said = &play->mail_addr;
	else if (strcmp(arguments, "{rcpt_addr}") == 0)
		said = &play->rcpt_addr;
	if (value != NULL && strcmp(value, "<>") == 0)
		*value = '\0';
	if (said != NULL) {
		free(*said);
		*said = value != NULL ? strdup(value) : NULL;
	}
	fake_macro(play->ctx, arguments, value);
}

static void
set_tls(struct play *play, char *arguments)
{
	char version[64] = "", cipher[128] = "", bits[16] = "";

	(void)sscanf(arguments, "%63s %127s %15s", version, cipher, bits);
	fake_macro(play->ctx, "{tls_version}", version[0] != '\0' ? version : NULL);
	fake_macro(play->ctx, "{cipher}", cipher[0] != '\0' ? cipher : NULL);
	fake_macro(play->ctx, "{cipher_bits}", bits[0] != '\0' ? bits : NULL);
}

/* The steps with a status: "ADDRESS -> STATUS [REPLY]". True: it was one. */
static bool
play_command(struct play *play, const char *name, char *arguments)
{
	char *wanted = strstr(arguments, "->");
	sfsistat got;

	if (wanted == NULL)
		return false;
	*wanted = '\0';
	wanted = trim(wanted + 2);
	arguments = trim(arguments);
	if (strcmp(name, "mail") == 0) {
		play->skipping = false;
		follow_address(play, "{mail_addr}", play->mail_addr, arguments);
		got = fake_mail(play->ctx, arguments);
	} else if (play->skipping) {
		return true;
	} else if (strcmp(name, "rcpt") == 0) {
		follow_address(play, "{rcpt_addr}", play->rcpt_addr, arguments);
		got = fake_rcpt(play->ctx, arguments);
	} else if (strcmp(name, "data") == 0) {
		got = fake_data(play->ctx);
	} else {
		got = fake_end(play->ctx);
		check_forged(play, got);
	}
	check_status(play, got, wanted);
	return true;
}

static bool
play_check(struct play *play, const char *name, char *arguments)
{
	bool known = true;

	if (strcmp(name, "record") != 0 && strcmp(name, "no-record") != 0 &&
	    strcmp(name, "log") != 0 && strcmp(name, "no-log") != 0 &&
	    strcmp(name, "held") != 0 && strcmp(name, "fields") != 0)
		return false;
	if (play->injecting)
		return true;
	if (strcmp(name, "record") == 0)
		check_record(play, arguments);
	else if (strcmp(name, "fields") == 0)
		check_fields(play, play->line->block);
	else if (strcmp(name, "no-record") == 0)
		check_no_record(play);
	else if (strcmp(name, "log") == 0)
		check_log(play, arguments, true);
	else if (strcmp(name, "no-log") == 0)
		check_log(play, arguments, false);
	else if (strcmp(fake_held(play->ctx), arguments) != 0)
		wrong(play, "held for \"%s\"", fake_held(play->ctx));
	return known;
}

static void
check_answer(struct play *play, const char *got, const char *wanted)
{
	if (play->injecting && isdigit((unsigned char)wanted[0])) {
		if (strncmp(got, "action=5", 8) != 0 && strncmp(got, "action=4", 8) != 0)
			wrong(play, "let through when memory was short: %s", got);
	} else if (!play->injecting && (strncmp(got, "action=", 7) != 0 ||
	    strncmp(got + 7, wanted, strlen(wanted)) != 0)) {
		wrong(play, "%s instead of %s", got, wanted);
	}
}

/* A request of the policy delegation protocol, and what the answer begins with. */
static void
ask(struct play *play, const char *wanted)
{
	struct delegation request = { .state = DELEGATION_EMPTY };
	struct buffer out = BUFFER_INIT;
	char *text;
	bool answered;

	if (asprintf(&text, "request=smtpd_access_policy\n%s%s\n",
	    strstr(play->line->block, "protocol_state") == NULL ?
	    "protocol_state=RCPT\n" : "", play->line->block) == -1)
		abort();
	(void)delegation_feed(&request, text, strlen(text));
	if (request.state != DELEGATION_COMPLETE) {
		if (!play->injecting)
			wrong(play, "the request is not complete");
	} else {
		answered = answer_request(&play->service, &play->clients[play->client],
		    &request, &out);
		if (answered == (strcmp(wanted, "nothing") == 0))
			wrong(play, "%s answer", answered ? "an" : "no");
		else if (answered && !out.failed)
			check_answer(play, out.text, wanted);
	}
	buffer_free(&out);
	delegation_clear(&request);
	free(text);
}

static bool
play_service(struct play *play, const char *name, const char *arguments)
{
	if (strcmp(name, "ask") == 0)
		ask(play, arguments);
	else if (strcmp(name, "asking") == 0)
		play->client = (size_t)(arguments[0] - '1') % CLIENTS;
	else
		return false;
	return true;
}

static bool
play_session(struct play *play, const char *name, char *arguments)
{
	if (strcmp(name, "connect") == 0)
		connect_client(play, arguments);
	else if (strcmp(name, "helo") == 0)
		(void)fake_helo(play->ctx, arguments);
	else if (strcmp(name, "header") == 0 || strcmp(name, "header-unasked") == 0)
		send_header(play, arguments, name[6] == '\0');
	else if (strcmp(name, "abort") == 0)
		(void)fake_abort(play->ctx);
	else if (strcmp(name, "close") == 0)
		close_session(play);
	else if (strcmp(name, "macro") == 0)
		set_macro(play, arguments);
	else if (strcmp(name, "lose-macros") == 0)
		fake_lose_macros(play->ctx);
	else if (strcmp(name, "tls") == 0)
		set_tls(play, arguments);
	else if (strcmp(name, "clear") == 0)
		set_tls(play, arguments + strlen(arguments));
	else if (strcmp(name, "stage") == 0)
		atomic_store(&play->service.stage, strcmp(arguments, "closed") == 0 ?
		    SERVICE_CLOSED : strcmp(arguments, "ending") == 0 ? SERVICE_ENDING :
		    SERVICE_OPEN);
	else if (strcmp(name, "queue-id") == 0)
		fake_queue_id(play->ctx, arguments[0] != '\0' ? arguments : NULL);
	else
		return play_command(play, name, arguments);
	return true;
}

static bool
play_preparation(struct play *play, const char *name, const char *arguments)
{
	if (strcmp(name, "policy") == 0 || strcmp(name, "reload") == 0)
		take_policy(play, play->line->block);
	else if (strcmp(name, "mta") == 0)
		play->options.mta = strcmp(arguments, "sendmail") == 0 ? FAKE_SENDMAIL :
		    FAKE_POSTFIX;
	else if (strcmp(arguments, "no-symlist") == 0)
		play->options.no_symlist = true;
	else if (strcmp(arguments, "no-quarantine") == 0)
		play->options.no_quarantine = true;
	else if (strcmp(arguments, "no-version") == 0)
		play->options.no_version = true;
	else if (strcmp(name, "fail") == 0 && strcmp(arguments, "symlist") == 0)
		play->options.failing_symlist = true;
	else if (strcmp(name, "fail") == 0 && strcmp(arguments, "reply") == 0)
		play->options.failing_reply = true;
	else if (strcmp(name, "fail") == 0 && strcmp(arguments, "quarantine") == 0)
		play->options.failing_quarantine = true;
	else if (strcmp(arguments, "no-add") == 0)
		play->options.no_add = true;
	else if (strcmp(arguments, "no-change") == 0)
		play->options.no_change = true;
	else if (strcmp(name, "fail") == 0 && strcmp(arguments, "add") == 0)
		play->options.failing_add = true;
	else if (strcmp(name, "fail") == 0 && strcmp(arguments, "change") == 0)
		play->options.failing_change = true;
	else
		return strcmp(name, "set") == 0 || strcmp(name, "unset") == 0;
	return true;
}

static void
play_line(struct play *play)
{
	char *text = strdup(play->line->text);
	char *arguments;

	if (text == NULL)
		abort();
	arguments = text + strcspn(text, " \t");
	if (*arguments != '\0')
		*arguments++ = '\0';
	arguments = trim(arguments);
	if (!play_preparation(play, text, arguments)) {
		begin_session(play);
		if (!play_check(play, text, arguments) &&
		    !play_service(play, text, arguments) &&
		    !play_session(play, text, arguments))
			wrong(play, "not understood");
	}
	free(text);
}

bool
scenario_play(const struct scenario *scenario, const char *folder, long failing,
    long *allocations)
{
	struct play play = { .scenario = scenario, .folder = folder,
	    .injecting = failing > 0, .ok = true };
	unsigned faults = fake_faults();
	long live = allocation_live();
	bool ready = start(&play);

	if (!ready)
		wrong(&play, "cannot start");
	allocation_fail(failing);
	for (size_t i = 0; ready && play.ok && i < scenario->count; i++) {
		play.line = &scenario->lines[i];
		play_line(&play);
	}
	*allocations = allocation_count();
	allocation_fail(0);
	stop(&play);
	if (fake_faults() != faults)
		wrong(&play, "faults");
	if (play.ok && allocation_live() != live)
		wrong(&play, "%ld allocations were not freed", allocation_live() - live);
	return play.ok;
}
