/* Reading seals: the newest, the positions that they give to events, and what has none yet. */
#include "audit/seal_int.h"

#include "base/clock.h"
#include "base/map.h"
#include "json/out.h"

#include <string.h>

static const char SQL_NEWEST[] =
    "SELECT " SEAL_ROW " FROM tidemark_log.seal WHERE number<? ORDER BY number DESC LIMIT ?";
static const char SQL_LOG[] = "SELECT uuid FROM instance WHERE id=1";
static const char SQL_UNSEALED[] =
    "SELECT COUNT(*) FROM (SELECT id FROM tidemark_log.event ORDER BY id DESC LIMIT " /* SEAL_UNSEALED_MAX */
    "5000) AS e LEFT JOIN tidemark_log.seal_leaf AS l ON l.event=e.id WHERE l.event IS NULL";
static const char SQL_POSITIONS[] =
    "SELECT l.event,l.epoch,l.pos FROM JSON_TABLE(?,'$[*]' COLUMNS (id BIGINT PATH '$')) AS j "
    "JOIN tidemark_log.seal_leaf AS l ON l.event=j.id WHERE l.pos>0";

static bool read_bytes(const struct db_val *cell, unsigned char *bytes, size_t n)
{
    if ((cell->kind != DB_BYTES && cell->kind != DB_TEXT) || cell->s.n != n)
        return false;
    memcpy(bytes, cell->s.p, n);
    return true;
}

int seal_read_row(const struct db_rows *rows, size_t row, struct seal *ret_seal, struct err *err)
{
    const struct db_val *cells = db_cell(rows, row, 0);
    struct seal seal = {.number = cells[0].i,
        .size = cells[1].i,
        .term = cells[5].i,
        .found = cells[7].i,
        .has_prev = cells[3].kind != DB_NULL,
        .has_next = cells[10].kind != DB_NULL};
    bool good = read_bytes(&cells[2], seal.root, sizeof seal.root) &&
                (!seal.has_prev || read_bytes(&cells[3], seal.prev, sizeof seal.prev)) &&
                clock_parse_sql(cells[4].s, &seal.at_us) && cells[6].s.n < sizeof seal.pos &&
                (cells[8].kind == DB_NULL || seal_gap_parse(cells[8].s, &seal.gap)) &&
                read_bytes(&cells[9], seal.key, sizeof seal.key) &&
                (!seal.has_next || read_bytes(&cells[10], seal.next, sizeof seal.next)) &&
                read_bytes(&cells[11], seal.signature, sizeof seal.signature);
    if (!good)
        return err_set(err, ERR_INTERNAL, "seal %lld cannot be understood", (long long)seal.number);
    if (cells[6].kind != DB_NULL)
        memcpy(seal.pos, cells[6].s.p, cells[6].s.n);
    *ret_seal = seal;
    return 0;
}

task_fn int seal_newest(
    struct db *db, int64_t before, size_t limit, struct seal **ret_seals, size_t *ret_n, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query(db, SQL_NEWEST, DB_PARAMS(DB_I(before > 0 ? before : INT64_MAX), DB_I(limit)), &rows, err);
    if (rc < 0)
        return rc;
    struct seal *seals = arena_new_array(task_arena(), struct seal, rows.n_rows + 1);
    for (size_t i = 0; i < rows.n_rows && rc == 0; i++)
        rc = seal_read_row(&rows, i, &seals[i], err);
    if (rc < 0)
        return rc;
    *ret_seals = seals;
    *ret_n = rows.n_rows;
    return 0;
}

task_fn int seal_log_name(struct db *db, struct str *ret_log, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, SQL_LOG, DB_NO_PARAMS, &rows, err);
    if (rc < 0)
        return rc;
    if (rows.n_rows == 0 || db_cell(&rows, 0, 0)->s.n != SEAL_LOG_CHARS)
        return err_set(err, ERR_INTERNAL, "the instance has no name");
    *ret_log = db_cell(&rows, 0, 0)->s;
    return 0;
}

task_fn int seal_count_unsealed(struct db *db, int64_t *ret_n, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, SQL_UNSEALED, DB_NO_PARAMS, &rows, err);
    if (rc == 0)
        *ret_n = db_cell(&rows, 0, 0)->i;
    return rc;
}

static struct str print_ids(const struct audit_row *rows, size_t n)
{
    struct buf buf = {0};
    buf_init(&buf, 0);
    buf_add_char(&buf, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(&buf, ',');
        buf_add_i64(&buf, rows[i].id);
    }
    buf_add_char(&buf, ']');
    struct str text = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return text;
}

task_fn int audit_positions(struct db *db, struct audit_row *rows, size_t n, struct err *err)
{
    struct db_rows found;
    if (n == 0)
        return 0;
    int rc = db_query(db, SQL_POSITIONS, DB_PARAMS(DB_S(print_ids(rows, n))), &found, err);
    if (rc < 0)
        return rc;
    struct map *by_id = map_new();
    for (size_t i = 0; i < n; i++)
        (void)map_put_id(by_id, rows[i].id, &rows[i]);
    for (size_t i = 0; i < found.n_rows; i++) {
        const struct db_val *cells = db_cell(&found, i, 0);
        struct audit_row *row = map_get_id(by_id, cells[0].i);
        if (row)
            row->pos = arena_printf(task_arena(), "%.*s.%lld", STR_ARGS(cells[1].s), (long long)cells[2].i);
    }
    map_free(by_id, NULL);
    return 0;
}
