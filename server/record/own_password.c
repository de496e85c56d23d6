/*
 * Choosing one's own password. The one that there is is asked for, under the guard of the log-in, so that a
 * session left open is not enough to take an account over. All sessions of the person end with the change,
 * the one that asked too; the answer begins a new one.
 */
#include "base/clock.h"
#include "base/id.h"
#include "record/plan_int.h"
#include "text/text.h"

#include <ctype.h>

enum { PASSWORD_CHARS_MAX = 128 };

struct changing {
    struct caller *caller;
    struct str login_key, agent, stored;
    int64_t event_id;
    struct password_checked checked;
    bool right; /* the password that there is was told */
    struct session session;
    struct str cookie;
};

/* Letters and digits, not too short, and not the log-in name with something behind it. */
static void check_wanted(const struct caller *caller, struct str login_key, struct str password,
    struct str wanted, struct err *err)
{
    struct arena *arena = task_arena();
    int64_t least = caller->house->conf->login_password_chars;
    bool letter = false, digit = false;
    for (size_t i = 0; i < wanted.n; i++) {
        unsigned char c = (unsigned char)wanted.p[i];
        letter = letter || isalpha(c) || c >= 0x80;
        digit = digit || isdigit(c);
    }
    if (!str_is_utf8(wanted) || !text_is_printable(wanted, false))
        (void)err_add(err, arena, STR("new"), FAULT_NOT_TEXT, STR_NULL);
    else if (str_utf8_length(wanted) < (size_t)least)
        (void)err_add(err, arena, STR("new"), FAULT_TOO_SHORT, arena_printf(arena, "%lld", (long long)least));
    else if (str_utf8_length(wanted) > PASSWORD_CHARS_MAX)
        (void)err_add(err, arena, STR("new"), FAULT_TOO_LONG, arena_printf(arena, "%d", PASSWORD_CHARS_MAX));
    else if (str_eq(wanted, password))
        (void)err_add(err, arena, STR("new"), FAULT_SAME_PASSWORD, STR_NULL);
    else if (!letter || !digit || str_find(text_login_key(arena, wanted), login_key) != SIZE_MAX)
        (void)err_add(err, arena, STR("new"), FAULT_BAD_PASSWORD, STR_NULL);
}

static task_fn int check_present(struct changing *changing, struct str password, struct err *err)
{
    struct caller *caller = changing->caller;
    struct sessions *sessions = caller->house->sessions;
    bool allowed = false;
    task_stage("guard");
    int rc = login_guard_check(sessions, changing->login_key, caller->address, &allowed, err);
    if (rc < 0)
        return rc;
    task_stage("password");
    rc = password_check(sessions, changing->login_key, password, &changing->checked, err);
    if (rc < 0) /* not looked at: it does not count as an attempt */
        login_guard_abandoned(sessions, changing->login_key, caller->address);
    changing->right = allowed && changing->checked.user_id == caller->user_id;
    return rc;
}

static task_fn int write_refusal(struct tx *tx, void *arg, struct err *err)
{
    struct changing *changing = arg;
    (void)err;
    struct audit_event event = caller_event(changing->caller, AUDIT_REFUSE, STR("_session"), 0);
    event.id = changing->event_id;
    event.detail = STR("{\"what\":\"password\"}");
    (void)audit_add(tx, &event);
    login_guard_failed(changing->caller->house->sessions, tx, changing->login_key, changing->caller->address);
    return 0;
}

static task_fn int write_change(struct tx *tx, void *arg, struct err *err)
{
    struct changing *changing = arg;
    struct caller *caller = changing->caller;
    struct sessions *sessions = caller->house->sessions;
    const struct audit_change change = {.field = STR("password")};
    int rc = password_hold(tx, &changing->checked, err);
    if (rc < 0)
        return rc;
    struct audit_event event = caller_event(caller, AUDIT_CONFIGURE, STR("_user"), caller->user_id);
    event.id = changing->event_id;
    event.changes = &change;
    event.n_changes = 1;
    event.detail = STR("{\"what\":\"own\"}");
    (void)audit_add(tx, &event);
    access_give_password(tx, caller->user_id, changing->stored, 0);
    session_end_all(tx, caller->user_id, "password");
    rc = session_start(sessions, tx, caller->user_id, caller->address, changing->agent, &changing->session,
        &changing->cookie, err);
    if (rc < 0)
        return rc;
    changing->session.must_change = false; /* read before the change was */
    struct audit_event login = caller_event(caller, AUDIT_LOGIN, STR("_session"), 0);
    login.session = changing->session.id;
    (void)audit_add(tx, &login);
    login_guard_passed(sessions, tx, changing->login_key, caller->address);
    return 0;
}

static task_fn int run(struct changing *changing, tx_body_fn *fn, struct err *err)
{
    changing->event_id = id_new();
    struct tx_opts opts = {.proof_sql = AUDIT_PROOF_SQL, .request_id = changing->event_id};
    task_stage("write");
    int rc = tx_run(changing->caller->house->app, &opts, fn, changing, NULL, err);
    if (rc < 0)
        login_guard_abandoned(
            changing->caller->house->sessions, changing->login_key, changing->caller->address);
    return rc;
}

task_fn int password_change(struct caller *caller, struct str password, struct str wanted, struct str agent,
    struct session *ret_session, struct str *ret_cookie, struct err *err)
{
    struct sessions *sessions = caller->house->sessions;
    struct changing changing = {
        .caller = caller, .login_key = text_login_key(task_arena(), caller->login), .agent = agent};
    check_wanted(caller, changing.login_key, password, wanted, err);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    int rc = password_hash(sessions, wanted, &changing.stored, err);
    if (rc == 0)
        rc = check_present(&changing, password, err);
    if (rc == 0)
        rc = run(&changing, changing.right ? write_change : write_refusal, err);
    if (rc < 0)
        return rc;
    if (!changing.right)
        return err_add(err, task_arena(), STR("password"), FAULT_WRONG_PASSWORD, STR_NULL);
    session_ended(sessions, caller->session);
    session_started(sessions, &changing.session, changing.cookie);
    *ret_session = changing.session;
    *ret_cookie = changing.cookie;
    return 0;
}
