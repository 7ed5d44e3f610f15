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


def _openssl_ciphers(cipher_list):
    command = ["openssl", "ciphers", "-v", "-ciphersuites", ":".join(TLS13_SUITES),
               cipher_list + ":@SECLEVEL=0"]
    environment = dict(os.environ, OPENSSL_CONF="/dev/null")
    listing = subprocess.run(command, env=environment, check=True, text=True,
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
    """Every cipher that this OpenSSL knows, by name."""
    rows = _openssl_ciphers("ALL:COMPLEMENTOFALL")
    return {row["name"]: _cipher(row) for row in rows}


@functools.lru_cache(maxsize=None)
def selected(cipher_list):
    """The names that a cipher list selects, TLS 1.3 suites apart."""
    rows = _openssl_ciphers(cipher_list)
    return frozenset(r["name"] for r in rows if r["protocol"] != "TLSv1.3")
