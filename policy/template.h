/*
 * template.h - the texts of replies, with their {names}.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_TEMPLATE_H
#define TLSWARD_POLICY_TEMPLATE_H

#include <stddef.h>

/* The longest TEXT that a policy may give. */
#define TEMPLATE_MAX 400

enum template_name {
	TEMPLATE_DOMAIN, TEMPLATE_REASON, TEMPLATE_REQUIRED, TEMPLATE_TLS_VERSION,
	TEMPLATE_CIPHER, TEMPLATE_BITS, TEMPLATE_SESSION,
	TEMPLATE_NAMES,			/* those that a policy may use */
	TEMPLATE_CLIENT = TEMPLATE_NAMES, TEMPLATE_PRESENTED, TEMPLATE_NAMED,
	TEMPLATE_COUNT
};

extern const char *const template_names[TEMPLATE_COUNT];

enum template_error { TEMPLATE_OK, TEMPLATE_BRACE, TEMPLATE_NAME };

/* Looks for what cannot be in a template: *at and *length are the unknown name. */
enum template_error template_check(const char *text, const char **at, size_t *length);

/*
 * Writes the template with the values of its names, in printable ASCII (what is
 * not becomes "?"), cut at "size" - 1 bytes and terminated. The template must
 * have passed template_check().
 */
void template_fill(const char *text, const char *const values[TEMPLATE_COUNT],
    char *out, size_t size);

#endif
