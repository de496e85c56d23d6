/*
 * What is kept for the search: of each searched field the words that a search may begin with (one row each,
 * found by prefix), and of each text its readings. A code is found by its beginning and by its end: two rows,
 * instead of one for each of its characters. Texts without bound (is_long) are not kept, but looked through.
 *
 * The tables are indexes: no event names them, the feed does not carry them, and they can be filled again at
 * any time (search_fill): under a lock of the rows that are read, so that it meets no change half way.
 */
#include "crypto/crypto.h"
#include "record/search_int.h"
#include "text/text.h"

#include <stdlib.h>
#include <string.h>

static const char SQL_WORDS[] =
    "INSERT IGNORE INTO idx_search_word (word, id) SELECT UNHEX(j.word), j.id FROM JSON_TABLE(?, '$[*]' COLUMNS ("
    "id BIGINT PATH '$[0]', word VARCHAR(26) PATH '$[1]')) AS j";
static const char SQL_READINGS[] =
    "INSERT INTO idx_search_text (record, field, reading) SELECT j.record, j.field, j.reading FROM JSON_TABLE(?, '$[*]' "
    "COLUMNS (record BIGINT PATH '$[0]', field BIGINT PATH '$[1]', reading TEXT PATH '$[2]')) AS j "
    "ON DUPLICATE KEY UPDATE reading = VALUES(reading)";
static const char SQL_NO_READING[] = "DELETE FROM idx_search_text WHERE record = ? AND field = ?";
static const char SQL_NO_READINGS[] = "DELETE FROM idx_search_text WHERE record = ?";
static const char SQL_STATE[] = "SELECT version, through, done FROM idx_search_state WHERE form = ?";
static const char SQL_SET_STATE[] =
    "INSERT INTO idx_search_state (form, version, through, done) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
    "version = VALUES(version), through = VALUES(through), done = VALUES(done)";

enum { TAG_BYTES = 3, WORDS_AT_ONCE = 16, FILL_ROWS = 200, FILL_PAUSE_MS = 2, LIST_BYTES = 1 << 20 };

bool search_keeps(const struct field *field)
{
    return field->searchable && field->type->search != SEARCH_NONE && !field->type->is_long;
}

struct str search_tag(const struct field *field, bool from_end)
{
    uint64_t mixed = ((uint64_t)field->id * 2 + from_end) * UINT64_C(0x9e3779b97f4a7c15);
    char *p = arena_alloc(task_arena(), TAG_BYTES);
    for (int i = 0; i < TAG_BYTES; i++)
        p[i] = (char)(mixed >> (40 + 8 * i) & 0xff);
    return (struct str){p, TAG_BYTES};
}

struct str search_version(const struct form *form)
{
    struct arena *arena = task_arena();
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct str fields = STR("");
    for (size_t i = 0; i < form->n_fields; i++)
        if (search_keeps(&form->fields[i]))
            fields = arena_printf(arena, "%.*s %lld", STR_ARGS(fields), (long long)form->fields[i].id);
    crypto_sha256(fields, digest);
    struct str hex = crypto_hex(arena, digest, 8);
    return arena_printf(arena, "%s.%.*s", text_pinyin_version(), STR_ARGS(hex));
}

/* ---- the words of a value ------------------------------------------------------------------------------ */

struct kept {
    struct str *words; /* with their tags, ascending */
    size_t n;
    struct str reading; /* empty: none is kept */
};

static struct str tagged(struct str tag, struct str word)
{
    char *p = arena_alloc(task_arena(), tag.n + word.n); /* a tag may hold any byte */
    memcpy(p, tag.p, tag.n);
    memcpy(p + tag.n, word.p, word.n);
    return (struct str){p, tag.n + word.n};
}

static struct str cut(struct str text)
{
    return (struct str){text.p, text.n < TEXT_PINYIN_WORD_MAX ? text.n : TEXT_PINYIN_WORD_MAX};
}

static struct str turned(struct str text)
{
    char *p = arena_alloc(task_arena(), text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        p[i] = text.p[text.n - 1 - i];
    return (struct str){p, text.n};
}

static struct kept keep_of(const struct field *field, const struct db_val *value)
{
    struct arena *arena = task_arena();
    struct kept kept = {0};
    if (value->kind == DB_NULL)
        return kept;
    struct str folded = text_fold(arena, value->s);
    if (field->type->search == SEARCH_CODE) {
        kept.words = arena_new_array(arena, struct str, 2);
        struct str begin = tagged(search_tag(field, false), cut(folded)),
                   end = tagged(search_tag(field, true), cut(turned(folded)));
        bool ascend = str_cmp(begin, end) < 0;
        kept.words[kept.n++] = ascend ? begin : end;
        kept.words[kept.n++] = ascend ? end : begin;
        return kept;
    }
    struct text_pinyin pinyin;
    struct str tag = search_tag(field, false);
    text_pinyin(arena, folded, &pinyin);
    kept = (struct kept){.words = pinyin.words, .n = pinyin.n_words, .reading = pinyin.text};
    for (size_t i = 0; i < kept.n; i++)
        kept.words[i] = tagged(tag, kept.words[i]);
    return kept;
}

static int by_bytes(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool has_word(const struct kept *kept, struct str word)
{
    return kept->n > 0 && bsearch(&word, kept->words, kept->n, sizeof word, by_bytes) != NULL;
}

/* ---- a transaction's ----------------------------------------------------------------------------------- */

static struct buf *text_new(void)
{
    struct statement *holder = statement_new(); /* its text goes with the task */
    return holder->sql;
}

struct search_batch *search_batch_new(void)
{
    struct search_batch *batch = arena_new_one(task_arena(), struct search_batch);
    batch->words = text_new();
    batch->readings = text_new();
    return batch;
}

/* A list is one parameter of a statement: what has grown long is sent, and the next begins. */
static void send(struct tx *tx, const char *sql, struct buf *list)
{
    if (list->n == 0)
        return;
    buf_add_char(list, ']');
    tx_add(tx, sql, DB_PARAMS(DB_S(buf_str(list))));
    buf_clear(list);
}

static void add_word(struct search_batch *batch, struct tx *tx, int64_t id, struct str word)
{
    struct str hex = crypto_hex(task_arena(), (const unsigned char *)word.p, word.n);
    buf_printf(batch->words, "%s[%lld,\"%.*s\"]", batch->words->n ? "," : "[", (long long)id, STR_ARGS(hex));
    if (batch->words->n > LIST_BYTES)
        send(tx, SQL_WORDS, batch->words);
}

static void add_reading(
    struct search_batch *batch, struct tx *tx, int64_t id, const struct field *field, struct str reading)
{
    struct buf quoted = {0};
    struct json_out out;
    buf_init(&quoted, 0);
    json_out_init(&out, &quoted);
    json_out_str(&out, reading);
    json_out_end(&out);
    buf_printf(batch->readings, "%s[%lld,%lld,", batch->readings->n ? "," : "[", (long long)id,
        (long long)field->id);
    buf_add_str(batch->readings, buf_str(&quoted));
    buf_add_char(batch->readings, ']');
    buf_done(&quoted);
    if (batch->readings->n > LIST_BYTES)
        send(tx, SQL_READINGS, batch->readings);
}

/* The number of values is one of a few, so that statements are prepared once. */
static void remove_words(struct tx *tx, int64_t id, const struct kept *was, const struct kept *is)
{
    struct statement *sql = NULL;
    size_t n = 0;
    for (size_t i = 0; i < was->n; i++) {
        if (has_word(is, was->words[i]))
            continue;
        if (n % WORDS_AT_ONCE == 0) {
            if (sql)
                tx_add(tx, buf_cstr(sql->sql), sql->params, sql->n_params);
            sql = statement_new();
            buf_add_text(sql->sql, "DELETE FROM idx_search_word WHERE id = ? AND word IN (?");
            for (size_t j = 1; j < WORDS_AT_ONCE; j++)
                buf_add_text(sql->sql, ",?");
            buf_add_char(sql->sql, ')');
            statement_bind(sql, DB_I(id));
        }
        statement_bind(sql, DB_B(was->words[i]));
        n++;
    }
    for (; sql && n % WORDS_AT_ONCE != 0; n++)
        statement_bind(sql, sql->params[sql->n_params - 1]);
    if (sql)
        tx_add(tx, buf_cstr(sql->sql), sql->params, sql->n_params);
}

void search_add(struct search_batch *batch, struct tx *tx, const struct form *form, int64_t id,
    const struct db_val *before, const struct db_val *after)
{
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct field *field = &form->fields[i];
        if (!search_keeps(field) || (before && db_val_equal(&before[i], &after[i])))
            continue;
        struct kept was = before ? keep_of(field, &before[i]) : (struct kept){0},
                    is = keep_of(field, &after[i]);
        if (before)
            remove_words(tx, id, &was, &is);
        for (size_t w = 0; w < is.n; w++)
            if (!has_word(&was, is.words[w]))
                add_word(batch, tx, id, is.words[w]);
        if (is.reading.n > 0)
            add_reading(batch, tx, id, field, is.reading);
        else if (was.reading.n > 0)
            tx_add(tx, SQL_NO_READING, DB_PARAMS(DB_I(id), DB_I(field->id)));
    }
}

void search_columns(const struct form *form, struct buf *sql)
{
    for (size_t i = 0; i < form->n_fields; i++) {
        if (search_keeps(&form->fields[i]))
            buf_printf(sql, ", `%.*s`", STR_ARGS(form->fields[i].column));
        else
            buf_add_text(sql, ", NULL");
    }
}

void search_remove(struct tx *tx, const struct form *form, int64_t id, const struct db_val *values)
{
    const struct kept nothing = {0};
    tx_add(tx, SQL_NO_READINGS, DB_PARAMS(DB_I(id)));
    for (size_t i = 0; i < form->n_fields; i++) {
        if (!search_keeps(&form->fields[i]))
            continue;
        struct kept was = keep_of(&form->fields[i], &values[i]);
        remove_words(tx, id, &was, &nothing);
    }
}

void search_flush(const struct search_batch *batch, struct tx *tx)
{
    send(tx, SQL_WORDS, batch->words);
    send(tx, SQL_READINGS, batch->readings);
}

void search_is_filled(struct tx *tx, const struct form *form)
{
    tx_add(tx, SQL_SET_STATE, DB_PARAMS(DB_I(form->id), DB_S(search_version(form)), DB_I(0), DB_I(1)));
}

/* ---- filling what is there already --------------------------------------------------------------------- */

struct filling {
    const struct form *form;
    int64_t through, next;
    bool done;
};

static task_fn int fill_some(struct tx *tx, void *arg, struct err *err)
{
    struct filling *filling = arg;
    const struct form *form = filling->form;
    struct statement *select = statement_new();
    struct search_batch *batch = search_batch_new();
    struct db_rows rows;
    int64_t through = filling->through;
    buf_add_text(select->sql, "SELECT _id");
    search_columns(form, select->sql);
    buf_printf(select->sql, " FROM `%.*s` WHERE _id > ? ORDER BY _id LIMIT %d LOCK IN SHARE MODE",
        STR_ARGS(form->table), FILL_ROWS);
    statement_bind(select, DB_I(through));
    int rc = tx_query(tx, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    for (size_t i = 0; rc == 0 && i < rows.n_rows; i++) {
        through = db_cell(&rows, i, 0)->i;
        search_add(batch, tx, form, through, NULL, db_cell(&rows, i, 1));
    }
    if (rc < 0)
        return rc;
    search_flush(batch, tx);
    filling->done = rows.n_rows < FILL_ROWS;
    tx_add(tx, SQL_SET_STATE,
        DB_PARAMS(DB_I(form->id), DB_S(search_version(form)), DB_I(through), DB_I(filling->done)));
    filling->next = through;
    return 0;
}

static task_fn int fill_form(struct house *house, const struct form *form, struct err *err)
{
    struct filling filling = {.form = form};
    struct db_rows rows;
    int rc = db_query(house->app, SQL_STATE, DB_PARAMS(DB_I(form->id)), &rows, err);
    if (rc < 0)
        return rc;
    if (rows.n_rows == 1 && str_eq(db_cell(&rows, 0, 0)->s, search_version(form))) {
        filling.through = db_cell(&rows, 0, 1)->i;
        filling.done = db_cell(&rows, 0, 2)->i != 0;
    }
    while (rc == 0 && !filling.done) {
        arena_clear(task_arena());
        rc = tx_run(house->app, NULL, fill_some, &filling, NULL, err);
        filling.through = filling.next;
        if (rc == 0)
            rc = task_sleep(FILL_PAUSE_MS, err); /* it is nobody's hurry */
    }
    return rc;
}

task_fn int search_fill(struct house *house, struct err *err)
{
    struct world *world = world_now(house);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < world->catalog->n_forms; i++)
        rc = fill_form(house, &world->catalog->forms[i], err);
    world_unref(world);
    return rc;
}
