/*
 * Prepared statements of one connection: a cache by text, the least recently used going first, and running
 * one with bound values. Rows are read from the socket one by one straight into the task's arena, so a result
 * is never in memory twice and a too large one is noticed while it comes.
 */
#include "base/must.h"
#include "db/conn.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#define CACHED_TEXT_MAX 16384 /* longer ones (bulk inserts) are rarely the same twice */
#define SCRATCH_CELLS_KEPT 65536

struct cached_stmt {
    struct list link; /* conn->lru */
    struct str text;  /* in the same block */
    MYSQL_STMT *stmt;
    bool cached;
};

/* Where a fetch puts one column of one row. */
struct column {
    enum db_kind kind;
    bool is_unsigned, is_bit;
    int64_t number;
    double real;
    unsigned long length;
    my_bool is_null, error;
};

/* An error that arrives between rows stands at the connection, not at the statement. */
static int statement_error(struct conn *conn, MYSQL_STMT *stmt, const char *sql, struct err *err)
{
    if (mysql_stmt_errno(stmt) != 0) {
        return conn_error(conn, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), sql, err);
    }
    return conn_error(conn, mysql_errno(&conn->mysql), mysql_error(&conn->mysql), sql, err);
}

/* ---- the cache ---- */

static void forget(struct conn *conn, struct cached_stmt *cached)
{
    list_remove(&cached->link);
    if (cached->cached) {
        (void)map_remove(conn->by_text, cached->text);
        conn->n_cached--;
    }
    free(cached);
}

/* Tells the server too; it does not answer that, so nothing is waited for unless the socket is full. */
static task_fn void drop_statement(struct conn *conn, struct cached_stmt *cached)
{
    my_bool failed = 0;

    CONN_AWAIT(conn, mysql_stmt_close_start(&failed, cached->stmt),
        mysql_stmt_close_cont(&failed, cached->stmt, ready_));
    forget(conn, cached);
}

void conn_free_statements(struct conn *conn)
{
    list_for_each_safe (it, &conn->lru) {
        struct cached_stmt *cached = list_entry(it, struct cached_stmt, link);

        (void)mysql_stmt_close(cached->stmt); /* the connection is closed: frees only */
        forget(conn, cached);
    }
    map_free(conn->by_text, NULL);
    conn->by_text = NULL;
}

static task_fn void make_room(struct conn *conn, unsigned keep)
{
    while (conn->n_cached > keep && !list_is_empty(&conn->lru)) {
        drop_statement(conn, list_entry(conn->lru.next, struct cached_stmt, link));
    }
}

static task_fn int prepare(
    struct conn *conn, struct str text, struct cached_stmt **ret_cached, struct err *err)
{
    struct cached_stmt *cached = must_alloc(sizeof *cached + text.n + 1);
    char *copy = (char *)(cached + 1);
    int failed = 0;

    memcpy(copy, text.p, text.n);
    cached->text = (struct str){copy, text.n};
    cached->stmt = mysql_stmt_init(&conn->mysql);
    must(cached->stmt != NULL);
    list_append(&conn->lru, &cached->link);
    CONN_AWAIT(conn, mysql_stmt_prepare_start(&failed, cached->stmt, copy, text.n),
        mysql_stmt_prepare_cont(&failed, cached->stmt, ready_));
    conn->n_prepared++;
    conn->refused_for_count =
        failed != 0 && mysql_stmt_errno(cached->stmt) == ER_MAX_PREPARED_STMT_COUNT_REACHED;
    if (failed != 0) {
        const int status = statement_error(conn, cached->stmt, copy, err);

        drop_statement(conn, cached);
        return status;
    }
    if (text.n <= CACHED_TEXT_MAX) {
        cached->cached = true;
        conn->n_cached++;
        (void)map_put(conn->by_text, cached->text, cached);
    }
    *ret_cached = cached;
    return 0;
}

static task_fn int find_or_prepare(
    struct conn *conn, const char *sql, struct cached_stmt **ret_cached, struct err *err)
{
    const struct str text = str_of(sql);
    struct cached_stmt *cached = map_get(conn->by_text, text);
    struct err first = {0};
    int status;

    if (cached != NULL) {
        list_remove(&cached->link);
        list_append(&conn->lru, &cached->link);
        *ret_cached = cached;
        return 0;
    }
    make_room(conn, conn->max_cached - 1);
    status = prepare(conn, text, ret_cached, &first);
    if (status != 0 && conn->refused_for_count && conn->n_cached > 0) {
        make_room(conn, conn->n_cached / 2); /* the server has its limit for all connections together */
        return prepare(conn, text, ret_cached, err);
    }
    return status == 0 ? 0 : conn_pass_error(err, &first);
}

/* ---- values in ---- */

static void bind_value(MYSQL_BIND *bind, const struct db_val *value)
{
    union {
        const void *in;
        void *out;
    } unconst; /* the library only reads what a parameter's buffer points at */

    *bind = (MYSQL_BIND){0};
    switch (value->kind) {
    case DB_NULL:
        bind->buffer_type = MYSQL_TYPE_NULL;
        return;
    case DB_INT:
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        unconst.in = &value->i;
        break;
    case DB_REAL:
        bind->buffer_type = MYSQL_TYPE_DOUBLE;
        unconst.in = &value->real;
        break;
    case DB_TEXT:
    case DB_BYTES:
        bind->buffer_type = value->kind == DB_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
        unconst.in = value->s.n > 0 ? value->s.p : "";
        bind->length_value = bind->buffer_length = value->s.n;
        break;
    default:
        never("kind of a value");
    }
    bind->buffer = unconst.out;
}

static void bind_params(struct conn *conn, MYSQL_STMT *stmt, const struct db_val *params, size_t n)
{
    must(mysql_stmt_param_count(stmt) == n); /* a statement's text and its values are both ours */
    if (n == 0) {
        return;
    }
    if (n > conn->n_binds) {
        conn->binds = must_realloc(conn->binds, n * sizeof *conn->binds);
        conn->n_binds = n;
    }
    for (size_t i = 0; i < n; i++) {
        bind_value(&conn->binds[i], &params[i]);
    }
    must(mysql_stmt_bind_param(stmt, conn->binds) == 0);
}

/* ---- rows out ---- */

#define CHARSET_BINARY 63

static void bind_column(MYSQL_BIND *bind, struct column *column, const MYSQL_FIELD *field)
{
    *bind = (MYSQL_BIND){.length = &column->length, .is_null = &column->is_null, .error = &column->error};
    *column = (struct column){.is_unsigned = (field->flags & UNSIGNED_FLAG) != 0};
    switch ((int)field->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
        column->kind = DB_INT;
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = &column->number;
        bind->is_unsigned = column->is_unsigned;
        return;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
        column->kind = DB_REAL;
        bind->buffer_type = MYSQL_TYPE_DOUBLE;
        bind->buffer = &column->real;
        return;
    case MYSQL_TYPE_BIT:
        column->is_bit = true;
        column->kind = DB_BYTES;
        break;
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_GEOMETRY:
        column->kind = field->charsetnr == CHARSET_BINARY ? DB_BYTES : DB_TEXT;
        break;
    default: /* decimals and times, in SQL's form */
        column->kind = DB_TEXT;
        break;
    }
    /* No buffer yet: the fetch tells the length, then the bytes are read to where they belong. */
    bind->buffer_type = column->kind == DB_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
}

static void bind_columns(struct conn *conn, MYSQL_STMT *stmt, struct db_rows *rows)
{
    MYSQL_RES *meta = mysql_stmt_result_metadata(stmt);
    const MYSQL_FIELD *fields;

    must(meta != NULL);
    fields = mysql_fetch_fields(meta);
    rows->n_cols = mysql_num_fields(meta);
    if (rows->n_cols > conn->n_binds) {
        conn->binds = must_realloc(conn->binds, rows->n_cols * sizeof *conn->binds);
        conn->n_binds = rows->n_cols;
    }
    if (rows->n_cols > conn->n_columns) {
        conn->columns = must_realloc(conn->columns, rows->n_cols * sizeof *conn->columns);
        conn->n_columns = rows->n_cols;
    }
    rows->names = arena_new_array(task_arena(), struct str, rows->n_cols);
    for (size_t i = 0; i < rows->n_cols; i++) {
        rows->names[i] = arena_copy(task_arena(), (struct str){fields[i].name, fields[i].name_length});
        bind_column(&conn->binds[i], &conn->columns[i], &fields[i]);
    }
    mysql_free_result(meta);
    must(mysql_stmt_bind_result(stmt, conn->binds) == 0);
}

static struct str print_unsigned(uint64_t value)
{
    return arena_printf(task_arena(), "%llu", (unsigned long long)value);
}

static struct db_val unsigned_value(uint64_t value)
{
    return value <= INT64_MAX ? DB_I(value) : DB_S(print_unsigned(value));
}

/* The bytes of one column of the row just fetched, to `bytes`, which has room for them and a NUL. */
static void read_bytes(MYSQL_STMT *stmt, unsigned index, struct column *column, char *bytes)
{
    my_bool is_null = 0, error = 0;
    unsigned long length = 0;
    MYSQL_BIND bind = {.buffer_type = column->kind == DB_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB,
        .buffer = bytes,
        .buffer_length = column->length,
        .length = &length,
        .is_null = &is_null,
        .error = &error};

    must(mysql_stmt_fetch_column(stmt, &bind, index, 0) == 0 && length == column->length);
    bytes[length] = '\0';
}

static struct db_val bit_value(const char *bytes, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++) {
        value = value << 8 | (unsigned char)bytes[i];
    }
    return unsigned_value(value);
}

/* Copies the row just fetched; returns the bytes it takes. */
static size_t keep_row(struct conn *conn, MYSQL_STMT *stmt, size_t n_cols, struct db_val *cells)
{
    size_t n_bytes = 0;
    char *bytes;

    for (size_t i = 0; i < n_cols; i++) {
        const struct column *column = &conn->columns[i];

        if (!column->is_null && (column->kind == DB_TEXT || column->kind == DB_BYTES)) {
            n_bytes += column->length + 1;
        }
    }
    bytes = n_bytes > 0 ? arena_alloc(task_arena(), n_bytes) : NULL; /* one piece for the whole row */
    for (size_t i = 0; i < n_cols; i++) {
        struct column *column = &conn->columns[i];

        if (column->is_null) {
            cells[i] = DB_N;
        } else if (column->kind == DB_INT) {
            cells[i] = column->is_unsigned ? unsigned_value((uint64_t)column->number) : DB_I(column->number);
        } else if (column->kind == DB_REAL) {
            cells[i] = (struct db_val){.kind = DB_REAL, .real = column->real};
        } else {
            read_bytes(stmt, (unsigned)i, column, bytes);
            cells[i] = (struct db_val){.kind = column->kind, .s = {bytes, column->length}};
            if (column->is_bit) {
                cells[i] = bit_value(bytes, column->length);
            }
            bytes += column->length + 1;
        }
    }
    return n_bytes + n_cols * sizeof *cells;
}

static struct db_val *room_for_row(struct conn *conn, const struct db_rows *rows)
{
    const size_t needed = (rows->n_rows + 1) * rows->n_cols;

    if (needed > conn->n_cells) {
        conn->n_cells = needed * 2;
        conn->cells = must_realloc(conn->cells, conn->n_cells * sizeof *conn->cells);
    }
    return conn->cells + rows->n_rows * rows->n_cols;
}

static task_fn int fetch_rows(
    struct conn *conn, MYSQL_STMT *stmt, const char *sql, struct db_rows *rows, struct err *err)
{
    size_t n_bytes = 0;
    int status = 0;

    bind_columns(conn, stmt, rows);
    for (;;) {
        CONN_AWAIT(conn, mysql_stmt_fetch_start(&status, stmt), mysql_stmt_fetch_cont(&status, stmt, ready_));
        if (status == MYSQL_NO_DATA) {
            break;
        }
        if (status != 0 && status != MYSQL_DATA_TRUNCATED) { /* truncated: the columns without a buffer */
            return statement_error(conn, stmt, sql, err);
        }
        n_bytes += keep_row(conn, stmt, rows->n_cols, room_for_row(conn, rows));
        rows->n_rows++;
        if (n_bytes > conn->max_result_bytes) {
            conn_give_up(conn); /* cheaper than reading the rest only to throw it away */
            return err_set(err, ERR_TOO_LARGE, "result past %zu bytes in %.60s", conn->max_result_bytes, sql);
        }
    }
    if (rows->n_rows > 0) {
        rows->cells = arena_new_array(task_arena(), struct db_val, rows->n_rows * rows->n_cols);
        memcpy(rows->cells, conn->cells, rows->n_rows * rows->n_cols * sizeof *rows->cells);
    }
    if (conn->n_cells > SCRATCH_CELLS_KEPT) {
        free(conn->cells);
        conn->cells = NULL;
        conn->n_cells = 0;
    }
    return 0;
}

/* ---- running ---- */

static task_fn int execute(struct conn *conn, MYSQL_STMT *stmt, const char *sql, const struct db_val *params,
    size_t n_params, struct db_rows *rows, struct err *err)
{
    int failed = 0, status = 0;
    my_bool ignored = 0;

    bind_params(conn, stmt, params, n_params);
    CONN_AWAIT(conn, mysql_stmt_execute_start(&failed, stmt), mysql_stmt_execute_cont(&failed, stmt, ready_));
    conn->n_executed++;
    if (failed != 0) {
        return statement_error(conn, stmt, sql, err);
    }
    if (mysql_stmt_field_count(stmt) > 0) {
        status = fetch_rows(conn, stmt, sql, rows, err);
        if (!conn->dead) {
            CONN_AWAIT(conn, mysql_stmt_free_result_start(&ignored, stmt),
                mysql_stmt_free_result_cont(&ignored, stmt, ready_));
        }
    } else {
        rows->affected = (int64_t)mysql_stmt_affected_rows(stmt);
    }
    must(status != 0 || !mysql_stmt_more_results(stmt)); /* no statement of ours has several results */
    return status;
}

/* The table behind a cached SELECT has changed its columns: the library refuses the rows that come. */
static bool has_new_columns(struct conn *conn, const struct cached_stmt *cached)
{
    return !conn->dead && mysql_stmt_errno(cached->stmt) == CR_NEW_STMT_METADATA &&
           str_starts(cached->text, STR("SELECT"));
}

int conn_run(struct conn *conn, const char *sql, const struct db_val *params, size_t n_params,
    struct db_rows *ret_rows, struct err *err)
{
    struct cached_stmt *cached = NULL;
    struct err cause = {0};
    struct db_rows rows = {0};
    int status;

    if (conn->dead) {
        return err_set(err, ERR_DB_LOST, "db connection lost before %.60s", sql);
    }
    status = find_or_prepare(conn, sql, &cached, &cause);
    if (status == 0) {
        status = execute(conn, cached->stmt, sql, params, n_params, &rows, &cause);
        if (status != 0 && has_new_columns(conn, cached)) {
            drop_statement(conn, cached); /* reads away what is still coming */
            cached = NULL;
            err_clear(&cause);
            rows = (struct db_rows){0};
            status = find_or_prepare(conn, sql, &cached, &cause);
            if (status == 0) {
                status = execute(conn, cached->stmt, sql, params, n_params, &rows, &cause);
            }
        }
        if (cached != NULL && !cached->cached) {
            drop_statement(conn, cached);
        }
    }
    conn_settle(conn);
    if (status == 0 && ret_rows != NULL) {
        *ret_rows = rows;
    }
    return status == 0 ? 0 : conn_pass_error(err, &cause);
}
