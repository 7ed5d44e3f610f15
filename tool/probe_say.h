/*
 * probe_say.h - what strangers say, as text that can be shown: escaped, on one line, cut.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_SAY_H
#define TLSWARD_TOOL_PROBE_SAY_H

#include "tool/probe.h"
#include "base/buffer.h"

/* Writes a stranger's bytes into "room". False: memory is short, and it is "". */
bool probe_text(char *room, size_t size, const void *bytes, size_t length);

/* The same with what is escaped already; the buffer is freed. */
bool probe_take_text(char *room, size_t size, struct buffer *text);

/* The same with a name as RFC 4514 has it: "CN=Acme Root,O=Acme,C=DE". */
bool probe_name_text(char room[PROBE_TEXT], const X509_NAME *name);

/*
 * Writes "words" and behind them "theirs", which may hold anything: it is escaped, and cut
 * where the room ends. Where memory is short it is left out.
 */
void probe_say(char out[PROBE_TEXT], const char *words, const char *theirs);

#endif
