/* The check for changes without their events, each rule by hand, in transactions as the feed gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "audit/check_int.h"
#include "crypto/crypto.h"

#include "check_fixture.h"

#include <string.h>

static struct audit_checker *checker;

static bool knows_hash(void *arg, struct str sha256)
{
    return str_eq(sha256, *(struct str *)arg);
}

static struct str asked_hash;

static bool knows_ddl(void *arg, struct str text)
{
    (void)arg;
    return str_eq(text, STR("CREATE TABLE IF NOT EXISTS beat (id INT)"));
}

static int set_up(void **state)
{
    (void)state;
    const struct audit_checker_opts opts = {
        .domain = 0, .arg = &asked_hash, .known_hash = knows_hash, .known_ddl = knows_ddl};
    checker = audit_checker_new(&opts);
    asked_hash = STR_NULL;
    begin_made();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    audit_checker_free(checker);
    audit_checker_free(NULL);
    arena_free(made.arena);
    made.arena = NULL;
    return 0;
}

static void assert_clean(void)
{
    struct audit_findings findings = check_made(checker, 1);
    if (findings.total)
        print_message(
            "found %s of %.*s\n", audit_what_name(findings.at[0].what), STR_ARGS(findings.at[0].table));
    assert_int_equal(findings.total, 0);
    assert_int_equal(findings.n, 0);
}

/* Exactly one finding, of that kind. */
static struct audit_finding assert_found(enum audit_what what)
{
    struct audit_findings findings = check_made(checker, 1);
    assert_int_equal(findings.total, 1);
    assert_int_equal(findings.n, 1);
    assert_string_equal(audit_what_name(findings.at[0].what), audit_what_name(what));
    assert_int_equal(findings.at[0].sequence, made_sequence);
    assert_int_equal(findings.at[0].at_us, 1795309323000000);
    return findings.at[0];
}

static void assert_text(struct str text, const char *expected)
{
    assert_int_equal(text.n, strlen(expected));
    assert_memory_equal(text.p, expected, text.n);
}

/* ---- records ------------------------------------------------------------------------------------------- */

static void test_records_with_their_events(void **state)
{
    (void)state;
    add(event_row("create", "customer", 7, "name amount"));
    add(customer(FEED_INSERT, 7));
    assert_clean();
    add(event_row("update", "customer", 7, "phone stage"));
    add(with(with(with(customer(FEED_UPDATE, 7), "phone", DB_S(STR("138"))), "_f_name", DB_S(STR("x"))),
        "_owner", DB_I(3)));
    assert_clean();
    add(event_row("derive", "customer", 7, NULL));
    add(with(customer(FEED_UPDATE, 7), "_k_name", DB_B(STR("\x01\x02"))));
    assert_clean();
    add(event_row("delete", "customer", 7, NULL));
    add(with(customer(FEED_UPDATE, 7), "_live", DB_N));
    assert_clean();
    add(event_row("restore", "customer", 7, NULL));
    add(with(customer(FEED_UPDATE, 7), "_live", DB_I(0)));
    assert_clean();
    add(event_row("purge", "customer", 7, NULL));
    add(customer(FEED_DELETE, 7));
    assert_clean();
    /* Rows before their events, two events of one row, events of reads beside. */
    add(with(customer(FEED_UPDATE, 8), "phone", DB_S(STR("139"))));
    add(with(customer(FEED_UPDATE, 8), "stage", DB_S(STR("won"))));
    add(event_row("read", "customer", 9, NULL));
    add(event_row("update", "customer", 8, "phone"));
    add(event_row("update", "customer", 8, "stage"));
    assert_clean();
}

static void test_records_without(void **state)
{
    (void)state;
    add(customer(FEED_INSERT, 7));
    struct audit_finding finding = assert_found(AUDIT_NO_EVENT);
    assert_true(finding.is_row);
    assert_int_equal(finding.op, FEED_INSERT);
    assert_int_equal(finding.record, 7);
    assert_text(finding.schema, "tidemark");
    assert_text(finding.table, "rec_customer");
    /* An update of nothing but exempt columns needs its event all the same. */
    add(customer(FEED_UPDATE, 7));
    assert_found(AUDIT_NO_EVENT);
    add(customer(FEED_DELETE, 7));
    assert_int_equal(assert_found(AUDIT_NO_EVENT).op, FEED_DELETE);
    /* The recycle bin: an update does not explain it. */
    add(event_row("update", "customer", 7, "name"));
    add(customer(FEED_UPDATE, 7));
    add(with(customer(FEED_UPDATE, 7), "_live", DB_N));
    assert_found(AUDIT_NO_EVENT);
    /* A row that is given another key. */
    add(event_row("update", "customer", 8, "name"));
    add(customer(FEED_UPDATE, 8));
    add(with(customer(FEED_UPDATE, 7), "_id", DB_I(8)));
    assert_int_equal(assert_found(AUDIT_NO_EVENT).record, 0);
}

static void test_fields_that_the_event_hides(void **state)
{
    (void)state;
    add(event_row("update", "customer", 7, "phone"));
    struct feed_change row = with(customer(FEED_UPDATE, 7), "phone", DB_S(STR("138")));
    add(with(with(row, "amount", DB_S(STR("99999.00"))), "stage", DB_S(STR("won"))));
    struct audit_finding finding = assert_found(AUDIT_FIELD_UNNAMED);
    assert_text(finding.detail, "stage,amount");
    assert_int_equal(finding.record, 7);
    /* A creation names a new row, not what happens to it later. */
    add(event_row("create", "customer", 7, "phone"));
    add(customer(FEED_INSERT, 7));
    add(with(customer(FEED_UPDATE, 7), "phone", DB_S(STR("138"))));
    assert_found(AUDIT_NO_EVENT);
    /* Changes that cannot be read name nothing. */
    add(with(event_row("update", "customer", 7, NULL), "changes", DB_S(STR("[{\"field\":\"phone\""))));
    add(with(customer(FEED_UPDATE, 7), "phone", DB_S(STR("138"))));
    assert_text(assert_found(AUDIT_FIELD_UNNAMED).detail, "phone");
}

static void test_events_without_rows(void **state)
{
    (void)state;
    static const char *const ACTIONS[] = {"create", "update", "delete", "restore", "derive", "purge"};
    for (size_t i = 0; i < sizeof ACTIONS / sizeof ACTIONS[0]; i++) {
        add(event_row(ACTIONS[i], "customer", 7, "name"));
        struct audit_finding finding = assert_found(AUDIT_NO_ROW);
        assert_false(finding.is_row);
        assert_text(finding.table, "rec_customer");
        assert_text(finding.detail, ACTIONS[i]);
        assert_int_equal(finding.record, 7);
    }
    /* Looks, exports and refusals change nothing; nor must a configuration that was the same before. */
    add(event_row("read", "customer", 7, NULL));
    add(event_row("refuse", "customer", 7, NULL));
    add(event_row("export", "customer", 7, NULL));
    add(event_row("configure", "_user", 7, "name"));
    add(event_row("unaudited", "customer", 7, NULL));
    assert_clean();
}

/* ---- tables of ours ------------------------------------------------------------------------------------ */

static void test_metadata(void **state)
{
    (void)state;
    static const char *const PAIRS[][2] = {{"app_user", "_user"}, {"user_role", "_user_role"},
        {"role", "_role"}, {"access_grant", "_grant"}, {"department", "_department"}, {"form", "_form"},
        {"form_field", "_form_field"}, {"instance", "_instance"}};
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++)
        for (enum feed_op op = FEED_INSERT; op <= FEED_DELETE; op++) {
            add(event_row("configure", PAIRS[i][1], 7, "name"));
            add(keyed(op, "tidemark", PAIRS[i][0], APP_USER, 7));
            assert_clean();
            add(event_row("configure", PAIRS[i][1], 8, "name"));
            add(event_row("read", PAIRS[i][1], 7, NULL));
            add(keyed(op, "tidemark", PAIRS[i][0], APP_USER, 7));
            if (str_eq(str_of(PAIRS[i][0]), STR("instance")) && op == FEED_INSERT)
                assert_clean(); /* made by the first start */
            else
                assert_text(assert_found(AUDIT_NO_EVENT).table, PAIRS[i][0]);
        }
}

static void test_bookkeeping_and_strange_tables(void **state)
{
    (void)state;
    static const char *const OURS[] = {"process_slot", "lease", "seal_head", "beat", "presence",
        "feed_position", "auto_number", "catalog_epoch", "idempotency_key", "login_guard",
        "schema_migration"};
    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
        add(keyed(FEED_UPDATE, "tidemark", OURS[i], "id", 1));
    assert_clean();
    add(keyed(FEED_INSERT, "tidemark", "notes_of_a_stranger", "id", 1));
    assert_found(AUDIT_NO_RULE);
    add(keyed(FEED_INSERT, "tidemark_log", "notes_of_a_stranger", "id", 1));
    assert_found(AUDIT_NO_RULE);
    add(keyed(FEED_DELETE, "shop", "app_user", "id", 1)); /* somebody else's schema */
    assert_clean();
}

static void test_the_log(void **state)
{
    (void)state;
    add(with(keyed(FEED_UPDATE, "tidemark_log", "event", EVENT, 3), "login", DB_S(STR("somebody else"))));
    assert_int_equal(assert_found(AUDIT_LOG_CHANGED).record, 3);
    add(keyed(FEED_DELETE, "tidemark_log", "event", EVENT, 3));
    assert_int_equal(assert_found(AUDIT_LOG_CHANGED).op, FEED_DELETE);
    /* Seals and leaves are added by the sealer; nobody changes one. */
    static const char *const SEALS[] = {"seal", "seal_leaf"};
    for (size_t i = 0; i < sizeof SEALS / sizeof SEALS[0]; i++) {
        add(keyed(FEED_INSERT, "tidemark_log", SEALS[i], "id", 1));
        assert_clean();
        add(keyed(FEED_UPDATE, "tidemark_log", SEALS[i], "id", 1));
        assert_found(AUDIT_LOG_CHANGED);
        add(keyed(FEED_DELETE, "tidemark_log", SEALS[i], "id", 1));
        assert_found(AUDIT_LOG_CHANGED);
    }
    /* An event that tells of it does not help. */
    add(event_row("purge", "_log", 3, NULL));
    add(keyed(FEED_DELETE, "tidemark_log", "event", EVENT, 3));
    assert_found(AUDIT_LOG_CHANGED);
}

static void test_sessions(void **state)
{
    (void)state;
    add(login_event(5));
    add(session_row(FEED_INSERT, 70, 5));
    add(session_end_row(60, 5, "limit")); /* one too many */
    assert_clean();
    add(with(session_row(FEED_UPDATE, 70, 5), "last_seen_at", DB_S(STR("2026-11-22 01:02:03.000004"))));
    add(session_end_row(71, 5, "idle"));
    add(session_end_row(72, 6, "absolute"));
    assert_clean();
    add(logout_event(70));
    add(session_end_row(70, 5, "logout"));
    assert_clean();
    add(event_row("configure", "_user", 5, "disabled"));
    add(session_end_row(70, 5, "disabled"));
    add(event_row("configure", "_session", 73, "ended"));
    add(session_end_row(73, 6, "ended"));
    assert_clean();
}

static void test_sessions_of_a_stranger(void **state)
{
    (void)state;
    add(session_row(FEED_INSERT, 70, 5));
    assert_found(AUDIT_NO_EVENT);
    add(login_event(6)); /* of somebody else */
    add(session_row(FEED_INSERT, 70, 5));
    assert_found(AUDIT_NO_EVENT);
    add(session_end_row(70, 5, "limit"));
    assert_found(AUDIT_NO_EVENT);
    add(logout_event(71));
    add(session_end_row(70, 5, "logout"));
    assert_found(AUDIT_NO_EVENT);
    add(session_row(FEED_DELETE, 70, 5));
    assert_found(AUDIT_NO_EVENT);
    add(with(session_row(FEED_UPDATE, 70, 5), "user_id", DB_I(1)));
    assert_found(AUDIT_NO_EVENT);
    add(with(session_row(FEED_UPDATE, 70, 5), "ends_at", DB_S(STR("2036-01-01 00:00:00"))));
    assert_found(AUDIT_NO_EVENT);
    /* Back from the dead. */
    struct feed_change revived = session_end_row(70, 5, "idle");
    struct db_val *dead = revived.after;
    revived.after = revived.before;
    revived.before = dead;
    add(revived);
    assert_found(AUDIT_NO_EVENT);
    /* An end that is moved to another time. */
    struct feed_change moved = session_end_row(70, 5, "idle");
    set(&moved, moved.before, "ended_at", DB_S(STR("2026-11-20 00:00:00.000000")));
    add(moved);
    assert_found(AUDIT_NO_EVENT);
}

/* ---- statements ---------------------------------------------------------------------------------------- */

static struct str hash_of(const char *text)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    crypto_sha256(str_of(text), digest);
    return crypto_hex(made.arena, digest, sizeof digest);
}

static void announce(const char *ddl)
{
    struct feed_change event = event_row("configure", "_form", 9, NULL);
    add(with(event, "changes",
        DB_S(arena_printf(made.arena,
            "[{\"field\":\"state\",\"before\":null,\"after\":\"publishing\"},"
            "{\"field\":\"ddl_sha256\",\"before\":null,\"after\":\"%.*s\"}]",
            STR_ARGS(hash_of(ddl))))));
}

static void test_ddl(void **state)
{
    (void)state;
    static const char DDL[] = "CREATE TABLE IF NOT EXISTS `rec_visit` (`_id` BIGINT)";
    add_statement(DDL);
    assert_text(assert_found(AUDIT_DDL).detail, "CREATE TABLE IF NOT EXISTS `rec_visit`");
    announce(DDL);
    assert_clean();
    add_statement(DDL);
    add_statement(
        "CREATE TABLE IF NOT EXISTS `rec_visit` (`_id` BIGINT) ;\n"); /* publishing, cut off and run again */
    assert_clean();
    add_statement("ALTER TABLE rec_visit DROP COLUMN note");
    assert_found(AUDIT_DDL);
    /* Announced before this checker's time; shipped with the program. */
    struct str old = hash_of("ALTER TABLE rec_visit ADD COLUMN x INT");
    char kept[2 * CRYPTO_SHA256_BYTES];
    memcpy(kept, old.p, sizeof kept);
    asked_hash = (struct str){kept, sizeof kept};
    add_statement("ALTER TABLE rec_visit ADD COLUMN x INT");
    assert_clean();
    add_statement("\n/* What beats. */\nCREATE TABLE IF NOT EXISTS beat (id INT);");
    assert_clean();
    add_statement("/*! CREATE TABLE IF NOT EXISTS beat (id INT) */");
    assert_found(AUDIT_DDL);
    add_statement("CREATE TABLE IF NOT EXISTS beat (id BIGINT)");
    assert_found(AUDIT_DDL);
}

static void test_nobody_to_ask(void **state)
{
    (void)state;
    audit_checker_free(checker);
    checker = audit_checker_new(&(struct audit_checker_opts){.domain = -1});
    add_statement("CREATE TABLE IF NOT EXISTS beat (id INT)");
    assert_found(AUDIT_DDL);
}

static void test_changes_as_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum check_statement kind;
        const char *head;
    } CASES[] = {
        {"TRUNCATE TABLE rec_customer", CHECK_TRUNCATE, "TRUNCATE TABLE rec_customer"},
        {" /* tidy */ -- really\n truncate rec_customer", CHECK_TRUNCATE, "truncate rec_customer"},
        {"UPDATE app_user SET password='x'", CHECK_CHANGE, "UPDATE app_user SET password"},
        {"insert into role values (1)", CHECK_CHANGE, "insert into role values"},
        {"/*!40000 TRUNCATE rec_customer */", CHECK_DDL, "/*!40000 TRUNCATE rec_customer */"},
        {"/* never closed", CHECK_DDL, ""},
        {"CREATE USER eve IDENTIFIED BY 'secret'", CHECK_DDL, "CREATE USER eve IDENTIFIED BY"},
        {"SET PASSWORD FOR eve = PASSWORD('secret')", CHECK_DDL, "SET PASSWORD FOR eve"},
        {"ANALYZE TABLE rec_customer", CHECK_HARMLESS, "ANALYZE TABLE rec_customer"},
        {"ANALYZE UPDATE rec_customer SET stage='won'", CHECK_CHANGE,
            "ANALYZE UPDATE rec_customer SET stage"},
        {"flush tables tidemark.rec_customer", CHECK_HARMLESS, "flush tables tidemark.rec_customer"},
        {"TRUNCATED", CHECK_DDL, "TRUNCATED"},
        {"", CHECK_DDL, ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(check_statement_kind(str_of(CASES[i].text)), CASES[i].kind);
        assert_text(check_statement_head(str_of(CASES[i].text)), CASES[i].head);
    }
    /* Announced or not. */
    announce("TRUNCATE TABLE rec_customer");
    add_statement("TRUNCATE TABLE rec_customer");
    assert_text(assert_found(AUDIT_TRUNCATE).detail, "TRUNCATE TABLE rec_customer");
    add_statement("UPDATE rec_customer SET stage='won'");
    assert_found(AUDIT_STATEMENT);
    add_statement("ANALYZE TABLE rec_customer");
    assert_clean();
}

/* ---- transactions as the feed gives them ----------------------------------------------------------------
 */

static void test_parts_of_a_large_one(void **state)
{
    (void)state;
    for (size_t parts = 1; parts <= 5; parts++) {
        for (int64_t id = 1; id <= 40; id++)
            add(event_row("update", "customer", id, "phone"));
        for (int64_t id = 40; id >= 1; id--)
            add(with(customer(FEED_UPDATE, id), "phone", DB_S(STR("138"))));
        assert_int_equal(check_made(checker, parts).total, 0);
        /* Rows first; one more than events, and one event more than rows. */
        for (int64_t id = 1; id <= 40; id++)
            add(with(customer(FEED_UPDATE, id), "phone", DB_S(STR("138"))));
        for (int64_t id = 41; id >= 2; id--)
            add(event_row("update", "customer", id, "phone"));
        struct audit_findings findings = check_made(checker, parts);
        assert_int_equal(findings.total, 2);
        assert_int_equal(findings.at[0].what, AUDIT_NO_EVENT);
        assert_int_equal(findings.at[0].record, 1);
        assert_text(findings.at[0].table, "rec_customer");
        assert_int_equal(findings.at[1].what, AUDIT_NO_ROW);
        assert_int_equal(findings.at[1].record, 41);
        assert_text(findings.at[1].table, "rec_customer");
        /* Events whose part is long gone when they turn out to have no row. */
        for (int64_t id = 1; id <= 5; id++)
            add(event_row("delete", "customer", id, NULL));
        for (int64_t id = 1; id <= 40; id++)
            add(event_row("read", "customer", id, NULL));
        findings = check_made(checker, parts);
        assert_int_equal(findings.total, 5);
        assert_text(findings.at[0].table, "rec_customer");
        assert_text(findings.at[0].detail, "delete");
    }
}

static void test_an_event_of_another_transaction(void **state)
{
    (void)state;
    add(event_row("update", "customer", 7, "phone"));
    assert_found(AUDIT_NO_ROW);
    add(with(customer(FEED_UPDATE, 7), "phone", DB_S(STR("138"))));
    assert_found(AUDIT_NO_EVENT);
}

static void test_many_findings_are_counted(void **state)
{
    (void)state;
    for (int64_t id = 1; id <= 1000; id++)
        add(customer(FEED_INSERT, id));
    struct audit_findings findings = check_made(checker, 3);
    assert_int_equal(findings.n, AUDIT_FINDINGS_MAX);
    assert_int_equal(findings.total, 1000);
    for (size_t i = 0; i < findings.n; i++)
        assert_int_equal(findings.at[i].record, i + 1); /* in the order of the log */
    assert_clean();
}

static void test_more_than_is_remembered(void **state)
{
    (void)state;
    /* 120,000 rows of a stranger in parts: nothing is lost of the count. */
    struct audit_findings findings = {0};
    struct feed_change row = customer(FEED_INSERT, 1);
    for (int64_t id = 1; id <= 120000; id++) {
        set(&row, row.after, "_id", DB_I(id));
        struct feed_tx tx = {
            .sequence = 5, .first = id == 1, .last = id == 120000, .changes = &row, .n_changes = 1};
        audit_check(checker, &tx, &findings);
    }
    assert_int_equal(findings.total, 120000);
    assert_int_equal(findings.n, AUDIT_FINDINGS_MAX);
}

static void test_domains_and_gaps(void **state)
{
    (void)state;
    struct audit_findings findings;
    struct feed_change changes[] = {
        event_row("create", "customer", 7, NULL), customer(FEED_INSERT, 7), customer(FEED_INSERT, 8)};
    struct feed_tx strange = {
        .domain = 1, .sequence = 9, .first = true, .last = true, .changes = changes, .n_changes = 2};
    audit_check(checker, &strange, &findings);
    assert_int_equal(findings.total, 1);
    assert_int_equal(findings.at[0].what, AUDIT_OTHER_DOMAIN);
    strange.n_changes = 0;
    audit_check(checker, &strange, &findings);
    assert_int_equal(findings.total, 0);
    /* A transaction that was cut off by a loss is forgotten, and the loss is told. */
    struct feed_tx part = {.sequence = 10, .first = true, .changes = changes, .n_changes = 3};
    audit_check(checker, &part, &findings);
    assert_int_equal(findings.total, 0);
    struct feed_tx lost = {.kind = FEED_LOST, .sequence = 10, .at_us = 3};
    audit_check(checker, &lost, &findings);
    assert_int_equal(findings.total, 1);
    assert_int_equal(findings.at[0].what, AUDIT_GAP);
    assert_int_equal(findings.at[0].sequence, 10);
    /* One that begins once more is judged once. */
    audit_check(checker, &part, &findings); /* with a row that has no event */
    part.n_changes = 2;
    part.last = true;
    audit_check(checker, &part, &findings);
    assert_int_equal(findings.total, 0);
    assert_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records_with_their_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_records_without, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fields_that_the_event_hides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events_without_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metadata, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bookkeeping_and_strange_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sessions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sessions_of_a_stranger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ddl, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_to_ask, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changes_as_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parts_of_a_large_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_event_of_another_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_findings_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_domains_and_gaps, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
