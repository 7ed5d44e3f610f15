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

/* WHO */
#define MSG_WHO_EXPECTED "expected whom the rule is for, found %s"
#define MSG_WHO_TWICE "%s has a rule already, at %s:%u:%u"
#define MSG_WHO_NULL "only a from rule can name the null sender <>"
#define MSG_WHO_POSTMASTER "only a to rule can name the bare postmaster: a domain " \
    "of that name is a string"
#define MSG_WHO_WILDCARD "\"%s\" is not how domains below one are named: did you mean \"%s\"?"
#define MSG_WHO_DOMAIN "\"%s\" is neither a domain nor an address"
#define MSG_WHO_IP "\"%s\" is an IP address: a from or to rule names domains and " \
    "addresses; did you mean a client rule?"
#define MSG_WHO_LOCAL_PART "\"%s\" names no mailbox before the @: did you mean \"%s\"?"
#define MSG_WHO_CLIENT "\"%s\" is neither a host name, nor an IP address or network"
#define MSG_WHO_CLIENT_ADDRESS "\"%s\" is a mail address: a client rule names hosts " \
    "and networks"
#define MSG_WHO_PREFIX "bad prefix length in \"%s\": expected a number up to %d"
#define MSG_WHO_HOST_BITS "\"%s\" has host bits set: did you mean \"%s\"?"
#define MSG_WHO_FILE "expected the path of a list in double quotes after \"file\", found %s"

/* Settings */
#define MSG_USE_EXPECTED "expected the name of a profile, found %s"
#define MSG_REQUIREMENT "unknown requirement \"%s\"%s"
#define MSG_REQUIREMENT_EXPECTED "expected a requirement (%s or nothing), found %s"
#define MSG_VERSION "unknown TLS version \"%s\": expected 1.0, 1.1, 1.2 or 1.3"
#define MSG_VERSION_EXPECTED "expected a TLS version (1.0, 1.1, 1.2 or 1.3), found %s"
#define MSG_AT_LEAST "expected \">=\", found %s"
#define MSG_BITS "\"%s\" is not a number of bits from 1 to 256"
#define MSG_BITS_EXPECTED "expected a number of bits, found %s"
#define MSG_CIPHER_EXPECTED "expected a list of ciphers in double quotes, found %s"
#define MSG_CIPHER "the list selects no cipher of this OpenSSL: see openssl-ciphers(1)"
#define MSG_SUITE "unknown TLS 1.3 cipher suite \"%.*s\"%s"
#define MSG_CERTIFICATE "unknown requirement on a certificate \"%s\"%s"
#define MSG_PATTERN_EXPECTED "expected a name or a regular expression, found %s"
#define MSG_PATTERN_EMPTY "an empty name matches nothing"
#define MSG_PATTERN_WILDCARD "in \"%s\" the * does not stand for the whole first label: " \
    "write *.example.org, or a regular expression"
#define MSG_PIN_EXPECTED "expected a fingerprint (sha256:HEX), found %s"
#define MSG_PIN_NAME "\"%s\" does not name its algorithm: write sha256:HEX or sha1:HEX"
#define MSG_PIN_ALGORITHM "unknown algorithm in \"%s\": expected sha256 or sha1"
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
#define MSG_CODE "\"%s\" is not a reply code"
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
#define MSG_CONTACT_EXPECTED "expected a contact, found %s"
#define MSG_NOTE_EXPECTED "expected the note in double quotes, found %s"

#endif
