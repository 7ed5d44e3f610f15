# SPDX-License-Identifier: ISC
"""A throw-away Sendmail on loopback, in directories of its own.

    with Sendmail(folder, pki, milter="unix:/path") as sendmail:
        sendmail.port ...

Mail that is accepted stays in the queue. Needs root. The program and its
configuration's macros come from Debian's packages, which are unpacked and not
installed: they would put another mail server in the place of the one that is there.
$TLSWARD_SENDMAIL is a folder with the packages unpacked in it; without it they are
fetched with apt-get.
"""

import functools
import glob
import os
import re
import shutil
import socket
import subprocess

from . import replies, waiting, workspace
from .process import Logged, Server

PACKAGES = ("sendmail-bin", "sendmail-cf")
PROGRAM = "usr/libexec/sendmail/sendmail"
MACROS = "usr/share/sendmail/cf"

# STARTTLS is off where Sendmail finds a key's folder unsafe, as /tmp is. Whatever the
# load of this machine, mail is taken; nothing is looked up in the DNS.
CONFIGURATION = r"""
divert(-1)
include(`{macros}/m4/cf.m4')
VERSIONID(`tlsward')
OSTYPE(`linux')
undefine(`ALIAS_FILE')
define(`confDONT_BLAME_SENDMAIL', `GroupReadableKeyFile,TrustStickyBit')
define(`confSERVICE_SWITCH_FILE', `{folder}/service.switch')
define(`confDOMAIN_NAME', `mx.test.example')
define(`confPID_FILE', `{folder}/sendmail.pid')
define(`confDELIVERY_MODE', `q')
define(`QUEUE_DIR', `{queue}')
define(`STATUS_FILE', `/dev/null')
define(`HELP_FILE', `')
define(`confLOG_LEVEL', `14')
define(`confREFUSE_LA', `0')
define(`confQUEUE_LA', `0')
define(`confDELAY_LA', `0')
define(`confMAX_DAEMON_CHILDREN', `0')
define(`confMAX_RCPTS_PER_MESSAGE', `0')
define(`confBAD_RCPT_THROTTLE', `0')
define(`confTO_IDENT', `0')
define(`confDEF_USER_ID', `nobody')
define(`confCF_VERSION', `')
FEATURE(`nocanonify')
FEATURE(`accept_unresolvable_domains')
FEATURE(`accept_unqualified_senders')
FEATURE(`promiscuous_relay')
FEATURE(`no_default_msa')
DAEMON_OPTIONS(`Name=MTA, Family=inet, Addr=127.0.0.1, Port={port}')
define(`confCACERT_PATH', `{pki.folder}')
define(`confCACERT', `{pki.ca.cert}')
define(`confSERVER_CERT', `{pki.server.cert},{pki.server_ec.cert}')
define(`confSERVER_KEY', `{pki.server.key},{pki.server_ec.key}')
define(`confDH_PARAMETERS', `2')
define(`confCIPHER_LIST', `ALL:@SECLEVEL=0')
{options}
INPUT_MAIL_FILTER(`tlsward', `S={milter}, F=T, T=C:30s;S:60s;R:60s;E:2m')
MAILER(`local')
MAILER(`smtp')
"""

# Sendmail logs to syslog alone, and waits a minute for a host name with a dot in it.
SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void syslog(int priority, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...);
void openlog(const char *name, int options, int facility);
int gethostname(char *name, size_t size);

static void
write_line(const char *format, va_list arguments)
{
	char line[4096];
	time_t now = time(NULL);
	int length = (int)strftime(line, sizeof(line), "%b %e %H:%M:%S mx ",
	    localtime(&now));
	int fd = open(LOG, O_WRONLY | O_APPEND | O_CREAT, 0644);

	length += snprintf(line + length, sizeof(line) - 64, "sm-mta[%d]: ",
	    (int)getpid());
	length += vsnprintf(line + length, sizeof(line) - 100, format, arguments);
	if (length > (int)sizeof(line) - 2)
		length = (int)sizeof(line) - 2;
	if (fd == -1 || length < 0)
		return;
	line[length++] = '\n';
	if (write(fd, line, (size_t)length) == -1)
		abort();
	(void)close(fd);
}

void
syslog(int priority, const char *format, ...)
{
	va_list arguments;

	(void)priority;
	va_start(arguments, format);
	write_line(format, arguments);
	va_end(arguments);
}

void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list arguments;

	(void)priority;
	(void)flag;
	va_start(arguments, format);
	write_line(format, arguments);
	va_end(arguments);
}

void
openlog(const char *name, int options, int facility)
{
	(void)name;
	(void)options;
	(void)facility;
}

int
gethostname(char *name, size_t size)
{
	(void)snprintf(name, size, "mx.test.example");
	return 0;
}
"""


class Unavailable(Exception):
    """There is no Sendmail to be had."""


def run(*words, **options):
    """Runs a command; its output, or Unavailable with what it said."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False,
                              **{"input": "", **options})
    except FileNotFoundError as error:
        raise Unavailable("%s: not installed" % words[0]) from error
    if done.returncode != 0:
        raise Unavailable("%s: %s" % (words[0], (done.stderr or done.stdout).strip()))
    return done.stdout


@functools.lru_cache(maxsize=None)
def packages():
    """The folder that the packages are unpacked in."""
    given = os.environ.get("TLSWARD_SENDMAIL")
    if given:
        check(given)
        return given
    folder = workspace.shared_folder()
    run("apt-get", "-q", "download", *PACKAGES, cwd=folder)
    for package in glob.glob(os.path.join(folder, "*.deb")):
        run("dpkg", "-x", package, folder)
    check(folder)
    return folder


def check(folder):
    """Raises where the program could not run."""
    path = os.path.join(folder, PROGRAM)
    if not os.path.exists(path):
        raise Unavailable("no %s in %s" % (PROGRAM, folder))
    missing = re.findall(r"(\S+) => not found", run("ldd", path))
    if missing:
        raise Unavailable("libraries are missing: " + ", ".join(missing))
    for program in ("m4", "cc"):
        if shutil.which(program) is None:
            raise Unavailable("%s is not installed" % program)


def obstacle():
    """Why no Sendmail can run here, or None."""
    try:
        packages()
    except Unavailable as error:
        return str(error)
    return None


class Sendmail(Logged):
    """See the module. "options" are further lines of sendmail.mc."""

    replies = replies.SENDMAIL

    def __init__(self, folder, pki, milter, options=()):
        self.folder = folder
        self.program = os.path.join(folder, "sendmail")
        self.config = os.path.join(folder, "sendmail.cf")
        self.queue = os.path.join(folder, "queue")
        self.log = os.path.join(folder, "mail.log")
        self.port, = waiting.free_ports(1)
        self.ports = {"smtp": self.port}
        self._shim = os.path.join(folder, "shim.so")
        self._server = None
        os.makedirs(self.queue, mode=0o700)
        os.chmod(folder, 0o755)
        # A copy has no setgid bit, with which the shim would not be loaded.
        shutil.copyfile(os.path.join(packages(), PROGRAM), self.program)
        os.chmod(self.program, 0o755)
        self._build_shim()
        self._write_config(pki, milter, options)

    # Files

    def _build_shim(self):
        source = os.path.join(self.folder, "shim.c")
        with open(source, "w", encoding="ascii") as out:
            out.write(SHIM)
        run("cc", "-shared", "-fPIC", "-O1", "-U_FORTIFY_SOURCE",
            '-DLOG="%s"' % self.log, "-o", self._shim, source)

    def _write_config(self, pki, milter, options):
        macros = os.path.join(packages(), MACROS)
        source = os.path.join(self.folder, "sendmail.mc")
        with open(os.path.join(self.folder, "service.switch"), "w",
                  encoding="ascii") as out:
            out.write("hosts files\naliases files\n")
        with open(source, "w", encoding="ascii") as out:
            out.write(CONFIGURATION.format(
                macros=macros, folder=self.folder, queue=self.queue, pki=pki,
                port=self.port, milter=milter, options="\n".join(options)))
        with open(self.config, "w", encoding="ascii") as out:
            out.write(run("m4", "-D_CF_DIR_=%s/" % macros, source))

    # The process

    def spawn(self):
        """Starts it without waiting for anything."""
        self._server = Server("Sendmail", (self.program, "-C", self.config, "-bD"),
                              os.path.join(self.folder, "errors"),
                              self._environment())
        return self._server

    def start(self):
        """Starts it and waits until its port answers."""
        self.spawn()
        try:
            waiting.until("Sendmail on port %d" % self.port, self._answers,
                          self._must_live)
        except BaseException:
            self.stop()
            raise

    def _environment(self):
        return {"PATH": os.environ["PATH"], "LD_PRELOAD": self._shim}

    def _answers(self):
        return waiting.answers(socket.AF_INET, ("127.0.0.1", self.port))

    def _must_live(self):
        if self._server.ended():
            raise RuntimeError("Sendmail ended: %s%s" % (
                self._server.error_text(), self.log_text()))

    # What it did

    def local(self):
        """A program that talks SMTP on its own (-bs), as mail programs start it."""
        return subprocess.Popen((self.program, "-C", self.config, "-bs"),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                env=self._environment())

    def deliver(self, sender, *recipients):
        """Sends a message out at once, past the filter."""
        subprocess.run((self.program, "-C", self.config, "-ODeliveryMode=i",
                        "-OQueueLA=10000", "-f", sender, *recipients),
                       env=self._environment(), check=False, capture_output=True,
                       input=b"Subject: test\n\ntest\n")

    def rules(self, lines):
        """What its rulesets answer lines of its test mode (-bt)."""
        return run(self.program, "-C", self.config, "-bt", env=self._environment(),
                   input="".join(line + "\n" for line in lines))

    def held(self):
        """The queue ids of the messages in quarantine."""
        return self._queued("hf")

    def queued(self):
        """The queue ids of the messages that will be delivered."""
        return self._queued("qf")

    def _queued(self, kind):
        return sorted(name[2:] for name in os.listdir(self.queue)
                      if name.startswith(kind))
