/*
 * callbacks.c - the daemon as libmilter sees it.
 *
 * The callbacks gather, ask, record and answer. Nothing is decided before MAIL:
 * the first HELO is always in clear text, and an ACCEPT there would let the whole
 * connection through. A message is given up (ACCEPT) as soon as nothing later can
 * change the verdict: at MAIL where no recipient matters, else at DATA; to its end
 * go those that are to be held, that a rule under monitor would have refused, that
 * an exemption let in, and local mail that is to be refused; and all of them where
 * header fields are to be removed and added (authentication-results). Where the MTA
 * shows nothing after DATA, what is left is done there.
 *
 * Local mail (Postfix's non_smtpd_milters) is never refused at RCPT: Postfix takes
 * that for an error of configuration and offers the message again for ever.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/callbacks.h"

#include <poll.h>
#include <string.h>

#include "base/diag.h"
#include "milter/facts.h"
#include "milter/macros.h"

#define CALLBACKS_UNSEEN "the MTA shows no content after DATA (smtpd_proxy_filter)"

static struct service *service;

void
callbacks_serve(struct service *served)
{
	service = served;
}

/* Whether the end has not come to that stage yet. */
static bool
callback_enter(enum service_stage end)
{
	atomic_fetch_add(&service->active, 1);
	return atomic_load(&service->stage) < (int)end;
}

/* Who comes too late to have been waited for says nothing: the process is ending. */
static sfsistat
callback_leave(sfsistat status)
{
	while (atomic_load(&service->stage) == SERVICE_OVER)
		(void)poll(NULL, 0, -1);
	atomic_fetch_sub(&service->active, 1);
	return status;
}

/* Stands for the session of a connection for which memory was short. */
static struct session no_room;

/* The session of this connection, or NULL. */
static struct session *
session_now(SMFICTX *ctx)
{
	struct session *session = smfi_getpriv(ctx);

	return session != &no_room ? session : NULL;
}

/*
 * The session of this connection, made where there is none yet. One that is made
 * after the negotiation lacks what was told before: memory was short then, or it is
 * another session on a connection whose own has ended (QUIT_NC).
 */
static struct session *
session_of(SMFICTX *ctx, bool begins)
{
	struct session *session = session_now(ctx);
	bool was_short = smfi_getpriv(ctx) == &no_room;

	if (session != NULL)
		return session;
	session = session_new();
	if (session == NULL || smfi_setpriv(ctx, session) != MI_SUCCESS) {
		session_free(&session, service->snapshots);
		(void)smfi_setpriv(ctx, &no_room);
		return NULL;
	}
	session->fault = begins ? FAULT_NONE : was_short ? FAULT_MEMORY : FAULT_UNKNOWN;
	return session;
}

/* Ends a message at once; never with header fields that nobody has looked at. */
static sfsistat
fail_message(SMFICTX *ctx, const struct session *session, enum fault fault)
{
	const char *id = session != NULL ? session->id : "unknown";

	if (service->authres != NULL) {
		decision_put_off(service, &service->faults[fault], decision_fault(fault),
		    id);
		return reply_internal_error(ctx);
	}
	return decision_error_accepts(service, fault, id) ? SMFIS_ACCEPT :
	    reply_internal_error(ctx);
}

typedef sfsistat message_step(SMFICTX *ctx, struct session *session, char *argument);

/* Takes a step that only a message can take. */
static sfsistat
take_step(SMFICTX *ctx, message_step *take, char *argument)
{
	bool open = callback_enter(SERVICE_CLOSED);
	struct session *session = session_now(ctx);
	sfsistat status;

	if (!open)
		status = reply_ending(ctx);
	else if (session == NULL)
		status = fail_message(ctx, NULL, FAULT_UNKNOWN);
	else if (session->message == NULL)
		status = fail_message(ctx, session, FAULT_ORDER);
	else
		status = take(ctx, session, argument);
	return callback_leave(status);
}

/* ------------------------------------------------------------------ *
 * Before the message
 * ------------------------------------------------------------------ */

/* What is asked of the MTA beyond what is always asked: header fields. */
static unsigned long
header_actions(void)
{
	return service->authres != NULL ? SMFIF_ADDHDRS | SMFIF_CHGHDRS : 0;
}

/*
 * The header's end is wanted with its fields: of a message without any, libmilter
 * would take the end for out of turn and never answer.
 */
static unsigned long
header_steps(unsigned long steps)
{
	if (service->authres != NULL)
		return SMFIP_NR_HDR | SMFIP_NR_EOH;
	return steps & (SMFIP_NOHDRS | SMFIP_NOEOH);
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long unused1, unsigned long unused2, unsigned long *wanted_actions,
    unsigned long *wanted_steps, unsigned long *out1, unsigned long *out2)
{
	const unsigned long declined = SMFIP_NOBODY | SMFIP_NOUNKNOWN;
	struct session *session;

	(void)unused1;
	(void)unused2;
	(void)callback_enter(SERVICE_OVER);
	*wanted_actions = actions &
	    (SMFIF_QUARANTINE | SMFIF_SETSYMLIST | header_actions());
	/* libmilter makes up for an MTA that does not know "no reply". */
	*wanted_steps = (steps & declined) | header_steps(steps) | SMFIP_NR_CONN |
	    SMFIP_NR_HELO;
	*out1 = 0;
	*out2 = 0;
	session = session_of(ctx, true);
	if (session != NULL) {
		session->can_quarantine = (actions & SMFIF_QUARANTINE) != 0;
		session->can_add = (*wanted_actions & SMFIF_ADDHDRS) != 0;
		session->can_change = (*wanted_actions & SMFIF_CHGHDRS) != 0;
		session->macros_chosen = (actions & SMFIF_SETSYMLIST) != 0 &&
		    macros_choose(ctx, service->settings->mta, service->correlation != NULL);
	}
	return callback_leave(SMFIS_CONTINUE);
}

/* Beside a policy service: here is a session that it may hear of. */
static void
begin_correlation(SMFICTX *ctx, struct session *session)
{
	struct connection connection;

	if (service->correlation == NULL || session->peer != PEER_INET ||
	    session->unrecorded)
		return;
	endpoint_read(&connection.client, session->address, NULL);
	connection.client.port = (uint16_t)session->port;
	endpoint_read(&connection.server, macros_get(ctx, MACRO_DAEMON_ADDR),
	    macros_get(ctx, MACRO_DAEMON_PORT));
	correlation_begin(service->correlation, &session->correlation, &connection);
}

static void
end_correlation(struct session *session)
{
	if (service->correlation != NULL)
		correlation_end(service->correlation, &session->correlation);
}

/*
 * Whose session it is: doctor's, which showed a nonce of the control socket's and of
 * which nothing is kept, or an MTA's, which counts once for its connection.
 */
static void
look_whose(SMFICTX *ctx, struct session *session)
{
	session->unrecorded = nonces_open(&service->nonces) &&
	    nonces_take(&service->nonces, macros_get(ctx, MACRO_NONCE));
	if (session->unrecorded || session->counted_once)
		return;
	session->counted_once = true;
	counters_add(&service->counters, COUNTER_CONNECTIONS);
}

static sfsistat
on_smtp_client(SMFICTX *ctx, char *host, struct sockaddr *address)
{
	struct session *session;

	(void)host;
	(void)callback_enter(SERVICE_OVER);
	session = session_of(ctx, false);
	if (session != NULL) {
		end_correlation(session);
		session_restart(session, service->snapshots);
		session_set_peer(session, address);
		session->version = macros_get(ctx, MACRO_VERSION);
		look_whose(ctx, session);
		begin_correlation(ctx, session);
		if (session->port > 0 && !session->unrecorded)
			atomic_store(&service->milter_asked, true);
	}
	return callback_leave(SMFIS_NOREPLY);
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	struct session *session;

	(void)callback_enter(SERVICE_OVER);
	session = session_of(ctx, false);
	if (session != NULL) {
		session_set_helo(session, name);
		session->mail_macro = NULL;
	}
	return callback_leave(SMFIS_NOREPLY);
}

/* ------------------------------------------------------------------ *
 * MAIL
 * ------------------------------------------------------------------ */

/* Whether MAIL is the place for a refusal, and all that counts for it is known. */
static bool
refuses_at_mail(const struct snapshot *snapshot, const struct facts *facts)
{
	if (facts->local)
		return !snapshot->summary.has_to_exempt;
	return service->settings->reply_at == SETTINGS_REPLY_AT_MAIL;
}

/*
 * Whether the policy asks for what the policy service tells of this session, once
 * there is a recipient.
 */
static bool
waits_for_service(const struct snapshot *snapshot, const struct facts *facts)
{
	return service->correlation != NULL && snapshot->summary.uses_fingerprint &&
	    policy_encrypted(facts) == POLICY_YES && !facts->local;
}

/*
 * Judges what is known before the first recipient. SMFIS_CONTINUE: nothing was
 * decided, the recipients are to be heard.
 */
static sfsistat
judge_sender(SMFICTX *ctx, const struct session *session,
    const struct question *question)
{
	const struct snapshot *snapshot = question->snapshot;
	struct judgement judgement;

	if ((snapshot->summary.has_to_rules || waits_for_service(snapshot,
	    question->facts)) && !refuses_at_mail(snapshot, question->facts))
		return SMFIS_CONTINUE;
	if (decision_make(service, question, &judgement) != 0)
		return fail_message(ctx, session, FAULT_MEMORY);
	if (decision_refuses(&judgement.verdict)) {
		if (!refuses_at_mail(snapshot, question->facts))
			return SMFIS_CONTINUE;
		decision_record(service, &judgement);
		return reply_refuse(ctx, &judgement);
	}
	if (snapshot->summary.has_to_rules || service->settings->follow_accepted ||
	    service->authres != NULL || message_follows(&judgement.verdict))
		return SMFIS_CONTINUE;
	decision_record(service, &judgement);
	return SMFIS_ACCEPT;
}

static sfsistat
begin_message(SMFICTX *ctx, struct session *session, char *address)
{
	struct snapshot *snapshot = snapshots_acquire(service->snapshots);
	const char *from = address_trim(address);
	struct facts_room room;
	struct facts facts;
	struct question question = { .snapshot = snapshot, .facts = &facts };
	sfsistat status;

	/* A source route to nobody is the null sender too. */
	if (policy_same_address(from, "<>"))
		from = "<>";
	facts_gather(ctx, session, service->settings->mta, from, &room, &facts);
	if (!session->unrecorded) {
		counters_session(&service->counters, &facts, &session->counted);
		lately_asked(&service->lately, facts.mta, macros_get(ctx, MACRO_VERSION),
		    log_time_ms());
	}
	question.from_resolved = facts_from_resolved(ctx, from);
	question.can_quarantine = session->can_quarantine;
	question.unrecorded = session->unrecorded;
	status = judge_sender(ctx, session, &question);
	if (status == SMFIS_CONTINUE &&
	    session_begin(session, &snapshot, &facts, question.from_resolved) != 0)
		status = fail_message(ctx, session, FAULT_MEMORY);
	snapshots_release(service->snapshots, &snapshot);
	return status;
}

static sfsistat
on_mail(SMFICTX *ctx, char **arguments)
{
	bool open = callback_enter(SERVICE_ENDING);
	struct session *session = session_of(ctx, false);

	if (session != NULL)
		session_end(session, service->snapshots);
	if (!open) {
		/* Its macros were not looked at: those of the next may be where the last were. */
		if (session != NULL)
			session->mail_macro = NULL;
		return callback_leave(reply_ending(ctx));
	}
	if (session == NULL)
		return callback_leave(fail_message(ctx, NULL, FAULT_MEMORY));
	if (service->correlation != NULL)
		correlation_mail(service->correlation, &session->correlation);
	if (session->fault == FAULT_NONE && facts_of_another(ctx, session))
		session->fault = FAULT_REUSED;
	if (session->fault != FAULT_NONE)
		return callback_leave(fail_message(ctx, session, session->fault));
	if (facts_are_lost(ctx, session))
		return callback_leave(fail_message(ctx, session, FAULT_MACROS));
	return callback_leave(begin_message(ctx, session, arguments[0]));
}

/* ------------------------------------------------------------------ *
 * RCPT
 * ------------------------------------------------------------------ */

/* A recipient that could not be judged. Local mail hears of it at its end. */
static sfsistat
fail_recipient(SMFICTX *ctx, const struct session *session, enum fault fault)
{
	struct message *message = session->message;

	if (message->facts.local ||
	    decision_error_accepts(service, fault, session->id)) {
		message->accepted++;
		message->undecided = message->undecided || message->facts.local;
		return SMFIS_CONTINUE;
	}
	message->refused = true;
	return reply_internal_error(ctx);
}

static sfsistat
judge_recipient(SMFICTX *ctx, struct session *session, char *address)
{
	struct message *message = session->message;
	struct facts facts = message->facts;
	struct question question = { .snapshot = message->snapshot, .facts = &facts };
	struct correlation_digests digests;
	struct judgement judgement;

	if (facts_of_recipient_are_lost(ctx, session))
		return fail_recipient(ctx, session, FAULT_MACROS);
	facts.to = address_trim(address);
	facts.to_resolved = facts_to_resolved(ctx, facts.to);
	facts.queue_id = facts_queue_id(ctx);
	question.from_resolved = message->from_resolved;
	if (service->correlation != NULL)
		facts_correlate(service->correlation, &session->correlation,
		    question.from_resolved, &facts, &digests);
	question.can_quarantine = session->can_quarantine;
	question.unrecorded = session->unrecorded;
	if (decision_make(service, &question, &judgement) != 0)
		return fail_recipient(ctx, session, FAULT_MEMORY);
	if (decision_refuses(&judgement.verdict) && !facts.local) {
		message->refused = true;
		decision_record(service, &judgement);
		return reply_refuse(ctx, &judgement);
	}
	if (message_keep(message, &judgement) != 0)
		return fail_recipient(ctx, session, FAULT_MEMORY);
	message->accepted++;
	return SMFIS_CONTINUE;
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **arguments)
{
	return take_step(ctx, judge_recipient, arguments[0]);
}

/* ------------------------------------------------------------------ *
 * DATA and the end
 * ------------------------------------------------------------------ */

static void
record_message(SMFICTX *ctx, struct message *message, int recipients)
{
	message->judged.facts.nrcpt = recipients;
	message->judged.facts.queue_id = facts_queue_id(ctx);
	decision_record(service, &message->judged);
}

/*
 * After an ACCEPT, Postfix (until its fixes of August 2026) lets a client name more
 * recipients for a message that its end-of-data restrictions refused, and asks no
 * milter: one that was refused here would be let in then.
 */
static bool
must_follow(const struct message *message)
{
	return service->authres != NULL || message->undecided || message->refused ||
	    (message->is_judged &&
	    (message_follows(&message->judged.verdict) ||
	    service->settings->follow_accepted));
}

/*
 * Whether anything after DATA will be shown. Postfix has a queue id by then; it has
 * none where a filter before the queue takes the message (smtpd_proxy_filter), and
 * then it tells a milter nothing more of it.
 */
static bool
shows_content(SMFICTX *ctx, const struct message *message)
{
	const char *mta = message->facts.mta;

	return facts_queue_id(ctx) != NULL || message->facts.local ||
	    (mta != NULL && strcmp(mta, "sendmail") == 0);
}

/*
 * The end of a message that is followed, where its end will not be seen. Should it be
 * after all, no second record is written.
 */
static sfsistat
finish_unseen(SMFICTX *ctx, const struct session *session)
{
	struct message *message = session->message;
	struct verdict *verdict = &message->judged.verdict;
	bool held = message->is_judged && verdict->action == POLICY_QUARANTINE;

	if (held) {
		verdict->action = POLICY_TEMPFAIL;
		log_limited(service->log, &service->unheld, SEVERITY_ERROR, "a message"
		    " that is to be held is tempfailed: " CALLBACKS_UNSEEN " (see"
		    " quarantine-as); session %s", session->id);
	} else if (service->authres != NULL &&
	    !atomic_exchange(&service->unseen_told, true)) {
		log_message(service->log, SEVERITY_ERROR, "Authentication-Results fields"
		    " that claim to be ours are not removed, and ours is not added: "
		    CALLBACKS_UNSEEN "; this is said once");
	}
	/* A client may say DATA again, and hears the same. */
	if (message->is_judged && !message->recorded)
		record_message(ctx, message, message->accepted);
	message->recorded = true;
	return message->is_judged && decision_refuses(verdict) ?
	    reply_refuse(ctx, &message->judged) : SMFIS_CONTINUE;
}

static sfsistat
end_recipients(SMFICTX *ctx, struct session *session, char *unused)
{
	struct message *message = session->message;

	(void)unused;
	/* Without a recipient it is the MTA that answers. */
	if (message->accepted == 0)
		return SMFIS_CONTINUE;
	if (must_follow(message))
		return !message->recorded && shows_content(ctx, message) ?
		    SMFIS_CONTINUE : finish_unseen(ctx, session);
	if (message->is_judged)
		record_message(ctx, message, 0);
	session_end(session, service->snapshots);
	return SMFIS_ACCEPT;
}

static sfsistat
on_data(SMFICTX *ctx)
{
	return take_step(ctx, end_recipients, NULL);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *session;

	if (service->authres == NULL)
		return SMFIS_CONTINUE;
	(void)callback_enter(SERVICE_OVER);
	session = session_now(ctx);
	if (session != NULL && session->message != NULL)
		forged_look(&session->message->forged, name, value, service->authres);
	return callback_leave(SMFIS_NOREPLY);
}

static sfsistat
on_header_end(SMFICTX *ctx)
{
	(void)ctx;
	return service->authres != NULL ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/*
 * What is not refused goes on, which is to accept it at this place: after an ACCEPT,
 * libmilter would pass over a QUIT_NC, and no end of the session would be heard of.
 */
static sfsistat
finish_message(SMFICTX *ctx, const struct session *session)
{
	struct message *message = session->message;
	struct verdict *verdict = &message->judged.verdict;
	sfsistat status = SMFIS_CONTINUE;

	if (message->undecided &&
	    !decision_error_accepts(service, FAULT_MEMORY, session->id))
		return reply_internal_error(ctx);
	if (message->is_judged && verdict->action == POLICY_QUARANTINE &&
	    !reply_hold(ctx, verdict))
		verdict->action = POLICY_TEMPFAIL;
	if (message->is_judged && decision_refuses(verdict))
		status = reply_refuse(ctx, &message->judged);
	else if (!reply_edit_header(ctx, service, session))
		return reply_internal_error(ctx);
	if (message->is_judged && !message->recorded)
		record_message(ctx, message, message->accepted);
	return status;
}

static sfsistat
end_message(SMFICTX *ctx, struct session *session, char *unused)
{
	sfsistat status = SMFIS_CONTINUE;

	(void)unused;
	if (session->message->accepted > 0)
		status = finish_message(ctx, session);
	session_end(session, service->snapshots);
	return status;
}

static sfsistat
on_end(SMFICTX *ctx)
{
	return take_step(ctx, end_message, NULL);
}

/* Called in the middle of a message, and at times when there is none. */
static sfsistat
on_abort(SMFICTX *ctx)
{
	struct session *session;

	(void)callback_enter(SERVICE_OVER);
	session = session_now(ctx);
	if (session != NULL)
		session_end(session, service->snapshots);
	return callback_leave(SMFIS_CONTINUE);
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct session *session;

	(void)callback_enter(SERVICE_OVER);
	session = session_now(ctx);
	(void)smfi_setpriv(ctx, NULL);
	if (session != NULL) {
		end_correlation(session);
		session_free(&session, service->snapshots);
	}
	return callback_leave(SMFIS_CONTINUE);
}

struct smfiDesc
callbacks_description(void)
{
	static char name[] = "tlsward";
	const struct smfiDesc description = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_QUARANTINE,
		.xxfi_connect = on_smtp_client,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_data = on_data,
		.xxfi_header = on_header,
		.xxfi_eoh = on_header_end,
		.xxfi_eom = on_end,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate,
	};

	return description;
}
