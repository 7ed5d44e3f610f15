/*
 * tls_policy_join.c - the stricter of an agreement and what another service asks for.
 *
 * That service answers for DANE and MTA-STS, as a socketmap (see socketmap_table(5)); its
 * values are those of smtp_tls_policy_maps, and what Postfix could not read in one is
 * left for it to find, but where both have something to say.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "policy/tls_policy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Postfix reads no longer reply. */
#define REPLY_MAX 100000

/* Between attributes, and between the members of their lists; around names and values. */
#define BLANKS ", \t\r\n"
#define BETWEEN BLANKS ":"
#define SPACES " \t\r\n\v\f"

#define ALL_PROTOCOLS ((1u << PROTOCOL_COUNT) - (1u << PROTOCOL_TLS_1_0))

/* Part of a text. */
struct piece {
	const char *text;		/* NULL: it is not there */
	size_t length;
	bool open;			/* its braces are not all closed */
};

/* The attributes that both may have: of each there is one at the most. */
enum shared { SHARED_PROTOCOLS, SHARED_CIPHERS, SHARED_EXCLUDE, SHARED_COUNT };

static const char *const shared_names[] = {
	[SHARED_PROTOCOLS] = "protocols", [SHARED_CIPHERS] = "ciphers",
	[SHARED_EXCLUDE] = "exclude"
};

struct value {
	struct piece shared[SHARED_COUNT];
	struct buffer rest;		/* the level and other attributes, as they were */
};

static bool
piece_is(const struct piece *piece, const char *word)
{
	return piece->length == strlen(word) &&
	    strncasecmp(piece->text, word, piece->length) == 0;
}

/* Goes on to the next member of a list. */
static bool
next_member(const struct piece *list, struct piece *member)
{
	const char *at, *end;

	if (list->text == NULL)
		return false;
	at = member->text == NULL ? list->text : member->text + member->length;
	end = list->text + list->length;
	while (at < end && strchr(BETWEEN, *at) != NULL)
		at++;
	member->text = at;
	while (at < end && strchr(BETWEEN, *at) == NULL)
		at++;
	member->length = (size_t)(at - member->text);
	return member->length > 0;
}

static struct piece
trimmed(const char *from, const char *end)
{
	while (from < end && strchr(SPACES, *from) != NULL)
		from++;
	while (end > from && strchr(SPACES, end[-1]) != NULL)
		end--;
	return (struct piece){ .text = from, .length = (size_t)(end - from) };
}

/* ------------------------------------------------------------------ *
 * Reading a value
 * ------------------------------------------------------------------ */

/*
 * Goes on to the next attribute. One in braces, which Postfix 3.10 knows, may have
 * blanks in it.
 */
static bool
next_attribute(const char **at, struct piece *attribute)
{
	size_t depth = 0;

	*at += strspn(*at, BLANKS);
	attribute->text = *at;
	for (; **at != '\0' && (depth > 0 || strchr(BLANKS, **at) == NULL); ++*at)
		if (**at == '{')
			depth++;
		else if (**at == '}' && depth > 0)
			depth--;
	attribute->length = (size_t)(*at - attribute->text);
	attribute->open = depth > 0;
	return attribute->length > 0;
}

/* Whether its first brace is closed at its end, and not before. */
static bool
is_braced(const struct piece *attribute)
{
	size_t depth = 0, i = 0;

	for (; i < attribute->length; i++)
		if (attribute->text[i] == '{')
			depth++;
		else if (attribute->text[i] == '}' && --depth == 0)
			break;
	return i + 1 == attribute->length;
}

/*
 * "name=value", "{ name = value }". False: it is neither, or has blanks in braces that
 * are not around all of it, which an older Postfix would take for several attributes.
 */
static bool
read_attribute(const struct piece *attribute, struct piece *name, struct piece *value)
{
	const char *from = attribute->text, *end = from + attribute->length, *equals;

	/* Open braces would take in what is added behind them. */
	if (attribute->open || (*from == '{' ? !is_braced(attribute) :
	    strcspn(from, BLANKS) < attribute->length))
		return false;
	if (*from == '{') {
		from++;
		end--;
	}
	equals = memchr(from, '=', (size_t)(end - from));
	if (equals == NULL)
		return false;
	*name = trimmed(from, equals);
	*value = trimmed(equals + 1, end);
	return name->length > 0;
}

/* Puts an attribute where it belongs. */
static const char *
put_attribute(struct value *value, const struct piece *attribute)
{
	struct piece name, text;
	size_t i = 0;

	if (!read_attribute(attribute, &name, &text))
		return "an attribute that cannot be read";
	while (i < SHARED_COUNT && !piece_is(&name, shared_names[i]))
		i++;
	if (i == SHARED_COUNT) {
		buffer_string(&value->rest, " ");
		buffer_add(&value->rest, attribute->text, attribute->length);
		return NULL;
	}
	if (value->shared[i].text != NULL)
		return "an attribute that is there twice";
	value->shared[i] = text;
	return NULL;
}

/* Returns what is wrong, or NULL. The value borrows from the text. */
static const char *
read_value(struct value *value, const char *text)
{
	const char *wrong = NULL;
	struct piece piece;

	if (next_attribute(&text, &piece))
		buffer_add(&value->rest, piece.text, piece.length);
	while (wrong == NULL && next_attribute(&text, &piece))
		wrong = put_attribute(value, &piece);
	return wrong;
}

/* ------------------------------------------------------------------ *
 * Both values as one
 * ------------------------------------------------------------------ */

/* Its bit, as Postfix names or numbers it (those of SSL are one); 0: it is not known. */
static unsigned
protocol_bit(const struct piece *name)
{
	static const struct {
		const char *name;
		long number;
		enum policy_protocol protocol;
	} known[] = {
		{ "SSLv2", 0x002, PROTOCOL_SSL }, { "SSLv3", 0x300, PROTOCOL_SSL },
		{ "TLSv1", 0x301, PROTOCOL_TLS_1_0 }, { "TLSv1.1", 0x302, PROTOCOL_TLS_1_1 },
		{ "TLSv1.2", 0x303, PROTOCOL_TLS_1_2 }, { "TLSv1.3", 0x304, PROTOCOL_TLS_1_3 }
	};
	char *end;
	long number = strtol(name->text, &end, 16);

	for (size_t i = 0; i < COUNT(known); i++)
		if (piece_is(name, known[i].name) ||
		    (number == known[i].number && end == name->text + name->length))
			return 1u << known[i].protocol;
	return 0;
}

/* What of ">=TLSv1", "<=TLSv1.2", "!TLSv1" and "TLSv1.2" leaves: a bit each. */
static bool
take_protocol(const struct piece *member, unsigned *named, unsigned *left)
{
	bool least = strncmp(member->text, ">=", 2) == 0;
	bool most = strncmp(member->text, "<=", 2) == 0;
	size_t sign = least || most ? 2 : member->text[0] == '!' ? 1 : 0;
	struct piece name = { .text = member->text + sign, .length = member->length - sign };
	unsigned bit = protocol_bit(&name);

	if (bit == 0)
		return false;
	if (least)
		*left &= ~(bit - 1);
	else if (most)
		*left &= bit | (bit - 1);
	else if (sign == 1)
		*left &= ~bit;
	else
		*named |= bit;
	return true;
}

static bool
read_protocols(const struct piece *list, unsigned *left)
{
	struct piece member = { .text = NULL };
	unsigned named = 0;
	bool known = true;

	*left = ALL_PROTOCOLS;
	while (next_member(list, &member))
		known &= take_protocol(&member, &named, left);
	if (named != 0)
		*left &= named;
	return known;
}

bool
policy_tls_protocols_left(const char *list, unsigned *left)
{
	return read_protocols(&(struct piece){ .text = list, .length = strlen(list) }, left);
}

static bool
is_member(const struct piece *list, const struct piece *wanted)
{
	struct piece member = { .text = NULL };

	while (next_member(list, &member))
		if (member.length == wanted->length &&
		    memcmp(member.text, wanted->text, wanted->length) == 0)
			return true;
	return false;
}

/* Those that one of both lists has: a value without the blanks that braces allow. */
static void
add_members(enum shared shared, const struct piece *theirs, const struct piece *ours,
    struct buffer *reply)
{
	const struct piece *const lists[] = { theirs, ours };
	const char *between = "=";

	for (size_t i = 0; i < COUNT(lists); i++)
		for (struct piece member = { .text = NULL }; next_member(lists[i], &member);) {
			if (i > 0 && is_member(theirs, &member))
				continue;
			if (between[0] == '=')
				buffer_format(reply, " %s", shared_names[shared]);
			buffer_string(reply, between);
			buffer_add(reply, member.text, member.length);
			between = ":";
		}
}

/* A lower grade than Postfix has by itself would go below main.cf: that holds then. */
static const char *
join_grades(const struct piece *theirs, const struct piece *ours, struct buffer *reply)
{
	bool lower = theirs->text == NULL || piece_is(theirs, "low") ||
	    piece_is(theirs, "export") || piece_is(theirs, "null");

	if (!lower && !piece_is(theirs, "high") && !piece_is(theirs, "medium"))
		return "a grade of ciphers that is not known";
	if (lower)
		add_members(SHARED_CIPHERS, ours, ours, reply);
	else
		add_members(SHARED_CIPHERS, theirs, theirs, reply);
	return NULL;
}

/* Those that both allow, and main.cf, in whose place they are. */
static const char *
join_protocols(const struct policy_postfix *postfix, const struct piece *theirs,
    const struct piece *ours, struct buffer *reply)
{
	unsigned left, right = ALL_PROTOCOLS & ~postfix->refused;

	if (theirs->text == NULL || (ours->text == NULL && right == ALL_PROTOCOLS)) {
		add_members(SHARED_PROTOCOLS, theirs, ours, reply);
		return NULL;
	}
	if (!read_protocols(theirs, &left) ||
	    (ours->text != NULL && !read_protocols(ours, &right)))
		return "a protocol that is not known";
	if ((left & right) == 0)
		return "no protocol that is allowed here";
	policy_tls_protocols(postfix, left & right, reply);
	return NULL;
}

/* Appends "theirs" with what "ours" has beyond it. Returns what is wrong, or NULL. */
static const char *
join_values(const struct policy_postfix *postfix, const struct value *theirs,
    const struct value *ours, struct buffer *reply)
{
	const struct piece *const their = theirs->shared, *const our = ours->shared;
	struct piece excluded = our[SHARED_EXCLUDE];
	const char *wrong;

	/* Theirs, too, takes the place of main.cf's. */
	if (their[SHARED_EXCLUDE].text != NULL && excluded.text == NULL &&
	    postfix->excluded != NULL)
		excluded = (struct piece){ .text = postfix->excluded,
		    .length = strlen(postfix->excluded) };
	buffer_string(reply, "OK ");
	buffer_add(reply, theirs->rest.text, theirs->rest.length);
	wrong = join_grades(&their[SHARED_CIPHERS], &our[SHARED_CIPHERS], reply);
	if (wrong == NULL)
		wrong = join_protocols(postfix, &their[SHARED_PROTOCOLS],
		    &our[SHARED_PROTOCOLS], reply);
	add_members(SHARED_EXCLUDE, &their[SHARED_EXCLUDE], &excluded, reply);
	return wrong;
}

/* ------------------------------------------------------------------ *
 * Replies
 * ------------------------------------------------------------------ */

enum side { SIDE_UNKNOWN, SIDE_OURS, SIDE_THEIRS };

/* Whose value is the stricter where ours asks for encryption, by the level of theirs. */
static enum side
stricter_side(const struct piece *level)
{
	static const struct {
		const char *level;
		enum side side;
	} levels[] = {
		{ "none", SIDE_OURS }, { "may", SIDE_OURS }, { "encrypt", SIDE_THEIRS },
		{ "dane", SIDE_OURS }, { "half-dane", SIDE_OURS },
		{ "dane-only", SIDE_THEIRS }, { "fingerprint", SIDE_THEIRS },
		{ "verify", SIDE_THEIRS }, { "secure", SIDE_THEIRS }
	};

	for (size_t i = 0; i < COUNT(levels); i++)
		if (piece_is(level, levels[i].level))
			return levels[i].side;
	return SIDE_UNKNOWN;
}

/* Appends both as one. Returns what is wrong, or NULL. */
static const char *
join_texts(const struct policy_postfix *postfix, const char *their_text,
    const char *our_text, struct buffer *reply)
{
	struct value theirs = { .rest = BUFFER_INIT }, ours = { .rest = BUFFER_INIT };
	const char *wrong = read_value(&theirs, their_text);

	if (wrong == NULL)
		wrong = read_value(&ours, our_text);
	if (wrong == NULL)
		wrong = join_values(postfix, &theirs, &ours, reply);
	if (wrong == NULL && reply->length > REPLY_MAX)
		wrong = "more than Postfix reads";
	reply->failed |= theirs.rest.failed || ours.rest.failed;
	buffer_free(&theirs.rest);
	buffer_free(&ours.rest);
	return wrong;
}

enum status { STATUS_OK, STATUS_NOTFOUND, STATUS_TEMP, STATUS_PERM, STATUS_UNKNOWN };

/* The status of a reply, and the text behind it. */
static enum status
read_status(const char *reply, const char **text)
{
	static const struct {
		const char *word;
		enum status status;
	} known[] = {
		{ "OK", STATUS_OK }, { "NOTFOUND", STATUS_NOTFOUND }, { "TEMP", STATUS_TEMP },
		{ "TIMEOUT", STATUS_TEMP }, { "PERM", STATUS_PERM }
	};
	size_t length = strcspn(reply, " "), i = 0;

	*text = reply + length + strspn(reply + length, BLANKS);
	while (i < COUNT(known) && (strlen(known[i].word) != length ||
	    memcmp(reply, known[i].word, length) != 0))
		i++;
	return i == COUNT(known) || (i == 0 && **text == '\0') ? STATUS_UNKNOWN :
	    known[i].status;
}

/*
 * Appends the stricter of ours, which asks for encryption and no more, and theirs.
 * Returns what is wrong with theirs, or NULL.
 */
static const char *
join_replies(const struct policy_postfix *postfix, const char *ours, enum status status,
    const char *text, struct buffer *reply)
{
	const char *at = text;
	enum side side = SIDE_OURS;
	struct piece level;

	if (status == STATUS_PERM)
		return "an error that stays";
	if (status == STATUS_TEMP)
		buffer_format(reply, "TEMP %s", text);
	if (status == STATUS_TEMP)
		return NULL;
	if (status == STATUS_OK && next_attribute(&at, &level))
		side = stricter_side(&level);
	if (side == SIDE_THEIRS)
		return join_texts(postfix, text, ours, reply);
	buffer_format(reply, "OK %s", ours);
	return side == SIDE_OURS ? NULL : "no security level that is known";
}

/* With a reply of theirs; "ours" is NULL where the policy says nothing. */
static bool
join(const struct policy_postfix *postfix, const char *ours, const char *theirs,
    struct buffer *reply)
{
	const char *text, *wrong = "no reply that is known";
	enum status status = read_status(theirs, &text);

	if (status != STATUS_UNKNOWN && ours == NULL) {
		buffer_string(reply, theirs);
		return status != STATUS_PERM;
	}
	if (status != STATUS_UNKNOWN)
		wrong = join_replies(postfix, ours, status, text, reply);
	if (wrong == NULL)
		return true;
	buffer_clear(reply);
	buffer_format(reply, "TEMP the service of tls-policy-next gave %s", wrong);
	return false;
}

bool
policy_tls_policy_with(const struct verdict *verdict, const char *next_reply,
    struct buffer *reply)
{
	struct buffer ours = BUFFER_INIT;
	bool told = policy_tls_policy(verdict, &ours), fine = true;

	if (ours.failed)
		reply->failed = true;
	else if (next_reply != NULL && policy_tls_policy_asks_next(verdict))
		fine = join(&verdict->options.postfix, told ? ours.text : NULL, next_reply,
		    reply);
	else if (told)
		buffer_format(reply, "OK %s", ours.text);
	else
		buffer_string(reply, "NOTFOUND ");
	buffer_free(&ours);
	return fine;
}
