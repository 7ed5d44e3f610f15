# SPDX-License-Identifier: ISC
"""A throw-away Postfix on loopback, in directories of its own.

    with Postfix(folder, pki, smtpd_milters="unix:/path") as postfix:
        postfix.port ...

Mail that is accepted goes to the transport "discard", or with
default_transport="keep" into a file of the folder "kept". Needs root.

$TLSWARD_POSTFIX is a folder with Debian's package unpacked in it: installed, it would
take the place of the mail server that is there. Without it Postfix must be installed.
"""

import collections
import functools
import grp
import os
import pwd
import re
import signal
import socket
import subprocess
import time

from . import replies, waiting
from .process import Logged, Server

QUEUES = ("active bounce corrupt defer deferred flush hold incoming pid private "
          "saved trace").split()

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file_prefixes = {folder}
maillog_file = {folder}/mail.log
mail_owner = {accounts.owner}
setgid_group = {accounts.group}
myhostname = mx.test.example
mydomain = test.example
myorigin = test.example
mydestination =
mynetworks = 127.0.0.0/8 [::1]/128
inet_interfaces = loopback-only
inet_protocols = all
disable_dns_lookups = yes
smtp_host_lookup = native
alias_maps =
alias_database =
local_recipient_maps =
default_transport = discard:
local_transport = discard:
relay_transport = discard:
relay_domains = ours.example
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated,
    permit_auth_destination, reject
smtpd_tls_security_level = may
smtpd_tls_chain_files = {pki.server.chain}, {pki.server_ec.chain}
smtpd_tls_CAfile = {pki.ca.cert}
smtpd_tls_ask_ccert = yes
smtpd_tls_fingerprint_digest = sha256
smtpd_tls_protocols = >=TLSv1
smtpd_tls_loglevel = 1
smtpd_tls_session_cache_database =
smtpd_peername_lookup = yes
milter_default_action = tempfail
"""

SERVICES = """
pickup     unix  n - n 60  1 pickup
cleanup    unix  n - n -   0 cleanup
qmgr       unix  n - n 300 1 qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n -   - trivial-rewrite
bounce     unix  - - n -   0 bounce
defer      unix  - - n -   0 bounce
trace      unix  - - n -   0 bounce
verify     unix  - - n -   1 verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n -   - proxymap
smtp       unix  - - n -   - smtp
relay      unix  - - n -   - smtp
showq      unix  n - n -   - showq
error      unix  - - n -   - error
retry      unix  - - n -   - error
discard    unix  - - n -   - discard
local      unix  - n n -   - local
virtual    unix  - n n -   - virtual
anvil      unix  - - n -   1 anvil
scache     unix  - - n -   1 scache
postlog    unix-dgram n - n - 1 postlogd
keep       unix  - n n -   - pipe flags=R user=nobody argv=/bin/dd
    of={folder}/kept/${{queue_id}} status=none
"""


# What an unpacked Postfix is told, since it was built for other places.
UNPACKED = """
daemon_directory = {tree}/usr/lib/postfix/sbin
command_directory = {tree}/usr/sbin
shlib_directory = {tree}/usr/lib/postfix
meta_directory = {tree}/usr/share/postfix
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE
    POSTLOG_HOSTNAME LD_LIBRARY_PATH={tree}/usr/lib/postfix
export_environment = TZ MAIL_CONFIG LANG LD_LIBRARY_PATH={tree}/usr/lib/postfix
"""

Accounts = collections.namedtuple("Accounts", "owner group")

# Those of the package, and where it was not installed two that every Debian has and
# that share no number with each other or with "nobody", as Postfix demands.
INSTALLED_ACCOUNTS = Accounts("postfix", "postdrop")
BASE_ACCOUNTS = Accounts("uucp", "news")


def tree():
    """The folder that the package is unpacked in; "" for the one that is installed."""
    return os.path.abspath(os.environ["TLSWARD_POSTFIX"]) \
        if os.environ.get("TLSWARD_POSTFIX") else ""


def accounts():
    """As whom the mail system runs here."""
    return BASE_ACCOUNTS if tree() else INSTALLED_ACCOUNTS


def master():
    """The path of Postfix's first program."""
    return tree() + "/usr/lib/postfix/sbin/master"


def environment():
    """What its programs find their libraries by."""
    path = {"LD_LIBRARY_PATH": tree() + "/usr/lib/postfix"} if tree() else {}
    return {**os.environ, **path}


@functools.lru_cache(maxsize=None)
def obstacle():
    """Why no Postfix can run here, or None."""
    if os.geteuid() != 0:
        return "not root: Postfix needs it"
    if not os.path.exists(master()):
        return "no %s: Postfix is not installed" % master()
    missing = re.findall(r"(\S+) => not found", subprocess.run(
        ("ldd", master()), capture_output=True, check=False, text=True,
        env=environment()).stdout)
    return "libraries are missing: " + ", ".join(missing) if missing else None


class Postfix(Logged):
    """See the module. Parameters of main.cf are given by name."""

    replies = replies.POSTFIX

    def __init__(self, folder, pki, listeners=None, services=(), **parameters):
        """"listeners" are further smtpd services: the options of each, by name.

        Their ports are in "ports", and $port_NAME in parameters. Each of
        "services" is a line of master.cf.
        """
        self.folder = folder
        self.config = os.path.join(folder, "config")
        self.queue = os.path.join(folder, "queue")
        self.log = os.path.join(folder, "mail.log")
        self.kept = os.path.join(folder, "kept")
        self._listeners = {"smtp": "", **(listeners or {})}
        self.ports = dict(zip(self._listeners, waiting.free_ports(len(self._listeners))))
        self.port = self.ports["smtp"]
        self._server = None
        self._make_folders()
        self._write_master(services)
        self._write_main(pki, parameters)

    # Directories and files

    def _make_folders(self):
        owner = pwd.getpwnam(accounts().owner)
        drop = grp.getgrnam(accounts().group).gr_gid
        for path in (self.folder, self.config, self.queue):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, 0o755)
        for name in QUEUES:
            path = os.path.join(self.queue, name)
            self._folder(path, owner.pw_uid, owner.pw_gid, 0o700)
        os.chown(os.path.join(self.queue, "pid"), 0, 0)
        os.chmod(os.path.join(self.queue, "pid"), 0o755)
        self._folder(os.path.join(self.queue, "public"), owner.pw_uid, drop, 0o710)
        self._folder(os.path.join(self.queue, "maildrop"), owner.pw_uid, drop, 0o1730)
        data = os.path.join(self.folder, "data")
        self._folder(data, owner.pw_uid, owner.pw_gid, 0o700)
        self._folder(self.kept, pwd.getpwnam("nobody").pw_uid, owner.pw_gid, 0o755)

    @staticmethod
    def _folder(path, uid, gid, mode):
        os.makedirs(path, exist_ok=True)
        os.chown(path, uid, gid)
        os.chmod(path, mode)

    def _write_master(self, services):
        lines = [SERVICES.format(folder=self.folder), *services]
        hosts = ["127.0.0.1"] + (["[::1]"] if has_ipv6() else [])
        for name, options in self._listeners.items():
            lines.extend("%s:%d inet n - n - 200 smtpd %s" % (
                host, self.ports[name], options) for host in hosts)
        with open(os.path.join(self.config, "master.cf"), "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")

    def _write_main(self, pki, parameters):
        path = os.path.join(self.config, "main.cf")
        with open(path, "w", encoding="utf-8") as out:
            for name, value in {**defaults(self.folder, pki), **parameters}.items():
                out.write("%s = %s\n" % (name, value))
            for name, port in self.ports.items():
                out.write("port_%s = %d\n" % (name, port))
        # Postfix waits for a main.cf that might still be written to.
        old = time.time() - 60
        os.utime(path, (old, old))

    # The process

    def start(self):
        """Starts it and waits until its ports answer."""
        self._server = Server("Postfix", (master(), "-d", "-c", self.config),
                              os.path.join(self.folder, "errors"), environment())
        try:
            waiting.until("Postfix on its ports", self._answers,
                          self._must_live)
        except BaseException:
            self.stop()
            raise

    def _answers(self):
        return all(waiting.answers(socket.AF_INET, ("127.0.0.1", port))
                   for port in self.ports.values())

    def _must_live(self):
        if self._server.ended():
            raise RuntimeError("Postfix ended: %s%s" % (
                self._server.error_text(), self.log_text()))

    def reload(self):
        """Its programs begin anew, with what they log too."""
        self._server.send(signal.SIGHUP)

    # What it did

    def command(self, *words, **options):
        """Runs a Postfix command on this instance's configuration."""
        return subprocess.run((program(words[0]), "-C" if words[0] == "sendmail" else
                               "-c", self.config) + words[1:], env=environment(),
                              capture_output=True, check=False, **options)

    def postconf_environment(self):
        """One in which postconf is that of this Postfix, on its configuration."""
        script = os.path.join(self.folder, "bin", "postconf")
        os.makedirs(os.path.dirname(script), exist_ok=True)
        with open(script, "w", encoding="ascii") as out:
            out.write('#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s -c %s "$@"\n' % (
                environment().get("LD_LIBRARY_PATH", ""), program("postconf"), self.config))
        os.chmod(script, 0o755)
        path = "%s:%s" % (os.path.dirname(script), os.environ["PATH"])
        return {**os.environ, "PATH": path}

    def held(self):
        """The queue ids of the messages on hold."""
        folder = os.path.join(self.queue, "hold")
        return sorted(name for _, _, names in os.walk(folder) for name in names)

    def queue_listing(self):
        """What postqueue -p prints."""
        return self.command("postqueue", "-p").stdout.decode(errors="replace")

    def wait_kept(self, queue_id):
        """Waits for a message's delivery by "keep" and returns its bytes."""
        self.wait_log(r"%s: to=.*status=sent" % queue_id)
        with open(os.path.join(self.kept, queue_id), "rb") as message:
            return message.read()


def program(name):
    """The path of one of its commands."""
    return "%s/usr/sbin/%s" % (tree(), name)


def defaults(folder, pki):
    """The parameters of main.cf, by name."""
    text = MAIN.format(folder=folder, pki=pki, accounts=accounts())
    text += UNPACKED.format(tree=tree()) if tree() else ""
    text = re.sub(r"\n\s+", " ", re.sub(r"\n\n+", "\n", text.strip()))
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in text.splitlines())


def has_ipv6():
    """Whether ::1 can be bound."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
