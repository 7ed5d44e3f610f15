-- SPDX-License-Identifier: ISC
--
-- maintain.sql - partitions ahead, rows out of the default partitions, what is too old.
--
-- "tlsward ship --maintain" does nothing but
--     CALL tlsward.maintain('400 days', 0, 0, 0, 0, 0);
-- as the owner, once an hour. It may be called by hand, or by pg_cron, as well. It works
-- in many small transactions: stopped at any point, it leaves nothing half done, and the next
-- call goes on. Of two at once the second does nothing.
--
-- Shippers and readers never wait for it longer than a second at a time: what it cannot
-- lock by then it lets go, to try again a little later. Names are written with their
-- schema, since a procedure with a search_path of its own could not COMMIT.

-- What is partitioned, by which column, and for how long a partition is.
CREATE OR REPLACE VIEW tlsward.partitioned AS
	SELECT * FROM (VALUES
		('record', 'time', 'day', ''),
		('trouble', 'time', 'day', ''),
		('rollup', 'hour', 'month', 'fillfactor = 90'),
		('handshake', 'hour', 'month', 'fillfactor = 90'),
		('delivery', 'hour', 'month', 'fillfactor = 90'),
		('rollup_day', 'day', 'month', ''),
		('rollup_part', 'part', 'month', '')
	) AS list (name, "column", unit, storage);

-- The partitions there are, but the default ones, and from when to when their rows are.
CREATE OR REPLACE VIEW tlsward.partition AS
	SELECT parent.relname AS parent, child.relname AS name,
		coalesce(substring(bound.text FROM $$FROM \('([^']*)'$$)::timestamptz,
			'-infinity') AS lower,
		coalesce(substring(bound.text FROM $$TO \('([^']*)'$$)::timestamptz,
			'infinity') AS upper,
		child.reltuples::bigint AS about_rows,
		pg_total_relation_size(child.oid) AS bytes
	FROM tlsward.partitioned
	JOIN pg_class AS parent ON parent.relname = partitioned.name AND
		parent.relnamespace = 'tlsward'::regnamespace
	JOIN pg_inherits ON inhparent = parent.oid
	JOIN pg_class AS child ON child.oid = inhrelid,
	LATERAL (SELECT pg_get_expr(child.relpartbound, child.oid) AS text) AS bound
	WHERE bound.text <> 'DEFAULT';

-- Makes the partition of "parent" that begins at "lower", unless there is one for any of
-- its time, and moves its rows there. Returns how many those were; NULL: there was one.
CREATE OR REPLACE FUNCTION tlsward.partition_make(parent text, lower timestamptz)
RETURNS bigint LANGUAGE plpgsql
SET search_path = tlsward, pg_temp SET timezone = 'UTC' AS $function$
DECLARE
	kind record;
	before timestamptz;
	filled boolean;
	child text;
	columns text;
	moved bigint;
BEGIN
	SELECT * INTO STRICT kind FROM partitioned WHERE name = parent;
	before := lower + ('1 ' || kind.unit)::interval;
	-- Always in this order. Shippers wait at the table from here on: one that goes on
	-- to the default partition would fail there, as the row is no longer for it. Where rows
	-- are moved, so do readers: one that knew not yet of the new partition would miss them.
	EXECUTE format('LOCK TABLE ONLY %I IN SHARE ROW EXCLUSIVE MODE', parent);
	EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I >= $1 AND %2$I < $2)',
		parent || '_default', kind.column) INTO filled USING lower, before;
	IF filled THEN
		EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
	END IF;
	EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_default');
	PERFORM FROM partition AS p WHERE p.parent = partition_make.parent AND
		p.lower < before AND p.upper > partition_make.lower;
	IF FOUND THEN
		RETURN NULL;
	END IF;
	-- The name may belong to one that was detached by hand.
	child := parent || to_char(lower,
		CASE kind.unit WHEN 'day' THEN '_YYYYMMDD' ELSE '_YYYYMM' END);
	WHILE to_regclass(quote_ident(child)) IS NOT NULL LOOP
		child := child || '_';
	END LOOP;
	EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING GENERATED'
		' INCLUDING STORAGE)', child, parent) ||
		CASE WHEN kind.storage <> '' THEN format(' WITH (%s)', kind.storage) ELSE '' END;
	SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
		FROM pg_attribute WHERE attrelid = parent::regclass AND attnum > 0 AND
		NOT attisdropped AND attgenerated = '';
	EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= $1 AND %2$I < $2'
		' RETURNING *) INSERT INTO %I (%s) SELECT %4$s FROM moved',
		parent || '_default', kind.column, child, columns) USING lower, before;
	GET DIAGNOSTICS moved = ROW_COUNT;
	EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
		parent, child, lower, before);
	RETURN moved;
END
$function$;

-- Drops a partition whose rows are all older than "cut". Returns whether it did.
CREATE OR REPLACE FUNCTION tlsward.partition_drop(parent text, child text, cut timestamptz)
RETURNS boolean LANGUAGE plpgsql
SET search_path = tlsward, pg_temp SET timezone = 'UTC' AS $function$
BEGIN
	-- Not CONCURRENTLY, which there is not beside a default partition.
	EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
	PERFORM FROM partition AS p WHERE p.parent = partition_drop.parent AND
		p.name = child AND p.upper <= cut;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, child);
	EXECUTE format('DROP TABLE %I', child);
	-- Not a moment without the rows of a summary that is said to hold.
	IF partition_drop.parent IN ('rollup_day', 'rollup_part') THEN
		DELETE FROM summarized WHERE since < date_trunc('month', cut);
	END IF;
	RETURN true;
END
$function$;

-- What is to be done for partitions, now: "lower" of one to make, or the name of one to drop.
-- Days: seven before today, for what comes late, and fourteen after it. Months: all that are
-- kept (of what is kept for ever, two years), and two after this one. And each that
-- has rows in a default partition.
CREATE OR REPLACE FUNCTION tlsward.partitions_due(keep interval)
RETURNS TABLE (parent text, child text, lower timestamptz) LANGUAGE plpgsql
SET search_path = tlsward, pg_temp SET timezone = 'UTC' AS $function$
DECLARE
	kind record;
	cut timestamptz := coalesce(now() - keep, '-infinity');
	first timestamptz;
	last timestamptz;
BEGIN
	FOR kind IN SELECT * FROM partitioned LOOP
		RETURN QUERY SELECT p.parent::text, p.name::text, p.lower FROM partition AS p
			WHERE p.parent = kind.name AND p.upper <= cut ORDER BY p.lower;
		first := date_trunc(kind.unit, now() - CASE kind.unit WHEN 'day'
			THEN interval '7 days' ELSE least(keep, interval '2 years') END);
		last := date_trunc(kind.unit, now()) +
			CASE kind.unit WHEN 'day' THEN interval '14 days' ELSE interval '2 months' END;
		RETURN QUERY EXECUTE format(
			'SELECT %L, NULL::text, due FROM ('
			' SELECT generate_series($1, $2, %L::interval) AS due'
			' UNION SELECT date_trunc(%L, %I) FROM %I WHERE %4$I >= $3 AND %4$I <= $2'
			' ) AS days WHERE due + %2$L::interval > $3 AND NOT EXISTS'
			'  (SELECT FROM partition AS p WHERE p.parent = %1$L AND'
			'  p.lower < due + %2$L::interval AND p.upper > due) ORDER BY due',
			kind.name, '1 ' || kind.unit, kind.unit, kind.column, kind.name || '_default')
			USING first, last, cut;
	END LOOP;
END
$function$;

-- Does one of these. Returns how many rows were moved; NULL: others had it locked.
CREATE OR REPLACE FUNCTION tlsward.partition_do(due record, cut timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $function$
BEGIN
	IF due.child IS NOT NULL THEN
		PERFORM tlsward.partition_drop(due.parent, due.child, cut);
		RETURN 0;
	END IF;
	RETURN coalesce(tlsward.partition_make(due.parent, due.lower), 0);
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RETURN NULL;
END
$function$;

-- Removes up to 10,000 rows that are too old, of one kind: rows that no partition took, facts
-- and certificates that no row counts any more. Returns how many. Those that a shipper
-- has in hand are left: it may be about to count them again.
CREATE OR REPLACE FUNCTION tlsward.remove_some(what text, cut timestamptz)
RETURNS bigint LANGUAGE plpgsql
SET search_path = tlsward, pg_temp SET timezone = 'UTC' AS $function$
DECLARE
	kind record;
	removed bigint;
	month date := date_trunc('month', cut);
BEGIN
	SELECT * INTO kind FROM partitioned WHERE name = what;
	IF FOUND THEN
		EXECUTE format('DELETE FROM %I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I'
			' WHERE %I < $1 LIMIT 10000 FOR UPDATE SKIP LOCKED))', what || '_default', kind.column)
			USING date_trunc(kind.unit, cut);
	ELSIF what = 'facts' THEN
		-- Those that stand for others are the last.
		DELETE FROM facts WHERE id IN (SELECT id FROM facts AS f WHERE used < month
			AND NOT EXISTS (SELECT FROM facts WHERE one = f.id AND id <> f.id)
			LIMIT 10000 FOR UPDATE SKIP LOCKED);
	ELSE
		DELETE FROM certificate WHERE id IN (SELECT id FROM certificate AS c
			WHERE used < month AND NOT EXISTS
			(SELECT FROM facts WHERE facts.certificate = c.id)
			LIMIT 10000 FOR UPDATE SKIP LOCKED);
	END IF;
	GET DIAGNOSTICS removed = ROW_COUNT;
	RETURN removed;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RETURN 0;
END
$function$;

-- All of it. "keep" NULL: for ever. What comes back: partitions made, rows moved out of the
-- default partitions, partitions dropped, other rows removed, and what is left undone
-- since others had it locked; -1 there: another call is at work, and this one did nothing.
CREATE OR REPLACE PROCEDURE tlsward.maintain(keep interval, INOUT made bigint,
	INOUT moved bigint, INOUT dropped bigint, INOUT removed bigint, INOUT undone bigint)
LANGUAGE plpgsql AS $procedure$
DECLARE
	due record;
	busy text[];
	what text;
	cut timestamptz := now() - keep;
	rows bigint;
BEGIN
	made := 0; moved := 0; dropped := 0; removed := 0; undone := -1;
	IF NOT pg_try_advisory_lock(hashtext('tlsward.maintain')) THEN
		RETURN;
	END IF;
	PERFORM set_config('lock_timeout', '1s', false);
	-- What others have locked is passed over, and tried again in the next of some passes.
	FOR pass IN 1 .. 10 LOOP
		undone := 0;
		busy := '{}';
		FOR due IN SELECT * FROM tlsward.partitions_due(keep) LOOP
			rows := CASE WHEN due.parent <> ALL (busy)
				THEN tlsward.partition_do(due, cut) END;
			COMMIT;
			IF rows IS NULL THEN
				undone := undone + 1;
				busy := busy || due.parent;
			ELSIF due.child IS NOT NULL THEN
				dropped := dropped + 1;
			ELSE
				made := made + 1;
				moved := moved + rows;
			END IF;
		END LOOP;
		EXIT WHEN undone = 0;
		PERFORM pg_sleep(1 + random());
		COMMIT;
	END LOOP;
	-- From here on nobody waits for this.
	PERFORM set_config('lock_timeout', '30s', false);
	-- Summaries are void before their rows go.
	DELETE FROM tlsward.summarized WHERE since < date_trunc('month', cut, 'UTC');
	COMMIT;
	FOREACH what IN ARRAY ARRAY(SELECT name FROM tlsward.partitioned) ||
		ARRAY['facts', 'certificate'] LOOP
		LOOP
			EXIT WHEN keep IS NULL;
			rows := tlsward.remove_some(what, cut);
			COMMIT;
			removed := removed + rows;
			EXIT WHEN rows = 0;
		END LOOP;
	END LOOP;
	DELETE FROM tlsward.touched WHERE part < date_trunc('month', cut, 'UTC');
	DELETE FROM tlsward.rollup_day_total WHERE day < date_trunc('month', cut, 'UTC');
	COMMIT;
	CALL tlsward.find_alike();
	CALL tlsward.summarize_days();
	-- Autovacuum sees to the partitions, and never to what they are partitions of.
	FOR what IN SELECT name FROM tlsward.partitioned JOIN pg_stat_user_tables ON
		schemaname = 'tlsward' AND relname = name
		WHERE last_analyze IS NULL OR last_analyze < now() - interval '7 days' LOOP
		BEGIN
			EXECUTE format('ANALYZE tlsward.%I', what);
		EXCEPTION WHEN lock_not_available THEN
			NULL;
		END;
		COMMIT;
	END LOOP;
	PERFORM pg_advisory_unlock(hashtext('tlsward.maintain'));
END
$procedure$;

-- The owner's alone.
REVOKE EXECUTE ON FUNCTION tlsward.partition_make, tlsward.partition_drop,
	tlsward.partitions_due, tlsward.partition_do, tlsward.remove_some FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE tlsward.maintain FROM PUBLIC;
