/*
 * match.h - which rule applies to a sender, a recipient or a client.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_MATCH_H
#define TLSWARD_POLICY_MATCH_H

#include "policy/index.h"

/* A session's client, as the WHOs of clients are held against it. */
struct client {
	bool authenticated;
	bool local;
	bool has_name;
	bool name_known;		/* or that it has none */
	bool has_address;
	bool unsure;			/* its name could not be looked up, for now */
	struct name name;		/* verified */
	struct network address;
};

/* Returns 0, or -1 when memory is short. Else it is to be given to client_free(). */
int client_read(struct client *client, const struct facts *facts);
void client_free(struct client *client);

struct match {
	const struct who *who;		/* NULL: no rule names it */
	const struct who *via;		/* the client by which it applies; NULL: any */
	bool unknown;			/* whether a pattern matches is not known */
	/* Had the client's name been looked up, another rule might have come before. */
	bool unsure;
};

/*
 * The most specific WHO of "table" that names the client. What is local matches that
 * alone where it must be "strictly" so.
 */
struct match match_client(const struct policy *policy, const struct who_table *table,
    const struct client *client, bool strictly);

/* The from rule for an address, without the default. */
struct match match_sender(const struct policy *policy, const struct client *client,
    const struct address *sender);

/*
 * The to rule for an address. "delimiters" are those that set a recipient's
 * detail off, or NULL.
 */
struct match match_recipient(const struct policy *policy, const struct client *client,
    const struct address *recipient, const char *delimiters);

/* The deliver rule for a next hop. Returns 0, or -1 when memory is short. */
int match_next_hop(const struct policy *policy, const char *next_hop,
    struct match *match);

/* Whether it is the recipient without a domain of RFC 5321 section 4.5.1. */
bool match_is_postmaster(const struct address *recipient);

#endif
