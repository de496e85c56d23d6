/*
 * Events of changes: queued into the transaction of the change, so that neither exists without the other. The
 * statements' texts are constants of a few sizes: the transaction's one compound statement is made of them
 * and is found in the cache of prepared statements.
 */
#include "audit/audit_int.h"

#include "base/id.h"
#include "base/must.h"

#include <string.h>

const char AUDIT_PROOF_SQL[] = "SELECT 1 FROM tidemark_log.event WHERE id=?";

#define INTO                                                                                                 \
    "INSERT INTO tidemark_log.event (id,at,actor_id,login,action,form,record,rev,records,changes,session,"   \
    "address,request,detail) VALUES "
#define ROWS_1 "(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
#define ROWS_2 ROWS_1 "," ROWS_1
#define ROWS_4 ROWS_2 "," ROWS_2
#define ROWS_8 ROWS_4 "," ROWS_4
#define ROWS_16 ROWS_8 "," ROWS_8
#define ROWS_32 ROWS_16 "," ROWS_16
#define ROWS_50 ROWS_32 "," ROWS_16 "," ROWS_2
#define ROWS_64 ROWS_32 "," ROWS_32
#define ROWS_128 ROWS_64 "," ROWS_64
#define ROWS_256 ROWS_128 "," ROWS_128

static const struct {
    size_t n_rows;
    const char *sql;
} INSERTS[] = {{1, INTO ROWS_1}, {2, INTO ROWS_2}, {4, INTO ROWS_4}, {8, INTO ROWS_8}, {16, INTO ROWS_16},
    {32, INTO ROWS_32}, {AUDIT_BATCH_ROWS, INTO ROWS_50}, {64, INTO ROWS_64}, {128, INTO ROWS_128},
    {AUDIT_GROUP_MAX, INTO ROWS_256}};

const char *audit_insert_sql(size_t n_rows)
{
    for (size_t i = 0; i < sizeof INSERTS / sizeof INSERTS[0]; i++) {
        if (INSERTS[i].n_rows == n_rows)
            return INSERTS[i].sql;
    }
    never("no insert of that many rows");
}

int64_t audit_add(struct tx *tx, const struct audit_event *event)
{
    struct db_val values[AUDIT_COLUMNS];
    int64_t id = event->id ? event->id : id_new();
    audit_bind(event, id, task_arena(), values);
    tx_add(tx, audit_insert_sql(1), values, AUDIT_COLUMNS);
    return id;
}

void audit_add_many(struct tx *tx, const struct audit_event *events, size_t n)
{
    while (n >= AUDIT_BATCH_ROWS) {
        struct db_val *values =
            arena_new_array(task_arena(), struct db_val, (size_t)AUDIT_BATCH_ROWS * AUDIT_COLUMNS);
        for (size_t i = 0; i < AUDIT_BATCH_ROWS; i++) {
            must(events[i].id > 0);
            audit_bind(&events[i], events[i].id, task_arena(), values + i * AUDIT_COLUMNS);
        }
        tx_add(tx, audit_insert_sql(AUDIT_BATCH_ROWS), values, (size_t)AUDIT_BATCH_ROWS * AUDIT_COLUMNS);
        events += AUDIT_BATCH_ROWS;
        n -= AUDIT_BATCH_ROWS;
    }
    for (size_t i = 0; i < n; i++) {
        must(events[i].id > 0);
        (void)audit_add(tx, &events[i]);
    }
}
