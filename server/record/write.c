/*
 * What create and update share: reading the caller's fields under the policy, and writing columns with their
 * derived ones. All faults of a request are reported at once; a hidden, an unknown and an invented field
 * answer alike.
 */
#include "base/clock.h"
#include "record/change_int.h"
#include "text/text.h"

bool reference_exists(const struct plan *plan, const struct field *field, int64_t id)
{
    const struct directory *directory = plan->caller->world->directory;
    if (field->type->reference == REFERENCE_RECORD) {
        const struct target *target = target_find(plan, field, id);
        return target && target->seen;
    }
    if (field->type->reference == REFERENCE_MEMBER) {
        const struct user *user = directory_user(directory, id);
        return user && !user->disabled;
    }
    const struct department *department = directory_department(directory, id);
    return department && !department->retired;
}

static void parse_member(struct plan *plan, const struct json_member *member, const enum access_level *levels,
    const struct db_val *before, struct db_val *values, bool *given, struct err *err)
{
    struct arena *arena = task_arena();
    struct str path = arena_printf(arena, "fields.%.*s", STR_ARGS(member->key));
    const struct field *field = form_field_find(plan->form, member->key);
    struct db_val value = DB_N;
    if (!field || plan->best[field->index] == LEVEL_HIDDEN || levels[field->index] == LEVEL_HIDDEN) {
        (void)err_add(err, arena, path, FAULT_UNKNOWN, STR_NULL);
        return;
    }
    if (field->type->reference == REFERENCE_RECORD && levels[field->index] == LEVEL_MASKED &&
        member->value.kind == JSON_NULL)
        return; /* one that is not seen, sent back as it was given: it stays */
    if (levels[field->index] != LEVEL_WRITE) {
        (void)err_add(err, arena, path, FAULT_READ_ONLY, STR_NULL);
        return;
    }
    if (field_parse(field, &member->value, before ? &before[field->index] : NULL, path, arena, &value, err) <
        0)
        return;
    if (field->type->reference != REFERENCE_NONE && value.kind == DB_INT &&
        !reference_exists(plan, field, value.i)) {
        (void)err_add(err, arena, path, FAULT_NOT_VISIBLE, STR_NULL);
        return;
    }
    values[field->index] = value;
    given[field->index] = true;
}

int write_parse(struct plan *plan, const struct json *fields, const enum access_level *levels,
    const struct db_val *before, struct db_val *values, bool *given, struct err *err)
{
    if (fields->kind != JSON_OBJECT)
        return err_add(err, task_arena(), STR("fields"), FAULT_WRONG_TYPE, STR("object"));
    for (size_t i = 0; i < fields->object.n; i++)
        parse_member(plan, &fields->object.at[i], levels, before, values, given, err);
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

struct db_val write_own(const struct plan *plan, const struct field *field, int64_t at_us)
{
    char at[CLOCK_TEXT_MAX];
    if (field->type->reference == REFERENCE_MEMBER)
        return DB_I(plan->caller->user_id);
    size_t n = clock_print_sql(at_us, at);
    return DB_S(arena_copy(task_arena(), ((struct str){at, n})));
}

bool field_is_open(const struct plan *plan, const struct field *field)
{
    const struct directory *directory = plan->caller->world->directory;
    for (size_t i = 0; i < directory->n_grants; i++) {
        const struct grant *grant = &directory->grants[i];
        bool concerned = grant->deny || (grant->actions & (1u << ACTION_LIST | 1u << ACTION_READ)) != 0;
        if (str_eq(grant->form, plan->form->key) && concerned && grant_level(grant, field->key) < LEVEL_READ)
            return false;
    }
    return field->type->reference !=
           REFERENCE_RECORD; /* who may not see that record does not see the field */
}

void write_derived(struct str prefix, struct str column, struct db_val value, const char *before,
    const char *after, struct statement *to)
{
    buf_printf(to->sql, "%s`%.*s%.*s`%s", before, STR_ARGS(prefix), STR_ARGS(column), after);
    statement_bind(to, value);
}

void write_column(const struct field *field, const struct db_val *value, const char *before,
    const char *after, struct statement *to)
{
    struct arena *arena = task_arena();
    bool is_null = value->kind == DB_NULL;
    if (field->type->own_column)
        return; /* the row's bookkeeping, which is written with it */
    write_derived(STR(""), field->column, *value, before, after, to);
    if (field->type->search == SEARCH_FOLDED)
        write_derived(
            STR("_f_"), field->column, is_null ? DB_N : DB_S(text_fold(arena, value->s)), before, after, to);
    if (field->sortable && field->type->is_text)
        write_derived(STR("_k_"), field->column, is_null ? DB_N : DB_B(text_sort_key(arena, value->s)),
            before, after, to);
}

void write_scope(const struct form *form, const struct record *record, bool but_title, const char *before,
    const char *after, struct statement *to)
{
    struct str title = form->fields[form->parent].column;
    write_derived(STR("_"), STR("owner"), record->owner ? DB_I(record->owner) : DB_N, before, after, to);
    write_derived(
        STR("_"), STR("department"), record->department ? DB_I(record->department) : DB_N, before, after, to);
    if (!but_title)
        write_derived(STR("_t_"), title, record->parent_title, before, after, to);
}

void write_copy(const struct form *form, size_t k, const struct record_copy *copy, const char *before,
    const char *after, struct statement *to)
{
    struct str column = form->fields[form->references[k]].column;
    bool named = copy->live;
    write_derived(STR("_t_"), column, named ? copy->title : DB_N, before, after, to);
    write_derived(STR("_o_"), column, named && copy->owner ? DB_I(copy->owner) : DB_N, before, after, to);
    write_derived(
        STR("_d_"), column, named && copy->department ? DB_I(copy->department) : DB_N, before, after, to);
    write_derived(STR("_l_"), column, named ? DB_I(1) : DB_N, before, after, to);
}

static struct db_val instant(int64_t at_us)
{
    char at[CLOCK_TEXT_MAX];
    size_t n = clock_print_sql(at_us, at);
    return DB_S(arena_copy(task_arena(), ((struct str){at, n})));
}

void write_deleted(int64_t at_us, int64_t by, struct statement *to)
{
    buf_add_text(to->sql, ", _live = NULL, _deleted_at = ?, _deleted_by = ?");
    statement_bind(to, instant(at_us));
    statement_bind(to, by ? DB_I(by) : DB_N);
}

void write_restored(struct statement *to)
{
    buf_add_text(to->sql, ", _live = 1, _deleted_at = NULL, _deleted_by = NULL");
}

/* ---- locking ------------------------------------------------------------------------------------------- */

task_fn int rows_lock(struct tx *tx, struct plan *plan, enum row_state state, const int64_t *ids, size_t n,
    struct locked *ret_rows, struct err *err)
{
    static const char *const STATES[] = {
        [ROW_LIVE] = " AND r._live = 1", [ROW_DELETED] = " AND r._live IS NULL", [ROW_EITHER] = ""};
    struct statement *select = statement_new();
    struct db_rows rows;
    const struct str columns = plan_columns(plan);
    buf_printf(select->sql,
        "SELECT (SELECT epoch FROM catalog_epoch WHERE id = 1 LOCK IN SHARE MODE), r._live, %.*s FROM `%.*s` r "
        "FORCE INDEX (PRIMARY) WHERE r._id IN (",
        STR_ARGS(columns), STR_ARGS(plan->form->table));
    statement_bind_ids(select, ids, n);
    buf_printf(select->sql, ")%s ORDER BY r._id FOR UPDATE", STATES[state]);
    int rc = tx_query(tx, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    if (rc < 0)
        return rc;
    if (rows.n_rows > 0 && !epoch_is(db_cell(&rows, 0, 0), plan->caller, err))
        return -ERR_EPOCH_MOVED;
    for (size_t i = 0, row = 0; i < n; i++) {
        ret_rows[i] = (struct locked){0};
        if (row == rows.n_rows || db_cell(&rows, row, 2)->i != ids[i])
            continue;
        ret_rows[i].deleted = db_cell(&rows, row, 1)->kind == DB_NULL;
        plan_read_row(plan, &rows, row++, 2, &ret_rows[i].record);
    }
    return 0;
}
