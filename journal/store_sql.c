/*
 * store_sql.c - the statements of the journal's writer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_sql.h"

const char *const store_sql[DB_STATEMENTS] = {
	[DB_BEGIN] = "BEGIN IMMEDIATE",
	[DB_COMMIT] = "COMMIT",
	[DB_ROLLBACK] = "ROLLBACK",
	[DB_CERTIFICATE_FIND] = "SELECT id FROM certificate WHERE digest = ?",
	[DB_FACTS_FIND] = "SELECT id FROM facts WHERE digest = ?",
	[DB_DISCARD] =
	    "INSERT INTO discarded (why, records, messages, last) VALUES (?, ?, ?, ?)"
	    " ON CONFLICT (why) DO UPDATE SET records = records + excluded.records,"
	    " messages = messages + excluded.messages, last = max(last, excluded.last)",

	[DB_PAGES] = "PRAGMA page_count",
	[DB_FREE_PAGES] = "PRAGMA freelist_count",
	[DB_PAGE_SIZE] = "PRAGMA page_size",
	[DB_VACUUM] = "PRAGMA incremental_vacuum(64)",
	[DB_RECORD_OLDEST] = "SELECT min(time) FROM record",
	[DB_RECORD_SPAN] =
	    "SELECT (SELECT max(id) FROM record) - (SELECT min(id) FROM record) + 1",
	/* What a row of the last ones takes, and its entries in the indexes. */
	[DB_RECORD_SAMPLE] =
	    "SELECT avg(230 + 2 * (ifnull(length(domain), 0) + ifnull(length(rule), 0) +"
	    " ifnull(length(client_addr), 0) + ifnull(length(client_name), 0)) +"
	    " ifnull(length(session), 0) + ifnull(length(helo), 0) +"
	    " ifnull(length(\"from\"), 0) + ifnull(length(\"to\"), 0) +"
	    " ifnull(length(cert_san), 0) + ifnull(length(cert_subject_dn), 0) +"
	    " ifnull(length(cert_issuer_dn), 0) + ifnull(length(reply), 0) +"
	    " ifnull(length(note), 0) + ifnull(length(cert_fingerprint), 0))"
	    " FROM (SELECT * FROM record ORDER BY id DESC LIMIT 64)",
	[DB_RECORD_DELETE] =
	    "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE time < ?"
	    " ORDER BY time LIMIT ?) RETURNING time",
	[DB_ROLLUP_OLDEST] = "SELECT min(hour) FROM rollup",
	[DB_ROLLUP_DELETE] =
	    "DELETE FROM rollup WHERE (hour, facts) IN (SELECT hour, facts FROM rollup"
	    " WHERE hour < ? ORDER BY hour LIMIT ?) RETURNING hour, last, messages",
	[DB_FACTS_SWEEP] =
	    "SELECT id, EXISTS (SELECT 1 FROM rollup WHERE rollup.facts = facts.id)"
	    " FROM facts WHERE id > ? ORDER BY id LIMIT ?",
	[DB_FACTS_DELETE] = "DELETE FROM facts WHERE id = ?",
	[DB_CERTIFICATE_SWEEP] =
	    "SELECT id, EXISTS (SELECT 1 FROM facts WHERE certificate = certificate.id)"
	    " FROM certificate WHERE id > ? ORDER BY id LIMIT ?",
	[DB_CERTIFICATE_DELETE] = "DELETE FROM certificate WHERE id = ?",

	/* Where a domain came from when it used TLS, and when it last did. */
	[DB_TLS_ROLLUPS] =
	    "SELECT client_network, (SELECT hour * 3600000 + last FROM rollup"
	    "  WHERE rollup.facts = facts.id ORDER BY hour DESC LIMIT 1)"
	    " FROM facts WHERE domain = ? AND tls_version <> 'none' LIMIT 1000",
	[DB_TLS_RECORDS] =
	    "SELECT client_addr, time FROM (SELECT client_addr, time, tls_version"
	    "  FROM record WHERE domain = ? ORDER BY time DESC LIMIT 200)"
	    " WHERE tls_version <> 'none'",
};
