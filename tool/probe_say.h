/*
 * probe_say.h - a sentence of the probe's, with a stranger's words in it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_SAY_H
#define TLSWARD_TOOL_PROBE_SAY_H

#include "tool/probe.h"

/*
 * Writes "words" and behind them "theirs", which may hold anything: it is escaped, and cut
 * where the room ends. Where memory is short it is left out.
 */
void probe_say(char out[PROBE_TEXT], const char *words, const char *theirs);

#endif
