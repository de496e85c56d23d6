/*
 * Auto numbers: blocks are drawn in a transaction of their own, so that creating records does not queue up
 * behind one counter row (DECISIONS A30). Unique under load and across processes; what a process has drawn
 * and not used is a gap.
 */
#include "base/map.h"
#include "base/must.h"
#include "form/form.h"

#include <stdlib.h>

enum { BLOCK = 200 };

struct block {
    int64_t next, end;
    struct task_lock lock;
};
struct numbers {
    struct db *app;
    struct map *blocks; /* by field id */
};
struct draw {
    int64_t field_id, first;
};

static const char SQL_LOCK[] = "SELECT next_number FROM auto_number WHERE field_id = ? FOR UPDATE";
static const char SQL_START[] = "INSERT IGNORE INTO auto_number (field_id, next_number) VALUES (?, 1)";
static const char SQL_TAKE[] = "UPDATE auto_number SET next_number = next_number + ? WHERE field_id = ?";

struct numbers *numbers_new(struct db *app)
{
    struct numbers *numbers = must_alloc(sizeof(*numbers));
    numbers->app = app;
    numbers->blocks = map_new();
    return numbers;
}

void numbers_free(struct numbers *numbers)
{
    if (!numbers)
        return;
    map_free(numbers->blocks, free);
    free(numbers);
}

static task_fn int draw_block(struct tx *tx, void *arg, struct err *err)
{
    struct draw *draw = arg;
    struct db_rows rows;
    int rc = tx_query(tx, SQL_LOCK, DB_PARAMS(DB_I(draw->field_id)), &rows, err);
    if (rc == 0 && rows.n_rows == 0) {
        rc = tx_query(tx, SQL_START, DB_PARAMS(DB_I(draw->field_id)), NULL, err);
        if (rc == 0)
            rc = tx_query(tx, SQL_LOCK, DB_PARAMS(DB_I(draw->field_id)), &rows, err);
    }
    if (rc < 0)
        return rc;
    must(rows.n_rows == 1);
    draw->first = db_cell(&rows, 0, 0)->i;
    tx_add(tx, SQL_TAKE, DB_PARAMS(DB_I(BLOCK), DB_I(draw->field_id)));
    return 0;
}

task_fn int numbers_next(struct numbers *numbers, int64_t field_id, int64_t *ret_number, struct err *err)
{
    struct block *block = map_get_id(numbers->blocks, field_id);
    if (!block) {
        block = must_alloc(sizeof(*block));
        task_lock_init(&block->lock);
        map_put_id(numbers->blocks, field_id, block);
    }
    int rc = task_lock_take(&block->lock, 0, err);
    if (rc < 0)
        return rc;
    if (block->next == block->end) {
        struct draw draw = {.field_id = field_id};
        rc = tx_run(numbers->app, NULL, draw_block, &draw, NULL, err);
        if (rc == 0) {
            block->next = draw.first;
            block->end = draw.first + BLOCK;
        }
    }
    if (rc == 0)
        *ret_number = block->next++;
    task_lock_give(&block->lock);
    return rc;
}

struct str numbers_print(struct str format, int64_t number, struct arena *arena)
{
    static const struct str OPEN = {"{number", 7};
    size_t at = str_find(format, OPEN);
    if (at == SIZE_MAX)
        return arena_printf(arena, "%.*s%lld", STR_ARGS(format), (long long)number);
    int width = 0;
    size_t i = at + OPEN.n;
    if (i + 1 < format.n && format.p[i] == ':')
        for (i++; i < format.n && format.p[i] >= '0' && format.p[i] <= '9' && width < 20; i++)
            width = width * 10 + (format.p[i] - '0');
    while (i < format.n && format.p[i] != '}')
        i++;
    struct str tail = i < format.n ? (struct str){format.p + i + 1, format.n - i - 1} : STR("");
    return arena_printf(arena, "%.*s%0*lld%.*s", (int)at, format.p, width, (long long)number, STR_ARGS(tail));
}
