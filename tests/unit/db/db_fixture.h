/*
 * A real private MariaDB for one test program, in a folder of its own under /tmp. A guardian process outlives
 * the program however it ends, kills what still runs in that folder, and removes it.
 */
#ifndef TIDEMARK_TESTS_DB_FIXTURE_H
#define TIDEMARK_TESTS_DB_FIXTURE_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/instance.h"
#include "task_run.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char folder[64];
    struct conf *conf;
    struct instance *instance;
    struct db *app, *owner, *migrate;
};
static struct fixture fixture;

/* Server processes whose command line names the folder; `with_signal` 0 only counts. */
static inline int fixture_signal_servers(const char *folder, int with_signal)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    int n_found = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[300], text[4096];
        const int pid = atoi(entry->d_name);
        FILE *file;
        size_t n;

        (void)snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        if (pid <= 1 || (file = fopen(path, "r")) == NULL) {
            continue;
        }
        n = fread(text, 1, sizeof text - 1, file);
        (void)fclose(file);
        text[n] = '\0';
        if (strstr(text, "mariadbd") != NULL && memmem(text, n, folder, strlen(folder)) != NULL) {
            n_found++;
            if (with_signal != 0) {
                (void)kill(pid, with_signal);
            }
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return n_found;
}

static inline int fixture_remove(const char *path, const struct stat *info, int kind, struct FTW *position)
{
    (void)info;
    (void)kind;
    (void)position;
    (void)remove(path);
    return 0;
}

static inline void fixture_guard(const char *folder)
{
    int ends[2];
    char byte;

    must(pipe2(ends, O_CLOEXEC) == 0);
    (void)fflush(NULL);
    if (fork() != 0) {
        (void)close(ends[0]); /* the other end closes when we end */
        return;
    }
    (void)setsid();
    (void)close(ends[1]);
    while (read(ends[0], &byte, 1) > 0) {
    }
    for (int i = 0; i < 100 && fixture_signal_servers(folder, SIGKILL) > 0; i++) {
        (void)usleep(20000);
    }
    (void)nftw(folder, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    _exit(0);
}

static inline void fixture_report(int status, const struct err *err, const char *what)
{
    if (status != 0) {
        (void)fprintf(stderr, "%s: %d %s\n", what, status, err->detail);
    }
    must(status == 0);
}

static inline struct db *fixture_open(
    enum instance_account account, unsigned connections, uint64_t statement_ms)
{
    const struct db_address address = instance_address(fixture.instance, account);
    const struct db_limits limits = {
        .connections = connections, .wait_ms = 10000, .statement_ms = statement_ms, .statements_cached = 16};

    return db_open(&address, &limits);
}

static inline void fixture_begin(void *arg)
{
    struct err err = {0};

    (void)arg;
    fixture_report(
        instance_start(fixture.conf, str_of(fixture.folder), &fixture.instance, &err), &err, "start");
    fixture.app = fixture_open(INSTANCE_APP, 8, 15000);
    fixture.owner = fixture_open(INSTANCE_OWNER, 2, 15000);
    fixture.migrate = fixture_open(INSTANCE_MIGRATE, 2, 60000);
}

static inline void fixture_end(void *arg)
{
    (void)arg;
    db_close(fixture.app);
    db_close(fixture.owner);
    db_close(fixture.migrate);
    instance_stop(fixture.instance);
}

static inline void fixture_new_folder(void)
{
    struct err err = {0};
    struct buf problems;

    (void)snprintf(fixture.folder, sizeof fixture.folder, "/tmp/tidemark-test-XXXXXX");
    must(mkdtemp(fixture.folder) != NULL);
    fixture_guard(fixture.folder);
    buf_init(&problems, 0);
    fixture_report(conf_load(NULL, &fixture.conf, &problems, &err), &err, "conf");
    buf_done(&problems);
    fixture.conf->db_buffer_pool_mb = 32;
}

static inline int fixture_set_up(void **state)
{
    (void)state;
    fixture_new_folder();
    loop_init();
    task_run(fixture_begin, NULL);
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    (void)state;
    task_run(fixture_end, NULL);
    loop_done();
    conf_free(fixture.conf);
    return 0;
}

/* For tasks: a statement that has to succeed. */
static inline struct db_rows fixture_query(
    struct db *db, const char *sql, const struct db_val *params, size_t n)
{
    struct db_rows rows = {0};
    struct err err = {0};

    fixture_report(db_query(db, sql, params, n, &rows, &err), &err, sql);
    return rows;
}
static inline int64_t fixture_number(struct db *db, const char *sql)
{
    const struct db_rows rows = fixture_query(db, sql, DB_NO_PARAMS);

    must(rows.n_rows == 1 && db_cell(&rows, 0, 0)->kind == DB_INT);
    return db_cell(&rows, 0, 0)->i;
}

/* A test whose body runs as a task; inside of tasks check with must() (task_run.h). */
#define CHECKED(name)                                                                                        \
    static void name##_body(void *arg);                                                                      \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        task_run(name##_body, NULL);                                                                         \
    }                                                                                                        \
    static void name##_body(void *arg)

#endif
