/*
 * import_postfix.c - agreements from main.cf and the tables that it names: postconf(5),
 * access(5).
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_postfix.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/decode.h"
#include "tool/tool.h"
#include "base/file.h"

#define BYTES_MAX (64 << 20)	/* of a table */
#define DEEPEST 10		/* parameters in parameters, classes in classes */
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* ------------------------------------------------------------------ *
 * main.cf
 * ------------------------------------------------------------------ */

static const struct postfix_parameter *
find_parameter(const struct postfix *postfix, const char *name, size_t length)
{
	const struct postfix_parameter *found = NULL;

	for (const struct postfix_parameter *each = postfix->parameters; each != NULL;
	    each = each->next)
		if (strlen(each->name) == length && strncmp(each->name, name, length) == 0)
			found = each;	/* the last one counts */
	return found;
}

/* Appends a value with the parameters that it names; what is not set stays as it is. */
static void
add_expanded(const struct postfix *postfix, const char *value, int deep, struct buffer *out)
{
	while (*value != '\0' && out->length < BYTES_MAX) {
		const char *name = value + 1 + (value[0] == '$' &&
		    (value[1] == '{' || value[1] == '('));
		size_t length = *value == '$' ? strspn(name, NAME_LETTERS) : 0;
		const struct postfix_parameter *other = length > 0 && deep < DEEPEST ?
		    find_parameter(postfix, name, length) : NULL;

		if (other == NULL) {
			buffer_add(out, value++, 1);
			continue;
		}
		add_expanded(postfix, other->value, deep + 1, out);
		value = name + length;
		value += *value == '}' || *value == ')';
	}
}

/* What a parameter is set to in main.cf, with others in it; NULL: it is not set. */
static const char *
postfix_value(const struct postfix *postfix, const char *name)
{
	const struct postfix_parameter *found = find_parameter(postfix, name, strlen(name));
	struct buffer text = BUFFER_INIT;

	if (found == NULL)
		return NULL;
	add_expanded(postfix, found->value, 0, &text);
	return import_take(postfix->import, &text);
}

/* Cuts "name = value" in two; NULL: it is none. */
static char *
cut_parameter(char *line)
{
	size_t length = strspn(line, NAME_LETTERS);
	char *value = line + length + strspn(line + length, " \t");

	if (length == 0 || *value != '=')
		return NULL;
	value++;
	line[length] = '\0';
	return value + strspn(value, " \t");
}

/* Whether a text is a main.cf: its first line sets something. */
static bool
is_main(struct import *import, const char *text)
{
	struct mta_reader reader = { mta_copy(import, text), 0 };
	unsigned number;
	char *line = mta_next_line(&reader, true, &number);

	return line != NULL && cut_parameter(line) != NULL;
}

static void
read_main(struct postfix *postfix, const struct import_source *source)
{
	struct import *import = postfix->import;
	struct mta_reader reader = { mta_copy(import, source->text), 0 };
	struct postfix_parameter *parameter;
	unsigned number;
	char *line, *value;

	while ((line = mta_next_line(&reader, true, &number)) != NULL) {
		value = cut_parameter(line);
		if (value == NULL) {
			import_lost(import, NULL, "%s:%u: this line sets nothing.", source->name,
			    number);
			continue;
		}
		parameter = import_memory(import, sizeof(*parameter));
		parameter->name = line;
		parameter->value = value;
		parameter->file = source->name;
		parameter->line = number;
		*postfix->last = parameter;
		postfix->last = &parameter->next;
	}
}

/* ------------------------------------------------------------------ *
 * Tables
 * ------------------------------------------------------------------ */

static void
read_table(struct postfix *postfix, const char *file, const char *text, postfix_take *take)
{
	struct mta_reader reader = { mta_copy(postfix->import, text), 0 };
	struct mta_line line = { .import = postfix->import, .file = file };

	while ((line.key = mta_next_line(&reader, true, &line.number)) != NULL) {
		line.value = mta_cut_word(line.key);
		take(postfix, &line);
	}
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* The text of a table's file: of the one that was given, by its name, or of this host's. */
static const char *
table_text(struct postfix *postfix, const char *path, const char **name)
{
	struct import *import = postfix->import;
	struct buffer text = BUFFER_INIT;
	struct file file;

	for (size_t i = 0; i < import->source_count; i++)
		if (strcmp(base_name(import->sources[i].name), base_name(path)) == 0) {
			postfix->used[i] = true;
			*name = import->sources[i].name;
			return import->sources[i].text;
		}
	*name = path;
	if (file_read(path, BYTES_MAX, true, &file) != FILE_READ)
		return NULL;
	decode_text(file.text, file.length, &text);
	free(file.text);
	return import_take(import, &text);
}

/* What stands in main.cf itself: inline:{ {key = value}, key=value }. */
static void
read_inline(struct postfix *postfix, const char *place, char *entries, postfix_take *take)
{
	struct mta_line line = { .import = postfix->import, .file = place, .number = 1 };
	char *entry;
	size_t length;

	entries++;
	length = strlen(entries);
	if (length > 0 && entries[length - 1] == '}')
		entries[length - 1] = '\0';
	while ((entry = mta_next_word(&entries)) != NULL) {
		length = strlen(entry);
		if (entry[0] == '{' && entry[length - 1] == '}') {
			entry[length - 1] = '\0';
			entry += 1 + strspn(entry + 1, " \t");
		}
		length = strcspn(entry, "=");
		if (entry[length] != '=')
			continue;
		line.value = entry + length + 1 + strspn(entry + length + 1, " \t");
		while (length > 0 && isblank((unsigned char)entry[length - 1]))
			length--;
		entry[length] = '\0';
		line.key = entry;
		take(postfix, &line);
	}
}

/* A table as a parameter names it, "hash:/etc/postfix/tls_policy". */
static void
read_named(struct postfix *postfix, const struct postfix_parameter *parameter, char *table,
    postfix_take *take)
{
	static const char *const files[] = { "hash", "btree", "cdb", "lmdb", "dbm", "sdbm",
	    "texthash", "cidr" };
	const char *place = import_text(postfix->import, "%s:%u: %s", parameter->file,
	    parameter->line, parameter->name), *text, *name;
	char *path;
	bool is_file = false;

	while (strncmp(table, "proxy:", 6) == 0)
		table += 6;
	path = strchr(table, ':');
	if (path == NULL)
		return;
	*path++ = '\0';
	if (strcmp(table, "inline") == 0 && path[0] == '{') {
		read_inline(postfix, place, path, take);
		return;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		is_file = is_file || strcmp(table, files[i]) == 0;
	text = is_file ? table_text(postfix, path, &name) : NULL;
	if (text != NULL)
		read_table(postfix, name, text, take);
	else
		import_lost(postfix->import, NULL, is_file ? "%s: %s:%s cannot be read here: give "
		    "the file, too." : "%s: %s:%s is not a table that can be read through. "
		    "Write what it says by hand.", place, table, path);
}

static void
read_maps(struct postfix *postfix, const char *name, postfix_take *take)
{
	const struct postfix_parameter *parameter = find_parameter(postfix, name, strlen(name));
	char *tables, *table;

	if (parameter == NULL)
		return;
	postfix->table = name;
	tables = mta_copy(postfix->import, postfix_value(postfix, name));
	while ((table = mta_next_word(&tables)) != NULL)
		read_named(postfix, parameter, table, take);
}

/* ------------------------------------------------------------------ *
 * Certificates of clients
 * ------------------------------------------------------------------ */

/* Whose a certificate is no table says. */
static void
take_digest(struct postfix *postfix, struct mta_line *line)
{
	const char *why, *digest = mta_digest(line->import, line->key, &why);

	if (digest != NULL)
		mta_lost(line, "%s does not say of which domain's mail this is the certificate. In "
		    "the agreement's incoming: require certificate fingerprint %s",
		    postfix->table, digest);
	else
		mta_lost(line, "%s.", why);
	postfix->import->read++;
}

/* ------------------------------------------------------------------ *
 * Access tables
 * ------------------------------------------------------------------ */

/* Whether restrictions demand TLS of everybody whom they are for. */
static bool
postfix_demands_tls(const struct postfix *postfix, const char *restrictions, int deep)
{
	char *list = mta_copy(postfix->import, restrictions), *word;

	while ((word = mta_next_word(&list)) != NULL) {
		const char *class = deep < DEEPEST ? postfix_value(postfix, word) : NULL;

		if (strcasecmp(word, "reject_plaintext_session") == 0 ||
		    (class != NULL && postfix_demands_tls(postfix, class, deep + 1)))
			return true;
		if (strcasecmp(word, "permit") == 0 || strcasecmp(word, "ok") == 0 ||
		    strcasecmp(word, "reject") == 0)
			return false;
	}
	return false;
}

/* Whether a domain of an access table is all below it, too: as Postfix does by default. */
static bool
matches_below(const struct postfix *postfix)
{
	const char *list = postfix_value(postfix, "parent_domain_matches_subdomains");

	return list == NULL || strstr(list, "smtpd_access_maps") != NULL;
}

static void
add_access_who(struct postfix *postfix, struct import_rule *rule, struct mta_line *line)
{
	struct import *import = postfix->import;
	const char *network = postfix->target == IMPORT_CLIENT ?
	    mta_network(import, line->key) : NULL;
	bool below = matches_below(postfix);

	if (network != NULL)
		import_who(import, rule, network, IMPORT_ITSELF);
	else if (strpbrk(line->key, "@<:/") != NULL)
		import_who(import, rule, line->key, IMPORT_ITSELF);
	else if (line->key[0] == '.')
		import_who(import, rule, line->key + 1, IMPORT_BELOW);
	else
		import_who(import, rule, line->key, below ? IMPORT_BOTH : IMPORT_ITSELF);
}

static void
take_access(struct postfix *postfix, struct mta_line *line)
{
	struct import *import = postfix->import;
	const char *code = postfix_value(postfix, "plaintext_reject_code");
	size_t length = strlen(line->key);
	struct import_rule *rule;

	if (!postfix_demands_tls(postfix, line->value, 0))
		return;
	import->read++;
	if (line->key[0] == '.' && matches_below(postfix)) {
		mta_lost(line, "Postfix never looks for a name with a dot before it here, as "
		    "parent_domain_matches_subdomains has smtpd_access_maps.");
		return;
	}
	if (length > 0 && line->key[length - 1] == '@') {
		mta_lost(line, "a mailbox of any domain cannot be demanded TLS of.");
		return;
	}
	rule = mta_rule(line, postfix->target, postfix->target == IMPORT_FROM &&
	    strpbrk(line->key, "@<") == NULL ? line->key : NULL);
	add_access_who(postfix, rule, line);
	import_set(import, rule, "require tls");
	if (code != NULL && code[0] == '5')
		import_set(import, rule, "otherwise reject");
}

/* The restrictions of one stage: tables that they ask, and what is demanded of everybody. */
static void
read_restrictions(struct postfix *postfix, const char *name)
{
	static const struct { const char *word; enum import_target target; } checks[] = {
		{ "check_sender_access", IMPORT_FROM }, { "check_client_access", IMPORT_CLIENT },
		{ "check_recipient_access", IMPORT_TO },
	};
	const struct postfix_parameter *parameter = find_parameter(postfix, name, strlen(name));
	char *list = mta_copy(postfix->import, parameter != NULL ? postfix_value(postfix, name) :
	    ""), *word, *table;

	while ((word = mta_next_word(&list)) != NULL) {
		if (strcmp(word, "reject_plaintext_session") == 0)
			import_lost(postfix->import, NULL, "%s:%u: %s demands TLS of all mail "
			    "that comes to it: \"default { require tls }\" would, or leave it.",
			    parameter->file, parameter->line, name);
		if (strcmp(word, "check_ccert_access") == 0 &&
		    (table = mta_next_word(&list)) != NULL) {
			postfix->table = word;
			read_named(postfix, parameter, table, take_digest);
		}
		for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
			if (strcmp(word, checks[i].word) == 0 &&
			    (table = mta_next_word(&list)) != NULL) {
				postfix->target = checks[i].target;
				read_named(postfix, parameter, table, take_access);
			}
	}
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/* What holds for everybody stays in main.cf. */
static void
note_level(struct postfix *postfix, const char *name, const char *mail)
{
	const char *level = postfix_value(postfix, name);

	if (level == NULL || level[0] == '\0' || strcmp(level, "none") == 0 ||
	    strcmp(level, "may") == 0)
		return;
	import_comment(postfix->import, NULL, "%s = %s holds for all mail that %s. It stays in "
	    "main.cf: a policy says what single partners agreed.", name, level, mail);
}

static bool
postfix_sets(const struct postfix *postfix, const char *name)
{
	const char *value = postfix_value(postfix, name);

	return value != NULL && value[0] != '\0';
}

static void
unread_site_line(struct postfix *postfix, struct mta_line *line)
{
	postfix->import->read++;
	mta_lost(line, "Postfix does not look here: smtp_tls_policy_maps is set, which counts "
	    "alone.");
}

/* A line of a file that no main.cf names: what it is is seen from it. */
static void
take_any(struct postfix *postfix, struct mta_line *line)
{
	const char *why;

	if (postfix_is_policy(line->value))
		postfix_policy_line(postfix, line);
	else if (postfix_is_site(line->value))
		postfix_site_line(postfix, line);
	else if (postfix_demands_tls(postfix, line->value, 0))
		mta_lost(line, "whether this is of senders, clients or recipients stands in "
		    "main.cf: give that, too.");
	else if (mta_digest(line->import, line->key, &why) != NULL ||
	    strspn(line->key, "0123456789abcdefABCDEF:") == strlen(line->key))
		take_digest(postfix, line);
}

int
import_postfix(struct import *import)
{
	static const char *const stages[] = { "smtpd_client_restrictions",
	    "smtpd_helo_restrictions", "smtpd_sender_restrictions", "smtpd_relay_restrictions",
	    "smtpd_recipient_restrictions", "smtpd_data_restrictions",
	    "smtpd_end_of_data_restrictions" };
	struct postfix postfix = { .import = import, .last = &postfix.parameters };

	postfix.used = import_memory(import, import->source_count * sizeof(bool));
	for (size_t i = 0; i < import->source_count; i++)
		if (is_main(import, import->sources[i].text)) {
			postfix.used[i] = true;
			read_main(&postfix, &import->sources[i]);
		}
	postfix.protocols = postfix_value(&postfix, "smtp_tls_mandatory_protocols");
	if (postfix.protocols != NULL && postfix.protocols[0] == '\0')
		postfix.protocols = NULL;
	note_level(&postfix, "smtp_tls_security_level", "goes out");
	note_level(&postfix, "smtpd_tls_security_level", "comes in");
	read_maps(&postfix, "smtp_tls_policy_maps", postfix_policy_line);
	read_maps(&postfix, "smtp_tls_per_site", postfix_sets(&postfix, "smtp_tls_policy_maps") ?
	    unread_site_line : postfix_site_line);
	read_maps(&postfix, "relay_clientcerts", take_digest);
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		read_restrictions(&postfix, stages[i]);
	postfix.table = "the table";
	for (size_t i = 0; i < import->source_count; i++)
		if (!postfix.used[i])
			read_table(&postfix, import->sources[i].name, import->sources[i].text,
			    take_any);
	if (import->read == 0 && postfix.parameters != NULL) {
		import->read = 1;
		import_answer(import, "no agreement: nothing in %s demands TLS of a partner",
		    postfix.parameters->file);
	}
	return STATUS_FINE;
}
