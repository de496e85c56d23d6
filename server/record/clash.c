/*
 * Clashes of unique fields. That a value is refused tells that somebody has it, whether or not the caller may
 * see who: it cannot be helped, so each such answer is logged before it leaves, without the value, and a
 * person who has had too many in an hour gives no unique values until it is over, clash or not.
 *
 * The log counts, for all processes; that somebody is worth counting is remembered here, so that nobody else
 * pays for it. What is forgotten (a ring, a restart) costs one more answer at most.
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"
#include "record/plan_int.h"

#define HOUR_US INT64_C(3600000000)

static const char SQL_CLASHES[] =
    "SELECT COUNT(*) FROM tidemark_log.event WHERE login = ? AND id >= ? AND action = 'refuse' "
    "AND detail LIKE '{\"what\":\"not_unique\"%'";

static bool is_remembered(const struct house *house, int64_t user_id, int64_t now_us)
{
    for (size_t i = 0; i < HOUSE_CLASHES; i++)
        if (house->clashes[i].user_id == user_id && house->clashes[i].at_us > now_us - HOUR_US)
            return true;
    return false;
}

static bool gives_unique(const struct plan *plan, const struct json *fields)
{
    if (fields->kind != JSON_OBJECT)
        return false;
    for (size_t i = 0; i < fields->object.n; i++) {
        const struct field *field = form_field_find(plan->form, fields->object.at[i].key);
        if (field && field->unique && fields->object.at[i].value.kind != JSON_NULL)
            return true;
    }
    return false;
}

task_fn int clash_left(const struct plan *plan, int64_t *ret_left, struct err *err)
{
    const struct caller *caller = plan->caller;
    struct db_rows rows;
    int rc = db_query(caller->house->app, SQL_CLASHES,
        DB_PARAMS(DB_S(caller->login), DB_I(id_from(clock_utc_us() - HOUR_US))), &rows, err);
    if (rc < 0)
        return rc;
    must(rows.n_rows == 1);
    *ret_left = caller->house->conf->records_clashes_per_hour - db_cell(&rows, 0, 0)->i;
    return 0;
}

task_fn int clash_check(const struct plan *plan, const struct json *const *items, size_t n, struct err *err)
{
    const struct caller *caller = plan->caller;
    int64_t left = 0;
    bool gives = false;
    for (size_t i = 0; i < n && !gives; i++)
        gives = gives_unique(plan, items[i]);
    if (!gives || !is_remembered(caller->house, caller->user_id, clock_utc_us()))
        return 0;
    int rc = clash_left(plan, &left, err);
    if (rc < 0 || left > 0)
        return rc;
    err->retry_after_s = 60;
    return err_set(err, ERR_TOO_MANY, "more clashes of unique values than an hour may have");
}

task_fn int clash_note(const struct plan *plan, int64_t id, const struct field *field, struct err *err)
{
    const struct caller *caller = plan->caller;
    struct house *house = caller->house;
    struct audit_event event = caller_event(caller, AUDIT_REFUSE, plan->form->key, id);
    event.detail =
        arena_printf(task_arena(), "{\"what\":\"not_unique\",\"field\":\"%.*s\"}", STR_ARGS(field->key));
    house->clashes[house->n_clashes++ % HOUSE_CLASHES] =
        (struct house_clash){.user_id = caller->user_id, .at_us = clock_utc_us()};
    return audit_read(house->reader, &event, err);
}

task_fn int clash_answer(const struct plan *plan, int64_t id, struct err *err)
{
    struct str key;
    if (err->code != ERR_DB_DUPLICATE || !db_duplicate_key(err, &key) || !str_starts(key, STR("uk_")))
        return -(int)err->code;
    const struct field *field = form_field_find(plan->form, (struct str){key.p + 3, key.n - 3});
    if (!field)
        return -(int)err->code;
    struct arena *arena = task_arena();
    err_clear(err);
    int rc = clash_note(plan, id, field, err);
    if (rc < 0)
        return rc;
    (void)err_set(err, ERR_CONFLICT, "unique key of field %.*s", STR_ARGS(field->key));
    (void)err_add(
        err, arena, arena_printf(arena, "fields.%.*s", STR_ARGS(field->key)), FAULT_NOT_UNIQUE, STR_NULL);
    return -ERR_CONFLICT;
}
