/*
 * cipher-once.c - OpenSSL's tables are read once, for programs that load many policies.
 *
 * Reading them takes longer than all else of a small policy. Linked with --wrap of the
 * three functions; the table stays until the program ends.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/cipher.h"

struct cipher_table *__real_cipher_table_new(void);
struct cipher_table *__wrap_cipher_table_new(void);
void __wrap_cipher_table_free(struct cipher_table **table);
void __wrap_cipher_table_close(struct cipher_table *table);

struct cipher_table *
__wrap_cipher_table_new(void)
{
	static struct cipher_table *table;

	if (table == NULL)
		table = __real_cipher_table_new();
	return table;
}

void
__wrap_cipher_table_close(struct cipher_table *table)
{
	(void)table;
}

void
__wrap_cipher_table_free(struct cipher_table **table)
{
	*table = NULL;
}
