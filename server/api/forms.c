/* Definitions of forms, as far as the caller may see them: what no grant shows does not exist. */
#include "api/api_int.h"

static struct str label(const struct call *call, struct str zh, struct str en)
{
    return call->lang == ERR_LANG_EN ? en : zh;
}

static void print_can(uint32_t actions, struct json_out *out)
{
    json_out_key(out, STR("can"));
    json_out_array(out);
    for (int action = 0; action < ACTION_COUNT; action++)
        if (actions & 1u << action)
            json_out_text(out, access_action_key((enum access_action)action));
    json_out_array_end(out);
}

/* The form whose records this one's belong to, where something of both that form and the reference is seen.
 */
static void print_parent(const struct call *call, const struct form *form, struct json_out *out)
{
    const struct form *parent = form->parent_form;
    const struct policy *policy = call->caller.policy;
    json_out_key(out, STR("parent"));
    if (!parent || !policy_for_form(policy, parent->key) ||
        policy_best_level(policy_for_form(policy, form->key), form->fields[form->parent].key) ==
            LEVEL_HIDDEN) {
        json_out_null(out);
        return;
    }
    json_out_object(out);
    json_out_member_str(out, "form", parent->key);
    json_out_member_str(out, "field", form->fields[form->parent].key);
    json_out_object_end(out);
}

/* The fields that name records of other forms, as far as both are seen: what a record's page lists beside it.
 */
static void print_references(const struct call *call, const struct form *form, struct json_out *out)
{
    const struct policy *policy = call->caller.policy;
    json_out_key(out, STR("references"));
    json_out_array(out);
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct field *field = &form->fields[i];
        if (!field->target_form || !policy_for_form(policy, field->target_form->key) ||
            policy_best_level(policy_for_form(policy, form->key), field->key) < LEVEL_READ)
            continue;
        json_out_object(out);
        json_out_member_str(out, "form", field->target_form->key);
        json_out_member_str(out, "field", field->key);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

task_fn int forms_list(struct call *call, struct err *err)
{
    struct json_out *out = &call->out;
    const struct catalog *catalog = call->caller.world->catalog;
    (void)err;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0; i < catalog->n_forms; i++) {
        const struct form *form = &catalog->forms[i];
        const struct policy_form *grants = policy_for_form(call->caller.policy, form->key);
        if (!grants)
            continue;
        json_out_object(out);
        json_out_member_str(out, "key", form->key);
        json_out_member_str(out, "label", label(call, form->label_zh, form->label_en));
        print_can(grants->actions, out);
        print_parent(call, form, out);
        print_references(call, form, out);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

static void print_options(const struct call *call, const struct field *field, struct json_out *out)
{
    if (!field->type->has_options)
        return;
    json_out_key(out, STR("options"));
    json_out_array(out);
    for (size_t i = 0; i < field->n_options; i++) {
        const struct field_option *option = &field->options[i];
        json_out_object(out);
        json_out_member_str(out, "key", option->key);
        json_out_member_str(out, "label", label(call, option->label_zh, option->label_en));
        json_out_member_str(out, "color", option->color);
        json_out_member_bool(out, "retired", option->retired);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static void print_field(
    const struct call *call, const struct field *field, enum access_level level, struct json_out *out)
{
    static const char *const ACCESS[] = {"hidden", "masked", "read", "write"};
    /* A type that fills itself in is never the caller's to write, whatever the grant says. */
    if (field->type->is_automatic && level == LEVEL_WRITE)
        level = LEVEL_READ;
    json_out_object(out);
    json_out_member_str(out, "key", field->key);
    json_out_member_text(out, "type", field->type->key);
    json_out_member_str(out, "label", label(call, field->label_zh, field->label_en));
    json_out_member_str(out, "group", field->group);
    if (field->type->reference == REFERENCE_RECORD) { /* a form of which nothing is the caller's has no key */
        bool known = policy_for_form(call->caller.policy, field->target) != NULL;
        json_out_member_text(out, "form", known ? arena_cstr(task_arena(), field->target) : NULL);
        json_out_member_bool(out, "parent", field->role == FIELD_PARENT);
    }
    json_out_member_bool(out, "required", field->required);
    json_out_member_bool(out, "unique", field->unique || field->type->is_numbered);
    json_out_member_text(out, "access", ACCESS[level]);
    json_out_member_bool(out, "searchable", field->searchable);
    json_out_member_bool(out, "sortable", field->sortable);
    if (field->max_length)
        json_out_member_int(out, "max_length", field->max_length);
    if (field->min.n)
        json_out_member_str(out, "min", field->min);
    if (field->max.n)
        json_out_member_str(out, "max", field->max);
    if (field->pattern) {
        struct str said = label(call, field->pattern_zh, field->pattern_en);
        json_out_member_str(out, "pattern", field->pattern_text);
        if (said.n)
            json_out_member_str(out, "pattern_message", said);
    }
    if (field->type->rules & RULE_SCALE)
        json_out_member_str(out, "scale", arena_printf(task_arena(), "%lld", (long long)field->scale));
    json_out_member_int(out, "default_width", field->width);
    print_options(call, field, out);
    json_out_object_end(out);
}

static bool group_is_shown(const struct plan *plan, struct str key)
{
    const struct form *form = plan_form(plan);
    for (size_t i = 0; i < form->n_fields; i++)
        if (str_eq(form->fields[i].group, key) && plan_field_level(plan, &form->fields[i]) != LEVEL_HIDDEN)
            return true;
    return false;
}

static void print_groups(const struct call *call, const struct plan *plan, struct json_out *out)
{
    const struct form *form = plan_form(plan);
    json_out_key(out, STR("groups"));
    json_out_array(out);
    for (size_t i = 0; i < form->n_groups; i++) {
        if (!group_is_shown(plan, form->groups[i].key))
            continue;
        json_out_object(out);
        json_out_member_str(out, "key", form->groups[i].key);
        json_out_member_str(out, "label", label(call, form->groups[i].label_zh, form->groups[i].label_en));
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

task_fn int forms_show(struct call *call, struct err *err)
{
    struct plan *plan;
    struct json_out *out = &call->out;
    int rc = plan_make(task_arena(), &call->caller, call->form, &plan, err);
    if (rc < 0)
        return rc;
    const struct form *form = plan_form(plan);
    json_out_object(out);
    json_out_member_str(out, "key", form->key);
    json_out_member_str(out, "label", label(call, form->label_zh, form->label_en));
    json_out_member_str(out, "version", arena_printf(task_arena(), "%lld", (long long)form->version));
    if (plan_field_level(plan, &form->fields[form->title]) != LEVEL_HIDDEN)
        json_out_member_str(out, "title_field", form->fields[form->title].key);
    print_can(plan_actions(plan), out);
    print_groups(call, plan, out);
    json_out_key(out, STR("fields"));
    json_out_array(out);
    for (size_t i = 0; i < form->n_fields; i++) {
        enum access_level level = plan_field_level(plan, &form->fields[i]);
        if (level != LEVEL_HIDDEN)
            print_field(call, &form->fields[i], level, out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}
