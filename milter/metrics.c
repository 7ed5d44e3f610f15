/*
 * metrics.c - the daemon's figures as text for Prometheus and its like.
 *
 * The formats: OpenMetrics 1.0 (github.com/prometheus/OpenMetrics, "OpenMetrics, a
 * cloud-native, highly scalable metrics protocol") and Prometheus's "Text-based
 * format" 0.0.4. They differ in how a counter's and an info's family is called, in
 * units, which the latter does not have, and in the end.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"

struct writer {
	const struct metrics_source *source;
	enum metrics_format format;
	struct buffer *out;
};

const char *
metrics_content_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS ?
	    "application/openmetrics-text; version=1.0.0; charset=utf-8" :
	    "text/plain; version=0.0.4; charset=utf-8";
}

enum metrics_format
metrics_choose(const char *accept)
{
	if (accept == NULL || strcasestr(accept, "openmetrics-text") != NULL)
		return METRICS_OPENMETRICS;
	return strcasestr(accept, "text/plain") != NULL ? METRICS_TEXT :
	    METRICS_OPENMETRICS;
}

/* ------------------------------------------------------------------ *
 * Families and samples
 * ------------------------------------------------------------------ */

/*
 * Begins a family of samples called "name". In OpenMetrics the family of a counter
 * or an info is called as its samples are without their "suffix".
 */
static void
begin(const struct writer *writer, const char *name, const char *suffix,
    const char *type, const char *help)
{
	bool open = writer->format == METRICS_OPENMETRICS;
	int length = (int)(strlen(name) - (open ? strlen(suffix) : 0));
	const char *unit = "_seconds";
	size_t unit_length = strlen(unit);

	if (!open && strcmp(type, "info") == 0)
		type = "gauge";
	buffer_format(writer->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", length, name,
	    help, length, name, type);
	if (open && (size_t)length > unit_length &&
	    strncmp(name + length - unit_length, unit, unit_length) == 0)
		buffer_format(writer->out, "# UNIT %.*s %s\n", length, name, unit + 1);
}

static void
begin_counter(const struct writer *writer, const char *name, const char *help)
{
	begin(writer, name, "_total", "counter", help);
}

static void
counter(const struct writer *writer, const char *name, unsigned long value,
    const char *help)
{
	begin_counter(writer, name, help);
	buffer_format(writer->out, "%s %lu\n", name, value);
}

static void
gauge(const struct writer *writer, const char *name, unsigned long value,
    const char *help)
{
	begin(writer, name, "", "gauge", help);
	buffer_format(writer->out, "%s %lu\n", name, value);
}

/* A number of units of which there are "per" in one, as a decimal fraction. */
static void
fraction(const struct writer *writer, const char *name, int64_t value, int64_t per)
{
	int digits = per == 1000 ? 3 : 9;

	if (value < 0)
		value = 0;
	buffer_format(writer->out, "%s %" PRId64 ".%0*" PRId64 "\n", name, value / per,
	    digits, value % per);
}

/* A time in milliseconds. */
static void
timestamp(const struct writer *writer, const char *name, int64_t time_ms,
    const char *help)
{
	begin(writer, name, "", "gauge", help);
	fraction(writer, name, time_ms, 1000);
}

/* ------------------------------------------------------------------ *
 * Decisions and sessions
 * ------------------------------------------------------------------ */

static const char *
reason_name(enum policy_reason reason)
{
	return reason == REASON_NONE ? "none" : policy_reason_name(reason);
}

/* Whether it is told before it has happened, so that its first time is seen. */
static bool
is_expected(int action, enum policy_reason reason, bool enforced)
{
	/* What monitor let through was accepted, and has a reason. */
	if (action == POLICY_ACCEPT)
		return enforced;
	return reason != REASON_NONE;
}

static void
write_outcomes(const struct writer *writer, counter_outcomes outcomes, bool enforced)
{
	for (int action = POLICY_ACCEPT; action <= POLICY_REJECT; action++) {
		for (enum policy_reason reason = REASON_NONE; reason < REASON_COUNT;
		    reason = policy_reason_next(reason)) {
			unsigned long count = atomic_load(&outcomes[action][reason]);

			if (count > 0 || is_expected(action, reason, enforced))
				buffer_format(writer->out, "tlsward_decisions_total{"
				    "action=\"%s\",reason=\"%s\",enforced=\"%s\"} %lu\n",
				    policy_action_name((enum policy_action)action),
				    reason_name(reason), enforced ? "yes" : "no", count);
		}
	}
}

static void
write_decisions(const struct writer *writer, struct counters *counters)
{
	begin_counter(writer, "tlsward_decisions_total", "Decisions that took effect "
	    "(enforced yes), and what rules under monitor would have made of them (no).");
	write_outcomes(writer, counters->decisions, true);
	write_outcomes(writer, counters->would, false);
	counter(writer, "tlsward_exemptions_total", atomic_load(&counters->exempt),
	    "Decisions to accept for the sake of an exemption.");
}

static void
write_sessions(const struct writer *writer, struct counters *counters)
{
	begin_counter(writer, "tlsward_sessions_total",
	    "SMTP sessions that came to a message, by protocol; none is clear text.");
	for (int i = 0; i < COUNTED_COUNT; i++)
		buffer_format(writer->out, "tlsward_sessions_total{protocol=\"%s\"} %lu\n",
		    counters_protocol_name((enum protocol)i),
		    atomic_load(&counters->protocols[i]));
	counter(writer, "tlsward_milter_connections_total",
	    atomic_load(&counters->sessions),
	    "Connections of the mail server to the milter.");
	counter(writer, "tlsward_policy_service_requests_total",
	    atomic_load(&counters->policy_requests), "Requests to the policy service.");
	counter(writer, "tlsward_policy_service_clients_closed_total",
	    atomic_load(&counters->policy_clients_closed),
	    "Clients of the policy service that could not be served.");
}

/* The classes are read once: what comes in between is not in the count either. */
static void
write_latency(const struct writer *writer, struct histogram *histogram)
{
	const char *name = "tlsward_decision_duration_seconds";
	int64_t sum = (int64_t)atomic_load(&histogram->sum_ns);
	unsigned long count = 0;

	begin(writer, name, "", "histogram",
	    "How long the policy took to judge, each time that it was asked.");
	for (size_t i = 0; i < HISTOGRAM_CLASSES; i++) {
		count += atomic_load(&histogram->classes[i]);
		buffer_format(writer->out, "%s_bucket{le=\"%s\"} %lu\n", name,
		    histogram_bound(i), count);
	}
	buffer_format(writer->out, "%s_count %lu\n", name, count);
	fraction(writer, "tlsward_decision_duration_seconds_sum", sum, 1000000000);
}

/* ------------------------------------------------------------------ *
 * The policy, and the daemon itself
 * ------------------------------------------------------------------ */

static void
write_loading(const struct writer *writer, struct counters *counters)
{
	const char *duration = "tlsward_policy_load_duration_seconds";

	begin(writer, duration, "", "gauge", "How long the policy in force took to load.");
	fraction(writer, duration, atomic_load(&counters->loading_ns), 1000000000);
	timestamp(writer, "tlsward_policy_loaded_timestamp_seconds",
	    atomic_load(&counters->loaded_ms), "When the policy in force was loaded.");
	timestamp(writer, "tlsward_policy_last_reload_timestamp_seconds",
	    atomic_load(&counters->tried_ms),
	    "When a policy was to be loaded last, at the start or by a reload.");
	gauge(writer, "tlsward_policy_last_reload_successful",
	    atomic_load(&counters->last_failed) ? 0 : 1,
	    "Whether it was (1), or the one before is still in force (0).");
	begin_counter(writer, "tlsward_policy_reloads_total", "Reloads, by result.");
	buffer_format(writer->out,
	    "tlsward_policy_reloads_total{result=\"success\"} %lu\n"
	    "tlsward_policy_reloads_total{result=\"failure\"} %lu\n",
	    atomic_load(&counters->reloads), atomic_load(&counters->reloads_failed));
}

/* A family without a sample where nothing will end. */
static void
write_end(const struct writer *writer, const char *name, int64_t when,
    const char *help)
{
	begin(writer, name, "", "gauge", help);
	if (when != INT64_MAX)
		buffer_format(writer->out, "%s %" PRId64 "\n", name, when);
}

static void
write_policy(const struct writer *writer, int64_t now)
{
	struct snapshots *snapshots = writer->source->service->snapshots;
	struct snapshot *snapshot = snapshots_acquire(snapshots);
	struct policy_ends ends;

	gauge(writer, "tlsward_policy_rules", snapshot->summary.rules,
	    "Rules of the policy in force, with the default.");
	gauge(writer, "tlsward_policy_listed_entries", snapshot->summary.listed,
	    "Entries of its list files.");
	policy_next_ends(snapshot->policy, now, &ends);
	write_end(writer, "tlsward_certificate_next_expiry_timestamp_seconds",
	    ends.certificate, "When the next partner's certificate that the policy knows "
	    "expires.");
	write_end(writer, "tlsward_period_next_end_timestamp_seconds", ends.period,
	    "When the next period of a rule (exempt until, monitor until) ends.");
	snapshots_release(snapshots, &snapshot);
}

static void
write_journal(const struct writer *writer)
{
	const struct metrics_source *source = writer->source;
	struct metrics_journal journal = { .queued = 0 };

	if (source->journal == NULL)
		return;
	source->journal(source->journal_context, &journal);
	gauge(writer, "tlsward_journal_queue_length", journal.queued,
	    "Records that wait to be written to the journal.");
	counter(writer, "tlsward_journal_errors_total", journal.errors,
	    "Attempts to write to the journal that failed.");
	counter(writer, "tlsward_journal_lost_total", journal.lost,
	    "Records that are not in the journal and never will be.");
}

static void
write_daemon(const struct writer *writer)
{
	struct service *service = writer->source->service;

	counter(writer, "tlsward_log_lines_lost_total", log_lost(service->log),
	    "Lines that the log did not take.");
	counter(writer, "tlsward_internal_errors_total",
	    atomic_load(&service->counters.internal_errors),
	    "Messages that could not be judged.");
	begin(writer, "tlsward_build_info", "_info", "info", "The version that runs.");
	buffer_string(writer->out,
	    "tlsward_build_info{version=\"" TLSWARD_VERSION "\"} 1\n");
	timestamp(writer, "process_start_time_seconds", writer->source->started_ms,
	    "When the process started whose figures these are.");
}

void
metrics_write(const struct metrics_source *source, enum metrics_format format,
    int64_t now_ms, struct buffer *out)
{
	const struct writer writer = { source, format, out };
	struct counters *counters = &source->service->counters;

	write_decisions(&writer, counters);
	write_sessions(&writer, counters);
	write_latency(&writer, &counters->judging);
	write_loading(&writer, counters);
	write_policy(&writer, now_ms / 1000);
	write_journal(&writer);
	write_daemon(&writer);
	if (format == METRICS_OPENMETRICS)
		buffer_string(out, "# EOF\n");
}
