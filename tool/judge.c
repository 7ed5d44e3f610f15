/*
 * judge.c - what the commands that judge facts have in common.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/judge.h"

int
judge_option(const struct command *command, int option, struct judge *judge)
{
	switch (option) {
	case 'a':
		judge->has_at = tool_date(optarg, &judge->at);
		return judge->has_at ? -1 : STATUS_TROUBLE;
	case 'c':
		judge->config = optarg;
		return -1;
	case 'p':
		judge->policy = optarg;
		return -1;
	default:
		return tool_common_option(command, option);
	}
}

int64_t
judge_time_ms(const struct judge *judge)
{
	return judge->has_at ? judge->at * 1000 : tool_now_ms();
}

int
judge_load(struct judge *judge)
{
	return tool_load_usable(judge->policy, judge->config,
	    judge_time_ms(judge) / 1000, &judge->loaded);
}

void
judge_free(struct judge *judge)
{
	tool_unload(&judge->loaded);
}

bool
judge_facts(const struct loaded *loaded, int64_t now, struct facts *facts,
    struct verdict *verdict)
{
	struct policy_options options = settings_policy_options(loaded->settings, now);

	policy_apply_certificates(loaded->policy, facts);
	return policy_decide(loaded->policy, facts, &options, verdict) == 0;
}
