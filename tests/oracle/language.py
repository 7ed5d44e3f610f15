# SPDX-License-Identifier: ISC
"""A reader of valid policies; what it does not expect raises PolicyError.

Diagnostics are not its business: it exists to know what a policy means.
"""

import bisect
import datetime
import glob
import os
import re
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

import names

_SKIP = re.compile(r"(?:[ \t]|\\\n|#[^\n]*)*")
_FIXED = re.compile(r"[{};\n]|>=|<>")
_WORD = re.compile(r"(?:[A-Za-z0-9._\-:/@*+=]|[^\x00-\x9f\s])+")
_STRING = re.compile(r'"((?:[^"\\\n]|\\["\\])*)"')
_REGEX = re.compile(r"/((?:\\/|[^/\n])*)/(i?)")
_CODE = re.compile(r"[45]\d\d")
_ENHANCED = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")

ENDS = ("\n", ";", "}", "end")
VERSIONS = {"1.0": 10, "1.1": 11, "1.2": 12, "1.3": 13}
CERTIFICATE_KINDS = ("name", "issuer", "fingerprint")
CERTIFICATE_LIMITS = ("key", "signature", "valid-for")
FLAG_KINDS = ("forward-secrecy", "aead")


class PolicyError(Exception):
    pass


class Token(NamedTuple):
    kind: str       # word, string, regex, end, or the fixed token itself
    text: str
    line: int
    written: str


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
    otherwise: Optional[Otherwise]


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
class Rule:
    kind: str
    whos: list
    written: list
    where: str
    settings: Optional[Settings] = None


@dataclass
class Policy:
    folder: str
    profiles: dict = field(default_factory=dict)
    rules: list = field(default_factory=list)
    default: Optional[Rule] = None


class Lexer:
    def __init__(self, text):
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        self.position = 0
        self.newlines = [m.start() for m in re.finditer("\n", self.text)]

    def line(self, position):
        return bisect.bisect_left(self.newlines, position) + 1

    def _scan(self, regex):
        start = _SKIP.match(self.text, self.position).end()
        if start == len(self.text):
            return Token("end", "", self.line(start), ""), start
        patterns = [(None, _FIXED), ("string", _STRING), ("word", _WORD)]
        if regex:
            patterns.insert(0, ("regex", _REGEX))
        for kind, pattern in patterns:
            match = pattern.match(self.text, start)
            if match:
                return self._token(kind, match), match.end()
        raise PolicyError(f"line {self.line(start)}: {self.text[start:start + 20]!r}")

    def _token(self, kind, match):
        written = match.group()
        text = written
        if kind == "string":
            text = re.sub(r"\\(.)", r"\1", match.group(1))
        return Token(kind or written, text, self.line(match.start()), written)

    def peek(self, regex=False):
        return self._scan(regex)[0]

    def take(self, regex=False):
        token, self.position = self._scan(regex)
        return token


def compile_regex(written, flags=0):
    match = _REGEX.fullmatch(written)
    if match.group(2):
        flags |= re.IGNORECASE
    return re.compile(match.group(1), flags)


def _date(text):
    return datetime.date.fromisoformat(text)


def _read_text(path):
    with open(path, encoding="utf-8", newline="") as stream:
        return stream.read()


def _mail_who(kind, text, name, where):
    if "@" in text:
        return Who("address", names.address(text), name, where)
    if text.startswith("."):
        return Who("suffix", names.domain(text[1:]), name, where)
    return Who("domain", names.domain(text), name, where)


def _client_who(kind, text, name, where):
    network = names.network(text)
    if network is not None:
        return Who("network", network, name, where)
    return _mail_who(kind, text, name, where)


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

    def statements(self):
        readers = {"include": self.include, "profile": self.profile,
                   "default": self.default, "from": self.rule, "to": self.rule,
                   "client": self.rule}
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
        self.policy.rules.append(Rule(token.text, whos, self.block(), where))

    def who_list(self, kind, where):
        whos = []
        while self.lexer.peek(regex=True).kind != "{":
            token = self.lexer.take(regex=True)
            if token.kind == "word" and token.text == "file":
                whos += self.who_file(kind)
            elif token.kind != "\n":
                whos.append(self.who(kind, token, where))
        return whos

    def who(self, kind, token, where):
        if token.kind == "regex":
            return Who("regex", compile_regex(token.text), token.text, where)
        if token.kind == "<>" and kind == "from":
            return Who("null", None, "<>", where)
        if token.kind not in ("word", "string"):
            self.fail(token, "a WHO")
        if token.kind == "word" and self.is_keyword(kind, token.text):
            return Who(token.text, None, token.text, where)
        make = _client_who if kind == "client" else _mail_who
        return make(kind, token.text, token.text, where)

    @staticmethod
    def is_keyword(kind, text):
        keywords = {"to": ("postmaster",), "client": ("authenticated", "local")}
        return text in keywords.get(kind, ())

    def who_file(self, kind):
        path = os.path.join(self.policy.folder, self.expect("string").text)
        name = os.path.relpath(path, self.policy.folder)
        make = _client_who if kind == "client" else _mail_who
        whos = []
        lines = _read_text(path).removeprefix("\ufeff").split("\n")
        for number, line in enumerate(lines, 1):
            entry = line.partition("#")[0].strip()
            if entry:
                whos.append(make(kind, entry, entry, f"{name}:{number}"))
        return whos

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
        readers = {"use": self.use, "require": self.require,
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

    def use(self):
        return self.words()

    def contact(self):
        return " ".join(self.words())

    def note(self):
        return self.expect("string").text

    def until(self):
        token = self.lexer.peek()
        if token.kind != "word" or token.text != "until":
            return None
        self.lexer.take()
        return _date(self.expect("word").text)

    def optional_string(self):
        if self.lexer.peek().kind != "string":
            return None
        return self.lexer.take().text

    def monitor(self):
        return Until(self.until())

    def exempt(self):
        return Until(self.until(), self.optional_string())

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
        token = self.lexer.peek()
        if token.kind != "word" or token.text != "otherwise":
            return Requirement(kind, argument, None)
        self.lexer.take()
        return Requirement(kind, argument, self.otherwise())

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
        if token.text in FLAG_KINDS or token.text == "nothing":
            return token.text, None
        return self.fail(token, "a requirement")

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
        token = self.lexer.peek()
        if token.kind == "word" and token.text in CERTIFICATE_LIMITS:
            return self.certificate_limit()
        if token.kind != "word" or token.text not in CERTIFICATE_KINDS:
            return "certificate", None
        self.lexer.take()
        kind = "certificate-" + token.text
        if token.text == "fingerprint":
            return kind, [self.pin(t.text) for t in self.patterns()]
        flags = re.IGNORECASE if token.text == "name" else 0
        return kind, [self.pattern(t, flags) for t in self.patterns()]

    def certificate_limit(self):
        kind = self.lexer.take().text
        self.expect(">=")
        limit = self.expect("word").text
        if kind == "valid-for":
            self.expect("word")
        return "certificate-" + kind, limit if kind == "signature" else int(limit)

    def patterns(self):
        tokens = []
        while True:
            token = self.lexer.peek(regex=True)
            if token.kind in ENDS or token[:2] == ("word", "otherwise"):
                return tokens
            tokens.append(self.lexer.take(regex=True))

    @staticmethod
    def pattern(token, flags):
        regex = compile_regex(token.text, flags) if token.kind == "regex" else None
        return Pattern(token.text, regex)

    @staticmethod
    def pin(text):
        algorithm, _, digits = text.partition(":")
        return f"{algorithm}:{digits.replace(':', '').lower()}"


class Builder:
    """Lets the settings of a rule take effect in the order written."""

    def __init__(self, policy):
        self.policy = policy
        self.settings = Settings()

    def apply_all(self, written):
        for name, value in written:
            getattr(self, "apply_" + name)(value)

    def apply_use(self, profiles):
        for name in profiles:
            if name == "default":
                self.apply_all(self.policy.default.written)
            else:
                self.apply_all(self.policy.profiles[name])

    def apply_require(self, requirement):
        if requirement.kind == "nothing":
            self.settings.requirements.clear()
        else:
            self.settings.requirements[requirement.kind] = requirement

    def apply_otherwise(self, otherwise):
        self.settings.otherwise = otherwise

    def apply_monitor(self, until):
        self.settings.monitor = until

    def apply_exempt(self, until):
        self.settings.exempt = until

    def apply_enforce(self, _):
        self.settings.monitor = self.settings.exempt = None

    def apply_contact(self, contact):
        self.settings.contact = contact

    def apply_note(self, note):
        self.settings.note = note


def _settle(policy, rule):
    builder = Builder(policy)
    builder.apply_all(rule.written)
    rule.settings = builder.settings


def read_policy(path):
    """The policy in the file PATH, every rule's settings worked out."""
    policy = Policy(os.path.dirname(os.path.abspath(path)))
    FileReader(policy, os.path.abspath(path)).statements()
    for rule in policy.rules + ([policy.default] if policy.default else []):
        _settle(policy, rule)
    return policy
