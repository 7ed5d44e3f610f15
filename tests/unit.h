/*
 * unit.h - what the unit tests in C share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_UNIT_H
#define TLSWARD_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Runs "tests" and prints how many passed; the program's exit status. */
#define UNIT_RUN(tests) \
	unit_report((int)(sizeof(tests) / sizeof((tests)[0])), \
	    cmocka_run_group_tests(tests, NULL, NULL))

static inline int
unit_report(int count, int failed)
{
	(void)printf("%d passed, %d failed\n", count - failed, failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
