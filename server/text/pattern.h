/*
 * Patterns of a definition: regular expressions (PCRE2) that a whole value must match. No PCRE2 type leaves
 * this room. A pattern comes from who designs forms and the text from anybody, so the work of one match is
 * limited: one that asks for more does not match.
 */
#ifndef TIDEMARK_TEXT_PATTERN_H
#define TIDEMARK_TEXT_PATTERN_H

#include "base/arena.h"

#define TEXT_PATTERN_MAX 200 /* characters */

struct text_pattern; /* immutable; goes with the arena */
/* NULL: not a regular expression, or one that is too long or nested too deep. */
struct text_pattern *text_pattern_new(struct arena *arena, struct str source);
/* The text is UTF-8. */
bool text_pattern_matches(const struct text_pattern *pattern, struct str text);

#endif
