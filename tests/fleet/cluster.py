# SPDX-License-Identifier: ISC
"""A throw-away PostgreSQL, which has nothing to do with one that this machine runs.

    with cluster.Cluster() as pg:
        pg.psql("CREATE TABLE ...")
        program(pg.conninfo("tlsward_writer"))
        pg.kill()	# as a loss of power takes it
        pg.start()

Its programs are those of $TLSWARD_POSTGRESQL (a folder with Debian's packages unpacked
in it), else those of /usr/lib/postgresql, the newest, else those of PATH. It runs as
the user who starts it or, for root, as "nobody".
"""

import contextlib
import ctypes
import functools
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile

from mta import process, waiting, workspace

SUPERUSER = "postgres"
DATABASE = "tlsward"
NOBODY = 65534
NEW_MOUNTS = 0x00020000	# of unshare(2)
SECURE = "host all all 127.0.0.1/32 scram-sha-256"	# a line of pg_hba.conf
SECURE_TLS = "hostssl all all 127.0.0.1/32 scram-sha-256"
# What libpq would take from whoever runs this: another host, a password.
for variable in [name for name in os.environ if name.startswith("PG")]:
    del os.environ[variable]


@functools.lru_cache(maxsize=None)
def programs():
    """The folder of the server's programs, or None."""
    tree = os.environ.get("TLSWARD_POSTGRESQL")
    found = glob.glob((os.path.abspath(tree) if tree else "") +
                      "/usr/lib/postgresql/*/bin/initdb")
    found.sort(key=lambda path: int(re.search(r"postgresql/(\d+)", path).group(1)))
    if not found and not tree:
        found = [path for path in [shutil.which("initdb")] if path and shutil.which("postgres")]
    return os.path.dirname(os.path.realpath(found[-1])) if found else None


def obstacle():
    """Why there can be no PostgreSQL here, or None."""
    if programs() is None:
        return "PostgreSQL's server is not installed"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "setpriv is not installed"
    if shutil.which("psql") is None and not os.path.exists(programs() + "/psql"):
        return "psql is not installed"
    return None


def as_ordinary_user(words):
    """The command as somebody whom PostgreSQL works for: it refuses root."""
    if os.geteuid() != 0:
        return list(words)
    return ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups", *words]


def environment():
    """Ours, in no language."""
    return {**os.environ, "LC_ALL": "C"}


def run(words, **more):
    """Runs a program of PostgreSQL's to its end; raises with what it wrote if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, env=environment(),
                          cwd="/", check=False, **more)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(words[-6:]), done.stderr + done.stdout))
    return done.stdout


class Cluster:
    """Listens on a UNIX socket in "sockets" and on "port" of 127.0.0.1.

    fsync: whether what was committed survives a loss of power (never needed against
    kill()). tls: has a certificate (file "certificate"). hba: lines of pg_hba.conf for
    TCP instead of trust; the UNIX socket trusts everybody. size: the bytes of a file
    system of its own, for fill(); only root has that, see can_fill(). settings: of
    postgresql.conf. The database "tlsward" is there.
    """

    def __init__(self, fsync=False, tls=False, hba=(), size=0, within=None, **settings):
        if within is None:
            self.folder = workspace.folder()
        else:
            self.folder = tempfile.mkdtemp(prefix="tlsward-", dir=within)
            os.chmod(self.folder, 0o755)
        self.data = os.path.join(self.folder, "data")
        self.sockets = os.path.join(self.folder, "sockets")
        self.log = os.path.join(self.folder, "log")
        self.certificate = os.path.join(self.folder, "server.pem") if tls else None
        self.port = waiting.free_ports(1)[0]
        self.server = None
        self._ballast = os.path.join(self.data, "ballast")
        self._size = size
        self._mounted = False
        self._paused = []
        try:
            self._make(fsync, hba, settings)
        except BaseException:
            self.remove()
            raise

    def __enter__(self):
        if self.server is None:
            self.start()
        return self

    def __exit__(self, *_):
        self.remove()

    # Making it

    def _make(self, fsync, hba, settings):
        for path in (self.data, self.sockets):
            os.mkdir(path)
        if self._size:
            self._mount()
        self._give(self.data, 0o700)
        self._give(self.sockets, 0o755)
        run(as_ordinary_user([
            programs() + "/initdb", "--pgdata=" + self.data, "--username=" + SUPERUSER,
            "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync",
            *(["--wal-segsize=1"] if self._size else [])]))
        if self.certificate:
            self._make_certificate()
            settings = {"ssl": "on", "ssl_cert_file": self.certificate,
                        "ssl_key_file": self._key(), **settings}
        self._write_settings({
            "listen_addresses": "127.0.0.1", "port": self.port,
            "unix_socket_directories": self.sockets, "fsync": "on" if fsync else "off",
            "synchronous_commit": "on", "full_page_writes": "on" if fsync else "off",
            "jit": "off", "dynamic_shared_memory_type": "mmap", "timezone": "UTC", "log_timezone": "UTC",
            "log_min_messages": "warning", **settings})
        with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="ascii") as out:
            out.write("local all all trust\n" + "".join(line + "\n" for line in (
                hba or ("host all all 127.0.0.1/32 trust",))))

    def _mount(self):
        """A file system that goes with this process: nobody else sees it."""
        if ctypes.CDLL(None).unshare(NEW_MOUNTS) != 0:
            raise RuntimeError("unshare may not mount here")
        run(["mount", "--make-rprivate", "/"])
        run(["mount", "-t", "tmpfs", "-o", "size=%d" % self._size, "tmpfs", self.data])
        self._mounted = True

    def _give(self, path, mode):
        os.chmod(path, mode)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)

    def _key(self):
        return os.path.join(self.folder, "server.key")

    def _make_certificate(self):
        """Its own CA: sslmode=verify-full with sslrootcert=certificate believes it."""
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", self._key(), "-out", self.certificate])
        self._give(self._key(), 0o600)

    def _write_settings(self, settings):
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as out:
            for name, value in settings.items():
                out.write("%s = '%s'\n" % (name, str(value).replace("'", "''")))

    # Its life

    def start(self):
        """Starts it and waits until it answers, after a crash until it has recovered."""
        self.server = process.Server(
            "postgres", as_ordinary_user([programs() + "/postgres", "-D", self.data]),
            self.log, environment())
        waiting.until("PostgreSQL's answer", self._ready, alive=self.server.must_live)
        if self.psql("SELECT 1 FROM pg_database WHERE datname = '%s'" % DATABASE,
                     database="postgres") == "":
            self.psql('CREATE DATABASE "%s"' % DATABASE, database="postgres")
        return self

    def _ready(self):
        """As pg_ctl finds out: the server says so in a file."""
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as text:
                lines = text.read().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and int(lines[0]) == self.server.pid and \
            lines[7].strip() == "ready"

    def running(self):
        return self.server is not None and not self.server.ended()

    def stop(self, number=signal.SIGINT):
        """Ends it, and the sessions that it has."""
        if self.server is not None:
            self.resume()
            self.server.stop(number)
            self.server = None

    def kill(self):
        """Ends all its processes at once, with whatever they were about."""
        if self.server is not None:
            self.pause()
            sessions = [(pid, process.birth(pid)) for pid in self._paused
                        if pid != self.server.pid]
            for pid in self._paused:
                _send(pid, signal.SIGKILL)
            self._paused = []
            self.server.wait()
            process.bury("postgres", sessions)
            self.server = None

    def restart(self):
        self.stop()
        self.start()

    def pause(self):
        """It hangs: takes connections, as the kernel does, and says nothing more."""
        _send(self.server.pid, signal.SIGSTOP)	# so that no more of them come
        self._paused = self.server.family()
        for pid in self._paused:
            _send(pid, signal.SIGSTOP)

    def resume(self):
        for pid in self._paused:
            _send(pid, signal.SIGCONT)
        self._paused = []

    @contextlib.contextmanager
    def paused(self):
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def remove(self):
        """Ends it, and nothing of it stays."""
        try:
            self.stop(signal.SIGQUIT)	# kill() would leave shared memory
            self._free_memory()
        finally:
            if self._mounted:
                subprocess.run(["umount", "--lazy", self.data], check=False)
                self._mounted = False
            workspace.remove(self.folder)

    def _free_memory(self):
        """Removes the segment of shared memory of a server that was killed."""
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as text:
                segment = text.read().splitlines()[6].split()[1]
        except (FileNotFoundError, IndexError):
            return
        subprocess.run(as_ordinary_user(["ipcrm", "-m", segment]), capture_output=True,
                       check=False)

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as text:
            return text.read()

    # Its disk

    @staticmethod
    def can_fill():
        """Whether a cluster with a "size" can be had here."""
        return os.geteuid() == 0 and subprocess.run(
            ["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0

    def fill(self, leave=0):
        """Its file system is full but for so many bytes; it may write meanwhile."""
        def fill():
            room = os.statvfs(self.data)
            size = max(0, room.f_bavail * room.f_frsize - leave)
            with open(self._ballast, "wb") as out, contextlib.suppress(OSError):
                os.posix_fallocate(out.fileno(), 0, max(size, 1))
                return True
            return False
        waiting.until("a full disk", fill)

    def empty(self):
        """What fill() took is free again."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._ballast)

    # What is in it

    def conninfo(self, user=SUPERUSER, database=DATABASE, tcp=False, **more):
        """A connection string of libpq's; "more" are further parameters of it.

        tcp: by 127.0.0.1, with the certificate checked where there is one.
        """
        parts = {"host": "127.0.0.1" if tcp else self.sockets, "port": self.port,
                 "dbname": database, "user": user}
        if tcp and self.certificate:
            parts.update(sslmode="verify-full", sslrootcert=self.certificate)
        parts.update(more)
        return " ".join("%s=%s" % (name, _quoted(str(value)))
                        for name, value in parts.items())

    def psql(self, sql, user=SUPERUSER, database=DATABASE, **more):
        """What the statements answer: rows as lines, columns set apart by "|"."""
        local = programs() + "/psql"
        return run([local if os.path.exists(local) else "psql", "-X", "-q", "-A", "-t",
                    "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(user, database, **more)],
                   input=sql).rstrip("\n")

    def rows(self, sql, user=SUPERUSER, database=DATABASE):
        """The rows of one query, each a list of texts, NULL None."""
        text = self.psql("\\pset null '\\\\N'\n\\pset fieldsep '\\x1f'\n\\pset recordsep '\\x1e'\n"
                         + sql, user, database)
        return [[None if cell == "\\N" else cell for cell in row.split("\x1f")]
                for row in text.split("\x1e")] if text else []


def _quoted(value):
    """A value in a connection string."""
    if value and re.fullmatch(r"[\w./:@+-]+", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
