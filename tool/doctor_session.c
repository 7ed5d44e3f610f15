/*
 * doctor_session.c - tlsward doctor's own session with the daemon, as an MTA holds one.
 *
 * It shows a nonce of the control socket, so that the daemon judges and answers, and keeps
 * nothing of it; without one no client is told of, and a connection that negotiates is
 * all. Nothing is ever sent: there is no DATA.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "tool/control.h"
#include "tool/doctor_milter.h"

/* What nobody else is: RFC 5737 and RFC 6761. */
#define CLIENT_ADDRESS "192.0.2.1"
#define CLIENT_PORT 25
#define CLIENT_NAME "tlsward-doctor.invalid"
#define RECIPIENT "tlsward-doctor@tlsward-doctor.invalid"
#define SENDER_SIZE 320

/* So many rules are looked through for one that refuses clear text. */
#define RULES_MAX 1000

#define OUTCOME_SIZE 16

/* A message of the session: in clear text, or with TLS and without a certificate. */
struct session_message {
	bool encrypted;
	bool answered;
	char expected[OUTCOME_SIZE];	/* "550 5.7.10", "": taken; by the policy on disk */
	char got[OUTCOME_SIZE];
};

struct session_plan {
	const struct doctor *doctor;
	char sender[SENDER_SIZE];
	bool sendmail;
	struct session_message messages[2];
};

/* ------------------------------------------------------------------ *
 * What the policy on disk says
 * ------------------------------------------------------------------ */

/* The facts that the daemon gathers of what play_message() tells it. */
static struct facts
session_facts(const struct session_plan *plan, bool encrypted)
{
	struct facts facts = FACTS_INIT;

	facts.mta = plan->sendmail ? "sendmail" : "postfix";
	facts.client_addr = CLIENT_ADDRESS;
	facts.client_port = CLIENT_PORT;
	facts.client_resolve = "fail";
	facts.helo = CLIENT_NAME;
	facts.from = plan->sender;
	facts.to = RECIPIENT;
	facts.tls_version = encrypted ? "TLSv1.3" : "none";
	if (encrypted) {
		facts.cipher = "TLS_AES_256_GCM_SHA384";
		facts.bits = 256;
		facts.cert_verified = POLICY_NO;
	}
	if (encrypted && plan->sendmail)
		facts.cert_fingerprint = facts.cert_pubkey_fingerprint = "none";
	return facts;
}

/* Writes how the policy on disk would have it. False: it cannot be told. */
static bool
expect_outcome(const struct session_plan *plan, bool encrypted, struct verdict *verdict,
    char outcome[OUTCOME_SIZE])
{
	struct facts facts = session_facts(plan, encrypted);
	struct policy_reply reply;

	outcome[0] = '\0';
	if (!judge_facts(&plan->doctor->loaded, plan->doctor->now, &facts, verdict))
		return false;
	if (policy_reply(verdict, &facts, &reply))
		(void)snprintf(outcome, OUTCOME_SIZE, "%s %.11s", reply.code, reply.enhanced);
	return true;
}

/* A sender that the rule may be on, by the WHO that it begins with. */
static void
sender_of(const char *who, char sender[SENDER_SIZE])
{
	(void)snprintf(sender, SENDER_SIZE, "%s%s%s", strchr(who, '@') != NULL ? "" :
	    "tlsward-doctor@", who[0] == '.' ? "mail" : "", who);
}

/* Takes the sender of a rule: rather of one that refuses clear text. */
static void
choose_sender(struct session_plan *plan)
{
	const struct policy *policy = plan->doctor->loaded.policy;
	size_t count = policy != NULL ? policy_rule_count(policy) : 0;
	char chosen[SENDER_SIZE] = "tlsward-doctor@tlsward-doctor.invalid";
	bool found = false;

	for (size_t i = 0; i < count && i < RULES_MAX; i++) {
		struct policy_place place;
		struct verdict verdict;
		char outcome[OUTCOME_SIZE];

		policy_rule_place(policy, i, &place);
		if (place.kind != RULE_FROM || place.name == NULL)
			continue;
		sender_of(place.name, plan->sender);
		if (!expect_outcome(plan, false, &verdict, outcome) || policy_outcome_rule(policy,
		    &verdict.outcome[OUTCOME_FROM]) != i || (found && outcome[0] == '\0'))
			continue;
		(void)strcpy(chosen, plan->sender);
		found = true;
		if (outcome[0] != '\0')
			break;
	}
	(void)strcpy(plan->sender, chosen);
}

static void
make_plan(const struct doctor *doctor, struct session_plan *plan)
{
	struct verdict verdict;

	memset(plan, 0, sizeof(*plan));
	plan->doctor = doctor;
	plan->sendmail = doctor->loaded.settings->mta == SETTINGS_MTA_SENDMAIL;
	choose_sender(plan);
	plan->messages[1].encrypted = true;
	for (size_t i = 0; i < 2 && doctor->loaded.policy != NULL; i++)
		(void)expect_outcome(plan, plan->messages[i].encrypted, &verdict,
		    plan->messages[i].expected);
}

/* ------------------------------------------------------------------ *
 * The session
 * ------------------------------------------------------------------ */

/* The two codes of a reply. */
static void
keep_codes(const char *text, char outcome[OUTCOME_SIZE])
{
	size_t code = strcspn(text, " -");
	size_t enhanced = text[code] != '\0' ? strcspn(text + code + 1, " ") : 0;

	if (code + enhanced + 2 > OUTCOME_SIZE)
		enhanced = 0;
	(void)snprintf(outcome, OUTCOME_SIZE, "%.*s%s%.*s", code < 4 ? (int)code : 3, text,
	    enhanced > 0 ? " " : "", (int)enhanced, text + code + 1);
}

static void
tell_mail_macros(struct talk *talk, const struct session_plan *plan, bool encrypted)
{
	char port[8];

	(void)snprintf(port, sizeof(port), "%d", CLIENT_PORT);
	talk_macro(talk, "{mail_addr}", plan->sender);
	talk_macro(talk, "{client_addr}", CLIENT_ADDRESS);
	talk_macro(talk, "{client_port}", port);
	talk_macro(talk, "{client_name}", plan->sendmail ? "[" CLIENT_ADDRESS "]" : "unknown");
	talk_macro(talk, "{client_resolve}", "FAIL");
	if (!encrypted)
		return;
	talk_macro(talk, "{tls_version}", "TLSv1.3");
	talk_macro(talk, "{cipher}", "TLS_AES_256_GCM_SHA384");
	talk_macro(talk, "{cipher_bits}", "256");
	if (plan->sendmail)
		talk_macro(talk, "{verify}", "NO");
}

/* False: talk->why. */
static bool
play_message(struct talk *talk, const struct session_plan *plan,
    struct session_message *message)
{
	char text[TALK_TEXT_MAX], address[SENDER_SIZE + 2];
	enum talk_answer answer;

	if (talk_say(talk, 'H', CLIENT_NAME, text) == TALK_BROKEN)
		return false;
	tell_mail_macros(talk, plan, message->encrypted);
	(void)snprintf(address, sizeof(address), "<%s>", plan->sender);
	answer = talk_say(talk, 'M', address, text);
	if (answer == TALK_CONTINUES) {
		talk_macro(talk, "{rcpt_addr}", RECIPIENT);
		answer = talk_say(talk, 'R', "<" RECIPIENT ">", text);
	}
	if (answer == TALK_BROKEN)
		return false;
	if (answer == TALK_REFUSES)
		keep_codes(text, message->got);
	message->answered = true;
	return talk_say(talk, 'A', NULL, text) != TALK_BROKEN;
}

static bool
play_session(struct talk *talk, struct session_plan *plan, const char *nonce)
{
	char text[TALK_TEXT_MAX];

	talk_macro(talk, "v", plan->sendmail ? "8.17.1" : "Postfix 3.7");
	talk_macro(talk, "{daemon_name}", "tlsward-doctor");
	talk_macro(talk, "{tlsward_nonce}", nonce);
	if (talk_connect(talk, "[" CLIENT_ADDRESS "]", CLIENT_ADDRESS, CLIENT_PORT) ==
	    TALK_BROKEN)
		return false;
	for (size_t i = 0; i < 2; i++)
		if (!play_message(talk, plan, &plan->messages[i]))
			return false;
	return talk_say(talk, 'Q', NULL, text) != TALK_BROKEN;
}

/* ------------------------------------------------------------------ *
 * What is said of it
 * ------------------------------------------------------------------ */

static void
say_closed(struct doctor *doctor, const char *address, const struct talk *talk, int error)
{
	if (error == EACCES) {
		doctor_say(doctor, DOCTOR_WARNING, "milter-socket", "this user may not connect "
		    "to %s: whether the daemon answers there is not known", address);
		doctor_fix(doctor, "run tlsward doctor as root");
	} else {
		doctor_say(doctor, DOCTOR_FAULT, "milter-socket", "nobody answers on %s (%s): the "
		    "mail server cannot ask the daemon", address, talk->why);
		doctor_fix(doctor, "systemctl start tlsward; where it runs: its \"listen\" was "
		    "another when it was started, and systemctl restart tlsward takes the new one");
	}
}

static void
say_stranger(struct doctor *doctor, const char *address, const char *why)
{
	doctor_say(doctor, DOCTOR_FAULT, "milter-socket", "what answers on %s is not tlsward: "
	    "%s", address, why);
	doctor_fix(doctor, "give the daemon an address of its own in %s (listen), and "
	    "name it to the mail server", doctor->loaded.settings_path);
}

static const char *
outcome_words(const char *outcome)
{
	return outcome[0] != '\0' ? outcome : "taken";
}

/* Whether the daemon answered as the policy on disk would. */
static bool
is_as_expected(const struct session_plan *plan)
{
	return plan->doctor->loaded.policy == NULL ||
	    (strcmp(plan->messages[0].expected, plan->messages[0].got) == 0 &&
	    strcmp(plan->messages[1].expected, plan->messages[1].got) == 0);
}

static void
say_session(struct doctor *doctor, const char *address, const struct session_plan *plan,
    int64_t took_ms)
{
	const struct session_message *messages = plan->messages;

	if (is_as_expected(plan)) {
		doctor_say(doctor, DOCTOR_OK, "session", "a session on %s took %lld ms: mail "
		    "from %s gets in clear text: %s; with TLS 1.3 and no certificate: %s",
		    address, (long long)took_ms, plan->sender, outcome_words(messages[0].got),
		    outcome_words(messages[1].got));
		return;
	}
	doctor_say(doctor, DOCTOR_WARNING, "session", "on %s the daemon judges by another "
	    "policy than the one on disk, or by other settings: mail from %s gets in clear "
	    "text: %s (by what is on disk: %s); with TLS 1.3 and no certificate: %s (%s)",
	    address, plan->sender, outcome_words(messages[0].got),
	    outcome_words(messages[0].expected), outcome_words(messages[1].got),
	    outcome_words(messages[1].expected));
	doctor_fix(doctor, "tlsward reload; where the settings were changed: systemctl "
	    "restart tlsward");
}

/* ------------------------------------------------------------------ *
 * One address
 * ------------------------------------------------------------------ */

/* A nonce for one session; the answer's owner is the caller. NULL: "why". */
static const char *
ask_nonce(const struct doctor *doctor, json_t **answer, char why[CONTROL_WHY_MAX])
{
	const char *nonce;

	if (control_ask(doctor->loaded.settings, "nonce", TALK_MS, answer, why) !=
	    CONTROL_ANSWERED)
		return NULL;
	nonce = json_string_value(json_object_get(*answer, "nonce"));
	if (nonce == NULL)
		(void)snprintf(why, CONTROL_WHY_MAX, "the daemon gives no nonce");
	return nonce;
}

static void
hold_session(struct doctor *doctor, const char *address, struct talk *talk,
    struct session_plan *plan)
{
	char why[CONTROL_WHY_MAX] = "";
	json_t *answer = NULL;
	const char *nonce = ask_nonce(doctor, &answer, why);
	int64_t began = tool_now_ms();

	if (nonce == NULL) {
		doctor_say(doctor, DOCTOR_WARNING, "session", "the daemon answers on %s; no "
		    "session was held, as it would be recorded: %s", address, why);
		doctor_fix(doctor, "have \"control\" in %s name a socket, and run tlsward doctor "
		    "as root", doctor->loaded.settings_path);
	} else if (play_session(talk, plan, nonce)) {
		say_session(doctor, address, plan, tool_now_ms() - began);
	} else {
		doctor_say(doctor, DOCTOR_FAULT, "session", "the daemon breaks a session on %s "
		    "off: %s", address, talk->why);
		doctor_fix(doctor, "look into its log (%s)", "journalctl -u tlsward");
	}
	json_decref(answer);
}

static void
look_at_address(struct doctor *doctor, const char *address)
{
	struct talk talk = TALK_INIT;
	struct session_plan plan;
	int error;

	if (!talk_open(&talk, address, &error)) {
		say_closed(doctor, address, &talk, error);
	} else if (!talk_negotiate(&talk)) {
		say_stranger(doctor, address, talk.why);
	} else if (!talk.asks_tls) {
		say_stranger(doctor, address, "a milter that does not ask for {tls_version}");
	} else {
		make_plan(doctor, &plan);
		hold_session(doctor, address, &talk, &plan);
	}
	talk_close(&talk);
}

void
doctor_session(struct doctor *doctor)
{
	const struct settings_listen *listen = &doctor->loaded.settings->listen;

	for (size_t i = 0; i < listen->count; i++)
		look_at_address(doctor, listen->address[i]);
}
