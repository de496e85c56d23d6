/* Private to record/: what changes of people and rights share. */
#ifndef TIDEMARK_RECORD_ADMIN_INT_H
#define TIDEMARK_RECORD_ADMIN_INT_H

#include "record/admin.h"
#include "record/plan_int.h"

/* One transaction of configuration: its first event proves it. */
struct configuring {
    struct caller *caller;
    int64_t first_event;
    bool noted;
};

/* Locks the catalog's epoch; ERR_EPOCH_MOVED if it is not the caller's any more. First in each transaction.
 */
task_fn int configure_lock(struct tx *tx, const struct caller *caller, struct err *err);
/* The configure event of one row of ours. Before the row itself is queued. */
void configure_note(struct tx *tx, struct configuring *configuring, const char *table, int64_t id,
    const struct audit_change *changes, size_t n);
/* Runs fn, then renews the caller. fn's arg begins with a struct configuring. ERR_EPOCH_MOVED is the caller's
 * to plan anew. */
task_fn int configure_run(
    struct configuring *configuring, tx_body_fn *fn, struct str *ret_pos, struct err *err);

/* The name of a person, a role or a department, without blanks at its ends: at most 100 characters. */
struct str configure_name(struct str text, const char *field, struct err *err);
/* Somebody or something can be put there: it exists (0: nowhere, always good) and is not retired. */
void configure_check_department(
    const struct directory *directory, int64_t department, const char *field, struct err *err);

struct str json_of_text(struct str text);
struct str json_of_tree(const struct json *json);
struct str json_of_id(int64_t id); /* 0: null */
struct str json_of_bool(bool value);
/* A set of words ("list read") as an array of texts. */
struct str json_of_words(struct str words);

/* Adds what another parser found to err, with its own first name ("filter") replaced by `path`. */
void faults_under(struct str path, struct str own, const struct err *found, struct err *err);

#endif
