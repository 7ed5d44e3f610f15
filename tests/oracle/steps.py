# SPDX-License-Identifier: ISC
"""The rules of one kind, and which of them applies: the most specific that matches.

Index.of_...() give what was found, or None, and whether a rule `via` a name might have
come before it, had the look-up of the client's name not failed for the time being.
"""

from typing import NamedTuple, Optional

import clients
import language
import names
from lexer import PolicyError


class Entry(NamedTuple):
    """A rule by one of its WHOs, and the client through which it applies."""
    rule: language.Rule
    who: language.Who
    via: Optional[language.Who] = None


def _clash(entry, rule):
    """Whether another rule already stands where RULE wants to."""
    if entry.rule is rule:
        return False
    if entry.rule.via is None or rule.via is None:
        return entry.rule.via is rule.via
    shared = [{(who.form, who.key) for who in each.via} for each in (entry.rule, rule)]
    return not shared[0].isdisjoint(shared[1])


class Step:
    """The rules that name one WHO, in reading order."""

    def __init__(self):
        self.entries = []

    def add(self, who, rule):
        for entry in self.entries:
            if _clash(entry, rule):
                raise PolicyError(f"{who.where}: {who.name} a second time")
        if all(entry.rule is not rule for entry in self.entries):
            self.entries.append(Entry(rule, who))

    def take(self, client):
        """The entry that applies, or None, and whether another might come before."""
        matching = [e._replace(via=clients.best(client, e.rule.via))
                    for e in self.entries if e.rule.via]
        matching = [e for e in matching if e.via]
        taken = min(matching, key=lambda e: clients.rank(e.via), default=None)
        if not taken:
            taken = next((e for e in self.entries if e.rule.via is None), None)
        return taken, self._is_unsure(client, taken)

    def _is_unsure(self, client, taken):
        for entry in self.entries:
            if not entry.rule.via or taken and taken.rule is entry.rule:
                continue
            might = clients.might_be(client, entry.rule.via)
            if might and (not taken or not taken.via or
                          might[0] < clients.rank(taken.via)[0]):
                return True
        return False


def _first(steps, client):
    unsure = False
    for step in steps:
        taken, here = step.take(client)
        unsure = unsure or here
        if taken:
            return taken, unsure
    return None, unsure


class Index:
    def __init__(self, rules):
        self.rules = rules
        self.steps = {}
        for rule in rules:
            for who in rule.whos:
                self.steps.setdefault((who.form, who.key), Step()).add(who, rule)

    def _named(self, form, *keys):
        for key in keys:
            if (form, key) in self.steps:
                yield self.steps[form, key]

    def _expressions(self, form, *texts):
        for (each, _), step in self.steps.items():
            regex = step.entries[0].who.regex
            if each == form and any(regex.search(text) for text in texts):
                yield step

    def _domain(self, domain):
        yield from self._named("domain", domain)
        yield from self._named("suffix", *names.parents(domain))
        yield from self._expressions("regex", domain)

    def _address(self, *forms):
        yield from self._named("address", *forms)
        yield from self._expressions("address-regex", *map(names.in_whole, forms))
        yield from self._domain(forms[0].domain)

    def of_sender(self, address, client):
        if address is None:
            return _first(self._named("null", None), client)
        return _first(self._address(address) if address.domain else (), client)

    def of_recipient(self, address, client, delimiters):
        if not address.domain:
            bare = address.local == "postmaster"
            return _first(self._named("postmaster", None) if bare else (), client)
        user = names.without_detail(address.local, delimiters)
        plain = [] if user is None else [address._replace(local=user)]
        return _first(self._address(address, *plain), client)

    def of_next_hop(self, text):
        steps = []
        if text.startswith("[") or ":" in text:
            steps += self._named("next-hop", names.next_hop(text))
        # What begins with a dot is Postfix's own look for a parent.
        if text[0] not in "[.":
            domain = names.domain(text.partition(":")[0])
            steps += self._named("domain", domain)
            steps += self._named("suffix", *names.parents(domain))
        return _first(steps, None)

    def of_client(self, client):
        found = [Entry(rule, who) for rule in self.rules for who in rule.whos
                 if clients.matches(client, who)]
        return min(found, key=lambda e: clients.rank(e.who), default=None), False
