#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What tlsward costs as it grows, and beside others.

    growth.py TLSWARD MILTER FLOOR LOAD JOURNAL-YEAR SVG
        [--domains N,N...] [--messages N,N...] [--others FOLDER] [--rounds N]

CPU a message, accepted and refused, with so many domains in the policy's list; clock
seconds of "report", "log" and "replay" with a journal of so many messages in a year, up to
a million written one by one (journal-year: the n-th of 20,000 domains sends as often as
1/n, one message in 200 of those with rules is refused); CPU a message of opendmarc, opendkim and mailfromd, those that are
installed or unpacked in FOLDER. Prints tables as doc/performance.md has them, and draws SVG.
"""
import argparse
import contextlib
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench  # noqa: E402

SENDERS = 20000
WRITTEN = 10**6		# messages that are written one by one; more are made of these
PARALLEL = 10
OTHERS = {
    "opendmarc": ("opendmarc -f -p local:{s} -c {c}", "IgnoreHosts /dev/null\n"),
    "opendkim": ("opendkim -f -p local:{s} -x {c}", "Mode v\nSyslog no\n"),
    "mailfromd": ("mailfromd --foreground --stderr --no-config --user=nobody"
                  " --state-directory={d} --port=unix:{s} {c}",
                  "prog envfrom\ndo\n accept\ndone\n"),
}


def listed(folder, name, milter, domains):
    """A daemon whose policy has a list of so many domains."""
    base = f"{folder}/{name}"
    os.mkdir(base)
    os.chmod(base, 0o777)
    with open(f"{base}/list.txt", "w", encoding="ascii") as file:
        file.writelines(f"customer{number}.example\n" for number in range(domains))
    with open(f"{base}/policy.conf", "w", encoding="ascii") as file:
        file.write('from file "list.txt" { require tls >= 1.2; otherwise reject }\n'
                   "from strict.example { require certificate; otherwise reject }\n"
                   "default { require nothing }\n")
    with open(f"{base}/tlsward.conf", "w", encoding="ascii") as file:
        file.write(f"listen unix:{base}/s\npolicy policy.conf\nuser nobody\n"
                   f"log file:{base}/log\njournal sqlite:{base}/journal.db\ncontrol none\n")
    return bench.Program(name, [milter, "-f", "-c", f"{base}/tlsward.conf"], f"{base}/s")


def in_turn(programs, arguments, sender):
    """Microseconds of CPU a message, of each; they are asked in turn."""
    for program in programs:
        program.samples = []
    for _ in range(arguments.rounds):
        for program in programs:
            program.measure(arguments.load, 5000, PARALLEL, sender, ["u@ours.example"])
    return [statistics.median(program.samples) for program in programs]


def measure_domains(arguments, folder):
    """Rows of (domains, accepted, refused)."""
    programs = []
    try:
        for domains in arguments.domains:
            programs.append(listed(folder, f"listed{domains}", arguments.milter, domains))
        return list(zip(arguments.domains,
                        in_turn(programs, arguments, "a@customer7.example"),
                        in_turn(programs, arguments, "a@strict.example")))
    finally:
        for program in programs:
            program.end()


def seconds(arguments, folder, *words):
    """Of the clock; what the command prints is passed over."""
    start = time.monotonic()
    done = subprocess.run(
        [arguments.tlsward, *words, "--policy" if words[0] != "log" else "--utc",
         *([f"{folder}/policy.conf"] if words[0] != "log" else [])],
        capture_output=True, text=True, check=False)
    if done.returncode > 1:
        raise SystemExit(f"{words}: {done.stderr}")
    return time.monotonic() - start


def enlarge(path, times):
    """Makes so many times the messages of a year's journal.

    An hour has those of so many hours in a row, as each of these had chosen its senders by the
    same chances; refusals are there as often, each a little later than the one before.
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        names = ", ".join('"%s"' % row[1] for row in db.execute("PRAGMA table_info(record)")
                          if row[1] not in ("id", "time"))
        first, hours = db.execute("SELECT min(hour), max(hour) - min(hour) + 1 FROM rollup"
                                  ).fetchone()
        aside = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
                           " AND type IN ('index', 'trigger') AND tbl_name IN"
                           " ('rollup', 'record')").fetchall()
        db.execute("BEGIN")
        for kind, name, _ in aside:
            db.execute(f"DROP {kind} {name}")
        db.execute("CREATE TABLE small AS SELECT * FROM rollup ORDER BY hour, facts")
        db.execute("CREATE INDEX small_hour ON small (hour)")
        db.execute("DELETE FROM rollup")
        for hour in range(hours):
            wanted = [first + (hour * times + i) % hours for i in range(times)]
            db.execute("INSERT INTO rollup (hour, facts, messages, first, last, session,"
                       " client_addr, sender) SELECT ?, facts, sum(messages), min(first),"
                       " max(last), session, client_addr, sender FROM small WHERE hour IN"
                       f" ({','.join(map(str, wanted))}) GROUP BY facts ORDER BY facts",
                       (first + hour,))
        db.execute("DROP TABLE small")
        db.execute("CREATE TABLE few AS SELECT * FROM record")
        for i in range(1, times):
            db.execute(f"INSERT INTO record (time, {names}) SELECT time + {i * 7919}, {names}"
                       " FROM few")
        db.execute("DROP TABLE few")
        for *_, sql in aside:
            db.execute(sql)
        db.execute("COMMIT")


def measure_journals(arguments, folder):
    """Rows of (messages, sets an hour, MB, report, log, replay)."""
    rows = []
    journal = f"{folder}/journal.db"
    with open(f"{folder}/policy.conf", "w", encoding="ascii") as file:
        file.write(bench.policy(False))
    for messages in arguments.messages:
        written = min(messages, WRITTEN)
        subprocess.run([arguments.year, journal, str(written), str(SENDERS)], check=True,
                       stdout=sys.stderr)
        if messages > written:
            enlarge(journal, messages // written)
        place = ("--journal", f"sqlite:{journal}")
        with contextlib.closing(sqlite3.connect(journal)) as db:
            sets = db.execute("SELECT count(*) FROM rollup").fetchone()[0]
        rows.append((messages, sets, os.path.getsize(journal) / 1e6,
                     seconds(arguments, folder, "report", *place),
                     seconds(arguments, folder, "log", "-n", "20", *place),
                     seconds(arguments, folder, "replay", *place)))
        for ending in ("", "-wal", "-shm", "-redo"):
            if os.path.exists(journal + ending):
                os.unlink(journal + ending)
    return rows


def other(name, arguments, folder):
    """CPU a message of another milter, or None where there is none of it."""
    path = shutil.which(name, path=os.pathsep.join(
        [*(f"{arguments.others}/usr/{part}" for part in ("sbin", "bin")),
         os.environ["PATH"], "/usr/sbin"]))
    if path is None:
        return None
    form, text = OTHERS[name]
    with open(f"{folder}/{name}.conf", "w", encoding="ascii") as file:
        file.write(text)
    words = form.format(s=f"{folder}/{name}", c=f"{folder}/{name}.conf", d=folder).split()
    os.environ["LD_LIBRARY_PATH"] = f"{arguments.others}/usr/lib/x86_64-linux-gnu:" \
        f"{arguments.others}/usr/lib"
    program = None
    try:
        program = bench.Program(name, [path, *words[1:]], f"{folder}/{name}", 10)
        return in_turn([program], arguments, "a@elsewhere.example")[0]
    except (TimeoutError, subprocess.CalledProcessError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return None
    finally:
        os.environ.pop("LD_LIBRARY_PATH")
        if program is not None:
            program.end()


def measure_others(arguments, folder):
    """Rows of (name, microseconds or None)."""
    floor = bench.Program("floor", [arguments.floor, f"unix:{folder}/floor", "mail"],
                          f"{folder}/floor")
    ours = listed(folder, "ours", arguments.milter, 1000)
    try:
        rows = list(zip(("nothing decided", "tlsward"),
                        in_turn([floor, ours], arguments, "a@elsewhere.example")))
    finally:
        floor.end()
        ours.end()
    return rows + [(name, other(name, arguments, folder)) for name in OTHERS]


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(
            "not there" if value is None else f"{value:,}" if isinstance(value, int) else
            value if isinstance(value, str) else f"{value:,.1f}" for value in row) + " |")
    print("\n".join(lines) + "\n", flush=True)


def bars(title, rows, top, unit):
    """Horizontal bars of (label, value), from "top" on; and where they end."""
    largest = max([value for _, value in rows] + [1e-9])
    out = [f'<text x="10" y="{top}" font-weight="bold">{title}</text>']
    for label, value in rows:
        top += 22
        width = 400 * value / largest
        out.append(f'<text x="200" y="{top}" text-anchor="end">{label}</text>'
                   f'<rect x="210" y="{top - 12}" width="{width:.1f}" height="15"'
                   f' fill="#3b6ea5"/><text x="{216 + width:.1f}" y="{top}">'
                   f"{value:,.1f} {unit}</text>")
    return out, top + 36


def draw(path, domains, journals, others):
    parts, top = [], 24
    for title, rows, unit in (
            ("CPU a message, accepted", [(n, v) for n, v in others if v], "µs"),
            ("CPU a refusal, by domains in the policy",
             [(f"{n:,} domains", r) for n, _, r in domains], "µs"),
            ("report over 30 days, by messages a year",
             [(f"{n:,} messages", r) for n, _, _, r, _, _ in journals], "s")):
        if rows:
            lines, top = bars(title, rows, top, unit)
            parts += lines
    with open(path, "w", encoding="utf-8") as file:
        file.write('<!-- SPDX-License-Identifier: ISC -->\n<svg xmlns="http://www.w3.org/2000/'
                   f'svg" width="720" height="{top - 20}" font-family="sans-serif" font-size="13">\n'
                   '<rect width="100%" height="100%" fill="white"/>\n'
                   + "\n".join(parts) + "\n</svg>\n")


def main():
    def numbers(text):
        return [int(number) for number in text.split(",") if number]

    parser = argparse.ArgumentParser()
    for name in ("tlsward", "milter", "floor", "load", "year", "svg"):
        parser.add_argument(name)
    parser.add_argument("--domains", type=numbers, default=[10**4, 10**5, 10**6])
    parser.add_argument("--messages", type=numbers, default=[10**6, 10**7, 10**8])
    parser.add_argument("--others", default="/nonexistent")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        os.chmod(folder, 0o777)
        others = measure_others(arguments, folder)
        table(("CPU a message", "µs"), others)
        domains = measure_domains(arguments, folder)
        table(("domains", "accepted, µs", "refused, µs"), domains)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        journals = measure_journals(arguments, folder)
        table(("messages a year", "rows", "MB", "report, s", "log, s", "replay, s"), journals)
    draw(arguments.svg, domains, journals, others)


if __name__ == "__main__":
    main()
