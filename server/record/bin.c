/*
 * The recycle bin of a form: what its viewer may bring back, the newest first, in the same projection as any
 * list. Records that went with the one that they belong to come back with that one, and are not listed.
 */
#include "base/clock.h"
#include "record/select_int.h"

/* A row that was put there by hand may lack the time: it stands at the end. */
#define DELETED_AT "IFNULL(r._deleted_at, TIMESTAMP'1000-01-01 00:00:00')"

static const struct field DELETED_AT_FIELD = {.key = {"_deleted_at", sizeof("_deleted_at") - 1}};
static const struct sort NEWEST_FIRST = {
    .terms = {{.field = &DELETED_AT_FIELD, .descending = true}}, .n = 1, .id_descending = true};

enum { COLUMN_AT, COLUMN_BY, COLUMN_ROW };

static int bin_where(const struct select *select, struct statement *to, struct err *err)
{
    int rc = select_where(select, to, err);
    if (select->plan->form->parent >= 0)
        buf_add_text(to->sql, " AND r._deleted_by IS NOT NULL");
    return rc;
}

static task_fn int count_rows(const struct select *select, int64_t *ret_total, struct err *err)
{
    struct statement *count = statement_new();
    struct db_rows rows;
    buf_add_text(count->sql, "SELECT COUNT(*)");
    int rc = bin_where(select, count, err);
    if (rc == 0)
        rc = caller_query(select->plan->caller, count, &rows, err);
    if (rc == 0)
        *ret_total = db_cell(&rows, 0, 0)->i;
    return rc;
}

static task_fn int read_page(const struct select *select, const struct cursor *after, int64_t limit,
    struct db_rows *ret_rows, struct err *err)
{
    struct statement *page = statement_new();
    const struct str columns = plan_columns(select->plan);
    buf_printf(page->sql, "SELECT " DELETED_AT ", r._deleted_by, %.*s", STR_ARGS(columns));
    int rc = bin_where(select, page, err);
    if (rc < 0)
        return rc;
    if (after) { /* spelt out: never a row comparison (DECISIONS A28) */
        buf_add_text(page->sql,
            " AND " DELETED_AT " <= ? AND (" DELETED_AT " < ? OR (" DELETED_AT " = ? AND r._id < ?))");
        for (int i = 0; i < 3; i++)
            statement_bind(page, after->values[0]);
        statement_bind(page, DB_I(after->id));
    }
    buf_add_text(page->sql, " ORDER BY " DELETED_AT " DESC, r._id DESC LIMIT ?");
    statement_bind(page, DB_I(limit + 1));
    return caller_query(select->plan->caller, page, ret_rows, err);
}

static void keep_page(struct plan *plan, const struct db_rows *rows, size_t limit, struct record_list *list)
{
    list->n = rows->n_rows > limit ? limit : rows->n_rows;
    list->items = arena_new_array(task_arena(), struct record, list->n + 1);
    list->deleted = arena_new_array(task_arena(), struct record_deleted, list->n + 1);
    for (size_t row = 0; row < list->n; row++) {
        const struct db_val *at = db_cell(rows, row, COLUMN_AT);
        struct record_deleted *deleted = &list->deleted[row];
        plan_read_row(plan, rows, row, COLUMN_ROW, &list->items[row]);
        list->items[row].is_deleted = true;
        deleted->by = id_or_none(db_cell(rows, row, COLUMN_BY));
        if (at->kind != DB_TEXT || str_starts(at->s, STR("1000-")) ||
            !clock_parse_sql(at->s, &deleted->at_us))
            deleted->at_us = 0;
    }
    if (rows->n_rows > limit) {
        const struct cursor cursor = {
            .values = {*db_cell(rows, list->n - 1, COLUMN_AT)}, .id = list->items[list->n - 1].id};
        list->next = cursor_print(plan, &NEWEST_FIRST, &cursor);
    }
}

task_fn int bin_list(const struct select *select, const struct record_query *query, int64_t limit,
    struct record_list *list, struct err *err)
{
    struct cursor after;
    struct db_rows rows;
    if (query->after.n) {
        int rc = cursor_parse(select->plan, &NEWEST_FIRST, "after", query->after, &after, err);
        if (rc < 0)
            return rc;
    }
    int rc = read_page(select, query->after.n ? &after : NULL, limit, &rows, err);
    if (rc < 0)
        return rc;
    list->next = STR_NULL;
    keep_page(select->plan, &rows, (size_t)limit, list);
    return query->count ? count_rows(select, &list->total, err) : 0;
}
