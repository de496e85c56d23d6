/*
 * Why a person sees what he sees. The same plan that serves him is made, and asked which grants hold; the
 * administrator who asks is told that, and no value of the record.
 */
#include "record/admin.h"
#include "record/plan_int.h"

static task_fn int read_holds(
    struct caller *person, struct explanation *explanation, int64_t record, struct err *err)
{
    struct plan *plan;
    struct statement *select = statement_new();
    struct db_rows rows;
    int rc = plan_make(task_arena(), person, explanation->form->key, &plan, err);
    if (rc < 0)
        return rc;
    const struct str columns = plan_columns(plan);
    buf_printf(select->sql, "SELECT %.*s FROM `%.*s` r WHERE r._id = ? AND r._live = 1", STR_ARGS(columns),
        STR_ARGS(plan->form->table));
    statement_bind(select, DB_I(record));
    rc = db_query(person->house->app, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    if (rc < 0)
        return rc;
    if (rows.n_rows == 0)
        return err_set(err, ERR_NOT_FOUND, "no such record");
    struct record now;
    plan_read_row(plan, &rows, 0, 0, &now);
    explanation->holds = now.view->grants;
    explanation->parent_holds = now.view->parent ? now.view->parent->grants : 0;
    return 0;
}

task_fn int rights_explain(struct caller *caller, struct str form_key, int64_t user_id, int64_t record,
    struct explanation *ret, struct err *err)
{
    struct explanation explanation = {.form = catalog_form(caller->world->catalog, form_key),
        .user = directory_user(caller->world->directory, user_id),
        .has_record = record != 0};
    if (!explanation.form || !explanation.user)
        return err_set(err, ERR_NOT_FOUND, "no such form or person");
    explanation.policy = policy_of(caller->world->directory, user_id);
    if (explanation.policy)
        explanation.grants = policy_for_form(explanation.policy, explanation.form->key);
    if (explanation.policy && explanation.form->parent_form)
        explanation.parent_grants = policy_for_form(explanation.policy, explanation.form->parent_form->key);
    if (record) {
        struct audit_event event = caller_event(caller, AUDIT_READ, STR("_rights"), record);
        event.detail = arena_printf(task_arena(), "{\"what\":\"why\",\"form\":\"%.*s\",\"person\":\"%lld\"}",
            STR_ARGS(explanation.form->key), (long long)user_id);
        task_stage("log");
        int rc = audit_read(caller->house->reader, &event, err);
        if (rc < 0)
            return rc;
    }
    if (record && explanation.grants) {
        struct caller person = *caller; /* the same world, the other's policy */
        person.user_id = user_id;
        person.policy = policy_of(caller->world->directory, user_id);
        task_stage("read");
        int rc = read_holds(&person, &explanation, record, err);
        if (rc < 0)
            return rc;
    }
    *ret = explanation;
    return 0;
}
