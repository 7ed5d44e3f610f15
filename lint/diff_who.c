/*
 * diff_who.c - the rule that a policy has for a WHO, whether it names it or not.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/diff.h"

#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

/* Stands where no policy names it: below a domain, or before its "@". */
#define NOBODY "tlsward-diff"

/* So many addresses of a network are tried. */
#define EXAMPLES_MAX 64

const struct who *
diff_first_named(const struct policy *policy, const struct subject *subject)
{
	return index_find(&policy->tables[subject->kind], subject->who->key,
	    strlen(subject->who->key));
}

const struct policy_rule *
diff_rule_naming(const struct policy *policy, const struct subject *subject)
{
	const struct who_table *table = &policy->tables[subject->kind];
	const struct who *each = diff_first_named(policy, subject);

	for (; each != NULL; each = index_next(table, each)) {
		const struct clients *via = policy->rules[each->rule].via;

		if (via == NULL ? subject->via == NULL : subject->via != NULL &&
		    index_find(&via->table, subject->via->key,
		    strlen(subject->via->key)) != NULL)
			return &policy->rules[each->rule];
	}
	return NULL;
}

/* A name that a WHO stands for; false: there is none. */
static bool
example_name(const struct who *who, char name[DIFF_NAME_MAX])
{
	struct regex_name regex;
	char text[REGEX_NAME_MAX];
	size_t length;

	switch (who->type) {
	case WHO_SUBDOMAINS:
		(void)snprintf(name, DIFF_NAME_MAX, NOBODY "%s", who->key);
		return true;
	case WHO_REGEX:
		length = strcspn(who->name + 1, "/");
		if (length >= sizeof(text) || who->name[length + 2] != '\0')
			return false;
		(void)snprintf(text, sizeof(text), "%.*s", (int)length, who->name + 1);
		regex_name_read(text, &regex);
		(void)snprintf(name, DIFF_NAME_MAX, "%s%s",
		    regex.at_label && !regex.or_itself ? NOBODY "." : "", regex.name);
		return regex.shape == REGEX_NAME && !regex.loose_dot;
	default:
		(void)snprintf(name, DIFF_NAME_MAX, "%s",
		    who->type == WHO_DOMAIN ? who->key : who->name);
		return true;
	}
}

/* Whether an address is in a network. */
static bool
is_inside(const struct network *address, const struct network *network)
{
	for (unsigned bit = 0; bit < network->prefix; bit++)
		if (((address->bytes[bit / 8] ^ network->bytes[bit / 8]) &
		    0x80u >> bit % 8) != 0)
			return false;
	return true;
}

/* Makes an address the first one behind a network around it. False: it is the last. */
static bool
go_behind(struct network *address, unsigned prefix)
{
	unsigned bits = address->family == 0 ? 32 : 128;

	for (unsigned bit = prefix; bit < bits; bit++)
		address->bytes[bit / 8] |= (unsigned char)(0x80u >> bit % 8);
	for (unsigned i = bits / 8; i > 0; i--)
		if (++address->bytes[i - 1] != 0)
			return true;
	return false;
}

/* The longest network of clients around an address, of those inside another. */
static bool
narrower(const struct policy *policy, const struct network *address,
    const struct network *network, unsigned *prefix)
{
	*prefix = network->prefix;
	for (const struct clients *each = policy->clients; each != NULL; each = each->next) {
		const struct who *who = index_find_network(&each->table, address, 129);
		struct network found;

		if (who != NULL && network_read(who->name, &found) == NETWORK_OK &&
		    found.prefix > *prefix)
			*prefix = found.prefix;
	}
	return *prefix > network->prefix;
}

/* The first address of a network for which the policy names no narrower one. */
static void
example_address(const struct policy *policy, const struct who *who,
    char name[DIFF_NAME_MAX])
{
	struct network network, address;
	unsigned prefix;

	if (network_read(who->name, &network) != NETWORK_OK)
		return;
	address = network;
	for (int tries = 0; tries < EXAMPLES_MAX && narrower(policy, &address, &network,
	    &prefix); tries++)
		if (!go_behind(&address, prefix) || !is_inside(&address, &network))
			return;
	(void)inet_ntop(address.family == 0 ? AF_INET : AF_INET6, address.bytes, name,
	    DIFF_NAME_MAX);
}

/* Makes the facts those of a session of that client. */
static bool
set_client(const struct policy *policy, struct facts *facts, const struct who *via,
    char name[DIFF_NAME_MAX])
{
	if (via == NULL)
		return true;
	facts->local = via->type == WHO_LOCAL;
	if (via->type == WHO_AUTHENTICATED)
		facts->sasl_username = NOBODY;
	if (facts->local || facts->sasl_username != NULL)
		return true;
	if (!example_name(via, name))
		return false;
	if (via->type == WHO_NETWORK) {
		name[strcspn(name, "/")] = '\0';
		example_address(policy, via, name);
		facts->client_addr = name;
	} else {
		facts->client_name = name;
	}
	return true;
}

/* Asks the policy which rule applies to mail like that. False: memory is short. */
static bool
decided_rule(const struct policy *policy, const struct subject *subject, int64_t now,
    char name[DIFF_NAME_MAX], const struct policy_rule **rule)
{
	const struct policy_options options = { .now = now, .recipient_delimiter = "+" };
	char client[DIFF_NAME_MAX], address[DIFF_NAME_MAX + sizeof(NOBODY)];
	struct facts facts = FACTS_INIT;
	struct verdict verdict;
	bool domain = subject->who->type == WHO_DOMAIN ||
	    subject->who->type == WHO_SUBDOMAINS || subject->who->type == WHO_REGEX;

	*rule = NULL;
	if (!set_client(policy, &facts, subject->via, client))
		return true;
	(void)snprintf(address, sizeof(address), "%s%s", domain ? NOBODY "@" : "", name);
	facts.from = subject->kind == RULE_FROM ? address : "<>";
	if (subject->kind == RULE_TO)
		facts.to = address;
	if (subject->kind == RULE_DELIVER) {
		facts.direction = "out";
		facts.next_hop = name;
	}
	if (policy_decide(policy, &facts, &options, &verdict) != 0)
		return false;
	*rule = verdict.outcome[subject->kind == RULE_TO ? OUTCOME_TO : OUTCOME_FROM].rule;
	return true;
}

bool
diff_rule_for(const struct policy *policy, const struct subject *subject, int64_t now,
    const struct policy_rule **rule)
{
	const struct who *found;
	char name[DIFF_NAME_MAX];

	*rule = diff_rule_naming(policy, subject);
	if (*rule != NULL)
		return true;
	if (subject->kind == RULE_CLIENT) {
		/* The rule that a client falls to; what is not told by names is none. */
		found = index_find_around(&policy->tables[RULE_CLIENT], subject->who);
		*rule = found == NULL ? NULL : &policy->rules[found->rule];
	} else if (example_name(subject->who, name))
		return decided_rule(policy, subject, now, name, rule);
	else
		*rule = subject->kind == RULE_FROM ? policy->default_rule : NULL;
	return true;
}
