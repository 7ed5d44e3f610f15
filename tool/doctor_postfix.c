/*
 * doctor_postfix.c - tlsward doctor's points of Postfix.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
doctor_postfix(struct doctor *doctor)
{
	char path[4096];

	for (size_t i = 0; i < doctor->postfix.count; i++) {
		(void)snprintf(path, sizeof(path), "%s/main.cf", doctor->postfix.list[i]);
		if (access(path, R_OK) == 0)
			continue;
		doctor_say(doctor, DOCTOR_FAULT, "postfix", "%s cannot be read: %s", path,
		    strerror(errno));
		doctor_fix(doctor, "name the folder of its main.cf: --postfix DIR");
	}
	return doctor->postfix.count > 0;
}
