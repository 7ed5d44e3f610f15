/*
 * encoded.h - text as Sendmail encodes it for its macros, and Postfix for policies.
 *
 * Either writes a byte that is not a plain one as + and two hex digits (xtext).
 * A full name went through OpenSSL's X509_NAME_oneline() before: a byte that is not
 * printable ASCII is \x and two hex digits there, and since OpenSSL 3 a / or + within
 * a value has a \ before it. Thread-safe; nothing allocates.
 *
 * All of them write to "out", which has "size" bytes, and return it. Text that does
 * not fit, or that hides a NUL, becomes the empty text.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_ENCODED_H
#define TLSWARD_MILTER_ENCODED_H

#include <stddef.h>

typedef const char *encoded_decoder(const char *encoded, char *out, size_t size);

/* Undoes +XX, of {auth_authen} and Postfix's ccert_subject and the like. */
encoded_decoder encoded_text;

/*
 * The same of {cn_subject} and {cn_issuer}. What Sendmail puts in the place of a name
 * that it could not read (BadCertificate...) becomes the empty name, which no pattern
 * matches.
 */
encoded_decoder encoded_common_name;

/*
 * Of {cert_subject} and {cert_issuer}: for people to read. What was a / within a value
 * looks like the beginning of the next one, so no part of it proves anything.
 */
encoded_decoder encoded_full_name;

#endif
