#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward probe: whether a server would keep the rule on mail to it."""

import functools
import os
import re
import sys
from collections import namedtuple

from tool import Folder, main, run, runner

from mta.pki import EC, RSA, openssl
from probe import hello, smtp
from probe.smtp import tls
from probe.world import Shared, expect

PATIENCE = "2"

GCM = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
CBC = "ECDHE-RSA-AES128-SHA"

# What a server is made of, by its name.
HOSTS = {
    "good": lambda c, host: {"tls": tls(c.good(host, RSA), lowest="TLSv1", suites="ECDHE+AES")},
    "both": lambda c, host: {"tls": tls(c.good(host, EC), c.good(host, RSA))},
    "tls12": lambda c, host: {"tls": tls(c.good(host, RSA), highest="TLSv1.2", suites=GCM)},
    "cbc": lambda c, host: {"tls": tls(c.good(host, RSA), highest="TLSv1.2", suites=CBC)},
    "tls13": lambda c, host: {"tls": tls(c.good(host, RSA), lowest="TLSv1.3")},
    "tls10": lambda c, host: {"tls": tls(c.good(host, RSA), highest="TLSv1", lowest="TLSv1",
                                         suites="ECDHE+AES")},
    "clear": lambda c, host: {},
    "self-signed": lambda c, host: {"tls": tls(c.self_signed(host))},
    "elsewhere": lambda c, host: {"tls": tls(c.good("other.example"))},
    "broken": lambda c, host: {"tls": tls(c.good(host)),
                               "steps": {"hello": smtp.sends(hello.alert(40))}},
    "down": lambda c, host: {"steps": {"banner": smtp.says("421 4.3.2 too busy")}},
}

# What is in the block of the rule, by which server, whether it is met, the requirements
# that are not, and what the first line says.
Rule = namedtuple("Rule", "host block met unmet says")
RULES = [
    Rule("good", "require tls >= 1.2", True, {}, "would keep the rule for it: TLS 1.3"),
    Rule("good", "require tls >= 1.3", True, {}, "would keep"),
    Rule("tls12", "require tls >= 1.3", False, {"tls": "TLS 1.2"},
         "would not keep the rule for it: TLS 1.2, and TLS 1.3 or newer is required"),
    Rule("tls10", "require tls", True, {}, "would keep"),
    Rule("tls10", "require tls >= 1.2", False, {"tls": "TLS 1.0"}, "TLS 1.0, and TLS 1.2"),
    Rule("clear", "require tls", False, {"tls": "clear text alone"},
         "would not keep the rule for it: clear text alone"),
    Rule("clear", "require certificate name \"mx.good.example\"", False, {
        "tls": "clear text alone", "certificate name": "clear text alone"}, "clear text"),
    Rule("clear", "require nothing", True, {}, "would keep"),
    Rule("clear", "exempt", None, {}, "does not offer STARTTLS.*exempts it"),
    Rule("broken", "require tls", False, {"tls": "no handshake of ours succeeds"}, "no handshake"),
    Rule("down", "require tls", None, {}, "cannot be asked: it refuses us"),
    # Suites: what there is beside them is of no account.
    Rule("good", "require aead require forward-secrecy", True, {}, "would keep"),
    Rule("cbc", "require aead", False, {"aead": CBC}, CBC),
    Rule("cbc", "require bits >= 128", True, {}, "would keep"),
    Rule("cbc", "require bits >= 256", False, {"bits": CBC}, "256"),
    Rule("tls12", "require bits >= 256", True, {}, "would keep"),
    Rule("tls12", "require cipher \"AES128\" require tls >= 1.2", True, {}, "would keep"),
    Rule("tls12", "require cipher \"AES256\"", True, {}, "would keep"),
    Rule("tls12", "require cipher \"CHACHA20\"", False, {"cipher": ""}, "would not keep"),
    # What no MTA can be told of TLS 1.3 leaves TLS 1.2 as the most.
    Rule("good", "require ciphersuites \"TLS_AES_256_GCM_SHA384\"", True, {}, "would keep"),
    Rule("tls13", "require ciphersuites \"TLS_AES_256_GCM_SHA384\"", False, {
        "tls": "none of which", "ciphersuites": "none of which"}, "would not keep"),
    # Certificates.
    Rule("good", "require certificate", True, {}, "would keep"),
    Rule("good", "require certificate name \"good.example\"", True, {}, "would keep"),
    Rule("good", "require certificate name \"mx.good.example\"", False, {
        "certificate name": "good.example"}, "mx.good.example"),
    Rule("self-signed", "require tls", True, {}, "would keep"),
    Rule("self-signed", "require certificate", False, {
        "certificate": "a self-signed one"}, "self-signed"),
    Rule("elsewhere", "require certificate", False, {
        "certificate": "but for other.example"}, "other.example"),
    Rule("elsewhere", "require certificate name \"other.example\"", True, {}, "would keep"),
    Rule("good", "require dane", False, {"dane": "no TLSA records"}, "TLSA"),
    # What may be unmet.
    Rule("tls12", "require tls >= 1.3 otherwise accept", True, {"tls": "TLS 1.2"},
         "would keep"),
    Rule("clear", "monitor require tls", False, {"tls": "clear text alone"},
         r"\(under monitor: it is not enforced\)"),
]


world = Shared(lambda place: {
    name: place.host(name + ".example", **make(place.chains, name + ".example"))
    for name, make in HOSTS.items()})


def policy_file(place, number, text):
    path = os.path.join(place.folder, "rule-%d.conf" % number)
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
    return path


def probe_rule(number, rule):
    place, hosts = world()
    server = hosts[rule.host]
    policy = policy_file(place, number, "deliver %s {\n\t%s\n}\n" % (
        server.name, re.sub(r"(?<!^) require", "\n\trequire", rule.block)))
    outcome = place.probe("--patience", PATIENCE, "--policy", policy,
                          "%s:%d" % (server.name, server.port))
    report = outcome.report
    expect(report is not None, "no JSON", outcome)
    expect(report["met"] is rule.met, "met", outcome)
    expect(re.search(rule.says, report["answer"]), "answer", outcome)
    unmet = {each["kind"]: each["offered"] for each in report["requirements"]
             if each["met"] is not True}
    expect(set(unmet) == set(rule.unmet) and all(
        rule.unmet[kind] in offered for kind, offered in unmet.items()), "unmet", outcome)
    expect(rule.met is not False or outcome.status == 1, "status", outcome)


def test_pin():
    """A certificate's fingerprint, and another."""
    place, hosts = world()
    server = hosts["good"]
    good, = re.findall(r"sha256 Fingerprint=(\S+)", openssl(
        "x509", "-in", place.chains.good(server.name, RSA)[0], "-noout", "-fingerprint",
        "-sha256"))
    for number, (pin, met) in enumerate(((good, True), ("AB" + good[2:], False))):
        policy = policy_file(place, 1000 + number, "deliver %s { require certificate "
                             "fingerprint sha256:%s }\n" % (
                                 server.name, pin.replace(":", "").lower()))
        outcome = place.probe("--policy", policy, "%s:%d" % (server.name, server.port))
        expect(outcome.report["met"] is met, "met by %s" % pin, outcome)


def test_pins_of_both_keys():
    """What clients of either kind are shown must be pinned, or it depends on them."""
    place, hosts = world()
    server = hosts["both"]
    pins = ["sha256:" + re.findall(r"sha256 Fingerprint=(\S+)", openssl(
        "x509", "-in", place.chains.good(server.name, key)[0], "-noout", "-fingerprint",
        "-sha256"))[0].replace(":", "").lower() for key in (EC, RSA)]
    for number, (pinned, met) in enumerate(((pins, True), (pins[:1], None), (pins[1:], None),
                                            (["sha256:" + "ab" * 32], False))):
        policy = policy_file(place, 1100 + number, "deliver %s { require certificate "
                             "fingerprint %s }\n" % (server.name, " ".join(pinned)))
        outcome = place.probe("--policy", policy, "%s:%d" % (server.name, server.port))
        expect(outcome.report["met"] is met, "met by %s" % pinned, outcome)
        offered = [each["offered"] for each in outcome.report["requirements"]
                   if each["kind"] == "certificate fingerprint"]
        expect(met is not None or all(pin in offered[0] for pin in pins), "offered", outcome)


def test_no_rule():
    """The first line says what there is, and that no rule is on it."""
    place, hosts = world()
    policy = policy_file(place, 2000, "deliver acme.example { require tls }\n")
    server = hosts["good"]
    outcome = place.probe("--policy", policy, "%s:%d" % (server.name, server.port))
    expect(outcome.report["met"] is None and re.search(
        r"offers TLS 1\.0, 1\.1, 1\.2 and 1\.3; certificate is valid for it until 20\d\d-.*"
        r"\(no rule is on mail to it\)", outcome.report["answer"]), "answer", outcome)
    expect(outcome.status == 0, "status", outcome)


def test_brackets():
    """As a next hop, a name in brackets is a host, and a name alone a domain."""
    place, hosts = world()
    name = hosts["good"].name
    for operand, is_domain in (("[%s]" % name, False), (name, True)):
        outcome = place.probe(operand)
        expect((outcome.report["is_domain"], outcome.report["asked"]) == (is_domain, name),
               operand, outcome)


def test_agreement():
    """Of a partner: its name is said, and where it stands."""
    place, hosts = world()
    server = hosts["good"]
    policy = policy_file(place, 2001, "partner \"Good Ltd\" {\n\tdomain %s\n\toutgoing {\n"
                         "\t\trequire tls >= 1.2\n\t}\n}\n" % server.name)
    outcome = place.probe("--policy", policy, "%s:%d" % (server.name, server.port))
    expect("would keep the agreement with Good Ltd" in outcome.report["answer"], "answer",
           outcome)
    expect(outcome.report["rule"]["partner"] == "Good Ltd" and
           outcome.report["rule"]["place"] == "rule-2001.conf:3", "rule", outcome)


def test_text():
    """A screen for a good server, in 80 columns, without a control character."""
    place, hosts = world()
    for host in ("good", "clear", "self-signed"):
        status, said, errors = run(
            "probe", "--resolver", place.resolver, "--ca", place.chains.ca,
            "--anchor", place.anchor, "%s:%d" % (hosts[host].name, hosts[host].port))
        lines = said.split("\n")
        if errors or status != (0 if host == "good" else 1) or len(lines) > 24 or \
                max(map(len, lines)) > 80 or re.search(r"[^\n -~]", said):
            raise runner.Failure("%d, %d lines: %s%s" % (status, len(lines), said, errors))


class Calls(Folder):
    def call(self, *arguments):
        return run("probe", *arguments)

    def test_wrong(self):
        """Said in a line, before anything is asked."""
        for arguments, says in (
                ((), "usage: tlsward probe"),
                (("a.example", "b.example"), "usage: tlsward probe"),
                (("a.example:0",), "has no port behind the colon"),
                (("a.example:65536",), "has no port behind the colon"),
                (("a.example:smtp",), "has no port behind the colon"),
                (("[::1",), "has no port behind the colon"),
                (("[::1]25",), "has no port behind the colon"),
                (("",), "is neither a host nor a domain"),
                ((".example",), "is neither a host nor a domain"),
                (("a" * 999,), "is too long"),
                (("--patience", "0", "a.example"), "--patience is a number"),
                (("--patience", "31", "a.example"), "--patience is a number"),
                (("--patience", "2s", "a.example"), "--patience is a number"),
                (("--ca", os.path.join(self.folder, "none"), "a.example"), "cannot be read"),
                (("--ca", __file__, "a.example"), "has no certificates"),
                (("--policy", os.path.join(self.folder, "none"), "a.example"), "none")):
            status, said, errors = self.call(*arguments)
            self.assertEqual((status, said), (2, ""), arguments)
            self.assertIn(says, errors)

    def test_nobody_there(self):
        """An address at which nothing listens."""
        for operand in ("127.0.0.1:1", "[127.0.0.1]:1", "localhost:1"):
            status, said, errors = self.call(operand)
            self.assertEqual((status, errors), (2, ""), said)
            self.assertRegex(said, r"^\S+:1 cannot be asked: there is no connection")


def all_cases():
    for number, rule in enumerate(RULES):
        yield "%s-%s" % (rule.host, re.sub(r"\W+", "-", rule.block).strip("-")), \
            functools.partial(probe_rule, number, rule)


if __name__ == "__main__":
    sys.exit(main(cases=all_cases(), threads=2))
