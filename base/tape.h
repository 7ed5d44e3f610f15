/*
 * tape.h - what a load asks the disk, and what the disk answered, to be played again.
 *
 * Whoever asks the same questions in the same order of a tape that plays gets the same
 * answers as of the disk then, whatever is there now. The policy in force outlives the
 * process that loaded it in this way: a tape is a file in memory (memfd_create(2)) that
 * another process can be given.
 *
 * A tape belongs to one thread at a time.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_TAPE_H
#define TLSWARD_BASE_TAPE_H

#include <stdbool.h>

#include "base/file.h"

enum tape_question {
	TAPE_FILE,		/* the bytes of a file of at most TAPE_FILE_MAX, or EFBIG */
	/* Of a regular file of at most TAPE_PEM_MAX bytes, the private keys cut out. */
	TAPE_PEM,
	TAPE_GLOB,		/* the paths that a glob(3) pattern matches */
	TAPE_FOLDER,		/* the names in a folder, without "." and ".." */
	TAPE_ABSOLUTE,		/* the path as realpath(3) has it */
	TAPE_PRESENT,		/* nothing but whether it is there */
	TAPE_QUESTIONS
};

#define TAPE_FILE_MAX (256u << 20)	/* /dev/zero never ends */
#define TAPE_PEM_MAX (1u << 20)

struct tape;

/*
 * Asks the tape, or the disk where "tape" is NULL or records. *answer is as file_read()
 * leaves it; several names stand in it one after the other, each with its NUL, in byte
 * order. So is the result; with FILE_UNREADABLE errno says why. A tape that plays and is
 * asked something else than was recorded has failed: FILE_NO_MEMORY.
 */
enum file_result tape_ask(struct tape *tape, enum tape_question question,
    const char *path, struct file *answer);

/* The first, or the next one of the names in an answer; NULL: there are no more. */
const char *tape_name(const struct file *answer, const char *before);

/* A tape that records, or NULL with errno set. */
struct tape *tape_record(void);

/*
 * A tape that plays what was recorded into "fd", which stays the caller's and may be
 * closed. NULL with errno set.
 */
struct tape *tape_play(int fd);

/*
 * Whether the tape is of no use: not all could be recorded, or what it was asked was
 * not recorded. errno says why.
 */
bool tape_failed(const struct tape *tape);

/* The file that a tape records into; its position does not matter. The tape's. */
int tape_fd(const struct tape *tape);

/* Makes what was recorded into "fd" unchangeable. False with errno set: it is none. */
bool tape_seal(int fd);

/*
 * Whether the disk would answer all that was recorded into "fd" as it did then: 1, or
 * 0; -1 where that cannot be told. Another file with the same bytes answers the same.
 */
int tape_is_current(int fd);

/* Frees *tape, closes its file and clears the pointer. NULL-safe. */
void tape_free(struct tape **tape);

#endif
