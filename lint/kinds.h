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
	    "%s has requirements and nothing is said of the domains below it: add " \
	    ".%s") \
	KIND(CLIENT_NAME, "client-by-name", WARNING, \
	    "a rule that restricts a client by its name is escaped by losing the " \
	    "name's reverse DNS: name its network") \
	KIND(CLEAR_TEXT, "clear-text-milder", WARNING, \
	    "clear text gets %s here, which is milder than %s for %s") \
	KIND(PUBLIC, "clear-text-refused", WARNING, \
	    "the default answers clear text with %s, which RFC 3207, section 4, " \
	    "forbids to a server that an MX record names: if this is one, put the " \
	    "default under monitor or let it accept") \
	KIND(LOOSENS, "loosens-profile", WARNING, \
	    "this loosens what the profile \"%s\" says (%s)") \
	KIND(OVERRIDDEN, "overridden", WARNING, \
	    "this has no effect: at line %u of the same block %s %s") \
	KIND(OTHERWISE, "otherwise-unused", WARNING, \
	    "this action is for no requirement: %s") \
	KIND(ENFORCE, "enforces-nothing", WARNING, \
	    "there is nothing to undo: neither monitor nor exempt comes before this") \
	KIND(PROFILE, "profile-unused", WARNING, \
	    "no rule uses the profile \"%s\"") \
	KIND(CIPHER, "cipher-unused", WARNING, \
	    "this cipher list has no effect: it is for sessions up to TLS 1.2, and " \
	    "TLS 1.3 is required; name suites with ciphersuites") \
	KIND(IMPOSSIBLE, "impossible", WARNING, \
	    "no session can meet these requirements: there is no cipher suite that " \
	    "meets all of %s") \
	KIND(IMPOSSIBLE_LIST, "impossible-list", WARNING, \
	    "no suite of this list meets what else is required (%s): only %s can " \
	    "meet these requirements") \
	KIND(ONE_KEY, "one-key", WARNING, \
	    "only one key is pinned: on the day the partner changes it, no mail of " \
	    "the partner meets this; name the next key as well") \
	KIND(ISSUER, "issuer-alone", WARNING, \
	    "the issuer's name alone is no proof of who the client is: whoever has " \
	    "a certificate of that CA meets this; require a name or a fingerprint " \
	    "too") \
	KIND(PROVIDER, "shared-provider", WARNING, \
	    "\"%s\" is a name of %s, which all of its customers present: it is no " \
	    "proof of which of them the client is") \
	KIND(UNANCHORED, "unanchored-exempt", WARNING, \
	    "the regular expression is not anchored at both ends and the rule " \
	    "exempts: whoever has a name that merely contains it is let in") \
	KIND(REGEX_END, "unanchored-name", WARNING, \
	    "the regular expression is not anchored where a name was probably " \
	    "meant: %s matches it too; did you mean /%s/?") \
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
	    "there is a private key%s: nobody here needs it")

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
