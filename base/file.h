/*
 * file.h - a file, read whole.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_FILE_H
#define TLSWARD_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct file {
	char *text;		/* malloc'd, terminated, the caller's */
	size_t length;
	dev_t device;
	ino_t inode;
};

enum file_result {
	FILE_READ,
	FILE_UNREADABLE,	/* errno says why */
	FILE_IRREGULAR,		/* and only a regular one was wanted */
	FILE_LARGE,		/* more than "most" bytes */
	FILE_NO_MEMORY
};

/*
 * Opens a file for reading without blocking, but no folder and no device, which may have
 * no end; a terminal and /dev/null are none. -1 with errno, for which file_why() has
 * words and what to give instead. A FIFO to which nobody writes is waited for so long,
 * and then an error (-1: it is opened all the same). file_check() does the same with what
 * is open.
 */
int file_open(const char *path, int wait_ms, struct stat *status);
bool file_check(int fd, int wait_ms, struct stat *status);
const char *file_why(int error);

/*
 * Reads the file "path", of at most "most" bytes (SIZE_MAX: any number). "regular":
 * nothing else is taken, and none, as a FIFO, is waited for. Nothing of what was read
 * stays in memory where that fails; *file is then empty.
 */
enum file_result file_read(const char *path, size_t most, bool regular,
    struct file *file);

/* The same with standard input, to its end, however long that takes to come. */
enum file_result file_read_input(size_t most, struct file *file);

/*
 * Writes the path of a file that the program needs and that was installed with it, "name"
 * being below the folder that TLSWARD_DATADIR in the environment names, or without that
 * below $datadir/tlsward of the build or, where it is not there but was moved with the
 * program, below ../share/tlsward of the program's folder. Cut where "size" does not do.
 */
void file_data_path(const char *name, char *path, size_t size);

#endif
