# SPDX-License-Identifier: ISC
"""What is to become of mail, from a rule's words and what a server can: a model of what
is agreed, made of nothing that the program has.

Some is Postfix's own affair: opportunistic TLS (level "may") waits where a handshake
fails, and tries without only when the message has waited; an anonymous or NULL suite is
never offered where a certificate counts, and NULL nowhere.
"""

import collections
import datetime
import functools
import re
import ssl

from .partner_hosts import HOSTS, SERVERS, SUITES, TLS13, VERSIONS, mx

PROFILES = {"modern": "require client 192.0.2.1; require tls >= 1.2; "
                      "require forward-secrecy; otherwise reject"}
# "{names}" are those of the server's hosts, the others digests and the file of one.
RULES = {
    "none": None,
    "tls": "require tls",
    "tls11": "require tls >= 1.1",
    "tls12": "require tls >= 1.2",
    "tls13": "require tls >= 1.3",
    "bits128": "require bits >= 128",
    "bits256": "require bits >= 256",
    "cipher": 'require cipher "ECDHE+AESGCM"',
    "oldcipher": 'require cipher "AES128-SHA:AES256-SHA"',
    "secrecy": "require forward-secrecy",
    "aead": "require aead",
    "strong": "require tls >= 1.2; require forward-secrecy; require aead",
    "suites": 'require ciphersuites "TLS_AES_256_GCM_SHA384"',
    "cert": "require certificate",
    "strongcert": "require certificate; require forward-secrecy; require tls >= 1.2",
    "name": "require certificate name {names}",
    "other": "require certificate name mx.elsewhere.example",
    "pin": "require certificate fingerprint {pin}",
    "keypin": "require certificate fingerprint {other} {keypin}",
    "file": 'require certificate file "{file}"',
    "dane": "require dane",
    "dane13": "require dane; require tls >= 1.3",
    "monitor": "require tls >= 1.3; require certificate; monitor",
    "exempt": 'require tls; exempt "agreed"',
    "accept": "require tls >= 1.2; require certificate; otherwise accept",
    "some": "require tls; require certificate name {names} otherwise accept",
    "soon": "require tls; require certificate from 2090-01-01",
    "over": "require tls; require certificate name mx.elsewhere.example until 2020-01-01",
    "notyet": "require tls; exempt until 2020-01-01",
    "enforced": "monitor until 2020-01-01; require tls >= 1.2",
    "profile": "use modern",
}
CELLS = [(rule, server) for rule in RULES for server in SERVERS]

# What is asked for; "level" is the site's own where there is no rule.
Wanted = collections.namedtuple("Wanted", "level requirements")
# "reason" is what is seen in the log; "versions" and "suites" what it may go over.
Outcome = collections.namedtuple("Outcome", "sent reason host sessions")
CLEAR = ((None, None),)
# What main.cf asks of sessions that must be encrypted: a protocol, and other suites; and
# of all sessions: other suites.
MainCf = collections.namedtuple("MainCf", "least excluded always")
OPEN = MainCf("TLSv1", (), ())

NOT_OFFERED = r"4\.7\.4 TLS is required, but was not offered by host "
REFUSED = r"4\.7\.0 TLS is required, but host \S+ refused to start TLS: 454 4\.7\.0 "
HANDSHAKE = r"4\.7\.5 Cannot start TLS: handshake failure"
UNVERIFIED = r"4\.7\.5 Server certificate not (verified|trusted)$"
NO_DANE = r"4\.7\.5 (non DNSSEC destination|no TLSA records found)$"
BROKEN_DANE = r"4\.7\.5 "


def in_force(line):
    """Whether it holds today, and the line without its dates."""
    today = datetime.date.today().isoformat()
    first = re.search(r" from (\d[\d-]+)", line)
    end = re.search(r" until (\d[\d-]+)", line)
    return ((not first or first[1] <= today) and (not end or today < end[1]),
            re.sub(r" (from|until) \d[\d-]+", "", line))


def read(text):
    """What a rule's words come to; None is no rule."""
    if text is None:
        return Wanted("site", {})
    for name, words in PROFILES.items():
        text = text.replace("use " + name, words)
    level, wanted, softened, milder = "rule", {}, set(), False
    for line in text.split("; "):
        holds, line = in_force(line)
        if line.startswith(("monitor", "exempt")) and holds:
            level = "site" if line == "monitor" else "may"
        elif line == "otherwise accept":
            milder = True
        elif line.startswith("require ") and holds and " client " not in line:
            what, soft, _ = line[len("require "):].partition(" otherwise accept")
            kind = re.match(r"certificate \w+|[\w-]+(?: >=)?", what)[0]
            wanted[kind] = what[len(kind):].split()
            softened.update([kind] if soft else [])
    for kind in set(wanted) if milder else softened:
        del wanted[kind]
    return Wanted(level if level != "rule" or wanted else "may", wanted)


@functools.lru_cache(maxsize=None)
def cipher_list(text):
    """The suites up to TLS 1.2 that OpenSSL selects by it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(text + ":@SECLEVEL=0")
    return {suite["name"] for suite in context.get_ciphers()}


def meets(wanted, version, suite):
    """Whether a session of these meets what is asked of it, but for the certificate."""
    facts = SUITES[suite]
    least = wanted.get("tls >=", ["1.0"])[0]
    names = list(VERSIONS)
    return (names.index(version) >= names.index("TLSv" + least.replace("1.0", "1"))
            and facts.bits >= int(wanted.get("bits >=", ["0"])[0])
            and ("forward-secrecy" not in wanted or facts.secret)
            and ("aead" not in wanted or facts.aead)
            and (suite not in TLS13 or "ciphersuites" not in wanted
                 or suite in wanted["ciphersuites"][0].strip('"').split(":"))
            and (suite in TLS13 or "cipher" not in wanted
                 or suite in cipher_list(wanted["cipher"][0].strip('"'))))


def sessions(host, wanted, of_certificate, main_cf=OPEN):
    """What can be negotiated: TLS 1.3 only where all of its suites are good."""
    names = list(VERSIONS)
    newest = all(meets(wanted, "TLSv1.3", suite) for suite in TLS13)
    return [(version, suite) for version in host.versions
            for suite in (TLS13 if version == "TLSv1.3" else host.suites)
            if meets(wanted, version, suite) and (version != "TLSv1.3" or newest)
            and SUITES[suite].bits and suite not in main_cf.excluded + main_cf.always
            and names.index(version) >= names.index(main_cf.least)
            and not (of_certificate and suite.startswith("AECDH"))
            and not (of_certificate and version in ("TLSv1", "TLSv1.1"))]


def certificate_fault(host, wanted, shown):
    """Why its certificate will not do; None: it will."""
    if "certificate fingerprint" in wanted or "certificate file" in wanted:
        # The rules' pins are of one certificate, or of its key.
        by_key = len(wanted.get("certificate fingerprint", "12")) > 1
        mine = shown.key if by_key else host.certificate
        return None if mine == "pinned" else UNVERIFIED
    names = wanted.get("certificate name")
    if not names and "certificate" in wanted:
        names = [mx(host.name)]
    if names is None or set(names) & set(shown.names) and shown.trusted:
        return None
    return UNVERIFIED


def dane_fault(host, server):
    """Why DANE will not have it; None: it will."""
    if not all(HOSTS[name].secure for name in SERVERS[server]) or not host.tlsa:
        return NO_DANE
    return {"right": None, "wrong": UNVERIFIED, "broken": BROKEN_DANE}[host.tlsa]


def tried(host, server, wanted, made, main_cf):
    """What becomes of the attempt at a host: None or why not, and over what."""
    level, requirements = wanted
    if level == "site":		# main.cf's level is dane
        fault = dane_fault(host, server)
        if fault == BROKEN_DANE:
            return fault, ()
        level, requirements = ("may", {}) if fault == NO_DANE else ("rule", {"dane": []})
    if level == "may":
        requirements, main_cf = {}, OPEN._replace(always=main_cf.always)
    fault = dane_fault(host, server) if "dane" in requirements else None
    if fault in (NO_DANE, BROKEN_DANE):
        return fault, ()
    if host.starttls in ("no", "refused"):
        if level == "may":
            return None, CLEAR
        return NOT_OFFERED if host.starttls == "no" else REFUSED, ()
    of_certificate = any(kind.startswith(("certificate", "dane"))
                         for kind in requirements)
    over = sessions(host, requirements, of_certificate, main_cf)
    if host.starttls == "cut" or not over:
        return HANDSHAKE, ()
    if host.certificate:
        shown = made[host.certificate].shown
        fault = fault or certificate_fault(host, requirements, shown)
    return fault, over


def expected(rule, server, made, main_cf=OPEN):
    """What is to become of mail by a rule's words to a server."""
    wanted = read(rule)
    for name in SERVERS[server]:
        fault, over = tried(HOSTS[name], server, wanted, made, main_cf)
        if fault is None:
            return Outcome(True, None, name, over)
    return Outcome(False, fault, None, ())


# What Sendmail says of it.
WEAK = "encryption too weak"
CLEAR_TEXT = "does not support STARTTLS|authentication failure|encryption too weak 0 "
UNTRUSTED = "authentication failed|not authenticated"
OTHER_NAME = "CN .* does not match"


def sendmail_fault(wanted, shown, bits):
    """Why Sendmail does not send over such a session by what it can be told of a rule:
    bits, a certificate that is verified (DANE is off), and one common name."""
    trusted = shown is not None and shown.trusted
    if {"certificate", "certificate name", "dane"} & set(wanted) and not trusted:
        return UNTRUSTED
    if bits < int(wanted.get("bits >=", ["1"])[0]):
        return WEAK
    names = wanted.get("certificate name", ())
    return OTHER_NAME if len(names) == 1 and names[0] != shown.common else None


def expected_of_sendmail(rule, server, made):
    """What is to become of mail by what Sendmail can be told of a rule's words.

    Only the first host is tried, and it is the server that chooses a suite.
    """
    host = HOSTS[SERVERS[server][0]]
    level, wanted = read(rule)
    shown = host.certificate and made[host.certificate].shown
    over = sessions(host, {}, False)
    if host.starttls in ("no", "refused"):
        fault, over = CLEAR_TEXT, CLEAR
    elif host.starttls == "cut" or not over:
        return Outcome(False, "TLS handshake failed", None, ())
    else:
        bits = 256 if "TLSv1.3" in host.versions else SUITES[host.suites[0]].bits
        fault = sendmail_fault(wanted, shown, bits)
    if fault and level == "rule":
        return Outcome(False, fault, None, ())
    return Outcome(True, None, host.name, over)
