/*
 * Events in, transactions out. A group begins with its GTID event and ends with XID or COMMIT, or, where the
 * GTID says that it stands alone (DDL), with its one statement. Only then it is handed over, large ones in
 * parts before: a group stands in the binlog only once it is committed. What ends in ROLLBACK, or was taken
 * back to a savepoint, is dropped; if parts of it are out already, that is an error, for then the consumer
 * cannot be right any more.
 *
 * After a lost connection the server begins again behind the last whole transaction. The parts of the one
 * that broke are read once more and skipped: the binlog's bytes are the same.
 */
#include "db/feed_stream.h"

#include "base/must.h"

#include <mysql.h>
#include <stdlib.h>

#include <mariadb_rpl.h> /* needs mysql.h before it */

#define MAPS_KEPT 4096

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

static void drop_maps(struct feed_stream *stream)
{
    map_free(stream->maps, drop_map);
    stream->maps = map_new();
}

static void close_group(struct feed_stream *stream)
{
    struct feed_group *group = &stream->group;

    if (group->part != NULL) {
        feed_tx_unref(&group->part->tx);
    }
    arena_clear(group->names);
    *group = (struct feed_group){
        .names = group->names, .savepoints = group->savepoints, .max_savepoints = group->max_savepoints};
}

void feed_stream_done(struct feed_stream *stream)
{
    close_group(stream);
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
    close_group(stream);
    drop_maps(stream);
    stream->has_checksum = has_checksum;
    stream->fresh = true;
}

void feed_stream_forget(struct feed_stream *stream)
{
    close_group(stream);
    drop_maps(stream);
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

/* ---- parts ---- */

static struct feed_box *part_of(struct feed_stream *stream)
{
    struct feed_group *group = &stream->group;

    if (group->part == NULL) {
        group->part = feed_box_new(FEED_TX, group->gtid, group->at_us);
        group->part->tx.first = group->handed_changes == 0 && group->handed_statements == 0;
    }
    return group->part;
}

static int hand_over(struct feed_stream *stream, bool last, struct err *err)
{
    struct feed_group *group = &stream->group;
    struct feed_box *part = part_of(stream);

    part->tx.last = last;
    part->bytes = feed_box_bytes(part);
    group->part = NULL;
    group->handed_changes = group->n_changes;
    group->handed_statements = group->n_statements;
    group->handed = true;
    if (!stream->sink.take(stream->sink.arg, part)) {
        return err_set(err, ERR_CANCELLED, "feed is stopping");
    }
    return 0;
}

static int hand_over_if_large(struct feed_stream *stream, struct err *err)
{
    return feed_box_bytes(stream->group.part) >= stream->part_bytes ? hand_over(stream, false, err) : 0;
}

/* ---- groups ---- */

static int begin_group(struct feed_stream *stream, const struct feed_event *event, struct err *err)
{
    struct bytes body = event->body;
    struct feed_group *group = &stream->group;
    struct feed_gtid gtid = {.sequence = take_le(&body, 8)};
    uint8_t flags;

    gtid.domain = (uint32_t)take_le(&body, 4);
    flags = (uint8_t)take_le(&body, 1);
    gtid.server = group->gtid.server; /* set by the caller from the header */
    if (body.bad || gtid.sequence > INT64_MAX) {
        return err_set(err, ERR_INTERNAL, "feed malformed GTID event");
    }
    if (group->open) {
        return err_set(err, ERR_INTERNAL, "feed transaction %u-%u-%llu has no end", group->gtid.domain,
            group->gtid.server, (unsigned long long)group->gtid.sequence);
    }
    if (gtid.sequence <= feed_position_sequence(&stream->position, gtid.domain)) {
        return err_set(err, ERR_INTERNAL, "feed %u-%u-%llu comes after %llu", gtid.domain, gtid.server,
            (unsigned long long)gtid.sequence,
            (unsigned long long)feed_position_sequence(&stream->position, gtid.domain));
    }
    if (stream->is_cut && gtid.domain == stream->cut.domain) {
        if (gtid.sequence != stream->cut.sequence || gtid.server != stream->cut.server) {
            return err_set(err, ERR_INTERNAL, "feed half of %u-%u-%llu was read, and it is gone",
                stream->cut.domain, stream->cut.server, (unsigned long long)stream->cut.sequence);
        }
        group->handed = true;
        group->handed_changes = stream->cut_changes;
        group->handed_statements = stream->cut_statements;
        stream->is_cut = false;
    }
    if (map_count(stream->maps) > MAPS_KEPT) {
        drop_maps(stream);
    }
    group->open = true;
    group->flags = flags;
    group->gtid = gtid;
    group->at_us = (int64_t)event->at_s * 1000000;
    return 0;
}

/* All of it is known. What another domain did to tables that are not ours is nobody's business. */
static int end_group(struct feed_stream *stream, struct err *err)
{
    struct feed_group *group = &stream->group;
    const struct feed_gtid gtid = group->gtid;
    int status = 0;

    if (group->n_changes < group->handed_changes || group->n_statements < group->handed_statements) {
        return err_set(err, ERR_INTERNAL, "feed %u-%u-%llu is shorter than when it was read first",
            gtid.domain, gtid.server, (unsigned long long)gtid.sequence);
    }
    if (gtid.domain == FEED_CLOCK_DOMAIN || group->handed ||
        (group->part != NULL && group->part->tx.n_changes + group->part->tx.n_statements > 0)) {
        status = hand_over(stream, true, err);
    }
    close_group(stream);
    if (status != 0) {
        return status;
    }
    feed_position_set(&stream->position, gtid);
    stream->n_transactions++;
    stream->sink.reach(stream->sink.arg, stream->place, gtid.domain == FEED_CLOCK_DOMAIN,
        feed_position_sequence(&stream->position, FEED_CLOCK_DOMAIN));
    return 0;
}

/* The GTID counts, its content does not: an empty transaction stands for it. */
static int end_group_without(struct feed_stream *stream, struct err *err)
{
    struct feed_group *group = &stream->group;

    if (group->handed) {
        return err_set(err, ERR_INTERNAL,
            "feed %u-%u-%llu was rolled back after parts of it were handed over", group->gtid.domain,
            group->gtid.server, (unsigned long long)group->gtid.sequence);
    }
    if (group->part != NULL) {
        feed_tx_unref(&group->part->tx);
        group->part = NULL;
    }
    return end_group(stream, err);
}

/* ---- savepoints: statements on other engines keep what was rolled back in the binlog ---- */

static void set_savepoint(struct feed_group *group, struct str name)
{
    for (size_t i = 0; i < group->n_savepoints; i++) {
        if (str_eq(group->savepoints[i].name, name)) { /* set again: the old one is gone */
            for (size_t j = i + 1; j < group->n_savepoints; j++) {
                group->savepoints[j - 1] = group->savepoints[j];
            }
            group->n_savepoints--;
            break;
        }
    }
    if (group->n_savepoints == group->max_savepoints) {
        group->max_savepoints = group->max_savepoints * 2 + 4;
        group->savepoints =
            must_realloc(group->savepoints, group->max_savepoints * sizeof *group->savepoints);
    }
    group->savepoints[group->n_savepoints++] =
        (struct feed_savepoint){arena_copy(group->names, name), group->n_changes, group->n_statements};
}

static int go_back(struct feed_stream *stream, struct str name, struct err *err)
{
    struct feed_group *group = &stream->group;

    for (size_t i = group->n_savepoints; i > 0; i--) {
        const struct feed_savepoint *point = &group->savepoints[i - 1];

        if (!str_eq(point->name, name)) {
            continue;
        }
        if (point->n_changes < group->handed_changes || point->n_statements < group->handed_statements) {
            break;
        }
        group->n_changes = point->n_changes;
        group->n_statements = point->n_statements;
        group->n_savepoints = i;
        if (group->part != NULL) {
            group->part->tx.n_changes = (size_t)(group->n_changes - group->handed_changes);
            group->part->tx.n_statements = (size_t)(group->n_statements - group->handed_statements);
        }
        return 0;
    }
    return err_set(err, ERR_INTERNAL, "feed rolled back to a savepoint that is not in hand");
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
    feed_box_add_statement(part_of(stream), query->schema, query->text);
    return hand_over_if_large(stream, err);
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
        return status == 0 ? end_group(stream, err) : status;
    }
    if (str_eq(query.text, STR("COMMIT"))) {
        return end_group(stream, err);
    }
    if (str_eq(query.text, STR("ROLLBACK"))) {
        return end_group_without(stream, err);
    }
    if (str_starts(query.text, rollback_to)) {
        return go_back(stream, (struct str){query.text.p + rollback_to.n, query.text.n - rollback_to.n}, err);
    }
    if (str_starts(query.text, savepoint)) {
        set_savepoint(group, (struct str){query.text.p + savepoint.n, query.text.n - savepoint.n});
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
    if (!is_our_schema(stream, schema)) {
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
    struct arena *arena = skip ? stream->spare : part_of(stream)->arena;
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
    return hand_over_if_large(stream, err);
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
    return one_phase ? end_group(stream, err) : end_group_without(stream, err);
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
    close_group(stream);
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
    return begin_group(stream, event, err);
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
        return stream->group.open ? end_group(stream, err)
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
