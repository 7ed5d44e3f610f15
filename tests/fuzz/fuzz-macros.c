/*
 * fuzz-macros.c - what an MTA's macros become: decoded names, and facts.
 *
 * The first byte says how much room there is and whether the rest is a text to be
 * decoded, or lines of macros ("m{cipher}=NAME", "mNAME") and addresses ("<a@b>") of
 * one connection.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include "fake.h"
#include "milter/facts.h"
#include "milter/macros.h"

/* ------------------------------------------------------------------ *
 * Encoded text
 * ------------------------------------------------------------------ */

/* As Sendmail's xuntextify() has it; "out" holds three times "text" and one more. */
static void
encode(const char *text, char *out)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c > ' ' && c < 0x7f && strchr("+<>()\"\\", c) == NULL)
			*out++ = (char)c;
		else
			out += sprintf(out, "+%02X", c);
	}
	*out = '\0';
}

/* As OpenSSL's X509_NAME_oneline() shows a value. */
static void
show(const char *text, char *out)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c > '~')
			out += sprintf(out, "\\x%02X", c);
		else
			out += sprintf(out, "%s%c", c == '/' || c == '+' ? "\\" : "", c);
	}
	*out = '\0';
}

static void
check_decoder(encoded_decoder *decode, const char *encoded, size_t size)
{
	char *out = malloc(size), *enough = malloc(strlen(encoded) + 1);

	check(out != NULL && enough != NULL);
	check(decode(encoded, out, size) == out && strlen(out) < size);
	check(decode(encoded, enough, strlen(encoded) + 1) == enough);
	/* All of it or nothing: a name is never cut. */
	check(out[0] == '\0' || strcmp(out, enough) == 0);
	free(out);
	free(enough);
}

static void
check_text(const char *text, size_t size)
{
	size_t length = strlen(text);
	char *shown = malloc(4 * length + 1), *encoded = malloc(12 * length + 1);
	size_t size_most = 12 * length + 1;
	char *out = malloc(size_most);

	check(shown != NULL && encoded != NULL && out != NULL);
	check_decoder(encoded_text, text, size);
	check_decoder(encoded_common_name, text, size);
	check_decoder(encoded_full_name, text, size_most);
	encode(text, encoded);
	check(strcmp(encoded_text(encoded, out, length + 1), text) == 0);
	if (strncmp(text, "BadCertificate", 14) != 0)
		check(strcmp(encoded_common_name(encoded, out, length + 1), text) == 0);
	/* What was in the name itself cannot be told from what was made of it. */
	if (strchr(text, '\\') == NULL) {
		show(text, shown);
		encode(shown, encoded);
		check(strcmp(encoded_full_name(encoded, out, size_most), text) == 0);
	}
	free(shown);
	free(encoded);
	free(out);
}

/* ------------------------------------------------------------------ *
 * Facts
 * ------------------------------------------------------------------ */

static struct session *session;
static enum settings_mta setting;

static const char *
seen(SMFICTX *ctx, enum macro macro)
{
	const char *value = macros_get(ctx, macro);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static void
check_facts(SMFICTX *ctx, const struct facts *facts)
{
	const char *verify = seen(ctx, MACRO_VERIFY);
	bool tls = seen(ctx, MACRO_TLS_VERSION) != NULL ||
	    seen(ctx, MACRO_CIPHER) != NULL;
	bool postfix = facts->mta != NULL && strcmp(facts->mta, "postfix") == 0;

	check(setting == SETTINGS_MTA_AUTO || facts->mta != NULL);
	check(!tls || facts->tls_version == NULL || strcmp(facts->tls_version,
	    seen(ctx, MACRO_TLS_VERSION)) == 0);
	check(tls || facts->tls_version == NULL ||
	    strcmp(facts->tls_version, "none") == 0);
	check(facts->bits >= -1 && facts->bits <= 65535);
	/* A certificate counts as verified only where the MTA says so. */
	if (facts->cert_verified == POLICY_YES && !postfix)
		check(verify != NULL && strcmp(verify, "OK") == 0);
	if (facts->cert_verified == POLICY_YES && postfix)
		check(macros_get(ctx, MACRO_CERT_SUBJECT) != NULL ||
		    macros_get(ctx, MACRO_CERT_ISSUER) != NULL);
	if (facts->cert_fingerprint != NULL &&
	    strcmp(facts->cert_fingerprint, "none") == 0)
		check(seen(ctx, MACRO_CERT_FP) != NULL || (verify != NULL &&
		    (strcmp(verify, "NO") == 0 || strcmp(verify, "NOT") == 0)));
	check((facts->sasl_username != NULL) == (seen(ctx, MACRO_AUTH_AUTHEN) != NULL));
	check(facts->sasl_username == NULL || facts->sasl_username[0] != '\0');
	if (facts->client_name != NULL)
		check(strcmp(facts->client_name, seen(ctx, MACRO_CLIENT_NAME)) == 0 &&
		    facts->client_name[0] != '[');
	check(postfix || facts->client_name == NULL ||
	    (seen(ctx, MACRO_CLIENT_RESOLVE) != NULL &&
	    strcmp(seen(ctx, MACRO_CLIENT_RESOLVE), "OK") == 0));
}

static sfsistat
gather(SMFICTX *ctx, char **arguments)
{
	const char *from = address_trim(arguments[0]), *resolved;
	struct facts_room room;
	struct facts facts;

	facts_gather(ctx, session, setting, from, &room, &facts);
	check_facts(ctx, &facts);
	resolved = facts_from_resolved(ctx, from);
	check(resolved == NULL || !policy_same_address(resolved, from));
	return SMFIS_CONTINUE;
}

static sfsistat
negotiate_macros(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long unused1, unsigned long unused2, unsigned long *wanted_actions,
    unsigned long *wanted_steps, unsigned long *out1, unsigned long *out2)
{
	(void)unused1;
	(void)unused2;
	(void)out1;
	(void)out2;
	*wanted_actions = actions & SMFIF_SETSYMLIST;
	*wanted_steps = steps;
	session->macros_chosen = macros_choose(ctx, setting, true);
	return SMFIS_CONTINUE;
}

static sfsistat
no_close(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static void
play_macros(struct fuzz_input *input, unsigned how)
{
	const struct smfiDesc milter = { .xxfi_negotiate = negotiate_macros,
	    .xxfi_envfrom = gather, .xxfi_close = no_close };
	const struct fake_options options = { .one_thread = true,
	    .no_version = how % 8 < 4 };
	SMFICTX *ctx = fake_new(&milter, &options);
	char line[1200], *value;

	session = session_new();
	check(ctx != NULL && session != NULL);
	setting = (enum settings_mta)(how % 3);
	(void)fake_negotiate(ctx);
	while (fuzz_line(input, line, sizeof(line))) {
		if (line[0] != 'm') {
			(void)fake_mail(ctx, line);
			continue;
		}
		value = strchr(line, '=');
		if (value != NULL)
			*value++ = '\0';
		fake_macro(ctx, line + 1, value);
	}
	(void)fake_mail(ctx, "<a@acme.example>");
	(void)fake_close(ctx);
	fake_free(&ctx);
	session_free(&session, NULL);
	check(fake_faults() == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	unsigned how = fuzz_byte(&input);
	char *text;

	if (how % 2 != 0) {
		play_macros(&input, how / 2);
		return 0;
	}
	text = fuzz_rest(&input);
	check_text(text, how / 2 + 1);
	free(text);
	return 0;
}
