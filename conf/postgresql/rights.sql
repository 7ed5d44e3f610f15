-- SPDX-License-Identifier: ISC
--
-- rights.sql - what the writer and the reader may do: this, and nothing else.
--
-- A partition needs no rights of its own: it is written and read by its table.

-- A shipper adds and raises; it never deletes.
GRANT USAGE ON SCHEMA tlsward TO tlsward_writer, tlsward_reader;
GRANT INSERT, SELECT (node, journal, id, time) ON record, trouble TO tlsward_writer;
GRANT INSERT, SELECT, UPDATE ON journal, cursor, certificate, facts, rollup, handshake,
	delivery, discarded, watched, policies TO tlsward_writer;
GRANT INSERT ON refused TO tlsward_writer;
GRANT SELECT ON version TO tlsward_writer;
GRANT EXECUTE ON FUNCTION key_of TO tlsward_writer;

-- Every table and view.
GRANT SELECT ON ALL TABLES IN SCHEMA tlsward TO tlsward_reader;

-- Batches come in by a temporary table.
RESET ROLE;
DO $rights$
BEGIN
	EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO tlsward_owner, tlsward_writer',
		current_database());
	EXECUTE format('GRANT CONNECT ON DATABASE %I TO tlsward_reader',
		current_database());
END
$rights$;
