/*
 * served.c - a server of milter/service_listener.h in a thread, for tests.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include "served.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "milter/load.h"

static char folder[] = "/tmp/tlsward-served-XXXXXX";

bool
served_make_folder(void)
{
	return mkdtemp(folder) != NULL;
}

/* Writes "text" there, or removes it (NULL). */
static void
put_file(const char *name, const char *text, char path[64])
{
	FILE *file;

	(void)snprintf(path, 64, "%s/%s", folder, name);
	if (text == NULL) {
		(void)unlink(path);
		return;
	}
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

void
served_remove_folder(void)
{
	char path[64];

	put_file("policy.conf", NULL, path);
	put_file("tlsward.conf", NULL, path);
	(void)rmdir(folder);
}

static struct settings *
load_settings(void)
{
	struct diags *diags = diags_new();
	struct settings *settings = NULL;
	char path[64];

	put_file("tlsward.conf", "log file:/dev/null\npolicy-service unix:/nowhere\n"
	    "postfix-version 3.7\npostfix-tls-digest sha256\n", path);
	assert_int_equal(settings_load(path, &settings, diags), SETTINGS_LOADED);
	diags_free(&diags);
	return settings;
}

struct policy *
served_policy(const char *text)
{
	struct diags *diags = diags_new();
	struct settings *settings = load_settings();
	struct policy *policy;
	char path[64];

	put_file("policy.conf", text, path);
	policy = load_policy(settings, "tlsward.conf", NULL, diags);
	settings_free(&settings);
	diags_free(&diags);
	assert_non_null(policy);
	return policy;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1000), 0);
	return fd;
}

void
served_prepare(struct served *served, const char *text)
{
	struct policy *policy = served_policy(text);

	memset(served, 0, sizeof(*served));
	served->settings = load_settings();
	served->service.settings = served->settings;
	served->service.log = log_open(served->settings, true);
	served->service.snapshots = snapshots_new(&policy);
	served->service.correlation = correlation_new();
	assert_non_null(served->service.snapshots);
	assert_non_null(served->service.correlation);
}

void
served_release(struct served *served)
{
	correlation_free(&served->service.correlation);
	assert_int_equal(snapshots_references(served->service.snapshots), 1);
	snapshots_free(&served->service.snapshots);
	log_free(&served->service.log);
	settings_free(&served->settings);
}

void
served_listen(struct served *served, const char *policy,
    const struct service_protocol *protocol, const struct service_limits *limits)
{
	served_prepare(served, policy);
	(void)snprintf(served->path, sizeof(served->path), "%s/sock", folder);
	served->listener = service_listener_new(listen_at(served->path),
	    &served->service, protocol, limits);
	assert_non_null(served->listener);
}

void
served_run(struct served *served)
{
	assert_int_equal(pthread_create(&served->thread, NULL, service_listener_run,
	    served->listener), 0);
}

void
served_begin(struct served *served, const char *policy,
    const struct service_protocol *protocol, const struct service_limits *limits)
{
	served_listen(served, policy, protocol, limits);
	served_run(served);
}

void
served_end(struct served *served)
{
	service_listener_stop(served->listener);
	(void)pthread_join(served->thread, NULL);
	service_listener_free(&served->listener);
	assert_null(served->listener);
	(void)unlink(served->path);
	served_release(served);
}

int
served_dial(const struct served *served)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", served->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void
served_say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void
served_expect_end(int fd)
{
	char byte;

	/* A reset, where it left something unread. */
	assert_true(read(fd, &byte, 1) < 1);
	(void)close(fd);
}
