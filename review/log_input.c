/*
 * log_input.c - the lines of one file, whatever it is compressed with, or not.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/log_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/file.h"

#define BLOCK_BYTES (128 * 1024)
#define BUFFER_BYTES (2 * LOG_LINE_MAX)

/* No line is as long; a file may have a hole of that size. */
#define ENDLESS_BYTES (64 * 1024 * 1024)

/* So long a FIFO is waited for that somebody writes to it. */
#define WRITER_MS 5000

const char *
log_input_problem(const struct log_input *input)
{
	const char *text = input->archive == NULL ? NULL :
	    archive_error_string(input->archive);

	if (input->skipped > ENDLESS_BYTES)
		return "a line in it does not end: it is not a log";
	if (text != NULL && archive_errno(input->archive) == ENOMEM)
		return "not enough memory";
	return text == NULL ? "it is damaged" :
	    strncasecmp(text, "truncated", 9) == 0 ? "it ends in the middle" : text;
}

static void
end_archive(struct log_input *input)
{
	if (input->archive != NULL)
		(void)archive_read_free(input->archive);
	input->archive = NULL;
	input->block_size = 0;
}

static struct archive *
new_archive(void)
{
	struct archive *archive = archive_read_new();

	if (archive == NULL)
		return NULL;
	(void)archive_read_support_filter_gzip(archive);
	(void)archive_read_support_filter_bzip2(archive);
	(void)archive_read_support_filter_xz(archive);
	(void)archive_read_support_filter_lzma(archive);
	(void)archive_read_support_filter_zstd(archive);
	(void)archive_read_support_filter_lz4(archive);
	if (archive_read_support_format_raw(archive) == ARCHIVE_OK &&
	    archive_read_support_format_empty(archive) == ARCHIVE_OK)
		return archive;
	(void)archive_read_free(archive);
	return NULL;
}

static bool
is_packed(const struct log_input *input)
{
	return archive_filter_count(input->archive) > 1;
}

static void
next_block(struct log_input *input)
{
	const void *block = NULL;
	la_int64_t offset;
	int result;

	while (input->block_size == 0 && !input->done) {
		result = archive_read_data_block(input->archive, &block,
		    &input->block_size, &offset);
		input->block = block;
		if (result == ARCHIVE_OK)
			continue;
		input->block_size = 0;
		input->done = true;
		input->damaged = result != ARCHIVE_EOF;
	}
}

static la_ssize_t
read_packed(struct archive *archive, void *data, const void **block)
{
	struct log_input *input = data;
	ssize_t size;

	*block = input->buffer + BUFFER_BYTES;
	do
		size = read(input->fd, input->buffer + BUFFER_BYTES, BLOCK_BYTES);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		archive_set_error(archive, errno, "%s", strerror(errno));
	return size;
}

/* archive_read_open_fd(3) crashes where memory for the callbacks' data is short (3.6). */
static int
open_archive(struct log_input *input)
{
	int result = archive_read_set_callback_data(input->archive, input);

	if (result == ARCHIVE_OK)
		result = archive_read_set_read_callback(input->archive, read_packed);
	return result == ARCHIVE_OK ? archive_read_open1(input->archive) : result;
}

/*
 * Begins at the start. A file that is not packed is read without libarchive: it grows.
 * Of a pipe that is not, what was looked at to see that is taken at once.
 */
static bool
begin_input(struct log_input *input)
{
	bool again = S_ISREG(input->status.st_mode);
	struct archive_entry *entry;
	int result;

	end_archive(input);
	input->at = input->end = 0;
	input->offset = input->skipped = 0;
	input->skipping = false;
	input->begun = true;
	if (again && lseek(input->fd, 0, SEEK_SET) != 0)
		return false;
	errno = ENOMEM;
	input->archive = new_archive();
	input->done = input->damaged = input->archive == NULL;
	if (input->done)
		return false;
	result = open_archive(input);
	/* The archive's own, which it crashes without (3.6), may be missing. */
	entry = archive_entry_new();
	if (result == ARCHIVE_OK)
		result = entry != NULL ? archive_read_next_header2(input->archive, entry) :
		    ARCHIVE_FATAL;
	archive_entry_free(entry);
	input->done = result != ARCHIVE_OK;
	input->damaged = input->done && result != ARCHIVE_EOF;
	if (!again && !is_packed(input))
		next_block(input);
	if (!again || input->damaged || is_packed(input))
		return true;
	input->done = false;
	end_archive(input);
	return lseek(input->fd, 0, SEEK_SET) == 0;
}

bool
log_input_open(struct log_input *input, const char *path, bool wait)
{
	bool is_given = strcmp(path, "-") == 0;
	int error;

	log_input_close(input);
	input->fd = is_given ? dup(STDIN_FILENO) :
	    file_open(path, wait ? WRITER_MS : -1, &input->status);
	if (input->fd == -1)
		return false;
	input->buffer = malloc(BUFFER_BYTES + BLOCK_BYTES);
	errno = ENOMEM;
	if (input->buffer != NULL && (is_given ? file_check(input->fd, -1, &input->status) :
	    fcntl(input->fd, F_SETFL, O_RDONLY) == 0) &&
	    (!S_ISREG(input->status.st_mode) || begin_input(input)))
		return true;
	error = errno;
	log_input_close(input);
	errno = error;
	return false;
}

void
log_input_close(struct log_input *input)
{
	end_archive(input);
	if (input->fd != -1)
		(void)close(input->fd);
	free(input->buffer);
	*input = (struct log_input)LOG_INPUT_INIT;
}

/* Whether it can be read now without waiting. */
static bool
input_is_ready(const struct log_input *input)
{
	struct pollfd poller = { .fd = input->fd, .events = POLLIN };

	return S_ISREG(input->status.st_mode) || input->block_size > 0 ||
	    (input->archive != NULL && is_packed(input)) || poll(&poller, 1, 0) != 0;
}

/* The next bytes, at most "size" of them; 0: there are none, or it is damaged. */
static size_t
input_read(struct log_input *input, char *bytes, size_t size)
{
	ssize_t count;

	if (input->archive == NULL) {
		do
			count = read(input->fd, bytes, size);
		while (count < 0 && errno == EINTR);
		input->damaged = input->damaged || count < 0;
		return count < 0 ? 0 : (size_t)count;
	}
	next_block(input);
	if (size > input->block_size)
		size = input->block_size;
	if (size == 0)
		return 0;
	memcpy(bytes, input->block, size);
	input->block += size;
	input->block_size -= size;
	return size;
}

size_t
log_input_read(struct log_input *input, char *bytes, size_t size)
{
	return input->begun || begin_input(input) ? input_read(input, bytes, size) : 0;
}

/* More of what is not a line yet; at least LOG_LINE_MAX bytes fit. */
static bool
fill_buffer(struct log_input *input)
{
	size_t count;

	if ((input->no_wait && !input_is_ready(input)) ||
	    (!input->begun && !begin_input(input)))
		return false;
	memmove(input->buffer, input->buffer + input->at, input->end - input->at);
	input->end -= input->at;
	input->at = 0;
	count = input_read(input, input->buffer + input->end,
	    BUFFER_BYTES - 1 - input->end);
	input->end += count;
	if (input->archive == NULL)
		(void)fstat(input->fd, &input->status);
	return count > 0;
}

/* Takes "length" bytes and the newline behind them, if there is one. */
static char *
take_line(struct log_input *input, size_t length, bool newline)
{
	char *line = input->buffer + input->at;
	size_t taken = newline ? length + 1 : length;

	input->at += taken;
	input->offset += (int64_t)taken;
	if (length > 0 && line[length - 1] == '\r')
		length--;
	line[length] = '\0';
	return line;
}

/* Counts what is left out of a line. True: it is too much of it. */
static bool
skip_more(struct log_input *input, size_t length)
{
	input->skipped = input->skipping ? input->skipped + (int64_t)length : 0;
	if (input->archive == NULL || input->skipped <= ENDLESS_BYTES)
		return false;
	return input->done = input->damaged = true;
}

char *
log_input_line(struct log_input *input, bool rest)
{
	size_t looked = 0, length;
	bool was_cut;
	char *newline, *line;

	for (;;) {
		length = input->end - input->at;
		newline = length > looked ? memchr(input->buffer + input->at + looked,
		    '\n', length - looked) : NULL;
		was_cut = input->skipping;
		if (newline != NULL) {
			length = (size_t)(newline - (input->buffer + input->at));
			input->skipping = false;
		} else if (length >= LOG_LINE_MAX - 1) {
			length = LOG_LINE_MAX - 1;
			input->skipping = true;
		} else {
			looked = length;
			if (fill_buffer(input))
				continue;
			if (!rest || length == 0)
				return NULL;
		}
		line = take_line(input, length, newline != NULL);
		if (!was_cut)
			return line;
		looked = 0;
		if (skip_more(input, length))
			return NULL;
	}
}

/* Goes to a place in what is packed. */
static bool
skip_to(struct log_input *input, int64_t offset)
{
	size_t count = 1;

	if (!begin_input(input))
		return false;
	for (; offset > 0 && count > 0; offset -= (int64_t)count)
		count = input_read(input, input->buffer,
		    offset < BUFFER_BYTES ? (size_t)offset : BUFFER_BYTES);
	return offset == 0;
}

size_t
log_input_bytes(struct log_input *input, int64_t offset, char *bytes, size_t size)
{
	size_t done = 0, count;
	ssize_t got;

	if (input->archive == NULL) {
		got = pread(input->fd, bytes, size, offset);
		return got < 0 ? 0 : (size_t)got;
	}
	if (!skip_to(input, offset))
		return 0;
	while (done < size && (count = input_read(input, bytes + done, size - done)) > 0)
		done += count;
	return done;
}

/* From the byte before: where that is a newline, nothing is left out. */
bool
log_input_seek(struct log_input *input, int64_t offset)
{
	char before;

	if (!begin_input(input))
		return false;
	if (offset == 0)
		return true;
	if (log_input_bytes(input, offset - 1, &before, 1) != 1 ||
	    (input->archive == NULL && lseek(input->fd, offset, SEEK_SET) != offset))
		return false;
	input->offset = offset;
	input->skipping = before != '\n';
	return true;
}
