/*
 * probe_json.c - what tlsward probe found, for scripts.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_result.h"

#include <stdio.h>
#include <string.h>

#include "tool/tree.h"
#include "base/date.h"

static void
tree_tri(struct tree *tree, const char *name, enum policy_tri value)
{
	tree_value(tree, name, value == POLICY_UNKNOWN ? json_null() :
	    json_boolean(value == POLICY_YES));
}

static void
tree_offer(struct tree *tree, const char *name, enum probe_offer offer)
{
	tree_tri(tree, name, offer == OFFER_UNKNOWN ? POLICY_UNKNOWN :
	    offer == OFFER_YES ? POLICY_YES : POLICY_NO);
}

static const char *
secure_word(enum probe_secure secure)
{
	static const char *const words[] = {
		[SECURE_UNKNOWN] = "unknown", [SECURE_NO] = "insecure",
		[SECURE_YES] = "secure", [SECURE_BOGUS] = "bogus"
	};

	return words[secure];
}

/* Left out where it is empty. */
static void
tree_word(struct tree *tree, const char *name, const char *text)
{
	tree_text(tree, name, text[0] != '\0' ? text : NULL);
}

static void
tree_requirements(struct tree *tree, const struct probe_judged *judged)
{
	tree_open_array(tree, "requirements");
	for (size_t i = 0; i < judged->count; i++) {
		const struct probe_requirement *require = &judged->require[i];

		tree_open_object(tree, NULL);
		tree_text(tree, "kind", policy_kind_name(require->kind));
		tree_text(tree, "required", require->required);
		tree_text(tree, "offered", require->offered);
		tree_tri(tree, "met", require->met);
		tree_close(tree);
	}
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * An address
 * ------------------------------------------------------------------ */

static void
tree_protocols(struct tree *tree, const struct probe_address *address)
{
	tree_open_object(tree, "protocols");
	for (int i = 0; i < PROBE_PROTOCOLS; i++)
		tree_offer(tree, probe_protocol_name((enum probe_protocol)i),
		    address->offers[i]);
	tree_close(tree);
	tree_open_array(tree, "suites");
	for (size_t i = 0; i < address->suite_count; i++) {
		tree_open_object(tree, NULL);
		tree_text(tree, "name", address->suites[i].name);
		tree_text(tree, "protocol", probe_protocol_name(address->suites[i].protocol));
		tree_number(tree, "code", address->suites[i].code);
		tree_close(tree);
	}
	tree_close(tree);
	tree_flag(tree, "suites_whole", address->suites_whole);
	tree_offer(tree, "ordered", address->ordered);
	tree_offer(tree, "rc4", address->takes_rc4);
	tree_offer(tree, "3des", address->takes_3des);
	tree_offer(tree, "des", address->takes_des);
	tree_offer(tree, "export", address->takes_export);
	tree_offer(tree, "null", address->takes_null);
	tree_offer(tree, "anonymous", address->takes_anonymous);
}

static void
tree_handshake(struct tree *tree, const struct probe_address *address)
{
	if (address->reached != REACHED_TLS)
		return;
	tree_text(tree, "protocol", probe_protocol_name(address->protocol));
	tree_text(tree, "cipher", address->cipher);
	tree_number(tree, "bits", address->bits);
	tree_word(tree, "group", address->group);
	if (address->dh_bits > 0)
		tree_number(tree, "dh_bits", address->dh_bits);
	tree_flag(tree, "renegotiation", address->renegotiation);
}

static void
tree_client(struct tree *tree, const struct probe_address *address)
{
	tree_offer(tree, "wants_certificate", address->wants_certificate);
	tree_flag(tree, "requires_certificate", address->requires_certificate);
	tree_open_array(tree, "authorities");
	for (size_t i = 0; i < address->authority_count; i++)
		tree_text(tree, NULL, address->authorities[i]);
	tree_close(tree);
}

static void
tree_chain(struct tree *tree, const struct probe_each *each)
{
	const struct probe_chain *chain = &each->seen->chain;

	if (sk_X509_num(each->address->chain) <= 0)
		return;
	tree_open_object(tree, "chain");
	tree_number(tree, "certificates", sk_X509_num(each->address->chain));
	tree_flag(tree, "ordered", chain->ordered);
	tree_flag(tree, "complete", chain->complete);
	tree_flag(tree, "root_sent", chain->root_sent);
	tree_flag(tree, "self_signed", chain->self_signed);
	tree_flag(tree, "verified", chain->verified);
	if (!chain->verified)
		tree_text(tree, "error", X509_verify_cert_error_string(chain->verify_error));
	tree_flag(tree, "names_host", chain->names_host);
	tree_flag(tree, "names_domain", chain->names_domain);
	tree_text(tree, "names", chain->names);
	tree_time(tree, "not_before", chain->not_before * 1000);
	tree_time(tree, "not_after", chain->not_after * 1000);
	tree_time(tree, "first_end", chain->first_end * 1000);
	tree_text(tree, "key", chain->key);
	tree_text(tree, "signature", chain->signature);
	tree_text(tree, "issuer", chain->issuer);
	tree_text(tree, "fingerprint", chain->sha256);
	tree_text(tree, "pubkey_fingerprint", chain->key_sha256);
	tree_close(tree);
}

static void
tree_address(struct tree *tree, const struct probe_result *result,
    const struct probe_each *each)
{
	static const char *const words[] = {
		[REACHED_NOTHING] = "nothing", [REACHED_CONNECTION] = "connection",
		[REACHED_BANNER] = "banner", [REACHED_EHLO] = "ehlo",
		[REACHED_STARTTLS] = "starttls", [REACHED_TLS] = "tls"
	};
	const struct probe_address *address = each->address;

	tree_open_object(tree, NULL);
	tree_text(tree, "address", address->text);
	tree_text(tree, "reached", words[address->reached]);
	if (address->error != 0)
		tree_text(tree, "error", strerror(address->error));
	tree_word(tree, "said", address->said);
	tree_word(tree, "banner", address->banner);
	tree_flag(tree, "starttls", address->starttls);
	tree_flag(tree, "refused", address->refused);
	tree_flag(tree, "cut_short", address->cut_short);
	if (address->reached >= REACHED_STARTTLS) {
		tree_handshake(tree, address);
		tree_protocols(tree, address);
		tree_client(tree, address);
		tree_chain(tree, each);
	}
	if (result->rule.found && address->reached >= REACHED_EHLO) {
		tree_tri(tree, "met", each->seen->judged.met);
		tree_requirements(tree, &each->seen->judged);
	}
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * The target
 * ------------------------------------------------------------------ */

static void
tree_tlsa(struct tree *tree, const struct probe_result *result,
    const struct probe_host *host)
{
	size_t at = (size_t)(host - result->target.hosts);
	const struct probe_chain *chain = &result->seen[at][0].chain;
	bool matches = false, looked = false;

	for (size_t i = 0; i < host->address_count; i++)
		if (sk_X509_num(host->addresses[i].chain) > 0) {
			matches = result->seen[at][i].chain.tlsa_matches &&
			    (!looked || matches);
			chain = looked ? chain : &result->seen[at][i].chain;
			looked = true;
		}
	tree_open_object(tree, "tlsa");
	tree_text(tree, "secure", secure_word(host->tlsa_secure));
	tree_number(tree, "records", (int64_t)host->tlsa_count);
	tree_number(tree, "usable", (int64_t)chain->tlsa_usable);
	tree_tri(tree, "matches", !looked ? POLICY_UNKNOWN : matches ? POLICY_YES : POLICY_NO);
	tree_word(tree, "trouble", host->tlsa_trouble);
	tree_close(tree);
}

static void
tree_hosts(struct tree *tree, struct probe_result *result)
{
	tree_open_array(tree, "hosts");
	for (size_t i = 0; i < result->target.host_count; i++) {
		struct probe_host *host = &result->target.hosts[i];

		tree_open_object(tree, NULL);
		tree_text(tree, "name", host->name);
		tree_number(tree, "port", host->port);
		tree_number(tree, "preference", host->preference);
		tree_text(tree, "secure", secure_word(host->secure));
		tree_word(tree, "trouble", host->trouble);
		tree_open_array(tree, "addresses");
		for (size_t j = 0; j < host->address_count; j++) {
			const struct probe_each each = { host, &host->addresses[j],
			    &result->seen[i][j] };

			tree_address(tree, result, &each);
		}
		tree_close(tree);
		tree_tlsa(tree, result, host);
		tree_close(tree);
	}
	tree_close(tree);
}

static void
tree_sts(struct tree *tree, const struct probe_sts *sts)
{
	tree_open_object(tree, "sts");
	tree_flag(tree, "asked", sts->asked);
	tree_flag(tree, "record", sts->record);
	tree_flag(tree, "fetched", sts->fetched);
	tree_word(tree, "id", sts->id);
	if (sts->fetched) {
		tree_text(tree, "mode", probe_sts_mode_name(sts->mode));
		tree_number(tree, "max_age", sts->max_age);
		tree_open_array(tree, "mx");
		for (size_t i = 0; i < sts->mx_count; i++)
			tree_text(tree, NULL, sts->mx[i]);
		tree_close(tree);
	}
	tree_word(tree, "trouble", sts->trouble);
	tree_close(tree);
}

static void
tree_findings(struct tree *tree, const struct probe_result *result)
{
	tree_open_array(tree, "findings");
	for (size_t i = 0; i < result->finding_count; i++) {
		const struct probe_finding *finding = &result->findings[i];

		tree_open_object(tree, NULL);
		tree_text(tree, "id", finding->id);
		tree_text(tree, "level", probe_level_name(finding->level));
		tree_value(tree, "host", tree_string(finding->host));
		tree_value(tree, "address", tree_string(finding->address));
		tree_text(tree, "text", finding->text);
		tree_text(tree, "fix", finding->fix);
		tree_close(tree);
	}
	tree_close(tree);
}

/* The requirements as they came out at the first address that decides; NULL: at none. */
static const struct probe_judged *
deciding(struct probe_result *result)
{
	struct probe_each each = { .host = NULL };

	while (probe_next(result, &each))
		if (each.address->reached >= REACHED_EHLO &&
		    each.seen->judged.met == result->met)
			return &each.seen->judged;
	return NULL;
}

static void
tree_rule(struct tree *tree, struct probe_result *result)
{
	static const struct probe_judged none = { .count = 0 };
	const struct probe_judged *judged = deciding(result);

	tree_tri(tree, "met", result->met);
	if (result->rule.found) {
		tree_open_object(tree, "rule");
		tree_text(tree, "place", result->rule.place);
		tree_word(tree, "partner", result->rule.partner);
		tree_text(tree, "next_hop", result->rule.next_hop);
		tree_flag(tree, "monitor", result->rule.monitored);
		tree_flag(tree, "exempt", result->rule.exempt);
		tree_close(tree);
	}
	tree_requirements(tree, judged != NULL ? judged : &none);
}

int
probe_print_json(struct probe_result *result)
{
	struct tree tree = { .depth = 0 };
	struct buffer text = BUFFER_INIT;
	bool made;

	tree_open_object(&tree, NULL);
	tree_text(&tree, "asked", result->target.asked);
	tree_flag(&tree, "is_domain", result->target.is_domain);
	tree_text(&tree, "answer", result->answer);
	tree_rule(&tree, result);
	tree_text(&tree, "secure", secure_word(result->target.secure));
	tree_word(&tree, "trouble", result->target.trouble);
	tree_hosts(&tree, result);
	tree_sts(&tree, &result->target.sts);
	tree_findings(&tree, result);
	tree_close(&tree);
	tree_write(tree_take(&tree), false, &text);
	made = !text.failed && text.text != NULL;
	if (made)
		(void)puts(text.text);
	buffer_free(&text);
	return made ? STATUS_FINE : tool_no_memory();
}
