/*
 * The private MariaDB: first start, rights, restarts, adoption, and being killed anywhere: the server, we,
 * both, and in the middle of the first start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db_fixture.h"

#include <sys/stat.h>
#include <sys/wait.h>

static const char *in_folder(const char *name)
{
    static char path[4][512];
    static unsigned turn;
    char *it = path[turn++ % 4];

    (void)snprintf(it, sizeof path[0], "%s/%s", fixture.folder, name);
    return it;
}

static unsigned mode_of(const char *name)
{
    struct stat info;

    must(stat(in_folder(name), &info) == 0);
    return info.st_mode & 07777;
}

static struct instance *start_in(const char *folder)
{
    struct instance *instance = NULL;
    struct err err = {0};

    fixture_report(instance_start(fixture.conf, str_of(folder), &instance, &err), &err, "start");
    return instance;
}

static struct db *open_on(const struct instance *instance, enum instance_account account)
{
    const struct db_address address = instance_address(instance, account);
    const struct db_limits limits = {.connections = 2};

    return db_open(&address, &limits);
}

static int server_pid(const char *folder)
{
    char path[512], text[32];
    FILE *file;
    int pid = 0;

    (void)snprintf(path, sizeof path, "%s/run/mariadbd.pid", folder);
    file = fopen(path, "r");
    if (file != NULL) {
        pid = fgets(text, sizeof text, file) != NULL ? atoi(text) : 0;
        (void)fclose(file);
    }
    return pid;
}

/* ---- the first start, by the fixture ---- */

CHECKED(test_folders_and_secrets)
{
    struct db_address address = {0};
    struct str first = STR_NULL, second = STR_NULL;
    struct err err = {0};
    (void)arg;

    must(mode_of("run") == 0700 && mode_of("secrets") == 0700);
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = {
            "secrets/owner", "secrets/migrate", "secrets/app", "secrets/feed"};

        must(mode_of(names[i]) == 0600);
    }
    must(mode_of("run/mariadb.cnf") == 0600);
    must(access(in_folder("run/init.sql"), F_OK) != 0); /* gone as soon as the server is up */
    must(instance_secret(str_of(fixture.folder), "pepper", task_arena(), &first, &err) == 0 && first.n == 64);
    must(instance_secret(str_of(fixture.folder), "pepper", task_arena(), &second, &err) == 0 &&
         str_eq(first, second));
    must(instance_secret(str_of(fixture.folder), "server_key", task_arena(), &second, &err) == 0 &&
         !str_eq(first, second));
    must(mode_of("secrets/pepper") == 0600);
    must(instance_find(str_of(fixture.folder), INSTANCE_OWNER, task_arena(), &address, &err) == 0);
    must(str_eq(address.socket, str_of(in_folder("run/mariadbd.sock"))) &&
         str_eq(address.user, STR("tidemark_owner")));
    must(str_eq(address.password, instance_address(fixture.instance, INSTANCE_OWNER).password));
    must(instance_find(STR("/nonexistent"), INSTANCE_OWNER, task_arena(), &address, &err) == -ERR_CONFIG);
}

CHECKED(test_own_session_and_one_server)
{
    const int pid = server_pid(fixture.folder);
    (void)arg;

    must(pid > 0 && getsid(pid) == pid && getsid(pid) != getsid(0));
    must(fixture_signal_servers(fixture.folder, 0) == 1);
    must(instance_is_up(fixture.instance) && instance_restarts(fixture.instance) == 0);
}

CHECKED(test_check_finds_nothing)
{
    struct err err = {0};
    struct buf findings;
    (void)arg;

    buf_init(&findings, 0);
    for (int i = 0; i < 4; i++) {
        struct db *db = open_on(fixture.instance, (enum instance_account)i);

        must(instance_check(db, &findings, &err) == 0);
        db_close(db);
    }
    if (findings.n > 0) {
        (void)fprintf(stderr, "%s", buf_cstr(&findings));
    }
    must(findings.n == 0);
    buf_done(&findings);
}

CHECKED(test_root_and_strangers_stay_outside)
{
    struct db_address address = instance_address(fixture.instance, INSTANCE_OWNER);
    const struct db_limits limits = {.connections = 1};
    const struct str names[] = {STR("root"), STR("mysql"), STR("mariadb.sys"), STR(""), STR("tidemark_app")};
    (void)arg;

    address.password = STR_NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct err err = {0};
        struct db *db;

        address.user = names[i];
        db = db_open(&address, &limits);
        must(db_query(db, "SELECT 1", DB_NO_PARAMS, NULL, &err) == -ERR_INTERNAL);
        db_close(db);
    }
}

CHECKED(test_second_process_is_refused)
{
    struct instance *other = NULL;
    struct err err = {0};
    (void)arg;

    must(instance_start(fixture.conf, str_of(fixture.folder), &other, &err) == -ERR_CONFIG);
    must(strstr(err.detail, "another process") != NULL && other == NULL);
}

CHECKED(test_external_server)
{
    struct conf conf = *fixture.conf;
    struct instance *instance = NULL;
    struct err err = {0};
    struct db *db;
    char command[700];
    (void)arg;

    conf.db_mode = STR("external");
    conf.db_socket = instance_address(fixture.instance, INSTANCE_APP).socket;
    /* No secrets there: they are the administrator's to give. */
    must(instance_start(&conf, str_of(in_folder("external")), &instance, &err) == -ERR_CONFIG);
    must(instance == NULL);
    (void)snprintf(
        command, sizeof command, "cp -p %s/secrets/* %s/external/secrets/", fixture.folder, fixture.folder);
    must(system(command) == 0);
    err_clear(&err);
    must(instance_start(&conf, str_of(in_folder("external")), &instance, &err) == 0);
    db = open_on(instance, INSTANCE_APP);
    must(fixture_number(db, "SELECT 41+1") == 42);
    db_close(db);
    instance_stop(instance);
    must(fixture_number(fixture.app, "SELECT 1") == 1); /* not ours to stop */
}

/* ---- killed ---- */

static void wait_until_up_again(struct instance *instance, unsigned restarts)
{
    const int64_t begin_us = clock_monotonic_us();
    struct err err = {0};

    while (instance_restarts(instance) < restarts || !instance_is_up(instance)) {
        must(task_sleep(2, &err) == 0);
        must(clock_monotonic_us() - begin_us < 5000000); /* serving again within 5 s */
    }
}

CHECKED(test_server_is_started_again)
{
    (void)arg;
    (void)fixture_query(fixture.owner, "CREATE OR REPLACE TABLE kept (id INT PRIMARY KEY)", DB_NO_PARAMS);
    for (unsigned i = 1; i <= 3; i++) {
        char sql[64];

        (void)snprintf(sql, sizeof sql, "INSERT INTO kept VALUES (%u)", i);
        (void)fixture_query(fixture.app, sql, DB_NO_PARAMS);
        must(fixture_signal_servers(fixture.folder, i == 2 ? SIGTERM : SIGKILL) == 1);
        wait_until_up_again(fixture.instance, i);
        must(fixture_number(fixture.app, "SELECT COUNT(*) FROM kept") == i);
        must(fixture_number(fixture.owner, "SELECT COUNT(*) FROM kept") == i);
    }
    must(fixture_signal_servers(fixture.folder, 0) == 1);
}

/* A program that cannot start is tried again and again, ever more slowly, and works when it is mended. */
CHECKED(test_server_that_does_not_start)
{
    const struct str program = fixture.conf->db_mariadbd;
    const unsigned restarts = instance_restarts(fixture.instance);
    struct err err = {0};
    (void)arg;

    fixture.conf->db_mariadbd = STR("/bin/false");
    must(fixture_signal_servers(fixture.folder, SIGKILL) == 1);
    while (instance_restarts(fixture.instance) < restarts + 3) {
        must(task_sleep(5, &err) == 0);
    }
    must(!instance_is_up(fixture.instance));
    must(db_query(fixture.app, "SELECT 1", DB_NO_PARAMS, NULL, &err) == -ERR_UNAVAILABLE &&
         err.retry_after_s > 0);
    fixture.conf->db_mariadbd = program;
    wait_until_up_again(fixture.instance, restarts + 4);
    must(fixture_number(fixture.app, "SELECT 41+1") == 42);
}

/* ---- we are killed ---- */

static void child_main(void *arg)
{
    const int *report = arg;
    struct instance *instance = start_in(in_folder("ours"));
    struct db *db = open_on(instance, INSTANCE_OWNER);
    struct err err = {0};

    (void)fixture_query(db, "CREATE TABLE IF NOT EXISTS survives (id INT PRIMARY KEY)", DB_NO_PARAMS);
    must(write(report[1], "r", 1) == 1);
    for (;;) {
        (void)task_sleep(1000, &err);
    }
}

/* A process like ours, which starts the instance in "ours"; its pid. */
static pid_t fork_server_process(int report[2])
{
    pid_t pid;

    must(pipe2(report, O_CLOEXEC) == 0);
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        must(uv_loop_fork(loop_uv()) == 0);
        (void)close(report[0]);
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(3);
        }
        (void)task_spawn("child", child_main, report);
        (void)uv_run(loop_uv(), UV_RUN_DEFAULT);
        _exit(2);
    }
    must(pid > 0);
    (void)close(report[1]);
    return pid;
}

static void kill_process(pid_t pid)
{
    int status;

    must(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
}

static void check_ours(void *arg)
{
    const int *expected_pid = arg;
    const int64_t begin_us = clock_monotonic_us();
    struct instance *instance = start_in(in_folder("ours"));
    struct db *db = open_on(instance, INSTANCE_OWNER);

    must(fixture_number(db, "SELECT COUNT(*) FROM survives") == 0);
    must(clock_monotonic_us() - begin_us < 5000000);
    must(fixture_signal_servers(in_folder("ours"), 0) == 1);
    if (*expected_pid != 0) {
        must(server_pid(in_folder("ours")) == *expected_pid); /* adopted, not doubled */
        must(fixture_signal_servers(in_folder("ours"), SIGKILL) == 1);
        wait_until_up_again(instance, 1); /* watched, though it is not our child */
    }
    db_close(db);
    instance_stop(instance);
    must(fixture_signal_servers(in_folder("ours"), 0) == 0);
}

static void test_we_are_killed_and_come_back(void **state)
{
    int report[2], pid_of_server;
    char byte;
    (void)state;

    for (int both = 0; both <= 1; both++) {
        const pid_t pid = fork_server_process(report);

        must(read(report[0], &byte, 1) == 1);
        (void)close(report[0]);
        kill_process(pid);
        pid_of_server = server_pid(in_folder("ours"));
        must(pid_of_server > 0 && fixture_signal_servers(in_folder("ours"), 0) == 1);
        if (both) {
            must(fixture_signal_servers(in_folder("ours"), SIGKILL) == 1);
            pid_of_server = 0;
        }
        task_run(check_ours, &pid_of_server);
    }
}

static void sleep_for(void *arg)
{
    struct err err = {0};

    must(task_sleep(*(unsigned *)arg, &err) == 0);
}

static void start_and_stop_first(void *arg)
{
    struct instance *instance = start_in(in_folder("ours"));
    struct db *db = open_on(instance, INSTANCE_APP);

    (void)arg;
    must(fixture_number(db, "SELECT 41+1") == 42);
    db_close(db);
    instance_stop(instance);
}

/* Killed later and later in the first start, on the same folder; a new folder each time it got to the end. */
static void test_killed_during_the_first_start(void **state)
{
    unsigned n_killed = 0, n_ready = 0;
    char old[512], byte;
    (void)state;

    for (unsigned ms = 5; ms < 2500 && n_ready < 1; ms += 20 + ms / 6) {
        int report[2];
        pid_t pid = fork_server_process(report);

        task_run(sleep_for, &ms);
        kill_process(pid);
        if (read(report[0], &byte, 1) == 1) {
            n_ready++;
            (void)fixture_signal_servers(in_folder("ours"), SIGKILL);
            (void)snprintf(old, sizeof old, "%s/old%u", fixture.folder, ms);
            task_run(start_and_stop_first, NULL);
            must(rename(in_folder("ours"), old) == 0);
        } else {
            n_killed++;
            if (n_killed % 3 == 0) { /* this one has to bring it up as it was left */
                task_run(start_and_stop_first, NULL);
                (void)snprintf(old, sizeof old, "%s/old%u", fixture.folder, ms);
                must(rename(in_folder("ours"), old) == 0);
            }
        }
        (void)close(report[0]);
    }
    print_message("killed %u first starts\n", n_killed);
    assert_true(n_killed >= 5);
}

/* ---- odd surroundings ---- */

CHECKED(test_long_path_puts_the_socket_elsewhere)
{
    char folder[400], name[161], found[200];
    struct db_address address = {0};
    struct instance *instance;
    struct err err = {0};
    struct stat info;
    struct db *db;
    (void)arg;

    memset(name, 'x', sizeof name - 1);
    memcpy(name, "数据 folder #1 ", sizeof "数据 folder #1 " - 1);
    name[sizeof name - 1] = '\0';
    (void)snprintf(folder, sizeof folder, "%s/%s", fixture.folder, name);
    must(setenv("XDG_RUNTIME_DIR", fixture.folder, 1) == 0);
    instance = start_in(folder);
    address = instance_address(instance, INSTANCE_APP);
    must(address.socket.n < 108);
    (void)snprintf(
        found, sizeof found, "%.*s", (int)(address.socket.n - sizeof "/mariadbd.sock" + 1), address.socket.p);
    must(stat(found, &info) == 0 && (info.st_mode & 07777) == 0700 && info.st_uid == getuid());
    db = open_on(instance, INSTANCE_APP);
    must(fixture_number(db, "SELECT 41+1") == 42);
    db_close(db);
    must(instance_find(str_of(folder), INSTANCE_APP, task_arena(), &address, &err) == 0);
    must(str_eq(address.socket, instance_address(instance, INSTANCE_APP).socket));
    instance_stop(instance);
    must(rmdir(found) == 0);
}

CHECKED(test_path_that_cannot_be_written_down)
{
    struct instance *instance = NULL;
    struct err err = {0};
    (void)arg;

    must(instance_start(fixture.conf, str_of(in_folder("a\"b")), &instance, &err) == -ERR_CONFIG);
    must(instance == NULL);
}

CHECKED(test_stale_pid_file_is_not_believed)
{
    FILE *file;
    (void)arg;

    start_and_stop_first(NULL);
    file = fopen(in_folder("ours/run/mariadbd.pid"), "w");
    must(file != NULL && fprintf(file, "%d\n", (int)getpid()) > 0 && fclose(file) == 0);
    start_and_stop_first(NULL); /* and we are still alive */
}

CHECKED(test_programs_that_are_not_there)
{
    const struct str program = fixture.conf->db_mariadbd;
    struct instance *instance = NULL;
    struct err err = {0};
    (void)arg;

    fixture.conf->db_mariadbd = STR("/nonexistent/mariadbd");
    must(instance_start(fixture.conf, str_of(in_folder("ours")), &instance, &err) == -ERR_CONFIG);
    must(strstr(err.detail, "/nonexistent/mariadbd") != NULL);
    err_clear(&err);
    fixture.conf->db_mariadbd = STR("/bin/false");
    must(instance_start(fixture.conf, str_of(in_folder("ours")), &instance, &err) == -ERR_IO);
    must(strstr(err.detail, "mariadb.log") != NULL && instance == NULL);
    fixture.conf->db_mariadbd = program;
    start_and_stop_first(NULL); /* the folder is not locked by those that failed */
}

/* A server with loose settings and an account with a right too many, by a wrapper around the program. */
CHECKED(test_check_finds_what_is_wrong)
{
    const struct str program = fixture.conf->db_mariadbd;
    const char *wrapper = in_folder("wrapper");
    FILE *file = fopen(wrapper, "w");
    struct instance *instance;
    struct err err = {0};
    struct buf findings;
    struct db *db;
    (void)arg;

    must(file != NULL);
    must(
        fprintf(file,
            "#!/bin/sh\nprintf 'GRANT FILE ON *.* TO tidemark_app@localhost;\\nREVOKE INSERT ON tidemark_log.* FROM"
            " tidemark_app@localhost;\\n' >> %s/run/init.sql\n"
            "exec mariadbd \"$@\" --sync-binlog=0 --innodb-snapshot-isolation=0\n",
            in_folder("ours")) > 0);
    must(fclose(file) == 0 && chmod(wrapper, 0700) == 0);
    fixture.conf->db_mariadbd = str_of(wrapper);
    instance = start_in(in_folder("ours"));
    fixture.conf->db_mariadbd = program;
    db = open_on(instance, INSTANCE_APP);
    buf_init(&findings, 0);
    must(instance_check(db, &findings, &err) == 0);
    must(strstr(buf_cstr(&findings), "sync_binlog is 0, should be 1") != NULL);
    must(strstr(buf_cstr(&findings), "innodb_snapshot_isolation is OFF, should be ON") != NULL);
    must(strstr(buf_cstr(&findings), "right too many: FILE ON *.*") != NULL);
    must(strstr(buf_cstr(&findings), "right too many: SELECT ON `tidemark_log`.*") != NULL);
    must(strstr(buf_cstr(&findings), "lacks a right: GRANT SELECT, INSERT ON `tidemark_log`.*") != NULL);
    buf_done(&findings);
    db_close(db);
    instance_stop(instance);
    instance = start_in(in_folder("ours")); /* the next start puts the rights right */
    db = open_on(instance, INSTANCE_APP);
    buf_init(&findings, 0);
    must(instance_check(db, &findings, &err) == 0 && findings.n == 0);
    buf_done(&findings);
    db_close(db);
    instance_stop(instance);
}

CHECKED(test_start_and_memory_in_numbers)
{
    const int64_t begin_us = clock_monotonic_us();
    struct instance *instance = start_in(in_folder("ours"));
    char path[64], line[256];
    FILE *file;
    (void)arg;

    print_message(
        "a start on an existing folder takes %lld ms\n", (long long)(clock_monotonic_us() - begin_us) / 1000);
    (void)snprintf(path, sizeof path, "/proc/%d/status", server_pid(in_folder("ours")));
    file = fopen(path, "r");
    must(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS", 5) == 0) {
            print_message("idle server: %s", line);
        }
    }
    (void)fclose(file);
    instance_stop(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders_and_secrets),
        cmocka_unit_test(test_own_session_and_one_server),
        cmocka_unit_test(test_check_finds_nothing),
        cmocka_unit_test(test_root_and_strangers_stay_outside),
        cmocka_unit_test(test_second_process_is_refused),
        cmocka_unit_test(test_external_server),
        cmocka_unit_test(test_server_is_started_again),
        cmocka_unit_test(test_server_that_does_not_start),
        cmocka_unit_test(test_killed_during_the_first_start),
        cmocka_unit_test(test_we_are_killed_and_come_back),
        cmocka_unit_test(test_path_that_cannot_be_written_down),
        cmocka_unit_test(test_stale_pid_file_is_not_believed),
        cmocka_unit_test(test_programs_that_are_not_there),
        cmocka_unit_test(test_check_finds_what_is_wrong),
        cmocka_unit_test(test_long_path_puts_the_socket_elsewhere),
        cmocka_unit_test(test_start_and_memory_in_numbers),
    };

    return cmocka_run_group_tests_name("db/instance", tests, fixture_set_up, fixture_tear_down);
}
