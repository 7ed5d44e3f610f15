# SPDX-License-Identifier: ISC
"""Colours text by a TextMate grammar, as editors do: line by line, with a stack.

Of the grammars' language it knows match, captures, begin, end, their captures,
patterns, name and include within the grammar. Its expressions must be in the
syntax that Oniguruma and Python share.
"""

import json
import re

KEYS = {"comment", "name", "match", "captures", "begin", "beginCaptures", "end",
        "endCaptures", "patterns", "include"}


class Grammar:
    def __init__(self, text):
        self.data = json.loads(text)
        self.repository = self.data["repository"]
        self.compiled = {}
        self.used = set()
        self._check({"patterns": self.data["patterns"]})
        for rule in self.repository.values():
            self._check(rule)
        unused = set(self.repository) - self.used
        if unused:
            raise ValueError("never included: %s" % ", ".join(sorted(unused)))

    def _check(self, rule):
        """Compiles all expressions, and finds keys and includes that are none."""
        if set(rule) - KEYS or ("begin" in rule) != ("end" in rule):
            raise ValueError("not a rule: %r" % rule)
        for key in ("match", "begin", "end"):
            if key in rule:
                self.compiled[rule[key]] = re.compile(rule[key])
        for captures, pattern in (("captures", "match"), ("beginCaptures", "begin"),
                                  ("endCaptures", "end")):
            for number in rule.get(captures, {}):
                if int(number) > self.compiled[rule[pattern]].groups:
                    raise ValueError("no group %s in %r" % (number, rule[pattern]))
        if "include" in rule:
            name = rule["include"].removeprefix("#")
            self.used.add(name)
            if name not in self.repository:
                raise ValueError("nothing is called %s" % rule["include"])
        for inner in rule.get("patterns", ()):
            self._check(inner)

    def _rules(self, patterns):
        """The rules that can match, with includes taken in."""
        for rule in patterns:
            if "include" in rule:
                rule = self.repository[rule["include"][1:]]
            if "match" in rule or "begin" in rule:
                yield rule
            else:
                yield from self._rules(rule.get("patterns", ()))

    def _next(self, top, line, at):
        """The leftmost match; of those at one place the end, then the first rule."""
        best = None
        if top is not None:
            found = self.compiled[top["end"]].search(line, at)
            best = (found, None) if found else None
        patterns = self.data["patterns"] if top is None else top.get("patterns", ())
        for rule in self._rules(patterns):
            found = self.compiled[rule.get("match", rule.get("begin"))].search(line, at)
            if found and (best is None or found.start() < best[0].start()):
                best = (found, rule)
        return best

    def colour(self, text):
        """For each character of "text" the tuple of its scopes, outermost first."""
        scopes, stack = [], []
        for line in text.splitlines(keepends=True) if "\n" in text else [text]:
            scopes += self._line(line if line.endswith("\n") else line + "\n",
                                 stack)[:len(line)]
        return scopes

    def _line(self, line, stack):
        out = [()] * len(line)
        at = 0

        def paint(start, end, names):
            for i in range(start, end):
                out[i] += tuple(name for name in names if name)

        def paint_match(found, rule, captures):
            paint(found.start(), found.end(), [rule.get("name")])
            for number, capture in rule.get(captures, {}).items():
                if found.group(int(number)) is not None:
                    paint(*found.span(int(number)), [capture["name"]])

        def outer():
            return [rule.get("name") for rule in stack]

        for _ in range(4 * len(line) + 4):
            top = stack[-1] if stack else None
            best = self._next(top, line, at)
            if best is None:
                paint(at, len(line), outer())
                return out
            found, rule = best
            paint(at, found.start(), outer())
            at = found.end()
            if rule is None:
                stack.pop()
                paint(*found.span(), outer())
                paint_match(found, top, "endCaptures")
            else:
                paint(*found.span(), outer())
                paint_match(found, rule, "captures" if "match" in rule else
                            "beginCaptures")
                if "begin" in rule:
                    stack.append(rule)
        raise ValueError("no end of it in %r" % line)
