/*
 * case_expect.h - what a case says is to come out.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_CASE_EXPECT_H
#define TLSWARD_CASE_EXPECT_H

#include "tool/case.h"

/*
 * The name of a field as one of "names" has it, which gives them by number; NULL
 * where it is none of them.
 */
const char *case_name(const struct word *word, const char *(*names)(size_t index));

bool case_is_action(const char *word);

/* Take the word as what it is to be, or report it. */
bool case_take_action(struct cases *cases);
void case_take_reason(struct cases *cases);
void case_take_expected(struct cases *cases);

#endif
