/*
 * import.c - tlsward import: a policy from what a site has already.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/decode.h"
#include "tool/screen.h"
#include "tool/tool.h"
#include "policy/policy.h"
#include "base/file.h"
#include "base/suggest.h"

#define FILES_MAX 1000
#define BYTES_MAX (64 << 20)	/* of a file */

static const struct import_kind kinds[] = {
	{ "exchange", "the output of Get-InboundConnector and the like", "connector",
	    "connectors", false, false, import_exchange },
	{ "domino", "notes.ini, and NAME: VALUE lines of server and configuration documents",
	    "setting", "settings", true, false, import_domino },
	{ "schannel", "exports of the registry (.reg) with Schannel's keys", "value", "values",
	    true, true, import_schannel },
	{ "postfix", "main.cf and the tables that it names", "line", "lines",
	    false, false, import_postfix },
	{ "sendmail", "the access table", "line", "lines", false, false, import_sendmail },
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* ------------------------------------------------------------------ *
 * Files
 * ------------------------------------------------------------------ */

/* Says why. Returns false. */
static bool
is_unread(const char *name, enum file_result result)
{
	const char *why = result == FILE_LARGE ? "it has more than 64 MB" :
	    result == FILE_NO_MEMORY ? "not enough memory" : file_why(errno);

	(void)tool_trouble("cannot read %s: %s", name, why);
	return false;
}

static bool
read_source(const char *path, struct import_source *source)
{
	struct file file = { .text = NULL };
	bool input = strcmp(path, "-") == 0;
	enum file_result result = input ? file_read_input(BYTES_MAX, &file) :
	    file_read(path, BYTES_MAX, false, &file);
	struct buffer text = BUFFER_INIT;
	const char *wrong;

	source->name = input ? "standard input" : path;
	if (result != FILE_READ)
		return is_unread(source->name, result);
	decode_text(file.text, file.length, &text);
	wrong = text.failed ? "not enough memory" :
	    memchr(text.text, '\0', text.length) != NULL ? "it has NUL bytes in it, "
	    "so that it is no text" : NULL;
	free(file.text);
	source->text = text.text;
	source->length = text.length;
	if (wrong != NULL)
		(void)tool_trouble("%s: %s", source->name, wrong);
	return wrong == NULL;
}

static bool
read_sources(struct import *import, int count, char **paths)
{
	static char input[] = "-";
	char *only[] = { input };
	bool fine = true;

	if (count == 0)
		paths = only;
	import->source_count = count == 0 ? 1 : (size_t)count;
	import->sources = import_memory(import, import->source_count *
	    sizeof(*import->sources));
	for (size_t i = 0; fine && i < import->source_count; i++)
		fine = read_source(paths[i], &import->sources[i]);
	return fine;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static const struct import_kind *
find_kind(const char *name)
{
	const char *names[KIND_COUNT], *meant;

	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
		names[i] = kinds[i].name;
	}
	meant = suggest_word(name, strlen(name), names, KIND_COUNT);
	(void)tool_trouble("\"%s\" cannot be imported: %s%s%s", name,
	    meant != NULL ? "did you mean \"" : "see ", meant != NULL ? meant :
	    "tlsward help import", meant != NULL ? "\"?" : "");
	return NULL;
}

static int
write_policy(struct import *import)
{
	struct buffer text = BUFFER_INIT;
	int status;

	if (import->read == 0)
		return tool_trouble("%s nothing of what is read: %s", import->source_count == 1 ?
		    import_text(import, "%s has", import->sources[0].name) : "the files have",
		    import->kind->reads);
	status = import_write(import, &text);
	if (status == STATUS_FINE && import->lost > 0)
		(void)fprintf(stderr, "tlsward: %zu thing%s could not be taken over: see "
		    "NOT TAKEN OVER in what was written\n", import->lost,
		    import->lost == 1 ? "" : "s");
	if (status == STATUS_FINE && screen_write(&text) == SCREEN_FAILED)
		status = STATUS_TROUBLE;
	buffer_free(&text);
	return status;
}

static int
import_all(struct import *import, int count, char **paths)
{
	int status = STATUS_TROUBLE;

	if (read_sources(import, count, paths))
		status = import->kind->run(import);
	if (status == STATUS_FINE)
		status = write_policy(import);
	for (size_t i = 0; i < import->source_count; i++)
		free(import->sources[i].text);
	arena_release(&import->arena);
	return status;
}

/*
 * Takes the domain behind "--as-partner NAME" out of the arguments, of which there is
 * one less then.
 */
static void
take_partner_domain_word(struct import *import, int *argc, char **argv)
{
	static const char option[] = "--as-partner";
	size_t length = strlen(option);

	for (int i = 1; i < *argc; i++) {
		bool joined = strncmp(argv[i], option, length) == 0 && argv[i][length] == '=';
		int at = i + (joined ? 1 : 2);

		if ((!joined && strcmp(argv[i], option) != 0) || at >= *argc)
			continue;
		import->domain = argv[at];
		memmove(argv + at, argv + at + 1, (size_t)(*argc - at) * sizeof(*argv));
		--*argc;
		return;
	}
}

/* Whether what stands where the partner's domain is expected can be that. */
static bool
check_partner_domain(const char *domain)
{
	static const char how[] = "--as-partner takes a name and a domain: --as-partner \"Acme\" "
	    "acme.example";
	char name[256];

	if (domain != NULL && domain[0] != '.' && strchr(domain, '.') != NULL &&
	    policy_domain(domain, name, sizeof(name)) && access(domain, F_OK) != 0)
		return true;
	(void)(domain == NULL ? tool_trouble("%s", how) :
	    tool_trouble("%s, and not %s%s", how, access(domain, F_OK) == 0 ? "the file " : "",
	    domain));
	return false;
}

/* Whether the kind takes what was given. */
static bool
check_options(const struct import *import)
{
	const struct import_kind *kind = import->kind;

	if ((import->partner != NULL && !kind->takes_partner) ||
	    (import->windows != NULL && !kind->takes_windows)) {
		(void)tool_trouble("tlsward import %s does not take --%s", kind->name,
		    import->windows != NULL && !kind->takes_windows ? "windows" : "as-partner");
		return false;
	}
	return true;
}

static int
run_import(const struct command *command, int argc, char **argv)
{
	struct import import = { .kind = NULL };
	int status;

	take_partner_domain_word(&import, &argc, argv);
	status = tool_options(command, argc, argv, &import);
	if (status != -1)
		return status;
	if (import.partner != NULL && !check_partner_domain(import.domain))
		return STATUS_TROUBLE;
	if (argc - optind < 1)
		return tool_usage(command);
	import.kind = find_kind(argv[optind++]);
	if (import.kind == NULL || !check_options(&import))
		return STATUS_TROUBLE;
	return import_all(&import, argc - optind, argv + optind);
}

static const struct tool_option import_options[] = {
	OPTION("as-partner", 0, OPTION_TEXT, struct import, partner),
	OPTION("windows", 0, OPTION_TEXT, struct import, windows),
	OPTION_END
};

const struct command command_import = {
	.name = "import",
	.run = run_import,
	.options = import_options,
	.arguments = "KIND [--as-partner NAME DOMAIN] [--windows YEAR] [FILE...]",
	.about = "write the policy that other systems' settings amount to",
	.help =
	    "  KIND                    exchange: the output of Get-InboundConnector,\n"
	    "                          Get-OutboundConnector, Get-ReceiveConnector,\n"
	    "                          Get-SendConnector and Get-TransportConfig, as JSON,\n"
	    "                          Clixml, CSV or a list\n"
	    "                          domino: notes.ini and lines of documents\n"
	    "                          schannel: exports of the registry (.reg)\n"
	    "                          postfix: main.cf and the tables that it names\n"
	    "                          sendmail: the text of the access table\n"
	    "  FILE...                 - or none is standard input\n"
	    "  --as-partner NAME DOMAIN  of domino and schannel: as the agreement of a\n"
	    "                          partner whose server this is\n"
	    "  --windows YEAR          of schannel: whose defaults count, as 2003 or 2012R2\n\n"
	    "The policy goes to standard output: agreements under monitor, with a note of\n"
	    "where each came from, and in comments what could not be taken over and why.\n"
	    "Read it, put it where the policy includes it, and run tlsward check.\n",
	.examples = "  tlsward import exchange connectors.json > /etc/tlsward/policy.d/exchange.conf\n"
	    "  tlsward import schannel --windows 2003 --as-partner Acme acme.example schannel.reg\n",
};
