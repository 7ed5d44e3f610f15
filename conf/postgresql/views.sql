-- SPDX-License-Identifier: ISC
--
-- Views for Grafana, psql and the like: a question of the review each.
--
-- Each has "node", the host whose journal a row is of, and "time": ask with both. A
-- condition on "time" leaves out whole partitions. Rows of what is counted (accepted
-- messages, deliveries, handshakes) are of an hour, and their time is its beginning; the
-- exact ones are in "first" and "last". So add up numbers over the rows:
--
--     SELECT agreement, sum(messages), sum(met), sum(refused) FROM tlsward.agreements
--     WHERE time >= now() - interval '30 days' GROUP BY 1 ORDER BY 4 DESC;
--
-- What only a policy can tell is not in here: who answers for a partner where nothing was
-- refused, whether an agreement is ready to be enforced, whose a handshake was. For that
-- there is "tlsward report --journal postgresql:...".
--
-- A column keeps its name and its place, and new ones come behind the others: this file is
-- run again with each version, and what others built upon the views goes on working.

-- ------------------------------------------------------------------------------------
-- What columns mean
-- ------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION tlsward.is_encrypted(tls_version text, cipher text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN tls_version = 'none' THEN false
        WHEN cipher IN ('(NONE)', 'TLS_SHA256_SHA256', 'TLS_SHA384_SHA384') THEN false
        WHEN cipher IS NOT NULL THEN cipher !~ '(^|[-_])NULL([-_]|$)'
        WHEN tls_version IS NOT NULL THEN true
    END
$$;
COMMENT ON FUNCTION tlsward.is_encrypted(text, text) IS
    'Whether a session is encrypted, as the policy sees it; NULL: unknown. A cipher suite '
    'without encryption is none.';

CREATE OR REPLACE FUNCTION tlsward.protocol(tls_version text, cipher text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN NOT tlsward.is_encrypted(tls_version, cipher) THEN 'clear text'
        WHEN tls_version IN ('TLSv1', 'TLSv1.0') THEN 'TLSv1.0'
        WHEN tls_version IN ('TLSv1.1', 'TLSv1.2', 'TLSv1.3') THEN tls_version
        WHEN tls_version IN ('SSLv2', 'SSLv3') THEN 'SSL'
        WHEN coalesce(tls_version, 'TLS') = 'TLS' AND cipher LIKE 'TLS\_%'
            AND cipher NOT LIKE '%\_WITH\_%' THEN 'TLSv1.3'
        ELSE 'unknown'
    END
$$;
COMMENT ON FUNCTION tlsward.protocol(text, text) IS
    'The protocol as reports call it: clear text, SSL, TLSv1.0 to TLSv1.3, unknown.';

-- No cast: a text that is no date must not end a query.
CREATE OR REPLACE FUNCTION tlsward.moment(written text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN written ~ ('^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
            || 'T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?Z$')
        THEN (make_date(substr(written, 1, 4)::int, substr(written, 6, 2)::int, 1)
            + (substr(written, 9, 2)::int - 1) + substr(written, 12, 8)::time)
            AT TIME ZONE 'UTC'
    END
$$;
COMMENT ON FUNCTION tlsward.moment(text) IS
    'A time as records have it (2026-01-31T12:00:00Z); NULL: the text is none.';

-- ------------------------------------------------------------------------------------
-- What came in
-- ------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW tlsward.incoming AS
SELECT r.time, r.node, r.time AS first, r.time AS last, r.session, r.queue_id,
    r.domain, coalesce(r."from" = '<>', false) AS null_sender, r."from" AS sender, r."to" AS recipient,
    coalesce(r.client_name, r.client_addr) AS host, r.client_name, r.client_addr,
    tlsward.protocol(r.tls_version, r.cipher) AS protocol, r.tls_version, r.cipher, r.bits,
    coalesce(tlsward.is_encrypted(r.tls_version, r.cipher), false) AS encrypted,
    r.cert_verified, r.cert_cn, r.cert_issuer, r.cert_fingerprint,
    r.cert_pubkey_fingerprint, r.cert_key, r.cert_signature,
    tlsward.moment(r.cert_not_after) AS cert_not_after,
    r.local IS NOT NULL OR r.sasl_username IS NOT NULL AS ours,
    r.partner, r.rule, r.rule_kind, r.rule_name, r.rule_via,
    r.action, r.reason, r.would, r.would_reason, r.would_rule,
    r.exempted <> 0 AS exempt, 1::bigint AS transactions
FROM tlsward.record r
WHERE r.direction IS DISTINCT FROM 'out'
UNION ALL
SELECT u.hour, j.node, u.hour + u.first * interval '1 ms', u.hour + u.last * interval '1 ms',
    u.session, NULL,
    f.domain, f.null_sender IS NOT NULL, u.sender, NULL,
    coalesce(f.client_name, f.client_address, f.client_network), f.client_name,
    f.client_address,
    tlsward.protocol(f.tls_version, f.cipher), f.tls_version, f.cipher, f.bits,
    coalesce(tlsward.is_encrypted(f.tls_version, f.cipher), false),
    f.cert_verified, c.cert_cn, c.cert_issuer, c.cert_fingerprint,
    c.cert_pubkey_fingerprint, c.cert_key, c.cert_signature,
    tlsward.moment(c.cert_not_after),
    f.local IS NOT NULL OR f.authenticated IS NOT NULL,
    f.partner, f.rule, f.rule_kind, f.rule_name, f.rule_via,
    'accept', NULL, NULL, NULL, NULL,
    f.exemption IS NOT NULL, u.messages::bigint
FROM tlsward.rollup u
JOIN tlsward.journal j ON j.number = u.journal
JOIN tlsward.facts f ON f.id = u.facts
LEFT JOIN tlsward.certificate c ON c.id = f.certificate;

COMMENT ON VIEW tlsward.incoming IS
    'What came in, with which TLS: a row for each decision kept in full (a refused '
    'recipient, a message that monitor or an exemption let in, one that was held), and one '
    'for each hour of accepted messages that are alike. Answers: do we use TLS with this '
    'domain, and since when; which protocols are used.';
COMMENT ON COLUMN tlsward.incoming.time IS
    'Of a decision the moment; of accepted messages the beginning of their hour.';
COMMENT ON COLUMN tlsward.incoming.node IS 'The host whose journal this is.';
COMMENT ON COLUMN tlsward.incoming.domain IS
    'The sender''s, as A-labels; NULL: it has none.';
COMMENT ON COLUMN tlsward.incoming.null_sender IS 'It is a bounce or the like.';
COMMENT ON COLUMN tlsward.incoming.sender IS
    'Of a decision the sender''s address; of accepted messages the local part of one.';
COMMENT ON COLUMN tlsward.incoming.host IS
    'The client''s verified name, else its address, else its network.';
COMMENT ON COLUMN tlsward.incoming.protocol IS
    'clear text, SSL, TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3 or unknown.';
COMMENT ON COLUMN tlsward.incoming.ours IS
    'It came from this host itself, or from a user who logged in.';
COMMENT ON COLUMN tlsward.incoming.action IS 'accept, tempfail, reject or quarantine.';
COMMENT ON COLUMN tlsward.incoming.would IS
    'What a rule under monitor would have done; NULL: nothing.';
COMMENT ON COLUMN tlsward.incoming.transactions IS
    'How many the row is of. A message that several recipients were refused of has several '
    'rows: count them as refusals, or take agreements.messages, which knows.';

-- ------------------------------------------------------------------------------------
-- What went out
-- ------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW tlsward.deliveries AS
SELECT d.hour AS time, j.node, d.hour + d.first * interval '1 ms' AS first,
    d.hour + d.last * interval '1 ms' AS last, d.next_hop, d.relay, d.address,
    tlsward.protocol(nullif(d.tls_version, ''), nullif(d.cipher, '')) AS protocol,
    nullif(d.tls_version, '') AS tls_version, nullif(d.cipher, '') AS cipher,
    nullif(d.bits, -1) AS bits,
    coalesce(tlsward.is_encrypted(nullif(d.tls_version, ''), nullif(d.cipher, '')), false)
        AS encrypted,
    d.verification, d.result, nullif(d.tls_reason, '') AS tls_reason,
    nullif(d.partner, '') AS partner, nullif(d.rule, '') AS rule,
    nullif(d.rule_kind, '') AS rule_kind, nullif(d.rule_name, '') AS rule_name,
    d.verdict, nullif(d.reason, '') AS reason, d.count::bigint AS deliveries
FROM tlsward.delivery d
JOIN tlsward.journal j ON j.number = d.journal;

COMMENT ON VIEW tlsward.deliveries IS
    'Attempts to deliver, with which TLS, to whom, verified or not: a row for each hour of '
    'those that are alike. Answers: do we use TLS when we write to this domain.';
COMMENT ON COLUMN tlsward.deliveries.time IS 'The beginning of the hour.';
COMMENT ON COLUMN tlsward.deliveries.node IS 'The host whose journal this is.';
COMMENT ON COLUMN tlsward.deliveries.next_hop IS 'The recipient''s domain, as A-labels.';
COMMENT ON COLUMN tlsward.deliveries.verification IS
    'none, anonymous, untrusted, trusted or verified.';
COMMENT ON COLUMN tlsward.deliveries.result IS 'sent, deferred or bounced.';
COMMENT ON COLUMN tlsward.deliveries.tls_reason IS
    'What was wrong with TLS, as "tlsward diagnose" calls it; NULL: nothing.';
COMMENT ON COLUMN tlsward.deliveries.verdict IS
    'By the policy of that hour: met, exempt, would (let out by monitor), refused, unmet '
    '(sent although the agreement is enforced), accepted, none or uncertain.';
COMMENT ON COLUMN tlsward.deliveries.deliveries IS 'How many the row is of.';

CREATE OR REPLACE VIEW tlsward.delivery_troubles AS
SELECT t.time, t.node, t.next_hop, t.relay, nullif(t.address, '') AS address, t.result,
    nullif(t.tls_reason, '') AS tls_reason, nullif(t.partner, '') AS partner,
    nullif(t.rule, '') AS rule, t.verdict, nullif(t.reason, '') AS reason, t.text, t.dsn,
    t.queue_id, t."to" AS recipient, nullif(t.tls_version, '') AS tls_version,
    nullif(t.cipher, '') AS cipher, t.verification
FROM tlsward.trouble t;

COMMENT ON VIEW tlsward.delivery_troubles IS
    'Each delivery that waited or failed for TLS, and each that was sent below what was '
    'agreed. Answers: whose mail from us waits, and why.';
COMMENT ON COLUMN tlsward.delivery_troubles.time IS 'When the mail server logged it.';
COMMENT ON COLUMN tlsward.delivery_troubles.node IS 'The host whose journal this is.';
COMMENT ON COLUMN tlsward.delivery_troubles.tls_reason IS
    'What was wrong with TLS, as "tlsward diagnose" calls it.';
COMMENT ON COLUMN tlsward.delivery_troubles.verdict IS
    'refused, would or unmet: as in deliveries.';
COMMENT ON COLUMN tlsward.delivery_troubles.text IS
    'What the mail server said. Other servers'' words: escape them.';

-- ------------------------------------------------------------------------------------
-- Agreements
-- ------------------------------------------------------------------------------------

-- A message counts under the rule that is reported ("own"), for the partner where a to or
-- client rule is ("other"), and where a to or client rule under monitor alone would have
-- refused for that ("would"). Of one that several recipients were refused of the rows with
-- the first of them are messages: that one again is another attempt.
CREATE OR REPLACE VIEW tlsward.agreements AS
SELECT i.time, i.node, 'in' AS direction, i.agreement, i.of AS partner, i.kind AS rule_kind,
    i.name AS rule_name, i.line AS rule, i.domain, i.protocol,
    m.messages,
    CASE WHEN i.encrypted THEN m.messages ELSE 0 END AS encrypted,
    CASE WHEN i.action = 'accept' AND i.would IS NULL AND NOT i.exempt AND i.reason IS NULL
        THEN i.transactions ELSE 0 END AS met,
    CASE WHEN i.exempt THEN m.messages ELSE 0 END AS exempt,
    CASE WHEN i.action = 'quarantine' AND i.part <> 'other' THEN i.transactions ELSE 0 END
        AS held,
    CASE WHEN i.refuses AND i.part <> 'other' THEN i.transactions ELSE 0 END AS refused,
    CASE WHEN i.refuses AND i.part = 'other' THEN i.transactions ELSE 0 END
        AS refused_elsewhere,
    CASE WHEN i.action = 'tempfail' AND i.part <> 'other' THEN i.transactions ELSE 0 END
        AS tempfailed,
    CASE WHEN i.would_refuse THEN i.transactions ELSE 0 END AS would_be_refused,
    CASE WHEN i.refuses AND i.part <> 'other' THEN i.reason END AS reason,
    CASE WHEN i.would_refuse THEN i.would_reason END AS would_reason,
    0::bigint AS sent, 0::bigint AS deferred, 0::bigint AS bounced,
    0::bigint AS deferred_for_tls, 0::bigint AS verified, 0::bigint AS sent_unmet,
    i.first, i.last
FROM (
    SELECT 'own' AS part, c.partner AS agreement, c.partner AS of, c.rule_kind AS kind,
        c.rule_name AS name, c.rule AS line, c.action IN ('reject', 'tempfail') AS refuses,
        c.would IS NOT NULL AND c.action = 'accept'
        AND coalesce(c.would_rule = c.rule, true) AS would_refuse, c.*
    FROM tlsward.incoming c WHERE c.rule_kind = 'from' AND c.partner IS NOT NULL
    UNION ALL
    SELECT 'other', c.partner, c.partner, 'from', NULL, NULL,
        c.action IN ('reject', 'tempfail'), false, c.*
    FROM tlsward.incoming c WHERE c.rule_kind IN ('to', 'client') AND c.partner IS NOT NULL
    UNION ALL
    SELECT 'own', CASE c.rule_kind WHEN 'default' THEN 'default'
        ELSE concat_ws(' ', c.rule_kind, c.rule_name) END, NULL, c.rule_kind, c.rule_name,
        c.rule, c.action IN ('reject', 'tempfail'), c.would IS NOT NULL
        AND c.action = 'accept' AND (c.rule_kind IN ('to', 'client')
        OR coalesce(c.would_rule = c.rule, true)), c.*
    FROM tlsward.incoming c WHERE c.rule_kind <> 'from' OR (c.rule_kind = 'from'
        AND c.partner IS NULL)
    UNION ALL
    SELECT 'would', 'rule ' || c.would_rule, NULL, NULL, NULL, c.would_rule, false, true, c.*
    FROM tlsward.incoming c WHERE c.would IS NOT NULL AND c.action = 'accept'
        AND c.rule_kind NOT IN ('to', 'client') AND c.would_rule <> c.rule
) AS i
CROSS JOIN LATERAL (SELECT
    CASE WHEN i.refuses AND i.session IS NOT NULL AND i.recipient IS NOT NULL THEN (
        SELECT CASE WHEN (array_agg(r."to" ORDER BY r.time, r.id))[1] = i.recipient
            THEN 1::bigint ELSE 0 END
        FROM tlsward.record r
        WHERE r.session = i.session AND r.node = i.node
        AND r.time > i.time - interval '1 day' AND r.time <= i.time
        AND r.action IN ('reject', 'tempfail') AND r.direction IS DISTINCT FROM 'out'
        AND r."to" IS NOT NULL AND r."from" IS NOT DISTINCT FROM i.sender
        AND CASE WHEN i.of IS NOT NULL THEN r.partner = i.of
            ELSE r.rule_kind = i.rule_kind
                AND r.rule_name IS NOT DISTINCT FROM i.rule_name END)
    ELSE i.transactions END) AS m(messages)
UNION ALL
SELECT d.time, d.node, 'out',
    coalesce(d.partner, CASE d.rule_kind WHEN 'default' THEN 'default'
        ELSE concat_ws(' ', d.rule_kind, d.rule_name) END),
    d.partner, d.rule_kind, d.rule_name, d.rule, d.next_hop, d.protocol,
    d.deliveries,
    CASE WHEN d.encrypted THEN d.deliveries ELSE 0 END,
    CASE d.verdict WHEN 'met' THEN d.deliveries ELSE 0 END,
    CASE d.verdict WHEN 'exempt' THEN d.deliveries ELSE 0 END,
    0::bigint,
    CASE d.verdict WHEN 'refused' THEN d.deliveries ELSE 0 END,
    0::bigint,
    CASE WHEN d.verdict = 'refused' AND d.result = 'deferred' THEN d.deliveries ELSE 0 END,
    CASE WHEN d.verdict = 'would' AND d.result = 'sent' THEN d.deliveries ELSE 0 END,
    CASE d.verdict WHEN 'refused' THEN d.reason END,
    CASE WHEN d.verdict = 'would' AND d.result = 'sent' THEN d.reason END,
    CASE d.result WHEN 'sent' THEN d.deliveries ELSE 0 END,
    CASE d.result WHEN 'deferred' THEN d.deliveries ELSE 0 END,
    CASE WHEN d.result NOT IN ('sent', 'deferred') THEN d.deliveries ELSE 0 END,
    CASE WHEN d.result = 'deferred' AND d.tls_reason IS NOT NULL THEN d.deliveries ELSE 0 END,
    CASE d.verification WHEN 'verified' THEN d.deliveries ELSE 0 END,
    CASE WHEN d.verdict = 'unmet' AND d.result = 'sent' THEN d.deliveries ELSE 0 END,
    d.first, d.last
FROM tlsward.deliveries d
WHERE d.rule_kind IS NOT NULL OR d.partner IS NOT NULL;

COMMENT ON VIEW tlsward.agreements IS
    'Messages by agreement, in both directions: add the numbers up over rows. Answers: whose '
    'mail is refused, whose would be, who keeps the agreement. Numbers are those of "tlsward '
    'report --json" of the same period from full hour to full hour, but that without a policy '
    'a partner is known by the name that the record has, an entry of a list is a row of its '
    'own (report adds up the list: group by split_part(rule, '':'', 1)), and of a message '
    'that a to or client rule decided only a partner''s other rule is known, no from rule''s '
    'without a partner.';
COMMENT ON COLUMN tlsward.agreements.time IS
    'Of a decision kept in full the moment; of what is counted the beginning of its hour.';
COMMENT ON COLUMN tlsward.agreements.node IS 'The host whose journal this is.';
COMMENT ON COLUMN tlsward.agreements.direction IS 'in or out.';
COMMENT ON COLUMN tlsward.agreements.agreement IS
    'The partner''s name, else what the rule names (from acme.example), default, or rule and '
    'its line, where that alone is known: of a to or client rule under monitor that would have '
    'refused what another rule let in.';
COMMENT ON COLUMN tlsward.agreements.rule IS
    'FILE:LINE of the rule by which this was decided, or would have been.';
COMMENT ON COLUMN tlsward.agreements.domain IS 'The sender''s; of what goes out the next hop.';
COMMENT ON COLUMN tlsward.agreements.messages IS
    'Transactions, each attempt of a sender; of what goes out deliveries.';
COMMENT ON COLUMN tlsward.agreements.met IS 'Nothing was unmet, and nothing exempt.';
COMMENT ON COLUMN tlsward.agreements.held IS 'Put into quarantine by the agreement itself.';
COMMENT ON COLUMN tlsward.agreements.refused IS
    'Recipients that the agreement itself refused: rejected or tempfailed.';
COMMENT ON COLUMN tlsward.agreements.refused_elsewhere IS
    'Recipients that a to or client rule refused of the partner''s mail.';
COMMENT ON COLUMN tlsward.agreements.would_be_refused IS 'Let in, or out, by monitor alone.';
COMMENT ON COLUMN tlsward.agreements.deferred_for_tls IS 'Deliveries that wait for TLS.';
COMMENT ON COLUMN tlsward.agreements.verified IS
    'Deliveries to a server whose certificate was verified.';
COMMENT ON COLUMN tlsward.agreements.sent_unmet IS
    'Deliveries that were sent although they did not meet an agreement that is enforced.';

CREATE OR REPLACE VIEW tlsward.partners AS
SELECT f.partner FROM tlsward.facts f WHERE f.partner IS NOT NULL
UNION
SELECT r.partner FROM tlsward.record r
WHERE r.partner IS NOT NULL AND r.time >= now() - interval '90 days'
UNION
SELECT d.partner FROM tlsward.delivery d
WHERE d.partner > '' AND d.hour >= now() - interval '90 days';

COMMENT ON VIEW tlsward.partners IS
    'The names of partners that mail came from or went to, for lists to choose from.';

-- ------------------------------------------------------------------------------------
-- Decisions one by one
-- ------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW tlsward.refusals AS
SELECT r.time, r.node, r.partner, r.domain, r."from" AS sender, r."to" AS recipient,
    coalesce(r.client_name, r.client_addr) AS host, r.client_addr, r.helo, r.action,
    r.reason, r.failed, r.rule, r.rule_kind, r.rule_name, r.reply, r.contact,
    tlsward.protocol(r.tls_version, r.cipher) AS protocol, r.cipher, r.bits, r.cert_cn,
    r.cert_fingerprint, r.session, r.queue_id
FROM tlsward.record r
WHERE r.action IN ('reject', 'tempfail') AND r.direction IS DISTINCT FROM 'out';

COMMENT ON VIEW tlsward.refusals IS
    'Each recipient (with reply-at mail each MAIL command) that was refused: who, why, by '
    'which line, and whom to call. A row is one "refused" of the report.';
COMMENT ON COLUMN tlsward.refusals.time IS 'When.';
COMMENT ON COLUMN tlsward.refusals.node IS 'The host whose journal this is.';
COMMENT ON COLUMN tlsward.refusals.action IS 'reject, or tempfail: it is tried again.';
COMMENT ON COLUMN tlsward.refusals.reason IS 'The requirement that decided.';
COMMENT ON COLUMN tlsward.refusals.failed IS
    'All that were unmet, an array of JSON; NULL: none is told.';
COMMENT ON COLUMN tlsward.refusals.rule IS 'FILE:LINE, relative to the policy''s folder.';
COMMENT ON COLUMN tlsward.refusals.contact IS 'Whom to call, as the rule has it.';
COMMENT ON COLUMN tlsward.refusals.helo IS 'As the client says: escape it.';

CREATE OR REPLACE VIEW tlsward.would_be_refusals AS
SELECT r.time, r.node, r.partner, r.domain, r."from" AS sender, r."to" AS recipient,
    coalesce(r.client_name, r.client_addr) AS host, r.client_addr, r.helo,
    r.would AS action, r.would_reason AS reason, r.would_failed AS failed,
    coalesce(r.would_rule, r.rule) AS rule, r.rule_kind, r.rule_name, r.contact,
    tlsward.protocol(r.tls_version, r.cipher) AS protocol, r.cipher, r.bits, r.cert_cn,
    r.cert_fingerprint, r.session, r.queue_id
FROM tlsward.record r
WHERE r.would IS NOT NULL AND r.action = 'accept' AND r.direction IS DISTINCT FROM 'out';

COMMENT ON VIEW tlsward.would_be_refusals IS
    'Each message that monitor alone let in: whose mail would be lost if it were enforced '
    'today, why, by which line.';
COMMENT ON COLUMN tlsward.would_be_refusals.time IS 'When.';
COMMENT ON COLUMN tlsward.would_be_refusals.node IS 'The host whose journal this is.';
COMMENT ON COLUMN tlsward.would_be_refusals.action IS
    'What the rule under monitor would have done: reject, tempfail or quarantine.';
COMMENT ON COLUMN tlsward.would_be_refusals.rule IS 'FILE:LINE of that rule.';
COMMENT ON COLUMN tlsward.would_be_refusals.rule_kind IS
    'Of the rule that let it in, as rule_name is; mostly the same one.';

CREATE OR REPLACE VIEW tlsward.held AS
SELECT r.time, r.node, r.partner, r.domain, r."from" AS sender, r."to" AS recipient,
    coalesce(r.client_name, r.client_addr) AS host, r.client_addr, r.reason, r.failed,
    r.rule, r.contact, tlsward.protocol(r.tls_version, r.cipher) AS protocol, r.cipher,
    r.session, r.queue_id
FROM tlsward.record r
WHERE r.action = 'quarantine' AND r.direction IS DISTINCT FROM 'out';

COMMENT ON VIEW tlsward.held IS
    'Each message that was held (quarantine), with the queue id to find it by.';
COMMENT ON COLUMN tlsward.held.time IS 'When.';
COMMENT ON COLUMN tlsward.held.node IS 'The host that holds it.';

CREATE OR REPLACE VIEW tlsward.failed_handshakes AS
SELECT h.hour AS time, j.node, h.hour + h.first * interval '1 ms' AS first,
    h.hour + h.last * interval '1 ms' AS last, h.direction,
    coalesce(nullif(h.host, ''), nullif(h.address, ''), nullif(h.next_hop, '')) AS peer,
    nullif(h.host, '') AS host, nullif(h.address, '') AS address,
    nullif(h.next_hop, '') AS next_hop, nullif(h.reason, '') AS reason,
    h.count::bigint AS handshakes, nullif(h.sample, '') AS sample
FROM tlsward.handshake h
JOIN tlsward.journal j ON j.number = h.journal;

COMMENT ON VIEW tlsward.failed_handshakes IS
    'Handshakes that failed before mail could be offered, by hour, peer and reason. Whose '
    'they were only the policy can tell: "tlsward report".';
COMMENT ON COLUMN tlsward.failed_handshakes.time IS 'The beginning of the hour.';
COMMENT ON COLUMN tlsward.failed_handshakes.node IS 'The host whose journal this is.';
COMMENT ON COLUMN tlsward.failed_handshakes.direction IS 'in, or out: to their server.';
COMMENT ON COLUMN tlsward.failed_handshakes.peer IS
    'The other host: its verified name (of one that mail went to: the server''s), else its '
    'address, else the next hop.';
COMMENT ON COLUMN tlsward.failed_handshakes.reason IS
    'As "tlsward diagnose" calls it, which knows what to do.';
COMMENT ON COLUMN tlsward.failed_handshakes.handshakes IS 'How many the row is of.';
COMMENT ON COLUMN tlsward.failed_handshakes.sample IS
    'A line of the log. Other servers'' words: escape them.';

-- ------------------------------------------------------------------------------------
-- Hosts and certificates
-- ------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW tlsward.hosts AS
SELECT i.time, i.node, i.first, i.last, i.domain, i.partner, i.host, i.client_name,
    i.client_addr, i.protocol, i.cipher, i.bits,
    coalesce(nullif(i.cert_pubkey_fingerprint, 'none'), nullif(i.cert_fingerprint, 'none'))
        AS key, i.cert_cn,
    CASE WHEN i.action IN ('accept', 'quarantine') THEN i.transactions ELSE 0 END AS messages,
    CASE WHEN i.action IN ('accept', 'quarantine') AND NOT i.encrypted THEN i.transactions
        ELSE 0 END AS clear,
    CASE WHEN i.action IN ('reject', 'tempfail') THEN i.transactions ELSE 0 END AS refused
FROM tlsward.incoming i
WHERE NOT i.ours;

COMMENT ON VIEW tlsward.hosts IS
    'The hosts that mail came from, with which TLS and key; without local mail and users who '
    'log in. Answers: what would an agreement with this domain ask of its hosts.';
COMMENT ON COLUMN tlsward.hosts.time IS
    'Of a decision kept in full the moment; of accepted messages the beginning of their hour.';
COMMENT ON COLUMN tlsward.hosts.node IS 'The host of ours that it came to.';
COMMENT ON COLUMN tlsward.hosts.host IS
    'The verified name, else the address, else the network.';
COMMENT ON COLUMN tlsward.hosts.key IS
    'The digest of the public key that it presented, else of the certificate.';
COMMENT ON COLUMN tlsward.hosts.clear IS
    'Messages in clear text, or not known to be in TLS.';
COMMENT ON COLUMN tlsward.hosts.refused IS 'Recipients that were refused.';

CREATE OR REPLACE VIEW tlsward.certificates AS
SELECT i.time, i.node, i.first, i.last, i.partner, i.domain, i.host, i.cert_cn,
    i.cert_issuer, nullif(i.cert_fingerprint, 'none') AS cert_fingerprint,
    nullif(i.cert_pubkey_fingerprint, 'none') AS cert_pubkey_fingerprint, i.cert_key,
    i.cert_signature, i.cert_not_after, i.cert_verified = 'yes' AS verified, i.transactions,
    coalesce(i.partner, CASE WHEN i.rule_kind <> 'default'
        THEN concat_ws(' ', i.rule_kind, i.rule_name) END) AS agreement
FROM tlsward.incoming i
WHERE (i.cert_fingerprint IS NULL OR i.cert_fingerprint <> 'none'
    OR coalesce(i.cert_pubkey_fingerprint, 'none') <> 'none')
AND (i.cert_fingerprint IS NOT NULL OR coalesce(i.cert_pubkey_fingerprint, '') <> 'none')
AND coalesce(i.cert_cn, i.cert_issuer, i.cert_fingerprint, i.cert_pubkey_fingerprint)
    IS NOT NULL;

COMMENT ON VIEW tlsward.certificates IS
    'The certificates that clients presented, each time: take max(last) and the sum of '
    'transactions. Answers: which are about to end, and who must renew them. Those that the '
    'policy registers are not in here: "tlsward report".';
COMMENT ON COLUMN tlsward.certificates.time IS
    'Of a decision kept in full the moment; of accepted messages the beginning of their hour.';
COMMENT ON COLUMN tlsward.certificates.node IS 'The host of ours that saw it.';
COMMENT ON COLUMN tlsward.certificates.cert_fingerprint IS
    'NULL: not known, or a raw public key.';
COMMENT ON COLUMN tlsward.certificates.cert_not_after IS
    'When it ends; NULL: not known.';
COMMENT ON COLUMN tlsward.certificates.verified IS
    'Whether the mail server verified it; NULL: not known.';
COMMENT ON COLUMN tlsward.certificates.agreement IS
    'The partner, else what the rule names; NULL: there is none but the default.';

-- Added up before it is compared with what else the agreement presented.
CREATE OR REPLACE VIEW tlsward.certificates_ending AS
WITH seen AS (
    SELECT c.agreement, c.cert_cn, c.cert_issuer, c.cert_fingerprint, c.cert_not_after,
        max(c.last) AS last, string_agg(DISTINCT c.node, ', ') AS nodes,
        array_to_string((array_agg(DISTINCT c.host))[1:10], ', ') AS hosts,
        sum(c.transactions)::bigint AS transactions
    FROM tlsward.certificates c
    WHERE c.agreement IS NOT NULL AND c.time >= now() - interval '30 days'
    GROUP BY 1, 2, 3, 4, 5
)
SELECT s.last AS time, s.nodes AS node, s.agreement, s.hosts, s.cert_cn, s.cert_issuer,
    s.cert_fingerprint, s.cert_not_after, s.transactions
FROM (SELECT n.*, max(n.last) OVER (PARTITION BY n.agreement) AS newest FROM seen n) s
WHERE s.cert_not_after < now() + interval '90 days'
AND s.last > s.newest - interval '14 days';

COMMENT ON VIEW tlsward.certificates_ending IS
    'Certificates that end within 90 days, or have ended, seen in the last 30 days under an '
    'agreement: without those that the partner had stopped to use 14 days before its last mail.';
COMMENT ON COLUMN tlsward.certificates_ending.time IS 'When it was presented last.';
COMMENT ON COLUMN tlsward.certificates_ending.node IS 'The hosts of ours that saw it.';
COMMENT ON COLUMN tlsward.certificates_ending.agreement IS
    'The partner, else what the rule names.';
COMMENT ON COLUMN tlsward.certificates_ending.hosts IS 'Ten at most of the hosts that presented it.';

-- ------------------------------------------------------------------------------------
-- News
-- ------------------------------------------------------------------------------------

-- Rows of a domain in the order of their time; "run" is how much clear text came before, so
-- that a piece of clear text and the TLS before it have the same one.
CREATE OR REPLACE VIEW tlsward.new_clear_text AS
WITH lately AS MATERIALIZED (
    SELECT DISTINCT i.domain FROM tlsward.incoming i
    WHERE i.time >= now() - interval '30 days' AND i.time < 'infinity'
    AND i.protocol = 'clear text'
    AND NOT i.ours AND NOT i.exempt AND i.domain IS NOT NULL
), seen AS (
    SELECT l.domain, s.* FROM lately l CROSS JOIN LATERAL (
        SELECT i.node, i.host, i.partner, i.first, i.last, i.transactions,
            i.protocol = 'clear text' AS clear
        FROM tlsward.incoming i
        WHERE i.domain = l.domain
        AND i.time >= now() - interval '120 days' AND i.time < 'infinity'
        AND NOT i.ours AND NOT i.exempt AND (i.protocol = 'clear text' OR i.encrypted)
        OFFSET 0) AS s	-- each by its index
), runs AS (
    SELECT s.*, count(*) FILTER (WHERE s.clear) OVER (PARTITION BY s.domain
        ORDER BY s.first, s.clear, s.host, s.node
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) AS run
    FROM seen s
), tls AS (
    SELECT r.domain, r.run, sum(r.transactions)::bigint AS messages, min(r.first) AS since
    FROM runs r WHERE NOT r.clear GROUP BY 1, 2
), clear AS (
    SELECT r.domain, r.node, r.host, r.partner, r.first, r.last, r.transactions, r.run,
        t.messages AS tls_messages, t.since AS tls_since
    FROM runs r LEFT JOIN tls t ON t.domain = r.domain AND t.run = r.run WHERE r.clear
), news AS (
    SELECT DISTINCT ON (c.domain) c.* FROM clear c
    WHERE c.tls_messages > 0 AND c.first >= now() - interval '30 days'
    AND (c.first - c.tls_since >= interval '30 days' OR (c.run = 0 AND c.tls_messages >= 20))
    ORDER BY c.domain, c.first DESC
)
SELECT n.first AS time, string_agg(DISTINCT c.node, ', ') AS node, n.domain,
    max(c.partner) AS partner, max(c.last) AS last, sum(c.transactions)::bigint AS messages,
    n.tls_since, n.tls_messages,
    array_to_string((array_agg(DISTINCT c.host))[1:10], ', ') AS hosts
FROM news n JOIN clear c ON c.domain = n.domain AND c.run >= n.run
WHERE n.first - n.tls_since >= interval '30 days' OR NOT EXISTS (
    SELECT FROM clear m WHERE m.domain = n.domain AND m.run > n.run
    AND m.tls_messages * 3 >= n.tls_messages)
GROUP BY n.domain, n.first, n.tls_since, n.tls_messages;

COMMENT ON VIEW tlsward.new_clear_text IS
    'Senders'' domains that used nothing but TLS, and sent clear text in the last 30 days: '
    'after 30 days of TLS, or after 20 messages where there had been no clear text in the '
    '90 days before. Those that always mixed both are not in here, nor what an exemption let '
    'in. "tlsward report" tells of any period, and whether the host is known.';
COMMENT ON COLUMN tlsward.new_clear_text.time IS 'The first clear text.';
COMMENT ON COLUMN tlsward.new_clear_text.node IS 'The hosts of ours that it came to.';
COMMENT ON COLUMN tlsward.new_clear_text.last IS 'The last clear text.';
COMMENT ON COLUMN tlsward.new_clear_text.messages IS 'In clear text since then.';
COMMENT ON COLUMN tlsward.new_clear_text.tls_messages IS 'In TLS before, since tls_since.';
COMMENT ON COLUMN tlsward.new_clear_text.hosts IS
    'Ten at most of the hosts that sent it. Or it is forged.';

-- ------------------------------------------------------------------------------------
-- The nodes themselves
-- ------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW tlsward.nodes AS
SELECT j.seen AS time, j.node, j.behind_rows, j.behind_since,
    CASE WHEN isfinite(coalesce(j.behind_since, j.seen)) THEN extract(epoch FROM
        greatest(now() - coalesce(j.behind_since, j.seen), interval '0'))::bigint END
        AS lag_seconds,
    CASE WHEN w.value BETWEEN 0 AND 253402300799999 THEN to_timestamp(w.value / 1000.0) END
        AS log_read, j.journal, j.journals
FROM (SELECT DISTINCT ON (o.node) o.*, count(*) OVER (PARTITION BY o.node) AS journals
    FROM tlsward.journal o ORDER BY o.node, o.seen DESC, o.number DESC) j
LEFT JOIN tlsward.watched w ON w.journal = j.number AND w.name = 'line_time';

COMMENT ON VIEW tlsward.nodes IS
    'The nodes: when each was seen last, and how much of its journal is not in here yet.';
COMMENT ON COLUMN tlsward.nodes.time IS 'When its shipper was here last.';
COMMENT ON COLUMN tlsward.nodes.node IS 'Its name: the setting "node".';
COMMENT ON COLUMN tlsward.nodes.behind_rows IS 'What had not been sent then.';
COMMENT ON COLUMN tlsward.nodes.behind_since IS
    'Since when that waits; NULL: all had been sent.';
COMMENT ON COLUMN tlsward.nodes.lag_seconds IS
    'Nothing is missing that is older than this. It grows while nothing is heard of a node.';
COMMENT ON COLUMN tlsward.nodes.log_read IS
    'Up to when "tlsward watch" has read the mail server''s log; NULL: it never did.';
COMMENT ON COLUMN tlsward.nodes.journal IS 'The journal that it writes now.';
COMMENT ON COLUMN tlsward.nodes.journals IS
    'How many it has had: one that was lost or moved away began anew.';

CREATE OR REPLACE VIEW tlsward.node_policies AS
WITH ran AS (
    SELECT j.node, p.since, p.digest, p.file,
        lead(p.since) OVER (PARTITION BY j.node ORDER BY p.journal, p.changed) AS until
    FROM tlsward.policies p JOIN tlsward.journal j ON j.number = p.journal
)
SELECT r.since AS time, r.node, r.digest, r.file, r.until, n.time AS seen,
    CASE WHEN r.until IS NULL THEN (
        SELECT count(*) FROM ran o
        WHERE o.until IS NULL AND o.digest IS NOT DISTINCT FROM r.digest) END AS nodes_alike,
    CASE WHEN r.until IS NULL THEN EXISTS (
        SELECT FROM ran o
        WHERE o.until IS NULL AND o.digest IS DISTINCT FROM r.digest) END AS differ
FROM ran r JOIN tlsward.nodes n ON n.node = r.node;

COMMENT ON VIEW tlsward.node_policies IS
    'Which policy each node ran since when. Answers, with "until IS NULL": do the nodes run '
    'the same one now.';
COMMENT ON COLUMN tlsward.node_policies.time IS 'Since when: its start, or a reload.';
COMMENT ON COLUMN tlsward.node_policies.node IS 'The node.';
COMMENT ON COLUMN tlsward.node_policies.digest IS
    'The digest that "tlsward status" tells, too; NULL: it could not be told.';
COMMENT ON COLUMN tlsward.node_policies.until IS 'NULL: it is the one that it runs now.';
COMMENT ON COLUMN tlsward.node_policies.seen IS 'When the node was seen last.';
COMMENT ON COLUMN tlsward.node_policies.nodes_alike IS
    'How many nodes run this one now, it among them.';
COMMENT ON COLUMN tlsward.node_policies.differ IS 'Another node runs another one now.';

CREATE OR REPLACE VIEW tlsward.not_kept AS
SELECT d.last AS time, j.node, d.why,
    CASE d.why
        WHEN 'age' THEN 'older than the journal keeps: they were removed'
        WHEN 'size' THEN 'removed since the journal had reached its size'
        WHEN 'memory' THEN 'never written: the journal was out of order for too long'
        ELSE 'lost' END AS meaning,
    d.records, d.messages, d.watched, j.journal
FROM tlsward.discarded d
JOIN tlsward.journal j ON j.number = d.journal;

COMMENT ON VIEW tlsward.not_kept IS
    'What a node''s journal no longer has, or never got: totals since the journal began. What '
    'had been sent before is still in here.';
COMMENT ON COLUMN tlsward.not_kept.time IS 'Of the newest of them.';
COMMENT ON COLUMN tlsward.not_kept.node IS 'The host whose journal this is.';
COMMENT ON COLUMN tlsward.not_kept.why IS 'age, size or memory.';
COMMENT ON COLUMN tlsward.not_kept.records IS 'Decisions kept in full.';
COMMENT ON COLUMN tlsward.not_kept.messages IS 'Accepted messages, one by one.';
COMMENT ON COLUMN tlsward.not_kept.watched IS 'Of what was read in the mail server''s log.';

CREATE OR REPLACE VIEW tlsward.not_taken AS
SELECT r.time, j.node, r.stream, r."at", r.why, r.row, j.journal
FROM tlsward.refused r
JOIN tlsward.journal j ON j.number = r.journal;

COMMENT ON VIEW tlsward.not_taken IS
    'Rows of journals that this database could not take as they were: that should never be. '
    'Nothing else of the journal waits for them.';
COMMENT ON COLUMN tlsward.not_taken.time IS 'When it was sent.';
COMMENT ON COLUMN tlsward.not_taken.node IS 'The host whose journal has it.';
COMMENT ON COLUMN tlsward.not_taken.why IS 'What PostgreSQL said.';
COMMENT ON COLUMN tlsward.not_taken.row IS 'The row. Others'' words: escape them.';
