/*
 * The catalog: all live forms of one epoch, compiled from their rows inside one snapshot. Immutable and
 * counted; who holds it may keep it for the length of a task.
 */
#include "base/buf.h"
#include "base/must.h"
#include "form/form.h"

enum { CATALOG_MAGIC = 0x43415447 };

static const char SQL_FORMS[] =
    "SELECT id, `key`, table_name, version, definition FROM form WHERE state = 'live' ORDER BY position, id";
static const char SQL_FIELDS[] =
    "SELECT form_id, id, `key`, column_name FROM form_field WHERE retired_at IS NULL";
const char EPOCH_SHARE_SQL[] = "SELECT epoch FROM catalog_epoch WHERE id = 1 LOCK IN SHARE MODE";
static const char SQL_RAISE[] = "UPDATE catalog_epoch SET epoch = epoch + 1 WHERE id = 1";

void epoch_raise(struct tx *tx)
{
    tx_add(tx, SQL_RAISE, DB_NO_PARAMS);
}

/* A definition that the database holds and we cannot read is our own mistake or somebody's hand: the server
 * does not serve. */
static int compile_form(
    struct arena *arena, const struct db_rows *rows, size_t row, struct form *ret_form, struct err *err)
{
    struct json *definition = NULL;
    struct json_limits limits = {.max_bytes = 4 << 20, .max_nodes = 400000};
    struct str text = arena_copy(arena, db_cell(rows, row, 4)->s);
    int rc = json_parse(arena, text, &limits, &definition, err);
    if (rc < 0)
        return rc;
    rc = form_parse(arena, definition, ret_form, err);
    if (rc < 0)
        return rc;
    ret_form->id = db_cell(rows, row, 0)->i;
    ret_form->table = arena_copy(arena, db_cell(rows, row, 2)->s);
    ret_form->version = db_cell(rows, row, 3)->i;
    return 0;
}

static struct field *find_field(struct form *form, struct str key)
{
    for (size_t i = 0; i < form->n_fields; i++)
        if (str_eq(form->fields[i].key, key))
            return &form->fields[i];
    return NULL;
}

/* Ids and physical columns come from form_field only. */
static int bind_fields(struct catalog *catalog, const struct db_rows *rows, struct err *err)
{
    for (size_t row = 0; row < rows->n_rows; row++)
        for (size_t f = 0; f < catalog->n_forms; f++) {
            struct form *form = &catalog->forms[f];
            if (form->id != db_cell(rows, row, 0)->i)
                continue;
            struct field *field = find_field(form, db_cell(rows, row, 2)->s);
            if (!field)
                continue;
            field->id = db_cell(rows, row, 1)->i;
            field->column = arena_copy(catalog->arena, db_cell(rows, row, 3)->s);
        }
    for (size_t f = 0; f < catalog->n_forms; f++)
        for (size_t i = 0; i < catalog->forms[f].n_fields; i++)
            if (catalog->forms[f].fields[i].id == 0)
                return err_set(err, ERR_INTERNAL, "form %.*s: field %.*s has no row",
                    STR_ARGS(catalog->forms[f].key), STR_ARGS(catalog->forms[f].fields[i].key));
    return 0;
}

static int bind_reference(
    const struct catalog *catalog, const struct form *form, struct field *field, struct err *err)
{
    const struct form *target = catalog_form(catalog, field->target);
    if (!target || target->owner < 0 || target->department < 0)
        return err_set(err, ERR_INVALID, "form %.*s: no form %.*s with an owner and a department",
            STR_ARGS(form->key), STR_ARGS(field->target));
    const struct field_type *title = target->fields[target->title].type;
    if (title->reference != REFERENCE_NONE || title->has_options || !title->search)
        return err_set(err, ERR_INVALID, "form %.*s: the title of %.*s is not text", STR_ARGS(form->key),
            STR_ARGS(field->target));
    field->target_form = target;
    return 0;
}

int catalog_bind_references(const struct catalog *catalog, struct form *form, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < form->n_fields && rc == 0; i++)
        if (form->fields[i].type->reference == REFERENCE_RECORD)
            rc = bind_reference(catalog, form, &form->fields[i], err);
    form->parent_form = rc == 0 && form->parent >= 0 ? form->fields[form->parent].target_form : NULL;
    return rc;
}

task_fn int catalog_load(struct tx *tx, struct catalog **ret_catalog, struct err *err)
{
    struct db_rows forms, fields;
    int rc = tx_query(tx, SQL_FORMS, DB_NO_PARAMS, &forms, err);
    if (rc == 0)
        rc = tx_query(tx, SQL_FIELDS, DB_NO_PARAMS, &fields, err);
    if (rc < 0)
        return rc;
    struct buf text;
    buf_init(&text, 0);
    db_rows_print(&forms, &text);
    db_rows_print(&fields, &text);
    struct arena *arena = arena_new();
    struct catalog *catalog = arena_new_one(arena, struct catalog);
    *catalog = (struct catalog){.magic = CATALOG_MAGIC, .refs = 1, .arena = arena};
    crypto_sha256(buf_str(&text), catalog->print);
    buf_done(&text);
    catalog->forms = arena_new_array(arena, struct form, forms.n_rows + 1);
    for (size_t row = 0; row < forms.n_rows && rc == 0; row++) {
        rc = compile_form(arena, &forms, row, &catalog->forms[row], err);
        catalog->n_forms = row + 1;
    }
    if (rc == 0)
        rc = bind_fields(catalog, &fields, err);
    for (size_t i = 0; i < catalog->n_forms && rc == 0; i++)
        rc = catalog_bind_references(catalog, &catalog->forms[i], err);
    if (rc < 0) {
        arena_free(arena);
        return rc;
    }
    *ret_catalog = catalog;
    return 0;
}

struct catalog *catalog_ref(struct catalog *catalog)
{
    CHECK(catalog, CATALOG_MAGIC);
    catalog->refs++;
    return catalog;
}

void catalog_unref(struct catalog *catalog)
{
    if (!catalog)
        return;
    CHECK(catalog, CATALOG_MAGIC);
    if (--catalog->refs == 0) {
        catalog->magic = 0;
        arena_free(catalog->arena);
    }
}

const struct form *catalog_form(const struct catalog *catalog, struct str key)
{
    for (size_t i = 0; i < catalog->n_forms; i++)
        if (str_eq(catalog->forms[i].key, key))
            return &catalog->forms[i];
    return NULL;
}
