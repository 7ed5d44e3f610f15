/*
 * fake.c - a libmilter without a network.
 *
 * Nothing here allocates while a callback runs: a test that lets allocations fail
 * means the daemon's.
 *
 * SPDX-License-Identifier: ISC
 */
#include "fake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "allocation.h"

#define STAGES (SMFIM_LAST + 1)
#define MACROS_MAX 32
#define NAME_SIZE 24
#define LIST_SIZE 1024
#define FIELDS_MAX 64

struct pair {
	char name[NAME_SIZE];
	char *value;
};

struct slot {
	struct pair pairs[MACROS_MAX];
	size_t count;
};

struct field {
	char *name;
	char *value;
};

struct smfi_str {
	const struct smfiDesc *milter;
	struct fake_options options;
	void *private_data;
	struct pair known[MACROS_MAX];		/* what the MTA could send */
	size_t known_count;
	char *queue_id;
	int recipients;
	char lists[STAGES][LIST_SIZE];		/* what it was asked for */
	bool listed[STAGES];
	struct slot slots[STAGES];		/* what it sent, as libmilter keeps it */
	unsigned long actions;
	unsigned long steps;
	struct field fields[FIELDS_MAX];	/* of the message, without the added */
	size_t field_count;
	char added[4600];			/* the one on top; "": none */
	bool negotiating;
	bool losing;				/* the next packet of macros */
	bool at_end;
	bool closing;
	char reply[1400];
	char held[256];
};

/* What an MTA sends that was not asked for anything. */
static const char *const defaults[STAGES] = {
	[SMFIM_CONNECT] = "v",
	[SMFIM_HELO] = "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
	[SMFIM_ENVFROM] = "i {mail_addr} {auth_authen}",
	[SMFIM_ENVRCPT] = "i {rcpt_addr}",
	[SMFIM_DATA] = "i",
	[SMFIM_EOM] = "i",
	[SMFIM_EOH] = "i",
};

static unsigned faults;

unsigned
fake_faults(void)
{
	return faults;
}

static void
fault(const char *what, const char *detail)
{
	faults++;
	(void)fprintf(stderr, "fault: %s: %s\n", what, detail);
}

/* ------------------------------------------------------------------ *
 * Macros
 * ------------------------------------------------------------------ */

static void
clear_slot(struct slot *slot)
{
	for (size_t i = 0; i < slot->count; i++)
		free(slot->pairs[i].value);
	slot->count = 0;
}

static void
set_pair(struct pair *pair, const char *name, const char *value)
{
	(void)snprintf(pair->name, sizeof(pair->name), "%s", name);
	pair->value = strdup(value);
	if (pair->value == NULL)
		abort();
}

void
fake_lose_macros(SMFICTX *ctx)
{
	ctx->losing = true;
}

void
fake_macro(SMFICTX *ctx, const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < ctx->known_count; i++)
		if (strcmp(ctx->known[i].name, name) == 0)
			break;
	if (i < ctx->known_count) {
		free(ctx->known[i].value);
		ctx->known[i] = ctx->known[--ctx->known_count];
	}
	if (value != NULL && ctx->known_count < MACROS_MAX)
		set_pair(&ctx->known[ctx->known_count++], name, value);
}

void
fake_queue_id(SMFICTX *ctx, const char *id)
{
	free(ctx->queue_id);
	ctx->queue_id = id != NULL ? strdup(id) : NULL;
}

static const char *
known_value(const SMFICTX *ctx, int stage, const char *name)
{
	if (strcmp(name, "i") == 0) {
		/* Postfix has none before the second recipient. */
		if (ctx->options.mta == FAKE_POSTFIX && (stage < SMFIM_ENVRCPT ||
		    (stage == SMFIM_ENVRCPT && ctx->recipients < 1)))
			return NULL;
		return ctx->queue_id;
	}
	for (size_t i = 0; i < ctx->known_count; i++)
		if (strcmp(ctx->known[i].name, name) == 0)
			return ctx->known[i].value;
	return NULL;
}

/* A stage without any macro brings no packet, and libmilter keeps the old one. */
static void
send_macros(SMFICTX *ctx, int stage)
{
	char list[LIST_SIZE], *rest = NULL;
	struct slot fresh = { .count = 0 };
	int asked = 0;

	/* Doctor says at the connect who it is, unasked. */
	(void)snprintf(list, sizeof(list), "%s%s",
	    ctx->listed[stage] ? ctx->lists[stage] : defaults[stage],
	    stage == SMFIM_CONNECT ? " {tlsward_nonce}" : "");
	for (char *name = strtok_r(list, " ,", &rest); name != NULL;
	    name = strtok_r(NULL, " ,", &rest)) {
		const char *value = known_value(ctx, stage, name);

		if (++asked > 50)
			fault("more than 50 macros", name);
		if (value != NULL && fresh.count < MACROS_MAX)
			set_pair(&fresh.pairs[fresh.count++], name, value);
	}
	if (ctx->losing) {
		ctx->losing = false;
		clear_slot(&fresh);
	}
	if (fresh.count == 0)
		return;
	clear_slot(&ctx->slots[stage]);
	ctx->slots[stage] = fresh;
}

/* As libmilter does when a command arrives. */
static void
forget_later(SMFICTX *ctx, int stage)
{
	for (int i = stage + 1; i < STAGES; i++)
		clear_slot(&ctx->slots[i]);
}

/* ------------------------------------------------------------------ *
 * What the milter calls
 * ------------------------------------------------------------------ */

int
smfi_setpriv(SMFICTX *ctx, void *data)
{
	ctx->private_data = data;
	return MI_SUCCESS;
}

void *
smfi_getpriv(SMFICTX *ctx)
{
	return ctx->private_data;
}

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
	for (int stage = STAGES - 1; stage >= 0; stage--) {
		struct slot *slot = &ctx->slots[stage];

		for (size_t i = 0; i < slot->count; i++)
			if (strcmp(slot->pairs[i].name, name) == 0)
				return slot->pairs[i].value;
	}
	return NULL;
}

int
smfi_setsymlist(SMFICTX *ctx, int stage, char *macros)
{
	if (!ctx->negotiating || ctx->options.no_symlist)
		fault("smfi_setsymlist", "not offered, or not in the negotiation");
	if (ctx->options.failing_symlist && stage == SMFIM_ENVFROM)
		return MI_FAILURE;
	(void)snprintf(ctx->lists[stage], LIST_SIZE, "%s", macros);
	ctx->listed[stage] = true;
	return MI_SUCCESS;
}

/* Undoes what an MTA's format undoes; a single "%" would lose the text. */
static void
take_text(SMFICTX *ctx, const char *code, const char *enhanced, const char *text)
{
	int head = snprintf(ctx->reply, sizeof(ctx->reply), "%s %s ", code, enhanced);
	size_t length = head > 0 ? (size_t)head : 0;

	for (; *text != '\0' && length + 1 < sizeof(ctx->reply); text++) {
		if (*text < ' ' || *text > '~')
			fault("a reply that is not printable ASCII", ctx->reply);
		if (*text == '%' && *++text != '%') {
			fault("a single % in a reply", ctx->reply);
			break;
		}
		ctx->reply[length++] = *text;
	}
	ctx->reply[length] = '\0';
}

int
smfi_setreply(SMFICTX *ctx, char *code, char *enhanced, char *text)
{
	if (strlen(code) != 3 || (code[0] != '4' && code[0] != '5'))
		fault("a code that is none", code);
	if (enhanced == NULL || enhanced[0] != code[0])
		fault("an enhanced code of another class", code);
	if (text == NULL || strlen(text) > 980)
		fault("a text that libmilter does not take", code);
	if (ctx->options.failing_reply)
		return MI_FAILURE;
	take_text(ctx, code, enhanced, text != NULL ? text : "");
	return MI_SUCCESS;
}

int
smfi_quarantine(SMFICTX *ctx, char *reason)
{
	if (!ctx->at_end || ctx->options.no_quarantine)
		fault("smfi_quarantine", "not offered, or not at the end of a message");
	if (ctx->options.failing_quarantine)
		return MI_FAILURE;
	(void)snprintf(ctx->held, sizeof(ctx->held), "%s", reason);
	return MI_SUCCESS;
}

/* As in Postfix: what is gone is not counted. */
int
smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	size_t length = strlen(name);
	int count = 0;

	if (!ctx->at_end || (ctx->actions & SMFIF_CHGHDRS) == 0 || value != NULL)
		fault("smfi_chgheader", "not agreed on, not at the end, or no removal");
	if (ctx->options.failing_change)
		return MI_FAILURE;
	for (size_t i = 0; i < ctx->field_count; i++) {
		struct field *field = &ctx->fields[i];

		if (field->value == NULL || strncasecmp(field->name, name, length) != 0 ||
		    field->name[length + strspn(field->name + length, " \t")] != '\0' ||
		    ++count != index)
			continue;
		free(field->value);
		field->value = NULL;
		return MI_SUCCESS;
	}
	fault("smfi_chgheader", "there is no such field");
	return MI_SUCCESS;
}

int
smfi_insheader(SMFICTX *ctx, int index, char *name, char *value)
{
	if (!ctx->at_end || (ctx->actions & SMFIF_ADDHDRS) == 0 || index != 0)
		fault("smfi_insheader", "not agreed on, not at the end, or not on top");
	if (ctx->added[0] != '\0')
		fault("smfi_insheader", "twice");
	if (strchr(value, '\r') != NULL)
		fault("smfi_insheader", "a carriage return");
	if (ctx->options.failing_add)
		return MI_FAILURE;
	(void)snprintf(ctx->added, sizeof(ctx->added), "%s: %s", name, value);
	return MI_SUCCESS;
}

/* ------------------------------------------------------------------ *
 * The MTA's side
 * ------------------------------------------------------------------ */

SMFICTX *
fake_new(const struct smfiDesc *milter, const struct fake_options *options)
{
	SMFICTX *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		return NULL;
	ctx->milter = milter;
	ctx->options = *options;
	if (!options->no_version)
		fake_macro(ctx, "v",
		    options->mta == FAKE_POSTFIX ? "Postfix 3.7.11" : "8.17.1.9/x");
	fake_queue_id(ctx, "4fake");
	return ctx;
}

static void
clear_fields(SMFICTX *ctx)
{
	for (size_t i = 0; i < ctx->field_count; i++) {
		free(ctx->fields[i].name);
		free(ctx->fields[i].value);
	}
	ctx->field_count = 0;
	ctx->added[0] = '\0';
}

void
fake_free(SMFICTX **ctx)
{
	if (*ctx == NULL)
		return;
	for (int i = 0; i < STAGES; i++)
		clear_slot(&(*ctx)->slots[i]);
	for (size_t i = 0; i < (*ctx)->known_count; i++)
		free((*ctx)->known[i].value);
	free((*ctx)->queue_id);
	clear_fields(*ctx);
	free(*ctx);
	*ctx = NULL;
}

struct call {
	SMFICTX *ctx;
	char stage;
	char *text;
	char *value;			/* of a header field */
	struct sockaddr *address;
	sfsistat status;
};

static sfsistat
negotiate(SMFICTX *ctx)
{
	unsigned long actions = 0x1ff, steps = 0x1fffff, wanted_actions = 0;
	unsigned long wanted_steps = 0, unused1 = 0, unused2 = 0;
	sfsistat status;

	if (ctx->options.no_symlist)
		actions &= ~(unsigned long)SMFIF_SETSYMLIST;
	if (ctx->options.no_quarantine)
		actions &= ~(unsigned long)SMFIF_QUARANTINE;
	if (ctx->options.no_add)
		actions &= ~(unsigned long)SMFIF_ADDHDRS;
	if (ctx->options.no_change)
		actions &= ~(unsigned long)SMFIF_CHGHDRS;
	ctx->negotiating = true;
	status = ctx->milter->xxfi_negotiate(ctx, actions, steps, 0, 0, &wanted_actions,
	    &wanted_steps, &unused1, &unused2);
	ctx->negotiating = false;
	if ((wanted_actions & ~actions) != 0 || (wanted_steps & ~steps) != 0)
		fault("negotiation", "something was asked for that was not offered");
	ctx->actions = wanted_actions;
	ctx->steps = wanted_steps;
	return status;
}

static void *
run(void *argument)
{
	struct call *call = argument;
	const struct smfiDesc *milter = call->ctx->milter;
	char size[] = "SIZE=100";
	char *arguments[] = { call->text, size, NULL };

	if (!call->ctx->options.one_thread)
		allocation_watch();
	switch (call->stage) {
	case 'O':
		call->status = negotiate(call->ctx);
		break;
	case 'C':
		call->status = milter->xxfi_connect(call->ctx, call->text,
		    call->address);
		break;
	case 'H':
		call->status = milter->xxfi_helo(call->ctx, call->text);
		break;
	case 'M':
		call->status = milter->xxfi_envfrom(call->ctx, arguments);
		break;
	case 'R':
		call->status = milter->xxfi_envrcpt(call->ctx, arguments);
		break;
	case 'T':
		call->status = milter->xxfi_data(call->ctx);
		break;
	case 'L':
		call->status = milter->xxfi_header(call->ctx, call->text, call->value);
		break;
	case 'N':
		call->status = milter->xxfi_eoh(call->ctx);
		break;
	case 'E':
		call->status = milter->xxfi_eom(call->ctx);
		break;
	case 'A':
		call->status = milter->xxfi_abort(call->ctx);
		break;
	default:
		call->status = milter->xxfi_close(call->ctx);
		break;
	}
	return NULL;
}

/* A reply whose class is not the status's is dropped by libmilter, unseen. */
static void
check_class(SMFICTX *ctx, sfsistat status)
{
	if (ctx->reply[0] == '5' && status != SMFIS_REJECT)
		fault("a 5xx that is not sent", ctx->reply);
	if (ctx->reply[0] == '4' && status != SMFIS_TEMPFAIL)
		fault("a 4xx that is not sent", ctx->reply);
}

static sfsistat
call_milter(SMFICTX *ctx, char stage, const char *text, const char *value,
    struct sockaddr *address)
{
	char *copy = strdup(text), *second = strdup(value);
	struct call call = { ctx, stage, copy, second, address, FAKE_NOT_CALLED };
	pthread_t thread;

	if (copy == NULL || second == NULL)
		abort();
	if (ctx->options.one_thread)
		(void)run(&call);
	else if (pthread_create(&thread, NULL, run, &call) != 0 ||
	    pthread_join(thread, NULL) != 0)
		abort();
	free(copy);
	free(second);
	check_class(ctx, call.status);
	return call.status;
}

static sfsistat
command(SMFICTX *ctx, char stage, int macros, const char *text,
    struct sockaddr *address)
{
	ctx->reply[0] = '\0';
	if (macros >= 0) {
		send_macros(ctx, macros);
		if (stage == 'C' || stage == 'H' || stage == 'M' || stage == 'R')
			forget_later(ctx, macros);
	}
	return call_milter(ctx, stage, text, "", address);
}

sfsistat
fake_negotiate(SMFICTX *ctx)
{
	return command(ctx, 'O', -1, "", NULL);
}

static void
check_silence(const SMFICTX *ctx, unsigned long step, sfsistat status)
{
	if (((ctx->steps & step) != 0) != (status == SMFIS_NOREPLY))
		fault("no reply was agreed on, or was not", "connect, helo or header");
}

/* Both MTAs tell of the client in macros too; of none, in no way that can be read. */
static void
tell_of_client(SMFICTX *ctx, const struct sockaddr *given, const char *address, int port)
{
	char text[INET6_ADDRSTRLEN + 8];

	(void)snprintf(text, sizeof(text), "%s%s", given != NULL &&
	    given->sa_family == AF_INET6 ? "IPv6:" : "", given != NULL ? address : "unknown");
	fake_macro(ctx, "{client_addr}", text);
	(void)snprintf(text, sizeof(text), "%d", port);
	fake_macro(ctx, "{client_port}", text);
}

sfsistat
fake_connect(SMFICTX *ctx, const char *host, const char *address, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/x" };
	struct sockaddr *given = NULL;
	sfsistat status;

	if (address != NULL && strcmp(address, "unix") == 0) {
		given = (struct sockaddr *)&un;
	} else if (address != NULL && inet_pton(AF_INET, address, &in.sin_addr) == 1) {
		in.sin_port = htons((in_port_t)port);
		given = (struct sockaddr *)&in;
	} else if (address != NULL &&
	    inet_pton(AF_INET6, address, &in6.sin6_addr) == 1) {
		in6.sin6_port = htons((in_port_t)port);
		given = (struct sockaddr *)&in6;
	}
	tell_of_client(ctx, given, address, port);
	status = command(ctx, 'C', SMFIM_CONNECT, host, given);
	check_silence(ctx, SMFIP_NR_CONN, status);
	return status;
}

sfsistat
fake_helo(SMFICTX *ctx, const char *name)
{
	sfsistat status = command(ctx, 'H', SMFIM_HELO, name, NULL);

	check_silence(ctx, SMFIP_NR_HELO, status);
	return status;
}

sfsistat
fake_mail(SMFICTX *ctx, const char *address)
{
	ctx->recipients = 0;
	ctx->held[0] = '\0';
	clear_fields(ctx);
	return command(ctx, 'M', SMFIM_ENVFROM, address, NULL);
}

sfsistat
fake_rcpt(SMFICTX *ctx, const char *address)
{
	sfsistat status = command(ctx, 'R', SMFIM_ENVRCPT, address, NULL);

	if (status == SMFIS_CONTINUE)
		ctx->recipients++;
	return status;
}

sfsistat
fake_data(SMFICTX *ctx)
{
	ctx->reply[0] = '\0';
	if ((ctx->steps & SMFIP_NODATA) != 0)
		return SMFIS_CONTINUE;
	return command(ctx, 'T', SMFIM_DATA, "", NULL);
}

sfsistat
fake_header(SMFICTX *ctx, const char *name, const char *value)
{
	struct field *field = &ctx->fields[ctx->field_count];
	sfsistat status;

	if (ctx->field_count == FIELDS_MAX)
		abort();
	field->name = strdup(name);
	field->value = strdup(value);
	if (field->name == NULL || field->value == NULL)
		abort();
	ctx->field_count++;
	ctx->reply[0] = '\0';
	if ((ctx->steps & SMFIP_NOHDRS) != 0)
		return FAKE_NOT_CALLED;
	send_macros(ctx, SMFIM_EOH);
	status = call_milter(ctx, 'L', name, value, NULL);
	check_silence(ctx, SMFIP_NR_HDR, status);
	return status;
}

/*
 * Header fields wanted and their end not: of a message without any libmilter would
 * never answer the end.
 */
static void
end_header(SMFICTX *ctx)
{
	if ((ctx->steps & SMFIP_NOEOH) == 0)
		check_silence(ctx, SMFIP_NR_EOH, command(ctx, 'N', SMFIM_EOH, "", NULL));
	else if ((ctx->steps & SMFIP_NOHDRS) == 0)
		fault("negotiation", "header fields without their end");
}

sfsistat
fake_end(SMFICTX *ctx)
{
	sfsistat status;

	end_header(ctx);
	ctx->at_end = true;
	status = command(ctx, 'E', SMFIM_EOM, "", NULL);
	ctx->at_end = false;
	/* Both MTAs take a message that goes on at its end. */
	return status == SMFIS_CONTINUE && ctx->recipients > 0 ? SMFIS_ACCEPT : status;
}

sfsistat
fake_abort(SMFICTX *ctx)
{
	return command(ctx, 'A', -1, "", NULL);
}

sfsistat
fake_close(SMFICTX *ctx)
{
	sfsistat status = command(ctx, 'Q', -1, "", NULL);

	if (ctx->private_data != NULL)
		fault("close", "private data is left behind");
	return status;
}

const char *
fake_reply(const SMFICTX *ctx)
{
	return ctx->reply;
}

const char *
fake_held(const SMFICTX *ctx)
{
	return ctx->held;
}

bool
fake_field(const SMFICTX *ctx, size_t index, char *out, size_t size)
{
	if (ctx->added[0] != '\0' && index-- == 0) {
		(void)snprintf(out, size, "%s", ctx->added);
		return true;
	}
	for (size_t i = 0; i < ctx->field_count; i++) {
		if (ctx->fields[i].value == NULL || index-- > 0)
			continue;
		(void)snprintf(out, size, "%s: %s", ctx->fields[i].name,
		    ctx->fields[i].value);
		return true;
	}
	return false;
}
