/*
 * The log in words: what our own tables and their columns are called, and what their values say. Nobody who
 * reads the log needs to know how a table is named inside.
 */
#include "access/words.h"
#include "base/id.h"
#include "record/admin_int.h"

enum word_kind {
    TEXT,
    PERSON,
    ROLE,
    DEPARTMENT,
    FORM,
    BOOL,
    RIGHTS,
    ACTIONS,
    LEVELS,
    MASKS,
    RULE,
    CONDITION,
    STATE,
    SECRET
};

static const struct word {
    const char *table, *column, *zh, *en;
    enum word_kind kind;
} WORDS[] = {
#define W(table, column, zh, en, kind) {table, column, zh, en, kind},
#include "record/log_words.def"
#undef W
};

/* Words that stand as values. */
static const struct value {
    enum word_kind kind;
    const char *key, *zh, *en;
} VALUES[] = {
    {BOOL, "true", "是", "yes"},
    {BOOL, "false", "否", "no"},
    {RIGHTS, "audit.read", "查阅审计日志", "read the log"},
    {RIGHTS, "users.manage", "管理账号", "manage accounts"},
    {RIGHTS, "rights.manage", "管理角色与权限", "manage roles and rights"},
    {RIGHTS, "forms.design", "设计表单", "design forms"},
    {RIGHTS, "system.manage", "运行维护", "run the system"},
    {ACTIONS, "list", "列表", "list"},
    {ACTIONS, "read", "查看", "read"},
    {ACTIONS, "create", "新建", "create"},
    {ACTIONS, "update", "修改", "update"},
    {ACTIONS, "delete", "删除", "delete"},
    {ACTIONS, "restore", "恢复", "restore"},
    {ACTIONS, "history", "查看历史", "see the history"},
    {ACTIONS, "export", "导出", "export"},
    {ACTIONS, "print", "打印", "print"},
    {ACTIONS, "reveal", "显示原文", "reveal"},
    {LEVELS, "hidden", "隐藏", "hidden"},
    {LEVELS, "masked", "脱敏", "masked"},
    {LEVELS, "read", "只读", "read"},
    {LEVELS, "write", "可写", "write"},
    {RULE, "all", "全部记录", "all records"},
    {RULE, "owner", "本人的记录", "own records"},
    {RULE, "department", "本部门的记录", "own department's records"},
    {RULE, "subtree", "本部门及下级的记录", "own department and below"},
    {RULE, "parent", "随所属记录", "as the record they belong to"},
    {RULE, "condition", "满足条件的记录", "records that meet a condition"},
    {STATE, "publishing", "正在发布", "being published"},
    {STATE, "live", "已启用", "live"},
    {STATE, "done", "已载入", "loaded"},
};

static struct str in_language(const struct caller *caller, const char *zh, const char *en)
{
    return str_of(caller->lang == ERR_LANG_EN ? en : zh);
}

static const struct word *word_of(struct str table, struct str column)
{
    enum { PREFIX = 3 }; /* "_o_customer": what a row holds of the record that its field names */
    if (column.n > PREFIX && column.p[0] == '_' && column.p[PREFIX - 1] == '_')
        column.n = PREFIX;
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
        if ((str_eq(table, str_of(WORDS[i].table)) || str_eq(STR("*"), str_of(WORDS[i].table))) &&
            str_eq(column, str_of(WORDS[i].column)))
            return &WORDS[i];
    return NULL;
}

struct str log_table_word(const struct caller *caller, struct str table)
{
    const struct word *word = word_of(table, STR(""));
    return word ? in_language(caller, word->zh, word->en) : STR_NULL;
}

struct str log_column_word(const struct caller *caller, struct str table, struct str column)
{
    const struct word *word = word_of(table, column);
    return word ? in_language(caller, word->zh, word->en) : column;
}

static struct str value_word(const struct caller *caller, enum word_kind kind, struct str key)
{
    for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++)
        if (VALUES[i].kind == kind && str_eq(key, str_of(VALUES[i].key)))
            return in_language(caller, VALUES[i].zh, VALUES[i].en);
    return key;
}

static struct str name_behind(const struct caller *caller, enum word_kind kind, struct str text)
{
    const struct directory *directory = caller->world->directory;
    int64_t id = 0;
    if (!id_parse(text, &id))
        return text;
    if (kind == PERSON) {
        const struct user *user = directory_user(directory, id);
        return user ? user->name : text;
    }
    if (kind == DEPARTMENT) {
        const struct department *department = directory_department(directory, id);
        return department ? department->name : text;
    }
    const struct role *role = directory_role(directory, id);
    return role ? (caller->lang == ERR_LANG_EN ? role->name_en : role->name_zh) : text;
}

static struct str joined(const struct caller *caller, struct str text, struct str more)
{
    const char *between = text.n == 0 ? "" : caller->lang == ERR_LANG_EN ? ", " : "、";
    return arena_printf(task_arena(), "%.*s%s%.*s", STR_ARGS(text), between, STR_ARGS(more));
}

static struct str list_text(const struct caller *caller, enum word_kind kind, const struct json *value)
{
    struct str text = STR("");
    for (size_t i = 0; i < value->array.n; i++)
        if (value->array.at[i].kind == JSON_STR)
            text = joined(caller, text, value_word(caller, kind, value->array.at[i].str));
    return text;
}

/* A field's label; of one that is gone, or of a form that is not told, the key. */
static struct str field_name(const struct caller *caller, const struct form *subject, struct str key)
{
    const struct field *field = subject ? form_field_find(subject, key) : NULL;
    if (str_eq(key, STR("*")))
        return in_language(caller, "其他字段", "other fields");
    return !field ? key : caller->lang == ERR_LANG_EN ? field->label_en : field->label_zh;
}

/* {"*":"read","phone":"masked"} */
static struct str fields_text(
    const struct caller *caller, enum word_kind kind, const struct form *subject, const struct json *value)
{
    struct str text = STR("");
    for (size_t i = 0; i < value->object.n; i++) {
        const struct json_member *member = &value->object.at[i];
        struct str key = field_name(caller, subject, member->key);
        struct str level =
            member->value.kind == JSON_STR ? value_word(caller, kind, member->value.str) : STR("");
        text = joined(caller, text, arena_printf(task_arena(), "%.*s: %.*s", STR_ARGS(key), STR_ARGS(level)));
    }
    return text;
}

static struct str form_name(const struct caller *caller, struct str key)
{
    const struct form *form = catalog_form(caller->world->catalog, key);
    return !form ? key : caller->lang == ERR_LANG_EN ? form->label_en : form->label_zh;
}

const struct form *log_subject(const struct caller *caller, const struct json *changes)
{
    for (size_t i = 0; i < changes->array.n; i++) {
        const struct json *change = &changes->array.at[i];
        const struct json *field = change->kind == JSON_OBJECT ? json_get(change, STR("field")) : NULL;
        if (!field || field->kind != JSON_STR || !str_eq(field->str, STR("form")))
            continue;
        const struct json *after = json_get(change, STR("after")), *before = json_get(change, STR("before"));
        const struct json *key = after && after->kind == JSON_STR ? after : before;
        return key && key->kind == JSON_STR ? catalog_form(caller->world->catalog, key->str) : NULL;
    }
    return NULL;
}

struct str log_value_text(const struct caller *caller, struct str table, struct str column,
    const struct form *subject, const struct json *value)
{
    const struct word *word = word_of(table, column);
    enum word_kind kind = word ? word->kind : TEXT;
    if (!value || value->kind == JSON_NULL || kind == SECRET)
        return STR_NULL;
    if (value->kind == JSON_BOOL)
        return value_word(caller, BOOL, value->boolean ? STR("true") : STR("false"));
    if (value->kind == JSON_ARRAY)
        return list_text(caller, kind, value);
    if (value->kind == JSON_OBJECT && (kind == LEVELS || kind == MASKS))
        return fields_text(caller, kind, subject, value);
    if (value->kind != JSON_STR)
        return json_of_tree(value);
    if (kind == PERSON || kind == ROLE || kind == DEPARTMENT)
        return name_behind(caller, kind, value->str);
    if (kind == FORM)
        return form_name(caller, value->str);
    return value_word(caller, kind, value->str);
}
