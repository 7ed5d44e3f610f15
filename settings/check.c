/*
 * check.c - what settings cannot mean together, or with what is there.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings/table.h"
#include "base/diag.h"

/* Something is wrong with the settings as a whole. */
#define setting_complain_all(c, severity, id, ...) \
    diags_add((c)->diags, (severity), (id), (c)->path, 0, 0, NULL, 0, __VA_ARGS__)

/* The kind of warning of what nobody tells. */
#define MISSING "facts-missing"

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
		setting_complain_all(c, SEVERITY_WARNING, MISSING, "the policy requires "
		    "something of a certificate's key, signature or validity, which no MTA reports: "
		    "without partner-certificates it is never met");
	if ((!summary->needs_fingerprint && !summary->needs_known) ||
	    settings->policy_service != NULL)
		return;
	if (settings->mta == SETTINGS_MTA_POSTFIX)
		setting_complain_all(c, SEVERITY_WARNING, MISSING, "the policy needs the "
		    "certificates' fingerprints, and Postfix reports them to a policy "
		    "service alone, which is not set: no pin is ever met");
	else if (settings->mta == SETTINGS_MTA_AUTO)
		setting_complain_all(c, SEVERITY_WARNING, MISSING, "the policy needs the "
		    "certificates' fingerprints: Postfix reports them to a policy "
		    "service alone, which is not set; if the MTA is Sendmail, set \"mta "
		    "sendmail\"");
}

/* Whoever can connect is believed what only an MTA can know. */
static void
check_socket_mode(const struct check *c)
{
	const struct settings *settings = c->settings;
	bool is_file = settings_unix_path(settings->policy_service) != NULL ||
	    settings_unix_path(settings->tls_policy_map) != NULL;

	for (size_t i = 0; i < settings->listen.count; i++)
		is_file |= settings_unix_path(settings->listen.address[i]) != NULL;
	if (is_file && (settings->socket_mode & S_IWOTH) != 0 &&
	    !settings->socket_world_writable)
		setting_complain(c, SEVERITY_ERROR, NULL, SETTING_socket_mode,
		    "socket-mode %04o lets every user of this host speak as the MTA: "
		    "0660 and the MTA's group in socket-group keep them out; who wants it "
		    "all the same writes \"socket-world-writable yes\"",
		    (unsigned)settings->socket_mode);
}

/* Whether the milter listens at an address. */
static bool
is_listened_on(const struct settings_listen *listen, const char *address)
{
	for (size_t i = 0; i < listen->count; i++)
		if (strcmp(listen->address[i], address) == 0)
			return true;
	return false;
}

/* No two answer at one address; no two lines of "listen" do, as they are read. */
static void
check_twice(const struct check *c)
{
	static const size_t numbers[] = { SETTING_listen, SETTING_policy_service,
	    SETTING_tls_policy_map, SETTING_metrics, SETTING_control };
	const struct settings *settings = c->settings;
	const char *const addresses[] = { NULL, settings->policy_service,
	    settings->tls_policy_map, settings->metrics, settings->control };

	for (size_t i = 1; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		for (size_t j = 0; j < i && addresses[i] != NULL; j++)
			if (j == 0 ? is_listened_on(&settings->listen, addresses[i]) :
			    addresses[j] != NULL && strcmp(addresses[i], addresses[j]) == 0)
				setting_complain(c, SEVERITY_ERROR, NULL, numbers[i],
				    "%s and %s are the same address",
				    settings_table[numbers[j]].name,
				    settings_table[numbers[i]].name);
}

/* The service that is asked is another than the one that asks; metrics are for this host. */
static void
check_addresses(const struct check *c)
{
	const char *map = c->settings->tls_policy_map, *next = c->settings->tls_policy_next;
	const char *metrics = c->settings->metrics;

	check_twice(c);
	if (next != NULL && map == NULL)
		setting_complain(c, SEVERITY_ERROR, NULL, SETTING_tls_policy_next,
		    "tls-policy-next is asked by tls-policy-map alone, which is not set");
	else if (next != NULL && strcmp(next, map) == 0)
		setting_complain(c, SEVERITY_ERROR, NULL, SETTING_tls_policy_next,
		    "tls-policy-next is the address of tls-policy-map: it would ask itself");
	if (metrics != NULL && !settings_is_loopback(metrics))
		setting_complain(c, SEVERITY_WARNING, "metrics-open", SETTING_metrics,
		    "metrics are not kept to this host: everybody who reaches that address can "
		    "read them");
}

/* What Sendmail cannot be told matters not where it is not the MTA; it has no socketmap. */
static bool
is_of_sendmail(const struct diag *diag, void *data)
{
	(void)data;
	return diag->id != NULL && strcmp(diag->id, "outgoing-postfix") == 0;
}

void
settings_check_policy(const struct settings *settings, const char *path,
    const struct policy *policy, struct diags *diags)
{
	const struct check check = { settings, path, diags };
	struct policy_summary summary;

	policy_summarize(policy, &summary);
	if (settings->reply_at == SETTINGS_REPLY_AT_MAIL && summary.has_to_exempt)
		setting_complain(&check, SEVERITY_ERROR, NULL, SETTING_reply_at,
		    "reply-at mail cannot go with a \"to\" rule that exempts: "
		    "recipients are not known yet when MAIL is answered");
	if (settings->reply_at == SETTINGS_REPLY_AT_MAIL &&
	    settings->policy_service != NULL)
		setting_complain(&check, SEVERITY_ERROR, NULL, SETTING_reply_at,
		    "reply-at mail cannot go with a policy-service: what Postfix tells "
		    "it is not known yet when MAIL is answered");
	if (settings->ship_to != NULL && settings->journal == NULL)
		setting_complain(&check, SEVERITY_ERROR, NULL, SETTING_ship_to,
		    "ship-to sends the journal, which is \"none\"");
	check_socket_mode(&check);
	check_addresses(&check);
	check_sources(&check, &summary);
	if (settings->mta == SETTINGS_MTA_POSTFIX || settings->tls_policy_map != NULL)
		diags_drop(diags, is_of_sendmail, NULL);
}

/* Nobody has asked for that journal. */
static bool
is_default(const char *journal)
{
	return strcmp(strchr(settings_table[SETTING_journal].fallback, '/'), journal) == 0;
}

/* Whether root makes its folder for the user, when it starts the daemon. */
static bool
is_folder_made(const char *journal)
{
	char above[PATH_MAX];
	char *slash;
	struct stat st;

	(void)snprintf(above, sizeof(above), "%s", journal);
	for (int i = 0; i < 2 && (slash = strrchr(above, '/')) != NULL; i++)
		*slash = '\0';
	return getuid() == 0 && stat(above[0] != '\0' ? above : "/", &st) == 0;
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
		setting_complain_all(&check, SEVERITY_ERROR, NULL,
		    "the journal %s cannot be used: %s; it is left as it is", journal,
		    journal_look_text(look));
	/* The default one's folder is made by root, or by systemd. */
	else if (as_daemon && (look == JOURNAL_UNUSABLE ||
	    (look == JOURNAL_NO_FOLDER && !is_default(journal) &&
	    !is_folder_made(journal))))
		setting_complain_all(&check, SEVERITY_WARNING, "journal-unusable",
		    "the journal %s: %s (%s): decisions would be in the log alone",
		    journal, journal_look_text(look), strerror(errno));
}
