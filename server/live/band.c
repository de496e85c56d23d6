/*
 * The band of a channel: the rows of its window and some on either side, in the order of its query, each a
 * copy of what the images told. A change moves rows in and out by its two images alone. As long as the band
 * reaches over the window, no query is needed; when rows have run out on one side, the channel is read anew
 * (a refill) at a position past the change.
 */
#include "live/live_int.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

void row_free(struct row *row)
{
    if (!row)
        return;
    row_free(row->was);
    free(row);
}

static size_t text_bytes(const struct db_val *value)
{
    return value->kind == DB_TEXT || value->kind == DB_BYTES ? value->s.n : 0;
}

static struct db_val copy_value(const struct db_val *value, char **to)
{
    struct db_val copy = *value;
    if (text_bytes(value) > 0) {
        memcpy(*to, value->s.p, value->s.n);
        copy.s.p = *to;
        *to += value->s.n;
    }
    return copy;
}

/* One block: the row, its values, what it holds of others, their text. */
static struct row *row_new(
    const struct channel *channel, const struct record *record, const struct select_key *key)
{
    const struct form *form = plan_form(select_plan(channel->select));
    size_t n_fields = form->n_fields, n_copies = record->copies ? form->n_references : 0,
           bytes = text_bytes(&record->parent_title);
    for (size_t i = 0; i < n_fields; i++)
        bytes += text_bytes(&record->values[i]);
    for (size_t k = 0; k < n_copies; k++)
        bytes += text_bytes(&record->copies[k].title);
    for (size_t i = 0; i < SELECT_KEY_MAX; i++)
        bytes += text_bytes(&key->values[i]);
    struct row *row = must_alloc(
        sizeof(*row) + n_fields * sizeof(struct db_val) + n_copies * sizeof(struct record_copy) + bytes);
    struct db_val *values = (struct db_val *)(void *)(row + 1);
    struct record_copy *copies = (struct record_copy *)(void *)(values + n_fields);
    char *text = (char *)(copies + n_copies);
    row->record = *record;
    row->record.values = values;
    row->record.copies = n_copies ? copies : NULL;
    for (size_t k = 0; k < n_copies; k++) {
        copies[k] = record->copies[k];
        copies[k].title = copy_value(&record->copies[k].title, &text);
    }
    for (size_t i = 0; i < n_fields; i++)
        values[i] = copy_value(&record->values[i], &text);
    row->record.parent_title = copy_value(&record->parent_title, &text);
    row->key = *key;
    for (size_t i = 0; i < SELECT_KEY_MAX; i++)
        row->key.values[i] = copy_value(&key->values[i], &text);
    struct str version = record_version(select_plan(channel->select), &row->record);
    must(version.n < sizeof(row->version));
    memcpy(row->version, version.p, version.n);
    return row;
}

void band_clear(struct channel *channel)
{
    for (size_t i = 0; i < channel->n_rows; i++)
        row_free(channel->rows[i]);
    channel->n_rows = 0;
    band_forget_gone(channel);
}

/* ---- rows that have left since they were told
 * ---------------------------------------------------------------------------------- */

void band_forget_gone(struct channel *channel)
{
    for (size_t i = 0; i < channel->n_gone; i++)
        row_free(channel->gone[i]);
    channel->n_gone = 0;
}

static bool is_told(const struct channel *channel, int64_t id)
{
    for (size_t i = 0; i < channel->n_told; i++)
        if (channel->told[i] == id)
            return true;
    return false;
}

/* The row leaves the band. One that was told is kept as it was told until the next telling: it may come back
 * in the same transaction with other values, and the viewers hold the old ones. */
static void let_go(struct channel *channel, struct row *row)
{
    if (!row)
        return;
    if (!is_told(channel, row->record.id)) {
        row_free(row);
        return;
    }
    struct row *as_told = row;
    if (row->was) {
        as_told = row->was;
        row->was = NULL;
        row_free(row);
    }
    channel->gone = must_realloc(channel->gone, (channel->n_gone + 1) * sizeof(channel->gone[0]));
    channel->gone[channel->n_gone++] = as_told;
}

/* What was told of a row that comes back, or NULL. */
static struct row *take_gone(struct channel *channel, int64_t id)
{
    for (size_t i = 0; i < channel->n_gone; i++)
        if (channel->gone[i]->record.id == id) {
            struct row *row = channel->gone[i];
            channel->gone[i] = channel->gone[--channel->n_gone];
            return row;
        }
    return NULL;
}

static void make_room(struct channel *channel, size_t n)
{
    if (n <= channel->cap_rows)
        return;
    channel->cap_rows = n + 32;
    channel->rows = must_realloc(channel->rows, channel->cap_rows * sizeof(channel->rows[0]));
}

static size_t find_row(struct row *const *rows, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i]->record.id == id)
            return i;
    return SIZE_MAX;
}

/* What was last told of a row that is still there. */
static void keep_told(struct row *row, struct row *old)
{
    if (old->was) {
        row->was = old->was;
        old->was = NULL;
    } else {
        row->was = old;
        return;
    }
    row_free(old);
}

static bool holds_same(const struct record_copy *a, const struct record_copy *b)
{
    return a->owner == b->owner && a->department == b->department && a->live == b->live &&
           db_val_equal(&a->title, &b->title);
}

/* Whether anything of the row may look different. Not by its revision: who types into the database need not
 * raise it. */
static bool is_same(const struct channel *channel, const struct record *a, const struct record *b)
{
    const struct form *form = plan_form(select_plan(channel->select));
    bool same = a->view == b->view && a->owner == b->owner && a->department == b->department &&
                db_val_equal(&a->parent_title, &b->parent_title);
    for (size_t i = 0; same && i < form->n_fields; i++)
        same = db_val_equal(&a->values[i], &b->values[i]);
    for (size_t k = 0; same && a->copies && k < form->n_references; k++)
        same = holds_same(&a->copies[k], &b->copies[k]);
    return same;
}

/* Takes rows that were read anew. Rows that have changed keep what was told of them, so that the difference
 * can be told. */
void band_take(struct channel *channel, const struct select_row *rows, size_t n)
{
    struct row **old = channel->rows;
    size_t n_old = channel->n_rows;
    channel->cap_rows = n + (channel->kind == CHANNEL_RECORD ? 1 : 32);
    channel->rows = must_alloc(channel->cap_rows * sizeof(old[0]));
    channel->n_rows = n;
    for (size_t i = 0; i < n; i++) {
        struct row *row = row_new(channel, &rows[i].record, &rows[i].key);
        size_t at = find_row(old, n_old, row->record.id);
        struct row *before = at == SIZE_MAX ? NULL : old[at];
        if (before)
            old[at] = old[--n_old];
        if (!before)
            row->was = take_gone(channel, row->record.id);
        else if (before->was || !is_same(channel, &before->record, &row->record))
            keep_told(row, before);
        else
            row_free(before);
        channel->rows[i] = row;
    }
    for (size_t i = 0; i < n_old; i++)
        let_go(channel, old[i]);
    free(old);
}

static int compare(const struct channel *channel, const struct select_key *key, size_t i)
{
    return select_key_compare(channel->select, key, &channel->rows[i]->key);
}

/* The first row that does not come before the key. */
static size_t place_of(const struct channel *channel, const struct select_key *key)
{
    size_t low = 0, high = channel->n_rows;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(channel, key, middle) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_at(struct channel *channel, size_t i)
{
    memmove(&channel->rows[i], &channel->rows[i + 1], (channel->n_rows - i - 1) * sizeof(channel->rows[0]));
    channel->n_rows--;
}

static void insert_at(struct channel *channel, size_t i, struct row *row)
{
    make_room(channel, channel->n_rows + 1);
    memmove(&channel->rows[i + 1], &channel->rows[i], (channel->n_rows - i) * sizeof(channel->rows[0]));
    channel->rows[i] = row;
    channel->n_rows++;
}

/* A row leaves the list: out of the band, or from before it, which moves the band's rank. Returns it if it
 * was in the band. */
static struct row *take_out(struct channel *channel, const struct image *image)
{
    struct select_key key;
    size_t i = find_row(channel->rows, channel->n_rows, image->record.id);
    channel->total--;
    if (i != SIZE_MAX) {
        struct row *row = channel->rows[i];
        remove_at(channel, i);
        return row;
    }
    select_key_of(channel->select, image, &key);
    if (channel->base > 0 && (channel->n_rows == 0 || compare(channel, &key, 0) < 0))
        channel->base--;
    return NULL;
}

/* A row enters the list. `old` is what it was in the band, or NULL; it is kept or let go here. */
static void put_in(struct channel *channel, const struct image *image, struct row *old)
{
    struct select_key key;
    select_key_of(channel->select, image, &key);
    channel->total++;
    if (channel->n_rows == 0 &&
        channel->base > 0) { /* a window past the end: nobody knows on which side it stands */
        channel->is_whole = false;
        let_go(channel, old);
        return;
    }
    size_t place = place_of(channel, &key);
    bool before_band = place == 0 && channel->base > 0;
    bool past_band = place == channel->n_rows && !channel->is_whole;
    if (before_band)
        channel->base++;
    if (before_band || past_band) {
        let_go(channel, old);
        return;
    }
    struct row *row = row_new(channel, &image->record, &key);
    if (old)
        keep_told(row, old);
    else
        row->was = take_gone(channel, image->record.id);
    insert_at(channel, place, row);
}

static bool read_side(struct channel *channel, const struct db_val *cells, struct image *ret_image)
{
    if (!cells || !image_read(channel->select, channel->form->map, cells, task_arena(), ret_image))
        return false;
    if (channel->kind == CHANNEL_RECORD)
        return ret_image->record.id == channel->record_id && record_is_readable(&ret_image->record);
    return select_holds(channel->select, ret_image, task_arena());
}

bool band_apply(struct channel *channel, const struct feed_change *change)
{
    struct image before, after;
    bool was_in = read_side(channel, change->before, &before),
         is_in = read_side(channel, change->after, &after);
    if (!was_in && !is_in)
        return true;
    channel->touched = true;
    struct row *old = was_in ? take_out(channel, &before) : NULL;
    if (old && is_in && before.record.id != after.record.id) { /* a hand has given it another id */
        let_go(channel, old);
        old = NULL;
    }
    if (is_in)
        put_in(channel, &after, old);
    else
        let_go(channel, old);
    return band_covers(channel);
}

bool band_covers(const struct channel *channel)
{
    bool low = channel->base <= channel->start;
    bool high =
        channel->is_whole || channel->base + (int64_t)channel->n_rows >= channel->start + channel->limit;
    /* A window past the end is empty only if the end is known. */
    return low && high;
}

/* What has grown past the guard on either side goes; it is known where. */
void band_trim(struct channel *channel)
{
    int64_t keep_to = channel->start + channel->limit + 2 * LIVE_GUARD - channel->base;
    int64_t spare = channel->start - 2 * LIVE_GUARD - channel->base;
    while (keep_to >= 0 && (int64_t)channel->n_rows > keep_to) {
        row_free(channel->rows[--channel->n_rows]);
        channel->is_whole = false;
    }
    for (; spare > 0 && channel->n_rows > 0; spare--) {
        row_free(channel->rows[0]);
        remove_at(channel, 0);
        channel->base++;
    }
}

struct row *band_window(const struct channel *channel, size_t i)
{
    int64_t at = channel->start - channel->base + (int64_t)i;
    return at >= 0 && at < (int64_t)channel->n_rows && (int64_t)i < channel->limit ? channel->rows[at] : NULL;
}

size_t band_window_length(const struct channel *channel)
{
    int64_t n = (int64_t)channel->n_rows - (channel->start - channel->base);
    return n <= 0 ? 0 : (size_t)(n < channel->limit ? n : channel->limit);
}
