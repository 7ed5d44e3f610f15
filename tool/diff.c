/*
 * diff.c - tlsward diff: what changes between two policies.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "lint/lint.h"
#include "tool/explain.h"
#include "tool/mustache.h"

/* So many rules that change alike are shown. */
#define ALIKE_MAX 5

struct diff_run {
	struct tool_day day;
	bool json;
	struct loaded loaded[2];
	struct lint_diff *diff;
};

/* What has become of a rule or an agreement, in the order in which it is told. */
enum fate {
	FATE_GONE, FATE_MILDER, FATE_MIXED, FATE_STRICTER, FATE_NEW, FATE_OTHER, FATE_COUNT
};

static const char *const fate_words[FATE_COUNT] = {
	"gone", "milder", "milder and stricter", "stricter", "new", "changed otherwise"
};

static enum fate
fate_by(unsigned how)
{
	switch (how & (LINT_STRICTER | LINT_MILDER)) {
	case LINT_STRICTER:
		return FATE_STRICTER;
	case LINT_MILDER:
		return FATE_MILDER;
	case 0:
		return FATE_OTHER;
	default:
		return FATE_MIXED;
	}
}

static enum fate
fate_of(const struct lint_difference *difference, unsigned how)
{
	return difference->state == LINT_GONE ? FATE_GONE :
	    difference->state == LINT_NEW ? FATE_NEW : fate_by(how);
}

static const char *
how_word(unsigned how)
{
	return how == LINT_STRICTER ? "stricter" : how == LINT_MILDER ? "milder" :
	    "other";
}

/* ------------------------------------------------------------------ *
 * The first line
 * ------------------------------------------------------------------ */

enum { UNIT_AGREEMENT, UNIT_RULE, UNIT_DEFAULT, UNIT_COUNT };

static int
compare_units(const void *a, const void *b)
{
	size_t one = ((const struct lint_difference *)a)->unit;
	size_t other = ((const struct lint_difference *)b)->unit;

	return (one > other) - (one < other);
}

static int
unit_of(const struct lint_difference *difference)
{
	bool of_default = true;

	for (int i = 0; i < 2; i++)
		of_default &= difference->places[i].file == NULL ||
		    difference->places[i].kind == RULE_DEFAULT;
	return difference->partner != NULL ? UNIT_AGREEMENT :
	    of_default ? UNIT_DEFAULT : UNIT_RULE;
}

/* "2 agreements stricter, 1 rule gone" */
static void
write_counts(size_t counts[FATE_COUNT][UNIT_COUNT], struct buffer *text)
{
	static const char *const units[] = { "agreement", "rule" };
	const char *comma = "";

	for (int fate = 0; fate < FATE_COUNT; fate++)
		for (int unit = 0; unit < UNIT_COUNT; unit++) {
			size_t count = counts[fate][unit];

			if (count == 0)
				continue;
			buffer_string(text, comma);
			if (unit == UNIT_DEFAULT)
				buffer_string(text, "the default");
			else
				buffer_format(text, "%zu %s%s", count, units[unit],
				    count == 1 ? "" : "s");
			buffer_format(text, " %s", fate_words[fate]);
			comma = ", ";
		}
	buffer_string(text, *comma == '\0' ? "nothing changes" : "");
}

/* Counts each rule and agreement once, whatever changes in it. */
static void
write_answer(struct lint_diff *diff, struct buffer *text)
{
	size_t counts[FATE_COUNT][UNIT_COUNT] = { { 0 } };
	const struct lint_difference *list = diff->list;
	unsigned how = 0;

	if (diff->count > 0)
		qsort(diff->list, diff->count, sizeof(*diff->list), compare_units);
	for (size_t i = 0; i < diff->count; i++) {
		how |= list[i].how;
		if (i + 1 < diff->count && list[i + 1].unit == list[i].unit)
			continue;
		counts[fate_of(&list[i], how)][unit_of(&list[i])]++;
		how = 0;
	}
	write_counts(counts, text);
}

/* ------------------------------------------------------------------ *
 * The rest
 * ------------------------------------------------------------------ */

static int
compare_changes(const struct lint_change *one, const struct lint_change *other)
{
	int order = 0;

	while (order == 0 && one != NULL && other != NULL) {
		order = (one->from > other->from) - (one->from < other->from);
		if (order == 0)
			order = (one->until > other->until) - (one->until < other->until);
		if (order == 0)
			order = (int)one->how - (int)other->how;
		if (order == 0)
			order = strcmp(one->text, other->text);
		one = one->next;
		other = other->next;
	}
	return order != 0 ? order : (one != NULL) - (other != NULL);
}

/* Whether they are told of by the same words. */
static int
compare_told(const struct lint_difference *one, const struct lint_difference *other)
{
	int order = (int)fate_of(one, one->how) - (int)fate_of(other, other->how);

	return order != 0 ? order : compare_changes(one->changes, other->changes);
}

static int
compare_differences(const void *a, const void *b)
{
	const struct lint_difference *one = a, *other = b;
	int order = compare_told(one, other);

	if (order == 0)
		order = (one->unit > other->unit) - (one->unit < other->unit);
	return order != 0 ? order : strcmp(one->names[0], other->names[0]);
}

/* ------------------------------------------------------------------ *
 * One JSON object; for people with more members
 * ------------------------------------------------------------------ */

static void
put_place_words(struct tree *tree, const char *name, const struct policy_place *place)
{
	struct buffer words = BUFFER_INIT;

	if (place->file == NULL)
		buffer_string(&words, "no rule");
	else
		buffer_format(&words, "%s%s:%u", place->kind == RULE_DEFAULT ?
		    "the default, " : "", place->file, place->line);
	tree_buffer(tree, name, &words);
}

static void
put_difference_words(struct tree *tree, const struct lint_difference *difference)
{
	bool new = difference->named[1];
	const struct policy_place *place = &difference->places[new];

	if (difference->state != LINT_KEPT)
		tree_text(tree, "also", fate_words[fate_by(difference->how)]);
	tree_flag(tree, "is_default", place->kind == RULE_DEFAULT);
	if (difference->name_count > LINT_NAMES_MAX)
		tree_number(tree, "more", (int64_t)(difference->name_count - LINT_NAMES_MAX));
	put_place_words(tree, "place", place);
	if (!difference->named[!new])
		put_place_words(tree, new ? "before" : "now", &difference->places[!new]);
}

static void
put_all_changed(struct tree *tree, const struct lint_change *change)
{
	tree_open_array(tree, "changes");
	for (; change != NULL; change = change->next) {
		tree_open_object(tree, NULL);
		explain_day(tree, "from", change->from);
		explain_day(tree, "until", change->until);
		tree_text(tree, "how", how_word(change->how));
		tree_text(tree, "text", change->text);
		tree_close(tree);
	}
	tree_close(tree);
}

static void
put_difference(struct tree *tree, const struct lint_difference *difference, bool people)
{
	const struct policy_place *place = &difference->places[difference->named[1]];

	tree_open_object(tree, NULL);
	tree_text(tree, "change", fate_words[fate_of(difference, difference->how)]);
	tree_text(tree, "partner", difference->partner);
	tree_text(tree, "rule_kind", policy_rule_kind_name(place->kind));
	tree_open_array(tree, "names");
	for (size_t i = 0; i < difference->name_count && i < LINT_NAMES_MAX; i++)
		tree_text(tree, NULL, difference->names[i]);
	tree_close(tree);
	tree_number(tree, "count", (int64_t)difference->name_count);
	tree_place(tree, "old", &difference->places[0]);
	tree_place(tree, "new", &difference->places[1]);
	if (people)
		put_difference_words(tree, difference);
	else
		put_all_changed(tree, difference->changes);
	tree_close(tree);
}

/* The differences, those that are told of by the same words together. */
static void
put_groups(struct tree *tree, struct lint_diff *diff)
{
	size_t alike;

	if (diff->count > 0)
		qsort(diff->list, diff->count, sizeof(*diff->list), compare_differences);
	tree_open_array(tree, "groups");
	for (size_t i = 0; i < diff->count; i += alike) {
		const struct lint_difference *first = &diff->list[i];

		tree_open_object(tree, NULL);
		tree_open_array(tree, "differences");
		for (alike = 0; i + alike < diff->count &&
		    compare_told(&first[alike], first) == 0; alike++)
			if (alike < ALIKE_MAX)
				put_difference(tree, &first[alike], true);
		tree_close(tree);
		tree_number(tree, "more", alike > ALIKE_MAX ? (int64_t)alike - ALIKE_MAX : 0);
		put_all_changed(tree, first->changes);
		tree_close(tree);
	}
	tree_close(tree);
}

static int
write_diff(const struct diff_run *run)
{
	struct tree tree = { .depth = 0 };
	struct buffer answer = BUFFER_INIT;
	int status;

	tree_open_object(&tree, NULL);
	write_answer(run->diff, &answer);
	tree_buffer(&tree, "answer", &answer);
	if (run->json) {
		tree_open_array(&tree, "differences");
		for (size_t i = 0; i < run->diff->count; i++)
			put_difference(&tree, &run->diff->list[i], false);
		tree_close(&tree);
	} else
		put_groups(&tree, run->diff);
	status = mustache_print(run->json ? NULL : "page/diff.txt", tree_take(&tree));
	return status == STATUS_FINE && run->diff->count > 0 ? STATUS_NO : status;
}

static int
diff_policies(struct diff_run *run, char **paths)
{
	int64_t now = run->day.given ? run->day.start : tool_now_ms() / 1000;
	int status = STATUS_FINE;

	for (int i = 0; i < 2; i++) {
		int loaded = tool_load_usable(paths[i], NULL, &run->loaded[i]);

		if (loaded != STATUS_FINE)
			status = loaded;
	}
	if (status != STATUS_FINE)
		return status;
	run->diff = lint_diff(run->loaded[0].policy, run->loaded[1].policy, now);
	return run->diff == NULL ? tool_no_memory() : write_diff(run);
}

static int
run_diff(const struct command *command, int argc, char **argv)
{
	struct diff_run run = { .json = false };
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (argc - optind != 2)
		return tool_usage(command);
	status = diff_policies(&run, argv + optind);
	lint_diff_free(&run.diff);
	for (int i = 0; i < 2; i++)
		tool_unload(&run.loaded[i]);
	return status;
}

static const struct tool_option diff_options[] = {
	OPTION("at", 0, OPTION_DAY, struct diff_run, day),
	OPTION("json", 0, OPTION_FLAG, struct diff_run, json),
	OPTION_END
};

const struct command command_diff = {
	.name = "diff",
	.run = run_diff,
	.options = diff_options,
	.arguments = "[--at DATE] [--json] OLD NEW",
	.about = "what changes between two policies, by rule and by day",
	.help =
	    "  --at DATE  compare what is in effect from that day on (YYYY-MM-DD, UTC),\n"
	    "             and not from now on\n"
	    "  --json     one JSON object\n\n"
	    "What is in effect for each sender, recipient, client and next hop is compared,\n"
	    "and not how it is written: OLD and NEW are policy files, with all that they\n"
	    "include. The status is 0 where nothing changes, 1 where something does, and 2\n"
	    "where a policy cannot be used. Whose mail that touches: tlsward replay.\n",
	.examples =
	    "  tlsward diff policy.conf new.conf\n"
	    "  tlsward diff --at 2031-03-01 policy.conf new.conf\n",
};
