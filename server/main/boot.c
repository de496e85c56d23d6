/*
 * Bringing the house up, lowest floor first, and down again by the same way back: database, schema, id slot,
 * secrets, log, sessions, world.
 */
#include "crypto/crypto.h"
#include "db/migrate.h"
#include "main/main_int.h"
#include "text/text.h"

static const char SQL_INSTANCE[] = "SELECT epoch FROM instance WHERE id = 1";
static const char SQL_NEW_INSTANCE[] =
    "INSERT IGNORE INTO instance (id, uuid, epoch, created_at) VALUES (1, ?, ?, UTC_TIMESTAMP(6))";

enum { OWNER_CONNECTIONS = 2, EPOCH_BYTES = 4, UUID_BYTES = 16 };

/* Of our own instance, or of the one that another process of ours runs in the data folder. */
static int open_account(const struct boot *boot, enum instance_account account, int64_t connections,
    struct db **ret_db, struct err *err)
{
    struct db_address address;
    if (boot->instance)
        address = instance_address(boot->instance, account);
    else if (instance_find(boot->data, account, boot->arena, &address, err) < 0)
        return -(int)err->code;
    struct db_limits limits = {.connections = (unsigned)connections,
        .wait_ms = (uint64_t)boot->conf->db_wait_ms,
        .statement_ms = (uint64_t)boot->conf->db_statement_ms,
        .statements_cached = (unsigned)boot->conf->db_statements_cached};
    *ret_db = db_open(&address, &limits);
    return 0;
}

static task_fn int run_migrations(struct boot *boot, unsigned *ret_applied, struct err *err)
{
    struct db *migrate = NULL;
    struct str dir = arena_printf(boot->arena, "%.*s/migrations", STR_ARGS(boot->share));
    int rc = open_account(boot, INSTANCE_MIGRATE, 2, &migrate, err);
    if (rc < 0)
        return rc;
    rc = migrate_run(migrate, dir, ret_applied, err);
    db_close(migrate);
    return rc;
}

task_fn int boot_database(struct boot *boot, unsigned *ret_applied, struct err *err)
{
    int rc = instance_start(boot->conf, boot->data, &boot->instance, err);
    return rc < 0 ? rc : run_migrations(boot, ret_applied, err);
}

/* The epoch of positions, made once; a restore will write another. */
static task_fn int read_epoch(struct boot *boot, struct err *err)
{
    struct db_rows rows;
    unsigned char random[UUID_BYTES + EPOCH_BYTES];
    crypto_random(random, sizeof(random));
    struct str uuid = crypto_hex(task_arena(), random, UUID_BYTES);
    struct str epoch = crypto_hex(task_arena(), random + UUID_BYTES, EPOCH_BYTES);
    int rc = db_query(boot->app, SQL_NEW_INSTANCE, DB_PARAMS(DB_S(uuid), DB_S(epoch)), &rows, err);
    if (rc == 0)
        rc = db_query(boot->app, SQL_INSTANCE, DB_NO_PARAMS, &rows, err);
    if (rc < 0)
        return rc;
    boot->house.position_epoch = arena_copy(boot->arena, db_cell(&rows, 0, 0)->s);
    return 0;
}

static int read_secrets(struct boot *boot, struct str *ret_pepper, struct err *err)
{
    int rc = instance_secret(boot->data, "server_key", boot->arena, &boot->house.server_key, err);
    if (rc < 0)
        return rc;
    if (boot->conf->login_pepper_file.n)
        return conf_read_secret(boot->arena, boot->conf->login_pepper_file, ret_pepper, err);
    return instance_secret(boot->data, "pepper", boot->arena, ret_pepper, err);
}

task_fn int boot_house(struct boot *boot, struct err *err)
{
    struct house *house = &boot->house;
    struct str pepper = STR("");
    int rc = open_account(boot, INSTANCE_APP, boot->conf->db_connections, &boot->app, err);
    if (rc == 0)
        rc = open_account(boot, INSTANCE_OWNER, OWNER_CONNECTIONS, &boot->owner, err);
    if (rc == 0)
        rc = slot_lease(boot->app, err);
    if (rc < 0)
        return rc;
    boot->slot = true;
    rc = text_init(err);
    if (rc < 0)
        return rc;
    boot->text = true;
    rc = read_secrets(boot, &pepper, err);
    if (rc == 0)
        rc = read_epoch(boot, err);
    if (rc < 0)
        return rc;
    house->app = boot->app;
    house->owner = boot->owner;
    house->conf = boot->conf;
    house->reader = audit_reader_new(boot->app, boot->conf);
    house->sessions = sessions_new(boot->app, boot->conf, house->server_key);
    sessions_set_pepper(house->sessions, pepper);
    house->numbers = numbers_new(boot->app);
    task_lock_init(&house->loading);
    task_lock_init(&house->revealing);
    return world_refresh(house, err);
}

task_fn void boot_down(struct boot *boot)
{
    struct house *house = &boot->house;
    if (house->reader)
        audit_reader_free(house->reader);
    sessions_free(house->sessions);
    numbers_free(house->numbers);
    world_unref(house->world);
    if (boot->slot)
        slot_release(boot->app);
    if (boot->app)
        db_close(boot->app);
    if (boot->owner)
        db_close(boot->owner);
    if (boot->text)
        text_done();
    if (boot->instance)
        instance_stop(boot->instance);
}
