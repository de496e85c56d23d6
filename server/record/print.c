/*
 * A record as its reader may see it: hidden fields are absent, masked ones show their mask, and the version
 * stands for nothing but what is shown in clear, so that a change of a hidden value moves nothing.
 */
#include "base/clock.h"
#include "base/id.h"
#include "crypto/crypto.h"
#include "record/select_int.h"

enum { VERSION_BYTES = 12 };

/* One that is not seen has neither an id nor a title. */
static void print_record_named(int64_t id, struct str title, struct json_out *out)
{
    json_out_object(out);
    json_out_member_id(out, "id", id);
    json_out_key(out, STR("title"));
    if (id && title.p)
        json_out_str(out, title);
    else
        json_out_null(out);
    json_out_object_end(out);
}

/* The record that the value names is the one that the row holds, or another one that was looked up. */
static void print_named(const struct plan *plan, const struct record *record, const struct field *field,
    int64_t id, struct json_out *out)
{
    const struct db_val *now = &record->values[field->index];
    if (now->kind == DB_INT && now->i == id && record->view->levels[field->index] >= LEVEL_READ) {
        print_record_named(id, target_title_shown(record, field), out);
        return;
    }
    const struct target *target = target_find(plan, field, id);
    print_record_named(target && target->seen ? id : 0, target ? target->shown : STR_NULL, out);
}

static void print_reference(
    const struct caller *caller, const struct field *field, int64_t id, struct json_out *out)
{
    struct str title = STR_NULL;
    if (field->type->reference == REFERENCE_MEMBER) {
        const struct user *user = directory_user(caller->world->directory, id);
        title = user ? user->name : STR_NULL;
    } else {
        const struct department *department = directory_department(caller->world->directory, id);
        title = department ? department->name : STR_NULL;
    }
    json_out_object(out);
    json_out_member_id(out, "id", id);
    json_out_key(out, STR("title"));
    if (title.p)
        json_out_str(out, title);
    else
        json_out_null(out);
    json_out_object_end(out);
}

void record_print_value(const struct plan *plan, const struct record *record, const struct field *field,
    const struct db_val *value, struct json_out *out)
{
    if (field->type->reference == REFERENCE_RECORD && value->kind == DB_INT)
        print_named(plan, record, field, value->i, out);
    else if (field->type->reference != REFERENCE_NONE && value->kind == DB_INT)
        print_reference(plan->caller, field, value->i, out);
    else
        field_print(field, value, out);
}

struct str masked_text(struct str mask, const struct db_val *value)
{
    return value->kind == DB_INT || value->kind == DB_REAL ? mask_apply(STR("text"), STR("0"), task_arena())
                                                           : mask_apply(mask, value->s, task_arena());
}

static void print_masked(
    const struct field *field, struct str mask, const struct db_val *value, struct json_out *out)
{
    if (value->kind == DB_NULL)
        json_out_null(out);
    else if (field->type->reference == REFERENCE_RECORD)
        print_record_named(0, STR_NULL, out);
    else
        json_out_str(out, masked_text(mask, value));
}

static bool is_shown(const struct plan *plan, const struct record *record, size_t i, const bool *selected)
{
    return plan->best[i] != LEVEL_HIDDEN && record->view->levels[i] != LEVEL_HIDDEN &&
           (!selected || selected[i]);
}

static void print_fields(
    const struct plan *plan, const struct record *record, const bool *selected, struct json_out *out)
{
    json_out_key(out, STR("fields"));
    json_out_object(out);
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        const struct field *field = &plan->form->fields[i];
        if (!is_shown(plan, record, i, selected))
            continue;
        json_out_key(out, field->key);
        if (record->view->levels[i] == LEVEL_MASKED)
            print_masked(field, record->view->masks[i], &record->values[i], out);
        else
            record_print_value(plan, record, field, &record->values[i], out);
    }
    json_out_object_end(out);
}

/* Keys of the shown fields that are masked, or (wanted LEVEL_READ) readable here but not writable although
 * elsewhere they are. */
static void print_keys(const struct plan *plan, const struct record *record, const bool *selected,
    const char *name, enum access_level wanted, struct json_out *out)
{
    json_out_key(out, str_of(name));
    json_out_array(out);
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        if (!is_shown(plan, record, i, selected) || record->view->levels[i] != wanted)
            continue;
        if (wanted == LEVEL_READ && plan->best[i] != LEVEL_WRITE)
            continue;
        json_out_str(out, plan->form->fields[i].key);
    }
    json_out_array_end(out);
}

void record_print_selected(
    const struct plan *plan, const struct record *record, const bool *selected, struct json_out *out)
{
    json_out_member_id(out, "id", record->id);
    json_out_member_str(out, "version", record_version(plan, record));
    print_fields(plan, record, selected, out);
    print_keys(plan, record, selected, "masked", LEVEL_MASKED, out);
    print_keys(plan, record, selected, "locked", LEVEL_READ, out);
    json_out_key(out, STR("can"));
    json_out_array(out);
    uint32_t actions = record->view->actions;
    actions &= record->is_deleted ? 1u << ACTION_RESTORE : ~(1u << ACTION_LIST | 1u << ACTION_CREATE);
    for (int action = 0; action < ACTION_COUNT; action++)
        if (actions & 1u << action)
            json_out_text(out, access_action_key((enum access_action)action));
    json_out_array_end(out);
}

void record_print(const struct plan *plan, const struct record *record, struct json_out *out)
{
    record_print_selected(plan, record, NULL, out);
}

/* A value as two pieces of the hash: its kind, so that null, 7 and "7" differ, and its bytes. */
static size_t add_value_pieces(const struct db_val *value, struct arena *arena, struct str *pieces)
{
    pieces[1] = STR_NULL;
    if (value->kind == DB_NULL) {
        pieces[0] = STR("n");
    } else if (value->kind == DB_INT) {
        int64_t *copy = arena_new_one(arena, int64_t);
        *copy = value->i;
        pieces[0] = STR("i");
        pieces[1] = (struct str){(const char *)copy, sizeof(*copy)};
    } else if (value->kind == DB_REAL) {
        double *copy = arena_new_one(arena, double);
        *copy = value->real;
        pieces[0] = STR("r");
        pieces[1] = (struct str){(const char *)copy, sizeof(*copy)};
    } else {
        pieces[0] = STR("t");
        pieces[1] = value->s;
    }
    return 2;
}

struct str record_version(const struct plan *plan, const struct record *record)
{
    struct arena *arena = task_arena();
    struct str *pieces = arena_new_array(arena, struct str, 3 * plan->form->n_fields + 2);
    size_t n = 0;
    pieces[n++] = plan->form->key;
    pieces[n++] = (struct str){(const char *)&record->id, sizeof(record->id)};
    for (size_t i = 0; i < plan->form->n_fields; i++)
        /* Columns of ours never move alone; and a state of the past has none. */
        if (record->view->levels[i] >= LEVEL_READ && !plan->form->fields[i].type->own_column) {
            pieces[n++] = plan->form->fields[i].key;
            n += add_value_pieces(&record->values[i], arena, &pieces[n]);
        }
    unsigned char digest[CRYPTO_SHA256_BYTES];
    crypto_hmac_pieces(plan->caller->house->server_key, pieces, n, digest);
    return crypto_base64url(arena, digest, VERSION_BYTES);
}

struct str value_json(const struct field *field, const struct db_val *value, struct arena *arena)
{
    struct buf buf = {0};
    struct json_out out;
    if (value->kind == DB_NULL)
        return STR_NULL;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    field_print(field, value, &out);
    json_out_end(&out);
    struct str json = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return json;
}

struct audit_event caller_event(
    const struct caller *caller, enum audit_action action, struct str form, int64_t record)
{
    return (struct audit_event){.id = id_new(),
        .at_us = clock_utc_us(),
        .actor_id = caller->user_id,
        .login = caller->login,
        .action = action,
        .form = form,
        .record = record,
        .session = caller->session,
        .address = caller->address,
        .request = caller->request};
}

struct str position_print(const struct house *house, const struct tx_done *done, struct arena *arena)
{
    return arena_printf(arena, "%.*s.%lld", STR_ARGS(house->position_epoch), (long long)done->gtid_sequence);
}

/* ---- what a live view prints
 * -------------------------------------------------------------------------------- */

void select_print(const struct select *select, const struct record *record, struct json_out *out)
{
    json_out_object(out);
    record_print_selected(select->plan, record, select->selected, out);
    json_out_object_end(out);
}

/* Field by field as it is seen; a field whose value is masked before and after shows the same unless its mask
 * does. */
static bool field_is_seen_to_change(
    const struct select *select, const struct record *before, const struct record *after, size_t i)
{
    const struct field *field = &select->plan->form->fields[i];
    const struct db_val *a = &before->values[i], *b = &after->values[i];
    bool clear = after->view->levels[i] != LEVEL_MASKED;
    if (!is_shown(select->plan, after, i, select->selected))
        return false;
    if (db_val_equal(a, b))
        return field->type->reference == REFERENCE_RECORD && clear && a->kind == DB_INT &&
               !str_eq(target_title_shown(before, field), target_title_shown(after, field));
    if (clear)
        return true;
    if (a->kind == DB_NULL || b->kind == DB_NULL)
        return true;
    if (field->type->reference == REFERENCE_RECORD)
        return false;
    return !str_eq(masked_text(after->view->masks[i], a), masked_text(after->view->masks[i], b));
}

static struct str printed(const struct select *select, const struct record *record)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    select_print(select, record, &out);
    json_out_end(&out);
    struct str text = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return text;
}

/* Other rights on the row: all of it anew. Where other grants come to the same bytes, something that is not
 * seen has changed (a condition may look at what its viewer does not see), and nothing is told. */
static bool print_under_other_rights(const struct select *select, const struct record *before,
    const struct record *after, struct json_out *out)
{
    struct str item = printed(select, after);
    if (str_eq(printed(select, before), item))
        return false;
    json_out_raw(out, item);
    return true;
}

bool select_print_change(const struct select *select, const struct record *before, const struct record *after,
    struct json_out *out)
{
    bool any = false;
    if (before->view != after->view)
        return print_under_other_rights(select, before, after, out);
    for (size_t i = 0; i < select->plan->form->n_fields && !any; i++)
        any = field_is_seen_to_change(select, before, after, i);
    /* A readable field that was not asked for moves the version too. */
    struct str version = any || select->selected ? record_version(select->plan, after) : STR("");
    if (!any && (!select->selected || str_eq(version, record_version(select->plan, before))))
        return false;
    json_out_object(out);
    json_out_member_id(out, "id", after->id);
    json_out_member_str(out, "version", version);
    json_out_key(out, STR("fields"));
    json_out_object(out);
    for (size_t i = 0; i < select->plan->form->n_fields; i++) {
        const struct field *field = &select->plan->form->fields[i];
        if (!field_is_seen_to_change(select, before, after, i))
            continue;
        json_out_key(out, field->key);
        if (after->view->levels[i] == LEVEL_MASKED)
            print_masked(field, after->view->masks[i], &after->values[i], out);
        else
            record_print_value(select->plan, after, field, &after->values[i], out);
    }
    json_out_object_end(out);
    json_out_object_end(out);
    return true;
}
