/* Migrations: order, checksums, gaps, two at once, and a migrator killed anywhere; slots for ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/id.h"
#include "db/migrate.h"
#include "db/tx.h"
#include "db_fixture.h"

#include <sys/wait.h>

static char folder[128];

static struct str dir(void)
{
    return str_of(folder);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void remove_file(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    must(unlink(path) == 0);
}

/* An empty folder and a database without anything. */
static void begin(void)
{
    static unsigned number;

    (void)snprintf(folder, sizeof folder, "%s/m%u", fixture.folder, ++number);
    must(mkdir(folder, 0700) == 0);
    (void)fixture_query(
        fixture.migrate, "DROP TABLE IF EXISTS schema_migration, one, two, three, four", DB_NO_PARAMS);
}

static const char ONE[] = "/* The first; what? */\nCREATE TABLE IF NOT EXISTS one (id INT PRIMARY KEY);\n";
static const char TWO[] = "ALTER TABLE one ADD COLUMN IF NOT EXISTS a VARCHAR(64);\n";
static const char TEN[] = "INSERT IGNORE INTO one VALUES (1, 'it''s; a ? row');";

static void write_three(void)
{
    write_file("0001_one.sql", ONE);
    write_file("0002_two.sql", TWO);
    write_file("0010_ten.sql", TEN);
}

static int run(unsigned *ret_applied, struct err *err)
{
    err_clear(err);
    return migrate_run(fixture.migrate, dir(), ret_applied, err);
}

static void must_be_refused(const char *why)
{
    struct err err = {0};
    unsigned n = 99;

    must(run(&n, &err) == -ERR_CONFIG && n == 99);
    if (strstr(err.detail, why) == NULL) {
        (void)fprintf(stderr, "%s\n", err.detail);
        never("another reason was expected");
    }
    err_clear(&err);
    must(migrate_check(fixture.app, dir(), &err) == -ERR_CONFIG);
}

/* The product's own, on an empty database; and each once more, since a kill may leave any of them half done.
 */
CHECKED(test_migrations_of_the_product_may_run_again)
{
    const struct str product = STR(SOURCE_DIR "/migrations");
    struct err err = {0};
    unsigned n_first = 0, n_again = 0;
    (void)arg;

    fixture_report(migrate_run(fixture.migrate, product, &n_first, &err), &err, "migrations");
    must(n_first > 0 && migrate_check(fixture.app, product, &err) == 0);
    (void)fixture_query(fixture.migrate, "DROP TABLE schema_migration", DB_NO_PARAMS);
    fixture_report(migrate_run(fixture.migrate, product, &n_again, &err), &err, "migrations");
    must(n_again == n_first && migrate_check(fixture.app, product, &err) == 0);
}

CHECKED(test_applied_once_in_order)
{
    struct err err = {0};
    unsigned n = 0;
    (void)arg;

    begin();
    write_three();
    write_file("README", "not a migration");
    must(migrate_check(fixture.app, dir(), &err) == -ERR_CONFIG); /* empty */
    must(run(&n, &err) == 0 && n == 3);
    must(migrate_check(fixture.app, dir(), &err) == 0);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM one WHERE a=\"it's; a ? row\"") == 1);
    must(fixture_number(fixture.app,
             "SELECT COUNT(*) FROM schema_migration WHERE state='done' AND duration_ms >= 0"
             " AND LENGTH(sha256)=64 AND name LIKE CONCAT(LPAD(version,4,'0'),'\\_%')") == 3);
    must(run(&n, &err) == 0 && n == 0);
    write_file("0011_more.sql", "CREATE TABLE IF NOT EXISTS two (id INT);");
    must(migrate_check(fixture.app, dir(), &err) == -ERR_CONFIG);
    must(run(&n, &err) == 0 && n == 1);
}

CHECKED(test_refusals)
{
    struct err err = {0};
    unsigned n = 0;
    (void)arg;

    begin();
    write_three();
    must(run(&n, &err) == 0 && n == 3);
    write_file("0002_two.sql", "ALTER TABLE one ADD COLUMN IF NOT EXISTS b INT;");
    must_be_refused("0002_two.sql has been changed");
    write_file("0002_two.sql", TWO);
    remove_file("0010_ten.sql");
    must_be_refused("newer");
    write_file("0010_ten.sql", TEN);
    write_file("0005_late.sql", "CREATE TABLE two (id INT);");
    must_be_refused("0005_late.sql was left out");
    remove_file("0005_late.sql");
    remove_file("0002_two.sql");
    must_be_refused("2 was applied but is not in the folder");
    write_file("0002_two.sql", TWO);
    write_file("0002_again.sql", TWO);
    must_be_refused("number 2");
    remove_file("0002_again.sql");
    write_file("11_short.sql", TWO);
    must_be_refused("no name of a migration");
    remove_file("11_short.sql");
    write_file("0011_open.sql", "CREATE TABLE two (id INT)");
    must_be_refused("does not end");
    write_file("0011_open.sql", "");
    must_be_refused("empty");
    remove_file("0011_open.sql");
    err_clear(&err);
    must(migrate_check(fixture.app, dir(), &err) == 0);
    must(migrate_run(fixture.migrate, STR("/nonexistent"), &n, &err) == -ERR_CONFIG);
}

CHECKED(test_wrong_statement_stops_and_can_be_mended)
{
    struct err err = {0};
    unsigned n = 99;
    (void)arg;

    begin();
    write_three();
    write_file("0002_two.sql", "ALTER TABLE nowhere ADD COLUMN a INT;");
    must(run(&n, &err) == -ERR_INTERNAL && n == 99 && strstr(err.detail, "0002_two.sql") != NULL);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM schema_migration") == 2);
    write_file("0002_two.sql", "ALTER TABLE one ADD COLUMN a INT; DROP TABLE one;");
    must(run(&n, &err) == -ERR_INTERNAL); /* one statement a file */
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM one") == 0);
    write_file("0002_two.sql", "SELECT 1;");
    must(run(&n, &err) == -ERR_INTERNAL && strstr(err.detail, "rows came back") != NULL);
    write_file("0002_two.sql", TWO); /* it was never done: may differ now */
    must(run(&n, &err) == 0 && n == 2);
}

struct tortured {
    unsigned fail_at;
    bool fired;
};

static void migrate_tortured(void *arg)
{
    struct tortured *t = arg;
    struct err err = {0};
    unsigned n = 99;
    int status;

    begin();
    write_three();
    task_fail_wait(t->fail_at);
    status = run(&n, &err);
    t->fired = task_fail_wait_fired();
    task_fail_wait(0);
    must(status == (t->fired ? -ERR_TORTURE : 0) && n == (t->fired ? 99 : 3));
    must(run(&n, &err) == 0); /* no lock was left behind */
    must(migrate_check(fixture.app, dir(), &err) == 0);
}

static void test_every_wait_may_fail(void **state)
{
    struct tortured t = {.fired = true};
    unsigned n = 0;
    (void)state;

    while (t.fired) {
        t = (struct tortured){.fail_at = ++n};
        task_run(migrate_tortured, &t);
        assert_true(n < 30);
    }
    assert_true(n > 4); /* before the pool, the lock and each migration */
}

/* ---- two at once ---- */

struct migrator {
    int status;
    unsigned n, ended;
};

static void run_migrator(void *arg)
{
    struct migrator *m = arg;
    struct err err = {0};

    m->status = migrate_run(fixture.migrate, dir(), &m->n, &err);
    m->ended = 1;
}

CHECKED(test_two_migrators_at_once)
{
    struct migrator a = {0}, b = {0};
    struct err err = {0};
    (void)arg;

    begin();
    write_three();
    write_file("0003_slow.sql", "DO SLEEP(0.3);");
    (void)task_spawn("a", run_migrator, &a);
    (void)task_spawn("b", run_migrator, &b);
    while (a.ended + b.ended < 2) {
        must(task_sleep(5, &err) == 0);
    }
    must(a.status == 0 && b.status == 0 && a.n + b.n == 4 && (a.n == 0 || b.n == 0));
}

/* ---- killed anywhere ---- */

/* In a process of its own, with a loop and a pool of its own. */
static struct db_address migrate_address;

static void child_task(void *arg)
{
    const struct db_limits limits = {.connections = 1, .statement_ms = 60000};
    struct db *db = db_open(&migrate_address, &limits);
    struct err err = {0};
    unsigned n;

    (void)arg;
    _exit(migrate_run(db, dir(), &n, &err) == 0 ? 0 : 1);
}

static pid_t fork_migrator(void)
{
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        uv_loop_t *loop = loop_uv();

        must(uv_loop_fork(loop) == 0);
        (void)task_spawn("child", child_task, NULL);
        (void)uv_run(loop, UV_RUN_DEFAULT);
        _exit(2);
    }
    must(pid > 0);
    return pid;
}

static void prepare_kills(void *arg)
{
    char name[64], sql[160];

    (void)arg;
    begin();
    for (int i = 1; i <= 12; i++) {
        (void)snprintf(name, sizeof name, "%04d_step.sql", i);
        if (i == 1) {
            (void)snprintf(sql, sizeof sql, "CREATE TABLE IF NOT EXISTS three (id INT PRIMARY KEY);");
        } else if (i % 2 == 0) {
            (void)snprintf(
                sql, sizeof sql, "ALTER TABLE three ADD COLUMN IF NOT EXISTS c%d INT DEFAULT %d;", i, i);
        } else {
            (void)snprintf(sql, sizeof sql, "INSERT IGNORE INTO three (id) VALUES (%d);", i);
        }
        write_file(name, sql);
    }
    migrate_address = instance_address(fixture.instance, INSTANCE_MIGRATE);
}

static void wait_kill(void *arg)
{
    struct err err = {0};

    must(task_sleep(*(unsigned *)arg, &err) == 0);
}

static void check_after_kills(void *arg)
{
    struct err err = {0};
    unsigned n = 99;

    (void)arg;
    must(run(&n, &err) == 0); /* what is left, by us */
    must(migrate_check(fixture.app, dir(), &err) == 0);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM schema_migration WHERE state='done'") == 12);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM three") == 5);
    must(fixture_query(fixture.app, "SELECT * FROM three", DB_NO_PARAMS).n_cols == 7);
    must(run(&n, &err) == 0 && n == 0);
}

static void test_killed_anywhere(void **state)
{
    unsigned n_killed = 0;
    (void)state;

    for (unsigned round = 0; round < 20; round++) {
        task_run(prepare_kills, NULL);
        for (unsigned ms = 2 + round; ms < 400;
             ms += 7 + round) { /* killed later each time, until it ends by itself */
            const pid_t pid = fork_migrator();
            int status = 0;

            task_run(wait_kill, &ms);
            (void)kill(pid, SIGKILL);
            assert_int_equal(waitpid(pid, &status, 0), pid);
            n_killed += WIFSIGNALED(status);
            if (WIFEXITED(status)) {
                assert_int_equal(WEXITSTATUS(status), 0);
                break;
            }
        }
        task_run(check_after_kills, NULL);
    }
    print_message("killed %u migrators\n", n_killed);
    assert_true(n_killed >= 20);
}

/* ---- slots ---- */

static void child_slot(void *arg)
{
    const struct db_address address = instance_address(fixture.instance, INSTANCE_APP);
    const struct db_limits limits = {.connections = 1};
    struct db *db = db_open(&address, &limits);
    struct err err = {0};

    (void)arg;
    if (slot_lease(db, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.detail);
        _exit(255);
    }
    _exit((int)(id_new() >> 12 & 1023)); /* dies with the lease */
}

static void prepare_slots(void *arg)
{
    (void)arg;
    (void)fixture_query(fixture.migrate,
        "CREATE OR REPLACE TABLE process_slot (slot SMALLINT NOT NULL PRIMARY KEY, holder CHAR(32) CHARACTER SET ascii"
        " COLLATE ascii_bin NOT NULL, expires_at DATETIME(6) NOT NULL, seen_at DATETIME(6) NULL,"
        " pos VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL)",
        DB_NO_PARAMS);
}

static void expire_one(void *arg)
{
    (void)arg;
    must(fixture_query(fixture.app,
             "UPDATE process_slot SET expires_at=UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE slot=3",
             DB_NO_PARAMS)
             .affected == 1);
}

static int slot_of_child(void)
{
    pid_t pid;
    int status = 0;

    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        must(uv_loop_fork(loop_uv()) == 0);
        (void)task_spawn("child", child_slot, NULL);
        (void)uv_run(loop_uv(), UV_RUN_DEFAULT);
        _exit(254);
    }
    must(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static task_fn int bury_body(struct tx *tx, void *arg, struct err *err)
{
    const struct slot_dead *dead = arg;
    bool mine = false;
    int status = slot_lock(tx, dead, &mine, err);

    if (status == 0 && mine) {
        slot_bury(tx, dead);
    }
    return status < 0 ? status : mine ? 0 : err_set(err, ERR_CONFLICT, "another has");
}

/* The one dead process that a look finds; -1: none. */
static int64_t look(struct slot_dead *ret_dead)
{
    struct err err = {0};
    struct slot_dead *dead = NULL;
    size_t n = 0;

    must(slot_look(fixture.app, &dead, &n, &err) == 0 && n <= 1);
    if (n > 0) {
        *ret_dead = dead[0];
    }
    return n > 0 ? dead[0].slot : -1;
}

static void bury_expired(void *arg)
{
    struct slot_dead dead;
    struct err err = {0};

    (void)arg;
    must(look(&dead) == 3);
    must(tx_run(fixture.app, NULL, bury_body, &dead, NULL, &err) == 0);
    must(tx_run(fixture.app, NULL, bury_body, &dead, NULL, &err) == -ERR_CONFLICT); /* once */
    must(look(&dead) == -1);
}

static task_fn int live_body(struct tx *tx, void *arg, struct err *err)
{
    (void)err;
    (void)arg;
    slot_live(tx, STR("a.3"));
    return 0;
}

static void show_life_of_0(const char *pos)
{
    (void)fixture_query(fixture.app, "UPDATE process_slot SET seen_at=UTC_TIMESTAMP(6), pos=? WHERE slot=0",
        DB_PARAMS(DB_S(str_of(pos))));
}

static void lease_and_release(void *arg)
{
    struct err err = {0};
    struct db_rows rows;
    struct slot_dead dead;

    (void)arg;
    must(slot_lease(fixture.app, &err) == 0);
    rows = fixture_query(fixture.app,
        "SELECT slot FROM process_slot WHERE slot=? AND expires_at > UTC_TIMESTAMP(6) + INTERVAL 500 SECOND",
        DB_PARAMS(DB_I(id_new() >> 12 & 1023)));
    must(rows.n_rows == 1);
    /* A process that shows signs of life, then none. */
    show_life_of_0("a.1");
    for (int i = 0; i < SLOT_SILENT_TURNS; i++) {
        must(look(&dead) == -1);
    }
    show_life_of_0("a.2");
    for (int i = 0; i < SLOT_SILENT_TURNS; i++) {
        must(look(&dead) == -1);
    }
    must(look(&dead) == 0 && str_eq(dead.pos, STR("a.2")));
    /* Our own signs are in our row, and never make us dead to ourselves. */
    must(tx_run(fixture.app, NULL, live_body, NULL, NULL, &err) == 0);
    must(fixture_number(
             fixture.app, "SELECT COUNT(*) FROM process_slot WHERE pos='a.3' AND seen_at IS NOT NULL") == 1);
    slot_release(fixture.app);
    must(fixture_number(fixture.app, "SELECT COUNT(*) FROM process_slot WHERE holder<>''") == 6);
}

static void test_slots_are_held_by_one(void **state)
{
    (void)state;
    task_run(prepare_slots, NULL);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(slot_of_child(), i); /* their holders are dead, but the leases stand */
    }
    task_run(expire_one, NULL);
    assert_int_equal(slot_of_child(), 5); /* what its holder left behind is not yet in order */
    task_run(bury_expired, NULL);
    assert_int_equal(slot_of_child(), 3);
    task_run(lease_and_release, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrations_of_the_product_may_run_again),
        cmocka_unit_test(test_applied_once_in_order),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_wrong_statement_stops_and_can_be_mended),
        cmocka_unit_test(test_every_wait_may_fail),
        cmocka_unit_test(test_two_migrators_at_once),
        cmocka_unit_test(test_killed_anywhere),
        cmocka_unit_test(test_slots_are_held_by_one),
    };

    return cmocka_run_group_tests_name("db/migrate", tests, fixture_set_up, fixture_tear_down);
}
