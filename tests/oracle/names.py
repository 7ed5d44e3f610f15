# SPDX-License-Identifier: ISC
"""Domains and addresses in the form in which the contract compares them."""

import functools
import hashlib
import ipaddress
import re
import subprocess
import unicodedata
from typing import NamedTuple, Optional

_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Address(NamedTuple):
    local: str
    domain: Optional[str]


def _label(label):
    label = unicodedata.normalize("NFKC", label.lower())
    if label.isascii():
        return label
    return "xn--" + label.encode("punycode").decode("ascii")


@functools.lru_cache(maxsize=None)
def domain(text):
    """Lower case, A-labels, no trailing dot (UTS 46, non-transitional)."""
    labels = _DOTS.split(text)
    if len(labels) > 1 and labels[-1] == "":
        labels.pop()
    return ".".join(_label(label) for label in labels)


def is_null(text):
    """Whether an envelope sender is the null sender."""
    return text.strip(" \t") in ("", "<>")


def parents(name):
    """The domains above NAME, the longest first."""
    labels = name.split(".")
    return [".".join(labels[i:]) for i in range(1, len(labels))]


def _lower_ascii(text):
    return "".join(c.lower() if c.isascii() else c for c in text)


def _unquote(local):
    plain = _QUOTED.sub(lambda m: re.sub(r"\\(.)", r"\1", m.group(1)), local)
    return _lower_ascii(plain)


def _at_sign(text):
    quoted = _QUOTED.match(text)
    return text.rfind("@", quoted.end() if quoted else 0)


@functools.lru_cache(maxsize=None)
def address(text):
    """What is left without blanks, brackets and source route; domain None: none."""
    text = text.strip(" \t")
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1].strip(" \t")
    if text.startswith("@") and ":" in text:
        text = text.split(":", 1)[1]
    text = text.strip(" \t")
    at = _at_sign(text)
    if at < 0:
        return Address(_unquote(text), None)
    return Address(_unquote(text[:at]), domain(text[at + 1:]) or None)


def without_detail(local, delimiters):
    """The local part without its detail, or None where it has none."""
    user = re.split(f"[{re.escape(delimiters)}]", local, maxsplit=1)[0]
    return user if user and user != local else None


@functools.lru_cache(maxsize=None)
def network(text):
    """An address or network as ipaddress has it, or None for other text."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def in_whole(address):
    """The address as expressions see it."""
    local = address.local
    if "@" in local or re.search(r"[\x00-\x1f\x7f]", local):
        local = f'"{local}"'
    return f"{local}@{address.domain}"


@functools.lru_cache(maxsize=None)
def next_hop(text):
    """A next hop with brackets or a port, as it compares."""
    match = re.fullmatch(r"\[([^]]*)\](:.*)?|([^:]*)(:.*)", text)
    if match.group(1) is not None:
        return f"[{domain(match.group(1))}]{(match.group(2) or '').lower()}"
    return domain(match.group(3)) + match.group(4).lower()


@functools.lru_cache(maxsize=None)
def pem_pin(path):
    """The digests that show the certificate of a PEM file, or its public key."""
    def openssl(*command, text=None):
        return subprocess.run(("openssl", *command), check=True, input=text,
                              capture_output=True).stdout

    certificate = openssl("x509", "-in", path, "-outform", "DER")
    key = openssl("x509", "-in", path, "-noout", "-pubkey")
    key = openssl("pkey", "-pubin", "-outform", "DER", text=key)
    return frozenset(f"{algorithm}:{hashlib.new(algorithm, der).hexdigest()}"
                     for algorithm in ("sha256", "sha1") for der in (certificate, key))
