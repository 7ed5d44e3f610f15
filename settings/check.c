/*
 * check.c - what settings cannot mean together, or with what is there.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "settings/table.h"
#include "base/diag.h"

/* Something is wrong with the setting "number", where it is set. */
#define setting_complain(c, severity, number, ...) \
    diags_add((c)->diags, (severity), NULL, (c)->path, \
    (c)->settings->set_at[number].line, (c)->settings->set_at[number].column, \
    NULL, 0, __VA_ARGS__)

/* Something is wrong with the settings as a whole. */
#define setting_complain_all(c, severity, ...) \
    diags_add((c)->diags, (severity), NULL, (c)->path, 0, 0, NULL, 0, __VA_ARGS__)

struct check {
	const struct settings *settings;
	const char *path;
	struct diags *diags;
};

/* Requirements on facts that nobody supplies are never met. */
static void
check_sources(const struct check *c, const struct policy_summary *summary)
{
	const struct settings *settings = c->settings;

	if (summary->needs_known && settings->partner_certificates == NULL)
		setting_complain_all(c, SEVERITY_WARNING, "the policy requires something "
		    "of a certificate's key, signature or validity, which no MTA reports: "
		    "without partner-certificates it is never met");
	if ((!summary->needs_fingerprint && !summary->needs_known) ||
	    settings->policy_service != NULL)
		return;
	if (settings->mta == SETTINGS_MTA_POSTFIX)
		setting_complain_all(c, SEVERITY_WARNING, "the policy needs the "
		    "certificates' fingerprints, and Postfix reports them to a policy "
		    "service alone, which is not set: no pin is ever met");
	else if (settings->mta == SETTINGS_MTA_AUTO)
		setting_complain_all(c, SEVERITY_WARNING, "the policy needs the "
		    "certificates' fingerprints: Postfix reports them to a policy "
		    "service alone, which is not set; if the MTA is Sendmail, set \"mta "
		    "sendmail\"");
}

static bool
same_address(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Whoever can connect is believed what only an MTA can know. */
static void
check_socket_mode(const struct check *c)
{
	const struct settings *settings = c->settings;
	bool is_file = settings_unix_path(settings->listen) != NULL ||
	    settings_unix_path(settings->policy_service) != NULL;

	if (is_file && (settings->socket_mode & S_IWOTH) != 0 &&
	    !settings->socket_world_writable)
		setting_complain(c, SEVERITY_ERROR, SETTING_socket_mode,
		    "socket-mode %04o lets every user of this host speak as the MTA: "
		    "0660 and the MTA's group in socket-group keep them out; who wants it "
		    "all the same writes \"socket-world-writable yes\"",
		    (unsigned)settings->socket_mode);
}

/* No two answer at one address; metrics are for this host. */
static void
check_addresses(const struct check *c)
{
	const struct settings *settings = c->settings;
	const char *metrics = settings->metrics;

	if (same_address(settings->policy_service, settings->listen))
		setting_complain_all(c, SEVERITY_ERROR,
		    "listen and policy-service are the same address");
	if (same_address(metrics, settings->listen))
		setting_complain(c, SEVERITY_ERROR, SETTING_metrics,
		    "listen and metrics are the same address");
	if (same_address(metrics, settings->policy_service))
		setting_complain(c, SEVERITY_ERROR, SETTING_metrics,
		    "policy-service and metrics are the same address");
	if (metrics != NULL && !settings_is_loopback(metrics))
		setting_complain(c, SEVERITY_WARNING, SETTING_metrics,
		    "metrics are not kept to this host: whoever reaches that address can "
		    "read them");
}

void
settings_check_policy(const struct settings *settings, const char *path,
    const struct policy *policy, struct diags *diags)
{
	const struct check check = { settings, path, diags };
	struct policy_summary summary;

	policy_summarize(policy, &summary);
	if (settings->reply_at == SETTINGS_REPLY_AT_MAIL && summary.has_to_exempt)
		setting_complain(&check, SEVERITY_ERROR, SETTING_reply_at,
		    "reply-at mail cannot go with a \"to\" rule that exempts: "
		    "recipients are not known yet when MAIL is answered");
	if (settings->reply_at == SETTINGS_REPLY_AT_MAIL &&
	    settings->policy_service != NULL)
		setting_complain(&check, SEVERITY_ERROR, SETTING_reply_at,
		    "reply-at mail cannot go with a policy-service: what Postfix tells "
		    "it is not known yet when MAIL is answered");
	check_socket_mode(&check);
	check_addresses(&check);
	check_sources(&check, &summary);
}

/* Nobody has asked for that journal. */
static bool
is_default(const char *journal)
{
	return strcmp(strchr(settings_table[SETTING_journal].fallback, '/'), journal) == 0;
}

void
settings_check_journal(const struct settings *settings, const char *path,
    bool as_daemon, struct diags *diags)
{
	const struct check check = { settings, path, diags };
	const char *journal = settings->journal;
	enum journal_look look;

	if (journal == NULL)
		return;
	look = journal_store_look(journal);
	if (look == JOURNAL_NEWER || look == JOURNAL_FOREIGN)
		setting_complain_all(&check, SEVERITY_ERROR,
		    "the journal %s cannot be used: %s; it is left as it is", journal,
		    journal_look_text(look));
	/* The default one's folder is made by root, or by systemd. */
	else if (as_daemon && (look == JOURNAL_UNUSABLE ||
	    (look == JOURNAL_NO_FOLDER && !is_default(journal))))
		setting_complain_all(&check, SEVERITY_WARNING,
		    "the journal %s: %s (%s): decisions would be in the log alone",
		    journal, journal_look_text(look), strerror(errno));
}
