/*
 * The demo bank as it is shipped: the form is the one of the contract (CONTRACT 4), the organisation has its
 * log-ins and its rights, and the form accepts each of the 10,000 generated customers as a request would
 * bring them. The tables below are copied from the contract's page, not from the templates.
 */
#include "main/demo_bank.h"

#include "form/form.h"
#include "text/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEMPLATES SOURCE_DIR "/config/templates/demo-bank/"
#define TODAY_US INT64_C(1795276800000000)

static struct arena *arena;
static struct form form;
static struct demo_bank bank;

static struct str read_file(const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof(text), file);
    assert_true(n > 0 && n < sizeof(text));
    fclose(file);
    return arena_copy(arena, (struct str){text, n});
}

static void print_faults(const struct err *err)
{
    if (err->code != ERR_NONE)
        print_error("%s\n", err->detail);
    for (const struct err_item *item = err->items; item; item = item->next)
        print_error("%.*s: %s\n", STR_ARGS(item->field), fault_key(item->fault));
}

static int read_templates(void **state)
{
    (void)state;
    struct err err = {0};
    struct json *definition;
    arena = arena_new();
    if (text_init(&err) == 0 &&
        json_parse(arena, read_file(TEMPLATES "customer.json"), NULL, &definition, &err) == 0 &&
        form_parse(arena, definition, &form, &err) == 0)
        (void)demo_bank_read(arena, read_file(TEMPLATES "organisation.json"), &bank, &err);
    print_faults(&err);
    return (int)err.code;
}

static int drop_templates(void **state)
{
    (void)state;
    arena_free(arena);
    text_done();
    return 0;
}

static void assert_text(struct str text, const char *expected)
{
    assert_int_equal(text.n, strlen(expected));
    assert_memory_equal(text.p, expected, text.n);
}

static const struct field *field_of(const char *key)
{
    const struct field *field = form_field_find(&form, str_of(key));
    assert_non_null(field);
    return field;
}

/* ---- the form ---- */

static void the_form_has_the_contracts_fields_in_order(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"no", "name", "credit_code", "kind", "industry", "region", "level",
        "source", "stage", "owner", "department", "phone", "legal_person", "id_no", "registered_capital",
        "credit_line", "risk_grade", "tags", "birthday", "first_contact_on", "last_follow_up_at",
        "next_follow_up_on", "notes"};
    assert_text(form.key, "customer");
    assert_int_equal(form.n_fields, COUNT(KEYS));
    for (size_t i = 0; i < COUNT(KEYS); i++)
        assert_text(form.fields[i].key, KEYS[i]);
    assert_text(form.fields[form.title].key, "name");
    assert_text(form.fields[form.owner].key, "owner");
    assert_text(form.fields[form.department].key, "department");
    assert_true(field_of("credit_code")->unique);
    assert_true(field_of("name")->required);
    assert_text(field_of("no")->format, "C{number:08}");
}

static void stages_and_sources_are_the_contracts(void **state)
{
    (void)state;
    static const struct {
        const char *field, *key, *label;
    } OPTIONS[] = {{"stage", "lead", "新线索"}, {"stage", "contacted", "初步沟通"},
        {"stage", "quoted", "方案报价"}, {"stage", "negotiating", "商务谈判"}, {"stage", "won", "成交客户"},
        {"stage", "lost", "流失客户"}, {"source", "website", "官网"}, {"source", "expo", "展会"},
        {"source", "referral", "老客户介绍"}, {"source", "branch", "网点"}, {"source", "phone", "电话"}};
    assert_int_equal(field_of("stage")->n_options + field_of("source")->n_options, COUNT(OPTIONS));
    for (size_t i = 0; i < COUNT(OPTIONS); i++) {
        const struct field *field = field_of(OPTIONS[i].field);
        const struct field_option *option = &field->options[i < 6 ? i : i - 6];
        assert_text(option->key, OPTIONS[i].key);
        assert_text(option->label_zh, OPTIONS[i].label);
    }
}

static void what_identifies_or_is_money_has_a_mask(void **state)
{
    (void)state;
    static const char *const MASKED[][2] = {{"name", "name"}, {"phone", "phone"}, {"legal_person", "name"},
        {"id_no", "id_no"}, {"registered_capital", "amount"}, {"credit_line", "amount"}};
    size_t masked = 0;
    for (size_t i = 0; i < form.n_fields; i++) {
        masked += form.fields[i].mask.n > 0;
        assert_true(form.fields[i].mask.n == 0 || mask_is_known(form.fields[i].mask));
    }
    assert_int_equal(masked, COUNT(MASKED));
    for (size_t i = 0; i < COUNT(MASKED); i++)
        assert_text(field_of(MASKED[i][0])->mask, MASKED[i][1]);
}

static bool has_chinese(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0xe3)
            return true;
    return false;
}

static void everything_has_a_name_in_both_languages(void **state)
{
    (void)state;
    static const char *const COLORS[] = {"gray", "blue", "cyan", "green", "orange", "red", "purple"};
    assert_true(has_chinese(form.label_zh) && !has_chinese(form.label_en) && form.label_en.n > 0);
    for (size_t i = 0; i < form.n_fields; i++) {
        const struct field *field = &form.fields[i];
        assert_true(has_chinese(field->label_zh) && !has_chinese(field->label_en) && field->label_en.n > 0);
        for (size_t k = 0; k < field->n_options; k++) {
            const struct field_option *option = &field->options[k];
            assert_true(has_chinese(option->label_zh) && !has_chinese(option->label_en));
            assert_true(option->label_en.n > 0);
            size_t c = 0;
            while (c < COUNT(COLORS) && !str_eq(option->color, str_of(COLORS[c])))
                c++;
            assert_true(c < COUNT(COLORS));
        }
    }
}

static void regions_are_34_divisions_and_the_branches_prefectures(void **state)
{
    (void)state;
    const struct field *region = field_of("region");
    size_t provinces = 0, prefectures = 0;
    struct str previous = STR("");
    for (size_t i = 0; i < region->n_options; i++) {
        const struct field_option *option = &region->options[i];
        assert_int_equal(option->key.n, 6);
        assert_true(str_cmp(previous, option->key) < 0);
        assert_true(str_ends(option->key, STR("00")));
        if (str_ends(option->key, STR("0000"))) {
            provinces++;
        } else {
            /* Right after its province, and named with it. */
            const struct field_option *province = option;
            while (!str_ends(province->key, STR("0000")))
                province--;
            assert_memory_equal(province->key.p, option->key.p, 2);
            assert_true(str_starts(option->label_zh, province->label_zh));
            prefectures++;
        }
        previous = option->key;
    }
    assert_int_equal(provinces, 34);
    assert_int_equal(prefectures, 13 + 11 + 21); /* Jiangsu, Zhejiang, Sichuan */
    for (size_t i = 0; i < bank.n_departments; i++)
        assert_true(
            bank.departments[i].region.n == 0 || field_option_find(region, bank.departments[i].region));
}

static void the_table_fits(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf ddl;
    buf_init(&ddl, 0);
    assert_int_equal(form_table_ddl(&form, &ddl, &err), 0);
    buf_done(&ddl);
}

/* ---- the organisation ---- */

static void the_bank_is_a_head_office_three_branches_nine_outlets(void **state)
{
    (void)state;
    size_t depth_count[3] = {0};
    assert_int_equal(bank.n_departments, 13);
    for (size_t i = 0; i < bank.n_departments; i++) {
        size_t depth = 0;
        for (size_t at = bank.departments[i].parent; at != SIZE_MAX; at = bank.departments[at].parent)
            depth++;
        assert_in_range(depth, 0, 2);
        depth_count[depth]++;
        size_t children = 0;
        for (size_t k = 0; k < bank.n_departments; k++)
            children += bank.departments[k].parent == i;
        assert_int_equal(children, depth == 2 ? 0 : 3);
        assert_int_equal(str_ends(bank.departments[i].name, STR("分行")), depth == 1);
        assert_int_equal(str_ends(bank.departments[i].name, STR("支行")), depth == 2);
    }
    assert_int_equal(depth_count[0], 1);
}

static void the_log_ins_are_the_contracts(void **state)
{
    (void)state;
    static const char *const LOGINS[][3] = {{"admin", "head", "system_admin"},
        {"security", "head", "security_admin"}, {"auditor", "head", "audit_admin"},
        {"president", "head", "president"}, {"manager", "branch1", "branch_manager"},
        {"clerk", "outlet11", "clerk"}, {"clerk2", "outlet12", "clerk"}, {"clerk3", "outlet21", "clerk"},
        {"risk", "head", "risk_officer"}};
    size_t login = 0, loaders = 0;
    for (size_t i = 0; i < bank.n_users; i++) {
        const struct demo_user *user = &bank.users[i];
        assert_true(has_chinese(user->name));
        assert_int_equal(user->n_roles, 1);
        loaders += user->account == DEMO_LOADER;
        if (user->account != DEMO_LOGIN)
            continue;
        assert_in_range(login, 0, COUNT(LOGINS) - 1);
        assert_text(user->login, LOGINS[login][0]);
        assert_text(bank.departments[user->department].key, LOGINS[login][1]);
        assert_text(bank.roles[user->roles[0]].key, LOGINS[login][2]);
        login++;
    }
    assert_int_equal(login, COUNT(LOGINS));
    assert_int_equal(loaders, 1);
    assert_text(bank.users[demo_bank_loader(&bank)].login, "demo");
}

static void duties_are_separated(void **state)
{
    (void)state;
    const uint32_t system = 1u << RIGHT_USERS_MANAGE | 1u << RIGHT_SYSTEM_MANAGE | 1u << RIGHT_FORMS_DESIGN;
    for (size_t i = 0; i < bank.n_roles; i++) {
        const struct demo_role *role = &bank.roles[i];
        bool has_grant = false;
        for (size_t k = 0; k < bank.n_grants; k++)
            has_grant |= bank.grants[k].role == i;
        uint32_t expected = str_eq(role->key, STR("system_admin"))     ? system
                            : str_eq(role->key, STR("security_admin")) ? 1u << RIGHT_RIGHTS_MANAGE
                            : str_eq(role->key, STR("audit_admin"))    ? 1u << RIGHT_AUDIT_READ
                                                                       : 0;
        assert_int_equal(role->rights, expected);
        assert_int_equal(has_grant, expected == 0);
    }
}

#define A(name) (1u << ACTION_##name)

static void grants_are_the_contracts(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        enum row_rule rule;
        uint32_t actions;
        enum access_level others;
        const char *fields; /* key=level, ascending */
    } GRANTS[] = {
        {"branch_manager", ROW_SUBTREE,
            A(LIST) | A(READ) | A(CREATE) | A(UPDATE) | A(DELETE) | A(RESTORE) | A(HISTORY) | A(EXPORT),
            LEVEL_WRITE, ""},
        {"president", ROW_ALL, A(LIST) | A(READ) | A(HISTORY), LEVEL_READ, ""},
        {"clerk", ROW_DEPARTMENT, A(LIST) | A(READ) | A(CREATE) | A(HISTORY), LEVEL_READ,
            "credit_line=0 id_no=1 phone=1 risk_grade=0 "},
        {"clerk", ROW_OWNER, A(LIST) | A(READ) | A(UPDATE) | A(DELETE) | A(RESTORE) | A(HISTORY), LEVEL_WRITE,
            "credit_line=0 risk_grade=0 "},
        {"risk_officer", ROW_ALL, A(LIST) | A(READ) | A(UPDATE) | A(HISTORY), LEVEL_HIDDEN,
            "credit_code=2 credit_line=3 department=2 industry=2 name=2 no=2 owner=2 region=2 risk_grade=3 stage=2 "},
        {"demo_loader", ROW_ALL, A(LIST) | A(READ) | A(CREATE), LEVEL_WRITE, ""},
    };
    assert_true(bank.n_grants > COUNT(GRANTS));
    for (size_t i = 0; i < COUNT(GRANTS); i++) {
        const struct demo_grant *grant = &bank.grants[i];
        struct str fields = STR("");
        for (size_t k = 0; k < grant->n_fields; k++) {
            assert_non_null(form_field_find(&form, grant->fields[k].key));
            fields = arena_printf(arena, "%.*s%.*s=%d ", STR_ARGS(fields), STR_ARGS(grant->fields[k].key),
                (int)grant->fields[k].level);
        }
        assert_text(bank.roles[grant->role].key, GRANTS[i].role);
        assert_text(grant->form, "customer");
        assert_int_equal(grant->row_rule, GRANTS[i].rule);
        assert_int_equal(grant->actions, GRANTS[i].actions);
        assert_int_equal(grant->default_level, GRANTS[i].others);
        assert_text(fields, GRANTS[i].fields);
    }
}

/* "A form whose records belong to another record is visible as its parent is"; the others as customers are.
 * `risk` sees customers alone. */
static void the_other_forms_follow_the_customers(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        enum row_rule rule, own; /* where records have an owner and a department of their own */
        uint32_t actions;
        enum access_level others, phone;
    } GRANTS[] = {
        {"branch_manager", ROW_PARENT, ROW_SUBTREE,
            A(LIST) | A(READ) | A(CREATE) | A(UPDATE) | A(DELETE) | A(RESTORE) | A(HISTORY) | A(EXPORT),
            LEVEL_WRITE, LEVEL_WRITE},
        {"president", ROW_PARENT, ROW_ALL, A(LIST) | A(READ) | A(HISTORY), LEVEL_READ, LEVEL_READ},
        {"clerk", ROW_PARENT, ROW_DEPARTMENT, A(LIST) | A(READ) | A(CREATE) | A(HISTORY), LEVEL_READ,
            LEVEL_MASKED},
        {"clerk", ROW_OWNER, ROW_OWNER, A(LIST) | A(READ) | A(UPDATE) | A(DELETE) | A(RESTORE) | A(HISTORY),
            LEVEL_WRITE, LEVEL_WRITE},
        {"demo_loader", ROW_ALL, ROW_ALL, A(LIST) | A(READ) | A(CREATE), LEVEL_WRITE, LEVEL_WRITE},
    };
    static const char *const FORMS[] = {"contact", "follow_up", "opportunity", "contract", "payment"};
    size_t first = bank.n_grants - COUNT(FORMS) * COUNT(GRANTS);
    for (size_t f = 0; f < COUNT(FORMS); f++)
        for (size_t i = 0; i < COUNT(GRANTS); i++) {
            const struct demo_grant *grant = &bank.grants[first + f * COUNT(GRANTS) + i];
            assert_text(bank.roles[grant->role].key, GRANTS[i].role);
            assert_text(grant->form, FORMS[f]);
            assert_int_equal(grant->row_rule, f == 2 || f == 3 ? GRANTS[i].own : GRANTS[i].rule);
            assert_int_equal(grant->actions, GRANTS[i].actions);
            assert_int_equal(grant->default_level, GRANTS[i].others);
            bool named = f == 0 && GRANTS[i].phone != GRANTS[i].others;
            assert_int_equal(grant->n_fields, named ? 1 : 0);
            if (named) {
                assert_text(grant->fields[0].key, "phone");
                assert_int_equal(grant->fields[0].level, GRANTS[i].phone);
            }
        }
}

/* ---- the customers ---- */

static struct demo_org owners_of_the_bank(void)
{
    int64_t *users = arena_new_array(arena, int64_t, bank.n_users);
    int64_t *departments = arena_new_array(arena, int64_t, bank.n_departments);
    struct demo_org org;
    for (size_t i = 0; i < bank.n_users; i++)
        users[i] = (int64_t)(5000 + i);
    for (size_t i = 0; i < bank.n_departments; i++)
        departments[i] = (int64_t)(700 + i);
    demo_bank_owners(&bank, users, departments, arena, &org);
    return org;
}

static void every_outlet_has_people_who_own_customers(void **state)
{
    (void)state;
    struct demo_org org = owners_of_the_bank();
    size_t clerks[13] = {0};
    assert_int_equal(org.n_owners, 33);
    for (size_t i = 0; i < org.n_owners; i++) {
        const struct demo_user *user = &bank.users[org.owners[i].user_id - 5000];
        size_t department = (size_t)(org.owners[i].department_id - 700);
        assert_int_equal(department, user->department);
        assert_true(user->account != DEMO_LOADER);
        assert_text(bank.departments[department].region, org.owners[i].region);
        clerks[department]++;
    }
    for (size_t i = 0; i < bank.n_departments; i++)
        assert_true(str_starts(bank.departments[i].key, STR("outlet")) ? clerks[i] >= 3 : clerks[i] == 0);
}

static void the_form_accepts_every_customer(void **state)
{
    (void)state;
    struct demo_org org = owners_of_the_bank();
    struct arena *own = arena_new();
    size_t given[40] = {0};
    for (uint64_t n = 0; n < 10000; n++) {
        struct demo_customer customer;
        struct err err = {0};
        demo_customer(n, &org, TODAY_US, &customer);
        const struct json *fields = demo_customer_fields(&customer, own);
        for (size_t i = 0; i < fields->object.n; i++) {
            const struct json_member *member = &fields->object.at[i];
            const struct field *field = form_field_find(&form, member->key);
            struct db_val value;
            assert_non_null(field);
            if (field_parse(field, &member->value, NULL, member->key, own, &value, &err) < 0)
                print_faults(&err);
            assert_int_equal(err.code, ERR_NONE);
            assert_true(value.kind != DB_NULL);
            given[field->index]++;
        }
        for (size_t i = 0; i < form.n_fields; i++)
            assert_true(!form.fields[i].required || json_get(fields, form.fields[i].key));
        arena_clear(own);
    }
    for (size_t i = 0; i < form.n_fields; i++)
        assert_int_equal(given[i] > 0, !form.fields[i].type->is_automatic);
    arena_free(own);
}

/* ---- a broken organisation ---- */

static bool has_fault(const struct err *err, const char *path, enum fault_code fault)
{
    for (const struct err_item *item = err->items; item; item = item->next)
        if (item->fault == fault && str_eq(item->field, str_of(path)))
            return true;
    return false;
}

static void all_faults_are_told_with_their_place(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"v\":1,\"departments\":[{\"key\":\"a\",\"name\":\"A\",\"parent\":\"b\",\"region\":null},"
        "{\"key\":\"a\",\"name\":\"\",\"parent\":null,\"region\":\"1\"},7],"
        "\"roles\":[{\"key\":\"r\",\"name_zh\":\"R\",\"name_en\":\"R\",\"rights\":[\"everything\",1]}],"
        "\"users\":[{\"login\":\"u\",\"name\":\"U\",\"department\":\"z\",\"roles\":[\"q\"],\"account\":\"root\"},"
        "{\"login\":\"U\",\"name\":\"U\",\"department\":\"a\",\"roles\":\"r\",\"account\":\"login\"}],"
        "\"grants\":[{\"role\":\"q\",\"form\":\"f\",\"row_rule\":\"some\",\"actions\":[\"fly\"],"
        "\"fields\":{\"*\":\"all\",\"x\":1},\"more\":1}],\"extra\":[]}";
    static const struct {
        const char *path;
        enum fault_code fault;
    } FAULTS[] = {{"departments[0].parent", FAULT_UNKNOWN}, {"departments[1].key", FAULT_DUPLICATE},
        {"departments[1].name", FAULT_TOO_SHORT}, {"departments[1].region", FAULT_TOO_SHORT},
        {"departments[2]", FAULT_WRONG_TYPE}, {"roles[0].rights[0]", FAULT_NOT_AN_OPTION},
        {"roles[0].rights[1]", FAULT_NOT_AN_OPTION}, {"users[0].department", FAULT_UNKNOWN},
        {"users[0].roles[0]", FAULT_UNKNOWN}, {"users[0].account", FAULT_NOT_AN_OPTION},
        {"users[1].login", FAULT_DUPLICATE}, {"users[1].roles", FAULT_WRONG_TYPE},
        {"grants[0].role", FAULT_UNKNOWN}, {"grants[0].row_rule", FAULT_NOT_AN_OPTION},
        {"grants[0].actions[0]", FAULT_NOT_AN_OPTION}, {"grants[0].fields.*", FAULT_NOT_AN_OPTION},
        {"grants[0].fields.x", FAULT_NOT_AN_OPTION}, {"grants[0].more", FAULT_UNKNOWN},
        {"extra", FAULT_UNKNOWN}};
    struct demo_bank untouched = {.n_users = 77};
    struct err err = {0};
    assert_int_equal(demo_bank_read(arena, STR(TEXT), &untouched, &err), -ERR_INVALID);
    assert_int_equal(untouched.n_users, 77);
    for (size_t i = 0; i < COUNT(FAULTS); i++) {
        if (!has_fault(&err, FAULTS[i].path, FAULTS[i].fault))
            print_faults(&err);
        assert_true(has_fault(&err, FAULTS[i].path, FAULTS[i].fault));
    }
    assert_int_equal(err.n_items, COUNT(FAULTS));
}

static void two_loaders_are_refused(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"v\":1,\"departments\":[{\"key\":\"a\",\"name\":\"A\"}],\"roles\":[],\"users\":["
        "{\"login\":\"u\",\"name\":\"U\",\"department\":\"a\",\"roles\":[],\"account\":\"loader\"},"
        "{\"login\":\"w\",\"name\":\"W\",\"department\":\"a\",\"roles\":[],\"account\":\"loader\"}],\"grants\":[]}";
    struct demo_bank untouched = {0};
    struct err err = {0};
    assert_int_equal(demo_bank_read(arena, STR(TEXT), &untouched, &err), -ERR_INVALID);
    assert_int_equal(err.n_items, 1);
    assert_true(has_fault(&err, "users", FAULT_DUPLICATE));
}

static void an_empty_system_has_its_three_administrators_only(void **state)
{
    (void)state;
    static const char *const LOGINS[] = {"admin", "security", "auditor"};
    struct demo_bank empty;
    struct err err = {0};
    int rc = demo_bank_read(
        arena, read_file(SOURCE_DIR "/config/templates/empty/organisation.json"), &empty, &err);
    print_faults(&err);
    assert_int_equal(rc, 0);
    assert_int_equal(demo_bank_loader(&empty), SIZE_MAX);
    assert_int_equal(empty.n_users, COUNT(LOGINS));
    for (size_t i = 0; i < COUNT(LOGINS); i++) {
        assert_text(empty.users[i].login, LOGINS[i]);
        assert_int_equal(empty.users[i].account, DEMO_LOGIN);
    }
    assert_int_equal(empty.n_grants, 0);
}

static void what_is_no_organisation_is_refused(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "[]", "{}", "{\"v\":2}", "{\"v\":1,\"departments\":{}}"};
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        struct demo_bank untouched = {.n_users = 77};
        struct err err = {0};
        assert_true(demo_bank_read(arena, str_of(TEXTS[i]), &untouched, &err) < 0);
        assert_int_equal(untouched.n_users, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_has_the_contracts_fields_in_order),
        cmocka_unit_test(stages_and_sources_are_the_contracts),
        cmocka_unit_test(what_identifies_or_is_money_has_a_mask),
        cmocka_unit_test(everything_has_a_name_in_both_languages),
        cmocka_unit_test(regions_are_34_divisions_and_the_branches_prefectures),
        cmocka_unit_test(the_table_fits),
        cmocka_unit_test(the_bank_is_a_head_office_three_branches_nine_outlets),
        cmocka_unit_test(the_log_ins_are_the_contracts),
        cmocka_unit_test(duties_are_separated),
        cmocka_unit_test(grants_are_the_contracts),
        cmocka_unit_test(the_other_forms_follow_the_customers),
        cmocka_unit_test(every_outlet_has_people_who_own_customers),
        cmocka_unit_test(the_form_accepts_every_customer),
        cmocka_unit_test(all_faults_are_told_with_their_place),
        cmocka_unit_test(two_loaders_are_refused),
        cmocka_unit_test(an_empty_system_has_its_three_administrators_only),
        cmocka_unit_test(what_is_no_organisation_is_refused),
    };
    return cmocka_run_group_tests(tests, read_templates, drop_templates);
}
