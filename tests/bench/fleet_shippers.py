# SPDX-License-Identifier: ISC
"""What shippers do: full journals, journals that grow, and refusals meanwhile.

    ship    journals that are full, one for each of --nodes, into one PostgreSQL
    live    so many that --rate rows a second are written to, for --seconds
    refuse  how long a refused message takes, a thousand a second, with no shipper, and
            with one whose PostgreSQL is up, slow, hangs, or is dead; each state once in
            each of --rounds, so that what else the machine does is shared by all
"""
import contextlib
import os
import pwd
import re
import secrets
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time


def say(text, *values):
    print(text % values, flush=True)


@contextlib.contextmanager
def running(programs):
    """Ends them all in the end."""
    try:
        yield programs
    finally:
        for program in programs:
            program.terminate()
        for program in programs:
            program.wait()


# ------------------------------------------------------------------
# Many
# ------------------------------------------------------------------

def write_config(folder, name):
    path = os.path.join(folder, name + ".conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("journal sqlite:%s/%s.db\nnode %s\n" % (folder, name, name))
    return path


def start_ship(bench, config, *more):
    return subprocess.Popen([bench.options.tlsward, "ship", *more, "--to", "postgresql:" +
                             bench.pg.conninfo(), "-c", config], stderr=subprocess.DEVNULL)


def make_journals(options, folder):
    """A journal a node: the same rows, each a file of its own."""
    path = os.path.join(folder, "journal.db")
    subprocess.run([options.journal_year, path, str(options.rows), "2000", "0.3"], check=True,
                   stdout=subprocess.DEVNULL)
    configs = []
    for number in range(options.nodes):
        configs.append(write_config(folder, "ship%d" % number))
        mine = os.path.join(folder, "ship%d.db" % number)
        shutil.copy(path, mine)
        db = sqlite3.connect(mine)
        db.execute("UPDATE identity SET journal = ?", (secrets.token_hex(16),))
        db.commit()
        rows = sum(db.execute("SELECT count(*) FROM " + table).fetchone()[0]
                   for table in ("record", "rollup"))
        db.close()
    return configs, rows


def measure_ship(bench):
    options = bench.options
    with tempfile.TemporaryDirectory(dir=options.within) as folder:
        configs, rows = make_journals(options, folder)
        begin = time.monotonic()
        shippers = [start_ship(bench, config, "--once") for config in configs]
        failed = sum(shipper.wait() != 0 for shipper in shippers)
        took = time.monotonic() - begin
    there = bench.number("SELECT (SELECT count(*) FROM tlsward.record) + (SELECT count(*) FROM"
                         " tlsward.rollup AS r JOIN tlsward.journal ON number = r.journal"
                         " WHERE node LIKE 'ship%')")
    say("%d shippers, %d rows each: %d rows there in %.0f s, %.0f a second%s", options.nodes,
        rows, there, took, there / took, "" if failed == 0 else " (%d failed)" % failed)


# ------------------------------------------------------------------
# Many, of journals that grow
# ------------------------------------------------------------------

class Growing:
    """Records of each journal: how many there are, and how many of them were sent."""

    def __init__(self, bench, paths):
        self.bench = bench
        self.journals = [sqlite3.connect("file:%s?mode=ro" % path, uri=True) for path in paths]

    def close(self):
        for journal in self.journals:
            journal.close()

    def written(self):
        return sum(journal.execute("SELECT max(id) FROM record").fetchone()[0] or 0
                   for journal in self.journals)

    def sent(self):
        return int(self.bench.number(
            "SELECT sum(value) FROM tlsward.cursor JOIN tlsward.journal ON number = journal"
            ".number WHERE cursor.journal = number AND node LIKE 'live%' AND stream = 'record'"))

    def behind(self):
        sent = self.sent()	# first: what is written meanwhile is not sent
        return self.written() - sent


def start_writer(options, path, messages):
    """All mail is refused, so that each message is a record, the most that there is to send."""
    return subprocess.Popen([
        options.journal_year, path, str(messages), "1000", "1",
        str(options.rate / options.nodes)], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)


def start_all(bench, folder, programs):
    """Journals that are empty, and shippers that have found PostgreSQL. Answers the journals."""
    paths = []
    for number in range(bench.options.nodes):
        config = write_config(folder, "live%d" % number)
        paths.append(config[:-len("conf")] + "db")
        start_writer(bench.options, paths[-1], 0).wait()
        programs.append(start_ship(bench, config))
    while bench.number("SELECT count(*) FROM tlsward.journal WHERE node LIKE 'live%'") < \
            bench.options.nodes:
        time.sleep(0.2)
    return paths


def measure_live(bench):
    options = bench.options
    messages = options.rate * options.seconds // options.nodes
    with tempfile.TemporaryDirectory(dir=options.within) as folder, running([]) as programs:
        paths = start_all(bench, folder, programs)
        began = time.monotonic()
        writers = [start_writer(options, path, messages) for path in paths]
        programs += writers
        growing, seen = Growing(bench, paths), []
        while any(writer.poll() is None for writer in writers):
            time.sleep(1)
            seen.append(growing.behind())
        ended, behind = time.monotonic(), growing.behind()
        while growing.behind() > 0 and time.monotonic() < ended + 300:
            time.sleep(0.1)
        took, written, left = time.monotonic() - ended, growing.written(), growing.behind()
        growing.close()
    rate = written / (ended - began)
    say("%d shippers of journals that grow, %d rows in %.0f s (%.0f a second); behind by %.1f s of"
        " mail half of the time, %.1f s the most; at the end by %d rows, sent %.1f s later%s",
        options.nodes, written, ended - began, rate, statistics.median(seen) / rate,
        max(seen) / rate, behind, took, "" if left == 0 else " (%d left)" % left)


# ------------------------------------------------------------------
# Refusals
# ------------------------------------------------------------------

DAEMON = """listen unix:%(folder)s/milter.sock
policy %(folder)s/policy.conf
control none
user %(user)s
log file:%(folder)s/log
journal sqlite:%(folder)s/journal.db
node refusing
ship-to postgresql:%(to)s
"""
REFUSALS_A_SECOND = 1000
SLOW = """CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_catalog.pg_sleep(0.5); RETURN NULL; END $$;
CREATE TRIGGER slow BEFORE INSERT ON tlsward.record FOR EACH STATEMENT
    EXECUTE FUNCTION public.slow();"""


def make_daemon(bench, folder):
    os.chmod(folder, 0o777)
    config = os.path.join(folder, "tlsward.conf")
    with open(config, "w", encoding="ascii") as out:
        out.write(DAEMON % {"folder": folder, "to": bench.pg.conninfo(), "user":
                            "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())[0]})
    with open(os.path.join(folder, "policy.conf"), "w", encoding="ascii") as out:
        out.write("from strict.example { require certificate; otherwise reject }\n"
                  "default { require tls >= 1.0; monitor }\n")
    daemon = subprocess.Popen([bench.options.tlsward_milter, "-f", "-c", config],
                              stderr=subprocess.DEVNULL)
    while not os.path.exists(os.path.join(folder, "milter.sock")):
        if daemon.poll() is not None:
            raise RuntimeError("tlsward-milter ended")
        time.sleep(0.05)
    return daemon, config


@contextlib.contextmanager
def slow(pg):
    pg.psql(SLOW)
    try:
        yield
    finally:
        pg.psql("DROP TRIGGER slow ON tlsward.record; DROP FUNCTION public.slow()")


@contextlib.contextmanager
def dead(pg):
    pg.kill()
    try:
        yield
    finally:
        pg.start()


STATES = (("no shipper", None), ("PostgreSQL up", lambda pg: contextlib.nullcontext()),
          ("PostgreSQL slow", slow), ("PostgreSQL hangs", lambda pg: pg.paused()),
          ("PostgreSQL dead", dead))


def refuse(bench, folder):
    """Half, 99 of 100 and all took no longer, in microseconds."""
    options = bench.options
    number = max(options.refused // options.rounds, 100)
    said = subprocess.run([
        options.load, "-t", "-r", str(REFUSALS_A_SECOND), os.path.join(folder, "milter.sock"),
        str(number), "100", "a#@strict.example", "u@ours.example"], check=True,
        capture_output=True, text=True, timeout=number).stdout
    times = re.match(r"median=(\d+) p99=(\d+) most=(\d+) .*\by=%d\b" % number, said)
    if times is None:
        raise RuntimeError("not all were refused: " + said)
    return [int(each) for each in times.groups()]


def refuse_in(bench, folder, config, state):
    """The same in a state, which has lasted for a second."""
    with running([]) as programs:
        if state is None:
            time.sleep(1)
            return refuse(bench, folder)
        programs.append(subprocess.Popen([bench.options.tlsward, "ship", "-c", config],
                                         stderr=subprocess.DEVNULL))
        time.sleep(0.5)
        with state(bench.pg):
            time.sleep(1)
            return refuse(bench, folder)


def measure_refusals(bench):
    found = {name: [] for name, _ in STATES}
    with tempfile.TemporaryDirectory(dir=bench.options.within) as folder, running([]) as programs:
        daemon, config = make_daemon(bench, folder)
        programs.append(daemon)
        refuse(bench, folder)
        for number in range(bench.options.rounds):
            first = number % len(STATES)
            for name, state in STATES[first:] + STATES[:first]:
                found[name].append(refuse_in(bench, folder, config, state))
    say("refusals, %d a second, in %d rounds, microseconds:", REFUSALS_A_SECOND,
        bench.options.rounds)
    for name, rounds in found.items():
        halves, most_of, most = zip(*rounds)
        say("  %-17s p50 %5d  p99 %6d  (in each round %s)  max %6d", name,
            statistics.median(halves), statistics.median(most_of),
            " ".join(map(str, sorted(most_of))), max(most))
