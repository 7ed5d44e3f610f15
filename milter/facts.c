/*
 * facts.c - from the MTA's macros to the facts that a policy is held against.
 *
 * Postfix: {cert_subject} and {cert_issuer} are common names, decoded, and there
 * only if the certificate was verified; no fingerprint, no status. Sendmail: the
 * two are full names and there also when verification FAILED, so that {verify}
 * decides and the names are read from {cn_subject} and {cn_issuer}, encoded. A full
 * name is ambiguous (/CN= may stand within any value): it is recorded, and nothing is
 * held against it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/facts.h"

#include <string.h>
#include <strings.h>

#include "milter/log.h"
#include "milter/macros.h"
#include "base/text.h"

/* ------------------------------------------------------------------ *
 * Encoded text
 * ------------------------------------------------------------------ */

/* Encoders write digits in upper case alone. */
static int
encoded_digit(char c)
{
	return c < 'a' ? text_hex(c) : -1;
}

/* The byte that two upper-case hex digits stand for, or -1. */
static int
encoded_byte(const char *text)
{
	int high = encoded_digit(text[0]);
	int low = high >= 0 ? encoded_digit(text[1]) : -1;

	return low >= 0 ? high * 16 + low : -1;
}

const char *
encoded_text(const char *encoded, char *out, size_t size)
{
	size_t length = 0;

	out[0] = '\0';
	while (*encoded != '\0') {
		int byte = encoded[0] == '+' ? encoded_byte(encoded + 1) : -1;

		if (byte == 0 || length + 1 >= size) {
			out[0] = '\0';
			return out;
		}
		out[length++] = byte > 0 ? (char)byte : encoded[0];
		encoded += byte > 0 ? 3 : 1;
	}
	out[length] = '\0';
	return out;
}

const char *
encoded_common_name(const char *encoded, char *out, size_t size)
{
	if (strncmp(encoded, "BadCertificate", 14) == 0)
		encoded = "";
	return encoded_text(encoded, out, size);
}

/* What X509_NAME_oneline() writes as \xXX; any other \xXX was in the name itself. */
static bool
is_escaped_byte(int byte)
{
	return (byte > 0 && byte < ' ') || byte > '~';
}

const char *
encoded_full_name(const char *encoded, char *out, size_t size)
{
	const char *in = encoded_text(encoded, out, size);
	size_t length = 0;

	while (*in != '\0') {
		int byte = strncmp(in, "\\x", 2) == 0 ? encoded_byte(in + 2) : -1;

		if (is_escaped_byte(byte)) {
			out[length++] = (char)byte;
			in += 4;
			continue;
		}
		if (in[0] == '\\' && (in[1] == '/' || in[1] == '+'))
			in++;
		out[length++] = *in++;
	}
	out[length] = '\0';
	return out;
}

/* ------------------------------------------------------------------ *
 * At MAIL
 * ------------------------------------------------------------------ */

/* A macro that is there but empty tells nothing. */
static const char *
get_macro(SMFICTX *ctx, enum macro macro)
{
	const char *value = macros_get(ctx, macro);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Which MTA speaks: what the settings say, or what {v} shows. */
static enum settings_mta
dialect(SMFICTX *ctx, enum settings_mta setting)
{
	const char *version;

	if (setting != SETTINGS_MTA_AUTO)
		return setting;
	version = get_macro(ctx, MACRO_VERSION);
	if (version == NULL)
		return SETTINGS_MTA_AUTO;
	if (strncmp(version, "Postfix", 7) == 0)
		return SETTINGS_MTA_POSTFIX;
	if (version[0] >= '0' && version[0] <= '9')
		return SETTINGS_MTA_SENDMAIL;
	return SETTINGS_MTA_AUTO;
}

static void
gather_postfix_certificate(SMFICTX *ctx, struct facts *facts)
{
	const char *subject = macros_get(ctx, MACRO_CERT_SUBJECT);
	const char *issuer = macros_get(ctx, MACRO_CERT_ISSUER);

	if (subject == NULL && issuer == NULL) {
		facts->cert_verified = POLICY_NO;
		return;
	}
	facts->cert_verified = POLICY_YES;
	facts->cert_cn = subject != NULL ? subject : "";
	facts->cert_issuer = issuer;
}

/*
 * Names a digest that no pin can have, in the records' form: MD5, which is Sendmail's
 * where none other is asked for.
 */
static const char *
name_md5(const char *digest, char *out, size_t size)
{
	size_t length = 4;

	if (digest == NULL || strlen(digest) + length >= size)
		return NULL;
	memcpy(out, "md5:", length);
	for (; *digest != '\0'; digest++)
		if (*digest != ':')
			out[length++] = text_lower(*digest);
	out[length] = '\0';
	return out;
}

/* The digest of whatever certificate was presented, verified or not. */
static void
gather_fingerprint(SMFICTX *ctx, const char *verify, struct facts_room *room,
    struct facts *facts)
{
	facts->cert_fingerprint = get_macro(ctx, MACRO_CERT_FP);
	if (facts->cert_fingerprint == NULL)
		facts->cert_fingerprint = name_md5(get_macro(ctx, MACRO_CERT_MD5),
		    room->fingerprint, sizeof(room->fingerprint));
	/* NO: the client presented none. NOT: it was not asked for one. */
	if (facts->cert_fingerprint == NULL && verify != NULL &&
	    (strcmp(verify, "NO") == 0 || strcmp(verify, "NOT") == 0)) {
		facts->cert_fingerprint = "none";
		facts->cert_pubkey_fingerprint = "none";
	}
}

/* The name in "macro", decoded into "out"; NULL where the macro tells none. */
static const char *
decoded(SMFICTX *ctx, enum macro macro, encoded_decoder *decode, char *out, size_t size)
{
	const char *name = get_macro(ctx, macro);

	return name != NULL ? decode(name, out, size) : NULL;
}

/* The names are those of any certificate: they count only where it is verified. */
static void
gather_sendmail_certificate(SMFICTX *ctx, struct facts_room *room,
    struct facts *facts)
{
	const char *verify = get_macro(ctx, MACRO_VERIFY);

	if (verify != NULL)
		facts->cert_verified = strcmp(verify, "OK") == 0 ? POLICY_YES : POLICY_NO;
	gather_fingerprint(ctx, verify, room, facts);
	facts->cert_cn = decoded(ctx, MACRO_CN_SUBJECT, encoded_common_name,
	    room->subject, sizeof(room->subject));
	facts->cert_issuer = decoded(ctx, MACRO_CN_ISSUER, encoded_common_name,
	    room->issuer, sizeof(room->issuer));
	facts->cert_subject_dn = decoded(ctx, MACRO_CERT_SUBJECT, encoded_full_name,
	    room->subject_dn, sizeof(room->subject_dn));
	facts->cert_issuer_dn = decoded(ctx, MACRO_CERT_ISSUER, encoded_full_name,
	    room->issuer_dn, sizeof(room->issuer_dn));
}

static void
gather_tls(SMFICTX *ctx, const struct session *session, enum settings_mta mta,
    struct facts_room *room, struct facts *facts)
{
	facts->tls_version = get_macro(ctx, MACRO_TLS_VERSION);
	facts->cipher = get_macro(ctx, MACRO_CIPHER);
	facts->bits = correlation_number(get_macro(ctx, MACRO_CIPHER_BITS));
	if (facts->tls_version == NULL && facts->cipher == NULL) {
		facts->bits = -1;
		if (session->macros_chosen)
			facts->tls_version = "none";
		return;
	}
	if (mta == SETTINGS_MTA_POSTFIX)
		gather_postfix_certificate(ctx, facts);
	else
		gather_sendmail_certificate(ctx, room, facts);
}

/*
 * Postfix gives mail that did not come over SMTP as 127.0.0.1 with port 0. A
 * trusted proxy (XCLIENT) can make that up too, but not without {client_resolve}.
 * Sendmail gives no address at all.
 */
static bool
is_local(SMFICTX *ctx, const struct session *session, enum settings_mta mta)
{
	if (mta == SETTINGS_MTA_SENDMAIL)
		return session->peer == PEER_NONE;
	return session->peer == PEER_INET && session->port == 0 &&
	    (strcmp(session->address, "127.0.0.1") == 0 ||
	    strcmp(session->address, "::1") == 0) &&
	    get_macro(ctx, MACRO_CLIENT_RESOLVE) == NULL;
}

/* How the look-up of its name ended, in the record's word; NULL: that is not known. */
static const char *
resolve_result(const char *macro)
{
	static const char *const words[] = { "ok", "fail", "forged", "temp" };

	for (size_t i = 0; macro != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(macro, words[i]) == 0)
			return words[i];
	return NULL;
}

/* The client's name, where the MTA confirmed it forward and reverse. */
static const char *
verified_name(SMFICTX *ctx, enum settings_mta mta)
{
	const char *name = get_macro(ctx, MACRO_CLIENT_NAME);
	const char *resolve = get_macro(ctx, MACRO_CLIENT_RESOLVE);

	if (name == NULL || name[0] == '[')
		return NULL;
	if (mta == SETTINGS_MTA_POSTFIX)
		return strcmp(name, "unknown") != 0 ? name : NULL;
	return resolve != NULL && strcmp(resolve, "OK") == 0 ? name : NULL;
}

/*
 * Whom the client authenticated as; Sendmail encodes it. A name that cannot be decoded
 * is one all the same: the session is authenticated.
 */
static const char *
sasl_username(SMFICTX *ctx, enum settings_mta mta, struct facts_room *room)
{
	const char *name = get_macro(ctx, MACRO_AUTH_AUTHEN);

	if (name == NULL || mta != SETTINGS_MTA_SENDMAIL ||
	    encoded_text(name, room->user, sizeof(room->user))[0] == '\0')
		return name;
	return room->user;
}

static void
gather_client(SMFICTX *ctx, const struct session *session, enum settings_mta mta,
    struct facts_room *room, struct facts *facts)
{
	const char *pointer = get_macro(ctx, MACRO_CLIENT_PTR);

	if (session->peer == PEER_INET) {
		facts->client_addr = session->address;
		facts->client_port = session->port;
	}
	facts->client_name = verified_name(ctx, mta);
	facts->client_resolve = resolve_result(get_macro(ctx, MACRO_CLIENT_RESOLVE));
	if (pointer != NULL && pointer[0] != '[' && strcmp(pointer, "unknown") != 0)
		facts->client_ptr = pointer;
	facts->local = is_local(ctx, session, mta);
	facts->helo = session->helo;
	facts->sasl_username = sasl_username(ctx, mta, room);
}

/*
 * Postfix, Sendmail and proxies before them give the same client in both places, and
 * no address, or port 0, where they know none.
 */
static bool
is_other_client(SMFICTX *ctx, const struct session *session)
{
	struct endpoint told, now;

	endpoint_read(&now, get_macro(ctx, MACRO_CLIENT_ADDR),
	    get_macro(ctx, MACRO_CLIENT_PORT));
	if (now.port != 0 && now.port != session->port)
		return true;
	endpoint_read(&told, session->address, NULL);
	return now.known && told.known &&
	    memcmp(now.address, told.address, sizeof(now.address)) != 0;
}

/*
 * libmilter keeps the packet of a stage until a new one comes, so that a value stays
 * where it is. An MTA that gives {v} at other stages too is none to learn this from.
 */
static bool
was_connected_again(SMFICTX *ctx, struct session *session)
{
	const char *version = macros_get(ctx, MACRO_VERSION);
	bool first = !session->heard_mail;

	session->heard_mail = true;
	if (session->version == NULL || version == session->version)
		return false;
	if (first)
		session->version = NULL;
	return !first;
}

bool
facts_of_another(SMFICTX *ctx, struct session *session)
{
	bool again = was_connected_again(ctx, session);

	return again || is_other_client(ctx, session);
}

/*
 * A packet is kept until there is a new one, so that what is still where it was is the
 * one before. A HELO does away with it: what comes then may be anywhere.
 */
static bool
stands_still(SMFICTX *ctx, enum macro macro, const char **last)
{
	const char *before = *last;

	*last = macros_get(ctx, macro);
	return *last != NULL && *last == before;
}

bool
facts_are_lost(SMFICTX *ctx, struct session *session)
{
	if (stands_still(ctx, MACRO_MAIL_ADDR, &session->mail_macro))
		return true;
	/* Who does as asked at the connect, as both MTAs do, gives some at MAIL too. */
	return session->macros_chosen && macros_get(ctx, MACRO_DAEMON_NAME) != NULL &&
	    session->mail_macro == NULL && macros_get(ctx, MACRO_CLIENT_NAME) == NULL &&
	    macros_get(ctx, MACRO_CLIENT_ADDR) == NULL &&
	    macros_get(ctx, MACRO_TLS_VERSION) == NULL;
}

bool
facts_of_recipient_are_lost(SMFICTX *ctx, struct session *session)
{
	return stands_still(ctx, MACRO_RCPT_ADDR, &session->message->rcpt_macro);
}

void
facts_gather(SMFICTX *ctx, const struct session *session,
    enum settings_mta setting, const char *from, struct facts_room *room,
    struct facts *facts)
{
	const struct facts nothing = FACTS_INIT;
	enum settings_mta mta = dialect(ctx, setting);

	*facts = nothing;
	if (mta == SETTINGS_MTA_POSTFIX)
		facts->mta = "postfix";
	else if (mta == SETTINGS_MTA_SENDMAIL)
		facts->mta = "sendmail";
	facts->session = session->id;
	facts->from = from;
	facts->queue_id = facts_queue_id(ctx);
	gather_client(ctx, session, mta, room, facts);
	gather_tls(ctx, session, mta, room, facts);
}

void
facts_tls(const struct facts *facts, struct correlation_tls *tls)
{
	bool encrypted = policy_encrypted(facts) == POLICY_YES;

	correlation_text(tls->protocol, sizeof(tls->protocol),
	    encrypted ? facts->tls_version : NULL);
	correlation_text(tls->cipher, sizeof(tls->cipher), facts->cipher);
	tls->bits = facts->bits;
	tls->verified = facts->cert_verified == POLICY_YES;
}

void
facts_correlate(struct correlation *correlation,
    const struct correlation_session *session,
    const char *from_resolved, struct facts *facts, struct correlation_digests *digests)
{
	struct correlation_question question = {
		.from = facts->from, .from_resolved = from_resolved,
		.to = facts->to, .to_resolved = facts->to_resolved,
	};

	if (facts->local || facts->cert_fingerprint != NULL)
		return;
	facts_tls(facts, &question.tls);
	if (!correlation_find(correlation, session, &question, log_time_ms(), digests))
		return;
	if (digests->certificate[0] != '\0')
		facts->cert_fingerprint = digests->certificate;
	if (digests->pubkey[0] != '\0')
		facts->cert_pubkey_fingerprint = digests->pubkey;
}

const char *
facts_queue_id(SMFICTX *ctx)
{
	return get_macro(ctx, MACRO_QUEUE_ID);
}

/* Whether it is an address with a domain: a bare user name is looked up nowhere. */
static bool
is_full_address(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL && at[1] != '\0';
}

/*
 * Whether it is a bare user name, which an MTA takes for one of its own domain. What
 * has any other sign in it may name a domain all the same: host!user, user%host.
 */
static bool
is_bare_name(const char *address)
{
	return address[0] != '\0' && strpbrk(address, "@!%:\"\\()<>[],; ") == NULL;
}

const char *
facts_from_resolved(SMFICTX *ctx, const char *from)
{
	const char *resolved = macros_get(ctx, MACRO_MAIL_ADDR);

	/* A sender without a domain is none of the MTA's domain's either. */
	if (resolved == NULL || is_bare_name(from))
		return NULL;
	if (resolved[0] == '\0')
		resolved = "<>";
	if (policy_same_address(resolved, from))
		return NULL;
	return strcmp(resolved, "<>") == 0 || is_full_address(resolved) ? resolved : NULL;
}

const char *
facts_to_resolved(SMFICTX *ctx, const char *to)
{
	const char *resolved = get_macro(ctx, MACRO_RCPT_ADDR);

	if (resolved == NULL || strcmp(resolved, to) == 0 || !is_full_address(resolved))
		return NULL;
	return resolved;
}

/* Takes the blanks at both ends off. Those within quotes are at neither. */
static char *
trim_blanks(char *text)
{
	static const char blanks[] = " \t\r\n";
	size_t length;

	text += strspn(text, blanks);
	length = strlen(text);
	while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
		length--;
	text[length] = '\0';
	return text;
}

const char *
address_trim(char *address)
{
	char *text = trim_blanks(address);
	size_t length = strlen(text);
	bool opens = text[0] == '<', closes = length > 0 && text[length - 1] == '>';

	if (closes)
		text[length - 1] = '\0';
	text = trim_blanks(opens ? text + 1 : text);
	return text[0] == '\0' && opens == closes ? "<>" : text;
}
