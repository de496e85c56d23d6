/*
 * A select over row images: the same rows, in the same order, as its SQL gives, from nothing but the values
 * that the change feed carries. The images are the truth: no row is read again because an event arrived.
 */
#include "base/must.h"
#include "record/select_int.h"

#define NO_COLUMN SIZE_MAX

struct image_map {
    const struct form *form;
    size_t id, rev, live, owner, department, parent_title;
    size_t *values, *sort_keys;     /* by field; sort_keys: the derived column, or the value's own */
    size_t (*copies)[COPY_COLUMNS]; /* by form->references */
};

static size_t find_column(const struct feed_table *table, struct str name)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (str_eq(table->columns[i].name, name))
            return i;
    return NO_COLUMN;
}

static void map_copies(struct arena *arena, const struct feed_table *table, struct image_map *map)
{
    static const char PREFIXES[COPY_COLUMNS] = {
        [COPY_TITLE] = 't', [COPY_OWNER] = 'o', [COPY_DEPARTMENT] = 'd', [COPY_LIVE] = 'l'};
    const struct form *form = map->form;
    map->copies = arena_alloc(arena, (form->n_references + 1) * sizeof(*map->copies));
    for (size_t k = 0; k < form->n_references; k++)
        for (size_t c = 0; c < COPY_COLUMNS; c++)
            map->copies[k][c] = find_column(table, arena_printf(arena, "_%c_%.*s", PREFIXES[c],
                                                       STR_ARGS(form->fields[form->references[k]].column)));
}

struct image_map *image_map_new(struct arena *arena, const struct form *form, const struct feed_table *table)
{
    struct image_map *map = arena_new_one(arena, struct image_map);
    if (!str_eq(table->name, form->table))
        return NULL;
    map->form = form;
    map->id = find_column(table, STR("_id"));
    map->rev = find_column(table, STR("_rev"));
    map->live = find_column(table, STR("_live"));
    map->owner = find_column(table, STR("_owner"));
    map->department = find_column(table, STR("_department"));
    map->parent_title = NO_COLUMN;
    if (form->parent >= 0)
        map->parent_title =
            find_column(table, arena_printf(arena, "_t_%.*s", STR_ARGS(form->fields[form->parent].column)));
    map_copies(arena, table, map);
    map->values = arena_new_array(arena, size_t, form->n_fields + 1);
    map->sort_keys = arena_new_array(arena, size_t, form->n_fields + 1);
    if (map->id == NO_COLUMN || map->rev == NO_COLUMN || map->live == NO_COLUMN || map->owner == NO_COLUMN ||
        map->department == NO_COLUMN)
        return NULL;
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct field *field = &form->fields[i];
        map->values[i] = find_column(table, field->column);
        map->sort_keys[i] = map->values[i];
        if (field->sortable && field->type->is_text)
            map->sort_keys[i] = find_column(table, arena_printf(arena, "_k_%.*s", STR_ARGS(field->column)));
    }
    return map;
}

int64_t image_id(const struct image_map *map, const struct db_val *cells)
{
    return cells[map->id].i;
}

/* A column that came after this image was written holds null. */
static struct db_val cell_or_null(const struct db_val *cells, size_t column)
{
    return column == NO_COLUMN ? DB_N : cells[column];
}

void image_values(const struct image_map *map, const struct db_val *cells, struct db_val *ret_values)
{
    for (size_t i = 0; i < map->form->n_fields; i++)
        ret_values[i] = cell_or_null(cells, map->values[i]);
}

static void read_copies(const struct plan *plan, const struct image_map *map, const struct db_val *cells,
    struct arena *arena, struct record *record)
{
    const struct form *form = plan->form;
    if (form->n_references == 0)
        return;
    record->copies = arena_new_array(arena, struct record_copy, form->n_references);
    for (size_t k = 0; k < form->n_references; k++) {
        const size_t *columns = map->copies[k];
        if (plan->best[form->references[k]] == LEVEL_HIDDEN)
            continue;
        const struct db_val owner = cell_or_null(cells, columns[COPY_OWNER]),
                            department = cell_or_null(cells, columns[COPY_DEPARTMENT]);
        record->copies[k] = (struct record_copy){.owner = id_or_none(&owner),
            .department = id_or_none(&department),
            .title = cell_or_null(cells, columns[COPY_TITLE]),
            .live = cell_or_null(cells, columns[COPY_LIVE]).kind != DB_NULL};
    }
}

bool image_read(struct select *select, const struct image_map *map, const struct db_val *cells,
    struct arena *arena, struct image *ret_image)
{
    struct plan *plan = select->plan;
    if (cells[map->live].kind == DB_NULL)
        return false;
    struct image image = {.cells = cells, .map = map};
    image.record.id = cells[map->id].i;
    image.record.rev = cells[map->rev].i;
    image.record.owner = id_or_none(&cells[map->owner]);
    image.record.department = id_or_none(&cells[map->department]);
    if (plan->form->parent >= 0 && plan->best[plan->form->parent] != LEVEL_HIDDEN)
        image.record.parent_title = cell_or_null(cells, map->parent_title);
    image.record.values = arena_new_array(arena, struct db_val, plan->form->n_fields);
    for (size_t i = 0; i < plan->form->n_fields; i++)
        image.record.values[i] = plan->needed[i] ? cell_or_null(cells, map->values[i])
                                                 : DB_N; /* what is hidden is not even read */
    read_copies(plan, map, cells, arena, &image.record);
    image.record.view = plan_view(plan, &image.record);
    *ret_image = image;
    return true;
}

static void clear_fields(const struct plan *plan, const struct record_view *view, bool *clear)
{
    for (size_t i = 0; i < plan->form->n_fields; i++)
        clear[i] = view->levels[i] >= LEVEL_READ;
}

bool select_holds(struct select *select, const struct image *image, struct arena *scratch)
{
    const struct record_view *view = image->record.view;
    must(!select->paths);
    if (!(view->actions & 1u << ACTION_LIST))
        return false;
    if (!select->filter)
        return true;
    bool *clear = arena_new_array(scratch, bool, select->plan->form->n_fields);
    clear_fields(select->plan, view, clear);
    return filter_eval(select->filter, &select->plan->env, image->record.values, clear, scratch) ==
           FILTER_TRUE;
}

bool select_has_paths(const struct select *select)
{
    return select->paths != NULL;
}

/* What stands in other records is taken for unknown: only a row that is out whatever they say does not
 * concern the list. */
static bool may_hold(
    struct select *select, const struct image_map *map, const struct db_val *cells, struct arena *scratch)
{
    struct image image;
    size_t n = select->plan->form->n_fields, all = select->paths->index + 1; /* the newest path is the last */
    if (!cells || !image_read(select, map, cells, scratch, &image) ||
        !(image.record.view->actions & 1u << ACTION_LIST))
        return false;
    bool *clear = arena_new_array(scratch, bool, all);
    struct db_val *values = arena_new_array(scratch, struct db_val, all);
    clear_fields(select->plan, image.record.view, clear);
    for (size_t i = 0; i < n; i++)
        values[i] = image.record.values[i];
    return filter_eval(select->filter, &select->plan->env, values, clear, scratch) != FILTER_FALSE;
}

bool select_concerns(struct select *select, const struct image_map *map, const struct feed_change *change,
    struct arena *scratch)
{
    for (const struct path *path = select->paths; path; path = path->next)
        if (path_concerns(path, change))
            return true;
    return map &&
           (may_hold(select, map, change->before, scratch) || may_hold(select, map, change->after, scratch));
}

static struct db_val option_rank(const struct field *field, const struct db_val *value)
{
    if (value->kind != DB_NULL)
        for (size_t i = 0; i < field->n_options; i++)
            if (str_eq(field->options[i].key, value->s))
                return DB_I(i + 1);
    return DB_N;
}

void select_key_of(struct select *select, const struct image *image, struct select_key *ret_key)
{
    *ret_key = (struct select_key){.id = image->record.id};
    for (size_t i = 0; i < select->sort.n; i++) {
        const struct field *field = select->sort.terms[i].field;
        if (image->record.view->levels[field->index] < LEVEL_READ)
            ret_key->values[i] = DB_N;
        else if (field->type->has_options)
            ret_key->values[i] = option_rank(field, &image->record.values[field->index]);
        else
            ret_key->values[i] = cell_or_null(image->cells, image->map->sort_keys[field->index]);
    }
}

static int compare_term(const struct sort_term *term, const struct db_val *a, const struct db_val *b)
{
    if (a->kind == DB_NULL || b->kind == DB_NULL) /* nulls last, in both directions */
        return (a->kind == DB_NULL) - (b->kind == DB_NULL);
    int order;
    if (a->kind == DB_INT && b->kind == DB_INT)
        order = (a->i > b->i) - (a->i < b->i);
    else if (term->field->type->is_text)
        order = str_cmp(a->s, b->s);
    else
        order = filter_compare(term->field->type->filter, a, b);
    return term->descending ? -order : order;
}

int select_key_compare(const struct select *select, const struct select_key *a, const struct select_key *b)
{
    for (size_t i = 0; i < select->sort.n; i++) {
        int order = compare_term(&select->sort.terms[i], &a->values[i], &b->values[i]);
        if (order != 0)
            return order;
    }
    int order = (a->id > b->id) - (a->id < b->id);
    return select->sort.id_descending ? -order : order;
}

/* ---- what the index of subscriptions needs
 * ---------------------------------------------------------------------- */

/* What one grant's rule asks of the row, as alternatives appended to the list. False: nothing is known. */
static bool grant_accesses(
    const struct plan *plan, size_t g, struct arena *arena, struct filter_access *list, size_t cap, size_t *n)
{
    const struct policy *policy = plan->caller->policy;
    const struct grant *grant = plan->grants->grants[g];
    if (plan->conditions[g]) {
        const struct filter_access *accesses;
        size_t n_accesses;
        if (!filter_accesses(plan->conditions[g], &plan->env, arena, &accesses, &n_accesses) ||
            *n + n_accesses > cap)
            return false;
        for (size_t i = 0; i < n_accesses; i++) {
            if (accesses[i].kind == FILTER_ACCESS_NONE)
                return false;
            list[(*n)++] = accesses[i];
        }
        return true;
    }
    ptrdiff_t field = grant->row_rule == ROW_OWNER ? plan->form->owner : plan->form->department;
    if (grant->row_rule == ROW_ALL || field < 0 || *n == cap)
        return false;
    size_t n_values = grant->row_rule == ROW_SUBTREE ? policy->n_subtree : 1;
    struct db_val *values = arena_new_array(arena, struct db_val, n_values + 1);
    for (size_t i = 0; i < n_values; i++)
        values[i] = DB_I(grant->row_rule == ROW_OWNER     ? policy->user->id
                         : grant->row_rule == ROW_SUBTREE ? policy->subtree[i]
                                                          : policy->user->department_id);
    list[(*n)++] = (struct filter_access){.kind = FILTER_ACCESS_EQUAL,
        .field = (size_t)field,
        .field_kind = FILTER_REFERENCE,
        .values = values,
        .n_values = n_values};
    return true;
}

/* Row rules alone: owners and departments are fields of the form in most forms; where they are not, nothing
 * is known. What is denied only makes fewer rows of them. */
static bool row_accesses(
    struct select *select, struct arena *arena, const struct filter_access **ret_accesses, size_t *ret_n)
{
    enum { ACCESSES_MAX = 64 };
    const struct plan *plan = select->plan;
    struct filter_access *list = arena_new_array(arena, struct filter_access, ACCESSES_MAX);
    size_t n = 0;
    for (size_t g = 0; g < plan->grants->n_grants; g++) {
        const struct grant *grant = plan->grants->grants[g];
        if (!grant->deny && (grant->actions & 1u << ACTION_LIST) &&
            !grant_accesses(plan, g, arena, list, ACCESSES_MAX, &n))
            return false;
    }
    *ret_accesses = list;
    *ret_n = n;
    return n > 0;
}

bool select_accesses(
    struct select *select, struct arena *arena, const struct filter_access **ret_accesses, size_t *ret_n)
{
    const struct filter_access *accesses;
    size_t n;
    /* The filter's own terms are the narrower ones as a rule. */
    if (select->filter && filter_accesses(select->filter, &select->plan->env, arena, &accesses, &n)) {
        bool good = n > 0;
        for (size_t i = 0; i < n; i++)
            good = good && accesses[i].kind != FILTER_ACCESS_NONE;
        if (good) {
            *ret_accesses = accesses;
            *ret_n = n;
            return true;
        }
    }
    return row_accesses(select, arena, ret_accesses, ret_n);
}

/* What of one grant decides what its holder sees, with what is bound in it. */
static void sign_grant(const struct plan *plan, size_t g, struct arena *arena, struct buf *text)
{
    const struct policy *policy = plan->caller->policy;
    const struct grant *grant = plan->grants->grants[g];
    bool condition = plan->conditions[g] != NULL;
    buf_printf(text, ";%s=%d actions=%u levels=", grant->deny ? "deny" : "rule",
        grant->broken ? -1 : (int)grant->row_rule, (unsigned)grant->actions);
    for (size_t i = 0; i < plan->form->n_fields; i++)
        buf_add_char(text, (char)('0' + (int)grant_level(grant, plan->form->fields[i].key)));
    for (size_t i = 0; i < grant->n_masks; i++)
        buf_printf(text, " %.*s=%.*s", STR_ARGS(grant->masks[i].key), STR_ARGS(grant->masks[i].mask));
    if (condition)
        buf_printf(text, " %.*s", STR_ARGS(filter_print(plan->conditions[g], arena)));
    if (condition || grant->row_rule == ROW_OWNER)
        buf_printf(text, " me=%lld", (long long)policy->user->id);
    if (condition || grant->row_rule == ROW_DEPARTMENT)
        buf_printf(text, " dep=%lld", (long long)policy->user->department_id);
    for (size_t i = 0; (condition || grant->row_rule == ROW_SUBTREE) && i < policy->n_subtree; i++)
        buf_printf(text, " sub=%lld", (long long)policy->subtree[i]);
}

/* The rights for a form on the way of a path; its key stands in the filter. */
static void sign_path(const struct plan *plan, struct arena *arena, struct buf *text)
{
    buf_printf(text, ";path=%lld.%lld", (long long)plan->form->id, (long long)plan->form->version);
    for (size_t g = 0; g < plan->grants->n_grants; g++)
        sign_grant(plan, g, arena, text);
    for (size_t i = 0; i < plan->form->n_fields; i++)
        for (size_t g = 0; plan->scopes[i] && g < plan->scopes[i]->grants->n_grants; g++)
            sign_grant(plan->scopes[i], g, arena, text);
}

struct str select_signature(const struct select *select, struct arena *arena)
{
    const struct plan *plan = select->plan;
    const struct policy *policy = plan->caller->policy;
    struct buf text = {0};
    buf_init(&text, 0);
    buf_printf(&text, "form=%lld.%lld", (long long)plan->form->id, (long long)plan->form->version);
    for (size_t g = 0; g < plan->grants->n_grants; g++)
        sign_grant(plan, g, arena, &text);
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        const struct plan *scope = plan->scopes[i];
        if (scope)
            buf_printf(&text, ";names=%zu", i);
        for (size_t g = 0; scope && g < scope->grants->n_grants; g++)
            sign_grant(scope, g, arena, &text);
    }
    for (const struct path *path = select->paths; path; path = path->next)
        for (size_t i = 0; i < path->n_hops; i++)
            sign_path(path->hops[i].plan, arena, &text);
    if (select->filter) /* it may say "@me" */
        buf_printf(&text, ";filter=%.*s me=%lld dep=%lld", STR_ARGS(filter_print(select->filter, arena)),
            (long long)policy->user->id, (long long)policy->user->department_id);
    for (size_t i = 0; i < select->sort.n; i++)
        buf_printf(&text, ";sort=%c%.*s", select->sort.terms[i].descending ? '-' : '+',
            STR_ARGS(select->sort.terms[i].field->key));
    for (size_t i = 0; select->selected && i < plan->form->n_fields; i++)
        buf_add_char(&text, select->selected[i] ? '1' : '0');
    struct str copy = arena_copy(arena, buf_str(&text));
    buf_done(&text);
    return copy;
}
