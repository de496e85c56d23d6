/*
 * The transaction that is being read: its beginning, the parts that are handed over before its end, its end,
 * and the savepoints inside of it.
 *
 * A group stands in the binlog only once it is committed, so parts of a large one may leave before its end.
 * What ends in ROLLBACK, or was taken back to a savepoint, is dropped; if parts of it are out already, that
 * is an error, for then the consumer cannot be right any more.
 */
#include "base/must.h"
#include "db/feed_stream.h"

#define MAPS_KEPT 4096

void feed_group_close(struct feed_stream *stream)
{
    struct feed_group *group = &stream->group;

    if (group->part != NULL) {
        feed_tx_unref(&group->part->tx);
    }
    arena_clear(group->names);
    *group = (struct feed_group){
        .names = group->names, .savepoints = group->savepoints, .max_savepoints = group->max_savepoints};
}

/* ---- parts ---- */

struct feed_box *feed_group_part(struct feed_stream *stream)
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
    struct feed_box *part = feed_group_part(stream);

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

int feed_group_check_size(struct feed_stream *stream, struct err *err)
{
    return feed_box_bytes(stream->group.part) >= stream->part_bytes ? hand_over(stream, false, err) : 0;
}

/* ---- groups ---- */

int feed_group_begin(struct feed_stream *stream, const struct feed_event *event, struct err *err)
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
    if (stream->is_cut) { /* nothing may come between its parts */
        if (gtid.domain != stream->cut.domain || gtid.sequence != stream->cut.sequence ||
            gtid.server != stream->cut.server) {
            return err_set(err, ERR_INTERNAL, "feed half of %u-%u-%llu was read, and it is gone",
                stream->cut.domain, stream->cut.server, (unsigned long long)stream->cut.sequence);
        }
        group->handed = true;
        group->handed_changes = stream->cut_changes;
        group->handed_statements = stream->cut_statements;
        stream->is_cut = false;
    }
    if (map_count(stream->maps) > MAPS_KEPT) {
        feed_stream_drop_maps(stream);
    }
    group->open = true;
    group->flags = flags;
    group->gtid = gtid;
    group->at_us = (int64_t)event->at_s * 1000000;
    return 0;
}

/* All of it is known. What another domain did to tables that are not ours is nobody's business. */
int feed_group_end(struct feed_stream *stream, struct err *err)
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
    feed_group_close(stream);
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
int feed_group_end_without(struct feed_stream *stream, struct err *err)
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
    return feed_group_end(stream, err);
}

/* ---- savepoints: statements on other engines keep what was rolled back in the binlog ---- */

void feed_group_set_savepoint(struct feed_group *group, struct str name)
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

int feed_group_go_back(struct feed_stream *stream, struct str name, struct err *err)
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
