/*
 * The matrix of a form as a request gives it, into grants. Everything is looked at before anything is
 * written: a grant that is saved compiles, and no person is left with more of them than a policy holds.
 */
#include "access/words.h"
#include "base/id.h"
#include "base/must.h"
#include "record/admin_int.h"

enum { GRANTS_OF_ROLE_MAX = 16, CONDITION_BYTES_MAX = 16384 };

struct raw_role {
    int64_t id;
    const struct json *grants;
};
static const struct json_field ROLE[] = {
    {"id", JSON_READ_ID, offsetof(struct raw_role, id), JSON_REQUIRED, 0, 0},
    {"grants", JSON_READ_ANY, offsetof(struct raw_role, grants), JSON_REQUIRED, 0, 0},
};

struct raw_grant {
    struct str rule;
    bool deny;
    const struct json *condition, *actions, *fields, *masks, *broken; /* broken: as an answer told it */
};
static const struct json_field GRANT[] = {
    {"rule", JSON_READ_STR, offsetof(struct raw_grant, rule), JSON_REQUIRED, 0, 20},
    {"condition", JSON_READ_ANY, offsetof(struct raw_grant, condition), 0, 0, 0},
    {"deny", JSON_READ_BOOL, offsetof(struct raw_grant, deny), 0, 0, 0},
    {"actions", JSON_READ_ANY, offsetof(struct raw_grant, actions), JSON_REQUIRED, 0, 0},
    {"fields", JSON_READ_ANY, offsetof(struct raw_grant, fields), JSON_REQUIRED, 0, 0},
    {"masks", JSON_READ_ANY, offsetof(struct raw_grant, masks), 0, 0, 0},
    {"broken", JSON_READ_ANY, offsetof(struct raw_grant, broken), 0, 0, 0},
};

struct reading {
    struct caller *caller;
    const struct form *form;
    struct err *err;
};

static void fault(struct reading *reading, struct str path, enum fault_code code, struct str limit)
{
    (void)err_add(reading->err, task_arena(), path, code, limit);
}

static struct str under(struct str path, const char *name)
{
    return arena_printf(task_arena(), "%.*s.%s", STR_ARGS(path), name);
}

static struct str place(struct str path, size_t i)
{
    return arena_printf(task_arena(), "%.*s[%zu]", STR_ARGS(path), i);
}

static bool is_array(struct reading *reading, const struct json *json, struct str path)
{
    if (json && json->kind == JSON_ARRAY)
        return true;
    if (json)
        fault(reading, path, FAULT_WRONG_TYPE, STR("array"));
    return false;
}

static bool is_object(struct reading *reading, const struct json *json, struct str path)
{
    if (json && json->kind == JSON_OBJECT)
        return true;
    if (json)
        fault(reading, path, FAULT_WRONG_TYPE, STR("object"));
    return false;
}

/* A condition that did not fit before may stay as it is, so that the others can be changed. */
static const struct err_item *stays_broken(const struct reading *reading, const struct grant *grant)
{
    const struct directory *directory = reading->caller->world->directory;
    for (size_t i = 0; i < directory->n_grants; i++) {
        const struct grant *other = &directory->grants[i];
        struct json *json;
        struct err ignored = {0};
        if (other->broken && other->role_id == grant->role_id && str_eq(other->form, grant->form) &&
            other->deny == grant->deny &&
            json_parse(task_arena(), other->condition, NULL, &json, &ignored) == 0 &&
            str_eq(json_of_tree(json), grant->condition))
            return other->broken;
    }
    return NULL;
}

static void read_condition(
    struct reading *reading, const struct json *json, struct str path, struct grant *grant)
{
    bool given = json && json->kind != JSON_NULL;
    const struct filter *filter;
    struct err found = {0};
    if (given != (grant->row_rule == ROW_CONDITION))
        fault(reading, path, given ? FAULT_BAD_VALUE : FAULT_REQUIRED, STR_NULL);
    if (!given || grant->row_rule != ROW_CONDITION)
        return;
    grant->condition = json_of_tree(json);
    if (condition_compile(reading->form, json, task_arena(), &filter, &found) < 0)
        grant->broken = stays_broken(reading, grant);
    if (!grant->broken)
        faults_under(path, STR("filter"), &found, reading->err);
    if (grant->condition.n > CONDITION_BYTES_MAX)
        fault(reading, path, FAULT_TOO_LONG, arena_printf(task_arena(), "%d", CONDITION_BYTES_MAX));
}

static void read_actions(
    struct reading *reading, const struct json *json, struct str path, struct grant *grant)
{
    if (!is_array(reading, json, path))
        return;
    for (size_t i = 0; i < json->array.n; i++) {
        const struct json *word = &json->array.at[i];
        uint32_t bit = 0;
        bool known = word->kind == JSON_STR && str_find(word->str, STR(" ")) == SIZE_MAX &&
                     access_actions_parse(word->str, &bit) && bit;
        if (!known)
            fault(reading, place(path, i), FAULT_NOT_AN_OPTION, STR_NULL);
        else if (grant->actions & bit)
            fault(reading, place(path, i), FAULT_DUPLICATE, STR_NULL);
        grant->actions |= bit;
    }
}

static void read_fields(
    struct reading *reading, const struct json *json, struct str path, struct grant *grant)
{
    grant->default_level = grant->deny ? LEVEL_WRITE : LEVEL_HIDDEN;
    if (!is_object(reading, json, path))
        return;
    grant->fields = arena_new_array(task_arena(), struct grant_field, json->object.n + 1);
    for (size_t i = 0; i < json->object.n; i++) {
        const struct json_member *member = &json->object.at[i];
        struct str at = arena_printf(task_arena(), "%.*s.%.*s", STR_ARGS(path), STR_ARGS(member->key));
        bool star = str_eq(member->key, STR("*"));
        enum access_level level = LEVEL_HIDDEN;
        if (!star && !form_field_find(reading->form, member->key))
            fault(reading, at, FAULT_UNKNOWN, STR_NULL);
        else if (member->value.kind != JSON_STR || !access_level_parse(member->value.str, &level))
            fault(reading, at, FAULT_NOT_AN_OPTION, STR_NULL);
        else if (star)
            grant->default_level = level;
        else
            grant->fields[grant->n_fields++] = (struct grant_field){member->key, level};
    }
}

static void read_masks(struct reading *reading, const struct json *json, struct str path, struct grant *grant)
{
    if (!json || json->kind == JSON_NULL || !is_object(reading, json, path))
        return;
    grant->masks = arena_new_array(task_arena(), struct grant_mask, json->object.n + 1);
    for (size_t i = 0; i < json->object.n; i++) {
        const struct json_member *member = &json->object.at[i];
        struct str at = arena_printf(task_arena(), "%.*s.%.*s", STR_ARGS(path), STR_ARGS(member->key));
        if (!form_field_find(reading->form, member->key))
            fault(reading, at, FAULT_UNKNOWN, STR_NULL);
        else if (member->value.kind != JSON_STR || !mask_is_known(member->value.str))
            fault(reading, at, FAULT_NOT_AN_OPTION, STR_NULL);
        else
            grant->masks[grant->n_masks++] = (struct grant_mask){member->key, member->value.str};
    }
}

/* A grant that gives nothing, or takes nothing, is a mistake. */
static bool does_something(const struct grant *grant)
{
    bool limits = grant->default_level != LEVEL_WRITE;
    for (size_t i = 0; i < grant->n_fields; i++)
        limits = limits || grant->fields[i].level != LEVEL_WRITE;
    return grant->actions != 0 || (grant->deny && limits);
}

static void read_grant(struct reading *reading, const struct json *json, struct str path, struct grant *grant)
{
    struct raw_grant raw = {0};
    size_t faults = reading->err->n_items;
    if (!is_object(reading, json, path))
        return;
    (void)json_read(json, JSON_FIELDS(GRANT), path, &raw, task_arena(), reading->err);
    grant->deny = raw.deny;
    bool known = row_rule_parse(raw.rule, &grant->row_rule) &&
                 (grant->row_rule != ROW_PARENT || reading->form->parent_form);
    if (raw.rule.p && !known)
        fault(reading, under(path, "rule"), FAULT_NOT_AN_OPTION, STR_NULL);
    if (known)
        read_condition(reading, raw.condition, under(path, "condition"), grant);
    read_actions(reading, raw.actions, under(path, "actions"), grant);
    read_fields(reading, raw.fields, under(path, "fields"), grant);
    read_masks(reading, raw.masks, under(path, "masks"), grant);
    (void)access_grant_sort(grant); /* an object has no key twice */
    if (reading->err->n_items == faults && !does_something(grant))
        fault(reading, under(path, "actions"), FAULT_REQUIRED, STR_NULL);
}

static const struct role *read_role(
    struct reading *reading, const struct json *json, struct str path, struct raw_role *raw)
{
    if (!is_object(reading, json, path))
        return NULL;
    (void)json_read(json, JSON_FIELDS(ROLE), path, raw, task_arena(), reading->err);
    if (!raw->id)
        return NULL;
    const struct role *role = directory_role(reading->caller->world->directory, raw->id);
    if (!role)
        fault(reading, under(path, "id"), FAULT_UNKNOWN, STR_NULL);
    if (!is_array(reading, raw->grants, under(path, "grants")))
        return NULL;
    if (raw->grants->array.n > GRANTS_OF_ROLE_MAX) {
        fault(reading, under(path, "grants"), FAULT_TOO_MANY,
            arena_printf(task_arena(), "%d", GRANTS_OF_ROLE_MAX));
        return NULL;
    }
    if (role && access_duties(role->rights) && raw->grants->array.n)
        fault(reading, under(path, "grants"), FAULT_SEPARATED, STR_NULL);
    return role;
}

static bool was_named(const struct json *roles, size_t before, int64_t id)
{
    for (size_t i = 0; i < before; i++) {
        const struct json *other =
            roles->array.at[i].kind == JSON_OBJECT ? json_get(&roles->array.at[i], STR("id")) : NULL;
        int64_t other_id;
        if (other && other->kind == JSON_STR && id_parse(other->str, &other_id) && other_id == id)
            return true;
    }
    return false;
}

static size_t grants_of_person(const struct user *user, const struct matrix *matrix)
{
    size_t n = 0;
    for (size_t r = 0; r < user->n_roles; r++)
        for (size_t g = 0; g < matrix->n_grants; g++)
            n += matrix->grants[g].role_id == user->roles[r];
    return n;
}

/* What holds of persons, who have several roles: a duty and customers' data never meet, and a policy has
 * room. */
static void check_people(struct reading *reading, const struct matrix *matrix)
{
    const struct directory *directory = reading->caller->world->directory;
    bool separated = false, many = false;
    for (size_t i = 0; i < directory->n_users; i++) {
        const struct user *user = &directory->users[i];
        size_t n = grants_of_person(user, matrix);
        separated = separated || (n > 0 && access_duties(directory_rights_of(directory, user)));
        many = many || n > POLICY_GRANTS_MAX;
    }
    if (separated)
        fault(reading, STR("roles"), FAULT_SEPARATED, STR_NULL);
    if (many)
        fault(reading, STR("roles"), FAULT_TOO_MANY, arena_printf(task_arena(), "%d", POLICY_GRANTS_MAX));
}

static size_t count_grants(const struct json *roles)
{
    size_t n = 0;
    for (size_t i = 0; i < roles->array.n; i++) {
        const struct json *grants =
            roles->array.at[i].kind == JSON_OBJECT ? json_get(&roles->array.at[i], STR("grants")) : NULL;
        n += grants && grants->kind == JSON_ARRAY ? grants->array.n : 0;
    }
    return n;
}

int matrix_parse(
    struct caller *caller, struct str form_key, const struct json *roles, struct matrix *ret, struct err *err)
{
    struct reading reading = {
        .caller = caller, .form = catalog_form(caller->world->catalog, form_key), .err = err};
    struct matrix matrix = {.form = reading.form};
    if (!reading.form)
        return err_set(err, ERR_NOT_FOUND, "no such form");
    if (!is_array(&reading, roles, STR("roles")))
        return -ERR_INVALID;
    matrix.grants = arena_new_array(task_arena(), struct grant, count_grants(roles) + 1);
    for (size_t i = 0; i < roles->array.n; i++) {
        struct str path = place(STR("roles"), i);
        struct raw_role raw = {0};
        const struct role *role = read_role(&reading, &roles->array.at[i], path, &raw);
        if (!role)
            continue;
        if (was_named(roles, i, role->id))
            fault(&reading, under(path, "id"), FAULT_DUPLICATE, STR_NULL);
        for (size_t g = 0; g < raw.grants->array.n; g++) {
            struct grant *grant = &matrix.grants[matrix.n_grants++];
            grant->role_id = role->id;
            grant->form = reading.form->key;
            read_grant(&reading, &raw.grants->array.at[g], place(under(path, "grants"), g), grant);
        }
    }
    if (err->code == ERR_NONE)
        check_people(&reading, &matrix);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    *ret = matrix;
    return 0;
}
