# SPDX-License-Identifier: ISC
"""A reader of valid policies; what it does not expect raises PolicyError.

Diagnostics are not its business: it exists to know what a policy means.
"""

import datetime
import glob
import os
import re
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

import names
from lexer import (ENDS, Lexer, PolicyError, compile_regex, is_about_addresses,
                   unquote)

_CODE = re.compile(r"[45]\d\d")
# A string, or a local part in quotes with its domain; or what has neither.
_ENTRY = re.compile(r'\s*("(?:[^"\\]|\\.)*"[^\s#]*|[^\s#]+)')
_ENHANCED = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")

VERSIONS = {"1.0": 10, "1.1": 11, "1.2": 12, "1.3": 13}
CERTIFICATE_KINDS = ("name", "issuer", "fingerprint", "file")
CERTIFICATE_LIMITS = ("key", "signature", "valid-for")
FLAG_KINDS = ("forward-secrecy", "aead", "dane")
LIST_ENDS = ("from", "until", "otherwise")      # of a list on a `require` line
SPECIAL_WHOS = {"to": ("postmaster",), "client": ("authenticated", "local")}


class Pattern(NamedTuple):
    text: str
    regex: Optional[re.Pattern]


class Otherwise(NamedTuple):
    action: str
    code: Optional[str] = None
    enhanced: Optional[str] = None
    text: Optional[str] = None


class Requirement(NamedTuple):
    kind: str
    argument: object
    since: Optional[datetime.date]
    until: Optional[datetime.date]
    otherwise: Optional[Otherwise]

    def written_on(self, day):
        return ((self.since is None or self.since <= day) and
                (self.until is None or day < self.until))


class Until(NamedTuple):
    date: Optional[datetime.date]
    reason: Optional[str] = None

    def active(self, today):
        return self.date is None or today < self.date


class Who(NamedTuple):
    form: str
    key: object
    name: str
    where: str      # FILE:LINE that a record shows
    number: int     # in reading order
    regex: Optional[re.Pattern] = None


@dataclass
class Settings:
    """What a rule comes to when its settings have taken effect in order."""
    requirements: dict = field(default_factory=dict)
    otherwise: Otherwise = Otherwise("tempfail")
    monitor: Optional[Until] = None
    exempt: Optional[Until] = None
    contact: Optional[str] = None
    note: Optional[str] = None


@dataclass
class Partner:
    name: str
    whos: list = field(default_factory=list)
    contact: Optional[str] = None
    note: Optional[str] = None
    blocks: list = field(default_factory=list)


@dataclass
class Rule:
    kind: str
    whos: list
    written: list
    where: str
    via: Optional[list] = None
    partner: Optional[Partner] = None
    settings: Optional[Settings] = None


@dataclass
class Policy:
    folder: str
    profiles: dict = field(default_factory=dict)
    rules: list = field(default_factory=list)
    partners: set = field(default_factory=set)
    default: Optional[Rule] = None
    whos: int = 0


def _date(text):
    return datetime.date.fromisoformat(text)


def _read_text(path):
    with open(path, encoding="utf-8", newline="") as stream:
        return stream.read()


def _form_and_key(kind, text):
    network = names.network(text) if kind == "client" else None
    if network is not None:
        return "network", network
    if kind == "deliver" and (text.startswith("[") or ":" in text):
        return "next-hop", names.next_hop(text)
    if "@" in text:
        return "address", names.address(text)
    if text.startswith("."):
        return "suffix", names.domain(text[1:])
    return "domain", names.domain(text)


class WhoReader:
    """Gathers the WHOs of one list; `domain` holds from where it stands on."""

    def __init__(self, policy, kind, where, below=False):
        self.policy = policy
        self.kind = kind
        self.where = where
        self.below = below
        self.whos = []

    def add(self, form, key, name, where=None, regex=None):
        self.policy.whos += 1
        self.whos.append(Who(form, key, name, where or self.where, self.policy.whos,
                             regex))

    def named(self, text, below, where=None):
        form, key = _form_and_key(self.kind, text)
        self.add(form, key, text, where)
        if below and form == "domain":
            self.add("suffix", key, text, where)

    def token(self, token):
        if token.kind == "regex":
            about = self.kind != "client" and is_about_addresses(token.text)
            self.add("address-regex" if about else "regex", token.text, token.text,
                     regex=compile_regex(token.text))
        elif token.kind == "<>":
            self.add("null", None, "<>")
        elif token.kind == "word" and token.text == "domain":
            self.below = True
        elif token.kind == "word" and token.text in SPECIAL_WHOS.get(self.kind, ()):
            self.add(token.text, None, token.text)
        else:
            self.named(token.text, self.below)

    def file(self, name, below=False):
        path = os.path.join(self.policy.folder, name)
        relative = os.path.relpath(path, self.policy.folder)
        lines = _read_text(path).removeprefix("\ufeff").split("\n")
        for number, line in enumerate(lines, 1):
            entry = _ENTRY.match(line)
            if entry:
                text = entry.group(1)
                self.named(unquote(text) or text, below, f"{relative}:{number}")


class FileReader:
    """Reads one file of a policy, and those that it includes."""

    def __init__(self, policy, path):
        self.policy = policy
        self.path = path
        self.name = os.path.relpath(path, policy.folder)
        self.lexer = Lexer(_read_text(path))

    def fail(self, token, expected):
        raise PolicyError(f"{self.name}:{token.line}: {token.written!r}, "
                          f"expected {expected}")

    def expect(self, *kinds):
        token = self.lexer.take()
        if token.kind not in kinds:
            self.fail(token, " or ".join(kinds))
        return token

    def where(self, token):
        return f"{self.name}:{token.line}"

    def next_is(self, *words):
        token = self.lexer.peek()
        return token.kind == "word" and token.text in words

    def statements(self):
        readers = {"include": self.include, "profile": self.profile,
                   "default": self.default, "from": self.rule, "to": self.rule,
                   "client": self.rule, "deliver": self.rule, "partner": self.partner}
        while True:
            token = self.lexer.take()
            if token.kind == "end":
                return
            if token.kind in ENDS[:2]:
                continue
            if token.kind != "word" or token.text not in readers:
                self.fail(token, "a statement")
            readers[token.text](token)

    def include(self, token):
        pattern = os.path.join(os.path.dirname(self.path), self.expect("string").text)
        paths = glob.glob(pattern)
        if not paths and not glob.has_magic(pattern):
            self.fail(token, "a file that is there")
        for path in sorted(paths, key=os.fsencode):
            FileReader(self.policy, path).statements()

    def profile(self, token):
        name = self.expect("word", "string").text
        if name in self.policy.profiles:
            self.fail(token, "a new name")
        self.policy.profiles[name] = self.block()

    def default(self, token):
        if self.policy.default is not None:
            self.fail(token, "one default")
        self.policy.default = Rule("default", [], self.block(), self.where(token))

    def rule(self, token):
        where = self.where(token)
        whos = self.who_list(token.text, where)
        via = self.via(where)
        self.policy.rules.append(Rule(token.text, whos, self.block(), where, via))

    def via(self, where):
        if not self.next_is("via"):
            return None
        self.lexer.take()
        return self.who_list("client", where)

    def who_list(self, kind, where):
        """The WHOs up to a block or to `via`, over any number of lines."""
        reader = WhoReader(self.policy, kind, where)
        while not (self.lexer.peek(regex=True).kind == "{" or self.next_is("via")):
            self.who(reader)
        return reader.whos

    def who(self, reader):
        token = self.lexer.take(regex=True)
        if token.kind == "word" and token.text == "file":
            reader.file(self.expect("string").text)
        elif token.kind in ("word", "string", "regex", "<>"):
            reader.token(token)
        elif token.kind != "\n":
            self.fail(token, "a WHO")

    def partner(self, token):
        partner = Partner(self.expect("word", "string").text)
        if partner.name.lower() in self.policy.partners:
            self.fail(token, "a new name")
        self.policy.partners.add(partner.name.lower())
        self.expect("{")
        readers = {"domain": self.partner_domain, "incoming": self.partner_block,
                   "outgoing": self.partner_block, "contact": self.partner_note,
                   "note": self.partner_note}
        while (token := self.lexer.take()).kind != "}":
            if token.kind in ENDS[:2]:
                continue
            if token.kind != "word" or token.text not in readers:
                self.fail(token, "something of a partner")
            readers[token.text](partner, token)
        self.partner_rules(partner)

    def partner_domain(self, partner, token):
        reader = WhoReader(self.policy, "from", None, below=True)
        while self.lexer.peek().kind not in ENDS:
            if self.next_is("file"):
                self.lexer.take()
                reader.file(self.expect("string").text, below=True)
            else:
                reader.token(self.expect("word", "string"))
        partner.whos += reader.whos

    def partner_block(self, partner, token):
        where = self.where(token)
        incoming = token.text == "incoming"
        via = self.via(where) if incoming else None
        kind = "from" if incoming else "deliver"
        while self.lexer.peek().kind == "\n":
            self.lexer.take()
        partner.blocks.append(Rule(kind, None, self.block(), where, via, partner))

    def partner_note(self, partner, token):
        value = self.contact() if token.text == "contact" else self.note()
        setattr(partner, token.text, value)

    def partner_rules(self, partner):
        for rule in partner.blocks:
            rule.whos = [who._replace(where=who.where or rule.where)
                         for who in partner.whos
                         if rule.kind == "from" or who.form != "address"]
            self.policy.rules.append(rule)

    def block(self):
        self.expect("{")
        settings = []
        while True:
            token = self.lexer.take()
            if token.kind == "}":
                return settings
            if token.kind not in ENDS[:2]:
                settings.append(self.setting(token))

    def setting(self, token):
        readers = {"use": self.words, "require": self.require,
                   "otherwise": self.otherwise, "monitor": self.monitor,
                   "exempt": self.exempt, "enforce": lambda: None,
                   "contact": self.contact, "note": self.note}
        if token.kind != "word" or token.text not in readers:
            self.fail(token, "a setting")
        value = readers[token.text]()
        after = self.lexer.peek()
        if after.kind not in ENDS:
            self.fail(after, f"the end of {token.text}")
        return token.text, value

    def words(self):
        found = []
        while self.lexer.peek().kind not in ENDS:
            found.append(self.expect("word", "string").text)
        return found

    def contact(self):
        return " ".join(self.words())

    def note(self):
        return self.expect("string").text

    def date_after(self, word):
        if not self.next_is(word):
            return None
        self.lexer.take()
        return _date(self.expect("word").text)

    def optional_string(self):
        if self.lexer.peek().kind != "string":
            return None
        return self.lexer.take().text

    def monitor(self):
        return Until(self.date_after("until"))

    def exempt(self):
        return Until(self.date_after("until"), self.optional_string())

    def optional_word(self, pattern):
        token = self.lexer.peek()
        if token.kind != "word" or not pattern.fullmatch(token.text):
            return None
        return self.lexer.take().text

    def otherwise(self):
        action = self.expect("word").text
        code = self.optional_word(_CODE)
        enhanced = self.optional_word(_ENHANCED) if code else None
        return Otherwise(action, code, enhanced, self.optional_string())

    def require(self):
        kind, argument = self.requirement()
        since, until = self.date_after("from"), self.date_after("until")
        otherwise = None
        if self.next_is("otherwise"):
            self.lexer.take()
            otherwise = self.otherwise()
        return Requirement(kind, argument, since, until, otherwise)

    def requirement(self):
        token = self.expect("word")
        if token.text == "tls":
            return "tls", self.version()
        if token.text == "bits":
            self.expect(">=")
            return "bits", int(self.expect("word").text)
        if token.text == "cipher":
            return "cipher", self.strings()
        if token.text == "ciphersuites":
            return "ciphersuites", self.strings().split(":")
        if token.text == "certificate":
            return self.certificate()
        if token.text == "client":
            return "client", self.clients()
        if token.text in FLAG_KINDS or token.text == "nothing":
            return token.text, None
        return self.fail(token, "a requirement")

    def clients(self):
        reader = WhoReader(self.policy, "client", None)
        while not self.at_list_end():
            self.who(reader)
        return reader.whos

    def strings(self):
        texts = [self.expect("string").text]
        while self.lexer.peek().kind == "string":
            texts.append(self.lexer.take().text)
        return ":".join(texts)

    def version(self):
        if self.lexer.peek().kind != ">=":
            return None
        self.lexer.take()
        text = self.expect("word").text.removeprefix("TLSv")
        return VERSIONS["1.0" if text == "1" else text]

    def certificate(self):
        if self.next_is(*CERTIFICATE_LIMITS):
            return self.certificate_limit()
        if not self.next_is(*CERTIFICATE_KINDS):
            return "certificate", None
        kind = self.lexer.take().text
        if kind == "fingerprint":
            return "certificate-fingerprint", [self.pin(t.text)
                                               for t in self.patterns()]
        if kind == "file":
            paths = [os.path.join(self.policy.folder, t.text) for t in self.patterns()]
            return "certificate-fingerprint", [names.pem_pin(p) for p in paths]
        flags = re.IGNORECASE if kind == "name" else 0
        return "certificate-" + kind, [self.pattern(t, flags) for t in self.patterns()]

    def certificate_limit(self):
        kind = self.lexer.take().text
        self.expect(">=")
        limit = self.expect("word").text
        if kind == "valid-for":
            self.expect("word")
        return "certificate-" + kind, limit if kind == "signature" else int(limit)

    def at_list_end(self):
        token = self.lexer.peek(regex=True)
        return token.kind in ENDS or token.kind == "word" and token.text in LIST_ENDS

    def patterns(self):
        tokens = []
        while not self.at_list_end():
            tokens.append(self.lexer.take(regex=True))
        return tokens

    @staticmethod
    def pattern(token, flags):
        regex = compile_regex(token.text, flags) if token.kind == "regex" else None
        return Pattern(token.text, regex)

    @staticmethod
    def pin(text):
        algorithm, _, digits = text.partition(":")
        return frozenset([f"{algorithm}:{digits.replace(':', '').lower()}"])


def _for_outgoing(otherwise):
    """What a profile says that was written for mail that comes in."""
    if otherwise and otherwise.action in ("reject", "quarantine"):
        return Otherwise("tempfail")
    return otherwise


class Builder:
    """Lets the settings of a block take effect in the order written."""

    def __init__(self, policy, today, outgoing):
        self.policy = policy
        self.today = today
        self.outgoing = outgoing
        self.settings = Settings()

    def apply_block(self, written):
        """The block's own contact and note count before those of what it uses."""
        own = {}
        for name, value in written:
            if name in ("contact", "note"):
                own[name] = value
            else:
                getattr(self, "apply_" + name)(value)
        for name, value in own.items():
            setattr(self.settings, name, value)

    def apply_use(self, profiles):
        for name in profiles:
            if name == "default":
                self.apply_block(self.policy.default.written)
            else:
                self.apply_block(self.policy.profiles[name])

    def apply_require(self, requirement):
        if not requirement.written_on(self.today):
            return
        if requirement.kind == "nothing":
            self.settings.requirements.clear()
        elif requirement.kind != ("client" if self.outgoing else "dane"):
            if self.outgoing:
                requirement = requirement._replace(
                    otherwise=_for_outgoing(requirement.otherwise))
            self.settings.requirements[requirement.kind] = requirement

    def apply_otherwise(self, otherwise):
        if self.outgoing:
            otherwise = _for_outgoing(otherwise)
        self.settings.otherwise = otherwise

    def apply_monitor(self, until):
        self.settings.monitor = until

    def apply_exempt(self, until):
        self.settings.exempt = until

    def apply_enforce(self, _):
        self.settings.monitor = self.settings.exempt = None


def _settle(policy, rule, today):
    """A block's own contact and note, then its partner's, then a profile's."""
    builder = Builder(policy, today, rule.kind == "deliver")
    builder.apply_block(rule.written)
    rule.settings = builder.settings
    own = [name for name, _ in rule.written]
    for name in ("contact", "note"):
        of_partner = rule.partner and getattr(rule.partner, name)
        if of_partner is not None and name not in own:
            setattr(rule.settings, name, of_partner)


def read_policy(path, today):
    """The policy in the file PATH, every rule's settings worked out for TODAY."""
    policy = Policy(os.path.dirname(os.path.abspath(path)))
    FileReader(policy, os.path.abspath(path)).statements()
    for rule in policy.rules + ([policy.default] if policy.default else []):
        _settle(policy, rule, today)
    return policy
