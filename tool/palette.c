/*
 * palette.c - the colours of a page, light and dark.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/palette.h"
#include "base/buffer.h"

const struct palette_colour palette[] = {
	{ "page", PALETTE_GROUND, "#f3f5f8", "#0e131a" },
	{ "surface", PALETTE_GROUND, "#ffffff", "#171e27" },
	{ "raised", PALETTE_GROUND, "#e9edf2", "#222c38" },
	{ "line", PALETTE_ORNAMENT, "#ccd4dd", "#354251" },
	{ "text", PALETTE_TEXT, "#17202b", "#e7edf3" },
	{ "muted", PALETTE_TEXT, "#4d5966", "#a9b6c3" },
	{ "link", PALETTE_TEXT, "#0a4c9c", "#82bcff" },
	{ "good", PALETTE_TEXT, "#0f5f38", "#74d8a0" },
	{ "warn", PALETTE_TEXT, "#774600", "#f1b860" },
	{ "bad", PALETTE_TEXT, "#a31919", "#ff958c" },
	{ "tls13", PALETTE_DRAWING, "#174f93", "#9accff" },
	{ "tls12", PALETTE_DRAWING, "#3f8fc4", "#4a8bc9" },
	{ "tls11", PALETTE_DRAWING, "#a86a00", "#e8ac48" },
	{ "tls10", PALETTE_DRAWING, "#bd4b0c", "#f3843f" },
	{ "ssl", PALETTE_DRAWING, "#86348a", "#d68fd8" },
	{ "clear", PALETTE_DRAWING, "#a31919", "#ff7d74" },
	{ "unclear", PALETTE_DRAWING, "#66717d", "#93a0ad" },
	{ "complied", PALETTE_DRAWING, "#17804d", "#4fc486" },
};

const size_t palette_count = sizeof palette / sizeof palette[0];

static void
write_theme(struct buffer *css, bool dark)
{
	buffer_string(css, ":root{");
	for (size_t i = 0; i < palette_count; i++)
		buffer_format(css, "--%s:%s;", palette[i].name,
		    dark ? palette[i].dark : palette[i].light);
	buffer_string(css, "}");
}

void
palette_write(struct buffer *css)
{
	write_theme(css, false);
	buffer_string(css, "\n@media screen and (prefers-color-scheme:dark){");
	write_theme(css, true);
	buffer_string(css, "}\n");
}
