/*
 * log_marks.c - marks in files, and what a log was rotated into.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/log_marks.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/tape.h"

/* ------------------------------------------------------------------ *
 * Marks
 * ------------------------------------------------------------------ */

int64_t
sibling_written_ns(const struct stat *status)
{
	return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

static uint64_t
mark_hash(const char *bytes, size_t size)
{
	static const struct hash_key key = { 0, 0 };

	return hash_bytes(key, bytes, size);
}

struct mark
mark_make(struct log_input *input, int64_t offset, const char *head, size_t head_size)
{
	struct mark mark = {
		.offset = offset, .written_ns = sibling_written_ns(&input->status),
		.inode = input->status.st_ino
	};
	char bytes[MARK_HEAD];

	if (input->archive == NULL) {
		mark.tail_size = offset < MARK_TAIL ? (size_t)offset : MARK_TAIL;
		if (log_input_bytes(input, offset - (int64_t)mark.tail_size, bytes,
		    mark.tail_size) != mark.tail_size)
			return mark;
		mark.tail = mark_hash(bytes, mark.tail_size);
		head_size = log_input_bytes(input, 0, bytes, sizeof(bytes));
		head = bytes;
	}
	mark.head_size = offset < (int64_t)head_size ? (size_t)offset : head_size;
	mark.head = mark_hash(head, mark.head_size);
	return mark;
}

static bool
has_bytes(struct log_input *input, int64_t offset, size_t size, uint64_t hash)
{
	char bytes[MARK_HEAD];

	return log_input_bytes(input, offset, bytes, size) == size &&
	    mark_hash(bytes, size) == hash;
}

bool
mark_is_in(const struct mark *mark, struct log_input *input)
{
	char last;
	bool is = mark->head_size > 0 &&
	    has_bytes(input, 0, mark->head_size, mark->head) &&
	    (mark->tail_size > 0 ? has_bytes(input, mark->offset -
	    (int64_t)mark->tail_size, mark->tail_size, mark->tail) :
	    mark->offset == 0 || log_input_bytes(input, mark->offset - 1, &last, 1) == 1);

	return log_input_seek(input, 0) && is;
}

json_t *
mark_write(const struct mark *mark)
{
	char head[17], tail[17];

	(void)snprintf(head, sizeof(head), "%016" PRIx64, mark->head);
	(void)snprintf(tail, sizeof(tail), "%016" PRIx64, mark->tail);
	return json_pack("{sI sI sI s[Is] s[Is]}", "offset", (json_int_t)mark->offset,
	    "written_ns", (json_int_t)mark->written_ns, "inode", (json_int_t)mark->inode,
	    "head", (json_int_t)mark->head_size, head,
	    "tail", (json_int_t)mark->tail_size, tail);
}

bool
mark_read(const json_t *json, struct mark *mark)
{
	json_int_t offset, written_ns, inode, head_size, tail_size;
	const char *head, *tail;

	if (json_unpack((json_t *)(uintptr_t)json, "{sI sI sI s[Is] s[Is]}", "offset",
	    &offset, "written_ns", &written_ns, "inode", &inode, "head", &head_size, &head, "tail",
	    &tail_size, &tail) != 0)
		return false;
	*mark = (struct mark){
		.offset = offset, .written_ns = written_ns, .inode = (uint64_t)inode,
		.head_size = (size_t)head_size, .tail_size = (size_t)tail_size,
		.head = strtoull(head, NULL, 16), .tail = strtoull(tail, NULL, 16)
	};
	return offset >= 0 && head_size >= 0 && head_size <= MARK_HEAD &&
	    tail_size >= 0 && tail_size <= MARK_TAIL && tail_size <= offset;
}

/* ------------------------------------------------------------------ *
 * Siblings
 * ------------------------------------------------------------------ */

void
siblings_free(struct siblings *siblings)
{
	for (size_t i = 0; i < siblings->count; i++)
		free(siblings->files[i].path);
	free(siblings->files);
	*siblings = (struct siblings){ NULL, 0, 0 };
}

/* How much of a name, of "length" bytes, is what packing added. */
static size_t
packed_size(const char *name, size_t length)
{
	static const char *const packed[] = {
		".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma"
	};

	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		size_t size = strlen(packed[i]);

		if (length > size && strcmp(name + length - size, packed[i]) == 0)
			return size;
	}
	return 0;
}

/*
 * What a rotated file's name has behind, or within, that of the log: ".1", "-20261129",
 * or "mail-20261129.log" of mail.log (logrotate's "extension"). NULL: it is not one.
 */
static const char *
rotation_suffix(const char *name, size_t length, const char *log, size_t *size)
{
	size_t log_size = strlen(log);
	const char *dot = strrchr(log, '.'), *suffix;

	length -= packed_size(name, length);
	if (length > log_size && strncmp(name, log, log_size) == 0) {
		suffix = name + log_size;
		*size = length - log_size;
	} else if (dot != NULL && length > log_size &&
	    strncmp(name, log, (size_t)(dot - log)) == 0 &&
	    strncmp(name + length - strlen(dot), dot, strlen(dot)) == 0) {
		suffix = name + (dot - log);
		*size = length - log_size;
	} else
		return NULL;
	return strchr(".-_", suffix[0]) != NULL &&
	    ((isdigit((unsigned char)suffix[1]) &&
	    strspn(suffix, "0123456789.-_T:") >= *size) ||
	    (*size == 4 && strncmp(suffix + 1, "old", 3) == 0)) ? suffix : NULL;
}

bool
sibling_is_of(const char *path, const char *log)
{
	const char *name = strrchr(path, '/'), *log_name = strrchr(log, '/');
	size_t folder = name == NULL ? 0 : (size_t)(name + 1 - path), size;

	return folder == (log_name == NULL ? 0 : (size_t)(log_name + 1 - log)) &&
	    strncmp(path, log, folder) == 0 && rotation_suffix(path + folder,
	    strlen(path + folder), log + folder, &size) != NULL;
}

/* Takes the path over; log NULL: it is the log itself. False where memory is short. */
static bool
add_sibling(struct siblings *siblings, char *path, const char *log)
{
	struct sibling file = { .path = path };
	const char *name;

	if (path == NULL)
		return false;
	name = strrchr(path, '/') + 1;
	if (log != NULL)
		file.suffix = rotation_suffix(name, strlen(name), log, &file.suffix_size);
	if ((log != NULL && file.suffix == NULL) || stat(path, &file.status) != 0 ||
	    !S_ISREG(file.status.st_mode)) {
		free(path);
		return true;
	}
	if (!array_reserve(siblings->files, siblings->count + 1, &siblings->room)) {
		free(path);
		return false;
	}
	siblings->files[siblings->count++] = file;
	return true;
}

static bool
same_suffix(const struct sibling *a, const struct sibling *b)
{
	return a->suffix_size == b->suffix_size &&
	    strncmp(a->suffix, b->suffix, a->suffix_size) == 0;
}

static bool
sibling_is_packed(const struct sibling *file)
{
	return packed_size(file->path, strlen(file->path)) > 0;
}

/* While a file is packed, it is there twice, and one of them is not whole. */
static void
drop_packed(struct siblings *siblings)
{
	for (size_t i = 0; i < siblings->count; i++)
		for (size_t j = 0; j < siblings->count; j++) {
			struct sibling *file = &siblings->files[i];

			if (i == j || !same_suffix(file, &siblings->files[j]) ||
			    !sibling_is_packed(file))
				continue;
			free(file->path);
			*file = siblings->files[--siblings->count];
			i--;
			break;
		}
}

/* Below 10000; what is larger is a date. */
static bool
is_numbered(const struct sibling *file)
{
	return file->suffix_size <= 5 &&
	    strspn(file->suffix + 1, "0123456789") >= file->suffix_size - 1;
}

/* YYYYMMDD..., and not DDMMYYYY. */
static bool
is_dated(const struct sibling *file)
{
	const char *digits = file->suffix + 1;
	char month[3] = "";

	if (file->suffix_size >= 9)
		memcpy(month, digits + (digits[4] == '-' ? 5 : 4), 2);
	return strncmp(digits, "20", 2) == 0 && isdigit((unsigned char)month[0]) &&
	    isdigit((unsigned char)month[1]) && strcmp(month, "00") > 0 &&
	    strcmp(month, "12") <= 0;
}

static int
siblings_in_order(const void *a, const void *b)
{
	const struct sibling *one = a, *other = b;

	return one->order != other->order ? (one->order > other->order ? 1 : -1) :
	    strcmp(one->path, other->path);
}

/* Whether files, the largest number first, were written in that order: not as usual. */
static bool
numbers_rise(const struct siblings *siblings)
{
	size_t rising = 0, falling = 0;

	for (size_t i = 0; i + 1 < siblings->count; i++) {
		const struct sibling *file = &siblings->files[i];
		int64_t first = sibling_written_ns(&file[0].status);
		int64_t second = sibling_written_ns(&file[1].status);

		/* Those that are packed may have been written when that was done. */
		if (!sibling_is_packed(&file[0]) && !sibling_is_packed(&file[1])) {
			rising += first > second;
			falling += first < second;
		}
	}
	return rising > falling;
}

/* The oldest first: names tell, or else when they were written last. */
static void
sort_siblings(struct siblings *siblings)
{
	struct sibling *files = siblings->files;
	bool numbered = true, dated = true;

	for (size_t i = 0; i < siblings->count; i++) {
		numbered = numbered && is_numbered(&files[i]);
		dated = dated && is_dated(&files[i]) &&
		    files[i].suffix_size == files[0].suffix_size;
	}
	for (size_t i = 0; i < siblings->count; i++)
		files[i].order = numbered ? -strtol(files[i].suffix + 1, NULL, 10) :
		    dated ? 0 : sibling_written_ns(&files[i].status);
	if (siblings->count > 1)
		qsort(files, siblings->count, sizeof(*files), siblings_in_order);
	if (!numbered || !numbers_rise(siblings))
		return;
	for (size_t i = 0; i < siblings->count; i++)
		files[i].order = -files[i].order;
	qsort(files, siblings->count, sizeof(*files), siblings_in_order);
}

/* What is in the folder now, as far as one reading of it tells. */
static bool
list_once(const char *path, struct siblings *siblings)
{
	const char *name = strrchr(path, '/') + 1, *entry = NULL;
	char *folder = strndup(path, (size_t)(name - path)), *found;
	enum file_result result = FILE_NO_MEMORY;
	struct file names = { .text = NULL };
	bool fine;

	if (folder != NULL)
		result = tape_ask(NULL, TAPE_FOLDER, folder, &names);
	if (result == FILE_NO_MEMORY)
		errno = ENOMEM;
	/* Where there is no folder there is no log as yet. */
	fine = result == FILE_READ || errno == ENOENT;
	while (fine && (entry = tape_name(&names, entry)) != NULL) {
		if (asprintf(&found, "%s%s", folder, entry) < 0)
			found = NULL;
		fine = add_sibling(siblings, found, name);
	}
	free(names.text);
	free(folder);
	drop_packed(siblings);
	sort_siblings(siblings);
	return fine && add_sibling(siblings, strdup(path), NULL);
}

static bool
same_siblings(const struct siblings *a, const struct siblings *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = a->files[i].status.st_ino == b->files[i].status.st_ino;
	return same;
}

/* Files may be renamed meanwhile: until it is the same twice. */
bool
siblings_list(const char *path, struct siblings *siblings)
{
	struct siblings again = { NULL, 0, 0 };
	bool fine, same = false;
	int error;

	*siblings = again;
	fine = list_once(path, siblings);
	for (int i = 0; fine && !same && i < 10; i++) {
		fine = list_once(path, &again);
		same = fine && same_siblings(siblings, &again);
		siblings_free(siblings);
		*siblings = again;
		again = (struct siblings){ NULL, 0, 0 };
	}
	error = fine ? ESTALE : errno;
	if (!same)
		siblings_free(siblings);
	errno = error;
	return same;
}

size_t
siblings_open(const struct siblings *siblings, const struct stat *status)
{
	for (size_t i = 0; i < siblings->count; i++)
		if (siblings->files[i].status.st_ino == status->st_ino &&
		    siblings->files[i].status.st_dev == status->st_dev)
			return i;
	return SIBLING_NONE;
}

size_t
siblings_marked(const struct siblings *siblings, const struct mark *mark)
{
	struct log_input input = LOG_INPUT_INIT;
	size_t found = SIBLING_NONE;
	int best = 0;

	for (size_t i = siblings->count; i-- > 0 && best < 3; ) {
		const struct sibling *file = &siblings->files[i];
		int rank = file->status.st_ino == mark->inode ? 3 :
		    packed_size(file->path, strlen(file->path)) > 0 ? 2 : 1;

		if (rank > best && log_input_open(&input, file->path, false) &&
		    mark_is_in(mark, &input)) {
			found = i;
			best = rank;
		}
	}
	log_input_close(&input);
	return found;
}
