# SPDX-License-Identifier: ISC
"""A month of a site's mail, made up, with what a stranger may send in it."""

import datetime
import random

from journals import Journal

HOSTILE = "<script>alert(1)</script>\"'&\u202emoc.live\u200b\ufffe\x01"
NAMES = ("acme", "nordbank", "clinic-west", "stadtwerke", "muster-ag", "lawyers",
         "insurance", "freight", "university", "old-printer", "payroll", "supplier")
POLICY = "".join(f"from {name}.example {{ {body} }}\n" for name, body in (
    ("acme", "require tls >= 1.2; contact postmaster@acme.example"),
    ("nordbank", "require tls >= 1.3; contact tls@nordbank.example"),
    ("clinic-west", "monitor; require tls >= 1.2"),
    ("stadtwerke", "monitor; require tls; contact it@stadtwerke.example"),
    ("muster-ag", "require tls >= 1.2"),
    ("insurance", "require tls >= 1.2; require bits >= 128"),
)) + "default { }\n"
CIPHERS = (("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256),
           ("TLSv1.3", "TLS_AES_128_GCM_SHA256", 128),
           ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", 256),
           ("TLSv1.1", "ECDHE-RSA-AES128-SHA", 128), ("none", None, None))


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def fill(path, end, days=30, domains=60):
    """A journal that ends at "end", a datetime in UTC."""
    rng = random.Random(1)
    journal = Journal(path)
    journal.db.execute("BEGIN")
    names = [*NAMES, *(f"partner-{i}" for i in range(domains - len(NAMES)))]
    for place, name in enumerate(names):
        domain = name + ".example"
        for day in range(days):
            when = (end - datetime.timedelta(days=day + 1)).replace(
                hour=rng.randrange(24), minute=0, second=0)
            weights = (60, 20, 18, name in ("muster-ag", "payroll") and 3 or 0,
                       name in ("freight", "clinic-west") and 2 or 0)
            for cipher, weight in zip(CIPHERS, weights):
                many = rng.randrange(weight * 40 // (place + 1) + 1)
                if many == 0:
                    continue
                version, suite, bits = cipher
                more = {} if version == "none" or place % 3 else {
                    "cert_cn": "mail." + domain, "cert_issuer": "Example Issuing CA 3",
                    "cert_fingerprint": f"sha256:{place:064x}", "cert_key": "rsa:2048",
                    "cert_not_after": stamp(end + datetime.timedelta(
                        days=place * 7 - 5)), "cert_verified": "yes"}
                journal.rollup(stamp(when), stamp(when + datetime.timedelta(minutes=9)),
                               many, client_addr=f"192.0.2.{place}", domain=domain,
                               client_name="mx1." + domain, client_network=
                               f"192.0.2.0/24", tls_version=version, cipher=suite,
                               bits=bits, **more)
    for at, name in enumerate(("acme", "nordbank", "muster-ag") * 40):
        when = end - datetime.timedelta(hours=rng.randrange(1, days * 24), minutes=at)
        clear = at % 4 == 0
        journal.record(stamp(when), action="reject" if at % 3 else "tempfail",
                       domain=name + ".example", sender=f"a{at}@{name}.example",
                       to="b@here.example", session=f"s{at}", client_addr="198.51.100.7",
                       helo=HOSTILE if at == 5 or name == "acme" else "mx2",
                       client_name="mx2.%s.example" % name, reason="tls" if clear else
                       "tls-version", failed='["tls"]' if clear else '["tls-version"]',
                       tls_version="none" if clear else "TLSv1.1",
                       cipher=None if clear else "ECDHE-RSA-AES128-SHA",
                       reply="550 5.7.1 TLS 1.2 or newer is required")
    for at in range(25):
        when = end - datetime.timedelta(hours=1 + at * 20)
        journal.record(stamp(when), action="accept", domain="clinic-west.example",
                       sender="a@clinic-west.example", session=f"w{at}",
                       client_addr="203.0.113.4", tls_version="none", would="reject",
                       would_reason="tls", would_failed='["tls"]', helo="pc<b>17")
    journal.record(stamp(end - datetime.timedelta(hours=2)), action="reject",
                   domain=HOSTILE, sender="x@" + HOSTILE, session="h1", helo=HOSTILE,
                   client_addr="203.0.113.66", client_name=HOSTILE, tls_version=HOSTILE,
                   cipher=HOSTILE, reason="cipher", failed='["cipher"]', reply=HOSTILE,
                   cert_cn=HOSTILE, cert_issuer=HOSTILE, cert_san=[HOSTILE],
                   cert_fingerprint="sha256:00", cert_verified="no",
                   cert_not_after=stamp(end))
    journal.db.execute("COMMIT")
    journal.db.close()
