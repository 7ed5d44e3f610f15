/*
 * forged.c - a message's Authentication-Results fields that claim to be ours.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/forged.h"

#include <stdlib.h>
#include <string.h>

#include "milter/authres.h"

/* Room for one more. False: too many, or memory is short. */
static bool
make_room(struct forged *forged)
{
	size_t room = forged->room > 0 ? 2 * forged->room : 8;
	int *grown;

	if (forged->count < forged->room)
		return true;
	if (forged->count >= FORGED_MAX)
		return false;
	grown = realloc(forged->at, room * sizeof(*grown));
	if (grown == NULL)
		return false;
	forged->at = grown;
	forged->room = room;
	return true;
}

void
forged_look(struct forged *forged, const char *name, const char *value, const char *id)
{
	enum authres_claim claim;

	if (forged->lost || !authres_is_field(name))
		return;
	forged->seen++;
	claim = authres_claims(value, id);
	if (claim == AUTHRES_OTHER)
		return;
	if (claim == AUTHRES_NO_MEMORY || !make_room(forged)) {
		forged->lost = true;
		return;
	}
	forged->at[forged->count++] = forged->seen;
}

/*
 * From the last to the first: Postfix counts what is left, Sendmail what there was,
 * and in this order both mean the same.
 */
bool
forged_remove(SMFICTX *ctx, const struct forged *forged, bool allowed)
{
	char name[] = AUTHRES_FIELD;

	if (forged->lost || (forged->count > 0 && !allowed))
		return false;
	for (size_t i = forged->count; i > 0; i--)
		if (smfi_chgheader(ctx, name, forged->at[i - 1], NULL) != MI_SUCCESS)
			return false;
	return true;
}

void
forged_clear(struct forged *forged)
{
	free(forged->at);
	memset(forged, 0, sizeof(*forged));
}
