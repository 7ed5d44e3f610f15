-- SPDX-License-Identifier: ISC
--
-- step-1.sql - the tables. A step that was released is never changed: what comes later is
-- a step of its own.
--
-- Columns are those of the journal of each MTA (an SQLite file), by their names, and mean
-- the same; tlsward-milter(8) tells what each field is. What is unknown or does not
-- apply is NULL in record, facts and certificate, and '' in handshake, delivery and
-- trouble. Lists are JSON arrays. Texts are compared byte by byte (COLLATE "C"), as
-- in the journal: this is quicker, and a new libc or ICU cannot break an index.

DO $step$
BEGIN
IF EXISTS (SELECT FROM version WHERE step >= 1) THEN
	RETURN;
END IF;

-- The digest of a row's natural key, where that is too long for an index.
CREATE FUNCTION key_of(VARIADIC parts text[]) RETURNS bytea
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN sha256(convert_to(parts::text, 'UTF8'));

-- ------------------------------------------------------------------
-- Where rows come from
-- ------------------------------------------------------------------

-- A journal of a node. "journal" is 32 hex digits that a journal is born with: the ids in
-- a new one begin anew. Less than 2^23 of them: a reader puts "number" before a row's id.
-- "seen": when its shipper was last here; "behind": what it had not sent then.
CREATE TABLE journal (
	number int GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START 0) PRIMARY KEY
		CHECK (number < 8388608),
	node text COLLATE "C" NOT NULL,
	journal text COLLATE "C" NOT NULL,
	seen timestamptz NOT NULL DEFAULT now(),
	behind_rows bigint NOT NULL DEFAULT 0,
	behind_since timestamptz,
	UNIQUE (node, journal)
);

-- How far each journal was sent, by stream: written in one transaction with the rows.
CREATE TABLE cursor (
	journal int NOT NULL REFERENCES journal (number),
	stream text COLLATE "C" NOT NULL,
	value bigint NOT NULL,
	PRIMARY KEY (journal, stream)
);

-- ------------------------------------------------------------------
-- Decisions in full: refusals, and what is kept beside them
-- ------------------------------------------------------------------

CREATE TABLE record (
	time timestamptz NOT NULL,
	id bigint NOT NULL,
	client_port int, nrcpt int, bits int,
	exempted int NOT NULL DEFAULT 0,
	node text COLLATE "C" NOT NULL,
	journal text COLLATE "C" NOT NULL,
	mta text COLLATE "C", session text COLLATE "C",
	client_addr text COLLATE "C", client_name text COLLATE "C",
	client_ptr text COLLATE "C", client_resolve text COLLATE "C",
	local text COLLATE "C", helo text COLLATE "C", sasl_username text COLLATE "C",
	"from" text COLLATE "C", "to" text COLLATE "C", to_resolved text COLLATE "C",
	queue_id text COLLATE "C", direction text COLLATE "C",
	next_hop text COLLATE "C", relay text COLLATE "C", domain text COLLATE "C",
	tls_version text COLLATE "C", cipher text COLLATE "C",
	cert_verified text COLLATE "C", verification text COLLATE "C",
	cert_cn text COLLATE "C", cert_san text COLLATE "C", cert_issuer text COLLATE "C",
	cert_subject_dn text COLLATE "C", cert_issuer_dn text COLLATE "C",
	cert_fingerprint text COLLATE "C", cert_pubkey_fingerprint text COLLATE "C",
	cert_key text COLLATE "C", cert_signature text COLLATE "C",
	cert_not_after text COLLATE "C", cert_source text COLLATE "C",
	action text COLLATE "C" NOT NULL, reason text COLLATE "C",
	failed text COLLATE "C",
	rule text COLLATE "C", rule_kind text COLLATE "C", rule_name text COLLATE "C",
	rule_via text COLLATE "C", partner text COLLATE "C",
	tls_policy text COLLATE "C", enforced text COLLATE "C",
	would text COLLATE "C", would_reason text COLLATE "C",
	would_failed text COLLATE "C", would_rule text COLLATE "C",
	exempt text COLLATE "C", reply text COLLATE "C", contact text COLLATE "C",
	note text COLLATE "C",
	PRIMARY KEY (node, journal, id, time)
) PARTITION BY RANGE (time);
CREATE INDEX record_time ON record USING brin (time);
CREATE INDEX record_partner ON record (partner, time);
CREATE INDEX record_domain ON record (domain, time);
-- The newest first, as a log is read.
CREATE INDEX record_newest ON record (time);
CREATE INDEX record_client_addr ON record (client_addr, time);
CREATE INDEX record_client_name ON record (client_name, time) WHERE client_name IS NOT NULL;
CREATE INDEX record_session ON record (session) WHERE session IS NOT NULL;
CREATE INDEX record_queue_id ON record (queue_id) WHERE queue_id IS NOT NULL;
CREATE TABLE record_default PARTITION OF record DEFAULT;

-- ------------------------------------------------------------------
-- Accepted messages: one row for each hour, journal and distinct set of facts
-- ------------------------------------------------------------------

-- "digest" is that of the columns, as each journal makes it: the same facts of two MTAs
-- are one row here. "used" is the first day of the newest month that a row of rollup
-- counts it in: what the rows of rollup are gone of can be removed by it. "one": the first
-- of those that differ in nothing that a report tells apart, which is used as long as any
-- of them; NULL: not looked for yet.
CREATE TABLE certificate (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	used date NOT NULL,
	digest bytea NOT NULL UNIQUE,
	cert_cn text COLLATE "C", cert_san text COLLATE "C", cert_issuer text COLLATE "C",
	cert_subject_dn text COLLATE "C", cert_issuer_dn text COLLATE "C",
	cert_fingerprint text COLLATE "C", cert_pubkey_fingerprint text COLLATE "C",
	cert_key text COLLATE "C", cert_signature text COLLATE "C",
	cert_not_after text COLLATE "C", cert_source text COLLATE "C"
) WITH (fillfactor = 90);

CREATE TABLE facts (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	certificate int REFERENCES certificate (id),
	used date NOT NULL,
	bits int,
	one int REFERENCES facts,
	digest bytea NOT NULL UNIQUE,
	mta text COLLATE "C", client_name text COLLATE "C",
	client_network text COLLATE "C", client_address text COLLATE "C",
	client_resolve text COLLATE "C", local text COLLATE "C",
	authenticated text COLLATE "C", null_sender text COLLATE "C",
	domain text COLLATE "C", tls_version text COLLATE "C", cipher text COLLATE "C",
	cert_verified text COLLATE "C",
	rule text COLLATE "C", rule_kind text COLLATE "C", rule_name text COLLATE "C",
	rule_via text COLLATE "C", partner text COLLATE "C", exemption text COLLATE "C"
) WITH (fillfactor = 90);
CREATE INDEX facts_one ON facts (one) WHERE one IS NOT NULL;
CREATE INDEX facts_new ON facts (id) WHERE one IS NULL;
CREATE INDEX facts_domain ON facts (domain);
CREATE INDEX facts_partner ON facts (partner) WHERE partner IS NOT NULL;
CREATE INDEX facts_certificate ON facts (certificate) WHERE certificate IS NOT NULL;

-- The senders' domains that have had TLS and clear text, of the sets of facts that have "one":
-- what sets are not alike for, and not to be emptied as long as there are such.
CREATE TABLE mixed (
	name text COLLATE "C" PRIMARY KEY
);

-- "hour" is its beginning; "first" and "last" are milliseconds in it. Facts are not
-- declared a reference: to check one for each row would lock rows that all shippers share.
-- "used" does it.
CREATE TABLE rollup (
	hour timestamptz NOT NULL,
	messages bigint NOT NULL,
	facts int NOT NULL,
	journal int NOT NULL,
	first int NOT NULL,
	last int NOT NULL,
	session text COLLATE "C", client_addr text COLLATE "C", sender text COLLATE "C",
	PRIMARY KEY (hour, facts, journal)
) PARTITION BY RANGE (hour);
CREATE INDEX rollup_facts ON rollup (facts, hour);
CREATE INDEX rollup_hour ON rollup USING brin (hour);
CREATE TABLE rollup_default PARTITION OF rollup DEFAULT;

-- ------------------------------------------------------------------
-- What "tlsward watch" reads in the mail servers' logs
-- ------------------------------------------------------------------

CREATE TABLE handshake (
	hour timestamptz NOT NULL,
	count bigint NOT NULL,
	journal int NOT NULL,
	first int NOT NULL,
	last int NOT NULL,
	direction text COLLATE "C" NOT NULL, host text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL, next_hop text COLLATE "C" NOT NULL,
	reason text COLLATE "C" NOT NULL, sample text COLLATE "C" NOT NULL,
	key bytea GENERATED ALWAYS AS (
		key_of(direction, host, address, next_hop, reason)) STORED,
	PRIMARY KEY (hour, journal, key)
) PARTITION BY RANGE (hour);
CREATE INDEX handshake_hour ON handshake USING brin (hour);
CREATE TABLE handshake_default PARTITION OF handshake DEFAULT;

CREATE TABLE delivery (
	hour timestamptz NOT NULL,
	count bigint NOT NULL,
	journal int NOT NULL,
	first int NOT NULL,
	last int NOT NULL,
	bits int NOT NULL,
	next_hop text COLLATE "C" NOT NULL, relay text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL, tls_version text COLLATE "C" NOT NULL,
	cipher text COLLATE "C" NOT NULL, verification text COLLATE "C" NOT NULL,
	result text COLLATE "C" NOT NULL, tls_reason text COLLATE "C" NOT NULL,
	rule text COLLATE "C" NOT NULL, rule_kind text COLLATE "C" NOT NULL,
	rule_name text COLLATE "C" NOT NULL, partner text COLLATE "C" NOT NULL,
	verdict text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL,
	key bytea GENERATED ALWAYS AS (
		key_of(next_hop, relay, address, tls_version, cipher, bits::text, verification,
		result, tls_reason, rule, rule_kind, rule_name, partner, verdict, reason)) STORED,
	PRIMARY KEY (hour, journal, key)
) PARTITION BY RANGE (hour);
CREATE INDEX delivery_hour ON delivery USING brin (hour);
CREATE INDEX delivery_partner ON delivery (partner, hour);
CREATE TABLE delivery_default PARTITION OF delivery DEFAULT;

CREATE TABLE trouble (
	time timestamptz NOT NULL,
	id bigint NOT NULL,
	bits int NOT NULL DEFAULT -1,
	node text COLLATE "C" NOT NULL,
	journal text COLLATE "C" NOT NULL,
	queue_id text COLLATE "C" NOT NULL, "to" text COLLATE "C" NOT NULL,
	next_hop text COLLATE "C" NOT NULL, relay text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL, tls_version text COLLATE "C" NOT NULL,
	cipher text COLLATE "C" NOT NULL, verification text COLLATE "C" NOT NULL,
	result text COLLATE "C" NOT NULL, tls_reason text COLLATE "C" NOT NULL,
	dsn text COLLATE "C" NOT NULL, text text COLLATE "C" NOT NULL,
	rule text COLLATE "C" NOT NULL, rule_kind text COLLATE "C" NOT NULL DEFAULT '',
	rule_name text COLLATE "C" NOT NULL DEFAULT '',
	partner text COLLATE "C" NOT NULL, verdict text COLLATE "C" NOT NULL DEFAULT '',
	reason text COLLATE "C" NOT NULL DEFAULT '',
	PRIMARY KEY (node, journal, id, time)
) PARTITION BY RANGE (time);
CREATE INDEX trouble_time ON trouble USING brin (time);
CREATE INDEX trouble_newest ON trouble (time);
CREATE INDEX trouble_partner ON trouble (partner, time);
CREATE INDEX trouble_queue_id ON trouble (queue_id);
CREATE TABLE trouble_default PARTITION OF trouble DEFAULT;

-- ------------------------------------------------------------------
-- What each journal tells of itself
-- ------------------------------------------------------------------

-- What a journal no longer has, or never got, and why; "last" is the newest of them.
CREATE TABLE discarded (
	journal int NOT NULL,
	why text COLLATE "C" NOT NULL,
	records bigint NOT NULL,
	messages bigint NOT NULL,
	watched bigint NOT NULL DEFAULT 0,
	last timestamptz NOT NULL,
	PRIMARY KEY (journal, why)
);

-- Totals of "tlsward watch", and times in milliseconds since the epoch.
CREATE TABLE watched (
	journal int NOT NULL,
	name text COLLATE "C" NOT NULL,
	value bigint NOT NULL,
	PRIMARY KEY (journal, name)
);

-- Which policy a node ran since when: the one with the highest "changed" it runs now, as a
-- clock may have been set back.
CREATE TABLE policies (
	journal int NOT NULL,
	since timestamptz NOT NULL,
	digest text COLLATE "C",
	file text COLLATE "C",
	changed bigint NOT NULL,
	PRIMARY KEY (journal, since)
);

-- Rows that could not be written, with the database's words for why, and the row as COPY has
-- it: one of them stops no stream. Empty where all is well.
CREATE TABLE refused (
	journal int NOT NULL,
	time timestamptz NOT NULL DEFAULT now(),
	stream text COLLATE "C" NOT NULL,
	"at" bigint NOT NULL,
	why text COLLATE "C" NOT NULL,
	row text COLLATE "C" NOT NULL
);

-- ------------------------------------------------------------------
-- Summaries of days, so that a report need not read every hour: see days.sql. A summary is
-- an accelerator and nothing else: what a report says is the same without it, and
-- summarized, rollup_day, rollup_part and rollup_day_total may be emptied at any time:
-- together, or summarized first. Days are of UTC, named by their beginning.
-- ------------------------------------------------------------------

-- How often rows of a part of a day came in from a journal: roll-ups, and the records between
-- them. A part is three hours, "part" its beginning.
CREATE TABLE touched (
	part timestamptz NOT NULL,
	version bigint NOT NULL,
	journal int NOT NULL,
	PRIMARY KEY (part, journal)
) WITH (fillfactor = 50);

-- The days, parts of days and runs of four days that there is a summary of, by their
-- beginning and their hours, and the sum of touched.version that it was made at: while that is still the sum, it
-- holds.
CREATE TABLE summarized (
	since timestamptz NOT NULL,
	hours int NOT NULL,
	version bigint NOT NULL,
	PRIMARY KEY (since, hours)
);

-- Rows of rollup of all journals and of so many hours, a day or four, added up: see
-- summary_of(). "counted": what there was of a set of facts; "followed": what a sender's
-- domain used one after the other. Most rows are both. "first" and "last" are milliseconds
-- since the epoch; "client_addr" is that of facts that have none of their own; "one" is as
-- facts had it then.
CREATE TABLE rollup_day (
	day timestamptz NOT NULL,
	messages bigint NOT NULL,
	first bigint NOT NULL,
	last bigint NOT NULL,
	facts int NOT NULL,
	one int,
	hours smallint NOT NULL,
	counted bool NOT NULL,
	followed bool NOT NULL,
	client_addr text COLLATE "C"
) PARTITION BY RANGE (day);
CREATE INDEX rollup_day_facts ON rollup_day (facts, day);
CREATE INDEX rollup_day_day ON rollup_day USING brin (day);
CREATE TABLE rollup_day_default PARTITION OF rollup_day DEFAULT;

-- The same of parts of days. A report reads those of two days: no index by facts is worth it.
CREATE TABLE rollup_part (
	part timestamptz NOT NULL,
	messages bigint NOT NULL,
	first bigint NOT NULL,
	last bigint NOT NULL,
	facts int NOT NULL,
	one int,
	counted bool NOT NULL,
	followed bool NOT NULL,
	client_addr text COLLATE "C"
) PARTITION BY RANGE (part);
CREATE INDEX rollup_part_part ON rollup_part USING brin (part);
CREATE TABLE rollup_part_default PARTITION OF rollup_part DEFAULT;

-- As sum(), which makes a numeric of each, and takes several times as long.
CREATE AGGREGATE total(bigint) (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl,
	PARALLEL = SAFE);

-- What rollup_day has, by what sessions had of TLS.
CREATE TABLE rollup_day_total (
	day timestamptz NOT NULL,
	messages bigint NOT NULL,
	bits int,
	tls_version text COLLATE "C",
	cipher text COLLATE "C"
);
CREATE INDEX rollup_day_total_day ON rollup_day_total (day);

-- The part of a day that a time is in.
CREATE FUNCTION part_of(moment timestamptz) RETURNS timestamptz LANGUAGE sql STABLE
	RETURN to_timestamp(floor(date_part('epoch', moment) / 10800) * 10800);

-- Notes the parts of the rows that a statement wrote. Writers have no right to the table.
CREATE FUNCTION touch_rollup() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = tlsward, pg_temp AS $function$
BEGIN
	INSERT INTO touched AS t (part, journal, version)
	SELECT DISTINCT part_of(hour), journal, 1 FROM rows ORDER BY 1, 2
	ON CONFLICT (part, journal) DO UPDATE SET version = t.version + 1;
	RETURN NULL;
END
$function$;

CREATE FUNCTION touch_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = tlsward, pg_temp AS $function$
BEGIN
	INSERT INTO touched AS t (part, journal, version)
	SELECT DISTINCT part_of(time), journal.number, 1
	FROM rows JOIN journal ON journal.node = rows.node AND journal.journal = rows.journal
	ORDER BY 1, 2
	ON CONFLICT (part, journal) DO UPDATE SET version = t.version + 1;
	RETURN NULL;
END
$function$;

CREATE TRIGGER touch_insert AFTER INSERT ON rollup REFERENCING NEW TABLE AS rows
	FOR EACH STATEMENT EXECUTE FUNCTION touch_rollup();
CREATE TRIGGER touch_update AFTER UPDATE ON rollup REFERENCING NEW TABLE AS rows
	FOR EACH STATEMENT EXECUTE FUNCTION touch_rollup();
CREATE TRIGGER touch_delete AFTER DELETE ON rollup REFERENCING OLD TABLE AS rows
	FOR EACH STATEMENT EXECUTE FUNCTION touch_rollup();
CREATE TRIGGER touch_insert AFTER INSERT ON record REFERENCING NEW TABLE AS rows
	FOR EACH STATEMENT EXECUTE FUNCTION touch_record();
CREATE TRIGGER touch_delete AFTER DELETE ON record REFERENCING OLD TABLE AS rows
	FOR EACH STATEMENT EXECUTE FUNCTION touch_record();

INSERT INTO version (step) VALUES (1);
END
$step$;
