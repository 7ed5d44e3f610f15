/*
 * probe_fetch.c - finds and fetches the policy of MTA-STS (RFC 8461 section 3).
 *
 * From the addresses that our resolver gave, by HTTPS alone, without redirects and without
 * a proxy, as a mail server would: a proxy of the environment's would ask another resolver.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_sts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef TLSWARD_CURL
#include <curl/curl.h>
#endif

#include "tool/probe_host.h"
#include "tool/probe_say.h"
#include "base/buffer.h"

#define HTTPS_PORT 443

#ifdef TLSWARD_CURL

#define FETCH_MS 60000		/* section 3.3; twice the patience where that is less */

/* Takes what comes, and ends it where it is too much. */
static size_t
take_policy_bytes(char *bytes, size_t size, size_t count, void *data)
{
	struct buffer *policy = data;

	(void)size;		/* 1 */
	buffer_add(policy, bytes, count);
	return policy->failed || policy->length > STS_POLICY_MAX ? 0 : count;
}

/* The host's addresses, as CURLOPT_RESOLVE has them. NULL: memory is short. */
static struct curl_slist *
list_addresses(const char *domain, const struct probe_host *host)
{
	struct buffer text = BUFFER_INIT;
	struct curl_slist *list;

	buffer_format(&text, "mta-sts.%s:443:", domain);
	for (size_t i = 0; i < host->address_count; i++) {
		const struct probe_address *address = &host->addresses[i];
		bool ip6 = address->socket.ss_family == AF_INET6;

		buffer_format(&text, ip6 ? "%s[%s]" : "%s%s", i > 0 ? "," : "",
		    address->text);
	}
	list = text.failed ? NULL : curl_slist_append(NULL, text.text);
	buffer_free(&text);
	return list;
}

static bool
set_fetch(CURL *curl, const char *url, const struct probe_names *names, long left,
    const struct curl_slist *addresses, char *error, struct buffer *policy)
{
	const char *authorities = names->authorities;

	return curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_RESOLVE, addresses) == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left) == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_USERAGENT, "tlsward/" TLSWARD_VERSION) ==
	    CURLE_OK &&
	    (authorities == NULL ||
	    (curl_easy_setopt(curl, CURLOPT_CAINFO, authorities) == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_policy_bytes) == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_WRITEDATA, policy) == CURLE_OK;
}

/* text/plain, with parameters or without. */
static bool
is_plain_text(const char *type)
{
	static const char plain[] = "text/plain";
	size_t length = sizeof(plain) - 1;

	return type != NULL && strncasecmp(type, plain, length) == 0 &&
	    (type[length] == '\0' || strchr("; \t", type[length]) != NULL);
}

/* What the host answered. */
static void
take_fetched(CURL *curl, const struct buffer *policy, struct probe_sts *sts)
{
	long code = 0;
	char *type = NULL;
	char text[64];

	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
	(void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	(void)snprintf(text, sizeof(text), "%ld", code);
	if (code >= 300 && code < 400)
		probe_say(sts->trouble, "its policy's host sends to another place, which no "
		    "sender follows: HTTP status ", text);
	else if (code != 200)
		probe_say(sts->trouble, "its policy cannot be fetched: HTTP status ", text);
	else if (!is_plain_text(type))
		probe_say(sts->trouble, "its policy is not sent as text/plain, but as ",
		    type != NULL ? type : "nothing");
	else
		sts->fetched = sts_read_policy(policy->text != NULL ? policy->text : "",
		    policy->length, sts);
}

static bool
fetch_by(CURL *curl, const struct probe_names *names, const char *domain,
    const struct curl_slist *addresses, long left, struct probe_sts *sts)
{
	struct buffer policy = BUFFER_INIT;
	char url[PROBE_NAME + 64], error[CURL_ERROR_SIZE] = "";
	CURLcode result = CURLE_OUT_OF_MEMORY;
	bool ok;

	(void)snprintf(url, sizeof(url), "https://mta-sts.%s/.well-known/mta-sts.txt",
	    domain);
	if (set_fetch(curl, url, names, left, addresses, error, &policy))
		result = curl_easy_perform(curl);
	if (result == CURLE_OK)
		take_fetched(curl, &policy, sts);
	else if (policy.length > STS_POLICY_MAX)
		probe_say(sts->trouble, "its policy is larger than 64 KB", "");
	else
		probe_say(sts->trouble, "its policy cannot be fetched: ",
		    error[0] != '\0' ? error : curl_easy_strerror(result));
	ok = result != CURLE_OUT_OF_MEMORY && !policy.failed;
	buffer_free(&policy);
	return ok;
}

static bool
fetch_policy(const struct probe_names *names, const struct probe_budget *budget,
    const char *domain, const struct probe_host *host, struct probe_sts *sts)
{
	struct curl_slist *addresses = list_addresses(domain, host);
	int left = dns_time_left(budget, 2 * budget->patience_ms < FETCH_MS ?
	    2 * budget->patience_ms : FETCH_MS);
	CURL *curl = NULL;
	bool ok = false;

	if (left == 0) {
		probe_say(sts->trouble, "no time was left to fetch its policy", "");
		ok = true;
	} else if (addresses != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
		if ((curl = curl_easy_init()) != NULL)
			ok = fetch_by(curl, names, domain, addresses, left, sts);
		curl_easy_cleanup(curl);
		curl_global_cleanup();
	}
	curl_slist_free_all(addresses);
	return ok;
}

/* ------------------------------------------------------------------ *
 * What the domain has
 * ------------------------------------------------------------------ */

/* The strings of a TXT record as one. */
static void
join_strings(const struct dns_record *record, struct buffer *text)
{
	for (size_t at = 0; at < record->length; at += 1 + (size_t)record->data[at]) {
		size_t length = record->data[at];

		if (at + 1 + length <= record->length)
			buffer_add(text, (const char *)record->data + at + 1, length);
	}
}

/* The one record that counts. False where memory is short. */
static bool
take_sts_records(const struct dns_answer *answer, struct probe_sts *sts)
{
	struct buffer text = BUFFER_INIT;
	size_t count = 0;

	for (size_t i = 0; i < answer->count && !text.failed; i++) {
		buffer_clear(&text);
		join_strings(&answer->records[i], &text);
		if (text.length == 0 || !sts_is_record(text.text, text.length))
			continue;
		sts->record = true;
		if (++count == 1)
			(void)sts_read_record(text.text, text.length, sts);
		else
			probe_say(sts->trouble, "it has more than one record, so that none "
			    "counts", "");
	}
	count = text.failed;
	buffer_free(&text);
	return count == 0;
}

/* The policy of the host that is to have it. */
static bool
find_sts_policy(const struct probe_names *names, const struct probe_budget *budget,
    struct dns *dns, const char *domain, struct probe_sts *sts)
{
	struct probe_host *host = calloc(1, sizeof(*host));
	bool ok = host != NULL;

	if (ok) {
		(void)snprintf(host->name, sizeof(host->name), "mta-sts.%.*s",
		    PROBE_NAME - 9, domain);
		host->port = HTTPS_PORT;
		if (budget->progress != NULL)
			budget->progress(host->name, "fetching its policy of MTA-STS",
			    budget->progress_data);
		ok = host_find_addresses(names, dns, host);
	}
	if (ok && host->address_count > 0)
		ok = fetch_policy(names, budget, domain, host, sts);
	else if (ok)
		probe_say(sts->trouble, "its policy's host cannot be found: ",
		    host->trouble);
	free(host);
	return ok;
}

bool
sts_find(const struct probe_names *names, const struct probe_budget *budget,
    struct dns *dns, const char *domain, struct probe_sts *sts)
{
	struct dns_answer answer;
	char name[PROBE_NAME + 16];
	bool ok;

	(void)snprintf(name, sizeof(name), "_mta-sts.%s", domain);
	if (strlen(name) > 253)
		return true;
	if (!dns_ask(dns, name, DNS_TXT, &answer))
		return false;
	sts->asked = true;
	if (answer.found == DNS_FAILED)
		probe_say(sts->trouble, "its record cannot be found: ", answer.why);
	ok = take_sts_records(&answer, sts);
	dns_answer_free(&answer);
	if (!ok || !sts->record || sts->trouble[0] != '\0')
		return ok;
	return find_sts_policy(names, budget, dns, domain, sts);
}

#else

bool
sts_find(const struct probe_names *names, const struct probe_budget *budget,
    struct dns *dns, const char *domain, struct probe_sts *sts)
{
	(void)names;
	(void)budget;
	(void)dns;
	(void)domain;
	(void)sts;
	return true;
}

#endif
