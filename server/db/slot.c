/*
 * The process slot for ids (base/id.h): a row leased by the database's clock and renewed by a timer. The
 * lease is much longer than any outage we expect to survive. Should another process have taken the slot all
 * the same, ours may no longer make ids, and a slot cannot be changed in a running process: it ends itself as
 * by SIGTERM, and its supervisor starts it anew.
 */
#include "base/id.h"
#include "base/must.h"
#include "crypto/crypto.h"
#include "db/migrate.h"
#include "db/tx.h"
#include "loop/loop.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define RENEW_MS 60000
#define TRIES 20

/* The one that has been free for the longest: ids of its former holder lie furthest back. */
static const char SQL_FREE[] = "SELECT slot FROM process_slot WHERE expires_at < UTC_TIMESTAMP(6)"
                               " ORDER BY expires_at LIMIT 1 FOR UPDATE";
static const char SQL_NEXT[] = "SELECT COALESCE(MAX(slot)+1,0) FROM process_slot";
static const char SQL_TAKE[] =
    "UPDATE process_slot SET holder=?, expires_at=UTC_TIMESTAMP(6)+INTERVAL 600 SECOND"
    " WHERE slot=?";
static const char SQL_INSERT[] = "INSERT INTO process_slot (slot, holder, expires_at)"
                                 " VALUES (?,?,UTC_TIMESTAMP(6)+INTERVAL 600 SECOND)";
static const char SQL_RENEW[] = "UPDATE process_slot SET expires_at=UTC_TIMESTAMP(6)+INTERVAL 600 SECOND"
                                " WHERE slot=? AND holder=?";
static const char SQL_RELEASE[] =
    "UPDATE process_slot SET expires_at=UTC_TIMESTAMP(6) WHERE slot=? AND holder=?";

static struct {
    struct db *db;
    int64_t slot;
    char holder[33];
    struct loop_timer timer;
    bool renewing;
} lease;

static struct str holder(void)
{
    return (struct str){lease.holder, 32};
}

static task_fn int take_slot(struct tx *tx, void *arg, struct err *err)
{
    int64_t *slot = arg;
    struct db_rows rows = {0};
    int status = tx_query(tx, SQL_FREE, DB_NO_PARAMS, &rows, err);

    if (status == 0 && rows.n_rows == 1) {
        *slot = db_cell(&rows, 0, 0)->i;
        tx_add(tx, SQL_TAKE, DB_PARAMS(DB_S(holder()), DB_I(*slot)));
        return 0;
    }
    if (status == 0) {
        status = tx_query(tx, SQL_NEXT, DB_NO_PARAMS, &rows, err);
    }
    if (status == 0) {
        *slot = db_cell(&rows, 0, 0)->i;
        if (*slot >= ID_SLOTS) {
            err->retry_after_s = 1;
            return err_set(err, ERR_UNAVAILABLE, "all %d process slots are leased", ID_SLOTS);
        }
        tx_add(tx, SQL_INSERT, DB_PARAMS(DB_I(*slot), DB_S(holder())));
    }
    return status;
}

static void make_holder(void)
{
    unsigned char random[16];
    struct str text;

    crypto_random(random, sizeof random);
    text = crypto_hex(task_arena(), random, sizeof random);
    must(text.n == 32);
    memcpy(lease.holder, text.p, text.n);
}

static task_fn void renew(void *arg)
{
    struct db_rows rows = {0};
    struct err err = {0};

    (void)arg;
    if (db_query(lease.db, SQL_RENEW, DB_PARAMS(DB_I(lease.slot), DB_S(holder())), &rows, &err) == 0 &&
        rows.affected == 0) {
        (void)kill(getpid(), SIGTERM);
    }
    lease.renewing = false;
}

static void on_timer(void *arg)
{
    (void)arg;
    if (!lease.renewing) {
        lease.renewing = true;
        (void)task_spawn("slot renewal", renew, NULL);
    }
}

int slot_lease(struct db *app, struct err *err)
{
    int status = -ERR_DB_DUPLICATE;

    must(lease.db == NULL);
    make_holder();
    for (int i = 0; i < TRIES && status == -ERR_DB_DUPLICATE;
         i++) { /* two that start at once draw the same */
        struct err cause = {0};

        status = tx_run(app, NULL, take_slot, &lease.slot, NULL, &cause);
        if (status != 0 && (status != -ERR_DB_DUPLICATE || i + 1 == TRIES)) {
            err->retry_after_s = cause.retry_after_s;
            return err_set(err, cause.code, "%s", cause.detail);
        }
    }
    lease.db = app;
    id_set_slot((int)lease.slot);
    loop_timer_start(&lease.timer, RENEW_MS, RENEW_MS, on_timer, NULL);
    return 0;
}

void slot_release(struct db *app)
{
    struct err ignored = {0}; /* it runs out by itself */

    if (lease.db == NULL) {
        return;
    }
    must(lease.db == app);
    loop_timer_close(&lease.timer, NULL);
    while (lease.renewing) {
        (void)task_park_firmly_for(10);
    }
    (void)db_query(app, SQL_RELEASE, DB_PARAMS(DB_I(lease.slot), DB_S(holder())), NULL, &ignored);
    lease.db = NULL;
}
