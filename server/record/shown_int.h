/* Private to record/: an event of the log as the caller may see it on the row as it is now. For history and
 * time line. */
#ifndef TIDEMARK_RECORD_SHOWN_INT_H
#define TIDEMARK_RECORD_SHOWN_INT_H

#include "record/plan_int.h"

/* The row as it is now, under the newest world: planned anew as long as that moves. ERR_NOT_FOUND: absent or
 * not visible. */
task_fn int shown_record(struct caller *caller, struct str form_key, int64_t id, struct plan **ret_plan,
    struct record *ret_record, struct err *err);

struct shown_change {
    struct str field, before, after; /* JSON */
};
/* The changes of the event that the caller sees. A field that there is no more is nobody's to see. */
task_fn int shown_changes(struct plan *plan, const struct record *record, const struct audit_row *event,
    struct shown_change **ret_changes, size_t *ret_n, struct err *err);
/* An event that did nothing but change values, none of which is shown, is none. */
bool shown_is_nothing(const struct audit_row *event, size_t n_changes);
/* The members "at", "actor", "action", "changes" of an open object. */
void shown_print(const struct plan *plan, const struct audit_row *event, const struct shown_change *changes,
    size_t n, struct json_out *out);

#endif
