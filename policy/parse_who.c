/*
 * parse_who.c - whom a rule is for.
 *
 * SPDX-License-Identifier: ISC
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "policy/parse.h"

/* Finds the place of the WHO with which one collides, for the diagnostic. */
static void
report_twice(struct parser *p, const struct who_spec *spec, const struct who *first)
{
	const char *path = policy_file(p->policy, first);

	/* Records name files relative to the folder; diagnostics as opened. */
	for (struct source_node *node = p->written->sources; node != NULL;
	    node = node->next)
		if (node->file == first->file)
			path = node->source.path;
	parse_error(p, &spec->place, MSG_WHO_TWICE, first->name, path, first->line,
	    first->column);
}

/* The byte behind a list's entry; it makes room for the name's terminator. */
static unsigned char
byte_behind(const struct who_spec *spec)
{
	unsigned char byte = (unsigned char)spec->kept[spec->length];

	return byte != '\0' ? byte : '\n';
}

static struct who
new_who(struct parser *p, const struct who_spec *spec, enum who_type type)
{
	unsigned column = spec->place.column;
	struct who who = {
		.name = spec->kept, .rule = (uint32_t)spec->rule,
		.line = spec->place.line, .file = spec->file & WHO_FILE_MAX, .type = type & 0xf
	};

	who.column = (column < WHO_COLUMN_MAX ? column : WHO_COLUMN_MAX) & WHO_COLUMN_MAX;
	if (spec->listed)
		who.listed = byte_behind(spec);
	if (who.name == NULL)
		who.name = parse_keep_text(p, spec->text, spec->length);
	return who;
}

/* Adds a WHO whose key is known; a key equal to the name is not kept twice. */
static void
add_key(struct parser *p, const struct who_spec *spec, enum who_type type,
    const char *key)
{
	struct who_table *table = &p->policy->tables[spec->kind];
	struct who who = new_who(p, spec, type);
	size_t length = strlen(key), before = table->count, at;

	if (who.name != NULL)
		who.key = length == spec->length && memcmp(spec->text, key, length) == 0 ?
		    who.name : parse_keep_text(p, key, length);
	if (p->no_memory)
		return;
	at = index_add(table, &who, length);
	if (at == SIZE_MAX)
		p->no_memory = true;
	else if (at < before && table->whos[at].rule != who.rule)
		report_twice(p, spec, &table->whos[at]);
	else if (at == before && spec->listed) {
		spec->kept[spec->length] = '\0';
		p->policy->listed++;
	}
}

/* An address literal, "[192.0.2.1]", stands for itself. */
static bool
is_literal(const char *domain, size_t length)
{
	return length > 2 && domain[0] == '[' && domain[length - 1] == ']';
}

/*
 * A domain, or with its leading dot the domains below it. An address literal stands for
 * a domain where mail goes.
 */
static void
add_domain(struct parser *p, const struct who_spec *spec)
{
	bool client = spec->kind == RULE_CLIENT, valid, fits;
	size_t dot = spec->text[0] == '.';
	char key[NAME_INLINE] = ".";
	struct name name;

	if (spec->length > 2 && strncmp(spec->text, "*.", 2) == 0) {
		parse_error(p, &spec->place, MSG_WHO_WILDCARD, spec->text,
		    spec->text + 1);
		return;
	}
	if (name_domain(spec->text + dot, spec->length - dot, &name, &valid) == -1) {
		p->no_memory = true;
		return;
	}
	fits = valid && name.length + 2 < sizeof(key) &&
	    (name_is_domain(name.text, name.length) ||
	    (!client && dot == 0 && is_literal(name.text, name.length)));
	if (fits)
		memcpy(key + dot, name.text, name.length + 1);
	name_free(&name);
	if (fits)
		add_key(p, spec, dot != 0 ? WHO_SUBDOMAINS : WHO_DOMAIN, key);
	else if (client)
		parse_error(p, &spec->place, MSG_WHO_CLIENT, spec->text);
	else
		parse_error(p, &spec->place, MSG_WHO_DOMAIN, spec->text);
}

static void
add_address(struct parser *p, const struct who_spec *spec)
{
	struct address address;

	if (address_parse(spec->text, &address) == -1) {
		p->no_memory = true;
		return;
	}
	if (address.domain != NULL && (address.local_length == 0 ||
	    (address.local_length == 1 && address.name.text[0] == '*')))
		parse_error(p, &spec->place, MSG_WHO_LOCAL_PART, spec->text,
		    address.domain);
	else if (address.domain == NULL || address.name.length > WHO_KEY_MAX ||
	    (!name_is_domain(address.domain, address.domain_length) &&
	    !is_literal(address.domain, address.domain_length)))
		parse_error(p, &spec->place, MSG_WHO_DOMAIN, spec->text);
	else
		add_key(p, spec, WHO_ADDRESS, address.name.text);
	address_free(&address);
}

/* The network that was meant where host bits are set. */
static void
report_host_bits(struct parser *p, const struct who_spec *spec, struct network *network)
{
	char meant[INET6_ADDRSTRLEN];

	for (unsigned bit = network->prefix; bit < 128; bit++)
		network->bytes[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
	(void)inet_ntop(network->family == 0 ? AF_INET : AF_INET6, network->bytes,
	    meant, sizeof(meant));
	parse_error(p, &spec->place, MSG_WHO_HOST_BITS, spec->text,
	    parse_print(p, "%s/%u", meant, network->prefix));
}

/* What begins with an IP address. */
static void
add_network(struct parser *p, const struct who_spec *spec, enum network_error error,
    struct network *network)
{
	char key[NETWORK_KEY_MAX];

	if (spec->kind != RULE_CLIENT)
		parse_error(p, &spec->place, MSG_WHO_IP, spec->text);
	else if (error == NETWORK_PREFIX)
		parse_error(p, &spec->place, MSG_WHO_PREFIX, spec->text,
		    network->family == 0 ? 32 : 128);
	else if (error == NETWORK_HOST_BITS)
		report_host_bits(p, spec, network);
	else {
		(void)network_key(network, network->prefix, key);
		add_key(p, spec, WHO_NETWORK, key);
	}
}

/* The keywords of a kind of rule. */
static const struct keyword {
	const char *word;
	enum policy_rule_kind kind;
	enum who_type type;
	const char *key;	/* NULL: that rule cannot name it */
	const char *error;
} keywords[] = {
	{ "<>", RULE_FROM, WHO_NULL_SENDER, "<>", NULL },
	{ "<>", RULE_TO, WHO_NULL_SENDER, NULL, MSG_WHO_NULL },
	{ "<>", RULE_CLIENT, WHO_NULL_SENDER, NULL, MSG_WHO_NULL },
	{ "postmaster", RULE_TO, WHO_POSTMASTER, "postmaster@", NULL },
	{ "postmaster", RULE_FROM, WHO_POSTMASTER, NULL, MSG_WHO_POSTMASTER },
	{ "authenticated", RULE_CLIENT, WHO_AUTHENTICATED, "=authenticated", NULL },
	{ "local", RULE_CLIENT, WHO_LOCAL, "=local", NULL },
	{ NULL, RULE_DEFAULT, WHO_DOMAIN, NULL, NULL }
};

static bool
add_keyword(struct parser *p, const struct who_spec *spec)
{
	const struct keyword *each = keywords;

	while (each->word != NULL && (each->kind != spec->kind ||
	    strcasecmp(each->word, spec->text) != 0))
		each++;
	if (each->word == NULL)
		return false;
	if (each->key != NULL)
		add_key(p, spec, each->type, each->key);
	else
		parse_error(p, &spec->place, "%s", each->error);
	return true;
}

void
parse_who(struct parser *p, const struct who_spec *spec)
{
	bool client = spec->kind == RULE_CLIENT;
	bool address = memchr(spec->text, '@', spec->length) != NULL;
	enum network_error error = NETWORK_NONE;
	struct network network;

	if (spec->word && add_keyword(p, spec))
		return;
	if (client || !address)
		error = network_read(spec->text, &network);
	if (error != NETWORK_NONE)
		add_network(p, spec, error, &network);
	else if (!address)
		add_domain(p, spec);
	else if (client)
		parse_error(p, &spec->place, MSG_WHO_CLIENT_ADDRESS, spec->text);
	else
		add_address(p, spec);
}

static const struct who *
regex_at(const struct who_table *table, uint32_t number)
{
	return &table->whos[table->regexes[number].who];
}

static bool
is_regex(const void *owner, uint32_t number, const void *name, size_t length)
{
	const char *other = regex_at(owner, number)->name;

	return strncmp(other, name, length) == 0 && other[length] == '\0';
}

static void
add_regex(struct parser *p, const struct who_spec *spec)
{
	struct who_table *table = &p->policy->tables[spec->kind];
	struct table *texts = &p->regexes[spec->kind];
	struct who who = new_who(p, spec, WHO_REGEX);
	pcre2_code *code;
	uint64_t hash;
	uint32_t first;

	if (who.name == NULL || !table_reserve(texts, 1)) {
		p->no_memory = true;
		return;
	}
	hash = table_hash(texts, who.name, spec->length);
	first = table_find(texts, hash, who.name, spec->length, is_regex, table);
	if (first != TABLE_NONE) {
		if (regex_at(table, first)->rule != spec->rule)
			report_twice(p, spec, regex_at(table, first));
		return;
	}
	code = parse_pattern(p, p->token.text, p->token.caseless, PATTERN_FOR_WHO);
	if (code == NULL)
		return;
	if (index_add_regex(table, &who, code, pattern_anchored(p->token.text)) ==
	    SIZE_MAX)
		p->no_memory = true;
	else
		table_add(texts, hash, (uint32_t)table->regex_count - 1);
}

/* file "PATH" */
static void
add_list(struct parser *p, struct who_spec *spec, struct who_written *written)
{
	const char *path;

	parse_next(p);
	if (p->token.type != TOKEN_STRING) {
		parse_expected(p, MSG_WHO_FILE);
		if (p->token.type == TOKEN_WORD)
			parse_next_pattern(p);
		return;
	}
	spec->place = p->token.place;
	path = parse_named_file(p, p->token.text);
	if (p->no_memory)
		return;
	written->form = WRITTEN_FILE;
	written->text = parse_absolute(p, path);
	parse_list(p, spec, path);
	parse_next_pattern(p);
}

/* The WHO of the token, and how that is written, for printing the policy. */
static void
one_who(struct parser *p, size_t rule)
{
	struct who_written *written = parse_keep(p, sizeof(*written));
	struct who_spec spec = {
		.text = p->token.text, .length = p->token.length,
		.word = p->token.type == TOKEN_WORD || p->token.type == TOKEN_NULL_SENDER,
		.rule = rule, .kind = p->policy->rules[rule].kind,
		.file = p->current->file, .place = p->token.place
	};

	if (written == NULL)
		return;
	*p->last_who = written;
	p->last_who = &written->next;
	if (parse_is(p, "file")) {
		add_list(p, &spec, written);
		return;
	}
	spec.kept = parse_keep_text(p, p->token.text, p->token.length);
	if (spec.kept == NULL)
		return;
	written->text = spec.kept;
	written->caseless = p->token.caseless;
	if (p->token.type == TOKEN_REGEX) {
		written->form = WRITTEN_REGEX;
		spec.kept = NULL;
		spec.text = parse_print(p, "/%s/%s", p->token.text,
		    p->token.caseless ? "i" : "");
		spec.length = strlen(spec.text);
		add_regex(p, &spec);
	} else {
		written->form = spec.word ? WRITTEN_WORD : WRITTEN_STRING;
		parse_who(p, &spec);
	}
	parse_next_pattern(p);
}

/*
 * A keyword at the start of a line shows that the "{" before it is missing: of a
 * statement that of the block, of a setting that before it.
 */
static bool
open_is_missing(const struct parser *p, bool line_start, bool any)
{
	enum token_type type = p->token.type;

	return type == TOKEN_END || type == TOKEN_CLOSE ||
	    (type == TOKEN_SEMICOLON && any) || (line_start &&
	    (parse_at_statement(p) || parse_at_setting(p)));
}

/* Reports that the "{" is missing; its settings may not be. */
static void
without_open(struct parser *p, bool any, struct block *block)
{
	if (any)
		parse_expected(p, MSG_OPEN_EXPECTED);
	else
		parse_expected(p, MSG_WHO_EXPECTED);
	if (p->token.type == TOKEN_CLOSE)
		parse_next(p);
	if (parse_at_setting(p))
		parse_settings(p, block, NULL);
}

static void
next_who(struct parser *p, size_t rule)
{
	enum token_type type = p->token.type;

	if (type == TOKEN_WORD || type == TOKEN_STRING || type == TOKEN_REGEX ||
	    type == TOKEN_NULL_SENDER)
		one_who(p, rule);
	else {
		/* One bad name says nothing of the next. */
		if (type != TOKEN_BAD)
			parse_expected(p, MSG_WHO_EXPECTED);
		parse_next_pattern(p);
	}
}

void
parse_whos(struct parser *p, size_t rule, struct block *block)
{
	bool line_start = false, any = false;

	p->last_who = &p->policy->rules[rule].written;
	while (!parse_at_block(p) && !p->no_memory) {
		if (p->lexer.opened > 0) {
			/* An unclosed string took all of a one-line rule along. */
			p->lexer.opened = p->lexer.closed = 0;
			parse_skip_setting(p);
			return;
		}
		if (p->token.type == TOKEN_NEWLINE) {
			parse_next_pattern(p);
			line_start = true;
			continue;
		}
		if (open_is_missing(p, line_start, any)) {
			without_open(p, any, block);
			return;
		}
		any = true;
		line_start = false;
		next_who(p, rule);
	}
	if (!any && p->token.type == TOKEN_OPEN)
		parse_expected(p, MSG_WHO_EXPECTED);
	parse_block(p, block);
}
