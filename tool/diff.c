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

/* So many domains are shown whose mail is judged otherwise. */
#define DOMAINS_MAX 10

/* So far back the journal is looked at. */
#define TRAFFIC_MS (30 * INT64_C(86400000))

struct diff_run {
	struct tool_day day;
	bool json;
	const char *journal, *node;	/* NULL: none, all */
	int64_t since_ms;		/* 0: not given */
	struct review_replay replay;	/* of what the journal has; until_ms 0: not asked */
	struct tally tally;
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

/* Whose mail it touches, as far as the journal tells: domains that are judged otherwise. */
static void
put_traffic(struct tree *tree, const struct diff_run *run)
{
	size_t shown = 0, count = 0;

	if (run->replay.until_ms == 0)
		return;
	tree_open_object(tree, "traffic");
	tree_time(tree, "since", run->replay.since_ms);
	tree_time(tree, "until", run->replay.until_ms);
	tree_number(tree, "transactions", run->tally.total.transactions);
	tree_number(tree, "changed", run->tally.total.changed);
	tree_number(tree, "uncertain", run->tally.total.uncertain);
	tree_open_array(tree, "domains");
	for (size_t i = 0; i < run->tally.domains.count; i++) {
		const struct tally_row *row = &run->tally.domains.rows[i];

		if (row->changed == 0 || (count++ >= DOMAINS_MAX && !run->json))
			continue;
		tree_open_object(tree, NULL);
		tree_text(tree, "domain", row->name);
		if (!run->json)
			tree_text(tree, "label", row->name[0] == '\0' ? "(no domain)" : row->name);
		tree_number(tree, "transactions", row->transactions);
		tree_number(tree, "changed", row->changed);
		tree_close(tree);
		shown++;
	}
	tree_close(tree);
	if (!run->json)
		tree_number(tree, "more", (int64_t)(count - shown));
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
	put_traffic(&tree, run);
	status = mustache_print(run->json ? NULL : "page/diff.txt", tree_take(&tree));
	return status == STATUS_FINE && run->diff->count > 0 ? STATUS_NO : status;
}

/* Judges what the journal has by both policies. */
static int
read_traffic(struct diff_run *run, int64_t now)
{
	struct tool_journal journal;
	int status = STATUS_TROUBLE, result;

	run->replay = (struct review_replay){
		.policy = run->loaded[1].policy, .before = run->loaded[0].policy,
		.options = settings_policy_options(run->loaded[1].settings, now),
		.until_ms = tool_now_ms() + 1
	};
	run->replay.since_ms = run->since_ms != 0 ? run->since_ms :
	    run->replay.until_ms - TRAFFIC_MS;
	if (tool_open_journal(run->journal, run->node, NULL, &journal)) {
		result = review_replay_journal(journal.db, &run->replay, &run->tally);
		status = result == SQLITE_OK ? STATUS_FINE :
		    tool_journal_trouble(&journal, result);
	}
	tool_close_journal(&journal);
	return status;
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
	if (run->diff == NULL)
		return tool_no_memory();
	status = run->journal != NULL ? read_traffic(run, now) : STATUS_FINE;
	return status == STATUS_FINE ? write_diff(run) : status;
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
	if (run.journal == NULL && (run.node != NULL || run.since_ms != 0))
		return tool_trouble("--node and --since go with --journal");
	status = diff_policies(&run, argv + optind);
	lint_diff_free(&run.diff);
	tally_free(&run.tally);
	for (int i = 0; i < 2; i++)
		tool_unload(&run.loaded[i]);
	return status;
}

static const struct tool_option diff_options[] = {
	OPTION("at", 0, OPTION_DAY, struct diff_run, day),
	OPTION("json", 0, OPTION_FLAG, struct diff_run, json),
	JOURNAL_OPTIONS(struct diff_run, journal, node),
	OPTION("since", 0, OPTION_TIME, struct diff_run, since_ms),
	OPTION_END
};

const struct command command_diff = {
	.name = "diff",
	.run = run_diff,
	.options = diff_options,
	.arguments = "[--at DATE] [--json] [--journal FILE [--node NAME] [--since TIME]] OLD NEW",
	.about = "what changes between two policies, by rule and by day",
	.help =
	    "  --at DATE       compare what is in effect from that day on (YYYY-MM-DD, UTC),\n"
	    "                  and not from now on\n"
	    "  --json          one JSON object\n"
	    "  --journal FILE  and tell whose mail of the last 30 days that touches; a fleet's:\n"
	    "                  postgresql:CONNINFO\n"
	    "  --node NAME     of a fleet what one node saw (--mta NAME: the same)\n"
	    "  --since TIME    what came in since then (90m, 24h, 7d, a day)\n\n"
	    "What is in effect for each sender, recipient, client and next hop is compared,\n"
	    "and not how it is written: OLD and NEW are policy files, with all that they\n"
	    "include. The status is 0 where nothing changes, 1 where something does, and 2\n"
	    "where a policy cannot be used. More of whose mail that touches: tlsward replay.\n",
	.examples =
	    "  tlsward diff policy.conf new.conf\n"
	    "  tlsward diff --at 2031-03-01 policy.conf new.conf\n"
	    "  tlsward diff --journal postgresql:dbname=tlsward policy.conf new.conf\n",
};
