/*
 * listen.c - where the daemon listens, as Postfix and as libmilter write it.
 *
 * SPDX-License-Identifier: ISC
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "settings/schema.h"

#define HOST_MAX 253
#define LABEL_MAX 63

/* Where an address is stored: as libmilter writes it, and a UNIX socket's path. */
struct place {
	char **address;
	char **path;			/* NULL: it cannot be one */
};

/* How an address is written. */
struct forms {
	const char *four;
	const char *six;
	bool turned;			/* port@host, too */
};

static const struct forms listen_forms = { "inet:host:port", "inet6:[host]:port", true };
static const struct forms metrics_forms = { "host:port", "[host]:port", false };

struct endpoint {
	const struct forms *forms;
	bool six;
	char host[HOST_MAX + 1];
};

static bool
is_label(const char *label, size_t length)
{
	if (length == 0 || length > LABEL_MAX || label[0] == '-' ||
	    label[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)label[i] >= 0x80 ||
		    (!isalnum((unsigned char)label[i]) && label[i] != '-'))
			return false;
	return true;
}

/* A host's name; its last label is not a number, or it were an address gone wrong. */
static bool
is_host_name(const char *host)
{
	const char *label = host;

	for (;;) {
		size_t length = strcspn(label, ".");

		if (!is_label(label, length))
			return false;
		if (label[length] == '\0')
			return strspn(label, "0123456789") < length;
		label += length + 1;
	}
}

static bool
check_host(const struct endpoint *end, char error[SETTING_ERROR_MAX])
{
	unsigned char address[sizeof(struct in6_addr)];
	bool four = inet_pton(AF_INET, end->host, address) == 1;
	bool six = inet_pton(AF_INET6, end->host, address) == 1;

	if (end->six ? six : four)
		return true;
	if (four || six)
		return setting_refuse(error, "%s is an IPv%d address: write %s",
		    end->host, four ? 4 : 6, four ? end->forms->four : end->forms->six);
	if (!is_host_name(end->host))
		return setting_refuse(error,
		    "\"%.60s\" is not a host's name or address", end->host);
	return true;
}

static bool
copy_host(struct endpoint *end, const char *host, size_t length,
    char error[SETTING_ERROR_MAX])
{
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (length > HOST_MAX)
		return setting_refuse(error, "the host's name is too long");
	memcpy(end->host, host, length);
	end->host[length] = '\0';
	return true;
}

/* host:port, [host]:port or port@host, behind the family and its colon. */
static bool
split(const char *text, char *port, size_t port_size, struct endpoint *end,
    char error[SETTING_ERROR_MAX])
{
	const char *at = end->forms->turned ? strchr(text, '@') : NULL;
	const char *colon = strrchr(text, ':');

	if (at != NULL) {
		(void)snprintf(port, port_size, "%.*s", (int)(at - text), text);
		return copy_host(end, at + 1, strlen(at + 1), error);
	}
	if (colon == NULL || colon == text)
		return setting_refuse(error, "expected a host and a port: %s or %s",
		    end->forms->four, end->forms->six);
	if (text[0] != '[' && memchr(text, ':', (size_t)(colon - text)) != NULL)
		return setting_refuse(error,
		    "an IPv6 address stands in brackets: %s", end->forms->six);
	(void)snprintf(port, port_size, "%s", colon + 1);
	return copy_host(end, text, (size_t)(colon - text), error);
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
take_inet(const struct place *place, const struct forms *forms, bool six,
    const char *text, char error[SETTING_ERROR_MAX])
{
	struct endpoint end = { .forms = forms, .six = six };
	char port[64], listen[HOST_MAX + 32];
	long number;

	if (!split(text, port, sizeof port, &end, error))
		return false;
	number = port_number(port);
	if (number < 1 || number > 65535)
		return setting_refuse(error, "the port is a number from 1 to 65535, or "
		    "the name of a service");
	if (!check_host(&end, error))
		return false;
	(void)snprintf(listen, sizeof listen, "%s:%ld@%s", six ? "inet6" : "inet",
	    number, end.host);
	if (!setting_copy(place->address, listen, error))
		return false;
	if (place->path != NULL) {
		free(*place->path);
		*place->path = NULL;
	}
	return true;
}

static bool
take_unix(const struct place *place, const char *path, char error[SETTING_ERROR_MAX])
{
	struct sockaddr_un address;
	char listen[sizeof address.sun_path + 8];

	if (path[0] != '/')
		return setting_refuse(error,
		    "the socket's path must be absolute: unix:/path");
	if (strlen(path) >= sizeof address.sun_path)
		return setting_refuse(error,
		    "the socket's path is longer than the %zu bytes that the system "
		    "allows", sizeof address.sun_path - 1);
	(void)snprintf(listen, sizeof listen, "unix:%s", path);
	return setting_copy(place->address, listen, error) &&
	    setting_copy(place->path, path, error);
}

static bool
take(const struct setting *setting, const struct place *place, const char *value,
    char error[SETTING_ERROR_MAX])
{
	if (strncmp(value, "unix:", 5) == 0)
		return take_unix(place, value + 5, error);
	if (strncmp(value, "local:", 6) == 0)
		return take_unix(place, value + 6, error);
	if (strncmp(value, "inet:", 5) == 0)
		return take_inet(place, &listen_forms, false, value + 5, error);
	if (strncmp(value, "inet6:", 6) == 0)
		return take_inet(place, &listen_forms, true, value + 6, error);
	return setting_refuse(error, "%s cannot be \"%.60s\": expected %s",
	    setting->name, value, setting->values);
}

bool
setting_take_listen(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	const struct place place = { &settings->listen, &settings->listen_path };

	return take(setting, &place, value, error);
}

bool
setting_take_service(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	const struct place place = { &settings->policy_service,
	    &settings->policy_service_path };

	if (strcmp(value, "none") != 0)
		return take(setting, &place, value, error);
	free(settings->policy_service);
	free(settings->policy_service_path);
	settings->policy_service = settings->policy_service_path = NULL;
	return true;
}

bool
setting_take_metrics(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	const struct place place = { &settings->metrics, NULL };

	(void)setting;
	if (strcmp(value, "none") != 0)
		return take_inet(&place, &metrics_forms, value[0] == '[', value, error);
	free(settings->metrics);
	settings->metrics = NULL;
	return true;
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
