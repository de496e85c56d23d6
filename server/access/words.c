/*
 * The words in which rights are written down: in the database, in GET /session, in the designer. A word that
 * is not known is an error wherever it is read; nothing is skipped, since a right that is skipped is a right
 * that nobody can see is missing.
 */
#include "access/access_int.h"

#include "base/must.h"
#include "json/out.h"

#include <stdlib.h>

static const char *const RIGHT_KEYS[] = {
#define R(name, key) [RIGHT_##name] = key,
#include "access/rights.def"
#undef R
};
static const char *const ACTION_KEYS[] = {
    [ACTION_LIST] = "list",
    [ACTION_READ] = "read",
    [ACTION_CREATE] = "create",
    [ACTION_UPDATE] = "update",
    [ACTION_DELETE] = "delete",
    [ACTION_RESTORE] = "restore",
    [ACTION_HISTORY] = "history",
    [ACTION_EXPORT] = "export",
    [ACTION_PRINT] = "print",
    [ACTION_REVEAL] = "reveal",
};
static const char *const LEVEL_KEYS[] = {
    [LEVEL_HIDDEN] = "hidden",
    [LEVEL_MASKED] = "masked",
    [LEVEL_READ] = "read",
    [LEVEL_WRITE] = "write",
};
static const char *const RULE_KEYS[] = {
    [ROW_ALL] = "all",
    [ROW_OWNER] = "owner",
    [ROW_DEPARTMENT] = "department",
    [ROW_SUBTREE] = "subtree",
    [ROW_CONDITION] = "condition",
    [ROW_PARENT] = "parent",
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
_Static_assert(COUNT(RIGHT_KEYS) == RIGHT_COUNT && RIGHT_COUNT <= 32, "a bit for each right");
_Static_assert(COUNT(ACTION_KEYS) == ACTION_COUNT && ACTION_COUNT <= 32, "a bit for each action");

/* The index of the word in the table, or -1. */
static int find_word(const char *const *keys, size_t n, struct str word)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(word, str_of(keys[i])))
            return (int)i;
    }
    return -1;
}

static bool parse_set(const char *const *keys, size_t n, struct str text, uint32_t *ret_bits)
{
    uint32_t bits = 0;
    while (text.n) {
        struct str word = str_cut(&text, ' ');
        if (!word.n)
            continue;
        int i = find_word(keys, n, word);
        if (i < 0)
            return false;
        bits |= UINT32_C(1) << i;
    }
    *ret_bits = bits;
    return true;
}

static struct str print_set(const char *const *keys, size_t n, uint32_t bits, struct arena *arena)
{
    struct buf buf;
    buf_init(&buf, 4096);
    for (size_t i = 0; i < n; i++) {
        if (!(bits & UINT32_C(1) << i))
            continue;
        if (buf.n)
            buf_add_char(&buf, ' ');
        buf_add_text(&buf, keys[i]);
    }
    must(!buf.overflow);
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

const char *access_right_key(enum access_right right)
{
    must((unsigned)right < RIGHT_COUNT);
    return RIGHT_KEYS[right];
}

uint32_t access_duties(uint32_t rights)
{
    const uint32_t system = UINT32_C(1) << RIGHT_USERS_MANAGE | UINT32_C(1) << RIGHT_SYSTEM_MANAGE,
                   security = UINT32_C(1) << RIGHT_RIGHTS_MANAGE, audit = UINT32_C(1) << RIGHT_AUDIT_READ;
    return (rights & system ? DUTY_SYSTEM : 0u) | (rights & security ? DUTY_SECURITY : 0u) |
           (rights & audit ? DUTY_AUDIT : 0u);
}

const char *access_action_key(enum access_action action)
{
    must((unsigned)action < ACTION_COUNT);
    return ACTION_KEYS[action];
}

bool access_rights_parse(struct str text, uint32_t *ret_rights)
{
    return parse_set(RIGHT_KEYS, COUNT(RIGHT_KEYS), text, ret_rights);
}

struct str access_rights_print(uint32_t rights, struct arena *arena)
{
    return print_set(RIGHT_KEYS, COUNT(RIGHT_KEYS), rights, arena);
}

bool access_actions_parse(struct str text, uint32_t *ret_actions)
{
    return parse_set(ACTION_KEYS, COUNT(ACTION_KEYS), text, ret_actions);
}

struct str access_actions_print(uint32_t actions, struct arena *arena)
{
    return print_set(ACTION_KEYS, COUNT(ACTION_KEYS), actions, arena);
}

bool access_level_parse(struct str text, enum access_level *ret_level)
{
    int i = find_word(LEVEL_KEYS, COUNT(LEVEL_KEYS), text);
    if (i >= 0)
        *ret_level = (enum access_level)i;
    return i >= 0;
}

const char *access_level_key(enum access_level level)
{
    must((unsigned)level < COUNT(LEVEL_KEYS));
    return LEVEL_KEYS[level];
}

bool row_rule_parse(struct str text, enum row_rule *ret_rule)
{
    int i = find_word(RULE_KEYS, COUNT(RULE_KEYS), text);
    if (i >= 0)
        *ret_rule = (enum row_rule)i;
    return i >= 0;
}

const char *row_rule_key(enum row_rule rule)
{
    must((unsigned)rule < COUNT(RULE_KEYS));
    return RULE_KEYS[rule];
}

/* ---- the fields of a grant ----------------------------------------------------------------------------- */

static bool is_field_key(struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        bool letter = c >= 'a' && c <= 'z', later = (c >= '0' && c <= '9') || c == '_';
        if (!letter && (i == 0 || !later))
            return false;
    }
    return key.n && key.n < ACCESS_KEY_MAX;
}

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct grant_field *)a)->key, ((const struct grant_field *)b)->key);
}

static int by_masked_key(const void *a, const void *b)
{
    return str_cmp(((const struct grant_mask *)a)->key, ((const struct grant_mask *)b)->key);
}

bool access_grant_sort(struct grant *grant)
{
    bool good = true;
    if (grant->n_fields > 1)
        qsort(grant->fields, grant->n_fields, sizeof *grant->fields, by_key);
    if (grant->n_masks > 1)
        qsort(grant->masks, grant->n_masks, sizeof *grant->masks, by_masked_key);
    for (size_t i = 1; i < grant->n_fields; i++)
        good = good && !str_eq(grant->fields[i - 1].key, grant->fields[i].key);
    for (size_t i = 1; i < grant->n_masks; i++)
        good = good && !str_eq(grant->masks[i - 1].key, grant->masks[i].key);
    return good;
}

int access_fields_parse(struct str text, struct arena *arena, struct grant *grant, struct err *err)
{
    struct json *object;
    struct err why = {0};
    if (json_parse(arena, text, NULL, &object, &why) < 0)
        return err_set(err, ERR_CONFIG, "grant %lld: fields: %s", (long long)grant->id, why.detail);
    if (object->kind != JSON_OBJECT)
        return err_set(err, ERR_CONFIG, "grant %lld: fields is not an object", (long long)grant->id);
    size_t n = 0;
    enum access_level others = grant->deny ? LEVEL_WRITE : LEVEL_HIDDEN;
    struct grant_field *fields = arena_new_array(arena, struct grant_field, object->object.n + 1);
    for (size_t i = 0; i < object->object.n; i++) {
        const struct json_member *member = &object->object.at[i];
        enum access_level level;
        bool star = str_eq(member->key, STR("*"));
        if ((!star && !is_field_key(member->key)) || member->value.kind != JSON_STR ||
            !access_level_parse(member->value.str, &level))
            return err_set(err, ERR_CONFIG, "grant %lld: field \"%.*s\" or its level is not known",
                (long long)grant->id, STR_ARGS(member->key));
        if (star)
            others = level;
        else
            fields[n++] = (struct grant_field){arena_copy(arena, member->key), level};
    }
    grant->default_level = others;
    grant->fields = fields;
    grant->n_fields = n;
    (void)access_grant_sort(grant); /* the object had no key twice */
    return 0;
}

struct str access_fields_print(const struct grant *grant, struct arena *arena)
{
    struct buf buf;
    struct json_out out;
    buf_init(&buf, 65535); /* what the column holds; a form has 200 fields of 40 letters at most */
    json_out_init(&out, &buf);
    json_out_object(&out);
    json_out_member_text(&out, "*", access_level_key(grant->default_level));
    for (size_t i = 0; i < grant->n_fields; i++) {
        json_out_key(&out, grant->fields[i].key);
        json_out_text(&out, access_level_key(grant->fields[i].level));
    }
    json_out_object_end(&out);
    json_out_end(&out);
    must(!buf.overflow);
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

int access_masks_parse(struct str text, struct arena *arena, struct grant *grant, struct err *err)
{
    struct json *object;
    struct err why = {0};
    grant->masks = NULL;
    grant->n_masks = 0;
    if (!text.n)
        return 0;
    if (json_parse(arena, text, NULL, &object, &why) < 0 || object->kind != JSON_OBJECT)
        return err_set(err, ERR_CONFIG, "grant %lld: masks is not an object", (long long)grant->id);
    grant->masks = arena_new_array(arena, struct grant_mask, object->object.n + 1);
    for (size_t i = 0; i < object->object.n; i++) {
        const struct json_member *member = &object->object.at[i];
        if (!is_field_key(member->key) || member->value.kind != JSON_STR || !mask_is_known(member->value.str))
            return err_set(err, ERR_CONFIG, "grant %lld: field \"%.*s\" or its mask is not known",
                (long long)grant->id, STR_ARGS(member->key));
        grant->masks[grant->n_masks++] =
            (struct grant_mask){arena_copy(arena, member->key), arena_copy(arena, member->value.str)};
    }
    (void)access_grant_sort(grant);
    return 0;
}

struct str access_masks_print(const struct grant *grant, struct arena *arena)
{
    struct buf buf;
    struct json_out out;
    buf_init(&buf, 65535);
    json_out_init(&out, &buf);
    json_out_object(&out);
    for (size_t i = 0; i < grant->n_masks; i++) {
        json_out_key(&out, grant->masks[i].key);
        json_out_str(&out, grant->masks[i].mask);
    }
    json_out_object_end(&out);
    json_out_end(&out);
    must(!buf.overflow);
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}
