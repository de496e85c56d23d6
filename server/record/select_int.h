/* Private to record/: the inside of a select, which pages (list.c) and windows (select.c) share. */
#ifndef TIDEMARK_RECORD_SELECT_INT_H
#define TIDEMARK_RECORD_SELECT_INT_H

#include "record/cursor_int.h"
#include "record/path.h"
#include "record/search_int.h"
#include "record/select.h"

struct select {
    struct arena *arena;
    struct plan *plan;
    struct sort sort;
    struct search *search;       /* NULL: nothing is searched */
    int64_t one;                 /* this record alone; 0: a list */
    const struct filter *filter; /* NULL: none */
    struct path *paths;          /* that it names */
    bool *selected;              /* by field: what to print; NULL: all */
    bool deleted;                /* what is in the recycle bin, and may be brought back */
};

/* " FROM … WHERE …": the rows that the viewer's list holds. */
int select_where(const struct select *select, struct statement *to, struct err *err);
/* A page of the recycle bin (bin.c). */
task_fn int bin_list(const struct select *select, const struct record_query *query, int64_t limit,
    struct record_list *list, struct err *err);
/* "SELECT <columns>, <sort expressions>". */
void select_columns(const struct select *select, struct statement *to);

#endif
