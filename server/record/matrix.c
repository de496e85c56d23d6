/*
 * Saving the matrix of a form. A grant that is the same as before stays; of a role's others, one by one, what
 * was becomes what is to be; the rest comes or goes. Each is named by a configure event with before and
 * after, and open screens follow by the epoch.
 */
#include "access/words.h"
#include "base/id.h"
#include "record/admin_int.h"

enum { TRIES = 5 };

struct saving {
    struct configuring configuring; /* first: configure_run */
    struct matrix matrix;
    const struct grant **before; /* those of the form */
    size_t n_before;
    bool *stays; /* by before: it is untouched */
    bool *done;  /* by the matrix's grants: it stands already */
};

enum { PARTS = 6 };
static void describe(const struct grant *grant, struct str parts[PARTS])
{
    struct arena *arena = task_arena();
    parts[0] = json_of_text(str_of(row_rule_key(grant->row_rule)));
    parts[1] = grant->condition;
    parts[2] = json_of_bool(grant->deny);
    parts[3] = json_of_words(access_actions_print(grant->actions, arena));
    parts[4] = access_fields_print(grant, arena);
    parts[5] = grant->n_masks ? access_masks_print(grant, arena) : STR_NULL;
}

static bool is_same(const struct grant *a, const struct grant *b)
{
    struct str x[PARTS], y[PARTS];
    bool same = a->role_id == b->role_id;
    describe(a, x);
    describe(b, y);
    for (size_t i = 0; same && i < PARTS; i++)
        same = str_eq(x[i], y[i]);
    return same;
}

/* before or after NULL: it comes, it goes. */
static void note_grant(
    struct tx *tx, struct saving *saving, const struct grant *before, const struct grant *after)
{
    static const char *const NAMES[PARTS] = {"rule", "condition", "deny", "actions", "fields", "masks"};
    const struct grant *either = after ? after : before;
    struct str x[PARTS] = {0}, y[PARTS] = {0};
    struct audit_change changes[PARTS + 2];
    size_t n = 0;
    struct str role = json_of_id(either->role_id), form = json_of_text(either->form);
    changes[n++] = (struct audit_change){STR("role"), before ? role : STR_NULL, after ? role : STR_NULL};
    changes[n++] = (struct audit_change){STR("form"), before ? form : STR_NULL, after ? form : STR_NULL};
    if (before)
        describe(before, x);
    if (after)
        describe(after, y);
    for (size_t i = 0; i < PARTS; i++)
        if (!str_eq(x[i], y[i]))
            changes[n++] = (struct audit_change){str_of(NAMES[i]), x[i], y[i]};
    configure_note(tx, &saving->configuring, "_grant", either->id, changes, n);
}

static void collect(struct saving *saving)
{
    const struct directory *directory = saving->configuring.caller->world->directory;
    const struct matrix *matrix = &saving->matrix;
    saving->before = arena_new_array(task_arena(), const struct grant *, directory->n_grants + 1);
    saving->stays = arena_new_array(task_arena(), bool, directory->n_grants + 1);
    saving->done = arena_new_array(task_arena(), bool, matrix->n_grants + 1);
    saving->n_before = 0;
    for (size_t i = 0; i < directory->n_grants; i++)
        if (str_eq(directory->grants[i].form, matrix->form->key))
            saving->before[saving->n_before++] = &directory->grants[i];
    for (size_t b = 0; b < saving->n_before; b++)
        for (size_t m = 0; m < matrix->n_grants && !saving->stays[b]; m++)
            if (!saving->done[m] && is_same(saving->before[b], &matrix->grants[m]))
                saving->stays[b] = saving->done[m] = true;
}

/* The next grant of the role that is not there yet, or NULL. */
static struct grant *next_of_role(struct saving *saving, int64_t role_id)
{
    for (size_t m = 0; m < saving->matrix.n_grants; m++)
        if (!saving->done[m] && saving->matrix.grants[m].role_id == role_id) {
            saving->done[m] = true;
            return &saving->matrix.grants[m];
        }
    return NULL;
}

static task_fn int write_matrix(struct tx *tx, void *arg, struct err *err)
{
    struct saving *saving = arg;
    bool any = false;
    int rc = configure_lock(tx, saving->configuring.caller, err);
    if (rc < 0)
        return rc;
    saving->configuring.noted = false;
    collect(saving);
    for (size_t b = 0; b < saving->n_before; b++) {
        const struct grant *before = saving->before[b];
        if (saving->stays[b])
            continue;
        struct grant *after = next_of_role(saving, before->role_id);
        any = true;
        if (after)
            after->id = before->id;
        note_grant(tx, saving, before, after);
        if (after)
            access_set_grant(tx, after);
        else
            access_drop_grant(tx, before->id);
    }
    for (size_t m = 0; m < saving->matrix.n_grants; m++) {
        struct grant *grant = &saving->matrix.grants[m];
        if (saving->done[m])
            continue;
        any = true;
        grant->id = id_new();
        note_grant(tx, saving, NULL, grant);
        access_add_grant(tx, grant);
    }
    if (any)
        epoch_raise(tx);
    return 0;
}

static task_fn int save_once(struct caller *caller, struct str form_key, struct str version,
    const struct json *roles, struct str *ret_pos, struct err *err)
{
    struct saving saving = {.configuring = {.caller = caller}};
    int rc = matrix_parse(caller, form_key, roles, &saving.matrix, err);
    if (rc < 0)
        return rc;
    if (!str_eq(version, STR("*")) && !str_eq(version, rights_version(caller, form_key)))
        return err_set(err, ERR_STALE, "the rights have changed meanwhile");
    return configure_run(&saving.configuring, write_matrix, ret_pos, err);
}

task_fn int matrix_save(struct caller *caller, struct str form_key, struct str version,
    const struct json *roles, struct str *ret_pos, struct err *err)
{
    for (int i = 0;; i++) {
        int rc = save_once(caller, form_key, version, roles, ret_pos, err);
        if (rc != -ERR_EPOCH_MOVED || i == TRIES)
            return rc;
        err_clear(err);
        rc = caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
}

/* ---- the last change ------------------------------------------------------------------------------------
 */

static bool names_form(const struct caller *caller, const struct audit_row *row, struct str key)
{
    struct json *changes;
    struct err ignored = {0};
    if (!row->changes.n || json_parse(task_arena(), row->changes, NULL, &changes, &ignored) < 0 ||
        changes->kind != JSON_ARRAY)
        return false;
    const struct form *form = log_subject(caller, changes);
    return form && str_eq(form->key, key);
}

/* The last of one officer's: the log is found by who did it, and officers do little else. */
static task_fn int last_change_of(struct caller *caller, const struct user *user, struct str form_key,
    struct rights_changed *ret, struct err *err)
{
    enum { EVENTS = 50 };
    const struct audit_filter filter = {.login = user->login,
        .form = STR("_grant"),
        .has_action = true,
        .action = AUDIT_CONFIGURE,
        .limit = EVENTS};
    struct audit_row *rows;
    size_t n = 0;
    bool more;
    int rc = audit_find(caller->house->app, &filter, &rows, &n, &more, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!names_form(caller, &rows[i], form_key))
            continue;
        if (rows[i].at_us > ret->at_us)
            *ret = (struct rights_changed){.actor_id = user->id, .name = user->name, .at_us = rows[i].at_us};
        break;
    }
    return rc;
}

task_fn int rights_last_change(
    struct caller *caller, struct str form_key, struct rights_changed *ret, struct err *err)
{
    enum { OFFICERS = 20 };
    const struct directory *directory = caller->world->directory;
    int rc = 0;
    *ret = (struct rights_changed){0};
    for (size_t i = 0, n = 0; rc == 0 && i < directory->n_users && n < OFFICERS; i++) {
        const struct user *user = &directory->users[i];
        if (!(directory_rights_of(directory, user) >> RIGHT_RIGHTS_MANAGE & 1))
            continue;
        rc = last_change_of(caller, user, form_key, ret, err);
        n++;
    }
    return rc;
}
