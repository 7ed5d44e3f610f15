/*
 * listen.c - where the daemon listens, as Postfix and as libmilter write it.
 *
 * SPDX-License-Identifier: ISC
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "settings/table.h"

#define HOST_MAX 253
#define LABEL_MAX 63

/* How the address of a UNIX socket begins. */
#define UNIX "unix:"

/* How an address is written. */
struct forms {
	const char *four;
	const char *six;
	bool turned;			/* port@host, too */
};

static const struct forms listen_forms = { "inet:host:port", "inet6:[host]:port", true };
static const struct forms metrics_forms = { "host:port", "[host]:port", false };

struct endpoint {
	struct setting_value *value;
	const struct forms *forms;
	bool six;
	char host[HOST_MAX + 1];
	char port[64];
};

/* A host's name; its last label is not a number, or it were an address gone wrong. */
static bool
is_host_name(const char *host)
{
	for (;;) {
		size_t length = strspn(host, "0123456789-abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (length == 0 || length > LABEL_MAX || host[0] == '-' ||
		    host[length - 1] == '-')
			return false;
		if (host[length] == '\0')
			return strspn(host, "0123456789") < length;
		if (host[length] != '.')
			return false;
		host += length + 1;
	}
}

static bool
check_host(const struct endpoint *end)
{
	unsigned char address[sizeof(struct in6_addr)];
	bool four = inet_pton(AF_INET, end->host, address) == 1;
	bool six = inet_pton(AF_INET6, end->host, address) == 1;

	if (end->six ? six : four)
		return true;
	if (four || six)
		return setting_refuse(end->value, "%s is an IPv%d address: write %s",
		    end->host, four ? 4 : 6, four ? end->forms->four : end->forms->six);
	if (!is_host_name(end->host))
		return setting_refuse(end->value,
		    "\"%.60s\" is not a host's name or address", end->host);
	return true;
}

static bool
copy_host(struct endpoint *end, const char *host, size_t length)
{
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (length > HOST_MAX)
		return setting_refuse(end->value, "the host's name is too long");
	memcpy(end->host, host, length);
	end->host[length] = '\0';
	return true;
}

/* host:port, [host]:port or port@host, behind the family and its colon. */
static bool
split_host(struct endpoint *end, const char *text)
{
	const char *at = end->forms->turned ? strchr(text, '@') : NULL;
	const char *colon = strrchr(text, ':');

	if (at != NULL) {
		(void)snprintf(end->port, sizeof(end->port), "%.*s", (int)(at - text),
		    text);
		return copy_host(end, at + 1, strlen(at + 1));
	}
	if (colon == NULL || colon == text)
		return setting_refuse(end->value, "expected a host and a port: %s or %s",
		    end->forms->four, end->forms->six);
	if (text[0] != '[' && memchr(text, ':', (size_t)(colon - text)) != NULL)
		return setting_refuse(end->value,
		    "an IPv6 address stands in brackets: %s", end->forms->six);
	(void)snprintf(end->port, sizeof(end->port), "%s", colon + 1);
	return copy_host(end, text, (size_t)(colon - text));
}

/* A port by number or, as with Postfix, by the service's name; 0 for neither. */
static long
port_number(const char *port)
{
	size_t digits = strspn(port, "0123456789");
	const struct servent *service;

	if (port[digits] == '\0')
		return digits > 0 && digits <= 5 ? strtol(port, NULL, 10) : 0;
	service = getservbyname(port, "tcp");
	return service != NULL ? ntohs((uint16_t)service->s_port) : 0;
}

static bool
take_inet(struct setting_value *value, const struct forms *forms, bool six,
    const char *text)
{
	struct endpoint end = { .value = value, .forms = forms, .six = six };
	char address[HOST_MAX + 32];
	long port;

	if (!split_host(&end, text))
		return false;
	port = port_number(end.port);
	if (port < 1 || port > 65535)
		return setting_refuse(value, "the port is a number from 1 to 65535, or "
		    "the name of a service");
	if (!check_host(&end))
		return false;
	(void)snprintf(address, sizeof(address), "%s:%ld@%s", six ? "inet6" : "inet",
	    port, end.host);
	return setting_copy(value, value->member, address);
}

static bool
take_unix(struct setting_value *value, const char *path)
{
	struct sockaddr_un address;
	char text[sizeof(address.sun_path) + 8];

	if (path[0] != '/')
		return setting_refuse(value,
		    "the socket's path must be absolute: unix:/path");
	if (strlen(path) >= sizeof(address.sun_path))
		return setting_refuse(value,
		    "the socket's path is longer than the %zu bytes that the system "
		    "allows", sizeof(address.sun_path) - 1);
	(void)snprintf(text, sizeof(text), UNIX "%s", path);
	return setting_copy(value, value->member, text);
}

bool
setting_take_address(struct setting_value *value)
{
	const char *text = value->text;

	if (strncmp(text, UNIX, strlen(UNIX)) == 0)
		return take_unix(value, text + strlen(UNIX));
	if (strncmp(text, "local:", 6) == 0)
		return take_unix(value, text + 6);
	if (strncmp(text, "inet:", 5) == 0)
		return take_inet(value, &listen_forms, false, text + 5);
	if (strncmp(text, "inet6:", 6) == 0)
		return take_inet(value, &listen_forms, true, text + 6);
	return setting_expect(value, value->setting->values);
}

/* Makes room for the first address that is set, in the default's place. */
static void
forget_default(struct settings_listen *listen)
{
	if (listen->count != 1 || listen->at[0].line != 0)
		return;
	free(listen->address[0]);
	listen->count = 0;
}

bool
setting_take_listen(struct setting_value *value)
{
	struct settings_listen *listen = value->member;
	char *address = NULL;
	bool taken;

	value->member = &address;
	taken = setting_take_address(value);
	for (size_t i = 0; taken && i < listen->count; i++)
		if (listen->at[i].line != 0 && strcmp(listen->address[i], address) == 0)
			taken = setting_refuse(value, "this address is that of line %u already",
			    listen->at[i].line);
	if (taken && listen->count == SETTINGS_LISTEN_MAX)
		taken = setting_refuse(value, "there can be %d lines of listen at most",
		    SETTINGS_LISTEN_MAX);
	if (!taken) {
		free(address);
		return false;
	}
	forget_default(listen);
	listen->address[listen->count] = address;
	listen->at[listen->count++] = value->at;
	return true;
}

bool
setting_take_control(struct setting_value *value)
{
	if (strncmp(value->text, UNIX, strlen(UNIX)) != 0)
		return setting_expect(value, value->setting->values);
	return setting_take_address(value);
}

bool
setting_take_host(struct setting_value *value)
{
	const char *text = value->text;

	if (strncmp(text, "inet:", 5) == 0)
		text += 5;
	else if (strncmp(text, "inet6:[", 7) == 0)
		text += 6;
	return take_inet(value, &metrics_forms, text[0] == '[', text);
}

bool
setting_take_next(struct setting_value *value)
{
	const char *text = value->text, *name = text + strcspn(text, " \t");
	struct setting_value address = *value;
	char first[HOST_MAX + 64];
	bool taken;

	(void)snprintf(first, sizeof(first), "%.*s", (int)(name - text), text);
	name += strspn(name, " \t");
	if (name[0] == '\0' || strpbrk(name, " \t") != NULL)
		return setting_refuse(value, "expected an address and the map's name, as in "
		    "inet:127.0.0.1:8642 QUERY");
	address.text = first;
	taken = setting_take_address(&address);
	memcpy(value->error, address.error, sizeof(value->error));
	return taken && setting_copy(value, &value->settings->tls_policy_next_map, name);
}

const char *
settings_unix_path(const char *address)
{
	return address != NULL && strncmp(address, UNIX, strlen(UNIX)) == 0 ?
	    address + strlen(UNIX) : NULL;
}

void
settings_show_address(const char *address, char shown[SETTINGS_SHOWN_MAX])
{
	const char *port = strchr(address, ':'), *at = strchr(address, '@');
	bool six = strncmp(address, "inet6:", 6) == 0;

	if (settings_unix_path(address) != NULL || port == NULL || at == NULL)
		(void)snprintf(shown, SETTINGS_SHOWN_MAX, "%s", address);
	else
		(void)snprintf(shown, SETTINGS_SHOWN_MAX, six ? "inet6:[%s]:%.*s" :
		    "inet:%s:%.*s", at + 1, (int)(at - port - 1), port + 1);
}

const char *
settings_look_up(const char *address, struct addrinfo **found)
{
	struct addrinfo wanted = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV };
	const char *port = strchr(address, ':'), *host = strchr(address, '@');
	char number[8];
	int result;

	*found = NULL;
	wanted.ai_family = strncmp(address, "inet6:", 6) == 0 ? AF_INET6 : AF_INET;
	if (port == NULL || host == NULL)
		return "that is not an address";
	(void)snprintf(number, sizeof(number), "%.*s", (int)(host - port - 1), port + 1);
	result = getaddrinfo(host + 1, number, &wanted, found);
	return result != 0 ? gai_strerror(result) : NULL;
}

/* A name is looked up later; that "localhost" is this host is agreed (RFC 6761). */
bool
settings_is_loopback(const char *address)
{
	const char *at = strchr(address, '@');
	const char *host = at != NULL ? at + 1 : "";
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcasecmp(host, "localhost") == 0;
}

int
settings_listen_at(const struct sockaddr *address, unsigned length, int backlog)
{
	int family = address->sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, saved;

	if (fd == -1)
		return -1;
	if (family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, address, length) == 0 && (backlog == 0 || listen(fd, backlog) == 0))
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}
