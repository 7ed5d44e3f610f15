/*
 * import_schannel.c - what a Windows speaks, by an export of its registry.
 *
 * Sources: Microsoft, "TLS registry settings", and article 245030 for Windows 2003; what
 * holds without a key is in import_schannel_windows.c.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_schannel.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tool/import_host.h"
#include "tool/tool.h"
#include "base/text.h"

#define SCHANNEL "system\\currentcontrolset\\control\\securityproviders\\schannel\\"
#define ORDER "microsoft\\cryptography\\configuration\\ssl\\00010002"

struct schannel {
	struct import *import;
	struct reg reg;
	const struct windows *windows;
	bool guessed;			/* which Windows it is */
	struct host host;
};

/* ------------------------------------------------------------------ *
 * Protocols
 * ------------------------------------------------------------------ */

static void
lose_value(struct schannel *s, const struct reg_value *value, const char *why)
{
	import_lost(s->import, NULL, "%s, line %u: %s: %s", value->file, value->line,
	    value->shown, why);
}

/* A number; NULL: it is not there, or is none. */
static const struct reg_value *
number_at(struct schannel *s, const char *key, const char *name)
{
	const struct reg_value *value = reg_get(&s->reg, key, name);

	if (value != NULL && value->kind != REG_NUMBER) {
		lose_value(s, value, import_text(s->import, "%s is no DWORD, so that Windows does "
		    "not read it: the default counts", name));
		return NULL;
	}
	return value;
}

/* By both values, NULL where they are not set, and the system's default. */
static enum host_offer
offer_by(const struct reg_value *enabled, const struct reg_value *asked, char by_default)
{
	if (by_default == '-' || (enabled != NULL && enabled->number == 0))
		return HOST_OFF;
	if (asked != NULL)
		return asked->number != 0 ? HOST_ASKED : HOST_ON;
	return enabled != NULL || by_default == '+' ? HOST_ON : HOST_ASKED;
}

static void
protocol_key(char key[256], enum host_version version, const char *as)
{
	(void)snprintf(key, 256, SCHANNEL "protocols\\%s\\%s", host_version_name(version), as);
	for (char *each = key; *each != '\0'; each++)
		*each = text_lower(*each);
}

static enum host_offer
offer_of(struct schannel *s, enum host_version version, const char *as, char by_default)
{
	char key[256];
	const struct reg_value *enabled, *asked;

	protocol_key(key, version, as);
	enabled = number_at(s, key, "enabled");
	asked = number_at(s, key, "disabledbydefault");
	if (by_default == '-' && enabled != NULL && enabled->number != 0)
		lose_value(s, enabled, import_text(s->import, "%s does not have %s: this has no "
		    "effect", s->windows->name, host_version_name(version)));
	if (enabled != NULL && enabled->number != 0 && asked == NULL && by_default == 'a')
		import_comment(s->import, NULL, "%s, line %u: %s is enabled, but %s may go on to "
		    "use it only where a program asks: DisabledByDefault is not 0 beside it.",
		    enabled->file, enabled->line, enabled->shown, s->windows->name);
	return offer_by(enabled, asked, by_default);
}

static void
schannel_protocols(struct schannel *s, struct host_side *side, const char *as,
    const char *defaults)
{
	for (int version = 0; version < HOST_VERSIONS; version++)
		side->versions[version] = offer_of(s, (enum host_version)version, as,
		    defaults[version]);
}

/* Which of it is by keys, and not by the system's defaults. */
static void
tell_keys(struct schannel *s, const struct host_side *side, const char *as,
    const char *defaults)
{
	const char *list = "";

	for (int version = 0; version < HOST_VERSIONS; version++) {
		static const char *const words[] = { "off", "when asked for", "on" };
		const char *name = host_version_name((enum host_version)version);
		char key[256];

		protocol_key(key, (enum host_version)version, as);
		if (defaults[version] == '-' || (reg_get(&s->reg, key, "enabled") == NULL &&
		    reg_get(&s->reg, key, "disabledbydefault") == NULL))
			continue;
		list = import_text(s->import, "%s%s%s %s", list, *list != '\0' ? ", " : "", name,
		    words[side->versions[version]]);
	}
	import_comment(s->import, NULL, "By keys of the export, as a %s: %s. The rest is the "
	    "default of %s.", as, *list != '\0' ? list : "nothing", s->windows->name);
}

/* ------------------------------------------------------------------ *
 * Suites
 * ------------------------------------------------------------------ */

/* What of a suite's name a key is about. */
struct part {
	const char *key;
	const char *part;	/* NULL: of no suite that is known */
};

static const struct part ciphers[] = {
	{ "null", "_NULL_" }, { "des 56/56", "_WITH_DES_CBC" },
	{ "triple des 168", "_3DES" }, { "triple des 168/168", "_3DES" },
	{ "rc2 40/128", "_RC2_CBC_40" }, { "rc2 56/128", NULL }, { "rc2 128/128", NULL },
	{ "rc4 40/128", "_RC4_40" }, { "rc4 56/128", "_RC4_56" }, { "rc4 64/128", NULL },
	{ "rc4 128/128", "_RC4_128" }, { "aes 128/128", "AES_128" },
	{ "aes 256/256", "AES_256" }, { "skipjack", NULL }
};
/* A "$" is the name's end. */
static const struct part hashes[] = {
	{ "md5", "_MD5$" }, { "sha", "_SHA$" }, { "sha256", "_SHA256$" },
	{ "sha384", "_SHA384$" }, { "sha512", NULL }
};
static const struct part exchanges[] = {
	{ "pkcs", "TLS_RSA_" }, { "diffie-hellman", "_DHE_" }, { "ecdh", "_ECDHE_" },
	{ "fortezza", NULL }
};

static bool
has_part(const struct suite *suite, const void *data)
{
	const char *part = data, *found;
	size_t length = strcspn(part, "$");

	if (part[length] == '\0')
		return strstr(suite->standard, part) != NULL;
	found = strrchr(suite->standard, '_');
	return found != NULL && strncmp(found, part, length) == 0 && found[length] == '\0';
}

static void
drop_part(struct schannel *s, const char *part)
{
	host_drop_suites(&s->host.client, has_part, part);
	host_drop_suites(&s->host.server, has_part, part);
}

static void
add_both(struct schannel *s, const char *list)
{
	host_add_names(&s->host.client, list);
	host_add_names(&s->host.server, list);
}

/* What of a group of keys is off; *on has the rows whose key says that they are on. */
static void
read_group(struct schannel *s, const char *group, const struct part *rows, size_t count,
    unsigned *on)
{
	for (size_t i = 0; i < count; i++) {
		char key[256];
		const struct reg_value *enabled;

		(void)snprintf(key, sizeof(key), SCHANNEL "%s\\%s", group, rows[i].key);
		enabled = number_at(s, key, "enabled");
		if (enabled == NULL)
			continue;
		if (enabled->number != 0)
			*on |= 1u << i;
		else if (rows[i].part != NULL)
			drop_part(s, rows[i].part);
	}
}

/* A key of triple DES whose name is another Windows'. */
static void
tell_wrong_triple_des(struct schannel *s)
{
	bool old = s->windows->year < 2008;
	const char *wrong = old ? SCHANNEL "ciphers\\triple des 168" :
	    SCHANNEL "ciphers\\triple des 168/168";
	const struct reg_value *value = reg_get(&s->reg, wrong, "enabled");

	if (value != NULL && value->kind == REG_NUMBER && value->number == 0)
		lose_value(s, value, import_text(s->import, "%s reads \"Triple DES 168%s\": "
		    "triple DES may be on all the same", s->windows->name, old ? "/168" : ""));
}

static void
read_ciphers(struct schannel *s)
{
	unsigned on = 0;
	size_t null = 0, aes_128 = 11, aes_256 = 12;

	read_group(s, "ciphers", ciphers, sizeof(ciphers) / sizeof(ciphers[0]), &on);
	tell_wrong_triple_des(s);
	if (s->windows->year < 2008 && (on & (1u << aes_128 | 1u << aes_256)) != 0) {
		struct host_side client = s->host.client, server = s->host.server;

		s->host.client.suite_count = s->host.server.suite_count = 0;
		add_both(s, (on & 1u << aes_128) != 0 ? "AES128-SHA" : "");
		add_both(s, (on & 1u << aes_256) != 0 ? "AES256-SHA" : "");
		for (size_t i = 0; i < client.suite_count; i++)
			host_add_suite(&s->host.client, client.suites[i]);
		for (size_t i = 0; i < server.suite_count; i++)
			host_add_suite(&s->host.server, server.suites[i]);
		import_comment(s->import, NULL, "%s has AES with Microsoft's update 948963 alone: "
		    "its key is there, so the update is taken to be. Where AES is in the order "
		    "of suites is not known.", s->windows->name);
	}
	if ((on & 1u << null) == 0)
		return;
	add_both(s, "NULL-SHA NULL-MD5");
	import_comment(s->import, NULL, "A hole: the cipher NULL is on, which does not encrypt.");
}

static void
tell_key_lengths(struct schannel *s)
{
	static const char *const names[] = { "clientminkeybitlength", "serverminkeybitlength",
		"clientmaxkeybitlength" };

	for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++)
		for (size_t k = 0; k < 3; k++) {
			char key[256];
			const struct reg_value *value;

			(void)snprintf(key, sizeof(key), SCHANNEL "keyexchangealgorithms\\%s",
			    exchanges[i].key);
			value = number_at(s, key, names[k]);
			if (value == NULL)
				continue;
			import_comment(s->import, NULL, k == 0 ? "As a client it takes %s keys of %u "
			    "bits and more." : k == 1 ? "As a server its %s keys have %u bits." :
			    "As a client it takes %s keys of %u bits at most.",
			    strcmp(exchanges[i].key, "pkcs") == 0 ? "RSA" : exchanges[i].key,
			    (unsigned)value->number);
		}
}

/*
 * A name of an order of suites, which may end in a curve: of Windows before 2016 one of
 * ECDHE has to. NULL: it counts for nothing, which was told where that is worth it.
 */
static const struct suite *
ordered_suite(struct schannel *s, const char *name, size_t length,
    const struct reg_value *order)
{
	const char *end = name + length, *curve = end;
	const struct suite *suite = suite_of_standard(name, length);

	if (suite == NULL && length > 5 && (strncasecmp(end - 5, "_P256", 5) == 0 ||
	    strncasecmp(end - 5, "_P384", 5) == 0 || strncasecmp(end - 5, "_P521", 5) == 0)) {
		curve = end - 5;
		suite = suite_of_standard(name, length - 5);
	}
	if (suite == NULL && strncasecmp(name, "SSL_CK_", 7) == 0)
		return NULL;	/* SSL 2.0 */
	if (suite == NULL)
		lose_value(s, order, import_text(s->import, "%.*s is no suite that a mail "
		    "server has", length < 80 ? (int)length : 80, name));
	else if (!windows_has(s->windows, suite))
		lose_value(s, order, import_text(s->import, "%s does not have %s: this has no "
		    "effect", s->windows->name, suite->standard));
	else if (s->windows->year < 2016 && curve == end && has_part(suite, "_ECDHE_"))
		lose_value(s, order, import_text(s->import, "%s knows %s with a curve at its end "
		    "alone (%s_P256): this has no effect", s->windows->name, suite->standard,
		    suite->standard));
	else
		return suite;
	return NULL;
}

/* The order of suites, by a policy or else of the host's own. */
static void
read_order(struct schannel *s)
{
	const struct reg_value *order = reg_get(&s->reg, "software\\policies\\" ORDER, "functions");

	if (order == NULL || order->kind != REG_TEXT || order->text[0] == '\0')
		order = reg_get(&s->reg, "system\\currentcontrolset\\control\\cryptography\\"
		    "configuration\\local\\ssl\\00010002", "functions");
	if (order == NULL || order->kind != REG_TEXT || order->text[0] == '\0')
		return;
	if (s->windows->year < 2008) {
		lose_value(s, order, import_text(s->import, "%s has no order of suites: this has "
		    "no effect", s->windows->name));
		return;
	}
	s->host.client.suite_count = s->host.server.suite_count = 0;
	s->host.suites_sure = true;
	for (const char *at = order->text; *at != '\0';) {
		size_t length = strcspn(at, ", \n");
		const struct suite *suite;

		suite = length > 0 ? ordered_suite(s, at, length, order) : NULL;
		host_add_suite(&s->host.client, suite);
		host_add_suite(&s->host.server, suite);
		at += length + strspn(at + length, ", \n");
	}
	import_comment(s->import, NULL, "The order of suites is that of %s, line %u.",
	    order->file, order->line);
}

/* With the policy "System cryptography: use FIPS compliant algorithms" (article 811833). */
static void
read_fips(struct schannel *s)
{
	static const char *const parts[] = { "_RC4_", "_WITH_DES", "_RC2_", "_NULL_", "_MD5$" };
	const struct reg_value *value = number_at(s, "system\\currentcontrolset\\control\\lsa\\"
	    "fipsalgorithmpolicy", "enabled");

	if (value == NULL)
		value = number_at(s, "system\\currentcontrolset\\control\\lsa",
		    "fipsalgorithmpolicy");
	if (value == NULL || value->number == 0)
		return;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		drop_part(s, parts[i]);
	for (int version = HOST_SSL_2; version < HOST_TLS_1_0; version++)
		s->host.client.versions[version] = s->host.server.versions[version] = HOST_OFF;
	import_comment(s->import, NULL, "FIPS algorithms alone are on: no SSL, RC4, DES and MD5.");
}

/* ------------------------------------------------------------------ *
 * Which Windows it is
 * ------------------------------------------------------------------ */

/* By the name that a whole export has; NULL: it has none. */
static const struct windows *
windows_by_name(struct schannel *s)
{
	const struct reg_value *name = reg_get(&s->reg,
	    "software\\microsoft\\windows nt\\currentversion", "productname");

	return name != NULL && name->kind == REG_TEXT ? windows_named(name->text) : NULL;
}

static bool
has_protocol(struct schannel *s, const char *name)
{
	char key[256];

	(void)snprintf(key, sizeof(key), SCHANNEL "protocols\\%s", name);
	return reg_has(&s->reg, key);
}

/* The oldest Windows that knows what the keys are about. */
static const struct windows *
windows_by_keys(struct schannel *s, bool *sure)
{
	*sure = false;
	if (has_protocol(s, "tls 1.3"))
		return windows_of("2022");
	if (has_protocol(s, "tls 1.1") || has_protocol(s, "tls 1.2") ||
	    reg_has(&s->reg, "software\\policies\\" ORDER) ||
	    reg_has(&s->reg, "system\\currentcontrolset\\control\\cryptography\\configuration"))
		return windows_of("2008R2");
	/* Windows 2003 has these from its beginning, and no later one has. */
	*sure = has_protocol(s, "pct 1.0") ||
	    reg_has(&s->reg, SCHANNEL "keyexchangealgorithms\\fortezza") ||
	    reg_has(&s->reg, SCHANNEL "ciphers\\triple des 168/168");
	return windows_of("2003");
}

/* Whether anything newer than SSL 2.0 is left for a client of that Windows. */
static bool
leaves_any(struct schannel *s, const struct windows *row)
{
	for (int version = HOST_SSL_3; version < HOST_VERSIONS; version++) {
		const struct reg_value *enabled, *asked;
		char key[256];

		protocol_key(key, (enum host_version)version, "client");
		enabled = reg_get(&s->reg, key, "enabled");
		asked = reg_get(&s->reg, key, "disabledbydefault");
		if (offer_by(enabled, asked, row->client[version]) == HOST_ON)
			return true;
	}
	return false;
}

static void
choose_windows(struct schannel *s)
{
	bool sure;

	s->windows = s->import->windows != NULL ? windows_of(s->import->windows) :
	    windows_by_name(s);
	sure = s->windows != NULL;
	if (!sure)
		s->windows = windows_by_keys(s, &sure);
	s->guessed = !sure;
	while (!sure && !leaves_any(s, s->windows) && windows_after(s->windows) != NULL)
		s->windows = windows_after(s->windows);
	if (s->import->windows == NULL && sure)
		import_comment(s->import, NULL, "By the export it is a %s; say --windows YEAR where "
		    "that is wrong.", s->windows->name);
	else if (!sure)
		import_comment(s->import, NULL, "Which Windows it is the export does not say: it is "
		    "taken for a %s, the oldest that goes with these keys. Say --windows YEAR: the "
		    "defaults of protocols and suites depend on it.", s->windows->name);
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/* Keys of programs: whether they take what the system has on. */
static void
tell_programs(struct schannel *s)
{
	for (struct reg_value *each = s->reg.first; each != NULL; each = each->next)
		if (!each->gone && each->name != NULL && each->kind == REG_NUMBER &&
		    strstr(each->key, "\\.netframework\\v") != NULL &&
		    (strcmp(each->name, "schusestrongcrypto") == 0 ||
		    strcmp(each->name, "systemdefaulttlsversions") == 0))
			import_comment(s->import, NULL, "%s, line %u: %s is %u for .NET in %s, "
			    "which is no mail server's.", each->file, each->line, each->name,
			    (unsigned)each->number, each->shown);
}

/* What is in the place of such keys, and none that Schannel reads. */
static void
tell_unknown(struct schannel *s)
{
	static const char *const groups[] = { SCHANNEL "protocols\\", SCHANNEL "ciphers\\",
		SCHANNEL "hashes\\", SCHANNEL "keyexchangealgorithms\\" };
	static const char *const others[] = { SCHANNEL "protocols\\pct 1.0",
		SCHANNEL "protocols\\multi-protocol unified hello", SCHANNEL "protocols\\dtls 1." };

	for (struct reg_value *each = s->reg.first; each != NULL; each = each->next) {
		bool ours = false;

		if (each->gone || each->used || each->name == NULL || *each->name == '\0')
			continue;
		for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
			ours |= strncmp(each->key, groups[i], strlen(groups[i])) == 0;
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			ours = ours && strncmp(each->key, others[i], strlen(others[i])) != 0;
		if (ours)
			lose_value(s, each, import_text(s->import, "%s is nothing that is known of "
			    "Schannel here: taken to have no effect", each->name));
	}
	if (s->reg.full)
		import_lost(s->import, NULL, "there are more values than are read");
}

/* How much there is of what is read. */
static size_t
count_read(const struct reg *reg)
{
	size_t count = 0;

	for (const struct reg_value *each = reg->first; each != NULL; each = each->next)
		count += !each->gone && (strstr(each->key, "securityproviders\\schannel") != NULL ||
		    strstr(each->key, "\\ssl\\00010002") != NULL);
	return count;
}

static void
read_windows(struct schannel *s)
{
	unsigned on = 0;

	s->host = (struct host){ .what = s->windows->name, .aes_from_tls = true,
		.suites_sure = !s->guessed,
		.unsure = "which there are depends on the Windows, see --windows" };
	s->host.note = import_text(s->import, "by Schannel's keys in %s",
	    s->import->sources[0].name);
	schannel_protocols(s, &s->host.client, "client", s->windows->client);
	schannel_protocols(s, &s->host.server, "server", s->windows->server);
	add_both(s, s->windows->suites);
	read_order(s);
	read_ciphers(s);
	read_group(s, "hashes", hashes, sizeof(hashes) / sizeof(hashes[0]), &on);
	read_group(s, "keyexchangealgorithms", exchanges,
	    sizeof(exchanges) / sizeof(exchanges[0]), &on);
	read_fips(s);
}

/* All that is written, once the values are read. */
static void
write_schannel(struct schannel *s)
{
	choose_windows(s);
	read_windows(s);
	tell_keys(s, &s->host.client, "client", s->windows->client);
	tell_keys(s, &s->host.server, "server", s->windows->server);
	host_settle(&s->host);
	tell_key_lengths(s);
	tell_programs(s);
	tell_unknown(s);
	host_answer(s->import, &s->host, "");
	host_tell(s->import, &s->host);
	host_agree(s->import, &s->host);
}

int
import_schannel(struct import *import)
{
	struct schannel s = { .import = import };
	int status = STATUS_FINE;

	if (import->windows != NULL && windows_of(import->windows) == NULL)
		return tool_trouble("the defaults of a Windows \"%s\" are not known, but those of 2003, "
		    "2003R2, 2008, 2008R2, 2012, 2012R2, 2016, 2019, 2022 and 2025",
		    import->windows);
	for (size_t i = 0; status == STATUS_FINE && i < import->source_count; i++)
		if (!reg_read(import, &import->sources[i], &s.reg))
			status = tool_trouble("%s is not an export of a registry, which begins with "
			    "\"Windows Registry Editor Version 5.00\" or \"REGEDIT4\"; make one with: "
			    "reg export HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\"
			    "SCHANNEL schannel.reg", import->sources[i].name);
	if (status == STATUS_FINE) {
		reg_settle(import, &s.reg);
		import->read = count_read(&s.reg);
		if (import->read > 0)
			write_schannel(&s);
	}
	reg_free(&s.reg);
	return status;
}
