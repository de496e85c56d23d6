/* Roles: names for sets of rights. What a role may do with records stands in its grants (rights.c). */
#include "access/words.h"
#include "api/api_int.h"
#include "base/must.h"
#include "record/admin.h"

struct role_body {
    struct str key;
    const struct json *name, *rights;
};
static const struct json_field NEW_ROLE[] = {
    {"key", JSON_READ_STR, offsetof(struct role_body, key), JSON_REQUIRED, 1, 40},
    {"name", JSON_READ_ANY, offsetof(struct role_body, name), JSON_REQUIRED, 0, 0},
    {"rights", JSON_READ_ANY, offsetof(struct role_body, rights), 0, 0, 0},
};
static const struct json_field CHANGED_ROLE[] = {
    {"name", JSON_READ_ANY, offsetof(struct role_body, name), 0, 0, 0},
    {"rights", JSON_READ_ANY, offsetof(struct role_body, rights), 0, 0, 0},
};

struct names {
    struct str zh, en;
};
static const struct json_field NAMES[] = {
    {"zh", JSON_READ_STR, offsetof(struct names, zh), JSON_REQUIRED, 0, 0},
    {"en", JSON_READ_STR, offsetof(struct names, en), JSON_REQUIRED, 0, 0},
};

static void print_forms(const struct call *call, const struct role *role, struct json_out *out)
{
    const struct catalog *catalog = call->caller.world->catalog;
    const struct directory *directory = call->caller.world->directory;
    json_out_key(out, STR("forms"));
    json_out_array(out);
    for (size_t f = 0; f < catalog->n_forms; f++) {
        bool has = false;
        for (size_t g = 0; g < directory->n_grants; g++)
            has = has || (directory->grants[g].role_id == role->id &&
                             str_eq(directory->grants[g].form, catalog->forms[f].key));
        if (has)
            json_out_str(out, catalog->forms[f].key);
    }
    json_out_array_end(out);
}

static void print_role(const struct call *call, const struct role *role, struct str pos, struct json_out *out)
{
    json_out_object(out);
    json_out_member_id(out, "id", role->id);
    json_out_member_str(out, "key", role->key);
    json_out_member_str(out, "title", call->lang == ERR_LANG_EN ? role->name_en : role->name_zh);
    json_out_key(out, STR("name"));
    json_out_object(out);
    json_out_member_str(out, "zh", role->name_zh);
    json_out_member_str(out, "en", role->name_en);
    json_out_object_end(out);
    print_words(out, "rights", role->rights, RIGHT_COUNT, right_word);
    json_out_member_int(out, "people", role_people(call->caller.world->directory, role->id));
    print_forms(call, role, out);
    json_out_member_str(out, "version", role_version(&call->caller, role));
    if (pos.n)
        json_out_member_str(out, "pos", pos);
    json_out_object_end(out);
}

task_fn int roles_list(struct call *call, struct err *err)
{
    struct json_out *out = &call->out;
    const struct directory *directory = call->caller.world->directory;
    (void)err;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0; i < directory->n_roles; i++)
        print_role(call, &directory->roles[i], STR_NULL, out);
    json_out_array_end(out);
    print_words(out, "rights", (1u << RIGHT_COUNT) - 1, RIGHT_COUNT, right_word); /* all there are */
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

static void read_rights(const struct json *json, uint32_t *ret_rights, struct err *err)
{
    struct arena *arena = task_arena();
    if (json->kind != JSON_ARRAY) {
        (void)err_add(err, arena, STR("rights"), FAULT_WRONG_TYPE, STR("array"));
        return;
    }
    for (size_t i = 0; i < json->array.n; i++) {
        const struct json *word = &json->array.at[i];
        uint32_t bit = 0;
        if (word->kind != JSON_STR || str_find(word->str, STR(" ")) != SIZE_MAX ||
            !access_rights_parse(word->str, &bit) || !bit)
            (void)err_add(err, arena, arena_printf(arena, "rights[%zu]", i), FAULT_NOT_AN_OPTION, STR_NULL);
        else if (*ret_rights & bit)
            (void)err_add(err, arena, arena_printf(arena, "rights[%zu]", i), FAULT_DUPLICATE, STR_NULL);
        *ret_rights |= bit;
    }
}

static int read_role(
    struct call *call, const struct json_field *fields, size_t n, struct role_change *change, struct err *err)
{
    struct role_body body = {0};
    struct names names = {0};
    int rc = call_read_body(call, fields, n, &body, err);
    if (rc < 0 && rc != -ERR_INVALID)
        return rc;
    change->has_key = body.key.n > 0;
    change->key = body.key;
    change->has_name = body.name != NULL;
    if (body.name && body.name->kind != JSON_OBJECT)
        (void)err_add(err, task_arena(), STR("name"), FAULT_WRONG_TYPE, STR("object"));
    else if (body.name)
        (void)json_read(body.name, JSON_FIELDS(NAMES), STR("name"), &names, task_arena(), err);
    change->name_zh = names.zh;
    change->name_en = names.en;
    change->has_rights = body.rights != NULL;
    if (body.rights)
        read_rights(body.rights, &change->rights, err);
    return err->code == ERR_NONE ? 0 : -(int)err->code;
}

static int reply_role(struct call *call, int64_t id, struct str pos)
{
    const struct role *role = directory_role(call->caller.world->directory, id);
    must(role); /* roles are never dropped */
    print_role(call, role, pos, &call->out);
    json_out_end(&call->out);
    return 0;
}

task_fn int roles_create(struct call *call, struct err *err)
{
    struct role_change change = {0};
    struct str pos;
    int64_t id;
    int rc = read_role(call, JSON_FIELDS(NEW_ROLE), &change, err);
    if (rc == 0)
        rc = role_create(&call->caller, &change, &id, &pos, err);
    return rc < 0 ? rc : reply_role(call, id, pos);
}

task_fn int roles_update(struct call *call, struct err *err)
{
    struct role_change change = {0};
    struct str pos, version = call_if_match(call);
    if (version.n == 0)
        return err_set(err, ERR_PRECONDITION, "no If-Match");
    int rc = read_role(call, JSON_FIELDS(CHANGED_ROLE), &change, err);
    if (rc == 0)
        rc = role_change(&call->caller, call->id, version, &change, &pos, err);
    return rc < 0 ? rc : reply_role(call, call->id, pos);
}
