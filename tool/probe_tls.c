/*
 * probe_tls.c - a handshake with OpenSSL, at security level 0.
 *
 * OpenSSL has no socket here: bytes go between it and the wire, which knows how long.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tool/probe_say.h"
#include "tool/probe_smtp.h"

/* Of one connection: some times what the longest handshake has. */
#define TLS_BYTES_MAX ((size_t)1 << 20)
#define TLS_CIPHERS "ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0"

struct tls_client {
	OSSL_LIB_CTX *library;	/* its own: what openssl.cnf allows is not asked */
};

/* One handshake. */
struct tls_talk {
	struct wire *wire;
	struct tls_answer *answer;
	SSL_CTX *context;
	SSL *ssl;
	BIO *in, *out;
	size_t received;
	uint8_t first[128];	/* of what was received */
};

static const int tls_versions[PROBE_PROTOCOLS] = {
	SSL3_VERSION, TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION
};

struct tls_client *
tls_client_new(void)
{
	struct tls_client *client = calloc(1, sizeof(*client));

	if (client != NULL && (client->library = OSSL_LIB_CTX_new()) == NULL)
		tls_client_free(&client);
	return client;
}

void
tls_client_free(struct tls_client **client)
{
	if (*client != NULL)
		OSSL_LIB_CTX_free((*client)->library);
	free(*client);
	*client = NULL;
}

void
tls_answer_free(struct tls_answer *answer)
{
	sk_X509_pop_free(answer->chain, X509_free);
	for (size_t i = 0; i < answer->authority_count; i++)
		free(answer->authorities[i]);
	free(answer->authorities);
	memset(answer, 0, sizeof(*answer));
}

/* "alert 40, handshake failure", into "room". */
static void
tls_alert_text(uint8_t alert, char *room, size_t size)
{
	/* OpenSSL 3.0 has no names for those of TLS 1.3. */
	const char *name = alert == SSL_AD_CERTIFICATE_REQUIRED ? "certificate required" :
	    alert == SSL_AD_MISSING_EXTENSION ? "missing extension" :
	    SSL_alert_desc_string_long(alert);

	(void)snprintf(room, size, "alert %u, %s", alert, name);
}

size_t
tls_list(const struct tls_client *client, const char *list, uint16_t *suites, size_t room)
{
	SSL_CTX *context = SSL_CTX_new_ex(client->library, NULL, TLS_client_method());
	const STACK_OF(SSL_CIPHER) *ciphers = NULL;
	size_t count = 0;

	if (context != NULL) {
		SSL_CTX_set_security_level(context, 0);
		if (SSL_CTX_set_cipher_list(context, list) == 1)
			ciphers = SSL_CTX_get_ciphers(context);
	}
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers) && count < room; i++) {
		uint16_t code = SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(ciphers, i));

		if (code >> 8 != 0x13)
			suites[count++] = code;
	}
	SSL_CTX_free(context);
	ERR_clear_error();
	return count;
}

/* ------------------------------------------------------------------ *
 * What OpenSSL tells on the way
 * ------------------------------------------------------------------ */

static struct tls_talk *
tls_talk_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

/* One that lives without OpenSSL's context. */
static X509 *
tls_copy(X509 *certificate)
{
	unsigned char *der = NULL;
	int length = i2d_X509(certificate, &der);
	const unsigned char *at = der;
	X509 *copy = length > 0 ? d2i_X509(NULL, &at, length) : NULL;

	OPENSSL_free(der);
	return copy;
}

static STACK_OF(X509) *
tls_copy_chain(STACK_OF(X509) *chain)
{
	STACK_OF(X509) *copies = sk_X509_new_null();

	for (int i = 0; copies != NULL && i < sk_X509_num(chain); i++) {
		X509 *copy = tls_copy(sk_X509_value(chain, i));

		if (copy == NULL || sk_X509_push(copies, copy) == 0) {
			X509_free(copy);
			sk_X509_pop_free(copies, X509_free);
			return NULL;
		}
	}
	return copies;
}

/* The chain as it was sent; whether it is to be trusted is nobody's question here. */
static int
tls_take_chain(X509_STORE_CTX *store, void *data)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_talk *talk = tls_talk_of(ssl);

	(void)data;
	if (talk->answer->chain == NULL)
		talk->answer->chain = tls_copy_chain(X509_STORE_CTX_get0_untrusted(store));
	return 1;
}

char *
tls_name_text(const X509_NAME *name)
{
	char *text = malloc(PROBE_TEXT);

	if (text != NULL && probe_name_text(text, name))
		return text;
	free(text);
	return NULL;
}

static bool
tls_take_authorities(struct tls_answer *answer, const STACK_OF(X509_NAME) *names)
{
	int count = sk_X509_NAME_num(names);

	if (count <= 0 || answer->authorities != NULL)
		return true;
	count = count < PROBE_AUTHORITIES_MAX ? count : PROBE_AUTHORITIES_MAX;
	answer->authorities = calloc((size_t)count, sizeof(*answer->authorities));
	for (int i = 0; answer->authorities != NULL && i < count; i++) {
		char *text = tls_name_text(sk_X509_NAME_value(names, i));

		if (text == NULL)
			return false;
		answer->authorities[answer->authority_count++] = text;
	}
	return answer->authorities != NULL;
}

/* We have none. */
static int
tls_asked_for_certificate(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
	struct tls_answer *answer = tls_talk_of(ssl)->answer;

	(void)certificate;
	(void)key;
	answer->wants_certificate = true;
	return tls_take_authorities(answer, SSL_get0_peer_CA_list(ssl)) ? 0 : -1;
}

static void
tls_told(const SSL *ssl, int where, int value)
{
	struct tls_answer *answer = tls_talk_of(ssl)->answer;

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		answer->alert = (uint8_t)(value & 0xff);
}

/* ------------------------------------------------------------------ *
 * Bytes between OpenSSL and the wire
 * ------------------------------------------------------------------ */

static enum tls_result
tls_wire_result(struct tls_talk *talk, enum wire_result result)
{
	struct tls_answer *answer = talk->answer;
	const char *why = "it closed the connection";

	if (result == WIRE_SILENT)
		why = "it said nothing more";
	else if (result == WIRE_DEADLINE)
		why = "the time for all was over";
	else if (result == WIRE_FAILED)
		why = strerror(talk->wire->error);
	(void)snprintf(answer->said, sizeof(answer->said), "%s", why);
	return result == WIRE_SILENT ? TLS_SILENT : result == WIRE_DEADLINE ?
	    TLS_DEADLINE : TLS_CLOSED;
}

static enum wire_result
tls_flush(struct tls_talk *talk)
{
	uint8_t bytes[4096];
	int length;

	while ((length = BIO_read(talk->out, bytes, sizeof(bytes))) > 0) {
		enum wire_result result = wire_send(talk->wire, bytes, (size_t)length);

		if (result != WIRE_DONE)
			return result;
	}
	return WIRE_DONE;
}

/* Text in place of a record: whether it is so, and then it is told. */
static bool
tls_is_text(const struct tls_talk *talk)
{
	const uint8_t *first = talk->first;
	size_t length = talk->received < sizeof(talk->first) ? talk->received :
	    sizeof(talk->first);
	const uint8_t *end = memchr(first, '\n', length);
	char text[sizeof(talk->answer->said) - 16];

	if (length == 0 || (first[0] >= 20 && first[0] <= 24))
		return false;
	length = end != NULL ? (size_t)(end - first) : length;
	length -= length > 0 && first[length - 1] == '\r';
	(void)probe_text(text, sizeof(text), first, length);
	(void)snprintf(talk->answer->said, sizeof(talk->answer->said), "no TLS: %s", text);
	return true;
}

/* Why OpenSSL does not go on. */
static enum tls_result
tls_failed(const struct tls_talk *talk)
{
	struct tls_answer *answer = talk->answer;
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (answer->alert != 0) {
		tls_alert_text(answer->alert, answer->said, sizeof(answer->said));
		return TLS_ALERT;
	}
	if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
		return TLS_NO_MEMORY;
	if (error == 0) {
		(void)snprintf(answer->said, sizeof(answer->said), "%s",
		    "it ended TLS");
		return TLS_CLOSED;
	}
	if (!tls_is_text(talk))
		(void)snprintf(answer->said, sizeof(answer->said), "OpenSSL: %s",
		    ERR_GET_LIB(error) == ERR_LIB_ASN1 ||
		    ERR_GET_REASON(error) == ERR_R_ASN1_LIB ?
		    "its certificate cannot be read" :
		    ERR_GET_REASON(error) == SSL_R_EXCESSIVE_MESSAGE_SIZE ?
		    "its certificates are larger than the 100 KB that OpenSSL takes" :
		    reason != NULL ? reason : "an error without a name");
	return TLS_NONSENSE;
}

/*
 * After something of OpenSSL's that wants more: brings what it has to say, and what the
 * server says. TLS_SHAKEN: it can go on.
 */
static enum tls_result
tls_go_on(struct tls_talk *talk, int returned)
{
	int error = SSL_get_error(talk->ssl, returned);
	enum wire_result sent = tls_flush(talk), result;
	uint8_t bytes[4096];
	size_t length = sizeof(bytes);

	if (error != SSL_ERROR_WANT_READ)
		return tls_failed(talk);
	/* One that closed may have said why before. */
	if (sent != WIRE_DONE && sent != WIRE_CLOSED)
		return tls_wire_result(talk, sent);
	if ((result = wire_receive(talk->wire, bytes, &length)) != WIRE_DONE)
		return tls_wire_result(talk, result);
	if (talk->received < sizeof(talk->first))
		memcpy(talk->first + talk->received, bytes,
		    length < sizeof(talk->first) - talk->received ? length :
		    sizeof(talk->first) - talk->received);
	if ((talk->received += length) > TLS_BYTES_MAX) {
		(void)snprintf(talk->answer->said, sizeof(talk->answer->said), "%s",
		    "its handshake has no end");
		return TLS_NONSENSE;
	}
	return BIO_write(talk->in, bytes, (int)length) == (int)length ? TLS_SHAKEN :
	    TLS_NO_MEMORY;
}

static enum tls_result
tls_connect(struct tls_talk *talk)
{
	enum tls_result result = TLS_SHAKEN;
	int returned;

	wire_expect(talk->wire);
	ERR_clear_error();
	while (result == TLS_SHAKEN && (returned = SSL_connect(talk->ssl)) != 1) {
		result = tls_go_on(talk, returned);
		ERR_clear_error();
	}
	return result == TLS_SHAKEN && tls_flush(talk) != WIRE_DONE ? TLS_CLOSED : result;
}

static void
tls_take_reply(struct tls_answer *answer, const struct reply *reply)
{
	answer->code = reply->code;
	if (reply->code >= 300)
		memcpy(answer->said, reply->text, sizeof(answer->said));
}

/*
 * In TLS 1.3 a server that misses a certificate says so when we think that all is done,
 * and Postfix does in its reply to EHLO.
 */
static enum tls_result
tls_greet(struct tls_talk *talk)
{
	struct reply reply = { .code = 0 };
	enum tls_result result = TLS_SHAKEN;
	enum reply_state state = REPLY_MORE;
	uint8_t bytes[4096];
	char line[PROBE_NAME + 16];
	int length = snprintf(line, sizeof(line), "EHLO %.250s\r\n", talk->wire->budget->ehlo);

	wire_expect(talk->wire);
	ERR_clear_error();
	(void)SSL_write(talk->ssl, line, length);
	if (tls_flush(talk) == WIRE_DEADLINE)
		return TLS_DEADLINE;
	while (state == REPLY_MORE && result == TLS_SHAKEN) {
		size_t taken;

		ERR_clear_error();
		length = SSL_read(talk->ssl, bytes, sizeof(bytes));
		if (length > 0)
			state = reply_take(&reply, bytes, (size_t)length, &taken);
		else
			result = tls_go_on(talk, length);
	}
	if (result == TLS_SHAKEN) {
		tls_take_reply(talk->answer, &reply);
		(void)SSL_write(talk->ssl, "QUIT\r\n", 6);
		(void)SSL_shutdown(talk->ssl);
		(void)tls_flush(talk);
	}
	return result;
}

/* ------------------------------------------------------------------ *
 * A handshake
 * ------------------------------------------------------------------ */

/* OpenSSL's macros for these want text that is not const. */
static bool
tls_set_signatures(SSL_CTX *context, const char *list)
{
	char text[256];

	if (list == NULL)
		return true;
	(void)snprintf(text, sizeof(text), "%s", list);
	return SSL_CTX_set1_sigalgs_list(context, text) == 1;
}

static bool
tls_set_name(SSL *ssl, const char *name)
{
	char text[PROBE_NAME];

	if (name == NULL)
		return true;
	(void)snprintf(text, sizeof(text), "%s", name);
	return SSL_set_tlsext_host_name(ssl, text) == 1;
}

static SSL_CTX *
tls_context(const struct tls_client *client, const struct tls_ask *ask)
{
	SSL_CTX *context = SSL_CTX_new_ex(client->library, NULL, TLS_client_method());

	if (context == NULL)
		return NULL;
	SSL_CTX_set_security_level(context, 0);
	(void)SSL_CTX_set_min_proto_version(context, tls_versions[ask->least]);
	(void)SSL_CTX_set_max_proto_version(context, tls_versions[ask->most]);
	(void)SSL_CTX_set_options(context, SSL_OP_LEGACY_SERVER_CONNECT |
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_cert_verify_callback(context, tls_take_chain, NULL);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_client_cert_cb(context, tls_asked_for_certificate);
	SSL_CTX_set_info_callback(context, tls_told);
	if (SSL_CTX_set_cipher_list(context,
	    ask->ciphers != NULL ? ask->ciphers : TLS_CIPHERS) == 1 &&
	    tls_set_signatures(context, ask->signatures))
		return context;
	SSL_CTX_free(context);
	return NULL;
}

static bool
tls_begin(struct tls_talk *talk, const struct tls_client *client, const struct tls_ask *ask)
{
	talk->context = tls_context(client, ask);
	talk->ssl = talk->context != NULL ? SSL_new(talk->context) : NULL;
	talk->in = BIO_new(BIO_s_mem());
	talk->out = BIO_new(BIO_s_mem());
	if (talk->ssl == NULL || talk->in == NULL || talk->out == NULL) {
		BIO_free(talk->in);
		BIO_free(talk->out);
		return false;
	}
	(void)BIO_set_mem_eof_return(talk->in, -1);
	SSL_set_bio(talk->ssl, talk->in, talk->out);
	(void)SSL_set_app_data(talk->ssl, talk);
	return tls_set_name(talk->ssl, ask->name);
}

static void
tls_look_at_group(SSL *ssl, struct tls_answer *answer)
{
	EVP_PKEY *key = NULL;

	if (SSL_get_peer_tmp_key(ssl, &key) != 1)
		return;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_DH)
		answer->dh_bits = EVP_PKEY_get_bits(key);
	if (EVP_PKEY_get_group_name(key, answer->group, sizeof(answer->group), NULL) != 1)
		(void)snprintf(answer->group, sizeof(answer->group), "%s",
		    answer->dh_bits > 0 ? "DH" : EVP_PKEY_get0_type_name(key));
	EVP_PKEY_free(key);
}

/* What was agreed, as far as it came. */
static void
tls_look(SSL *ssl, struct tls_answer *answer)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	int version = SSL_version(ssl);

	if (cipher == NULL)
		return;
	answer->hello = true;
	for (int i = 0; i < PROBE_PROTOCOLS; i++)
		if (tls_versions[i] == version)
			answer->protocol = (enum probe_protocol)i;
	answer->suite = SSL_CIPHER_get_protocol_id(cipher);
	(void)snprintf(answer->cipher, sizeof(answer->cipher), "%s",
	    SSL_CIPHER_get_name(cipher));
	answer->bits = SSL_CIPHER_get_bits(cipher, NULL);
	answer->renegotiation = version == TLS1_3_VERSION ||
	    SSL_get_secure_renegotiation_support(ssl) == 1;
	tls_look_at_group(ssl, answer);
}

void
tls_shake(struct tls_client *client, struct wire *wire, const struct tls_ask *ask,
    struct tls_answer *answer)
{
	struct tls_talk talk = { .wire = wire, .answer = answer };

	memset(answer, 0, sizeof(*answer));
	if (!tls_begin(&talk, client, ask)) {
		answer->result = TLS_NO_MEMORY;
	} else {
		answer->result = tls_connect(&talk);
		answer->shaken = answer->result == TLS_SHAKEN;
		tls_look(talk.ssl, answer);
		if (answer->shaken)
			answer->result = tls_greet(&talk);
		answer->requires_certificate = answer->wants_certificate &&
		    (answer->result == TLS_ALERT || answer->result == TLS_CLOSED ||
		    answer->code >= 400);
	}
	SSL_free(talk.ssl);
	SSL_CTX_free(talk.context);
	ERR_clear_error();
}
