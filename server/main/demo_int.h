/*
 * Private to the demo bank's data: the dice, and the makers of names and numbers (demo_names.c).
 */
#ifndef TIDEMARK_MAIN_DEMO_INT_H
#define TIDEMARK_MAIN_DEMO_INT_H

#include "main/demo_data.h"
#include "json/json.h"

enum demo_kind { KIND_company, KIND_sole_trader, KIND_institution, KIND_person, KIND_COUNT };

struct demo_place {
    const char *region, *province, *city, *code, *district;
};

/* splitmix64: small, and the same everywhere. Each customer has dice of its own, so that customer 7 does not
 * depend on what was drawn for customer 6. */
struct dice {
    uint64_t state;
};
uint64_t demo_mix(uint64_t x);
uint64_t dice_roll(struct dice *dice);
size_t dice_below(struct dice *dice, size_t n); /* 0 to n - 1 */
bool dice_percent(struct dice *dice, unsigned percent);
/* The index drawn by weights. */
size_t dice_weighted(struct dice *dice, const unsigned *weights, size_t n);

/* Mostly in the prefecture `home` (may be NULL), some elsewhere in its province, a few in other provinces. */
const struct demo_place *demo_place_near(struct dice *dice, const char *home);
void demo_person_name(struct dice *dice, bool female, char *ret_name, size_t size);
/* Unique together with the place for n below 10,000, seldom repeated above. */
void demo_firm_name(struct dice *dice, uint64_t n, enum demo_kind kind, const struct demo_place *place,
    char *ret_name, size_t size, const char **ret_industry);
void demo_notes(struct dice *dice, enum demo_kind kind, char *ret_notes, size_t size);

/* GB 32100-2015 with a GB 11714 organisation code inside; GB 11643; a mobile number of an allocated segment.
 */
void demo_credit_code(uint64_t n, enum demo_kind kind, const char *place_code, char ret_code[19]);
void demo_id_no(
    struct dice *dice, const char *place_code, const char *birthday, bool female, char ret_id_no[19]);
void demo_phone(struct dice *dice, uint64_t n, char ret_phone[12]);

/* The `fields` of a request, member by member; empty and NULL are no value (demo_fields.c). */
#define DEMO_FIELDS_MAX 22 /* those of the largest form, but for `no` */
struct json *demo_fields_new(struct arena *arena);
void demo_add_value(struct json *object, const char *key, struct json value);
void demo_add_text(struct json *object, const char *key, const char *text);
void demo_add_id(struct json *object, const char *key, int64_t id, struct arena *arena);

#endif
