# SPDX-License-Identifier: ISC
"""The TLS policy map as Postfix's own postmap(1) and others ask it: over reloads, deaths
of the worker, new starts and crowds."""

import os
import signal
import socket
import stat
import unittest

import runner
from . import postfix, waiting, workspace
from .test_start import StartCase

POLICY = """
default { require tls }
deliver acme.example { require tls >= 1.2; require certificate name mx.acme.example }
deliver .acme.example { require tls }
deliver "[mx.acme.example]:587" { require dane }
deliver watched.example { require tls; monitor }
deliver ended.example { require tls until 2020-01-01 }
"""
LATER = POLICY.replace("deliver acme.example { require tls >= 1.2;",
                       "deliver acme.example { require tls >= 1.3;")
SECURE = "secure match=mx.acme.example protocols=>=TLSv1.2"
SECURE_LATER = SECURE.replace("1.2", "1.3")
FOUND = {
    "acme.example": SECURE, "acme.example:25": SECURE, "ACME.example": SECURE,
    "mx.acme.example": "encrypt", "[mx.acme.example]:587": "dane-only",
}
NOT_FOUND = ("other.example", ".acme.example", ".example", "[mx.acme.example]",
             "watched.example", "ended.example", "[192.0.2.1]")
CROWD = 1200


def request(key, name="tlsward"):
    text = b"%s %s" % (name.encode(), key.encode())
    return b"%d:%s," % (len(text), text)


def read_netstring(file):
    """The next one's text; "": the connection has ended."""
    length = b""
    while not length.endswith(b":"):
        byte = file.read(1)
        if not byte:
            return ""
        length += byte
    text = file.read(int(length[:-1]) + 1)
    assert text.endswith(b","), text
    return text[:-1].decode()


class Client:
    """Asks as Postfix does, and keeps the connection."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(waiting.PATIENCE)
        self.socket.connect(path)
        self.input = self.socket.makefile("rb")

    def read(self):
        """One reply; "": the connection has ended."""
        return read_netstring(self.input)

    def ask(self, key):
        self.socket.sendall(request(key))
        return self.read()

    def close(self):
        self.input.close()
        self.socket.close()


@unittest.skipIf(postfix.obstacle(), postfix.obstacle())
class MapCase(StartCase):
    policy = POLICY

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "milter", "run", "tls.sock")
        self.mta = postfix.Postfix(os.path.join(self.folder, "postfix"), workspace.pki())
        self.start(**self.behind())

    def behind(self):
        """What is to be there when the daemon starts, as settings."""
        return {}

    def start(self, **settings):
        self.milter = self.make(self.policy, tls_policy_map="unix:" + self.path,
                                postfix_version="3.7", postfix_tls_digest="sha256",
                                **settings)
        self.milter.start()

    def dial(self):
        client = Client(self.path)
        self.addCleanup(client.close)
        return client

    def postmap(self, key, name="tlsward"):
        """What postmap -q prints, or None where there is nothing; an error raises."""
        done = self.mta.command("postmap", "-q", key, "socketmap:unix:%s:%s" % (
            self.path, name), text=True, timeout=waiting.PATIENCE)
        if done.returncode == 1 and not done.stdout and "error" not in done.stderr:
            return None
        if done.returncode != 0:
            raise LookupError(done.stderr)
        return done.stdout.rstrip("\n")


class TlsPolicyMap(MapCase):

    def test_postmap(self):
        for key, value in FOUND.items():
            self.assertEqual(self.postmap(key), value, key)
        for key in NOT_FOUND:
            self.assertIsNone(self.postmap(key), key)

    def test_long_names(self):
        """However a name is written that Postfix can map, the rule holds."""
        client = self.dial()
        for key in ("ac" + "\u00ad" * 3000 + "me.example", "x." * 5000 + "acme.example"):
            self.assertRegex(client.ask(key), "^OK (secure|encrypt)")

    def test_another_map(self):
        with self.assertRaisesRegex(LookupError, "permanent error: no such map"):
            self.postmap("acme.example", "tlswards")

    def test_socket(self):
        found = os.stat(self.path)
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        self.assertEqual(stat.S_IMODE(found.st_mode), 0o666)
        self.milter.stop()
        self.assertFalse(os.path.exists(self.path))

    def test_down(self):
        """An error, so that mail is kept."""
        self.milter.stop()
        with self.assertRaises(LookupError):
            self.postmap("other.example")

    def test_no_postconf(self):
        """What main.cf leaves out is not known then, whatever its version is set to."""
        self.milter.stop()
        self.milter.environment = dict(os.environ, PATH=runner.NO_POSTCONF)
        self.milter.start()
        self.assertTrue([line for line in self.milter.messages()
                         if line["msg"].startswith("postconf cannot be asked")])

    def test_stale_socket(self):
        server = self.milter.server
        worker, = self.milter.workers()
        # It would remove the sockets of a supervisor that is gone.
        os.kill(worker, signal.SIGSTOP)
        server.send(signal.SIGKILL)
        server.wait()
        os.kill(worker, signal.SIGKILL)
        self.assertTrue(os.path.exists(self.path))
        self.milter.start()
        self.assertEqual(self.postmap("acme.example"), SECURE)

    def test_reload(self):
        client = self.dial()
        self.assertEqual(client.ask("acme.example"), "OK " + SECURE)
        self.milter.write_policy(LATER)
        self.assertIn("policy reloaded", self.milter.reload()["msg"])
        self.assertEqual(client.ask("acme.example"), "OK " + SECURE_LATER)
        self.assertEqual(self.postmap("acme.example"), SECURE_LATER)
        self.milter.write_policy("deliver acme.example { require nonsense }")
        self.assertIn("policy not reloaded", self.milter.reload()["msg"])
        self.assertEqual(client.ask("acme.example"), "OK " + SECURE_LATER)

    def test_reload_under_load(self):
        """Each look-up has an answer, by one of the policies."""
        client = self.dial()
        for number in range(6):
            self.milter.write_policy((POLICY, LATER)[number % 2])
            before = len(self.milter.reloads())
            self.milter.server.send(signal.SIGHUP)
            asked = False
            while not asked or len(self.milter.reloads()) == before:
                self.assertIn(client.ask("acme.example"),
                              ("OK " + SECURE, "OK " + SECURE_LATER))
                asked = True
        self.assertEqual(client.ask("acme.example"), "OK " + SECURE_LATER)

    def test_worker_dies(self):
        """Who is connected asks anew, as Postfix does, and waits for the new worker."""
        client = self.dial()
        self.assertEqual(client.ask("acme.example"), "OK " + SECURE)
        worker, = self.milter.workers()
        os.kill(worker, signal.SIGKILL)
        try:
            self.assertEqual(client.ask("acme.example"), "")
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertEqual(self.dial().ask("acme.example"), "OK " + SECURE)
        self.assertEqual(self.postmap("acme.example"), SECURE)

    def test_crowd(self):
        """All are served, beside one who sends half a request and one who is mad."""
        half, mad = self.dial(), self.dial()
        half.socket.sendall(request("acme.example")[:9])
        mad.socket.sendall(b"EHLO x\r\n")
        self.assertEqual(mad.read(), "")
        clients = [self.dial() for _ in range(CROWD)]
        for _ in range(3):
            for client in clients:
                client.socket.sendall(request("acme.example") + request("other.example"))
            for client in clients:
                self.assertEqual(client.read(), "OK " + SECURE)
                self.assertEqual(client.read(), "NOTFOUND ")
        half.socket.sendall(request("acme.example")[9:])
        self.assertEqual(half.read(), "OK " + SECURE)

    def test_end(self):
        """Until the end look-ups have an answer, or none: never another one."""
        client = self.dial()
        self.milter.server.send(signal.SIGTERM)
        reply = "OK " + SECURE
        while reply:
            self.assertIn(reply, ("OK " + SECURE, "TEMP the daemon is ending"))
            try:
                reply = client.ask("acme.example")
            except (BrokenPipeError, ConnectionResetError):
                break
        waiting.until("end", lambda: not os.path.exists(self.path))


if __name__ == "__main__":
    unittest.main()
