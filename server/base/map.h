/*
 * Hash maps from text or from a 64-bit id (never both in one map) to a pointer, over uthash (which only map.c
 * sees). The map owns its copies of the keys, never the values. Seeded by the process, so that keys chosen by
 * users cannot make long chains.
 */
#ifndef TIDEMARK_BASE_MAP_H
#define TIDEMARK_BASE_MAP_H

#include "base/str.h"

struct map;

struct map *map_new(void);
/* Calls free_value (may be NULL) on each value; a NULL map is accepted. */
void map_free(struct map *map, void (*free_value)(void *value));
size_t map_count(const struct map *map);

void *map_get(const struct map *map, struct str key);
/* Returns the value that stood there before, or NULL. */
void *map_put(struct map *map, struct str key, void *value);
void *map_remove(struct map *map, struct str key);

void *map_get_id(const struct map *map, int64_t id);
void *map_put_id(struct map *map, int64_t id, void *value);
void *map_remove_id(struct map *map, int64_t id);

/* In order of insertion; the key of an id is its 8 bytes. The map must not change meanwhile. Stops and
 * returns false when fn returns false. */
bool map_each(const struct map *map, bool (*fn)(struct str key, void *value, void *arg), void *arg);

#endif
