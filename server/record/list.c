/*
 * Lists: the rows that the caller may list, searched, sorted and paged by keyset. Everything runs over the
 * viewer's own projection: a hidden field does not exist, a masked value is unknown (it matches nothing and
 * sorts as null).
 */
#include "record/cursor_int.h"
#include "record/plan_int.h"
#include "text/text.h"

static int sort_fault(const char *parameter, enum fault_code fault, struct err *err)
{
    return err_add(err, task_arena(), str_of(parameter), fault, STR_NULL);
}

/* "-amount,name": unknown, hidden and unsortable fields are refused alike. */
static int parse_sort(const struct plan *plan, struct str text, struct sort *ret_sort, struct err *err)
{
    struct sort sort = {0};
    while (text.n > 0) {
        struct str key = str_cut(&text, ',');
        bool descending = str_starts(key, STR("-"));
        if (descending)
            key = (struct str){key.p + 1, key.n - 1};
        const struct field *field = form_field_find(plan->form, key);
        if (!field || plan->best[field->index] == LEVEL_HIDDEN || !field->sortable)
            return sort_fault("sort", FAULT_UNKNOWN, err);
        if (sort.n == SORT_TERMS_MAX)
            return err_add(err, task_arena(), STR("sort"), FAULT_TOO_MANY,
                arena_printf(task_arena(), "%d", SORT_TERMS_MAX));
        for (size_t i = 0; i < sort.n; i++)
            if (sort.terms[i].field == field)
                return sort_fault("sort", FAULT_DUPLICATE, err);
        sort.terms[sort.n++] = (struct sort_term){.field = field, .descending = descending};
    }
    sort.id_descending = sort.n == 0 || sort.terms[0].descending;
    *ret_sort = sort;
    return 0;
}

static int parse_selected(const struct plan *plan, struct str text, bool **ret_selected, struct err *err)
{
    if (text.n == 0)
        return 0;
    bool *selected = arena_new_array(task_arena(), bool, plan->form->n_fields);
    while (text.n > 0) {
        const struct field *field = form_field_find(plan->form, str_cut(&text, ','));
        if (!field || plan->best[field->index] == LEVEL_HIDDEN)
            return sort_fault("fields", FAULT_UNKNOWN, err);
        selected[field->index] = true;
    }
    *ret_selected = selected;
    return 0;
}

static struct str upper_ascii(struct str text, struct arena *arena)
{
    struct str copy = arena_copy(arena, text);
    char *p = arena_alloc(arena, copy.n + 1);
    for (size_t i = 0; i < copy.n; i++)
        p[i] = copy.p[i] >= 'a' && copy.p[i] <= 'z' ? (char)(copy.p[i] - 'a' + 'A') : copy.p[i];
    return (struct str){p, copy.n};
}

static bool is_ascii(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0x80)
            return false;
    return true;
}

/* One field of the search: where it is clear, the text must stand in it. Codes are ASCII columns in upper
 * case. */
static void where_field_holds(
    const struct plan *plan, const struct field *field, struct str folded, struct statement *to)
{
    bool code = field->type->search == SEARCH_CODE, always;
    buf_add_text(to->sql, "(");
    plan_where_clear(plan, field, to, &always);
    buf_printf(to->sql, "%sLOCATE(%s, r.`%s%.*s`) > 0)", always ? "" : " AND ",
        code ? "CONVERT(? USING ascii)" : "?", code ? "" : "_f_", STR_ARGS(field->column));
    statement_bind(to, DB_S(code ? upper_ascii(folded, task_arena()) : folded));
}

static void where_search(const struct plan *plan, struct str q, struct statement *to)
{
    struct str folded = text_fold(task_arena(), q);
    bool ascii = is_ascii(folded);
    const char *between = " AND (";
    size_t conditions = 0;
    if (folded.n == 0)
        return;
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        const struct field *field = &plan->form->fields[i];
        bool can_hold = ascii || field->type->search == SEARCH_FOLDED;
        if (!field->searchable || plan->best[i] < LEVEL_READ || !can_hold)
            continue;
        buf_add_text(to->sql, between);
        where_field_holds(plan, field, folded, to);
        between = " OR ";
        conditions++;
    }
    buf_add_text(to->sql, conditions == 0 ? " AND FALSE" : ")");
}

static void where_all(const struct plan *plan, struct str q, struct statement *to)
{
    buf_printf(to->sql, " FROM `%.*s` r WHERE r._live = 1 AND ", STR_ARGS(plan->form->table));
    plan_where_rows(plan, ACTION_LIST, to);
    where_search(plan, q, to);
}

static task_fn int count_rows(const struct plan *plan, struct str q, int64_t *ret_total, struct err *err)
{
    struct statement *count = statement_new();
    struct db_rows rows;
    buf_add_text(count->sql, "SELECT COUNT(*)");
    where_all(plan, q, count);
    int rc =
        db_query(plan->caller->house->app, buf_cstr(count->sql), count->params, count->n_params, &rows, err);
    if (rc < 0)
        return rc;
    *ret_total = db_cell(&rows, 0, 0)->i;
    return 0;
}

static task_fn int read_page(struct plan *plan, const struct record_query *query, const struct sort *sort,
    const struct cursor *after, int64_t limit, struct db_rows *ret_rows, struct err *err)
{
    struct statement *select = statement_new();
    buf_printf(select->sql, "SELECT %.*s", STR_ARGS(plan->columns));
    for (size_t i = 0; i < sort->n; i++) {
        buf_add_text(select->sql, ", ");
        sort_expression(plan, &sort->terms[i], select);
    }
    where_all(plan, query->q, select);
    if (after)
        cursor_where(plan, sort, after, select);
    sort_order(plan, sort, select);
    buf_add_text(select->sql, " LIMIT ?");
    statement_bind(select, DB_I(limit + 1)); /* one more tells whether there is a next page */
    return db_query(
        plan->caller->house->app, buf_cstr(select->sql), select->params, select->n_params, ret_rows, err);
}

static void keep_page(struct plan *plan, const struct db_rows *rows, const struct sort *sort, size_t limit,
    struct record_list *list)
{
    list->n = rows->n_rows > limit ? limit : rows->n_rows;
    list->items = arena_new_array(task_arena(), struct record, list->n + 1);
    for (size_t row = 0; row < list->n; row++)
        plan_read_row(plan, rows, row, 0, &list->items[row]);
    if (rows->n_rows > limit) {
        struct cursor cursor = {.id = list->items[list->n - 1].id};
        for (size_t i = 0; i < sort->n; i++)
            cursor.values[i] = *db_cell(rows, list->n - 1, COLUMN_FIELDS + plan->form->n_fields + i);
        list->next = cursor_print(plan, sort, &cursor);
    }
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
    if (query->q.n)
        json_out_member_str(&out, "q", query->q);
    if (query->sort.n)
        json_out_member_str(&out, "sort", query->sort);
    if (query->fields.n)
        json_out_member_str(&out, "fields", query->fields);
    json_out_object_end(&out);
    json_out_end(&out);
    event.records = ids;
    event.n_records = list->n;
    event.detail = arena_copy(task_arena(), buf_str(&detail));
    buf_done(&detail);
    return audit_read(caller->house->reader, &event, err);
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

task_fn int record_list(struct caller *caller, struct plan *plan, const struct record_query *query,
    struct record_list *ret_list, struct err *err)
{
    struct record_list list = {.plan = plan, .total = -1};
    struct sort sort;
    struct cursor after;
    struct db_rows rows;
    int64_t limit;
    if (!(plan->grants->actions & 1u << ACTION_LIST))
        return err_set(err, ERR_FORBIDDEN, "no grant lists the form");
    int rc = check_query(caller, query, &limit, err);
    if (rc == 0)
        rc = parse_sort(plan, query->sort, &sort, err);
    if (rc == 0)
        rc = parse_selected(plan, query->fields, &list.selected, err);
    if (rc == 0 && query->after.n)
        rc = cursor_parse(plan, &sort, query->after, &after, err);
    if (rc < 0)
        return rc;
    task_stage("list");
    rc = read_page(plan, query, &sort, query->after.n ? &after : NULL, limit, &rows, err);
    if (rc < 0)
        return rc;
    keep_page(plan, &rows, &sort, (size_t)limit, &list);
    if (query->count)
        rc = count_rows(plan, query->q, &list.total, err);
    if (rc == 0) {
        task_stage("log");
        rc = log_list(caller, query, &list, err);
    }
    if (rc == 0)
        *ret_list = list;
    return rc;
}

task_fn int record_read(
    struct caller *caller, struct plan *plan, int64_t id, struct record *ret_record, struct err *err)
{
    struct statement *select = statement_new();
    struct db_rows rows;
    buf_printf(select->sql, "SELECT %.*s FROM `%.*s` r WHERE r._id = ? AND r._live = 1",
        STR_ARGS(plan->columns), STR_ARGS(plan->form->table));
    statement_bind(select, DB_I(id));
    task_stage("read");
    int rc =
        db_query(caller->house->app, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    if (rc < 0)
        return rc;
    struct record record = {0};
    if (rows.n_rows == 1)
        plan_read_row(plan, &rows, 0, 0, &record);
    if (rows.n_rows == 0 || !(record.view->actions & 1u << ACTION_READ))
        return err_set(err, ERR_NOT_FOUND, "no such record, or not visible");
    task_stage("log");
    struct audit_event event = caller_event(caller, AUDIT_READ, plan->form->key, id);
    rc = audit_read(caller->house->reader, &event, err);
    if (rc == 0)
        *ret_record = record;
    return rc;
}
