# SPDX-License-Identifier: ISC
"""A Postfix that the daemon tells how mail goes out, through what happens to both:
policies that get stricter, one that is broken, a worker that is killed, a wrong map's
name, and a daemon that is not there.
"""

import collections
import os
import signal
import unittest

from . import outgoing_model, partner_hosts, workspace
from .outgoing_model import RULES
from .outgoing_site import Site, came, domain, played, policy, words
from .test_outgoing_servers import as_expected

CELLS = [(rule, server)
         for rule in ("none", "tls", "tls12", "name", "exempt", "dane", "monitor")
         for server in ("clear", "gcm128", "modern", "selfsigned", "daneright",
                        "danewrong", "clearmodern")]
# What gets stricter by a reload: by a rule of another name.
STRICTER = {**RULES, "none": RULES["tls"], "tls": RULES["tls13"],
            "exempt": RULES["name"], "monitor": RULES["tls12"]}
# What Postfix says of mail where it was not told.
UNTOLD = "4.7.5 client TLS configuration problem"


class Scenario:
    """To be played in a network of lan.run()."""

    def __init__(self, folder, pki):
        self.pki = pki
        self.site = Site(folder, pki, CELLS)
        self.milter = self.site.milter
        self.steps = {}		# what became of each cell

    def play(self):
        """What became of each step's mail, what the servers took, what waits, the log."""
        self.site.export()
        with self.site.running():
            self.send("first")
            self.reloads()
            self.disturbed()
            self.steps["wrong+name"] = self.site.send("wrong+name", CELLS)
            self.milter.stop()
            self.send("down")
            self.steps["table+down"] = self.site.send("table+down", CELLS)
            self.milter.start()
            self.try_again()
            return (self.steps, self.site.taken(), self.site.queued(),
                    [line["msg"] for line in self.milter.lines() if "msg" in line])

    def send(self, step):
        step = "socket+" + step
        self.steps[step] = self.site.send(step, CELLS)

    def reloads(self):
        text, lists = policy(CELLS, self.pki, STRICTER)
        self.milter.write_policy(text, lists)
        self.milter.reload()
        self.send("stricter")
        self.milter.write_policy(text.replace("tls >= 1.3", "tls >= 1.9"), lists)
        self.milter.reload()
        self.send("broken")
        self.milter.write_policy(*policy(CELLS, self.pki))
        self.milter.reload()
        self.send("milder")

    def disturbed(self):
        """Reloads, and the end of a worker, while mail goes out."""
        mark = self.site.mark()
        self.site.submit("socket+reloading", CELLS)
        for _ in range(3):
            self.milter.reload()
        self.wait("socket+reloading", mark)
        mark = self.site.mark()
        self.site.submit("socket+killed", CELLS)
        for pid in self.milter.workers():
            os.kill(pid, signal.SIGKILL)
        self.wait("socket+killed", mark)

    def wait(self, step, mark):
        self.steps[step] = self.site.outcomes(step, CELLS, mark)

    def try_again(self):
        """All that waits is tried once more."""
        mark = self.site.mark()
        self.site.server.command("postqueue", "-f")
        for step in list(self.steps):
            waiting = [cell for cell in CELLS if self.steps[step][cell].status != "sent"]
            self.steps[step + "+again"] = self.site.outcomes(step, waiting, mark)


def play(folder, pki):
    """For lan.run()."""
    return Scenario(folder, pki).play()


class Live(unittest.TestCase):
    """Played once; each test looks at a step of it."""

    without_sanitizers = True
    mta = "postfix"
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pki = workspace.pki()
        cls.steps, cls.taken, cls.queued, cls.messages = played(cls, play)

    def expected(self, cell, rules):
        """What is to become of a cell by these rules."""
        return outgoing_model.expected(words(rules[cell[0]], cell[1], self.pki), cell[1],
                                       partner_hosts.certificates(self.pki))

    def assert_step(self, step, rules=RULES):
        """Each of a step's messages had its expected end."""
        self.assertEqual([], [
            (cell, delivery, self.expected(cell, rules))
            for cell, delivery in self.steps[step].items()
            if not as_expected(delivery, self.expected(cell, rules))], step)

    def test_the_next_delivery_obeys_a_stricter_rule(self):
        self.assert_step("socket+first")
        self.assert_step("socket+stricter", STRICTER)
        changed = [cell for cell in CELLS if self.steps["socket+first"][cell].status !=
                   self.steps["socket+stricter"][cell].status]
        self.assertGreater(len(changed), 5)

    def test_a_broken_policy_keeps_the_old_one(self):
        self.assertEqual(sum("policy not reloaded" in each for each in self.messages), 1)
        self.assert_step("socket+broken", STRICTER)
        self.assert_step("socket+milder")

    def test_nothing_goes_wrong_while_it_reloads_or_a_worker_is_killed(self):
        self.assertEqual(sum("the worker" in each for each in self.messages), 1,
                         self.messages)
        self.assert_step("socket+reloading")
        self.assert_step("socket+killed")

    def test_a_wrong_name_of_the_map_keeps_all_mail(self):
        for step in ("wrong+name", "wrong+name+again"):
            self.assertEqual({UNTOLD}, {each.text for each in self.steps[step].values()})
            self.assertEqual({"deferred"},
                             {each.status for each in self.steps[step].values()})

    def test_mail_waits_for_the_daemon_and_then_goes_out(self):
        down = self.steps["socket+down"]
        self.assertEqual({("deferred", UNTOLD)}, set(down.values()))
        self.assertEqual(len(down), len(CELLS))
        self.assert_step("socket+down+again")
        self.assertEqual(set(self.steps["socket+down+again"]), set(CELLS))
        self.assert_step("table+down")

    def test_nothing_is_lost_and_nothing_goes_where_it_may_not(self):
        """A message was taken once, over what a policy of its time allowed, or waits."""
        found, left = came(self.taken), collections.Counter(self.queued)
        for step in self.steps:
            if step.endswith("+again"):
                continue
            for cell in CELLS:
                there = found.pop("%s@%s" % (step, domain(cell)), [])
                self.assertEqual(len(there) + left["%s@%s" % (step, domain(cell))], 1)
                self.assertLessEqual(set(there), self.allowed(step, cell), (step, cell))
        self.assertEqual(found, {})

    def allowed(self, step, cell):
        """Where a step's message may have gone and over what."""
        policies = (STRICTER, RULES) if step in ("socket+stricter", "socket+broken") \
            else (RULES,)
        return {(outcome.host, session) for outcome in
                (self.expected(cell, rules) for rules in policies)
                for session in outcome.sessions}


if __name__ == "__main__":
    unittest.main()
