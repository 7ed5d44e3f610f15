#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward while memory runs out: each allocation fails once, then with all after it.

Whichever it is: the answer is whole, or the status is 2 and a message says that memory
is short; nothing crashes, and nothing is left unfreed. One allocation is tried of each
place that asks for memory, as the functions that led there tell it, in whichever command
is the first to come there. TLSWARD_ALLOCATIONS says how many of each command's
allocations are tried instead, spread over all of them from one taken at random; 0: every
one, which takes an hour.
"""

import collections
import datetime
import gzip
import os
import re
import shutil
import struct
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "tool")]

import runner	# noqa: E402
import sample_journal	# noqa: E402
from memory import shortage	# noqa: E402

TRIED = os.environ.get("TLSWARD_ALLOCATIONS")
CASES = os.path.join(runner.TOP, "tests", "cases")
ENOUGH = 1 << 40	# no command allocates as often
NO_MEMORY = re.compile(b"not enough memory|Cannot allocate memory")
# What leaks where its own allocation fails. These are not ours to mend: OpenSSL 3.0 loses
# what a context or an algorithm was made of so far, the C library a locale's name, and
# jansson cannot go on (see tool/tool.h), so that the command ends where it is.
LEAKS = re.compile(r"libcrypto\.so|libssl\.so|libc\.so\.6:setlocale|libjansson\.so")
# What ends where it is when memory is short, as jansson does: see tool/import.h.
ENDS = "import"
# What takes a file for damaged where memory is short, or ends the program itself.
ARCHIVE = "libarchive.so"
# Where glibc itself goes on with what it could not allocate, or aborts.
GLIBC = re.compile(r"libc\.so\.6:(getpw|getgr|glob)")
# What the policy is read from; of SETTINGS, of a folder of certificates too.
POLICY = sample_journal.POLICY + """
from pinned.example { require certificate file "partners/acme.pem"; require cipher "HIGH" }
to ours.example b\u00fccher.example { require tls; require certificate name /x/ y.example }
deliver out.example { require forward-secrecy; require certificate name mx.\u00f6ut.example }
"""
SETTINGS = """listen unix:/run/m.sock
policy p.conf
partner-certificates partners
journal none
"""
MAILLOG = """Nov 29 10:11:50 mx postfix/smtpd[3101]: connect from cl.acme.example[192.0.2.20]
Nov 29 10:11:50 mx postfix/smtpd[3101]: Anonymous TLS connection established from \
cl.acme.example[192.0.2.20]: TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)
Nov 29 10:11:51 mx postfix/smtpd[3101]: 4ABCD1: client=cl.acme.example[192.0.2.20]
Nov 29 10:11:51 mx postfix/qmgr[99]: 4ABCD1: from=<a@acme.example>, size=300, nrcpt=1 \
(queue active)
Nov 29 10:11:52 mx postfix/smtpd[3101]: disconnect from cl.acme.example[192.0.2.20]
Nov 29 10:11:53 mx postfix/smtp[3102]: SSL_connect error to mx.a.example[192.0.2.21]:25: -1
Nov 29 10:11:53 mx postfix/smtp[3102]: 4ABCD1: to=<a@a.example>, \
relay=mx.a.example[192.0.2.21]:25, delay=1, dsn=4.7.5, status=deferred (Cannot start TLS)
Nov 29 10:11:53 mx postfix/smtp[3103]: 4ABCD2: to=<b@b.example>, \
relay=mx.b.example[192.0.2.22]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
Nov 29 10:11:54 mx sm-mta[3104]: STARTTLS=client, relay=mx.c.example., version=TLSv1.3, \
verify=OK, cipher=TLS_AES_256_GCM_SHA384, bits=256/256
Nov 29 10:11:54 mx sm-mta[3104]: 5AKA00Tg000200: to=<a@c.example>, delay=00:00:01, \
mailer=esmtp, relay=mx.c.example. [192.0.2.20], dsn=2.0.0, stat=Sent (ok)
"""
FACTS = """{"from":"a@acme.example","to":"b@ours.example","tls_version":"TLSv1.1"}
{"from":"b@pinned.example","to":"b@ours.example","tls_version":"TLSv1.3",\
"cert_san":["a","b"]}
{"from":"<>","tls_version":"none"}
{"direction":"out","next_hop":"out.example:25","tls_version":"TLSv1.2"}
"""
IMPORTED = {
    "main.cf": "smtp_tls_policy_maps = inline:{ { a.example = secure ciphers=high } }\n",
    "access": "TLS_Clt:a.example\tVERIFY:112\nTLS_Srv:b.example\tENCR:128\n",
    "inbound.json": '[{"Name": "Acme", "SenderDomains": ["smtp:*.acme.example;1"], '
                    '"RequireTls": true, "TlsSenderCertificateName": "mx.acme.example"}]',
    "host.reg": "Windows Registry Editor Version 5.00\n\n"
                "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders"
                "\\SCHANNEL\\Protocols\\TLS 1.0\\Client]\n\"Enabled\"=dword:00000000\n",
}
JOURNAL = ("--journal", "journal.db", "--policy", "p.conf")
# A command's arguments, and what it reads.
COMMANDS = (
    (("check", "p.conf"), None),
    (("check", "-c", "t.conf"), None),
    (("check", "--print", "p.conf"), None),
    (("check", "bad.conf"), None),
    (("explain", "--policy", "p.conf", "from=a@acme.example", "tls_version=TLSv1.1",
      "to=b@ours.example"), None),
    (("explain", "--json", "--record", "-c", "t.conf"), "facts.jsonl"),
    (("explain", "-v", *JOURNAL, "--last", "acme.example"), None),
    (("explain", *JOURNAL, "NOPE"), None),
    (("decide", "-c", "t.conf"), "facts.jsonl"),
    (("test", "--coverage", "cases.test"), None),
    (("test", "--json", "p.test"), None),
    (("log", *JOURNAL[:2], "-n", "20"), None),
    (("log", *JOURNAL[:2], "--json", "--since", "60d", "--rule", "p.conf"), None),
    (("log", *JOURNAL[:2], "--csv", "--domain", "acme.example"), None),
    (("log", *JOURNAL[:2], "--partner", "Acmee"), None),
    (("log", *JOURNAL[:2], "--to", "b@ours.example", "--from", ".example", "--text", "x"), None),
    (("log", *JOURNAL[:2], "--client", "192.0.2.0/24", "--reason", "unknown-ca"), None),
    (("report", *JOURNAL), None),
    (("report", *JOURNAL, "--json"), None),
    (("report", *JOURNAL, "--csv"), None),
    (("report", *JOURNAL, "--html", "-"), None),
    (("report", *JOURNAL, "--mail", "--partner", "acme.example"), None),
    (("replay", *JOURNAL), None),
    (("replay", *JOURNAL, "--json"), None),
    (("replay", "--policy", "p.conf", "--maillog", "mail.log"), None),
    (("replay", "--policy", "p.conf", "--maillog", "mail.log.gz", "--json"), None),
    (("diff", "p.conf", "q.conf"), None),
    (("diff", "--json", "q.conf", "p.conf"), None),
    (("add-partner", "A", "acme.example", "x.example", "--from", ".acme.example", *JOURNAL),
     None),
    (("diagnose", "mail.log"), None),
    (("diagnose", "--json", "--system", "postfix"), "mail.log"),
    (("import", "exchange", "inbound.json"), None),
    (("import", "postfix", "main.cf"), None),
    (("import", "sendmail"), "access"),
    (("import", "schannel", "--windows", "2003", "--as-partner", "Acme",
      "acme.example", "host.reg"), None),
    (("help", "settings"), None),
)


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        out.write(text)


def fill(folder):
    """What the commands read."""
    write(folder, "p.conf", POLICY)
    write(folder, "q.conf", POLICY.replace("1.2", "1.3") + "from /x/ { exempt }\n")
    write(folder, "t.conf", SETTINGS)
    write(folder, "bad.conf", "from a.example { reqire tls }\nfrom b.example {\n")
    write(folder, "facts.jsonl", FACTS)
    write(folder, "mail.log", MAILLOG)
    for name, text in IMPORTED.items():
        write(folder, name, text)
    write(folder, "cases.test", 'policy "p.conf"\n'
          'from=a@acme.example tls_version=TLSv1.1 => tempfail\n')
    write(folder, "p.test", "from=a@acme.example tls_version=TLSv1.3 => reject \\\n"
          "    tls-version\nfrom=x@y.example => accept\n")
    with gzip.open(os.path.join(folder, "mail.log.gz"), "wt") as out:
        out.write(MAILLOG)
    shutil.copytree(os.path.join(CASES, "policy", "good", "certificate-files", "partners"),
                    os.path.join(folder, "partners"))
    sample_journal.fill(os.path.join(folder, "journal.db"),
                        datetime.datetime.fromtimestamp(shortage.NOW, datetime.timezone.utc),
                        days=2, domains=13)


Round = collections.namedtuple("Round", "number status count live where out errors sites")


def play(folder, command, reads, numbers, **words):
    """The rounds of a command; see shortage.c."""
    rounds = runner.tempfile.mkdtemp(dir=folder)
    control = shortage.Shortage(rounds, folder=rounds, now=shortage.NOW, **words)
    write(rounds, "numbers", "\n".join(map(str, numbers)))
    with open(os.path.join(folder, reads) if reads else os.devnull, "rb") as stream:
        subprocess.run([runner.TLSWARD, *command], stdin=stream, cwd=folder, check=True,
                       env={**control.environment, "PATH": runner.NO_POSTCONF,
                            "LC_ALL": "C.UTF-8"})
    try:
        with open(os.path.join(rounds, "rounds"), encoding="utf-8") as lines:
            for line in lines:
                number, status, count, live, _, where = re.match(
                    r"(\d+) (-?\d+) (\d+) (-?\d+)( (.*))?$", line).groups()
                yield Round(int(number), int(status), int(count), int(live), where or "",
                            contents(rounds, number, "out"), contents(rounds, number, "err"),
                            contents(rounds, number, "sites") if control.telling else b"")
    finally:
        shutil.rmtree(rounds)


def contents(rounds, number, suffix):
    with open(os.path.join(rounds, "%s.%s" % (number, suffix)), "rb") as text:
        return text.read()


def wrong(tried, whole, may_leak):
    """What is wrong with a round, by one with memory enough; None: nothing.

    Where memory is short for good jansson's ends the command before all is freed.
    """
    same = (tried.status, tried.out, tried.errors) == (whole.status, whole.out, whole.errors)
    if tried.status in (-6, -11) and GLIBC.search(tried.where):
        return None
    if tried.status in (1, 2) and tried.errors and ARCHIVE in tried.where:
        return None
    if not same and tried.status != 2:
        return "status %d and another answer: %r" % (tried.status, tried.errors[-300:])
    if not same and not NO_MEMORY.search(tried.errors):
        return "nothing says that memory is short: %r" % tried.errors[-300:]
    if not may_leak and tried.live > whole.live and not LEAKS.search(tried.where):
        return "%d blocks are not freed" % (tried.live - whole.live)
    return None


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = runner.tempfile.mkdtemp(prefix="tlsward-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        fill(cls.folder)
        cls.seen = collections.defaultdict(set)

    def chosen(self, whole, kind):
        """The numbers of those that are tried; "kind" is what was tried already."""
        if TRIED is not None:
            return shortage.spread(whole.count, TRIED)
        sites = [site for site, in struct.iter_unpack("=Q", whole.sites)]
        self.assertEqual(len(sites), whole.count)
        first = {site: number for number, site in reversed(list(enumerate(sites, 1)))}
        new = set(first) - self.seen[kind]
        self.seen[kind] |= new
        return sorted(first[site] for site in new)

    def hold(self, command, reads, whose, lasting):
        """All rounds of a command, or so many of them."""
        whole = next(play(self.folder, command, reads, (ENOUGH,), whose=whose, telling=1))
        self.assertIn(whole.status, (0, 1), whole.errors)
        for tried in play(self.folder, command, reads, self.chosen(whole, (whose, lasting)),
                          whose=whose, lasting=lasting):
            why = wrong(tried, whole, lasting or command[0] == ENDS)
            if why:
                raise runner.Failure("%s, allocation %d of %d%s (whose %d): %s\n  at %s" % (
                    " ".join(command), tried.number, whole.count,
                    " and all after it" if lasting else "", whose, why, tried.where))

    def test_each_of_ours(self):
        for command, reads in COMMANDS:
            for lasting in (0, 1):
                self.hold(command, reads, shortage.OURS, lasting)

    def test_each_of_the_libraries(self):
        for command, reads in COMMANDS:
            self.hold(command, reads, shortage.LIBRARIES, 0)


if __name__ == "__main__":
    sys.exit(runner.main())
