/*
 * fact.h - one fact: what its value may be, and where it goes.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_FACT_H
#define TLSWARD_JOURNAL_FACT_H

#include "journal/record.h"

/*
 * Check a value and put it into "facts", which borrow it. False, with a reason
 * in "error", where it is not one for this field; "facts" are then unchanged.
 */
bool fact_from_text(struct facts *facts, const struct record_field *field,
    const char *text, char error[JOURNAL_ERROR_MAX]);
bool fact_from_number(struct facts *facts, const struct record_field *field,
    long long number, char error[JOURNAL_ERROR_MAX]);

/* Is the field's value an integer? */
bool fact_is_number(const struct record_field *field);

/* Says what type the field's value must have, and returns false. */
bool fact_wrong_type(const struct record_field *field,
    char error[JOURNAL_ERROR_MAX]);

/* Writes an error and returns false. */
bool fact_error(char error[JOURNAL_ERROR_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
