/*
 * Inside audit/ only: how an event becomes the values of a row of tidemark_log.event, and the insert's texts.
 */
#ifndef TIDEMARK_AUDIT_AUDIT_INT_H
#define TIDEMARK_AUDIT_AUDIT_INT_H

#include "audit/audit.h"

#define AUDIT_COLUMNS 14     /* of the insert */
#define AUDIT_GROUP_MAX 256  /* rows of the largest insert of read events; a power of two */
#define AUDIT_BATCH_ROWS 50  /* rows of an insert of audit_add_many */
#define AUDIT_LOGIN_CHARS 64 /* as the columns are declared (migrations/0020_log_event.sql) */
#define AUDIT_FORM_CHARS 41
#define AUDIT_ADDRESS_CHARS 64
#define AUDIT_REQUEST_CHARS 40
#define AUDIT_ID_BYTES 8 /* of one id in `records` */

/* The text for that many rows: a power of two up to AUDIT_GROUP_MAX, or AUDIT_BATCH_ROWS. Few texts, so that
 * connections keep them all prepared. */
const char *audit_insert_sql(size_t n_rows);

/* The row's values in the order of the columns; what has to be made lives in the arena, the rest is borrowed
 * from the event. Never fails: text that does not fit its column is cut, so that no request can make its own
 * event, or a neighbour's in the same insert, unwritable. */
void audit_bind(const struct audit_event *event, int64_t id, struct arena *arena,
    struct db_val ret_values[AUDIT_COLUMNS]);

/* Rows of a statement that begins so. */
#define AUDIT_SELECT                                                                                         \
    "SELECT id,at,actor_id,login,action,form,record,rev,session,address,request,detail,changes,records "     \
    "FROM tidemark_log.event "
int audit_read_rows(const struct db_rows *rows, struct audit_row **ret_rows, struct err *err);

/* An id as it stands in `records`. */
void audit_put_id(int64_t id, unsigned char bytes[AUDIT_ID_BYTES]);
int64_t audit_get_id(const unsigned char bytes[AUDIT_ID_BYTES]);

#endif
