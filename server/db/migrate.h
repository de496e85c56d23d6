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

struct tx;
/* A sign of life, in the caller's transaction: about once a second, with the position that this process has
 * come to. */
void slot_live(struct tx *tx, struct str pos);

/* A process that has ended without a word: its slot is kept until it is buried. */
struct slot_dead {
    int64_t slot;
    struct str holder, pos; /* pos: of its last sign of life; empty: there was none */
    int64_t seen_us;        /* of that sign; or of when it must have ended, at the latest */
};
/* Looks at the other processes, in the task's arena; call it once a second. Dead is who has shown no sign of
 * life for SLOT_SILENT_TURNS looks (an outage of the database, in which nobody can, does not count). If it is
 * we who were buried (we had stood still for long), we end by SIGTERM. */
#define SLOT_SILENT_TURNS 10
task_fn int slot_look(struct db *app, struct slot_dead **ret_dead, size_t *ret_n, struct err *err);
/* In a transaction that does what is left to do for the dead: locks its row. *ret_mine: false if another
 * process has buried it. */
task_fn int slot_lock(struct tx *tx, const struct slot_dead *dead, bool *ret_mine, struct err *err);
/* With the last of it. The slot is free once its lease has run out, so that two never hold it. */
void slot_bury(struct tx *tx, const struct slot_dead *dead);

#endif
