/*
 * journal.c - the journal that a command reads.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "review/review.h"
#include "base/diag.h"

/* The path in the settings; NULL, having said why, where there is none. */
static char *
path_of_settings(const struct settings *settings)
{
	char *path;

	if (settings->journal == NULL) {
		(void)tool_trouble("the settings have no journal: name one with --journal");
		return NULL;
	}
	path = strdup(settings->journal);
	if (path == NULL)
		(void)tool_trouble("not enough memory");
	return path;
}

static char *
find_path(const char *config)
{
	struct diags *diags = diags_new();
	struct settings *settings = NULL;
	char *path = NULL;

	if (config == NULL)
		config = settings_default_path();
	if (diags == NULL)
		(void)tool_trouble("not enough memory");
	else if (settings_load(config, &settings, diags) != SETTINGS_LOADED)
		diags_print(diags, stderr);
	else
		path = path_of_settings(settings);
	settings_free(&settings);
	diags_free(&diags);
	return path;
}

bool
tool_open_journal(const char *path, const char *config, struct tool_journal *journal)
{
	char error[REVIEW_ERROR_MAX];

	*journal = (struct tool_journal){ 0 };
	if (path == NULL)
		journal->path = find_path(config);
	else {
		/* As the setting has it. */
		if (strncmp(path, "sqlite:", 7) == 0)
			path += 7;
		journal->path = strdup(path);
		if (journal->path == NULL)
			(void)tool_trouble("not enough memory");
	}
	if (journal->path == NULL)
		return false;
	journal->db = review_open(journal->path, error);
	if (journal->db == NULL)
		(void)tool_trouble("%s", error);
	return journal->db != NULL;
}

void
tool_close_journal(struct tool_journal *journal)
{
	review_close(&journal->db);
	free(journal->path);
	journal->path = NULL;
}

int
tool_journal_trouble(const struct tool_journal *journal)
{
	char error[REVIEW_ERROR_MAX];

	review_explain(journal->db, journal->path, error);
	return tool_trouble("%s", error);
}
