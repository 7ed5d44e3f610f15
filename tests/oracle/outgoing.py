# SPDX-License-Identifier: ISC
"""What Postfix is to be told of mail that goes out.

wanted(RULE, TODAY, MONITOR) gives what a value of smtp_tls_policy_maps must say, and
is_wanted(WANTED, VALUE) whether it does, in whatever form Postfix has for that.
"""

import re
from typing import NamedTuple, Optional

import ciphers
import names
import session as sessions

DEFAULT_SUITES = ciphers.TLS13_SUITES[:3]       # of OpenSSL; Postfix cannot choose
SUITE_KINDS = ("bits", "cipher", "ciphersuites", "forward-secrecy", "aead")
LEVELS = (("dane", "dane-only"), ("certificate-fingerprint", "fingerprint"),
          ("certificate-name", "secure"), ("certificate", "verify"))
NOTFOUND = "NOTFOUND"
PROTOCOLS = {"TLSv1": 10, "TLSv1.1": 11, "TLSv1.2": 12, "TLSv1.3": 13}


class Told(NamedTuple):
    level: str
    match: frozenset = frozenset()
    least: Optional[int] = None
    most: int = 13
    excluded: frozenset = frozenset()


def _enforced(settings):
    """What is not opportunistic; the rest is left out, and judged afterwards."""
    return {kind: each for kind, each in settings.requirements.items()
            if (each.otherwise or settings.otherwise).action != "accept"}


def _meets(requirements, protocol, cipher, today):
    facts = {"tls_version": protocol, "cipher": cipher, "direction": "out"}
    session = sessions.session(facts, today)
    return all(sessions.CHECKS[kind][0](session, each.argument) == sessions.MET
               for kind, each in requirements.items() if kind in SUITE_KINDS)


def _match(requirements, level):
    if level == "fingerprint":
        pins = requirements["certificate-fingerprint"].argument
        return frozenset(digest.partition(":")[2] for pin in pins for digest in pin)
    if level == "secure":
        patterns = requirements["certificate-name"].argument
        return frozenset(names.domain(pattern.text) for pattern in patterns)
    return frozenset()


def _older_suites():
    return [each.name for each in ciphers.table().values()
            if not each.tls13 and each.encrypts and each.name not in ciphers.OLD]


def _told(requirements, today):
    level = next((level for kind, level in LEVELS if kind in requirements), "encrypt")
    version = requirements.get("tls")
    least = version.argument if version else None
    most = 13 if all(_meets(requirements, "TLSv1.3", suite, today)
                     for suite in DEFAULT_SUITES) else 12
    older = _older_suites()
    excluded = [s for s in older if not _meets(requirements, "TLSv1.2", s, today)]
    if len(excluded) == len(older) and most == 13:
        least = 13
    if least == 13:
        excluded = []
    return Told(level, _match(requirements, level), least, most, frozenset(excluded))


def wanted(rule, today, monitor):
    """The values that will do, or what one must say."""
    if rule is None:
        return [NOTFOUND]
    settings = rule.settings
    if settings.exempt and settings.exempt.active(today):
        return ["may", NOTFOUND] if monitor else ["may"]
    if monitor or settings.monitor and settings.monitor.active(today):
        return [NOTFOUND]
    if not settings.requirements:
        # Nothing is asked for; it may be on another day.
        return ["may", NOTFOUND]
    requirements = _enforced(settings)
    return _told(requirements, today) if requirements else ["may"]


def _range(text):
    """The least and the most protocol of Postfix's list, in either form."""
    least, most = 10, 13
    for item in text.split(":"):
        sign, protocol = re.fullmatch("(>=|<=|!)(.*)", item).groups()
        number = PROTOCOLS.get(protocol, 0)
        if sign == ">=" or sign == "!" and number == least:
            least = number if sign == ">=" else number + 1
        elif sign == "<=" or number:
            most = min(most, number if sign == "<=" else number - 1)
    return least, most


def _read(value):
    level, *rest = value.split(" ")
    attributes = dict(each.split("=", 1) for each in rest)
    least, most = None, 13
    if "protocols" in attributes:
        least, most = _range(attributes.pop("protocols"))
    match = attributes.pop("match", "")
    if level == "fingerprint":
        match = match.replace(":", "").lower().replace("|", ":")
    excluded = frozenset(attributes.pop("exclude", "").split(":")) & {*_older_suites()}
    if attributes:
        raise ValueError(value)
    return Told(level, frozenset(match.split(":")) - {""}, least, most, excluded)


def is_wanted(expected, value):
    if not isinstance(expected, Told):
        return value in expected
    told = _read(value)
    # Where nothing is asked of the protocol, the oldest that there is may be named.
    same_least = told.least == expected.least or (
        expected.least is None and told.least == 10)
    return same_least and told._replace(least=None) == expected._replace(least=None)
