# SPDX-License-Identifier: ISC
"""Mail to servers of every ability, by a rule of every kind, out of a real Postfix that
the daemon tells and that a table tells: what is delivered, what waits and why, as the
rules' words say; over what it went, as the servers saw it; and what the report says.
"""

import collections
import re
import unittest

from . import outgoing_model, partner_hosts, workspace
from .outgoing_model import CELLS, RULES
from .outgoing_site import (
    FIGURES, Cells, Site, agreements, came, domain, figures, played, report, words)
from .partner_hosts import SERVERS

KINDS = ("socket", "table")
Played = collections.namedtuple("Played", "deliveries taken log report")


def play(folder, pki):
    """For lan.run()."""
    site = Site(folder, pki, CELLS)
    site.export()
    with site.running():
        deliveries = {kind: site.send(kind, CELLS) for kind in KINDS}
    return Played(deliveries, site.taken(), site.server.log_text(),
                  report(site.milter))


MAIN_CF = outgoing_model.MainCf("TLSv1.2", ("AES256-SHA",), ("AES128-SHA",))
PARAMETERS = {"smtp_tls_mandatory_protocols": ">=TLSv1.2",
              "smtp_tls_mandatory_exclude_ciphers": "AES256-SHA",
              "smtp_tls_exclude_ciphers": "AES128-SHA"}
STRICT_CELLS = [cell for cell in CELLS if cell[1] in (
    "tls10", "tls11", "old", "cbc", "gcm256", "tls13", "daneright", "oldrogue")]


def play_strict(folder, pki):
    """For lan.run(), too."""
    site = Site(folder, pki, STRICT_CELLS, parameters=PARAMETERS)
    site.export()
    with site.running():
        return {kind: site.send(kind, STRICT_CELLS) for kind in KINDS}, site.taken()


def as_expected(delivery, outcome):
    """Whether it was delivered, or waits for the right reason."""
    if outcome.sent:
        return delivery.status == "sent"
    return (delivery.status == "deferred"
            and re.match(outcome.reason, delivery.text) is not None)


class Outgoing(Cells):
    """One Postfix."""

    mta = "postfix"

    @classmethod
    def setUpClass(cls):
        cls.played = played(cls, play)
        cls.expected = cls.outcomes(outgoing_model.expected)

    def test_the_matrix_has_both(self):
        """What is expected is not the same everywhere, whatever the rule."""
        for rule in RULES:
            sent = {self.expected[rule, server].sent for server in SERVERS}
            self.assertEqual(sent, {True, False}, rule)

    def test_what_becomes_of_it(self):
        for kind, deliveries in self.played.deliveries.items():
            self.assertEqual(len(deliveries), len(CELLS))
            self.assertEqual([], [
                (kind, cell, delivery, self.expected[cell])
                for cell, delivery in deliveries.items()
                if not as_expected(delivery, self.expected[cell])])

    def test_over_what_it_went(self):
        """Each that was sent came to the right host, over what the words allow."""
        found = came(self.played.taken)
        for kind in KINDS:
            for cell, outcome in self.expected.items():
                there = found.pop("%s@%s" % (kind, domain(cell)), [])
                self.assert_went(there, outcome, (kind, cell))
        self.assertEqual(found, {})

    def test_nothing_is_bounced_and_all_is_understood(self):
        for wrong in (r".* status=(?!sent|deferred).*",
                      r".*smtp_tls_policy_maps.*|.*TLS configuration.*"):
            self.assertEqual(re.findall(wrong, self.played.log), [])

    def test_report(self):
        """Its figures of each agreement are what the servers saw, and no more was met."""
        found, told = came(self.played.taken), agreements(self.played.report)
        total = collections.Counter()
        for cell in CELLS:
            count = figures(KINDS, cell, found)
            total.update(count)
            if RULES[cell[0]] is None:
                self.assertNotIn(cell, told)
            else:
                out = told[cell]
                self.assertEqual({name: out[name] for name in FIGURES}, count, cell)
                self.judged(cell, out)
        out = self.played.report["totals"]["out"]
        self.assertEqual({name: out[name] for name in FIGURES}, total)

    def judged(self, cell, out):
        """What is judged of deliveries is what the words say of them."""
        wanted = outgoing_model.read(RULES[cell[0]])
        if wanted.level == "rule" and "otherwise accept" not in RULES[cell[0]]:
            self.assertEqual((out["met"], out["sent_unmet"]), (out["sent"], 0), cell)
        if wanted.level == "rule" and any(
                kind.startswith(("certificate", "dane")) for kind in wanted.requirements):
            self.assertEqual(out["sent_verified"], out["sent"], cell)
        if cell[0] == "monitor" and self.below_monitor(cell):
            self.assertEqual((out["met"], out["would_be_refused"]), (0, out["sent"]), cell)

    def below_monitor(self, cell):
        """Whether it went over less than the rule under monitor says."""
        return self.expected[cell].sent and "TLSv1.3" not in {
            version for version, _ in self.expected[cell].sessions}


class MainCf(unittest.TestCase):
    """One whose main.cf leaves protocols and suites out: so does what it is told."""

    mta = "postfix"
    without_sanitizers = True
    maxDiff = None

    def test(self):
        pki = workspace.pki()
        made = partner_hosts.certificates(pki)
        deliveries, taken = played(self, play_strict)
        found, wrong, changed = came(taken), [], 0
        for rule, server in STRICT_CELLS:
            text = words(RULES[rule], server, pki)
            outcome = outgoing_model.expected(text, server, made, MAIN_CF)
            changed += outcome != outgoing_model.expected(text, server, made)
            for kind in KINDS:
                delivery = deliveries[kind][rule, server]
                over = {session for _, session in found.get(
                    "%s@%s" % (kind, domain((rule, server))), ())}
                if not as_expected(delivery, outcome) or over - set(outcome.sessions):
                    wrong.append((kind, rule, server, delivery, over, outcome))
        self.assertEqual(wrong, [])
        self.assertGreater(changed, 40)


if __name__ == "__main__":
    unittest.main()
