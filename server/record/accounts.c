/*
 * New accounts, and first passwords. A first password is made here, never chosen, told once to the
 * administrator who asked, and good for choosing another one. A new account has no roles: those are the
 * security administrator's to give.
 */
#include "base/clock.h"
#include "base/id.h"
#include "record/admin_int.h"
#include "text/text.h"

enum { TRIES = 5, LOGIN_CHARS_MAX = 64 };

struct making {
    struct configuring configuring; /* first: configure_run */
    struct user user;
    struct str stored;
    int64_t until_us;
};

static task_fn int make_password(struct making *making, struct first_password *first, struct err *err)
{
    struct sessions *sessions = making->configuring.caller->house->sessions;
    first->password = password_random(task_arena());
    first->until_us = making->until_us = password_first_until(sessions);
    task_stage("password");
    return password_hash(sessions, first->password, &making->stored, err);
}

/* ---- a new account ------------------------------------------------------------------------------------- */

static struct str read_login(struct str text, struct err *err)
{
    struct arena *arena = task_arena();
    struct str login = text_normalize(arena, text);
    if (login.n == 0)
        (void)err_add(err, arena, STR("login"), FAULT_REQUIRED, STR_NULL);
    else if (!str_is_utf8(login) || !text_is_printable(login, false) || text_login_key(arena, login).n == 0)
        (void)err_add(err, arena, STR("login"), FAULT_NOT_TEXT, STR_NULL);
    else if (str_utf8_length(login) > LOGIN_CHARS_MAX)
        (void)err_add(err, arena, STR("login"), FAULT_TOO_LONG, arena_printf(arena, "%d", LOGIN_CHARS_MAX));
    return login;
}

static int judge_new(struct making *making, const struct person_new *person, struct err *err)
{
    const struct directory *directory = making->configuring.caller->world->directory;
    struct user *user = &making->user;
    *user = (struct user){.login = read_login(person->login, err),
        .name = configure_name(person->name, "name", err),
        .department_id = person->department};
    configure_check_department(directory, person->department, "department", err);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    user->login_key = text_login_key(task_arena(), user->login);
    if (directory_user_by_login(directory, user->login_key)) {
        (void)err_set(err, ERR_CONFLICT, "an account of this log-in name is there");
        (void)err_add(err, task_arena(), STR("login"), FAULT_NOT_UNIQUE, STR_NULL);
        return -ERR_CONFLICT;
    }
    user->id = id_new();
    return 0;
}

static task_fn int write_new(struct tx *tx, void *arg, struct err *err)
{
    struct making *making = arg;
    const struct user *user = &making->user;
    making->configuring.noted = false;
    int rc = configure_lock(tx, making->configuring.caller, err);
    if (rc < 0)
        return rc;
    const struct audit_change changes[] = {{STR("login"), STR_NULL, json_of_text(user->login)},
        {STR("name"), STR_NULL, json_of_text(user->name)},
        {STR("department"), STR_NULL, json_of_id(user->department_id)}};
    configure_note(tx, &making->configuring, "_user", user->id, changes, 3);
    access_add_user(tx, user, making->stored, making->until_us, clock_utc_us());
    epoch_raise(tx);
    return 0;
}

task_fn int person_create(struct caller *caller, const struct person_new *person, int64_t *ret_id,
    struct first_password *ret_first, struct err *err)
{
    struct making making = {.configuring = {.caller = caller}};
    struct first_password first = {0};
    if (!policy_has(caller->policy, RIGHT_USERS_MANAGE))
        return err_set(err, ERR_FORBIDDEN, "accounts are the system administrator's");
    for (int i = 0;; i++) {
        int rc = judge_new(&making, person, err);
        if (rc == 0 && !making.stored.n)
            rc = make_password(&making, &first, err);
        if (rc == 0)
            rc = configure_run(&making.configuring, write_new, &first.pos, err);
        if (rc == 0)
            break;
        if (rc != -ERR_EPOCH_MOVED || i == TRIES)
            return rc;
        err_clear(err);
        rc = caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
    *ret_id = making.user.id;
    *ret_first = first;
    return 0;
}

/* ---- a new first password -------------------------------------------------------------------------------
 */

static int judge_reset(const struct caller *caller, int64_t user_id, struct user *ret_user, struct err *err)
{
    const struct directory *directory = caller->world->directory;
    const struct user *user = directory_user(directory, user_id);
    if (!policy_has(caller->policy, RIGHT_USERS_MANAGE))
        return err_set(err, ERR_FORBIDDEN, "accounts are the system administrator's");
    if (!user)
        return err_set(err, ERR_NOT_FOUND, "no such person");
    if (user->id == caller->user_id)
        return err_add(err, task_arena(), STR(""), FAULT_OWN_ACCOUNT, STR_NULL);
    if (access_duties(directory_rights_of(directory, user)))
        return err_add(err, task_arena(), STR("password"), FAULT_SEPARATED, STR_NULL);
    *ret_user = *user;
    return 0;
}

static task_fn int write_reset(struct tx *tx, void *arg, struct err *err)
{
    struct making *making = arg;
    const struct audit_change change = {.field = STR("password")};
    making->configuring.noted = false;
    int rc = configure_lock(tx, making->configuring.caller, err);
    if (rc < 0)
        return rc;
    configure_note(tx, &making->configuring, "_user", making->user.id, &change, 1);
    access_give_password(tx, making->user.id, making->stored, making->until_us);
    session_end_all(tx, making->user.id, "password");
    return 0;
}

task_fn int person_reset_password(
    struct caller *caller, int64_t user_id, struct first_password *ret_first, struct err *err)
{
    struct making making = {.configuring = {.caller = caller}};
    struct first_password first = {0};
    for (int i = 0;; i++) {
        int rc = judge_reset(caller, user_id, &making.user, err);
        if (rc == 0 && !making.stored.n)
            rc = make_password(&making, &first, err);
        if (rc == 0)
            rc = configure_run(&making.configuring, write_reset, &first.pos, err);
        if (rc == 0)
            break;
        if (rc != -ERR_EPOCH_MOVED || i == TRIES)
            return rc;
        err_clear(err);
        rc = caller_renew(caller, err);
        if (rc < 0)
            return rc;
    }
    *ret_first = first;
    return 0;
}
