/*
 * reply.c - what the MTA is told of a verdict, and has to do with the message.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/callbacks.h"

void
reply_escape(const char *text, char *out, size_t size)
{
	size_t length = 0;

	for (; *text != '\0'; text++) {
		size_t wanted = *text == '%' ? 2 : 1;

		if (length + wanted >= size)
			break;
		out[length++] = *text;
		if (wanted == 2)
			out[length++] = '%';
	}
	out[length] = '\0';
}

/*
 * libmilter drops a code of another class than the status, with its text, and says
 * nothing; such a pair is not sent on its way here, the verdict's action counts.
 */
sfsistat
reply_refuse(SMFICTX *ctx, const struct judgement *judgement)
{
	const struct verdict *verdict = &judgement->verdict;
	sfsistat status = verdict->action == POLICY_REJECT ? SMFIS_REJECT :
	    SMFIS_TEMPFAIL;
	struct policy_reply reply;
	char text[REPLY_TEXT_MAX + 1];

	if (!policy_reply(verdict, &judgement->facts, &reply) ||
	    (reply.code[0] == '5') != (status == SMFIS_REJECT))
		return status;
	reply_escape(reply.text, text, sizeof(text));
	(void)smfi_setreply(ctx, reply.code, reply.enhanced, text);
	return status;
}

/* In libmilter's prototype nothing is const. */
static sfsistat
reply_later(SMFICTX *ctx, char *enhanced, char *text)
{
	char code[] = "451";

	(void)smfi_setreply(ctx, code, enhanced, text);
	return SMFIS_TEMPFAIL;
}

sfsistat
reply_internal_error(SMFICTX *ctx)
{
	char enhanced[] = DECISION_FAILED_CODE, text[] = DECISION_FAILED_TEXT;

	return reply_later(ctx, enhanced, text);
}

sfsistat
reply_ending(SMFICTX *ctx)
{
	char enhanced[] = DECISION_ENDING_CODE, text[] = DECISION_ENDING_TEXT;

	return reply_later(ctx, enhanced, text);
}

bool
reply_hold(SMFICTX *ctx, const struct verdict *verdict)
{
	char reason[DECISION_REASON_SIZE];

	decision_hold_reason(verdict, reason);
	return smfi_quarantine(ctx, reason) == MI_SUCCESS;
}

/*
 * From the last to the first: Postfix counts what is left, Sendmail what there was,
 * and in this order both mean the same.
 */
static bool
remove_forged(SMFICTX *ctx, const struct forged *forged, bool allowed)
{
	char name[] = AUTHRES_FIELD;

	if (forged->lost || (forged->count > 0 && !allowed))
		return false;
	for (size_t i = forged->count; i > 0; i--)
		if (smfi_chgheader(ctx, name, forged->at[i - 1], NULL) != MI_SUCCESS)
			return false;
	return true;
}

/* Postfix and Sendmail both put index 0 on top, above their own Received. */
static bool
add_field(SMFICTX *ctx, const struct judgement *judged, const char *id)
{
	char name[] = AUTHRES_FIELD;
	char value[AUTHRES_VALUE_MAX];

	return authres_write(id, &judged->facts, &judged->verdict, value,
	    sizeof(value)) && smfi_insheader(ctx, 0, name, value) == MI_SUCCESS;
}

bool
reply_edit_header(SMFICTX *ctx, struct service *service, const struct session *session)
{
	const char *id = service->settings->authentication_results;
	const struct message *message = session->message;

	if (id == NULL)
		return true;
	if (!remove_forged(ctx, &message->forged, session->can_change)) {
		decision_put_off(service, &service->forged, "Authentication-Results"
		    " fields that claim to be ours cannot be removed", session->id);
		return false;
	}
	if (message->is_judged &&
	    !(session->can_add && add_field(ctx, &message->judged, id)))
		log_limited(service->log, &service->unadded, SEVERITY_ERROR, "the field"
		    " Authentication-Results cannot be added: left out; session %s",
		    session->id);
	return true;
}
