#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward-milter while memory runs out: each allocation of what it is asked for fails.

A session, a request of the policy service, a look-up in the TLS policy map, a look at the
metrics, a reload: each is done
again and again, with another allocation failing each time, once and with all after it,
the libraries' among them. Whichever it is: nothing goes through that the policy refuses
or holds, the worker lives, the policy in force stays, and afterwards all is as before,
with no block more than it had. The same of them are tried each time; TLSWARD_ALLOCATIONS
says how many of each instead, from one taken at random; 0: every one.
"""

import os
import shutil
import signal
import socket
import sqlite3
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import runner	# noqa: E402
from mta import process, rawmilter, waiting	# noqa: E402
from mta.milter import SERVICE, Milter	# noqa: E402
from memory import shortage	# noqa: E402

TRIED = os.environ.get("TLSWARD_ALLOCATIONS")
POLICY = """from acme.example { require tls; otherwise reject }
from held.example { require tls; otherwise quarantine }
from pinned.example { require certificate fingerprint sha256:%s; require cipher "HIGH" }
to b\u00fccher.example /x+y/ { require tls }
default { monitor; require tls }
deliver b\u00fccher.example { require tls >= 1.2; require certificate }
""" % ("9f" * 32)
REQUEST = b"""request=smtpd_access_policy
protocol_state=RCPT
client_address=192.0.2.1
client_port=%d
instance=i.%d
sender=a@acme.example
recipient=u@ours.example
encryption_protocol=

"""
LOOKED_UP = b"29:OK verify protocols=>=TLSv1.2,"
# What a session's caches, a log's queue or a hash table may hold more than before.
SLACK = 40


class Daemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = runner.tempfile.mkdtemp(prefix="tlsward-")
        os.chmod(cls.folder, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.journal = os.path.join(cls.folder, "journal")
        os.mkdir(cls.journal)
        os.chmod(cls.journal, 0o777)
        cls.metrics, = waiting.free_ports(1)
        cls.milter = Milter(cls.folder, POLICY, policy_service=SERVICE,
                            policy_service_answers="verdict",
                            tls_policy_map="unix:" + os.path.join(
                                cls.folder, "run", "tls.sock"),
                            postfix_version="3.7", postfix_tls_digest="sha256",
                            metrics="127.0.0.1:%d" % cls.metrics,
                            authentication_results="mx.ours.example",
                            journal="sqlite:" + os.path.join(cls.journal, "journal.db"))
        cls.control = shortage.Shortage(cls.folder)
        saved = dict(os.environ)
        os.environ.update(cls.control.environment)
        try:
            cls.milter.start()
        finally:
            os.environ.clear()
            os.environ.update(saved)
        cls.addClassCleanup(cls.milter.stop)
        cls.worker = [pid for pid in process.family(cls.milter.server.pid)
                      if pid != cls.milter.server.pid][0]
        cls.control.process = cls.worker
        cls.serial = 0

    # What it is asked for. Each says what is wrong with what came, or nothing.

    def message(self, sender):
        """The answers to a message in clear text up to its end, and what was edited."""
        with rawmilter.Peer(self.milter.socket) as peer:
            if peer.negotiate() is None or peer.connect(port=self.serial) is None:
                return None, []
            peer.helo()
            answer = peer.mail(sender, macros={"{mail_addr}": sender.strip("<>")})
            for say in (lambda: peer.rcpt("<u@ours.example>", macros={
                    "{rcpt_addr}": "u@ours.example"}), peer.data,
                    lambda: peer.header("Authentication-Results", "mx.ours.example; x=y"),
                    peer.header_end, peer.end):
                if answer not in ("continue", ""):
                    break
                answer = say()
            peer.quit()
            return answer, peer.edits

    def refused(self):
        answer, _ = self.message("<a@acme.example>")
        return answer in ("continue", "accept") and "refused mail: " + answer

    def held(self):
        answer, edits = self.message("<a@held.example>")
        return answer in ("continue", "accept") and "quarantine" not in [
            edit for edit, _ in edits] and "mail that is held: " + answer

    def monitored(self):
        self.message("<a@else.example>")

    def asked(self):
        with socket.socket(socket.AF_UNIX) as made:
            made.settimeout(waiting.PATIENCE)
            made.connect(self.milter.service_socket)
            try:
                made.sendall(REQUEST % (1 + self.serial % 60000, self.serial))
                answer = made.recv(1000)
            except ConnectionError:
                answer = b""
        return answer and not answer.startswith((b"action=5", b"action=4")) and answer

    def looked_up(self):
        key = "tlsward b\u00fccher.example".encode()
        with socket.socket(socket.AF_UNIX) as made:
            made.settimeout(waiting.PATIENCE)
            made.connect(os.path.join(self.folder, "run", "tls.sock"))
            try:
                made.sendall(b"%d:%s," % (len(key), key))
                reply = made.recv(1000)
            except ConnectionError:
                reply = b""
        return reply not in (b"", LOOKED_UP) and b":TEMP " not in reply and reply

    def looked_at(self):
        with socket.create_connection(("127.0.0.1", self.metrics),
                                      waiting.PATIENCE) as made:
            try:
                made.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                while made.recv(65536):
                    pass
            except ConnectionError:
                pass

    def reloaded(self):
        """A reload as it comes, and then one with memory enough, which must do."""
        before = len(self.milter.reloads())
        self.milter.server.send(signal.SIGHUP)
        waiting.until("a reload", lambda: self.control.failed or
                      len(self.milter.reloads()) > before, self.must_live)
        if self.control.failing:
            self.control.failing = 0
            before = len(self.milter.reloads())
            self.milter.server.send(signal.SIGHUP)
            waiting.until("a reload after it", lambda: [
                line for line in self.milter.reloads()[before:]
                if line["msg"].startswith("policy reloaded")], self.must_live)

    # The rounds

    def must_live(self):
        if process.birth(self.worker) is None:
            raise runner.Failure("the worker died, at %s: %s" % (
                self.control.where, [line["msg"] for line in self.milter.messages()[-6:]]))

    def ask(self, work):
        self.serial += 1
        return work()

    def count(self, work):
        """How many allocations it takes, at most."""
        found = []
        for _ in range(3):
            self.control.fail(0)
            self.ask(work)
            found.append(self.control.count)
        return max(found)

    def settle(self):
        """The blocks that there are when nothing is under way."""
        for work in (self.refused, self.held, self.monitored, self.asked,
                     self.looked_up, self.looked_at):
            self.ask(work)
        seen = [self.control.live]
        waiting.until("an end of freeing", lambda: seen.append(self.control.live) or
                      len(seen) > 20 and len(set(seen[-20:])) == 1)
        return seen[-1]

    def hold(self, work, kinds=(False, True)):
        self.addCleanup(self.control.fail, 0)
        live = self.settle()
        wanted = self.count(work)
        for lasting in kinds:
            for n in shortage.spread(wanted, TRIED):
                self.control.fail(n, lasting)
                wrong = self.ask(work)
                self.control.failing = 0
                self.must_live()
                if wrong:
                    raise runner.Failure("allocation %d of %d%s: %r, at %s" % (
                        n, wanted, " and all after it" if lasting else "", wrong,
                        self.control.where))
        self.assertFalse(self.refused())
        self.assertIn("530 ", self.message("<a@acme.example>")[0])
        # What the journal could not write is held for a second or two.
        waiting.until("blocks to be freed", lambda: self.settle() < live + SLACK)
        self.look_at_records()

    def look_at_records(self):
        """No record says what was not so, and the journal is whole."""
        with sqlite3.connect(os.path.join(self.journal, "journal.db"), timeout=waiting.PATIENCE) as db:
            wrong = db.execute("""SELECT "from", action, would FROM record WHERE NOT CASE "from"
                WHEN 'a@acme.example' THEN action IN ('reject', 'tempfail')
                WHEN 'a@held.example' THEN action IN ('quarantine', 'tempfail')
                ELSE action IN ('accept', 'tempfail') END""").fetchall()
            self.assertEqual(wrong, [])
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        db.close()

    def test_mail_that_is_refused(self):
        self.hold(self.refused)

    def test_mail_that_is_held(self):
        self.hold(self.held)

    def test_mail_under_monitor(self):
        self.hold(self.monitored)

    def test_the_policy_service(self):
        self.hold(self.asked)

    def test_the_tls_policy_map(self):
        self.hold(self.looked_up)

    def test_metrics(self):
        # libmicrohttpd tries for as long as there is no memory: nothing comes meanwhile.
        self.hold(self.looked_at, (False,))

    def test_reloads(self):
        self.hold(self.reloaded)


if __name__ == "__main__":
    sys.exit(runner.main())
