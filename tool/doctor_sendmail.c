/*
 * doctor_sendmail.c - tlsward doctor's points of Sendmail.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor.h"

bool
doctor_sendmail(struct doctor *doctor)
{
	(void)doctor;
	return false;
}
