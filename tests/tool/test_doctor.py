#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward doctor: what it says of a Postfix that is attached wrongly, and of one that is not.

Each case changes one thing of a configuration that is right. Without postconf, which may
be that of an unpacked Postfix ($TLSWARD_POSTFIX), the exit status is 77.
"""

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import threading
import unittest

from tool import Folder, NO_POSTCONF, main, run, runner

TREE = os.environ.get("TLSWARD_POSTFIX", "")
USER = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
# The points of Postfix; those of the daemon are not what these tests are about.
POSTFIX = set("""postfix policy mta milter milter-service milter-chroot milter-reach
    milter-local milter-first milter-default-action milter-protocol milter-timeout
    milter-macros milter-maps content-filter proxy-filter upstream-proxy end-of-data tls
    tls-encrypt tls-wrappermode tls-protocols tls-certificate tls-loglevel
    tls-port-logging tls-ask-ccert tls-digest tls-ca policy-service policy-service-order
    policy-service-reach map map-name map-order map-reach map-answer out-level
    out-digest out-loglevel dane-dnssec tls-required route exported-map""".split())

# Debian's, and the README's lines behind them.
MAIN = """
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
compatibility_level = 3.6

# TLS parameters
smtpd_tls_cert_file={folder}/mx.pem
smtpd_tls_key_file={folder}/mx.key
smtpd_tls_security_level=may

smtp_tls_CApath=/etc/ssl/certs
smtp_tls_security_level=may
smtp_tls_session_cache_database = btree:${{data_directory}}/smtp_scache

smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated
    defer_unauth_destination
myhostname = mx.test.example
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
mydestination = $myhostname, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all

queue_directory = {queue}
mail_owner = {user}
smtpd_milters = unix:tlsward/milter.sock
non_smtpd_milters = unix:tlsward/milter.sock
milter_default_action = tempfail
"""

MASTER = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       y       -       -       smtpd
#smtp      inet  n       -       y       -       1       postscreen
#smtpd     pass  -       -       y       -       -       smtpd
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
error     unix  -       -       y       -       -       error
local     unix  -       n       n       -       -       local
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${{recipient}}
"""

SUBMISSION = """\
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
"""

FILTER = """\
filter    unix  -       -       n       -       10      smtp
  -o smtp_send_xforward_command=yes
127.0.0.1:10025 inet n  -       y       -       10      smtpd
  -o content_filter=
"""

CONF = """\
listen {queue}/tlsward/milter.sock
socket-group {group}
policy policy.conf
journal none
"""

PLAIN = "from acme.example { require tls >= 1.2; otherwise tempfail }\n"
NAMED = ("from acme.example { require certificate name mx.acme.example; "
         "otherwise tempfail }\n")
PINNED = ("from acme.example { require certificate fingerprint sha256:%s; "
          "otherwise tempfail }\n" % ("ab" * 32))
OUTGOING = "deliver acme.example { require tls >= 1.2 }\n"

PINS = {"conf": "policy-service unix:{queue}/tlsward/policy.sock\n", "policy": PINNED,
        "main": {"smtpd_tls_ask_ccert": "yes", "smtpd_tls_fingerprint_digest": "sha256",
                 "smtpd_recipient_restrictions":
                     "check_policy_service unix:tlsward/policy.sock, permit_mynetworks, "
                     "permit_sasl_authenticated, reject_unauth_destination"}}
OUT = {"conf": "tls-policy-map unix:{queue}/tlsward/tls.sock\n", "policy": OUTGOING,
       "main": {"smtp_tls_policy_maps": "socketmap:unix:tlsward/tls.sock:tlsward",
                "smtp_tls_fingerprint_digest": "sha256", "smtp_tls_loglevel": "1",
                "tls_required_enable": "no"}}


def postconf_path():
    path = TREE + "/usr/sbin" if TREE else "/usr/sbin"
    return path if os.path.exists(path + "/postconf") else None


def environment():
    path = {"LD_LIBRARY_PATH": TREE + "/usr/lib/postfix"} if TREE else {}
    return dict(os.environ, PATH=postconf_path() + ":" + os.environ["PATH"], **path)


def default(name):
    return subprocess.run(("postconf", "-d", "-h", name), env=environment(),
                          capture_output=True, check=True).stdout.decode()


def version():
    return tuple(int(part) for part in re.findall(r"\d+", default("mail_version"))[:2])


class Listener:
    """A UNIX socket that takes connections, and answers one reply to what comes."""

    def __init__(self, path, reply=None, mode=0o666):
        self._reply = reply
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        os.chmod(path, mode)
        self._socket.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            with connection:
                if self._reply is not None and connection.recv(1024):
                    connection.sendall(b"%d:%s," % (len(self._reply), self._reply))

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Site(Folder):
    """A configuration of Postfix, tlsward's settings, and sockets that answer."""

    @classmethod
    def setUpClass(cls):
        if postconf_path() is None:
            raise unittest.SkipTest("no postconf")

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.queue = os.path.join(self.folder, "queue")
        self.sockets = os.path.join(self.queue, "tlsward")
        os.makedirs(self.sockets)
        self.values = {"folder": self.folder, "queue": self.queue, "user": USER,
                       "group": "nogroup"}
        self.make_certificate()
        self.listen("milter.sock")
        self.listen("policy.sock")
        self.listen("tls.sock", b"NOTFOUND ")

    def listen(self, name, reply=None, mode=0o666):
        path = os.path.join(self.sockets, name)
        if os.path.exists(path):
            os.unlink(path)
        self.addCleanup(Listener(path, reply, mode).close)

    def make_certificate(self):
        subprocess.run(("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mx.test.example",
                        "-keyout", self.folder + "/mx.key", "-out", self.folder + "/mx.pem"),
                       check=True, capture_output=True)

    def fill(self, text):
        for name, value in self.values.items():
            text = text.replace("{%s}" % name, value)
        return text

    def configure(self, main=None, master=MASTER, conf="", policy=PLAIN, folder="postfix",
                  edit=None):
        """Writes all of it. "main" has parameters of main.cf: None takes one out."""
        lines = self.fill(MAIN).replace("{{", "{").replace("}}", "}")
        for name, value in (main or {}).items():
            pattern = r"(?m)^%s *=.*(\n[ \t].*)*\n" % re.escape(name)
            if re.search(pattern, lines):
                lines = re.sub(pattern, lambda _, n=name, v=value: "" if v is None else
                               "%s = %s\n" % (n, self.fill(v)), lines)
            elif value is not None:
                lines += "%s = %s\n" % (name, self.fill(value))
        self.main = self.write(folder + "/main.cf", lines)
        self.master = self.write(folder + "/master.cf", self.fill(
            master.replace("{{", "{").replace("}}", "}")))
        self.write("policy.conf", policy)
        settings = self.fill(CONF).replace("listen ", "listen unix:", 1) + self.fill(conf)
        self.conf = self.write("tlsward.conf", edit(settings) if edit else settings)

    def doctor(self, *arguments, env=None):
        return run("doctor", "-c", self.conf, *arguments, env=env or environment())

    def found(self, *arguments):
        """The points that are not well: level, id, message, fix."""
        status, said, error = self.doctor("--json", "--postfix", self.folder + "/postfix",
                                          *arguments)
        self.assertEqual("", error)
        points = [json.loads(line) for line in said.splitlines()]
        self.assertEqual(int(any(point["level"] == "fault" for point in points)), status)
        return [(point["level"], point["id"], point["message"], point["fix"])
                for point in points if point["level"] != "ok" and point["id"] in POSTFIX]

    def line(self, path, text):
        """FILE:LINE: of the last line that begins so."""
        with open(path, encoding="utf-8") as file:
            numbers = [number for number, line in enumerate(file, 1)
                       if line.lstrip().startswith(text)]
        self.assertTrue(numbers, text)
        return "%s:%d: " % (path, numbers[-1])

    def expect(self, *wanted):
        """Those points and no others: (level, id, what the message has, the fix)."""
        found = self.found()
        self.assertEqual(sorted(point[:2] for point in wanted),
                         sorted(point[:2] for point in found), found)
        for level, name, part, fix in wanted:
            points = [point for point in found if point[:2] == (level, name)]
            self.assertTrue(any(part in point[2] and fix in (point[3] or "")
                                for point in points), (part, fix, points))


class Manual(unittest.TestCase):
    def test_each_point(self):
        """The manual and this test have each id that the source has."""
        source = "".join(runner.read("tool/" + name) for name in os.listdir(
            os.path.join(runner.TOP, "tool")) if name.startswith("doctor"))
        calls = re.findall(r'DOCTOR_\w+,\s*"([a-z-]+)"', source)
        entries = " ".join(re.findall(r"(?m)^\.It Li (.*)$", runner.read("man/tlsward.1")))
        self.assertGreater(len(set(calls)), 20)
        self.assertEqual([], sorted(set(calls) - set(entries.replace(",", " ").split())))


class Right(Site):
    def test_readme(self):
        self.configure()
        self.expect()

    def test_no_word_of_pins(self):
        self.configure()
        said = self.doctor("--postfix", self.folder + "/postfix")[1]
        self.assertNotRegex(said, "(?i)pin|ccert|check_policy")

    def test_answer_first(self):
        self.configure()
        status, said, _ = self.doctor("--postfix", self.folder + "/postfix")
        self.assertRegex(said, r"\A(all ok: |\d+ (fault|warning))")
        self.assertIn("the milter's socket unix:tlsward/milter.sock", said)
        self.assertIn(status, (0, 1))

    def test_pins(self):
        self.configure(**PINS)
        self.expect()

    def test_outgoing(self):
        main_cf = dict(OUT["main"])
        if version() >= (3, 10):
            main_cf["tls_required_enable"] = "no"
        self.configure(**dict(OUT, main=main_cf))
        self.expect()

    def test_submission(self):
        self.configure(master=MASTER + SUBMISSION + SUBMISSION.replace(
            "submission inet", "smtps inet     ").replace(
                "smtpd_tls_security_level=encrypt", "smtpd_tls_wrappermode=yes"))
        self.expect()

    def test_content_filter(self):
        self.configure({"content_filter": "filter:[127.0.0.1]:10024"},
                       MASTER + FILTER + "  -o smtpd_milters=\n"
                       "  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n")
        self.expect()

    def test_content_filter_that_takes_no_milters(self):
        self.configure({"content_filter": "filter:[127.0.0.1]:10024"}, MASTER + FILTER +
                       "  -o receive_override_options=no_milters,no_unknown_recipient_checks\n")
        self.expect()

    def test_per_service(self):
        self.configure({"smtpd_milters": None}, MASTER.replace(
            "smtpd\n#smtp ", "smtpd\n  -o smtpd_milters=unix:tlsward/milter.sock\n#smtp "))
        self.expect()

    def test_braces_of_a_milter(self):
        self.configure({"smtpd_milters": "{ unix:tlsward/milter.sock, default_action=tempfail,"
                                         " connect_timeout=10s }, inet:localhost:8891"})
        self.expect()

    def test_postscreen(self):
        self.configure(master=MASTER.replace("#smtp ", "smtp ").replace(
            "#smtpd", "smtpd").replace("smtp      inet  n       -       y       -       -"
                                       "       smtpd\n", ""))
        self.expect()

    def test_instances(self):
        self.configure()
        self.configure(folder="second")
        env = environment()
        status, said, _ = self.doctor("--postfix", self.folder + "/postfix", "--postfix",
                                      self.folder + "/second", "--json")
        self.assertIn(status, (0, 1))
        points = [json.loads(line) for line in said.splitlines()]
        self.assertEqual([], [point for point in points if point["id"] in POSTFIX and
                              point["level"] != "ok"], env["PATH"])
        self.assertEqual(2, sum(point["id"] == "milter-reach" for point in points))

    def instances(self, second, master):
        """The points of two instances that are not well."""
        self.configure()
        self.configure(second, master, folder="second")
        said = self.doctor("--postfix", self.folder + "/postfix", "--postfix",
                           self.folder + "/second", "--json")[1]
        return [(point["level"], point["id"]) for point in map(json.loads, said.splitlines())
                if point["id"] in POSTFIX and point["level"] != "ok"]

    def test_instance_behind_another(self):
        """It takes mail of this host alone, from the filter between the two."""
        none = {"smtpd_milters": None, "non_smtpd_milters": None}
        smtp = MASTER.split("\n")[1]
        self.assertEqual([], self.instances(none, MASTER.replace(
            smtp, "127.0.0.1:10026 inet n - y - - smtpd")))
        self.assertEqual([], self.instances(dict(none, inet_interfaces="loopback-only"),
                                            MASTER))
        self.assertEqual([], self.instances(dict(none, master_service_disable="inet"),
                                            MASTER))
        self.assertEqual([("fault", "milter")], self.instances(none, MASTER))

    def test_way_to_a_filter(self):
        """What goes there is not mail to partners."""
        main_cf = dict(OUT["main"], tls_required_enable="no")
        self.configure(**dict(OUT, main=main_cf, master=MASTER.replace(
            "smtpd\n#smtp ", "smtpd\n  -o content_filter=filter:[127.0.0.1]:10024\n#smtp ") +
            FILTER.replace("xforward_command=yes", "xforward_command=yes\n"
                           "  -o smtp_tls_security_level=none\n  -o smtp_tls_policy_maps=") +
            "  -o smtpd_milters=\n"))
        self.expect()

    def test_policy_service_alone(self):
        restrictions = PINS["main"]["smtpd_recipient_restrictions"]
        self.configure({"smtpd_milters": None, "non_smtpd_milters": None,
                        "smtpd_recipient_restrictions": restrictions},
                       conf=PINS["conf"] + "policy-service-answers verdict\n")
        self.expect()

    def test_restriction_class(self):
        self.configure(**dict(PINS, main=dict(
            PINS["main"], smtpd_restriction_classes="ours",
            ours="check_policy_service unix:tlsward/policy.sock",
            smtpd_recipient_restrictions="ours, permit_mynetworks, "
                                         "reject_unauth_destination")))
        self.expect()


class Wrong(Site):
    """One thing is wrong."""

    def test_no_milter(self):
        self.configure({"smtpd_milters": None})
        self.expect(("fault", "milter", "smtpd_milters is empty",
                     self.main + ": add smtpd_milters = unix:tlsward/milter.sock"))

    def test_wrong_path(self):
        self.configure({"smtpd_milters": "unix:tlsward/tlsward.sock, inet:localhost:8891"})
        self.expect(("fault", "milter", "names unix:tlsward/tlsward.sock",
                     self.line(self.main, "smtpd_milters") + "smtpd_milters = "
                     "unix:tlsward/milter.sock, inet:localhost:8891"))

    def test_another_milter_alone(self):
        self.configure({"smtpd_milters": "inet:localhost:8891"})
        self.expect(("fault", "milter", "the daemon is not among them",
                     self.line(self.main, "smtpd_milters") + "smtpd_milters = "
                     "unix:tlsward/milter.sock, inet:localhost:8891"))

    def test_form_of_libmilter(self):
        self.configure({"smtpd_milters": "inet:8899@127.0.0.1", "non_smtpd_milters": None},
                       edit=lambda text: re.sub("listen .*", "listen inet:127.0.0.1:8899",
                                                text))
        self.expect(("fault", "milter", "inet:8899@127.0.0.1",
                     self.line(self.main, "smtpd_milters") +
                     "smtpd_milters = inet:127.0.0.1:8899"))

    def test_chroot(self):
        path = self.folder + "/run/tlsward.sock"
        os.makedirs(os.path.dirname(path))
        self.addCleanup(Listener(path).close)
        self.configure({"smtpd_milters": "unix:" + path, "non_smtpd_milters": None},
                       edit=lambda text: re.sub("listen .*", "listen unix:" + path, text))
        self.expect(("fault", "milter-chroot", self.queue + path, "%s/tlsward.conf:1: listen "
                     "unix:%s/tlsward/milter.sock" % (self.folder, self.queue)))

    def test_no_chroot(self):
        path = self.folder + "/run/tlsward.sock"
        os.makedirs(os.path.dirname(path))
        self.addCleanup(Listener(path).close)
        self.configure({"smtpd_milters": "unix:" + path, "non_smtpd_milters": None},
                       MASTER.replace("smtp      inet  n       -       y",
                                      "smtp      inet  n       -       -"),
                       edit=lambda text: re.sub("listen .*", "listen unix:" + path, text))
        self.expect()

    def test_no_socket(self):
        os.unlink(self.sockets + "/milter.sock")
        self.configure({"non_smtpd_milters": None})
        self.expect(("fault", "milter-reach", "is not there", "systemctl start tlsward"))

    def test_a_file(self):
        os.unlink(self.sockets + "/milter.sock")
        self.write("queue/tlsward/milter.sock", "")
        self.configure({"non_smtpd_milters": None})
        self.expect(("fault", "milter-reach", "not a socket", "systemctl start tlsward"))

    def test_nobody_listens(self):
        os.unlink(self.sockets + "/milter.sock")
        left = socket.socket(socket.AF_UNIX)
        left.bind(self.sockets + "/milter.sock")
        os.chmod(self.sockets + "/milter.sock", 0o666)
        left.close()
        self.configure({"non_smtpd_milters": None})
        self.expect(("fault", "milter-reach", "is not listened on",
                     "systemctl start tlsward"))

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_folder_denies(self):
        os.chmod(self.sockets, 0o700)
        self.configure({"non_smtpd_milters": None})
        self.expect(("fault", "milter-reach", self.sockets + " does not let it through",
                     "chmod g+x " + self.sockets))

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_socket_denies(self):
        os.chmod(self.sockets + "/milter.sock", 0o660)
        self.configure({"non_smtpd_milters": None})
        self.expect(("fault", "milter-reach", "does not let it connect", "socket-group"))

    def test_local(self):
        self.configure({"non_smtpd_milters": "unix:/tlsward/none.sock"})
        self.expect(("fault", "milter-local", "non_smtpd_milters names",
                     self.line(self.main, "non_smtpd_milters") +
                     "non_smtpd_milters = unix:tlsward/milter.sock"))

    def test_empty_at_a_service(self):
        self.configure(master=MASTER + "2525 inet n - y - - smtpd\n  -o smtpd_milters=\n")
        self.expect(("fault", "milter-service", "service 2525 inet",
                     self.line(self.master, "-o smtpd_milters=") +
                     "-o smtpd_milters=unix:tlsward/milter.sock"))

    def test_taken_out_for_users(self):
        self.configure(master=MASTER + SUBMISSION + "  -o smtpd_milters=\n")
        self.expect()

    def test_no_milters_at_a_service(self):
        self.configure(master=MASTER + "2525 inet n - y - - smtpd\n"
                       "  -o receive_override_options=no_milters\n")
        self.expect(("fault", "milter-service", "no_milters",
                     self.line(self.master, "-o receive_override_options")))

    def test_named_at_one_service(self):
        self.configure({"smtpd_milters": None}, MASTER.replace(
            "smtpd\n#smtp ", "smtpd\n  -o smtpd_milters=unix:tlsward/milter.sock\n#smtp ") +
            SUBMISSION)
        self.expect(("warning", "milter-service", "service submission inet",
                     self.line(self.master, "submission inet")))

    def test_not_named_on_port_25(self):
        self.configure({"smtpd_milters": None}, MASTER + SUBMISSION +
                       "  -o smtpd_milters=unix:tlsward/milter.sock\n")
        self.expect(("fault", "milter-service", "service smtp inet", self.line(
            self.master, "smtp      inet") + "add below this line: -o smtpd_milters="
            "unix:tlsward/milter.sock"))

    def test_no_user(self):
        self.configure({"mail_owner": "no-such-user"})
        self.expect(("fault", "postfix", "mail_owner = no-such-user", ""))

    def test_behind_another(self):
        self.configure({"smtpd_milters": "inet:localhost:8891, unix:tlsward/milter.sock"},
                       conf="authentication-results mx.test.example\n")
        self.expect(("warning", "milter-first", "inet:localhost:8891",
                     self.line(self.main, "smtpd_milters") + "smtpd_milters = "
                     "unix:tlsward/milter.sock, inet:localhost:8891"))

    def test_accept(self):
        self.configure({"milter_default_action": "accept"})
        self.expect(("fault", "milter-default-action", "accept", self.line(
            self.main, "milter_default_action") + "milter_default_action = tempfail"))

    def test_accept_of_one_milter(self):
        self.configure({"smtpd_milters":
                            "{ unix:tlsward/milter.sock, default_action = accept }"})
        self.expect(("fault", "milter-default-action", "smtpd_milters has",
                     self.line(self.main, "smtpd_milters") + "smtpd_milters = { "
                     "unix:tlsward/milter.sock, default_action = tempfail }"))

    def test_accept_of_a_service(self):
        self.configure(master=MASTER.replace(
            "smtpd\n#smtp ", "smtpd\n  -o milter_default_action=accept\n#smtp "))
        self.expect(("fault", "milter-default-action", "service smtp inet", self.line(
            self.master, "-o milter_default_action") + "-o milter_default_action=tempfail"))

    def test_default_action_of_other_kinds(self):
        for action, level in (("quarantine", "warning"), ("reject", "warning"),
                              ("tempfall", "fault")):
            self.configure({"milter_default_action": action})
            self.expect((level, "milter-default-action", action, "= tempfail"))

    def test_protocol(self):
        self.configure({"milter_protocol": "2"})
        self.expect(("fault", "milter-protocol", "milter_protocol = 2", self.line(
            self.main, "milter_protocol") + "milter_protocol = 6"))

    def test_timeouts(self):
        self.configure({"milter_command_timeout": "1s"})
        self.expect(("warning", "milter-timeout", "milter_command_timeout = 1s", self.line(
            self.main, "milter_command_timeout") + "milter_command_timeout = 30s"))

    def test_macros(self):
        self.configure({"milter_macro_v": "ESMTP"})
        self.expect(("fault", "milter-macros", "milter_macro_v = ESMTP", "mta postfix"))

    def test_maps(self):
        self.write("clients", "127.0.0.0/8 DISABLE\n192.0.2.0/24 DISABLE\n")
        self.configure({"smtpd_milter_maps": "cidr:{folder}/clients"})
        self.expect(("warning", "milter-maps", "cidr:", self.line(
            self.main, "smtpd_milter_maps") + "smtpd_milter_maps ="))
        self.write("clients", "127.0.0.0/8 DISABLE\n")
        self.expect()

    def test_maps_in_the_line(self):
        self.configure({"smtpd_milter_maps": "cidr:{ {192.0.2.0/24 DISABLE} }"})
        self.expect(("warning", "milter-maps", "cidr:", self.line(
            self.main, "smtpd_milter_maps") + "smtpd_milter_maps ="))

    def test_way_back(self):
        self.configure({"content_filter": "filter:[127.0.0.1]:10024"}, MASTER + FILTER)
        self.expect(("fault", "content-filter", "service 127.0.0.1:10025 inet", self.line(
            self.master, "127.0.0.1:10025") + "add below this line: -o smtpd_milters="))

    def test_only_the_way_back(self):
        self.configure({"content_filter": "filter:[127.0.0.1]:10024", "smtpd_milters": None},
                       MASTER + FILTER + "  -o smtpd_milters=unix:tlsward/milter.sock\n")
        self.assertEqual({"milter", "content-filter"}, {point[1] for point in self.found()})

    def test_proxy_filter(self):
        self.configure(master=MASTER.replace(
            "smtpd\n#smtp ", "smtpd\n  -o smtpd_proxy_filter=127.0.0.1:10024\n#smtp ") +
            "127.0.0.1:10025 inet n - y - - smtpd\n  -o smtpd_milters=\n")
        self.expect(("warning", "proxy-filter", "127.0.0.1:10024", "quarantine-as tempfail"))

    def test_upstream(self):
        self.configure({"smtpd_upstream_proxy_protocol": "haproxy"})
        self.expect(("warning", "upstream-proxy", "haproxy", "mode tcp"))

    def test_end_of_data(self):
        self.configure({"smtpd_end_of_data_restrictions": "check_policy_service unix:x"})
        mended = int(default("mail_release_date")) >= 20260803
        self.expect(*[] if mended else [
            ("warning", "end-of-data", "August 2026",
             self.line(self.main, "smtpd_end_of_data_restrictions"))])


class WrongTls(Site):
    def test_none(self):
        for level in ("none", ""):
            self.configure({"smtpd_tls_security_level": level})
            self.expect(("fault", "tls", "smtpd_tls_security_level", self.line(
                self.main, "smtpd_tls_security_level") + "smtpd_tls_security_level = may"))

    def test_encrypt(self):
        self.configure({"smtpd_tls_security_level": "encrypt"})
        self.expect(("warning", "tls-encrypt", "RFC 3207", self.line(
            self.main, "smtpd_tls_security_level") + "smtpd_tls_security_level = may"))

    def test_none_at_a_service(self):
        self.configure(master=MASTER + SUBMISSION.replace("=encrypt", "=none"))
        self.expect(("fault", "tls", "service submission inet", self.line(
            self.master, "-o smtpd_tls_security_level")))

    def test_wrappermode(self):
        self.configure(master=MASTER.replace(
            "smtpd\n#smtp ", "smtpd\n  -o smtpd_tls_wrappermode=yes\n#smtp "))
        self.expect(("fault", "tls-wrappermode", "speak SMTP first", self.line(
            self.master, "-o smtpd_tls_wrappermode") + "-o smtpd_tls_wrappermode=no"))

    def test_no_wrappermode(self):
        self.configure(master=MASTER + SUBMISSION.replace("submission inet", "smtps inet"))
        self.expect(("fault", "tls-wrappermode", "service smtps inet", "line: -o "
                     "smtpd_tls_wrappermode=yes"))

    def test_no_certificate(self):
        self.configure({"smtpd_tls_cert_file": None, "smtpd_tls_key_file": None})
        self.expect(("fault", "tls-certificate", "not set", "add smtpd_tls_chain_files"))

    def test_certificate_that_is_not_there(self):
        self.configure({"smtpd_tls_cert_file": "{folder}/none.pem"})
        self.expect(("fault", "tls-certificate", "No such file", "none.pem"))

    def test_key_of_another(self):
        shutil.copy(self.folder + "/mx.key", self.folder + "/first.key")
        self.make_certificate()
        self.configure({"smtpd_tls_key_file": "{folder}/first.key"})
        self.expect(("fault", "tls-certificate", "no key that fits", "first.key"))

    def test_chain_files(self):
        self.write("chain.pem", open(self.folder + "/mx.key", encoding="ascii").read() +
                   open(self.folder + "/mx.pem", encoding="ascii").read())
        self.configure({"smtpd_tls_chain_files": "{folder}/chain.pem",
                        "smtpd_tls_cert_file": None, "smtpd_tls_key_file": None})
        self.expect()

    def test_key_in_a_file_before_its_certificate(self):
        files = {"smtpd_tls_chain_files": "{folder}/mx.key, {folder}/mx.pem",
                 "smtpd_tls_cert_file": None, "smtpd_tls_key_file": None}
        self.configure(files)
        self.expect()
        self.configure({**files, "smtpd_tls_chain_files": "{folder}/mx.key"})
        self.expect(("fault", "tls-certificate", "no certificate can be read", "mx.key"))

    def test_protocols(self):
        self.configure({"smtpd_tls_protocols": "!SSLv2, !SSLv3, !TLSv1.2, !TLSv1.3"})
        self.expect(("fault", "tls-protocols", "TLS 1.2 and TLS 1.3",
                     self.line(self.main, "smtpd_tls_protocols")))

    def test_log(self):
        log = "maillog file:/var/log/mail.log\n"
        self.configure(conf=log)
        self.expect(("warning", "tls-loglevel", "= 0", "add smtpd_tls_loglevel = 1"),
                    ("warning", "tls-port-logging", "= no",
                     "add smtpd_client_port_logging = yes"))
        self.configure({"smtpd_tls_loglevel": "1", "smtpd_client_port_logging": "yes"},
                       conf=log)
        self.expect()

    def test_no_certificate_asked_for(self):
        self.configure({"smtpd_tls_CAfile": "{folder}/mx.pem"}, policy=NAMED)
        self.expect(("fault", "tls-ask-ccert", "smtpd_tls_ask_ccert = no",
                     self.main + ": add smtpd_tls_ask_ccert = yes"))

    def test_no_authorities(self):
        self.configure({"smtpd_tls_ask_ccert": "yes"}, policy=NAMED)
        self.expect(("fault", "tls-ca", "not set", "add smtpd_tls_CAfile ="))

    def test_authorities_that_are_not_there(self):
        self.write("empty.pem", "")
        for name in ("none.pem", "empty.pem"):
            self.configure({"smtpd_tls_CAfile": "{folder}/" + name})
            self.expect(("fault", "tls-ca", name, "put your partners' authorities into"))

    def test_folder_of_authorities_in_the_chroot(self):
        os.makedirs(self.folder + "/cas")
        self.write("cas/0123abcd.0", "")
        self.configure({"smtpd_tls_ask_ccert": "yes", "smtpd_tls_CApath": "{folder}/cas"},
                       policy=NAMED)
        self.expect(("warning", "tls-ca", self.queue + self.folder + "/cas", "c_rehash"))

    def test_digest(self):
        self.configure(**dict(PINS, main=dict(PINS["main"],
                                              smtpd_tls_fingerprint_digest="md5")))
        self.expect(("fault", "tls-digest", "md5", self.line(
            self.main, "smtpd_tls_fingerprint_digest") +
            "smtpd_tls_fingerprint_digest = sha256"))

    def test_digest_of_an_old_level(self):
        self.configure(**dict(PINS, main=dict(
            PINS["main"], compatibility_level="2", smtpd_tls_fingerprint_digest=None)))
        self.expect(("fault", "tls-digest", "md5", "add smtpd_tls_fingerprint_digest"))


class WrongPolicyService(Site):
    def pins(self, restrictions, **main_cf):
        self.configure(**dict(PINS, main=dict(
            PINS["main"], smtpd_recipient_restrictions=restrictions, **main_cf)))

    def fix(self, rest):
        return self.line(self.main, "smtpd_recipient_restrictions") + \
            "smtpd_recipient_restrictions = check_policy_service " \
            "unix:tlsward/policy.sock, " + rest

    def test_none(self):
        self.pins("permit_mynetworks, check_client_access hash:/etc/x, reject")
        self.expect(("fault", "policy-service", "does not ask the daemon", self.fix(
            "permit_mynetworks, check_client_access hash:/etc/x, reject")))

    def test_no_list(self):
        self.pins(None)
        self.expect(("fault", "policy-service", "does not ask the daemon",
                     "add smtpd_recipient_restrictions = check_policy_service "
                     "unix:tlsward/policy.sock, permit_mynetworks"))

    def test_behind_permit_mynetworks(self):
        self.pins("permit_mynetworks, check_policy_service unix:tlsward/policy.sock, reject")
        self.expect(("warning", "policy-service-order", "permit_mynetworks stands before",
                     self.fix("permit_mynetworks, reject")))

    def test_behind_what_permits_all(self):
        self.pins("permit_auth_destination, check_policy_service unix:tlsward/policy.sock")
        self.expect(("fault", "policy-service-order", "permit_auth_destination",
                     self.fix("permit_auth_destination")))

    def test_behind_a_class(self):
        self.pins("ours, check_policy_service unix:tlsward/policy.sock, reject",
                  smtpd_restriction_classes="ours", ours="permit_sasl_authenticated")
        self.expect(("warning", "policy-service-order", "permit_sasl_authenticated", ""))

    def test_wrong_address(self):
        self.pins("check_policy_service unix:private/tlsward, permit_mynetworks, reject")
        self.expect(("fault", "policy-service", "unix:private/tlsward",
                     self.fix("permit_mynetworks, reject")))

    def test_no_socket(self):
        os.unlink(self.sockets + "/policy.sock")
        self.configure(**PINS)
        self.expect(("fault", "policy-service-reach", "is not there", "systemctl start"))

    def test_of_one_service(self):
        self.configure(**dict(PINS, master=MASTER + "2525 inet n - y - - smtpd\n"
                              "  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n"))
        self.expect(("fault", "policy-service", "service 2525 inet", self.line(
            self.master, "-o smtpd_recipient_restrictions") + "-o { "
            "smtpd_recipient_restrictions = check_policy_service unix:tlsward/policy.sock, "
            "permit_mynetworks, reject }"))

    def test_before_it_can_know(self):
        self.pins("permit_mynetworks, reject", smtpd_delay_reject="no",
                  smtpd_client_restrictions="check_policy_service unix:tlsward/policy.sock")
        self.assertIn(("fault", "policy-service"), [point[:2] for point in self.found()])
        self.pins("permit_mynetworks, reject",
                  smtpd_client_restrictions="check_policy_service unix:tlsward/policy.sock")
        self.expect()

    def test_not_set(self):
        self.configure(**dict(PINS, conf=""))
        self.assertEqual([("fault", "policy-service")],
                         [point[:2] for point in self.found()])


class WrongOutgoing(Site):
    def out(self, **main_cf):
        both = dict(OUT["main"], **main_cf)
        if version() >= (3, 10):
            both.setdefault("tls_required_enable", "no")
        self.configure(**dict(OUT, main=both))

    def maps(self):
        return self.line(self.main, "smtp_tls_policy_maps") + \
            "smtp_tls_policy_maps = socketmap:unix:tlsward/tls.sock:tlsward"

    def test_none(self):
        self.out(smtp_tls_policy_maps="")
        self.expect(("fault", "map", "is empty", self.maps()))

    def test_a_file(self):
        """What tlsward export wrote, as it is, past its date, and of another policy."""
        path = self.folder + "/tls"
        table = "texthash:" + path
        self.out(smtp_tls_policy_maps=table)
        self.expect(("warning", "map", "cannot be read", "tlsward export postfix > " + path))
        _, text, _ = runner.run("export", "postfix", "-c", self.conf)
        for old, new, expected in (
                ("", "", ()),
                ("# valid until.*", "# valid until 2020-01-01",
                 (("fault", "exported-map", "2020-01-01", "tlsward export postfix"),)),
                ("policy sha256:", "policy sha256:0",
                 (("warning", "exported-map", "another policy", path),)),
                ("(?s).*", "# by hand", (("warning", "map", "did not write", path),))):
            with open(path, "w", encoding="utf-8") as file:
                file.write(re.sub(old, new, text, count=1))
            self.expect(*expected)

    def test_wrong_name(self):
        self.out(smtp_tls_policy_maps="socketmap:unix:tlsward/tls.sock:TLSWARD")
        self.expect(("fault", "map-name", "TLSWARD", self.maps()))

    def test_wrong_path(self):
        self.out(smtp_tls_policy_maps="socketmap:unix:/run/tlsward/tls.sock:tlsward")
        self.expect(("fault", "map", "/run/tlsward/tls.sock", self.maps()))

    def test_no_socket(self):
        os.unlink(self.sockets + "/tls.sock")
        self.out()
        self.expect(("fault", "map-reach", "is not there", "systemctl start"))

    def test_no_answer(self):
        self.listen("tls.sock", b"TEMP the policy is not there")
        self.out()
        self.expect(("fault", "map-answer", "TEMP the policy is not there", ""))

    def test_another_before(self):
        self.out(smtp_tls_policy_maps="hash:/etc/postfix/tls, "
                 "socketmap:unix:tlsward/tls.sock:tlsward")
        self.expect(("warning", "map-order", "hash:/etc/postfix/tls",
                     self.maps() + ", hash:/etc/postfix/tls"))

    def test_another_behind(self):
        self.out(smtp_tls_policy_maps="socketmap:unix:tlsward/tls.sock:tlsward, "
                 "socketmap:inet:127.0.0.1:8642:QUERY")
        self.expect(("warning", "map-order", "hides",
                     "tls-policy-next inet:127.0.0.1:8642 QUERY"))

    def test_empty_at_a_service(self):
        self.out()
        with open(self.master, "a", encoding="utf-8") as file:
            file.write("slow unix - - y - - smtp\n  -o smtp_tls_policy_maps=\n")
        self.expect(("fault", "map", "service slow unix",
                     self.line(self.master, "-o smtp_tls_policy_maps")))

    def test_level(self):
        self.out(smtp_tls_security_level="none")
        self.expect(("warning", "out-level", "none", self.line(
            self.main, "smtp_tls_security_level") + "smtp_tls_security_level = may"))

    def test_dane(self):
        self.out(smtp_tls_security_level="dane")
        self.expect(("fault", "dane-dnssec", "dane", "smtp_dns_support_level = dnssec"))
        self.out(smtp_tls_security_level="dane", smtp_dns_support_level="dnssec")
        self.expect()

    def test_dane_by_a_rule(self):
        ours = dict(OUT, policy="deliver acme.example { require dane }\n")
        main = dict(OUT["main"], tls_required_enable="no")
        self.configure(**dict(ours, main=main))
        self.expect(("fault", "dane-dnssec", "require dane in the policy",
                     "smtp_dns_support_level = dnssec"))
        self.configure(**dict(ours, main=dict(main, smtp_dns_support_level="dnssec")))
        self.expect()

    def test_digest(self):
        self.configure(**dict(OUT, policy="deliver acme.example { require certificate "
                              "fingerprint sha256:%s }\n" % ("ab" * 32),
                              main=dict(OUT["main"], smtp_tls_fingerprint_digest="sha1",
                                        tls_required_enable="no")))
        self.expect(("fault", "out-digest", "sha1", self.line(
            self.main, "smtp_tls_fingerprint_digest") +
            "smtp_tls_fingerprint_digest = sha256"))

    def test_log(self):
        self.out(smtp_tls_loglevel="0")
        self.expect(("warning", "out-loglevel", "= 0", self.line(
            self.main, "smtp_tls_loglevel") + "smtp_tls_loglevel = 1"))

    def test_relayhost(self):
        self.out(relayhost="[relay.test.example]:587")
        self.expect(("fault", "route", "[relay.test.example]:587",
                     'deliver "[relay.test.example]:587"'))

    def test_transport(self):
        path = self.write("transport", "# ours\nother.example smtp:[gw.other.example]\n"
                          "acme.example smtp:[gw.acme.example]\n")
        self.out(transport_maps="hash:" + path)
        self.expect(("fault", "route", path + ":3 sends mail for acme.example to "
                     "[gw.acme.example]", path + ":3: acme.example smtp:"))

    def test_by_sender(self):
        self.out(sender_dependent_relayhost_maps="hash:/etc/postfix/by_sender")
        self.expect(("warning", "route", "sender_dependent_relayhost_maps",
                     "write a rule on each next hop"))

    def test_tls_required(self):
        """Before 3.10 there is no such setting."""
        self.out(tls_required_enable="yes")
        self.expect(*[] if version() < (3, 10) else [
            ("warning", "tls-required", "TLS-Required: no", self.line(
                self.main, "tls_required_enable") + "tls_required_enable = no")])


class Trouble(Site):
    def test_no_postconf(self):
        self.configure()
        status, said, _ = self.doctor("--json", env=dict(os.environ, PATH=NO_POSTCONF))
        points = {point["id"]: point for point in map(json.loads, said.splitlines())}
        self.assertIn(status, (0, 1))
        self.assertEqual("warning", points["mta"]["level"])

    def test_no_folder(self):
        self.configure()
        status, said, _ = self.doctor("--json", "--postfix", self.folder + "/none")
        points = {point["id"]: point for point in map(json.loads, said.splitlines())}
        self.assertEqual((1, "fault"), (status, points["postfix"]["level"]))
        self.assertIn("none/main.cf", points["postfix"]["message"])

    def test_no_settings(self):
        status, said, error = run("doctor", "-c", self.folder + "/none")
        self.assertEqual((2, ""), (status, said))
        self.assertIn("/none", error)

    def test_errors_of_the_policy(self):
        self.configure(policy="from acme.example { require tsl }\n")
        self.expect(("fault", "policy", "has 1 error", "tlsward check -c"))

    def test_control_characters(self):
        self.configure({"smtpd_milters": "unix:tlsward/\x1b[31m\u202e.sock"})
        for arguments in ((), ("--json",)):
            said = self.doctor("--postfix", self.folder + "/postfix", *arguments)[1]
            self.assertNotRegex(said, "[\x00-\x09\x0b-\x1f\u202e]")

    def test_usage(self):
        self.assertEqual(2, run("doctor", "x")[0])
        self.assertEqual(0, run("doctor", "--help")[0])


if __name__ == "__main__":
    if postconf_path() is None:
        print("no postconf")
        sys.exit(77)
    sys.exit(main())
