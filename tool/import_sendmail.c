/*
 * import_sendmail.c - agreements from Sendmail's access table: cf/README, STARTTLS.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_mta.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/tool.h"
#include "base/text.h"

/* What stands behind a tag, in parts that "+" separates. */
struct access_terms {
	struct mta_line *line;
	bool certificate, reject;
	const char *name;	/* of the certificate; NULL: none is demanded */
	bool host_name;		/* or the host's own is */
	unsigned bits;
	const char *lost;	/* why it cannot be said; NULL: it can */
};

/* A part: VERIFY, VERIFY:bits, ENCR:bits. */
static void
read_strength(struct access_terms *terms, const char *part, size_t length)
{
	char *end;
	unsigned long bits = 0;

	terms->certificate = length == 6;
	if (part[length] != '\0') {
		bits = strtoul(part + length + 1, &end, 10);
		if (part[length] != ':' || *end != '\0' || bits > 256)
			terms->lost = import_text(terms->line->import,
			    "\"%s\" is not understood", part);
	}
	terms->bits = (unsigned)bits;
}

/* The certificate's common name, CN:name. */
static void
read_common_name(struct access_terms *terms, const char *name)
{
	struct import *import = terms->line->import;
	struct buffer text = BUFFER_INIT;

	/* Sendmail writes what is special there as +hh. */
	for (; *name != '\0'; name++) {
		int high = name[0] == '+' ? text_hex(name[1]) : -1;
		int low = high >= 0 ? text_hex(name[2]) : -1;
		char decoded = (char)(high * 16 + low);

		buffer_add(&text, low >= 0 ? &decoded : name, 1);
		name += low >= 0 ? 2 : 0;
	}
	terms->name = import_take(import, &text);
}

static void
read_part(struct access_terms *terms, char *part)
{
	if (strncasecmp(part, "VERIFY", 6) == 0)
		read_strength(terms, part, 6);
	else if (strncasecmp(part, "ENCR", 4) == 0)
		read_strength(terms, part, 4);
	else if (strncasecmp(part, "CN:", 3) == 0 && part[3] != '\0')
		read_common_name(terms, part + 3);
	else if (strcasecmp(part, "CN") == 0 || strcasecmp(part, "CN:") == 0)
		terms->host_name = true;
	else if (strncasecmp(part, "CI:", 3) == 0 || strncasecmp(part, "CS:", 3) == 0)
		terms->lost = "a whole distinguished name cannot be demanded: of an issuer its "
		    "common name can (require certificate issuer), of a certificate its key "
		    "(require certificate fingerprint)";
	else if (strcasecmp(part, "NO") == 0)
		terms->lost = "TLS is not to be demanded, or not to be used; no policy says that";
	else
		terms->lost = import_text(terms->line->import, "\"%s\" is not understood", part);
}

/* [PERM+|TEMP+]VERIFY[:bits][+CN:name...]; "+" also begins what is encoded in a name. */
static void
read_terms(struct access_terms *terms)
{
	static const char *const begins[] = { "CN", "CI:", "CS:", "VERIFY", "ENCR" };
	char *part = mta_copy(terms->line->import, terms->line->value), *end;

	terms->reject = strncasecmp(part, "PERM+", 5) == 0;
	if (terms->reject || strncasecmp(part, "TEMP+", 5) == 0)
		part += 5;
	while (part != NULL && terms->lost == NULL) {
		for (end = strchr(part, '+'); end != NULL; end = strchr(end + 1, '+')) {
			bool begins_one = false;

			for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
				begins_one = begins_one || strncasecmp(end + 1, begins[i],
				    strlen(begins[i])) == 0;
			if (begins_one)
				break;
		}
		if (end != NULL)
			*end++ = '\0';
		read_part(terms, part);
		part = end;
	}
}

/* Of a client by its name that is the key; where mail goes the MX host's is always meant. */
static void
set_host_name(struct access_terms *terms, bool is_network)
{
	if (terms->host_name && is_network)
		terms->lost = "the name that reverse DNS has cannot be demanded of a network";
	else if (terms->host_name)
		terms->name = terms->line->key;
}

static void
set_terms(const struct access_terms *terms, struct import_rule *rule, bool goes_out)
{
	struct import *import = terms->line->import;

	if (terms->bits > 0)
		import_set(import, rule, "require bits >= %u", terms->bits);
	else
		import_set(import, rule, "require tls");
	if (terms->name != NULL)
		import_set(import, rule, "require certificate name %s",
		    import_word(import, terms->name));
	else if (terms->certificate)
		import_set(import, rule, "require certificate");
	if (terms->reject && !goes_out)
		import_set(import, rule, "otherwise reject");
}

/* ------------------------------------------------------------------ *
 * Tags
 * ------------------------------------------------------------------ */

typedef void take_tag(struct mta_line *line);

static void
take_access_client(struct mta_line *line)
{
	struct access_terms terms = { .line = line };
	const char *network = mta_network(line->import, line->key);
	struct import_rule *rule;

	if (line->key[0] == '\0')
		terms.lost = "it is for all clients: \"default { require tls }\" would be for "
		    "all mail that comes in";
	else
		read_terms(&terms);
	if (terms.lost == NULL)
		set_host_name(&terms, network != NULL);
	if (terms.lost != NULL) {
		mta_lost(line, "%s.", terms.lost);
		return;
	}
	rule = mta_rule(line, IMPORT_CLIENT, NULL);
	import_who(line->import, rule, network != NULL ? network : line->key,
	    network != NULL ? IMPORT_ITSELF : IMPORT_BOTH);
	set_terms(&terms, rule, false);
}

static void
take_recipient(struct mta_line *line)
{
	struct access_terms terms = { .line = line };
	struct import_rule *rule;

	if (line->key[0] == '\0')
		terms.lost = "it is for all mail that goes out, which no policy speaks of";
	else if (strchr(line->key, '@') != NULL)
		terms.lost = "what goes out is told apart by domains alone";
	else
		read_terms(&terms);
	if (terms.lost != NULL) {
		mta_lost(line, "%s.", terms.lost);
		return;
	}
	rule = mta_rule(line, IMPORT_DELIVER, line->key);
	import_who(line->import, rule, line->key, IMPORT_BOTH);
	set_terms(&terms, rule, true);
	if (terms.reject)
		import_comment(line->import, rule, "%s:%u: PERM returns the mail at once; a rule "
		    "on mail that goes out keeps it and tries again.", line->file, line->number);
}

static void
take_server(struct mta_line *line)
{
	mta_lost(line, "this is by the name of the server that takes the mail. A policy names the "
	    "domain: deliver DOMAIN, or deliver \"[%s]\" where the mail is routed to it.",
	    line->key);
}

static void
take_try(struct mta_line *line)
{
	mta_lost(line, "that TLS is not tried with a server stays in Sendmail's table.");
}

static void
take_issuer(struct mta_line *line)
{
	mta_lost(line, "it is about who may relay, which tlsward does not give. As a requirement: "
	    "require certificate issuer, with the common name of the issuer.");
}

static void
take_features(struct mta_line *line)
{
	mta_lost(line, "how this host itself offers and uses TLS stays in Sendmail's table.");
}

static const struct { const char *tag; take_tag *take; } tags[] = {
	{ "TLS_Clt", take_access_client }, { "TLS_Srv", take_server }, { "TLS_Rcpt", take_recipient },
	{ "Try_TLS", take_try }, { "CERTIssuer", take_issuer }, { "CERTSubject", take_issuer },
	{ "Srv_Features", take_features }, { "Clt_Features", take_features },
	{ "TLS_Srv_Features", take_features }, { "TLS_Clt_Features", take_features },
};

int
import_sendmail(struct import *import)
{
	for (size_t i = 0; i < import->source_count; i++) {
		const struct import_source *source = &import->sources[i];
		struct mta_reader reader = { mta_copy(import, source->text), 0 };
		struct mta_line line = { .import = import, .file = source->name };
		char *text;

		while ((text = mta_next_line(&reader, false, &line.number)) != NULL)
			for (size_t tag = 0; tag < sizeof(tags) / sizeof(tags[0]); tag++) {
				size_t length = strlen(tags[tag].tag);

				if (strncasecmp(text, tags[tag].tag, length) != 0 ||
				    text[length] != ':')
					continue;
				line.tag = import_text(import, "%s:", tags[tag].tag);
				line.key = text + length + 1;
				line.value = mta_cut_word(line.key);
				import->read++;
				tags[tag].take(&line);
				break;
			}
	}
	return STATUS_FINE;
}
