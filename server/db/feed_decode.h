/*
 * Private to db/feed*: table maps and row images. Works on bytes alone, knows neither connection nor thread,
 * so that the fuzzer and the tests can hold it by itself. Errors are -ERR_INTERNAL with the reason and never
 * crash: the bytes come from outside of the process.
 */
#ifndef TIDEMARK_DB_FEED_DECODE_H
#define TIDEMARK_DB_FEED_DECODE_H

#include "db/feed.h"
#include "db/feed_bytes.h"

#include "base/buf.h"

enum feed_charset {
    FEED_BINARY, /* DB_BYTES */
    FEED_UTF8,   /* utf8mb4, utf8mb3, ascii: the bytes are the text */
    FEED_LATIN1, /* MariaDB's, which is Windows' code page 1252 */
    FEED_OTHER   /* refused */
};
/* By the collation's number as the table map tells it. */
enum feed_charset feed_charset_of(uint64_t collation);

/* MariaDB logs these types as BINARY of 16 or 4 bytes, and nothing in the binlog tells them apart. */
enum feed_fixed { FEED_FIXED_NONE, FEED_FIXED_UUID, FEED_FIXED_INET6, FEED_FIXED_INET4 };

/* How one column's values are packed. */
struct feed_layout {
    uint8_t type;      /* enum enum_field_types; ENUM and SET told apart from STRING */
    uint8_t precision; /* DECIMAL */
    uint8_t scale;     /* DECIMAL; digits of the second's fraction */
    uint8_t n_length;  /* bytes of a length, of an ENUM's or SET's number */
    uint16_t width;    /* BINARY and CHAR: bytes; BIT: bits */
    bool is_unsigned;
    enum feed_charset charset;
    enum feed_fixed fixed;
    uint64_t collation;
    struct str *labels; /* of ENUM and SET, in UTF-8 */
    size_t n_labels;
};

/* A table map as read. Counted, since transactions in other threads still name its table. */
struct feed_map {
    struct feed_table table; /* first */
    struct feed_layout *layouts;
    struct str raw; /* the event's body, to know it again */
    struct arena *arena;
    _Atomic unsigned refs;
};

/*
 * Whom to ask for the columns of type UUID, INET6 and INET4 of a table: calls `found` for each. May be NULL:
 * then they are taken for BINARY.
 */
struct feed_lookup {
    int (*fn)(void *arg, struct str schema, struct str table,
        void (*found)(void *map, struct str column, enum feed_fixed fixed), void *map, struct err *err);
    void *arg;
};

/* Where the table map's own data begins: schema and table, without reading further. False: malformed. */
bool feed_map_names(struct bytes body, struct str *ret_schema, struct str *ret_table);
/* The body of a TABLE_MAP event past its post-header. The caller owns a reference. */
int feed_map_parse(
    struct bytes body, const struct feed_lookup *lookup, struct feed_map **ret_map, struct err *err);
struct feed_map *feed_map_ref(struct feed_map *map);
void feed_map_unref(struct feed_map *map); /* NULL accepted */

/* Scratch that the values of a row are put together in. */
struct feed_row_scratch {
    struct buf text;
    size_t *starts; /* of each column's bytes in text */
    size_t n_starts;
};
void feed_row_scratch_done(struct feed_row_scratch *scratch);

/* Takes one image (null bits and values of all columns) from `rows`; the values live in `arena`. */
int feed_row_take(struct bytes *rows, const struct feed_map *map, struct feed_row_scratch *scratch,
    struct arena *arena, struct db_val **ret_values, struct err *err);

/* Takes one value that is not null. Its bytes, if any, are added to `text` and *ret_value's slice gets the
 * length only. False: malformed. */
bool feed_value_take(
    struct bytes *row, const struct feed_layout *layout, struct buf *text, struct db_val *ret_value);

#endif
