/*
 * doctor_session.c - tlsward doctor's points of one session with the daemon.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor.h"

void
doctor_session(struct doctor *doctor)
{
	(void)doctor;
}
