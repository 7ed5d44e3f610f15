/*
 * access_map.c - the rules on mail that goes out as lines of Sendmail's access map.
 *
 * cf/README, "STARTTLS", and the rulesets tls_rcpt, tls_server and TLS_connection in
 * cf/m4/proto.m4. TLS_Rcpt is looked up by the recipient's domain, TLS_Srv by the name of
 * the server that the mail goes to, and both for all that is above, without a dot: one
 * line is for a domain and all below that has none of its own. So it demands what is
 * demanded of any of these, and where one of them must not wait there can be none.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include "policy/index.h"
#include "policy/map.h"
#include "policy/match.h"
#include "policy/messages.h"
#include "policy/name.h"
#include "policy/requirement.h"
#include "policy/tls_policy.h"
#include "base/buffer.h"

/* What Sendmail is told of a rule. */
struct access_rule {
	enum map_state state;
	struct access access;
	bool more;		/* some line demands more than the rule does, or of more */
	bool told;		/* that it cannot be said */
};

struct access_map {
	const struct map *map;
	struct access_rule *rules;	/* by index of policy->rules */
	struct who_table hops;		/* WHOs with brackets or a port, by their host */
	struct arena keys;		/* of these */
};

/* A line of the map. */
struct access_line {
	struct access access;
	const struct who *demands;	/* that demands something; NULL: there is no line */
	const struct who *spared;	/* whose mail is not to wait; NULL: none */
	const struct who *clash;	/* with another certificate name; NULL: none */
	bool more;			/* it is for some that no rule names, too */
};

/* ------------------------------------------------------------------ *
 * What Sendmail is told of a rule
 * ------------------------------------------------------------------ */

/* "what" with what Sendmail is told of a requirement; false: there is more to it. */
static bool
demand(const struct policy *policy, const struct policy_requirement *requirement,
    struct access *what)
{
	/* Suites that all are ask for nothing. */
	return requirement->row->sendmail(requirement, what) ||
	    (requirement->kind == REASON_CIPHERSUITES &&
	    requirement_met_by_tls13(policy, requirement));
}

void
settings_unsaid(const struct policy *policy, const struct settings_of_rule *told,
    char *text, size_t size)
{
	struct access access = { 0 };
	const char *comma = "";

	*text = '\0';
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const struct policy_requirement *each = told->require[kind];

		if (each == NULL || demand(policy, each, &access))
			continue;
		text_append(text, size, "%s%s%s", comma,
		    policy_kind_name((enum policy_reason)kind),
		    kind == REASON_TLS_VERSION ? " >= ..." :
		    kind == REASON_CERTIFICATE_NAME ? " with several names" : "");
		comma = ", ";
	}
}

static void
read_rule(const struct access_map *map, size_t index)
{
	struct access_rule *rule = &map->rules[index];
	struct settings_of_rule told = settings_enforced(map_settings(map->map, index));

	buffer_clear(map->map->line);
	rule->state = map_state(map->map, index, map->map->line);
	/* Whatever is required, the session is encrypted. */
	rule->access.bits = 1;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (rule->state == MAP_DEMANDS && told.require[kind] != NULL)
			(void)demand(map->map->policy, told.require[kind], &rule->access);
}

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

/* By what Sendmail knows it: "acme.example", or "[mx.acme.example]" of a server. */
static void
access_key(const struct who *who, char key[NEXT_HOP_MAX])
{
	const char *text = who->key + (who->key[0] == '.');
	size_t length = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":");

	(void)snprintf(key, NEXT_HOP_MAX, "%.*s", (int)length, text);
}

static const struct who *
find_below(const struct map *map, const char *key)
{
	char below[NEXT_HOP_MAX + 1];

	(void)snprintf(below, sizeof(below), ".%s", key);
	return index_find(map->table, below, strlen(below));
}

static bool
same_name(const struct policy_requirement *a, const struct policy_requirement *b)
{
	return a == b || (a != NULL && b != NULL && requirement_same(a, b));
}

static bool
same_access(const struct access *a, const struct access *b)
{
	return a->verify == b->verify && a->bits == b->bits && same_name(a->name, b->name);
}

/* What demands both; of two names the first. */
static struct access
both_of(const struct access *a, const struct access *b)
{
	return (struct access){
		.verify = a->verify || b->verify, .bits = a->bits > b->bits ? a->bits : b->bits,
		.name = a->name != NULL ? a->name : b->name
	};
}

/* Makes the line demand what a rule does, too; NULL: there is none. */
static void
join_who(const struct access_map *map, const struct who *who, struct access_line *line)
{
	struct access_rule *rule = who != NULL ? &map->rules[who->rule] : NULL;

	if (rule == NULL) {
		line->more = true;
	} else if (rule->state != MAP_DEMANDS) {
		line->spared = line->spared == NULL ? who : line->spared;
	} else if (line->demands == NULL) {
		line->demands = who;
		line->access = rule->access;
	} else {
		struct access both = both_of(&line->access, &rule->access);

		map->rules[line->demands->rule].more |= !same_access(&both, &line->access);
		rule->more |= !same_access(&both, &rule->access);
		if (!same_name(both.name, rule->access.name) && rule->access.name != NULL)
			line->clash = who;
		line->access = both;
	}
}

/* Of the name itself, of all below it and of next hops with it: a line is for them all. */
static struct access_line
line_of(const struct access_map *map, const char *key)
{
	struct access_line line = { .more = key[0] == '[' };
	const struct who_table *table = map->map->table;
	const struct who *above, *exact, *below;
	size_t length = strlen(key);

	if (key[0] != '[') {
		exact = index_find(table, key, length);
		below = find_below(map->map, key);
		above = index_find_above(table, key, length);
		join_who(map, exact != NULL ? exact : above, &line);
		join_who(map, below != NULL ? below : above, &line);
	}
	for (const struct who *hop = index_find(&map->hops, key, length); hop != NULL;
	    hop = index_next(&map->hops, hop))
		join_who(map, hop, &line);
	return line;
}

/* The WHO whose line Sendmail finds where a name has none. */
static const struct who *
sendmail_finds(const struct access_map *map, const char *key)
{
	char above[NEXT_HOP_MAX];

	for (const char *dot = strchr(key, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
		struct access_line line;

		(void)snprintf(above, sizeof(above), "%s%s", key[0] == '[' ? "[" : "",
		    dot + 1);
		line = line_of(map, above);
		if (line.demands != NULL)
			return line.demands;
	}
	return NULL;
}

/* Whether the line of a key stands at this WHO, of those that have a part in it. */
static bool
stands_at(const struct access_map *map, const struct who *who, const char *key)
{
	size_t length = strlen(key);

	if (who->type == WHO_DOMAIN)
		return true;
	if (key[0] != '[' && index_find(map->map->table, key, length) != NULL)
		return false;
	return who->type == WHO_SUBDOMAINS || (find_below(map->map, key) == NULL &&
	    index_find(&map->hops, key, length)->name == who->name);
}

/* ------------------------------------------------------------------ *
 * What they cannot say
 * ------------------------------------------------------------------ */

static const char *
shown(const struct who *who)
{
	return who->type == WHO_NEXT_HOP ? who->name : who->key;
}

/* Tells of a rule, and once of each, that another stands in its way. */
static void
tell_of(const struct access_map *map, const struct who *who, const struct who *other)
{
	struct access_rule *rule = &map->rules[who->rule];
	const char *file = policy_file(map->map->policy, other);

	if (rule->told)
		return;
	rule->told = true;
	if (rule->state == MAP_DEMANDS)
		map_tell(map->map, who, NULL, MSG_MAP_NAMES, shown(who), shown(other), file,
		    other->line);
	else
		map_tell(map->map, who, NULL, MSG_MAP_REACH, shown(who),
		    map_excuse(map->map, who->rule), shown(other), file, other->line);
}

static void
check_access_line(const struct access_map *map, const struct who *who, const char *key)
{
	const struct access_line line = line_of(map, key);
	const struct who *other = line.demands;

	if (other == NULL)
		other = sendmail_finds(map, key);
	if (line.demands != NULL && strchr(key, ':') != NULL)
		map_tell(map->map, who, NULL, MSG_MAP_IPV6, who->name);
	if (line.clash != NULL)
		tell_of(map, line.clash, line.demands);
	if (line.spared != NULL && other != NULL)
		tell_of(map, line.spared, other);
	if (line.demands != NULL && line.more)
		map->rules[line.demands->rule].more = true;
}

static const char more_told[] = "its lines are for all mail to these domains or hosts, and "
    "to all below them that have no line";

/* What Sendmail is told less of, and more. */
static void
unsaid_of(const struct access_map *map, const struct who *who, char text[200])
{
	const struct settings_of_rule told =
	    settings_enforced(map_settings(map->map, who->rule));

	*text = '\0';
	if (map->rules[who->rule].state == MAP_DEMANDS)
		settings_unsaid(map->map->policy, &told, text, 200);
}

static void
check_rule(const struct access_map *map, const struct who *who)
{
	char unsaid[200];

	unsaid_of(map, who, unsaid);
	if (*unsaid != '\0')
		map_tell(map->map, who, "outgoing-postfix", MSG_MAP_UNSAID, unsaid);
	if (map->rules[who->rule].more)
		map_tell(map->map, who, "outgoing-stricter", MSG_MAP_MORE, more_told);
}

static void
check_map(const struct access_map *map)
{
	const struct who_table *table = map->map->table;
	char key[NEXT_HOP_MAX];

	for (size_t i = 0; i < table->count; i++) {
		access_key(&table->whos[i], key);
		if (stands_at(map, &table->whos[i], key))
			check_access_line(map, &table->whos[i], key);
	}
	for (size_t i = 0; i < table->count; i++)
		if (i == 0 || table->whos[i].rule != table->whos[i - 1].rule)
			check_rule(map, &table->whos[i]);
}

/* ------------------------------------------------------------------ *
 * The map
 * ------------------------------------------------------------------ */

static void
write_rule(const struct access_map *map, const struct who *who)
{
	const struct access_rule *rule = &map->rules[who->rule];
	FILE *out = map->map->out;
	char unsaid[200];

	unsaid_of(map, who, unsaid);
	map_comment(map->map, who);
	(void)fprintf(out, "%s\n", rule->state == MAP_DEMANDS ? "deliver" :
	    map_excuse(map->map, who->rule));
	if (*unsaid != '\0')
		(void)fprintf(out, "#\tnot said: %s (TLS_Clt_Features, by host, has words "
		    "for versions and ciphers)\n", unsaid);
	if (rule->more)
		(void)fprintf(out, "#\tmore than the rule: %s\n", more_told);
}

/* As Sendmail reads a line. */
struct access_words {
	const char *tag;
	char name[NEXT_HOP_MAX], value[300];
};

static struct access_words
words_of(const char *key, const struct access *access)
{
	struct access_words words = { .tag = key[0] == '[' ? "TLS_Srv:" : "TLS_Rcpt:" };
	struct network network;
	char name[256];
	int length = snprintf(words.value, sizeof(words.value), "%s:%d",
	    access->verify ? "VERIFY" : "ENCR", access->bits);

	if (access->name != NULL && pattern_host(&access->name->u.patterns.list[0], name))
		(void)snprintf(words.value + length, sizeof(words.value) - (size_t)length,
		    "+CN:%s", name);
	(void)snprintf(words.name, sizeof(words.name), "%.*s", (int)strlen(key) - 2,
	    key + 1);
	/* An address is in brackets there, too, and a server's name is not. */
	if (key[0] != '[' || network_read(words.name, &network) == NETWORK_OK)
		(void)snprintf(words.name, sizeof(words.name), "%s", key);
	return words;
}

static void
write_access_line(const struct access_map *map, const char *key)
{
	const struct access_line line = line_of(map, key);
	struct access_words words;

	if (line.demands == NULL)
		return;
	words = words_of(key, &line.access);
	map_line(map->map, words.tag, words.name, "\t", words.value);
}

static bool
write_access(const struct map *of)
{
	const struct access_map *map = of->own;
	const struct who_table *table = of->table;
	char key[NEXT_HOP_MAX];

	for (size_t i = 0; i < table->count; i++) {
		if (i == 0 || table->whos[i].rule != table->whos[i - 1].rule)
			write_rule(map, &table->whos[i]);
		access_key(&table->whos[i], key);
		if (stands_at(map, &table->whos[i], key))
			write_access_line(map, key);
	}
	return true;
}

/* Adds a next hop with brackets or a port by its host. */
static bool
add_hop(struct access_map *map, const struct who *who)
{
	struct who hop = *who;
	char key[NEXT_HOP_MAX];
	size_t count = map->hops.count, at;

	access_key(who, key);
	hop.key = arena_text(&map->keys, key, strlen(key));
	if (hop.key == NULL)
		return false;
	at = index_add(&map->hops, &hop, strlen(key));
	return at != SIZE_MAX && (map->hops.count > count ||
	    index_chain(&map->hops, at, &hop) != SIZE_MAX);
}

static bool
fill_access_map(struct access_map *map)
{
	const struct who_table *table = map->map->table;

	for (size_t i = 0; i < table->count; i++)
		if (table->whos[i].type == WHO_NEXT_HOP && !add_hop(map, &table->whos[i]))
			return false;
	for (size_t i = 0; i < map->map->policy->rule_count; i++)
		if (map->map->policy->rules[i].kind == RULE_DELIVER)
			read_rule(map, i);
	return true;
}

static void
free_access_map(struct access_map *map)
{
	index_free(&map->hops);
	arena_release(&map->keys);
	free(map->rules);
}

static bool
check_access(const struct map *map)
{
	struct access_map *own = map->own;

	own->rules = calloc(map->policy->rule_count + 1, sizeof(*own->rules));
	if (own->rules == NULL || !fill_access_map(own))
		return false;
	check_map(own);
	return true;
}

int
policy_write_access_map(const struct policy *policy, const char *path,
    const struct policy_options *options, struct diags *diags, FILE *out)
{
	static const struct map_kind kind = {
		"sendmail",
		"# for Sendmail's access map, by recipients' domains (TLS_Rcpt) and servers' "
		"names (TLS_Srv)\n"
		"# A line is for its name and all below that have none. CN: the certificate's "
		"common name alone.\n",
		check_access, write_access
	};
	struct access_map own = { .map = NULL };
	struct map map = {
		.policy = policy, .options = options, .path = path, .diags = diags,
		.out = out, .kind = &kind, .own = &own
	};
	int result;

	own.map = &map;
	result = map_write(&map);
	free_access_map(&own);
	return result;
}

/* ------------------------------------------------------------------ *
 * What it has of one next hop
 * ------------------------------------------------------------------ */

/* Whether a line stands there with this key; if so, which. */
static bool
finds_line(const struct access_map *map, const char *key, struct access_line *line)
{
	size_t length = strlen(key);

	if (index_find(&map->hops, key, length) == NULL && (key[0] == '[' ||
	    (index_find(map->map->table, key, length) == NULL &&
	    find_below(map->map, key) == NULL)))
		return false;
	*line = line_of(map, key);
	return line->demands != NULL;
}

/* Of the key, or of the next above it, which takes its place. */
static bool
finds_above(const struct access_map *map, char key[NEXT_HOP_MAX], struct access_line *line)
{
	size_t start = key[0] == '[';
	const char *dot;

	while (!finds_line(map, key, line)) {
		if ((dot = strchr(key, '.')) == NULL)
			return false;
		memmove(key + start, dot + 1, strlen(dot));
	}
	return true;
}

static void
describe_line(const struct access_map *map, char key[NEXT_HOP_MAX],
    const struct who *who, struct buffer *text)
{
	struct access_line line;
	char unsaid[200] = "";

	if (who != NULL)
		unsaid_of(map, who, unsaid);
	if (!finds_above(map, key, &line)) {
		buffer_string(text, "no line");
	} else if (line.clash != NULL || line.spared != NULL ||
	    (who != NULL && map->rules[who->rule].state != MAP_DEMANDS)) {
		buffer_format(text, "no line can say it beside that of %s: see tlsward export",
		    shown(line.demands));
	} else {
		struct access_words words = words_of(key, &line.access);

		buffer_format(text, "%s%s %s", words.tag, words.name, words.value);
	}
	if (*unsaid != '\0')
		buffer_format(text, "; not said: %s", unsaid);
}

/* The key by which Sendmail knows a next hop; as next_hop_key() and match_next_hop(). */
static int
key_of_next_hop(const char *next_hop, char key[NEXT_HOP_MAX])
{
	char whole[NEXT_HOP_MAX] = "";
	struct who who = { .key = whole };
	struct name name;
	bool valid;
	int result = next_hop_key(next_hop, whole);

	if (result == 1 && (result = name_domain(next_hop, strlen(next_hop), &name,
	    &valid)) == 0) {
		(void)snprintf(whole, sizeof(whole), "%s", name.text);
		name_free(&name);
	}
	access_key(&who, key);
	return result;
}

bool
policy_access_line(const struct policy *policy, const char *next_hop,
    const struct policy_options *options, struct buffer *text)
{
	struct buffer line = BUFFER_INIT;
	struct access_map own = { .map = NULL };
	struct map map = {
		.policy = policy, .options = options, .own = &own, .line = &line,
		.table = &policy->tables[RULE_DELIVER]
	};
	struct match match;
	char key[NEXT_HOP_MAX];
	bool fine;

	own.map = &map;
	own.rules = calloc(policy->rule_count + 1, sizeof(*own.rules));
	fine = own.rules != NULL && key_of_next_hop(next_hop, key) == 0 &&
	    match_next_hop(policy, next_hop, &match) == 0 && fill_access_map(&own);
	if (fine)
		describe_line(&own, key, match.who, text);
	fine = fine && !line.failed;
	buffer_free(&line);
	free_access_map(&own);
	return fine && !text->failed;
}
