/*
 * The search of a list: words, each of which must stand in one of the searched fields that is clear for the
 * viewer on that row. In a text a word begins at a syllable and is spelt in Han, in pinyin or in initials; a
 * code has it at its beginning or at its end; a text without bound holds it anywhere.
 *
 * Which rows are meant is one condition (search_where), for few rows and for many. What is kept of words only
 * finds candidates, where one of the words is rare: a word that is common is soon met while the list is read
 * in its order.
 */
#include "record/search_int.h"
#include "text/text.h"

enum { WORDS_MAX = 32 };

static const char SQL_FILLED[] = "(SELECT done FROM idx_search_state WHERE form = ? AND version = ?)";

struct word {
    struct str folded;
    struct text_pinyin_word pinyin;
};
struct search {
    struct plan *plan;
    struct word *words;
    size_t n;
    bool filled;            /* what is kept is complete */
    const struct word *few; /* finds candidates; NULL: rows are looked through */
};

/* A field in which the viewer may find the word on some row. */
static bool may_hold(const struct search *search, const struct field *field, const struct word *word)
{
    return field->searchable && field->type->search != SEARCH_NONE &&
           search->plan->best[field->index] >= LEVEL_READ &&
           (field->type->search != SEARCH_CODE || word->pinyin.is_ascii);
}

struct search *search_new(struct plan *plan, struct str q)
{
    struct arena *arena = plan->arena;
    struct str rest = str_trim(text_fold(arena, q));
    if (rest.n == 0)
        return NULL;
    struct search *search = arena_new_one(arena, struct search);
    search->plan = plan;
    search->words = arena_new_array(arena, struct word, WORDS_MAX);
    while (rest.n > 0) {
        /* What comes after so many words is one more, which holds nowhere for it has a blank. */
        struct str one = search->n + 1 < WORDS_MAX ? str_cut(&rest, ' ') : rest;
        if (search->n + 1 == WORDS_MAX)
            rest.n = 0;
        if (one.n == 0)
            continue;
        struct word *word = &search->words[search->n++];
        word->folded = one;
        text_pinyin_word(arena, one, &word->pinyin);
    }
    return search;
}

/* ---- candidates ---------------------------------------------------------------------------------------- */

static struct str after_bytes(struct str prefix)
{
    char *p = arena_alloc(task_arena(), prefix.n + 1);
    for (size_t i = 0; i < prefix.n; i++)
        p[i] = prefix.p[i];
    size_t n = prefix.n;
    while (n > 0 && (unsigned char)p[n - 1] == 0xff)
        n--;
    if (n > 0)
        p[n - 1] = (char)(p[n - 1] + 1);
    return (struct str){p, n};
}

static void add_range(struct str tag, struct str word, bool first, struct statement *to)
{
    size_t n = word.n < TEXT_PINYIN_WORD_MAX ? word.n : TEXT_PINYIN_WORD_MAX;
    char *p = arena_alloc(task_arena(), tag.n + n + 1);
    for (size_t i = 0; i < tag.n + n; i++)
        p[i] = i < tag.n ? tag.p[i] : word.p[i - tag.n];
    struct str from = {p, tag.n + n};
    buf_add_text(to->sql, first ? "(word >= ? AND word < ?)" : " OR (word >= ? AND word < ?)");
    statement_bind(to, DB_B(from));
    statement_bind(to, DB_B(after_bytes(from)));
}

static struct str turned(struct str text)
{
    char *p = arena_alloc(task_arena(), text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        p[i] = text.p[text.n - 1 - i];
    return (struct str){p, text.n};
}

/* "word >= … AND word < … OR …": every record that may hold the word. False: none can. */
static bool add_ranges(const struct search *search, const struct word *word, struct statement *to)
{
    const struct form *form = search->plan->form;
    bool first = true;
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct field *field = &form->fields[i];
        if (!may_hold(search, field, word))
            continue;
        bool code = field->type->search == SEARCH_CODE;
        add_range(search_tag(field, false), code ? word->folded : word->pinyin.begins, first, to);
        first = false;
        if (code)
            add_range(search_tag(field, true), turned(word->folded), false, to);
    }
    return !first;
}

/* All fields in which the word may stand have their words kept. */
static bool is_kept(const struct search *search, const struct word *word)
{
    const struct form *form = search->plan->form;
    bool any = false;
    for (size_t i = 0; i < form->n_fields; i++) {
        bool may = may_hold(search, &form->fields[i], word);
        any = any || may;
        if (may && !search_keeps(&form->fields[i]))
            return false;
    }
    return any;
}

task_fn int search_choose(struct search *search, struct err *err)
{
    struct statement *ask = statement_new();
    struct db_rows rows;
    const struct form *form = search->plan->form;
    const int64_t most = search->plan->caller->house->conf->records_search_candidates;
    buf_printf(ask->sql, "SELECT %s", SQL_FILLED);
    statement_bind(ask, DB_I(form->id));
    statement_bind(ask, DB_S(search_version(form)));
    for (size_t i = 0; i < search->n; i++) {
        if (!is_kept(search, &search->words[i])) {
            buf_add_text(ask->sql, ", NULL");
            continue;
        }
        buf_add_text(ask->sql, ", (SELECT COUNT(*) FROM (SELECT 1 FROM idx_search_word WHERE ");
        (void)add_ranges(search, &search->words[i], ask);
        buf_printf(ask->sql, " LIMIT %lld) c%zu)", (long long)most + 1, i);
    }
    int rc = caller_query(search->plan->caller, ask, &rows, err);
    if (rc < 0)
        return rc;
    const struct db_val *cells = db_cell(&rows, 0, 0);
    int64_t least = most;
    search->filled = cells[0].kind == DB_INT && cells[0].i != 0;
    search->few = NULL;
    for (size_t i = 0; search->filled && i < search->n; i++)
        if (cells[i + 1].kind == DB_INT && cells[i + 1].i < least) {
            least = cells[i + 1].i;
            search->few = &search->words[i];
        }
    return 0;
}

void search_from(const struct search *search, const struct form *form, struct statement *to)
{
    buf_add_text(to->sql, " FROM ");
    if (search && search->few) {
        buf_add_text(to->sql, "(SELECT DISTINCT id FROM idx_search_word WHERE ");
        (void)add_ranges(search, search->few, to);
        buf_printf(to->sql, ") c STRAIGHT_JOIN `%.*s` r ON r._id = c.id", STR_ARGS(form->table));
        return;
    }
    buf_printf(to->sql, "`%.*s` r", STR_ARGS(form->table));
}

/* ---- the condition ------------------------------------------------------------------------------------- */

static struct str upper_pattern(struct str folded, bool begins)
{
    struct arena *arena = task_arena();
    char *p = arena_alloc(arena, folded.n * 2 + 2);
    size_t n = 0;
    if (!begins)
        p[n++] = '%';
    for (size_t i = 0; i < folded.n; i++) {
        char c = folded.p[i];
        if (c == '%' || c == '_' || c == '!')
            p[n++] = '!';
        p[n++] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    if (begins)
        p[n++] = '%';
    return (struct str){p, n};
}

static void where_code(const struct field *field, const struct word *word, struct statement *to)
{
    for (int begins = 1; begins >= 0; begins--) {
        buf_printf(to->sql, "%sr.`%.*s` LIKE CONVERT(? USING ascii) ESCAPE '!'", begins ? "(" : " OR ",
            STR_ARGS(field->column));
        statement_bind(to, DB_S(upper_pattern(word->folded, begins)));
    }
    buf_add_text(to->sql, ")");
}

static void where_located(const struct field *field, const struct word *word, struct statement *to)
{
    buf_printf(to->sql, "LOCATE(?, r.`_f_%.*s`) > 0", STR_ARGS(field->column));
    statement_bind(to, DB_S(word->folded));
}

static void where_text(
    const struct search *search, const struct field *field, const struct word *word, struct statement *to)
{
    buf_add_text(to->sql, "(");
    if (!search->filled) { /* as long as what is kept is not complete, at least what is written is found */
        where_located(field, word, to);
        buf_add_text(to->sql, " OR ");
    }
    if (!word->pinyin.is_ascii) {
        where_located(field, word, to);
        buf_add_text(to->sql, " AND ");
    }
    buf_add_text(to->sql,
        "EXISTS (SELECT 1 FROM idx_search_text t WHERE t.record = r._id AND t.field = ? AND t.reading REGEXP ?))");
    statement_bind(to, DB_I(field->id));
    statement_bind(to, DB_S(word->pinyin.pattern));
}

/* One field of the search: where it is clear, the word must stand in it. */
static void where_field(
    const struct search *search, const struct field *field, const struct word *word, struct statement *to)
{
    bool always;
    buf_add_text(to->sql, "(");
    plan_where_clear(search->plan, field, to, &always);
    buf_add_text(to->sql, always ? "" : " AND ");
    if (field->type->search == SEARCH_CODE)
        where_code(field, word, to);
    else if (search_keeps(field))
        where_text(search, field, word, to);
    else
        where_located(field, word, to);
    buf_add_text(to->sql, ")");
}

void search_where(const struct search *search, struct statement *to)
{
    const struct form *form = search->plan->form;
    for (size_t w = 0; w < search->n; w++) {
        const char *between = " AND (";
        for (size_t i = 0; i < form->n_fields; i++) {
            if (!may_hold(search, &form->fields[i], &search->words[w]))
                continue;
            buf_add_text(to->sql, between);
            where_field(search, &form->fields[i], &search->words[w], to);
            between = " OR ";
        }
        buf_add_text(to->sql, between[1] == 'A' ? " AND FALSE" : ")");
    }
}
