/*
 * tls_policy_map.h - a socketmap that tells Postfix how mail goes out.
 *
 * See socketmap_table(5): a request is the netstring of "NAME KEY", a reply that of
 * "OK VALUE", "NOTFOUND ", "TEMP WHY" or "PERM WHY". The key is a next hop, the value one
 * of smtp_tls_policy_maps. Whatever goes wrong here is TEMP, so that mail is kept.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_TLS_POLICY_MAP_H
#define TLSWARD_MILTER_TLS_POLICY_MAP_H

#include "milter/service_listener.h"

/* The only map that there is. */
#define TLS_POLICY_MAP_NAME "tlsward"

/* No next hop is longer, nor what is asked of it. */
#define TLS_POLICY_REQUEST_MAX 16384

/* For service_listener_new(). */
extern const struct service_protocol tls_policy_map;

#endif
