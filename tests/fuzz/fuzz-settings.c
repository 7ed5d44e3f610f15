/*
 * fuzz-settings.c - settings files: what is taken, what is said of what is not.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include "settings/settings.h"

static const char policy_text[] =
    "default { require tls; require certificate fingerprint "
    "sha256:9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c }\n"
    "to open@ours.example { exempt }\n";

/* Each has its place and is a line that can be shown. */
static void
check_diags(const struct diags *diags, size_t lines)
{
	for (size_t i = 0; i < diags_count(diags); i++) {
		const struct diag *diag = diags_at(diags, i);

		check(diag->line <= lines && (diag->line > 0) == (diag->column > 0));
		check(diag->message[0] != '\0');
		for (const char *at = diag->message; *at != '\0'; at++)
			check((unsigned char)*at >= ' ' && *at != 0x7f);
	}
}

static struct settings *
load_settings(const char *text, size_t length)
{
	struct fuzz_file file = fuzz_file_new(text, length);
	struct diags *diags = diags_new();
	struct settings *settings;
	enum settings_load_result result;
	size_t lines = 1;

	check(diags != NULL);
	result = settings_load(file.path, &settings, diags);
	check(result == SETTINGS_LOADED || result == SETTINGS_INVALID);
	check((settings != NULL) == (result == SETTINGS_LOADED));
	check((diags_errors(diags) == 0) == (result == SETTINGS_LOADED));
	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	check_diags(diags, lines);
	diags_free(&diags);
	(void)close(file.fd);
	return settings;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_text_at(const void *a, const void *b, size_t size)
{
	char *const *one = a, *const *other = b;

	(void)size;
	return same_text(*one, *other);
}

/* In whatever order: none is there twice. */
static bool
same_addresses(const void *one, const void *other, size_t size)
{
	const struct settings_listen *a = one, *b = other;
	size_t same = 0;

	(void)size;

	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			same += strcmp(a->address[i], b->address[j]) == 0;
	return a->count == b->count && same == a->count;
}

static bool
same_member(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size) == 0;
}

/* Whether the member at "a" has the value of that at "b". */
#define SAME_VALUE(a, b) _Generic((a), \
	char *const *: same_text_at, const struct settings_listen *: same_addresses, \
	default: same_member)((a), (b), sizeof(*(a)))

static void
check_same(const struct settings *a, const struct settings *b)
{
#define CHECK_MEMBER(type, member, ...) check(SAME_VALUE(&a->member, &b->member));
	SETTINGS(CHECK_MEMBER)
#undef CHECK_MEMBER
	check(a->syslog_facility == b->syslog_facility);
	check(same_text(a->log_path, b->log_path));
}

/* A setting that no line sets has its default. */
static void
check_defaults(const struct settings *settings)
{
	static struct settings *defaults;

	if (defaults == NULL)
		defaults = load_settings("", 0);
	check(defaults != NULL);
	check(settings->listen.count <= SETTINGS_LISTEN_MAX);
#define CHECK_DEFAULT(type, member, ...) \
	check(settings->set_at[SETTING_##member].line > 0 || \
	    SAME_VALUE(&settings->member, &defaults->member));
	SETTINGS(CHECK_DEFAULT)
#undef CHECK_DEFAULT
}

/* No line depends on another: the last may come first. */
static void
check_reversed(const struct settings *settings, const char *text, size_t length)
{
	char *reversed = malloc(length + 1), *out = reversed;
	struct settings *again;
	size_t end = length;

	check(reversed != NULL);
	while (end > 0) {
		size_t start = end;

		while (start > 0 && text[start - 1] != '\n')
			start--;
		memcpy(out, text + start, end - start);
		out += end - start;
		*out++ = '\n';
		end = start > 0 ? start - 1 : 0;
	}
	again = load_settings(reversed, (size_t)(out - reversed));
	check(again != NULL);
	check_same(settings, again);
	settings_free(&again);
	free(reversed);
}

static void
use_settings(const struct settings *settings)
{
	static struct policy *policy;
	const struct policy_options options = settings_policy_options(settings, 1);
	struct diags *diags = diags_new();

	if (policy == NULL)
		policy = fuzz_policy(policy_text);
	check(diags != NULL && options.now == 1);
	check(settings->listen.count > 0 && settings->policy != NULL);
	check(settings->log != SETTINGS_LOG_FILE || settings->log_path != NULL);
	check((settings->socket_mode & ~(mode_t)07777) == 0);
	for (size_t i = 0; i < settings->listen.count; i++) {
		(void)settings_is_loopback(settings->listen.address[i]);
		(void)settings_unix_path(settings->listen.address[i]);
	}
	settings_check_policy(settings, "tlsward.conf", policy, diags);
	check_diags(diags, SIZE_MAX);
	diags_free(&diags);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct settings *settings = load_settings(text, size);

	if (settings == NULL)
		return 0;
	use_settings(settings);
	check_defaults(settings);
	/* The byte order mark is the first line's. */
	if (size < 3 || memcmp(text, "\xef\xbb\xbf", 3) != 0)
		check_reversed(settings, text, size);
	settings_free(&settings);
	return 0;
}
