#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""How the house is built: rooms, their headers, and the form of their files.

What is looked at is the source tree and, for what depends on what, the objects in the
build directory.
"""

import collections
import functools
import glob
import os
import re
import subprocess
import sys

import runner
from runner import TOP, Failure, Skipped, read

# Each room, and the rooms below it whose headers it may include.
ROOMS = {
    "base": (),
    "policy": ("base",),
    "lint": ("policy", "base"),
    "journal": ("policy", "base"),
    "review": ("journal", "policy", "base"),
    "settings": ("journal", "policy", "base"),
    "milter": ("settings", "lint", "journal", "policy", "base"),
    "tool": ("review", "settings", "lint", "journal", "policy", "base"),
}
# What a room shows to others; base/ shows everything.
PUBLIC = {"policy/certificate.h", "policy/fingerprint.h", "policy/policy.h",
          "policy/tls_policy.h", "lint/lint.h",
          "journal/database.h", "journal/journal.h", "journal/ship.h", "journal/store.h",
          "journal/watch.h",
          "review/log_follow.h", "review/maillog.h", "review/review.h", "settings/settings.h"}
# The parsed policy, which lint/ alone looks at.
FOR_LINT = {"policy/rules.h", "policy/written.h"}
SYSTEM = {
    "base": r"syslog|sys/socket|sys/time",
    "policy": r"syslog|sys/socket|sys/time|time",
    "lint": r"syslog|sys/socket|sys/time|time",
    "journal": r"syslog|sys/socket",
    "review": r"syslog|sys/socket",
}
# Time is passed in.
WITHOUT_CLOCK = ("base", "policy", "lint")
CLOCKS = {"time", "clock_gettime", "gettimeofday", "ftime"}
# No mutable variable outlives a call in these.
WITHOUT_STATE = ("base", "policy", "lint", "journal", "review", "settings")
FUNCTION_MAX = 60
READ_FIRST_MAX = 5000

# The recursion of the parser: files have statements, and some of these name files.
PARSER = {"policy/include.c", "policy/list.c", "policy/parse.c", "policy/parse_partner.c",
          "policy/parse_set.c", "policy/parse_who.c", "policy/parse_whos.c"}


def files(room, pattern="*.[ch]"):
    found = sorted(glob.glob(os.path.join(TOP, room, pattern)))
    return [os.path.relpath(path, TOP) for path in found]


def all_files(pattern="*.[ch]"):
    return [path for room in ROOMS for path in files(room, pattern)]


def code(path):
    """A file without comments, and without what strings and characters hold."""
    def blank(match):
        found = match.group(0)
        return '""' if found[0] in "\"'" else re.sub(r"[^\n]", " ", found)

    return re.sub(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'', blank,
                  read(path), flags=re.S)


def includes(path):
    return re.findall(r'^#\s*include\s*[<"]([^>"]+)[>"]', read(path), re.M)


def wrong(found):
    """Fails for what was found: a name, and what is wrong with it."""
    if found:
        raise Failure("\n    ".join([""] + ["%s: %s" % each for each in found]))


# Rooms

def test_every_room_is_known():
    there = {os.path.basename(os.path.dirname(path))
             for path in glob.glob(os.path.join(TOP, "*/Makefile.inc"))}
    there -= {"conf", "man", "contrib", "debian", "tests"}
    wrong([(room, "is not in ROOMS") for room in sorted(there - set(ROOMS))] +
          [(room, "has no sources") for room in ROOMS if not files(room, "*.c")])


def test_includes_go_one_way():
    found = []
    for room, below in ROOMS.items():
        for path in files(room):
            for name in includes(path):
                other = name.split("/")[0]
                if other in ROOMS and other != room and other not in below:
                    found.append((path, "includes " + name))
                if other == "libmilter" and room != "milter":
                    found.append((path, "includes " + name))
                if re.fullmatch(r"(%s)\.h" % SYSTEM.get(room, "-"), name):
                    found.append((path, "includes " + name))
    wrong(found)


def test_only_public_headers_are_included():
    found = []
    for path in all_files():
        room = path.split("/")[0]
        for name in includes(path):
            other = name.split("/")[0]
            if other in (room, "base") or other not in ROOMS or name in PUBLIC:
                continue
            if room == "lint" and name in FOR_LINT:
                continue
            found.append((path, "includes " + name))
    wrong(found)


# Files

def test_guards():
    found = []
    for path in all_files("*.h"):
        room, name = path[:-2].upper().replace("-", "_").split("/")
        guard = "TLSWARD_%s_H" % (room if room == name else room + "_" + name)
        if not re.search(r"^#ifndef %s\n#define %s\n" % (guard, guard), read(path), re.M):
            found.append((path, "has not the guard " + guard))
    wrong(found)


def test_own_header_comes_first():
    wrong([(path, "does not include its own header first")
           for path in all_files("*.c")
           if os.path.exists(os.path.join(TOP, path[:-1] + "h")) and
           includes(path)[:1] != [path[:-1] + "h"]])


def test_sizeof_has_parentheses():
    wrong([(path, "has sizeof without (") for path in all_files()
           if re.search(r"\bsizeof\b(?!\()", code(path))])


def test_switches_in_policy_name_all():
    wrong([(path, "has a switch with a default")
           for path in files("policy", "*.c")
           if re.search(r"\bdefault\s*:", code(path))])


def functions(path):
    """The functions that a file defines: name, whether static, how many lines."""
    for match in re.finditer(r"^(static\b[^\n;={]*|[a-z][^\n;={]*)\n"
                             r"([a-z_]\w*)\((?:[^{};]|\n)*?\)\n\{\n(.*?\n)?\}\n",
                             code(path), re.M | re.S):
        lines = match.group(0).count("\n") - match.group(1).count("\n") - 1
        yield match.group(2), match.group(1).startswith("static"), lines


def test_functions_can_be_seen_at_once():
    found = []
    count = 0
    for path in all_files("*.c"):
        for name, _, lines in functions(path):
            count += 1
            if lines > FUNCTION_MAX:
                found.append((path, "%s() has %d lines" % (name, lines)))
    if count < 1000:
        raise Failure("only %d functions are found" % count)
    wrong(found)


def test_names_of_functions_are_unique():
    where = collections.defaultdict(set)
    for path in all_files():
        for name, static, _ in functions(path):
            where[name].add((path, static))
    wrong([(name, "is in " + ", ".join(sorted(path for path, _ in there)))
           for name, there in sorted(where.items())
           if len(there) > 1 and any(static for _, static in there)])


def test_tests_are_run():
    """Each is in a list of the Makefile's: else no "make check" knows it."""
    lists = "".join(read(path) for path in glob.glob(
        os.path.join(TOP, "**", "Makefile*.*"), recursive=True) + glob.glob(
        os.path.join(TOP, "tests", "*.inc")) if not path.endswith("Makefile.in"))
    lists = re.sub(r"^COVERAGE_\w+ = (.*\\\n)*.*\n", "", lists, flags=re.M)
    listed = set(re.findall(r"[^\s=]+", lists))
    wrong([(os.path.relpath(path, TOP), "is in no list of tests") for path in glob.glob(
        os.path.join(TOP, "tests", "**", "test_*.py"), recursive=True)
        if os.path.relpath(path, TOP) not in listed])


# Objects

def objects():
    """The objects of the programs, by their sources' names."""
    build = os.path.dirname(runner.TLSWARD)
    found = {}
    for path in all_files("*.c"):
        room, name = os.path.split(path[:-2])
        for prefix in ("libpolicy_a-", "", "tlsward-", "tlsward_milter-", "tlsward_probe-",
                       "libprobeexec_a-"):
            there = os.path.join(build, room, prefix + name + ".o")
            if os.path.exists(there):
                found[path] = there
                break
    if len(found) < len(all_files("*.c")) * 3 // 4:
        raise Skipped("the objects are not here")
    return found


@functools.cache
def symbols():
    """Of each source: the global symbols that it defines, and those that it uses."""
    sources = {there: path for path, there in objects().items()}
    defined, used = {}, {path: set() for path in sources.values()}
    for line in subprocess.run(["nm", "-A", "-P", "-g", *sources], check=True,
                               capture_output=True, text=True).stdout.splitlines():
        there, _, symbol = line.partition(": ")
        name, kind = symbol.split()[:2]
        if name.startswith("__x86."):	# of the compiler, on i386
            continue
        if kind in "Uw":
            used[sources[there]].add(name)
        else:
            defined[name] = sources[there]
    return defined, used


def components(graph):
    """The sets of more than one node that reach each other (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def test_no_circles():
    defined, used = symbols()
    graph = {path: sorted({defined[name] for name in names if name in defined} - {path})
             for path, names in used.items()}
    wrong([(" ".join(each), "these need each other")
           for each in components(graph)
           if not PARSER.issuperset(each)])


def test_what_is_global_is_used():
    """By another file, or by a test."""
    defined, used = symbols()
    anywhere = set().union(*used.values())
    tests = "".join(read(path) for path in glob.glob(
        os.path.join(TOP, "tests", "**", "*.[ch]"), recursive=True))
    # libmilter calls them, and the C library's.
    known = {"main", "syslog", "__syslog_chk"}
    wrong([(path, "alone uses " + name) for name, path in sorted(defined.items())
           if name not in anywhere | known and
           not re.search(r"\b%s\b" % name, tests)])


def test_what_decides_can_be_read():
    """The list "Read these first" of README.md: small enough for an afternoon."""
    text = read(os.path.join(TOP, "README.md"))
    found = re.search(r"^### Read these first\n(.*?)^4\. [^\n]*", text, re.M | re.S)
    names = re.findall(r"`(?:policy/)?([a-z_]+\.[ch])`", found.group() if found else "")
    if len(names) < 15:
        raise Failure("README.md, Read these first: only " + " ".join(names))
    lines = sum(read(os.path.join(TOP, "policy", name)).count("\n") for name in names)
    if lines > READ_FIRST_MAX:
        raise Failure("README.md, Read these first: these have %d lines, and not %d"
                      % (lines, READ_FIRST_MAX))


def test_no_clock():
    _, used = symbols()
    wrong([(path, "uses " + name) for path, names in used.items()
           if path.split("/")[0] in WITHOUT_CLOCK
           for name in sorted(names & CLOCKS)])


def test_no_state():
    found = []
    for path, there in objects().items():
        if path.split("/")[0] not in WITHOUT_STATE:
            continue
        text = subprocess.run(["objdump", "-t", there], check=True, capture_output=True,
                              text=True).stdout
        if "__asan" in text or "__ubsan" in text:
            return	# The sanitizers have variables of their own: other builds tell.
        found += [(path, "has the variable " + name) for name in re.findall(
            r"^\S+ .{7} \.(?:data|bss)\t\S+ +(?!\.)(\S+)$", text, re.M)]
    wrong(found)


if __name__ == "__main__":
    sys.exit(runner.main())
