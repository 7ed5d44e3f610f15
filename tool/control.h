/*
 * control.h - asking the daemon on its control socket: tlsward-milter(8), CONTROL SOCKET.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_CONTROL_H
#define TLSWARD_TOOL_CONTROL_H

#include <jansson.h>

#include "settings/settings.h"

#define CONTROL_WHY_MAX 512

/* A status may have to wait for a worker that has just been started. */
#define CONTROL_STATUS_MS 20000

enum control_result {
	CONTROL_ANSWERED,
	CONTROL_OFF,		/* the settings have "control none" */
	CONTROL_ABSENT,		/* nobody answers there */
	CONTROL_DENIED,		/* this user may not ask */
	CONTROL_SLOW,		/* there was no answer in that time */
	CONTROL_GONE,		/* the worker ended before it answered: one may ask again */
	CONTROL_REFUSED,	/* it answered that it cannot */
	CONTROL_STRANGE		/* what answers there is another program, or version */
};

/*
 * Asks for "command" ("status", "reload", "nonce") and waits at most so many milliseconds.
 * *answer is an object, the caller's; or NULL, and "why" is a sentence without its full
 * stop that says what is wrong and what to do. Prints nothing.
 */
enum control_result control_ask(const struct settings *settings, const char *command,
    int timeout_ms, json_t **answer, char why[CONTROL_WHY_MAX]);

/*
 * The settings by which the daemon is to be found: of the file "config" (NULL: the default
 * one), and where that has errors, which are printed, the defaults. NULL, having said why,
 * where it cannot be read. *broken: it has errors.
 */
struct settings *control_settings(const char *config, bool *broken);

#endif
