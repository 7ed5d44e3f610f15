/*
 * probe_dns.c - questions to DNS, with what DNSSEC says of the answers.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef TLSWARD_UNBOUND
#include <unbound.h>
#endif

#include "tool/probe_say.h"
#include "base/text.h"

int
dns_time_left(const struct probe_budget *budget, int most)
{
	int64_t left = budget->deadline - probe_clock_ms();

	return left < 0 ? 0 : left < most ? (int)left : most;
}

/* ------------------------------------------------------------------ *
 * Names as they are on the wire
 * ------------------------------------------------------------------ */

static bool
is_of_hosts(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* What fits of one byte of a label, at "used". */
static size_t
write_label_byte(unsigned char byte, char name[PROBE_NAME], size_t used, bool *fits)
{
	char text[8];
	char c = text_lower((char)byte);
	int length = is_of_hosts(c) ? snprintf(text, sizeof(text), "%c", c) :
	    snprintf(text, sizeof(text), "\\%03u", byte);

	if (used + (size_t)length + 1 > PROBE_NAME) {
		*fits = false;
		return used;
	}
	*fits &= length == 1;
	memcpy(name + used, text, (size_t)length);
	return used + (size_t)length;
}

bool
dns_read_name(const unsigned char *wire, size_t length, char name[PROBE_NAME])
{
	size_t used = 0, at = 0;
	bool good = true;

	while (at < length && wire[at] != 0 && wire[at] <= 63 && at + wire[at] < length) {
		size_t end = at + 1 + wire[at];

		if (used > 0 && used + 2 <= PROBE_NAME)
			name[used++] = '.';
		for (at++; at < end; at++)
			used = write_label_byte(wire[at], name, used, &good);
	}
	name[used] = '\0';
	return good && at + 1 == length && wire[at] == 0;
}

/* ------------------------------------------------------------------ *
 * With libunbound
 * ------------------------------------------------------------------ */

#ifdef TLSWARD_UNBOUND

#define RCODE_NAME_ERROR 3
#define PATIENCE_MS 10000		/* for one answer; the budget may have less */

struct dns {
	const struct probe_names *names;
	const struct probe_budget *budget;
	struct ub_ctx *context;
	const char *anchor;	/* NULL: nothing is validated */
	bool unreadable;	/* that file has no keys */
	bool proven;		/* there was an answer, or the anchor is given up */
	char unvalidated[PROBE_TEXT];
};

/* One question that is under way. */
struct dns_question {
	bool done;
	int error;
	struct ub_result *result;
};

bool
dns_is_whole(void)
{
	return true;
}

/* Where Debian and others have the root's keys. */
static const char *
find_anchor(void)
{
	static const char *const places[] = {
		"/usr/share/dns/root.key", "/var/lib/unbound/root.key",
		"/etc/unbound/root.key", "/usr/share/dnssec-root/trusted-key.key"
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

/*
 * A resolver on this machine may be asked, and of the zones that libunbound answers
 * itself, those for tests go to it too.
 */
static int
set_dns_options(const struct dns *dns)
{
	struct ub_ctx *context = dns->context;
	int error = ub_ctx_set_option(context, "do-not-query-localhost:", "no");

	if (error == 0)
		error = ub_ctx_set_option(context, "local-zone:", "test. transparent");
	if (error == 0)
		error = ub_ctx_async(context, 1);
	if (error == 0 && dns->anchor != NULL)
		error = ub_ctx_add_ta_file(context, dns->anchor);
	(void)ub_ctx_debugout(context, NULL);
	return error;
}

/* Asks these resolvers from now on. */
static bool
open_dns_context(struct dns *dns, char why[PROBE_TEXT])
{
	const char *resolver = dns->names->resolver;
	int error;

	why[0] = '\0';
	ub_ctx_delete(dns->context);
	if ((dns->context = ub_ctx_create()) == NULL ||
	    (error = set_dns_options(dns)) == UB_NOMEM)
		return false;
	if (error == 0 && resolver != NULL)
		error = ub_ctx_set_fwd(dns->context, resolver);
	else if (error == 0)
		error = ub_ctx_resolvconf(dns->context, NULL);
	if (error == 0)
		return true;
	if (error == UB_SYNTAX && resolver != NULL)
		probe_say(why, "--resolver takes ADDRESS or ADDRESS@PORT, and not ", resolver);
	else if (error != UB_NOMEM)
		probe_say(why, "no resolver can be asked: ", ub_strerror(error));
	return false;
}

static const char no_anchor[] = "no root keys of DNSSEC are here (--anchor FILE; Debian has "
    "them in dns-root-data)";

bool
dns_new(const struct probe_names *names, const struct probe_budget *budget,
    struct dns **made, char why[PROBE_TEXT])
{
	struct dns *dns = calloc(1, sizeof(*dns));

	why[0] = '\0';
	if ((*made = dns) == NULL)
		return false;
	dns->names = names;
	dns->budget = budget;
	dns->anchor = names->anchor != NULL ? names->anchor : find_anchor();
	dns->proven = dns->anchor == NULL;
	if (dns->anchor == NULL)
		probe_say(dns->unvalidated, no_anchor, "");
	else if (access(dns->anchor, R_OK) != 0) {
		probe_say(why, "the root keys of DNSSEC cannot be read: ", dns->anchor);
		dns_free(made);
		return false;
	}
	if (open_dns_context(dns, why))
		return true;
	dns_free(made);
	return false;
}

void
dns_free(struct dns **dns)
{
	if (*dns == NULL)
		return;
	ub_ctx_delete((*dns)->context);
	free(*dns);
	*dns = NULL;
}

const char *
dns_unvalidated(const struct dns *dns)
{
	return dns->unvalidated;
}

static void
take_dns_result(void *data, int error, struct ub_result *result)
{
	struct dns_question *question = data;

	question->done = true;
	question->error = error;
	question->result = result;
}

/* Waits for the answer, and for nothing that comes later. */
static int
wait_for_dns(struct dns *dns, struct dns_question *question, int id)
{
	struct pollfd wait = { .fd = ub_fd(dns->context), .events = POLLIN };
	int64_t end = probe_clock_ms() + dns_time_left(dns->budget,
	    dns->budget->patience_ms < PATIENCE_MS ? dns->budget->patience_ms : PATIENCE_MS);
	int64_t left;

	while (!question->done && (left = end - probe_clock_ms()) > 0) {
		if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
			break;
		if (ub_process(dns->context) != 0)
			break;
	}
	if (question->done)
		return question->error;
	(void)ub_cancel(dns->context, id);
	return UB_SERVFAIL;
}

/* The result, which may be NULL, and libunbound's error. */
static int
question_dns(struct dns *dns, const char *name, enum dns_type type,
    struct dns_question *question)
{
	int id = 0, error;

	memset(question, 0, sizeof(*question));
	/* Memory was short when the anchor was given up. */
	if (dns->context == NULL)
		return UB_NOMEM;
	error = ub_resolve_async(dns->context, name, (int)type, 1, question,
	    take_dns_result, &id);
	return error == 0 ? wait_for_dns(dns, question, id) : error;
}

/* A name that libunbound answers itself has it read the keys. */
bool
dns_check(const struct probe_names *names, const struct probe_budget *budget,
    char why[PROBE_TEXT])
{
	struct dns_question question;
	struct dns *dns;
	int error;

	if (!dns_new(names, budget, &dns, why))
		return false;
	error = question_dns(dns, "localhost", DNS_A, &question);
	if (error == UB_INITFAIL && names->anchor != NULL)
		probe_say(why, "no root keys of DNSSEC are in ", names->anchor);
	ub_resolve_free(question.result);
	dns_free(&dns);
	return error != UB_NOMEM && why[0] == '\0';
}

static const char *
rcode_name(int rcode)
{
	static const char *const names[] = {
		"no error", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"
	};

	return rcode >= 0 && (size_t)rcode < sizeof(names) / sizeof(names[0]) ?
	    names[rcode] : "an error";
}

static void
take_dns_records(const struct ub_result *result, struct dns_answer *answer)
{
	for (size_t i = 0; result->data[i] != NULL && i < DNS_RECORDS_MAX; i++) {
		answer->records[i].data = (const unsigned char *)result->data[i];
		answer->records[i].length = (size_t)result->len[i];
		answer->count++;
	}
	answer->found = answer->count > 0 ? DNS_RECORDS : DNS_NO_RECORDS;
}

static void
take_dns_canonical(const struct ub_result *result, struct dns_answer *answer)
{
	const char *name = result->canonname;
	size_t length = name != NULL ? strlen(name) : 0;

	if (length > 1 && name[length - 1] == '.')
		length--;
	if (length == 0 || length >= PROBE_NAME ||
	    (strlen(result->qname) >= length && strncasecmp(result->qname, name, length) == 0 &&
	    strspn(result->qname + length, ".") == strlen(result->qname + length)))
		return;
	for (size_t i = 0; i < length; i++)
		answer->canonical[i] = text_lower(name[i]);
}

/* What an answer says. Of a bogus one nothing is taken, as no server would. */
static void
take_dns_answer(const struct dns *dns, const struct ub_result *result,
    struct dns_answer *answer)
{
	answer->secure = dns->anchor == NULL ? SECURE_UNKNOWN :
	    result->bogus ? SECURE_BOGUS : result->secure ? SECURE_YES : SECURE_NO;
	if (result->bogus)
		probe_say(answer->why, "DNSSEC: ",
		    result->why_bogus != NULL ? result->why_bogus : "the answer is bogus");
	else if (result->nxdomain || result->rcode == RCODE_NAME_ERROR)
		answer->found = DNS_NO_NAME;
	else if (result->rcode != 0)
		probe_say(answer->why, "the resolver answered ", rcode_name(result->rcode));
	else
		take_dns_records(result, answer);
	if (!result->bogus)
		take_dns_canonical(result, answer);
}

static bool
ask_dns_once(struct dns *dns, const char *name, enum dns_type type,
    struct dns_answer *answer)
{
	struct dns_question question;
	int error = question_dns(dns, name, type, &question);

	memset(answer, 0, sizeof(*answer));
	answer->held = question.result;
	if (error == UB_NOMEM)
		return false;
	dns->unreadable = error == UB_INITFAIL && dns->anchor != NULL;
	if (dns->unreadable)
		probe_say(answer->why, "no keys of DNSSEC are to be read in ", dns->anchor);
	else if (error != 0 || question.result == NULL)
		probe_say(answer->why, "no answer from the resolver", "");
	else
		take_dns_answer(dns, question.result, answer);
	return true;
}

/* Whether not even the root's own keys are to be had, or to be validated. */
static bool
root_fails(struct dns *dns)
{
	struct dns_answer root;
	bool fails = ask_dns_once(dns, ".", DNS_DNSKEY, &root) &&
	    root.found == DNS_FAILED;

	dns_answer_free(&root);
	return fails;
}

/*
 * Behind a resolver that passes no DNSSEC on, all is bogus, from the root on, or is not
 * answered: then nothing is known of it. Returns whether that is so, and goes on without.
 */
static bool
give_up_anchor(struct dns *dns, const struct dns_answer *answer)
{
	char why[PROBE_TEXT];

	dns->proven = true;
	if (dns->unreadable && dns->names->anchor != NULL)
		return false;
	if (dns->unreadable)
		(void)snprintf(dns->unvalidated, sizeof(dns->unvalidated), "%s",
		    answer->why);
	else if (answer->held == NULL || root_fails(dns))
		probe_say(dns->unvalidated, "the resolver's answers cannot be validated, not "
		    "even the root's: it passes no DNSSEC on, or these keys are old: ",
		    dns->anchor);
	else
		return false;
	dns->anchor = NULL;
	return open_dns_context(dns, why);
}

bool
dns_ask(struct dns *dns, const char *name, enum dns_type type, struct dns_answer *answer)
{
	if (!ask_dns_once(dns, name, type, answer))
		return false;
	if (answer->found != DNS_FAILED)
		dns->proven = true;
	if (dns->proven || !give_up_anchor(dns, answer))
		return true;
	dns_answer_free(answer);
	return ask_dns_once(dns, name, type, answer);
}

void
dns_answer_free(struct dns_answer *answer)
{
	ub_resolve_free(answer->held);
	answer->held = NULL;
}

/* ------------------------------------------------------------------ *
 * Without
 * ------------------------------------------------------------------ */

#else

struct dns {
	int unused;
};

bool
dns_is_whole(void)
{
	return false;
}

static const char no_unbound[] = "this tlsward is built without libunbound: MX, DNSSEC and "
    "TLSA cannot be looked up";

bool
dns_new(const struct probe_names *names, const struct probe_budget *budget,
    struct dns **dns, char why[PROBE_TEXT])
{
	(void)budget;
	why[0] = '\0';
	*dns = NULL;
	if (names->resolver != NULL) {
		probe_say(why, "--resolver: this tlsward is built without libunbound, and cannot ask ",
		    names->resolver);
		return false;
	}
	return (*dns = calloc(1, sizeof(**dns))) != NULL;
}

void
dns_free(struct dns **dns)
{
	free(*dns);
	*dns = NULL;
}

bool
dns_check(const struct probe_names *names, const struct probe_budget *budget,
    char why[PROBE_TEXT])
{
	struct dns *dns;
	bool good = dns_new(names, budget, &dns, why);

	dns_free(&dns);
	return good;
}

const char *
dns_unvalidated(const struct dns *dns)
{
	(void)dns;
	return no_unbound;
}

static void
take_dns_addresses(const struct addrinfo *list, struct dns_answer *answer)
{
	for (; list != NULL && answer->count < DNS_RECORDS_MAX; list = list->ai_next) {
		struct dns_record *record = &answer->records[answer->count++];
		const void *socket = list->ai_addr;

		if (list->ai_family == AF_INET) {
			record->data = (const unsigned char *)
			    &((const struct sockaddr_in *)socket)->sin_addr;
			record->length = sizeof(struct in_addr);
		} else {
			record->data = (const unsigned char *)
			    &((const struct sockaddr_in6 *)socket)->sin6_addr;
			record->length = sizeof(struct in6_addr);
		}
	}
	answer->found = answer->count > 0 ? DNS_RECORDS : DNS_NO_RECORDS;
}

bool
dns_ask(struct dns *dns, const char *name, enum dns_type type, struct dns_answer *answer)
{
	struct addrinfo hints = { .ai_family = type == DNS_A ? AF_INET : AF_INET6,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int error;

	(void)dns;
	memset(answer, 0, sizeof(*answer));
	if (type != DNS_A && type != DNS_AAAA) {
		probe_say(answer->why, no_unbound, "");
		return true;
	}
	error = getaddrinfo(name, NULL, &hints, &list);
	answer->held = list;
	if (error == EAI_MEMORY)
		return false;
	if (error == 0)
		take_dns_addresses(list, answer);
	else if (error == EAI_NONAME)
		answer->found = DNS_NO_NAME;
	else if (error == EAI_NODATA)
		answer->found = DNS_NO_RECORDS;
	else
		probe_say(answer->why, gai_strerror(error), "");
	return true;
}

void
dns_answer_free(struct dns_answer *answer)
{
	if (answer->held != NULL)
		freeaddrinfo(answer->held);
	answer->held = NULL;
}

#endif
