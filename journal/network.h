/*
 * network.h - the network of a client's address, as roll-ups have it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_NETWORK_H
#define TLSWARD_JOURNAL_NETWORK_H

#include <stdbool.h>

#define NETWORK_TEXT_SIZE 64

/* Writes the /24 or /64 around an address ("192.0.2.0/24"); false where it is none. */
bool network_text(const char *address, char network[NETWORK_TEXT_SIZE]);

#endif
