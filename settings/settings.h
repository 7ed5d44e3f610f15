/*
 * settings.h - the settings file, tlsward.conf.
 *
 * The one public header of the room settings/, which the daemon and the tool
 * share. Uses policy/ and journal/.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_SETTINGS_H
#define TLSWARD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "journal/journal.h"
#include "policy/policy.h"
#include "base/diag.h"

/* Each in the order of its words below. */
enum settings_mta { SETTINGS_MTA_AUTO, SETTINGS_MTA_POSTFIX, SETTINGS_MTA_SENDMAIL };
enum settings_reply_at { SETTINGS_REPLY_AT_RCPT, SETTINGS_REPLY_AT_MAIL };
enum settings_answers {
	SETTINGS_ANSWERS_FACTS, SETTINGS_ANSWERS_VERDICT, SETTINGS_ANSWERS_AUTO
};
enum settings_hold { SETTINGS_HOLD, SETTINGS_HOLD_TEMPFAIL, SETTINGS_HOLD_REJECT };
enum settings_digest {
	SETTINGS_DIGEST_AUTO, SETTINGS_DIGEST_SHA256, SETTINGS_DIGEST_SHA1
};
enum settings_on_error { SETTINGS_ON_ERROR_TEMPFAIL, SETTINGS_ON_ERROR_ACCEPT };
enum settings_log { SETTINGS_LOG_SYSLOG, SETTINGS_LOG_STDERR, SETTINGS_LOG_FILE };

/* Where a setting is set; line 0: nowhere. */
struct setting_place {
	unsigned line, column;
};

/* An MTA has an instance for a few purposes, not for each customer. */
#define SETTINGS_LISTEN_MAX 64

/* The one setting with several lines: each is an address, and none is there twice. */
struct settings_listen {
	size_t count;			/* 1 or more */
	char *address[SETTINGS_LISTEN_MAX];
	struct setting_place at[SETTINGS_LISTEN_MAX];
};

/*
 * All settings: SETTING(type, member, name, take, values, default, without, about).
 * "take" is a way to take a value, in settings/table.h; "values" what it may be: where
 * "none" is among them, it makes a string NULL; "default" as it is written, or NULL,
 * and "without" what that means. What is added here needs no more than a user.
 */
#define SETTINGS(SETTING) \
	SETTING(struct settings_listen, listen, "listen", listen, \
	    "unix:/path | inet:host:port | inet6:[host]:port", \
	    "unix:/run/tlsward/milter.sock", NULL, "where the MTA reaches the daemon") \
	SETTING(mode_t, socket_mode, "socket-mode", octal, "octal", "0660", NULL, \
	    "permissions of the UNIX socket") \
	SETTING(bool, socket_world_writable, "socket-world-writable", yes, "yes | no", \
	    "no", NULL, "whether socket-mode may let every user of this host connect") \
	SETTING(char *, socket_group, "socket-group", name, "group", NULL, \
	    "the daemon's group", "group of the UNIX socket") \
	SETTING(char *, policy, "policy", text, "path", "policy.conf", NULL, \
	    "the policy file; relative to the settings file's folder") \
	SETTING(char *, user, "user", name, "user", "tlsward", NULL, \
	    "whom to become after start, when started as root") \
	SETTING(char *, group, "group", name, "group", NULL, \
	    "the user's primary group", "the group to become, when started as root") \
	SETTING(bool, confine, "confine", yes, "yes | no", "yes", NULL, \
	    "whether the daemon takes from itself what it need not ask of the kernel") \
	SETTING(enum settings_mta, mta, "mta", word, "auto | postfix | sendmail", \
	    "auto", NULL, "how certificate macros are to be understood") \
	SETTING(unsigned, postfix_version, "postfix-version", version, \
	    "auto | version", "auto", NULL, "the Postfix that is told how to deliver") \
	SETTING(enum settings_digest, postfix_tls_digest, "postfix-tls-digest", word, \
	    "auto | sha256 | sha1", "auto", NULL, \
	    "by which digest it knows a server: its smtp_tls_fingerprint_digest") \
	SETTING(char *, policy_service, "policy-service", address, \
	    "unix:/path | inet:host:port | inet6:[host]:port | none", "none", NULL, \
	    "a second listener, for Postfix's policy delegation protocol") \
	SETTING(enum settings_answers, policy_service_answers, \
	    "policy-service-answers", word, "facts | verdict | auto", "auto", NULL, \
	    "whether it serves the milter with facts, or judges itself") \
	SETTING(char *, tls_policy_map, "tls-policy-map", address, \
	    "unix:/path | inet:host:port | inet6:[host]:port | none", "none", NULL, \
	    "a listener that tells Postfix how to deliver, for smtp_tls_policy_maps") \
	SETTING(char *, tls_policy_next, "tls-policy-next", next, \
	    "unix:/path NAME | inet:host:port NAME | inet6:[host]:port NAME | none", \
	    "none", NULL, "a service for DANE and MTA-STS that tls-policy-map asks, too") \
	SETTING(char *, partner_certificates, "partner-certificates", text, \
	    "path | none", "none", NULL, \
	    "a folder of partners' certificates; relative as policy is") \
	SETTING(enum settings_reply_at, reply_at, "reply-at", word, "rcpt | mail", \
	    "rcpt", NULL, "at which command \"from\" and \"client\" rules refuse") \
	SETTING(bool, mode_monitor, "mode", second, "enforce | monitor", "enforce", \
	    NULL, "\"monitor\" puts every rule under monitor") \
	SETTING(bool, soft_bounce, "soft-bounce", yes, "yes | no", "no", NULL, \
	    "give every reject as a tempfail") \
	SETTING(enum settings_hold, quarantine_as, "quarantine-as", word, \
	    "hold | tempfail | reject", "hold", NULL, \
	    "what a quarantine is given as; what cannot be held is a tempfail") \
	SETTING(char *, reply_suffix, "reply-suffix", suffix, "text | none", "none", NULL, \
	    "a text at the end of default replies") \
	SETTING(char *, recipient_delimiter, "recipient-delimiter", delimiter, \
	    "characters", "+", NULL, \
	    "what separates a recipient's detail, as in user+detail@") \
	SETTING(enum settings_on_error, on_internal_error, "on-internal-error", word, \
	    "tempfail | accept", "tempfail", NULL, \
	    "what becomes of mail that cannot be judged") \
	SETTING(enum settings_log, log, "log", log, \
	    "syslog[:facility] | stderr | file:/path", "syslog:mail", NULL, \
	    "where decisions and messages are logged") \
	SETTING(enum journal_format, log_format, "log-format", word, "logfmt | json", \
	    "logfmt", NULL, "how a log line is written") \
	SETTING(bool, log_accepted, "log-accepted", yes, "yes | no", "yes", NULL, \
	    "log accepted messages too") \
	SETTING(bool, follow_accepted, "follow-accepted", yes, "yes | no", "no", NULL, \
	    "follow accepted messages to their end, for their queue id") \
	SETTING(char *, authentication_results, "authentication-results", authserv, \
	    "none | AUTHSERV-ID", "none", NULL, \
	    "the name of our Authentication-Results field on accepted messages") \
	SETTING(char *, pid_file, "pid-file", path, "/path | none", "none", NULL, \
	    "where the daemon leaves its process id") \
	SETTING(char *, control, "control", control, "unix:/path | none", \
	    "unix:/run/tlsward/control.sock", NULL, \
	    "where tlsward status and reload reach the daemon") \
	SETTING(char *, journal, "journal", journal, "sqlite:/path | none", \
	    "sqlite:/var/lib/tlsward/journal.db", NULL, \
	    "a database of decisions, for log, report and replay") \
	SETTING(int64_t, journal_keep_ms, "journal-keep", period, \
	    "N hours | N days | N weeks | N years | forever", "400 days", NULL, \
	    "how long the journal keeps what is in it") \
	SETTING(int64_t, journal_max, "journal-max", size, \
	    "N KB | N MB | N GB | none", "2 GB", NULL, \
	    "how large the journal may become") \
	SETTING(bool, journal_accepted_full, "journal-accepted", second, \
	    "rollup | full", "rollup", NULL, \
	    "how accepted messages are kept in the journal") \
	SETTING(char *, node, "node", node, "name", NULL, "the full host name", \
	    "this host's name in a fleet") \
	SETTING(char *, ship_to, "ship-to", ship, "postgresql:CONNINFO | none", "none", \
	    NULL, "where `tlsward ship` brings the journals of a fleet together") \
	SETTING(char *, maillog, "maillog", maillog, "none | file:/path | journald", \
	    "none", NULL, "the mail server's log, which `tlsward watch` follows") \
	SETTING(char *, metrics, "metrics", host, "none | host:port | [host]:port", \
	    "none", NULL, "where Prometheus and its like fetch metrics over HTTP")

enum {
#define SETTING_NUMBER(type, member, ...) SETTING_##member,
	SETTINGS(SETTING_NUMBER)
	SETTING_COUNT
};

/* Room for the exclusions of main.cf: a value stays within what Postfix reads. */
#define POSTFIX_EXCLUDED_MAX 16384

/* All strings belong to the settings. Paths are absolute or as the user wrote. */
struct settings {
#define SETTING_MEMBER(type, member, ...) type member;
	SETTINGS(SETTING_MEMBER)
	int syslog_facility;		/* LOG_MAIL and so on */
	char *log_path;			/* SETTINGS_LOG_FILE */
	char *tls_policy_next_map;	/* the map's name there */
	struct setting_place set_at[SETTING_COUNT];

	/* Of settings_ask_postfix(). */
	struct policy_postfix postfix;
	char postfix_excluded[POSTFIX_EXCLUDED_MAX];
};

enum settings_load_result {
	SETTINGS_LOADED, SETTINGS_INVALID, SETTINGS_UNREADABLE, SETTINGS_NO_MEMORY
};

/*
 * Reads "path"; "path" NULL gives the defaults, with the policy beside the
 * default settings file. Diagnostics are added to "diags": an unknown name with
 * what was probably meant, a value out of range, a setting given twice. On
 * SETTINGS_LOADED *settings is the caller's; else NULL.
 */
enum settings_load_result settings_load(const char *path,
    struct settings **settings, struct diags *diags);

/*
 * Reads the settings file "path" again, from which "running" was loaded, and adds a warning
 * [settings-changed] for each setting that is another now: a reload takes none of them, a
 * restart does. A file that is not valid has its errors in "diags", and a warning that
 * nothing of it is in force. Any thread.
 */
void settings_changes(const struct settings *running, const char *path,
    struct diags *diags);

/* Frees *settings and clears the pointer. NULL-safe. */
void settings_free(struct settings **settings);

/*
 * What settings and policy cannot mean together (reply-at mail with a "to" rule
 * that exempts, or with the policy service; one address twice; a socket that everybody
 * can write to, unasked), as errors in "diags"; as warnings requirements on facts that
 * nobody will supply, and metrics that others than this host can read. What is in
 * "diags" of an MTA that is not the settings' is taken away. "path" is the settings
 * file's name.
 */
void settings_check_policy(const struct settings *settings, const char *path,
    const struct policy *policy, struct diags *diags);

/*
 * Looks at the journal's path: a file that must not be written is an error and, where
 * the effective user is the daemon's ("as_daemon"), one that cannot be is a warning:
 * the daemon starts all the same. Not while this process has the journal open.
 */
void settings_check_journal(const struct settings *settings, const char *path,
    bool as_daemon, struct diags *diags);

/*
 * Asks postconf(1) whether Postfix tells what the policy "path" requires of certificates,
 * and warns. Where it is not there, fails or takes long nothing is known.
 */
void settings_check_postconf(const struct settings *settings, const char *path,
    const struct policy *policy, struct diags *diags);

/*
 * Asks it for what is to be known of the Postfix that delivers, where the MTA may be one:
 * for settings_policy_options(), and as lint_load() wants it, of a struct settings. What
 * cannot be told is not known. Runs a program: not for a process that is confined.
 */
struct policy_postfix settings_ask_postfix(void *settings);

/*
 * Runs postconf(1) without a shell, and writes to "text", of "size" bytes, what it says:
 * at most twelve arguments of less than 1,024 bytes each, behind which is NULL. False: it
 * is not there, fails, takes longer than five seconds, or says more.
 */
bool settings_run_postconf(const char *const *arguments, char *text, size_t size);

/* ------------------------------------------------------------------ *
 * Whom the daemon becomes. For a process with one thread.
 * ------------------------------------------------------------------ */

#define IDENTITY_ERROR_MAX 256

struct identity {
	const char *user;		/* the settings' */
	uid_t uid;
	gid_t gid;
	gid_t socket_gid;
	bool change;			/* started as root: become that user */
	bool other;			/* not root, and not that user either */
};

/*
 * Looks up the user and the groups that the settings name. Not started as root, the
 * daemon stays who it is, and the user need not exist. False: "error", of
 * IDENTITY_ERROR_MAX bytes, says why; so it is with the next two.
 */
bool identity_resolve(const struct settings *settings, struct identity *identity,
    char *error);

/* Acts as that user for a while: what it cannot read cannot be read. */
bool identity_assume(const struct identity *identity, char *error);

/* Ends that. */
bool identity_resume(const struct identity *identity, char *error);

/*
 * Finds out who the daemon would be and, as that one or as root, whether a start would
 * find what it needs: folders of sockets, and the mail server's way to them, addresses
 * that are free, the log, the pid file. Nothing is changed, and no daemon that runs is
 * spoken to: where it is one of ours that holds an address, that is information. Where
 * this is not the daemon's user and cannot become it, which is said, none of it is tried,
 * and *identity is an "other". False where memory is short.
 */
bool settings_check_start(const struct settings *settings, const char *path,
    struct identity *identity, struct diags *diags);

/* identity_assume() for a check, which says where it could not, and goes on. */
void settings_act_as_user(struct identity *identity, const char *path,
    struct diags *diags);

/* The options for policy_decide() that the settings stand for, at "now". */
struct policy_options settings_policy_options(const struct settings *settings,
    int64_t now);

/* Writes every setting with its values, its meaning and its default. */
void settings_describe(FILE *out);

/*
 * This host's name in a fleet: the setting, or its full name in lower case, for which it
 * may ask DNS.
 */
#define SETTINGS_NODE_MAX 256
void settings_node(const struct settings *settings, char node[SETTINGS_NODE_MAX]);

/* Whether the daemon's user is the one for which nothing needs to be said. */
bool settings_user_is_default(const struct settings *settings);

/* The path of a UNIX socket's address, as settings have it; NULL: it is of another kind. */
const char *settings_unix_path(const char *address);

/*
 * Writes an address as settings have it the way that the file and Postfix write it:
 * "unix:/path", "inet:host:port" or "inet6:[host]:port".
 */
#define SETTINGS_SHOWN_MAX 300
void settings_show_address(const char *address, char shown[SETTINGS_SHOWN_MAX]);

/*
 * Looks up an address as settings have it, "inet:port@host" or "inet6:...". Returns NULL,
 * with *found for freeaddrinfo(3), or why that cannot be.
 */
struct addrinfo;
const char *settings_look_up(const char *address, struct addrinfo **found);

/*
 * A socket that listens there ("backlog" 0: is bound only), non-blocking and closed on
 * exec; -1 with errno.
 */
struct sockaddr;
int settings_listen_at(const struct sockaddr *address, unsigned length, int backlog);

/* What the daemon's process is called. */
#define SETTINGS_DAEMON "tlsward-milter"

#define HOLDER_NAME_SIZE 32

/* Who listens at an address. */
struct holder {
	enum policy_tri ours;		/* a daemon of ours; unknown: it cannot be seen */
	long pid;			/* 0: it cannot be told who */
	char name[HOLDER_NAME_SIZE];	/* the process's */
};

/*
 * Finds out who listens at an address as settings have it, without a connection to it.
 * False where memory was short: then there may be somebody else.
 */
bool settings_find_holder(const char *address, struct holder *holder);

/* Whether somebody does; *no_memory, which is not cleared, where that cannot be told. */
bool settings_is_held(const char *address, bool *no_memory);

#define SETTINGS_WHY_MAX 512

/* What to do where settings_look_up() fails. */
#define SETTINGS_NO_HOST ": write its address, or name it in /etc/hosts"

/*
 * Says in one line why no socket of that group can be made at an address, by the "error"
 * that whoever acts now got, and what to do. "identity" is whom the daemon becomes.
 */
void settings_why_not(const struct identity *identity, gid_t group, const char *address,
    int error, char why[SETTINGS_WHY_MAX]);

/* Whether whoever acts now can make a file in the folder of that path; else errno. */
bool settings_can_make(const char *path);

/* Whether an address, as libmilter writes it, can be reached from this host alone. */
bool settings_is_loopback(const char *address);

/* The settings file that is read when none is named. */
const char *settings_default_path(void);

#endif
