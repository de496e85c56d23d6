/*
 * The process slot for ids (base/id.h): a row leased by the database's clock and renewed by a timer. The
 * lease is much longer than any outage we expect to survive. Should another process have taken the slot all
 * the same, ours may no longer make ids, and a slot cannot be changed in a running process: it ends itself as
 * by SIGTERM, and its supervisor starts it anew.
 *
 * The row also tells that its process lives (once a second) and how far it has come, so that others see
 * within seconds that it was killed, and can put in order what it left behind. Until one of them has
 * (slot_bury), the row keeps its holder and nobody takes the slot.
 */
#include "base/clock.h"
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
#define LEASE_US INT64_C(600000000)

/* The one that has been free for the longest: ids of its former holder lie furthest back. */
static const char SQL_FREE[] =
    "SELECT slot FROM process_slot WHERE holder='' AND expires_at < UTC_TIMESTAMP(6)"
    " ORDER BY expires_at LIMIT 1 FOR UPDATE";
static const char SQL_NEXT[] = "SELECT COALESCE(MAX(slot)+1,0) FROM process_slot";
static const char SQL_TAKE[] =
    "UPDATE process_slot SET holder=?, expires_at=UTC_TIMESTAMP(6)+INTERVAL 600 SECOND, seen_at=NULL, pos=NULL"
    " WHERE slot=?";
static const char SQL_INSERT[] = "INSERT INTO process_slot (slot, holder, expires_at)"
                                 " VALUES (?,?,UTC_TIMESTAMP(6)+INTERVAL 600 SECOND)";
static const char SQL_RENEW[] = "UPDATE process_slot SET expires_at=UTC_TIMESTAMP(6)+INTERVAL 600 SECOND"
                                " WHERE slot=? AND holder=?";
static const char SQL_RELEASE[] =
    "UPDATE process_slot SET expires_at=UTC_TIMESTAMP(6), holder='' WHERE slot=? AND holder=?";
static const char SQL_LIVE[] =
    "UPDATE process_slot SET seen_at=UTC_TIMESTAMP(6), pos=? WHERE slot=? AND holder=?";
static const char SQL_LOOK[] =
    "SELECT slot, holder, seen_at, pos, expires_at, expires_at < UTC_TIMESTAMP(6) FROM process_slot WHERE holder<>''";
static const char SQL_LOCK[] = "SELECT slot FROM process_slot WHERE slot=? AND holder=? FOR UPDATE";
static const char SQL_BURY[] = "UPDATE process_slot SET holder='' WHERE slot=? AND holder=?";

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

/* ---- life and death ------------------------------------------------------------------------------------ */

void slot_live(struct tx *tx, struct str pos)
{
    must(lease.db != NULL);
    tx_add(tx, SQL_LIVE, DB_PARAMS(DB_S(pos), DB_I(lease.slot), DB_S(holder())));
}

/* What was seen of a slot, and how often it has been the same since. */
static struct sight {
    char holder[33];
    int64_t seen_us;
    unsigned turns;
} sights[ID_SLOTS];

static bool is_silent(struct sight *sight, struct str holder, int64_t seen_us)
{
    if (!str_eq(str_of(sight->holder), holder) || sight->seen_us != seen_us) {
        *sight = (struct sight){.seen_us = seen_us};
        memcpy(sight->holder, holder.p, holder.n < sizeof sight->holder ? holder.n : 0);
        return false;
    }
    return ++sight->turns >= SLOT_SILENT_TURNS;
}

static bool read_time(const struct db_val *cell, int64_t *ret_us)
{
    return cell->kind == DB_TEXT && clock_parse_sql(cell->s, ret_us);
}

/* Who never showed a sign (a subcommand beside the server) has only its lease. */
static bool is_dead(const struct db_val *cells, struct slot_dead *ret_dead)
{
    int64_t seen_us = 0, expires_us = 0;
    bool seen = read_time(&cells[2], &seen_us), expired = cells[5].kind == DB_INT && cells[5].i != 0;
    (void)read_time(&cells[4], &expires_us);
    *ret_dead = (struct slot_dead){.slot = cells[0].i,
        .holder = cells[1].s,
        .pos = cells[3].kind == DB_TEXT ? cells[3].s : STR(""),
        .seen_us = seen ? seen_us : expires_us - LEASE_US};
    if (ret_dead->slot < 0 || ret_dead->slot >= ID_SLOTS)
        return false;
    bool silent = is_silent(&sights[ret_dead->slot], ret_dead->holder, seen_us);
    return expired || (seen && silent);
}

task_fn int slot_look(struct db *app, struct slot_dead **ret_dead, size_t *ret_n, struct err *err)
{
    struct db_rows rows;
    int status = db_query(app, SQL_LOOK, DB_NO_PARAMS, &rows, err);
    bool we_are_here = false;

    *ret_n = 0;
    if (status < 0) {
        return status;
    }
    *ret_dead = arena_new_array(task_arena(), struct slot_dead, rows.n_rows + 1);
    for (size_t i = 0; i < rows.n_rows; i++) {
        const struct db_val *cells = db_cell(&rows, i, 0);

        if (cells[0].i == lease.slot && str_eq(cells[1].s, holder())) {
            we_are_here = true;
        } else if (is_dead(cells, &(*ret_dead)[*ret_n])) {
            ++*ret_n;
        }
    }
    if (!we_are_here && lease.db != NULL) {
        (void)kill(getpid(), SIGTERM);
    }
    return 0;
}

task_fn int slot_lock(struct tx *tx, const struct slot_dead *dead, bool *ret_mine, struct err *err)
{
    struct db_rows rows;
    int status = tx_query(tx, SQL_LOCK, DB_PARAMS(DB_I(dead->slot), DB_S(dead->holder)), &rows, err);

    *ret_mine = status == 0 && rows.n_rows == 1;
    return status;
}

void slot_bury(struct tx *tx, const struct slot_dead *dead)
{
    tx_add(tx, SQL_BURY, DB_PARAMS(DB_I(dead->slot), DB_S(dead->holder)));
}
