-- SPDX-License-Identifier: ISC
--
-- roles.sql - who may do what, and the schema that all is in.
--
-- "tlsward ship --schema" prints this file, the steps, the functions, the views and
-- the rights, in this order, as one transaction. It is run by a superuser, or by a user who has
-- CREATEROLE and may create schemas in this database. Running it again changes nothing.
--
-- None of the three roles can log in, nor has one a password: a user who logs in is made
-- a member of one.
--
--     CREATE USER mx1 PASSWORD '...' IN ROLE tlsward_writer;      -- an MTA's shipper
--     CREATE USER grafana PASSWORD '...' IN ROLE tlsward_reader;  -- who asks
--     CREATE USER keeper PASSWORD '...' IN ROLE tlsward_owner;    -- tlsward ship --maintain

DO $roles$
DECLARE
	role text;
BEGIN
	-- One at a time.
	PERFORM pg_advisory_xact_lock(hashtext('tlsward.schema'));
	IF current_setting('server_encoding') <> 'UTF8' THEN
		RAISE EXCEPTION 'the database % is %, and has to be UTF8', current_database(),
			current_setting('server_encoding')
			USING HINT = 'CREATE DATABASE tlsward ENCODING UTF8 TEMPLATE template0';
	END IF;
	FOREACH role IN ARRAY ARRAY['tlsward_owner', 'tlsward_writer', 'tlsward_reader'] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', role);
		END IF;
	END LOOP;
	-- Who is no superuser has to be a member to make things the owner's: from PostgreSQL
	-- 16 on, the one who made a role is none that may SET ROLE to it.
	IF NOT pg_has_role(current_user, 'tlsward_owner', CASE WHEN
		current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN
		EXECUTE format('GRANT tlsward_owner TO %I', current_user);
	END IF;
	IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'tlsward') THEN
		CREATE SCHEMA tlsward AUTHORIZATION tlsward_owner;
	END IF;
END
$roles$;

SET LOCAL ROLE tlsward_owner;
SET LOCAL search_path = tlsward, pg_temp;

-- The steps that were taken.
DO $version$
BEGIN
	IF to_regclass('tlsward.version') IS NULL THEN
		CREATE TABLE version (
			step int PRIMARY KEY,
			since timestamptz NOT NULL DEFAULT now()
		);
	END IF;
END
$version$;
