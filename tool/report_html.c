/*
 * report_html.c - a report as one page: a template with its style and script, filled.
 *
 * The page needs nothing beside itself, which its Content-Security-Policy holds: no
 * network at all, and no script or style but these two, by their hashes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "tool/mustache.h"
#include "base/file.h"

#define PART_MAX (1 << 20)	/* bytes of a file that a page is made of */

/* ------------------------------------------------------------------ *
 * Making it
 * ------------------------------------------------------------------ */

/* The text of a file of the page, to be freed; "path" is its. NULL: said why. */
static char *
read_part(const char *name, char path[PATH_MAX])
{
	struct file file;

	file_data_path(name, path, PATH_MAX);
	switch (file_read(path, PART_MAX, false, &file)) {
	case FILE_READ:
		return file.text;
	case FILE_NO_MEMORY:
		(void)tool_trouble("not enough memory");
		break;
	case FILE_LARGE:
		(void)tool_trouble("%s is too large", path);
		break;
	case FILE_UNREADABLE:
	case FILE_IRREGULAR:
		(void)tool_trouble("cannot read %s: %s", path, strerror(errno));
		break;
	}
	return NULL;
}

/* 'sha256-...' of a text, as a Content-Security-Policy names it. */
static void
put_hash(struct tree *tree, const char *name, const char *text)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hash[2 * EVP_MAX_MD_SIZE] = "sha256-";
	unsigned size = 0;

	if (EVP_Digest(text, strlen(text), digest, &size, EVP_sha256(), NULL) != 1)
		tree->failed = true;
	(void)EVP_EncodeBlock((unsigned char *)hash + strlen(hash), digest, (int)size);
	tree_text(tree, name, hash);
}

/* A file that the page has within. */
static bool
put_part(struct tree *tree, const char *file, const char *name, const char *hash)
{
	char path[PATH_MAX], *text = read_part(file, path);

	if (text == NULL)
		return false;
	tree_text(tree, name, text);
	put_hash(tree, hash, text);
	free(text);
	return true;
}

static bool
fill_page(const char *path, const char *text, json_t *values, struct buffer *page)
{
	char error[MUSTACHE_ERROR_MAX];
	struct mustache *template = mustache_parse(path, text, error);

	if (template == NULL) {
		(void)tool_trouble("%s", error);
		return false;
	}
	mustache_fill(template, values, MUSTACHE_HTML, page);
	mustache_free(&template);
	if (page->failed)
		(void)tool_trouble("not enough memory");
	return !page->failed;
}

/* False, having said why, where it could not be made. */
static bool
make_page(const struct report_view *view, struct buffer *page)
{
	char path[PATH_MAX], *template = read_part("page/report.html", path);
	struct tree tree = { .depth = 0 };
	json_t *values;
	bool made;

	tree_open_object(&tree, NULL);
	made = template != NULL &&
	    put_part(&tree, "page/report.css", "style", "style_hash") &&
	    put_part(&tree, "page/report.js", "script", "script_hash");
	if (made)
		report_page(&tree, view);
	values = tree_take(&tree);
	if (made && values == NULL) {
		(void)tool_trouble("not enough memory");
		made = false;
	}
	if (made)
		made = fill_page(path, template, values, page);
	json_decref(values);
	free(template);
	return made;
}

/* ------------------------------------------------------------------ *
 * Saving it
 * ------------------------------------------------------------------ */

static bool
write_all(int fd, const struct buffer *text)
{
	size_t at = 0;

	while (at < text->length) {
		ssize_t written = write(fd, text->text + at, text->length - at);

		if (written > 0)
			at += (size_t)written;
		else if (errno != EINTR)
			return false;
	}
	return true;
}

/* What is in the report is not for everybody. */
static bool
write_new(int fd, const struct buffer *text)
{
	bool written = fchmod(fd, 0640) == 0 && write_all(fd, text) && fsync(fd) == 0;

	return close(fd) == 0 && written;
}

/* Something that is no file, like /dev/null, is written to and not replaced. */
static bool
is_replaced(const char *path)
{
	struct stat status;

	return stat(path, &status) != 0 || S_ISREG(status.st_mode);
}

static bool
write_stream(const struct buffer *text, const char *path)
{
	FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
	bool written;

	if (out == NULL)
		return false;
	written = fwrite(text->text, 1, text->length, out) == text->length &&
	    fflush(out) == 0;
	return (out == stdout || fclose(out) == 0) && written;
}

/* The file has all of it then or is as it was. False with errno set. */
static bool
save(const struct buffer *text, const char *path)
{
	char name[PATH_MAX];
	int fd, error;

	if (strcmp(path, "-") == 0 || !is_replaced(path))
		return write_stream(text, path);
	if (snprintf(name, sizeof(name), "%s.XXXXXX", path) >= (int)sizeof(name)) {
		errno = ENAMETOOLONG;
		return false;
	}
	fd = mkstemp(name);
	if (fd < 0)
		return false;
	if (write_new(fd, text) && rename(name, path) == 0)
		return true;
	error = errno;
	(void)unlink(name);
	errno = error;
	return false;
}

int
report_html_save(const struct report_view *view, const char *path)
{
	struct buffer page = BUFFER_INIT;
	int status = STATUS_FINE;

	if (!make_page(view, &page))
		status = STATUS_TROUBLE;
	else if (!save(&page, path))
		status = tool_trouble("cannot write %s: %s", strcmp(path, "-") == 0 ?
		    "to standard output" : path, strerror(errno));
	buffer_free(&page);
	return status;
}
