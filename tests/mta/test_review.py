# SPDX-License-Identifier: ISC
"""The review of what a real MTA did, with known outcomes: refusals by partners, from, to
and client rules, monitor, exempt, held; handshakes that failed; and what was sent.
"""

import json
import os
import re
import subprocess
import unittest

from . import lan, traffic, waiting, workspace

TLSWARD = os.path.abspath(os.environ.get("TLSWARD", "tlsward"))

# By agreement, and in all; what is not named is 0.
CAME_IN = {
    "Acme": {"messages": 7, "encrypted": 4, "met": 3, "refused": 4,
             "refused_elsewhere": 1},
    "Beta": {"messages": 8, "encrypted": 7, "met": 4, "would_be_refused": 4},
    "Delta": {"messages": 2, "encrypted": 1, "met": 1, "exempt": 1},
    "Epsilon": {"messages": 12, "encrypted": 10, "met": 10, "would_be_refused": 2},
    "from zeta.example": {"messages": 3, "encrypted": 1, "met": 1, "refused": 2},
    "from gamma.example": {"messages": 4, "encrypted": 2, "met": 2, "held": 2},
    "from old.example": {"messages": 3, "exempt": 3},
    "to payroll@ours.example": {"messages": 1, "encrypted": 1, "refused": 1},
    "client 203.0.113.0/24": {"messages": 2, "refused": 2},
    "default": {"messages": 6, "encrypted": 3, "met": 3, "would_be_refused": 1,
                "refused_elsewhere": 2},
    "totals": {"messages": 45, "encrypted": 28, "met": 24, "held": 2, "exempt": 4,
               "refused": 9, "would_be_refused": 7},
}
WENT_OUT = {
    "Acme": {"messages": 3, "encrypted": 3, "met": 3, "verified": 3},
    "Beta": {"messages": 2, "encrypted": 2, "met": 2},
    "Delta": {"messages": 1, "encrypted": 1, "refused": 1, "deferred_for_tls": 1},
    "deliver clear.example": {"messages": 2, "would_be_refused": 2},
    "deliver bare.example": {"messages": 2, "refused": 2, "deferred_for_tls": 2},
    "totals": {"messages": 14, "encrypted": 8, "verified": 3, "met": 5, "refused": 3,
               "would_be_refused": 2, "deferred_for_tls": 4},
}
MEMBERS = sorted({name for side in list(CAME_IN.values()) + list(WENT_OUT.values())
                  for name in side})
# direction, host, address, partner, reason: how many
FAILED = {
    ("in", "mx.acme.example", traffic.ACME, "Acme", "no-common-version"): 2,
    ("in", "mx.beta.example", traffic.BETA, "Beta", "unknown-ca"): 1,
    ("in", None, traffic.SCANNER, None, "not-tls"): 1,
    ("in", None, traffic.SCANNER, None, "lost-connection"): 1,
    ("out", "in.broken.example", traffic.RELAYS["broken"], None, "version-refused"): 1,
}


def figures(side):
    """The counts that are not 0."""
    return {name: side[name] for name in MEMBERS if side.get(name)}


def name_of(agreement):
    """What CAME_IN calls it."""
    return agreement["name"] or " ".join(filter(None, (
        agreement["rule_kind"], agreement["who"])))


class ReviewOfAnyServer:
    """One journal, of one kind of traffic, read once for all tests."""

    kind = None
    failed = FAILED
    went_out = WENT_OUT
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = workspace.folder()
        cls.addClassCleanup(workspace.remove, cls.folder)
        try:
            lan.run(traffic.NAMES, traffic.play, cls.kind, cls.folder, workspace.pki())
        except lan.Refused as error:
            raise unittest.SkipTest(str(error)) from error
        cls.settings = os.path.join(cls.folder, "milter", "tlsward.conf")
        cls.tlsward("watch", "--once", below=2)
        cls.report = json.loads(cls.tlsward("report", "--json"))
        cls.agreements = {name_of(each): each for each in cls.report["partners"]}

    @classmethod
    def tlsward(cls, command, *words, below=0):
        """What a command prints; it must end well, and tell of no more mail below its rule."""
        done = subprocess.run((TLSWARD, command, "-c", cls.settings, *words),
                              capture_output=True, text=True, check=False,
                              timeout=waiting.PATIENCE)
        told = re.findall(r"^tlsward watch: warning: \w+ to clear\.example went out by \S+ below "
                          r"its agreement \(tls, .*\), which is under monitor\n", done.stderr,
                          re.M)
        if done.returncode != 0 or "".join(told) != done.stderr or len(told) != below:
            raise AssertionError("tlsward %s: %d %s" % (
                command, done.returncode, done.stderr))
        return done.stdout

    def sides(self, name):
        """The figures of all agreements that have any, and in all."""
        sides = {each: figures(agreement[name])
                 for each, agreement in self.agreements.items()}
        return {"totals": figures(self.report["totals"][name]),
                **{each: side for each, side in sides.items() if side}}

    def test_what_came_in(self):
        self.assertEqual(self.sides("in"), CAME_IN)
        self.assertEqual({name: agreement["in"]["reasons"] for name, agreement in
                          self.agreements.items() if agreement["in"]["reasons"]},
                         {"Acme": {"tls": 4}, "from zeta.example": {"tls": 2},
                          "client 203.0.113.0/24": {"tls": 2},
                          "to payroll@ours.example": {"tls-version": 1}})
        self.assertEqual(self.agreements["to payroll@ours.example"]["in"]["tempfailed"],
                         1)

    def test_what_could_be_enforced(self):
        self.assertEqual({name: each["ready_but_for"] for name, each in
                          self.agreements.items() if each["ready"]},
                         {"Epsilon": [{"host": "old.epsilon.example", "messages": 2}]})
        self.assertEqual({each["who"]: each["state"] for each in self.report["partners"]
                          if each["rule_kind"] == "from" and not each["name"]},
                         {"zeta.example": "enforced", "gamma.example": "enforced",
                          "old.example": "exempt"})

    def test_what_went_out(self):
        self.assertEqual(self.sides("out"), self.went_out)

    def test_handshakes_that_failed(self):
        self.assertEqual({(each["direction"], each["host"], each["address"],
                           each["partner"], each["reason"]): each["count"]
                          for each in self.report["handshakes"]}, self.failed)
        self.assertEqual({each["reason"]: each["side"]
                          for each in self.report["handshakes"]},
                         {"no-common-version": "remote", "unknown-ca": "local",
                          "not-tls": "either", "lost-connection": "remote",
                          "version-refused": "either"})
        self.assertEqual({name: each["handshakes_failed"] for name, each in
                          self.agreements.items() if each["handshakes_failed"]},
                         {"Acme": 2, "Beta": 1})


    def test_text(self):
        """Names come first."""
        text = " ".join(self.tlsward("report").split())
        for part in ("Acme (4 of 7: clear text, since ", "zeta.example (2 of 3: clear text",
                     "Beta (4 of 8: ", "mx.acme.example (Acme)",
                     "no version in common"):
            self.assertIn(part, text)

        for domain, answer in (
                ("acme.example", "To it all 3 messages went over TLS"),
                ("delta.example", "To it nothing was delivered in this time: 1 attempt,"),
                ("clear.example", "To it 0 of 2 messages went over TLS")):
            self.assertIn(answer, " ".join(self.tlsward(
                "report", "--domain", domain).split()))

    def test_log(self):
        lines = {kind: [json.loads(line) for line in self.tlsward(
            "log", "--json", "--kind", kind).splitlines()]
                 for kind in ("decision", "handshake", "delivery")}
        self.assertEqual(sum(each["count"] for each in lines["handshake"]), 6)
        self.assertEqual(sorted(
            [each["result"], each["next_hop"].split(".")[0]]
            for each in lines["delivery"] for _ in range(each.get("count", 1))),
            sorted([row.status, row.name] for row in traffic.LEAVING
                   for _ in range(row.count)))
        below = [each for each in lines["delivery"] if each.get("would")]
        self.assertEqual([(each["next_hop"], each["action"], each["would"], each["would_reason"],
                           each["enforced"]) for each in below],
                         [("clear.example", "accept", "tempfail", "tls", "no")] * 2)
        self.assertEqual(len({each["queue_id"] for each in below}), 2)
        actions = [each["action"] for each in lines["decision"]]
        self.assertEqual((actions.count("reject"), actions.count("tempfail"),
                          actions.count("quarantine")), (8, 1, 2))


class PostfixReview(ReviewOfAnyServer, unittest.TestCase):
    mta = "postfix"
    kind = traffic.PostfixTraffic


class SendmailReview(ReviewOfAnyServer, unittest.TestCase):
    without_sanitizers = True
    mta = "sendmail"
    kind = traffic.SendmailTraffic
    # Sendmail was told the relays' addresses, and names no others.
    failed = {(row[0], row[2] if row[0] == "out" else row[1], *row[2:]): count
              for row, count in FAILED.items()}
    # It does not say that a certificate has the name that is required.
    went_out = {**WENT_OUT, "Acme": {"messages": 3, "encrypted": 3},
                "totals": {**WENT_OUT["totals"], "met": 2}}
    del went_out["totals"]["verified"]
