/*
 * unit-probe-names.c - where a probe goes, without a resolver: addresses and names.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include "tool/probe_dns.h"
#include "tool/probe_say.h"
#include "tool/probe_sts.h"

/* These are of files that open connections. */
int64_t
probe_clock_ms(void)
{
	return 0;
}

void
probe_address_free(struct probe_address *address)
{
	(void)address;
}

/* It is large. */
static struct probe_target *
find_target(const char *asked, unsigned short port)
{
	struct probe_target *target = malloc(sizeof(*target));
	struct probe_names names = { .resolver = NULL };
	struct probe_budget budget = { .deadline = 0 };

	assert_non_null(target);
	assert_true(probe_target_find(&names, &budget, asked, port, target));
	assert_non_null(strstr(asked, target->asked));
	assert_false(target->is_domain);
	return target;
}

static void
addresses_are_asked_of_nobody(void **state)
{
	static const struct {
		const char *asked, *name;
		unsigned short port;
		int family;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7", 0, AF_INET },
		{ "[192.0.2.7]", "192.0.2.7", 587, AF_INET },
		{ "2001:DB8::7", "2001:db8::7", 0, AF_INET6 },
		{ "[2001:db8:0:0::7]", "2001:db8::7", 26, AF_INET6 },
		{ "[IPv6:2001:db8::7]", "2001:db8::7", 0, AF_INET6 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_target *target = find_target(cases[i].asked, cases[i].port);
		const struct probe_host *host = &target->hosts[0];

		assert_string_equal(target->trouble, "");
		assert_int_equal(target->host_count, 1);
		assert_string_equal(host->name, cases[i].name);
		assert_int_equal(host->port, cases[i].port != 0 ? cases[i].port : 25);
		assert_int_equal(host->address_count, 1);
		assert_string_equal(host->addresses[0].text, cases[i].name);
		assert_int_equal(host->addresses[0].socket.ss_family, cases[i].family);
		probe_target_free(target);
		free(target);
	}
}

static void
what_is_no_name_is_told(void **state)
{
	static const char *const cases[] = {
		"", ".", "a b", ".example", "a..example", "127.1", "1.2.3.4.5", "[", "[]", ":",
		"user@example", "\x1b[31m", "-\xff.example"
	};
	char many[400];
	struct probe_target *target;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		target = find_target(cases[i], 0);
		assert_int_equal(target->host_count, 0);
		assert_ptr_equal(strstr(target->trouble, "this is no domain, host name or "
		    "address: "), target->trouble);
		assert_null(strchr(target->trouble, '\x1b'));
		free(target);
	}
	memset(many, 'a', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	for (size_t i = 50; i < sizeof(many) - 1; i += 50)
		many[i] = '.';
	target = malloc(sizeof(*target));
	assert_true(probe_target_find(&(struct probe_names){ .resolver = NULL },
	    &(struct probe_budget){ .deadline = 0 }, many, 0, target));
	assert_int_equal(target->host_count, 0);
	assert_string_not_equal(target->trouble, "");
	free(target);
}

static void
localhost_is_this_machine(void **state)
{
	static const char *const cases[] = { "localhost", "LocalHost.", "a.localhost" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_target *target = find_target(cases[i], 2525);

		assert_int_equal(target->host_count, 1);
		assert_int_equal(target->hosts[0].port, 2525);
		assert_true(target->hosts[0].address_count > 0);
		assert_string_equal(target->hosts[0].addresses[0].text, "127.0.0.1");
		free(target);
	}
}

static void
names_on_the_wire(void **state)
{
	static const struct {
		const char *wire, *name;
		size_t length;
		bool good;
	} cases[] = {
		{ "\2Mx\4acme\7example", "mx.acme.example", 17, true },
		{ "", "", 1, true },
		{ "\3_25", "_25", 5, true },
		{ "\3a.b\1c", "a\\046b.c", 7, false },
		{ "\3a b", "a\\032b", 5, false },
		{ "\2\x1b\xff", "\\027\\255", 4, false },
		{ "\2mx\xc0\x0c", "mx", 5, false },	/* compressed */
		{ "\2mx", "mx", 3, false },		/* has no end */
		{ "\77mx", "", 4, false },
		{ "\2mx\0\1a", "mx", 6, false },	/* goes on */
	};
	char name[PROBE_NAME];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(dns_read_name((const unsigned char *)cases[i].wire,
		    cases[i].length, name), cases[i].good);
		assert_string_equal(name, cases[i].name);
	}
	assert_false(dns_read_name((const unsigned char *)"", 0, name));
}

/* Four characters a byte: they do not fit. */
static void
names_on_the_wire_are_cut(void **state)
{
	unsigned char wire[255];
	char name[PROBE_NAME];

	(void)state;
	memset(wire, 0xff, sizeof(wire));
	for (size_t i = 0; i < sizeof(wire); i += 64)
		wire[i] = 63;
	wire[192] = 61;
	wire[254] = 0;
	assert_false(dns_read_name(wire, sizeof(wire), name));
	assert_true(strlen(name) < PROBE_NAME && strlen(name) > PROBE_NAME - 8);
	memset(wire + 1, 'a', 63);
	memset(wire + 65, 'a', 63);
	memset(wire + 129, 'a', 63);
	memset(wire + 193, 'a', 61);
	assert_true(dns_read_name(wire, sizeof(wire), name));
	assert_int_equal(strlen(name), 253);
}

static void
words_of_strangers_are_escaped_and_cut(void **state)
{
	char out[PROBE_TEXT], many[600];

	(void)state;
	probe_say(out, "it says ", "a\r\n\x1b[31m");
	assert_string_equal(out, "it says a\\r\\n\\u001B[31m");
	memset(many, 'x', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	probe_say(out, "it says ", many);
	assert_int_equal(strlen(out), PROBE_TEXT - 1);
}

/* ------------------------------------------------------------------ *
 * MTA-STS
 * ------------------------------------------------------------------ */

static void
records_of_sts(void **state)
{
	static const struct {
		const char *text, *id;		/* NULL: none is to be had */
		bool record;
	} cases[] = {
		{ "v=STSv1; id=20160831085700Z;", "20160831085700Z", true },
		{ "v=STSv1;id=a", "a", true },
		{ "v=STSv1 \t; \t id=a \t; \t", "a", true },
		{ "v=STSv1; id=a; id=b", "a", true },
		{ "v=STSv1; x.y_z-1=!<>~; id=a", "a", true },
		{ "v=STSv1; id=01234567890123456789012345678901", "01234567890123456789012345678901",
		    true },
		{ "v=STSv1; id=012345678901234567890123456789012", NULL, true },
		{ "v=STSv1; id=", NULL, true },
		{ "v=STSv1; id=a-b", NULL, true },
		{ "v=STSv1; id = a", NULL, true },
		{ "v=STSv1; ID=a", NULL, true },
		{ "v=STSv1; id=a; x", NULL, true },
		{ "v=STSv1; id=a; =x", NULL, true },
		{ "v=STSv1; id=a; x=", NULL, true },
		{ "v=STSv1; id=a; x=a=b", NULL, true },
		{ "v=STSv1; id=a;; x=y", NULL, true },
		{ "v=STSv1; id=a;;", NULL, true },
		{ "v=STSv1;", NULL, true },
		{ "v=STSv1", NULL, false },
		{ "V=STSv1; id=a", NULL, false },
		{ "v=STSv12; id=a", NULL, false },
		{ " v=STSv1; id=a", NULL, false },
		{ "v=spf1 -all", NULL, false },
		{ "", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_sts sts = { .asked = false };
		size_t length = strlen(cases[i].text);

		assert_int_equal(sts_is_record(cases[i].text, length), cases[i].record);
		if (!cases[i].record)
			continue;
		assert_int_equal(sts_read_record(cases[i].text, length, &sts),
		    cases[i].id != NULL);
		assert_int_equal(sts.trouble[0] == '\0', cases[i].id != NULL);
		if (cases[i].id != NULL)
			assert_string_equal(sts.id, cases[i].id);
	}
}

#define HEAD "version: STSv1\n"
#define AGE "max_age: 86400\n"

static void
policies_of_sts(void **state)
{
	static const struct {
		const char *text, *trouble;	/* what it must say; NULL: it is good */
		enum probe_sts_mode mode;
		size_t mx_count;
	} cases[] = {
		{ HEAD "mode: enforce\nmx: mail.example.com\nmx: *.example.net\n" AGE, NULL,
		    STS_ENFORCE, 2 },
		{ "version: STSv1\r\nmode: testing\r\nmx: a.example\r\nmax_age: 1\r\n", NULL,
		    STS_TESTING, 1 },
		{ "version:STSv1 \t\nmode:\t none \nmax_age:0", NULL, STS_NONE, 0 },
		{ "mode: none\nmax_age: 31557600\nversion: STSv1", NULL, STS_NONE, 0 },
		{ HEAD "mode: none\nmode: enforce\nmax_age: 1\nmax_age: x\n", NULL, STS_NONE,
		    0 },
		{ HEAD "mode: none\nnew-field: a \xC3\xA4 b\n" AGE, NULL, STS_NONE, 0 },
		{ HEAD "mode: enforce\nmx: MX.Example.COM\n" AGE, NULL, STS_ENFORCE, 1 },
		{ "", "no line version", STS_NONE, 0 },
		{ "mode: none\n" AGE, "no line version", STS_NONE, 0 },
		{ HEAD AGE, "no line mode", STS_NONE, 0 },
		{ HEAD "mode: none\n", "no line max_age", STS_NONE, 0 },
		{ HEAD "mode: enforce\n" AGE, "no line mx", STS_NONE, 0 },
		{ HEAD "mode: testing\n" AGE, "no line mx", STS_NONE, 0 },
		{ "version: STSv2\nmode: none\n" AGE, "is not STSv1: STSv2", STS_NONE, 0 },
		{ HEAD "mode: Enforce\n" AGE, "is not enforce, testing or none: Enforce",
		    STS_NONE, 0 },
		{ HEAD "mode: enforce\nmx: mx.example.com.\n" AGE, "mx that is not a host name",
		    STS_NONE, 0 },
		{ HEAD "mode: enforce\nmx: .example.com\n" AGE, "mx that is not a host name",
		    STS_NONE, 0 },
		{ HEAD "mode: enforce\nmx: mx.*.example.com\n" AGE,
		    "mx that is not a host name", STS_NONE, 0 },
		{ HEAD "mode: enforce\nmx: b\xC3\xBC.example\n" AGE, "mx that is not a host name",
		    STS_NONE, 0 },
		{ HEAD "mode: enforce\nmx: \n" AGE, "mx that is not a host name", STS_NONE, 0 },
		{ HEAD "mode: none\nmax_age: 31557601\n", "over a year", STS_NONE, 0 },
		{ HEAD "mode: none\nmax_age: 12345678901\n", "1 to 10 digits", STS_NONE, 0 },
		{ HEAD "mode: none\nmax_age: 1d\n", "is not a number: 1d", STS_NONE, 0 },
		{ HEAD "mode: none\nmax_age: -1\n", "is not a number", STS_NONE, 0 },
		{ HEAD "mode: none\n\n" AGE, "an empty line", STS_NONE, 0 },
		{ HEAD "mode: none\n" AGE "\n", "an empty line", STS_NONE, 0 },
		{ "<html>\n", "not NAME: VALUE: <html>", STS_NONE, 0 },
		{ "\xEF\xBB\xBF" HEAD "mode: none\n" AGE, "not NAME: VALUE", STS_NONE, 0 },
		{ HEAD "mode : none\n" AGE, "not NAME: VALUE", STS_NONE, 0 },
		{ " " HEAD "mode: none\n" AGE, "not NAME: VALUE", STS_NONE, 0 },
		{ HEAD "mode: none\nx: \x1b\n" AGE, "whose value is none: x", STS_NONE, 0 },
		{ HEAD "mode: none\nx: \xff\n" AGE, "whose value is none: x", STS_NONE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_sts *sts = calloc(1, sizeof(*sts));
		bool good = sts_read_policy(cases[i].text, strlen(cases[i].text), sts);

		if (cases[i].trouble == NULL) {
			assert_string_equal(sts->trouble, "");
			assert_true(good);
			assert_int_equal(sts->mode, cases[i].mode);
			assert_int_equal(sts->mx_count, cases[i].mx_count);
		} else {
			assert_false(good);
			assert_non_null(strstr(sts->trouble, cases[i].trouble));
			assert_null(strchr(sts->trouble, '\x1b'));
		}
		free(sts);
	}
}

/* Of more hosts than there is room for, the first are kept; of 64 KB and more, nothing. */
static void
policies_of_sts_that_are_large(void **state)
{
	static char text[STS_POLICY_MAX + 100];
	struct probe_sts sts = { .asked = false };
	size_t length = (size_t)snprintf(text, sizeof(text), HEAD "mode: enforce\n" AGE);

	(void)state;
	while (length < STS_POLICY_MAX - 32)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
		    "mx: mx%zu.example\n", length);
	assert_true(sts_read_policy(text, length, &sts));
	assert_int_equal(sts.mx_count, sizeof(sts.mx) / sizeof(sts.mx[0]));
	assert_false(sts_read_policy(text, STS_POLICY_MAX + 1, &sts));
	assert_string_equal(sts.trouble, "its policy is larger than 64 KB");
}

static void
hosts_that_fit_a_policy(void **state)
{
	static const struct {
		const char *mx, *host;
		bool fits;
	} cases[] = {
		{ "mx.example.com", "mx.example.com", true },
		{ "mx.example.com", "MX.Example.com", true },
		{ "mx.example.com", "a.mx.example.com", false },
		{ "mx.example.com", "example.com", false },
		{ "*.example.com", "mx.example.com", true },
		{ "*.example.com", "a.mx.example.com", false },
		{ "*.example.com", "example.com", false },
		{ "*.example.com", ".example.com", false },
		{ "*.example.com", "mxexample.com", false },
		{ "*.example.com", "localhost", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_sts sts = { .mx_count = 2, .mx = { "other.example" } };

		(void)snprintf(sts.mx[1], sizeof(sts.mx[1]), "%s", cases[i].mx);
		assert_int_equal(probe_sts_fits(&sts, cases[i].host), cases[i].fits);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_asked_of_nobody),
		cmocka_unit_test(what_is_no_name_is_told),
		cmocka_unit_test(localhost_is_this_machine),
		cmocka_unit_test(names_on_the_wire),
		cmocka_unit_test(names_on_the_wire_are_cut),
		cmocka_unit_test(words_of_strangers_are_escaped_and_cut),
		cmocka_unit_test(records_of_sts),
		cmocka_unit_test(policies_of_sts),
		cmocka_unit_test(policies_of_sts_that_are_large),
		cmocka_unit_test(hosts_that_fit_a_policy),
	};

	return UNIT_RUN(argc, argv, tests);
}
