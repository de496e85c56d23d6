/*
 * For tests of the change feed: a feed on the private MariaDB of db_fixture.h, waiting for its transactions,
 * and comparing their values with those of a SELECT.
 */
#ifndef TIDEMARK_TESTS_FEED_FIXTURE_H
#define TIDEMARK_TESTS_FEED_FIXTURE_H

#include "db/feed.h"
#include "db_fixture.h"

#define CHECKED(name)                                                                                        \
    static void name##_body(void *arg);                                                                      \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        task_run(name##_body, NULL);                                                                         \
    }                                                                                                        \
    static void name##_body(void *arg)

static const char *const FEED_SCHEMAS[] = {"tidemark", "tidemark_log", NULL};

static inline struct feed *feed_open(struct str after, const struct feed_limits *limits)
{
    const struct db_address address = instance_address(fixture.instance, INSTANCE_FEED);
    struct feed *feed = NULL;
    struct err err = {0};

    fixture_report(feed_start(&address, limits, after, FEED_SCHEMAS, &feed, &err), &err, "feed_start");
    return feed;
}

static inline struct feed_tx *feed_take(struct feed *feed)
{
    struct feed_tx *tx = NULL;
    struct err err = {0};

    fixture_report(feed_next(feed, &tx, &err), &err, "feed_next");
    return tx;
}

/* The next one that has changes of rows; others are dropped. */
static inline struct feed_tx *feed_take_rows(struct feed *feed)
{
    for (;;) {
        struct feed_tx *tx = feed_take(feed);

        must(tx->kind == FEED_TX);
        if (tx->n_changes > 0) {
            return tx;
        }
        feed_tx_unref(tx);
    }
}

static inline bool same_value(const struct db_val *a, const struct db_val *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case DB_NULL:
        return true;
    case DB_INT:
        return a->i == b->i;
    case DB_REAL:
        return memcmp(&a->real, &b->real, sizeof a->real) == 0;
    case DB_TEXT:
    case DB_BYTES:
    default:
        return str_eq(a->s, b->s) && a->s.p[a->s.n] == '\0';
    }
}

static inline void print_value(const char *what, const struct db_val *value)
{
    (void)fprintf(stderr, "  %s: kind %d, %lld, %.17g, %zu bytes \"%.*s\"\n", what, (int)value->kind,
        (long long)value->i, value->real, value->s.n, (int)(value->s.n < 200 ? value->s.n : 200),
        value->s.p != NULL ? value->s.p : "");
}

/* The image against a row of a SELECT * of the same table. */
static inline bool same_row(const struct feed_table *table, const struct db_val *image,
    const struct db_rows *rows, size_t row, const char *what)
{
    bool same = image != NULL && table->n_columns == rows->n_cols;

    for (size_t i = 0; same && i < rows->n_cols; i++) {
        if (!str_eq(table->columns[i].name, rows->names[i]) ||
            !same_value(&image[i], db_cell(rows, row, i))) {
            (void)fprintf(stderr, "%s: %.*s row %zu column %.*s type %u\n", what, STR_ARGS(table->name), row,
                STR_ARGS(table->columns[i].name), table->columns[i].type);
            print_value("feed", &image[i]);
            print_value("SELECT", db_cell(rows, row, i));
            same = false;
        }
    }
    return same;
}

#endif
