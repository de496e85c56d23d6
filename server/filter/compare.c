/*
 * The order of stored values, as MariaDB orders the columns that they come from: text by code points
 * (utf8mb4_nopad_bin), ASCII columns by bytes with blanks at the end not counted (ascii_bin pads), decimals
 * numbers and ids by value, dates and instants by time. An instant without a fraction equals the one with
 * zeros.
 */
#include "filter/filter_int.h"

#include "base/must.h"

#include <string.h>

/* The shorter one goes on with `fill` for ever. */
static int compare_padded(struct str a, struct str b, unsigned char fill)
{
    size_t common = a.n < b.n ? a.n : b.n;
    int order = common ? memcmp(a.p, b.p, common) : 0;
    struct str longer = a.n > b.n ? a : b;
    for (size_t i = common; order == 0 && i < longer.n; i++) {
        unsigned char c = (unsigned char)longer.p[i];
        if (c != fill)
            order = (c > fill) == (a.n > b.n) ? 1 : -1;
    }
    return order;
}

/* "2026-11-22 01:02:03" and "2026-11-22 01:02:03.000000" are one instant. */
static int compare_instants(struct str a, struct str b)
{
    size_t common = a.n < b.n ? a.n : b.n;
    int order = common ? memcmp(a.p, b.p, common) : 0;
    struct str longer = a.n > b.n ? a : b;
    for (size_t i = common; order == 0 && i < longer.n; i++)
        if (longer.p[i] != '.' && longer.p[i] != '0')
            order = a.n > b.n ? 1 : -1;
    return order;
}

int compare_texts(enum filter_kind kind, struct str a, struct str b)
{
    switch (kind) {
    case FILTER_CODE:
    case FILTER_CHOICE:
    case FILTER_SEVERAL:
        return compare_padded(a, b, ' ');
    case FILTER_INSTANT:
        return compare_instants(a, b);
    case FILTER_TEXT:
    case FILTER_DATE:
        return str_cmp(a, b);
    case FILTER_DECIMAL:
    case FILTER_INTEGER:
    case FILTER_NUMBER:
    case FILTER_REFERENCE:
        break;
    }
    never("numbers are not compared as texts");
}

static struct dec decimal_of(const struct db_val *value)
{
    struct dec dec;
    if (value->kind == DB_INT)
        return (struct dec){.units = value->i, .scale = 0};
    must(value->kind == DB_TEXT && dec_parse(value->s, &dec)); /* the database's own print of a DECIMAL */
    return dec;
}

static int compare_whole(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

/* There is no NaN in a column. */
int compare_reals(double a, double b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

int compare_operand(enum filter_kind kind, const struct db_val *value, const struct operand *operand)
{
    must(value->kind != DB_NULL);
    if (kind == FILTER_DECIMAL)
        return dec_cmp(decimal_of(value), operand->dec);
    return filter_compare(kind, value, &operand->value);
}

int filter_compare(enum filter_kind kind, const struct db_val *a, const struct db_val *b)
{
    must(a->kind != DB_NULL && b->kind != DB_NULL);
    if (kind == FILTER_DECIMAL)
        return dec_cmp(decimal_of(a), decimal_of(b));
    if (kind == FILTER_REFERENCE || kind == FILTER_INTEGER) {
        must(a->kind == DB_INT && b->kind == DB_INT);
        return compare_whole(a->i, b->i);
    }
    if (kind == FILTER_NUMBER) {
        must(a->kind == DB_REAL && b->kind == DB_REAL);
        return compare_reals(a->real, b->real);
    }
    must(a->kind != DB_INT && b->kind != DB_INT);
    return compare_texts(kind, a->s, b->s);
}

/* ---- equal values alike -------------------------------------------------------------------------------- */

static struct str without_end(struct str s, char c)
{
    while (s.n > 0 && s.p[s.n - 1] == c)
        s.n--;
    return s;
}

struct db_val filter_normal(enum filter_kind kind, const struct db_val *value, struct arena *arena)
{
    switch (kind) {
    case FILTER_CODE:
    case FILTER_CHOICE:
    case FILTER_SEVERAL:
        return DB_S(without_end(value->s, ' '));
    case FILTER_INSTANT:
        if (memchr(value->s.p, '.', value->s.n) == NULL)
            return *value;
        return DB_S(without_end(without_end(value->s, '0'), '.'));
    case FILTER_DECIMAL: {
        char text[DEC_TEXT_MAX];
        struct dec dec = decimal_of(value);
        while (dec.scale > 0 && dec.units % 10 == 0) {
            dec.units /= 10;
            dec.scale--;
        }
        size_t n = dec_print(dec, text);
        return DB_S(arena_copy(arena, ((struct str){text, n})));
    }
    case FILTER_NUMBER: /* of the two zeros the one */
        return compare_reals(value->real, 0) == 0 ? (struct db_val){.kind = DB_REAL} : *value;
    case FILTER_TEXT:
    case FILTER_DATE:
    case FILTER_INTEGER:
    case FILTER_REFERENCE:
        return *value;
    }
    never("all kinds are above");
}
