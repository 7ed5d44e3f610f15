/*
 * fuzz-callbacks.c - sessions of callbacks in any order, with any macros.
 *
 * The first line has a digit for the policy and letters for settings (below); each
 * after it is a step:
 *
 *	0, 1, 2			the connection that the next steps are of
 *	N[LETTERS]		it is closed, and a new one begins (letters: below)
 *	C HOST ADDRESS PORT	and the MTA's commands
 *	X HOST ADDRESS PORT	another client, which libmilter does not tell of
 *	H NAME, M ADDRESS, R ADDRESS, D, E, A, Q
 *	L NAME: VALUE
 *	m NAME=VALUE, i ID	macros (without a value: gone), the queue id
 *	P DIGIT			another policy
 *	T			the daemon ends, a stage further each time
 *	S ADDRESS PORT SENDER RECIPIENT DIGEST PROTOCOL CIPHER BITS
 *				a request to the policy service
 *
 * What comes of a message is held against the policy of its MAIL command and facts that
 * are gathered here: it is accepted only where policy_decide() does not refuse one of
 * its recipients, held where it is to be held, and recorded once.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz-daemon.h"

#include <strings.h>

#include "fake.h"
#include "milter/callbacks.h"
#include "milter/facts.h"

#define CONNECTIONS 3
#define LINE_ROOM 1100
#define FIELDS_MOST 60
#define RECIPIENTS_MOST 1000

/* A message as the client and the MTA know it. */
struct sent {
	bool open;
	bool refused;			/* at DATA, which may be said again */
	size_t policy;
	enum policy_action strictest;	/* of the recipients that were accepted */
	unsigned accepted;
	unsigned records;		/* of those that were refused: not counted */
	unsigned fields;
	unsigned long mailed;		/* when, in steps */
	struct facts facts;		/* at MAIL; what they point to is in "room" */
	char *room;			/* owned */
};

struct connected {
	SMFICTX *ctx;
	struct fake_options options;
	char address[64];		/* "": none that counts */
	int port;
	struct sent sent;
};

/* A request to the policy service for the pinned certificate. */
struct pinned {
	char address[64];
	int port;
	unsigned long step;
};

static struct service service;
static struct settings settings;
static struct connected connections[CONNECTIONS];
static struct pinned pinned[16];
static size_t pinned_count;
static unsigned long step;
static char ours[] = "mx.ours.example";

/* ------------------------------------------------------------------ *
 * What is true of a session
 * ------------------------------------------------------------------ */

static char *
macro_of(struct connected *c, const char *name)
{
	char room[24];
	char *value;

	(void)snprintf(room, sizeof(room), "%s", name);
	value = smfi_getsymval(c->ctx, room);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool
is_postfix(struct connected *c)
{
	const char *version = macro_of(c, "v");

	if (settings.mta != SETTINGS_MTA_AUTO)
		return settings.mta == SETTINGS_MTA_POSTFIX;
	return version != NULL && strncmp(version, "Postfix", 7) == 0;
}

static bool
is_sendmail(struct connected *c)
{
	const char *version = macro_of(c, "v");

	if (settings.mta != SETTINGS_MTA_AUTO)
		return settings.mta == SETTINGS_MTA_SENDMAIL;
	return version != NULL && version[0] >= '0' && version[0] <= '9';
}

/* Whether the policy service was told of the pinned certificate since MAIL. */
static bool
is_pinned(const struct connected *c)
{
	for (size_t i = 0; i < pinned_count; i++)
		if (pinned[i].port == c->port && pinned[i].port != 0 &&
		    strcmp(pinned[i].address, c->address) == 0 &&
		    pinned[i].step > c->sent.mailed)
			return true;
	return false;
}

static void
true_certificate(struct connected *c, struct facts *facts, char *room, size_t size)
{
	const char *verify = macro_of(c, "{verify}"), *name;

	if (is_postfix(c)) {
		facts->cert_cn = macro_of(c, "{cert_subject}");
		facts->cert_verified = facts->cert_cn != NULL ||
		    macro_of(c, "{cert_issuer}") != NULL ? POLICY_YES : POLICY_NO;
		return;
	}
	facts->cert_verified = verify != NULL && strcmp(verify, "OK") == 0 ?
	    POLICY_YES : POLICY_NO;
	name = macro_of(c, "{cn_subject}");
	if (name != NULL)
		facts->cert_cn = encoded_common_name(name, room, size);
}

/* Local mail: the MTA's own, that came over no network. */
static bool
is_local_mail(struct connected *c)
{
	if (is_sendmail(c))
		return c->address[0] == '-';
	return c->port == 0 && (strcmp(c->address, "127.0.0.1") == 0 ||
	    strcmp(c->address, "::1") == 0) && macro_of(c, "{client_resolve}") == NULL;
}

/* Keeps what is known at MAIL. */
static void
keep_facts(struct connected *c, const char *address)
{
	struct facts facts = FACTS_INIT;
	char from[LINE_ROOM], name[LINE_ROOM];

	facts.mta = is_postfix(c) ? "postfix" : is_sendmail(c) ? "sendmail" : NULL;
	(void)snprintf(from, sizeof(from), "%s", address);
	facts.from = address_trim(from);
	if (strchr(c->address, '.') != NULL || strchr(c->address, ':') != NULL)
		facts.client_addr = c->address;
	facts.local = is_local_mail(c);
	facts.sasl_username = macro_of(c, "{auth_authen}");
	facts.tls_version = macro_of(c, "{tls_version}");
	facts.cipher = macro_of(c, "{cipher}");
	if (facts.tls_version != NULL || facts.cipher != NULL) {
		facts.bits = correlation_number(macro_of(c, "{cipher_bits}"));
		true_certificate(c, &facts, name, sizeof(name));
		if (!is_postfix(c))
			facts.cert_fingerprint = macro_of(c, "{cert_fp}");
	} else if (!c->options.no_symlist && !c->options.failing_symlist) {
		facts.tls_version = "none";
	}
	c->sent.room = malloc(facts_copy_size(&facts));
	check(c->sent.room != NULL);
	facts_copy(&c->sent.facts, &facts, c->sent.room);
}

/* What the policy says of a recipient, as the client spelt it; NULL: of none yet. */
static enum policy_action
true_action(const struct connected *c, const char *recipient)
{
	const struct policy_options options = settings_policy_options(&settings, 1);
	struct facts facts = c->sent.facts;
	char to[LINE_ROOM];
	struct verdict verdict;

	if (recipient != NULL) {
		(void)snprintf(to, sizeof(to), "%s", recipient);
		facts.to = address_trim(to);
	}
	if (facts.cert_fingerprint == NULL && is_pinned(c))
		facts.cert_fingerprint = PINNED;
	check(policy_decide(daemon_policy(c->sent.policy), &facts, &options,
	    &verdict) == 0);
	return verdict.action;
}

/* ------------------------------------------------------------------ *
 * What must come of it
 * ------------------------------------------------------------------ */

/* A refusal has its record, but one for what is on our side: an error, or the end. */
static void
check_refusal(struct connected *c, sfsistat status, unsigned records)
{
	const char *reply = fake_reply(c->ctx);

	check(status == SMFIS_REJECT || status == SMFIS_TEMPFAIL);
	check(records <= 1);
	if (!c->options.failing_reply && strncmp(reply, "451 4.3.", 8) != 0)
		check(records == 1);
}

/* Only our own field may say that it is ours, and it is on top. */
static void
check_header(struct connected *c)
{
	static const char name[] = AUTHRES_FIELD ":";
	char field[LINE_ROOM + 4096];

	for (size_t i = 0; fake_field(c->ctx, i, field, sizeof(field)); i++) {
		const char *value = field + sizeof(name) - 1;

		if (strncasecmp(field, name, sizeof(name) - 1) != 0)
			continue;
		value += strspn(value, " \t\r\n");
		if (strncasecmp(value, ours, sizeof(ours) - 1) == 0 &&
		    strchr("; \n", value[sizeof(ours) - 1]) != NULL)
			check(i == 0 && strstr(value, "x-tls=") != NULL);
	}
}

/* The message is accepted, at whichever step. */
static void
check_accepted(struct connected *c, enum policy_action strictest)
{
	check(c->sent.open && !c->sent.refused);
	check(!fuzz_refuses(strictest));
	if (strictest == POLICY_QUARANTINE)
		check(fake_held(c->ctx)[0] != '\0');
	check(c->sent.records == 1);
	if (settings.authentication_results != NULL)
		check_header(c);
	c->sent.open = false;
}

static void
play_mail(struct connected *c, const char *address)
{
	unsigned records = daemon_records;
	sfsistat status;

	free(c->sent.room);
	c->sent = (struct sent){ .open = true, .policy = daemon_in_force,
	    .mailed = step };
	status = fake_mail(c->ctx, address);
	keep_facts(c, address);
	records = daemon_records - records;
	check(status == SMFIS_TEMPFAIL || atomic_load(&service.stage) == SERVICE_OPEN);
	c->sent.records = records;
	if (status == SMFIS_ACCEPT) {
		check_accepted(c, true_action(c, NULL));
		return;
	}
	if (status == SMFIS_CONTINUE) {
		check(records == 0);
		return;
	}
	check_refusal(c, status, records);
	c->sent.open = false;
}

static void
play_recipient(struct connected *c, const char *address)
{
	unsigned records = daemon_records;
	sfsistat status = fake_rcpt(c->ctx, address);
	enum policy_action action;

	records = daemon_records - records;
	if (status != SMFIS_CONTINUE) {
		check_refusal(c, status, records);
		return;
	}
	check(c->sent.open && records == 0);
	action = true_action(c, address);
	check(!fuzz_refuses(action) || c->sent.facts.local);
	if (action > c->sent.strictest)
		c->sent.strictest = action;
	c->sent.accepted++;
}

/* DATA, and the message's end. */
static void
play_data(struct connected *c, bool at_end)
{
	unsigned records = daemon_records;
	sfsistat status = at_end ? fake_end(c->ctx) : fake_data(c->ctx);

	records = daemon_records - records;
	c->sent.records += records;
	if (status == SMFIS_ACCEPT) {
		check(c->sent.accepted > 0);
		check_accepted(c, c->sent.strictest);
	} else if (status == SMFIS_CONTINUE) {
		check((!at_end && c->sent.open && !c->sent.refused) ||
		    c->sent.accepted == 0);
		check(c->sent.records <= 1);
	} else if (c->sent.open && !c->sent.refused) {
		check_refusal(c, status, records);
		c->sent.refused = true;
	} else {
		/* What was refused is refused again, and not recorded again. */
		check(status == SMFIS_REJECT || status == SMFIS_TEMPFAIL);
		check(records == 0);
	}
	if (at_end)
		c->sent.open = false;
}

/* ------------------------------------------------------------------ *
 * The other steps
 * ------------------------------------------------------------------ */

static void
play_close(struct connected *c)
{
	if (c->ctx == NULL)
		return;
	(void)fake_close(c->ctx);
	fake_free(&c->ctx);
	free(c->sent.room);
	memset(c, 0, sizeof(*c));
}

static void
play_new(struct connected *c, const char *letters)
{
	static struct smfiDesc milter;
	struct fake_options options = {
		.mta = strchr(letters, 'm') != NULL ? FAKE_SENDMAIL : FAKE_POSTFIX,
		.no_symlist = strchr(letters, 's') != NULL,
		.no_quarantine = strchr(letters, 'q') != NULL,
		.no_add = strchr(letters, 'a') != NULL,
		.no_change = strchr(letters, 'c') != NULL,
		.no_version = strchr(letters, 'v') != NULL,
		.failing_symlist = strchr(letters, 'S') != NULL,
		.failing_reply = strchr(letters, 'R') != NULL,
		.failing_quarantine = strchr(letters, 'Q') != NULL,
		.failing_add = strchr(letters, 'A') != NULL,
		.failing_change = strchr(letters, 'C') != NULL,
		.one_thread = true,
	};

	play_close(c);
	milter = callbacks_description();
	c->options = options;
	c->ctx = fake_new(&milter, &options);
	check(c->ctx != NULL);
	(void)fake_negotiate(c->ctx);
}

/* Of the client Postfix and Sendmail tell at MAIL again. */
static void
tell_client(struct connected *c)
{
	char port[16];

	(void)snprintf(port, sizeof(port), "%d", c->port);
	fake_macro(c->ctx, "{client_addr}", c->port != 0 ? c->address : NULL);
	fake_macro(c->ctx, "{client_port}", c->port != 0 ? port : NULL);
}

static void
play_client(struct connected *c, char *text)
{
	char *rest = NULL, *host = strtok_r(text, " ", &rest);
	char *address = strtok_r(NULL, " ", &rest), *port = strtok_r(NULL, " ", &rest);
	int number = port != NULL ? atoi(port) & 0xffff : 0;
	struct endpoint end;

	c->sent.open = false;
	endpoint_read(&end, address, NULL);
	if (!end.known && address != NULL && strcmp(address, "unix") != 0)
		address = NULL;
	/* "-": no address at all; "": one of another family. */
	(void)snprintf(c->address, sizeof(c->address), "%s", address == NULL ? "-" :
	    end.known ? address : "");
	c->port = end.known ? number : 0;
	tell_client(c);
	(void)fake_connect(c->ctx, host != NULL ? host : "", address, number);
}

/*
 * QUIT_NC and another connect: libmilter forgets all of a message alone. The first session
 * had a client: without one it is local mail, whatever comes.
 */
static void
play_another(struct connected *c, char *text)
{
	char host[64], address[64];
	struct endpoint end;
	int port;

	if (sscanf(text, "%63s %63s %d", host, address, &port) != 3)
		return;
	endpoint_read(&end, address, NULL);
	if (!end.known || port <= 0 || port > 65535 || c->address[0] == '\0')
		return;
	(void)fake_abort(c->ctx);
	c->sent.open = false;
	(void)snprintf(c->address, sizeof(c->address), "%s", address);
	c->port = port;
	tell_client(c);
}

static void
play_field(struct connected *c, char *text)
{
	char *value = strchr(text, ':');

	if (value == NULL || c->sent.fields >= FIELDS_MOST)
		return;
	*value++ = '\0';
	for (char *at = value; *at != '\0'; at++)
		if (*at == '\r' || *at == '\v')
			*at = *at == '\v' ? '\n' : ' ';
	c->sent.fields++;
	(void)fake_header(c->ctx, text, value + (*value == ' '));
}

/* What a request certainly tells, where Postfix would have made it so. */
static void
note_pinned(const char *address, const char *port, const char *digest)
{
	char normal[CORRELATION_DIGEST_SIZE];

	if (pinned_count == sizeof(pinned) / sizeof(pinned[0]) || port == NULL ||
	    !policy_fingerprint_normalize(digest, normal, sizeof(normal)) ||
	    strcmp(normal, "sha256:" PINNED) != 0)
		return;
	(void)snprintf(pinned[pinned_count].address, sizeof(pinned[0].address), "%s",
	    address);
	pinned[pinned_count].port = atoi(port);
	pinned[pinned_count++].step = step;
}

static void
play_request(char *text)
{
	static const char *const names[] = { "client_address", "client_port", "sender",
	    "recipient", "ccert_fingerprint", "encryption_protocol",
	    "encryption_cipher", "encryption_keysize" };
	struct answer_state state = { .serial = 1 };
	struct delegation request = { .state = DELEGATION_EMPTY };
	struct buffer lines = BUFFER_INIT, out = BUFFER_INIT;
	char *rest = NULL, *words[8] = { NULL };

	for (size_t i = 0; i < 8; i++)
		words[i] = strtok_r(i == 0 ? text : NULL, " ", &rest);
	buffer_string(&lines, "request=smtpd_access_policy\nprotocol_state=RCPT\n");
	for (size_t i = 0; i < 8; i++)
		if (words[i] != NULL)
			buffer_format(&lines, "%s=%s\n", names[i],
			    strcmp(words[i], "-") == 0 ? "" : words[i]);
	buffer_string(&lines, "\n");
	(void)delegation_feed(&request, lines.text, lines.length);
	if (request.state == DELEGATION_COMPLETE &&
	    answer_request(&service, &state, &request, &out))
		(void)daemon_read_answer(&out);
	if (words[4] != NULL && request.state == DELEGATION_COMPLETE)
		note_pinned(words[0], words[1], words[4]);
	delegation_clear(&request);
	buffer_free(&lines);
	buffer_free(&out);
}

static void
play_macro(struct connected *c, char *text)
{
	char *value = strchr(text, '=');

	if (value != NULL)
		*value++ = '\0';
	fake_macro(c->ctx, text, value);
}

static void
play_step(struct connected *c, char command, char *text)
{
	unsigned records = daemon_records;

	switch (command) {
	case 'M':
		play_mail(c, text);
		return;
	case 'R':
		if (c->sent.accepted < RECIPIENTS_MOST)
			play_recipient(c, text);
		return;
	case 'D':
	case 'E':
		play_data(c, command == 'E');
		return;
	case 'C':
		play_client(c, text);
		break;
	case 'X':
		play_another(c, text);
		break;
	case 'H':
		(void)fake_helo(c->ctx, text);
		break;
	case 'L':
		play_field(c, text);
		break;
	case 'A':
		(void)fake_abort(c->ctx);
		c->sent.open = false;
		break;
	case 'i':
		fake_queue_id(c->ctx, text[0] != '\0' ? text : NULL);
		break;
	case 'm':
		play_macro(c, text);
		break;
	default:
		play_close(c);
		break;
	}
	check(daemon_records == records);
}

/* The journal ends after the last stage that has steps: nothing is recorded in it. */
static void
play_end(void)
{
	if (atomic_load(&service.stage) < SERVICE_CLOSED)
		(void)atomic_fetch_add(&service.stage, 1);
}

/* ------------------------------------------------------------------ *
 * A run
 * ------------------------------------------------------------------ */

static void
begin(const char *letters)
{
	static struct authres *authres;

	daemon_start(&service, &settings, DAEMON_POLICY(letters[0]));
	settings.mta = strchr(letters, 's') != NULL ? SETTINGS_MTA_SENDMAIL :
	    strchr(letters, 'p') != NULL ? SETTINGS_MTA_POSTFIX : SETTINGS_MTA_AUTO;
	settings.quarantine_as = strchr(letters, 'h') != NULL ? SETTINGS_HOLD_TEMPFAIL :
	    strchr(letters, 'j') != NULL ? SETTINGS_HOLD_REJECT : SETTINGS_HOLD;
	if (strchr(letters, 'm') != NULL && strchr(letters, 'c') == NULL)
		settings.reply_at = SETTINGS_REPLY_AT_MAIL;
	settings.follow_accepted = strchr(letters, 'f') != NULL;
	settings.soft_bounce = strchr(letters, 't') != NULL;
	settings.log_accepted = strchr(letters, 'l') == NULL;
	if (strchr(letters, 'a') != NULL) {
		if (authres == NULL)
			authres = authres_new(ours);
		check(authres != NULL);
		settings.authentication_results = ours;
		service.authres = authres;
	}
	if (strchr(letters, 'c') != NULL) {
		service.correlation = correlation_new();
		check(service.correlation != NULL);
	}
	settings.policy_service_answers = SETTINGS_ANSWERS_FACTS;
	callbacks_serve(&service);
	pinned_count = 0;
	step = 0;
}

static void
end(void)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		play_close(&connections[i]);
	correlation_free(&service.correlation);
	daemon_end(&service);
	check(fake_faults() == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct connected *c = &connections[0];
	char line[LINE_ROOM], *text;
	unsigned records;

	if (!fuzz_line(&input, line, sizeof(line)))
		return 0;
	begin(line);
	while (fuzz_line(&input, line, sizeof(line))) {
		step++;
		text = line + (line[0] != '\0') + (line[0] != '\0' && line[1] == ' ');
		if (line[0] >= '0' && line[0] < '0' + CONNECTIONS)
			c = &connections[line[0] - '0'];
		else if (line[0] == 'P')
			daemon_reload(&service, DAEMON_POLICY(text[0]));
		else if (line[0] == 'T')
			play_end();
		else if (line[0] == 'S' && service.correlation != NULL)
			play_request(text);
		else if (line[0] == 'N' || (c->ctx == NULL && line[0] != 'Q'))
			play_new(c, line[0] == 'N' ? text : "");
		records = daemon_records;
		if (c->ctx != NULL && line[0] != '\0' &&
		    strchr("MRDECHLAXimQ", line[0]) != NULL)
			play_step(c, line[0], text);
		check(daemon_records == records ||
		    atomic_load(&service.stage) < SERVICE_CLOSED);
	}
	end();
	return 0;
}
