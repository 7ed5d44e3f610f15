/*
 * unit-probe-names.c - where a probe goes, without a resolver: addresses and names.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include "tool/probe_dns.h"
#include "tool/probe_say.h"

/* What the probe of an address has there is another file's. */
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
	assert_string_equal(target->asked, asked);
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
	};

	return UNIT_RUN(argc, argv, tests);
}
