/*
 * The export: from one seal to another, leaf after leaf in windows, each seal after the leaves that it is
 * over. What has been sealed never changes, so no snapshot is needed: all of it is there when the last seal
 * is. A leaf whose event is gone is written as such, and one that is gone itself is missing in the numbers:
 * both are for the verifier to find.
 */
#include "audit/seal_int.h"

#include "base/clock.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define TIME_MAX_US INT64_C(253402300799999999) /* the last microsecond of the year 9999 */
enum { LEAVES_A_WINDOW = 1000, SEALS_A_WINDOW = 500, PIECE_BYTES = 1 << 16, EVENTS_A_WINDOW = 20000 };

static const char SQL_FROM[] =
    "SELECT " SEAL_ROW " FROM tidemark_log.seal WHERE at<? ORDER BY number DESC LIMIT 1";
static const char SQL_TO[] =
    "SELECT COALESCE((SELECT MIN(number) FROM tidemark_log.seal WHERE at>=?),(SELECT MAX(number) FROM "
    "tidemark_log.seal),0)";
static const char SQL_SEALS[] =
    "SELECT " SEAL_ROW " FROM tidemark_log.seal WHERE number>? AND number<=? ORDER BY number LIMIT ?";
static const char SQL_LEAVES[] =
    "SELECT " SEAL_SELECT ",l.leaf,l.epoch,l.pos,l.n,l.hash,l.event FROM tidemark_log.seal_leaf AS l "
    "LEFT JOIN tidemark_log.event AS e ON e.id=l.event WHERE l.leaf>=? AND l.leaf<? ORDER BY l.leaf";
static const char SQL_WINDOW[] =
    "SELECT MAX(id) FROM (SELECT id FROM tidemark_log.event FORCE INDEX (PRIMARY) "
    "WHERE id>? ORDER BY id LIMIT " /* EVENTS_A_WINDOW */ "20000) AS w";
static const char SQL_UNSEALED[] =
    "SELECT MIN(e.id) FROM tidemark_log.event AS e LEFT JOIN tidemark_log.seal_leaf AS l ON l.event=e.id "
    "WHERE e.id>? AND e.id<=? AND l.event IS NULL AND e.at < "
    "(SELECT MAX(at) FROM tidemark_log.seal) - INTERVAL 60 SECOND";
static const char SQL_FINDING[] = "SELECT found_to FROM seal_head WHERE id=1";

struct exporting {
    struct db *db;
    struct seal_export *export;
    struct crypto_digest *digest;
    struct seal_tree tree; /* of what comes before */
    struct seal *seals;    /* those to come next, */
    size_t next, n;
    int64_t number, to_number; /* the last one that was read, and the last of all */
    struct seal_event event;
    struct buf out;
};

/* As SQL has it, within what it can say. */
static struct str time_text(int64_t us)
{
    char *text = arena_alloc(task_arena(), CLOCK_TEXT_MAX);
    int64_t bounded = us > TIME_MAX_US ? TIME_MAX_US : us;
    return (struct str){text, clock_print_sql(bounded, text)};
}

static int flush(struct exporting *exporting, bool all, struct err *err)
{
    struct seal_export *export = exporting->export;
    if (exporting->out.n < PIECE_BYTES && !all)
        return 0;
    bool taken = export->sink(export->arg, buf_str(&exporting->out));
    buf_clear(&exporting->out);
    return taken ? 0 : err_set(err, ERR_IO, "the export cannot be written");
}

static void end_line(struct exporting *exporting)
{
    buf_add_char(&exporting->out, '\n');
}

/* Where it begins: the tree before it, and the seal over that. */
static task_fn int begin(struct exporting *exporting, struct err *err)
{
    struct seal_export *export = exporting->export;
    struct db_rows rows;
    struct str log;
    struct seal first;
    int rc = seal_log_name(exporting->db, &log, err);
    if (rc == 0 && export->from_us > 0)
        rc = db_query(exporting->db, SQL_FROM, DB_PARAMS(DB_S(time_text(export->from_us))), &rows, err);
    if (rc < 0)
        return rc;
    if (export->from_us > 0 && rows.n_rows > 0) {
        rc = seal_read_row(&rows, 0, &first, err);
        if (rc == 0)
            rc = seal_tree_of_leaves(exporting->db, first.size, &exporting->tree, exporting->digest, err);
        if (rc < 0)
            return rc;
        exporting->number = first.number;
    }
    seal_line_head(&exporting->out, log, &exporting->tree);
    end_line(exporting);
    if (exporting->tree.size > 0) {
        seal_line_seal(&exporting->out, &first);
        end_line(exporting);
    }
    rc = db_query(exporting->db, SQL_TO,
        DB_PARAMS(DB_S(time_text(export->to_us > 0 ? export->to_us : INT64_MAX))), &rows, err);
    if (rc == 0)
        exporting->to_number = db_cell(&rows, 0, 0)->i;
    return rc;
}

static task_fn int read_seals(struct exporting *exporting, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(exporting->db, SQL_SEALS,
        DB_PARAMS(DB_I(exporting->number), DB_I(exporting->to_number), DB_I(SEALS_A_WINDOW)), &rows, err);
    exporting->n = exporting->next = 0;
    for (size_t i = 0; rc == 0 && i < rows.n_rows; i++) {
        rc = seal_read_row(&rows, i, &exporting->seals[i], err);
        exporting->number = exporting->seals[i].number;
        exporting->n++;
    }
    return rc;
}

/* The seals over what has been written so far. */
static void write_seals(struct exporting *exporting, int64_t leaves)
{
    while (exporting->next < exporting->n && exporting->seals[exporting->next].size <= leaves) {
        seal_line_seal(&exporting->out, &exporting->seals[exporting->next++]);
        end_line(exporting);
        exporting->export->seals++;
    }
}

static void write_leaf(struct exporting *exporting, const struct db_rows *rows, size_t row)
{
    const struct db_val *cells[SEAL_COLUMN_COUNT], *leaf = db_cell(rows, row, SEAL_COLUMN_COUNT);
    unsigned char hash[SEAL_HASH_BYTES] = {0};
    char pos[SEAL_POS_MAX];
    if (leaf[4].s.n == sizeof hash)
        memcpy(hash, leaf[4].s.p, sizeof hash);
    for (size_t c = 0; c < SEAL_COLUMN_COUNT; c++)
        cells[c] = db_cell(rows, row, c);
    if (cells[0]->kind == DB_NULL) {
        struct buf text = {0};
        buf_add_i64(&text, leaf[5].i);
        seal_line_missing(&exporting->out, (uint64_t)leaf[0].i, buf_str(&text), hash);
        buf_done(&text);
        exporting->export->missing++;
    } else {
        seal_event_read(&exporting->event, cells, seal_pos_print(pos, leaf[1].s, leaf[2].i), leaf[3].i);
        seal_line_leaf(&exporting->out, (uint64_t)leaf[0].i, &exporting->event, hash);
    }
    end_line(exporting);
    exporting->export->leaves++;
}

/* Leaves from `from` up to `end`, in windows that fit into a result. */
static task_fn int write_leaves(struct exporting *exporting, int64_t from, int64_t end, struct err *err)
{
    int64_t window = LEAVES_A_WINDOW;
    while (from < end) {
        struct db_rows rows;
        int64_t to = from + window < end ? from + window : end;
        int rc = db_query(exporting->db, SQL_LEAVES, DB_PARAMS(DB_I(from), DB_I(to)), &rows, err);
        if (rc == -ERR_TOO_LARGE && window > 1) {
            err_clear(err);
            window = window / 8 > 1 ? window / 8 : 1;
            continue;
        }
        for (size_t i = 0; i < rows.n_rows && rc == 0; i++) {
            write_seals(exporting, db_cell(&rows, i, SEAL_COLUMN_COUNT)->i);
            write_leaf(exporting, &rows, i);
            rc = flush(exporting, false, err);
        }
        if (rc < 0)
            return rc;
        from = to;
        arena_clear(task_arena());
    }
    return 0;
}

static task_fn int write_all(struct exporting *exporting, struct err *err)
{
    int rc = begin(exporting, err);
    int64_t from = (int64_t)exporting->tree.size;
    arena_clear(task_arena());
    if (rc == 0)
        rc = read_seals(exporting, err);
    while (rc == 0 && exporting->n > 0) {
        int64_t end = exporting->seals[exporting->n - 1].size;
        rc = write_leaves(exporting, from, end, err);
        write_seals(exporting, end);
        from = end > from ? end : from;
        if (rc == 0)
            rc = read_seals(exporting, err);
    }
    if (rc < 0)
        return rc;
    seal_line_end(&exporting->out, exporting->export->leaves, exporting->export->seals);
    end_line(exporting);
    return flush(exporting, true, err);
}

task_fn int seal_export(struct db *db, struct seal_export *export, struct err *err)
{
    struct exporting *exporting = must_alloc(sizeof *exporting);
    exporting->db = db;
    exporting->export = export;
    exporting->digest = crypto_digest_new();
    exporting->seals = must_alloc(SEALS_A_WINDOW * sizeof *exporting->seals);
    buf_init(&exporting->out, SEAL_EVENT_BYTES_MAX);
    export->leaves = export->seals = export->missing = 0;
    int rc = write_all(exporting, err);
    seal_event_done(&exporting->event);
    buf_done(&exporting->out);
    crypto_digest_free(exporting->digest);
    free(exporting->seals);
    free(exporting);
    return rc;
}

task_fn int seal_find_unsealed(struct db *db, int64_t *ret_id, struct err *err)
{
    struct db_rows rows;
    int64_t after = 0;
    *ret_id = 0;
    int rc = db_query(db, SQL_FINDING, DB_NO_PARAMS, &rows, err);
    if (rc < 0 || rows.n_rows == 0 || db_cell(&rows, 0, 0)->i > 0)
        return rc; /* what came before sealing began is being sealed */
    for (;;) {
        rc = db_query(db, SQL_WINDOW, DB_PARAMS(DB_I(after)), &rows, err);
        if (rc < 0 || db_cell(&rows, 0, 0)->kind != DB_INT)
            return rc;
        int64_t to = db_cell(&rows, 0, 0)->i;
        rc = db_query(db, SQL_UNSEALED, DB_PARAMS(DB_I(after), DB_I(to)), &rows, err);
        if (rc < 0)
            return rc;
        if (db_cell(&rows, 0, 0)->kind == DB_INT) {
            *ret_id = db_cell(&rows, 0, 0)->i;
            return 0;
        }
        after = to;
        arena_clear(task_arena());
    }
}
