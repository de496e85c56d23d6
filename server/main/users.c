/*
 * `tidemark user`: people, from the command line of the machine that the service runs on. It works beside the
 * running server, on its database, by the same functions and with the same events as any other change; what
 * it changes is known to the server within a second. Who did it is told by the event: the system, and the
 * user of the operating system.
 *
 * A password is made here, never chosen, and printed once after it is stored; whoever logs in with it chooses
 * another one first.
 */
#include "base/id.h"
#include "main/main_int.h"
#include "text/text.h"

#include <stdio.h>
#include <string.h>

enum { LOGIN_CHARS_MAX = 64, NAME_CHARS_MAX = 100 };

struct user_job {
    const struct options *options;
    const struct act *act;
    const char *login;
    struct boot *boot;
    struct caller *caller;
    const struct directory *directory;
    const struct user *user; /* the one who is meant; NULL: add */
    int status;
};

static void say_no(struct user_job *job, const char *what, const char *name)
{
    fprintf(stderr, "tidemark: user: %s: %s\n", what, name);
    job->status = EXIT_NO;
}

static task_fn int make_password(
    struct user_job *job, struct str *ret_password, struct str *ret_stored, struct err *err)
{
    *ret_password = password_random(task_arena());
    return password_hash(job->boot->house.sessions, *ret_password, ret_stored, err);
}

static void say_password(const struct user *user, struct str password)
{
    printf("first log-in: %.*s  password: %.*s\n", STR_ARGS(user->login), STR_ARGS(password));
}

/* ---- add ---- */

static bool text_fits(struct str text, size_t chars_max)
{
    return text.n > 0 && str_is_utf8(text) && str_utf8_length(text) <= chars_max &&
           text_is_printable(text, false);
}

static const struct department *department_by_key(const struct directory *directory, const char *key)
{
    for (size_t i = 0; i < directory->n_departments; i++)
        if (str_eq(directory->departments[i].key, str_of(key)))
            return &directory->departments[i];
    return NULL;
}

static bool grants_a_form(const struct directory *directory, int64_t role)
{
    for (size_t i = 0; i < directory->n_grants; i++)
        if (directory->grants[i].role_id == role)
            return true;
    return false;
}

/* The three administrators stay three people, and none of them works with records. */
static void check_duties(struct user_job *job, const struct user *user)
{
    uint32_t rights = 0;
    bool form = false;
    for (size_t i = 0; i < user->n_roles; i++) {
        rights |= ((const struct role *)map_get_id(job->directory->roles_by_id, user->roles[i]))->rights;
        form = form || grants_a_form(job->directory, user->roles[i]);
    }
    uint32_t duties = access_duties(rights);
    if (duties & (duties - 1))
        say_no(job, "nobody holds two of the three administrators' duties", job->login);
    else if (duties && form)
        say_no(job, "no administrator works with records", job->login);
}

/* False: told why not. */
static bool fill_user(struct user_job *job, struct user *user)
{
    const struct options *options = job->options;
    struct arena *arena = task_arena();
    *user = (struct user){.id = id_new(),
        .login = text_normalize(arena, str_of(job->login)),
        .name = text_normalize(arena, str_of(options->name))};
    user->login_key = text_login_key(arena, user->login);
    user->roles = arena_new_array(arena, int64_t, OPTION_ROLES_MAX);
    if (!text_fits(user->login, LOGIN_CHARS_MAX) || user->login_key.n == 0)
        say_no(job, "a log-in has 1 to 64 printable characters", job->login);
    else if (directory_user_by_login(job->directory, user->login_key))
        say_no(job, "there is such a log-in", job->login);
    else if (!text_fits(user->name, NAME_CHARS_MAX))
        say_no(job, "a name has 1 to 100 printable characters", options->name);
    if (options->department) {
        const struct department *department = department_by_key(job->directory, options->department);
        if (department)
            user->department_id = department->id;
        else
            say_no(job, "no department of this key", options->department);
    }
    for (int i = 0; i < options->n_roles; i++) {
        const struct role *role = directory_role_by_key(job->directory, str_of(options->roles[i]));
        if (!role)
            say_no(job, "no role of this key", options->roles[i]);
        else
            user->roles[user->n_roles++] = role->id;
    }
    check_duties(job, user);
    return job->status == EXIT_GOOD;
}

static task_fn int add(struct user_job *job, struct err *err)
{
    struct user user;
    struct str password = STR(""), stored = STR("");
    if (!fill_user(job, &user))
        return 0;
    int rc = make_password(job, &password, &stored, err);
    if (rc < 0)
        return rc;
    const struct organisation organisation = {.users = &user,
        .passwords = &stored,
        .n_users = 1,
        .passwords_until_us = password_first_until(job->boot->house.sessions)};
    rc = organisation_create(job->caller, &organisation, err);
    if (rc == 0)
        say_password(&user, password);
    return rc;
}

/* ---- reset, disable, enable ---- */

static task_fn int reset(struct user_job *job, struct err *err)
{
    struct str password = STR(""), stored = STR("");
    int rc = make_password(job, &password, &stored, err);
    if (rc == 0)
        rc = user_set_password(
            job->caller, job->user->id, stored, password_first_until(job->boot->house.sessions), err);
    if (rc < 0)
        return rc;
    say_password(job->user, password);
    if (job->user->disabled)
        fprintf(stderr, "tidemark: user: %s is disabled still; `tidemark user enable` lets in again\n",
            job->login);
    return 0;
}

static task_fn int set_disabled(struct user_job *job, bool disabled, struct err *err)
{
    if (job->user->disabled == disabled) {
        say_no(job, disabled ? "is disabled already" : "is not disabled", job->login);
        return 0;
    }
    int rc = user_set_disabled(job->caller, job->user->id, disabled, err);
    if (rc == 0)
        printf("%s: %s\n", disabled ? "disabled" : "enabled", job->login);
    return rc;
}

static task_fn int disable(struct user_job *job, struct err *err)
{
    return set_disabled(job, true, err);
}

static task_fn int enable(struct user_job *job, struct err *err)
{
    return set_disabled(job, false, err);
}

/* ---- the command ---- */

static const struct act {
    const char *name;
    task_fn int (*run)(struct user_job *job, struct err *err);
    bool adds; /* takes --name, --department, --role; the others name somebody who is there */
} ACTS[] = {
    {"add", add, true}, {"reset", reset, false}, {"disable", disable, false}, {"enable", enable, false}};

static const struct act *act_of(const struct options *options)
{
    for (size_t i = 0; options->n_rest == 2 && i < sizeof(ACTS) / sizeof(ACTS[0]); i++)
        if (strcmp(ACTS[i].name, options->rest[0]) == 0) {
            bool described = options->name || options->department || options->n_roles > 0;
            return (ACTS[i].adds ? options->name != NULL : !described) ? &ACTS[i] : NULL;
        }
    return NULL;
}

static task_fn int run_user(struct beside *beside, struct err *err)
{
    struct user_job *job = beside->arg;
    job->boot = &beside->boot;
    job->caller = &beside->caller;
    job->directory = job->caller->world->directory;
    job->user = directory_user_by_login(job->directory, text_login_key(task_arena(), str_of(job->login)));
    if (!job->act->adds && !job->user)
        say_no(job, "no such log-in", job->login);
    else if (job->act->run(job, err) < 0)
        return -(int)err->code;
    beside->status = job->status;
    return 0;
}

int command_user(const struct options *options)
{
    struct user_job job = {.options = options, .act = act_of(options)};
    struct beside beside = {.name = "user", .options = options, .run = run_user, .arg = &job};
    if (!job.act) {
        fprintf(stderr, "usage: tidemark user add LOGIN --name NAME [--department KEY] [--role KEY]…\n"
                        "       tidemark user reset|disable|enable LOGIN\n");
        return EXIT_USAGE;
    }
    job.login = options->rest[1];
    return beside_run(&beside);
}
