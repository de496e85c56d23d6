/* Forms and records of the demo bank, by the road in. */
#ifndef TIDEMARK_MAIN_DEMO_LOAD_H
#define TIDEMARK_MAIN_DEMO_LOAD_H

#include "main/demo_data.h"
#include "main/main_int.h"

struct demo_load {
    struct boot *boot;
    struct arena *arena; /* of the whole loading */
    const struct demo_org *org;
    int64_t today_us, rows; /* rows: customers; the others follow from them */
};
/* Makes the forms and what is not there yet of their records. May be killed anywhere and called again. */
task_fn int demo_load_records(const struct demo_load *load, struct err *err);

#endif
