/*
 * The ceiling: what the same private MariaDB gives a bare C client, without anything of Tidemark's in
 * between. Each number of the benchmark stands beside one of these, taken in the same run.
 *
 *   bench_ceiling DATA_DIR KIND CONNECTIONS SECONDS      KIND: update, read or list
 *
 * update: one transaction in one trip, a prepared BEGIN NOT ATOMIC … COMMIT with the row's UPDATE and the
 * INSERT of its event into the log; read: a customer by id; list: 50 customers, all columns, newest first.
 *
 * One thread a connection, blocking calls: the simplest fast client. The data folder is thrown away
 * afterwards: rows changed here have events that Tidemark did not number.
 */
#include "base/clock.h"
#include "db/instance.h"

#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_CONNECTIONS = 64, MAX_COLUMNS = 128, CELL_BYTES = 4096, LIST_ROWS = 50 };

static const char SQL_IDS[] =
    "SELECT _id FROM rec_customer WHERE _deleted_at IS NULL ORDER BY _id LIMIT 4000";
static const char SQL_UPDATE[] =
    "BEGIN NOT ATOMIC START TRANSACTION; "
    "UPDATE rec_customer SET stage = ?, _rev = _rev + 1 WHERE _id = ?; "
    "INSERT INTO tidemark_log.event (id, at, actor_id, login, action, form, record, rev, changes, session, address, request) "
    "VALUES (?, UTC_TIMESTAMP(6), 1, 'bench', 'update', 'customer', ?, 2, "
    "'[{\"field\":\"stage\",\"before\":\"lead\",\"after\":\"contacted\"}]', 1, '127.0.0.1', 'bench'); "
    "COMMIT; END";
static const char SQL_READ[] = "SELECT * FROM rec_customer WHERE _id = ?";
static const char SQL_LIST[] =
    "SELECT * FROM rec_customer WHERE _deleted_at IS NULL AND _id < ? ORDER BY _id DESC LIMIT 50";

enum kind { KIND_UPDATE, KIND_READ, KIND_LIST };

static struct {
    const char *user, *password, *socket, *database;
    enum kind kind;
    long long *ids;
    size_t n_ids;
    double seconds;
    atomic_llong next_event;
} plan;

struct worker {
    pthread_t thread;
    unsigned number;
    long long done;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_ceiling: %s: %s\n", what, why);
    exit(3);
}

static MYSQL *dial(void)
{
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, NULL, plan.user, plan.password, plan.database, 0, plan.socket, 0))
        die("connect", mysql_error(mysql));
    if (mysql_query(mysql, "SET NAMES utf8mb4, tx_isolation='READ-COMMITTED', time_zone='+00:00'"))
        die("set up", mysql_error(mysql));
    return mysql;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void load_ids(void)
{
    MYSQL *mysql = dial();
    if (mysql_query(mysql, SQL_IDS))
        die(SQL_IDS, mysql_error(mysql));
    MYSQL_RES *rows = mysql_store_result(mysql);
    plan.ids = calloc((size_t)mysql_num_rows(rows) + 1, sizeof(plan.ids[0]));
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));)
        plan.ids[plan.n_ids++] = atoll(row[0]);
    mysql_free_result(rows);
    mysql_close(mysql);
    if (plan.n_ids == 0)
        die("ids", "no customers in this data folder");
}

/* Every column as text into one scratch area: the bytes cross the socket and are copied, as any client must.
 */
static void fetch_all(MYSQL_STMT *stmt)
{
    static _Thread_local char cells[MAX_COLUMNS][CELL_BYTES];
    static _Thread_local MYSQL_BIND binds[MAX_COLUMNS];
    static _Thread_local unsigned long lengths[MAX_COLUMNS];
    static _Thread_local my_bool nulls[MAX_COLUMNS];
    unsigned n = mysql_stmt_field_count(stmt);
    if (n > MAX_COLUMNS)
        die("columns", "more than this program expects");
    for (unsigned i = 0; i < n; i++)
        binds[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
            .buffer = cells[i],
            .buffer_length = CELL_BYTES,
            .length = &lengths[i],
            .is_null = &nulls[i]};
    if (mysql_stmt_bind_result(stmt, binds) || mysql_stmt_store_result(stmt))
        die("result", mysql_stmt_error(stmt));
    while (mysql_stmt_fetch(stmt) == 0)
        continue;
    mysql_stmt_free_result(stmt);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    static const char *const STAGES[] = {"lead", "contacted", "quoted", "negotiating"};
    static const char *const SQL[] = {SQL_UPDATE, SQL_READ, SQL_LIST};
    MYSQL *mysql = dial();
    MYSQL_STMT *stmt = mysql_stmt_init(mysql);
    if (mysql_stmt_prepare(stmt, SQL[plan.kind], strlen(SQL[plan.kind])))
        die(SQL[plan.kind], mysql_stmt_error(stmt));
    long long id = 0, event = 0;
    char stage[16];
    unsigned long stage_length = 0;
    MYSQL_BIND by_id = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &id};
    MYSQL_BIND by_event = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &event};
    MYSQL_BIND by_stage = {.buffer_type = MYSQL_TYPE_STRING, .buffer = stage, .length = &stage_length};
    MYSQL_BIND update[] = {by_stage, by_id, by_event, by_id}, one[] = {by_id};
    if (mysql_stmt_bind_param(stmt, plan.kind == KIND_UPDATE ? update : one))
        die("bind", mysql_stmt_error(stmt));
    unsigned seed = worker->number * 7919 + 1;
    for (double end = now() + plan.seconds; now() < end;) {
        id = plan.ids[(size_t)rand_r(&seed) % plan.n_ids];
        event = atomic_fetch_add(&plan.next_event, 1);
        stage_length =
            (unsigned long)snprintf(stage, sizeof(stage), "%s", STAGES[(worker->done + event) % 4]);
        if (mysql_stmt_execute(stmt))
            die("execute", mysql_stmt_error(stmt));
        if (plan.kind != KIND_UPDATE)
            fetch_all(stmt);
        worker->done++;
    }
    mysql_stmt_close(stmt);
    mysql_close(mysql);
    mysql_thread_end();
    return NULL;
}

static bool kind_of(const char *name, enum kind *ret_kind)
{
    static const char *const NAMES[] = {"update", "read", "list"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
        if (strcmp(name, NAMES[i]) == 0) {
            *ret_kind = (enum kind)i;
            return true;
        }
    return false;
}

int main(int argc, char **argv)
{
    unsigned n = argc == 5 ? (unsigned)atoi(argv[3]) : 0;
    if (n < 1 || n > MAX_CONNECTIONS || !kind_of(argv[2], &plan.kind)) {
        fprintf(stderr, "bench_ceiling DATA_DIR update|read|list CONNECTIONS SECONDS\n");
        return 2;
    }
    struct arena *arena = arena_new();
    struct db_address address = {0};
    struct err err = {0};
    if (instance_find(str_of(argv[1]), INSTANCE_APP, arena, &address, &err) < 0)
        die(argv[1], err.detail);
    plan.user = arena_cstr(arena, address.user);
    plan.password = arena_cstr(arena, address.password);
    plan.socket = arena_cstr(arena, address.socket);
    plan.database = arena_cstr(arena, address.database);
    plan.seconds = atof(argv[4]);
    /* Ids of events: the present time in microseconds, far from those that the server makes. */
    plan.next_event = clock_utc_us();
    mysql_library_init(0, NULL, NULL);
    load_ids();
    struct worker workers[MAX_CONNECTIONS] = {0};
    double started = now();
    for (unsigned i = 0; i < n; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
            die("thread", "not to be had");
    }
    long long done = 0;
    for (unsigned i = 0; i < n; i++) {
        pthread_join(workers[i].thread, NULL);
        done += workers[i].done;
    }
    double took = now() - started;
    printf("done=%lld seconds=%.3f per_s=%.1f\n", done, took, (double)done / took);
    free(plan.ids);
    arena_free(arena);
    return 0;
}
