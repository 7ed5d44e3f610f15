# SPDX-License-Identifier: ISC
"""A server program as a child in a session of its own."""

import ctypes
import os
import re
import signal
import subprocess

from . import waiting


class Server:
    """Started once, ended once, by its own id; nothing of its session stays."""

    def __init__(self, name, arguments, errors, environment=None):
        """Standard error goes to the file "errors"."""
        adopt_orphans()
        self.name = name
        self.errors = errors
        with open(errors, "ab") as stream:
            self._process = subprocess.Popen(
                arguments, start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=stream, env=environment)
        self.pid = self._process.pid

    def ended(self):
        """Whether it has ended; it is not reaped by asking."""
        return self._process.returncode is not None or os.waitid(
            os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def must_live(self):
        """Raises with what it wrote when it has ended."""
        if self.ended():
            raise RuntimeError("%s ended: %s" % (self.name, self.error_text()))

    def error_text(self):
        with open(self.errors, encoding="utf-8", errors="replace") as text:
            return text.read()

    def send(self, number):
        """Sends a signal to the program that was started."""
        os.kill(self.pid, number)

    def family(self):
        """The ids of the program and of all processes that descend from it."""
        return family(self.pid)

    def wait(self):
        """Waits for its end, ends what it left, and returns its exit status."""
        if self._process.returncode is None:
            try:
                waiting.until("end of " + self.name, self.ended)
            finally:
                # Not reaped yet, so the id is still that of its session.
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
        return self._process.returncode

    def stop(self, number=signal.SIGTERM):
        """Asks it to end, with all that it started; returns its exit status."""
        family = []
        if self._process.returncode is None and not self.ended():
            family = [(pid, birth(pid)) for pid in self.family() if pid != self.pid]
            self.send(number)
        status = self.wait()
        bury(self.name, family)
        return status


PR_SET_CHILD_SUBREAPER = 36


class Logged:
    """A mail server that is started by start(), as _server, and has a file "log"."""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends it and whatever of its session is left."""
        if self._server is not None:
            self._server.stop()

    def log_text(self):
        """All that it logged."""
        try:
            with open(self.log, encoding="utf-8", errors="replace") as text:
                return text.read()
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern):
        """Waits for a log line that the regular expression is found in."""
        return waiting.until("log line " + pattern,
                             lambda: re.search(pattern, self.log_text(), re.MULTILINE))


def adopt_orphans():
    """From now on the children of servers that ended are ours, so that we reap them."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury(name, family):
    """Waits until none of these processes lives any more, and reaps them."""
    def living():
        return [pid for pid, born in family
                if born is not None and not reap(pid) and birth(pid) == born]
    try:
        waiting.until("end of the children of " + name, lambda: not living())
    except waiting.NeverCame:
        for pid in living():
            os.kill(pid, signal.SIGKILL)
        raise


def reap(pid):
    """Reaps a process if it is an ended child of ours; whether it was."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False


def all_processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat(pid):
    """The fields of /proc/PID/stat from the state on, or None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as line:
            return line.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def family(ancestor):
    """The ids of a process and of all that descend from it."""
    parents = {pid: parent_of(pid) for pid in all_processes()}
    found = {ancestor}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def parent_of(pid):
    fields = stat(pid)
    return int(fields[1]) if fields else None


def birth(pid):
    """When a process was started, in ticks; None when it is gone or a zombie."""
    fields = stat(pid)
    return int(fields[19]) if fields and fields[0] != "Z" else None


def leads_session(pid):
    """Whether it lives, in a session of its own."""
    fields = stat(pid)
    return bool(fields) and fields[0] != "Z" and int(fields[3]) == pid


def status(pid):
    """The lines of /proc/PID/status, by name."""
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as lines:
        return {name: value.strip() for name, value in
                (line.split(":", 1) for line in lines)}


def resident_kib(pids):
    """The resident memory of these processes, in KiB."""
    return sum(int(status(pid).get("VmRSS", "0 kB").split()[0]) for pid in pids)
