# SPDX-License-Identifier: ISC
"""tlsward doctor and the daemon: its own session with it, and what it says of itself.

The session leaves no trace: no record, no line, no count. What only looks like it does.
"""

import contextlib
import json
import os
import socket
import sqlite3
import threading
import time
import unittest

from . import rawmilter, waiting, workspace
from .milter import Milter

import runner

POLICY = """
from "user@named.example" { require tls; otherwise reject }
from .below.example { require tls >= 1.2; otherwise tempfail }
from acme.example { require tls; otherwise reject 550 5.7.30 }
default { require nothing }
"""

PINNED = 'from acme.example { require certificate fingerprint "%s"; otherwise reject }\n' % (
    "sha256:" + 64 * "0")

NONCE = "{tlsward_nonce}"
POSTFIX = {"v": "Postfix 3.7.11", "{daemon_name}": "smtp"}


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = workspace.folder()
        self.addCleanup(workspace.remove, self.folder)

    def start(self, policy=POLICY, **settings):
        """A daemon, which ends with the test."""
        milter = Milter(os.path.join(self.folder, "milter"), policy, **settings)
        milter.start()
        self.addCleanup(milter.stop)
        return milter

    def points(self, milter, mta=False):
        """What doctor says; of a mail server, that there is none, where not told else."""
        status, text, errors = runner.run("doctor", "--json", "-c", milter.settings,
                                          "--sendmail", "/dev/null")
        self.assertEqual(errors, "")
        points = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(status, 1)
        return [point for point in points if mta or not point["id"].startswith("sendmail")]

    def point(self, milter, finding):
        points = self.points(milter)
        found = [point for point in points if point["id"] == finding]
        self.assertEqual(len(found), 1, points)
        return found[0]

    def wrong(self, milter, looks=False):
        """The ids of what is not well; "looks": that the MTA was not looked at, too."""
        return [point["id"] for point in self.points(milter)
                if point["level"] != "ok" and (looks or point["id"] != "mta-asking")]


def ask(milter, command):
    """What the daemon answers on its control socket."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(waiting.PATIENCE)
        control.connect(milter.control)
        control.sendall(b'{"command":"%s"}\n' % command.encode())
        return json.loads(control.makefile("rb").readline())


def attempt(milter, nonce, sender="<a@acme.example>"):
    """A session with that nonce (None: with none); the daemon's answer."""
    macros = dict(POSTFIX) if nonce is None else {**POSTFIX, NONCE: nonce}
    with rawmilter.Peer(milter.socket) as peer:
        peer.negotiate()
        peer.connect("192.0.2.7", 4711, macros=macros)
        peer.helo()
        answer = peer.mail(sender, macros={"{mail_addr}": sender.strip("<>"),
                                           "{client_name}": "a.example"})
        if answer == "continue":
            answer = peer.rcpt("<b@ours.example>", macros={"{rcpt_addr}": "b@ours.example"})
        peer.abort()
        peer.quit()
    return answer


class Session(Case):
    def test_it_leaves_no_trace(self):
        journal = os.path.join(self.folder, "milter", "run", "journal.db")
        port, = waiting.free_ports(1)
        milter = self.start(journal="sqlite:" + journal, journal_accepted="full",
                            metrics="127.0.0.1:%d" % port)
        attempt(milter, None)
        milter.wait_record(action="reject")
        waiting.until("a row", lambda: self.rows(journal) == 1)
        before = self.figures(port), len(milter.lines()), ask(milter, "status")
        for _ in range(3):
            self.assertEqual(self.wrong(milter), [])
        attempt(milter, ask(milter, "nonce")["nonce"])
        after = ask(milter, "status")
        self.assertEqual(self.figures(port), before[0])
        self.assertEqual(len(milter.lines()), before[1], milter.lines()[-1:])
        for name in ("mta", "decisions", "journal"):
            self.assertEqual(after[name], before[2][name])
        attempt(milter, None)
        waiting.until("a second row", lambda: self.rows(journal) == 2)
        milter.stop()
        self.assertEqual(self.rows(journal), 2)

    @staticmethod
    def rows(journal):
        with contextlib.closing(sqlite3.connect(journal)) as database:
            return database.execute("SELECT count(*) FROM record").fetchone()[0]

    @staticmethod
    def figures(port):
        """The metrics that are not of time and memory."""
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            text = client.makefile("r").read()
        return [line for line in text.split("\n") if line.startswith((
            "tlsward_milter_connections", "tlsward_sessions", "tlsward_decision",
            "tlsward_exempt", "tlsward_internal"))]

    def test_nonces_of_no_use(self):
        """One that is used up, or was never given, makes a session like any other."""
        milter = self.start()
        nonce = ask(milter, "nonce")["nonce"]
        refused = "550 5.7.30 "
        self.assertTrue(attempt(milter, nonce).startswith(refused))
        self.assertEqual(milter.records(), [])
        for number, shown in enumerate((nonce, "", "0000000000000000", nonce[:-1],
                                        nonce + "0", nonce.upper() + "x", "\u00e9"), 1):
            ask(milter, "nonce")
            self.assertTrue(attempt(milter, shown).startswith(refused))
            waiting.until("record", lambda n=number: len(milter.records()) == n)

    def test_all_of_its_messages(self):
        milter = self.start()
        with rawmilter.Peer(milter.socket) as peer:
            peer.negotiate()
            peer.connect("192.0.2.7", 4711,
                         macros={**POSTFIX, NONCE: ask(milter, "nonce")["nonce"]})
            for sender in ("a@acme.example", "b@acme.example"):
                peer.mail("<%s>" % sender, macros={"{mail_addr}": sender})
                peer.rcpt("<b@ours.example>", macros={"{rcpt_addr}": "b@ours.example"})
                peer.abort()
            self.assertEqual(milter.records(), [])
        attempt(milter, None)
        milter.wait_record(action="reject")
        self.assertEqual(len(milter.records()), 1)

    def test_what_it_tells(self):
        for text, clear, tls in (
                (POLICY, "530 5.7.0", "taken"), (PINNED, "530 5.7.0", "451 4.7.0"),
                ("from a.example { require nothing }", "taken", "taken"),
                ("from file \"partners.txt\" { require tls }\n"
                 "from acme.example { require tls; otherwise tempfail }", "451", "taken"),
                ("default { require tls; otherwise reject }", "530 5.7.0", "taken")):
            with self.subTest(text):
                milter = Milter(os.path.join(self.folder, "m%d" % hash(text)), text,
                                {"partners.txt": "listed.example\n"})
                with milter:
                    point = self.point(milter, "session")
                self.assertEqual(point["level"], "ok", point)
                self.assertIn("clear text: " + clear, point["message"])
                self.assertIn("no certificate: " + tls, point["message"])

    def test_sendmail_and_a_policy_service(self):
        for settings in ({"mta": "sendmail"}, {"policy_service": "unix:" + os.path.join(
                self.folder, "milter", "run", "policy.sock")}, {"reply_at": "mail"}):
            with self.subTest(settings):
                milter = Milter(os.path.join(self.folder, "milter"), PINNED, **settings)
                with milter:
                    self.assertEqual(self.wrong(milter), [])

    def test_another_policy(self):
        milter = self.start()
        milter.write_policy(POLICY.replace("5.7.30", "5.7.31").replace(
            "acme.example {", "acme.example named.example {").replace(
                'from "user@named.example"', 'from "user@other.example"').replace(
                    "otherwise reject }", "otherwise tempfail }"))
        self.assertEqual(self.wrong(milter), ["policy-changed", "session"])
        self.assertIn("tlsward reload", self.point(milter, "session")["fix"])
        milter.reload()
        self.assertEqual(self.wrong(milter), [])


class Stranger:
    """Something on a UNIX socket: says "first" when it hears anything, "then" for MAIL."""

    def __init__(self, path, first, then=None):
        self._first, self._then = first, then
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(path)
        self._server.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with client, contextlib.suppress(OSError):
                    self._answer(client)

    def _answer(self, client):
        client.recv(4096)
        client.sendall(self._first)
        heard = b"" if self._then is not None else None
        while heard is not None and b"M<" not in heard:
            more = client.recv(4096)
            heard = heard + more if more else None
        if heard is not None:
            client.sendall(self._then)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass


class Answering(Case):
    """Who answers on the milter's socket, and does not."""

    def test_nobody(self):
        milter = self.start()
        milter.stop()
        self.assertEqual(self.wrong(milter), ["milter-socket", "daemon"])
        self.assertIn("systemctl start", self.point(milter, "milter-socket")["fix"])

    def stranger(self, milter, answer):
        """What doctor says of a program on the socket that says that."""
        milter.stop()
        with Stranger(milter.socket, answer):
            point = self.point(milter, "milter-socket")
        self.assertEqual(point["level"], "fault")
        return point["message"]

    def test_a_stranger(self):
        other = rawmilter.frame(b"O", b"\0\0\0\6\0\0\0\0\0\0\0\0")
        for answer, words in (
                (b"220 mx.example ESMTP\r\n", "not of the milter protocol"),
                (b"\0\0\0\0", "not of the milter protocol"),
                (b"\xff\xff\xff\xff", "not of the milter protocol"),
                (rawmilter.frame(b"O", b"\0\0"), "not of the milter protocol"),
                (rawmilter.frame(b"c"), "not of the milter protocol"),
                (b"\0\0\1\0O", "hung up"), (b"", "hung up"),
                (other, "{tls_version}"),
                (rawmilter.frame(b"O", 12 * b"\0" + b"\0\0\0\2i {mail_addr}"), "{tls_version}"),
                (rawmilter.frame(b"O", 12 * b"\0" + b"\0\0\0\2"), "{tls_version}"),
                (rawmilter.frame(b"O", 15 * b"\xff"), "{tls_version}")):
            with self.subTest(answer):
                milter = Milter(os.path.join(self.folder, "milter"), POLICY)
                milter.start()
                self.assertIn(words, self.stranger(milter, answer))

    def test_one_that_breaks_off(self):
        """A milter like ours in the negotiation, and in what follows not."""
        real = self.start()
        path = os.path.join(self.folder, "stranger.sock")
        settings = os.path.join(self.folder, "stranger.conf")
        with open(settings, "w", encoding="ascii") as file:
            file.write("listen unix:%s\ncontrol unix:%s\npolicy %s\nlog stderr\n"
                       "journal none\n" % (path, real.control, real.policy))
        start = rawmilter.frame(b"O", b"\0\0\0\6" + 4 * b"\0" + b"\0\0\x30\0" +
                                b"\0\0\0\2i {tls_version}\0")
        for answers, words in ((b"", "hung up"), (rawmilter.frame(b"d"), "should not give"),
                               (rawmilter.frame(b"p"), "should not give"),
                               (b"\0\0\0\2c", "hung up"),
                               (rawmilter.frame(b"y", 5000 * b"\xff"), "hung up"),
                               (rawmilter.frame(b"y"), "hung up"), (rawmilter.frame(b"r"), "hung up")):
            with self.subTest(answers), Stranger(path, start, answers):
                real.settings = settings
                point = self.point(real, "session")
                self.assertNotEqual(point["level"], "ok")
                self.assertIn(words, point["message"])

    def test_no_control_socket(self):
        """Then nothing may be played that would be recorded: a connection that negotiates."""
        milter = self.start(control="none")
        self.assertEqual(self.wrong(milter), ["daemon", "session"])
        self.assertEqual(milter.records(), [])


def takes_log():
    """Whether somebody on this host takes what is written to syslog."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        return log.connect_ex("/dev/log") == 0


class Daemon(Case):
    def test_settings_of_another_day(self):
        milter = self.start()
        self.assertEqual(self.wrong(milter), [])
        os.utime(milter.settings, (2 ** 32, 2 ** 32))
        self.assertEqual(self.wrong(milter), ["settings-changed"])
        other = milter.settings + ".other"
        with open(milter.settings, encoding="ascii") as here, \
                open(other, "w", encoding="ascii") as there:
            there.write(here.read())
        os.utime(other, (1, 1))
        milter.settings = other
        self.assertEqual(self.wrong(milter), ["settings-changed"])
        self.assertIn("-c", self.point(milter, "settings-changed")["fix"])

    def test_what_lets_mail_through(self):
        milter = self.start(mode="monitor", on_internal_error="accept")
        self.assertEqual(self.wrong(milter), ["mode", "on-internal-error"])

    def test_dates_that_are_near(self):
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 10 * 86400))
        text = "from acme.example { require tls; otherwise reject; monitor until %s }\n"
        milter = self.start(text % day)
        self.assertEqual(self.wrong(milter), ["next-date"])
        self.assertIn(day, self.point(milter, "next-date")["message"])
        milter.write_policy(text % "2999-01-01")
        milter.reload()
        self.assertEqual(self.wrong(milter), [])

    def test_another_mta_asks(self):
        milter = self.start()
        attempt(milter, None)
        milter.wait_record(action="reject")
        self.assertEqual(self.wrong(milter, looks=True), ["mta-asking"])
        self.assertIn("--postfix", self.point(milter, "mta-asking")["fix"])

    def test_an_empty_journal(self):
        """The daemon judges, and nothing comes into its journal."""
        journal = os.path.join(self.folder, "milter", "run", "journal.db")
        milter = self.start(journal="sqlite:" + journal)
        attempt(milter, None)
        milter.wait_record(action="reject")
        self.assertEqual(self.wrong(milter), [])
        with contextlib.closing(sqlite3.connect(journal)) as database:
            database.execute("UPDATE record SET time = time - 90000000")
            database.commit()
        self.assertEqual(self.wrong(milter), ["journal-records"])

    def test_no_system_log(self):
        milter = self.start()
        with open(milter.settings, encoding="ascii") as file:
            text = file.read()
        with open(milter.settings, "w", encoding="ascii") as file:
            file.write(text.replace("log file:", "pid-file none\n#"))
        os.utime(milter.settings, (1, 1))
        self.assertEqual(self.wrong(milter), ["settings-changed"] +
                         ([] if takes_log() else ["log"]))

    def test_another_user(self):
        """Who may not ask hears that, and no fault of the daemon's."""
        if os.geteuid() != 0:
            self.skipTest("needs root")
        milter = self.start(socket_mode="0600", socket_world_writable=None)
        text = runner.subprocess.run(
            [runner.TLSWARD, "doctor", "--json", "-c", milter.settings, "--sendmail",
             "/dev/null"], capture_output=True, user="daemon", group="daemon",
            extra_groups=[], check=False, text=True).stdout
        found = {point["id"]: point["level"] for point in map(json.loads, text.splitlines())}
        self.assertEqual((found["daemon"], found["milter-socket"]), ("warning", "warning"))


if __name__ == "__main__":
    unittest.main()
