/*
 * file.c - a file, read whole.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FILE_CHUNK ((size_t)64 * 1024)

/* How long whoever writes to a FIFO may take to come, and for a piece. */
#define FIFO_MS 2000
#define LOOK_MS 50

#define BESIDE_PROGRAM "/../share/tlsward"

const char *
file_why(int error)
{
	return error == EISDIR ? "it is a folder: name a file in it" :
	    error == ENOTBLK ? "it is a device: name a file" :
	    error == ENXIO ? "it is a socket, or there is no such device" :
	    error == ETIMEDOUT ? "it is a FIFO, and nobody writes to it" :
	    error == EFBIG ? "it is too large, or has no end" : strerror(error);
}

/* Whether somebody writes to a pipe or has: a byte of it could be had, or may come. */
static bool
has_writer(int fd)
{
	struct pollfd writer = { .fd = fd, .events = POLLIN };
	int ends[2];
	bool may_come;

	if (poll(&writer, 1, 0) != 0)
		return true;
	/* Where that is not allowed only what it writes shows that it is there. */
	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	may_come = tee(fd, ends[1], 1, SPLICE_F_NONBLOCK) == -1 && errno == EAGAIN;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return may_come;
}

bool
file_check(int fd, int wait_ms, struct stat *status)
{
	bool is_device, is_fifo;

	if (fstat(fd, status) != 0)
		return false;
	is_fifo = S_ISFIFO(status->st_mode);
	is_device = S_ISBLK(status->st_mode) || (S_ISCHR(status->st_mode) &&
	    status->st_rdev != makedev(1, 3) && isatty(fd) == 0);	/* /dev/null */
	for (; is_fifo && wait_ms > 0 && !has_writer(fd); wait_ms -= LOOK_MS)
		(void)poll(NULL, 0, LOOK_MS);
	errno = is_device ? ENOTBLK : S_ISDIR(status->st_mode) ? EISDIR : ETIMEDOUT;
	return !is_device && !S_ISDIR(status->st_mode) && (!is_fifo || wait_ms != 0);
}

int
file_open(const char *path, int wait_ms, struct stat *status)
{
	/* Opening a FIFO to which nobody writes must not wait for ever. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error;

	if (fd == -1 || file_check(fd, wait_ms, status))
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* Waits for a piece of a FIFO. False, with errno set: none comes. */
static bool
file_wait(int fd)
{
	struct pollfd writer = { .fd = fd, .events = POLLIN };
	int ready = poll(&writer, 1, FIFO_MS);

	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0 || (ready == -1 && errno == EINTR);
}

/* The same bytes where there is twice the room; keys leave no copy. */
static bool
file_grow(struct file *file, size_t *room)
{
	char *grown = *room < SIZE_MAX / 4 ? malloc(*room * 2) : NULL;

	if (grown == NULL)
		return false;
	memcpy(grown, file->text, file->length);
	explicit_bzero(file->text, file->length);
	free(file->text);
	file->text = grown;
	*room *= 2;
	return true;
}

/* Reads on to the end. The last byte of the room is for the terminator. */
static enum file_result
file_fill(int fd, size_t room, size_t most, struct file *file)
{
	if ((file->text = malloc(room)) == NULL)
		return FILE_NO_MEMORY;
	for (;;) {
		ssize_t got = read(fd, file->text + file->length, room - file->length - 1);

		if (got == -1 && (errno == EINTR || (errno == EAGAIN && file_wait(fd))))
			continue;
		if (got == -1)
			return FILE_UNREADABLE;
		file->length += (size_t)got;
		if (file->length > most)
			return FILE_LARGE;
		if (got == 0)
			break;
		if (file->length == room - 1 && !file_grow(file, &room))
			return FILE_NO_MEMORY;
	}
	file->text[file->length] = '\0';
	return FILE_READ;
}

enum file_result
file_read(const char *path, size_t most, bool regular, struct file *file)
{
	struct stat st;
	int fd = file_open(path, -1, &st), error;
	enum file_result result = FILE_UNREADABLE;
	size_t expected;

	*file = (struct file){ 0 };
	if (fd == -1)
		return regular && (errno == EISDIR || errno == ENOTBLK) ? FILE_IRREGULAR :
		    FILE_UNREADABLE;
	expected = st.st_size > 0 ? (size_t)st.st_size : 0;
	file->device = st.st_dev;
	file->inode = st.st_ino;
	if (!S_ISFIFO(st.st_mode))
		(void)fcntl(fd, F_SETFL, O_RDONLY);
	result = regular && !S_ISREG(st.st_mode) ? FILE_IRREGULAR :
	    expected > most ? FILE_LARGE :
	    S_ISFIFO(st.st_mode) && !file_wait(fd) ? FILE_UNREADABLE :
	    file_fill(fd, expected + FILE_CHUNK, most, file);
	error = errno;
	(void)close(fd);
	if (result != FILE_READ && file->text != NULL)
		explicit_bzero(file->text, file->length);
	if (result != FILE_READ) {
		free(file->text);
		*file = (struct file){ 0 };
	}
	errno = error;
	return result;
}

enum file_result
file_read_input(size_t most, struct file *file)
{
	enum file_result result;

	*file = (struct file){ 0 };
	result = file_fill(STDIN_FILENO, FILE_CHUNK, most, file);
	if (result != FILE_READ) {
		free(file->text);
		*file = (struct file){ 0 };
	}
	return result;
}

/* Whether that file is below that folder; its path is in "path" then, and else as well. */
static bool
is_below(const char *folder, const char *name, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

/* The same below ../share/tlsward of the running program's folder. */
static bool
is_beside_program(const char *name, char *path, size_t size)
{
	char folder[PATH_MAX + sizeof(BESIDE_PROGRAM)];
	ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	char *slash;

	folder[length > 0 ? length : 0] = '\0';
	slash = strrchr(folder, '/');
	if (slash == NULL)
		return false;
	(void)strcpy(slash, BESIDE_PROGRAM);
	return is_below(folder, name, path, size);
}

void
file_data_path(const char *name, char *path, size_t size)
{
	const char *folder = secure_getenv("TLSWARD_DATADIR");

	if (!is_below(folder != NULL ? folder : TLSWARD_DATADIR, name, path, size) &&
	    (folder != NULL || !is_beside_program(name, path, size)))
		(void)is_below(folder != NULL ? folder : TLSWARD_DATADIR, name, path, size);
}
