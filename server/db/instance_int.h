/*
 * Private to db/: the parts of the private MariaDB. instance.c holds the life of it, files.c its folders,
 * secrets and configuration, process.c its processes.
 */
#ifndef TIDEMARK_DB_INSTANCE_INT_H
#define TIDEMARK_DB_INSTANCE_INT_H

#include "base/buf.h"
#include "conf/conf.h"
#include "db/instance.h"

#include <sys/types.h>

#define INSTANCE_ACCOUNTS 4
extern const char *const instance_account_names[INSTANCE_ACCOUNTS]; /* "owner": the secret's file name */

/* ---- files.c ---- */

/* All absolute, in the instance's arena. */
struct instance_paths {
    struct str data; /* the data folder; below it: */
    struct str datadir, run, secrets, log, config, init_sql, lock, socket_note;
    struct str socket;
};
/* Makes the folders (mode 0700) and chooses the socket's path. */
int files_make_folders(
    struct arena *arena, struct str data_dir, struct instance_paths *ret_paths, struct err *err);
/* Holds the folder for this process until it ends. -ERR_CONFIG: another process has it. */
int files_lock(const struct instance_paths *paths, int *ret_fd, struct err *err);
/* Whole or not at all, mode 0600, synced. */
int files_write(struct str path, struct str text, struct err *err);
int files_write_config(const struct instance_paths *paths, const struct conf *conf, struct err *err);
/* The statements that the server runs before it accepts anybody: schemas, accounts, rights. */
int files_write_init_sql(
    const struct instance_paths *paths, const struct str passwords[INSTANCE_ACCOUNTS], struct err *err);
bool files_exist(struct str path);
int files_sync_folder(struct str path, struct err *err); /* everything on its file system */
void files_remove_tree(struct str path);
/* Left-overs of an initialisation that was killed: siblings of datadir that begin with `prefix`. */
void files_remove_stale(struct arena *arena, struct str folder, const char *prefix);

/* ---- process.c ---- */

struct process; /* a child of ours; its handle lives on its own */
/* Runs in the folder `cwd`; output goes to the end of the file `log`. `own_session`: no signal of our
 * terminal reaches it. */
int process_start(const char *const *argv, struct str cwd, struct str log, bool own_session,
    struct process **ret_process, struct err *err);
pid_t process_pid(const struct process *process);
/* True when it has ended; *ret_how (may be NULL) then tells how, in the arena of the calling task. */
bool process_has_ended(const struct process *process, struct str *ret_how);
bool process_succeeded(const struct process *process);
void process_set_waiter(struct process *process, struct task *task); /* woken at the end; NULL: nobody */
void process_free(struct process *process);                          /* has ended, or is left alone */
task_fn int process_run(const char *const *argv, struct str cwd, struct str log, struct err *err); /* firm */
/* A server started with this configuration file, by whomever; 0: none. */
pid_t process_find(struct str config);
bool process_is_alive(pid_t pid, struct str config);

#endif
