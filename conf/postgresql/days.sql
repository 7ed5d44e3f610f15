-- SPDX-License-Identifier: ISC
--
-- days.sql - summaries of days and of parts of days: made here, read by tlsward's reports.
--
-- A report follows each sender's domain in the order of time: clear text after TLS is news.
-- Rows of the same facts can become one where nothing else of their domain lies
-- between them: TLS among TLS, clear text among clear text. What decides is the order of
-- (hour, first, facts), and of records the time. Mail of this site's own and what an exemption
-- let in is not followed, and becomes one row.

-- Of a session: 'T' it was encrypted, 'C' it was not, 'X': neither is certain here. It is
-- policy_encrypted() of tlsward's source that knows.
CREATE OR REPLACE FUNCTION tlsward.kind_of(tls_version text, cipher text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN tls_version = 'none' THEN 'C'
		WHEN cipher LIKE '%NULL%' OR cipher IN ('(NONE)', 'TLS_SHA256_SHA256',
			'TLS_SHA384_SHA384') OR (cipher IS NULL AND tls_version IS NULL) THEN 'X'
		ELSE 'T' END COLLATE "C";

-- Whose sender a set of facts is of; its kind, NULL: it is not followed; and whether the
-- address of each row counts, as the facts have none.
CREATE OR REPLACE VIEW tlsward.followed_facts AS
	SELECT id, domain, null_sender,
		coalesce(domain, CASE WHEN null_sender IS NOT NULL THEN '<>' ELSE '' END) AS name,
		CASE WHEN local IS NULL AND authenticated IS NULL AND exemption IS NULL
			THEN tlsward.kind_of(tls_version, cipher) END AS kind,
		client_address IS NULL AND rule_kind IS NOT NULL AND rule_kind <> 'default'
			AS by_address
	FROM tlsward.facts;

-- The records that are followed.
CREATE OR REPLACE VIEW tlsward.followed_record AS
	SELECT time, coalesce(domain, CASE WHEN "from" = '<>' THEN '<>' ELSE '' END) AS name,
		tlsward.kind_of(tls_version, cipher) AS kind
	FROM tlsward.record
	WHERE direction IS DISTINCT FROM 'out' AND local IS NULL AND sasl_username IS NULL
		AND exempted = 0;

-- The domains that may have had more than TLS alone, or clear text alone, and their sets of
-- facts.
CREATE OR REPLACE FUNCTION tlsward.mixed_of(since timestamptz, until timestamptz)
RETURNS TABLE (name text, ids int[]) LANGUAGE sql STABLE AS $function$
	SELECT name, array_agg(id) FILTER (WHERE id IS NOT NULL) FROM (
		SELECT id, name, kind FROM tlsward.followed_facts WHERE kind IS NOT NULL
		UNION ALL
		SELECT NULL, name, kind FROM tlsward.followed_record
		WHERE time >= since AND time < until
	) AS kinds
	GROUP BY name
	HAVING bool_or(kind = 'X') OR (bool_or(kind = 'T') AND bool_or(kind = 'C'))
$function$;

-- As a report over a fleet has it: of several journals' rows of an hour and the same facts, the
-- address is that of the earliest.
CREATE OR REPLACE FUNCTION tlsward.earliest(first int, value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (lpad(first::text, 7, '0') || coalesce('+' || value, '')) COLLATE "C";

-- What follows each other between two full hours, added up. Its own tables are temporary.
CREATE OR REPLACE FUNCTION tlsward.summary_of(since timestamptz, until timestamptz)
RETURNS TABLE (facts int, messages bigint, first bigint, last bigint, client_addr text)
LANGUAGE plpgsql SET search_path = tlsward, pg_temp SET work_mem = '256MB' AS $function$
#variable_conflict use_column
BEGIN
	CREATE TEMP TABLE IF NOT EXISTS summarized_sets (id int PRIMARY KEY, name text COLLATE "C",
		kind text COLLATE "C", by_address bool);
	TRUNCATE summarized_sets;
	INSERT INTO summarized_sets SELECT id, name, kind, by_address FROM followed_facts
	WHERE by_address OR (kind IS NOT NULL AND id IN
		(SELECT unnest(ids) FROM mixed_of(since, until)));
	ANALYZE summarized_sets;

	-- All of it is one run.
	RETURN QUERY SELECT facts, total(messages),
		min(date_part('epoch', hour)::bigint * 1000 + first),
		max(date_part('epoch', hour)::bigint * 1000 + last), NULL::text
	FROM rollup WHERE hour >= since AND hour < until
		AND facts NOT IN (SELECT id FROM summarized_sets)
	GROUP BY facts;

	RETURN QUERY WITH hours AS (
		SELECT facts, name, kind, CASE WHEN by_address THEN hour END AS apart,
			date_part('epoch', hour)::bigint * 1000 + min(first) AS first,
			date_part('epoch', hour)::bigint * 1000 + max(last) AS last,
			total(messages) AS messages,
			CASE WHEN by_address THEN substr(min(earliest(first, client_addr)), 9)
			END AS client_addr
		FROM rollup JOIN summarized_sets ON id = facts
		WHERE hour >= since AND hour < until
		GROUP BY hour, facts, name, kind, by_address
	), events AS (
		SELECT facts, name, kind, first, last, messages, apart, client_addr, 0 AS behind
		FROM hours
		UNION ALL
		SELECT NULL, name, kind, (extract(epoch FROM time) * 1000)::bigint, NULL, NULL, NULL,
			NULL, 1
		FROM followed_record WHERE time >= since AND time < until
	), changes AS (
		SELECT *, kind = 'X' OR kind IS DISTINCT FROM lag(kind) OVER in_order AS is_change
		FROM events WHERE kind IS NOT NULL
		WINDOW in_order AS (PARTITION BY name ORDER BY first, behind, facts)
	), runs AS (
		SELECT *, count(*) FILTER (WHERE is_change)
			OVER (PARTITION BY name ORDER BY first, behind, facts) AS run
		FROM changes
		UNION ALL
		SELECT *, NULL, NULL FROM events WHERE kind IS NULL
	)
	SELECT facts, total(messages), min(first), max(last), min(client_addr)
	FROM runs WHERE facts IS NOT NULL
	GROUP BY facts, run, apart;
END
$function$;

-- Makes the summary of a day, or of a part of one, anew. Whatever comes in meanwhile makes
-- it void.
CREATE OR REPLACE FUNCTION tlsward.summarize(which timestamptz, length int) RETURNS void
LANGUAGE plpgsql SET search_path = tlsward, pg_temp AS $function$
DECLARE
	at bigint;
	until timestamptz := which + length * interval '1 hour';
BEGIN
	-- Read before the rows: what comes in between is not in it.
	SELECT coalesce(sum(version), 0) INTO at FROM touched WHERE part >= which AND part < until;
	IF length < 24 THEN
		DELETE FROM rollup_part WHERE part = which;
		INSERT INTO rollup_part (part, facts, messages, first, last, client_addr)
		SELECT which, s.* FROM summary_of(which, until) AS s;
	ELSE
		DELETE FROM rollup_day WHERE day = which;
		DELETE FROM rollup_day_total WHERE day = which;
		INSERT INTO rollup_day (day, facts, messages, first, last, client_addr)
		SELECT which, s.* FROM summary_of(which, until) AS s;
		INSERT INTO rollup_day_total (day, messages, tls_version, cipher, bits)
		SELECT which, sum(messages), tls_version, cipher, bits
		FROM rollup_day JOIN facts ON facts.id = rollup_day.facts WHERE day = which
		GROUP BY tls_version, cipher, bits;
	END IF;
	INSERT INTO summarized AS s (since, hours, version) VALUES (which, length, at)
	ON CONFLICT (since, hours) DO UPDATE SET version = excluded.version;
END
$function$;

-- The days and their parts that had rows, and what a summary of them now would be made at.
CREATE OR REPLACE VIEW tlsward.summarizable AS
	SELECT part AS since, 3 AS hours, sum(version)::bigint AS version
	FROM tlsward.touched WHERE isfinite(part) GROUP BY part
	UNION ALL
	SELECT date_trunc('day', part, 'UTC'), 24, sum(version)::bigint
	FROM tlsward.touched WHERE isfinite(part) GROUP BY 1;

-- Makes all summaries that are missing or void, of what is past, the newest first:
-- each in a transaction of its own.
CREATE OR REPLACE PROCEDURE tlsward.summarize_days() LANGUAGE plpgsql AS $procedure$
DECLARE
	due record;
BEGIN
	FOR due IN SELECT t.since, t.hours FROM tlsward.summarizable AS t
		LEFT JOIN tlsward.summarized AS s USING (since, hours)
		WHERE s.version IS DISTINCT FROM t.version
			AND t.since + t.hours * interval '1 hour' <= now()
		ORDER BY t.since DESC, t.hours
	LOOP
		PERFORM tlsward.summarize(due.since, due.hours);
		COMMIT;
	END LOOP;
END
$procedure$;

-- The owner's alone.
REVOKE EXECUTE ON FUNCTION tlsward.summarize, tlsward.summary_of, tlsward.touch_rollup,
	tlsward.touch_record FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE tlsward.summarize_days FROM PUBLIC;
