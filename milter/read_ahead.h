/*
 * read_ahead.h - what libmilter reads from an MTA, in as few calls as it came in.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_READ_AHEAD_H
#define TLSWARD_MILTER_READ_AHEAD_H

/*
 * From now on read(2) of the connection "fd", which was just accepted, may ask the
 * kernel for more than its caller did, and poll(2) knows of what is held. close(2) ends
 * it. Any thread.
 */
void read_ahead_of(int fd);

#endif
