/* Logging in and out, and who is logged in. */
#include "api/api_int.h"

enum { PASSWORD_BYTES_MAX = 1024, LOGIN_CHARS_MAX = 128 };

struct login_body {
    struct str login, password;
};
static const struct json_field LOGIN_MEMBERS[] = {
    {"login", JSON_READ_STR, offsetof(struct login_body, login), JSON_REQUIRED, 0, LOGIN_CHARS_MAX},
    {"password", JSON_READ_STR, offsetof(struct login_body, password), JSON_REQUIRED, 0, PASSWORD_BYTES_MAX},
};

struct password_body {
    struct str password, wanted;
};
static const struct json_field PASSWORD_MEMBERS[] = {
    {"password", JSON_READ_STR, offsetof(struct password_body, password), JSON_REQUIRED, 0,
        PASSWORD_BYTES_MAX},
    {"new", JSON_READ_STR, offsetof(struct password_body, wanted), JSON_REQUIRED, 0, PASSWORD_BYTES_MAX},
};

static void print_user(const struct call *call, struct json_out *out)
{
    const struct user *user = call->caller.policy->user;
    const struct directory *directory = call->caller.world->directory;
    const struct department *department = directory_department(directory, user->department_id);
    json_out_key(out, STR("user"));
    json_out_object(out);
    json_out_member_id(out, "id", user->id);
    json_out_member_str(out, "login", user->login);
    json_out_member_str(out, "name", user->name);
    json_out_key(out, STR("roles"));
    json_out_array(out);
    for (size_t i = 0; i < user->n_roles; i++)
        for (size_t r = 0; r < directory->n_roles; r++)
            if (directory->roles[r].id == user->roles[i])
                json_out_str(out, directory->roles[r].key);
    json_out_array_end(out);
    json_out_key(out, STR("department"));
    if (department) {
        json_out_object(out);
        json_out_member_id(out, "id", department->id);
        json_out_member_str(out, "title", department->name);
        json_out_object_end(out);
    } else {
        json_out_null(out);
    }
    json_out_object_end(out);
}

static int print_session(struct call *call)
{
    struct json_out *out = &call->out;
    json_out_object(out);
    print_user(call, out);
    json_out_member_str(out, "csrf", call->session.csrf);
    json_out_key(out, STR("rights"));
    json_out_array(out);
    for (int right = 0; right < RIGHT_COUNT; right++)
        if (policy_has(call->caller.policy, (enum access_right)right))
            json_out_text(out, access_right_key((enum access_right)right));
    json_out_array_end(out);
    json_out_member_bool(out, "must_change_password", call->session.must_change);
    json_out_member_int(out, "password_chars", call->caller.house->conf->login_password_chars);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

/* Under TLS the name's prefix makes the browser insist on Secure and no Domain; plain HTTP is loopback only.
 */
static struct str cookie_header(const struct call *call, struct str value, bool ends)
{
    return arena_printf(task_arena(), "%s=%.*s; Path=/; HttpOnly; SameSite=Strict%s%s",
        call->request->tls ? "__Host-sid" : "sid", STR_ARGS(value), call->request->tls ? "; Secure" : "",
        ends ? "; Max-Age=0" : "");
}

task_fn int session_create(struct call *call, struct err *err)
{
    struct login_body body = {0};
    struct str cookie;
    struct house *house = call->api->house;
    int rc = call_read_body(call, JSON_FIELDS(LOGIN_MEMBERS), &body, err);
    if (rc < 0)
        return rc;
    rc = sign_in(house, body.login, body.password, call->request->peer, call->request->user_agent,
        str_of(call->request->id), &call->session, &cookie, err);
    if (rc < 0)
        return rc;
    call->caller.session = call->session.id;
    if (caller_init(&call->caller, house, call->session.user_id) < 0)
        return err_set(err, ERR_LOGIN_FAILED, "disabled while logging in");
    call->reply->set_cookie = cookie_header(call, cookie, false);
    return print_session(call);
}

task_fn int session_show(struct call *call, struct err *err)
{
    (void)err;
    return print_session(call);
}

task_fn int session_delete(struct call *call, struct err *err)
{
    int rc = sign_out(&call->caller, err);
    if (rc == 0)
        call->reply->set_cookie = cookie_header(call, STR(""), true);
    return rc;
}

task_fn int session_password(struct call *call, struct err *err)
{
    struct password_body body = {0};
    struct str cookie;
    int rc = call_read_body(call, JSON_FIELDS(PASSWORD_MEMBERS), &body, err);
    if (rc == 0)
        rc = password_change(&call->caller, body.password, body.wanted, call->request->user_agent,
            &call->session, &cookie, err);
    if (rc < 0)
        return rc;
    call->reply->set_cookie = cookie_header(call, cookie, false);
    return print_session(call);
}
