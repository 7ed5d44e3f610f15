#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward replay: what another policy would have done, by the journal and by a log."""

import bz2
import datetime
import glob
import gzip
import json
import lzma
import os
import random
import subprocess
import sys

from journals import Journal
from tool import Folder, main, run

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases", "maillog")
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def ago(**span):
    """A time of the journal, so long ago."""
    return (NOW - datetime.timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Replay(Folder):
    def replay(self, policy, *arguments, text=""):
        status, out, errors = run("replay", "--policy", self.write("p.conf", policy),
                                  "--json", *arguments, text=text)
        self.assertEqual((status, errors), (0, ""), out)
        return json.loads(out)

    def domain(self, result, name):
        found = [d for d in result["domains"] if d["domain"] == name]
        self.assertEqual(len(found), 1, name)
        return found[0]


class Recorded(Replay):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "journal.db")
        self.journal = Journal(self.path)

    def judge(self, policy, *arguments):
        return self.replay(policy, "--journal", self.path, *arguments)

    def test_rollups_are_added_up(self):
        for hours, version, messages in ((5, "TLSv1.3", 4000), (3, "TLSv1.1", 12)):
            self.journal.rollup(ago(hours=hours), ago(hours=hours), messages,
                                mta="postfix", domain="acme.example",
                                client_name="mx2.acme.example",
                                client_network="192.0.2.0/24", client_addr="192.0.2.7",
                                sender="a", tls_version=version,
                                cipher="ECDHE-RSA-AES256-SHA", bits=256)
        result = self.judge("from acme.example { require tls >= 1.2; otherwise reject }\n")
        acme = self.domain(result, "acme.example")
        self.assertEqual((acme["transactions"], acme["changed"], acme["uncertain"]),
                         (4012, 12, 0))
        change, = acme["changes"]
        self.assertEqual({name: change[name] for name in (
            "from", "to", "monitored", "reason", "transactions", "tls_version", "client")},
            {"from": "accept", "to": "reject", "monitored": False,
             "reason": "tls-version", "transactions": 12, "tls_version": "TLSv1.1",
             "client": "mx2.acme.example [192.0.2.7]"})
        self.assertEqual(change["last"], ago(hours=3).replace("Z", ".000Z"))
        status, out, _ = run("replay", "--policy", os.path.join(self.folder, "p.conf"),
                             "--journal", self.path)
        self.assertEqual(status, 0)
        self.assertIn("12 of 4,012 transactions of acme.example would now be rejected"
                      " (tls-version): TLSv1.1 with ECDHE-RSA-AES256-SHA from"
                      " mx2.acme.example [192.0.2.7], last ", out)

    def test_several_hours_of_a_set(self):
        number = self.journal.insert("facts", digest=b"x", domain="acme.example",
                                     tls_version="none")
        hour = int(NOW.timestamp()) // 3600
        for back in range(1, 40):
            self.journal.insert("rollup", hour=hour - back, facts=number, messages=back,
                                first=0, last=10)
        # From the same moment as the rows: the hour may end meanwhile.
        self.assertEqual(self.judge("", "--since", ago(hours=24))["transactions"],
                         sum(range(1, 25)))
        self.assertEqual(self.judge("", "--since", "3d")["transactions"],
                         sum(range(1, 40)))

    def test_refusals_and_periods(self):
        for days in (1, 2, 40):
            self.journal.record(ago(days=days), "reject", sender="a@acme.example",
                                to="b@ours.example", domain="acme.example",
                                tls_version="TLSv1.2", cipher="AES128-SHA", bits=128,
                                reason="forward-secrecy")
        policy = "from acme.example { require tls >= 1.2; otherwise reject }\n"
        for since, count in (("30d", 2), ("36h", 1), ("1y", 3)):
            result = self.judge(policy, "--since", since)
            self.assertEqual(result["transactions"], count)
            change, = result["changes"]
            self.assertEqual((change["from"], change["to"], change["transactions"]),
                             ("reject", "accept", count))
        self.assertEqual(self.judge(policy, "--since", "1y", "--until", "3d")
                         ["transactions"], 1)

    def test_monitor_is_told_apart(self):
        self.journal.record(ago(hours=1), "accept", sender="a@acme.example",
                            to="b@ours.example", domain="acme.example",
                            tls_version="none")
        result = self.judge("default { require tls; otherwise reject; monitor }\n")
        change, = result["changes"]
        self.assertEqual((result["changed"], result["would"]), (0, 1))
        self.assertEqual((change["to"], change["monitored"], change["reason"]),
                         ("reject", True, "tls"))

    def test_what_does_not_encrypt_is_clear_text(self):
        for cipher in ("(NONE)", "NULL-SHA256", "TLS_AES_128_GCM_SHA256"):
            self.journal.record(ago(hours=1), "accept", sender="a@acme.example",
                                to="b@ours.example", domain="acme.example",
                                tls_version="TLSv1.2", cipher=cipher, bits=0)
        result = self.judge("default { require tls; otherwise reject }\n")
        domain, = result["domains"]
        self.assertEqual((result["changed"], domain["clear"], domain["tls"]), (2, 2, 1))

    def uncertain(self, policy, **facts):
        given = {"mta": "postfix", "domain": "acme.example", "sender": "a",
                 "client_network": "192.0.2.0/24", "client_addr": "192.0.2.7",
                 "tls_version": "none"}
        given.update(facts)
        self.journal.rollup(ago(hours=1), ago(hours=1), 7, **given)
        return self.judge(policy)["uncertain"]

    def test_exact(self):
        for policy in (
                "default { require tls; otherwise reject }\n",
                "from acme.example { require tls; otherwise reject }\n",
                "from .example { require tls; otherwise reject }\n",
                "from /acme/ { require tls; otherwise reject }\n",
                "client 192.0.2.0/24 { require tls; otherwise reject }\n",
                "client 192.0.0.0/8 { require tls; otherwise reject }\n",
                # Another domain's address, another network's.
                "from b@other.example { require tls; otherwise reject }\n",
                "client 192.0.3.1 { require tls; otherwise reject }\n",
                # It would say the same.
                "default { require tls; otherwise reject }\n"
                "from b@acme.example { require tls; otherwise reject }\n",
                "default { require tls; otherwise reject }\n"
                "to ours.example { require tls; otherwise tempfail }\n"):
            with self.subTest(policy):
                self.assertEqual(self.uncertain(policy), 0)
                self.setUp()

    def test_hidden(self):
        for policy in (
                "from b@acme.example { require tls; otherwise reject }\n",
                # The sample's own address is named, and others may have been there.
                "from a@acme.example { require tls; otherwise reject }\n",
                "client 192.0.2.9 { require tls; otherwise reject }\n",
                "client 192.0.2.7 { require tls; otherwise reject }\n",
                "client 192.0.2.128/25 { require tls; otherwise reject }\n",
                "to hr@ours.example { require tls; otherwise reject }\n",
                "to /secret/ { require tls; otherwise reject }\n",
                "default { require tls; otherwise reject }\n"
                "to postmaster@ours.example { exempt }\n",
                "default { require tls; otherwise reject }\nclient 192.0.2.1 { exempt }\n"):
            with self.subTest(policy):
                self.assertEqual(self.uncertain(policy), 7)
                self.setUp()

    def test_clients_of_agreements(self):
        """via and require client: by the address where it was kept, else by the network."""
        via = "from acme.example via {} {{ require tls; otherwise reject }}\n"
        required = "from acme.example {{ require client {}; otherwise reject }}\n"
        for client, inside, outside, network in (
                ("192.0.2.7", "192.0.2.7", "192.0.2.8", 7),
                ("192.0.2.0/25", "192.0.2.127", "192.0.2.128", 7),
                ("192.0.0.0/16", "192.0.2.9", None, 0),
                ("198.51.100.0/24", None, "192.0.2.9", 0)):
            for policy, refused in ((via, inside), (required, outside)):
                for address in (inside, outside):
                    if address is None:
                        continue
                    with self.subTest(client=client, address=address):
                        self.journal.rollup(
                            ago(hours=1), ago(hours=1), 5, domain="acme.example",
                            sender="a", client_network="192.0.2.0/24",
                            client_addr="192.0.2.200", client_address=address,
                            tls_version="none")
                        result = self.judge(policy.format(client))
                        self.assertEqual((result["changed"], result["uncertain"]),
                                         (5 if address == refused else 0, 0))
                        self.setUp()
                with self.subTest(client=client):
                    self.assertEqual(self.uncertain(policy.format(client)), network)
                    self.setUp()

    def test_a_name_that_could_not_be_looked_up(self):
        """The daemon would tempfail what a name might have let in."""
        policy = "from acme.example { require client mx.acme.example; otherwise reject }\n"
        self.journal.rollup(ago(hours=1), ago(hours=1), 1, domain="acme.example",
                            client_addr="192.0.2.7", client_resolve="temp",
                            client_address="192.0.2.7", tls_version="none")
        change, = self.judge(policy)["domains"][0]["changes"]
        self.assertEqual(change["to"], "tempfail")

    def test_ipv6(self):
        facts = {"client_network": "2001:db8:0:1::/64", "client_addr": "2001:db8:0:1::5"}
        self.assertEqual(self.uncertain(
            "client 2001:db8:0:1:8000::/65 { require tls; otherwise reject }\n",
            **facts), 7)
        self.setUp()
        self.assertEqual(self.uncertain(
            "client 2001:db8:0:2::/64 { require tls; otherwise reject }\n"
            "client 2001:db8::/32 { require tls; otherwise reject }\n", **facts), 0)

    def test_certificates(self):
        self.journal.rollup(ago(hours=1), ago(hours=1), 3, mta="sendmail",
                            domain="acme.example", tls_version="TLSv1.3",
                            cipher="TLS_AES_128_GCM_SHA256", bits=128,
                            cert_verified="yes", cert_cn="other",
                            cert_san=["x.example", "mx,1.acme.example"],
                            cert_fingerprint="sha256:" + "ab" * 32)
        for policy, changed in (
                ('require certificate name "mx,1.acme.example"', 0),
                ("require certificate name other.example", 3),
                ("require certificate fingerprint sha256:" + "ab" * 32, 0),
                ("require certificate fingerprint sha256:" + "cd" * 32, 3)):
            result = self.judge("from acme.example { %s }\n" % policy)
            self.assertEqual(result["changed"], changed, policy)

    def test_who_sent(self):
        self.journal.rollup(ago(hours=1), ago(hours=1), 1, null_sender="yes",
                            tls_version="none")
        self.journal.rollup(ago(hours=1), ago(hours=1), 2, domain="a.example",
                            authenticated="yes", tls_version="none")
        self.journal.rollup(ago(hours=1), ago(hours=1), 4, domain="a.example",
                            local="yes", tls_version="none")
        result = self.judge("default { require tls; otherwise reject }\n"
                            "from <> { require tls; otherwise tempfail }\n"
                            "client authenticated local { exempt }\n")
        self.assertEqual(self.domain(result, "<>")["changes"][0]["to"], "tempfail")
        self.assertEqual(self.domain(result, "a.example")["changed"], 0)
        self.assertEqual(self.domain(result, "a.example")["local"], 4)

    def test_hostile_names(self):
        self.journal.record(ago(hours=1), "accept", sender="a@\x1b[31m<script>",
                            domain="\x1b[31m<script>", tls_version="TLSv9\n",
                            client_name="a\nb\x1b]0;x\x07")
        status, out, _ = run("replay", "--journal", self.path, "--policy", self.write(
            "q.conf", "default { require tls >= 1.2; otherwise reject }\n"))
        self.assertEqual(status, 0)
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\x07", out)

    def test_trouble(self):
        policy = self.write("p.conf", "")
        for arguments, said in (
                (("--journal", self.folder + "/none.db"), "none.db"),
                (("--journal", self.path, "--since", "tomorrow"), "is not a time"),
                (("--journal", self.path, "--maillog", "-"), "cannot be given together"),
                (("--maillog", self.folder), "folder"),
                (("--maillog", policy, policy), "is named twice"),
                (("stray",), "usage")):
            status, out, errors = run("replay", "--policy", policy, *arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn(said, errors)
        self.assertEqual(run("replay", "--policy", policy, "--maillog", policy)[2],
                         f"tlsward: {policy}: not a line of a mail server in it: is it "
                         "empty?\n")
        bad = self.write("bad.conf", "nonsense\n")
        self.assertEqual(run("replay", "--policy", bad, "--journal", self.path)[0], 2)


def line(text, pid=1, program="postfix/smtpd", host="mx", second=0):
    return "Nov 20 10:00:%02d %s %s[%d]: %s\n" % (second, host, program, pid, text)


def tls(version="TLSv1.2", cipher="ECDHE-RSA-AES256-GCM-SHA384", bits=256, kind="Anonymous",
        more=""):
    return ("%s TLS connection established from c.example[192.0.2.7]: %s with cipher %s"
            " (%d/%d bits)%s" % (kind, version, cipher, bits, bits, more))


CONNECT = "connect from c.example[192.0.2.7]"
END = "disconnect from c.example[192.0.2.7] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
END_TLS = END.replace("ehlo=1", "ehlo=2 starttls=1")


def client(number, more=""):
    return "%X: client=c.example[192.0.2.7]%s" % (0x4ABCD00000 + number, more)


def queued(number, sender):
    return line("%X: from=<%s>, size=1, nrcpt=1 (queue active)" %
                (0x4ABCD00000 + number, sender), program="postfix/qmgr", pid=9)


def removed(number):
    return line("%X: removed" % (0x4ABCD00000 + number), program="postfix/qmgr", pid=9)


class Maillog(Replay):
    def counts(self, text, *arguments, policy=""):
        result = self.replay(policy, "--maillog", self.write("mail.log", text), *arguments)
        return {d["domain"]: (d["tls"], d["clear"], d["unknown"], d["local"])
                for d in result["domains"]}, result["maillog"]

    def test_kinds_of_session(self):
        text = (line(CONNECT) + line(tls()) + line(client(1)) + queued(1, "a@tls.example")
                + line(client(2)) + line(END_TLS) + queued(2, "a@tls.example")
                + line(CONNECT) + line(client(3)) + queued(3, "a@clear.example")
                + line(END)
                # smtpd_tls_loglevel = 0
                + line(CONNECT) + line(client(4)) + queued(4, "a@quiet.example")
                + line(END_TLS)
                # A STARTTLS that failed, and the message in clear text
                + line(CONNECT) + line(client(5)) + queued(5, "a@failed.example")
                + line(END.replace("ehlo=1", "ehlo=1 starttls=0/1"))
                # A message in clear text, and then TLS
                + line(CONNECT) + line(client(6)) + line(tls()) + line(client(7))
                + queued(6, "a@both.example") + queued(7, "b@both.example")
                + line(END_TLS)
                # The end of the session is not in the log
                + line(CONNECT) + line(client(8)) + queued(8, "a@open.example")
                # Nor is its beginning
                + line(client(9), pid=2) + queued(9, "a@begun.example")
                + line("disconnect from c.example[192.0.2.7]", pid=2)
                + line(client(10), pid=3) + queued(10, "a@counted.example")
                + line(END, pid=3)
                # A process's next session has nothing of the one before, whose end is lost
                + line(CONNECT, pid=4) + line(tls(), pid=4) + line(CONNECT, pid=4)
                + line(client(11), pid=4) + queued(11, "a@next.example") + line(END, pid=4)
                + queued(12, ""))
        found, totals = self.counts(text)
        self.assertEqual(found, {
            "tls.example": (2, 0, 0, 0), "clear.example": (0, 1, 0, 0),
            "quiet.example": (0, 0, 1, 0), "failed.example": (0, 1, 0, 0),
            "both.example": (1, 1, 0, 0), "open.example": (0, 1, 0, 0),
            "begun.example": (0, 0, 1, 0), "counted.example": (0, 1, 0, 0),
            "next.example": (0, 1, 0, 0)})
        self.assertEqual(totals["without_client"], 1)

    def test_what_is_no_message_of_its_own(self):
        text = (line(CONNECT) + line(tls()) + line(client(1)) + queued(1, "a@a.example")
                # Put off and taken up again, then gone, and its queue id used again
                + queued(1, "a@a.example") + queued(1, "a@a.example") + removed(1)
                + line(client(1)) + queued(1, "b@a.example") + removed(1)
                # Through a content filter
                + line(client(2, ", orig_queue_id=4ABCD00001, orig_client=x[192.0.2.1]"),
                       pid=5) + queued(2, "a@a.example")
                # Refused
                + line("NOQUEUE: reject: RCPT from c.example[192.0.2.7]: 554 5.7.1 no;"
                       " from=<q@refused.example> to=<b@b> proto=ESMTP helo=<h>")
                + line(client(3)) + line("4ABCD00003: milter-reject: END-OF-MESSAGE from"
                                         " c.example[192.0.2.7]: 5.7.1 no;"
                                         " from=<q@refused.example> to=<b@b> proto=ESMTP",
                                         program="postfix/cleanup", pid=6)
                + line(END_TLS)
                # From sendmail(1)
                + line("4ABCD00004: uid=0 from=<root>", program="postfix/pickup", pid=7)
                + queued(4, "root@ours.example")
                + "not a line of a log\n"
                + line("statistics: max connection rate", program="postfix/anvil", pid=8)
                + "Nov 20 10:00:00 mx sshd[1]: " + client(9) + "\n")
        found, totals = self.counts(text)
        self.assertEqual(found, {"a.example": (2, 0, 0, 0), "ours.example": (0, 0, 0, 1)})
        self.assertEqual((totals["reinjected"], totals["refused"], totals["unfinished"],
                          totals["other_lines"], totals["unread_lines"]), (1, 2, 1, 1, 1))

    def test_filter_before_the_queue(self):
        text = (line(CONNECT) + line(tls())
                + line("NOQUEUE: client=c.example[192.0.2.7]")
                + line("proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as 4ABCD00002;"
                       " from=<a@a.example> to=<b@b> proto=ESMTP helo=<h>")
                + line(client(2, ", orig_client=c.example[192.0.2.7]"), pid=3)
                + queued(2, "a@a.example") + line(END_TLS))
        self.assertEqual(self.counts(text)[0], {"a.example": (1, 0, 0, 0)})

    def test_instances_and_hosts(self):
        text = ""
        for host, program in (("mx1", "postfix/smtpd"), ("mx2", "postfix/smtpd"),
                              ("mx2", "postfix-in/submission/smtpd")):
            instance = program.split("/")[0]
            text += line(CONNECT, host=host, program=program)
            if host == "mx1":
                text += line(tls(), host=host, program=program)
            text += line(client(1), host=host, program=program)
            text += queued(1, "a@%s.%s" % (host, instance)).replace(
                " mx postfix/", " %s %s/" % (host, instance))
            text += line(END_TLS if host == "mx1" else END, host=host, program=program)
        self.assertEqual(self.counts(text)[0], {
            "mx1.postfix": (1, 0, 0, 0), "mx2.postfix": (0, 1, 0, 0),
            "mx2.postfix-in": (0, 1, 0, 0)})

    def test_facts(self):
        policy = ("default { require nothing }\nfrom strict.example { %s; otherwise reject }"
                  "\nclient authenticated { exempt }\n")

        def changed(requirement, first, more=""):
            text = (line(CONNECT) + "".join(line(one) for one in first)
                    + line(client(1, more)) + queued(1, "a@strict.example") + line(END_TLS))
            return self.replay(policy % requirement, "--maillog",
                               self.write("mail.log", text))["changed"]

        new = tls("TLSv1.3", "TLS_AES_128_GCM_SHA256", 128, more=" key-exchange X25519"
                  " server-signature RSA-PSS (2048 bits) server-digest SHA256")
        self.assertEqual(changed("require tls >= 1.3", [new]), 0)
        self.assertEqual(changed("require bits >= 256", [new]), 1)
        self.assertEqual(changed("require bits >= 128", [new]), 0)
        self.assertEqual(changed('require ciphersuites "TLS_AES_128_GCM_SHA256"',
                                 [new]), 0)
        self.assertEqual(changed("require tls >= 1.3", [tls()]), 1)
        self.assertEqual(changed("require tls >= 1.3", [tls()], ", sasl_method=PLAIN,"
                                 " sasl_username=bob"), 0)
        self.assertEqual(changed("require certificate", [tls()]), 1)
        self.assertEqual(changed("require certificate", [tls(kind="Trusted")]), 0)
        self.assertEqual(changed("require certificate", [tls(kind="Untrusted")]), 1)
        print_ = ":".join(["AB"] * 32)
        known = ("c.example[192.0.2.7]: Trusted: subject_CN=mx.strict.example,"
                 " issuer_CN=Root, fingerprint=%s, pkey_fingerprint=%s" %
                 (print_, print_.replace("AB", "CD")))
        self.assertEqual(changed("require certificate name mx.strict.example",
                                 [known, tls(kind="Trusted")]), 0)
        self.assertEqual(changed("require certificate name mx.other.example",
                                 [known, tls(kind="Trusted")]), 1)
        self.assertEqual(changed("require certificate fingerprint sha256:" + "cd" * 32,
                                 [known, tls(kind="Untrusted")]), 0)

    def test_a_line_that_ends_early(self):
        """What a longer line before it left behind is no part of it."""
        cut = line(tls("TLSv1.2", "AES128-SHA", 128))
        cut = cut[:cut.index(" (128")]
        text = (line(CONNECT) + "x" * (len(cut) + 2) + "256\n" + cut + "\n"
                + line(client(1)) + queued(1, "a@a.example") + line(END_TLS))
        result = self.replay("default { require bits >= 256; otherwise reject }\n",
                             "--maillog", self.write("mail.log", text))
        self.assertEqual((result["tls"], result["changed"]), (1, 1))

    def test_files_in_any_order(self):
        whole = (line(CONNECT) + line(tls()) + line(client(1), second=1)
                 + queued(1, "a@a.example").replace(":00:00", ":00:02")
                 + line(client(2), second=3)
                 + queued(2, "a@a.example").replace(":00:00", ":00:04")
                 + line(END_TLS, second=5))
        lines = whole.splitlines(keepends=True)
        newest = self.write("mail.log", "".join(lines[5:]))
        middle = self.write("mail.log.1", "".join(lines[3:5]))
        oldest = os.path.join(self.folder, "mail.log.2.gz")
        with gzip.open(oldest, "wt") as out:
            out.write("".join(lines[:3]))
        for paths in ((newest, middle, oldest), (oldest, newest, middle)):
            result = self.replay("", "--maillog", *paths)
            self.assertEqual((result["tls"], result["transactions"]), (2, 2))
        # All of one second: which was written last tells.
        late = self.write("a.log", "".join(lines[3:]).replace(":00:02", ":00:00"))
        early = self.write("b.log", "".join(lines[:3]))
        os.utime(early, (NOW.timestamp() - 60,) * 2)
        result = self.replay("", "--maillog", late, early)
        self.assertEqual((result["tls"], result["transactions"]), (2, 2))
        with open(oldest, "rb") as whole_file:
            cut = whole_file.read()[:-20]
        with open(oldest, "wb") as out:
            out.write(cut)
        status, out, errors = run("replay", "--policy", self.write("p.conf", ""),
                                  "--maillog", oldest)
        self.assertEqual((status, out), (2, ""))
        self.assertIn("it ends in the middle", errors)

    def test_standard_input_and_times(self):
        new = (line(CONNECT) + line(client(1)) + queued(1, "a@a.example") + line(END))
        new = new.replace("Nov 20 10:00:00", "2026-11-20T10:00:00.123456+01:00")
        old = new.replace("2026-11-20", "2026-10-20").replace("00001:", "00002:")
        policy = "default { require tls; otherwise reject }\n"
        result = self.replay(policy, "--maillog", "-", text=old + new)
        self.assertEqual(result["transactions"], 2)
        self.assertEqual(result["changes"][0]["last"], "2026-11-20T09:00:00.123Z")
        result = self.replay(policy, "--maillog", "-", "--since", "2026-11-01",
                             "--until", "2026-11-20T09:00:01Z", text=old + new)
        self.assertEqual(result["transactions"], 1)

    def test_nothing_is_told_of_tls(self):
        text = line(CONNECT) + line(client(1)) + queued(1, "a@a.example") + line(END)
        out = run("replay", "--policy", self.write("p.conf", ""), "--maillog",
                  self.write("mail.log", text))[1]
        self.assertIn("smtpd_tls_loglevel", out)

    def test_against_a_count_of_its_own(self):
        """Sessions of several processes, mixed as chance has it."""
        chance = random.Random(20261120)
        sessions, expected, number = [], {}, 0
        for pid in range(1, 40):
            for _ in range(chance.randrange(1, 6)):
                encrypted = chance.random() < 0.6
                session = [line(CONNECT, pid=pid)]
                if encrypted:
                    session.append(line(tls(chance.choice(("TLSv1", "TLSv1.2"))), pid=pid))
                for _ in range(chance.randrange(4)):
                    number += 1
                    domain = "d%d.example" % chance.randrange(7)
                    session.append(line(client(number), pid=pid))
                    session.append((number, domain))
                    counts = expected.setdefault(domain, [0, 0, 0, 0])
                    counts[0 if encrypted else 1] += 1
                session.append(line(END_TLS if encrypted else END, pid=pid))
                sessions.append((pid, session))
        by_process, text, late = {}, "", []
        for pid, session in sessions:
            by_process.setdefault(pid, []).extend(session)
        while by_process:
            pid = chance.choice(list(by_process))
            item = by_process[pid].pop(0)
            if isinstance(item, tuple):
                late.append(queued(item[0], "x@" + item[1]))
            else:
                text += item
            if not by_process[pid]:
                del by_process[pid]
            while late and chance.random() < 0.4:
                text += late.pop(chance.randrange(len(late)))
        text += "".join(late)
        found, _ = self.counts(text)
        self.assertEqual(found, {name: tuple(c) for name, c in expected.items()})
        self.assertGreater(number, 100)

    def test_cases(self):
        """cases/maillog: logs, and what they tell."""
        for path in sorted(glob.glob(os.path.join(CASES, "*.json"))):
            with open(path, encoding="utf-8") as text:
                expected = json.load(text)
            path = path[:-5] + ".log"
            result = self.replay("", "--maillog", path)
            with self.subTest(os.path.basename(path)):
                self.assertEqual(
                    {d["domain"]: [d["tls"], d["clear"], d["unknown"], d["local"]]
                     for d in result["domains"]}, expected["domains"])
                self.assertEqual({name: count for name, count in result["maillog"].items()
                                  if count and name != "lines"}, expected["maillog"])

    def test_events(self):
        """cases/maillog/*.events: handshakes and deliveries, whenever the reader ends."""
        for path in sorted(glob.glob(os.path.join(CASES, "*.events"))):
            with open(path, encoding="utf-8") as text:
                expected = text.read()
            for every in (1000000, 1, 2, 3, 7):
                with self.subTest(os.path.basename(path), every=every), \
                        open(path[:-7] + ".log", encoding="utf-8") as log:
                    done = subprocess.run([os.environ["READ_MAILLOG"], str(every)],
                                          stdin=log, capture_output=True, text=True,
                                          check=True)
                    self.assertEqual(done.stdout, expected)

    def test_compressed(self):
        with open(os.path.join(CASES, "sni.log"), "rb") as log:
            text = log.read()
        for suffix, compress in (("gz", gzip.compress), ("bz2", bz2.compress),
                                 ("xz", lzma.compress)):
            path = os.path.join(self.folder, "mail.log." + suffix)
            with open(path, "wb") as out:
                out.write(compress(text))
            self.assertEqual(self.replay("", "--maillog", path)["tls"], 2, suffix)

    def test_the_same_lines_in_two_files(self):
        with open(os.path.join(CASES, "sni.log"), encoding="utf-8") as log:
            text = log.read()
        lines = text.splitlines(keepends=True)
        whole, copy = self.write("mail.log", text), self.write("copy.log", text)
        part = self.write("part.log", "".join(lines[7:]))
        for paths in ((whole, copy), (part, whole), (copy, part, whole)):
            self.assertEqual(self.replay("", "--maillog", *paths)["tls"], 2, paths)

    def test_no_log(self):
        for text in ("root:x:0:0:root:/root:/bin/bash\n",
                     "Nov 20 10:00:00 mx sshd[1]: Accepted\n"):
            path = self.write("other", text)
            status, out, errors = run("replay", "--policy", self.write("p.conf", ""),
                                      "--maillog", path)
            self.assertEqual((status, out), (2, ""))
            self.assertIn("no line of a mail log in " + path, errors)

    def test_utc(self):
        """Of what is read and of what is written; a log's times are local in any case."""
        os.environ["TZ"] = "CET-1"
        self.addCleanup(os.environ.pop, "TZ")
        path = self.write("mail.log", line(CONNECT) + line(tls("TLSv1.1")) +
                          line(client(1)) + queued(1, "a@a.example"))
        call = ("replay", "--policy", self.write("p.conf", "from a.example { require tls >= 1.2 }"),
                "--maillog", path)
        year = NOW.year - (NOW.month * 100 + NOW.day < 1121)
        os.utime(path, (datetime.datetime(year, 12, 1).timestamp(),) * 2)
        self.assertIn("last %d-11-20 10:00 CET" % year, run(*call)[1])
        self.assertIn("last %d-11-20 09:00 UTC" % year, run(*call, "--utc")[1])
        for more, there in (((), 1), (("--utc",), 0)):
            text = run(*call, "--since", "%d-11-20 09:30" % year, *more)[1]
            self.assertIn("\n%d transaction" % there, text)

    def test_damaged_lines(self):
        """Any part of a line may be missing: nothing is read that is not there."""
        good = [line(CONNECT), line(tls()), line(client(1)), queued(1, "a@a.example"),
                line(END_TLS), line("proxy-accept: x; from=<a> to=<b>"),
                line("c[1]: Trusted: subject_CN=a, issuer=b, fingerprint=AB,"
                     " pkey_fingerprint=CD")]
        text = "".join(one[:cut] + "\n" for one in good for cut in range(len(one)))
        status, _, errors = run("replay", "--policy", self.write("p.conf", ""),
                                "--maillog", self.write("mail.log", text + "\0\xff\n"))
        self.assertEqual((status, errors), (0, ""))


if __name__ == "__main__":
    sys.exit(main())
