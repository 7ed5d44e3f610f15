/*
 * scenario.h - a session written down, and what must come of it.
 *
 * A file of lines; "#" begins a comment, blank lines count for nothing.
 *
 *	mta postfix|sendmail
 *	offer no-symlist|no-quarantine|no-version|no-add|no-change
 *	fail symlist|reply|quarantine|add|change	(libmilter's own failures)
 *	set NAME VALUE			(a setting)
 *	policy ... .			(lines, up to one that is a dot)
 *	reload ... .			(the same, in the middle of it)
 *	macro NAME [VALUE]		(from now on; "<>": empty; no value: gone)
 *	tls VERSION CIPHER BITS		(short for three macros)
 *	clear				(and for none)
 *	queue-id [ID]
 *	connect HOST ADDRESS PORT	(ADDRESS may be none or unix)
 *	helo NAME
 *	mail|rcpt ADDRESS -> STATUS [REPLY]
 *	data|eom -> STATUS [REPLY]
 *	header NAME: VALUE		("\n" and "\t" in it fold the line)
 *	header-unasked NAME: VALUE	(and the milter does not hear of it)
 *	stage open|ending|closed	(of the daemon's end)
 *	abort
 *	close
 *	asking N			(as this client, 1 to 3, of the policy service)
 *	ask ANSWER|nothing ... .	(attributes; the answer begins with that)
 *	record NAME=VALUE... [!NAME]	(the next record has these, and not those)
 *	no-record
 *	log TEXT			(some line of the daemon's since the last has it)
 *	no-log TEXT			(and none has this)
 *	held TEXT
 *	fields ... .			(the message's header is these lines)
 *
 * STATUS is continue, accept, reject or tempfail. The MTA's addresses ({mail_addr},
 * {rcpt_addr}) follow what the client says unless "macro" says otherwise. A header
 * field with the word "forged" in it must not be in a message that is accepted while
 * authentication-results is set, whatever else happens.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>

struct scenario;

/* Reads the file; NULL where it cannot, and says why on standard error. */
struct scenario *scenario_read(const char *path);
void scenario_free(struct scenario **scenario);

/*
 * Plays it in "folder". Returns whether all came as it must, and says what did not.
 * With "failing" greater than 0 that allocation of the daemon's fails: then nothing
 * may be let through that is refused otherwise, and records may be missing.
 * *allocations receives how many there were.
 */
bool scenario_play(const struct scenario *scenario, const char *folder, long failing,
    long *allocations);

#endif
