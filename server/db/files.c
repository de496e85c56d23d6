/*
 * Folders, lock, secrets and configuration of the private MariaDB. Everything may be interrupted anywhere:
 * files appear whole by rename, and what is there already is kept.
 */
#include "base/clock.h"
#include "base/must.h"
#include "crypto/crypto.h"
#include "db/instance_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SECRET_BYTES 32
#define PATH_BYTES 4096

const char *const instance_account_names[INSTANCE_ACCOUNTS] = {
    [INSTANCE_OWNER] = "owner",
    [INSTANCE_MIGRATE] = "migrate",
    [INSTANCE_APP] = "app",
    [INSTANCE_FEED] = "feed",
};

static int io_error(struct err *err, const char *what, struct str path)
{
    return err_set(err, ERR_IO, "%s %.*s: %s", what, STR_ARGS(path), strerror(errno));
}

/* ---- folders ---- */

static int make_folder(struct str path, struct err *err)
{
    if (mkdir(path.p, 0700) != 0 && errno != EEXIST) {
        return io_error(err, "make folder", path);
    }
    return 0;
}

static struct str below(struct arena *arena, struct str folder, const char *name)
{
    return arena_printf(arena, "%.*s/%s", STR_ARGS(folder), name);
}

/* A folder for sockets elsewhere, ours alone: named by user and by data folder. */
static int make_short_folder(struct arena *arena, struct str data, struct str *ret_folder, struct err *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct stat info;
    struct str folder;

    crypto_sha256(data, digest);
    for (int i = 0; i < 2; i++) { /* the user's runtime folder, unless that is too long as well */
        folder = arena_printf(arena, "%s/tidemark-%u-%.*s",
            i == 0 && runtime != NULL && *runtime == '/' ? runtime : "/tmp", (unsigned)getuid(),
            STR_ARGS(crypto_hex(arena, digest, 8)));
        if (folder.n + sizeof "/mariadbd.sock" <= sizeof((struct sockaddr_un *)0)->sun_path) {
            break;
        }
    }
    if (make_folder(folder, err) != 0) {
        return -(int)err->code;
    }
    if (lstat(folder.p, &info) != 0) {
        return io_error(err, "look at", folder);
    }
    if (!S_ISDIR(info.st_mode) || info.st_uid != getuid() || (info.st_mode & 077) != 0) {
        return err_set(err, ERR_IO, "%.*s is not a folder of ours alone", STR_ARGS(folder));
    }
    *ret_folder = folder;
    return 0;
}

/* The choice is written down, since it depends on the environment and others (tidemark sql) have to find it.
 */
static int choose_socket(struct arena *arena, struct instance_paths *paths, struct err *err)
{
    struct str folder = paths->run;
    int status = 0;

    if (folder.n + sizeof "/mariadbd.sock" > sizeof((struct sockaddr_un *)0)->sun_path) {
        status = make_short_folder(arena, paths->data, &folder, err);
    }
    if (status == 0) {
        paths->socket = below(arena, folder, "mariadbd.sock");
        status = files_write(paths->socket_note, paths->socket, err);
    }
    return status;
}

static int make_all(struct str path, struct err *err)
{
    char part[PATH_BYTES];

    if (path.n == 0 || path.n >= sizeof part) {
        return err_set(err, ERR_CONFIG, "the data folder's path is empty or too long");
    }
    for (size_t i = 1; i <= path.n; i++) {
        if (i == path.n || path.p[i] == '/') {
            memcpy(part, path.p, i);
            part[i] = '\0';
            if (make_folder((struct str){part, i}, err) != 0) {
                return -(int)err->code;
            }
        }
    }
    return 0;
}

static void name_paths(struct arena *arena, struct str data, struct instance_paths *paths)
{
    paths->data = data;
    paths->datadir = below(arena, data, "mariadb");
    paths->run = below(arena, data, "run");
    paths->secrets = below(arena, data, "secrets");
    paths->log = below(arena, data, "mariadb.log");
    paths->config = below(arena, data, "run/mariadb.cnf");
    paths->init_sql = below(arena, data, "run/init.sql");
    paths->lock = below(arena, data, "run/lock");
    paths->socket_note = below(arena, data, "run/socket");
}

int files_make_folders(
    struct arena *arena, struct str data_dir, struct instance_paths *ret_paths, struct err *err)
{
    struct instance_paths paths = {0};
    char real[PATH_MAX];
    int status = make_all(data_dir, err);

    if (status != 0) {
        return status;
    }
    if (realpath(arena_cstr(arena, data_dir), real) == NULL) {
        return io_error(err, "resolve", data_dir);
    }
    for (const char *c = real; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\' || *c == '\'' ||
            (unsigned char)*c < ' ') { /* it stands in MariaDB's option file */
            return err_set(
                err, ERR_CONFIG, "the data folder's path holds a quote, a backslash or a control character");
        }
    }
    name_paths(arena, arena_copy(arena, str_of(real)), &paths);
    if ((status = make_folder(paths.run, err)) != 0 || (status = make_folder(paths.secrets, err)) != 0) {
        return status;
    }
    if (chmod(paths.secrets.p, 0700) != 0) {
        return io_error(err, "protect", paths.secrets);
    }
    status = choose_socket(arena, &paths, err);
    if (status == 0) {
        *ret_paths = paths;
    }
    return status;
}

int files_lock(const struct instance_paths *paths, int *ret_fd, struct err *err)
{
    const int fd = open(paths->lock.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        return io_error(err, "open", paths->lock);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int cause = errno;

        (void)close(fd);
        if (cause == EWOULDBLOCK) {
            return err_set(
                err, ERR_CONFIG, "another process serves the data folder %.*s", STR_ARGS(paths->data));
        }
        errno = cause;
        return io_error(err, "lock", paths->lock);
    }
    *ret_fd = fd;
    return 0;
}

bool files_exist(struct str path)
{
    return access(path.p, F_OK) == 0;
}

int files_sync_folder(struct str path, struct err *err)
{
    const int fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = 0;

    if (fd < 0 || syncfs(fd) != 0) {
        status = io_error(err, "sync", path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *position)
{
    (void)info;
    (void)kind;
    (void)position;
    (void)remove(path); /* what cannot go now goes at the next start */
    return 0;
}

void files_remove_tree(struct str path)
{
    (void)nftw(path.p, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void files_remove_stale(struct arena *arena, struct str folder, const char *prefix)
{
    DIR *dir = opendir(folder.p);
    struct dirent *entry;

    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            files_remove_tree(below(arena, folder, entry->d_name));
        }
    }
    (void)closedir(dir);
}

/* ---- files ---- */

static bool write_all(int fd, struct str text)
{
    while (text.n > 0) {
        const ssize_t n = write(fd, text.p, text.n);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n > 0) {
            text.p += n;
            text.n -= (size_t)n;
        }
    }
    return fsync(fd) == 0;
}

static int sync_parent(const char *path, struct err *err)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    int fd, status = 0;

    (void)snprintf(
        folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) : 1, slash != NULL ? path : ".");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        status = io_error(err, "sync", str_of(folder));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

int files_write(struct str path, struct str text, struct err *err)
{
    char temporary[PATH_BYTES];
    int fd, status = 0;

    if (snprintf(temporary, sizeof temporary, "%.*s.new", STR_ARGS(path)) >= (int)sizeof temporary) {
        return err_set(err, ERR_CONFIG, "the path %.60s... is too long", path.p);
    }
    (void)unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return io_error(err, "create", str_of(temporary));
    }
    if (!write_all(fd, text)) {
        status = io_error(err, "write", str_of(temporary));
    }
    (void)close(fd);
    if (status == 0 && rename(temporary, path.p) != 0) {
        status = io_error(err, "rename to", path);
    }
    if (status != 0) {
        (void)unlink(temporary);
        return status;
    }
    return sync_parent(path.p, err);
}

int instance_secret(
    struct str data_dir, const char *name, struct arena *arena, struct str *ret_secret, struct err *err)
{
    struct str folder = below(arena, data_dir, "secrets");
    struct str path = below(arena, folder, name);
    unsigned char random[SECRET_BYTES];
    struct str secret;
    int status;

    if (files_exist(path)) {
        return conf_read_secret(arena, path, ret_secret, err);
    }
    if (make_folder(arena_copy(arena, folder), err) != 0) {
        return -(int)err->code;
    }
    crypto_random(random, sizeof random);
    secret = crypto_hex(arena, random, sizeof random);
    crypto_wipe(random, sizeof random);
    status = files_write(path, secret, err);
    if (status == 0) {
        *ret_secret = secret;
    }
    return status;
}

int instance_find(struct str data_dir, enum instance_account account, struct arena *arena,
    struct db_address *ret_address, struct err *err)
{
    struct db_address address = {.database = STR("tidemark")};
    char text[PATH_BYTES];
    struct str note = below(arena, data_dir, "run/socket");
    struct str secret =
        arena_printf(arena, "%.*s/secrets/%s", STR_ARGS(data_dir), instance_account_names[account]);
    const int fd = open(note.p, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

    if (fd >= 0) {
        (void)close(fd);
    }
    if (n <= 0) {
        return err_set(err, ERR_CONFIG, "no instance has been started in %.*s", STR_ARGS(data_dir));
    }
    address.socket = arena_copy(arena, str_trim((struct str){text, (size_t)n}));
    address.user = arena_printf(arena, "tidemark_%s", instance_account_names[account]);
    if (conf_read_secret(arena, secret, &address.password, err) != 0) {
        return -(int)err->code;
    }
    *ret_address = address;
    return 0;
}

/* ---- configuration ---- */

static int64_t buffer_pool_mb(const struct conf *conf)
{
    const int64_t quarter =
        (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE) / 4 / (1024 * 1024);

    if (conf->db_buffer_pool_mb > 0) {
        return conf->db_buffer_pool_mb;
    }
    return quarter < 128 ? 128 : quarter > 4096 ? 4096 : quarter;
}

/* Durability and the feed's needs: `tidemark check` compares an external server with the same values. */
static const char CONFIG_FIXED[] =
    "skip_networking\nskip_name_resolve\nskip_slave_start\nsymbolic_links = 0\nlocal_infile = OFF\n"
    "secure_timestamp = YES\nloose_feedback = OFF\nevent_scheduler = OFF\nperformance_schema = OFF\n"
    "character_set_server = utf8mb4\ncollation_server = utf8mb4_nopad_bin\ndefault_storage_engine = InnoDB\n"
    "default_time_zone = '+00:00'\ntransaction_isolation = READ-COMMITTED\n"
    "sql_mode = STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION\n"
    "log_bin = binlog\nserver_id = 1\nbinlog_format = ROW\nbinlog_row_image = FULL\nbinlog_row_metadata = FULL\n"
    "binlog_annotate_row_events = OFF\nsync_binlog = 1\nmax_binlog_size = 64M\n"
    "binlog_expire_logs_seconds = 172800\ngtid_strict_mode = ON\n"
    "innodb_flush_log_at_trx_commit = 1\ninnodb_doublewrite = ON\ninnodb_snapshot_isolation = ON\n"
    "innodb_strict_mode = ON\ninnodb_lock_wait_timeout = 5\nlock_wait_timeout = 10\n"
    "innodb_log_file_size = 256M\nmax_allowed_packet = 64M\nmax_prepared_stmt_count = 1048576\n"
    "key_buffer_size = 1M\naria_pagecache_buffer_size = 8M\nquery_cache_size = 0\nquery_cache_type = 0\n"
    "log_warnings = 1\n";

int files_write_config(const struct instance_paths *paths, const struct conf *conf, struct err *err)
{
    struct buf buf;
    int status;

    buf_init(&buf, 0);
    buf_add_text(&buf,
        "# Written by tidemark at each start; changes are lost. Settings: tidemark.conf, section [db].\n"
        "[mariadbd]\n");
    buf_printf(&buf, "datadir = \"%.*s\"\nsocket = \"%.*s\"\npid_file = \"%.*s/mariadbd.pid\"\n",
        STR_ARGS(paths->datadir), STR_ARGS(paths->socket), STR_ARGS(paths->run));
    buf_printf(&buf, "init_file = \"%.*s\"\ntmpdir = \"%.*s\"\n", STR_ARGS(paths->init_sql),
        STR_ARGS(paths->datadir));
    if (geteuid() == 0) {
        buf_add_text(&buf, "user = root\n"); /* development only: the package has a user of its own */
    }
    buf_printf(&buf, "innodb_buffer_pool_size = %lldM\nmax_connections = %lld\n",
        (long long)buffer_pool_mb(conf), (long long)conf->db_connections + 48);
    buf_add_text(&buf, CONFIG_FIXED);
    must(!buf.overflow);
    status = files_write(paths->config, buf_str(&buf), err);
    buf_done(&buf);
    return status;
}

static const char *const account_rights[INSTANCE_ACCOUNTS][2] = {
    [INSTANCE_OWNER] = {"ALL PRIVILEGES ON tidemark.*"},
    [INSTANCE_MIGRATE] = {"ALL PRIVILEGES ON tidemark.*", "ALL PRIVILEGES ON tidemark_log.*"},
    [INSTANCE_APP] = {"SELECT, INSERT, UPDATE, DELETE ON tidemark.*", "SELECT, INSERT ON tidemark_log.*"},
    [INSTANCE_FEED] = {"SELECT ON tidemark.*", "SELECT ON tidemark_log.*"},
};

/*
 * Run by the server at each start, before it listens: so there is no moment at which an account is open, no
 * administrator's password, and a first start that was killed simply runs again. Root cannot log in at all.
 */
int files_write_init_sql(
    const struct instance_paths *paths, const struct str passwords[INSTANCE_ACCOUNTS], struct err *err)
{
    struct buf buf;
    int status;

    buf_init(&buf, 0);
    buf_add_text(&buf,
        "SET sql_log_bin=0;\n"
        "CREATE DATABASE IF NOT EXISTS tidemark CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;\n"
        "CREATE DATABASE IF NOT EXISTS tidemark_log CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;\n"
        "ALTER USER IF EXISTS root@localhost ACCOUNT LOCK;\n");
    for (int i = 0; i < INSTANCE_ACCOUNTS; i++) {
        const char *name = instance_account_names[i];

        buf_printf(&buf, "CREATE USER IF NOT EXISTS tidemark_%s@localhost ACCOUNT LOCK;\n", name);
        buf_printf(&buf, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM tidemark_%s@localhost;\n", name);
        for (int j = 0; j < 2 && account_rights[i][j] != NULL; j++) {
            buf_printf(&buf, "GRANT %s TO tidemark_%s@localhost;\n", account_rights[i][j], name);
        }
        if (i == INSTANCE_FEED) {
            buf_printf(
                &buf, "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO tidemark_%s@localhost;\n", name);
        }
        buf_printf(&buf,
            "ALTER USER tidemark_%s@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('%.*s')"
            " ACCOUNT UNLOCK;\n",
            name, STR_ARGS(passwords[i]));
    }
    must(!buf.overflow);
    status = files_write(paths->init_sql, buf_str(&buf), err);
    crypto_wipe(buf.p, buf.n);
    buf_done(&buf);
    return status;
}
