/*
 * import_write.c - the policy that an import becomes, tried before it is written.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/tool.h"
#include "base/diag.h"

/* So often rules are taken out that are no policy: the second time finds none. */
#define TRIES 5

/* "3 agreements and 1 other rule", "7 rules", "no rule". */
static const char *
count_rules(struct import *import, const struct import_page *page)
{
	size_t agreements = page->agreements, others = page->others;
	const char *s = others == 1 ? "" : "s", *more;

	if (agreements == 0)
		return others == 0 ? "no rule" : import_text(import, "%zu rule%s", others, s);
	more = others == 0 ? "" : import_text(import, " and %zu other rule%s", others, s);
	return import_text(import, "%zu agreement%s%s", agreements,
	    agreements == 1 ? "" : "s", more);
}

/* The first lines are not in the page. */
static void
write_first_lines(struct import *import, const struct import_page *page,
    const struct import_lines *said, struct buffer *out)
{
	const struct import_kind *kind = import->kind;
	struct buffer files = BUFFER_INIT;
	struct import_line line = { .lost = false };
	const char *answer = import->answer;

	if (answer == NULL)
		answer = import_text(import, "%s from %zu %s", count_rules(import, page),
		    import->read, import->read == 1 ? kind->one : kind->many);
	line.text = import->lost == 0 ?
	    import_text(import, "%s; all of it was taken over", answer) :
	    import_text(import, "%s; %zu thing%s could not be taken over: see NOT TAKEN OVER",
	    answer, import->lost, import->lost == 1 ? "" : "s");
	import_fold_comment(import, &line, 0, out);
	for (const struct import_line *each = said->first; each != NULL; each = each->next)
		import_fold_comment(import, each, IMPORT_WIDTH, out);
	for (size_t i = 0; i < import->source_count; i++)
		buffer_format(&files, "%s%s", i == 0 ? "" : ", ", import->sources[i].name);
	line.text = import_text(import, "Written by \"tlsward import %s\" from %s.", kind->name,
	    import_take(import, &files));
	import_fold_comment(import, &line, IMPORT_WIDTH, out);
	if (page->agreements + page->others == 0)
		return;
	line.text = "It is under monitor: nothing is refused. What would be is in \"tlsward "
	    "report\"; take out the lines \"monitor\" of what is to hold.";
	import_fold_comment(import, &line, IMPORT_WIDTH, out);
}

/* ------------------------------------------------------------------ *
 * It is tried
 * ------------------------------------------------------------------ */

/* A policy's text, what was printed, and what loading it said. */
struct trial {
	struct import *import;
	struct import_page page;
	struct buffer text;
	unsigned head_lines;
	const char *allow;		/* for all of it: identifiers */
	struct import_lines said;	/* of all of it */
	char path[TOOL_PATH_SIZE];
	struct loaded loaded;
};

static unsigned
count_lines(const char *text)
{
	unsigned count = 0;

	for (; text != NULL && *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

/* The printed line that stands there; NULL: it is one of the first lines, or none. */
static struct import_printed *
printed_at(const struct trial *trial, unsigned line)
{
	size_t low = 0, high = trial->page.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (trial->page.lines[middle].last < line)
			low = middle + 1;
		else
			high = middle;
	}
	return line <= trial->head_lines || low == trial->page.count ? NULL :
	    &trial->page.lines[low];
}

static void
write_all(struct trial *trial)
{
	struct buffer head = BUFFER_INIT;
	const char *text;
	size_t first;

	write_first_lines(trial->import, &trial->page, &trial->said, &head);
	text = import_take(trial->import, &head);
	trial->head_lines = count_lines(text);
	buffer_clear(&trial->text);
	first = strcspn(text, "\n");
	buffer_add(&trial->text, text, first);
	if (trial->allow != NULL)
		buffer_format(&trial->text, "  # tlsward: allow%s", trial->allow);
	buffer_string(&trial->text, text + first);
	import_flow(trial->import, &trial->page, &trial->text);
	tool_need(!trial->text.failed);
}

/* As tool_load(), of the text. */
static int
load_trial(struct trial *trial)
{
	int file = tool_text_file(trial->text.text, trial->text.length, trial->path);
	int status;

	if (file == -1)
		return STATUS_TROUBLE;
	status = tool_load(trial->path, NULL, tool_now_ms() / 1000, &trial->loaded);
	if (status == STATUS_FINE)
		settings_check_postconf(trial->loaded.settings, trial->loaded.path,
		    trial->loaded.policy, trial->loaded.diags);
	if (status != STATUS_TROUBLE && diags_failed(trial->loaded.diags))
		status = tool_no_memory();
	(void)close(file);
	return status;
}

/* Takes out the rule that an error is about; false where that is about none. */
static bool
take_rule_out(struct trial *trial, const struct diag *error)
{
	struct import_printed *line = printed_at(trial, error->line);
	struct import_rule *rule = line != NULL ? line->rule : NULL;
	const struct import_line *note;

	if (rule == NULL)
		return false;
	if (rule->item->rule == NULL)
		return true;
	note = rule->notes.first;
	rule->item->rule = NULL;
	import_add_line(trial->import, &rule->item->comments, import_text(trial->import,
	    "%s: no policy takes it: %s.", note != NULL ? note->text : "a rule",
	    error->message), true);
	trial->import->lost++;
	return true;
}

/* Takes out all rules that are in error. False where there is an error of another kind. */
static bool
take_errors_out(struct trial *trial)
{
	const struct diag *diag;
	bool any = false;

	for (size_t i = 0; (diag = diags_at(trial->loaded.diags, i)) != NULL; i++)
		if (diag->severity == SEVERITY_ERROR) {
			if (!take_rule_out(trial, diag))
				return false;
			any = true;
		}
	return any;
}

/* Adds a word to a list, unless that has it. */
static const char *
with_word(struct import *import, const char *list, const char *word)
{
	const char *at = list;
	size_t length = strlen(word);

	while (at != NULL && (at = strstr(at, word)) != NULL) {
		if (at[-1] == ' ' && (at[length] == ' ' || at[length] == '\0'))
			return list;
		at += length;
	}
	return import_text(import, "%s %s", list != NULL ? list : "", word);
}

/* A place in the text that was tried is none of the one that is written. */
static void
tell_warning(struct trial *trial, struct import_lines *said, const struct diag *warning)
{
	const char *text = strstr(warning->message, trial->path) != NULL ?
	    import_text(trial->import, "Look: [%s], see tlsward-policy(5).", warning->id) :
	    import_text(trial->import, "Look: %s [%s].", warning->message, warning->id);
	const struct import_line *same = said->first;

	while (same != NULL && strcmp(same->text, text) != 0)
		same = same->next;
	if (same == NULL)
		import_add_line(trial->import, said, text, false);
}

/* Allows what is warned of, and says so where it stands. */
static void
allow_warning(struct trial *trial, const struct diag *warning)
{
	/* What is so because of what was read, and said of each. */
	static const char *const plain[] = { "no-subdomains", "no-domain-itself",
	    "outgoing-postfix" };
	struct import *import = trial->import;
	struct import_printed *line = printed_at(trial, warning->line);

	if (line == NULL) {
		trial->allow = with_word(import, trial->allow, warning->id);
		tell_warning(trial, &trial->said, warning);
		return;
	}
	line->allow = with_word(import, line->allow, warning->id);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(warning->id, plain[i]) == 0)
			return;
	tell_warning(trial, &trial->page.lines[line->head].said, warning);
}

static void
allow_warnings(struct trial *trial)
{
	const struct diag *diag;

	for (size_t i = 0; (diag = diags_at(trial->loaded.diags, i)) != NULL; i++)
		if (diag->severity == SEVERITY_WARNING && diag->id != NULL)
			allow_warning(trial, diag);
	write_all(trial);
}

/* Counts the lines of what is tried, in which nothing is said as yet. */
static void
number_lines(struct trial *trial)
{
	unsigned at = trial->head_lines;

	for (size_t i = 0; i < trial->page.count; i++) {
		at += 1 + count_lines(trial->page.lines[i].text);
		trial->page.lines[i].last = at;
	}
}

/* STATUS_NO: there were errors, and what was in error is out. */
static int
try_once(struct trial *trial)
{
	int status;

	trial->page.cases = (struct import_lines){ .first = NULL };
	trial->page.count = trial->page.agreements = trial->page.others = 0;
	import_print(trial->import, &trial->page);
	write_all(trial);
	number_lines(trial);
	status = load_trial(trial);
	if (status == STATUS_FINE)
		allow_warnings(trial);
	else if (status == STATUS_NO && !take_errors_out(trial)) {
		diags_print(trial->loaded.diags, false, stderr);
		status = tool_trouble("what was read became no policy, which is an error of "
		    "tlsward's");
	}
	tool_unload(&trial->loaded);
	return status;
}

/* Of a rule for nobody stays what was told as lost, and what it demands. */
static void
leave_out_for_nobody(struct import *import, struct import_item *item)
{
	struct import_lines all = item->comments;
	const struct import_rule *rule = item->rule;

	item->rule = NULL;
	item->comments = (struct import_lines){ .first = NULL };
	for (const struct import_line *line = all.first; line != NULL; line = line->next)
		if (line->lost)
			import_add_line(import, &item->comments, line->text, true);
	import_add_line(import, &item->comments, import_text(import,
	    "What is demanded there: %s.", import_demands(import, rule)), false);
}

/* A rule that is for nobody or demands nothing is none. */
static void
leave_out_empty(struct import *import)
{
	for (struct import_item *item = import->first; item != NULL; item = item->next) {
		const struct import_rule *rule = item->rule;

		if (rule == NULL)
			continue;
		if (rule->settings.first == NULL) {
			item->rule = NULL;
			import_add_line(import, &item->comments, import_text(import,
			    "%s: nothing is demanded.", rule->notes.first != NULL ?
			    rule->notes.first->text : "an entry"), true);
			import->lost++;
		} else if (rule->whos == NULL && rule->target != IMPORT_DEFAULT) {
			leave_out_for_nobody(import, item);
		}
	}
}

int
import_write(struct import *import, struct buffer *out)
{
	struct trial trial = { .import = import, .text = BUFFER_INIT };
	int status = STATUS_NO;

	leave_out_empty(import);
	import_join(import);
	for (int i = 0; status == STATUS_NO && i < TRIES; i++)
		status = try_once(&trial);
	if (status == STATUS_NO)
		status = tool_trouble("what was read became no policy, which is an error of "
		    "tlsward's");
	if (status == STATUS_FINE)
		buffer_add(out, trial.text.text, trial.text.length);
	free(trial.page.lines);
	buffer_free(&trial.text);
	return status;
}
