/*
 * One transaction after the other. Events are remembered by what they name; a changed row is explained at
 * once if its event stands before it, as ours do (audit.h), else it waits for the end. At the end what still
 * waits is found, and so are events whose rows did not come.
 *
 * Memory is bounded: a transaction larger than the numbers below is not one of ours, and what does not find
 * room counts as not explained.
 */
#include "audit/check.h"

#include "audit/check_int.h"
#include "base/map.h"
#include "base/must.h"
#include "crypto/crypto.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

#define CHECKER_MAGIC 0xA0C40001u
#define EVENTS_MAX 100000
#define WAITING_MAX 100000
#define HASHES_MAX 10000 /* past it all are forgotten: known_hash answers */
#define CHANGES_BYTES_MAX ((size_t)256 << 20)
#define CHANGES_NODES_MAX 2000000

static const char *const WHAT_NAMES[AUDIT_WHAT_COUNT] = {
    [AUDIT_NO_EVENT] = "no_event",
    [AUDIT_FIELD_UNNAMED] = "field_unnamed",
    [AUDIT_NO_ROW] = "no_row",
    [AUDIT_NO_RULE] = "no_rule",
    [AUDIT_LOG_CHANGED] = "log_changed",
    [AUDIT_DDL] = "ddl",
    [AUDIT_TRUNCATE] = "truncate",
    [AUDIT_STATEMENT] = "statement",
    [AUDIT_OTHER_DOMAIN] = "other_domain",
    [AUDIT_GAP] = "gap",
};

/* An event of the running transaction. */
struct named {
    struct named *next_same; /* that names the same thing */
    struct named *next;
    enum audit_action action;
    struct str form;
    int64_t record;
    struct str *fields;
    size_t n_fields;
    bool wants_row, has_row;
};
struct waiting {
    struct waiting *next;
    struct check_row row;
};

struct audit_checker {
    unsigned magic;
    struct audit_checker_opts opts;
    struct map *hashes; /* of DDL that events have announced */
    /* Of the running transaction, in the arena: */
    struct arena *arena, *scratch;
    int64_t sequence, at_us;
    bool open, foreign;
    struct map *things; /* struct named by thing_key */
    struct named *events;
    struct waiting *waiting;
    size_t n_events, n_waiting;
    struct audit_finding *findings;
    size_t n_findings;
    uint64_t n_total;
};

const char *audit_what_name(enum audit_what what)
{
    must((unsigned)what < AUDIT_WHAT_COUNT);
    return WHAT_NAMES[what];
}

struct audit_checker *audit_checker_new(const struct audit_checker_opts *opts)
{
    struct audit_checker *checker = must_alloc(sizeof(*checker));
    checker->magic = CHECKER_MAGIC;
    checker->opts = *opts;
    checker->hashes = map_new();
    checker->arena = arena_new();
    checker->scratch = arena_new();
    return checker;
}

void audit_checker_free(struct audit_checker *checker)
{
    if (!checker)
        return;
    CHECK(checker, CHECKER_MAGIC);
    map_free(checker->hashes, NULL);
    map_free(checker->things, NULL);
    arena_free(checker->arena);
    arena_free(checker->scratch);
    checker->magic = 0;
    free(checker);
}

static void begin(struct audit_checker *checker, const struct feed_tx *tx)
{
    map_free(checker->things, NULL);
    checker->things = map_new();
    arena_clear(checker->arena);
    checker->findings = arena_new_array(checker->arena, struct audit_finding, AUDIT_FINDINGS_MAX);
    checker->events = NULL;
    checker->waiting = NULL;
    checker->n_events = checker->n_waiting = checker->n_findings = 0;
    checker->n_total = 0;
    checker->sequence = tx->sequence;
    checker->at_us = tx->at_us;
    checker->foreign = false;
    checker->open = true;
}

/* Texts are copied. */
static void find(struct audit_checker *checker, struct audit_finding finding)
{
    checker->n_total++;
    if (checker->n_findings == AUDIT_FINDINGS_MAX)
        return;
    finding.schema = arena_copy(checker->arena, finding.schema);
    finding.table = arena_copy(checker->arena, finding.table);
    finding.detail = arena_copy(checker->arena, finding.detail);
    finding.sequence = checker->sequence;
    finding.at_us = checker->at_us;
    checker->findings[checker->n_findings++] = finding;
}

static void find_row(
    struct audit_checker *checker, const struct check_row *row, enum audit_what what, struct str detail)
{
    find(checker, (struct audit_finding){.what = what,
                      .is_row = true,
                      .op = row->op,
                      .schema = row->schema,
                      .table = row->table,
                      .record = row->record,
                      .detail = detail});
}

/* ---- events -------------------------------------------------------------------------------------------- */

/* Form and record as one text, in the arena. */
static struct str thing_key(struct arena *arena, struct str form, int64_t record)
{
    return arena_printf(arena, "%.*s %lld", STR_ARGS(form), (long long)record);
}

static struct str text_of(const struct feed_change *change, const char *name)
{
    const struct db_val *value = check_column(change->table, change->after, name);
    return value && value->kind == DB_TEXT ? value->s : STR_NULL;
}

static const struct json *parse_changes(struct audit_checker *checker, struct str text)
{
    const struct json_limits limits = {.max_bytes = CHANGES_BYTES_MAX, .max_nodes = CHANGES_NODES_MAX};
    struct json *changes = NULL;
    struct err err = {0};
    if (text.n == 0 || json_parse(checker->scratch, text, &limits, &changes, &err) < 0)
        return NULL;
    return changes->kind == JSON_ARRAY ? changes : NULL;
}

static struct str member_text(const struct json *object, const char *name)
{
    const struct json *member = object->kind == JSON_OBJECT ? json_get(object, str_of(name)) : NULL;
    return member && member->kind == JSON_STR ? member->str : STR_NULL;
}

static void read_fields(struct audit_checker *checker, const struct json *changes, struct named *event)
{
    event->fields = arena_new_array(checker->arena, struct str, changes->array.n);
    for (size_t i = 0; i < changes->array.n; i++)
        event->fields[event->n_fields++] =
            arena_copy(checker->arena, member_text(&changes->array.at[i], "field"));
}

static void learn_hash(struct audit_checker *checker, const struct json *changes)
{
    for (size_t i = 0; i < changes->array.n; i++) {
        struct str hash = member_text(&changes->array.at[i], "after");
        if (hash.n != (size_t)2 * CRYPTO_SHA256_BYTES ||
            !str_eq(member_text(&changes->array.at[i], "field"), STR("ddl_sha256")))
            continue;
        if (map_count(checker->hashes) == HASHES_MAX) {
            map_free(checker->hashes, NULL);
            checker->hashes = map_new();
        }
        map_put(checker->hashes, hash, checker);
    }
}

static bool wants_row(const struct named *event)
{
    const unsigned changes = 1u << AUDIT_CREATE | 1u << AUDIT_UPDATE | 1u << AUDIT_DELETE |
                             1u << AUDIT_RESTORE | 1u << AUDIT_DERIVE | 1u << AUDIT_PURGE;
    return changes >> event->action & 1 && event->record != 0 && event->form.n > 0 && event->form.p[0] != '_';
}

static void remember(struct audit_checker *checker, struct named *event)
{
    struct str key = thing_key(checker->scratch, event->form, event->record);
    event->wants_row = wants_row(event);
    event->next_same = map_put(checker->things, key, event);
    event->next = checker->events;
    checker->events = event;
    checker->n_events++;
}

static void take_event(struct audit_checker *checker, const struct feed_change *change)
{
    struct named event = {
        .form = text_of(change, "form"), .record = check_int(change->table, change->after, "record")};
    if (!audit_action_parse(text_of(change, "action"), &event.action))
        return;
    if (event.action == AUDIT_LOGIN) {
        event.form = STR(CHECK_LOGIN);
        event.record = check_int(change->table, change->after, "actor_id");
    } else if (event.action == AUDIT_LOGOUT) {
        event.form = STR(CHECK_SESSION);
        event.record = check_int(change->table, change->after, "session");
    }
    bool explains =
        event.action == AUDIT_LOGIN || event.action == AUDIT_LOGOUT || event.action == AUDIT_CONFIGURE;
    if (!(explains || wants_row(&event)) || event.record == 0 || checker->n_events == EVENTS_MAX)
        return;
    struct named *kept = arena_new_one(checker->arena, struct named);
    *kept = event;
    kept->form = arena_copy(checker->arena, event.form);
    const struct json *changes =
        event.action == AUDIT_CREATE ? NULL : parse_changes(checker, text_of(change, "changes"));
    if (changes && event.action == AUDIT_CONFIGURE)
        learn_hash(checker, changes);
    else if (changes)
        read_fields(checker, changes, kept);
    remember(checker, kept);
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static bool names(const struct named *event, struct str column)
{
    for (size_t i = 0; i < event->n_fields; i++)
        if (str_eq(event->fields[i], column))
            return true;
    return false;
}

static struct named *events_for(struct audit_checker *checker, const struct check_need *need)
{
    return map_get(checker->things, thing_key(checker->scratch, need->form, need->record));
}

static bool is_named(struct audit_checker *checker, const struct check_row *row, struct str column)
{
    for (size_t i = 0; i < row->n_needs; i++)
        for (struct named *event = events_for(checker, &row->needs[i]); event; event = event->next_same)
            if (row->needs[i].actions >> event->action & 1 && names(event, column))
                return true;
    return false;
}

/* Whether an event is there for the row; *ret_unnamed: columns that it should name and does not. */
static bool explain(struct audit_checker *checker, const struct check_row *row, struct str *ret_unnamed)
{
    bool found = false;
    for (size_t i = 0; i < row->n_needs; i++)
        for (struct named *event = events_for(checker, &row->needs[i]); event; event = event->next_same)
            if (row->needs[i].actions >> event->action & 1)
                found = event->has_row = true;
    *ret_unnamed = STR_NULL;
    for (size_t i = 0; found && i < row->n_columns; i++)
        if (!is_named(checker, row, row->columns[i]))
            *ret_unnamed = arena_printf(checker->scratch, "%.*s%s%.*s", STR_ARGS(*ret_unnamed),
                ret_unnamed->n ? "," : "", STR_ARGS(row->columns[i]));
    return found;
}

static void judge(struct audit_checker *checker, const struct check_row *row)
{
    struct str unnamed;
    if (!explain(checker, row, &unnamed))
        find_row(checker, row, AUDIT_NO_EVENT, STR_NULL);
    else if (unnamed.n)
        find_row(checker, row, AUDIT_FIELD_UNNAMED, unnamed);
}

static struct check_row keep_row(struct arena *arena, const struct check_row *row)
{
    struct check_row kept = *row;
    kept.schema = arena_copy(arena, row->schema);
    kept.table = arena_copy(arena, row->table);
    kept.columns = arena_new_array(arena, struct str, row->n_columns);
    for (size_t i = 0; i < row->n_columns; i++)
        kept.columns[i] = arena_copy(arena, row->columns[i]);
    for (size_t i = 0; i < row->n_needs; i++)
        kept.needs[i].form = arena_copy(arena, row->needs[i].form);
    return kept;
}

static void take_needy(struct audit_checker *checker, const struct check_row *row)
{
    struct str unnamed;
    if (explain(checker, row, &unnamed) && unnamed.n == 0)
        return;
    if (checker->n_waiting == WAITING_MAX) {
        judge(checker, row);
        return;
    }
    struct waiting *waiting = arena_new_one(checker->arena, struct waiting);
    waiting->row = keep_row(checker->arena, row);
    waiting->next = checker->waiting;
    checker->waiting = waiting;
    checker->n_waiting++;
}

static void take_change(struct audit_checker *checker, const struct feed_change *change)
{
    struct check_row row;
    check_row_read(change, checker->scratch, &row);
    switch (row.verdict) {
    case CHECK_FREE:
        break;
    case CHECK_EVENT:
        take_event(checker, change);
        break;
    case CHECK_REFUSED:
        find_row(checker, &row, row.what, STR_NULL);
        break;
    case CHECK_NEEDS:
        take_needy(checker, &row);
        break;
    }
}

/* ---- statements ---------------------------------------------------------------------------------------- */

static task_fn bool is_announced(struct audit_checker *checker, struct str text)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    crypto_sha256(text, digest);
    struct str hash = crypto_hex(checker->scratch, digest, sizeof digest);
    const struct audit_checker_opts *opts = &checker->opts;
    return map_get(checker->hashes, hash) || (opts->known_hash && opts->known_hash(opts->arg, hash)) ||
           (opts->known_ddl && opts->known_ddl(opts->arg, check_statement_skip(text)));
}

static task_fn void take_statement(struct audit_checker *checker, const struct feed_statement *statement)
{
    struct audit_finding finding = {
        .schema = statement->schema, .detail = check_statement_head(statement->text)};
    switch (check_statement_kind(statement->text)) {
    case CHECK_HARMLESS:
        return;
    case CHECK_DDL:
        if (is_announced(checker, check_statement_trim(statement->text)))
            return;
        finding.what = AUDIT_DDL;
        break;
    case CHECK_TRUNCATE:
        finding.what = AUDIT_TRUNCATE;
        break;
    case CHECK_CHANGE:
        finding.what = AUDIT_STATEMENT;
        break;
    }
    find(checker, finding);
}

/* ---- the transaction ----------------------------------------------------------------------------------- */

static void finish(struct audit_checker *checker)
{
    /* Both lists stand newest first. */
    struct waiting *rows = NULL;
    struct named *events = NULL;
    for (struct waiting *next, *it = checker->waiting; it; it = next) {
        next = it->next;
        it->next = rows;
        rows = it;
    }
    for (; rows; rows = rows->next) {
        judge(checker, &rows->row);
        arena_clear(checker->scratch);
    }
    for (struct named *next, *it = checker->events; it; it = next) {
        next = it->next;
        it->next = events;
        events = it;
    }
    for (; events; events = events->next) {
        if (events->wants_row && !events->has_row)
            find(checker, (struct audit_finding){.what = AUDIT_NO_ROW,
                              .schema = STR("tidemark"),
                              .table = arena_printf(checker->scratch, "rec_%.*s", STR_ARGS(events->form)),
                              .record = events->record,
                              .detail = str_of(audit_action_name(events->action))});
        arena_clear(checker->scratch);
    }
    checker->open = false;
}

static bool touches_us(const struct feed_tx *tx)
{
    for (size_t i = 0; i < tx->n_changes; i++)
        if (str_starts(tx->changes[i].table->schema, STR("tidemark")))
            return true;
    return tx->n_statements > 0;
}

task_fn void audit_check(
    struct audit_checker *checker, const struct feed_tx *tx, struct audit_findings *ret_findings)
{
    CHECK(checker, CHECKER_MAGIC);
    *ret_findings = (struct audit_findings){0};
    /* A part without its beginning is judged as if it were the whole: what it lacks is found. */
    if (tx->first || !checker->open || tx->kind == FEED_LOST || tx->sequence != checker->sequence)
        begin(checker, tx);
    arena_clear(checker->scratch);
    if (tx->kind == FEED_LOST) {
        find(checker, (struct audit_finding){.what = AUDIT_GAP});
    } else if (checker->opts.domain >= 0 && tx->domain != checker->opts.domain && !checker->foreign &&
               touches_us(tx)) {
        checker->foreign = true;
        find(checker, (struct audit_finding){.what = AUDIT_OTHER_DOMAIN});
    }
    for (size_t i = 0; i < tx->n_changes; i++) {
        take_change(checker, &tx->changes[i]);
        arena_clear(checker->scratch);
    }
    for (size_t i = 0; i < tx->n_statements; i++) {
        take_statement(checker, &tx->statements[i]);
        arena_clear(checker->scratch);
    }
    if (!tx->last && tx->kind == FEED_TX)
        return;
    finish(checker);
    *ret_findings = (struct audit_findings){checker->findings, checker->n_findings, checker->n_total};
}
