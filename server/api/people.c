/*
 * People and departments, for the pickers of those who work with records or administer people. Staff names
 * are no customers' data, but who has neither to do has no need of them.
 */
#include "api/api_int.h"

#include "base/id.h"
#include "text/text.h"

enum { MEMBERS_MAX = 50, QUERY_CHARS_MAX = 64 };

static int check_needs_people(const struct call *call, struct err *err)
{
    const struct policy *policy = call->caller.policy;
    if (policy->n_forms == 0 && !policy_has(policy, RIGHT_USERS_MANAGE) &&
        !policy_has(policy, RIGHT_RIGHTS_MANAGE))
        return err_set(err, ERR_FORBIDDEN, "no grant for any form");
    return 0;
}

/* A record or a filter may name one that is not in use any more; pickers offer only those who are. */
static bool member_matches(const struct user *user, int64_t id, struct str folded)
{
    if (id != 0)
        return user->id == id;
    if (user->disabled)
        return false;
    return folded.n == 0 || str_find(text_fold(task_arena(), user->name), folded) != SIZE_MAX ||
           str_find(user->login_key, folded) != SIZE_MAX;
}

static void print_member(const struct call *call, const struct user *user, struct json_out *out)
{
    const struct department *department =
        directory_department(call->caller.world->directory, user->department_id);
    json_out_object(out);
    json_out_member_id(out, "id", user->id);
    json_out_member_str(out, "title", user->name);
    print_titled(
        out, "department", department ? department->id : 0, department ? department->name : STR_NULL);
    json_out_object_end(out);
}

task_fn int members_list(struct call *call, struct err *err)
{
    struct str q, wanted;
    int64_t id = 0;
    struct json_out *out = &call->out;
    const struct directory *directory = call->caller.world->directory;
    int rc = check_needs_people(call, err);
    if (rc == 0)
        rc = call_query(call, "q", &q, err);
    if (rc == 0 && (!str_is_utf8(q) || str_utf8_length(q) > QUERY_CHARS_MAX))
        rc = err_add(
            err, task_arena(), STR("q"), FAULT_TOO_LONG, arena_printf(task_arena(), "%d", QUERY_CHARS_MAX));
    if (rc == 0)
        rc = call_query(call, "id", &wanted, err);
    if (rc == 0 && wanted.n && !id_parse(wanted, &id))
        rc = err_add(err, task_arena(), STR("id"), FAULT_NOT_AN_ID, STR_NULL);
    if (rc < 0)
        return rc;
    struct str folded = text_fold(task_arena(), q);
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0, n = 0; i < directory->n_users && n < MEMBERS_MAX; i++)
        if (member_matches(&directory->users[i], id, folded)) {
            print_member(call, &directory->users[i], out);
            n++;
        }
    json_out_array_end(out);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}

task_fn int departments_list(struct call *call, struct err *err)
{
    struct json_out *out = &call->out;
    const struct directory *directory = call->caller.world->directory;
    int rc = check_needs_people(call, err);
    if (rc < 0)
        return rc;
    json_out_object(out);
    json_out_key(out, STR("items"));
    json_out_array(out);
    for (size_t i = 0; i < directory->n_departments; i++) {
        const struct department *department = &directory->departments[i];
        if (department->retired)
            continue;
        json_out_object(out);
        json_out_member_id(out, "id", department->id);
        json_out_member_str(out, "title", department->name);
        json_out_member_id(out, "parent", department->parent_id);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}
