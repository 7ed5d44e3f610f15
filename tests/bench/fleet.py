#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What a fleet costs: shippers into one PostgreSQL, a large day, a report over a month.

    fleet.py TLSWARD TLSWARD-MILTER FLEET-DAY JOURNAL-YEAR LOAD [PART...] [--messages N]
             [--nodes N] [--days N] [--hours ends|all] [--rows N] [--refused N]
             [--rounds N] [--seconds N] [--at HH:MM] [--within FOLDER]

Parts are "ship", "live", "refuse" (see fleet_shippers.py) and "days". Days are as fleet-day.c says. The roll-ups of each hour are made
for two of the --days only, those that a report reads by the hour: the first and today;
of the days in between there are the summaries, the first's with the hosts that have moved
since. --hours all makes them all, which takes 1.5 GB a day. Reports are of the moment, or as
they are today --at another time, also one that is to come. A throw-away PostgreSQL is used.
"""
import argparse
import datetime
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import fleet_shippers as shippers	# noqa: E402
from fleet import cluster	# noqa: E402

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min",
            "maintenance_work_mem": "512MB", "max_connections": 120}
COPIED = {
    "certificate": "id, used, digest, cert_cn, cert_issuer, cert_fingerprint,"
                   " cert_pubkey_fingerprint, cert_key, cert_not_after",
    "facts": "id, certificate, used, bits, digest, mta, client_name, client_network,"
             " client_address, client_resolve, domain, tls_version, cipher, cert_verified, rule,"
             " rule_kind, rule_name, partner",
    "rollup": "hour, messages, facts, journal, first, last, session, client_addr, sender",
}
os.environ.setdefault("TLSWARD_DATADIR", os.path.join(HERE, "..", "..", "conf"))
TODAY = datetime.datetime.now(datetime.timezone.utc).date()


def say(text, *values):
    print(text % values, flush=True)


class Bench:
    def __init__(self, options, pg):
        self.options, self.pg = options, pg
        sql = subprocess.run([options.tlsward, "ship", "--schema"], check=True, text=True,
                             capture_output=True).stdout
        pg.psql(sql)
        pg.psql("INSERT INTO tlsward.journal (node, journal) SELECT 'mx' || i, md5(i::text)"
                " FROM generate_series(0, %d) AS i" % (options.nodes - 1))

    def copy(self, table, *arguments):
        """What fleet-day prints, as rows of the table."""
        begin = time.monotonic()
        with subprocess.Popen([self.options.fleet_day, *map(str, arguments)],
                              stdout=subprocess.PIPE) as rows:
            subprocess.run(["psql", "-X", "-q", "-d", self.pg.conninfo(), "-c",
                            "COPY tlsward.%s (%s) FROM STDIN" % (table, COPIED[table])],
                           stdin=rows.stdout, check=True)
        return time.monotonic() - begin

    def number(self, sql):
        return float(self.pg.psql(sql) or 0)


# ------------------------------------------------------------------
# A month
# ------------------------------------------------------------------

def load_day(bench, number):
    """The roll-ups of a day; not as shippers bring them, but as they stand then."""
    options = bench.options
    first = TODAY - datetime.timedelta(days=options.days)
    took = bench.copy("rollup", "rollup", (first - datetime.date(1970, 1, 1)).days, number,
                      options.messages, options.nodes)
    bench.pg.psql("INSERT INTO tlsward.touched (part, journal, version) SELECT '%s 00:00+00'"
                  "::timestamptz + i * interval '3 hours', 0, 1 FROM generate_series(0, 7) AS i"
                  % (first + datetime.timedelta(days=number)))
    return took


def tell_size(bench, took):
    size = bench.number("SELECT sum(pg_total_relation_size(relid)) FROM"
                        " pg_partition_tree('tlsward.rollup') WHERE isleaf")
    rows = bench.number("SELECT count(*) FROM tlsward.rollup")
    messages = bench.number("SELECT sum(messages) FROM tlsward.rollup")
    sets = bench.number("SELECT count(*) FROM (SELECT FROM tlsward.rollup GROUP BY facts) AS s")
    say("a day of %d million messages: %.2f million rows of %d sets of facts, %.2f GB with"
        " indexes (%.0f bytes a row), loaded in %.0f s", messages / 1e6, rows / 1e6, sets,
        size / 1e9, size / rows, took)


def copy_summaries(bench):
    """Those of the days between the first and today; and those of each four of them."""
    sets = int(subprocess.run([bench.options.fleet_day, "sets"], check=True,
                              capture_output=True, text=True).stdout)
    first = TODAY - datetime.timedelta(days=bench.options.days)
    for number in range(1, bench.options.days):
        day = first + datetime.timedelta(days=number)
        bench.pg.psql(
            "INSERT INTO tlsward.rollup_day (day, hours, messages, facts, one, first, last, counted,"
            " followed) SELECT '%s 00:00+00', hours, messages, moved.id, moved.one,"
            " first + %d * 86400000::bigint, last + %d * 86400000::bigint, counted, followed"
            " FROM tlsward.rollup_day AS d JOIN tlsward.facts AS moved ON moved.id ="
            " (%d + (facts - 1) %% %d %% 10) / 10 * %d + facts"
            " WHERE d.day = '%s 00:00+00' AND hours = 24; "
            "INSERT INTO tlsward.rollup_day_total (day, messages, bits, tls_version, cipher)"
            " SELECT '%s 00:00+00', messages, bits, tls_version, cipher"
            " FROM tlsward.rollup_day_total WHERE day = '%s 00:00+00'; "
            "INSERT INTO tlsward.touched (part, journal, version) VALUES ('%s 00:00+00', 0, 1); "
            "INSERT INTO tlsward.summarized (since, hours, version) VALUES"
            " ('%s 00:00+00', 24, 1)" % (
                day, number, number, number, sets, sets, first, day, first, day, day))
    begin = time.monotonic()
    bench.pg.psql("CALL tlsward.summarize_days()")
    tell_summaries(bench, 96, begin)


def tell_summaries(bench, hours, begin):
    size = "(SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('tlsward.rollup_day')" \
           " WHERE isleaf) * count(*) FILTER (WHERE hours = %d) / count(*)" % hours
    say("summaries of %d hours: %d rows, about %.0f MB, made in %.0f s", hours, bench.number(
        "SELECT count(*) FROM tlsward.rollup_day WHERE hours = %d" % hours), bench.number(
            "SELECT %s FROM tlsward.rollup_day" % size) / 1e6, time.monotonic() - begin)


def server_cpu(bench):
    """Seconds that the server's ended sessions took."""
    with open("/proc/%d/stat" % bench.pg.server.pid, encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def ask(bench, *words):
    before = server_cpu(bench)
    begin = time.monotonic()
    done = subprocess.run(["/usr/bin/time", "-f", "%U %S %M", bench.options.tlsward, *words,
                           "--journal", "postgresql:" + bench.pg.conninfo()],
                          capture_output=True, text=True, check=False)
    took = time.monotonic() - begin
    if done.returncode not in (0, 1):
        say("  %s: failed: %s", words[0], done.stderr)
        return
    user, system, memory = done.stderr.strip().split("\n")[-1].split()
    time.sleep(0.5)	# until its session has ended
    say("  %-44s %6.1f s (%.1f s of CPU and %d MB in tlsward, %.1f s of CPU in PostgreSQL)", " ".join(
        word for word in words if "/" not in word and word != "--policy"), took,
        float(user) + float(system), int(memory) // 1024, server_cpu(bench) - before)


def summarize_today(bench, now):
    """As the timer does, of what is over then."""
    for hour in range(0, now.hour // 3 * 3, 3):
        bench.pg.psql("SELECT tlsward.summarize('%s %02d:00+00', 3)" % (TODAY, hour))


def measure_days(bench):
    options = bench.options
    policy = os.path.join(bench.pg.folder, "policy.conf")
    with open(policy, "wb") as out:
        subprocess.run([options.fleet_day, "policy"], stdout=out, check=True)
    first = TODAY - datetime.timedelta(days=options.days)
    bench.pg.psql("SELECT tlsward.partition_make(parent, day) FROM unnest(ARRAY['rollup', 'rollup_day',"
                  " 'rollup_part']) AS parent, generate_series(date_trunc('month', '%s 00:00+00'"
                  "::timestamptz, 'UTC'), now(), '1 month') AS day" % first)
    bench.pg.psql("ALTER TABLE tlsward.rollup DISABLE TRIGGER touch_insert")
    bench.copy("certificate", "certificate")
    bench.copy("facts", "facts", options.days + 1)
    tell_size(bench, load_day(bench, 0))
    bench.pg.psql("VACUUM ANALYZE tlsward.rollup; ANALYZE tlsward.facts")
    begin = time.monotonic()
    bench.pg.psql("CALL tlsward.find_alike()")
    say("sets of facts that are alike: %d of %d, found in %.0f s", bench.number(
        "SELECT count(*) FROM tlsward.facts WHERE one = id"), bench.number(
            "SELECT count(*) FROM tlsward.facts"), time.monotonic() - begin)
    begin = time.monotonic()
    bench.pg.psql("CALL tlsward.summarize_days()")
    tell_summaries(bench, 24, begin)
    if options.hours == "all":
        for number in range(1, options.days):
            load_day(bench, number)
        bench.pg.psql("CALL tlsward.summarize_days()")
    else:
        copy_summaries(bench)
    load_day(bench, options.days)
    now = datetime.datetime.now(datetime.timezone.utc)
    if options.at:
        now = datetime.datetime.combine(TODAY, datetime.time.fromisoformat(options.at),
                                        datetime.timezone.utc)
    summarize_today(bench, now)
    bench.pg.psql("VACUUM ANALYZE tlsward.rollup; VACUUM ANALYZE tlsward.rollup_day;"
                  " VACUUM ANALYZE tlsward.rollup_part; VACUUM ANALYZE tlsward.facts")
    say("%d days, and %s of today:", options.days, now.strftime("%H:%M"))
    at = str(first + datetime.timedelta(days=1))
    since = now - datetime.timedelta(days=options.days)
    for words in (("report", "--policy", policy, "--since", since.strftime("%FT%TZ"),
                   "--until", now.strftime("%FT%TZ")),
                  ("report", "--policy", policy, "--since", at, "--until", str(TODAY)),
                  ("report", "--policy", policy, "--domain", "sender7.example"),
                  ("report", "--policy", policy, "--partner", "Partner 7"),
                  ("log", "--domain", "sender7.example", "-n", "20"),
                  ("report", "--policy", policy, "--since", "24h", "--node", "mx7")):
        ask(bench, *words)


def main():
    parser = argparse.ArgumentParser()
    for program in ("tlsward", "tlsward_milter", "fleet_day", "journal_year", "load"):
        parser.add_argument(program)
    parser.add_argument("parts", nargs="*", default=["ship", "live", "refuse", "days"])
    parser.add_argument("--messages", type=int, default=100000000, help="a day")
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--hours", choices=("ends", "all"), default="ends")
    parser.add_argument("--at", help="HH:MM of today, UTC")
    parser.add_argument("--rows", type=int, default=20000, help="messages of each shipper")
    parser.add_argument("--refused", type=int, default=16000, help="messages of each state")
    parser.add_argument("--rounds", type=int, default=5, help="in which they are")
    parser.add_argument("--rate", type=int, default=5000, help="rows a second, live")
    parser.add_argument("--seconds", type=int, default=60, help="of that")
    parser.add_argument("--within", default="/var/tmp")
    options = parser.parse_args()
    with cluster.Cluster(within=options.within, **SETTINGS) as pg:
        bench = Bench(options, pg)
        for part in options.parts:
            {"days": measure_days, "refuse": shippers.measure_refusals,
             "ship": shippers.measure_ship, "live": shippers.measure_live}[part](bench)


if __name__ == "__main__":
    main()
