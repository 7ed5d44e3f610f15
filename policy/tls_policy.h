/*
 * tls_policy.h - what Postfix is told of mail that goes out: smtp_tls_policy_maps.
 *
 * See postconf(5) and TLS_README, "Client TLS security levels", and socketmap_table(5).
 * Everything here is thread-safe.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_TLS_POLICY_H
#define TLSWARD_POLICY_TLS_POLICY_H

#include "policy/policy.h"

/*
 * Appends what Postfix is told of a next hop by a verdict on mail to it: the value of
 * smtp_tls_policy_maps, "encrypt protocols=>=TLSv1.2". False: nothing, which is to be
 * NOTFOUND to it: there is no rule, or one under monitor, or one that requires nothing
 * but on other days. Where memory is short the buffer shows it, and the value is not to
 * be used. tlsward-policy(5), MAIL THAT GOES OUT.
 */
bool policy_tls_policy(const struct verdict *verdict, struct buffer *value);

/*
 * Whether what another service says of the next hop, for DANE and MTA-STS, counts beside
 * the verdict: where nothing is told by it, and where it is told "encrypt". A requirement
 * on the certificate is stricter, and who is exempt or may go in clear text is so there,
 * too.
 */
bool policy_tls_policy_asks_next(const struct verdict *verdict);

/*
 * Appends to "reply", which is empty, the whole reply for Postfix, as a socketmap gives it
 * ("OK VALUE", "NOTFOUND ", "TEMP WHY"): the stricter of the verdict and of "next_reply",
 * the other service's whole reply (NULL: none was asked). No attribute is in it twice:
 * of protocols those that both allow are left, and what either excludes is excluded.
 * False: "next_reply" is of no use and the reply, a TEMP or the service's own PERM, is
 * worth a line. Where memory is short reply->failed says so.
 */
bool policy_tls_policy_with(const struct verdict *verdict, const char *next_reply,
    struct buffer *reply);

/*
 * Notes which suites that Postfix does not offer: those that "list", in OpenSSL's language,
 * does not select. None where that cannot be told, for memory is short.
 */
void policy_postfix_suites(struct policy_postfix *postfix, const char *list);

/* The protocols that Postfix is told of by a rule, bits as below; 0: nothing is left. */
struct settings_of_rule;
unsigned settings_protocols_told(const struct policy *policy,
    const struct policy_postfix *postfix, const struct settings_of_rule *settings);

/*
 * Appends " protocols=", of bits 1u << enum policy_protocol, as that Postfix reads it. What
 * is older than TLS 1.0 is never among them. Of none all are left out: then no session
 * comes about, and the message is kept.
 */
void policy_tls_protocols(const struct policy_postfix *postfix, unsigned protocols,
    struct buffer *value);

/*
 * Reads a list of protocols as tls_proto_mask_lims() of Postfix does: *left gets bits of
 * those that it leaves, from TLS 1.0 on. False: some are not known, and were passed over.
 */
bool policy_tls_protocols_left(const char *list, unsigned *left);

/*
 * Write the rules on mail that goes out as they are at options->now: as
 * smtp_tls_policy_maps, of which each line's value is that of policy_tls_policy(), and as
 * lines of Sendmail's access map (cf/README, STARTTLS). What the map cannot say is an error
 * in "diags", which is to be empty, and then nothing is written; what it says less of, or
 * more, is a warning. Their places are in files of the folder of "path", the policy's file.
 * Return 0, or -1 when memory is short: what was written is not to be used. Whether the
 * stream took it all is the caller's to see.
 */
int policy_write_postfix_map(const struct policy *policy, const char *path,
    const struct policy_options *options, struct diags *diags, FILE *out);
int policy_write_access_map(const struct policy *policy, const char *path,
    const struct policy_options *options, struct diags *diags, FILE *out);

/*
 * Appends what Sendmail finds there of mail to a next hop, "TLS_Rcpt:acme.example ENCR:1",
 * and what of its rule that does not say. False when memory is short.
 */
bool policy_access_line(const struct policy *policy, const char *next_hop,
    const struct policy_options *options, struct buffer *text);

#endif
