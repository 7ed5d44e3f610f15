/*
 * reply.c - from a verdict to what the MTA answers its client.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/reply.h"

#include <stdio.h>

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
reply_refuse(SMFICTX *ctx, const struct verdict *verdict, const struct facts *facts)
{
	sfsistat status = verdict->action == POLICY_REJECT ? SMFIS_REJECT :
	    SMFIS_TEMPFAIL;
	struct policy_reply reply;
	char text[REPLY_TEXT_MAX + 1];

	if (!policy_reply(verdict, facts, &reply) ||
	    (reply.code[0] == '5') != (status == SMFIS_REJECT))
		return status;
	reply_escape(reply.text, text, sizeof(text));
	(void)smfi_setreply(ctx, reply.code, reply.enhanced, text);
	return status;
}

sfsistat
reply_internal_error(SMFICTX *ctx)
{
	char code[] = "451";
	char enhanced[] = "4.3.0";
	char text[] = "Internal error, please try again later";

	(void)smfi_setreply(ctx, code, enhanced, text);
	return SMFIS_TEMPFAIL;
}
