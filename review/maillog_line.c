/*
 * maillog_line.c - one line of a mail server's log in its parts.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

/* Cuts a word off, and goes behind the blanks that follow it; NULL at the end. */
static char *
cut_word(char **at)
{
	char *word = *at;
	size_t length = strcspn(word, " ");

	if (length == 0 || word[length] == '\0')
		return NULL;
	word[length] = '\0';
	*at = word + length + 1;
	*at += strspn(*at, " ");
	return word;
}

/* ------------------------------------------------------------------ *
 * What stands before the program's name
 * ------------------------------------------------------------------ */

/* "mail-1  | ", as docker compose writes it before each line. */
static char *
skip_service(char *line)
{
	char *blank = strchr(line, ' '), *bar;

	if (blank == NULL)
		return line;
	bar = blank + strspn(blank, " ");
	return bar[0] == '|' && bar[1] == ' ' ? bar + 2 : line;
}

/* A priority before all, as "<22>" of a raw syslog. */
static char *
skip_priority(char *line)
{
	char *end = line[0] == '<' ? strchr(line, '>') : NULL;

	return end != NULL && end - line <= 4 ? end + 1 : line;
}

/* One time, or, where something else kept what a syslog had written, two. */
static char *
skip_times(char *line, struct maillog_clock *clock, int64_t *time_ms)
{
	const char *behind = maillog_time(line, clock, time_ms), *other;
	int64_t inner_ms;

	if (behind == NULL)
		return line;
	/* The streams of containers. */
	if (strncmp(behind, "stdout F ", 9) == 0 || strncmp(behind, "stderr F ", 9) == 0)
		behind += 9;
	other = maillog_time(behind, clock, &inner_ms);
	if (other != NULL && *time_ms == 0)
		*time_ms = inner_ms;
	return line + ((other != NULL ? other : behind) - line);
}

/* "mail.info", which some write behind the host. */
static bool
is_facility(const char *word)
{
	static const char *const severities[] = {
		"emerg", "alert", "crit", "err", "error", "warn", "warning", "notice", "info",
		"debug"
	};
	const char *dot = strchr(word, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(severities) / sizeof(severities[0]); i++)
		if (strcmp(dot + 1, severities[i]) == 0)
			return true;
	return false;
}

/* "postfix/submission/smtpd" */
static void
name_program(char *service, struct maillog_line *parts)
{
	char *slash = strrchr(service, '/');

	parts->service = service;
	parts->program = slash != NULL ? slash + 1 : service;
	parts->is_postfix = slash != NULL;
}

/* "postfix/submission/smtpd[123]"; some name no process. */
static void
read_program(char *tag, struct maillog_line *parts)
{
	size_t length = strlen(tag);
	char *open = strrchr(tag, '[');

	parts->pid = tag + length;
	if (open != NULL && tag[length - 1] == ']') {
		tag[length - 1] = *open = '\0';
		parts->pid = open + 1;
	}
	name_program(tag, parts);
	parts->is_postfix = parts->is_postfix && *parts->pid != '\0';
}

/* "HOST TAG: ", of which the host may be missing; what follows, or NULL. */
static char *
read_host(char *at, struct maillog_line *parts)
{
	char *word;

	parts->host = at + strlen(at);
	for (int i = 0; i < 3 && (word = cut_word(&at)) != NULL; i++) {
		size_t length = strlen(word);

		if (word[length - 1] == ':') {
			word[length - 1] = '\0';
			read_program(word, parts);
			return at;
		}
		if (*parts->host == '\0')
			parts->host = word;
		else if (!is_facility(word))
			return NULL;
	}
	return NULL;
}

/* Behind the structured data, "-" or "[...][...]" (RFC 5424, section 6.3); or NULL. */
static char *
skip_structured(char *at)
{
	if (*at == '-')
		return at[1] == ' ' ? at + 2 : NULL;
	while (*at == '[') {
		while (*at != ']' && *at != '\0')
			at += *at == '\\' && at[1] != '\0' ? 2 : 1;
		if (*at++ == '\0')
			return NULL;
	}
	return *at == ' ' ? at + 1 : NULL;
}

/* "1 TIME HOST PROGRAM PID ID DATA TEXT" (RFC 5424) */
static char *
read_rfc5424(char *at, struct maillog_clock *clock, struct maillog_line *parts)
{
	const char *behind = maillog_time(at, clock, &parts->time_ms);
	char *program;

	at = behind != NULL ? at + (behind - at) : strncmp(at, "- ", 2) == 0 ? at + 2 : at;
	parts->host = cut_word(&at);
	program = parts->host != NULL ? cut_word(&at) : NULL;
	parts->pid = program != NULL ? cut_word(&at) : NULL;
	if (parts->pid == NULL || cut_word(&at) == NULL ||
	    (at = skip_structured(at)) == NULL)
		return NULL;
	name_program(program, parts);
	return strncmp(at, "\xef\xbb\xbf", 3) == 0 ? at + 3 : at;
}

/* ------------------------------------------------------------------ *
 * JSON
 * ------------------------------------------------------------------ */

/* Puts a member's text behind "at", where it ends; NULL: there is none, or no room. */
static char *
put_member(const json_t *object, const char *name, char **at, const char *end)
{
	const json_t *value = json_object_get(object, name);
	char *text = *at;

	for (size_t i = 0; i < json_array_size(value) && *at < end; i++)
		*(*at)++ = (char)json_integer_value(json_array_get(value, i));
	if (json_is_string(value) && (ptrdiff_t)json_string_length(value) <= end - *at) {
		memcpy(*at, json_string_value(value), json_string_length(value));
		*at += json_string_length(value);
	}
	if (*at == text || *at >= end)
		return NULL;
	*(*at)++ = '\0';
	return text;
}

/* What journalctl -o json has; the values have room where the line is. */
static char *
read_journal(const json_t *object, char *line, const char *end, struct maillog_line *parts)
{
	char *stamp = put_member(object, "__REALTIME_TIMESTAMP", &line, end);
	char *service, *text;

	parts->time_ms = stamp != NULL ? strtoll(stamp, NULL, 10) / 1000 : 0;
	parts->host = put_member(object, "_HOSTNAME", &line, end);
	service = put_member(object, "SYSLOG_IDENTIFIER", &line, end);
	parts->pid = put_member(object, "SYSLOG_PID", &line, end);
	if (parts->pid == NULL)
		parts->pid = put_member(object, "_PID", &line, end);
	text = put_member(object, "MESSAGE", &line, end);
	if (service == NULL || parts->pid == NULL || text == NULL)
		return NULL;
	if (parts->host == NULL)
		parts->host = text + strlen(text);
	name_program(service, parts);
	return text;
}

/* Of the journal, or the "log" of docker's json-file. */
static char *
read_json(char *line, struct maillog_clock *clock, struct maillog_line *parts)
{
	size_t length = strlen(line);
	json_t *object = json_loadb(line, length, JSON_ALLOW_NUL, NULL);
	char *at = line, *text = NULL;

	if (json_object_get(object, "MESSAGE") != NULL)
		text = read_journal(object, line, line + length, parts);
	else if (put_member(object, "log", &at, line + length) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		text = read_host(skip_times(line, clock, &parts->time_ms), parts);
	}
	json_decref(object);
	return text;
}

/* ------------------------------------------------------------------ *
 * The line
 * ------------------------------------------------------------------ */

/* "[ID 197553 mail.info] " of Solaris */
static char *
skip_id(char *text)
{
	char *end = strncmp(text, "[ID ", 4) == 0 ? strstr(text, "] ") : NULL;

	return end != NULL ? end + 2 : text;
}

/*
 * "NOQUEUE", hexadecimal, what enable_long_queue_ids gives, or one of Sendmail; a word
 * ("Verified: ...") is none.
 */
static size_t
queue_id_length(const char *text)
{
	size_t length = 0;
	bool digits = false, small = false;

	for (; isalnum((unsigned char)text[length]); length++) {
		digits = digits || isdigit((unsigned char)text[length]);
		small = small || islower((unsigned char)text[length]);
	}
	return length >= 5 && text[length] == ':' && text[length + 1] == ' ' &&
	    (digits || !small) && (isupper((unsigned char)text[0]) ||
	    isdigit((unsigned char)text[0]) || length >= 10) ? length : 0;
}

/* What Sendmail writes, under whatever name it was called by. */
static bool
is_sendmail(const struct maillog_line *parts)
{
	return strlen(parts->queue_id) >= 12 || strncmp(parts->text, "STARTTLS=", 9) == 0 ||
	    strncmp(parts->text, "AUTH=", 5) == 0 ||
	    strncmp(parts->text, "ruleset=", 8) == 0;
}

enum maillog_kind
maillog_line_read(char *line, struct maillog_clock *clock, struct maillog_line *parts)
{
	char *text;
	size_t length;

	*parts = (struct maillog_line){ .queue_id = NULL };
	line = skip_priority(skip_service(line));
	if (line[0] == '{')
		text = read_json(line, clock, parts);
	else if (line[0] == '1' && line[1] == ' ')
		text = read_rfc5424(line + 2, clock, parts);
	else
		text = read_host(skip_times(line, clock, &parts->time_ms), parts);
	if (text == NULL)
		return MAILLOG_UNREAD;
	text = skip_id(text);
	length = queue_id_length(text);
	parts->queue_id = text + strlen(text);
	if (length > 0) {
		parts->queue_id = text;
		text[length] = '\0';
		text += length + 2;
	}
	parts->text = text;
	if (parts->is_postfix)
		return MAILLOG_POSTFIX;
	return is_sendmail(parts) ? MAILLOG_SENDMAIL : MAILLOG_OTHER;
}

int64_t
maillog_line_time(char *line, struct maillog_clock *clock)
{
	int64_t time_ms = 0;

	line = skip_priority(skip_service(line));
	if (line[0] == '1' && line[1] == ' ')
		line += 2;
	(void)skip_times(line, clock, &time_ms);
	return time_ms;
}
