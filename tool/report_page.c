/*
 * report_page.c - the page of tlsward report --html: what its boxes and tables have, and
 * the file that it is written to.
 *
 * The page needs nothing beside itself, which its Content-Security-Policy holds: no
 * network at all, and no script or style but these two, by their hashes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/date.h"

/* So many rows of a table are open, and so many there at all. */
#define ROWS_OPEN 10
#define ROWS_MAX 500

/* So many names in a box, and senders in the details of an agreement. */
#define NAMES_MAX 3
#define SENDERS_MAX 20

/*
 * Puts rows, whose reference is taken, as those that are open, and those folded; with
 * the names of the table and of a column (NULL: the template has them).
 */
static void
put_parts(struct tree *tree, json_t *rows, const char *title, const char *unit)
{
	size_t count = json_array_size(rows), open = 0;

	tree->failed |= rows == NULL;
	tree_open_array(tree, "parts");
	for (size_t from = 0; from < count && from < ROWS_MAX; from += open) {
		open = from == 0 ? ROWS_OPEN : ROWS_MAX - ROWS_OPEN;
		tree_open_object(tree, NULL);
		if (from > 0)
			tree_number(tree, "folded", (int64_t)(count - from));
		tree_text(tree, "title", title);
		tree_text(tree, "unit", unit);
		tree_open_array(tree, "rows");
		for (size_t i = from; i < count && i < from + open; i++)
			tree_value(tree, NULL, json_incref(json_array_get(rows, i)));
		tree_close(tree);
		tree_close(tree);
	}
	tree_close(tree);
	json_decref(rows);
}

/* ------------------------------------------------------------------ *
 * The four answers
 * ------------------------------------------------------------------ */

enum answer {
	ANSWER_REFUSED, ANSWER_WOULD, ANSWER_MET, ANSWER_READY, ANSWER_CLEAR, ANSWERS
};

static bool
answers(enum answer answer, const struct review_agreement *agreement)
{
	switch (answer) {
	case ANSWER_REFUSED:
		return agreement->in.refused > 0;
	case ANSWER_WOULD:
		return agreement->in.would_be_refused + agreement->out.would_be_refused > 0;
	case ANSWER_MET:
		return report_verdict(agreement)->met;
	case ANSWER_READY:
		return agreement->ready;
	case ANSWER_CLEAR:
	case ANSWERS:
		break;
	}
	return agreement->new_clear_text != NULL;
}

/* The names of those agreements of which an answer is true, the worst first. */
static void
put_answer(struct tree *tree, const struct report_view *view, const char *name,
    enum answer answer)
{
	int64_t count = 0, of = 0;

	tree_open_object(tree, name);
	tree_open_array(tree, "names");
	for (size_t i = 0; i < view->report->agreement_count; i++) {
		const struct review_agreement *agreement = &view->report->agreements[i];

		of += agreement->kind != RULE_DEFAULT || answers(answer, agreement);
		if (!answers(answer, agreement) || count++ >= NAMES_MAX)
			continue;
		tree_open_object(tree, NULL);
		report_people_name(tree, view, agreement);
		if (answer == ANSWER_CLEAR)
			tree_time(tree, "since", agreement->new_clear_text->since_ms);
		tree_close(tree);
	}
	tree_close(tree);
	tree_number(tree, "count", count);
	tree_number(tree, "more", count > NAMES_MAX ? count - NAMES_MAX : 0);
	tree_number(tree, "of", of);
	tree_close(tree);
}

static void
put_answers(struct tree *tree, const struct report_view *view)
{
	static const char *const names[ANSWERS] = {
		"refused", "would", "met", "ready", "clear"
	};
	const struct review *report = view->report;
	int64_t failed = 0;
	size_t named = 0;

	for (int i = 0; i < ANSWERS; i++)
		put_answer(tree, view, names[i], (enum answer)i);
	tree_open_array(tree, "failed_hosts");
	for (size_t i = 0; i < report->handshake_count; i++) {
		failed += report->handshakes[i].count;
		if (report->handshakes[i].agreement == NULL || named++ >= NAMES_MAX)
			continue;
		tree_value(tree, NULL, report_json_handshake(&report->handshakes[i]));
	}
	tree_close(tree);
	tree_number(tree, "failed", failed);
}

/* ------------------------------------------------------------------ *
 * Whom to call
 * ------------------------------------------------------------------ */

/* A table of those whom somebody has to call. */
struct calls {
	const char *id, *title, *unit;
	const char *none;		/* NULL: without rows the table is left out */
	bool in, out;			/* of what it is */
	bool would;			/* what would be refused, not what was */
	bool below;			/* what was sent below its agreement */
};

static const struct calls call_lists[] = {
	{ "refused", "Whose mail is refused, and whom to call", "Refused",
	    "Nobody\xE2\x80\x99s mail was refused.", true, false, false, false },
	{ "would", "Whose mail we would lose", "Would be refused",
	    "If monitor ended today, no mail of this period would have been lost.",
	    true, true, true, false },
	{ "waited", "Our mail that could not go out, for want of TLS", "Waited or bounced",
	    NULL, false, true, false, false },
	{ "below", "Mail that was sent below its agreement", "Sent below it",
	    NULL, false, true, false, true },
};

/* Puts one direction of an agreement as a row, where the table has it. */
static void
put_call(struct tree *rows, const struct report_view *view,
    const struct review_agreement *agreement, const struct calls *calls, bool out)
{
	const struct review_side *side = out ? &agreement->out : &agreement->in;
	int64_t count = calls->below ? side->went.unmet : calls->would ?
	    side->would_be_refused : side->refused;
	double size = 100 * (double)count / (double)(side->messages + (side->messages == 0));

	if (count == 0 || !(out ? calls->out : calls->in))
		return;
	tree_open_object(rows, NULL);
	report_people_name(rows, view, agreement);
	report_whose(rows, view->report, agreement);
	tree_text(rows, "class", calls->id);
	tree_number(rows, "count", count);
	tree_number(rows, "of", side->messages);
	tree_value(rows, "size", json_real(size < 2 ? 2 : size > 100 ? 100 : size));
	tree_flag(rows, "out", out);
	tree_flag(rows, "attempts", side->tempfailed > 0);
	tree_flag(rows, "would", calls->would);
	if (out && !calls->would && !calls->below)
		report_why_waited(rows, "why", agreement);
	else
		report_why(rows, "why", calls->below ? side->went.unmet_for : calls->would ?
		    side->would_for : side->refused_for);
	tree_time(rows, "since", calls->below ? side->went.first_unmet_ms : calls->would ?
	    side->first_would_ms : side->first_refused_ms);
	tree_close(rows);
}

static void
put_calls(struct tree *tree, const struct report_view *view, const struct calls *calls)
{
	struct tree rows = { .depth = 0 };
	json_t *list;

	tree_open_array(&rows, NULL);
	for (size_t i = 0; i < view->report->agreement_count; i++) {
		put_call(&rows, view, &view->report->agreements[i], calls, false);
		put_call(&rows, view, &view->report->agreements[i], calls, true);
	}
	list = tree_take(&rows);
	if (json_array_size(list) > 0 || calls->none != NULL) {
		tree_open_object(tree, NULL);
		tree_text(tree, "id", calls->id);
		tree_text(tree, "title", calls->title);
		tree_text(tree, "none", json_array_size(list) > 0 ? NULL : calls->none);
		put_parts(tree, json_incref(list), calls->title, calls->unit);
		tree_close(tree);
	}
	json_decref(list);
}

/* ------------------------------------------------------------------ *
 * Handshakes, and dates
 * ------------------------------------------------------------------ */

static void
put_handshake_row(struct tree *rows, const struct report_view *view,
    const struct review_handshake *handshake)
{
	struct tree row = tree_on(report_people_handshake(handshake));

	if (handshake->agreement != NULL)
		report_people_name(&row, view, handshake->agreement);
	tree_value(rows, NULL, tree_take(&row));
}

/* Those of partners come first. */
static void
put_handshakes(struct tree *tree, const struct report_view *view)
{
	const struct review *report = view->report;
	struct tree rows = { .depth = 0 };

	tree_open_array(&rows, NULL);
	for (int partners = 1; partners >= 0; partners--)
		for (size_t i = 0; i < report->handshake_count; i++)
			if ((report->handshakes[i].agreement != NULL) == partners)
				put_handshake_row(&rows, view, &report->handshakes[i]);
	tree_open_object(tree, "handshakes");
	tree_flag(tree, "watched", report->watched_ms > report->since_ms);
	put_parts(tree, tree_take(&rows), NULL, NULL);
	tree_close(tree);
}

static void
put_dates(struct tree *tree, const struct report_view *view)
{
	tree_open_object(tree, "dates");
	put_parts(tree, report_dates(view), NULL, NULL);
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/* Without the senders that there is no room for. */
static json_t *
shortened(json_t *agreement)
{
	json_t *senders = json_object_get(agreement, "senders");
	size_t count = json_array_size(senders), left = count;

	while (left > SENDERS_MAX && json_array_remove(senders, left - 1) == 0)
		left--;
	if (left < count)
		(void)json_object_set_new(agreement, "senders_left",
		    json_integer((json_int_t)(count - left)));
	return agreement;
}

static void
put_agreements(struct tree *tree, const struct report_view *view)
{
	size_t count = view->report->agreement_count;

	tree_open_array(tree, "agreements");
	for (size_t i = 0; i < count && i < ROWS_MAX; i++)
		tree_value(tree, NULL, shortened(report_people_agreement(view,
		    &view->report->agreements[i])));
	tree_close(tree);
	tree_number(tree, "agreements_left",
	    count > ROWS_MAX ? (int64_t)(count - ROWS_MAX) : 0);
}

/* Those without an agreement. */
static void
put_domains(struct tree *tree, const struct review *report)
{
	tree_open_array(tree, "domains");
	for (size_t i = 0; i < report->domain_count && i < ROWS_MAX; i++)
		tree_value(tree, NULL, report_json_domain(&report->domains[i]));
	tree_close(tree);
	tree_number(tree, "domains_left", report->domain_count > ROWS_MAX ?
	    (int64_t)(report->domain_count - ROWS_MAX) : 0);
}

static void
put_head(struct tree *tree, const struct report_view *view)
{
	const struct review *report = view->report;
	struct date_local end = date_local(report->until_ms);
	struct buffer only = BUFFER_INIT;
	size_t rules = 0;

	end.text[4] = '\0';
	for (size_t i = 0; i < report->agreement_count; i++)
		rules += report->agreements[i].kind != RULE_DEFAULT;
	report_people_head(tree, view);
	/* A day far away has it. */
	if (view->now_ms - report->until_ms <= MUSTACHE_YEAR_MS)
		tree_text(tree, "year", end.text);
	if (view->only != NULL) {
		report_agreement_label(view->only, &only);
		tree_buffer(tree, "filter", &only);
	}
	tree_number(tree, "rules", (int64_t)rules);
	report_share(tree, "in_encrypted", report->in.encrypted, report->in.messages);
	report_share(tree, "out_encrypted", report->out.went.encrypted,
	    report->out.sent);
}

/* ------------------------------------------------------------------ *
 * The file
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
		put_head(&tree, view);
		put_answers(&tree, view);
		tree_open_array(&tree, "lists");
		for (size_t i = 0; i < sizeof(call_lists) / sizeof(call_lists[0]); i++)
			put_calls(&tree, view, &call_lists[i]);
		tree_close(&tree);
		put_handshakes(&tree, view);
		put_dates(&tree, view);
		put_agreements(&tree, view);
		put_domains(&tree, view->report);
		report_points(&tree, view);
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
