/*
 * Sorting and keyset paging. A page is the rows after the last one of the page before, or before the first
 * one of the page after, in the order (terms…, id): no offset is ever counted, so the deepest page costs what
 * the first does, and rows that change meanwhile neither repeat nor vanish.
 */
#include "record/cursor_int.h"

#include "crypto/crypto.h"

#include <string.h>

enum { TAG_BYTES = 12, ID_BYTES = 8, LENGTH_BYTES = 4 };

static void plain_expression(const struct field *field, struct statement *to)
{
    const char *prefix = field->type->is_text ? "_k_" : "";
    if (!field->type->has_options) {
        buf_printf(to->sql, "r.`%s%.*s`", prefix, STR_ARGS(field->column));
        return;
    }
    /* Options sort in the order of the definition, not of their keys. */
    buf_printf(to->sql, "NULLIF(FIELD(r.`%.*s`", STR_ARGS(field->column));
    for (size_t i = 0; i < field->n_options; i++) {
        buf_add_text(to->sql, ", ?");
        statement_bind(to, DB_S(field->options[i].key));
    }
    buf_add_text(to->sql, "), 0)");
}

void sort_expression(const struct plan *plan, const struct sort_term *term, struct statement *to)
{
    bool always;
    size_t before = to->sql->n;
    buf_add_text(to->sql, "CASE WHEN ");
    plan_where_clear(plan, term->field, to, &always);
    if (always) {
        to->sql->n = before; /* nothing was bound: the plain column, so that an index can serve */
        plain_expression(term->field, to);
        return;
    }
    buf_add_text(to->sql, " THEN ");
    plain_expression(term->field, to);
    buf_add_text(to->sql, " END");
}

bool sort_has_parts(const struct plan *plan, const struct sort *sort)
{
    bool always = false;
    struct statement *scratch = statement_new();
    if (sort->n > 0 && !sort->terms[0].field->type->has_options)
        plan_where_clear(plan, sort->terms[0].field, scratch, &always);
    return always;
}

void sort_where(const struct plan *plan, const struct sort *sort, enum sort_part part, struct statement *to)
{
    if (part == SORT_ALL)
        return;
    buf_add_text(to->sql, " AND ");
    sort_expression(plan, &sort->terms[0], to);
    buf_add_text(to->sql, part == SORT_NULL ? " IS NULL" : " IS NOT NULL");
}

void sort_order(const struct plan *plan, const struct sort *sort, enum sort_part part, bool backwards,
    struct statement *to)
{
    buf_add_text(to->sql, " ORDER BY ");
    for (size_t i = part == SORT_NULL; i < sort->n; i++) {
        bool descending = sort->terms[i].descending != backwards;
        /* MariaDB puts nulls first ascending and last descending; the contract wants them last always. */
        if (!sort->terms[i].descending && (i > 0 || part == SORT_ALL)) {
            sort_expression(plan, &sort->terms[i], to);
            buf_add_text(to->sql, backwards ? " IS NULL DESC, " : " IS NULL, ");
        }
        sort_expression(plan, &sort->terms[i], to);
        buf_add_text(to->sql, descending ? " DESC, " : ", ");
    }
    buf_add_text(to->sql, sort->id_descending != backwards ? "r._id DESC" : "r._id");
}

static void bind_sort_value(const struct sort_term *term, const struct db_val *value, struct statement *to)
{
    buf_add_text(to->sql, term->field->type->sort_param ? term->field->type->sort_param : "?");
    statement_bind(to, *value);
}

/* The row's value comes after the cursor's (backwards: before it), or, with `same`, is equal to it. Nulls
 * come after everything; after a null comes nothing, and before it every value. */
static void term_compares(const struct plan *plan, const struct sort_term *term, bool nulls, bool backwards,
    bool same, const struct db_val *value, struct statement *to)
{
    bool greater = term->descending == backwards;
    if (value->kind == DB_NULL) {
        sort_expression(plan, term, to);
        buf_add_text(to->sql, " IS NOT NULL");
        return;
    }
    buf_add_text(to->sql, "(");
    sort_expression(plan, term, to);
    buf_printf(to->sql, " %s%s ", greater ? ">" : "<", same ? "=" : "");
    bind_sort_value(term, value, to);
    if (!backwards && nulls) {
        buf_add_text(to->sql, " OR ");
        sort_expression(plan, term, to);
        buf_add_text(to->sql, " IS NULL");
    }
    buf_add_text(to->sql, ")");
}

static void term_equals(
    const struct plan *plan, const struct sort_term *term, const struct db_val *value, struct statement *to)
{
    sort_expression(plan, term, to);
    if (value->kind == DB_NULL) {
        buf_add_text(to->sql, " IS NULL");
        return;
    }
    buf_add_text(to->sql, " = ");
    bind_sort_value(term, value, to);
}

void cursor_where(const struct plan *plan, const struct sort *sort, const struct cursor *cursor,
    enum sort_part part, bool backwards, struct statement *to)
{
    buf_add_text(to->sql, " AND ");
    if (sort->n > 0 && cursor->values[0].kind != DB_NULL) {
        /* The leading bound lets an index start at the right place. */
        term_compares(plan, &sort->terms[0], part == SORT_ALL, backwards, true, &cursor->values[0], to);
        buf_add_text(to->sql, " AND ");
    }
    buf_add_text(to->sql, "(");
    for (size_t i = 0; i <= sort->n; i++) {
        bool is_null = i < sort->n && cursor->values[i].kind == DB_NULL;
        if (is_null && (!backwards || (i == 0 && part == SORT_NULL)))
            continue; /* nothing comes after a null but by the later terms; all of a part of nulls are alike
                       */
        buf_add_text(to->sql, "(");
        for (size_t j = 0; j < i; j++) {
            term_equals(plan, &sort->terms[j], &cursor->values[j], to);
            buf_add_text(to->sql, " AND ");
        }
        if (i < sort->n) {
            term_compares(
                plan, &sort->terms[i], i > 0 || part == SORT_ALL, backwards, false, &cursor->values[i], to);
            buf_add_text(to->sql, ") OR ");
        } else {
            buf_add_text(to->sql, sort->id_descending != backwards ? "r._id < ?)" : "r._id > ?)");
            statement_bind(to, DB_I(cursor->id));
        }
    }
    buf_add_text(to->sql, ")");
}

/* ---- the opaque text: tag (keyed hash), id, then kind, length and bytes of each value
 * ------------------------ */

static void put_number(struct buf *buf, uint64_t number, int bytes)
{
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
        buf_add_char(buf, (char)(number >> shift & 0xff));
}

static uint64_t get_number(const char *p, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number = number << 8 | (unsigned char)p[i];
    return number;
}

static void cursor_tag(const struct plan *plan, const struct sort *sort, struct str payload,
    unsigned char tag[CRYPTO_SHA256_BYTES])
{
    struct arena *arena = task_arena();
    struct str order = STR("");
    for (size_t i = 0; i < sort->n; i++)
        order = arena_printf(arena, "%.*s%c%.*s", STR_ARGS(order), sort->terms[i].descending ? '-' : '+',
            STR_ARGS(sort->terms[i].field->key));
    const struct str pieces[] = {STR("cursor"), plan->form->key,
        arena_printf(arena, "%lld", (long long)plan->caller->user_id), order, payload};
    crypto_hmac_pieces(plan->caller->house->server_key, pieces, sizeof(pieces) / sizeof(pieces[0]), tag);
}

/* A number's bytes, highest first, into `number`; a text's own. */
static struct str value_bytes(const struct db_val *value, char number[ID_BYTES])
{
    uint64_t bits = (uint64_t)value->i;
    if (value->kind == DB_REAL)
        memcpy(&bits, &value->real, sizeof(bits));
    for (int i = 0; i < ID_BYTES; i++)
        number[i] = (char)(bits >> (ID_BYTES - 1 - i) * 8 & 0xff);
    if (value->kind == DB_INT || value->kind == DB_REAL)
        return (struct str){number, ID_BYTES};
    return value->kind == DB_NULL ? STR_NULL : value->s;
}

struct str cursor_print(const struct plan *plan, const struct sort *sort, const struct cursor *cursor)
{
    struct buf payload = {0}, whole = {0};
    unsigned char tag[CRYPTO_SHA256_BYTES];
    char number[ID_BYTES];
    buf_init(&payload, 0);
    put_number(&payload, (uint64_t)cursor->id, ID_BYTES);
    for (size_t i = 0; i < sort->n; i++) {
        const struct db_val *value = &cursor->values[i];
        struct str bytes = value_bytes(value, number);
        buf_add_char(&payload, (char)value->kind);
        put_number(&payload, bytes.n, LENGTH_BYTES);
        buf_add_str(&payload, bytes);
    }
    cursor_tag(plan, sort, buf_str(&payload), tag);
    buf_init(&whole, 0);
    buf_add(&whole, tag, TAG_BYTES);
    buf_add_str(&whole, buf_str(&payload));
    struct str text = crypto_base64url(task_arena(), whole.p, whole.n);
    buf_done(&payload);
    buf_done(&whole);
    return text;
}

/* The tag has been checked, so the payload is one that we printed; lengths are looked at all the same. */
static bool read_values(struct str payload, const struct sort *sort, struct cursor *cursor)
{
    if (payload.n < ID_BYTES)
        return false;
    cursor->id = (int64_t)get_number(payload.p, ID_BYTES);
    size_t at = ID_BYTES;
    for (size_t i = 0; i < sort->n; i++) {
        if (payload.n - at < 1 + LENGTH_BYTES)
            return false;
        struct db_val *value = &cursor->values[i];
        value->kind = (enum db_kind)payload.p[at];
        size_t n = (size_t)get_number(payload.p + at + 1, LENGTH_BYTES);
        at += 1 + LENGTH_BYTES;
        bool is_number = value->kind == DB_INT || value->kind == DB_REAL;
        if (payload.n - at < n || (is_number && n != ID_BYTES))
            return false;
        const uint64_t bits = is_number ? get_number(payload.p + at, ID_BYTES) : 0;
        if (value->kind == DB_INT)
            value->i = (int64_t)bits;
        else if (value->kind == DB_REAL)
            memcpy(&value->real, &bits, sizeof(bits));
        else
            value->s = (struct str){payload.p + at, n};
        at += n;
    }
    return at == payload.n;
}

int cursor_parse(const struct plan *plan, const struct sort *sort, const char *parameter, struct str text,
    struct cursor *ret_cursor, struct err *err)
{
    struct cursor cursor = {0};
    struct str bytes;
    unsigned char tag[CRYPTO_SHA256_BYTES];
    if (crypto_base64url_decode(task_arena(), text, &bytes) && bytes.n > TAG_BYTES) {
        struct str payload = {bytes.p + TAG_BYTES, bytes.n - TAG_BYTES};
        cursor_tag(plan, sort, payload, tag);
        struct str expected = {(const char *)tag, TAG_BYTES};
        if (str_eq_constant_time((struct str){bytes.p, TAG_BYTES}, expected) &&
            read_values(payload, sort, &cursor)) {
            *ret_cursor = cursor;
            return 0;
        }
    }
    return err_add(err, task_arena(), str_of(parameter), FAULT_BAD_VALUE, STR_NULL);
}
