/*
 * Which event explains a change of which table. A table without a rule here explains nothing: a change of it
 * is a finding.
 *
 * To add a table: a row in RULES, with the reason if it needs no event, and a case in the tests. The fewer
 * free ones the better: what needs no event can be changed by anybody unseen.
 */
#include "audit/check_int.h"

#include "base/must.h"

#define BIT(action) (1u << AUDIT_##action)
#define UPDATES (BIT(UPDATE) | BIT(DELETE) | BIT(RESTORE) | BIT(DERIVE))

static const struct rule {
    const char *table;
    enum { FREE, CONFIGURED, MADE_ONCE, SESSION } kind;
    const char *form; /* CONFIGURED, MADE_ONCE: as events call it */
} RULES[] = {
    {"app_user", CONFIGURED, "_user"}, {"user_role", CONFIGURED, "_user_role"}, {"role", CONFIGURED, "_role"},
    {"access_grant", CONFIGURED, "_grant"}, {"department", CONFIGURED, "_department"},
    {"form", CONFIGURED, "_form"}, {"form_field", CONFIGURED, "_form_field"},
    {"instance", MADE_ONCE,
        "_instance"}, /* its one row comes with the first start, before anybody is served */
    {"session", SESSION, NULL},
    {"process_slot", FREE, NULL},  /* leases: by the clock, nobody's doing, worth nothing to a forger */
    {"lease", FREE, NULL},         /* likewise; a stolen one is fenced by its term */
    {"seal_head", FREE, NULL},     /* where the sealer stands: must agree with the signed seals */
    {"beat", FREE, NULL},          /* once a second, by whichever node is first */
    {"presence", FREE, NULL},      /* who looks at what, now; kept nowhere else */
    {"feed_position", FREE, NULL}, /* where a consumer stands: wrong, it reads twice or says that it lost */
    {"auto_number", FREE, NULL}, /* a counter, drawn in blocks; its numbers stand in rows that have events */
    {"catalog_epoch", FREE, NULL}, /* a counter: moved by a stranger, everything is read anew, no more */
    {"idempotency_key", FREE,
        NULL},                   /* what was done by a key; changed, a request is done twice or not again */
    {"login_guard", FREE, NULL}, /* counted failures; each attempt has its event in the same transaction */
    {"schema_migration", FREE, NULL}, /* compared with the shipped files at each start */
};

static const struct rule *rule_of(struct str table)
{
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++)
        if (str_eq(table, str_of(RULES[i].table)))
            return &RULES[i];
    return NULL;
}

/* ---- values of images ---------------------------------------------------------------------------------- */

const struct db_val *check_column(
    const struct feed_table *table, const struct db_val *image, const char *name)
{
    struct str wanted = str_of(name);
    for (size_t i = 0; image && i < table->n_columns; i++)
        if (str_eq(table->columns[i].name, wanted))
            return &image[i];
    return NULL;
}

int64_t check_int(const struct feed_table *table, const struct db_val *image, const char *name)
{
    const struct db_val *value = check_column(table, image, name);
    return value && value->kind == DB_INT ? value->i : 0;
}

static bool is_null(const struct feed_table *table, const struct db_val *image, const char *name)
{
    const struct db_val *value = check_column(table, image, name);
    return !value || value->kind == DB_NULL;
}

static bool is_same(const struct db_val *a, const struct db_val *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case DB_NULL:
        return true;
    case DB_INT:
        return a->i == b->i;
    case DB_REAL:
        return a->real >= b->real && a->real <= b->real;
    case DB_TEXT:
    case DB_BYTES:
        return str_eq(a->s, b->s);
    }
    never("all kinds are above");
}

static bool moved(const struct feed_change *change, const char *name)
{
    const struct db_val *before = check_column(change->table, change->before, name),
                        *after = check_column(change->table, change->after, name);
    return before && after && !is_same(before, after);
}

/* The row's key; 0 where it has none, or where the change gave it another one: nothing names that. */
static int64_t key_of(const struct feed_change *change, const char *name)
{
    int64_t before = check_int(change->table, change->before, name),
            after = check_int(change->table, change->after, name);
    if (change->op == FEED_UPDATE && before != after)
        return 0;
    return change->op == FEED_DELETE ? before : after;
}

/* ---- needs --------------------------------------------------------------------------------------------- */

static void add_need(struct check_row *row, struct str form, int64_t record, unsigned actions)
{
    must(row->n_needs < CHECK_NEEDS_MAX);
    row->verdict = CHECK_NEEDS;
    if (record != 0)
        row->needs[row->n_needs++] = (struct check_need){form, record, actions};
}

static void refuse(struct check_row *row, enum audit_what what)
{
    row->verdict = CHECK_REFUSED;
    row->what = what;
}

/* Plain columns are named as their fields are; those of ours (derived ones, bookkeeping) begin with '_'. */
static void collect_columns(const struct feed_change *change, struct arena *arena, struct check_row *row)
{
    const struct feed_table *table = change->table;
    row->columns = arena_new_array(arena, struct str, table->n_columns);
    for (size_t i = 0; i < table->n_columns; i++)
        if (!str_starts(table->columns[i].name, STR("_")) && !is_same(&change->before[i], &change->after[i]))
            row->columns[row->n_columns++] = table->columns[i].name;
}

static void read_record(const struct feed_change *change, struct arena *arena, struct check_row *row)
{
    const size_t prefix = sizeof "rec_" - 1;
    struct str form = {row->table.p + prefix, row->table.n - prefix};
    row->record = key_of(change, "_id");
    switch (change->op) {
    case FEED_INSERT:
        add_need(row, form, row->record, BIT(CREATE));
        break;
    case FEED_UPDATE:
        /* Into the recycle bin and out of it: only by an event that says so. */
        add_need(row, form, row->record, moved(change, "_live") ? BIT(DELETE) | BIT(RESTORE) : UPDATES);
        collect_columns(change, arena, row);
        break;
    case FEED_DELETE:
        add_need(row, form, row->record, BIT(PURGE));
        break;
    }
}

/* A session ends by a log-out, by an administrator's change of it or of its user, by a log-in too many, or by
 * the clock: the last one has no event, its times say when it was over. */
static void read_session_end(const struct feed_change *change, struct check_row *row)
{
    const struct db_val *reason = check_column(change->table, change->after, "end_reason");
    int64_t user = check_int(change->table, change->after, "user_id");
    struct str text = reason && reason->kind == DB_TEXT ? reason->s : STR("");
    if (!is_null(change->table, change->before, "ended_at") ||
        is_null(change->table, change->after, "ended_at"))
        refuse(row, AUDIT_NO_EVENT); /* an end that is taken back or told otherwise */
    else if (str_eq(text, STR("idle")) || str_eq(text, STR("absolute")))
        row->verdict = CHECK_FREE;
    else if (str_eq(text, STR("limit")))
        add_need(row, STR(CHECK_LOGIN), user, BIT(LOGIN));
    else {
        add_need(row, STR(CHECK_SESSION), row->record, BIT(LOGOUT));
        add_need(row, STR("_session"), row->record, BIT(CONFIGURE));
        add_need(row, STR("_user"), user, BIT(CONFIGURE));
    }
}

static void read_session(const struct feed_change *change, struct check_row *row)
{
    static const char *const MAY_MOVE[] = {"last_seen_at", "ended_at", "end_reason"};
    const struct feed_table *table = change->table;
    row->record = key_of(change, "id");
    if (change->op == FEED_INSERT) {
        add_need(row, STR(CHECK_LOGIN), check_int(table, change->after, "user_id"), BIT(LOGIN));
        return;
    }
    bool odd = change->op == FEED_DELETE;
    for (size_t i = 0; !odd && i < table->n_columns; i++) {
        bool may = false;
        for (size_t m = 0; m < sizeof MAY_MOVE / sizeof MAY_MOVE[0]; m++)
            may = may || str_eq(table->columns[i].name, str_of(MAY_MOVE[m]));
        odd = !may && !is_same(&change->before[i], &change->after[i]);
    }
    if (odd)
        refuse(row, AUDIT_NO_EVENT);
    else if (moved(change, "ended_at") || moved(change, "end_reason"))
        read_session_end(change, row);
}

static void read_ours(const struct feed_change *change, struct arena *arena, struct check_row *row)
{
    const struct rule *rule = rule_of(row->table);
    if (str_starts(row->table, STR("rec_"))) {
        read_record(change, arena, row);
        return;
    }
    if (!rule) {
        refuse(row, AUDIT_NO_RULE);
        return;
    }
    switch (rule->kind) {
    case FREE:
        break;
    case SESSION:
        read_session(change, row);
        break;
    case MADE_ONCE:
    case CONFIGURED:
        row->record = key_of(change, "id");
        if (rule->kind == CONFIGURED || change->op != FEED_INSERT)
            add_need(row, str_of(rule->form), row->record, BIT(CONFIGURE));
        break;
    }
}

void check_row_read(const struct feed_change *change, struct arena *arena, struct check_row *ret_row)
{
    const struct feed_table *table = change->table;
    *ret_row = (struct check_row){.op = change->op, .schema = table->schema, .table = table->name};
    if (str_eq(table->schema, STR("tidemark"))) {
        read_ours(change, arena, ret_row);
    } else if (str_eq(table->schema, STR("tidemark_log"))) {
        bool is_event = str_eq(table->name, STR("event"));
        /* Seals prove themselves; like events they are only ever added. */
        bool is_seal = str_eq(table->name, STR("seal")) || str_eq(table->name, STR("seal_leaf"));
        ret_row->record = key_of(change, "id");
        if (is_event && change->op == FEED_INSERT)
            ret_row->verdict = CHECK_EVENT;
        else if (!is_seal || change->op != FEED_INSERT)
            refuse(ret_row, is_event || is_seal ? AUDIT_LOG_CHANGED : AUDIT_NO_RULE);
    }
}
