/*
 * metrics.c - the daemon's figures, for Prometheus and its like and as a line of text.
 *
 * A figure is one row of the table, whatever tells it. The formats: OpenMetrics 1.0
 * (github.com/prometheus/OpenMetrics, "OpenMetrics, a cloud-native, highly scalable
 * metrics protocol") and Prometheus's "Text-based format" 0.0.4. They differ in how a
 * counter's and an info's family is called, in units, which the latter does not have,
 * and in the end.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "journal/ship.h"

/* What has one number. The first of them are those of enum counter. */
enum figure {
	FIGURE_LOG_LOST = COUNTER_COUNT,
	FIGURE_LOADING_NS, FIGURE_LOADED_MS, FIGURE_TRIED_MS, FIGURE_LAST_FINE,
	FIGURE_RULES, FIGURE_LISTED, FIGURE_CERTIFICATE_END, FIGURE_PERIOD_END,
	FIGURE_STARTED_MS, FIGURE_ONE,
	FIGURE_JOURNAL_QUEUE,		/* these are there where there is a journal */
	FIGURE_JOURNAL_HELD, FIGURE_JOURNAL_WRITTEN, FIGURE_JOURNAL_ERRORS,
	FIGURE_JOURNAL_LOST, FIGURE_JOURNAL_DISCARDED, FIGURE_DOWNGRADES,
	FIGURE_SHIP_UP,			/* these where that is sent to PostgreSQL */
	FIGURE_SHIP_LAG_ROWS, FIGURE_SHIP_LAG_MS, FIGURE_SHIP_SEEN_MS, FIGURE_SHIP_REFUSED,
	FIGURE_WATCH_LINES,		/* and these where "tlsward watch" was at work */
	FIGURE_WATCH_UNREAD, FIGURE_WATCH_LAG_MS, FIGURE_WATCH_SEEN_MS,
	FIGURE_COUNT,
	FIGURE_WATCH_SAMPLES = FIGURE_COUNT	/* and on: those of the families below */
};

/* Totals of the journal by several words, each a label. */
enum {
	WATCH_HANDSHAKES, WATCH_DELIVERIES, WATCH_TROUBLE, WATCH_JUDGED, WATCH_BELOW,
	WATCH_FAMILIES
};

struct figures {
	struct counters *counters;	/* of which there are several */
	bool journal, shipped, watched;
	int64_t values[FIGURE_COUNT];
	struct buffer samples[WATCH_FAMILIES];
};

/* How it is written: a time is in seconds there, and counted in ms and ns here. */
enum form {
	FORM_COUNTER, FORM_GAUGE, FORM_END, FORM_MS, FORM_NS, FORM_INFO, FORM_HISTOGRAM
};

typedef void metrics_function(const struct figures *figures, struct buffer *out);

struct metric {
	const char *word;		/* in the line; NULL: it is not there */
	const char *name;		/* NULL: it is in the line alone */
	int figure;			/* of either enum */
	enum form form;
	const char *help;		/* NULL: a further sample of the family above */
	const char *labels;		/* of the sample; NULL: none */
	metrics_function *samples;	/* writes them all, where there are several */
	metrics_function *words;	/* likewise in the line */
};

/* ------------------------------------------------------------------ *
 * Figures with several numbers
 * ------------------------------------------------------------------ */

/* A number of units of which there are "per" in one, as a decimal fraction. */
static void
write_fraction(struct buffer *out, int64_t value, int64_t per)
{
	if (value < 0)
		value = 0;
	buffer_format(out, "%" PRId64 ".%0*" PRId64 "\n", value / per,
	    per == 1000 ? 3 : 9, value % per);
}

static void
write_word(struct buffer *out, const char *name, unsigned long value)
{
	buffer_format(out, "%s%s=%lu", out->length > 0 ? " " : "", name, value);
}

/* Whether it is told before it has happened, so that its first time is seen. */
static bool
is_told_early(int action, enum policy_reason reason, bool enforced)
{
	/* What monitor let through was accepted, and has a reason. */
	if (action == POLICY_ACCEPT)
		return enforced;
	return reason != REASON_NONE;
}

static void
write_outcomes(struct buffer *out, counter_outcomes outcomes, bool enforced)
{
	for (int action = POLICY_ACCEPT; action <= POLICY_REJECT; action++) {
		for (enum policy_reason reason = REASON_NONE; reason < REASON_COUNT;
		    reason = policy_reason_next(reason)) {
			unsigned long count = atomic_load(&outcomes[action][reason]);

			if (count > 0 || is_told_early(action, reason, enforced))
				buffer_format(out, "tlsward_decisions_total{"
				    "action=\"%s\",reason=\"%s\",enforced=\"%s\"} %lu\n",
				    policy_action_name((enum policy_action)action),
				    reason == REASON_NONE ? "none" :
				    policy_reason_name(reason),
				    enforced ? "yes" : "no", count);
		}
	}
}

static void
write_decisions(const struct figures *figures, struct buffer *out)
{
	write_outcomes(out, figures->counters->decisions, true);
	write_outcomes(out, figures->counters->would, false);
}

static void
write_sessions(const struct figures *figures, struct buffer *out)
{
	for (int i = 0; i < COUNTED_COUNT; i++)
		buffer_format(out, "tlsward_sessions_total{protocol=\"%s\"} %lu\n",
		    counters_protocol_name((enum protocol)i),
		    atomic_load(&figures->counters->protocols[i]));
}

/* The classes are read once: what comes in between is not in the count either. */
static void
write_histogram(const char *name, struct histogram *histogram, struct buffer *out)
{
	int64_t sum = (int64_t)atomic_load(&histogram->sum_ns);
	unsigned long count = 0;

	for (size_t i = 0; i < HISTOGRAM_CLASSES; i++) {
		int64_t bound = histogram_bound(i);

		count += atomic_load(&histogram->classes[i]);
		if (bound < INT64_MAX)
			buffer_format(out, "%s_bucket{le=\"%g\"} %lu\n", name,
			    (double)bound / 1e9, count);
		else
			buffer_format(out, "%s_bucket{le=\"+Inf\"} %lu\n", name, count);
	}
	buffer_format(out, "%s_count %lu\n%s_sum ", name, count, name);
	write_fraction(out, sum, 1000000000);
}

static void
write_latency(const struct figures *figures, struct buffer *out)
{
	write_histogram("tlsward_decision_duration_seconds", &figures->counters->judging,
	    out);
}

static void
write_lookup_latency(const struct figures *figures, struct buffer *out)
{
	write_histogram("tlsward_tls_policy_lookup_duration_seconds",
	    &figures->counters->looking_up, out);
}

/* The decisions of an action, for any reason; or those with a reason, of any action. */
static unsigned long
sum_outcomes(counter_outcomes outcomes, int action, int reason)
{
	unsigned long sum = 0;

	for (int i = POLICY_ACCEPT; i <= POLICY_REJECT; i++)
		for (int j = REASON_NONE; j < REASON_COUNT; j++)
			if (i == action || j == reason)
				sum += atomic_load(&outcomes[i][j]);
	return sum;
}

static void
write_actions(const struct figures *figures, struct buffer *out)
{
	struct counters *counters = figures->counters;
	unsigned long would = 0;

	for (int i = POLICY_ACCEPT; i <= POLICY_REJECT; i++) {
		write_word(out, policy_action_name((enum policy_action)i),
		    sum_outcomes(counters->decisions, i, -1));
		would += sum_outcomes(counters->would, i, -1);
	}
	write_word(out, "would-refuse", would);
}

static void
write_reasons(const struct figures *figures, struct buffer *out)
{
	for (enum policy_reason reason = policy_reason_next(REASON_NONE);
	    reason < REASON_COUNT; reason = policy_reason_next(reason))
		write_word(out, policy_reason_name(reason),
		    sum_outcomes(figures->counters->decisions, -1, (int)reason));
}

/* ------------------------------------------------------------------ *
 * The table
 * ------------------------------------------------------------------ */

static const struct metric table[] = {
	{ "sessions", "tlsward_milter_connections_total", COUNTER_CONNECTIONS,
	    FORM_COUNTER, .help = "Connections of the mail server to the milter." },
	{ NULL, "tlsward_sessions_total", 0, FORM_COUNTER,
	    .help = "SMTP sessions that came to a message, by protocol; none is clear text.",
	    .samples = write_sessions },
	{ NULL, "tlsward_decisions_total", 0, FORM_COUNTER, .help = "Decisions that "
	    "took effect (enforced yes), and what rules under monitor would have made of "
	    "them (no).", .samples = write_decisions, .words = write_actions },
	{ "exempt", "tlsward_exemptions_total", COUNTER_EXEMPT, FORM_COUNTER,
	    .help = "Decisions to accept for the sake of an exemption." },
	{ .words = write_reasons },
	{ NULL, "tlsward_decision_duration_seconds", 0, FORM_HISTOGRAM,
	    .help = "How long the policy took to judge, each time that it was asked.",
	    .samples = write_latency },
	{ NULL, "tlsward_policy_load_duration_seconds", FIGURE_LOADING_NS, FORM_NS,
	    .help = "How long the policy in force took to load." },
	{ NULL, "tlsward_policy_loaded_timestamp_seconds", FIGURE_LOADED_MS, FORM_MS,
	    .help = "When the policy in force was loaded." },
	{ NULL, "tlsward_policy_last_reload_timestamp_seconds", FIGURE_TRIED_MS, FORM_MS,
	    .help = "When a policy was to be loaded last, at the start or by a reload." },
	{ NULL, "tlsward_policy_last_reload_successful", FIGURE_LAST_FINE, FORM_GAUGE,
	    .help = "Whether it was (1), or the one before is still in force (0)." },
	{ "reloads", "tlsward_policy_reloads_total", COUNTER_RELOADS, FORM_COUNTER,
	    .help = "Reloads, by result.",
	    .labels = "{result=\"success\"}" },
	{ "reloads-failed", "tlsward_policy_reloads_total", COUNTER_RELOADS_FAILED,
	    FORM_COUNTER, .labels = "{result=\"failure\"}" },
	{ NULL, "tlsward_policy_rules", FIGURE_RULES, FORM_GAUGE,
	    .help = "Rules of the policy in force, with the default." },
	{ NULL, "tlsward_policy_listed_entries", FIGURE_LISTED, FORM_GAUGE,
	    .help = "Entries of its list files." },
	{ NULL, "tlsward_certificate_next_expiry_timestamp_seconds",
	    FIGURE_CERTIFICATE_END, FORM_END,
	    .help = "When the next partner's certificate that the policy knows expires." },
	{ NULL, "tlsward_period_next_end_timestamp_seconds", FIGURE_PERIOD_END, FORM_END,
	    .help = "When a rule next changes, by a date of exempt, monitor or require." },
	{ "internal-errors", "tlsward_internal_errors_total", COUNTER_INTERNAL_ERRORS,
	    FORM_COUNTER, .help = "Messages that could not be judged." },
	{ "policy-requests", "tlsward_policy_service_requests_total", COUNTER_REQUESTS,
	    FORM_COUNTER, .help = "Requests to the policy service." },
	{ "policy-clients-closed", "tlsward_policy_service_clients_closed_total",
	    COUNTER_CLIENTS_CLOSED, FORM_COUNTER,
	    .help = "Clients of the policy service that could not be served." },
	{ NULL, "tlsward_policy_service_clients", COUNTER_CLIENTS, FORM_GAUGE,
	    .help = "Clients that the policy service has now." },
	{ "tls-policy-ok", "tlsward_tls_policy_lookups_total", COUNTER_LOOKUPS_OK,
	    FORM_COUNTER, .help = "Look-ups in the TLS policy map, by reply.",
	    .labels = "{result=\"ok\"}" },
	{ "tls-policy-notfound", "tlsward_tls_policy_lookups_total",
	    COUNTER_LOOKUPS_NOTFOUND, FORM_COUNTER, .labels = "{result=\"notfound\"}" },
	{ "tls-policy-temp", "tlsward_tls_policy_lookups_total", COUNTER_LOOKUPS_TEMP,
	    FORM_COUNTER, .labels = "{result=\"temp\"}" },
	{ "tls-policy-perm", "tlsward_tls_policy_lookups_total", COUNTER_LOOKUPS_PERM,
	    FORM_COUNTER, .labels = "{result=\"perm\"}" },
	{ "tls-policy-next-ok", "tlsward_tls_policy_next_lookups_total", COUNTER_NEXT_OK,
	    FORM_COUNTER, .help = "Look-ups of the map in the service behind, by reply.",
	    .labels = "{result=\"ok\"}" },
	{ "tls-policy-next-notfound", "tlsward_tls_policy_next_lookups_total",
	    COUNTER_NEXT_NOTFOUND, FORM_COUNTER, .labels = "{result=\"notfound\"}" },
	{ "tls-policy-next-temp", "tlsward_tls_policy_next_lookups_total",
	    COUNTER_NEXT_TEMP, FORM_COUNTER, .labels = "{result=\"temp\"}" },
	{ "tls-policy-next-perm", "tlsward_tls_policy_next_lookups_total",
	    COUNTER_NEXT_PERM, FORM_COUNTER, .labels = "{result=\"perm\"}" },
	{ NULL, "tlsward_tls_policy_lookup_duration_seconds", 0, FORM_HISTOGRAM,
	    .help = "How long a look-up by the policy took.",
	    .samples = write_lookup_latency },
	{ NULL, "tlsward_tls_policy_clients", COUNTER_MAP_CLIENTS, FORM_GAUGE,
	    .help = "Clients that the TLS policy map has now." },
	{ "tls-policy-clients-closed", "tlsward_tls_policy_clients_closed_total",
	    COUNTER_MAP_CLIENTS_CLOSED, FORM_COUNTER,
	    .help = "Clients of the TLS policy map that could not be served." },
	{ "log-lines-lost", "tlsward_log_lines_lost_total", FIGURE_LOG_LOST,
	    FORM_COUNTER, .help = "Lines that the log did not take." },
	{ "journal-queue", "tlsward_journal_queue_length", FIGURE_JOURNAL_QUEUE,
	    FORM_GAUGE, .help = "Records that wait to be written to the journal." },
	{ .word = "journal-held", .figure = FIGURE_JOURNAL_HELD },
	{ .word = "journal-written", .figure = FIGURE_JOURNAL_WRITTEN },
	{ "journal-errors", "tlsward_journal_errors_total", FIGURE_JOURNAL_ERRORS,
	    FORM_COUNTER, .help = "Attempts to write to the journal that failed." },
	{ "journal-lost", "tlsward_journal_lost_total", FIGURE_JOURNAL_LOST,
	    FORM_COUNTER, .help = "Records that are not in the journal and never will be." },
	{ .word = "journal-discarded", .figure = FIGURE_JOURNAL_DISCARDED },
	{ .word = "downgrades", .figure = FIGURE_DOWNGRADES },
	{ NULL, "tlsward_watch_handshakes_failed_total",
	    FIGURE_WATCH_SAMPLES + WATCH_HANDSHAKES, FORM_COUNTER,
	    .help = "TLS handshakes that failed by the mail server's log, by the entry of "
	    "diagnoses that tells why." },
	{ NULL, "tlsward_watch_deliveries_total", FIGURE_WATCH_SAMPLES + WATCH_DELIVERIES,
	    FORM_COUNTER, .help = "Deliveries over SMTP by the mail server's log; level is "
	    "how far the other server was verified." },
	{ NULL, "tlsward_watch_deliveries_troubled_total",
	    FIGURE_WATCH_SAMPLES + WATCH_TROUBLE, FORM_COUNTER, .help = "Those of them "
	    "that TLS was the trouble of, by the entry of diagnoses that tells why." },
	{ NULL, "tlsward_watch_deliveries_judged_total",
	    FIGURE_WATCH_SAMPLES + WATCH_JUDGED, FORM_COUNTER, .help = "Deliveries over "
	    "SMTP, by what they were by their agreement; none had none." },
	{ NULL, "tlsward_watch_deliveries_below_total",
	    FIGURE_WATCH_SAMPLES + WATCH_BELOW, FORM_COUNTER, .help = "Mail that was sent "
	    "below its agreement, enforced or under monitor, by what was unmet." },
	{ NULL, "tlsward_watch_lines_total", FIGURE_WATCH_LINES, FORM_COUNTER,
	    .help = "Lines of the mail server's log that were read." },
	{ NULL, "tlsward_watch_lines_unread_total", FIGURE_WATCH_UNREAD, FORM_COUNTER,
	    .help = "Those of them that were not understood." },
	{ NULL, "tlsward_watch_lag_seconds", FIGURE_WATCH_LAG_MS, FORM_MS,
	    .help = "How old the newest line read is; 0 where all lines were read." },
	{ NULL, "tlsward_watch_last_seen_timestamp_seconds", FIGURE_WATCH_SEEN_MS, FORM_MS,
	    .help = "When tlsward watch last wrote to the journal." },
	{ NULL, "tlsward_ship_up", FIGURE_SHIP_UP, FORM_GAUGE, .help = "Whether tlsward ship "
	    "was seen in the last minute, and nothing is in its way." },
	{ NULL, "tlsward_ship_lag_rows", FIGURE_SHIP_LAG_ROWS, FORM_GAUGE, .help = "Rows of "
	    "the journal that are not in PostgreSQL yet; of roll-ups up to 100,000." },
	{ NULL, "tlsward_ship_lag_seconds", FIGURE_SHIP_LAG_MS, FORM_MS,
	    .help = "How old the oldest of them is; 0 where there are none." },
	{ NULL, "tlsward_ship_last_seen_timestamp_seconds", FIGURE_SHIP_SEEN_MS, FORM_MS,
	    .help = "When tlsward ship was seen last." },
	{ NULL, "tlsward_ship_refused_total", FIGURE_SHIP_REFUSED, FORM_COUNTER, .help =
	    "Rows that PostgreSQL did not take, and that were put aside there." },
	{ NULL, "tlsward_build_info", FIGURE_ONE, FORM_INFO, .help = "The version that runs.",
	    .labels = "{version=\"" TLSWARD_VERSION "\"}" },
	{ NULL, "process_start_time_seconds", FIGURE_STARTED_MS, FORM_MS,
	    .help = "When the process started whose figures these are." },
};
#define TABLE_ROWS (sizeof(table) / sizeof(table[0]))

/* ------------------------------------------------------------------ *
 * Taking the figures
 * ------------------------------------------------------------------ */

static void
take_counters(struct figures *figures, struct counters *counters)
{
	int64_t *values = figures->values;

	figures->counters = counters;
	for (int i = 0; i < COUNTER_COUNT; i++)
		values[i] = (int64_t)atomic_load(&counters->counts[i]);
	values[FIGURE_LOADING_NS] = atomic_load(&counters->loading_ns);
	values[FIGURE_LOADED_MS] = atomic_load(&counters->loaded_ms);
	values[FIGURE_TRIED_MS] = atomic_load(&counters->tried_ms);
	values[FIGURE_LAST_FINE] = !atomic_load(&counters->last_failed);
	values[FIGURE_ONE] = 1;
}

static void
take_policy_figures(struct figures *figures, struct snapshots *snapshots, int64_t now)
{
	struct snapshot *snapshot = snapshots_acquire(snapshots);
	struct policy_ends ends;

	policy_next_ends(snapshot->policy, now, &ends);
	figures->values[FIGURE_RULES] = (int64_t)snapshot->summary.rules;
	figures->values[FIGURE_LISTED] = (int64_t)snapshot->summary.listed;
	figures->values[FIGURE_CERTIFICATE_END] = ends.certificate;
	figures->values[FIGURE_PERIOD_END] = ends.period;
	snapshots_release(snapshots, &snapshot);
}

static void
take_journal(struct figures *figures, const struct metrics_source *source)
{
	int64_t *values = figures->values;
	struct journal_stats stats = { .queue = 0 };

	figures->journal = source->service->journal != NULL;
	if (!figures->journal)
		return;
	source->journal(source->service->journal, &stats);
	values[FIGURE_JOURNAL_QUEUE] = (int64_t)stats.queue;
	values[FIGURE_JOURNAL_HELD] = (int64_t)stats.held;
	values[FIGURE_JOURNAL_WRITTEN] = (int64_t)stats.written;
	values[FIGURE_JOURNAL_ERRORS] = (int64_t)stats.errors;
	values[FIGURE_JOURNAL_LOST] = (int64_t)stats.lost;
	values[FIGURE_JOURNAL_DISCARDED] = (int64_t)stats.discarded;
	values[FIGURE_DOWNGRADES] = (int64_t)stats.downgrades;
}

static void
take_shipped(struct figures *figures, const struct metrics_source *source, int64_t now_ms)
{
	int64_t *values = figures->values;
	struct ship_standing standing;

	figures->shipped = figures->journal && source->shipped != NULL &&
	    ship_standing_read(source->shipped, now_ms, &standing);
	if (!figures->shipped)
		return;
	values[FIGURE_SHIP_UP] = standing.up;
	values[FIGURE_SHIP_LAG_ROWS] = standing.lag.rows;
	values[FIGURE_SHIP_LAG_MS] = standing.behind_ms;
	values[FIGURE_SHIP_SEEN_MS] = standing.state.time_ms;
	values[FIGURE_SHIP_REFUSED] = standing.state.refused;
}

/* A total's words as labels; a diagnosis may have any name without blanks. */
static void
take_sample(const char *name, const char *const labels[3], const char *words,
    int64_t value, struct buffer *out)
{
	if (strpbrk(words, "\"\\\n") != NULL)
		return;
	buffer_format(out, "%s{", name);
	for (int i = 0; i < 3 && labels[i] != NULL; i++) {
		size_t length = strcspn(words, " ");

		buffer_format(out, "%s%s=\"%.*s\"", i > 0 ? "," : "", labels[i],
		    (int)length, words);
		words += length + (words[length] == ' ');
	}
	buffer_format(out, "} %" PRId64 "\n", value);
}

static void
take_watched_total(void *context, const char *name, int64_t value)
{
	static const struct {
		const char *word, *name, *labels[3];
	} families[WATCH_FAMILIES] = {
		[WATCH_HANDSHAKES] = { "handshakes ",
		    "tlsward_watch_handshakes_failed_total", { "direction", "reason" } },
		[WATCH_DELIVERIES] = { "deliveries ", "tlsward_watch_deliveries_total",
		    { "result", "protocol", "level" } },
		[WATCH_TROUBLE] = { "trouble ", "tlsward_watch_deliveries_troubled_total",
		    { "result", "reason" } },
		[WATCH_JUDGED] = { "judged ", "tlsward_watch_deliveries_judged_total",
		    { "verdict" } },
		[WATCH_BELOW] = { "below ", "tlsward_watch_deliveries_below_total",
		    { "state", "reason" } },
	};
	static const struct {
		const char *name;
		enum figure figure;
	} numbers[] = {
		{ "lines", FIGURE_WATCH_LINES }, { "lines_unread", FIGURE_WATCH_UNREAD },
		{ "lag", FIGURE_WATCH_LAG_MS }, { "time", FIGURE_WATCH_SEEN_MS },
	};
	struct figures *figures = context;

	figures->watched = true;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(name, numbers[i].name) == 0)
			figures->values[numbers[i].figure] = value;
	for (size_t i = 0; i < WATCH_FAMILIES; i++) {
		size_t length = strlen(families[i].word);

		if (strncmp(name, families[i].word, length) == 0)
			take_sample(families[i].name, families[i].labels, name + length,
			    value, &figures->samples[i]);
	}
}

/* What cannot be told now is left out, as it is before there is any. */
static void
take_watched(struct figures *figures, const struct metrics_source *source)
{
	if (figures->journal &&
	    !source->watched(source->service->journal, take_watched_total, figures))
		figures->watched = false;
}

static void
take_figures(const struct metrics_source *source, int64_t now, struct figures *figures)
{
	memset(figures, 0, sizeof(*figures));
	take_counters(figures, &source->service->counters);
	take_policy_figures(figures, source->service->snapshots, now);
	take_journal(figures, source);
	figures->values[FIGURE_LOG_LOST] = (int64_t)log_lost(source->service->log);
	figures->values[FIGURE_STARTED_MS] = source->started_ms;
}

static bool
is_missing(const struct metric *metric, const struct figures *figures)
{
	return (metric->figure >= FIGURE_JOURNAL_QUEUE && !figures->journal) ||
	    (metric->figure >= FIGURE_SHIP_UP && metric->figure < FIGURE_WATCH_LINES &&
	    !figures->shipped) ||
	    (metric->figure >= FIGURE_WATCH_LINES && !figures->watched);
}

/* ------------------------------------------------------------------ *
 * Telling them
 * ------------------------------------------------------------------ */

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

/* In OpenMetrics a counter's and an info's family is called without their ending. */
static void
write_family(const struct metric *metric, bool open, struct buffer *out)
{
	static const struct {
		const char *name, *ending;
	} types[] = {
		[FORM_COUNTER] = { "counter", "_total" }, [FORM_GAUGE] = { "gauge", "" },
		[FORM_END] = { "gauge", "" }, [FORM_MS] = { "gauge", "" },
		[FORM_NS] = { "gauge", "" }, [FORM_INFO] = { "info", "_info" },
		[FORM_HISTOGRAM] = { "histogram", "" },
	};
	const char *unit = "_seconds", *name = metric->name;
	size_t length = strlen(name), unit_length = strlen(unit);

	if (open)
		length -= strlen(types[metric->form].ending);
	buffer_format(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)length, name,
	    metric->help, (int)length, name,
	    metric->form == FORM_INFO && !open ? "gauge" : types[metric->form].name);
	if (open && length > unit_length &&
	    strncmp(name + length - unit_length, unit, unit_length) == 0)
		buffer_format(out, "# UNIT %.*s %s\n", (int)length, name, unit + 1);
}

/* None where nothing will end. */
static void
write_sample(const struct metric *metric, int64_t value, struct buffer *out)
{
	if (metric->form == FORM_END && value == INT64_MAX)
		return;
	buffer_format(out, "%s%s ", metric->name,
	    metric->labels != NULL ? metric->labels : "");
	if (metric->form == FORM_MS || metric->form == FORM_NS)
		write_fraction(out, value, metric->form == FORM_MS ? 1000 : 1000000000);
	else
		buffer_format(out, "%" PRId64 "\n", value);
}

void
metrics_write(const struct metrics_source *source, enum metrics_format format,
    int64_t now_ms, struct buffer *out)
{
	bool open = format == METRICS_OPENMETRICS;
	struct figures figures;

	take_figures(source, now_ms / 1000, &figures);
	take_watched(&figures, source);
	take_shipped(&figures, source, now_ms);
	for (size_t i = 0; i < TABLE_ROWS; i++) {
		const struct metric *metric = &table[i];

		if (metric->name == NULL || is_missing(metric, &figures))
			continue;
		if (metric->help != NULL)
			write_family(metric, open, out);
		if (metric->samples != NULL)
			metric->samples(&figures, out);
		else if (metric->figure >= FIGURE_WATCH_SAMPLES)
			buffer_add(out, figures.samples[metric->figure -
			    FIGURE_WATCH_SAMPLES].text, figures.samples[metric->figure -
			    FIGURE_WATCH_SAMPLES].length);
		else
			write_sample(metric, figures.values[metric->figure], out);
	}
	if (open)
		buffer_string(out, "# EOF\n");
	for (size_t i = 0; i < WATCH_FAMILIES; i++) {
		out->failed = out->failed || figures.samples[i].failed;
		buffer_free(&figures.samples[i]);
	}
}

void
metrics_line(const struct metrics_source *source, struct buffer *out)
{
	struct figures figures;

	take_figures(source, 0, &figures);
	for (size_t i = 0; i < TABLE_ROWS; i++) {
		const struct metric *metric = &table[i];

		if (is_missing(metric, &figures))
			continue;
		if (metric->words != NULL)
			metric->words(&figures, out);
		else if (metric->word != NULL)
			write_word(out, metric->word,
			    (unsigned long)figures.values[metric->figure]);
	}
}
