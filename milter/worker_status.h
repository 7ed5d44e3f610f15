/*
 * worker_status.h - what the control socket tells: how the daemon is, how a reload went.
 *
 * JSON, of one line. tlsward-milter(8), CONTROL SOCKET, has the members.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_WORKER_STATUS_H
#define TLSWARD_MILTER_WORKER_STATUS_H

#include "milter/worker.h"

struct buffer;

/* Appends the status. False: memory was short. Any thread but the main one. */
bool worker_status(struct worker *worker, struct buffer *out);

/*
 * The answer to those who asked for the reload that has ended, by what is in force now and
 * by worker->diags; malloc'd, or NULL where memory was short. The main thread's.
 */
char *worker_reload_answer(struct worker *worker, bool taken);

#endif
