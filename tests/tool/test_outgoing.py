#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What Postfix is told of mail that goes out: by its version and its digest, as
postconf(1) or the settings have them, and which suites that leaves.

The environment names the programs (see tool.py)."""

import json
import os
import re
import subprocess
import sys

from tool import Folder, main, run

POLICY = """
deliver a.example { require tls >= 1.2 }
deliver b.example { require tls >= 1.0 }
deliver c.example { require ciphersuites "TLS_AES_256_GCM_SHA384"; require tls >= 1.2 }
deliver d.example { require bits >= 256 }
deliver pem.example { require certificate file "partner.pem" }
"""


def colons(digest):
    return ":".join(digest[i:i + 2] for i in range(0, len(digest), 2)).upper()


class Outgoing(Folder):
    def postconf(self, **values):
        """One that writes a line for each parameter that it is asked for and has."""
        cases = "".join(f"{name}) echo '{name} = {value}';;\n"
                        for name, value in values.items())
        self.write("postconf", f"""#!/bin/sh
for name; do case $name in {cases} esac; done\n""", 0o755)

    def told(self, policy, facts, settings=None):
        """The record of each line of facts."""
        call = ["--policy", self.write("policy.conf", policy)]
        if settings is not None:
            call += ["-c", self.write("tlsward.conf", settings)]
        lines = "".join(json.dumps({"direction": "out", **line}) + "\n"
                        for line in facts)
        environment = dict(os.environ, PATH=f"{self.folder}:{os.environ['PATH']}")
        status, output, errors = run("decide", *call, text=lines, env=environment)
        self.assertEqual((status, errors), (0, ""))
        return [json.loads(line) for line in output.splitlines()]

    def values(self, policy, *hops, settings=None):
        return [record["tls_policy"] for record in self.told(
            policy, [{"next_hop": hop} for hop in hops], settings)]

    def pem(self):
        path = os.path.join(self.folder, "partner.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mx.example",
                        "-days", "99", "-keyout", os.devnull, "-out", path],
                       check=True, capture_output=True)
        key = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-pubkey"],
                             check=True, capture_output=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key,
                             check=True, capture_output=True).stdout
        return [subprocess.run(["openssl", "dgst", "-" + digest, "-r"], input=der,
                               check=True, capture_output=True).stdout.split()[0].decode()
                for digest in ("sha1", "sha256")]

    def test_versions(self):
        sha1, sha256 = map(colons, self.pem())
        old = ["encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1",
               "encrypt protocols=!SSLv2:!SSLv3",
               "encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.3",
               "fingerprint match=" + sha256]
        new = ["encrypt protocols=>=TLSv1.2", "encrypt protocols=>=TLSv1",
               "encrypt protocols=>=TLSv1.2:<=TLSv1.2", "fingerprint match=" + sha256]
        hops = ["a.example", "b.example", "c.example", "pem.example"]
        self.postconf()
        self.assertEqual(self.values(POLICY, *hops), old)
        for version, expected in (("3.5.25", old), ("3.6.0", new), ("3.10.3", new),
                                  ("3.12-20260801", new), ("nonsense", old)):
            self.postconf(mail_version=version)
            self.assertEqual(self.values(POLICY, *hops), expected, version)
        self.assertEqual(self.values(POLICY, *hops, settings="postfix-version 3.5\n"), old)
        self.postconf(smtp_tls_fingerprint_digest="sha1")
        self.assertEqual(self.values(POLICY, "pem.example"),
                         ["fingerprint match=" + sha1])
        self.assertEqual(self.values(POLICY, "pem.example", settings="mta sendmail\n"),
                         ["fingerprint match=" + sha256])
        self.postconf()
        self.assertEqual(self.values(POLICY, *hops, settings="postfix-version 3.7\n"
                                     "postfix-tls-digest sha1\n"),
                         new[:3] + ["fingerprint match=" + sha1])

    def test_floor(self):
        """What main.cf leaves out stays left out, however it says so."""
        rules = ("deliver a.example { require tls >= 1.0 }\n"
                 "deliver b.example { require tls >= 1.3; require dane }\n"
                 "deliver c.example { require ciphersuites \"TLS_AES_256_GCM_SHA384\" }\n"
                 "deliver d.example { require tls }\ndeliver e.example { exempt }\n")
        hops = [letter + ".example" for letter in "abcde"]
        nothing = "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2:!TLSv1.3"
        for floor, new, old in (
                ("", (">=TLSv1", ">=TLSv1.3", ">=TLSv1:<=TLSv1.2"),
                 ("!SSLv2:!SSLv3", "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2",
                  "!SSLv2:!SSLv3:!TLSv1.3")),
                (">=TLSv1.2", (">=TLSv1.2", ">=TLSv1.3", ">=TLSv1.2:<=TLSv1.2"),
                 ("!SSLv2:!SSLv3:!TLSv1:!TLSv1.1", nothing[:-9],
                  "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.3")),
                (">=0x303 , <=tlsv1.2:nonsense", (">=TLSv1.2:<=TLSv1.2", nothing,
                                                  ">=TLSv1.2:<=TLSv1.2"), None),
                ("!SSLv2, !SSLv3 !TLSv1,!TLSv1.2",
                 (">=TLSv1.1:!TLSv1.2", ">=TLSv1.3", ">=TLSv1.1:<=TLSv1.1"), None),
                ("TLSv1.2", (">=TLSv1.2:<=TLSv1.2", nothing, ">=TLSv1.2:<=TLSv1.2"),
                 None),
                ("TLSv1, TLSv1.3", (">=TLSv1:!TLSv1.1:!TLSv1.2", ">=TLSv1.3",
                                    ">=TLSv1:<=TLSv1"), None),
                (">=TLSv1.3", (">=TLSv1.3", ">=TLSv1.3", nothing), None)):
            for version, expected in (("3.7.11", new), ("3.5.25", old)):
                if expected is None:
                    continue
                self.postconf(mail_version=version, smtp_tls_mandatory_protocols=floor,
                              smtp_tls_protocols=">=TLSv1.3")
                told = [f"{level} protocols={protocols}" for level, protocols in
                        zip(("encrypt", "dane-only", "encrypt"), expected)]
                values = self.values(rules, *hops)
                values[2], _, excluded = values[2].partition(" exclude=")
                self.assertEqual((values, excluded), (told + ["encrypt", "may"], ""),
                                 (floor, version))
        for mta, told in (("postfix", ">=TLSv1.3"), ("sendmail", "!SSLv2:!SSLv3")):
            self.assertEqual(self.values(rules, "a.example", settings=f"mta {mta}\n"),
                             [f"encrypt protocols={told}"])

    def test_exclusions(self):
        """Those of main.cf go along with ours, where they can stand in a value."""
        rules = ("deliver a.example { require aead }\ndeliver b.example { require tls }\n"
                 "deliver c.example { require tls >= 1.3; require aead }\n")
        many = " ".join(f"SUITE-{number:04}" for number in range(3000))
        for also, mandatory, expected in (
                ("", "", ""), ("aNULL, RC4:3DES", "", ":aNULL:RC4:3DES"),
                ("eNULL", "MD5\tkRSA+AES , CAMELLIA", ":eNULL:MD5:kRSA+AES:CAMELLIA"),
                ("!aNULL, -RC4 +SHA1 @STRENGTH aDSS", "{MD5 a=b \u00f6 x}y LOW",
                 ":aDSS:LOW"),
                ("aNULL", many, ":aNULL:" + many.replace(" ", ":"))):
            self.postconf(mail_version="3.7.11", smtp_tls_exclude_ciphers=also,
                          smtp_tls_mandatory_exclude_ciphers=mandatory)
            value, plain, newest = self.values(rules, "a.example", "b.example",
                                               "c.example")
            self.assertEqual((plain, newest), ("encrypt", "encrypt protocols=>=TLSv1.3"))
            self.assertRegex(value, r"^encrypt exclude=[^ ={}]+$")
            self.assertIn(":AES128-SHA:", value)
            if also == "aNULL" and mandatory:
                # Not more than Postfix reads.
                rest = value[value.index(":aNULL"):]
                self.assertTrue(expected.startswith(rest + ":"))
                self.assertLess(len(value), 32768)
                self.assertGreater(len(rest), 16000)
            else:
                self.assertTrue(value.endswith("SRP-RSA-AES-256-CBC-SHA" + expected),
                                (value, expected))
        self.postconf(mail_version="3.7.11", smtp_tls_mandatory_ciphers="null")
        self.assertEqual(self.values(rules, "b.example"), ["encrypt ciphers=medium"])

    def test_no_older_suite_is_left(self):
        """A list of no suite at all spoils TLS 1.3, too."""
        rules = ('deliver domain a.example { require cipher "AES128-SHA:AES256-SHA" }\n'
                 'deliver domain b.example { require cipher "ADH-AES128-SHA:AES128-SHA"; '
                 'require certificate }\n'
                 'deliver domain c.example { require aead; require ciphersuites '
                 '"TLS_AES_128_GCM_SHA256" }\n'
                 'deliver domain d.example { require forward-secrecy }\n')
        hops = [letter + ".example" for letter in "abcd"]
        some, newest, old = "exclude", "protocols=>=TLSv1.3", "protocols=>=TLSv1:<=TLSv1.2"
        none = "protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2:!TLSv1.3"
        aead = "AESGCM CHACHA20:AESCCM, ARIA"
        also = {"smtp_tls_mandatory_exclude_ciphers": "AES256-SHA"}
        low = {"smtp_tls_mandatory_protocols": "<=TLSv1.2"}
        high = {"smtp_tls_mandatory_ciphers": "high", "tls_high_cipherlist": "AESGCM",
                "tls_medium_cipherlist": "AES"}
        for excluded, more, expected in (
                ("", {}, (some, some, old, some)),
                ("AES128-SHA", {}, (some, newest, old, some)),
                ("AES128-SHA", also, (newest, newest, old, some)),
                ("nonsense 3DES RC4 EXPORT", also, (some, some, old, some)),
                ("kRSA", {}, (newest, newest, old, some)),
                ("kRSA", low, (none, none, old, some)),
                ("SHA", {}, (newest, newest, old, some)),
                ("SHA", {"smtp_tls_mandatory_protocols": "!TLSv1.2"},
                 (newest, newest, none, newest)),
                (aead, {}, (some, some, none, some)),
                ("kEDH:kEECDH", {}, (some, some, old, newest)),
                ("", high, (newest, newest, old, some)),
                ("", {**high, "smtp_tls_mandatory_ciphers": "medium"},
                 (some, some, old, some)),
                ("AESGCM", high, (newest, newest, none, newest))):
            parameters = {"mail_version": "3.7.11", "smtp_tls_exclude_ciphers": excluded,
                          **more}
            self.postconf(**parameters)
            self.assertEqual([re.sub("^exclude=.*", "exclude", re.sub(
                " exclude=.*", "", value.split(" ", 1)[1]))
                for value in self.values(rules, *hops)], list(expected), parameters)
            warnings = self.warnings(rules, "mta postfix\n", **parameters)
            self.assertEqual(warnings.count("outgoing-nothing]"), expected.count(none))

    def test_floor_is_told(self):
        """What main.cf makes of a rule is said by a check, where the rule stands."""
        rules = ("deliver domain a.example { require tls >= 1.0 }\n"
                 "deliver domain b.example { require tls >= 1.2 }\n"
                 "deliver domain c.example { require tls }\n")
        stricter, nothing = "outgoing-stricter]", "outgoing-nothing]"
        for floor, expected in (("", []), (">=TLSv1", []), (">=TLSv1.2", [stricter]),
                                ("!TLSv1.3", [stricter] * 2),
                                ("TLSv1", [stricter, nothing]), ("SSLv3", [nothing] * 2)):
            self.assertEqual(self.warnings(rules, "mta postfix\n", mail_version="3.7",
                                           smtp_tls_mandatory_protocols=floor), expected,
                             floor)

    def test_monitor_of_all(self):
        rules = "deliver a.example { require tls }\ndeliver b.example { exempt }\n"
        self.assertEqual(self.values(rules, "a.example", "b.example"), ["encrypt", "may"])
        self.assertEqual(self.values(rules, "a.example", "b.example",
                                     settings="mode monitor\n"), ["NOTFOUND"] * 2)

    def test_suites(self):
        """OpenSSL itself, told what Postfix is, keeps the suites that are accepted."""
        for require in ("bits >= 128", "bits >= 200", "forward-secrecy", "aead",
                        'cipher "ECDHE+AESGCM:AES256-SHA"',
                        "bits >= 256; require aead; require forward-secrecy"):
            policy = f"deliver a.example {{ require {require} }}\n"
            value, = self.values(policy, "a.example")
            level, *attributes = value.split(" ")
            attributes = dict(each.split("=", 1) for each in attributes)
            excluded = attributes.pop("exclude", "").split(":")
            self.assertEqual(level, "encrypt")
            self.assertEqual("protocols" in attributes, "bits >= 2" in require, require)
            self.assertFalse([name for name in excluded if name[:1] in tuple("!+-@") or
                              name.startswith("TLS_")])
            # Postfix excludes what does not encrypt by itself.
            left = self.openssl("".join(":!" + name
                                        for name in excluded + ["eNULL"] if name))
            self.assertTrue(left)
            facts = [{"next_hop": "a.example", "tls_version": "TLSv1.2", "cipher": name}
                     for name in self.openssl("")]
            accepted = [record["cipher"] for record in self.told(policy, facts)
                        if record["action"] == "accept"]
            self.assertEqual(sorted(accepted), sorted(left), require)

    @staticmethod
    def openssl(exclusions):
        done = subprocess.run(["openssl", "ciphers", "ALL:COMPLEMENTOFALL" + exclusions +
                               "@SECLEVEL=0"], check=True, capture_output=True, text=True)
        return [name for name in done.stdout.strip().split(":")
                if not name.startswith("TLS_")]

    def warnings(self, policy, settings, **values):
        self.postconf(**values)
        self.write("policy.conf", policy)
        status, _, errors = run(
            "check", "-c", self.write("tlsward.conf", settings + "journal none\n"),
            env=dict(os.environ, PATH=f"{self.folder}:{os.environ['PATH']}"))
        self.assertEqual(status, 0, errors)
        return [line.rpartition("[")[2] for line in errors.splitlines()
                if ": warning: " in line and "outgoing" in line or "_digest" in line]

    def test_warnings(self):
        """What the one MTA cannot be told matters not where the other is."""
        rules = "deliver a.example .a.example { require tls >= 1.2 }\n"
        for mta, expected in (("auto", ["outgoing-postfix]"]), ("postfix", []),
                              ("sendmail", ["outgoing-postfix]"])):
            self.assertEqual(self.warnings(rules, f"mta {mta}\n"), expected, mta)
        self.assertEqual(self.warnings(rules, f"tls-policy-map unix:{self.folder}/map\n"), [])
        rules = ("deliver a.example .a.example { require certificate fingerprint "
                 f"sha256:{'ab' * 32} sha256:{'cd' * 32} }}\n")
        for digest, expected in (("sha256", []), ("sha1", ["postfix-settings]"]),
                                 ("md5", ["postfix-settings]"])):
            self.assertEqual(self.warnings(rules, "mta postfix\n",
                                           smtp_tls_fingerprint_digest=digest), expected)

    def test_fallback_relay(self):
        """What is not taken as agreed goes there."""
        rules = ("deliver a.example .a.example { require tls }\n"
                 'deliver "[relay.example]:587" { require tls }\n')
        for relays, expected in (("", []), ("[relay.example]:587", []), (
                "[relay.example], x.a.example,[relay.example]:587 other.example",
                ["[relay.example]", "other.example"])):
            # It is asked for the value alone.
            self.write("postconf", f"""#!/bin/sh
[ "$*" = "-h -x smtp_fallback_relay" ] && echo '{relays}'\n""", 0o755)
            errors = run("check", self.write("policy.conf", rules), env=dict(
                os.environ, PATH=f"{self.folder}:{os.environ['PATH']}"))[2]
            self.assertEqual(re.findall(r"smtp_fallback_relay = ([^ ]+): mail", errors),
                             expected, errors)

    def test_names(self):
        """Nothing of a name can be read as something else."""
        for name in ("hostname", "nexthop", "a=b.example", "a b.example", ".a.example",
                     "*.a.example", "a:b.example", "a|b.example", "a,b.example", ""):
            path = self.write("policy.conf", "deliver a.example { require certificate "
                              f'name "{name}" }}\n')
            self.assertEqual(run("check", path)[0], 1, name)


if __name__ == "__main__":
    sys.exit(main())
