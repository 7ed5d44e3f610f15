# SPDX-License-Identifier: ISC
"""A server program as a child in a session of its own."""

import os
import signal
import subprocess

from . import waiting


class Server:
    """Started once, ended once, by its own id; nothing of its session stays."""

    def __init__(self, name, arguments, errors):
        """Standard error goes to the file "errors"."""
        self.name = name
        self.errors = errors
        with open(errors, "ab") as stream:
            self._process = subprocess.Popen(
                arguments, start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=stream)
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

    def processes(self):
        """The ids of all processes of its session."""
        return [pid for pid in all_processes() if session_of(pid) == self.pid]

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
        """Asks it to end and returns its exit status."""
        if self._process.returncode is None and not self.ended():
            self.send(number)
        return self.wait()


def all_processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def session_of(pid):
    """The session that a process is in, or None when it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def status(pid):
    """The lines of /proc/PID/status, by name."""
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as lines:
        return {name: value.strip() for name, value in
                (line.split(":", 1) for line in lines)}


def resident_kib(pids):
    """The resident memory of these processes, in KiB."""
    return sum(int(status(pid).get("VmRSS", "0 kB").split()[0]) for pid in pids)
