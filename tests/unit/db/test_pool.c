/* Statements, values of every kind, errors, the pool and its limits, against a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db_fixture.h"

static bool is_text(const struct db_val *value, const char *text)
{
    return value->kind == DB_TEXT && str_eq(value->s, str_of(text));
}

/* ---- values ---- */

CHECKED(test_session_is_set_up)
{
    const struct db_rows rows = fixture_query(fixture.app,
        "SELECT @@character_set_client, @@collation_connection, @@time_zone, @@tx_isolation, @@autocommit,"
        " @@session_track_system_variables, @@sql_mode, @@max_statement_time=15, CURRENT_USER(), DATABASE()",
        DB_NO_PARAMS);
    (void)arg;

    must(rows.n_rows == 1 && rows.n_cols == 10);
    must(is_text(db_cell(&rows, 0, 0), "utf8mb4"));
    must(is_text(db_cell(&rows, 0, 1), "utf8mb4_nopad_bin"));
    must(is_text(db_cell(&rows, 0, 2), "+00:00"));
    must(is_text(db_cell(&rows, 0, 3), "READ-COMMITTED"));
    must(db_cell(&rows, 0, 4)->i == 1);
    must(is_text(db_cell(&rows, 0, 5), "last_gtid"));
    must(str_find(db_cell(&rows, 0, 6)->s, STR("STRICT_ALL_TABLES")) != SIZE_MAX);
    must(db_cell(&rows, 0, 7)->i == 1);
    must(is_text(db_cell(&rows, 0, 8), "tidemark_app@localhost"));
    must(is_text(db_cell(&rows, 0, 9), "tidemark"));
    must(str_eq(rows.names[4], STR("@@autocommit")));
}

static const char SQL_ALL_TYPES[] =
    "CREATE TABLE IF NOT EXISTS all_types (id BIGINT PRIMARY KEY, u BIGINT UNSIGNED, t TINYINT, s VARCHAR(64), x TEXT,"
    " b VARBINARY(64), l LONGBLOB, d DECIMAL(38,10), dt DATETIME(6), da DATE, f DOUBLE, y YEAR, bi BIT(64), j JSON,"
    " a CHAR(32) CHARACTER SET ascii, e ENUM('x','y'), ti TIME(3))";

CHECKED(test_values_of_every_kind)
{
    const char bytes[] = {0, (char)0xff, 'a', 0, '\''};
    struct db_rows rows;
    (void)arg;

    (void)fixture_query(fixture.owner, SQL_ALL_TYPES, DB_NO_PARAMS);
    rows = fixture_query(fixture.app,
        "INSERT INTO all_types (id,u,t,s,x,b,l,d,dt,da,f,y,bi,j,a,e,ti) VALUES"
        " (?,18446744073709551615,?,?,?,?,?,?,?,?,?,2026,18446744073709551615,?,?,?,?)",
        DB_PARAMS(DB_I(INT64_MAX), DB_I(-128), DB_S(STR("客户 '观澜' 😀 ")), DB_S(STR("")),
            DB_B(((struct str){bytes, sizeof bytes})), DB_B(STR_NULL),
            DB_S(STR("-1234567890123456789.0000000001")), DB_S(STR("2026-11-22 01:02:03.000004")),
            DB_S(STR("2028-02-29")), ((struct db_val){.kind = DB_REAL, .real = 0.1}), DB_S(STR("{\"a\":1}")),
            DB_S(STR("abc")), DB_S(STR("y")), DB_S(STR("-01:02:03.500"))));
    must(rows.affected == 1 && rows.n_rows == 0 && rows.cells == NULL);
    (void)fixture_query(
        fixture.app, "INSERT INTO all_types (id,u,s) VALUES (?,?,?)", DB_PARAMS(DB_I(-5), DB_I(7), DB_N));

    rows = fixture_query(fixture.app, "SELECT * FROM all_types WHERE id IN (?,?) ORDER BY id DESC",
        DB_PARAMS(DB_I(INT64_MAX), DB_I(-5)));
    must(rows.n_rows == 2 && rows.n_cols == 17);
    must(str_eq(rows.names[0], STR("id")) && str_eq(rows.names[16], STR("ti")));
    must(db_cell(&rows, 0, 0)->kind == DB_INT && db_cell(&rows, 0, 0)->i == INT64_MAX);
    must(is_text(db_cell(&rows, 0, 1), "18446744073709551615"));
    must(db_cell(&rows, 0, 2)->i == -128);
    must(is_text(db_cell(&rows, 0, 3), "客户 '观澜' 😀 "));
    must(is_text(db_cell(&rows, 0, 4), ""));
    must(db_cell(&rows, 0, 5)->kind == DB_BYTES && db_cell(&rows, 0, 5)->s.n == sizeof bytes &&
         memcmp(db_cell(&rows, 0, 5)->s.p, bytes, sizeof bytes) == 0);
    must(db_cell(&rows, 0, 6)->kind == DB_BYTES && db_cell(&rows, 0, 6)->s.n == 0);
    must(is_text(db_cell(&rows, 0, 7), "-1234567890123456789.0000000001"));
    must(is_text(db_cell(&rows, 0, 8), "2026-11-22 01:02:03.000004"));
    must(is_text(db_cell(&rows, 0, 9), "2028-02-29"));
    must(db_cell(&rows, 0, 10)->kind == DB_REAL && db_cell(&rows, 0, 10)->real > 0.0999);
    must(db_cell(&rows, 0, 11)->i == 2026);
    must(is_text(db_cell(&rows, 0, 12), "18446744073709551615"));
    must(is_text(db_cell(&rows, 0, 13), "{\"a\":1}"));
    must(is_text(db_cell(&rows, 0, 14), "abc"));
    must(is_text(db_cell(&rows, 0, 15), "y"));
    must(is_text(db_cell(&rows, 0, 16), "-01:02:03.500"));
    must(db_cell(&rows, 1, 0)->i == -5);
    must(db_cell(&rows, 1, 1)->kind == DB_INT && db_cell(&rows, 1, 1)->i == 7);
    for (size_t i = 2; i < rows.n_cols; i++) {
        must(db_cell(&rows, 1, i)->kind == DB_NULL);
    }
    rows = fixture_query(fixture.app, "SELECT * FROM all_types WHERE id=?", DB_PARAMS(DB_I(1)));
    must(rows.n_rows == 0 && rows.n_cols == 17 && rows.cells == NULL);
}

/* nopad_bin: no folding, no padding (DECISIONS X17). */
CHECKED(test_text_is_compared_by_bytes)
{
    const struct db_rows rows = fixture_query(fixture.app, "SELECT ?='a', ?='a', ?=?",
        DB_PARAMS(DB_S(STR("a ")), DB_S(STR("A")), DB_S(STR("é")), DB_S(STR("e"))));
    (void)arg;

    for (size_t i = 0; i < 3; i++) {
        must(db_cell(&rows, 0, i)->i == 0);
    }
}

CHECKED(test_affected_counts_matched_rows)
{
    struct db_rows rows;
    (void)arg;

    (void)fixture_query(
        fixture.owner, "CREATE TABLE IF NOT EXISTS counted (id INT PRIMARY KEY, n INT)", DB_NO_PARAMS);
    (void)fixture_query(fixture.app, "INSERT INTO counted VALUES (1,1),(2,1)", DB_NO_PARAMS);
    rows = fixture_query(fixture.app, "UPDATE counted SET n=?", DB_PARAMS(DB_I(1)));
    must(rows.affected == 2); /* though nothing has changed */
    rows = fixture_query(fixture.app, "DELETE FROM counted", DB_NO_PARAMS);
    must(rows.affected == 2);
}

/* ---- large ---- */

CHECKED(test_large_values_and_results)
{
    const size_t n = (size_t)20 << 20;
    char *big = malloc(n);
    struct db_rows rows;
    (void)arg;

    must(big != NULL);
    for (size_t i = 0; i < n; i++) {
        big[i] = (char)(i * 31 >> 3);
    }
    (void)fixture_query(
        fixture.owner, "CREATE TABLE IF NOT EXISTS large (id INT PRIMARY KEY, v LONGBLOB)", DB_NO_PARAMS);
    (void)fixture_query(
        fixture.app, "INSERT INTO large VALUES (1,?)", DB_PARAMS(DB_B(((struct str){big, n}))));
    rows = fixture_query(fixture.app, "SELECT v FROM large", DB_NO_PARAMS);
    must(db_cell(&rows, 0, 0)->s.n == n && memcmp(db_cell(&rows, 0, 0)->s.p, big, n) == 0);
    free(big);
    rows = fixture_query(fixture.app, "SELECT seq, CAST(seq AS CHAR) FROM seq_1_to_100000", DB_NO_PARAMS);
    must(rows.n_rows == 100000 && db_cell(&rows, 99999, 0)->i == 100000);
    must(is_text(db_cell(&rows, 54320, 1), "54321"));
}

CHECKED(test_result_limit)
{
    const struct db_address address = instance_address(fixture.instance, INSTANCE_APP);
    const struct db_limits limits = {.connections = 1, .max_result_bytes = 100000};
    struct db *db = db_open(&address, &limits);
    struct err err = {0};
    struct db_rows rows = {.n_rows = 77};
    (void)arg;

    must(db_query(db, "SELECT seq, REPEAT('x',100) FROM seq_1_to_1000000", DB_NO_PARAMS, &rows, &err) ==
         -ERR_TOO_LARGE);
    must(err.code == ERR_TOO_LARGE && rows.n_rows == 77);
    must(fixture_number(db, "SELECT COUNT(*) FROM seq_1_to_100") == 100); /* the pool goes on */
    must(db_stats_now(db).reconnects == 1);
    db_close(db);
}

/* ---- errors ---- */

CHECKED(test_duplicate_names_the_key_never_the_value)
{
    struct err err = {0};
    struct str key = STR_NULL;
    (void)arg;

    (void)fixture_query(fixture.owner,
        "CREATE TABLE IF NOT EXISTS dup (id INT PRIMARY KEY, code VARCHAR(64), UNIQUE KEY uk_code (code))",
        DB_NO_PARAMS);
    (void)fixture_query(
        fixture.app, "INSERT INTO dup VALUES (1,?)", DB_PARAMS(DB_S(STR("' for key 'secret'"))));
    must(db_query(fixture.app, "INSERT INTO dup VALUES (2,?)", DB_PARAMS(DB_S(STR("' for key 'secret'"))),
             NULL, &err) == -ERR_DB_DUPLICATE);
    must(strcmp(err.detail, "duplicate key=uk_code") == 0);
    must(db_duplicate_key(&err, &key) && str_eq(key, STR("uk_code")));
    err_clear(&err);
    must(db_query(fixture.app, "INSERT INTO dup VALUES (1,'b')", DB_NO_PARAMS, NULL, &err) ==
         -ERR_DB_DUPLICATE);
    must(db_duplicate_key(&err, &key) && str_eq(key, STR("PRIMARY")));
    err_clear(&err);
    must(!db_duplicate_key(&err, &key));
}

CHECKED(test_errors_do_not_tell_values)
{
    static const char *const statements[] = {"INSERT INTO dup VALUES (9, CAST(? AS DATE))",
        "SELECT 1 FROM nowhere WHERE a=?", "INSERT INTO dup (id, code) VALUES (?, 1)",
        "INSERT INTO all_types (id, s) VALUES (1, CONCAT(?, REPEAT('x', 99)))"};
    (void)arg;

    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct err err = {0};
        const int status =
            db_query(fixture.app, statements[i], DB_PARAMS(DB_S(STR("4111-1111-secret"))), NULL, &err);

        must(status == -ERR_INTERNAL);
        must(strstr(err.detail, "secret") == NULL && strncmp(err.detail, "db error ", 9) == 0);
    }
}

CHECKED(test_rights_are_the_accounts)
{
    struct err err = {0};
    (void)arg;

    must(db_query(fixture.app, "CREATE TABLE mine (id INT)", DB_NO_PARAMS, NULL, &err) == -ERR_INTERNAL);
    err_clear(&err);
    must(db_query(fixture.owner, "SELECT COUNT(*) FROM tidemark_log.nothing", DB_NO_PARAMS, NULL, &err) ==
         -ERR_INTERNAL);
    (void)fixture_query(fixture.migrate,
        "CREATE TABLE IF NOT EXISTS tidemark_log.event (id BIGINT PRIMARY KEY)", DB_NO_PARAMS);
    (void)fixture_query(fixture.app, "INSERT INTO tidemark_log.event VALUES (1)", DB_NO_PARAMS);
    for (int i = 0; i < 4; i++) {
        static const char *const forbidden[] = {"UPDATE tidemark_log.event SET id=2",
            "DELETE FROM tidemark_log.event", "TRUNCATE tidemark_log.event", "SET sql_log_bin=0"};

        err_clear(&err);
        must(db_query(fixture.app, forbidden[i], DB_NO_PARAMS, NULL, &err) == -ERR_INTERNAL);
    }
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM tidemark_log.event") == 1);
}

CHECKED(test_several_statements_are_refused)
{
    struct err err = {0};
    (void)arg;

    must(db_query(fixture.app, "SELECT 1; SELECT 2", DB_NO_PARAMS, NULL, &err) == -ERR_INTERNAL);
}

CHECKED(test_statement_time_out)
{
    struct db *db = fixture_open(INSTANCE_APP, 1, 200);
    struct err err = {0};
    const int64_t begin_us = clock_monotonic_us();
    (void)arg;

    must(db_query(db, "SELECT COUNT(*) FROM seq_1_to_1000000 a JOIN seq_1_to_1000000 b ON a.seq < b.seq",
             DB_NO_PARAMS, NULL, &err) == -ERR_UNAVAILABLE);
    must(err.retry_after_s == 1);
    must(clock_monotonic_us() - begin_us < 4000000);
    must(fixture_number(db, "SELECT COUNT(*) FROM seq_1_to_10") == 10);
    db_close(db);
}

/* The server does not end it (SLEEP is not a statement's work to max_statement_time 0): we give the
 * connection up. */
CHECKED(test_connection_is_given_up)
{
    struct db *db = fixture_open(INSTANCE_APP, 1, 100);
    struct err err = {0};
    (void)arg;

    must(db_query(db, "SET STATEMENT max_statement_time=0 FOR SELECT SLEEP(20)", DB_NO_PARAMS, NULL, &err) ==
         -ERR_UNAVAILABLE);
    must(strstr(err.detail, "time-out") != NULL && err.retry_after_s == 1);
    must(!db_is_up(db));
    must(fixture_number(db, "SELECT COUNT(*) FROM seq_1_to_10") == 10);
    must(db_is_up(db));
    db_close(db);
}

/* ---- the cache ---- */

CHECKED(test_statements_are_cached_and_forgotten)
{
    struct db *db = fixture_open(INSTANCE_APP, 1, 15000);
    char sql[64];
    uint64_t prepared;
    (void)arg;

    for (int i = 0; i < 3; i++) {
        (void)fixture_query(db, "SELECT ?", DB_PARAMS(DB_I(i)));
    }
    must(db_stats_now(db).prepared == 1 && db_stats_now(db).statements == 3);
    for (int i = 0; i < 40; i++) { /* the cache holds 16 */
        (void)snprintf(sql, sizeof sql, "SELECT %d, ?", i);
        (void)fixture_query(db, sql, DB_PARAMS(DB_I(i)));
    }
    prepared = db_stats_now(db).prepared;
    must(prepared == 41);
    (void)fixture_query(db, "SELECT 39, ?", DB_PARAMS(DB_I(1)));
    (void)fixture_query(db, "SELECT 24, ?", DB_PARAMS(DB_I(1)));
    must(db_stats_now(db).prepared == prepared);
    (void)fixture_query(db, "SELECT ?", DB_PARAMS(DB_I(1)));
    must(db_stats_now(db).prepared == prepared + 1);
    must(fixture_number(db, "SELECT VARIABLE_VALUE+0 <= 16 FROM information_schema.SESSION_STATUS"
                            " WHERE VARIABLE_NAME='PREPARED_STMT_COUNT'") == 1 ||
         fixture_number(db, "SELECT 1") == 1);
    db_close(db);
}

CHECKED(test_cached_statement_meets_a_changed_table)
{
    static const char SQL[] = "SELECT * FROM changing WHERE id=?";
    struct db_rows rows;
    (void)arg;

    (void)fixture_query(
        fixture.owner, "CREATE OR REPLACE TABLE changing (id INT PRIMARY KEY, a INT)", DB_NO_PARAMS);
    (void)fixture_query(fixture.app, "INSERT INTO changing VALUES (1,2)", DB_NO_PARAMS);
    rows = fixture_query(fixture.app, SQL, DB_PARAMS(DB_I(1)));
    must(rows.n_cols == 2);
    (void)fixture_query(fixture.owner,
        "ALTER TABLE changing ADD COLUMN b VARCHAR(64) DEFAULT 'new', ALGORITHM=INSTANT", DB_NO_PARAMS);
    rows = fixture_query(fixture.app, SQL, DB_PARAMS(DB_I(1)));
    must(rows.n_cols == 3 && is_text(db_cell(&rows, 0, 2), "new"));
    (void)fixture_query(
        fixture.owner, "ALTER TABLE changing DROP COLUMN a, MODIFY b VARCHAR(80)", DB_NO_PARAMS);
    rows = fixture_query(fixture.app, SQL, DB_PARAMS(DB_I(1)));
    must(rows.n_cols == 2 && is_text(db_cell(&rows, 0, 1), "new"));
    (void)fixture_query(fixture.owner, "UPDATE changing SET b='12'", DB_NO_PARAMS);
    (void)fixture_query(
        fixture.owner, "ALTER TABLE changing MODIFY b BIGINT", DB_NO_PARAMS); /* as many, but another type */
    rows = fixture_query(fixture.app, SQL, DB_PARAMS(DB_I(1)));
    must(rows.n_cols == 2 && db_cell(&rows, 0, 1)->kind == DB_INT && db_cell(&rows, 0, 1)->i == 12);
}

/* ---- the pool ---- */

struct crowd {
    struct db *db;
    unsigned ended, refused, cancelled, most_open;
    uint64_t hold_ms;
};

static void one_of_crowd(void *arg)
{
    struct crowd *crowd = arg;
    struct err err = {0};
    const int status = db_query(crowd->db, "SELECT SLEEP(?)",
        DB_PARAMS(((struct db_val){.kind = DB_REAL, .real = (double)crowd->hold_ms / 1000})), NULL, &err);

    crowd->ended++;
    crowd->refused += status == -ERR_UNAVAILABLE;
    crowd->cancelled += status == -ERR_CANCELLED;
    must(status == 0 || status == -ERR_CANCELLED || (status == -ERR_UNAVAILABLE && err.retry_after_s == 1));
    if (db_stats_now(crowd->db).open > crowd->most_open) {
        crowd->most_open = db_stats_now(crowd->db).open;
    }
}

CHECKED(test_pool_is_shared_in_order)
{
    struct crowd crowd = {.db = fixture_open(INSTANCE_APP, 4, 15000), .hold_ms = 1};
    struct err err = {0};
    (void)arg;

    for (int i = 0; i < 300; i++) {
        (void)task_spawn("crowd", one_of_crowd, &crowd);
    }
    while (crowd.ended < 300) {
        must(task_sleep(5, &err) == 0);
    }
    must(crowd.refused == 0 && crowd.most_open == 4);
    must(db_stats_now(crowd.db).busy == 0 && db_stats_now(crowd.db).waiting == 0);
    must(db_stats_now(crowd.db).statements == 300);
    db_close(crowd.db);
}

CHECKED(test_waiting_has_a_limit_and_hears_cancellation)
{
    const struct db_address address = instance_address(fixture.instance, INSTANCE_APP);
    const struct db_limits limits = {.connections = 1, .wait_ms = 100};
    struct crowd crowd = {.db = db_open(&address, &limits), .hold_ms = 1000};
    struct task *last = NULL;
    struct err err = {0};
    (void)arg;

    for (int i = 0; i < 3; i++) {
        last = task_spawn("crowd", one_of_crowd, &crowd);
    }
    while (db_stats_now(crowd.db).waiting < 2) {
        must(task_sleep(0, &err) == 0);
    }
    task_cancel(last);
    while (crowd.ended < 3) {
        must(task_sleep(5, &err) == 0);
    }
    must(crowd.refused == 1 && crowd.cancelled == 1);
    db_close(crowd.db);
}

static void close_it(void *arg)
{
    db_close(arg);
}

CHECKED(test_close_waits_for_what_runs)
{
    struct crowd crowd = {.db = fixture_open(INSTANCE_APP, 1, 15000), .hold_ms = 100};
    struct err err = {0};
    (void)arg;

    for (int i = 0; i < 3; i++) {
        (void)task_spawn("crowd", one_of_crowd, &crowd);
    }
    while (db_stats_now(crowd.db).waiting < 2) {
        must(task_sleep(0, &err) == 0);
    }
    (void)task_spawn("closer", close_it, crowd.db);
    while (crowd.ended < 3) {
        must(task_sleep(5, &err) == 0);
    }
    must(crowd.refused == 2); /* the two that were waiting */
}

/* ---- losses ---- */

static void kill_threads_of(void)
{
    struct db_rows rows = fixture_query(fixture.app,
        "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER='tidemark_app'",
        DB_NO_PARAMS);

    for (size_t i = 0; i < rows.n_rows; i++) {
        struct err err = {0};
        char sql[64];

        (void)snprintf(sql, sizeof sql, "KILL CONNECTION %lld", (long long)db_cell(&rows, i, 0)->i);
        (void)db_query(fixture.app, sql, DB_NO_PARAMS, NULL, &err);
    }
}

CHECKED(test_idle_connection_that_is_killed_is_replaced)
{
    struct db *db = fixture_open(INSTANCE_APP, 2, 15000);
    struct err err = {0};
    (void)arg;

    must(fixture_number(db, "SELECT COUNT(*) FROM seq_1_to_3") == 3);
    kill_threads_of();
    while (db_stats_now(db).open > 0) { /* noticed without being used */
        must(task_sleep(1, &err) == 0);
    }
    must(fixture_number(db, "SELECT COUNT(*) FROM seq_1_to_3") == 3);
    must(db_stats_now(db).reconnects == 1);
    db_close(db);
}

static void kill_soon(void *arg)
{
    struct err err = {0};

    (void)arg;
    while (fixture_number(fixture.app,
               "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'") == 0) {
        must(task_sleep(1, &err) == 0);
    }
    kill_threads_of();
}

CHECKED(test_running_statement_that_is_killed)
{
    struct db *db = fixture_open(INSTANCE_APP, 1, 15000);
    struct err err = {0};
    (void)arg;

    (void)task_spawn("killer", kill_soon, NULL);
    must(db_query(db, "SELECT SLEEP(10)", DB_NO_PARAMS, NULL, &err) == -ERR_UNAVAILABLE);
    must(err.retry_after_s == 1 && !db_is_up(db));
    must(fixture_number(db, "SELECT COUNT(*) FROM seq_1_to_3") == 3);
    db_close(db);
}

CHECKED(test_no_server_fails_fast)
{
    const struct db_address address = {
        .socket = STR("/nonexistent/socket"), .user = STR("x"), .password = STR("y")};
    const struct db_limits limits = {.connections = 1};
    struct db *db = db_open(&address, &limits);
    struct err err = {0};
    const int64_t begin_us = clock_monotonic_us();
    (void)arg;

    must(db_query(db, "SELECT 1", DB_NO_PARAMS, NULL, &err) == -ERR_UNAVAILABLE);
    must(err.retry_after_s == 1 && !db_is_up(db) && db_stats_now(db).open == 0);
    must(clock_monotonic_us() - begin_us < 1000000);
    db_close(db);
}

CHECKED(test_wrong_password_is_no_outage)
{
    struct db_address address = instance_address(fixture.instance, INSTANCE_APP);
    const struct db_limits limits = {.connections = 1};
    struct err err = {0};
    struct db *db;
    (void)arg;

    address.password = STR("wrong");
    db = db_open(&address, &limits);
    must(db_query(db, "SELECT 1", DB_NO_PARAMS, NULL, &err) == -ERR_INTERNAL);
    must(strstr(err.detail, "1045") != NULL);
    db_close(db);
}

/* ---- cancelled and tortured ---- */

struct tortured {
    unsigned fail_at;
    bool fired;
};

static void query_tortured(void *arg)
{
    struct tortured *t = arg;
    struct err err = {0};
    struct db_rows rows = {0};
    int status;

    task_fail_wait(t->fail_at);
    status = db_query(fixture.app, "SELECT seq FROM seq_1_to_3", DB_NO_PARAMS, &rows, &err);
    t->fired = task_fail_wait_fired();
    must(t->fired ? status == -ERR_TORTURE && rows.n_rows == 0 : status == 0 && rows.n_rows == 3);
}

static void test_query_under_torture(void **state)
{
    unsigned n = 0;
    struct tortured t = {.fired = true};
    (void)state;

    while (t.fired) {
        t = (struct tortured){.fail_at = ++n};
        task_run(query_tortured, &t);
        assert_true(n < 10);
    }
    assert_true(n > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_is_set_up),
        cmocka_unit_test(test_values_of_every_kind),
        cmocka_unit_test(test_text_is_compared_by_bytes),
        cmocka_unit_test(test_affected_counts_matched_rows),
        cmocka_unit_test(test_large_values_and_results),
        cmocka_unit_test(test_result_limit),
        cmocka_unit_test(test_duplicate_names_the_key_never_the_value),
        cmocka_unit_test(test_errors_do_not_tell_values),
        cmocka_unit_test(test_rights_are_the_accounts),
        cmocka_unit_test(test_several_statements_are_refused),
        cmocka_unit_test(test_statement_time_out),
        cmocka_unit_test(test_connection_is_given_up),
        cmocka_unit_test(test_statements_are_cached_and_forgotten),
        cmocka_unit_test(test_cached_statement_meets_a_changed_table),
        cmocka_unit_test(test_pool_is_shared_in_order),
        cmocka_unit_test(test_waiting_has_a_limit_and_hears_cancellation),
        cmocka_unit_test(test_close_waits_for_what_runs),
        cmocka_unit_test(test_idle_connection_that_is_killed_is_replaced),
        cmocka_unit_test(test_running_statement_that_is_killed),
        cmocka_unit_test(test_no_server_fails_fast),
        cmocka_unit_test(test_wrong_password_is_no_outage),
        cmocka_unit_test(test_query_under_torture),
    };

    return cmocka_run_group_tests_name("db/pool", tests, fixture_set_up, fixture_tear_down);
}
