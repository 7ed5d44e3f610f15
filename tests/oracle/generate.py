# SPDX-License-Identifier: ISC
"""Random policies and facts, seeded, rich in collisions.

Policy(rng).files maps paths to texts (`policy.conf` is the policy itself);
facts(rng) is one fact line's object. Every policy is valid.
"""

import ipaddress

import ciphers
import names

AT = "2026-11-21"
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
LOCALS = ("hr", "alice", "bob", "postmaster", "a!b", "first last", "o'brien",
          "hr+sales", "alice+x+y", "müller")
BARE_LOCALS = ("hr", "alice", "bob", "postmaster", "hr+sales")
ADDRESSES = ("192.0.2.1", "192.0.2.7", "192.0.2.130", "198.51.100.9", "203.0.113.4",
             "127.0.0.1", "2001:db8::1", "2001:db8:0:1::25", "2001:db8:ff::9", "::1",
             "2001:DB8:0:1:0:0:0:25", "2001:0db8::0001")
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
UNKNOWN_CIPHERS = ("FOO-BAR-SHA", "GOST2012-MAGMA", "x", "ecdhe-rsa-aes256-sha")
SUITES = ciphers.TLS13_SUITES
OLD_PROTOCOLS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.2")
UNKNOWN_PROTOCOLS = ("TLSv1.4", "UNKNOWN", "DTLSv1.2", "TLSv2")

CERT_NAMES = ("mx.acme.example", "MX.Acme.Example", "a.b.acme.example", "acme.example",
              "*.acme.example", "gateway", "First Last", "mx.oldbank.example",
              "xmx.acme.examplex")
COMMON_NAMES = CERT_NAMES + ("",)
CERT_PATTERNS = ("mx.acme.example", "*.acme.example", "*.OLDBANK.example", "gateway",
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
    "{reason} {domain} {tls_version} {cipher} {bits} {required}")
ACTIONS = ("reject", "reject", "tempfail", "tempfail", "quarantine", "accept")
CONTACTS = ("postmaster@acme.example", "hr@x.example noc@x.example", "+47-555:1",
            "mailto:a@b.example")
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
    return domain + "." if chance(rng, 0.1) else domain


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Policy:
    """One random policy: .files maps its paths to their texts."""

    def __init__(self, rng):
        self.rng = rng
        self.files = {}
        self.profiles = []
        self.taken = set()
        self.has_default = chance(rng, 0.8)
        self.lists = 0
        self._write()

    def _write(self):
        blocks = [self._profile(i) for i in range(self.rng.randint(0, 3))]
        rules = [self._rule() for _ in range(self.rng.randint(2, 14))]
        if self.has_default:
            rules.append(f"default {self._block(False)}")
        self.rng.shuffle(rules)
        if chance(self.rng, 0.3):
            self._move_to_include(rules)
        parts = rules + blocks if chance(self.rng, 0.2) else blocks + rules
        self.files["policy.conf"] = self._finish("\n".join(parts) + "\n")

    def _move_to_include(self, rules):
        kept = len(rules) // 2
        inner = "10-a.conf"
        self.files["policy.d/" + inner] = self._finish("\n".join(rules[kept + 1:]))
        self.files["policy.d/5.conf"] = self._finish("\n".join(rules[kept:kept + 1]))
        rules[kept:] = []
        pattern = "policy.d/*.conf"
        if chance(self.rng, 0.3):
            self.files["policy.d/5.conf"] += f'\ninclude "{inner}"\n'
            pattern = "policy.d/5.conf"
        rules.insert(self.rng.randint(0, kept), f'include "{pattern}"')

    def _finish(self, text):
        rng = self.rng
        if chance(rng, 0.05):
            text = text.replace("\n", "\r\n")
        if chance(rng, 0.05):
            text = "\ufeff" + text
        return text

    def _profile(self, number):
        name = f"profile{number}"
        text = f"profile {name} {self._block(False)}"
        self.profiles.append(name)
        return text

    def _rule(self):
        kind = self.rng.choice(("from", "from", "from", "to", "to", "client"))
        whos = self._whos(kind)
        separator = " \n    " if chance(self.rng, 0.2) else " "
        return f"{kind} {separator.join(whos)} {self._block(True)}"

    def _whos(self, kind):
        whos = []
        while not whos:
            for _ in range(self.rng.randint(1, 3)):
                whos += self._take_who(kind)
            if chance(self.rng, 0.1):
                whos += self._list(kind)
        return whos

    def _take_who(self, kind):
        key, text = self._client_who() if kind == "client" else self._mail_who(kind)
        if (kind, key) in self.taken:
            return []
        self.taken.add((kind, key))
        return [text]

    def _domain_who(self):
        domain = self.rng.choice(DOMAINS)
        dot = "." if chance(self.rng, 0.45) else ""
        text = dot + domain_spelling(self.rng, domain)
        key = dot + names.domain(domain)
        return key, quoted(text) if chance(self.rng, 0.1) else text

    def _address_who(self):
        local, domain = self.rng.choice(LOCALS), self.rng.choice(DOMAINS)
        spelled = in_some_case(self.rng, local) if local.isascii() else local
        if chance(self.rng, 0.1):
            spelled = quoted(spelled)
        text = f"{spelled}@{domain_spelling(self.rng, domain)}"
        key = f"{local}@{names.domain(domain)}"
        plain = spelled.replace("+", "").isalnum() and not chance(self.rng, 0.1)
        return key, text if plain else quoted(text)

    def _mail_who(self, kind):
        draw = self.rng.random()
        if draw < 0.5:
            return self._domain_who()
        if draw < 0.75:
            return self._address_who()
        if draw < 0.9:
            return (self.rng.choice(REGEXES),) * 2
        special = "<>" if kind == "from" else "postmaster"
        return special, special

    def _client_who(self):
        draw = self.rng.random()
        if draw < 0.35:
            return self._domain_who()
        if draw < 0.75:
            text = self.rng.choice(NETWORKS)
            return ipaddress.ip_network(text), text
        if draw < 0.85:
            return (self.rng.choice(REGEXES),) * 2
        special = self.rng.choice(("authenticated", "local"))
        return special, special

    def _list(self, kind):
        lines = []
        for _ in range(self.rng.randint(1, 8)):
            lines += ["# comment"] if chance(self.rng, 0.2) else []
            lines += self._list_entry(kind)
        self.lists += 1
        path = f"list{self.lists}.txt"
        self.files[path] = self._finish("\n".join(lines) + "\n")
        return [f'file "{path}"']

    def _list_entry(self, kind):
        key, text = self._client_who() if kind == "client" else self._mail_who(kind)
        unlisted = ("/", '"', "<>", "postmaster", "authenticated", "local")
        if (kind, key) in self.taken or (
                text.startswith(unlisted) and "@" not in text or text[0] == '"'):
            return [""]
        self.taken.add((kind, key))
        return [text + (" # why" if chance(self.rng, 0.1) else "")]

    def _block(self, in_rule):
        settings = [self._setting(in_rule) for _ in range(self.rng.randint(0, 6))]
        if in_rule and chance(self.rng, 0.3):
            settings.insert(0, "require tls otherwise " + self._otherwise())
        if chance(self.rng, 0.3):
            return "{ " + "; ".join(settings) + " }"
        comment = " # {" if chance(self.rng, 0.1) else ""
        return "{" + comment + "\n" + "".join(f"\t{s}\n" for s in settings) + "}"

    def _setting(self, in_rule):
        draw = self.rng.random()
        if draw < 0.62:
            return self._require()
        if draw < 0.74:
            return "otherwise " + self._otherwise()
        if draw < 0.82:
            return self._use(in_rule)
        if draw < 0.88:
            return "monitor" + self._until()
        if draw < 0.91:
            return self._exempt()
        if draw < 0.93:
            return "enforce"
        if draw < 0.97:
            return "contact " + self.rng.choice(CONTACTS)
        return "note " + self.rng.choice(NOTES)

    def _use(self, in_rule):
        pool = list(self.profiles)
        if in_rule and self.has_default:
            pool.append("default")
        if not pool:
            return "enforce"
        return "use " + " ".join(some(self.rng, pool, len(pool)))

    def _until(self):
        if chance(self.rng, 0.4):
            return ""
        return " until " + self.rng.choice(DATES)

    def _exempt(self):
        reason = " " + self.rng.choice(REASONS) if chance(self.rng, 0.6) else ""
        return "exempt" + self._until() + reason

    def _otherwise(self):
        action = self.rng.choice(ACTIONS)
        text = action
        if action in CODES and chance(self.rng, 0.4):
            code = self.rng.choice(CODES[action])
            text += " " + code
            if chance(self.rng, 0.6):
                text += f" {code[0]}.7.{self.rng.randint(0, 30)}"
        if action in CODES and chance(self.rng, 0.4):
            text += f' "{self.rng.choice(TEXTS)}"'
        return text

    def _require(self):
        if chance(self.rng, 0.04):
            return "require nothing"
        text = "require " + self._requirement()
        if chance(self.rng, 0.3):
            text += " otherwise " + self._otherwise()
        return text

    def _requirement(self):
        rng = self.rng
        kind = rng.choice(("tls", "tls", "bits", "cipher", "ciphersuites", "flag",
                           "certificate", "name", "issuer", "fingerprint", "key",
                           "signature", "valid-for"))
        if kind == "tls":
            return self._tls()
        if kind == "bits":
            return f"bits >= {rng.choice((1, 112, 128, 129, 256))}"
        if kind == "cipher":
            return f'cipher "{rng.choice(CIPHER_LISTS)}"'
        if kind == "ciphersuites":
            between = rng.choice((":", ":", '" "', '" \\\n "'))
            return f'ciphersuites "{between.join(some(rng, SUITES, 3))}"'
        if kind == "flag":
            return rng.choice(("forward-secrecy", "aead"))
        if kind == "key":
            return f"certificate key >= {rng.choice((1024, 2048, 3072, 7680, 15360))}"
        if kind == "signature":
            return f"certificate signature >= {rng.choice(SIGNATURE_LIMITS)}"
        if kind == "valid-for":
            return f"certificate valid-for >= {rng.choice(VALIDITY_LIMITS)}"
        return self._certificate(kind)

    def _tls(self):
        if chance(self.rng, 0.2):
            return "tls"
        version = self.rng.choice(("1.0", "1.1", "1.2", "1.3", "TLSv1", "TLSv1.0",
                                   "TLSv1.1", "TLSv1.2", "TLSv1.3"))
        return f"tls >={self.rng.choice(('', ' '))}{version}"

    def _certificate(self, kind):
        rng = self.rng
        if kind == "certificate":
            return kind
        pools = {"name": CERT_PATTERNS, "issuer": ISSUER_PATTERNS,
                 "fingerprint": DIGESTS}
        values = some(rng, pools[kind], 3)
        if kind == "fingerprint":
            values = [self._pin(value) for value in values]
        separator = " \\\n\t\t" if chance(rng, 0.1) else " "
        return f"certificate {kind} " + separator.join(values)

    def _pin(self, digest):
        algorithm, _, digits = digest.partition(":")
        if chance(self.rng, 0.2):
            digits = digits.upper()
        if chance(self.rng, 0.2):
            digits = ":".join(digits[i:i + 2] for i in range(0, len(digits), 2))
        return f"{algorithm}:{digits}"


def _local(rng):
    local = rng.choice(LOCALS)
    if local.isascii():
        local = in_some_case(rng, local)
    if not local.isascii() or "+" in local or chance(rng, 0.8):
        if local.replace("+", "").replace("'", "").replace("!", "").isalnum():
            return local
    return quoted(local)


def _address(rng):
    if chance(rng, 0.03):
        return rng.choice(BARE_LOCALS)
    if chance(rng, 0.02):
        return "hr@[192.0.2.1]"
    local = _local(rng)
    if chance(rng, 0.1) and "+" not in local and local[0] != '"':
        local += "+detail"
    text = f"{local}@{domain_spelling(rng, rng.choice(DOMAINS))}"
    return "@relay.example,@b.example:" + text if chance(rng, 0.05) else text


def _sender(rng):
    return rng.choice(("<>", "")) if chance(rng, 0.08) else _address(rng)


def _recipient(rng):
    if chance(rng, 0.1):
        return {}
    if chance(rng, 0.08):
        facts = {"to": rng.choice(("postmaster", "Postmaster", "POSTMASTER"))}
    else:
        facts = {"to": _address(rng)}
    if chance(rng, 0.3):
        facts["to_resolved"] = _address(rng)
    return facts


def _client(rng):
    facts = {}
    if chance(rng, 0.9):
        facts["client_addr"] = rng.choice(ADDRESSES)
    if chance(rng, 0.6):
        facts["client_name"] = domain_spelling(rng, rng.choice(DOMAINS))
    if chance(rng, 0.3):
        facts["client_ptr"] = rng.choice(DOMAINS)
    if chance(rng, 0.1):
        facts["sasl_username"] = "alice"
    if chance(rng, 0.1):
        facts["local"] = "yes"
    if chance(rng, 0.2):
        facts.update(session="s1", helo="mx.example", client_port=4711)
    return facts


def _protocol_and_cipher(rng):
    """Mostly a pair that can be; now and then one that cannot."""
    draw = rng.random()
    if draw < 0.01:
        return "none", rng.choice(CIPHERS + SUITES)
    if draw < 0.12:
        return "none", None
    if draw < 0.2:
        return None, None
    if draw < 0.45:
        return "TLSv1.3", rng.choice(SUITES[:3])
    protocol = rng.choice(OLD_PROTOCOLS + OLD_PROTOCOLS + UNKNOWN_PROTOCOLS)
    if draw < 0.85:
        return protocol, rng.choice(CIPHERS)
    return rng.choice((protocol, "TLSv1.3")), rng.choice(
        CIPHERS + NULL_CIPHERS + UNKNOWN_CIPHERS + SUITES)


def _session(rng):
    facts = {}
    protocol, cipher = _protocol_and_cipher(rng)
    if protocol and not chance(rng, 0.08):
        facts["tls_version"] = protocol
    if cipher and not chance(rng, 0.1):
        facts["cipher"] = cipher
    without_table = "CCM" in (cipher or "")
    if protocol != "none" and (without_table or chance(rng, 0.6)):
        facts["bits"] = rng.choice((40, 112, 128, 256))
    return facts


def _certificate_texts(rng):
    facts = {}
    if chance(rng, 0.8):
        facts["cert_cn"] = rng.choice(COMMON_NAMES)
    if chance(rng, 0.4):
        facts["cert_san"] = some(rng, CERT_NAMES, 3) if chance(rng, 0.9) else []
    if chance(rng, 0.85):
        facts["cert_issuer"] = rng.choice(ISSUERS)
    return facts


def _certificate_strength(rng):
    facts = {}
    if chance(rng, 0.8):
        facts["cert_key"] = rng.choice(KEYS)
    if chance(rng, 0.8):
        facts["cert_signature"] = rng.choice(SIGNATURES)
    if chance(rng, 0.8):
        facts["cert_not_after"] = rng.choice(EXPIRIES)
    return facts


def _certificate(rng):
    facts = _certificate_strength(rng) if chance(rng, 0.7) else {}
    draw = rng.random()
    if draw < 0.6:
        facts["cert_verified"] = "yes"
    elif draw < 0.8:
        facts["cert_verified"] = "no"
    if draw < 0.7 or draw >= 0.87:	# the latter: nobody says whether it is verified
        facts.update(_certificate_texts(rng))
    digests = DIGESTS if draw < 0.75 else ("none",)
    if chance(rng, 0.6):
        facts["cert_fingerprint"] = rng.choice(digests)
    if chance(rng, 0.3):
        facts["cert_pubkey_fingerprint"] = rng.choice(digests)
    return facts


def facts(rng):
    """The object of one fact line."""
    found = {"from": _sender(rng)}
    found.update(_recipient(rng))
    found.update(_client(rng))
    found.update(_session(rng))
    if found.get("tls_version") != "none" or chance(rng, 0.3):
        found.update(_certificate(rng))
    if chance(rng, 0.6):
        found["mta"] = rng.choice(("postfix", "sendmail"))
    return found
