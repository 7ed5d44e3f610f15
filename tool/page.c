/*
 * page.c - the frame of a page: its head, its foot, its file.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "tool/chart.h"
#include "tool/palette.h"
#include "base/buffer.h"

/* Appends 'sha256-...' of a text, as a Content-Security-Policy names it. */
static void
add_hash(struct buffer *page, const char *text, size_t length)
{
	unsigned char digest[EVP_MAX_MD_SIZE], name[2 * EVP_MAX_MD_SIZE];
	unsigned size = 0;

	if (EVP_Digest(text, length, digest, &size, EVP_sha256(), NULL) != 1) {
		page->failed = true;
		return;
	}
	(void)EVP_EncodeBlock(name, digest, (int)size);
	buffer_format(page, "'sha256-%s'", (const char *)name);
}

void
page_begin(struct buffer *page, const char *title)
{
	struct buffer style = BUFFER_INIT;

	palette_write(&style);
	buffer_string(&style, page_style);
	if (style.failed) {
		page->failed = true;
		return;
	}
	buffer_string(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\"/>\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	    "base-uri 'none'; form-action 'none'; style-src ");
	add_hash(page, style.text, style.length);
	buffer_string(page, "; script-src ");
	add_hash(page, page_script, strlen(page_script));
	buffer_string(page, "\"/>\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	    "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
	    "<meta name=\"referrer\" content=\"no-referrer\"/>\n"
	    "<meta name=\"generator\" content=\"tlsward " TLSWARD_VERSION "\"/>\n");
	html_format(page, "<title>%s</title>\n<style>", title);
	buffer_add(page, style.text, style.length);
	buffer_string(page, "</style>\n</head>\n<body>\n"
	    "<a class=\"skip\" href=\"#main\">Skip to the report</a>\n");
	chart_patterns_write(page);
	buffer_free(&style);
}

void
page_end(struct buffer *page)
{
	buffer_string(page, "<script>");
	buffer_string(page, page_script);
	buffer_string(page, "</script>\n</body>\n</html>\n");
}

static int
write_all(int fd, const struct buffer *text)
{
	size_t at = 0;

	while (at < text->length) {
		ssize_t written = write(fd, text->text + at, text->length - at);

		if (written > 0)
			at += (size_t)written;
		else if (errno != EINTR)
			return -1;
	}
	return 0;
}

/* What is in the report is not for everybody. */
static int
write_new(int fd, const struct buffer *text)
{
	int result = fchmod(fd, 0640);

	if (result == 0)
		result = write_all(fd, text);
	if (result == 0)
		result = fsync(fd);
	if (close(fd) != 0)
		result = -1;
	return result;
}

/* Something that is no file, like /dev/null, is written to and not replaced. */
static bool
is_replaced(const char *path)
{
	struct stat status;

	return stat(path, &status) != 0 || S_ISREG(status.st_mode);
}

static int
write_stream(const struct buffer *text, const char *path)
{
	FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
	int result = 0;

	if (out == NULL)
		return -1;
	if (fwrite(text->text, 1, text->length, out) != text->length || fflush(out) != 0)
		result = -1;
	if (out != stdout && fclose(out) != 0)
		result = -1;
	return result;
}

int
page_save(const struct buffer *text, const char *path)
{
	struct buffer name = BUFFER_INIT;
	int fd, result = -1, error;

	if (strcmp(path, "-") == 0 || !is_replaced(path))
		return write_stream(text, path);
	buffer_format(&name, "%s.XXXXXX", path);
	if (name.failed) {
		errno = ENOMEM;
		return -1;
	}
	fd = mkstemp(name.text);
	if (fd >= 0) {
		result = write_new(fd, text);
		if (result == 0)
			result = rename(name.text, path);
		error = errno;
		if (result != 0)
			(void)unlink(name.text);
		errno = error;
	}
	error = errno;
	buffer_free(&name);
	errno = error;
	return result;
}
