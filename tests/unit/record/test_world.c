/* The world on a real database: whoever asks for the newest while a change of rights is on its way to its
 * commit gets what stands after it. The feed asks so: the binlog tells of a transaction before a plain read
 * sees its rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/must.h"
#include "record/record.h"
#include "schema_fixture.h"

enum { WHILE_MS = 100 };

static struct house house;

static task_fn void refresh(void)
{
    struct err err = {0};
    fixture_report(world_refresh(&house, &err), &err, "refresh");
}

struct asking {
    bool started, answered;
    struct task *boss;
};

static void ask(void *arg)
{
    struct asking *asking = arg;
    refresh();
    asking->answered = true;
    task_wake(asking->boss);
}

/* The row has been written and stands before its commit, as it does while the binlog is already told of it.
 */
static task_fn int raise_slowly(struct tx *tx, void *arg, struct err *err)
{
    struct asking *asking = arg;
    struct db_rows rows;
    int rc =
        tx_query(tx, "UPDATE catalog_epoch SET epoch = epoch + 1 WHERE id = 1", DB_NO_PARAMS, &rows, err);
    if (rc < 0)
        return rc;
    if (!asking->started)
        (void)task_spawn("ask", ask, asking);
    asking->started = true;
    return task_sleep(WHILE_MS, err);
}

static task_fn void wait_body(void *arg)
{
    struct asking asking = {.boss = task_self()};
    struct err err = {0};
    (void)arg;
    house = (struct house){.app = fixture.app};
    task_lock_init(&house.loading);
    refresh();
    int64_t before = house.world->epoch;
    fixture_report(tx_run(fixture.app, NULL, raise_slowly, &asking, NULL, &err), &err, "raise");
    while (!asking.answered)
        task_park_firmly();
    must(house.world->epoch == before + 1);
    struct world *same = house.world;
    refresh();
    must(house.world == same); /* nothing has moved: nothing is read anew */
    world_unref(house.world);
}

static void test_a_change_on_its_way_is_waited_for(void **state)
{
    (void)state;
    task_run(wait_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_change_on_its_way_is_waited_for)};
    return cmocka_run_group_tests(tests, schema_set_up, schema_tear_down);
}
