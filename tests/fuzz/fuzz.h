/*
 * fuzz.h - what the fuzz targets share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TESTS_FUZZ_H
#define TLSWARD_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "journal/journal.h"
#include "policy/policy.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "tests/fake-milter/allocation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold of every input. */
#define check(what) ((what) ? (void)0 : fuzz_failed(#what, __FILE__, __LINE__))

static inline void
fuzz_failed(const char *what, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* What the libmilter of tests/fake-milter asks for: no allocation fails here. */
void
allocation_watch(void)
{
}

/* A file without a place, that can be opened by "path" until it is closed. */
struct fuzz_file {
	int fd;
	char path[32];
};

static inline struct fuzz_file
fuzz_file_new(const void *data, size_t size)
{
	struct fuzz_file file = { .fd = memfd_create("fuzz", MFD_CLOEXEC) };

	check(file.fd >= 0 && write(file.fd, data, size) == (ssize_t)size);
	check(lseek(file.fd, 0, SEEK_SET) == 0);
	(void)snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
	return file;
}

/* A policy that is known to be good. */
static inline struct policy *
fuzz_policy(const char *text)
{
	struct fuzz_file file = fuzz_file_new(text, strlen(text));
	struct diags *diags = diags_new();
	struct policy *policy;

	check(diags != NULL);
	if (policy_load(file.path, &policy, diags) != POLICY_LOADED)
		diags_print(diags, true, stderr);
	check(policy != NULL);
	diags_free(&diags);
	(void)close(file.fd);
	return policy;
}

/* An input, to be taken a piece at a time. At its end there are zeros. */
struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

static inline unsigned
fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->data++;
}

/*
 * A line without its newline, cut where "room" ends; a NUL becomes a "?". False where
 * there are no more.
 */
static inline bool
fuzz_line(struct fuzz_input *input, char *room, size_t size)
{
	size_t length = 0;
	unsigned byte;

	if (input->left == 0)
		return false;
	while (input->left > 0 && (byte = fuzz_byte(input)) != '\n')
		if (length + 1 < size)
			room[length++] = byte != 0 ? (char)byte : '?';
	room[length] = '\0';
	return true;
}

/* What is left, as text; a NUL ends it. The caller's to free. */
static inline char *
fuzz_rest(const struct fuzz_input *input)
{
	char *text = malloc(input->left + 1);

	check(text != NULL);
	if (input->left > 0)
		memcpy(text, input->data, input->left);
	text[input->left] = '\0';
	return text;
}

/* A line of name=value pairs, a blank between two. */
static inline void
fuzz_check_logfmt(const char *line)
{
	for (;;) {
		size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz_-0123456789");

		check(name > 0 && line[name] == '=');
		line += name + 1;
		if (*line == '"') {
			for (line++; *line != '"'; line++) {
				check((unsigned char)*line >= ' ' && *line != 0x7f);
				check(*line != '\\' || *++line != '\0');
			}
			line++;
		} else {
			check(*line > ' ' && *line < 0x7f);
			for (; *line > ' '; line++)
				check(*line < 0x7f && strchr("\"=\\", *line) == NULL);
		}
		if (*line == '\0')
			return;
		check(*line++ == ' ');
	}
}

/* An object in one line of ASCII. */
static inline json_t *
fuzz_json(const char *line, size_t length)
{
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);

	for (size_t i = 0; i < length; i++)
		check(line[i] >= ' ' && line[i] < 0x7f);
	check(json_is_object(object));
	return object;
}

/* A record parses in both forms; of JSON with its values cut, too. */
static inline void
fuzz_check_record(const struct journal_record *record)
{
	struct buffer line = BUFFER_INIT;

	for (size_t limit = 0; limit < 4; limit += 3) {
		journal_record_write(record, JOURNAL_JSON, limit, &line);
		check(!line.failed);
		json_decref(fuzz_json(line.text, line.length));
		buffer_clear(&line);
	}
	journal_record_write(record, JOURNAL_LOGFMT, 64, &line);
	check(!line.failed && strlen(line.text) == line.length);
	fuzz_check_logfmt(line.text);
	buffer_free(&line);
}

/* Whether a verdict keeps the message from going on, now or for good. */
static inline bool
fuzz_refuses(enum policy_action action)
{
	return action >= POLICY_TEMPFAIL;
}

#endif
