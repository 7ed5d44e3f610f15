/*
 * unit.h - what the unit tests in C share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_UNIT_H
#define TLSWARD_UNIT_H

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Before cmocka 2, which calls the former deprecated. */
#ifndef assert_int_in_range
#define assert_int_in_range assert_in_range
#endif

/*
 * Runs "tests", or those alone that the program's arguments name ("*" is any text, "?"
 * any character), and prints how many passed; -l lists the names. Returns the program's
 * exit status, which is 2 where an argument names no test.
 */
#define UNIT_RUN(argc, argv, tests) \
	unit_run((argc), (argv), tests, sizeof(tests) / sizeof((tests)[0]))

static inline int
unit_list(const struct CMUnitTest *tests, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)puts(tests[i].name);
	return EXIT_SUCCESS;
}

static inline int
unit_named(const char *pattern, const struct CMUnitTest *tests, size_t count)
{
	int named = 0;

	for (size_t i = 0; i < count; i++)
		named += fnmatch(pattern, tests[i].name, 0) == 0;
	return named;
}

static inline int
unit_run(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	int failed = 0, named = 0;

	if (argc == 2 && strcmp(argv[1], "-l") == 0)
		return unit_list(tests, count);
	for (int i = argc > 1 ? 1 : 0; i < argc; i++) {
		const char *pattern = argc > 1 ? argv[i] : "*";
		int more = unit_named(pattern, tests, count);

		if (more == 0) {
			(void)fprintf(stderr, "%s: no test is named %s\n", argv[0], pattern);
			return 2;
		}
		cmocka_set_test_filter(pattern);
		failed += _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
		named += more;
	}
	(void)printf("%d passed, %d failed\n", named - failed, failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
