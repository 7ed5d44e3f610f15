# SPDX-License-Identifier: ISC
"""What OpenSSL's tables say about ciphers, asked of the openssl command."""

import functools
import os
import re
import subprocess
from typing import NamedTuple

TLS13_SUITES = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_128_CCM_8_SHA256",
    "TLS_AES_128_CCM_SHA256",
)

_ROW = re.compile(
    r"(?P<name>\S+)\s+(?P<protocol>\S+)\s+Kx=(?P<kx>\S+)\s+Au=(?P<au>\S+)\s+"
    r"Enc=(?P<enc>[^\s(]+)(?:\((?P<bits>\d+)\))?\s+Mac=(?P<mac>\S+)")


class Cipher(NamedTuple):
    name: str
    tls13: bool
    ephemeral: bool
    encrypts: bool
    aead: bool
    bits: int


# Some that OpenSSL 3 does not build, by openssl-ciphers(1) of release 1.0.2.
OLD = {cipher.name: cipher for cipher in (
    Cipher("DES-CBC3-SHA", False, False, True, False, 112),
    Cipher("ECDHE-RSA-DES-CBC3-SHA", False, True, True, False, 112),
    Cipher("RC4-SHA", False, False, True, False, 128),
    Cipher("ECDH-RSA-AES128-SHA", False, False, True, False, 128),
    Cipher("DH-DSS-AES256-GCM-SHA384", False, False, True, True, 256))}


def _openssl_ciphers(cipher_list):
    command = ["openssl", "ciphers", "-v", "-ciphersuites", ":".join(TLS13_SUITES),
               cipher_list + ":@SECLEVEL=0"]
    environment = dict(os.environ, OPENSSL_CONF="/dev/null")
    # It fails when the list selects nothing.
    listing = subprocess.run(command, env=environment, check=False, text=True,
                             capture_output=True).stdout
    return [_ROW.match(line) for line in listing.splitlines()]


def _cipher(row):
    return Cipher(
        name=row["name"],
        tls13=row["protocol"] == "TLSv1.3",
        ephemeral=row["kx"] in ("DH", "ECDH"),
        encrypts=row["enc"] != "None",
        aead=row["mac"] == "AEAD",
        bits=int(row["bits"] or 0))


@functools.lru_cache(maxsize=1)
def table():
    """Every cipher that this OpenSSL knows, by name, and the old ones."""
    rows = _openssl_ciphers("ALL:COMPLEMENTOFALL")
    return OLD | {row["name"]: _cipher(row) for row in rows}


@functools.lru_cache(maxsize=None)
def selected(cipher_list):
    """The names that a cipher list selects, TLS 1.3 suites apart."""
    rows = _openssl_ciphers(cipher_list)
    names = {r["name"] for r in rows if r["protocol"] != "TLSv1.3"}
    items = re.split("[: ;,]+", cipher_list)
    if not any(item.startswith(("!", "-")) for item in items):
        names.update(item for item in items if item in OLD)
    if not names:
        raise ValueError(f"{cipher_list!r} selects nothing")
    return frozenset(names)
