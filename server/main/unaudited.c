/*
 * The alarm for changes that Tidemark did not make: what audit/check.h finds becomes an event `unaudited`,
 * which the auditors' screens get as any other event. The position up to which everything has been checked is
 * kept, so that what was changed while nobody served is found at the next start; it is written with the alarm
 * in one transaction, so that none is raised twice.
 */
#include "audit/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "main/main_int.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIGRATION_BYTES_MAX = 1 << 20, GTID_MAX = 80 };

static const char SQL_POSITION[] = "SELECT gtid FROM feed_position WHERE name = 'check'";
/* Where the first check begins is kept before anything is served: what happens before the first position is
 * saved by the beat would else never be looked at. Domain 0 is the clock (DECISIONS A7). */
static const char SQL_BEGIN[] =
    "INSERT IGNORE INTO feed_position (name, gtid, at) SELECT 'check', p.gtid, UTC_TIMESTAMP(6) FROM "
    "(SELECT REGEXP_SUBSTR(@@gtid_binlog_pos, '(?<![0-9-])0-[0-9]+-[0-9]+') AS gtid) p WHERE p.gtid <> ''";
static const char SQL_LOCK[] = "SELECT gtid FROM feed_position WHERE name = 'check' FOR UPDATE";
/* Several processes check; the position is that of the first, and never goes back but where history does. */
#define SEQUENCE(gtid) "CAST(SUBSTRING_INDEX(" gtid ", '-', -1) AS UNSIGNED)"
static const char SQL_SAVE[] =
    "INSERT INTO feed_position (name, gtid, at) VALUES ('check', ?, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE at = VALUES(at), "
    "gtid = IF(" SEQUENCE("VALUES(gtid)") " > " SEQUENCE("gtid") ", VALUES(gtid), gtid)";
static const char SQL_SET[] =
    "INSERT INTO feed_position (name, gtid, at) VALUES ('check', ?, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE gtid = VALUES(gtid), at = VALUES(at)";
static const char SQL_HASH[] =
    "SELECT 1 FROM tidemark_log.event WHERE action = 'configure' AND form = '_form' AND LOCATE(?, changes) > 0 LIMIT 1";

struct unaudited {
    struct audit_checker *checker;
    struct arena *arena;
    struct map *ddl;     /* statements of the shipped migrations */
    char gtid[GTID_MAX]; /* checked up to here */
    bool is_new;         /* not yet written */
};

/* ---- what is known
 * ------------------------------------------------------------------------------------------------ */

static task_fn bool known_hash(void *arg, struct str sha256)
{
    struct listening *listening = arg;
    struct db_rows rows;
    struct err err = {0};
    return db_query(listening->house->app, SQL_HASH, DB_PARAMS(DB_S(sha256)), &rows, &err) == 0 &&
           rows.n_rows > 0;
}

static task_fn bool known_ddl(void *arg, struct str text)
{
    const struct listening *listening = arg;
    return map_get(listening->unaudited->ddl, text) != NULL;
}

/* The statement of a migration's file: without the comment in front, blanks and the last ';'. */
static struct str statement_of(struct str text)
{
    text = str_trim(text);
    while (str_starts(text, STR("/*"))) {
        size_t end = str_find(text, STR("*/"));
        if (end == SIZE_MAX)
            return text;
        text = str_trim((struct str){text.p + end + 2, text.n - end - 2});
    }
    if (str_ends(text, STR(";")))
        text.n--;
    return str_trim(text);
}

static void read_migrations(struct unaudited *unaudited, struct str share)
{
    const char *folder =
        arena_cstr(unaudited->arena, arena_printf(unaudited->arena, "%.*s/migrations", STR_ARGS(share)));
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        struct str text;
        struct err err = {0};
        const char *path =
            arena_cstr(unaudited->arena, arena_printf(unaudited->arena, "%s/%s", folder, entry->d_name));
        if (str_ends(str_of(entry->d_name), STR(".sql")) &&
            read_file(unaudited->arena, path, MIGRATION_BYTES_MAX, &text, &err) == 0)
            map_put(unaudited->ddl, statement_of(text), unaudited);
    }
    if (dir)
        closedir(dir);
}

task_fn int unaudited_start(
    struct listening *listening, struct str share, struct str *ret_after, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(listening->house->app, SQL_BEGIN, DB_NO_PARAMS, &rows, err);
    if (rc == 0)
        rc = db_query(listening->house->app, SQL_POSITION, DB_NO_PARAMS, &rows, err);
    if (rc < 0)
        return rc;
    struct unaudited *unaudited = must_alloc(sizeof(*unaudited));
    const struct audit_checker_opts opts = {
        .arg = listening, .known_hash = known_hash, .known_ddl = known_ddl};
    unaudited->arena = arena_new();
    unaudited->ddl = map_new();
    read_migrations(unaudited, share);
    listening->unaudited = unaudited;
    unaudited->checker = audit_checker_new(&opts);
    *ret_after = rows.n_rows > 0 ? arena_copy(unaudited->arena, db_cell(&rows, 0, 0)->s) : STR("");
    return 0;
}

void unaudited_stop(struct listening *listening)
{
    struct unaudited *unaudited = listening->unaudited;
    if (!unaudited)
        return;
    audit_checker_free(unaudited->checker);
    map_free(unaudited->ddl, NULL);
    arena_free(unaudited->arena);
    free(unaudited);
    listening->unaudited = NULL;
}

/* ---- the alarm
 * ----------------------------------------------------------------------------------------------------- */

struct alarm {
    const struct listening *listening;
    const struct audit_findings *findings;
    bool is_lost;
    int64_t sequence;
    char gtid[GTID_MAX];
};

static struct str detail_of(const struct audit_finding *finding, uint64_t total)
{
    static const char *const OPS[] = {
        [FEED_INSERT] = "insert", [FEED_UPDATE] = "update", [FEED_DELETE] = "delete"};
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_object(&out);
    json_out_member_text(&out, "what", audit_what_name(finding->what));
    json_out_member_str(&out, "table",
        arena_printf(task_arena(), "%.*s.%.*s", STR_ARGS(finding->schema), STR_ARGS(finding->table)));
    if (finding->is_row)
        json_out_member_text(&out, "op", OPS[finding->op]);
    if (finding->detail.n)
        json_out_member_str(&out, "detail", finding->detail);
    json_out_member_str(&out, "pos", arena_printf(task_arena(), "%lld", (long long)finding->sequence));
    json_out_member_int(&out, "of", (int64_t)total);
    json_out_object_end(&out);
    json_out_end(&out);
    struct str text = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return text;
}

/* "rec_customer" is the form customer; a table of ours goes by its name with '_' in front, as events name it.
 */
static struct str form_of_table(struct str table)
{
    if (str_starts(table, STR("rec_")))
        return (struct str){table.p + 4, table.n - 4};
    struct str name = arena_printf(task_arena(), "_%.*s", STR_ARGS(table));
    return (struct str){name.p, name.n > FORM_KEY_MAX ? FORM_KEY_MAX : name.n};
}

static bool sequence_of(struct str gtid, int64_t *ret_sequence)
{
    (void)str_cut(&gtid, '-');
    (void)str_cut(&gtid, '-');
    return str_to_i64(gtid, ret_sequence);
}

static task_fn int write_alarm(struct tx *tx, void *arg, struct err *err)
{
    const struct alarm *alarm = arg;
    struct db_rows rows;
    int64_t checked;
    int rc = tx_query(tx, SQL_LOCK, DB_NO_PARAMS, &rows, err);
    if (rc < 0)
        return rc;
    if (!alarm->is_lost && rows.n_rows > 0 && sequence_of(db_cell(&rows, 0, 0)->s, &checked) &&
        checked >= alarm->sequence)
        return 0; /* another process has been here: whoever found it first has told it */
    for (size_t i = 0; i < alarm->findings->n; i++) {
        const struct audit_finding *finding = &alarm->findings->at[i];
        const struct audit_event event = {.login = STR("system"),
            .action = AUDIT_UNAUDITED,
            .form = form_of_table(finding->table),
            .record = finding->record,
            .detail = detail_of(finding, alarm->findings->total)};
        (void)audit_add(tx, &event);
    }
    tx_add(tx, alarm->is_lost ? SQL_SET : SQL_SAVE,
        DB_PARAMS(DB_S(arena_copy(task_arena(), str_of(alarm->gtid)))));
    return 0;
}

task_fn void unaudited_hear(struct listening *listening, const struct feed_tx *tx)
{
    struct unaudited *unaudited = listening->unaudited;
    struct audit_findings findings = {0};
    audit_check(unaudited->checker, tx, &findings);
    if (tx->kind == FEED_TX && !tx->last)
        return;
    struct alarm alarm = {.listening = listening,
        .findings = &findings,
        .is_lost = tx->kind == FEED_LOST,
        .sequence = tx->domain == 0 ? tx->sequence : INT64_MAX};
    (void)snprintf(alarm.gtid, sizeof(alarm.gtid), "%lld-%lld-%lld", (long long)tx->domain,
        (long long)tx->server, (long long)tx->sequence);
    if (tx->domain != 0)
        memcpy(alarm.gtid, unaudited->gtid, sizeof(alarm.gtid));
    while (findings.n > 0) {
        struct err err = {0};
        if (tx_run(listening->house->app, NULL, write_alarm, &alarm, NULL, &err) == 0)
            break;
        log_event(LOG_ERR, "main", "unaudited change not written", LOG_C("cause", err.detail));
        err_clear(&err);
        if (listening->stop || task_sleep(1000, &err) < 0)
            return; /* it is found again at the next start */
    }
    /* Only now: what is saved meanwhile would say that this has been checked. */
    memcpy(unaudited->gtid, alarm.gtid, sizeof(unaudited->gtid));
    unaudited->is_new = tx->kind == FEED_TX;
}

task_fn void unaudited_save(struct listening *listening)
{
    struct unaudited *unaudited = listening->unaudited;
    struct db_rows rows;
    struct err err = {0};
    if (!unaudited || !unaudited->is_new || unaudited->gtid[0] == '\0')
        return;
    unaudited->is_new = false;
    if (db_query(listening->house->app, SQL_SAVE,
            DB_PARAMS(DB_S(arena_copy(task_arena(), str_of(unaudited->gtid)))), &rows, &err) < 0)
        unaudited->is_new = true;
}
