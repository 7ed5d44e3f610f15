/*
 * fuzz-hello.c - what a probe makes of what a server says: a reply of SMTP, or the answer
 * to a hello.
 *
 * The first byte chooses which, and of which size the pieces are that the rest comes in.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include "tool/probe_hello.h"
#include "tool/probe_smtp.h"

/* ------------------------------------------------------------------ *
 * Replies
 * ------------------------------------------------------------------ */

static enum reply_state
take_reply(struct reply *reply, const struct fuzz_input *input, size_t piece, size_t *used)
{
	enum reply_state state = REPLY_MORE;

	memset(reply, 0, sizeof(*reply));
	for (*used = 0; *used < input->left && state == REPLY_MORE; ) {
		size_t size = input->left - *used < piece ? input->left - *used : piece;
		size_t taken;

		state = reply_take(reply, input->data + *used, size, &taken);
		check(taken > 0 && taken <= size);
		check(state != REPLY_MORE || taken == size);
		*used += taken;
	}
	return state;
}

static void
check_reply(const struct fuzz_input *input, size_t piece)
{
	struct reply whole, pieces;
	size_t used, used_pieces;
	enum reply_state state = take_reply(&whole, input, SIZE_MAX, &used);

	check(take_reply(&pieces, input, piece, &used_pieces) == state);
	check(used == used_pieces);
	check(memcmp(&whole, &pieces, sizeof(whole)) == 0);
	check(whole.length <= sizeof(whole.line) && whole.lines <= REPLY_LINES_MAX + 1);
	check(strlen(whole.text) < sizeof(whole.text));
	for (const char *c = whole.text; *c != '\0'; c++)
		check((unsigned char)*c >= ' ' && *c != 0x7f);
	if (state != REPLY_WHOLE)
		return;
	check(whole.code >= 200 && whole.code <= 599 && whole.lines > 0);
	check(used >= 4 && input->data[used - 1] == '\n');
	check(!whole.starttls || whole.lines > 1);
}

/* ------------------------------------------------------------------ *
 * Answers to a hello
 * ------------------------------------------------------------------ */

static struct hello_answer *
take_answer(const struct fuzz_input *input, size_t piece)
{
	struct hello_answer *answer = calloc(1, sizeof(*answer));

	check(answer != NULL);
	for (size_t at = 0; at < input->left; at += piece) {
		size_t size = input->left - at < piece ? input->left - at : piece;

		if (!hello_take(answer, input->data + at, size))
			break;
		if (piece == SIZE_MAX)
			break;
	}
	return answer;
}

/* A list lies in what was read, and its members in the list, one behind the other. */
static void
check_list(const struct hello_answer *answer, struct hello_part list,
    const uint8_t *(*next)(const struct hello_answer *, struct hello_part *, size_t *))
{
	const uint8_t *at, *end = answer->flight + list.at, *last = end + list.length;
	size_t length;

	check(list.at <= answer->at && list.length <= answer->at - list.at);
	while ((at = next(answer, &list, &length)) != NULL) {
		check(at > end && at <= last && length <= (size_t)(last - at));
		end = at + length;
	}
	check(list.length == 0);
}

static void
check_answer(const struct hello_answer *answer)
{
	check(answer->at <= answer->size && answer->size <= HELLO_FLIGHT_MAX);
	check(answer->records <= HELLO_RECORDS_MAX + 1);
	check(answer->dh_bits >= 0 && answer->dh_bits <= 65535 * 8);
	check_list(answer, answer->chain, hello_next_certificate);
	check_list(answer, answer->authorities, hello_next_authority);
	switch (answer->said) {
	case HELLO_NOTHING:
		check(!answer->whole && answer->at == 0);
		break;
	case HELLO_SERVER:
		check(answer->at >= 42 && answer->flight[0] == 2);
		break;
	case HELLO_ALERT:
	case HELLO_GARBAGE:
		check(answer->whole);
		check(answer->chain.length == 0 && !answer->wants_certificate);
		break;
	}
}

static void
check_hello(const struct fuzz_input *input, size_t piece)
{
	struct hello_answer *whole = take_answer(input, SIZE_MAX);
	struct hello_answer *pieces = take_answer(input, piece);

	check_answer(whole);
	check(memcmp(whole, pieces, sizeof(*whole)) == 0);
	check(!whole->whole || !hello_take(pieces, input->data, input->left));
	free(whole);
	free(pieces);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	unsigned first = fuzz_byte(&input);

	if (first % 2 == 0)
		check_hello(&input, first / 2 + 1);
	else
		check_reply(&input, first / 2 + 1);
	return 0;
}
