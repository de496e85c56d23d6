/*
 * The directory as it stands in memory: who there is, and who belongs where. Immutable once loaded but for
 * what is computed from it on demand (policies, subtrees), which lives and dies with it.
 */
#include "access/access_int.h"

#include "base/must.h"

#include <stdlib.h>

struct directory *directory_new(void)
{
    struct directory_full *full = must_alloc(sizeof *full);
    struct directory *directory = &full->shown;
    directory->magic = DIRECTORY_MAGIC;
    directory->refs = 1;
    directory->arena = arena_new();
    directory->users_by_id = map_new();
    directory->users_by_login = map_new();
    directory->departments_by_id = map_new();
    directory->roles_by_id = map_new();
    directory->roles_by_key = map_new();
    full->policies = map_new();
    full->subtrees = map_new();
    return directory;
}

struct directory_full *directory_full_of(struct directory *directory)
{
    CHECK(directory, DIRECTORY_MAGIC);
    return (struct directory_full *)directory;
}

struct directory *directory_ref(struct directory *directory)
{
    CHECK(directory, DIRECTORY_MAGIC);
    directory->refs++;
    return directory;
}

void directory_unref(struct directory *directory)
{
    if (!directory)
        return;
    CHECK(directory, DIRECTORY_MAGIC);
    must(directory->refs > 0);
    if (--directory->refs)
        return;
    struct directory_full *full = directory_full_of(directory);
    map_free(full->policies, NULL); /* values live in the arena */
    map_free(full->subtrees, NULL);
    map_free(directory->users_by_id, NULL);
    map_free(directory->users_by_login, NULL);
    map_free(directory->departments_by_id, NULL);
    map_free(directory->roles_by_id, NULL);
    map_free(directory->roles_by_key, NULL);
    arena_free(directory->arena);
    directory->magic = 0;
    free(full);
}

const struct user *directory_user(const struct directory *directory, int64_t id)
{
    CHECK(directory, DIRECTORY_MAGIC);
    return map_get_id(directory->users_by_id, id);
}

const struct user *directory_user_by_login(const struct directory *directory, struct str login)
{
    CHECK(directory, DIRECTORY_MAGIC);
    return map_get(directory->users_by_login, login);
}

const struct department *directory_department(const struct directory *directory, int64_t id)
{
    CHECK(directory, DIRECTORY_MAGIC);
    return map_get_id(directory->departments_by_id, id);
}

const struct role *directory_role(const struct directory *directory, int64_t id)
{
    CHECK(directory, DIRECTORY_MAGIC);
    return map_get_id(directory->roles_by_id, id);
}

const struct role *directory_role_by_key(const struct directory *directory, struct str key)
{
    CHECK(directory, DIRECTORY_MAGIC);
    return map_get(directory->roles_by_key, key);
}

uint32_t directory_rights_of(const struct directory *directory, const struct user *user)
{
    uint32_t rights = 0;
    for (size_t i = 0; i < user->n_roles; i++)
        rights |= directory_role(directory, user->roles[i])
                      ->rights; /* loading has refused roles that do not exist */
    return rights;
}

int64_t role_people(const struct directory *directory, int64_t role_id)
{
    int64_t n = 0;
    for (size_t i = 0; i < directory->n_users; i++)
        for (size_t r = 0; r < directory->users[i].n_roles; r++)
            n += directory->users[i].roles[r] == role_id && !directory->users[i].disabled;
    return n;
}

bool directory_is_below(const struct directory *directory, int64_t department, int64_t ancestor)
{
    const struct department *at = directory_department(directory, department);
    while (at && at->id != ancestor)
        at = at->parent_id ? directory_department(directory, at->parent_id) : NULL;
    return at != NULL; /* loading has refused circles */
}
