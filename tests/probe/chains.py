# SPDX-License-Identifier: ISC
"""The certificates of the servers: chains good and bad, of a CA of the tests' own.

"ca" is what --ca names. A chain is (file of certificates as they are sent, file of the key),
as smtp.tls() takes it.
"""

import base64
import functools
import hashlib
import os
import re

from mta import workspace
from mta.pki import EC, RSA, openssl

PAST = ("20200101000000Z", "20200201000000Z")
FUTURE = ("20900101000000Z", "20910101000000Z")
SHORT_RSA = ("RSA", "-pkeyopt", "rsa_keygen_bits:1024")
SHA1_RSA = (*RSA, "-sha1")


def pem(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def der(path):
    """The certificates of a file."""
    return [base64.b64decode(text) for text in re.findall(
        r"-----BEGIN CERTIFICATE-----(.*?)-----END", pem(path), re.S)]


def certificate_digest(path):
    """The SHA-256 digest of the first certificate, as TLSA 3 0 1 has it."""
    return hashlib.sha256(der(path)[0]).digest()


def key_digest(path):
    """The SHA-256 digest of its public key, as TLSA 3 1 1 has it."""
    key = openssl("x509", "-in", path, "-noout", "-pubkey")
    return hashlib.sha256(base64.b64decode("".join(key.splitlines()[1:-1]))).digest()


class Chains:
    """All of them; each is made when it is first asked for."""

    def __init__(self, folder, pki=None):
        self.folder = folder
        self._pki = (pki or workspace.pki()).apart(os.path.join(folder, "pki"))
        self.ca = self._pki.ca.cert

    def chain(self, name, leaf, *others):
        """A file of these certificates in this order, and the first one's key."""
        path = os.path.join(self.folder, name + ".chain")
        with open(path, "w", encoding="ascii") as out:
            out.writelines(pem(each.cert) for each in (leaf, *others))
        return path, leaf.key

    @functools.cached_property
    def between(self):
        """An intermediate CA."""
        return self._pki.intermediate("between")

    @functools.lru_cache(maxsize=None)
    def _keyed(self, key):
        """A certificate with such a key, which others have too: it takes a while to make."""
        return self._pki.host("key-%d" % (key is RSA), key=key)

    def leaf(self, name, *hosts, key=EC, **wishes):
        """A certificate of the intermediate, unless told otherwise."""
        if not {"issuer", "dates"} & set(wishes):
            wishes["issuer"] = self.between
        if key in (EC, RSA):
            return self._pki.host(name, *hosts, like=self._keyed(key), **wishes)
        return self._pki.host(name, *hosts, key=key, **wishes)

    @functools.lru_cache(maxsize=None)
    def wildcard(self, domain):
        """For all hosts of a domain."""
        name = "wild-" + domain
        return self.chain(name, self.leaf(name, "*." + domain), self.between)

    @functools.lru_cache(maxsize=None)
    def good(self, host, key=EC):
        """Leaf and intermediate."""
        name = "good-" + host + ("-rsa" if key is RSA else "")
        return self.chain(name, self.leaf(name, host, key=key), self.between)

    def heavy(self, host):
        """With more than 100 KB of intermediates."""
        return self.chain("heavy-" + host, self.leaf("heavy-" + host, host),
                          *[self.between] * 300)

    def good_for(self, *hosts):
        """One for many."""
        return self.chain("many", self.leaf("many", *hosts), self.between)

    def of_old_key(self, host, key):
        name = "odd-" + host
        return self.chain(name, self.leaf(name, host, key=key), self.between)

    def below_old_signature(self, host):
        between = self._pki.intermediate("between-" + host, key=SHA1_RSA)
        return self.chain("below-" + host, self.leaf("below-" + host, host, issuer=between),
                          between)

    def without_intermediate(self, host):
        return self.chain("bare-" + host, self.leaf("bare-" + host, host))

    def with_root(self, host):
        return self.chain("root-" + host, self.leaf("root-" + host, host), self.between,
                          self._pki.ca)

    def disordered(self, host):
        """The intermediates are the wrong way round."""
        second = self.second_between
        leaf = self.leaf("order-" + host, host, issuer=second)
        return self.chain("order-" + host, leaf, self.between, second)

    @functools.cached_property
    def second_between(self):
        """An intermediate CA below the intermediate CA."""
        return self._pki.intermediate("second-between", self.between)

    def self_signed(self, host):
        return self.chain("self-" + host, self.leaf("self-" + host, host, issuer="itself"))

    def unknown_root(self, host, with_root=False):
        """Of a CA that nobody knows, with an intermediate one."""
        name = "rogue-" + host
        return self.chain(name, self.leaf(name, host, issuer=self.rogue_between),
                          self.rogue_between, *((self._pki.rogue_ca,) if with_root else ()))

    @functools.cached_property
    def rogue_between(self):
        return self._pki.intermediate("rogue-between", self._pki.rogue_ca)

    def for_clients(self, host):
        """By its extended key usage no server's."""
        return self.chain("client-" + host, self.leaf("client-" + host, host,
                                                     kind="client"), self.between)

    def dated(self, host, dates, with_root=False):
        """Of the CA itself, since only its database takes dates."""
        return self.chain("dated-" + host, self.leaf("dated-" + host, host, dates=dates),
                          *((self._pki.ca,) if with_root else ()))

    def common_name_alone(self, host):
        """Without any subjectAltName."""
        return self.chain("cn-" + host, self.leaf(host), self.between)
