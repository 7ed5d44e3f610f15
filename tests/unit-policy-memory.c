/*
 * unit-policy-memory.c - each allocation of policy/ fails once.
 *
 * Reached are the allocations of this project's own code, each that an arena is asked
 * for, those that PCRE2 asks for while a name is matched, and what is asked of the
 * libraries as a whole.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/policy-text.h"

#include <glob.h>
#include <idn2.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "lint/lint.h"
#include "tests/fake-milter/allocation.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "policy/tls_policy.h"

#define HEX64 "9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c"

/* Never more allocations than this, or a failure is not passed on. */
#define ALLOCATIONS_MAX 5000

/* Something of everything; more WHOs, rules, patterns than the first room for them. */
static const char policy_text[] =
    "include \"/dev/null\"\ninclude \"/nonesuch/*.conf\"\n"
    "profile p { require tls >= 1.2; require bits >= 128; otherwise reject }\n"
    "profile q { use p; require aead otherwise tempfail 450 \"{reason}\" }\n"
    "default { use q; monitor until 2020-01-01; contact a b c; note \"note\" }\n"
    "profile r { use default }\n"
    "from a1.example a2.example a3.example a4.example a5.example a6.example\n"
    "    a7.example a8.example a9.example b\xC3\xBC" "cher.example \"quoted.example\"\n"
    "    .a1.example x@y.example /^r1/ /^r2/i /^r3/ /^r4/ /^r5/ /^r6/ /^r7/ /^r8/ /^r9/\n"
    "    { use q; require nothing; require tls; exempt until 2099-01-01 \"why\" }\n"
    "from <> { require certificate name a.example *.b.example /c/ d.example \\\n"
    "    \"\xC3\xBC.example\" \"*.\xC3\xBC.example\"; require certificate issuer \"CA\" /x/\n"
    "    require certificate fingerprint sha256:" HEX64 "\n"
    "    require certificate key >= 2048; require certificate signature >= sha256\n"
    "    require certificate valid-for >= 7 days\n"
    "    require cipher \"HIGH\" \"DES-CBC3-SHA\"; require ciphersuites \"TLS_AES_256_GCM_SHA384\" }\n"
    "from c1.example { }\nfrom c2.example { }\nfrom c3.example { }\nfrom c4.example { }\n"
    "from c5.example { }\nfrom c6.example { }\nfrom c7.example { }\n"
    "to postmaster x@ours.example ours.example /ours/ { require forward-secrecy }\n"
    "client authenticated local 192.0.2.0/24 2001:db8::/32 mx.example /mx/ { exempt }\n"
    "partner \"P\" { domain p.example; incoming via 192.0.2.1 mx.p.example { require tls \n"
    "    require client 192.0.2.0/24 .p.example /p/ from 2098-01-01; note \"n\" }\n"
    "    incoming { require tls >= 1.2; require tls >= 1.3 from 2098-01-01 until 2099-01-01 }\n"
    "    outgoing { require tls }; contact x@p.example }\n"
    "from domain v.example /^v@v\\.example$/ via mx.v.example { require aead }\n";

static const char list_text[] = "l1.example\n.l2.example\nx@l3.example\n";

char *__real_realpath(const char *path, char *resolved);
char *__wrap_realpath(const char *path, char *resolved);

/* The C library's would allocate out of reach. */
char *
__wrap_realpath(const char *path, char *resolved)
{
	char *memory = resolved == NULL ? malloc(PATH_MAX) : resolved;

	if (memory == NULL || __real_realpath(path, memory) != NULL)
		return memory;
	if (resolved == NULL)
		free(memory);
	return NULL;
}

/* An arena has room for many: each of its users is to see it fail all the same. */
void *__real_arena_alloc(struct arena *arena, size_t size);
void *__wrap_arena_alloc(struct arena *arena, size_t size);
char *__real_arena_text(struct arena *arena, const char *text, size_t length);
char *__wrap_arena_text(struct arena *arena, const char *text, size_t length);

void *
__wrap_arena_alloc(struct arena *arena, size_t size)
{
	if (!allocation_fails())
		return __real_arena_alloc(arena, size);
	arena->failed = true;
	return NULL;
}

char *
__wrap_arena_text(struct arena *arena, const char *text, size_t length)
{
	if (!allocation_fails())
		return __real_arena_text(arena, text, length);
	arena->failed = true;
	return NULL;
}

/* The libraries' own memory is out of reach: they are asked in vain instead. */
static int
openssl_fails(int result)
{
	ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);
	return result;
}

static X509 *
no_certificate(X509 **x509)
{
	X509_free(*x509);
	*x509 = NULL;
	(void)openssl_fails(0);
	return NULL;
}

LIBRARY(OSSL_LIB_CTX *, OSSL_LIB_CTX_new, (void), (), NULL)
LIBRARY(EVP_MD *, EVP_MD_fetch, (OSSL_LIB_CTX *library, const char *name,
    const char *properties), (library, name, properties), NULL)
LIBRARY(SSL_CTX *, SSL_CTX_new_ex, (OSSL_LIB_CTX *library, const char *properties,
    const SSL_METHOD *method), (library, properties, method), NULL)
LIBRARY(SSL *, SSL_new, (SSL_CTX *context), (context), NULL)
LIBRARY(BIO *, BIO_new_mem_buf, (const void *text, int length), (text, length), NULL)
LIBRARY(X509 *, X509_new_ex, (OSSL_LIB_CTX *library, const char *properties),
    (library, properties), (openssl_fails(0), NULL))
LIBRARY(X509 *, d2i_X509, (X509 **x509, const unsigned char **der, long length),
    (x509, der, length), no_certificate(x509))
LIBRARY(X509 *, d2i_X509_AUX, (X509 **x509, const unsigned char **der, long length),
    (x509, der, length), no_certificate(x509))
LIBRARY(int, i2d_X509, (const X509 *x509, unsigned char **der), (x509, der),
    openssl_fails(-1))
LIBRARY(int, i2d_X509_PUBKEY, (const X509_PUBKEY *key, unsigned char **der), (key, der),
    openssl_fails(-1))
LIBRARY(int, EVP_Digest, (const void *data, size_t size, unsigned char *digest,
    unsigned *length, const EVP_MD *md, ENGINE *engine),
    (data, size, digest, length, md, engine), openssl_fails(0))
LIBRARY(int, idn2_lookup_u8, (const uint8_t *text, uint8_t **ascii, int flags),
    (text, ascii, flags), IDN2_MALLOC)
LIBRARY(int, glob, (const char *pattern, int flags, int (*error)(const char *, int),
    glob_t *found), (pattern, flags, error, found), GLOB_NOSPACE)
LIBRARY(pcre2_match_context *, pcre2_match_context_create_8,
    (pcre2_general_context *context), (context), NULL)

static char *baseline;
static size_t baseline_warnings;

/* The text that a policy prints, unwatched memory of the C library's. */
static char *
printed(const struct policy *policy)
{
	static char text[16384];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	assert_int_equal(policy_print(policy, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* Loads the policy. A policy is whole, or it is none and memory was short. */
static bool
load(const char *path)
{
	struct diags *diags = diags_new();
	struct policy *policy = NULL;
	enum policy_load_result result;

	if (diags == NULL)
		return false;
	result = lint_load(path, NULL, JUNE_2026, NULL, &policy, diags);
	if (result == POLICY_LOADED) {
		assert_non_null(policy);
		assert_int_equal(diags_errors(diags), 0);
		if (baseline == NULL) {
			baseline = strdup(printed(policy));
			baseline_warnings = diags_count(diags);
		}
		assert_string_equal(printed(policy), baseline);
		assert_int_equal(diags_count(diags), baseline_warnings);
	} else {
		if (result != POLICY_NO_MEMORY)
			diags_print(diags, true, stderr);
		assert_int_equal(result, POLICY_NO_MEMORY);
		assert_null(policy);
	}
	policy_free(&policy);
	diags_free(&diags);
	return result == POLICY_LOADED;
}

/* The absolute path of a file of the cases of the policy language, or NULL. */
static const char *
case_path(const char *name, char path[PATH_MAX])
{
	const char *top = getenv("srcdir");
	char relative[PATH_MAX];

	(void)snprintf(relative, sizeof(relative), "%s/tests/cases/policy/good/%s",
	    top != NULL ? top : ".", name);
	return realpath(relative, path);
}

static void
every_failure_of_load_is_seen(void **state)
{
	char path[32], text[sizeof(policy_text) + 5000], pin[PATH_MAX];
	int fd, list_fd;
	long live;

	(void)state;
	policy_text_file(list_text, strlen(list_text), &list_fd, path);
	if (case_path("known-certificates/pin.pem", pin) == NULL)
		skip();
	(void)snprintf(text, sizeof(text), "%sto file \"%s\" { require tls }\n"
	    "from pin.example { require certificate file \"%s\" }\n", policy_text, path,
	    pin);
	policy_text_file(text, strlen(text), &fd, path);
	assert_true(load(path));	/* what OpenSSL keeps for good is there now */
	live = allocation_live();
	for (long n = 1;; n++) {
		allocation_fail(n);
		(void)load(path);
		assert_int_equal(allocation_live(), live);
		if (allocation_count() < n)
			break;
		assert_true(n < ALLOCATIONS_MAX);
	}
	allocation_fail(0);
	(void)close(fd);
	(void)close(list_fd);
	free(baseline);
}

/* A folder that cannot be loaded whole leaves the policy as it was. */
static void
every_failure_of_certificates_is_seen(void **state)
{
	char folder[PATH_MAX];

	(void)state;
	if (case_path("certificates-of-every-kind/partners", folder) == NULL)
		skip();
	for (long n = 1;; n++) {
		struct policy *policy = policy_text_load("default { require tls }");
		struct diags *diags = diags_new();
		enum policy_load_result result;

		allocation_fail(n);
		result = policy_load_certificates(policy, folder, diags);
		assert_true(result == POLICY_LOADED || result == POLICY_NO_MEMORY);
		if (allocation_count() < n) {
			assert_int_equal(result, POLICY_LOADED);
			n = ALLOCATIONS_MAX;
		}
		allocation_fail(0);
		policy_free(&policy);
		diags_free(&diags);
		assert_int_equal(allocation_live(), 0);
		if (n == ALLOCATIONS_MAX)
			break;
	}
}

/* A token with more room than is left in any block of an arena: it needs its own. */
#define LARGE ((size_t)70000)

static size_t
add_large(char *out, const char *before, const char *after)
{
	size_t length = strlen(before);

	memcpy(out, before, length);
	memset(out + length, 'x', LARGE);
	memcpy(out + length + LARGE, after, strlen(after));
	return length + LARGE + strlen(after);
}

/* The policy, and behind it large tokens of each kind. */
static char *
with_large_tokens(const char *text, size_t *length)
{
	char *all = malloc(strlen(text) + 5 * (LARGE + 64));

	assert_non_null(all);
	*length = strlen(text);
	memcpy(all, text, *length);
	*length += add_large(all + *length, "\n", "\n");
	*length += add_large(all + *length, "from e.example { note \"", "\" }\n");
	*length += add_large(all + *length, "from /", "/ { }\n");
	*length += add_large(all + *length, "from ", ".example { }\n");
	*length += add_large(all + *length, "profile ", " { require tls }\n");
	return all;
}

static void
every_failure_of_an_invalid_policy_is_seen(void **state)
{
	static const char invalid[] =
	    "from a.example {\nrequire tls >= 9\nfrom \"b.example\n{ use x; use y }\n"
	    "profle z { }\nfrom c.example { use z; reqire /x/; note }\n"
	    "from *.d.example /(/ b\xC3\xBC" "cher..example { require certificate name mx*.x }\n";
	char path[32], *text;
	size_t length;
	int fd;

	(void)state;
	allocation_fail(0);
	text = with_large_tokens(invalid, &length);
	policy_text_file(text, length, &fd, path);
	free(text);
	for (long n = 1;; n++) {
		struct diags *diags;
		struct policy *policy = NULL;
		enum policy_load_result result;

		allocation_fail(n);
		diags = diags_new();
		if (diags == NULL)
			continue;
		result = lint_load(path, NULL, JUNE_2026, NULL, &policy, diags);
		assert_true(result == POLICY_INVALID || result == POLICY_NO_MEMORY);
		assert_null(policy);
		assert_true(result == POLICY_NO_MEMORY || diags_errors(diags) > 0);
		diags_free(&diags);
		assert_int_equal(allocation_live(), 0);
		if (allocation_count() < n)
			break;
		assert_true(n < ALLOCATIONS_MAX);
	}
	allocation_fail(0);
	(void)close(fd);
}

/* Facts for which deciding needs memory. */
static void
fill(struct facts *facts, char *from, size_t size)
{
	size_t local = 400;

	memset(from, 'x', local);
	(void)snprintf(from + local, size - local, "@b\xC3\xBC" "cher.example");
	*facts = (struct facts){
		.bits = -1, .from = from, .to = from, .to_resolved = "y@b\xC3\xBC" "cher.example",
		.client_name = "m\xC3\xBC" "ller.example", .client_addr = "192.0.2.1",
		.cert_verified = POLICY_YES, .cert_cn = from, .cert_issuer = from, TLS12
	};
}

static void
every_failure_of_decide_is_seen(void **state)
{
	struct policy *policy = policy_text_load(
	    "from /(*NO_JIT)^(x|y)*(b|xn--b(c(h)*e)*r).*/ { require tls; note \"regex\" }\n"
	    "from xn--bcher-kva.example { otherwise reject\n"
	    "    require certificate name /(*NO_JIT)(((a|x)*|c)*d|e)*.*z/\n"
	    "    require certificate issuer /(((a|b)*|c)*d|e)*.*z/\n}\n"
	    "to .ours.example /^(o|x)+n/ { require tls }\n"
	    "client /^(m|xn|-)+/ m\xC3\xB6ller.example { require tls }\n"
	    "default { exempt }\n");
	struct facts facts;
	char from[512];
	long live;

	(void)state;
	fill(&facts, from, sizeof(from));
	live = allocation_live();
	for (long n = 1;; n++) {
		struct verdict verdict;
		int result;

		allocation_fail(n);
		result = policy_decide(policy, &facts, &policy_text_options, &verdict);
		assert_int_equal(allocation_live(), live);
		if (result == 0)
			assert_true(verdict.action > POLICY_ACCEPT && !verdict.exempt);
		if (allocation_count() < n) {
			assert_int_equal(result, 0);
			assert_int_equal(verdict.reason, REASON_CERTIFICATE_NAME);
			break;
		}
		assert_true(n < ALLOCATIONS_MAX);
	}
	allocation_fail(0);
	policy_free(&policy);
}

/* What is hidden is certain when all of it was tried, and not before. */
static void
every_failure_of_trying_what_is_hidden_is_seen(void **state)
{
	struct policy *policy = policy_text_load(
	    "from xn--bcher-kva.example a@xn--bcher-kva.example { require tls }\n"
	    "to ours.example { require tls }\n"
	    "client 192.0.2.1 m\xC3\xB6ller.example { require tls }\n");
	const struct policy_hidden hidden = { true, true, "192.0.2.0/24" };
	const struct facts facts = {
		.bits = -1, .from = "b@b\xC3\xBC" "cher.example", .client_addr = "192.0.2.0",
		.client_name = "m\xC3\xBC" "ller.example", TLS12
	};
	bool done = false;

	(void)state;
	for (long n = 1; !done; n++) {
		struct policy_ranges *ranges;
		struct verdict verdict;
		bool certain = false;
		int result = -1;

		allocation_fail(n);
		ranges = policy_ranges_new(policy);
		if (ranges != NULL)
			result = policy_decide_hidden(ranges, &facts, &hidden,
			    &policy_text_options, &verdict, &certain);
		done = allocation_count() < n;
		assert_int_equal(result, done ? 0 : -1);
		assert_int_equal(certain, done);
		policy_ranges_free(&ranges);
	}
	allocation_fail(0);
	policy_free(&policy);
	assert_int_equal(allocation_live(), 0);
}

/* Addresses of which one cannot be read are not the same. */
static void
every_failure_of_comparing_addresses_is_seen(void **state)
{
	static const char address[] = "x@b\xC3\xBC" "cher.example";
	bool done = false;

	(void)state;
	for (long n = 1; !done; n++) {
		bool same;

		allocation_fail(n);
		same = policy_same_address(address, "X@XN--bcher-KVA.example.");
		done = allocation_count() < n;
		assert_int_equal(same, done);
		allocation_fail(n);
		same = policy_same_address("X@XN--bcher-KVA.example.", address);
		assert_int_equal(same, done);
		allocation_fail(n);
		assert_int_equal(policy_compare_addresses(address, "x@xn--bcher-kva.example"),
		    done ? POLICY_YES : POLICY_UNKNOWN);
	}
	allocation_fail(0);
	assert_int_equal(allocation_live(), 0);
}

/* A standing that is not known is not "no rule". */
static void
every_failure_of_a_standing_is_seen(void **state)
{
	struct policy *policy = policy_text_load("default { require tls }\n");
	struct policy_standing standing;
	struct facts facts;
	char from[512];
	int result = -1;

	(void)state;
	fill(&facts, from, sizeof(from));
	for (long n = 1; result != 0; n++) {
		allocation_fail(n);
		result = policy_standing(policy, from, &policy_text_options, &standing);
		assert_true(result == (allocation_count() < n ? 0 : -1));
		assert_true(n < ALLOCATIONS_MAX);
	}
	assert_int_equal(standing.state, STATE_ENFORCED);
	allocation_fail(0);
	policy_free(&policy);
}

static void
every_failure_of_reading_a_domain_is_seen(void **state)
{
	static char text[] = ".b\xC3\xBC" "cher.example", out[256];
	bool good = false;

	(void)state;
	for (long n = 1; !good; n++) {
		out[0] = '\0';
		allocation_fail(n);
		good = policy_domain(text, out, sizeof(out));
		assert_true(good || (allocation_count() >= n && out[0] == '\0'));
		assert_true(n < ALLOCATIONS_MAX);
	}
	allocation_fail(0);
	assert_string_equal(out, ".xn--bcher-kva.example");
	assert_int_equal(allocation_live(), 0);
}

static void
every_failure_of_joining_values_is_seen(void **state)
{
	const struct facts facts = { .direction = "out", .next_hop = "p.example" };
	static const char theirs[] = "OK secure match=a.b protocols=>=TLSv1.1 exclude=RC4";
	struct policy *policy = policy_text_load(
	    "deliver p.example { require tls >= 1.2; require forward-secrecy }\n");
	struct buffer whole = BUFFER_INIT;
	struct verdict verdict;
	bool good = false;

	(void)state;
	policy_text_decide(policy, &facts, &verdict);
	allocation_fail(0);
	assert_true(policy_tls_policy_with(&verdict, theirs, &whole));
	for (long n = 1; !good; n++) {
		struct buffer reply = BUFFER_INIT;

		allocation_fail(n);
		(void)policy_tls_policy_with(&verdict, theirs, &reply);
		good = !reply.failed;
		assert_true(good || allocation_count() >= n);
		assert_true(n < ALLOCATIONS_MAX);
		if (good)
			assert_string_equal(reply.text, whole.text);
		buffer_free(&reply);
	}
	allocation_fail(0);
	buffer_free(&whole);
	policy_free(&policy);
	assert_int_equal(allocation_live(), 0);
}

static void
every_failure_of_sendmails_line_is_seen(void **state)
{
	const struct policy_options options = { .now = 0 };
	struct policy *policy = policy_text_load(
	    "deliver p.example \"[mx.p.example]:25\" { require tls; require aead }\n");
	bool good = false;

	(void)state;
	for (long n = 1; !good; n++) {
		struct buffer line = BUFFER_INIT;

		allocation_fail(n);
		good = policy_access_line(policy, "a.P.example", &options, &line);
		assert_true(good || allocation_count() >= n);
		assert_true(n < ALLOCATIONS_MAX);
		if (good)
			assert_string_equal(line.text,
			    "TLS_Rcpt:p.example ENCR:1");
		buffer_free(&line);
	}
	allocation_fail(0);
	policy_free(&policy);
	assert_int_equal(allocation_live(), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failure_of_load_is_seen),
		cmocka_unit_test(every_failure_of_certificates_is_seen),
		cmocka_unit_test(every_failure_of_an_invalid_policy_is_seen),
		cmocka_unit_test(every_failure_of_reading_a_domain_is_seen),
		cmocka_unit_test(every_failure_of_a_standing_is_seen),
		cmocka_unit_test(every_failure_of_joining_values_is_seen),
		cmocka_unit_test(every_failure_of_sendmails_line_is_seen),
		cmocka_unit_test(every_failure_of_decide_is_seen),
		cmocka_unit_test(every_failure_of_trying_what_is_hidden_is_seen),
		cmocka_unit_test(every_failure_of_comparing_addresses_is_seen)
	};

	allocation_watch();
	return UNIT_RUN(argc, argv, tests);
}
