# SPDX-License-Identifier: ISC
"""A month of a site's mail, made up, with what a stranger may send in it.

fill() makes one with many domains and hostile text; site() that of a site with twenty
partners, whose figures are known.

    sample_journal.py FOLDER    writes the site's journal.db, policy.conf, suppliers.txt
"""

import datetime
import os
import random
import sys

from journals import Journal

HOSTILE = "<script>alert(1)</script>\"'&\u202emoc.live\u200b\ufffe\x01"
LONG = "xn--" + "a-very-long-name-" * 3 + "9fg7a.with.several.labels.example"
# A partner's domain; its rule; of 100 messages and more so many were refused, or would
# have been, why, since how many days.
REFUSED = (
    ("acme.example", "require tls >= 1.2; contact "
     "\"Acme mail desk <maildesk@acme.example>\"", 113, "certificate-fingerprint", 4),
    ("nordbank.example", "require tls >= 1.3; contact \"+49 30 1234-567\"", 60,
     "certificate", 9),
    (LONG, "require tls >= 1.2; contact "
     "\"https://status.example/contact?a=b&c\"", 28, "tls-version", 2),
    ("steuerberater.example", "require tls; contact office@steuerberater.example", 19,
     "tls", 27),
)
WOULD = (
    ("clinic-west.example", "monitor; require tls >= 1.2; contact it@clinic-west.example",
     25, "aead", 12),
    ("stadtwerke.example", "monitor until 2099-12-24; require tls; contact "
     "it@stadtwerke.example", 7, "tls", 3),
)
OTHERS = (("insurance.example", "require tls >= 1.2; require bits >= 128"),
          ("scanner.example", "exempt until 2099-01-31 \"old scanner\""),
          ("notar.example", "monitor; require tls"))
CIPHERS = (("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256),
           ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", 256))
CLEAR = {"tls_version": "none"}
OLD = {"tls_version": "TLSv1.1", "cipher": "ECDHE-RSA-AES128-SHA", "bits": 128}


def partners(count):
    """So many partners, those above first: domain and rule."""
    named = [row[:2] for row in (*REFUSED, *WOULD, *OTHERS)][:count]
    return named + [(f"partner-{i}.example", "require tls") for i in range(
        count - len(named))]


def policy(count=20):
    return "".join(f"from {name} {{ {body} }}\n" for name, body in partners(count)) + \
        "default { }\n"


POLICY = policy()


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def from_rule(place, domain):
    return {"rule": f"policy.conf:{place + 1}", "rule_kind": "from", "rule_name": domain,
            "domain": domain}


def fill_accepted(journal, place, domain, end, days):
    rng = random.Random(place)
    rule = {"domain": domain} if place is None else from_rule(place, domain)
    place = place or 0
    for day in range(1, days):
        when = (end - datetime.timedelta(days=day)).replace(minute=0, second=0)
        for version, suite, bits in CIPHERS:
            certificate = {} if place % 3 else {
                "cert_cn": "mail." + domain, "cert_issuer": "Example Issuing CA 3",
                "cert_fingerprint": f"sha256:{place:064x}", "cert_key": "rsa:2048",
                "cert_not_after": stamp(end + datetime.timedelta(days=place * 7 - 5)),
                "cert_verified": "yes"}
            journal.rollup(stamp(when), stamp(when + datetime.timedelta(minutes=9)),
                           rng.randrange(1, 40), client_addr=f"192.0.2.{place % 250}",
                           client_name="mx1." + domain, client_network="192.0.2.0/24",
                           tls_version=version, cipher=suite, bits=bits,
                           **certificate, **rule)


def fill_refused(journal, end):
    for place, (domain, _, many, reason, since) in enumerate(REFUSED):
        for at in range(many):
            when = end - datetime.timedelta(days=since * (many - at) / many)
            journal.record(stamp(when), action="tempfail" if at % 3 == 1 else "reject",
                           sender=f"a{at}@{domain}", to="b@here.example",
                           session=f"s{place}-{at}", client_addr="198.51.100.7",
                           client_name="mx2." + domain, helo=HOSTILE, reason=reason,
                           failed=[reason], reply="550 5.7.1 Not as agreed " + HOSTILE,
                           **from_rule(place, domain), **(CLEAR if reason == "tls" else OLD))
    for place, (domain, _, many, reason, since) in enumerate(WOULD, len(REFUSED)):
        for at in range(many):
            when = end - datetime.timedelta(days=since * (many - at) / many)
            rule = from_rule(place, domain)
            journal.record(stamp(when), action="accept", sender=f"a@{domain}",
                           session=f"w{place}-{at}", client_addr="203.0.113.4",
                           would="reject", would_reason=reason, would_failed=[reason],
                           would_rule=rule["rule"], helo="pc<b>17", **rule,
                           **(CLEAR if reason == "tls" else OLD))


def fill_watched(journal, end):
    """What was read in the mail log."""
    for host, address, reason, many in (
            ("mx1.acme.example", "192.0.2.0", "no-common-version", 14),
            ("", "203.0.113.77", HOSTILE, 2)):
        journal.handshake(stamp(end - datetime.timedelta(days=2)), reason, count=many,
                          host=host, address=address, sample=HOSTILE)
    for level, many in (("verified", 40), ("none", 3)):
        journal.delivery(stamp(end - datetime.timedelta(days=1)), "acme.example",
                         count=many, relay="mx.acme.example", verification=level,
                         tls_version="none" if level == "none" else "TLSv1.3")


def fill(path, end, days=30, domains=20):
    """A journal that ends at "end", a datetime in UTC, of so many partners."""
    journal = Journal(path)
    journal.db.execute("BEGIN")
    for place, (name, _) in enumerate(partners(domains)):
        fill_accepted(journal, place, name, end, days)
    if domains > len(REFUSED) + len(WOULD):
        fill_refused(journal, end)
        fill_watched(journal, end)
        fill_accepted(journal, None, "elsewhere.example", end, days)
        journal.record(stamp(end - datetime.timedelta(hours=2)), action="reject",
                       domain=HOSTILE, sender="x@" + HOSTILE, session="h1", helo=HOSTILE,
                       client_addr="203.0.113.66", client_name=HOSTILE,
                       tls_version=HOSTILE, cipher=HOSTILE, reason="cipher",
                       failed=["cipher"], reply=HOSTILE, cert_cn=HOSTILE,
                       cert_issuer=HOSTILE, cert_san=[HOSTILE],
                       cert_fingerprint="sha256:00", cert_verified="no",
                       cert_not_after=stamp(end), rule="policy.conf:99",
                       rule_kind="client", rule_name=HOSTILE)
    journal.db.execute("COMMIT")
    journal.db.close()


# -- A site with twenty partners ------------------------------------------------------

TLS13 = {"tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256}
TLS12 = {"tls_version": "TLSv1.2", "cipher": "ECDHE-RSA-AES256-GCM-SHA384", "bits": 256}
OLD_KEY, NEW_KEY = "sha256:" + "5a" * 32, "sha256:" + "b7" * 32
PLAIN = "require tls >= 1.2; otherwise reject"
# Name, what comes in by, contact, messages a day.
PARTNERS = (
    ("Sparbank", f"require tls >= 1.2; require certificate fingerprint {OLD_KEY}",
     "maildesk@sparbank.example", 31),
    ("Acme", "require tls >= 1.3; otherwise reject", "tls@acme.example", 40),
    ("Clinic-West", "require tls >= 1.2; monitor until 2999-03-01",
     "it@clinic-west.example", 12),
    ("City-Works", "require tls >= 1.2; monitor", "postmaster@city-works.example", 6),
    ("Lawyers", "require tls; monitor until 2999-01-31", "office@lawyers.example", 5),
    ("Old-Printer", 'require tls; exempt until 2999-02-01 "their gateway"',
     "boss@old-printer.example", 2),
    ("Freight", "require tls >= 1.2; otherwise quarantine", "ops@freight.example", 9),
    *((name, PLAIN, f"postmaster@{name.lower()}.example", 8 + at) for at, name in
      enumerate(("University", "Insurance", "Notary", "Pharma", "Hotel", "Airline",
                 "Museum", "Radio", "Theatre", "Bakery", "Garage", "Dentist", "Library"))),
)
SITE_LIST = ("paper.example", "boxes.example", "labels.example")
# A statement a line, so that a rule's line is known.
SITE_LINES = [
    "default { }",
    *(f'partner "{name}" {{ domain {name.lower()}.example; contact {contact}; '
      f"incoming {{ {agreed} }}; outgoing {{ require tls }} }}"
      for name, agreed, contact, _ in PARTNERS),
    "to payroll@ours.example { require tls >= 1.3; otherwise reject; contact hr@ours.example }",
    "client 192.0.2.128/25 { require tls; otherwise tempfail }",
    'from file "suppliers.txt" { require tls; otherwise tempfail }',
    "deliver strict.example { require tls >= 1.2 }",
]
SITE_POLICY = "\n".join(SITE_LINES) + "\n"


def site_rule(kind, name, partner=None):
    """What a record says of the rule of that kind which names that."""
    if name in SITE_LIST:
        place = f"suppliers.txt:{SITE_LIST.index(name) + 1}"
    else:
        word = f'partner "{partner}"' if partner else f"{kind} {name or '{'}"
        place = "policy.conf:%d" % (1 + next(
            at for at, line in enumerate(SITE_LINES) if line.startswith(word)))
    rule = {"rule": place, "rule_kind": kind, "rule_name": name}
    return rule | ({"partner": partner} if partner else {})


def site_record(journal, when, at, domain, action, reason, rule, to="b@ours.example",
                host=None, **columns):
    """A record of a message, one of a session of its own."""
    failed = {"reason": reason, "failed": [reason]} if action != "accept" else {}
    journal.record(stamp(when), action=action, domain=domain, sender=f"a{at}@{domain}",
                   to=to, session=f"{domain}{at}", client_name=host, **failed, **rule,
                   **columns)


def site_accepted(journal, end):
    """What came in of each partner, supplier and stranger on 30 days."""
    senders = [(f"{name.lower()}.example", many, site_rule("from", f"{name.lower()}.example",
                                                         name))
               for name, _, _, many in PARTNERS if name not in ("Sparbank", "Old-Printer")]
    senders += [(name, 3, site_rule("from", name)) for name in SITE_LIST]
    senders += [(f"stranger-{at}.example", 1 + at % 4, site_rule("default", None))
                for at in range(25)]
    for place, (domain, many, rule) in enumerate(senders):
        for day in range(29):
            when = (end - datetime.timedelta(days=day + 1)).replace(minute=20, second=0)
            clear = domain.startswith("stranger") and (place + day) % 3 == 0
            journal.rollup(stamp(when), stamp(when + datetime.timedelta(minutes=9)), many,
                           domain=domain, client_name="mx1." + domain,
                           client_addr=f"198.51.100.{place}",
                           client_network="198.51.100.0/24", **rule,
                           **(CLEAR if clear else TLS12 if place % 3 == 0 else TLS13))


def site_sparbank(journal, end):
    """806 messages met it, and 113 were refused in the last four days: another key."""
    rule = site_rule("from", "sparbank.example", "Sparbank")
    host = {"client_name": "mx.sparbank.example", "client_addr": "203.0.113.10"}
    facts = TLS13 | {"cert_cn": "mx.sparbank.example", "cert_verified": "yes",
                     "cert_issuer": "Example Issuing CA 3", "cert_key": "rsa:3072"}
    for day in range(26):
        many = 31
        when = (end - datetime.timedelta(days=day + 4)).replace(minute=5, second=0)
        if day == 25:
            when += datetime.timedelta(hours=4)
        journal.rollup(stamp(when), stamp(when + datetime.timedelta(minutes=50)), many,
                       domain="sparbank.example", client_network="203.0.113.0/24",
                       cert_fingerprint=OLD_KEY, cert_not_after=stamp(
                           end - datetime.timedelta(days=4)), **rule, **facts, **host)
    for at in range(113):
        when = end - datetime.timedelta(hours=94 * (113 - at) / 113)
        site_record(journal, when, at, "sparbank.example", "tempfail",
                    "certificate-fingerprint", rule, host=host["client_name"],
                    client_addr=host["client_addr"], contact="maildesk@sparbank.example",
                    cert_fingerprint=NEW_KEY,
                    cert_not_after=stamp(end + datetime.timedelta(days=390)),
                    reply="451 4.7.5 The certificate of your server is not the registered"
                    " one", **facts)


def site_failures(journal, end):
    def ago(hours):
        return end - datetime.timedelta(hours=hours)

    for at in range(4):
        site_record(journal, ago(30 + at), at, "acme.example", "reject", "tls-version",
                    site_rule("from", "acme.example", "Acme"), host="mx3.acme.example",
                    client_addr="203.0.113.23", **TLS12,
                    reply="550 5.7.1 TLS 1.3 or newer is required")
    # Two that would lose mail, and one whose host never met it: ready but for that.
    for name, many, hours, host, address in (
            ("Clinic-West", 9, 20, "mx1.clinic-west.example", "203.0.113.40"),
            ("City-Works", 2, 200, "mx1.city-works.example", "203.0.113.41"),
            ("Lawyers", 3, 50, None, "192.0.2.9")):
        domain = name.lower() + ".example"
        rule = site_rule("from", domain, name)
        for at in range(many):
            site_record(journal, ago(hours + at), at, domain, "accept", "tls", rule,
                        host=host, client_addr=address, would="tempfail",
                        would_reason="tls", would_failed=["tls"],
                        would_rule=rule["rule"], **CLEAR)
    for at in range(11):
        site_record(journal, ago(60 * at + 1), at, "old-printer.example", "accept", "tls",
                    site_rule("from", "old-printer.example", "Old-Printer"), exempted=1,
                    exempt="their gateway", client_addr="203.0.113.50", **CLEAR)
    for at in range(2):
        site_record(journal, ago(200 + at), at, "freight.example", "quarantine", "tls",
                    site_rule("from", "freight.example", "Freight"),
                    client_addr="203.0.113.60", queue_id=f"4F{at}", **CLEAR)
    # The rule on the recipient refuses, not the senders' own.
    for at in range(16):
        site_record(journal, ago(40 + at), at, f"stranger-{at}.example", "reject",
                    "tls-version", site_rule("to", "payroll@ours.example"),
                    to="payroll@ours.example", client_addr=f"203.0.113.{100 + at}", **TLS12)
    for at in range(5):
        site_record(journal, ago(90 + at), at, "stranger-20.example", "tempfail", "tls",
                    site_rule("client", "192.0.2.128/25"), client_addr="192.0.2.200", **CLEAR)
    # The museum had nothing but TLS.
    site_record(journal, ago(12), 0, "museum.example", "reject", "tls",
                site_rule("from", "museum.example", "Museum"), host="mx1.museum.example",
                client_addr="198.51.100.11", reply="550 5.7.0 TLS is required", **CLEAR)


def site_watched(journal, end):
    when = stamp(end - datetime.timedelta(hours=6))
    for name, _, _, many in PARTNERS:
        domain = name.lower() + ".example"
        journal.delivery(when, domain, count=many * 20, relay="mx1." + domain,
                         verification="untrusted" if many % 2 else "verified",
                         verdict="met", **site_rule("deliver", domain, name), **TLS13)
    journal.delivery(when, "acme.example", result="deferred", count=3,
                     tls_reason="certificate-not-verified", verdict="refused",
                     relay="mx2.acme.example", reason="certificate",
                     **site_rule("deliver", "acme.example", "Acme"), **TLS13)
    journal.delivery(when, "strict.example", result="bounced", count=2, verdict="refused",
                     tls_reason="tls-not-offered", relay="mx.strict.example", reason="tls",
                     tls_version="none", verification="none",
                     **site_rule("deliver", "strict.example"))
    journal.delivery(when, "elsewhere.example", count=60, relay="mx.elsewhere.example",
                     verification="anonymous", **TLS12)
    journal.delivery(when, "clear.example", count=7, relay="mx.clear.example",
                     tls_version="none", verification="none")
    journal.handshake(when, "no-common-version", count=14, host="mx3.acme.example",
                      address="203.0.113.23", sample="mx postfix/smtpd[42]: SSL_accept"
                      " error from mx3.acme.example[203.0.113.23]: -1")
    journal.handshake(when, "not-tls", count=31, address="192.0.2.66")
    journal.handshake(when, "unknown-ca", count=2, direction="out",
                      host="mx1.hotel.example", next_hop="hotel.example")
    journal.watched("line_time", round(end.timestamp() * 1000))


def site(folder, end):
    """journal.db, policy.conf and suppliers.txt of it; "end" is a datetime in UTC."""
    for name, text in (("policy.conf", SITE_POLICY),
                       ("suppliers.txt", "\n".join(SITE_LIST) + "\n")):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(text)
    journal = Journal(os.path.join(folder, "journal.db"))
    journal.db.execute("BEGIN")
    for part in (site_accepted, site_sparbank, site_failures, site_watched):
        part(journal, end)
    journal.db.execute("COMMIT")
    journal.close()


if __name__ == "__main__":
    site(sys.argv[1], datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0))
