# SPDX-License-Identifier: ISC
"""Random facts about a policy: what it names, what is next to that, and others.

facts(rng, policy) is one fact line's object.
"""

import functools
import ipaddress

import names
from pools import (ADDRESSES, BARE_LOCALS, CIPHERS, COMMON_NAMES, CERT_NAMES, DIGESTS,
                   DOMAINS, EXPIRIES, HOSTS, ISSUERS, KEYS, LOCALS, NETWORKS, NEXT_HOPS,
                   NULL_CIPHERS, OLD_PROTOCOLS, PEM, SESSIONS, SIGNATURES, SUITES,
                   UNKNOWN_CIPHERS, UNKNOWN_PROTOCOLS, chance, domain_spelling,
                   in_some_case, quoted, some)


def _near(rng, domain):
    """A domain that is nearly this one."""
    first, _, rest = domain.partition(".")
    return rng.choice(("x." + domain, "mx-1.x." + domain, "x" + domain, domain + "x",
                       rest or first, "eu." + rest if rest else domain))


def _domain(rng, named, pool):
    """Of those that the policy names or of all, or next to it, in some spelling."""
    domain = rng.choice(named if named and chance(rng, 0.6) else pool)
    return domain_spelling(rng, _near(rng, domain) if chance(rng, 0.15) else domain)


def _local(rng, local):
    if local.isascii():
        local = in_some_case(rng, local)
    if not local.isascii() or "+" in local or chance(rng, 0.8):
        if local.replace("+", "").replace("'", "").replace("!", "").isalnum():
            return local
    return quoted(local)


def _address(rng, policy):
    if chance(rng, 0.03):
        return rng.choice(BARE_LOCALS)
    if chance(rng, 0.02):
        return "hr@[192.0.2.1]"
    named = policy.whos.addresses
    if named and chance(rng, 0.35):
        local, domain = rng.choice(named)
        local = local if chance(rng, 0.85) else rng.choice(LOCALS)
        domain = domain_spelling(rng, domain if chance(rng, 0.85) else
                                 _near(rng, domain))
    else:
        local, domain = rng.choice(LOCALS), _domain(rng, policy.whos.domains, DOMAINS)
    local = _local(rng, local)
    if chance(rng, 0.15) and local[0] != '"':
        local += "+detail"
    text = f"{local}@{domain}"
    draw = rng.random()
    if draw < 0.05:
        return "@relay.example,@b.example:" + text
    return rng.choice((f" {text}", f"\t{text} ", f"<{text}>", f"< {text} >")) if draw < 0.1 else text


def _sender(rng, policy):
    return rng.choice(("<>", "", " ")) if chance(rng, 0.08) else _address(rng, policy)


def _recipient(rng, policy):
    if chance(rng, 0.1):
        return {}
    if chance(rng, 0.08):
        facts = {"to": rng.choice(("postmaster", "Postmaster", "POSTMASTER"))}
    else:
        facts = {"to": _address(rng, policy)}
    if chance(rng, 0.3):
        facts["to_resolved"] = _address(rng, policy)
    return facts


def _next_to(rng, network):
    """An address at the edge of a network, inside of it or outside."""
    first, last = int(network.network_address), int(network.broadcast_address)
    number = rng.choice((first, last, first - 1, last + 1))
    make = type(network.network_address)
    return str(make(number % (1 << network.max_prefixlen)))


def _client(rng, policy):
    facts = {}
    if chance(rng, 0.85):
        near = chance(rng, 0.3)
        facts["client_addr"] = (
            _next_to(rng, ipaddress.ip_network(rng.choice(NETWORKS))) if near else
            rng.choice(ADDRESSES))
    if chance(rng, 0.55):
        facts["client_name"] = _domain(rng, policy.whos.hosts, HOSTS)
    if chance(rng, 0.35):
        facts["client_resolve"] = rng.choice(("ok", "fail", "forged", "temp", "temp"))
    if chance(rng, 0.2):
        facts["client_ptr"] = rng.choice(HOSTS)
    if chance(rng, 0.12):
        facts["sasl_username"] = "alice"
    if chance(rng, 0.12):
        facts["local"] = "yes"
    if chance(rng, 0.5):
        facts["session"] = rng.choice(SESSIONS)
    if chance(rng, 0.2):
        facts.update(helo="mx.example", client_port=4711)
    return facts


def _next_hop(rng, policy):
    if chance(rng, 0.35):
        text = rng.choice(NEXT_HOPS)
        if chance(rng, 0.2):
            text = text.partition("]")[0] + "]:26" if text[0] == "[" else text + "6"
        return in_some_case(rng, text)
    domain = _domain(rng, policy.whos.domains, DOMAINS)
    draw = rng.random()
    if draw < 0.1:
        return f"[{domain}]" if draw < 0.07 else "." + domain
    return domain + rng.choice((":25", ":587")) if draw < 0.25 else domain


def _ends(rng, policy):
    """Where the message comes from and goes to."""
    if not chance(rng, 0.2):
        return {"from": _sender(rng, policy), **_recipient(rng, policy),
                **_client(rng, policy)}
    facts = {"direction": "out", "next_hop": _next_hop(rng, policy)}
    if chance(rng, 0.3):
        facts["relay"] = rng.choice(HOSTS)
    if chance(rng, 0.2):
        facts["from"] = _address(rng, policy)
    return facts


def _protocol_and_cipher(rng):
    """Mostly a pair that can be; now and then one that cannot."""
    draw = rng.random()
    if draw < 0.01:
        return "none", rng.choice(CIPHERS + SUITES)
    if draw < 0.12:
        return "none", None
    if draw < 0.2:
        return None, None
    if draw < 0.45:
        return "TLSv1.3", rng.choice(SUITES[:3])
    protocol = rng.choice(OLD_PROTOCOLS + OLD_PROTOCOLS + UNKNOWN_PROTOCOLS)
    if draw < 0.85:
        return protocol, rng.choice(CIPHERS)
    return rng.choice((protocol, "TLSv1.3")), rng.choice(
        CIPHERS + NULL_CIPHERS + UNKNOWN_CIPHERS + SUITES)


def _session(rng):
    facts = {}
    protocol, cipher = _protocol_and_cipher(rng)
    if protocol and not chance(rng, 0.08):
        facts["tls_version"] = protocol
    if cipher and not chance(rng, 0.1):
        facts["cipher"] = cipher
    without_table = "CCM" in (cipher or "")
    if protocol != "none" and (without_table or chance(rng, 0.6)):
        facts["bits"] = rng.choice((0, 40, 112, 128, 256))
    return facts


def _certificate_texts(rng):
    facts = {}
    if chance(rng, 0.8):
        facts["cert_cn"] = rng.choice(COMMON_NAMES)
    if chance(rng, 0.4):
        facts["cert_san"] = some(rng, CERT_NAMES, 3) if chance(rng, 0.9) else []
    if chance(rng, 0.85):
        facts["cert_issuer"] = rng.choice(ISSUERS)
    return facts


def _certificate_strength(rng):
    facts = {}
    if chance(rng, 0.8):
        facts["cert_key"] = rng.choice(KEYS)
    if chance(rng, 0.8):
        facts["cert_signature"] = rng.choice(SIGNATURES)
    if chance(rng, 0.8):
        facts["cert_not_after"] = rng.choice(EXPIRIES)
    return facts


@functools.lru_cache(maxsize=None)
def _file_digests():
    return tuple(sorted(names.pem_pin(PEM)))


def _certificate(rng):
    facts = _certificate_strength(rng) if chance(rng, 0.7) else {}
    draw = rng.random()
    if draw < 0.6:
        facts["cert_verified"] = "yes"
    elif draw < 0.8:
        facts["cert_verified"] = "no"
    if draw < 0.7 or draw >= 0.87:	# the latter: nobody says whether it is verified
        facts.update(_certificate_texts(rng))
    digests = DIGESTS + _file_digests() if draw < 0.75 else ("none",)
    if chance(rng, 0.6):
        facts["cert_fingerprint"] = rng.choice(digests)
    if chance(rng, 0.3):
        facts["cert_pubkey_fingerprint"] = rng.choice(digests)
    return facts


def facts(rng, policy):
    """The object of one fact line."""
    found = _ends(rng, policy)
    found.update(_session(rng))
    if found.get("tls_version") != "none" or chance(rng, 0.3):
        found.update(_certificate(rng))
    if chance(rng, 0.6):
        found["mta"] = rng.choice(("postfix", "sendmail"))
    return found
