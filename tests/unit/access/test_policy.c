/*
 * Policies against a slow oracle that knows only the sentences of DESIGN 4 and DECISIONS A2: for random
 * organisations, grants and rows, what the compiled policy says must be what the sentences say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "access/access_int.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define N_DEPARTMENTS 14
#define N_ROLES 5
#define N_USERS 8
#define N_GRANTS 14
#define N_FORMS 3
#define N_FIELDS 4
#define N_MASKS 3

static const char *const FORMS[N_FORMS] = {"contact", "customer", "payment"};
static const char *const FIELDS[N_FIELDS] = {"credit_line", "name", "phone", "stage"};
static const char *const MASKS[N_MASKS] = {"phone", "3+4", "0+2"};

/* An organisation in the plainest terms. Ids are index + 1, departments 100 + index. */
struct plain {
    int parent[N_DEPARTMENTS]; /* -1: none */
    int department[N_USERS];   /* -1: none */
    bool disabled[N_USERS];
    bool has_role[N_USERS][N_ROLES];
    uint32_t rights[N_ROLES];
    struct plain_grant {
        int role, form;
        enum row_rule rule;
        uint32_t actions;
        int others, level[N_FIELDS]; /* level -1: not named */
        bool deny;
        int mask; /* of every field; -1: none */
    } grants[N_GRANTS];
};

static unsigned seed;

static int pick(int n)
{
    return rand_r(&seed) % n;
}

static void make_plain(struct plain *plain)
{
    memset(plain, 0, sizeof *plain);
    for (int i = 0; i < N_DEPARTMENTS; i++)
        plain->parent[i] = i < 2 || pick(8) == 0 ? -1 : pick(i);
    for (int u = 0; u < N_USERS; u++) {
        plain->department[u] = pick(6) == 0 ? -1 : pick(N_DEPARTMENTS);
        plain->disabled[u] = pick(10) == 0;
        for (int r = 0; r < N_ROLES; r++)
            plain->has_role[u][r] = pick(3) == 0;
    }
    for (int r = 0; r < N_ROLES; r++)
        plain->rights[r] = pick(3) ? 0 : (uint32_t)pick(1 << RIGHT_COUNT);
    for (int g = 0; g < N_GRANTS; g++) {
        struct plain_grant *grant = &plain->grants[g];
        grant->role = pick(N_ROLES);
        grant->form = pick(N_FORMS);
        grant->rule = (enum row_rule)pick(5);
        grant->actions = (uint32_t)pick(1 << ACTION_COUNT) & (uint32_t)pick(1 << ACTION_COUNT);
        grant->deny = pick(4) == 0;
        grant->others = grant->deny && pick(3) ? LEVEL_WRITE : pick(4);
        grant->mask = pick(N_MASKS + 1) - 1;
        for (int f = 0; f < N_FIELDS; f++)
            grant->level[f] = pick(5) - 1;
    }
}

/* ---- the same as a directory ---- */

static void add_departments(struct directory *directory, const struct plain *plain)
{
    directory->departments = arena_new_array(directory->arena, struct department, N_DEPARTMENTS);
    directory->n_departments = N_DEPARTMENTS;
    for (int i = 0; i < N_DEPARTMENTS; i++) {
        struct department *department = &directory->departments[i];
        department->id = 100 + i;
        department->parent_id = plain->parent[i] < 0 ? 0 : 100 + plain->parent[i];
        (void)map_put_id(directory->departments_by_id, department->id, department);
    }
}

static void add_people(struct directory *directory, const struct plain *plain)
{
    directory->roles = arena_new_array(directory->arena, struct role, N_ROLES);
    directory->n_roles = N_ROLES;
    for (int r = 0; r < N_ROLES; r++) {
        directory->roles[r] = (struct role){.id = r + 1, .rights = plain->rights[r]};
        (void)map_put_id(directory->roles_by_id, r + 1, &directory->roles[r]);
    }
    directory->users = arena_new_array(directory->arena, struct user, N_USERS);
    directory->n_users = N_USERS;
    for (int u = 0; u < N_USERS; u++) {
        struct user *user = &directory->users[u];
        user->id = u + 1;
        user->disabled = plain->disabled[u];
        user->department_id = plain->department[u] < 0 ? 0 : 100 + plain->department[u];
        user->roles = arena_new_array(directory->arena, int64_t, N_ROLES);
        for (int r = 0; r < N_ROLES; r++) {
            if (plain->has_role[u][r])
                user->roles[user->n_roles++] = r + 1;
        }
        (void)map_put_id(directory->users_by_id, user->id, user);
    }
}

static void add_grants(struct directory *directory, const struct plain *plain)
{
    directory->grants = arena_new_array(directory->arena, struct grant, N_GRANTS);
    directory->n_grants = N_GRANTS;
    for (int g = 0; g < N_GRANTS; g++) {
        const struct plain_grant *from = &plain->grants[g];
        struct grant *grant = &directory->grants[g];
        grant->id = g + 1;
        grant->role_id = from->role + 1;
        grant->form = str_of(FORMS[from->form]);
        grant->row_rule = from->rule;
        grant->actions = from->actions;
        grant->deny = from->deny;
        grant->default_level = (enum access_level)from->others;
        grant->fields = arena_new_array(directory->arena, struct grant_field, N_FIELDS);
        for (int f = 0; f < N_FIELDS; f++) {
            if (from->level[f] >= 0)
                grant->fields[grant->n_fields++] =
                    (struct grant_field){str_of(FIELDS[f]), (enum access_level)from->level[f]};
        }
        grant->masks = arena_new_array(directory->arena, struct grant_mask, N_FIELDS);
        for (int f = 0; f < N_FIELDS && from->mask >= 0; f++)
            grant->masks[grant->n_masks++] =
                (struct grant_mask){str_of(FIELDS[f]), str_of(MASKS[from->mask])};
    }
}

static struct directory *make_directory(const struct plain *plain)
{
    struct directory *directory = directory_new();
    add_departments(directory, plain);
    add_people(directory, plain);
    add_grants(directory, plain);
    return directory;
}

/* ---- the oracle: owner and department of the row are indexes, -1: none ---- */

/* Where the grants' conditions hold for a row: bit g for the g-th. */
struct row {
    int owner, department; /* indexes; -1: none */
    uint32_t conditions;
};

static bool oracle_holds(const struct plain *plain, int user, int g, int form, const struct row *row)
{
    const struct plain_grant *grant = &plain->grants[g];
    if (grant->form != form || !plain->has_role[user][grant->role])
        return false;
    if (grant->rule == ROW_ALL)
        return true;
    if (grant->rule == ROW_CONDITION)
        return (row->conditions >> g & 1) != 0;
    if (grant->rule == ROW_OWNER)
        return row->owner == user;
    if (plain->department[user] < 0)
        return false;
    if (grant->rule == ROW_DEPARTMENT)
        return row->department == plain->department[user];
    for (int at = row->department; at >= 0; at = plain->parent[at]) {
        if (at == plain->department[user])
            return true;
    }
    return false;
}

/* Whether he has a duty: then no form is his. */
static bool oracle_is_administrator(const struct plain *plain, int user)
{
    uint32_t rights = 0;
    for (int r = 0; r < N_ROLES; r++)
        rights |= plain->has_role[user][r] ? plain->rights[r] : 0;
    return rights >> RIGHT_USERS_MANAGE & 1 || rights >> RIGHT_SYSTEM_MANAGE & 1 ||
           rights >> RIGHT_RIGHTS_MANAGE & 1 || rights >> RIGHT_AUDIT_READ & 1;
}

static bool oracle_may(const struct plain *plain, int user, int form, int action, const struct row *row)
{
    bool may = false;
    for (int g = 0; g < N_GRANTS; g++) {
        if (!oracle_holds(plain, user, g, form, row) || !(plain->grants[g].actions >> action & 1))
            continue;
        if (plain->grants[g].deny)
            return false;
        may = true;
    }
    return may;
}

static int oracle_level(const struct plain *plain, int user, int form, int field, const struct row *row)
{
    int best = 0, most = 3;
    for (int g = 0; g < N_GRANTS; g++) {
        const struct plain_grant *grant = &plain->grants[g];
        bool shows = (grant->actions >> ACTION_READ & 1) || (grant->actions >> ACTION_LIST & 1);
        bool writes = (grant->actions >> ACTION_UPDATE & 1) || (grant->actions >> ACTION_CREATE & 1);
        int level = field < N_FIELDS && grant->level[field] >= 0 ? grant->level[field] : grant->others;
        if (!oracle_holds(plain, user, g, form, row))
            continue;
        if (grant->deny) {
            most = level < most ? level : most;
            continue;
        }
        if (level == 3 && !writes)
            level = 2;
        if (shows && level > best)
            best = level;
    }
    if (!oracle_may(plain, user, form, ACTION_READ, row) && !oracle_may(plain, user, form, ACTION_LIST, row))
        return 0;
    int level = best < most ? best : most;
    bool changes = oracle_may(plain, user, form, ACTION_UPDATE, row) ||
                   oracle_may(plain, user, form, ACTION_CREATE, row);
    return level == 3 && !changes ? 2 : level;
}

/* The mask that is named for a masked field, -1: the field's own. Grants are asked by id. */
static int oracle_mask(const struct plain *plain, int user, int form, int field, const struct row *row)
{
    for (int deny = 1; deny >= 0; deny--)
        for (int g = 0; g < N_GRANTS; g++) {
            const struct plain_grant *grant = &plain->grants[g];
            int level = grant->level[field] >= 0 ? grant->level[field] : grant->others;
            bool shows = (grant->actions >> ACTION_READ & 1) || (grant->actions >> ACTION_LIST & 1);
            if (grant->deny == (deny == 1) && oracle_holds(plain, user, g, form, row) && level == 1 &&
                (shows || grant->deny) && grant->mask >= 0)
                return grant->mask;
        }
    return -1;
}

/* ---- the comparison ---- */

/* The conditions' bits in the order of the policy's grants. */
static uint32_t bits_of(const struct policy_form *form, const struct row *row)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < form->n_grants; i++)
        if (form->grants[i]->row_rule == ROW_CONDITION && row->conditions >> (form->grants[i]->id - 1) & 1)
            bits |= UINT32_C(1) << i;
    return bits;
}

static void compare_row(const struct plain *plain, const struct policy *policy, int user, int form)
{
    struct row row = {pick(N_USERS + 1) - 1, pick(N_DEPARTMENTS + 1) - 1, (uint32_t)pick(1 << N_GRANTS)};
    int64_t owner_id = row.owner < 0 ? 0 : row.owner + 1,
            department_id = row.department < 0 ? 0 : 100 + row.department;
    const struct policy_form *of_form = policy_for_form(policy, str_of(FORMS[form]));
    uint32_t holds =
        of_form ? policy_holds(policy, of_form, owner_id, department_id) | bits_of(of_form, &row) : 0;
    bool none = oracle_is_administrator(plain, user);
    for (int action = 0; action < ACTION_COUNT; action++) {
        bool may = of_form && (policy_view_actions(of_form, holds) >> action & 1);
        assert_int_equal(may, !none && oracle_may(plain, user, form, action, &row));
        assert_true(!may || of_form->actions >> action & 1);
    }
    for (int field = 0; field <= N_FIELDS; field++) { /* the last one is named by no grant */
        struct str key = field < N_FIELDS ? str_of(FIELDS[field]) : STR("zzz");
        int level = of_form ? (int)policy_view_level(of_form, holds, key) : LEVEL_HIDDEN;
        assert_int_equal(level, none ? 0 : oracle_level(plain, user, form, field, &row));
        assert_true(!of_form || level <= (int)policy_best_level(of_form, key));
        if (level == LEVEL_MASKED && field < N_FIELDS) {
            int mask = oracle_mask(plain, user, form, field, &row);
            struct str named = policy_view_mask(of_form, holds, key);
            assert_true(str_eq(named, mask < 0 ? STR("") : str_of(MASKS[mask])));
        }
    }
}

static void compare_user(const struct plain *plain, struct directory *directory, int user)
{
    struct policy *policy = policy_of(directory, user + 1);
    if (plain->disabled[user]) {
        assert_null(policy);
        return;
    }
    assert_ptr_equal(policy_of(directory, user + 1), policy);
    uint32_t rights = 0;
    for (int r = 0; r < N_ROLES; r++)
        rights |= plain->has_role[user][r] ? plain->rights[r] : 0;
    bool system = rights >> RIGHT_USERS_MANAGE & 1 || rights >> RIGHT_SYSTEM_MANAGE & 1,
         security = rights >> RIGHT_RIGHTS_MANAGE & 1, audit = rights >> RIGHT_AUDIT_READ & 1;
    if (system + security + audit > 1)
        rights = 0; /* two duties in one hand */
    for (int right = 0; right < RIGHT_COUNT; right++)
        assert_int_equal(policy_has(policy, (enum access_right)right), rights >> right & 1);
    for (int form = 0; form < N_FORMS; form++) {
        bool gives = false;
        for (int g = 0; g < N_GRANTS; g++)
            gives = gives || (plain->grants[g].form == form && plain->has_role[user][plain->grants[g].role] &&
                                 !plain->grants[g].deny);
        const struct policy_form *of_form = policy_for_form(policy, str_of(FORMS[form]));
        assert_int_equal(of_form != NULL, gives && !oracle_is_administrator(plain, user));
        for (int i = 0; i < 12; i++)
            compare_row(plain, policy, user, form);
    }
}

static void test_against_oracle(void **state)
{
    (void)state;
    for (unsigned round = 1; round <= 400; round++) {
        struct plain plain;
        seed = round;
        make_plain(&plain);
        struct directory *directory = make_directory(&plain);
        for (int user = 0; user < N_USERS; user++)
            compare_user(&plain, directory, user);
        directory_unref(directory);
    }
}

/* The sentence that matters most, in one example: clear on one's own rows, masked on the others'. */
static void test_fields_of_one_grant_do_not_reach_rows_of_another(void **state)
{
    (void)state;
    struct plain plain = {.parent = {-1}, .has_role = {{true}}};
    for (int g = 0; g < N_GRANTS; g++)
        plain.grants[g] = (struct plain_grant){.role = 1, .others = LEVEL_HIDDEN, .mask = -1};
    uint32_t sees = 1u << ACTION_LIST | 1u << ACTION_READ;
    plain.grants[0] =
        (struct plain_grant){0, 1, ROW_SUBTREE, sees, LEVEL_READ, {-1, -1, LEVEL_MASKED, -1}, false, -1};
    plain.grants[1] = (struct plain_grant){
        0, 1, ROW_OWNER, sees | 1u << ACTION_UPDATE, LEVEL_WRITE, {LEVEL_HIDDEN, -1, -1, -1}, false, -1};
    struct directory *directory = make_directory(&plain);
    struct policy *policy = policy_of(directory, 1);
    const struct policy_form *form = policy_for_form(policy, STR("customer"));
    assert_int_equal(policy_view_level(form, policy_holds(policy, form, 2, 100), STR("phone")), LEVEL_MASKED);
    assert_int_equal(policy_view_level(form, policy_holds(policy, form, 1, 100), STR("phone")), LEVEL_WRITE);
    assert_int_equal(policy_view_level(form, policy_holds(policy, form, 1, 0), STR("phone")), LEVEL_WRITE);
    assert_int_equal(policy_view_level(form, policy_holds(policy, form, 2, 0), STR("phone")), LEVEL_HIDDEN);
    assert_int_equal(
        policy_view_level(form, policy_holds(policy, form, 1, 0), STR("credit_line")), LEVEL_HIDDEN);
    assert_int_equal(policy_view_actions(form, policy_holds(policy, form, 2, 100)), sees);
    assert_int_equal(policy_view_actions(form, policy_holds(policy, form, 2, 0)), 0);
    assert_null(policy_for_form(policy, STR("contact")));
    assert_null(policy_of(directory, 99));
    directory_unref(directory);
}

static void test_a_policy_holds_its_directory(void **state)
{
    (void)state;
    struct plain plain;
    seed = 7;
    make_plain(&plain);
    plain.disabled[0] = false;
    struct directory *directory = make_directory(&plain);
    struct policy *policy = policy_ref(policy_of(directory, 1));
    directory_unref(directory);
    assert_int_equal(policy->user->id, 1); /* poisoned memory would end the test here */
    policy_unref(policy);
    policy_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_oracle),
        cmocka_unit_test(test_fields_of_one_grant_do_not_reach_rows_of_another),
        cmocka_unit_test(test_a_policy_holds_its_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
