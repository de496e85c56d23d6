/*
 * "View as" and "why": what one person has of a form, shown on made-up records, and which grants give or
 * withhold it. No value of a customer is told here.
 */
#include "access/words.h"
#include "api/api_int.h"
#include "base/id.h"
#include "record/admin.h"

static struct str label(const struct call *call, struct str zh, struct str en)
{
    return call->lang == ERR_LANG_EN ? en : zh;
}

/* A parameter that is an id; 0 where it is absent and need not be there. */
static void read_id(struct call *call, const char *name, bool required, int64_t *ret_id, struct err *err)
{
    struct str text = STR("");
    *ret_id = 0;
    if (call_query(call, name, &text, err) < 0)
        return;
    if (text.n == 0 && required)
        (void)err_add(err, task_arena(), str_of(name), FAULT_REQUIRED, STR_NULL);
    else if (text.n && !id_parse(text, ret_id))
        (void)err_add(err, task_arena(), str_of(name), FAULT_NOT_AN_ID, STR_NULL);
}

static void print_can(const char *key, uint32_t actions, struct json_out *out)
{
    print_words(out, key, actions, ACTION_COUNT, action_word);
}

static void print_head(const struct call *call, const struct explanation *e, struct json_out *out)
{
    json_out_member_str(out, "form", e->form->key);
    json_out_member_str(out, "label", label(call, e->form->label_zh, e->form->label_en));
    print_titled(out, "person", e->user->id, e->user->name);
    json_out_member_bool(out, "disabled", e->user->disabled);
}

/* A number that the system draws is nobody's to write. */
static enum access_level shown_level(const struct field *field, enum access_level level)
{
    return level == LEVEL_WRITE && field->type->is_automatic ? LEVEL_READ : level;
}

/* ---- why ----------------------------------------------------------------------------------------------- */

static void print_level(const char *key, bool known, enum access_level level, struct json_out *out)
{
    json_out_key(out, str_of(key));
    json_out_text(out, known ? access_level_key(level) : NULL);
}

static void print_one(const struct call *call, const struct explanation *e, const struct grant *grant,
    bool holds, struct str field, struct json_out *out)
{
    const struct role *role = directory_role(call->caller.world->directory, grant->role_id);
    json_out_object(out);
    print_titled(out, "role", role->id, label(call, role->name_zh, role->name_en));
    json_out_key(out, STR("grant"));
    print_grant(call, grant, out);
    json_out_key(out, STR("holds"));
    if (e->has_record)
        json_out_bool(out, holds);
    else
        json_out_null(out);
    enum access_level level = field.n ? grant_level(grant, field) : LEVEL_HIDDEN;
    if (field.n && !grant->deny)
        level = shown_level(form_field_find(e->form, field), level);
    print_level("level", field.n > 0, level, out);
    json_out_object_end(out);
}

/* What would give something if its condition fitted the form. */
static void print_broken(
    const struct call *call, const struct explanation *e, struct str field, struct json_out *out)
{
    const struct directory *directory = call->caller.world->directory;
    for (size_t i = 0; e->policy && i < directory->n_grants; i++) {
        const struct grant *grant = &directory->grants[i];
        bool his = false;
        for (size_t r = 0; r < e->user->n_roles; r++)
            his = his || e->user->roles[r] == grant->role_id;
        if (his && grant->broken && !grant->deny && str_eq(grant->form, e->form->key))
            print_one(call, e, grant, false, field, out);
    }
}

/* Where records are visible as their parent is: what he has of that one. A condition over anything but owner
 * and department does not reach the children (record/plan.c). */
static void print_parent(const struct call *call, const struct explanation *e, struct json_out *out)
{
    const struct form *form = e->form->parent_form;
    json_out_key(out, STR("parent"));
    if (!form) {
        json_out_null(out);
        return;
    }
    json_out_object(out);
    json_out_member_str(out, "form", form->key);
    json_out_member_str(out, "label", label(call, form->label_zh, form->label_en));
    json_out_key(out, STR("grants"));
    json_out_array(out);
    for (size_t i = 0; e->parent_grants && i < e->parent_grants->n_grants; i++) {
        const struct grant *grant = e->parent_grants->grants[i];
        const struct role *role = directory_role(call->caller.world->directory, grant->role_id);
        json_out_object(out);
        print_titled(out, "role", role->id, label(call, role->name_zh, role->name_en));
        json_out_key(out, STR("grant"));
        print_grant(call, grant, out);
        json_out_key(out, STR("holds"));
        if (e->has_record)
            json_out_bool(out, (e->parent_holds >> i & 1) != 0);
        else
            json_out_null(out);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
}

static void print_why(const struct call *call, const struct explanation *e, int64_t record, struct str field,
    struct json_out *out)
{
    uint32_t actions = 0;
    enum access_level level = LEVEL_HIDDEN;
    struct str mask = STR_NULL;
    if (e->grants) {
        actions = e->has_record ? policy_view_actions(e->grants, e->holds) : e->grants->actions;
        if (field.n)
            level = shown_level(
                form_field_find(e->form, field), e->has_record ? policy_view_level(e->grants, e->holds, field)
                                                               : policy_best_level(e->grants, field));
        if (field.n && e->has_record && level == LEVEL_MASKED)
            mask = policy_view_mask(e->grants, e->holds, field);
        if (level == LEVEL_MASKED && !mask.n)
            mask = form_field_find(e->form, field)->mask;
    }
    json_out_object(out);
    print_head(call, e, out);
    json_out_member_id(out, "record", record);
    json_out_key(out, STR("field"));
    json_out_text(out, field.n ? arena_cstr(task_arena(), field) : NULL);
    print_can("can", actions, out);
    print_level("level", field.n > 0, level, out);
    json_out_key(out, STR("mask"));
    json_out_text(out, level == LEVEL_MASKED && mask.n ? arena_cstr(task_arena(), mask) : NULL);
    json_out_key(out, STR("grants"));
    json_out_array(out);
    for (size_t i = 0; e->grants && i < e->grants->n_grants; i++)
        print_one(call, e, e->grants->grants[i], (e->holds >> i & 1) != 0, field, out);
    print_broken(call, e, field, out);
    json_out_array_end(out);
    print_parent(call, e, out);
    json_out_object_end(out);
    json_out_end(out);
}

task_fn int rights_why(struct call *call, struct err *err)
{
    struct explanation explanation;
    struct str field = STR("");
    int64_t person, record;
    const struct form *form = catalog_form(call->caller.world->catalog, call->form);
    if (!form)
        return err_set(err, ERR_NOT_FOUND, "no such form");
    read_id(call, "person", true, &person, err);
    read_id(call, "record", false, &record, err);
    if (call_query(call, "field", &field, err) == 0 && field.n && !form_field_find(form, field))
        (void)err_add(err, task_arena(), STR("field"), FAULT_UNKNOWN, STR_NULL);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    int rc = rights_explain(&call->caller, call->form, person, record, &explanation, err);
    if (rc == 0)
        print_why(call, &explanation, record, field, &call->out);
    return rc;
}

/* ---- view as ------------------------------------------------------------------------------------------- */

/* What a made-up record holds, by the field's mask or type. */
static struct str made_up(const struct call *call, const struct field *field)
{
    static const struct {
        const char *word, *value;
    } VALUES[] = {{"name", "张晓明"}, {"phone", "13812345678"}, {"id_no", "110101199003070011"},
        {"card", "6222020200112233445"}, {"email", "zhang@example.com"},
        {"address", "北京市海淀区中关村大街1号"}, {"amount", "1200000.00"}, {"money", "1200000.00"},
        {"percent", "62.50"}, {"decimal", "12.50"}, {"integer", "12"}, {"number", "1.5"},
        {"url", "https://example.com"}, {"date", "2026-01-01"}, {"datetime", "2026-01-01T09:00:00Z"}};
    for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++)
        if (str_eq(field->mask, str_of(VALUES[i].word)))
            return str_of(VALUES[i].value);
    for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++)
        if (str_eq(str_of(field->type->key), str_of(VALUES[i].word)))
            return str_of(VALUES[i].value);
    if (field->n_options > 0)
        return label(call, field->options[0].label_zh, field->options[0].label_en);
    return label(call, field->label_zh, field->label_en);
}

static void print_sample_field(const struct call *call, const struct explanation *e, uint32_t holds,
    const struct field *field, struct json_out *out)
{
    enum access_level level = shown_level(field, policy_view_level(e->grants, holds, field->key));
    struct str mask = policy_view_mask(e->grants, holds, field->key), value = made_up(call, field);
    if (!mask.n)
        mask = field->mask.n ? field->mask : STR("text");
    json_out_object(out);
    json_out_member_str(out, "key", field->key);
    json_out_member_str(out, "label", label(call, field->label_zh, field->label_en));
    json_out_member_text(out, "level", access_level_key(level));
    json_out_key(out, STR("shown"));
    if (level == LEVEL_HIDDEN)
        json_out_null(out);
    else
        json_out_str(out, level == LEVEL_MASKED ? mask_apply(mask, value, task_arena()) : value);
    json_out_object_end(out);
}

static void print_sample(const struct call *call, const struct explanation *e, bool mine, const char *place,
    bool conditions, uint32_t holds, struct json_out *out)
{
    json_out_object(out);
    json_out_member_bool(out, "mine", mine);
    json_out_member_text(out, "place", place);
    json_out_member_bool(out, "conditions", conditions);
    print_can("can", policy_view_actions(e->grants, holds), out);
    json_out_key(out, STR("fields"));
    json_out_array(out);
    for (size_t i = 0; i < e->form->n_fields; i++)
        print_sample_field(call, e, holds, &e->form->fields[i], out);
    json_out_array_end(out);
    json_out_object_end(out);
}

/* A department of each kind of place, 0: there is none. */
static void find_places(const struct call *call, const struct explanation *e, int64_t places[3])
{
    const struct directory *directory = call->caller.world->directory;
    int64_t own = e->user->department_id;
    places[0] = own;
    for (size_t i = 0; i < directory->n_departments; i++) {
        int64_t id = directory->departments[i].id;
        bool below = own && directory_is_below(directory, id, own);
        if (below && id != own)
            places[1] = id;
        if (!below)
            places[2] = id;
    }
}

/* The grants that hold for a record of that owner and department, and these
 * conditions. */
static uint32_t holds_of_sample(
    const struct explanation *e, int64_t owner, int64_t department, uint32_t conditions)
{
    uint32_t holds = policy_holds(e->policy, e->grants, owner, department) | conditions;
    const struct policy_form *parent = e->parent_grants;
    if (!parent)
        return holds;
    uint32_t seen = policy_view_actions(parent, policy_holds(e->policy, parent, owner, department));
    for (size_t i = 0; i < e->grants->n_grants; i++)
        if (e->grants->grants[i]->row_rule == ROW_PARENT && (seen & (1u << ACTION_LIST | 1u << ACTION_READ)))
            holds |= UINT32_C(1) << i;
    return holds;
}

/* Records of his own and of others, in his department, below it and elsewhere; with conditions of grants all
 * unmet, and all met. Those that look the same are shown once. */
static void print_samples(const struct call *call, const struct explanation *e, struct json_out *out)
{
    enum { SAMPLES = 12 };
    static const char *const PLACES[] = {"department", "below", "elsewhere"};
    int64_t places[3] = {0};
    uint32_t seen[SAMPLES], conditions = 0;
    size_t n = 0;
    find_places(call, e, places);
    for (size_t i = 0; i < e->grants->n_grants; i++)
        if (e->grants->grants[i]->row_rule == ROW_CONDITION && !e->grants->grants[i]->broken)
            conditions |= UINT32_C(1) << i;
    for (int sample = 0; sample < SAMPLES; sample++) {
        bool met = sample >= SAMPLES / 2, mine = sample % 2 == 0;
        int64_t department = places[sample / 2 % 3];
        if ((met && !conditions) || (!department && sample / 2 % 3 != 2))
            continue;
        uint32_t holds = holds_of_sample(e, mine ? e->user->id : INT64_MAX, department, met ? conditions : 0);
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || seen[i] == holds;
        if (known)
            continue;
        seen[n++] = holds;
        print_sample(call, e, mine, PLACES[sample / 2 % 3], met, holds, out);
    }
}

task_fn int rights_view(struct call *call, struct err *err)
{
    struct explanation explanation;
    struct json_out *out = &call->out;
    int64_t person;
    if (!catalog_form(call->caller.world->catalog, call->form))
        return err_set(err, ERR_NOT_FOUND, "no such form");
    read_id(call, "person", true, &person, err);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    int rc = rights_explain(&call->caller, call->form, person, 0, &explanation, err);
    if (rc < 0)
        return rc;
    const struct explanation *e = &explanation;
    json_out_object(out);
    print_head(call, e, out);
    print_can("can", e->grants ? e->grants->actions : 0, out);
    json_out_key(out, STR("fields"));
    json_out_array(out);
    for (size_t i = 0; e->grants && i < e->form->n_fields; i++) {
        const struct field *field = &e->form->fields[i];
        json_out_object(out);
        json_out_member_str(out, "key", field->key);
        json_out_member_str(out, "label", label(call, field->label_zh, field->label_en));
        json_out_member_text(
            out, "access", access_level_key(shown_level(field, policy_best_level(e->grants, field->key))));
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_key(out, STR("samples"));
    json_out_array(out);
    if (e->grants)
        print_samples(call, e, out);
    json_out_array_end(out);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}
