/*
 * kinds.h - the kinds of warning: what each is called and says.
 *
 * tlsward-policy(5) explains each; a test holds the two together, and another that each
 * has a case.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_LINT_KINDS_H
#define TLSWARD_LINT_KINDS_H

/* KIND(NAME, identifier, severity, text) */
#define LINT_KINDS(KIND) \
	KIND(INCLUDE_EMPTY, "include-empty", WARNING, \
	    "no file matches \"%s\"") \
	KIND(EMPTY, "no-rules", WARNING, \
	    "there is no rule in this policy: all mail is accepted, in clear text too") \
	KIND(DATE_PAST, "date-past", WARNING, \
	    "%s is past: this %s does nothing any more") \
	KIND(DATE_SOON, "date-soon", WARNING, \
	    "%s is in %d %s: this %s ends then; renew it or tell the partner") \
	KIND(LOOSER, "looser", WARNING, \
	    "%s is looser than %s, in whose place it stands: %s") \
	KIND(SAME, "same-as-other", WARNING, \
	    "%s says the same as %s, in whose place it stands: without this rule " \
	    "nothing would change") \
	KIND(NOTHING, "requires-nothing", WARNING, \
	    "this rule requires nothing and takes no other's place: it changes no " \
	    "verdict") \
	KIND(SUBDOMAINS, "no-subdomains", WARNING, \
	    "%s has requirements, and the domains below it have none: add %s") \
	KIND(ITSELF, "no-domain-itself", WARNING, \
	    "%s has requirements, and %s itself has none: add that, too") \
	KIND(EXEMPT_SENDER, "exempt-by-sender", WARNING, \
	    "anybody can write this sender and gets past the %s rule at line %u of " \
	    "%s as well: the envelope sender proves nothing; name the clients that it is " \
	    "for with via") \
	KIND(VIA_ONLY, "via-only", WARNING, \
	    "%s is for these clients alone: mail from elsewhere falls to %s, which " \
	    "demands less; add a rule without via") \
	KIND(EXEMPT_CLIENT, "exempt-by-client", WARNING, \
	    "this rule refuses nothing: the client rule at line %u of %s exempts " \
	    "all of these clients") \
	KIND(VIA_NAME, "via-by-name", WARNING, \
	    "a client that loses its name's reverse DNS falls to the rule without " \
	    "via, which is looser: name its network") \
	KIND(CLIENT_NAME, "client-by-name", WARNING, \
	    "a rule that restricts a client by its name is escaped by losing the " \
	    "name's reverse DNS: name its network") \
	KIND(CLEAR_TEXT, "clear-text-milder", WARNING, \
	    "clear text gets %s here, which is milder than %s for %s") \
	KIND(ACCEPTS, "accepts-all", WARNING, \
	    "this rule refuses nothing: each of its requirements has otherwise " \
	    "accept; to look first and be told, write monitor") \
	KIND(PUBLIC, "clear-text-refused", WARNING, \
	    "the default answers clear text with %s, which RFC 3207, section 4, " \
	    "forbids to a server that an MX record names: if this is one, put the " \
	    "default under monitor or let it accept") \
	KIND(LOOSENS, "loosens-profile", WARNING, \
	    "this loosens what the profile \"%s\" says (%s)") \
	KIND(OVERRIDDEN, "overridden", WARNING, \
	    "this has no effect: at line %u of the same block %s %s") \
	KIND(OVERLAP, "overlap", WARNING, \
	    "%s this list takes the place of that at line %u, and is not added to " \
	    "it: write what counts on these days into one list") \
	KIND(GAP, "gap", WARNING, \
	    "%s nothing is required of this kind (%s): an until is the day's start, " \
	    "as a from is") \
	KIND(ENDS, "requires-until", WARNING, \
	    "from %s on this rule requires nothing: until is the day on which a " \
	    "requirement ends; for one that begins then write from") \
	KIND(OTHERWISE, "otherwise-unused", WARNING, \
	    "this action is for no requirement: %s") \
	KIND(ENFORCE, "enforces-nothing", WARNING, \
	    "there is nothing to undo: neither monitor nor exempt comes before this") \
	KIND(PROFILE, "profile-unused", WARNING, \
	    "no rule uses the profile \"%s\"") \
	KIND(CIPHER, "cipher-unused", WARNING, \
	    "this cipher list has no effect: it is for sessions up to TLS 1.2, and " \
	    "TLS 1.3 is required; name suites with ciphersuites") \
	KIND(CIPHER_NOTHING, "cipher-nothing", WARNING, \
	    "\"%s\" selects no cipher suite here: see openssl-ciphers(1)") \
	KIND(CIPHER_SUITE, "cipher-suite", WARNING, \
	    "\"%s\" is a suite of TLS 1.3, and this list is for sessions up to TLS 1.2: " \
	    "name it with ciphersuites") \
	KIND(IMPOSSIBLE, "impossible", WARNING, \
	    "no session can meet these requirements: there is no cipher suite that " \
	    "meets all of %s") \
	KIND(IMPOSSIBLE_LIST, "impossible-list", WARNING, \
	    "no suite of this list meets what else is required (%s): only %s can " \
	    "meet these requirements") \
	KIND(ONE_KEY, "one-key", WARNING, \
	    "only one key is pinned: on the day the partner changes it, no mail of " \
	    "the partner meets this; name the next key as well") \
	KIND(RENEWAL, "renewal-soon", WARNING, \
	    "only the key of \"%s\" is pinned, whose certificate ends on %s and will " \
	    "be renewed before, with another key perhaps: ask the partner for that " \
	    "now and name it as well") \
	KIND(PURPOSE, "certificate-purpose", WARNING, \
	    "the certificate in \"%s\" is not for client authentication: no MTA " \
	    "verifies it of a client, and this is never met; require its key by " \
	    "fingerprint instead") \
	KIND(ISSUER, "issuer-alone", WARNING, \
	    "the issuer's name alone does not prove who the client is: anybody with " \
	    "a certificate of that CA meets this; require a name or a fingerprint " \
	    "too") \
	KIND(NAME_NEVER, "name-never", WARNING, \
	    "no certificate of a host has the name \"%s\": name the host in full, or " \
	    "*.example.org for all with one label more") \
	KIND(PROVIDER, "shared-provider", WARNING, \
	    "\"%s\" is a name of %s, which all of its customers share: it does not " \
	    "prove which of them the client is") \
	KIND(OUTGOING_STRICTER, "outgoing-stricter", WARNING, \
	    "Postfix can only be told more than this: %s") \
	KIND(OUTGOING_NOTHING, "outgoing-nothing", WARNING, \
	    "no session can be as this rule and main.cf (smtp_tls_mandatory_protocols, " \
	    "excluded ciphers) want it: mail for it stays in the queue") \
	KIND(OUTGOING_MAY, "outgoing-may", WARNING, \
	    "%s: Postfix is told may, which goes below what main.cf, DANE and MTA-STS " \
	    "ask for; without the rule, or under monitor, they hold") \
	KIND(CODE_IN_TEXT, "code-in-text", WARNING, \
	    "the text begins with a reply code, behind which another stands in the reply: " \
	    "write the code before the quotes") \
	KIND(ISSUER_WORDS, "issuer-words", WARNING, \
	    "these are several issuers, each of one word: an issuer's name of several words " \
	    "is written in double quotes") \
	KIND(OUTGOING_POSTFIX, "outgoing-postfix", WARNING, \
	    "Sendmail cannot be told this of mail that goes out, only Postfix can: %s") \
	KIND(UNANCHORED, "unanchored-exempt", WARNING, \
	    "the regular expression is not anchored at both ends and the rule " \
	    "exempts: anybody with a name that merely contains it is let in") \
	KIND(REGEX_END, "unanchored-name", WARNING, \
	    "the regular expression is not anchored where a name was probably " \
	    "meant: %s matches it too; did you mean /%s/?") \
	KIND(REGEX_ADDRESS, "unanchored-address", WARNING, \
	    "the expression on addresses is not anchored at both ends: an address " \
	    "that merely contains it matches, too; write ^ and $") \
	KIND(REGEX_CLIENT, "unanchored-client", WARNING, \
	    "the regular expression is not anchored at both ends: anybody with a " \
	    "host name that merely contains it is taken for this client") \
	KIND(REGEX_NO_AT, "regex-without-at", WARNING, \
	    "each @ of this expression is in [^@], so that it is held against the " \
	    "domain, in which there is none: rewrite it, with . for [^@], or with " \
	    "an @ of its own for the whole address") \
	KIND(REGEX_DOT, "regex-dot", WARNING, \
	    "a dot in a regular expression stands for any character: write \\. " \
	    "where a dot is meant") \
	KIND(REGEX_CASE, "regex-case", WARNING, \
	    "names are compared in lower case: this regular expression has upper " \
	    "case and never matches") \
	KIND(REGEX_SHADOWED, "regex-unreached", WARNING, \
	    "this regular expression is never reached: %s, at line %u of %s, " \
	    "applies before it") \
	KIND(REGEX_SLOW, "regex-slow", WARNING, \
	    "the regular expression backtracks badly: on some names it is given " \
	    "up, and whether it matches stays unknown; do not nest + or *, or " \
	    "repeat alternatives that overlap") \
	KIND(CERTIFICATE_EXPIRY, "certificate-expiry", WARNING, \
	    "the certificate%s %s on %s") \
	KIND(CERTIFICATE_EARLY, "certificate-early", WARNING, \
	    "the certificate%s is not valid before %s") \
	KIND(CERTIFICATE_KEY, "certificate-key", WARNING, \
	    "the certificate%s has a key that is weak or not known: %s") \
	KIND(CERTIFICATE_SIGNATURE, "certificate-signature", WARNING, \
	    "the certificate%s has a signature that is weak or not known: %s") \
	KIND(CERTIFICATE_MORE, "certificate-more", WARNING, \
	    "there are %zu certificates%s: only the first counts") \
	KIND(PRIVATE_KEY, "private-key", WARNING, \
	    "there is a private key%s: nobody here needs it") \
	KIND(ALLOW_UNKNOWN, "allow-unknown", WARNING, \
	    "\"%s\" is not known behind \"# tlsward:\": %s") \
	KIND(ALLOW_UNUSED, "allow-unused", INFO, \
	    "nothing is warned of that \"allow %s\" is for")

/* The names of warnings that are not given here: of settings, files and the MTA. */
#define LINT_OTHER_IDS \
	"certificate-unreadable", "dates", "facts-missing", "journal-unusable", \
	"metrics-open", "mta-way", "not-a-certificate", "postfix-settings", \
	"settings-changed"

enum lint_kind {
#define LINT_NUMBER(name, id, severity, text) LINT_##name,
	LINT_KINDS(LINT_NUMBER)
	LINT_COUNT
};

/* The texts one by one, so that the compiler sees what they are formats of. */
#define LINT_TEXT(name, id, severity, text) static const char lint_text_##name[] = text;
LINT_KINDS(LINT_TEXT)

/* A kind and its text, as lint_warn() and its like take them. */
#define KIND(name) LINT_##name, lint_text_##name

#endif
