/*
 * First contents: the demo bank (organisation, and what demo_load.c makes), or three administrators whose
 * first passwords are printed once. All of it goes in by the road in, with its events. Killed anywhere, the
 * next start goes on where this one was: the customers are a function of their number, and each transaction
 * holds whole ones.
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"
#include "main/demo_bank.h"
#include "main/demo_load.h"
#include "main/main_int.h"
#include "text/text.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEMPLATE_BYTES_MAX = 4 << 20, DEMO_PASSWORD_MAX = 200 };

static const char SQL_STATE[] = "SELECT demo_state, created_at FROM instance WHERE id = 1";
static const char SQL_SET_STATE[] = "UPDATE instance SET demo_state = ? WHERE id = 1";

struct contents {
    struct boot *boot;
    struct arena *arena; /* of the whole loading */
    struct demo_bank bank;
    int64_t *user_ids, *department_ids, *role_ids;
    struct demo_org org;
    int64_t today_us, rows;
};

/* Nobody is logged in yet: what makes the house is the system's doing. */
static void system_caller(struct caller *caller, struct boot *boot)
{
    *caller = (struct caller){.house = &boot->house, .world = boot->house.world, .login = STR("system")};
}

static task_fn int read_organisation(struct contents *contents, const char *folder, struct err *err)
{
    struct str text;
    const char *path = arena_cstr(
        contents->arena, arena_printf(contents->arena, "%.*s/config/templates/%s/organisation.json",
                             STR_ARGS(contents->boot->share), folder));
    int rc = read_file(contents->arena, path, TEMPLATE_BYTES_MAX, &text, err);
    if (rc == 0)
        rc = demo_bank_read(contents->arena, text, &contents->bank, err);
    if (rc < 0 && err->items)
        fprintf(stderr, "%s: %.*s: %.*s\n", path, STR_ARGS(err->items->field),
            STR_ARGS(fault_text(err->items, ERR_LANG_EN, contents->arena)));
    return rc;
}

static void fill_departments(struct contents *contents, struct organisation *organisation)
{
    const struct demo_bank *bank = &contents->bank;
    organisation->departments = arena_new_array(contents->arena, struct department, bank->n_departments);
    organisation->n_departments = bank->n_departments;
    for (size_t i = 0; i < bank->n_departments; i++) {
        const struct demo_department *department = &bank->departments[i];
        contents->department_ids[i] = id_new();
        organisation->departments[i] = (struct department){.id = contents->department_ids[i],
            .parent_id = department->parent == SIZE_MAX ? 0 : contents->department_ids[department->parent],
            .key = department->key,
            .name = department->name,
            .position = (int64_t)i};
    }
}

static void fill_roles(struct contents *contents, struct organisation *organisation)
{
    const struct demo_bank *bank = &contents->bank;
    organisation->roles = arena_new_array(contents->arena, struct role, bank->n_roles);
    organisation->n_roles = bank->n_roles;
    for (size_t i = 0; i < bank->n_roles; i++) {
        contents->role_ids[i] = id_new();
        organisation->roles[i] = (struct role){.id = contents->role_ids[i],
            .key = bank->roles[i].key,
            .name_zh = bank->roles[i].name_zh,
            .name_en = bank->roles[i].name_en,
            .rights = bank->roles[i].rights};
    }
    organisation->grants = arena_new_array(contents->arena, struct grant, bank->n_grants + 1);
    organisation->n_grants = bank->n_grants;
    for (size_t i = 0; i < bank->n_grants; i++) {
        const struct demo_grant *grant = &bank->grants[i];
        organisation->grants[i] = (struct grant){.id = id_new(),
            .role_id = contents->role_ids[grant->role],
            .form = grant->form,
            .row_rule = grant->row_rule,
            .actions = grant->actions,
            .default_level = grant->default_level,
            .fields = grant->fields,
            .n_fields = grant->n_fields};
    }
}

/* Those who log in get the common password of the demo, or, where there is none, one each, printed once. */
static task_fn int fill_users(
    struct contents *contents, struct str common, struct organisation *organisation, struct err *err)
{
    const struct demo_bank *bank = &contents->bank;
    organisation->users = arena_new_array(contents->arena, struct user, bank->n_users);
    organisation->passwords = arena_new_array(contents->arena, struct str, bank->n_users);
    organisation->n_users = bank->n_users;
    organisation->passwords_until_us = common.n ? 0 : password_first_until(contents->boot->house.sessions);
    for (size_t i = 0; i < bank->n_users; i++) {
        const struct demo_user *user = &bank->users[i];
        int64_t *roles = arena_new_array(contents->arena, int64_t, user->n_roles + 1);
        for (size_t r = 0; r < user->n_roles; r++)
            roles[r] = contents->role_ids[user->roles[r]];
        contents->user_ids[i] = id_new();
        organisation->users[i] = (struct user){.id = contents->user_ids[i],
            .department_id = contents->department_ids[user->department],
            .login = user->login,
            .login_key = text_login_key(contents->arena, user->login),
            .name = user->name,
            .roles = roles,
            .n_roles = user->n_roles};
        if (user->account != DEMO_LOGIN)
            continue;
        struct str password = common.n ? common : password_random(contents->arena);
        int rc = password_hash(contents->boot->house.sessions, password, &organisation->passwords[i], err);
        if (rc < 0)
            return rc;
        if (!common.n)
            printf("first log-in: %.*s  password: %.*s\n", STR_ARGS(user->login), STR_ARGS(password));
    }
    fflush(stdout); /* before they are stored: whoever is killed in between has not lost them */
    return 0;
}

static task_fn int load_organisation(struct contents *contents, struct str password, struct err *err)
{
    struct organisation organisation = {0};
    struct caller caller;
    fill_departments(contents, &organisation);
    fill_roles(contents, &organisation);
    int rc = fill_users(contents, password, &organisation, err);
    if (rc < 0)
        return rc;
    system_caller(&caller, contents->boot);
    return organisation_create(&caller, &organisation, err);
}

/* Of an organisation that an earlier start has made: the same ids, found by login and key. */
static int find_organisation(struct contents *contents, struct err *err)
{
    const struct directory *directory = contents->boot->house.world->directory;
    const struct demo_bank *bank = &contents->bank;
    for (size_t i = 0; i < bank->n_users; i++) {
        const struct user *user = directory_user_by_login(directory, bank->users[i].login);
        if (!user)
            return err_set(err, ERR_CONFLICT, "the demo bank is half there: no user %.*s",
                STR_ARGS(bank->users[i].login));
        contents->user_ids[i] = user->id;
    }
    for (size_t i = 0; i < bank->n_departments; i++)
        for (size_t d = 0; d < directory->n_departments; d++)
            if (str_eq(directory->departments[d].key, bank->departments[i].key))
                contents->department_ids[i] = directory->departments[d].id;
    return 0;
}

static void make_id_arrays(struct contents *contents)
{
    contents->user_ids = arena_new_array(contents->arena, int64_t, contents->bank.n_users + 1);
    contents->department_ids = arena_new_array(contents->arena, int64_t, contents->bank.n_departments + 1);
    contents->role_ids = arena_new_array(contents->arena, int64_t, contents->bank.n_roles + 1);
}

/* ---- the demo bank
 * ------------------------------------------------------------------------------------------- */

/* The password of the demo log-ins: TIDEMARK_DEMO_PASSWORD, or one made on the first start and kept in the
 * data folder. */
static int demo_password(struct boot *boot, struct str *ret_password, struct err *err)
{
    const char *given = getenv("TIDEMARK_DEMO_PASSWORD");
    const char *path = arena_cstr(
        boot->arena, arena_printf(boot->arena, "%.*s/secrets/demo_password", STR_ARGS(boot->data)));
    struct err ignored = {0};
    if (read_file(boot->arena, path, DEMO_PASSWORD_MAX, ret_password, &ignored) == 0 && ret_password->n > 0)
        return 0;
    *ret_password = given && given[0] ? arena_copy(boot->arena, str_of(given)) : password_random(boot->arena);
    const char *fresh = arena_cstr(boot->arena, arena_printf(boot->arena, "%s.new", path));
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good =
        fd >= 0 && write(fd, ret_password->p, ret_password->n) == (ssize_t)ret_password->n && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!good || rename(fresh, path) < 0)
        return err_set(err, ERR_IO, "cannot write %s", path);
    return 0;
}

static task_fn int write_state(struct tx *tx, void *arg, struct err *err)
{
    struct boot *boot = arg;
    struct caller caller;
    (void)err;
    system_caller(&caller, boot);
    const struct audit_change change = {.field = STR("demo_state"), .after = STR("\"done\"")};
    const struct audit_event event = {.login = caller.login,
        .action = AUDIT_CONFIGURE,
        .form = STR("_instance"),
        .record = 1,
        .changes = &change,
        .n_changes = 1};
    (void)audit_add(tx, &event);
    tx_add(tx, SQL_SET_STATE, DB_PARAMS(DB_S(STR("done"))));
    return 0;
}

/* The loader's account ends before anybody can be served. */
static task_fn int finish(struct contents *contents, struct err *err)
{
    struct caller caller;
    const struct user *loader = directory_user_by_login(contents->boot->house.world->directory, STR("demo"));
    int rc = 0;
    system_caller(&caller, contents->boot);
    if (loader && !loader->disabled)
        rc = user_set_disabled(&caller, loader->id, true, err);
    return rc < 0 ? rc : tx_run(contents->boot->app, NULL, write_state, contents->boot, NULL, err);
}

static task_fn int load_all(struct contents *contents, bool demo, struct str password, struct err *err)
{
    const struct directory *directory = contents->boot->house.world->directory;
    int rc = read_organisation(contents, demo ? "demo-bank" : "empty", err);
    if (rc < 0)
        return rc;
    make_id_arrays(contents);
    rc = directory->n_users > 0 ? find_organisation(contents, err)
                                : load_organisation(contents, password, err);
    if (rc == 0 && demo) {
        demo_bank_owners(
            &contents->bank, contents->user_ids, contents->department_ids, contents->arena, &contents->org);
        const struct demo_load load = {.boot = contents->boot,
            .arena = contents->arena,
            .org = &contents->org,
            .today_us = contents->today_us,
            .rows = contents->rows};
        rc = demo_load_records(&load, err);
    }
    return rc < 0 ? rc : finish(contents, err);
}

static void say_log_ins(struct str password)
{
    printf("demo log-ins: admin security auditor manager president clerk clerk2 clerk3 risk\n");
    printf("demo password: %.*s\n", STR_ARGS(password));
    fflush(stdout);
}

task_fn int first_contents(struct boot *boot, bool demo, int64_t rows, struct err *err)
{
    struct db_rows state;
    struct str password = STR("");
    int rc = db_query(boot->app, SQL_STATE, DB_NO_PARAMS, &state, err);
    if (rc < 0)
        return rc;
    bool is_new = db_cell(&state, 0, 0)->kind == DB_NULL;
    bool is_demo = directory_user_by_login(boot->house.world->directory, STR("demo")) || (is_new && demo);
    if (is_demo)
        rc = demo_password(boot, &password, err);
    if (rc == 0 && is_new) {
        struct contents *contents = must_alloc(sizeof(*contents));
        *contents = (struct contents){.boot = boot, .arena = arena_new(), .rows = rows};
        must(clock_parse_sql(db_cell(&state, 0, 1)->s, &contents->today_us));
        rc = load_all(contents, is_demo, password, err);
        arena_free(contents->arena);
        free(contents);
        (void)malloc_trim(0); /* what loading took is not needed again */
    }
    if (rc == 0 && is_demo)
        say_log_ins(password);
    return rc;
}
