/*
 * period.h - times as people give them: --since and --until.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_PERIOD_H
#define TLSWARD_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads a time: so long before now (90m, 24h, 30d, 2w, 1y; s for seconds), a day
 * (YYYY-MM-DD, its start in UTC), or a time of RFC 3339; in milliseconds since the
 * epoch. False, having said so, where it is none.
 */
bool tool_since(const char *text, int64_t now_ms, int64_t *ms);

/* Reads a length of time in these units, in milliseconds. False where it is none. */
bool period_length(const char *text, int64_t *ms);

#endif
