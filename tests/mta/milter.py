# SPDX-License-Identifier: ISC
"""tlsward-milter in the foreground, with settings and a policy of its own.

    with Milter(folder, 'from acme.example { require tls; otherwise reject }',
                log_accepted="yes") as milter:
        Postfix(..., smtpd_milters=milter.address)
        milter.wait_record(client_port=client.port, action="reject")

The program is $TLSWARD_MILTER, or tlsward-milter in the current folder or in the
top of the source tree. Settings are given by name, with "_" for "-".
"""

import json
import os
import pwd
import signal
import socket
import struct

import runner

from . import process, waiting
from .process import Server

USER = "nobody"
SERVICE = object()	# the value of policy_service: a socket beside the milter's


def program():
    """The path of the daemon."""
    path = runner.find_program("tlsward-milter")
    if path:
        return path
    raise FileNotFoundError("tlsward-milter is not built: set TLSWARD_MILTER")


def has_sanitizer():
    """Whether the daemon is built with ASan, whose memory is no measure."""
    return runner.has_sanitizer(program())


class Milter:
    """See the module."""

    def __init__(self, folder, policy, files=None, **settings):
        """"files" are further files of the policy's folder, by relative path."""
        self.folder = folder
        self.policies = os.path.join(folder, "policy")
        self.policy = os.path.join(self.policies, "policy.conf")
        self.socket = os.path.join(folder, "run", "milter.sock")
        self.address = "unix:" + self.socket
        self.where = (socket.AF_UNIX, self.socket)	# that start() waits for
        self.service_socket = os.path.join(folder, "run", "policy.sock")
        self.service = "unix:" + self.service_socket
        self.control = os.path.join(folder, "run", "control.sock")
        self.log = os.path.join(folder, "log", "records.json")
        self.settings = os.path.join(folder, "tlsward.conf")
        self.limits = ()	# of the program: options of prlimit(1)
        self.environment = None		# of the program; None: this one's
        self._server = None
        self._lines = []
        self._mark = 0
        self._log_file = None
        self._log_end = 0
        self._make_folders()
        self._write_settings(settings)
        self.write_policy(policy, files)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    # Directories and files

    def _make_folders(self):
        user = pwd.getpwnam(USER)
        os.makedirs(self.policies, exist_ok=True)
        for path in (os.path.dirname(self.socket), os.path.dirname(self.log)):
            os.makedirs(path, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(path, user.pw_uid, user.pw_gid)

    def _write_settings(self, settings):
        merged = {"listen": self.address, "socket_mode": "0666",
                  "socket_world_writable": "yes", "user": USER,
                  "policy": self.policy, "log": "file:" + self.log,
                  "log_format": "json", "journal": "none",
                  "control": "unix:" + self.control, **settings}
        with open(self.settings, "w", encoding="utf-8") as out:
            for name, value in merged.items():
                value = self.service if value is SERVICE else value
                if value is not None:
                    out.write("%s %s\n" % (name.replace("_", "-"), value))

    def write_policy(self, policy, files=None):
        """Replaces the policy file, and writes the other files."""
        for name, text in {**(files or {}), "policy.conf": policy}.items():
            path = os.path.join(self.policies, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + ".new", "w", encoding="utf-8") as out:
                out.write(text)
            os.replace(path + ".new", path)

    # The process

    def spawn(self, *options):
        """Starts it without waiting for anything."""
        limit = ("prlimit", *self.limits) if self.limits else ()
        self._server = Server("tlsward-milter",
                              limit + (program(), "-f", "-c", self.settings) + options,
                              os.path.join(self.folder, "errors"), self.environment)
        return self._server

    def start(self):
        """Starts it and waits until it answers: it, and not the worker of a dead one.

        When it has a worker, it listens on all of its addresses.
        """
        server = self.spawn()
        try:
            waiting.until("answer on " + self.socket,
                          lambda: self.workers() and self.answers(), server.must_live)
        except BaseException:
            self.stop()
            raise

    def answers(self):
        """Whether a milter answers on its socket."""
        return negotiates(*self.where)

    def workers(self):
        """The ids of its processes that serve: each has a session of its own."""
        return [pid for pid in self._server.family() if pid != self._server.pid
                and process.leads_session(pid)]

    @property
    def server(self):
        return self._server

    def stop(self, number=signal.SIGTERM):
        """Ends it and returns its exit status."""
        return self._server.stop(number) if self._server is not None else None

    def error_text(self):
        """All that it wrote on standard error."""
        return self._server.error_text()

    def reload(self):
        """SIGHUP; waits for the log line that tells how it went and returns it."""
        before = len(self.reloads())
        self._server.send(signal.SIGHUP)
        waiting.until("end of the reload", lambda: len(self.reloads()) > before,
                      self._server.must_live)
        return self.reloads()[before]

    def reloads(self):
        """The messages that end a reload, good or bad."""
        return [line for line in self.messages() if tells_of_reload(line["msg"])]

    # Its log

    def lines(self):
        """All whole lines of the log, parsed. Each must be a JSON object.

        Read on from where the last call ended; a new file is read from its start.
        """
        try:
            with open(self.log, "rb") as log:
                self._read_on(log)
        except FileNotFoundError:
            pass
        return self._lines

    def _read_on(self, log):
        file = os.fstat(log.fileno()).st_ino
        if file != self._log_file:
            self._log_file, self._log_end = file, 0
        log.seek(self._log_end)
        whole = log.read().rpartition(b"\n")[0]
        for line in whole.split(b"\n") if whole else ():
            self._lines.append(json.loads(line.decode("utf-8")))
        self._log_end += len(whole) + 1 if whole else 0

    def mark(self):
        """What is in the log now counts no more: ports come again, for one thing."""
        self._mark = len(self.lines())

    def messages(self):
        """The lines since the mark that are not records."""
        return [line for line in self.lines()[self._mark:] if "action" not in line]

    def records(self, **fields):
        """The decision records since the mark that have these values."""
        return [line for line in self.lines()[self._mark:]
                if "action" in line and has(line, fields)]

    def wait_record(self, **fields):
        """Waits for the first record that has these values."""
        try:
            return waiting.until("record with %r" % (fields,),
                                 lambda: self.records(**fields),
                                 self._server.must_live)[0]
        except waiting.NeverCame as error:
            raise waiting.NeverCame("%s among %s" % (error, self.lines()[-5:])) from None

    def wait_message(self, part):
        """Waits for the first message that has this text in it."""
        return waiting.until("message with %r" % part, lambda: [
            line for line in self.messages() if part in line["msg"]],
            self._server.must_live)[0]


# What an MTA says first: options, version 6, all actions, all steps.
OPTIONS = struct.pack(">IcIII", 13, b"O", 6, 0x1ff, 0x1fffff)


def negotiates(family, address):
    """Whether a milter answers there, which takes more than a listening socket."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(waiting.PATIENCE)
        try:
            probe.connect(address)
            probe.sendall(OPTIONS)
            return probe.recv(5)[4:] == b"O"
        except OSError:
            return False


def tells_of_reload(message):
    """Whether a message is about how a reload went."""
    return message.startswith(("policy reloaded", "policy not reloaded"))


def has(record, fields):
    """Whether a record has these values; None: it has no such field."""
    return all(record.get(name) == value for name, value in fields.items())
