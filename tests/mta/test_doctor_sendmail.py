# SPDX-License-Identifier: ISC
"""tlsward doctor and Sendmail: what is broken is named, that alone, and with its line.

Its configuration is a real one, made by m4; a daemon runs beside it. Each case breaks one
thing of what is right.
"""

import json
import os
import re
import shutil
import unittest

from . import workspace
from .milter import Milter
from .sendmail import Sendmail

import runner

DIGEST = "sha256:" + 64 * "0"
POLICY = """
partner Acme {
	domain acme.example
	incoming { require tls; require certificate; otherwise reject }
}
from pinned.example { require certificate fingerprint %s; otherwise reject }
deliver acme.example { require tls }
client authenticated { exempt }
default { require nothing }
""" % DIGEST

OPTIONS = ("define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')",
           "DAEMON_OPTIONS(`Name=MSA, Family=inet, Addr=127.0.0.1, Port=587, M=Ea')",
           "INPUT_MAIL_FILTER(`clamav', `S=inet:3310@localhost, F=T')",
           "FEATURE(`access_db', `hash -T<TMPF> {access}')")


def option(name, value):
    """An edit: the option is set to that, whatever it was; None: it is not set."""
    line = "#" if value is None else "O %s=%s" % (name, value)
    return lambda text: re.sub(r"^#?O %s(=.*)?$" % re.escape(name),
                               lambda _: line, text, flags=re.MULTILINE)


def change(pattern, replacement):
    """An edit of all that a regular expression finds, which must be something."""
    def edit(text):
        text, count = re.subn(pattern, lambda found: found.expand(replacement), text,
                              flags=re.MULTILINE)
        assert count > 0, pattern
        return text
    return edit


def filter_line(rest):
    """An edit: the fields of our filter behind its socket."""
    return change(r"^(Xtlsward, S=[^,]*).*$", r"\1" + rest)


def both(first, second):
    return lambda text: second(first(text))


MSA = r"^(O DaemonPortOptions=.*Port=587.*)$"
MTA = r"^(O DaemonPortOptions=Name=MTA.*)$"

# What is broken, and what is said then: the level, the id, and what is in the fix.
CASES = {
    "no filter": (both(change(r"^Xtlsward.*\n", ""),
                       change(r"^(O InputMailFilters=).*$", r"\1clamav")),
                  "fault", "sendmail-filter", "Xtlsward, S=unix:"),
    "filter elsewhere": (change(r"^Xtlsward, S=[^,]*", "Xtlsward, S=local:/run/none.sock"),
                         "fault", "sendmail-filter", "Xtlsward, S=unix:"),
    "filter by TCP elsewhere": (change(r"^Xtlsward, S=[^,]*", "Xtlsward, S=inet:9@[127.0.0.1]"),
                                "fault", "sendmail-filter", "Xtlsward, S=unix:"),
    "not listed": (change(r"^(O InputMailFilters=).*$", r"\1clamav"),
                   "fault", "sendmail-filters", "O InputMailFilters=tlsward, clamav"),
    "no list": (option("InputMailFilters", None),
                "fault", "sendmail-filters", "confINPUT_MAIL_FILTERS"),
    "another's case": (change(r"^(O InputMailFilters=).*$", r"\1clamav;tlsward;gone"),
                       "fault", "sendmail-filters", "gone"),
    "a daemon's own list": (change(MTA, r"\1, InputMailFilters=clamav"), "fault",
                            "sendmail-daemon-filters", "InputMailFilters=tlsward;clamav"),
    "a daemon's empty list": (change(MSA, r"\1, I="), "warning", "sendmail-daemon-filters",
                              "InputMailFilters=tlsward"),
    "fails open": (filter_line(", T=C:30s;S:10s;R:30s;E:1m"), "fault",
                   "sendmail-filter-failure", "F=T"),
    "fails for good": (filter_line(", F=R"), "warning", "sendmail-filter-failure", "F=T"),
    "impatient": (filter_line(", F=T, T=C:30s;S:10s;R:2s;E:1m"), "warning",
                  "sendmail-filter-timeout", "R:30s"),
    "torn": (filter_line(r", F=T,\nT=C:30s;S:10s;R:30s;E:1m"), "fault",
             "sendmail-filter", "F=T, T=C:30s"),
    "behind a stamp": (both(change(r"^(O InputMailFilters=).*$", r"\1opendkim, tlsward"),
                            change(r"^(Xtlsward.*)$", r"\1\nXopendkim, S=inet:8891@localhost")),
                       "warning", "sendmail-filter-order", "InputMailFilters=tlsward"),
    "no certificate": (option("ServerCertFile", None), "fault", "sendmail-tls",
                       "confSERVER_CERT"),
    "no key": (option("ServerKeyFile", None), "fault", "sendmail-tls", "confSERVER_KEY"),
    "no authorities": (option("CACertFile", None), "fault", "sendmail-tls", "confCACERT'"),
    "no folder of them": (option("CACertPath", None), "fault", "sendmail-tls",
                          "confCACERT_PATH"),
    "no such file": (option("CACertFile", "/nowhere/ca.pem"), "fault", "sendmail-tls",
                     "confCACERT"),
    "an open key": (option("ServerKeyFile", "{folder}/open.key"), "fault", "sendmail-tls-key",
                    "chmod 600"),
    "an open folder": (option("ServerCertFile", "{folder}/open/cert.pem"), "fault",
                       "sendmail-tls", "folder"),
    "TLS off": (change(MTA, r"\1, M=S"), "fault", "sendmail-daemon-tls", "M=S"),
    "asks for none": (option("TLSSrvOptions", "V"), "fault", "sendmail-client-certificate",
                      "confTLS_SRV_OPTIONS"),
    "MD5": (option("CertFingerprintAlgorithm", None), "fault", "sendmail-digest",
            "O CertFingerprintAlgorithm=sha256"),
    "SHA-1": (option("CertFingerprintAlgorithm", "sha1"), "fault", "sendmail-digest",
              "O CertFingerprintAlgorithm=sha256"),
    "external": (option("AuthMechanisms", "EXTERNAL PLAIN"), "warning", "sendmail-external",
                 "EXTERNAL"),
    "silent": (option("LogLevel", "8"), "warning", "sendmail-log-level", "O LogLevel=9"),
    "no map": (change(r"^Kaccess.*$", "#"), "fault", "sendmail-access-map", "access_db"),
    "map without it": (change(r"^(Kaccess.*) \S+$", r"\1 {folder}/other"), "fault",
                       "sendmail-access-map", "tlsward export sendmail"),
    "map that is past": (change(r"^(Kaccess.*) \S+$", r"\1 {folder}/past"), "fault",
                         "exported-map", "tlsward export sendmail"),
    "map of another": (change(r"^(Kaccess.*) \S+$", r"\1 {folder}/another"), "warning",
                       "exported-map", "makemap"),
    "map not made": (change(r"^(Kaccess.*) \S+$", r"\1 {folder}/newer"), "fault",
                     "exported-map", "makemap"),
    "TLS off for some": (change(r"^(Kaccess.*) \S+$", r"\1 {folder}/some"), "warning",
                         "sendmail-features", "some:2"),
    "TLS off for all": (change(r"^(Kaccess.*) \S+$", r"\1 {folder}/all"), "fault",
                        "sendmail-features", "all:1"),
    "asks some for none": (change(r"^(Kaccess.*) \S+$", r"\1 {folder}/none"), "warning",
                           "sendmail-features", "take the V away"),
    "socket's link": (change(r"^Xtlsward, S=[^,]*", "Xtlsward, S=unix:{folder}/link.sock"),
                      "fault", "sendmail-socket", "listen"),
}

# Other ways to have it right.
RIGHT = {
    "as it is": lambda text: text,
    "F=4": filter_line(", F=4"),
    "by its path alone": change(r"^(Xtlsward, S=)unix:", r"\1"),
    "local": change(r"^(Xtlsward, S=)unix:", r"\1local:"),
    "each daemon's own list": both(change(r"^(O DaemonPortOptions=.*)$",
                                          r"\1, InputMailFilters=clamav;tlsward"),
                                   option("InputMailFilters", None)),
    "behind a scanner": change(r"^(O InputMailFilters=).*$", r"\1clamav, tlsward"),
    "more modifiers": change(MSA, r"\1, M=as"),
    "continued": change(r"^(Xtlsward,) (S=[^,]*,) (.*)$", r"\1\n\t\2\n  \3"),
    "what goes out too": option("TLSSrvOptions", "v"),
    "its name's case": change(r"^(O InputMailFilters=).*$", r"\1TLSward;ClamAV"),
}


class Doctor(unittest.TestCase):
    mta = "sendmail"
    without_sanitizers = False

    @classmethod
    def setUpClass(cls):
        cls.folder = workspace.folder()
        cls.addClassCleanup(workspace.remove, cls.folder)
        cls.milter = Milter(os.path.join(cls.folder, "milter"), POLICY)
        cls.milter.start()
        cls.addClassCleanup(cls.milter.stop)
        access = os.path.join(cls.folder, "access")
        pki = workspace.pki()
        server = Sendmail(os.path.join(cls.folder, "mta"), pki, cls.milter.address,
                          [line.format(access=access) if "{access}" in line else line
                           for line in OPTIONS])
        with open(server.config, encoding="utf-8") as file:
            cls.right = change(r"^(O InputMailFilters=).*$", r"\1tlsward, clamav")(
                file.read())
        cls.write_files(access, pki)

    @classmethod
    def write_files(cls, access, pki):
        """The maps, right and wrong, and other files that cases name."""
        _, exported, _ = runner.run("export", "sendmail", "-c", cls.milter.settings)
        maps = {access: exported, cls.folder + "/other": "Connect:10 RELAY\n",
                cls.folder + "/past": re.sub("# valid until .*", "# valid until 2020-01-01",
                                             exported),
                cls.folder + "/another": exported.replace("policy sha256:", "policy sha256:0"),
                cls.folder + "/newer": "Connect:10 RELAY\n" + exported,
                cls.folder + "/newer.db": "",
                cls.folder + "/some": "#\nSrv_Features:10.1\tS\n" + exported,
                cls.folder + "/all": "srv_features: aS\n" + exported,
                cls.folder + "/none": exported + "Srv_Features:mx.acme.example  V"}
        for path, text in maps.items():
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
        os.utime(cls.folder + "/newer.db", (1, 1))
        shutil.copy(pki.server.key, cls.folder + "/open.key")
        os.chmod(cls.folder + "/open.key", 0o644)
        os.mkdir(cls.folder + "/open")
        os.chmod(cls.folder + "/open", 0o775)
        shutil.copy(pki.server.cert, cls.folder + "/open/cert.pem")
        os.symlink(cls.milter.socket, cls.folder + "/link.sock")

    def doctor(self, edit):
        """What is not well, with the configuration edited."""
        path = os.path.join(self.folder, "sendmail.cf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(edit(self.right).replace("{folder}", self.folder))
        return self.points(path)

    def points(self, path):
        status, text, errors = runner.run("doctor", "--json", "-c", self.milter.settings,
                                          "--sendmail", path)
        points = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(errors, "")
        self.assertEqual(status, int(any(point["level"] == "fault" for point in points)))
        return [point for point in points if point["level"] != "ok"]

    def test_what_is_right(self):
        for name, edit in RIGHT.items():
            with self.subTest(name):
                self.assertEqual(self.doctor(edit), [])

    def test_what_is_wrong(self):
        for name, (edit, level, finding, fix) in CASES.items():
            with self.subTest(name):
                points = self.doctor(edit)
                self.assertEqual([(point["level"], point["id"]) for point in points],
                                 [(level, finding)], points)
                self.assertIn(fix, points[0]["fix"])

    def test_places(self):
        """The line of sendmail.cf that is to be changed, which has other text now."""
        point, = self.doctor(CASES["fails open"][0])
        path, line, text = re.match(r"(.*):(\d+): (X[^(]*) \(in sendmail.mc: INPUT",
                                    point["fix"]).groups()
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        self.assertTrue(lines[int(line) - 1].startswith("Xtlsward,"))
        lines[int(line) - 1] = text
        self.assertEqual(self.doctor(lambda _: "\n".join(lines)), [])

    def test_socket_in_an_open_folder(self):
        folder = os.path.dirname(self.milter.socket)
        for mode, who in ((0o775, "its group"), (0o777, "everybody")):
            os.chmod(folder, mode)
            try:
                point, = self.doctor(RIGHT["as it is"])
            finally:
                os.chmod(folder, 0o755)
            self.assertEqual((point["level"], point["id"]), ("fault", "sendmail-socket"))
            self.assertIn("%s may write in the folder %s" % (who, os.path.realpath(folder)),
                          point["message"])
        os.chmod(folder, 0o775)
        try:
            self.assertEqual(self.doctor(option(
                "DontBlameSendmail", "GroupReadableKeyFile,TrustStickyBit,"
                "GroupWritableDirPathSafe")), [])
        finally:
            os.chmod(folder, 0o755)

    def test_socket_of_another_group(self):
        os.chmod(self.milter.socket, 0o660)
        try:
            self.assertEqual(self.doctor(RIGHT["as it is"]), [])
            point, = self.doctor(option("RunAsUser", "daemon:mail"))
        finally:
            os.chmod(self.milter.socket, 0o666)
        self.assertEqual((point["level"], point["id"]), ("fault", "sendmail-socket"))
        self.assertIn("socket-group", point["fix"])
        self.assertEqual(self.doctor(option("RunAsUser", "daemon:mail")), [])

    def test_what_is_not_in_force(self):
        path = os.path.join(self.folder, "sendmail.cf")
        self.assertEqual(self.doctor(RIGHT["as it is"]), [])
        for name, when, finding in ((path[:-2] + "mc", 2 ** 31 - 9, "sendmail-mc"),
                                    (path[:-2] + "mc", 9, None),
                                    (os.path.join(self.folder, "pid"), 9, "sendmail-restart"),
                                    (os.path.join(self.folder, "pid"), 2 ** 31 - 9, None)):
            with open(name, "w", encoding="ascii"):
                pass
            os.utime(name, (when, when))
            found = [point["id"] for point in self.doctor(
                option("PidFile", "{folder}/pid"))]
            os.unlink(name)
            self.assertEqual(found, [finding] if finding else [])

    def test_no_configuration(self):
        point, = self.points(os.path.join(self.folder, "nowhere.cf"))
        self.assertEqual((point["level"], point["id"]), ("fault", "sendmail"))

    def test_whatever_is_in_it(self):
        """Nothing that stands there is more than a wrong configuration."""
        for text in ("", "X", "X,", "Xa", "Xa,S", "Xa,=", "Xa, S=\nO InputMailFilters=,;,",
                     "O", "O ", "O =", "O InputMailFilters", "O DaemonPortOptions==,=,I",
                     "Kaccess ", "Kaccess", "X" + 5000 * "tlsward", "X\x1b[2Jtlsward, S=\x07",
                     "Xtlsward, S=" + 4000 * "a" + ", F=" + 99 * "T" + ", T=" + 999 * "R:9;",
                     "O ServerKeyFile=,,,\nO ServerCertFile=" + 9000 * "/a", "\n \n\t"):
            points = self.doctor(lambda _, text=text: text)
            self.assertIn("sendmail-filter", [point["id"] for point in points])
            self.assertNotIn("\x1b", json.dumps(points))


if __name__ == "__main__":
    unittest.main()
