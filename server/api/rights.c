/*
 * Who may do what with the records of a form: the matrix of its roles and their grants. Definitions and
 * rights only: the security administrator sees no customers' data here.
 */
#include "access/words.h"
#include "api/api_int.h"
#include "record/admin.h"
#include "json/problem.h"

static struct str label(const struct call *call, struct str zh, struct str en)
{
    return call->lang == ERR_LANG_EN ? en : zh;
}

static int find_form(const struct call *call, const struct form **ret_form, struct err *err)
{
    *ret_form = catalog_form(call->caller.world->catalog, call->form);
    return *ret_form ? 0 : err_set(err, ERR_NOT_FOUND, "no such form");
}

static int64_t count_roles(const struct directory *directory, struct str form)
{
    int64_t n = 0;
    for (size_t r = 0; r < directory->n_roles; r++) {
        bool has = false;
        for (size_t g = 0; g < directory->n_grants; g++)
            has = has || (directory->grants[g].role_id == directory->roles[r].id &&
                             str_eq(directory->grants[g].form, form));
        n += has;
    }
    return n;
}

task_fn int rights_forms(struct call *call, struct err *err)
{
    struct json_out *out = &call->out;
    const struct world *world = call->caller.world;
    (void)err;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0; i < world->catalog->n_forms; i++) {
        const struct form *form = &world->catalog->forms[i];
        json_out_object(out);
        json_out_member_str(out, "key", form->key);
        json_out_member_str(out, "label", label(call, form->label_zh, form->label_en));
        json_out_member_int(out, "roles", count_roles(world->directory, form->key));
        json_out_member_str(out, "version", rights_version(&call->caller, form->key));
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

static void print_field(const struct call *call, const struct field *field, struct json_out *out)
{
    json_out_object(out);
    json_out_member_str(out, "key", field->key);
    json_out_member_str(out, "label", label(call, field->label_zh, field->label_en));
    json_out_member_text(out, "type", field->type->key);
    json_out_member_str(out, "group", field->group);
    json_out_key(out, STR("mask"));
    if (field->mask.n)
        json_out_str(out, field->mask);
    else
        json_out_null(out);
    json_out_member_bool(out, "automatic", field->type->is_automatic);
    json_out_key(out, STR("options"));
    json_out_array(out);
    for (size_t i = 0; i < field->n_options; i++) {
        json_out_object(out);
        json_out_member_str(out, "key", field->options[i].key);
        json_out_member_str(
            out, "label", label(call, field->options[i].label_zh, field->options[i].label_en));
        json_out_member_bool(out, "retired", field->options[i].retired);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
}

static void print_groups(const struct call *call, const struct form *form, struct json_out *out)
{
    json_out_key(out, STR("groups"));
    json_out_array(out);
    for (size_t i = 0; i < form->n_groups; i++) {
        json_out_object(out);
        json_out_member_str(out, "key", form->groups[i].key);
        json_out_member_str(out, "label", label(call, form->groups[i].label_zh, form->groups[i].label_en));
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static const char *level_word(int level)
{
    return access_level_key((enum access_level)level);
}

static const char *rule_word(int rule)
{
    return row_rule_key((enum row_rule)rule);
}

void print_grant(const struct call *call, const struct grant *grant, struct json_out *out)
{
    json_out_object(out);
    json_out_member_text(out, "rule", row_rule_key(grant->row_rule));
    json_out_key(out, STR("condition"));
    if (grant->condition.n)
        json_out_raw(out, grant->condition);
    else
        json_out_null(out);
    json_out_member_bool(out, "deny", grant->deny);
    print_words(out, "actions", grant->actions, ACTION_COUNT, action_word);
    json_out_key(out, STR("fields"));
    json_out_raw(out, access_fields_print(grant, task_arena()));
    json_out_key(out, STR("masks"));
    json_out_raw(out, access_masks_print(grant, task_arena()));
    if (grant->broken) {
        json_out_key(out, STR("broken"));
        json_out_fault(out, grant->broken, call->lang, task_arena());
    }
    json_out_object_end(out);
}

static void print_role(
    const struct call *call, const struct form *form, const struct role *role, struct json_out *out)
{
    const struct directory *directory = call->caller.world->directory;
    json_out_object(out);
    json_out_member_id(out, "id", role->id);
    json_out_member_str(out, "key", role->key);
    json_out_member_str(out, "title", label(call, role->name_zh, role->name_en));
    json_out_member_int(out, "people", role_people(directory, role->id));
    json_out_member_bool(out, "administrator", access_duties(role->rights) != 0);
    json_out_key(out, STR("grants"));
    json_out_array(out);
    for (size_t i = 0; i < directory->n_grants; i++)
        if (directory->grants[i].role_id == role->id && str_eq(directory->grants[i].form, form->key))
            print_grant(call, &directory->grants[i], out);
    json_out_array_end(out);
    json_out_object_end(out);
}

static void print_masks(struct json_out *out)
{
    json_out_key(out, STR("masks"));
    json_out_array(out);
    for (size_t i = 0; mask_name_at(i); i++)
        json_out_text(out, mask_name_at(i));
    json_out_array_end(out);
}

static void print_changed(const struct rights_changed *changed, struct json_out *out)
{
    json_out_key(out, STR("changed"));
    if (!changed->at_us) {
        json_out_null(out);
        return;
    }
    json_out_object(out);
    print_titled(out, "by", changed->actor_id, changed->name);
    json_out_member_instant(out, "at", changed->at_us);
    json_out_object_end(out);
}

static task_fn int print_rights(struct call *call, const struct form *form, struct str pos, struct err *err)
{
    struct json_out *out = &call->out;
    const struct directory *directory = call->caller.world->directory;
    struct rights_changed changed;
    int rc = rights_last_change(&call->caller, form->key, &changed, err);
    if (rc < 0 && !pos.n)
        return rc;
    if (rc < 0) { /* it is saved: an answer that says otherwise would be wrong */
        err_clear(err);
        changed = (struct rights_changed){0};
    }
    json_out_object(out);
    json_out_member_str(out, "form", form->key);
    json_out_member_str(out, "label", label(call, form->label_zh, form->label_en));
    json_out_member_str(out, "version", rights_version(&call->caller, form->key));
    print_groups(call, form, out);
    json_out_key(out, STR("fields"));
    json_out_array(out);
    for (size_t i = 0; i < form->n_fields; i++)
        print_field(call, &form->fields[i], out);
    json_out_array_end(out);
    print_words(out, "actions", (1u << ACTION_COUNT) - 1, ACTION_COUNT, action_word);
    print_words(out, "levels", (1u << (LEVEL_WRITE + 1)) - 1, LEVEL_WRITE + 1, level_word);
    uint32_t rules = (1u << ROW_RULE_COUNT) - 1;
    if (form->parent < 0)
        rules &= ~(1u << ROW_PARENT); /* its records belong to no other */
    print_words(out, "rules", rules, ROW_RULE_COUNT, rule_word);
    print_masks(out);
    json_out_key(out, STR("roles"));
    json_out_array(out);
    for (size_t i = 0; i < directory->n_roles; i++)
        print_role(call, form, &directory->roles[i], out);
    json_out_array_end(out);
    print_changed(&changed, out);
    if (pos.n)
        json_out_member_str(out, "pos", pos);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

task_fn int rights_show(struct call *call, struct err *err)
{
    const struct form *form;
    int rc = find_form(call, &form, err);
    return rc < 0 ? rc : print_rights(call, form, STR_NULL, err);
}

struct rights_body {
    const struct json *roles;
};
static const struct json_field RIGHTS_MEMBERS[] = {
    {"roles", JSON_READ_ANY, offsetof(struct rights_body, roles), JSON_REQUIRED, 0, 0},
};

task_fn int rights_save(struct call *call, struct err *err)
{
    struct rights_body body = {0};
    const struct form *form;
    struct str pos, version = call_if_match(call);
    int rc = find_form(call, &form, err);
    if (rc == 0 && version.n == 0)
        rc = err_set(err, ERR_PRECONDITION, "no If-Match");
    if (rc == 0)
        rc = call_read_body(call, JSON_FIELDS(RIGHTS_MEMBERS), &body, err);
    if (rc == 0)
        rc = matrix_save(&call->caller, call->form, version, body.roles, &pos, err);
    if (rc == 0)
        rc = find_form(call, &form, err); /* as it stands in the world that follows */
    return rc < 0 ? rc : print_rights(call, form, pos, err);
}

task_fn int rights_preview(struct call *call, struct err *err)
{
    struct rights_body body = {0};
    struct matrix matrix;
    const struct form *form;
    int rc = find_form(call, &form, err);
    if (rc == 0)
        rc = call_read_body(call, JSON_FIELDS(RIGHTS_MEMBERS), &body, err);
    if (rc == 0)
        rc = matrix_parse(&call->caller, call->form, body.roles, &matrix, err);
    if (rc < 0)
        return rc;
    json_out_object(&call->out);
    matrix_preview(&call->caller, &matrix, &call->out);
    json_out_object_end(&call->out);
    json_out_end(&call->out);
    return 0;
}
