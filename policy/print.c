/*
 * print.c - a policy as it was understood, in its own language.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "policy/requirement.h"
#include "base/date.h"

/* The policy, and what its lines begin with: those of an agreement's blocks. */
struct print {
	const struct policy *policy;
	const char *indent;
};

/* Where what is allowed of a part of the policy is, or would be. */
static size_t
first_allowed(const struct policy *policy, const void *of)
{
	size_t low = 0, high = policy->allowed_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((uintptr_t)policy->allowed[middle].of < (uintptr_t)of)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The end of the line that a part of the policy has, with what is allowed there. */
static void
print_line_end(const struct print *print, const void *of, FILE *out)
{
	const struct policy *policy = print->policy;
	const char *before = of == policy ? "# tlsward: allow" : " # tlsward: allow";
	size_t low = first_allowed(policy, of);

	for (; low < policy->allowed_count && policy->allowed[low].of == of; low++) {
		(void)fprintf(out, "%s %s", before, policy->allowed[low].id);
		before = "";
	}
	(void)putc('\n', out);
}

/* A setting that may end: at the start of the day behind "until". */
static void
print_period(const struct print *print, const char *setting,
    const struct period *period, const char *reason, FILE *out)
{
	char day[11];

	if (!period->set)
		return;
	(void)fprintf(out, "%s\t%s", print->indent, setting);
	if (period->limited) {
		date_write_day(period->until, day);
		(void)fprintf(out, " until %s", day);
	}
	if (reason != NULL)
		requirement_print_string(reason, out);
	print_line_end(print, period, out);
}

static void
print_otherwise(const struct otherwise *otherwise, FILE *out)
{
	(void)fprintf(out, "otherwise %s", policy_action_name(otherwise->action));
	if (otherwise->code[0] != '\0')
		(void)fprintf(out, " %s", otherwise->code);
	if (otherwise->enhanced[0] != '\0')
		(void)fprintf(out, " %s", otherwise->enhanced);
	if (otherwise->text != NULL)
		requirement_print_string(otherwise->text, out);
}

/* " from DATE", or " until DATE", where there is one. */
static void
print_date(const char *word, int64_t date, FILE *out)
{
	char day[11];

	if (date == INT64_MIN || date == INT64_MAX)
		return;
	date_write_day(date, day);
	(void)fprintf(out, " %s %s", word, day);
}

void
requirement_print(const struct policy_requirement *requirement, FILE *out)
{
	requirement->row->print(requirement, out);
}

static void
print_requirement(const struct print *print,
    const struct policy_requirement *requirement, int64_t from, int64_t until, FILE *out)
{
	(void)fprintf(out, "%s\trequire ", print->indent);
	requirement_print(requirement, out);
	print_date("from", from, out);
	print_date("until", until, out);
	if (requirement->own != NULL) {
		(void)putc(' ', out);
		print_otherwise(requirement->own, out);
	}
	if (requirement->title != NULL)
		(void)fprintf(out, " # tlsward: title %s", requirement->title);
	print_line_end(print, requirement, out);
}

/* The requirements of a kind, each for as long as it counts. */
static void
print_kind(const struct print *print, const struct stretches *stretches, int kind,
    FILE *out)
{
	const struct stretch *list = stretches->list;
	size_t first = 0;

	for (size_t i = 1; i <= stretches->count; i++) {
		const struct policy_requirement *each = list[first].settings.require[kind];

		if (i < stretches->count && list[i].settings.require[kind] == each)
			continue;
		if (each != NULL)
			print_requirement(print, each, list[first].from,
			    i < stretches->count ? list[i].from : INT64_MAX, out);
		first = i;
	}
}

/* A setting and its text, where it has one. */
static void
print_text(const struct print *print, const char *setting, const char *text, FILE *out)
{
	if (text == NULL)
		return;
	(void)fprintf(out, "%s\t%s", print->indent, setting);
	requirement_print_string(text, out);
	(void)putc('\n', out);
}

static void
print_settings(const struct print *print, const struct stretches *stretches, FILE *out)
{
	/* What has no dates of its own is the same in all of them. */
	const struct settings_of_rule *settings = &stretches->list[0].settings;

	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		print_kind(print, stretches, kind, out);
	if (settings->otherwise != NULL) {
		(void)fprintf(out, "%s\t", print->indent);
		print_otherwise(settings->otherwise, out);
		print_line_end(print, settings->otherwise, out);
	}
	print_period(print, "monitor", &settings->monitor, NULL, out);
	print_period(print, "exempt", &settings->exempt, settings->exempt_reason, out);
	print_text(print, "contact", settings->contact, out);
	print_text(print, "note", settings->note, out);
}

static void
print_who(const struct who_written *written, FILE *out)
{
	switch (written->form) {
	case WRITTEN_WORD:
		(void)fprintf(out, " %s", written->text);
		break;
	case WRITTEN_STRING:
		requirement_print_string(written->text, out);
		break;
	case WRITTEN_REGEX:
		requirement_print_regex(written->text, written->caseless, out);
		break;
	case WRITTEN_FILE:
		(void)fputs(" file", out);
		requirement_print_string(written->text, out);
		break;
	}
}

/* What is behind "domain" stays so: it is written once. */
void
print_whos(const struct who_written *written, FILE *out)
{
	for (bool below = false; written != NULL; written = written->next) {
		if (written->below && !below)
			(void)fputs(" domain", out);
		below |= written->below;
		print_who(written, out);
	}
}

bool
policy_print_who(const struct policy *policy, size_t index, FILE *out)
{
	const struct policy_rule *rule = &policy->rules[index];
	const struct who_written *written = rule->partner != NULL ? rule->partner->written :
	    rule->written;
	struct who_written list;
	bool below = false;

	/* A list by its name alone, wherever it is. */
	for (; written != NULL; written = written->next) {
		list = *written;
		list.next = NULL;
		list.below &= !below;
		below |= written->below;
		if (written->form == WRITTEN_FILE && strrchr(list.text, '/') != NULL)
			list.text = strrchr(list.text, '/') + 1;
		print_whos(&list, out);
	}
	if (rule->via != NULL && rule->partner == NULL) {
		(void)fputs(" via", out);
		print_whos(rule->via->written, out);
	}
	return rule->kind != RULE_DEFAULT;
}

/* The domains of an agreement, at its beginning; they are below each as they are. */
static void
print_partner(const struct print *print, const struct agreement *partner, FILE *out)
{
	(void)fputs("partner", out);
	requirement_print_string(partner->name, out);
	(void)fputs(" {", out);
	print_line_end(print, partner, out);
	(void)fputs("\tdomain", out);
	print_whos(partner->written, out);
	print_line_end(print, partner, out);
}

int
policy_print(const struct policy *policy, FILE *out)
{
	struct print printing = { policy, "" }, *print = &printing;
	const struct agreement *before = NULL;
	size_t all = first_allowed(policy, policy);

	/* What counts for all is the first. */
	if (policy->allowed_count > all && policy->allowed[all].of == policy)
		print_line_end(print, policy, out);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		bool begins = rule->partner != before;

		if (begins && before != NULL)
			(void)fputs("}\n", out);
		if (i > 0)
			(void)putc('\n', out);
		if (begins && rule->partner != NULL)
			print_partner(print, rule->partner, out);
		before = rule->partner;
		print->indent = rule->partner != NULL ? "\t" : "";
		if (rule->partner != NULL) {
			(void)fprintf(out, "\t%s",
			    rule->kind == RULE_FROM ? "incoming" : "outgoing");
		} else {
			(void)fputs(policy_rule_kind_name(rule->kind), out);
			print_whos(rule->written, out);
		}
		if (rule->via != NULL) {
			(void)fputs(" via", out);
			print_whos(rule->via->written, out);
		}
		(void)fputs(" {", out);
		print_line_end(print, rule, out);
		print_settings(print, &rule->settings, out);
		(void)fprintf(out, "%s}\n", print->indent);
	}
	if (before != NULL)
		(void)fputs("}\n", out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
