/*
 * The world: the catalog of forms and the directory of people of one epoch, read in one snapshot and swapped
 * whole. A request keeps the world that it started with; a write looks at the epoch again inside its
 * transaction (epoch_is, plan_int.h).
 */
#include "base/log.h"
#include "base/must.h"
#include "record/plan_int.h"

#include <stdlib.h>
#include <string.h>

enum { WORLD_MAGIC = 0x574f524c };

static const char SQL_EPOCH[] = "SELECT epoch FROM catalog_epoch WHERE id = 1";
/* The binlog tells of a change of rights before a plain read sees it; until it is seen, it holds the row. */
static const char SQL_EPOCH_SETTLED[] = "SELECT epoch FROM catalog_epoch WHERE id = 1 LOCK IN SHARE MODE";

struct world *world_ref(struct world *world)
{
    CHECK(world, WORLD_MAGIC);
    world->refs++;
    return world;
}

void world_unref(struct world *world)
{
    if (!world)
        return;
    CHECK(world, WORLD_MAGIC);
    if (--world->refs > 0)
        return;
    world->magic = 0;
    catalog_unref(world->catalog);
    directory_unref(world->directory);
    free(world);
}

bool world_is_alike(const struct world *a, const struct world *b)
{
    return a == b || (memcmp(a->catalog->print, b->catalog->print, sizeof(a->catalog->print)) == 0 &&
                         memcmp(a->directory->print, b->directory->print, sizeof(a->directory->print)) == 0);
}

/* ---- conditions of grants: compiled once for the catalog, for all people ---------------------------------
 */

struct compiling {
    struct arena *arena;
    const struct form *form;
};

static bool find_any_field(void *arg, struct str key, struct filter_field *ret_field)
{
    struct compiling *compiling = arg;
    return plan_filter_field(compiling->form, key, compiling->arena, ret_field);
}

int condition_compile(const struct form *form, const struct json *json, struct arena *arena,
    const struct filter **ret_filter, struct err *err)
{
    struct compiling compiling = {.arena = arena, .form = form};
    const struct filter_caller caller = {.arg = &compiling, .find = find_any_field};
    return filter_parse(json, &caller, arena, ret_filter, err);
}

/* The form is another than when the grant was saved: a field has gone, or is of another type. The grant fails
 * closed (access/policy.c), and nobody else loses anything by it. */
static void break_grant(struct arena *arena, struct grant *grant, const struct err *why)
{
    static const struct err_item NO_FILTER = {.fault = FAULT_BAD_VALUE};
    grant->broken = why->items ? why->items : &NO_FILTER;
    log_event(LOG_WARN, "record", "a grant's condition does not fit its form: it gives nothing",
        LOG_I("grant", grant->id), LOG_S("form", grant->form), LOG_I("deny", grant->deny),
        LOG_S("where", grant->broken->field), LOG_S("cause", fault_text(grant->broken, ERR_LANG_EN, arena)));
}

static void compile_conditions(struct world *world)
{
    struct directory *directory = world->directory;
    struct arena *arena = directory->arena;
    world->conditions = arena_new_array(arena, const struct filter *, directory->n_grants + 1);
    for (size_t i = 0; i < directory->n_grants; i++) {
        struct grant *grant = &directory->grants[i];
        const struct form *form = catalog_form(world->catalog, grant->form);
        struct json *json = NULL;
        struct err why = {0};
        if (grant->row_rule != ROW_CONDITION || !form) /* a form that is not live yet has no records */
            continue;
        bool is_json = json_parse(arena, grant->condition, NULL, &json, &why) == 0;
        if (is_json && condition_compile(form, json, arena, &world->conditions[i], &why) == 0)
            continue;
        world->conditions[i] = NULL;
        if (!is_json)
            grant->condition = STR("null"); /* as it is shown */
        break_grant(arena, grant, &why);
    }
}

static task_fn int load_world(struct tx *tx, void *arg, struct err *err)
{
    struct world **ret_world = arg;
    struct db_rows rows;
    struct catalog *catalog = NULL;
    struct directory *directory = NULL;
    int rc = tx_query(tx, SQL_EPOCH, DB_NO_PARAMS, &rows, err);
    if (rc == 0)
        rc = catalog_load(tx, &catalog, err);
    if (rc == 0)
        rc = directory_load(tx, &directory, err);
    if (rc < 0) {
        catalog_unref(catalog);
        return rc;
    }
    must(rows.n_rows == 1);
    struct world *world = must_alloc(sizeof(*world));
    *world = (struct world){.magic = WORLD_MAGIC,
        .refs = 1,
        .epoch = db_cell(&rows, 0, 0)->i,
        .catalog = catalog,
        .directory = directory};
    compile_conditions(world);
    world_unref(*ret_world); /* of a run that was begun again */
    *ret_world = world;
    return 0;
}

static task_fn int refresh_locked(struct house *house, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(house->app, SQL_EPOCH_SETTLED, DB_NO_PARAMS, &rows, err);
    if (rc < 0)
        return rc;
    must(rows.n_rows == 1);
    if (house->world && house->world->epoch == db_cell(&rows, 0, 0)->i)
        return 0;
    struct world *world = NULL;
    struct tx_opts opts = {.snapshot_read = true};
    rc = tx_run(house->app, &opts, load_world, &world, NULL, err);
    if (rc < 0) {
        world_unref(world);
        return rc;
    }
    world_unref(house->world);
    house->world = world;
    return 0;
}

task_fn int world_refresh(struct house *house, struct err *err)
{
    int rc = task_lock_take(&house->loading, 0, err);
    if (rc < 0)
        return rc;
    rc = refresh_locked(house, err);
    task_lock_give(&house->loading);
    return rc;
}

struct world *world_now(struct house *house)
{
    return world_ref(house->world);
}

static void drop_world(void *world)
{
    world_unref(world);
}

static void drop_policy(void *policy)
{
    policy_unref(policy);
}

int caller_init(struct caller *caller, struct house *house, int64_t user_id)
{
    caller->house = house;
    caller->user_id = user_id;
    caller->world = world_now(house);
    arena_on_free(task_arena(), drop_world, caller->world);
    caller->policy = policy_of(caller->world->directory, user_id);
    if (!caller->policy)
        return -ERR_LOGIN_NEEDED;
    arena_on_free(task_arena(), drop_policy, policy_ref(caller->policy));
    caller->login = caller->policy->user->login;
    return 0;
}

int caller_hold(struct caller *caller, struct house *house, int64_t user_id)
{
    caller->house = house;
    caller->user_id = user_id;
    caller->world = world_now(house);
    caller->policy = policy_of(caller->world->directory, user_id);
    if (!caller->policy) {
        world_unref(caller->world);
        caller->world = NULL;
        return -ERR_LOGIN_NEEDED;
    }
    (void)policy_ref(caller->policy);
    caller->login = caller->policy->user->login;
    return 0;
}

void caller_release(struct caller *caller)
{
    if (!caller->world)
        return;
    policy_unref(caller->policy);
    world_unref(caller->world);
    caller->world = NULL;
    caller->policy = NULL;
}

task_fn int caller_renew(struct caller *caller, struct err *err)
{
    int rc = world_refresh(caller->house, err);
    if (rc < 0)
        return rc;
    if (caller_init(caller, caller->house, caller->user_id) < 0)
        return err_set(err, ERR_LOGIN_NEEDED, "the user is gone");
    return 0;
}

bool epoch_is(const struct db_val *cell, const struct caller *caller, struct err *err)
{
    if (cell->kind == DB_INT && cell->i == caller->world->epoch)
        return true;
    (void)err_set(err, ERR_EPOCH_MOVED, "planned at epoch %lld", (long long)caller->world->epoch);
    return false;
}
