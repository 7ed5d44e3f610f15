# SPDX-License-Identifier: ISC
"""A throw-away public key infrastructure, made with the openssl command.

Two CAs (the one the server trusts and a rogue one), a server with an RSA and an
EC key, and client certificates good and bad. Clients have EC keys, all but one,
for sessions older than TLS 1.2.
"""

import copy
import functools
import hashlib
import os
import subprocess

CA_NAME = "Test Root CA"
CLIENT_NAME = "client.test.example"
ODD_NAME = 'Blå +1/<x>(y)"z" a=b'

EC = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")

CA_CONFIG = """
[ca]
default_ca = past
[past]
database = {folder}/past.index
serial = {folder}/past.serial
new_certs_dir = {folder}
default_md = sha256
copy_extensions = copy
policy = any
unique_subject = no
[any]
organizationName = optional
commonName = optional
"""

REQ_CONFIG = """
[req]
distinguished_name = name
string_mask = utf8only
utf8 = yes
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
"""


def openssl(*arguments):
    """Runs openssl; its output is shown only when it fails."""
    done = subprocess.run(("openssl",) + arguments, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError("openssl %s: %s" % (" ".join(arguments), done.stderr))
    return done.stdout


class Certificate:
    """A certificate and its key, in PEM files."""

    def __init__(self, folder, name, subject=None):
        self.name = name
        # As OpenSSL writes it on one line, without the escapes.
        self.subject = subject and subject.replace("\\/", "/").replace("\\+", "+")
        self.cert = os.path.join(folder, name + ".pem")
        self.key = os.path.join(folder, name + ".key")
        self.chain = os.path.join(folder, name + ".chain.pem")

    def join(self):
        """Writes key and certificate into one file, as Postfix wants them."""
        with open(self.chain, "w", encoding="ascii") as out:
            for part in (self.key, self.cert):
                with open(part, encoding="ascii") as text:
                    out.write(text.read())

    @functools.lru_cache(maxsize=None)
    def fingerprint(self):
        """The certificate's SHA-256 digest, as sha256:hex."""
        line = openssl("x509", "-in", self.cert, "-noout", "-fingerprint", "-sha256")
        return "sha256:" + line.split("=", 1)[1].strip().replace(":", "").lower()

    @functools.lru_cache(maxsize=None)
    def key_fingerprint(self):
        """The public key's SHA-256 digest, as sha256:hex."""
        public = subprocess.run(("openssl", "x509", "-in", self.cert, "-noout",
                                 "-pubkey"), capture_output=True, check=True).stdout
        der = subprocess.run(("openssl", "pkey", "-pubin", "-outform", "DER"),
                             input=public, capture_output=True, check=True).stdout
        return "sha256:" + hashlib.sha256(der).hexdigest()


class Pki:
    """All the certificates, as attributes and by name in "clients"."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self._write_configs()
        self.ca = self._self_signed("ca", "/O=Test CA Org/CN=" + CA_NAME, "ca")
        self.rogue_ca = self._self_signed("rogue-ca", "/O=Rogue/CN=" + CA_NAME, "ca")
        self.server = self._issue("server", "/CN=mx.test.example", self.ca, RSA)
        self.server_ec = self._issue("server-ec", "/CN=mx.test.example", self.ca)
        self.relay = self._issue("relay", "/CN=in.acme.example", self.ca)
        self.server.join()
        self.server_ec.join()
        self.clients = {client.name: client for client in self._make_clients()}

    def _write_configs(self):
        self._req_config = os.path.join(self.folder, "req.cnf")
        self._ca_config = os.path.join(self.folder, "ca.cnf")
        with open(self._req_config, "w", encoding="utf-8") as out:
            out.write(REQ_CONFIG)
        with open(self._ca_config, "w", encoding="utf-8") as out:
            out.write(CA_CONFIG.format(folder=self.folder))
        with open(os.path.join(self.folder, "past.index"), "w", encoding="ascii"):
            pass
        with open(os.path.join(self.folder, "past.serial"), "w", encoding="ascii") as out:
            out.write("01\n")

    def _make_clients(self):
        org = "/C=NO/O=Test Org"
        yield self._issue("good", org + "/OU=Mail/CN=" + CLIENT_NAME, self.ca)
        yield self._issue("good-rsa", org + "/CN=" + CLIENT_NAME, self.ca, RSA)
        yield self._issue("second", org + "/CN=second.test.example", self.ca)
        yield self._issue("wildcard", org + "/CN=*.test.example", self.ca)
        yield self._issue("nocn", org, self.ca)
        yield self._issue("oddcn", org + "/CN=" + ODD_NAME.replace("/", "\\/")
                          .replace("+", "\\+"), self.ca)
        yield self._issue("rogue", org + "/CN=" + CLIENT_NAME, self.rogue_ca)
        yield self._self_signed("selfsigned", "/O=Self/CN=" + CLIENT_NAME, "leaf")
        yield self._expired("expired", "/O=Test Org/CN=" + CLIENT_NAME)

    def _request(self, name, subject, key=EC, like=None):
        made = Certificate(self.folder, name, subject)
        made.key = like.key if like else made.key
        keyed = ("-key", made.key) if like else ("-newkey", *key, "-keyout", made.key)
        return made, ("req", "-config", self._req_config, "-utf8", "-nodes", *keyed,
                      "-subj", subject)

    def _self_signed(self, name, subject, extensions):
        made, request = self._request(name, subject)
        openssl(*request, "-x509", "-days", "30", "-extensions", extensions,
                "-out", made.cert)
        return made

    def _issue(self, name, subject, issuer, key=EC):
        made, request = self._request(name, subject, key)
        openssl(*request, "-x509", "-days", "30", "-extensions", "leaf",
                "-CA", issuer.cert, "-CAkey", issuer.key, "-out", made.cert)
        return made

    def _expired(self, name, subject):
        made, request = self._request(name, subject)
        self._sign_for(made, request, "20200101000000Z", "20200201000000Z")
        return made

    def _sign_for(self, made, request, start, end):
        wish = os.path.join(self.folder, made.name + ".csr")
        openssl(*request, "-new", "-out", wish)
        openssl("ca", "-batch", "-config", self._ca_config, "-notext",
                "-cert", self.ca.cert, "-keyfile", self.ca.key,
                "-startdate", start, "-enddate", end,
                "-extfile", self._req_config, "-extensions", "leaf",
                "-in", wish, "-out", made.cert)

    # Of servers that mail goes out to

    def host(self, name, *hosts, issuer=None, key=EC, dates=None, like=None, kind="leaf"):
        """A certificate for these hosts; without any, one of a common name alone.

        "issuer" may be "itself"; "dates" are its first and its last, as openssl ca takes
        them; with "like", of that certificate's key; "kind" is a section of REQ_CONFIG.
        """
        names = ("-addext", "subjectAltName=DNS:" + ",DNS:".join(hosts)) if hosts else ()
        made, request = self._request(name, "/CN=" + (hosts or (name,))[0], key, like)
        if dates:
            self._sign_for(made, request + names, *dates)
            return made
        signer = () if issuer == "itself" else (
            "-CA", (issuer or self.ca).cert, "-CAkey", (issuer or self.ca).key)
        openssl(*request, "-x509", "-days", "30", "-extensions", kind, *names, *signer,
                "-out", made.cert)
        return made

    def apart(self, folder):
        """The same CAs, with a folder of its own for what is made from now on."""
        made = copy.copy(self)
        made.folder = folder
        os.makedirs(folder)
        made._write_configs()
        return made

    def intermediate(self, name, issuer=None, key=EC):
        """A CA that the CA made, or another one."""
        made, request = self._request(name, "/CN=" + name, key)
        issuer = issuer or self.ca
        openssl(*request, "-x509", "-days", "30", "-extensions", "ca",
                "-CA", issuer.cert, "-CAkey", issuer.key, "-out", made.cert)
        return made
