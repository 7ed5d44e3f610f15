/*
 * passage_rules.c - what lines of logs, consoles, bounces and event viewers look like.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/passage.h"

#include <string.h>

/* Two enums that clang would warn of. */
#define SYSTEM_RULE(system) (RULE_SYSTEM + (int)SYSTEM_##system)
#define MONTH "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
#define DAY "\\d{1,4}[-./]\\d{1,2}[-./]\\d{2,4}"
#define THREAD "[0-9A-F]{3,}:[0-9A-F]{3,}-[0-9A-F]+"
#define RULE_LIMIT 20000

static const char *const rule_texts[RULE_COUNT] = {
	[RULE_STAMP] = "^\\s*(?:<\\d{1,3}>)?\\[?(?:" THREAD "\\]|(?:\\w{3},? +)?" MONTH
	    " +\\d{1,2}[ ,]+(?:\\d{4}[ ,]+)?\\d\\d:\\d\\d|" DAY "[T ,]+\\d{1,2}[:.]\\d\\d|"
	    "\\d\\d:\\d\\d:\\d\\d\\b)",
	[RULE_START] = "^\\s*(?:\\w+(?:::\\w+)?> |[0-9A-F]{4,}:error:|error:[0-9A-F]{8}:|"
	    "[<>=*~-]{2,3} |[<>] |#<|[1-5]\\d\\d[ -]|at [\\w.$]+\\(|Caused by\\b|"
	    "[\\w.$]+(?:Exception|Error)\\b|[\\w./-]+\\[\\d+\\]:|verify (?:error|return)|"
	    "depth=\\d|[A-Z][\\w .()/-]{1,30}:(?: |$)|---|CONNECTED|SSL_\\w|STARTTLS=)",
	[RULE_EVENT] = "^\\s*(?:(Log ?Name|Source|Provider ?Name|Event ?ID|Event ?Type|"
	    "TimeCreated|TimeGenerated|Index)\\s*:|(<Event)[ >]|"
	    "((?:Error|Warning|Critical|Information)\\s)\\s*\\d)",
	[RULE_ERROR] = "^(?!\\s*(?:at [\\w.$<>]+\\(|nested exception is|\\.\\.\\. \\d+ more)).*?"
	    "(?:\\b(?:(?<!no )(?<!\\b0 )errors?|fail(?:ed|ures?|s|ing)?|fatal|alert|"
	    "refus(?:ed|es)|reject\\w*|denied|invalid|unable|cannot|can't|could ?n[o']t|"
	    "(?:is|was|are|were|has|have|do|does|did|will) ?n[o']t|not (?:accept|trust|verif|"
	    "found|allow|support|offer|match|avail|possib|permit|designat|validat)\\w*|"
	    "mis-?match\\w*|expired|un(?:trusted|verified|supported|expected|acceptable|"
	    "recogni[sz]ed|available|known(?!\\[)|usable|safe)|revoked|(?:lost|no|dropped) "
	    "connection|connection (?:\\w+ )?(?:lost|dropped|closed|reset|terminated|broken)|"
	    "timed out|timeout|abort\\w*|bad|broken|corrupt\\w*|\\w*exception|undeliver\\w*|"
	    "0x8[0-9a-f]{7}|-214\\d{7}|(?<!\\.)[45]\\.\\d\\.\\d{1,3}(?!\\.?\\d))\\b|"
	    "^[45]\\d\\d[ -]|[a-z]Error\\b|[A-Z]_E_[A-Z])",
	[RULE_HINT] = "\\b(?:Exit Status|certificate problem|rate limit|tls: |ERR_SSL|Refusing|dns resolver|"
	    "SSLErr|nti_done|SSL_RCV|SSL_SESSION|session data|schannel|"
	    "36[89]\\d\\d|12014|Event ID|protocolVersion|SSL status|x509|deferral|missing|"
	    "smtp_tls_policy_maps|configured|requiretls|associated|alternative|starttls-not|"
	    "no[t]? (?:valid|suitable|server|supported|received|verified)|out-of-date|"
	    "keine|Warnung|Verbindung\\w*|client TLS|wrong|weak|lost|self-signed)|-2146|"
	    "fehler|_TOO_SMALL|UNABLE_|Exception|Transport|common algorithm|1C7A|"
	    "AlertDesc|intermediate|Zwischenzert|Zertifikatskette|issue (?:a )?STARTTLS|"
	    "incomplete|not_supported|SYSCALL|Stammzert|ung\xC3\xBCltig|empfangene|"
	    "lokale Sicher|Clientauth|TLS-Kanal|Zielprinzipal|plaintext|"
	    "closed connection|host_said|S(?:EC|SL)_ERROR|PR_[A-Z_]+_ERROR|_PKIX_|"
	    "no common|ERR_SSL|closed the connection|session required",
	[RULE_THREAD] = "^\\s*\\[(" THREAD ")\\]",
	[RULE_PROCESS] = "\\b([a-z][\\w./-]*\\[\\d+\\])(?::| )",
	[RULE_SESSION] = "^[^,]*,[^,]*,([0-9A-F]{16}),\\d+,",
	[RULE_MESSAGE] = "^\\s*" DAY " \\S+ (?:[+-]\\d{4} )?(?:\\[\\d+\\] )?"
	    "(?:(?=\\w{6}-)(\\w{6}-\\w{6,11}-\\w{2,4})\\b|"
	    ".*?(?:\\bH=|connection from ).*?\\[([0-9a-f.:]+)\\])",
	[RULE_CONNECT] = ": connect from \\S+\\[",
	[RULE_PEER] = "(?:\\b(?:from|to|with|host|for|by) |relay=)([\\w.-]+\\[[0-9a-f.:]+\\])",
	[SYSTEM_RULE(DOMINO)] = "^\\s*\\[?" THREAD "\\]|\\b(?:domino|lotus|notes\\.ini|"
	    "keyring|kyrtool|SMTP Server|Router|SSL_Handshake|SSLSendAlert)\\b",
	[SYSTEM_RULE(SCHANNEL)] = "\\bschannel\\b",
	[SYSTEM_RULE(EXCHANGE)] = "\\b(?:MSExchange\\w*|(?:send|receive) ?connector|"
	    "exchange)\\b|,[0-9A-F]{16},\\d+,",
	[SYSTEM_RULE(EXCHANGE_ONLINE)] = "\\.(?:prod|protection)\\.outlook\\.com|"
	    "office ?365|exchange online",
	[SYSTEM_RULE(POSTFIX)] = "\\bpostfix\\b|TLS library problem|SSL_(?:accept|"
	    "connect) error (?:from|to)",
	[SYSTEM_RULE(SENDMAIL)] = "\\b(?:sendmail|sm-mta|sm-msp\\S*)\\b|"
	    "\\bSTARTTLS=(?:client|server)",
	[SYSTEM_RULE(EXIM)] = "\\bexim4?\\b|TLS error on connection|"
	    "\\bTLS session: |\\bH=\\S+ \\[",
	[SYSTEM_RULE(OPENSSL)] = "\\bopenssl\\b|\\berror:[0-9A-F]{8}:|SSL routines|"
	    "^verify error:num",
	[SYSTEM_RULE(GNUTLS)] = "\\bgnutls|\\*\\*\\* Fatal error: ",
	[SYSTEM_RULE(DOTNET)] = "\\bSystem\\.(?:Net|IO|Security|ComponentModel)\\b|"
	    "WebException|\\.NET\\b",
	[SYSTEM_RULE(JAVA)] = "\\b(?:javax?|sun|com\\.sun)\\.\\w+\\.|\\bat [\\w.$]+\\(",
	[SYSTEM_RULE(QMAIL)] = "\\bqmail",
	[SYSTEM_RULE(GMAIL)] = "\\bgsmtp\\b|\\.google\\.com",
	[SYSTEM_RULE(TLSRPT)] = "\"result-type\"|\"policy-type\"|TLSRPT",
};

bool
passage_rules_make(struct passage_rules *rules)
{
	PCRE2_SIZE at;
	int error;

	*rules = (struct passage_rules){ .found = pcre2_match_data_create(4, NULL),
		.limits = pcre2_match_context_create(NULL) };
	if (rules->found == NULL || rules->limits == NULL)
		return false;
	(void)pcre2_set_match_limit(rules->limits, RULE_LIMIT);
	for (int i = 0; i < RULE_COUNT; i++) {
		rules->codes[i] = pcre2_compile((PCRE2_SPTR)rule_texts[i],
		    PCRE2_ZERO_TERMINATED, PCRE2_CASELESS, &error, &at, NULL);
		if (rules->codes[i] == NULL)
			return false;
		(void)pcre2_jit_compile(rules->codes[i], PCRE2_JIT_COMPLETE);
	}
	return true;
}

void
passage_rules_free(struct passage_rules *rules)
{
	for (int i = 0; i < RULE_COUNT; i++)
		pcre2_code_free(rules->codes[i]);
	pcre2_match_data_free(rules->found);
	pcre2_match_context_free(rules->limits);
	*rules = (struct passage_rules){ .found = NULL };
}

bool
passage_rule_meets(const struct passage_rules *rules, enum passage_rule rule,
    const char *text, size_t length, struct passage_part *part)
{
	const PCRE2_SIZE *ends;
	int count = pcre2_match(rules->codes[rule], (PCRE2_SPTR)text, length, 0, 0,
	    rules->found, rules->limits);

	if (count < 0)
		return false;
	ends = pcre2_get_ovector_pointer(rules->found);
	if (part != NULL && count > 1)
		*part = (struct passage_part){ text + ends[2 * count - 2],
			ends[2 * count - 1] - ends[2 * count - 2] };
	return true;
}
