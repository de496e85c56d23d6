/*
 * The log as an auditor sees it: who, when, what, before and after; values of fields that have a mask are
 * masked, the others shown (CONTRACT 4), so that the log is no back door to what the auditor may not read.
 * The look itself is an event.
 */
#include "audit/seal_store.h"
#include "record/plan_int.h"

enum { LOG_LIMIT_MAX = 200 };

static void print_masked_value(struct str mask, const struct json *value, struct json_out *out)
{
    if (!value || value->kind == JSON_NULL)
        json_out_null(out);
    else
        json_out_str(out, mask_apply(mask, value->kind == JSON_STR ? value->str : STR("0"), task_arena()));
}

static void print_plain_value(const struct json *value, struct json_out *out)
{
    if (value)
        json_out_tree(out, value);
    else
        json_out_null(out);
}

/* The text that a person reads for a value of the field: labels, names of people and departments. */
static struct str value_text(const struct caller *caller, const struct field *field, const struct json *value)
{
    struct arena *arena = task_arena();
    struct db_val stored = {0};
    struct err ignored = {0};
    if (!value || value->kind == JSON_NULL)
        return STR_NULL;
    if (field->type->is_automatic || field->type->parse(field, value, STR(""), arena, &stored, &ignored) < 0)
        return value->kind == JSON_STR ? value->str : STR_NULL;
    if (field->type->reference == REFERENCE_MEMBER && stored.kind == DB_INT) {
        const struct user *user = directory_user(caller->world->directory, stored.i);
        return user ? user->name : STR_NULL;
    }
    if (field->type->reference == REFERENCE_DEPARTMENT && stored.kind == DB_INT) {
        const struct department *department = directory_department(caller->world->directory, stored.i);
        return department ? department->name : STR_NULL;
    }
    return field_display(field, &stored, caller->lang, arena);
}

/* One change of one event: where it was made. */
struct place {
    struct str table, column;
    const struct field *field;  /* of a form's record */
    const struct form *subject; /* that a change of rights is about */
};

static void print_side(const struct caller *caller, const struct place *place, const char *name,
    const struct json *value, struct json_out *out)
{
    const struct field *field = place->field;
    bool masked = field && field->mask.n > 0;
    json_out_key(out, str_of(name));
    if (masked)
        print_masked_value(field->mask, value, out);
    else
        print_plain_value(value, out);
    json_out_key(out, arena_printf(task_arena(), "%s_text", name));
    if (masked) {
        print_masked_value(field->mask, value, out);
        return;
    }
    struct str text = field ? value_text(caller, field, value)
                            : log_value_text(caller, place->table, place->column, place->subject, value);
    if (text.p)
        json_out_str(out, text);
    else
        json_out_null(out);
}

static void print_change(const struct caller *caller, struct str table, const struct form *form,
    const struct form *subject, const struct json *change, struct json_out *out)
{
    const struct json *key = change->kind == JSON_OBJECT ? json_get(change, STR("field")) : NULL;
    if (!key || key->kind != JSON_STR)
        return;
    const struct field *field = form ? form_field_find(form, key->str) : NULL;
    json_out_object(out);
    json_out_member_str(out, "field", key->str);
    json_out_member_str(out, "label",
        !field                        ? log_column_word(caller, table, key->str)
        : caller->lang == ERR_LANG_EN ? field->label_en
                                      : field->label_zh);
    const struct place place = {table, key->str, field, subject};
    print_side(caller, &place, "before", json_get(change, STR("before")), out);
    print_side(caller, &place, "after", json_get(change, STR("after")), out);
    json_out_object_end(out);
}

static void print_changes(const struct caller *caller, const struct audit_row *row, struct json_out *out)
{
    struct json *changes = NULL;
    struct err ignored = {0};
    struct json_limits limits = {.max_bytes = 16 << 20, .max_nodes = 1000000};
    const struct form *form = catalog_form(caller->world->catalog, row->form);
    json_out_key(out, STR("changes"));
    json_out_array(out);
    if (row->changes.n && json_parse(task_arena(), row->changes, &limits, &changes, &ignored) == 0 &&
        changes->kind == JSON_ARRAY)
        for (size_t i = 0; i < changes->array.n; i++)
            print_change(caller, row->form, form, log_subject(caller, changes), &changes->array.at[i], out);
    json_out_array_end(out);
}

static void print_actor(const struct caller *caller, const struct audit_row *row, struct json_out *out)
{
    const struct user *user = row->actor_id ? directory_user(caller->world->directory, row->actor_id) : NULL;
    json_out_key(out, STR("actor"));
    if (!row->actor_id) {
        json_out_null(out);
        return;
    }
    json_out_object(out);
    json_out_member_id(out, "id", row->actor_id);
    json_out_member_str(out, "title", user ? user->name : row->login);
    json_out_object_end(out);
}

static void print_filter(const struct form *form, const struct json *tree, struct json_out *out);

static void print_compared(struct str mask, const struct json *value, struct json_out *out)
{
    if (value->kind != JSON_ARRAY) {
        print_masked_value(mask, value, out);
        return;
    }
    json_out_array(out);
    for (size_t i = 0; i < value->array.n; i++)
        print_compared(mask, &value->array.at[i], out);
    json_out_array_end(out);
}

/* A term's value is masked as the field's own; that of a field that there is no more, whole. */
static void print_term(const struct form *form, const struct json *term, struct json_out *out)
{
    const struct json *key = json_get(term, STR("field"));
    const struct field *field = form && key && key->kind == JSON_STR ? form_field_find(form, key->str) : NULL;
    struct str mask = field ? field->mask : STR("text");
    json_out_object(out);
    for (size_t i = 0; i < term->object.n; i++) {
        const struct json_member *member = &term->object.at[i];
        json_out_key(out, member->key);
        if (mask.n && str_eq(member->key, STR("value")))
            print_compared(mask, &member->value, out);
        else
            print_filter(form, &member->value, out);
    }
    json_out_object_end(out);
}

/* A filter that was asked with: its depth was bounded when it was. */
static void print_filter(const struct form *form, const struct json *tree, struct json_out *out)
{
    if (tree->kind == JSON_OBJECT) {
        print_term(form, tree, out);
    } else if (tree->kind == JSON_ARRAY) {
        json_out_array(out);
        for (size_t i = 0; i < tree->array.n; i++)
            print_filter(form, &tree->array.at[i], out);
        json_out_array_end(out);
    } else {
        json_out_tree(out, tree);
    }
}

/* What was searched for may be a name or a number that has a mask, so it is masked as a name is. */
static void print_detail(const struct caller *caller, const struct audit_row *row, struct json_out *out)
{
    struct json *detail = NULL;
    struct err ignored = {0};
    json_out_key(out, STR("detail"));
    if (row->detail.n == 0 || json_parse(task_arena(), row->detail, NULL, &detail, &ignored) < 0 ||
        detail->kind != JSON_OBJECT) {
        json_out_null(out);
        return;
    }
    json_out_object(out);
    for (size_t i = 0; i < detail->object.n; i++) {
        const struct json_member *member = &detail->object.at[i];
        json_out_key(out, member->key);
        if (str_eq(member->key, STR("q")))
            print_masked_value(STR("name"), &member->value, out);
        else if (str_eq(member->key, STR("filter")))
            print_filter(catalog_form(caller->world->catalog, row->form), &member->value, out);
        else
            json_out_tree(out, &member->value);
    }
    json_out_object_end(out);
}

static void print_text_or_null(const char *key, struct str text, struct json_out *out)
{
    json_out_key(out, str_of(key));
    if (text.n)
        json_out_str(out, text);
    else
        json_out_null(out);
}

/* The form's name in the caller's language: whoever reads the log may not see the form itself. */
static struct str form_label(const struct caller *caller, struct str key)
{
    const struct form *form = key.n ? catalog_form(caller->world->catalog, key) : NULL;
    if (!form)
        return log_table_word(caller, key);
    return caller->lang == ERR_LANG_EN ? form->label_en : form->label_zh;
}

void log_print_event(
    const struct caller *caller, const struct audit_row *row, struct str pos, struct json_out *out)
{
    json_out_object(out);
    json_out_member_id(out, "id", row->id);
    json_out_member_instant(out, "at", row->at_us);
    print_actor(caller, row, out);
    json_out_member_str(out, "login", row->login);
    json_out_member_str(out, "action", row->action);
    print_text_or_null("form", row->form, out);
    print_text_or_null("form_label", form_label(caller, row->form), out);
    json_out_member_id(out, "record", row->record);
    json_out_key(out, STR("records"));
    json_out_array(out);
    for (size_t i = 0; i < row->n_records; i++)
        json_out_id(out, row->records[i]);
    json_out_array_end(out);
    print_changes(caller, row, out);
    json_out_member_id(out, "session", row->session);
    print_text_or_null("address", row->address, out);
    print_text_or_null("request", row->request, out);
    print_detail(caller, row, out);
    /* The event's own row cannot know its position: the feed tells it to the live tail, the sealer to all. */
    print_text_or_null("pos", pos, out);
    json_out_object_end(out);
}

static struct str look_detail(const struct audit_filter *filter, size_t n)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_object(&out);
    json_out_member_int(&out, "events", (int64_t)n);
    if (filter->login.n)
        json_out_member_str(&out, "actor", filter->login);
    if (filter->form.n)
        json_out_member_str(&out, "form", filter->form);
    if (filter->record)
        json_out_member_id(&out, "record", filter->record);
    if (filter->has_action)
        json_out_member_text(&out, "action", audit_action_name(filter->action));
    json_out_object_end(&out);
    json_out_end(&out);
    struct str text = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return text;
}

task_fn int log_newest(struct caller *caller, enum audit_action only, size_t limit,
    struct audit_row **ret_rows, size_t *ret_n, struct err *err)
{
    struct audit_filter filter = {.limit = limit, .has_action = only != AUDIT_ACTION_COUNT};
    bool more;
    if (filter.has_action)
        filter.action = only;
    if (!policy_has(caller->policy, RIGHT_AUDIT_READ))
        return err_set(err, ERR_FORBIDDEN, "reading the log needs audit.read");
    int rc = audit_find(caller->house->app, &filter, ret_rows, ret_n, &more, err);
    return rc == 0 ? audit_positions(caller->house->app, *ret_rows, *ret_n, err) : rc;
}

task_fn int log_print(
    struct caller *caller, const struct audit_filter *filter, struct json_out *out, struct err *err)
{
    struct audit_row *rows;
    size_t n;
    bool more;
    struct audit_filter bounded = *filter;
    if (!policy_has(caller->policy, RIGHT_AUDIT_READ))
        return err_set(err, ERR_FORBIDDEN, "reading the log needs audit.read");
    if (bounded.limit > LOG_LIMIT_MAX)
        return err_add(err, task_arena(), STR("limit"), FAULT_TOO_LARGE,
            arena_printf(task_arena(), "%d", LOG_LIMIT_MAX));
    task_stage("find");
    int rc = audit_find(caller->house->app, &bounded, &rows, &n, &more, err);
    if (rc == 0)
        rc = audit_positions(caller->house->app, rows, n, err);
    if (rc < 0)
        return rc;
    struct audit_event event = caller_event(caller, AUDIT_LIST, STR("_log"), 0);
    event.detail = look_detail(filter, n);
    task_stage("log");
    rc = audit_read(caller->house->reader, &event, err);
    if (rc < 0)
        return rc;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0; i < n; i++)
        log_print_event(caller, &rows[i], rows[i].pos, out);
    json_out_array_end(out);
    json_out_key(out, STR("next"));
    if (more && n > 0)
        json_out_id(out, rows[n - 1].id);
    else
        json_out_null(out);
    json_out_object_end(out);
    return 0;
}

/* ---- seals --------------------------------------------------------------------------------------------- */

static task_fn int log_look_at_seals(struct caller *caller, int64_t before, size_t n, struct err *err)
{
    struct audit_event event = caller_event(caller, AUDIT_LIST, STR("_seal"), 0);
    event.detail =
        before ? arena_printf(task_arena(), "{\"seals\":%zu,\"before\":\"%lld\"}", n, (long long)before)
               : arena_printf(task_arena(), "{\"seals\":%zu}", n);
    task_stage("log");
    return audit_read(caller->house->reader, &event, err);
}

static void print_seals(const struct seal *seals, size_t n, struct json_out *out)
{
    struct buf line = {0};
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&line);
        seal_line_seal(&line, &seals[i]);
        json_out_raw(out, buf_str(&line));
    }
    json_out_array_end(out);
    buf_done(&line);
}

task_fn int log_print_seals(
    struct caller *caller, int64_t before, size_t limit, struct json_out *out, struct err *err)
{
    struct seal *seals = NULL;
    struct str log;
    size_t n = 0;
    int64_t unsealed = 0;
    if (!policy_has(caller->policy, RIGHT_AUDIT_READ))
        return err_set(err, ERR_FORBIDDEN, "reading the log needs audit.read");
    if (limit > LOG_LIMIT_MAX)
        return err_add(err, task_arena(), STR("limit"), FAULT_TOO_LARGE,
            arena_printf(task_arena(), "%d", LOG_LIMIT_MAX));
    task_stage("find");
    int rc = seal_newest(caller->house->app, before, limit + 1, &seals, &n, err);
    if (rc == 0)
        rc = seal_log_name(caller->house->app, &log, err);
    if (rc == 0)
        rc = seal_count_unsealed(caller->house->app, &unsealed, err);
    if (rc == 0)
        rc = log_look_at_seals(caller, before, n < limit ? n : limit, err);
    if (rc < 0)
        return rc;
    bool more = n > limit;
    n = more ? limit : n;
    json_out_object(out);
    json_out_member_str(out, "log", log);
    json_out_member_int(out, "unsealed", unsealed);
    print_seals(seals, n, out);
    json_out_key(out, STR("next"));
    if (more)
        json_out_id(out, seals[n - 1].number);
    else
        json_out_null(out);
    json_out_object_end(out);
    return 0;
}
