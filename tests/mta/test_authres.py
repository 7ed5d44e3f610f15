# SPDX-License-Identifier: ISC
"""The field Authentication-Results, on messages as they are delivered."""

import re

from .case import ACCEPTED, MilterCase
from .replies import queue_id

OURS = "someone@ours.example"
ID = "mx.ours.example"

# Delivered into a file, and without fields that Postfix adds where they miss.
PARAMETERS = {"default_transport": "keep", "relay_transport": "keep",
              "local_header_rewrite_clients": ""}

# Fields that claim to be ours; "forged" marks what must not arrive.
FORGED = [
    b"Authentication-Results: mx.ours.example; x-tls=pass smtp.version=forged",
    b"authentication-results: MX.OURS.EXAMPLE; dkim=pass header.d=forged",
    b"AUTHENTICATION-RESULTS:mx.ours.example;none (forged)",
    b"Authentication-Results: mx.ours.example 1; spf=pass (forged)",
    b"Authentication-Results:\r\n mx.ours.example;\r\n\tspf=pass (forged)",
    b"Authentication-Results: (a (nested) comment;)\r\n mx.ours.example; a=forged",
    b'Authentication-Results: "mx.ours.example"; a=forged',
    b'Authentication-Results: "Mx.\\ours.example" (v)\r\n 1 ; a=forged',
    b"Authentication-Results : mx.ours.example; a=forged",
    b"Authentication-Results\t:mx.ours.example; a=forged",
    b"Authentication-Results: mx.ours.example.; a=forged",
    b"Authentication-Results: mx.ours.example, a=forged",
    b"Authentication-Results: (unclosed mx.ours.example; a=forged",
    b"Authentication-Results: mx . ours . example; a=forged",
    b"Authentication-Results: ; mx.ours.example; a=forged",
    b"Authentication-Results: \xef\xbb\xbfmx.ours.example; a=forged",
    b"Authentication-Results: \x0bmx.ours.example; a=forged",
    b"Authentication-Results: mx.ours.example; a=" + 900 * b"x" + b"\r\n forged",
]

OTHERS = [
    b"Received: from somewhere by mx.ours.example; Sat, 21 Nov 2026 03:00:00 +0000",
    b"Authentication-Results: mx.other.example; dkim=pass\r\n\theader.d=acme.example",
    b"Authentication-Results:  mx.ours.example.org 1;\r\n   spf=pass",
    b"AUTHENTICATION-results:x.mx.ours.example;none",
    b"Authentication-Results: (mx.ours.example) mx.third.example; none",
    b"Authentication-Results: mx.third.example; a=b (mx.ours.example;)",
    b"ARC-Authentication-Results: i=1; mx.ours.example; spf=pass",
    b"X-Authentication-Results: mx.ours.example; spf=pass",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; s=a;\r\n"
    b"\th=from:subject : date;  b=abc=\r\n =",
    b"From: a@acme.example",
    b"To: someone@ours.example",
    b"Date: Sat, 21 Nov 2026 03:00:00 +0000",
    b"Message-ID: <1@acme.example>",
    b"Subject: Authentication-Results: mx.ours.example; spf=pass",
]


def fields_of(message):
    """The header's fields as they stand, folded, with LF."""
    return re.split(rb"\n(?![ \t])", message.split(b"\n\n", 1)[0])


class Authres(MilterCase):
    policy = r"""
from acme.example { require tls >= 1.2; otherwise reject }
from held.example { require tls; otherwise quarantine }
from watched.example { require tls; otherwise reject; monitor }
from free.example { require tls; otherwise reject; exempt "ticket 4711" }
"""
    settings = {"authentication_results": ID}
    parameters = PARAMETERS

    def send(self, sender, fields=(), context=None):
        """Sends a message with these fields; the reply to its end."""
        conversation = self.connect(context)
        body = b"\r\n".join([*fields, b"", b"Authentication-Results: " +
                             ID.encode("ascii") + b"; in the body", b""])
        replies = conversation.message(sender, OURS, body=body)
        self.assertEqual(replies[OURS], ACCEPTED)
        return replies["end"]

    def deliver(self, sender, fields=(), context=None):
        """The header of a message as it is delivered, and its body."""
        reply = self.send(sender, fields, context)
        message = self.postfix.wait_kept(queue_id(reply))
        self.assertTrue(message.endswith(b"; in the body\n"))
        return fields_of(message)

    def assert_ours(self, fields, *parts):
        """One of them is ours, with these parts, above all that came; it is folded."""
        ours = [field for field in fields if field.startswith(
            b"Authentication-Results: mx.ours.example; ")]
        self.assertEqual(len(ours), 1, fields)
        text = re.sub(rb"\n\t", b" ", ours[0]).decode("ascii")
        self.assertEqual(text, " ".join(["Authentication-Results: mx.ours.example;",
                                         *parts]))
        for line in ours[0].split(b"\n"):
            self.assertLess(len(line.expandtabs(8)), 78)
        return ours[0]

    def test_forged(self):
        """Between each two of others' fields stands a forged one."""
        mixed = [FORGED[0]]
        for index, field in enumerate(OTHERS):
            mixed += [field, FORGED[1 + index % (len(FORGED) - 1)]]
        mixed += FORGED
        fields = self.deliver("a@acme.example", mixed, self.tls(
            "1.3", "TLS_AES_256_GCM_SHA384"))
        ours = self.assert_ours(
            fields, "x-tls=pass", "smtp.version=TLSv1.3",
            "smtp.cipher=TLS_AES_256_GCM_SHA384", "smtp.bits=256",
            "policy.tlsward=accept", 'policy.rule="policy.conf:2"')
        self.assertFalse([field for field in fields if b"forged" in field], fields)
        wanted = [field.replace(b"\r\n", b"\n") for field in OTHERS]
        self.assertEqual(fields[-len(wanted):], wanted)
        # Above are ours, what Postfix added, and nothing else.
        above = fields[:-len(wanted)]
        self.assertEqual([field.split(b":")[0] for field in above if field is not ours],
                         [b"Return-Path", b"Received"])

    def test_on_top(self):
        """Also where there is no other field at all."""
        self.assert_ours(self.deliver("a@open.example"), "x-tls=none",
                         "policy.tlsward=accept")
        fields = self.deliver("a@open.example", [b"Subject: x"])
        self.assertEqual([field.split(b":")[0] for field in fields], [
            b"Return-Path", b"Authentication-Results", b"Received", b"Subject"])
        self.assert_ours(fields, "x-tls=none", "policy.tlsward=accept")

    def test_each_forgery_alone(self):
        """Each is removed by itself, and the fields beside it stay."""
        around = [b"Authentication-Results: mx.other.example; a=b", b"Subject: x"]
        conversation = self.connect()
        for forged in FORGED:
            body = b"\r\n".join([around[0], forged, around[1], b"", b"x", b""])
            reply = conversation.message("a@open.example", OURS, body=body)["end"]
            fields = fields_of(self.postfix.wait_kept(queue_id(reply)))
            self.assertEqual(fields[-2:], around, forged)
            self.assert_ours(fields, "x-tls=none", "policy.tlsward=accept")
            self.assertFalse([field for field in fields if b"forged" in field])

    def test_nul(self):
        """A byte that ends a string in C hides nothing."""
        for forged in (b"Authentication-Results: \0mx.ours.example; a=forged",
                       b"Authentication-Results: mx.ours\0.example; a=forged",
                       b"Authentication-Results\0: mx.ours.example; a=forged"):
            fields = self.deliver("a@open.example", [b"Subject: x", forged])
            self.assertFalse([field for field in fields if b"forged" in
                              field.replace(b"\0", b"") and re.match(
                                  rb"Authentication-Results\s*:\s*mx", field.replace(
                                      b"\0", b""))], fields)

    def test_certificate(self):
        fields = self.deliver("a@open.example", context=self.tls("1.3", certificate="good"))
        self.assertIn(b"smtp.cert-cn=client.test.example", b" ".join(fields))
        for hostile in ("oddcn", "expired", "selfsigned", "rogue", "nocn"):
            fields = self.deliver("a@open.example",
                                  context=self.tls("1.3", certificate=hostile))
            self.assertNotIn(b"smtp.cert-cn", b" ".join(fields))

    def test_monitor(self):
        self.assert_ours(self.deliver("a@watched.example"), "x-tls=none",
                         "policy.tlsward=accept", 'policy.rule="policy.conf:4"',
                         "policy.would=reject", "policy.would-reason=tls")

    def test_exempt(self):
        self.assert_ours(self.deliver("a@free.example"), "x-tls=none",
                         "policy.tlsward=accept", 'policy.rule="policy.conf:5"',
                         "policy.exempt=yes")

    def test_held(self):
        identity = queue_id(self.send("a@held.example", [FORGED[0], OTHERS[1]]))
        self.assertIn(identity, self.postfix.held())
        header = self.postfix.command("postcat", "-hq", identity).stdout
        self.assertNotIn(b"forged", header)
        self.assert_ours(fields_of(header), "x-tls=none", "policy.tlsward=quarantine",
                         "policy.reason=tls", 'policy.rule="policy.conf:3"')

    def test_record(self):
        reply = self.send("a@open.example")
        record = self.milter.wait_record(queue_id=queue_id(reply))
        self.assert_record(record, action="accept", nrcpt=1)


class Off(MilterCase):
    """Without the setting fields are not looked at."""

    policy = "from acme.example { require nothing }"
    parameters = PARAMETERS

    def test_off(self):
        conversation = self.connect()
        reply = conversation.message("a@acme.example", OURS,
                                     body=FORGED[0] + b"\r\n\r\nx\r\n")["end"]
        fields = fields_of(self.postfix.wait_kept(queue_id(reply)))
        self.assertEqual(fields[-1], FORGED[0])
        self.assertEqual(len(fields), 3)
