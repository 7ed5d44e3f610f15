/*
 * report_text.c - a report as text for people: what needs somebody, then a line for each
 * agreement, then what was asked for in detail.
 *
 * The sentences are those of the data file page/report.txt; a table is made here.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/screen.h"

/* Without a terminal. */
#define WIDTH 79

/* So many names in one sentence: of those to call, and of others. */
#define NAMES_SHOWN 3
#define NAMES_FEW 2

/* So many senders of an agreement, and failed handshakes. */
#define SENDERS_SHOWN 10

/* Of fewer messages nothing can be concluded. */
#define MESSAGES_FEW 10

/* ------------------------------------------------------------------ *
 * What needs somebody
 * ------------------------------------------------------------------ */

/* The sentences about agreements, and how many of these each names. */
static const struct text_point {
	const char *name;
	size_t most;
} text_points[] = {
	{ "refused", NAMES_SHOWN }, { "refusing", NAMES_FEW }, { "would", NAMES_SHOWN },
	{ "fall_backs", NAMES_FEW }, { "waited", NAMES_SHOWN }, { "below", NAMES_SHOWN },
	{ "ending", NAMES_FEW }, { "changing", NAMES_FEW }
};

/* Whether one of them is about an agreement. */
static bool
has_text_point(const struct report_view *view, const struct review_agreement *agreement,
    size_t point)
{
	const struct review_side *in = &agreement->in, *out = &agreement->out;
	/* It is with somebody, and not about whatever comes for a recipient or from a client. */
	bool partner = agreement->name != NULL || agreement->kind == RULE_FROM;
	int64_t soon_ms = view->now_ms + REPORT_SOON_MS;
	/* Of the certificate seen last. */
	int64_t end_ms = !agreement->demands || agreement->certificate_count == 0 ? 0 :
	    agreement->certificates[0].not_after_ms;
	const bool has[] = {
		in->refused > 0 && partner, in->refused > 0 && !partner,
		in->would_be_refused > 0 || out->would_be_refused > 0,
		agreement->new_clear_text != NULL,
		out->deferred_for_tls > 0 || out->refused > 0,
		out->went.unmet > 0,
		end_ms != 0 && end_ms < soon_ms,
		agreement->next_ms != 0 && agreement->next_ms < soon_ms
	};

	return has[point];
}

/* A list with its first elements, and what is said of all of it. */
struct text_list {
	json_t *list;
	size_t count, most;
	int64_t sum;		/* of handshakes */
};

static void
add_to_list(struct text_list *list, json_t *element)
{
	if (list->count++ >= list->most)
		json_decref(element);
	else if (json_array_append_new(list->list, element) != 0) {
		json_decref(list->list);
		list->list = NULL;
	}
}

/* Puts it, or nothing where it is empty. Returns how many there are. */
static size_t
put_text_list(struct tree *tree, const char *name, struct text_list *list)
{
	size_t left = list->count - json_array_size(list->list);

	tree->failed |= list->list == NULL;
	if (list->count > 0 && !tree->failed)
		tree_value(tree, name, json_pack("{s:O, s:I, s:I, s:I}", "list",
		    list->list, "count", (json_int_t)list->count, "more", (json_int_t)left,
		    "failed", (json_int_t)list->sum));
	json_decref(list->list);
	return list->count;
}

/* The members of report --json and more; NULL: no memory. */
static json_t *
point_values(const struct report_view *view, const struct review_agreement *agreement)
{
	struct tree tree = tree_on(report_people_agreement(view, agreement));
	struct buffer peer = BUFFER_INIT;

	if (agreement->kind == RULE_DELIVER && agreement->who != NULL)
		buffer_string(&peer, agreement->who);
	else
		report_agreement_label(agreement, &peer);
	tree_buffer(&tree, "peer", &peer);
	tree_number(&tree, "bounced_for_tls",
	    agreement->out.refused - agreement->out.tempfailed);
	tree_flag(&tree, "one_out", agreement->out.messages == 1);
	report_whose(&tree, view->report, agreement);
	return tree_take(&tree);
}

static size_t
put_text_point(struct tree *tree, const struct report_view *view, size_t point)
{
	const struct review *review = view->report;
	struct text_list list = { .list = json_array(), .most = text_points[point].most };

	for (size_t i = 0; i < review->agreement_count; i++) {
		const struct review_agreement *agreement = &review->agreements[i];

		if (report_is_shown(view, agreement) && has_text_point(view, agreement, point))
			add_to_list(&list, list.count < list.most ?
			    point_values(view, agreement) : NULL);
	}
	return put_text_list(tree, text_points[point].name, &list);
}

/* "times": how often, where it is not all of them. */
static json_t *
handshake_values(const struct review_handshake *handshake, int64_t all)
{
	struct tree tree = tree_on(report_people_handshake(handshake));
	struct buffer label = BUFFER_INIT;

	tree_number(&tree, "times", handshake->count == all ? 0 : handshake->count);
	if (handshake->agreement != NULL)
		report_agreement_label(handshake->agreement, &label);
	tree_buffer(&tree, "agreement", &label);
	return tree_take(&tree);
}

static json_t *
domain_values(const struct review_domain *domain)
{
	struct tree tree = tree_on(report_json_domain(domain));

	tree_text(&tree, "label", report_domain_label(domain));
	return tree_take(&tree);
}

/* Whose handshakes: of those with an agreement in one direction, or of anybody else. */
enum whose { WHOSE_IN, WHOSE_OUT, WHOSE_OTHERS };

static bool
is_of(const struct report_view *view, const struct review_handshake *handshake,
    enum whose whose)
{
	if (view->only != NULL && handshake->agreement != view->only)
		return false;
	if (handshake->agreement == NULL || whose == WHOSE_OTHERS)
		return handshake->agreement == NULL && whose == WHOSE_OTHERS;
	return handshake->out == (whose == WHOSE_OUT);
}

/* Handshakes that failed, by peer. */
static size_t
put_text_handshakes(struct tree *tree, const struct report_view *view, const char *name,
    enum whose whose)
{
	const struct review *review = view->report;
	struct text_list list = { .list = json_array(), .most = NAMES_FEW };

	for (size_t i = 0; i < review->handshake_count; i++)
		if (is_of(view, &review->handshakes[i], whose))
			list.sum += review->handshakes[i].count;
	for (size_t i = 0; i < review->handshake_count; i++)
		if (is_of(view, &review->handshakes[i], whose))
			add_to_list(&list, list.count < list.most ?
			    handshake_values(&review->handshakes[i], list.sum) : NULL);
	return put_text_list(tree, name, &list);
}

/* Domains without an agreement: those that fell back, and those that would pass a rule. */
static size_t
put_text_domains(struct tree *tree, const struct report_view *view)
{
	const struct review *review = view->report;
	struct text_list list = { .list = json_array(), .most = NAMES_FEW };
	size_t strong = 0, count = view->only != NULL ? 0 : review->domain_count;

	for (size_t i = 0; i < count; i++) {
		const struct review_domain *domain = &review->domains[i];

		strong += domain->strong && domain->in.messages >= MESSAGES_FEW;
		if (domain->new_clear_text != NULL)
			add_to_list(&list, list.count < list.most ?
			    domain_values(domain) : NULL);
	}
	tree_number(tree, "domains", review->domain == NULL ? (int64_t)count : 0);
	tree_number(tree, "strong", (int64_t)strong);
	return put_text_list(tree, "fallen", &list);
}

/* ------------------------------------------------------------------ *
 * In detail
 * ------------------------------------------------------------------ */

/* The members of report --json and more, for one. */
static json_t *
detail_values(const struct report_view *view, const struct review_agreement *agreement)
{
	const struct review *review = view->report;
	struct tree tree = { .depth = 0 };
	size_t shown = 0;

	tree_open_object(&tree, NULL);
	tree_open_array(&tree, "domains");
	for (size_t i = 0; i < agreement->sender_count && i < SENDERS_SHOWN; i++)
		tree_value(&tree, NULL, domain_values(&agreement->senders[i]));
	tree_close(&tree);
	tree_number(&tree, "domains_more", agreement->sender_count <= SENDERS_SHOWN ? 0 :
	    (int64_t)(agreement->sender_count - SENDERS_SHOWN));
	tree_open_array(&tree, "handshakes");
	for (size_t i = 0; i < review->handshake_count; i++)
		if (review->handshakes[i].agreement == agreement &&
		    shown++ < SENDERS_SHOWN)
			tree_value(&tree, NULL, handshake_values(&review->handshakes[i], 0));
	tree_close(&tree);
	return tree_take(&tree);
}

static bool
write_agreement_details(const struct report_view *view, const struct mustache *template,
    struct buffer *text)
{
	const struct review *review = view->report;
	bool made = true;

	for (size_t i = 0; i < review->agreement_count && made; i++) {
		const struct review_agreement *agreement = &review->agreements[i];

		if (report_is_shown(view, agreement))
			made = mustache_fill(template, json_pack("{s:{s:o, s:o}}", "agreement",
			    "is", point_values(view, agreement), "more",
			    detail_values(view, agreement)), text);
	}
	return made;
}

/* ------------------------------------------------------------------ *
 * The whole
 * ------------------------------------------------------------------ */

/* "Do we use TLS with them?", of one direction. */
static const char *
answer_of(const struct review_side *side)
{
	int64_t known = side->encrypted + side->protocol[PROTOCOL_CLEAR];

	if (side->messages == 0)
		return "no mail";
	if (known == 0)
		return "not known";
	return side->encrypted >= known ? "yes" : side->encrypted == 0 ? "no" :
	    "not always";
}

static void
put_answer_side(struct tree *tree, const char *name, const struct review_side *side)
{
	char share[32];

	tree_open_object(tree, name);
	tree_number(tree, "messages", side->messages);
	tree_number(tree, "encrypted", side->encrypted);
	report_percent(side->encrypted, side->encrypted + side->protocol[PROTOCOL_CLEAR],
	    share, sizeof(share));
	tree_text(tree, "share", share);
	tree_flag(tree, "all", side->encrypted == side->messages);
	tree_number(tree, "unknown", side->messages - side->encrypted -
	    side->protocol[PROTOCOL_CLEAR]);
	tree_number(tree, "verified", side->verified);
	tree_flag(tree, "few", side->messages < MESSAGES_FEW);
	tree_time(tree, "first", side->first_ms);
	tree_time(tree, "last", side->last_ms);
	report_protocols(tree, "protocols", side);
	tree_close(tree);
}

/* Of what was to go out, what arrived. */
static struct review_side
delivered(const struct review_side *out)
{
	struct review_side sent = { .messages = out->sent, .encrypted = out->went.encrypted,
		.verified = out->went.verified, .first_ms = out->went.first_ms,
		.last_ms = out->went.last_ms };

	memcpy(sent.protocol, out->went.protocol, sizeof(sent.protocol));
	return sent;
}

/* The sentence that --domain is answered with. */
static void
put_domain_answer(struct tree *tree, const struct report_view *view)
{
	const struct review *review = view->report;
	const char *in = answer_of(&review->in);
	bool none = review->in.messages == 0;
	bool stuck = review->out.messages > 0 && review->out.sent == 0;
	const struct review_side sent = delivered(&review->out);
	const char *out = stuck ? "nothing was delivered" :
	    review->out.messages > 0 || view->watched ? answer_of(&sent) :
	    "not known";

	if (review->domain == NULL)
		return;
	tree_open_object(tree, "answer");
	tree_text(tree, "domain", review->domain);
	tree_flag(tree, "both_yes", strcmp(in, "yes") == 0 && strcmp(out, "yes") == 0);
	tree_flag(tree, "both_no", strcmp(in, "no") == 0 && strcmp(out, "no") == 0);
	tree_flag(tree, "differ", strcmp(in, out) != 0 || strcmp(in, "not always") == 0);
	tree_flag(tree, "out_unknown", review->out.messages == 0 && !view->watched);
	tree_flag(tree, "both_none", none && view->watched && review->out.messages == 0);
	tree_flag(tree, "in_none", none && (!view->watched || review->out.messages > 0));
	tree_flag(tree, "out_none", !none && review->out.messages == 0 && view->watched);
	tree_text(tree, "in_word", in);
	tree_text(tree, "out_word", out);
	put_answer_side(tree, "in", &review->in);
	put_answer_side(tree, stuck ? "out_stuck" : "out", stuck ? &review->out : &sent);
	tree_number(tree, "failed", stuck ? 0 : review->out.messages - sent.messages);
	tree_number(tree, "waited", review->out.deferred_for_tls);
	tree_close(tree);
}

/* What the head and the end are filled from; NULL: no memory. */
static json_t *
head_values(const struct report_view *view)
{
	const struct review *review = view->report;
	struct tree tree = { .depth = 0 };
	const struct review_side sent = delivered(&review->out);
	struct buffer label = BUFFER_INIT;
	size_t points = 0;

	tree_open_object(&tree, NULL);
	report_people_head(&tree, view);
	put_domain_answer(&tree, view);
	for (size_t i = 0; i < sizeof(text_points) / sizeof(text_points[0]); i++)
		points += put_text_point(&tree, view, i);
	points += put_text_handshakes(&tree, view, "handshakes_in", WHOSE_IN);
	points += put_text_handshakes(&tree, view, "handshakes_out", WHOSE_OUT);
	(void)put_text_handshakes(&tree, view, "handshakes_others", WHOSE_OTHERS);
	points += put_text_domains(&tree, view);
	if (view->only != NULL)
		report_agreement_label(view->only, &label);
	tree_buffer(&tree, "only", &label);
	put_answer_side(&tree, "in", &review->in);
	put_answer_side(&tree, "out", &sent);
	tree_text(&tree, "meant", view->meant);
	points += review->running_count;
	tree_flag(&tree, "well", points == 0 && !report_is_empty(review));
	tree_flag(&tree, "watched", view->watched);
	tree_flag(&tree, "single", view->only != NULL || review->domain != NULL);
	return tree_take(&tree);
}

/* One part of the template, folded. */
static bool
write_part(const struct mustache *template, const char *part, json_t *values, int width,
    struct buffer *text)
{
	struct buffer whole = BUFFER_INIT;
	bool made = mustache_fill(template, values == NULL ? NULL :
	    json_pack("{s:O}", part, values), &whole);

	if (made)
		screen_fold(&whole, width, false, text);
	buffer_free(&whole);
	return made;
}

int
report_text_write(const struct report_view *view, const struct screen *screen,
    struct buffer *text)
{
	bool detailed = view->verbose || view->only != NULL || view->report->domain != NULL;
	int width = screen->width == 0 ? WIDTH : screen->width;
	struct buffer details = BUFFER_INIT;
	struct mustache template;
	json_t *values = NULL;
	bool made = mustache_read("page/report.txt", MUSTACHE_SCREEN, &template);

	if (made) {
		values = head_values(view);
		made = write_part(&template, "head", values, width, text);
		report_table_agreements(view, screen, width, text);
	}
	if (made && view->only == NULL && (view->all || view->verbose ||
	    view->report->domain != NULL))
		report_table_domains(view, screen, width, text);
	if (made && detailed)
		made = write_agreement_details(view, &template, &details);
	if (made)
		screen_fold(&details, width, false, text);
	made = made && write_part(&template, "tail", values, width, text);
	buffer_free(&details);
	json_decref(values);
	free(template.text);
	return made ? STATUS_FINE : STATUS_TROUBLE;
}
