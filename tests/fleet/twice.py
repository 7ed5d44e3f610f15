#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward, asked twice: of a journal, and of PostgreSQL with the same rows in it.

Tests of the review run over both stores with this as $TLSWARD. What a command that reads
a journal answers is that of the journal, and a difference is a failure, with exit status
99 and both answers on standard error. Other commands are just run. $TWICE_PROGRAM is the
program, $TWICE_DATABASE a connection string of a superuser's, $TWICE_LOCK a file. With
$TWICE_NODES=N the rows are those of N nodes, which had the same sessions among them.
"""

import fcntl
import os
import re
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

# As the caller has it: what is imported below changes the time zone.
ENVIRONMENT = dict(os.environ)
CHANGING = re.compile(r'"since":"[^"]*","until":"[^"]*"|^(Date|Message-ID): .*', re.M)
# Of a fleet alone: the node of a record, or of a row that is several nodes'.
NODE = r"(?:mx\d|-)"
NODES = ((re.compile(r'"node":\s*"mx\d",?\s*|,\s*"node":\s*"mx\d"(?=\s*\})'), ""),
         (re.compile(r"^(\S+ \S+(?: \S+)?) %s {8,}(?! )" % NODE, re.M), r"\1 "),
         (re.compile(r"( on \S+(?: \S+){0,3}) at %s: mail" % NODE), r"\1: mail"))
CSV_NODES = (re.compile(r",(?:node|mx\d|)(?=\r?$)", re.M), "")
READERS = ("add-partner", "diff", "explain", "log", "replay", "report")
TABLES = ("record", "trouble", "rollup", "handshake", "delivery", "discarded", "watched",
          "policies", "facts", "certificate", "cursor", "journal")


class Script:
    """Takes the place of a database for what fills one: its statements, to be run."""

    def __init__(self):
        self.text = ["BEGIN; TRUNCATE %s RESTART IDENTITY;\n" % ", ".join(
            "tlsward." + table for table in TABLES)]
        self.journals = -1

    def psql(self, sql):
        self.text.append(sql.rstrip("\n").rstrip(";") + (
            "\n" if sql.endswith("\\.\n") else ";\n"))
        self.journals += sql.startswith("INSERT INTO tlsward.journal ")
        return self.journals


def option(arguments, names):
    """The value of an option and where it ends; (None, 0)."""
    for i, word in enumerate(arguments):
        for name in names:
            if word == name and i + 1 < len(arguments):
                return arguments[i + 1], i + 2
            if word.startswith(name + "=") and name.startswith("--"):
                return word[len(name) + 1:], i + 1
    return None, 0


def journal_of(arguments):
    """The journal that is read, which is a file; or None."""
    path, _ = option(arguments, ("--journal",))
    if path is None:
        settings, _ = option(arguments, ("-c", "--config"))
        try:
            with open(settings or "", encoding="utf-8") as text:
                found = re.search(r'^\s*journal\s+"?([^"\n]+)', text.read(), re.M)
        except (OSError, UnicodeDecodeError):
            return None
        path = found.group(1).strip() if found else None
    path = re.sub("^sqlite:", "", path or "")
    return path if os.path.isfile(path) else None


def wanted(arguments):
    """The journal of a command whose answer can be had from PostgreSQL, or None."""
    if arguments[:1] == [] or arguments[0] not in READERS or sys.stdout.isatty() or \
            {"--follow", "-f", "--node", "--mta", "--maillog"} & set(arguments):
        return None
    return journal_of(arguments[1:])


def shares(count, nodes):
    """A number as one of each node, the most for the first."""
    return [count // nodes + (i < count % nodes) for i in range(nodes)]


def split(table, rows, node, nodes):
    """What of a table's rows a node had, where all nodes together had them."""
    if table in ("record", "trouble"):
        return [row for row in rows if row["id"] % nodes == node]
    if table in ("certificate", "facts"):
        return rows if node == 0 else []
    kept = []
    for row in rows:
        parts = {name: shares(row[name], nodes)[node]
                 for name in ("messages", "count", "records", "watched") if name in row}
        if "name" in row:	# of the table watched
            parts = {} if row["name"] in ("time", "line_time", "lag") else {
                "value": shares(row["value"], nodes)[node]}
        elif any(parts.values()) and "first" in row and node > 0:
            parts["first"] = row["last"]
        # The first node has the earliest message, the last one that has any the latest.
        if any(parts.values()) or node == 0:
            kept.append({**row, **parts})
    return kept


def fill(path, nodes):
    """Makes the database one that this journal's rows, and no others, are in.

    What went wrong, or None.
    """
    from fleet import filled	# pylint: disable=import-outside-toplevel
    script = Script()
    for node in range(nodes):
        filled.fill(script, "mx%d" % (node + 1), path,
                    part=lambda table, rows, node=node: split(table, rows, node, nodes))
    done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d",
                           os.environ["TWICE_DATABASE"]], input="".join(script.text) + "COMMIT;",
                          capture_output=True, text=True, check=False)
    return done.stderr if done.returncode != 0 else None


def ask(arguments, env=None):
    return subprocess.run([os.environ["TWICE_PROGRAM"], *arguments], capture_output=True,
                          env=env or ENVIRONMENT, check=False)


def wider(arguments):
    """The environment in which beside a node's column there is as much room as without."""
    columns = ENVIRONMENT.get("COLUMNS", "")
    if arguments[0] != "log" or not columns.isdigit() or int(columns) < 70:
        return ENVIRONMENT
    return dict(ENVIRONMENT, COLUMNS=str(int(columns) + 13))


def without_nodes(answer):
    """What a fleet answered, as a journal has it."""
    text = answer.stdout.decode("utf-8", "surrogateescape")
    rows = {"log", "--csv"} <= set(answer.args)
    for pattern, instead in (*NODES, *([CSV_NODES] if rows else [])):
        text = pattern.sub(instead, text)
    answer.stdout = text.encode("utf-8", "surrogateescape")
    return answer


def plain(answer, path, name):
    """An answer without what is to differ: what the journal is called, now, and chance."""
    texts = []
    for text in (answer.stdout, answer.stderr):
        text = text.decode("utf-8", "replace")
        if path in text or "postgresql:" in text:	# lines are folded elsewhere
            text = " ".join(text.split()).replace(name, path)
        texts.append(CHANGING.sub("", text))
    return [answer.returncode, *texts]


def compare(arguments, path):
    database = os.environ["TWICE_DATABASE"]
    name = "postgresql:" + " ".join(re.findall(r"\b(?:host|port|dbname|user)=\S+", database))
    first = ask(arguments)
    if first.returncode == 2:	# a call, or a file, that is wrong
        return first
    why = fill(path, int(os.environ.get("TWICE_NODES", "1")))
    for _ in range(3):	# a minute may end in between
        first = ask(arguments)
        end = arguments.index("--") if "--" in arguments else len(arguments)
        other = ask([*arguments[:end], "--journal", "postgresql:" + database,
                     *arguments[end:]], wider(arguments))
        answers = [plain(answer, path, name) for answer in (first, without_nodes(other))]
        if why is None and answers[0] == answers[1]:
            return first
    said = "twice: %s\n%s\n--- of the journal\n%s\n--- of PostgreSQL\n%s\n" % (
        " ".join(arguments), why or "", *("\n".join(map(str, each)) for each in answers))
    with open(os.environ["TWICE_LOCK"] + ".log", "a", encoding="utf-8") as log:
        log.write(said)
    sys.stderr.write(said)
    return subprocess.CompletedProcess([], 99, first.stdout, b"")


def main():
    path = wanted(sys.argv[1:])
    if path is None:
        os.execv(os.environ["TWICE_PROGRAM"], ["tlsward", *sys.argv[1:]])
    with open(os.environ["TWICE_LOCK"], "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = compare(sys.argv[1:], path)
    sys.stdout.buffer.write(answer.stdout)
    sys.stdout.buffer.flush()
    sys.stderr.buffer.write(answer.stderr)
    return answer.returncode


if __name__ == "__main__":
    sys.exit(main())
