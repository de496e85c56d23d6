/*
 * What changes of people and rights share: the epoch is locked first, so that two administrators never plan
 * on the same ground; each row has its configure event before it; the epoch rises at the end.
 */
#include "base/id.h"
#include "base/must.h"
#include "record/admin_int.h"
#include "text/text.h"

static const char SQL_LOCK[] = "SELECT epoch FROM catalog_epoch WHERE id = 1 FOR UPDATE";

task_fn int configure_lock(struct tx *tx, const struct caller *caller, struct err *err)
{
    struct db_rows rows;
    int rc = tx_query(tx, SQL_LOCK, DB_NO_PARAMS, &rows, err);
    if (rc < 0)
        return rc;
    must(rows.n_rows == 1);
    return epoch_is(db_cell(&rows, 0, 0), caller, err) ? 0 : -ERR_EPOCH_MOVED;
}

void configure_note(struct tx *tx, struct configuring *configuring, const char *table, int64_t id,
    const struct audit_change *changes, size_t n)
{
    struct audit_event event = caller_event(configuring->caller, AUDIT_CONFIGURE, str_of(table), id);
    if (!configuring->noted)
        event.id = configuring->first_event;
    configuring->noted = true;
    event.changes = changes;
    event.n_changes = n;
    (void)audit_add(tx, &event);
}

task_fn int configure_run(
    struct configuring *configuring, tx_body_fn *fn, struct str *ret_pos, struct err *err)
{
    struct caller *caller = configuring->caller;
    struct tx_done done = {0};
    configuring->first_event = id_new();
    struct tx_opts opts = {.proof_sql = AUDIT_PROOF_SQL, .request_id = configuring->first_event};
    task_stage("write");
    int rc = tx_run(caller->house->app, &opts, fn, configuring, &done, err);
    if (rc < 0)
        return rc;
    *ret_pos = position_print(caller->house, &done, task_arena());
    /* It stands, and may not be told as a failure because the look at what comes of it failed once. */
    if (caller_renew(caller, err) == 0)
        return 0;
    err_clear(err);
    return caller_renew(caller, err);
}

struct str configure_name(struct str text, const char *field, struct err *err)
{
    enum { NAME_CHARS_MAX = 100 };
    struct str name = text_normalize(task_arena(), text);
    if (name.n == 0)
        (void)err_add(err, task_arena(), str_of(field), FAULT_REQUIRED, STR_NULL);
    else if (!str_is_utf8(name) || !text_is_printable(name, false))
        (void)err_add(err, task_arena(), str_of(field), FAULT_NOT_TEXT, STR_NULL);
    else if (str_utf8_length(name) > NAME_CHARS_MAX)
        (void)err_add(err, task_arena(), str_of(field), FAULT_TOO_LONG,
            arena_printf(task_arena(), "%d", NAME_CHARS_MAX));
    return name;
}

void configure_check_department(
    const struct directory *directory, int64_t department, const char *field, struct err *err)
{
    const struct department *found = department ? directory_department(directory, department) : NULL;
    if (department && !found)
        (void)err_add(err, task_arena(), str_of(field), FAULT_UNKNOWN, STR_NULL);
    else if (found && found->retired)
        (void)err_add(err, task_arena(), str_of(field), FAULT_RETIRED, STR_NULL);
}

/* ---- values of events as JSON -------------------------------------------------------------------------- */

struct str json_of_text(struct str text)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_str(&out, text);
    json_out_end(&out);
    struct str json = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return json;
}

struct str json_of_tree(const struct json *json)
{
    struct buf text = {0};
    struct json_out out;
    buf_init(&text, 0);
    json_out_init(&out, &text);
    json_out_tree(&out, json);
    json_out_end(&out);
    struct str copy = arena_copy(task_arena(), buf_str(&text));
    buf_done(&text);
    return copy;
}

struct str json_of_id(int64_t id)
{
    return id ? arena_printf(task_arena(), "\"%lld\"", (long long)id) : STR_NULL;
}

struct str json_of_bool(bool value)
{
    return value ? STR("true") : STR("false");
}

struct str json_of_words(struct str words)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_array(&out);
    while (words.n)
        json_out_str(&out, str_cut(&words, ' '));
    json_out_array_end(&out);
    json_out_end(&out);
    struct str json = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return json;
}

void faults_under(struct str path, struct str own, const struct err *found, struct err *err)
{
    for (const struct err_item *item = found->items; item; item = item->next) {
        struct str rest = item->field;
        if (str_starts(rest, own))
            rest = (struct str){rest.p + own.n, rest.n - own.n};
        (void)err_add(err, task_arena(),
            arena_printf(task_arena(), "%.*s%.*s", STR_ARGS(path), STR_ARGS(rest)), item->fault, item->limit);
    }
}
