# SPDX-License-Identifier: ISC
"""What Sendmail's own rulesets find in the map of tlsward export sendmail."""

import os
import re
import unittest

from . import workspace
from .sendmail import Sendmail, packages, run

import runner

POLICY = """
deliver acme.example { require tls }
deliver domain bits.example { require bits >= 128 }
deliver verify.example { require certificate }
deliver .verify.example mail.bits.example { require certificate name mx.acme.example }
deliver "[mx.relay.example]:587" { require tls }
deliver "[192.0.2.7]" { require bits >= 256 }
deliver exempt.example { exempt }
"""

# What is known of a session: {verify}, {cipher_bits}, {cn_subject}.
CLEAR, WEAK, STRONG = ("NONE", 0, ""), ("FAIL", 112, "mx.acme.example"), ("FAIL", 256, "")
TRUSTED, NAMED = ("OK", 128, "other.example"), ("OK", 128, "MX.ACME.example")
SESSIONS = (CLEAR, WEAK, STRONG, TRUSTED, NAMED, ("TRUSTED", 256, "mx.acme.example"))

# A ruleset and what it is asked; by which of these sessions mail goes.
GOES = {
    "a@acme.example": "-+++++", "A@ACME.EXAMPLE": "-+++++", "a@x.y.acme.example": "-+++++",
    "a@bits.example": "--++++", "a@x.bits.example": "--++++",
    "a@mail.bits.example": "----++", "a@x.mail.bits.example": "----++",
    "a@verify.example": "----++", "a@x.verify.example": "----++",
    "a@exempt.example": "++++++", "a@other.example": "++++++", "a@example": "++++++",
    "mx.relay.example": "-+++++", "relay.example": "++++++", "[192.0.2.7]": "--+--+",
    "[192.0.2.8]": "++++++",
}


class AccessMap(unittest.TestCase):
    mta = "sendmail"
    without_sanitizers = True

    @classmethod
    def setUpClass(cls):
        folder = workspace.folder()
        cls.addClassCleanup(workspace.remove, folder)
        cls.access = os.path.join(folder, "access")
        cls.server = Sendmail(
            os.path.join(folder, "mta"), workspace.pki(), "inet:1@127.0.0.1",
            ("FEATURE(`access_db', `hash -T<TMPF> %s')" % cls.access,))
        policy = os.path.join(folder, "policy.conf")
        with open(policy, "w", encoding="ascii") as file:
            file.write(POLICY)
        text = run(runner.TLSWARD, "export", "sendmail", "--policy", policy)
        run(os.path.join(packages(), "usr/libexec/sendmail/makemap"), "-C",
            cls.server.config, "hash", cls.access + ".db", input=text)

    def test_what_the_rulesets_say(self):
        """Each says OK, or 454 4.7.0: the message stays in the queue."""
        lines = []
        for verify, bits, name in SESSIONS:
            for asked in GOES:
                lines += [f".D{{verify}}{verify}", f".D{{cipher_bits}}{bits}",
                          f".D{{cn_subject}}{name}", f".D{{server_name}}{asked}",
                          ".D{server_addr}192.0.2.9",
                          f"tls_rcpt {asked}" if "@" in asked else f"tls_server {verify}"]
        text = self.server.rules(lines)
        said = re.findall(r"^tls_(?:rcpt|server)\s+returns: (.*)$", text, re.M)
        self.assertEqual(len(said), len(SESSIONS) * len(GOES), text[-2000:])
        found = {asked: said[number::len(GOES)] for number, asked in enumerate(GOES)}
        for asked, answers in found.items():
            for answer in answers:
                self.assertRegex(answer, r"^(OK$|\$# error \$@ 4 \. 7 \. 0 \$: 454 )")
        self.assertEqual({asked: "".join("+" if answer == "OK" else "-"
                                         for answer in answers)
                          for asked, answers in found.items()}, GOES)


if __name__ == "__main__":
    unittest.main()
