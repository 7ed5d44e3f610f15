/*
 * import_schannel_reg.h - what exports of the Windows registry say of Schannel.
 *
 * The format is that of Registry Editor: "Windows Registry Editor Version 5.00" and, in
 * windows-1252, "REGEDIT4" (Microsoft's article 310516). Keys and values that have
 * nothing to do with TLS are not kept.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_IMPORT_SCHANNEL_REG_H
#define TLSWARD_TOOL_IMPORT_SCHANNEL_REG_H

#include <stdint.h>

#include "tool/import.h"
#include "base/intern.h"

enum reg_kind {
	REG_KEY,		/* a key is there */
	REG_NUMBER,		/* a DWORD */
	REG_TEXT,		/* strings; of several, LF between them */
	REG_OTHER		/* of another type, or not to be read */
};

/* In the order of reading; a value that was set again stands in its first place. */
struct reg_value {
	struct reg_value *next;
	const char *key;	/* below HKEY_LOCAL_MACHINE, in lower case */
	const char *shown;	/* the same as it is written */
	const char *name;	/* in lower case; "": the default value; NULL of a REG_KEY */
	enum reg_kind kind;
	uint32_t number;
	const char *text;
	const char *file;
	unsigned line;
	size_t order;		/* of the line that set it, among all */
	bool gone;		/* removed by a later line */
	bool used;		/* somebody asked for it */
};

struct reg {
	struct reg_value *first, **last;
	struct reg_value **values;	/* by their key and name in "names" */
	struct intern names;
	size_t count;
	size_t lines;
	struct intern removed;		/* keys, with all that is below them */
	size_t *removals;		/* the last line that said so, by the key */
	size_t removal_room;
	bool full;		/* there was more than is kept */
};

/*
 * Adds what a source says; later sources, and lines, win. What cannot be read is told as
 * not taken over. False: it is no such export, and nothing was told.
 */
bool reg_read(struct import *import, const struct import_source *source, struct reg *reg);

/*
 * After all sources: what was removed is gone; where there is no CurrentControlSet (a hive of another system), the
 * control set that Select names, or the first there is, becomes that.
 */
void reg_settle(struct import *import, struct reg *reg);

/* The value, or NULL. The key and the name in lower case. */
const struct reg_value *reg_get(struct reg *reg, const char *key, const char *name);

/* Whether the key, or one below it, is there. */
bool reg_has(struct reg *reg, const char *key);

void reg_free(struct reg *reg);		/* but for the values, which are the import's */

#endif
