/*
 * import_exchange.c - agreements from Exchange's connectors.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import.h"

#include <string.h>

#include <jansson.h>

#include "tool/tool.h"

static void
inbound(struct import *import, const char *file, const json_t *connector)
{
	const char *name = json_string_value(json_object_get(connector, "Name"));
	const json_t *domains = json_object_get(connector, "SenderDomains");
	struct import_rule *rule;

	if (name == NULL)
		return;
	import->read++;
	rule = import_rule(import, IMPORT_FROM, name);
	import_note(import, rule, "inbound connector \"%s\" (%s)", name, file);
	for (size_t i = 0; i < json_array_size(domains); i++) {
		const char *domain = json_string_value(json_array_get(domains, i));

		if (domain != NULL)
			import_who(import, rule, domain + (strncmp(domain, "*.", 2) == 0 ? 2 : 0),
			    domain[0] == '*' ? IMPORT_BOTH : IMPORT_ITSELF);
	}
	import_set(import, rule, "require tls");
}

int
import_exchange(struct import *import)
{
	for (size_t i = 0; i < import->source_count; i++) {
		const struct import_source *source = &import->sources[i];
		json_error_t error;
		json_t *all = json_loadb(source->text, source->length, 0, &error);

		if (all == NULL)
			return tool_trouble("%s:%d: %s", source->name, error.line, error.text);
		for (size_t j = 0; j < json_array_size(all); j++)
			inbound(import, source->name, json_array_get(all, j));
		json_decref(all);
	}
	if (import->read == 1)
		import_answer(import, "one connector");
	import_case(import, "from=a@contoso.com tls_version=TLSv1.2");
	return STATUS_FINE;
}
