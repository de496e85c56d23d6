/*
 * The organisation, for those who administer people: the system administrator makes, moves and retires
 * departments; the security administrator sees how they stand, for rights go by them.
 */
#include "api/api_int.h"
#include "base/id.h"
#include "base/must.h"
#include "record/admin.h"

struct department_body {
    struct str key, title;
    const struct json *parent, *place, *retired;
};
static const struct json_field NEW_DEPARTMENT[] = {
    {"key", JSON_READ_STR, offsetof(struct department_body, key), JSON_REQUIRED, 1, 40},
    {"title", JSON_READ_STR, offsetof(struct department_body, title), JSON_REQUIRED, 0, 0},
    {"parent", JSON_READ_ANY, offsetof(struct department_body, parent), 0, 0, 0},
    {"place", JSON_READ_ANY, offsetof(struct department_body, place), 0, 0, 0},
};
static const struct json_field CHANGED_DEPARTMENT[] = {
    {"title", JSON_READ_STR, offsetof(struct department_body, title), 0, 0, 0},
    {"parent", JSON_READ_ANY, offsetof(struct department_body, parent), 0, 0, 0},
    {"place", JSON_READ_ANY, offsetof(struct department_body, place), 0, 0, 0},
    {"retired", JSON_READ_ANY, offsetof(struct department_body, retired), 0, 0, 0},
};

static void print_department(const struct call *call, const struct department *department, int64_t people,
    struct str pos, struct json_out *out)
{
    const struct directory *directory = call->caller.world->directory;
    json_out_object(out);
    json_out_member_id(out, "id", department->id);
    json_out_member_str(out, "key", department->key);
    json_out_member_str(out, "title", department->name);
    json_out_member_id(out, "parent", department->parent_id);
    json_out_member_int(out, "place", department_place(directory, department));
    json_out_member_bool(out, "retired", department->retired);
    json_out_member_int(out, "people", people);
    json_out_member_str(out, "version", department_version(&call->caller, department));
    if (pos.n)
        json_out_member_str(out, "pos", pos);
    json_out_object_end(out);
}

task_fn int organisation_list(struct call *call, struct err *err)
{
    struct json_out *out = &call->out;
    const struct directory *directory = call->caller.world->directory;
    (void)err;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0; i < directory->n_departments; i++) {
        const struct department *department = &directory->departments[i];
        print_department(call, department, department_people(directory, department->id), STR_NULL, out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

static int read_department(struct call *call, const struct json_field *fields, size_t n,
    struct department_change *change, struct err *err)
{
    struct department_body body = {0};
    struct arena *arena = task_arena();
    int rc = call_read_body(call, fields, n, &body, err);
    if (rc < 0 && rc != -ERR_INVALID)
        return rc;
    *change = (struct department_change){.key = body.key,
        .has_title = body.title.p != NULL,
        .title = body.title,
        .has_parent = body.parent != NULL,
        .has_place = body.place != NULL,
        .has_retired = body.retired != NULL};
    if (body.parent && body.parent->kind != JSON_NULL &&
        (body.parent->kind != JSON_STR || !id_parse(body.parent->str, &change->parent)))
        (void)err_add(err, arena, STR("parent"), FAULT_NOT_AN_ID, STR_NULL);
    if (body.place && body.place->kind != JSON_INT)
        (void)err_add(err, arena, STR("place"), FAULT_WRONG_TYPE, STR("integer"));
    else if (body.place)
        change->place = body.place->integer;
    if (body.retired && body.retired->kind != JSON_BOOL)
        (void)err_add(err, arena, STR("retired"), FAULT_WRONG_TYPE, STR("boolean"));
    else if (body.retired)
        change->retired = body.retired->boolean;
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

static int reply_department(struct call *call, int64_t id, struct str pos)
{
    const struct directory *directory = call->caller.world->directory;
    const struct department *department = directory_department(directory, id);
    must(department); /* departments are never dropped */
    print_department(call, department, department_people(directory, id), pos, &call->out);
    json_out_end(&call->out);
    return 0;
}

task_fn int departments_create(struct call *call, struct err *err)
{
    struct department_change change;
    struct str pos;
    int64_t id;
    int rc = read_department(call, JSON_FIELDS(NEW_DEPARTMENT), &change, err);
    if (rc == 0)
        rc = department_create(&call->caller, &change, &id, &pos, err);
    return rc < 0 ? rc : reply_department(call, id, pos);
}

task_fn int departments_update(struct call *call, struct err *err)
{
    struct department_change change;
    struct str pos, version = call_if_match(call);
    if (!directory_department(call->caller.world->directory, call->id))
        return err_set(err, ERR_NOT_FOUND, "no such department");
    if (version.n == 0)
        return err_set(err, ERR_PRECONDITION, "no If-Match");
    int rc = read_department(call, JSON_FIELDS(CHANGED_DEPARTMENT), &change, err);
    if (rc == 0)
        rc = department_change(&call->caller, call->id, version, &change, &pos, err);
    return rc < 0 ? rc : reply_department(call, call->id, pos);
}
