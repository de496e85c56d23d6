/*
 * Hand-made transactions for the check: tables as the migrations and a form make them, and rows of them, each
 * given as pairs of a column and its value. What is made lives in made.arena.
 */
#ifndef TIDEMARK_TESTS_CHECK_FIXTURE_H
#define TIDEMARK_TESTS_CHECK_FIXTURE_H

#include "audit/audit.h"
#include "audit/check.h"

#include <stdlib.h>
#include <string.h>

enum { MADE_MAX = 4000 };
static struct {
    struct arena *arena;
    struct feed_change changes[MADE_MAX];
    struct feed_statement statements[MADE_MAX];
    size_t n_changes, n_statements;
} made;

static const char CUSTOMER[] = "_id _rev _live _owner _changed_at name _f_name _k_name phone stage amount";
static const char EVENT[] =
    "id at actor_id login action form record rev records changes session address request detail";
static const char SESSION[] =
    "id token_hash user_id started_at last_seen_at ends_at ended_at end_reason address agent";
static const char APP_USER[] = "id login login_key name department_id password disabled_at created_at _rev";

static inline struct feed_table *make_table(const char *schema, const char *name, const char *columns)
{
    struct feed_table *table = arena_new_one(made.arena, struct feed_table);
    struct str rest = str_of(columns);
    *table = (struct feed_table){.schema = str_of(schema), .name = str_of(name)};
    table->columns = arena_new_array(made.arena, struct feed_column, 32);
    while (rest.n)
        table->columns[table->n_columns++].name = str_cut(&rest, ' ');
    return table;
}

static inline size_t column_of(const struct feed_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (str_eq(table->columns[i].name, str_of(name)))
            return i;
    abort();
}

static inline void set(
    struct feed_change *change, struct db_val *image, const char *column, struct db_val value)
{
    image[column_of(change->table, column)] = value;
}

static inline struct db_val *copy_image(const struct feed_table *table, const struct db_val *image)
{
    struct db_val *copy = arena_new_array(made.arena, struct db_val, table->n_columns);
    if (image)
        memcpy(copy, image, table->n_columns * sizeof *copy);
    return copy;
}

/* A row of an op, all null; an UPDATE has two images alike. */
static inline struct feed_change make_change(enum feed_op op, const struct feed_table *table)
{
    struct feed_change change = {.op = op, .table = table};
    if (op != FEED_INSERT)
        change.before = copy_image(table, NULL);
    if (op != FEED_DELETE)
        change.after = copy_image(table, NULL);
    return change;
}

static inline struct feed_change *add(struct feed_change change)
{
    if (made.n_changes == MADE_MAX)
        abort();
    made.changes[made.n_changes] = change;
    return &made.changes[made.n_changes++];
}

static inline void add_statement(const char *text)
{
    made.statements[made.n_statements++] = (struct feed_statement){STR("tidemark"), str_of(text)};
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static inline struct feed_change customer(enum feed_op op, int64_t id)
{
    struct feed_change change = make_change(op, make_table("tidemark", "rec_customer", CUSTOMER));
    struct db_val *images[] = {change.before, change.after};
    for (int i = 0; i < 2; i++)
        if (images[i]) {
            set(&change, images[i], "_id", DB_I(id));
            set(&change, images[i], "_rev", DB_I(i + 1));
            set(&change, images[i], "_live", DB_I(1));
            set(&change, images[i], "name", DB_S(STR("某某公司")));
            set(&change, images[i], "phone", DB_S(STR("+86")));
            set(&change, images[i], "stage", DB_S(STR("lead")));
            set(&change, images[i], "amount", DB_S(STR("12.50")));
        }
    return change;
}

static inline struct feed_change with(struct feed_change change, const char *column, struct db_val value)
{
    set(&change, change.after ? change.after : change.before, column, value);
    return change;
}

static inline struct feed_change keyed(
    enum feed_op op, const char *schema, const char *table, const char *columns, int64_t id)
{
    struct feed_change change = make_change(op, make_table(schema, table, columns));
    if (change.before)
        set(&change, change.before, "id", DB_I(id));
    if (change.after)
        set(&change, change.after, "id", DB_I(id));
    return change;
}

static inline struct feed_change session_row(enum feed_op op, int64_t id, int64_t user)
{
    struct feed_change change = keyed(op, "tidemark", "session", SESSION, id);
    if (change.before)
        set(&change, change.before, "user_id", DB_I(user));
    if (change.after)
        set(&change, change.after, "user_id", DB_I(user));
    return change;
}

static inline struct feed_change session_end_row(int64_t id, int64_t user, const char *reason)
{
    struct feed_change change = session_row(FEED_UPDATE, id, user);
    change = with(change, "ended_at", DB_S(STR("2026-11-22 01:02:03.000004")));
    return with(change, "end_reason", DB_S(str_of(reason)));
}

/* fields: names with blanks between; NULL: no changes at all. */
static inline struct feed_change event_row(
    const char *action, const char *form, int64_t record, const char *fields)
{
    static int64_t next = 1;
    struct feed_change change = keyed(FEED_INSERT, "tidemark_log", "event", EVENT, next++);
    change = with(change, "action", DB_S(str_of(action)));
    change = with(change, "form", form ? DB_S(str_of(form)) : DB_N);
    change = with(change, "record", record ? DB_I(record) : DB_N);
    if (!fields)
        return change;
    struct str json = STR("["), rest = str_of(fields);
    while (rest.n) {
        struct str field = str_cut(&rest, ' ');
        json = arena_printf(made.arena, "%.*s%s{\"field\":\"%.*s\",\"before\":null,\"after\":\"x\"}",
            STR_ARGS(json), json.n > 1 ? "," : "", STR_ARGS(field));
    }
    return with(change, "changes", DB_S(arena_printf(made.arena, "%.*s]", STR_ARGS(json))));
}

static inline struct feed_change login_event(int64_t user)
{
    return with(event_row("login", "_session", 0, NULL), "actor_id", DB_I(user));
}

static inline struct feed_change logout_event(int64_t session)
{
    return with(event_row("logout", "_session", 0, NULL), "session", DB_I(session));
}

/* ---- transactions -------------------------------------------------------------------------------------- */

static inline void begin_made(void)
{
    if (!made.arena)
        made.arena = arena_new();
    arena_clear(made.arena);
    made.n_changes = made.n_statements = 0;
}

static inline struct db_val *deep_image(
    struct arena *arena, const struct feed_table *table, const struct db_val *image)
{
    if (!image)
        return NULL;
    struct db_val *copy = arena_new_array(arena, struct db_val, table->n_columns);
    for (size_t i = 0; i < table->n_columns; i++) {
        copy[i] = image[i];
        copy[i].s = arena_copy(arena, image[i].s);
    }
    return copy;
}

/* Nothing of the original is pointed at. */
static inline struct feed_change deep_change(struct arena *arena, const struct feed_change *change)
{
    struct feed_table *table = arena_new_one(arena, struct feed_table);
    *table = (struct feed_table){.schema = arena_copy(arena, change->table->schema),
        .name = arena_copy(arena, change->table->name),
        .columns = arena_new_array(arena, struct feed_column, change->table->n_columns),
        .n_columns = change->table->n_columns};
    for (size_t i = 0; i < table->n_columns; i++)
        table->columns[i].name = arena_copy(arena, change->table->columns[i].name);
    return (struct feed_change){.op = change->op,
        .table = table,
        .before = deep_image(arena, table, change->before),
        .after = deep_image(arena, table, change->after)};
}

/* What is still looked at after its time shows: not all of it goes through the sanitizer. */
static inline void scribble(const struct feed_change *change)
{
    struct db_val *const images[] = {change->before, change->after};
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; images[side] && i < change->table->n_columns; i++)
            if (images[side][i].s.n)
                memset((char *)(uintptr_t)images[side][i].s.p, '#', images[side][i].s.n);
}

static int64_t made_sequence = 100;

/* What was made, in that many parts, each of which is gone before the next comes; then begins anew. */
static inline struct audit_findings check_made(struct audit_checker *checker, size_t parts)
{
    struct audit_findings findings = {0};
    made_sequence++;
    for (size_t part = 0; part < parts; part++) {
        struct arena *arena = arena_new();
        size_t from = made.n_changes * part / parts, to = made.n_changes * (part + 1) / parts;
        struct feed_tx tx = {.kind = FEED_TX,
            .sequence = made_sequence,
            .at_us = 1795309323000000,
            .first = part == 0,
            .last = part + 1 == parts,
            .changes = arena_new_array(arena, struct feed_change, to - from),
            .n_changes = to - from,
            .statements = made.statements,
            .n_statements = part + 1 == parts ? made.n_statements : 0};
        for (size_t i = from; i < to; i++)
            tx.changes[i - from] = deep_change(arena, &made.changes[i]);
        audit_check(checker, &tx, &findings);
        for (size_t i = 0; i < tx.n_changes; i++)
            scribble(&tx.changes[i]);
        arena_free(arena);
        if (!tx.last && findings.total != 0)
            abort();
    }
    begin_made();
    return findings;
}

#endif
