#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The examples of each command's help and of tlsward(1), run on a small site.

What the settings name is that site's: "tlsward" gets -c where it would read the default
settings file. Programs of the host that an example calls beside it are stand-ins.
"""

import datetime
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import unittest

from tool import NO_POSTCONF, TIMEOUT, TLSWARD, main, runner
import sample_journal
from journals import Journal

COMMANDS = ("check", "explain", "decide", "test", "diff", "add-partner", "export", "log", "report",
            "replay", "watch")
STAND_INS = {
    "tlsward": """import os, sys
words = sys.argv[1:]
operand = any(not word.startswith("-") for word in words[1:])
if words[0] not in ("diff", "import") and not (words[0] == "check" and operand):
    words[1:1] = ["-c", %(folder)r + "/tlsward.conf"]
if words[0] == "ship" and "--schema" not in words:
    print("There is no PostgreSQL here: tests/fleet has one.")
    sys.exit()
words = [%(folder)r + "/journal.db" if word.startswith("postgresql:") else word
         for word in words]
if "--follow" in words:
    words += ["-n", "1", "--since", "2020-01-01"]
os.execv(%(tlsward)r, [%(tlsward)r] + words)
""",
    "psql": """import sys
lines = sys.stdin.read().split("\\n")
print(lines[-2])
sys.exit("BEGIN;" not in lines or lines[-2:] != ["COMMIT;", ""])
""",
    "systemctl": """import sys
print(" ".join(sys.argv[1:]))
sys.exit(sys.argv[1:] != ["reload", "tlsward"])
""",
    "sendmail": """import sys
text = sys.stdin.read()
print(text)
sys.exit(sys.argv[1:] != ["-t"] or "\\nTo: " not in "\\n" + text)
""",
    "postmap": """import sys
print(" ".join(sys.argv[1:]))
sys.exit(not open(sys.argv[1].partition(":")[2]).read().startswith("# tlsward export"))
""",
    # What PowerShell's cmdlets write, of one connector each.
    "Get-InboundConnector": """print('[{"Name": "Acme", "SenderDomains": ["acme.example"], '
'"RequireTls": true}]')
""",
    "Get-OutboundConnector": """print('[{"Name": "To Acme", "RecipientDomains": '
'["acme.example"], "TlsSettings": "EncryptionOnly"}]')
""",
    "ConvertTo-Json": """import sys
sys.stdout.write(sys.stdin.read())
""",
    "Out-File": """import sys
open(sys.argv[1], "w").write(sys.stdin.read())
print("written")
""",
    "journalctl": """import sys
sys.stdout.write(open(%(folder)r + "/mail.log").read())
""",
}
REGISTRY = """Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Ciphers\\NULL]
"Enabled"=dword:ffffffff
"""
CASES = """from=alice@acme.example tls_version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 => accept
from=alice@acme.example tls_version=none => reject tls
"""


def page_blocks():
    """The literal blocks of the manual that call tlsward."""
    text = runner.read("man/tlsward.1")
    blocks = re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed", text, re.M | re.S)
    return [block.replace("\\e", "\\").replace("\\-", "-") for block in blocks
            if re.search(r"\btlsward \w", block)]


def help_lines(command):
    """The examples in a command's help: a line each, or with those it goes on with."""
    text = subprocess.run([TLSWARD, "help", command], capture_output=True, text=True,
                          check=True, timeout=TIMEOUT).stdout
    return re.findall(r"^  (\S.*(?:\n {6}.*)*)$", text.partition("\nExamples:\n")[2], re.M)


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = folder = os.path.join(runner.folder(cls), "site")
        os.makedirs(os.path.join(folder, "bin"))
        os.makedirs(os.path.join(folder, "policy.d"))
        end = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        sample_journal.site(folder, end)
        cls.fill(os.path.join(folder, "journal.db"), end)
        for name, program in STAND_INS.items():
            path = os.path.join(folder, "bin", name)
            cls.write(path, f"#!{sys.executable}\n" + program % {
                "folder": folder, "tlsward": os.path.abspath(TLSWARD)})
            os.chmod(path, 0o755)
        cls.write("tlsward.conf", f"policy {folder}/policy.conf\n"
                  f"journal sqlite:{folder}/journal.db\nlisten unix:{folder}/socket\ncontrol none\n"
                  f"log file:{folder}/log\n")
        with open(os.path.join(folder, "policy.conf"), encoding="ascii") as file:
            policy = file.read()
        cls.write("new.conf", policy.replace("tls >= 1.2", "tls >= 1.3"))
        cls.write("policy.test", CASES)
        shutil.copy(os.path.join(runner.TOP, "tests/cases/records/mail.log"), folder)
        cls.write("schannel.reg", REGISTRY)
        records = cls.shell("tlsward log --kind decision --json")
        cls.write("records.json", records.stdout)

    @classmethod
    def addCleanup(cls, *arguments, **options):
        """For runner.folder()."""
        cls.addClassCleanup(*arguments, **options)

    @classmethod
    def write(cls, name, text):
        with open(os.path.join(cls.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    @classmethod
    def fill(cls, path, end):
        """What the examples ask for, beside the sample's."""
        journal = Journal(path)
        when = sample_journal.stamp(end - datetime.timedelta(hours=1))
        journal.record(when, sender="alice@acme.example", to="bob@ours.example",
                       domain="acme.example", partner="Acme", queue_id="4bXy2Q",
                       session="6617a70bc05e0-2", tls_version="none", reason="tls",
                       failed=["tls"], reply="550 5.7.1 TLS is required")
        journal.rollup(when, when, 20, domain="new.example", client_name="mx.new.example",
                       client_addr="198.51.100.250", client_network="198.51.100.0/24",
                       **sample_journal.TLS13)
        journal.close()

    @classmethod
    def shell(cls, command):
        for path in ("/etc/tlsward", "/etc/postfix", "/var/log"):
            command = command.replace(path, cls.folder)
        return subprocess.run(
            ["sh", "-ec", command], cwd=cls.folder, capture_output=True, text=True,
            timeout=TIMEOUT, check=False, env=dict(
                os.environ, PATH=os.path.join(cls.folder, "bin") + ":" + NO_POSTCONF))

    def holds(self, command):
        """It runs, says something, and is told of no mistake."""
        if re.search(r"\bjq\b", command) and shutil.which("jq") is None:
            self.skipTest("no jq")
        done = self.shell(command)
        differs = "tlsward diff" in command
        self.assertIn(done.returncode, (0, 1) if differs else (0,), done)
        self.assertNotRegex(done.stderr, "(?m)^tlsward: |^usage: | error: ")
        if not re.search(r"> ?\S+$|--html report.html|watch", command.strip()):
            self.assertNotEqual(done.stdout, "")
        return done.stdout

    def test_help(self):
        for command in COMMANDS:
            examples = help_lines(command)
            self.assertGreaterEqual(len(examples), 2, command)
            for example in examples:
                with self.subTest(example=example):
                    self.assertIn("tlsward " + command, example)
                    self.holds(example)

    def test_manual(self):
        blocks = page_blocks()
        text = "".join(blocks)
        for command in COMMANDS:
            self.assertIn("tlsward " + command, text)
        for block in blocks:
            where = ""
            # Lines that go on are one.
            for command in re.split(r"\n(?! )", block.strip()):
                if command.startswith("cd "):
                    where = command + "; "
                    continue
                with self.subTest(command=command):
                    self.holds(where + command)

    def test_answers(self):
        """What the manual's examples are to find."""
        for command, part in (
                ("tlsward log --session 6617a70bc05e0-2", "alice@acme.example"),
                ("tlsward explain --last acme.example", "Rejected on "),
                ("tlsward report --domain acme.example", "acme.example"),
                ("tlsward log --kind handshake,delivery --partner Acme", "to acme.example")):
            with self.subTest(command=command):
                self.assertIn(command, runner.read("man/tlsward.1").replace("\\-", "-"))
                self.assertIn(part, self.holds(command))
        with open(os.path.join(self.folder, "report.html"), "w", encoding="ascii"):
            pass
        self.holds("tlsward report --html report.html")
        self.assertGreater(os.path.getsize(os.path.join(self.folder, "report.html")), 1000)

    def test_query(self):
        """The one in SQL."""
        sql = re.search(r"^(SELECT strftime.*?;)$", runner.read("man/tlsward.1"), re.M | re.S)
        database = sqlite3.connect(os.path.join(self.folder, "journal.db"))
        self.addCleanup(database.close)
        self.assertTrue(database.execute(sql.group(1)).fetchall())


if __name__ == "__main__":
    sys.exit(main())
