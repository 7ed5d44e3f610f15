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

static bool
is(const struct who_spec *spec, const char *word)
{
	return spec->word && strlen(word) == spec->length &&
	    strncasecmp(spec->text, word, spec->length) == 0;
}

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
new_who(struct parser *p, size_t rule, const struct who_spec *spec, enum who_type type)
{
	unsigned column = spec->place.column;
	struct who who = {
		.name = spec->kept, .rule = (uint32_t)rule, .line = spec->place.line,
		.file = spec->file & WHO_FILE_MAX, .type = type & 0xf
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
add_key(struct parser *p, size_t rule, const struct who_spec *spec, enum who_type type,
    const char *key)
{
	struct who_table *table = &p->policy->tables[p->policy->rules[rule].kind];
	struct who who = new_who(p, rule, spec, type);
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
 * A domain, or with its leading dot the domains below it, as a key. False (and
 * reported) where it is none.
 */
static bool
domain_key(struct parser *p, size_t rule, const struct who_spec *spec, char *key,
    size_t size)
{
	bool client = p->policy->rules[rule].kind == RULE_CLIENT, valid, fits;
	size_t dot = spec->text[0] == '.';
	struct name name;

	if (name_domain(spec->text + dot, spec->length - dot, &name, &valid) == -1) {
		p->no_memory = true;
		return false;
	}
	fits = valid && name.length + 2 < size && (name_is_domain(name.text, name.length) ||
	    (!client && dot == 0 && is_literal(name.text, name.length)));
	if (fits) {
		key[0] = '.';
		memcpy(key + dot, name.text, name.length + 1);
	} else if (client)
		parse_error(p, &spec->place, MSG_WHO_CLIENT, spec->text);
	else
		parse_error(p, &spec->place, MSG_WHO_DOMAIN, spec->text);
	name_free(&name);
	return fits;
}

static void
add_domain(struct parser *p, size_t rule, const struct who_spec *spec)
{
	char key[NAME_INLINE];

	if (spec->length > 2 && strncmp(spec->text, "*.", 2) == 0) {
		parse_error(p, &spec->place, MSG_WHO_WILDCARD, spec->text,
		    spec->text + 1);
		return;
	}
	if (domain_key(p, rule, spec, key, sizeof(key)))
		add_key(p, rule, spec,
		    key[0] == '.' ? WHO_SUBDOMAINS : WHO_DOMAIN, key);
}

static void
add_address(struct parser *p, size_t rule, const struct who_spec *spec)
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
		add_key(p, rule, spec, WHO_ADDRESS, address.name.text);
	address_free(&address);
}

static void
add_mail_who(struct parser *p, size_t rule, const struct who_spec *spec)
{
	bool to = p->policy->rules[rule].kind == RULE_TO;
	struct network network;

	if (is(spec, "postmaster") && !to)
		parse_error(p, &spec->place, "%s", MSG_WHO_POSTMASTER);
	else if (is(spec, "postmaster"))
		add_key(p, rule, spec, WHO_POSTMASTER, "postmaster@");
	else if (memchr(spec->text, '@', spec->length) != NULL)
		add_address(p, rule, spec);
	else if (network_read(spec->text, &network) != NETWORK_NONE)
		parse_error(p, &spec->place, MSG_WHO_IP, spec->text);
	else
		add_domain(p, rule, spec);
}

/* The network that was meant where host bits are set. */
static void
report_host_bits(struct parser *p, const struct who_spec *spec)
{
	const char *slash = strchr(spec->text, '/');
	unsigned prefix = (unsigned)strtoul(slash + 1, NULL, 10);
	char address[INET6_ADDRSTRLEN + 1] = "", meant[INET6_ADDRSTRLEN + 5];
	bool six = strchr(spec->text, ':') != NULL;
	unsigned char bytes[16];

	memcpy(address, spec->text, (size_t)(slash - spec->text));
	(void)inet_pton(six ? AF_INET6 : AF_INET, address, bytes);
	for (unsigned bit = prefix; bit < (six ? 128u : 32u); bit++)
		bytes[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
	(void)inet_ntop(six ? AF_INET6 : AF_INET, bytes, address, sizeof(address));
	(void)snprintf(meant, sizeof(meant), "%s/%u", address, prefix);
	parse_error(p, &spec->place, MSG_WHO_HOST_BITS, spec->text, meant);
}

static void
add_client_who(struct parser *p, size_t rule, const struct who_spec *spec)
{
	char key[NETWORK_KEY_MAX];
	struct network network;

	if (is(spec, "authenticated")) {
		add_key(p, rule, spec, WHO_AUTHENTICATED, "=authenticated");
		return;
	}
	if (is(spec, "local")) {
		add_key(p, rule, spec, WHO_LOCAL, "=local");
		return;
	}
	switch (network_read(spec->text, &network)) {
	case NETWORK_OK:
		(void)network_key(&network, network.prefix, key);
		add_key(p, rule, spec, WHO_NETWORK, key);
		return;
	case NETWORK_PREFIX:
		parse_error(p, &spec->place, MSG_WHO_PREFIX, spec->text,
		    network.family == 0 ? 32 : 128);
		return;
	case NETWORK_HOST_BITS:
		report_host_bits(p, spec);
		return;
	case NETWORK_NONE:
		break;
	}
	if (memchr(spec->text, '@', spec->length) != NULL)
		parse_error(p, &spec->place, MSG_WHO_CLIENT_ADDRESS, spec->text);
	else
		add_domain(p, rule, spec);
}

void
parse_who(struct parser *p, size_t rule, const struct who_spec *spec)
{
	enum policy_rule_kind kind = p->policy->rules[rule].kind;

	if (is(spec, "<>") && kind == RULE_FROM)
		add_key(p, rule, spec, WHO_NULL_SENDER, "<>");
	else if (is(spec, "<>"))
		parse_error(p, &spec->place, "%s", MSG_WHO_NULL);
	else if (kind == RULE_CLIENT)
		add_client_who(p, rule, spec);
	else
		add_mail_who(p, rule, spec);
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
add_regex(struct parser *p, size_t rule, const struct token *token,
    const struct who_spec *spec)
{
	enum policy_rule_kind kind = p->policy->rules[rule].kind;
	struct who_table *table = &p->policy->tables[kind];
	struct who who = new_who(p, rule, spec, WHO_REGEX);
	pcre2_code *code;
	uint64_t hash;
	uint32_t first;

	if (who.name == NULL || !table_reserve(&p->regexes[kind], 1)) {
		p->no_memory = true;
		return;
	}
	hash = table_hash(&p->regexes[kind], who.name, spec->length);
	first = table_find(&p->regexes[kind], hash, who.name, spec->length, is_regex,
	    table);
	if (first != TABLE_NONE) {
		if (regex_at(table, first)->rule != rule)
			report_twice(p, spec, regex_at(table, first));
		return;
	}
	code = parse_pattern(p, token->text, token->caseless, PATTERN_FOR_WHO);
	if (code == NULL)
		return;
	if (index_add_regex(table, &who, code, pattern_anchored(token->text)) ==
	    SIZE_MAX)
		p->no_memory = true;
	else
		table_add(&p->regexes[kind], hash, (uint32_t)table->regex_count - 1);
}

static void
token_regex(struct parser *p, size_t rule, struct who_spec *spec)
{
	spec->text = parse_print(p, "/%s/%s", p->token.text, p->token.caseless ? "i" : "");
	spec->length = strlen(spec->text);
	add_regex(p, rule, &p->token, spec);
}

/* file "PATH" */
static void
token_file(struct parser *p, size_t rule, struct who_written *written)
{
	struct place place;
	const char *path;

	parse_next(p);
	if (p->token.type != TOKEN_STRING) {
		parse_expected(p, MSG_WHO_FILE);
		if (p->token.type == TOKEN_WORD)
			parse_next_pattern(p);
		return;
	}
	place = p->token.place;
	path = parse_named_file(p, p->token.text);
	if (p->no_memory)
		return;
	written->form = WRITTEN_FILE;
	written->text = parse_absolute(p, path);
	parse_list(p, rule, path, &place);
	parse_next_pattern(p);
}

/* Notes how the token is written, for printing the policy. */
static struct who_written *
add_written(struct parser *p, size_t rule, size_t *room)
{
	struct policy_rule *r = &p->policy->rules[rule];
	struct who_written *list;

	if (r->written_count == *room) {
		*room = *room == 0 ? 2 : *room * 2;
		list = parse_keep(p, *room * sizeof(*list));
		if (list == NULL)
			return NULL;
		if (r->written_count > 0)
			memcpy(list, r->written, r->written_count * sizeof(*list));
		r->written = list;
	} else
		list = r->written;
	return &list[r->written_count++];
}

static void
one_who(struct parser *p, size_t rule, size_t *room)
{
	char *kept;
	struct who_written *written = add_written(p, rule, room);
	struct who_spec spec = {
		.text = p->token.text, .length = p->token.length,
		.word = p->token.type == TOKEN_WORD || p->token.type == TOKEN_NULL_SENDER,
		.file = p->current->file, .place = p->token.place
	};

	if (written == NULL)
		return;
	if (parse_is(p, "file")) {
		token_file(p, rule, written);
		return;
	}
	if ((kept = parse_keep_text(p, p->token.text, p->token.length)) == NULL)
		return;
	written->text = kept;
	written->caseless = p->token.caseless;
	if (p->token.type == TOKEN_REGEX) {
		written->form = WRITTEN_REGEX;
		token_regex(p, rule, &spec);
	} else {
		written->form = spec.word ? WRITTEN_WORD : WRITTEN_STRING;
		spec.kept = kept;
		parse_who(p, rule, &spec);
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

static enum who_end
report_missing_open(struct parser *p, bool any)
{
	if (any)
		parse_expected(p, MSG_OPEN_EXPECTED);
	else
		parse_expected(p, MSG_WHO_EXPECTED);
	if (p->token.type == TOKEN_CLOSE)
		parse_next(p);
	return parse_at_setting(p) ? WHO_SETTINGS : WHO_NOTHING;
}

static void
next_who(struct parser *p, size_t rule, size_t *room)
{
	enum token_type type = p->token.type;

	if (type == TOKEN_WORD || type == TOKEN_STRING || type == TOKEN_REGEX ||
	    type == TOKEN_NULL_SENDER)
		one_who(p, rule, room);
	else {
		/* One bad name says nothing of the next. */
		if (type != TOKEN_BAD)
			parse_expected(p, MSG_WHO_EXPECTED);
		parse_next_pattern(p);
	}
}

enum who_end
parse_whos(struct parser *p, size_t rule)
{
	bool line_start = false, any = false;
	size_t room = 0;

	while (!parse_at_block(p) && !p->no_memory) {
		if (p->lexer.opened > 0) {
			/* An unclosed string took all of a one-line rule along. */
			p->lexer.opened = p->lexer.closed = 0;
			parse_skip_setting(p);
			return WHO_NOTHING;
		}
		if (p->token.type == TOKEN_NEWLINE) {
			parse_next_pattern(p);
			line_start = true;
			continue;
		}
		if (open_is_missing(p, line_start, any))
			return report_missing_open(p, any);
		any = true;
		line_start = false;
		next_who(p, rule, &room);
	}
	if (!any && p->token.type == TOKEN_OPEN)
		parse_expected(p, MSG_WHO_EXPECTED);
	return WHO_BLOCK;
}
