/*
 * run.c - plays scenarios: once as written, then with each allocation failing.
 *
 * usage: fake-run [FILE...]	without files all of tests/fake-milter/cases
 *
 * SPDX-License-Identifier: ISC
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/cipher.h"
#include "scenario.h"

static bool
play_all(const struct scenario *scenario, const char *folder)
{
	long allocations = 0, unused;
	bool ok = scenario_play(scenario, folder, 0, &allocations);

	for (long n = 1; ok && n <= allocations; n++) {
		ok = scenario_play(scenario, folder, n, &unused);
		if (!ok)
			(void)fprintf(stderr, "(with allocation %ld of %ld failing)\n", n,
			    allocations);
	}
	return ok;
}

static void
empty(const char *folder)
{
	static const char *const names[] = { "tlsward.conf", "policy.conf", "log" };
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static void
play_file(const char *path, const char *folder, int *passed, int *failed)
{
	struct scenario *scenario = scenario_read(path);
	bool ok = scenario != NULL && play_all(scenario, folder);

	(void)printf("%s %s\n", ok ? "ok  " : "FAIL", path);
	*(ok ? passed : failed) += 1;
	scenario_free(&scenario);
}

static void
play_cases(const char *folder, int *passed, int *failed)
{
	const char *srcdir = getenv("srcdir");
	char pattern[512];
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "%s/tests/fake-milter/cases/*.txt",
	    srcdir != NULL ? srcdir : ".");
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		play_file(found.gl_pathv[i], folder, passed, failed);
	globfree(&found);
}

int
main(int argc, char **argv)
{
	char folder[] = "/tmp/tlsward-fake-XXXXXX";
	int passed = 0, failed = 0;

	if (mkdtemp(folder) == NULL)
		return 1;
	(void)cipher_table_new();	/* that no scenario is the first to */
	if (argc == 1)
		play_cases(folder, &passed, &failed);
	for (int i = 1; i < argc; i++)
		play_file(argv[i], folder, &passed, &failed);
	empty(folder);
	(void)printf("%d passed, %d failed\n", passed, failed);
	return failed == 0 && passed > 0 ? 0 : 1;
}
