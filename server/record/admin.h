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

#endif
