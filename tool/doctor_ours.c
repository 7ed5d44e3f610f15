/*
 * doctor_ours.c - whether an address that a mail server names is one that the daemon
 * listens on.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_ours.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>

const char *
doctor_socket_path(const char *address)
{
	if (strncmp(address, "local:", 6) == 0)
		return address + 6;
	if (strncmp(address, "unix:", 5) == 0)
		return address + 5;
	return address[0] == '/' ? address : NULL;
}

static bool
is_same_file(const char *ours, const char *theirs)
{
	struct stat a, b;

	return strcmp(ours, theirs) == 0 || (stat(ours, &a) == 0 && stat(theirs, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

/* The port, and the bytes of the address. */
static in_port_t
take_apart(const struct sockaddr *address, unsigned char bytes[16])
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(bytes, 0, 16);
	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		memcpy(bytes, &in.sin_addr, sizeof(in.sin_addr));
		return in.sin_port;
	}
	memcpy(&in6, address, sizeof(in6));
	memcpy(bytes, &in6.sin6_addr, 16);
	return in6.sin6_port;
}

static bool
is_same_endpoint(const struct sockaddr *ours, const struct sockaddr *theirs)
{
	static const unsigned char any[16];
	unsigned char a[16], b[16];

	if (take_apart(ours, a) != take_apart(theirs, b))
		return false;
	return memcmp(a, any, 16) == 0 ||
	    (ours->sa_family == theirs->sa_family && memcmp(a, b, 16) == 0);
}

static bool
is_same_place(const char *ours, const char *theirs)
{
	struct addrinfo *ours_found = NULL, *theirs_found = NULL;
	bool same = false;

	if (settings_look_up(ours, &ours_found) == NULL &&
	    settings_look_up(theirs, &theirs_found) == NULL)
		for (const struct addrinfo *a = ours_found; a != NULL; a = a->ai_next)
			for (const struct addrinfo *b = theirs_found; b != NULL; b = b->ai_next)
				same = same || is_same_endpoint(a->ai_addr, b->ai_addr);
	if (ours_found != NULL)
		freeaddrinfo(ours_found);
	if (theirs_found != NULL)
		freeaddrinfo(theirs_found);
	return same;
}

bool
doctor_same_socket(const char *ours, const char *theirs)
{
	const char *a = doctor_socket_path(ours), *b = doctor_socket_path(theirs);

	if (a != NULL || b != NULL)
		return a != NULL && b != NULL && is_same_file(a, b);
	return is_same_place(ours, theirs);
}

const char *
doctor_listen_of(const struct settings *settings, const char *theirs)
{
	const struct settings_listen *listen = &settings->listen;

	for (size_t i = 0; i < listen->count; i++)
		if (doctor_same_socket(listen->address[i], theirs))
			return listen->address[i];
	return NULL;
}
