/*
 * test_result.h - how a case came out, and how that is shown.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_TEST_RESULT_H
#define TLSWARD_TOOL_TEST_RESULT_H

#include "tool/case.h"
#include "base/buffer.h"

/* A case that was judged. All of it is borrowed. */
struct test_result {
	const char *file;		/* of cases */
	const struct test_case *test;
	const struct journal_record *record;
	const char *policy;		/* for explain: the file */
	const char *config;		/* for explain: the settings; NULL: none named */
	bool has_day;			/* it was judged as on a day that is named */
};

/* Whether all came out that was expected. Failure of memory shows in *failed. */
bool test_passed(const struct test_result *result, bool *failed);

/* Appends what differs, for people. */
void test_text(const struct test_result *result, struct buffer *text);

/* Appends a line of JSON, without the newline, of a case that passed or did not. */
void test_json(const struct test_result *result, bool passed, struct buffer *text);

#endif
