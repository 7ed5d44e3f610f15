/*
 * doctor_daemon.c - tlsward doctor's points of the daemon.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor.h"

void
doctor_daemon(struct doctor *doctor)
{
	(void)doctor;
}
