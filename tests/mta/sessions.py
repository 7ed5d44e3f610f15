# SPDX-License-Identifier: ISC
"""The kinds of session that the matrix is made of, as data."""

import collections

# certificate: a client certificate's name in pki.py, or None.
Session = collections.namedtuple("Session", "name version cipher bits certificate")

SESSIONS = [Session(*row) for row in (
    ("plain", None, None, None, None),
    ("tls10-rsa", "1.0", "AES128-SHA", 128, None),
    ("tls10-ecdhe", "1.0", "ECDHE-RSA-AES256-SHA", 256, None),
    ("tls11-ecdhe", "1.1", "ECDHE-RSA-AES256-SHA", 256, None),
    ("tls12-rsa", "1.2", "AES128-SHA", 128, None),
    ("tls12-rsa-gcm", "1.2", "AES256-GCM-SHA384", 256, None),
    ("tls12-dhe", "1.2", "DHE-RSA-AES256-SHA", 256, None),
    ("tls12-cbc", "1.2", "ECDHE-RSA-AES128-SHA256", 128, None),
    ("tls12-gcm", "1.2", "ECDHE-RSA-AES128-GCM-SHA256", 128, None),
    ("tls12-gcm256", "1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", 256, None),
    ("tls12-chacha", "1.2", "ECDHE-RSA-CHACHA20-POLY1305", 256, None),
    ("tls13-256", "1.3", "TLS_AES_256_GCM_SHA384", 256, None),
    ("tls13-128", "1.3", "TLS_AES_128_GCM_SHA256", 128, None),
    ("tls13-chacha", "1.3", "TLS_CHACHA20_POLY1305_SHA256", 256, None),
    ("tls10-good", "1.0", "ECDHE-RSA-AES256-SHA", 256, "good-rsa"),
    ("tls12-good", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", 256, "good"),
    ("good", "1.3", "TLS_AES_256_GCM_SHA384", 256, "good"),
    ("second", "1.3", "TLS_AES_256_GCM_SHA384", 256, "second"),
    ("wildcard", "1.3", "TLS_AES_256_GCM_SHA384", 256, "wildcard"),
    ("nocn", "1.3", "TLS_AES_256_GCM_SHA384", 256, "nocn"),
    ("oddcn", "1.3", "TLS_AES_256_GCM_SHA384", 256, "oddcn"),
    ("expired", "1.3", "TLS_AES_256_GCM_SHA384", 256, "expired"),
    ("selfsigned", "1.3", "TLS_AES_256_GCM_SHA384", 256, "selfsigned"),
    ("rogue", "1.3", "TLS_AES_256_GCM_SHA384", 256, "rogue"),
)]

ALL = frozenset(session.name for session in SESSIONS)
PLAIN = frozenset(["plain"])
ENCRYPTED = ALL - PLAIN
TLS10 = frozenset(s.name for s in SESSIONS if s.version == "1.0")
TLS11 = frozenset(s.name for s in SESSIONS if s.version == "1.1")
TLS12 = frozenset(s.name for s in SESSIONS if s.version == "1.2")
TLS13 = frozenset(s.name for s in SESSIONS if s.version == "1.3")
BITS128 = frozenset(s.name for s in SESSIONS if s.bits == 128)
RSA_EXCHANGE = frozenset(["tls10-rsa", "tls12-rsa", "tls12-rsa-gcm"])
CBC = TLS10 | TLS11 | frozenset(["tls12-rsa", "tls12-dhe", "tls12-cbc"])
GOOD_NAME = frozenset(["tls10-good", "tls12-good", "good"])
VERIFIED = GOOD_NAME | frozenset(["second", "wildcard", "nocn", "oddcn"])
UNVERIFIED = ENCRYPTED - VERIFIED
FAILED = frozenset(["expired", "selfsigned", "rogue"])	# presented all the same


def tls_version(session):
    """The protocol as both MTAs name it; "none" for clear text."""
    return {None: "none", "1.0": "TLSv1"}.get(
        session.version, "TLSv%s" % session.version)
