/*
 * Changes committed straight to the private MariaDB, as another process of Tidemark's would: one transaction
 * in one trip with the row's UPDATE and its event, so that no alarm is raised. When COMMIT has returned is
 * known to the microsecond, and none of the work is the measured server's.
 */
#include "load.h"

#include "base/clock.h"
#include "db/instance.h"

#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECTIONS_MAX = 32, NOTES_BYTES = 32 };

static const char SQL_CHANGE[] =
    "BEGIN NOT ATOMIC START TRANSACTION; "
    "UPDATE rec_customer SET notes = ?, _rev = _rev + 1 WHERE _id = ?; "
    "INSERT INTO tidemark_log.event (id, at, actor_id, login, action, form, record, rev, changes, session, address, request) "
    "VALUES (?, UTC_TIMESTAMP(6), 1, 'bench', 'update', 'customer', ?, 2, "
    "'[{\"field\":\"notes\",\"before\":null,\"after\":\"#\"}]', 1, '127.0.0.1', 'bench'); "
    "COMMIT; END";

struct changes;

struct writer {
    struct changes *changes;
    MYSQL *mysql;
    MYSQL_STMT *stmt;
    pthread_t thread;
    char notes[NOTES_BYTES];
    unsigned long n_notes;
    long long id, event;
};

struct changes {
    struct arena *arena;
    struct db_address address;
    unsigned n_writers;
    struct writer writers[CONNECTIONS_MAX];
    int64_t *ids;
    size_t n_ids, n_max;
    int64_t *began_us;
    _Atomic int64_t *committed_us;
    long long event_base;
    atomic_llong next; /* number of the next change */
    long long until;   /* … at which the background stops */
    long long from;
    double per_s;
    int64_t started_us;
    atomic_uint n_running;
    size_t (*choose)(int64_t number);
};

static void dial(struct writer *writer)
{
    struct changes *changes = writer->changes;
    struct arena *arena = changes->arena;
    MYSQL *mysql = writer->mysql = mysql_init(NULL);
    if (mysql == NULL ||
        !mysql_real_connect(mysql, NULL, arena_cstr(arena, changes->address.user),
            arena_cstr(arena, changes->address.password), arena_cstr(arena, changes->address.database), 0,
            arena_cstr(arena, changes->address.socket), 0) ||
        mysql_query(mysql, "SET NAMES utf8mb4, tx_isolation='READ-COMMITTED', time_zone='+00:00'"))
        load_die("database", mysql ? mysql_error(mysql) : "memory");
    writer->stmt = mysql_stmt_init(mysql);
    if (mysql_stmt_prepare(writer->stmt, SQL_CHANGE, sizeof(SQL_CHANGE) - 1))
        load_die(SQL_CHANGE, mysql_stmt_error(writer->stmt));
    MYSQL_BIND by_id = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &writer->id},
               by_event = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &writer->event},
               notes = {
                   .buffer_type = MYSQL_TYPE_STRING, .buffer = writer->notes, .length = &writer->n_notes};
    MYSQL_BIND binds[] = {notes, by_id, by_event, by_id};
    if (mysql_stmt_bind_param(writer->stmt, binds))
        load_die("bind", mysql_stmt_error(writer->stmt));
}

struct changes *changes_new(const char *data_dir, unsigned n_connections, size_t n_max)
{
    struct changes *changes = calloc(1, sizeof(*changes));
    struct err err = {0};
    if (changes == NULL || n_connections < 1 || n_connections > CONNECTIONS_MAX)
        load_die("changes", "memory, or too many connections");
    changes->arena = arena_new();
    if (instance_find(str_of(data_dir), INSTANCE_APP, changes->arena, &changes->address, &err) < 0)
        load_die(data_dir, err.detail);
    changes->n_max = n_max;
    changes->began_us = calloc(n_max, sizeof(changes->began_us[0]));
    changes->committed_us = calloc(n_max, sizeof(changes->committed_us[0]));
    if (changes->began_us == NULL || changes->committed_us == NULL)
        load_die("changes", "memory");
    /* Ids of events: the present time in microseconds, far from those that the server makes. */
    changes->event_base = clock_utc_us();
    changes->n_writers = n_connections;
    (void)mysql_library_init(0, NULL, NULL);
    for (unsigned i = 0; i < n_connections; i++) {
        changes->writers[i].changes = changes;
        dial(&changes->writers[i]);
    }
    return changes;
}

static MYSQL_RES *ask(struct changes *changes, const char *sql)
{
    MYSQL *mysql = changes->writers[0].mysql;
    MYSQL_RES *rows = mysql_query(mysql, sql) == 0 ? mysql_store_result(mysql) : NULL;
    if (rows == NULL)
        load_die(sql, mysql_error(mysql));
    return rows;
}

size_t changes_customers(struct changes *changes, const char *sql)
{
    MYSQL_RES *rows = ask(changes, sql);
    free(changes->ids);
    changes->ids = calloc((size_t)mysql_num_rows(rows) + 1, sizeof(changes->ids[0]));
    changes->n_ids = 0;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));)
        changes->ids[changes->n_ids++] = atoll(row[0]);
    mysql_free_result(rows);
    if (changes->n_ids == 0)
        load_die(sql, "no rows");
    return changes->n_ids;
}

int64_t changes_number(struct changes *changes, const char *sql, unsigned column)
{
    MYSQL_RES *rows = ask(changes, sql);
    MYSQL_ROW row = mysql_fetch_row(rows);
    if (row == NULL || column >= mysql_num_fields(rows) || row[column] == NULL)
        load_die(sql, "no number");
    int64_t number = atoll(row[column]);
    mysql_free_result(rows);
    return number;
}

int64_t changes_id(const struct changes *changes, size_t i)
{
    return changes->ids[i];
}

static void commit(struct writer *writer, long long number, size_t customer)
{
    struct changes *changes = writer->changes;
    if (customer >= changes->n_ids || (size_t)number >= changes->n_max)
        load_die("change", "no such customer, or too many changes");
    writer->id = changes->ids[customer];
    writer->event = changes->event_base + number;
    writer->n_notes =
        (unsigned long)snprintf(writer->notes, sizeof(writer->notes), "#%lld", changes->event_base + number);
    changes->began_us[number] = clock_monotonic_us();
    if (mysql_stmt_execute(writer->stmt))
        load_die("change", mysql_stmt_error(writer->stmt));
    atomic_store(&changes->committed_us[number], clock_monotonic_us());
}

int64_t changes_commit(struct changes *changes, size_t customer)
{
    long long number = atomic_fetch_add(&changes->next, 1);
    commit(&changes->writers[0], number, customer);
    return number;
}

/* ---- in the background
 * ---------------------------------------------------------------------------------------- */

static void sleep_until(int64_t us)
{
    struct timespec at = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
        continue;
}

/* Each change has its own time by the clock: a slow one does not slow the next ones down. */
static void *work(void *arg)
{
    struct writer *writer = arg;
    struct changes *changes = writer->changes;
    for (;;) {
        long long number = atomic_fetch_add(&changes->next, 1);
        if (number >= changes->until)
            break;
        sleep_until(changes->started_us + (int64_t)((double)(number - changes->from) * 1e6 / changes->per_s));
        commit(writer, number, changes->choose(number));
    }
    (void)atomic_fetch_sub(&changes->n_running, 1);
    return NULL;
}

void changes_start(struct changes *changes, size_t n, double per_s, size_t (*choose)(int64_t number))
{
    changes->from = atomic_load(&changes->next);
    changes->until = changes->from + (long long)n;
    changes->per_s = per_s;
    changes->choose = choose;
    changes->started_us = clock_monotonic_us();
    atomic_store(&changes->n_running, changes->n_writers);
    for (unsigned i = 0; i < changes->n_writers; i++)
        if (pthread_create(&changes->writers[i].thread, NULL, work, &changes->writers[i]) != 0)
            load_die("thread", "not to be had");
}

bool changes_are_done(const struct changes *changes)
{
    return atomic_load(&changes->n_running) == 0;
}

double changes_join(struct changes *changes)
{
    for (unsigned i = 0; i < changes->n_writers; i++)
        (void)pthread_join(changes->writers[i].thread, NULL);
    atomic_store(&changes->next, changes->until); /* each writer took one number too many */
    return (double)(clock_monotonic_us() - changes->started_us) / 1e6;
}

int64_t changes_base(const struct changes *changes)
{
    return changes->event_base;
}

int64_t changes_last(const struct changes *changes)
{
    return atomic_load(&changes->next) - 1;
}

int64_t changes_began_us(const struct changes *changes, int64_t number)
{
    return changes->began_us[number];
}

int64_t changes_committed_us(const struct changes *changes, int64_t number)
{
    return atomic_load(&changes->committed_us[number]);
}

void changes_free(struct changes *changes)
{
    for (unsigned i = 0; i < changes->n_writers; i++) {
        (void)mysql_stmt_close(changes->writers[i].stmt);
        mysql_close(changes->writers[i].mysql);
    }
    free(changes->began_us);
    free((void *)(uintptr_t)changes->committed_us);
    free(changes->ids);
    arena_free(changes->arena);
    free(changes);
}
