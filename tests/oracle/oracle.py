# SPDX-License-Identifier: ISC
"""A second reading of the policy contract: which verdict do facts get?

Oracle(PATH, DATE).judge(FACTS) gives what `tlsward decide` should give for
these facts, as far as FIELDS go, and the reply in parts.
"""

import re
from typing import NamedTuple, Optional

import ciphers
import language
import names
import session as sessions

FIELDS = ("action", "reason", "failed", "rule", "rule_kind", "rule_name", "would",
          "would_reason", "would_failed", "would_rule", "exempt", "contact", "note")
ACTIONS = ("accept", "quarantine", "tempfail", "reject")
REASONS = ("tls", "tls-version", "bits", "cipher", "forward-secrecy", "aead",
           "certificate", "certificate-name", "certificate-issuer",
           "certificate-fingerprint", "certificate-key", "certificate-signature",
           "certificate-validity")
_PLACEHOLDER = re.compile(r"\{\{|\{([a-z_]+)\}")


class Unmet(NamedTuple):
    """A requirement that is not met; reason UNKNOWN has the default reply."""
    failed: str
    reason: str
    action: str
    otherwise: language.Otherwise


class Outcome(NamedTuple):
    action: str
    reason: Optional[str]
    failed: list
    otherwise: Optional[language.Otherwise]


class Match(NamedTuple):
    """A rule that applies, by which WHO, and for which address."""
    rule: language.Rule
    who: Optional[language.Who]
    address: Optional[names.Address]

    @property
    def where(self):
        return self.who.where if self.who else self.rule.where


class Candidate(NamedTuple):
    match: Match
    outcome: Outcome
    monitored: bool

    @property
    def action(self):
        return "accept" if self.monitored else self.outcome.action


def strictness(action):
    return ACTIONS.index(action)


def _unmet(failed, reason, otherwise):
    action = otherwise.action
    if reason == sessions.UNKNOWN and action == "reject":
        action = "tempfail"
    return Unmet(failed, reason, action, otherwise)


def _clear_text_otherwise(settings):
    if "tls" in settings.requirements:
        return settings.requirements["tls"].otherwise or settings.otherwise
    ordered = [settings.requirements[kind].otherwise or settings.otherwise
               for kind in sessions.CHECKS if kind in settings.requirements]
    return max(ordered, key=lambda otherwise: strictness(otherwise.action))


def _unmet_requirements(settings, session):
    found = []
    for kind, (check, name) in sessions.CHECKS.items():
        requirement = settings.requirements.get(kind)
        if requirement is None:
            continue
        answer = check(session, requirement.argument)
        if answer != sessions.MET:
            failed = name if answer == sessions.UNKNOWN else answer
            otherwise = requirement.otherwise or settings.otherwise
            found.append(_unmet(failed, answer, otherwise))
    return found


def _outcome(unmet):
    if not unmet:
        return Outcome("accept", None, [], None)
    chosen = max(unmet, key=lambda u: strictness(u.action))
    failed = sorted({u.failed for u in unmet}, key=REASONS.index)
    return Outcome(chosen.action, chosen.reason, failed, chosen.otherwise)


def evaluate(settings, session):
    """What a rule's requirements make of a session."""
    if not settings.requirements:
        return _outcome([])
    if session.encrypted is None:
        otherwise = _clear_text_otherwise(settings)
        return _outcome([_unmet("tls", sessions.UNKNOWN, otherwise)])
    if not session.encrypted:
        return _outcome([_unmet("tls", "tls", _clear_text_otherwise(settings))])
    return _outcome(_unmet_requirements(settings, session))


class Index:
    """The WHOs of one kind of rule, by form."""

    def __init__(self, rules):
        self.exact = {}
        self.regexes = []
        self.networks = []
        for rule in rules:
            for who in rule.whos:
                self._add(who, rule)

    def _add(self, who, rule):
        if who.form == "regex":
            self.regexes.append((who, rule))
            return
        if (who.form, who.key) in self.exact:
            raise language.PolicyError(f"{who.where}: {who.name} a second time")
        self.exact[who.form, who.key] = (who, rule)
        if who.form == "network":
            self.networks.append((who, rule))
            self.networks.sort(key=lambda found: -found[0].key.prefixlen)

    def find(self, form, key=None):
        return self.exact.get((form, key))

    def suffix(self, domain):
        for parent in names.parents(domain):
            found = self.find("suffix", parent)
            if found:
                return found
        return None

    def regex(self, domain):
        for found in self.regexes:
            if found[0].key.search(domain):
                return found
        return None

    def network(self, text):
        host = names.network(text)
        for found in self.networks:
            key = found[0].key
            if key.version == host.version and host.subnet_of(key):
                return found
        return None

    def domain(self, domain):
        return (self.find("domain", domain) or self.suffix(domain)
                or self.regex(domain))


def _users(address):
    yield address
    user = names.without_detail(address.local)
    if user is not None:
        yield address._replace(local=user)


class Oracle:
    def __init__(self, path, today):
        policy = language.read_policy(path)
        self.today = today
        self.default = policy.default
        self.client, self.sender, self.recipient = (
            Index([rule for rule in policy.rules if rule.kind == kind])
            for kind in ("client", "from", "to"))

    def judge(self, facts):
        client, to_matches, sender = self._applicable(facts)
        exempting = self._exempting(client, to_matches, sender)
        if exempting:
            until = exempting.rule.settings.exempt
            return {"action": "accept", "exempt": until.reason,
                    **_rule_fields(exempting)}
        to_matches = [m for m in to_matches if not self._exempt(m)]
        matches = [m for m in (client, *to_matches, sender) if m]
        session = sessions.session(facts, self.today)
        candidates = [self._candidate(m, session) for m in matches]
        return self._verdict(candidates, sender, facts)

    def _applicable(self, facts):
        text = facts["from"]
        address = None if text in ("", "<>") else names.address(text)
        recipients = _recipients(facts)
        return (self._match(self._find_client(facts), address),
                [self._match(self._find_recipient(r), r) for r in recipients],
                self._match(self._find_sender(address), address))

    @staticmethod
    def _match(found, address):
        return Match(found[1], found[0], address) if found else None

    def _find_client(self, facts):
        index = self.client
        found = None
        if facts.get("sasl_username"):
            found = index.find("authenticated")
        if not found and facts.get("local") == "yes":
            found = index.find("local")
        name = names.domain(facts["client_name"]) if "client_name" in facts else None
        if not found and name:
            found = index.find("domain", name) or index.suffix(name)
        if not found and "client_addr" in facts:
            found = index.network(facts["client_addr"])
        if not found and name:
            found = index.regex(name)
        return found

    def _find_sender(self, address):
        index = self.sender
        found = None
        if address is None:
            found = index.find("null")
        elif address.domain:
            found = index.find("address", address) or index.domain(address.domain)
        return found or (self.default and (None, self.default))

    def _find_recipient(self, address):
        index = self.recipient
        if not address.domain:
            bare = address.local == "postmaster"
            return index.find("postmaster") if bare else None
        for user in _users(address):
            found = index.find("address", user)
            if found:
                return found
        return index.domain(address.domain)

    def _exempt(self, match):
        until = match and match.rule.settings.exempt
        return bool(until) and until.active(self.today)

    def _exempting(self, client, to_matches, sender):
        if self._exempt(client):
            return client
        if to_matches and all(self._exempt(m) for m in to_matches):
            return to_matches[0]
        return sender if self._exempt(sender) else None

    def _candidate(self, match, session):
        settings = match.rule.settings
        until = settings.monitor
        monitored = until is not None and until.active(self.today)
        return Candidate(match, evaluate(settings, session), monitored)

    def _verdict(self, candidates, sender, facts):
        unmet = [c for c in candidates if c.outcome.reason]
        verdict = _would_fields(unmet)
        if not unmet:
            return {"action": "accept", **(_rule_fields(sender) if sender else {})}
        reported = max(unmet, key=lambda c: strictness(c.action))
        verdict.update(action=reported.action, reason=reported.outcome.reason,
                       failed=reported.outcome.failed, **_rule_fields(reported.match))
        if reported.action in ("reject", "tempfail"):
            verdict["reply"] = reply(reported, facts)
        return verdict


def _recipients(facts):
    """The addresses under which a recipient is looked up, distinct."""
    if "to" not in facts:
        return []
    given = names.address(facts["to"])
    if given == names.Address("postmaster", None) or "to_resolved" not in facts:
        return [given]
    resolved = names.address(facts["to_resolved"])
    return [given, resolved] if resolved.domain and resolved != given else [given]


def _rule_fields(match):
    settings = match.rule.settings
    return {"rule": match.where, "rule_kind": match.rule.kind,
            "rule_name": match.who.name if match.who else None,
            "contact": settings.contact, "note": settings.note}


def _would_fields(unmet):
    held = [c for c in unmet if c.monitored and c.outcome.action != "accept"]
    if not held:
        return {}
    strictest = max(held, key=lambda c: strictness(c.outcome.action))
    return {"would": strictest.outcome.action,
            "would_reason": strictest.outcome.reason,
            "would_failed": strictest.outcome.failed,
            "would_rule": strictest.match.where}


class Reply(NamedTuple):
    code: str
    enhanced: str
    text: Optional[re.Pattern]      # None where the text is the default one


def _default_codes(reason, action):
    if action == "tempfail":
        return "451", "4.7.1" if reason.startswith("certificate") else "4.7.0"
    if reason.startswith("certificate"):
        return "550", "5.7.1"
    return ("530" if reason == "tls" else "554"), "5.7.0"


def reply(candidate, facts):
    outcome = candidate.outcome
    code, enhanced = _default_codes(outcome.reason, outcome.action)
    if outcome.reason == sessions.UNKNOWN:
        return Reply(code, enhanced, None)
    own = outcome.otherwise
    text = own.text and _filled(own.text, _values(candidate, facts))
    return Reply(own.code or code, own.enhanced or enhanced, text)


def _values(candidate, facts):
    """The templates' values; one that the contract leaves open is absent."""
    values = {"reason": candidate.outcome.reason}
    domain = _template_domain(candidate.match, facts)
    if domain:
        values["domain"] = domain
    if facts.get("tls_version") in sessions.PROTOCOLS:
        values["tls_version"] = facts["tls_version"]
    if facts.get("cipher") in ciphers.table():
        values["cipher"] = facts["cipher"]
    if facts.get("bits"):
        values["bits"] = str(facts["bits"])
    return values


def _template_domain(match, facts):
    if match.rule.kind == "to":
        return None if "to_resolved" in facts else match.address.domain
    return match.address.domain if match.address else "<>"


def _filled(template, values):
    """A pattern of the texts that TEMPLATE may come to."""
    pattern, end = "", 0
    for match in _PLACEHOLDER.finditer(template):
        pattern += re.escape(template[end:match.start()])
        name = match.group(1)
        value = re.escape(values[name]) if name in values else ".+"
        pattern += value if name else re.escape("{")
        end = match.end()
    return re.compile(pattern + re.escape(template[end:]))
