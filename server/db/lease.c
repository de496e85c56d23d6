/*
 * Leases. The row is read without a lock as long as somebody else has it; only one that has run out is locked
 * and looked at again.
 */
#include "db/lease.h"

#include "base/clock.h"
#include "base/must.h"
#include "crypto/crypto.h"

#include <string.h>

static const char SQL_LOOK[] = "SELECT term FROM lease WHERE name=? AND until<UTC_TIMESTAMP(6)";
static const char SQL_CLAIM[] = "SELECT term FROM lease WHERE name=? AND until<UTC_TIMESTAMP(6) FOR UPDATE";
static const char SQL_TAKE[] =
    "UPDATE lease SET term=?, holder=?, until=UTC_TIMESTAMP(6)+INTERVAL 5 SECOND WHERE name=?";
static const char SQL_KEEP[] =
    "UPDATE lease SET until=UTC_TIMESTAMP(6)+INTERVAL 5 SECOND WHERE name=? AND holder=? AND term=?";
static const char SQL_LOCK[] =
    "SELECT UTC_TIMESTAMP(6) FROM lease WHERE name=? AND holder=? AND term=? LOCK IN SHARE MODE";
static const char SQL_RELEASE[] =
    "UPDATE lease SET until=UTC_TIMESTAMP(6), holder='' WHERE name=? AND holder=? AND term=?";

void lease_init(struct lease *lease, const char *name)
{
    unsigned char random[LEASE_HOLDER_CHARS / 2];
    struct arena *arena = arena_new_small();
    *lease = (struct lease){.name = name};
    crypto_random(random, sizeof random);
    struct str text = crypto_hex(arena, random, sizeof random);
    must(text.n == LEASE_HOLDER_CHARS);
    memcpy(lease->holder, text.p, text.n);
    arena_free(arena);
}

static task_fn int claim(struct tx *tx, void *arg, struct err *err)
{
    struct lease *lease = arg;
    struct db_rows rows;
    int rc = tx_query(tx, SQL_CLAIM, DB_PARAMS(DB_S(str_of(lease->name))), &rows, err);
    lease->term = 0;
    if (rc < 0 || rows.n_rows == 0)
        return rc;
    lease->term = db_cell(&rows, 0, 0)->i + 1;
    tx_add(
        tx, SQL_TAKE, DB_PARAMS(DB_I(lease->term), DB_S(str_of(lease->holder)), DB_S(str_of(lease->name))));
    return 0;
}

task_fn int lease_take(struct db *db, struct lease *lease, struct err *err)
{
    struct db_rows rows;
    lease->held = false;
    int rc = db_query(db, SQL_LOOK, DB_PARAMS(DB_S(str_of(lease->name))), &rows, err);
    if (rc < 0 || rows.n_rows == 0)
        return rc;
    rc = tx_run(db, NULL, claim, lease, NULL, err);
    lease->held = rc == 0 && lease->term > 0;
    return rc;
}

static struct db_val name_of(const struct lease *lease)
{
    return DB_S(str_of(lease->name));
}

static struct db_val holder_of(const struct lease *lease)
{
    return DB_S(str_of(lease->holder));
}

void lease_keep(struct tx *tx, const struct lease *lease)
{
    tx_add(tx, SQL_KEEP, DB_PARAMS(name_of(lease), holder_of(lease), DB_I(lease->term)));
}

task_fn int lease_lock(struct tx *tx, struct lease *lease, int64_t *ret_now_us, struct err *err)
{
    struct db_rows rows;
    int rc =
        tx_query(tx, SQL_LOCK, DB_PARAMS(name_of(lease), holder_of(lease), DB_I(lease->term)), &rows, err);
    if (rc < 0)
        return rc;
    lease->held = rows.n_rows == 1;
    if (lease->held && !clock_parse_sql(db_cell(&rows, 0, 0)->s, ret_now_us))
        return err_set(err, ERR_INTERNAL, "the database's time cannot be understood");
    return 0;
}

task_fn void lease_release(struct db *db, struct lease *lease)
{
    struct err ignored = {0}; /* it runs out by itself */
    if (!lease->held)
        return;
    lease->held = false;
    (void)db_query(
        db, SQL_RELEASE, DB_PARAMS(name_of(lease), holder_of(lease), DB_I(lease->term)), NULL, &ignored);
}
