/*
 * ship_schema.c - the SQL that makes the tables of a fleet, or renews them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/ship.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* In this order: a step needs those before it, a right what it is for. */
static const char *const schema_files[] = {
	"roles.sql", "step-1.sql", "maintain.sql", "days.sql", "views.sql", "rights.sql",
};
#define SCHEMA_FILES (sizeof(schema_files) / sizeof(schema_files[0]))

/* Prints one; false, having said so, where it cannot be read. */
static bool
schema_file_read(const char *name, struct file *file)
{
	char path[PATH_MAX], below[64];

	(void)snprintf(below, sizeof(below), "postgresql/%s", name);
	file_data_path(below, path, sizeof(path));
	if (file_read(path, SIZE_MAX, true, file) == FILE_READ)
		return true;
	(void)tool_trouble("%s cannot be read: %s: it is installed with tlsward", path,
	    strerror(errno));
	return false;
}

/* All is read before the first line is printed: psql never gets a part. */
int
ship_schema(const struct ship_run *run)
{
	struct file files[SCHEMA_FILES] = { 0 };
	int status = STATUS_TROUBLE;
	size_t i;

	(void)run;
	for (i = 0; i < SCHEMA_FILES; i++)
		if (!schema_file_read(schema_files[i], &files[i]))
			goto done;
	(void)fputs("-- For psql: all of it or nothing.\n\\set ON_ERROR_STOP on\nBEGIN;\n",
	    stdout);
	for (i = 0; i < SCHEMA_FILES; i++)
		(void)printf("\n%s", files[i].text);
	(void)fputs("\nCOMMIT;\n", stdout);
	status = STATUS_FINE;
done:
	for (i = 0; i < SCHEMA_FILES; i++)
		free(files[i].text);
	return status;
}
