# SPDX-License-Identifier: ISC
"""The log of a real Postfix, read by tlsward replay."""

import json
import os
import subprocess

from . import waiting
from .case import ACCEPTED, MilterCase
from .replies import queue_id

OURS = "someone@ours.example"
TLSWARD = os.path.abspath(os.environ.get("TLSWARD", "tlsward"))


class Maillog(MilterCase):
    """A Postfix that does not run tlsward: what it logs is all there is."""

    parameters = {"smtpd_tls_loglevel": "1", "smtpd_milters": ""}
    listeners = {"quiet": "-o smtpd_tls_loglevel=0 -o syslog_name=postfix/quiet"}

    def send(self, sender, count=1, context=None, **where):
        """Messages over one connection; their queue ids."""
        conversation = self.connect(context, **where)
        ids = []
        for _ in range(count):
            reply = conversation.message(sender, OURS)
            self.assertEqual(reply[OURS], ACCEPTED)
            ids.append(queue_id(reply["end"]))
        conversation.quit()
        return ids

    def replay(self, policy):
        path = os.path.join(self.folder, "new.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(policy)
        done = subprocess.run(
            [TLSWARD, "replay", "--policy", path, "--json", "--maillog",
             os.path.join(self.postfix.folder, "mail.log")], capture_output=True,
            check=False, timeout=waiting.PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return json.loads(done.stdout)

    def test_counts(self):
        ids = []
        ids += self.send("a@new.example", 3, self.tls("1.3"))
        ids += self.send("a@old.example", 2, self.tls("1.1", "AES128-SHA"))
        ids += self.send("b@old.example", 1)
        ids += self.send("a@clear.example", 2)
        ids += self.send("", 1, self.tls("1.2"))
        ids += self.send("a@quiet.example", 2, self.tls("1.2"), listener="quiet")
        ids += self.send("a@quiet.example", 1, listener="quiet")
        ids += self.send("a@cert.example", 1, self.tls("1.2", certificate="good"))
        for number in ids:
            self.postfix.wait_log(r"/qmgr\[\d+\]: %s: from=" % number)
        self.postfix.wait_log(r"(?s)(disconnect from.*){8}")
        result = self.replay("default { require tls >= 1.2; otherwise reject }\n"
                             "from cert.example { require certificate; otherwise reject }\n")
        self.assertEqual({d["domain"]: (d["tls"], d["clear"], d["unknown"], d["changed"])
                          for d in result["domains"]},
                         {"new.example": (3, 0, 0, 0), "old.example": (2, 1, 0, 3),
                          "clear.example": (0, 2, 0, 2), "<>": (1, 0, 0, 0),
                          "quiet.example": (0, 1, 2, 3), "cert.example": (1, 0, 0, 0)})
