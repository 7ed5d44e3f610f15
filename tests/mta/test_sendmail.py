# SPDX-License-Identifier: ISC
"""What is Sendmail's own: its dialogue, its certificates, its ways in."""

import os
import shutil
import stat

from .case import SendmailCase
from .client import Lost
from .pki import CA_NAME, CLIENT_NAME
from .replies import SENDMAIL, queue_id
from .sendmail import Sendmail

OURS = "someone@ours.example"
TWO = "two@ours.example"
STRICT = "strict.example"
OPEN = "open.example"
TAKEN = SENDMAIL.recipient(OURS)
FINGERPRINTS = ("define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')",)


class Dialogue(SendmailCase):
    """The order and shape of the SMTP dialogue never changes a verdict."""

    policy = """
from strict.example { require tls >= 1.2; otherwise reject }
from open.example { require nothing }
from <> { require tls; otherwise tempfail }
to payroll.ours.example { require tls >= 1.3; otherwise reject }
to postmaster@ours.example { exempt }
client 127.0.0.66 { require tls; otherwise tempfail }
"""

    def refused(self, conversation, reply):
        """The reply is the refusal of clear text, and there is a record of it."""
        self.assert_refused(reply, "530 5.7.0", STRICT)
        self.milter.wait_record(client_port=conversation.port, action="reject",
                                reason="tls")

    def test_pipelined_refusal(self):
        conversation = self.connect()
        replies = conversation.pipeline("MAIL FROM:<a@%s>" % STRICT,
                                        "RCPT TO:<%s>" % OURS, "RCPT TO:<%s>" % TWO,
                                        "DATA")
        self.assertEqual(replies[0], SENDMAIL.sender("a@" + STRICT))
        self.refused(conversation, replies[1])
        self.refused(conversation, replies[2])
        self.assertEqual(replies[3], "503 5.0.0 Need RCPT (recipient)")
        self.assertEqual([record["to"] for record in self.milter.records(
            client_port=conversation.port)], [OURS, TWO])

    def test_starttls_without_a_second_ehlo(self):
        conversation = self.connect()
        conversation.starttls(self.tls("1.3"), ehlo=None)
        self.assertEqual(conversation.message("a@" + STRICT, OURS)[OURS], TAKEN)
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           tls_version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384")

    def test_starttls_before_any_ehlo(self):
        conversation = self.dial()
        conversation.starttls(self.tls("1.1"))
        self.assert_refused(conversation.message("a@" + STRICT, OURS)[OURS], "554 5.7.0")

    def test_no_helo(self):
        conversation = self.dial()
        self.refused(conversation, conversation.message("a@" + STRICT, OURS)[OURS])

    def test_accepted_in_clear_then_refused_after_starttls(self):
        conversation = self.connect()
        self.assertEqual(conversation.message("a@" + OPEN, OURS)[OURS], TAKEN)
        conversation.starttls(self.tls("1.1"))
        reply = conversation.message("a@" + STRICT, OURS)[OURS]
        self.assert_refused(reply, "554 5.7.0", STRICT)

    def test_starttls_within_a_transaction(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<a@%s>" % STRICT)
        with self.assertRaisesRegex(Lost, "503 5.5.0 TLS not permitted"):
            conversation.starttls(self.tls())
        self.refused(conversation, conversation.command("RCPT TO:<%s>" % OURS))

    def test_several_messages_in_one_connection(self):
        conversation = self.connect()
        for _ in range(3):
            self.refused(conversation, conversation.message("a@" + STRICT, OURS)[OURS])
            conversation.command("RSET")
            self.assertEqual(conversation.message("a@" + OPEN, OURS)[OURS], TAKEN)
        conversation.quit()
        records = self.milter.records(client_port=conversation.port)
        self.assertEqual([record["action"] for record in records],
                         3 * ["reject", "accept"])
        self.assertEqual(len({record["session"] for record in records}), 1)
        self.assertEqual(len({record["queue_id"] for record in records}), 6)

    def test_several_messages_over_tls(self):
        conversation = self.connect(self.tls("1.2", certificate="good"))
        for _ in range(3):
            replies = conversation.message("a@" + STRICT, OURS)
            self.assert_record(
                self.milter.wait_record(queue_id=queue_id(replies["end"])),
                action="accept", tls_version="TLSv1.2", cert_cn=CLIENT_NAME)

    def test_verdict_for_each_recipient(self):
        conversation = self.connect(self.tls("1.2"))
        payroll = "boss@payroll.ours.example"
        replies = conversation.message("a@" + OPEN, OURS, payroll, TWO)
        self.assertEqual(replies[OURS], TAKEN)
        self.assert_refused(replies[payroll], "554 5.7.0")
        self.assertIn(queue_id(replies["end"]), self.sendmail.queued())
        self.sendmail.wait_log("%s: from=.*nrcpts=2" % queue_id(replies["end"]))

    def test_exempt_recipient_beside_others(self):
        conversation = self.connect()
        exempt = "Postmaster@Ours.Example"
        replies = conversation.message("a@" + STRICT, exempt, OURS)
        self.assertEqual(replies[exempt], SENDMAIL.recipient(exempt))
        self.refused(conversation, replies[OURS])

    def test_null_sender(self):
        conversation = self.connect()
        self.assert_refused(conversation.message("", OURS)[OURS], "451 4.7.0")
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           rule_name="<>", domain=None, **{"from": "<>"})

    def test_spellings_of_the_sender(self):
        for sender in ("<User@Strict.EXAMPLE>", "<user@strict.example.>",
                       '<"user"@strict.example>', "user@strict.example",
                       "<@relay.example:user@strict.example>",
                       "<(note)user@strict.example>", "<user%strict.example@[127.0.0.1]>"):
            with self.subTest(sender):
                conversation = self.connect()
                reply = conversation.command("MAIL FROM:" + sender)
                self.assertTrue(reply.startswith("250 "), reply)
                self.refused(conversation, conversation.command("RCPT TO:<%s>" % OURS))

    def test_sender_without_a_domain(self):
        conversation = self.connect()
        self.assertEqual(conversation.message("user", OURS)[OURS], TAKEN)

    def test_address_without_a_name(self):
        conversation = self.connect(source="127.0.0.66")
        reply = conversation.message("a@" + OPEN, OURS)[OURS]
        self.assert_refused(reply, "451 4.7.0")
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           client_addr="127.0.0.66", client_name=None, client_ptr=None,
                           rule_name="127.0.0.66")

    def test_client_that_vanishes(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<a@%s>" % STRICT)
        self.refused(conversation, conversation.command("RCPT TO:<%s>" % OURS))
        conversation.close()
        again = self.connect(self.tls())
        self.assertEqual(again.message("a@" + STRICT, OURS)[OURS], TAKEN)

    def test_macros_are_not_too_many(self):
        self.connect().quit()
        self.assertNotIn("too many macros", self.sendmail.log_text())


class Impostors(SendmailCase):
    """The right name proves nothing: such a certificate fits its own pin alone."""

    options = FINGERPRINTS
    failed = ("rogue", "expired", "selfsigned")
    policy = """
from any.example { require certificate; otherwise reject }
from name.example { require certificate name client.test.example; otherwise reject }
from pattern.example { require certificate name /.*/; otherwise reject }
from issuer.example { require certificate issuer "Test Root CA"; otherwise reject }
from issuers.example { require certificate issuer /.*/; otherwise reject }
"""

    @classmethod
    def policy_text(cls):
        return cls.policy + "".join(
            "from %s.example { require certificate fingerprint %s; otherwise reject }\n"
            % (name, certificate.fingerprint())
            for name, certificate in cls.pki.clients.items())

    def ask(self, certificate, domain):
        conversation = self.connect(self.tls(certificate=certificate))
        reply = conversation.message("a@%s.example" % domain, OURS)[OURS]
        return reply, self.milter.wait_record(client_port=conversation.port)

    def test_names_are_not_believed(self):
        for certificate in self.failed:
            for domain in ("any", "name", "pattern", "issuer", "issuers"):
                with self.subTest(certificate=certificate, domain=domain):
                    reply, record = self.ask(certificate, domain)
                    self.assert_refused(reply, "550 5.7.1")
                    self.assert_record(record, reason="certificate", cert_verified="no",
                                       cert_cn=CLIENT_NAME)

    def test_pins_of_their_own(self):
        for certificate in self.failed:
            for domain in self.pki.clients:
                with self.subTest(certificate=certificate, domain=domain):
                    reply, record = self.ask(certificate, domain)
                    self.assertEqual(reply == TAKEN, certificate == domain, reply)
                    self.assert_record(record, cert_fingerprint=self.pki.clients[
                        certificate].fingerprint())

    def test_no_certificate(self):
        for domain in ("any", "name", "good"):
            with self.subTest(domain):
                reply, record = self.ask(None, domain)
                self.assert_refused(reply, "550 5.7.1")
                self.assert_record(record, cert_verified="no", cert_cn=None,
                                   cert_fingerprint="none")

    def test_certificate_without_a_name(self):
        self.assertEqual(self.ask("nocn", "any")[0], TAKEN)
        for domain in ("name", "pattern"):
            reply, record = self.ask("nocn", domain)
            self.assert_refused(reply, "550 5.7.1")
            self.assert_record(record, reason="certificate-name", cert_verified="yes",
                               cert_cn="", cert_issuer=CA_NAME)

    def test_clear_text(self):
        conversation = self.connect()
        self.assert_refused(conversation.message("a@any.example", OURS)[OURS],
                            "530 5.7.0")
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           cert_verified=None, cert_fingerprint=None, cert_cn=None)


class ResumedSessions(SendmailCase):
    """A resumed TLS session has the same facts as the first."""

    policy = "from strict.example { require certificate; otherwise reject }"

    def check(self, version, certificate, accepted):
        context = self.tls(version, certificate=certificate)
        records = []
        session = None
        for _ in range(2):
            conversation = self.connect(context, session=session)
            self.assertEqual(conversation.socket.session_reused, session is not None)
            replies = conversation.message("a@" + STRICT, OURS)
            self.assertEqual(replies[OURS] == TAKEN, accepted, replies)
            records.append(self.milter.wait_record(client_port=conversation.port))
            session = conversation.socket.session
        for name in ("tls_version", "cipher", "bits", "cert_verified", "cert_cn",
                     "cert_fingerprint"):
            self.assertEqual(records[0].get(name), records[1].get(name), name)

    def test_trusted(self):
        for version in ("1.2", "1.3"):
            with self.subTest(version):
                self.check(version, "good", True)

    def test_untrusted(self):
        for version in ("1.2", "1.3"):
            with self.subTest(version):
                self.check(version, "rogue", False)


class Md5(SendmailCase):
    """Without CertFingerprintAlgorithm there is an MD5 digest, which is no pin."""

    policy = """
from pin.example { require certificate fingerprint sha256:PIN; otherwise reject }
from open.example { require nothing }
""".replace("PIN", 32 * "5a")

    def test_pin_is_unknown(self):
        conversation = self.connect(self.tls(certificate="good"))
        self.assert_refused(conversation.message("a@pin.example", OURS)[OURS],
                            "451 4.7.0")
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, reason="unknown-fact",
                           failed=["certificate-fingerprint"])
        self.assertRegex(record["cert_fingerprint"], "^md5:[0-9a-f]{32}$")

    def test_no_certificate_is_not_unknown(self):
        conversation = self.connect(self.tls())
        self.assert_refused(conversation.message("a@pin.example", OURS)[OURS],
                            "550 5.7.1")


class NotAsked(SendmailCase):
    """TLSSrvOptions=V: no client is asked for a certificate."""

    policy = "from any.example { require certificate; otherwise reject }"
    options = ("define(`confTLS_SRV_OPTIONS', `V')",)

    def test_nobody_has_one(self):
        conversation = self.connect(self.tls(certificate="good"))
        self.assert_refused(conversation.message("a@any.example", OURS)[OURS],
                            "550 5.7.1")
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           cert_verified="no", cert_fingerprint="none")


class BySetting(Md5):
    """mta sendmail: the same, without asking the MTA what it is."""

    settings = {"mta": "sendmail"}


class Login(SendmailCase):
    """AUTH EXTERNAL, which Sendmail offers to whoever has a verified certificate."""

    policy = """
from strict.example { require tls >= 1.3; otherwise reject }
client authenticated { exempt "one of us" }
"""
    options = ("define(`confAUTH_MECHANISMS', `EXTERNAL')",)

    def test_external(self):
        conversation = self.connect(self.tls("1.2", certificate="oddcn"))
        reply = conversation.command("AUTH EXTERNAL =")
        if not reply.startswith("235"):
            self.skipTest("no AUTH EXTERNAL here: " + reply)
        self.assertEqual(conversation.message("a@" + STRICT, OURS)[OURS], TAKEN)
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, exempt="one of us", rule_name="authenticated")
        self.assertIn("/O=Test", record["sasl_username"])

    def test_not_authenticated(self):
        conversation = self.connect(self.tls("1.2", certificate="good"))
        self.assert_refused(conversation.message("a@" + STRICT, OURS)[OURS], "554 5.7.0")
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           sasl_username=None)


class Actions(SendmailCase):
    """Quarantine and texts."""

    policy = r"""
from held.example { require tls; otherwise quarantine }
from let.example { require tls; otherwise accept }
from watched.example { require tls; otherwise reject; monitor }
from percent.example { require tls; otherwise reject 550 5.7.20 "100% %s %n 50%% done" }
from codes.example { require tls; otherwise tempfail 450 4.3.2 "later, {domain}" }
from other.example { require tls; otherwise reject 553 5.7.9 "no" }
from long.example { require tls; otherwise reject 550 5.7.1 "TEXT" }
""".replace("TEXT", 400 * "x")

    def ask(self, domain):
        conversation = self.connect()
        replies = conversation.message("a@%s.example" % domain, OURS)
        return replies, self.milter.wait_record(client_port=conversation.port)

    def test_quarantine(self):
        replies, record = self.ask("held")
        identity = queue_id(replies["end"])
        self.assertIn(identity, self.sendmail.held())
        self.assertNotIn(identity, self.sendmail.queued())
        self.assert_record(record, action="quarantine", reason="tls", queue_id=identity,
                           nrcpt=1, reply=None)
        self.sendmail.wait_log("%s: .*quarantine=tlsward: tls" % identity)

    def test_quarantine_of_each_message_of_a_connection(self):
        conversation = self.connect()
        held = queue_id(conversation.message("a@held.example", OURS)["end"])
        free = queue_id(conversation.message("a@let.example", OURS)["end"])
        self.assertIn(held, self.sendmail.held())
        self.assertIn(free, self.sendmail.queued())

    def test_monitor(self):
        replies, record = self.ask("watched")
        self.assertIn(queue_id(replies["end"]), self.sendmail.queued())
        self.assert_record(record, action="accept", would="reject",
                           queue_id=queue_id(replies["end"]))

    def assert_text(self, domain, expected):
        replies, record = self.ask(domain)
        self.assertEqual(record["reply"], expected)
        self.assertEqual(replies[OURS], SENDMAIL.refusal(expected, OURS))

    def test_percent(self):
        self.assert_text("percent", "550 5.7.20 100% %s %n 50%% done")

    def test_own_codes(self):
        self.assert_text("codes", "450 4.3.2 later, codes.example")
        self.assert_text("other", "553 5.7.9 no")

    def test_long_text(self):
        self.assert_text("long", "550 5.7.1 " + 400 * "x")


class ReplyAtMail(SendmailCase):
    """reply-at mail: refused at the MAIL command."""

    policy = "from strict.example { require tls; otherwise reject 550 5.7.1 \"no\" }"
    settings = {"reply_at": "mail"}

    def test_refused_at_mail(self):
        conversation = self.connect()
        replies = conversation.pipeline("MAIL FROM:<a@%s>" % STRICT,
                                        "RCPT TO:<%s>" % OURS, "DATA")
        self.assertEqual(replies, ["550 5.7.1 <a@%s>... no" % STRICT,
                                   "503 5.0.0 Need MAIL before RCPT",
                                   "503 5.0.0 Need MAIL command"])
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, action="reject", to=None)
        self.assertEqual(conversation.message("a@" + OPEN, OURS)[OURS], TAKEN)


class Local(SendmailCase):
    """Mail of programs that talk SMTP with a Sendmail of their own (-bs)."""

    policy = """
from strict.example { require tls; otherwise reject }
from held.example { require tls; otherwise quarantine }
from free.example { require nothing }
"""

    def submit(self, sender):
        """A message; the replies to MAIL, and to RCPT or to the end."""
        with self.sendmail.local() as program:
            def command(text):
                program.stdin.write(text.encode("ascii") + b"\r\n")
                program.stdin.flush()
                return answer()

            def answer():
                line = program.stdout.readline().decode("ascii")
                while line[3:4] == "-":
                    line = program.stdout.readline().decode("ascii")
                return line.rstrip("\r\n")
            answer()
            command("HELO localhost")
            replies = [command("MAIL FROM:<%s>" % sender)]
            if replies[0].startswith("250"):
                command("RCPT TO:<%s>" % OURS)
                command("DATA")
                replies.append(command("Subject: x\r\n\r\nx\r\n."))
            command("QUIT")
        return replies

    def test_accepted(self):
        replies = self.submit("a@free.example")
        self.assertIn(queue_id(replies[1]), self.sendmail.queued())
        self.assert_record(self.milter.wait_record(local="yes"), action="accept",
                           mta="sendmail", client_addr=None, client_port=None,
                           tls_version="none", **{"from": "a@free.example"})

    def test_refused(self):
        replies = self.submit("a@strict.example")
        self.assert_refused(replies[-1], "530 5.7.0")
        self.assert_record(self.milter.wait_record(local="yes"), action="reject")

    def test_held(self):
        replies = self.submit("a@held.example")
        self.assertIn(queue_id(replies[1]), self.sendmail.held())


class Absent(SendmailCase):
    """F=T: nothing gets in while the daemon does not answer."""

    policy = "default { require nothing }"

    def test_put_off(self):
        self.milter.stop()
        try:
            conversation = self.connect()
            reply = conversation.command("MAIL FROM:<a@%s>" % OPEN)
            self.assertEqual(reply, "451 4.3.2 Please try again later")
        finally:
            self.milter.start()

    def test_start_with_an_unsafe_folder(self):
        folder = os.path.join(self.folder, "unsafe")
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        shutil.copy(os.devnull, os.path.join(folder, "socket"))
        other = Sendmail(os.path.join(self.folder, "other"), self.pki,
                         "unix:%s/socket" % folder)
        self.assertEqual(other.spawn().wait(), os.EX_OSERR)

    def test_folder_that_becomes_unsafe(self):
        folder = os.path.dirname(self.milter.socket)
        mode = stat.S_IMODE(os.stat(folder).st_mode)
        os.chmod(folder, 0o777)
        try:
            conversation = self.connect()
            reply = conversation.command("MAIL FROM:<a@%s>" % OPEN)
            self.assertEqual(reply, "451 4.3.2 Please try again later")
            self.sendmail.wait_log("unsafe")
        finally:
            os.chmod(folder, mode)
        self.assertEqual(self.connect().message("a@" + OPEN, OURS)[OURS], TAKEN)
