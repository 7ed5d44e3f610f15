/*
 * fuzz-maillog.c - any text as a Postfix log.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include "review/maillog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *input;

/* In the place of the files: the lines of "input". */
bool
maillog_files_read(const char *const *paths, int count, maillog_line_taker *take,
    void *context, char error[REVIEW_ERROR_MAX])
{
	char *line = input, *end;

	(void)paths;
	(void)count;
	(void)error;
	while (line != NULL) {
		if ((end = strchr(line, '\n')) != NULL)
			*end++ = '\0';
		if (!take(context, line, 1800000000))
			return false;
		line = end;
	}
	return true;
}

static bool
take(void *context, const struct facts *facts, int64_t time_ms)
{
	(void)context;
	(void)time_ms;
	if (facts->from == NULL || (facts->tls_version == NULL && facts->local))
		abort();
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "-" };
	const struct maillog_reading reading = {
		.paths = paths, .count = 1, .since_ms = INT64_MIN, .until_ms = INT64_MAX,
		.take = take
	};
	struct maillog_totals totals;
	char error[REVIEW_ERROR_MAX];

	if ((input = malloc(size + 1)) == NULL)
		return 0;
	memcpy(input, data, size);
	input[size] = '\0';
	(void)maillog_read(&reading, &totals, error);
	free(input);
	return 0;
}
