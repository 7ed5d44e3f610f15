/*
 * suggest.h - what a mistyped word was probably meant to be.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_SUGGEST_H
#define TLSWARD_BASE_SUGGEST_H

#include <stddef.h>

/*
 * The candidate that "word" (of "length" bytes) was probably meant to be, or
 * NULL where none is close.
 */
const char *suggest_word(const char *word, size_t length,
    const char *const *candidates, size_t count);

#endif
