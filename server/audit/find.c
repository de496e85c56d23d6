/*
 * Reading the log. All reads go backwards by id, which is the time of the event to the millisecond, and page
 * by the last id seen.
 *
 * Who saw one record is answered from two places: the events of that record itself (an index), and the lists
 * that showed it, whose ids stand in one blob each. For those the database compares bytes (LOCATE) in windows
 * of ids, so that one statement never walks more than WINDOW_ROWS events; a hit that does not lie on an id's
 * boundary is dropped here. The walk goes no deeper than the answer needs.
 */
#include "audit/audit_int.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/must.h"

#include <stdlib.h>

#define WINDOW_ROWS 20000
#define TIME_MAX_US 253402300799999999 /* the last microsecond of the year 9999 */
#define COLUMNS AUDIT_SELECT
enum column {
    ID,
    AT,
    ACTOR,
    LOGIN,
    ACTION,
    FORM,
    RECORD,
    REV,
    SESSION,
    ADDRESS,
    REQUEST,
    DETAIL,
    CHANGES,
    RECORDS
};

static const char SQL_SPAN[] =
    "SELECT MIN(id),MAX(id) FROM tidemark_log.event FORCE INDEX (ix_at) WHERE at>=? AND at<?";
static const char SQL_WINDOW[] =
    "SELECT MIN(id) FROM (SELECT id FROM tidemark_log.event FORCE INDEX (PRIMARY) "
    "WHERE id<? ORDER BY id DESC LIMIT " /* WINDOW_ROWS */ "20000) AS w";
static const char SQL_OF_RECORD[] = COLUMNS
    "WHERE record=? AND id<? AND form=? AND action IN ('create','update','delete','restore','derive') "
    "ORDER BY id DESC LIMIT ?";

/* ---- rows ---------------------------------------------------------------------------------------------- */

static struct str text_of(const struct db_val *cell)
{
    return cell->kind == DB_TEXT || cell->kind == DB_BYTES ? cell->s : STR_NULL;
}

static int64_t int_of(const struct db_val *cell)
{
    return cell->kind == DB_INT ? cell->i : 0;
}

static int read_row(const struct db_rows *rows, size_t i, struct audit_row *ret_row, struct err *err)
{
    const struct db_val *cells = db_cell(rows, i, 0);
    struct audit_row row = {
        .id = int_of(&cells[ID]),
        .actor_id = int_of(&cells[ACTOR]),
        .record = int_of(&cells[RECORD]),
        .rev = int_of(&cells[REV]),
        .session = int_of(&cells[SESSION]),
        .login = text_of(&cells[LOGIN]),
        .action = text_of(&cells[ACTION]),
        .form = text_of(&cells[FORM]),
        .address = text_of(&cells[ADDRESS]),
        .request = text_of(&cells[REQUEST]),
        .detail = text_of(&cells[DETAIL]),
        .changes = text_of(&cells[CHANGES]),
    };
    struct str records = text_of(&cells[RECORDS]);
    if (!clock_parse_sql(text_of(&cells[AT]), &row.at_us) || records.n % AUDIT_ID_BYTES)
        return err_set(err, ERR_INTERNAL, "audit event %lld cannot be understood", (long long)row.id);
    row.n_records = records.n / AUDIT_ID_BYTES;
    row.records = row.n_records ? arena_new_array(task_arena(), int64_t, row.n_records) : NULL;
    for (size_t k = 0; k < row.n_records; k++)
        row.records[k] = audit_get_id((const unsigned char *)records.p + k * AUDIT_ID_BYTES);
    *ret_row = row;
    return 0;
}

int audit_read_rows(const struct db_rows *rows, struct audit_row **ret_rows, struct err *err)
{
    struct audit_row *read = arena_new_array(task_arena(), struct audit_row, rows->n_rows + 1);
    for (size_t i = 0; i < rows->n_rows; i++) {
        int r = read_row(rows, i, &read[i], err);
        if (r < 0)
            return r;
    }
    *ret_rows = read;
    return 0;
}

/* ---- conditions: texts are literals, put together by what the filter has; every value is bound --------- */

#define PARAMS_MAX 12

struct query {
    struct buf sql;
    struct db_val params[PARAMS_MAX];
    size_t n_params;
};

static void add_param(struct query *query, struct db_val value)
{
    must(query->n_params < PARAMS_MAX);
    query->params[query->n_params++] = value;
}

static void add_condition(struct query *query, const char *condition, struct db_val value)
{
    buf_add_text(&query->sql, query->n_params ? "AND " : "WHERE ");
    buf_add_text(&query->sql, condition);
    buf_add_char(&query->sql, ' ');
    add_param(query, value);
}

static struct db_val bind_time(int64_t utc_us)
{
    char *text = arena_alloc(task_arena(), CLOCK_TEXT_MAX);
    int64_t bounded = utc_us < 0 ? 0 : utc_us > TIME_MAX_US ? TIME_MAX_US : utc_us;
    size_t n = clock_print_sql(bounded, text);
    return DB_S(((struct str){text, n}));
}

static void query_begin(struct query *query, int64_t before_id)
{
    *query = (struct query){0};
    buf_init(&query->sql, 4096);
    buf_add_text(&query->sql, COLUMNS);
    add_condition(query, "id<?", DB_I(before_id));
}

static void add_filter(struct query *query, const struct audit_filter *filter)
{
    if (filter->login.n)
        add_condition(query, "login=?", DB_S(filter->login));
    if (filter->form.n)
        add_condition(query, "form=?", DB_S(filter->form));
    if (filter->from_us)
        add_condition(query, "at>=?", bind_time(filter->from_us));
    if (filter->to_us)
        add_condition(query, "at<?", bind_time(filter->to_us));
}

static task_fn int query_run(
    struct query *query, struct db *app, size_t limit, struct db_rows *ret_rows, struct err *err)
{
    buf_add_text(&query->sql, "ORDER BY id DESC LIMIT ?");
    add_param(query, DB_I(limit));
    must(!query->sql.overflow);
    struct str sql = arena_copy(task_arena(), buf_str(&query->sql));
    buf_done(&query->sql);
    return db_query(app, sql.p, query->params, query->n_params, ret_rows, err);
}

/* ---- events of the filter, lists apart ----------------------------------------------------------------- */

static task_fn int find_events(struct db *app, const struct audit_filter *filter, int64_t before_id,
    size_t limit, struct audit_row **ret_rows, size_t *ret_n, struct err *err)
{
    struct query query;
    struct db_rows rows;
    query_begin(&query, before_id);
    add_filter(&query, filter);
    if (filter->record)
        add_condition(&query, "record=?", DB_I(filter->record));
    if (filter->has_action)
        add_condition(&query, "action=?", DB_S(str_of(audit_action_name(filter->action))));
    int r = query_run(&query, app, limit, &rows, err);
    if (r == 0)
        r = audit_read_rows(&rows, ret_rows, err);
    if (r == 0)
        *ret_n = rows.n_rows;
    return r;
}

/* ---- lists that showed a record ------------------------------------------------------------------------ */

struct walk {
    struct db *app;
    const struct audit_filter *filter;
    struct str needle;      /* the id's bytes */
    int64_t before, floor;  /* ids still to look at: floor <= id < before */
    struct audit_row *rows; /* room for `limit` */
    size_t n, limit;
};

static bool shows(const struct audit_row *row, int64_t record)
{
    for (size_t i = 0; i < row->n_records; i++) {
        if (row->records[i] == record)
            return true;
    }
    return false;
}

/* The hits among the ids from low up to (not including) walk->before. */
static task_fn int walk_window(struct walk *walk, int64_t low, struct err *err)
{
    size_t page = walk->limit + 1;
    while (walk->before > low && walk->n < walk->limit) {
        struct query query;
        struct db_rows rows;
        struct audit_row *read;
        query_begin(&query, walk->before);
        add_condition(&query, "id>=?", DB_I(low));
        add_condition(&query, "action=?", DB_S(str_of(audit_action_name(AUDIT_LIST))));
        add_condition(&query, "LOCATE(?,records)>0", DB_B(walk->needle));
        add_filter(&query, walk->filter);
        int r = query_run(&query, walk->app, page, &rows, err);
        if (r == 0)
            r = audit_read_rows(&rows, &read, err);
        if (r < 0)
            return r;
        for (size_t i = 0; i < rows.n_rows && walk->n < walk->limit; i++) {
            /* One that names the record in its own column was found by the index. */
            if (read[i].record != walk->filter->record && shows(&read[i], walk->filter->record))
                walk->rows[walk->n++] = read[i];
        }
        walk->before = rows.n_rows < page ? low : read[rows.n_rows - 1].id;
    }
    return 0;
}

/* Where the time span begins and ends among the ids: an event's time and its id may differ a little. */
static task_fn int narrow_to_span(struct walk *walk, struct err *err)
{
    const struct audit_filter *filter = walk->filter;
    struct db_rows rows;
    if (!filter->from_us && !filter->to_us)
        return 0;
    int r = db_query(walk->app, SQL_SPAN,
        DB_PARAMS(bind_time(filter->from_us), bind_time(filter->to_us ? filter->to_us : TIME_MAX_US)), &rows,
        err);
    if (r < 0)
        return r;
    const struct db_val *cells = db_cell(&rows, 0, 0);
    if (cells[0].kind != DB_INT || cells[1].kind != DB_INT) {
        walk->floor = walk->before; /* nothing happened then */
        return 0;
    }
    if (cells[0].i > walk->floor)
        walk->floor = cells[0].i;
    if (cells[1].i < walk->before)
        walk->before = cells[1].i + 1;
    return 0;
}

static task_fn int walk_lists(struct walk *walk, struct err *err)
{
    int r = narrow_to_span(walk, err);
    while (r == 0 && walk->before > walk->floor && walk->n < walk->limit) {
        struct db_rows rows;
        r = db_query(walk->app, SQL_WINDOW, DB_PARAMS(DB_I(walk->before)), &rows, err);
        if (r < 0)
            break;
        const struct db_val *lowest = db_cell(&rows, 0, 0);
        if (lowest->kind != DB_INT)
            break; /* the beginning of the log */
        r = walk_window(walk, lowest->i > walk->floor ? lowest->i : walk->floor, err);
    }
    return r;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const struct audit_row *)a)->id, y = ((const struct audit_row *)b)->id;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Adds the lists to the events of the record: rows has room for both, *n grows. */
static task_fn int add_lists(struct db *app, const struct audit_filter *filter, int64_t before_id,
    size_t limit, struct audit_row **rows, size_t *n, struct err *err)
{
    unsigned char id[AUDIT_ID_BYTES];
    audit_put_id(filter->record, id);
    struct walk walk = {
        .app = app,
        .filter = filter,
        .needle = {(const char *)id, sizeof id},
        .before = before_id,
        .floor = *n == limit ? (*rows)[*n - 1].id : 0, /* older ones would not be shown */
        .rows = arena_new_array(task_arena(), struct audit_row, limit),
        .limit = limit,
    };
    int r = walk_lists(&walk, err);
    if (r < 0)
        return r;
    struct audit_row *all = arena_new_array(task_arena(), struct audit_row, *n + walk.n + 1);
    for (size_t i = 0; i < *n + walk.n; i++)
        all[i] = i < *n ? (*rows)[i] : walk.rows[i - *n];
    *n += walk.n;
    qsort(all, *n, sizeof *all, newest_first);
    *rows = all;
    return 0;
}

/* ---- the calls ----------------------------------------------------------------------------------------- */

/* A text that its column cannot hold is in no event; asking would only bring an error of the database. */
static bool can_match(const struct audit_filter *filter)
{
    for (size_t i = 0; i < filter->form.n; i++) {
        if (filter->form.p[i] < 0x21 || filter->form.p[i] > 0x7e)
            return false;
    }
    return filter->form.n <= AUDIT_FORM_CHARS && filter->login.n <= AUDIT_LOGIN_CHARS * 4 &&
           str_is_utf8(filter->login);
}

task_fn int audit_find(struct db *app, const struct audit_filter *filter, struct audit_row **ret_rows,
    size_t *ret_n, bool *ret_more, struct err *err)
{
    struct audit_row *rows = NULL;
    size_t n = 0, limit = filter->limit < 1 ? 1 : filter->limit;
    int64_t before_id = filter->before_id > 0 ? filter->before_id : INT64_MAX;
    if (limit > AUDIT_FIND_MAX)
        limit = AUDIT_FIND_MAX;
    if (can_match(filter)) {
        int r = find_events(app, filter, before_id, limit + 1, &rows, &n, err);
        if (r == 0 && filter->record && (!filter->has_action || filter->action == AUDIT_LIST))
            r = add_lists(app, filter, before_id, limit + 1, &rows, &n, err);
        if (r < 0)
            return r;
    }
    *ret_rows = rows;
    *ret_n = n < limit ? n : limit;
    *ret_more = n > limit;
    return 0;
}

task_fn int audit_of_record(struct db *app, struct str form, int64_t record, int64_t before_id, size_t limit,
    struct audit_row **ret_rows, size_t *ret_n, struct err *err)
{
    struct db_rows rows;
    size_t bounded = limit < 1 ? 1 : limit > AUDIT_FIND_MAX ? AUDIT_FIND_MAX : limit;
    int64_t before = before_id ? before_id : INT64_MAX;
    int r = db_query(
        app, SQL_OF_RECORD, DB_PARAMS(DB_I(record), DB_I(before), DB_S(form), DB_I(bounded)), &rows, err);
    if (r == 0)
        r = audit_read_rows(&rows, ret_rows, err);
    if (r == 0)
        *ret_n = rows.n_rows;
    return r;
}

/* Texts for 1, 2, 4 … records, so that few are prepared: the last one stands for those that are missing. */
static size_t padded(size_t n)
{
    size_t width = 1;
    while (width < n)
        width *= 2;
    return width;
}

task_fn int audit_of_records(struct db *app, const int64_t *records, size_t n_records, int64_t actor_id,
    int64_t before_id, size_t limit, struct audit_row **ret_rows, size_t *ret_n, struct err *err)
{
    struct buf sql;
    struct db_rows rows;
    size_t bounded = limit < 1 ? 1 : limit > AUDIT_FIND_MAX ? AUDIT_FIND_MAX : limit, n = 0;
    must(n_records > 0 && n_records <= AUDIT_RECORDS_MAX);
    const size_t width = padded(n_records);
    struct db_val *params = arena_new_array(task_arena(), struct db_val, width + 3);
    buf_init(&sql, 0);
    buf_add_text(&sql, COLUMNS "FORCE INDEX (ix_record) WHERE record IN (");
    for (; n < width; n++) {
        buf_add_text(&sql, n ? ",?" : "?");
        params[n] = DB_I(records[n < n_records ? n : n_records - 1]);
    }
    buf_add_text(&sql, ") AND id<? AND action IN ('create','update','delete','restore','derive') ");
    params[n++] = DB_I(before_id ? before_id : INT64_MAX);
    if (actor_id) {
        buf_add_text(&sql, "AND actor_id=? ");
        params[n++] = DB_I(actor_id);
    }
    buf_add_text(&sql, "ORDER BY id DESC LIMIT ?");
    params[n++] = DB_I(bounded);
    const char *text = arena_cstr(task_arena(), buf_str(&sql));
    buf_done(&sql);
    int r = db_query(app, text, params, n, &rows, err);
    if (r == 0)
        r = audit_read_rows(&rows, ret_rows, err);
    if (r == 0)
        *ret_n = rows.n_rows;
    return r;
}
