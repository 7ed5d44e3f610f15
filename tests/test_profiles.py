#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Walks every suite and protocol through the shipped profiles with $TLSWARD.

profiles/NAME lists what conf/profiles/NAME.conf accepts, written from its source
and not from the profile: a protocol and the IANA name of a suite a line, or a
regular expression for many. Whatever is not listed is refused. The suites are all
that the openssl command knows and all of policy/cipher_legacy.h, whose IANA names
are in profiles/old-names.

Each profile by itself passes `check`, and so does the shipped policy with its
examples of profiles. The examples of agreements pass it by themselves and under the
shipped policy, and none has more than eight lines.
"""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import runner
from runner import Failure

TESTS = pathlib.Path(__file__).resolve().parent
CONF = TESTS.parent / "conf"
LEGACY = TESTS.parent / "policy" / "cipher_legacy.h"
MAKEFILE = CONF / "Makefile.inc"

TLS13 = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
         "TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256")
PROFILES = ("rfc9325", "nist-800-52r2", "bsi-tr-02102-2", "pci-dss-4",
            "ncsc-nl-2025-sufficient", "ncsc-nl-2025-good", "mozilla-intermediate",
            "mozilla-modern", "legacy")
PROTOCOLS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "TLSv1.4",
             "none", None)
# None of any table: an unknown name, the signalling values, clear text's name.
STRANGE = ("NO-SUCH-SHA", "TLS_AES_512_GCM_SHA512", "(NONE)", None)
AT = "2026-06-15"
# Worth a warning in a policy, and none of a profile by itself.
UNUSED = re.compile(r"^\S+: warning: no rule uses the profile ")


def lines(path):
    text = path.read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def built_suites():
    """IANA's name of each suite that OpenSSL knows, by OpenSSL's."""
    command = ["openssl", "ciphers", "-stdname", "-ciphersuites", ":".join(TLS13),
               "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    done = subprocess.run(command, check=True, text=True, capture_output=True,
                          env=dict(os.environ, OPENSSL_CONF="/dev/null"))
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[2]: row[0] for row in rows if row[1] == "-"}


def all_suites():
    old = dict(line.split() for line in lines(TESTS / "profiles" / "old-names"))
    rows = LEGACY.read_text("utf-8").partition("static const")[2]
    legacy = " ".join(re.findall(r'"([^"]+)"', rows)).split()
    if set(legacy) != set(old):
        raise Failure(f"old-names and {LEGACY.name} differ in "
                     + ", ".join(sorted(set(legacy) ^ set(old))))
    built = built_suites()
    if len(built) < 100 or not set(TLS13) <= set(built):
        raise Failure(f"the openssl command tells of {len(built)} suites only")
    return {**old, **built}


def expected_pairs(profile, suites):
    """The pairs of protocol and OpenSSL name that the profile accepts."""
    pairs = set()
    for line in lines(TESTS / "profiles" / profile):
        protocol, name = line.split()
        if name.startswith("/"):
            pattern = re.compile(name.strip("/"))
        else:
            pattern = re.compile(re.escape(name))
        found = {(protocol, each) for each, iana in suites.items()
                 if pattern.fullmatch(iana)}
        if not found:
            raise Failure(f"profiles/{profile}: no suite is {name}")
        pairs |= found
    return pairs


def run(*arguments, text=""):
    return subprocess.run([runner.TLSWARD, *arguments], input=text, text=True,
                          capture_output=True, timeout=runner.TIMEOUT,
                          env=dict(os.environ, PATH=runner.NO_POSTCONF))


def facts_of(profile, protocol, suite):
    facts = {"from": f"a@{profile}.example"}
    if protocol is not None:
        facts["tls_version"] = protocol
    if suite is not None:
        facts["cipher"] = suite
    return facts


def write_policy(folder):
    policy = pathlib.Path(folder) / "policy.conf"
    text = f'include "{CONF}/profiles/*.conf"\n'
    for profile in PROFILES:
        text += (f"from {profile}.example .{profile}.example "
                 f"{{ use {profile}; otherwise reject }}\n")
    policy.write_text(text, "utf-8")
    return policy


def accepted_pairs(profile, suites, policy):
    """What `decide` accepts, of everything that can be asked."""
    asked = [(protocol, suite) for protocol in PROTOCOLS
             for suite in [*suites, *STRANGE]]
    text = "".join(json.dumps(facts_of(profile, *pair)) + "\n" for pair in asked)
    done = run("decide", "--policy", str(policy), "--at", AT, text=text)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(records) != len(asked):
        raise Failure(f"decide: status {done.returncode}, {len(records)} records "
                     f"for {len(asked)} sessions\n{done.stderr}")
    for pair, record in zip(asked, records):
        if record.get("action") not in ("accept", "reject", "tempfail"):
            raise Failure(f"{pair}: {record}")
    return {pair for pair, record in zip(asked, records)
            if record["action"] == "accept"}


def same_pairs(expected, accepted):
    wrong = [f"accepts {protocol} {suite}" for protocol, suite in
             sorted(accepted - expected, key=str)]
    wrong += [f"refuses {protocol} {suite}" for protocol, suite in
              sorted(expected - accepted, key=str)]
    if wrong:
        raise Failure("\n".join(wrong))


def check_quiet(policy, *options):
    done = run("check", *options, str(policy))
    warnings = [line for line in done.stderr.splitlines()
                if re.search(r": (error|warning): ", line) and not UNUSED.match(line)]
    if done.returncode != 0 or warnings:
        raise Failure(f"check {policy}: status {done.returncode}\n{done.stderr}")


def check_printed(policy, folder):
    """The profiles as printed are the same profiles."""
    done = run("check", "--print", str(policy))
    again = pathlib.Path(folder) / "printed.conf"
    again.write_text(done.stdout, "utf-8")
    if done.returncode != 0 or run("check", "--print", str(again)).stdout != done.stdout:
        raise Failure("the printed profiles do not parse to themselves")
    return again


def check_shipped(folder):
    """conf/policy.conf with its examples of profiles uncommented."""
    text = (CONF / "policy.conf").read_text("utf-8")
    text, count = re.subn(r'^#(include "profiles/|partner )', r"\1", text,
                          flags=re.MULTILINE)
    if count < 2:
        raise Failure("conf/policy.conf has no example of a profile")
    policy = pathlib.Path(folder) / "shipped.conf"
    # Which MTA is told of mail that goes out is not known here.
    policy.write_text("# tlsward: allow outgoing-postfix\n" + text.replace(
        'include "', f'include "{CONF}/'), "utf-8")
    check_quiet(policy)


def check_examples(folder):
    """Those that agreements.test has cases of."""
    path = CONF / "examples" / "agreements.conf"
    check_quiet(path, "--strict")
    shutil.copyfile(CONF / "policy.conf", pathlib.Path(folder) / "policy.conf")
    (pathlib.Path(folder) / "policy.d").mkdir()
    shutil.copy(path, pathlib.Path(folder) / "policy.d")
    check_quiet(pathlib.Path(folder) / "policy.conf", "--strict")
    blocks = re.findall(r"^(?:partner|to) .*?^}$", path.read_text("utf-8"), re.M | re.S)
    if len(blocks) != 12 or max(block.count("\n") + 1 for block in blocks) > 8:
        raise Failure("twelve examples, each of eight lines or fewer")


def check_names():
    found = sorted(path.stem for path in (CONF / "profiles").glob("*.conf"))
    if found != sorted(PROFILES):
        raise Failure("the profiles in conf/ are " + ", ".join(found))
    missing = [name for name in PROFILES
               if f"profiles/{name}.conf" not in MAKEFILE.read_text("utf-8")]
    if missing:
        raise Failure("conf/Makefile.inc does not install " + ", ".join(missing))


def check_profile(profile, suites, policies):
    path = CONF / "profiles" / f"{profile}.conf"
    comment = path.read_text("utf-8").partition("\nprofile ")[0]
    for word in ("# Source: ", "# Read: ", "# Not to be seen by a receiver"):
        if word not in comment:
            raise Failure(f"its comment has no {word!r}")
    check_quiet(path)
    expected = expected_pairs(profile, suites)
    for policy in policies:
        same_pairs(expected, accepted_pairs(profile, suites, policy))


def main():
    with tempfile.TemporaryDirectory(prefix="tlsward-profiles.") as folder:
        suites = all_suites()
        policy = write_policy(folder)
        policies = (policy, check_printed(policy, folder))
        cases = [(name, functools.partial(check_profile, name, suites, policies))
                 for name in PROFILES]
        return runner.main(cases=[
            *cases, ("names", check_names),
            ("shipped policy", functools.partial(check_shipped, folder)),
            ("examples", functools.partial(check_examples, folder))])


if __name__ == "__main__":
    sys.exit(main())
