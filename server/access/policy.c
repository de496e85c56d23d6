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

/* A condition that does not fit its form any more fails closed. */
static bool gives_nothing(const struct grant *grant)
{
    return grant->broken && !grant->deny;
}

static bool holds_everywhere(const struct grant *grant)
{
    return grant->row_rule == ROW_ALL || (grant->broken && grant->deny);
}

/* What there may be on some row: what is given, but for what is taken on every row. */
static uint32_t form_actions(const struct policy_form *form)
{
    uint32_t given = 0, taken = 0;
    for (size_t i = 0; i < form->n_grants; i++) {
        const struct grant *grant = form->grants[i];
        if (!grant->deny)
            given |= grant->actions;
        else if (holds_everywhere(grant))
            taken |= grant->actions;
    }
    return given & ~taken;
}

bool policy_form_make(const struct grant **grants, size_t n, struct policy_form *ret_form)
{
    bool gives = false;
    for (size_t i = 0; i < n; i++)
        gives = gives || !grants[i]->deny;
    *ret_form = (struct policy_form){.form = n ? grants[0]->form : STR_NULL, .grants = grants, .n_grants = n};
    ret_form->actions = form_actions(ret_form);
    return gives; /* a form of which one only is denied something does not exist */
}

static void add_forms(struct policy *policy, const struct grant **grants, size_t n)
{
    qsort(grants, n, sizeof *grants, by_form);
    policy->forms = arena_new_array(policy->arena, struct policy_form, n + 1);
    for (size_t begin = 0, end; begin < n; begin = end) {
        struct policy_form form;
        for (end = begin; end < n && str_eq(grants[end]->form, grants[begin]->form);)
            end++;
        if (policy_form_make(&grants[begin], end - begin, &form))
            policy->forms[policy->n_forms++] = form;
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
    uint32_t duties = access_duties(policy->rights);
    if (duties & (duties - 1))
        policy->rights = 0; /* two duties in one hand: written past us, and worth nothing */
    if (user->department_id) {
        const struct subtree *subtree = subtree_of(full, user->department_id);
        policy->subtree = subtree->ids;
        policy->n_subtree = subtree->n;
    }
    size_t n = 0;
    if (duties)
        return policy; /* an administrator has no customers' data */
    for (size_t i = 0; i < directory->n_grants; i++)
        n += user_has_role(user, directory->grants[i].role_id);
    const struct grant **grants = arena_new_array(directory->arena, const struct grant *, n + 1);
    n = 0;
    for (size_t i = 0; i < directory->n_grants; i++) {
        const struct grant *grant = &directory->grants[i];
        if (user_has_role(user, grant->role_id) && !gives_nothing(grant))
            grants[n++] = grant;
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

/* ---- comparing two --------------------------------------------------------------------------------------
 */

static bool fields_are_same(const struct grant *a, const struct grant *b)
{
    bool same = a->n_fields == b->n_fields && a->n_masks == b->n_masks;
    for (size_t i = 0; same && i < a->n_fields; i++)
        same = str_eq(a->fields[i].key, b->fields[i].key) && a->fields[i].level == b->fields[i].level;
    for (size_t i = 0; same && i < a->n_masks; i++)
        same = str_eq(a->masks[i].key, b->masks[i].key) && str_eq(a->masks[i].mask, b->masks[i].mask);
    return same;
}

static bool grant_is_same(const struct grant *a, const struct grant *b)
{
    return str_eq(a->form, b->form) && a->row_rule == b->row_rule && str_eq(a->condition, b->condition) &&
           a->deny == b->deny && a->actions == b->actions && a->default_level == b->default_level &&
           fields_are_same(a, b);
}

static bool form_is_same(const struct policy_form *a, const struct policy_form *b)
{
    bool same = str_eq(a->form, b->form) && a->actions == b->actions && a->n_grants == b->n_grants;
    for (size_t i = 0; same && i < a->n_grants; i++)
        same = grant_is_same(a->grants[i], b->grants[i]);
    return same;
}

bool policy_is_same(const struct policy *a, const struct policy *b)
{
    CHECK(a, POLICY_MAGIC);
    CHECK(b, POLICY_MAGIC);
    bool same = a->user->id == b->user->id && a->user->department_id == b->user->department_id &&
                a->rights == b->rights && a->n_subtree == b->n_subtree && a->n_forms == b->n_forms;
    for (size_t i = 0; same && i < a->n_subtree; i++)
        same = a->subtree[i] == b->subtree[i];
    for (size_t i = 0; same && i < a->n_forms; i++)
        same = form_is_same(&a->forms[i], &b->forms[i]);
    return same;
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

static bool rule_holds(
    const struct policy *policy, const struct grant *grant, int64_t owner, int64_t department)
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
    case ROW_CONDITION:
        return holds_everywhere(grant); /* else the caller knows the row's values */
    case ROW_PARENT:
        return false; /* the caller knows the row's values, and its form's parent */
    case ROW_RULE_COUNT:
        break;
    }
    never("a row rule that is none");
}

uint32_t policy_holds(
    const struct policy *policy, const struct policy_form *form, int64_t owner, int64_t department)
{
    uint32_t holds = 0;
    CHECK(policy, POLICY_MAGIC);
    must(form->n_grants <= POLICY_GRANTS_MAX);
    for (size_t i = 0; i < form->n_grants; i++)
        if (rule_holds(policy, form->grants[i], owner, department))
            holds |= UINT32_C(1) << i;
    return holds;
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

struct str grant_mask(const struct grant *grant, struct str field)
{
    for (size_t i = 0; i < grant->n_masks; i++)
        if (str_eq(grant->masks[i].key, field))
            return grant->masks[i].mask;
    return STR_NULL;
}

uint32_t policy_view_actions(const struct policy_form *form, uint32_t holds)
{
    uint32_t given = 0, taken = 0;
    for (size_t i = 0; i < form->n_grants; i++) {
        if (!(holds >> i & 1))
            continue;
        if (form->grants[i]->deny)
            taken |= form->grants[i]->actions;
        else
            given |= form->grants[i]->actions;
    }
    return given & ~taken;
}

#define SHOWS (UINT32_C(1) << ACTION_READ | UINT32_C(1) << ACTION_LIST)
#define CHANGES (UINT32_C(1) << ACTION_UPDATE | UINT32_C(1) << ACTION_CREATE)

/* What one grant that gives has to give of a field. */
static enum access_level level_given(const struct grant *grant, struct str field)
{
    enum access_level level = grant->actions & SHOWS ? grant_level(grant, field) : LEVEL_HIDDEN;
    return level == LEVEL_WRITE && !(grant->actions & CHANGES) ? LEVEL_READ : level;
}

static enum access_level level_left(enum access_level level, uint32_t actions)
{
    if (!(actions & SHOWS))
        return LEVEL_HIDDEN;
    return level == LEVEL_WRITE && !(actions & CHANGES) ? LEVEL_READ : level;
}

enum access_level policy_view_level(const struct policy_form *form, uint32_t holds, struct str field)
{
    enum access_level best = LEVEL_HIDDEN, most = LEVEL_WRITE;
    for (size_t i = 0; i < form->n_grants; i++) {
        const struct grant *grant = form->grants[i];
        if (!(holds >> i & 1))
            continue;
        enum access_level level = grant->deny ? grant_level(grant, field) : level_given(grant, field);
        if (grant->deny && level < most)
            most = level;
        if (!grant->deny && level > best)
            best = level;
    }
    return level_left(best < most ? best : most, policy_view_actions(form, holds));
}

struct str policy_view_mask(const struct policy_form *form, uint32_t holds, struct str field)
{
    for (int deny = 1; deny >= 0; deny--)
        for (size_t i = 0; i < form->n_grants; i++) {
            const struct grant *grant = form->grants[i];
            if (!(holds >> i & 1) || grant->deny != (deny == 1) ||
                grant_level(grant, field) != LEVEL_MASKED || (!grant->deny && !(grant->actions & SHOWS)))
                continue;
            struct str mask = grant_mask(grant, field);
            if (mask.n)
                return mask;
        }
    return STR_NULL;
}

enum access_level policy_best_level(const struct policy_form *form, struct str field)
{
    enum access_level best = LEVEL_HIDDEN, most = LEVEL_WRITE;
    for (size_t i = 0; i < form->n_grants; i++) {
        const struct grant *grant = form->grants[i];
        enum access_level level = grant->deny ? grant_level(grant, field) : level_given(grant, field);
        if (grant->deny && holds_everywhere(grant) && level < most)
            most = level;
        if (!grant->deny && level > best)
            best = level;
    }
    return level_left(best < most ? best : most, form->actions);
}
