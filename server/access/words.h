/*
 * The words in which rights are written down: in the database, over HTTP, in templates.
 */
#ifndef TIDEMARK_ACCESS_WORDS_H
#define TIDEMARK_ACCESS_WORDS_H

#include "access/access.h"

/* A set is written with blanks between the names. False: a name that is not known. */
bool access_rights_parse(struct str text, uint32_t *ret_rights);
struct str access_rights_print(uint32_t rights, struct arena *arena);
bool access_actions_parse(struct str text, uint32_t *ret_actions);
struct str access_actions_print(uint32_t actions, struct arena *arena);
const char *access_level_key(enum access_level level);
const char *row_rule_key(enum row_rule rule);
/* access_grant.fields, {"*":"read","phone":"masked"}: into the grant (whose `deny` is set), sorted by key;
 * and back. */
int access_fields_parse(struct str text, struct arena *arena, struct grant *grant, struct err *err);
struct str access_fields_print(const struct grant *grant, struct arena *arena);
/* access_grant.masks, {"phone":"3+4"}; empty: none. */
int access_masks_parse(struct str text, struct arena *arena, struct grant *grant, struct err *err);
struct str access_masks_print(const struct grant *grant, struct arena *arena);
/* Puts fields and masks in order, and says whether none is named twice. */
bool access_grant_sort(struct grant *grant);

#endif
