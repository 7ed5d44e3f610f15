/*
 * diagnose.c - tlsward diagnose: what errors mean, whose fault it is, and what to do.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "tool/decode.h"
#include "tool/mustache.h"
#include "tool/screen.h"
#include "tool/tree.h"

/* Of all operands together. */
#define TEXT_MOST ((size_t)64 << 20)

/* So many findings and lines are written as text; --json has more. */
#define SHOWN_FINDINGS 10
#define SHOWN_LINES 3
/* Lines are folded so where there is no terminal that says its own. */
#define WIDTH 80

struct diagnose_run {
	const char *config;
	const char *system;
	bool json;
	struct buffer text;
	struct screen screen;
};

/* ------------------------------------------------------------------ *
 * What is read
 * ------------------------------------------------------------------ */

/* Appends a file's text. False, having said why not. */
static bool
add_text_of(struct diagnose_run *run, const char *path)
{
	bool input = strcmp(path, "-") == 0;
	struct buffer bytes = BUFFER_INIT;
	const char *why = run->text.length < TEXT_MOST ? passage_load(path,
	    TEXT_MOST - run->text.length, &bytes) : "there is more than 64 MiB of text";

	if (why != NULL)
		(void)tool_trouble("cannot read %s: %s", input ? "standard input" : path, why);
	else
		decode_text(bytes.text, bytes.length, &run->text);
	buffer_free(&bytes);
	if (why != NULL)
		return false;
	buffer_string(&run->text, "\n\n");
	return true;
}

/* Whether a name ends as those of files do that hold logs and messages. */
static bool
ends_as_files(const char *name)
{
	static const char *const endings[] = {
		"log", "txt", "out", "err", "eml", "msg", "csv", "json", "xml", "html", "reg",
		"evtx", "gz", "bz2", "xz", "zst", "1"
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && dot > name && i < sizeof(endings) / sizeof(endings[0]); i++)
		if (strcasecmp(dot + 1, endings[i]) == 0)
			return true;
	return false;
}

/* Whether a path's folder is there. */
static bool
has_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat status;
	char *folder = slash != NULL ? strndup(path, (size_t)(slash - path)) : NULL;
	bool has = folder != NULL && stat(folder, &status) == 0 && S_ISDIR(status.st_mode);

	free(folder);
	return has;
}

/* Whether an operand can be nothing but a path: that of a file, if it is there. */
static bool
is_path(const char *operand)
{
	size_t dots = strspn(operand, ".");

	return strpbrk(operand, " \t\n:\"'<>") == NULL && ((dots <= 2 &&
	    operand[dots] == '/') || ends_as_files(operand) || has_folder(operand));
}

/* An operand that names a file is that, any other is text. */
static bool
add_operand(struct diagnose_run *run, const char *operand)
{
	struct stat status;

	if (strcmp(operand, "-") == 0 || is_path(operand) ||
	    (stat(operand, &status) == 0 && !S_ISDIR(status.st_mode)))
		return add_text_of(run, operand);
	decode_text(operand, strlen(operand), &run->text);
	buffer_string(&run->text, "\n");
	return true;
}

static bool
add_operands(struct diagnose_run *run, int count, char **operands)
{
	if (count == 0 && !add_text_of(run, "-"))
		return false;
	for (int i = 0; i < count; i++)
		if (!add_operand(run, operands[i]))
			return false;
	if (!run->text.failed)
		return true;
	(void)tool_no_memory();
	return false;
}

/* ------------------------------------------------------------------ *
 * What is written
 * ------------------------------------------------------------------ */

static void
put_lines(struct tree *tree, const struct passage_finding *finding, size_t most)
{
	tree_open_array(tree, "lines");
	for (size_t i = 0; i < finding->line_count && i < most; i++)
		tree_text(tree, NULL, finding->lines[i].text);
	tree_close(tree);
}

static const char *
rank_name(enum diagnosis_rank rank)
{
	static const char *const names[DIAGNOSIS_RANKS] = {
		[DIAGNOSIS_CAUSE] = "cause", [DIAGNOSIS_VERIFICATION] = "verification",
		[DIAGNOSIS_CONSEQUENCE] = "consequence",
		[DIAGNOSIS_INFORMATION] = "information"
	};

	return names[rank];
}

/* A finding's members; of what is not known all that there is to tell. */
static void
put_finding(struct tree *tree, const struct passage_finding *finding)
{
	const struct diagnosis *entry = finding->entry;

	tree_open_object(tree, NULL);
	put_lines(tree, finding, PASSAGE_LINES_MAX);
	tree_value(tree, "system", tree_string(finding->system));
	tree_value(tree, "entry", tree_string(entry != NULL ? entry->id : NULL));
	tree_text(tree, "meaning", entry != NULL ? entry->meaning :
	    "not known to tlsward");
	tree_text(tree, "side", entry != NULL ? entry->side : "either");
	tree_value(tree, "cause", tree_string(entry != NULL ? entry->cause : NULL));
	tree_value(tree, "fix", tree_string(entry != NULL ? entry->fix : NULL));
	tree_value(tree, "check", tree_string(entry != NULL ? entry->check : NULL));
	tree_flag(tree, "root", finding->root);
	if (entry != NULL) {
		tree_text(tree, "rank", rank_name(entry->rank));
		tree_text(tree, "source", entry->source);
	}
	tree_text(tree, "peer", finding->peer);
	tree_number(tree, "groups", (int64_t)finding->groups);
	tree_number(tree, "count", (int64_t)finding->count);
	if (finding->line_count > 0)
		tree_number(tree, "first_line", (int64_t)finding->lines[0].number);
	tree_close(tree);
}

static json_t *
json_of(const struct passage *passage)
{
	struct tree tree = { .depth = 0 };

	tree_open_array(&tree, NULL);
	for (size_t i = 0; i < passage->count; i++)
		put_finding(&tree, &passage->findings[i]);
	if (passage->unknown.count > 0)
		put_finding(&tree, &passage->unknown);
	return tree_take(&tree);
}

/* The meaning as a sentence of its own, or behind the name that it goes on after. */
static void
put_told_answer(struct tree *tree, const struct passage_finding *finding)
{
	const char *meaning = finding->entry->meaning;
	struct buffer answer = BUFFER_INIT;

	if (finding->peer != NULL)
		buffer_format(&answer, "%s: %s", finding->peer, meaning);
	else if (strncmp(meaning, "it ", 3) == 0 || strncmp(meaning, "its ", 4) == 0)
		buffer_format(&answer, "The other side: %s", meaning);
	else
		buffer_format(&answer, "%c%s", toupper((unsigned char)meaning[0]), meaning + 1);
	tree_buffer(tree, "answer", &answer);
}

static void
put_entry(struct tree *tree, const struct passage_finding *finding)
{
	const struct diagnosis *entry = finding->entry;

	put_told_answer(tree, finding);
	tree_text(tree, "meaning", entry->meaning);
	tree_text(tree, "cause", entry->cause);
	tree_text(tree, "fix", entry->fix);
	tree_text(tree, "check", entry->check);
	tree_flag(tree, entry->side, true);
}

/* A finding for the template: what it means, and its first lines. */
static void
put_told_finding(struct tree *tree, const struct passage_finding *finding, size_t before)
{
	tree_open_object(tree, NULL);
	tree_open_array(tree, "lines");
	for (size_t i = 0; i < finding->line_count && i < SHOWN_LINES; i++) {
		tree_open_object(tree, NULL);
		tree_number(tree, "number", (int64_t)finding->lines[i].number);
		tree_text(tree, "text", finding->lines[i].text);
		tree_close(tree);
	}
	tree_close(tree);
	if (finding->line_count > 0)
		tree_number(tree, "number", (int64_t)finding->lines[0].number);
	tree_number(tree, "count", (int64_t)finding->count);
	tree_flag(tree, "one", finding->count == 1);
	tree_flag(tree, "more_lines", finding->count > 1);
	tree_flag(tree, "first", before == 0);
	tree_flag(tree, "after", before > 0);
	if (finding->count > SHOWN_LINES)
		tree_number(tree, "more", (int64_t)finding->count - SHOWN_LINES);
	if (finding->groups > 1)
		tree_number(tree, "times", (int64_t)finding->groups);
	if (finding->entry != NULL)
		put_entry(tree, finding);
	tree_close(tree);
}

/* The other roots, or what is none. */
static void
put_some(struct tree *tree, const char *name, const struct passage *passage, bool roots)
{
	size_t shown = 0;

	tree_open_array(tree, name);
	for (size_t i = 1; i < passage->count; i++)
		if ((passage->findings[i].groups > 0) == roots && ++shown <= SHOWN_FINDINGS)
			put_told_finding(tree, &passage->findings[i], shown - 1);
	tree_close(tree);
	if (roots && shown > SHOWN_FINDINGS)
		tree_number(tree, "more_others", (int64_t)(shown - SHOWN_FINDINGS));
}

static json_t *
people_of(const struct passage *passage)
{
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	tree_flag(&tree, "nothing", passage->count == 0 && passage->unknown.count == 0);
	tree_open_array(&tree, "root");
	if (passage->count > 0)
		put_told_finding(&tree, &passage->findings[0], 0);
	tree_close(&tree);
	put_some(&tree, "others", passage, true);
	put_some(&tree, "following", passage, false);
	tree_open_array(&tree, "unknown");
	if (passage->unknown.count > 0)
		put_told_finding(&tree, &passage->unknown, passage->count);
	tree_close(&tree);
	return tree_take(&tree);
}

static int
print_passage(const struct diagnose_run *run, const struct passage *passage)
{
	struct buffer text = BUFFER_INIT, out = BUFFER_INIT;
	json_t *document = run->json ? json_of(passage) : people_of(passage);
	int status;

	if (run->json) {
		if (document == NULL)
			return tool_no_memory();
		status = mustache_print(NULL, document);
	} else {
		status = STATUS_TROUBLE;
		if (mustache_fill_file("page/diagnose.txt", MUSTACHE_SCREEN, document, &text)) {
			screen_fold(&text, run->screen.width > 0 ? run->screen.width : WIDTH,
			    false, &out);
			status = screen_write(&out) == SCREEN_FAILED ? STATUS_TROUBLE :
			    STATUS_FINE;
		}
	}
	buffer_free(&text);
	buffer_free(&out);
	return status != STATUS_FINE ? status :
	    passage->unknown.count > 0 ? STATUS_NO : STATUS_FINE;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static int
diagnose_text(const struct diagnose_run *run, struct diagnoses *diagnoses)
{
	struct passage *passage = passage_read(diagnoses, run->system, run->text.text,
	    run->text.length);
	int status;

	if (passage == NULL)
		return tool_no_memory();
	if (passage->costly != NULL)
		(void)tool_trouble("a pattern of the entry \"%s\" takes too long and was left "
		    "out", passage->costly);
	status = passage->pieces == 0 ? tool_trouble("there is no text to look at") :
	    print_passage(run, passage);
	passage_free(&passage);
	return status;
}

static int
diagnose_operands(struct diagnose_run *run, int count, char **operands)
{
	struct diags *diags = diags_new();
	struct diagnoses *diagnoses = NULL;
	int status = STATUS_TROUBLE;

	if (add_operands(run, count, operands)) {
		if (diags != NULL)
			diagnoses = diagnoses_read(run->config, diags);
		if (diagnoses == NULL)
			(void)tool_no_memory();
		else {
			diags_print(diags, false, stderr);
			/* Those that come with tlsward have examples, each of them. */
			status = diagnoses_example(diagnoses, 0).text == NULL ?
			    tool_trouble("nothing is known without the file \"diagnoses\": "
			    "install tlsward again, or set TLSWARD_DATADIR") :
			    diagnose_text(run, diagnoses);
		}
	}
	diagnoses_free(&diagnoses);
	diags_free(&diags);
	buffer_free(&run->text);
	return status;
}

static bool
take_system(const char *argument, void *data)
{
	struct diagnose_run *run = data;
	struct review_words names = diagnoses_systems();
	struct buffer all = BUFFER_INIT;

	for (size_t i = 0; i < names.count; i++) {
		if (strcasecmp(argument, names.list[i]) == 0)
			run->system = names.list[i];
		buffer_format(&all, "%s%s", i == 0 ? "" : ", ", names.list[i]);
	}
	if (run->system == NULL)
		(void)tool_trouble("\"%s\" is not a system that is known; these are: %s",
		    argument, all.failed ? "" : all.text);
	buffer_free(&all);
	return run->system != NULL;
}

static int
run_diagnose(const struct command *command, int argc, char **argv)
{
	struct diagnose_run run = { .text = BUFFER_INIT };
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	screen_open(&run.screen);
	return diagnose_operands(&run, argc - optind, argv + optind);
}

static const struct tool_option diagnose_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct diagnose_run, config),
	OPTION_CALL("system", 0, take_system),
	OPTION("json", 0, OPTION_FLAG, struct diagnose_run, json),
	OPTION_END
};

const struct command command_diagnose = {
	.name = "diagnose",
	.run = run_diagnose,
	.options = diagnose_options,
	.arguments = "[--system SYSTEM] [--json] [-c FILE] [TEXT... | FILE...]",
	.about = "say what an error of TLS means, and what to do",
	.help =
	    "  --system SYSTEM         whose log it is, where that cannot be told: Domino,\n"
	    "                          Schannel, Exchange, \"Exchange Online\", Postfix,\n"
	    "                          Sendmail, Exim, OpenSSL, GnuTLS, .NET, Java, qmail,\n"
	    "                          Gmail, TLSRPT\n"
	    "  --json                  for programs\n"
	    "  -c FILE, --config FILE  the settings; one's own file \"diagnoses\" is beside it\n\n"
	    "What was copied out of consoles, logs, bounces and event viewers. An operand\n"
	    "that names a file is that file, any other is text; - or none is standard\n"
	    "input. The status is 1 where something that looks like an error is not known.\n",
	.examples =
	    "  tlsward diagnose 'SSL alert number 48'\n"
	    "  tlsward diagnose --system domino console.log\n"
	    "  journalctl -u postfix --since today | tlsward diagnose\n",
};
