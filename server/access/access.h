/*
 * People, departments, roles, grants: loaded once per catalog epoch into an immutable, counted directory; and
 * the policy compiled from it for one user. Default deny: what no grant gives does not exist. A policy names
 * forms and fields by their keys; record/ binds it to a form's definition.
 */
#ifndef TIDEMARK_ACCESS_ACCESS_H
#define TIDEMARK_ACCESS_ACCESS_H

#include "base/map.h"
#include "crypto/crypto.h"
#include "db/db.h"
#include "db/tx.h"

/* ---- what may be done
 * -------------------------------------------------------------------------------------- */

enum access_right { /* beside records; a bit each */
#define R(name, key) RIGHT_##name,
#include "access/rights.def"
#undef R
    RIGHT_COUNT
};
const char *access_right_key(enum access_right right); /* "audit.read" */

/* The three administrators stay three people: no account may hold the rights of two duties, and none of them
 * may have a grant for a form. */
enum access_duty { DUTY_SYSTEM = 1, DUTY_SECURITY = 2, DUTY_AUDIT = 4 };
uint32_t access_duties(uint32_t rights); /* bits of enum access_duty */

enum access_action { /* with records; a bit each */
    ACTION_LIST,
    ACTION_READ,
    ACTION_CREATE,
    ACTION_UPDATE,
    ACTION_DELETE,
    ACTION_RESTORE,
    ACTION_HISTORY,
    ACTION_EXPORT,
    ACTION_PRINT,
    ACTION_REVEAL,
    ACTION_COUNT
};
const char *access_action_key(enum access_action action); /* "update" */

enum access_level { LEVEL_HIDDEN, LEVEL_MASKED, LEVEL_READ, LEVEL_WRITE };
bool access_level_parse(struct str text, enum access_level *ret_level); /* false: not known */

enum row_rule {
    ROW_ALL,        /* "all" */
    ROW_OWNER,      /* "owner": _owner is the user */
    ROW_DEPARTMENT, /* "department": _department is the user's */
    ROW_SUBTREE,    /* "subtree": _department is the user's or below it */
    ROW_CONDITION,  /* "condition": what the grant's filter says of the record's own values */
    ROW_PARENT,     /* "parent": the user may list or read the record that this one belongs to */
    ROW_RULE_COUNT
};
bool row_rule_parse(struct str text, enum row_rule *ret_rule); /* false: not known */

/* ---- the directory
 * ----------------------------------------------------------------------------------------- */

#define DEPARTMENTS_MAX 10000
#define DEPARTMENT_DEPTH_MAX 64
struct department {
    int64_t id, parent_id;
    struct str key, name;
    int64_t position; /* among those of the same parent */
    bool retired;     /* nobody is put there any more */
};
struct user {
    int64_t id, department_id;
    struct str login, login_key, name;
    bool disabled;
    int64_t *roles;
    size_t n_roles;
};
struct role {
    int64_t id;
    struct str key, name_zh, name_en;
    uint32_t rights; /* bits of enum access_right */
};
struct grant {
    int64_t id, role_id;
    struct str form;
    enum row_rule row_rule;
    struct str condition; /* ROW_CONDITION: a filter's JSON; record/ compiles it, for it knows the form */
    /* What of the condition does not fit its form any more; NULL: it fits. Then the grant gives nothing, or,
     * if it denies, takes on every row. */
    const struct err_item *broken;
    /* Takes away on the rows for which it holds: its actions, and what is above its levels. Wins over every
     * grant that gives. */
    bool deny;
    uint32_t actions; /* bits of enum access_action */
    /* Of fields that are not named: "*". Without one: hidden, or for a deny untouched (LEVEL_WRITE). */
    enum access_level default_level;
    struct grant_field {
        struct str key;
        enum access_level level;
    } * fields; /* ascending by key; access_add_grant takes any order */
    size_t n_fields;
    struct grant_mask {
        struct str key, mask;
    } * masks; /* in place of the fields' own; ascending by key */
    size_t n_masks;
};

struct directory {
    unsigned magic, refs;
    struct arena *arena; /* everything below lives here */
    struct department *departments;
    size_t n_departments;
    struct user *users;
    size_t n_users;
    struct role *roles;
    size_t n_roles;
    struct grant *grants;
    size_t n_grants;
    struct map *users_by_id, *users_by_login, *departments_by_id, *roles_by_id, *roles_by_key;
    /* Of the departments and of people's names: equal where every reference to one reads the same. */
    unsigned char print[CRYPTO_SHA256_BYTES];
};

/* Reads everything inside the caller's snapshot transaction. A row that cannot be understood, an id that
 * leads nowhere, departments in a circle, deeper than 64 or more than 10,000 are ERR_CONFIG with the row's
 * name in `detail`, never skipped. */
task_fn int directory_load(struct tx *tx, struct directory **ret_directory, struct err *err);
struct directory *directory_ref(struct directory *directory);
void directory_unref(struct directory *directory); /* NULL accepted */
const struct user *directory_user(const struct directory *directory, int64_t id);
/* By the folded name, text_login_key of what was typed. */
const struct user *directory_user_by_login(const struct directory *directory, struct str login_key);
const struct department *directory_department(const struct directory *directory, int64_t id);
const struct role *directory_role(const struct directory *directory, int64_t id);
const struct role *directory_role_by_key(const struct directory *directory, struct str key);
uint32_t directory_rights_of(
    const struct directory *directory, const struct user *user); /* of all his roles */
int64_t role_people(
    const struct directory *directory, int64_t role_id); /* who have it and are not disabled */
bool directory_is_below(
    const struct directory *directory, int64_t department, int64_t ancestor); /* or the same */

/* ---- the policy
 * -------------------------------------------------------------------------------------------- */

struct policy_form {
    struct str form;
    const struct grant **grants; /* those that deny among them */
    size_t n_grants;
    uint32_t actions; /* that there may be on some row */
};
struct policy {
    unsigned magic, refs; /* refs: those taken by policy_ref */
    struct arena *arena;  /* of the directory */
    struct directory *directory;
    const struct user *user;
    uint32_t rights;
    int64_t *subtree; /* ids of the user's department and those below it, ascending */
    size_t n_subtree;
    struct policy_form *forms;
    size_t n_forms;
};

/* NULL when there is no such user or it is disabled. Whoever has rights of two duties, against the rule, has
 * none at all; whoever has a duty has no form. Policies are kept by the directory and made once a user: the
 * result is borrowed and lives as long as the directory; policy_ref holds both. */
struct policy *policy_of(struct directory *directory, int64_t user_id);
struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy *policy);
/* Whether both give the same of everything, to the same user; of two directories whose prints are equal. */
bool policy_is_same(const struct policy *a, const struct policy *b);
bool policy_has(const struct policy *policy, enum access_right right);
/* NULL: no grant gives the user anything of that form. */
const struct policy_form *policy_for_form(const struct policy *policy, struct str form);
enum access_level grant_level(const struct grant *grant, struct str field);
struct str grant_mask(const struct grant *grant, struct str field); /* empty: the field's own */

/* What one has of a form by these grants (in their order of id), as policy_of would make it. False: nothing.
 */
bool policy_form_make(const struct grant **grants, size_t n, struct policy_form *ret_form);

/*
 * Grants combine row by row: what a user has of a row is decided by which of the form's grants hold for it,
 * bit i for the i-th. policy_holds answers for the fixed rules (owner, department 0: none); the bits of
 * conditions and of "parent" are the caller's to add.
 */
#define POLICY_GRANTS_MAX 32 /* of one user and form */
uint32_t policy_holds(
    const struct policy *policy, const struct policy_form *form, int64_t owner, int64_t department);
uint32_t policy_view_actions(const struct policy_form *form, uint32_t holds);
/* The best of the grants that hold and give ACTION_READ or ACTION_LIST (write only by grants that give
 * ACTION_UPDATE or ACTION_CREATE), but no more than each deny that holds leaves. */
enum access_level policy_view_level(const struct policy_form *form, uint32_t holds, struct str field);
/* How a masked value is shown where several grants hold: as the first deny that names a mask says, else the
 * first grant that masks and names one; empty: the field's own mask. */
struct str policy_view_mask(const struct policy_form *form, uint32_t holds, struct str field);
/* The best that there may be on some row. */
enum access_level policy_best_level(const struct policy_form *form, struct str field);

/* ---- masks
 * ------------------------------------------------------------------------------------------------- */

/* Masks by name: name, phone, id_no, card, email, address, amount, text (mask.c says what each shows); and
 * "N+M": the first N and the last M characters. Fixed number of stars: the length is not told. A mask that is
 * not known, or bytes that are not text: all stars.
 */
bool mask_is_known(struct str mask);
const char *mask_name_at(size_t i); /* the masks by name; NULL past the last */
struct str mask_apply(struct str mask, struct str value, struct arena *arena);

/* ---- changes (queued into the caller's transaction; the caller adds the audit event and raises the epoch)
 * --------------------------- */

void access_add_department(struct tx *tx, const struct department *department);
void access_set_department(
    struct tx *tx, const struct department *department); /* name and place, by its id */
void access_set_retired(struct tx *tx, int64_t department_id, bool retired, int64_t at_us);
/* until_us: the password is a first one, good until then and for choosing one's own; 0: it is one's own. */
void access_add_user(struct tx *tx, const struct user *user, struct str stored_password, int64_t until_us,
    int64_t created_at_us);
void access_give_password(struct tx *tx, int64_t user_id, struct str stored_password, int64_t until_us);
/* The same password, stored anew at today's cost. */
void access_set_password(struct tx *tx, int64_t user_id, struct str stored_password);
void access_set_disabled(struct tx *tx, int64_t user_id, bool disabled, int64_t at_us);
void access_add_role(struct tx *tx, const struct role *role);
void access_add_user_role(struct tx *tx, int64_t id, int64_t user_id, int64_t role_id);
void access_add_grant(struct tx *tx, const struct grant *grant);
void access_set_grant(struct tx *tx, const struct grant *grant); /* all but its role and form, by its id */
void access_drop_grant(struct tx *tx, int64_t grant_id);
void access_set_role(struct tx *tx, const struct role *role); /* names and rights, by its id */
void access_drop_user_role(struct tx *tx, int64_t id); /* of the row, as access_add_user_role was given */
void access_set_person(struct tx *tx, const struct user *user); /* name and department, by its id */

#endif
