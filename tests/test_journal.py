#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The journal of a real daemon under load, in trouble and killed.

A few clients speak the MTA's side of the milter protocol and have about RATE messages
a second refused, each with a sender of its own. What a client saw refused must be in
the journal once the daemon was killed (-9, at random moments, KILLS times); and while
the journal is locked, removed, renamed, damaged, cut or on a full disk, every answer must
still be the policy's, and the journal must come back by itself.
"""

import functools
import itertools
import os
import random
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import sys
import time


import runner
from mta import waiting, workspace
from mta.milter import OPTIONS, USER, Milter

CLIENTS = 4
POLICY = "from .strict.example { require tls; otherwise reject }\n"


class Load(runner.Threads):
    """Clients that have messages refused, until told to stop."""

    def __init__(self, address, rate, prefix):
        self.address, self.pause, self.prefix = address, CLIENTS / rate, prefix
        self.refused, self.wrong = [], []
        super().__init__([functools.partial(self._run, number)
                          for number in range(CLIENTS)])

    def await_more(self, count):
        """Waits until so many more are refused."""
        before = len(self.refused)
        waiting.until("%d refusals" % count, lambda: len(self.refused) >= before + count,
                      progress=lambda: len(self.refused))

    def _run(self, number):
        serials = itertools.count(1)
        while not self._stop.is_set():
            try:
                with socket.socket(socket.AF_UNIX) as made:
                    made.settimeout(waiting.PATIENCE)
                    made.connect(self.address)
                    self._session(made, number, serials)
            except OSError:
                time.sleep(0.01)	# it is not there: dead, or not yet alive

    def _session(self, made, number, serials):
        with made.makefile("rb") as answers:
            made.sendall(OPTIONS)
            packet(answers)
            send(made, b"C", b"client.example\0" + b"4" + struct.pack(">H", 4711) +
                 b"192.0.2.7\0")
            send(made, b"H", b"client.example\0")
            while not self._stop.is_set():
                serial = next(serials)
                sender = "%s-%d-%d@a%d.strict.example" % (
                    self.prefix, number, serial, serial % 50)
                send(made, b"M", b"<" + sender.encode() + b">\0")
                kind, text = packet(answers)
                if kind == b"y" and text.startswith(b"530 "):
                    self.refused.append(sender)
                else:
                    self.wrong.append((sender, kind, text))
                time.sleep(self.pause)


def send(made, kind, data):
    made.sendall(struct.pack(">I", len(data) + 1) + kind + data)


def packet(answers):
    """The next answer: its letter and its data."""
    head = answers.read(4)
    if len(head) < 4:
        raise ConnectionError("the daemon is gone")
    body = answers.read(struct.unpack(">I", head)[0])
    if not body:
        raise ConnectionError("the daemon is gone")
    return body[:1], body[1:]


class Journal:
    """A daemon with a journal, in a folder of its own."""

    def __init__(self, folder, name="journal", **settings):
        self.folder = folder
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        self.path = os.path.join(folder, name, "journal.db")
        self.give(os.path.dirname(self.path))
        self.milter = Milter(folder, POLICY, reply_at="mail",
                             journal="sqlite:" + self.path, **settings)
        self.milter.start()

    @staticmethod
    def give(path):
        if os.geteuid() == 0:
            subprocess.run(("chown", USER, path), check=True)

    def ask(self, sql):
        with sqlite3.connect(self.path, timeout=waiting.PATIENCE) as db:
            rows = db.execute(sql).fetchall()
        db.close()
        return rows

    def senders(self):
        return {row[0] for row in self.ask('SELECT "from" FROM record')}

    def settle(self):
        """What was answered in a flood is in the tables a moment later; who reads sees to it."""
        subprocess.run((runner.TLSWARD, "log", "--journal", self.path, "-n", "1"),
                       check=True, capture_output=True)

    def must_have(self, load):
        self.settle()
        missing = set(load.refused) - self.senders()
        assert not missing, "%d of %d refusals are missing, as %s" % (
            len(missing), len(load.refused), sorted(missing)[:3])

    def must_be_sound(self):
        assert self.ask("PRAGMA integrity_check") == [("ok",)]

    def messages(self, part):
        return [line for line in self.milter.messages() if part in line["msg"]]

    def await_counter(self, text):
        """Waits until the counters that SIGUSR1 logs have this in them."""
        def asked():
            self.milter.server.send(signal.SIGUSR1)
            time.sleep(0.05)
            found = self.messages("counters:")
            return found and text in found[-1]["msg"]
        waiting.until(text, asked, self.milter.server.must_live)

    def kill(self):
        """As the kernel does when memory is short, or a person in despair.

        All at once: stopped first, so that none sees that another is gone and answers so.
        """
        family = self.milter.server.family()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in family:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
        self.milter.server.wait()
        waiting.until("end of the worker",
                      lambda: not waiting.answers(socket.AF_UNIX, self.milter.socket))

    def end(self):
        status = self.milter.stop()
        errors = self.milter.error_text()
        assert status == 0 and "Sanitizer" not in errors, "%s: %s" % (status, errors)


def kills(folder, arguments):
    """kill -9 at random moments."""
    chance = random.Random()
    journal = Journal(folder)
    with Load(journal.milter.socket, arguments.rate, "kill") as load:
        for _ in range(arguments.kills):
            load.await_more(10)
            time.sleep(chance.random() * 0.3)
            journal.kill()
            journal.must_be_sound()
            journal.must_have(load)
            journal.milter.start()
        load.await_more(10)
    assert not load.wrong, load.wrong[:3]
    journal.end()
    journal.must_have(load)
    journal.must_be_sound()
    mode = stat.S_IMODE(os.stat(journal.path).st_mode)
    assert mode == 0o640, oct(mode)
    print("%d refusals, %d kills" % (len(load.refused), arguments.kills))


def kills_in_a_flood(folder, arguments):
    """Refusals that were answered before they were committed, too."""
    journal = Journal(folder)
    with Load(journal.milter.socket, 5000, "flood") as load:
        for number in range(arguments.kills * 2):
            load.await_more(500)
            journal.kill()
            if number % 2:
                journal.must_have(load)
            journal.milter.start()
        load.await_more(500)
    assert not load.wrong, load.wrong[:3]
    journal.end()
    missing = set(load.refused) - journal.senders()
    assert not missing, sorted(missing)[:3]
    twice = journal.ask('SELECT count(*) - count(DISTINCT "from") FROM record')[0][0]
    assert twice == 0, "%d are there twice" % twice
    journal.must_be_sound()
    print("%d refusals" % len(load.refused))


def worker_kills(folder, arguments):
    """A worker that dies is followed by another, which goes on with the journal."""
    journal = Journal(folder)
    with Load(journal.milter.socket, arguments.rate, "worker") as load:
        load.await_more(10)
        first = journal.milter.server.pid
        for pid in journal.milter.server.family():
            if pid != first:
                os.kill(pid, signal.SIGKILL)
        load.await_more(50)
    assert not load.wrong, load.wrong[:3]
    journal.end()
    journal.must_have(load)
    journal.must_be_sound()


def trouble(folder, arguments, begin, end=None, told=None, keeps=True):
    """Load before, during and after; returns the journal, ended."""
    journal = Journal(folder)
    with Load(journal.milter.socket, arguments.rate, "trouble") as load:
        load.await_more(20)
        begin(journal)
        load.await_more(100)
        if told:
            waiting.until(told, lambda: journal.messages(told))
        if end:
            end(journal)
        journal.await_counter("journal-held=0")
        after = len(load.refused)
        load.await_more(50)
    assert not load.wrong, load.wrong[:3]
    if keeps:
        journal.must_have(load)
    else:
        journal.settle()
        late = set(load.refused[after + CLIENTS:]) - journal.senders()
        assert not late, sorted(late)[:3]
    journal.await_counter("journal-lost=0")
    if told:
        assert len(journal.messages(told)) == 1, journal.messages(told)
    journal.end()
    journal.must_be_sound()
    return journal


def locked(folder, arguments):
    """Somebody holds the lock."""
    other = []

    def lock(journal):
        other.append(sqlite3.connect(journal.path, timeout=waiting.PATIENCE, isolation_level=None))
        other[0].execute("BEGIN IMMEDIATE")

    def unlock(_):
        other[0].execute("ROLLBACK")
        other[0].close()
    journal = trouble(folder, arguments, lock, unlock, "database is locked")
    assert len(journal.messages("written again")) == 1


def removed(folder, arguments):
    """All files are removed."""
    def remove(journal):
        for suffix in ("", "-wal", "-shm"):
            try:
                os.unlink(journal.path + suffix)
            except FileNotFoundError:
                pass
    trouble(folder, arguments, remove, None, "removed or renamed", keeps=False)


def renamed(folder, arguments):
    """The file is renamed."""
    trouble(folder, arguments, lambda journal: os.rename(
        journal.path, journal.path + ".old"), None, "removed or renamed", keeps=False)


def damaged(folder, arguments):
    """Somebody writes over all of it."""
    def spoil(journal):
        size = max(os.path.getsize(journal.path), 65536)
        with open(journal.path, "r+b") as file:
            file.write(os.urandom(size))
        with open(journal.path + "-wal", "r+b") as file:
            file.write(os.urandom(65536))
        with open(journal.path + "-shm", "r+b") as file:
            file.write(os.urandom(32768))
    journal = trouble(folder, arguments, spoil, None, "set aside as", keeps=False)
    aside = [name for name in os.listdir(os.path.dirname(journal.path))
             if ".corrupt-" in name]
    assert aside, os.listdir(os.path.dirname(journal.path))


def overwritten(folder, arguments):
    """Somebody writes over the database, or cuts it or its log, and leaves the rest."""
    def spoil(suffix, cut):
        def begin(journal):
            path = journal.path + suffix
            with open(path, "r+b") as file:
                if cut:
                    file.truncate(0)
                else:
                    file.write(os.urandom(os.path.getsize(path)))
        return begin
    for suffix in ("", "-wal"):
        for cut in (False, True):
            part = os.path.join(folder, "%s%d" % (suffix or "-db", cut))
            trouble(part, arguments, spoil(suffix, cut), None, "set aside as",
                    keeps=False)


def full(folder, arguments):
    """The disk is full: a small file system of its own, where one can be made."""
    disk = os.path.join(folder, "journal")
    os.makedirs(disk)
    if os.geteuid() != 0 or subprocess.run(
            ("mount", "-t", "tmpfs", "-o", "size=16m,mode=0755", "none", disk),
            stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print("a full disk: skipped, no file system can be mounted here")
        return
    ballast = os.path.join(disk, "ballast")

    def fill(_):
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
    try:
        journal = trouble(folder, arguments, fill, lambda _: os.unlink(ballast),
                          "until it can be written")
        assert len(journal.messages("written again")) == 1
    finally:
        subprocess.run(("umount", "-l", disk), check=False)


def bounded(folder, _):
    """A flood does not make the journal larger than it may be, for long."""
    journal = Journal(folder, journal_max="1 MB")
    with Load(journal.milter.socket, 4000, "bounded") as load:
        load.await_more(5000)
        waiting.until("a smaller journal", lambda: journal.ask(
            "SELECT coalesce(sum(records), 0) FROM discarded")[0][0] > 1000)
    assert not load.wrong, load.wrong[:3]
    journal.end()
    assert os.path.getsize(journal.path) < 2 << 20, os.path.getsize(journal.path)
    assert journal.ask("SELECT (SELECT count(*) FROM record) + sum(records)"
                       " FROM discarded WHERE why = 'size'") == [(len(load.refused),)]


def refused_at_start(folder, _):
    """A newer journal and a foreign database end the start, and are left alone."""
    for pragma, words in (("user_version = 77; PRAGMA application_id = 1414288215",
                           "newer version"), ("application_id = 7", "not a journal")):
        journal = Journal(folder)
        journal.end()
        os.unlink(journal.path)
        with sqlite3.connect(journal.path) as db:
            db.executescript("PRAGMA %s; CREATE TABLE precious (a)" % pragma)
        db.close()
        os.chmod(journal.path, 0o666)
        with open(journal.path, "rb") as file:
            before = file.read()
        for options in ((), ("-t",)):
            server = journal.milter.spawn(*options)
            assert server.wait() == 1
            assert words in server.error_text(), server.error_text()
        with open(journal.path, "rb") as file:
            assert file.read() == before
        os.unlink(journal.path)


def folder_made(folder, _):
    """Root makes the journal's folder for the user; others get on without a journal."""
    journal = Journal(folder)
    journal.end()
    made = os.path.join(folder, "made", "journal.db")
    milter = Milter(folder, POLICY, reply_at="mail", journal="sqlite:" + made)
    milter.start()
    with Load(milter.socket, 200, "made") as load:
        load.await_more(20)
    assert not load.wrong, load.wrong[:3]
    assert milter.stop() == 0
    trouble_told = [line for line in milter.lines() if "until it can be" in
                    line.get("msg", "")]
    if os.geteuid() == 0:
        assert stat.S_IMODE(os.stat(os.path.dirname(made)).st_mode) == 0o750
        with sqlite3.connect(made) as db:
            found = {row[0] for row in db.execute('SELECT "from" FROM record')}
        assert set(load.refused) <= found and not trouble_told
    else:
        assert len(trouble_told) == 1


def policy_told(folder, _):
    """The journal has the node, and each policy that was in force, once."""
    journal = Journal(folder, node="mx1.ours.example")

    def digests():
        made = os.path.exists(journal.path) and journal.ask(
            "SELECT 1 FROM sqlite_schema WHERE name = 'policies'")
        return journal.ask("SELECT digest FROM policies ORDER BY changed") if made else []

    def told(count):
        waiting.until("%d policies" % count, lambda: len(digests()) >= count)
        return digests()

    first = told(1)
    assert journal.ask("SELECT node FROM identity") == [("mx1.ours.example",)]
    journal.milter.reload()
    for pid in journal.milter.workers():
        os.kill(pid, signal.SIGKILL)
    journal.milter.write_policy(POLICY + "# more\n")
    journal.milter.reload()
    both = told(2)
    assert len(set(both)) == 2 and both[:1] == first, both
    journal.milter.write_policy("nonsense")
    journal.milter.reload()
    journal.end()
    journal.milter.write_policy(POLICY)
    journal.milter.start()
    assert told(3) == [*both, *first]
    journal.end()
    rows = journal.ask("SELECT since, file FROM policies ORDER BY changed")
    assert sorted(rows) == rows and {row[1] for row in rows} == {journal.milter.policy}
    assert all(abs(time.time() * 1000 - row[0]) < 600000 for row in rows), rows


TESTS = (folder_made, policy_told, kills, kills_in_a_flood, worker_kills, locked, removed,
         renamed, damaged, overwritten, full, bounded, refused_at_start)


def run(test, options):
    folder = workspace.folder()
    try:
        test(folder, options)
    except Exception:
        log = os.path.join(folder, "log", "records.json")
        if os.path.exists(log):
            with open(log, encoding="utf-8") as lines:
                print("".join([line for line in lines if '"action"' not in line][-20:]))
        raise
    finally:
        workspace.remove(folder)


def main():
    parser = runner.parser()
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--rate", type=int, default=200)
    options = parser.parse_args()
    return runner.main(options, [(test.__name__, functools.partial(run, test, options))
                                 for test in TESTS])


if __name__ == "__main__":
    sys.exit(main())
