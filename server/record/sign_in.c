/*
 * Signing in and out. Unknown, disabled, locked and wrong are one answer after the same work; each attempt is
 * an event. The session, its event and the guard's count are one transaction.
 */
#include "base/clock.h"
#include "base/id.h"
#include "record/plan_int.h"
#include "text/text.h"

enum { LOGIN_BYTES_MAX = 64, AGENT_BYTES_MAX = 255 };

struct signing {
    struct house *house;
    struct str login, login_key, address, agent, request;
    struct str stored; /* a password to store anew at today's cost, or empty */
    struct password_checked checked;
    int64_t user_id; /* 0: refused */
    int64_t event_id, at_us;
    struct session session;
    struct str cookie;
};

/* At most n bytes of valid UTF-8. */
static struct str cut_text(struct str text, size_t n)
{
    if (text.n > n) {
        while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
            n--;
        text.n = n;
    }
    return text;
}

static struct audit_event signing_event(const struct signing *signing, enum audit_action action)
{
    return (struct audit_event){.id = signing->event_id,
        .at_us = signing->at_us,
        .actor_id = signing->user_id,
        .login = signing->login,
        .action = action,
        .form = STR("_session"),
        .address = signing->address,
        .request = signing->request};
}

static task_fn int write_refusal(struct tx *tx, void *arg, struct err *err)
{
    struct signing *signing = arg;
    (void)err;
    struct audit_event event = signing_event(signing, AUDIT_REFUSE);
    event.detail = STR("{\"what\":\"login\"}");
    (void)audit_add(tx, &event);
    login_guard_failed(signing->house->sessions, tx, signing->login_key, signing->address);
    return 0;
}

static task_fn int write_session(struct tx *tx, void *arg, struct err *err)
{
    struct signing *signing = arg;
    int rc = password_hold(tx, &signing->checked, err);
    if (rc == 0)
        rc = session_start(signing->house->sessions, tx, signing->user_id, signing->address, signing->agent,
            &signing->session, &signing->cookie, err);
    if (rc < 0)
        return rc;
    struct audit_event event = signing_event(signing, AUDIT_LOGIN);
    event.session = signing->session.id;
    (void)audit_add(tx, &event);
    if (signing->stored.n) {
        access_set_password(tx, signing->user_id, signing->stored);
        const struct audit_change change = {.field = STR("password")};
        struct audit_event rehash = signing_event(signing, AUDIT_CONFIGURE);
        rehash.id = 0;
        rehash.form = STR("_user");
        rehash.record = signing->user_id;
        rehash.changes = &change;
        rehash.n_changes = 1;
        rehash.detail = STR("{\"what\":\"rehash\"}");
        (void)audit_add(tx, &rehash);
    }
    login_guard_passed(signing->house->sessions, tx, signing->login_key, signing->address);
    return 0;
}

static task_fn int check_password(struct signing *signing, struct str password, struct err *err)
{
    struct sessions *sessions = signing->house->sessions;
    bool allowed = false;
    task_stage("guard");
    int rc = login_guard_check(sessions, signing->login_key, signing->address, &allowed, err);
    if (rc < 0)
        return rc;
    task_stage("password");
    rc = password_check(sessions, signing->login_key, password, &signing->checked, err);
    signing->user_id = allowed ? signing->checked.user_id : 0;
    if (rc == 0 && signing->user_id && signing->checked.weak)
        rc = password_hash(sessions, password, &signing->stored, err);
    if (rc < 0) /* not looked at: it does not count as an attempt */
        login_guard_abandoned(sessions, signing->login_key, signing->address);
    return rc;
}

task_fn int sign_in(struct house *house, struct str login, struct str password, struct str address,
    struct str agent, struct str request, struct session *ret_session, struct str *ret_cookie,
    struct err *err)
{
    struct signing signing = {.house = house,
        .login = cut_text(login, LOGIN_BYTES_MAX),
        .login_key = text_login_key(task_arena(), login),
        .address = address,
        .agent = cut_text(str_is_utf8(agent) ? agent : STR(""), AGENT_BYTES_MAX),
        .request = request};
    int rc = check_password(&signing, password, err);
    if (rc < 0)
        return rc;
    signing.event_id = id_new();
    signing.at_us = clock_utc_us();
    struct tx_opts opts = {.proof_sql = AUDIT_PROOF_SQL, .request_id = signing.event_id};
    task_stage("session");
    rc = tx_run(house->app, &opts, signing.user_id ? write_session : write_refusal, &signing, NULL, err);
    if (rc < 0)
        login_guard_abandoned(house->sessions, signing.login_key, signing.address);
    if (rc < 0)
        return rc;
    if (!signing.user_id)
        return err_set(err, ERR_LOGIN_FAILED, "refused");
    session_started(house->sessions, &signing.session, signing.cookie);
    *ret_session = signing.session;
    *ret_cookie = signing.cookie;
    return 0;
}

static task_fn int write_sign_out(struct tx *tx, void *arg, struct err *err)
{
    struct caller *caller = arg;
    (void)err;
    struct audit_event event = caller_event(caller, AUDIT_LOGOUT, STR("_session"), 0);
    (void)audit_add(tx, &event);
    session_end(tx, caller->session, "logout");
    return 0;
}

task_fn int sign_out(struct caller *caller, struct err *err)
{
    task_stage("session");
    int rc = tx_run(caller->house->app, NULL, write_sign_out, caller, NULL, err);
    if (rc == 0)
        session_ended(caller->house->sessions, caller->session);
    return rc;
}
