/*
 * explain.c - tlsward explain: facts in, the verdict out, step by step.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "journal/journal.h"
#include "tool/explain.h"
#include "tool/tool.h"

/* Takes NAME=VALUE; says what is wrong with it where it is none. */
static bool
take_fact(struct journal_facts *facts, const char *argument)
{
	const char *equals = strchr(argument, '=');
	struct buffer name = BUFFER_INIT;
	char error[JOURNAL_ERROR_MAX];
	bool ok = false;

	if (equals == NULL || equals == argument) {
		(void)tool_trouble("\"%s\" is not of the form NAME=VALUE", argument);
		return false;
	}
	buffer_add(&name, argument, (size_t)(equals - argument));
	if (name.failed)
		(void)tool_trouble("not enough memory");
	else if (!journal_facts_set(facts, name.text, equals + 1, error))
		(void)tool_trouble("%s", error);
	else
		ok = true;
	buffer_free(&name);
	return ok;
}

static bool
take_facts(struct journal_facts *facts, int count, char **arguments)
{
	bool ok = true;

	for (int i = 0; i < count; i++)
		if (!take_fact(facts, arguments[i]))
			ok = false;
	if (ok && journal_facts_get(facts)->from == NULL) {
		(void)tool_trouble("from= is missing (the null sender is \"<>\")");
		ok = false;
	}
	return ok;
}

static int
explain(const struct loaded *loaded, const struct facts *given, int64_t now)
{
	struct facts facts = *given;
	struct policy_options options = settings_policy_options(loaded->settings, now);
	struct buffer text = BUFFER_INIT;
	struct verdict verdict;
	int status = STATUS_FINE;

	policy_apply_certificates(loaded->policy, &facts);
	if (policy_decide(loaded->policy, &facts, &options, &verdict) != 0)
		return tool_trouble("not enough memory");
	explain_facts(given, &facts, &text);
	explain_rules(&verdict, &facts, &text);
	explain_verdict(&verdict, &facts, &text);
	if (text.failed)
		status = tool_trouble("not enough memory");
	else
		(void)fputs(text.text, stdout);
	buffer_free(&text);
	return status;
}

static int
run_with(const char *policy, const char *config, int64_t now, int count,
    char **arguments)
{
	struct journal_facts *facts = journal_facts_new();
	struct loaded loaded = { 0 };
	int status = STATUS_TROUBLE;

	if (facts == NULL)
		return tool_trouble("not enough memory");
	if (take_facts(facts, count, arguments)) {
		status = tool_load_usable(policy, config, now, &loaded);
		if (status == STATUS_FINE)
			status = explain(&loaded, journal_facts_get(facts), now);
	}
	tool_unload(&loaded);
	journal_facts_free(&facts);
	return status;
}

static int
run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "at", required_argument, NULL, 'a' },
		{ "config", required_argument, NULL, 'c' },
		{ "policy", required_argument, NULL, 'p' },
		COMMON_OPTIONS
	};
	const char *config = NULL, *policy = NULL;
	int64_t now = tool_now();
	int option;

	while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		if (option == 'a') {
			if (!tool_date(optarg, &now))
				return STATUS_TROUBLE;
		} else if (option == 'c')
			config = optarg;
		else if (option == 'p')
			policy = optarg;
		else
			return tool_common_option(command, option);
	}
	if (optind == argc)
		return tool_usage(command);
	return run_with(policy, config, now, argc - optind, argv + optind);
}

const struct command command_explain = {
	.name = "explain",
	.run = run,
	.arguments = "[--policy FILE] [-c FILE] [--at DATE] NAME=VALUE...",
	.about = "show step by step how the policy judges some facts",
	.help =
	    "  --policy FILE           the policy; else the one the settings name\n"
	    "  -c FILE, --config FILE  the settings; else the defaults with --policy,\n"
	    "                          and the default settings file without\n"
	    "  --at DATE               judge as on that day (YYYY-MM-DD, UTC)\n"
	    "  NAME=VALUE              a fact by the record's name, as\n"
	    "                          from=alice@acme.example tls_version=TLSv1.2;\n"
	    "                          what is not given is unknown\n",
};
