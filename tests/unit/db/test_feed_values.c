/*
 * The decoder against SELECT (REALTIME E1): for every column type, null and its edges and thousands of random
 * values, the image in the binlog must be what db_query returns for the same row, before and after an UPDATE.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "db/feed_decode.h"
#include "feed_fixture.h"
#include "feed_types.h"

/* ---- the comparison ---- */

static struct db *loose; /* one connection that lets zero dates and cut values pass */
static unsigned n_compared;

static struct db_rows select_all(size_t nth)
{
    char sql[80];

    (void)snprintf(sql, sizeof sql, "SELECT * FROM v%zu ORDER BY id", nth);
    return fixture_query(loose, sql, DB_NO_PARAMS);
}

static void insert_all(const struct spec *spec, size_t nth, struct feed *feed)
{
    struct buf sql;
    struct feed_tx *tx;
    struct db_rows rows;

    buf_init(&sql, 0);
    buf_printf(&sql, "INSERT INTO v%zu (id,v) VALUES (0,NULL)", nth);
    for (int i = 0; i < 20 && spec->edges[i] != NULL; i++) {
        buf_printf(&sql, ",(%d,%s)", i + 1, spec->edges[i]);
    }
    for (int i = 0; i < RANDOM_ROWS; i++) {
        buf_printf(&sql, ",(%d,", 100 + i);
        make_value(&sql, spec);
        buf_add_char(&sql, ')');
    }
    (void)fixture_query(loose, buf_cstr(&sql), DB_NO_PARAMS);
    buf_done(&sql);
    rows = select_all(nth);
    tx = feed_take_rows(feed);
    must(tx->first && tx->last && tx->n_changes == rows.n_rows);
    for (size_t i = 0; i < rows.n_rows; i++) {
        const struct feed_change *change = &tx->changes[i];

        must(change->op == FEED_INSERT && change->before == NULL);
        must(same_row(change->table, change->after, &rows, i, spec->type));
        n_compared++;
    }
    feed_tx_unref(tx);
}

static size_t row_of(const struct db_rows *rows, int64_t id)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (db_cell(rows, i, 0)->i == id) {
            return i;
        }
    }
    never("a row that the feed tells is not in the table");
}

/* Each row takes the value of the next one: both images of the change are known. */
static void rotate_all(const struct spec *spec, size_t nth, struct feed *feed)
{
    char sql[200];
    struct db_rows before = select_all(nth), after;
    struct feed_tx *tx;

    (void)snprintf(sql, sizeof sql,
        "UPDATE v%zu a JOIN (SELECT id, LEAD(v) OVER (ORDER BY id) AS v FROM v%zu) b ON b.id=a.id"
        " SET a.v=b.v, a.w=a.id",
        nth, nth);
    (void)fixture_query(loose, sql, DB_NO_PARAMS);
    after = select_all(nth);
    tx = feed_take_rows(feed);
    must(tx->n_changes == after.n_rows);
    for (size_t i = 0; i < after.n_rows; i++) {
        const struct feed_change *change = &tx->changes[i];

        const size_t row = row_of(&after, change->after[0].i); /* a join has an order of its own */

        must(change->op == FEED_UPDATE);
        must(same_row(change->table, change->before, &before, row, spec->type));
        must(same_row(change->table, change->after, &after, row, spec->type));
        n_compared += 2;
    }
    feed_tx_unref(tx);
}

static void delete_all(const struct spec *spec, size_t nth, struct feed *feed)
{
    char sql[80];
    const struct db_rows before = select_all(nth);
    struct feed_tx *tx;

    (void)snprintf(sql, sizeof sql, "DELETE FROM v%zu ORDER BY id", nth);
    (void)fixture_query(loose, sql, DB_NO_PARAMS);
    tx = feed_take_rows(feed);
    must(tx->n_changes == before.n_rows);
    for (size_t i = 0; i < before.n_rows; i++) {
        must(tx->changes[i].op == FEED_DELETE && tx->changes[i].after == NULL);
        must(same_row(tx->changes[i].table, tx->changes[i].before, &before, i, spec->type));
        n_compared++;
    }
    feed_tx_unref(tx);
}

static void make_table(const struct spec *spec, size_t nth)
{
    char sql[400];

    (void)snprintf(sql, sizeof sql, "CREATE OR REPLACE TABLE v%zu (id INT PRIMARY KEY, v %s NULL, w INT)",
        nth, spec->type);
    (void)fixture_query(loose, sql, DB_NO_PARAMS);
}

static void compare_spec(void *arg)
{
    const size_t nth = *(const size_t *)arg;
    struct feed *feed = feed_open(STR_NULL, NULL);

    make_table(&SPECS[nth], nth);
    insert_all(&SPECS[nth], nth, feed);
    if (SPECS[nth].maker != MAKE_POINT) {
        rotate_all(&SPECS[nth], nth, feed);
    }
    delete_all(&SPECS[nth], nth, feed);
    feed_stop(feed);
}

static void open_loose(void *arg)
{
    (void)arg;
    loose = fixture_open(INSTANCE_OWNER, 1, 60000);
    (void)fixture_query(loose, "SET SESSION sql_mode=''", DB_NO_PARAMS);
}

static void close_loose(void *arg)
{
    (void)arg;
    db_close(loose);
}

static void test_every_type_like_a_select(void **state)
{
    (void)state;
    task_run(open_loose, NULL);
    for (size_t i = 0; i < SPEC_COUNT; i++) {
        task_run(compare_spec, &i);
    }
    task_run(close_loose, NULL);
    print_message("%zu types, %u images compared\n", SPEC_COUNT, n_compared);
    assert_true(n_compared > 10000);
}

/* ---- choices with many members ---- */

static void make_choice_table(const char *name, const char *kind, unsigned n)
{
    struct buf sql;

    buf_init(&sql, 0);
    buf_printf(&sql, "CREATE OR REPLACE TABLE %s (id INT PRIMARY KEY, v %s(", name, kind);
    for (unsigned i = 0; i < n; i++) {
        buf_printf(&sql, "%s'选%u'", i > 0 ? "," : "", i);
    }
    buf_add_text(&sql, "))");
    (void)fixture_query(loose, buf_cstr(&sql), DB_NO_PARAMS);
    buf_done(&sql);
}

static void compare_next(struct feed *feed, const char *table)
{
    char sql[80];
    struct feed_tx *tx = feed_take_rows(feed);
    struct db_rows rows;

    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY id", table);
    rows = fixture_query(loose, sql, DB_NO_PARAMS);
    must(tx->n_changes == rows.n_rows);
    for (size_t i = 0; i < rows.n_rows; i++) {
        must(same_row(tx->changes[i].table, tx->changes[i].after, &rows, i, table));
    }
    feed_tx_unref(tx);
}

CHECKED(test_choices_with_many_members)
{
    struct feed *feed = feed_open(STR_NULL, NULL);

    open_loose(arg);
    make_choice_table("many_enum", "ENUM", 300);
    (void)fixture_query(loose, "INSERT INTO many_enum SELECT seq, seq FROM seq_1_to_300", DB_NO_PARAMS);
    compare_next(feed, "many_enum");
    make_choice_table("many_set", "SET", 64);
    (void)fixture_query(loose,
        "INSERT INTO many_set VALUES (1,0),(2,1),(3,9223372036854775808),(4,18446744073709551615)",
        DB_NO_PARAMS);
    compare_next(feed, "many_set");
    make_choice_table("some_set", "SET", 33);
    (void)fixture_query(loose, "INSERT INTO some_set VALUES (1,8589934591),(2,4294967296)", DB_NO_PARAMS);
    compare_next(feed, "some_set");
    close_loose(arg);
    feed_stop(feed);
}

/* ---- a wide table, tables that change, several tables at once ---- */

CHECKED(test_wide_table)
{
    struct feed *feed = feed_open(STR_NULL, NULL);
    struct buf sql;

    open_loose(arg);
    buf_init(&sql, 0);
    buf_add_text(&sql, "CREATE OR REPLACE TABLE wide (id INT PRIMARY KEY");
    for (int i = 0; i < 300; i++) {
        buf_printf(&sql, ", c%d %s", i,
            i % 5 == 0   ? "BIGINT UNSIGNED"
            : i % 5 == 1 ? "TEXT"
            : i % 5 == 2 ? "DATE"
            : i % 5 == 3 ? "VARBINARY(20)"
                         : "TINYINT");
    }
    buf_add_text(&sql, ")");
    (void)fixture_query(loose, buf_cstr(&sql), DB_NO_PARAMS);
    (void)fixture_query(loose, "INSERT INTO wide (id) VALUES (1)", DB_NO_PARAMS);
    compare_next(feed, "wide");
    (void)fixture_query(loose, "DELETE FROM wide", DB_NO_PARAMS);
    feed_tx_unref(feed_take_rows(feed));
    (void)fixture_query(loose,
        "INSERT INTO wide (id,c0,c1,c2,c3,c4,c295,c296,c297,c298,c299) VALUES"
        " (1,18446744073709551615,'观','2026-11-22','b',-5,1,'z','2028-02-29','y',7)",
        DB_NO_PARAMS);
    compare_next(feed, "wide");
    buf_done(&sql);
    close_loose(arg);
    feed_stop(feed);
}

CHECKED(test_tables_change_under_the_feed)
{
    static const char *const alters[] = {"ALTER TABLE moving ADD COLUMN b INT DEFAULT 7, ALGORITHM=INSTANT",
        "ALTER TABLE moving ADD COLUMN c VARCHAR(20) AFTER id, ALGORITHM=INSTANT",
        "ALTER TABLE moving DROP COLUMN b", "ALTER TABLE moving MODIFY a BIGINT UNSIGNED",
        "ALTER TABLE moving MODIFY c TEXT", "ALTER TABLE moving RENAME COLUMN a TO z",
        "ALTER TABLE moving ADD COLUMN u UUID", "ALTER TABLE moving ADD COLUMN v INT AS (id*2) VIRTUAL",
        "ALTER TABLE moving ADD COLUMN p INT AS (id*3) PERSISTENT",
        "ALTER TABLE moving CONVERT TO CHARACTER SET utf8mb3"};
    struct feed *feed = feed_open(STR_NULL, NULL);

    open_loose(arg);
    (void)fixture_query(loose, "CREATE OR REPLACE TABLE moving (id INT PRIMARY KEY, a INT)", DB_NO_PARAMS);
    (void)fixture_query(loose, "INSERT INTO moving VALUES (1,-1),(2,2)", DB_NO_PARAMS);
    compare_next(feed, "moving");
    for (size_t i = 0; i < sizeof alters / sizeof alters[0]; i++) {
        (void)fixture_query(loose, "UPDATE moving SET a=ABS(a)", DB_NO_PARAMS);
        (void)fixture_query(loose, alters[i], DB_NO_PARAMS);
        if (i == 5) {
            (void)fixture_query(loose, "ALTER TABLE moving RENAME COLUMN z TO a", DB_NO_PARAMS);
        }
        (void)fixture_query(loose, "UPDATE moving SET a=a+1000 ORDER BY id", DB_NO_PARAMS);
        do { /* the first of the two updates may have changed nothing */
            struct feed_tx *tx = feed_take_rows(feed);
            const bool is_second = tx->changes[0].after[0].i == 1 && tx->n_changes == 2;

            if (is_second) {
                const struct db_rows rows =
                    fixture_query(loose, "SELECT * FROM moving ORDER BY id", DB_NO_PARAMS);

                must(same_row(tx->changes[0].table, tx->changes[0].after, &rows, 0, alters[i]));
                must(same_row(tx->changes[1].table, tx->changes[1].after, &rows, 1, alters[i]));
                feed_tx_unref(tx);
                break;
            }
            feed_tx_unref(tx);
        } while (true);
    }
    close_loose(arg);
    feed_stop(feed);
}

CHECKED(test_one_statement_on_two_tables)
{
    struct feed *feed = feed_open(STR_NULL, NULL);
    struct feed_tx *tx;
    size_t n_first = 0, n_second = 0;

    open_loose(arg);
    (void)fixture_query(loose, "CREATE OR REPLACE TABLE first_one (id INT PRIMARY KEY, a INT)", DB_NO_PARAMS);
    (void)fixture_query(
        loose, "CREATE OR REPLACE TABLE second_one (id INT PRIMARY KEY, b TEXT)", DB_NO_PARAMS);
    (void)fixture_query(loose, "INSERT INTO first_one SELECT seq, 0 FROM seq_1_to_50", DB_NO_PARAMS);
    (void)fixture_query(loose, "INSERT INTO second_one SELECT seq, 'x' FROM seq_1_to_50", DB_NO_PARAMS);
    feed_tx_unref(feed_take_rows(feed));
    feed_tx_unref(feed_take_rows(feed));
    (void)fixture_query(
        loose, "UPDATE first_one f JOIN second_one s USING (id) SET f.a=1, s.b='y'", DB_NO_PARAMS);
    tx = feed_take_rows(feed);
    must(tx->n_changes == 100);
    for (size_t i = 0; i < tx->n_changes; i++) {
        const struct feed_change *change = &tx->changes[i];

        if (str_eq(change->table->name, STR("first_one"))) {
            must(change->before[1].i == 0 && change->after[1].i == 1);
            n_first++;
        } else {
            must(str_eq(change->before[1].s, STR("x")) && str_eq(change->after[1].s, STR("y")));
            n_second++;
        }
    }
    must(n_first == 50 && n_second == 50);
    feed_tx_unref(tx);
    close_loose(arg);
    feed_stop(feed);
}

CHECKED(test_system_versioned_table)
{
    static const char select[] =
        "SELECT id, v, row_start, row_end FROM kept FOR SYSTEM_TIME ALL ORDER BY row_end DESC";
    struct feed *feed = feed_open(STR_NULL, NULL);
    struct feed_tx *tx;
    struct db_rows rows;

    open_loose(arg);
    (void)fixture_query(loose,
        "CREATE OR REPLACE TABLE kept (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING", DB_NO_PARAMS);
    (void)fixture_query(loose, "INSERT INTO kept VALUES (1,1)", DB_NO_PARAMS);
    tx = feed_take_rows(feed);
    rows = fixture_query(loose, select, DB_NO_PARAMS);
    must(tx->n_changes == 1 && same_row(tx->changes[0].table, tx->changes[0].after, &rows, 0, "inserted"));
    feed_tx_unref(tx);
    (void)fixture_query(loose, "UPDATE kept SET v=2", DB_NO_PARAMS);
    tx = feed_take_rows(feed); /* the change, and the row of its history */
    rows = fixture_query(loose, select, DB_NO_PARAMS);
    must(tx->n_changes == 2 && rows.n_rows == 2);
    must(tx->changes[0].op == FEED_UPDATE && tx->changes[1].op == FEED_INSERT);
    must(same_row(tx->changes[0].table, tx->changes[0].after, &rows, 0, "updated"));
    must(same_row(tx->changes[1].table, tx->changes[1].after, &rows, 1, "history"));
    feed_tx_unref(tx);
    close_loose(arg);
    feed_stop(feed);
}

/* ---- every collation of the server ---- */

CHECKED(test_character_sets_of_all_collations)
{
    const struct db_rows rows = fixture_query(fixture.app,
        "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
        " WHERE ID IS NOT NULL",
        DB_NO_PARAMS);
    (void)arg;

    must(rows.n_rows > 300);
    for (size_t i = 0; i < rows.n_rows; i++) {
        const struct str name = db_cell(&rows, i, 1)->s;
        const enum feed_charset charset = feed_charset_of((uint64_t)db_cell(&rows, i, 0)->i);
        const bool is_utf8 =
            str_eq(name, STR("utf8mb4")) || str_eq(name, STR("utf8mb3")) || str_eq(name, STR("ascii"));
        const enum feed_charset wanted = is_utf8                       ? FEED_UTF8
                                         : str_eq(name, STR("latin1")) ? FEED_LATIN1
                                         : str_eq(name, STR("binary")) ? FEED_BINARY
                                                                       : FEED_OTHER;

        if (charset != wanted) {
            (void)fprintf(stderr, "collation %lld of %.*s: %d\n", (long long)db_cell(&rows, i, 0)->i,
                STR_ARGS(name), (int)charset);
        }
        must(charset == wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_character_sets_of_all_collations),
        cmocka_unit_test(test_every_type_like_a_select),
        cmocka_unit_test(test_choices_with_many_members),
        cmocka_unit_test(test_wide_table),
        cmocka_unit_test(test_tables_change_under_the_feed),
        cmocka_unit_test(test_one_statement_on_two_tables),
        cmocka_unit_test(test_system_versioned_table),
    };

    random_begin();
    cmocka_set_test_filter(getenv("TEST_ONLY")); /* a pattern; none runs all */
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
