/* Private to main/: what the subcommands share. */
#ifndef TIDEMARK_MAIN_MAIN_INT_H
#define TIDEMARK_MAIN_MAIN_INT_H

#include "base/buf.h"
#include "db/feed.h"
#include "db/instance.h"
#include "live/live.h"
#include "main/sealer.h"
#include "record/record.h"

/* Exit status of every subcommand (CONTRACT 1). */
enum { EXIT_GOOD = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_FAILED = 3 };

enum { OPTION_ROLES_MAX = 16, OPTION_KEYS_MAX = 16 };

struct options {
    const char *config; /* NULL: <data>/tidemark.conf if it is there */
    const char *data;
    const char *port, *rows, *as; /* NULL: not given */
    const char *name, *department;
    const char *from, *to;
    const char *keys[OPTION_KEYS_MAX];
    int n_keys;
    const char *kept;
    const char *roles[OPTION_ROLES_MAX];
    int n_roles;
    bool no_demo;
    char **rest; /* what follows the options */
    int n_rest;
};

int command_serve(const struct options *options);
int command_sql(const struct options *options);
int command_migrate(const struct options *options);
int command_check(const struct options *options);
int command_user(const struct options *options);
int command_form(const struct options *options);
int command_audit(const struct options *options);
int command_config(const struct options *options);

/* Configuration of the options; problems are printed. NULL: they were. */
struct conf *options_conf(const struct options *options);
/* The data folder, absolute; with `make`, made if it is not there (mode 0700). False: there is none, and that
 * was told. */
bool options_data(const struct options *options, bool make, struct arena *arena, struct str *ret_data);

/* Where migrations/, config/ and web/dist are: beside the program's source tree, or <prefix>/share/tidemark.
 */
struct str share_dir(struct arena *arena);
/* A whole file of at most max bytes, in the arena. */
int read_file(struct arena *arena, const char *path, size_t max, struct str *ret_text, struct err *err);

/* Everything that serving needs, in the order it is brought up; boot_down takes the same way back. */
struct boot {
    const struct conf *conf;
    struct str data, share;
    struct arena *arena; /* of the process */
    struct instance *instance;
    struct db *app, *owner;
    struct house house;
    bool slot, text;
};
/* Database, schema, accounts, migrations. Used by serve and migrate. */
task_fn int boot_database(struct boot *boot, unsigned *ret_applied, struct err *err);
/* On top of it, or of the instance that a server runs in the data folder: id slot, secrets, the house and its
 * world. */
task_fn int boot_house(struct boot *boot, struct err *err);
task_fn void boot_down(struct boot *boot);

/* A subcommand that works beside the running server of the data folder, on its database, by the same
 * functions and with the same events as any other change; the server knows within a second. Who did it is
 * told by the event: the system, and the user of the operating system. */
struct beside {
    const char *name;
    const struct options *options;
    task_fn int (*run)(struct beside *beside, struct err *err);
    void *arg; /* the command's own */
    struct boot boot;
    struct caller caller;
    int status; /* of the exit; set by run where the answer is no */
};
int beside_run(struct beside *beside);

/* The consumers of the change feed (listeners.c), and the check for changes without their events
 * (unaudited.c). */
struct unaudited;
struct listening {
    struct house *house;
    struct feed *feed;
    struct live *live;
    struct unaudited *unaudited;
    struct sealer *sealer;
    struct task *consumer, *beater, *looker;
    struct task_cond ended;
    unsigned running;
    bool stop, alone;      /* alone: the database is ours, no other process can be on it */
    int64_t beat_heard_us; /* monotonic */
    int64_t told_epoch;
    char epoch[12]; /* of positions, since the feed has lost its place */
};
task_fn int listening_start(struct listening *listening, struct boot *boot, struct err *err);
task_fn void listening_stop(struct listening *listening);
bool listening_is_alive(const struct listening *listening);

/* *ret_after: the position up to which everything has been checked; empty: nothing yet, begin at the present
 * end. */
task_fn int unaudited_start(
    struct listening *listening, struct str share, struct str *ret_after, struct err *err);
task_fn void unaudited_hear(struct listening *listening, const struct feed_tx *tx);
task_fn void unaudited_save(struct listening *listening); /* the position, if it has moved */
void unaudited_stop(struct listening *listening);

/* Puts in order what processes left behind that were killed (orphans.c); call it once a second. */
task_fn int orphans_look(struct db *app, struct err *err);

/* A password that nobody chose, for a first log-in. */

/* First contents: the demo bank, or three administrators. Says what it did on standard output. */
task_fn int first_contents(struct boot *boot, bool demo, int64_t rows, struct err *err);

#endif
