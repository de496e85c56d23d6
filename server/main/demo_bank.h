/*
 * An organisation (config/templates/demo-bank/organisation.json, or that of an empty system), read and
 * checked: what the loader writes as departments, people, roles and grants. References are indexes; ids are
 * the loader's to make. The file:
 *
 *   {"v":1,
 *    "departments":[{"key","name","parent":key|null,"region":"330100"|null}],   parents stand before their
 * children "roles":[{"key","name_zh","name_en","rights":[…]}],                         rights:
 * access/rights.def
 *    "users":[{"login","name","department":key,"roles":[key],"account":"login"|"no_login"|"loader"}],
 *    "grants":[{"role":key,"form","row_rule","actions":[…],"fields":{"*":level,key:level}}]}
 */
#ifndef TIDEMARK_MAIN_DEMO_BANK_H
#define TIDEMARK_MAIN_DEMO_BANK_H

#include "access/access.h"
#include "main/demo_data.h"
#include "json/json.h"

enum demo_account {
    DEMO_LOGIN,    /* gets the demo password */
    DEMO_NO_LOGIN, /* works at the bank, owns records, has no password */
    DEMO_LOADER    /* in whose name the data goes in; disabled afterwards. At most one */
};

struct demo_bank {
    struct demo_department {
        struct str key, name, region;
        size_t parent; /* index of an earlier one; SIZE_MAX: the root */
    } * departments;
    size_t n_departments;
    struct demo_role {
        struct str key, name_zh, name_en;
        uint32_t rights;
    } * roles;
    size_t n_roles;
    struct demo_user {
        struct str login, name;
        size_t department;
        size_t *roles;
        size_t n_roles;
        enum demo_account account;
    } * users;
    size_t n_users;
    struct demo_grant {
        size_t role;
        struct str form;
        enum row_rule row_rule;
        uint32_t actions;
        enum access_level default_level;
        struct grant_field *fields; /* ascending by key */
        size_t n_fields;
    } * grants;
    size_t n_grants;
};

/* Everything that is wrong is told at once, with the path of the place. The bank lives in the arena. */
int demo_bank_read(struct arena *arena, struct str text, struct demo_bank *ret_bank, struct err *err);

/* The index of the user in whose name the data goes in; SIZE_MAX: the organisation has none. */
size_t demo_bank_loader(const struct demo_bank *bank);

/* Who owns customers: the users of the role `clerk`, in the file's order. The arrays hold the ids that the
 * loader made, by index of bank->users and bank->departments. */
void demo_bank_owners(const struct demo_bank *bank, const int64_t *user_ids, const int64_t *department_ids,
    struct arena *arena, struct demo_org *ret_org);

/* The `fields` of a request that creates the customer; what has no value is left out. */
struct json *demo_customer_fields(const struct demo_customer *customer, struct arena *arena);

#endif
