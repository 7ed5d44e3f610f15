# SPDX-License-Identifier: ISC
"""Domains and addresses in the form in which the contract compares them."""

import functools
import ipaddress
import re
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
    """The address without its source route; domain None where it has none."""
    if text.startswith("@") and ":" in text:
        text = text.split(":", 1)[1]
    at = _at_sign(text)
    if at < 0:
        return Address(_unquote(text), None)
    return Address(_unquote(text[:at]), domain(text[at + 1:]) or None)


def without_detail(local, delimiter="+"):
    """The local part without its detail, or None where it has none."""
    user, found, _ = local.partition(delimiter)
    return user if found and user else None


@functools.lru_cache(maxsize=None)
def network(text):
    """An address or network as ipaddress has it, or None for other text."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None
