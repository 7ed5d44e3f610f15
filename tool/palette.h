/*
 * palette.h - the colours of a page, light and dark.
 *
 * A test holds that each can be read on all that it stands on: WCAG 2.1 AA, 4.5 to 1
 * for text, 3 to 1 for what is drawn.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_PALETTE_H
#define TLSWARD_PALETTE_H

#include <stddef.h>

#include "journal/journal.h"
#include "base/buffer.h"

enum palette_use {
	PALETTE_GROUND,		/* text and drawings stand on it */
	PALETTE_TEXT,
	PALETTE_DRAWING,	/* in charts, with pattern and name beside */
	PALETTE_ORNAMENT	/* lines that carry no meaning */
};

struct palette_colour {
	const char *name;	/* of the style sheet's property, without the -- */
	enum palette_use use;
	const char *light, *dark;	/* #rrggbb */
};

extern const struct palette_colour palette[];
extern const size_t palette_count;

/* Appends them as style rules: light, and dark on screens where that is preferred. */
void palette_write(struct buffer *css);

#endif
