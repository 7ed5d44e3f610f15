/*
 * holder.c - who listens at an address: Linux tells it without a connection.
 *
 * SPDX-License-Identifier: ISC
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings/settings.h"

/* More than so many sockets do not listen at one address. */
#define INODES_MAX 8

struct listeners {
	unsigned long inodes[INODES_MAX];
	size_t count;
	bool no_memory;			/* something could not be read for want of it */
};

/* Whether a line of /proc/self/net/tcp or tcp6 is of a socket that listens at a port. */
static bool
listens_at_port(const char *line, const void *port, unsigned long *inode)
{
	unsigned local, state;

	return sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x "
	    "%*u %*u %lu", &local, &state, inode) == 3 &&
	    local == *(const unsigned *)port && state == 0x0A;
}

/* Whether a line of /proc/self/net/unix is of a socket that listens at a path. */
static bool
listens_at_path(const char *line, const void *path, unsigned long *inode)
{
	unsigned flags;
	int at = 0;

	return sscanf(line, "%*[^:]: %*x %*x %x %*x %*x %lu %n", &flags, inode,
	    &at) == 2 && at > 0 && (flags & 0x10000) != 0 && strcmp(line + at, path) == 0;
}

/* After what may have failed for want of memory: that is no answer. */
static void
note_shortage(struct listeners *listeners)
{
	listeners->no_memory |= errno == ENOMEM;
}

static void
find_in_list(const char *list,
    bool (*listens)(const char *line, const void *where, unsigned long *inode),
    const void *where, struct listeners *listeners)
{
	unsigned long inode;
	char line[512];
	FILE *in = fopen(list, "re");

	if (in == NULL)
		note_shortage(listeners);
	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (listens(line, where, &inode) && listeners->count < INODES_MAX)
			listeners->inodes[listeners->count++] = inode;
	}
	if (in != NULL)
		(void)fclose(in);
}

static void
find_listeners(const char *address, struct listeners *listeners)
{
	const char *path = settings_unix_path(address);
	unsigned port;

	*listeners = (struct listeners){ .count = 0 };
	if (path != NULL) {
		find_in_list("/proc/self/net/unix", listens_at_path, path, listeners);
		return;
	}
	port = (unsigned)strtoul(strchr(address, ':') + 1, NULL, 10);
	find_in_list("/proc/self/net/tcp", listens_at_port, &port, listeners);
	find_in_list("/proc/self/net/tcp6", listens_at_port, &port, listeners);
}

bool
settings_is_held(const char *address, bool *no_memory)
{
	struct listeners listeners;

	find_listeners(address, &listeners);
	*no_memory |= listeners.no_memory;
	return listeners.count > 0;
}

/* Whether the process has one of these open. */
static enum policy_tri
has_open(const char *pid, struct listeners *listeners)
{
	char folder[64], link[64];
	const struct dirent *entry;
	unsigned long inode;
	bool has = false;
	ssize_t length;
	DIR *fds;

	(void)snprintf(folder, sizeof(folder), "/proc/%.20s/fd", pid);
	if ((fds = opendir(folder)) == NULL) {
		note_shortage(listeners);
		return POLICY_UNKNOWN;
	}
	while (!has && (entry = readdir(fds)) != NULL) {
		length = readlinkat(dirfd(fds), entry->d_name, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = '\0';
		for (size_t i = 0; sscanf(link, "socket:[%lu]", &inode) == 1 &&
		    i < listeners->count; i++)
			has |= listeners->inodes[i] == inode;
	}
	(void)closedir(fds);
	return has ? POLICY_YES : POLICY_NO;
}

/* Reads the process's name; false with errno. */
static bool
read_process_name(const char *pid, char name[HOLDER_NAME_SIZE])
{
	char path[64];
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	if ((in = fopen(path, "re")) == NULL)
		return false;
	if (fgets(name, HOLDER_NAME_SIZE, in) == NULL)
		name[0] = '\0';
	(void)fclose(in);
	name[strcspn(name, "\n")] = '\0';
	for (char *c = name; *c != '\0'; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	return true;
}

/* Notes the process where it is the holder; *hidden: that cannot be seen. */
static void
look_at_process(const char *pid, struct listeners *listeners, struct holder *holder,
    bool *hidden)
{
	char name[HOLDER_NAME_SIZE];
	enum policy_tri has;
	bool daemon;

	if (!read_process_name(pid, name)) {
		*hidden |= errno == EACCES || errno == EPERM;
		note_shortage(listeners);
		return;
	}
	daemon = strcmp(name, SETTINGS_DAEMON) == 0;
	has = has_open(pid, listeners);
	if (has != POLICY_YES && (has == POLICY_NO || !daemon))
		return;
	holder->ours = daemon ? POLICY_YES : POLICY_NO;
	holder->pid = strtol(pid, NULL, 10);
	memcpy(holder->name, name, sizeof(name));
}

bool
settings_find_holder(const char *address, struct holder *holder)
{
	struct listeners listeners;
	const struct dirent *entry;
	DIR *processes;
	bool hidden;

	find_listeners(address, &listeners);
	processes = listeners.count > 0 ? opendir("/proc") : NULL;
	hidden = processes == NULL;
	if (listeners.count > 0 && hidden)
		note_shortage(&listeners);
	*holder = (struct holder){ .ours = POLICY_NO };
	while (processes != NULL && holder->ours != POLICY_YES &&
	    (entry = readdir(processes)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at_process(entry->d_name, &listeners, holder, &hidden);
	if (processes != NULL)
		(void)closedir(processes);
	if (holder->pid == 0 && hidden)
		holder->ours = POLICY_UNKNOWN;
	return !listeners.no_memory;
}
