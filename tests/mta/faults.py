# SPDX-License-Identifier: ISC
"""What the tests of faults share: clients that go on whatever happens, a clock that can
be set, a small disk, and clients that hang."""

import collections
import contextlib
import os
import subprocess
import threading

import runner

from . import waiting
from .client import Client, Lost
from .rawmilter import Peer

OURS = "someone@ours.example"
STRICT = "a@strict.example"
OPEN = "a@open.example"
POLICY = "from strict.example { require tls; otherwise reject }\n"
AWAY = (Lost, ConnectionError, OSError)


class Mailers(runner.Threads):
    """Clients in threads: each sends what is to be refused and what is not, by turns.

    They take what comes, a server that is away too, until the block ends. "wrong" has
    what none of them may ever hear.
    """

    def __init__(self, port, clients=4):
        self.port = port
        self.wrong = []
        self.heard = collections.Counter()	# refused, accepted, deferred, away
        self._lock = threading.Lock()
        super().__init__([self._run] * clients)

    def more(self, *kinds, count=20):
        """Waits until so many more of each kind have been heard."""
        before = self.heard.copy()

        def least():
            return min(self.heard[kind] - before[kind] for kind in kinds)
        waiting.until("%d more of each of %s" % (count, kinds), lambda: least() >= count,
                      progress=least)

    def heard_more(self, count):
        """Waits until so many more answers have been heard, whatever they are."""
        wanted = sum(self.heard.values()) + count
        waiting.until("%d answers" % wanted, lambda: sum(self.heard.values()) >= wanted,
                      progress=lambda: sum(self.heard.values()))

    def _run(self):
        while not self._stop.is_set():
            try:
                with Client(self.port) as conversation:
                    conversation.open()
                    for sender in (STRICT, OPEN):
                        replies = conversation.message(sender, OURS)
                        self._hear(sender, list(replies.values())[-1])
                        conversation.command("RSET")
            except AWAY:
                self._count("away")
                self._stop.wait(0.01)

    def _hear(self, sender, reply):
        kind = {"2": "accepted", "4": "deferred", "5": "refused"}[reply[0]]
        self._count(kind)
        if kind == ("accepted" if sender == STRICT else "refused"):
            self.wrong.append((sender, reply))

    def _count(self, kind):
        with self._lock:
            self.heard[kind] += 1


# The wall clock of a process, as far ahead or behind as a file says.
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const long *ahead;	/* seconds */

__attribute__((constructor)) static void
map(void)
{
	int fd = open(OFFSET, O_RDONLY);

	if (fd == -1)
		_exit(99);
	ahead = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	int status;

	if (real == NULL)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT,
		    "clock_gettime");
	status = real(clock, now);
	if (clock == CLOCK_REALTIME && ahead != NULL)
		now->tv_sec += *ahead;
	return status;
}

time_t
time(time_t *where)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (where != NULL)
		*where = now.tv_sec;
	return now.tv_sec;
}

int
gettimeofday(struct timeval *where, void *zone)
{
	struct timespec now;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	where->tv_sec = now.tv_sec;
	where->tv_usec = now.tv_nsec / 1000;
	return 0;
}
"""


class Clock:
    """The wall clock of the programs that are started in its environment."""

    def __init__(self, folder):
        self._offset = os.path.join(folder, "ahead")
        self._library = os.path.join(folder, "clock.so")
        source = os.path.join(folder, "clock.c")
        with open(source, "w", encoding="ascii") as out:
            out.write(CLOCK)
        with open(self._offset, "wb") as out:
            out.write(bytes(8))
        subprocess.run(("cc", "-shared", "-fPIC", "-O1", '-DOFFSET="%s"' % self._offset,
                        "-o", self._library, source, "-ldl"), check=True)

    @property
    def environment(self):
        return {**os.environ, "LD_PRELOAD": self._library}

    def step(self, seconds):
        """So far ahead of the real one from now on, or behind it."""
        with open(self._offset, "r+b") as out:
            out.write(seconds.to_bytes(8, "little", signed=True))


class Disk:
    """A small file system of its own, until the block ends; see "mounted"."""

    def __init__(self, path, size="1m"):
        self.path = path
        self._ballast = os.path.join(path, "ballast")
        os.makedirs(path, exist_ok=True)
        self.mounted = subprocess.run(
            ("mount", "-t", "tmpfs", "-o", "size=%s,mode=0777" % size, "none", path),
            stderr=subprocess.DEVNULL, check=False).returncode == 0

    def unmount(self):
        if self.mounted:
            subprocess.run(("umount", "-l", self.path), check=False)

    def fill(self):
        with open(self._ballast, "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)

    def empty(self):
        os.unlink(self._ballast)


def hang_milter(socket):
    """Connections to a milter that have all stopped somewhere, one for each stage."""
    def half(peer):
        peer.raw(b"\0\0\0\x0dO\0\0")
    stages = ((), (half,), (Peer.negotiate,), (Peer.negotiate, Peer.connect),
              (Peer.negotiate, Peer.connect, Peer.helo),
              (Peer.negotiate, Peer.connect, Peer.helo, mail_open),
              (Peer.negotiate, Peer.connect, Peer.helo, mail_strict),
              (Peer.negotiate, Peer.connect, Peer.helo, mail_strict, half))
    made = []
    for stage in stages:
        peer = Peer(socket)
        made.append(peer)
        for step in stage:
            step(peer)
    return made


def mail_open(peer):
    return peer.mail("<%s>" % OPEN)


def mail_strict(peer):
    return peer.mail("<%s>" % STRICT)


def hang_smtp(port):
    """Clients of an MTA that have all stopped somewhere."""
    stages = ((), ("EHLO x.example",), ("EHLO x.example", "STARTTLS"),
              ("EHLO x.example", "MAIL FROM:<%s>" % STRICT),
              ("EHLO x.example", "MAIL FROM:<%s>" % OPEN, "RCPT TO:<%s>" % OURS),
              ("EHLO x.example", "MAIL FROM:<%s>" % OPEN, "RCPT TO:<%s>" % OURS, "DATA"))
    made = []
    for stage in stages:
        conversation = Client(port)
        made.append(conversation)
        for command in stage:
            conversation.command(command)
    made[-1].write("Subject: half a me")
    return made
