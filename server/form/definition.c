/*
 * From a definition in JSON to a form. Everything wrong with it is reported at once, with a path to the
 * place; nothing broken can be published. Unknown members are refused, so that a typing error does not become
 * a silent default.
 */
#include "form/types_int.h"
#include "text/pattern.h"

struct text_pair {
    struct str zh, en;
};

struct raw_form {
    int64_t v;
    struct str key, title_field;
    const struct json *label, *groups, *fields;
};

struct raw_field {
    struct str key, type, group, mask, min, max, role, format, form, pattern;
    const struct json *label, *options, *pattern_message;
    bool required, unique, searchable, sortable;
    int64_t max_length, scale, width;
};

struct raw_option {
    struct str key, color;
    const struct json *label;
    bool retired;
};

struct parse {
    struct arena *arena;
    struct err *err;
};

static const struct json_field FORM_MEMBERS[] = {
    {"v", JSON_READ_INT, offsetof(struct raw_form, v), JSON_REQUIRED, 1, 1},
    {"key", JSON_READ_STR, offsetof(struct raw_form, key), JSON_REQUIRED, 0, FORM_KEY_MAX},
    {"label", JSON_READ_ANY, offsetof(struct raw_form, label), JSON_REQUIRED, 0, 0},
    {"title_field", JSON_READ_STR, offsetof(struct raw_form, title_field), JSON_REQUIRED, 0, FORM_KEY_MAX},
    {"groups", JSON_READ_ANY, offsetof(struct raw_form, groups), JSON_REQUIRED, 0, 0},
    {"fields", JSON_READ_ANY, offsetof(struct raw_form, fields), JSON_REQUIRED, 0, 0},
};

static const struct json_field FIELD_MEMBERS[] = {
    {"key", JSON_READ_STR, offsetof(struct raw_field, key), JSON_REQUIRED, 0, FORM_KEY_MAX},
    {"type", JSON_READ_STR, offsetof(struct raw_field, type), JSON_REQUIRED, 0, 40},
    {"label", JSON_READ_ANY, offsetof(struct raw_field, label), JSON_REQUIRED, 0, 0},
    {"group", JSON_READ_STR, offsetof(struct raw_field, group), JSON_REQUIRED, 0, 40},
    {"required", JSON_READ_BOOL, offsetof(struct raw_field, required), 0, 0, 0},
    {"unique", JSON_READ_BOOL, offsetof(struct raw_field, unique), 0, 0, 0},
    {"searchable", JSON_READ_BOOL, offsetof(struct raw_field, searchable), 0, 0, 0},
    {"sortable", JSON_READ_BOOL, offsetof(struct raw_field, sortable), 0, 0, 0},
    {"mask", JSON_READ_STR, offsetof(struct raw_field, mask), 0, 0, 20},
    {"max_length", JSON_READ_INT, offsetof(struct raw_field, max_length), 0, 1, 20000},
    {"min", JSON_READ_STR, offsetof(struct raw_field, min), 0, 0, 40},
    {"max", JSON_READ_STR, offsetof(struct raw_field, max), 0, 0, 40},
    {"pattern", JSON_READ_STR, offsetof(struct raw_field, pattern), 0, 1, TEXT_PATTERN_MAX},
    {"pattern_message", JSON_READ_ANY, offsetof(struct raw_field, pattern_message), 0, 0, 0},
    {"scale", JSON_READ_INT, offsetof(struct raw_field, scale), 0, 0, 8},
    {"width", JSON_READ_INT, offsetof(struct raw_field, width), 0, 40, 800},
    {"options", JSON_READ_ANY, offsetof(struct raw_field, options), 0, 0, 0},
    {"role", JSON_READ_STR, offsetof(struct raw_field, role), 0, 0, 20},
    {"format", JSON_READ_STR, offsetof(struct raw_field, format), 0, 0, 20},
    {"form", JSON_READ_STR, offsetof(struct raw_field, form), 0, 0, FORM_KEY_MAX},
};

static const struct json_field OPTION_MEMBERS[] = {
    {"key", JSON_READ_STR, offsetof(struct raw_option, key), JSON_REQUIRED, 0, 32},
    {"label", JSON_READ_ANY, offsetof(struct raw_option, label), JSON_REQUIRED, 0, 0},
    {"color", JSON_READ_STR, offsetof(struct raw_option, color), 0, 0, 20},
    {"retired", JSON_READ_BOOL, offsetof(struct raw_option, retired), 0, 0, 0},
};

static const struct json_field LABEL_MEMBERS[] = {
    {"zh", JSON_READ_STR, offsetof(struct text_pair, zh), JSON_REQUIRED, 0, 100},
    {"en", JSON_READ_STR, offsetof(struct text_pair, en), JSON_REQUIRED, 0, 100},
};

static void fault(struct parse *p, struct str path, enum fault_code code)
{
    (void)err_add(p->err, p->arena, path, code, STR_NULL);
}

static struct str under(struct parse *p, struct str path, const char *name)
{
    return arena_printf(p->arena, "%.*s.%s", STR_ARGS(path), name);
}

/* Keys of forms and fields become names in SQL: [a-z][a-z0-9_]*, nothing else ever. */
static bool key_is_valid(struct str key, bool option)
{
    if (key.n == 0 || key.n > FORM_KEY_MAX)
        return false;
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        bool letter = c >= 'a' && c <= 'z', later = (c >= '0' && c <= '9') || c == '_';
        if (!letter && !(later && (i > 0 || option)))
            return false;
    }
    return true;
}

static void read_label(
    struct parse *p, const struct json *json, struct str path, struct str *zh, struct str *en)
{
    struct text_pair pair = {0};
    if (!json)
        return;
    if (json->kind != JSON_OBJECT) {
        (void)err_add(p->err, p->arena, path, FAULT_WRONG_TYPE, STR("object"));
        return;
    }
    (void)json_read(json, JSON_FIELDS(LABEL_MEMBERS), path, &pair, p->arena, p->err);
    *zh = arena_copy(p->arena, pair.zh);
    *en = arena_copy(p->arena, pair.en);
}

static size_t list_length(struct parse *p, const struct json *json, struct str path, size_t max)
{
    if (!json || json->kind != JSON_ARRAY) {
        (void)err_add(p->err, p->arena, path, FAULT_WRONG_TYPE, STR("array"));
        return 0;
    }
    if (json->array.n > max) {
        (void)err_add(p->err, p->arena, path, FAULT_TOO_MANY, arena_printf(p->arena, "%zu", max));
        return 0;
    }
    return json->array.n;
}

static void read_options(struct parse *p, const struct json *json, struct str path, struct field *field)
{
    if (!field->type || field->type->has_options != (json != NULL)) {
        fault(p, path, json ? FAULT_UNKNOWN : FAULT_REQUIRED);
        return;
    }
    if (!json)
        return;
    size_t n = list_length(p, json, path, FORM_OPTIONS_MAX);
    field->options = arena_new_array(p->arena, struct field_option, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct raw_option raw = {.color = STR("gray")};
        struct str at = arena_printf(p->arena, "%.*s[%zu]", STR_ARGS(path), i);
        (void)json_read(&json->array.at[i], JSON_FIELDS(OPTION_MEMBERS), at, &raw, p->arena, p->err);
        if (!key_is_valid(raw.key, true))
            fault(p, under(p, at, "key"), FAULT_BAD_VALUE);
        if (field_option_find(field, raw.key))
            fault(p, under(p, at, "key"), FAULT_DUPLICATE);
        struct field_option *option = &field->options[i];
        option->key = arena_copy(p->arena, raw.key);
        option->color = arena_copy(p->arena, raw.color);
        option->retired = raw.retired;
        read_label(p, raw.label, under(p, at, "label"), &option->label_zh, &option->label_en);
        field->n_options = i + 1;
    }
}

static void read_role(struct parse *p, struct str role, struct str path, struct field *field)
{
    enum field_reference wanted = REFERENCE_NONE;
    if (role.n == 0)
        return;
    if (str_eq(role, STR("owner"))) {
        field->role = FIELD_OWNER;
        wanted = REFERENCE_MEMBER;
    } else if (str_eq(role, STR("department"))) {
        field->role = FIELD_DEPARTMENT;
        wanted = REFERENCE_DEPARTMENT;
    } else if (str_eq(role, STR("parent"))) {
        field->role = FIELD_PARENT;
        wanted = REFERENCE_RECORD;
    }
    if (wanted == REFERENCE_NONE || !field->type || field->type->reference != wanted)
        fault(p, under(p, path, "role"), FAULT_BAD_VALUE);
}

/* A record is named by its form. What a viewer may see of it stands on the row itself, in copies. */
static void read_target(struct parse *p, const struct raw_field *raw, struct str path, struct field *field)
{
    bool names_record = field->type && field->type->reference == REFERENCE_RECORD;
    field->target = arena_copy(p->arena, raw->form);
    if (names_record ? !key_is_valid(raw->form, false) : raw->form.n > 0)
        fault(p, under(p, path, "form"), names_record ? FAULT_REQUIRED : FAULT_UNKNOWN);
    if (!names_record)
        return;
    if (field->role == FIELD_PARENT && !raw->required)
        fault(p, under(p, path, "required"), FAULT_REQUIRED);
    if (raw->unique || raw->mask.n)
        fault(p, under(p, path, raw->unique ? "unique" : "mask"), FAULT_BAD_VALUE);
}

/* What is asked beside the type must be something that the type knows. */
static void refuse_rule(struct parse *p, const struct field *field, bool asked, enum field_rule rule,
    struct str path, const char *name)
{
    if (asked && field->type && !(field->type->rules & rule))
        fault(p, under(p, path, name), FAULT_BAD_VALUE);
}

static void read_pattern(struct parse *p, const struct raw_field *raw, struct str path, struct field *field)
{
    refuse_rule(p, field, raw->pattern.n > 0, RULE_PATTERN, path, "pattern");
    if (raw->pattern_message && !raw->pattern.n)
        fault(p, under(p, path, "pattern_message"), FAULT_UNKNOWN);
    if (!raw->pattern.n)
        return;
    field->pattern_text = arena_copy(p->arena, raw->pattern);
    field->pattern = text_pattern_new(p->arena, field->pattern_text);
    if (!field->pattern)
        fault(p, under(p, path, "pattern"), FAULT_BAD_VALUE);
    read_label(
        p, raw->pattern_message, under(p, path, "pattern_message"), &field->pattern_zh, &field->pattern_en);
}

static void read_rules(struct parse *p, const struct raw_field *raw, struct str path, struct field *field)
{
    enum { NO_SCALE_GIVEN = -1, SCALE_DEFAULT = 2 };
    refuse_rule(p, field, raw->scale != NO_SCALE_GIVEN, RULE_SCALE, path, "scale");
    refuse_rule(p, field, raw->max_length > 0, RULE_LENGTH, path, "max_length");
    refuse_rule(p, field, raw->sortable, RULE_SORTED, path, "sortable");
    refuse_rule(p, field, raw->unique, RULE_UNIQUE, path, "unique");
    field->scale = raw->scale == NO_SCALE_GIVEN ? SCALE_DEFAULT : raw->scale;
    field->max_length = raw->max_length;
    field->width = raw->width;
    field->min = arena_copy(p->arena, raw->min);
    field->max = arena_copy(p->arena, raw->max);
    if (field->type)
        field_set_range(field, path, p->arena, p->err);
    read_pattern(p, raw, path, field);
}

static void read_field(struct parse *p, const struct json *json, struct str path, struct field *field)
{
    struct raw_field raw = {.scale = -1, .width = 140};
    (void)json_read(json, JSON_FIELDS(FIELD_MEMBERS), path, &raw, p->arena, p->err);
    if (!key_is_valid(raw.key, false))
        fault(p, under(p, path, "key"), FAULT_BAD_VALUE);
    field->type = field_type_find(raw.type);
    if (!field->type)
        fault(p, under(p, path, "type"), FAULT_NOT_AN_OPTION);
    field->key = arena_copy(p->arena, raw.key);
    field->group = arena_copy(p->arena, raw.group);
    field->mask = arena_copy(p->arena, raw.mask);
    field->format = arena_copy(p->arena, raw.format);
    field->required = raw.required;
    field->unique = raw.unique;
    field->searchable = raw.searchable;
    field->sortable = raw.sortable;
    read_label(p, raw.label, under(p, path, "label"), &field->label_zh, &field->label_en);
    read_role(p, raw.role, path, field);
    read_target(p, &raw, path, field);
    read_rules(p, &raw, path, field);
    read_options(p, raw.options, under(p, path, "options"), field);
    if (raw.searchable && field->type && field->type->search == SEARCH_NONE)
        fault(p, under(p, path, "searchable"), FAULT_BAD_VALUE);
    const char *own = field->type ? field->type->own_column : NULL;
    if (own && raw.required) /* it is filled in by nobody */
        fault(p, under(p, path, "required"), FAULT_BAD_VALUE);
    field->column = own                               ? str_of(own)
                    : field->role == FIELD_OWNER      ? STR("_owner")
                    : field->role == FIELD_DEPARTMENT ? STR("_department")
                                                      : field->key;
}

static void read_groups(struct parse *p, const struct json *json, struct form *form)
{
    size_t n = list_length(p, json, STR("groups"), 50);
    form->groups = arena_new_array(p->arena, struct form_group, n + 1);
    static const struct json_field MEMBERS[] = {
        {"key", JSON_READ_STR, offsetof(struct raw_option, key), JSON_REQUIRED, 0, FORM_KEY_MAX},
        {"label", JSON_READ_ANY, offsetof(struct raw_option, label), JSON_REQUIRED, 0, 0},
    };
    for (size_t i = 0; i < n; i++) {
        struct raw_option raw = {0};
        struct str at = arena_printf(p->arena, "groups[%zu]", i);
        (void)json_read(&json->array.at[i], JSON_FIELDS(MEMBERS), at, &raw, p->arena, p->err);
        form->groups[i].key = arena_copy(p->arena, raw.key);
        read_label(p, raw.label, under(p, at, "label"), &form->groups[i].label_zh, &form->groups[i].label_en);
        form->n_groups = i + 1;
    }
}

static bool group_is_known(const struct form *form, struct str key)
{
    for (size_t i = 0; i < form->n_groups; i++)
        if (str_eq(form->groups[i].key, key))
            return true;
    return false;
}

static void add_reference(struct parse *p, struct form *form, struct field *field)
{
    if (!field->type || field->type->reference != REFERENCE_RECORD || field->role == FIELD_PARENT)
        return;
    if (form->n_references == FORM_REFERENCES_MAX) {
        (void)err_add(p->err, p->arena, STR("fields"), FAULT_TOO_MANY,
            arena_printf(p->arena, "%d", FORM_REFERENCES_MAX));
        return;
    }
    field->reference = form->n_references;
    form->references[form->n_references++] = field->index;
}

static void read_fields(struct parse *p, const struct json *json, struct form *form)
{
    size_t n = list_length(p, json, STR("fields"), FORM_FIELDS_MAX);
    form->fields = arena_new_array(p->arena, struct field, n + 1);
    form->owner = form->department = form->parent = -1;
    for (size_t i = 0; i < n; i++) {
        struct field *field = &form->fields[i];
        struct str at = arena_printf(p->arena, "fields[%zu]", i);
        field->index = i;
        read_field(p, &json->array.at[i], at, field);
        if (form_field_find(form, field->key))
            fault(p, under(p, at, "key"), FAULT_DUPLICATE);
        for (size_t j = 0; j < i; j++) /* columns of ours: one field each */
            if (field->type && field->type->own_column && form->fields[j].type == field->type)
                fault(p, under(p, at, "type"), FAULT_DUPLICATE);
        if (!group_is_known(form, field->group))
            fault(p, under(p, at, "group"), FAULT_UNKNOWN);
        ptrdiff_t *role = field->role == FIELD_OWNER    ? &form->owner
                          : field->role == FIELD_PARENT ? &form->parent
                                                        : &form->department;
        if (field->role != FIELD_PLAIN) {
            if (*role >= 0)
                fault(p, under(p, at, "role"), FAULT_DUPLICATE);
            *role = (ptrdiff_t)i;
        }
        add_reference(p, form, field);
        form->n_fields = i + 1;
    }
    if (form->parent >= 0 && (form->owner >= 0 || form->department >= 0)) /* they are its parent's */
        fault(p, STR("fields"), FAULT_BAD_VALUE);
}

const struct field *form_field_find(const struct form *form, struct str key)
{
    for (size_t i = 0; i < form->n_fields; i++)
        if (str_eq(form->fields[i].key, key))
            return &form->fields[i];
    return NULL;
}

int form_parse(struct arena *arena, const struct json *definition, struct form *ret_form, struct err *err)
{
    struct parse p = {.arena = arena, .err = err};
    struct raw_form raw = {0};
    struct form form = {.version = 1};
    if (definition->kind != JSON_OBJECT)
        return err_add(err, arena, STR("definition"), FAULT_WRONG_TYPE, STR("object"));
    (void)json_read(definition, JSON_FIELDS(FORM_MEMBERS), STR(""), &raw, arena, err);
    if (!key_is_valid(raw.key, false))
        fault(&p, STR("key"), FAULT_BAD_VALUE);
    form.key = arena_copy(arena, raw.key);
    form.table = arena_printf(arena, "rec_%.*s", STR_ARGS(form.key));
    read_label(&p, raw.label, STR("label"), &form.label_zh, &form.label_en);
    read_groups(&p, raw.groups, &form);
    read_fields(&p, raw.fields, &form);
    const struct field *title = form_field_find(&form, raw.title_field);
    if (!title)
        fault(&p, STR("title_field"), FAULT_UNKNOWN);
    else
        form.title = title->index;
    if (err->code != ERR_NONE)
        return -(int)err->code;
    *ret_form = form;
    return 0;
}
