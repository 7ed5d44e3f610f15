/*
 * report_write.c - the templates of a report: text for people and CSV, filled for one
 * domain after the other, and the page.
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

#include "tool/screen.h"

/* Without a terminal, and without --all. */
#define WIDTH 79
#define OTHERS_SHOWN 20

/* ------------------------------------------------------------------ *
 * Text and CSV
 * ------------------------------------------------------------------ */

/* A list of the report, with what comes before its first domain. */
struct text_list {
	const char *heading;
	const char *part;		/* of the template */
	bool (*has)(const struct report_partner *partner);
	bool short_one;			/* without --all */
};

static bool
has_rule(const struct report_partner *partner)
{
	return partner->has_rule && report_is_listed(partner);
}

static bool
has_none(const struct report_partner *partner)
{
	return !partner->has_rule && report_is_listed(partner);
}

static bool
has_passed(const struct report_partner *partner)
{
	return partner->candidate;
}

static const struct text_list lists[] = {
	{ "\nDOMAINS WITH A RULE, the worst first\n", "partner", has_rule, false },
	{ "\nDOMAINS WITHOUT A RULE OF THEIR OWN, the worst first\n", "partner",
	    has_none, true },
	{ "\nWITHOUT A RULE, AND WOULD PASS ONE\nAll of these sessions meet \""
	    REPORT_CANDIDATE_RULE "\":\n", "candidate", has_passed, true },
};

/* Fills one part of a template, whose members are "values". */
static bool
fill_part(const struct mustache *template, const char *part, json_t *values,
    struct buffer *text)
{
	return mustache_fill(template, values == NULL ? NULL :
	    json_pack("{s:o}", part, values), text);
}

static bool
write_text_list(const struct report_view *view, const struct text_list *list,
    const struct mustache *template, struct buffer *text)
{
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < view->partner_count; i++) {
		const struct report_partner *partner = &view->partners[i];

		if (!list->has(partner))
			continue;
		if (list->short_one && !view->all && shown == OTHERS_SHOWN) {
			left++;
			continue;
		}
		buffer_string(text, shown++ == 0 ? list->heading : "");
		if (!fill_part(template, list->part,
		    report_people_partner(view, partner), text))
			return false;
	}
	return left == 0 || fill_part(template, list->part,
	    json_pack("{s:I}", "left", (json_int_t)left), text);
}

static bool
fill_text(const struct report_view *view, const struct mustache *template,
    struct buffer *text)
{
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	report_people_head(&tree, view);
	if (!fill_part(template, "head", tree_take(&tree), text))
		return false;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (!write_text_list(view, &lists[i], template, text))
			return false;
	return true;
}

int
report_text_write(const struct report_view *view, int width, struct buffer *text)
{
	struct buffer whole = BUFFER_INIT;
	struct mustache template;
	bool made = mustache_read("page/report.txt", MUSTACHE_SCREEN, &template) &&
	    fill_text(view, &template, &whole);

	if (made)
		screen_fold(&whole, width == 0 ? WIDTH : width, false, text);
	buffer_free(&whole);
	free(template.text);
	return made ? STATUS_FINE : STATUS_TROUBLE;
}

int
report_csv_write(const struct report_view *view, struct buffer *text)
{
	struct mustache template;
	bool made = mustache_read("page/report.csv", MUSTACHE_CSV, &template) &&
	    fill_part(&template, "head", json_true(), text);

	for (size_t i = 0; i < view->partner_count && made; i++)
		if (report_is_listed(&view->partners[i]))
			made = fill_part(&template, "partner",
			    report_people_partner(view, &view->partners[i]), text);
	free(template.text);
	return made ? STATUS_FINE : STATUS_TROUBLE;
}

/* ------------------------------------------------------------------ *
 * The page
 * ------------------------------------------------------------------ */

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
	if (made) {
		report_people_head(&tree, view);
		report_points(&tree, view);
		report_tables(&tree, view);
	}
	values = tree_take(&tree);
	if (made)
		made = mustache_fill(&template, values, page);
	else
		json_decref(values);
	free(template.text);
	return made;
}

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
