/*
 * probe_kinds_server.c - findings on how a server answers, and what it speaks.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_kinds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char fix_reach[] = "see whether its name, its address and the firewalls on the "
    "way let its port through";
static const char fix_protocols[] = "let its TLS library and its settings offer TLS 1.2 and "
    "1.3; a server that cannot needs a new version, or another in front of it";
static const char fix_suites[] = "take these suites out of its list of ciphers";

/* ------------------------------------------------------------------ *
 * How far it came
 * ------------------------------------------------------------------ */

/* Errors that are of this machine: it has no way there. */
static bool
is_of_ours(int error)
{
	return error == ENETUNREACH || error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

static void
detail_said(const struct probe_address *address, char *detail)
{
	if (address->said[0] != '\0')
		DETAIL(" (%s)", address->said);
	else if (address->error != 0)
		DETAIL(" (%s)", strerror(address->error));
}

FINDS(is_unreachable)
{
	detail_said(each->address, detail);
	return each->address->reached == REACHED_NOTHING && !each->address->cut_short &&
	    !is_of_ours(each->address->error);
}

FINDS(has_no_route)
{
	detail_said(each->address, detail);
	return each->address->reached == REACHED_NOTHING && is_of_ours(each->address->error);
}

FINDS(has_no_banner)
{
	return each->address->reached == REACHED_CONNECTION &&
	    each->address->error == ETIMEDOUT;
}

/* Whether what ended it are a server's words, and not ours on what it did. */
static bool
is_reply(const char *said)
{
	return said[0] == '4' || said[0] == '5';
}

FINDS(speaks_no_smtp)
{
	detail_said(each->address, detail);
	if (each->address->cut_short)
		return false;	/* it had no time to */
	return (each->address->reached == REACHED_CONNECTION &&
	    each->address->error != ETIMEDOUT) ||
	    (each->address->reached == REACHED_BANNER && !is_reply(each->address->said));
}

FINDS(is_refused)
{
	detail_said(each->address, detail);
	return each->address->reached == REACHED_BANNER && is_reply(each->address->said);
}

FINDS(has_no_starttls)
{
	return each->address->reached == REACHED_EHLO && !each->address->starttls;
}

FINDS(refuses_starttls)
{
	detail_said(each->address, detail);
	return each->address->reached == REACHED_EHLO && each->address->starttls;
}

static bool
speaks_old(const struct probe_address *address)
{
	return address->offers[PROBE_SSL_3] == OFFER_YES ||
	    address->offers[PROBE_TLS_1_0] == OFFER_YES ||
	    address->offers[PROBE_TLS_1_1] == OFFER_YES;
}

static bool
speaks_new(const struct probe_address *address)
{
	return address->offers[PROBE_TLS_1_2] == OFFER_YES ||
	    address->offers[PROBE_TLS_1_3] == OFFER_YES;
}

/* Some answers to hellos may be nonsense: that it speaks a version proves little then. */
static bool
comes_to_nothing(const struct probe_address *address)
{
	return address->reached == REACHED_STARTTLS && !address->requires_certificate &&
	    !(speaks_old(address) && !speaks_new(address));
}

FINDS(fails_handshakes)
{
	detail_said(each->address, detail);
	return comes_to_nothing(each->address);
}

FINDS(asks_no_more)
{
	const struct probe_address *address = each->address;

	if (result->stopped)
		DETAIL("it was interrupted");
	else if (address->refused)
		DETAIL("it refused further connections");
	else
		DETAIL("the time was over");
	return address->cut_short || (address->reached >= REACHED_EHLO && address->refused);
}

/* ------------------------------------------------------------------ *
 * Protocols and suites
 * ------------------------------------------------------------------ */

FINDS(is_old_alone)
{
	probe_offers_text(each->address, detail, PROBE_WORDS);
	return speaks_old(each->address) && !speaks_new(each->address);
}

FINDS(has_old)
{
	const struct probe_address *address = each->address;
	bool tls10 = address->offers[PROBE_TLS_1_0] == OFFER_YES;
	bool tls11 = address->offers[PROBE_TLS_1_1] == OFFER_YES;

	DETAIL("%s", tls10 && tls11 ? "TLS 1.0 and 1.1" : tls10 ? "TLS 1.0" : "TLS 1.1");
	return (tls10 || tls11) && speaks_new(address);
}

FINDS(has_ssl)
{
	return each->address->offers[PROBE_SSL_3] == OFFER_YES;
}

FINDS(takes_rc4)
{
	return each->address->takes_rc4 == OFFER_YES;
}

FINDS(takes_3des)
{
	return each->address->takes_3des == OFFER_YES;
}

FINDS(takes_des)
{
	return each->address->takes_des == OFFER_YES;
}

FINDS(takes_export)
{
	return each->address->takes_export == OFFER_YES;
}

FINDS(takes_null)
{
	return each->address->takes_null == OFFER_YES;
}

FINDS(takes_anonymous)
{
	return each->address->takes_anonymous == OFFER_YES;
}

FINDS(has_weak_dh)
{
	int bits = each->address->dh_bits;

	DETAIL("%d", bits);
	if (bits < 1024)
		*level = PROBE_FAULT;
	return bits > 0 && bits < 2048;
}

/* TLS 1.3 has none, and does not need it. */
FINDS(cannot_renegotiate)
{
	const struct probe_address *address = each->address;

	return (speaks_old(address) || address->offers[PROBE_TLS_1_2] == OFFER_YES) &&
	    address->offers[PROBE_TLS_1_3] != OFFER_YES && !address->renegotiation &&
	    !comes_to_nothing(address);
}

FINDS(requires_certificate)
{
	return each->address->requires_certificate;
}

const struct finding_kind probe_kinds_of_server[] = {
	{ "unreachable", PROBE_FAULT, "there is no connection to it%s", fix_reach,
	    is_unreachable },
	{ "no-route", PROBE_INFO, "this machine has no way to it%s, and says nothing of it",
	    "probe from a machine that has such an address", has_no_route },
	{ "no-banner", PROBE_FAULT, "it takes the connection, but no greeting came in time%s",
	    "see why it waits: often for DNS, or a blocklist that does not answer",
	    has_no_banner },
	{ "no-smtp", PROBE_FAULT, "it takes the connection, but does not speak SMTP%s",
	    "see what listens on that port, and whether it ended the connection for our "
	    "address", speaks_no_smtp },
	{ "refused", PROBE_FAULT, "it refuses us%s",
	    "see its log for why; probe from an address that it lets in", is_refused },
	{ "no-starttls", PROBE_FAULT, "it does not offer STARTTLS: mail to it goes in clear "
	    "text%s", "give it a certificate and turn TLS on for incoming SMTP; a firewall that "
	    "inspects SMTP may hide the word, too", has_no_starttls },
	{ "starttls-refused", PROBE_FAULT, "it offers STARTTLS and then refuses it%s",
	    "see its log: most often it cannot read its key or certificate",
	    refuses_starttls },
	{ "handshake-fails", PROBE_FAULT, "it offers STARTTLS, but no handshake succeeds%s",
	    "see its log: key and certificate that do not belong together, or no suite that "
	    "is left", fails_handshakes },
	{ "client-certificate", PROBE_FAULT, "it ends each session in which no client "
	    "certificate is shown: other servers have none%s",
	    "let it ask for one, but not require it, on port 25", requires_certificate },
	{ "not-all-asked", PROBE_INFO, "not all was asked: %s", "ask again later",
	    asks_no_more },
	{ "old-tls-only", PROBE_FAULT, "the newest that it offers is too old: %s",
	    fix_protocols, is_old_alone },
	{ "ssl-3", PROBE_FAULT, "it accepts SSL 3, which is broken (RFC 7568)%s",
	    "turn SSL 3 off", has_ssl },
	{ "old-tls", PROBE_INFO, "it accepts %s, too (RFC 8996): of use to old senders alone",
	    "turn it off when no log shows it any more", has_old },
	{ "null", PROBE_FAULT, "it accepts suites that do not encrypt (NULL)%s", fix_suites,
	    takes_null },
	{ "export", PROBE_FAULT, "it accepts export suites, which anybody can break%s",
	    fix_suites, takes_export },
	{ "des", PROBE_FAULT, "it accepts single DES, which anybody can break%s", fix_suites,
	    takes_des },
	{ "rc4", PROBE_WARNING, "it accepts RC4, which is broken (RFC 7465)%s", fix_suites,
	    takes_rc4 },
	{ "3des", PROBE_WARNING, "it accepts 3DES, which is too weak for much data (SWEET32)%s",
	    fix_suites, takes_3des },
	{ "anonymous", PROBE_INFO, "it accepts suites without a certificate (anonymous "
	    "ones): whoever offers them cannot know whom he speaks to%s",
	    "take aNULL out of its list of ciphers (Postfix: smtpd_tls_exclude_ciphers = aNULL)",
	    takes_anonymous },
	{ "weak-dh", PROBE_WARNING, "its Diffie-Hellman group has %s bits alone",
	    "give it a group of 2048 bits or more, or leave DHE out and offer ECDHE",
	    has_weak_dh },
	{ "renegotiation", PROBE_WARNING, "it does not know RFC 5746 (secure renegotiation): "
	    "clients with OpenSSL 3 may refuse it%s", "update its TLS library",
	    cannot_renegotiate },
	{ NULL, PROBE_INFO, NULL, NULL, NULL }
};
