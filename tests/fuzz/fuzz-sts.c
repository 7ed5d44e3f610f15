/*
 * fuzz-sts.c - what DNS and a web server tell a probe: MTA-STS, and names on the wire.
 *
 * The first byte says what the rest is: "n" a name as it is on the wire, "r" a TXT record,
 * else a policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include "tool/probe_dns.h"
#include "tool/probe_sts.h"

/* This is of files that open connections. */
int64_t
probe_clock_ms(void)
{
	return 0;
}

/* One line of what can be seen. */
static void
check_shown(const char *text)
{
	check(strlen(text) < PROBE_TEXT);
	for (; *text != '\0'; text++)
		check((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void
check_host_name(const char *name)
{
	check(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name));
	check(strlen(name) < 254 && strstr(name, "..") == NULL);
}

static void
check_wire_name(const uint8_t *wire, size_t size)
{
	char name[PROBE_NAME];
	bool good = dns_read_name(wire, size, name);

	check_shown(name);
	if (good && size <= 255)
		check_host_name(name);
}

static void
check_record(const char *text, size_t length)
{
	struct probe_sts sts = { .asked = false }, again = { .asked = false };
	char written[128];
	bool good;

	if (!sts_is_record(text, length))
		return;
	good = sts_read_record(text, length, &sts);
	check_shown(sts.trouble);
	check(good == (sts.trouble[0] == '\0'));
	if (!good)
		return;
	check(sts.id[0] != '\0' && strlen(sts.id) <= 32);
	(void)snprintf(written, sizeof(written), "v=STSv1; id=%s;", sts.id);
	check(sts_is_record(written, strlen(written)));
	check(sts_read_record(written, strlen(written), &again));
	check(strcmp(sts.id, again.id) == 0);
}

/* What was read fits what it says. */
static void
check_fits(const struct probe_sts *sts)
{
	char host[PROBE_NAME + 8];

	for (size_t i = 0; i < sts->mx_count; i++) {
		bool wild = sts->mx[i][0] == '*';

		check_host_name(sts->mx[i] + (wild ? 2 : 0));
		(void)snprintf(host, sizeof(host), "%s%s", wild ? "mx" : "",
		    sts->mx[i] + wild);
		check(probe_sts_fits(sts, host));
	}
}

/* It reads the same as it is written: in another order, with lines that nobody knows. */
static void
check_again(const struct probe_sts *sts)
{
	static const char *const modes[] = { "none", "testing", "enforce" };
	struct buffer text = BUFFER_INIT;
	struct probe_sts again = { .asked = false };

	for (size_t i = 0; i < sts->mx_count; i++)
		buffer_format(&text, "mx:%s \r\n", sts->mx[i]);
	buffer_format(&text, "max_age: %lld\nx-1: y z\nmode:\t%s\nmode: no\nversion: STSv1",
	    (long long)sts->max_age, modes[sts->mode]);
	check(!text.failed && sts_read_policy(text.text, text.length, &again));
	check(again.mode == sts->mode && again.max_age == sts->max_age &&
	    again.mx_count == sts->mx_count);
	for (size_t i = 0; i < sts->mx_count; i++)
		check(strcmp(again.mx[i], sts->mx[i]) == 0);
	buffer_free(&text);
}

static void
check_policy(const char *text, size_t length)
{
	struct probe_sts sts = { .asked = false };
	bool good = sts_read_policy(text, length, &sts);

	check_shown(sts.trouble);
	check(good == (sts.trouble[0] == '\0'));
	if (!good)
		return;
	check(sts.max_age >= 0 && sts.max_age <= STS_AGE_MAX);
	check(sts.mode == STS_NONE || sts.mx_count > 0);
	check_fits(&sts);
	check_again(&sts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of its size, that nothing behind it is read. */
	char *copy = malloc(size + (size == 0));

	check(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	if (size > 0 && data[0] == 'n')
		check_wire_name((const uint8_t *)copy + 1, size - 1);
	else if (size > 0 && data[0] == 'r')
		check_record(copy + 1, size - 1);
	else
		check_policy(copy, size);
	free(copy);
	return 0;
}
