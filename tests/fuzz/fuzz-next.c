/*
 * fuzz-next.c - what the service behind the TLS policy map answers.
 *
 * The first byte chooses the rule, the second of which size the pieces are that the rest
 * comes in, over a connection; that same text is taken for an answer as it stands, too.
 * What Postfix is told is held against a reader of values that is written here.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "milter/tls_policy_next.h"
#include "policy/tls_policy.h"

static const char policy_text[] =
    "deliver tls.example { require tls }\n"
    "deliver new.example { require tls >= 1.2; require forward-secrecy }\n"
    "deliver old.example { require ciphersuites \"TLS_AES_256_GCM_SHA384\"; "
    "require tls >= 1.1 }\n"
    "deliver name.example { require certificate name mx.a.example }\n"
    "deliver exempt.example { require tls; exempt }\n";
static const char *const hops[] = {
	"tls.example", "new.example", "old.example", "name.example", "exempt.example",
	"other.example"
};

static struct policy *policy;
static struct log *quiet;

/* What the client made of it. */
struct taken {
	char *reply;
	size_t length;
};

/* ------------------------------------------------------------------ *
 * A value, by hand
 * ------------------------------------------------------------------ */

#define ORACLE_NAME 100

/* What Postfix's mystrtokq() takes next: its length; 0 at the end. */
static size_t
oracle_token(const char **at)
{
	size_t length = 0;

	*at += strspn(*at, ", \t\r\n");
	for (int depth = 0; (*at)[length] != '\0'; length++) {
		char c = (*at)[length];

		if (depth == 0 && strchr(", \t\r\n", c) != NULL)
			break;
		depth += c == '{' ? 1 : c == '}' && depth > 0 ? -1 : 0;
	}
	return length;
}

/* The name of an attribute, cut where it is long; "": it is none. */
static void
oracle_name(const char *token, size_t length, char name[ORACLE_NAME])
{
	const char *from = token + (*token == '{'), *end = token + length;
	size_t size;

	from += strspn(from, " \t\r\n\v\f");
	size = strcspn(from, " \t\r\n\v\f=");
	if (strspn(from + size, " \t\r\n\v\f=") == 0 || from + size >= end)
		size = 0;
	(void)snprintf(name, ORACLE_NAME, "%.*s", (int)size, from);
}

/* How often an attribute is in a value, behind its level. */
static int
oracle_count(const char *value, const char *wanted)
{
	size_t length = oracle_token(&value);
	char name[ORACLE_NAME];
	int count = 0;

	for (value += length; (length = oracle_token(&value)) > 0; value += length) {
		oracle_name(value, length, name);
		count += strcasecmp(name, wanted) == 0;
	}
	return count;
}

static bool
oracle_is_level(const char *value, const char *level)
{
	size_t length = strlen(level);

	value += strspn(value, ", \t\r\n");
	return strncasecmp(value, level, length) == 0 &&
	    (value[length] == '\0' || strchr(", \t\r\n", value[length]) != NULL);
}

/* An attribute is one that is in theirs or in ours. */
static void
check_names(const char *value, const char *theirs, const char *ours)
{
	const char *at = value;
	size_t length = oracle_token(&at);
	char name[ORACLE_NAME];

	theirs += strcspn(theirs, " ");
	for (at += length; (length = oracle_token(&at)) > 0; at += length) {
		oracle_name(at, length, name);
		check(name[0] != '\0');
		check(oracle_count(theirs, name) + oracle_count(ours, name) > 0);
	}
}

static void
check_value(const char *value, const char *theirs, const char *ours)
{
	static const char *const weak[] = { "none", "may", "dane", "half-dane" };
	static const char *const once[] = { "protocols", "ciphers", "exclude" };

	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		check(!oracle_is_level(value, weak[i]));
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		check(oracle_count(value, once[i]) <= 1);
		check(oracle_count(value, once[i]) >= oracle_count(ours, once[i]));
	}
	check_names(value, theirs, ours);
}

static void
check_reply(const char *hop, const char *answer)
{
	const struct policy_options options = { .now = 1, .postfix.version = 307 };
	const struct facts facts = { .direction = "out", .next_hop = hop };
	struct buffer reply = BUFFER_INIT, ours = BUFFER_INIT;
	struct verdict verdict;
	bool told, fine;

	check(policy_decide(policy, &facts, &options, &verdict) == 0);
	told = policy_tls_policy(&verdict, &ours);
	fine = policy_tls_policy_with(&verdict, answer, &reply);
	check(!reply.failed && strlen(reply.text) == reply.length);
	if (!told) {
		check(strcmp(reply.text, answer) == 0 ||
		    (!fine && strncmp(reply.text, "TEMP ", 5) == 0));
	} else if (!policy_tls_policy_asks_next(&verdict)) {
		check(fine && strncmp(reply.text, "OK ", 3) == 0);
		check(strcmp(reply.text + 3, ours.text) == 0);
	} else if (strncmp(reply.text, "OK ", 3) == 0) {
		check_value(reply.text + 3, answer, ours.text);
	} else {
		check(strncmp(reply.text, "TEMP ", 5) == 0);
	}
	buffer_free(&reply);
	buffer_free(&ours);
}

/* ------------------------------------------------------------------ *
 * A connection
 * ------------------------------------------------------------------ */

static void
take_reply(void *context, uint64_t token, const char *reply, size_t length)
{
	struct taken *taken = context;

	check(token == 7 && taken->reply == NULL && strlen(reply) == length);
	taken->reply = strdup(reply);
	taken->length = length;
}

static void
turn(struct tls_policy_next *next, int epoll, struct taken *taken)
{
	struct epoll_event event;

	if (epoll_wait(epoll, &event, 1, 0) == 1)
		tls_policy_next_event(next, event.data.u64, 1, take_reply, taken);
}

/* What the client makes of an answer that comes in pieces of "size" bytes. */
static struct taken
converse(const uint8_t *data, size_t length, size_t size)
{
	struct tls_policy_next_limits limits = tls_policy_next_limits;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t address_length = sizeof(address);
	int service = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int epoll = epoll_create1(EPOLL_CLOEXEC), fd;
	struct taken taken = { NULL, 0 };
	struct tls_policy_next *next;

	check(bind(service, (struct sockaddr *)&address, sizeof(address.sun_family)) == 0);
	check(listen(service, 1) == 0);
	check(getsockname(service, (struct sockaddr *)&address, &address_length) == 0);
	limits.connections = 1;
	next = tls_policy_next_new((struct sockaddr *)&address, address_length, "QUERY",
	    epoll, &limits, quiet);
	check(next != NULL && tls_policy_next_ask(next, 7, "a.example", 0));
	fd = accept(service, NULL, NULL);
	check(fd >= 0);
	for (size_t at = 0; at < length && taken.reply == NULL; at += size) {
		size_t piece = length - at < size ? length - at : size;

		check(send(fd, data + at, piece, MSG_NOSIGNAL) == (ssize_t)piece);
		turn(next, epoll, &taken);
	}
	(void)close(fd);
	for (int i = 0; i < 2 && taken.reply == NULL; i++)
		turn(next, epoll, &taken);
	check(taken.reply != NULL);
	tls_policy_next_free(&next);
	(void)close(service);
	(void)close(epoll);
	return taken;
}

static void
begin(void)
{
	static struct settings settings;
	static char path[] = "/dev/null";

	if (policy != NULL)
		return;
	policy = fuzz_policy(policy_text);
	settings.log = SETTINGS_LOG_FILE;
	settings.log_path = path;
	quiet = log_open(&settings, false);
	check(quiet != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct taken taken;
	const char *hop;
	size_t piece;
	char *text;

	begin();
	hop = hops[fuzz_byte(&input) % (sizeof(hops) / sizeof(hops[0]))];
	piece = 1 + fuzz_byte(&input);
	text = fuzz_rest(&input);
	check_reply(hop, text);
	free(text);
	taken = converse(input.data, input.left, piece);
	check_reply(hop, taken.reply);
	free(taken.reply);
	return 0;
}
