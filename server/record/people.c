/*
 * Accounts and roles. The system administrator says who there is, the security administrator what they may
 * do; nobody changes an account of his own, the three duties stay in three hands, apart from customers' data,
 * and none of them is ever left to nobody.
 */
#include "access/words.h"
#include "base/clock.h"
#include "base/id.h"
#include "record/admin_int.h"

enum { TRIES = 5, ROLE_KEY_MAX = 40, ROLES_OF_PERSON_MAX = 16 };

/* ---- what a change would make of people -----------------------------------------------------------------
 */

/* The directory with one person or one role changed. */
struct proposal {
    const struct directory *directory;
    const struct user *user; /* as he will be, or NULL */
    int64_t role;            /* 0: none */
    uint32_t rights;         /* that it will have */
};

static const struct user *person_in(const struct proposal *proposal, size_t i)
{
    const struct user *user = &proposal->directory->users[i];
    return proposal->user && proposal->user->id == user->id ? proposal->user : user;
}

static uint32_t rights_in(const struct proposal *proposal, const struct user *user)
{
    uint32_t rights = 0;
    for (size_t i = 0; i < user->n_roles; i++)
        rights |= user->roles[i] == proposal->role
                      ? proposal->rights
                      : directory_role(proposal->directory, user->roles[i])->rights;
    return rights;
}

static bool has_grant(const struct directory *directory, const struct user *user)
{
    for (size_t g = 0; g < directory->n_grants; g++)
        for (size_t r = 0; r < user->n_roles; r++)
            if (directory->grants[g].role_id == user->roles[r])
                return true;
    return false;
}

static bool is_separated(const struct proposal *proposal)
{
    for (size_t i = 0; i < proposal->directory->n_users; i++) {
        const struct user *user = person_in(proposal, i);
        uint32_t duties = access_duties(rights_in(proposal, user));
        if ((duties & (duties - 1)) || (duties && has_grant(proposal->directory, user)))
            return false;
    }
    return true;
}

/* Whether each right that somebody who can log in has now is left to somebody, as far as a duty hangs on it.
 */
static bool leaves_nobody_out(const struct proposal *proposal)
{
    const uint32_t watched = UINT32_C(1) << RIGHT_USERS_MANAGE | UINT32_C(1) << RIGHT_RIGHTS_MANAGE |
                             UINT32_C(1) << RIGHT_AUDIT_READ;
    const struct proposal as_is = {.directory = proposal->directory};
    uint32_t now = 0, then = 0;
    for (size_t i = 0; i < proposal->directory->n_users; i++) {
        const struct user *was = &proposal->directory->users[i], *is = person_in(proposal, i);
        now |= was->disabled ? 0 : rights_in(&as_is, was);
        then |= is->disabled ? 0 : rights_in(proposal, is);
    }
    return (now & watched & ~then) == 0;
}

static int check_proposal(const struct proposal *proposal, const char *field, struct err *err)
{
    if (!is_separated(proposal))
        (void)err_add(err, task_arena(), str_of(field), FAULT_SEPARATED, STR_NULL);
    else if (!leaves_nobody_out(proposal))
        (void)err_add(err, task_arena(), str_of(field), FAULT_LAST_ONE, STR_NULL);
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

/* ---- one person ---------------------------------------------------------------------------------------- */

struct changing_person {
    struct configuring configuring; /* first: configure_run */
    const struct user *before;
    struct user after;
};

static bool person_has(const struct user *user, int64_t role)
{
    for (size_t i = 0; i < user->n_roles; i++)
        if (user->roles[i] == role)
            return true;
    return false;
}

static void read_roles(const struct directory *directory, const struct person_change *change,
    struct user *after, struct err *err)
{
    struct arena *arena = task_arena();
    if (change->n_roles > ROLES_OF_PERSON_MAX)
        (void)err_add(
            err, arena, STR("roles"), FAULT_TOO_MANY, arena_printf(arena, "%d", ROLES_OF_PERSON_MAX));
    after->roles = arena_new_array(arena, int64_t, change->n_roles + 1);
    after->n_roles = 0;
    for (size_t i = 0; i < change->n_roles && i < ROLES_OF_PERSON_MAX; i++) {
        struct str at = arena_printf(arena, "roles[%zu]", i);
        if (!directory_role(directory, change->roles[i]))
            (void)err_add(err, arena, at, FAULT_UNKNOWN, STR_NULL);
        else if (person_has(after, change->roles[i]))
            (void)err_add(err, arena, at, FAULT_DUPLICATE, STR_NULL);
        else
            after->roles[after->n_roles++] = change->roles[i];
    }
}

/* No form may end with more grants for him than a policy holds. */
static bool has_room(const struct directory *directory, const struct user *user)
{
    for (size_t g = 0; g < directory->n_grants; g++) {
        size_t n = 0;
        for (size_t o = 0; o < directory->n_grants; o++)
            n += str_eq(directory->grants[o].form, directory->grants[g].form) &&
                 person_has(user, directory->grants[o].role_id);
        if (n > POLICY_GRANTS_MAX)
            return false;
    }
    return true;
}

static int judge_person(struct changing_person *changing, const struct person_change *change, struct err *err)
{
    const struct caller *caller = changing->configuring.caller;
    const struct directory *directory = caller->world->directory;
    struct user *after = &changing->after;
    const char *field = change->has_roles ? "roles" : "disabled";
    if (change->has_roles ? !policy_has(caller->policy, RIGHT_RIGHTS_MANAGE) : false)
        return err_set(err, ERR_FORBIDDEN, "roles are the security administrator's to give");
    if ((change->has_name || change->has_department || change->has_disabled) &&
        !policy_has(caller->policy, RIGHT_USERS_MANAGE))
        return err_set(err, ERR_FORBIDDEN, "accounts are the system administrator's");
    if (changing->before->id == caller->user_id)
        return err_add(err, task_arena(), STR(""), FAULT_OWN_ACCOUNT, STR_NULL);
    *after = *changing->before;
    if (change->has_name)
        after->name = configure_name(change->name, "name", err);
    if (change->has_department)
        after->department_id = change->department;
    if (change->has_disabled)
        after->disabled = change->disabled;
    if (change->has_department || (change->has_disabled && !after->disabled))
        configure_check_department(directory, after->department_id, "department", err);
    if (change->has_roles)
        read_roles(directory, change, after, err);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    if (!has_room(directory, after))
        return err_add(err, task_arena(), STR("roles"), FAULT_TOO_MANY,
            arena_printf(task_arena(), "%d", POLICY_GRANTS_MAX));
    const struct proposal proposal = {.directory = directory, .user = after};
    return check_proposal(&proposal, field, err);
}

static void write_account(struct tx *tx, struct changing_person *changing)
{
    const struct user *before = changing->before, *after = &changing->after;
    struct audit_change changes[3];
    size_t n = 0;
    if (!str_eq(before->name, after->name))
        changes[n++] =
            (struct audit_change){STR("name"), json_of_text(before->name), json_of_text(after->name)};
    if (before->department_id != after->department_id)
        changes[n++] = (struct audit_change){
            STR("department"), json_of_id(before->department_id), json_of_id(after->department_id)};
    if (before->disabled != after->disabled)
        changes[n++] = (struct audit_change){
            STR("disabled"), json_of_bool(before->disabled), json_of_bool(after->disabled)};
    if (n == 0)
        return;
    configure_note(tx, &changing->configuring, "_user", after->id, changes, n);
    access_set_person(tx, after);
    if (before->disabled == after->disabled)
        return;
    access_set_disabled(tx, after->id, after->disabled, clock_utc_us());
    if (after->disabled)
        session_end_all(tx, after->id, "disabled");
}

static const char SQL_ROLES[] = "SELECT id,role_id FROM user_role WHERE user_id=? ORDER BY id";

static task_fn int write_roles(struct tx *tx, struct changing_person *changing, struct err *err)
{
    const struct user *before = changing->before, *after = &changing->after;
    struct db_rows rows;
    struct str user = json_of_id(after->id);
    int rc = tx_query(tx, SQL_ROLES, DB_PARAMS(DB_I(after->id)), &rows, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < rows.n_rows; i++) {
        int64_t id = db_cell(&rows, i, 0)->i, role = db_cell(&rows, i, 1)->i;
        const struct audit_change gone[] = {
            {STR("user"), user, STR_NULL}, {STR("role"), json_of_id(role), STR_NULL}};
        if (person_has(after, role))
            continue;
        configure_note(tx, &changing->configuring, "_user_role", id, gone, 2);
        access_drop_user_role(tx, id);
    }
    for (size_t i = 0; i < after->n_roles; i++) {
        int64_t id = id_new();
        const struct audit_change come[] = {
            {STR("user"), STR_NULL, user}, {STR("role"), STR_NULL, json_of_id(after->roles[i])}};
        if (person_has(before, after->roles[i]))
            continue;
        configure_note(tx, &changing->configuring, "_user_role", id, come, 2);
        access_add_user_role(tx, id, after->id, after->roles[i]);
    }
    return 0;
}

static task_fn int write_person(struct tx *tx, void *arg, struct err *err)
{
    struct changing_person *changing = arg;
    changing->configuring.noted = false;
    int rc = configure_lock(tx, changing->configuring.caller, err);
    if (rc < 0)
        return rc;
    write_account(tx, changing);
    rc = write_roles(tx, changing, err);
    if (rc == 0 && changing->configuring.noted)
        epoch_raise(tx);
    return rc;
}

static task_fn int change_person_once(struct caller *caller, int64_t user_id, struct str version,
    const struct person_change *change, struct str *ret_pos, struct err *err)
{
    struct changing_person changing = {
        .configuring = {.caller = caller}, .before = directory_user(caller->world->directory, user_id)};
    if (!changing.before)
        return err_set(err, ERR_NOT_FOUND, "no such person");
    int rc = judge_person(&changing, change, err);
    if (rc < 0)
        return rc;
    if (!str_eq(version, STR("*")) && !str_eq(version, person_version(caller, changing.before)))
        return err_set(err, ERR_STALE, "the account has changed meanwhile");
    return configure_run(&changing.configuring, write_person, ret_pos, err);
}

task_fn int person_change(struct caller *caller, int64_t user_id, struct str version,
    const struct person_change *change, struct str *ret_pos, struct err *err)
{
    for (int i = 0;; i++) {
        int rc = change_person_once(caller, user_id, version, change, ret_pos, err);
        if (rc != -ERR_EPOCH_MOVED || i == TRIES)
            return rc;
        err_clear(err);
        rc = caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
}

/* ---- one role ------------------------------------------------------------------------------------------ */

struct changing_role {
    struct configuring configuring; /* first: configure_run */
    const struct role *before;      /* NULL: it is new */
    struct role after;
};

static bool is_role_key(struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        bool letter = c >= 'a' && c <= 'z', later = (c >= '0' && c <= '9') || c == '_';
        if (!letter && (i == 0 || !later))
            return false;
    }
    return key.n > 0 && key.n <= ROLE_KEY_MAX;
}

static int judge_role(struct changing_role *changing, const struct role_change *change, struct err *err)
{
    const struct caller *caller = changing->configuring.caller;
    const struct directory *directory = caller->world->directory;
    struct role *after = &changing->after;
    if (changing->before)
        *after = *changing->before;
    if (change->has_key) {
        after->key = change->key;
        if (!is_role_key(change->key))
            (void)err_add(err, task_arena(), STR("key"), FAULT_BAD_VALUE, STR_NULL);
    }
    if (change->has_name) {
        after->name_zh = configure_name(change->name_zh, "name.zh", err);
        after->name_en = configure_name(change->name_en, "name.en", err);
    }
    if (change->has_rights)
        after->rights = change->rights;
    if (err->code != ERR_NONE)
        return -(int)err->code;
    const struct role *same = change->has_key ? directory_role_by_key(directory, change->key) : NULL;
    if (same) {
        (void)err_set(err, ERR_CONFLICT, "a role of this key is there");
        (void)err_add(err, task_arena(), STR("key"), FAULT_NOT_UNIQUE, STR_NULL);
        return -ERR_CONFLICT;
    }
    uint32_t duties = access_duties(after->rights);
    if (duties & (duties - 1))
        return err_add(err, task_arena(), STR("rights"), FAULT_SEPARATED, STR_NULL);
    for (size_t g = 0; duties && g < directory->n_grants; g++)
        if (directory->grants[g].role_id == after->id)
            return err_add(err, task_arena(), STR("rights"), FAULT_SEPARATED, STR_NULL);
    const struct proposal proposal = {.directory = directory, .role = after->id, .rights = after->rights};
    return changing->before ? check_proposal(&proposal, "rights", err) : 0;
}

static task_fn int write_role(struct tx *tx, void *arg, struct err *err)
{
    struct changing_role *changing = arg;
    const struct role *before = changing->before, *after = &changing->after;
    struct arena *arena = task_arena();
    changing->configuring.noted = false;
    int rc = configure_lock(tx, changing->configuring.caller, err);
    if (rc < 0)
        return rc;
    struct str was[4] = {0},
               is[4] = {json_of_text(after->key), json_of_text(after->name_zh), json_of_text(after->name_en),
                   json_of_words(access_rights_print(after->rights, arena))};
    static const char *const NAMES[] = {"key", "name_zh", "name_en", "rights"};
    struct audit_change changes[4];
    size_t n = 0;
    if (before) {
        was[0] = json_of_text(before->key);
        was[1] = json_of_text(before->name_zh);
        was[2] = json_of_text(before->name_en);
        was[3] = json_of_words(access_rights_print(before->rights, arena));
    }
    for (size_t i = 0; i < 4; i++)
        if (!str_eq(was[i], is[i]))
            changes[n++] = (struct audit_change){str_of(NAMES[i]), was[i], is[i]};
    if (n == 0)
        return 0;
    configure_note(tx, &changing->configuring, "_role", after->id, changes, n);
    if (before)
        access_set_role(tx, after);
    else
        access_add_role(tx, after);
    epoch_raise(tx);
    return 0;
}

static task_fn int change_role_once(struct caller *caller, int64_t *role_id, struct str version,
    const struct role_change *change, struct str *ret_pos, struct err *err)
{
    struct changing_role changing = {.configuring = {.caller = caller}};
    if (*role_id) {
        changing.before = directory_role(caller->world->directory, *role_id);
        if (!changing.before)
            return err_set(err, ERR_NOT_FOUND, "no such role");
    }
    int rc = judge_role(&changing, change, err);
    if (rc < 0)
        return rc;
    if (changing.before && !str_eq(version, STR("*")) &&
        !str_eq(version, role_version(caller, changing.before)))
        return err_set(err, ERR_STALE, "the role has changed meanwhile");
    if (!changing.before)
        changing.after.id = id_new();
    int64_t id = changing.after.id;
    rc = configure_run(&changing.configuring, write_role, ret_pos, err);
    if (rc == 0)
        *role_id = id;
    return rc;
}

static task_fn int change_role(struct caller *caller, int64_t *role_id, struct str version,
    const struct role_change *change, struct str *ret_pos, struct err *err)
{
    for (int i = 0;; i++) {
        int rc = change_role_once(caller, role_id, version, change, ret_pos, err);
        if (rc != -ERR_EPOCH_MOVED || i == TRIES)
            return rc;
        err_clear(err);
        rc = caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
}

task_fn int role_create(struct caller *caller, const struct role_change *change, int64_t *ret_id,
    struct str *ret_pos, struct err *err)
{
    int64_t id = 0;
    int rc = change_role(caller, &id, STR_NULL, change, ret_pos, err);
    if (rc == 0)
        *ret_id = id;
    return rc;
}

task_fn int role_change(struct caller *caller, int64_t role_id, struct str version,
    const struct role_change *change, struct str *ret_pos, struct err *err)
{
    return change_role(caller, &role_id, version, change, ret_pos, err);
}
