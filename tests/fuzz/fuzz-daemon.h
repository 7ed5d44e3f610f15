/*
 * fuzz-daemon.h - what the targets have of the daemon: policies, settings, records.
 *
 * To be linked with -Wl,--wrap=journal_store_put.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TESTS_FUZZ_DAEMON_H
#define TLSWARD_TESTS_FUZZ_DAEMON_H

#include "tests/fuzz/fuzz.h"

#include "milter/delegation.h"
#include "milter/service.h"

#define PINNED "9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c"

static const char *const daemon_policies[] = {
	"default { require tls; otherwise reject }\n"
	"deliver acme.example { require tls >= 1.2; require forward-secrecy }\n"
	"deliver .acme.example { require certificate name mx.acme.example }\n"
	"deliver \"[mx.acme.example]:587\" \"[192.0.2.7]\" \"[ipv6:2001:db8::7]\" {\n"
	"  require dane }\n"
	"deliver b\xC3\xBC" "cher.example { require tls; exempt }\n",
	"to ours.example { require tls >= 1.2; otherwise tempfail }\n"
	"to open@ours.example { exempt \"open\" }\n"
	"default { require bits >= 128 otherwise reject }\n",
	"default { require tls; otherwise quarantine }\n"
	"client authenticated local { exempt }\n",
	"from acme.example { require tls; otherwise reject; monitor }\n"
	"default { require bits >= 128; require aead; otherwise tempfail }\n",
	"default { require certificate fingerprint sha256:" PINNED "\n"
	"  otherwise reject }\n",
	"from acme.example { require certificate name mx.acme.example\n"
	"  otherwise reject }\n"
	"default { require tls >= 1.3\n"
	"  otherwise reject 550 5.7.1 \"{domain}: %s %n\" }\n",
	"client 192.0.2.0/24 { require tls; otherwise reject }\n"
	"from <> { require tls otherwise quarantine }\n",
	"partner acme { domain acme.example; incoming via mx.acme.example local {\n"
	"  require tls >= 1.2 }; incoming { require client 192.0.2.0/24\n"
	"  require tls until 9999-12-31; otherwise reject \"{session}\" } }\n"
	"from /^.@.*b/ via authenticated { exempt }\n"
	"default { require client authenticated otherwise quarantine }\n",
};
/* By their digits, or any other character. */
#define DAEMON_POLICY(c) ((unsigned char)((c) - '0') % DAEMON_POLICIES)
#define DAEMON_POLICIES (sizeof(daemon_policies) / sizeof(daemon_policies[0]))

static const char daemon_settings[] = "listen unix:/nowhere\njournal none\n"
    "log file:/dev/null\nmta postfix\n";

/* The records of this run. */
static unsigned daemon_records;

void __wrap_journal_store_put(struct journal_store *store,
    const struct journal_record *record);

void
__wrap_journal_store_put(struct journal_store *store,
    const struct journal_record *record)
{
	(void)store;
	fuzz_check_record(record);
	daemon_records++;
}

/* One of the policies, for the oracle. */
static inline const struct policy *
daemon_policy(size_t index)
{
	static struct policy *policies[DAEMON_POLICIES];

	if (policies[index] == NULL)
		policies[index] = fuzz_policy(daemon_policies[index]);
	return policies[index];
}

/* The one in force. */
static size_t daemon_in_force;

/* Puts another in force. */
static inline void
daemon_reload(struct service *service, size_t index)
{
	struct policy *policy = fuzz_policy(daemon_policies[index]);

	check(snapshots_replace(service->snapshots, &policy) == 0);
	(void)snapshots_collect(service->snapshots);
	daemon_in_force = index;
}

/*
 * A service as at the daemon's start, with the policy at "index" in force; the settings
 * are this run's, to be changed. What can be kept between runs is.
 */
static inline void
daemon_start(struct service *service, struct settings *settings, size_t index)
{
	static struct settings *loaded;
	static struct log *log;
	static struct snapshots *snapshots;
	static struct policy *first;
	struct fuzz_file file;
	struct diags *diags;

	if (loaded == NULL) {
		file = fuzz_file_new(daemon_settings, strlen(daemon_settings));
		diags = diags_new();
		check(settings_load(file.path, &loaded, diags) == SETTINGS_LOADED);
		diags_free(&diags);
		(void)close(file.fd);
		first = fuzz_policy(daemon_policies[0]);
		log = log_open(loaded, true);
		snapshots = snapshots_new(&first);
		check(log != NULL && snapshots != NULL);
	}
	*settings = *loaded;
	*service = (struct service){ .settings = settings, .log = log,
	    .snapshots = snapshots };
	if (daemon_in_force != index)
		daemon_reload(service, index);
	daemon_records = 0;
}

/* Nothing is under way, nothing is left of the policies that were in force. */
static inline void
daemon_end(struct service *service)
{
	check(snapshots_references(service->snapshots) == 1);
	check(!snapshots_collect(service->snapshots));
	check(atomic_load(&service->active) == 0);
}

/* ------------------------------------------------------------------ *
 * The policy service
 * ------------------------------------------------------------------ */

enum daemon_answer { ANSWER_DUNNO, ANSWER_HOLD, ANSWER_TEMPFAIL, ANSWER_REJECT };

/* The answer that is all of "out": one, and well formed. */
static inline enum daemon_answer
daemon_read_answer(const struct buffer *out)
{
	static const char action[] = "action=";
	const char *what = out->text + sizeof(action) - 1;

	check(!out->failed && out->length > sizeof(action) + 2);
	check(strlen(out->text) == out->length);
	check(strncmp(out->text, action, sizeof(action) - 1) == 0);
	for (size_t i = 0; i < out->length - 2; i++)
		check(out->text[i] >= ' ' && out->text[i] < 0x7f);
	check(strcmp(out->text + out->length - 2, "\n\n") == 0);
	if (strcmp(what, "DUNNO\n\n") == 0)
		return ANSWER_DUNNO;
	if (strncmp(what, "HOLD ", 5) == 0)
		return ANSWER_HOLD;
	check((*what == '4' || *what == '5') && what[3] == ' ' && what[4] == *what &&
	    what[5] == '.');
	return *what == '4' ? ANSWER_TEMPFAIL : ANSWER_REJECT;
}

#endif
