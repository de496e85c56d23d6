/*
 * Inside access/ only.
 */
#ifndef TIDEMARK_ACCESS_ACCESS_INT_H
#define TIDEMARK_ACCESS_ACCESS_INT_H

#include "access/words.h"

#define DIRECTORY_MAGIC 0x64697265u
#define POLICY_MAGIC 0x706f6c69u

#define ACCESS_KEY_MAX 41 /* of forms and fields: 40, and an underline before tables of ours */

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
