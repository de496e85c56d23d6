/*
 * The feed's connection: it introduces itself as a replica that knows MariaDB's GTIDs, asks for the binlog
 * after a position, and fetches events. Blocking, on the feed's own thread. Connector/C unpacks the events
 * too, which we neither use nor trust: only the raw bytes are taken.
 */
#include "base/must.h"
#include "db/feed_int.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S 5 /* five heartbeats */

static const char SQL_SESSION[] =
    "SET NAMES utf8mb4, SESSION time_zone='+00:00', SESSION net_write_timeout=3600, SESSION"
    " max_statement_time=0, @master_heartbeat_period=1000000000, @mariadb_slave_capability=4,"
    " @master_binlog_checksum=@@GLOBAL.binlog_checksum, @slave_gtid_strict_mode=1,"
    " @slave_gtid_ignore_duplicates=0";
static const char SQL_CHECKSUM[] = "SELECT @@GLOBAL.binlog_checksum";
static const char SQL_END_FILE[] = "SHOW STATUS LIKE 'Binlog_snapshot_file'";
static const char SQL_END_OFFSET[] = "SHOW STATUS LIKE 'Binlog_snapshot_position'";
static const char SQL_POSITION[] = "SELECT @@GLOBAL.gtid_binlog_pos";
static const char SQL_PLACE[] = "SHOW MASTER STATUS";
static const char SQL_FIXED[] =
    "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='%s' AND"
    " TABLE_NAME='%s' AND DATA_TYPE IN ('uuid','inet6','inet4')";

static int fail(MYSQL *mysql, const char *what, struct err *err)
{
    return err_set(err, ERR_DB_LOST, "feed %s: %u %.160s", what, mysql_errno(mysql), mysql_error(mysql));
}

static void set_option(MYSQL *mysql, enum mysql_option option, const void *value)
{
    must(mysql_options(mysql, option, value) == 0);
}

static int connect_to(const struct feed_conn *conn, MYSQL *mysql, struct err *err)
{
    const unsigned seconds = TIMEOUT_S, off = 0;
    const unsigned protocol = conn->socket != NULL ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    const my_bool yes = 1;

    must(mysql_init(mysql) != NULL);
    set_option(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    set_option(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    set_option(mysql, MYSQL_OPT_READ_TIMEOUT, &seconds);
    set_option(mysql, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    set_option(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
    set_option(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    set_option(mysql, MARIADB_OPT_RESTRICTED_AUTH, "mysql_native_password"); /* as in conn.c */
    if (conn->socket == NULL) {
        set_option(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
        set_option(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
        if (conn->ca_file != NULL) {
            set_option(mysql, MYSQL_OPT_SSL_CA, conn->ca_file);
        }
    }
    if (mysql_real_connect(mysql, conn->host, conn->user, conn->password, conn->database, conn->port,
            conn->socket, 0) == NULL) {
        return fail(mysql, "connect", err);
    }
    return 0;
}

static int run(MYSQL *mysql, const char *sql, struct err *err)
{
    return mysql_query(mysql, sql) == 0 ? 0 : fail(mysql, "setting up", err);
}

/* The text in a column of the single row; empty where it is NULL. */
static int ask(MYSQL *mysql, const char *sql, unsigned column, char *text, size_t max, struct err *err)
{
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = 0;

    if (mysql_query(mysql, sql) != 0 || (result = mysql_store_result(mysql)) == NULL) {
        return fail(mysql, "asking", err);
    }
    row = mysql_fetch_row(result);
    if (row == NULL || column >= mysql_num_fields(result)) {
        status = err_set(err, ERR_DB_LOST, "feed no answer to %.60s", sql);
    } else if (row[column] == NULL || strlen(row[column]) >= max) {
        status = err_set(err, ERR_DB_LOST, "feed no usable answer to %.60s", sql);
    } else {
        memcpy(text, row[column], strlen(row[column]) + 1);
    }
    mysql_free_result(result);
    return status;
}

/* The place that the last committed transaction ends at, and the position that it stands for. */
static int find_end(
    MYSQL *mysql, struct feed_place *ret_place, struct feed_position *ret_position, struct err *err)
{
    char file[512], offset[32], sql[640], gtids[4096];
    int64_t number;
    int status;

    status = ask(mysql, SQL_END_FILE, 1, file, sizeof file, err);
    if (status == 0) {
        status = ask(mysql, SQL_END_OFFSET, 1, offset, sizeof offset, err);
    }
    if (status != 0) {
        return status;
    }
    if (!str_to_i64(str_of(offset), &number) || number < 0 ||
        !feed_place_file(str_of(file), &ret_place->file) || strpbrk(file, "'\\") != NULL) {
        return err_set(err, ERR_DB_LOST, "feed the server has no binlog");
    }
    ret_place->offset = (uint64_t)number;
    (void)snprintf(sql, sizeof sql, "SELECT BINLOG_GTID_POS('%s', %s)", file, offset);
    status = ask(mysql, sql, 0, gtids, sizeof gtids, err);
    if (status == 0 && !feed_position_parse(str_of(gtids), ret_position)) {
        return err_set(err, ERR_DB_LOST, "feed position %.60s cannot be read", gtids);
    }
    return status;
}

/*
 * A binlog that was reset, or came back from a backup, may end before our position. The server would not say
 * so: where its binlog is still empty it waits until our number has come, and skips what comes before.
 */
static int check_history(
    MYSQL *mysql, const struct feed_position *position, struct feed_place known, struct err *err)
{
    const uint64_t ours = feed_position_sequence(position, FEED_CLOCK_DOMAIN);
    struct feed_position theirs = {0};
    struct feed_place end = {0};
    char text[4096], offset[32];
    uint64_t sequence;
    int64_t number = 0;
    int status = ask(mysql, SQL_POSITION, 0, text, sizeof text, err);

    if (status != 0) {
        return status;
    }
    if (!feed_position_parse(str_of(text), &theirs)) {
        return err_set(err, ERR_DB_LOST, "feed position %.60s cannot be read", text);
    }
    sequence = feed_position_sequence(&theirs, FEED_CLOCK_DOMAIN);
    feed_position_done(&theirs);
    if (sequence < ours) {
        return err_set(err, ERR_NOT_FOUND, "feed the server is at %llu, before our %llu: another history",
            (unsigned long long)sequence, (unsigned long long)ours);
    }
    status = ask(mysql, SQL_PLACE, 0, text, sizeof text, err);
    if (status == 0) {
        status = ask(mysql, SQL_PLACE, 1, offset, sizeof offset, err);
    }
    if (status != 0) {
        return status;
    }
    if (!feed_place_file(str_of(text), &end.file) || !str_to_i64(str_of(offset), &number)) {
        return err_set(err, ERR_DB_LOST, "feed the server has no binlog");
    }
    end.offset = (uint64_t)number;
    if (feed_place_cmp(end, known) < 0) {
        return err_set(err, ERR_NOT_FOUND, "feed the binlog ends at %lld:%llu, before what was read of it",
            (long long)end.file, (unsigned long long)end.offset);
    }
    return 0;
}

/* Domains that the caller has not named begin at their present end: they are not the clock. */
static int settle_position(
    MYSQL *mysql, struct feed_position *position, struct feed_begin *begin, struct err *err)
{
    struct feed_position end = {0};
    const int status = find_end(mysql, &begin->place, &end, err);

    if (status != 0) {
        return status;
    }
    begin->placed = begin->at_end || feed_position_sequence(&end, FEED_CLOCK_DOMAIN) ==
                                         feed_position_sequence(position, FEED_CLOCK_DOMAIN);
    for (size_t i = 0; i < end.n; i++) {
        const bool named = feed_position_sequence(position, end.gtids[i].domain) != 0;

        if (begin->at_end || (!named && end.gtids[i].domain != FEED_CLOCK_DOMAIN)) {
            feed_position_set(position, end.gtids[i]);
        }
    }
    feed_position_done(&end);
    return 0;
}

static int ask_for_binlog(struct feed_conn *conn, const struct feed_position *position, struct err *err)
{
    struct buf sql;
    int status;

    buf_init(&sql, 0);
    buf_add_text(&sql, "SET @slave_connect_state='");
    feed_position_print(position, &sql);
    buf_add_text(&sql, "'");
    status = run(&conn->mysql, buf_cstr(&sql), err);
    buf_done(&sql);
    if (status != 0) {
        return status;
    }
    conn->rpl = mariadb_rpl_init(&conn->mysql);
    must(conn->rpl != NULL);
    (void)mariadb_rpl_optionsv(conn->rpl, MARIADB_RPL_SERVER_ID, (unsigned)conn->server);
    (void)mariadb_rpl_optionsv(conn->rpl, MARIADB_RPL_START, 4UL);
    (void)mariadb_rpl_optionsv(conn->rpl, MARIADB_RPL_FLAGS, 0U);
    return mariadb_rpl_open(conn->rpl) == 0 ? 0 : fail(&conn->mysql, "asking for the binlog", err);
}

/* From here on the other thread may end our reads. False: it has asked already. */
static bool publish_socket(struct feed_conn *conn, int fd)
{
    bool goes_on;

    must(pthread_mutex_lock(&conn->queue->lock) == 0);
    conn->queue->fd = fd;
    goes_on = !conn->queue->stopping;
    must(pthread_mutex_unlock(&conn->queue->lock) == 0);
    return goes_on;
}

int feed_conn_open(
    struct feed_conn *conn, struct feed_position *position, struct feed_begin *begin, struct err *err)
{
    char checksum[32];
    int status;

    must(!conn->open);
    conn->open = true;
    status = connect_to(conn, &conn->mysql, err);
    if (status == 0 && !publish_socket(conn, (int)mysql_get_socket(&conn->mysql))) {
        status = err_set(err, ERR_CANCELLED, "feed is stopping");
    }
    if (status == 0) {
        status = run(&conn->mysql, SQL_SESSION, err);
    }
    if (status == 0) {
        status = ask(&conn->mysql, SQL_CHECKSUM, 0, checksum, sizeof checksum, err);
    }
    if (status == 0 && !begin->at_end) {
        status = check_history(&conn->mysql, position, begin->known, err);
    }
    if (status == 0 && (begin->first || begin->at_end)) {
        status = settle_position(&conn->mysql, position, begin, err);
    }
    if (status == 0) {
        begin->has_checksum = strcmp(checksum, "CRC32") == 0;
        status = ask_for_binlog(conn, position, err);
    }
    if (status != 0) {
        feed_conn_close(conn);
    }
    return status;
}

void feed_conn_close(struct feed_conn *conn)
{
    if (!conn->open) {
        return;
    }
    (void)publish_socket(conn, -1);
    mariadb_free_rpl_event(conn->event);
    mariadb_rpl_close(conn->rpl);
    conn->event = NULL;
    conn->rpl = NULL;
    mysql_close(&conn->mysql);
    conn->open = false;
}

static int fetch_error(const struct feed_conn *conn, struct err *err)
{
    MYSQL *mysql = conn->rpl->mysql;
    const unsigned number = mysql_errno(mysql) != 0 ? mysql_errno(mysql) : mariadb_rpl_errno(conn->rpl);
    const char *text = mysql_errno(mysql) != 0 ? mysql_error(mysql) : mariadb_rpl_error(conn->rpl);
    enum err_code code = ERR_IO;

    switch (number) {
    case 0: /* the server has ended the binlog by itself */
    case CR_SERVER_LOST:
    case CR_SERVER_GONE_ERROR:
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_SSL_CONNECTION_ERROR:
    case ER_SERVER_SHUTDOWN:
    case ER_NORMAL_SHUTDOWN:
    case ER_CONNECTION_KILLED:
    case ER_QUERY_INTERRUPTED:
        code = ERR_DB_LOST;
        break;
    case ER_MASTER_FATAL_ERROR_READING_BINLOG:
        code = ERR_NOT_FOUND;
        break;
    default:
        break;
    }
    return err_set(err, code, "feed fetch: %u %.180s", number, number == 0 ? "end of binlog" : text);
}

int feed_conn_fetch(struct feed_conn *conn, struct bytes *ret_raw, struct err *err)
{
    /* Not given the last event to use again: where it fails, some versions of the library free it. */
    mariadb_free_rpl_event(conn->event);
    conn->event = mariadb_rpl_fetch(conn->rpl, NULL);
    if (conn->event == NULL) {
        return fetch_error(conn, err);
    }
    if (conn->event->raw_data_ofs > conn->event->raw_data_size) {
        return err_set(err, ERR_IO, "feed fetch: no event in what came");
    }
    *ret_raw = (struct bytes){.p = conn->event->raw_data + conn->event->raw_data_ofs,
        .n = conn->event->raw_data_size - conn->event->raw_data_ofs};
    return 0;
}

int feed_conn_check(
    struct feed_conn *conn, const struct feed_position *position, struct feed_place known, struct err *err)
{
    MYSQL mysql;
    int status = connect_to(conn, &mysql, err);

    if (status == 0) {
        status = check_history(&mysql, position, known, err);
    }
    mysql_close(&mysql);
    return status;
}

/* ---- types that the binlog does not tell apart ---- */

static enum feed_fixed fixed_type(const char *name)
{
    return strcmp(name, "uuid") == 0    ? FEED_FIXED_UUID
           : strcmp(name, "inet6") == 0 ? FEED_FIXED_INET6
                                        : FEED_FIXED_INET4;
}

int feed_conn_look_up(void *arg, struct str schema, struct str table,
    void (*found)(void *map, struct str column, enum feed_fixed fixed), void *map, struct err *err)
{
    const struct feed_conn *conn = arg;
    char sql[sizeof SQL_FIXED + 4 * 256 + 2], quoted[2][2 * 256 + 1];
    struct err cause = {0};
    MYSQL mysql;
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    int status = connect_to(conn, &mysql, &cause);

    if (status == 0) {
        must(schema.n <= 255 && table.n <= 255); /* their lengths are one byte */
        (void)mysql_real_escape_string(&mysql, quoted[0], schema.p, schema.n);
        (void)mysql_real_escape_string(&mysql, quoted[1], table.p, table.n);
        (void)snprintf(sql, sizeof sql, SQL_FIXED, quoted[0], quoted[1]);
        if (mysql_query(&mysql, sql) != 0 || (result = mysql_store_result(&mysql)) == NULL) {
            status = fail(&mysql, "looking up columns", &cause);
        }
    }
    while (status == 0 && (row = mysql_fetch_row(result)) != NULL) {
        found(map, str_of(row[0]), fixed_type(row[1]));
    }
    mysql_free_result(result);
    mysql_close(&mysql);
    /* Tried again with the next connection. */
    return status == 0 ? 0 : err_set(err, ERR_DB_LOST, "%.200s", cause.detail);
}
