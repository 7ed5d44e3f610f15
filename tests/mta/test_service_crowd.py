# SPDX-License-Identifier: ISC
"""The policy service under a crowd: of sessions, and of clients that misbehave."""

import concurrent.futures
import errno
import os
import queue
import random
import resource
import socket

from . import waiting
from .client import Lost
from .test_service import OURS, OWN, ServiceCase

SESSIONS = 2000 if os.environ.get("TLSWARD_LONG") == "1" else 600
CLIENTS = 50
PORTS = 55

REQUEST = """request=smtpd_access_policy
protocol_state=%s
protocol_name=ESMTP
client_address=192.0.2.7
client_port=%d
client_name=unknown
reverse_client_name=unknown
helo_name=client.test.example
sender=a@strict.example
recipient=someone@ours.example
instance=1f.5.6.%d
encryption_protocol=%s
encryption_cipher=
encryption_keysize=0
ccert_subject=
ccert_issuer=
ccert_fingerprint=
ccert_pubkey_fingerprint=

"""


class Crowd(ServiceCase):
    """Many sessions with mixed certificates, from ports that come again at once."""

    slow = True
    parameters = {"smtpd_client_connection_rate_limit": "0",
                  "smtpd_client_connection_count_limit": "0"}

    def setUp(self):
        super().setUp()
        self.ports = queue.SimpleQueue()
        for port in waiting.free_ports(PORTS):
            self.ports.put(port)
        self.contexts = {(name, version): self.tls(version, certificate=name)
                         for name in OWN + (None,) for version in ("1.2", "1.3")}

    def session(self, number):
        """One session; what was wrong with it, or None."""
        chance = random.Random(number)
        shown, pinned = chance.choice(OWN + (None,)), chance.choice(OWN)
        if chance.random() < 0.4:
            pinned = shown or pinned
        domain = "%s.%s.example" % (pinned, chance.choice(("cert", "key")))
        port = self.ports.get()
        try:
            while True:
                try:
                    conversation = self.dial(source="127.0.0.1", source_port=port)
                    break
                except OSError as error:
                    # Somebody else's by now: another one.
                    if error.errno != errno.EADDRINUSE:
                        raise
                    self.ports.put(port)
                    port = self.ports.get()
            try:
                return self.verdict(conversation, chance, shown, pinned, domain)
            finally:
                conversation.reset()
        finally:
            self.ports.put(port)

    def verdict(self, conversation, chance, shown, pinned, domain):
        conversation.ehlo()
        if chance.random() < 0.2:
            # In clear text first: what was told then does not count.
            conversation.message("a@" + domain, OURS)
            conversation.command("RSET")
        conversation.starttls(self.contexts[shown, chance.choice(("1.2", "1.3"))])
        for _ in range(chance.choice((1, 1, 2))):
            conversation.command("MAIL FROM:<a@%s>" % domain)
            if chance.random() < 0.1:
                # Gone before the answer, while Postfix is still at it.
                conversation.write("RCPT TO:<%s>\r\n" % OURS)
                return None
            reply = conversation.command("RCPT TO:<%s>" % OURS)
            conversation.command("RSET")
            expected = "250 " if shown == pinned else "550 "
            if not reply.startswith(expected):
                return "%s shown, %s pinned: %s" % (shown, pinned, reply)
        return None

    def test_crowd(self):
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            wrong = [text for text in pool.map(self.session, range(SESSIONS)) if text]
        self.assertEqual(wrong[:5], [])
        digests = {name: self.pki.clients[name].fingerprint() for name in OWN}
        for record in self.milter.records():
            if record.get("tls_version") == "none":
                continue
            pinned = digests[record["domain"].split(".")[0]]
            # Whose client is gone may be told nothing of: its port has a new owner.
            self.assertEqual(record["action"] == "accept",
                             record.get("cert_fingerprint") == pinned, record)


class CrowdAlone(Crowd):
    asks_milter = False


class CrowdAtOnce(Crowd):
    parameters = {**Crowd.parameters, "smtpd_delay_reject": "no"}


class PolicyClient:
    """A client of the policy service that does exactly what it is told."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(waiting.PATIENCE)
        self.socket.connect(path)

    def close(self):
        self.socket.close()

    def write(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("ascii"))

    def answer(self):
        """One answer, without the empty line; Lost where the connection ended."""
        text = b""
        while not text.endswith(b"\n\n"):
            piece = self.socket.recv(1)
            if not piece:
                raise Lost(repr(text))
            text += piece
        return text.decode("ascii").rstrip("\n")

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def request(state="RCPT", port=4711, instance=0, protocol=""):
    return REQUEST % (state, port, instance, protocol)


class Clients(ServiceCase):
    """Clients of the service itself."""

    asks_milter = False
    REFUSAL = ("action=530 5.7.0 Mail from strict.example must reach us over TLS 1.3 or "
               "newer; this session was not encrypted")

    def client(self):
        made = PolicyClient(self.milter.service_socket)
        self.addCleanup(made.close)
        return made

    def served(self):
        """Somebody else is served."""
        other = self.client()
        other.write(request())
        self.assertEqual(other.answer(), self.REFUSAL)
        self.assertTrue(self.ask("a@good.cert.example", "good")[0].startswith("250"))

    def test_states(self):
        client = self.client()
        for state in ("CONNECT", "EHLO", "HELO", "MAIL", "DATA", "END-OF-MESSAGE",
                      "VRFY", "ETRN", "SOMETHING"):
            client.write(request(state))
            self.assertEqual(client.answer(), "action=DUNNO", state)
        self.assertFalse(self.milter.records())

    def test_requests_in_one_piece(self):
        client = self.client()
        client.write(50 * request() + 50 * request("DATA"))
        self.assertEqual([client.answer() for _ in range(100)],
                         50 * [self.REFUSAL] + 50 * ["action=DUNNO"])

    def test_byte_by_byte(self):
        client = self.client()
        for byte in request().encode("ascii").replace(b"\n", b"\r\n"):
            client.write(bytes([byte]))
        self.assertEqual(client.answer(), self.REFUSAL)

    def test_garbage(self):
        clients = {}
        for garbage in (b"EHLO x\r\n", b"\n", b"\n\n\n\n", b"=x\n", b"x\n\n", b"a b=c\n",
                        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
                        b"request=other\n\n", b"sender=a@b\n\n",
                        b"request=smtpd_access_policy\nsender=a\0b\n",
                        b"request=smtpd_access_policy\nsender=a\nsender=b\n",
                        request().replace("sender=", "sendr=").encode("ascii"),
                        request().replace("recipient=", "x=").encode("ascii"),
                        200 * b"x=y\n", 4100 * b"abcd", b"x=" + 20000 * b"y"):
            clients[garbage] = self.client()
            try:
                clients[garbage].write(garbage)
            except (BrokenPipeError, ConnectionResetError):
                pass
        self.served()
        for garbage, client in clients.items():
            self.assertTrue(client.is_closed(), garbage[:40])
        # The log tells of it, and not each time.
        self.milter.wait_message("is not a policy delegation request")
        told = [line for line in self.milter.messages()
                if "is not a policy delegation request" in line["msg"]]
        self.assertLessEqual(len(told), 2)

    def test_silent_and_slow(self):
        silent = [self.client() for _ in range(300)]
        slow = [self.client() for _ in range(300)]
        for client in slow:
            client.write("request=smtpd_access_policy\nsender=")
        self.served()
        for client in slow[:50]:
            client.write("x")
        self.served()
        for client in silent[:10]:
            client.write(request())
            self.assertEqual(client.answer(), self.REFUSAL)

    def test_answers_that_nobody_reads(self):
        client = self.client()
        client.socket.setblocking(False)
        try:
            while True:
                client.write(20 * request())
        except BlockingIOError:
            pass
        self.served()

    def test_sudden_ends(self):
        for _ in range(100):
            client = self.client()
            client.write(request()[:100])
            client.close()
            client = self.client()
            client.write(request())
            client.close()
        self.served()

    def test_too_many(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 5000:
            self.skipTest("too few files may be opened")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5000), hard))
        crowd = [self.client() for _ in range(4200)]
        self.served()
        # The newest have their place.
        crowd[-1].write(request())
        self.assertEqual(crowd[-1].answer(), self.REFUSAL)
        self.milter.wait_message("there are too many")

    def test_hostile_values(self):
        client = self.client()
        client.write(request().replace("sender=a@strict.example",
                                       "sender=a\x1b%s%n@strict.example"))
        self.assertEqual(client.answer(), self.REFUSAL)
        record = self.milter.wait_record(client_port=4711)
        self.assertEqual(record["from"], "a\x1b%s%n@strict.example")
        client.write(request().replace("client_address=192.0.2.7",
                                       "client_address=nonsense"))
        self.assertEqual(client.answer(), self.REFUSAL)
