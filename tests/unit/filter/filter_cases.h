/* Reading tests/cases/filter. */
#ifndef TIDEMARK_TESTS_FILTER_CASES_H
#define TIDEMARK_TESTS_FILTER_CASES_H

#include "filter_world.h"
#include "json/out.h"

static inline const struct json *cases_read(struct arena *arena, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), SOURCE_DIR "/tests/cases/filter/%s", name);
    FILE *file = fopen(path, "rb");
    must(file != NULL);
    enum { MOST = 1 << 20 };
    char *text = arena_alloc(arena, MOST);
    size_t n = fread(text, 1, MOST, file);
    (void)fclose(file);
    return world_json(arena, (struct str){text, n});
}

static inline struct str cases_print(struct arena *arena, const struct json *json)
{
    struct buf buf = {0};
    struct json_out out;
    buf_init(&buf, 0);
    json_out_init(&out, &buf);
    json_out_tree(&out, json);
    json_out_end(&out);
    struct str text = arena_copy(arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

#endif
