/*
 * fleet_plan.c - what SQLite wants to know of a table, as a question to PostgreSQL.
 *
 * SQLite looks at each condition again: so what PostgreSQL looks at may be less, where it
 * cannot say the same, and never more. A parameter that is NULL takes its condition out,
 * which PostgreSQL does before it plans.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet_room.h"

#include <string.h>

#include "base/buffer.h"

/* What it costs to ask at all, in rows. */
#define QUESTION_COST 1000.0

/* 3.37 has none of these; then each value of a list is asked for by itself. */
#if SQLITE_VERSION_NUMBER >= 3038000
#define plan_distinct(info) sqlite3_vtab_distinct(info)
#define plan_list(info, number, take) sqlite3_vtab_in((info), (number), (take))
#else
#define plan_distinct(info) 0
#define plan_list(info, number, take) 0
#endif

struct plan {
	struct fleet_vtab *vtab;
	sqlite3_index_info *info;
	struct buffer where, letters;
	int values;
	double rows;
};

void
fleet_plan_column(struct buffer *sql, const struct fleet_field *field)
{
	if (field->special != NULL && field->special->sql != NULL)
		buffer_string(sql, field->special->sql);
	else
		buffer_format(sql, "\"%s\"", field->name);
}

static enum fleet_unit
plan_unit(const struct fleet_field *field)
{
	return field->special != NULL ? field->special->unit : FLEET_PLAIN;
}

/* ------------------------------------------------------------------ *
 * Conditions
 * ------------------------------------------------------------------ */

/* What PostgreSQL calls a comparison, and what part of the rows may meet it. */
static const struct plan_operator {
	unsigned char op;
	const char *sql;
	double part, part_of_text;
} plan_operators[] = {
	{ SQLITE_INDEX_CONSTRAINT_EQ, "=", 0.01, 0.001 },
	{ SQLITE_INDEX_CONSTRAINT_IS, "=", 0.01, 0.001 },
	{ SQLITE_INDEX_CONSTRAINT_GT, ">", 0.3, 0.5 },
	{ SQLITE_INDEX_CONSTRAINT_GE, ">=", 0.3, 0.5 },
	{ SQLITE_INDEX_CONSTRAINT_LT, "<", 0.3, 0.5 },
	{ SQLITE_INDEX_CONSTRAINT_LE, "<=", 0.3, 0.5 },
	{ SQLITE_INDEX_CONSTRAINT_NE, "<>", 0.9, 0.9 },
	{ SQLITE_INDEX_CONSTRAINT_ISNOT, "IS DISTINCT FROM", 0.9, 0.9 },
	{ SQLITE_INDEX_CONSTRAINT_ISNULL, "IS NULL", 0.5, 0.5 },
	{ SQLITE_INDEX_CONSTRAINT_ISNOTNULL, "IS NOT NULL", 0.5, 0.5 },
	{ SQLITE_INDEX_CONSTRAINT_LIKE, "LIKE", 1, 0.01 },
};

static const struct plan_operator *
operator_find(unsigned char op)
{
	for (size_t i = 0; i < sizeof(plan_operators) / sizeof(plan_operators[0]); i++)
		if (plan_operators[i].op == op)
			return &plan_operators[i];
	return NULL;
}

/* The parameter that is next, as the column's unit has it. */
static void
add_parameter(struct plan *plan, enum fleet_unit unit)
{
	int number = FLEET_PARAMETERS + plan->values;

	if (unit == FLEET_MS)
		buffer_format(&plan->where, "to_timestamp($%d::float8 / 1000)", number);
	else if (unit == FLEET_HOURS)
		buffer_format(&plan->where, "to_timestamp($%d::float8 * 3600)", number);
	else
		buffer_format(&plan->where, "$%d", number);
}

/* The letter of a value: its type, and what it means that it is NULL. */
static char
letter_of(const struct fleet_field *field, unsigned char op)
{
	bool is = op == SQLITE_INDEX_CONSTRAINT_IS || op == SQLITE_INDEX_CONSTRAINT_ISNOT;
	enum fleet_unit unit = plan_unit(field);

	return field->is_text ? (is ? 'u' : 't') : is ? 'j' : unit == FLEET_MS ? 'm' :
	    unit == FLEET_HOURS ? 'h' : 'i';
}

/* Takes the value of a constraint as the next parameter. */
static void
plan_value(struct plan *plan, int number, char letter)
{
	plan->info->aConstraintUsage[number].argvIndex = ++plan->values;
	buffer_add(&plan->letters, &letter, 1);
	buffer_format(&plan->where, " AND ($%d IS NULL OR ", FLEET_PARAMETERS + plan->values);
}

/* An id is one of a journal's, so that the tables' own keys lead to it. */
static void
add_id(struct plan *plan)
{
	int number = FLEET_PARAMETERS + plan->values;

	buffer_format(&plan->where, "(id = ($%d & 1099511627775)"
	    " AND node = ($4)[array_position($1, ($%d >> 40)::int)]"
	    " AND journal = ($5)[array_position($1, ($%d >> 40)::int)]))", number, number,
	    number);
}

/* The conditions of texts that are no plain comparison of bytes. */
static bool
is_folded(const struct plan *plan, int number, const struct fleet_field *field)
{
	return field->is_text && strcmp(sqlite3_vtab_collation(plan->info, number), "BINARY") != 0;
}

static void
add_condition(struct plan *plan, int number, const struct fleet_field *field,
    const struct plan_operator *operator, bool folded)
{
	char letter = letter_of(field, operator->op);

	if (operator->op == SQLITE_INDEX_CONSTRAINT_EQ && !folded &&
	    plan_unit(field) == FLEET_PLAIN && plan_list(plan->info, number, 1) != 0) {
		plan_value(plan, number, field->is_text ? 'T' : 'I');
		fleet_plan_column(&plan->where, field);
		buffer_format(&plan->where, " = ANY ($%d))", FLEET_PARAMETERS + plan->values);
		return;
	}
	plan_value(plan, number, letter);
	if (strcmp(field->name, "id") == 0 && field->special != NULL) {
		add_id(plan);
		return;
	}
	buffer_string(&plan->where, folded ? "lower(" : "");
	fleet_plan_column(&plan->where, field);
	buffer_format(&plan->where, "%s %s %s", folded ? ")" : "", operator->sql,
	    folded ? "lower(" : "");
	add_parameter(plan, plan_unit(field));
	/* As the column: SQLite folds ASCII alone. */
	buffer_string(&plan->where, folded ? " COLLATE \"C\")" : "");
	buffer_string(&plan->where, operator->op == SQLITE_INDEX_CONSTRAINT_LIKE ?
	    " ESCAPE '')" : ")");
}

/* Takes a condition where it can be put to PostgreSQL. */
static void
take_constraint(struct plan *plan, int number)
{
	const struct sqlite3_index_constraint *constraint = &plan->info->aConstraint[number];
	const struct plan_operator *operator = operator_find(constraint->op);
	const struct fleet_field *field;
	bool folded, equal;

	if (!constraint->usable || operator == NULL || constraint->iColumn < 0)
		return;
	field = &plan->vtab->fields[constraint->iColumn];
	if (field->special != NULL && field->special->made)
		return;
	if (operator->op == SQLITE_INDEX_CONSTRAINT_ISNULL ||
	    operator->op == SQLITE_INDEX_CONSTRAINT_ISNOTNULL) {
		buffer_string(&plan->where, " AND ");
		fleet_plan_column(&plan->where, field);
		buffer_format(&plan->where, " %s", operator->sql);
		plan->rows *= operator->part;
		return;
	}
	equal = operator->op == SQLITE_INDEX_CONSTRAINT_EQ;
	folded = operator->op == SQLITE_INDEX_CONSTRAINT_LIKE || is_folded(plan, number, field);
	if ((folded && !equal && operator->op != SQLITE_INDEX_CONSTRAINT_LIKE) ||
	    (folded && !field->is_text))
		return;
	/* Of ids there are no ranges: they are numbers of a journal's. */
	if (strcmp(field->name, "id") == 0 && field->special != NULL && !equal)
		return;
	add_condition(plan, number, field, operator, folded);
	plan->rows *= field->is_text ? operator->part_of_text : operator->part;
}

/* ------------------------------------------------------------------ *
 * Order
 * ------------------------------------------------------------------ */

/* NULL comes first for SQLite, and last for PostgreSQL. */
static bool
add_order(struct plan *plan, struct buffer *order)
{
	const sqlite3_index_info *info = plan->info;

	for (int i = 0; i < info->nOrderBy; i++) {
		const struct fleet_field *field;

		if (info->aOrderBy[i].iColumn < 0)
			return false;
		field = &plan->vtab->fields[info->aOrderBy[i].iColumn];
		buffer_string(order, i == 0 ? " ORDER BY " : ", ");
		fleet_plan_column(order, field);
		buffer_string(order, info->aOrderBy[i].desc ? " DESC" : "");
		if (!field->filled)
			buffer_string(order, info->aOrderBy[i].desc ? " NULLS LAST" : " NULLS FIRST");
	}
	return true;
}

/* Whether no column is asked for but those that each are to be there once with. */
static bool
is_distinct(sqlite3_index_info *info)
{
	uint64_t asked = info->colUsed;

	if (plan_distinct(info) != 2)
		return false;
	for (int i = 0; i < info->nOrderBy; i++)
		if (info->aOrderBy[i].iColumn >= 0)
			asked &= ~(UINT64_C(1) << info->aOrderBy[i].iColumn);
	return asked == 0 && info->colUsed != 0;
}

/* ------------------------------------------------------------------ *
 * The question
 * ------------------------------------------------------------------ */

static void
add_columns(const struct plan *plan, struct buffer *sql, bool *more)
{
	bool any = false;

	*more = false;
	for (int i = 0; i < plan->vtab->count; i++) {
		if ((plan->info->colUsed & UINT64_C(1) << i) == 0)
			continue;
		buffer_string(sql, any ? ", " : "");
		fleet_plan_column(sql, &plan->vtab->fields[i]);
		*more |= plan->vtab->fields[i].more;
		any = true;
	}
	buffer_string(sql, any ? "" : "1");
}

static int
write_plan(struct plan *plan)
{
	const struct fleet_table *table = plan->vtab->table;
	struct buffer sql = BUFFER_INIT, order = BUFFER_INIT;
	bool distinct = is_distinct(plan->info), more, ordered;

	ordered = !distinct && plan->info->nOrderBy > 0 && add_order(plan, &order);
	buffer_format(&sql, "%llx %s ", (unsigned long long)plan->info->colUsed,
	    plan->values > 0 ? plan->letters.text : "-");
	buffer_string(&sql, distinct ? "SELECT DISTINCT " : "SELECT ");
	add_columns(plan, &sql, &more);
	buffer_string(&sql, " FROM ");
	buffer_string(&sql, table->from != NULL ? table->from :
	    plan->vtab->fleet->summed[table->made]);
	buffer_format(&sql, "%s WHERE %s%s", more ? table->more_from : "", table->where,
	    plan->where.length > 0 ? plan->where.text : "");
	if (table->group != NULL)
		buffer_format(&sql, " GROUP BY %s%s", table->group, more ? table->more_group : "");
	if (ordered)
		buffer_string(&sql, order.text);
	/* What stands beside max() is of the row that comes last: as a file has them. */
	if (ordered && table->group != NULL)
		buffer_format(&sql, ", %s", table->group);
	plan->info->orderByConsumed = ordered || distinct;
	sql.failed |= order.failed || plan->where.failed || plan->letters.failed;
	plan->info->idxStr = sql.failed ? NULL : sqlite3_mprintf("%s", sql.text);
	plan->info->needToFreeIdxStr = 1;
	buffer_free(&sql);
	buffer_free(&order);
	return plan->info->idxStr != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

/* By the id alone, where rows are kept by it. */
static bool
plan_id(struct fleet_vtab *vtab, sqlite3_index_info *info)
{
	for (int i = 0; i < info->nConstraint && vtab->table->blocks; i++) {
		const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];

		if (!constraint->usable || constraint->op != SQLITE_INDEX_CONSTRAINT_EQ ||
		    constraint->iColumn < 0 ||
		    strcmp(vtab->fields[constraint->iColumn].name, "id") != 0)
			continue;
		info->aConstraintUsage[i].argvIndex = 1;
		info->idxNum = FLEET_PLAN_ID;
		info->estimatedRows = 1;
		info->estimatedCost = 1;
		info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
		info->orderByConsumed = 1;
		return true;
	}
	return false;
}

int
fleet_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
	struct fleet_vtab *vtab = (struct fleet_vtab *)base;
	struct plan plan = {
		.vtab = vtab, .info = info, .where = BUFFER_INIT, .letters = BUFFER_INIT,
		.rows = vtab->table->rows
	};
	int result;

	if (plan_id(vtab, info))
		return SQLITE_OK;
	for (int i = 0; i < info->nConstraint; i++)
		take_constraint(&plan, i);
	info->idxNum = FLEET_PLAN_SCAN;
	info->estimatedRows = plan.rows < 1 ? 1 : (sqlite3_int64)plan.rows;
	info->estimatedCost = QUESTION_COST + plan.rows;
	result = write_plan(&plan);
	buffer_free(&plan.where);
	buffer_free(&plan.letters);
	return result;
}
