-- SPDX-License-Identifier: ISC
--
-- days.sql - summaries of whole days: made here, read by tlsward's reports.
--
-- A report follows each sender's domain in the order of time: clear text after TLS is news.
-- Rows of the same facts can become one where nothing else of their domain lies
-- between them: TLS among TLS, clear text among clear text. What decides is the order of
-- (hour, first, facts), and of records the time. Mail of this site's own and what an exemption
-- let in is not followed, and becomes one row a day.

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

-- The domains that may have had more than TLS alone, or clear text alone.
CREATE OR REPLACE FUNCTION tlsward.mixed_of(since timestamptz, until timestamptz)
RETURNS TABLE (name text) LANGUAGE sql STABLE AS $function$
	SELECT name FROM (
		SELECT name, kind FROM tlsward.followed_facts WHERE kind IS NOT NULL
		UNION ALL
		SELECT name, kind FROM tlsward.followed_record WHERE time >= since AND time < until
	) AS kinds
	GROUP BY name HAVING min(kind) <> max(kind) OR max(kind) = 'X'
$function$;

-- As a report over a fleet has it: of several journals' rows of an hour and the same facts, the
-- address is that of the earliest.
CREATE OR REPLACE FUNCTION tlsward.earliest(first int, value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (lpad(first::text, 7, '0') || coalesce('+' || value, '')) COLLATE "C";

-- Makes the summary of a day anew. Whatever comes in meanwhile makes it void.
CREATE OR REPLACE FUNCTION tlsward.summarize(which timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = tlsward, pg_temp SET timezone = 'UTC'
SET work_mem = '256MB' AS $function$
DECLARE
	at bigint;
	start bigint := extract(epoch FROM which) * 1000;
	next_day timestamptz := which + interval '1 day';
BEGIN
	-- Read before the rows: what comes in between is not in it.
	SELECT coalesce(sum(version), 0) INTO at FROM touched WHERE day = which;
	DELETE FROM rollup_day WHERE day = which;
	DELETE FROM rollup_day_total WHERE day = which;

	CREATE TEMP TABLE IF NOT EXISTS summarized_sets (id int PRIMARY KEY, name text COLLATE "C",
		kind text COLLATE "C", by_address bool);
	TRUNCATE summarized_sets;
	INSERT INTO summarized_sets SELECT id, f.name, kind, by_address
	FROM followed_facts AS f LEFT JOIN mixed_of(which, next_day) AS mixed USING (name)
	WHERE by_address OR (kind IS NOT NULL AND mixed.name IS NOT NULL);
	ANALYZE summarized_sets;

	-- All of the day is one run.
	INSERT INTO rollup_day (day, facts, messages, first, last)
	SELECT which, facts, sum(messages), min(first), max(last)
	FROM (
		SELECT facts, sum(messages) AS messages,
			min(start + date_part('epoch', hour - which)::int * 1000 + first) AS first,
			max(start + date_part('epoch', hour - which)::int * 1000 + last) AS last
		FROM rollup WHERE hour >= which AND hour < next_day
		GROUP BY facts
	) AS sums
	WHERE facts NOT IN (SELECT id FROM summarized_sets)
	GROUP BY facts;

	INSERT INTO rollup_day (day, facts, messages, first, last, client_addr)
	WITH hours AS (
		SELECT facts, name, kind, CASE WHEN by_address THEN hour END AS apart,
			start + date_part('epoch', hour - which)::int * 1000 + min(first) AS first,
			start + date_part('epoch', hour - which)::int * 1000 + max(last) AS last,
			sum(messages) AS messages,
			CASE WHEN by_address THEN substr(min(earliest(first, client_addr)), 9)
			END AS client_addr
		FROM rollup JOIN summarized_sets ON id = facts
		WHERE hour >= which AND hour < next_day
		GROUP BY hour, facts, name, kind, by_address
	), events AS (
		SELECT facts, name, kind, first, last, messages, apart, client_addr, 0 AS behind
		FROM hours
		UNION ALL
		SELECT NULL, name, kind, (extract(epoch FROM time) * 1000)::bigint, NULL, NULL, NULL,
			NULL, 1
		FROM followed_record WHERE time >= which AND time < next_day
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
	SELECT which, facts, sum(messages), min(first), max(last), min(client_addr)
	FROM runs WHERE facts IS NOT NULL
	GROUP BY facts, run, apart;

	INSERT INTO rollup_day_total (day, messages, tls_version, cipher, bits)
	SELECT which, sum(messages), tls_version, cipher, bits
	FROM rollup_day JOIN facts ON facts.id = rollup_day.facts WHERE day = which
	GROUP BY tls_version, cipher, bits;

	INSERT INTO summarized (day, version) VALUES (which, at)
	ON CONFLICT (day) DO UPDATE SET version = excluded.version;
END
$function$;

-- Makes all summaries that are missing or void, of days that are past, the newest first:
-- each in a transaction of its own.
CREATE OR REPLACE PROCEDURE tlsward.summarize_days() LANGUAGE plpgsql AS $procedure$
DECLARE
	which timestamptz;
	done timestamptz[] := '{}';
BEGIN
	LOOP
		SELECT t.day INTO which FROM tlsward.touched AS t
		LEFT JOIN tlsward.summarized AS s ON s.day = t.day
		WHERE t.day < date_trunc('day', now(), 'UTC') AND isfinite(t.day)
			AND t.day <> ALL (done)
		GROUP BY t.day, s.version
		HAVING s.version IS DISTINCT FROM sum(t.version)::bigint
		ORDER BY t.day DESC LIMIT 1;
		EXIT WHEN which IS NULL;
		done := done || which;
		PERFORM tlsward.summarize(which);
		COMMIT;
	END LOOP;
END
$procedure$;

-- The owner's alone.
REVOKE EXECUTE ON FUNCTION tlsward.summarize, tlsward.touch_rollup, tlsward.touch_record
	FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE tlsward.summarize_days FROM PUBLIC;
