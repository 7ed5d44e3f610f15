# SPDX-License-Identifier: ISC
"""The order and shape of the SMTP dialogue never changes a verdict."""

from .case import ACCEPTED, MilterCase
from .replies import queue_id

OURS = "someone@ours.example"
STRICT = "strict.example"
OPEN = "open.example"


class Dialogue(MilterCase):
    policy = """
from strict.example { require tls >= 1.2; otherwise reject }
from open.example { require nothing }
to payroll.ours.example { require tls >= 1.3; otherwise reject }
to late.ours.example { require tls; otherwise tempfail }
to postmaster@ours.example { exempt }
"""

    def refused(self, conversation, reply):
        """The reply is the refusal of clear text, and there is a record of it."""
        self.assert_refused(reply, "530 5.7.0", STRICT)
        self.milter.wait_record(client_port=conversation.port, action="reject",
                                reason="tls")

    def test_pipelined_refusal(self):
        conversation = self.connect()
        replies = conversation.pipeline("MAIL FROM:<a@%s>" % STRICT,
                                        "RCPT TO:<%s>" % OURS,
                                        "RCPT TO:<two@ours.example>", "DATA")
        self.assertEqual(replies[0], "250 2.1.0 Ok")
        self.refused(conversation, replies[1])
        self.refused(conversation, replies[2])
        self.assertEqual(replies[3], "554 5.5.1 Error: no valid recipients")
        self.assertEqual([record["to"] for record in self.milter.records(
            client_port=conversation.port)], [OURS, "two@ours.example"])

    def test_pipelined_acceptance(self):
        conversation = self.connect(self.tls())
        replies = conversation.pipeline("MAIL FROM:<a@%s>" % STRICT,
                                        "RCPT TO:<%s>" % OURS, "DATA")
        self.assertEqual(replies[1], ACCEPTED)
        conversation.write("Subject: x\r\n\r\nx\r\n")
        self.assertTrue(conversation.command(".").startswith("250"))

    def test_verdict_for_each_recipient(self):
        conversation = self.connect(self.tls("1.2"))
        conversation.command("MAIL FROM:<a@%s>" % OPEN)
        recipients = [OURS, "boss@payroll.ours.example", "x@late.ours.example"]
        replies = [conversation.command("RCPT TO:<%s>" % to) for to in recipients]
        self.assertEqual(replies[0], ACCEPTED)
        self.assert_refused(replies[1], "554 5.7.0")
        self.assertEqual(replies[2], ACCEPTED)
        record = self.milter.wait_record(client_port=conversation.port, action="reject")
        self.assert_record(record, to=recipients[1], rule_kind="to",
                           reason="tls-version", rule_name="payroll.ours.example",
                           rule="policy.conf:4")
        # The message goes to those that were accepted.
        self.assertTrue(conversation.command("DATA").startswith("354"))
        conversation.write("Subject: x\r\n\r\nx\r\n")
        identity = queue_id(conversation.command("."))
        self.postfix.wait_log("%s: from=.*nrcpt=2 " % identity)

    def test_exempt_recipient_beside_others(self):
        conversation = self.connect()
        replies = conversation.message("a@" + STRICT, "Postmaster@Ours.Example", OURS)
        self.assertEqual(replies["Postmaster@Ours.Example"], ACCEPTED)
        self.refused(conversation, replies[OURS])
        self.assertTrue(replies["end"].startswith("250"))

    def test_several_messages_in_one_connection(self):
        conversation = self.connect()
        for _ in range(3):
            self.refused(conversation, conversation.message("a@" + STRICT, OURS)[OURS])
            conversation.command("RSET")
            self.assertEqual(conversation.message("a@" + OPEN, OURS)[OURS], ACCEPTED)
        conversation.quit()
        records = self.milter.records(client_port=conversation.port)
        self.assertEqual([record["action"] for record in records],
                         3 * ["reject", "accept"])
        self.assertEqual(len({record["session"] for record in records}), 1)

    def test_several_messages_over_tls(self):
        conversation = self.connect(self.tls())
        for _ in range(3):
            self.assertEqual(conversation.message("a@" + STRICT, OURS)[OURS], ACCEPTED)

    def test_sessions_have_ids_of_their_own(self):
        records = []
        for _ in range(2):
            conversation = self.connect()
            conversation.message("a@" + OPEN, OURS)
            records.append(self.milter.wait_record(client_port=conversation.port))
        self.assertNotEqual(records[0]["session"], records[1]["session"])

    def test_rset_forgets_the_sender(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<a@%s>" % STRICT)
        conversation.command("RSET")
        self.assertEqual(conversation.message("a@" + OPEN, OURS)[OURS], ACCEPTED)

    def test_rset_keeps_the_session(self):
        conversation = self.connect(self.tls())
        conversation.command("MAIL FROM:<a@%s>" % OPEN)
        conversation.command("RSET")
        self.assertEqual(conversation.message("a@" + STRICT, OURS)[OURS], ACCEPTED)

    def test_ehlo_again(self):
        conversation = self.connect(self.tls())
        conversation.command("MAIL FROM:<a@%s>" % OPEN)
        conversation.ehlo("another.test.example")
        self.assertEqual(conversation.message("a@" + STRICT, OURS)[OURS], ACCEPTED)
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, helo="another.test.example", tls_version="TLSv1.3")

    def test_starttls_without_second_ehlo(self):
        conversation = self.connect()
        conversation.starttls(self.tls("1.2", "ECDHE-RSA-AES128-GCM-SHA256", "good"),
                              ehlo=None)
        self.assertEqual(conversation.message("a@" + STRICT, OURS)[OURS], ACCEPTED)
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           tls_version="TLSv1.2", bits=128, cert_verified="yes",
                           cipher="ECDHE-RSA-AES128-GCM-SHA256",
                           cert_cn="client.test.example")

    def test_starttls_without_any_ehlo(self):
        conversation = self.dial()
        conversation.starttls(self.tls(), ehlo=None)
        self.assertEqual(conversation.message("a@" + STRICT, OURS)[OURS], ACCEPTED)

    def test_no_helo_at_all(self):
        conversation = self.dial()
        self.refused(conversation, conversation.message("a@" + STRICT, OURS)[OURS])

    def test_helo_instead_of_ehlo(self):
        conversation = self.dial()
        conversation.command("HELO old.test.example")
        self.refused(conversation, conversation.message("a@" + STRICT, OURS)[OURS])

    def test_refused_in_clear_then_accepted_after_starttls(self):
        conversation = self.connect()
        self.refused(conversation, conversation.message("a@" + STRICT, OURS)[OURS])
        conversation.starttls(self.tls())
        self.assertEqual(conversation.message("a@" + STRICT, OURS)[OURS], ACCEPTED)
        accepted = self.milter.wait_record(client_port=conversation.port, action="accept")
        self.assert_record(accepted, tls_version="TLSv1.3",
                           cipher="TLS_AES_256_GCM_SHA384")

    def test_accepted_in_clear_then_refused_after_starttls(self):
        conversation = self.connect()
        self.assertEqual(conversation.message("a@" + OPEN, OURS)[OURS], ACCEPTED)
        conversation.starttls(self.tls("1.1"))
        reply = conversation.message("a@" + STRICT, OURS)[OURS]
        self.assert_refused(reply, "554 5.7.0", STRICT)

    def test_starttls_within_a_transaction(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<a@%s>" % OPEN)
        conversation.starttls(self.tls())
        self.assertEqual(conversation.message("a@" + STRICT, OURS)[OURS], ACCEPTED)

    def test_parameters_of_mail_and_rcpt(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<a@%s> SIZE=100 BODY=8BITMIME ENVID=x RET=HDRS"
                             % STRICT)
        reply = conversation.command("RCPT TO:<%s> NOTIFY=NEVER ORCPT=rfc822;x@y.example"
                                     % OURS)
        self.refused(conversation, reply)

    def test_bdat(self):
        conversation = self.connect(self.tls())
        conversation.command("MAIL FROM:<a@%s>" % STRICT)
        conversation.command("RCPT TO:<%s>" % OURS)
        conversation.write("BDAT 14\r\nSubject: x\r\n\r\n")
        self.assertTrue(conversation.reply().text.startswith("250"))
        conversation.write("BDAT 3 LAST\r\nx\r\n")
        self.assertTrue(conversation.reply().text.startswith("250"))

    def test_bdat_after_a_refusal(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<a@%s>" % STRICT)
        self.refused(conversation, conversation.command("RCPT TO:<%s>" % OURS))
        conversation.write("BDAT 3 LAST\r\nx\r\nNOOP\r\n")
        self.assertTrue(conversation.reply().text.startswith("5"))
        self.assertTrue(conversation.reply().text.startswith("250"))

    def test_client_that_vanishes(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<a@%s>" % STRICT)
        self.refused(conversation, conversation.command("RCPT TO:<%s>" % OURS))
        conversation.close()
        again = self.connect(self.tls())
        self.assertEqual(again.message("a@" + STRICT, OURS)[OURS], ACCEPTED)

    def test_unknown_commands(self):
        conversation = self.connect()
        for command in ("FOO bar", "EXPN list", "VRFY <a@b.example>", "HELP"):
            conversation.command(command)
        self.refused(conversation, conversation.message("a@" + STRICT, OURS)[OURS])

    def test_sender_without_a_rule(self):
        conversation = self.connect()
        self.assertEqual(conversation.message("a@stranger.example", OURS)[OURS], ACCEPTED)
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, action="accept", rule=None, domain="stranger.example")

    def test_many_recipients(self):
        conversation = self.connect(self.tls())
        conversation.command("MAIL FROM:<a@%s>" % OPEN)
        conversation.write("".join("RCPT TO:<u%d@payroll.ours.example>\r\n" % n
                                   for n in range(500)))
        replies = {conversation.reply().text for _ in range(500)}
        self.assertEqual(replies, {ACCEPTED})


class ResumedSessions(MilterCase):
    """A resumed TLS session has the same facts as the first."""

    policy = "from strict.example { require certificate; otherwise reject }"
    parameters = {"smtpd_tls_session_cache_database":
                  "btree:${data_directory}/smtpd_scache"}

    def check(self, version, certificate, accepted):
        context = self.tls(version, certificate=certificate)
        first = self.connect(context)
        replies = first.message("a@" + STRICT, OURS)
        self.assertEqual(replies[OURS] == ACCEPTED, accepted, replies)
        second = self.connect(context, session=first.socket.session)
        self.assertTrue(second.socket.session_reused)
        replies = second.message("a@" + STRICT, OURS)
        self.assertEqual(replies[OURS] == ACCEPTED, accepted, replies)
        facts = [self.milter.wait_record(client_port=each.port)
                 for each in (first, second)]
        for name in ("tls_version", "cipher", "bits", "cert_verified", "cert_cn"):
            self.assertEqual(facts[0].get(name), facts[1].get(name), name)

    def test_trusted(self):
        for version in ("1.2", "1.3"):
            with self.subTest(version):
                self.check(version, "good", True)

    def test_untrusted(self):
        for version in ("1.2", "1.3"):
            with self.subTest(version):
                self.check(version, "rogue", False)


class ReplyAtMail(MilterCase):
    """reply-at mail: refused at the MAIL command."""

    policy = "from strict.example { require tls; otherwise reject }"
    settings = {"reply_at": "mail"}

    def test_refused_at_mail(self):
        conversation = self.connect()
        replies = conversation.pipeline("MAIL FROM:<a@%s>" % STRICT,
                                        "RCPT TO:<%s>" % OURS, "DATA")
        self.assert_refused(replies[0], "530 5.7.0", STRICT)
        self.assertEqual(replies[1:], ["503 5.5.1 Error: need MAIL command",
                                       "503 5.5.1 Error: need RCPT command"])
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, action="reject", to=None, reply=replies[0])

    def test_next_message(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<a@%s>" % STRICT)
        self.assertEqual(conversation.message("a@" + OPEN, OURS)[OURS], ACCEPTED)
