/*
 * What one user may do: the grants of their roles, by form. Rights are put together per row (DECISIONS A2): a
 * grant whose row rule does not hold for a row gives nothing on it, neither an action nor a field.
 *
 * Policies live in the arena of their directory, are made when first asked for and die with it. A reference
 * to a policy is a reference to its directory.
 */
#include "access/access_int.h"

#include "base/must.h"

#include <stdlib.h>

/* ---- subtrees ------------------------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Shared by all users of the department. */
static const struct subtree *subtree_of(struct directory_full *full, int64_t department)
{
    struct subtree *subtree = map_get_id(full->subtrees, department);
    if (subtree)
        return subtree;
    struct directory *directory = &full->shown;
    size_t n = 0;
    for (size_t i = 0; i < directory->n_departments; i++)
        n += directory_is_below(directory, directory->departments[i].id, department);
    subtree = arena_new_one(directory->arena, struct subtree);
    subtree->ids = arena_new_array(directory->arena, int64_t, n + 1);
    for (size_t i = 0; i < directory->n_departments; i++) {
        if (directory_is_below(directory, directory->departments[i].id, department))
            subtree->ids[subtree->n++] = directory->departments[i].id;
    }
    qsort(subtree->ids, subtree->n, sizeof *subtree->ids, by_id);
    (void)map_put_id(full->subtrees, department, subtree);
    return subtree;
}

/* ---- making a policy ----------------------------------------------------------------------------------- */

static bool user_has_role(const struct user *user, int64_t role_id)
{
    for (size_t i = 0; i < user->n_roles; i++) {
        if (user->roles[i] == role_id)
            return true;
    }
    return false;
}

/* By form, then by id: the order of the grants of a form is the same in each process. */
static int by_form(const void *a, const void *b)
{
    const struct grant *x = *(const struct grant *const *)a, *y = *(const struct grant *const *)b;
    int order = str_cmp(x->form, y->form);
    return order ? order : x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

static void add_forms(struct policy *policy, const struct grant **grants, size_t n)
{
    qsort(grants, n, sizeof *grants, by_form);
    policy->forms = arena_new_array(policy->arena, struct policy_form, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct policy_form *last = policy->n_forms ? &policy->forms[policy->n_forms - 1] : NULL;
        if (!last || !str_eq(last->form, grants[i]->form)) {
            last = &policy->forms[policy->n_forms++];
            *last = (struct policy_form){.form = grants[i]->form, .grants = &grants[i]};
        }
        last->n_grants++;
        last->actions |= grants[i]->actions;
    }
}

static struct policy *policy_make(struct directory_full *full, const struct user *user)
{
    struct directory *directory = &full->shown;
    struct policy *policy = arena_new_one(directory->arena, struct policy);
    policy->magic = POLICY_MAGIC;
    policy->arena = directory->arena;
    policy->directory = directory;
    policy->user = user;
    policy->rights = directory_rights_of(directory, user);
    if (user->department_id) {
        const struct subtree *subtree = subtree_of(full, user->department_id);
        policy->subtree = subtree->ids;
        policy->n_subtree = subtree->n;
    }
    size_t n = 0;
    for (size_t i = 0; i < directory->n_grants; i++)
        n += user_has_role(user, directory->grants[i].role_id);
    const struct grant **grants = arena_new_array(directory->arena, const struct grant *, n + 1);
    n = 0;
    for (size_t i = 0; i < directory->n_grants; i++) {
        if (user_has_role(user, directory->grants[i].role_id))
            grants[n++] = &directory->grants[i];
    }
    add_forms(policy, grants, n);
    return policy;
}

struct policy *policy_of(struct directory *directory, int64_t user_id)
{
    struct directory_full *full = directory_full_of(directory);
    struct policy *policy = map_get_id(full->policies, user_id);
    if (policy)
        return policy;
    const struct user *user = directory_user(directory, user_id);
    if (!user || user->disabled)
        return NULL;
    policy = policy_make(full, user);
    (void)map_put_id(full->policies, user_id, policy);
    return policy;
}

struct policy *policy_ref(struct policy *policy)
{
    CHECK(policy, POLICY_MAGIC);
    (void)directory_ref(policy->directory);
    policy->refs++;
    return policy;
}

void policy_unref(struct policy *policy)
{
    if (!policy)
        return;
    CHECK(policy, POLICY_MAGIC);
    must(policy->refs > 0);
    policy->refs--;
    directory_unref(policy->directory);
}

/* ---- asking it ----------------------------------------------------------------------------------------- */

bool policy_has(const struct policy *policy, enum access_right right)
{
    CHECK(policy, POLICY_MAGIC);
    return (policy->rights >> right & 1) != 0;
}

const struct policy_form *policy_for_form(const struct policy *policy, struct str form)
{
    CHECK(policy, POLICY_MAGIC);
    size_t low = 0, high = policy->n_forms;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(policy->forms[middle].form, form);
        if (order == 0)
            return &policy->forms[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool grant_matches(const struct policy *policy, const struct grant *grant, int64_t owner, int64_t department)
{
    switch (grant->row_rule) {
    case ROW_ALL:
        return true;
    case ROW_OWNER:
        return owner != 0 && owner == policy->user->id;
    case ROW_DEPARTMENT:
        return department != 0 && department == policy->user->department_id;
    case ROW_SUBTREE:
        return department != 0 && policy->n_subtree &&
               bsearch(&department, policy->subtree, policy->n_subtree, sizeof department, by_id) != NULL;
    }
    never("a row rule that is none");
}

enum access_level grant_level(const struct grant *grant, struct str field)
{
    size_t low = 0, high = grant->n_fields;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(grant->fields[middle].key, field);
        if (order == 0)
            return grant->fields[middle].level;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return grant->default_level;
}

uint32_t policy_row_actions(
    const struct policy *policy, const struct policy_form *form, int64_t owner, int64_t department)
{
    uint32_t actions = 0;
    for (size_t i = 0; i < form->n_grants; i++) {
        if (grant_matches(policy, form->grants[i], owner, department))
            actions |= form->grants[i]->actions;
    }
    return actions;
}

#define SHOWS (UINT32_C(1) << ACTION_READ | UINT32_C(1) << ACTION_LIST)
#define CHANGES (UINT32_C(1) << ACTION_UPDATE | UINT32_C(1) << ACTION_CREATE)

enum access_level policy_row_level(const struct policy *policy, const struct policy_form *form,
    struct str field, int64_t owner, int64_t department)
{
    enum access_level best = LEVEL_HIDDEN;
    for (size_t i = 0; i < form->n_grants && best != LEVEL_WRITE; i++) {
        const struct grant *grant = form->grants[i];
        if (!(grant->actions & SHOWS) || !grant_matches(policy, grant, owner, department))
            continue;
        enum access_level level = grant_level(grant, field);
        if (level == LEVEL_WRITE && !(grant->actions & CHANGES))
            level = LEVEL_READ;
        if (level > best)
            best = level;
    }
    return best;
}
