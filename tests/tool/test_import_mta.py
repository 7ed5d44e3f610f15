#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What Postfix's and Sendmail's files become as a policy: each line a rule that demands the
same, or a comment that says why not; and the policy, checked and asked.

The environment names the programs (see tool.py)."""

import json
import os
import random
import sys

from tool import Folder, main, run

SHA256 = "aa" * 32
SHA1 = "bb" * 20
MD5 = "cc" * 16

# A line of smtp_tls_policy_maps, and what the rule has (None: it is not taken over).
POLICY_LINES = (
    ("a.example encrypt", ["require tls"]),
    ("a.example encrypt protocols=>=TLSv1.2", ["require tls >= 1.2"]),
    ("a.example encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1", ["require tls >= 1.2"]),
    ("a.example encrypt protocols=!SSLv2:!SSLv3", ["require tls"]),
    ("a.example encrypt protocols=TLSv1.3", ["require tls >= 1.3"]),
    ("a.example encrypt protocols=TLSv1.2", None),
    ("a.example encrypt protocols=!TLSv1.3", None),
    ("a.example encrypt protocols=TLSv9", None),
    ("a.example encrypt ciphers=high", ['require cipher "HIGH"']),
    ("a.example encrypt, ciphers=high, exclude=RC4:aNULL", ['require cipher "HIGH:!RC4:!aNULL"']),
    ("a.example encrypt exclude=MD5", ['require cipher "HIGH:!MD5"']),
    ("a.example encrypt ciphers=medium", ["require tls"]),
    ("a.example encrypt ciphers=null", None),
    ("a.example encrypt servername=mx.a.example connection_reuse=no", ["require tls"]),
    ("a.example encrypt tafile=/etc/ta.pem", None),
    ("a.example encrypt colour=blue", None),
    ("a.example encrypt strange", None),
    ("a.example encrypted", None),
    ("a.example", None),
    ("a.example none", None),
    ("a.example may", ["exempt"]),
    ("a.example:26 encrypt", ['deliver "a.example:26"', "require tls"]),
    ("[a.example]:587 encrypt", ['deliver "[a.example]:587"', "require tls"]),
    ("a.example dane", None),
    ("a.example half-dane", None),
    ("a.example dane-only", ["require dane"]),
    ("a.example verify", ["require certificate"]),
    ("a.example verify match=hostname", ["require certificate"]),
    ("a.example verify match=mx.b.example", ["require certificate name mx.b.example"]),
    ("a.example secure match=mx1.b.example:mx2.b.example protocols=>=TLSv1.2",
     ["require tls >= 1.2", "require certificate name mx1.b.example mx2.b.example"]),
    ("a.example secure match=mx1.b.example match=mx2.b.example",
     ["require certificate name mx1.b.example mx2.b.example"]),
    ("a.example secure match=nexthop", ["require certificate name a.example"]),
    ("a.example secure", ["require certificate name a.example"]),
    ("a.example secure match=dot-nexthop", None),
    ("a.example secure match=.b.example", None),
    ("a.example secure match=hostname:mx.b.example", None),
    ("a.example fingerprint match=" + SHA256, ["require certificate fingerprint sha256:" + SHA256]),
    ("a.example fingerprint match=%s|%s" % (SHA256, "AB:" * 31 + "AB"),
     ["require certificate fingerprint", "sha256:" + SHA256, "sha256:" + "ab" * 32]),
    ("a.example fingerprint match=%s match=%s" % (SHA1, "dd" * 20),
     ["require certificate fingerprint sha1:" + SHA1, "sha1:" + "dd" * 20]),
    ("a.example fingerprint match=" + MD5, None),
    ("a.example fingerprint match=%s|%s" % (SHA256, MD5), None),
    ("a.example fingerprint", None),
)
ACCESS_LINES = (
    ("TLS_Clt:mx.a.example\tVERIFY", ["client domain mx.a.example", "require certificate"]),
    ("TLS_Clt:192.0.2\tENCR:112", ["client 192.0.2.0/24", "require bits >= 112"]),
    ("TLS_Clt:10\tENCR:112", ["client 10.0.0.0/8", "require bits >= 112"]),
    ("TLS_Clt:192.0.2.7\tPERM+VERIFY:128",
     ["client 192.0.2.7", "require bits >= 128", "require certificate", "otherwise reject"]),
    ("TLS_Clt:IPv6:2001:db8\tENCR:112", ["client 2001:db8::/32"]),
    ("TLS_Clt:IPv6:2001:db8::7\tENCR:112", ["client 2001:db8::7"]),
    ("TLS_Clt:mx.a.example\tVERIFY:0+CN:Their+20MX",
     ["client domain mx.a.example", 'require certificate name "Their MX"']),
    ("TLS_Clt:mx.a.example\tVERIFY+CN", ["require certificate name mx.a.example"]),
    ("TLS_Clt:192.0.2\tVERIFY+CN", None),
    ("TLS_Clt:\tENCR:112", None),
    ("TLS_Clt:mx.a.example\tVERIFY:many", None),
    ("TLS_Clt:mx.a.example\tVERIFY+CI:/CN=CA", None),
    ("TLS_Clt:mx.a.example\tNO", None),
    ("TLS_Rcpt:a.example\tENCR:128", ['partner "a.example"', "require bits >= 128"]),
    ("tls_rcpt:a.example  TEMP+VERIFY:112+CN:mx.a.example",
     ["require bits >= 112", "require certificate name mx.a.example"]),
    ("TLS_Rcpt:a.example VERIFY+CN", ["require certificate"]),
    ("TLS_Rcpt:joe@a.example VERIFY", None),
    ("TLS_Rcpt: ENCR:112", None),
    ("TLS_Srv:mx.a.example\tVERIFY", None),
    ("Try_TLS:mx.a.example\tNO", None),
    ("CERTIssuer:/C=US/CN=CA\tRELAY", None),
    ("CERTSubject:/C=US/CN=mx\tRELAY", None),
    ("Srv_Features:192.0.2\tS", None),
    ("TLS_Srv_Features:mx.a.example\tcertfile=/etc/c.pem", None),
)
MAIN = """
# what it was begun with
smtp_tls_policy_maps = hash:$table_directory/tls_policy,
# a comment between
    inline:{ {inline.example = encrypt}, short.example=verify }
table_directory = /etc/postfix
smtp_tls_mandatory_protocols = >=TLSv1.2
smtpd_restriction_classes = demand
demand = reject_plaintext_session
plaintext_reject_code = 554
smtpd_sender_restrictions = permit_mynetworks,
    check_sender_access hash:${table_directory}/senders,
    check_client_access cidr:/etc/postfix/clients
smtpd_recipient_restrictions = check_recipient_access texthash:/etc/postfix/recipients
"""


class Import(Folder):
    def read(self, kind, *files, status=0):
        """The policy, which check finds nothing in; what was said is in it, too."""
        got, out, said = run("import", kind, *files, cwd=self.folder)
        self.assertEqual(got, status, said)
        if status != 0:
            return said
        path = self.write("out.conf", out)
        got, _, found = run("check", "--strict", path, cwd=self.folder)
        found = [line for line in found.splitlines() if ": info: " not in line]
        self.assertEqual((got, found), (0, []), out)
        lost = out.count("# NOT TAKEN OVER: ")
        self.assertEqual("could not be taken over: see NOT TAKEN OVER in what was" in said,
                         lost > 0, said)
        return out

    def hold(self, kind, name, lines, *others):
        for line, expected in lines:
            with self.subTest(line=line):
                self.write(name, line + "\n")
                out = self.read(kind, name, *others)
                rules = " ".join(part.strip().rstrip("\\") for part in out.splitlines()
                                 if not part.startswith("#")).split()
                if expected is None:
                    self.assertEqual(rules, [], out)
                    self.assertIn("NOT TAKEN OVER", out)
                    continue
                self.assertNotIn("NOT TAKEN OVER", out)
                for part in expected:
                    self.assertIn(" %s " % part, " %s " % " ".join(rules), out)
                self.assertIn("exempt" if expected == ["exempt"] else "monitor", rules, out)

    def decide(self, **facts):
        got, out, said = run("decide", "--policy", "out.conf", cwd=self.folder,
                             text=json.dumps(facts) + "\n")
        self.assertEqual(got, 0, said)
        return json.loads(out)


class Postfix(Import):
    def test_policy_map(self):
        self.write("main.cf", "smtp_tls_policy_maps = hash:/etc/postfix/tls_policy\n")
        self.hold("postfix", "tls_policy", POLICY_LINES, "main.cf")

    def test_per_site(self):
        self.hold("postfix", "sites", (
            ("a.example MUST", ["deliver a.example", "require certificate"]),
            ("a.example MUST_NOPEERMATCH", ["require tls"]),
            ("a.example MAY", ["exempt"]), ("a.example NONE", None)))

    def test_per_site_is_not_asked_beside_a_policy_map(self):
        self.write("main.cf", "smtp_tls_policy_maps = hash:/etc/postfix/tls_policy\n"
                   "smtp_tls_per_site = hash:/etc/postfix/sites\n")
        self.write("tls_policy", "a.example encrypt\n")
        self.write("sites", "b.example MAY\n")
        out = self.read("postfix", "main.cf", "tls_policy", "sites")
        self.assertIn("deliver a.example", out)
        self.assertIn("NOT TAKEN OVER: sites:1:", out)
        self.assertNotIn("deliver b.example", out)
        self.assertTrue(out.startswith("# 1 rule from 2 lines;"), out)

    def test_main(self):
        self.write("main.cf", MAIN)
        self.write("tls_policy", "acme.example encrypt\n.acme.example encrypt\n"
                   "[mx.bank.example]:587 verify\n\n# x\n")
        self.write("senders", "acme.example demand\nbob@bank.example  reject_plaintext_session\n"
                   ".no.example demand\nbad.example REJECT\n<> demand\nroot@ demand\n")
        self.write("clients", "192.0.2.0/24 demand\nmx.bank.example DUNNO\n")
        self.write("recipients", "pay@ours.example reject_plaintext_session, permit\n"
                   "free@ours.example permit, reject_plaintext_session\n")
        out = self.read("postfix", "main.cf", "tls_policy", "senders", "clients", "recipients")
        self.assertEqual(out.count("NOT TAKEN OVER: "), 2, out)
        self.assertIn("senders:3: \".no.example demand\"", out)
        self.assertIn("senders:6: \"root@ demand\"", out)
        self.assertNotIn("bad.example", out)
        self.assertNotIn("free@", out)
        for facts, would in (
                ({"from": "x@acme.example", "tls_version": "none"}, "reject"),
                ({"from": "x@sub.acme.example", "tls_version": "none"}, "reject"),
                ({"from": "x@acme.example", "tls_version": "TLSv1"}, None),
                ({"from": "bob@bank.example", "tls_version": "none"}, "reject"),
                ({"from": "eve@bank.example", "tls_version": "none"}, None),
                ({"from": "<>", "tls_version": "none"}, "reject"),
                ({"from": "x@y.example", "client_addr": "192.0.2.7", "tls_version": "none"},
                 "reject"),
                ({"from": "x@y.example", "to": "pay@ours.example", "tls_version": "none"},
                 "reject"),
                ({"direction": "out", "next_hop": "acme.example", "tls_version": "TLSv1.1",
                  "cipher": "ECDHE-RSA-AES128-SHA"}, "tempfail"),
                ({"direction": "out", "next_hop": "sub.acme.example", "tls_version": "TLSv1.2",
                  "cipher": "ECDHE-RSA-AES128-GCM-SHA256"}, None),
                ({"direction": "out", "next_hop": "inline.example", "tls_version": "none"},
                 "tempfail"),
                ({"direction": "out", "next_hop": "[mx.bank.example]:587",
                  "tls_version": "TLSv1.3", "cert_verified": "no"}, "tempfail")):
            record = self.decide(**facts)
            self.assertEqual((record["action"], record.get("would")), ("accept", would), record)

    def test_what_is_not_there(self):
        self.write("main.cf", "smtp_tls_policy_maps = hash:/nowhere/tls_policy, ldap:/etc/x.cf\n"
                   "smtpd_tls_security_level = encrypt\nthis sets nothing\n"
                   "smtpd_sender_restrictions = reject_plaintext_session\n")
        out = self.read("postfix", "main.cf")
        for part in ("hash:/nowhere/tls_policy cannot be read here", "ldap:/etc/x.cf is not a",
                     "smtpd_tls_security_level = encrypt holds", "main.cf:3: this line sets",
                     "main.cf:4: smtpd_sender_restrictions demands"):
            self.assertIn(part, " ".join(out.replace("\n#", " ").split()), out)

    def test_a_table_of_this_host_is_read(self):
        path = self.write("below/tls_policy", "acme.example encrypt\n")
        self.write("main.cf", "smtp_tls_policy_maps = proxy:hash:%s\n" % path)
        self.assertIn("deliver acme.example", self.read("postfix", "main.cf"))

    def test_certificates_of_clients(self):
        self.write("main.cf", "relay_clientcerts = hash:/etc/postfix/certs\n")
        self.write("certs", "%s acme\n%s old\n%s older\n" % (SHA256, SHA1, MD5))
        out = self.read("postfix", "main.cf", "certs")
        self.assertEqual(out.count("NOT TAKEN OVER: "), 3, out)
        self.assertIn("sha256:" + SHA256, out)
        self.assertIn("which cannot be taken", " ".join(out.replace("\n#", " ").split()))

    def test_nothing_and_nonsense(self):
        self.write("other", "hello world\n")
        self.assertIn("nothing of what is read", self.read("postfix", "other", status=2))
        self.write("main.cf", "myhostname = mx.ours.example\n")
        self.assertTrue(self.read("postfix", "main.cf").startswith("# no agreement: "))
        self.write("loop.cf", "a = $b\nb = ${a}\nsmtp_tls_policy_maps = $a\n")
        self.read("postfix", "loop.cf")

    def test_nothing_in_a_table_is_policy(self):
        self.write("tls_policy", "a.example}\ndefault{ encrypt\n\"x.example encrypt\n"
                   "b.example verify match=\"}\n/c/ encrypt\nfrom encrypt\n")
        out = self.read("postfix", "tls_policy")
        self.assertFalse([line for line in out.splitlines() if line.startswith("default")], out)

    def test_changed_bytes(self):
        chance = random.Random(14)
        whole = MAIN + "\n".join(line for line, _ in POLICY_LINES)
        for number in range(40):
            text = bytearray(whole.encode())
            for _ in range(chance.randrange(1, 30)):
                text[chance.randrange(len(text))] = chance.choice(b"\n\t {}=:,\"#$\\/@[].")
            name = os.path.join(self.folder, "changed")
            with open(name, "wb") as out:
                out.write(text)
            for kind in ("postfix", "sendmail"):
                status, out, said = run("import", kind, name, cwd=self.folder)
                self.assertIn(status, (0, 2), (number, said))
                if status == 0:
                    self.write("out.conf", out)
                    status, _, found = run("check", "--strict", "out.conf",
                                           cwd=self.folder)
                    self.assertEqual(status, 0, (number, found, text))


class Sendmail(Import):
    def test_access(self):
        self.hold("sendmail", "access", ACCESS_LINES)

    def test_decide(self):
        self.write("access", "\n".join(line for line, _ in ACCESS_LINES[:1]) + "\n"
                   "From:spam.example REJECT\n# TLS_Clt:x.example VERIFY\n"
                   "TLS_Rcpt:bank.example VERIFY:128\n")
        out = self.read("sendmail", "access")
        self.assertIn("#| client_addr=192.0.2.1 client_name=mx.a.example ", out)
        self.assertEqual(self.decide(**{
            "from": "a@b.example", "client_name": "mx.a.example", "tls_version": "TLSv1.2",
            "cert_verified": "no"}).get("would"), "tempfail")
        self.assertEqual(self.decide(
            direction="out", next_hop="x.bank.example", tls_version="TLSv1.2",
            cipher="ECDHE-RSA-AES256-GCM-SHA384", bits=256, cert_verified="no").get("would"),
                         "tempfail")

    def test_nothing(self):
        self.write("access", "From:spam.example REJECT\n")
        self.assertIn("nothing of what is read", self.read("sendmail", "access", status=2))


if __name__ == "__main__":
    sys.exit(main())
