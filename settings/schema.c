/*
 * schema.c - every setting: its name, values, default and meaning.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "settings/schema.h"
#include "base/suggest.h"

static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const modes[] = { "enforce", "monitor", NULL };
/* Each of these in the order of its enum. */
static const char *const mtas[] = { "auto", "postfix", "sendmail", NULL };
static const char *const answers[] = { "auto", "facts", "verdict", NULL };
static const char *const reply_ats[] = { "rcpt", "mail", NULL };
static const char *const on_errors[] = { "tempfail", "accept", NULL };
static const char *const accepted_kinds[] = { "rollup", "full", NULL };
static const char *const formats[] = { "logfmt", "json", NULL };

#define AT(member) offsetof(struct settings, member)

const struct setting settings_schema[] = {
	{ "listen", setting_take_listen, AT(listen), NULL,
	    "unix:/path | inet:host:port | inet6:[host]:port",
	    "unix:/run/tlsward/milter.sock", NULL,
	    "where the MTA reaches the daemon" },
	{ "socket-mode", setting_take_octal, AT(socket_mode), NULL,
	    "octal", "0660", NULL, "permissions of the UNIX socket" },
	{ "socket-group", setting_take_name, AT(socket_group), NULL,
	    "group", NULL, "the daemon's group", "group of the UNIX socket" },
	{ "policy", setting_take_file, AT(policy), NULL,
	    "path", "policy.conf", NULL,
	    "the policy file; relative to the settings file's folder" },
	{ "user", setting_take_name, AT(user), NULL,
	    "user", "tlsward", NULL,
	    "whom to become after start, when started as root" },
	{ "group", setting_take_name, AT(group), NULL,
	    "group", NULL, "the user's primary group",
	    "the group to become, when started as root" },
	{ "mta", setting_take_word, AT(mta), mtas,
	    "auto | postfix | sendmail", "auto", NULL,
	    "how certificate macros are to be understood" },
	{ "policy-service", setting_take_service, AT(policy_service), NULL,
	    "unix:/path | inet:host:port | inet6:[host]:port | none", "none", NULL,
	    "a second listener, for Postfix's policy delegation protocol" },
	{ "policy-service-answers", setting_take_word, AT(policy_service_answers),
	    answers, "facts | verdict | auto", "auto", NULL,
	    "whether it serves the milter with facts, or judges itself" },
	{ "partner-certificates", setting_take_folder, AT(partner_certificates), NULL,
	    "path | none", NULL, "none",
	    "a folder of partners' certificates; relative as policy is" },
	{ "reply-at", setting_take_word, AT(reply_at), reply_ats,
	    "rcpt | mail", "rcpt", NULL,
	    "at which command \"from\" and \"client\" rules refuse" },
	{ "mode", setting_take_flag, AT(mode_monitor), modes,
	    "enforce | monitor", "enforce", NULL,
	    "\"monitor\" puts every rule under monitor" },
	{ "soft-bounce", setting_take_flag, AT(soft_bounce), no_yes,
	    "yes | no", "no", NULL, "give every reject as a tempfail" },
	{ "recipient-delimiter", setting_take_delimiter, AT(recipient_delimiter), NULL,
	    "characters", "+", NULL,
	    "what separates a recipient's detail, as in user+detail@" },
	{ "on-internal-error", setting_take_word, AT(on_internal_error), on_errors,
	    "tempfail | accept", "tempfail", NULL,
	    "what becomes of mail that cannot be judged" },
	{ "log", setting_take_log, AT(log), NULL,
	    "syslog[:facility] | stderr | file:/path", "syslog:mail", NULL,
	    "where decisions and messages are logged" },
	{ "log-format", setting_take_word, AT(log_format), formats,
	    "logfmt | json", "logfmt", NULL, "how a log line is written" },
	{ "log-accepted", setting_take_flag, AT(log_accepted), no_yes,
	    "yes | no", "yes", NULL, "log accepted messages too" },
	{ "follow-accepted", setting_take_flag, AT(follow_accepted), no_yes,
	    "yes | no", "no", NULL,
	    "follow accepted messages to their end, for their queue id" },
	{ "authentication-results", setting_take_authserv, AT(authentication_results),
	    NULL, "none | AUTHSERV-ID", "none", NULL,
	    "the name of our Authentication-Results field on accepted messages" },
	{ "pid-file", setting_take_path, AT(pid_file), NULL,
	    "/path | none", NULL, "none", "where the daemon leaves its process id" },
	{ "journal", setting_take_journal, AT(journal), NULL,
	    "sqlite:/path | none", "sqlite:/var/lib/tlsward/journal.db", NULL,
	    "a database of decisions, for log, report and replay" },
	{ "journal-keep", setting_take_period, AT(journal_keep_ms), NULL,
	    "N hours | N days | N weeks | N years | forever", "400 days", NULL,
	    "how long the journal keeps what is in it" },
	{ "journal-max", setting_take_size, AT(journal_max), NULL,
	    "N KB | N MB | N GB | none", "2 GB", NULL,
	    "how large the journal may become" },
	{ "journal-accepted", setting_take_flag, AT(journal_accepted_full),
	    accepted_kinds, "rollup | full", "rollup", NULL,
	    "how accepted messages are kept in the journal" },
	{ "metrics", setting_take_metrics, AT(metrics), NULL,
	    "none | host:port | [host]:port", "none", NULL,
	    "where Prometheus and its like fetch metrics over HTTP" },
};
const size_t settings_schema_count = sizeof settings_schema / sizeof settings_schema[0];

const struct setting *
setting_find(const char *name)
{
	for (size_t i = 0; i < settings_schema_count; i++)
		if (strcmp(settings_schema[i].name, name) == 0)
			return &settings_schema[i];
	return NULL;
}

const char *
setting_suggest(const char *name)
{
	const char *names[sizeof settings_schema / sizeof settings_schema[0]];

	for (size_t i = 0; i < settings_schema_count; i++)
		names[i] = settings_schema[i].name;
	return suggest_word(name, strlen(name), names, settings_schema_count);
}

void
settings_describe(FILE *out)
{
	for (size_t i = 0; i < settings_schema_count; i++) {
		const struct setting *setting = &settings_schema[i];

		(void)fprintf(out, "%s %s\n    %s\n    default: %s\n", setting->name,
		    setting->values, setting->about,
		    setting->fallback != NULL ? setting->fallback : setting->unset);
	}
}
