/*
 * Row images: null bits, then the values of all columns that are not null, without any lengths but their own.
 * A row's bytes are put together in scratch memory that is used again, and copied once, into the memory of
 * the transaction.
 */
#include "base/must.h"
#include "db/feed_decode.h"

#include <stdlib.h>
#include <string.h>

#define ROW_BYTES_MAX ((size_t)1 << 31)

static void make_ready(struct feed_row_scratch *scratch, size_t n_columns)
{
    if (scratch->text.max == 0) {
        buf_init(&scratch->text, ROW_BYTES_MAX);
    }
    buf_clear(&scratch->text);
    if (n_columns > scratch->n_starts) {
        scratch->starts = must_realloc(scratch->starts, n_columns * sizeof *scratch->starts);
        scratch->n_starts = n_columns;
    }
}

void feed_row_scratch_done(struct feed_row_scratch *scratch)
{
    buf_done(&scratch->text);
    free(scratch->starts);
    *scratch = (struct feed_row_scratch){0};
}

static int refuse_value(const struct feed_map *map, size_t column, struct err *err)
{
    return err_set(err, ERR_INTERNAL, "feed malformed row of %.*s.%.*s at column %.*s, type %u",
        STR_ARGS(map->table.schema), STR_ARGS(map->table.name), STR_ARGS(map->table.columns[column].name),
        map->layouts[column].type);
}

int feed_row_take(struct bytes *rows, const struct feed_map *map, struct feed_row_scratch *scratch,
    struct arena *arena, struct db_val **ret_values, struct err *err)
{
    const size_t n = map->table.n_columns;
    const uint8_t *nulls = take(rows, (n + 7) / 8);
    struct db_val *values;
    char *text;

    if (nulls == NULL) {
        return refuse_value(map, 0, err);
    }
    values = arena_new_array(arena, struct db_val, n);
    make_ready(scratch, n);
    for (size_t i = 0; i < n; i++) {
        scratch->starts[i] = scratch->text.n;
        if ((nulls[i / 8] >> i % 8 & 1) != 0) {
            values[i] = DB_N;
        } else if (!feed_value_take(rows, &map->layouts[i], &scratch->text, &values[i]) ||
                   scratch->text.overflow) {
            return refuse_value(map, i, err);
        } else if (values[i].kind == DB_TEXT || values[i].kind == DB_BYTES) {
            buf_add_char(&scratch->text, '\0'); /* not counted, as in every text of this room */
        }
    }
    if (scratch->text.n > 0) {
        text = arena_alloc(arena, scratch->text.n);
        memcpy(text, scratch->text.p, scratch->text.n);
        for (size_t i = 0; i < n; i++) {
            if (values[i].kind == DB_TEXT || values[i].kind == DB_BYTES) {
                values[i].s.p = text + scratch->starts[i];
            }
        }
    }
    *ret_values = values;
    return 0;
}
