# SPDX-License-Identifier: ISC
"""Servers with a fault each, and good ones: what is planted, and what is to be found.

A case is a host of a World that is probed as HOST:PORT. "finds" are the findings that are
faults or warnings, all of them. "make" is given the chains and the host's name and returns
what smtp.Server takes. "tells" is more of what --json says of the address: values, those of
objects by name. "host" is its name, "most" how often it is to be asked at most,
"patience" how many seconds it is waited for.
"""

import functools
import os
import ssl
import time
from collections import namedtuple

from mta.pki import RSA, openssl

from . import chains, hello, smtp
from .hello import Legacy
from .smtp import tls

Case = namedtuple("Case", "name finds make tells host most patience")
SERVERS, HOSTILE = [], []
QUICK = 12	# connections to one address without --full
SHORT, LONG = 3, 30	# seconds: for who says nothing, and for others

BOTH = {"lowest": "TLSv1", "suites": "ECDHE+AES"}
OF_2003 = (hello.SSL3, hello.TLS10)
ANY = (hello.TLS10, hello.TLS11, hello.TLS12)
HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def case(*finds, **tells):
    """A case whose function is "make", with that one's name."""
    def add(make):
        name = make.__name__.replace("_", "-")
        SERVERS.append(Case(name, set(finds), make, tells, name + ".servers.example", QUICK, LONG))
        return make
    return add


def steps(name, *finds, most=2, patience=LONG, **at):
    """A server that is good but for what it does at these stages."""
    HOSTILE.append(Case(name, set(finds), lambda c, host: {
        "tls": tls(c.wildcard("hostile.example")), "steps": at}, {},
        name + ".hostile.example", most, patience))


def beside(c, host, suite, versions=ANY, **more):
    """A good server that takes that suite, too."""
    return {"tls": tls(c.good(host)), "legacy": Legacy(
        rsa(c, host), [suite], versions, renegotiation=True, **more)}


def rsa(c, host):
    """A good chain as a Legacy shows it."""
    return chains.der(c.good(host, RSA)[0])


# Good ones

@case(starttls=True, protocols={"SSLv3": False, "TLSv1.0": False, "TLSv1.1": False,
                                "TLSv1.2": True, "TLSv1.3": True})
def good(c, host):
    return {"tls": tls(c.good(host))}


@case()
def good_rsa(c, host):
    return {"tls": tls(c.good(host, RSA))}


@case()
def good_both_keys(c, host):
    return {"tls": tls(c.good(host), c.good(host, RSA))}


@case(protocols={"TLSv1.2": True, "TLSv1.3": False})
def good_tls12(c, host):
    return {"tls": tls(c.good(host), highest="TLSv1.2")}


@case(protocols={"TLSv1.2": False, "TLSv1.3": True})
def good_tls13(c, host):
    return {"tls": tls(c.good(host), lowest="TLSv1.3")}


@case(protocols={"TLSv1.0": True, "TLSv1.1": True, "TLSv1.2": True, "TLSv1.3": True})
def good_old_beside(c, host):
    return {"tls": tls(c.good(host, RSA), **BOTH)}


ORDER = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
         "ECDHE-ECDSA-AES256-GCM-SHA384")


@case(ordered=True)
def good_own_order(c, host):
    return {"tls": tls(c.good(host), highest="TLSv1.2", suites=":".join(ORDER))}


@case()
def good_wildcard(c, host):
    return {"tls": tls(c.wildcard(host.split(".", 1)[1]))}


@case()
def good_common_name(c, host):
    return {"tls": tls(c.common_name_alone(host))}


@case()
def good_asks_certificate(c, host):
    return {"tls": tls(c.good(host), client=ssl.CERT_OPTIONAL, authority=c.ca)}


@case()
def good_with_root(c, host):
    return {"tls": tls(c.with_root(host))}


@case(ordered=False)
def good_clients_order(c, host):
    return {"tls": tls(c.good(host), server_order=False)}


@case()
def good_large_group(c, host):
    return {"tls": tls(c.good(host, RSA), highest="TLSv1.2", dh=group(c.folder, 2048),
                       suites="DHE-RSA-AES128-GCM-SHA256:ECDHE+AESGCM")}


@case()
def good_long_banner(c, host):
    return {"tls": tls(c.good(host)), "steps": {"banner": smtp.sends(
        b"".join(b"220-%d we do not authorise the use of this\r\n" % number
                 for number in range(20)), then=smtp.as_always)}}


# Protocols and suites

@case("no-starttls", starttls=False)
def clear(c, host):
    return {}


@case("old-tls-only", protocols={"TLSv1.0": True, "TLSv1.1": False, "TLSv1.2": False})
def tls10_alone(c, host):
    return {"tls": tls(c.good(host, RSA), highest="TLSv1", **BOTH)}


@case("old-tls-only", protocols={"TLSv1.1": True, "TLSv1.2": False})
def tls11_alone(c, host):
    return {"tls": tls(c.good(host, RSA), highest="TLSv1.1", **BOTH)}


@case("ssl-3", protocols={"SSLv3": True, "TLSv1.0": False, "TLSv1.2": True})
def ssl3_beside(c, host):
    return beside(c, host, hello.AES128, (hello.SSL3,))


@case("rc4")
def rc4_beside(c, host):
    return beside(c, host, hello.RC4)


@case("3des")
def triple_des_beside(c, host):
    return beside(c, host, hello.TRIPLE_DES)


@case("des")
def des_beside(c, host):
    return beside(c, host, hello.DES)


@case("export")
def export_beside(c, host):
    return beside(c, host, hello.EXPORT)


@case("null")
def null_beside(c, host):
    return {"tls": tls(c.good(host, RSA), suites="ECDHE+AESGCM:NULL-SHA256")}


@case(anonymous=True)
def anonymous_beside(c, host):
    return {"tls": tls(c.good(host, RSA), suites="ECDHE+AESGCM:AECDH-AES128-SHA")}


@case("old-tls-only", "ssl-3", "rc4", "3des", "des", "export", "renegotiation")
def windows_2003(c, host):
    return {"tls": Legacy(rsa(c, host), [
        hello.RC4_MD5, hello.RC4, hello.TRIPLE_DES, hello.DES, hello.EXPORT,
        hello.EXPORT_DES], OF_2003)}


@functools.lru_cache(maxsize=None)
def group(folder, bits):
    """A file with parameters of so many bits: 1024 or, of RFC 3526, 2048."""
    path = os.path.join(folder, "dh-%d" % bits)
    if bits == 2048:
        openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:modp_2048",
                "-out", path)
    else:
        openssl("dhparam", "-dsaparam", "-out", path, str(bits))
    return path


@case("weak-dh", dh_bits=1024)
def small_group(c, host):
    return {"tls": tls(c.good(host, RSA), highest="TLSv1.2", dh=group(c.folder, 1024),
                       suites="DHE-RSA-AES128-GCM-SHA256:ECDHE+AESGCM")}


@case("weak-dh", dh_bits=768)
def tiny_group(c, host):
    return beside(c, host, hello.EPHEMERAL_AES128, dh_bits=768)


# Certificates

@case("missing-intermediate", chain={"complete": False})
def without_intermediate(c, host):
    return {"tls": tls(c.without_intermediate(host))}


@case("wrong-order", chain={"ordered": False})
def disordered(c, host):
    return {"tls": tls(c.disordered(host))}


@case("self-signed", chain={"self_signed": True})
def self_signed(c, host):
    return {"tls": tls(c.self_signed(host))}


@case("untrusted")
def unknown_root(c, host):
    """That root is sent."""
    return {"tls": tls(c.unknown_root(host, with_root=True))}


@case("untrusted")
def unknown_chain(c, host):
    """Its intermediate is sent, and the root is not, as is usual."""
    return {"tls": tls(c.unknown_root(host))}


@case("expired")
def expired(c, host):
    return {"tls": tls(c.dated(host, chains.PAST))}


@case("not-yet-valid")
def of_tomorrow(c, host):
    return {"tls": tls(c.dated(host, chains.FUTURE))}


@case("ends-soon")
def ends_soon(c, host):
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 5 * 86400))
    return {"tls": tls(c.dated(host, (chains.PAST[0], end)))}


@case("wrong-name")
def wrong_name(c, host):
    return {"tls": tls(c.good("elsewhere.example"))}


@case("invalid")
def for_clients(c, host):
    return {"tls": tls(c.for_clients(host))}


@case("weak-key")
def short_key(c, host):
    return {"tls": tls(c.of_old_key(host, chains.SHORT_RSA))}


@case("weak-signature")
def sha1(c, host):
    return {"tls": tls(c.of_old_key(host, chains.SHA1_RSA))}


@case("weak-signature")
def sha1_intermediate(c, host):
    return {"tls": tls(c.below_old_signature(host))}


@case("client-certificate")
def wants_certificate(c, host):
    return {"tls": tls(c.good(host), client=ssl.CERT_REQUIRED, authority=c.ca)}


@case("client-certificate")
def wants_certificate_tls12(c, host):
    return {"tls": tls(c.good(host), highest="TLSv1.2", client=ssl.CERT_REQUIRED,
                       authority=c.ca)}


# SMTP that leads nowhere

steps("silent", "no-banner", patience=SHORT, banner=smtp.silent)
steps("drips", "no-banner", patience=SHORT, banner=smtp.drips(b"220 "))
steps("implicit-tls", "no-banner", patience=SHORT, banner=smtp.at_once)
steps("closes-at-once", "no-smtp", banner=smtp.closes)
steps("resets-at-once", "no-smtp", banner=smtp.resets)
steps("web", "no-smtp", banner=smtp.sends(HTTP))
steps("binary", "no-smtp", banner=smtp.sends(bytes(range(256)) * 40))
steps("escapes", "no-smtp", banner=smtp.sends(b"\x1b]0;title\x07\x1b[2J\x9b31m\n" * 9))
steps("endless-banner", "no-smtp", banner=smtp.endless(b"220-" + b"x" * 500 + b"\r\n"))
steps("endless-line", "no-smtp", banner=smtp.endless(b"220 " + b"x" * 500))
steps("busy", "refused", banner=smtp.says("421 4.3.2 too busy"), most=1)
steps("no-service", "refused", banner=smtp.says("554 5.3.2 no mail from you",
                                                then=smtp.goes_on))
steps("shy", "refused", ehlo=smtp.says("421 4.7.0 go away"), most=1)
steps("busy-then", banner=smtp.after(1, smtp.says("421 4.7.0 too many connections")))
steps("shy-then", ehlo=smtp.after(1, smtp.says("421 4.7.0 too many connections")))
steps("no-tls-then", starttls=smtp.after(1, smtp.says("454 4.7.0 later",
                                                      then=smtp.goes_on)), most=3)
steps("knows-no-ehlo", "refused", ehlo=smtp.says("502 5.5.2 what?", then=smtp.goes_on))
steps("closes-at-ehlo", "no-smtp", ehlo=smtp.closes)
steps("silent-at-ehlo", "no-smtp", patience=SHORT, ehlo=smtp.silent)
steps("endless-ehlo", "no-smtp", ehlo=smtp.endless(b"250-X" + b"Y" * 90 + b"\r\n"))
steps("zero-ehlo", "no-smtp", ehlo=smtp.endless(b"\0" * 4096))
steps("no-tls-now", "starttls-refused", starttls=smtp.says(
    "454 4.7.0 TLS not available", then=smtp.goes_on))
steps("no-tls-for-you", "starttls-refused", starttls=smtp.says(
    "554 5.7.0 no \x1b[31mTLS\x07", then=smtp.goes_on))
steps("ends-at-starttls", "starttls-refused", starttls=smtp.says("421 4.7.0 bye"), most=1)
steps("closes-at-starttls", "starttls-refused", starttls=smtp.closes)
steps("silent-at-starttls", "starttls-refused", patience=SHORT, starttls=smtp.silent)


# Handshakes that lead nowhere

@case("handshake-fails")
def heavy_chain(c, host):
    return {"tls": tls(c.heavy(host))}


def at_hello(name, step, patience=LONG):
    """Whatever becomes of a ClientHello, TLS does not."""
    steps("hello-" + name, "handshake-fails", hello=step, most=QUICK, patience=patience)


def message(*parts, version=hello.TLS12):
    """A record of a handshake that is one message, right or wrong."""
    return hello.record(hello.HANDSHAKE, version, b"".join(parts))


at_hello("closed", smtp.closes)
at_hello("reset", smtp.resets)
at_hello("silent", smtp.silent, SHORT)
at_hello("plain", smtp.sends(b"500 5.5.1 what is that\r\n" * 3))
at_hello("zeros", smtp.sends(b"\0" * 3000))
at_hello("noise", smtp.sends(bytes(n * n % 251 for n in range(9000))))
at_hello("half", smtp.sends(message(hello.server_hello(hello.TLS12, 0xc02b))[:31]))
at_hello("half-kept-open", smtp.sends(b"\x16\x03\x03\x40", then=smtp.silent), SHORT)
at_hello("endless", smtp.endless(hello.record(hello.HANDSHAKE, hello.TLS12, b"\0" * 900)))
at_hello("empty-records", smtp.endless(hello.record(hello.HANDSHAKE, hello.TLS12, b"")))
at_hello("warnings", smtp.endless(hello.alert(90, level=1)))
at_hello("huge", smtp.endless(message(b"\x0b\xff\xff\xff" + b"A" * 16000)))
at_hello("unknown-suite", smtp.sends(message(hello.server_hello(hello.TLS12, 0xfefe))))
at_hello("other-version", smtp.sends(message(hello.server_hello(0x0909, 0xc02b))))
at_hello("compressed", smtp.sends(message(hello.server_hello(
    hello.TLS12, 0xc02b, compression=1))))
at_hello("ssl-2", smtp.sends(b"\x80\x20\x04\x00\x01\x00\x02" + b"\0" * 30))
at_hello("extensions", smtp.sends(message(hello.server_hello(
    hello.TLS12, 0xc02b, extensions=b"\xff\xff\x00\x2b\xff\xff\x03"))))
at_hello("certificates", smtp.sends(message(
    hello.server_hello(hello.TLS12, 0x002f),
    hello.message(hello.CERTIFICATE, b"\xff\xff\xff\xff\xff\xff" + b"0" * 99),
    hello.message(hello.HELLO_DONE, b""))))
for number in (0, 10, 20, 40, 42, 46, 47, 48, 49, 70, 71, 80, 86, 90, 109, 112, 116, 120,
               255):
    at_hello("alert-%d" % number, smtp.sends(hello.alert(number)))
at_hello("alert-level", smtp.sends(hello.alert(40, level=77)))
at_hello("alert-long", smtp.sends(hello.record(hello.ALERT, hello.TLS10, b"\2\50" * 99)))

# Within TLS there is nothing to be found any more.

steps("inside-closed", inside=smtp.closes, most=QUICK)
steps("inside-silent", patience=SHORT, inside=smtp.silent, most=QUICK)
steps("inside-421", inside=smtp.says("421 4.7.0 bye"), most=QUICK)
steps("inside-endless", inside=smtp.endless(b"250-" + b"x" * 90 + b"\r\n"), most=QUICK)
