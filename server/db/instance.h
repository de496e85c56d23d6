/*
 * The private MariaDB: initialised on first start, configured (row binlog with full images and metadata,
 * sync_binlog=1, innodb_flush_log_at_trx_commit=1, innodb_snapshot_isolation=ON, secure_timestamp=YES, no
 * network), started on a Unix socket under the data folder as a child in its own session, adopted if one
 * already runs on our socket, watched, restarted with back-off, stopped with a clean shutdown.
 *
 * Layout of the data folder: mariadb/ (datadir), run/ (socket, pid; a short path beside it where 107 bytes
 * are too few), secrets/ (mode 0600: owner, app, feed passwords; pepper; server key), mariadb.log.
 */
#ifndef TIDEMARK_DB_INSTANCE_H
#define TIDEMARK_DB_INSTANCE_H

#include "conf/conf.h"
#include "db/db.h"

struct instance;

/*
 * Brings the server up (or finds the external one) and makes schemas and accounts if they are not there:
 * schema `tidemark` (everything) and schema `tidemark_log` (audit events).
 * Accounts: tidemark_owner (DDL and all on `tidemark`, nothing on the log: form changes), tidemark_migrate
 * (all on both schemas; used by `tidemark migrate` only and closed after), tidemark_app (SELECT, INSERT,
 * UPDATE, DELETE on `tidemark`; SELECT, INSERT on `tidemark_log`), tidemark_feed (REPLICATION SLAVE, BINLOG
 * MONITOR, SELECT). Users are created with sql_log_bin=0.
 *
 * One process at a time serves a data folder (-ERR_CONFIG otherwise). `conf` must live as long as the
 * instance. When the calling task is cancelled, a start that waits for the server is given up.
 */
task_fn int instance_start(
    const struct conf *conf, struct str data_dir, struct instance **ret_instance, struct err *err);
/* Clean shutdown: mariadbd gets SIGTERM and is waited for, an adopted one as well. NULL is accepted. */
task_fn void instance_stop(struct instance *instance);

enum instance_account { INSTANCE_OWNER, INSTANCE_MIGRATE, INSTANCE_APP, INSTANCE_FEED };
/* Strings live as long as the instance. */
struct db_address instance_address(const struct instance *instance, enum instance_account account);
bool instance_is_up(const struct instance *instance);
unsigned instance_restarts(const struct instance *instance);
/* Reads (or makes, 32 random bytes in hex, mode 0600, synced) a secret of the instance: "pepper",
 * "server_key". */
int instance_secret(
    struct str data_dir, const char *name, struct arena *arena, struct str *ret_secret, struct err *err);
/* For `tidemark sql`: the socket of the data folder, whether or not we are serving. */
int instance_find(struct str data_dir, enum instance_account account, struct arena *arena,
    struct db_address *ret_address, struct err *err);
/* For `tidemark check`: the server's settings and clock, and the rights of the account of this pool (call it
 * with one pool of each account); a line in `findings` for each thing that is wrong, with what to do. The
 * status tells only whether it could look. */
task_fn int instance_check(struct db *db, struct buf *findings, struct err *err);

#endif
