/*
 * capture.h - what libmilter has to say, in the daemon's own log.
 *
 * libmilter speaks through syslog(3) alone. That would block its threads, and with
 * them mail, when the system's log does not read; and "cannot bind" would be seen
 * where nobody who starts a daemon looks. This program therefore has a syslog() of
 * its own, which stands before the C library's.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_CAPTURE_H
#define MILTER_CAPTURE_H

#include "milter/log.h"

/* Where it goes from now on; NULL: standard error. Set before threads start. */
void capture_syslog(struct log *log);

#endif
