/*
 * Requests that are sent twice and done once (DECISIONS A32). Whoever gives a POST an Idempotency-Key may
 * send it again when its answer was lost. The row that remembers it is written in the transaction of the
 * change: its key makes a second one fail, which then waits for the first and finds what that did. What is
 * remembered are ids; what is shown of them is what the caller may see now. Neither the key nor the request
 * is kept, only what they hash to under our own key.
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"
#include "record/change_int.h"
#include "json/out.h"

#define REMEMBERED_US INT64_C(86400000000)

static const char SQL_FIND[] =
    "SELECT request_hash, records, at < ? FROM idempotency_key WHERE user_id = ? AND key_hash = ?";
static const char SQL_FORGET[] = "DELETE FROM idempotency_key WHERE user_id = ? AND key_hash = ? AND at < ?";
static const char SQL_ADD[] =
    "INSERT INTO idempotency_key (user_id, key_hash, request_hash, records, at) VALUES (?, ?, ?, ?, ?)";
static const char SQL_PRUNE[] = "DELETE FROM idempotency_key WHERE at < ? ORDER BY at LIMIT 5000";
static const char SQL_POSITION[] =
    "SELECT REGEXP_SUBSTR(@@gtid_binlog_pos, '(?<![0-9-])0-[0-9]+-[0-9]+') AS gtid";

static struct db_val instant(int64_t at_us)
{
    char at[CLOCK_TEXT_MAX];
    size_t n = clock_print_sql(at_us, at);
    return DB_S(arena_copy(task_arena(), ((struct str){at, n})));
}

static struct db_val bytes_of(const unsigned char hash[CRYPTO_SHA256_BYTES])
{
    return DB_B(((struct str){(const char *)hash, CRYPTO_SHA256_BYTES}));
}

int once_make(const struct caller *caller, struct str key, struct str what, struct str body,
    struct once *ret_once, struct err *err)
{
    struct arena *arena = task_arena();
    bool printable = true;
    for (size_t i = 0; i < key.n; i++)
        printable = printable && key.p[i] > 0x20 && key.p[i] < 0x7f;
    if (key.n > ONCE_KEY_MAX)
        return err_add(
            err, arena, STR("Idempotency-Key"), FAULT_TOO_LONG, arena_printf(arena, "%d", ONCE_KEY_MAX));
    if (!printable)
        return err_add(err, arena, STR("Idempotency-Key"), FAULT_NOT_TEXT, STR_NULL);
    const struct str whose = arena_printf(arena, "%lld", (long long)caller->user_id);
    const struct str of_key[] = {STR("once"), whose, key}, of_request[] = {STR("once-of"), whose, what, body};
    crypto_hmac_pieces(caller->house->server_key, of_key, 3, ret_once->key);
    crypto_hmac_pieces(caller->house->server_key, of_request, 4, ret_once->request);
    return 0;
}

static bool read_ids(const struct json *lists, const char *name, int64_t **ret_ids, size_t *ret_n)
{
    const struct json *list = json_get(lists, str_of(name));
    if (!list || list->kind != JSON_ARRAY)
        return false;
    *ret_ids = arena_new_array(task_arena(), int64_t, list->array.n + 1);
    *ret_n = list->array.n;
    for (size_t i = 0; i < list->array.n; i++)
        if (list->array.at[i].kind != JSON_STR || !id_parse(list->array.at[i].str, &(*ret_ids)[i]))
            return false;
    return true;
}

task_fn int once_find(
    const struct caller *caller, bool *ret_found, struct once_records *ret_records, struct err *err)
{
    struct db_rows rows;
    struct json *lists = NULL;
    *ret_found = false;
    if (!caller->once)
        return 0;
    int rc = db_query(caller->house->app, SQL_FIND,
        DB_PARAMS(
            instant(clock_utc_us() - REMEMBERED_US), DB_I(caller->user_id), bytes_of(caller->once->key)),
        &rows, err);
    if (rc < 0 || rows.n_rows == 0 || db_cell(&rows, 0, 2)->i != 0)
        return rc;
    if (!str_eq(db_cell(&rows, 0, 0)->s, bytes_of(caller->once->request).s))
        return err_add(err, task_arena(), STR("Idempotency-Key"), FAULT_OTHER_REQUEST, STR_NULL);
    rc = json_parse(task_arena(), db_cell(&rows, 0, 1)->s, NULL, &lists, err);
    if (rc < 0)
        return err_set(err, ERR_INTERNAL, "what was remembered of a request cannot be read");
    struct once_records records = {0};
    if (lists->kind != JSON_OBJECT || !read_ids(lists, "create", &records.created, &records.n_created) ||
        !read_ids(lists, "update", &records.updated, &records.n_updated) ||
        !read_ids(lists, "delete", &records.deleted, &records.n_deleted) ||
        !read_ids(lists, "restore", &records.restored, &records.n_restored))
        return err_set(err, ERR_INTERNAL, "what was remembered of a request is not what we write");
    *ret_records = records;
    *ret_found = true;
    return 0;
}

static void print_ids(struct json_out *out, const char *name, const int64_t *ids, size_t n)
{
    json_out_key(out, str_of(name));
    json_out_array(out);
    for (size_t i = 0; i < n; i++)
        json_out_str(out, arena_printf(task_arena(), "%lld", (long long)ids[i]));
    json_out_array_end(out);
}

void once_add(struct tx *tx, const struct caller *caller, const struct once_records *records)
{
    struct buf buf = {0};
    struct json_out out;
    int64_t now_us = clock_utc_us();
    if (!caller->once)
        return;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_object(&out);
    print_ids(&out, "create", records->created, records->n_created);
    print_ids(&out, "update", records->updated, records->n_updated);
    print_ids(&out, "delete", records->deleted, records->n_deleted);
    print_ids(&out, "restore", records->restored, records->n_restored);
    json_out_object_end(&out);
    json_out_end(&out);
    struct db_val who = DB_I(caller->user_id), key = bytes_of(caller->once->key);
    tx_add(tx, SQL_FORGET, DB_PARAMS(who, key, instant(now_us - REMEMBERED_US)));
    tx_add(tx, SQL_ADD,
        DB_PARAMS(who, key, bytes_of(caller->once->request), DB_S(buf_str(&buf)), instant(now_us)));
    buf_done(&buf);
}

task_fn int once_prune(struct house *house, struct err *err)
{
    struct db_rows rows;
    return db_query(house->app, SQL_PRUNE, DB_PARAMS(instant(clock_utc_us() - REMEMBERED_US)), &rows, err);
}

/* ---- the answer again ---------------------------------------------------------------------------------- */

static task_fn int read_now(
    struct plan *plan, const int64_t *ids, size_t n, struct record **ret_records, struct err *err)
{
    struct statement *select = statement_new();
    struct db_rows rows;
    const struct str columns = plan_columns(plan);
    *ret_records = arena_new_array(task_arena(), struct record, n + 1);
    if (n == 0)
        return 0;
    buf_printf(select->sql, "SELECT %.*s FROM `%.*s` r WHERE r._live = 1 AND r._id IN (", STR_ARGS(columns),
        STR_ARGS(plan->form->table));
    statement_bind_ids(select, ids, n);
    buf_add_text(select->sql, ")");
    int rc = db_query(
        plan->caller->house->app, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    struct map *places = map_new();
    for (size_t i = 0; rc == 0 && i < rows.n_rows; i++) {
        struct record *record = arena_new_one(task_arena(), struct record);
        plan_read_row(plan, &rows, i, 0, record);
        if (view_is_visible(record->view))
            (void)map_put_id(places, record->id, record);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct record *record = map_get_id(places, ids[i]);
        if (record)
            (*ret_records)[i] = *record;
    }
    map_free(places, NULL);
    return rc;
}

static size_t keep_seen(const struct record *records, size_t n, int64_t *ids, size_t n_ids)
{
    for (size_t i = 0; i < n; i++)
        if (records[i].id)
            ids[n_ids++] = records[i].id;
    return n_ids;
}

task_fn int once_show(struct caller *caller, struct str form_key, const struct once_records *records,
    struct record_batch_done *ret_done, struct err *err)
{
    struct record_batch_done done = {0};
    struct db_rows rows;
    struct tx_done position = {0};
    task_stage("read");
    int rc = plan_make(task_arena(), caller, form_key, &done.plan, err);
    if (rc == 0)
        rc = read_now(done.plan, records->created, records->n_created, &done.created, err);
    if (rc == 0)
        rc = read_now(done.plan, records->updated, records->n_updated, &done.updated, err);
    if (rc == 0)
        rc = read_now(done.plan, records->restored, records->n_restored, &done.restored, err);
    if (rc == 0)
        rc = db_query(caller->house->app, SQL_POSITION, DB_NO_PARAMS, &rows, err);
    if (rc < 0)
        return rc;
    struct str gtid =
        rows.n_rows == 1 && db_cell(&rows, 0, 0)->kind != DB_NULL ? db_cell(&rows, 0, 0)->s : STR("");
    (void)str_cut(&gtid, '-');
    (void)str_cut(&gtid, '-');
    (void)str_to_i64(gtid, &position.gtid_sequence);
    done.pos = position_print(caller->house, &position, task_arena());
    int64_t *seen = arena_new_array(
        task_arena(), int64_t, records->n_created + records->n_updated + records->n_restored + 1);
    size_t n = keep_seen(done.created, records->n_created, seen, 0);
    n = keep_seen(done.updated, records->n_updated, seen, n);
    n = keep_seen(done.restored, records->n_restored, seen, n);
    task_stage("log");
    struct audit_event event = caller_event(caller, AUDIT_LIST, done.plan->form->key, 0);
    event.records = seen;
    event.n_records = n;
    event.detail = STR("{\"what\":\"replay\"}");
    rc = audit_read(caller->house->reader, &event, err);
    if (rc == 0)
        *ret_done = done;
    return rc;
}
