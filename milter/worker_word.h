/*
 * worker_word.h - what the supervisor and its worker tell each other.
 *
 * One byte each, over a pair of UNIX sockets; with some goes a file.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_WORKER_WORD_H
#define TLSWARD_MILTER_WORKER_WORD_H

/* What the supervisor asks of the worker. */
#define WORD_RELOAD 'R'
#define WORD_COUNTERS 'C'
#define WORD_STOP 'S'

/*
 * What the worker tells: that it serves; after a reload, that this is the tape of the
 * policy in force, or that the old one is kept.
 */
#define WORD_SERVING 'U'
#define WORD_TAPE 'T'
#define WORD_KEPT 'K'

/* And that somebody wants a reload, who has asked it for one: as SIGHUP would. */
#define WORD_WANTED 'W'

/*
 * Sends it, with a copy of "file" unless that is -1, and never waits: 0, or -1 with errno
 * set. EAGAIN: the other side has not read what it was told before.
 */
int word_send(int socket, char what, int file);

/*
 * Takes the next one that is there, and never waits. Returns 1; 0 where the other side
 * is gone and all was taken; -1 with errno set (EAGAIN: there is none). *file is the
 * caller's then, or -1.
 */
int word_receive(int socket, char *what, int *file);

#endif
