/*
 * status.h - tlsward status: the daemon's answer, and how it is told.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_STATUS_H
#define TLSWARD_TOOL_STATUS_H

#include <jansson.h>

struct buffer;

/* Appends a status, as the daemon gives it, as one screen for people. */
void status_text(json_t *status, struct buffer *text);

#endif
