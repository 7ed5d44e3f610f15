/*
 * log_journald.h - the lines of mail servers in the systemd journal.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_LOG_JOURNALD_H
#define TLSWARD_REVIEW_LOG_JOURNALD_H

#include "review/review.h"

struct journald;

/* That of this host, or the files in "folder". NULL, with why in "error". */
struct journald *journald_open(const char *folder, char error[REVIEW_ERROR_MAX]);
void journald_close(struct journald **journald);	/* NULL-safe, clears the pointer */

/*
 * Goes on behind the entry of a cursor, written at "time_us"; from "needed_us" on entries
 * up to it are told again. False: that entry is gone, and it goes on with the one after.
 */
bool journald_seek(struct journald *journald, const char *cursor, int64_t time_us,
    int64_t needed_us);

/*
 * The next entry as a line of a log, which is valid until the next call; NULL: there is
 * none, or "error" says why. *counted: it comes before or at the cursor.
 */
char *journald_line(struct journald *journald, int64_t *time_us, bool *counted,
    char error[REVIEW_ERROR_MAX]);

/* The cursor of the entry that was read last, malloc'd, or NULL. */
char *journald_cursor(struct journald *journald);

#endif
