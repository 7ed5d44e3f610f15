# SPDX-License-Identifier: ISC
"""The connecting host: which WHOs of clients match it, and how specifically."""

import ipaddress
from typing import NamedTuple, Optional

import names

FORMS = ("authenticated", "local", "domain", "suffix", "network", "regex")
NAMED = ("domain", "suffix", "regex")


class Client(NamedTuple):
    authenticated: bool
    local: bool
    name: Optional[str]                 # verified, as names compare
    has_name: Optional[bool]            # None: it is not known whether it has one
    failed: bool                        # the look-up of its name, for the time being
    address: Optional[object]


def _has_name(facts):
    """Postfix names a client that it verified, Sendmail says beside it whether it did."""
    resolve = facts.get("client_resolve")
    if "client_name" in facts and facts.get("mta") == "postfix":
        return True
    if resolve is not None:
        known = {"fail": False, "forged": False, "temp": None}
        return known.get(resolve, True if "client_name" in facts else None)
    if "client_name" in facts:
        return True
    return False if "client_addr" in facts else None


def client(facts):
    has_name = _has_name(facts)
    address = facts.get("client_addr") and ipaddress.ip_address(facts["client_addr"])
    return Client(
        authenticated=bool(facts.get("sasl_username")),
        local=facts.get("local") == "yes",
        name=names.domain(facts["client_name"]) if has_name else None,
        has_name=has_name,
        failed=not has_name and facts.get("client_resolve") == "temp",
        address=getattr(address, "ipv4_mapped", None) or address)


def matches(client, who):
    """As WHO of a `client` rule."""
    if who.form in ("authenticated", "local"):
        return getattr(client, who.form)
    if who.form == "network":
        return client.address is not None and client.address in who.key
    if client.name is None:
        return False
    if who.form == "suffix":
        return who.key in names.parents(client.name)
    return (who.regex.search(client.name) is not None if who.form == "regex" else
            who.key == client.name)


def matches_strictly(client, who):
    """As WHO of `via` and `require client`: local mail is `local` alone."""
    return (not client.local or who.form == "local") and matches(client, who)


def rank(who):
    """The smaller, the more specific."""
    within = {"suffix": lambda: -who.key.count("."), "regex": lambda: who.number,
              "network": lambda: -who.key.prefixlen}
    return FORMS.index(who.form), within.get(who.form, lambda: 0)()


def best(client, whos):
    """The most specific WHO of a `via` that matches, or None."""
    return min((who for who in whos if matches_strictly(client, who)), key=rank,
               default=None)


def might_be(client, whos):
    """The rank of what the name might match, had its look-up not failed, or None."""
    if not client.failed or client.local:
        return None
    return min((rank(who) for who in whos if who.form in NAMED), default=None)


def is_one_of(client, whos):
    """True, False, or None where what the list asks about is not known."""
    if any(matches_strictly(client, who) for who in whos):
        return True
    if client.local:
        return False
    forms = {who.form for who in whos}
    if forms.intersection(NAMED) and client.has_name is None:
        return None
    return None if "network" in forms and client.address is None else False
