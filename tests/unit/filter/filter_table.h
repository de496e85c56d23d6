/*
 * The form of filter_world.h as a table of a real MariaDB, filled at random, with the columns of masks and,
 * for each zone, the day of the instant by the C library's calendar; and its rows as filter_eval takes them,
 * read back from the server.
 */
#ifndef TIDEMARK_TESTS_FILTER_TABLE_H
#define TIDEMARK_TESTS_FILTER_TABLE_H

#include "db/db_fixture.h"
#include "filter_random.h"

enum { TABLE_ROWS = 1000, TABLE_BATCH = 50 };

static struct {
    struct arena *arena;
    struct db_val *values; /* TABLE_ROWS times N_FIELDS */
    struct db_val *masks;  /* the columns c_<key> */
} table;

static const char SQL_TABLE[] =
    "CREATE TABLE t (id BIGINT PRIMARY KEY, `name` VARCHAR(64) NULL, `memo` TEXT NULL,"
    " `code` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,"
    " `stage` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,"
    " `tags` VARCHAR(1000) CHARACTER SET ascii COLLATE ascii_bin NULL,"
    " `amount` DECIMAL(20,2) NULL, `rate` DECIMAL(20,8) NULL,"
    " `count` BIGINT NULL, `score` DOUBLE NULL, `day` DATE NULL, `at` DATETIME(6) NULL,"
    " `owner` BIGINT NULL, `dept` BIGINT NULL, `note` VARCHAR(64) NULL,"
    " `ok` VARCHAR(5) CHARACTER SET ascii COLLATE ascii_bin NULL, `_f_name` TEXT NULL, `_f_memo` TEXT NULL,"
    " `at_0` DATE NULL, `at_1` DATE NULL, `at_2` DATE NULL,"
    " `c_name` TINYINT NULL, `c_memo` TINYINT NULL, `c_code` TINYINT NULL, `c_stage` TINYINT NULL,"
    " `c_tags` TINYINT NULL, `c_amount` TINYINT NULL, `c_rate` TINYINT NULL,"
    " `c_count` TINYINT NULL, `c_score` TINYINT NULL, `c_day` TINYINT NULL,"
    " `c_at` TINYINT NULL, `c_owner` TINYINT NULL, `c_dept` TINYINT NULL, `c_note` TINYINT NULL, `c_ok` TINYINT NULL,"
    " KEY (`name`), KEY (`code`), KEY (`stage`), KEY (`amount`), KEY (`rate`), KEY (`count`), KEY (`score`), KEY (`day`), KEY (`at`),"
    " KEY (`owner`), KEY (`dept`), KEY (`_f_name`(40)))"
    " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin";
static const char SQL_TABLE_FORCE[] =
    "FORCE INDEX (`name`, `code`, `stage`, `amount`, `rate`, `count`, `score`, `day`, `at`, `owner`, `dept`, `_f_name`)";
enum { TABLE_COLUMNS = 1 + N_FIELDS + 2 + N_ZONES + N_FIELDS };

/* The day that the C library sees in the zone. */
static inline struct db_val table_local_day(const struct db_val *at, size_t zone)
{
    int64_t utc_us;
    struct tm parts;
    if (at->kind == DB_NULL)
        return DB_N;
    must(clock_parse_sql(at->s, &utc_us));
    time_t seconds = (time_t)(utc_us / 1000000 - (utc_us % 1000000 < 0));
    must(setenv("TZ", WORLD_ZONES[zone], 1) == 0);
    tzset();
    must(localtime_r(&seconds, &parts) != NULL);
    return DB_S(
        arena_printf(table.arena, "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday));
}

static inline void table_make_row(int64_t id, struct db_val *row)
{
    size_t n = 0;
    row[n++] = DB_I(id);
    for (size_t i = 0; i < N_FIELDS; i++)
        row[n++] = random_value(i, table.arena);
    for (size_t i = F_NAME; i <= F_MEMO; i++)
        row[n++] = row[1 + i].kind == DB_NULL ? DB_N : DB_S(text_fold(table.arena, row[1 + i].s));
    for (size_t zone = 0; zone < N_ZONES; zone++)
        row[n++] = table_local_day(&row[1 + F_AT], zone);
    for (size_t i = 0; i < N_FIELDS; i++)
        row[n++] = chance(10) ? DB_N : DB_I(chance(60));
    must(n == TABLE_COLUMNS);
}

static inline void table_insert(int64_t first)
{
    struct db_val values[TABLE_BATCH * TABLE_COLUMNS];
    struct buf sql = {0};
    buf_init(&sql, 0);
    buf_add_text(&sql, "INSERT INTO t VALUES ");
    for (int i = 0; i < TABLE_BATCH; i++) {
        table_make_row(first + i, &values[i * TABLE_COLUMNS]);
        for (int j = 0; j < TABLE_COLUMNS; j++)
            buf_add_text(&sql, j ? ",?" : i ? ",(?" : "(?");
        buf_add_text(&sql, ")");
    }
    (void)fixture_query(fixture.app, buf_cstr(&sql), values, TABLE_BATCH * TABLE_COLUMNS);
    buf_done(&sql);
}

static inline struct db_val table_keep(const struct db_val *value)
{
    struct db_val copy = *value;
    if (copy.kind == DB_TEXT || copy.kind == DB_BYTES)
        copy.s = arena_copy(table.arena, copy.s);
    return copy;
}

static inline void table_fill(void *arg)
{
    (void)arg;
    (void)fixture_query(fixture.owner, SQL_TABLE, DB_NO_PARAMS);
    for (int64_t first = 1; first <= TABLE_ROWS; first += TABLE_BATCH)
        table_insert(first);
    struct db_rows rows = fixture_query(fixture.app, "SELECT * FROM t ORDER BY id", DB_NO_PARAMS);
    must(rows.n_rows == TABLE_ROWS && rows.n_cols == TABLE_COLUMNS);
    table.values = arena_new_array(table.arena, struct db_val, TABLE_ROWS * N_FIELDS);
    table.masks = arena_new_array(table.arena, struct db_val, TABLE_ROWS * N_FIELDS);
    for (size_t row = 0; row < TABLE_ROWS; row++)
        for (size_t i = 0; i < N_FIELDS; i++) {
            table.values[row * N_FIELDS + i] = table_keep(db_cell(&rows, row, 1 + i));
            table.masks[row * N_FIELDS + i] = table_keep(db_cell(&rows, row, TABLE_COLUMNS - N_FIELDS + i));
        }
}

static inline int table_set_up(void **state)
{
    struct err err = {0};
    random_begin();
    must(text_init(&err) == 0);
    (void)fixture_set_up(state);
    table.arena = arena_new();
    task_run(table_fill, NULL);
    return 0;
}

static inline int table_tear_down(void **state)
{
    (void)fixture_tear_down(state);
    arena_free(table.arena);
    text_done();
    return 0;
}

#endif
