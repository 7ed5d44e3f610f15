# SPDX-License-Identifier: ISC
"""What the characters of a policy are, by the oracle's reader of the language."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "oracle"))
import language  # noqa: E402

RULES = ("from", "to", "client", "deliver")


class Recorder(language.Lexer):
    """A lexer that keeps the tokens that were taken, and all recorders."""
    made = []

    def __init__(self, text):
        super().__init__(text)
        self.tokens = []
        Recorder.made.append(self)

    def take(self, regex=False):
        token, end = self._scan(regex)
        self.position = end
        if token.kind != "end":
            self.tokens.append((token, end - len(token.written)))
        return token


def keywords(tokens):
    """Those at the start of a statement or a setting: their places."""
    depth, in_who, start = 0, False, True
    for token, at in tokens:
        if token.kind == "word" and start and not in_who:
            in_who = token.text in (RULES if depth == 0 else ("incoming",))
            yield at
        elif token.kind == "{":
            depth, in_who = depth + 1, False
        elif token.kind == "}":
            depth -= 1
        start = token.kind in "{};\n"


def expected(recorder):
    """For each character of the text: string, regex, comment, keyword, word or
    None, which is anything else."""
    text = recorder.text
    kinds = [None] * len(text)
    starts = set(keywords(recorder.tokens))
    before = 0
    for token, at in recorder.tokens + [(None, len(text))]:
        for found in re.finditer(r"#[^\n]*", text[before:at]):
            kinds[before + found.start():before + found.end()] = \
                ["comment"] * len(found.group())
        if token is None:
            break
        before = at + len(token.written)
        kind = "keyword" if at in starts else token.kind
        if kind in ("string", "regex", "keyword", "word"):
            kinds[at:before] = [kind] * (before - at)
    return kinds


def policies(paths):
    """(path, text, kinds) of policies; a file that they include is one of them.
    What the oracle does not know (certificate file) is left out."""
    kept, language.Lexer = language.Lexer, Recorder
    try:
        for path in paths:
            Recorder.made = []
            try:
                language.FileReader(language.Policy(os.path.dirname(path)),
                                    path).statements()
            except (language.PolicyError, OSError):
                continue
            for recorder in Recorder.made:
                yield path, recorder.text, expected(recorder)
    finally:
        language.Lexer = kept
