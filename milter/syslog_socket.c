/*
 * syslog_socket.c - the system's log, without waiting for it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/syslog_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SYSLOG_PATH "/dev/log"

static bool
try_connect(struct syslog_socket *sock, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SYSLOG_PATH };
	int saved;

	sock->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock->fd == -1)
		return false;
	sock->stream = type == SOCK_STREAM;
	if (connect(sock->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return true;
	saved = errno;
	syslog_socket_close(sock);
	errno = saved;
	return false;
}

static bool
connected(struct syslog_socket *sock)
{
	return sock->fd != -1 || try_connect(sock, SOCK_DGRAM) ||
	    (errno == EPROTOTYPE && try_connect(sock, SOCK_STREAM));
}

void
syslog_socket_close(struct syslog_socket *sock)
{
	if (sock->fd != -1)
		(void)close(sock->fd);
	sock->fd = -1;
}

/* One attempt. A stream's messages end with a NUL; one sent in part ends with it. */
static bool
send_once(struct syslog_socket *sock, const char *head, const char *line,
    size_t length)
{
	char header[64], body_end = '\0';
	struct iovec parts[3];
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = sock->stream ? 3 : 2 };
	ssize_t sent;

	(void)snprintf(header, sizeof(header), "%s", head);
	parts[0].iov_base = header;
	parts[0].iov_len = strlen(header);
	memcpy(&parts[1].iov_base, &line, sizeof(line));
	parts[1].iov_len = length;
	parts[2].iov_base = &body_end;
	parts[2].iov_len = 1;
	sent = sendmsg(sock->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent == -1 || !sock->stream ||
	    (size_t)sent == parts[0].iov_len + parts[1].iov_len + parts[2].iov_len)
		return sent != -1;
	syslog_socket_close(sock);
	errno = EMSGSIZE;
	return false;
}

static void
write_header(int priority, char *header, size_t size)
{
	time_t now = time(NULL);
	struct tm parts;
	char stamp[32];

	if (localtime_r(&now, &parts) == NULL ||
	    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &parts) == 0)
		stamp[0] = '\0';
	(void)snprintf(header, size, "<%d>%s tlsward-milter[%ld]: ", priority, stamp,
	    (long)getpid());
}

bool
syslog_socket_send(struct syslog_socket *sock, int priority, const char *line,
    size_t length, int milliseconds)
{
	char header[64];
	bool renewed = false;

	write_header(priority, header, sizeof(header));
	for (;;) {
		struct pollfd waiting = { .events = POLLOUT };

		if (!connected(sock))
			return false;
		if (send_once(sock, header, line, length))
			return true;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN) {
			waiting.fd = sock->fd;
			if (poll(&waiting, 1, milliseconds) == 0) {
				errno = EAGAIN;
				return false;
			}
			continue;
		}
		/* The system's log was started anew, most likely. */
		if (renewed || errno == EMSGSIZE)
			return false;
		syslog_socket_close(sock);
		renewed = true;
	}
}
