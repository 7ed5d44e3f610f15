/*
 * parse_who.c - whom a rule is for, one by one.
 *
 * SPDX-License-Identifier: ISC
 */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "policy/parse.h"
#include "base/array.h"
#include "base/suggest.h"

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

/* Terminates the name of a list's entry, which is taken. */
static void
take_listed(struct parser *p, const struct who_spec *spec)
{
	if (!spec->listed)
		return;
	spec->kept[spec->length] = '\0';
	p->policy->listed++;
}

/* Adds a WHO that other rules name too, unless its own does. False: no memory. */
static bool
add_other(struct parser *p, const struct who_spec *spec, size_t first,
    const struct who *who)
{
	struct who_table *table = spec->table;
	size_t at;

	for (const struct who *each = &table->whos[first]; each != NULL;
	    each = index_next(table, each))
		if (each->rule == who->rule)
			return true;
	at = index_chain(table, first, who);
	if (at == SIZE_MAX ||
	    !array_reserve(p->named, p->named_count + 1, &p->named_room))
		return false;
	p->named[p->named_count++] = (struct named_who){
		(uint32_t)at, (uint32_t)first, spec->place
	};
	take_listed(p, spec);
	return true;
}

/*
 * Adds a WHO whose key is known; a key equal to the name is not kept twice. Returns its
 * index where it is the first of that key, else SIZE_MAX.
 */
static size_t
add_key(struct parser *p, const struct who_spec *spec, enum who_type type,
    const char *key)
{
	struct who_table *table = spec->table;
	struct who who = new_who(p, spec, type);
	size_t length = strlen(key), before = table->count, at;

	if (who.name != NULL)
		who.key = length == spec->length && memcmp(spec->text, key, length) == 0 ?
		    who.name : parse_keep_text(p, key, length);
	if (p->no_memory)
		return SIZE_MAX;
	at = index_add(table, &who, length);
	if (at == SIZE_MAX || (at < before && !add_other(p, spec, at, &who)))
		p->no_memory = true;
	if (at != before)
		return SIZE_MAX;
	take_listed(p, spec);
	return at;
}

/* An address literal, "[192.0.2.1]", stands for itself. */
static bool
is_literal(const char *domain, size_t length)
{
	return length > 2 && domain[0] == '[' && domain[length - 1] == ']';
}

/* Whether it is two IPv4 addresses, as "192.0.2.1-192.0.2.9" or "192.0.2.1-9". */
static bool
is_range(const char *text)
{
	size_t first = strspn(text, "0123456789.");

	return first > 0 && text[first] == '-' &&
	    text[first + 1 + strspn(text + first + 1, "0123456789.")] == '\0';
}

/*
 * What of it can be a name: what is in "<>" or "[]", behind "http://" or "mailto:", and
 * before a path or a port. "" where that is not plain.
 */
static const char *
hint_who(struct parser *p, const struct who_spec *spec)
{
	static const char stops[] = "/:<>[]= \t\"'()";
	const char *text = spec->text, *open, *behind;
	struct network network;
	struct name name;
	size_t length;
	bool valid, good;

	if ((open = strpbrk(text, "<[")) != NULL)
		text = open + 1;
	if ((behind = strstr(text, "://")) != NULL)
		text = behind + 3;
	else if (strncasecmp(text, "mailto:", 7) == 0)
		text += 7;
	length = strcspn(text, stops);
	if (length == spec->length || memchr(text, '.', length) == NULL)
		return "";
	text = parse_print(p, "%.*s", (int)length, text);
	behind = strrchr(text, '@');
	behind = behind != NULL && behind > text ? behind + 1 : text;
	if (name_domain(behind, strlen(behind), &name, &valid) == -1)
		return "";
	good = valid && (name_is_domain(name.text, name.length) ||
	    (spec->kind == RULE_CLIENT && network_read(text, &network) != NETWORK_NONE));
	name_free(&name);
	return good ? parse_print(p, ": did you mean \"%s\"?", text) : "";
}

/* Whether a name of one label was meant so: as a string, and of this host. */
static bool
may_have_one_label(const struct who_spec *spec, const char *name)
{
	return spec->string ||
	    (spec->kind == RULE_CLIENT && strcmp(name, "localhost") == 0);
}

/* Reports a name of one label: a misspelt word, or a name that lacks some. */
static void
report_one_label(struct parser *p, const struct who_spec *spec)
{
	static const char *const words[] = {
		"domain", "file", "via", "and", "or", "except", "postmaster", "authenticated",
		"local", "localhost"
	};
	size_t count = spec->kind == RULE_CLIENT ? 10 : spec->kind == RULE_TO ? 7 : 6;
	const char *meant = NULL;

	if (spec->word && strcmp(spec->text, "postmaster") != 0)
		meant = suggest_word(spec->text, spec->length, words, count);
	if (meant != NULL)
		parse_error(p, &spec->place, MSG_ONE_LABEL_WORD, spec->text, meant);
	else
		parse_error(p, &spec->place, MSG_ONE_LABEL, spec->text, spec->text,
		    spec->text);
}

/*
 * A domain, or with its leading dot the domains below it. An address literal stands for
 * a domain where mail goes.
 */
static void
add_domain(struct parser *p, const struct who_spec *spec)
{
	bool client = spec->kind == RULE_CLIENT, valid, fits, below,
	    one_label;
	size_t dot = spec->text[0] == '.';
	char key[NAME_INLINE] = ".";
	struct name name;

	if (!spec->string && spec->length > 2 && strncmp(spec->text, "*.", 2) == 0) {
		parse_error(p, &spec->place, MSG_WHO_WILDCARD, spec->text,
		    spec->text + (spec->below ? 2 : 1));
		return;
	}
	if (spec->below && dot != 0) {
		parse_error(p, &spec->place, MSG_WHO_BELOW, spec->text + 1);
		return;
	}
	if (name_domain(spec->text + dot, spec->length - dot, &name, &valid) == -1) {
		p->no_memory = true;
		return;
	}
	below = spec->below && name_is_domain(name.text, name.length);
	fits = valid && name.length + 2 < sizeof(key) && !(client && is_range(spec->text)) &&
	    (name_is_domain(name.text, name.length) ||
	    (!client && dot == 0 && is_literal(name.text, name.length)));
	if (fits)
		memcpy(key + 1, name.text, name.length + 1);
	one_label = fits && dot == 0 && name.text[0] != '[' &&
	    strchr(name.text, '.') == NULL && !may_have_one_label(spec, name.text);
	name_free(&name);
	if (one_label) {
		report_one_label(p, spec);
		return;
	}
	if (fits && dot == 0)
		(void)add_key(p, spec, WHO_DOMAIN, key + 1);
	if (fits && (dot != 0 || below))
		(void)add_key(p, spec, WHO_SUBDOMAINS, key);
	if (fits)
		return;
	if (client)
		parse_error(p, &spec->place, MSG_WHO_CLIENT, spec->text,
		    is_range(spec->text) ? MSG_HINT_RANGE : hint_who(p, spec));
	else
		parse_error(p, &spec->place, MSG_WHO_DOMAIN, spec->text, hint_who(p, spec));
}

/* "[host]", "[host]:port", "domain:port" */
static bool
is_next_hop(const char *text)
{
	return text[0] == '[' || strchr(text, ':') != NULL;
}

/* As a string alone; in a list it would stand for one host among domains. */
static void
add_next_hop(struct parser *p, const struct who_spec *spec)
{
	char key[NEXT_HOP_MAX];
	int result = spec->word || spec->listed ? 1 : next_hop_key(spec->text, key);

	if (result == -1)
		p->no_memory = true;
	else if (result == 1)
		parse_error(p, &spec->place, MSG_WHO_NEXT_HOP, spec->text);
	else
		(void)add_key(p, spec, WHO_NEXT_HOP, key);
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
	    (spec->word && strncasecmp(spec->text, "mailto:", 7) == 0) ||
	    (!name_is_domain(address.domain, address.domain_length) &&
	    !is_literal(address.domain, address.domain_length)))
		parse_error(p, &spec->place, MSG_WHO_DOMAIN, spec->text, hint_who(p, spec));
	else
		(void)add_key(p, spec, WHO_ADDRESS, address.name.text);
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

	if (spec->kind == RULE_DELIVER)
		parse_error(p, &spec->place, MSG_WHO_NEXT_HOP, spec->text);
	else if (spec->kind != RULE_CLIENT)
		parse_error(p, &spec->place, MSG_WHO_IP, spec->text);
	else if (error == NETWORK_PREFIX)
		parse_error(p, &spec->place, MSG_WHO_PREFIX, spec->text,
		    network->family == 0 ? 32 : 128);
	else if (error == NETWORK_HOST_BITS)
		report_host_bits(p, spec, network);
	else {
		(void)network_key(network, network->prefix, key);
		(void)add_key(p, spec, WHO_NETWORK, key);
	}
}

#define NO_CLIENT (1u << RULE_FROM | 1u << RULE_TO | 1u << RULE_DELIVER)

/* The keywords, of rules of one kind. */
static const struct keyword {
	const char *word;
	enum policy_rule_kind kind;
	enum who_type type;
	const char *key;
	unsigned refused;	/* bits 1u << kind: rules that cannot name it */
	const char *error;
} keywords[] = {
	{ "<>", RULE_FROM, WHO_NULL_SENDER, "<>",
	    1u << RULE_TO | 1u << RULE_CLIENT | 1u << RULE_DELIVER, MSG_WHO_NULL },
	{ "postmaster", RULE_TO, WHO_POSTMASTER, "postmaster@", 1u << RULE_FROM,
	    MSG_WHO_POSTMASTER },
	{ "authenticated", RULE_CLIENT, WHO_AUTHENTICATED, "=authenticated", NO_CLIENT,
	    MSG_WHO_NO_CLIENT },
	{ "local", RULE_CLIENT, WHO_LOCAL, "=local", NO_CLIENT, MSG_WHO_NO_CLIENT }
};

static bool
add_keyword(struct parser *p, const struct who_spec *spec)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		const struct keyword *each = &keywords[i];

		if (strcasecmp(each->word, spec->text) != 0)
			continue;
		if (each->kind == spec->kind)
			(void)add_key(p, spec, each->type, each->key);
		else if ((each->refused & 1u << spec->kind) != 0)
			parse_error(p, &spec->place, "%s", each->error);
		else
			return false;
		return true;
	}
	return false;
}

/*
 * Whether there is a "*" in a word, which has no meaning there: reported. That before a
 * domain, or for a local part, is told of with what was meant.
 */
static bool
has_star(struct parser *p, const struct who_spec *spec)
{
	bool address = strchr(spec->text, '@') != NULL;
	const char *rest = spec->text + strspn(spec->text, "*");

	if (strchr(spec->text, '*') == NULL ||
	    (rest == spec->text + 1 && (*rest == '.' || *rest == '@') &&
	    strchr(rest, '*') == NULL))
		return false;
	parse_error(p, &spec->place, MSG_STAR, spec->text, address ?
	    "an expression on the address, as /^hr-.*@ours\\.example$/" :
	    *rest == '\0' && spec->kind == RULE_FROM && !spec->of_partner ?
	    "default { ... } for all senders without a rule" :
	    spec->kind == RULE_CLIENT && strspn(spec->text, "0123456789.*") == spec->length ?
	    "the network, as 192.0.2.0/24" :
	    ".NAME for all below a domain, or an expression");
	return true;
}

void
parse_who(struct parser *p, const struct who_spec *spec)
{
	bool client = spec->kind == RULE_CLIENT;
	bool address = memchr(spec->text, '@', spec->length) != NULL;
	enum network_error error = NETWORK_NONE;
	struct network network;

	if ((!spec->string && has_star(p, spec)) ||
	    (spec->word && add_keyword(p, spec)) ||
	    (address && spec->of_partner && spec->kind == RULE_DELIVER))
		return;
	if (client || !address)
		error = network_read(spec->text, &network);
	if (error != NETWORK_NONE)
		add_network(p, spec, error, &network);
	else if (!address && spec->kind == RULE_DELIVER && is_next_hop(spec->text))
		add_next_hop(p, spec);
	else if (!address)
		add_domain(p, spec);
	else if (client)
		parse_error(p, &spec->place, MSG_WHO_CLIENT_ADDRESS, spec->text);
	else if (spec->kind == RULE_DELIVER)
		parse_error(p, &spec->place, MSG_WHO_DELIVER_ADDRESS, spec->text);
	else
		add_address(p, spec);
}

/* The token, which is one. */
static void
add_regex(struct parser *p, const struct who_spec *spec)
{
	pcre2_code *code = parse_pattern(p, p->token.text, p->token.caseless,
	    PATTERN_FOR_WHO);
	size_t at;

	if (code == NULL)
		return;
	at = add_key(p, spec, WHO_REGEX, spec->text);
	if (at != SIZE_MAX && !index_add_regex(spec->kind != RULE_CLIENT &&
	    pattern_on_address(p->token.text) ? &spec->table->address_regexes :
	    &spec->table->regexes, at, code, pattern_anchored(p->token.text)))
		p->no_memory = true;
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

/*
 * A word or a string: what is no name leaves "domain" without one. A name that stands in
 * the list already adds what is below it alone.
 */
static void
named_who(struct parser *p, struct who_list *list, const struct who_spec *spec)
{
	const struct who_table *table = list->table;
	size_t count = table->count;

	parse_who(p, spec);
	list->lacks_name &= table->count > count &&
	    table->whos[count].type != WHO_DOMAIN &&
	    table->whos[count].type != WHO_SUBDOMAINS;
}

/* The WHO of the token, and how that is written, for printing the policy. */
static void
one_who(struct parser *p, struct who_list *list)
{
	struct who_written *written = parse_keep(p, sizeof(*written));
	struct who_spec spec = {
		.text = p->token.text, .length = p->token.length,
		.word = p->token.type == TOKEN_WORD || p->token.type == TOKEN_NULL_SENDER,
		.string = p->token.type == TOKEN_STRING,
		.rule = list->rule, .kind = list->kind, .table = list->table,
		.below = list->below, .file = p->current->file, .place = p->token.place
	};

	if (written == NULL)
		return;
	written->below = list->below;
	*p->last_who = written;
	p->last_who = &written->next;
	if (parse_is(p, "file")) {
		list->lacks_name = false;
		add_list(p, &spec, written);
		return;
	}
	spec.kept = parse_keep_text(p, p->token.text, p->token.length);
	if (spec.kept == NULL)
		return;
	written->text = spec.kept;
	written->caseless = p->token.caseless;
	if (p->token.type == TOKEN_REGEX && list->kind == RULE_DELIVER) {
		parse_error(p, &p->token.place, "%s", MSG_WHO_DELIVER_REGEX);
	} else if (p->token.type == TOKEN_REGEX) {
		written->form = WRITTEN_REGEX;
		spec.kept = NULL;
		spec.text = parse_print(p, "/%s/%s", p->token.text,
		    p->token.caseless ? "i" : "");
		spec.length = strlen(spec.text);
		add_regex(p, &spec);
	} else {
		written->form = spec.word ? WRITTEN_WORD : WRITTEN_STRING;
		named_who(p, list, &spec);
	}
	parse_next_pattern(p);
}

void
parse_who_expected(struct parser *p, enum policy_rule_kind kind)
{
	if (kind == RULE_CLIENT)
		parse_expected(p, MSG_CLIENT_EXPECTED);
	else
		parse_expected(p, MSG_WHO_EXPECTED);
}

/* Whether the token is a keyword, which is reported. */
static bool
swallowed_who(struct parser *p, enum policy_rule_kind kind)
{
	if (!parse_is(p, "via"))
		return parse_swallowed(p);
	parse_unexpected(p, "%s", kind == RULE_DELIVER ? MSG_VIA_OUTGOING : MSG_VIA);
	return true;
}

void
parse_next_who(struct parser *p, struct who_list *list)
{
	enum token_type type = p->token.type;

	/* "domain": what follows is a name and all below it, and so are the others. */
	if (parse_is(p, "domain")) {
		list->below = list->lacks_name = true;
		list->domain = p->token.place;
		parse_next_pattern(p);
	} else if (!parse_is(p, "file") && swallowed_who(p, list->kind)) {
		/* What is left of the list would be taken for something that it is not. */
		while (!parse_at_end(p) && !parse_at_block(p))
			parse_next_pattern(p);
	} else if (type == TOKEN_WORD || type == TOKEN_STRING || type == TOKEN_REGEX ||
	    type == TOKEN_NULL_SENDER)
		one_who(p, list);
	else {
		/* One bad name says nothing of the next. */
		if (type != TOKEN_BAD)
			parse_who_expected(p, list->kind);
		parse_next_pattern(p);
	}
}

struct clients *
parse_add_clients(struct parser *p)
{
	struct clients *clients = parse_keep(p, sizeof(*clients));

	if (clients == NULL)
		return NULL;
	clients->next = p->policy->clients;
	p->policy->clients = clients;
	p->last_who = &clients->written;
	return clients;
}

struct clients *
parse_clients(struct parser *p)
{
	struct clients *clients = parse_add_clients(p);
	struct who_list list = { .kind = RULE_CLIENT };

	if (clients == NULL)
		return NULL;
	list.table = &clients->table;
	while (!parse_at_demand_end(p) && p->token.type != TOKEN_OPEN &&
	    p->token.type != TOKEN_AT_LEAST && !p->no_memory &&
	    (parse_at_keyword(p) || !parse_swallowed_demand(p)))
		parse_next_who(p, &list);
	if (list.lacks_name)
		parse_error(p, &list.domain, "%s", MSG_WHO_NO_NAME);
	else if (clients->written == NULL)
		parse_who_expected(p, RULE_CLIENT);
	return clients->written != NULL ? clients : NULL;
}
