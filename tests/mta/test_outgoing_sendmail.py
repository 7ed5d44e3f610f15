# SPDX-License-Identifier: ISC
"""Mail to servers of every ability, by a rule of every kind, out of a real Sendmail that has
the access map that is exported: what is delivered and what waits, as far as that map can
say it.
"""

import collections
import os
import re
import unittest

from . import outgoing_model, partner_hosts
from .milter import Milter
from .outgoing_model import CELLS, RULES
from .outgoing_site import (
    FIGURES, Cells, agreements, came, cell_of, domain, figures, journal, played, policy, report,
    tlsward)
from .partner_hosts import HOSTS, SERVERS
from .sendmail import Sendmail

Delivery = collections.namedtuple("Delivery", "status text")


def play(folder, pki):
    """What became of each cell, what the servers took, and the report."""
    milter = Milter(os.path.join(folder, "milter"), *policy(CELLS, pki),
                    **journal(folder))
    access, relays = (os.path.join(folder, name) for name in ("access", "relays"))
    with open(access, "w", encoding="utf-8") as out:
        out.write(tlsward(milter, "export", "sendmail"))
    with open(relays, "w", encoding="ascii") as out:
        out.writelines("%s\tesmtp:%s\n" % (domain(cell), ":".join(
            "[%s]" % partner_hosts.address(host) for host in SERVERS[cell[1]])) for cell in CELLS)
    server = Sendmail(os.path.join(folder, "mta"), pki, milter.address, (
        "define(`confDONT_PROBE_INTERFACES', `True')",
        "FEATURE(`mailertable', `text -o -k0 -v1 %s')" % relays,
        "FEATURE(`access_db', `text -o -T<TMPF> -k0 -v1 %s')" % access))
    sinks = {name: partner_hosts.sink(host, pki) for name, host in HOSTS.items()}
    for sink in sinks.values():
        sink.start()
    server.deliver("<>", *("a@" + domain(cell) for cell in CELLS))
    return (outcomes(server.log_text()),
            {name: sink.taken for name, sink in sinks.items()}, report(milter))


def outcomes(log):
    """What the log has of each cell: how it ended, and why it waits."""
    names = {domain(cell): cell for cell in CELLS}
    reasons = dict(re.findall(r"ruleset=tls_rcpt, arg1=<?a@([\w.-]+)>?, .*reject=(.*)", log))
    return {names[name]: Delivery(status, text + reasons.get(name, ""))
            for recipients, status, text in re.findall(
                r" to=(\S+), .* stat=(\w+)(.*)$", log, re.M)
            for name in re.findall(r"a@([\w.-]+)", recipients)}


class OutgoingSendmail(Cells):
    """One Sendmail."""

    mta = "sendmail"

    @classmethod
    def setUpClass(cls):
        cls.deliveries, cls.taken, cls.report = played(cls, play)
        cls.expected = cls.outcomes(outgoing_model.expected_of_sendmail)

    def test_what_becomes_of_it(self):
        self.assertEqual(len(self.deliveries), len(CELLS))
        self.assertEqual([], [
            (cell, delivery, self.expected[cell])
            for cell, delivery in self.deliveries.items()
            if not as_expected(delivery, self.expected[cell])])

    def test_over_what_it_went(self):
        found = came(self.taken)
        for cell, outcome in self.expected.items():
            there = found.pop("a@" + domain(cell), [])
            self.assert_went(there, outcome, cell)
        self.assertEqual(found, {})

    def test_clear_text_is_for_who_may_alone(self):
        """Whatever Sendmail cannot be told: where a rule holds, mail is encrypted."""
        for recipient, there in came(self.taken).items():
            rule = RULES[cell_of(recipient)[0]]
            if outgoing_model.read(rule).level == "rule":
                self.assertNotIn((None, None), [session for _, session in there])

    def test_report(self):
        """Its figures of each agreement are what the servers saw."""
        found, told = came(self.taken), agreements(self.report)
        for cell in CELLS:
            if RULES[cell[0]] is not None:
                out = told[cell]
                self.assertEqual({name: out[name] for name in FIGURES},
                                 figures(("a",), cell, found), cell)


def as_expected(delivery, outcome):
    """Whether it was delivered, or waits for the right reason."""
    if outcome.sent:
        return delivery.status == "Sent"
    return (delivery.status == "Deferred"
            and re.search(outcome.reason, delivery.text) is not None)


if __name__ == "__main__":
    unittest.main()
