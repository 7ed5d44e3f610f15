/*
 * suites.h - cipher suites: those that a probe offers by hand, and that settings name.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_SUITES_H
#define TLSWARD_TOOL_SUITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each suite is of one kind: of several that fit, the worst. */
enum suite_kind {
	SUITE_SOUND,		/* of none of the others */
	SUITE_3DES, SUITE_RC4, SUITE_DES, SUITE_EXPORT, SUITE_ANONYMOUS, SUITE_NULL,
	SUITE_KINDS
};
#define SUITE_ALL_KINDS ((1U << SUITE_KINDS) - 1)
#define SUITE_WEAK_KINDS (SUITE_ALL_KINDS & ~(1U << SUITE_SOUND))

enum suite_exchange {
	EXCHANGE_OTHER, EXCHANGE_DHE, EXCHANGE_ECDHE	/* anonymous ones too */
};

struct suite {
	uint16_t code;		/* IANA's */
	enum suite_kind kind;
	const char *name;	/* OpenSSL's, also of those that it no longer has */
	const char *standard;	/* IANA's, of those that other systems' settings name; or NULL */
};

#define SUITES_MAX 192

/*
 * The suite at "index", or NULL behind the last: those of TLS 1.3, then in the order of a
 * client that prefers the best, but the common ones first: Windows Server 2003 looks at
 * the first 64 alone.
 */
const struct suite *suite_at(size_t index);

/* The one with that code; of that name, of so many bytes; of IANA's, any case; or NULL. */
const struct suite *suite_of_code(uint16_t code);
const struct suite *suite_of_name(const char *name, size_t length);
const struct suite *suite_of_standard(const char *name, size_t length);

/* Whether it is of TLS 1.3 alone; of TLS 1.2 and of nothing older. */
bool suite_is_tls13(const struct suite *suite);
bool suite_is_tls12(const struct suite *suite);

enum suite_exchange suite_exchange(const struct suite *suite);

/* Secret bits of its key, as OpenSSL before 3.5 counts them for CCM8 too. */
int suite_bits(const struct suite *suite);

#endif
