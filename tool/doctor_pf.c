/*
 * doctor_pf.c - one instance of Postfix: what is in force there, and where it stands.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/tls_policy.h"
#include "settings/settings.h"
#include "base/array.h"

#define SAID_MAX (1u << 20)	/* of postconf: all parameters are 50 KB */
#define BLANKS " \t\r"

/* ------------------------------------------------------------------ *
 * What postconf says
 * ------------------------------------------------------------------ */

/* "NAME = VALUE" lines. False where postconf failed or memory is short. */
static bool
ask_for_table(const struct pf *pf, const char *options, struct pf_table *table)
{
	const char *const arguments[] = { "-c", pf->folder, options, NULL };
	char *rest, *line;

	table->text = malloc(SAID_MAX);
	if (table->text == NULL ||
	    !settings_run_postconf(arguments, table->text, SAID_MAX))
		return false;
	for (rest = table->text; (line = strsep(&rest, "\n")) != NULL;) {
		char *value = strstr(line, " =");

		if (value == NULL)
			continue;
		*value = '\0';
		value += 2 + strspn(value + 2, BLANKS);
		if (!array_reserve(table->pairs, table->count + 1, &table->room))
			return false;
		table->pairs[table->count++] = (struct pf_pair){ line, value };
	}
	return true;
}

static const char *
find_parameter_pair(const struct pf_table *table, const char *name)
{
	for (size_t i = table->count; i-- > 0;)
		if (strcmp(table->pairs[i].name, name) == 0)
			return table->pairs[i].value;
	return NULL;
}

/* "smtp/inet/NAME" of a table. */
static const char *
find_of_service(const struct pf_table *table, const struct pf_service *service,
    const char *name)
{
	char key[512];

	(void)snprintf(key, sizeof(key), "%s/%s/%s", service->name, service->type, name);
	return find_parameter_pair(table, key);
}

const char *
pf_get(const struct pf *pf, const struct pf_service *service, const char *name)
{
	const char *value = service != NULL ? find_of_service(&pf->own, service, name) : NULL;

	if (value == NULL)
		value = find_parameter_pair(&pf->parameters, name);
	return value != NULL ? value : "";
}

bool
pf_is(const struct pf *pf, const struct pf_service *service, const char *name,
    const char *value)
{
	return strcasecmp(pf_get(pf, service, name), value) == 0;
}

const struct pf_service *
pf_owner(const struct pf *pf, const struct pf_service *service, const char *name)
{
	return service != NULL && find_of_service(&pf->own, service, name) != NULL ?
	    service : NULL;
}

const struct pf_service *
pf_find(const struct pf *pf, const char *name, const char *type)
{
	for (size_t i = 0; i < pf->service_count; i++)
		if (strcmp(pf->services[i].name, name) == 0 &&
		    strcmp(pf->services[i].type, type) == 0)
			return &pf->services[i];
	return NULL;
}

bool
pf_is_smtp(const struct pf_service *service)
{
	const char *colon = strrchr(service->name, ':');
	const char *port = colon != NULL ? colon + 1 : service->name;

	return strcmp(service->type, "pass") == 0 || strcmp(port, "smtp") == 0 ||
	    strcmp(port, "25") == 0;
}

/* ------------------------------------------------------------------ *
 * Words
 * ------------------------------------------------------------------ */

bool
pf_word(const char **list, char *word, size_t size)
{
	static const char separators[] = BLANKS ",\n";
	const char *start = *list + strspn(*list, separators), *end = start;
	int braces = 0;

	while (*end != '\0' && (braces > 0 || strchr(separators, *end) == NULL)) {
		braces += *end == '{' ? 1 : *end == '}' ? -1 : 0;
		end++;
	}
	*list = end;
	(void)snprintf(word, size, "%.*s", (int)(end - start), start);
	return end > start;
}

bool
pf_has_word(const char *list, const char *word)
{
	char each[PF_PATH_MAX];

	while (pf_word(&list, each, sizeof(each)))
		if (strcasecmp(each, word) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------ *
 * Services
 * ------------------------------------------------------------------ */

/* Whether only this host comes to an address, of which a port alone is all addresses. */
static bool
is_loopback_name(const char *name)
{
	return strncmp(name, "127.", 4) == 0 || strncmp(name, "[127.", 5) == 0 ||
	    strncmp(name, "[::1]:", 6) == 0 || strncmp(name, "::1:", 4) == 0 ||
	    strncasecmp(name, "localhost:", 10) == 0;
}

static bool
has_postscreen(const struct pf *pf)
{
	for (size_t i = 0; i < pf->service_count; i++)
		if (strncmp(pf->services[i].command, "postscreen", 10) == 0)
			return true;
	return false;
}

/* A service without a host in its name takes what inet_interfaces has. */
static bool
takes_loopback_only(const struct pf *pf, const struct pf_service *service)
{
	static const char *const values[] = { "loopback-only", "localhost", "127.0.0.1",
	    "127.0.0.1, [::1]", "127.0.0.1, ::1" };

	if (strchr(service->name, ':') != NULL)
		return is_loopback_name(service->name);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (strcmp(service->type, "inet") == 0 &&
		    pf_is(pf, service, "inet_interfaces", values[i]))
			return true;
	return false;
}

/* master_service_disable: "inet", "smtp/inet" or "smtp.inet". */
static bool
is_disabled(const struct pf *pf, const struct pf_service *service)
{
	const char *list = pf_get(pf, NULL, "master_service_disable");
	char names[2][512];

	(void)snprintf(names[0], sizeof(names[0]), "%s/%s", service->name, service->type);
	(void)snprintf(names[1], sizeof(names[1]), "%s.%s", service->name, service->type);
	return pf_has_word(list, service->type) || pf_has_word(list, names[0]) ||
	    pf_has_word(list, names[1]);
}

static bool
is_smtpd(const struct pf *pf, const struct pf_service *service)
{
	size_t length = strcspn(service->command, BLANKS);

	return length == 5 && strncmp(service->command, "smtpd", 5) == 0 &&
	    (strcmp(service->type, "inet") == 0 ||
	    (strcmp(service->type, "pass") == 0 && has_postscreen(pf)));
}

/* Whether another than that service gives mail to a filter. */
static bool
filters_mail(const struct pf *pf, const struct pf_service *service)
{
	return pf_get(pf, service, "content_filter")[0] != '\0' ||
	    pf_get(pf, service, "smtpd_proxy_filter")[0] != '\0';
}

/* What takes mail back from a filter has none, and takes it from this host. */
static bool
takes_back(const struct pf *pf, const struct pf_service *service)
{
	const struct pf_service *networks = pf_owner(pf, service, "mynetworks");

	if (!pf->filtered || filters_mail(pf, service))
		return false;
	return is_loopback_name(service->name) || (networks != NULL &&
	    strncmp(pf_get(pf, networks, "mynetworks"), "127.0.0.", 8) == 0);
}

static enum pf_side
side_of(const struct pf *pf, const struct pf_service *service)
{
	if (!is_smtpd(pf, service) || is_disabled(pf, service))
		return PF_OTHER;
	if (takes_back(pf, service))
		return PF_BACK;
	return takes_loopback_only(pf, service) ? PF_INSIDE : PF_OUTSIDE;
}

/* "smtp/inet/service": the first field of each. False where memory is short. */
static bool
add_services(struct pf *pf)
{
	for (size_t i = 0; i < pf->fields.count; i++) {
		/* The keys are in the text that is ours: their ends can be cut. */
		char *key = pf->fields.text + (pf->fields.pairs[i].name - pf->fields.text);
		size_t length = strlen(key);
		struct pf_service *service;
		char *name, *type;

		if (length < 9 || strcmp(key + length - 8, "/service") != 0)
			continue;
		if (!array_reserve(pf->services, pf->service_count + 1, &pf->service_room) ||
		    (name = strndup(key, length - 8)) == NULL)
			return false;
		service = &pf->services[pf->service_count++];
		*service = (struct pf_service){ .name = name, .type = "", .command = "" };
		if ((type = strrchr(name, '/')) != NULL) {
			*type = '\0';
			service->type = type + 1;
		}
	}
	return true;
}

static void
complete_services(struct pf *pf)
{
	/* "-" is what the compatibility level makes of it. */
	bool by_default = pf_is(pf, NULL, "compatibility_level", "0");
	bool outside = false;

	pf->filtered = filters_mail(pf, NULL);
	for (size_t i = 0; i < pf->service_count; i++) {
		struct pf_service *service = &pf->services[i];
		const char *chroot = find_of_service(&pf->fields, service, "chroot");
		const char *command = find_of_service(&pf->fields, service, "command");

		service->command = command != NULL ? command : "";
		service->chroot = chroot != NULL && (chroot[0] == 'y' ||
		    (chroot[0] == '-' && by_default));
		pf->filtered = pf->filtered || filters_mail(pf, service);
	}
	for (size_t i = 0; i < pf->service_count; i++) {
		pf->services[i].side = side_of(pf, &pf->services[i]);
		outside = outside || pf->services[i].side == PF_OUTSIDE;
	}
	/*
	 * All that there is stands behind something else: that is where mail comes in, but in
	 * one of several instances.
	 */
	for (size_t i = 0; i < pf->service_count && !outside && !pf->several; i++)
		if (pf->services[i].side == PF_INSIDE)
			pf->services[i].side = PF_OUTSIDE;
}

/* ------------------------------------------------------------------ *
 * An instance
 * ------------------------------------------------------------------ */

static bool
read_both_files(struct pf *pf)
{
	(void)snprintf(pf->main_path, PF_PATH_MAX, "%s/main.cf", pf->folder);
	(void)snprintf(pf->master_path, PF_PATH_MAX, "%s/master.cf", pf->folder);
	return file_read(pf->main_path, SAID_MAX, true, &pf->main) != FILE_NO_MEMORY &&
	    file_read(pf->master_path, SAID_MAX, true, &pf->master) != FILE_NO_MEMORY;
}

bool
pf_open(struct pf *pf, struct doctor *doctor, const char *folder, bool several)
{
	*pf = (struct pf){ .doctor = doctor, .folder = folder, .several = several };
	if (!read_both_files(pf)) {
		doctor->failed = true;
		return false;
	}
	if (!ask_for_table(pf, "-x", &pf->parameters) || !ask_for_table(pf, "-Px", &pf->own) ||
	    !ask_for_table(pf, "-F", &pf->fields) || pf->fields.count == 0) {
		doctor_say(doctor, DOCTOR_FAULT, "postfix",
		    "postconf -c %s does not tell its configuration: nothing of it is known",
		    folder);
		doctor_fix(doctor, "mend what postconf -c %s -M and postconf -c %s -n say",
		    folder, folder);
		return false;
	}
	if (!add_services(pf)) {
		doctor->failed = true;
		return false;
	}
	pf->version = policy_postfix_version(pf_get(pf, NULL, "mail_version"));
	complete_services(pf);
	return true;
}

static void
free_table(struct pf_table *table)
{
	free(table->text);
	free(table->pairs);
}

void
pf_close(struct pf *pf)
{
	for (size_t i = 0; i < pf->service_count; i++)
		free(pf->services[i].name);
	free(pf->services);
	free_table(&pf->parameters);
	free_table(&pf->own);
	free_table(&pf->fields);
	free(pf->main.text);
	free(pf->master.text);
}
