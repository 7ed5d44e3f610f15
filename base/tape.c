/*
 * tape.c - what a load asks the disk, and what the disk answered, to be played again.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/tape.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"

/* One question with its answer: this, then the path, then the answer's bytes. */
struct entry {
	uint64_t device;
	uint64_t inode;
	uint64_t length;		/* of the answer */
	uint32_t path_length;
	int32_t question;
	int32_t result;
	int32_t error;
};

struct tape {
	int fd;				/* that it records into; -1: it plays */
	char *start;			/* what it plays */
	size_t size;
	size_t at;
	int failed;			/* an errno; 0: it has not */
};

/* ------------------------------------------------------------------ *
 * The disk's answers
 * ------------------------------------------------------------------ */

/* The names as an answer. "error": why they are not to be had, or 0. */
static enum file_result
names_finish(struct buffer *names, int error, struct file *answer)
{
	bool failed;

	buffer_add(names, "", 0);
	failed = names->failed || error == ENOMEM;
	*answer = (struct file){ 0 };
	if (!failed && error == 0) {
		*answer = (struct file){ .text = names->text, .length = names->length };
		return FILE_READ;
	}
	buffer_free(names);
	errno = error;
	return failed ? FILE_NO_MEMORY : FILE_UNREADABLE;
}

static int
tape_by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A folder that is not there holds no match; one that is closed may. */
static int
glob_error(int result)
{
	if (result == GLOB_NOSPACE)
		return ENOMEM;
	if (result == 0 || result == GLOB_NOMATCH || errno == ENOENT)
		return 0;
	return errno != 0 ? errno : EIO;
}

static enum file_result
disk_glob(const char *pattern, struct file *answer)
{
	struct buffer names = BUFFER_INIT;
	glob_t found = { 0 };
	int error;

	errno = 0;
	error = glob_error(glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &found));
	if (found.gl_pathc > 0)
		qsort(found.gl_pathv, found.gl_pathc, sizeof(char *), tape_by_bytes);
	for (size_t i = 0; i < found.gl_pathc; i++)
		buffer_add(&names, found.gl_pathv[i], strlen(found.gl_pathv[i]) + 1);
	globfree(&found);
	return names_finish(&names, error, answer);
}

static int
is_no_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int
by_entry_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static enum file_result
disk_folder(const char *path, struct file *answer)
{
	struct buffer names = BUFFER_INIT;
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_no_dots, by_entry_name);
	int error = count == -1 ? errno : 0;

	for (int i = 0; i < count; i++) {
		buffer_add(&names, entries[i]->d_name, strlen(entries[i]->d_name) + 1);
		free(entries[i]);
	}
	free(entries);
	return names_finish(&names, error, answer);
}

static enum file_result
disk_absolute(const char *path, struct file *answer)
{
	*answer = (struct file){ .text = realpath(path, NULL) };
	if (answer->text == NULL)
		return errno == ENOMEM ? FILE_NO_MEMORY : FILE_UNREADABLE;
	answer->length = strlen(answer->text);
	return FILE_READ;
}

static enum file_result
disk_present(const char *path, struct file *answer)
{
	*answer = (struct file){ 0 };
	return access(path, F_OK) == 0 ? FILE_READ : FILE_UNREADABLE;
}

static enum file_result
disk_file(const char *path, struct file *answer)
{
	enum file_result result = file_read(path, TAPE_FILE_MAX, false, answer);

	if (result != FILE_LARGE)
		return result;
	errno = EFBIG;
	return FILE_UNREADABLE;
}

/* Where "word" stands in the file from "at" on; its end where it does not. */
static char *
find_word(const struct file *file, char *at, const char *word)
{
	char *end = file->text + file->length;
	char *found = memmem(at, (size_t)(end - at), word, strlen(word));

	return found != NULL ? found : end;
}

/* Puts three zero bytes in the place of the key that stands from "key" on. */
static void
cut_key(struct file *file, char *key)
{
	static const char nothing[] = "AAAA\n";
	const size_t size = sizeof(nothing) - 1;
	char *end = file->text + file->length, *after = find_word(file, key, "-----END");

	if ((size_t)(after - key) < size)
		return;
	memcpy(key, nothing, size);
	memmove(key + size, after, (size_t)(end - after));
	file->length -= (size_t)(after - key) - size;
	explicit_bzero(file->text + file->length, (size_t)(end - file->text) - file->length);
}

static enum file_result
disk_pem(const char *path, struct file *answer)
{
	enum file_result result = file_read(path, TAPE_PEM_MAX, true, answer);
	char *line = answer->text, *next;

	while (result == FILE_READ && line < answer->text + answer->length) {
		line = find_word(answer, line, "-----BEGIN ");
		next = find_word(answer, line, "\n");
		if (find_word(answer, line, "PRIVATE KEY") < next &&
		    next < answer->text + answer->length)
			cut_key(answer, next + 1);
		line = next;
	}
	return result;
}

static enum file_result (*const disk[TAPE_QUESTIONS])(const char *, struct file *) = {
	[TAPE_FILE] = disk_file,
	[TAPE_PEM] = disk_pem,
	[TAPE_GLOB] = disk_glob,
	[TAPE_FOLDER] = disk_folder,
	[TAPE_ABSOLUTE] = disk_absolute,
	[TAPE_PRESENT] = disk_present,
};

/* ------------------------------------------------------------------ *
 * Recording
 * ------------------------------------------------------------------ */

struct tape *
tape_record(void)
{
	struct tape *tape = calloc(1, sizeof(*tape));

	if (tape == NULL)
		return NULL;
	tape->fd = memfd_create("tlsward-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (tape->fd == -1)
		tape_free(&tape);
	return tape;
}

static void
tape_write(struct tape *tape, const void *bytes, size_t length)
{
	const char *left = bytes;

	while (length > 0 && tape->failed == 0) {
		ssize_t written = write(tape->fd, left, length);

		if (written == -1 && errno != EINTR)
			tape->failed = errno;
		if (written <= 0)
			continue;
		left += written;
		length -= (size_t)written;
	}
}

/* Memory that is short now may not be the next time: that is no answer to keep. */
static void
tape_note(struct tape *tape, enum tape_question question, const char *path,
    enum file_result result, const struct file *answer)
{
	const struct entry entry = { .question = (int32_t)question,
	    .result = (int32_t)result,
	    .error = errno, .path_length = (uint32_t)strlen(path),
	    .length = answer->length, .device = answer->device, .inode = answer->inode };

	if (result == FILE_NO_MEMORY)
		tape->failed = ENOMEM;
	tape_write(tape, &entry, sizeof(entry));
	tape_write(tape, path, entry.path_length);
	tape_write(tape, answer->text, answer->length);
	errno = entry.error;
}

/* ------------------------------------------------------------------ *
 * Playing
 * ------------------------------------------------------------------ */

struct tape *
tape_play(int fd)
{
	struct tape *tape = calloc(1, sizeof(*tape));
	void *start = MAP_FAILED;
	struct stat st;

	if (tape == NULL)
		return NULL;
	tape->fd = -1;
	if (fstat(fd, &st) == 0)
		start = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (start == MAP_FAILED) {
		int error = errno;

		free(tape);
		errno = error;
		return NULL;
	}
	tape->start = start;
	tape->size = (size_t)st.st_size;
	return tape;
}

/* The next bytes of the tape, or NULL where there are not as many. */
static const char *
tape_next(struct tape *tape, uint64_t length)
{
	const char *bytes = tape->start + tape->at;

	if (length > tape->size - tape->at)
		return NULL;
	tape->at += (size_t)length;
	return bytes;
}

/* The answer's bytes; NULL where another question comes next. */
static const char *
tape_find(struct tape *tape, enum tape_question question, const char *path,
    struct entry *entry)
{
	const char *head = tape_next(tape, sizeof(*entry)), *asked;

	if (head == NULL)
		return NULL;
	memcpy(entry, head, sizeof(*entry));
	asked = tape_next(tape, entry->path_length);
	if (asked == NULL || entry->question != (int)question ||
	    strlen(path) != entry->path_length ||
	    memcmp(asked, path, entry->path_length) != 0)
		return NULL;
	return tape_next(tape, entry->length);
}

static enum file_result
tape_answer(struct tape *tape, enum tape_question question, const char *path,
    struct file *answer)
{
	const char *bytes = NULL;
	struct entry entry;

	*answer = (struct file){ 0 };
	if (tape->failed == 0) {
		bytes = tape_find(tape, question, path, &entry);
		tape->failed = bytes == NULL ? EBADMSG : 0;
	}
	if (bytes == NULL)
		return FILE_NO_MEMORY;
	errno = entry.error;
	if (entry.result != FILE_READ)
		return (enum file_result)entry.result;
	answer->text = malloc((size_t)entry.length + 1);
	if (answer->text == NULL) {
		tape->failed = ENOMEM;
		return FILE_NO_MEMORY;
	}
	memcpy(answer->text, bytes, (size_t)entry.length);
	answer->text[entry.length] = '\0';
	answer->length = (size_t)entry.length;
	answer->device = (dev_t)entry.device;
	answer->inode = (ino_t)entry.inode;
	return FILE_READ;
}

/* ------------------------------------------------------------------ *
 * Either
 * ------------------------------------------------------------------ */

enum file_result
tape_ask(struct tape *tape, enum tape_question question, const char *path,
    struct file *answer)
{
	enum file_result result;

	if (tape != NULL && tape->fd == -1)
		return tape_answer(tape, question, path, answer);
	result = disk[question](path, answer);
	if (tape != NULL)
		tape_note(tape, question, path, result, answer);
	return result;
}

/* Whether the disk answers the next question as it did. As tape_is_current(). */
static int
tape_entry_is_current(struct tape *tape)
{
	const char *head = tape_next(tape, sizeof(struct entry)), *path, *bytes;
	struct file answer = { 0 };
	enum file_result result;
	struct entry entry;
	char *name;
	bool same;

	if (head == NULL)
		return -1;
	memcpy(&entry, head, sizeof(entry));
	path = tape_next(tape, entry.path_length);
	bytes = tape_next(tape, entry.length);
	if (path == NULL || bytes == NULL || entry.question < 0 ||
	    entry.question >= TAPE_QUESTIONS ||
	    (name = strndup(path, entry.path_length)) == NULL)
		return -1;
	result = disk[entry.question](name, &answer);
	same = (int)result == entry.result && (result != FILE_READ ?
	    errno == entry.error : answer.length == entry.length &&
	    (entry.length == 0 || memcmp(answer.text, bytes, answer.length) == 0));
	free(name);
	free(answer.text);
	return result == FILE_NO_MEMORY ? -1 : same;
}

int
tape_is_current(int fd)
{
	struct tape *tape = tape_play(fd);
	int current = tape != NULL ? 1 : -1;

	while (current == 1 && tape->at < tape->size)
		current = tape_entry_is_current(tape);
	tape_free(&tape);
	return current;
}

const char *
tape_name(const struct file *answer, const char *before)
{
	const char *next = before == NULL ? answer->text : before + strlen(before) + 1;

	return next < answer->text + answer->length ? next : NULL;
}

bool
tape_failed(const struct tape *tape)
{
	errno = tape->failed;
	return tape->failed != 0;
}

int
tape_fd(const struct tape *tape)
{
	return tape->fd;
}

bool
tape_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
}

void
tape_free(struct tape **tape)
{
	struct tape *old = *tape;
	int error = errno;

	if (old == NULL)
		return;
	if (old->fd != -1)
		(void)close(old->fd);
	else if (old->start != NULL)
		(void)munmap(old->start, old->size);
	free(old);
	*tape = NULL;
	errno = error;
}
