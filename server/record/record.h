/*
 * The one road in, and the only way to a record: every read and every write of a business row, and every
 * change of forms, people and rights, goes through here, under the caller's policy, with its audit event in
 * the same transaction (or, for reads, committed before the answer leaves).
 */
#ifndef TIDEMARK_RECORD_RECORD_H
#define TIDEMARK_RECORD_RECORD_H

#include "access/access.h"
#include "access/session.h"
#include "audit/audit.h"
#include "conf/conf.h"
#include "form/form.h"

/* ---- the world: forms and people of one epoch, swapped whole
 * ------------------------------------------------- */

struct world {
    unsigned magic, refs;
    int64_t epoch;
    struct catalog *catalog;
    struct directory *directory;
    const struct filter **conditions; /* by the directory's grants; NULL: a fixed rule, or broken */
};
/* Whether what people see of records can differ by their rights alone: the same forms, departments, names. */
bool world_is_alike(const struct world *a, const struct world *b);
struct world *world_ref(struct world *world);
void world_unref(struct world *world); /* NULL accepted */

enum { HOUSE_CLASHES = 256 };

/* What the rooms above need, made once by main/. */
struct house {
    struct db *app, *owner; /* owner: DDL of forms */
    const struct conf *conf;
    struct audit_reader *reader;
    struct feed *feed; /* NULL until it is listened to */
    struct sessions *sessions;
    struct numbers *numbers;
    struct str server_key;     /* keys version hashes */
    struct str position_epoch; /* first half of every position */
    struct world *world;       /* the newest; take world_now */
    struct task_lock loading;
    struct task_lock revealing; /* one at a time, so that they can be counted */
    struct house_clash {
        int64_t user_id, at_us;
    } clashes[HOUSE_CLASHES]; /* the newest clashes of unique values; a ring */
    size_t n_clashes;
};
/* Reads forms, people and rights in one snapshot if the epoch has moved (or there is no world yet). A change
 * that is just being committed is waited for: what the feed has told of is in the world that follows. */
task_fn int world_refresh(struct house *house, struct err *err);
struct world *world_now(struct house *house); /* a reference of its own */

/* A request that its sender may send again: by what its Idempotency-Key and the request itself hash to. */
#define ONCE_KEY_MAX 128
struct once {
    unsigned char key[CRYPTO_SHA256_BYTES], request[CRYPTO_SHA256_BYTES];
};

/* Who asks, for one request. Made by caller_init on the task, holds its world and policy until the task's
 * arena goes. */
struct caller {
    struct house *house;
    struct world *world;
    struct policy *policy; /* NULL: a stranger */
    int64_t user_id, session;
    struct tx *reading; /* NULL: each query sees what is committed by then */
    struct str login, address, request;
    enum err_lang lang;
    const struct once *once; /* NULL: no key was given */
};
/* ERR_LOGIN_NEEDED if the user is gone or disabled. */
int caller_init(struct caller *caller, struct house *house, int64_t user_id);
/* The same as caller_init for something that outlives its task: references of its own, given back by
 * caller_release. */
int caller_hold(struct caller *caller, struct house *house, int64_t user_id);
void caller_release(struct caller *caller);
/* An event's who, where and when, from the caller. */
struct audit_event caller_event(
    const struct caller *caller, enum audit_action action, struct str form, int64_t record);
/* After ERR_EPOCH_MOVED: the newest world, the policy anew. */
task_fn int caller_renew(struct caller *caller, struct err *err);

/* ---- records
 * ------------------------------------------------------------------------------------------------- */

/* One record as the caller sees it, printed into the answer by record_print. Values of hidden fields are
 * absent (NULL), but for those that a condition of the caller's grants looks at: the view's levels say what
 * may be shown. */
struct record_view;
/* What a row holds of a record that one of its fields names, so that no other table is asked. */
struct record_copy {
    int64_t owner, department; /* 0: none */
    struct db_val title;
    bool live; /* it is there, and not in the recycle bin */
};
struct record {
    int64_t id, rev;
    int64_t owner, department;      /* 0: none; of a form with a parent: the parent's */
    struct db_val parent_title;     /* the parent's title as stored; null where nobody may name the parent */
    struct db_val *values;          /* form->n_fields */
    struct record_copy *copies;     /* form->n_references; NULL where there are none */
    const struct record_view *view; /* what the caller may do with this row */
    bool is_deleted;                /* it is in the recycle bin: it can be brought back, no more */
};

/* Whether the caller may open the record (ACTION_READ). */
bool record_is_readable(const struct record *record);
/* Whether the field is there for the caller on this very row, masked or clear. */
bool record_field_is_seen(const struct record *record, const struct field *field);

/* A policy bound to a form; lives in the arena it was made in, as long as its caller. */
struct plan;
/* ERR_NOT_FOUND if the form does not exist or the caller has no grant for it. */
int plan_make(
    struct arena *arena, struct caller *caller, struct str form_key, struct plan **ret_plan, struct err *err);
const struct form *plan_form(const struct plan *plan);
uint32_t plan_actions(const struct plan *plan); /* on any row */
/* The best level that the caller has for the field on any row. */
enum access_level plan_field_level(const struct plan *plan, const struct field *field);

/* The item of the contract: {"id","version","fields","masked","locked","can"}. `extra` members may be added
 * by the caller. */
void record_print(const struct plan *plan, const struct record *record, struct json_out *out);
struct str record_version(const struct plan *plan, const struct record *record);

struct record_query {
    struct str q, sort, after, before; /* one of after and before at most */
    struct str fields;                 /* keys with commas; empty: all visible */
    const struct json *filter;         /* NULL: none */
    int64_t limit;                     /* 0: the default */
    bool count, pos;                   /* pos: read in one snapshot, whose position is told */
    bool deleted; /* the recycle bin: what the caller may bring back, the newest first; no sort */
};
struct record_list {
    const struct plan *plan;
    struct record *items;
    size_t n;
    struct str next, previous; /* empty: nothing comes there */
    int64_t total;             /* -1: not asked */
    struct str pos;            /* empty: not asked */
    bool *selected;            /* by field: which to print; NULL: all */
    struct record_deleted {
        int64_t at_us, by; /* 0: not known */
    } * deleted;           /* by item, of the recycle bin; else NULL */
};
task_fn int record_list(struct caller *caller, struct str form_key, const struct record_query *query,
    struct record_list *ret_list, struct err *err);
void record_print_selected(
    const struct plan *plan, const struct record *record, const bool *selected, struct json_out *out);

/* ret_pos: the position at which it was read; NULL: not asked. */
task_fn int record_read(struct caller *caller, struct plan *plan, int64_t id, struct record *ret_record,
    struct str *ret_pos, struct err *err);

struct record_conflict {
    struct str item;             /* of a batch: "update[3]"; else empty */
    const struct record *record; /* of a batch: as it is now; else NULL */
    const struct field *field;
    struct db_val base, theirs, yours;
    bool has_base;
};
struct record_done {
    struct plan *plan; /* may be a newer one than was given */
    struct record record;
    struct str pos;
    struct record_conflict *conflicts; /* with ERR_STALE */
    size_t n_conflicts;
};
/* fields: a JSON object. Faults name "fields.<key>". */
task_fn int record_create(struct caller *caller, struct str form_key, const struct json *fields,
    struct record_done *ret_done, struct err *err);
/* version: the caller's, or "*" to overwrite on purpose. */
task_fn int record_update(struct caller *caller, struct str form_key, int64_t id, struct str version,
    const struct json *fields, struct record_done *ret_done, struct err *err);
/* Into the recycle bin, with what belongs to it. version: the caller's, if he gives one; empty or "*":
 * whatever it is. The record is given as it was. */
task_fn int record_delete(struct caller *caller, struct str form_key, int64_t id, struct str version,
    struct record_done *ret_done, struct err *err);
/* Out of it, with what went with it. ERR_NOT_FOUND: it is not in what the caller may bring back;
 * ERR_CONFLICT: a unique value is taken, or the record that it belongs to is in the bin. One that is there
 * already is given as it is. */
task_fn int record_restore(
    struct caller *caller, struct str form_key, int64_t id, struct record_done *ret_done, struct err *err);
/* Many new records in one transaction, all or nothing; at most 1,000. */
task_fn int record_create_many(
    struct caller *caller, struct str form_key, const struct json *const *items, size_t n, struct err *err);
/* Many changes of one form in one transaction, all or nothing; what is wrong is told of each item, under its
 * place ("update[3].fields.phone"). Each record at most once; RECORD_BATCH_MAX in all. */
#define RECORD_BATCH_MAX 1000
struct record_batch {
    const struct json *const *create; /* objects of fields */
    struct record_batch_update {
        int64_t id;
        struct str version;
        const struct json *fields;
    } * update;
    int64_t *delete, *restore;
    size_t n_create, n_update, n_delete, n_restore;
};
struct record_batch_done {
    struct plan *plan;
    struct record *created, *updated, *restored; /* in the order of the request */
    struct str pos;
};
/* ret_stale: with ERR_STALE. */
task_fn int record_batch(struct caller *caller, struct str form_key, const struct record_batch *batch,
    struct record_batch_done *ret_done, struct record_done *ret_stale, struct err *err);
/* Takes out of the database what has been in the recycle bin for records.bin_days, some hundreds at once.
 * *ret_more: there is more of it. */
task_fn int bin_purge(struct house *house, bool *ret_more, struct err *err);

/* ---- done once
 * --------------------------------------------------------------------------------------------- */

struct once_records {
    int64_t *created, *updated, *deleted, *restored;
    size_t n_created, n_updated, n_deleted, n_restored;
};
/* what: method and path. Faults name "Idempotency-Key". */
int once_make(const struct caller *caller, struct str key, struct str what, struct str body,
    struct once *ret_once, struct err *err);
/* Whether the caller's request was done already within 24 hours; ERR_INVALID: its key was another request's.
 */
task_fn int once_find(
    const struct caller *caller, bool *ret_found, struct once_records *ret_records, struct err *err);
/* What became of them, as the caller may see it now, once that is in the log; one that he does not see has
 * the id 0. */
task_fn int once_show(struct caller *caller, struct str form_key, const struct once_records *records,
    struct record_batch_done *ret_done, struct err *err);
/* Forgets what is older. */
task_fn int once_prune(struct house *house, struct err *err);

/* How many there are, whoever may see them, the recycle bin included: for the loader, which goes on from
 * there.
 */
task_fn int record_count_all(struct caller *caller, struct str form_key, int64_t *ret_count, struct err *err);
/* A value of the record, now or earlier, that is clear. One that names a record is given as the caller may
 * see that one. */
/* Ids of the first *ret_n that are not in the recycle bin, ascending, whoever may see them: for the loader.
 */
task_fn int record_ids_all(struct caller *caller, struct str form_key, struct arena *arena, int64_t **ret_ids,
    size_t *ret_n, struct err *err);
void record_print_value(const struct plan *plan, const struct record *record, const struct field *field,
    const struct db_val *value, struct json_out *out);

/* What was done to the record, newest first, as the caller may see it now: fields that are hidden on it are
 * absent, masked ones masked, and so are changes of theirs that do not show. Needs ACTION_HISTORY on the row.
 * Prints
 * {"items":[{"at","actor","action","changes"}],"next"}. before_id 0: from the newest. */
task_fn int record_history(struct caller *caller, struct str form_key, int64_t id, int64_t before_id,
    int64_t limit, struct json_out *out, struct err *err);

/* The record's history together with that of the records that belong or refer to it, newest first, each under
 * the caller's rights of now on its own row; one that he may not see, or of which he may not read the history
 * or the reference, is not there. Needs ACTION_HISTORY on the record. Prints
 * {"items":[{"form","record":{"id","title"},"at","actor","action","changes"}],"next","whole","stages"}:
 * whole: all such records were looked at; stages (first page only): how long the record was in which state,
 * or null. */
struct record_timeline_query {
    struct str kind;  /* "form" or "form.field": these records, or where that field changed; empty: all */
    int64_t actor_id; /* 0: anybody */
    int64_t before_id, limit;
};
task_fn int record_timeline(struct caller *caller, struct str form_key, int64_t id,
    const struct record_timeline_query *query, struct json_out *out, struct err *err);

/* Shows one masked value, once the event that says so, with the reason, is committed. Needs ACTION_REVEAL on
 * the row; ERR_TOO_MANY past reveal.per_hour. Prints {"id","field","value","until"}. */
task_fn int record_reveal(struct caller *caller, struct str form_key, int64_t id, struct str field,
    struct str reason, struct json_out *out, struct err *err);

/* Fills what is kept for the search where it is missing or was made by another version; may take minutes,
 * ends early where the task is cancelled, and goes on from there. */
task_fn int search_fill(struct house *house, struct err *err);

/* ---- signing in and out
 * ---------------------------------------------------------------------------------------- */

/* ERR_LOGIN_FAILED for unknown, disabled, locked and wrong alike; ERR_TOO_MANY. The cookie is in the task's
 * arena. */
task_fn int sign_in(struct house *house, struct str login, struct str password, struct str address,
    struct str agent, struct str request, struct session *ret_session, struct str *ret_cookie,
    struct err *err);
task_fn int sign_out(struct caller *caller, struct err *err);
/* One's own password, by the one that there is. All sessions of the caller end, and a new one begins: what
 * *ret_session and *ret_cookie are. A wrong one counts as a failed log-in does. Faults name "password" and
 * "new". */
task_fn int password_change(struct caller *caller, struct str password, struct str wanted, struct str agent,
    struct session *ret_session, struct str *ret_cookie, struct err *err);

/* ---- the log, as the caller may see it
 * --------------------------------------------------------------------------- */

/* Needs RIGHT_AUDIT_READ (else ERR_FORBIDDEN); the look itself is logged. Prints {"items":[…],"next"} into
 * out. */
task_fn int log_print(
    struct caller *caller, const struct audit_filter *filter, struct json_out *out, struct err *err);

/* The seals over the log (audit/seal.h), newest first, of numbers below `before` (0: all); likewise. Prints
 * {"log","unsealed","items":[…],"next"}: each item as its line in an export. */
task_fn int log_print_seals(
    struct caller *caller, int64_t before, size_t limit, struct json_out *out, struct err *err);

/* One event as log_print prints it; for the live tail, whose event comes from the feed. pos empty: null. */
void log_print_event(
    const struct caller *caller, const struct audit_row *row, struct str pos, struct json_out *out);
/* The newest events as the caller may see them (the subscription is what is audited); only: one action, or
 * AUDIT_ACTION_COUNT. */
task_fn int log_newest(struct caller *caller, enum audit_action only, size_t limit,
    struct audit_row **ret_rows, size_t *ret_n, struct err *err);

/* ---- forms, people, rights
 * --------------------------------------------------------------------------------------- */

/* Makes a form from a definition: rows and configure event, then the DDL, then live. May be killed anywhere
 * and run again. */
task_fn int form_create(struct caller *caller, struct str definition, struct err *err);

/* People and rights of an organisation in one transaction with their configure events; ids are filled in. */
struct organisation {
    struct department *departments;
    size_t n_departments;
    struct role *roles;
    size_t n_roles;
    struct user *users;         /* roles: ids of the roles above */
    struct str *passwords;      /* stored forms, by user; empty: cannot log in */
    int64_t passwords_until_us; /* 0: they are the people's own; else first ones, good until then */
    size_t n_users;
    struct grant *grants;
    size_t n_grants;
};
task_fn int organisation_create(
    struct caller *caller, const struct organisation *organisation, struct err *err);
/* Both end the person's sessions (enabling does not). */
task_fn int user_set_password(
    struct caller *caller, int64_t user_id, struct str stored_password, int64_t until_us, struct err *err);
task_fn int user_set_disabled(struct caller *caller, int64_t user_id, bool disabled, struct err *err);

#endif
