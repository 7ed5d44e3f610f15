# SPDX-License-Identifier: ISC
"""Random policies, seeded, rich in collisions.

Policy(rng).files maps paths to texts (`policy.conf` is the policy itself); .at is the
day to judge it on, .domains, .addresses and .hosts what it names. Every policy is valid.
"""

import ipaddress

import names
import settings
from lexer import unquote
from pools import (ADDRESS_REGEXES, ADDRESSES, CONTACTS, DAYS, DOMAINS, HOST_REGEXES,
                   HOSTS, LOCALS, NETWORKS, NEXT_HOPS, NOTES, PARTNERS, PEM, REGEXES, SUFFIXES,
                   chance, domain_spelling, in_some_case, quoted, some)



class Who:
    """One WHO as it may be written: what it names, by which two can clash."""

    def __init__(self, form, text, *keys):
        self.form = form
        self.text = text
        self.keys = set(keys)


class Taken:
    """What rules name already: without `via` once, with it once for each client."""

    def __init__(self):
        self._plain = set()
        self._via = {}

    def is_free(self, kind, keys, clients):
        named = {(kind, key) for key in keys}
        if clients is None:
            return not named & self._plain
        return not any(clients & self._via.get(each, set()) for each in named)

    def take(self, kind, keys, clients):
        for key in keys:
            if clients is None:
                self._plain.add((kind, key))
            else:
                self._via.setdefault((kind, key), set()).update(clients)


class WhoWriter:
    """Draws WHOs, and notes what they name for the facts."""

    def __init__(self, rng):
        self.rng = rng
        self.domains, self.addresses, self.hosts = [], [], []

    def domain(self, pool, dotted, seen):
        domain = self.rng.choice(pool)
        seen.append(domain)
        spelled = domain_spelling(self.rng, domain)
        key = names.domain(domain)
        if dotted:
            text = "." + spelled
            return Who("suffix", quoted(text) if chance(self.rng, 0.1) else text,
                       ("suffix", key))
        # A name of one label, or a keyword, is a name only as a string.
        alone = key == "localhost" and pool is HOSTS
        plain = ("." in key or alone) and not chance(self.rng, 0.1)
        return Who("domain", spelled if plain else quoted(spelled), ("domain", key))

    def address(self):
        rng = self.rng
        local, domain = rng.choice(LOCALS), rng.choice(DOMAINS)
        self.addresses.append((local, domain))
        spelled = in_some_case(rng, local) if local.isascii() else local
        if "@" in local or "\t" in local or chance(rng, 0.1):
            spelled = quoted(spelled)
        text = f"{spelled}@{domain_spelling(rng, domain)}"
        plain = spelled.replace("+", "").isalnum() and not chance(rng, 0.1)
        key = ("address", local, names.domain(domain))
        return Who("address", text if plain else quoted(text), key)

    def mail(self, kind):
        draw = self.rng.random()
        if draw < 0.45:
            return self.domain(DOMAINS, chance(self.rng, 0.45), self.domains)
        if draw < 0.68:
            return self.address()
        if draw < 0.92:
            text = self.rng.choice(REGEXES if draw < 0.8 else ADDRESS_REGEXES)
            return Who("regex", text, text)
        special = "<>" if kind == "from" else "postmaster"
        return Who(special, special, special)

    def client(self, _=None):
        draw = self.rng.random()
        if draw < 0.4:
            return self.domain(HOSTS, chance(self.rng, 0.4), self.hosts)
        if draw < 0.72:
            text = self.rng.choice(NETWORKS)
            return Who("network", text, ipaddress.ip_network(text))
        if draw < 0.85:
            text = self.rng.choice(HOST_REGEXES)
            return Who("regex", text, text)
        special = self.rng.choice(("authenticated", "local"))
        return Who(special, special, special)

    def next_hop(self, _):
        if chance(self.rng, 0.35):
            text = self.rng.choice(NEXT_HOPS)
            if chance(self.rng, 0.2):
                text = in_some_case(self.rng, text)
            return Who("next-hop", quoted(text), ("next-hop", names.next_hop(text)))
        return self.domain(DOMAINS, chance(self.rng, 0.4), self.domains)

    def of_kind(self, kind):
        makers = {"client": self.client, "deliver": self.next_hop}
        return makers.get(kind, self.mail)(kind)

    def name_of_kind(self, kind):
        """A name that stands behind `domain`: for itself and all below it."""
        pool, seen = (HOSTS, self.hosts) if kind == "client" else (DOMAINS, self.domains)
        who = self.domain(pool, False, seen)
        (_, key), = who.keys
        who.keys.add(("suffix", key))
        return who

    def in_a_list(self, who):
        """WHO as a line of a list file, or None where it cannot be one."""
        if who.form not in ("domain", "suffix", "address", "network"):
            return None
        if who.text[0] == '"':
            text = unquote(who.text)
            # A local part in quotes stands as it is, with its domain.
            return text if text[0] == '"' else who.text
        return who.text


class Policy:
    """One random policy: .files maps its paths to their texts."""

    def __init__(self, rng):
        self.rng = rng
        self.at = rng.choice(DAYS)
        self.options = self._options()
        self.files = {}
        self.taken = Taken()
        self.whos = WhoWriter(rng)
        self.has_default = chance(rng, 0.8)
        self.settings = settings.Settings(rng, self.has_default)
        self.partners = list(PARTNERS)
        self.lists = 0
        self.heads = []
        with open(PEM, encoding="ascii") as stream:
            self.files["acme.pem"] = stream.read()
        self._write()

    def _options(self):
        """Of the settings; of most policies none is set."""
        rng = self.rng
        options = {}
        if chance(rng, 0.1):
            options["mode"] = "monitor"
        if chance(rng, 0.2):
            options["recipient_delimiter"] = rng.choice(("-+", "-", "+="))
        if chance(rng, 0.2):
            options["reply_suffix"] = rng.choice(SUFFIXES)
        if chance(rng, 0.5):
            options["postfix_version"] = rng.choice(("3.4", "3.5.9", "3.10.1"))
        return options

    def _write(self):
        blocks = self.settings.profiles()
        writers = (self._rule,) * 3 + (self._partner,)
        rules = [self.rng.choice(writers)() for _ in range(self.rng.randint(2, 14))]
        if self.has_default:
            rules.append(f"default {self.settings.block(False)}")
        rules = [rule for rule in rules if rule]
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

    def _rule(self):
        kind = self.rng.choice(("from", "from", "from", "from", "to", "to", "client",
                                "deliver"))
        clients, via = self._via(0.45 if kind in ("from", "to") else 0)
        whos = self._same_whos(kind, clients) or self._whos(kind, clients)
        if not whos:
            return None
        separator = " \n    " if chance(self.rng, 0.2) else " "
        head = f"{kind} {separator.join(whos)}{via}"
        block = self.settings.block(True, kind == "deliver")
        return f"{head} {block}"

    def _via(self, probability):
        """The keys of clients (None: of all) and how they are written."""
        if not chance(self.rng, probability):
            return None, ""
        clients = set()
        whos = self._list_of("client", lambda keys: True, clients, 2)
        separator = " \n    " if chance(self.rng, 0.1) else " "
        return clients, f" via {separator.join(whos)}"

    def _whos(self, kind, clients):
        keys = set()
        whos = self._list_of(kind, lambda new: self.taken.is_free(kind, new, clients),
                             keys, 3)
        self.taken.take(kind, keys, clients)
        self.heads.append((kind, whos, keys))
        return whos if keys else None

    def _same_whos(self, kind, clients):
        """The WHOs of another rule, for other clients, so that several are at a step."""
        heads = [head for head in self.heads if head[0] == kind]
        if clients is None or not heads or chance(self.rng, 0.5):
            return None
        _, whos, keys = self.rng.choice(heads)
        if not self.taken.is_free(kind, keys, clients):
            return None
        self.taken.take(kind, keys, clients)
        return whos

    def _list_of(self, kind, is_free, keys, most):
        """WHOs as written; what they name is added to KEYS, and may be there twice."""
        rng = self.rng
        texts = []
        for _ in range(8):
            texts += self._some_of(self.whos.of_kind, kind, is_free, keys, most)
            if chance(rng, 0.12):
                texts += self._list_file(kind, is_free, keys)
            if chance(rng, 0.3):
                named = self._some_of(self.whos.name_of_kind, kind, is_free, keys, 2)
                texts += self._behind_domain(named, kind, is_free, keys) if named else []
            if texts:
                break
        return texts

    def _behind_domain(self, named, kind, is_free, keys):
        """What is no name stands for itself, and what is a name does not."""
        texts = ["domain"] + named
        if chance(self.rng, 0.2):
            texts += self._list_file(kind, is_free, keys)
        if chance(self.rng, 0.2):
            texts += self._some_of(self.whos.of_kind, kind, is_free, keys, 2,
                                   ("address", "regex", "<>"))
            texts += self._some_of(self.whos.name_of_kind, kind, is_free, keys, 1)
        return texts

    def _some_of(self, draw, kind, is_free, keys, most, forms=None):
        texts = []
        for _ in range(self.rng.randint(1, most)):
            who = draw(kind)
            if is_free(who.keys) and (not forms or who.form in forms):
                keys.update(who.keys)
                texts.append(who.text)
        return texts

    def _list_file(self, kind, is_free, keys, of_partner=False):
        rng = self.rng
        draw = self.whos.name_of_kind if of_partner else self.whos.of_kind
        lines = []
        for _ in range(rng.randint(1, 8)):
            who = self.whos.address() if of_partner and chance(rng, 0.3) else draw(kind)
            entry = self.whos.in_a_list(who)
            if entry is None or not is_free(who.keys):
                lines.append(rng.choice(("", "# comment")))
                continue
            keys.update(who.keys)
            lines.append(entry + (" # why" if chance(rng, 0.1) else ""))
        self.lists += 1
        path = f"list{self.lists}.txt"
        self.files[path] = self._finish("\n".join(lines) + "\n")
        return [f'file "{path}"']

    def _partner(self):
        """An agreement: who they are, and blocks for these of which all are free."""
        if not self.partners:
            return None
        keys, lines = set(), []
        for _ in range(self.rng.randint(1, 3)):
            lines += self._partner_domains(keys)
        blocks = self._incoming(keys) + self._outgoing(keys)
        if not lines or not blocks:
            return None
        name = self.partners.pop(self.rng.randrange(len(self.partners)))
        parts = lines + blocks
        if chance(self.rng, 0.3):
            parts.append("contact " + self.rng.choice(CONTACTS))
        if chance(self.rng, 0.3):
            parts.append("note " + self.rng.choice(NOTES))
        self.rng.shuffle(parts)
        if chance(self.rng, 0.25):      # a "}" ends a block
            ends = [" " if part.endswith("}") else "; " for part in parts]
            return f"partner {name} {{ " + "".join(map("".join, zip(parts, ends))) + "}"
        return f"partner {name} {{\n" + "".join(f"    {p}\n" for p in parts) + "}"

    def _partner_domains(self, keys):
        def is_free(new):
            return (self.taken.is_free("from", new, None) and
                    self.taken.is_free("deliver", new, None))

        texts = self._some_of(self.whos.name_of_kind, "from", is_free, keys, 3)
        if chance(self.rng, 0.3):
            texts += self._some_of(lambda _: self.whos.address(), "from", is_free, keys,
                                   2)
        if chance(self.rng, 0.15):
            texts += self._list_file("from", is_free, keys, of_partner=True)
        return ["domain " + " ".join(texts)] if texts else []

    def _incoming(self, keys):
        blocks = []
        if keys and chance(self.rng, 0.75):
            self.taken.take("from", keys, None)
            blocks.append("incoming " + self.settings.block(True))
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            clients, via = self._via(1)
            if keys and self.taken.is_free("from", keys, clients):
                self.taken.take("from", keys, clients)
                blocks.append(f"incoming{via} " + self.settings.block(True))
        return blocks

    def _outgoing(self, keys):
        domains = {key for key in keys if key[0] != "address"}
        if not domains or not chance(self.rng, 0.5):
            return []
        self.taken.take("deliver", domains, None)
        return ["outgoing " + self.settings.block(True, True)]
