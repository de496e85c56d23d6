/*
 * Sealing in a real database: events found and sealed, the chain over several seals, two holders of which one
 * was thought dead, a tree built anew where its edge is not to be believed; the export and its proof, whole
 * and in ranges; and what somebody does to the tables past us, found by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "audit/seal_store.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "schema_fixture.h"

enum { EVENTS = 60 };
static int64_t ids[EVENTS];
static struct seal_state state_a, state_b;
static struct lease lease_a, lease_b;
static unsigned char seed[CRYPTO_KEY_BYTES] = {5}, key[1][CRYPTO_KEY_BYTES];

static void report(int rc, const struct err *err, const char *what)
{
    fixture_report(rc, err, what);
}

static void run_sql(struct db *db, const char *sql)
{
    struct err err = {0};
    report(db_query(db, sql, DB_NO_PARAMS, NULL, &err), &err, sql);
}

static task_fn int write_events(struct tx *tx, void *arg, struct err *err)
{
    const int64_t shown[2] = {7, 9};
    const struct audit_change change = {
        .field = STR("name"), .before = STR("null"), .after = STR("\"某某\\n公司\"")};
    (void)arg;
    (void)err;
    for (int i = 0; i < EVENTS; i++) {
        const struct audit_event event = {.id = ids[i] = id_new(),
            .login = STR("经理"),
            .action = i % 3 ? AUDIT_LIST : AUDIT_UPDATE,
            .form = STR("customer"),
            .record = i % 3 ? 0 : i + 1,
            .at_us = clock_utc_us() - INT64_C(300000000),
            .records = shown,
            .n_records = i % 3 ? 2 : 0,
            .changes = &change,
            .n_changes = i % 3 ? 0 : 1};
        (void)audit_add(tx, &event);
    }
    return 0;
}

/* Events as the feed would give them: here from the table, with a position made up. */
static int write_some(struct seal_state *state, struct lease *lease, size_t n, bool placed, struct err *err)
{
    struct seal_pending *leaves = NULL;
    struct seal_work work = {.lease = lease, .seed = seed};
    int64_t last = 0, sequence = 0;
    size_t found = 0;
    int rc = seal_find(
        fixture.app, state->place.found_after, INT64_MAX, n, &leaves, &found, &last, &sequence, err);
    must(rc < 0 || (found == n && last == leaves[n - 1].event && sequence > 0));
    if (rc < 0)
        return rc;
    work.place = state->place;
    work.place.found_after = leaves[n - 1].event;
    work.place.pos = state->place.pos + 1;
    work.place.n = (int64_t)n - 1;
    if (placed) {
        /* The bytes hold the place, so the hash is another. */
        struct crypto_digest *digest = crypto_digest_new();
        struct seal_event event = {0};
        struct buf scratch = {0};
        for (size_t i = 0; i < n; i++) {
            struct db_rows rows;
            const struct db_val *cells[SEAL_COLUMN_COUNT];
            char pos[SEAL_POS_MAX];
            rc = db_query(fixture.app, "SELECT " SEAL_SELECT " FROM tidemark_log.event AS e WHERE e.id=?",
                DB_PARAMS(DB_I(leaves[i].event)), &rows, err);
            must(rc == 0);
            for (size_t c = 0; c < SEAL_COLUMN_COUNT; c++)
                cells[c] = db_cell(&rows, 0, c);
            leaves[i].pos = work.place.pos;
            leaves[i].n = (int64_t)i;
            memcpy(leaves[i].epoch, "5c9eae9e", SEAL_EPOCH_CHARS);
            seal_event_read(&event, cells, seal_pos_print(pos, STR("5c9eae9e"), leaves[i].pos), leaves[i].n);
            seal_leaf_hash(&event, digest, &scratch, leaves[i].hash);
        }
        seal_event_done(&event);
        buf_done(&scratch);
        crypto_digest_free(digest);
    }
    work.leaves = leaves;
    work.n = n;
    return seal_write(fixture.app, state, &work, err);
}

static bool push(void *arg, struct str bytes)
{
    return audit_verify_push(arg, bytes);
}

static struct audit_verdict verify(int64_t from_us, int64_t to_us)
{
    const struct audit_verify_opts opts = {
        .keys = (const unsigned char(*)[CRYPTO_KEY_BYTES])key, .n_keys = 1};
    struct audit_verify *verify = audit_verify_new(&opts);
    struct seal_export export = {.from_us = from_us, .to_us = to_us, .sink = push, .arg = verify};
    struct audit_verdict verdict;
    struct err err = {0};
    (void)seal_export(fixture.app, &export, &err);
    must(err.code == ERR_NONE || err.code == ERR_IO);
    audit_verify_end(verify, &verdict);
    audit_verify_free(verify);
    return verdict;
}

static void must_be_good(struct audit_verdict verdict, uint64_t leaves, uint64_t seals)
{
    if (!verdict.good)
        (void)fprintf(stderr, "line %d: %s\n", (int)verdict.line, verdict.what);
    must(verdict.good && verdict.leaves == leaves && verdict.seals == seals);
}

static void run_sealing(void *arg)
{
    struct err err = {0};
    (void)arg;
    crypto_public_key(seed, key[0]);
    run_sql(fixture.app, "INSERT INTO instance (id, uuid, epoch, created_at) VALUES "
                         "(1, '0123456789abcdef0123456789abcdef', '5c9eae9e', UTC_TIMESTAMP(6))");
    report(tx_run(fixture.app, NULL, write_events, NULL, NULL, &err), &err, "events");
    report(seal_begin(fixture.app, id_new(), &err), &err, "begin");
    report(seal_begin(fixture.app, id_new(), &err), &err, "begin again: nothing happens");
    report(seal_load(fixture.app, &state_a, &err), &err, "load");
    must(
        state_a.place.found_to > ids[EVENTS - 1] && state_a.place.gap == SEAL_GAP_BEGIN && !state_a.has_last);
    must(state_a.place.gtid[0] == '0');
    struct audit_verdict verdict = verify(0, 0);
    must(!verdict.good && strcmp(verdict.what, "nothing is sealed") == 0);

    /* One holder at a time. */
    lease_init(&lease_a, SEAL_LEASE);
    lease_init(&lease_b, SEAL_LEASE);
    report(lease_take(fixture.app, &lease_a, &err), &err, "take");
    report(lease_take(fixture.app, &lease_b, &err), &err, "take");
    must(lease_a.held && !lease_b.held && lease_a.term == 1);
    report(write_some(&state_a, &lease_a, 20, false, &err), &err, "found ones");
    must(state_a.last.number == 1 && state_a.last.found == 20 && state_a.last.gap == SEAL_GAP_BEGIN);
    report(write_some(&state_a, &lease_a, 7, true, &err), &err, "ones with a place");
    must(state_a.last.number == 2 && state_a.last.found == 0 && state_a.last.size == 27);
    must_be_good(verify(0, 0), 27, 2);

    /* A sleeps past its time, B goes on; A wakes up and changes nothing. */
    run_sql(fixture.app, "UPDATE lease SET until=UTC_TIMESTAMP(6)-INTERVAL 1 SECOND WHERE name='seal'");
    report(lease_take(fixture.app, &lease_b, &err), &err, "take over");
    must(lease_b.held && lease_b.term == 2);
    report(seal_load(fixture.app, &state_b, &err), &err, "load");
    must(state_b.tree.size == 27 && state_b.last.number == 2);
    must(state_b.place.pos == state_a.place.pos && state_b.place.n == 6);
    struct seal_state before = state_a;
    report(write_some(&state_a, &lease_a, 5, true, &err), &err, "a sleeper");
    must(!lease_a.held && state_a.last.number == before.last.number);
    report(write_some(&state_b, &lease_b, 5, true, &err), &err, "go on");
    must(state_b.last.number == 3 && state_b.last.term == 2);
    must_be_good(verify(0, 0), 32, 3);
    /* Were the lease no fence, the seal's number would be. */
    lease_a = lease_b;
    must(write_some(&state_a, &lease_a, 3, true, &err) == -ERR_DB_DUPLICATE);
    err_clear(&err);

    /* An edge that is not to be believed is built anew from the leaves. */
    run_sql(fixture.app, "UPDATE seal_head SET edge=REVERSE(edge)");
    report(seal_load(fixture.app, &state_b, &err), &err, "build anew");
    report(write_some(&state_b, &lease_b, EVENTS - 32, true, &err), &err, "the rest");
    must_be_good(verify(0, 0), EVENTS, 4);
    report(seal_move(fixture.app, &lease_b, &(struct seal_place){.gtid = "0-1-9", .pos = 9}, &err), &err,
        "move");
    struct seal_place place;
    report(seal_place_load(fixture.app, &place, &err), &err, "place");
    must(place.pos == 9 && place.found_to == 0 && place.gap == SEAL_NO_GAP);
    lease_release(fixture.app, &lease_b);
    report(lease_take(fixture.app, &lease_a, &err), &err, "free at once");
    must(lease_a.held && lease_a.term == 3);
}

static void test_sealing(void **state)
{
    (void)state;
    task_run(run_sealing, NULL);
}

static void run_reading(void *arg)
{
    struct err err = {0};
    struct seal *seals = NULL;
    size_t n = 0;
    int64_t unsealed = -1;
    struct audit_row rows[2] = {{.id = ids[0]}, {.id = ids[21]}};
    (void)arg;
    report(seal_newest(fixture.app, 0, 3, &seals, &n, &err), &err, "newest");
    must(n == 3 && seals[0].number == 4 && seals[2].number == 2);
    report(seal_newest(fixture.app, 2, 3, &seals, &n, &err), &err, "page");
    must(n == 1 && seals[0].number == 1 && !seals[0].has_prev);
    report(audit_positions(fixture.app, rows, 2, &err), &err, "positions");
    must(rows[0].pos.n == 0 && str_starts(rows[1].pos, STR("5c9eae9e.")));
    report(seal_count_unsealed(fixture.app, &unsealed, &err), &err, "unsealed");
    must(unsealed == 0);
    /* Ranges, by the times of the seals. */
    report(seal_newest(fixture.app, 0, 4, &seals, &n, &err), &err, "all");
    int64_t at[4] = {seals[3].at_us, seals[2].at_us, seals[1].at_us, seals[0].at_us};
    must_be_good(verify(at[1], 0), EVENTS - 20, 3);
    must_be_good(verify(at[1] + 1, at[2]), 5, 1);
    must_be_good(verify(at[0], at[1]), 27, 2);
    must_be_good(verify(at[3] + 1, 0), 0, 0);
}

static void test_reading(void **state)
{
    (void)state;
    task_run(run_reading, NULL);
}

/* By whoever has all rights on the schema of the log. */
static void run_tampering(void *arg)
{
    struct err err = {0};
    struct audit_verdict verdict;
    char id[32];
    int64_t unsealed = 0;
    (void)arg;
    (void)snprintf(id, sizeof id, "%lld", (long long)ids[40]);
    run_sql(fixture.migrate, "CREATE TABLE tidemark_log.copy_event AS SELECT * FROM tidemark_log.event");
    run_sql(fixture.migrate, "CREATE TABLE tidemark_log.copy_leaf AS SELECT * FROM tidemark_log.seal_leaf");
    const char *change =
        arena_printf(task_arena(), "UPDATE tidemark_log.event SET login='nobody' WHERE id=%s", id).p;
    run_sql(fixture.migrate, change);
    verdict = verify(0, 0);
    must(!verdict.good && verdict.leaf == 40 && strcmp(verdict.event, id) == 0);
    must(strstr(verdict.what, "not as it was sealed") != NULL);
    run_sql(fixture.migrate, arena_printf(task_arena(), "DELETE FROM tidemark_log.event WHERE id=%s", id).p);
    verdict = verify(0, 0);
    must(!verdict.good && verdict.leaf == 40 && strcmp(verdict.event, id) == 0);
    must(strstr(verdict.what, "not in the log any more") != NULL);
    run_sql(fixture.migrate,
        arena_printf(task_arena(),
            "INSERT INTO tidemark_log.event SELECT * FROM tidemark_log.copy_event WHERE id=%s", id)
            .p);
    must_be_good(verify(0, 0), EVENTS, 4);
    run_sql(fixture.migrate, "DELETE FROM tidemark_log.seal_leaf WHERE leaf=11");
    verdict = verify(0, 0);
    must(!verdict.good && verdict.leaf == 11 &&
         strstr(verdict.what, "leaf 12 stands in the place of leaf 11"));
    must(seal_load(fixture.app, &state_b, &err) == 0); /* the edge is good still */
    run_sql(fixture.app, "UPDATE seal_head SET edge=''");
    must(seal_load(fixture.app, &state_b, &err) == -ERR_INTERNAL);
    err_clear(&err);
    run_sql(fixture.migrate,
        "INSERT INTO tidemark_log.seal_leaf SELECT * FROM tidemark_log.copy_leaf WHERE leaf=11");
    run_sql(fixture.migrate, "UPDATE tidemark_log.seal SET at=at+INTERVAL 1 MICROSECOND WHERE number=3");
    verdict = verify(0, 0);
    must(!verdict.good && verdict.seal == 3 && strstr(verdict.what, "signature"));
    run_sql(fixture.migrate, "UPDATE tidemark_log.seal SET at=at-INTERVAL 1 MICROSECOND WHERE number=3");
    must_be_good(verify(0, 0), EVENTS, 4);
    /* One that was put in past the feed has no leaf. */
    report(seal_find_unsealed(fixture.app, &unsealed, &err), &err, "unsealed");
    must(unsealed == 0);
    run_sql(fixture.migrate, "INSERT INTO tidemark_log.event (id,at,login,action) VALUES "
                             "(77,UTC_TIMESTAMP(6)-INTERVAL 1 HOUR,'ghost','login')");
    report(seal_find_unsealed(fixture.app, &unsealed, &err), &err, "unsealed");
    must(unsealed == 77);
}

static void test_tampering(void **state)
{
    (void)state;
    task_run(run_tampering, NULL);
}

/* What is sealed is passed over in windows, and each call goes on, whether or not it finds any. */
static void run_windows(void *arg)
{
    enum { FIRST = 1000, LAST = FIRST + SEAL_FIND_EVENTS + 499, TO = LAST + 50, FOUND = 3 };
    struct err err = {0};
    struct seal_pending *leaves = NULL;
    size_t n = 9;
    int64_t last = 0, sequence = 0;
    (void)arg;
    run_sql(fixture.migrate, "INSERT INTO tidemark_log.event (id,at,login,action) "
                             "SELECT 999+seq,UTC_TIMESTAMP(6),'many','login' FROM seq_1_to_20500");
    run_sql(fixture.migrate, "INSERT INTO tidemark_log.seal_leaf (leaf,event,epoch,pos,n,hash) "
                             "SELECT 999+seq,999+seq,'',0,0,REPEAT('x',32) FROM seq_1_to_20497");
    report(seal_find(fixture.app, FIRST - 1, TO, FOUND - 1, &leaves, &n, &last, &sequence, &err), &err,
        "a window where all is sealed");
    must(n == 0 && last == FIRST + SEAL_FIND_EVENTS - 1 && sequence > 0);
    report(seal_find(fixture.app, last, TO, FOUND - 1, &leaves, &n, &last, &sequence, &err), &err,
        "as many as were asked for");
    must(n == FOUND - 1 && leaves[0].event == LAST - 2 && last == LAST - 1);
    report(seal_find(fixture.app, last, TO, FOUND - 1, &leaves, &n, &last, &sequence, &err), &err,
        "the last of them");
    must(n == 1 && leaves[0].event == LAST && last == LAST);
    report(seal_find(fixture.app, last, TO, FOUND - 1, &leaves, &n, &last, &sequence, &err), &err, "the end");
    must(n == 0 && last == TO);
    report(seal_find(
               fixture.app, FIRST + SEAL_FIND_EVENTS - 1, LAST, FOUND, &leaves, &n, &last, &sequence, &err),
        &err, "as many as there are");
    must(n == FOUND && leaves[FOUND - 1].event == LAST && last == LAST);
}

static void test_windows(void **state)
{
    (void)state;
    task_run(run_windows, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealing),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_windows),
    };
    return cmocka_run_group_tests(tests, schema_set_up, schema_tear_down);
}
