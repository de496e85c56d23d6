/*
 * Definitions of forms, field types, and the catalog compiled from them. A form is a real table with real
 * columns; a field type is one row of functions (types.c lists them). Everything here is immutable once made
 * and lives in its catalog's arena.
 */
#ifndef TIDEMARK_FORM_FORM_H
#define TIDEMARK_FORM_FORM_H

#include "crypto/crypto.h"
#include "db/db.h"
#include "db/tx.h"
#include "filter/filter.h"
#include "json/json.h"
#include "json/out.h"

#define FORM_KEY_MAX 40
#define FORM_FIELDS_MAX 200
#define FORM_OPTIONS_MAX 1000
#define FORM_REFERENCES_MAX 16

struct field;
struct form;
struct text_pattern;

enum field_reference { REFERENCE_NONE, REFERENCE_MEMBER, REFERENCE_DEPARTMENT, REFERENCE_RECORD };
enum field_search {
    SEARCH_NONE,
    SEARCH_FOLDED, /* a derived column holds the folded text, for q and for filters */
    SEARCH_CODE    /* the column itself, upper-case ASCII */
};
/* What a definition may ask of a field of a type; a bit each. */
enum field_rule {
    RULE_RANGE = 1,   /* min, max */
    RULE_LENGTH = 2,  /* max_length */
    RULE_PATTERN = 4, /* pattern, pattern_message */
    RULE_SCALE = 8,   /* scale */
    RULE_SORTED = 16, /* sortable */
    RULE_UNIQUE = 32  /* unique */
};
enum field_role { FIELD_PLAIN, FIELD_OWNER, FIELD_DEPARTMENT, FIELD_PARENT };

struct field_type {
    const char *key;
    enum field_reference reference;
    enum field_search search;
    unsigned rules;          /* bits of enum field_rule */
    enum filter_kind filter; /* how conditions on it are read and compared */
    bool has_options;        /* option keys are the values */
    bool is_yes_no;          /* true and false are the values */
    bool is_long;            /* text without bound: looked through by q, not kept for it */
    bool is_text;            /* pinyin order: a derived sort key column */
    bool is_automatic;       /* never written by a caller */
    bool is_numbered;        /* a number of its own is drawn for each record */
    const char *own_column; /* it is a column that every table has, "_created_at"; NULL: one of the field's */
    const char *sort_param; /* how a bound sort value is compared; NULL: "?" */
    /* Appends the column's SQL type. */
    void (*column)(const struct field *field, struct buf *ddl);
    /* A JSON value of a request to what is stored; never called with null. Faults are added under `path`.
     * What the definition asks beside the type is field_check's. */
    int (*parse)(const struct field *field, const struct json *value, struct str path, struct arena *arena,
        struct db_val *ret_value, struct err *err);
    /* What is stored to the JSON value that a request would carry (a reference: its id). Never called with
     * null. */
    void (*print)(const struct field *field, const struct db_val *value, struct json_out *out);
};
/* NULL if there is no such type. */
const struct field_type *field_type_find(struct str key);
const struct field_type *field_type_at(size_t i); /* NULL past the last */

struct field_option {
    struct str key, label_zh, label_en, color;
    bool retired;
};

struct field {
    int64_t id;   /* 0 until stored */
    size_t index; /* place in form->fields and in a record's values */
    struct str key, column, group, mask, format;
    struct str label_zh, label_en;
    struct str target;              /* REFERENCE_RECORD: key of the form whose records it names */
    const struct form *target_form; /* bound by the catalog */
    size_t reference;               /* of one that is not the parent: its place in form->references */
    const struct field_type *type;
    enum field_role role;
    bool required, unique, searchable, sortable;
    int64_t max_length;                 /* code points; 0: the type's */
    struct str min, max;                /* as the definition writes them; empty: none */
    struct db_val low, high;            /* the same as stored */
    const struct text_pattern *pattern; /* NULL: none */
    struct str pattern_text, pattern_zh,
        pattern_en; /* and what to say where it is not met; empty: the fault's */
    int64_t scale, width;
    struct field_option *options;
    size_t n_options;
};
const struct field_option *field_option_find(const struct field *field, struct str key);
/* Null or the type's JSON. */
void field_print(const struct field *field, const struct db_val *value, struct json_out *out);
/* "required" for null where it must not be, else the type's parse and field_check. ret_value is DB_NULL for
 * null or blank text. */
int field_parse(const struct field *field, const struct json *value, const struct db_val *before,
    struct str path, struct arena *arena, struct db_val *ret_value, struct err *err);
/* Range, pattern, options that are still in use; `before` is what the record holds (NULL: it is new), and
 * that may stay. */
int field_check(const struct field *field, const struct db_val *value, const struct db_val *before,
    struct str path, struct arena *arena, struct err *err);
bool db_val_equal(const struct db_val *a, const struct db_val *b);
/* The text a person reads (an option's label, a plain value; references are the caller's to name). */
struct str field_display(
    const struct field *field, const struct db_val *value, enum err_lang lang, struct arena *arena);

struct form_group {
    struct str key, label_zh, label_en;
};
struct form {
    int64_t id, version;
    struct str key, table;
    struct str label_zh, label_en;
    struct field *fields;
    size_t n_fields;
    struct form_group *groups;
    size_t n_groups;
    size_t title;                /* index of the field that names a record */
    ptrdiff_t owner, department; /* indexes, -1: none */
    /* The field that names the record which this one belongs to, -1: none. Then _owner, _department and the
     * derived title beside the field are copies of that record's, so that a rule looks at the row alone. */
    ptrdiff_t parent;
    const struct form *parent_form; /* bound by the catalog */
    /* Indexes of the fields that name other records. Beside each stand copies of that record's title (_t_),
     * owner (_o_) and department (_d_), and whether it is there (_l_). */
    size_t references[FORM_REFERENCES_MAX];
    size_t n_references;
};
const struct field *form_field_find(const struct form *form, struct str key);

/* Definition (config/templates/…/<form>.json) to form, all problems at once. ids are 0, columns equal keys
 * (but for fields with a role: _owner, _department). */
int form_parse(struct arena *arena, const struct json *definition, struct form *ret_form, struct err *err);

/* ---- publishing
 * -------------------------------------------------------------------------------------------- */

/* The DDL of the form's table, re-runnable. Refuses a definition that InnoDB could not hold (DECISIONS A18).
 */
int form_table_ddl(const struct form *form, struct buf *ddl, struct err *err);
/* Queues the rows of a new form (state "publishing") and its fields; fills in the ids. */
void form_add(struct tx *tx, struct form *form, struct str definition);
void form_set_live(struct tx *tx, int64_t form_id);

/* ---- the catalog
 * ------------------------------------------------------------------------------------------- */

struct catalog {
    unsigned magic, refs;
    struct arena *arena;
    struct form *forms;
    size_t n_forms;
    unsigned char print[CRYPTO_SHA256_BYTES]; /* of all that was read: equal for equal catalogs */
};
/* Reads all live forms inside the caller's snapshot. */
task_fn int catalog_load(struct tx *tx, struct catalog **ret_catalog, struct err *err);
struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog *catalog);
const struct form *catalog_form(const struct catalog *catalog, struct str key); /* NULL: none */
/* The forms that the form's references name, among the catalog's: each must be there, have owner and
 * department of its own, and a title that is text. */
int catalog_bind_references(const struct catalog *catalog, struct form *form, struct err *err);

/* The catalog's epoch: read in share mode by writes, raised by changes of definitions, people and rights. */
extern const char EPOCH_SHARE_SQL[]; /* SELECT epoch … LOCK IN SHARE MODE */
void epoch_raise(struct tx *tx);

/* ---- auto numbers
 * ------------------------------------------------------------------------------------------ */

struct numbers;
struct numbers *numbers_new(struct db *app);
void numbers_free(struct numbers *numbers);
/* The next number of the field, from a block drawn in a transaction of its own: unique, with gaps. */
task_fn int numbers_next(struct numbers *numbers, int64_t field_id, int64_t *ret_number, struct err *err);
/* "C{number:08}" with 7 gives "C00000007". */
struct str numbers_print(struct str format, int64_t number, struct arena *arena);

#endif
