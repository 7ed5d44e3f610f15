/*
 * worker_word.c - what the supervisor and its worker tell each other.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/worker_word.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Room for one file, aligned as the macros want it. */
union attached {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

int
word_send(int socket, char what, int file)
{
	union attached attached;
	struct iovec byte = { .iov_base = &what, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte, .msg_iovlen = 1 };
	ssize_t sent;

	if (file != -1) {
		memset(&attached, 0, sizeof(attached));
		attached.head.cmsg_level = SOL_SOCKET;
		attached.head.cmsg_type = SCM_RIGHTS;
		attached.head.cmsg_len = CMSG_LEN(sizeof(file));
		memcpy(CMSG_DATA(&attached.head), &file, sizeof(file));
		message.msg_control = &attached;
		message.msg_controllen = sizeof(attached);
	}
	do {
		sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent == -1 && errno == EINTR);
	return sent == 1 ? 0 : -1;
}

int
word_receive(int socket, char *what, int *file)
{
	union attached attached;
	struct iovec byte = { .iov_base = what, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte, .msg_iovlen = 1,
	    .msg_control = &attached, .msg_controllen = sizeof(attached) };
	const struct cmsghdr *head;
	ssize_t got;

	*file = -1;
	do {
		got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (got == -1 && errno == EINTR);
	head = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
	if (head != NULL && head->cmsg_level == SOL_SOCKET &&
	    head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(*file)))
		memcpy(file, CMSG_DATA(head), sizeof(*file));
	return (int)got;
}
