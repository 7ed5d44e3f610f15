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

/* A file that the page has within: it is no template, but found and read like one. */
static bool
put_part(struct tree *tree, const char *file, const char *name, const char *hash)
{
	struct mustache part;
	bool read = mustache_read(file, MUSTACHE_HTML, &part);

	if (read) {
		tree_text(tree, name, part.text);
		put_hash(tree, hash, part.text);
	}
	free(part.text);
	return read;
}

/* False, having said why, where it could not be made. */
static bool
make_page(const struct report_view *view, struct buffer *page)
{
	struct mustache template;
	struct tree tree = { .depth = 0 };
	json_t *values;
	bool made;

	tree_open_object(&tree, NULL);
	made = mustache_read("page/report.html", MUSTACHE_HTML, &template) &&
	    put_part(&tree, "page/report.css", "style", "style_hash") &&
	    put_part(&tree, "page/report.js", "script", "script_hash");
	if (made)
		report_page(&tree, view);
	values = tree_take(&tree);
	if (made)
		made = mustache_fill(&template, values, page);
	else
		json_decref(values);
	free(template.text);
	return made;
}

/* ------------------------------------------------------------------ *
 * Saving it
 * ------------------------------------------------------------------ */

/* Writes and closes. False with errno set. */
static bool
write_to(FILE *out, const struct buffer *text, bool synced)
{
	bool written = fwrite(text->text, 1, text->length, out) == text->length &&
	    fflush(out) == 0 && (!synced || fsync(fileno(out)) == 0);

	return (out == stdout || fclose(out) == 0) && written;
}

/* A new file takes the place of the old one. What is in it is not for everybody. */
static bool
replace(const struct buffer *text, const char *path)
{
	char name[PATH_MAX];
	FILE *out;
	int fd, error;

	if (snprintf(name, sizeof(name), "%s.XXXXXX", path) >= (int)sizeof(name)) {
		errno = ENAMETOOLONG;
		return false;
	}
	fd = mkstemp(name);
	if (fd < 0)
		return false;
	out = fchmod(fd, 0640) == 0 ? fdopen(fd, "w") : NULL;
	if (out != NULL && write_to(out, text, true) && rename(name, path) == 0)
		return true;
	error = errno;
	if (out == NULL)
		(void)close(fd);
	(void)unlink(name);
	errno = error;
	return false;
}

/* Something that is no file, like /dev/null, is written to and not replaced. */
static bool
save(const struct buffer *text, const char *path)
{
	struct stat status;
	FILE *out;

	if (strcmp(path, "-") == 0)
		return write_to(stdout, text, false);
	if (stat(path, &status) != 0 || S_ISREG(status.st_mode))
		return replace(text, path);
	out = fopen(path, "w");
	return out != NULL && write_to(out, text, false);
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
