/*
 * add_partner.c - tlsward add-partner: an agreement from what a partner's mail was like.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/add_partner.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/screen.h"
#include "tool/tool.h"
#include "base/date.h"
#include "base/diag.h"
#include "base/text.h"

/* The hosts that sent so many percent of the mail are the partner's. */
#define SHARE 90

#define DOMAINS_MAX 100
#define CLIENTS_MAX 100

struct partner_run {
	const char *config, *policy, *journal, *node;
	bool template;
	char domains[DOMAINS_MAX][256];
	const char *domain_list[DOMAINS_MAX];
	struct review_filter clients[CLIENTS_MAX];
	size_t client_count;
	struct agreed agreed;
	bool *chosen;
};

/* ------------------------------------------------------------------ *
 * Policies that are in no file
 * ------------------------------------------------------------------ */

/*
 * Loads a text as a policy. False where that could not be tried, having said so; *policy
 * is NULL where it is none, with why in "diags".
 */
static bool
load_text(const char *text, struct policy **policy, struct diags *diags)
{
	enum policy_load_result result;
	char path[TOOL_PATH_SIZE];
	int file = tool_text_file(text, strlen(text), path);

	*policy = NULL;
	if (file == -1)
		return false;
	result = policy_load(path, policy, diags);
	if (result == POLICY_NO_MEMORY || diags_failed(diags))
		(void)tool_no_memory();
	else if (result == POLICY_UNREADABLE)
		(void)tool_trouble("cannot try a policy: %s cannot be read", path);
	(void)close(file);
	return (result == POLICY_LOADED || result == POLICY_INVALID) &&
	    !diags_failed(diags);
}

/* ------------------------------------------------------------------ *
 * The mail, and the hosts
 * ------------------------------------------------------------------ */

static int
no_mail(const struct partner_run *run)
{
	const struct agreed *agreed = &run->agreed;
	const char *more = agreed->domain_count > 1 ? " and the others" : "";
	char since[DATE_DAY_SIZE];

	date_write_day(agreed->since, since);
	if (agreed->hosts->messages > 0)
		(void)tool_trouble("none of the mail from %s%s since %s came from the hosts "
		    "of --from: see tlsward log --domain %s", agreed->domains[0], more,
		    since, agreed->domains[0]);
	else
		(void)tool_trouble("no mail from %s%s was let in since %s, and %lld attempts "
		    "were refused: see tlsward log --domain %s, wait for some, or write a "
		    "template with --template", agreed->domains[0], more, since,
		    (long long)agreed->hosts->refused, agreed->domains[0]);
	return STATUS_NO;
}

static bool
is_from(const struct partner_run *run, const struct review_host *host)
{
	size_t i = 0;

	while (i < run->client_count && !review_filter_host(&run->clients[i], host))
		i++;
	return i < run->client_count;
}

/* Chooses the hosts that it rests on. */
static int
choose_hosts(struct partner_run *run)
{
	struct review_hosts *hosts = run->agreed.hosts;
	int64_t messages = 0;

	run->chosen = calloc(hosts->count + 1, sizeof(*run->chosen));
	if (run->chosen == NULL)
		return tool_no_memory();
	for (size_t i = 0; i < hosts->count && hosts->list[i].messages > 0; i++) {
		run->chosen[i] = run->agreed.named ? is_from(run, &hosts->list[i]) :
		    messages * 100 < hosts->messages * SHARE;
		messages += run->chosen[i] ? hosts->list[i].messages : 0;
	}
	run->agreed.chosen = run->chosen;
	return messages > 0 ? STATUS_FINE : no_mail(run);
}

static int
read_hosts(struct partner_run *run)
{
	struct review_options options = { .since_ms = run->agreed.since * 1000 };
	char error[REVIEW_ERROR_MAX];
	struct tool_journal journal;
	struct policy *policy = NULL;
	struct diags *diags = diags_new();
	bool loaded = diags != NULL && load_text("", &policy, diags);
	int status = STATUS_TROUBLE;

	options.policy = policy;
	if (diags == NULL)
		(void)tool_no_memory();
	if (loaded && tool_open_journal(run->journal, run->node, run->config, &journal)) {
		run->agreed.hosts = review_hosts_read(journal.db, journal.path, &options,
		    run->agreed.domains, run->agreed.domain_count, error);
		status = run->agreed.hosts == NULL ? tool_trouble("%s", error) :
		    choose_hosts(run);
	} else if (loaded) {
		(void)tool_trouble("without a journal there is --template");
	}
	if (loaded)
		tool_close_journal(&journal);
	policy_free(&policy);
	diags_free(&diags);
	return status;
}

/* ------------------------------------------------------------------ *
 * What is written
 * ------------------------------------------------------------------ */

/* The policy "path" with the text behind it, as the text of one. */
static void
write_whole(const char *path, const char *agreement, struct buffer *text)
{
	char *whole = realpath(path, NULL);

	buffer_string(text, "include \"");
	for (const char *each = whole != NULL ? whole : path; *each != '\0'; each++)
		buffer_format(text, "%s%c", strchr("\"\\", *each) != NULL ? "\\" : "", *each);
	buffer_format(text, "\"\n%s", agreement);
	text->failed |= whole == NULL && errno == ENOMEM;
	free(whole);
}

/*
 * Whether it is a policy: the errors become elements of an array or, where that is NULL,
 * are said. As find_clashes().
 */
static int
try_policy(const char *text, struct tree *errors)
{
	struct diags *diags = diags_new();
	struct policy *policy = NULL;
	int status = STATUS_TROUBLE;

	if (diags == NULL) {
		(void)tool_no_memory();
	} else if (load_text(text, &policy, diags)) {
		for (size_t i = 0; diags_at(diags, i) != NULL; i++) {
			const char *message = diags_at(diags, i)->message;

			if (errors == NULL)
				(void)tool_trouble("%s", message);
			else
				tree_text(errors, NULL, message);
		}
		status = policy != NULL ? STATUS_FINE : STATUS_NO;
	}
	policy_free(&policy);
	diags_free(&diags);
	return status;
}

/* Tries it behind a policy that can be used. As find_clashes(). */
static int
try_behind(const char *path, const char *agreement, struct tree *clashes)
{
	struct buffer whole = BUFFER_INIT;
	int status;

	write_whole(path, agreement, &whole);
	status = whole.failed ? tool_no_memory() :
	    try_policy(whole.text, clashes);
	buffer_free(&whole);
	return status;
}

/* Whether what could not be loaded can be read at all. */
static bool
is_readable(const struct loaded *loaded)
{
	const char *path = loaded->path != NULL ? loaded->path : loaded->settings_path;

	return path == NULL || access(path, R_OK) == 0;
}

/*
 * Looks what the policy already has of this: elements of an array. STATUS_NO where it has
 * something, STATUS_TROUBLE where that could not be done.
 */
static int
find_clashes(const struct partner_run *run, const char *agreement, struct tree *clashes)
{
	struct loaded loaded;
	int status = tool_load(run->policy, run->config, run->agreed.now, &loaded);

	if (status == STATUS_FINE) {
		status = try_behind(loaded.path, agreement, clashes);
		if (status == STATUS_NO)
			(void)tool_trouble("it clashes with %s: the comment at its top says where",
			    loaded.path);
	} else if (status == STATUS_NO || !is_readable(&loaded)) {
		(void)tool_trouble("the policy cannot be used, so it was not looked whether "
		    "it has rules for this already: see tlsward check");
		status = STATUS_FINE;
	}
	tool_unload(&loaded);
	return status;
}

static int
write_partner(const struct partner_run *run)
{
	struct buffer text = BUFFER_INIT;
	struct tree clashes = { .depth = 0 };
	int status = STATUS_TROUBLE;

	tree_open_array(&clashes, NULL);
	if (agreed_write(&run->agreed, json_array(), &text) &&
	    try_policy(text.text, NULL) == STATUS_FINE)
		status = find_clashes(run, text.text, &clashes);
	if (status == STATUS_NO) {
		buffer_clear(&text);
		if (!agreed_write(&run->agreed, tree_take(&clashes), &text))
			status = STATUS_TROUBLE;
	}
	if (status != STATUS_TROUBLE && screen_write(&text) == SCREEN_FAILED)
		status = STATUS_TROUBLE;
	json_decref(tree_take(&clashes));
	buffer_free(&text);
	return status;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static bool
take_host(const char *argument, void *context)
{
	struct partner_run *run = context;

	if (run->client_count == CLIENTS_MAX || argument[0] == '-' ||
	    !review_filter_client(&run->clients[run->client_count], argument)) {
		(void)tool_trouble(run->client_count == CLIENTS_MAX ?
		    "%s: more than 100 hosts" :
		    "\"%s\" is neither an address, nor a network, nor a host's name", argument);
		return false;
	}
	run->client_count++;
	return true;
}

static bool
take_partner_domain(struct partner_run *run, const char *text)
{
	size_t at = run->agreed.domain_count;

	if (at == DOMAINS_MAX) {
		(void)tool_trouble("more than %d domains", DOMAINS_MAX);
		return false;
	}
	if (text[0] == '.' || !policy_domain(text, run->domains[at], 256) ||
	    strchr(run->domains[at], '.') == NULL) {
		(void)tool_trouble("\"%s\" is not a domain, as acme.example, with which goes "
		    "what is below it; several have spaces between them", text);
		return false;
	}
	run->domain_list[run->agreed.domain_count++] = run->domains[at];
	return true;
}

/* A name as it can stand in a policy; what more it must be the policy says. */
static bool
is_visible(const char *name)
{
	struct buffer visible = BUFFER_INIT;
	bool same;

	text_visible(&visible, name);
	buffer_string(&visible, "");
	same = !visible.failed && strcmp(visible.text, name) == 0;
	if (visible.failed)
		(void)tool_no_memory();
	else if (!same)
		(void)tool_trouble("a partner's name has 1 to 80 printable characters");
	buffer_free(&visible);
	return same;
}

/*
 * Takes the hosts behind --from, as many as there are up to the next option, out of the
 * arguments. False where one is none.
 */
static bool
take_clients(struct partner_run *run, int *argc, char **argv)
{
	int left = 0;
	bool from = false;

	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], "--from") == 0 && i + 1 < *argc &&
		    argv[i + 1][0] != '-') {
			from = true;
			continue;
		}
		from = from && argv[i][0] != '-';
		if (!from)
			argv[left++] = argv[i];
		else if (!take_host(argv[i], run))
			return false;
	}
	argv[left] = NULL;
	*argc = left;
	return true;
}

static int
make_agreement(struct partner_run *run)
{
	int status = STATUS_FINE;

	run->agreed.named = run->client_count > 0;
	run->agreed.now = tool_now_ms() / 1000;
	run->agreed.since = run->agreed.now - AGREED_DAYS * 86400;
	run->agreed.domains = run->domain_list;
	if (!run->template)
		status = read_hosts(run);
	if (status == STATUS_FINE)
		status = write_partner(run);
	review_hosts_free(&run->agreed.hosts);
	free(run->chosen);
	return status;
}

static int
run_add_partner(const struct command *command, int argc, char **argv)
{
	static struct partner_run run;
	int status;

	if (!take_clients(&run, &argc, argv))
		return STATUS_TROUBLE;
	status = tool_options(command, argc, argv, &run);
	if (status != -1)
		return status;
	if (argc - optind < 2)
		return tool_usage(command);
	run.agreed.name = argv[optind++];
	if (!is_visible(run.agreed.name))
		return STATUS_TROUBLE;
	for (; optind < argc; optind++)
		if (!take_partner_domain(&run, argv[optind]))
			return STATUS_TROUBLE;
	return make_agreement(&run);
}

static const struct tool_option add_partner_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct partner_run, config),
	OPTION_CALL("from", 0, take_host),
	JOURNAL_OPTIONS(struct partner_run, journal, node),
	OPTION("policy", 0, OPTION_TEXT, struct partner_run, policy),
	OPTION("template", 0, OPTION_FLAG, struct partner_run, template),
	OPTION_END
};

const struct command command_add_partner = {
	.name = "add-partner",
	.run = run_add_partner,
	.options = add_partner_options,
	.arguments = "NAME DOMAIN... [--from CLIENT...] [--template]",
	.about = "write the agreement that a partner's mail would have met",
	.help =
	    "  --from CLIENT...        the partner's hosts: names, addresses, networks;\n"
	    "                          else those that sent 90 % of the mail or more\n"
	    "  --template              without the journal: TLS 1.2, 128 bits and forward\n"
	    "                          secrecy\n"
	    JOURNAL_HELP
	    "  --policy FILE           the policy that it is to fit; else the settings'\n"
	    "  -c FILE, --config FILE  the settings; else the default settings file\n\n"
	    "A file for policy.d goes to standard output: a partner block with what the mail\n"
	    "of the last 30 days would have passed, under monitor for 30 days from now, and\n"
	    "the cases for tlsward test. The status is 1 where there was no such mail, or\n"
	    "the policy has a rule for one of the domains already.\n",
	.examples =
	    "  tlsward add-partner New new.example > policy.d/new.conf\n"
	    "  tlsward add-partner New new.example --template\n",
};
