/*
 * Changes of forms, people and rights. Each changed row is named by a configure event of the same
 * transaction, with the fields and their values (never a secret), and the catalog's epoch rises with it.
 */
#include "base/clock.h"
#include "base/id.h"
#include "crypto/crypto.h"
#include "record/search_int.h"

static struct str json_text(struct str text)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_str(&out, text);
    json_out_end(&out);
    struct str json = arena_copy(task_arena(), buf_str(&buf));
    buf_done(&buf);
    return json;
}

static struct str json_id(int64_t id)
{
    return id ? arena_printf(task_arena(), "\"%lld\"", (long long)id) : STR_NULL;
}

static void note(struct tx *tx, const struct caller *caller, const char *table, int64_t id,
    const struct audit_change *changes, size_t n)
{
    struct audit_event event = caller_event(caller, AUDIT_CONFIGURE, str_of(table), id);
    event.rev = 1;
    event.changes = changes;
    event.n_changes = n;
    (void)audit_add(tx, &event);
}

#define CHANGE(name, json) ((struct audit_change){.field = STR(name), .after = (json)})
#define NOTE(table, id, ...)                                                                                 \
    note(tx, caller, (table), (id), (const struct audit_change[]){__VA_ARGS__},                              \
        sizeof((const struct audit_change[]){__VA_ARGS__}) / sizeof(struct audit_change))

/* ---- an organisation
 * --------------------------------------------------------------------------------------- */

struct organising {
    struct caller *caller;
    const struct organisation *organisation;
    int64_t at_us;
};

static void add_people(
    struct tx *tx, const struct caller *caller, const struct organisation *organisation, int64_t at_us)
{
    for (size_t i = 0; i < organisation->n_users; i++) {
        const struct user *user = &organisation->users[i];
        NOTE("_user", user->id, CHANGE("login", json_text(user->login)),
            CHANGE("name", json_text(user->name)), CHANGE("department", json_id(user->department_id)));
        access_add_user(tx, user, organisation->passwords[i], organisation->passwords_until_us, at_us);
        for (size_t r = 0; r < user->n_roles; r++) {
            int64_t id = id_new();
            NOTE(
                "_user_role", id, CHANGE("user", json_id(user->id)), CHANGE("role", json_id(user->roles[r])));
            access_add_user_role(tx, id, user->id, user->roles[r]);
        }
    }
}

static struct str grant_fields_json(const struct grant *grant)
{
    static const char *const LEVELS[] = {"hidden", "masked", "read", "write"};
    struct str text = arena_printf(task_arena(), "{\"*\":\"%s\"", LEVELS[grant->default_level]);
    for (size_t i = 0; i < grant->n_fields; i++)
        text = arena_printf(task_arena(), "%.*s,\"%.*s\":\"%s\"", STR_ARGS(text),
            STR_ARGS(grant->fields[i].key), LEVELS[grant->fields[i].level]);
    return arena_printf(task_arena(), "%.*s}", STR_ARGS(text));
}

static void add_grants(struct tx *tx, const struct caller *caller, const struct organisation *organisation)
{
    for (size_t i = 0; i < organisation->n_grants; i++) {
        const struct grant *grant = &organisation->grants[i];
        NOTE("_grant", grant->id, CHANGE("role", json_id(grant->role_id)),
            CHANGE("form", json_text(grant->form)), CHANGE("fields", grant_fields_json(grant)));
        access_add_grant(tx, grant);
    }
}

static task_fn int write_organisation(struct tx *tx, void *arg, struct err *err)
{
    struct organising *organising = arg;
    const struct caller *caller = organising->caller;
    const struct organisation *organisation = organising->organisation;
    (void)err;
    for (size_t i = 0; i < organisation->n_departments; i++) {
        const struct department *department = &organisation->departments[i];
        NOTE("_department", department->id, CHANGE("name", json_text(department->name)),
            CHANGE("parent", json_id(department->parent_id)));
        access_add_department(tx, department);
    }
    for (size_t i = 0; i < organisation->n_roles; i++) {
        NOTE("_role", organisation->roles[i].id, CHANGE("key", json_text(organisation->roles[i].key)),
            CHANGE("name", json_text(organisation->roles[i].name_zh)));
        access_add_role(tx, &organisation->roles[i]);
    }
    add_people(tx, caller, organisation, organising->at_us);
    add_grants(tx, caller, organisation);
    epoch_raise(tx);
    return 0;
}

static task_fn int run_and_refresh(struct caller *caller, tx_body_fn *fn, void *arg, struct err *err)
{
    int rc = tx_run(caller->house->app, NULL, fn, arg, NULL, err);
    return rc < 0 ? rc : world_refresh(caller->house, err);
}

task_fn int organisation_create(
    struct caller *caller, const struct organisation *organisation, struct err *err)
{
    struct organising organising = {.caller = caller, .organisation = organisation, .at_us = clock_utc_us()};
    return run_and_refresh(caller, write_organisation, &organising, err);
}

/* ---- one user
 * ------------------------------------------------------------------------------------------------ */

struct user_change {
    struct caller *caller;
    int64_t user_id;
    struct str stored_password;
    int64_t until_us;
    bool disabled;
};

static task_fn int write_password(struct tx *tx, void *arg, struct err *err)
{
    struct user_change *change = arg;
    const struct caller *caller = change->caller;
    (void)err;
    NOTE("_user", change->user_id, CHANGE("password", STR_NULL));
    access_give_password(tx, change->user_id, change->stored_password, change->until_us);
    session_end_all(tx, change->user_id, "password");
    return 0;
}

task_fn int user_set_password(
    struct caller *caller, int64_t user_id, struct str stored_password, int64_t until_us, struct err *err)
{
    struct user_change change = {
        .caller = caller, .user_id = user_id, .stored_password = stored_password, .until_us = until_us};
    return run_and_refresh(caller, write_password, &change, err);
}

static task_fn int write_disabled(struct tx *tx, void *arg, struct err *err)
{
    struct user_change *change = arg;
    const struct caller *caller = change->caller;
    (void)err;
    NOTE("_user", change->user_id, CHANGE("disabled", change->disabled ? STR("true") : STR("false")));
    access_set_disabled(tx, change->user_id, change->disabled, clock_utc_us());
    if (change->disabled)
        session_end_all(tx, change->user_id, "disabled");
    epoch_raise(tx);
    return 0;
}

task_fn int user_set_disabled(struct caller *caller, int64_t user_id, bool disabled, struct err *err)
{
    struct user_change change = {.caller = caller, .user_id = user_id, .disabled = disabled};
    return run_and_refresh(caller, write_disabled, &change, err);
}

/* ---- a form
 * -------------------------------------------------------------------------------------------------- */

static const char SQL_STATE[] = "SELECT id, state FROM form WHERE `key` = ?";

struct form_change {
    struct caller *caller;
    struct form form;
    struct str definition, ddl_hash;
};

static task_fn int write_form(struct tx *tx, void *arg, struct err *err)
{
    struct form_change *change = arg;
    const struct caller *caller = change->caller;
    (void)err;
    /* The event names the hash of the DDL that will follow, so that the feed can tell it from a stranger's
     * (DECISIONS A15). */
    form_add(tx, &change->form, change->definition);
    NOTE("_form", change->form.id, CHANGE("key", json_text(change->form.key)),
        CHANGE("state", STR("\"publishing\"")), CHANGE("ddl_sha256", json_text(change->ddl_hash)));
    for (size_t i = 0; i < change->form.n_fields; i++)
        NOTE("_form_field", change->form.fields[i].id, CHANGE("key", json_text(change->form.fields[i].key)),
            CHANGE("column", json_text(change->form.fields[i].column)));
    return 0;
}

static task_fn int write_live(struct tx *tx, void *arg, struct err *err)
{
    struct form_change *change = arg;
    const struct caller *caller = change->caller;
    (void)err;
    NOTE("_form", change->form.id, CHANGE("state", STR("\"live\"")));
    form_set_live(tx, change->form.id);
    search_is_filled(tx, &change->form);
    epoch_raise(tx);
    return 0;
}

static task_fn int publish(struct form_change *change, const char *ddl, struct err *err)
{
    struct caller *caller = change->caller;
    struct db_rows rows;
    int rc = db_query(caller->house->app, SQL_STATE, DB_PARAMS(DB_S(change->form.key)), &rows, err);
    if (rc < 0)
        return rc;
    if (rows.n_rows == 0) {
        rc = tx_run(caller->house->app, NULL, write_form, change, NULL, err);
    } else if (str_eq(db_cell(&rows, 0, 1)->s, STR("live"))) {
        return err_set(err, ERR_CONFLICT, "a form of this key is there");
    } else {
        change->form.id = db_cell(&rows, 0, 0)->i; /* publishing was cut off: go on with it */
    }
    if (rc == 0)
        rc = db_query(caller->house->owner, ddl, DB_NO_PARAMS, &rows, err);
    return rc < 0 ? rc : run_and_refresh(caller, write_live, change, err);
}

task_fn int form_create(struct caller *caller, struct str definition, struct err *err)
{
    struct form_change change = {.caller = caller, .definition = definition};
    struct json *json = NULL;
    struct json_limits limits = {.max_bytes = 4 << 20, .max_nodes = 400000};
    unsigned char digest[CRYPTO_SHA256_BYTES];
    int rc = json_parse(task_arena(), definition, &limits, &json, err);
    if (rc == 0)
        rc = form_parse(task_arena(), json, &change.form, err);
    if (rc == 0)
        rc = catalog_bind_references(caller->world->catalog, &change.form, err);
    if (rc < 0)
        return rc;
    struct statement *ddl = statement_new();
    rc = form_table_ddl(&change.form, ddl->sql, err);
    if (rc < 0)
        return rc;
    crypto_sha256(buf_str(ddl->sql), digest);
    change.ddl_hash = crypto_hex(task_arena(), digest, sizeof(digest));
    return publish(&change, buf_cstr(ddl->sql), err);
}
