/*
 * policy.h - the policy core: from policy files and a session's facts to a verdict.
 *
 * The one public header of the room policy/. The room knows no milter, no
 * socket, no syslog and no clock: what time it is is passed in. It keeps no
 * mutable global state. A loaded policy never changes and may be used by any
 * number of threads at once.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_H
#define TLSWARD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct buffer;		/* base/buffer.h */
struct diags;		/* base/diag.h */
struct tape;		/* base/tape.h */

/* ------------------------------------------------------------------ *
 * Facts
 * ------------------------------------------------------------------ */

enum policy_tri { POLICY_UNKNOWN, POLICY_NO, POLICY_YES };

/*
 * The facts, X(NAME, KIND, ROLLED): the one list from which struct facts, the record's
 * fields, their columns in the journal and copies of facts come. The names and their
 * order are the record's. KIND says what a value may be (below). ROLLED is the
 * journal's: whether accepted messages that differ in it alone are told apart (SET, or
 * CERTIFICATE with what else is a certificate's), whether it keeps one message's (ONE),
 * or none (NOT).
 */
#define POLICY_CLIENT_FACTS(X) \
	X(mta, MTA, SET)		/* "postfix" or "sendmail" */ \
	X(session, TEXT, ONE) \
	X(client_addr, ADDRESS, ONE)	/* an IPv4 or IPv6 address as text */ \
	X(client_port, PORT, NOT) \
	X(client_name, NAME, SET)	/* only when verified forward and reverse */ \
	X(client_ptr, TEXT, NOT) \
	X(client_resolve, RESOLVE, NOT)	/* how the look-up of its name ended */
#define POLICY_MAIL_FACTS(X) \
	X(local, LOCAL, SET)		/* did not come over SMTP */ \
	X(helo, TEXT, NOT) \
	X(sasl_username, NAME, NOT)	/* not NULL: authenticated */ \
	X(from, SENDER, NOT)		/* "<>" or "": the null sender */ \
	X(to, NAME, NOT)		/* NULL: no recipient yet */ \
	X(to_resolved, NAME, NOT) \
	X(nrcpt, NUMBER, NOT) \
	X(queue_id, TEXT, NOT) \
	X(direction, DIRECTION, NOT)	/* "out": mail that goes out */ \
	X(next_hop, NAME, NOT)		/* where to, as routing gives it */ \
	X(relay, NAME, NOT)		/* the host that took it */
#define POLICY_TLS_FACTS(X) \
	X(tls_version, PROTOCOL, SET)	/* "none": clear text */ \
	X(cipher, NAME, SET) \
	X(bits, BITS, SET) \
	X(cert_verified, VERIFIED, SET) \
	X(verification, VERIFICATION, NOT)	/* of mail that goes out: the log's word */ \
	X(cert_cn, TEXT, CERTIFICATE)	/* "": a certificate without a name */ \
	X(cert_san, LIST, CERTIFICATE) \
	X(cert_issuer, TEXT, CERTIFICATE) \
	/* Full names: for people to read alone. */ \
	X(cert_subject_dn, TEXT, CERTIFICATE) \
	X(cert_issuer_dn, TEXT, CERTIFICATE) \
	/* \
	 * "sha256:HEX", "sha1:HEX", or the bare digest as an MTA gives it, with \
	 * or without colons; "none": there is none. See policy_presented(). \
	 */ \
	X(cert_fingerprint, DIGEST, CERTIFICATE) \
	X(cert_pubkey_fingerprint, DIGEST, CERTIFICATE) \
	X(cert_key, NAME, CERTIFICATE)		/* "rsa:2048", "ec:P-256" */ \
	X(cert_signature, NAME, CERTIFICATE)	/* "sha256", "sha1", "ed25519" */ \
	X(cert_not_after, TIME, CERTIFICATE)	/* RFC 3339 */ \
	/* The partner certificate's file that gave what the MTA did not. */ \
	X(cert_source, NAME, CERTIFICATE)
#define POLICY_FACTS(X) POLICY_CLIENT_FACTS(X) POLICY_MAIL_FACTS(X) POLICY_TLS_FACTS(X)

/* What the member of each kind of fact is, and what says that it is unknown. */
#define FACT_MEMBER_TEXT(name) const char *name;	/* NULL; may be empty */
#define FACT_MEMBER_NAME(name) const char *name;	/* NULL; never empty */
#define FACT_MEMBER_PROTOCOL(name) const char *name;	/* NULL */
#define FACT_MEMBER_MTA(name) const char *name;		/* NULL */
#define FACT_MEMBER_DIRECTION(name) const char *name;	/* NULL: in */
#define FACT_MEMBER_RESOLVE(name) const char *name;	/* NULL */
/* NULL; "none", "anonymous", "untrusted", "trusted"; "verified" as told; "dane" alone */
#define FACT_MEMBER_VERIFICATION(name) const char *name;
#define FACT_MEMBER_ADDRESS(name) const char *name;	/* NULL */
#define FACT_MEMBER_SENDER(name) const char *name;	/* NULL */
#define FACT_MEMBER_DIGEST(name) const char *name;	/* NULL */
#define FACT_MEMBER_TIME(name) const char *name;	/* NULL */
#define FACT_MEMBER_LOCAL(name) bool name;		/* never unknown */
#define FACT_MEMBER_VERIFIED(name) enum policy_tri name;
#define FACT_MEMBER_NUMBER(name) int name;		/* 0 */
#define FACT_MEMBER_PORT(name) int name;		/* 0 */
#define FACT_MEMBER_BITS(name) int name;		/* -1 */
/* NULL; "cert_san" and "cert_san_count", which always stand side by side. */
#define FACT_MEMBER_LIST(name) \
	struct { const char *const *name; size_t name ## _count; };

/*
 * What is known of a session and one recipient. All strings are borrowed and may hold
 * anything the network sent. Start from FACTS_INIT.
 */
struct facts {
#define FACT_MEMBER(name, kind, rolled) FACT_MEMBER_ ## kind(name)
	POLICY_FACTS(FACT_MEMBER)
#undef FACT_MEMBER
};

#define FACTS_INIT { .bits = -1 }

/*
 * Whether the session is encrypted: the one answer of verdicts, records, stamps and
 * metrics. "none" is clear text, and so is a suite that does not encrypt, or the
 * name of none at all ("(NONE)"); where the protocol is not given a suite tells. "TLS"
 * alone is encrypted, by a version that is not known.
 * POLICY_UNKNOWN: nothing does.
 */
enum policy_tri policy_encrypted(const struct facts *facts);

/* What the client showed of itself, by the digests of it. */
enum policy_presented {
	PRESENTED_UNKNOWN,
	PRESENTED_NOTHING,
	PRESENTED_RAW_KEY,	/* a raw public key (RFC 7250), in no certificate */
	PRESENTED_CERTIFICATE
};

/*
 * A raw key has a digest where its certificate has none ("none"). Nothing was presented
 * where one digest is "none" and the other is too, or is not told.
 */
enum policy_presented policy_presented(const struct facts *facts);

/* How a session was protected, in order of strength. */
enum policy_protocol {
	PROTOCOL_CLEAR,		/* clear text, or a cipher that does not encrypt */
	PROTOCOL_UNKNOWN,	/* not known, or of a name that is not known */
	PROTOCOL_SSL,		/* SSLv2 and SSLv3 */
	PROTOCOL_TLS_1_0, PROTOCOL_TLS_1_1, PROTOCOL_TLS_1_2, PROTOCOL_TLS_1_3,
	PROTOCOL_COUNT
};

/* "clear text", "unknown", "SSL", "TLSv1.0" ... "TLSv1.3". Static. */
const char *policy_protocol_name(enum policy_protocol protocol);

/* ------------------------------------------------------------------ *
 * The policy
 * ------------------------------------------------------------------ */

struct policy;		/* loaded, immutable, shareable */

enum policy_load_result {
	POLICY_LOADED,
	POLICY_INVALID,		/* has errors: nothing of it may be used */
	POLICY_UNREADABLE,	/* the policy file itself could not be read */
	POLICY_NO_MEMORY
};

/*
 * Reads the policy file "path" and all that it includes. Errors are added to "diags"
 * in reading order; what is valid is not warned of, lint/ does that. On POLICY_LOADED
 * *policy is the caller's, to be given to policy_free(); otherwise it is NULL.
 */
enum policy_load_result policy_load(const char *path, struct policy **policy,
    struct diags *diags);

/* Frees *policy and clears the pointer. NULL-safe. */
void policy_free(struct policy **policy);

/*
 * Writes the policy as it was understood: profiles and includes taken in, one
 * rule after the other, list files by their absolute path. The text parses to
 * the same policy. Returns 0, or -1 when writing failed.
 */
int policy_print(const struct policy *policy, FILE *out);

/* Writes its digest, "sha256:hex": of all files as they were read. False: it has none. */
#define POLICY_DIGEST_SIZE 72
bool policy_digest(const struct policy *policy, char text[POLICY_DIGEST_SIZE]);

/* What a policy has, for whoever must supply facts for it or warn about it. */
struct policy_summary {
	size_t rules;			/* with the default */
	size_t listed;			/* entries that came from list files */
	size_t partners;		/* agreements by that word */
	bool has_default;
	bool has_to_rules;
	size_t deliver_rules;		/* of these, on mail that goes out */
	bool delivers_by_sha1;		/* one of them has pins of that digest */
	bool delivers_by_sha256;
	bool delivers_by_dane;
	bool has_to_exempt;		/* a "to" rule that exempts */
	bool needs_certificate;		/* any requirement on a certificate */
	bool needs_fingerprint;		/* any pin */
	bool needs_known;		/* a certificate's key, signature or validity */
	/* A fingerprint may change a verdict: by a pin, or by what it makes known. */
	bool uses_fingerprint;
};
void policy_summarize(const struct policy *policy, struct policy_summary *summary);

/* ------------------------------------------------------------------ *
 * Partners' certificates
 * ------------------------------------------------------------------ */

/*
 * Reads the certificates of partners from the files *.pem and *.crt of a folder, in
 * byte order of their names, and keeps them in the policy, which must not be shared
 * yet and have none so far. A folder that cannot be read is an error; a file that
 * cannot be, or that holds no certificate, a warning. Returns POLICY_LOADED, POLICY_UNREADABLE or
 * POLICY_NO_MEMORY: then the policy has none.
 */
enum policy_load_result policy_load_certificates(struct policy *policy,
    const char *folder, struct diags *diags);

/*
 * policy_load() and, where "folder" is not NULL, policy_load_certificates(), by way of
 * "tape": one that records gives another process the same policy, with the same names
 * and lines, once it is played.
 */
enum policy_load_result policy_load_taped(const char *path, const char *folder,
    struct tape *tape, struct policy **policy, struct diags *diags);

/*
 * The facts with what is known of the session's certificate, where its fingerprint
 * (or, where that alone is given, its public key's) is that of one of the
 * certificates: so policy_decide() judges them, and so they are recorded. What is
 * given stays; that the MTA did not verify it stays too. What is added is borrowed
 * from the policy, the rest from where the facts have it. Thread-safe.
 */
struct facts policy_complete_facts(const struct policy *policy,
    const struct facts *facts);

/* When the next of what ends by itself does; INT64_MAX: nothing will. */
struct policy_ends {
	int64_t certificate;	/* a certificate of the folder or of a pin by file */
	int64_t period;		/* a rule, or what it requires: a date of its own */
};

/* The first ends after "now"; what has ended already does not count. Thread-safe. */
void policy_next_ends(const struct policy *policy, int64_t now,
    struct policy_ends *ends);

/* ------------------------------------------------------------------ *
 * The verdict
 * ------------------------------------------------------------------ */

/* In order of strictness. */
enum policy_action {
	POLICY_ACCEPT, POLICY_QUARANTINE, POLICY_TEMPFAIL, POLICY_REJECT
};

/*
 * Why a session is not as a rule wants it. Most reasons are kinds of requirement too,
 * each at most once in a rule, and a rule's reason is looked for in this order.
 */
enum policy_reason {
	REASON_NONE,
	REASON_CLIENT,		/* the one that does not imply TLS */
	REASON_TLS,		/* clear text: all the others imply TLS */
	REASON_TLS_VERSION, REASON_BITS, REASON_CIPHER,
	REASON_CIPHERSUITES,	/* of a verdict REASON_CIPHER: they share the word */
	REASON_FORWARD_SECRECY, REASON_AEAD, REASON_CERTIFICATE,
	REASON_CERTIFICATE_NAME, REASON_CERTIFICATE_ISSUER,
	REASON_CERTIFICATE_FINGERPRINT, REASON_CERTIFICATE_KEY,
	REASON_CERTIFICATE_SIGNATURE, REASON_CERTIFICATE_VALIDITY,
	REASON_DANE,		/* of mail that goes out alone */
	REASON_UNKNOWN_FACT,
	REASON_COUNT,
	/* The kinds of requirement: from the first to before the end, but for REASON_TLS. */
	KIND_FIRST = REASON_CLIENT, KIND_END = REASON_UNKNOWN_FACT
};

enum policy_rule_kind { RULE_CLIENT, RULE_TO, RULE_FROM, RULE_DELIVER, RULE_DEFAULT };

/* The names that users know: "reject", "tls-version", "from". Static strings. */
const char *policy_action_name(enum policy_action action);
const char *policy_reason_name(enum policy_reason reason);
const char *policy_rule_kind_name(enum policy_rule_kind kind);

/* The reason behind "reason" that verdicts give, REASON_COUNT behind the last. */
enum policy_reason policy_reason_next(enum policy_reason reason);

/* Where a rule or a list's entry stands, and how it names its WHO. */
struct policy_place {
	const char *file;	/* relative to the policy's folder */
	unsigned line;
	const char *name;	/* the WHO that matched, as written; NULL: default */
	enum policy_rule_kind kind;
};

/* How one requirement of a rule came out. */
enum policy_check {
	CHECK_ABSENT,		/* the rule has no such requirement */
	CHECK_MET, CHECK_UNMET, CHECK_UNKNOWN,
	CHECK_MOOT		/* not looked at: clear text, or unknown whether */
};

/* What one applicable rule said. */
struct policy_outcome {
	const struct policy_rule *rule;		/* NULL: none applied */
	const struct settings_of_rule *settings;	/* of it, today */
	struct policy_place place;
	const char *via;			/* the client by which it applies, as written */
	const char *partner;			/* whose agreement it is of; NULL: none */
	const char *mailbox;			/* the address that a to rule is on; or NULL */
	bool exempt;				/* exempts, today */
	bool monitored;				/* under monitor, today */
	bool undecided;				/* its regular expression hit the limit */
	enum policy_action action;		/* before monitor */
	enum policy_reason reason;
	unsigned failed;			/* bits 1u << enum policy_reason */
	unsigned char check[KIND_END];	/* enum policy_check */
	/* The requirement whose code and text count, or NULL. */
	const struct policy_requirement *requirement;
};

enum {
	OUTCOME_CLIENT, OUTCOME_TO, OUTCOME_TO_RESOLVED, OUTCOME_FROM,
	OUTCOME_FROM_OTHER,		/* of whoever judges two spellings of the sender */
	OUTCOME_COUNT
};

/* What is known of a Postfix; all zero: nothing. */
struct policy_postfix {
	unsigned version;		/* 307 of 3.7, 310 of 3.10; 0: as POSTFIX_LEAST */
	const char *digest;		/* smtp_tls_fingerprint_digest: "sha256"; or NULL */
	/* Of main.cf's what is for mandatory TLS: protocols left out, 1u << policy_protocol; */
	unsigned refused;
	const char *excluded;		/* ciphers likewise, "aNULL:RC4"; NULL or "": none */
	bool null_grade;		/* its ciphers do not encrypt */
	uint64_t unoffered[8];		/* by policy_postfix_suites() */
};

/* The oldest Postfix that the values are for. */
#define POSTFIX_LEAST 304

/* A version as Postfix writes it, "3.7.11", "3.12-20260801"; 0 where it is none. */
unsigned policy_postfix_version(const char *text);

struct policy_options {
	int64_t now;			/* seconds since the epoch */
	const char *recipient_delimiter;/* NULL: none */
	bool monitor;			/* every rule under monitor */
	bool soft_bounce;		/* every reject is given as a tempfail */
	/* What a quarantine is given as; POLICY_ACCEPT: as itself. */
	enum policy_action quarantine_as;
	/* Ends the replies that no policy gives; NULL: nothing does. Outlives the verdict. */
	const char *reply_suffix;
	struct policy_postfix postfix;	/* that is told how to deliver */
};

/* Borrows from the policy and the options, and may be copied: it must not outlive them. */
struct verdict {
	const struct policy *policy;
	struct policy_options options;	/* by which it was judged */
	enum policy_action action;
	enum policy_reason reason;
	unsigned failed;		/* bits 1u << enum policy_reason */
	bool exempt;
	const char *exempt_reason;	/* NULL: none was given */
	int reported;			/* an index of outcome[]; -1: no rule */
	bool soft_bounced;		/* the action was reject */
	/* The strictest rule under monitor that would not have accepted. */
	enum policy_action would;	/* POLICY_ACCEPT: none */
	int would_by;			/* an index of outcome[]; -1: none */
	const char *contact;
	const char *note;
	int bits;			/* given or of the cipher; -1: unknown */
	char from_domain[256];		/* A-labels; "": none */
	char to_domain[256];
	char to_resolved_domain[256];
	struct policy_outcome outcome[OUTCOME_COUNT];
};

/*
 * Judges one recipient, or, where facts->to is NULL, what is known before the
 * first. Thread-safe; allocates only for addresses longer than 255 bytes, for
 * names that are not ASCII and for very deep regular expressions. Returns 0, or
 * -1 when memory was short: then *verdict is not to be used.
 */
int policy_decide(const struct policy *policy, const struct facts *facts,
    const struct policy_options *options, struct verdict *verdict);

/*
 * For sessions of which not all was kept: addresses of the policy that may stand in
 * the place of a hidden one. Borrows from the policy; thread-safe once made.
 */
struct policy_ranges;

/* NULL when memory is short. */
struct policy_ranges *policy_ranges_new(const struct policy *policy);
void policy_ranges_free(struct policy_ranges **ranges);	/* NULL-safe, clears */

/* What of the facts is that of one message, where there were others. */
struct policy_hidden {
	bool sender;			/* the local part */
	bool recipient;			/* facts->to and facts->to_resolved are NULL */
	const char *network;		/* where client_addr is from; NULL: it is known */
};

/*
 * As policy_decide(), and says whether the same verdict and the same verdict under
 * monitor is *certain, whatever was hidden.
 */
int policy_decide_hidden(const struct policy_ranges *ranges, const struct facts *facts,
    const struct policy_hidden *hidden, const struct policy_options *options,
    struct verdict *verdict, bool *certain);

/* The longest reply, with its codes, without CRLF (RFC 5321 section 4.5.3.1.5). */
#define POLICY_REPLY_MAX 510

struct policy_reply {
	char code[4];			/* "550" */
	char enhanced[12];		/* "5.7.1", at most "5.999.999" */
	char text[POLICY_REPLY_MAX + 1];/* printable ASCII, one line */
};

/* What is wrong, in words, with a text at the end of replies; NULL: nothing. Static. */
#define POLICY_SUFFIX_MAX 200
const char *policy_suffix_problem(const char *text);

/*
 * The reply to a verdict that refuses. Text from the network other than the
 * domain and the session's TLS facts is never in it. Returns false (and an
 * empty reply) where the verdict does not refuse.
 */
bool policy_reply(const struct verdict *verdict, const struct facts *facts,
    struct policy_reply *reply);

/*
 * What a rule's requirement of "kind" demands, in words ("TLS 1.3 or newer"),
 * for replies and for people. Writes at most "size" bytes, always terminated.
 * False where the rule has none.
 */
bool policy_required_text(const struct policy_outcome *outcome,
    enum policy_reason kind, char *text, size_t size);

/* The kind as policies write it: "certificate fingerprint". Static. */
const char *policy_kind_name(enum policy_reason kind);

/* The names of the facts that requirements of "kind" are judged by, then NULL. Static. */
const char *const *policy_kind_facts(enum policy_reason kind);

/*
 * What to ask a partner for where mail failed for "reason", said of its server:
 * "enable %s on it", "%s" being what is required (of clear text "" or " with TLS 1.2 or
 * newer"), by what is known of the session (facts; NULL: it is of several). Static.
 */
const char *policy_advice(enum policy_reason reason, const struct facts *facts);

/* What to ask for where an outcome has a requirement of "kind" unmet. */
enum policy_reason policy_asked_for(const struct policy_outcome *outcome,
    enum policy_reason kind);

/* The action of a rule's requirement of "kind", before unknown facts soften it. */
enum policy_action policy_required_action(const struct policy_outcome *outcome,
    enum policy_reason kind);

/*
 * Where the requirement of "kind" that holds in a rule is written, which may be in a
 * profile: the file and the line; the rest is the outcome's own place. False where
 * the rule has none.
 */
bool policy_required_place(const struct policy_outcome *outcome,
    enum policy_reason kind, struct policy_place *place);

/*
 * Until when, in seconds since the epoch, a rule is under monitor or exempts, as it
 * does; its requirement of "kind" holds as it does at "now"; and the first date after
 * "now" at which it is another in any of these. INT64_MAX: without an end.
 */
int64_t policy_outcome_until(const struct policy_outcome *outcome);
int64_t policy_required_until(const struct policy_outcome *outcome,
    enum policy_reason kind, int64_t now);
int64_t policy_outcome_next(const struct policy_outcome *outcome, int64_t now);

/* ------------------------------------------------------------------ *
 * The rules, one by one
 * ------------------------------------------------------------------ */

/* How many there are, the default included. */
size_t policy_rule_count(const struct policy *policy);

/*
 * Where the rule at "index" stands, from 0 in reading order. "name" is the first WHO
 * of it (of a list its file's name; NULL: the default). Borrows from the policy.
 */
void policy_rule_place(const struct policy *policy, size_t index,
    struct policy_place *place);

/* The index of the rule that an outcome is of; SIZE_MAX: none applied. */
size_t policy_outcome_rule(const struct policy *policy,
    const struct policy_outcome *outcome);

/* ------------------------------------------------------------------ *
 * For reports
 * ------------------------------------------------------------------ */

struct policy_strength {
	enum policy_protocol protocol;
	int bits;			/* -1: unknown */
	bool forward_secrecy;		/* it is known to have it */
};

/* What the facts say of the session's protection. Thread-safe. */
void policy_strength(const struct policy *policy, const struct facts *facts,
    struct policy_strength *strength);

enum policy_state {
	STATE_NO_RULE,		/* not even a default */
	STATE_ENFORCED, STATE_MONITORED, STATE_EXEMPT
};

/* A rule as it is now; all strings are the policy's. */
struct policy_standing {
	enum policy_state state;
	bool limited;			/* monitored, exempt: "until" holds */
	int64_t until;			/* seconds since the epoch */
	int64_t next;			/* when it becomes another; INT64_MAX: never */
	bool demands;			/* it requires something */
	struct policy_place place;	/* file NULL: there is no rule */
	const char *partner;		/* whose agreement it is of; NULL: none */
	const char *exempt_reason;	/* NULL: none */
	const char *contact;		/* NULL: none */
	const char *note;		/* NULL: none */
};

/*
 * The standing of the rule at "index"; and of mail from "sender" by its "from" rule or
 * the default: client and "to" rules may change that for one message. Thread-safe. The
 * second returns 0, or -1 when memory is short.
 */
void policy_rule_standing(const struct policy *policy, size_t index,
    const struct policy_options *options, struct policy_standing *standing);
int policy_standing(const struct policy *policy, const char *sender,
    const struct policy_options *options, struct policy_standing *standing);

/*
 * What the rule at "index" demands by a requirement of "kind" at a time, in words, as
 * policy_required_text() has it. False where it has none then. Thread-safe.
 */
bool policy_rule_required(const struct policy *policy, size_t index,
    enum policy_reason kind, int64_t now, char *text, size_t size);

/* A certificate that is registered; the strings are the policy's. */
struct policy_registered {
	const char *file;		/* as diagnostics name it */
	const char *cn;			/* "": none */
	int64_t not_after;		/* seconds since the epoch */
};

/*
 * The certificates that the rule at "index" demands at a time: of the files that it names,
 * and of the folder of policy_load_certificates() by their fingerprints or keys. SIZE_MAX:
 * all of that folder. The first behind *at (NULL: of all), which becomes it, that ends
 * before "end". False: there are no more. Thread-safe.
 */
struct pinned_file;
bool policy_registered_next(const struct policy *policy, size_t index, int64_t now,
    int64_t end, const struct pinned_file **at, struct policy_registered *registered);

/* What a rule names: as a record has it in "rule_name", or a list's file. */
struct policy_named {
	const char *name;
	bool is_list;
	size_t rule;			/* its index */
};

/*
 * What the rules of a kind name, in reading order, a list once: the first at or after
 * *index, which is moved behind it. False: there are no more.
 */
bool policy_named_next(const struct policy *policy, enum policy_rule_kind kind,
    size_t *index, struct policy_named *named);

/*
 * Writes what the rule at "index" names as policies do, or the agreement that it is of.
 * False where it names nothing.
 */
bool policy_print_who(const struct policy *policy, size_t index, FILE *out);

/* Whether a rule on mail that goes out names a host or a port, and not domains alone. */
bool policy_names_next_hops(const struct policy *policy);

/* Whether a rule is for sessions of the client "via", as records have it (NULL: of any). */
bool policy_rule_is_via(const struct policy *policy, size_t index, const char *via);

/* The client of that number, from 0, that a rule is "via", as written; NULL: no more. */
const char *policy_rule_via(const struct policy *policy, size_t index, size_t number);

/* By what a rule knows a session's client. */
enum policy_names_client { NAMES_NO_CLIENT, NAMES_VIA, NAMES_REQUIRED };

/*
 * By what the rule at "index" names the client of a session; where "facts" is NULL,
 * whether it names any. -1: memory is short. Thread-safe.
 */
int policy_rule_client(const struct policy *policy, size_t index, const struct facts *facts,
    int64_t now);

/* ------------------------------------------------------------------ *
 * Names, for those who gather facts
 * ------------------------------------------------------------------ */

/*
 * Reads a digest as an MTA or a policy writes it: 64 or 40 hex digits, with or
 * without colons and an algorithm's name before it. Writes "sha256:hex" in
 * lower case. False where it is none. "out" holds at least 72 bytes.
 */
bool policy_fingerprint_normalize(const char *digest, char *out, size_t size);

/*
 * Whether two spellings are the same mail address to the policy: source routes,
 * quoting, case, a trailing dot and A-labels aside. When memory is short the first is
 * POLICY_UNKNOWN, the second false.
 */
enum policy_tri policy_compare_addresses(const char *a, const char *b);
bool policy_same_address(const char *a, const char *b);

/*
 * Writes a domain as it compares and as records have it: lower case, A-labels, no
 * trailing dot; a leading dot stays. False where it is none, or does not fit.
 */
bool policy_domain(const char *text, char *out, size_t size);

#endif
