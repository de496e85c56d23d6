/*
 * Migrations. Under a named lock, which belongs to one connection and goes with it: read the folder, compare
 * with schema_migration, run what is missing in the order of the numbers. A row says 'running' before the
 * statement and 'done' after it; since MariaDB commits DDL by itself, a kill leaves 'running' behind, and the
 * statement, which is worded so that it may, runs again.
 */
#include "db/migrate.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "db/pool.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 2000
#define FILE_BYTES_MAX (1 << 20)
#define LOCK_PATIENCE_S 300

static const char SQL_TABLE[] = "CREATE TABLE IF NOT EXISTS schema_migration ("
                                " version INT NOT NULL PRIMARY KEY,"
                                " name VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
                                " sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
                                " state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
                                " started_at DATETIME(6) NOT NULL,"
                                " duration_ms BIGINT NULL"
                                ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin";
static const char SQL_TABLE_IS_THERE[] = "SELECT COUNT(*) FROM information_schema.TABLES"
                                         " WHERE TABLE_SCHEMA=DATABASE() AND TABLE_NAME='schema_migration'";
static const char SQL_APPLIED[] = "SELECT version, sha256, state FROM schema_migration ORDER BY version";
static const char SQL_BEGIN[] =
    "INSERT INTO schema_migration (version, name, sha256, state, started_at)"
    " VALUES (?,?,?,'running',UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE"
    " name=VALUES(name), sha256=VALUES(sha256), state='running', started_at=VALUES(started_at)";
static const char SQL_END[] = "UPDATE schema_migration SET state='done', duration_ms=? WHERE version=?";
static const char SQL_LOCK[] = "SELECT GET_LOCK('tidemark_migrate', 1)";

struct migration {
    int64_t version;
    struct str name, sha256, text;
};

struct migrations {
    struct migration *items;
    size_t n;
};

/* ---- the folder ---- */

/* "0007_name.sql" */
static bool parse_name(const char *name, int64_t *ret_version)
{
    const size_t n = strlen(name);
    int64_t version = 0;

    if (n < sizeof "0000_x.sql" - 1 || n > 80 || name[4] != '_' || strcmp(name + n - 4, ".sql") != 0) {
        return false;
    }
    for (size_t i = 0; i < n - 4; i++) {
        const bool digit = isdigit((unsigned char)name[i]);

        if (i < 4 ? !digit : !(digit || islower((unsigned char)name[i]) || name[i] == '_')) {
            return false;
        }
        version = i < 4 ? version * 10 + (name[i] - '0') : version;
    }
    *ret_version = version;
    return version > 0;
}

static int read_text(struct arena *arena, struct str path, struct str *ret_text, struct err *err)
{
    const int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    char *text = arena_alloc(arena, FILE_BYTES_MAX + 1);
    size_t n = 0;
    ssize_t got = 1;

    if (fd < 0) {
        return err_set(err, ERR_CONFIG, "open %.*s: %s", STR_ARGS(path), strerror(errno));
    }
    while (got > 0 && n <= FILE_BYTES_MAX) {
        got = read(fd, text + n, FILE_BYTES_MAX + 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    if (got < 0 || n > FILE_BYTES_MAX || n == 0) {
        return err_set(err, ERR_CONFIG, "%.*s is empty, too large or not readable", STR_ARGS(path));
    }
    *ret_text = arena_copy(arena, (struct str){text, n});
    return 0;
}

static int load(struct arena *arena, struct str dir, struct migration *migration, struct err *err)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct arena *scratch = arena_new();
    struct str text = STR_NULL;
    int status = read_text(
        scratch, arena_printf(arena, "%.*s/%.*s", STR_ARGS(dir), STR_ARGS(migration->name)), &text, err);

    if (status == 0) {
        crypto_sha256(text, digest);
        migration->sha256 = crypto_hex(arena, digest, sizeof digest);
        text = str_trim(text);
        if (!str_ends(text, STR(";"))) {
            status = err_set(err, ERR_CONFIG, "%.*s does not end in ';'", STR_ARGS(migration->name));
        } else {
            text.n--;
            migration->text = arena_copy(arena, text);
        }
    }
    arena_free(scratch);
    return status;
}

static int by_version(const void *a, const void *b)
{
    const struct migration *x = a, *y = b;

    return (x->version > y->version) - (x->version < y->version);
}

static int list_names(struct arena *arena, struct str dir, struct migrations *ret_files, struct err *err)
{
    DIR *folder = opendir(arena_cstr(arena, dir));
    struct migrations files = {.items = arena_new_array(arena, struct migration, FILES_MAX)};
    struct dirent *entry;
    int status = 0;

    if (folder == NULL) {
        return err_set(err, ERR_CONFIG, "open folder %.*s: %s", STR_ARGS(dir), strerror(errno));
    }
    while (status == 0 && (entry = readdir(folder)) != NULL) {
        if (!str_ends(str_of(entry->d_name), STR(".sql"))) {
            continue;
        }
        if (files.n == FILES_MAX || !parse_name(entry->d_name, &files.items[files.n].version)) {
            status =
                err_set(err, ERR_CONFIG, "%.80s is no name of a migration (0001_name.sql)", entry->d_name);
        } else {
            files.items[files.n++].name = arena_copy(arena, str_of(entry->d_name));
        }
    }
    (void)closedir(folder);
    if (status == 0 && files.n == 0) {
        status = err_set(err, ERR_CONFIG, "no migrations in %.*s", STR_ARGS(dir));
    }
    if (status == 0) {
        qsort(files.items, files.n, sizeof files.items[0], by_version);
        *ret_files = files;
    }
    return status;
}

static int read_folder(struct arena *arena, struct str dir, struct migrations *ret_files, struct err *err)
{
    struct migrations files = {0};
    int status = list_names(arena, dir, &files, err);

    for (size_t i = 0; status == 0 && i < files.n; i++) {
        if (i > 0 && files.items[i].version == files.items[i - 1].version) {
            status = err_set(
                err, ERR_CONFIG, "two migrations have the number %lld", (long long)files.items[i].version);
        } else {
            status = load(arena, dir, &files.items[i], err);
        }
    }
    if (status == 0) {
        *ret_files = files;
    }
    return status;
}

/* ---- folder and database ---- */

static bool is_done(const struct db_rows *applied, size_t row)
{
    return str_eq(db_cell(applied, row, 2)->s, STR("done"));
}

/*
 * What has been applied must be the beginning of what is in the folder, with the same checksums; only the
 * last may be half done. *ret_next: the first file to run.
 */
static int compare(
    const struct db_rows *applied, const struct migrations *files, size_t *ret_next, struct err *err)
{
    const int64_t newest = files->items[files->n - 1].version;
    size_t next = 0;

    for (size_t i = 0; i < applied->n_rows; i++) {
        const int64_t version = db_cell(applied, i, 0)->i;
        const struct migration *file = next < files->n ? &files->items[next] : NULL;

        if (version > newest) {
            return err_set(err, ERR_CONFIG, "the database is newer (%lld) than this program (%lld)",
                (long long)version, (long long)newest);
        }
        if (file == NULL || file->version > version) {
            return err_set(
                err, ERR_CONFIG, "migration %lld was applied but is not in the folder", (long long)version);
        }
        if (file->version < version) {
            return err_set(err, ERR_CONFIG, "migration %.*s was left out: %lld is applied already",
                STR_ARGS(file->name), (long long)version);
        }
        if (!is_done(applied, i)) {
            if (i + 1 < applied->n_rows) {
                return err_set(err, ERR_CONFIG, "migration %.*s is half done, but later ones are applied",
                    STR_ARGS(file->name));
            }
            break; /* runs again */
        }
        if (!str_eq(db_cell(applied, i, 1)->s, file->sha256)) {
            return err_set(err, ERR_CONFIG, "migration %.*s has been changed since it was applied",
                STR_ARGS(file->name));
        }
        next++;
    }
    *ret_next = next;
    return 0;
}

static task_fn int run_one(struct conn *conn, const struct migration *file, struct err *err)
{
    const int64_t begin_us = clock_monotonic_us();
    struct err cause = {0};
    int status = conn_run(
        conn, SQL_BEGIN, DB_PARAMS(DB_I(file->version), DB_S(file->name), DB_S(file->sha256)), NULL, err);

    if (status == 0) {
        status = conn_control(conn, file->text.p, &cause);
        if (status != 0) {
            return err_set(err, cause.code, "migration %.*s: %.160s", STR_ARGS(file->name), cause.detail);
        }
        status = conn_run(conn, SQL_END,
            DB_PARAMS(DB_I((clock_monotonic_us() - begin_us) / 1000), DB_I(file->version)), NULL, err);
    }
    return status;
}

/* A migrator that was killed keeps the lock until the server has finished its statement. */
static task_fn int take_lock(struct conn *conn, struct err *err)
{
    for (int i = 0; i < LOCK_PATIENCE_S; i++) {
        struct db_rows rows = {0};
        int status = task_checkpoint(err);

        if (status == 0) {
            status = conn_run(conn, SQL_LOCK, DB_NO_PARAMS, &rows, err);
        }
        if (status != 0 || (db_cell(&rows, 0, 0)->kind == DB_INT && db_cell(&rows, 0, 0)->i == 1)) {
            return status;
        }
    }
    err->retry_after_s = 1;
    return err_set(err, ERR_UNAVAILABLE, "another process is migrating");
}

static task_fn int migrate_locked(
    struct conn *conn, const struct migrations *files, unsigned *ret_applied, struct err *err)
{
    struct db_rows applied = {0};
    unsigned n_applied = 0;
    size_t next = 0;
    int status = conn_control(conn, SQL_TABLE, err);

    if (status == 0) {
        status = conn_run(conn, SQL_APPLIED, DB_NO_PARAMS, &applied, err);
    }
    if (status == 0) {
        status = compare(&applied, files, &next, err);
    }
    for (size_t i = next; status == 0 && i < files->n; i++) {
        status = task_checkpoint(err);
        if (status == 0) {
            status = run_one(conn, &files->items[i], err);
        }
        n_applied += status == 0;
    }
    if (status == 0) {
        *ret_applied = n_applied;
    }
    return status;
}

int migrate_run(struct db *migrate, struct str dir, unsigned *ret_applied, struct err *err)
{
    struct migrations files = {0};
    struct conn *conn = NULL;
    struct err ignored = {0};
    int status = read_folder(task_arena(), dir, &files, err);

    if (status == 0) {
        status = task_checkpoint(err);
    }
    if (status == 0) {
        status = db_take(migrate, true, false, &conn, err);
    }
    if (status != 0) {
        return status;
    }
    status = take_lock(conn, err);
    if (status == 0) {
        status = migrate_locked(conn, &files, ret_applied, err);
        if (!conn->dead &&
            conn_run(conn, "DO RELEASE_LOCK('tidemark_migrate')", DB_NO_PARAMS, NULL, &ignored) != 0) {
            conn_give_up(conn);
        }
    }
    db_give(migrate, conn);
    return db_hide_loss(status, err);
}

int migrate_check(struct db *app, struct str dir, struct err *err)
{
    struct migrations files = {0};
    struct db_rows rows = {0};
    size_t next = 0;
    int status = read_folder(task_arena(), dir, &files, err);

    if (status == 0) {
        status = db_query(app, SQL_TABLE_IS_THERE, DB_NO_PARAMS, &rows, err);
    }
    if (status == 0 && db_cell(&rows, 0, 0)->i == 0) {
        return err_set(err, ERR_CONFIG, "the database is empty: run `tidemark migrate`");
    }
    if (status == 0) {
        status = db_query(app, SQL_APPLIED, DB_NO_PARAMS, &rows, err);
    }
    if (status == 0) {
        status = compare(&rows, &files, &next, err);
    }
    if (status == 0 && next < files.n) {
        status = err_set(err, ERR_CONFIG, "migration %.*s is not applied: run `tidemark migrate`",
            STR_ARGS(files.items[next].name));
    }
    return status;
}
