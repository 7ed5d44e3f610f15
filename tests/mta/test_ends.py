# SPDX-License-Identifier: ISC
"""The end of the daemon and of its worker: nothing lost, nothing let through."""

import functools
import hashlib
import itertools
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import time
import unittest

import runner

from . import process, waiting, workspace
from .client import Client, Lost
from .milter import SERVICE, Milter, program
from .postfix import Postfix
from .rawmilter import Peer

OURS = "someone@ours.example"
STRICT = 'from strict.example { require tls; otherwise reject 550 5.7.9 "%s" }\n'
POLICY = STRICT % "policy one"

# With TLSWARD_LONG=1, as in "contrib/check all", it takes minutes.
LONG = os.environ.get("TLSWARD_LONG") == "1"
ROUNDS = 20 if LONG else 2
CLIENTS = 4	# of each kind
PAUSE = 0.005	# of a client that finds nobody
ATTEMPTS = 100	# to kill a worker by macros

# What is asked of a policy service at RCPT, and its attributes without TLS.
REQUEST = """request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
client_address=192.0.2.7
client_port=4711
server_address=127.0.0.1
server_port=25
recipient=someone@ours.example
"""
CLEAR = dict.fromkeys((
    "encryption_protocol", "encryption_cipher", "ccert_subject", "ccert_issuer",
    "ccert_fingerprint", "ccert_pubkey_fingerprint"), "")


class EndsCase(unittest.TestCase):
    """Each test has a folder and a daemon of its own."""

    def setUp(self):
        self.folder = workspace.folder()
        self.addCleanup(workspace.remove, self.folder)
        self.milter = None
        self.left = []

    def make(self, policy=POLICY, files=None, **settings):
        """The daemon, not started yet, with a journal; ended by the test."""
        folder = os.path.join(self.folder, "milter")
        self.journal = os.path.join(folder, "log", "journal.db")
        self.milter = Milter(folder, policy, files,
                             **{"journal": "sqlite:" + self.journal, **settings})
        self.addCleanup(self.end_all)
        return self.milter

    def end_all(self):
        if self.milter.server is not None:
            self.milter.stop()
        for server, family in self.left:
            server.wait()
            process.bury(server.name, family)

    def worker(self):
        """The id of the process that serves, once there is one."""
        return waiting.until("worker", self.milter.workers, self.milter.server.must_live)[0]

    def kill_worker(self):
        """Kills it and waits for another one that serves."""
        old = self.worker()
        os.kill(old, signal.SIGKILL)
        waiting.until("another worker", lambda: self.milter.workers() not in ([], [old])
                      and self.milter.answers(), self.milter.server.must_live)

    def recorded(self):
        """The senders that the journal has refused."""
        with sqlite3.connect("file:%s?mode=ro" % self.journal, uri=True) as journal:
            return {row[0] for row in journal.execute(
                'SELECT "from" FROM record WHERE action = \'reject\'')}

    def leave(self):
        """Does not wait for the end of the daemon as it is now."""
        server = self.milter.server
        self.left.append((server, [(pid, process.birth(pid)) for pid in server.family()
                                   if pid != server.pid]))
        return server

    def ask(self, sender="a@strict.example"):
        """What a client in clear text is told."""
        with Peer(self.milter.socket) as peer:
            return talk(peer, sender)


def talk(peer, sender):
    """One session with one message, as far as it gets: the last answer."""
    if peer.negotiate() is None:
        return None
    peer.connect("192.0.2.7", 4711, macros={"v": "Postfix 3.7.11"})
    peer.helo("a.example")
    return one_message(peer, sender)


def one_message(peer, sender):
    answer = peer.mail("<%s>" % sender)
    return peer.rcpt("<%s>" % OURS) if answer == "continue" else answer


class Service:
    """A connection to the policy service."""

    def __init__(self, path):
        self._socket = waiting.connected(path)
        self._lines = self._socket.makefile("r")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lines.close()
        self._socket.close()

    def ask(self, sender, **attributes):
        """The action, or None where the connection is closed."""
        words = {"sender": sender, "instance": sender, "encryption_keysize": "0",
                 **attributes}
        self._socket.sendall((REQUEST + "".join(
            "%s=%s\n" % each for each in words.items()) + "\n").encode("ascii"))
        answer = self._lines.readline()
        return answer.strip().partition("=")[2] if self._lines.readline() else None


class Crowd(runner.Threads):
    """Clients that are refused for ever: each message has a sender of its own."""

    def __init__(self, milter, postfix):
        self.refused = set()	# senders
        self.accepted = set()
        self.errors = []
        self._milter = milter
        self._postfix = postfix
        self._numbers = itertools.count()
        super().__init__([functools.partial(self._run, talk_to)
                          for talk_to in (self._raw, self._smtp, self._service)
                          for _ in range(CLIENTS if talk_to != self._service else 1)])

    def _run(self, talk_to):
        try:
            while not self._stop.is_set():
                try:
                    talk_to()
                except (OSError, Lost):
                    time.sleep(PAUSE)
        except Exception as error:	# pylint: disable=broad-except
            self.errors.append(repr(error))

    def _sender(self, kind):
        return "%s%d@strict.example" % (kind, next(self._numbers))

    def _note(self, sender, answer):
        if answer is None or answer.startswith(("4", "tempfail")):
            return answer is not None
        (self.refused if answer.startswith("550 5.7.9") else self.accepted).add(sender)
        return True

    def _raw(self):
        with Peer(self._milter.socket) as peer:
            sender = self._sender("raw")
            going_on = self._note(sender, talk(peer, sender))
            while going_on and not self._stop.is_set():
                peer.abort()
                sender = self._sender("raw")
                going_on = self._note(sender, one_message(peer, sender))

    def _smtp(self):
        with Client(self._postfix.port) as client:
            client.open()
            for _ in range(10):
                sender = self._sender("smtp")
                replies = client.message(sender, OURS)
                self._note(sender, list(replies.values())[-1])
                client.command("RSET")

    def _service(self):
        with Service(self._milter.service_socket) as service:
            going_on = True
            while going_on and not self._stop.is_set():
                sender = self._sender("service")
                going_on = self._note(sender, service.ask(sender, **CLEAR))


class Ends(EndsCase):
    """Whoever ends, however: the journal has what clients saw, and a start starts."""

    def start(self):
        """At the first try."""
        self.milter.start()

    def term(self):
        self.assertEqual(self.milter.stop(signal.SIGTERM), 0)
        self.start()

    def interrupt(self):
        self.assertEqual(self.milter.stop(signal.SIGINT), 0)
        self.start()

    def at_once(self):
        """A start while the old one still ends."""
        self.leave().send(signal.SIGTERM)
        self.start()

    def worker_dies(self):
        self.kill_worker()

    def supervisor_dies(self):
        self.leave().send(signal.SIGKILL)
        self.start()

    def both_die(self):
        worker = self.worker()
        self.leave().send(signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        self.start()

    def test_no_refusal_without_a_record(self):
        self.make(policy_service=SERVICE, policy_service_answers="verdict")
        self.start()
        postfix = Postfix(os.path.join(self.folder, "postfix"), workspace.pki(),
                          smtpd_milters=self.milter.address)
        self.addCleanup(postfix.stop)
        postfix.start()
        ways = (self.term, self.interrupt, self.worker_dies, self.supervisor_dies,
                self.both_die, self.at_once)
        ends = 0
        with Crowd(self.milter, postfix) as crowd:
            for way in ways * ROUNDS:
                seen = len(crowd.refused)
                waiting.until("refusals", lambda: crowd.errors or
                              len(crowd.refused) > seen + 20)
                way()
                ends += 1
        self.assertEqual(self.milter.stop(), 0)
        self.assertFalse(crowd.errors)
        self.assertFalse(crowd.accepted)
        missing = crowd.refused - self.recorded()
        self.assertFalse(missing, "%d of %d after %d ends" % (
            len(missing), len(crowd.refused), ends))
        if LONG:
            print("ends %d, refusals seen %d, without a record %d, accepted %d" % (
                ends, len(crowd.refused), len(missing), len(crowd.accepted)))

    def test_what_has_begun_is_finished(self):
        """What comes then is not: neither a message nor a connection."""
        self.make(policy_service=SERVICE, policy_service_answers="verdict").start()
        with Peer(self.milter.socket) as begun, Peer(self.milter.socket) as idle, \
                Service(self.milter.service_socket) as service:
            for peer in (begun, idle):
                peer.negotiate()
                peer.connect("192.0.2.7", 4711, macros={"v": "Postfix 3.7.11"})
            self.assertEqual(begun.mail("<begun@strict.example>"), "continue")
            self.milter.server.send(signal.SIGTERM)
            self.until_nobody_answers(self.milter.socket)
            self.until_nobody_answers(self.milter.service_socket)
            self.assertFalse(os.path.exists(self.milter.socket))
            waiting.until("end", lambda: idle.mail("<late@strict.example>").startswith(
                "451 4.3.2"))
            self.assertEqual(begun.rcpt("<%s>" % OURS), "550 5.7.9 policy one")
            self.assertEqual(service.ask("asked@strict.example", **CLEAR),
                             "550 5.7.9 policy one")
            begun.abort()
            self.assertEqual(self.milter.server.wait(), 0)
        self.assertLessEqual({"begun@strict.example", "asked@strict.example"},
                             self.recorded())

    def test_what_takes_too_long_is_tempfailed(self):
        self.make().start()
        with Peer(self.milter.socket) as begun:
            begun.negotiate()
            begun.connect("192.0.2.7", 4711, macros={"v": "Postfix 3.7.11"})
            self.assertEqual(begun.mail("<begun@strict.example>"), "continue")
            self.assertEqual(self.milter.stop(), 0)
            self.assertIsNone(begun.rcpt("<%s>" % OURS))
        self.assertFalse(self.recorded())

    def test_death_during_the_end_is_told(self):
        """It may have taken records with it."""
        self.make().start()
        worker = self.worker()
        os.kill(worker, signal.SIGSTOP)
        self.milter.server.send(signal.SIGTERM)
        waiting.until("the end", lambda: not os.path.exists(self.milter.socket))
        os.kill(worker, signal.SIGKILL)
        self.assertEqual(self.milter.server.wait(), 0)
        self.assertIn("the worker (process %d) was killed by signal 9, while the daemon"
                      " was ending" % worker, [line["msg"] for line in self.milter.messages()])

    @staticmethod
    def until_nobody_answers(path):
        waiting.until("no answer on " + path, lambda: not waiting.answers(
            socket.AF_UNIX, path))

    def test_over_the_network(self):
        """Where no owner can be told, an address that becomes free is waited for."""
        mail, policy, metrics = waiting.free_ports(3)
        self.make(listen="inet:127.0.0.1:%d" % mail, metrics="127.0.0.1:%d" % metrics,
                  policy_service="inet:127.0.0.1:%d" % policy)
        self.milter.where = (socket.AF_INET, ("127.0.0.1", mail))
        self.start()
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            worker = self.worker()
            with Peer(("127.0.0.1", mail)) as peer:
                self.assertEqual(talk(peer, "a@strict.example"), "550 5.7.9 policy one")
                self.leave().send(number)
                self.start()
            self.assertNotEqual(self.worker(), worker)

    def test_in_the_background(self):
        """The process that began to listen is gone there, and the daemon lives."""
        pid_file = os.path.join(self.folder, "milter", "run", "milter.pid")
        self.make(pid_file=pid_file)
        pid = self.start_in_background(pid_file)
        status, errors = self.start_another()
        self.assertEqual(status, 1)
        self.assertIn("in use", errors)
        family = [(each, process.birth(each)) for each in process.family(pid)]
        os.kill(pid, signal.SIGKILL)
        again = self.start_in_background(pid_file)
        self.assertNotEqual(again, pid)
        process.bury("the first daemon", family)
        self.assertEqual(self.ask(), "550 5.7.9 policy one")
        family = [(each, process.birth(each)) for each in process.family(again)]
        os.kill(again, signal.SIGTERM)
        process.bury("the second daemon", family)
        self.assertFalse(os.path.exists(pid_file))

    def start_another(self):
        server = self.milter.spawn()
        return server.wait(), server.error_text()

    def start_in_background(self, pid_file):
        server = process.Server("tlsward-milter", (program(), "-c", self.milter.settings),
                                os.path.join(self.folder, "errors"))
        self.assertEqual(server.wait(), 0, server.error_text())
        with open(pid_file, encoding="ascii") as file:
            return int(file.read())


class InForce(EndsCase):
    """A worker that follows a dead one has the policy that was in force."""

    def refusal(self):
        return self.ask().rpartition(" ")[2]

    def deaths(self):
        return [line["msg"] for line in self.milter.lines()
                if "the worker (process" in line.get("msg", "")]

    def test_broken_policy_on_disk(self):
        self.make().start()
        self.milter.write_policy("from strict.example { require tsl }\n")
        self.milter.reload()
        self.kill_worker()
        self.assertEqual(self.refusal(), "one")
        self.assertIn("starting a new one", self.deaths()[0])

    def test_policy_that_nobody_reloaded(self):
        self.make().start()
        self.milter.write_policy(STRICT % "policy two")
        self.kill_worker()
        self.assertEqual(self.refusal(), "one")
        self.assertTrue(self.milter.reload()["msg"].startswith("policy reloaded"))
        self.assertEqual(self.refusal(), "two")
        shutil.rmtree(self.milter.policies)
        self.kill_worker()
        self.assertEqual(self.refusal(), "two")

    def test_files_that_a_policy_names(self):
        """Lists, includes and the folder of partners' certificates."""
        good = workspace.pki().clients["good"].cert
        with open(good, encoding="ascii") as file:
            certificate = file.read()
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
        shown = {**CLEAR, "encryption_protocol": "TLSv1.3", "ccert_subject": "x",
                 "encryption_cipher": "TLS_AES_256_GCM_SHA384", "ccert_issuer": "y",
                 "encryption_keysize": "256", "ccert_fingerprint": digest,
                 "ccert_pubkey_fingerprint": "11" * 32}
        partners = os.path.join(self.folder, "milter", "policy", "partners")
        files = {"partners/good.pem": certificate, "list.txt": "listed.example\n",
                 "more.inc": "from key.example { require certificate key >= 3072;"
                             " otherwise reject }\n"}
        self.make('include "*.inc"\nfrom file "list.txt" { require certificate file'
                  ' "partners/good.pem"; otherwise reject }\n', files,
                  policy_service=SERVICE, policy_service_answers="verdict",
                  partner_certificates=partners).start()
        for _ in range(2):
            with Service(self.milter.service_socket) as service:
                for sender in ("a@key.example", "a@listed.example"):
                    self.assertEqual(service.ask(sender, **shown), "DUNNO")
                    self.assertTrue(service.ask("b" + sender, **CLEAR).startswith("5"))
            shutil.rmtree(self.milter.policies, ignore_errors=True)
            self.kill_worker()

    def test_dead_as_soon_as_it_has_reloaded(self):
        """Its last word is heard."""
        self.make().start()
        for number in range(20 if LONG else 4):
            self.milter.write_policy(STRICT % ("policy %d" % number))
            self.milter.reload()
            self.kill_worker()
            self.assertEqual(self.refusal(), str(number))

    def test_reloads_leave_no_descriptors(self):
        self.make().start()
        self.milter.reload()
        pids = [self.milter.server.pid, self.worker()]

        def descriptors():
            return [len(os.listdir("/proc/%d/fd" % pid)) for pid in pids]

        before, count = descriptors(), 500 if LONG else 50
        for _ in range(count):
            self.milter.reload()
        # For a moment the supervisor has a new tape beside the old one; and the journal
        # may have been opened meanwhile, with what it needs.
        waiting.until("about as many as before: %r" % before, lambda: all(
            now < then + count // 5 for now, then in zip(descriptors(), before)))

    def die_of_macros(self):
        """An odd number of strings, behind which libmilter reads what lies there."""
        worker = self.worker()
        for _ in range(ATTEMPTS):
            with Peer(self.milter.socket) as peer:
                peer.negotiate()
                for text in ("A" * 22,) * 3 + ("i",):
                    peer.macros(b"C", [text])
                peer.connect()
                if peer.mail("<a@strict.example>") is None:
                    break
        else:	# this libmilter does not
            os.kill(worker, signal.SIGSEGV)
        waiting.until("death", lambda: process.birth(worker) is None)

    def test_odd_macros_again_and_again(self):
        """What kills the worker inside libmilter does not end the daemon."""
        self.make().start()
        for number in range(6):
            self.die_of_macros()
            if number == 5:
                # A pause is no reason not to obey.
                self.milter.write_policy(STRICT % "policy two")
                self.milter.server.send(signal.SIGHUP)
            waiting.until("another worker", lambda: self.milter.workers() and
                          self.milter.answers(), self.milter.server.must_live)
        waiting.until("the new policy", lambda: self.refusal() == "two")
        self.assertEqual(len(self.deaths()), 6)
        self.assertEqual(len(set(self.deaths())), 6)
        os.kill(self.worker(), signal.SIGKILL)
        waiting.until("a pause", lambda: len(self.deaths()) == 7)
        self.assertEqual(self.milter.stop(), 0)
