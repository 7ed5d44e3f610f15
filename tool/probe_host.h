/*
 * probe_host.h - the addresses and TLSA records of one host.
 *
 * Its name and port are set before. What these return is false where memory is short, but
 * for host_add_address(); all else that goes wrong is in the host.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_HOST_H
#define TLSWARD_TOOL_PROBE_HOST_H

#include "tool/probe.h"
#include "tool/probe_dns.h"

/* Whether "text" is an address, which the host then has. */
bool host_add_address(struct probe_host *host, const char *text);

/* Adds the addresses that /etc/hosts has for its name. */
bool host_add_file(struct probe_host *host);

/* Its addresses by DNS; /etc/hosts where DNS has none and no resolver was named. */
bool host_find_addresses(const struct probe_names *names, struct dns *dns,
    struct probe_host *host);

/*
 * Its TLSA records (RFC 6698). A secure alias's own come after those of where it leads
 * (RFC 7672 section 2.2.2).
 */
bool host_find_tlsa(struct dns *dns, struct probe_host *host);

#endif
