/*
 * answer.h - from a request of the policy delegation protocol to its answer.
 *
 * Beside the milter the answer is always DUNNO, and what was heard goes into the
 * correlation; alone it is the verdict, with its record. Only requests at RCPT matter:
 * there the recipient is known, and all that Postfix will know of the session.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_ANSWER_H
#define TLSWARD_MILTER_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "milter/delegation.h"
#include "milter/service.h"
#include "milter/session.h"

/*
 * What is kept between the requests of one client, which is one Postfix process and
 * does one message after the other. All zero but its serial is a good start.
 */
struct answer_state {
	uint64_t serial;		/* tells clients apart */
	struct connection connection;		/* of the SMTP session asked about last */
	char session[SESSION_ID_SIZE];	/* its id; "": none yet */
	char instance[128];		/* the message last recorded; "": none */
	int rank;			/* and how much its record said */
	unsigned char counted;		/* by its protocol: see counters_session() */
};

/*
 * Appends the answer to a complete request, with its empty line, to "out". False
 * where the request lacks what Postfix always sends: then there is none. Thread-safe
 * as long as no two threads share an state. Failure of memory is answered as
 * on-internal-error says, or shows in out->failed.
 */
bool answer_request(struct service *service, struct answer_state *state,
    const struct delegation *request, struct buffer *out);

#endif
