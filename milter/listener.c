/*
 * listener.c - the socket that the MTA connects to.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/listener.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "milter/callbacks.h"

/*
 * Connections waiting to be accepted: an MTA opens one for each client, all at
 * once after a pause; one that finds no room is an MTA without a milter. The
 * kernel cuts it to net.core.somaxconn.
 */
#define BACKLOG 4096

/*
 * Seconds that a connection may be idle. Between DATA and the end of a message the
 * MTA is silent towards us for as long as its client takes to send it (Postfix
 * passes the content on afterwards), so this is long on purpose.
 */
#define IDLE_SECONDS 7210

/*
 * libmilter spins when it may open no more files. One connection is one file; this
 * many are more than an MTA has processes.
 */
#define FILES_MAX 65536

static bool
register_milter(const struct settings *settings)
{
	return smfi_register(callbacks_description()) == MI_SUCCESS &&
	    smfi_setconn(settings->listen) == MI_SUCCESS &&
	    smfi_setbacklog(BACKLOG) == MI_SUCCESS &&
	    smfi_settimeout(IDLE_SECONDS) == MI_SUCCESS;
}

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FILES_MAX)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Not even for a moment may somebody connect whom the mode keeps out. */
static bool
open_socket(const struct settings *settings)
{
	mode_t before = umask(settings->listen_path != NULL ? 0777 : 0077);
	bool opened = smfi_opensocket(false) == MI_SUCCESS;

	(void)umask(before);
	return opened;
}

bool
listener_open(const struct settings *settings, const struct identity *identity,
    struct stat *made, char error[LISTENER_ERROR_MAX])
{
	raise_file_limit();
	if (settings->listen_path != NULL &&
	    !unix_socket_clear(settings->listen_path, error))
		return false;
	if (!register_milter(settings))
		return unix_socket_fail(error, "cannot start", "libmilter",
		    "not enough memory");
	if (!open_socket(settings))
		return unix_socket_fail(error, "cannot listen on", settings->listen,
		    "libmilter has said why");
	if (settings->listen_path == NULL ||
	    unix_socket_give(settings->listen_path, settings, identity, made, error))
		return true;
	(void)unlink(settings->listen_path);
	return false;
}
