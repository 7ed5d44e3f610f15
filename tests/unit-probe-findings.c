/*
 * unit-probe-findings.c - what tlsward probe says of servers, without a server.
 *
 * SPDX-License-Identifier: ISC
 */
