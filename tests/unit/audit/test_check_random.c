/*
 * The check on random transactions: of what holds together nothing may be found, and where one thing was
 * changed exactly that must be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "check_fixture.h"
#include "random.h"

enum { OPS_MAX = 60 };
struct op {
    struct feed_change event, row;
    bool has_event, has_row;
    const char *fields; /* of an update of a record: that move and are named */
};
static struct op ops[OPS_MAX];
static size_t n_ops;

static struct op random_update(int64_t id)
{
    static const char *const FIELDS[] = {
        "phone", "stage", "amount", "phone stage", "name amount", "name phone stage amount"};
    struct op op = {.fields = FIELDS[random_below(sizeof FIELDS / sizeof FIELDS[0])]};
    struct str rest = str_of(op.fields);
    op.row = customer(FEED_UPDATE, id);
    while (rest.n) {
        struct str field = str_cut(&rest, ' ');
        op.row = random_below(10) ? with(op.row, arena_cstr(made.arena, field), DB_S(STR("other")))
                                  : with(op.row, arena_cstr(made.arena, field), DB_N);
    }
    op.event = event_row(random_below(4) ? "update" : "derive", "customer", id, op.fields);
    return op;
}

static struct op random_op(int64_t id)
{
    struct op op = {0};
    switch (random_below(9)) {
    case 0:
        op.event = event_row("create", "customer", id, "name");
        op.row = customer(FEED_INSERT, id);
        break;
    case 1:
        op.event = event_row("delete", "customer", id, NULL);
        op.row = with(customer(FEED_UPDATE, id), "_live", DB_N);
        break;
    case 2:
        op.event = event_row("purge", "customer", id, NULL);
        op.row = customer(FEED_DELETE, id);
        break;
    case 3:
        op = (struct op){.event = event_row("configure", "_user", id, "name"),
            .row = keyed(FEED_UPDATE, "tidemark", "app_user", APP_USER, id)};
        break;
    case 4:
        op = (struct op){.event = login_event(id), .row = session_row(FEED_INSERT, id + 1000000, id)};
        break;
    case 5:
        op = (struct op){.event = logout_event(id), .row = session_end_row(id, 3, "logout")};
        break;
    default:
        op = random_update(id);
        break;
    }
    op.has_event = op.has_row = true;
    return op;
}

static void random_ops(void)
{
    n_ops = 3 + random_below(OPS_MAX - 3);
    for (size_t i = 0; i < n_ops; i++) /* ids that differ, in no order */
        ops[i] = random_op((int64_t)((i * 37 + 11) % 1009 + 1));
}

/* Beside each other in any order, with what needs no event in between. */
static void put_ops(void)
{
    for (size_t i = 0; i < n_ops; i++)
        if (ops[i].has_event)
            add(ops[i].event);
    for (size_t i = 0; i < n_ops; i++) {
        if (ops[i].has_row)
            add(ops[i].row);
        if (random_below(5) == 0)
            add(keyed(FEED_UPDATE, "tidemark", "auto_number", "field_id next_number id", 1));
        if (random_below(5) == 0)
            add(event_row("read", "customer", 5, NULL));
        if (random_below(9) == 0)
            add(session_end_row((int64_t)(5000000 + i), 9, "idle"));
    }
    if (random_below(2)) /* events need not stand first */
        for (size_t i = made.n_changes - 1; i > 0; i--) {
            size_t j = random_below(i + 1);
            struct feed_change other = made.changes[i];
            made.changes[i] = made.changes[j];
            made.changes[j] = other;
        }
}

static struct op *pick(void)
{
    return &ops[random_below(n_ops)];
}

static struct op *pick_update(void)
{
    ops[0] = random_update(9999);
    ops[0].has_event = ops[0].has_row = true;
    return &ops[0];
}

/* Changes one thing and says what has to be found. */
static enum audit_what spoil(void)
{
    struct op *op;
    switch (random_below(10)) {
    case 0:
        pick()->has_event = false;
        return AUDIT_NO_EVENT;
    case 1:
        pick_update()->has_row = false;
        return AUDIT_NO_ROW;
    case 2:
        op = pick_update();
        set(&op->event, op->event.after, "changes",
            DB_S(STR("[{\"field\":\"other\",\"before\":1,\"after\":2}]")));
        return AUDIT_FIELD_UNNAMED;
    case 3:
        op = pick_update();
        op->row.after[column_of(op->row.table, strstr(op->fields, "amount") ? "name" : "amount")] =
            DB_S(STR("-1"));
        if (strstr(op->fields, "amount") && strstr(op->fields, "name"))
            set(&op->event, op->event.after, "changes", DB_N);
        return AUDIT_FIELD_UNNAMED;
    case 4:
        add(customer((enum feed_op)random_below(3), 8888));
        return AUDIT_NO_EVENT;
    case 5:
        add(keyed(random_below(2) ? FEED_UPDATE : FEED_DELETE, "tidemark_log", "event", EVENT, 1));
        return AUDIT_LOG_CHANGED;
    case 6:
        add(keyed(FEED_UPDATE, "tidemark", "elsewhere", "id", 1));
        return AUDIT_NO_RULE;
    case 7:
        add_statement("DROP TABLE rec_customer");
        return AUDIT_DDL;
    case 8:
        op = pick();
        set(&op->event, op->event.after, "action", DB_S(STR("read")));
        return AUDIT_NO_EVENT;
    default:
        add(event_row("update", "customer", 7777, "name"));
        return AUDIT_NO_ROW;
    }
}

static void test_random_transactions(void **state)
{
    (void)state;
    random_begin();
    begin_made();
    struct audit_checker *checker = audit_checker_new(&(struct audit_checker_opts){.domain = 0});
    for (int round = 0; round < 3000; round++) {
        random_ops();
        put_ops();
        struct audit_findings findings = check_made(checker, 1 + random_below(4));
        assert_int_equal(findings.total, 0);
        random_ops();
        enum audit_what what = spoil();
        put_ops();
        findings = check_made(checker, 1 + random_below(4));
        assert_int_equal(findings.total, 1);
        assert_string_equal(audit_what_name(findings.at[0].what), audit_what_name(what));
    }
    audit_checker_free(checker);
    arena_free(made.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_transactions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
