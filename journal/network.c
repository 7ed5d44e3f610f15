/*
 * network.c - the network of a client's address, as roll-ups have it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

bool
network_text(const char *address, char network[NETWORK_TEXT_SIZE])
{
	struct in6_addr v6;
	struct in_addr v4;
	bool is_v4 = inet_pton(AF_INET, address, &v4) == 1;

	if (!is_v4 && inet_pton(AF_INET6, address, &v6) != 1)
		return false;
	/* The same host, whichever kind of socket it was seen on. */
	if (!is_v4 && IN6_IS_ADDR_V4MAPPED(&v6)) {
		memcpy(&v4, v6.s6_addr + 12, sizeof v4);
		is_v4 = true;
	}
	if (is_v4) {
		v4.s_addr &= htonl(0xFFFFFF00u);
		(void)inet_ntop(AF_INET, &v4, network, INET_ADDRSTRLEN);
	} else {
		memset(v6.s6_addr + 8, 0, 8);
		(void)inet_ntop(AF_INET6, &v6, network, INET6_ADDRSTRLEN);
	}
	(void)strcat(network, is_v4 ? "/24" : "/64");
	return true;
}
