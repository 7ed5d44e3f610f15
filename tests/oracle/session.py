# SPDX-License-Identifier: ISC
"""What the facts say about a TLS session, and which requirements it meets.

Every check answers MET, UNKNOWN, or the reason why it is not met.
"""

import datetime
import re
from typing import NamedTuple, Optional

import ciphers
import clients

MET = "met"
UNKNOWN = "unknown-fact"

PROTOCOLS = {"SSLv2": 0, "SSLv3": 3, "TLSv1": 10, "TLSv1.1": 11, "TLSv1.2": 12,
             "TLSv1.3": 13}
KEY_STRENGTHS = {"ec:P-192": 1024, "ec:P-224": 2048, "ec:P-256": 3072,
                 "ec:P-384": 7680, "ec:P-521": 15360, "ed25519": 3072, "ed448": 7680}
DIGEST_ALGORITHMS = {64: "sha256", 40: "sha1"}
_ALGORITHM = re.compile("sha(256|1):")


class Session(NamedTuple):
    client: clients.Client
    encrypted: Optional[bool]
    protocol: Optional[str]
    tls13: bool
    cipher: Optional[str]
    bits: Optional[int]
    verified: Optional[bool]
    cert_names: Optional[list]      # None is unknown, [] a certificate without
    cert_issuer: Optional[str]
    digests: list
    certificate: bool               # False: it is known that none was presented
    key: Optional[str]
    signature: Optional[str]
    not_after: Optional[str]
    today: datetime.date
    outgoing: bool


def _encrypted(protocol, cipher):
    known = ciphers.table().get(cipher)
    if protocol == "none" or cipher == "(NONE)" or (known and not known.encrypts):
        return False
    if protocol is None and cipher is None:
        return None
    return True


def _tls13(protocol, cipher):
    if protocol is not None:
        return protocol == "TLSv1.3"
    known = ciphers.table().get(cipher)
    return known is not None and known.tls13


def _is_raw_key(facts):
    """No certificate around a key that is there (RFC 7250)."""
    return (facts.get("cert_fingerprint") == "none" and
            facts.get("cert_pubkey_fingerprint", "none") != "none")


def _verified(facts):
    if _is_raw_key(facts):
        return False
    if "cert_verified" in facts:
        return facts["cert_verified"] == "yes"
    # What Postfix says of verified certificates only is absent: there was none. Of mail
    # that goes out it is its log that tells, and that shows no certificate.
    silent = not any(name in facts for name in ("cert_cn", "cert_san", "cert_issuer"))
    postfix = facts.get("mta") == "postfix" and facts.get("direction") != "out"
    return False if silent and postfix else None


def _cert_names(facts):
    if facts.get("cert_san"):
        return facts["cert_san"]
    if "cert_cn" not in facts:
        return None
    return [facts["cert_cn"]] if facts["cert_cn"] else []


def _digest(text):
    digits = _ALGORITHM.sub("", text).replace(":", "").lower()
    algorithm = DIGEST_ALGORITHMS.get(len(digits))
    return f"{algorithm}:{digits}" if algorithm else text


def _digests(facts):
    fields = ("cert_fingerprint", "cert_pubkey_fingerprint")
    return [_digest(facts[name]) for name in fields if name in facts]


def _has_certificate(facts):
    """Or may have: the certificate's digest tells, and where it is absent the key's."""
    of_key = facts.get("cert_pubkey_fingerprint")
    return facts.get("cert_fingerprint", of_key) != "none"


def session(facts, today):
    protocol, cipher = facts.get("tls_version"), facts.get("cipher")
    return Session(
        client=clients.client(facts),
        encrypted=_encrypted(protocol, cipher), protocol=protocol,
        tls13=_tls13(protocol, cipher), cipher=cipher, bits=facts.get("bits"),
        verified=_verified(facts), cert_names=_cert_names(facts),
        cert_issuer=facts.get("cert_issuer"), digests=_digests(facts),
        certificate=_has_certificate(facts),
        key=facts.get("cert_key"), signature=facts.get("cert_signature"),
        not_after=facts.get("cert_not_after"), today=today,
        outgoing=facts.get("direction") == "out")


def _verdict(met, reason):
    return MET if met else reason


def _client(s, whos):
    answer = clients.is_one_of(s.client, whos)
    return UNKNOWN if answer is None else _verdict(answer, "client")


def _tls(s, least):
    if least is None:
        return MET
    if s.protocol is None:
        return UNKNOWN
    return _verdict(PROTOCOLS.get(s.protocol, -1) >= least, "tls-version")


def _bits(s, least):
    bits = s.bits
    if not bits and s.cipher in ciphers.table():
        bits = ciphers.table()[s.cipher].bits
    return UNKNOWN if bits is None else _verdict(bits >= least, "bits")


def _cipher(s, cipher_list):
    if s.tls13:
        return MET
    if s.cipher is None:
        return UNKNOWN
    return _verdict(s.cipher in ciphers.selected(cipher_list), "cipher")


def _ciphersuites(s, suites):
    if not s.tls13:
        return MET
    if s.cipher is None:
        return UNKNOWN
    return _verdict(s.cipher in suites, "cipher")


def _forward_secrecy(s, _):
    if s.tls13:
        return MET
    if s.cipher is None:
        return UNKNOWN
    known = ciphers.table().get(s.cipher)
    return _verdict(known is not None and known.ephemeral, "forward-secrecy")


def _aead(s, _):
    if s.cipher is None:
        return UNKNOWN
    known = ciphers.table().get(s.cipher)
    return _verdict(known is not None and known.aead, "aead")


def _certificate(s, _):
    return UNKNOWN if s.verified is None else _verdict(s.verified, "certificate")


def _dane(s, _):
    """No fact tells of TLSA records; what they match is verified."""
    return "dane" if s.verified is False else UNKNOWN


def _name_matches(name, pattern):
    if pattern.regex:
        return pattern.regex.fullmatch(name) is not None
    name, wanted = name.lower(), pattern.text.lower()
    if not wanted.startswith("*."):
        return name == wanted
    label, _, rest = name.partition(".")
    return label != "" and rest == wanted[2:]


def _certificate_name(s, patterns):
    if not s.verified:
        return _certificate(s, None)
    if s.cert_names is None:
        return UNKNOWN
    met = any(_name_matches(n, p) for n in s.cert_names for p in patterns)
    return _verdict(met, "certificate-name")


def _issuer_matches(issuer, pattern):
    if issuer == "":
        return False
    if pattern.regex:
        return pattern.regex.fullmatch(issuer) is not None
    return issuer == pattern.text


def _certificate_issuer(s, patterns):
    if not s.verified:
        return _certificate(s, None)
    if s.cert_issuer is None:
        return UNKNOWN
    met = any(_issuer_matches(s.cert_issuer, p) for p in patterns)
    return _verdict(met, "certificate-issuer")


def _certificate_fingerprint(s, pins):
    if any(digest in pin for digest in s.digests for pin in pins):
        return MET
    digests = [digest for digest in s.digests if digest != "none"]
    if "none" in s.digests and not digests:
        return "certificate-fingerprint"
    reported = {digest.partition(":")[0] for digest in digests}
    comparable = all(reported & {digest.partition(":")[0] for digest in pin}
                     for pin in pins)
    return "certificate-fingerprint" if comparable else UNKNOWN


def _of_presented(s, fact, reason, is_met):
    """A requirement on a certificate that need not be verified."""
    if not s.certificate:
        return "certificate"
    if fact is None:
        return UNKNOWN
    return _verdict(is_met(fact), reason)


def _strength(key):
    kind, _, size = key.partition(":")
    if kind in ("rsa", "rsa-pss", "dsa") and re.fullmatch("[0-9]{1,5}", size):
        return int(size)
    return KEY_STRENGTHS.get(key, 0)


def _certificate_key(s, least):
    return _of_presented(s, s.key, "certificate-key",
                         lambda key: _strength(key) >= least)


def _digest_rank(name):
    length = re.fullmatch("(?:sha|sha3-|sha512-)(224|256|384|512)", name)
    if length:
        return int(length.group(1))
    return {"md5": 1, "sha1": 2, "ed25519": 1000, "ed448": 1000}.get(name, 0)


def _certificate_signature(s, least):
    return _of_presented(s, s.signature, "certificate-signature",
                         lambda name: _digest_rank(name) >= _digest_rank(least))


def _certificate_validity(s, days):
    now = datetime.datetime.combine(s.today, datetime.time(), datetime.timezone.utc)
    return _of_presented(s, s.not_after, "certificate-validity",
                         lambda text: datetime.datetime.fromisoformat(
                             text.replace("Z", "+00:00"))
                         >= now + datetime.timedelta(days=days))


# In the contract's order of reasons; the second is what `failed` calls an
# unknown fact of this requirement.
CHECKS = {
    "client": (_client, "client"),
    "tls": (_tls, "tls-version"),
    "bits": (_bits, "bits"),
    "cipher": (_cipher, "cipher"),
    "ciphersuites": (_ciphersuites, "cipher"),
    "forward-secrecy": (_forward_secrecy, "forward-secrecy"),
    "aead": (_aead, "aead"),
    "certificate": (_certificate, "certificate"),
    "certificate-name": (_certificate_name, "certificate-name"),
    "certificate-issuer": (_certificate_issuer, "certificate-issuer"),
    "certificate-fingerprint": (_certificate_fingerprint, "certificate-fingerprint"),
    "certificate-key": (_certificate_key, "certificate-key"),
    "certificate-signature": (_certificate_signature, "certificate-signature"),
    "certificate-valid-for": (_certificate_validity, "certificate-validity"),
    "dane": (_dane, "dane"),
}
