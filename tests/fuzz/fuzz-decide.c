/*
 * fuzz-decide.c - standard input of tlsward decide: a line in, a line out.
 *
 * Each answer is a JSON object: of a line that holds no facts an error with that
 * line's number, of another a record, which as a line of facts gives the same record.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz.h"

#include <getopt.h>

#include "tool/tool.h"

static const char policy_text[] =
    "default { require tls >= 1.2; require bits >= 128; otherwise reject }\n"
    "from .acme.example { require certificate name mx.acme.example *.acme.example\n"
    "  otherwise tempfail; require aead otherwise quarantine; contact c@x \"C\" }\n"
    "to open@ours.example { exempt \"why\" }\n"
    "client authenticated local { require forward-secrecy; monitor }\n"
    "client 192.0.2.0/24 mx.acme.example { require tls; otherwise reject }\n"
    "partner P { domain p.example; note \"n\"; incoming via mx.acme.example { exempt }\n"
    "  incoming { require client .acme.example otherwise reject \"{session}\" }\n"
    "  outgoing { require tls; require certificate name mx.p.example } }\n"
    "deliver \"[mx.acme.example]:25\" { require tls; monitor until 2027-01-01 }\n"
    "from /^[^@]*@(.*\\.)*w/ { require tls >= 1.3 until 2027-01-01 }\n";

/* What the command writes for "text"; *status is how it ends. */
static char *
run_decide(const char *text, size_t length, size_t *out_length, int *status)
{
	static struct fuzz_file policy;
	static int screen;
	struct fuzz_file in = fuzz_file_new(text, length), out = fuzz_file_new("", 0);
	static char name[] = "tlsward decide", at[] = "--at", day[] = "2026-11-30",
	    option[] = "--policy";
	char *arguments[] = { name, at, day, option, policy.path, NULL };
	char *written;

	if (policy.fd == 0) {
		policy = fuzz_file_new(policy_text, strlen(policy_text));
		screen = dup(STDOUT_FILENO);
	}
	(void)fflush(stdout);
	check(lseek(policy.fd, 0, SEEK_SET) == 0);
	check(dup2(in.fd, STDIN_FILENO) == STDIN_FILENO);
	check(dup2(out.fd, STDOUT_FILENO) == STDOUT_FILENO);
	optind = 0;
	*status = command_decide.run(&command_decide, 5, arguments);
	check(dup2(screen, STDOUT_FILENO) == STDOUT_FILENO);
	*out_length = (size_t)lseek(out.fd, 0, SEEK_END);
	written = malloc(*out_length + 1);
	check(written != NULL && pread(out.fd, written, *out_length, 0) ==
	    (ssize_t)*out_length);
	written[*out_length] = '\0';
	(void)close(in.fd);
	(void)close(out.fd);
	return written;
}

/* Whether the answer to the line "number" is an error. */
static bool
check_answer(const char *line, size_t length, size_t number)
{
	json_t *object = fuzz_json(line, length);
	const json_t *error = json_object_get(object, "error");
	bool is_error = error != NULL;

	if (is_error) {
		check(json_object_size(object) == 2 && json_is_string(error));
		check((size_t)json_integer_value(json_object_get(object, "line")) ==
		    number);
	} else {
		check(json_is_string(json_object_get(object, "action")));
		check(json_is_string(json_object_get(object, "from")) ||
		    json_is_string(json_object_get(object, "next_hop")));
	}
	json_decref(object);
	return is_error;
}

/* The records among the answers come out as they are when they go in again. */
static void
check_again(const char *records, size_t length)
{
	size_t again_length;
	int status;
	char *again = run_decide(records, length, &again_length, &status);

	check(status == STATUS_FINE);
	check(again_length == length && memcmp(again, records, length) == 0);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t length, lines = size > 0 && text[size - 1] != '\n', seen = 0;
	struct buffer records = BUFFER_INIT;
	bool has_errors = false;
	int status;
	char *out = run_decide(text, size, &length, &status);

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	for (char *line = out, *end; line < out + length; line = end + 1) {
		end = strchr(line, '\n');
		check(end != NULL);
		if (check_answer(line, (size_t)(end - line), ++seen))
			has_errors = true;
		else
			buffer_add(&records, line, (size_t)(end + 1 - line));
	}
	check(seen == lines);
	check(status == (has_errors ? STATUS_NO : STATUS_FINE));
	if (records.length > 0)
		check_again(records.text, records.length);
	buffer_free(&records);
	free(out);
	return 0;
}
