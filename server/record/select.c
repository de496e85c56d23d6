/*
 * A query of one form, compiled under the viewer's policy: what may be named, which rows, in which order.
 * Unknown, hidden and unsortable fields are refused alike. Masked values are unknown: they match nothing and
 * sort as null.
 */
#include "base/clock.h"
#include "record/select_int.h"

static int query_fault(
    const struct select *select, const char *parameter, enum fault_code fault, struct err *err)
{
    return err_add(err, select->arena, str_of(parameter), fault, STR_NULL);
}

/* "-amount,name" */
static int parse_sort(struct select *select, struct str text, struct err *err)
{
    struct sort *sort = &select->sort;
    const struct plan *plan = select->plan;
    while (text.n > 0) {
        struct str key = str_cut(&text, ',');
        bool descending = str_starts(key, STR("-"));
        if (descending)
            key = (struct str){key.p + 1, key.n - 1};
        const struct field *field = form_field_find(plan->form, key);
        if (!field || plan->best[field->index] == LEVEL_HIDDEN || !field->sortable)
            return query_fault(select, "sort", FAULT_UNKNOWN, err);
        if (sort->n == SORT_TERMS_MAX)
            return err_add(err, select->arena, STR("sort"), FAULT_TOO_MANY,
                arena_printf(select->arena, "%d", SORT_TERMS_MAX));
        for (size_t i = 0; i < sort->n; i++)
            if (sort->terms[i].field == field)
                return query_fault(select, "sort", FAULT_DUPLICATE, err);
        sort->terms[sort->n++] = (struct sort_term){.field = field, .descending = descending};
    }
    sort->id_descending = sort->n == 0 || sort->terms[0].descending;
    return 0;
}

static int parse_selected(struct select *select, struct str text, struct err *err)
{
    const struct plan *plan = select->plan;
    if (text.n == 0)
        return 0;
    select->selected = arena_new_array(select->arena, bool, plan->form->n_fields);
    while (text.n > 0) {
        const struct field *field = form_field_find(plan->form, str_cut(&text, ','));
        if (!field || plan->best[field->index] == LEVEL_HIDDEN)
            return query_fault(select, "fields", FAULT_UNKNOWN, err);
        select->selected[field->index] = true;
    }
    return 0;
}

/* The fields that a filter may name: those that the viewer may see somewhere. */
static bool find_field(void *arg, struct str key, struct filter_field *ret_field)
{
    struct select *select = arg;
    if (str_find(key, STR(".")) != SIZE_MAX)
        return path_find(select->plan, &select->paths, key, ret_field) != NULL;
    return plan_filter_field(select->plan->form, key, select->arena, ret_field) &&
           select->plan->best[ret_field->index] != LEVEL_HIDDEN;
}

static int make(struct arena *arena, struct caller *caller, struct str form_key, int64_t one,
    const struct select_query *query, struct select **ret_select, struct err *err)
{
    struct select *select = arena_new_one(arena, struct select);
    const struct filter_caller fields = {.arg = select, .find = find_field};
    enum access_action needed = one ? ACTION_READ : query->deleted ? ACTION_RESTORE : ACTION_LIST;
    select->arena = arena;
    select->deleted = query->deleted;
    select->one = one;
    int rc = plan_make(arena, caller, form_key, &select->plan, err);
    if (rc < 0)
        return rc;
    if (!(select->plan->grants->actions & 1u << needed))
        return err_set(err, ERR_FORBIDDEN, "no grant lists or reads the form");
    select->search = search_new(select->plan, arena_copy(arena, query->q));
    (void)parse_sort(select, query->sort, err);
    (void)parse_selected(select, query->fields, err);
    if (query->filter)
        (void)filter_parse(query->filter, &fields, arena, &select->filter, err);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    *ret_select = select;
    return 0;
}

int select_make(struct arena *arena, struct caller *caller, struct str form_key,
    const struct select_query *query, struct select **ret_select, struct err *err)
{
    return make(arena, caller, form_key, 0, query, ret_select, err);
}

int select_make_one(struct arena *arena, struct caller *caller, struct str form_key, int64_t id,
    const struct select_query *query, struct select **ret_select, struct err *err)
{
    return make(arena, caller, form_key, id, query, ret_select, err);
}

struct plan *select_plan(const struct select *select)
{
    return select->plan;
}

const struct filter *select_filter(const struct select *select)
{
    return select->filter;
}

void select_set_now(struct select *select, int64_t now_us)
{
    select->plan->env.now_us = now_us;
    for (struct path *path = select->paths; path; path = path->next)
        for (size_t i = 0; i < path->n_hops; i++)
            path->hops[i].plan->env.now_us = now_us;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return !a || (b && b < a) ? b : a;
}

int64_t select_valid_until(const struct select *select)
{
    int64_t until = plan_valid_until(select->plan);
    if (select->filter)
        until = sooner(until, filter_valid_until(select->filter, &select->plan->env));
    for (const struct path *path = select->paths; path; path = path->next)
        for (size_t i = 0; i < path->n_hops; i++)
            until = sooner(until, plan_valid_until(path->hops[i].plan));
    return until;
}

/* ---- SQL
 * ------------------------------------------------------------------------------------------------------ */

struct where {
    const struct plan *plan;
    struct statement *to;
};

static void bind_value(void *arg, struct db_val value)
{
    struct where *where = arg;
    statement_bind(where->to, value);
}

static bool append_clear(void *arg, const struct filter_field *field)
{
    struct where *where = arg;
    bool always;
    plan_where_clear(where->plan, &where->plan->form->fields[field->index], where->to, &always);
    return !always;
}

static void enter_path(void *arg, const struct filter_field *field)
{
    const struct where *where = arg;
    path_enter(where->plan, field->path, where->to);
}

static void leave_path(void *arg, const struct filter_field *field)
{
    const struct where *where = arg;
    path_leave(field->path, where->to);
}

int select_where(const struct select *select, struct statement *to, struct err *err)
{
    struct where where = {.plan = select->plan, .to = to};
    const struct filter_sql sql = {.sql = to->sql,
        .arena = task_arena(),
        .as_where = true,
        .arg = &where,
        .bind = bind_value,
        .clear = append_clear,
        .enter = enter_path,
        .leave = leave_path};
    search_from(select->search, select->plan->form, to);
    buf_printf(to->sql, " WHERE r._live %s AND ", select->deleted ? "IS NULL" : "= 1");
    if (select->deleted) {
        plan_where_rows(select->plan, ACTION_RESTORE, to);
        buf_add_text(to->sql, " AND ");
    }
    plan_where_rows(select->plan, select->one ? ACTION_READ : ACTION_LIST, to);
    if (select->one) {
        buf_add_text(to->sql, " AND r._id = ?");
        statement_bind(to, DB_I(select->one));
    }
    if (select->search)
        search_where(select->search, to);
    if (!select->filter)
        return 0;
    buf_add_text(to->sql, " AND (");
    int rc = filter_to_sql(select->filter, &select->plan->env, &sql, err);
    buf_add_text(to->sql, ")");
    return rc;
}

void select_columns(const struct select *select, struct statement *to)
{
    const struct str columns = plan_columns(select->plan);
    buf_printf(to->sql, "SELECT %.*s", STR_ARGS(columns));
    for (size_t i = 0; i < select->sort.n; i++) {
        buf_add_text(to->sql, ", ");
        sort_expression(select->plan, &select->sort.terms[i], to);
    }
}

task_fn int select_window(struct tx *tx, struct select *select, int64_t start, int64_t n,
    struct select_row **ret_rows, size_t *ret_n, struct err *err)
{
    struct statement *sql = statement_new();
    struct db_rows rows;
    select_columns(select, sql);
    int rc = select_where(select, sql, err);
    if (rc < 0)
        return rc;
    sort_order(select->plan, &select->sort, SORT_ALL, false, sql);
    buf_add_text(sql->sql, " LIMIT ? OFFSET ?");
    statement_bind(sql, DB_I(n));
    statement_bind(sql, DB_I(start));
    rc = tx_query(tx, buf_cstr(sql->sql), sql->params, sql->n_params, &rows, err);
    if (rc < 0)
        return rc;
    struct select_row *list = arena_new_array(task_arena(), struct select_row, rows.n_rows + 1);
    for (size_t row = 0; row < rows.n_rows; row++) {
        plan_read_row(select->plan, &rows, row, 0, &list[row].record);
        list[row].key.id = list[row].record.id;
        for (size_t i = 0; i < select->sort.n; i++)
            list[row].key.values[i] = *db_cell(&rows, row, plan_n_columns(select->plan) + i);
    }
    *ret_rows = list;
    *ret_n = rows.n_rows;
    return 0;
}

task_fn int select_count(struct tx *tx, struct select *select, int64_t *ret_total, struct err *err)
{
    struct statement *sql = statement_new();
    struct db_rows rows;
    buf_add_text(sql->sql, "SELECT COUNT(*)");
    int rc = select_where(select, sql, err);
    if (rc == 0)
        rc = tx_query(tx, buf_cstr(sql->sql), sql->params, sql->n_params, &rows, err);
    if (rc == 0)
        *ret_total = db_cell(&rows, 0, 0)->i;
    return rc;
}
