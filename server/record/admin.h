/*
 * Administration of people and rights, for holders of users.manage (accounts) and rights.manage (roles and
 * rights). Everything that changes goes through here, with its configure events in the same transaction; the
 * catalog's epoch rises with it, so that open screens follow.
 */
#ifndef TIDEMARK_RECORD_ADMIN_H
#define TIDEMARK_RECORD_ADMIN_H

#include "record/record.h"

/* Versions, for If-Match: keyed hashes of what there is to change. */
struct str role_version(const struct caller *caller, const struct role *role);
struct str person_version(const struct caller *caller, const struct user *user);
struct str rights_version(const struct caller *caller, struct str form); /* of all grants for the form */

/* ---- the matrix of a form
 * ------------------------------------------------------------------------------------------ */

/* All grants that are to be for one form; ids are 0. */
struct matrix {
    const struct form *form;
    struct grant *grants;
    size_t n_grants;
};
/* roles: [{"id","grants":[…]}]. All faults at once, with their paths ("roles[0].grants[1].fields.phone"). */
int matrix_parse(struct caller *caller, struct str form_key, const struct json *roles, struct matrix *ret,
    struct err *err);
/* Puts it in the place of what there is, if `version` is what there is ("*": whatever there is), else
 * ERR_STALE. The caller is renewed: he stands in the world that follows. */
task_fn int matrix_save(struct caller *caller, struct str form_key, struct str version,
    const struct json *roles, struct str *ret_pos, struct err *err);

/* Which of those who may has changed the form's rights last, and when; at_us 0: none of them, lately. */
struct rights_changed {
    int64_t actor_id;
    struct str name;
    int64_t at_us;
};
task_fn int rights_last_change(
    struct caller *caller, struct str form_key, struct rights_changed *ret, struct err *err);

/* Who would gain and lose what, from the compiled policies of before and after. Prints the members of an
 * object. */
void matrix_preview(struct caller *caller, const struct matrix *matrix, struct json_out *out);

/* What one person has of a form, and of one record of it: which of his grants hold. For "view as" and "why";
 * values of the record are looked at, and none is given. */
struct explanation {
    const struct form *form;
    const struct user *user;
    const struct policy *policy;      /* NULL: disabled */
    const struct policy_form *grants; /* NULL: nothing of the form is his */
    bool has_record;
    uint32_t holds; /* bit i: the i-th grant holds for the record */
    /* Of a form with a parent: what he has of the parent's form (NULL: nothing), and which of those grants
     * hold for the record that this one belongs to, as far as its owner and department tell. */
    const struct policy_form *parent_grants;
    uint32_t parent_holds;
};
/* record 0: none. ERR_NOT_FOUND: no such form, person or record. A look at a record is logged. */
task_fn int rights_explain(struct caller *caller, struct str form_key, int64_t user_id, int64_t record,
    struct explanation *ret, struct err *err);

/* ---- people and roles
 * ---------------------------------------------------------------------------------------------- */

struct person_change {
    bool has_name, has_department, has_disabled, has_roles;
    struct str name;
    int64_t department; /* 0: none */
    bool disabled;
    int64_t *roles;
    size_t n_roles;
};
/* ERR_FORBIDDEN: roles are the security administrator's to give, the rest the system administrator's.
 * Versions as above; the caller is renewed. */
task_fn int person_change(struct caller *caller, int64_t user_id, struct str version,
    const struct person_change *change, struct str *ret_pos, struct err *err);

/* A first password, told once: whoever logs in with it until then chooses another one. */
struct first_password {
    struct str password;
    int64_t until_us;
    struct str pos;
};
/* A new account, without roles. ERR_CONFLICT: the log-in name is taken. The caller is renewed. */
struct person_new {
    struct str login, name;
    int64_t department; /* 0: none */
};
task_fn int person_create(struct caller *caller, const struct person_new *person, int64_t *ret_id,
    struct first_password *ret_first, struct err *err);
/* A new first password for somebody else, whose sessions end. Not for who holds a duty of administration: it
 * would put two duties into one hand; that is done on the machine (`tidemark user reset`). */
task_fn int person_reset_password(
    struct caller *caller, int64_t user_id, struct first_password *ret_first, struct err *err);

struct role_change {
    bool has_key, has_name, has_rights;
    struct str key, name_zh, name_en;
    uint32_t rights;
};
task_fn int role_create(struct caller *caller, const struct role_change *change, int64_t *ret_id,
    struct str *ret_pos, struct err *err);
task_fn int role_change(struct caller *caller, int64_t role_id, struct str version,
    const struct role_change *change, struct str *ret_pos, struct err *err);

/* ---- departments
 * --------------------------------------------------------------------------------------------------- */

struct department_change {
    bool has_title, has_parent, has_place, has_retired;
    struct str key, title;
    int64_t parent; /* 0: at the top */
    int64_t place;  /* from 0, among those of the parent; past the last is the last */
    bool retired;
};
/* Departments say which rows people see: what is moved or retired here holds for open screens at once. The
 * key is given once. ERR_CONFLICT: the key is taken. Versions as above; the caller is renewed. */
task_fn int department_create(struct caller *caller, const struct department_change *change, int64_t *ret_id,
    struct str *ret_pos, struct err *err);
task_fn int department_change(struct caller *caller, int64_t id, struct str version,
    const struct department_change *change, struct str *ret_pos, struct err *err);
struct str department_version(const struct caller *caller, const struct department *department);
int64_t department_place(const struct directory *directory, const struct department *department);
int64_t department_people(const struct directory *directory, int64_t department); /* accounts in use */

#endif
