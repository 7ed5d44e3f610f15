/*
 * map.c - the rules on mail that goes out as a file, for an MTA that asks no socket.
 *
 * Postfix looks for the next hop as it is and, where that is a domain, for ".parent", up
 * to ".tld" (postconf(5), smtp_tls_policy_maps): so does a policy, but that it ends at a
 * rule under monitor, of which a file has no line.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/map.h"

#include <stdlib.h>
#include <string.h>

#include "policy/index.h"
#include "policy/messages.h"
#include "policy/name.h"
#include "policy/tls_policy.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/diag.h"

/* ------------------------------------------------------------------ *
 * What is told of a rule
 * ------------------------------------------------------------------ */

const struct settings_of_rule *
map_settings(const struct map *map, size_t rule)
{
	return stretches_at(&map->policy->rules[rule].settings, map->options->now);
}

enum map_state
map_state(const struct map *map, size_t rule, struct buffer *value)
{
	const struct settings_of_rule *settings = map_settings(map, rule);
	struct verdict verdict = { .policy = map->policy, .options = *map->options };
	size_t before = value->length;

	verdict.outcome[OUTCOME_FROM] = (struct policy_outcome){
		.rule = &map->policy->rules[rule], .settings = settings,
		.place = { .kind = RULE_DELIVER },
		.exempt = period_active(&settings->exempt, map->options->now),
		.monitored = period_active(&settings->monitor, map->options->now)
	};
	if (!policy_tls_policy(&verdict, value))
		return MAP_SILENT;
	return value->text != NULL && strcmp(value->text + before, "may") == 0 ? MAP_MAY :
	    MAP_DEMANDS;
}

const char *
map_excuse(const struct map *map, size_t rule)
{
	const struct settings_of_rule *settings = map_settings(map, rule);
	int64_t now = map->options->now;

	return !map->options->monitor && period_active(&settings->exempt, now) ?
	    "is exempt" :
	    map->options->monitor || period_active(&settings->monitor, now) ?
	    "is under monitor" : "requires nothing for which mail waits";
}

/* ------------------------------------------------------------------ *
 * Writing
 * ------------------------------------------------------------------ */

void
map_tell(const struct map *map, const struct who *who, const char *id,
    const char *format, ...)
{
	const struct policy_rule *rule = &map->policy->rules[who->rule];
	const char *slash = strrchr(map->path, '/');
	char file[4096];
	va_list arguments;

	/* A warning is of all of the rule, and can be allowed there. */
	(void)snprintf(file, sizeof(file), "%.*s%s",
	    slash == NULL ? 0 : (int)(slash + 1 - map->path), map->path,
	    id != NULL ? rule->file : policy_file(map->policy, who));
	va_start(arguments, format);
	diags_vadd(map->diags, id != NULL ? SEVERITY_WARNING : SEVERITY_ERROR, id, file,
	    id != NULL ? rule->line : who->line, id != NULL ? 1 : who->column, NULL, 0,
	    format, arguments);
	va_end(arguments);
}

void
map_comment(const struct map *map, const struct who *who)
{
	const struct policy_rule *rule = &map->policy->rules[who->rule];

	(void)fputs("# ", map->out);
	for (const char *c = rule->file; *c != '\0'; c++)
		(void)putc((unsigned char)*c < ' ' ? '?' : *c, map->out);
	(void)fprintf(map->out, ":%u: ", rule->line);
}

void
map_line(const struct map *map, const char *before, const char *key, const char *between,
    const char *value)
{
	size_t start = strspn(key, ".["), length = strcspn(key + start, "]:");

	(void)fprintf(map->out, "%s%s%s%s\n", before, key, between, value);
	buffer_clear(map->line);
	if (strstr(key, "xn--") != NULL &&
	    name_unicode(key + start, length, map->line))
		(void)fprintf(map->out, "%s%.*s%s%s%s%s\n", before, (int)start, key,
		    map->line->text, key + start + length, between, value);
}

static void
write_valid_until(const struct map *map)
{
	int64_t until = INT64_MAX;
	char day[DATE_DAY_SIZE];

	for (size_t i = 0; i < map->policy->rule_count; i++) {
		const struct policy_rule *rule = &map->policy->rules[i];
		int64_t next = rule->kind == RULE_DELIVER ?
		    stretches_next(&rule->settings, map->options->now) : INT64_MAX;

		if (next < until)
			until = next;
	}
	date_write_day(until, day);
	(void)fprintf(map->out, "# valid until %s\n",
	    until == INT64_MAX ? "the policy changes" : day);
}

static void
write_head(const struct map *map, const char *digest)
{
	char day[DATE_DAY_SIZE];

	date_write_day(map->options->now, day);
	(void)fprintf(map->out, "# tlsward export %s: policy %s on %s\n", map->kind->name,
	    digest, day);
	write_valid_until(map);
	(void)fputs(map->kind->about, map->out);
}

int
map_write(struct map *map)
{
	struct buffer line = BUFFER_INIT;
	char digest[POLICY_DIGEST_SIZE];
	bool fine = policy_digest(map->policy, digest);

	map->table = &map->policy->tables[RULE_DELIVER];
	map->line = &line;
	fine = fine && map->kind->check(map) && !line.failed;
	if (fine && diags_errors(map->diags) == 0) {
		write_head(map, digest);
		fine = map->kind->write(map) && !line.failed;
	}
	buffer_free(&line);
	return fine && !diags_failed(map->diags) ? 0 : -1;
}

/* ------------------------------------------------------------------ *
 * Postfix
 * ------------------------------------------------------------------ */

/* The WHO above a domain whose line Postfix would find; NULL: none. */
static const struct who *
postfix_finds(const struct map *map, const struct who *who)
{
	const char *key = who->key;
	const struct who *above;

	while ((above = index_find_above(map->table, key, strlen(key))) != NULL) {
		buffer_clear(map->line);
		if (map_state(map, above->rule, map->line) != MAP_SILENT)
			return above;
		key = above->key;
	}
	return NULL;
}

static bool
check_postfix(const struct map *map)
{
	size_t rule = SIZE_MAX;
	enum map_state state = MAP_SILENT;
	bool told = false;

	for (size_t i = 0; i < map->table->count; i++) {
		const struct who *who = &map->table->whos[i], *above;

		if (who->rule != rule) {
			buffer_clear(map->line);
			rule = who->rule;
			state = map_state(map, rule, map->line);
			told = false;
		}
		/* Once for each rule. */
		if (state != MAP_SILENT || who->type == WHO_NEXT_HOP || told ||
		    (above = postfix_finds(map, who)) == NULL)
			continue;
		told = true;
		map_tell(map, who, NULL, MSG_MAP_PARENT, who->key, map_excuse(map, rule),
		    above->key, policy_file(map->policy, above), above->line);
	}
	return true;
}

static bool
write_postfix(const struct map *map)
{
	struct buffer value = BUFFER_INIT;
	enum map_state state = MAP_SILENT;
	size_t rule = SIZE_MAX;
	bool fine;

	for (size_t i = 0; i < map->table->count && !value.failed; i++) {
		const struct who *who = &map->table->whos[i];

		if (who->rule != rule) {
			rule = who->rule;
			buffer_clear(&value);
			state = map_state(map, rule, &value);
			map_comment(map, who);
			(void)fputs(state == MAP_DEMANDS ? "deliver" :
			    map_excuse(map, rule), map->out);
			(void)putc('\n', map->out);
		}
		if (state != MAP_SILENT && !value.failed)
			map_line(map, "", who->key, " ", value.text);
	}
	fine = !value.failed;
	buffer_free(&value);
	return fine;
}

int
policy_write_postfix_map(const struct policy *policy, const char *path,
    const struct policy_options *options, struct diags *diags, FILE *out)
{
	static const struct map_kind kind = {
		"postfix",
		"# for smtp_tls_policy_maps\n"
		"# A next hop with a port is looked up as it is: no domain's line holds for it.\n",
		check_postfix, write_postfix
	};
	struct map map = {
		.policy = policy, .options = options, .path = path, .diags = diags,
		.out = out, .kind = &kind
	};

	return map_write(&map);
}
