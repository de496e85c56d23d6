/*
 * TABLE_MAP events: which columns the rows that follow have and how their values are packed. What MariaDB
 * adds with binlog_row_metadata=FULL is needed: names, signs, character sets, labels. Without it the table is
 * refused, since values could only be guessed.
 *
 * Wire form: schema, table, column types, a block with a few bytes for each type, null bits, then pieces of
 * (kind, length, data). Signs stand for numeric columns only, character sets for columns that have one, in
 * the order of the columns.
 */
#include "base/must.h"
#include "db/feed_decode.h"

#include <mysql.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 4096
#define LABELS_MAX 65535
#define TYPE_BLOB_COMPRESSED 140
#define TYPE_VARCHAR_COMPRESSED 141

enum piece {
    PIECE_SIGNS = 1,
    PIECE_DEFAULT_CHARSET,
    PIECE_COLUMN_CHARSET,
    PIECE_NAMES,
    PIECE_SET_LABELS,
    PIECE_ENUM_LABELS,
    PIECE_LABEL_DEFAULT_CHARSET = 10,
    PIECE_LABEL_COLUMN_CHARSET
};

/* ---- character sets ---- */

struct collation_range {
    uint16_t first, last;
    enum feed_charset charset;
};
/* Of MariaDB 10.11, without those that ignore padding: they are 1024 higher. */
static const struct collation_range COLLATIONS[] = {{5, 5, FEED_LATIN1}, {8, 8, FEED_LATIN1},
    {11, 11, FEED_UTF8}, {15, 15, FEED_LATIN1}, {31, 31, FEED_LATIN1}, {33, 33, FEED_UTF8},
    {45, 46, FEED_UTF8}, {47, 49, FEED_LATIN1}, {63, 63, FEED_BINARY}, {65, 65, FEED_UTF8},
    {76, 76, FEED_UTF8}, {83, 83, FEED_UTF8}, {94, 94, FEED_LATIN1}, {192, 215, FEED_UTF8},
    {223, 247, FEED_UTF8}, {576, 578, FEED_UTF8}, {608, 610, FEED_UTF8}};

enum feed_charset feed_charset_of(uint64_t collation)
{
    if (collation >= 2048) { /* uca1400: the character set stands in the bits above */
        return collation < 2048 + 512 ? FEED_UTF8 : FEED_OTHER;
    }
    if (collation >= 1024) {
        collation -= 1024;
    }
    for (size_t i = 0; i < sizeof COLLATIONS / sizeof COLLATIONS[0]; i++) {
        if (collation >= COLLATIONS[i].first && collation <= COLLATIONS[i].last) {
            return COLLATIONS[i].charset;
        }
    }
    return FEED_OTHER;
}

/* ---- classes of columns ---- */

static bool has_sign(const struct feed_layout *layout)
{
    switch (layout->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_NEWDECIMAL:
        return true;
    default:
        return false;
    }
}

static bool has_labels(const struct feed_layout *layout)
{
    return layout->type == MYSQL_TYPE_ENUM || layout->type == MYSQL_TYPE_SET;
}

static bool has_charset(const struct feed_layout *layout)
{
    switch (layout->type) {
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_BLOB:
    case TYPE_BLOB_COMPRESSED:
    case TYPE_VARCHAR_COMPRESSED:
        return true;
    default:
        return false;
    }
}

/* ---- the block of types ---- */

static void take_string_layout(struct bytes *block, struct feed_layout *layout)
{
    const unsigned first = (unsigned)take_le(block, 1), second = (unsigned)take_le(block, 1);

    if ((first & 0x30) != 0x30) { /* two bits of a length past 255 are hidden, turned, in the type */
        layout->type = (uint8_t)(first | 0x30);
        layout->width = (uint16_t)(second | ((first & 0x30) ^ 0x30) << 4);
    } else {
        layout->type = (uint8_t)first;
        layout->width = (uint16_t)second;
    }
    if (has_labels(layout)) {
        layout->n_length = (uint8_t)layout->width;
        block->bad |= layout->n_length == 0 || layout->n_length > 8;
    } else {
        layout->n_length = layout->width > 255 ? 2 : 1;
        block->bad |= layout->type != MYSQL_TYPE_STRING;
    }
}

static void take_layout(struct bytes *block, uint8_t type, struct feed_layout *layout)
{
    layout->type = type;
    switch (type) {
    case MYSQL_TYPE_NEWDECIMAL:
        layout->precision = (uint8_t)take_le(block, 1);
        layout->scale = (uint8_t)take_le(block, 1);
        block->bad |= layout->precision == 0 || layout->precision > 81 || layout->scale > layout->precision;
        break;
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case TYPE_VARCHAR_COMPRESSED:
        layout->width = (uint16_t)take_le(block, 2);
        layout->n_length = layout->width > 255 ? 2 : 1;
        break;
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
        take_string_layout(block, layout);
        break;
    case MYSQL_TYPE_BIT:
        layout->width = (uint16_t)take_le(block, 1);
        layout->width = (uint16_t)(layout->width + take_le(block, 1) * 8);
        block->bad |= layout->width == 0 || layout->width > 64;
        break;
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_GEOMETRY:
    case TYPE_BLOB_COMPRESSED:
        layout->n_length = (uint8_t)take_le(block, 1);
        block->bad |= layout->n_length == 0 || layout->n_length > 4;
        break;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
        (void)take_le(block, 1);
        break;
    case MYSQL_TYPE_TIMESTAMP2:
    case MYSQL_TYPE_DATETIME2:
    case MYSQL_TYPE_TIME2:
        layout->scale = (uint8_t)take_le(block, 1);
        block->bad |= layout->scale > 6;
        break;
    default:
        break;
    }
    if (type == MYSQL_TYPE_VAR_STRING) {
        layout->type = MYSQL_TYPE_VARCHAR;
    }
}

/* ---- the pieces that come with full metadata ---- */

typedef bool class_fn(const struct feed_layout *layout);

static bool is_enum(const struct feed_layout *layout)
{
    return layout->type == MYSQL_TYPE_ENUM;
}
static bool is_set(const struct feed_layout *layout)
{
    return layout->type == MYSQL_TYPE_SET;
}

static void take_signs(struct bytes piece, struct feed_map *map)
{
    size_t nth = 0;

    for (size_t i = 0; i < map->table.n_columns; i++) {
        if (has_sign(&map->layouts[i])) {
            map->layouts[i].is_unsigned = nth / 8 < piece.n && (piece.p[nth / 8] >> (7 - nth % 8) & 1) != 0;
            nth++;
        }
    }
}

/* A default for all columns of the class, then exceptions by their number within the class. */
static void take_default_charset(struct bytes *piece, struct feed_map *map, class_fn *is_member)
{
    const uint64_t collation = take_packed(piece);
    size_t nth = 0, next = SIZE_MAX;
    uint64_t other = 0;

    for (size_t i = 0; i < map->table.n_columns; i++) {
        if (!is_member(&map->layouts[i])) {
            continue;
        }
        if (piece->n > 0 && (next == SIZE_MAX || nth > next)) {
            next = (size_t)take_packed(piece);
            other = take_packed(piece);
        }
        map->layouts[i].collation = nth == next ? other : collation;
        nth++;
    }
}

static void take_column_charset(struct bytes *piece, struct feed_map *map, class_fn *is_member)
{
    for (size_t i = 0; i < map->table.n_columns; i++) {
        if (is_member(&map->layouts[i])) {
            map->layouts[i].collation = take_packed(piece);
        }
    }
}

static void take_names(struct bytes *piece, struct feed_map *map)
{
    for (size_t i = 0; i < map->table.n_columns; i++) {
        const uint64_t n = take_packed(piece);

        map->table.columns[i].name = arena_copy(map->arena, take_str(piece, n));
    }
}

static void take_labels(struct bytes *piece, struct feed_map *map, class_fn *is_member)
{
    for (size_t i = 0; i < map->table.n_columns && !piece->bad; i++) {
        struct feed_layout *layout = &map->layouts[i];
        uint64_t n;

        if (!is_member(layout)) {
            continue;
        }
        n = take_packed(piece);
        if (n > LABELS_MAX || n > piece->n) { /* each has a length of one byte at least */
            piece->bad = true;
            return;
        }
        layout->labels = arena_new_array(map->arena, struct str, (size_t)n);
        layout->n_labels = (size_t)n;
        for (size_t j = 0; j < layout->n_labels; j++) {
            const uint64_t length = take_packed(piece);

            layout->labels[j] = arena_copy(map->arena, take_str(piece, length));
        }
    }
}

static void take_piece(uint64_t kind, struct bytes piece, struct feed_map *map, bool *named)
{
    switch (kind) {
    case PIECE_SIGNS:
        take_signs(piece, map);
        break;
    case PIECE_DEFAULT_CHARSET:
        take_default_charset(&piece, map, has_charset);
        break;
    case PIECE_COLUMN_CHARSET:
        take_column_charset(&piece, map, has_charset);
        break;
    case PIECE_NAMES:
        take_names(&piece, map);
        *named = !piece.bad;
        break;
    case PIECE_SET_LABELS:
        take_labels(&piece, map, is_set);
        break;
    case PIECE_ENUM_LABELS:
        take_labels(&piece, map, is_enum);
        break;
    case PIECE_LABEL_DEFAULT_CHARSET:
        take_default_charset(&piece, map, has_labels);
        break;
    case PIECE_LABEL_COLUMN_CHARSET:
        take_column_charset(&piece, map, has_labels);
        break;
    default: /* types of geometry, keys */
        break;
    }
}

/* ---- the whole ---- */

bool feed_map_names(struct bytes body, struct str *ret_schema, struct str *ret_table)
{
    const struct str schema = take_str(&body, take_le(&body, 1));
    const uint64_t end_of_schema = take_le(&body, 1);
    const struct str table = take_str(&body, take_le(&body, 1));

    if (take_le(&body, 1) != 0 || end_of_schema != 0 || body.bad) {
        return false;
    }
    *ret_schema = schema;
    *ret_table = table;
    return true;
}

static struct bytes skip_names(struct bytes body)
{
    (void)take_slice(&body, take_le(&body, 1));
    (void)take_le(&body, 1);
    (void)take_slice(&body, take_le(&body, 1));
    (void)take_le(&body, 1);
    return body;
}

static int refuse_column(const struct feed_map *map, size_t i, const char *why, struct err *err)
{
    return err_set(err, ERR_INTERNAL, "feed %.*s.%.*s, column %.*s: %s (type %u, collation %llu)",
        STR_ARGS(map->table.schema), STR_ARGS(map->table.name), STR_ARGS(map->table.columns[i].name), why,
        map->layouts[i].type, (unsigned long long)map->layouts[i].collation);
}

/* Labels are logged in the column's character set, and kept in UTF-8. */
static int settle_labels(struct feed_map *map, size_t i, struct err *err)
{
    struct feed_layout *layout = &map->layouts[i];

    if (layout->n_labels == 0 || (is_set(layout) && layout->n_labels > 64)) {
        return refuse_column(map, i, "its labels are not logged", err);
    }
    for (size_t j = 0; j < layout->n_labels && layout->charset != FEED_UTF8; j++) {
        for (size_t k = 0; k < layout->labels[j].n; k++) {
            if ((layout->labels[j].p[k] & 0x80) != 0 || layout->charset == FEED_OTHER) {
                return refuse_column(map, i, "labels in a character set that is not read", err);
            }
        }
    }
    return 0;
}

static int settle_column(struct feed_map *map, size_t i, struct err *err)
{
    struct feed_layout *layout = &map->layouts[i];
    struct feed_column *column = &map->table.columns[i];

    column->type = layout->type;
    column->is_unsigned = layout->is_unsigned;
    switch (layout->type) {
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_DATETIME:
        return refuse_column(map, i, "a format of the times before MariaDB 10.1", err);
    case TYPE_BLOB_COMPRESSED:
    case TYPE_VARCHAR_COMPRESSED:
        return refuse_column(map, i, "compressed columns are not read", err);
    case MYSQL_TYPE_GEOMETRY:
        layout->charset = FEED_BINARY;
        break;
    default:
        layout->charset =
            has_charset(layout) || has_labels(layout) ? feed_charset_of(layout->collation) : FEED_UTF8;
    }
    column->is_binary = layout->charset == FEED_BINARY;
    if (has_labels(layout)) {
        return settle_labels(map, i, err);
    }
    return layout->charset == FEED_OTHER ? refuse_column(map, i, "a character set that is not read", err) : 0;
}

static void found_fixed(void *arg, struct str column, enum feed_fixed fixed)
{
    struct feed_map *map = arg;

    for (size_t i = 0; i < map->table.n_columns; i++) {
        struct feed_layout *layout = &map->layouts[i];

        if (layout->type == MYSQL_TYPE_STRING && layout->charset == FEED_BINARY &&
            layout->width == (fixed == FEED_FIXED_INET4 ? 4 : 16) &&
            str_eq_nocase(map->table.columns[i].name, column)) {
            layout->fixed = fixed;
            map->table.columns[i].is_binary = false;
        }
    }
}

static int look_up_fixed(struct feed_map *map, const struct feed_lookup *lookup, struct err *err)
{
    for (size_t i = 0; lookup != NULL && i < map->table.n_columns; i++) {
        const struct feed_layout *layout = &map->layouts[i];

        if (layout->type == MYSQL_TYPE_STRING && layout->charset == FEED_BINARY &&
            (layout->width == 16 || layout->width == 4)) {
            return lookup->fn(lookup->arg, map->table.schema, map->table.name, found_fixed, map, err);
        }
    }
    return 0;
}

static bool take_columns(struct bytes *body, struct feed_map *map)
{
    const uint64_t n = take_packed(body);
    const struct bytes types = take_slice(body, n);
    struct bytes block = take_slice(body, take_packed(body));

    if (body->bad || n == 0 || n > COLUMNS_MAX) {
        return false;
    }
    map->table.n_columns = (size_t)n;
    map->table.columns = arena_new_array(map->arena, struct feed_column, map->table.n_columns);
    map->layouts = arena_new_array(map->arena, struct feed_layout, map->table.n_columns);
    for (size_t i = 0; i < map->table.n_columns; i++) {
        take_layout(&block, types.p[i], &map->layouts[i]);
    }
    (void)take(body, (map->table.n_columns + 7) / 8); /* which may be null: the rows tell again */
    return !block.bad && !body->bad;
}

static int parse(struct bytes body, const struct feed_lookup *lookup, struct feed_map *map, struct err *err)
{
    struct bytes rest = skip_names(body);
    bool named = false;
    int status = 0;

    if (!take_columns(&rest, map)) {
        return err_set(err, ERR_INTERNAL, "feed malformed table map of %.*s.%.*s",
            STR_ARGS(map->table.schema), STR_ARGS(map->table.name));
    }
    while (rest.n > 0) {
        const uint64_t kind = take_le(&rest, 1);

        take_piece(kind, take_slice(&rest, take_packed(&rest)), map, &named);
    }
    if (rest.bad || !named) {
        return err_set(err, ERR_INTERNAL, "feed no column names for %.*s.%.*s: set binlog_row_metadata=FULL",
            STR_ARGS(map->table.schema), STR_ARGS(map->table.name));
    }
    for (size_t i = 0; i < map->table.n_columns && status == 0; i++) {
        status = settle_column(map, i, err);
    }
    return status == 0 ? look_up_fixed(map, lookup, err) : status;
}

int feed_map_parse(
    struct bytes body, const struct feed_lookup *lookup, struct feed_map **ret_map, struct err *err)
{
    struct feed_map *map;
    struct str schema, table;
    int status;

    if (!feed_map_names(body, &schema, &table)) {
        return err_set(err, ERR_INTERNAL, "feed malformed table map");
    }
    map = must_alloc(sizeof *map);
    map->refs = 1;
    map->arena = arena_new();
    map->table.schema = arena_copy(map->arena, schema);
    map->table.name = arena_copy(map->arena, table);
    map->raw = arena_copy(map->arena, (struct str){(const char *)body.p, body.n});
    status = parse(body, lookup, map, err);
    if (status != 0) {
        feed_map_unref(map);
        return status;
    }
    *ret_map = map;
    return 0;
}

struct feed_map *feed_map_ref(struct feed_map *map)
{
    atomic_fetch_add(&map->refs, 1);
    return map;
}

void feed_map_unref(struct feed_map *map)
{
    if (map != NULL && atomic_fetch_sub(&map->refs, 1) == 1) {
        arena_free(map->arena);
        free(map);
    }
}
