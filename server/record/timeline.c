/*
 * The time line of a record: its own history, and that of the records that belong to it or refer to it,
 * merged, newest first. Each row is looked at as it is now, under the rights of now, by a plan of its own
 * form; so it tells nothing that the rows' histories would not tell one by one:
 *
 * - a row counts where the caller sees it, may read its history, and sees in clear that it refers to this
 * record; all of that is asked in SQL before the newest ROWS_MAX of a form are taken, so what is not seen
 * makes no gap;
 * - its events are shown as in its history (shown_int.h), and pages are as long as what there is to see
 * allows.
 *
 * Bounded: a form's rows are found by the index of the reference, the events by the log's index of records;
 * what is read is in proportion to these rows and not to the table or the log.
 */
#include "base/id.h"
#include "base/must.h"
#include "record/shown_int.h"

#include <stdlib.h>

enum { PAGE_MAX = 200, BATCH = 100, ROWS_MAX = 1000, STAGE_EVENTS_MAX = 1000, OWN_BATCH = 200, TRIES = 5 };

/* The record itself, or a form whose records can refer to it. */
struct strand {
    struct plan *plan;
    int64_t *ids; /* ascending */
    size_t n;
    struct record **read; /* by place in ids; NULL: not read yet, or not to be seen any more */
    bool *asked;
    int64_t *shown; /* ids on this page, each once */
    size_t n_shown;
};

struct timeline {
    struct plan *plan;
    const struct record *record;
    const struct record_timeline_query *query;
    struct strand *strands; /* the first is the record's own */
    size_t n_strands;
    const struct strand *only;      /* of this form alone; NULL: all */
    const struct field *only_field; /* and only where this field has changed; NULL: all */
    bool whole;                     /* no form has more rows than are looked at */
    int64_t printed, last;
    bool more;
    struct json_out *out;
};

/* ---- which rows ---------------------------------------------------------------------------------------- */

static bool refers(const struct field *field, const struct form *to)
{
    return field->type->reference == REFERENCE_RECORD && str_eq(field->target, to->key);
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The fields of the row that name the record, in clear: what the caller is not shown does not count. */
static void where_refers(const struct plan *plan, const struct timeline *timeline, struct statement *to)
{
    const char *between = "(";
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        const struct field *field = &plan->form->fields[i];
        if (!refers(field, timeline->plan->form) || plan->best[i] < LEVEL_READ)
            continue;
        buf_printf(to->sql, "%s(r.`%.*s` = ?", between, STR_ARGS(field->column));
        statement_bind(to, DB_I(timeline->record->id));
        buf_add_text(to->sql, " AND ");
        size_t before = to->sql->n;
        bool always;
        plan_where_clear(plan, field, to, &always);
        if (to->sql->n == before)
            buf_add_text(to->sql, "TRUE");
        buf_add_text(to->sql, ")");
        between = " OR ";
    }
    buf_add_text(to->sql, *between == '(' ? "FALSE" : ")");
}

static task_fn int find_rows(struct timeline *timeline, struct strand *strand, size_t room, struct err *err)
{
    struct plan *plan = strand->plan;
    struct statement *select = statement_new();
    struct db_rows rows;
    const size_t most = room < ROWS_MAX ? room : ROWS_MAX;
    buf_printf(select->sql, "SELECT r._id FROM `%.*s` r WHERE r._live = 1 AND ", STR_ARGS(plan->form->table));
    where_refers(plan, timeline, select);
    buf_add_text(select->sql, " AND (");
    plan_where_rows(plan, ACTION_READ, select);
    buf_add_text(select->sql, " OR ");
    plan_where_rows(plan, ACTION_LIST, select);
    buf_add_text(select->sql, ") AND ");
    plan_where_rows(plan, ACTION_HISTORY, select);
    buf_add_text(select->sql, " ORDER BY r._id DESC LIMIT ?");
    statement_bind(select, DB_I(most + 1));
    int rc = db_query(
        plan->caller->house->app, buf_cstr(select->sql), select->params, select->n_params, &rows, err);
    if (rc < 0)
        return rc;
    timeline->whole = timeline->whole && rows.n_rows <= most;
    strand->n = rows.n_rows < most ? rows.n_rows : most;
    strand->ids = arena_new_array(task_arena(), int64_t, strand->n + 1);
    for (size_t i = 0; i < strand->n; i++)
        strand->ids[i] = db_cell(&rows, i, 0)->i;
    qsort(strand->ids, strand->n, sizeof(*strand->ids), by_id);
    return 0;
}

static void add_strand(struct timeline *timeline, struct plan *plan)
{
    timeline->strands[timeline->n_strands++] = (struct strand){.plan = plan};
}

/* The record's own form, and those with a reference to it that the caller can be shown at all. */
static int make_strands(struct timeline *timeline, struct err *err)
{
    struct caller *caller = timeline->plan->caller;
    const struct catalog *catalog = caller->world->catalog;
    timeline->strands = arena_new_array(task_arena(), struct strand, catalog->n_forms + 1);
    add_strand(timeline, timeline->plan);
    for (size_t f = 0; f < catalog->n_forms; f++) {
        const struct form *form = &catalog->forms[f];
        struct plan *plan = NULL;
        if (!policy_for_form(caller->policy, form->key))
            continue;
        for (size_t i = 0; i < form->n_fields; i++) {
            if (!refers(&form->fields[i], timeline->plan->form))
                continue;
            int rc = plan ? 0 : plan_make(task_arena(), caller, form->key, &plan, err);
            if (rc < 0)
                return rc;
            if (plan->best[i] < LEVEL_READ || !(plan_actions(plan) & 1u << ACTION_HISTORY))
                continue;
            add_strand(timeline, plan);
            break;
        }
    }
    return 0;
}

/* "form" or "form.field". One that is hidden, one that has nothing to do with the record and an invented one
 * are the same. */
static int read_kind(struct timeline *timeline, struct str kind, struct err *err)
{
    if (kind.n == 0)
        return 0;
    struct str rest = kind, form = str_cut(&rest, '.');
    for (size_t i = 0; i < timeline->n_strands; i++) {
        const struct strand *strand = &timeline->strands[i];
        if (!str_eq(strand->plan->form->key, form))
            continue;
        const struct field *field = form.n < kind.n ? form_field_find(strand->plan->form, rest) : NULL;
        if (form.n < kind.n && (!field || strand->plan->best[field->index] == LEVEL_HIDDEN))
            break;
        timeline->only = strand;
        timeline->only_field = field;
        return 0;
    }
    return err_add(err, task_arena(), STR("kind"), FAULT_UNKNOWN, STR_NULL);
}

static task_fn int find_all_rows(struct timeline *timeline, struct err *err)
{
    size_t room = AUDIT_RECORDS_MAX - 1;
    for (size_t i = 0; i < timeline->n_strands; i++) {
        struct strand *strand = &timeline->strands[i];
        if (i == 0) {
            strand->ids = arena_new_one(task_arena(), int64_t);
            strand->ids[0] = timeline->record->id;
            strand->n = 1;
        } else if (!timeline->only || timeline->only == strand) {
            int rc = find_rows(timeline, strand, room, err);
            if (rc < 0)
                return rc;
            room -= strand->n;
        }
        strand->read = arena_new_array(task_arena(), struct record *, strand->n + 1);
        strand->asked = arena_new_array(task_arena(), bool, strand->n + 1);
        strand->shown = arena_new_array(task_arena(), int64_t, strand->n + 1);
    }
    struct strand *own = &timeline->strands[0];
    own->read[0] = arena_new_one(task_arena(), struct record);
    *own->read[0] = *timeline->record;
    own->asked[0] = true;
    return 0;
}

/* ---- what each row shows ------------------------------------------------------------------------------- */

static bool find_place(const struct strand *strand, int64_t id, size_t *ret_place)
{
    const int64_t *found =
        strand->n ? bsearch(&id, strand->ids, strand->n, sizeof(*strand->ids), by_id) : NULL;
    if (found)
        *ret_place = (size_t)(found - strand->ids);
    return found != NULL;
}

static struct strand *strand_of(struct timeline *timeline, const struct audit_row *event, size_t *ret_place)
{
    for (size_t i = 0; i < timeline->n_strands; i++) {
        struct strand *strand = &timeline->strands[i];
        if (str_eq(strand->plan->form->key, event->form) && find_place(strand, event->record, ret_place))
            return strand;
    }
    return NULL;
}

/* It may have changed since its id was found. */
static bool still_counts(
    const struct timeline *timeline, const struct plan *plan, const struct record *record)
{
    const struct record_view *view = record->view;
    if (!view_is_visible(view) || !(view->actions & 1u << ACTION_HISTORY))
        return false;
    for (size_t i = 0; i < plan->form->n_fields; i++)
        if (refers(&plan->form->fields[i], timeline->plan->form) && view->levels[i] >= LEVEL_READ &&
            record->values[i].kind == DB_INT && record->values[i].i == timeline->record->id)
            return true;
    return false;
}

/* The rows of the form that these events tell of, as far as they are not here yet. */
static task_fn int read_rows(struct timeline *timeline, struct strand *strand, const struct audit_row *events,
    size_t n_events, struct err *err)
{
    struct statement *select = statement_new();
    struct db_rows rows;
    size_t n = 0, place;
    const struct str columns = plan_columns(strand->plan);
    buf_printf(select->sql,
        "SELECT (SELECT epoch FROM catalog_epoch WHERE id = 1), %.*s FROM `%.*s` r WHERE r._live = 1 AND r._id IN (",
        STR_ARGS(columns), STR_ARGS(strand->plan->form->table));
    for (size_t i = 0; i < n_events; i++) {
        if (!find_place(strand, events[i].record, &place) || strand->asked[place])
            continue;
        strand->asked[place] = true;
        buf_add_text(select->sql, n++ ? ",?" : "?");
        statement_bind(select, DB_I(events[i].record));
    }
    if (n == 0)
        return 0;
    size_t width = 1; /* few texts, as for the log */
    while (width < n)
        width *= 2;
    for (; n < width; n++) {
        buf_add_text(select->sql, ",?");
        statement_bind(select, select->params[0]);
    }
    buf_add_text(select->sql, ")");
    int rc = db_query(strand->plan->caller->house->app, buf_cstr(select->sql), select->params,
        select->n_params, &rows, err);
    if (rc < 0)
        return rc;
    for (size_t row = 0; row < rows.n_rows; row++) {
        struct record *record = arena_new_one(task_arena(), struct record);
        if (!epoch_is(db_cell(&rows, row, 0), strand->plan->caller, err))
            return -ERR_EPOCH_MOVED;
        plan_read_row(strand->plan, &rows, row, 1, record);
        must(find_place(strand, record->id, &place));
        if (still_counts(timeline, strand->plan, record))
            strand->read[place] = record;
    }
    return 0;
}

/* What the row is called, as far as the caller is shown it. */
static void print_record(const struct strand *strand, const struct record *record, struct json_out *out)
{
    const struct form *form = strand->plan->form;
    const struct db_val *title = &record->values[form->title];
    const enum access_level level = record->view->levels[form->title];
    json_out_member_str(out, "form", form->key);
    json_out_key(out, STR("record"));
    json_out_object(out);
    json_out_member_id(out, "id", record->id);
    json_out_key(out, STR("title"));
    if (level == LEVEL_HIDDEN || title->kind == DB_NULL)
        json_out_null(out);
    else if (level == LEVEL_MASKED)
        json_out_str(out, masked_text(record->view->masks[form->title], title));
    else
        json_out_str(
            out, field_display(&form->fields[form->title], title, strand->plan->caller->lang, task_arena()));
    json_out_object_end(out);
}

static void note_shown(struct strand *strand, int64_t id)
{
    for (size_t i = 0; i < strand->n_shown; i++)
        if (strand->shown[i] == id)
            return;
    strand->shown[strand->n_shown++] = id;
}

static bool is_chosen(const struct timeline *timeline, const struct shown_change *changes, size_t n)
{
    if (!timeline->only_field)
        return true;
    for (size_t i = 0; i < n; i++)
        if (str_eq(changes[i].field, timeline->only_field->key))
            return true;
    return false;
}

/* *ret_full: there is more than the page holds. */
static task_fn int print_event(
    struct timeline *timeline, const struct audit_row *event, bool *ret_full, struct err *err)
{
    struct shown_change *changes = NULL;
    size_t n = 0, place;
    struct strand *strand = strand_of(timeline, event, &place);
    const struct record *record = strand ? strand->read[place] : NULL;
    if (!record)
        return 0;
    int rc = shown_changes(strand->plan, record, event, &changes, &n, err);
    if (rc < 0 || shown_is_nothing(event, n) || !is_chosen(timeline, changes, n))
        return rc;
    if (timeline->printed == timeline->query->limit) {
        *ret_full = timeline->more = true;
        return 0;
    }
    json_out_object(timeline->out);
    print_record(strand, record, timeline->out);
    shown_print(strand->plan, event, changes, n, timeline->out);
    json_out_object_end(timeline->out);
    note_shown(strand, record->id);
    timeline->printed++;
    timeline->last = event->id;
    return 0;
}

static task_fn int print_events(struct timeline *timeline, struct err *err)
{
    int64_t *ids = arena_new_array(task_arena(), int64_t, AUDIT_RECORDS_MAX);
    size_t n_ids = 0;
    int64_t before_id = timeline->query->before_id;
    bool full = false;
    for (size_t i = 0; i < timeline->n_strands; i++)
        for (size_t k = 0; k < timeline->strands[i].n; k++)
            if (!timeline->only || timeline->only == &timeline->strands[i])
                ids[n_ids++] = timeline->strands[i].ids[k];
    for (size_t n = n_ids ? BATCH : 0; n == BATCH && !full;) {
        struct audit_row *events;
        int rc = audit_of_records(timeline->plan->caller->house->app, ids, n_ids, timeline->query->actor_id,
            before_id, BATCH, &events, &n, err);
        for (size_t i = 1; rc == 0 && i < timeline->n_strands; i++)
            rc = read_rows(timeline, &timeline->strands[i], events, n, err);
        for (size_t e = 0; rc == 0 && e < n && !full; e++) {
            rc = print_event(timeline, &events[e], &full, err);
            before_id = events[e].id;
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- the time in each stage ---------------------------------------------------------------------------- */

static size_t colours_of(const struct field *field)
{
    size_t n = 0;
    for (size_t i = 0; i < field->n_options; i++) {
        size_t k = 0;
        while (k < i && !str_eq(field->options[k].color, field->options[i].color))
            k++;
        n += k == i && field->options[i].color.n > 0;
    }
    return n;
}

/* The field that tells the state a record is in: of the choices that are clear on it the one with the most
 * colours, more than one. The browser finds it likewise (table/useColumns.ts). */
static const struct field *stage_field(const struct plan *plan, const struct record *record)
{
    const struct field *best = NULL;
    size_t most = 1;
    for (size_t i = 0; i < plan->form->n_fields; i++) {
        const struct field *field = &plan->form->fields[i];
        if (!str_eq(str_of(field->type->key), STR("choice")) || record->view->levels[i] < LEVEL_READ)
            continue;
        size_t n = colours_of(field);
        if (n > most) {
            best = field;
            most = n;
        }
    }
    return best;
}

struct stages {
    const struct field *field;
    struct str value; /* JSON; empty: none */
    int64_t until_us; /* 0: it is so now */
    struct json_out *out;
};

static void print_span(struct stages *stages, int64_t from_us)
{
    if (stages->value.n == 0 || str_eq(stages->value, STR("null")))
        return;
    json_out_object(stages->out);
    json_out_key(stages->out, STR("value"));
    json_out_raw(stages->out, stages->value);
    json_out_member_instant(stages->out, "from", from_us);
    json_out_member_instant(stages->out, "until", stages->until_us);
    json_out_object_end(stages->out);
}

/* Backwards from what is now: each change of the field ends one span and begins the next. */
static task_fn int print_spans(struct timeline *timeline, struct stages *stages, struct err *err)
{
    struct plan *plan = timeline->plan;
    int64_t before_id = 0;
    size_t read = 0;
    for (size_t n = OWN_BATCH; n == OWN_BATCH && read < STAGE_EVENTS_MAX;) {
        struct audit_row *events;
        int rc = audit_of_record(plan->caller->house->app, plan->form->key, timeline->record->id, before_id,
            OWN_BATCH, &events, &n, err);
        if (rc < 0)
            return rc;
        for (size_t e = 0; e < n; e++) {
            struct shown_change *changes = NULL;
            size_t n_changes = 0;
            rc = shown_changes(plan, timeline->record, &events[e], &changes, &n_changes, err);
            if (rc < 0)
                return rc;
            for (size_t c = 0; c < n_changes; c++) {
                if (!str_eq(changes[c].field, stages->field->key))
                    continue;
                print_span(stages, events[e].at_us);
                stages->value = changes[c].before;
                stages->until_us = events[e].at_us;
            }
            before_id = events[e].id;
        }
        read += n;
    }
    print_span(stages, 0); /* what was before all that is known */
    return 0;
}

static task_fn int print_stages(struct timeline *timeline, struct err *err)
{
    struct stages stages = {.field = stage_field(timeline->plan, timeline->record), .out = timeline->out};
    json_out_key(timeline->out, STR("stages"));
    if (!stages.field) {
        json_out_null(timeline->out);
        return 0;
    }
    const struct db_val *now = &timeline->record->values[stages.field->index];
    if (now->kind != DB_NULL)
        stages.value = value_json(stages.field, now, task_arena());
    json_out_object(timeline->out);
    json_out_member_str(timeline->out, "field", stages.field->key);
    json_out_key(timeline->out, STR("spans"));
    json_out_array(timeline->out);
    int rc = print_spans(timeline, &stages, err);
    if (rc < 0)
        return rc;
    json_out_array_end(timeline->out);
    json_out_object_end(timeline->out);
    return 0;
}

/* ---- the call ------------------------------------------------------------------------------------------ */

/* Who looked is told of the record and, as a list is, of each row that was shown. */
static task_fn int log_look(const struct timeline *timeline, struct err *err)
{
    struct caller *caller = timeline->plan->caller;
    struct audit_event event =
        caller_event(caller, AUDIT_READ, timeline->plan->form->key, timeline->record->id);
    event.detail = STR("{\"what\":\"timeline\"}");
    int rc = audit_read(caller->house->reader, &event, err);
    for (size_t i = 1; rc == 0 && i < timeline->n_strands; i++) {
        const struct strand *strand = &timeline->strands[i];
        if (strand->n_shown == 0)
            continue;
        struct audit_event list = caller_event(caller, AUDIT_LIST, strand->plan->form->key, 0);
        list.records = strand->shown;
        list.n_records = strand->n_shown;
        list.detail =
            arena_printf(task_arena(), "{\"what\":\"timeline\",\"form\":\"%.*s\",\"record\":\"%lld\"}",
                STR_ARGS(timeline->plan->form->key), (long long)timeline->record->id);
        rc = audit_read(caller->house->reader, &list, err);
    }
    return rc;
}

static int check_query(const struct record_timeline_query *query, struct err *err)
{
    if (query->limit >= 1 && query->limit <= PAGE_MAX)
        return 0;
    return err_add(err, task_arena(), STR("limit"), query->limit < 1 ? FAULT_TOO_SMALL : FAULT_TOO_LARGE,
        query->limit < 1 ? STR("1") : arena_printf(task_arena(), "%d", PAGE_MAX));
}

static task_fn int print_all(struct timeline *timeline, struct err *err)
{
    struct json_out *out = timeline->out;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    int rc = print_events(timeline, err);
    if (rc < 0)
        return rc;
    json_out_array_end(out);
    json_out_member_id(out, "next", timeline->more ? timeline->last : 0);
    json_out_member_bool(out, "whole", timeline->whole);
    if (timeline->query->before_id == 0)
        rc = print_stages(timeline, err);
    if (rc < 0)
        return rc;
    json_out_object_end(out);
    return 0;
}

static task_fn int look(struct caller *caller, struct str form_key, int64_t id,
    const struct record_timeline_query *query, struct json_out *out, struct err *err)
{
    struct record record;
    struct timeline timeline = {.record = &record, .query = query, .whole = true, .out = out};
    task_stage("read");
    int rc = shown_record(caller, form_key, id, &timeline.plan, &record, err);
    if (rc < 0)
        return rc;
    if (!(record.view->actions & 1u << ACTION_HISTORY))
        return err_set(err, ERR_FORBIDDEN, "no grant gives the history of this row");
    rc = make_strands(&timeline, err);
    if (rc == 0)
        rc = read_kind(&timeline, query->kind, err);
    if (rc == 0)
        rc = find_all_rows(&timeline, err);
    if (rc == 0)
        rc = print_all(&timeline, err);
    if (rc < 0)
        return rc;
    task_stage("log");
    return log_look(&timeline, err);
}

/* One try; what it has printed counts only if it came to its end. */
static task_fn int look_once(struct caller *caller, struct str form_key, int64_t id,
    const struct record_timeline_query *query, struct str *ret_text, struct err *err)
{
    struct buf *text = statement_new()->sql; /* it goes with the task */
    struct json_out out;
    json_out_init(&out, text);
    int rc = look(caller, form_key, id, query, &out, err);
    if (rc < 0)
        return rc;
    json_out_end(&out);
    *ret_text = buf_str(text);
    return 0;
}

task_fn int record_timeline(struct caller *caller, struct str form_key, int64_t id,
    const struct record_timeline_query *query, struct json_out *out, struct err *err)
{
    struct str text;
    int rc = check_query(query, err);
    for (int i = 0; rc == 0; i++) {
        rc = look_once(caller, form_key, id, query, &text, err);
        if (rc != -ERR_EPOCH_MOVED || i == TRIES)
            break;
        err_clear(err);
        rc = caller_renew(caller, err);
    }
    if (rc < 0)
        return rc;
    json_out_raw(out, text);
    return 0;
}
