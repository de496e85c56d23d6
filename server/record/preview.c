/*
 * Before rights are saved: how many people would gain and lose what. Nothing is estimated: the policy of each
 * person who can log in is made from the grants of before and of after, and the two are compared. People who
 * have the same grants and stand alike in the organisation are compared once.
 *
 * Rows are compared by their rules, not by counting customers' records, which the security administrator does
 * not see: "rows" says that the rules which give something are others than before.
 */
#include "access/words.h"
#include "base/map.h"
#include "base/must.h"
#include "record/admin_int.h"

#include <stdlib.h>

enum change_kind { GAINS, LOSES, OTHER_ROWS, OTHER_MASK, CHANGE_KINDS };
static const char *const KIND_WORDS[CHANGE_KINDS] = {"gain", "lose", "rows", "mask"};

enum { LEVELS = LEVEL_WRITE + 1 };

/* How many people, by what changes for them. */
struct tally {
    const struct form *form;
    int64_t actions[ACTION_COUNT][CHANGE_KINDS];
    int64_t (*fields)[LEVELS][LEVELS]; /* by field, from, to */
    int64_t (*others)[CHANGE_KINDS];   /* by field: the same best level on other rows, another mask */
    int64_t people, affected, total[CHANGE_KINDS];
};

/* What one person has of the form: policy, and where he stands. */
struct side {
    struct policy_form form;
    const struct grant **grants;
    bool any;
    bool has_department, has_below;
    bool sees_parents; /* he may list or read some of the records that those of the form belong to */
};

/* ---- the rows of something, as a text: the rules that give it, in order, less those that take it ------- */

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The rule as it works for him; empty: it never holds. */
static struct str rule_text(const struct side *side, const struct grant *grant)
{
    if (grant->broken) /* it fails closed */
        return grant->deny ? STR("all") : STR("");
    switch (grant->row_rule) {
    case ROW_ALL:
        return STR("all");
    case ROW_OWNER:
        return STR("owner");
    case ROW_DEPARTMENT:
        return side->has_department ? STR("department") : STR("");
    case ROW_SUBTREE:
        return !side->has_department ? STR("") : side->has_below ? STR("subtree") : STR("department");
    case ROW_CONDITION:
        return grant->condition;
    case ROW_PARENT:
        return side->sees_parents ? STR("parent") : STR("");
    case ROW_RULE_COUNT:
        break;
    }
    never("a row rule that is none");
}

static bool has_text(const struct str *texts, size_t n, struct str text)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(texts[i], text))
            return true;
    return false;
}

typedef bool picks_fn(const struct grant *grant, const void *arg);

static size_t collect_rules(
    const struct side *side, bool deny, picks_fn *picks, const void *arg, struct str *texts)
{
    size_t n = 0;
    for (size_t i = 0; i < side->form.n_grants; i++) {
        const struct grant *grant = side->form.grants[i];
        if (grant->deny != deny || !picks(grant, arg))
            continue;
        struct str text = rule_text(side, grant);
        if (text.n && !has_text(texts, n, text))
            texts[n++] = text;
    }
    if (has_text(texts, n, STR("all"))) {
        texts[0] = STR("all");
        return 1;
    }
    if (has_text(texts, n, STR("subtree")))
        for (size_t i = 0; i < n; i++)
            if (str_eq(texts[i], STR("department")))
                texts[i] = texts[--n];
    qsort(texts, n, sizeof(*texts), by_text);
    return n;
}

/* Empty: no rows. */
static struct str rows_text(const struct side *side, picks_fn *gives, picks_fn *takes, const void *arg)
{
    struct arena *arena = task_arena();
    struct str given[POLICY_GRANTS_MAX], taken[POLICY_GRANTS_MAX], text = STR("");
    size_t n_given = collect_rules(side, false, gives, arg, given);
    size_t n_taken = collect_rules(side, true, takes, arg, taken);
    if (n_given == 0 || (n_taken == 1 && str_eq(taken[0], STR("all"))))
        return text;
    for (size_t i = 0; i < n_given; i++)
        text = arena_printf(arena, "%.*s+%.*s", STR_ARGS(text), STR_ARGS(given[i]));
    for (size_t i = 0; i < n_taken; i++)
        text = arena_printf(arena, "%.*s-%.*s", STR_ARGS(text), STR_ARGS(taken[i]));
    return text;
}

static bool has_action(const struct grant *grant, const void *arg)
{
    return (grant->actions >> *(const int *)arg & 1) != 0;
}

struct at_level {
    struct str field;
    enum access_level level;
};

static bool reaches(const struct grant *grant, const void *arg)
{
    const struct at_level *at = arg;
    struct policy_form alone;
    const struct grant *one = grant;
    (void)policy_form_make(&one, 1, &alone);
    return policy_view_level(&alone, 1, at->field) >= at->level;
}

static bool limits(const struct grant *grant, const void *arg)
{
    const struct at_level *at = arg;
    return grant_level(grant, at->field) < at->level;
}

/* ---- one person (and all who stand alike) ---------------------------------------------------------------
 */

static void compare_actions(
    struct tally *tally, const struct side *before, const struct side *after, int64_t n, bool *seen)
{
    for (int action = 0; action < ACTION_COUNT; action++) {
        struct str was = before->any ? rows_text(before, has_action, has_action, &action) : STR(""),
                   is = after->any ? rows_text(after, has_action, has_action, &action) : STR("");
        if (str_eq(was, is))
            continue;
        enum change_kind kind = !was.n ? GAINS : !is.n ? LOSES : OTHER_ROWS;
        tally->actions[action][kind] += n;
        seen[kind] = true;
    }
}

static enum access_level best_level(const struct side *side, struct str field, struct str rows[LEVELS])
{
    for (int level = LEVEL_MASKED; level < LEVELS; level++) {
        const struct at_level at = {field, (enum access_level)level};
        rows[level] = side->any ? rows_text(side, reaches, limits, &at) : STR("");
    }
    return side->any ? policy_best_level(&side->form, field) : LEVEL_HIDDEN;
}

/* The masks that grants name for the field, as a text. */
static struct str masks_text(const struct side *side, struct str field)
{
    struct arena *arena = task_arena();
    struct str text = STR("");
    for (size_t i = 0; side->any && i < side->form.n_grants; i++) {
        const struct grant *grant = side->form.grants[i];
        struct str mask = grant_level(grant, field) == LEVEL_MASKED ? grant_mask(grant, field) : STR("");
        if (mask.n)
            text = arena_printf(
                arena, "%.*s %.*s:%.*s", STR_ARGS(text), STR_ARGS(rule_text(side, grant)), STR_ARGS(mask));
    }
    return text;
}

static void compare_fields(
    struct tally *tally, const struct side *before, const struct side *after, int64_t n, bool *seen)
{
    for (size_t i = 0; i < tally->form->n_fields; i++) {
        struct str key = tally->form->fields[i].key, was[LEVELS], is[LEVELS];
        enum access_level from = best_level(before, key, was), to = best_level(after, key, is);
        bool rows = false;
        for (int level = LEVEL_MASKED; level < LEVELS; level++)
            rows = rows || !str_eq(was[level], is[level]);
        if (from != to) {
            tally->fields[i][from][to] += n;
            seen[to > from ? GAINS : LOSES] = true;
        } else if (rows) {
            tally->others[i][OTHER_ROWS] += n;
            seen[OTHER_ROWS] = true;
        } else if (!str_eq(masks_text(before, key), masks_text(after, key))) {
            tally->others[i][OTHER_MASK] += n;
            seen[OTHER_MASK] = true;
        }
    }
}

static bool person_has(const struct user *user, int64_t role)
{
    for (size_t i = 0; i < user->n_roles; i++)
        if (user->roles[i] == role)
            return true;
    return false;
}

static bool sees_parents(struct directory *directory, const struct user *user, const struct form *form)
{
    const struct policy *policy = form->parent_form ? policy_of(directory, user->id) : NULL;
    const struct policy_form *parent = policy ? policy_for_form(policy, form->parent_form->key) : NULL;
    return parent && (parent->actions & (1u << ACTION_LIST | 1u << ACTION_READ));
}

static void make_side(struct directory *directory, const struct user *user, const struct grant *grants,
    size_t n_grants, const struct form *form, bool administers, struct side *side)
{
    size_t n = 0;
    side->sees_parents = sees_parents(directory, user, form);
    side->has_department = user->department_id != 0;
    side->has_below = false;
    for (size_t i = 0; i < directory->n_departments && !side->has_below; i++)
        side->has_below = user->department_id && directory->departments[i].parent_id == user->department_id;
    side->grants = arena_new_array(task_arena(), const struct grant *, n_grants + 1);
    for (size_t g = 0; g < n_grants && !administers; g++) /* without those that never hold for him */
        if (str_eq(grants[g].form, form->key) && person_has(user, grants[g].role_id) &&
            rule_text(side, &grants[g]).n)
            side->grants[n++] = &grants[g];
    side->any = policy_form_make(side->grants, n, &side->form);
}

/* People alike: the same roles, with or without a department, with or without others below it. */
static struct str standing(const struct user *user, const struct side *side)
{
    struct str text = arena_printf(task_arena(), "%d%d", side->has_department, side->has_below);
    for (size_t i = 0; i < user->n_roles; i++)
        text = arena_printf(task_arena(), "%.*s %lld", STR_ARGS(text), (long long)user->roles[i]);
    return text;
}

struct alike {
    struct side before, after;
    int64_t n;
};

static bool compare(struct str key, void *value, void *arg)
{
    const struct alike *alike = value;
    struct tally *tally = arg;
    bool seen[CHANGE_KINDS] = {0}, any = false;
    (void)key;
    if (!alike->before.any && !alike->after.any)
        return true;
    tally->people += alike->n;
    compare_actions(tally, &alike->before, &alike->after, alike->n, seen);
    compare_fields(tally, &alike->before, &alike->after, alike->n, seen);
    for (int kind = 0; kind < CHANGE_KINDS; kind++) {
        tally->total[kind] += seen[kind] ? alike->n : 0;
        any = any || seen[kind];
    }
    tally->affected += any ? alike->n : 0;
    return true;
}

static void count_people(const struct caller *caller, const struct matrix *matrix, struct tally *tally)
{
    struct directory *directory = caller->world->directory;
    struct map *standings = map_new();
    for (size_t i = 0; i < directory->n_users; i++) {
        const struct user *user = &directory->users[i];
        bool administers = access_duties(directory_rights_of(directory, user)) != 0;
        struct side before;
        if (user->disabled)
            continue;
        make_side(
            directory, user, directory->grants, directory->n_grants, matrix->form, administers, &before);
        struct str key = standing(user, &before);
        struct alike *alike = map_get(standings, key);
        if (!alike) {
            alike = arena_new_one(task_arena(), struct alike);
            alike->before = before;
            make_side(
                directory, user, matrix->grants, matrix->n_grants, matrix->form, administers, &alike->after);
            (void)map_put(standings, key, alike);
        }
        alike->n++;
    }
    (void)map_each(standings, compare, tally);
    map_free(standings, NULL);
}

/* ---- printing ------------------------------------------------------------------------------------------ */

static void print_change(const char *kind, struct str key, struct str label, enum change_kind change,
    const char *from, const char *to, int64_t people, struct json_out *out)
{
    if (people == 0)
        return;
    json_out_object(out);
    json_out_member_text(out, "kind", kind);
    json_out_member_str(out, "key", key);
    json_out_member_str(out, "label", label);
    json_out_member_text(out, "change", KIND_WORDS[change]);
    json_out_member_text(out, "from", from);
    json_out_member_text(out, "to", to);
    json_out_member_int(out, "people", people);
    json_out_object_end(out);
}

static void print_changes(const struct caller *caller, const struct tally *tally, struct json_out *out)
{
    json_out_key(out, STR("changes"));
    json_out_array(out);
    for (int action = 0; action < ACTION_COUNT; action++)
        for (int kind = 0; kind < CHANGE_KINDS; kind++) {
            struct str key = str_of(access_action_key((enum access_action)action));
            print_change(
                "action", key, key, (enum change_kind)kind, NULL, NULL, tally->actions[action][kind], out);
        }
    for (size_t i = 0; i < tally->form->n_fields; i++) {
        const struct field *field = &tally->form->fields[i];
        struct str label = caller->lang == ERR_LANG_EN ? field->label_en : field->label_zh;
        for (int from = 0; from < LEVELS; from++)
            for (int to = 0; to < LEVELS; to++)
                print_change("field", field->key, label, to > from ? GAINS : LOSES,
                    access_level_key((enum access_level)from), access_level_key((enum access_level)to),
                    tally->fields[i][from][to], out);
        for (int kind = OTHER_ROWS; kind < CHANGE_KINDS; kind++)
            print_change(
                "field", field->key, label, (enum change_kind)kind, NULL, NULL, tally->others[i][kind], out);
    }
    json_out_array_end(out);
}

void matrix_preview(struct caller *caller, const struct matrix *matrix, struct json_out *out)
{
    struct tally tally = {.form = matrix->form};
    tally.fields = arena_alloc(task_arena(), sizeof(*tally.fields) * matrix->form->n_fields);
    tally.others = arena_alloc(task_arena(), sizeof(*tally.others) * matrix->form->n_fields);
    for (size_t i = 0; i < matrix->form->n_fields; i++) {
        for (int from = 0; from < LEVELS; from++)
            for (int to = 0; to < LEVELS; to++)
                tally.fields[i][from][to] = 0;
        for (int kind = 0; kind < CHANGE_KINDS; kind++)
            tally.others[i][kind] = 0;
    }
    count_people(caller, matrix, &tally);
    json_out_member_str(out, "form", matrix->form->key);
    json_out_member_str(out, "version", rights_version(caller, matrix->form->key));
    json_out_member_int(out, "people", tally.people);
    json_out_member_int(out, "affected", tally.affected);
    json_out_member_int(out, "gain", tally.total[GAINS]);
    json_out_member_int(out, "lose", tally.total[LOSES]);
    json_out_member_int(out, "rows", tally.total[OTHER_ROWS]);
    json_out_member_int(out, "mask", tally.total[OTHER_MASK]);
    print_changes(caller, &tally, out);
}
