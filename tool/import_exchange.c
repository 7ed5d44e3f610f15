/*
 * import_exchange.c - agreements from the connectors of Exchange and Exchange Online.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_exchange.h"

#include <string.h>
#include <strings.h>

#include "tool/tool.h"

/* Objects are looked for so deep, and among so many values. */
#define DEEPEST 6
#define VALUES_MAX 1000000

/* ------------------------------------------------------------------ *
 * What an object is
 * ------------------------------------------------------------------ */

static bool
has_property(json_t *object, const char *name)
{
	struct exchange_object looked = { .properties = object };

	return exchange_property(&looked, name) != NULL;
}

/* The transport's configuration is looked at when all connectors are known. */
static void
leave_for_later(struct exchange_object *object)
{
	(void)object;
}

typedef void exchange_maker(struct exchange_object *object);

/* What an object is: the function for it; NULL: none that is known. */
static exchange_maker *
exchange_kind(json_t *object, const char **what)
{
	static const struct {
		const char *property, *what;
		exchange_maker *maker;
	} kinds[] = {
		{ "SenderDomains", "inbound connector", exchange_inbound },
		{ "TlsSenderCertificateName", "inbound connector", exchange_inbound },
		{ "RestrictDomainsToIPAddresses", "inbound connector", exchange_inbound },
		{ "RecipientDomains", "outbound connector", exchange_outbound },
		{ "TlsSettings", "outbound connector", exchange_outbound },
		{ "RemoteIPRanges", "receive connector", exchange_receive },
		{ "AddressSpaces", "send connector", exchange_send },
		{ "TLSReceiveDomainSecureList", "transport configuration", leave_for_later },
		{ "TLSSendDomainSecureList", "transport configuration", leave_for_later },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (has_property(object, kinds[i].property)) {
			*what = kinds[i].what;
			return kinds[i].maker;
		}
	return NULL;
}

/* The objects of a file that are of some kind. */
struct search {
	json_t *found;
	size_t values;		/* that were looked at */
};

static void
search_objects(struct search *search, json_t *value, int deep)
{
	const char *what, *key;
	json_t *each;
	size_t i;

	if (search->values++ >= VALUES_MAX || deep == DEEPEST)
		return;
	if (json_is_object(value) && exchange_kind(value, &what) != NULL) {
		(void)json_array_append(search->found, value);
		return;
	}
	json_object_foreach(value, key, each)
		search_objects(search, each, deep + 1);
	json_array_foreach(value, i, each)
		search_objects(search, each, deep + 1);
}

/* ------------------------------------------------------------------ *
 * Files
 * ------------------------------------------------------------------ */

static json_t *
read_connector_json(const struct import_source *source)
{
	json_t *all = json_array();
	const char *at = source->text, *end = at + source->length;

	/* What several cmdlets wrote may be in one file, one behind another. */
	while ((at += strspn(at, " \t\n,")) < end) {
		json_error_t error;
		json_t *value = json_loadb(at, (size_t)(end - at), JSON_DISABLE_EOF_CHECK,
		    &error);
		int before = 0;

		if (value == NULL) {
			for (const char *c = source->text; c < at; c++)
				before += *c == '\n';
			(void)tool_trouble("%s:%d: this is not JSON: %s", source->name,
			    before + error.line, error.text);
			json_decref(all);
			return NULL;
		}
		at += error.position;
		(void)json_array_append_new(all, value);
	}
	return all;
}

static json_t *
read_any(const struct import_source *source)
{
	const char *text = source->text + strspn(source->text, " \t\n");

	if (*text == '<')
		return exchange_read_clixml(source);
	if (*text == '{' || *text == '[')
		return read_connector_json(source);
	return exchange_is_csv(text) ? exchange_read_csv(source) : exchange_read_list(source);
}

static const char *
object_name(struct exchange_object *object)
{
	const char *name = exchange_text(object, "Name");

	if (name[0] == '\0')
		name = exchange_text(object, "Identity");
	return name[0] != '\0' ? name : "without a name";
}

/* Whether a connector of that kind is for it. */
static bool
has_secure(struct exchange_object *object, json_t *all, exchange_maker *kind)
{
	struct exchange_object other = *object;
	const char *what;
	size_t i;
	json_t *each;

	json_array_foreach(all, i, each) {
		other.properties = each;
		if (exchange_kind(each, &what) == kind &&
		    strcasecmp(exchange_text(&other, "DomainSecureEnabled"), "True") == 0 &&
		    strcasecmp(exchange_text(&other, "Enabled"), "False") != 0)
			return true;
	}
	return false;
}

/* Makes rules of one, or of the transport's configuration. False where it failed. */
static bool
make_rules(struct import *import, const char *file, json_t *properties, json_t *all,
    bool later)
{
	struct exchange_object object = { .import = import, .file = file, .name = "",
		.properties = properties };
	exchange_maker *maker = exchange_kind(properties, &object.what);

	if ((maker == leave_for_later) != later)
		return true;
	import->read++;
	object.name = object_name(&object);
	if (later)
		exchange_domain_secure(&object, has_secure(&object, all, exchange_send),
		    has_secure(&object, all, exchange_receive));
	else
		maker(&object);
	return !object.failed;
}

/* Reads the source, and adds what it has to all. */
static bool
read_export(struct import *import, size_t number, json_t *all, json_t *sources)
{
	const struct import_source *source = &import->sources[number];
	struct search search = { .found = all };
	json_t *values = read_any(source);

	if (values == NULL)
		return false;
	search_objects(&search, values, 0);
	json_decref(values);
	while (json_array_size(sources) < json_array_size(all))
		(void)json_array_append_new(sources, json_integer((json_int_t)number));
	if (search.values <= VALUES_MAX)
		return true;
	(void)tool_trouble("%s has more than a million values", source->name);
	return false;
}

int
import_exchange(struct import *import)
{
	json_t *all = json_array(), *sources = json_array(), *each;
	bool fine = true;
	size_t i;

	for (i = 0; fine && i < import->source_count; i++)
		fine = read_export(import, i, all, sources);
	for (int later = 0; fine && later < 2; later++)
		json_array_foreach(all, i, each) {
			size_t number = (size_t)json_integer_value(json_array_get(sources, i));

			if (!make_rules(import, import->sources[number].name, each, all, later))
				fine = false;
		}
	json_decref(all);
	json_decref(sources);
	return fine ? STATUS_FINE : STATUS_TROUBLE;
}
