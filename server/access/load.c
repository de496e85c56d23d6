/*
 * Reading people and rights from the database into a directory. Five plain statements in the caller's
 * snapshot, so that all tables are of one moment; everything is copied into the directory's arena. Whatever
 * does not fit together (an unknown word, a department that is not there, a circle) stops the load with a
 * sentence that names the row: a server that runs on half-understood rights is worse than one that says it
 * cannot.
 */
#include "access/access_int.h"

#include "base/buf.h"
#include "base/must.h"

#include <stdlib.h>

static const char SQL_DEPARTMENTS[] =
    "SELECT id,parent_id,`key`,name,position,retired_at IS NOT NULL FROM department ORDER BY position,`key`";
static const char SQL_USERS[] =
    "SELECT id,department_id,login,login_key,name,disabled_at IS NOT NULL FROM app_user ORDER BY id";
static const char SQL_ROLES[] = "SELECT id,`key`,name_zh,name_en,rights FROM role ORDER BY `key`";
static const char SQL_USER_ROLES[] = "SELECT user_id,role_id FROM user_role ORDER BY user_id,role_id";
static const char SQL_GRANTS[] =
    "SELECT id,role_id,form,row_rule,actions,fields,deny,row_filter,masks FROM access_grant ORDER BY id";

static int64_t int_at(const struct db_rows *rows, size_t row, size_t col)
{
    const struct db_val *cell = db_cell(rows, row, col);
    return cell->kind == DB_INT ? cell->i : 0;
}

static struct str text_at(const struct db_rows *rows, size_t row, size_t col)
{
    const struct db_val *cell = db_cell(rows, row, col);
    return cell->kind == DB_TEXT || cell->kind == DB_BYTES ? cell->s : STR_NULL;
}

static struct str copy_at(struct directory *directory, const struct db_rows *rows, size_t row, size_t col)
{
    return arena_copy(directory->arena, text_at(rows, row, col));
}

/* ---- departments --------------------------------------------------------------------------------------- */

static int check_tree(const struct directory *directory, struct err *err)
{
    for (size_t i = 0; i < directory->n_departments; i++) {
        const struct department *at = &directory->departments[i];
        for (int depth = 1; at->parent_id; depth++) {
            const struct department *parent = directory_department(directory, at->parent_id);
            if (!parent)
                return err_set(err, ERR_CONFIG, "department %lld: parent %lld does not exist",
                    (long long)at->id, (long long)at->parent_id);
            if (depth >= DEPARTMENT_DEPTH_MAX)
                return err_set(err, ERR_CONFIG, "department %lld: deeper than %d, or in a circle",
                    (long long)directory->departments[i].id, DEPARTMENT_DEPTH_MAX);
            at = parent;
        }
    }
    return 0;
}

static task_fn int load_departments(struct tx *tx, struct directory *directory, struct err *err)
{
    struct db_rows rows;
    int r = tx_query(tx, SQL_DEPARTMENTS, DB_NO_PARAMS, &rows, err);
    if (r < 0)
        return r;
    if (rows.n_rows > DEPARTMENTS_MAX)
        return err_set(err, ERR_CONFIG, "%zu departments, at most %d", rows.n_rows, DEPARTMENTS_MAX);
    directory->departments = arena_new_array(directory->arena, struct department, rows.n_rows + 1);
    directory->n_departments = rows.n_rows;
    for (size_t i = 0; i < rows.n_rows; i++) {
        struct department *department = &directory->departments[i];
        *department = (struct department){
            .id = int_at(&rows, i, 0),
            .parent_id = int_at(&rows, i, 1),
            .key = copy_at(directory, &rows, i, 2),
            .name = copy_at(directory, &rows, i, 3),
            .position = int_at(&rows, i, 4),
            .retired = int_at(&rows, i, 5) != 0,
        };
        if (department->id <= 0)
            return err_set(err, ERR_CONFIG, "department %lld: not an id", (long long)department->id);
        (void)map_put_id(directory->departments_by_id, department->id, department);
    }
    return check_tree(directory, err);
}

/* ---- people -------------------------------------------------------------------------------------------- */

static task_fn int load_users(struct tx *tx, struct directory *directory, struct err *err)
{
    struct db_rows rows;
    int r = tx_query(tx, SQL_USERS, DB_NO_PARAMS, &rows, err);
    if (r < 0)
        return r;
    directory->users = arena_new_array(directory->arena, struct user, rows.n_rows + 1);
    directory->n_users = rows.n_rows;
    for (size_t i = 0; i < rows.n_rows; i++) {
        struct user *user = &directory->users[i];
        *user = (struct user){
            .id = int_at(&rows, i, 0),
            .department_id = int_at(&rows, i, 1),
            .login = copy_at(directory, &rows, i, 2),
            .login_key = copy_at(directory, &rows, i, 3),
            .name = copy_at(directory, &rows, i, 4),
            .disabled = int_at(&rows, i, 5) != 0,
        };
        if (user->id <= 0 || !user->login_key.n)
            return err_set(err, ERR_CONFIG, "user %lld: no id or no log-in name", (long long)user->id);
        if (user->department_id && !directory_department(directory, user->department_id))
            return err_set(err, ERR_CONFIG, "user %lld: department %lld does not exist", (long long)user->id,
                (long long)user->department_id);
        (void)map_put_id(directory->users_by_id, user->id, user);
        (void)map_put(directory->users_by_login, user->login_key, user);
    }
    return 0;
}

/* Rows come ordered by user, so that the roles of one stand together. */
static task_fn int load_user_roles(struct tx *tx, struct directory *directory, struct err *err)
{
    struct db_rows rows;
    int r = tx_query(tx, SQL_USER_ROLES, DB_NO_PARAMS, &rows, err);
    if (r < 0)
        return r;
    int64_t *roles = arena_new_array(directory->arena, int64_t, rows.n_rows + 1);
    for (size_t i = 0; i < rows.n_rows; i++) {
        struct user *user = map_get_id(directory->users_by_id, int_at(&rows, i, 0));
        roles[i] = int_at(&rows, i, 1);
        if (!user || !map_get_id(directory->roles_by_id, roles[i]))
            return err_set(err, ERR_CONFIG, "user_role: user %lld or role %lld does not exist",
                (long long)int_at(&rows, i, 0), (long long)roles[i]);
        if (!user->n_roles)
            user->roles = &roles[i];
        user->n_roles++;
    }
    return 0;
}

/* ---- roles and grants ---------------------------------------------------------------------------------- */

static task_fn int load_roles(struct tx *tx, struct directory *directory, struct err *err)
{
    struct db_rows rows;
    int r = tx_query(tx, SQL_ROLES, DB_NO_PARAMS, &rows, err);
    if (r < 0)
        return r;
    directory->roles = arena_new_array(directory->arena, struct role, rows.n_rows + 1);
    directory->n_roles = rows.n_rows;
    for (size_t i = 0; i < rows.n_rows; i++) {
        struct role *role = &directory->roles[i];
        *role = (struct role){
            .id = int_at(&rows, i, 0),
            .key = copy_at(directory, &rows, i, 1),
            .name_zh = copy_at(directory, &rows, i, 2),
            .name_en = copy_at(directory, &rows, i, 3),
        };
        if (role->id <= 0 || !role->key.n)
            return err_set(err, ERR_CONFIG, "role %lld: no id or no key", (long long)role->id);
        if (!access_rights_parse(text_at(&rows, i, 4), &role->rights))
            return err_set(err, ERR_CONFIG, "role %.*s: rights \"%.*s\" are not known", STR_ARGS(role->key),
                STR_ARGS(text_at(&rows, i, 4)));
        (void)map_put_id(directory->roles_by_id, role->id, role);
        (void)map_put(directory->roles_by_key, role->key, role);
    }
    return 0;
}

static int read_grant(
    struct directory *directory, const struct db_rows *rows, size_t i, struct grant *grant, struct err *err)
{
    grant->id = int_at(rows, i, 0);
    grant->role_id = int_at(rows, i, 1);
    grant->form = copy_at(directory, rows, i, 2);
    if (grant->id <= 0 || !grant->form.n)
        return err_set(err, ERR_CONFIG, "grant %lld: no id or no form", (long long)grant->id);
    if (!map_get_id(directory->roles_by_id, grant->role_id))
        return err_set(err, ERR_CONFIG, "grant %lld: role %lld does not exist", (long long)grant->id,
            (long long)grant->role_id);
    if (!row_rule_parse(text_at(rows, i, 3), &grant->row_rule))
        return err_set(err, ERR_CONFIG, "grant %lld: row rule \"%.*s\" is not known", (long long)grant->id,
            STR_ARGS(text_at(rows, i, 3)));
    if (!access_actions_parse(text_at(rows, i, 4), &grant->actions))
        return err_set(err, ERR_CONFIG, "grant %lld: actions \"%.*s\" are not known", (long long)grant->id,
            STR_ARGS(text_at(rows, i, 4)));
    grant->deny = int_at(rows, i, 6) != 0;
    grant->condition = copy_at(directory, rows, i, 7);
    if ((grant->row_rule == ROW_CONDITION) != (grant->condition.n > 0))
        return err_set(
            err, ERR_CONFIG, "grant %lld: a condition where none belongs, or none", (long long)grant->id);
    int r = access_fields_parse(text_at(rows, i, 5), directory->arena, grant, err);
    return r < 0 ? r : access_masks_parse(text_at(rows, i, 8), directory->arena, grant, err);
}

static task_fn int load_grants(struct tx *tx, struct directory *directory, struct err *err)
{
    struct db_rows rows;
    int r = tx_query(tx, SQL_GRANTS, DB_NO_PARAMS, &rows, err);
    if (r < 0)
        return r;
    directory->grants = arena_new_array(directory->arena, struct grant, rows.n_rows + 1);
    directory->n_grants = rows.n_rows;
    for (size_t i = 0; i < rows.n_rows; i++) {
        r = read_grant(directory, &rows, i, &directory->grants[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static void make_print(struct directory *directory)
{
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < directory->n_departments; i++) {
        const struct department *department = &directory->departments[i];
        buf_printf(&text, "d%lld,%lld,%lld,%zu:%.*s", (long long)department->id,
            (long long)department->parent_id, (long long)department->position, department->name.n,
            STR_ARGS(department->name));
    }
    for (size_t i = 0; i < directory->n_users; i++) {
        const struct user *user = &directory->users[i];
        buf_printf(&text, "u%lld,%zu:%.*s", (long long)user->id, user->name.n, STR_ARGS(user->name));
    }
    for (size_t i = 0; i < directory->n_roles; i++) {
        const struct role *role = &directory->roles[i];
        buf_printf(&text, "r%lld,%zu:%.*s,%zu:%.*s", (long long)role->id, role->name_zh.n,
            STR_ARGS(role->name_zh), role->name_en.n, STR_ARGS(role->name_en));
    }
    crypto_sha256(buf_str(&text), directory->print);
    buf_done(&text);
}

task_fn int directory_load(struct tx *tx, struct directory **ret_directory, struct err *err)
{
    struct directory *directory = directory_new();
    int r = load_departments(tx, directory, err);
    if (r == 0)
        r = load_roles(tx, directory, err);
    if (r == 0)
        r = load_users(tx, directory, err);
    if (r == 0)
        r = load_user_roles(tx, directory, err);
    if (r == 0)
        r = load_grants(tx, directory, err);
    if (r < 0) {
        directory_unref(directory);
        return r;
    }
    make_print(directory);
    *ret_directory = directory;
    return 0;
}
