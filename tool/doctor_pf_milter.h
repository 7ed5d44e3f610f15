/*
 * doctor_pf_milter.h - tlsward doctor's points of Postfix, a file each group.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_DOCTOR_PF_MILTER_H
#define TLSWARD_TOOL_DOCTOR_PF_MILTER_H

#include "tool/doctor_pf.h"

/* Whether the policy service judges by itself, and no milter is wanted. */
bool pf_judges_alone(const struct pf *pf);

/* What a service asks of milters; "": none. */
const char *pf_milters(const struct pf *pf, const struct pf_service *service);

/* Whether the daemon's milter is among them. */
bool pf_has_milter(const struct pf *pf, const struct pf_service *service);

/* Whether somebody comes to the service only after he has logged in. */
bool pf_takes_users(const struct pf *pf, const struct pf_service *service);

/* Whether the service offers TLS, as far as settings go. */
bool pf_offers_tls(const struct pf *pf, const struct pf_service *service);

void pf_check_milters(const struct pf *pf);	/* who asks the milter, and reaches it */
void pf_check_actions(const struct pf *pf);	/* what if not, and what it is told */
void pf_check_filters(const struct pf *pf);	/* filters, and what stands before Postfix */
void pf_check_tls(const struct pf *pf);
void pf_check_certificates(const struct pf *pf);	/* of clients */
void pf_check_policy(const struct pf *pf);	/* check_policy_service */
void pf_check_outgoing(const struct pf *pf);
void pf_check_routes(const struct pf *pf);	/* next hops past the rules */

#endif
