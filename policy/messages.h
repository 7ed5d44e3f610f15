/*
 * messages.h - the text of every diagnostic of the policy language.
 *
 * tlsward-policy(5) explains each; a test holds the two together.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_MESSAGES_H
#define TLSWARD_POLICY_MESSAGES_H

/* Text */
#define MSG_NUL "a NUL byte: policy files are text"
#define MSG_UTF8 "broken UTF-8: save the file as UTF-8"
#define MSG_CONTROL "a control character has no place here"
#define MSG_CHARACTER "unexpected \"%.*s\": a name with such a character is " \
    "written as a string, in double quotes"
#define MSG_COMMA "unexpected \",\": what is in a list is separated by spaces, and " \
    "settings by \";\" or the end of the line"
#define MSG_ANGLE "unexpected \"<\": an address stands without \"<\" and \">\""
#define MSG_QUOTE "unexpected \"'\": a string stands in double quotes"
#define MSG_EQUALS "unexpected \"%.*s\": a value follows its word with nothing between, and " \
    "the least that is required behind \">=\""
#define MSG_SPACE "white space beyond ASCII: write an ordinary space"
#define MSG_JOIN "a backslash joins lines only at the very end of a line"
#define MSG_ESCAPE "a backslash in a string stands only before \" or another backslash"
#define MSG_STRING_OPEN "the string has no closing quote on its line"
#define MSG_REGEX_OPEN "the regular expression has no closing slash on its line"
#define MSG_REGEX_FLAG "unknown flag \"%.*s\" of a regular expression: only i is known"
#define MSG_REGEX "bad regular expression: %s (at character %zu of it)"

/* Files */
#define MSG_INCLUDE_MISSING "cannot read \"%s\": %s"
#define MSG_INCLUDE_SELF "\"%s\" includes itself"
#define MSG_INCLUDE_TWICE "\"%s\" is included already, at %s:%u:%u"
#define MSG_INCLUDE_DEEP "files include each other more than %d deep"
#define MSG_EXPECTED_PATH "expected the path in double quotes, found %s"
#define MSG_LIST_MISSING "cannot read the list \"%s\": %s"
#define MSG_LIST_ENTRY "one entry a line: unexpected \"%.*s\" after the first"

/* Structure */
#define MSG_STATEMENT "unknown statement \"%s\"%s"
#define MSG_STATEMENT_EXPECTED "expected a statement (%s), found %s"
#define MSG_CLOSE_STRAY "this \"}\" closes nothing"
#define MSG_OPEN_EXPECTED "expected \"{\", found %s"
#define MSG_BLOCK_OPEN "this block is never closed: \"}\" is missing"
#define MSG_BLOCK_STATEMENT "\"%s\" begins a statement, not a setting: is the \"}\" " \
    "of the block at line %u missing?"
#define MSG_END_EXPECTED "expected the end of the %s, found %s"
#define MSG_END_EXPECTED_SETTING "expected the end of the setting, found %s"
#define MSG_SETTING "unknown setting \"%s\"%s"
#define MSG_SETTING_EXPECTED "expected a setting (%s), found %s"

/* Behind these, where a word is known from elsewhere */
#define MSG_HINT_BLOCK ": it stands in incoming { ... } or outgoing { ... }"
#define MSG_HINT_VIA ": write incoming via CLIENT { ... }"
#define MSG_HINT_RULE ": it stands in the block of a rule or an agreement"
#define MSG_HINT_UNTIL ": a date stands at the end of a require line, or behind monitor or " \
    "exempt"
#define MSG_HINT_FROM ": \"from\" DATE stands behind what is required; to enforce from a " \
    "date on, write monitor until DATE"
#define MSG_HINT_REASON ": the date stands before the reason"
#define MSG_HINT_REQUIRE ": each requirement is a setting of its own, with its own \"require\""
#define MSG_HINT_COMMENT ": a comment begins with \"#\""
#define MSG_HINT_TEXT ": a text stands in double quotes"
#define MSG_HINT_PROFILE ": is include \"profiles/%s.conf\" missing?"
#define MSG_HINT_CERTIFICATE ": did you mean name, issuer or file before it?"

/* Profiles and the default */
#define MSG_PROFILE_NAME "expected the name of the profile, found %s"
#define MSG_PROFILE_DEFAULT "a profile cannot be called \"default\""
#define MSG_PROFILE_TWICE "there is a profile \"%s\" already, at %s:%u:%u"
#define MSG_PROFILE_UNKNOWN "there is no profile \"%s\"%s"
#define MSG_PROFILE_LATER "the profile \"%s\" is defined later, at %s:%u:%u: a profile " \
    "may use only earlier ones"
#define MSG_PROFILE_SELF "the profile \"%s\" uses itself"
#define MSG_DEFAULT_TWICE "there is a default already, at %s:%u:%u"
#define MSG_DEFAULT_NONE "there is no default block to use"
#define MSG_DEFAULT_SELF "the default uses itself"

/* Words of the language where a name is expected */
#define MSG_KEYWORD "\"%s\" is a keyword and cannot be a name: %s"
#define MSG_KEYWORD_OR "there is no \"and\" and no \"or\": names that follow each other " \
    "are alternatives, and each requirement is a line of its own"
#define MSG_KEYWORD_EXCEPT "give the exception a rule of its own: the more specific rule " \
    "applies"
#define MSG_KEYWORD_STATEMENT "is the end of the statement before it missing?"
#define MSG_KEYWORD_BOTH "is the end of the statement before it missing? A rule is for " \
    "senders or for recipients, not for both"
#define MSG_KEYWORD_CLIENT "did you mean \"via\", or is the end of the statement before it " \
    "missing?"
#define MSG_KEYWORD_END "is a \";\", a \"{\" or the end of the line missing before it?"
#define MSG_KEYWORD_REQUIRE "is a \";\" or the end of the line missing before it, and " \
    "\"require\"?"
#define MSG_KEYWORD_ACTION "is \"otherwise\" missing before it?"
#define MSG_KEYWORD_NAME "write the name in double quotes"
#define MSG_ONE_LABEL "\"%s\" is a name of one label: was \"%s.example\" meant, or \".%s\" for " \
    "all below it? If that is the name, write it in double quotes"
#define MSG_ONE_LABEL_WORD "\"%s\" is a name of one label: did you mean \"%s\"? If " \
    "that is the name, write it in double quotes"
#define MSG_STAR "a \"*\" has no meaning in \"%s\": write %s"

/* WHO */
#define MSG_WHO_EXPECTED "expected whom the rule is for, found %s"
#define MSG_CLIENT_EXPECTED "expected a client (a host's name, an address or network, " \
    "authenticated or local), found %s"
#define MSG_VIA_OUTGOING "\"via\" is for mail that comes in: mail that goes out has none"
#define MSG_VIA "\"via\" stands once, behind the domains and addresses of a from or to rule, or " \
    "behind \"incoming\""
#define MSG_WHO_TWICE "%s%s has a rule already, at %s:%u:%u%s"
#define MSG_WHO_NULL "only a from rule can name the null sender <>"
#define MSG_WHO_NO_CLIENT "only a client is authenticated or local: did you mean a client " \
    "rule, or \"via\"? A domain of that name is a string"
#define MSG_WHO_POSTMASTER "only a to rule can name the bare postmaster: a domain " \
    "of that name is a string"
#define MSG_WHO_WILDCARD "\"%s\" is not how domains below one are named: did you mean \"%s\"?"
#define MSG_WHO_DELIVER_ADDRESS "\"%s\" is a mail address: a deliver rule names where mail " \
    "goes, by domain"
#define MSG_WHO_DELIVER_REGEX "a deliver rule names domains, and no expressions"
#define MSG_WHO_NEXT_HOP "\"%s\" is not a next hop: write [host], [host]:port or domain:port " \
    "in double quotes, and not in a list"
#define MSG_WHO_BELOW "\"domain %s\" has all below it already: drop the dot"
#define MSG_WHO_NO_NAME "expected the name of a domain after \"domain\""
#define MSG_WHO_DOMAIN "\"%s\" is neither a domain nor an address%s"
#define MSG_WHO_IP "\"%s\" is an IP address: a from or to rule names domains and " \
    "addresses; did you mean a client rule?"
#define MSG_WHO_LOCAL_PART "\"%s\" names no mailbox before the @: did you mean \"%s\"?"
#define MSG_WHO_CLIENT "\"%s\" is neither a host name, nor an IP address or network%s"
#define MSG_WHO_CLIENT_ADDRESS "\"%s\" is a mail address: a client is named by its host or " \
    "network"
#define MSG_WHO_PREFIX "bad prefix length in \"%s\": expected a number up to %d"
#define MSG_WHO_HOST_BITS "\"%s\" has host bits set: did you mean \"%s\"?"
#define MSG_WHO_FILE "expected the path of a list in double quotes after \"file\", found %s"

#define MSG_HINT_RANGE ": a range is written as networks, as 192.0.2.0/28"

/* Agreements */
#define MSG_PARTNER_NAME "expected the name of the partner, found %s"
#define MSG_PARTNER_KEYWORD "\"%s\" is a keyword: write the name in double quotes"
#define MSG_PARTNER_LENGTH "a partner's name has 1 to %d printable characters"
#define MSG_PARTNER_NAME_TWICE "there is a partner \"%s\" already, at %s:%u:%u"
#define MSG_PARTNER_ITEM "unknown line of an agreement \"%s\"%s"
#define MSG_PARTNER_ITEM_EXPECTED "expected a line of the agreement (domain, incoming, " \
    "outgoing, contact or note), found %s"
#define MSG_PARTNER_DOMAIN "expected the partner's domains, found %s"
#define MSG_PARTNER_WHO "an agreement names domains, each with all below it, and addresses"
#define MSG_PARTNER_WORDS "a name of several words is written in double quotes"
#define MSG_PARTNER_TWICE "there is an %s block%s already, at line %u"
#define MSG_PARTNER_LACKS "this agreement has no %s"
#define MSG_PARTNER_NO_DOMAIN "mail goes to domains, and the agreement names none"

/* Mail that goes out */
#define MSG_OUTGOING "require %s cannot be told to an MTA that delivers: %s"
#define MSG_OUTGOING_OTHERWISE "mail that goes out is not refused or held: write " \
    "otherwise tempfail (the message is kept and tried again) or otherwise accept"
#define MSG_OUTGOING_NAMES "name the hosts, each in full: no expression and no \"*\""
#define MSG_OUTGOING_MANY "a value for Postfix has room for 250: leave some out"
#define MSG_OUTGOING_DIGESTS "its pins must be of one algorithm, sha256 or sha1"
#define MSG_OUTGOING_PIN "a pin stands alone: leave certificate, certificate name and dane " \
    "out, or the pin"
#define MSG_OUTGOING_DANE "dane says by itself whose certificate it is: leave certificate " \
    "name out"
#define MSG_OUTGOING_TLS13 "no suite of TLS 1.3 can be excluded: require tls >= 1.2, or leave " \
    "this out"
#define MSG_OUTGOING_UNSEEN "require the server's name (certificate name), its key " \
    "(certificate fingerprint) or dane"
#define MSG_OUTGOING_CLIENT "we are the client there: leave it out"
#define MSG_OUTGOING_DEFAULT "the default is for mail that comes in: use a profile"
#define MSG_INCOMING_DANE "dane is looked up when mail goes out: require it in an outgoing " \
    "block or a deliver rule"

/* Maps of it */
#define MSG_MAP_PARENT "\"%s\" %s, which a file cannot say: Postfix would find the line of " \
    "\"%s\" (%s:%u). Let that rule name its domains one by one, or use tls-policy-map"
#define MSG_MAP_REACH "\"%s\" %s, but Sendmail would hold it to the line of \"%s\" (%s:%u), " \
    "which is for all below, too: name the domains one by one there, or require the same " \
    "here"
#define MSG_MAP_NAMES "\"%s\" has another certificate name than \"%s\" (%s:%u), and " \
    "Sendmail knows one line for both: require the same of both"
#define MSG_MAP_IPV6 "\"%s\": which form an IPv6 address has depends on how Sendmail was " \
    "made: name the host"
#define MSG_MAP_UNSAID "Sendmail cannot be told this of mail that goes out, only Postfix can: %s"
#define MSG_MAP_MORE "Sendmail is told more than this: %s"

/* Settings */
#define MSG_USE_EXPECTED "expected the name of a profile, found %s"
#define MSG_REQUIREMENT "unknown requirement \"%s\"%s"
#define MSG_REQUIREMENT_EXPECTED "expected a requirement (%s or nothing), found %s"
#define MSG_VERSION "unknown TLS version \"%s\"%s"
#define MSG_VERSION_EXPECTED "expected a TLS version (1.0, 1.1, 1.2 or 1.3), found %s"
#define MSG_AT_LEAST "expected \">=\", found %s"
#define MSG_BITS "\"%s\" is not a number of bits from 1 to 256"
#define MSG_BITS_EXPECTED "expected a number of bits, found %s"
#define MSG_CIPHER_EXPECTED "expected a list of ciphers in double quotes, found %s"
#define MSG_CIPHER "the list selects no cipher of this OpenSSL: see openssl-ciphers(1)"
#define MSG_CIPHER_SUITES "the list has suites of TLS 1.3 alone, which \"require ciphersuites\" " \
    "names"
#define MSG_CIPHER_UNKNOWN "unknown cipher \"%.*s\"%s"
#define MSG_SUITE "unknown TLS 1.3 cipher suite \"%.*s\"%s"
#define MSG_SUITE_OLD ": it is one up to TLS 1.2, which \"require cipher\" names"
#define MSG_CERTIFICATE "unknown requirement on a certificate \"%s\"%s"
#define MSG_PATTERN_EXPECTED "expected a name or a regular expression, found %s"
#define MSG_PATTERN_ONE_LABEL "\"%s\" is a name of one label: a certificate has a host's " \
    "whole name; if that is the name, write it in double quotes"
#define MSG_PATTERN_EMPTY "an empty name matches nothing"
#define MSG_PATTERN_WILDCARD "in \"%s\" the * does not stand for the whole first label: " \
    "write *.example.org, or a regular expression"
#define MSG_PIN_EXPECTED "expected a fingerprint (sha256:HEX), found %s"
#define MSG_PIN_NAME "\"%s\" does not name its algorithm: write sha256:HEX or sha1:HEX"
#define MSG_PIN_ALGORITHM "unknown algorithm in \"%s\"%s"
#define MSG_PIN_HEX "\"%s\" is not written in hexadecimal digits"
#define MSG_PIN_LENGTH "\"%s\" has %zu bytes: sha256 has 32 and sha1 has 20"
#define MSG_PIN_FILE "cannot use the certificate \"%s\": %s"
#define MSG_PIN_FILE_EXPECTED "expected the path of a certificate in double quotes, " \
    "found %s"
#define MSG_KEY "\"%s\" is not a key's size from 1 to %d bits"
#define MSG_KEY_EXPECTED "expected the size of an RSA key in bits, found %s"
#define MSG_SIGNATURE "unknown digest of signatures \"%s\"%s"
#define MSG_SIGNATURE_EXPECTED "expected a digest of signatures (sha256), found %s"
#define MSG_DAYS "\"%s\" is not a number of days from 0 to %d"
#define MSG_DAYS_EXPECTED "expected a number of days, found %s"
#define MSG_DAYS_WORD "expected the word \"days\" behind their number, found %s"
#define MSG_ACTION "unknown action \"%s\"%s"
#define MSG_ACTION_EXPECTED "expected an action (reject, tempfail, quarantine or " \
    "accept), found %s"
#define MSG_OTHERWISE_DATE "\"%s\" stands on a require line, before its \"otherwise\""
#define MSG_CODE "\"%s\" is not a reply code%s"
#define MSG_CODE_SWAPPED ": the code, of three digits, stands before the enhanced one"
#define MSG_CODE_ACTION "a reply code goes with reject and tempfail only, not with %s"
#define MSG_CODE_CLASS "%s needs a %cxx code, not %s"
#define MSG_CODE_CLOSES "%s closes the connection and with it the chance of others: " \
    "choose another code"
#define MSG_ENHANCED "\"%s\" is not an enhanced status code: expected %c.X.X"
#define MSG_ENHANCED_CLASS "the enhanced status code %s does not agree with %s"
#define MSG_TEXT_EMPTY "the text is empty"
#define MSG_TEXT_ASCII "a reply's text is printable ASCII"
#define MSG_TEXT_LONG "the text has %zu characters: at most %d"
#define MSG_TEXT_BRACE "\"{\" without its \"}\": a brace itself is written {{"
#define MSG_TEXT_NAME "unknown name \"{%.*s}\" in the text%s"
#define MSG_DATE "\"%s\" is not a date: expected YYYY-MM-DD"
#define MSG_DATE_EXPECTED "expected a date (YYYY-MM-DD), found %s"
#define MSG_SPAN "it ends before it begins: \"until\" must be a day after \"from\""
#define MSG_CONTACT_EXPECTED "expected a contact, found %s"
#define MSG_NOTE_EXPECTED "expected the note in double quotes, found %s"

#endif
