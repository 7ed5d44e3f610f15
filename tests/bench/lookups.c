/*
 * lookups.c - asks the TLS policy map as several processes of Postfix do.
 *
 *     lookups SOCKET LOOKUPS CLIENTS DOMAINS
 *
 * Each client waits for its reply before it asks again. Every second key is one of the
 * DOMAINS, "d%lu.example", and must have a value; the others must have none. Prints
 * seconds, and the slowest of a thousand look-ups in microseconds. Ends with 1 when a
 * reply was another one.
 *
 * SPDX-License-Identifier: ISC
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 256

struct client {
	pthread_t thread;
	const char *path;
	unsigned long lookups, domains;
	uint64_t random;
	uint32_t *took_us;
	unsigned long wrong;
};

static double
seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd == -1 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* A reply is read in one piece: it is the only one under way. */
static int
look_up(int fd, const char *key, const char *wanted)
{
	char text[512], reply[8192];
	int length = snprintf(text, sizeof(text), "%zu:tlsward %s,", 8 + strlen(key), key);
	ssize_t got;

	if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length)
		return 0;
	got = recv(fd, reply, sizeof(reply) - 1, 0);
	if (got <= 0 || reply[got - 1] != ',')
		return 0;
	reply[got] = '\0';
	return strstr(reply, wanted) != NULL;
}

static void *
run(void *argument)
{
	struct client *client = argument;
	int fd = dial(client->path);
	char key[64];

	for (unsigned long i = 0; i < client->lookups; i++) {
		double began = seconds();
		unsigned long number;

		client->random = client->random * 6364136223846793005u + 1442695040888963407u;
		number = (unsigned long)(client->random >> 33) % client->domains;
		(void)snprintf(key, sizeof(key), "%c%lu.example", i % 2 == 0 ? 'd' : 'e', number);
		client->wrong += !look_up(fd, key, i % 2 == 0 ? ":OK " : ":NOTFOUND ,");
		client->took_us[i] = (uint32_t)((seconds() - began) * 1e6);
	}
	(void)close(fd);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

int
main(int argc, char **argv)
{
	static struct client clients[CLIENTS_MAX];
	unsigned long lookups, count, wrong = 0;
	uint32_t *took_us;
	double began;

	if (argc != 5 || (count = strtoul(argv[3], NULL, 10)) - 1 >= CLIENTS_MAX ||
	    (lookups = strtoul(argv[2], NULL, 10) / count) == 0 ||
	    (took_us = calloc(lookups * count, sizeof(*took_us))) == NULL)
		return 2;
	began = seconds();
	for (unsigned long i = 0; i < count; i++) {
		clients[i] = (struct client){ .path = argv[1], .lookups = lookups,
		    .domains = strtoul(argv[4], NULL, 10), .random = i + 1,
		    .took_us = took_us + i * lookups };
		if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
			return 2;
	}
	for (unsigned long i = 0; i < count; i++) {
		(void)pthread_join(clients[i].thread, NULL);
		wrong += clients[i].wrong;
	}
	began = seconds() - began;
	qsort(took_us, lookups * count, sizeof(*took_us), compare);
	printf("%.3f %u\n", began, took_us[lookups * count - lookups * count / 1000 - 1]);
	if (wrong > 0)
		(void)fprintf(stderr, "%lu wrong replies\n", wrong);
	free(took_us);
	return wrong > 0;
}
