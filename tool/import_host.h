/*
 * import_host.h - what a host speaks, as a client and as a server, and what can be agreed
 * with it.
 *
 * An importer that reads a system's settings fills a struct host; what is written of it is
 * the same for all systems. A host as a client is who sends us mail, as a server where we
 * send it to.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_IMPORT_HOST_H
#define TLSWARD_TOOL_IMPORT_HOST_H

#include "tool/import.h"
#include "tool/suites.h"

/* ------------------------------------------------------------------ *
 * Cipher suites (import_suites.c)
 * ------------------------------------------------------------------ */

enum host_version { HOST_SSL_2, HOST_SSL_3, HOST_TLS_1_0, HOST_TLS_1_1, HOST_TLS_1_2,
	HOST_TLS_1_3, HOST_VERSIONS };

/* In order of what they are worth. */
enum suite_class {
	CLASS_NULL,		/* does not encrypt */
	CLASS_BROKEN,		/* DES, RC2, 40 and 56 bits */
	CLASS_RC4,
	CLASS_3DES,
	CLASS_GOOD
};

/* The suite of that code, with an IANA name; or NULL. */
const struct suite *host_suite(unsigned code);

enum suite_class suite_class(const struct suite *suite);

/* "AES-128", "RC4 (40 bits)", "triple DES": the cipher alone. Static. */
const char *suite_cipher(const struct suite *suite);

/* The oldest version with which it is defined, and whether "version" has it. */
enum host_version suite_oldest(const struct suite *suite);
bool suite_goes_with(const struct suite *suite, enum host_version version);

/* "SSL 3.0", "TLS 1.2"; and as records and policies have it: "SSLv3", "TLSv1.2". Static. */
const char *host_version_name(enum host_version version);
const char *host_version_record(enum host_version version);

/* ------------------------------------------------------------------ *
 * A host (import_host.c)
 * ------------------------------------------------------------------ */

#define HOST_SUITES_MAX 96

enum host_offer {
	HOST_OFF,
	HOST_ASKED,		/* when a program asks for it alone */
	HOST_ON
};

/* One side of it. */
struct host_side {
	enum host_offer versions[HOST_VERSIONS];
	const struct suite *suites[HOST_SUITES_MAX];	/* in its order, each once */
	size_t suite_count;
};

struct host {
	const char *what;	/* "Windows 2003": what it is, as far as is known */
	const char *note;	/* where the agreement came from */
	bool suites_sure;	/* its suites are known; else "unsure" has why they are not */
	const char *unsure;
	/* Its AES is for TLS 1.0 and newer alone: with SSL 3.0 nothing is sure but the rest. */
	bool aes_from_tls;
	struct host_side client, server;
};

/* Adds a suite unless it is there. */
void host_add_suite(struct host_side *side, const struct suite *suite);

/* Adds those of a list of OpenSSL's names, a blank between. */
void host_add_names(struct host_side *side, const char *list);

/* Takes away those for which "drop" says so. */
void host_drop_suites(struct host_side *side, bool (*drop)(const struct suite *, const void *),
    const void *data);

/*
 * Takes away the suites that no version that is on has, and the versions that are on and
 * have none of the suites (but SSL 2.0, whose are not known): what is below expects that.
 */
void host_settle(struct host *host);

/* Answers by what it speaks, and what "more" says, "" for nothing. */
void host_answer(struct import *import, const struct host *host, const char *more);

/*
 * Tells of both sides in comments: versions, suites in order, what they have in common with
 * servers of today, holes, the profiles that they can keep.
 */
void host_tell(struct import *import, const struct host *host);

/* Writes the agreement to match with its cases: of --as-partner, else of a placeholder. */
void host_agree(struct import *import, const struct host *host);

/* ------------------------------------------------------------------ *
 * Profiles (import_profiles.c)
 * ------------------------------------------------------------------ */

/* Of one side: which profiles some session of it can keep. */
struct host_profiles {
	const char *all;	/* their names, ", " between; "": none */
	const char *strictest;	/* of them: the one that fewest of all sessions keep */
};

/*
 * Looks both sides up. False: there are no profiles. Where their folder cannot be read the
 * command ends here, having said so.
 */
bool host_profiles(struct import *import, const struct host *host,
    struct host_profiles *client, struct host_profiles *server);

#endif
