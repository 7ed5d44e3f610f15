/*
 * provider.c - the list of names that the customers of a mail service have in common.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/file.h"

#define FILE_NAME "shared-providers"
#define FILE_MOST ((size_t)1024 * 1024)
#define BLANKS " \t\r"

struct provider {
	const char *name;
	const char *service;
};

struct providers {
	char path[PATH_MAX];
	struct file file;	/* the texts, each terminated */
	struct provider *list;
	size_t count;
	size_t room;
};

void
providers_free(struct providers **providers)
{
	if (*providers == NULL)
		return;
	free((*providers)->file.text);
	free((*providers)->list);
	free(*providers);
	*providers = NULL;
}

/* One line, which it cuts into its words. False: memory is short. */
static bool
read_line(struct providers *providers, unsigned number, char *line, struct diags *diags)
{
	char *name, *service, *rest;

	line[strcspn(line, "#")] = '\0';
	if ((name = strtok_r(line, BLANKS, &rest)) == NULL)
		return true;
	service = rest + strspn(rest, BLANKS);
	for (size_t end = strlen(service); end > 0 &&
	    strchr(BLANKS, service[end - 1]) != NULL; end--)
		service[end - 1] = '\0';
	if (*service == '\0') {
		diags_add(diags, SEVERITY_ERROR, NULL, providers->path, number,
		    (unsigned)(name - line) + 1, line, strlen(line),
		    "expected a domain and the name of its service behind it");
		return true;
	}
	if (!array_reserve(providers->list, providers->count + 1, &providers->room))
		return false;
	providers->list[providers->count++] = (struct provider){ name, service };
	return true;
}

static bool
read_lines(struct providers *providers, struct diags *diags)
{
	char *rest = providers->file.text, *line;

	for (unsigned number = 1; (line = strsep(&rest, "\n")) != NULL; number++)
		if (!read_line(providers, number, line, diags))
			return false;
	return true;
}

/* Reads the file, where there is one. False: memory is short. */
static bool
read_list(struct providers *providers, struct diags *diags)
{
	enum file_result result = file_read(providers->path, FILE_MOST, true,
	    &providers->file);

	if (result == FILE_READ)
		return read_lines(providers, diags);
	if (result == FILE_NO_MEMORY)
		return false;
	if (result != FILE_UNREADABLE || errno != ENOENT)
		diags_add(diags, SEVERITY_ERROR, NULL, providers->path, 0, 0, NULL, 0,
		    "cannot be read: %s", result == FILE_UNREADABLE ? strerror(errno) :
		    "it is not a file of at most 1 MiB");
	return true;
}

struct providers *
providers_read(struct diags *diags)
{
	struct providers *providers = calloc(1, sizeof(*providers));

	if (providers == NULL)
		return NULL;
	file_data_path(FILE_NAME, providers->path, sizeof(providers->path));
	if (!read_list(providers, diags))
		providers_free(&providers);
	return providers;
}

static const char *
find_service(const struct providers *providers, const char *name, size_t length)
{
	for (size_t i = 0; i < providers->count; i++)
		if (strncasecmp(providers->list[i].name, name, length) == 0 &&
		    providers->list[i].name[length] == '\0')
			return providers->list[i].service;
	return NULL;
}

const char *
provider_of(const struct providers *providers, const char *name, size_t length)
{
	const char *service = find_service(providers, name, length);
	const char *dot = memchr(name, '.', length);

	if (service == NULL && dot != NULL)
		service = find_service(providers, dot + 1,
		    length - (size_t)(dot + 1 - name));
	return service;
}
