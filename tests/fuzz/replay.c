/*
 * replay.c - gives a fuzz target its seeds and what was found with it before, once.
 *
 * usage: replay-TARGET [FILE...]	without files those of tests/fuzz/seeds/TARGET and
 *				of the cases that the target begins with
 *
 * SPDX-License-Identifier: ISC
 */
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REPLAY_MAX ((size_t)1 << 20)

static int replayed;

/* What targets begin with beside their seeds, below the source tree. */
static const struct {
	const char *target;
	const char *pattern;
} cases[] = {
	{ "policy", "tests/cases/policy/*/*/*.conf" },
	{ "facts", "tests/cases/policy/good/*/facts.jsonl" },
	{ "decide", "tests/cases/policy/good/*/facts.jsonl" },
	{ "settings", "tests/cases/settings/*/*/tlsward.conf" },
};

/* A file is one input, as in the fuzzer's corpus. */
static void
replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *data = malloc(REPLAY_MAX);
	size_t size;

	if (file == NULL || data == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	size = fread(data, 1, REPLAY_MAX, file);
	(void)fclose(file);
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)data, size);
	free(data);
	replayed++;
}

static void
replay_all(const char *pattern)
{
	const char *srcdir = getenv("srcdir");
	char path[1024];
	glob_t found;

	(void)snprintf(path, sizeof(path), "%s/%s", srcdir != NULL ? srcdir : ".", pattern);
	if (glob(path, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		replay(found.gl_pathv[i]);
	globfree(&found);
}

static void
replay_seeds(const char *target)
{
	char pattern[256];

	(void)snprintf(pattern, sizeof(pattern), "tests/fuzz/seeds/%s/*", target);
	replay_all(pattern);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].target, target) == 0)
			replay_all(cases[i].pattern);
}

/* The target is what the program is called after its last "-". */
int
main(int argc, char **argv)
{
	const char *dash = strrchr(argv[0], '-');

	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc == 1 && dash != NULL)
		replay_seeds(dash + 1);
	(void)printf("%d passed, %d failed\n", replayed, replayed > 0 ? 0 : 1);
	return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
