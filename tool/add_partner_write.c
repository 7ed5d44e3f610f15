/*
 * add_partner_write.c - the agreement that a partner's mail would have passed, as policy.
 *
 * conf/page/partner.txt has its words. What strangers may have written is in comments
 * alone, and in cases only where it is plain.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/add_partner.h"

#include <string.h>

#include "tool/explain.h"
#include "tool/mustache.h"

/* So many hosts of either sort are listed. */
#define HOSTS_SHOWN 10

static void
add_keys(struct review_host *all, const struct review_host *host)
{
	for (size_t i = 0; i < host->key_count; i++) {
		const struct review_key *key = &host->keys[i];
		size_t at = 0;

		while (at < all->key_count && strcmp(all->keys[at].digest, key->digest) != 0)
			at++;
		if (at == REVIEW_KEYS_MAX)
			all->other_keys += key->messages;
		else if (at == all->key_count)
			all->keys[all->key_count++] = *key;
		else
			all->keys[at].messages += key->messages;
	}
	all->other_keys += host->other_keys;
	all->without_key += host->without_key;
}

/* The least of what one host and those before it used. */
static void
add_host(struct review_host *all, const struct review_host *host)
{
	all->messages += host->messages;
	all->clear += host->clear;
	if (host->protocol == PROTOCOL_COUNT)
		return;
	if (all->protocol == PROTOCOL_COUNT || host->bits_least < all->bits_least)
		all->bits_least = host->bits_least;
	all->forward_secrecy &= host->forward_secrecy;
	if (host->protocol < all->protocol) {
		all->protocol = host->protocol;
		all->tls_version = host->tls_version;
		all->cipher = host->cipher;
		all->bits = host->bits;
	}
	add_keys(all, host);
}

/* What all those hosts have in common; of a template what everybody should have. */
static struct review_host
agreed_sum(const struct agreed *agreed)
{
	struct review_host all = {
		.protocol = PROTOCOL_COUNT, .forward_secrecy = true, .bits_least = -1
	};

	for (size_t i = 0; agreed->hosts != NULL && i < agreed->hosts->count; i++)
		if (agreed->chosen[i])
			add_host(&all, &agreed->hosts->list[i]);
	if (agreed->hosts == NULL) {
		all.protocol = PROTOCOL_TLS_1_2;
		all.bits_least = all.bits = 128;
		all.tls_version = "TLSv1.2";
		all.cipher = "ECDHE-RSA-AES128-GCM-SHA256";
	}
	return all;
}

/* Whether all of the mail came with keys that are told, and few enough to be pinned. */
static bool
has_pins(const struct review_host *all)
{
	char digest[72];

	for (size_t i = 0; i < all->key_count; i++)
		if (!policy_fingerprint_normalize(all->keys[i].digest, digest,
		    sizeof(digest)))
			return false;
	return all->key_count > 0 && all->without_key == 0 && all->other_keys == 0;
}

/* ------------------------------------------------------------------ *
 * What is told
 * ------------------------------------------------------------------ */

static void
put_host(struct tree *tree, const struct review_host *host)
{
	tree_open_object(tree, NULL);
	tree_text(tree, "host", review_host_name(host));
	if (host->protocol != PROTOCOL_COUNT) {
		tree_text(tree, "protocol", policy_protocol_name(host->protocol));
		tree_flag(tree, "newest", host->protocol == PROTOCOL_TLS_1_3);
		tree_flag(tree, "mixed", !host->forward_secrecy);
	}
	tree_number(tree, "bits", host->bits_least > 0 ? host->bits_least : 0);
	tree_number(tree, "messages", host->messages);
	tree_number(tree, "clear", host->clear);
	tree_number(tree, "refused", host->refused);
	tree_close(tree);
}

/* The hosts on which it rests, or the others; nothing where there are none. */
static void
put_host_list(struct tree *tree, const struct agreed *agreed, bool chosen,
    const char *heading)
{
	size_t count = 0, matching = 0;

	for (size_t i = 0; i < agreed->hosts->count; i++)
		matching += agreed->chosen[i] == chosen;
	if (matching == 0)
		return;
	tree_open_object(tree, NULL);
	tree_flag(tree, heading, true);
	tree_open_array(tree, "hosts");
	for (size_t i = 0; i < agreed->hosts->count; i++)
		if (agreed->chosen[i] == chosen && count++ < HOSTS_SHOWN)
			put_host(tree, &agreed->hosts->list[i]);
	tree_close(tree);
	if (matching > HOSTS_SHOWN)
		tree_number(tree, "more", (int64_t)matching - HOSTS_SHOWN);
	tree_close(tree);
}

static void
put_basis(struct tree *tree, const struct agreed *agreed, const struct review_host *all)
{
	tree_flag(tree, "template", agreed->hosts == NULL);
	if (agreed->hosts == NULL)
		return;
	explain_day(tree, "since", agreed->since);
	tree_number(tree, "messages", all->messages);
	tree_number(tree, "all", agreed->hosts->messages);
	tree_open_array(tree, "lists");
	put_host_list(tree, agreed, true, agreed->named ? "named" : "found");
	put_host_list(tree, agreed, false, "others");
	tree_close(tree);
}

static void
put_pins(struct tree *tree, const struct review_host *all)
{
	bool pinned = has_pins(all);

	tree_flag(tree, "pinned", pinned);
	tree_flag(tree, "unpinned", !pinned && all->key_count > 0);
	tree_flag(tree, "one_key", pinned && all->key_count == 1);
	tree_open_array(tree, "keys");
	for (size_t i = 0; pinned && i < all->key_count; i++) {
		struct buffer begins = BUFFER_INIT;

		tree_open_object(tree, NULL);
		buffer_format(&begins, "%.23s", all->keys[i].digest);
		tree_buffer(tree, "begins", &begins);
		tree_text(tree, "digest", all->keys[i].digest);
		tree_text(tree, "cn", all->keys[i].cn);
		tree_number(tree, "messages", all->keys[i].messages);
		tree_close(tree);
	}
	tree_close(tree);
}

/* What of it can be required. */
static void
put_requirements(struct tree *tree, const struct review_host *all)
{
	tree_flag(tree, "demands", all->clear == 0 && all->protocol != PROTOCOL_COUNT);
	if (all->protocol >= PROTOCOL_TLS_1_0 && all->protocol != PROTOCOL_COUNT)
		tree_text(tree, "tls", policy_protocol_name(all->protocol) + strlen("TLSv"));
	tree_number(tree, "bits", all->bits_least > 0 ? all->bits_least : 0);
	tree_flag(tree, "forward_secrecy", all->forward_secrecy);
	put_pins(tree, all);
}

/* " NAME=VALUE", where a case can have it as it is. */
static void
add_case_fact(struct buffer *facts, const char *name, const char *value)
{
	if (value != NULL && *value != '\0' && strspn(value, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") == strlen(value))
		buffer_format(facts, " %s=%s", name, value);
}

/* A session that meets it. */
static void
put_case_facts(struct tree *tree, const struct review_host *all)
{
	struct buffer facts = BUFFER_INIT;

	add_case_fact(&facts, "tls_version", all->tls_version);
	add_case_fact(&facts, "cipher", all->cipher);
	if (all->bits > 0)
		buffer_format(&facts, " bits=%d", all->bits);
	if (has_pins(all))
		add_case_fact(&facts, all->keys[0].of_key ? "cert_pubkey_fingerprint" :
		    "cert_fingerprint", all->keys[0].digest);
	tree_buffer(tree, "facts", &facts);
}

bool
agreed_write(const struct agreed *agreed, json_t *clashes, struct buffer *text)
{
	struct review_host all = agreed_sum(agreed);
	struct tree tree = { .depth = 0 };
	struct buffer name = BUFFER_INIT;

	for (const char *each = agreed->name; *each != '\0'; each++)
		buffer_format(&name, "%s%c", strchr("\"\\", *each) != NULL ? "\\" : "", *each);
	tree_open_object(&tree, NULL);
	explain_day(&tree, "today", agreed->now);
	explain_day(&tree, "until", agreed->now + AGREED_DAYS * INT64_C(86400));
	tree_value(&tree, "clashes", clashes);
	put_basis(&tree, agreed, &all);
	tree_buffer(&tree, "name", &name);
	tree_open_array(&tree, "domains");
	for (size_t i = 0; i < agreed->domain_count; i++)
		tree_text(&tree, NULL, agreed->domains[i]);
	tree_close(&tree);
	put_requirements(&tree, &all);
	put_case_facts(&tree, &all);
	return mustache_fill_file("page/partner.txt", MUSTACHE_SCREEN, tree_take(&tree), text);
}
