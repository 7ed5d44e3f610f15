#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward diff: what changes between two policies, by rule and by day."""

import datetime
import glob
import json
import os
import sys

from journals import Journal
from tool import HERE, Folder, main, run

AT = ("--at", "2026-12-01")
POLICIES = os.path.join(HERE, "..", "cases", "policy", "good")


class Diff(Folder):
    def diff(self, old, new, *options):
        """The lines that are written, of policies in words."""
        status, out, errors = run("diff", *AT, *options, self.write("old.conf", old),
                                  self.write("new.conf", new))
        self.assertEqual(errors, "")
        self.assertEqual(status, 0 if out == "nothing changes\n" else 1, out)
        return out.splitlines()

    def same(self, old, new):
        self.assertEqual(self.diff(old, new), ["nothing changes"])
        self.assertEqual(self.diff(new, old), ["nothing changes"])

    def answer(self, old, new, answer, *lines):
        found = self.diff(old, new)
        self.assertEqual(found[0], answer, "\n".join(found))
        for line in lines:
            self.assertIn(line, found)
        return found


class Nothing(Diff):
    def test_a_policy_and_itself_as_it_was_understood(self):
        tried = 0
        for path in sorted(glob.glob(os.path.join(POLICIES, "*", "policy.conf"))):
            status, text, _ = run("check", "--print", path)
            if status == 0:
                tried += 1
                status, out, _ = run("diff", *AT, path, self.write("printed.conf", text))
                self.assertEqual((status, out), (0, "nothing changes\n"), path)
        self.assertGreater(tried, 20)

    def test_what_is_written_in_another_way(self):
        rule = "require tls >= 1.2; require bits >= 128; otherwise reject"
        self.same(f"profile p {{ {rule} }}\nfrom a.example b.example {{ use p }}",
                  f"from b.example {{ {rule} }}\nfrom a.example {{ {rule} }}")
        self.same("from domain A.example { require tls }",
                  "from .a.example a.example. { require tls }")
        self.same("from a.example { require certificate fingerprint sha256:"
                  f"{'a' * 64} sha256:{'b' * 64} }}",
                  "from a.example { require certificate fingerprint sha256:"
                  f"{'B' * 64} sha256:{'A' * 64} }}")
        self.same("from a.example { require certificate name b.example c.example }",
                  "from a.example { require certificate name c.example b.example }")

    def test_a_rule_in_another_file(self):
        rule = "from domain a.example via 192.0.2.0/24 { exempt }\n"
        self.write("d/a.conf", rule)
        self.same(rule, 'include "d/*.conf"')

    def test_what_applies_anyway(self):
        self.same("default { require tls >= 1.2 }",
                  "default { require tls >= 1.2 }\nfrom a.example { use default }")
        self.same("default { require tls }\nfrom .example { require tls >= 1.2 }\n"
                  "from a.example { require tls >= 1.2 }",
                  "default { require tls }\nfrom .example { require tls >= 1.2 }")
        self.same("from a.example { require nothing }", "client 192.0.2.1 { }")

    def test_what_is_implied(self):
        self.same("from a.example { require bits >= 128 }",
                  "from a.example { require bits >= 128; require tls }")

    def test_what_is_not(self):
        pin = f"require certificate fingerprint sha256:{'a' * 64}"
        self.answer(f"from a.example {{ {pin}; require certificate }}",
                    f"from a.example {{ {pin} }}", "1 rule milder",
                    "    milder: certificate is not required any more")
        self.answer("from a.example { require bits >= 128; require tls otherwise reject }",
                    "from a.example { require bits >= 128 }", "1 rule milder",
                    "    milder: action tempfail for clear text (was reject)")

    def test_a_date_that_is_past(self):
        self.same("from a.example { require tls; monitor until 2026-12-01 }",
                  "from a.example { require tls }")
        self.same("from a.example { require tls >= 1.2; "
                  "require tls >= 1.0 until 2026-06-01 }",
                  "from a.example { require tls >= 1.2 }")


class Changes(Diff):
    def test_kinds(self):
        for old, new, text in (
                ("tls >= 1.2", "tls >= 1.3", "tls >= 1.3 (was tls >= 1.2)"),
                ("tls", "bits >= 128", "bits >= 128 (was not required)"),
                ("bits >= 112", "bits >= 128", "bits >= 128 (was bits >= 112)"),
                ('cipher "AES128-SHA:AES256-SHA"', 'cipher "AES256-SHA"',
                 'cipher "AES256-SHA" (was cipher "AES128-SHA:AES256-SHA")'),
                ("client 192.0.2.1 192.0.2.2", "client 192.0.2.2",
                 "client 192.0.2.2 (was client 192.0.2.1 192.0.2.2)"),
                ("certificate key >= 2048", "certificate key >= 3072",
                 "certificate key >= 3072 (was certificate key >= 2048)"),
                ("tls; otherwise tempfail", "tls; otherwise reject",
                 "action reject (was tempfail)"),
                ("tls; monitor", "tls", "enforced (was under monitor)"),
                ("tls; exempt", "tls; monitor", "under monitor (was exempt)")):
            with self.subTest(new):
                old = f"from a.example {{ require {old} }}"
                new = f"from a.example {{ require {new} }}"
                self.answer(old, new, "1 rule stricter", f"    stricter: {text}")
                self.assertEqual(self.diff(new, old)[0], "1 rule milder")

    def test_what_is_neither(self):
        for old, new, text in (
                ('tls; contact a@b.example', 'tls; contact "c d"',
                 "contact c d (was a@b.example)"),
                ('tls; otherwise reject "no"', 'tls; otherwise reject "nope"',
                 "another reply"),
                ("certificate name a.example", "certificate name b.example",
                 'certificate name "b.example" (was certificate name "a.example")')):
            with self.subTest(new):
                self.answer(f"from a.example {{ require {old} }}",
                            f"from a.example {{ require {new} }}",
                            "1 rule changed otherwise", f"    other: {text}")

    def test_days(self):
        self.answer(
            "from a.example { require tls >= 1.2; require tls >= 1.0 until 2027-06-01 }",
            "from a.example { require tls >= 1.2; require tls >= 1.0 until 2027-03-01 }",
            "1 rule stricter",
            "    stricter from 2027-03-01 until 2027-06-01: tls >= 1.2 (was tls >= 1.0)")
        self.answer(
            "from a.example { require tls; monitor }",
            "from a.example { require tls; monitor until 2027-02-01 }",
            "1 rule stricter", "    stricter from 2027-02-01: enforced (was under monitor)")
        self.answer(
            "from a.example { require tls; exempt until 2027-02-01 }",
            "from a.example { require tls; exempt until 2027-04-01 }",
            "1 rule milder",
            "    milder from 2027-02-01 until 2027-04-01: exempt (was enforced)")
        self.answer(
            "from a.example { require tls >= 1.2 }",
            "from a.example { require tls >= 1.2; require tls >= 1.3 from 2027-01-01 }",
            "1 rule stricter", "    stricter from 2027-01-01: tls >= 1.3 (was tls >= 1.2)")

    def test_at_another_day(self):
        old = self.write("old.conf", "from a.example { require tls; monitor }")
        new = self.write("new.conf",
                         "from a.example { require tls; monitor until 2027-02-01 }")
        out = run("diff", "--at", "2027-02-01", old, new)[1]
        self.assertIn("\n    stricter: enforced (was under monitor)\n", out)

    def test_gone(self):
        default = "default { require tls >= 1.2 }\n"
        self.answer(default + "from domain a.example { require tls >= 1.3 }", default,
                    "1 rule gone",
                    "gone, milder: from domain a.example, old.conf:2; now: the default, "
                    "new.conf:1", "    milder: tls >= 1.2 (was tls >= 1.3)")
        self.answer(default + "from a.example { exempt }", default, "1 rule gone",
                    "    stricter: enforced (was exempt)")
        self.answer("client 192.0.2.1 { exempt }\nclient 192.0.2.0/24 { require tls }",
                    "client 192.0.2.0/24 { require tls }", "1 rule gone",
                    "gone, stricter: client 192.0.2.1, old.conf:1; now: new.conf:1")

    def test_new(self):
        self.answer("default { require tls; monitor }",
                    "default { require tls; monitor }\nfrom a.example { require tls }",
                    "1 rule new", "new, stricter: from a.example, new.conf:2; before: "
                    "the default, old.conf:1")
        self.answer("to .a.example { require tls }",
                    "to .a.example { require tls }\nto x@b.a.example { exempt }",
                    "1 rule new", "new, milder: to x@b.a.example, new.conf:2; before: "
                    "old.conf:1")

    def test_the_default(self):
        self.answer("default { require tls; monitor }", "default { require tls }",
                    "the default stricter", "stricter: the default, new.conf:1")

    def test_agreements(self):
        text = ("partner Acme { domain a.example b.example\nincoming { %s }\n"
                "outgoing { require tls } }\n")
        old, new = text % "require tls", text % "require tls >= 1.2"
        self.answer(old, new, "1 agreement stricter", "stricter: Acme: from domain "
                    "a.example, domain b.example, new.conf:2")
        self.answer(old, "", "1 agreement gone",
                    "gone, milder: Acme: deliver domain a.example, domain b.example, "
                    "old.conf:3; now: no rule")
        self.answer("", old, "1 agreement new")
        self.answer(old, old.replace("Acme", '"Acme AG"'), "1 agreement changed otherwise",
                    "    other: agreement Acme AG (was Acme)")
        self.answer(old, new.replace(" b.example", ""), "1 agreement milder and stricter")
        self.answer(old + "from c.example { require tls }", new, "1 rule gone, "
                    "1 agreement stricter")

    def test_via(self):
        plain = "from a.example { require tls }\n"
        self.answer(plain, plain + "from a.example via 192.0.2.0/24 mx.b.example { exempt }",
                    "1 rule new", "new, milder: from a.example via 192.0.2.0/24, "
                    "a.example via mx.b.example, new.conf:2; before: old.conf:1")
        self.same("from a.example via 192.0.2.1 192.0.2.2 { require tls }",
                  "from a.example via 192.0.2.2 { require tls }\n"
                  "from a.example via 192.0.2.1 { require tls }")
        # A domain of its own is a step before the one above, whose client loses.
        strict = "from a.example via 192.0.2.0/%s { require tls >= 1.3 }\n" + plain
        self.answer(strict % "24", strict % "25 192.0.2.128/26", "1 rule gone",
                    "gone, milder: from a.example via 192.0.2.0/24, old.conf:1; now: "
                    "new.conf:2")
        self.answer("from .example via 192.0.2.1 { exempt }",
                    "from .example via 192.0.2.1 { exempt }\n" + plain, "1 rule new",
                    "new, stricter: from a.example via 192.0.2.1, new.conf:2; before: "
                    "old.conf:1")

    def test_an_expression_that_is_a_name(self):
        self.same(r"from /(^|\.)a\.example$/ { require tls otherwise reject }",
                  "from domain a.example { require tls otherwise reject }")
        self.answer(r"from /^mail[0-9]+\./ { require tls }", "", "1 rule gone")

    def test_expressions_in_another_order(self):
        one, other = ("from /^a/ { require tls }\n", "from /b$/ { require bits >= 128 }\n")
        self.same(one + "from a.example { exempt }\n" + other,
                  one + other + "from a.example { exempt }\n")
        self.answer(one + other, other + one, "1 rule changed otherwise",
                    "changed otherwise: from /b$/, /^a/, new.conf:1",
                    "    other: expressions are tried in another order")

    def test_an_agreement_without_requirements(self):
        text = "partner A { domain a.example; incoming { require nothing } }"
        self.answer(text, "", "1 agreement gone", "    other: agreement none (was A)")
        self.answer("", text, "1 agreement new", "    other: agreement A (was none)")

    def test_lists_are_told_in_a_few_lines(self):
        for name, first in (("old.txt", 0), ("new.txt", 10)):
            self.write(name, "".join(f"d{i}.example\n" for i in range(first, 100000)))
        found = self.answer('from file "old.txt" { require tls }',
                            'from file "new.txt" { require tls >= 1.2 }',
                            "1 rule milder, 1 rule stricter")
        self.assertIn("d14.example and 99985 more, new.conf:1", "\n".join(found))
        self.assertLess(len(found), 10)

    def test_rules_that_change_alike_are_told_together(self):
        text = "".join(f"from d{i}.example {{ use p }}\n" for i in range(100))
        found = self.answer("profile p { require tls }\n" + text,
                            "profile p { require tls >= 1.2 }\n" + text,
                            "100 rules stricter", "and 95 more alike")
        self.assertLess(len(found), 15)


class Forms(Diff):
    def test_json(self):
        out = json.loads("\n".join(self.diff(
            "partner A { domain a.example; incoming { require tls; monitor } }",
            "partner A { domain a.example; incoming { require tls; "
            "monitor until 2027-01-02 } }", "--json")))
        self.assertEqual(out, {"answer": "1 agreement stricter", "differences": [{
            "change": "stricter", "partner": "A", "rule_kind": "from",
            "names": ["domain a.example"], "count": 1, "old": "old.conf:1",
            "new": "new.conf:1", "changes": [{
                "from": "2027-01-02", "how": "stricter",
                "text": "enforced (was under monitor)"}]}]})

    def test_json_of_nothing(self):
        path = self.write("p.conf", "")
        self.assertEqual(run("diff", "--json", path, path)[:2],
                         (0, '{"answer":"nothing changes","differences":[]}\n'))

    def test_whose_mail_it_touches(self):
        path = os.path.join(self.folder, "journal.db")
        journal = Journal(path)
        now = datetime.datetime.now(datetime.timezone.utc)
        times = [(now - datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
                 for hours in (30, 4, 3)]
        for number, time in enumerate(times):
            journal.record(time, domain="a.example", sender="%d@a.example" % number,
                           tls_version="TLSv1.1", cipher="AES256-SHA", bits=256)
        journal.rollup(times[1], times[2], 40, domain="a.example", mta="postfix",
                       tls_version="TLSv1.1", cipher="AES256-SHA", bits=256, sender="a")
        journal.rollup(times[1], times[2], 7, domain="b.example", mta="postfix",
                       tls_version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", bits=256,
                       sender="b")
        journal.close()
        calls = (self.write("old.conf", "default { require tls; otherwise reject }"),
                 self.write("new.conf", "default { require tls >= 1.2; otherwise reject }"))
        for since, transactions in ((), 50), (("--since", "24h"), 49):
            with self.subTest(since):
                status, out, errors = run("diff", "--json", *calls, "--journal", path, *since)
                self.assertEqual((status, errors), (1, ""))
                traffic = json.loads(out)["traffic"]
                self.assertEqual([traffic[name] for name in (
                    "transactions", "changed", "uncertain")],
                                 [transactions, transactions - 7, 0])
                self.assertEqual(traffic["domains"], [
                    {"domain": "a.example", "transactions": transactions - 7,
                     "changed": transactions - 7}])
        self.assertIn("a.example", run("diff", *calls, "--journal", path)[1])

    def test_what_cannot_be_used(self):
        good, bad = self.write("p.conf", ""), self.write("bad.conf", "from a.example { x }")
        for call in ((good, bad), (bad, good)):
            status, out, errors = run("diff", *call)
            self.assertEqual((status, out), (2, ""))
            self.assertIn("bad.conf:1:18: error: ", errors)
        self.assertEqual(run("diff", good, "nowhere.conf")[0], 2)
        for call in ((), (good,), (good, good, good)):
            self.assertEqual(run("diff", *call)[0], 2)


if __name__ == "__main__":
    sys.exit(main())
