/*
 * doctor_export.h - a map that tlsward export wrote, where a mail server reads it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_DOCTOR_EXPORT_H
#define TLSWARD_TOOL_DOCTOR_EXPORT_H

#include "tool/doctor.h"

enum exported {
	EXPORTED_NOT,		/* there is none of ours in the file */
	EXPORTED_HERE,
	EXPORTED_UNREADABLE	/* errno says why */
};

/*
 * Looks for an exported map ("postfix" or "sendmail") in the text file "path", alone or
 * among other lines, and says whether it is past its date, of another policy than the one
 * on disk, or newer than the database (path.db) that was made of it with "maker"
 * ("postmap", "makemap hash"; NULL: there is no database).
 */
enum exported doctor_exported(struct doctor *doctor, const char *mta, const char *path,
    const char *maker);

#endif
