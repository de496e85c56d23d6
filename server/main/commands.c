/* The short subcommands: sql, migrate, check, config. */
#include "loop/loop.h"
#include "main/main_int.h"
#include "text/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLIENT_ARGUMENTS_MAX = 64 };

/* ---- sql
 * ----------------------------------------------------------------------------------------------------- */

static bool account_of(const char *name, enum instance_account *ret_account)
{
    static const struct {
        const char *name;
        enum instance_account account;
    } NAMES[] = {{"owner", INSTANCE_OWNER}, {"app", INSTANCE_APP}, {"feed", INSTANCE_FEED}};
    *ret_account = INSTANCE_OWNER;
    if (!name)
        return true;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
        if (strcmp(NAMES[i].name, name) == 0) {
            *ret_account = NAMES[i].account;
            return true;
        }
    return false;
}

/* The client reads the password from memory of this process that only it inherits: not from a file, not from
 * its arguments. */
static int option_memory(const struct db_address *address)
{
    int fd = memfd_create("tidemark-sql", 0);
    if (fd < 0 || fchmod(fd, 0600) < 0) /* the client ignores a file that others could write */
        return -1;
    if (address->socket.n)
        dprintf(fd, "[client]\nsocket=\"%.*s\"\n", STR_ARGS(address->socket));
    else
        dprintf(fd, "[client]\nhost=\"%.*s\"\nport=%lld\nssl-ca=\"%.*s\"\nssl-verify-server-cert\n",
            STR_ARGS(address->host), (long long)address->port, STR_ARGS(address->ca_file));
    dprintf(fd, "user=\"%.*s\"\npassword=\"%.*s\"\n[mariadb]\ndefault-character-set=utf8mb4\n",
        STR_ARGS(address->user), STR_ARGS(address->password));
    return fd;
}

int command_sql(const struct options *options)
{
    struct arena *arena = arena_new();
    struct str data;
    struct db_address address;
    struct err err = {0};
    enum instance_account account;
    char defaults[64];
    char *arguments[CLIENT_ARGUMENTS_MAX + 4];
    int n = 0, status = EXIT_FAILED;
    if (!account_of(options->as, &account) || options->n_rest > CLIENT_ARGUMENTS_MAX) {
        fprintf(stderr, "tidemark: --as takes owner, app or feed\n");
        arena_free(arena);
        return EXIT_USAGE;
    }
    if (!options_data(options, false, arena, &data)) {
        status = EXIT_FAILED; /* that was told */
    } else if (instance_find(data, account, arena, &address, &err) < 0) {
        fprintf(stderr, "tidemark: no instance in %s: %s\n", options->data, err.detail);
    } else {
        int fd = option_memory(&address);
        (void)snprintf(defaults, sizeof(defaults), "--defaults-file=/proc/self/fd/%d", fd);
        arguments[n++] = strdup("mariadb");
        arguments[n++] = defaults;
        arguments[n++] = strdup("--database=tidemark");
        for (int i = 0; i < options->n_rest; i++)
            arguments[n++] = options->rest[i];
        arguments[n] = NULL;
        execvp(arguments[0], arguments);
        fprintf(stderr, "tidemark: cannot start the client `mariadb`: %s\n", strerror(errno));
        free(arguments[0]);
        free(arguments[2]);
    }
    arena_free(arena);
    return status;
}

/* ---- migrate, check
 * ------------------------------------------------------------------------------------------- */

struct job {
    const struct options *options;
    struct boot boot;
    int status;
};

static task_fn void run_migrate(void *arg)
{
    struct job *job = arg;
    struct err err = {0};
    unsigned applied = 0;
    if (boot_database(&job->boot, &applied, &err) < 0) {
        fprintf(stderr, "tidemark: migrate: %s\n", err.detail);
        job->status = EXIT_FAILED;
    } else {
        printf("migrations applied: %u\n", applied);
    }
    boot_down(&job->boot);
}

/* One account's view of the server: its settings, and the rights that the account has. */
static task_fn int check_account(
    struct job *job, enum instance_account account, struct buf *findings, struct err *err)
{
    struct db_address address;
    const struct db_limits limits = {
        .connections = 2, .wait_ms = 5000, .statement_ms = 15000, .statements_cached = 16};
    int rc = instance_find(job->boot.data, account, task_arena(), &address, err);
    if (rc < 0)
        return rc;
    struct db *db = db_open(&address, &limits);
    rc = instance_check(db, findings, err);
    db_close(db);
    return rc;
}

static task_fn void run_check(void *arg)
{
    static const enum instance_account ACCOUNTS[] = {INSTANCE_OWNER, INSTANCE_APP, INSTANCE_FEED};
    struct job *job = arg;
    struct err err = {0};
    struct buf findings = {0};
    int rc = 0;
    buf_init(&findings, 0);
    if (!text_zone_is_known(job->boot.conf->server_time_zone))
        buf_printf(&findings,
            "server.time_zone \"%.*s\" is not a time zone; use a name such as Asia/Shanghai\n",
            STR_ARGS(job->boot.conf->server_time_zone));
    for (size_t i = 0; i < sizeof(ACCOUNTS) / sizeof(ACCOUNTS[0]) && rc == 0; i++)
        rc = check_account(job, ACCOUNTS[i], &findings, &err);
    if (rc < 0) {
        fprintf(stderr, "tidemark: check: %s\n", err.detail);
        job->status = EXIT_FAILED;
    } else if (findings.n > 0) {
        printf("%s", buf_cstr(&findings));
        job->status = EXIT_NO;
    } else {
        puts("good");
    }
    buf_done(&findings);
}

/* bad_conf: the exit status where the configuration is wrong. */
static int run_job(const struct options *options, task_main_fn *fn, bool make_data, int bad_conf)
{
    struct job job = {.options = options};
    struct arena *arena = arena_new();
    struct conf *conf = options_conf(options);
    if (!conf) {
        arena_free(arena);
        return bad_conf;
    }
    job.boot = (struct boot){.conf = conf, .arena = arena, .share = share_dir(arena)};
    if (options_data(options, make_data, arena, &job.boot.data)) {
        loop_init();
        (void)task_spawn("job", fn, &job);
        loop_run();
        loop_done();
    } else {
        job.status = EXIT_FAILED;
    }
    conf_free(conf);
    arena_free(arena);
    return job.status;
}

int command_migrate(const struct options *options)
{
    return run_job(options, run_migrate, true, EXIT_USAGE);
}

int command_check(const struct options *options)
{
    return run_job(options, run_check, false, EXIT_NO);
}

int command_config(const struct options *options)
{
    struct buf buf = {0};
    (void)options;
    buf_init(&buf, 0);
    conf_print_defaults(&buf);
    fputs(buf_cstr(&buf), stdout);
    buf_done(&buf);
    return EXIT_GOOD;
}
