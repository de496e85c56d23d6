/*
 * Departments: a tree whose order people see and whose subtrees say which rows they see. A department is
 * made, renamed, moved, put in order and retired; it is never dropped, for records and the log name it. Those
 * of one parent are numbered from 0; where that changes for others beside it, each has its event.
 */
#include "base/clock.h"
#include "base/id.h"
#include "record/admin_int.h"

enum { TRIES = 5, KEY_CHARS_MAX = 40 };

struct changing {
    struct configuring configuring;  /* first: configure_run */
    const struct department *before; /* NULL: it is new */
    struct department after;
    bool placed; /* it gets another place */
    int64_t place;
};

/* ---- what a directory tells of them ---------------------------------------------------------------------
 */

int64_t department_place(const struct directory *directory, const struct department *department)
{
    int64_t place = 0;
    for (size_t i = 0; i < directory->n_departments; i++) { /* in order */
        if (directory->departments[i].id == department->id)
            break;
        place += directory->departments[i].parent_id == department->parent_id;
    }
    return place;
}

int64_t department_people(const struct directory *directory, int64_t department)
{
    int64_t n = 0;
    for (size_t i = 0; i < directory->n_users; i++)
        n += directory->users[i].department_id == department && !directory->users[i].disabled;
    return n;
}

static int64_t count_below(const struct directory *directory, int64_t id)
{
    int64_t n = 0;
    for (size_t i = 0; i < directory->n_departments; i++)
        n += directory->departments[i].parent_id == id && !directory->departments[i].retired;
    return n;
}

/* How many steps it stands below the top; the top itself 1. */
static int depth_of(const struct directory *directory, int64_t id)
{
    int depth = 0;
    for (const struct department *at = directory_department(directory, id); at; depth++)
        at = at->parent_id ? directory_department(directory, at->parent_id) : NULL;
    return depth;
}

/* How many steps there are from it down to the lowest below it, itself included. */
static int height_of(const struct directory *directory, int64_t id)
{
    int top = depth_of(directory, id), most = top;
    for (size_t i = 0; i < directory->n_departments; i++) {
        int64_t below = directory->departments[i].id;
        int depth = directory_is_below(directory, below, id) ? depth_of(directory, below) : 0;
        most = depth > most ? depth : most;
    }
    return most - top + 1;
}

/* ---- judging --------------------------------------------------------------------------------------------
 */

static void fault(struct err *err, const char *field, enum fault_code code, int64_t limit)
{
    struct str text = limit ? arena_printf(task_arena(), "%lld", (long long)limit) : STR_NULL;
    (void)err_add(err, task_arena(), str_of(field), code, text);
}

static bool is_key(struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '_' && c != '-' && c != '.')))
            return false;
    }
    return key.n > 0 && key.n <= KEY_CHARS_MAX;
}

static void judge_parent(const struct directory *directory, const struct changing *changing, struct err *err)
{
    const struct department *before = changing->before, *after = &changing->after;
    size_t faults = err->n_items;
    configure_check_department(directory, after->parent_id, "parent", err);
    if (err->n_items > faults || !after->parent_id)
        return;
    if (before && directory_is_below(directory, after->parent_id, before->id))
        fault(err, "parent", FAULT_CIRCLE, 0);
    else if (depth_of(directory, after->parent_id) + (before ? height_of(directory, before->id) : 1) >
             DEPARTMENT_DEPTH_MAX)
        fault(err, "parent", FAULT_TOO_DEEP, DEPARTMENT_DEPTH_MAX);
}

/* Two of one name beside each other would not be told apart. */
static void judge_title(const struct directory *directory, const struct changing *changing, struct err *err)
{
    const struct department *after = &changing->after;
    for (size_t i = 0; i < directory->n_departments; i++) {
        const struct department *other = &directory->departments[i];
        if (other->parent_id == after->parent_id && !other->retired && str_eq(other->name, after->name) &&
            !(changing->before && other->id == changing->before->id)) {
            fault(err, "title", FAULT_NOT_UNIQUE, 0);
            return;
        }
    }
}

static void judge_retired(const struct directory *directory, const struct changing *changing, struct err *err)
{
    const struct department *before = changing->before;
    int64_t people = before ? department_people(directory, before->id) : 0,
            below = before ? count_below(directory, before->id) : 0;
    if (changing->after.retired && people)
        fault(err, "retired", FAULT_HAS_PEOPLE, people);
    if (changing->after.retired && below)
        fault(err, "retired", FAULT_HAS_BELOW, below);
    if (!changing->after.retired)
        configure_check_department(directory, changing->after.parent_id, "retired", err);
}

static int judge_key(const struct directory *directory, struct str key, struct err *err)
{
    if (!is_key(key))
        fault(err, "key", FAULT_BAD_VALUE, 0);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    for (size_t i = 0; i < directory->n_departments; i++)
        if (str_eq(directory->departments[i].key, key)) {
            (void)err_set(err, ERR_CONFLICT, "a department of this key is there");
            fault(err, "key", FAULT_NOT_UNIQUE, 0);
            return -ERR_CONFLICT;
        }
    return 0;
}

static int judge(struct changing *changing, const struct department_change *change, struct err *err)
{
    const struct directory *directory = changing->configuring.caller->world->directory;
    const struct department *before = changing->before;
    struct department *after = &changing->after;
    if (!policy_has(changing->configuring.caller->policy, RIGHT_USERS_MANAGE))
        return err_set(err, ERR_FORBIDDEN, "departments are the system administrator's");
    *after = before ? *before : (struct department){.key = change->key};
    if (change->has_title)
        after->name = configure_name(change->title, "title", err);
    if (change->has_parent)
        after->parent_id = change->parent;
    if (change->has_retired)
        after->retired = change->retired;
    bool moved = !before || before->parent_id != after->parent_id;
    changing->placed = moved || change->has_place;
    changing->place = change->has_place ? change->place : INT64_MAX;
    if (change->has_place && change->place < 0)
        fault(err, "place", FAULT_TOO_SMALL, 0);
    if (moved)
        judge_parent(directory, changing, err);
    if ((moved || change->has_title || change->has_retired) && !after->retired && err->n_items == 0)
        judge_title(directory, changing, err);
    if (before && before->retired != after->retired)
        judge_retired(directory, changing, err);
    if (!before && directory->n_departments >= DEPARTMENTS_MAX)
        fault(err, "", FAULT_TOO_MANY, DEPARTMENTS_MAX);
    return before ? (err->code == ERR_NONE ? 0 : -(int)err->code) : judge_key(directory, change->key, err);
}

/* ---- writing --------------------------------------------------------------------------------------------
 */

static void write_one(
    struct tx *tx, struct changing *changing, const struct department *before, const struct department *after)
{
    struct audit_change changes[5];
    size_t n = 0;
    if (!before || !str_eq(before->name, after->name))
        changes[n++] = (struct audit_change){
            STR("name"), before ? json_of_text(before->name) : STR_NULL, json_of_text(after->name)};
    if (!before || before->parent_id != after->parent_id)
        changes[n++] = (struct audit_change){
            STR("parent"), before ? json_of_id(before->parent_id) : STR_NULL, json_of_id(after->parent_id)};
    if (!before)
        changes[n++] = (struct audit_change){STR("key"), STR_NULL, json_of_text(after->key)};
    if (before && before->position != after->position)
        changes[n++] = (struct audit_change){STR("position"),
            arena_printf(task_arena(), "%lld", (long long)before->position),
            arena_printf(task_arena(), "%lld", (long long)after->position)};
    if (before && before->retired != after->retired)
        changes[n++] = (struct audit_change){
            STR("retired"), json_of_bool(before->retired), json_of_bool(after->retired)};
    if (n == 0)
        return;
    configure_note(tx, &changing->configuring, "_department", after->id, changes, n);
    if (!before)
        access_add_department(tx, after);
    else
        access_set_department(tx, after);
    if (before && before->retired != after->retired)
        access_set_retired(tx, after->id, after->retired, clock_utc_us());
}

/* Numbers those of its parent anew, itself at its place. */
static void write_placed(struct tx *tx, struct changing *changing)
{
    const struct directory *directory = changing->configuring.caller->world->directory;
    struct department *after = &changing->after;
    int64_t n = 0, beside = 0;
    for (size_t i = 0; i < directory->n_departments; i++)
        beside += directory->departments[i].parent_id == after->parent_id &&
                  directory->departments[i].id != after->id;
    after->position = changing->place < beside ? changing->place : beside;
    for (size_t i = 0; i < directory->n_departments; i++) { /* in order */
        const struct department *other = &directory->departments[i];
        struct department moved = *other;
        if (other->parent_id != after->parent_id || other->id == after->id)
            continue;
        moved.position = n < after->position ? n : n + 1;
        n++;
        write_one(tx, changing, other, &moved);
    }
}

static task_fn int write_department(struct tx *tx, void *arg, struct err *err)
{
    struct changing *changing = arg;
    changing->configuring.noted = false;
    int rc = configure_lock(tx, changing->configuring.caller, err);
    if (rc < 0)
        return rc;
    if (changing->placed)
        write_placed(tx, changing);
    write_one(tx, changing, changing->before, &changing->after);
    if (changing->configuring.noted)
        epoch_raise(tx);
    return 0;
}

static task_fn int change_once(struct caller *caller, int64_t *id, struct str version,
    const struct department_change *change, struct str *ret_pos, struct err *err)
{
    struct changing changing = {.configuring = {.caller = caller}};
    if (*id) {
        changing.before = directory_department(caller->world->directory, *id);
        if (!changing.before)
            return err_set(err, ERR_NOT_FOUND, "no such department");
    }
    int rc = judge(&changing, change, err);
    if (rc < 0)
        return rc;
    if (changing.before && !str_eq(version, STR("*")) &&
        !str_eq(version, department_version(caller, changing.before)))
        return err_set(err, ERR_STALE, "the department has changed meanwhile");
    if (!changing.before)
        changing.after.id = id_new();
    int64_t made = changing.after.id;
    rc = configure_run(&changing.configuring, write_department, ret_pos, err);
    if (rc == 0)
        *id = made;
    return rc;
}

static task_fn int change_department(struct caller *caller, int64_t *id, struct str version,
    const struct department_change *change, struct str *ret_pos, struct err *err)
{
    for (int i = 0;; i++) {
        int rc = change_once(caller, id, version, change, ret_pos, err);
        if (rc != -ERR_EPOCH_MOVED || i == TRIES)
            return rc;
        err_clear(err);
        rc = caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
}

task_fn int department_create(struct caller *caller, const struct department_change *change, int64_t *ret_id,
    struct str *ret_pos, struct err *err)
{
    int64_t id = 0;
    int rc = change_department(caller, &id, STR_NULL, change, ret_pos, err);
    if (rc == 0)
        *ret_id = id;
    return rc;
}

task_fn int department_change(struct caller *caller, int64_t id, struct str version,
    const struct department_change *change, struct str *ret_pos, struct err *err)
{
    return change_department(caller, &id, version, change, ret_pos, err);
}
