/*
 * The life of the private MariaDB. Start: lock the folder, make the secrets, initialise an empty data folder
 * beside its place and move it there, adopt a server that outlived us or start one, wait until it answers.
 * Then one task watches it: when it ends, it is started again, at once at first, later with growing pauses.
 *
 * The server runs in a session of its own, so that Ctrl+C in our terminal and our own death leave it alone:
 * it is stopped by instance_stop only.
 */
#include "base/clock.h"
#include "base/must.h"
#include "db/conn.h"
#include "db/instance_int.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_PATIENCE_US ((int64_t)300 * 1000 * 1000) /* a crash recovery may be long */
#define STOP_PATIENCE_US ((int64_t)120 * 1000 * 1000)
#define LOOK_MS 20          /* between attempts to connect to a server that is starting */
#define ADOPTED_LOOK_MS 100 /* nobody tells us of the end of a process that is not our child */
#define BACK_OFF_MIN_MS 100u
#define BACK_OFF_MAX_MS 5000u
#define STEADY_US ((int64_t)60 * 1000 * 1000) /* up for so long: the next end is a new story */

struct instance {
    struct arena *arena;
    const struct conf *conf;
    struct instance_paths paths;
    struct db_address addresses[INSTANCE_ACCOUNTS];
    bool external;
    int lock_fd;
    struct process *child; /* NULL: adopted, or none */
    pid_t pid;             /* 0: none */
    bool up, stopping;
    unsigned restarts;
    struct task *watcher, *stopper;
};

/* ---- first start ---- */

/* Once more where it failed: it was seen to end with 1 on a machine where others were being installed and
 * killed, and with 0 a moment later. What it said stands in the log of MariaDB. */
enum { INSTALL_TRIES = 2 };

/* mariadb-install-db writes into a folder of another name, which becomes the data folder by one rename. */
static task_fn int initialise(struct instance *instance, struct err *err)
{
    struct arena *arena = task_arena();
    struct str folder = {0};
    int status = -ERR_IO;

    for (unsigned i = 0; i < INSTALL_TRIES && status != 0 && status != -ERR_CANCELLED; i++) {
        struct str name = arena_printf(arena, "mariadb.init.%lld", (long long)clock_utc_us());
        /* Relative: the script does not take blanks in a path. */
        const char *datadir = arena_cstr(arena, arena_printf(arena, "--datadir=./%.*s", STR_ARGS(name)));
        const char *argv[] = {"mariadb-install-db", "--no-defaults", datadir,
            "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
            "--character-set-server=utf8mb4", "--collation-server=utf8mb4_nopad_bin",
            geteuid() == 0 ? "--user=root" : NULL, NULL};

        err_clear(err);
        folder = arena_printf(arena, "%.*s/%.*s", STR_ARGS(instance->paths.data), STR_ARGS(name));
        files_remove_stale(arena, instance->paths.data, "mariadb.init.");
        status = process_run(argv, instance->paths.data, instance->paths.log, err);
    }
    if (status == 0) {
        status = files_sync_folder(folder, err);
    }
    if (status == 0 && rename(folder.p, instance->paths.datadir.p) != 0) {
        status = err_set(err, ERR_IO, "rename %.*s: %s", STR_ARGS(folder), strerror(errno));
    }
    if (status == 0) {
        status = files_sync_folder(instance->paths.data, err);
    }
    return status;
}

/* ---- is it there? ---- */

/* One attempt as the owner. -ERR_DB_LOST: not (yet) there. */
static task_fn int knock(struct instance *instance, struct err *err)
{
    const struct db_limits limits = {.connections = 1, .statement_ms = 5000};
    struct conn *conn = NULL;
    struct db_rows rows = {0};
    int status = conn_open(&instance->addresses[INSTANCE_OWNER], &limits, &conn, err);

    if (status != 0) {
        return status;
    }
    status = conn_run(conn, "SELECT @@datadir", DB_NO_PARAMS, &rows, err);
    if (status == 0 && !instance->external) {
        struct str datadir = db_cell(&rows, 0, 0)->s;

        while (datadir.n > 1 && datadir.p[datadir.n - 1] == '/') {
            datadir.n--;
        }
        if (!str_eq(datadir, instance->paths.datadir)) {
            status =
                err_set(err, ERR_CONFIG, "another server listens on %.*s", STR_ARGS(instance->paths.socket));
        }
    }
    conn_close(conn);
    return status;
}

static bool has_ended(const struct instance *instance, struct str *ret_how)
{
    if (instance->child != NULL) {
        return process_has_ended(instance->child, ret_how);
    }
    if (!process_is_alive(instance->pid, instance->paths.config)) {
        *ret_how = STR("gone");
        return true;
    }
    return false;
}

/* Until it answers. -ERR_IO: it has ended, or does not answer in time. */
static task_fn int wait_until_up(struct instance *instance, struct err *err)
{
    const int64_t end_us = clock_monotonic_us() + START_PATIENCE_US;
    struct str how = STR_NULL;

    while (!instance->stopping) {
        struct err cause = {0};
        int status = knock(instance, &cause);

        if (status == 0) {
            instance->up = true;
            (void)unlink(instance->paths.init_sql.p); /* holds the passwords; written anew at each start */
            return 0;
        }
        if (has_ended(instance, &how)) {
            return err_set(err, ERR_IO, "MariaDB ended while starting: %.*s; see %.*s", STR_ARGS(how),
                STR_ARGS(instance->paths.log));
        }
        if (status != -ERR_DB_LOST && status != -ERR_UNAVAILABLE) {
            return conn_pass_error(err, &cause);
        }
        if (task_is_cancelled()) {
            return err_set(err, ERR_CANCELLED, "stopped while MariaDB was starting");
        }
        if (clock_monotonic_us() > end_us) {
            return err_set(err, ERR_IO, "MariaDB does not answer; see %.*s", STR_ARGS(instance->paths.log));
        }
        (void)task_park_firmly_for(LOOK_MS);
    }
    return err_set(err, ERR_CANCELLED, "stopped while MariaDB was starting");
}

/* ---- starting it ---- */

static task_fn int start_server(struct instance *instance, struct err *err)
{
    struct str passwords[INSTANCE_ACCOUNTS];
    const char *argv[] = {arena_cstr(task_arena(), instance->conf->db_mariadbd),
        arena_cstr(task_arena(),
            arena_printf(task_arena(), "--defaults-file=%.*s", STR_ARGS(instance->paths.config))),
        NULL};
    int status;

    for (int i = 0; i < INSTANCE_ACCOUNTS; i++) {
        passwords[i] = instance->addresses[i].password;
    }
    if ((status = files_write_config(&instance->paths, instance->conf, err)) != 0 ||
        (status = files_write_init_sql(&instance->paths, passwords, err)) != 0 ||
        (status = process_start(
             argv, instance->paths.data, instance->paths.log, true, &instance->child, err)) != 0) {
        return status;
    }
    instance->pid = process_pid(instance->child);
    process_set_waiter(instance->child, instance->watcher);
    return 0;
}

static void forget_server(struct instance *instance)
{
    process_free(instance->child);
    instance->child = NULL;
    instance->pid = 0;
    instance->up = false;
}

/* A server of an earlier life of ours: it may be serving, starting or on its way out. */
static task_fn int adopt(struct instance *instance, struct err *err)
{
    struct err cause = {0};

    instance->pid = process_find(instance->paths.config);
    if (instance->pid == 0) {
        return 0;
    }
    if (wait_until_up(instance, &cause) == 0) {
        return 0;
    }
    if (process_is_alive(instance->pid, instance->paths.config)) {
        return conn_pass_error(err, &cause);
    }
    instance->pid = 0;
    return 0;
}

static task_fn int bring_up(struct instance *instance, struct err *err)
{
    int status = 0;

    if (!files_exist(instance->paths.datadir)) {
        status = initialise(instance, err);
    }
    if (status == 0) {
        status = adopt(instance, err);
    }
    if (status == 0 && instance->pid == 0) {
        status = start_server(instance, err);
        if (status == 0) {
            status = wait_until_up(instance, err);
        }
    }
    return status;
}

/* ---- watching it ---- */

static task_fn void wait_for_end(struct instance *instance)
{
    struct str how = STR_NULL;

    while (!has_ended(instance, &how)) {
        if (instance->child != NULL) {
            task_park_firmly();
        } else {
            (void)task_park_firmly_for(ADOPTED_LOOK_MS);
        }
    }
    forget_server(instance);
}

static task_fn void pause_for(struct instance *instance, unsigned ms)
{
    const int64_t end_us = clock_monotonic_us() + (int64_t)ms * 1000;

    while (!instance->stopping && clock_monotonic_us() < end_us) {
        (void)task_park_firmly_for((uint64_t)(end_us - clock_monotonic_us()) / 1000 + 1);
    }
}

/* One task for the instance's life, so its arena is emptied each time around. */
static task_fn void watch(void *arg)
{
    struct instance *instance = arg;
    unsigned back_off_ms = 0;

    while (!instance->stopping || instance->pid != 0) {
        const int64_t since_us = clock_monotonic_us();
        struct err ignored = {0}; /* the server's own log tells why; /readyz tells that */

        arena_clear(task_arena());
        if (instance->pid != 0) {
            wait_for_end(instance);
        }
        if (instance->stopping) {
            break;
        }
        if (clock_monotonic_us() - since_us > STEADY_US) {
            back_off_ms = 0;
        }
        pause_for(instance, back_off_ms);
        back_off_ms = back_off_ms == 0                    ? BACK_OFF_MIN_MS
                      : back_off_ms * 2 > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS
                                                          : back_off_ms * 2;
        if (!instance->stopping && start_server(instance, &ignored) == 0) {
            instance->restarts++;
            (void)wait_until_up(instance, &ignored); /* if it has ended, the next round sees it */
        }
    }
    instance->watcher = NULL;
    if (instance->stopper != NULL) {
        task_wake(instance->stopper);
    }
}

/* ---- the public road ---- */

static int load_addresses(struct instance *instance, struct err *err)
{
    for (int i = 0; i < INSTANCE_ACCOUNTS; i++) {
        struct db_address *address = &instance->addresses[i];
        struct str path = arena_printf(
            instance->arena, "%.*s/%s", STR_ARGS(instance->paths.secrets), instance_account_names[i]);
        int status;

        *address = (struct db_address){
            .socket = instance->external ? instance->conf->db_socket : instance->paths.socket,
            .host = instance->conf->db_host,
            .port = instance->conf->db_port,
            .ca_file = instance->conf->db_ca_file,
            .database = STR("tidemark")};
        address->user = arena_printf(instance->arena, "tidemark_%s", instance_account_names[i]);
        if (instance->external) { /* the administrator of that server has made the accounts */
            status = conf_read_secret(instance->arena, path, &address->password, err);
        } else {
            status = instance_secret(
                instance->paths.data, instance_account_names[i], instance->arena, &address->password, err);
        }
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static void free_instance(struct instance *instance)
{
    process_free(instance->child);
    if (instance->lock_fd >= 0) {
        (void)close(instance->lock_fd);
    }
    arena_free(instance->arena);
    free(instance);
}

int instance_start(
    const struct conf *conf, struct str data_dir, struct instance **ret_instance, struct err *err)
{
    struct instance *instance = must_alloc(sizeof *instance);
    int status;

    instance->arena = arena_new();
    instance->conf = conf;
    instance->lock_fd = -1;
    instance->external = str_eq(conf->db_mode, STR("external"));
    status = files_make_folders(instance->arena, data_dir, &instance->paths, err);
    if (status == 0 && !instance->external) {
        status = files_lock(&instance->paths, &instance->lock_fd, err);
    }
    if (status == 0) {
        status = load_addresses(instance, err);
    }
    if (status == 0) {
        status = instance->external ? knock(instance, err) : bring_up(instance, err);
    }
    if (status != 0) {
        if (instance->child != NULL && !process_has_ended(instance->child, NULL)) {
            (void)kill(instance->pid, SIGTERM);
        }
        free_instance(instance);
        return status == -ERR_DB_LOST ? -ERR_UNAVAILABLE : status;
    }
    if (!instance->external) {
        instance->watcher = task_spawn("mariadb watch", watch, instance);
        if (instance->child != NULL) {
            process_set_waiter(instance->child, instance->watcher);
        }
    }
    *ret_instance = instance;
    return 0;
}

void instance_stop(struct instance *instance)
{
    const int64_t end_us = clock_monotonic_us() + STOP_PATIENCE_US;
    bool killed = false;

    if (instance == NULL) {
        return;
    }
    instance->stopping = true;
    instance->stopper = task_self();
    if (instance->pid != 0 && process_is_alive(instance->pid, instance->paths.config)) {
        (void)kill(instance->pid, SIGTERM);
    }
    if (instance->watcher != NULL) {
        task_wake(instance->watcher);
    }
    while (instance->watcher != NULL) {
        (void)task_park_firmly_for(ADOPTED_LOOK_MS);
        if (!killed && instance->pid != 0 && clock_monotonic_us() > end_us) {
            killed = true; /* recovery will mend it; waiting for ever would not */
            (void)kill(instance->pid, SIGKILL);
        }
    }
    free_instance(instance);
}

struct db_address instance_address(const struct instance *instance, enum instance_account account)
{
    return instance->addresses[account];
}

bool instance_is_up(const struct instance *instance)
{
    return instance->external || instance->up;
}

unsigned instance_restarts(const struct instance *instance)
{
    return instance->restarts;
}
