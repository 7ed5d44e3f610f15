/*
 * probe_smtp.c - SMTP up to STARTTLS (RFC 5321, RFC 3207).
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_smtp.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tool/probe_say.h"

/* After which a server that said nothing may yet show that it waits for TLS. */
#define SMTP_RECORD_MS 2000

/* ------------------------------------------------------------------ *
 * Replies
 * ------------------------------------------------------------------ */

static bool
reply_has_keyword(const uint8_t *line, size_t length, const char *keyword)
{
	size_t size = strlen(keyword);

	return length >= 4 + size && strncasecmp((const char *)line + 4, keyword, size) == 0 &&
	    (length == 4 + size || line[4 + size] == ' ');
}

/* Of a line without its end. */
static size_t
reply_length(const struct reply *reply)
{
	size_t length = reply->length;

	return length > 0 && reply->line[length - 1] == '\r' ? length - 1 : length;
}

/* A line that has come whole: "250-STARTTLS", "250 ok", "250". */
static enum reply_state
reply_line(struct reply *reply)
{
	const uint8_t *line = reply->line;
	size_t length = reply_length(reply);
	int code;

	if (length < 3 || line[0] < '2' || line[0] > '5' || !isdigit(line[1]) ||
	    !isdigit(line[2]) || (length > 3 && line[3] != ' ' && line[3] != '-'))
		return REPLY_NONSENSE;
	code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	if (reply->lines == 0) {
		reply->code = code;
		(void)probe_text(reply->text, sizeof(reply->text), line, length);
	} else if (code != reply->code) {
		return REPLY_NONSENSE;
	}
	/* The first line is the server's name. */
	if (reply->lines > 0 && reply_has_keyword(line, length, "STARTTLS"))
		reply->starttls = true;
	reply->length = 0;
	if (++reply->lines > REPLY_LINES_MAX)
		return REPLY_NONSENSE;
	return length > 3 && line[3] == '-' ? REPLY_MORE : REPLY_WHOLE;
}

enum reply_state
reply_take(struct reply *reply, const uint8_t *bytes, size_t length, size_t *taken)
{
	for (*taken = 0; *taken < length; ) {
		uint8_t byte = bytes[(*taken)++];
		enum reply_state state;

		if (byte != '\n') {
			if (reply->length == sizeof(reply->line))
				return REPLY_NONSENSE;
			reply->line[reply->length++] = byte;
		} else if ((state = reply_line(reply)) != REPLY_MORE) {
			return state;
		}
	}
	return REPLY_MORE;
}

/* ------------------------------------------------------------------ *
 * Conversations
 * ------------------------------------------------------------------ */

/* What is told of a reply that did not come. */
static void
smtp_say(struct smtp_told *told, const char *what)
{
	(void)snprintf(told->said, sizeof(told->said), "%s", what);
}

/* What came in place of a reply: a record of TLS, or some text. */
static enum smtp_result
smtp_nonsense(struct smtp_told *told, const struct reply *reply)
{
	const uint8_t *line = reply->line;

	if (reply->length > 2 && (line[0] == 0x15 || line[0] == 0x16) && line[1] == 3)
		smtp_say(told, "it speaks TLS from the first byte on, as on port 465");
	else if (reply->lines > REPLY_LINES_MAX)
		smtp_say(told, "its reply has no end");
	else if (reply->length == sizeof(reply->line))
		smtp_say(told, "its reply is one line without an end");
	else
		(void)probe_text(told->said, sizeof(told->said), line, reply_length(reply));
	return SMTP_NONSENSE;
}

/* Why there is no reply, and what that is. */
static enum smtp_result
smtp_no_reply(const struct wire *wire, struct smtp_told *told,
    enum wire_result result, const struct reply *reply)
{
	told->error = result == WIRE_SILENT ? ETIMEDOUT : wire->error;
	if (result == WIRE_DEADLINE) {
		smtp_say(told, "the time for all was over");
		return SMTP_DEADLINE;
	}
	if (reply->length > 0 && reply->lines == 0)
		return smtp_nonsense(told, reply);
	smtp_say(told, result != WIRE_SILENT ? "it closed the connection" :
	    reply->lines > 0 ? "its reply did not end in time" : "it said nothing");
	return SMTP_REFUSED;
}

static enum smtp_result
smtp_reply(struct wire *wire, struct smtp_told *told, struct reply *reply)
{
	enum reply_state state = REPLY_MORE;
	uint8_t bytes[4096];

	memset(reply, 0, sizeof(*reply));
	while (state == REPLY_MORE) {
		size_t length = sizeof(bytes), taken = 0;
		enum wire_result result = wire_receive(wire, bytes, &length);

		if (result != WIRE_DONE)
			return smtp_no_reply(wire, told, result, reply);
		state = reply_take(reply, bytes, length, &taken);
		wire_give_back(wire, bytes + taken, length - taken);
	}
	if (state == REPLY_NONSENSE)
		return smtp_nonsense(told, reply);
	if (reply->code < 300)
		return SMTP_FINE;
	(void)snprintf(told->said, sizeof(told->said), "%s", reply->text);
	return reply->code == 421 ? SMTP_LEAVE : SMTP_REFUSED;
}

static enum smtp_result
smtp_command(struct wire *wire, struct smtp_told *told, const char *command,
    const char *argument, struct reply *reply)
{
	char line[PROBE_NAME + 32];
	int length = snprintf(line, sizeof(line), "%.15s%s%.250s\r\n", command,
	    argument[0] != '\0' ? " " : "", argument);
	enum wire_result result;

	memset(reply, 0, sizeof(*reply));
	wire_expect(wire);
	result = wire_send(wire, line, (size_t)length);
	/* One that closed may have said why before. */
	if (result != WIRE_DONE && result != WIRE_CLOSED)
		return smtp_no_reply(wire, told, result, reply);
	return smtp_reply(wire, told, reply);
}

/*
 * A server that waits for TLS says nothing by itself; what it answers to a command that
 * is none for it is an alert.
 */
static enum smtp_result
smtp_no_banner(struct wire *wire, struct smtp_told *told)
{
	struct reply reply = { .code = 0 };
	uint8_t bytes[16];
	size_t length = sizeof(bytes), taken;

	wire_expect(wire);
	wire_expect_until(wire, probe_clock_ms() + SMTP_RECORD_MS);
	if (wire_send(wire, "QUIT\r\n", 6) == WIRE_DONE &&
	    wire_receive(wire, bytes, &length) == WIRE_DONE &&
	    reply_take(&reply, bytes, length, &taken) != REPLY_WHOLE && reply.length > 0)
		return smtp_nonsense(told, &reply);
	return SMTP_REFUSED;
}

static enum smtp_result
smtp_banner(struct wire *wire, struct smtp_told *told)
{
	struct reply reply;
	enum smtp_result result;

	wire_expect(wire);
	result = smtp_reply(wire, told, &reply);
	if (told->error == ETIMEDOUT && reply.code == 0 && reply.length == 0)
		return smtp_no_banner(wire, told);
	if (reply.code != 0 && result != SMTP_NONSENSE)
		(void)snprintf(told->banner, sizeof(told->banner), "%s", reply.text);
	return result;
}

static enum smtp_result
smtp_hello(struct wire *wire, struct smtp_told *told)
{
	struct reply reply;
	enum smtp_result result = smtp_command(wire, told, "EHLO", wire->budget->ehlo,
	    &reply);

	if (result != SMTP_FINE)
		return result;
	told->reached = REACHED_EHLO;
	told->starttls = reply.starttls;
	if (!reply.starttls) {
		(void)wire_send(wire, "QUIT\r\n", 6);
		return SMTP_NO_STARTTLS;
	}
	result = smtp_command(wire, told, "STARTTLS", "", &reply);
	if (result == SMTP_FINE)
		told->reached = REACHED_STARTTLS;
	else if (result == SMTP_REFUSED)
		(void)wire_send(wire, "QUIT\r\n", 6);
	return result;
}

enum smtp_result
smtp_begin(struct wire *wire, struct probe_budget *budget,
    const struct probe_address *address, const char *host, const char *what,
    struct smtp_told *told)
{
	enum wire_result opened = wire_open(wire, budget, address, host, what);
	enum smtp_result result;

	memset(told, 0, sizeof(*told));
	told->error = wire->error;
	if (opened == WIRE_DEADLINE)
		return SMTP_DEADLINE;
	if (opened != WIRE_DONE)
		return SMTP_UNREACHED;
	told->reached = REACHED_CONNECTION;
	result = smtp_banner(wire, told);
	if (told->banner[0] != '\0')
		told->reached = REACHED_BANNER;
	if (result == SMTP_FINE)
		return smtp_hello(wire, told);
	if (result == SMTP_REFUSED && told->banner[0] != '\0')
		(void)wire_send(wire, "QUIT\r\n", 6);
	return result;
}
