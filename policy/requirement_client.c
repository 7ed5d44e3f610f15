/*
 * requirement_client.c - the one requirement on who the client is.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "policy/match.h"
#include "policy/parse.h"
#include "policy/requirement.h"
#include "policy/session.h"

static bool
client_parse(struct parser *p, struct policy_requirement *requirement)
{
	requirement->u.clients = parse_clients(p);
	return requirement->u.clients != NULL;
}

/* Whether all that the list asks about is known of a client that it does not name. */
static bool
client_is_known(const struct who_table *table, const struct client *client)
{
	bool asks_name = table->has_names || table->regexes.count > 0;

	if (client->local)
		return true;
	if ((table->has_networks[0] || table->has_networks[1]) && !client->has_address)
		return false;
	return !asks_name || client->name_known;
}

static enum policy_tri
client_meets(const struct session *session, const struct policy_requirement *requirement)
{
	const struct who_table *table = &requirement->u.clients->table;
	struct match match = match_client(session->policy, table, session->client, true);

	if (match.unknown)
		return POLICY_UNKNOWN;
	if (match.who != NULL)
		return POLICY_YES;
	return client_is_known(table, session->client) ? POLICY_NO : POLICY_UNKNOWN;
}

static void
client_print(const struct policy_requirement *requirement, FILE *out)
{
	(void)fputs("client", out);
	print_whos(requirement->u.clients->written, out);
}

bool
clients_include(const struct clients *all, const struct clients *some)
{
	for (size_t i = 0; i < some->table.count; i++)
		if (index_find_around(&all->table, &some->table.whos[i]) == NULL)
			return false;
	return true;
}

static bool
client_covers(const struct policy_requirement *a, const struct policy_requirement *b)
{
	return clients_include(a->u.clients, b->u.clients);
}

const struct requirement_kind requirements_client[] = {
	{
		.kind = REASON_CLIENT, .reason = REASON_CLIENT,
		.name = "client", .other_name = "client",
		.why = {
			"client", "550", "7.1",
			"{domain} must come from the mail servers registered with us; this "
			"session came from {client}",
			"send it from the servers that you registered with us, or register "
			"this one"
		},
		.presumes = PRESUMES_NOTHING,
		.facts = { "client_addr", "client_name", "sasl_username", "local" },
		.outbound = LEVEL_UNTOLD, .untold = MSG_OUTGOING_CLIENT,
		.sendmail = access_nothing,
		.parse = client_parse, .meets = client_meets, .print = client_print,
		.demands = "a client that is registered", .value = requirement_no_value,
		.covers = client_covers, .implied = requirement_never_implied
	},
	{ .name = NULL }
};
