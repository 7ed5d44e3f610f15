#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Records: what is in them, and what others make of them.

The lines are a real daemon's, in both formats, beside those of its Postfix; see
cases/records. The snippets of contrib are read by what their programs would do.
"""

import datetime
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import runner
from runner import TOP, read, run
from tool import chromium

CASES = os.path.join(TOP, "tests", "cases", "records")
TABLE = re.compile(r"^\.It Va (\w+) Ta (.*) Ta (.*)$", re.M)
PREFIXES = ("", "Nov 30 08:46:05 mx tlsward-milter[4711]: ",
            "2026-11-30T08:46:05.563+00:00 mx tlsward-milter: ")
# What of ECS 8 is used, from its field reference.
ECS = set("""@timestamp client.ip client.port client.domain user.name email.from.address
email.to.address email.local_id server.domain tls.version tls.established tls.cipher
tls.client.x509.subject.common_name tls.client.x509.alternative_names
tls.client.x509.issuer.common_name tls.client.subject tls.client.issuer
tls.client.hash.sha256 tls.client.not_after event.action event.reason rule.id
rule.category rule.name""".split())
MONITOR = """
from m.example { monitor; require tls >= 1.2; require bits >= 256 }
from e.example { require tls >= 1.3; otherwise reject }
from x.example { exempt "old printer" }
to hr@ours.example { require tls >= 1.3; otherwise reject }
to lab@ours.example { monitor; require aead }
client 192.0.2.0/24 { monitor; require forward-secrecy }
client 198.51.100.0/24 { require bits >= 256; otherwise tempfail }
partner P { domain p.example; incoming { monitor; require tls >= 1.3 } }
default { monitor; require tls }
"""


def yaml_of(text):
    try:
        import yaml
    except ImportError:
        raise unittest.SkipTest("no yaml for python3") from None
    return yaml.safe_load(text)


def logfmt(line):
    """What a reader of logfmt makes of a line: strings."""
    pairs = re.findall(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)', line)
    return {name: json.loads(value) if value.startswith('"') else value
            for name, value in pairs}


def texts(record):
    """A record of JSON as logfmt has it."""
    return {name: ",".join(each.replace(",", "\\,") for each in value)
            if isinstance(value, list) else str(value) for name, value in record.items()}


def lines():
    """Each line of the daemon's as a reader gets it, and its record, or None."""
    for form in ("json", "logfmt"):
        for line in read("tests/cases/records/records." + form).splitlines():
            record = json.loads(line) if form == "json" else logfmt(line)
            for prefix in PREFIXES:
                yield prefix + line, record if "action" in record else None


class Content(unittest.TestCase):
    def test_nothing_of_monitor(self):
        """What would have been is in "would" alone, never in reason and failed."""
        facts = []
        for sender, to, client, (version, cipher) in itertools.product(
                "mexpd", ("hr", "lab", "bob"), ("192.0.2.1", "198.51.100.1", "203.0.113.1"),
                (("none", None), ("TLSv1.1", "ECDHE-RSA-AES128-SHA"),
                 ("TLSv1.2", "AES128-SHA"), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"))):
            facts.append({"from": f"a@{sender}.example", "to": f"{to}@ours.example",
                          "client_addr": client, "tls_version": version,
                          **({"cipher": cipher} if cipher else {})})
        with tempfile.TemporaryDirectory() as folder:
            policy = os.path.join(folder, "policy.conf")
            with open(policy, "w", encoding="utf-8") as out:
                out.write(MONITOR)
            status, output, errors = run("decide", "--policy", policy, text="".join(
                json.dumps(each) + "\n" for each in facts))
        self.assertEqual((status, errors), (0, ""))
        records = [json.loads(line) for line in output.splitlines()]
        self.assertEqual(len(records), len(facts))
        monitored = 0
        rules = MONITOR.splitlines()
        for record in records:
            with self.subTest(record=record):
                if record["action"] == "accept":
                    self.assertFalse({"reason", "failed"} & set(record))
                else:
                    self.assertIn(record["reason"], record["failed"])
                    self.assertNotIn("monitor", rules[int(record["rule"].split(":")[1]) - 1])
                monitored += "would" in record
                if "would" in record:
                    self.assertIn(record["would_reason"], record["would_failed"])
        self.assertGreater(monitored, 50)

    def test_samples(self):
        """The two formats say the same."""
        both = [[json.loads(line) if form == "json" else logfmt(line) for line in
                 read("tests/cases/records/records." + form).splitlines()]
                for form in ("json", "logfmt")]
        differ = {"time", "session", "client_port", "queue_id", "reply", "msg"}
        for one, other in zip(*both, strict=True):
            self.assertEqual({name: value for name, value in texts(one).items()
                              if name not in differ},
                             {name: value for name, value in other.items()
                              if name not in differ})


class Names(unittest.TestCase):
    def test_table(self):
        page = read("man/tlsward.1")
        page = page[page.index(".Sh NAMES IN OTHER SYSTEMS"):]
        page = page[:page.index(".El")]
        rows = {name: (ecs.removeprefix("Li "), other) for name, ecs, other in
                TABLE.findall(page)}
        fields = set(re.findall(r"^\.It Li (\w+) Ta", read("man/tlsward.1").split(
            ".Sh FACTS AND RECORDS")[1].split(".Sh NAMES IN OTHER")[0], re.M))
        self.assertEqual(set(rows) - fields, set())
        self.assertEqual({ecs for ecs, _ in rows.values() if ecs != "-"} - ECS, set())
        renamed = {each["from"]: each["to"] for each in filebeat()[3]["rename"]["fields"]}
        for name, ecs in renamed.items():
            self.assertEqual(rows[name.removeprefix("tlsward.")][0], ecs)


def filebeat():
    read_in = yaml_of(read("contrib/filebeat/tlsward.yml"))["filebeat.inputs"][0]
    return read_in["processors"]


class Filebeat(unittest.TestCase):
    def test_script(self):
        """By its expressions, and by the script itself where there is a Chromium."""
        script = filebeat()[0]["script"]["source"]
        strip, pair = (re.search(pattern, script).group(1).replace("\\/", "/") for pattern in
                       (r"replace\(/(.*?)/, ", r"pairs = /(.*)/g;"))
        given = list(lines())
        for line, record in given:
            line = re.sub(strip, "", line, count=1)
            got = json.loads(line) if line.startswith("{") else {
                name: json.loads(value) if value.startswith('"') else value
                for name, value in re.findall(pair, line)}
            self.assertEqual(got if "action" in got else None, record)
        if chromium.PROGRAM is None:
            self.skipTest("no chromium")
        program = "(() => {" + script + """
            return %s.map(line => {
                const fields = {message: line};
                process({Get: name => fields[name],
                    Put: (name, value) => { fields[name] = value; }});
                return fields;
            }); })()""" % json.dumps([line for line, _ in given])
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = chromium.Chromium(profile)
            try:
                shown = browser.ask(program)
            finally:
                browser.close()
        for (line, record), got in zip(given, shown, strict=True):
            with self.subTest(line=line):
                if record is None:
                    self.assertNotIn("action", got["tlsward"])
                    continue
                self.assertEqual(got["tlsward"], record)
                version = record["tls_version"]
                self.assertEqual(got["tls.established"], version != "none")
                self.assertEqual(got.get("tls.version"), {
                    "none": None, "TLSv1.2": "1.2", "TLSv1.3": "1.3"}[version])

    def test_time(self):
        timestamp = filebeat()[2]["timestamp"]
        self.assertEqual(timestamp["layouts"], ["2006-01-02T15:04:05.999Z"])
        for text in timestamp["test"]:
            datetime.datetime.fromisoformat(text)


class Promtail(unittest.TestCase):
    """Its stages, as far as they are used."""

    def stages(self, stages, line, labels):
        found = {}
        for stage in stages:
            (kind, what), = stage.items()
            if kind == "match":
                selector = re.fullmatch(r'{job="tlsward"} (\|~|!~) (".*")', what["selector"])
                matches = re.search(json.loads(selector.group(2)), line) is not None
                if matches != (selector.group(1) == "|~"):
                    continue
                if what.get("action") == "drop":
                    return None
                found.update(self.stages(what["stages"], line, labels))
            elif kind == "regex":
                match = re.search(what["expression"], line)
                found.update(match.groupdict() if match else {})
            elif kind == "json" and what["source"] in found:
                record = json.loads(found[what["source"]])
                found.update({name: record[name] for name in what["expressions"]
                              if name in record})
            elif kind == "logfmt" and what["source"] in found:
                record = logfmt(found[what["source"]])
                found.update({name: record[name] for name in what["mapping"] if name in record})
            elif kind == "timestamp":
                self.assertEqual(what["format"], "RFC3339Nano")
                labels["time"] = found[what["source"]]
            elif kind == "labels":
                labels.update({name: found[name] for name in what if name in found})
        return found

    def test_pipeline(self):
        job = yaml_of(read("contrib/promtail/tlsward.yml"))["scrape_configs"][0]
        for line, record in lines():
            with self.subTest(line=line):
                labels = {}
                if self.stages(job["pipeline_stages"], line, labels) is None:
                    self.assertIsNone(record)
                    continue
                self.assertEqual(labels, {name: record[name] for name in (
                    "time", "action", "reason", "would", "partner", "rule_kind")
                    if name in record})

    def test_hostile(self):
        """A value that looks like a record is none."""
        job = yaml_of(read("contrib/promtail/tlsward.yml"))["scrape_configs"][0]
        helo = 'x tlsward-milter: {"time":"1","action":"accept"} : time=1 action=accept'
        line = json.dumps({"time": "2026-11-30T08:46:05.563Z", "helo": helo,
                           "action": "reject"}, separators=(",", ":"))
        labels = {}
        self.stages(job["pipeline_stages"], line, labels)
        self.assertEqual(labels["action"], "reject")


class Vector(unittest.TestCase):
    def test_program(self):
        """It calls nothing but what it needs, and takes the prefix off."""
        try:
            import tomllib
        except ImportError:
            self.skipTest("no tomllib in this Python")
        table = tomllib.loads(read("contrib/vector/tlsward.toml"))
        transform = table["transforms"]["tlsward_records"]
        self.assertEqual(transform["inputs"], list(table["sources"]))
        program = transform["source"]
        self.assertEqual(set(re.findall(r"\b(\w+)!?\(", re.sub(r"r'[^']*'", "", program))), {
            "replace", "string", "parse_json", "parse_logfmt", "exists", "parse_timestamp"})
        strip = re.search(r"r'([^']*)'", program).group(1)
        for line, record in lines():
            bare = re.sub(strip, "", line, count=1)
            got = json.loads(bare) if bare.startswith("{") else logfmt(bare)
            self.assertEqual(got if "action" in got else None, record)


class PostfixLog(unittest.TestCase):
    """The commands of tlsward-milter(8) on lines of one real Postfix."""

    def commands(self):
        page = read("man/tlsward-milter.8")
        page = page[page.index(".Ss Records and Postfix's log"):page.index(".Sh THE JOURNAL")]
        return [block.replace("\\e", "\\").replace("\\-", "-") for block in
                re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", page, re.M | re.S)]

    def shell(self, command):
        for path, name in (("/var/log/mail.log", "mail.log"),
                           ("/var/log/tlsward/records.json", "records.json")):
            command = command.replace(path, os.path.join(CASES, name))
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True,
                              timeout=runner.TIMEOUT, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()

    def test_session(self):
        found, _ = self.commands()[0].strip().split("\n")
        self.assertEqual(self.shell(found), ["session 6617a70bc05e0-2"])

    def test_port(self):
        if shutil.which("jq") is None:
            self.skipTest("no jq")
        got = self.shell(self.commands()[1])
        self.assertEqual(len(got), 3)
        self.assertIn("connect from localhost[127.0.0.1]:35958", got[0])
        self.assertIn("milter-reject: RCPT from localhost[127.0.0.1]:35958: 530 5.7.0", got[1])
        self.assertIn("disconnect from localhost[127.0.0.1]:35958 ", got[2])

    def test_queue_id(self):
        if shutil.which("jq") is None:
            self.skipTest("no jq")
        got = self.shell(self.commands()[2])
        self.assertEqual(len(got), 5)
        self.assertTrue(all("8F71611E7DD" in line for line in got), got)
        self.assertTrue(any("status=sent" in line for line in got), got)


if __name__ == "__main__":
    sys.exit(runner.main())
