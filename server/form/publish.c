/*
 * A form's table: one column a field, derived columns beside text (folded for search, pinyin key for order)
 * and references (what the row copies of the record), and the columns of ours, which begin with '_'. InnoDB's
 * two limits are computed before anything is made (DECISIONS A18, X2).
 */
#include "base/id.h"
#include "form/form.h"
#include "text/text.h"

enum {
    ROW_DECLARED_MAX = 65535, /* declared bytes of a row */
    ROW_INLINE_MAX = 8126,    /* bytes kept in a 16 KiB page */
    KEYS_MAX = 64
};

static const char SQL_ADD_FORM[] =
    "INSERT INTO form (id, `key`, table_name, state, version, position, definition, collation, _rev) "
    "VALUES (?, ?, ?, 'publishing', 1, 0, ?, ?, 1)";
static const char SQL_ADD_FIELD[] =
    "INSERT INTO form_field (id, form_id, `key`, column_name, _rev) VALUES (?, ?, ?, ?, 1)";
static const char SQL_SET_LIVE[] = "UPDATE form SET state = 'live', _rev = _rev + 1 WHERE id = ?";

/* What a column takes, by the text of its type: declared bytes, and bytes inside the page (long ones leave 20
 * there). */
static void column_cost(struct str type, size_t *declared, size_t *inline_bytes)
{
    size_t n = 0, width = 8, length_bytes = 0;
    size_t open = str_find(type, STR("("));
    if (open != SIZE_MAX)
        for (size_t i = open + 1; i < type.n && type.p[i] >= '0' && type.p[i] <= '9'; i++)
            n = n * 10 + (size_t)(type.p[i] - '0');
    if (str_starts(type, STR("VARCHAR")) || str_starts(type, STR("VARBINARY"))) {
        bool one_byte = str_starts(type, STR("VARBINARY")) || str_find(type, STR("ascii")) != SIZE_MAX;
        width = n * (one_byte ? 1 : 4);
        length_bytes = 2;
    } else if (str_starts(type, STR("TEXT"))) {
        width = 10;
    } else if (str_starts(type, STR("DECIMAL"))) {
        width = 10;
    }
    *declared += width + length_bytes;
    *inline_bytes += width > 255 ? 20 : width + length_bytes;
}

static void add_column(struct buf *ddl, struct str prefix, struct str name, struct str type, size_t *declared,
    size_t *inline_bytes)
{
    buf_printf(ddl, "    `%.*s%.*s` %.*s NULL,\n", STR_ARGS(prefix), STR_ARGS(name), STR_ARGS(type));
    column_cost(type, declared, inline_bytes);
}

static int check_limits(
    const struct form *form, size_t declared, size_t inline_bytes, size_t keys, struct err *err)
{
    if (declared > ROW_DECLARED_MAX || inline_bytes > ROW_INLINE_MAX)
        return err_set(err, ERR_INVALID,
            "form %.*s: a row would declare %zu bytes (at most %d) and keep %zu in the page (at most %d)",
            STR_ARGS(form->key), declared, ROW_DECLARED_MAX, inline_bytes, ROW_INLINE_MAX);
    if (keys > KEYS_MAX)
        return err_set(
            err, ERR_INVALID, "form %.*s: %zu indexes, at most %d", STR_ARGS(form->key), keys, KEYS_MAX);
    return 0;
}

static void add_keys(const struct form *form, struct buf *ddl, size_t *keys)
{
    buf_add_text(
        ddl, "    KEY `ix__department` (`_department`, `_id`),\n    KEY `ix__owner` (`_owner`, `_id`),\n");
    *keys += 3;
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct field *field = &form->fields[i];
        if (field->unique || field->type->is_numbered) {
            /* Ends in _live: the recycle bin does not block a value (DECISIONS A29). */
            buf_printf(ddl, "    UNIQUE KEY `uk_%.*s` (`%.*s`, `_live`),\n", STR_ARGS(field->key),
                STR_ARGS(field->column));
            (*keys)++;
        } else if (field->type->reference == REFERENCE_RECORD ||
                   (field->sortable && field->role == FIELD_PLAIN)) {
            buf_printf(ddl, "    KEY `ix_%.*s` (`%s%.*s`, `_id`),\n", STR_ARGS(field->key),
                field->type->is_text ? "_k_" : "", STR_ARGS(field->column));
            (*keys)++;
        }
    }
}

int form_table_ddl(const struct form *form, struct buf *ddl, struct err *err)
{
    size_t declared = 80, inline_bytes = 120, keys = 0;
    struct buf type = {0};
    buf_init(&type, 256);
    buf_printf(ddl,
        "CREATE TABLE IF NOT EXISTS `%.*s` (\n"
        "    `_id` BIGINT NOT NULL PRIMARY KEY,\n    `_rev` BIGINT NOT NULL,\n    `_live` TINYINT NULL DEFAULT 1,\n"
        "    `_created_at` DATETIME(6) NOT NULL,\n    `_created_by` BIGINT NOT NULL,\n"
        "    `_changed_at` DATETIME(6) NOT NULL,\n    `_changed_by` BIGINT NOT NULL,\n"
        "    `_deleted_at` DATETIME(6) NULL,\n    `_deleted_by` BIGINT NULL,\n",
        STR_ARGS(form->table));
    if (form->owner < 0)
        buf_add_text(ddl, "    `_owner` BIGINT NULL,\n");
    if (form->department < 0)
        buf_add_text(ddl, "    `_department` BIGINT NULL,\n");
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct field *field = &form->fields[i];
        if (field->type->own_column)
            continue; /* it is there */
        buf_clear(&type);
        field->type->column(field, &type);
        add_column(ddl, STR(""), field->column, buf_str(&type), &declared, &inline_bytes);
        if (field->type->search == SEARCH_FOLDED)
            add_column(ddl, STR("_f_"), field->column, STR("TEXT"), &declared, &inline_bytes);
        if (field->sortable && field->type->is_text)
            add_column(ddl, STR("_k_"), field->column, STR("VARBINARY(300)"), &declared, &inline_bytes);
        if (field->type->reference == REFERENCE_RECORD)
            add_column(ddl, STR("_t_"), field->column, STR("TEXT"), &declared, &inline_bytes);
        if (field->type->reference == REFERENCE_RECORD && field->role != FIELD_PARENT) {
            add_column(ddl, STR("_o_"), field->column, STR("BIGINT"), &declared, &inline_bytes);
            add_column(ddl, STR("_d_"), field->column, STR("BIGINT"), &declared, &inline_bytes);
            add_column(ddl, STR("_l_"), field->column, STR("TINYINT"), &declared, &inline_bytes);
        }
    }
    buf_done(&type);
    add_keys(form, ddl, &keys);
    /* The last line has no comma, so the table's keys end in one that is always there. */
    buf_add_text(ddl,
        "    KEY `ix__live` (`_live`, `_id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin");
    return check_limits(form, declared, inline_bytes, keys, err);
}

void form_add(struct tx *tx, struct form *form, struct str definition)
{
    form->id = id_new();
    tx_add(tx, SQL_ADD_FORM,
        DB_PARAMS(DB_I(form->id), DB_S(form->key), DB_S(form->table), DB_S(definition),
            DB_S(str_of(text_collation_version()))));
    for (size_t i = 0; i < form->n_fields; i++) {
        struct field *field = &form->fields[i];
        field->id = id_new();
        tx_add(tx, SQL_ADD_FIELD,
            DB_PARAMS(DB_I(field->id), DB_I(form->id), DB_S(field->key), DB_S(field->column)));
    }
}

void form_set_live(struct tx *tx, int64_t form_id)
{
    tx_add(tx, SQL_SET_LIVE, DB_PARAMS(DB_I(form_id)));
}
