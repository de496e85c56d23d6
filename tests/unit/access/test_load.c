/* The directory from a real database: what is written through change.c comes back, broken rows are refused by
 * name, and a bank's worth of people loads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "access/access.h"
#include "base/clock.h"
#include "base/must.h"
#include "schema_fixture.h"

#include <string.h>

#define HEAD_OFFICE 101
#define BRANCH 102
#define OUTLET 103
#define CLERK 301
#define BOSS 302
#define GONE 303
#define ROLE_CLERK 201
#define ROLE_BOSS 202

static task_fn int load_body(struct tx *tx, void *arg, struct err *err)
{
    return directory_load(tx, arg, err);
}

static task_fn int load(struct directory **ret_directory, struct err *err)
{
    struct tx_opts opts = {.snapshot_read = true};
    return tx_run(fixture.app, &opts, load_body, ret_directory, NULL, err);
}

static void exec(const char *sql)
{
    (void)fixture_query(fixture.app, sql, DB_NO_PARAMS);
}

static void empty(void)
{
    static const char *const TABLES[] = {"DELETE FROM access_grant", "DELETE FROM user_role",
        "DELETE FROM role", "DELETE FROM app_user", "DELETE FROM department"};
    for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++)
        exec(TABLES[i]);
}

/* ---- a small bank ---- */

static task_fn int write_bank(struct tx *tx, void *arg, struct err *err)
{
    int64_t now = clock_utc_us();
    (void)arg;
    (void)err;
    access_add_department(tx, &(struct department){HEAD_OFFICE, 0, STR("head"), STR("总行"), 1, false});
    access_add_department(
        tx, &(struct department){BRANCH, HEAD_OFFICE, STR("b1"), STR("第一分行"), 2, false});
    access_add_department(tx, &(struct department){OUTLET, BRANCH, STR("o1"), STR("第一支行"), 3, false});
    access_add_role(tx, &(struct role){ROLE_CLERK, STR("clerk"), STR("客户经理"), STR("Clerk"), 0});
    access_add_role(
        tx, &(struct role){ROLE_BOSS, STR("boss"), STR("行长"), STR("Boss"), 1u << RIGHT_FORMS_DESIGN});
    access_add_user(tx,
        &(struct user){CLERK, OUTLET, STR("Clerk"), STR("clerk"), STR("张三"), false, NULL, 0}, STR("stored"),
        0, now);
    access_add_user(
        tx, &(struct user){BOSS, 0, STR("boss"), STR("boss"), STR("李四"), false, NULL, 0}, STR(""), 0, now);
    access_add_user(tx, &(struct user){GONE, OUTLET, STR("gone"), STR("gone"), STR("王五"), true, NULL, 0},
        STR("x"), 0, now);
    access_add_user_role(tx, 401, CLERK, ROLE_CLERK);
    access_add_user_role(tx, 402, BOSS, ROLE_BOSS);
    access_add_user_role(tx, 403, BOSS, ROLE_CLERK);
    struct grant_field fields[] = {
        {STR("phone"), LEVEL_MASKED}, {STR("id_no"), LEVEL_MASKED}, {STR("credit_line"), LEVEL_HIDDEN}};
    struct grant_mask masks[] = {{STR("phone"), STR("3+4")}};
    access_add_grant(tx, &(struct grant){.id = 501,
                             .role_id = ROLE_CLERK,
                             .form = STR("customer"),
                             .row_rule = ROW_DEPARTMENT,
                             .actions = 1u << ACTION_LIST | 1u << ACTION_READ | 1u << ACTION_CREATE,
                             .default_level = LEVEL_READ,
                             .fields = fields,
                             .n_fields = 3,
                             .masks = masks,
                             .n_masks = 1});
    access_add_grant(tx, &(struct grant){.id = 502,
                             .role_id = ROLE_BOSS,
                             .form = STR("customer"),
                             .row_rule = ROW_ALL,
                             .actions = (1u << ACTION_COUNT) - 1,
                             .default_level = LEVEL_WRITE});
    access_add_grant(tx, &(struct grant){.id = 503,
                             .role_id = ROLE_CLERK,
                             .form = STR("customer"),
                             .row_rule = ROW_CONDITION,
                             .condition = STR("{\"field\":\"level\",\"op\":\"eq\",\"value\":\"vip\"}"),
                             .deny = true,
                             .actions = 1u << ACTION_EXPORT,
                             .default_level = LEVEL_WRITE});
    return 0;
}

static void make_bank(void)
{
    struct err err = {0};
    empty();
    fixture_report(tx_run(fixture.app, NULL, write_bank, NULL, NULL, &err), &err, "bank");
}

static void check_people(const struct directory *directory)
{
    must(directory->n_users == 3 && directory->n_departments == 3 && directory->n_roles == 2);
    const struct user *clerk = directory_user_by_login(directory, STR("clerk"));
    must(clerk && clerk == directory_user(directory, CLERK) && str_eq(clerk->login, STR("Clerk")));
    must(str_eq(clerk->name, STR("张三")) && clerk->department_id == OUTLET && !clerk->disabled);
    must(clerk->n_roles == 1 && clerk->roles[0] == ROLE_CLERK);
    const struct user *boss = directory_user(directory, BOSS);
    must(boss->n_roles == 2 && boss->department_id == 0);
    must(directory_user(directory, GONE)->disabled && !directory_user(directory, 999));
    must(!directory_user_by_login(directory, STR("Clerk"))); /* by the key */
    const struct department *outlet = directory_department(directory, OUTLET);
    must(str_eq(outlet->name, STR("第一支行")) && outlet->parent_id == BRANCH && outlet->position == 3);
    must(directory_is_below(directory, OUTLET, HEAD_OFFICE) && directory_is_below(directory, OUTLET, OUTLET));
    must(!directory_is_below(directory, HEAD_OFFICE, OUTLET) && !directory_is_below(directory, 0, OUTLET));
    const struct role *role = directory_role_by_key(directory, STR("boss"));
    must(role && role->id == ROLE_BOSS && str_eq(role->name_zh, STR("行长")));
    must(role->rights == (1u << RIGHT_FORMS_DESIGN));
}

static void run_round_trip(void *arg)
{
    (void)arg;
    struct err err = {0};
    struct directory *directory;
    make_bank();
    fixture_report(load(&directory, &err), &err, "load");
    check_people(directory);
    struct policy *clerk = policy_of(directory, CLERK), *boss = policy_of(directory, BOSS);
    must(clerk && boss && !policy_of(directory, GONE));
    const struct policy_form *form = policy_for_form(clerk, STR("customer"));
    must(policy_view_level(form, policy_holds(clerk, form, 0, OUTLET), STR("phone")) == LEVEL_MASKED);
    must(policy_view_level(form, policy_holds(clerk, form, 0, OUTLET), STR("name")) == LEVEL_READ);
    must(policy_view_level(form, policy_holds(clerk, form, 0, OUTLET), STR("credit_line")) == LEVEL_HIDDEN);
    must(policy_view_actions(form, policy_holds(clerk, form, 0, BRANCH)) == 0);
    must(policy_has(boss, RIGHT_FORMS_DESIGN) && !policy_has(boss, RIGHT_USERS_MANAGE));
    must(!policy_has(clerk, RIGHT_AUDIT_READ));
    must(policy_for_form(boss, STR("customer"))->n_grants == 3);
    const struct grant *deny = policy_for_form(clerk, STR("customer"))->grants[1];
    must(deny->deny && deny->row_rule == ROW_CONDITION && deny->condition.n > 0 && deny->n_masks == 0);
    must(str_eq(policy_view_mask(form, policy_holds(clerk, form, 0, OUTLET), STR("phone")), STR("3+4")));
    directory_unref(directory);
}

static void test_round_trip(void **state)
{
    (void)state;
    task_run(run_round_trip, NULL);
}

static task_fn int disable_clerk(struct tx *tx, void *arg, struct err *err)
{
    (void)err;
    access_set_disabled(tx, CLERK, *(bool *)arg, clock_utc_us());
    access_set_password(tx, CLERK, STR("new"));
    return 0;
}

static void run_disable(void *arg)
{
    (void)arg;
    make_bank();
    for (int i = 0; i < 2; i++) {
        bool disabled = i == 0;
        struct err err = {0};
        struct directory *directory;
        fixture_report(tx_run(fixture.app, NULL, disable_clerk, &disabled, NULL, &err), &err, "disable");
        fixture_report(load(&directory, &err), &err, "load");
        must(directory_user(directory, CLERK)->disabled == disabled);
        must((policy_of(directory, CLERK) == NULL) == disabled);
        directory_unref(directory);
    }
    must(fixture_number(fixture.app, "SELECT _rev FROM app_user WHERE password='new'") == 5);
}

static void test_disabling(void **state)
{
    (void)state;
    task_run(run_disable, NULL);
}

/* ---- broken rows ---- */

static void run_broken(void *arg)
{
    static const struct {
        const char *sql, *says;
    } BROKEN[] = {
        {"UPDATE department SET parent_id=999 WHERE id=103", "parent 999"},
        {"UPDATE department SET parent_id=103 WHERE id=101", "circle"},
        {"UPDATE department SET parent_id=101 WHERE id=101", "circle"},
        {"UPDATE app_user SET department_id=999 WHERE id=301", "user 301: department 999"},
        {"UPDATE user_role SET user_id=999 WHERE id=401", "user 999"},
        {"UPDATE user_role SET role_id=999 WHERE id=401", "role 999"},
        {"UPDATE role SET rights='audit.read fly' WHERE id=202", "role boss"},
        {"UPDATE access_grant SET role_id=999 WHERE id=501", "grant 501: role 999"},
        {"UPDATE access_grant SET row_rule='some' WHERE id=501", "grant 501: row rule \"some\""},
        {"UPDATE access_grant SET row_rule='' WHERE id=501", "grant 501: row rule"},
        {"UPDATE access_grant SET actions='list Read' WHERE id=501", "grant 501: actions"},
        {"UPDATE access_grant SET fields='' WHERE id=501", "grant 501: fields"},
        {"UPDATE access_grant SET fields='{\"*\":\"reads\"}' WHERE id=501", "grant 501: field \"*\""},
        {"UPDATE access_grant SET fields='{\"a\":\"read\",\"a\":\"write\"}' WHERE id=501", "grant 501"},
        {"UPDATE access_grant SET form='' WHERE id=502", "grant 502"},
        {"UPDATE access_grant SET row_rule='condition' WHERE id=501", "grant 501: a condition"},
        {"UPDATE access_grant SET row_filter='{}' WHERE id=501", "grant 501: a condition"},
        {"UPDATE access_grant SET masks='{\"phone\":\"3+\"}' WHERE id=501",
            "grant 501: field \"phone\" or its mask"},
        {"UPDATE access_grant SET masks='[]' WHERE id=501", "grant 501: masks"},
    };
    (void)arg;
    for (size_t i = 0; i < sizeof BROKEN / sizeof BROKEN[0]; i++) {
        struct err err = {0};
        struct directory *directory = NULL;
        make_bank();
        exec(BROKEN[i].sql);
        int r = load(&directory, &err);
        if (r != -ERR_CONFIG || !strstr(err.detail, BROKEN[i].says))
            (void)fprintf(stderr, "%s: %d %s\n", BROKEN[i].sql, r, err.detail);
        must(r == -ERR_CONFIG && strstr(err.detail, BROKEN[i].says) && !directory);
    }
}

static void test_broken_rows_stop_the_load(void **state)
{
    (void)state;
    task_run(run_broken, NULL);
}

/* ---- size ---- */

static void run_depth(void *arg)
{
    (void)arg;
    struct err err = {0};
    struct directory *directory;
    empty();
    exec("INSERT INTO department (id,`key`,name,parent_id) "
         "SELECT seq,CONCAT('d',seq),'d',NULLIF(seq-1,0) FROM seq_1_to_64");
    fixture_report(load(&directory, &err), &err, "64 deep");
    must(directory_is_below(directory, 64, 1) && !directory_is_below(directory, 1, 64));
    directory_unref(directory);
    exec("INSERT INTO department (id,`key`,name,parent_id) VALUES (65,'d65','d',64)");
    must(load(&directory, &err) == -ERR_CONFIG && strstr(err.detail, "deeper than 64"));
    empty();
}

static void test_depth_of_departments(void **state)
{
    (void)state;
    task_run(run_depth, NULL);
}

static void run_many(void *arg)
{
    (void)arg;
    struct err err = {0};
    struct directory *directory;
    empty();
    exec("INSERT INTO department (id,`key`,name,parent_id) "
         "SELECT seq,CONCAT('d',seq),CONCAT('部门',seq),IF(seq=1,NULL,seq DIV 10+1) FROM seq_1_to_10000");
    exec("UPDATE department SET parent_id=NULL WHERE id<=1");
    exec("INSERT INTO role (id,`key`,name_zh,name_en) VALUES (1,'clerk','客户经理','Clerk')");
    exec(
        "INSERT INTO app_user (id,login,login_key,name,department_id,created_at) "
        "SELECT seq,CONCAT('u',seq),CONCAT('u',seq),CONCAT('用户',seq),seq MOD 10000+1,NOW(6) FROM seq_1_to_50000");
    exec("INSERT INTO user_role (id,user_id,role_id) SELECT seq,seq,1 FROM seq_1_to_50000");
    exec("INSERT INTO access_grant (id,role_id,form,row_rule,actions,fields) "
         "VALUES (1,1,'customer','subtree','list read','{\"*\":\"read\"}')");
    int64_t began = clock_monotonic_us();
    fixture_report(load(&directory, &err), &err, "load");
    int64_t took_ms = (clock_monotonic_us() - began) / 1000;
    print_message("50,000 people in 10,000 departments: %lld ms\n", (long long)took_ms);
    must(directory->n_users == 50000 && directory->n_departments == 10000);
    must(took_ms < 10000); /* with sanitizers; a tenth of it without */
    for (int64_t id = 1; id <= 50000; id += 997) {
        const struct user *user = directory_user(directory, id);
        must(user && user->n_roles == 1 && user->department_id == id % 10000 + 1);
        must(policy_of(directory, id)->n_subtree >= 1);
    }
    must(policy_of(directory, 10000)->n_subtree == 10000); /* in department 1, the root of all */
    directory_unref(directory);
    exec("INSERT INTO department (id,`key`,name) VALUES (10001,'d10001','one too many')");
    must(load(&directory, &err) == -ERR_CONFIG);
    empty();
}

static void test_many_people(void **state)
{
    (void)state;
    task_run(run_many, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_disabling),
        cmocka_unit_test(test_broken_rows_stop_the_load),
        cmocka_unit_test(test_depth_of_departments),
        cmocka_unit_test(test_many_people),
    };
    return cmocka_run_group_tests(tests, schema_set_up, schema_tear_down);
}
