/*
 * unit-probe-findings.c - what tlsward probe says of servers, without a server.
 *
 * SPDX-License-Identifier: ISC
 */
/* hello_read_server() is for the fuzz target. */
