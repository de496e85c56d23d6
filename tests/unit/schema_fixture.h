/*
 * For unit tests that need the product's tables: the private MariaDB of db/db_fixture.h with all migrations
 * run and a slot for ids. One group of tests, one database: schema_set_up and schema_tear_down are its
 * fixtures.
 */
#ifndef TIDEMARK_TESTS_SCHEMA_FIXTURE_H
#define TIDEMARK_TESTS_SCHEMA_FIXTURE_H

#include "base/id.h"
#include "db/db_fixture.h"
#include "db/migrate.h"

static inline void schema_migrate(void *arg)
{
    struct err err = {0};
    unsigned applied = 0;

    (void)arg;
    fixture_report(
        migrate_run(fixture.migrate, STR(SOURCE_DIR "/migrations"), &applied, &err), &err, "migrate");
    must(applied > 0);
}

static inline int schema_set_up(void **state)
{
    (void)fixture_set_up(state);
    id_set_slot(1);
    task_run(schema_migrate, NULL);
    return 0;
}

static inline int schema_tear_down(void **state)
{
    return fixture_tear_down(state);
}

#endif
