# SPDX-License-Identifier: ISC
"""A second reading of the policy contract: which verdict do facts get?

Oracle(PATH, DATE).judge(FACTS) gives what `tlsward decide` should give for
these facts, as far as FIELDS go, and the reply in parts.
"""

import re
from typing import NamedTuple, Optional

import ciphers
import clients
import language
import names
import outgoing
import session as sessions
import steps

FIELDS = ("action", "reason", "failed", "rule", "rule_kind", "rule_name", "rule_via",
          "partner", "enforced", "would", "would_reason", "would_failed", "would_rule",
          "exempt", "contact", "note")
ACTIONS = ("accept", "quarantine", "tempfail", "reject")
REASONS = ("client", "tls", "tls-version", "bits", "cipher", "forward-secrecy", "aead",
           "certificate", "certificate-name", "certificate-issuer",
           "certificate-fingerprint", "certificate-key", "certificate-signature",
           "certificate-validity", "dane")
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
    """A rule that applies, by which WHO and client, and for which address."""
    rule: language.Rule
    who: Optional[language.Who]
    via: Optional[language.Who]
    unsure: bool        # another might have come before it
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


def _unmet(failed, reason, otherwise, session):
    action = otherwise.action
    if reason == sessions.UNKNOWN and session.outgoing:
        action = "accept"
    elif reason == sessions.UNKNOWN and action == "reject":
        action = "tempfail"
    return Unmet(failed, reason, action, otherwise)


def _clear_text_otherwise(settings):
    if "tls" in settings.requirements:
        return settings.requirements["tls"].otherwise or settings.otherwise
    ordered = [settings.requirements[kind].otherwise or settings.otherwise
               for kind in sessions.CHECKS
               if kind in settings.requirements and kind != "client"]
    return max(ordered, key=lambda otherwise: strictness(otherwise.action))


def _unmet_requirements(settings, session, kinds):
    found = []
    for kind in kinds:
        requirement = settings.requirements[kind]
        check, name = sessions.CHECKS[kind]
        answer = check(session, requirement.argument)
        if answer != sessions.MET:
            failed = name if answer == sessions.UNKNOWN else answer
            otherwise = requirement.otherwise or settings.otherwise
            found.append(_unmet(failed, answer, otherwise, session))
    return found


def _outcome(unmet):
    if not unmet:
        return Outcome("accept", None, [], None)
    chosen = max(unmet, key=lambda u: strictness(u.action))
    failed = sorted({u.failed for u in unmet}, key=REASONS.index)
    return Outcome(chosen.action, chosen.reason, failed, chosen.otherwise)


def evaluate(settings, session):
    """What a rule's requirements make of a session."""
    kinds = [kind for kind in sessions.CHECKS if kind in settings.requirements]
    of_tls = [kind for kind in kinds if kind != "client"]
    if session.encrypted or not of_tls:
        return _outcome(_unmet_requirements(settings, session, kinds))
    reason = sessions.UNKNOWN if session.encrypted is None else "tls"
    unmet = _unmet_requirements(settings, session, [k for k in kinds if k == "client"])
    unmet.append(_unmet("tls", reason, _clear_text_otherwise(settings), session))
    return _outcome(unmet)


def _softened(outcome):
    if outcome.action != "reject":
        return outcome
    return outcome._replace(action="tempfail", reason=sessions.UNKNOWN)


class Options(NamedTuple):
    """The settings that have a say; their names are those of tlsward.conf."""
    mode: str = "enforce"
    recipient_delimiter: str = "+"
    postfix_version: str = "3.7"
    reply_suffix: Optional[str] = None


class Oracle:
    def __init__(self, path, today, options=Options()):
        policy = language.read_policy(path, today)
        self.today = today
        self.options = options
        self.default = policy.default
        self.client, self.sender, self.recipient, self.next_hop = (
            steps.Index([rule for rule in policy.rules if rule.kind == kind])
            for kind in ("client", "from", "to", "deliver"))

    def judge(self, facts):
        fields = {}
        if facts.get("direction") == "out":
            client, to_matches = None, []
            sender = self._match(*self.next_hop.of_next_hop(facts["next_hop"]), None)
            fields["tls_policy"] = outgoing.wanted(
                sender and sender.rule, self.today, self.options.mode == "monitor")
        else:
            client, to_matches, sender = self._applicable(facts)
        if sender and sender.rule.partner:
            fields["partner"] = sender.rule.partner.name
        return {**fields, **self._judge(client, to_matches, sender, facts)}

    def _judge(self, client, to_matches, sender, facts):
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
        address = None if names.is_null(text) else names.address(text)
        client = clients.client(facts)
        delimiters = self.options.recipient_delimiter
        to_matches = [self._match(*self.recipient.of_recipient(r, client, delimiters), r)
                      for r in _recipients(facts)]
        return (self._match(*self.client.of_client(client), address), to_matches,
                self._match(*self.sender.of_sender(address, client), address,
                            self.default))

    @staticmethod
    def _match(found, unsure, address, default=None):
        if found:
            return Match(found.rule, found.who, found.via, unsure, address)
        return Match(default, None, None, unsure, address) if default else None

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
        monitored = (self.options.mode == "monitor" or
                     until is not None and until.active(self.today))
        outcome = evaluate(settings, session)
        return Candidate(match, _softened(outcome) if match.unsure else outcome,
                         monitored)

    def _verdict(self, candidates, sender, facts):
        verdict = _would_fields(candidates)
        unmet = [c for c in candidates if c.outcome.reason and not c.monitored]
        reported = max(unmet, key=lambda c: strictness(c.action), default=None)
        verdict["action"] = reported.action if reported else "accept"
        if "would" in verdict and verdict["action"] == "accept":
            verdict["enforced"] = "no"
        if not reported:
            return {**verdict, **(_rule_fields(sender) if sender else {})}
        verdict.update(reason=reported.outcome.reason, failed=reported.outcome.failed,
                       **_rule_fields(reported.match))
        refuses = reported.action in ("reject", "tempfail")
        if refuses and facts.get("direction") != "out":
            verdict["reply"] = reply(reported, facts, self.options.reply_suffix)
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
            "rule_via": match.via.name if match.via else None,
            "contact": settings.contact, "note": settings.note}


def _would_fields(candidates):
    held = [c for c in candidates if c.monitored and c.outcome.action != "accept"]
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
    suffix: Optional[re.Pattern]    # of the default one


def _default_codes(reason, action):
    who = reason == "client" or reason.startswith("certificate")
    if action == "tempfail":
        return "451", "4.7.1" if who else "4.7.0"
    if who:
        return "550", "5.7.1"
    return ("530" if reason == "tls" else "554"), "5.7.0"


def reply(candidate, facts, suffix=None):
    outcome = candidate.outcome
    code, enhanced = _default_codes(outcome.reason, outcome.action)
    values = _values(candidate, facts)
    suffix = suffix and _filled(suffix, values)
    if outcome.reason == sessions.UNKNOWN:
        return Reply(code, enhanced, None, suffix)
    own = outcome.otherwise
    text = own.text and _filled(own.text, values)
    return Reply(own.code or code, own.enhanced or enhanced, text, suffix)


def _values(candidate, facts):
    """The templates' values as patterns; what is not known is empty."""
    values = {name: re.escape(str(facts.get(name, "")))
              for name in ("session", "tls_version", "cipher", "bits")}
    values["domain"] = re.escape(_template_domain(candidate.match, facts))
    values["reason"] = re.escape(candidate.outcome.reason)
    values["required"] = ".+"
    if facts.get("tls_version") == "none":
        values["tls_version"] = ".+"
    # What the MTA does not report, or not well, OpenSSL's tables may tell.
    known = ciphers.table().get(facts.get("cipher"))
    if known:
        values["bits"] = f"(?:{values['bits']}|{known.bits})"
    return values


def _template_domain(match, facts):
    if match.rule.kind != "to" and match.address is None:
        return "<>"
    return match.address.domain or ""


def _filled(template, values):
    """A pattern of the texts that TEMPLATE may come to."""
    pattern, end = "", 0
    for match in _PLACEHOLDER.finditer(template):
        pattern += re.escape(template[end:match.start()])
        name = match.group(1)
        pattern += values[name] if name else re.escape("{")
        end = match.end()
    return re.compile(pattern + re.escape(template[end:]))
