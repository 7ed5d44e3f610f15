/*
 * log_marks.h - a place in a file that may have another name by now, and the files
 * that a log was rotated into.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_LOG_MARKS_H
#define TLSWARD_REVIEW_LOG_MARKS_H

#include <jansson.h>

#include "review/log_input.h"

#define MARK_HEAD 1024
#define MARK_TAIL 256

/*
 * A place in a file, by which it is found again whatever it is called and whatever it is
 * packed with: hashes of the file's first bytes, and of those before the place.
 */
struct mark {
	int64_t offset;
	int64_t written_ns;		/* when the file was last written, as far as known */
	uint64_t inode;			/* what is packed gets another one */
	size_t head_size, tail_size;	/* 0: not known */
	uint64_t head, tail;
};

/* Only what is packed must have its first bytes in "head", as others are read. */
struct mark mark_make(struct log_input *input, int64_t offset, const char *head,
    size_t head_size);

/* Whether it is a place in that file, which is at its start afterwards. */
bool mark_is_in(const struct mark *mark, struct log_input *input);

/* NULL: memory is short. */
json_t *mark_write(const struct mark *mark);

/* False where it is none. */
bool mark_read(const json_t *json, struct mark *mark);

struct sibling {
	char *path;
	const char *suffix;	/* in it: what rotation added */
	size_t suffix_size;	/* without what packing added */
	int64_t order;		/* the oldest has the lowest */
	struct stat status;
};

/* From the oldest to the newest; the log itself, if it is there, is the last one. */
struct siblings {
	struct sibling *files;
	size_t count, room;
};

#define SIBLING_NONE SIZE_MAX

/*
 * Of one file, both packed and not, only the latter. False with errno: the folder cannot
 * be read, memory is short, or (ESTALE) files are being renamed just now.
 */
bool siblings_list(const char *path, struct siblings *siblings);
void siblings_free(struct siblings *siblings);

/*
 * The number of the file that is open there; of one that the mark is in: the one with its
 * inode, else the newest that is packed, else the newest.
 */
size_t siblings_open(const struct siblings *siblings, const struct stat *status);
size_t siblings_marked(const struct siblings *siblings, const struct mark *mark);

/* Whether its name says that it was rotated out of the log. */
bool sibling_is_of(const char *path, const char *log);

/* When it was written last. */
int64_t sibling_written_ns(const struct stat *status);

#endif
