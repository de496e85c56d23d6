/* Roles: names for sets of rights. What a role may do with records stands in its grants (rights.c). */
#include "api/api_int.h"
#include "record/admin.h"

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

static void print_role(const struct call *call, const struct role *role, struct json_out *out)
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
        print_role(call, &directory->roles[i], out);
    json_out_array_end(out);
    print_words(out, "rights", (1u << RIGHT_COUNT) - 1, RIGHT_COUNT, right_word); /* all there are */
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}
