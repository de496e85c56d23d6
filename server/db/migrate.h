/*
 * Numbered migrations, forward only: migrations/0001_name.sql …, one DDL a file, worded so that it may run
 * again, since MariaDB commits each DDL by itself and we may be killed anywhere. Applied under a named lock;
 * schema_migration holds version, name, sha256, duration. Refused: a database newer than the files, a
 * checksum that differs, a gap.
 */
#ifndef TIDEMARK_DB_MIGRATE_H
#define TIDEMARK_DB_MIGRATE_H

#include "db/db.h"

/* `dir` holds the files. *ret_applied: how many ran now. Uses a connection of `migrate`. */
task_fn int migrate_run(struct db *migrate, struct str dir, unsigned *ret_applied, struct err *err);
/* 0 if the database is exactly at the newest file. */
task_fn int migrate_check(struct db *app, struct str dir, struct err *err);

/* Leases a process slot for base/id (a row with the database's clock, renewed by a timer) and calls
 * id_set_slot. */
task_fn int slot_lease(struct db *app, struct err *err);
task_fn void slot_release(struct db *app);

#endif
