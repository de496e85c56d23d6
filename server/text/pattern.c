/* Patterns by PCRE2. Without its just-in-time compiler: no memory of the server is both written and run. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pattern.h"

#include "base/must.h"

#include <pcre2.h>

enum { NESTED_MAX = 20, STEPS_MAX = 200000, DEPTH_MAX = 20000, HEAP_KIB_MAX = 8192 };

struct text_pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
};

static void forget(void *arg)
{
    struct text_pattern *pattern = arg;
    pcre2_match_context_free(pattern->limits);
    pcre2_code_free(pattern->code);
}

struct text_pattern *text_pattern_new(struct arena *arena, struct str source)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    int problem;
    size_t at;
    must(context != NULL);
    (void)pcre2_set_max_pattern_length(context, TEXT_PATTERN_MAX * 4);
    (void)pcre2_set_parens_nest_limit(context, NESTED_MAX);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(source.n ? source.p : ""), source.n,
        PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C |
            PCRE2_DOLLAR_ENDONLY,
        &problem, &at, context);
    pcre2_compile_context_free(context);
    if (!code)
        return NULL;
    struct text_pattern *pattern = arena_new_one(arena, struct text_pattern);
    *pattern = (struct text_pattern){.code = code, .limits = pcre2_match_context_create(NULL)};
    must(pattern->limits != NULL);
    (void)pcre2_set_match_limit(pattern->limits, STEPS_MAX);
    (void)pcre2_set_depth_limit(pattern->limits, DEPTH_MAX);
    (void)pcre2_set_heap_limit(pattern->limits, HEAP_KIB_MAX);
    arena_on_free(arena, forget, pattern);
    return pattern;
}

bool text_pattern_matches(const struct text_pattern *pattern, struct str text)
{
    pcre2_match_data *found = pcre2_match_data_create(1, NULL);
    must(found != NULL);
    int n =
        pcre2_match(pattern->code, (PCRE2_SPTR)(text.n ? text.p : ""), text.n, 0, 0, found, pattern->limits);
    pcre2_match_data_free(found);
    return n >= 0;
}
