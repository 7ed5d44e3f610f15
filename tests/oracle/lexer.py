# SPDX-License-Identifier: ISC
"""The tokens of a policy file."""

import bisect
import re
from typing import NamedTuple

_SKIP = re.compile(r"(?:[ \t]|\\\n|#[^\n]*)*")
_FIXED = re.compile(r"[{};\n]|>=|<>")
_WORD = re.compile(r"(?:[A-Za-z0-9._\-:/@*+=]|[^\x00-\x9f\s])+")
_STRING = re.compile(r'"((?:[^"\\\n]|\\["\\])*)"')
_REGEX = re.compile(r"/((?:\\/|[^/\n])*)/(i?)")

ENDS = ("\n", ";", "}", "end")


class PolicyError(Exception):
    pass


class Token(NamedTuple):
    kind: str       # word, string, regex, end, or the fixed token itself
    text: str
    line: int
    written: str


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


def unquote(text):
    """The text of a string, or None where it is none."""
    match = _STRING.fullmatch(text)
    return match and re.sub(r"\\(.)", r"\1", match.group(1))


def compile_regex(written, flags=0):
    match = _REGEX.fullmatch(written)
    if match.group(2):
        flags |= re.IGNORECASE
    return re.compile(match.group(1), flags | re.ASCII)


def is_about_addresses(written):
    """An expression with an "@", but for those in classes that exclude it."""
    negated = r"\[\^\]?(?:\\.|\[:\w+:\]|[^]\\])*\]"
    plain = re.sub(r"\\[^@]", "", _REGEX.fullmatch(written).group(1))
    return "@" in re.sub(negated, "", plain)
