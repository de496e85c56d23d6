/*
 * Writing seals. The leaves go as one JSON text, so that the statement is the same for any number of them;
 * the rows are hashes and numbers only. What a transaction needs is worked out within it from what was
 * loaded, so that it may run again.
 */
#include "audit/seal_store.h"

#include "audit/seal_int.h"
#include "base/clock.h"
#include "base/must.h"
#include "json/out.h"

#include <stdlib.h>
#include <string.h>

enum { REBUILD_ROWS = 20000 };

/* Domain 0 is the clock (DECISIONS A7). */
static const char SQL_BEGIN[] =
    "INSERT IGNORE INTO seal_head (id, gtid, pos, n, edge, found_after, found_to, gap) "
    "SELECT 1, p.gtid, IF(p.gtid='', 0, CAST(SUBSTRING_INDEX(p.gtid,'-',-1) AS UNSIGNED)), ?, '', 0, ?, 'begin' "
    "FROM (SELECT REGEXP_SUBSTR(@@gtid_binlog_pos, '(?<![0-9-])0-[0-9]+-[0-9]+') AS gtid) p";
static const char SQL_PLACE[] =
    "SELECT gtid, pos, n, found_after, found_to, gap, edge FROM seal_head WHERE id=1";
static const char SQL_LEAVES[] =
    "INSERT INTO tidemark_log.seal_leaf (leaf,event,epoch,pos,n,hash) "
    "SELECT j.leaf,j.event,j.epoch,j.pos,j.n,UNHEX(j.hash) FROM JSON_TABLE(?,'$[*]' COLUMNS ("
    "leaf BIGINT PATH '$[0]', event BIGINT PATH '$[1]', epoch CHAR(8) PATH '$[2]', pos BIGINT PATH '$[3]', "
    "n BIGINT PATH '$[4]', hash CHAR(64) PATH '$[5]')) AS j";
static const char SQL_SEAL[] =
    "INSERT INTO tidemark_log.seal (number,size,root,prev,at,term,pos,found,gap,signer,next_signer,signature) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?,?)";
static const char SQL_HEAD[] =
    "UPDATE seal_head SET gtid=?, pos=?, n=?, edge=?, found_after=?, found_to=?, gap=? WHERE id=1";
static const char SQL_MOVE[] =
    "UPDATE seal_head SET gtid=?, pos=?, n=?, found_after=?, found_to=?, gap=? WHERE id=1";
static const char SQL_HASHES[] =
    "SELECT leaf, hash FROM tidemark_log.seal_leaf WHERE leaf>=? AND leaf<? ORDER BY leaf";
static const char SQL_WINDOW[] =
    "SELECT MAX(id) FROM (SELECT id FROM tidemark_log.event FORCE INDEX (PRIMARY) "
    "WHERE id>? AND id<=? ORDER BY id LIMIT " /* SEAL_FIND_EVENTS */ "20000) AS w";
static const char SQL_FIND[] =
    "SELECT " SEAL_SELECT
    " FROM tidemark_log.event AS e LEFT JOIN tidemark_log.seal_leaf AS l ON l.event=e.id "
    "WHERE e.id>? AND e.id<=? AND l.event IS NULL ORDER BY e.id LIMIT ?";
static const char SQL_END[] =
    "SELECT CAST(SUBSTRING_INDEX(REGEXP_SUBSTR(@@gtid_binlog_pos, '(?<![0-9-])0-[0-9]+-[0-9]+'),'-',-1) AS SIGNED)";

/* ---- the place ----------------------------------------------------------------------------------------- */

task_fn int seal_begin(struct db *db, int64_t found_to, struct err *err)
{
    return db_query(db, SQL_BEGIN, DB_PARAMS(DB_I(INT64_MAX), DB_I(found_to)), NULL, err);
}

static int read_place(const struct db_rows *rows, struct seal_place *ret_place, struct err *err)
{
    if (rows->n_rows == 0)
        return err_set(err, ERR_INTERNAL, "seal_head has no row");
    const struct db_val *cells = db_cell(rows, 0, 0);
    *ret_place = (struct seal_place){
        .pos = cells[1].i, .n = cells[2].i, .found_after = cells[3].i, .found_to = cells[4].i};
    if (cells[0].s.n >= sizeof ret_place->gtid ||
        (cells[5].kind == DB_TEXT && !seal_gap_parse(cells[5].s, &ret_place->gap)))
        return err_set(err, ERR_INTERNAL, "seal_head cannot be understood");
    memcpy(ret_place->gtid, cells[0].s.n ? cells[0].s.p : "", cells[0].s.n);
    ret_place->gtid[cells[0].s.n] = '\0';
    return 0;
}

task_fn int seal_place_load(struct db *db, struct seal_place *ret_place, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, SQL_PLACE, DB_NO_PARAMS, &rows, err);
    return rc == 0 ? read_place(&rows, ret_place, err) : rc;
}

/* ---- the tree ------------------------------------------------------------------------------------------ */

task_fn int seal_tree_of_leaves(
    struct db *db, int64_t size, struct seal_tree *tree, struct crypto_digest *digest, struct err *err)
{
    *tree = (struct seal_tree){0};
    while ((int64_t)tree->size < size) {
        struct db_rows rows;
        int64_t from = (int64_t)tree->size, end = from + REBUILD_ROWS < size ? from + REBUILD_ROWS : size;
        int rc = db_query(db, SQL_HASHES, DB_PARAMS(DB_I(from), DB_I(end)), &rows, err);
        if (rc < 0)
            return rc;
        for (size_t i = 0; i < rows.n_rows; i++) {
            const struct db_val *cells = db_cell(&rows, i, 0);
            if (cells[0].i != (int64_t)tree->size || cells[1].s.n != SEAL_HASH_BYTES)
                return err_set(
                    err, ERR_INTERNAL, "leaf %llu of the log is not there", (unsigned long long)tree->size);
            seal_tree_add(tree, digest, (const unsigned char *)cells[1].s.p);
        }
        if (rows.n_rows != (size_t)(end - from))
            return err_set(
                err, ERR_INTERNAL, "leaf %llu of the log is not there", (unsigned long long)tree->size);
    }
    return 0;
}

static bool gives_root(const struct seal_state *state, struct crypto_digest *digest)
{
    unsigned char root[SEAL_HASH_BYTES];
    if ((int64_t)state->tree.size != (state->has_last ? state->last.size : 0))
        return false;
    seal_tree_root(&state->tree, digest, root);
    return !state->has_last || memcmp(root, state->last.root, sizeof root) == 0;
}

static task_fn int load_tree(struct db *db, struct seal_state *state, struct str edge, struct err *err)
{
    struct crypto_digest *digest = crypto_digest_new();
    int64_t size = state->has_last ? state->last.size : 0;
    int rc = 0;
    if (!seal_tree_load(&state->tree, (uint64_t)size, edge) || !gives_root(state, digest)) {
        rc = seal_tree_of_leaves(db, size, &state->tree, digest, err);
        if (rc == 0 && !gives_root(state, digest))
            rc = err_set(err, ERR_INTERNAL,
                "the leaves of the log do not give the root of seal %lld: `tidemark audit verify` says where",
                (long long)state->last.number);
    }
    crypto_digest_free(digest);
    return rc;
}

task_fn int seal_load(struct db *db, struct seal_state *ret_state, struct err *err)
{
    struct db_rows rows;
    struct seal *last = NULL;
    struct str log;
    size_t n = 0;
    int rc = db_query(db, SQL_PLACE, DB_NO_PARAMS, &rows, err);
    if (rc == 0)
        rc = read_place(&rows, &ret_state->place, err);
    if (rc == 0)
        rc = seal_log_name(db, &log, err);
    if (rc == 0)
        rc = seal_newest(db, 0, 1, &last, &n, err);
    if (rc < 0)
        return rc;
    memcpy(ret_state->log, log.p, SEAL_LOG_CHARS + 1);
    ret_state->has_last = n > 0;
    if (n > 0)
        ret_state->last = *last;
    return load_tree(db, ret_state, db_cell(&rows, 0, 6)->s, err);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

struct writing {
    const struct seal_state *before;
    const struct seal_work *work;
    struct crypto_digest *digest;
    struct seal_tree tree;
    struct seal seal;
};

static struct str print_leaves(const struct seal_work *work, uint64_t first)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_array(&out);
    for (size_t i = 0; i < work->n; i++) {
        const struct seal_pending *leaf = &work->leaves[i];
        json_out_array(&out);
        json_out_int(&out, (int64_t)(first + i));
        json_out_int(&out, leaf->event);
        json_out_str(&out, leaf->pos ? (struct str){leaf->epoch, SEAL_EPOCH_CHARS} : STR(""));
        json_out_int(&out, leaf->pos);
        json_out_int(&out, leaf->n);
        json_out_str(&out, crypto_hex(task_arena(), leaf->hash, sizeof leaf->hash));
        json_out_array_end(&out);
    }
    json_out_array_end(&out);
    json_out_end(&out);
    must(!buf.overflow);
    struct str text = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return text;
}

/* The leaves into the tree, and what the seal says of them. */
static void fill_seal(struct writing *writing, int64_t now_us)
{
    const struct seal_state *before = writing->before;
    const struct seal_work *work = writing->work;
    struct seal *seal = &writing->seal;
    *seal = (struct seal){.number = before->has_last ? before->last.number + 1 : 1,
        .has_prev = before->has_last,
        .at_us = now_us,
        .term = work->lease->term,
        .has_next = work->next_seed != NULL};
    writing->tree = before->tree;
    if (before->has_last)
        memcpy(seal->pos, before->last.pos, sizeof seal->pos);
    for (size_t i = 0; i < work->n; i++) {
        const struct seal_pending *leaf = &work->leaves[i];
        seal_tree_add(&writing->tree, writing->digest, leaf->hash);
        if (leaf->pos)
            (void)seal_pos_print(seal->pos, (struct str){leaf->epoch, SEAL_EPOCH_CHARS}, leaf->pos);
        else
            seal->found++;
    }
    seal->size = (int64_t)writing->tree.size;
    seal_tree_root(&writing->tree, writing->digest, seal->root);
    if (seal->has_prev)
        seal_hash(&before->last, str_of(before->log), seal->prev);
    if (work->key_is_lost)
        seal->gap = SEAL_GAP_KEY;
    else if (seal->found > 0 || work->n == 0)
        seal->gap = work->place.gap != SEAL_NO_GAP ? work->place.gap : before->place.gap;
    if (work->next_seed)
        crypto_public_key(work->next_seed, seal->next);
    seal_sign(seal, str_of(before->log), work->seed);
}

static struct db_val bytes_or_null(const unsigned char *bytes, bool is_there)
{
    return is_there ? DB_B(((struct str){(const char *)bytes, SEAL_HASH_BYTES})) : DB_N;
}

static struct db_val text_or_null(const char *text)
{
    return text && text[0] ? DB_S(str_of(text)) : DB_N;
}

static void add_seal(struct tx *tx, const struct seal *seal)
{
    char at[CLOCK_TEXT_MAX];
    size_t at_n = clock_print_sql(seal->at_us, at);
    tx_add(tx, SQL_SEAL,
        DB_PARAMS(DB_I(seal->number), DB_I(seal->size), bytes_or_null(seal->root, true),
            bytes_or_null(seal->prev, seal->has_prev), DB_S(((struct str){at, at_n})), DB_I(seal->term),
            text_or_null(seal->pos), DB_I(seal->found), text_or_null(seal_gap_name(seal->gap)),
            bytes_or_null(seal->key, true), bytes_or_null(seal->next, seal->has_next),
            DB_B(((struct str){(const char *)seal->signature, sizeof seal->signature}))));
}

static void add_head(struct tx *tx, const struct seal_place *place, const struct seal_tree *tree)
{
    struct buf edge;
    buf_init(&edge, 0);
    seal_tree_save(tree, &edge);
    tx_add(tx, SQL_HEAD,
        DB_PARAMS(DB_S(str_of(place->gtid)), DB_I(place->pos), DB_I(place->n), DB_B(buf_str(&edge)),
            DB_I(place->found_after), DB_I(place->found_to), text_or_null(seal_gap_name(place->gap))));
    buf_done(&edge);
}

static task_fn int write_seal(struct tx *tx, void *arg, struct err *err)
{
    struct writing *writing = arg;
    const struct seal_work *work = writing->work;
    int64_t now_us = 0;
    int rc = lease_lock(tx, work->lease, &now_us, err);
    if (rc < 0 || !work->lease->held)
        return rc;
    fill_seal(writing, now_us);
    if (work->n > 0)
        tx_add(tx, SQL_LEAVES, DB_PARAMS(DB_S(print_leaves(work, writing->before->tree.size))));
    add_seal(tx, &writing->seal);
    add_head(tx, &work->place, &writing->tree);
    return 0;
}

task_fn int seal_write(struct db *db, struct seal_state *state, const struct seal_work *work, struct err *err)
{
    struct writing *writing = must_alloc(sizeof *writing);
    writing->before = state;
    writing->work = work;
    writing->digest = crypto_digest_new();
    int rc = tx_run(db, NULL, write_seal, writing, NULL, err);
    if (rc == 0 && work->lease->held) {
        state->tree = writing->tree;
        state->last = writing->seal;
        state->has_last = true;
        state->place = work->place;
    }
    crypto_digest_free(writing->digest);
    free(writing);
    return rc;
}

struct moving {
    struct lease *lease;
    const struct seal_place *place;
};

static task_fn int move(struct tx *tx, void *arg, struct err *err)
{
    const struct moving *moving = arg;
    const struct seal_place *place = moving->place;
    int64_t now_us;
    int rc = lease_lock(tx, moving->lease, &now_us, err);
    if (rc == 0 && moving->lease->held)
        tx_add(tx, SQL_MOVE,
            DB_PARAMS(DB_S(str_of(place->gtid)), DB_I(place->pos), DB_I(place->n), DB_I(place->found_after),
                DB_I(place->found_to), text_or_null(seal_gap_name(place->gap))));
    return rc;
}

task_fn int seal_move(struct db *db, struct lease *lease, const struct seal_place *place, struct err *err)
{
    struct moving moving = {lease, place};
    return tx_run(db, NULL, move, &moving, NULL, err);
}

/* ---- events without a place ---------------------------------------------------------------------------- */

task_fn int seal_find(struct db *db, int64_t after, int64_t to, size_t limit,
    struct seal_pending **ret_leaves, size_t *ret_n, int64_t *ret_last, int64_t *ret_sequence,
    struct err *err)
{
    struct db_rows rows, end;
    int rc = db_query(db, SQL_WINDOW, DB_PARAMS(DB_I(after), DB_I(to)), &rows, err);
    if (rc < 0)
        return rc;
    int64_t last = db_cell(&rows, 0, 0)->kind == DB_INT ? db_cell(&rows, 0, 0)->i : to;
    rc = db_query(db, SQL_FIND, DB_PARAMS(DB_I(after), DB_I(last), DB_I(limit)), &rows, err);
    if (rc == -ERR_TOO_LARGE && limit > 1) {
        err_clear(err);
        return seal_find(db, after, to, limit / 8 + 1 < limit ? limit / 8 + 1 : 1, ret_leaves, ret_n,
            ret_last, ret_sequence, err);
    }
    if (rc == 0)
        rc = db_query(db, SQL_END, DB_NO_PARAMS, &end, err);
    if (rc < 0)
        return rc;
    struct crypto_digest *digest = crypto_digest_new();
    struct seal_event event = {0};
    struct buf scratch;
    buf_init(&scratch, SEAL_EVENT_BYTES_MAX);
    *ret_leaves = arena_new_array(task_arena(), struct seal_pending, rows.n_rows + 1);
    for (size_t i = 0; i < rows.n_rows; i++) {
        const struct db_val *cells[SEAL_COLUMN_COUNT];
        for (size_t c = 0; c < SEAL_COLUMN_COUNT; c++)
            cells[c] = db_cell(&rows, i, c);
        (*ret_leaves)[i].event = cells[0]->i;
        seal_event_read(&event, cells, STR_NULL, 0);
        seal_leaf_hash(&event, digest, &scratch, (*ret_leaves)[i].hash);
    }
    *ret_n = rows.n_rows;
    /* As many as were asked for: there may be more of them in the window. */
    *ret_last = rows.n_rows > 0 && rows.n_rows == limit ? (*ret_leaves)[rows.n_rows - 1].event : last;
    *ret_sequence = db_cell(&end, 0, 0)->kind == DB_INT ? db_cell(&end, 0, 0)->i : 0;
    seal_event_done(&event);
    buf_done(&scratch);
    crypto_digest_free(digest);
    return 0;
}
