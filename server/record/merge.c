/*
 * The base of a merge (DECISIONS A5). A version is a keyed hash of what the caller saw, so it names no
 * counter. The record's events, walked back from the present state, give its earlier states; the first whose
 * version is the caller's is the base.
 */
#include "record/plan_int.h"

enum { WALK_MAX = 100 };

/* Options retired since, or rules tightened, must not matter: on failure the state simply is not found. */
bool value_of_json(const struct field *field, const struct json *json, struct db_val *ret_value)
{
    struct err ignored = {0};
    if (!json || json->kind == JSON_NULL) {
        *ret_value = DB_N;
        return true;
    }
    if (field->type->is_automatic)
        return false;
    return field->type->parse(field, json, STR("base"), task_arena(), ret_value, &ignored) == 0;
}

/* Puts the `before` values of one event into the state. */
static bool step_back(const struct plan *plan, const struct audit_row *event, struct db_val *values)
{
    struct json *changes = NULL;
    struct err ignored = {0};
    struct json_limits limits = {.max_bytes = 8 << 20};
    if (event->changes.n == 0)
        return true;
    if (json_parse(task_arena(), event->changes, &limits, &changes, &ignored) < 0 ||
        changes->kind != JSON_ARRAY)
        return false;
    for (size_t i = 0; i < changes->array.n; i++) {
        const struct json *change = &changes->array.at[i];
        const struct json *key = change->kind == JSON_OBJECT ? json_get(change, STR("field")) : NULL;
        const struct field *field =
            key && key->kind == JSON_STR ? form_field_find(plan->form, key->str) : NULL;
        if (field && plan->needed[field->index] &&
            !value_of_json(field, json_get(change, STR("before")), &values[field->index]))
            return false;
    }
    return true;
}

/* What an earlier state held of the records that it named is not known: they are looked at as they are now.
 */
static task_fn int look_at_named(
    struct plan *plan, const struct record *now, struct record *state, struct err *err)
{
    const struct form *form = plan->form;
    for (size_t k = 0; k < form->n_references; k++) {
        const struct field *field = &form->fields[form->references[k]];
        const struct db_val *value = &state->values[field->index];
        state->copies[k] = now->copies[k];
        if (db_val_equal(value, &now->values[field->index]))
            continue;
        int rc = value->kind == DB_INT ? targets_read(plan, NULL, field, &value->i, 1, err) : 0;
        if (rc < 0)
            return rc;
        bool seen = value->kind == DB_INT && reference_exists(plan, field, value->i);
        state->copies[k] = seen ? target_copy(plan, k, value) : (struct record_copy){0};
    }
    return 0;
}

task_fn int merge_find_base(struct plan *plan, const struct record *now, struct str version, bool *ret_found,
    struct db_val *ret_base, struct err *err)
{
    struct audit_row *events;
    size_t n_events;
    int rc = audit_of_record(
        plan->caller->house->app, plan->form->key, now->id, 0, WALK_MAX, &events, &n_events, err);
    if (rc < 0)
        return rc;
    struct record state = *now;
    state.values = arena_new_array(task_arena(), struct db_val, plan->form->n_fields);
    for (size_t i = 0; i < plan->form->n_fields; i++)
        state.values[i] = now->values[i];
    state.copies = arena_new_array(task_arena(), struct record_copy, plan->form->n_references + 1);
    *ret_found = false;
    for (size_t e = 0; e < n_events && !*ret_found; e++) {
        if (events[e].rev > now->rev)
            continue; /* written after our look */
        if (str_eq(events[e].action, STR("create")) || !step_back(plan, &events[e], state.values))
            break;
        if (plan->form->owner >= 0)
            state.owner =
                state.values[plan->form->owner].kind == DB_INT ? state.values[plan->form->owner].i : 0;
        if (plan->form->department >= 0)
            state.department = state.values[plan->form->department].kind == DB_INT
                                   ? state.values[plan->form->department].i
                                   : 0;
        rc = look_at_named(plan, now, &state, err);
        if (rc < 0)
            return rc;
        state.view = plan_view(plan, &state);
        *ret_found = str_eq(record_version(plan, &state), version);
    }
    for (size_t i = 0; i < plan->form->n_fields; i++)
        ret_base[i] = state.values[i];
    return 0;
}
