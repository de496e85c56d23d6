/*
 * Whether a server keeps what Tidemark relies on: settings that decide over durability and the feed, the
 * rights of the account that asks, and its clock. One line for each finding, with what to do.
 */
#include "base/clock.h"
#include "db/instance_int.h"

#include <string.h>

#define CLOCK_DRIFT_US ((int64_t)1000 * 1000)

/* Several values that will do are separated by '|', the one to recommend first. */
static const struct {
    const char *name, *wanted, *why;
} settings[] = {
    {"innodb_flush_log_at_trx_commit", "1", "a committed change may be lost with the power"},
    {"sync_binlog", "1", "a committed change may be missing in the binlog"},
    {"innodb_doublewrite", "ON|1|FAST", "a torn page cannot be mended"},
    {"innodb_snapshot_isolation", "ON|1", "a concurrent change may be overwritten unseen"},
    {"secure_timestamp", "YES|SUPER", "an account may forge the time of its changes"},
    {"local_infile", "OFF|0", "a client may be asked for its files"},
    {"log_bin", "ON|1", "the change feed needs the binlog"},
    {"binlog_format", "ROW", "the change feed needs row images"},
    {"binlog_row_image", "FULL", "the change feed needs whole rows"},
    {"binlog_row_metadata", "FULL", "the change feed needs the columns' names and types"},
    {"gtid_strict_mode", "ON|1", "a position may stand for two histories"},
    {"innodb_strict_mode", "ON|1", "a table may silently lose its options"},
    {"lower_case_table_names", "0", "names are kept as they are written"},
};

/* SHOW GRANTS of each account, without the line of its password. */
static const struct {
    const char *account, *rights[4];
} golden[] = {
    {"tidemark_owner", {"ALL PRIVILEGES ON `tidemark`.*"}},
    {"tidemark_migrate", {"ALL PRIVILEGES ON `tidemark`.*", "ALL PRIVILEGES ON `tidemark_log`.*"}},
    {"tidemark_app",
        {"SELECT, INSERT, UPDATE, DELETE ON `tidemark`.*", "SELECT, INSERT ON `tidemark_log`.*"}},
    {"tidemark_feed",
        {"REPLICATION SLAVE, BINLOG MONITOR ON *.*", "SELECT ON `tidemark`.*", "SELECT ON `tidemark_log`.*"}},
};

static bool is_one_of(struct str value, const char *wanted)
{
    struct str rest = str_of(wanted);

    while (rest.n > 0) {
        if (str_eq_nocase(value, str_cut(&rest, '|'))) {
            return true;
        }
    }
    return false;
}

static task_fn int check_settings(struct db *db, struct buf *findings, struct err *err)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct db_rows rows = {0};
        const char *sql = arena_printf(task_arena(), "SELECT CAST(@@global.%s AS CHAR)", settings[i].name).p;
        struct str value = STR("(unknown)");
        int status = db_query(db, sql, DB_NO_PARAMS, &rows, err);

        if (status != 0) {
            return status;
        }
        if (rows.n_rows == 1 && db_cell(&rows, 0, 0)->kind == DB_TEXT) {
            value = db_cell(&rows, 0, 0)->s;
        }
        if (!is_one_of(value, settings[i].wanted)) {
            struct str rest = str_of(settings[i].wanted);
            const struct str best = str_cut(&rest, '|');

            buf_printf(findings,
                "database setting %s is %.*s, should be %.*s: %s; set it in the server's configuration\n",
                settings[i].name, STR_ARGS(value), STR_ARGS(best), settings[i].why);
        }
    }
    return 0;
}

/* "GRANT rights ON what TO who …": the part between, or empty. */
static struct str granted_part(struct str line)
{
    const size_t to = str_find(line, STR(" TO "));

    if (!str_starts(line, STR("GRANT ")) || to == SIZE_MAX) {
        return line;
    }
    return (struct str){line.p + 6, to - 6};
}

static bool is_golden(size_t account, struct str part)
{
    for (size_t i = 0; i < 4 && golden[account].rights[i] != NULL; i++) {
        if (str_eq(part, str_of(golden[account].rights[i]))) {
            return true;
        }
    }
    return str_eq(part, STR("USAGE ON *.*"));
}

static void compare_grants(size_t account, const struct db_rows *rows, struct buf *findings)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        const struct str part = granted_part(db_cell(rows, i, 0)->s);

        if (!is_golden(account, part) ||
            str_find(db_cell(rows, i, 0)->s, STR("WITH GRANT OPTION")) != SIZE_MAX) {
            buf_printf(findings, "account %s has a right too many: %.*s; revoke it\n",
                golden[account].account, STR_ARGS(part));
        }
    }
    for (size_t j = 0; j < 4 && golden[account].rights[j] != NULL; j++) {
        bool found = false;

        for (size_t i = 0; i < rows->n_rows && !found; i++) {
            found = str_eq(granted_part(db_cell(rows, i, 0)->s), str_of(golden[account].rights[j]));
        }
        if (!found) {
            buf_printf(findings, "account %s lacks a right: GRANT %s\n", golden[account].account,
                golden[account].rights[j]);
        }
    }
}

static task_fn int check_grants(struct db *db, struct buf *findings, struct err *err)
{
    struct db_rows who = {0}, rows = {0};
    struct str rest, name;
    int status = db_query(db, "SELECT CURRENT_USER()", DB_NO_PARAMS, &who, err);

    if (status == 0) {
        status = db_query(db, "SHOW GRANTS", DB_NO_PARAMS, &rows, err);
    }
    if (status != 0) {
        return status;
    }
    rest = db_cell(&who, 0, 0)->s;
    name = str_cut(&rest, '@');
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        if (str_eq(name, str_of(golden[i].account))) {
            compare_grants(i, &rows, findings);
            return 0;
        }
    }
    buf_printf(findings, "account %.*s is none of Tidemark's\n", STR_ARGS(name));
    return 0;
}

static task_fn int check_clock(struct db *db, struct buf *findings, struct err *err)
{
    struct db_rows rows = {0};
    const int64_t before_us = clock_utc_us();
    int64_t there_us = 0;
    int status = db_query(db, "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)", DB_NO_PARAMS, &rows, err);

    if (status != 0) {
        return status;
    }
    if (!clock_parse_sql(db_cell(&rows, 0, 0)->s, &there_us) || there_us < before_us - CLOCK_DRIFT_US ||
        there_us > clock_utc_us() + CLOCK_DRIFT_US) {
        buf_printf(findings,
            "the database's clock says %.*s, more than a second off ours; let both follow the same source\n",
            STR_ARGS(db_cell(&rows, 0, 0)->s));
    }
    return 0;
}

int instance_check(struct db *db, struct buf *findings, struct err *err)
{
    int status = check_settings(db, findings, err);

    if (status == 0) {
        status = check_grants(db, findings, err);
    }
    if (status == 0) {
        status = check_clock(db, findings, err);
    }
    return status;
}
