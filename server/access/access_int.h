/*
 * Inside access/ only.
 */
#ifndef TIDEMARK_ACCESS_ACCESS_INT_H
#define TIDEMARK_ACCESS_ACCESS_INT_H

#include "access/access.h"

#define DIRECTORY_MAGIC 0x64697265u
#define POLICY_MAGIC 0x706f6c69u

#define DEPARTMENTS_MAX 10000
#define DEPARTMENT_DEPTH_MAX 64
#define ACCESS_KEY_MAX 41 /* of forms and fields: 40, and an underline before tables of ours */

/* The text forms of the enums (words.c). A set is written with blanks between the names. False: a name that
 * is not known. */
bool access_rights_parse(struct str text, uint32_t *ret_rights);
struct str access_rights_print(uint32_t rights, struct arena *arena);
bool access_actions_parse(struct str text, uint32_t *ret_actions);
struct str access_actions_print(uint32_t actions, struct arena *arena);
const char *access_level_key(enum access_level level);
const char *row_rule_key(enum row_rule rule);
/* access_grant.fields, {"*":"read","phone":"masked"}: into the grant, its fields sorted by key; and back. */
int access_fields_parse(struct str text, struct arena *arena, struct grant *grant, struct err *err);
struct str access_fields_print(const struct grant *grant, struct arena *arena);

/* A directory and what grows beside it: policies and subtrees, made when first asked for. */
struct directory_full {
    struct directory shown; /* first: the two are one address */
    struct map *policies;   /* by user id */
    struct map *subtrees;   /* struct subtree, by department id */
};
struct subtree {
    int64_t *ids; /* ascending */
    size_t n;
};

struct directory_full *directory_full_of(struct directory *directory);
struct directory *directory_new(void); /* empty, one reference */

#endif
