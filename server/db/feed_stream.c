/*
 * Events in, transactions out. A group begins with its GTID event and ends with XID or COMMIT, or, where the
 * GTID says that it stands alone (DDL), with its one statement; feed_group.c keeps it meanwhile.
 *
 * After a lost connection the server begins again behind the last whole transaction. The parts of the one
 * that broke are read once more and skipped: the binlog's bytes are the same.
 */
#include "db/feed_stream.h"

#include "base/must.h"

#include <mysql.h>
#include <stdlib.h>

#include <mariadb_rpl.h> /* needs mysql.h before it */

/* Stands for tables of schemas that are not ours. */
static struct feed_map foreign;

void feed_stream_init(struct feed_stream *stream, const char *const *schemas,
    const struct feed_lookup *lookup, const struct feed_sink *sink, size_t part_bytes)
{
    *stream = (struct feed_stream){
        .schemas = schemas, .lookup = lookup, .sink = *sink, .part_bytes = part_bytes, .fresh = true};
    stream->maps = map_new();
    stream->spare = arena_new();
    stream->group.names = arena_new();
}

static void drop_map(void *value)
{
    if (value != &foreign) {
        feed_map_unref(value);
    }
}

void feed_stream_drop_maps(struct feed_stream *stream)
{
    map_free(stream->maps, drop_map);
    stream->maps = map_new();
}

void feed_stream_done(struct feed_stream *stream)
{
    feed_group_close(stream);
    arena_free(stream->group.names);
    free(stream->group.savepoints);
    map_free(stream->maps, drop_map);
    arena_free(stream->spare);
    buf_done(&stream->inflated);
    feed_row_scratch_done(&stream->scratch);
    feed_position_done(&stream->position);
}

void feed_stream_restart(struct feed_stream *stream, bool has_checksum)
{
    const struct feed_group *group = &stream->group;

    if (group->open && (group->handed_changes > 0 || group->handed_statements > 0)) {
        stream->is_cut = true;
        stream->cut = group->gtid;
        stream->cut_changes = group->handed_changes;
        stream->cut_statements = group->handed_statements;
    }
    feed_group_close(stream);
    feed_stream_drop_maps(stream);
    stream->has_checksum = has_checksum;
    stream->fresh = true;
}

void feed_stream_forget(struct feed_stream *stream)
{
    feed_group_close(stream);
    feed_stream_drop_maps(stream);
    stream->is_cut = false;
    stream->place = (struct feed_place){0};
    stream->fresh = true;
}

/* ---- what is ours ---- */

static bool is_our_schema(const struct feed_stream *stream, struct str schema)
{
    for (const char *const *name = stream->schemas; *name != NULL; name++) {
        if (str_eq(schema, str_of(*name))) {
            return true;
        }
    }
    return false;
}

static bool mentions(struct str text, struct str name)
{
    for (size_t i = 0; i + name.n <= text.n; i++) {
        if (str_eq_nocase((struct str){text.p + i, name.n}, name)) {
            return true;
        }
    }
    return false;
}

/* Tables that are indexes of ours are never told of: they can be made anew, and many of their rows change at
 * once. */
static bool is_captured(const struct feed_stream *stream, struct str schema, struct str table)
{
    return is_our_schema(stream, schema) && !str_starts(table, STR("idx_"));
}

/* A statement is ours if it ran in one of our schemas or names one; nobody else's text is kept. */
static bool is_our_statement(const struct feed_stream *stream, const struct feed_query *query)
{
    if (is_our_schema(stream, query->schema)) {
        return true;
    }
    for (const char *const *name = stream->schemas; *name != NULL; name++) {
        if (mentions(query->text, str_of(*name))) {
            return true;
        }
    }
    return false;
}

/* ---- statements ---- */

static bool is_prepared_xa(const struct feed_group *group)
{
    return (group->flags & FL_PREPARED_XA) != 0;
}

static int keep_statement(struct feed_stream *stream, const struct feed_query *query, struct err *err)
{
    struct feed_group *group = &stream->group;

    if (!is_our_statement(stream, query) || is_prepared_xa(group)) {
        return 0;
    }
    if (group->n_statements++ < group->handed_statements) {
        return 0;
    }
    feed_box_add_statement(feed_group_part(stream), query->schema, query->text);
    return feed_group_check_size(stream, err);
}

static int take_query(struct feed_stream *stream, const struct feed_event *event, struct err *err)
{
    static const struct str savepoint = {"SAVEPOINT ", 10}, rollback_to = {"ROLLBACK TO ", 12};
    struct feed_group *group = &stream->group;
    struct feed_query query = {0};
    int status = feed_event_query(event, &stream->inflated, &query, err);

    if (status != 0) {
        return status;
    }
    if (!group->open) {
        return str_eq(query.text, STR("BEGIN"))
                   ? 0
                   : err_set(err, ERR_INTERNAL, "feed statement outside of a transaction");
    }
    if ((group->flags & FL_STANDALONE) != 0) {
        if (str_starts(query.text, STR("XA COMMIT"))) {
            return err_set(err, ERR_INTERNAL, "feed XA COMMIT: its rows were logged when it was prepared");
        }
        status = keep_statement(stream, &query, err);
        return status == 0 ? feed_group_end(stream, err) : status;
    }
    if (str_eq(query.text, STR("COMMIT"))) {
        return feed_group_end(stream, err);
    }
    if (str_eq(query.text, STR("ROLLBACK"))) {
        return feed_group_end_without(stream, err);
    }
    if (str_starts(query.text, rollback_to)) {
        return feed_group_go_back(
            stream, (struct str){query.text.p + rollback_to.n, query.text.n - rollback_to.n}, err);
    }
    if (str_starts(query.text, savepoint)) {
        feed_group_set_savepoint(group, (struct str){query.text.p + savepoint.n, query.text.n - savepoint.n});
        return 0;
    }
    if (str_eq(query.text, STR("BEGIN")) || str_starts(query.text, STR("XA START")) ||
        str_starts(query.text, STR("XA END")) || str_starts(query.text, STR("RELEASE SAVEPOINT "))) {
        return 0;
    }
    return keep_statement(stream, &query, err);
}

/* ---- rows ---- */

static int take_map(struct feed_stream *stream, const struct feed_event *event, struct err *err)
{
    struct bytes body = event->body;
    const int64_t id = (int64_t)take_le(&body, 6);
    struct feed_map *map = map_get_id(stream->maps, id), *fresh = NULL;
    struct str schema, table;
    int status;

    (void)take_le(&body, 2);
    if (body.bad || !feed_map_names(body, &schema, &table)) {
        return err_set(err, ERR_INTERNAL, "feed malformed table map");
    }
    if (!is_captured(stream, schema, table)) {
        fresh = &foreign;
    } else if (map != NULL && map != &foreign &&
               str_eq(map->raw, (struct str){(const char *)body.p, body.n})) {
        return 0;
    } else {
        status = feed_map_parse(body, stream->lookup, &fresh, err);
        if (status != 0) {
            return status;
        }
    }
    map = map_put_id(stream->maps, id, fresh);
    if (map != NULL) {
        drop_map(map);
    }
    return 0;
}

static int take_row(struct feed_stream *stream, struct feed_rows *rows, struct feed_map *map, struct err *err)
{
    struct feed_group *group = &stream->group;
    const bool skip = group->n_changes < group->handed_changes || is_prepared_xa(group);
    struct arena *arena = skip ? stream->spare : feed_group_part(stream)->arena;
    struct feed_change change = {.op = rows->op};
    int status = 0;

    if (rows->op != FEED_INSERT) {
        status = feed_row_take(&rows->rows, map, &stream->scratch, arena, &change.before, err);
    }
    if (status == 0 && rows->op != FEED_DELETE) {
        status = feed_row_take(&rows->rows, map, &stream->scratch, arena, &change.after, err);
    }
    if (status != 0) {
        return status;
    }
    stream->n_rows++;
    group->n_changes += is_prepared_xa(group) ? 0 : 1;
    if (skip) {
        arena_clear(arena);
        return 0;
    }
    feed_box_add_change(group->part, map, change);
    return feed_group_check_size(stream, err);
}

static int take_rows(struct feed_stream *stream, const struct feed_event *event, struct err *err)
{
    struct feed_rows rows = {0};
    struct feed_map *map;
    int status;

    if (!feed_event_rows(event, &rows)) {
        return err_set(err, ERR_INTERNAL, "feed malformed rows event");
    }
    map = map_get_id(stream->maps, (int64_t)rows.table_id);
    if (map == &foreign || (map == NULL && rows.rows.n == 0)) { /* none: only ends a statement */
        return 0;
    }
    if (!stream->group.open || map == NULL) {
        return err_set(err, ERR_INTERNAL, "feed rows %s",
            map == NULL ? "without their table map" : "outside of a transaction");
    }
    if (!rows.whole || rows.n_columns != map->table.n_columns) {
        return err_set(err, ERR_INTERNAL, "feed rows of %.*s.%.*s are not whole: set binlog_row_image=FULL",
            STR_ARGS(map->table.schema), STR_ARGS(map->table.name));
    }
    status = feed_event_inflate(event, &rows, &stream->inflated, err);
    while (status == 0 && rows.rows.n > 0) {
        status = take_row(stream, &rows, map, err);
    }
    return status;
}

/* ---- all events ---- */

static int take_xa_prepare(struct feed_stream *stream, const struct feed_event *event, struct err *err)
{
    struct bytes body = event->body;
    const bool one_phase = take_le(&body, 1) != 0;

    if (body.bad || !stream->group.open) {
        return err_set(err, ERR_INTERNAL, "feed malformed XA event");
    }
    return one_phase ? feed_group_end(stream, err) : feed_group_end_without(stream, err);
}

/* A file that begins inside of a group: the server broke while it wrote that group, which never committed. */
static int take_format(struct feed_stream *stream, struct bytes raw, struct err *err)
{
    if (!feed_event_format(raw, &stream->has_checksum)) {
        return err_set(err, ERR_INTERNAL, "feed malformed format description");
    }
    if (stream->group.open && stream->group.handed) {
        return err_set(err, ERR_INTERNAL, "feed a transaction broke off after parts of it were handed over");
    }
    feed_group_close(stream);
    return 0;
}

static int take_rotate(struct feed_stream *stream, const struct feed_event *event, struct err *err)
{
    struct bytes body = event->body;
    const uint64_t offset = take_le(&body, 8);
    struct feed_place place = {.offset = offset};

    if (body.bad || !feed_place_file((struct str){(const char *)body.p, body.n}, &place.file)) {
        return err_set(err, ERR_INTERNAL, "feed malformed rotate event");
    }
    stream->place = place;
    return 0;
}

/* Tells how far the server has read, though there was nothing to send. A file past 4 GiB is left out: its
 * heartbeats have the low half of the offset only. */
static int take_heartbeat(struct feed_stream *stream, const struct feed_event *event)
{
    struct feed_place place = {.offset = event->end};

    if (!stream->group.open && event->end != 0 && stream->place.offset <= UINT32_MAX &&
        feed_place_file((struct str){(const char *)event->body.p, event->body.n}, &place.file)) {
        stream->sink.reach(
            stream->sink.arg, place, false, feed_position_sequence(&stream->position, FEED_CLOCK_DOMAIN));
    }
    return 0;
}

static int take_gtid(
    struct feed_stream *stream, struct bytes raw, const struct feed_event *event, struct err *err)
{
    (void)take_le(&raw, 5);
    if (!stream->group.open) {
        stream->group.gtid.server = (uint32_t)take_le(&raw, 4);
    }
    return feed_group_begin(stream, event, err);
}

static int take_event(
    struct feed_stream *stream, struct bytes raw, const struct feed_event *event, struct err *err)
{
    if (feed_event_is_rows(event->type)) {
        return take_rows(stream, event, err);
    }
    switch (event->type) {
    case GTID_EVENT:
        return take_gtid(stream, raw, event, err);
    case TABLE_MAP_EVENT:
        return take_map(stream, event, err);
    case QUERY_EVENT:
    case QUERY_COMPRESSED_EVENT:
    case EXECUTE_LOAD_QUERY_EVENT:
        return take_query(stream, event, err);
    case XID_EVENT:
        return stream->group.open ? feed_group_end(stream, err)
                                  : err_set(err, ERR_INTERNAL, "feed commit outside of a transaction");
    case XA_PREPARE_LOG_EVENT:
        return take_xa_prepare(stream, event, err);
    case FORMAT_DESCRIPTION_EVENT:
        return take_format(stream, raw, err);
    case ROTATE_EVENT:
        return take_rotate(stream, event, err);
    case HEARTBEAT_LOG_EVENT:
        return take_heartbeat(stream, event);
    case STOP_EVENT:
    case INTVAR_EVENT:
    case RAND_EVENT:
    case USER_VAR_EVENT:
    case BEGIN_LOAD_QUERY_EVENT:
    case APPEND_BLOCK_EVENT:
    case DELETE_FILE_EVENT:
    case ANNOTATE_ROWS_EVENT:
    case BINLOG_CHECKPOINT_EVENT:
    case GTID_LIST_EVENT:
    case START_ENCRYPTION_EVENT:
        return 0;
    default:
        return (event->flags & LOG_EVENT_IGNORABLE_F) != 0
                   ? 0
                   : err_set(err, ERR_INTERNAL, "feed event of type %u is not known", event->type);
    }
}

/* Offsets are logged with 32 bits; a file may be longer after one giant transaction. */
static void move_place(struct feed_stream *stream, const struct feed_event *event)
{
    const uint64_t next = stream->place.offset + event->length;

    if (event->end == 0 || event->type == HEARTBEAT_LOG_EVENT || event->type == ROTATE_EVENT) {
        return;
    }
    stream->place.offset = (uint32_t)next == event->end ? next : event->end;
    if (event->type == GTID_EVENT && stream->fresh) {
        struct bytes body = event->body;

        (void)take_le(&body, 8);
        if (take_le(&body, 4) == FEED_CLOCK_DOMAIN && !body.bad && stream->place.offset >= event->length) {
            /* Whatever ends before the first transaction that comes is known already. */
            stream->fresh = false;
            stream->sink.reach(stream->sink.arg,
                (struct feed_place){stream->place.file, stream->place.offset - event->length}, true,
                feed_position_sequence(&stream->position, FEED_CLOCK_DOMAIN));
        }
    }
}

int feed_stream_event(struct feed_stream *stream, struct bytes raw, struct err *err)
{
    struct feed_event event;
    bool has_checksum = stream->has_checksum;
    int status;

    if (raw.n > 4 && raw.p[4] == FORMAT_DESCRIPTION_EVENT && !feed_event_format(raw, &has_checksum)) {
        return err_set(err, ERR_INTERNAL, "feed malformed format description");
    }
    status = feed_event_parse(raw, has_checksum, &event, err);
    if (status != 0) {
        return status;
    }
    move_place(stream, &event);
    status = take_event(stream, raw, &event, err);
    if (status == 0 && !stream->group.open && event.end != 0 && event.type != HEARTBEAT_LOG_EVENT) {
        stream->sink.reach(stream->sink.arg, stream->place, false,
            feed_position_sequence(&stream->position, FEED_CLOCK_DOMAIN));
    }
    return status;
}
