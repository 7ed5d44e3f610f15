/*
 * file.c - a file, read whole.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_CHUNK ((size_t)64 * 1024)

/* How long whoever writes to a FIFO may take to come, and for a piece. */
#define FIFO_MS 2000

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
	/* Opening a FIFO to which nobody writes must not wait for ever. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum file_result result = FILE_UNREADABLE;
	struct stat st;
	int error;

	*file = (struct file){ 0 };
	if (fd == -1)
		return FILE_UNREADABLE;
	if (fstat(fd, &st) == 0) {
		size_t expected = st.st_size > 0 ? (size_t)st.st_size : 0;

		file->device = st.st_dev;
		file->inode = st.st_ino;
		if (!S_ISFIFO(st.st_mode))
			(void)fcntl(fd, F_SETFL, O_RDONLY);
		result = regular && !S_ISREG(st.st_mode) ? FILE_IRREGULAR :
		    expected > most ? FILE_LARGE :
		    S_ISFIFO(st.st_mode) && !file_wait(fd) ? FILE_UNREADABLE :
		    file_fill(fd, expected + FILE_CHUNK, most, file);
	}
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

void
file_data_path(const char *name, char *path, size_t size)
{
	const char *folder = secure_getenv("TLSWARD_DATADIR");

	(void)snprintf(path, size, "%s/%s", folder != NULL ? folder : TLSWARD_DATADIR, name);
}
