/*
 * unit-settings.c - the values that settings take, and what becomes of them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "settings/settings.h"
#include "base/diag.h"

/* Writes a settings file into a folder of its own and loads it. */
static enum settings_load_result
load(const char *text, size_t length, struct settings **settings,
    struct diags *diags)
{
	char folder[] = "/tmp/unit-settings-XXXXXX";
	char path[64];
	enum settings_load_result result;
	FILE *file;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/t.conf", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	result = settings_load(path, settings, diags);
	(void)unlink(path);
	(void)rmdir(folder);
	return result;
}

static struct settings *
good(const char *text)
{
	struct diags *diags = diags_new();
	struct settings *settings = NULL;
	enum settings_load_result result = load(text, strlen(text), &settings, diags);

	if (diags_count(diags) > 0)
		fail_msg("%s: %s", text, diags_at(diags, 0)->message);
	assert_int_equal(result, SETTINGS_LOADED);
	diags_free(&diags);
	return settings;
}

static void
bad_bytes(const char *text, size_t length, unsigned line, unsigned column,
    const char *message)
{
	struct diags *diags = diags_new();
	struct settings *settings = NULL;

	if (load(text, length, &settings, diags) != SETTINGS_INVALID)
		fail_msg("%s: taken", text);
	assert_null(settings);
	assert_int_equal(diags_errors(diags), 1);
	assert_string_equal(diags_at(diags, 0)->message, message);
	assert_int_equal(diags_at(diags, 0)->line, line);
	assert_int_equal(diags_at(diags, 0)->column, column);
	diags_free(&diags);
}

static void
bad(const char *text, unsigned column, const char *message)
{
	bad_bytes(text, strlen(text), 1, column, message);
}

static void
defaults_are_the_contract_s(void **state)
{
	struct diags *diags = diags_new();
	struct settings *settings = NULL;

	(void)state;
	assert_int_equal(settings_load(NULL, &settings, diags), SETTINGS_LOADED);
	assert_int_equal(diags_count(diags), 0);
	assert_string_equal(settings->listen.address[0], "unix:/run/tlsward/milter.sock");
	assert_string_equal(settings_unix_path(settings->listen.address[0]),
	    "/run/tlsward/milter.sock");
	assert_int_equal(settings->socket_mode, 0660);
	assert_null(settings->socket_group);
	assert_non_null(strstr(settings->policy, "/tlsward/policy.conf"));
	assert_string_equal(settings->user, "tlsward");
	assert_null(settings->group);
	assert_int_equal(settings->mta, SETTINGS_MTA_AUTO);
	assert_int_equal(settings->reply_at, SETTINGS_REPLY_AT_RCPT);
	assert_false(settings->mode_monitor);
	assert_false(settings->soft_bounce);
	assert_string_equal(settings->recipient_delimiter, "+");
	assert_int_equal(settings->on_internal_error, SETTINGS_ON_ERROR_TEMPFAIL);
	assert_int_equal(settings->log, SETTINGS_LOG_SYSLOG);
	assert_int_equal(settings->syslog_facility, LOG_MAIL);
	assert_null(settings->log_path);
	assert_int_equal(settings->log_format, JOURNAL_LOGFMT);
	assert_true(settings->log_accepted);
	assert_false(settings->follow_accepted);
	assert_null(settings->authentication_results);
	assert_null(settings->pid_file);
	assert_string_equal(settings->control, "unix:/run/tlsward/control.sock");
	assert_string_equal(settings->journal, "/var/lib/tlsward/journal.db");
	assert_true(settings->journal_keep_ms == INT64_C(400) * 24 * 3600 * 1000);
	assert_true(settings->journal_max == INT64_C(2) << 30);
	assert_false(settings->journal_accepted_full);
	assert_null(settings->node);
	assert_null(settings->ship_to);
	settings_free(&settings);
	assert_null(settings);
	settings_free(&settings);
	diags_free(&diags);
}

static void
every_setting_is_taken(void **state)
{
	struct settings *s = good("listen inet:127.0.0.1:8893\nsocket-mode 600\n"
	    "socket-group postfix\npolicy /etc/p.conf\nuser mail\ngroup 8\n"
	    "mta postfix\npolicy-service none\npartner-certificates none\n"
	    "reply-at mail\nmode monitor\nsoft-bounce yes\nquarantine-as reject\n"
	    "recipient-delimiter +-\non-internal-error accept\n"
	    "log file:/var/log/tlsward.log\nlog-format json\nlog-accepted no\n"
	    "follow-accepted yes\nauthentication-results mx.ours.example\n"
	    "pid-file /run/tlsward.pid\njournal sqlite:/srv/j.db\n"
	    "journal-keep 6 weeks\njournal-max 500MB\njournal-accepted full\n"
	    "node mx-1.Ours_example\nship-to postgresql:host=db  dbname = 'a b'\n"
	    "metrics [::1]:8894\nmaillog file:/var/log/mail.log\n"
	    "control unix:/run/c.sock\n");

	(void)state;
	assert_string_equal(s->listen.address[0], "inet:8893@127.0.0.1");
	assert_null(settings_unix_path(s->listen.address[0]));
	assert_int_equal(s->socket_mode, 0600);
	assert_string_equal(s->socket_group, "postfix");
	assert_string_equal(s->policy, "/etc/p.conf");
	assert_string_equal(s->user, "mail");
	assert_string_equal(s->group, "8");
	assert_int_equal(s->mta, SETTINGS_MTA_POSTFIX);
	assert_int_equal(s->reply_at, SETTINGS_REPLY_AT_MAIL);
	assert_int_equal(s->set_at[SETTING_reply_at].line, 10);
	assert_true(s->mode_monitor);
	assert_true(s->soft_bounce);
	assert_int_equal(s->quarantine_as, SETTINGS_HOLD_REJECT);
	assert_string_equal(s->recipient_delimiter, "+-");
	assert_int_equal(s->on_internal_error, SETTINGS_ON_ERROR_ACCEPT);
	assert_int_equal(s->log, SETTINGS_LOG_FILE);
	assert_string_equal(s->log_path, "/var/log/tlsward.log");
	assert_int_equal(s->log_format, JOURNAL_JSON);
	assert_false(s->log_accepted);
	assert_true(s->follow_accepted);
	assert_string_equal(s->authentication_results, "mx.ours.example");
	assert_string_equal(s->pid_file, "/run/tlsward.pid");
	assert_string_equal(s->control, "unix:/run/c.sock");
	assert_string_equal(s->metrics, "inet6:8894@::1");
	assert_int_equal(s->set_at[SETTING_metrics].line, 28);
	assert_string_equal(s->journal, "/srv/j.db");
	assert_true(s->journal_keep_ms == INT64_C(42) * 24 * 3600 * 1000);
	assert_true(s->journal_max == INT64_C(500) << 20);
	assert_true(s->journal_accepted_full);
	assert_string_equal(s->maillog, "/var/log/mail.log");
	assert_string_equal(s->node, "mx-1.Ours_example");
	assert_string_equal(s->ship_to, "host=db  dbname = 'a b'");
	settings_free(&s);
}

static void
a_mail_log_is_a_file_or_journald(void **state)
{
	struct settings *s = good("maillog journald\n");

	(void)state;
	assert_string_equal(s->maillog, "journald");
	settings_free(&s);
	s = good("maillog none\n");
	assert_null(s->maillog);
	settings_free(&s);
	bad("maillog /var/log/mail.log", 9, "maillog cannot be \"/var/log/mail.log\": "
	    "expected none | file:/path | journald");
	bad("maillog file:mail.log", 9, "maillog cannot be \"file:mail.log\": "
	    "expected an absolute path after file:");
}

static void
expect_metrics(const char *value, const char *metrics, bool loopback)
{
	char text[300];
	struct settings *settings;

	(void)snprintf(text, sizeof text, "metrics %s\n", value);
	settings = good(text);
	assert_string_equal(settings->metrics, metrics);
	assert_int_equal(settings_is_loopback(settings->metrics), loopback);
	settings_free(&settings);
}

static void
metrics_are_at_a_host_and_port(void **state)
{
	struct settings *settings = good("metrics none\n");
	char shown[SETTINGS_SHOWN_MAX];

	(void)state;
	assert_null(settings->metrics);
	settings_free(&settings);
	expect_metrics("127.0.0.1:8894", "inet:8894@127.0.0.1", true);
	expect_metrics("127.9.9.9:1", "inet:1@127.9.9.9", true);
	expect_metrics("localhost:8894", "inet:8894@localhost", true);
	expect_metrics("[::1]:8894", "inet6:8894@::1", true);
	expect_metrics("[localhost]:8894", "inet6:8894@localhost", true);
	expect_metrics("0.0.0.0:8894", "inet:8894@0.0.0.0", false);
	expect_metrics("[::]:65535", "inet6:65535@::", false);
	expect_metrics("[::ffff:127.0.0.1]:8894", "inet6:8894@::ffff:127.0.0.1", false);
	expect_metrics("128.0.0.1:8894", "inet:8894@128.0.0.1", false);
	expect_metrics("localhost.example:8894", "inet:8894@localhost.example", false);
	expect_metrics("inet:127.0.0.1:8894", "inet:8894@127.0.0.1", true);
	expect_metrics("inet6:[::1]:8894", "inet6:8894@::1", true);
	settings_show_address("inet:8894@127.0.0.1", shown);
	assert_string_equal(shown, "inet:127.0.0.1:8894");
	settings_show_address("inet6:8894@::1", shown);
	assert_string_equal(shown, "inet6:[::1]:8894");
	settings_show_address("unix:/run/a@b:c", shown);
	assert_string_equal(shown, "unix:/run/a@b:c");
	bad("metrics localhost", 9,
	    "expected a host and a port: host:port or [host]:port");
	bad("metrics :8894", 9, "expected a host and a port: host:port or [host]:port");
	bad("metrics ::1:8894", 9, "an IPv6 address stands in brackets: [host]:port");
	bad("metrics [127.0.0.1]:8894", 9,
	    "127.0.0.1 is an IPv4 address: write host:port");
	bad("metrics localhost:0", 9,
	    "the port is a number from 1 to 65535, or the name of a service");
	bad("metrics 8894@localhost", 9,
	    "expected a host and a port: host:port or [host]:port");
	bad("metrics a_b:8894", 9, "\"a_b\" is not a host's name or address");
}

static void
authserv_ids(void **state)
{
	static const char *const taken[] = { "mx.ours.example", "MX", "1", "mx-1_a",
	    "2001:db8::1", "mx/inbound", "mx@ours.example" };
	static const char *const not[] = { "a b", ".a", "a.", "a;b", "(a)", "a\\\\b",
	    "a\\\"b", "<a>", "a,b", "-", "b\303\274cher.example", "" };
	char text[400];

	(void)state;
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
		struct settings *s;

		(void)snprintf(text, sizeof text, "authentication-results \"%s\"\n",
		    taken[i]);
		s = good(text);
		assert_string_equal(s->authentication_results, taken[i]);
		settings_free(&s);
	}
	for (size_t i = 0; i < sizeof not / sizeof not[0]; i++) {
		struct diags *diags = diags_new();
		struct settings *s = NULL;

		(void)snprintf(text, sizeof text, "authentication-results \"%s\"\n", not[i]);
		assert_int_equal(load(text, strlen(text), &s, diags), SETTINGS_INVALID);
		diags_free(&diags);
	}
	(void)snprintf(text, sizeof text, "authentication-results %0200d\n", 0);
	bad(text, 24, "authentication-results cannot be \"0000000000000000000000000000000000"
	    "00000000000000000000000000\": expected none, or a name such as "
	    "mx.example.org, in ASCII and without blanks");
}

static void
expect_listen(const char *value, const char *listen, const char *path)
{
	char text[300];
	struct settings *settings;

	(void)snprintf(text, sizeof text, "listen %s\n", value);
	settings = good(text);
	assert_string_equal(settings->listen.address[0], listen);
	if (path == NULL)
		assert_null(settings_unix_path(settings->listen.address[0]));
	else
		assert_string_equal(settings_unix_path(settings->listen.address[0]), path);
	settings_free(&settings);
}

static void
listen_takes_several_lines(void **state)
{
	struct settings *s = good("listen unix:/a\nmode monitor\n\nlisten inet6:[::1]:1\n"
	    "listen inet:127.0.0.1:1\n");
	char text[(SETTINGS_LISTEN_MAX + 1) * sizeof("listen unix:/000\n")];
	size_t length = 0;

	(void)state;
	assert_int_equal(s->listen.count, 3);
	assert_string_equal(s->listen.address[0], "unix:/a");
	assert_string_equal(s->listen.address[1], "inet6:1@::1");
	assert_string_equal(s->listen.address[2], "inet:1@127.0.0.1");
	assert_int_equal(s->listen.at[1].line, 4);
	assert_int_equal(s->set_at[SETTING_listen].line, 1);
	settings_free(&s);
	for (int i = 0; i < SETTINGS_LISTEN_MAX; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
		    "listen unix:/%03d\n", i);
	s = good(text);
	assert_int_equal(s->listen.count, SETTINGS_LISTEN_MAX);
	settings_free(&s);
	(void)snprintf(text + length, sizeof(text) - length, "listen unix:/x\n");
	bad_bytes(text, strlen(text), SETTINGS_LISTEN_MAX + 1, 8,
	    "there can be 64 lines of listen at most");
	bad_bytes("listen inet:127.0.0.1:25\nlisten inet:25@127.0.0.1\n", 50, 2, 8,
	    "this address is that of line 1 already");
}

static void
listen_takes_both_forms(void **state)
{
	(void)state;
	expect_listen("unix:/run/x", "unix:/run/x", "/run/x");
	expect_listen("local:/run/x", "unix:/run/x", "/run/x");
	expect_listen("\"unix:/run/a # b\"", "unix:/run/a # b", "/run/a # b");
	expect_listen("inet:localhost:8893", "inet:8893@localhost", NULL);
	expect_listen("inet:8893@localhost", "inet:8893@localhost", NULL);
	expect_listen("inet:[127.0.0.1]:1", "inet:1@127.0.0.1", NULL);
	expect_listen("inet:0.0.0.0:65535", "inet:65535@0.0.0.0", NULL);
	expect_listen("inet6:[::1]:8893", "inet6:8893@::1", NULL);
	expect_listen("inet6:8893@::1", "inet6:8893@::1", NULL);
	expect_listen("inet6:8893@[::1]", "inet6:8893@::1", NULL);
	expect_listen("inet6:mx-1.ours.example:25", "inet6:25@mx-1.ours.example", NULL);
}

#define HOST_PORT "expected a host and a port: inet:host:port or inet6:[host]:port"
#define NO_PORT "the port is a number from 1 to 65535, or the name of a service"

static void
listen_refuses_the_rest(void **state)
{
	(void)state;
	bad("listen /run/x", 8, "listen cannot be \"/run/x\": expected "
	    "unix:/path | inet:host:port | inet6:[host]:port");
	bad("listen unix:run/x", 8, "the socket's path must be absolute: unix:/path");
	bad("listen unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 8,
	    "the socket's path is longer than the 107 bytes that the system allows");
	bad("listen inet:8893", 8, HOST_PORT);
	bad("listen inet::8893", 8, HOST_PORT);
	bad("listen inet:a:0", 8, NO_PORT);
	bad("listen inet:a:65536", 8, NO_PORT);
	bad("listen inet:a:000000080", 8, NO_PORT);
	bad("listen inet:@a", 8, NO_PORT);
	bad("listen inet:25@", 8, "\"\" is not a host's name or address");
	bad("listen inet:1.2.3:25", 8, "\"1.2.3\" is not a host's name or address");
	bad("listen inet:-a:25", 8, "\"-a\" is not a host's name or address");
	bad("listen inet:a..b:25", 8, "\"a..b\" is not a host's name or address");
	bad("listen inet:[::1]:25", 8,
	    "::1 is an IPv6 address: write inet6:[host]:port");
	bad("listen inet6:127.0.0.1:25", 8,
	    "127.0.0.1 is an IPv4 address: write inet:host:port");
	bad("listen inet6:::1:25", 8,
	    "an IPv6 address stands in brackets: inet6:[host]:port");
}

static void
log_names_its_facility(void **state)
{
	struct settings *settings = good("log syslog:local7\n");

	(void)state;
	assert_int_equal(settings->syslog_facility, LOG_LOCAL7);
	settings_free(&settings);
	settings = good("log syslog\n");
	assert_int_equal(settings->syslog_facility, LOG_MAIL);
	settings_free(&settings);
	settings = good("log stderr\n");
	assert_int_equal(settings->log, SETTINGS_LOG_STDERR);
	settings_free(&settings);
	bad("log syslog:mial", 5,
	    "there is no syslog facility \"mial\": did you mean \"mail\"?");
	bad("log syslog:", 5, "there is no syslog facility \"\"");
	bad("log file:x", 5,
	    "log cannot be \"file:x\": expected an absolute path after file:");
	bad("log /x", 5, "log cannot be \"/x\": expected syslog[:facility] | stderr | "
	    "file:/path");
}

static void
other_values_are_checked(void **state)
{
	static const char *const modes[] = { "0668", "1777", "00660", "rw", "-1" };
	char text[100], message[200];

	(void)state;
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		(void)snprintf(text, sizeof text, "socket-mode %s", modes[i]);
		(void)snprintf(message, sizeof message, "socket-mode cannot be \"%s\": "
		    "expected octal permissions such as 0660", modes[i]);
		bad(text, 13, message);
	}
	bad("control inet:127.0.0.1:1", 9,
	    "control cannot be \"inet:127.0.0.1:1\": expected unix:/path | none");
	bad("control unix:x", 9, "the socket's path must be absolute: unix:/path");
	bad("pid-file x", 10,
	    "pid-file cannot be \"x\": expected an absolute path");
	bad("user a b", 6, "user cannot be \"a b\": that is not the name of a user");
	bad("recipient-delimiter @", 21, "recipient-delimiter cannot be \"@\": "
	    "expected characters such as + or -, together");
	bad("mode monitro", 6, "mode cannot be \"monitro\": "
	    "expected enforce | monitor; did you mean \"monitor\"?");
	bad("mta exim", 5,
	    "mta cannot be \"exim\": expected auto | postfix | sendmail");
	bad("soft-bounce true", 13,
	    "soft-bounce cannot be \"true\": expected yes | no");
	bad("policy", 7, "policy needs a value: path");
	bad("user \"\"", 6, "user needs a value: user");
}

static void
lines_are_read_as_they_are_meant(void **state)
{
	struct settings *s = good("\xEF\xBB\xBF# all\r\n\r\n  user\t a#b  # why\r\n"
	    "policy \"a \\\"b\\\" \\\\ # c\" # d\nrecipient-delimiter \"\"\n"
	    "pid-file none\ncontrol none\n# end");

	(void)state;
	assert_string_equal(s->user, "a#b");
	assert_non_null(strstr(s->policy, "/a \"b\" \\ # c"));
	assert_int_equal(s->policy[0], '/');
	assert_string_equal(s->recipient_delimiter, "");
	assert_null(s->pid_file);
	assert_null(s->control);
	assert_null(settings_policy_options(s, 5).recipient_delimiter);
	settings_free(&s);
	bad("user \"a", 6, "the closing quote is missing");
	bad("user \"a\" b", 10, "nothing may follow the closing quote");
	bad("user \"a\\n\"", 8, "in quotes a backslash stands before a quote or a "
	    "backslash only");
	bad("user a\"b", 7, "a quote within a value: quote the whole of it");
}

static void
bytes_that_are_no_text_are_refused(void **state)
{
	(void)state;
	bad_bytes("user a\n\0", 8, 2, 1, "the line holds a NUL");
	bad("user \xC3\xBC\xFF", 7, "this is not UTF-8");
	bad("user \xC0\xAF", 6, "this is not UTF-8");
	bad("# \xED\xA0\x80", 3, "this is not UTF-8");
	bad("user a\x1b", 7, "the line holds a control character");
}

static void
names_are_known_or_guessed(void **state)
{
	(void)state;
	bad("lisen x", 1, "unknown setting \"lisen\": did you mean \"listen\"?");
	bad("  Mode x", 3, "unknown setting \"Mode\": did you mean \"mode\"?");
	bad("xyzzy x", 1, "unknown setting \"xyzzy\"");
	bad("a\xC2\x85 x", 1, "unknown setting \"a\\u0085\"");
	bad("mode=monitor", 1, "a setting is written without \"=\": mode VALUE");
	bad("journal postgresql:host=db", 9,
	    "the journal itself is a file, sqlite:/path: ship-to sends it to PostgreSQL");
	bad("journal sqlite:journal.db", 9, "journal cannot be \"sqlite:journal.db\": "
	    "expected an absolute path after sqlite:");
	bad("journal /x", 9, "journal cannot be \"/x\": expected sqlite:/path | none");
	bad("journal-keep 0 days", 14, "journal-keep cannot be \"0 days\": expected "
	    "N hours | N days | N weeks | N years | forever");
	bad("journal-keep 99999999999999999999 days", 14, "journal-keep cannot be "
	    "\"99999999999999999999 days\": expected "
	    "N hours | N days | N weeks | N years | forever");
	bad("journal-max 12", 13, "journal-max cannot be \"12\": expected "
	    "N KB | N MB | N GB | none");
	bad("journal-max 12 KB", 13, "journal-max cannot be less than 1 MB");
	bad("journal-accepted some", 18, "journal-accepted cannot be \"some\": expected "
	    "rollup | full");
}

/* What is libpq's: both forms, and where they end too early. */
static void
ship_to_is_a_connection_string(void **state)
{
	static const char *const fine[][2] = {
		{ "postgresql:host=db", "host=db" },
		{ "postgresql:postgresql://db/x", "postgresql://db/x" },
		{ "postgresql://", "postgresql://" },
		{ "postgres://u@%2Frun%2Fpg/x?application_name=a",
		    "postgres://u@%2Frun%2Fpg/x?application_name=a" },
		{ "postgresql://[::1]:5433,b:,c/x?sslmode=require&passfile=/p",
		    "postgresql://[::1]:5433,b:,c/x?sslmode=require&passfile=/p" },
		{ "postgresql:dbname = 'it\\'s' user=a\\ b", "dbname = 'it\\'s' user=a\\ b" },
		{ "postgresql:", "" },
	};
	static const char *const faults[][2] = {
		{ "postgresql:tlsward", "each keyword has a value, as in host=db.example "
		    "dbname=tlsward" },
		{ "postgresql:host=a dbname", "each keyword has a value, as in "
		    "host=db.example dbname=tlsward" },
		{ "postgresql:=a", "there is a value without a keyword before it" },
		{ "postgresql:host='a", "the closing quote (') of a value is missing" },
		{ "postgresql:host='a\\'", "the closing quote (') of a value is missing" },
		{ "postgresql://a:b", "a port is a number" },
		{ "postgresql://[::1/x", "the closing bracket (]) of an address is missing" },
		{ "postgresql://a/x?y", "what follows ? is NAME=VALUE, with & between them" },
		{ "postgresql://a/x?y=1&=2", "what follows ? is NAME=VALUE, with & between them" },
		{ "postgresql://a%/x", "% stands before two hexadecimal digits: % itself is %25" },
		{ "postgresql://a%00/x", "% stands before two hexadecimal digits: % itself is %25" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		struct settings *s;

		(void)snprintf(text, sizeof(text), "ship-to %s", fine[i][0]);
		s = good(text);
		assert_string_equal(s->ship_to, fine[i][1]);
		settings_free(&s);
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char message[256];

		(void)snprintf(text, sizeof(text), "ship-to %s", faults[i][0]);
		(void)snprintf(message, sizeof(message), "ship-to cannot be read by libpq: %s",
		    faults[i][1]);
		bad(text, 9, message);
	}
	bad("ship-to host=db", 9, "ship-to is postgresql:CONNINFO | none, as in "
	    "postgresql:host=db.example dbname=tlsward");
	bad("node a b", 6, "node cannot be \"a b\": expected a name such as "
	    "mx1.example.org, of letters, digits and -_.");
	bad("node .a", 6, "node cannot be \".a\": expected a name such as "
	    "mx1.example.org, of letters, digits and -_.");
}

/* Others would read it here. */
static void
a_password_is_not_for_everybody(void **state)
{
	static const struct { const char *text; bool secret; } cases[] = {
		{ "ship-to postgresql:host=db password=x", true },
		{ "ship-to postgresql:sslpassword = 'x y' host=db", true },
		{ "ship-to postgresql://u:x@db/d", true },
		{ "ship-to postgresql://db/d?a=b&password=x", true },
		{ "ship-to postgresql:host=db password=", false },
		{ "ship-to postgresql:host=db passfile=/p user=password", false },
		{ "ship-to postgresql://u:@db:5432/d?passfile=/p", false },
		{ "#ship-to postgresql:password=x", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int step = 0; step < 2; step++) {
			const mode_t before = umask(step == 0 ? 0022 : 0027);

			if (step == 0 && cases[i].secret) {
				bad(cases[i].text, 1, "ship-to has a password in it, and every "
				    "user of this host can read this file: leave the password "
				    "to a file of the shipper's (passfile=/path, mode 0600), or "
				    "take the right away (chmod o-r)");
			} else {
				struct settings *s = good(cases[i].text);

				settings_free(&s);
			}
			(void)umask(before);
		}
}

static void
a_node_has_a_name(void **state)
{
	struct settings *s = good("node MX1");
	char node[SETTINGS_NODE_MAX] = "";

	(void)state;
	settings_node(s, node);
	assert_string_equal(node, "MX1");
	settings_free(&s);
	s = good("");
	settings_node(s, node);
	assert_string_not_equal(node, "");
	for (const char *c = node; *c != '\0'; c++)
		assert_false(*c >= 'A' && *c <= 'Z');
	settings_free(&s);
}

static void
options_follow_the_settings(void **state)
{
	struct settings *s = good("mode monitor\nsoft-bounce yes\n");
	struct policy_options options = settings_policy_options(s, 1234);

	(void)state;
	assert_int_equal(options.now, 1234);
	assert_true(options.monitor);
	assert_true(options.soft_bounce);
	assert_int_equal(options.quarantine_as, POLICY_ACCEPT);
	assert_int_equal(options.postfix.version, 0);
	assert_null(options.postfix.digest);
	assert_string_equal(options.recipient_delimiter, "+");
	settings_free(&s);
	s = good("postfix-version 3.10.2\npostfix-tls-digest sha1\n");
	assert_int_equal(settings_policy_options(s, 0).postfix.version, 310);
	assert_string_equal(settings_policy_options(s, 0).postfix.digest, "sha1");
	settings_free(&s);
	s = good("quarantine-as tempfail\n");
	assert_int_equal(settings_policy_options(s, 0).quarantine_as, POLICY_TEMPFAIL);
	settings_free(&s);
	s = good("quarantine-as reject\n");
	assert_int_equal(settings_policy_options(s, 0).quarantine_as, POLICY_REJECT);
	settings_free(&s);
}

static void
a_file_that_cannot_be_read_says_so(void **state)
{
	struct diags *diags = diags_new();
	struct settings *s;

	(void)state;
	assert_int_equal(settings_load("/nonexistent/t.conf", &s, diags),
	    SETTINGS_UNREADABLE);
	assert_null(s);
	assert_int_equal(settings_load("/", &s, diags), SETTINGS_UNREADABLE);
	assert_int_equal(settings_load("/dev/zero", &s, diags), SETTINGS_UNREADABLE);
	assert_string_equal(diags_at(diags, 0)->message,
	    "cannot be read: No such file or directory");
	diags_free(&diags);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_the_contract_s),
		cmocka_unit_test(every_setting_is_taken),
		cmocka_unit_test(a_mail_log_is_a_file_or_journald),
		cmocka_unit_test(metrics_are_at_a_host_and_port),
		cmocka_unit_test(authserv_ids),
		cmocka_unit_test(listen_takes_several_lines),
		cmocka_unit_test(listen_takes_both_forms),
		cmocka_unit_test(listen_refuses_the_rest),
		cmocka_unit_test(log_names_its_facility),
		cmocka_unit_test(other_values_are_checked),
		cmocka_unit_test(lines_are_read_as_they_are_meant),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(names_are_known_or_guessed),
		cmocka_unit_test(ship_to_is_a_connection_string),
		cmocka_unit_test(a_password_is_not_for_everybody),
		cmocka_unit_test(a_node_has_a_name),
		cmocka_unit_test(options_follow_the_settings),
		cmocka_unit_test(a_file_that_cannot_be_read_says_so),
	};

	return UNIT_RUN(argc, argv, tests);
}
