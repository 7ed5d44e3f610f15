/*
 * database.c - the PostgreSQL of a fleet: what it is called, and a connection to it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/database.h"

#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

const char *
database_conninfo(const char *path)
{
	size_t length = strlen(DATABASE_SCHEME);

	return strncmp(path, DATABASE_SCHEME, length) == 0 &&
	    strncmp(path + length, "//", 2) != 0 ? path + length : path;
}

char *
database_name(const char *conninfo)
{
	static const char *const shown[] = { "service", "host", "hostaddr", "port", "dbname", "user" };
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL), *option;
	struct buffer name = BUFFER_INIT;

	buffer_string(&name, options == NULL ? "" : DATABASE_SCHEME);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]) && options != NULL; i++) {
		for (option = options; strcmp(option->keyword, shown[i]) != 0; option++)
			continue;
		if (option->val != NULL)
			buffer_format(&name, "%s%s=%s", name.length > strlen(DATABASE_SCHEME) ?
			    " " : "", shown[i], option->val);
	}
	PQconninfoFree(options);
	if (name.failed)
		buffer_free(&name);
	return name.text;
}

bool
database_byte(const char *text, size_t length, unsigned char *byte)
{
	uint32_t code;

	if (strncmp(text, DATABASE_BYTE, strlen(DATABASE_BYTE)) != 0 || length < 4)
		return false;
	(void)text_next(text, length, &code);
	*byte = (unsigned char)(code & 0xFF);
	return code >= 0x10FF00 && code <= 0x10FFFF;
}

/* What CONNINFO may override comes before it, what not behind it. */
PGconn *
database_connect(const char *conninfo, const char *program)
{
	const char *const names[] = {
		"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", "fallback_application_name", "dbname", "client_encoding", NULL
	};
	const char *const values[] = {
		"10", "30", "10", "3", "60000", program, conninfo, "UTF8", NULL
	};

	return PQconnectdbParams(names, values, 1);
}
