#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The rules on mail that goes out as maps: what each MTA finds in them is what the policy
says, by a policy written here and by many that chance wrote.

The environment names the programs (see tool.py)."""

import collections
import json
import os
import random
import re
import shutil
import subprocess
import sys

from tool import Folder, main, run, runner

POLICIES = 60
DAY = "2026-12-01"

POLICY = """deliver acme.example { require tls }
deliver domain bücher.example { require tls >= 1.2; require bits >= 128 }
deliver domain name.example {
	require certificate name MX.name.example
	require aead otherwise accept
}
deliver "[mx.relay.example]:587" "[192.0.2.7]" { require tls >= 1.3; require certificate }
deliver "port.example:587" { require tls }
deliver exempt.example { exempt }
deliver trial.example { require tls; monitor until 2027-03-01 }
deliver later.example { require tls from 2027-01-01; require dane until 2026-01-01 }
deliver .below.example { require dane }
deliver strict.example { require tls }
deliver .strict.example { require certificate }
partner "Acme" {
	domain partner.example file "list"
	outgoing { require certificate name a.example b.example; require cipher "AESGCM" }
}
"""
POSTFIX = """# for smtp_tls_policy_maps
# A next hop with a port is looked up as it is: no domain's line holds for it.
# policy.conf:1: deliver
acme.example encrypt
# policy.conf:2: deliver
xn--bcher-kva.example encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1
bücher.example encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1
.xn--bcher-kva.example encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1
.bücher.example encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1
# policy.conf:3: deliver
name.example secure match=mx.name.example
.name.example secure match=mx.name.example
# policy.conf:7: deliver
[mx.relay.example]:587 verify protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2
[192.0.2.7] verify protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2
# policy.conf:8: deliver
port.example:587 encrypt
# policy.conf:9: is exempt
exempt.example may
# policy.conf:10: is under monitor
# policy.conf:11: requires nothing for which mail waits
# policy.conf:12: deliver
.below.example dane-only
# policy.conf:13: deliver
strict.example encrypt
# policy.conf:14: deliver
.strict.example verify
# policy.conf:17: deliver
partner.example secure match=a.example:b.example EXCLUDED
.partner.example secure match=a.example:b.example EXCLUDED
listed.example secure match=a.example:b.example EXCLUDED
.listed.example secure match=a.example:b.example EXCLUDED
"""
SENDMAIL = """# for Sendmail's access map, by recipients' domains (TLS_Rcpt) and servers' names (TLS_Srv)
# A line is for its name and all below that have none. CN: the certificate's common name alone.
# policy.conf:1: deliver
#	more than the rule
TLS_Rcpt:acme.example	ENCR:1
# policy.conf:2: deliver
#	not said: tls >= ...
TLS_Rcpt:xn--bcher-kva.example	ENCR:128
TLS_Rcpt:bücher.example	ENCR:128
# policy.conf:3: deliver
TLS_Rcpt:name.example	VERIFY:1+CN:mx.name.example
# policy.conf:7: deliver
#	not said: tls >= ...
#	more than the rule
TLS_Srv:mx.relay.example	VERIFY:1
TLS_Srv:[192.0.2.7]	VERIFY:1
# policy.conf:8: deliver
#	more than the rule
TLS_Rcpt:port.example	ENCR:1
# policy.conf:9: is exempt
# policy.conf:10: is under monitor
# policy.conf:11: requires nothing for which mail waits
# policy.conf:12: deliver
#	not said: dane
#	more than the rule
TLS_Rcpt:below.example	VERIFY:1
# policy.conf:13: deliver
#	more than the rule
TLS_Rcpt:strict.example	VERIFY:1
# policy.conf:14: deliver
# policy.conf:17: deliver
#	not said: cipher, certificate name with several names
TLS_Rcpt:partner.example	VERIFY:1
TLS_Rcpt:listed.example	VERIFY:1
"""

# Policies of which one map or the other cannot say all: MAP, RULES, LINE:COLUMN, MESSAGE.
CANNOT = (
    ("postfix", "deliver .example { require tls }\ndeliver a.example { exempt }\n", None, ""),
    ("postfix", "deliver .example { require tls }\n"
     "deliver a.example { require tls; monitor }\n", "2:9", "under monitor"),
    ("postfix", "deliver .example { exempt }\n"
     "deliver a.b.example c.example { require tls from 2027-01-01 }\n", "2:9",
     "requires nothing"),
    # What is above need not be that near.
    ("postfix", "deliver .example { require tls }\ndeliver .b.example { require tls; "
     "monitor }\ndeliver a.b.example { require tls; monitor }\n", "2:9", '".example"'),
    ("postfix", 'deliver "a.example:25" { require tls; monitor }\n'
     "deliver domain a.example { require tls }\n", None, ""),
    ("sendmail", "deliver .example { require tls }\ndeliver a.example { exempt }\n", "2:9",
     "is exempt"),
    # To Sendmail the domain itself is a parent, too.
    ("sendmail", "deliver a.example { require tls }\ndeliver b.a.example { exempt }\n",
     "2:9", '"a.example"'),
    ("sendmail", "deliver a.example { require tls }\ndeliver .a.example { exempt }\n",
     "2:9", "is exempt"),
    ("sendmail", "deliver a.example { require tls }\ndeliver .a.example { monitor }\n",
     "2:9", "is under monitor"),
    ("sendmail", "deliver .example { require nothing }\ndeliver a.example { require tls }\n",
     "1:9", '"a.example"'),
    ("sendmail", "deliver a.example { require certificate name a.example }\n"
     "deliver .a.example { require certificate name b.example }\n", "2:9",
     "another certificate name"),
    ("sendmail", "deliver .example { require certificate name b.example }\n"
     "deliver domain a.example { require certificate name a.example }\n", None, ""),
    ("sendmail", 'deliver "[mx.example]" { require tls }\n'
     'deliver "[mx.example]:587" { exempt }\n', "2:9", "is exempt"),
    ("sendmail", 'deliver "[example]" { require tls }\ndeliver "[mx.example]" { exempt }\n',
     "2:9", "is exempt"),
    ("sendmail", 'deliver "[a.example]" { require tls }\n'
     "deliver domain a.example { exempt }\n", None, ""),
    ("sendmail", 'deliver "a.example:25" { exempt }\n'
     "deliver domain a.example { require tls }\n", "1:9", "is exempt"),
    ("sendmail", 'deliver "[ipv6:2001:db8::1]" { require tls }\n', "1:9", "IPv6"),
    ("sendmail", 'deliver "[ipv6:2001:db8::1]" { exempt }\n', None, ""),
)

# What the rules of chance say, and what Sendmail is told of it; None: nothing.
SETTINGS = (
    ("require tls", (False, 1, "")), ("require tls >= 1.2", (False, 1, "")),
    ("require bits >= 128", (False, 128, "")), ("require certificate", (True, 1, "")),
    ("require certificate; require bits >= 112", (True, 112, "")),
    ("require certificate name a.example", (True, 1, "a.example")),
    ("require certificate name b.example; require tls", (True, 1, "b.example")),
    ("require dane", (True, 1, "")), ("exempt", None), ("require tls; monitor", None),
    ("require tls from 2027-01-01", None), ("require nothing", None),
    ("require tls; otherwise accept", None))
SILENT = ("require tls; monitor", "require tls from 2027-01-01")
LABELS = ("a", "b", "c")


def written(rules):
    """These rules as a policy."""
    return "".join("deliver %s { %s }\n" % (who, text) for who, (text, _) in rules.items())


def chance_policy(chance):
    """WHOs, and which of SETTINGS each has."""
    rules = {}
    milder = chance.random() < 0.3
    for _ in range(chance.randint(1, 7)):
        name = ".".join(chance.choice(LABELS) for _ in range(chance.randint(1, 3)))
        who = chance.choice((f"{name}.example", f".{name}.example", f".{name}.example",
                             f'"[{name}.example]"', f'"[{name}.example]:25"',
                             f'"{name}.example:587"', ".example"))
        rules[who] = chance.choice(SETTINGS[:8] if milder else SETTINGS)
    return rules


def around(names):
    """Names, their parents, and what is below them."""
    parts = {part for name in names for part in
             (name.split(".", number)[-1] for number in range(name.count(".") + 1))}
    return parts | {"x." + part for part in parts} | {"y.x." + part for part in parts}


class Export(Folder):
    def export(self, kind, policy, *options, status=0):
        self.write("policy.conf", policy)
        done = run("export", kind, "--policy", "policy.conf", "--at", DAY, *options,
                   cwd=self.folder)
        self.assertEqual(done[0], status, (policy, done))
        return done[1:]

    def settings(self, text):
        return self.write("tlsward.conf", text + "journal none\n")

    # What is written

    def test_maps(self):
        self.write("list", "listed.example\n")
        for kind, expected in (("postfix", POSTFIX), ("sendmail", SENDMAIL)):
            output, errors = self.export(kind, POLICY)
            self.assertEqual(self.export(kind, POLICY), (output, errors))
            head, _, rest = output.partition("# for ")
            self.assertRegex(head, rf"^# tlsward export {kind}: policy sha256:[0-9a-f]{{64}} "
                             rf"on {DAY}\n# valid until 2027-01-01\n$")
            for pattern, short in ((" exclude=\\S+", " EXCLUDED"), ("than the rule.*", "than the rule"),
                                   (" \\(TLS_Clt_Features, .*", "")):
                rest = re.sub(pattern, short, rest)
            self.assertEqual("# for " + rest, expected)
            self.assertEqual(re.findall(r"policy\.conf:(\d+):1: warning: .*\[outgoing-(\w+)\]",
                                        errors), [] if kind == "postfix" else [
                ("1", "stricter"), ("2", "postfix"), ("7", "postfix"), ("7", "stricter"),
                ("8", "stricter"), ("12", "postfix"), ("12", "stricter"),
                ("13", "stricter"), ("17", "postfix")])

    def test_what_is_allowed_is_not_told(self):
        _, errors = self.export("sendmail", "deliver a.example { # tlsward: allow "
                                "outgoing-stricter outgoing-postfix\nrequire tls >= 1.2 }\n")
        self.assertEqual(errors, "")

    def test_dates(self):
        rules = "deliver a.example { require tls until 2027-06-01; monitor until 2026-12-24 }\n"
        for day, until, line in (("2026-12-23", "2026-12-24", ""),
                                 ("2026-12-24", "2027-06-01", "a.example encrypt"),
                                 ("2027-06-01", "the policy changes", "")):
            output, _ = self.export("postfix", rules, "--at", day)
            self.assertIn(f" on {day}\n# valid until {until}\n", output)
            self.assertEqual(output.splitlines()[5:], [line] if line else [])

    def test_digest(self):
        """It is another where a list or a certificate is, and whoever writes it."""
        def digest(kind, name):
            output, _ = self.export(kind, POLICY.replace('"list"', f'"{name}"'))
            return re.search("sha256:[0-9a-f]{64}", output).group()

        self.write("list", "listed.example\n")
        before = digest("postfix", "list")
        self.assertEqual(digest("sendmail", "list"), before)
        self.write("list", "other.example\n")
        self.assertNotEqual(digest("postfix", "list"), before)
        self.write("list", "listed.example\n")
        self.assertEqual(digest("postfix", "list"), before)

    def test_settings(self):
        self.write("policy.conf", "deliver a.example { require tls >= 1.2 }\n")
        for text, line in (
                ("postfix-version 3.7\n", "a.example encrypt protocols=>=TLSv1.2"),
                ("mode monitor\n", "# policy.conf:1: is under monitor")):
            done = run("export", "postfix", "-c", self.settings(text), cwd=self.folder)
            self.assertEqual((done[0], done[1].splitlines()[-1]), (0, line))

    def test_million(self):
        """Here some thousands, all of one rule."""
        self.write("list", "".join(f"d{number}.example\n" for number in range(20000)))
        rules = 'deliver file "list" { require tls }\n'
        output, _ = self.export("postfix", rules)
        self.assertEqual(output.splitlines()[5:],
                         [f"d{number}.example encrypt" for number in range(20000)])
        output, errors = self.export("sendmail", rules)
        self.assertEqual(output.count("\nTLS_Rcpt:"), 20000)
        self.assertEqual(errors.count("warning:"), 1)
        # One error for a rule, however many its names are.
        output, errors = self.export("postfix", rules.replace("tls", "tls; monitor") +
                                     "deliver .example { require tls }\n", status=1)
        self.assertEqual((output, errors.count("error:")), ("", 1))

    # What is not

    def test_what_cannot_be_said(self):
        for kind, rules, place, message in CANNOT:
            with self.subTest(kind=kind, rules=rules):
                output, errors = self.export(kind, rules, status=0 if place is None else 1)
                self.assertEqual(output == "", place is not None)
                found = re.findall(r"^policy\.conf:(\S+): error: (.*)$", errors, re.M)
                self.assertEqual([each[0] for each in found[:1]],
                                 [] if place is None else [place], errors)
                self.assertTrue(place is None or message in found[0][1], errors)

    def test_call(self):
        path = self.write("policy.conf", "deliver a.example { require tls }\n")
        for words in ((), ("exim",), ("postfix", "sendmail"), ("postfix", "--at", "soon")):
            status, output, errors = run("export", *words, "--policy", path)
            self.assertEqual((status, output), (2, ""), words)
            self.assertNotEqual(errors, "")
        self.write("policy.conf", "deliver a.example { require }\n")
        status, output, errors = run("export", "postfix", "--policy", path)
        self.assertEqual((status, output), (2, ""))
        self.assertIn("policy.conf:1:", errors)

    # By chance

    def decide(self, policy, hops):
        path = self.write("policy.conf", policy)
        lines = "".join(json.dumps({"direction": "out", "next_hop": hop}) + "\n"
                        for hop in hops)
        status, output, errors = run("decide", "--policy", path, "--at", DAY, text=lines)
        self.assertEqual((status, errors), (0, ""))
        return {hop: json.loads(line).get("tls_policy", "NOTFOUND")
                for hop, line in zip(hops, output.splitlines())}

    def postmap(self, output, keys):
        """What Postfix reads there by keys; what it would, where there is none."""
        path = self.write("map", output)
        if shutil.which("postmap") is None:
            table = dict(line.split(" ", 1) for line in output.splitlines()
                         if not line.startswith("#"))
            return {key: table[key] for key in keys if key in table}
        os.utime(path, (0, 0))	# one that is new is read again a second later
        done = subprocess.run(["postmap", "-q", "-", "texthash:" + path], input="".join(
            key + "\n" for key in keys), capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return dict(line.split("\t", 1) for line in done.stdout.splitlines())

    def walk(self, table, hop):
        """As smtp_tls_policy.c does."""
        while hop not in table and "." in hop[1:] and hop[-1] not in "]0123456789":
            hop = hop[hop.index(".", 1):]
        return table.get(hop, "NOTFOUND")

    def hops_of(self, rules):
        hops = {who.strip('"') for who in rules}
        names = {re.sub(r"^[.[]+|\]?(:\d+)?$", "", hop) for hop in hops}
        return sorted({hop for hop in hops if hop[0] != "."} | around(names) |
                      {"other.example", "tld", "[unknown.example]"})

    def test_postfix_finds_what_the_socket_answers(self):
        chance, errors = random.Random(13), 0
        for number in range(POLICIES):
            rules = chance_policy(chance)
            policy = written(rules)
            hops = self.hops_of(rules)
            # What the file would be, and whether that says it.
            keys = {who.strip('"'): text for who, (text, _) in rules.items()}
            hop_of = {key: key if key[0] != "." else "zz" + key for key in keys}
            value = self.decide(policy, sorted(set(hops) | set(hop_of.values())))
            decided = {hop: value[hop] for hop in hops}
            naive = {key: value[hop_of[key]]
                     for key, text in keys.items() if text not in SILENT}
            said = all(self.walk(naive, hop) == decided[hop] for hop in hops)
            errors += not said
            with self.subTest(number=number, policy=policy):
                output, _ = self.export("postfix", policy, status=0 if said else 1)
                if not said:
                    continue
                table = self.postmap(output, sorted(set(hops) | {
                    hop[at:] for hop in hops for at in range(len(hop)) if hop[at] == "."}))
                self.assertEqual({hop: self.walk(table, hop) for hop in hops}, decided)
        self.assertTrue(3 <= errors < POLICIES / 2, errors)

    def by_rules(self, rules, name, table):
        """What the rules say of all that Sendmail knows as "name": of a server, or a domain."""
        who = table == "TLS_Srv"
        found = [rules[key] for key in rules
                 if re.fullmatch(r'"(\[?)%s(\]?)(:\d+)?"' % re.escape(name), key)
                 and ("[" in key) == who]
        parents = ["." + name.split(".", count)[-1] for count in range(1, name.count(".") + 1)]
        if not who:
            found += [rules[key] for key in [name] + parents if key in rules][:1]
        return [told for _, told in found]

    @staticmethod
    def read_access(output):
        table = {}
        for line in output.splitlines():
            if not line.startswith("#"):
                key, value = line.split("\t")
                level, bits, name = re.fullmatch(
                    r"(VERIFY|ENCR):(\d+)(?:\+CN:(.*))?", value).groups("")
                table[key] = (level == "VERIFY", int(bits), name)
        return table

    def test_sendmail_finds_no_less(self):
        """All that is under one line, and that nothing else stands in its way."""
        chance, errors = random.Random(31), 0
        for number in range(POLICIES):
            rules = chance_policy(chance)
            policy = written(rules)
            said, groups = self.groups_of(rules)
            errors += not said
            with self.subTest(number=number, policy=policy):
                output, _ = self.export("sendmail", policy, status=0 if said else 1)
                if said:
                    self.assertEqual(self.read_access(output), {
                        key: (max(told)[0], max(bits for _, bits, _ in told),
                              max(name for _, _, name in told))
                        for key, told in groups.items() if told})
                    self.explained(output, chance.sample(self.hops_of(rules), 2))
        self.assertTrue(3 <= errors < POLICIES * 4 / 5, errors)

    def explained(self, output, hops):
        """Of a next hop explain shows the line that Sendmail finds."""
        table = dict(line.split("\t") for line in output.splitlines() if line[0] != "#")
        for hop in hops:
            tag = "TLS_Srv:" if hop[0] == "[" else "TLS_Rcpt:"
            name, line = re.sub(r"^\[(.*)\](:\d+)?$|:\d+$", r"\1", hop), "no line"
            for at in [0] + [match.end() for match in re.finditer(r"\.", name)]:
                if line == "no line" and tag + name[at:] in table:
                    line = "%s%s %s" % (tag, name[at:], table[tag + name[at:]])
            status, text, errors = run(
                "explain", "--policy", os.path.join(self.folder, "policy.conf"), "--at",
                DAY, "--json", "direction=out", "next_hop=" + hop)
            self.assertEqual((status, errors), (0, ""))
            self.assertEqual(json.loads(text)["sendmail"].partition("; not said")[0], line,
                             hop)

    def groups_of(self, rules):
        """By line of the map, what is told of all for which it is; and whether it can be."""
        lines, groups = set(), {}
        for who in rules:
            name = re.sub(r'^"?[.[]*|\]?(:\d+)?"?$', "", who)
            lines.add(("TLS_Srv:" if "[" in who else "TLS_Rcpt:") + name)
        told = collections.defaultdict(list)
        for table in ("TLS_Srv", "TLS_Rcpt"):
            for name in around({line.split(":")[1] for line in lines}):
                found = [f"{table}:{name.split('.', count)[-1]}"
                         for count in range(name.count(".") + 1)]
                line = next((each for each in found if each in lines), None)
                told[line] += self.by_rules(rules, name, table) if line else []
        good = True
        for line in sorted(lines, key=len):
            groups[line] = [each for each in told[line] if each is not None]
            name = line.split(":")[1]
            above = next((each for each in (
                line.split(":")[0] + ":" + name.split(".", count)[-1]
                for count in range(1, name.count(".") + 1)) if groups.get(each)), None)
            good &= not (None in told[line] and (groups[line] or above))
            good &= len({each[2] for each in groups[line]} - {""}) < 2
        return good, groups


if __name__ == "__main__":
    sys.exit(main())
