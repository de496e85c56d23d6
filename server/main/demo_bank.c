/*
 * Reading the demo bank's organisation. The file is ours, so a fault in it is a fault of the installation; it
 * is reported like any other, with the place, and nothing is loaded.
 *
 * Lists are read in the order in which they refer to each other: departments, roles, then users and grants,
 * which name both by key.
 */
#include "main/demo_bank.h"

#include "base/must.h"

#include <stdlib.h>

enum { LIST_MAX = 1000, NAME_MAX_CHARS = 100, KEY_MAX_CHARS = 40 };

struct reading {
    struct arena *arena;
    struct err *err;
    struct demo_bank bank;
};

struct raw_root {
    int64_t v;
    const struct json *departments, *roles, *users, *grants;
};
struct raw_department {
    struct str key, name, parent, region;
};
struct raw_role {
    struct str key, name_zh, name_en;
    const struct json *rights;
};
struct raw_user {
    struct str login, name, department, account;
    const struct json *roles;
};
struct raw_grant {
    struct str role, form, row_rule;
    const struct json *actions, *fields;
};

#define TEXT(raw, member, max)                                                                               \
    {                                                                                                        \
#member, JSON_READ_STR, offsetof(struct raw, member), JSON_REQUIRED, 1, max                          \
    }
#define PART(raw, member)                                                                                    \
    {                                                                                                        \
#member, JSON_READ_ANY, offsetof(struct raw, member), JSON_REQUIRED, 0, 0                            \
    }

static const struct json_field ROOT[] = {
    {"v", JSON_READ_INT, offsetof(struct raw_root, v), JSON_REQUIRED, 1, 1},
    PART(raw_root, departments),
    PART(raw_root, roles),
    PART(raw_root, users),
    PART(raw_root, grants),
};
static const struct json_field DEPARTMENT[] = {
    TEXT(raw_department, key, KEY_MAX_CHARS),
    TEXT(raw_department, name, NAME_MAX_CHARS),
    {"parent", JSON_READ_STR, offsetof(struct raw_department, parent), JSON_NULLABLE, 1, KEY_MAX_CHARS},
    {"region", JSON_READ_STR, offsetof(struct raw_department, region), JSON_NULLABLE, 6, 6},
};
static const struct json_field ROLE[] = {
    TEXT(raw_role, key, KEY_MAX_CHARS),
    TEXT(raw_role, name_zh, NAME_MAX_CHARS),
    TEXT(raw_role, name_en, NAME_MAX_CHARS),
    PART(raw_role, rights),
};
static const struct json_field USER[] = {
    TEXT(raw_user, login, 64),
    TEXT(raw_user, name, NAME_MAX_CHARS),
    TEXT(raw_user, department, KEY_MAX_CHARS),
    PART(raw_user, roles),
    TEXT(raw_user, account, 20),
};
static const struct json_field GRANT[] = {
    TEXT(raw_grant, role, KEY_MAX_CHARS),
    TEXT(raw_grant, form, KEY_MAX_CHARS),
    TEXT(raw_grant, row_rule, 20),
    PART(raw_grant, actions),
    PART(raw_grant, fields),
};

/* ---- parts ---- */

static void fault(struct reading *r, struct str path, enum fault_code code)
{
    (void)err_add(r->err, r->arena, path, code, STR_NULL);
}

static struct str place(struct reading *r, const char *list, size_t i)
{
    return arena_printf(r->arena, "%s[%zu]", list, i);
}

static struct str under(struct reading *r, struct str path, const char *member)
{
    return arena_printf(r->arena, "%.*s.%s", STR_ARGS(path), member);
}

/* The length of a list; 0, with a fault, for what is none. A missing one was reported by its descriptor. */
static size_t list_length(struct reading *r, const struct json *json, struct str path)
{
    if (!json)
        return 0;
    if (json->kind != JSON_ARRAY) {
        (void)err_add(r->err, r->arena, path, FAULT_WRONG_TYPE, STR("array"));
        return 0;
    }
    if (json->array.n > LIST_MAX) {
        (void)err_add(r->err, r->arena, path, FAULT_TOO_MANY, arena_printf(r->arena, "%d", LIST_MAX));
        return 0;
    }
    return json->array.n;
}

static const char *right_key(size_t i)
{
    return access_right_key((enum access_right)i);
}

static const char *action_key(size_t i)
{
    return access_action_key((enum access_action)i);
}

/* A list of words to bits. */
static uint32_t read_words(
    struct reading *r, const struct json *json, struct str path, const char *(*key)(size_t i), size_t n_keys)
{
    uint32_t bits = 0;
    size_t n = list_length(r, json, path);
    for (size_t i = 0; i < n; i++) {
        const struct json *word = &json->array.at[i];
        size_t k = 0;
        while (k < n_keys && (word->kind != JSON_STR || !str_eq(word->str, str_of(key(k)))))
            k++;
        if (k == n_keys)
            fault(r, arena_printf(r->arena, "%.*s[%zu]", STR_ARGS(path), i), FAULT_NOT_AN_OPTION);
        else
            bits |= UINT32_C(1) << k;
    }
    return bits;
}

static size_t find_department(const struct demo_bank *bank, struct str key)
{
    for (size_t i = 0; i < bank->n_departments; i++)
        if (str_eq(bank->departments[i].key, key))
            return i;
    return SIZE_MAX;
}

static size_t find_role(const struct demo_bank *bank, struct str key)
{
    for (size_t i = 0; i < bank->n_roles; i++)
        if (str_eq(bank->roles[i].key, key))
            return i;
    return SIZE_MAX;
}

/* ---- the four lists ---- */

static void read_department(struct reading *r, const struct json *json, struct str path)
{
    struct raw_department raw = {0};
    (void)json_read(json, JSON_FIELDS(DEPARTMENT), path, &raw, r->arena, r->err);
    if (find_department(&r->bank, raw.key) != SIZE_MAX)
        fault(r, under(r, path, "key"), FAULT_DUPLICATE);
    struct demo_department *department = &r->bank.departments[r->bank.n_departments];
    *department = (struct demo_department){raw.key, raw.name, raw.region, SIZE_MAX};
    if (raw.parent.n > 0) {
        department->parent = find_department(&r->bank, raw.parent);
        if (department->parent == SIZE_MAX)
            fault(r, under(r, path, "parent"), FAULT_UNKNOWN);
    }
    r->bank.n_departments++;
}

static void read_role(struct reading *r, const struct json *json, struct str path)
{
    struct raw_role raw = {0};
    (void)json_read(json, JSON_FIELDS(ROLE), path, &raw, r->arena, r->err);
    if (find_role(&r->bank, raw.key) != SIZE_MAX)
        fault(r, under(r, path, "key"), FAULT_DUPLICATE);
    struct demo_role *role = &r->bank.roles[r->bank.n_roles++];
    *role = (struct demo_role){raw.key, raw.name_zh, raw.name_en, 0};
    role->rights = read_words(r, raw.rights, under(r, path, "rights"), right_key, RIGHT_COUNT);
}

static void read_user_roles(
    struct reading *r, const struct json *json, struct str path, struct demo_user *user)
{
    size_t n = list_length(r, json, path);
    user->roles = arena_new_array(r->arena, size_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct json *key = &json->array.at[i];
        size_t role = key->kind == JSON_STR ? find_role(&r->bank, key->str) : SIZE_MAX;
        if (role == SIZE_MAX)
            fault(r, arena_printf(r->arena, "%.*s[%zu]", STR_ARGS(path), i), FAULT_UNKNOWN);
        else
            user->roles[user->n_roles++] = role;
    }
}

static void read_user(struct reading *r, const struct json *json, struct str path)
{
    static const struct {
        struct str word;
        enum demo_account account;
    } ACCOUNTS[] = {
        {{"login", 5}, DEMO_LOGIN}, {{"no_login", 8}, DEMO_NO_LOGIN}, {{"loader", 6}, DEMO_LOADER}};
    struct raw_user raw = {0};
    (void)json_read(json, JSON_FIELDS(USER), path, &raw, r->arena, r->err);
    for (size_t i = 0; i < r->bank.n_users; i++)
        if (str_eq_nocase(r->bank.users[i].login, raw.login))
            fault(r, under(r, path, "login"), FAULT_DUPLICATE);
    struct demo_user *user = &r->bank.users[r->bank.n_users++];
    *user = (struct demo_user){.login = raw.login, .name = raw.name};
    user->department = find_department(&r->bank, raw.department);
    if (user->department == SIZE_MAX)
        fault(r, under(r, path, "department"), FAULT_UNKNOWN);
    read_user_roles(r, raw.roles, under(r, path, "roles"), user);
    size_t i = 0;
    while (i < sizeof(ACCOUNTS) / sizeof(ACCOUNTS[0]) && !str_eq(ACCOUNTS[i].word, raw.account))
        i++;
    if (i == sizeof(ACCOUNTS) / sizeof(ACCOUNTS[0]))
        fault(r, under(r, path, "account"), FAULT_NOT_AN_OPTION);
    else
        user->account = ACCOUNTS[i].account;
}

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct grant_field *)a)->key, ((const struct grant_field *)b)->key);
}

/* {"*":"read","phone":"masked"}. Without "*" what is not named is hidden. */
static void read_levels(struct reading *r, const struct json *json, struct str path, struct demo_grant *grant)
{
    grant->default_level = LEVEL_HIDDEN;
    if (!json)
        return;
    if (json->kind != JSON_OBJECT) {
        (void)err_add(r->err, r->arena, path, FAULT_WRONG_TYPE, STR("object"));
        return;
    }
    grant->fields = arena_new_array(r->arena, struct grant_field, json->object.n + 1);
    for (size_t i = 0; i < json->object.n; i++) {
        const struct json_member *member = &json->object.at[i];
        enum access_level level = LEVEL_HIDDEN;
        if (member->value.kind != JSON_STR || !access_level_parse(member->value.str, &level))
            fault(r, arena_printf(r->arena, "%.*s.%.*s", STR_ARGS(path), STR_ARGS(member->key)),
                FAULT_NOT_AN_OPTION);
        else if (str_eq(member->key, STR("*")))
            grant->default_level = level;
        else
            grant->fields[grant->n_fields++] = (struct grant_field){member->key, level};
    }
    qsort(grant->fields, grant->n_fields, sizeof(*grant->fields), by_key);
}

static void read_grant(struct reading *r, const struct json *json, struct str path)
{
    struct raw_grant raw = {0};
    (void)json_read(json, JSON_FIELDS(GRANT), path, &raw, r->arena, r->err);
    struct demo_grant *grant = &r->bank.grants[r->bank.n_grants++];
    grant->form = raw.form;
    grant->role = find_role(&r->bank, raw.role);
    if (grant->role == SIZE_MAX)
        fault(r, under(r, path, "role"), FAULT_UNKNOWN);
    if (!row_rule_parse(raw.row_rule, &grant->row_rule))
        fault(r, under(r, path, "row_rule"), FAULT_NOT_AN_OPTION);
    grant->actions = read_words(r, raw.actions, under(r, path, "actions"), action_key, ACTION_COUNT);
    read_levels(r, raw.fields, under(r, path, "fields"), grant);
}

static void read_lists(struct reading *r, const struct raw_root *raw)
{
    struct demo_bank *bank = &r->bank;
    size_t n = list_length(r, raw->departments, STR("departments"));
    bank->departments = arena_new_array(r->arena, struct demo_department, n + 1);
    for (size_t i = 0; i < n; i++)
        read_department(r, &raw->departments->array.at[i], place(r, "departments", i));
    n = list_length(r, raw->roles, STR("roles"));
    bank->roles = arena_new_array(r->arena, struct demo_role, n + 1);
    for (size_t i = 0; i < n; i++)
        read_role(r, &raw->roles->array.at[i], place(r, "roles", i));
    n = list_length(r, raw->users, STR("users"));
    bank->users = arena_new_array(r->arena, struct demo_user, n + 1);
    size_t loaders = 0;
    for (size_t i = 0; i < n; i++) {
        read_user(r, &raw->users->array.at[i], place(r, "users", i));
        loaders += bank->users[i].account == DEMO_LOADER;
    }
    if (loaders > 1)
        fault(r, STR("users"), FAULT_DUPLICATE);
    n = list_length(r, raw->grants, STR("grants"));
    bank->grants = arena_new_array(r->arena, struct demo_grant, n + 1);
    for (size_t i = 0; i < n; i++)
        read_grant(r, &raw->grants->array.at[i], place(r, "grants", i));
}

int demo_bank_read(struct arena *arena, struct str text, struct demo_bank *ret_bank, struct err *err)
{
    struct reading r = {.arena = arena, .err = err};
    struct raw_root raw = {0};
    struct json *root = NULL;
    int rc = json_parse(arena, text, NULL, &root, err);
    if (rc < 0)
        return rc;
    if (root->kind != JSON_OBJECT)
        return err_add(err, arena, STR("organisation"), FAULT_WRONG_TYPE, STR("object"));
    (void)json_read(root, JSON_FIELDS(ROOT), STR(""), &raw, arena, err);
    read_lists(&r, &raw);
    if (err->code != ERR_NONE)
        return -(int)err->code;
    *ret_bank = r.bank;
    return 0;
}

/* ---- what the loader makes of it ---- */

size_t demo_bank_loader(const struct demo_bank *bank)
{
    for (size_t i = 0; i < bank->n_users; i++)
        if (bank->users[i].account == DEMO_LOADER)
            return i;
    return SIZE_MAX;
}

void demo_bank_owners(const struct demo_bank *bank, const int64_t *user_ids, const int64_t *department_ids,
    struct arena *arena, struct demo_org *ret_org)
{
    size_t clerk = find_role(bank, STR("clerk")), n = 0;
    struct demo_owner *owners = arena_new_array(arena, struct demo_owner, bank->n_users + 1);
    for (size_t i = 0; i < bank->n_users; i++) {
        const struct demo_user *user = &bank->users[i];
        const struct demo_department *department = &bank->departments[user->department];
        size_t k = 0;
        while (k < user->n_roles && user->roles[k] != clerk)
            k++;
        if (k == user->n_roles)
            continue;
        owners[n++] = (struct demo_owner){user_ids[i], department_ids[user->department],
            department->region.n > 0 ? arena_cstr(arena, department->region) : NULL};
    }
    *ret_org = (struct demo_org){owners, n};
}
