/*
 * Accounts, for those who administer them: the system administrator says who there is and where they belong,
 * the security administrator which roles they have.
 */
#include "api/api_int.h"
#include "base/id.h"
#include "base/must.h"
#include "record/admin.h"
#include "text/text.h"

enum { PEOPLE_DEFAULT = 50, PEOPLE_MAX = 200, QUERY_CHARS_MAX = 64 };

struct person_body {
    struct str name;
    const struct json *department, *roles, *disabled;
};
static const struct json_field CHANGED_PERSON[] = {
    {"name", JSON_READ_STR, offsetof(struct person_body, name), 0, 0, 0},
    {"department", JSON_READ_ANY, offsetof(struct person_body, department), 0, 0, 0},
    {"disabled", JSON_READ_ANY, offsetof(struct person_body, disabled), 0, 0, 0},
    {"roles", JSON_READ_ANY, offsetof(struct person_body, roles), 0, 0, 0},
};

struct people_query {
    struct str q; /* folded */
    int64_t role, department, after, limit;
    bool has_disabled, disabled;
};

static struct str title_of(const struct call *call, const struct role *role)
{
    return call->lang == ERR_LANG_EN ? role->name_en : role->name_zh;
}

static void print_roles(const struct call *call, const struct user *user, struct json_out *out)
{
    const struct directory *directory = call->caller.world->directory;
    json_out_key(out, STR("roles"));
    json_out_array(out);
    for (size_t i = 0; i < user->n_roles; i++) {
        const struct role *role = directory_role(directory, user->roles[i]);
        json_out_object(out);
        json_out_member_id(out, "id", role->id);
        json_out_member_str(out, "title", title_of(call, role));
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static void print_person(
    const struct call *call, const struct user *user, struct str pos, struct json_out *out)
{
    const struct directory *directory = call->caller.world->directory;
    const struct department *department = directory_department(directory, user->department_id);
    json_out_object(out);
    json_out_member_id(out, "id", user->id);
    json_out_member_str(out, "login", user->login);
    json_out_member_str(out, "name", user->name);
    print_titled(
        out, "department", department ? department->id : 0, department ? department->name : STR_NULL);
    json_out_member_bool(out, "disabled", user->disabled);
    print_roles(call, user, out);
    print_words(out, "rights", directory_rights_of(directory, user), RIGHT_COUNT, right_word);
    json_out_member_str(out, "version", person_version(&call->caller, user));
    if (pos.n)
        json_out_member_str(out, "pos", pos);
    json_out_object_end(out);
}

static int read_id(struct call *call, const char *name, int64_t *ret_id, struct err *err)
{
    struct str text = STR("");
    int rc = call_query(call, name, &text, err);
    if (rc == 0 && text.n && !id_parse(text, ret_id))
        return err_add(err, task_arena(), str_of(name), FAULT_NOT_AN_ID, STR_NULL);
    return rc;
}

static int read_query(struct call *call, struct people_query *query, struct err *err)
{
    struct str q = STR(""), disabled = STR("");
    int rc = call_query(call, "q", &q, err);
    if (rc == 0)
        rc = call_query(call, "disabled", &disabled, err);
    if (rc == 0)
        rc = call_query_int(call, "limit", PEOPLE_DEFAULT, &query->limit, err);
    if (rc < 0)
        return rc;
    /* From here on every fault is collected, so that all are told at once. */
    (void)read_id(call, "role", &query->role, err);
    (void)read_id(call, "department", &query->department, err);
    (void)read_id(call, "after", &query->after, err);
    if (!str_is_utf8(q) || str_utf8_length(q) > QUERY_CHARS_MAX)
        (void)err_add(
            err, task_arena(), STR("q"), FAULT_TOO_LONG, arena_printf(task_arena(), "%d", QUERY_CHARS_MAX));
    else
        query->q = text_fold(task_arena(), q);
    query->has_disabled = disabled.n > 0;
    query->disabled = str_eq(disabled, STR("1"));
    if (disabled.n && !query->disabled && !str_eq(disabled, STR("0")))
        (void)err_add(err, task_arena(), STR("disabled"), FAULT_BAD_VALUE, STR_NULL);
    if (query->limit < 1)
        (void)err_add(err, task_arena(), STR("limit"), FAULT_TOO_SMALL, STR("1"));
    if (query->limit > PEOPLE_MAX)
        (void)err_add(
            err, task_arena(), STR("limit"), FAULT_TOO_LARGE, arena_printf(task_arena(), "%d", PEOPLE_MAX));
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

static bool has_role(const struct user *user, int64_t role)
{
    for (size_t i = 0; i < user->n_roles; i++)
        if (user->roles[i] == role)
            return true;
    return false;
}

static bool matches(
    const struct directory *directory, const struct user *user, const struct people_query *query)
{
    if (query->has_disabled && user->disabled != query->disabled)
        return false;
    if (query->role && !has_role(user, query->role))
        return false;
    if (query->department && !directory_is_below(directory, user->department_id, query->department))
        return false;
    return query->q.n == 0 || str_find(text_fold(task_arena(), user->name), query->q) != SIZE_MAX ||
           str_find(user->login_key, query->q) != SIZE_MAX;
}

task_fn int people_list(struct call *call, struct err *err)
{
    struct people_query query = {0};
    struct json_out *out = &call->out;
    const struct directory *directory = call->caller.world->directory;
    int64_t total = 0, printed = 0, last = 0;
    bool more = false;
    int rc = read_query(call, &query, err);
    if (rc < 0)
        return rc;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0; i < directory->n_users; i++) { /* ascending by id */
        const struct user *user = &directory->users[i];
        if (!matches(directory, user, &query))
            continue;
        total++;
        if (user->id <= query.after)
            continue;
        more = more || printed == query.limit;
        if (printed == query.limit)
            continue;
        print_person(call, user, STR_NULL, out);
        printed++;
        last = user->id;
    }
    json_out_array_end(out);
    json_out_member_id(out, "next", more ? last : 0);
    json_out_member_str(out, "total", arena_printf(task_arena(), "%lld", (long long)total));
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

task_fn int people_show(struct call *call, struct err *err)
{
    const struct user *user = directory_user(call->caller.world->directory, call->id);
    if (!user)
        return err_set(err, ERR_NOT_FOUND, "no such person");
    print_person(call, user, STR_NULL, &call->out);
    json_out_end(&call->out);
    return 0;
}

static void read_roles(const struct json *json, struct person_change *change, struct err *err)
{
    struct arena *arena = task_arena();
    change->has_roles = true;
    if (json->kind != JSON_ARRAY) {
        (void)err_add(err, arena, STR("roles"), FAULT_WRONG_TYPE, STR("array"));
        return;
    }
    change->roles = arena_new_array(arena, int64_t, json->array.n + 1);
    for (size_t i = 0; i < json->array.n; i++) {
        const struct json *id = &json->array.at[i];
        if (id->kind == JSON_STR && id_parse(id->str, &change->roles[change->n_roles]))
            change->n_roles++;
        else
            (void)err_add(err, arena, arena_printf(arena, "roles[%zu]", i), FAULT_NOT_AN_ID, STR_NULL);
    }
}

static int read_change(struct call *call, struct person_change *change, struct err *err)
{
    struct person_body body = {0};
    struct arena *arena = task_arena();
    int rc = call_read_body(call, JSON_FIELDS(CHANGED_PERSON), &body, err);
    if (rc < 0 && rc != -ERR_INVALID)
        return rc;
    change->has_name = body.name.p != NULL;
    change->name = body.name;
    change->has_department = body.department != NULL;
    if (body.department && body.department->kind != JSON_NULL &&
        (body.department->kind != JSON_STR || !id_parse(body.department->str, &change->department)))
        (void)err_add(err, arena, STR("department"), FAULT_NOT_AN_ID, STR_NULL);
    change->has_disabled = body.disabled != NULL;
    if (body.disabled && body.disabled->kind != JSON_BOOL)
        (void)err_add(err, arena, STR("disabled"), FAULT_WRONG_TYPE, STR("boolean"));
    else if (body.disabled)
        change->disabled = body.disabled->boolean;
    if (body.roles)
        read_roles(body.roles, change, err);
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

task_fn int people_update(struct call *call, struct err *err)
{
    struct person_change change = {0};
    struct str pos, version = call_if_match(call);
    if (!directory_user(call->caller.world->directory, call->id))
        return err_set(err, ERR_NOT_FOUND, "no such person");
    if (version.n == 0)
        return err_set(err, ERR_PRECONDITION, "no If-Match");
    int rc = read_change(call, &change, err);
    if (rc == 0)
        rc = person_change(&call->caller, call->id, version, &change, &pos, err);
    if (rc < 0)
        return rc;
    print_person(call, directory_user(call->caller.world->directory, call->id), pos, &call->out);
    json_out_end(&call->out);
    return 0;
}

/* ---- new accounts, first passwords ----------------------------------------------------------------------
 */

struct new_body {
    struct str login, name;
    const struct json *department;
};
static const struct json_field NEW_PERSON[] = {
    {"login", JSON_READ_STR, offsetof(struct new_body, login), JSON_REQUIRED, 0, 0},
    {"name", JSON_READ_STR, offsetof(struct new_body, name), JSON_REQUIRED, 0, 0},
    {"department", JSON_READ_ANY, offsetof(struct new_body, department), 0, 0, 0},
};

static int reply_made(struct call *call, int64_t id, const struct first_password *first)
{
    struct json_out *out = &call->out;
    const struct user *user = directory_user(call->caller.world->directory, id);
    must(user); /* accounts are never dropped */
    json_out_object(out);
    json_out_key(out, STR("person"));
    print_person(call, user, STR_NULL, out);
    json_out_member_str(out, "password", first->password);
    json_out_member_instant(out, "until", first->until_us);
    json_out_member_str(out, "pos", first->pos);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

task_fn int people_create(struct call *call, struct err *err)
{
    struct new_body body = {0};
    struct person_new person = {0};
    struct first_password first;
    int64_t id;
    int rc = call_read_body(call, JSON_FIELDS(NEW_PERSON), &body, err);
    if (rc < 0 && rc != -ERR_INVALID)
        return rc;
    person.login = body.login;
    person.name = body.name;
    if (body.department && body.department->kind != JSON_NULL &&
        (body.department->kind != JSON_STR || !id_parse(body.department->str, &person.department)))
        (void)err_add(err, task_arena(), STR("department"), FAULT_NOT_AN_ID, STR_NULL);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    rc = person_create(&call->caller, &person, &id, &first, err);
    return rc < 0 ? rc : reply_made(call, id, &first);
}

task_fn int people_password(struct call *call, struct err *err)
{
    struct first_password first;
    int rc = call_read_body(call, NULL, 0, NULL, err);
    if (rc == 0)
        rc = person_reset_password(&call->caller, call->id, &first, err);
    return rc < 0 ? rc : reply_made(call, call->id, &first);
}
