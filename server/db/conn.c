/*
 * One connection: connecting, waiting for its socket, closing. Connector/C's non-blocking calls say what they
 * want to wait for; the task parks until libuv sees it on the socket.
 *
 * Between calls the socket stays watched for reading, which saves two system calls a statement and shows at
 * once when the server closes: an idle connection is then dropped before anybody is given it.
 */
#include "db/conn.h"

#include "base/clock.h"
#include "base/must.h"
#include "loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_S 5
#define STATEMENT_MS_DEFAULT 15000
#define GRACE_MS 2000 /* the server ends a long statement itself; we give up on the connection after that */
#define CACHED_DEFAULT 128
#define RESULT_BYTES_DEFAULT ((size_t)64 << 20)

/* The handle lives on its own, since libuv gives its memory back later than we lose the connection. */
struct conn_poll {
    uv_poll_t uv;
    struct conn *conn; /* NULL: closing */
    int fd;
    int events;
};

static void free_poll(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_poll(struct conn *conn)
{
    if (conn->poll != NULL) {
        conn->poll->conn = NULL;
        uv_close((uv_handle_t *)&conn->poll->uv, free_poll);
        conn->poll = NULL;
    }
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct conn_poll *poll = uv->data;
    struct conn *conn = poll->conn;

    if (conn == NULL) {
        return;
    }
    if (conn->waiter != NULL) {
        if (status < 0) { /* let the library find out what is wrong */
            conn->ready |= MYSQL_WAIT_READ | MYSQL_WAIT_WRITE;
        }
        conn->ready |= events & UV_READABLE ? MYSQL_WAIT_READ : 0;
        conn->ready |= events & UV_WRITABLE ? MYSQL_WAIT_WRITE : 0;
        conn->ready |= events & UV_PRIORITIZED ? MYSQL_WAIT_EXCEPT : 0;
        task_wake(conn->waiter);
        return;
    }
    /* Nobody has asked anything: the server has closed, or speaks out of turn. */
    conn->dead = true;
    (void)uv_poll_stop(uv);
    poll->events = 0;
    if (conn->on_idle_death != NULL) {
        conn->on_idle_death(conn, conn->on_idle_death_arg);
    }
}

/* While connecting, the library may go from one address, and so one socket, to the next. */
static void watch(struct conn *conn, int fd, int events)
{
    if (conn->poll != NULL && conn->poll->fd != fd) {
        close_poll(conn);
    }
    if (conn->poll == NULL) {
        conn->poll = must_alloc(sizeof *conn->poll);
        conn->poll->uv.data = conn->poll;
        conn->poll->conn = conn;
        conn->poll->fd = fd;
        must(uv_poll_init(loop_uv(), &conn->poll->uv, fd) == 0);
    }
    if (conn->poll->events != events) {
        conn->poll->events = events;
        must(uv_poll_start(&conn->poll->uv, events, on_poll) == 0);
    }
}

void conn_begin_call(struct conn *conn)
{
    conn->deadline_us =
        conn->statement_ms == 0 ? 0 : clock_monotonic_us() + (int64_t)(conn->statement_ms + GRACE_MS) * 1000;
}

/* Milliseconds to wait at most: until our deadline, or the library's own time-out where it has one. */
static int64_t time_left_ms(const struct conn *conn, int64_t library_end_us)
{
    int64_t end_us = conn->deadline_us;

    if (library_end_us != 0 && (end_us == 0 || library_end_us < end_us)) {
        end_us = library_end_us;
    }
    return end_us == 0 ? INT64_MAX : (end_us - clock_monotonic_us() + 999) / 1000;
}

int conn_wait(struct conn *conn, int wanted)
{
    const int fd = mysql_get_socket(&conn->mysql);
    const int64_t library_end_us =
        wanted & MYSQL_WAIT_TIMEOUT
            ? clock_monotonic_us() + (int64_t)mysql_get_timeout_value_ms(&conn->mysql) * 1000
            : 0;
    const int events = (wanted & MYSQL_WAIT_READ ? UV_READABLE : 0) |
                       (wanted & MYSQL_WAIT_WRITE ? UV_WRITABLE : 0) |
                       (wanted & MYSQL_WAIT_EXCEPT ? UV_PRIORITIZED : 0);

    if (events != 0) {
        watch(conn, fd, events);
    }
    conn->ready = 0;
    conn->waiter = task_self();
    while ((conn->ready & wanted) == 0) {
        const int64_t left_ms = time_left_ms(conn, library_end_us);

        if (left_ms == INT64_MAX) {
            task_park_firmly();
        } else if (left_ms <= 0 || !task_park_firmly_for((uint64_t)left_ms)) {
            if (time_left_ms(conn, library_end_us) <= 0) {
                break;
            }
        }
    }
    conn->waiter = NULL;
    if (conn->connecting && conn->poll != NULL) {
        /* The library may now close this socket and open the next under the same number. */
        (void)uv_poll_stop(&conn->poll->uv);
        conn->poll->events = 0;
    }
    if ((conn->ready & wanted) != 0) {
        return conn->ready & wanted;
    }
    if (library_end_us != 0 && clock_monotonic_us() >= library_end_us) {
        return MYSQL_WAIT_TIMEOUT;
    }
    conn->timed_out = true;
    conn->deadline_us = 0; /* what follows ends at once */
    conn_give_up(conn);
    return wanted & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE | MYSQL_WAIT_EXCEPT);
}

void conn_give_up(struct conn *conn)
{
    const int fd = mysql_get_socket(&conn->mysql);

    conn->dead = true;
    if (fd >= 0) {
        (void)shutdown(fd, SHUT_RDWR);
    }
}

/* After a call: back to watching for the server's farewell, or not at all once the library has closed. */
void conn_settle(struct conn *conn)
{
    const int fd = mysql_get_socket(&conn->mysql);

    if (conn->dead || fd < 0 || conn->mysql.net.pvio == NULL) {
        conn->dead = true;
        close_poll(conn);
    } else {
        watch(conn, fd, UV_READABLE);
    }
}

static void set_option(MYSQL *mysql, enum mysql_option option, const void *value)
{
    must(mysql_options(mysql, option, value) == 0);
}

static void set_options(MYSQL *mysql, const struct db_address *address)
{
    const unsigned connect_s = CONNECT_TIMEOUT_S, off = 0;
    const my_bool yes = 1;
    const unsigned protocol = address->socket.n > 0 ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;

    set_option(mysql, MYSQL_OPT_NONBLOCK, NULL);
    set_option(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    set_option(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    set_option(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
    set_option(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    /* No plug-in that a server names is loaded and shown the password. */
    set_option(mysql, MARIADB_OPT_RESTRICTED_AUTH, "mysql_native_password");
    if (address->socket.n == 0) {
        /* "Enforce" alone still connects in clear text to a server without TLS; verifying does not. */
        set_option(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
        set_option(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
        set_option(mysql, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
        if (address->ca_file.n > 0) {
            set_option(mysql, MYSQL_OPT_SSL_CA, arena_cstr(task_arena(), address->ca_file));
        }
    }
}

/* One statement, so one trip: everything that makes connections alike. */
static task_fn int set_up_session(struct conn *conn, struct err *err)
{
    char sql[512];

    (void)snprintf(sql, sizeof sql,
        "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin, SESSION time_zone='+00:00', SESSION autocommit=1,"
        " SESSION sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
        "NO_ENGINE_SUBSTITUTION', SESSION tx_isolation='READ-COMMITTED',"
        " SESSION session_track_system_variables='last_gtid', SESSION max_statement_time=%llu.%03llu",
        (unsigned long long)conn->statement_ms / 1000, (unsigned long long)conn->statement_ms % 1000);
    conn->autocommit = true;
    return conn_control(conn, sql, err);
}

/* mysql_real_connect copies what it keeps, but only when it returns: the texts live in the task's arena. */
static task_fn int connect_now(struct conn *conn, const struct db_address *address, struct err *err)
{
    struct arena *arena = task_arena();
    const char *host = address->socket.n > 0 ? NULL : arena_cstr(arena, address->host);
    const char *socket = address->socket.n > 0 ? arena_cstr(arena, address->socket) : NULL;
    const char *user = arena_cstr(arena, address->user);
    const char *password = arena_cstr(arena, address->password);
    const char *database = address->database.n > 0 ? arena_cstr(arena, address->database) : NULL;
    MYSQL *connected = NULL;

    conn->connected_us = clock_monotonic_us();
    conn->connecting = true;
    CONN_AWAIT(conn,
        mysql_real_connect_start(&connected, &conn->mysql, host, user, password, database,
            (unsigned)address->port, socket, CLIENT_FOUND_ROWS),
        mysql_real_connect_cont(&connected, &conn->mysql, ready_));
    conn->connecting = false;
    if (connected == NULL) {
        close_poll(conn);
        return conn_error(conn, mysql_errno(&conn->mysql), mysql_error(&conn->mysql), "connect", err);
    }
    conn->thread_id = mysql_thread_id(&conn->mysql);
    conn_settle(conn);
    return set_up_session(conn, err);
}

int conn_open(
    const struct db_address *address, const struct db_limits *limits, struct conn **ret_conn, struct err *err)
{
    struct conn *conn = must_alloc(sizeof *conn);
    int status;

    list_init(&conn->link);
    list_init(&conn->lru);
    conn->by_text = map_new();
    conn->statement_ms = limits->statement_ms != 0 ? limits->statement_ms : STATEMENT_MS_DEFAULT;
    conn->max_cached = limits->statements_cached != 0 ? limits->statements_cached : CACHED_DEFAULT;
    conn->max_result_bytes = limits->max_result_bytes != 0 ? limits->max_result_bytes : RESULT_BYTES_DEFAULT;
    must(mysql_init(&conn->mysql) != NULL);
    conn->opened = true;
    set_options(&conn->mysql, address);
    status = connect_now(conn, address, err);
    if (status != 0) {
        conn_close(conn);
        return status;
    }
    *ret_conn = conn;
    return 0;
}

void conn_close(struct conn *conn)
{
    must(conn->waiter == NULL);
    close_poll(conn);
    if (conn->opened) {
        mysql_close(&conn->mysql); /* sends a farewell that nobody answers: does not wait */
    }
    conn_free_statements(conn);
    list_remove(&conn->link);
    free(conn->binds);
    free(conn->columns);
    free(conn->cells);
    free(conn);
}

int conn_control(struct conn *conn, const char *sql, struct err *err)
{
    int failed = 0;

    if (conn->dead) {
        return err_set(err, ERR_DB_LOST, "db connection lost before %.60s", sql);
    }
    CONN_AWAIT(conn, mysql_real_query_start(&failed, &conn->mysql, sql, strlen(sql)),
        mysql_real_query_cont(&failed, &conn->mysql, ready_));
    if (failed != 0) {
        const int status = conn_error(conn, mysql_errno(&conn->mysql), mysql_error(&conn->mysql), sql, err);

        conn_settle(conn);
        return status;
    }
    if (mysql_field_count(&conn->mysql) != 0) {
        conn_give_up(conn);
        conn_settle(conn);
        return err_set(err, ERR_INTERNAL, "db rows came back from %.60s", sql);
    }
    conn_settle(conn);
    return 0;
}

bool conn_in_transaction(const struct conn *conn)
{
    return !conn->dead && (conn->mysql.server_status & SERVER_STATUS_IN_TRANS) != 0;
}

bool conn_last_gtid(struct conn *conn, struct str *ret_gtid)
{
    const char *data;
    size_t n;
    bool is_value = false, wanted = false;

    /* Name and value come in turn. */
    for (int more = mysql_session_track_get_first(&conn->mysql, SESSION_TRACK_SYSTEM_VARIABLES, &data, &n);
         more == 0;
         more = mysql_session_track_get_next(&conn->mysql, SESSION_TRACK_SYSTEM_VARIABLES, &data, &n)) {
        const struct str item = {data, n};

        if (!is_value) {
            wanted = str_eq(item, STR("last_gtid"));
        } else if (wanted) {
            *ret_gtid = item;
            return item.n > 0;
        }
        is_value = !is_value;
    }
    return false;
}
