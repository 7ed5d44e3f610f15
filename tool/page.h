/*
 * page.h - the frame of a page: its head, its style, its script, its foot.
 *
 * The page needs nothing beside itself, which its Content-Security-Policy holds: no
 * network at all, and no script or style but these two, by their hashes. The script
 * makes tables sortable; without it the page is complete.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_PAGE_H
#define TLSWARD_PAGE_H

#include "tool/html.h"
#include "base/buffer.h"

/* Neither has a "<" or an "&": XML and HTML then read them alike. */
extern const char page_style[];
extern const char page_script[];

/* From the document type to the start of "main", which is in a "body". */
void page_begin(struct buffer *page, const char *title);
void page_end(struct buffer *page);

/*
 * Writes "text" to the file "path", which then has all of it or is as it was; "-" is
 * standard output. Returns 0, or -1 with errno set.
 */
int page_save(const struct buffer *text, const char *path);

#endif
