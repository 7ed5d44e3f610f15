/*
 * doctor_milter.c - the mail server's side of the milter protocol.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_milter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tool/tool.h"

#define PROTOCOL_VERSION 6
#define PACKET_MAX (1u << 20)

/* Names and numbers of libmilter/mfdef.h. All that an MTA of today offers: */
#define SMFI_CURR_ACTS 0x1ffu
#define SMFI_CURR_PROT 0x1fffffu

/* commands that are not answered, where that was agreed on, */
#define SMFIP_NR_CONN 0x1000u
#define SMFIP_NR_HELO 0x2000u
#define SMFIP_NR_MAIL 0x4000u
#define SMFIP_NR_RCPT 0x8000u

/* the stage of a list of macros, */
#define SMFIM_ENVFROM 2u

/* commands, */
enum { SMFIC_CONNECT = 'C', SMFIC_HELO = 'H', SMFIC_MACRO = 'D', SMFIC_MAIL = 'M',
	SMFIC_OPTNEG = 'O', SMFIC_RCPT = 'R' };

/* and answers. */
enum { SMFIR_ACCEPT = 'a', SMFIR_CONTINUE = 'c', SMFIR_REJECT = 'r',
	SMFIR_REPLYCODE = 'y', SMFIR_TEMPFAIL = 't' };

static bool talk_fail(struct talk *talk, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool
talk_fail(struct talk *talk, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(talk->why, sizeof(talk->why), format, arguments);
	va_end(arguments);
	return false;
}

/* ------------------------------------------------------------------ *
 * The connection
 * ------------------------------------------------------------------ */

static int
dial_one(const struct sockaddr *address, socklen_t length)
{
	const struct timeval patience = { .tv_sec = TALK_MS / 1000 };
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;

	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, address, length) == 0)
		return fd;
	/* So says a connect(2) that its time ended. */
	saved = errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

static int
dial_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	(void)strcpy(address.sun_path, path);
	return dial_one((const struct sockaddr *)&address, sizeof(address));
}

bool
talk_open(struct talk *talk, const char *address, int *error)
{
	const char *path = settings_unix_path(address), *problem;
	struct addrinfo *found = NULL;

	*error = 0;
	if (path != NULL) {
		talk->fd = dial_path(path);
	} else if ((problem = settings_look_up(address, &found)) != NULL) {
		return talk_fail(talk, "%s", problem);
	} else {
		for (struct addrinfo *at = found; at != NULL && talk->fd == -1;
		    at = at->ai_next)
			talk->fd = dial_one(at->ai_addr, at->ai_addrlen);
		freeaddrinfo(found);
	}
	*error = talk->fd == -1 ? errno : 0;
	return talk->fd != -1 || talk_fail(talk, "%s", strerror(*error));
}

void
talk_close(struct talk *talk)
{
	if (talk->fd != -1)
		(void)close(talk->fd);
	talk->fd = -1;
	buffer_free(&talk->macros);
	buffer_free(&talk->packet);
}

/* ------------------------------------------------------------------ *
 * Packets: the length of what follows, a command, its data
 * ------------------------------------------------------------------ */

static bool
send_packet(struct talk *talk, char command, const char *data, size_t length)
{
	const uint32_t size = htonl((uint32_t)length + 1);
	struct buffer *packet = &talk->packet;

	buffer_clear(packet);
	buffer_add(packet, (const char *)&size, sizeof(size));
	buffer_add(packet, &command, 1);
	buffer_add(packet, data, length);
	if (packet->failed)
		return talk_fail(talk, "not enough memory");
	for (size_t sent = 0; sent < packet->length;) {
		ssize_t more = send(talk->fd, packet->text + sent, packet->length - sent,
		    MSG_NOSIGNAL);

		if (more == -1 && errno == EINTR)
			continue;
		if (more == -1)
			return talk_fail(talk, "it takes nothing: %s", strerror(errno));
		sent += (size_t)more;
	}
	return true;
}

/* Until "until", and TALK_MS longer at most. */
static bool
receive_bytes(struct talk *talk, int64_t until, char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t got = recv(talk->fd, bytes, length, 0);

		if (got == -1 && errno == EINTR)
			continue;
		if ((got == -1 && errno == EAGAIN) || tool_now_ms() > until)
			return talk_fail(talk, "no answer within %d seconds", TALK_MS / 1000);
		if (got <= 0)
			return talk_fail(talk, "it hung up%s%s", got == 0 ? "" : ": ",
			    got == 0 ? "" : strerror(errno));
		bytes += got;
		length -= (size_t)got;
	}
	return true;
}

/* Into talk->packet: a command with its data. */
static bool
receive_packet(struct talk *talk)
{
	int64_t until = tool_now_ms() + TALK_MS;
	uint32_t size;

	if (!receive_bytes(talk, until, (char *)&size, sizeof(size)))
		return false;
	size = ntohl(size);
	if (size == 0 || size > PACKET_MAX)
		return talk_fail(talk, "what it says is not of the milter protocol");
	buffer_clear(&talk->packet);
	for (char part[512]; size > 0;) {
		size_t length = size < sizeof(part) ? size : sizeof(part);

		if (!receive_bytes(talk, until, part, length))
			return false;
		buffer_add(&talk->packet, part, length);
		size -= (uint32_t)length;
	}
	return !talk->packet.failed || talk_fail(talk, "not enough memory");
}

/* ------------------------------------------------------------------ *
 * What is said
 * ------------------------------------------------------------------ */

static uint32_t
talk_number(const struct buffer *packet, size_t at)
{
	uint32_t number;

	memcpy(&number, packet->text + at, sizeof(number));
	return ntohl(number);
}

/* Of the lists of macros behind the three numbers: a stage, and names up to a NUL. */
static bool
asks_for_tls(const struct buffer *packet)
{
	size_t at = 1 + 3 * sizeof(uint32_t);

	while (at + sizeof(uint32_t) < packet->length) {
		uint32_t stage = talk_number(packet, at);
		const char *names = packet->text + at + sizeof(uint32_t);
		size_t length = strnlen(names, packet->length - at - sizeof(uint32_t));

		if (stage == SMFIM_ENVFROM && strstr(names, "{tls_version}") != NULL)
			return true;
		at += sizeof(uint32_t) + length + 1;
	}
	return false;
}

bool
talk_negotiate(struct talk *talk)
{
	const uint32_t offer[3] = { htonl(PROTOCOL_VERSION), htonl(SMFI_CURR_ACTS),
	    htonl(SMFI_CURR_PROT) };

	if (!send_packet(talk, SMFIC_OPTNEG, (const char *)offer, sizeof(offer)) ||
	    !receive_packet(talk))
		return false;
	if (talk->packet.text[0] != SMFIC_OPTNEG || talk->packet.length < 1 + sizeof(offer))
		return talk_fail(talk, "what it says is not of the milter protocol");
	talk->silent = talk_number(&talk->packet, 1 + 2 * sizeof(uint32_t));
	talk->asks_tls = asks_for_tls(&talk->packet);
	return true;
}

void
talk_macro(struct talk *talk, const char *name, const char *value)
{
	buffer_add(&talk->macros, name, strlen(name) + 1);
	buffer_add(&talk->macros, value, strlen(value) + 1);
}

/* What an answer means. */
static enum talk_answer
take_answer(struct talk *talk, char text[TALK_TEXT_MAX])
{
	text[0] = '\0';
	if (!receive_packet(talk))
		return TALK_BROKEN;
	switch (talk->packet.text[0]) {
	case SMFIR_CONTINUE:
		return TALK_CONTINUES;
	case SMFIR_ACCEPT:
		return TALK_ACCEPTS;
	case SMFIR_REPLYCODE:
		(void)snprintf(text, TALK_TEXT_MAX, "%.*s", (int)talk->packet.length - 1,
		    talk->packet.text + 1);
		return TALK_REFUSES;
	case SMFIR_REJECT:
		(void)snprintf(text, TALK_TEXT_MAX, "550");
		return TALK_REFUSES;
	case SMFIR_TEMPFAIL:
		(void)snprintf(text, TALK_TEXT_MAX, "451");
		return TALK_REFUSES;
	default:
		(void)talk_fail(talk, "an answer that it should not give (%d)",
		    talk->packet.text[0]);
		return TALK_BROKEN;
	}
}

/* Whether the command is answered, as it was agreed. */
static bool
is_answered(const struct talk *talk, char command)
{
	static const struct { char command; uint32_t step; } steps[] = {
		{ SMFIC_CONNECT, SMFIP_NR_CONN }, { SMFIC_HELO, SMFIP_NR_HELO },
		{ SMFIC_MAIL, SMFIP_NR_MAIL }, { SMFIC_RCPT, SMFIP_NR_RCPT },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].command == command)
			return (talk->silent & steps[i].step) == 0;
	return false;
}

static enum talk_answer
say_data(struct talk *talk, char command, const struct buffer *data,
    char text[TALK_TEXT_MAX])
{
	struct buffer macros = BUFFER_INIT;
	bool sent = true;

	text[0] = '\0';
	if (talk->macros.length > 0) {
		buffer_add(&macros, &command, 1);
		buffer_add(&macros, talk->macros.text, talk->macros.length);
		sent = !macros.failed && !talk->macros.failed &&
		    send_packet(talk, SMFIC_MACRO, macros.text, macros.length);
		buffer_clear(&talk->macros);
		buffer_free(&macros);
	}
	if (!sent || data->failed || !send_packet(talk, command, data->text, data->length))
		return TALK_BROKEN;
	return is_answered(talk, command) ? take_answer(talk, text) : TALK_CONTINUES;
}

enum talk_answer
talk_connect(struct talk *talk, const char *name, const char *address, uint16_t port)
{
	const uint16_t number = htons(port);
	struct buffer data = BUFFER_INIT;
	char text[TALK_TEXT_MAX];
	enum talk_answer answer;

	buffer_add(&data, name, strlen(name) + 1);
	buffer_string(&data, "4");
	buffer_add(&data, (const char *)&number, sizeof(number));
	buffer_add(&data, address, strlen(address) + 1);
	answer = say_data(talk, SMFIC_CONNECT, &data, text);
	buffer_free(&data);
	return answer;
}

enum talk_answer
talk_say(struct talk *talk, char command, const char *argument, char text[TALK_TEXT_MAX])
{
	struct buffer data = BUFFER_INIT;
	enum talk_answer answer;

	if (argument != NULL)
		buffer_add(&data, argument, strlen(argument) + 1);
	else
		buffer_string(&data, "");
	answer = say_data(talk, command, &data, text);
	buffer_free(&data);
	return answer;
}
