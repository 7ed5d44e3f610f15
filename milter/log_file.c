/*
 * log_file.c - the log file: whole lines, from many threads.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct log_file {
	int fd;
	atomic_bool torn;		/* it ends in half a line */
};

static int
open_path(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

struct log_file *
log_file_new(const char *path)
{
	struct log_file *file = calloc(1, sizeof(*file));
	int saved;

	if (file == NULL)
		return NULL;
	file->fd = open_path(path);
	if (file->fd == -1) {
		saved = errno;
		free(file);
		errno = saved;
		return NULL;
	}
	return file;
}

void
log_file_free(struct log_file **file)
{
	if (*file == NULL)
		return;
	(void)close((*file)->fd);
	free(*file);
	*file = NULL;
}

/* dup3() puts the new file in the place of the old one, under all writers' hands. */
int
log_file_reopen(struct log_file *file, const char *path)
{
	int fd = open_path(path);
	int result, saved;

	if (fd == -1)
		return -1;
	result = dup3(fd, file->fd, O_CLOEXEC);
	saved = errno;
	if (result != -1)
		atomic_store(&file->torn, false);
	(void)close(fd);
	errno = saved;
	return result == -1 ? -1 : 0;
}

bool
log_file_write(struct log_file *file, const char *line, size_t length)
{
	char newline = '\n';
	struct iovec parts[2] = { { &newline, 0 }, { NULL, length } };
	ssize_t written;

	memcpy(&parts[1].iov_base, &line, sizeof(line));
	if (atomic_exchange(&file->torn, false))
		parts[0].iov_len = 1;
	do {
		written = writev(file->fd, parts, 2);
	} while (written == -1 && errno == EINTR);
	if (written == (ssize_t)(parts[0].iov_len + length))
		return true;
	if (written >= 0)
		errno = ENOSPC;
	if (written > (ssize_t)parts[0].iov_len || (written <= 0 && parts[0].iov_len == 1))
		atomic_store(&file->torn, true);
	return false;
}
