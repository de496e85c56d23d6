/*
 * Changes of people and rights, queued into the caller's transaction. Whoever calls has checked the values,
 * adds the audit event, and raises the catalog's epoch.
 */
#include "access/access_int.h"

#include "base/clock.h"
#include "base/must.h"

static const char SQL_ADD_DEPARTMENT[] =
    "INSERT INTO department (id,`key`,name,parent_id,position) VALUES (?,?,?,?,?)";
static const char SQL_ADD_USER[] =
    "INSERT INTO app_user (id,login,login_key,name,department_id,password,password_until,disabled_at,created_at) "
    "VALUES (?,?,?,?,?,?,?,?,?)";
static const char SQL_SET_PASSWORD[] = "UPDATE app_user SET password=?,_rev=_rev+1 WHERE id=?";
static const char SQL_GIVE_PASSWORD[] =
    "UPDATE app_user SET password=?,password_until=?,_rev=_rev+1 WHERE id=?";
static const char SQL_SET_DISABLED[] = "UPDATE app_user SET disabled_at=?,_rev=_rev+1 WHERE id=?";
static const char SQL_SET_DEPARTMENT[] =
    "UPDATE department SET name=?,parent_id=?,position=?,_rev=_rev+1 WHERE id=?";
static const char SQL_SET_RETIRED[] = "UPDATE department SET retired_at=?,_rev=_rev+1 WHERE id=?";
static const char SQL_ADD_ROLE[] = "INSERT INTO role (id,`key`,name_zh,name_en,rights) VALUES (?,?,?,?,?)";
static const char SQL_ADD_USER_ROLE[] = "INSERT INTO user_role (id,user_id,role_id) VALUES (?,?,?)";
static const char SQL_ADD_GRANT[] =
    "INSERT INTO access_grant (id,role_id,form,row_rule,actions,fields,deny,row_filter,masks) "
    "VALUES (?,?,?,?,?,?,?,?,?)";
static const char SQL_SET_GRANT[] =
    "UPDATE access_grant SET row_rule=?,actions=?,fields=?,deny=?,row_filter=?,masks=?,"
    "_rev=_rev+1 WHERE id=?";
static const char SQL_DROP_GRANT[] = "DELETE FROM access_grant WHERE id=?";
static const char SQL_SET_ROLE[] = "UPDATE role SET name_zh=?,name_en=?,rights=?,_rev=_rev+1 WHERE id=?";
static const char SQL_DROP_USER_ROLE[] = "DELETE FROM user_role WHERE id=?";
static const char SQL_SET_PERSON[] = "UPDATE app_user SET name=?,department_id=?,_rev=_rev+1 WHERE id=?";

static struct db_val id_or_null(int64_t id)
{
    return id ? DB_I(id) : DB_N;
}

static struct db_val text_or_null(struct str text)
{
    return text.n ? DB_S(text) : DB_N;
}

static struct db_val time_or_null(bool is, int64_t utc_us)
{
    if (!is)
        return DB_N;
    char *text = arena_alloc(task_arena(), CLOCK_TEXT_MAX);
    size_t n = clock_print_sql(utc_us, text);
    return DB_S(((struct str){text, n}));
}

void access_add_department(struct tx *tx, const struct department *department)
{
    tx_add(tx, SQL_ADD_DEPARTMENT,
        DB_PARAMS(DB_I(department->id), DB_S(department->key), DB_S(department->name),
            id_or_null(department->parent_id), DB_I(department->position)));
}

void access_set_department(struct tx *tx, const struct department *department)
{
    tx_add(tx, SQL_SET_DEPARTMENT,
        DB_PARAMS(DB_S(department->name), id_or_null(department->parent_id), DB_I(department->position),
            DB_I(department->id)));
}

void access_set_retired(struct tx *tx, int64_t department_id, bool retired, int64_t at_us)
{
    tx_add(tx, SQL_SET_RETIRED, DB_PARAMS(time_or_null(retired, at_us), DB_I(department_id)));
}

void access_add_user(struct tx *tx, const struct user *user, struct str stored_password, int64_t until_us,
    int64_t created_at_us)
{
    tx_add(tx, SQL_ADD_USER,
        DB_PARAMS(DB_I(user->id), DB_S(user->login), DB_S(user->login_key), DB_S(user->name),
            id_or_null(user->department_id), text_or_null(stored_password),
            time_or_null(until_us != 0, until_us), time_or_null(user->disabled, created_at_us),
            time_or_null(true, created_at_us)));
}

void access_set_password(struct tx *tx, int64_t user_id, struct str stored_password)
{
    tx_add(tx, SQL_SET_PASSWORD, DB_PARAMS(text_or_null(stored_password), DB_I(user_id)));
}

void access_give_password(struct tx *tx, int64_t user_id, struct str stored_password, int64_t until_us)
{
    tx_add(tx, SQL_GIVE_PASSWORD,
        DB_PARAMS(text_or_null(stored_password), time_or_null(until_us != 0, until_us), DB_I(user_id)));
}

void access_set_disabled(struct tx *tx, int64_t user_id, bool disabled, int64_t at_us)
{
    tx_add(tx, SQL_SET_DISABLED, DB_PARAMS(time_or_null(disabled, at_us), DB_I(user_id)));
}

void access_add_role(struct tx *tx, const struct role *role)
{
    tx_add(tx, SQL_ADD_ROLE,
        DB_PARAMS(DB_I(role->id), DB_S(role->key), DB_S(role->name_zh), DB_S(role->name_en),
            DB_S(access_rights_print(role->rights, task_arena()))));
}

void access_add_user_role(struct tx *tx, int64_t id, int64_t user_id, int64_t role_id)
{
    tx_add(tx, SQL_ADD_USER_ROLE, DB_PARAMS(DB_I(id), DB_I(user_id), DB_I(role_id)));
}

static struct db_val masks_or_null(const struct grant *grant)
{
    return grant->n_masks ? DB_S(access_masks_print(grant, task_arena())) : DB_N;
}

void access_add_grant(struct tx *tx, const struct grant *grant)
{
    tx_add(tx, SQL_ADD_GRANT,
        DB_PARAMS(DB_I(grant->id), DB_I(grant->role_id), DB_S(grant->form),
            DB_S(str_of(row_rule_key(grant->row_rule))),
            DB_S(access_actions_print(grant->actions, task_arena())),
            DB_S(access_fields_print(grant, task_arena())), DB_I(grant->deny), text_or_null(grant->condition),
            masks_or_null(grant)));
}

void access_set_grant(struct tx *tx, const struct grant *grant)
{
    tx_add(tx, SQL_SET_GRANT,
        DB_PARAMS(DB_S(str_of(row_rule_key(grant->row_rule))),
            DB_S(access_actions_print(grant->actions, task_arena())),
            DB_S(access_fields_print(grant, task_arena())), DB_I(grant->deny), text_or_null(grant->condition),
            masks_or_null(grant), DB_I(grant->id)));
}

void access_drop_grant(struct tx *tx, int64_t grant_id)
{
    tx_add(tx, SQL_DROP_GRANT, DB_PARAMS(DB_I(grant_id)));
}

void access_set_role(struct tx *tx, const struct role *role)
{
    tx_add(tx, SQL_SET_ROLE,
        DB_PARAMS(DB_S(role->name_zh), DB_S(role->name_en),
            DB_S(access_rights_print(role->rights, task_arena())), DB_I(role->id)));
}

void access_drop_user_role(struct tx *tx, int64_t id)
{
    tx_add(tx, SQL_DROP_USER_ROLE, DB_PARAMS(DB_I(id)));
}

void access_set_person(struct tx *tx, const struct user *user)
{
    tx_add(tx, SQL_SET_PERSON, DB_PARAMS(DB_S(user->name), id_or_null(user->department_id), DB_I(user->id)));
}
