/*
 * Reading the log against a slow search in memory: random events, random filters, page by page to the end.
 * Then a log of many lists, so that the walk has several windows, with bytes that look like an id but are
 * none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "audit/audit_int.h"
#include "base/clock.h"
#include "base/must.h"
#include "schema_fixture.h"

#include <stdlib.h>
#include <string.h>

#define N_EVENTS 3000
#define N_RECORDS 40
#define LIST_MAX 12
#define DAY_US INT64_C(86400000000)

static const char *const LOGINS[] = {"clerk", "clerk2", "经理", "auditor", ""};
static const char *const FORMS[] = {"customer", "contact", "_log"};
static const enum audit_action ACTIONS[] = {
    AUDIT_LIST, AUDIT_READ, AUDIT_CREATE, AUDIT_UPDATE, AUDIT_DELETE, AUDIT_LOGIN};
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static struct audit_event events[N_EVENTS]; /* ids ascending */
static int64_t records[N_EVENTS][LIST_MAX];
static int64_t record_ids[N_RECORDS];
static int64_t begin_us;
static unsigned seed = 20261122;

static int pick(int n)
{
    return rand_r(&seed) % n;
}

/* Ids whose bytes overlap: one's tail is another's head. */
static void make_records(void)
{
    for (int i = 0; i < N_RECORDS; i++)
        record_ids[i] = i % 4 == 0 ? (int64_t)0x0101010101010100 + i / 4 : (int64_t)pick(1000000) * 256 + i;
    record_ids[1] = 0x0001010101010101;
}

static void make_events(void)
{
    begin_us = clock_utc_us() - 100 * DAY_US;
    for (int i = 0; i < N_EVENTS; i++) {
        struct audit_event *event = &events[i];
        event->id = id_new();
        event->at_us = begin_us + (int64_t)i * DAY_US / 40 + pick(1000);
        event->login = str_of(LOGINS[pick(COUNT(LOGINS))]);
        event->action = ACTIONS[pick(COUNT(ACTIONS))];
        event->form = str_of(FORMS[pick(COUNT(FORMS))]);
        if (event->action == AUDIT_LIST) {
            event->n_records = (size_t)pick(LIST_MAX + 1);
            for (size_t k = 0; k < event->n_records; k++)
                records[i][k] = record_ids[pick(N_RECORDS)];
            event->records = records[i];
        }
        if (event->action != AUDIT_LOGIN && (event->action != AUDIT_LIST || pick(20) == 0))
            event->record = record_ids[pick(N_RECORDS)];
        if (event->n_records && pick(8) == 0)
            event->record = records[i][0]; /* in its own column and among those shown: still one event */
    }
}

static task_fn int write_events(struct tx *tx, void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    audit_add_many(tx, events, N_EVENTS);
    return 0;
}

static bool shows(const struct audit_event *event, int64_t record)
{
    for (size_t i = 0; i < event->n_records && event->action == AUDIT_LIST; i++) {
        if (event->records[i] == record)
            return true;
    }
    return event->record == record;
}

static bool fits(const struct audit_event *event, const struct audit_filter *filter)
{
    return (!filter->login.n || str_eq(filter->login, event->login)) &&
           (!filter->form.n || str_eq(filter->form, event->form)) &&
           (!filter->record || shows(event, filter->record)) &&
           (!filter->has_action || filter->action == event->action) &&
           (!filter->from_us || event->at_us >= filter->from_us) &&
           (!filter->to_us || event->at_us < filter->to_us);
}

static void compare_row(const struct audit_row *row, const struct audit_event *event)
{
    must(row->id == event->id && row->at_us == event->at_us && row->record == event->record);
    must(str_eq(row->login, event->login) && str_eq(row->form, event->form));
    must(str_eq(row->action, str_of(audit_action_name(event->action))));
    must(row->n_records == event->n_records);
    for (size_t i = 0; i < row->n_records; i++)
        must(row->records[i] == event->records[i]);
}

/* All pages of the filter; the events that fit must come in order, each once, and `more` be right. */
static task_fn void compare(struct audit_filter filter)
{
    int at = N_EVENTS - 1;
    for (bool more = true; more;) {
        struct audit_row *rows;
        struct err err = {0};
        size_t n;
        fixture_report(audit_find(fixture.app, &filter, &rows, &n, &more, &err), &err, "find");
        must(n <= filter.limit && (n == filter.limit || !more));
        for (size_t i = 0; i < n; i++) {
            while (at >= 0 && !fits(&events[at], &filter))
                at--;
            must(at >= 0);
            compare_row(&rows[i], &events[at--]);
            filter.before_id = rows[i].id;
        }
        while (at >= 0 && !fits(&events[at], &filter))
            at--;
        must(more == (at >= 0));
    }
}

static void run_against_memory(void *arg)
{
    (void)arg;
    struct err err = {0};
    make_records();
    make_events();
    fixture_report(tx_run(fixture.app, NULL, write_events, NULL, NULL, &err), &err, "write");
    for (int round = 0; round < 150; round++) {
        struct audit_filter filter = {.limit = (size_t)(pick(3) ? 1 + pick(100) : 1000)};
        if (pick(3) == 0)
            filter.login = str_of(LOGINS[pick(COUNT(LOGINS) - 1)]);
        if (pick(3) == 0)
            filter.form = str_of(FORMS[pick(COUNT(FORMS))]);
        if (pick(2) == 0)
            filter.record = record_ids[pick(N_RECORDS)];
        filter.has_action = pick(3) == 0;
        filter.action = ACTIONS[pick(COUNT(ACTIONS))];
        if (pick(3) == 0)
            filter.from_us = begin_us + pick(90) * DAY_US;
        if (pick(3) == 0)
            filter.to_us = begin_us + pick(110) * DAY_US;
        compare(filter);
    }
}

static void test_against_a_search_in_memory(void **state)
{
    (void)state;
    task_run(run_against_memory, NULL);
}

static void run_of_record(void *arg)
{
    (void)arg;
    for (int i = 0; i < N_RECORDS; i++) {
        struct audit_row *rows;
        struct err err = {0};
        size_t n = 0, expected = 0, limit = i % 2 ? 5 : 1000;
        int newest = i % 3 ? N_EVENTS - 1 : N_EVENTS / 2; /* the pages after the first begin below an event */
        int64_t before = newest < N_EVENTS - 1 ? events[newest + 1].id : 0;
        fixture_report(
            audit_of_record(fixture.app, STR("customer"), record_ids[i], before, limit, &rows, &n, &err),
            &err, "of");
        for (int at = newest; at >= 0 && expected < limit; at--) {
            const struct audit_event *event = &events[at];
            bool changes = event->action == AUDIT_CREATE || event->action == AUDIT_UPDATE ||
                           event->action == AUDIT_DELETE;
            if (changes && event->record == record_ids[i] && str_eq(event->form, STR("customer"))) {
                must(expected < n);
                compare_row(&rows[expected++], event);
            }
        }
        must(expected == n);
    }
}

static void test_changes_of_one_record(void **state)
{
    (void)state;
    task_run(run_of_record, NULL);
}

/* What cannot be in the log is not asked for; what comes from outside cannot break the search. */
static void run_odd_filters(void *arg)
{
    (void)arg;
    char wide[400];
    memset(wide, 'a', sizeof wide);
    const struct audit_filter odd[] = {
        {.login = STR("\xff\xfe"), .limit = 10},
        {.login = {wide, sizeof wide}, .limit = 10},
        {.form = STR("客户"), .limit = 10},
        {.form = {wide, sizeof wide}, .limit = 10},
        {.form = STR("a' OR '1'='1"), .limit = 10},
        {.login = STR("clerk\\' OR 1=1 -- "), .limit = 10},
        {.from_us = INT64_MAX, .limit = 10},
        {.to_us = 1, .limit = 10},
        {.from_us = INT64_MAX, .record = record_ids[0], .limit = 10},
        {.to_us = 1, .record = record_ids[0], .limit = 10},
        {.before_id = 1, .limit = 10},
        {.before_id = 1, .record = record_ids[0], .limit = 10},
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct audit_row *rows;
        struct err err = {0};
        size_t n = 99;
        bool more = true;
        fixture_report(audit_find(fixture.app, &odd[i], &rows, &n, &more, &err), &err, "odd");
        must(n == 0 && !more);
    }
    struct audit_row *rows;
    struct err err = {0};
    size_t n;
    bool more;
    struct audit_filter none = {0}, many = {.limit = 1000000};
    fixture_report(audit_find(fixture.app, &none, &rows, &n, &more, &err), &err, "limit 0");
    must(n == 1 && more);
    fixture_report(audit_find(fixture.app, &many, &rows, &n, &more, &err), &err, "limit too large");
    must(n == AUDIT_FIND_MAX && more);
}

static void test_odd_filters(void **state)
{
    (void)state;
    task_run(run_odd_filters, NULL);
}

/* 50,000 lists, more than two windows. Two in a hundred hold the record; as many hold its bytes, but astride
 * two ids. */
static void run_windows(void *arg)
{
    (void)arg;
    const int64_t record = 0x1122334455667788;
    unsigned char near[16] = {0}, hit[16] = {0}, miss[16] = {9};
    audit_put_id(record, hit + 8);
    memcpy(near + 3, hit + 8, 8);
    (void)fixture_query(fixture.app,
        "INSERT INTO tidemark_log.event (id,at,login,action,form,records) SELECT ?+seq,NOW(6),'wide','list','wide',"
        "CASE WHEN seq MOD 50=7 THEN ? WHEN seq MOD 50=9 THEN ? ELSE ? END FROM seq_1_to_50000",
        DB_PARAMS(DB_I(id_new()), DB_B(((struct str){(char *)hit, 16})),
            DB_B(((struct str){(char *)near, 16})), DB_B(((struct str){(char *)miss, 16}))));
    struct audit_filter filter = {.record = record, .form = STR("wide"), .limit = 300};
    size_t found = 0;
    for (bool more = true; more;) {
        struct audit_row *rows;
        struct err err = {0};
        size_t n;
        fixture_report(audit_find(fixture.app, &filter, &rows, &n, &more, &err), &err, "windows");
        for (size_t i = 0; i < n; i++) {
            must(!filter.before_id || rows[i].id < filter.before_id);
            must(rows[i].n_records == 2 && rows[i].records[1] == record);
            filter.before_id = rows[i].id;
        }
        found += n;
    }
    must(found == 1000);
    filter = (struct audit_filter){.record = 0x1122334455667700, .form = STR("wide"), .limit = 10};
    struct audit_row *rows;
    struct err err = {0};
    size_t n;
    bool more;
    fixture_report(audit_find(fixture.app, &filter, &rows, &n, &more, &err), &err, "absent");
    must(n == 0 && !more);
}

static void test_lists_over_several_windows(void **state)
{
    (void)state;
    task_run(run_windows, NULL);
}

/* The n-th wait of a search fails, for each n: an error, no connection lost, and the next search is whole. */
static void run_failing_waits(void *arg)
{
    (void)arg;
    struct audit_filter filter = {
        .record = record_ids[0], .from_us = begin_us, .to_us = begin_us + 200 * DAY_US, .limit = 1000};
    for (unsigned nth = 1; nth < 100; nth++) {
        struct audit_row *rows = NULL;
        struct err err = {0};
        size_t n = 77;
        bool more = true;
        task_fail_wait(nth);
        int r = audit_find(fixture.app, &filter, &rows, &n, &more, &err);
        if (r == 0)
            r = audit_of_record(fixture.app, STR("customer"), record_ids[0], 0, 10, &rows, &n, &err);
        bool fired = task_fail_wait_fired();
        task_fail_wait(0);
        must(r == (fired ? -ERR_TORTURE : 0) && db_stats_now(fixture.app).busy == 0);
        if (!fired) {
            must(nth > 4); /* events, span, window, lists, changes */
            return;
        }
    }
    never("it passes at some time");
}

static void test_every_wait_may_fail(void **state)
{
    (void)state;
    task_run(run_failing_waits, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_search_in_memory),
        cmocka_unit_test(test_changes_of_one_record),
        cmocka_unit_test(test_odd_filters),
        cmocka_unit_test(test_lists_over_several_windows),
        cmocka_unit_test(test_every_wait_may_fail),
    };
    return cmocka_run_group_tests(tests, schema_set_up, schema_tear_down);
}
