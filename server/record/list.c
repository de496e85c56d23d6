/*
 * Lists: the rows that the caller may list, searched, sorted and paged by keyset. Everything runs over the
 * viewer's own projection: a hidden field does not exist, a masked value is unknown (it matches nothing and
 * sorts as null).
 */
#include "record/select_int.h"

static task_fn int count_rows(const struct select *select, int64_t *ret_total, struct err *err)
{
    struct statement *count = statement_new();
    struct db_rows rows;
    buf_add_text(count->sql, "SELECT COUNT(*)");
    int rc = select_where(select, count, err);
    if (rc == 0)
        rc = caller_query(select->plan->caller, count, &rows, err);
    if (rc == 0)
        *ret_total = db_cell(&rows, 0, 0)->i;
    return rc;
}

/* Where a page stands: after a cursor, before one, or at the beginning. */
struct page {
    struct cursor cursor;
    bool has_cursor, backwards;
    size_t limit;
};

static task_fn int read_part(const struct select *select, const struct page *page, enum sort_part part,
    bool from_cursor, int64_t limit, struct db_rows *ret_rows, struct err *err)
{
    struct statement *sql = statement_new();
    select_columns(select, sql);
    int rc = select_where(select, sql, err);
    if (rc < 0)
        return rc;
    sort_where(select->plan, &select->sort, part, sql);
    if (from_cursor)
        cursor_where(select->plan, &select->sort, &page->cursor, part, page->backwards, sql);
    sort_order(select->plan, &select->sort, part, page->backwards, sql);
    buf_add_text(sql->sql, " LIMIT ?");
    statement_bind(sql, DB_I(limit));
    return caller_query(select->plan->caller, sql, ret_rows, err);
}

/* The two parts are read one after the other: a row that has moved to the second one meanwhile is not told
 * twice. */
static void append_rows(struct db_rows *rows, const struct db_rows *more)
{
    size_t width = more->n_cols, had = rows->n_rows;
    struct db_val *cells = arena_new_array(task_arena(), struct db_val, (had + more->n_rows) * width + 1);
    for (size_t i = 0; i < had * width; i++)
        cells[i] = rows->cells[i];
    for (size_t row = 0; row < more->n_rows; row++) {
        bool known = false;
        for (size_t i = 0; i < had && !known; i++)
            known = cells[i * width + COLUMN_ID].i == db_cell(more, row, COLUMN_ID)->i;
        for (size_t i = 0; i < width && !known; i++)
            cells[rows->n_rows * width + i] = *db_cell(more, row, i);
        rows->n_rows += !known;
    }
    rows->cells = cells;
}

/* One more row than the page has tells whether there is another page. The second part is read where the first
 * one ends within the page. */
static task_fn int read_page(
    const struct select *select, const struct page *page, struct db_rows *ret_rows, struct err *err)
{
    int64_t limit = (int64_t)page->limit + 1;
    bool at_null = page->has_cursor && page->cursor.values[0].kind == DB_NULL;
    struct db_rows more;
    if (!sort_has_parts(select->plan, &select->sort))
        return read_part(select, page, SORT_ALL, page->has_cursor, limit, ret_rows, err);
    enum sort_part first = at_null ? SORT_NULL : SORT_KNOWN;
    bool has_second = page->backwards == (first == SORT_NULL);
    int rc = read_part(select, page, first, page->has_cursor, limit, ret_rows, err);
    if (rc < 0 || !has_second || (int64_t)ret_rows->n_rows == limit)
        return rc;
    rc = read_part(select, page, first == SORT_NULL ? SORT_KNOWN : SORT_NULL, false,
        limit - (int64_t)ret_rows->n_rows, &more, err);
    if (rc == 0 && more.n_rows > 0) {
        if (ret_rows->n_rows == 0)
            *ret_rows = more;
        else
            append_rows(ret_rows, &more);
    }
    return rc;
}

static struct str cursor_at(
    struct plan *plan, const struct db_rows *rows, const struct sort *sort, size_t row, int64_t id)
{
    struct cursor cursor = {.id = id};
    for (size_t i = 0; i < sort->n; i++)
        cursor.values[i] = *db_cell(rows, row, plan_n_columns(plan) + i);
    return cursor_print(plan, sort, &cursor);
}

/* Backwards the rows come last first. */
static void keep_page(struct plan *plan, const struct db_rows *rows, const struct sort *sort,
    const struct page *page, struct record_list *list)
{
    bool more = rows->n_rows > page->limit;
    list->n = more ? page->limit : rows->n_rows;
    list->items = arena_new_array(task_arena(), struct record, list->n + 1);
    for (size_t i = 0; i < list->n; i++)
        plan_read_row(plan, rows, page->backwards ? list->n - 1 - i : i, 0, &list->items[i]);
    if (list->n == 0)
        return;
    size_t first = page->backwards ? list->n - 1 : 0, last = page->backwards ? 0 : list->n - 1;
    if (page->backwards || more)
        list->next = cursor_at(plan, rows, sort, last, list->items[list->n - 1].id);
    if (page->backwards ? more : page->has_cursor)
        list->previous = cursor_at(plan, rows, sort, first, list->items[0].id);
}

/* What was shown to whom: the ids, and how they were asked for. */
static task_fn int log_list(
    struct caller *caller, const struct record_query *query, const struct record_list *list, struct err *err)
{
    struct audit_event event = caller_event(caller, AUDIT_LIST, list->plan->form->key, 0);
    int64_t *ids = arena_new_array(task_arena(), int64_t, list->n + 1);
    struct buf detail = {0};
    struct json_out out;
    for (size_t i = 0; i < list->n; i++)
        ids[i] = list->items[i].id;
    buf_init(&detail, 0);
    json_out_init(&out, &detail);
    json_out_object(&out);
    json_out_member_int(&out, "epoch", caller->world->epoch);
    if (query->deleted)
        json_out_member_str(&out, "what", STR("deleted"));
    if (query->q.n)
        json_out_member_str(&out, "q", query->q);
    if (query->sort.n)
        json_out_member_str(&out, "sort", query->sort);
    if (query->fields.n)
        json_out_member_str(&out, "fields", query->fields);
    if (query->filter) {
        json_out_key(&out, STR("filter"));
        json_out_tree(&out, query->filter);
    }
    json_out_object_end(&out);
    json_out_end(&out);
    event.records = ids;
    event.n_records = list->n;
    event.detail = arena_copy(task_arena(), buf_str(&detail));
    buf_done(&detail);
    return audit_read(caller->house->reader, &event, err);
}

/* The cursor of the query, if it has one. */
static int read_cursor(
    const struct select *select, const struct record_query *query, struct page *ret_page, struct err *err)
{
    if (query->after.n && query->before.n)
        return err_add(err, task_arena(), STR("before"), FAULT_BAD_VALUE, STR_NULL);
    ret_page->backwards = query->before.n > 0;
    ret_page->has_cursor = query->after.n > 0 || query->before.n > 0;
    if (!ret_page->has_cursor)
        return 0;
    return cursor_parse(select->plan, &select->sort, ret_page->backwards ? "before" : "after",
        ret_page->backwards ? query->before : query->after, &ret_page->cursor, err);
}

static int check_query(
    const struct caller *caller, const struct record_query *query, int64_t *ret_limit, struct err *err)
{
    const struct conf *conf = caller->house->conf;
    struct arena *arena = task_arena();
    *ret_limit = query->limit ? query->limit : conf->records_page_default;
    if (*ret_limit < 1)
        (void)err_add(err, arena, STR("limit"), FAULT_TOO_SMALL, STR("1"));
    if (*ret_limit > conf->records_page_max)
        (void)err_add(err, arena, STR("limit"), FAULT_TOO_LARGE,
            arena_printf(arena, "%lld", (long long)conf->records_page_max));
    if (!str_is_utf8(query->q))
        (void)err_add(err, arena, STR("q"), FAULT_NOT_TEXT, STR_NULL);
    else if (str_utf8_length(query->q) > (size_t)conf->records_search_chars)
        (void)err_add(err, arena, STR("q"), FAULT_TOO_LONG,
            arena_printf(arena, "%lld", (long long)conf->records_search_chars));
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

struct list_reading {
    const struct select *select;
    const struct record_query *query;
    const struct page *page;
    struct record_list *list;
};

static task_fn int read_list(void *arg, struct err *err)
{
    struct list_reading *reading = arg;
    const struct select *select = reading->select;
    struct db_rows rows;
    int rc = select->search ? search_choose(select->search, err) : 0;
    if (rc < 0)
        return rc;
    if (reading->query->deleted)
        return bin_list(select, reading->query, (int64_t)reading->page->limit, reading->list, err);
    rc = read_page(select, reading->page, &rows, err);
    if (rc < 0)
        return rc;
    reading->list->next = reading->list->previous = STR_NULL;
    keep_page(select->plan, &rows, &select->sort, reading->page, reading->list);
    return reading->query->count ? count_rows(select, &reading->list->total, err) : 0;
}

task_fn int record_list(struct caller *caller, struct str form_key, const struct record_query *query,
    struct record_list *ret_list, struct err *err)
{
    struct record_list list = {.total = -1};
    const struct select_query wanted = {.q = query->q,
        .sort = query->sort,
        .fields = query->fields,
        .filter = query->filter,
        .deleted = query->deleted};
    struct select *select;
    struct page page = {0};
    int64_t limit;
    int rc = select_make(task_arena(), caller, form_key, &wanted, &select, err);
    if (rc < 0 && rc != -ERR_INVALID)
        return rc;
    (void)check_query(caller, query, &limit, err); /* all faults at once */
    if (query->deleted && query->before.n)
        (void)err_add(err, task_arena(), STR("before"), FAULT_UNKNOWN, STR_NULL);
    if (query->deleted && query->sort.n)
        (void)err_add(err, task_arena(), STR("sort"), FAULT_UNKNOWN, STR_NULL);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    if (!query->deleted && (rc = read_cursor(select, query, &page, err)) < 0)
        return rc;
    page.limit = (size_t)limit;
    list.plan = select->plan;
    list.selected = select->selected;
    task_stage("list");
    struct list_reading reading = {select, query, &page, &list};
    rc = caller_read(caller, query->pos ? &list.pos : NULL, read_list, &reading, err);
    if (rc == 0) {
        task_stage("log");
        rc = log_list(caller, query, &list, err);
    }
    if (rc == 0)
        *ret_list = list;
    return rc;
}

struct one_reading {
    struct plan *plan;
    int64_t id;
    struct record record;
};

static task_fn int read_one(void *arg, struct err *err)
{
    struct one_reading *reading = arg;
    struct plan *plan = reading->plan;
    struct statement *select = statement_new();
    struct db_rows rows;
    const struct str columns = plan_columns(plan);
    buf_printf(select->sql, "SELECT %.*s FROM `%.*s` r WHERE r._id = ? AND r._live = 1", STR_ARGS(columns),
        STR_ARGS(plan->form->table));
    statement_bind(select, DB_I(reading->id));
    int rc = caller_query(plan->caller, select, &rows, err);
    if (rc == 0 && rows.n_rows == 1)
        plan_read_row(plan, &rows, 0, 0, &reading->record);
    if (rc == 0 && (rows.n_rows == 0 || !(reading->record.view->actions & 1u << ACTION_READ)))
        rc = err_set(err, ERR_NOT_FOUND, "no such record, or not visible");
    return rc;
}

task_fn int record_read(struct caller *caller, struct plan *plan, int64_t id, struct record *ret_record,
    struct str *ret_pos, struct err *err)
{
    struct one_reading reading = {.plan = plan, .id = id};
    task_stage("read");
    int rc = caller_read(caller, ret_pos, read_one, &reading, err);
    if (rc < 0)
        return rc;
    task_stage("log");
    struct audit_event event = caller_event(caller, AUDIT_READ, plan->form->key, id);
    rc = audit_read(caller->house->reader, &event, err);
    if (rc == 0)
        *ret_record = reading.record;
    return rc;
}
