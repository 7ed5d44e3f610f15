/*
 * ship.c - sending the journal: one batch after the other, and what to do when that fails.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/ship.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "journal/ship_target.h"
#include "journal/store_room.h"

/* A batch: what is lost by one that fails is small, and so is what is held in memory. */
#define ROWS_MAX 2000
#define BYTES_MAX (1u << 20)

/* How often it looks for what is new, and writes how far it is. */
#define LOOK_MS 1000
#define STATE_MS 1000
#define BEAT_MS 10000
#define SEEN_MS 60000
#define SEEN_BUSY_MS 5000

/* How long it waits before another try: twice as long each time, and not all at once. */
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 30000

/* An answer that takes so long is told of. */
#define SILENT_MS 30000

/* A session gathers dust: what it holds of the catalogue, and its temporary tables' age. */
#define SESSION_MS (60 * 60 * 1000)

/*
 * More rows are not lost with a host's power: those of the journal's write-ahead log, of
 * some 64 MB, that was not moved yet. Each is about a page.
 */
#define LOST_MAX 100000

/* So often it tries again what two did at the same time or, once, another one holds. */
#define TRIES 10
#define TRY_MS 500

struct shipper {
	const struct ship_options *options;
	struct ship_source source;
	struct ship_target target;
	struct ship_batch batch;
	struct ship_state state;
	struct ship_lag lag;
	size_t rows[SHIP_STREAMS];	/* how many a batch has: fewer after one that failed */

	int64_t try_at, backoff_ms;	/* when PostgreSQL is tried next */
	int64_t state_at, seen_at;	/* when that was written last */
	int first;			/* the stream with which a round begins */
	enum ship_trouble said;		/* what was said to be in the way of sending */
	bool silent;			/* that no answer came was said */
	bool waiting_said;		/* that the journal cannot be read was said */
	bool state_said;
	int tries;			/* after troubles that pass */
	bool passing;			/* the last trouble was one of these */
};

static int64_t
ship_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void __attribute__((format(printf, 3, 4)))
ship_say(const struct shipper *ship, enum severity level, const char *format, ...)
{
	char text[2 * SHIP_ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	ship->options->say(ship->options->context, level, text);
}

/* ------------------------------------------------------------------ *
 * How far it is
 * ------------------------------------------------------------------ */

static void
ship_write_state(struct shipper *ship)
{
	struct ship_state *state = &ship->state;

	/* It is that of the one that sends. */
	if (ship->options->once && ship->target.conn == NULL &&
	    ship->target.trouble == SHIP_BUSY)
		return;
	state->time_ms = ship_now_ms();
	for (int i = 0; i < SHIP_STREAMS && ship->source.db != NULL && ship->target.conn != NULL;
	    i++)
		state->cursors[i] = ship->source.readers[i].cursor;
	ship->state_at = store_clock_ms();
	if (ship_state_write(ship->options->path, state)) {
		ship->state_said = false;
		return;
	}
	if (!ship->state_said)
		ship_say(ship, SEVERITY_WARNING, "%s.ship cannot be written, so that nobody can "
		    "tell how far the journal was sent: %m", ship->options->path);
	ship->state_said = true;
}

/* An error becomes the state's, with the time of the first. */
static void
ship_note_error(struct shipper *ship, const char *error)
{
	if (ship->state.error_ms == 0)
		ship->state.error_ms = ship_now_ms();
	(void)snprintf(ship->state.error, sizeof(ship->state.error), "%s", error);
}

static void
ship_note_fine(struct shipper *ship)
{
	ship->state.error_ms = 0;
	ship->state.error[0] = '\0';
}

/* While an answer is waited for. */
static void
ship_waits(void *context, int64_t ms)
{
	struct shipper *ship = context;

	if (ms >= SILENT_MS) {
		if (!ship->silent)
			ship_say(ship, SEVERITY_WARNING, "%s has not answered for %d seconds: what "
			    "is not sent waits in the journal", ship->options->name,
			    SILENT_MS / 1000);
		ship->silent = true;
		ship_note_error(ship, "it does not answer");
	}
	if (store_clock_ms() - ship->state_at >= BEAT_MS)
		ship_write_state(ship);
}

/* What the database is told of this shipper: often while there is much to be told. */
static bool
ship_tell_seen(struct shipper *ship)
{
	int64_t now = store_clock_ms();
	bool behind = ship->lag.rows > 0;

	if (now - ship->seen_at < SEEN_BUSY_MS)
		return true;
	if (ship_lag_of(ship->source.db, ship->state.cursors, &ship->lag) != SQLITE_OK)
		return true;
	if (!behind && ship->lag.rows == 0 && now - ship->seen_at < SEEN_MS)
		return true;
	ship->seen_at = now;
	return ship_target_seen(&ship->target, &ship->lag);
}

/* ------------------------------------------------------------------ *
 * Beginning
 * ------------------------------------------------------------------ */

/* False: it is not there yet, or no longer. */
static bool
ship_open_source(struct shipper *ship)
{
	char error[SHIP_ERROR_MAX];

	if (ship->source.db != NULL && ship_source_stands(&ship->source))
		return true;
	ship_source_close(&ship->source);
	ship_target_close(&ship->target);
	if (!ship_source_open(&ship->source, ship->options->path, error)) {
		if (!ship->waiting_said)
			ship_say(ship, ship->options->once ? SEVERITY_ERROR : SEVERITY_WARNING,
			    "%s", error);
		ship->waiting_said = true;
		ship_note_error(ship, error);
		return false;
	}
	if (strcmp(ship->state.journal, ship->source.journal) != 0)
		ship->state.known = false;
	(void)snprintf(ship->state.journal, sizeof(ship->state.journal), "%s",
	    ship->source.journal);
	return true;
}

/* Sets a cursor back, here and there. */
static bool
ship_go_back(struct shipper *ship, enum ship_number number, int64_t cursor)
{
	struct ship_batch back = { .text = BUFFER_INIT, .cursor = cursor };

	if (!ship_target_send(&ship->target, number, ship->source.readers[number].cursor, &back))
		return false;
	ship_source_took(&ship->source, number, &back);
	return true;
}

/*
 * A journal that was put back to what it was has rows that were never sent. So may one of
 * a host that was started anew: what it wrote last need not have come to its disk, and the
 * numbers of that were given again.
 */
static bool
ship_look_back(struct shipper *ship, bool rebooted)
{
	bool older = false;

	for (int i = 0; i < SHIP_STREAMS; i++) {
		enum ship_number number = (enum ship_number)i;
		int64_t cursor = ship->source.readers[i].cursor;

		if (ship_source_is_older(&ship->source, number)) {
			older = true;
			cursor = 0;
		} else if (rebooted && ship_streams[i].order != SHIP_BY_KEY)
			cursor = cursor > LOST_MAX ? cursor - LOST_MAX : 0;
		if (cursor != ship->source.readers[i].cursor &&
		    !ship_go_back(ship, number, cursor))
			return false;
	}
	if (older)
		ship_say(ship, SEVERITY_WARNING, "the journal %s is older than what was sent of "
		    "it (put back from a copy?): all of it is sent again", ship->options->path);
	return true;
}

static const char *
ship_node(const struct shipper *ship)
{
	return ship->options->node != NULL ? ship->options->node :
	    ship->source.node[0] != '\0' ? ship->source.node : ship->options->fallback;
}

static bool
ship_open_target(struct shipper *ship)
{
	int64_t cursors[SHIP_STREAMS];

	if (ship->target.conn != NULL &&
	    store_clock_ms() - ship->target.opened_ms > SESSION_MS)
		ship_target_close(&ship->target);
	if (ship->target.conn != NULL)
		return ship_target_stands(&ship->target);
	if (!ship_target_open(&ship->target, ship_node(ship), ship->source.journal,
	    cursors))
		return false;
	ship_source_seek(&ship->source, cursors);
	ship->state.known = true;
	ship->seen_at = 0;
	return ship_look_back(ship, ship->target.rebooted) && ship_target_booted(&ship->target);
}

/* ------------------------------------------------------------------ *
 * What is in the way
 * ------------------------------------------------------------------ */

/* Half of it to all of it, so that fifty do not come at once. */
static int64_t
ship_jitter(int64_t ms)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)store_clock_ms();
	return ms / 2 + (int64_t)random % (ms / 2 + 1);
}

static void
ship_back_off(struct shipper *ship)
{
	if (ship->backoff_ms == 0)
		ship->backoff_ms = BACKOFF_MS;
	ship->try_at = store_clock_ms() + ship_jitter(ship->backoff_ms);
	ship->backoff_ms = 2 * ship->backoff_ms < BACKOFF_MAX_MS ? 2 * ship->backoff_ms :
	    BACKOFF_MAX_MS;
}

/* Whether two were in each other's way, as it happens: that is tried again some times. */
static bool
ship_is_passing(struct shipper *ship)
{
	enum ship_trouble trouble = ship->target.trouble;

	return (trouble == SHIP_AGAIN || trouble == SHIP_OTHER ||
	    (trouble == SHIP_BUSY && ship->options->once)) && ship->tries++ < TRIES;
}

/* Once for each kind. */
static void
ship_say_trouble(struct shipper *ship)
{
	const struct ship_target *target = &ship->target;

	if (ship->said == target->trouble)
		return;
	ship_say(ship, target->trouble == SHIP_BUSY ? SEVERITY_WARNING : SEVERITY_ERROR,
	    "%s cannot be sent to: %s; what is not sent waits in the journal",
	    ship->options->name, target->error);
	ship->said = target->trouble;
}

/* All that failed and is not over. */
static void
ship_take_trouble(struct shipper *ship)
{
	struct ship_target *target = &ship->target;

	if (target->trouble == SHIP_STOPPED)
		return;
	ship->passing = ship_is_passing(ship);
	if (!ship->passing) {
		ship_say_trouble(ship);
		ship_note_error(ship, target->error);
	}
	ship_back_off(ship);
	ship_write_state(ship);
	/* The next try begins with the cursors again, and nobody listens to this one meanwhile. */
	ship_target_close(target);
}

static void
ship_recover(struct shipper *ship)
{
	if (ship->waiting_said)
		ship_say(ship, SEVERITY_INFO, "the journal %s can be read", ship->options->path);
	ship->waiting_said = false;
	if (ship->said != SHIP_NO_TROUBLE || ship->silent)
		ship_say(ship, SEVERITY_INFO, "%s is sent to again", ship->options->name);
	ship->said = SHIP_NO_TROUBLE;
	ship->silent = false;
	ship->backoff_ms = 0;
	ship->tries = 0;
	ship_note_fine(ship);
}

/* ------------------------------------------------------------------ *
 * Batches
 * ------------------------------------------------------------------ */

/* A row that the database does not take is put aside there, and others go on. */
static bool
ship_refuse(struct shipper *ship, enum ship_number number)
{
	struct ship_source *source = &ship->source;
	struct ship_target *target = &ship->target;
	char why[SHIP_ERROR_MAX];

	(void)memcpy(why, target->error, sizeof(why));
	if (!ship_target_refuse(target, number, source->readers[number].cursor, &ship->batch,
	    why))
		return false;
	ship_say(ship, SEVERITY_WARNING, "%s does not take row %lld of %s, which is in its table "
	    "\"refused\" now: %s", ship->options->name, (long long)ship->batch.place,
	    ship_streams[number].name, why);
	ship->state.refused++;
	ship_source_took(source, number, &ship->batch);
	return true;
}

/* A smaller batch next time; false: it is what has to be told of. */
static bool
ship_shrink(struct shipper *ship, enum ship_number number)
{
	enum ship_trouble trouble = ship->target.trouble;

	if (trouble == SHIP_REFUSED && ship->batch.rows == 1)
		return ship_refuse(ship, number);
	if ((trouble != SHIP_REFUSED && trouble != SHIP_SLOW) || ship->batch.rows <= 1)
		return false;
	ship->rows[number] = ship->batch.rows / 2;
	return true;
}

static void
ship_count(struct shipper *ship, enum ship_number number)
{
	ship->state.rows += (int64_t)ship->batch.rows;
	ship->state.sent_ms = ship_now_ms();
	if (ship->rows[number] < ROWS_MAX)
		ship->rows[number] += ship->rows[number] / 2 + 1;
	if (ship->rows[number] > ROWS_MAX)
		ship->rows[number] = ROWS_MAX;
}

/* What came of one batch. */
enum ship_step {
	SHIP_STEP_NOTHING, SHIP_STEP_SENT,
	SHIP_STEP_SMALLER,		/* it is to be tried with fewer rows */
	SHIP_STEP_FAILED, SHIP_STEP_UNREAD
};

static enum ship_step
ship_send(struct shipper *ship, enum ship_number number)
{
	const struct ship_limits limits = { ship->rows[number], BYTES_MAX };
	struct ship_reader *reader = &ship->source.readers[number];
	char error[SHIP_ERROR_MAX];

	if (!ship_source_read(&ship->source, number, limits, &ship->batch, error)) {
		if (!ship->waiting_said)
			ship_say(ship, SEVERITY_ERROR, "%s", error);
		ship->waiting_said = true;
		ship_note_error(ship, error);
		return SHIP_STEP_UNREAD;
	}
	/* That there is nothing of before is noted, too. */
	if (ship->batch.rows == 0 && ship->batch.cursor == reader->cursor)
		return SHIP_STEP_NOTHING;
	if (!ship_target_send(&ship->target, number, reader->cursor, &ship->batch))
		return ship_shrink(ship, number) ? SHIP_STEP_SMALLER : SHIP_STEP_FAILED;
	ship_source_took(&ship->source, number, &ship->batch);
	ship_count(ship, number);
	return SHIP_STEP_SENT;
}

/*
 * A batch of each stream; after a failure the others come first. SHIP_STEP_SENT: there may
 * be more.
 */
static enum ship_step
ship_round(struct shipper *ship)
{
	enum ship_step round = SHIP_STEP_NOTHING, step;

	for (int n = 0; n < SHIP_STREAMS && !ship->options->signals->ends; n++) {
		int number = (ship->first + n) % SHIP_STREAMS;

		step = ship_send(ship, (enum ship_number)number);
		if (step > SHIP_STEP_SENT) {
			ship->first = step == SHIP_STEP_SMALLER ? number :
			    (number + 1) % SHIP_STREAMS;
			return step;
		}
		if (step == SHIP_STEP_SENT && ship->batch.more)
			round = SHIP_STEP_SENT;
		if (store_clock_ms() - ship->state_at >= STATE_MS)
			ship_write_state(ship);
	}
	ship_recover(ship);
	return round;
}

/* ------------------------------------------------------------------ *
 * On and on
 * ------------------------------------------------------------------ */

/* For so long, or a signal, or a word of PostgreSQL, which is one of an end. */
static void
ship_pause(const struct shipper *ship, int64_t ms)
{
	struct pollfd poller = { .fd = ship->target.conn != NULL ?
	    PQsocket(ship->target.conn) : -1, .events = POLLIN };

	if (!ship->options->signals->ends && !ship->options->signals->hurries && ms > 0)
		(void)poll(&poller, 1, (int)ms);
}

/* By short pauses: a signal may come just before one begins. */
static void
ship_await_try(const struct shipper *ship)
{
	const struct ship_signals *signals = ship->options->signals;
	int64_t left;

	while (!signals->ends && !signals->hurries &&
	    (left = ship->try_at - store_clock_ms()) > 0)
		ship_pause(ship, left < LOOK_MS ? left : LOOK_MS);
}

/* Until something is written, or it is time to write that nothing is. */
static void
ship_idle(struct shipper *ship)
{
	const struct ship_signals *signals = ship->options->signals;

	do
		ship_pause(ship, LOOK_MS);
	while (!signals->ends && !signals->hurries && ship_source_stands(&ship->source) &&
	    ship_target_stands(&ship->target) && !ship_source_changed(&ship->source) &&
	    store_clock_ms() - ship->state_at < BEAT_MS);
}

/* One turn: all that is there, or what is in the way of it. */
static enum ship_step
ship_turn(struct shipper *ship)
{
	enum ship_step step;

	if (!ship_open_source(ship))
		return SHIP_STEP_UNREAD;
	if (!ship_open_target(ship)) {
		ship_take_trouble(ship);
		return SHIP_STEP_FAILED;
	}
	step = ship_round(ship);
	if (step == SHIP_STEP_NOTHING)
		ship_write_state(ship);
	if (step <= SHIP_STEP_SENT && !ship_tell_seen(ship))
		step = SHIP_STEP_FAILED;
	if (step == SHIP_STEP_FAILED)
		ship_take_trouble(ship);
	if (step == SHIP_STEP_UNREAD)
		ship_source_close(&ship->source);
	return step;
}

static enum ship_end
ship_once(struct shipper *ship)
{
	const struct ship_signals *signals = ship->options->signals;
	enum ship_step step;

	do {
		step = ship_turn(ship);
		if (step == SHIP_STEP_FAILED && ship->passing)
			ship_pause(ship, TRY_MS);
	} while (!signals->ends && (step == SHIP_STEP_SENT || step == SHIP_STEP_SMALLER ||
	    (step == SHIP_STEP_FAILED && ship->passing)));
	if (step == SHIP_STEP_NOTHING && !signals->ends)
		return ship->state.refused > 0 ? SHIP_SOME_REFUSED : SHIP_ENDED;
	if (signals->ends)
		ship_say(ship, SEVERITY_ERROR, "told to end before all was sent");
	return SHIP_FAILED;
}

static void
ship_on(struct shipper *ship)
{
	struct ship_signals *signals = ship->options->signals;

	while (!signals->ends) {
		enum ship_step step = ship_turn(ship);

		if (step == SHIP_STEP_NOTHING)
			ship_idle(ship);
		else if (step == SHIP_STEP_UNREAD) {
			ship_write_state(ship);
			ship_pause(ship, LOOK_MS);
		}
		if (step == SHIP_STEP_FAILED)
			ship_await_try(ship);
		if (signals->hurries)
			ship->backoff_ms = 0;
		signals->hurries = 0;
	}
}

enum ship_end
ship_run(const struct ship_options *options)
{
	struct shipper ship = { .options = options, .source = { .path = options->path },
	    .batch = { .text = BUFFER_INIT } };
	enum ship_end end = SHIP_ENDED;

	ship.target.options = options;
	ship.target.waits = ship_waits;
	ship.target.context = &ship;
	for (int i = 0; i < SHIP_STREAMS; i++)
		ship.rows[i] = ROWS_MAX;
	(void)ship_state_read(options->path, &ship.state);
	ship.state.rows = ship.state.refused = ship.state.sent_ms = ship.state.error_ms = 0;
	ship.state.error[0] = '\0';
	if (options->once)
		end = ship_once(&ship);
	else
		ship_on(&ship);
	ship_write_state(&ship);
	ship_target_close(&ship.target);
	ship_source_close(&ship.source);
	ship_batch_free(&ship.batch);
	return end;
}
