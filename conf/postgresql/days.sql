-- SPDX-License-Identifier: ISC
--
-- days.sql - summaries of days, of parts of days and of four days: made here, read by tlsward's
-- reports.
--
-- What a report counts of a set of facts is one row. But it also follows each sender's
-- domain in the order of time: clear text after TLS is news. Where a domain has had one of
-- them alone, the same row tells of it. Of mixed domains it is another row that does: TLS with
-- nothing else of its domain in between is one, clear text is one for each set of facts.
-- What decides is the order of (hour, first, facts), and of records the time. Mail of this
-- site's own and what an exemption let in is not followed.

-- Of a session: 'T' it was encrypted, 'C' it was not, 'X': neither is certain here. It is
-- policy_encrypted() of tlsward's source that knows.
CREATE OR REPLACE FUNCTION tlsward.kind_of(tls_version text, cipher text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN tls_version = 'none' THEN 'C'
		WHEN cipher LIKE '%NULL%' OR cipher IN ('(NONE)', 'TLS_SHA256_SHA256',
			'TLS_SHA384_SHA384') OR (cipher IS NULL AND tls_version IS NULL) THEN 'X'
		ELSE 'T' END COLLATE "C";

-- Whose sender a set of facts is of; its kind, NULL: it is not followed; whether it was found
-- by a rule that names senders, or by none; which rule that was; and what is the same in
-- those that differ in nothing but where mail came from, where no agreement is of that.
CREATE OR REPLACE VIEW tlsward.followed_facts AS
	SELECT id, used, one, domain,
		coalesce(domain, CASE WHEN null_sender IS NOT NULL THEN '<>' ELSE '' END) AS name,
		CASE WHEN local IS NULL AND authenticated IS NULL AND exemption IS NULL
			THEN tlsward.kind_of(tls_version, cipher) END AS kind,
		coalesce(rule_kind, '') NOT IN ('client', 'to') AS by_sender,
		coalesce(rule_kind, '') IN ('', 'default') AS by_default,
		client_address IS NULL AND coalesce(rule_kind, '') NOT IN ('', 'default')
			AS by_address,
		ROW(rule, rule_kind, rule_name, rule_via, partner)::text AS rule,
		tlsward.key_of(domain, null_sender, tls_version, cipher, bits::text, cert_verified,
			certificate::text, (local IS NULL AND authenticated IS NULL)::text,
			(exemption IS NULL)::text, rule, rule_kind, partner) AS alike
	FROM tlsward.facts;

-- The records that are followed.
CREATE OR REPLACE VIEW tlsward.followed_record AS
	SELECT time, coalesce(domain, CASE WHEN "from" = '<>' THEN '<>' ELSE '' END) AS name,
		tlsward.kind_of(tls_version, cipher) AS kind
	FROM tlsward.record
	WHERE direction IS DISTINCT FROM 'out' AND local IS NULL AND sasl_username IS NULL
		AND exempted = 0;

-- The domains that may have had more than TLS alone, or clear text alone: those that are known,
-- and what new sets of facts and records make of others.
CREATE OR REPLACE FUNCTION tlsward.mixed_of(since timestamptz, until timestamptz)
RETURNS TABLE (name text) LANGUAGE sql STABLE AS $function$
	WITH records AS MATERIALIZED (
		SELECT DISTINCT name, kind FROM tlsward.followed_record
		WHERE time >= since AND time < until
	), names AS MATERIALIZED (
		SELECT name FROM records
		UNION SELECT name FROM tlsward.followed_facts WHERE one IS NULL
	)
	SELECT name FROM tlsward.mixed
	UNION
	SELECT name FROM (
		SELECT name, kind FROM records
		UNION ALL
		SELECT domain, kind FROM tlsward.followed_facts
		WHERE domain IN (SELECT name FROM names WHERE name <> '' AND name <> '<>')
		UNION ALL
		SELECT name, kind FROM tlsward.followed_facts WHERE domain IS NULL
	) AS kinds
	WHERE kind IS NOT NULL
	GROUP BY name
	HAVING bool_or(kind = 'X') OR (bool_or(kind = 'T') AND bool_or(kind = 'C'))
$function$;

-- The sets of facts of such domains, and those of agreements. "is_apart": rows stay apart, as
-- they are of such a domain, or each has an address of its own that counts.
CREATE OR REPLACE FUNCTION tlsward.apart_of(since timestamptz, until timestamptz)
RETURNS TABLE (id int, is_mixed bool, is_apart bool) LANGUAGE sql STABLE AS $function$
	SELECT id, kind IS NOT NULL AND mixed.name IS NOT NULL,
		by_address OR (kind IS NOT NULL AND mixed.name IS NOT NULL)
	FROM tlsward.followed_facts LEFT JOIN tlsward.mixed_of(since, until) AS mixed USING (name)
	WHERE NOT by_default OR (mixed.name IS NOT NULL AND kind IS NOT NULL)
$function$;

-- As a report over a fleet has it: of several journals' rows of an hour and the same facts, the
-- address is that of the earliest.
CREATE OR REPLACE FUNCTION tlsward.earliest(first int, value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (lpad(first::text, 7, '0') || coalesce('+' || value, '')) COLLATE "C";

-- What there was between two full hours. Its own tables are temporary.
CREATE OR REPLACE FUNCTION tlsward.summary_of(since timestamptz, until timestamptz)
RETURNS TABLE (facts int, messages bigint, first bigint, last bigint, counted bool,
	followed bool, client_addr text, one int)
LANGUAGE plpgsql SET search_path = tlsward, pg_temp SET work_mem = '256MB' AS $function$
#variable_conflict use_column
BEGIN
	CREATE TEMP TABLE IF NOT EXISTS summarized_sets (id int PRIMARY KEY, name text COLLATE "C",
		kind text COLLATE "C", agreed int, mixed bool, by_address bool);
	CREATE TEMP TABLE IF NOT EXISTS summarized_rows (facts int, messages bigint, first bigint,
		last bigint, counted bool, followed bool, client_addr text COLLATE "C");
	TRUNCATE summarized_sets, summarized_rows;
	-- "agreed": the same number for those of one domain and agreement.
	INSERT INTO summarized_sets SELECT id, name, kind, CASE WHEN by_sender
		THEN min(id) OVER (PARTITION BY name, rule, by_sender) ELSE id END, is_mixed, by_address
	FROM followed_facts JOIN apart_of(since, until) USING (id) WHERE is_apart;
	ANALYZE summarized_sets;
	IF until - since > interval '1 day' THEN
		INSERT INTO summarized_rows SELECT facts, messages, first, last, counted, followed,
			client_addr
		FROM rollup_day WHERE hours = 24 AND day >= since AND day < until;
	ELSE
		-- By the hour only what is followed or whose address counts.
		INSERT INTO summarized_rows
		SELECT facts, total(messages), min(date_part('epoch', hour)::bigint * 1000 + first),
			max(date_part('epoch', hour)::bigint * 1000 + last), true, true, NULL
		FROM rollup WHERE hour >= since AND hour < until
			AND facts NOT IN (SELECT id FROM summarized_sets)
		GROUP BY facts;
		INSERT INTO summarized_rows
		SELECT facts, total(messages), date_part('epoch', hour)::bigint * 1000 + min(first),
			date_part('epoch', hour)::bigint * 1000 + max(last), true, true,
			CASE WHEN by_address THEN substr(min(earliest(first, client_addr)), 9) END
		FROM rollup JOIN summarized_sets ON id = facts
		WHERE hour >= since AND hour < until
		GROUP BY hour, facts, by_address;
	END IF;

	RETURN QUERY SELECT facts, total(messages), min(first), max(last), true,
		NOT coalesce(mixed, false), client_addr, one
	FROM summarized_rows LEFT JOIN facts AS f ON f.id = facts
		LEFT JOIN summarized_sets AS s ON s.id = facts
	WHERE counted GROUP BY facts, mixed, client_addr, one;

	-- Between two records of a domain, where all is of one agreement, what counts is: TLS
	-- before the first clear text; that; the most TLS between two of those that are left;
	-- these; and TLS after the last.
	RETURN QUERY WITH events AS (
		SELECT facts, agreed, name, kind, first, last, messages, 0 AS behind
		FROM summarized_rows JOIN summarized_sets ON id = facts WHERE followed AND mixed
		UNION ALL
		SELECT NULL, NULL, name, kind, (extract(epoch FROM time) * 1000)::bigint, NULL, NULL, 1
		FROM followed_record WHERE time >= since AND time < until
			AND name IN (SELECT name FROM summarized_sets WHERE mixed)
	), changes AS (
		SELECT *, kind = 'X' OR kind IS DISTINCT FROM lag(kind) OVER in_order AS is_change,
			sum(behind) OVER in_order AS stretch
		FROM events
		WINDOW in_order AS (PARTITION BY name ORDER BY first, behind, facts)
	), numbered AS (
		SELECT *, count(*) FILTER (WHERE is_change)
			OVER (PARTITION BY name ORDER BY first, behind, facts) AS run
		FROM changes
	), runs AS (
		SELECT name, stretch, run, kind, min(agreed) AS agreed,
			(min(ARRAY[first, facts]))[2]::int AS facts, total(messages) AS messages,
			min(first) AS first, max(last) AS last
		FROM numbered WHERE facts IS NOT NULL
		GROUP BY name, stretch, run, kind, CASE WHEN kind = 'T' THEN agreed ELSE facts END
	), placed AS (
		SELECT *, bool_and(kind <> 'X') OVER stretches AND
			min(agreed) OVER stretches = max(agreed) OVER stretches AS plain,
			min(run) FILTER (WHERE kind = 'C') OVER stretches AS first_clear,
			max(run) FILTER (WHERE kind = 'C') OVER stretches AS last_clear
		FROM runs
		WINDOW stretches AS (PARTITION BY name, stretch)
	)
	SELECT (min(ARRAY[first, facts]))[2]::int, CASE WHEN kind = 'T' THEN max(messages)
		ELSE total(messages) END, min(first), max(last), false, true, NULL::text, NULL::int
	FROM placed
	GROUP BY name, stretch, kind, CASE WHEN plain AND run > first_clear AND
		(kind = 'C' OR run < last_clear) THEN 0 ELSE run END,
		CASE WHEN kind = 'T' THEN agreed ELSE facts END;
END
$function$;

-- Makes the summary of a day, of a part of one, or of four days out of theirs, anew.
-- Whatever comes in meanwhile makes it void.
CREATE OR REPLACE FUNCTION tlsward.summarize(which timestamptz, length int) RETURNS void
LANGUAGE plpgsql SET search_path = tlsward, pg_temp AS $function$
DECLARE
	at bigint;
	until timestamptz := which + length * interval '1 hour';
BEGIN
	-- Read before the rows: what comes in between is not in it.
	SELECT coalesce(sum(version), 0) INTO at FROM touched
	WHERE length <= 24 AND part >= which AND part < until;
	IF length > 24 THEN
		-- What days were made at: where that is void, so is this.
		SELECT coalesce(sum(version), 0) INTO at FROM summarized
		WHERE hours = 24 AND since >= which AND since < until;
	END IF;
	IF length < 24 THEN
		DELETE FROM rollup_part WHERE part = which;
		INSERT INTO rollup_part (part, facts, messages, first, last, counted, followed,
			client_addr, one)
		SELECT which, s.* FROM summary_of(which, until) AS s;
	ELSE
		DELETE FROM rollup_day WHERE day = which AND hours = length;
		INSERT INTO rollup_day (day, hours, facts, messages, first, last, counted, followed,
			client_addr, one)
		SELECT which, length, s.* FROM summary_of(which, until) AS s;
	END IF;
	IF length = 24 THEN
		DELETE FROM rollup_day_total WHERE day = which;
		INSERT INTO rollup_day_total (day, messages, tls_version, cipher, bits)
		SELECT which, sum(messages), tls_version, cipher, bits
		FROM rollup_day JOIN facts ON facts.id = rollup_day.facts
		WHERE day = which AND hours = 24 AND counted
		GROUP BY tls_version, cipher, bits;
	END IF;
	INSERT INTO summarized AS s (since, hours, version) VALUES (which, length, at)
	ON CONFLICT (since, hours) DO UPDATE SET version = excluded.version;
END
$function$;

-- The days, their parts and runs of four days that had rows, and what a summary of them now
-- would be made at.
CREATE OR REPLACE VIEW tlsward.summarizable AS
	SELECT since, hours, sum(version)::bigint AS version
	FROM tlsward.touched, (VALUES (3), (24), (96)) AS lengths (hours), LATERAL (SELECT
		to_timestamp(floor(date_part('epoch', part) / 3600 / hours) * hours * 3600) AS since)
		AS spans
	WHERE isfinite(part) GROUP BY since, hours
	-- Not four days that begin before all that is kept.
	HAVING hours <= 24 OR since >= (SELECT min(part) FROM tlsward.touched
		WHERE isfinite(part)) - interval '1 day';

-- What of these there is, as it is now.
CREATE OR REPLACE VIEW tlsward.summarized_now AS
	SELECT since, hours FROM tlsward.summarized AS s
	WHERE version = (SELECT sum(version) FROM tlsward.touched AS t WHERE t.part >= s.since
		AND t.part < s.since + s.hours * interval '1 hour');

-- Finds what new sets of facts are alike to; the one of them all is used as long as any is. And
-- first, which domains are mixed, so that no set has "one" before its domain is known.
CREATE OR REPLACE PROCEDURE tlsward.find_alike() LANGUAGE plpgsql AS $procedure$
DECLARE
	done int := 0;
	next int;
BEGIN
	PERFORM set_config('work_mem', '256MB', true);
	CREATE TEMP TABLE IF NOT EXISTS found_alike (id int PRIMARY KEY, one int, used date);
	TRUNCATE pg_temp.found_alike;
	INSERT INTO pg_temp.found_alike SELECT id, first, newest FROM (
		SELECT id, one, used, CASE WHEN by_default THEN coalesce(min(one) OVER of_one,
			min(id) OVER of_one) ELSE id END AS first,
			CASE WHEN by_default THEN max(used) OVER of_one ELSE used END AS newest
		FROM tlsward.followed_facts WINDOW of_one AS (PARTITION BY by_default, alike)
	) AS sets WHERE one IS NULL OR (one = id AND used < newest);
	CREATE TEMP TABLE IF NOT EXISTS found_mixed (name text COLLATE "C");
	TRUNCATE pg_temp.found_mixed;
	INSERT INTO pg_temp.found_mixed SELECT name FROM tlsward.followed_facts WHERE kind IS NOT NULL
	GROUP BY name
	HAVING bool_or(kind = 'X') OR (bool_or(kind = 'T') AND bool_or(kind = 'C'));
	DELETE FROM tlsward.mixed WHERE name NOT IN (SELECT name FROM pg_temp.found_mixed);
	INSERT INTO tlsward.mixed SELECT name FROM pg_temp.found_mixed ON CONFLICT DO NOTHING;
	-- Those that a shipper has in hand are for the next time.
	LOOP
		SELECT max(id) INTO next FROM (SELECT id FROM pg_temp.found_alike WHERE id > done
			ORDER BY id LIMIT 1000) AS batch;
		UPDATE tlsward.facts AS f SET one = a.one,
			used = CASE WHEN a.one = f.id THEN greatest(f.used, a.used) ELSE f.used END
		FROM pg_temp.found_alike AS a JOIN (
			SELECT id FROM tlsward.facts WHERE id IN (SELECT id FROM pg_temp.found_alike
				WHERE id > done AND id <= next)
			FOR NO KEY UPDATE SKIP LOCKED
		) AS free USING (id) WHERE f.id = a.id;
		COMMIT;
		EXIT WHEN next IS NULL;
		done := next;
	END LOOP;
END
$procedure$;

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
		-- Rows that came in meanwhile: the next time.
		CONTINUE WHEN due.hours > 24 AND EXISTS (SELECT FROM tlsward.summarizable AS t
			WHERE t.hours = 24 AND t.since >= due.since
			AND t.since < due.since + due.hours * interval '1 hour'
			AND NOT EXISTS (SELECT FROM tlsward.summarized_now AS s
			WHERE s.since = t.since AND s.hours = 24));
		PERFORM tlsward.summarize(due.since, due.hours);
		COMMIT;
	END LOOP;
END
$procedure$;

-- The owner's alone.
REVOKE EXECUTE ON FUNCTION tlsward.summarize, tlsward.summary_of, tlsward.touch_rollup,
	tlsward.touch_record FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE tlsward.summarize_days, tlsward.find_alike FROM PUBLIC;
