/*
 * conninfo.c - where the journals of a fleet go: connection strings, and who may read them.
 *
 * What is checked is the form, by PostgreSQL's documentation of libpq, section "Connection
 * Strings": this room does without libpq.
 *
 * SPDX-License-Identifier: ISC
 */
#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings/table.h"
#include "base/diag.h"

static const char *const conninfo_schemes[] = { "postgresql://", "postgres://" };

/* Behind the scheme of a URI; NULL: it is none. */
static const char *
conninfo_behind_scheme(const char *text)
{
	for (size_t i = 0; i < sizeof(conninfo_schemes) / sizeof(conninfo_schemes[0]); i++)
		if (strncmp(text, conninfo_schemes[i], strlen(conninfo_schemes[i])) == 0)
			return text + strlen(conninfo_schemes[i]);
	return NULL;
}

static bool
conninfo_is_secret(const char *name, size_t length)
{
	return (length == 8 && strncmp(name, "password", length) == 0) ||
	    (length == 11 && strncmp(name, "sslpassword", length) == 0);
}

/* ------------------------------------------------------------------ *
 * KEYWORD=VALUE ...
 * ------------------------------------------------------------------ */

static const char *
conninfo_skip(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

/* Behind a value: one in quotes, or one that ends at a space. NULL: it does not end. */
static const char *
conninfo_behind_value(const char *at)
{
	bool quoted = *at == '\'';

	for (at += quoted; *at != '\0'; at++) {
		if (quoted ? *at == '\'' : isspace((unsigned char)*at))
			return at + quoted;
		if (*at == '\\' && at[1] != '\0')
			at++;
	}
	return quoted ? NULL : at;
}

static const char *
conninfo_pairs_problem(const char *at, bool *secret)
{
	while (*(at = conninfo_skip(at)) != '\0') {
		const char *name = at;
		size_t length;

		while (*at != '\0' && *at != '=' && !isspace((unsigned char)*at))
			at++;
		length = (size_t)(at - name);
		at = conninfo_skip(at);
		if (*at != '=')
			return "each keyword has a value, as in host=db.example dbname=tlsward";
		if (length == 0)
			return "there is a value without a keyword before it";
		at = conninfo_skip(at + 1);
		*secret |= conninfo_is_secret(name, length) && *at != '\0';
		if ((at = conninfo_behind_value(at)) == NULL)
			return "the closing quote (') of a value is missing";
	}
	return NULL;
}

/* ------------------------------------------------------------------ *
 * postgresql://USER:PASSWORD@HOST:PORT,.../DBNAME?NAME=VALUE&...
 * ------------------------------------------------------------------ */

static bool
conninfo_is_escaped(const char *text)
{
	for (; (text = strchr(text, '%')) != NULL; text += 3)
		if (!isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]) ||
		    strncmp(text, "%00", 3) == 0)
			return false;
	return true;
}

/* One or several of HOST:PORT; "[...]" is an IPv6 address. */
static const char *
conninfo_hosts_problem(const char *at, const char *end)
{
	while (at < end) {
		if (*at == '[') {
			at = memchr(at, ']', (size_t)(end - at));
			if (at == NULL)
				return "the closing bracket (]) of an address is missing";
			at++;
		} else {
			at += strcspn(at, ":,/?");
		}
		if (at < end && *at == ':')
			at += 1 + strspn(at + 1, "0123456789");
		if (at < end && *at != ',')
			return "a port is a number";
		at++;
	}
	return NULL;
}

static const char *
conninfo_query_problem(const char *at, bool *secret)
{
	while (*at != '\0') {
		size_t length = strcspn(at, "&"), name = strcspn(at, "=&");

		if (name == 0 || name == length)
			return "what follows ? is NAME=VALUE, with & between them";
		*secret |= conninfo_is_secret(at, name) && name + 1 < length;
		at += length + (at[length] == '&');
	}
	return NULL;
}

static const char *
conninfo_uri_problem(const char *at, bool *secret)
{
	const char *end = at + strcspn(at, "/?"), *user = memchr(at, '@', (size_t)(end - at));
	const char *colon, *problem;

	if (!conninfo_is_escaped(at))
		return "% stands before two hexadecimal digits: % itself is %25";
	if (user != NULL) {
		colon = memchr(at, ':', (size_t)(user - at));
		*secret |= colon != NULL && colon + 1 < user;
		at = user + 1;
	}
	problem = conninfo_hosts_problem(at, end);
	at = end + strcspn(end, "?");
	return problem != NULL || *at == '\0' ? problem :
	    conninfo_query_problem(at + 1, secret);
}

/*
 * Why libpq would not read a connection string; NULL: it would. Which keywords it has is its
 * own. *secret: there is a password in it.
 */
static const char *
conninfo_problem(const char *text, bool *secret)
{
	const char *uri = conninfo_behind_scheme(text);

	*secret = false;
	return uri != NULL ? conninfo_uri_problem(uri, secret) :
	    conninfo_pairs_problem(text, secret);
}

/* Of what is wrong nothing is shown: there may be a password in it. */
bool
setting_take_ship(struct setting_value *value)
{
	const char *text = value->text, *problem;
	bool secret;

	if (conninfo_behind_scheme(text) == NULL) {
		if (strncmp(text, "postgresql:", 11) != 0)
			return setting_refuse(value, "%s is %s, as in postgresql:host=db.example "
			    "dbname=tlsward", value->setting->name, value->setting->values);
		text += 11;
	}
	problem = conninfo_problem(text, &secret);
	if (problem != NULL)
		return setting_refuse(value, "%s cannot be read by libpq: %s",
		    value->setting->name, problem);
	return setting_copy(value, value->member, text);
}

/* ------------------------------------------------------------------ *
 * Who may read a password
 * ------------------------------------------------------------------ */

/* The daemon's group, as far as there is one. */
static bool
conninfo_is_own_group(const struct settings *settings, gid_t gid)
{
	const struct group *group = settings->group != NULL ? getgrnam(settings->group) : NULL;
	const struct passwd *user = settings->group == NULL ? getpwnam(settings->user) : NULL;

	return gid == 0 || gid == getegid() || (group != NULL && group->gr_gid == gid) ||
	    (user != NULL && user->pw_gid == gid);
}

void
conninfo_check_readers(const struct settings *settings, const char *path,
    struct diags *diags)
{
	const struct { const struct settings *settings; const char *path; struct diags *diags; }
	    check = { settings, path, diags };
	struct stat status;
	bool secret = false;

	if (settings->ship_to == NULL || conninfo_problem(settings->ship_to, &secret) != NULL ||
	    !secret || stat(path, &status) != 0)
		return;
	if ((status.st_mode & S_IROTH) != 0)
		setting_complain(&check, SEVERITY_ERROR, NULL, SETTING_ship_to,
		    "ship-to has a password in it, and every user of this host can read this "
		    "file: leave the password to a file of the shipper's (passfile=/path, mode "
		    "0600), or take the right away (chmod o-r)");
	else if ((status.st_mode & S_IRGRP) != 0 &&
	    !conninfo_is_own_group(settings, status.st_gid))
		setting_complain(&check, SEVERITY_ERROR, NULL, SETTING_ship_to,
		    "ship-to has a password in it, and this file can be read by a group that is "
		    "not the daemon's: leave the password to a file of the shipper's "
		    "(passfile=/path, mode 0600), or take the right away (chmod g-r)");
}
