/*
 * 63-bit ids made by the process, known before the insert (DECISIONS B4): 41 bits of milliseconds since
 * 2024-01-01T00:00:00Z, 10 bits of process slot (leased in the database by db/), 12 bits of a counter that
 * starts at a random place in each millisecond. Ids of one process grow; a clock that steps back does not
 * repeat one.
 */
#ifndef TIDEMARK_BASE_ID_H
#define TIDEMARK_BASE_ID_H

#include "base/str.h"

#define ID_SLOTS 1024
#define ID_TEXT_MAX 24

void id_set_slot(int slot); /* 0 to ID_SLOTS - 1; once, before the first id */
int64_t id_new(void);
int64_t id_from(int64_t utc_us); /* the least that could have been made at that time or later */
/* As they stand in JSON and URLs: decimal digits, positive, at most 2^63 - 1, no leading zero. */
bool id_parse(struct str text, int64_t *ret_id);
size_t id_print(int64_t id, char text[ID_TEXT_MAX]);

#endif
