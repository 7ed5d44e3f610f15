# SPDX-License-Identifier: ISC
"""The servers of partners that mail goes out to: what each can of TLS, and themselves.

A domain's mail is taken by the hosts of one of SERVERS, the first one first.
"""

import collections
import os
import ssl

from .pki import RSA
from .sink import Sink, server_tls

# A cipher suite: bits, forward secrecy, authenticated encryption; "rsa" with such a key.
Suite = collections.namedtuple("Suite", "bits secret aead")
SUITES = {
    "AES128-SHA": Suite(128, False, False),
    "AES256-SHA": Suite(256, False, False),
    "AES256-GCM-SHA384": Suite(256, False, True),
    "DES-CBC3-SHA": Suite(112, False, False),
    "RC4-SHA": Suite(128, False, False),
    "ECDHE-RSA-AES128-SHA": Suite(128, True, False),
    "ECDHE-RSA-AES128-SHA256": Suite(128, True, False),
    "ECDHE-RSA-AES128-GCM-SHA256": Suite(128, True, True),
    "ECDHE-RSA-AES256-GCM-SHA384": Suite(256, True, True),
    "ECDHE-ECDSA-AES128-GCM-SHA256": Suite(128, True, True),
    "ECDHE-ECDSA-AES256-GCM-SHA384": Suite(256, True, True),
    "AECDH-AES128-SHA": Suite(128, True, False),
    "NULL-SHA256": Suite(0, False, False),
    "TLS_AES_128_GCM_SHA256": Suite(128, True, True),
    "TLS_AES_256_GCM_SHA384": Suite(256, True, True),
    "TLS_CHACHA20_POLY1305_SHA256": Suite(256, True, True),
}
VERSIONS = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1,
            "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
MODERN = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
TLS13 = tuple(name for name in SUITES if name.startswith("TLS_"))
NOW, LATER = ("TLSv1.2",), ("TLSv1.3",)

# The certificate is one of CERTIFICATES. "tlsa" is None, "right", "wrong" or "broken" (no
# answer), "secure" what the DNS is of the domain and the host.
Host = collections.namedtuple("Host", "name starttls versions suites certificate secure "
                              "tlsa", defaults=("yes", NOW + LATER, MODERN, "good",
                                                False, None))
# Names that stand in it, whether a CA that we know made it for today, its key and its
# common name.
Shown = collections.namedtuple("Shown", "names trusted key common")

def _has(host):
    """Whether this OpenSSL has its suites."""
    try:
        server_tls().set_ciphers(":".join(host.suites) + ":@SECLEVEL=0")
    except ssl.SSLError:
        return False
    return True


HOSTS = {host.name: host for host in filter(_has, (
    Host("clear", "no"),
    Host("refused", "refused"),
    Host("cut", "cut"),
    Host("tls10", versions=("TLSv1",), suites=("ECDHE-RSA-AES128-SHA", "AES256-SHA"),
         certificate="rsa"),
    Host("tls11", versions=("TLSv1.1",), suites=("ECDHE-RSA-AES128-SHA", "AES256-SHA"),
         certificate="rsa"),
    Host("old", versions=NOW, suites=("AES128-SHA", "AES256-SHA"), certificate="rsa"),
    Host("oldaead", versions=NOW, suites=("AES256-GCM-SHA384",), certificate="rsa"),
    Host("cbc", versions=NOW, suites=("ECDHE-RSA-AES128-SHA256", "AES128-SHA"),
         certificate="rsa"),
    Host("des", versions=NOW, suites=("DES-CBC3-SHA",), certificate="rsa"),
    Host("rc4", versions=NOW, suites=("RC4-SHA",), certificate="rsa"),
    Host("gcm128", versions=NOW, suites=("ECDHE-RSA-AES128-GCM-SHA256",),
         certificate="rsa"),
    Host("gcm256", versions=NOW, suites=("ECDHE-RSA-AES256-GCM-SHA384",),
         certificate="rsa"),
    Host("anon", versions=NOW, suites=("AECDH-AES128-SHA",), certificate=None),
    Host("null", versions=NOW, suites=("NULL-SHA256",), certificate="rsa"),
    Host("tls13", versions=LATER),
    Host("modern"),
    Host("wrongname", certificate="wrongname"),
    Host("selfsigned", certificate="selfsigned"),
    Host("expired", certificate="expired"),
    Host("future", certificate="future"),
    Host("rogue", certificate="rogue"),
    Host("nochain", certificate="nochain"),
    Host("chain", certificate="chain"),
    Host("wildcard", certificate="wildcard"),
    Host("cnonly", certificate="cnonly"),
    Host("pinned", certificate="pinned"),
    Host("renewed", certificate="renewed"),
    Host("rolled", certificate="rolled"),
    Host("daneright", certificate="selfsigned", secure=True, tlsa="right"),
    Host("danewrong", secure=True, tlsa="wrong"),
    Host("danenone", secure=True),
    Host("daneinsecure", tlsa="right"),
    Host("danebroken", secure=True, tlsa="broken"),
    Host("daneclear", "no", secure=True, tlsa="right"),
))}
SERVERS = {name: (name,) for name in HOSTS}
SERVERS.update(clearmodern=("clear", "modern"), oldrogue=("tls10", "rogue"),
               three=("refused", "rogue", "gcm256"), danetwo=("danewrong", "daneright"))

GOOD = ("tls13", "modern", "danewrong", "danenone", "daneinsecure", "danebroken")
WITH_RSA = tuple(host.name for host in HOSTS.values() if host.certificate == "rsa")
PAST = ("20200101000000Z", "20200201000000Z")
FUTURE = ("20900101000000Z", "20910101000000Z")


def mx(host):
    """A host's name in the DNS."""
    return "mx.%s.example" % host


def address(host):
    """Where it is."""
    return "192.0.2.%d" % (list(HOSTS).index(host) + 10)


def _make(pki):
    """The certificates by name, each with what is known of it."""
    def mine(name, *others, trusted=False, **wishes):
        names = tuple(map(mx, (name, *others)))
        return pki.host("host-" + name, *names, **wishes), Shown(names, trusted, name,
                                                               names[0])

    between = pki.intermediate("between")
    yield "good", mine("good", *GOOD, trusted=True)
    yield "rsa", mine("rsa", *WITH_RSA, trusted=True, key=RSA)
    yield "wrongname", mine("elsewhere", trusted=True)
    yield "selfsigned", mine("selfsigned", "daneright", issuer="itself")
    yield "expired", mine("expired", dates=PAST)
    yield "future", mine("future", dates=FUTURE)
    yield "rogue", mine("rogue", issuer=pki.rogue_ca)
    yield "nochain", mine("nochain", issuer=between)
    chain, shown = mine("chain", trusted=True, issuer=between)
    with open(chain.cert, "a", encoding="ascii") as out, \
            open(between.cert, encoding="ascii") as other:
        out.write(other.read())
    yield "chain", (chain, shown)
    yield "wildcard", (pki.host("host-wildcard", "*.wildcard.example"),
                       Shown((mx("wildcard"),), True, "wildcard",
                             "*.wildcard.example"))
    yield "cnonly", (pki.host(mx("cnonly")), Shown((mx("cnonly"),), True, "cnonly",
                                                mx("cnonly")))
    yield "pinned", mine("pinned", trusted=True)
    # The same key in a new certificate, and a new key.
    renewed, shown = mine("renewed", trusted=True, like=pki.made["pinned"][0])
    yield "renewed", (renewed, shown._replace(key="pinned"))
    yield "rolled", mine("rolled", trusted=True)


Certified = collections.namedtuple("Certified", "certificate shown")


def certificates(pki):
    """All of them by name, made once in each process, which others do not see."""
    if not hasattr(pki, "made"):
        pki.made = {}
        apart = pki.apart(os.path.join(pki.folder, "hosts-%d" % os.getpid()))
        for name, pair in _make(apart):
            pki.made[name] = Certified(*pair)
    return pki.made


def _context(host, made):
    settings = {"minimum_version": VERSIONS[host.versions[0]],
                "maximum_version": VERSIONS[host.versions[-1]]}
    context = server_tls(host.certificate and made[host.certificate].certificate)
    context.set_ciphers(":".join(host.suites) + ":@SECLEVEL=0")
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def sink(host, pki):
    """The host's server."""
    context = _context(host, certificates(pki))
    answers = {"refused": "454 4.7.0 TLS not available", "cut": None}
    return Sink(address(host.name), context=None if host.starttls == "no" else context,
                starttls=answers.get(host.starttls, "220 go"))


def tell(zone, domain, server):
    """The records of a domain whose mail these hosts take."""
    hosts = [HOSTS[name] for name in SERVERS[server]]
    zone.mx(domain, *(mx(host.name) for host in hosts),
            secure=all(host.secure for host in hosts))


def tell_hosts(zone, pki):
    """The records of all hosts."""
    made = certificates(pki)
    for host in HOSTS.values():
        name = mx(host.name)
        zone.host(name, address(host.name), host.secure)
        if host.tlsa in ("right", "wrong"):
            wrong = host.tlsa == "wrong"
            shown = made["rolled" if wrong else host.certificate].certificate
            zone.tlsa(name, shown.key_fingerprint().partition(":")[2], host.secure)
        elif host.tlsa == "broken":
            zone.fails(name)
