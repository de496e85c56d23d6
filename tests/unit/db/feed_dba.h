/*
 * For tests of the change feed that need a database administrator: the private server is started by a wrapper
 * that adds an account with all rights, used over a plain blocking connection.
 */
#ifndef TIDEMARK_TESTS_FEED_DBA_H
#define TIDEMARK_TESTS_FEED_DBA_H

#include "feed_fixture.h"

#include <mysql.h>
#include <stdarg.h>
#include <sys/stat.h>

static MYSQL dba;
static char dba_program[96];

static inline int dba_set_up(void **state)
{
    FILE *file;

    (void)state;
    fixture_new_folder();
    (void)snprintf(dba_program, sizeof dba_program, "%s/wrapper", fixture.folder);
    file = fopen(dba_program, "w");
    must(file != NULL);
    must(
        fprintf(file,
            "#!/bin/sh\ncat >> '%s/run/init.sql' <<'END'\nCREATE USER IF NOT EXISTS dba@localhost IDENTIFIED BY"
            " 'dba';\nGRANT ALL ON *.* TO dba@localhost WITH GRANT OPTION;\nEND\nexec mariadbd \"$@\"\n",
            fixture.folder) > 0);
    must(fclose(file) == 0 && chmod(dba_program, 0700) == 0);
    fixture.conf->db_mariadbd = str_of(dba_program);
    loop_init();
    task_run(fixture_begin, NULL);
    return 0;
}

static inline bool dba_try_connect(void)
{
    const struct db_address address = instance_address(fixture.instance, INSTANCE_OWNER);
    char socket[200];

    (void)snprintf(socket, sizeof socket, "%.*s", STR_ARGS(address.socket));
    must(mysql_init(&dba) != NULL);
    (void)mysql_options(&dba, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(&dba, NULL, "dba", "dba", "tidemark", 0, socket, CLIENT_MULTI_STATEMENTS) !=
        NULL) {
        return true;
    }
    mysql_close(&dba);
    return false;
}

static inline void dba_connect(void)
{
    must(dba_try_connect());
}

static inline void dba_close(void)
{
    mysql_close(&dba);
}

/* Statements, one after the other, that have to succeed; the number in the first column of the last result.
 */
static inline int64_t dba_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int64_t dba_run(const char *format, ...)
{
    char sql[8192];
    int64_t number = 0;
    int next;
    va_list args;

    va_start(args, format);
    must(vsnprintf(sql, sizeof sql, format, args) < (int)sizeof sql);
    va_end(args);
    if (mysql_query(&dba, sql) != 0) {
        (void)fprintf(stderr, "%s: %s\n", sql, mysql_error(&dba));
        never("a statement of the test failed");
    }
    do {
        MYSQL_RES *result = mysql_store_result(&dba);

        if (result != NULL) {
            const MYSQL_ROW row = mysql_fetch_row(result);

            number = row != NULL && row[0] != NULL ? atoll(row[0]) : 0;
            mysql_free_result(result);
        }
        next = mysql_next_result(&dba);
        if (next > 0) {
            (void)fprintf(stderr, "%s: %s\n", sql, mysql_error(&dba));
        }
    } while (next == 0);
    must(next == -1);
    return number;
}

/* The number of the last transaction in the binlog, in the clock's domain. */
static inline int64_t dba_sequence(void)
{
    return dba_run(
        "SELECT SUBSTRING_INDEX(REGEXP_SUBSTR(@@gtid_binlog_pos, '(?<![0-9-])0-[0-9]+-[0-9]+'), '-', -1)");
}

/* Ends the feed's connection from the server's side. */
static inline bool dba_kill_dump(void)
{
    const int64_t id =
        dba_run("SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE COMMAND='Binlog Dump'");

    if (id != 0) {
        char sql[64];

        (void)snprintf(sql, sizeof sql, "KILL %lld", (long long)id);
        (void)mysql_query(&dba, sql); /* it may be gone already */
    }
    return id != 0;
}

#endif
