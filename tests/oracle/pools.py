# SPDX-License-Identifier: ISC
"""What random policies and facts are made of, and how one draws from it."""

import os

import ciphers
import names

DAYS = ("2026-11-21", "2026-11-21", "2026-11-20", "2026-11-22", "2030-05-05")
DATES = ("2020-01-01", "2026-11-20", "2026-11-21", "2026-11-22", "2030-05-05")

DOMAINS = (
    "acme.example", "mail.acme.example", "eu.mail.acme.example", "oldbank.example",
    "bücher.example", "sub.bücher.example", "faß.example", "пример.example",
    "partner.example", "x.partner.example", "mx-1.x.partner.example",
    "ours.example", "payroll.ours.example", "hr.payroll.ours.example",
    "日本.example", "example", "other.test")
REGEXES = (
    "/acme/", r"/^mail\./", r"/\.example$/", "/^xn--/", "/ACME/", "/ACME/i",
    r"/^(eu|us)\./", "/bank|partner/", "/[{};#\"]/", r"/(^|\.)ours\.example$/",
    r"/^[a-z]{2,5}\.[a-z]+/", r"/acme\/x/", "/^x/i", r"/\d/", "/^other.test$/")
ADDRESS_REGEXES = (
    r"/^hr@acme\.example$/", "/@acme/", r"/^(hr|bob)@/", r"/\+sales@/", r"/^m.ller@/",
    r'/^"a@b"@/', "/[^@]+@ours/", "/[@]partner/", r"/\@mail\./", "/ALICE@/i",
    "/ALICE@/", r"/^[^@+]*@x\./", r"/^alice@.*example$/", r"/@[^.@]+\.example$/",
    r"/^[^@]+@(.+\.)?ours\.example$/", r"/^.*\t.*@/", r'/^[^"]*@/', "/^first last@/")
# Of these every "@" stands in a class that excludes it: they are about domains.
REGEXES += ("/^[^@]+$/", r"/^acme[^@.]*\./", r"/[^\@]ank/", "/^[^@]{4}\\./")
LOCALS = ("hr", "alice", "bob", "postmaster", "a!b", "first last", "o'brien",
          "hr+sales", "alice+x+y", "hr-team", "müller", "a@b", "tab\there")
BARE_LOCALS = ("hr", "alice", "bob", "postmaster", "hr+sales")
HOSTS = ("mx.acme.example", "mx2.acme.example", "relay.forwarder.example",
         "out.relay.forwarder.example", "mx.bücher.example", "localhost", "other.test",
         "acme.example", "mail.acme.example", "eu.mail.acme.example")
HOST_REGEXES = (r"/^mx\./", "/acme/", "/^relay/", "/MX/i", r"/\.example$/", "/@/")
NEXT_HOPS = ("[relay.acme.example]:587", "[relay.acme.example]", "[192.0.2.1]",
             "[192.0.2.1]:25", "acme.example:587", "mail.acme.example:25",
             "[mx.bücher.example]:587", "oldbank.example:submission",
             "bücher.example:587", "[ipv6:2001:db8::1]:25", "[2001:db8::2]")
ADDRESSES = ("192.0.2.1", "192.0.2.7", "192.0.2.130", "198.51.100.9", "203.0.113.4",
             "127.0.0.1", "2001:db8::1", "2001:db8:0:1::25", "2001:db8:ff::9", "::1",
             "2001:DB8:0:1:0:0:0:25", "2001:0db8::0001", "::ffff:192.0.2.7", "::FFFF:c000:0282")
NETWORKS = ("192.0.2.0/24", "192.0.2.0/25", "192.0.2.0/29", "192.0.2.128/25",
            "192.0.2.1", "192.0.0.0/16", "0.0.0.0/0", "198.51.100.0/24",
            "203.0.113.4/32", "127.0.0.1", "2001:db8::/32", "2001:DB8::/48",
            "2001:db8:0:1::/64", "2001:db8::1", "2001:db8:ff::9/128", "::/0", "::1")

CIPHER_LISTS = (
    "HIGH", "HIGH:!aNULL", "ECDHE+AESGCM", "kDHE", "kECDHE:kDHE", "AES256:!kRSA",
    "DEFAULT", "ALL", "NULL", "aNULL", "CHACHA20", "AES128-SHA",
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2:!CAMELLIA",
    "ALL:!eNULL:-AES128:+AESGCM", "kRSA", "DES-CBC3-SHA", "kRSA:RC4-SHA,DES-CBC3-SHA",
    "AES128-SHA:ECDH-RSA-AES128-SHA:!aNULL", "kECDHE:ECDHE-RSA-DES-CBC3-SHA:-AES128",
    "AES128-SHA\" \"DH-DSS-AES256-GCM-SHA384 ECDH-RSA-AES128-SHA")
CIPHERS = (
    "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA",
    "DHE-RSA-AES256-SHA", "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-CCM",
    "AES256-GCM-SHA384", "AES128-SHA", "AES128-SHA256", "CAMELLIA128-SHA",
    "ARIA128-GCM-SHA256", "ADH-AES256-SHA", "AECDH-AES128-SHA",
    "ADH-AES128-GCM-SHA256", "DHE-PSK-AES128-GCM-SHA256", "RSA-PSK-AES256-GCM-SHA384",
    *ciphers.OLD)
NULL_CIPHERS = ("NULL-SHA", "NULL-SHA256", "ECDHE-RSA-NULL-SHA", "AECDH-NULL-SHA")
UNKNOWN_CIPHERS = ("FOO-BAR-SHA", "(NONE)", "GOST2012-MAGMA", "x", "ecdhe-rsa-aes256-sha")
SUITES = ciphers.TLS13_SUITES
OLD_PROTOCOLS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.2")
UNKNOWN_PROTOCOLS = ("TLSv1.4", "UNKNOWN", "DTLSv1.2", "TLSv2")

CERT_NAMES = ("mx.acme.example", "MX.Acme.Example", "a.b.acme.example", "acme.example",
              "*.acme.example", "gateway", "First Last", "mx.oldbank.example",
              "xmx.acme.examplex")
COMMON_NAMES = CERT_NAMES + ("",)
CERT_PATTERNS = ("mx.acme.example", "*.acme.example", "*.OLDBANK.example", '"gateway"',
                 "*.b.acme.example", '"First Last"', "acme.example", "/mx/",
                 r"/mx\..*\.example/", "/(gate|road)way|mx/",
                 r"/[A-Z]+\.ACME\.example/", "/First Last/i", "/.*/")
ISSUERS = ("Test Root CA", "test root ca", "Other CA", 'CA "x" \\', "Test Root CA 2",
           "")
ISSUER_PATTERNS = ('"Test Root CA"', '"Other CA"', r'"CA \"x\" \\"', "/Test Root CA/",
                   "/test.*/i", "/Other|Test/", "/.*CA [0-9]+/", "Unknown",
                   "/.*/")
DIGESTS = tuple("sha256:" + c * 64 for c in "12ab") + tuple(
    "sha1:" + c * 40 for c in "3cd")
PEM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cases",
                   "policy", "good", "certificate-files", "partners", "acme.pem")
KEYS = ("rsa:1024", "rsa:2048", "rsa:4096", "rsa:x", "dsa:2048", "rsa-pss:3072",
        "ec:P-192", "ec:P-224", "ec:P-256", "ec:P-384", "ec:P-521", "ec:unknown",
        "ed25519", "ed448", "ml-dsa-65")
SIGNATURES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256",
              "sha512-256", "ed25519", "ed448", "ripemd160")
SIGNATURE_LIMITS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "ed25519",
                    "ed448")
EXPIRIES = ("2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z",
            "2026-11-28T00:00:00Z", "2026-11-27T23:59:59Z", "2026-11-28T01:00:00+01:00",
            "2030-01-01T12:00:00Z", "2019-05-05T00:00:00Z")
VALIDITY_LIMITS = ("0 days", "1 day", "7 days", "07 days", "400 days", "36500 days")

CODES = {"reject": ("550", "554", "530", "571"), "tempfail": ("450", "451", "454")}
TEXTS = (
    "encrypt it", "{domain} needs more: {reason}", "no {{ brace of {cipher}",
    "we require {required}", r"say \"{tls_version}\" with {bits} bits \\ 100%",
    "{reason} {domain} {tls_version} {cipher} {bits} {required}",
    "ask us, {session}: <{domain}>", "[{session}] {tls_version}/{cipher}/{bits}")
SUFFIXES = ("see https://ours.example/tls, {session}", "({domain}: {reason})", "{{ {bits}")
SESSIONS = ("s1", "6F2C-19", "4711.2 x")
ACTIONS = ("reject", "reject", "tempfail", "tempfail", "quarantine", "accept")
CONTACTS = ("postmaster@acme.example", "hr@x.example noc@x.example", "+47-555:1",
            "mailto:a@b.example")
PARTNERS = ("Acme", '"Acme & Co."', "bank-2", '"from"', '"Łódź, 100%"', "Bücher",
            '"{reason}"', '"a \\"b\\" \\\\"', "default2", "x:y@z")
NOTES = ('"ticket 4711"', r'"a \"quoted\" note"', '"merknad på norsk; { # }"')
REASONS = ('"ticket 4711: gateway upgrade"', '"fordi"', r'"\"why\" \\"')


def chance(rng, probability):
    return rng.random() < probability


def some(rng, pool, most):
    return rng.sample(pool, rng.randint(1, most))


def in_some_case(rng, text):
    draw = rng.random()
    if draw < 0.15:
        return text.upper() if "ß" not in text else text
    return text.title() if draw < 0.3 and "ß" not in text else text


def domain_spelling(rng, domain):
    """One of the ways to write a domain."""
    if chance(rng, 0.4):
        domain = names.domain(domain)
    domain = in_some_case(rng, domain)
    if chance(rng, 0.05):
        domain = domain.replace(".", rng.choice("\u3002\uff0e\uff61"), 1)
    if chance(rng, 0.04):
        domain = domain.replace("a", "\uff41")
    return domain + "." if chance(rng, 0.1) else domain


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
