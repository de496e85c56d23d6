/*
 * One uthash table a map. Keys are text or ids, never both in one map. The hash is SipHash-1-3 under a seed
 * drawn once by the process: a user who chooses keys cannot know which of them share a chain.
 */
#include "base/map.h"

#include "base/must.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static unsigned hash_bytes(const void *bytes, size_t n);

#define HASH_FUNCTION(key, n, hash) ((hash) = hash_bytes((key), (n)))
#define uthash_malloc(n) must_alloc(n)
#define uthash_free(p, n) free(p)
#define uthash_fatal(why) must_fail((why), __FILE__, __LINE__, __func__)
#include <uthash.h>

#define MAP_MAGIC 0x3A900001u

struct entry {
    UT_hash_handle hh;
    void *value;
    char key[];
};

struct map {
    unsigned magic;
    enum { KEYS_NONE, KEYS_TEXT, KEYS_ID } keys;
    struct entry *entries;
};

static uint64_t seed[2];

static void draw_seed(void)
{
    ssize_t n;
    do {
        n = getrandom(seed, sizeof seed, 0);
    } while (n < 0 && errno == EINTR);
    must(n == (ssize_t)sizeof seed);
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static unsigned hash_bytes(const void *bytes, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_seed);
    const char *p = bytes;
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
        seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
    uint64_t word = 0;
    size_t left = n;
    for (; left >= sizeof word; left -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)n << 56;
    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (unsigned)(hash ^ hash >> 32);
}

struct map *map_new(void)
{
    struct map *map = must_alloc(sizeof *map);
    map->magic = MAP_MAGIC;
    return map;
}

void map_free(struct map *map, void (*free_value)(void *value))
{
    if (map == NULL)
        return;
    CHECK(map, MAP_MAGIC);
    struct entry *entry, *next;
    HASH_ITER(hh, map->entries, entry, next)
    {
        HASH_DEL(map->entries, entry);
        if (free_value != NULL)
            free_value(entry->value);
        free(entry);
    }
    map->magic = 0;
    free(map);
}

size_t map_count(const struct map *map)
{
    CHECK(map, MAP_MAGIC);
    return HASH_COUNT(map->entries);
}

static struct entry *find(const struct map *map, const void *key, size_t n, int keys)
{
    CHECK(map, MAP_MAGIC);
    must(map->keys == KEYS_NONE || (int)map->keys == keys);
    struct entry *entry = NULL;
    HASH_FIND(hh, map->entries, n ? key : "", n, entry);
    return entry;
}

static void *put(struct map *map, const void *key, size_t n, int keys, void *value)
{
    must(n < UINT_MAX);
    struct entry *entry = find(map, key, n, keys);
    if (entry != NULL) {
        void *before = entry->value;
        entry->value = value;
        return before;
    }
    map->keys = keys == KEYS_ID ? KEYS_ID : KEYS_TEXT;
    entry = must_alloc(sizeof *entry + n + 1);
    entry->value = value;
    if (n)
        memcpy(entry->key, key, n);
    HASH_ADD_KEYPTR(hh, map->entries, entry->key, n, entry);
    return NULL;
}

static void *take(struct map *map, const void *key, size_t n, int keys)
{
    struct entry *entry = find(map, key, n, keys);
    if (entry == NULL)
        return NULL;
    void *value = entry->value;
    HASH_DEL(map->entries, entry);
    free(entry);
    return value;
}

void *map_get(const struct map *map, struct str key)
{
    struct entry *entry = find(map, key.p, key.n, KEYS_TEXT);
    return entry ? entry->value : NULL;
}

void *map_put(struct map *map, struct str key, void *value)
{
    return put(map, key.p, key.n, KEYS_TEXT, value);
}

void *map_remove(struct map *map, struct str key)
{
    return take(map, key.p, key.n, KEYS_TEXT);
}

void *map_get_id(const struct map *map, int64_t id)
{
    struct entry *entry = find(map, &id, sizeof id, KEYS_ID);
    return entry ? entry->value : NULL;
}

void *map_put_id(struct map *map, int64_t id, void *value)
{
    return put(map, &id, sizeof id, KEYS_ID, value);
}

void *map_remove_id(struct map *map, int64_t id)
{
    return take(map, &id, sizeof id, KEYS_ID);
}

bool map_each(const struct map *map, bool (*fn)(struct str key, void *value, void *arg), void *arg)
{
    CHECK(map, MAP_MAGIC);
    const struct entry *entry, *next;
    for (entry = map->entries; entry != NULL; entry = next) {
        next = entry->hh.next;
        if (!fn((struct str){entry->key, entry->hh.keylen}, entry->value, arg))
            return false;
    }
    return true;
}
