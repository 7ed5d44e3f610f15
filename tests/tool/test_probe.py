#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward probe: servers with a planted fault each, and hostile ones."""

import concurrent.futures
import functools
import os
import re
import signal
import subprocess
import sys
import threading
import unittest

from tool import main, runner

from mta import lan, pki, postfix, sendmail, waiting, workspace
from probe import cases, domains, smtp
from probe.world import Outcome, Shared, World, expect, obstacle, probe

DOMAINS_LOCK = threading.Lock()
THREADS = 12
MTA = "mx.test.example"		# that of the certificates of mta/pki.py
FAULTS = ("fault", "warning")


def _hosts(place):
    """All servers by the name of their case."""
    place.root.address(MTA, "127.0.0.1")
    return {each.name: place.host(each.host, **each.make(place.chains, each.host))
            for each in cases.SERVERS + cases.HOSTILE}


world = Shared(_hosts)


def found(outcome, host=lambda name: ""):
    """The findings that are faults or warnings, with what host() makes of their host."""
    return {(host(each.get("host") or "") + " " + each["id"]).strip()
            for each in outcome.report["findings"] if each["level"] in FAULTS}


def has_fault(outcome):
    """Whether it has more than warnings."""
    return any(each["level"] == "fault" for each in outcome.report["findings"])


def expect_tells(tells, said, outcome, path=""):
    for name, value in tells.items():
        if isinstance(value, dict):
            expect_tells(value, said[name], outcome, path + name + ".")
        else:
            expect(said[name] == value, "%s%s: %r" % (path, name, said[name]), outcome)


def expect_manners(server, sessions, outcome, most=cases.QUICK):
    """It said what a stranger may say, took its leave, and did not hurry."""
    said = [session.verbs() for session in sessions]
    expect({verb for verbs in said for verb in verbs} <= {"EHLO", "STARTTLS", "QUIT"},
           "it said %s" % said, outcome)
    expect(not server.crowded, "two connections at a time", outcome)
    expect(1 <= len(said) <= most, "%d connections" % len(said), outcome)
    if not server.steps:
        expect(all(session.verbs()[-1] == "QUIT" for session in sessions
                   if session.inside or not session.hello), "no QUIT: %s" % said, outcome)


def ask(name, *options, how=None):
    """A probe of a server by the name of its case, and the sessions that came of it."""
    place, hosts = world()
    server = hosts[name]
    with server.asking:
        before = len(server.sessions)
        outcome = (how or place.probe)(*options, "%s:%d" % (server.name, server.port))
        # What was said last may not have been read yet.
        waiting.until("the server's sessions end", lambda: all(
            session.end is not None for session in server.sessions[before:]))
        return outcome, server.sessions[before:]


def probe_case(each):
    """What a probe of that server finds."""
    outcome, sessions = ask(each.name, "--patience", str(each.patience))
    expect(outcome.report is not None, "no JSON", outcome)
    expect(found(outcome) == each.finds, "found %s, planted %s" % (
        sorted(found(outcome)), sorted(each.finds)), outcome)
    expect(outcome.status == has_fault(outcome), "status %d" % outcome.status, outcome)
    expect_tells(each.tells, outcome.report["hosts"][0]["addresses"][0], outcome)
    expect_manners(world()[1][each.name], sessions, outcome, each.most)


def test_all_suites_in_their_order():
    outcome, _ = ask("good-own-order", "--full")
    address = outcome.report["hosts"][0]["addresses"][0]
    expect(address["suites_whole"] is True, "suites_whole", outcome)
    expect([each["name"] for each in address["suites"]] == list(cases.ORDER), "suites",
           outcome)


AGREEMENT = """partner "Acme" {
    domain servers.example
    outgoing { require tls >= 1.2; require certificate name good.servers.example }
}
"""


def test_agreement():
    place, _ = world()
    policy = os.path.join(place.folder, "policy.conf")
    with open(policy, "w", encoding="ascii") as out:
        out.write(AGREEMENT)
    for name, tls, shown in (("good", True, True), ("good-rsa", True, False),
                             ("clear", False, False), ("tls10-alone", False, False),
                             ("wrong-name", True, False)):
        outcome, _ = ask(name, "--policy", policy)
        expect(outcome.report["met"] is (tls and shown), name, outcome)
        expect([each["met"] for each in outcome.report["requirements"]] == [tls, shown],
               name, outcome)
        expect(outcome.status == (0 if tls and shown else 1), "status of " + name, outcome)
        expect("Acme" in outcome.report["answer"], "answer of " + name, outcome)


def test_what_a_server_says_is_escaped():
    place, _ = world()
    for name in ("escapes", "binary", "no-tls-for-you", "hello-plain"):
        text, _ = ask(name, "probe", "--resolver", place.resolver, how=probe)
        expect(text.output.replace("\n", "").isprintable() and name in
               text.output.split("\n")[0], name, text)
        expect(not text.errors, "errors of " + name, text)


# What is not asked at all, and what to write in its place.
WRONG = {
    "": "neither a host nor a domain", "two words": "neither a host nor a domain",
    ":25": "neither a host nor a domain", "x\33[31m": "\\u001B",
    "https://acme.example/": "its host alone", "joe@acme.example": "behind the @",
    "acme.example:99999": "from 1 to 65535", "acme.example:smtp": "from 1 to 65535",
    "acme.example:": "from 1 to 65535", "127.0.0.1:0": "from 1 to 65535",
    "a" * 300 + ".example": "too long"}


def test_wrong_operands():
    for operand, what in WRONG.items():
        outcome = probe("probe", "--", operand)
        expect(outcome.status == 2 and what in outcome.errors and not outcome.output,
               "operand %r" % operand, outcome)
    outcome = probe("probe", "one.example", "two.example")
    expect(outcome.status == 2 and "one host or domain at a time" in outcome.errors,
           "two operands", outcome)


def test_wrong_options():
    place, _ = world()
    for options, what in (
            (("--resolver", "nonsense"), "--resolver takes ADDRESS or ADDRESS@PORT, and not "
             "nonsense"),
            (("--anchor", place.folder + "/none"), "the root keys of DNSSEC cannot be read"),
            (("--anchor", place.chains.ca), "no root keys of DNSSEC are in ")):
        outcome = probe("probe", *options, "acme.example")
        expect(outcome.status == 2 and what in outcome.errors and not outcome.output,
               "options %r" % (options,), outcome)


def test_heavy_chain_is_named():
    outcome, _ = ask("heavy-chain", "--patience", "3")
    expect("its certificates are larger than the 100 KB" in outcome.output, "why", outcome)


def test_interrupted():
    place, hosts = world()
    server = hosts["silent"]
    with server.asking:
        before = len(server.sessions)
        with subprocess.Popen(
                (runner.TLSWARD, "probe", "--resolver", place.resolver, "--anchor",
                 place.anchor, "%s:%d" % (server.name, server.port)),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                env=dict(os.environ, PATH=runner.NO_POSTCONF)) as run:
            waiting.until("a connection", lambda: len(server.sessions) > before)
            with open("/proc/%d/status" % run.pid, encoding="ascii") as status:
                users = re.search(r"Uid:\s+(.*)", status.read())[1].split()
            run.send_signal(signal.SIGINT)
            output = run.communicate(timeout=runner.TIMEOUT)[0].decode()
    outcome = Outcome(run.returncode, None, output, "")
    expect(os.geteuid() != 0 or "0" not in users, "it is still root", outcome)
    expect(run.returncode == 2, "status", outcome)
    expect(output.startswith("interrupted, not all was asked: "), "first line", outcome)
    expect("(no-" not in output and "(not-all-asked)" in output, "findings", outcome)


# Domains: port 25 of all their hosts, in a network of its own

def ask_all():
    """What probes of all domains find, by the name of their case."""
    folder = workspace.folder()
    place = World(folder, port=25)
    try:
        with domains.make_all(place), place, \
                concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            return dict(zip([each.name for each in domains.CASES], pool.map(
                lambda each: place.probe("--patience", str(each.patience), each.domain),
                domains.CASES)))
    finally:
        workspace.remove(folder)


@functools.lru_cache(maxsize=None)
def _asked():
    return lan.run({}, ask_all)


def asked():
    """See ask_all()."""
    with DOMAINS_LOCK:
        return in_network(_asked)


def in_network(function):
    """Calls it where there may be a network of its own."""
    if obstacle() or os.geteuid() != 0:
        raise runner.Skipped(obstacle() or "not root: port 25 needs it")
    try:
        return function()
    except lan.Refused as error:
        raise runner.Skipped(str(error)) from error


def probe_domain(each):
    """What a probe of that domain finds."""
    outcome = asked()[each.name]
    expect(outcome.report is not None, "no JSON", outcome)
    if "built without" in (outcome.report["sts"].get("trouble") or ""):
        raise runner.Skipped(outcome.report["sts"]["trouble"])
    seen = found(outcome, lambda host: host[:-len(each.domain)].strip("."))
    expect(seen == each.finds, "found %s, planted %s" % (sorted(seen), sorted(each.finds)),
           outcome)
    expect(seen or outcome.report["is_domain"], "is_domain", outcome)
    expect((outcome.status > 0) == has_fault(outcome), "status %d" % outcome.status, outcome)


# Real mail servers

class RealServers(unittest.TestCase):
    """What is told of a Postfix and a Sendmail as it is; they have nothing to hide."""

    def setUp(self):
        self.folder = workspace.folder()
        self.addCleanup(workspace.remove, self.folder)

    def ask(self, port, *finds):
        place, _ = world()
        outcome = place.probe("%s:%d" % (MTA, port))
        self.assertEqual(found(outcome), set(finds), outcome)
        address = outcome.report["hosts"][0]["addresses"][0]
        self.assertEqual(address["authorities"], ["CN=%s,O=Test CA Org" % pki.CA_NAME])
        return address, outcome

    def expect_log(self, text):
        """What their log says of it: nobody was addressed."""
        self.assertIn("127.0.0.1", text)
        self.assertNotRegex(text, r"mail=\d|rcpt=\d|reject")

    def postfix(self, *finds, **parameters):
        if postfix.obstacle():
            self.skipTest(postfix.obstacle())
        with postfix.Postfix(self.folder, workspace.pki(), **parameters) as server:
            address, _ = self.ask(server.port, *finds)
            self.expect_log(server.log_text())
        return address

    def test_postfix(self):
        address = self.postfix()
        self.assertTrue(address["wants_certificate"])
        self.assertTrue(address["anonymous"] is False)	# as it asks for certificates
        self.assertIn("Postfix", address["banner"])

    def test_postfix_of_long_ago(self):
        address = self.postfix("old-tls-only", smtpd_tls_protocols="TLSv1",
                               smtpd_tls_mandatory_protocols="TLSv1",
                               tls_medium_cipherlist="ALL:@SECLEVEL=0",
                               tls_high_cipherlist="ALL:@SECLEVEL=0",
                               smtpd_tls_ciphers="medium")
        self.assertEqual(address["protocol"], "TLSv1.0")

    def test_postfix_requires_certificates(self):
        self.postfix("client-certificate", smtpd_tls_security_level="encrypt",
                     smtpd_tls_req_ccert="yes")

    def test_sendmail(self):
        if os.geteuid() != 0 or sendmail.obstacle():
            self.skipTest(sendmail.obstacle() or "not root")
        with sendmail.Sendmail(self.folder, workspace.pki(), "none",
                               ("define(`INPUT_MAIL_FILTER', `')",)) as server:
            address, _ = self.ask(server.port)
            self.expect_log(server.log_text())
        self.assertTrue(address["protocols"]["TLSv1.3"])


# Manners

def ask_from_afar():
    """A probe of an address that is not loopback's: the times at which it came."""
    folder = workspace.folder()
    place = World(folder, port=25, addresses=["192.0.2.10"])
    try:
        server = place.host("far.example", tls=smtp.tls(place.chains.good("far.example")))
        with place:
            return place.probe("far.example:25"), [each.begin for each in server.sessions]
    finally:
        workspace.remove(folder)


def test_it_takes_its_time():
    outcome, times = in_network(lambda: lan.run({"192.0.2.10": None}, ask_from_afar))
    expect(found(outcome) == set(), "found", outcome)
    expect(len(times) <= cases.QUICK, "%d connections" % len(times), outcome)
    expect(times[-1] - times[0] >= 0.8 * (len(times) - 1), "at %s" % times, outcome)


def all_cases():
    for each in domains.CASES:
        yield "domain-" + each.name, functools.partial(probe_domain, each)
    for each in cases.SERVERS + cases.HOSTILE:
        yield each.name, functools.partial(probe_case, each)


if __name__ == "__main__":
    sys.exit(main(cases=all_cases(), threads=THREADS))
