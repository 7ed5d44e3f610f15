/*
 * probe_exec.c - tlsward probe is a program of its own, which this starts.
 *
 * So the libraries that it alone needs, libcurl and libunbound, are loaded by it alone.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "tlsward-probe"

/* Where the running program is, with a slash at its end; "" where that cannot be told. */
static void
find_own_folder(char folder[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	char *slash;

	folder[length > 0 ? length : 0] = '\0';
	slash = strrchr(folder, '/');
	folder[slash != NULL ? slash - folder + 1 : 0] = '\0';
}

/* Starts the program of that path. Returns only where that cannot be done, with errno. */
static void
start_probe(const char *folder, const char *below, char **argv)
{
	char path[2 * PATH_MAX];

	if (*folder == '\0')
		return;
	(void)snprintf(path, sizeof(path), "%s%s" PROGRAM, folder, below);
	(void)execv(path, argv);
}

/* It is beside this one, as in a build, or where both were installed. */
static int
run_probe_program(const struct command *command, int argc, char **argv)
{
	char folder[PATH_MAX];

	(void)command;
	(void)argc;
	find_own_folder(folder);
	start_probe(folder, "", argv);
	start_probe(folder, "../libexec/tlsward/", argv);
	start_probe(TLSWARD_LIBEXECDIR, "/", argv);
	return tool_trouble("cannot start " TLSWARD_LIBEXECDIR "/" PROGRAM ": %s",
	    strerror(errno));
}

const struct command command_probe = {
	.name = "probe",
	.run = run_probe_program,
	.about = "what a server offers, and whether it would keep our agreement"
};
