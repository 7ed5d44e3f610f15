/*
 * print.c - a policy as it was understood, in its own language.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "policy/requirement.h"
#include "base/date.h"

/* A setting that may end: at the start of the day behind "until". */
static void
print_period(const char *setting, const struct period *period, const char *reason,
    FILE *out)
{
	char day[11];

	if (!period->set)
		return;
	(void)fprintf(out, "\t%s", setting);
	if (period->limited) {
		date_write_day(period->until, day);
		(void)fprintf(out, " until %s", day);
	}
	if (reason != NULL)
		requirement_print_string(reason, out);
	(void)putc('\n', out);
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

static void
print_requirement(const struct policy_requirement *requirement, FILE *out)
{
	(void)fputs("\trequire ", out);
	requirement->row->print(requirement, out);
	if (requirement->own != NULL) {
		(void)putc(' ', out);
		print_otherwise(requirement->own, out);
	}
	(void)putc('\n', out);
}

/* A setting and its text, where it has one. */
static void
print_text(const char *setting, const char *text, FILE *out)
{
	if (text == NULL)
		return;
	(void)fprintf(out, "\t%s", setting);
	requirement_print_string(text, out);
	(void)putc('\n', out);
}

static void
print_settings(const struct settings_of_rule *settings, FILE *out)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (settings->require[kind] != NULL)
			print_requirement(settings->require[kind], out);
	if (settings->otherwise != NULL) {
		(void)putc('\t', out);
		print_otherwise(settings->otherwise, out);
		(void)putc('\n', out);
	}
	print_period("monitor", &settings->monitor, NULL, out);
	print_period("exempt", &settings->exempt, settings->exempt_reason, out);
	print_text("contact", settings->contact, out);
	print_text("note", settings->note, out);
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

int
policy_print(const struct policy *policy, FILE *out)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		const struct who_written *who;

		if (i > 0)
			(void)putc('\n', out);
		(void)fputs(policy_rule_kind_name(rule->kind), out);
		for (who = rule->written; who != NULL; who = who->next)
			print_who(who, out);
		(void)fputs(" {\n", out);
		print_settings(&rule->settings, out);
		(void)fputs("}\n", out);
	}
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
