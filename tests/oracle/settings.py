# SPDX-License-Identifier: ISC
"""Random blocks of settings, for mail that comes in and for mail that goes out."""

from pools import (ACTIONS, CERT_PATTERNS, CIPHER_LISTS, CODES, CONTACTS, DATES, DIGESTS,
                   HOST_REGEXES, HOSTS, ISSUER_PATTERNS, NETWORKS, NOTES, REASONS,
                   SIGNATURE_LIMITS, SUITES, TEXTS, VALIDITY_LIMITS, chance, some)

OUT_LISTS = ("HIGH", "HIGH:!aNULL", "ECDHE+AESGCM", "DEFAULT", "ALL:!eNULL")
OUT_NAMES = ("mx.acme.example", "MX.oldbank.example", "relay.acme.example")
KINDS = ("client", "client", "tls", "tls", "bits", "cipher", "ciphersuites", "flag",
         "certificate", "name", "issuer", "fingerprint", "key", "signature",
         "valid-for")
SIMPLE = {
    "bits": ("bits >= 1", "bits >= 112", "bits >= 128", "bits >= 129", "bits >= 256"),
    "flag": ("forward-secrecy", "aead"),
    "key": tuple(f"certificate key >= {bits}"
                 for bits in (1024, 2048, 3072, 7680, 15360)),
    "signature": tuple(f"certificate signature >= {name}" for name in SIGNATURE_LIMITS),
    "valid-for": tuple(f"certificate valid-for >= {days}" for days in VALIDITY_LIMITS),
    "cipher": tuple(f'cipher "{each}"' for each in CIPHER_LISTS),
    "certificate": ("certificate",),
    "tls": ("tls",) + tuple(
        f"tls >={blank}{version}" for blank in ("", " ")
        for version in ("1.0", "1.1", "1.2", "1.3", "TLSv1", "TLSv1.0", "TLSv1.1",
                        "TLSv1.2", "TLSv1.3")),
}
# How the other side's certificate is asked for in mail that goes out: in one way.
OUT_CERTIFICATES = {
    "none": (),
    "verify": ("certificate", "certificate name mx.acme.example",
               "certificate name relay.acme.example MX.oldbank.example"),
    "pin": tuple(f"certificate fingerprint {digest}"
                 for digest in DIGESTS if digest.startswith("sha256")),
    "dane": ("dane", "dane", "certificate"),
}


class Settings:
    """Draws the blocks of one policy."""

    def __init__(self, rng, has_default):
        self.rng = rng
        self.has_default = has_default
        self.names = []
        self.out_names = []
        certificate = OUT_CERTIFICATES[rng.choice(tuple(OUT_CERTIFICATES))]
        simple = ["forward-secrecy", "aead", "bits >= 112", "bits >= 128"]
        # A value for Postfix cannot ask for TLS 1.3 and choose among its suites.
        newest = ["tls >= 1.3"] if chance(rng, 0.4) else ["bits >= 256"]
        self.out_pool = ("tls", "tls >= 1.2", "tls >=TLSv1.1", *newest, *simple,
                         *(f'cipher "{each}"' for each in OUT_LISTS), *certificate,
                         *certificate)

    def profiles(self):
        texts = []
        for number in range(self.rng.randint(0, 4)):
            outgoing = chance(self.rng, 0.35)
            name = f"profile{number}"
            block = self.block(False, outgoing, profile=True)
            texts.append(f"profile {name} {block}")
            # What is for mail that goes out alone is no requirement elsewhere.
            if "dane" not in block and not any(
                    used in block for used in self.out_names if used not in self.names):
                self.names.append(name)
            if outgoing:
                self.out_names.append(name)
        return texts

    def block(self, in_rule, outgoing=False, profile=False):
        rng = self.rng
        # What is left out or softened in such a rule may be said by a profile.
        draw = self._out_setting if outgoing else self._setting
        settings = [draw(in_rule) for _ in range(rng.randint(0, 6))]
        if outgoing and profile and chance(rng, 0.4):
            settings.append("require " + self._client())
            settings.append("otherwise " + self._otherwise())
        if in_rule and not outgoing and chance(rng, 0.3):
            settings.insert(0, "require tls otherwise " + self._otherwise())
        if chance(rng, 0.3):
            return "{ " + "; ".join(settings) + " }"
        comment = " # {" if chance(rng, 0.1) else ""
        return "{" + comment + "\n" + "".join(f"\t{s}\n" for s in settings) + "}"

    def _setting(self, in_rule):
        draw = self.rng.random()
        if draw < 0.62:
            return self._require()
        if draw < 0.74:
            return "otherwise " + self._otherwise()
        if draw < 0.82:
            pool = self.names + ["default"] * (in_rule and self.has_default)
            return self._use(pool)
        return self._about(draw)

    def _out_setting(self, _):
        draw = self.rng.random()
        if draw < 0.6:
            text = "require " + self.rng.choice(self.out_pool) + self._dates(0.2)
            if chance(self.rng, 0.2):
                text += " otherwise " + self.rng.choice(("accept", "tempfail"))
            return text
        if draw < 0.72:
            return "otherwise " + self.rng.choice(("accept", "tempfail"))
        if draw < 0.82:
            return self._use(self.out_names)
        return self._about(draw)

    def _about(self, draw):
        rng = self.rng
        if draw < 0.88:
            return "monitor" + self._until()
        if draw < 0.91:
            reason = " " + rng.choice(REASONS) if chance(rng, 0.6) else ""
            return "exempt" + self._until() + reason
        if draw < 0.93:
            return "enforce"
        if draw < 0.97:
            return "contact " + rng.choice(CONTACTS)
        return "note " + rng.choice(NOTES)

    def _use(self, pool):
        if not pool:
            return "enforce"
        return "use " + " ".join(some(self.rng, pool, len(pool)))

    def _until(self):
        if chance(self.rng, 0.4):
            return ""
        return " until " + self.rng.choice(DATES)

    def _dates(self, probability):
        """The stretch in which a requirement counts as written."""
        if not chance(self.rng, probability):
            return ""
        first, second = sorted(self.rng.sample(DATES, 2))
        return self.rng.choice((f" from {first} until {second}", f" from {first}",
                                f" until {second}"))

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
        if chance(self.rng, 0.05):
            return "require nothing" + self._dates(0.4)
        text = "require " + self._requirement() + self._dates(0.25)
        if chance(self.rng, 0.3):
            text += " otherwise " + self._otherwise()
        return text

    def _requirement(self):
        rng = self.rng
        kind = rng.choice(KINDS)
        if kind in SIMPLE:
            return rng.choice(SIMPLE[kind])
        if kind == "ciphersuites":
            between = rng.choice((":", ":", '" "', '" \\\n "'))
            return f'ciphersuites "{between.join(some(rng, SUITES, 3))}"'
        return self._client() if kind == "client" else self._certificate(kind)

    def _client(self):
        rng = self.rng
        hosts = HOSTS + tuple(f'"{host}"' for host in HOSTS)
        pool = (hosts + tuple("." + host for host in HOSTS) + NETWORKS + HOST_REGEXES +
                ("authenticated", "local"))
        clients = some(rng, pool, 3)
        if chance(rng, 0.2):
            clients += ["domain", *some(rng, hosts, 2)]
        return "client " + self._separator().join(clients)

    def _separator(self):
        return " \\\n\t\t" if chance(self.rng, 0.1) else " "

    def _certificate(self, kind):
        rng = self.rng
        if kind == "fingerprint" and chance(rng, 0.15):
            return 'certificate file "acme.pem"'
        pools = {"name": CERT_PATTERNS, "issuer": ISSUER_PATTERNS,
                 "fingerprint": DIGESTS}
        values = some(rng, pools[kind], 3)
        if kind == "fingerprint":
            values = [self._pin(value) for value in values]
        return f"certificate {kind} " + self._separator().join(values)

    def _pin(self, digest):
        algorithm, _, digits = digest.partition(":")
        if chance(self.rng, 0.2):
            digits = digits.upper()
        if chance(self.rng, 0.2):
            digits = ":".join(digits[i:i + 2] for i in range(0, len(digits), 2))
        return f"{algorithm}:{digits}"
