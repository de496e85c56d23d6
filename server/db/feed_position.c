/*
 * Positions: GTIDs, one for each domain, and places in the binlog's files.
 */
#include "base/must.h"
#include "db/feed_stream.h"

#include <stdlib.h>

void feed_position_set(struct feed_position *position, struct feed_gtid gtid)
{
    for (size_t i = 0; i < position->n; i++) {
        if (position->gtids[i].domain == gtid.domain) {
            position->gtids[i] = gtid;
            return;
        }
    }
    position->gtids = must_realloc(position->gtids, (position->n + 1) * sizeof gtid);
    position->gtids[position->n++] = gtid;
}

uint64_t feed_position_sequence(const struct feed_position *position, uint32_t domain)
{
    for (size_t i = 0; i < position->n; i++) {
        if (position->gtids[i].domain == domain) {
            return position->gtids[i].sequence;
        }
    }
    return 0;
}

void feed_position_done(struct feed_position *position)
{
    free(position->gtids);
    *position = (struct feed_position){0};
}

static bool parse_gtid(struct str text, struct feed_gtid *ret_gtid)
{
    int64_t domain, server, sequence;

    if (!str_to_i64(str_cut(&text, '-'), &domain) || !str_to_i64(str_cut(&text, '-'), &server) ||
        !str_to_i64(text, &sequence) || domain < 0 || domain > UINT32_MAX || server < 0 ||
        server > UINT32_MAX || sequence < 0) {
        return false;
    }
    *ret_gtid = (struct feed_gtid){(uint32_t)domain, (uint32_t)server, (uint64_t)sequence};
    return true;
}

bool feed_position_parse(struct str text, struct feed_position *position)
{
    struct feed_position parsed = {0};
    struct feed_gtid gtid;

    while (text.n > 0) {
        const bool more = text.p[text.n - 1] != ','; /* nothing may be missing behind the last comma */

        if (!parse_gtid(str_trim(str_cut(&text, ',')), &gtid) || !more) {
            feed_position_done(&parsed);
            return false;
        }
        feed_position_set(&parsed, gtid);
    }
    feed_position_done(position);
    *position = parsed;
    return true;
}

void feed_position_print(const struct feed_position *position, struct buf *buf)
{
    for (size_t i = 0; i < position->n; i++) {
        buf_printf(buf, "%s%u-%u-%llu", i > 0 ? "," : "", position->gtids[i].domain,
            position->gtids[i].server, (unsigned long long)position->gtids[i].sequence);
    }
}

int feed_place_cmp(struct feed_place a, struct feed_place b)
{
    if (a.file != b.file) {
        return a.file < b.file ? -1 : 1;
    }
    return a.offset < b.offset ? -1 : a.offset > b.offset;
}

bool feed_place_file(struct str name, int64_t *ret_file)
{
    size_t first = name.n;
    int64_t file = 0;

    while (first > 0 && name.p[first - 1] >= '0' && name.p[first - 1] <= '9') {
        first--;
    }
    if (first == 0 || name.p[first - 1] != '.' || first == name.n || name.n - first > 18) {
        return false;
    }
    for (size_t i = first; i < name.n; i++) {
        file = file * 10 + (name.p[i] - '0');
    }
    *ret_file = file;
    return true;
}
