# SPDX-License-Identifier: ISC
"""Domains with a fault each, in DNS, DANE, MTA-STS or one of their hosts, and good ones.

A case is a domain of a World whose port is 25. "finds" are the findings that are faults or
warnings, each with the host that it is about: "mx1 expired", or alone where it is about the
domain. "make" is given a Domain and puts there what it has; "patience" is as in cases.py.
"""

from collections import namedtuple

from . import chains, sts
from .cases import LONG, SHORT
from .dnssec import A, MX, TLSA
from .smtp import tls

Case = namedtuple("Case", "name finds make domain patience")
CASES = []

POLICY_HOST = "127.0.0.99"
LIMIT = 65536	# of a policy's bytes (RFC 8461 section 3.3)


def case(*finds, below="example", patience=LONG):
    """A case whose function is "make", with that one's name."""
    def add(make):
        name = make.__name__.replace("_", "-")
        CASES.append(Case(name, set(finds), make, "%s.%s" % (name, below), patience))
        return make
    return add


class Domain:
    """A domain of a world, and of a web server's policies."""

    def __init__(self, world, name, policies):
        self.world, self.name, self._policies = world, name, policies
        self.zone, self.chains = world.zone(name), world.chains

    def at(self, host):
        """The name of a host of the domain."""
        return "%s.%s" % (host, self.name)

    def mx(self, *hosts):
        """Its MX records, the first one first."""
        self.zone.mx(self.name, *((10 + 10 * number, self.at(host))
                                  for number, host in enumerate(hosts)))

    def host(self, host="mx1", chain=None, **wishes):
        """A server, good unless told otherwise."""
        name = self.at(host) if host else self.name
        return self.world.host(name, tls=tls(chain or self.chains.good(name), **wishes))

    def tlsa(self, usage, selector, matching, data, host="mx1"):
        self.zone.tlsa(self.at(host), 25, usage, selector, matching, data)

    def policy(self, answer, record="v=STSv1; id=20261130"):
        """Its MTA-STS policy."""
        if record:
            self.zone.text_record("_mta-sts." + self.name, record)
        self.zone.address("mta-sts." + self.name, POLICY_HOST)
        self._policies["mta-sts." + self.name] = answer


def one(domain, **wishes):
    """A domain of one MX host; its certificate's file."""
    domain.mx("mx1")
    domain.host(**wishes)
    return wishes.get("chain", domain.chains.good(domain.at("mx1")))[0]


# Where mail goes

@case()
def two_hosts(d):
    d.mx("mx1", "mx2")
    d.host("mx1")
    d.host("mx2")


@case()
def no_mx(d):
    d.host(None)


@case(below="plain")
def unsigned(d):
    one(d)


@case("null-mx")
def takes_none(d):
    d.zone.mx(d.name, (0, ""))


@case("no-host")
def is_not_there(d):
    """Nothing is."""


@case("mx1 no-host")
def lost_host(d):
    d.mx("mx1")


@case("mx1 mx-alias")
def alias(d):
    d.mx("mx1")
    d.zone.alias(d.at("mx1"), d.at("real"))
    d.world.host(d.at("real"), tls=tls(d.chains.good(d.at("mx1"))))


@case("bogus")
def bogus_mx(d):
    one(d)
    d.zone.break_signature(d.name, MX)


@case("mx1 bogus")
def bogus_address(d):
    one(d)
    d.zone.end_signature(d.at("mx1"), A)


@case("mx2 unreachable")
def dead_host(d):
    d.mx("mx1", "mx2")
    d.host("mx1")
    d.zone.address(d.at("mx2"), d.world.address())


@case("mx2 unreachable")
def dead_address(d):
    d.mx("mx1", "mx2")
    d.host("mx1")
    d.host("mx2")
    d.zone.address(d.at("mx2"), d.world.address())


@case("hosts-differ")
def unlike(d):
    d.mx("mx1", "mx2")
    d.host("mx1")
    d.host("mx2", highest="TLSv1.2", suites="ECDHE-ECDSA-CHACHA20-POLY1305")


@case("mx2 expired")
def forgotten(d):
    d.mx("mx1", "mx2")
    d.host("mx1")
    d.host("mx2", d.chains.dated(d.at("mx2"), chains.PAST))


@case("mx2 wrong-name")
def for_the_other(d):
    d.mx("mx1", "mx2")
    d.host("mx1")
    d.host("mx2", d.chains.good(d.at("mx1")))


@case("mx2 no-starttls")
def clear_spare(d):
    d.mx("mx1", "mx2")
    d.host("mx1")
    d.world.host(d.at("mx2"))


# DANE

@case()
def dane(d):
    d.tlsa(3, 1, 1, chains.key_digest(one(d)))


@case()
def dane_renews(d):
    d.tlsa(3, 1, 1, chains.key_digest(one(d)))
    d.tlsa(3, 1, 1, b"\x5a" * 32)


@case()
def dane_of_authority(d):
    one(d)
    d.tlsa(2, 1, 1, chains.key_digest(d.chains.between.cert))


@case()
def dane_whole(d):
    d.tlsa(3, 0, 0, chains.der(one(d))[0])


@case()
def dane_self_signed(d):
    d.tlsa(3, 0, 1, chains.certificate_digest(
        one(d, chain=d.chains.self_signed("other.example"))))


@case("mx1 tlsa-mismatch")
def dane_old(d):
    one(d)
    d.tlsa(3, 1, 1, b"\x5a" * 32)


@case("mx1 tlsa-mismatch")
def dane_other_kind(d):
    d.tlsa(3, 0, 1, chains.key_digest(one(d)))


@case("mx1 tlsa-mismatch")
def dane_root_not_sent(d):
    one(d)
    d.tlsa(2, 0, 1, chains.certificate_digest(d.chains.ca))


@case("mx1 tlsa-unusable")
def dane_for_browsers(d):
    leaf = one(d)
    d.tlsa(0, 0, 1, chains.certificate_digest(d.chains.ca))
    d.tlsa(1, 1, 1, chains.key_digest(leaf))


@case("mx1 tlsa-unusable")
def dane_short(d):
    d.tlsa(3, 1, 1, chains.key_digest(one(d))[:20])


@case("mx1 tlsa-bogus")
def dane_bogus(d):
    d.tlsa(3, 1, 1, chains.key_digest(one(d)))
    d.zone.break_signature("_25._tcp." + d.at("mx1"), TLSA)


@case("mx1 tlsa-unsigned", below="plain")
def dane_unsigned(d):
    d.tlsa(3, 1, 1, chains.key_digest(one(d)))


@case("mx1 tlsa-unsigned", below="plain")
def dane_unsigned_old(d):
    one(d)
    d.tlsa(3, 1, 1, b"\x5a" * 32)


@case("mx1 expired")
def dane_expired(d):
    """What is below an authority that DANE names is to be valid all the same."""
    one(d, chain=d.chains.dated(d.at("mx1"), chains.PAST, with_root=True))
    d.tlsa(2, 0, 1, chains.certificate_digest(d.chains.ca))


# MTA-STS

@case()
def sts_good(d):
    one(d)
    d.policy(sts.policy("enforce", d.at("mx1")))


@case()
def sts_wildcard(d):
    one(d)
    d.policy(sts.policy("enforce", "*." + d.name))


@case()
def sts_without_record(d):
    one(d)
    d.policy(sts.policy("enforce", "gone." + d.name), record=None)


@case()
def sts_mode_none(d):
    one(d)
    d.policy(sts.policy("none"))


@case("mx1 sts-mx")
def sts_other_hosts(d):
    one(d)
    d.policy(sts.policy("enforce", d.at("mx9")))


@case("mx1 sts-mx")
def sts_tests(d):
    one(d)
    d.policy(sts.policy("testing", d.at("mx9")))


@case("mx1.deep sts-mx")
def sts_deep_wildcard(d):
    d.zone.mx(d.name, (10, "mx1.deep." + d.name))
    d.host("mx1.deep")
    d.policy(sts.policy("enforce", "*." + d.name))


@case("sts-policy")
def sts_moved(d):
    one(d)
    d.policy(sts.answer("301 Moved Permanently", "", Location="https://mta-sts.%s%s" % (
        "sts-good.example", sts.PATH)))


@case("sts-policy")
def sts_gone(d):
    one(d)
    d.policy(sts.answer("404 Not Found", "nothing here"))


@case("sts-policy")
def sts_large(d):
    one(d)
    d.policy(sts.policy("enforce", d.at("mx1"), *("mx%d.%s" % (n, d.name)
                                                  for n in range(LIMIT // 20))))


@case("sts-policy")
def sts_endless(d):
    one(d)
    d.policy(sts.endless)


@case("sts-policy", patience=SHORT)
def sts_silent(d):
    one(d)
    d.policy(sts.silent)


@case("sts-policy")
def sts_garbage(d):
    one(d)
    d.policy(sts.answer("200 OK", "".join(map(chr, range(1, 128))) * 9))


@case("sts-policy")
def sts_no_version(d):
    one(d)
    d.policy(sts.answer("200 OK", "mode: enforce\nmx: %s\nmax_age: 86400\n" % d.at("mx1")))


@case("sts-policy")
def sts_no_hosts(d):
    one(d)
    d.policy(sts.policy("enforce"))


@case("sts-policy")
def sts_page(d):
    one(d)
    d.policy(sts.answer("200 OK", "<html>", Content_Type="text/html"))


@case("sts-policy")
def sts_stranger(d):
    """The web server's certificate is not for this host."""
    one(d)
    d.zone.text_record("_mta-sts." + d.name, "v=STSv1; id=1")
    d.zone.address("mta-sts." + d.name, POLICY_HOST)


def make_all(world):
    """Puts all of them there; the web server of their policies."""
    policies = {}
    for each in CASES:
        each.make(Domain(world, each.domain, policies))
    chain = world.chains.good_for(*policies)
    return sts.Policies(POLICY_HOST, tls(chain), policies)
