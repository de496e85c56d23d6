/*
 * The one table of routes and the way of a request through it: route, origin, session, page token, right,
 * parameters, handler. Nothing is reachable without saying who may call it.
 */
#include "api/api_int.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/must.h"

#define ACCESS_AUDIT_READ (ACCESS_RIGHTS + RIGHT_AUDIT_READ)
#define ACCESS_RIGHTS_MANAGE (ACCESS_RIGHTS + RIGHT_RIGHTS_MANAGE)
#define ACCESS_USERS_MANAGE (ACCESS_RIGHTS + RIGHT_USERS_MANAGE)

const struct route ROUTES[] = {
#define ROUTE(m, p, h, a, q, req, ans, st, sum)                                                              \
    {.method = NET_##m,                                                                                      \
        .path = p,                                                                                           \
        .handler = h,                                                                                        \
        .access = ACCESS_##a,                                                                                \
        .query = q,                                                                                          \
        .request_schema = req,                                                                               \
        .answer_schema = ans,                                                                                \
        .status = st,                                                                                        \
        .summary = sum,                                                                                      \
        .name = #h},
#include "api/routes.def"
#undef ROUTE
};
const size_t ROUTE_COUNT = sizeof(ROUTES) / sizeof(ROUTES[0]);

enum { SLOW_US = 1000000, PARAMETERS_MAX = 16 };

/* Matches a path against a pattern piece by piece. A {id} that is no id matches and stays 0: that is a 404
 * like any absent record. */
static bool path_matches(const char *pattern, struct str path, struct str *ret_form, int64_t *ret_id)
{
    struct str rest = str_of(pattern);
    struct str form = STR_NULL;
    int64_t id = 0;
    if (str_ends(path, STR("/")))
        return false; /* the path is taken as it is */
    while (rest.n > 0 || path.n > 0) {
        bool ends = rest.n == 0 || path.n == 0;
        if (ends)
            return false;
        struct str wanted = str_cut(&rest, '/'), piece = str_cut(&path, '/');
        if (str_eq(wanted, STR("{form}")))
            form = piece;
        else if (str_eq(wanted, STR("{id}")))
            (void)id_parse(piece, &id);
        else if (!str_eq(wanted, piece))
            return false;
    }
    *ret_form = form;
    *ret_id = id;
    return true;
}

const struct route *route_find(
    const struct net_request *request, struct call *call, bool *ret_path_known, struct str *ret_allow)
{
    *ret_path_known = false;
    *ret_allow = STR("");
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *route = &ROUTES[i];
        if (!path_matches(route->path, request->path, &call->form, &call->id))
            continue;
        if (route->method == request->method || (request->method == NET_HEAD && route->method == NET_GET))
            return route;
        *ret_path_known = true;
        *ret_allow = arena_printf(task_arena(), "%.*s%s%s", STR_ARGS(*ret_allow), ret_allow->n ? ", " : "",
            net_method_name(route->method));
    }
    return NULL;
}

enum err_lang lang_of(const struct net_request *request)
{
    size_t en = str_find(request->accept_language, STR("en")),
           zh = str_find(request->accept_language, STR("zh"));
    return en != SIZE_MAX && en < zh ? ERR_LANG_EN : ERR_LANG_ZH;
}

static bool is_unsafe(const struct net_request *request)
{
    return request->method != NET_GET && request->method != NET_HEAD;
}

/* A browser names where a request comes from; it must be this very page (log-in too, DECISIONS B9). */
static int check_origin(const struct net_request *request, struct err *err)
{
    if (str_eq(request->sec_fetch_site, STR("cross-site")) ||
        str_eq(request->sec_fetch_site, STR("same-site")))
        return err_set(err, ERR_CSRF, "Sec-Fetch-Site says another site");
    if (request->origin.n == 0)
        return 0;
    struct str own =
        arena_printf(task_arena(), "%s://%.*s", request->tls ? "https" : "http", STR_ARGS(request->host));
    if (!str_eq(own, request->origin))
        return err_set(err, ERR_CSRF, "Origin is not ours");
    return 0;
}

static int check_content(const struct call *call, struct err *err)
{
    struct str rest = call->request->content_type, type = str_trim(str_cut(&rest, ';'));
    if (call->route->request_schema[0] == '\0') {
        if (call->request->body.n > 0)
            return err_set(err, ERR_BAD_REQUEST, "a body where none is expected");
        return 0;
    }
    if (!str_eq_nocase(type, STR("application/json")))
        return err_set(err, ERR_MEDIA_TYPE, "content type is not application/json");
    return 0;
}

static task_fn int check_session(struct call *call, struct err *err)
{
    struct house *house = call->api->house;
    struct str cookie = net_cookie(call->request, call->request->tls ? STR("__Host-sid") : STR("sid"));
    task_stage("session");
    int rc = session_find(house->sessions, cookie, &call->session, err);
    if (rc < 0)
        return rc;
    call->caller.session = call->session.id;
    call->caller.address = call->request->peer;
    call->caller.request = str_of(call->request->id);
    call->caller.lang = call->lang;
    if (caller_init(&call->caller, house, call->session.user_id) < 0)
        return err_set(err, ERR_LOGIN_NEEDED, "the session's user is gone or disabled");
    if (is_unsafe(call->request) && !session_csrf_is(&call->session, call->request->csrf_token))
        return err_set(err, ERR_CSRF, "page token missing or wrong");
    if (call->session.must_change && call->route->access != ACCESS_OWN)
        return err_set(err, ERR_PASSWORD_CHANGE, "the session was opened with a first password");
    return 0;
}

static task_fn int check_access(struct call *call, struct err *err)
{
    int access = call->route->access;
    if (access == ACCESS_OPEN)
        return 0;
    if (access == ACCESS_LOOPBACK)
        return call->request->loopback ? 0 : err_set(err, ERR_NOT_FOUND, "from loopback only");
    int rc = check_session(call, err);
    if (rc < 0 || access == ACCESS_SESSION || access == ACCESS_OWN)
        return rc;
    if (access == ACCESS_ADMINISTER)
        return policy_has(call->caller.policy, RIGHT_USERS_MANAGE) ||
                       policy_has(call->caller.policy, RIGHT_RIGHTS_MANAGE)
                   ? 0
                   : err_set(err, ERR_FORBIDDEN, "the route is for administrators of people or rights");
    if (!policy_has(call->caller.policy, (enum access_right)(access - ACCESS_RIGHTS)))
        return err_set(err, ERR_FORBIDDEN, "the route needs a right");
    return 0;
}

static int check_query(const struct call *call, struct err *err)
{
    const char *known[PARAMETERS_MAX + 1] = {0};
    struct str rest = str_of(call->route->query);
    size_t n = 0;
    while (rest.n > 0) {
        must(n < PARAMETERS_MAX);
        known[n++] = arena_cstr(task_arena(), str_cut(&rest, ' '));
    }
    return net_query_check(call->request, known, task_arena(), err);
}

int call_query(struct call *call, const char *name, struct str *ret_value, struct err *err)
{
    bool found = false;
    struct str value = STR("");
    int rc = net_query_get(call->request, str_of(name), task_arena(), &found, &value, err);
    if (rc == 0)
        *ret_value = found ? value : STR("");
    return rc;
}

int call_query_int(
    struct call *call, const char *name, int64_t otherwise, int64_t *ret_value, struct err *err)
{
    struct str text = STR("");
    int rc = call_query(call, name, &text, err);
    if (rc < 0)
        return rc;
    if (text.n == 0)
        *ret_value = otherwise;
    else if (!str_to_i64(text, ret_value))
        return err_add(err, task_arena(), str_of(name), FAULT_NOT_A_NUMBER, STR_NULL);
    return 0;
}

struct str call_if_match(const struct call *call)
{
    struct str version = str_trim(call->request->if_match);
    if (version.n >= 2 && version.p[0] == '"' && version.p[version.n - 1] == '"')
        version = (struct str){version.p + 1, version.n - 2};
    return version;
}

int call_read_body(
    struct call *call, const struct json_field *fields, size_t n, void *target, struct err *err)
{
    struct json *body = NULL;
    const struct conf *conf = call->api->house->conf;
    struct json_limits limits = {
        .max_bytes = (size_t)conf->limits_body_bytes, .max_depth = (int)conf->limits_json_depth};
    int rc = json_parse(task_arena(), call->request->body, &limits, &body, err);
    if (rc < 0)
        return rc;
    if (body->kind != JSON_OBJECT)
        return err_add(err, task_arena(), STR(""), FAULT_WRONG_TYPE, STR("object"));
    return json_read(body, fields, n, STR(""), target, task_arena(), err);
}

static task_fn int run_route(struct call *call, struct err *err)
{
    bool path_known;
    struct str allow;
    task_stage("route");
    call->route = route_find(call->request, call, &path_known, &allow);
    if (!call->route) {
        call->reply->allow = allow;
        return err_set(err, path_known ? ERR_METHOD : ERR_NOT_FOUND, "no such route");
    }
    int rc = is_unsafe(call->request) ? check_origin(call->request, err) : 0;
    if (rc == 0)
        rc = check_access(call, err);
    if (rc == 0)
        rc = check_content(call, err);
    if (rc == 0)
        rc = check_query(call, err);
    if (rc == 0 && call->request->method == NET_POST && call->request->idempotency_key.n &&
        call->route->access != ACCESS_OPEN && !route_remembers(call->route))
        rc = err_add(err, task_arena(), STR("Idempotency-Key"), FAULT_UNKNOWN, STR_NULL);
    if (rc == 0) {
        task_stage(call->route->name);
        call->reply->status = call->route->status;
        rc = call->route->handler(call, err);
    }
    return rc;
}

/* Somebody who is logged in tried what he may not do: that is worth a line, before the answer leaves. */
static task_fn int log_refusal(struct call *call, struct err *err)
{
    struct audit_event event = caller_event(
        &call->caller, AUDIT_REFUSE, call->form.n <= FORM_KEY_MAX ? call->form : STR_NULL, call->id);
    event.detail = arena_printf(task_arena(), "{\"what\":\"%s\"}", call->route->name);
    return audit_read(call->api->house->reader, &event, err);
}

static void reply_problem(struct call *call, const struct err *err)
{
    buf_clear(call->body);
    json_out_init(&call->out, call->body);
    problem_print(call, err, &call->out);
    call->reply->status = err_status(err->code);
    call->reply->content_type = "application/problem+json";
    call->reply->retry_after_s = err->retry_after_s;
    if (call->reply->status == 503 && call->reply->retry_after_s == 0)
        call->reply->retry_after_s = 1;
    call->reply->location = call->reply->etag = STR_NULL;
}

static void log_request(const struct call *call, const struct err *err, int64_t started_us)
{
    int64_t took_us = clock_monotonic_us() - started_us;
    enum log_level level = call->reply->status >= 500 ? LOG_ERR : took_us > SLOW_US ? LOG_WARN : LOG_DEBUG;
    log_event(level, "api", err->code != ERR_NONE ? "request failed" : "request",
        LOG_C("req", call->request->id), LOG_I("user", call->caller.user_id),
        LOG_C("route", call->route ? call->route->name : "none"), LOG_I("status", call->reply->status),
        LOG_C("stage", task_stage_now()), LOG_I("ms", took_us / 1000), LOG_C("cause", err->detail));
}

/* In builds for tests a request may ask for its n-th wait to fail; the answer tells whether that wait was
 * reached. */
static void arm_torture(const struct call *call)
{
    int64_t nth = 0;
    if (call->api->house->conf->test_faults && str_to_i64(call->request->fail_wait, &nth) && nth > 0 &&
        nth < 10000)
        task_fail_wait((unsigned)nth);
}

task_fn void api_handle(const struct net_request *request, struct net_reply *reply, void *arg)
{
    struct call *call = arena_new_one(task_arena(), struct call);
    struct err *err = arena_new_one(task_arena(), struct err);
    int64_t started_us = clock_monotonic_us();
    *call = (struct call){
        .api = arg, .request = request, .reply = reply, .lang = lang_of(request), .body = &reply->body};
    buf_init(call->body, 0);
    json_out_init(&call->out, call->body);
    reply->store_nothing = true;
    arm_torture(call);
    int rc = run_route(call, err);
    if (rc == -ERR_FORBIDDEN && call->caller.policy) {
        struct err logging = {0};
        if (log_refusal(call, &logging) < 0) {
            rc = -(int)logging.code;
            *err = logging;
        }
    }
    if (request->fail_wait.n && call->api->house->conf->test_faults)
        reply->fail_wait = task_fail_wait_fired() ? STR("fired") : STR("not-reached");
    task_fail_wait(0);
    if (rc < 0 || call->body->overflow) {
        if (rc < 0 && err->code == ERR_NONE)
            (void)err_set(err, (enum err_code) - rc, "no cause given");
        else if (rc == 0)
            (void)err_set(err, ERR_INTERNAL, "the answer is too large");
        reply_problem(call, err);
    }
    log_request(call, err, started_us);
}
