/*
 * row.c - a decision as it goes into the journal's tables.
 *
 * What a column holds is what the record's JSON would: invalid UTF-8 is replaced, a
 * long value cut, a list an array. It is put together by the thread that decided, so
 * that the writer has nothing but SQLite to wait for.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/row.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "journal/record.h"
#include "base/buffer.h"
#include "base/text.h"

const char *const row_set_names[ROW_SET] = {
	"mta", "client_name", [ROW_NETWORK] = "client_network", "local",
	[ROW_AUTHENTICATED] = "authenticated", [ROW_NULL_SENDER] = "null_sender",
	[ROW_DOMAIN] = "domain", "tls_version", "cipher", "bits", "cert_verified",
	"rule", "rule_kind", "rule_name",
};

const char *const row_certificate_names[ROW_CERTIFICATE] = {
	"cert_cn", "cert_san", "cert_issuer", "cert_subject_dn", "cert_issuer_dn",
	"cert_fingerprint", "cert_pubkey_fingerprint", "cert_key", "cert_signature",
	"cert_not_after", "cert_source",
};

/* ------------------------------------------------------------------ *
 * Columns
 * ------------------------------------------------------------------ */

static void
add_head(struct buffer *columns, enum row_type type, uint32_t number)
{
	char head[1 + sizeof(number)] = { (char)type };

	memcpy(head + 1, &number, sizeof(number));
	buffer_add(columns, head, type == ROW_NULL ? 1 : sizeof(head));
}

static void
add_null(struct buffer *columns)
{
	add_head(columns, ROW_NULL, 0);
}

/* Puts in the length of the text that was added behind the head at "at". */
static void
end_text(struct buffer *columns, size_t at)
{
	uint32_t length;

	if (columns->failed)
		return;
	length = (uint32_t)(columns->length - at - 1 - sizeof(length));
	memcpy(columns->text + at + 1, &length, sizeof(length));
}

static void
add_text(struct buffer *columns, const char *text)
{
	size_t at = columns->length, left = ROW_VALUE_MAX;
	struct text_piece piece;

	if (text == NULL) {
		add_null(columns);
		return;
	}
	add_head(columns, ROW_TEXT, 0);
	piece = text_take(text, &left);
	text_repair(columns, text, piece.length);
	if (piece.cut)
		buffer_add(columns, "...", 3);
	end_text(columns, at);
}

static void
add_list(struct buffer *columns, const struct record_value *value)
{
	size_t at = columns->length;

	add_head(columns, ROW_TEXT, 0);
	record_json.list(columns, value->list, value->count, ROW_VALUE_MAX);
	end_text(columns, at);
}

static void
add_value(struct buffer *columns, const struct record_value *value)
{
	if (value->type == VALUE_NUMBER)
		add_head(columns, ROW_NUMBER, value->number);
	else if (value->type == VALUE_LIST)
		add_list(columns, value);
	else
		add_text(columns, value->text);
}

static void
add_field(struct buffer *columns, const struct record_field *field,
    const struct journal_record *record, struct record_scratch *scratch)
{
	struct record_value value = { 0 };

	if (field == NULL || !record_field_value(field, record, scratch, &value))
		add_null(columns);
	else
		add_value(columns, &value);
}

const char *
row_column(const char *at, struct row_value *value)
{
	value->type = (enum row_type)*at++;
	value->number = 0;
	value->text = NULL;
	if (value->type == ROW_NULL)
		return at;
	memcpy(&value->number, at, sizeof(value->number));
	at += sizeof(value->number);
	if (value->type == ROW_TEXT) {
		value->text = at;
		at += value->number;
	}
	return at;
}

/* ------------------------------------------------------------------ *
 * A record
 * ------------------------------------------------------------------ */

bool
row_is_kept(const struct verdict *verdict)
{
	return verdict->action != POLICY_ACCEPT || verdict->would != POLICY_ACCEPT ||
	    verdict->exempt;
}

/* The time, the first field, is a number of its own. */
static void
add_record(struct buffer *columns, const struct journal_record *record,
    struct record_scratch *scratch)
{
	for (size_t i = 1; i < record_field_count; i++)
		add_field(columns, &record_fields[i], record, scratch);
	add_head(columns, ROW_NUMBER, record->verdict->exempt ? 1 : 0);
}

/* ------------------------------------------------------------------ *
 * A message to be rolled up
 * ------------------------------------------------------------------ */

bool
journal_network(const char *address, char network[JOURNAL_NETWORK_SIZE])
{
	struct in6_addr v6;
	struct in_addr v4;
	bool is_v4 = inet_pton(AF_INET, address, &v4) == 1;

	if (!is_v4 && inet_pton(AF_INET6, address, &v6) != 1)
		return false;
	/* The same host, whichever kind of socket it was seen on. */
	if (!is_v4 && IN6_IS_ADDR_V4MAPPED(&v6)) {
		memcpy(&v4, v6.s6_addr + 12, sizeof(v4));
		is_v4 = true;
	}
	if (is_v4) {
		v4.s_addr &= htonl(0xFFFFFF00u);
		(void)inet_ntop(AF_INET, &v4, network, INET_ADDRSTRLEN);
	} else {
		memset(v6.s6_addr + 8, 0, 8);
		(void)inet_ntop(AF_INET6, &v6, network, INET6_ADDRSTRLEN);
	}
	(void)strcat(network, is_v4 ? "/24" : "/64");
	return true;
}

static void
add_network(struct buffer *columns, const char *address)
{
	char network[JOURNAL_NETWORK_SIZE];

	add_text(columns, address != NULL &&
	    journal_network(address, network) ? network : NULL);
}

static bool
is_null_sender(const struct facts *facts)
{
	return facts->from != NULL &&
	    (facts->from[0] == '\0' || strcmp(facts->from, "<>") == 0);
}

static void
add_set(struct buffer *columns, const struct journal_record *record,
    struct record_scratch *scratch)
{
	const struct facts *facts = record->facts;
	const struct record_field *field = NULL, *certificate = NULL;

	for (size_t i = 0; i < ROW_SET; i++) {
		if (i == ROW_NETWORK) {
			add_network(columns, facts->client_addr);
		} else if (i == ROW_AUTHENTICATED) {
			add_text(columns, facts->sasl_username != NULL ? "yes" : NULL);
		} else if (i == ROW_NULL_SENDER) {
			add_text(columns, is_null_sender(facts) ? "yes" : NULL);
		} else {
			field = record_field_find(row_set_names[i], field);
			add_field(columns, field, record, scratch);
		}
	}
	for (size_t i = 0; i < ROW_CERTIFICATE; i++) {
		certificate = record_field_find(row_certificate_names[i], certificate);
		add_field(columns, certificate, record, scratch);
	}
}

/* The sender's domain is in the set. */
static void
add_local_part(struct buffer *columns, const char *from)
{
	const char *at = from != NULL ? strrchr(from, '@') : NULL;
	size_t added = columns->length, left = ROW_VALUE_MAX;
	struct text_piece piece;

	if (at == NULL) {
		add_text(columns, from);
		return;
	}
	piece = text_take(from, &left);
	if (piece.length > (size_t)(at - from))
		piece = (struct text_piece){ (size_t)(at - from), false };
	add_head(columns, ROW_TEXT, 0);
	text_repair(columns, from, piece.length);
	if (piece.cut)
		buffer_add(columns, "...", 3);
	end_text(columns, added);
}

static void
add_sample(struct buffer *columns, const struct facts *facts)
{
	add_text(columns, facts->session);
	add_text(columns, facts->client_addr);
	add_local_part(columns, is_null_sender(facts) ? NULL : facts->from);
}

/* ------------------------------------------------------------------ *
 * The row
 * ------------------------------------------------------------------ */

/* Whoever sends through us with a name and a password is no partner's host. */
static bool
is_clear(const struct journal_record *record)
{
	const struct facts *facts = record->facts;

	return policy_encrypted(facts) == POLICY_NO && !facts->local &&
	    facts->sasl_username == NULL && record->verdict->from_domain[0] != '\0';
}

struct row *
row_new(const struct journal_record *record, enum row_kind kind)
{
	struct record_scratch scratch = { .text = BUFFER_INIT };
	struct buffer block = BUFFER_INIT;
	const enum policy_action action = record->verdict->action;
	struct row head = {
		.time_ms = record->time_ms,
		.kind = kind,
		.refused = action == POLICY_REJECT || action == POLICY_TEMPFAIL,
		.clear = is_clear(record),
	};
	struct row *row = NULL;

	buffer_add(&block, (const char *)&head, offsetof(struct row, columns));
	if (kind == ROW_RECORD) {
		add_record(&block, record, &scratch);
	} else {
		add_set(&block, record, &scratch);
		head.key = block.length - offsetof(struct row, columns);
		add_sample(&block, record->facts);
	}
	if (block.failed || scratch.text.failed) {
		buffer_free(&block);
	} else {
		head.length = block.length - offsetof(struct row, columns);
		head.size = block.room;
		memcpy(block.text, &head, offsetof(struct row, columns));
		row = (struct row *)(void *)block.text;
	}
	buffer_free(&scratch.text);
	return row;
}
