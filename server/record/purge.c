/*
 * The end of the recycle bin: what has been in it for records.bin_days is taken out of the database, each
 * record with its event, at most some hundreds in a transaction (DECISIONS B11). The log keeps what was in
 * it. Several processes may do it at once: whoever locks a row first has it, and the other finds it gone.
 */
#include "base/clock.h"
#include "base/id.h"
#include "record/change_int.h"

enum { PURGE_ROWS = 500 };
#define DAY_US INT64_C(86400000000)

struct purge {
    const struct form *form;
    int64_t before_us, first_event;
    size_t n;
};

static task_fn int purge_some(struct tx *tx, void *arg, struct err *err)
{
    struct purge *purge = arg;
    const struct form *form = purge->form;
    struct statement *select = statement_new(), *sql = statement_new();
    struct db_rows rows;
    char before[CLOCK_TEXT_MAX];
    size_t n = clock_print_sql(purge->before_us, before);
    buf_add_text(select->sql, "SELECT _id, _rev");
    search_columns(form, select->sql);
    buf_printf(select->sql,
        " FROM `%.*s` WHERE _live IS NULL AND _deleted_at < ? ORDER BY _id LIMIT ? FOR UPDATE",
        STR_ARGS(form->table));
    statement_bind(select, DB_S(arena_copy(task_arena(), ((struct str){before, n}))));
    statement_bind(select, DB_I(PURGE_ROWS));
    int rc = tx_query(tx, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    if (rc < 0)
        return rc;
    purge->n = rows.n_rows;
    if (purge->n == 0)
        return 0;
    struct audit_event *events = arena_new_array(task_arena(), struct audit_event, purge->n);
    int64_t *ids = arena_new_array(task_arena(), int64_t, purge->n);
    for (size_t i = 0; i < purge->n; i++) {
        ids[i] = db_cell(&rows, i, 0)->i;
        events[i] = (struct audit_event){.id = i == 0 ? purge->first_event : id_new(),
            .at_us = clock_utc_us(),
            .action = AUDIT_PURGE,
            .form = form->key,
            .record = ids[i],
            .rev = db_cell(&rows, i, 1)->i + 1,
            .detail = STR("{\"what\":\"bin_days\"}")};
    }
    audit_add_many(tx, events, purge->n);
    for (size_t i = 0; i < purge->n; i++)
        search_remove(tx, form, ids[i], db_cell(&rows, i, 2));
    buf_printf(sql->sql, "DELETE FROM `%.*s` WHERE _live IS NULL AND _id IN (", STR_ARGS(form->table));
    statement_bind_ids(sql, ids, purge->n);
    buf_add_text(sql->sql, ")");
    tx_add(tx, buf_cstr(sql->sql), sql->params, sql->n_params);
    return 0;
}

task_fn int bin_purge(struct house *house, bool *ret_more, struct err *err)
{
    struct world *world = world_now(house);
    int rc = 0;
    *ret_more = false;
    for (size_t i = 0; rc == 0 && !*ret_more && i < world->catalog->n_forms; i++) {
        struct purge purge = {.form = &world->catalog->forms[i],
            .before_us = clock_utc_us() - house->conf->records_bin_days * DAY_US,
            .first_event = id_new()};
        struct tx_opts opts = {.proof_sql = AUDIT_PROOF_SQL, .request_id = purge.first_event};
        rc = tx_run(house->app, &opts, purge_some, &purge, NULL, err);
        *ret_more = rc == 0 && purge.n == PURGE_ROWS;
    }
    world_unref(world);
    return rc;
}
