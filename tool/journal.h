/*
 * journal.h - the journal that a command reads.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_JOURNAL_H
#define TLSWARD_TOOL_JOURNAL_H

#include <sqlite3.h>

#include "tool/tool.h"

struct tool_journal {
	sqlite3 *db;
	char *path;
};

/*
 * Opens the journal "path" for reading or, where that is NULL, the one that the
 * settings name: those of the file "config" or, where that is NULL too, of the
 * default settings file. False, having said why, where that cannot be done. To be
 * closed in any case.
 */
bool tool_open_journal(const char *path, const char *config,
    struct tool_journal *journal);
void tool_close_journal(struct tool_journal *journal);

/* Says that reading failed, and why. Returns STATUS_TROUBLE. */
int tool_journal_trouble(const struct tool_journal *journal);

#endif
